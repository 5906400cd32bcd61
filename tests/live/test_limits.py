"""What a service spends on its clients is bounded, and a log that fails does not end it."""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
from owamp_reference.events import TestSession
from owamp_reference.messages import (
    Accept,
    ScheduleSlot,
    ServerGreeting,
    SetUpResponse,
    StartSessions,
)
from owamp_reference.negotiation import Mode, Protocol
from owamp_reference.packets import TestMode
from owamp_reference.sessions import SessionSender
from owamp_reference.sources import system_clock
from owamp_vectors.live.net.addresses import holder
from owamp_vectors.live.serve.derivations import Derivations
from owamp_vectors.live.serve.limits import ServiceLimits

from ..reference.support import KEY_ID, OWAMP, PASSPHRASE, SID, TWAMP, Setting
from .peers import Running, client_of, private, probed, run, serving
from .test_commands import PROGRAM, WAIT, cli, serve

OPEN_OWAMP = Setting(Protocol.OWAMP, Mode.UNAUTHENTICATED)
OPEN_TWAMP = Setting(Protocol.TWAMP, Mode.UNAUTHENTICATED)
FAR = 2**63 - 1


def has_many_addresses() -> bool:
    """Whether loopback has other addresses than 127.0.0.1, to be other hosts."""
    with socket.socket() as tried:
        try:
            tried.bind(("127.0.0.2", 0))
        except OSError:
            return False
    return True


several_hosts = pytest.mark.skipif(not has_many_addresses(), reason="one address on loopback")


# Time


def ahead(seconds: float) -> int:
    return (system_clock() + int(seconds * 2**32)) % 2**64


SENDING = {"conf_sender": 1, "conf_receiver": 0, "sid": SID, "receiver_port": 9000}
LONG = ServiceLimits(start_ahead=20, refwait=10, timeout=5, session_time=1000)
SCHEDULES: dict[str, dict[str, Any]] = {
    "Start Time 0": {"start_time": 0},
    "Start Time 0, the server sends": {"start_time": 0, **SENDING},
    "as far ahead as it may be": {"start_time": ahead(19)},
    "sixty years ago": {"start_time": ahead(-60 * 365 * 86400)},
    "sixty years ago, the server sends": {"start_time": ahead(-60 * 365 * 86400), **SENDING},
    "in sixty years, of another era": {"start_time": ahead(60 * 365 * 86400)},
    "a time of the next era": {"start_time": 1},
    "one packet, the first slot a long one": {
        "slots": (ScheduleSlot(1, FAR), *[ScheduleSlot(1, 0)] * 3000),
        "number_of_packets": 1,
    },
    "an exponential slot": {"slots": (ScheduleSlot(0, 9 << 32),), "number_of_packets": 1},
}


@pytest.mark.parametrize("name", SCHEDULES)
def test_no_schedule_holds_a_session_beyond_the_limits(name: str) -> None:
    changes = {"number_of_packets": 2, "timeout": 1 << 32, "slots": (ScheduleSlot(1, 1 << 31),)}
    changes |= SCHEDULES[name]

    async def main() -> None:
        async with serving(OPEN_OWAMP, LONG) as running:
            client = await client_of(OPEN_OWAMP, running)
            client.writer.write(OPEN_OWAMP.request(**changes).to_octets())
            if (await client.reader.readexactly(48))[0] != Accept.OK:
                assert "slot" in name or "era" in name
            else:
                client.writer.write(StartSessions().to_octets())
                await client.reader.readexactly(32)
                (session,) = running.service.register.sessions
                now = asyncio.get_running_loop().time()
                longest = LONG.start_ahead + LONG.refwait + LONG.timeout + LONG.refwait
                assert session.expires_at() <= now + longest

    run(main())


def test_packets_do_not_keep_a_session_alive_for_ever() -> None:
    limits = ServiceLimits(refwait=60, session_time=0.3, packets=10**9)

    async def main() -> None:
        async with serving(OPEN_TWAMP, limits) as running:
            client = await client_of(OPEN_TWAMP, running)
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as port:
                port.bind(("127.0.0.1", 0))
                session = await client.start(sender_port=port.getsockname()[1])
                sender = SessionSender(session.mode, session.keys)
                while not any("(reflector): " in line for line in running.log):
                    port.sendto(sender.next_packet(64), ("127.0.0.1", session.port))
                    await asyncio.sleep(0.01)

    run(main())


# Numbers


async def greeted(running: Running, source: str) -> int:
    """Modes of the greeting for a host; the connection stays open."""
    reader, _ = await running.connect(source)
    return ServerGreeting.parse(await reader.readexactly(64)).modes


@several_hosts
def test_one_host_does_not_get_all_connections_of_the_command(tmp_path: Path) -> None:
    secret = private(tmp_path / "passphrase", PASSPHRASE.decode())
    key = ("--key-id", KEY_ID, "--passphrase", secret)

    def modes(source: str, port: int) -> tuple[bool, socket.socket]:
        made = socket.create_connection(("127.0.0.1", port), WAIT, (source, 0))
        return bool(made.recv(64)[12:16].strip(b"\0")), made

    with serve(*key, "--max-connections", 8) as served:
        port = int(served.address.split(":")[1])
        greetings = [modes("127.0.0.2", port) for _ in range(8)]
        assert [is_served for is_served, _ in greetings] == [True] * 2 + [False] * 6
        result = cli("probe", served.address, *key, "--count", 1, "--loss-timeout", 0.1)
        assert result.exit_code == 0, result.output
        for _, made in greetings:
            made.close()


@several_hosts
def test_hosts_that_hold_everything_give_way_to_others() -> None:
    limits = ServiceLimits(connections=9, connections_per_host=3)

    async def main() -> None:
        async with serving(TWAMP, limits) as running:
            keyed = await client_of(TWAMP, running, source="127.0.0.4")
            held = [await greeted(running, f"127.0.0.{host}") for host in (4, 4, 2, 2, 2, 3, 3, 3)]
            assert all(held)
            for host in (5, 6, 7):
                assert await greeted(running, f"127.0.0.{host}"), "others have more"
            await running.logged("another one needs the room", times=3)
            assert (await probed(TWAMP, running, count=1)).is_right
            await keyed.start()
            assert await greeted(running, "127.0.0.8")
            assert not await greeted(running, "127.0.0.4"), "it has as many as any other"

    run(main())


def test_a_host_of_ipv6_is_a_network() -> None:
    assert holder(("2001:db8::1", 1)) == holder(("2001:db8::2:3", 2, 0, 0))
    assert holder(("2001:db8::1", 1)) != holder(("2001:db8:0:1::1", 1))
    assert holder(("192.0.2.1", 1)) != holder(("192.0.2.2", 1))
    assert holder(("::ffff:192.0.2.1", 1)) == holder(("192.0.2.1", 1))
    assert holder(("fe80::1%lo", 1)) == holder(("fe80::2", 1))


async def accepts(running: Running, source: str, number: int, **request: Any) -> list[int]:
    """Accept of so many requests of a host without a key; the connection stays open."""
    client = await client_of(OPEN_OWAMP, running, source=source)
    found = []
    for _ in range(number):
        client.writer.write(OPEN_OWAMP.request(**request).to_octets())
        found.append((await client.reader.readexactly(48))[0])
    return found


TOO_MANY = Accept.TEMPORARY_RESOURCE_LIMITATION
BOTH_MODES = Mode.UNAUTHENTICATED | Mode.ENCRYPTED


@several_hosts
def test_sessions_of_one_host_or_without_a_key_leave_room_for_others() -> None:
    limits = ServiceLimits(all_sessions=10, sessions_per_client=4, open_sessions=6)

    async def main() -> None:
        async with serving(OWAMP, limits, modes=BOTH_MODES) as running:
            assert await accepts(running, "127.0.0.2", 5) == [0] * 4 + [TOO_MANY]
            assert await accepts(running, "127.0.0.3", 3) == [0] * 2 + [TOO_MANY]
            keyed = await client_of(OWAMP, running, source="127.0.0.2")
            for _ in range(4):
                await keyed.ask(keyed.request(), TestSession)
            keyed.writer.close()
            await running.logged("(receiver): ", times=4)
            assert (await probed(OWAMP, running, count=1, loss_timeout=0.3)).is_complete

    run(main())


@several_hosts
def test_packets_to_be_recorded_are_bounded_in_all() -> None:
    limits = ServiceLimits(records=400, packets=100)

    async def main() -> None:
        async with serving(OPEN_OWAMP, limits) as running:
            for host in range(2, 6):
                found = await accepts(running, f"127.0.0.{host}", 3, number_of_packets=50)
                assert found == [0, 0, TOO_MANY], "a quarter for each"
            assert await accepts(running, "127.0.0.6", 1) == [TOO_MANY]

    run(main())


def test_pbkdf2_is_computed_one_at_a_time_and_the_hosts_take_turns() -> None:
    order: list[str] = []
    at_once, most = 0, 0
    lock = threading.Lock()

    def work(name: str) -> None:
        nonlocal at_once, most
        with lock:
            at_once += 1
            most = max(most, at_once)
        order.append(name)
        with lock:
            at_once -= 1

    async def main() -> None:
        derivations = Derivations(1)
        many = [derivations.run("many", lambda: work("many")) for _ in range(20)]
        tasks = [asyncio.create_task(item) for item in many]
        await asyncio.sleep(0)
        await derivations.run("one", lambda: work("one"))
        await asyncio.gather(*tasks)
        derivations.close()

    run(main())
    assert most == 1
    assert order.index("one") <= 2
    assert len(order) == 21


def test_a_set_up_whose_turn_does_not_come_is_given_up() -> None:
    response = SetUpResponse(4, b"alice".ljust(80, b"\0"), bytes(64), bytes(16)).to_octets()
    may_end = threading.Event()

    async def main() -> None:
        async with serving(TWAMP, ServiceLimits(set_up=0.3)) as running:
            service = running.service
            other = asyncio.create_task(service.derivations.run("another", may_end.wait))
            _, writer = await running.connect()
            writer.write(response)
            await running.logged("not set up within 0.3 s")
            may_end.set()
            await other

    run(main())


# What an answer makes of a packet


@pytest.mark.parametrize("size", [14, 40, 41, 100])
def test_a_reflector_in_clear_answers_with_no_more_octets_than_it_got(size: int) -> None:
    async def main() -> None:
        async with serving(OPEN_TWAMP) as running:
            client = await client_of(OPEN_TWAMP, running)
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as port:
                port.bind(("127.0.0.1", 0))
                port.settimeout(WAIT)
                session = await client.start(sender_port=port.getsockname()[1])
                assert session.mode is TestMode.UNAUTHENTICATED
                sender = SessionSender(session.mode, None)
                there = "127.0.0.1", session.port
                port.sendto(sender.next_packet(size - 14), there)
                port.sendto(sender.next_packet(500), there)
                sizes = [len(await asyncio.to_thread(port.recv, 2**16))]
                if size >= 41:
                    sizes.append(len(await asyncio.to_thread(port.recv, 2**16)))
                assert sizes == [item for item in (size, 514) if item >= 41]

    run(main())


# The log


def test_a_log_that_cannot_be_written_stops_nothing() -> None:
    def fails(line: str) -> None:
        raise BrokenPipeError(line)

    async def main() -> None:
        async with serving(TWAMP, ServiceLimits(connections=3), say=fails) as running:
            before = len([*Path("/proc/self/fd").iterdir()])
            for _ in range(6):
                assert (await probed(TWAMP, running, count=1)).is_right
            turned_away = [await greeted(running, "127.0.0.1") for _ in range(5)]
            assert [*map(bool, turned_away)].count(True) == 3
            for writer in running.writers:
                writer.close()
            while running.service.open_connections or running.service.register.sessions:
                await asyncio.sleep(0.01)
            await asyncio.sleep(0.1)
            assert len([*Path("/proc/self/fd").iterdir()]) <= before

    run(main())


QUICK = ("--count", 1, "--loss-timeout", 0.1)


@pytest.mark.parametrize("kind", ["a closed pipe", "a full disk", "a pipe that nobody reads"])
def test_serve_goes_on_without_a_reader_of_its_log(kind: str) -> None:
    read, write = os.pipe()
    if kind == "a closed pipe":
        os.close(read)
    elif kind == "a full disk":
        full = Path("/dev/full")
        if not full.is_char_device():
            pytest.skip("no /dev/full")
        os.close(write)
        write = os.open(full, os.O_WRONLY)
    else:
        os.set_blocking(write, False)
        try:
            while True:
                os.write(write, bytes(2**12))
        except BlockingIOError:
            os.set_blocking(write, True)
    command = [sys.executable, "-c", PROGRAM, "serve", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=write, text=True) as process:
        os.close(write)
        try:
            assert process.stdout is not None
            address = process.stdout.readline().split()[-1]
            for _ in range(2):
                result = cli("probe", address, *QUICK)
                assert result.exit_code == 0, result.output
            process.terminate()
            assert process.wait(WAIT) == 0
        finally:
            process.kill()


def test_the_log_says_whether_a_key_is_known_and_the_peer_is_told_nothing() -> None:
    def response(key_id: bytes) -> bytes:
        return SetUpResponse(4, key_id.ljust(80, b"\0"), bytes(64), bytes(16)).to_octets()

    async def main() -> tuple[list[bytes], list[str]]:
        said = []
        async with serving(TWAMP) as running:
            for key_id in (KEY_ID.encode(), b"bob", b"\xff\x1b[2J"):
                reader, writer = await running.connect()
                await reader.readexactly(64)
                writer.write(response(key_id))
                said.append(await reader.read())
            await running.logged("closed: ", times=3)
            return said, [line.partition("closed: ")[2] for line in running.log if "closed" in line]

    said, log = run(main())
    assert len({octets[:16] + octets[32:] for octets in said}) == 1, "the peer sees no difference"
    assert len({octets[16:32] for octets in said}) == 3, "but a Server-IV of its own each time"
    names = repr(KEY_ID), "'bob'", b"\xff\x1b[2J".hex()
    for line, name, known in zip(log, names, ("known", "not known", "not known"), strict=True):
        assert f"KeyID {name}" in line
        assert f"which is {known}" in line

"""A service and clients that are hostile, slow, silent or too many; the others are served."""

from __future__ import annotations

import asyncio
import errno
import socket
from contextlib import suppress
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from owamp_reference.choices import CLOSE_WHEN_START_REFUSED, Choice
from owamp_reference.events import Closed, Fetched, SetUp, Started, TestSession
from owamp_reference.messages import (
    Accept,
    FetchSession,
    Message,
    ScheduleSlot,
    ServerGreeting,
    ServerStart,
    SessionDescription,
    SetUpResponse,
    StartSessions,
    StopTWSessions,
)
from owamp_reference.negotiation import Mode, Protocol
from owamp_reference.sources import system_clock
from owamp_vectors.live.serve.limits import ServiceLimits

from ..reference.support import OWAMP, TWAMP, Setting, mutations
from .peers import LiveClient, Running, client_of, probed, run, serving

OPEN_OWAMP = Setting(Protocol.OWAMP, Mode.UNAUTHENTICATED)
OPEN_TWAMP = Setting(Protocol.TWAMP, Mode.UNAUTHENTICATED)
SETTINGS = [OWAMP, TWAMP, OPEN_OWAMP, OPEN_TWAMP]


async def everything(running: Running, data: bytes, setting: Setting, end: bool = True) -> bytes:
    """What the service says to these octets, until it closes the connection."""
    reader, writer = await running.connect()
    writer.write(data)
    if end:
        writer.write_eof()
    try:
        return await reader.read()
    except ConnectionError:
        return b""
    finally:
        writer.close()


responses = st.builds(
    SetUpResponse,
    mode=st.integers(0, 255),
    key_id=st.binary(min_size=80, max_size=80),
    token=st.binary(min_size=64, max_size=64),
    client_iv=st.binary(min_size=16, max_size=16),
).map(Message.to_octets)


@given(st.lists(responses | mutations(responses) | st.binary(max_size=300), max_size=3))
@settings(max_examples=40, deadline=None)
def test_any_octets_end_the_connection_and_nothing_else(parts: list[bytes]) -> None:
    async def main() -> None:
        both = replace(TWAMP, security=Mode.ENCRYPTED | Mode.UNAUTHENTICATED)
        async with serving(both, ServiceLimits(linger=0.2)) as running:
            said = await everything(running, b"".join(parts), both)
            assert len(said) >= ServerGreeting.LAYOUT.size or not said
            await running.logged("closed")
            assert (await probed(TWAMP, running, count=1)).is_right

    run(main())


def test_commands_that_come_together_with_fetch_session_are_answered() -> None:
    """TCP has no borders between messages (RFC 4656 §2), and no answer has to be awaited."""
    response = SetUpResponse(1, bytes(80), bytes(64), bytes(16)).to_octets()
    fetch = FetchSession(0, 9, b"\x5a" * 16).to_octets()
    request = OPEN_OWAMP.request().to_octets()

    async def main() -> None:
        async with serving(OPEN_OWAMP) as running:
            said = await everything(running, response + 3 * fetch + request, OPEN_OWAMP)
            clear = ServerGreeting.LAYOUT.size + 48
            assert len(said) == clear + 3 * 32 + 48
            assert said[clear::32][:3] == bytes([Accept.FAILURE]) * 3
            assert said[clear + 3 * 32] == Accept.OK

    run(main())


def many_slots() -> bytes:
    header = OPEN_OWAMP.request().segments()[0]
    return header[:4] + bytes([255] * 4) + header[8:] + bytes(16)


STATES: dict[str, tuple[Setting, bytes]] = {
    "garbage": (TWAMP, bytes(range(160))),
    "a second Set-Up-Response": (
        OPEN_TWAMP,
        SetUpResponse(1, bytes(80), bytes(64), bytes(16)).to_octets(),
    ),
    "Stop-Sessions before Start-Sessions": (OPEN_TWAMP, StopTWSessions(0, 1).to_octets()),
    "Fetch-Session to TWAMP": (OPEN_TWAMP, FetchSession(0, 1, bytes(16)).to_octets()),
    "Request-TW-Session to OWAMP": (OPEN_OWAMP, OPEN_TWAMP.request().to_octets()),
    "command 9": (OPEN_OWAMP, bytes([9] * 16)),
    "2^32-1 schedule slots": (OPEN_OWAMP, many_slots()),
    "2^32-1 session descriptions": (
        OPEN_OWAMP,
        bytes([3, 0, 0, 0, 255, 255, 255, 255]) + bytes(2**17),
    ),
}


@pytest.mark.parametrize("name", STATES)
def test_what_is_out_of_place_closes_the_connection(name: str) -> None:
    setting, octets = STATES[name]

    async def main() -> None:
        async with serving(setting) as running:
            client = await client_of(setting, running)
            client.writer.write(octets)
            await running.logged("closed:")
            client.writer.close()
            assert (await probed(setting, running, count=1, loss_timeout=0.3)).is_complete

    run(main())


@pytest.mark.parametrize("setting", SETTINGS[:2], ids=str)
@pytest.mark.parametrize("position", [20, 95, 100])
def test_a_changed_message_is_refused_by_its_hmac(setting: Setting, position: int) -> None:
    async def main() -> None:
        async with serving(setting) as running:
            client = await client_of(setting, running)
            client.client.request_session(client.request())
            sealed = bytearray(client.client.data_to_send())
            sealed[position] ^= 1
            client.writer.write(sealed)
            await client.next(Closed)
            assert any("expected" in line for line in running.log)
            client.writer.close()

    run(main())


def test_wrong_challenge_unknown_key_and_unknown_sa_are_refused_alike() -> None:
    both = replace(TWAMP, ikev2_derived=True).mode | TWAMP.mode

    async def main() -> list[int]:
        async with serving(TWAMP, modes=both) as running:
            found = []
            for mode, key_id in ((4, b"alice"), (4, b"bob"), (4, b"\xff"), (132, b"no such SA")):
                response = SetUpResponse(mode, key_id.ljust(80, b"\0"), bytes(64), bytes(16))
                said = await everything(running, response.to_octets(), TWAMP, end=False)
                found.append(ServerStart.parse(said[64:]).accept)
            return found

    assert run(main()) == [Accept.FAILURE] * 3 + [Accept.NO_IKE_SA]


def _staying(choice: Choice) -> int:
    return int(choice is CLOSE_WHEN_START_REFUSED)


def test_start_without_a_session_is_answered_and_the_connection_goes_on() -> None:
    async def main() -> None:
        async with serving(TWAMP) as running:
            client = await client_of(TWAMP, running, _staying)
            client.client.start_sessions()
            assert (await client.next(Started)).accept is Accept.FAILURE
            await client.ask(client.request(), TestSession)
            client.writer.close()

    run(main())


# Slow and silent


def test_a_client_that_does_not_get_set_up_in_time_is_dropped() -> None:
    async def main() -> None:
        async with serving(TWAMP, ServiceLimits(set_up=0.3)) as running:
            reader, writer = await running.connect()
            dripping = asyncio.create_task(drip(writer, bytes(164)))
            with suppress(ConnectionError):
                await reader.read()
            await dripping
            await running.logged("not set up within 0.3 s")
            writer.close()

    run(main())


async def drip(writer: asyncio.StreamWriter, data: bytes) -> None:
    """One octet at a time, until the service has had enough."""
    with suppress(ConnectionError):
        for octet in data:
            writer.write(bytes([octet]))
            await writer.drain()
            await asyncio.sleep(0.01)


def test_a_message_one_octet_at_a_time_is_given_up() -> None:
    async def main() -> None:
        async with serving(OPEN_TWAMP, ServiceLimits(message=0.3)) as running:
            client = await client_of(OPEN_TWAMP, running)
            dripping = asyncio.create_task(drip(client.writer, OPEN_TWAMP.request().to_octets()))
            await running.logged("a message not complete within 0.3 s")
            await dripping
            client.writer.close()

    run(main())


@pytest.mark.parametrize("setting", SETTINGS, ids=str)
def test_octets_one_by_one_are_as_good_as_all_at_once(setting: Setting) -> None:
    async def main() -> None:
        async with serving(setting) as running:
            reader, writer = await running.connect()
            client = LiveClient(setting, reader, writer)
            client.client.receive(await reader.readexactly(64))
            for octet in client.client.data_to_send():
                writer.write(bytes([octet]))
                await writer.drain()
            await client.next(SetUp)
            client.client.request_session(client.request())
            for octet in client.client.data_to_send():
                writer.write(bytes([octet]))
                await writer.drain()
            await client.next(TestSession)
            writer.close()

    run(main())


def test_silence_ends_a_connection_after_servwait() -> None:
    async def main() -> None:
        async with serving(TWAMP, ServiceLimits(servwait=0.2)) as running:
            client = await client_of(TWAMP, running)
            await client.next(Closed)
            await running.logged("no command for 0.2 s (SERVWAIT)")
            client.writer.close()

    run(main())


def test_silence_ends_a_session_after_refwait_and_then_the_connection() -> None:
    async def main() -> None:
        async with serving(TWAMP, ServiceLimits(servwait=1, refwait=1.5)) as running:
            client = await client_of(TWAMP, running)
            await client.start()
            await running.logged("(reflector): 0 received")
            assert not any("SERVWAIT" in line for line in running.log)
            await running.logged("no command for 1 s (SERVWAIT)")
            client.writer.close()

    run(main())


def test_a_client_that_takes_no_octets_is_given_up() -> None:
    async def main() -> None:
        async with serving(OPEN_OWAMP, ServiceLimits(message=0.5, unsent=4096)) as running:
            bare = socket.socket()
            bare.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            bare.setblocking(False)
            await asyncio.get_running_loop().sock_connect(bare, ("127.0.0.1", running.port))
            reader, writer = await asyncio.open_connection(sock=bare, limit=1024)
            client = LiveClient(OPEN_OWAMP, reader, writer)
            await client.next(SetUp)
            session = await many_lost_packets(client)
            writer.write(FetchSession(0, 2**32 - 1, session.sid).to_octets())  # and read nothing
            await running.logged("the client takes no octets")
            assert (await probed(OPEN_OWAMP, running, count=1, loss_timeout=0.5)).is_complete
            writer.close()

    run(main())


async def many_lost_packets(client: LiveClient) -> TestSession:
    """A session of 10,000 packets that never come: a quarter of a megabyte of records."""
    session = await client.start(
        start_time=system_clock() - (5 << 32),
        number_of_packets=10_000,
        timeout=1 << 32,
        slots=(ScheduleSlot(1, 0),),
    )
    client.client.stop_sessions((SessionDescription(session.sid, 10_000),))
    client.writer.write(client.client.data_to_send())
    while client.client.state.value != "ready":
        client.client.receive(await client.reader.read(100))
    return session


def test_results_are_fetched_whole() -> None:
    async def main() -> None:
        async with serving(OPEN_OWAMP) as running:
            client = await client_of(OPEN_OWAMP, running)
            session = await many_lost_packets(client)
            client.client.fetch_session(session.sid)
            fetched = await client.next(Fetched)
            assert fetched.data is not None
            assert len(fetched.data.records) == 10_000
            assert all(record.is_lost for record in fetched.data.records)
            client.writer.close()

    run(main())


def test_a_time_out_of_the_system_ends_the_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> None:
        async with serving(TWAMP) as running:
            reader, writer = await running.connect()
            await reader.readexactly(64)
            monkeypatch.setattr(asyncio.StreamReader, "read", timed_out)
            writer.write(bytes(10))
            await running.logged("Connection timed out")
            writer.close()

    async def timed_out(*_: object) -> bytes:
        raise TimeoutError(errno.ETIMEDOUT, "Connection timed out")

    run(main())


def test_old_results_make_room_for_new_ones() -> None:
    async def main() -> list[int]:
        async with serving(OPEN_OWAMP, ServiceLimits(results=1)) as running:
            client = await client_of(OPEN_OWAMP, running)
            sids = [(await many_lost_packets(client)).sid for _ in range(2)]
            accepts = []
            for sid in sids:
                client.client.fetch_session(sid, 0, 0)
                accepts.append((await client.next(Fetched)).ack.accept)
            client.writer.close()
            return accepts

    assert run(main()) == [Accept.FAILURE, Accept.OK]


# Too many


async def greetings(running: Running, number: int) -> list[tuple[int, asyncio.StreamWriter]]:
    """Modes of as many greetings at once, and the connections, which stay open."""

    async def one() -> tuple[int, asyncio.StreamWriter]:
        reader, writer = await running.connect()
        greeting = ServerGreeting.parse(await reader.readexactly(64))
        if not greeting.modes:
            assert not await reader.read()
        return greeting.modes, writer

    return await asyncio.gather(*(one() for _ in range(number)))


@pytest.mark.parametrize(
    "limits",
    [ServiceLimits(connections=60), ServiceLimits(connections=1000, connections_per_host=60)],
    ids=["in all", "of a host"],
)
def test_connections_beyond_the_limit_are_told_so(limits: ServiceLimits) -> None:
    async def main() -> None:
        async with serving(TWAMP, limits) as running:
            greeted = await greetings(running, 100)
            modes = [mode for mode, _ in greeted]
            assert modes.count(TWAMP.mode) == 60
            assert modes.count(0) == 40
            assert sum("turned away" in line for line in running.log) == 40
            for _, writer in greeted:
                writer.close()
            await running.logged("closed: connection", times=60)
            assert (await probed(TWAMP, running, count=1)).is_right

    run(main())


def test_sessions_beyond_the_limits_get_accept_5() -> None:
    async def main() -> None:
        async with serving(OPEN_TWAMP, ServiceLimits(sessions=3, all_sessions=5)) as running:
            clients = [await client_of(OPEN_TWAMP, running) for _ in range(2)]
            found = []
            for client in clients:
                for _ in range(4):
                    client.writer.write(OPEN_TWAMP.request().to_octets())
                    found.append((await client.reader.readexactly(48))[0])
            assert found == [0, 0, 0, 5, 0, 0, 5, 5]
            for client in clients:
                client.writer.close()
            await running.logged("(reflector)", times=5)
            assert (await probed(OPEN_TWAMP, running, count=1)).is_right

    run(main())


def test_a_flood_of_commands_does_not_keep_others_waiting() -> None:
    async def main() -> None:
        async with serving(OPEN_TWAMP, ServiceLimits(sessions=1)) as running:
            flooding = await client_of(OPEN_TWAMP, running)
            requests = OPEN_TWAMP.request().to_octets() * 500
            task = asyncio.create_task(flooding.reader.readexactly(48 * 1000))
            flooding.writer.write(requests)
            report = await probed(OPEN_TWAMP, running)
            flooding.writer.write(requests)
            assert report.is_right
            assert len(await task) == 48_000
            flooding.writer.close()

    run(main())


def test_pipelined_commands_are_answered_in_order() -> None:
    request, start = OPEN_TWAMP.request().to_octets(), StartSessions().to_octets()
    stop = StopTWSessions(0, 2).to_octets()

    async def main() -> None:
        async with serving(OPEN_TWAMP) as running:
            client = await client_of(OPEN_TWAMP, running)
            client.writer.write(request + request + start + stop + request)
            answers = await client.reader.readexactly(48 + 48 + 32 + 48)
            assert [answers[at] for at in (0, 48, 96, 128)] == [0, 0, 0, 0]
            assert len({answers[at + 2 : at + 4] for at in (0, 48, 128)}) == 3, "ports"
            client.writer.close()

    run(main())


def test_closing_a_service_ends_connections_in_every_state() -> None:
    async def main() -> None:
        async with serving(TWAMP) as running:
            open_writers = [(await running.connect())[1] for _ in range(3)]
            client = await client_of(TWAMP, running)
            await client.start()
            await running.service.close()
            await client.next(Closed)
            assert any("(reflector)" in line for line in running.log)
            for writer in [*open_writers, client.writer]:
                writer.close()

    run(main())

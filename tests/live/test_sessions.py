"""Test packets at a service: forged, replayed, foreign, late; and what it records of them."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from typing import Any

import pytest
from owamp_reference.events import Fetched, SessionRejected, StopReceived, TestSession
from owamp_reference.keys import control_keys_from_test_keys, derive_test_session_keys
from owamp_reference.messages import (
    Accept,
    FetchData,
    PacketRecord,
    RequestSession,
    RequestTWSession,
    ScheduleSlot,
    SessionDescription,
    SkipRange,
    StopSessions,
)
from owamp_reference.negotiation import Mode
from owamp_reference.packets import ReflectorPacket, SenderPacket, open_packet
from owamp_reference.sessions import SessionSender
from owamp_reference.sources import system_clock
from owamp_vectors.catalogue import FILES
from owamp_vectors.live.net.addresses import packed
from owamp_vectors.live.serve.limits import ServiceLimits
from owamp_vectors.live.serve.policy import RefusedError, reserve
from owamp_vectors.mistakes import MISTAKES

from ..reference.support import OWAMP, SID, TWAMP, Setting
from ..support import committed_cases
from .peers import LiveClient, Running, connected, run, serving

SECOND = 1 << 32
SENDING: dict[str, Any] = {"conf_sender": 1, "conf_receiver": 0, "sid": SID}
"""Of a request that has the server send."""
HERE, THERE = ("127.0.0.1", 4000), ("127.0.0.1", 5000)


class Port:
    """A UDP port of the client."""

    def __init__(self) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self._socket.setblocking(False)
        self.number: int = self._socket.getsockname()[1]

    def send(self, data: bytes, port: int) -> None:
        self._socket.sendto(data, ("127.0.0.1", port))

    async def receive(self) -> bytes:
        return await asyncio.get_running_loop().sock_recv(self._socket, 2**16)

    def is_silent(self) -> bool:
        try:
            self._socket.recv(2**16)
        except BlockingIOError:
            return True
        return False

    def close(self) -> None:
        self._socket.close()


@contextmanager
def ports(number: int) -> Iterator[list[Port]]:
    made = [Port() for _ in range(number)]
    try:
        yield made
    finally:
        for port in made:
            port.close()


@asynccontextmanager
async def started(
    setting: Setting, running: Running, **changes: Any
) -> AsyncIterator[tuple[LiveClient, TestSession, SessionSender]]:
    """A session that runs."""
    async with connected(setting, running) as client:
        session = await client.start(**changes)
        yield client, session, SessionSender(session.mode, session.keys)


@pytest.mark.parametrize("security", [Mode.AUTHENTICATED, Mode.ENCRYPTED])
def test_the_reflector_answers_what_verifies_and_nothing_else(security: Mode) -> None:
    setting = replace(TWAMP, security=security)

    async def main() -> None:
        with ports(2) as (port, other):
            async with (
                serving(setting) as running,
                started(setting, running, sender_port=port.number) as (client, session, sender),
            ):
                first = sender.next_packet(64)
                assert session.keys is not None
                control_keys = control_keys_from_test_keys(session.keys, session.sid)
                strange = derive_test_session_keys(control_keys, SID)
                forgeries = [
                    bytes([first[0] ^ 1]) + first[1:],
                    first[:40],
                    b"",
                    SessionSender(session.mode, strange).next_packet(64),  # of another SID
                    bytes(112),
                ]
                other.send(first, session.port)
                for forgery in forgeries:
                    port.send(forgery, session.port)
                for packet in (first, first, sender.next_packet(64)):
                    port.send(packet, session.port)
                answers = [
                    open_packet(session.mode, ReflectorPacket, await port.receive(), session.keys)
                    for _ in range(3)
                ]
                assert [answer.sequence_number for answer in answers] == [0, 1, 2]
                assert [answer.sender_sequence_number for answer in answers] == [0, 0, 1]
                assert other.is_silent()
                client.writer.close()
                await running.logged("3 received, 3 sent, 6 discarded")

    run(main())


def test_the_reflector_goes_on_for_timeout_after_stop_and_no_longer() -> None:
    async def main() -> None:
        with ports(1) as (port,):
            async with serving(TWAMP) as running:
                changes = {"sender_port": port.number, "timeout": 2 * SECOND}
                async with started(TWAMP, running, **changes) as (client, session, sender):
                    client.client.stop_sessions()
                    client.writer.write(client.client.data_to_send())
                await running.logged("closed")
                port.send(sender.next_packet(64), session.port)
                assert await port.receive()
                await running.logged("1 received, 1 sent, 0 discarded")
                with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as again:
                    again.bind(("127.0.0.1", session.port))  # the service has closed it

    run(main())


def test_a_session_ends_with_its_connection() -> None:
    async def main() -> None:
        async with serving(TWAMP) as running:
            async with started(TWAMP, running):
                pass
            await running.logged("(reflector): 0 received")

    run(main())


def test_the_reflector_stops_at_its_limit_of_packets() -> None:
    async def main() -> None:
        with ports(1) as (port,):
            async with (
                serving(TWAMP, ServiceLimits(packets=2)) as running,
                started(TWAMP, running, sender_port=port.number) as (client, session, sender),
            ):
                for _ in range(4):
                    port.send(sender.next_packet(64), session.port)
                await port.receive()
                await port.receive()
                client.writer.close()
                await running.logged("2 received, 2 sent, 2 discarded")

    run(main())


# OWAMP


async def results(
    running: Running,
    numbers: list[int],
    description: SessionDescription | None = None,
    accept: Accept = Accept.OK,
    fetch: tuple[int, int] = (0, 2**32 - 1),
    age: float = 40,
    other_sid: bool = False,
) -> FetchData | None:
    """What a service recorded of packets with these numbers, sent `age` seconds ago.

    Four packets were to be sent more than 70 seconds ago, so that none is too young to be kept;
    Timeout is 50 seconds.
    """
    now = system_clock()
    with ports(1) as (port,):
        changes = {
            "sender_port": port.number,
            "start_time": now - 80 * SECOND,
            "timeout": 50 * SECOND,
            "number_of_packets": 4,
            "slots": (ScheduleSlot(1, SECOND // 10),),
        }
        async with started(OWAMP, running, **changes) as (client, session, _):
            stamp = now - int(age * SECOND)
            for number in numbers:
                sender = SessionSender(session.mode, session.keys, lambda: stamp)
                sender.next_sequence_number = number
                port.send(sender.next_packet(), session.port)
            await arrived(running, len(numbers))
            described = description or SessionDescription(session.sid, 4)
            client.client.stop_sessions((replace(described, sid=session.sid),), accept)
            await client.next(StopReceived)
            client.client.fetch_session(SID if other_sid else session.sid, *fetch)
            return (await client.next(Fetched)).data


async def arrived(running: Running, number: int) -> None:
    """Wait until the one session has seen so many packets."""
    (session,) = running.service.register.sessions
    while session.received + session.discarded < number:
        await asyncio.sleep(0.005)


def fetched(numbers: list[int], **options: Any) -> FetchData | None:
    async def main() -> FetchData | None:
        async with serving(OWAMP) as running:
            return await results(running, numbers, **options)

    return run(main())


def seen(data: FetchData | None) -> list[tuple[int, bool]]:
    """Numbers of the records, and whether each is of a lost packet."""
    assert data is not None
    return [(record.seq_number, record.is_lost) for record in data.records]


def test_arrivals_are_recorded_in_order_and_twice_if_they_come_twice() -> None:
    data = fetched([2, 0, 2, 1, 3])
    assert seen(data) == [(2, False), (0, False), (2, False), (1, False), (3, False)]
    assert data is not None
    assert {record.ttl for record in data.records} == {64}, "the TTL of the test's socket"
    assert data.request.receiver_port != 0


def test_lost_packets_are_recorded_with_the_time_at_which_they_were_due() -> None:
    data = fetched([1])
    assert seen(data) == [(0, True), (2, True), (3, True), (1, False)]
    assert data is not None
    assert data.records[1].send_timestamp == data.request.start_time + 3 * (SECOND // 10)
    assert_as_in_the_vectors(data.records[1])


def test_a_lost_packet_is_recorded_where_its_loss_was_detected() -> None:
    """Clients read the records in the order of time, and cannot look far back (RFC 4656 §3.9)."""

    async def main() -> FetchData | None:
        with ports(1) as (port,):
            changes: dict[str, Any] = {
                "sender_port": port.number,
                "start_time": system_clock(),
                "timeout": SECOND // 5,
                "number_of_packets": 20,
                "slots": (ScheduleSlot(1, SECOND // 20),),
            }
            async with (
                serving(OWAMP) as running,
                started(OWAMP, running, **changes) as (client, session, sender),
            ):
                for number in range(20):
                    packet = sender.next_packet()
                    if number not in (3, 4, 19):
                        port.send(packet, session.port)
                    await asyncio.sleep(0.05)
                stop = await client.next(StopReceived)  # of its own, once the session is complete
                assert isinstance(stop.message, StopSessions)
                assert stop.message.sessions == ()
                client.client.stop_sessions((SessionDescription(session.sid, 20),))
                client.client.fetch_session(session.sid)
                return (await client.next(Fetched)).data

    records = seen(run(main()))
    places = {number: records.index((number, True)) for number in (3, 4, 19)}
    arrived_after = {number: place for place, (number, lost) in enumerate(records) if not lost}
    assert arrived_after[6] < places[3] < places[4] < arrived_after[11]
    assert places[19] == 19


def test_the_log_says_who_asked_and_why_packets_were_discarded() -> None:
    async def main() -> None:
        with ports(2) as (port, other):
            async with serving(TWAMP, ServiceLimits(packets=1)) as running:
                changes = {"sender_port": port.number}
                async with started(TWAMP, running, **changes) as (_, session, sender):
                    good = sender.next_packet(64)
                    other.send(good, session.port)
                    for packet in (good[:20], bytes(112), good[:-64] + bytes(64), good):
                        port.send(packet, session.port)
                    await arrived(running, 5)
                await running.logged("set up: encrypted, KeyID 'alice'")
                await running.logged("1 received, 1 sent, 4 discarded (")
                (line,) = [line for line in running.log if "4 discarded" in line]
                for why in (
                    "1 not from the peer's address and port",
                    "packet: expected at least 48 octets",
                    "1 HMAC: expected the HMAC of the encrypted part",
                    "1 above the limit of 1 packets",
                ):
                    assert why in line

    run(main())


def test_test_ports_are_those_that_are_allowed() -> None:
    async def main() -> None:
        with ports(2) as (free, taken):
            numbers = (free.number, taken.number)
            free.close()
            async with (
                serving(TWAMP, ServiceLimits(ports=numbers)) as running,
                connected(TWAMP, running) as client,
            ):
                asked = client.request(receiver_port=taken.number)
                session = await client.ask(asked, TestSession)
                assert session.port == free.number
                refused = await client.ask(client.request(), SessionRejected)
                assert refused.accept is Accept.TEMPORARY_RESOURCE_LIMITATION

    run(main())


def assert_as_in_the_vectors(record: PacketRecord) -> None:
    """The record of a lost packet, made by the server, is that of a vector but for its inputs."""
    cases = [
        case for case in committed_cases(FILES["messages"]) if case.type.name == "LostPacketRecord"
    ]
    assert cases
    for case in cases:
        given = case.decoded_inputs
        changed = replace(
            record,
            seq_number=given["seqNumber"],
            send_timestamp=int.from_bytes(given["sendTimestamp"], "big"),
            receive_error_estimate=int.from_bytes(given["receiveErrorEstimate"], "big"),
        )
        assert changed.pack().hex() == case.outputs["record"]


def test_skipped_packets_are_not_lost() -> None:
    skipped = (SkipRange(0, 0), SkipRange(2, 3))
    data = fetched([1], description=SessionDescription(bytes(16), 4, skipped))
    assert seen(data) == [(1, False)]
    assert data is not None
    assert data.skip_ranges == skipped


def test_a_range_of_numbers_can_be_fetched() -> None:
    assert seen(fetched([0, 1, 2, 3], fetch=(1, 2))) == [(1, False), (2, False)]


@pytest.mark.parametrize(
    ("number", "age"),
    [(4, 40), (2**32 - 1, 40), (0, 55), (0, 10), (0, -60)],
    ids=["not asked for", "far too high", "too old", "not when it was due", "of the future"],
)
def test_packets_beyond_the_request_are_discarded(number: int, age: float) -> None:
    assert (number, False) not in seen(fetched([number], age=age))


@pytest.mark.parametrize(
    "options",
    [
        {"accept": Accept.FAILURE},
        {"description": SessionDescription(bytes(16), 2)},
        {"description": SessionDescription(bytes(16), 5)},
        {"other_sid": True},
        {"description": SessionDescription(bytes(16), 4, (SkipRange(3, 3), SkipRange(1, 1)))},
    ],
    ids=[
        "stopped by a failure",
        "one arrived that was not sent",
        "too many sent",
        "another SID",
        "skip ranges out of order, which could not be fetched",
    ],
)
def test_results_that_are_not_valid_cannot_be_fetched(options: dict[str, Any]) -> None:
    with MISTAKES["SkipRangesSentAsTold"].applied():  # by the client
        assert fetched([0, 2], **options) is None


def test_packets_for_a_sender_are_discarded() -> None:
    async def main() -> None:
        with ports(1) as (port,):
            changes = SENDING | {
                "receiver_port": port.number,
                "start_time": system_clock(),
            }
            async with (
                serving(OWAMP) as running,
                started(OWAMP, running, **changes) as (client, session, _),
            ):
                port.send(bytes(60), session.port)
                await arrived(running, 1)
                client.writer.close()
                await running.logged("0 received, 0 sent, 1 discarded")

    run(main())


def test_a_sender_ends_its_sessions_by_itself() -> None:
    async def main() -> tuple[StopReceived, list[SenderPacket]]:
        with ports(1) as (port,):
            changes = SENDING | {
                "receiver_port": port.number,
                "start_time": system_clock(),
                "timeout": SECOND // 4,
                "padding_length": 10,
                "slots": (ScheduleSlot(1, SECOND // 100),),
            }
            async with (
                serving(OWAMP) as running,
                started(OWAMP, running, **changes) as (client, session, _),
            ):
                packets = [
                    open_packet(session.mode, SenderPacket, await port.receive(), session.keys)
                    for _ in range(3)
                ]
                stop = await client.next(StopReceived)
                client.client.stop_sessions()
                await client.ask(client.request(), TestSession)
                return stop, packets

    stop, packets = run(main())
    assert [packet.sequence_number for packet in packets] == [0, 1, 2]
    assert len({packet.padding for packet in packets}) == 3, "random"
    assert isinstance(stop.message, StopSessions)
    assert [item.next_seqno for item in stop.message.sessions] == [3]


def test_a_request_that_is_not_well_formed_gets_accept_3() -> None:
    async def main() -> None:
        async with serving(TWAMP) as running, connected(TWAMP, running) as client:
            refused = await client.ask(TWAMP.request(ipvn=5), SessionRejected)
            assert refused.accept is Accept.NOT_SUPPORTED
            await running.logged("request answered with Accept 3")

    run(main())


def test_a_session_between_two_hosts_of_the_server_is_refused_with_the_reason() -> None:
    async def main() -> None:
        async with serving(OWAMP) as running, connected(OWAMP, running) as client:
            both = client.request(conf_sender=1, conf_receiver=1)
            refused = await client.ask(both, SessionRejected)
            assert refused.accept is Accept.NOT_SUPPORTED
            await running.logged(
                "request refused with Accept 3: Conf-Sender, Conf-Receiver: expected one of them "
                "set, found both: a session between two hosts that the server can configure"
            )
            await client.ask(client.request(), TestSession)

    run(main())


def test_a_sender_skips_what_is_too_late() -> None:
    async def main() -> StopReceived:
        with ports(1) as (port,):
            changes = SENDING | {
                "receiver_port": port.number,
                "start_time": system_clock() - 100 * SECOND,
                "timeout": SECOND // 4,
                "number_of_packets": 4,
                "slots": (*[ScheduleSlot(1, 10)] * 2, *[ScheduleSlot(1, 200 * SECOND)] * 2),
            }
            async with (
                serving(OWAMP) as running,
                started(OWAMP, running, **changes) as (client, *_),
            ):
                client.client.stop_sessions()
                return await client.next(StopReceived)

    message = run(main()).message
    assert isinstance(message, StopSessions)
    (description,) = message.sessions
    assert (description.next_seqno, description.skip_ranges) == (2, (SkipRange(0, 1),))


# What is granted


def request_of(setting: Setting, **changes: Any) -> RequestSession | RequestTWSession:
    return setting.request(**changes)


@pytest.mark.parametrize(
    ("setting", "changes", "accept", "said"),
    [
        (TWAMP, {"ipvn": 6}, 3, "IPVN"),
        (OWAMP, {"conf_sender": 1}, 3, "Conf-Sender, Conf-Receiver"),
        (TWAMP, {"sender_address": packed(("192.0.2.1", 0))}, 3, "Sender Address"),
        (TWAMP, {"receiver_address": packed(("192.0.2.1", 0))}, 3, "Receiver Address"),
        (OWAMP, SENDING | {"receiver_address": packed(("192.0.2.1", 0))}, 3, "Receiver Address"),
        (TWAMP, {"type_p": 1 << 30}, 3, "Type-P Descriptor"),
        (OWAMP, SENDING | {"type_p": 1 << 31}, 3, "Type-P Descriptor"),
        (TWAMP, {"timeout": 61 << 32}, 4, "Timeout"),
        (OWAMP, {"number_of_packets": 10_001}, 4, "Number of Packets"),
        (OWAMP, {"slots": (ScheduleSlot(1, 1000 << 32),)}, 4, "Schedule Slots"),
        (OWAMP, SENDING | {"slots": (ScheduleSlot(0, 1000),)}, 4, "Schedule Slots"),
        (OWAMP, SENDING | {"padding_length": 9001}, 4, "Padding Length"),
    ],
)
def test_requests_that_are_refused(
    setting: Setting, changes: dict[str, Any], accept: int, said: str
) -> None:
    with pytest.raises(RefusedError, match=said) as caught:
        reserve(request_of(setting, **changes), HERE, THERE, ServiceLimits())
    assert caught.value.accept == accept


def test_a_start_too_far_ahead_is_refused() -> None:
    request = request_of(TWAMP, start_time=system_clock() + 1000 * SECOND)
    with pytest.raises(RefusedError, match="Start Time: expected at most 900 s from now"):
        reserve(request, HERE, THERE, ServiceLimits())


def test_a_host_that_is_not_here_has_no_port() -> None:
    with pytest.raises(RefusedError, match="no port") as caught:
        reserve(TWAMP.request(), ("192.0.2.1", 1), ("192.0.2.1", 2), ServiceLimits())
    assert caught.value.accept is Accept.TEMPORARY_RESOURCE_LIMITATION


def test_the_port_that_is_asked_for_is_taken_if_it_can_be() -> None:
    with ports(2) as (free, taken):
        free.close()
        granted = reserve(TWAMP.request(receiver_port=free.number), HERE, THERE, ServiceLimits())
        other = reserve(TWAMP.request(receiver_port=taken.number), HERE, THERE, ServiceLimits())
        low = reserve(TWAMP.request(receiver_port=53), HERE, THERE, ServiceLimits())
        found = [one.socket.getsockname()[1] for one in (granted, other, low)]
        for one in (granted, other, low):
            one.socket.close()
    assert found[0] == free.number
    assert found[1] not in (0, taken.number)
    assert found[2] > 1023


@pytest.mark.parametrize("setting", [OWAMP, TWAMP], ids=str)
def test_the_dscp_and_the_ttl_of_what_is_sent(setting: Setting) -> None:
    changes: dict[str, Any] = {} if setting is TWAMP else dict(SENDING)
    granted = reserve(setting.request(type_p=46 << 24, **changes), HERE, THERE, ServiceLimits())
    with granted.socket as bound:
        assert bound.getsockopt(socket.IPPROTO_IP, socket.IP_TOS) == 46 << 2
        assert bound.getsockopt(socket.IPPROTO_IP, socket.IP_TTL) == 255
    assert granted.peer[1] == (5000 if setting is TWAMP else 6000)

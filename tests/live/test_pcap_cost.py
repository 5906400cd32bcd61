"""What a report on a capture costs grows with the capture, and not with its square."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from types import FrameType
from typing import Any, TypeVar

import pytest
from owamp_reference.messages import (
    AcceptSession,
    Message,
    ServerGreeting,
    ServerStart,
    SetUpResponse,
    StartAck,
    StartSessions,
    StopSessions,
)
from owamp_reference.negotiation import Protocol
from owamp_vectors.live.capture import frames
from owamp_vectors.live.capture.frames import TcpFlag, TcpSegment, UdpDatagram
from owamp_vectors.live.capture.writer import CaptureWriter
from owamp_vectors.live.observe.captured import report_capture

from .support import OPEN, V4
from .test_pcap import fragments, packets_of, pcap

T = TypeVar("T")
CLIENT, SERVER = (V4[0], 50_000), (V4[1], 861)
Packets = Iterator[bytes]


def segment(number: int, payload: bytes = b"", flags: int = TcpFlag.ACK, **changes: Any) -> bytes:
    made = TcpSegment(CLIENT, SERVER, number, 0, TcpFlag(flags), payload)
    return frames.tcp_packet(replace(made, **changes))


def datagram(source: int, destination: int, size: int = 20) -> bytes:
    made = UdpDatagram((V4[0], source), (V4[1], destination), bytes(size), 64)
    return frames.udp_packet(made)


def syns_and_datagrams(number: int) -> Packets:
    for one in range(number):
        yield segment(one, flags=TcpFlag.SYN, source=(V4[0], 10_000 + one))
    for one in range(number):
        yield datagram(20_000 + one, 30_000)


def blind_connections_and_datagrams(number: int) -> Packets:
    for one in range(number):
        yield segment(one, b"?", source=(f"10.0.{one // 250}.{one % 250 + 1}", 10_000))
    for one in range(number):
        yield datagram(20_000 + one, 30_000)


def segments_backwards(number: int) -> Packets:
    yield segment(0, flags=TcpFlag.SYN)
    for one in reversed(range(number)):
        yield segment(2 + one, b"x")


def mixed(items: Sequence[T]) -> Iterator[T]:
    """In an order that has nothing to do with theirs."""
    for place in sorted(range(len(items)), key=lambda one: one * 2654435761 % 2**32):
        yield items[place]


def segments_mixed(number: int) -> Packets:
    yield segment(0, flags=TcpFlag.SYN)
    for one in mixed(range(number)):
        yield segment(1 + 7 * one, b"1234567")


def fragments_mixed(number: int) -> Packets:
    yield segment(0, flags=TcpFlag.SYN)
    yield from mixed(fragments(datagram(20_000, 30_000, 8 * number), 8))


def fragments_backwards(number: int) -> Packets:
    yield segment(0, flags=TcpFlag.SYN)
    yield from reversed(fragments(datagram(20_000, 30_000, 8 * number), 8))


OPEN_OWAMP = replace(OPEN, protocol=Protocol.OWAMP)
Said = tuple[bool, Message]
"""A message, and whether it is the client's."""
SET_UP: list[Said] = [
    (False, ServerGreeting(1, bytes(16), bytes(16), 1024)),
    (True, SetUpResponse(1, bytes(80), bytes(64), bytes(16))),
    (False, ServerStart(0, bytes(16), 0)),
]


def conversation(said: list[Said]) -> Packets:
    """A connection in clear: the set-up, and these messages."""
    writer = CaptureWriter(ethernet=False)
    connection = writer.open_tcp(CLIENT, SERVER, 0)
    for is_client, message in [*SET_UP, *said]:
        send = connection.client_octets if is_client else connection.server_octets
        send(message.to_octets(), 0)
    yield from packets_of(writer.to_octets())


def sessions(number: int) -> list[Said]:
    """So many sessions, requested and accepted."""
    return [
        item
        for one in range(number)
        for item in (
            (True, OPEN_OWAMP.request(sender_port=5000)),
            (False, AcceptSession(0, 40_000 + one, (one + 1).to_bytes(16, "big"))),
        )
    ]


def sessions_of_one_connection(number: int) -> Packets:
    """As many sessions as datagrams, which belong to the first of them."""
    yield from conversation(sessions(number))
    for _ in range(number):
        yield datagram(5000, 40_000)


def starts_that_nobody_answers(number: int) -> Packets:
    yield from conversation([(True, StartSessions())] * number)


def stops_over_and_over(number: int) -> Packets:
    started: list[Said] = [(True, StartSessions()), (False, StartAck(0))]
    stops: list[Said] = [(True, StopSessions(0, ()))] * number
    yield from conversation([*sessions(number), *started, *stops])


def starts_over_and_over(number: int) -> Packets:
    started: list[Said] = [(True, StartSessions()), (False, StartAck(0))]
    yield from conversation([*sessions(number), *started * number])


def steps_of(work: Callable[[], object]) -> int:
    """How many instructions of Python a piece of work takes."""
    count = 0

    def trace(frame: FrameType, event: str, _: object) -> Callable[..., Any]:
        nonlocal count
        frame.f_trace_opcodes = True
        count += event == "opcode"
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        work()
    finally:
        sys.settrace(before)
    return count


SMALL = 30


@pytest.mark.parametrize(
    "packets",
    [
        syns_and_datagrams,
        blind_connections_and_datagrams,
        segments_backwards,
        segments_mixed,
        fragments_backwards,
        fragments_mixed,
        sessions_of_one_connection,
        starts_that_nobody_answers,
        stops_over_and_over,
        starts_over_and_over,
    ],
)
def test_twice_the_capture_costs_about_twice(
    packets: Callable[[int], Packets], tmp_path: Path
) -> None:
    path = tmp_path / "capture"
    costs = []
    for number in (SMALL, 2 * SMALL, 4 * SMALL):
        path.write_bytes(pcap(packets(number), frames.RAW_IP))
        costs.append(steps_of(lambda: report_capture(path)))
    small, middle, large = costs
    assert large - middle < 2.3 * (middle - small)  # of n log n no more; of a square it is 4

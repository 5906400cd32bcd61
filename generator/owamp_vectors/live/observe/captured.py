"""The control connections in a capture, each with what an observer says of it (pcap, pcapng)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from owamp_reference import token
from owamp_reference.negotiation import Credentials, Protocol

from ...disk import FileError, opened
from ..capture.files import CaptureError, read_packets
from ..capture.frames import FrameReader, TcpFlag, TcpSegment, UdpDatagram
from ..capture.reassembly import Reassembly
from ..net.addresses import CONTROL_PORTS, Address, normalized
from .observer import Observer
from .sessions import SessionIndex
from .steps import Step, Who, note, wrong

_WELL_KNOWN = 1024
_MAX_NAMED = 50
"""Connections on which the known mistakes are tried: there may be many."""


@dataclass(frozen=True)
class ConnectionReport:
    """What was seen of one control connection.

    Attributes:
        sums: what the test packets of each session come to.
        is_checked: whether a test session, or a fetch, was accepted and could be read.
        packets: for each step, the number of the captured packet that made it, from 1; 0 for none.
        observer: what it knows at the end.
    """

    client: Address
    server: Address
    protocol: Protocol | None
    steps: tuple[Step, ...]
    sums: tuple[Step, ...]
    is_checked: bool
    packets: tuple[int, ...]
    observer: Observer = field(repr=False)

    @property
    def all_steps(self) -> list[Step]:
        """The steps of the connection, then the sums."""
        return [*self.steps, *self.sums]


@dataclass
class _Connection:
    client: Address
    server: Address
    observer: Observer
    client_number: int
    number: int
    indexed: int = 0
    packets: list[int] = field(default_factory=list)
    directions: dict[Who, Reassembly] = field(
        default_factory=lambda: {Who.CLIENT: Reassembly(), Who.SERVER: Reassembly()}
    )

    def take(self, segment: TcpSegment, time: int | None) -> None:
        """Hand what a segment adds to the observer."""
        who, other = Who.CLIENT, Who.SERVER
        if segment.source == self.server:
            who, other = other, who
        mine, peers = self.directions[who], self.directions[other]
        if peers.next is None and segment.flags & TcpFlag.SYN and segment.flags & TcpFlag.ACK:
            peers.next = segment.acknowledged  # the client's SYN was not captured
        if segment.flags & TcpFlag.ACK:
            missing = peers.acknowledged(segment.acknowledged)
            if missing:
                self.observer.gap(other, f"{missing} octets were not captured", time)
        was_finished = mine.is_finished
        octets = mine.add(segment)
        feed, close = self.observer.client_octets, self.observer.client_closed
        if who is Who.SERVER:
            feed, close = self.observer.server_octets, self.observer.server_closed
        feed(octets, time)
        if mine.is_finished and not was_finished:
            close(time)

    def count(self, packet: int) -> None:
        """Steps that are new were made by a packet of this number."""
        self.packets += [packet] * (len(self.observer.steps) - len(self.packets))

    @property
    def is_over(self) -> bool:
        return any(direction.is_finished for direction in self.directions.values())

    def report(self, problem: CaptureError | None) -> ConnectionReport:
        """The end of the capture, which may be damage."""
        for who, direction in self.directions.items():
            missing = direction.unfilled()
            if missing:
                self.observer.gap(who, f"{missing} octets were not captured", None)
        sums = self.observer.sum_up()
        self.observer.finish()
        steps = self.observer.steps
        if problem is not None:
            text = f"the capture ends here: {problem}"
            steps = [*steps, Step("capture", Who.CONNECTION, (note(text),))]
        packets = (*self.packets, *[0] * (len(steps) - len(self.packets)))
        return ConnectionReport(
            self.client,
            self.server,
            self.observer.protocol,
            tuple(steps),
            tuple(sums),
            self.observer.is_checked,
            packets,
            self.observer,
        )


class _Reader:
    """Sorts the packets of a capture to their connections."""

    def __init__(
        self,
        credentials: Iterable[Credentials],
        protocol: Protocol | None,
        ports: Iterable[int],
        max_count: int,
    ) -> None:
        self.connections: list[_Connection] = []
        self._credentials = tuple(credentials)
        self._protocol = protocol
        self._ports = {*CONTROL_PORTS.values(), *ports}
        self._max_count = max_count
        self._number = 0
        self._by_ends: dict[frozenset[Address], _Connection] = {}
        self._sessions: SessionIndex[_Connection] = SessionIndex()
        self._blind: dict[frozenset[str], _Connection] = {}  # the latest between two hosts

    def take(self, packet: TcpSegment | UdpDatagram, time: int | None, number: int) -> None:
        """A packet of the capture, which has this number in it."""
        self._number = number
        if isinstance(packet, UdpDatagram):
            self._take_datagram(packet, time)
            return
        ends = frozenset((packet.source, packet.destination))
        connection = self._by_ends.get(ends)
        opens = bool(packet.flags & TcpFlag.SYN) and not packet.flags & TcpFlag.ACK
        again = (
            opens
            and connection is not None
            and (connection.is_over or packet.sequence != connection.client_number)
        )
        if connection is None or again:
            if packet.destination[1] in self._ports:
                client, server = packet.source, packet.destination
            elif packet.source[1] in self._ports:
                client, server = packet.destination, packet.source
            else:
                return
            connection = self._open(client, server, packet)
            self._by_ends[ends] = connection
            if not packet.flags & TcpFlag.SYN:
                text = "the capture begins inside the connection"
                connection.observer.gap(Who.CONNECTION, text, time)
        connection.take(packet, time)
        connection.count(self._number)
        self._note(connection)

    def _note(self, connection: _Connection) -> None:
        """What test packets are to be told by, after a segment of a connection."""
        sessions = connection.observer.sessions
        for session in sessions[connection.indexed :]:
            self._sessions.add(session, connection)
        connection.indexed = len(sessions)
        if connection.observer.is_blind:
            hosts = frozenset((connection.client[0], connection.server[0]))
            latest = self._blind.setdefault(hosts, connection)
            if connection.number > latest.number:
                self._blind[hosts] = connection

    def reports(self, problem: CaptureError | None) -> list[ConnectionReport]:
        """Of all connections, with what only shows in several."""
        challenges: dict[bytes, int] = {}
        for number, connection in enumerate(self.connections, 1):
            challenge = connection.observer.challenge
            if challenge is None:
                continue
            earlier = challenges.setdefault(challenge, number)
            if earlier != number:
                text = f"Challenge: expected new octets, found those of connection {earlier}"
                found = Step("Challenge", Who.SERVER, (wrong(text, "RFC 4656 §3.1"),))
                connection.observer.add(found)
        return [connection.report(problem) for connection in self.connections]

    def _open(self, client: Address, server: Address, first: TcpSegment) -> _Connection:
        number = len(self.connections)
        observer = Observer(
            self._protocol,
            self._credentials,
            client,
            server,
            self._max_count,
            names_mistakes=number < _MAX_NAMED,
        )
        connection = _Connection(client, server, observer, first.sequence, number)
        self.connections.append(connection)
        return connection

    def _take_datagram(self, packet: UdpDatagram, time: int | None) -> None:
        ends = normalized(packet.source), normalized(packet.destination)
        found = self._sessions.find(*ends, by_port=False) or self._sessions.find(
            *ends, by_port=True
        )
        connection = found[0] if found is not None else None
        if connection is None and min(ends[0][1], ends[1][1]) >= _WELL_KNOWN:
            connection = self._blind.get(frozenset((ends[0][0], ends[1][0])))
        if connection is None:
            return
        observer = connection.observer
        if packet.missing:
            text = f"{packet.missing} octets of a test packet were not captured"
            observer.add(Step("test packet", Who.SENDER, (note(text),), time=time))
        else:
            observer.test_packet(packet.payload, *ends, packet.ttl, time)
        connection.count(self._number)


def report_capture(
    path: Path,
    credentials: Iterable[Credentials] = (),
    protocol: Protocol | None = None,
    ports: Iterable[int] = (),
    max_count: int = token.DEFAULT_MAX_COUNT,
) -> list[ConnectionReport]:
    """The reports on every control connection in a capture, in order of their first packet.

    A capture that is cut off or damaged is reported on as far as it can be read.

    Args:
        protocol: of every connection; None to tell it by the port or by the messages.
        ports: server ports besides 861 and 862.
    Raises:
        FileError: the file cannot be read, is not a capture, or is damaged before the first
            control connection.
    """
    reader = _Reader(credentials, protocol, ports, max_count)
    problem = None
    frame_reader = FrameReader()
    try:
        with opened(path) as stream:
            for number, packet in enumerate(read_packets(stream), 1):
                try:
                    content = frame_reader.read(packet.link_type, packet.data)
                except KeyError:
                    expected = "expected Ethernet, raw IP, Linux cooked or loopback"
                    raise CaptureError(f"{expected}, found link type {packet.link_type}") from None
                if content is not None:
                    reader.take(content, packet.time, number)
    except CaptureError as error:
        problem = error
    if problem is not None and not reader.connections:
        raise FileError(f"{path}: {problem}")
    return reader.reports(problem)

"""The test packets of an observed session: what a receiver and what a sender can check."""

from __future__ import annotations

import ipaddress
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, Generic, NamedTuple, Self, TypeVar

from owamp_reference import keys, primitives
from owamp_reference.errors import ProtocolError
from owamp_reference.events import TestSession
from owamp_reference.keys import ControlKeys
from owamp_reference.layout import Layout
from owamp_reference.messages import Request, RequestSession, SkipRange, StopSessions
from owamp_reference.packets import (
    Z_BIT,
    ErrorEstimate,
    ReflectorPacket,
    SenderPacket,
    TestMode,
    decrypt_blocks,
    open_packet,
    protected_size,
)
from owamp_reference.primitives import HMAC_SIZE
from owamp_reference.sources import ntp_timestamp

from ..net.addresses import Address
from ..net.ntp import SECOND, seconds, signed
from ..net.schedule import send_times
from . import causes
from .steps import Part, Remark, Severity, Step, Who, note, right, wrong
from .times import time_remarks

FORMAT = "RFC 4656 §4.1.2"
REFLECTED_FORMAT = "RFC 5357 §4.2.1"
T = TypeVar("T")
_CLOCK_TOLERANCE = 10.0
"""Seconds that a clock which claims to be synchronized may differ from the capture's."""
_TOLERANCE = SECOND
"""NTP time for which a peer may have stood still between two readings of its clock."""
_EARLY = SECOND // 10
"""NTP time by which a packet may be early: timers are not exact."""
_MAX_SCHEDULE = 100_000
"""Packets whose time by the schedule is computed."""
_MAX_TRIES = 8
"""Packets of a session on which the known mistakes are tried."""
_ENOUGH = 3
"""Answers from which it can be told how a reflector counts."""


@dataclass(frozen=True)
class _Seen:
    """A packet of the sender."""

    payload: bytes
    packet: SenderPacket
    ttl: int | None
    time: int | None


@dataclass
class ObservedSession:
    """An accepted test session and its packets so far.

    Attributes:
        session: as the endpoints know it; its keys are None only in the unauthenticated mode.
        control_keys: T1 and T2, to recognize packets that were protected with them by mistake.
        sender, receiver: where its packets come from and go to; an empty address is any.
        is_starting: whether Start-Sessions was sent.
        is_started, is_stopped: whether packets may be sent yet, and still.
        is_tracked: whether that is known.
        is_whole: whether all that the sender sends is seen.
        tries: on how many packets that do not verify the known mistakes are still tried.
        unchecked: the extensions that may change its packets in ways that are not known here.
    """

    session: TestSession
    control_keys: ControlKeys | None = field(repr=False)
    sender: Address
    receiver: Address
    is_starting: bool = False
    is_started: bool = False
    is_stopped: bool = False
    is_tracked: bool = True
    is_whole: bool = False
    unchecked: str = ""
    tries: int = _MAX_TRIES
    _seen: dict[int, _Seen] = field(default_factory=dict, repr=False)
    _highest: int | None = None
    _sorted: list[int] = field(default_factory=list, repr=False)
    _arrivals: int = 0
    _reflected: dict[int, bytes] = field(default_factory=dict, repr=False)
    _answered: Counter[int] = field(default_factory=Counter, repr=False)
    _shifts: Counter[int] = field(default_factory=Counter, repr=False)
    _failed: Counter[Who] = field(default_factory=Counter, repr=False)
    _due: list[int] | None = field(default=None, repr=False)
    _last: dict[Who, tuple[int, int]] = field(default_factory=dict, repr=False)

    @classmethod
    def accepted(
        cls,
        request: Request,
        sid: bytes,
        port: int,
        mode: TestMode,
        control_keys: ControlKeys | None,
        ends: tuple[Address | None, Address | None],
    ) -> Self:
        """The session of a request that was accepted with a SID and a port; `ends` are the
        client's and the server's address on the control connection.
        """
        session_keys = None
        if control_keys is not None and mode is not TestMode.UNAUTHENTICATED:
            session_keys = keys.derive_test_session_keys(control_keys, sid)
        session = TestSession(request, sid, port, mode, session_keys)
        near, far = ends
        ports = request.sender_port, port
        if isinstance(request, RequestSession) and request.conf_sender:  # the server sends
            near, far = far, near
            ports = port, request.receiver_port
        return cls(
            session,
            control_keys,
            (_requested_address(request.ipvn, request.sender_address, near), ports[0]),
            (_requested_address(request.ipvn, request.receiver_address, far), ports[1]),
        )

    @property
    def is_two_way(self) -> bool:
        """Whether its packets are reflected (TWAMP)."""
        return not isinstance(self.session.request, RequestSession)

    @property
    def sends_from_client(self) -> bool:
        """Whether the client's side sends; in TWAMP it always does."""
        request = self.session.request
        return self.is_two_way or bool(request.conf_receiver and not request.conf_sender)

    @property
    def name(self) -> str:
        """Its SID, and the server's port."""
        return f"SID {self.session.sid.hex()}, port {self.session.port}"

    def highest_sequence_number(self) -> int | None:
        """Of the sender's packets that were seen; None if there were none."""
        return self._highest

    def seen_although_skipped(self, ranges: Sequence[SkipRange]) -> SkipRange | None:
        """The first range with the number of a packet of the sender that was seen; None if none."""
        if ranges and len(self._sorted) != len(self._seen):
            self._sorted = sorted(self._seen)
        numbers = self._sorted
        for item in ranges:
            place = bisect_left(numbers, item.first)
            if place < len(numbers) and numbers[place] <= item.last:
                return item
        return None

    def ways(self) -> Iterator[tuple[Who, Address, Address]]:
        """Who sends its packets, from where and to where; an empty host is any."""
        yield Who.SENDER, self.sender, self.receiver
        if self.is_two_way:
            yield Who.REFLECTOR, self.receiver, self.sender

    def take(self, payload: bytes, who: Who, ttl: int | None, time: int | None) -> Step:
        """The step of one packet of `who`, the sender or the reflector. Raises nothing."""
        kind: type[SenderPacket | ReflectorPacket]
        kind = SenderPacket if who is Who.SENDER else ReflectorPacket
        name = "TWAMP-Test packet" if self.is_two_way else "OWAMP-Test packet"
        source = FORMAT if who is Who.SENDER else REFLECTED_FORMAT
        remarks = list(self._order_remarks(who))
        parts = self._parts(payload, kind)
        try:
            packet = self._open(payload, who)
        except ProtocolError as error:
            text = str(error)
            if error.field == "HMAC":
                text += self._cause_text(payload, kind)
            remarks.append(wrong(text, source))
            self._failed[who] += 1
            return self._step(name, who, remarks, payload, parts, time)
        remarks += _common_remarks(packet, parts, source)
        remarks += time_remarks("Timestamp", packet.timestamp, time, source)
        remarks += self._clock_remarks(packet, who, time, source)
        if isinstance(packet, ReflectorPacket):
            remarks += self._reflected_remarks(packet, payload)
            remarks += self._receive_time_remarks(packet, time)
            self._answered[packet.sender_sequence_number] += 1
            self._shifts[packet.sequence_number - packet.sender_sequence_number] += 1
            summary = (
                f"Sequence Number {packet.sequence_number}, "
                f"answers {packet.sender_sequence_number}, Sender TTL {packet.sender_ttl}"
            )
        else:
            remarks += self._sender_remarks(packet, payload)
            remarks += self._schedule_remarks(packet)
            self._arrivals += 1
            self._seen.setdefault(packet.sequence_number, _Seen(payload, packet, ttl, time))
            self._highest = max(packet.sequence_number, self._highest or 0)
            summary = f"Sequence Number {packet.sequence_number}"
        summary += f", padding {len(packet.padding)} octets"
        remarks = remarks or [right(summary, source)]
        return self._step(name, who, remarks, payload, parts, time)

    def _step(
        self,
        name: str,
        who: Who,
        remarks: list[Remark],
        payload: bytes,
        parts: list[Part],
        time: int | None,
    ) -> Step:
        if self.unchecked:
            remarks = [
                note(f"not checked, for {self.unchecked}: {item.text}", item.source)
                if item.severity is Severity.WRONG
                else item
                for item in remarks
            ]
        return Step(name, who, tuple(remarks), payload, tuple(parts), time, tested=self.session)

    def _open(self, payload: bytes, who: Who) -> SenderPacket | ReflectorPacket:
        if who is Who.SENDER:
            return open_packet(self.session.mode, SenderPacket, payload, self.session.keys)
        return open_packet(self.session.mode, ReflectorPacket, payload, self.session.keys)

    def _order_remarks(self, who: Who) -> Iterator[Remark]:
        if not self.is_tracked:
            return
        if self.is_starting and not self.is_started and not self.sends_from_client:
            yield note("it came before Start-Ack, which it may have overtaken", "RFC 4656 §3.7")
        elif not self.is_started:
            text = "a test packet before Start-Ack accepted the start of the sessions"
            yield wrong(text, "RFC 4656 §3.7")
        if self.is_stopped and who is Who.SENDER:
            text = "a test packet after its side sent Stop-Sessions"
            yield wrong(text, "RFC 4656 §3.8")

    def _parts(self, payload: bytes, kind: type[SenderPacket | ReflectorPacket]) -> list[Part]:
        """The packet in fields, decrypted; whether it verifies or not."""
        mode = self.session.mode
        header = kind.header_size(mode)
        if len(payload) < header:
            return [Part(payload, title="Octets of a packet that is too short")]
        padding = Part(payload[header:], title="Packet Padding")
        if mode is TestMode.UNAUTHENTICATED or self.session.keys is None:
            return [Part(payload[:header], kind.OPEN_LAYOUT), padding]
        size = protected_size(kind.PROTECTED_LAYOUT, mode)
        text = decrypt_blocks(mode, self.session.keys.t3, payload[:size])
        text += payload[size : header - HMAC_SIZE]
        tag = Part(payload[header - HMAC_SIZE : header], title="HMAC")
        return [Part(text, kind.PROTECTED_LAYOUT), tag, padding]

    def _cause_text(self, payload: bytes, kind: type[SenderPacket | ReflectorPacket]) -> str:
        """How a packet whose HMAC is wrong was protected instead, if that can be told."""
        form = self._other_form(payload, kind)
        if form is not None:
            return f"; it verifies {form}"
        if self.control_keys is None or not self.tries:
            return ""
        self.tries -= 1
        name = causes.packet_mistake(
            self.session.mode, self.control_keys, self.session.sid, kind, payload
        )
        return f"; a known mistake: {name}" if name is not None else ""

    def _other_form(self, payload: bytes, kind: type[SenderPacket | ReflectorPacket]) -> str | None:
        """How a packet whose HMAC is wrong was protected instead, if that can be told."""
        assert self.session.keys is not None
        modes = {
            TestMode.AUTHENTICATED: "in the form of the authenticated mode (one block, ECB)",
            TestMode.ENCRYPTED: "in the form of the encrypted mode (all blocks, CBC)",
        }
        candidates = [("under T3, T4", self.session.keys)]
        if self.control_keys is not None:
            control_keys = self.control_keys
            themselves = keys.TestSessionKeys(control_keys.t1, control_keys.t2)
            one_way = keys.one_way_test_session_keys(control_keys, self.session.sid)
            candidates += [
                ("under the control keys T1, T2", themselves),
                ("under keys from a one-way KDF", one_way),
            ]
        for key_name, candidate in candidates:
            for mode, form in modes.items():
                header = kind.header_size(mode)
                size = protected_size(kind.PROTECTED_LAYOUT, mode)
                text = decrypt_blocks(mode, candidate.t3, payload[:size])
                expected = primitives.hmac_sha1_128(candidate.t4, text)
                if primitives.equal(payload[header - HMAC_SIZE : header], expected):
                    return f"{key_name}, {form}"
        return None

    def _sender_remarks(self, packet: SenderPacket, payload: bytes) -> Iterator[Remark]:
        number = packet.sequence_number
        earlier = self._seen.get(number)
        if earlier is not None and earlier.payload == payload:
            yield note(f"a duplicate of packet {number}", "RFC 4656 §4.2")
        elif earlier is not None:
            text = f"Sequence Number: expected one of its own, found {number} again"
            yield wrong(text, FORMAT)
        request = self.session.request
        asked, found = request.padding_length, len(packet.padding)
        if self.is_two_way:
            # RFC 5357 §4.1.2 lets the sender make room for the reflector's longer packet.
            mode = self.session.mode
            room = ReflectorPacket.header_size(mode) - SenderPacket.header_size(mode)
            if found not in (asked, asked + room):
                text = f"Packet Padding: expected {asked} octets as requested, found {found}"
                yield note(text, "RFC 5357 §4.1.2")
            return
        if number >= request.number_of_packets:
            text = f"Sequence Number: expected one below {request.number_of_packets}, as requested"
            yield wrong(f"{text}, found {number}", "RFC 4656 §3.5")
        if found != asked:
            text = f"Packet Padding: expected {asked} octets as requested, found {found}"
            yield wrong(text, "RFC 4656 §3.5")

    def _reflected_remarks(self, packet: ReflectorPacket, payload: bytes) -> Iterator[Remark]:
        def differs(field_name: str, expected: str, found: object) -> Remark:
            text = str(ProtocolError(field_name, expected, str(found)))
            return wrong(text, REFLECTED_FORMAT)

        number = packet.sequence_number
        earlier = self._reflected.setdefault(number, payload)
        if earlier != payload:
            yield differs("Sequence Number", "one of its own", f"{number} again")
        elif number >= self._arrivals + self._repeated:
            text = f"Sequence Number {number}, though {self._arrivals} packets were seen to be sent"
            text += ": some were doubled on their way or not seen, or it does not count from 0"
            yield note(text, REFLECTED_FORMAT)
        if signed(packet.timestamp - packet.receive_timestamp) < 0:
            yield differs("Timestamp", "one not before Receive Timestamp", "an earlier one")
        seen = self._seen.get(packet.sender_sequence_number)
        if seen is None:
            found = packet.sender_sequence_number
            if self.is_whole:
                yield differs("Sender Sequence Number", "that of a packet that was sent", found)
            else:
                text = f"answers packet {found}, which was not seen: its echoes are not checked"
                yield note(text, REFLECTED_FORMAT)
            return
        echoes = {
            "Sender Timestamp": (seen.packet.timestamp, packet.sender_timestamp),
            "Sender Error Estimate": (seen.packet.error_estimate, packet.sender_error_estimate),
        }
        for name, (sent, echoed) in echoes.items():
            if sent != echoed:
                yield differs(name, f"{sent:#x} as it was sent", f"{echoed:#x}")
        if seen.ttl is not None and seen.ttl < packet.sender_ttl < 255:
            expected = f"at most {seen.ttl}, with which the packet was seen, or 255"
            yield differs("Sender TTL", expected, packet.sender_ttl)
        if len(payload) < len(seen.payload) or not seen.packet.padding.startswith(packet.padding):
            text = "Packet Padding: not the sender's, cut to give a packet of the same size"
            yield note(text, REFLECTED_FORMAT)

    @property
    def _repeated(self) -> int:
        """How many answers came to a packet that was answered before: it was doubled."""
        return self._answered.total() - len(self._answered)

    def _receive_time_remarks(self, packet: ReflectorPacket, time: int | None) -> Iterator[Remark]:
        """Receive Timestamp against Timestamp: the reflector cannot have kept a packet for longer
        than the answer took, by any clock.
        """
        name = "Receive Timestamp"
        yield from time_remarks(name, packet.receive_timestamp, time, REFLECTED_FORMAT)
        seen = self._seen.get(packet.sender_sequence_number)
        if not packet.receive_timestamp or seen is None or seen.time is None or time is None:
            return
        took = ((time - seen.time) << 32) // 10**9
        kept = signed(packet.timestamp - packet.receive_timestamp)
        if kept > took + _TOLERANCE:
            text = f"{name}: expected one at most {seconds(took):.3f} s before Timestamp, as long "
            text += f"as the answer took, found one {seconds(kept):.3f} s before it"
            yield wrong(text, REFLECTED_FORMAT)

    def _schedule_remarks(self, packet: SenderPacket) -> Iterator[Remark]:
        """Timestamp against Start Time and, in OWAMP, the schedule, all by the sender's clock."""
        request, stamp = self.session.request, packet.timestamp
        if not request.start_time or not stamp:
            return
        early = signed(request.start_time - stamp)
        if early > _EARLY:
            text = f"Timestamp: expected none before Start Time, found one {seconds(early):.3f} s "
            yield wrong(text + "before it", "RFC 4656 §3.5")
            return
        if not isinstance(request, RequestSession):
            return
        if self._due is None:
            size = min(request.number_of_packets, _MAX_SCHEDULE)
            times = send_times(self.session.sid, request.start_time, request.slots)
            self._due = list(islice(times, size)) if request.slots else []
        if packet.sequence_number >= len(self._due):
            return
        off = signed(stamp - self._due[packet.sequence_number])
        if off > request.timeout:
            text = f"Timestamp: {seconds(off):.3f} s after its time by the schedule, more than "
            yield wrong(text + "Timeout: it is not to be sent any more", "RFC 4656 §4.1.1")
        elif off < -_EARLY:
            text = f"Timestamp: {-seconds(off):.3f} s before its time by the schedule"
            yield note(text, "RFC 4656 §4.1.1")

    def sum_remarks(self) -> list[Remark]:
        """What the packets come to, as far as they were seen."""
        sent, again = len(self._seen), self._arrivals - len(self._seen)
        counts = f"{sent} test packets sent" + (f", {again} seen more than once" if again else "")
        if self.is_two_way:
            counts += f", {len(self._answered)} of them reflected"
            if self._repeated:
                counts += f", {self._repeated} answers more"
        elif isinstance(self.session.request, RequestSession):
            counts += f" of {self.session.request.number_of_packets} that were asked for"
        remarks = [
            note(f"{n} of the {who.value} did not verify") for who, n in self._failed.items()
        ]
        remarks += self.count_remarks()
        is_empty = not sent and not self._answered
        return [note(counts) if is_empty else right(counts), *remarks]

    def count_remarks(self) -> list[Remark]:
        """Whether the reflector counts what it sends, from 0 (RFC 5357 §4.2.1).

        It may number an answer higher than packets were sent, for one that was doubled on its way.
        Here all of them were answered once, each with a number that is as much too high.
        """
        if self.unchecked or len(self._answered) < _ENOUGH or self._repeated:
            return []
        ((shift, _), *others) = self._shifts.items()
        if others or shift <= 0 or set(self._answered) != set(range(self._arrivals)):
            return []
        text = f"Sequence Number: expected one from 0 on, found one from {shift} on"
        return [wrong(text, REFLECTED_FORMAT)]

    def _clock_remarks(
        self, packet: SenderPacket | ReflectorPacket, who: Who, time: int | None, source: str
    ) -> Iterator[Remark]:
        number, last = packet.sequence_number, self._last.get(who)
        if last is not None and last[0] < number and packet.timestamp < last[1]:
            text = f"Timestamp: earlier than that of packet {last[0]}"
            yield note(text, source)
        if last is None or last[0] < number:
            self._last[who] = number, packet.timestamp
        estimate = ErrorEstimate.from_int(packet.error_estimate)
        if time is None or not estimate.synchronized:
            return
        off = abs(packet.timestamp - ntp_timestamp(time)) / 2**32
        off = min(off, 2**32 - off)  # across the end of an era
        if off > estimate.multiplier * 2.0 ** (estimate.scale - 32) + _CLOCK_TOLERANCE:
            text = f"Timestamp: S says synchronized to UTC, but it is {off:.0f} s off the capture"
            yield note(text, source)


class SessionIndex(Generic[T]):
    """Sessions by the addresses between which their packets go, each with something to find."""

    def __init__(self) -> None:
        self._by_ends: dict[tuple[Address, Address], _Found[T]] = {}
        self._by_ports: dict[tuple[int, int], _Found[T]] = {}
        self._number = 0

    def add(self, session: ObservedSession, value: T) -> None:
        """Take up a session; from now on it is found before all others."""
        self._number += 1
        for who, near, far in reversed([*session.ways()]):
            found = _Found(self._number, who is Who.SENDER, value, who)
            self._by_ends[near, far] = found
            self._by_ports[near[1], far[1]] = found

    def find(self, source: Address, destination: Address, by_port: bool) -> tuple[T, Who] | None:
        """What the latest session was added with that a packet belongs to, and who has sent it.

        `by_port` looks at ports alone: a request may name addresses that NAT has changed since.
        """
        if by_port:
            found = [self._by_ports.get((source[1], destination[1]))]
        else:
            found = [
                self._by_ends.get(((near, source[1]), (far, destination[1])))
                for near in (source[0], "")
                for far in (destination[0], "")
            ]
        latest = max((item for item in found if item is not None), key=_rank, default=None)
        return None if latest is None else (latest.value, latest.who)


class _Found(NamedTuple, Generic[T]):
    number: int
    is_sender: bool
    value: T
    who: Who


def _rank(found: _Found[Any]) -> tuple[int, bool]:
    return found.number, found.is_sender


def _requested_address(ipvn: int, octets: bytes, otherwise: Address | None) -> str:
    """An address of a request as text: that of the control connection if it is zero (RFC 4656
    §3.5), empty if neither is known.
    """
    if any(octets):
        return str(ipaddress.ip_address(octets[:4] if ipvn == 4 else octets))
    return otherwise[0] if otherwise is not None else ""


def _common_remarks(
    packet: SenderPacket | ReflectorPacket, parts: list[Part], source: str
) -> Iterator[Remark]:
    head = parts[0]
    assert head.layout is not None
    mbz = _first_mbz(head.layout, head.octets)
    if mbz is not None:
        yield wrong(f"MBZ: expected zeros, found others at offset {mbz}", source)
    if packet.error_estimate & Z_BIT:
        yield wrong("Error Estimate: expected Z 0, found 1", source)


def _first_mbz(layout: Layout, text: bytes) -> int | None:
    """The offset of the first field that should be zero and is not."""
    for offset, part in layout.offsets():
        if not part.name and any(text[offset : offset + part.size]):
            return offset
    return None


def record_remarks(sessions: Iterable[ObservedSession], stop: StopSessions) -> Iterator[Remark]:
    """What the records of Stop-Sessions say that does not go with the packets that were seen."""
    by_sid = {item.session.sid: item for item in sessions}
    for record in stop.sessions:
        firsts = [item.first for item in record.skip_ranges]
        if firsts != sorted(firsts):
            yield wrong("Skip Ranges: expected ascending ones, found another order", stop.SOURCE)
        session = by_sid.get(record.sid)
        if session is None:
            continue
        highest = session.highest_sequence_number()
        if highest is not None and highest >= record.next_seqno:
            expected = f"above {highest}, the number of a packet that was sent"
            error = ProtocolError("Next Seqno", expected, str(record.next_seqno))
            yield wrong(error, stop.SOURCE)
        skipped = session.seen_although_skipped(record.skip_ranges)
        if skipped is not None:
            text = f"Skip Ranges: a packet of {skipped.first} to {skipped.last} was sent"
            yield wrong(text, stop.SOURCE)


def open_sender_packet(payload: bytes) -> SenderPacket | None:
    """`payload` as a sender's packet in the unauthenticated form; None if it cannot be one."""
    try:
        return open_packet(TestMode.UNAUTHENTICATED, SenderPacket, payload)
    except ProtocolError:
        return None

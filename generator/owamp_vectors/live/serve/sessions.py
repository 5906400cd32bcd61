"""The test sessions of a server: a reflector (TWAMP), a receiver and a sender (OWAMP).

Each has a UDP socket and one peer, whose packets alone it looks at. What arrives is checked by the
endpoints of the reference; what does not verify is counted and discarded (RFC 4656 §4.2).
"""

from __future__ import annotations

import asyncio
import heapq
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import islice

from owamp_reference.errors import ProtocolError
from owamp_reference.events import TestSession
from owamp_reference.messages import (
    Accept,
    PacketRecord,
    RequestSession,
    SessionDescription,
    SkipRange,
    check_skip_ranges,
)
from owamp_reference.packets import ReflectorPacket, TestMode
from owamp_reference.sessions import (
    DEFAULT_ERROR_ESTIMATE,
    DEFAULT_TTL,
    SessionReceiver,
    SessionReflector,
    SessionSender,
)
from owamp_reference.sources import system_clock, system_random

from ..net.addresses import SocketAddress, holder
from ..net.ntp import seconds, signed
from ..net.schedule import send_times
from ..net.udp import Datagrams, DatagramTap
from .limits import ServiceLimits
from .policy import Reservation
from .results import ClientIdentity, SessionResult


class ServedSession:
    """What the three kinds share: the socket, the peer, the counts, the time-out.

    Args:
        session: as the control connection agreed on it.
        reservation: its socket, closed by `close`, and its peer, whose port 0 stands for any.
        client: who asked for it.
        tap: is told of every datagram.
        on_end: called once, when the session is over for good.
    """

    role = ""

    def __init__(
        self,
        session: TestSession,
        reservation: Reservation,
        client: ClientIdentity,
        limits: ServiceLimits,
        tap: DatagramTap,
        on_end: Callable[[ServedSession], None],
    ) -> None:
        self.session = session
        self.peer, self.host = reservation.peer, holder(reservation.peer)
        self.client = client
        self.received = self.sent = 0
        self.discards: Counter[str] = Counter()
        self._datagrams = Datagrams(reservation.socket)
        self._limits = limits
        self._tap = tap
        self._on_end = on_end
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self._last_packet = self._started_at = self._loop.time()
        self.is_started = self.is_over = False

    @property
    def discarded(self) -> int:
        """How many packets were discarded."""
        return self.discards.total()

    @property
    def sid(self) -> bytes:
        """The SID, 16 octets."""
        return self.session.sid

    @property
    def port(self) -> int:
        """The UDP port of this side."""
        return int(self._datagrams.local[1])

    @property
    def timeout(self) -> float:
        """Timeout of the request, in seconds."""
        return seconds(self.session.request.timeout)

    def completed_at(self) -> float:
        """When all is sent and nothing can arrive in time any more, in the loop's time."""
        return self._last_packet

    def expires_at(self) -> float:
        """When the peer has been silent for REFWAIT, or its time is up, in the loop's time."""
        silent = max(self._last_packet, self.completed_at()) + self._limits.refwait
        return min(silent, self._started_at + self._limits.session_time)

    def start(self) -> None:
        """Begin: Start-Ack is about to be sent."""
        self.is_started = True
        self._last_packet = self._started_at = self._loop.time()
        self._datagrams.open(self._receive)
        self._watch()

    def _watch(self) -> None:
        if self._loop.time() >= self.expires_at():
            self.close()
        else:
            self._timer = self._loop.call_at(self.expires_at(), self._watch)

    def _receive(self, data: bytes, source: SocketAddress, ttl: int | None) -> None:
        self._tap(data, source, self._datagrams.local, ttl)
        if source[0] != self.peer[0] or self.peer[1] not in (0, source[1]):
            self.discards["not from the peer's address and port"] += 1
            return
        if self.received >= self._limits.packets:
            self.discards[f"above the limit of {self._limits.packets} packets"] += 1
            return
        try:
            self.take(data, source, DEFAULT_TTL if ttl is None else ttl)
        except ProtocolError as error:
            # Without what was found, which may be another value for each packet.
            self.discards[f"{error.field}: expected {error.expected}"] += 1
            return
        self.received += 1
        self._last_packet = self._loop.time()

    def take(self, data: bytes, source: SocketAddress, ttl: int) -> None:
        """Deal with a packet of the peer. Raises `ProtocolError` if it is to be discarded."""
        del data, source, ttl
        raise ProtocolError("test packet", "none from a receiver", "one")

    def send(self, data: bytes, destination: SocketAddress) -> bool:
        """Send a packet; False if the system does not take it."""
        if not self._datagrams.send(data, destination):
            return False
        self._tap(data, self._datagrams.local, destination, None)
        self.sent += 1
        return True

    def stop(self) -> None:
        """The end by Stop-Sessions."""
        self.close()

    def close(self) -> None:
        """The end, at once; nothing happens if it is over already."""
        if self.is_over:
            return
        self.is_over = True
        if self._timer is not None:
            self._timer.cancel()
        self._datagrams.close()
        self._on_end(self)

    def describe(self) -> str:
        """One line: port, role and counts, with the reasons for which packets were discarded."""
        counts = f"{self.received} received, {self.sent} sent, {self.discarded} discarded"
        if self.discards:
            counts += f" ({'; '.join(f'{n} {why}' for why, n in self.discards.most_common())})"
        return f"session at port {self.port} ({self.role}): {counts}"


class ServedReflector(ServedSession):
    """The Session-Reflector (RFC 5357 §4.2)."""

    role = "reflector"

    def start(self) -> None:
        """Begin with Sequence Number 0."""
        self._reflector = SessionReflector(self.session.mode, self.session.keys)
        super().start()

    def take(self, data: bytes, source: SocketAddress, ttl: int) -> None:
        """Answer it (RFC 5357 §4.2.1).

        In clear, anybody can have sent it: no answer is longer than its packet, so that nothing is
        made more of. A sender has 27 octets of padding for that (RFC 5357 §4.1.2).
        """
        mode = self.session.mode
        least = ReflectorPacket.header_size(mode)
        if mode is TestMode.UNAUTHENTICATED and len(data) < least:
            expected = f"at least {least} octets, the size of its answer"
            raise ProtocolError("test packet", expected, str(len(data)))
        self.send(self._reflector.reflect(data, ttl), source)

    def stop(self) -> None:
        """Go on for Timeout: packets may be on their way (RFC 5357 §3.5)."""
        if self.is_over:
            return
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_later(self.timeout, self.close)


class _Scheduled(ServedSession):
    """A session with a schedule (OWAMP)."""

    @property
    def request(self) -> RequestSession:
        request = self.session.request
        assert isinstance(request, RequestSession)
        return request

    def start(self) -> None:
        request = self.request
        # A clock says 0 in 2036. Here it stands for no time, so that Start-Sessions is the start
        # (RFC 4656 §3.5).
        begin = request.start_time or system_clock()
        times = send_times(self.sid, begin, request.slots)
        self._times = list(islice(times, request.number_of_packets))
        ahead = signed(self._times[-1] - system_clock()) if self._times else 0
        # The times of an exponential slot have no bound.
        longest = self._limits.start_ahead + self._limits.refwait
        rest = min(max(0.0, seconds(ahead)), longest)
        self._completed_at = self._loop.time() + rest + self.timeout
        super().start()

    def completed_at(self) -> float:
        return self._completed_at


class ServedReceiver(_Scheduled):
    """The Session-Receiver (RFC 4656 §4.2), and what it records."""

    role = "receiver"

    def start(self) -> None:
        """Begin without records."""
        self._receiver = SessionReceiver(self.session.mode, self.session.keys)
        self._records: list[PacketRecord] = []
        super().start()

    def take(self, data: bytes, source: SocketAddress, ttl: int) -> None:
        """Record it, unless it is out of its time (RFC 4656 §4.2)."""
        del source
        now = system_clock()
        packet = self._receiver.receive(data)
        number, timeout = packet.sequence_number, self.request.timeout
        if number >= len(self._times):
            expected = f"below {len(self._times)}"
            raise ProtocolError("Sequence Number", expected, str(number))
        for reference in (now, self._times[number]):
            if abs(signed(packet.timestamp - reference)) > timeout:
                raise ProtocolError("Timestamp", "one within Timeout", "another")
        self._records.append(
            PacketRecord(
                number,
                packet.error_estimate,
                DEFAULT_ERROR_ESTIMATE.to_int(),
                packet.timestamp,
                now,
                ttl,
            )
        )

    def so_far(self) -> SessionResult | None:
        """What is recorded while the session runs; None if it does not."""
        if not self.is_started or self.is_over:
            return None
        return self._result(None)

    def finish(self, description: SessionDescription, accept: int) -> SessionResult | None:
        """Take the sender's record in Stop-Sessions; None if results are not valid by it (§3.8)."""
        highest = max((record.seq_number for record in self._records), default=-1)
        if accept != Accept.OK or description.next_seqno > len(self._times):
            return None
        if highest >= description.next_seqno:
            return None
        try:  # else they could not be fetched
            check_skip_ranges(description.skip_ranges)
        except ProtocolError:
            return None
        # By the computed time, not that in the packet: what may still arrive counts for nothing.
        now, timeout = system_clock(), self.request.timeout
        lost = self._lost(description, now - timeout)
        arrived = (
            record
            for record in self._records
            if not 0 <= signed(now - self._times[record.seq_number]) < timeout
        )
        self._records = list(heapq.merge(arrived, lost, key=self._known_at))
        return self._result(description)

    def _result(self, description: SessionDescription | None) -> SessionResult:
        # The SID too: it seeds the schedule, and clients read it here.
        request = replace(self.request, receiver_port=self.session.port, sid=self.sid)
        return SessionResult(request, tuple(self._records), description)

    def _known_at(self, record: PacketRecord) -> int:
        """When the receiver knew of it, from Start Time: as it arrived, or as it was declared lost,
        Timeout after it was due. Clients take the records for sorted so (RFC 4656 §3.9).
        """
        time = record.receive_timestamp
        if record.is_lost:
            time = record.send_timestamp + self.request.timeout
        return signed(time - self.request.start_time)

    def _lost(self, description: SessionDescription, until: int) -> Iterator[PacketRecord]:
        """The records of packets that were due until a time, were sent, and did not arrive."""
        seen = {record.seq_number for record in self._records}
        for skipped in description.skip_ranges:
            seen.update(range(skipped.first, min(skipped.last + 1, len(self._times))))
        for number in range(description.next_seqno):
            if number not in seen and signed(until - self._times[number]) >= 0:
                mine = DEFAULT_ERROR_ESTIMATE.to_int()
                yield PacketRecord.lost(number, self._times[number], mine)


class ServedSender(_Scheduled):
    """The Session-Sender of OWAMP (RFC 4656 §4.1)."""

    role = "sender"
    _task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to send by the schedule."""
        padding = system_random if self.request.padding_length else None
        self._sender = SessionSender(self.session.mode, self.session.keys, padding=padding)
        self._skipped: list[SkipRange] = []
        super().start()
        self._task = self._loop.create_task(self._run())

    async def _run(self) -> None:
        for number, time in enumerate(self._times):
            ahead = seconds(signed(time - system_clock()))
            if ahead < -self.timeout:
                self._skip(number)
                continue
            await asyncio.sleep(max(0.0, ahead))
            if not self.send(self._sender.next_packet(self.request.padding_length), self.peer):
                self._skip(number)

    def _skip(self, number: int) -> None:
        """Note a packet that is not sent: too late (§4.1.1), or not taken by the system."""
        self._sender.next_sequence_number = number + 1
        if self._skipped and self._skipped[-1].last == number - 1:
            self._skipped[-1] = SkipRange(self._skipped[-1].first, number)
        else:
            self._skipped.append(SkipRange(number, number))

    def description(self) -> SessionDescription:
        """What Stop-Sessions says of this session (§3.8)."""
        next_seqno = self._sender.next_sequence_number
        return SessionDescription(self.sid, next_seqno, tuple(self._skipped))

    def close(self) -> None:
        """The end, at once: no packet is sent after it."""
        if self._task is not None:
            self._task.cancel()
        super().close()

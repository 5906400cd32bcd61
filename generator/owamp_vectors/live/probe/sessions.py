"""The test sessions of a probe: what it sends and receives, and what it makes of that."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import replace
from itertools import islice

from owamp_reference.errors import ProtocolError
from owamp_reference.events import Fetched, TestSession
from owamp_reference.keys import TestSessionKeys, control_keys_from_test_keys, make_sid
from owamp_reference.messages import (
    Accept,
    PacketRecord,
    Request,
    RequestSession,
    RequestTWSession,
    ScheduleSlot,
    SessionDescription,
    StopSessions,
)
from owamp_reference.packets import ReflectorPacket, TestMode
from owamp_reference.sessions import DEFAULT_ERROR_ESTIMATE, SessionReceiver, SessionSender
from owamp_reference.sources import system_clock, system_random

from ..net.addresses import SocketAddress, address_in_sid, at_port, ip_version, packed
from ..net.ntp import SECOND, seconds, signed
from ..net.schedule import FIXED, STOP_INCREMENT, send_times
from ..net.udp import Datagrams, DatagramTap, bind
from ..observe import causes
from ..observe.steps import Remark, Severity, Who, note, right, wrong
from .config import ProbeConfig

_FETCH = "RFC 4656 §3.9"
_YEAR = 365 * 86_400
_TRIAL_INTERVAL, _TRIAL_WAIT = 0.005, 1.0
_HEADER = ReflectorPacket.header_size(TestMode.ENCRYPTED)
_MORE_PACKETS, _MORE_OCTETS = 1000, 2**24
"""What is looked at beyond twice what is expected: a peer may send without end."""


class ProbeSession:
    """What the kinds share: a socket beside the control connection, and the counts.

    Args:
        local, server: the ends of the control connection.
        tap: is told of every datagram.
    Raises:
        OSError: no UDP port can be had.
    """

    peer_role = Who.REFLECTOR

    def __init__(
        self, config: ProbeConfig, local: SocketAddress, server: SocketAddress, tap: DatagramTap
    ) -> None:
        self._config, self._local, self._server, self._tap = config, local, server, tap
        self._datagrams = Datagrams(bind(local, 0))
        self._peer = server
        self._session: TestSession | None = None
        self._numbers: Counter[int] = Counter()
        self._bad = self._foreign = self._beyond = 0
        self._packets_left = 2 * config.count + _MORE_PACKETS
        self._octets_left = 2 * config.count * (config.padding + _HEADER) + _MORE_OCTETS
        self._all_there = asyncio.Event()

    @property
    def port(self) -> int:
        """The UDP port of this side."""
        return int(self._datagrams.local[1])

    @property
    def session(self) -> TestSession:
        """The session as it was accepted."""
        assert self._session is not None
        return self._session

    @property
    def name(self) -> str:
        """Its SID, and the server's port."""
        return f"SID {self.session.sid.hex()}, port {self.session.port}"

    def request(self) -> Request:
        """What to ask the server for."""
        raise NotImplementedError

    def accepted(self, session: TestSession) -> None:
        """Take the server's answer: the SID, the keys, its port."""
        self._session = session
        self._peer = at_port(self._server, session.port)
        self._datagrams.open(self._receive)

    async def run(self) -> None:
        """Exchange the test packets."""
        raise NotImplementedError

    def descriptions(self) -> tuple[SessionDescription, ...]:
        """What the client's Stop-Sessions says of the session."""
        return ()

    def remarks(self) -> list[Remark]:
        """What came of the test packets."""
        raise NotImplementedError

    def close(self) -> None:
        """Close the socket."""
        self._datagrams.close()

    def _receive(self, data: bytes, source: SocketAddress, ttl: int | None) -> None:
        if source[:2] != self._peer[:2]:
            self._foreign += 1
            return
        self._packets_left -= 1
        self._octets_left -= len(data)
        if self._packets_left < 0 or self._octets_left < 0:
            self._beyond += 1
            return
        self._tap(data, source, self._datagrams.local, ttl)
        try:
            self._numbers[self._read(data)] += 1
        except ProtocolError:
            self._bad += 1
        if len(self._numbers) >= self._config.count:
            self._all_there.set()

    def _read(self, data: bytes) -> int:
        """The number of a packet; raises `ProtocolError` if it is to be discarded."""
        raise NotImplementedError

    def _send(self, data: bytes) -> None:
        if self._datagrams.send(data, self._peer):
            self._tap(data, self._datagrams.local, self._peer, None)

    async def _wait_for_all(self, limit: float) -> None:
        try:
            async with asyncio.timeout(max(0.0, limit)):
                await self._all_there.wait()
        except TimeoutError:
            pass

    def _count_remarks(
        self, what: str, source: str, if_none: Severity = Severity.WRONG
    ) -> list[Remark]:
        """What the counts of packets of the server say; `if_none` came is how grave that is."""
        there, count = len(self._numbers), self._config.count
        severity = Severity.OK if there == count else Severity.NOTE if there else if_none
        remarks = [Remark(severity, f"{there} of {count} test packets {what}", source)]
        again = sum(self._numbers.values()) - there
        if again:
            remarks.append(note(f"{again} came more than once", source))
        if self._bad:
            remarks.append(wrong(f"{self._bad} did not verify", source))
        if self._beyond:
            text = f"{self._beyond} more packets came than are looked at"
            remarks.append(wrong(text, source))
        if self._foreign:
            text = f"{self._foreign} packets came from elsewhere and were not looked at"
            remarks.append(note(text))
        return remarks


class _Sending(ProbeSession):
    """A session in which the probe sends."""

    def accepted(self, session: TestSession) -> None:
        """Take the server's answer, and be ready to send."""
        self.stamps: list[int] = []
        self._accepted_at = system_clock()
        padding = system_random if self._config.padding else None
        self._sender = SessionSender(session.mode, session.keys, self._stamp, padding)
        super().accepted(session)

    def _stamp(self) -> int:
        self.stamps.append(system_clock())
        return self.stamps[-1]


class ProbeTwoWay(_Sending):
    """TWAMP: the probe sends, the server reflects."""

    _trials: list[bytes] | None = None
    _mistakes: tuple[str, ...] = ()

    def request(self) -> RequestTWSession:
        """Between the hosts of the control connection, at any port of the server."""
        return RequestTWSession(
            ipvn=ip_version(self._local),
            sender_port=self.port,
            receiver_port=self.port,  # the server may take another (RFC 5357 §3.5)
            sender_address=packed(self._local),
            receiver_address=packed(self._server),
            padding_length=self._config.padding,
            start_time=system_clock(),
            timeout=int(self._config.loss_timeout * SECOND),
            type_p=0,
        )

    async def run(self) -> None:
        """Send all, then wait for the answers that are still to come."""
        for number in range(self._config.count):
            if number:
                await asyncio.sleep(self._config.interval)
            self._send(self._sender.next_packet(self._config.padding))
        await self._wait_for_all(self._config.timeout)
        if not self._numbers and not self._bad and self.session.keys is not None:
            await self._try_mistakes(self.session.keys)

    async def _try_mistakes(self, keys: TestSessionKeys) -> None:
        """Nothing came back: send one packet protected by each known mistake, and see which of them
        is answered. These packets are not the session's, and not in its report.
        """
        session, self._trials = self.session, []
        control_keys = control_keys_from_test_keys(keys, session.sid)
        ways = list(causes.protections(session.mode, control_keys, session.sid))
        for number, way in enumerate(ways, self._sender.next_sequence_number):
            with way.applied() as other:
                sender = SessionSender(session.mode, other)
                sender.next_sequence_number = number
                packet = sender.next_packet(self._config.padding)
            self._datagrams.send(packet, self._peer)
            await asyncio.sleep(_TRIAL_INTERVAL)
        await asyncio.sleep(min(_TRIAL_WAIT, self._config.timeout))
        for answer in self._trials:
            found = (way.name for way in ways if way.opens(ReflectorPacket, answer))
            self._mistakes = (*self._mistakes, *found)

    def _receive(self, data: bytes, source: SocketAddress, ttl: int | None) -> None:
        if self._trials is None:
            super()._receive(data, source, ttl)
        elif source[:2] == self._peer[:2]:
            self._trials.append(data)

    def _read(self, data: bytes) -> int:
        return self._sender.receive(data).sender_sequence_number

    def remarks(self) -> list[Remark]:
        """A reflector answers each packet (RFC 5357 §4.2.1)."""
        remarks = self._count_remarks("were reflected", "RFC 5357 §4.2.1")
        if self._trials:
            names = ", or: ".join(dict.fromkeys(self._mistakes)) or "none that is known fits"
            remarks.append(note(f"it answers a packet that is protected by a mistake: {names}"))
        return remarks


class _OneWay(ProbeSession):
    """OWAMP."""

    _is_sender = True

    def request(self) -> RequestSession:
        """Between the hosts of the control connection, by a fixed interval."""
        local, server = packed(self._local), packed(self._server)
        return RequestSession(
            ipvn=ip_version(self._local),
            conf_sender=int(not self._is_sender),
            conf_receiver=int(self._is_sender),
            number_of_packets=self._config.count,
            sender_port=self.port if self._is_sender else 0,
            receiver_port=0 if self._is_sender else self.port,
            sender_address=local if self._is_sender else server,
            receiver_address=server if self._is_sender else local,
            sid=bytes(16) if self._is_sender else self._new_sid(),
            padding_length=self._config.padding,
            start_time=system_clock(),
            timeout=int(self._config.loss_timeout * SECOND),
            type_p=0,
            slots=(ScheduleSlot(FIXED, int(self._config.interval * SECOND)),),
        )

    def _new_sid(self) -> bytes:
        """Address 4 | time 8 | random 4, by the receiving side (RFC 4656 §3.5)."""
        time = (system_clock() % 2**64).to_bytes(8, "big")
        return make_sid(address_in_sid(self._local), time, system_random("SID", 4))

    def _times(self) -> list[int]:
        request = self.session.request
        assert isinstance(request, RequestSession)
        times = send_times(self.session.sid, request.start_time, request.slots)
        return list(islice(times, self._config.count))

    def _rest(self) -> float:
        """Seconds until the session is complete: Timeout after the last packet, and a little
        more, so that Stop-Sessions is not too early at the other end (RFC 4656 §3.8).
        """
        last = self._times()[-1]
        return seconds(signed(last - system_clock())) + self._config.loss_timeout + STOP_INCREMENT


class ProbeSender(_OneWay, _Sending):
    """OWAMP: the probe sends, the server receives and is asked for what it recorded."""

    peer_role = Who.RECEIVER

    async def run(self) -> None:
        """Send by the schedule, and wait until the session is complete."""
        for time in self._times():
            await asyncio.sleep(max(0.0, seconds(signed(time - system_clock()))))
            self._send(self._sender.next_packet(self._config.padding))
        await asyncio.sleep(max(0.0, self._rest()))

    def _read(self, data: bytes) -> int:
        raise ProtocolError("test packet", "none from a receiver", f"{len(data)} octets")

    def descriptions(self) -> tuple[SessionDescription, ...]:
        """All packets were sent."""
        return (SessionDescription(self.session.sid, self._sender.next_sequence_number),)

    def remarks(self) -> list[Remark]:
        """What was sent; what arrived is known by Fetch-Session alone."""
        remarks = [right(f"{len(self.stamps)} test packets were sent")]
        if self._bad or self._beyond:
            remarks.append(wrong("a receiver sent test packets", "RFC 4656 §4"))
        return remarks

    def fetch_remarks(self, fetched: Fetched) -> list[Remark]:
        """Compare the server's records with what was sent (RFC 4656 §3.9, §4.2)."""
        if fetched.data is None:
            text = f"refused with Accept {fetched.ack.accept} after a session that ended normally"
            return [wrong(text, _FETCH)]
        remarks: list[Remark] = []

        def want(name: str, expected: object, found: object, source: str = _FETCH) -> None:
            if expected != found:
                text = f"{name}: expected {expected}, found {found}"
                remarks.append(wrong(text, source))

        request = self.session.request
        assert isinstance(request, RequestSession)
        actual = replace(request, receiver_port=self.session.port, sid=fetched.data.request.sid)
        for name, value in vars(actual).items():
            found = vars(fetched.data.request)[name]
            want(f"{name} of the reproduced request", _shown(value), _shown(found))
        want("Next Seqno", len(self.stamps), fetched.ack.next_seqno)
        want("skip ranges", 0, len(fetched.data.skip_ranges))
        numbers: Counter[int] = Counter()
        for record in fetched.data.records:
            numbers[record.seq_number] += 1
            if record.seq_number >= len(self.stamps):
                want("Seq Number", f"below {len(self.stamps)}", record.seq_number)
            elif not record.is_lost:
                stamp = self.stamps[record.seq_number]
                want(f"Send Timestamp of {record.seq_number}", stamp, record.send_timestamp)
                mine = DEFAULT_ERROR_ESTIMATE.to_int()
                name = f"Send Error Estimate of {record.seq_number}"
                want(name, mine, record.send_error_estimate)
        missing = set(range(len(self.stamps))) - set(numbers)
        early = [number for number in missing if number < max(numbers, default=0)]
        if early:
            text = f"{len(early)} packets have no record, not even as lost"
            remarks.append(wrong(text, "RFC 4656 §4.2"))
        if len(missing) > len(early):
            # By its own clock the receiver may have been told to stop within Timeout of them.
            text = f"the last {len(missing) - len(early)} packets have no record"
            remarks.append(note(text, "RFC 4656 §3.8"))
        return remarks + self._arrivals(fetched.data.records)

    def _arrivals(self, records: tuple[PacketRecord, ...]) -> list[Remark]:
        there = len({record.seq_number for record in records if not record.is_lost})
        count = len(self.stamps)
        severity = Severity.OK if there == count else Severity.NOTE if there else Severity.WRONG
        text = f"{there} of {count} test packets are recorded as received"
        clock = "" if there else self._clock_text()
        if clock:
            severity, text = Severity.NOTE, f"{text}: {clock}"
        remarks = [Remark(severity, text, "RFC 4656 §4.2")]
        received = sum(not record.is_lost for record in records)
        if received > there:
            text = f"{received - there} came more than once"
            remarks.append(note(text, "RFC 4656 §4.2"))
        return remarks

    def _clock_text(self) -> str:
        """Why a receiver is right that has discarded all: its clock, by the time in the SID that
        it made (RFC 4656 §3.5), is more than Timeout from the one here; empty if it is not.
        """
        made = int.from_bytes(self.session.sid[4:12], "big")
        off = seconds(signed(made - self._accepted_at))
        if not self._config.loss_timeout < abs(off) < _YEAR:
            return ""
        way = "ahead of" if off > 0 else "behind"
        return (
            f"by the time in its SID the receiver's clock is {abs(off):.0f} s {way} the one here, "
            "more than Timeout, and so it has to discard them"
        )


def _shown(value: object) -> str:
    return value.hex() if isinstance(value, bytes) else str(value)


class ProbeReceiver(_OneWay):
    """OWAMP: the server sends, the probe receives."""

    peer_role = Who.SENDER
    _is_sender = False

    def accepted(self, session: TestSession) -> None:
        """Take the server's answer, and be ready to receive."""
        self._receiver = SessionReceiver(session.mode, session.keys)
        super().accepted(session)

    async def run(self) -> None:
        """Wait for the packets, at most until the session is complete."""
        await self._wait_for_all(self._rest())

    def _read(self, data: bytes) -> int:
        return self._receiver.receive(data).sequence_number

    def take_stop(self, message: StopSessions) -> list[Remark]:
        """What the server's Stop-Sessions says of the session, against what arrived (§3.8)."""
        source = "RFC 4656 §3.8"
        described = [item for item in message.sessions if item.sid == self.session.sid]
        if message.accept != Accept.OK:
            return [note(f"the server stopped with Accept {message.accept}", source)]
        next_seqno = described[0].next_seqno if described else 0
        highest = max(self._numbers, default=-1)
        skipped = sum(item.last - item.first + 1 for one in described for item in one.skip_ranges)
        if not self._numbers and next_seqno > skipped:
            text = f"{next_seqno - skipped} test packets were sent, by its account, and none came"
            return [wrong(text, source)]
        if highest >= next_seqno:
            text = f"Next Seqno: expected more than {highest}, which arrived, found {next_seqno}"
            return [wrong(text, source)]
        text = f"{next_seqno - skipped} of {self._config.count} test packets were sent"
        severity = (
            Severity.OK if next_seqno == self._config.count and not skipped else Severity.NOTE
        )
        return [Remark(severity, text, source)]

    def remarks(self) -> list[Remark]:
        """What arrived; Stop-Sessions says whether none was sent, as by a clock far off."""
        return self._count_remarks("arrived", "RFC 4656 §4.1", Severity.NOTE)

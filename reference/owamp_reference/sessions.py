"""The ends of a test session, sans-IO: Session-Sender, Session-Receiver of OWAMP, and
Session-Reflector of TWAMP (RFC 4656 §4, RFC 5357 §4).
"""

from __future__ import annotations

from .choices import Choice, Chooser, Option, first_option
from .errors import ProtocolError, Stage
from .keys import TestSessionKeys
from .packets import (
    ErrorEstimate,
    ReflectorPacket,
    SenderPacket,
    TestMode,
    open_packet,
    seal_packet,
)
from .sources import Clock, RandomSource, system_clock

DEFAULT_ERROR_ESTIMATE = ErrorEstimate(synchronized=False, scale=0, multiplier=1)
"""The least that the field can say, of a clock that is not synchronized."""

DEFAULT_TTL = 255
"""Sender TTL where that of a received packet is not known (RFC 5357 §4.2)."""


_AS_RECEIVED = Option(
    "makes its padding as long as that of the packet", "POLICY", "RFC 5357 §4.2.1"
)
_NO_PADDING = Option("sends no padding", "POLICY", "RFC 5357 §4.2.1")
LENGTH_OF_ANSWER = Choice(
    "how long a reflector makes the padding of an answer",
    (
        Option("makes the answer as long as the packet", "SHOULD", "RFC 5357 §4.2.1"),
        _AS_RECEIVED,
        _NO_PADDING,
    ),
)
LENGTH_OF_LONGER_ANSWER = Choice(
    "how long a reflector makes the padding where the answer is longer in any case",
    (_NO_PADDING, _AS_RECEIVED),
)
PADDING_OF_ANSWER = Choice(
    "what the padding of an answer consists of",
    (
        Option("uses the first octets of the padding again", "SHOULD", "RFC 5357 §4.2.1"),
        Option("uses the last octets of the padding again", "POLICY", "RFC 5357 §4.2.1"),
        Option("makes padding of its own", "SHOULD", "RFC 5357 §4.2.1"),
    ),
)
TTL_OF_ANSWER = Choice(
    "which Sender TTL an answer has",
    (
        Option("sends the TTL with which the packet arrived", "SHOULD", "RFC 5357 §4.2"),
        Option("does not fetch the TTL, and sends 255", "MAY", "RFC 5357 §4.2"),
    ),
)


UNSENT_ANSWERED = Choice(
    "whether a Session-Sender takes the answer to a packet that it never sent",
    (
        Option("discards it", "POLICY", "RFC 5357 §4.1"),
        Option("takes it", "POLICY", "RFC 5357 §4.1"),
    ),
)
"""§4.1: "information recording ... is implementation dependent"."""


class SessionSender:
    """The Session-Sender of OWAMP and TWAMP: numbers, stamps and protects test packets.

    Args:
        mode, session_keys: as in `TestSession`.
        clock: gives the Timestamp of each packet.
        padding: gives Packet Padding; None for zeros (RFC 4656 §4.1.2 wants both possible).
        choose: decides what the RFCs leave open.
    """

    def __init__(
        self,
        mode: TestMode,
        session_keys: TestSessionKeys | None = None,
        clock: Clock = system_clock,
        padding: RandomSource | None = None,
        error_estimate: ErrorEstimate = DEFAULT_ERROR_ESTIMATE,
        choose: Chooser = first_option,
    ) -> None:
        self._mode = mode
        self._keys = session_keys
        self._clock = clock
        self._padding = padding
        self._choose = choose
        self._error_estimate = error_estimate.to_int()
        self.next_sequence_number = 0

    def next_packet(self, padding_length: int = 0) -> bytes:
        """The UDP payload of the next packet, with `padding_length` octets of padding.

        Raises:
            ProtocolError: all 2^32 numbers are used up. RFC 4656 §4.1.2 has each packet's number
                one above that of the packet before; it has no wrap.
        """
        padding = bytes(padding_length)
        if self._padding is not None:
            padding = self._padding("Packet Padding", padding_length)
        number = self.next_sequence_number
        packet = SenderPacket(number, self._clock(), self._error_estimate, padding)
        payload = seal_packet(self._mode, packet, self._keys)
        self.next_sequence_number += 1
        return payload

    def receive(self, data: bytes) -> ReflectorPacket:
        """A reflected packet (TWAMP).

        Raises:
            ProtocolError: to be discarded: it does not verify, or answers a packet never sent,
                which `choose` may have taken.
        """
        packet = open_packet(self._mode, ReflectorPacket, data, self._keys, self._choose)
        is_unsent = packet.sender_sequence_number >= self.next_sequence_number
        if is_unsent and self._choose(UNSENT_ANSWERED) == 0:
            expected = f"a number below {self.next_sequence_number}"
            found = str(packet.sender_sequence_number)
            raise ProtocolError("Sender Sequence Number", expected, found, Stage.STATE)
        return packet


class SessionReceiver:
    """The Session-Receiver of OWAMP, as far as security goes.

    What RFC 4656 §4.2 discards by the schedule or the timeout of the session is not looked at.
    Arguments as `SessionSender`.
    """

    def __init__(
        self,
        mode: TestMode,
        session_keys: TestSessionKeys | None = None,
        choose: Chooser = first_option,
    ) -> None:
        self._mode = mode
        self._keys = session_keys
        self._choose = choose

    def receive(self, data: bytes) -> SenderPacket:
        """A packet of the sender. Raises `ProtocolError` for one that is to be discarded."""
        return open_packet(self._mode, SenderPacket, data, self._keys, self._choose)


class SessionReflector:
    """The Session-Reflector of TWAMP (RFC 5357 §4.2); arguments as `SessionSender`.

    For Timeout after Stop-Sessions it goes on to answer, and not longer (RFC 5357 §3.5): it is the
    caller who ends it.

    Args:
        padding: gives Packet Padding of its own, if `choose` does not have that of the packet used
            again.
    """

    def __init__(
        self,
        mode: TestMode,
        session_keys: TestSessionKeys | None = None,
        clock: Clock = system_clock,
        error_estimate: ErrorEstimate = DEFAULT_ERROR_ESTIMATE,
        padding: RandomSource | None = None,
        choose: Chooser = first_option,
    ) -> None:
        self._mode = mode
        self._keys = session_keys
        self._clock = clock
        self._padding = padding
        self._choose = choose
        self._error_estimate = error_estimate.to_int()
        self.next_sequence_number = 0

    def reflect(self, data: bytes, ttl: int = DEFAULT_TTL) -> bytes:
        """The answer to a received UDP payload, of the same size if its padding allows.

        Args:
            ttl: the TTL or Hop Limit with which it arrived; 255 if that is not known.
        Raises:
            ProtocolError: a packet that is to be discarded without an answer.
        """
        receive_timestamp = self._clock()
        packet = open_packet(self._mode, SenderPacket, data, self._keys, self._choose)
        room = len(data) - ReflectorPacket.header_size(self._mode)
        reflected = ReflectorPacket(
            sequence_number=self.next_sequence_number,
            timestamp=self._clock(),
            error_estimate=self._error_estimate,
            receive_timestamp=receive_timestamp,
            sender_sequence_number=packet.sequence_number,
            sender_timestamp=packet.timestamp,
            sender_error_estimate=packet.error_estimate,
            sender_ttl=ttl if self._choose(TTL_OF_ANSWER) == 0 else DEFAULT_TTL,
            padding=self._padding_of(packet.padding, room),
        )
        answer = seal_packet(self._mode, reflected, self._keys, self._choose)
        self.next_sequence_number += 1
        return answer

    def _padding_of(self, received: bytes, room: int) -> bytes:
        """The padding of an answer (RFC 5357 §4.2.1); with `room` octets it is as long as the
        packet.
        """
        size = 0
        if received:
            length = LENGTH_OF_ANSWER if room >= 0 else LENGTH_OF_LONGER_ANSWER
            size = (max(0, room), len(received), 0)[self._choose(length)]
        if not size:
            return b""
        match self._choose(PADDING_OF_ANSWER):
            case 0:
                return received[:size]
            case 1:
                return received[-size:]
        return bytes(size) if self._padding is None else self._padding("Packet Padding", size)

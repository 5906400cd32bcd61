"""Every message of OWAMP-Control (RFC 4656 §3) and TWAMP-Control (RFC 5357 §3), in plaintext.

A message is one or more *segments*, each followed on the wire by a 16-octet HMAC. Encryption and
HMACs are the business of `control`; here a message is

- built by ``segments()``: the octets between the HMACs;
- read by ``reader()``: a generator that says what it wants next (`Want`) and is sent the octets.
  The length of several messages is known only from their own content, so a stream is read this
  way, without ever guessing a length;
- read from complete octets by ``parse(octets)``, which drives ``reader()``. In the
  unauthenticated mode those are the octets on the wire; the HMAC fields are then MBZ (§3.2).
"""

from __future__ import annotations

from collections.abc import Generator, Iterable
from dataclasses import dataclass, replace
from enum import IntEnum
from typing import Any, ClassVar, NamedTuple, Self, TypeAlias, TypeVar

from .choices import Choice, Chooser, Option, first_option
from .errors import ProtocolError, Stage
from .keys import SID_SIZE
from .layout import (
    Record,
    constant,
    mbz,
    number_of,
    octets,
    pack_records,
    uint,
    unpack_records,
)
from .primitives import AES_BLOCK_SIZE, HMAC_SIZE
from .token import CHALLENGE_SIZE, SALT_SIZE, TOKEN_SIZE

KEY_ID_SIZE = 80
IV_SIZE = 16
ADDRESS_SIZE = 16
TIMESTAMP_SIZE = 8


class Command(IntEnum):
    """The first octet of a command (RFC 4656 §3.5-3.9, RFC 5357 §3.5)."""

    REQUEST_SESSION = 1
    START_SESSIONS = 2
    STOP_SESSIONS = 3
    FETCH_SESSION = 4
    REQUEST_TW_SESSION = 5


class Accept(IntEnum):
    """Values of the Accept field (RFC 4656 §3.3; 6 is RFC 7717 §5.3)."""

    OK = 0
    FAILURE = 1
    INTERNAL_ERROR = 2
    NOT_SUPPORTED = 3
    PERMANENT_RESOURCE_LIMITATION = 4
    TEMPORARY_RESOURCE_LIMITATION = 5
    NO_IKE_SA = 6

    @classmethod
    def interpret(cls, value: int) -> Accept:
        """The meaning of a received value: one that is not assigned counts as 1 (§3.3)."""
        try:
            return cls(value)
        except ValueError:
            return cls.FAILURE


class Want(NamedTuple):
    """What a reader needs next: so many octets of text, or the HMAC over the text so far."""

    size: int
    is_hmac: bool = False


WANT_HMAC = Want(HMAC_SIZE, is_hmac=True)

T = TypeVar("T")
Reader: TypeAlias = Generator[Want, bytes, T]


def read_octets(name: str, reader: Reader[T], data: bytes) -> T:
    """Drive `reader` over complete octets; HMAC fields are skipped, not checked.

    Raises:
        ProtocolError: too few octets, octets left over, or what the reader raises.
    """
    position = 0
    try:
        want = next(reader)
        while True:
            end = position + want.size
            if end > len(data):
                raise ProtocolError(
                    name, f"at least {end} octets", f"{len(data)} octets", Stage.LAYOUT
                )
            chunk, position = data[position:end], end
            want = reader.send(chunk)
    except StopIteration as stop:
        if position != len(data):
            raise ProtocolError(
                name, f"{position} octets", f"{len(data)} octets", Stage.LAYOUT
            ) from None
        return stop.value  # type: ignore[no-any-return]


class Message(Record):
    """A message that is one layout; `HAS_HMAC` says whether an HMAC follows it."""

    SOURCE: ClassVar[str]
    HAS_HMAC: ClassVar[bool] = True

    def segments(self) -> list[bytes]:
        """The octets between the HMACs. Raises `ProtocolError` for a value that does not fit."""
        return [self.pack()]

    def to_octets(self) -> bytes:
        """The message as in the unauthenticated mode: HMAC fields zero (RFC 4656 §3.2)."""
        hmac = bytes(HMAC_SIZE) if self.HAS_HMAC else b""
        return b"".join(segment + hmac for segment in self.segments())

    @classmethod
    def reader(cls, first_block: bytes = b"") -> Reader[Self]:
        """Read the message, of which `first_block` may have been read to learn the command."""
        rest = yield Want(cls.LAYOUT.size - len(first_block))
        values = cls.LAYOUT.unpack(first_block + rest)
        if cls.HAS_HMAC:
            yield WANT_HMAC
        return cls(**values)

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """Parse a complete message, HMAC fields included but not checked.

        Raises:
            ProtocolError: the only error, whatever the octets.
        """
        return read_octets(cls.LAYOUT.title, cls.reader(), data)


class ServerGreeting(Message, title="Server-Greeting"):
    """Server-Greeting, 64 octets, in clear (RFC 4656 §3.1)."""

    SOURCE = "RFC 4656 §3.1"
    HAS_HMAC = False

    mbz_1 = mbz(12, "Unused")
    modes: int = uint("Modes", 4)
    challenge: bytes = octets("Challenge", CHALLENGE_SIZE)
    salt: bytes = octets("Salt", SALT_SIZE)
    count: int = uint("Count", 4)
    mbz_2 = mbz(12)


class SetUpResponse(Message, title="Set-Up-Response"):
    """Set-Up-Response, 164 octets, in clear (RFC 4656 §3.1).

    Figure 3 of RFC 7717 draws a Token of 16 and a Client-IV of 12 octets; the message did not
    shrink, and implementations keep the sizes of RFC 4656.
    """

    SOURCE = "RFC 4656 §3.1"
    HAS_HMAC = False

    mode: int = uint("Mode", 4)
    key_id: bytes = octets("KeyID", KEY_ID_SIZE)
    token: bytes = octets("Token", TOKEN_SIZE)
    client_iv: bytes = octets("Client-IV", IV_SIZE)


class ServerStart(Message, title="Server-Start"):
    """Server-Start, 48 octets (RFC 4656 §3.1).

    The first 32 are clear; the last 16 are the first block of the server's encrypted stream,
    unless Accept is not zero. It has no HMAC: the server's next one covers that block too
    (RFC 5357 §3.2).
    """

    SOURCE = "RFC 4656 §3.1"
    HAS_HMAC = False
    CLEAR_SIZE: ClassVar[int] = 32

    mbz_1 = mbz(15)
    accept: int = uint("Accept", 1)
    server_iv: bytes = octets("Server-IV", IV_SIZE)
    start_time: int = uint("Start-Time", TIMESTAMP_SIZE)
    mbz_2 = mbz(8)


ZERO_IN_NAME = Choice(
    "whether the name of a secret may have a zero octet, with which KeyID is padded",
    (
        Option("refuses such a name", "POLICY", "RFC 4656 §3.1"),
        Option("takes it as any other character", "POLICY", "RFC 4656 §3.1"),
    ),
)


def _check_zeros(name: bytes, choose: Chooser) -> None:
    if b"\0" in name and choose(ZERO_IN_NAME) == 0:
        raise ProtocolError("KeyID", "no zero octet before the padding", "a zero octet", Stage.TEXT)


def encode_key_id(text: str, choose: Chooser = first_option) -> bytes:
    """The 80-octet KeyID of a name: its UTF-8 octets, zero-padded (RFC 4656 §3.1).

    Raises:
        ProtocolError: over 80 octets, a U+0000 in the name, or text that UTF-8 cannot encode.
    """
    try:
        encoded = text.encode()
    except UnicodeEncodeError:
        raise ProtocolError("KeyID", "a UTF-8 string", "a lone surrogate", Stage.TEXT) from None
    if len(encoded) > KEY_ID_SIZE:
        raise ProtocolError(
            "KeyID", f"at most {KEY_ID_SIZE} octets", f"{len(encoded)} octets", Stage.TEXT
        )
    _check_zeros(encoded, choose)
    return encoded.ljust(KEY_ID_SIZE, b"\0")


def decode_key_id(key_id: bytes, choose: Chooser = first_option) -> str:
    """The name in an 80-octet KeyID, without its zero padding (RFC 4656 §3.1).

    Raises:
        ProtocolError: octets that are not UTF-8, or a zero octet before the padding.
    """
    stripped = key_id.rstrip(b"\0")
    _check_zeros(stripped, choose)
    try:
        return stripped.decode()
    except UnicodeDecodeError as error:
        raise ProtocolError(
            "KeyID", "UTF-8", f"octet {error.start} that is not", Stage.TEXT
        ) from None


class ScheduleSlot(Record, title="Schedule Slot"):
    """A schedule slot, 16 octets: type 0 exponential or 1 fixed, and its parameter (§3.5, §3.6)."""

    slot_type: int = uint("Slot Type", 1)
    mbz_1 = mbz(7)
    parameter: int = uint("Slot Parameter", TIMESTAMP_SIZE)


class RequestSession(Message, title="Request-Session"):
    """Request-Session: 96 octets, HMAC, schedule slots of 16, HMAC (RFC 4656 §3.5)."""

    SOURCE = "RFC 4656 §3.5"

    command = constant("Command Number", 1, Command.REQUEST_SESSION)
    ipvn: int = uint("IPVN", 1, mask=0x0F)
    conf_sender: int = uint("Conf-Sender", 1)
    conf_receiver: int = uint("Conf-Receiver", 1)
    number_of_slots = number_of("slots", "Number of Schedule Slots", 4)
    number_of_packets: int = uint("Number of Packets", 4)
    sender_port: int = uint("Sender Port", 2)
    receiver_port: int = uint("Receiver Port", 2)
    sender_address: bytes = octets("Sender Address", ADDRESS_SIZE)
    receiver_address: bytes = octets("Receiver Address", ADDRESS_SIZE)
    sid: bytes = octets("SID", SID_SIZE)
    padding_length: int = uint("Padding Length", 4)
    start_time: int = uint("Start Time", TIMESTAMP_SIZE)
    timeout: int = uint("Timeout", TIMESTAMP_SIZE)
    type_p: int = uint("Type-P Descriptor", 4)
    mbz_1 = mbz(8)

    slots: tuple[ScheduleSlot, ...]

    def segments(self) -> list[bytes]:
        """The header of 96 octets and the slots."""
        return [self.pack(), pack_records(self.slots)]

    @classmethod
    def reader(cls, first_block: bytes = b"") -> Reader[Self]:
        """Read header, HMAC, as many slots as the header says, HMAC."""
        rest = yield Want(cls.LAYOUT.size - len(first_block))
        values = cls.LAYOUT.unpack(first_block + rest)
        yield WANT_HMAC
        data = yield Want(values.pop("number_of_slots") * ScheduleSlot.LAYOUT.size)
        yield WANT_HMAC
        return cls(**values, slots=unpack_records(ScheduleSlot, data))


class RequestTWSession(Message, title="Request-TW-Session", kw_only=True):
    """Request-TW-Session, 112 octets with its HMAC (RFC 5357 §3.5).

    Conf-Sender, Conf-Receiver, the numbers of slots and of packets and the SID are to be zero;
    a server answers others with Accept 3, so they are fields here and not errors.
    """

    SOURCE = "RFC 5357 §3.5"

    command = constant("Command Number", 1, Command.REQUEST_TW_SESSION)
    ipvn: int = uint("IPVN", 1, mask=0x0F)
    conf_sender: int = uint("Conf-Sender", 1, default=0)
    conf_receiver: int = uint("Conf-Receiver", 1, default=0)
    number_of_slots: int = uint("Number of Schedule Slots", 4, default=0)
    number_of_packets: int = uint("Number of Packets", 4, default=0)
    sender_port: int = uint("Sender Port", 2)
    receiver_port: int = uint("Receiver Port", 2)
    sender_address: bytes = octets("Sender Address", ADDRESS_SIZE)
    receiver_address: bytes = octets("Receiver Address", ADDRESS_SIZE)
    sid: bytes = octets("SID", SID_SIZE, default=bytes(SID_SIZE))
    padding_length: int = uint("Padding Length", 4)
    start_time: int = uint("Start Time", TIMESTAMP_SIZE)
    timeout: int = uint("Timeout", TIMESTAMP_SIZE)
    type_p: int = uint("Type-P Descriptor", 4)
    mbz_1 = mbz(8)


class AcceptSession(Message, title="Accept-Session"):
    """Accept-Session, 48 octets with its HMAC (RFC 4656 §3.5)."""

    SOURCE = "RFC 4656 §3.5"

    accept: int = uint("Accept", 1)
    mbz_1 = mbz(1)
    port: int = uint("Port", 2)
    sid: bytes = octets("SID", SID_SIZE)
    mbz_2 = mbz(12)


class StartSessions(Message, title="Start-Sessions"):
    """Start-Sessions, 32 octets with its HMAC (RFC 4656 §3.7)."""

    SOURCE = "RFC 4656 §3.7"

    command = constant("Command Number", 1, Command.START_SESSIONS)
    mbz_1 = mbz(15)


class StartAck(Message, title="Start-Ack"):
    """Start-Ack, 32 octets with its HMAC (RFC 4656 §3.7)."""

    SOURCE = "RFC 4656 §3.7"

    accept: int = uint("Accept", 1)
    mbz_1 = mbz(15)


class SkipRange(Record, title="Skip Range"):
    """Packets `first` to `last`, inclusive, that were never sent; 8 octets (RFC 4656 §3.8)."""

    first: int = uint("First Seqno Skipped", 4)
    last: int = uint("Last Seqno Skipped", 4)


def _padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % AES_BLOCK_SIZE)


def _padding_after(size: int) -> int:
    return -size % AES_BLOCK_SIZE


def _unpack_ordered_ranges(data: bytes) -> tuple[SkipRange, ...]:
    """Skip ranges of session data, which are invalid if they overlap or are out of order (RFC 4656
    §3.9). Of those of Stop-Sessions, §3.8 has only the sender keep an order.
    """
    ranges = unpack_records(SkipRange, data)
    check_skip_ranges(ranges, Stage.LAYOUT)
    return ranges


def check_skip_ranges(ranges: Iterable[SkipRange], stage: Stage = Stage.INPUT) -> None:
    """Raise `ProtocolError` unless skip ranges are in order and disjoint (RFC 4656 §3.8, §3.9)."""
    floor = 0
    for item in ranges:
        if item.first < floor or item.last < item.first:
            expected = f"ascending, disjoint ranges (here from {floor})"
            raise ProtocolError("Skip Ranges", expected, f"{item.first} to {item.last}", stage)
        floor = item.last + 1


class SessionDescription(Record, title="Session Description Record"):
    """A session description record of Stop-Sessions: 24 octets, then skip ranges of 8 each, the
    whole padded with zeros to a block (RFC 4656 §3.8).
    """

    sid: bytes = octets("SID", SID_SIZE)
    next_seqno: int = uint("Next Seqno", 4)
    number_of_skip_ranges = number_of("skip_ranges", "Number of Skip Ranges", 4)

    skip_ranges: tuple[SkipRange, ...] = ()

    def to_octets(self) -> bytes:
        """The record, padded to a whole number of blocks."""
        return _padded(self.pack() + pack_records(self.skip_ranges))

    @classmethod
    def reader(cls) -> Reader[Self]:
        """Read one record with its padding."""
        head_size = cls.LAYOUT.size
        data = yield Want(head_size + _padding_after(head_size))
        values = cls.LAYOUT.unpack(data[:head_size])
        end = head_size + values.pop("number_of_skip_ranges") * SkipRange.LAYOUT.size
        data += yield Want(max(0, end + _padding_after(end) - len(data)))
        return cls(**values, skip_ranges=unpack_records(SkipRange, data[head_size:end]))


class StopSessions(Message, title="Stop-Sessions"):
    """Stop-Sessions of OWAMP: 16 octets, session description records, HMAC (RFC 4656 §3.8)."""

    SOURCE = "RFC 4656 §3.8"

    command = constant("Command Number", 1, Command.STOP_SESSIONS)
    accept: int = uint("Accept", 1)
    mbz_1 = mbz(2)
    number_of_sessions = number_of("sessions", "Number of Sessions", 4)
    mbz_2 = mbz(8)

    sessions: tuple[SessionDescription, ...]

    def segments(self) -> list[bytes]:
        """One segment: the header and all records."""
        return [self.pack() + b"".join(session.to_octets() for session in self.sessions)]

    @classmethod
    def reader(cls, first_block: bytes = b"") -> Reader[Self]:
        """Read the header, then each record: only the record itself tells how long it is."""
        rest = yield Want(cls.LAYOUT.size - len(first_block))
        values = cls.LAYOUT.unpack(first_block + rest)
        sessions: list[SessionDescription] = []
        while len(sessions) < values["number_of_sessions"]:
            sessions.append((yield from SessionDescription.reader()))
        yield WANT_HMAC
        return cls(values["accept"], tuple(sessions))


class StopTWSessions(Message, title="Stop-Sessions"):
    """Stop-Sessions of TWAMP, 32 octets with its HMAC: a number of sessions, no records (RFC 5357
    §3.8).
    """

    SOURCE = "RFC 5357 §3.8"

    command = constant("Command Number", 1, Command.STOP_SESSIONS)
    accept: int = uint("Accept", 1)
    mbz_1 = mbz(2)
    number_of_sessions: int = uint("Number of Sessions", 4)
    mbz_2 = mbz(8)


COMPLETE_SESSION_END = 0xFFFFFFFF
"""End Seq that, with Begin Seq 0, asks for the complete session (RFC 4656 §3.9)."""


class FetchSession(Message, title="Fetch-Session"):
    """Fetch-Session, 48 octets with its HMAC (RFC 4656 §3.9)."""

    SOURCE = "RFC 4656 §3.9"

    command = constant("Command Number", 1, Command.FETCH_SESSION)
    mbz_1 = mbz(7)
    begin_seq: int = uint("Begin Seq", 4)
    end_seq: int = uint("End Seq", 4)
    sid: bytes = octets("SID", SID_SIZE)


class FetchAck(Message, title="Fetch-Ack"):
    """Fetch-Ack, 32 octets with its HMAC (RFC 4656 §3.9)."""

    SOURCE = "RFC 4656 §3.9"

    accept: int = uint("Accept", 1)
    finished: int = uint("Finished", 1)
    mbz_1 = mbz(2)
    next_seqno: int = uint("Next Seqno", 4)
    number_of_skip_ranges: int = uint("Number of Skip Ranges", 4)
    number_of_records: int = uint("Number of Records", 4)


LOST_TTL = 255
"""TTL in the record of a lost packet (RFC 4656 §3.9)."""
LOST_ERROR_ESTIMATES = (0x0001, 0x3F01, 0x4001)
"""Send Error Estimate in the record of a lost packet: one for each option of `LOST_SCALE`."""
LOST_SCALE = Choice(
    "how Scale 64, which the record of a lost packet is to have, stands in six bits",
    (
        Option("sends Scale 0, which is 64 modulo 64", "POLICY", "RFC 4656 §3.9"),
        Option("sends Scale 63, the largest that there is", "POLICY", "RFC 4656 §3.9"),
        Option("lets the seventh bit of 64 stand in Z", "POLICY", "RFC 4656 §3.9"),
    ),
)


class PacketRecord(Record, title="Packet Record"):
    """A packet record, 25 octets, in the order of the figure of RFC 4656 §3.9 (its text names
    the fields in another order).
    """

    seq_number: int = uint("Seq Number", 4)
    send_error_estimate: int = uint("Send Error Estimate", 2)
    receive_error_estimate: int = uint("Receive Error Estimate", 2)
    send_timestamp: int = uint("Send Timestamp", TIMESTAMP_SIZE)
    receive_timestamp: int = uint("Receive Timestamp", TIMESTAMP_SIZE)
    ttl: int = uint("TTL", 1)

    @classmethod
    def lost(
        cls,
        seq_number: int,
        send_timestamp: int,
        receive_error_estimate: int,
        choose: Chooser = first_option,
    ) -> Self:
        """The record of a packet that did not arrive (RFC 4656 §3.9).

        Args:
            send_timestamp: when it was due by the schedule.
            receive_error_estimate: of the clock that tells that it is late.
            choose: decides how Scale 64 stands in six bits.
        """
        estimate = LOST_ERROR_ESTIMATES[choose(LOST_SCALE)]
        return cls(seq_number, estimate, receive_error_estimate, send_timestamp, 0, LOST_TTL)

    @property
    def is_lost(self) -> bool:
        """Whether this is the record of a lost packet (RFC 4656 §3.9)."""
        return self.receive_timestamp == 0 and self.ttl == LOST_TTL


@dataclass(frozen=True)
class FetchData:
    """The session data that follow an accepting Fetch-Ack (RFC 4656 §3.9): the Request-Session
    again with both its HMACs, the skip ranges and an HMAC, the packet records and an HMAC; skip
    ranges and records are each padded with zeros to a block.
    """

    request: RequestSession
    skip_ranges: tuple[SkipRange, ...]
    records: tuple[PacketRecord, ...]

    def segments(self) -> list[bytes]:
        """The request's two segments, the skip ranges, the records."""
        parts = (self.skip_ranges, self.records)
        return [*self.request.segments(), *(_padded(pack_records(part)) for part in parts)]

    def to_octets(self) -> bytes:
        """The data as in the unauthenticated mode: HMAC fields zero."""
        return b"".join(segment + bytes(HMAC_SIZE) for segment in self.segments())

    @classmethod
    def reader(cls, ack: FetchAck) -> Reader[Self]:
        """Read the data whose numbers of skip ranges and records `ack` gave."""
        request = yield from RequestSession.reader()
        size = ack.number_of_skip_ranges * SkipRange.LAYOUT.size
        data = yield Want(size + _padding_after(size))
        yield WANT_HMAC  # what does not verify is not looked at
        skip_ranges = _unpack_ordered_ranges(data[:size])
        size = ack.number_of_records * PacketRecord.LAYOUT.size
        data = yield Want(size + _padding_after(size))
        yield WANT_HMAC
        return cls(request, skip_ranges, unpack_records(PacketRecord, data[:size]))

    @classmethod
    def parse(cls, data: bytes, ack: FetchAck) -> Self:
        """Parse complete session data. Raises `ProtocolError`, whatever the octets."""
        return read_octets("Fetch-Session data", cls.reader(ack), data)


Request: TypeAlias = RequestSession | RequestTWSession
R = TypeVar("R", bound=Request)
M = TypeVar("M", bound=Message)


def as_meant(request: R) -> R:
    """A request without what a server has to ignore: with IPVN 4, the 12 octets after an address;
    any Conf-Sender and Conf-Receiver but 0 counts as 1 (RFC 4656 §3.5).
    """
    changes: dict[str, Any] = {}
    if request.ipvn == 4:
        for name in ("sender_address", "receiver_address"):
            changes[name] = getattr(request, name)[:4].ljust(ADDRESS_SIZE, b"\0")
    if isinstance(request, RequestSession):
        for name in ("conf_sender", "conf_receiver"):
            changes[name] = min(1, getattr(request, name))
    return replace(request, **changes)


def as_sent(message: M) -> M:
    """A message that was read, as its sender MUST send it: what it was to set to zero is zero (RFC
    4656 §3.5, §3.9; RFC 5357 §3.5).
    """
    if isinstance(message, RequestTWSession):
        return replace(as_meant(message), **_NOT_OF_TWAMP)
    if isinstance(message, RequestSession):
        return as_meant(message)
    if isinstance(message, FetchAck) and message.accept:
        return replace(message, finished=0, next_seqno=0, **_NO_DATA)
    if isinstance(message, FetchAck) and not message.finished:
        return replace(message, next_seqno=0, number_of_skip_ranges=0)
    return message


_NOT_OF_TWAMP: dict[str, Any] = {
    "conf_sender": 0,
    "conf_receiver": 0,
    "number_of_slots": 0,
    "number_of_packets": 0,
    "sid": bytes(SID_SIZE),
}
_NO_DATA = {"number_of_skip_ranges": 0, "number_of_records": 0}
ClientCommand: TypeAlias = Request | StartSessions | StopSessions | StopTWSessions | FetchSession

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

from collections.abc import Generator, Sequence
from dataclasses import asdict, dataclass
from enum import IntEnum
from typing import ClassVar, NamedTuple, Self, TypeAlias, TypeVar

from .errors import ProtocolError, Stage
from .keys import SID_SIZE
from .layout import Layout, constant, mbz, octets, uint
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


class Message:
    """A message that is one layout; `HAS_HMAC` says whether an HMAC follows it."""

    LAYOUT: ClassVar[Layout]
    SOURCE: ClassVar[str]
    HAS_HMAC: ClassVar[bool] = True

    def segments(self) -> list[bytes]:
        """The octets between the HMACs. Raises `ProtocolError` for a value that does not fit."""
        return [self.LAYOUT.pack(vars(self))]

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


@dataclass(frozen=True)
class ServerGreeting(Message):
    """Server-Greeting, 64 octets, in clear (RFC 4656 §3.1)."""

    LAYOUT = Layout(
        "Server-Greeting",
        (
            mbz(12, "Unused"),
            uint("modes", "Modes", 4),
            octets("challenge", "Challenge", CHALLENGE_SIZE),
            octets("salt", "Salt", SALT_SIZE),
            uint("count", "Count", 4),
            mbz(12),
        ),
    )
    SOURCE = "RFC 4656 §3.1"
    HAS_HMAC = False

    modes: int
    challenge: bytes
    salt: bytes
    count: int


@dataclass(frozen=True)
class SetUpResponse(Message):
    """Set-Up-Response, 164 octets, in clear (RFC 4656 §3.1).

    Figure 3 of RFC 7717 draws a Token of 16 and a Client-IV of 12 octets; the message did not
    shrink, and implementations keep the sizes of RFC 4656.
    """

    LAYOUT = Layout(
        "Set-Up-Response",
        (
            uint("mode", "Mode", 4),
            octets("key_id", "KeyID", KEY_ID_SIZE),
            octets("token", "Token", TOKEN_SIZE),
            octets("client_iv", "Client-IV", IV_SIZE),
        ),
    )
    SOURCE = "RFC 4656 §3.1"
    HAS_HMAC = False

    mode: int
    key_id: bytes
    token: bytes
    client_iv: bytes


@dataclass(frozen=True)
class ServerStart(Message):
    """Server-Start, 48 octets (RFC 4656 §3.1).

    The first 32 are clear; the last 16 are the first block of the server's encrypted stream,
    unless Accept is not zero. It has no HMAC: the server's next one covers that block too
    (RFC 5357 §3.2).
    """

    LAYOUT = Layout(
        "Server-Start",
        (
            mbz(15),
            uint("accept", "Accept", 1),
            octets("server_iv", "Server-IV", IV_SIZE),
            uint("start_time", "Start-Time", TIMESTAMP_SIZE),
            mbz(8),
        ),
    )
    SOURCE = "RFC 4656 §3.1"
    HAS_HMAC = False
    CLEAR_SIZE: ClassVar[int] = 32

    accept: int
    server_iv: bytes
    start_time: int


def encode_key_id(text: str) -> bytes:
    """The 80-octet KeyID of a name: its UTF-8 octets, zero-padded (RFC 4656 §3.1).

    Raises:
        ProtocolError: over 80 octets, or a U+0000 in the name.
    """
    try:
        encoded = text.encode()
    except UnicodeEncodeError:
        raise ProtocolError("KeyID", "a UTF-8 string", "a lone surrogate", Stage.TEXT) from None
    if len(encoded) > KEY_ID_SIZE:
        raise ProtocolError(
            "KeyID", f"at most {KEY_ID_SIZE} octets", f"{len(encoded)} octets", Stage.TEXT
        )
    if b"\0" in encoded:
        raise ProtocolError("KeyID", "no zero octet before the padding", "a zero octet", Stage.TEXT)
    return encoded.ljust(KEY_ID_SIZE, b"\0")


def decode_key_id(key_id: bytes) -> str:
    """The name in an 80-octet KeyID, without its zero padding (RFC 4656 §3.1).

    Raises:
        ProtocolError: octets that are not UTF-8, or a zero octet before the padding.
    """
    stripped = key_id.rstrip(b"\0")
    if b"\0" in stripped:
        raise ProtocolError("KeyID", "no zero octet before the padding", "a zero octet", Stage.TEXT)
    try:
        return stripped.decode()
    except UnicodeDecodeError as error:
        raise ProtocolError(
            "KeyID", "UTF-8", f"octet {error.start} that is not", Stage.TEXT
        ) from None


@dataclass(frozen=True)
class ScheduleSlot:
    """A schedule slot, 16 octets: type 0 exponential or 1 fixed, and its parameter (§3.5, §3.6)."""

    LAYOUT: ClassVar[Layout] = Layout(
        "Schedule Slot",
        (
            uint("slot_type", "Slot Type", 1),
            mbz(7),
            uint("parameter", "Slot Parameter", TIMESTAMP_SIZE),
        ),
    )

    slot_type: int
    parameter: int


def _request_fields(command: Command) -> Layout:
    return Layout(
        "Request-Session" if command is Command.REQUEST_SESSION else "Request-TW-Session",
        (
            constant("Command Number", 1, command),
            uint("ipvn", "IPVN", 1, mask=0x0F),
            uint("conf_sender", "Conf-Sender", 1),
            uint("conf_receiver", "Conf-Receiver", 1),
            uint("number_of_slots", "Number of Schedule Slots", 4),
            uint("number_of_packets", "Number of Packets", 4),
            uint("sender_port", "Sender Port", 2),
            uint("receiver_port", "Receiver Port", 2),
            octets("sender_address", "Sender Address", ADDRESS_SIZE),
            octets("receiver_address", "Receiver Address", ADDRESS_SIZE),
            octets("sid", "SID", SID_SIZE),
            uint("padding_length", "Padding Length", 4),
            uint("start_time", "Start Time", TIMESTAMP_SIZE),
            uint("timeout", "Timeout", TIMESTAMP_SIZE),
            uint("type_p", "Type-P Descriptor", 4),
            mbz(8),
        ),
    )


@dataclass(frozen=True)
class RequestSession(Message):
    """Request-Session: 96 octets, HMAC, schedule slots of 16, HMAC (RFC 4656 §3.5)."""

    LAYOUT = _request_fields(Command.REQUEST_SESSION)
    SOURCE = "RFC 4656 §3.5"

    ipvn: int
    conf_sender: int
    conf_receiver: int
    number_of_packets: int
    sender_port: int
    receiver_port: int
    sender_address: bytes
    receiver_address: bytes
    sid: bytes
    padding_length: int
    start_time: int
    timeout: int
    type_p: int
    slots: tuple[ScheduleSlot, ...]

    def segments(self) -> list[bytes]:
        """The header of 96 octets and the slots."""
        header = self.LAYOUT.pack({**vars(self), "number_of_slots": len(self.slots)})
        return [header, b"".join(ScheduleSlot.LAYOUT.pack(vars(slot)) for slot in self.slots)]

    @classmethod
    def reader(cls, first_block: bytes = b"") -> Reader[Self]:
        """Read header, HMAC, as many slots as the header says, HMAC."""
        rest = yield Want(cls.LAYOUT.size - len(first_block))
        values = cls.LAYOUT.unpack(first_block + rest)
        yield WANT_HMAC
        size = ScheduleSlot.LAYOUT.size
        count = values.pop("number_of_slots")
        data = yield Want(count * size)
        yield WANT_HMAC
        starts = range(0, count * size, size)
        slots = tuple(
            ScheduleSlot(**ScheduleSlot.LAYOUT.unpack(data[i : i + size])) for i in starts
        )
        return cls(**values, slots=slots)


@dataclass(frozen=True)
class RequestTWSession(Message):
    """Request-TW-Session, 112 octets with its HMAC (RFC 5357 §3.5).

    Conf-Sender, Conf-Receiver, the numbers of slots and of packets and the SID are to be zero;
    a server answers others with Accept 3, so they are fields here and not errors.
    """

    LAYOUT = _request_fields(Command.REQUEST_TW_SESSION)
    SOURCE = "RFC 5357 §3.5"

    ipvn: int
    sender_port: int
    receiver_port: int
    sender_address: bytes
    receiver_address: bytes
    padding_length: int
    start_time: int
    timeout: int
    type_p: int
    conf_sender: int = 0
    conf_receiver: int = 0
    number_of_slots: int = 0
    number_of_packets: int = 0
    sid: bytes = bytes(SID_SIZE)


@dataclass(frozen=True)
class AcceptSession(Message):
    """Accept-Session, 48 octets with its HMAC (RFC 4656 §3.5)."""

    LAYOUT = Layout(
        "Accept-Session",
        (
            uint("accept", "Accept", 1),
            mbz(1),
            uint("port", "Port", 2),
            octets("sid", "SID", SID_SIZE),
            mbz(12),
        ),
    )
    SOURCE = "RFC 4656 §3.5"

    accept: int
    port: int
    sid: bytes


@dataclass(frozen=True)
class StartSessions(Message):
    """Start-Sessions, 32 octets with its HMAC (RFC 4656 §3.7)."""

    LAYOUT = Layout(
        "Start-Sessions", (constant("Command Number", 1, Command.START_SESSIONS), mbz(15))
    )
    SOURCE = "RFC 4656 §3.7"


@dataclass(frozen=True)
class StartAck(Message):
    """Start-Ack, 32 octets with its HMAC (RFC 4656 §3.7)."""

    LAYOUT = Layout("Start-Ack", (uint("accept", "Accept", 1), mbz(15)))
    SOURCE = "RFC 4656 §3.7"

    accept: int


@dataclass(frozen=True)
class SkipRange:
    """Packets `first` to `last`, inclusive, that were never sent; 8 octets (RFC 4656 §3.8)."""

    LAYOUT: ClassVar[Layout] = Layout(
        "Skip Range",
        (uint("first", "First Seqno Skipped", 4), uint("last", "Last Seqno Skipped", 4)),
    )

    first: int
    last: int


def _padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % AES_BLOCK_SIZE)


def _padding_after(size: int) -> int:
    return -size % AES_BLOCK_SIZE


def _pack_skip_ranges(ranges: Sequence[SkipRange]) -> bytes:
    return b"".join(SkipRange.LAYOUT.pack(vars(item)) for item in ranges)


def _unpack_skip_ranges(data: bytes) -> tuple[SkipRange, ...]:
    """Skip ranges, which MUST be in order and disjoint (RFC 4656 §3.8, §3.9)."""
    size = SkipRange.LAYOUT.size
    starts = range(0, len(data), size)
    ranges = tuple(SkipRange(**SkipRange.LAYOUT.unpack(data[i : i + size])) for i in starts)
    floor = 0
    for item in ranges:
        if item.first < floor or item.last < item.first:
            expected = f"ascending, disjoint ranges (here from {floor})"
            raise ProtocolError(
                "Skip Ranges", expected, f"{item.first} to {item.last}", Stage.LAYOUT
            )
        floor = item.last + 1
    return ranges


@dataclass(frozen=True)
class SessionDescription:
    """A session description record of Stop-Sessions: 24 octets, then skip ranges of 8 each, the
    whole padded with zeros to a block (RFC 4656 §3.8).
    """

    LAYOUT: ClassVar[Layout] = Layout(
        "Session Description Record",
        (
            octets("sid", "SID", SID_SIZE),
            uint("next_seqno", "Next Seqno", 4),
            uint("number_of_skip_ranges", "Number of Skip Ranges", 4),
        ),
    )

    sid: bytes
    next_seqno: int
    skip_ranges: tuple[SkipRange, ...] = ()

    def to_octets(self) -> bytes:
        """The record, padded to a whole number of blocks."""
        values = {**vars(self), "number_of_skip_ranges": len(self.skip_ranges)}
        return _padded(self.LAYOUT.pack(values) + _pack_skip_ranges(self.skip_ranges))

    @classmethod
    def reader(cls) -> Reader[Self]:
        """Read one record with its padding."""
        head_size = cls.LAYOUT.size
        data = yield Want(head_size + _padding_after(head_size))
        values = cls.LAYOUT.unpack(data[:head_size])
        end = head_size + values.pop("number_of_skip_ranges") * SkipRange.LAYOUT.size
        data += yield Want(max(0, end + _padding_after(end) - len(data)))
        return cls(**values, skip_ranges=_unpack_skip_ranges(data[head_size:end]))


@dataclass(frozen=True)
class StopSessions(Message):
    """Stop-Sessions of OWAMP: 16 octets, session description records, HMAC (RFC 4656 §3.8)."""

    LAYOUT = Layout(
        "Stop-Sessions",
        (
            constant("Command Number", 1, Command.STOP_SESSIONS),
            uint("accept", "Accept", 1),
            mbz(2),
            uint("number_of_sessions", "Number of Sessions", 4),
            mbz(8),
        ),
    )
    SOURCE = "RFC 4656 §3.8"

    accept: int
    sessions: tuple[SessionDescription, ...]

    def segments(self) -> list[bytes]:
        """One segment: the header and all records."""
        header = self.LAYOUT.pack({**vars(self), "number_of_sessions": len(self.sessions)})
        return [header + b"".join(session.to_octets() for session in self.sessions)]

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


@dataclass(frozen=True)
class StopTWSessions(Message):
    """Stop-Sessions of TWAMP, 32 octets with its HMAC: a number of sessions, no records (RFC 5357
    §3.8).
    """

    LAYOUT = StopSessions.LAYOUT
    SOURCE = "RFC 5357 §3.8"

    accept: int
    number_of_sessions: int


COMPLETE_SESSION_END = 0xFFFFFFFF
"""End Seq that, with Begin Seq 0, asks for the complete session (RFC 4656 §3.9)."""


@dataclass(frozen=True)
class FetchSession(Message):
    """Fetch-Session, 48 octets with its HMAC (RFC 4656 §3.9)."""

    LAYOUT = Layout(
        "Fetch-Session",
        (
            constant("Command Number", 1, Command.FETCH_SESSION),
            mbz(7),
            uint("begin_seq", "Begin Seq", 4),
            uint("end_seq", "End Seq", 4),
            octets("sid", "SID", SID_SIZE),
        ),
    )
    SOURCE = "RFC 4656 §3.9"

    begin_seq: int
    end_seq: int
    sid: bytes


@dataclass(frozen=True)
class FetchAck(Message):
    """Fetch-Ack, 32 octets with its HMAC (RFC 4656 §3.9)."""

    LAYOUT = Layout(
        "Fetch-Ack",
        (
            uint("accept", "Accept", 1),
            uint("finished", "Finished", 1),
            mbz(2),
            uint("next_seqno", "Next Seqno", 4),
            uint("number_of_skip_ranges", "Number of Skip Ranges", 4),
            uint("number_of_records", "Number of Records", 4),
        ),
    )
    SOURCE = "RFC 4656 §3.9"

    accept: int
    finished: int
    next_seqno: int
    number_of_skip_ranges: int
    number_of_records: int


@dataclass(frozen=True)
class PacketRecord:
    """A packet record, 25 octets, in the order of the figure of RFC 4656 §3.9 (its text names
    the fields in another order).
    """

    LAYOUT: ClassVar[Layout] = Layout(
        "Packet Record",
        (
            uint("seq_number", "Seq Number", 4),
            uint("send_error_estimate", "Send Error Estimate", 2),
            uint("receive_error_estimate", "Receive Error Estimate", 2),
            uint("send_timestamp", "Send Timestamp", TIMESTAMP_SIZE),
            uint("receive_timestamp", "Receive Timestamp", TIMESTAMP_SIZE),
            uint("ttl", "TTL", 1),
        ),
    )

    seq_number: int
    send_error_estimate: int
    receive_error_estimate: int
    send_timestamp: int
    receive_timestamp: int
    ttl: int

    @property
    def is_lost(self) -> bool:
        """Whether this is the record of a lost packet (RFC 4656 §3.9)."""
        return self.receive_timestamp == 0 and self.ttl == 255


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
        records = b"".join(PacketRecord.LAYOUT.pack(asdict(record)) for record in self.records)
        skip_ranges = _pack_skip_ranges(self.skip_ranges)
        return [*self.request.segments(), _padded(skip_ranges), _padded(records)]

    def to_octets(self) -> bytes:
        """The data as in the unauthenticated mode: HMAC fields zero."""
        return b"".join(segment + bytes(HMAC_SIZE) for segment in self.segments())

    @classmethod
    def reader(cls, ack: FetchAck) -> Reader[Self]:
        """Read the data whose numbers of skip ranges and records `ack` gave."""
        request = yield from RequestSession.reader()
        size = ack.number_of_skip_ranges * SkipRange.LAYOUT.size
        skip_ranges = _unpack_skip_ranges((yield Want(size + _padding_after(size)))[:size])
        yield WANT_HMAC
        record_size = PacketRecord.LAYOUT.size
        size = ack.number_of_records * record_size
        data = yield Want(size + _padding_after(size))
        yield WANT_HMAC
        chunks = (data[i : i + record_size] for i in range(0, size, record_size))
        records = tuple(PacketRecord(**PacketRecord.LAYOUT.unpack(chunk)) for chunk in chunks)
        return cls(request, skip_ranges, records)

    @classmethod
    def parse(cls, data: bytes, ack: FetchAck) -> Self:
        """Parse complete session data. Raises `ProtocolError`, whatever the octets."""
        return read_octets("Fetch-Session data", cls.reader(ack), data)


Request: TypeAlias = RequestSession | RequestTWSession
ClientCommand: TypeAlias = Request | StartSessions | StopSessions | StopTWSessions | FetchSession

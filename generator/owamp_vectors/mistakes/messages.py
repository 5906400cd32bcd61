"""Mistakes with the layout and the meaning of messages."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from owamp_reference import messages, negotiation
from owamp_reference.choices import Chooser, first_option
from owamp_reference.errors import ProtocolError
from owamp_reference.layout import Layout, mbz, octets, uint, unpack_records
from owamp_reference.messages import (
    WANT_HMAC,
    Accept,
    PacketRecord,
    Reader,
    RequestSession,
    RequestTWSession,
    ScheduleSlot,
    ServerStart,
    SessionDescription,
    SetUpResponse,
    SkipRange,
    StopSessions,
    T,
    Want,
)
from owamp_reference.negotiation import Mode, NegotiatedMode, Protocol
from owamp_reference.packets import ErrorEstimate

from ..vectors.declaration import Note
from .base import Mistake, Swap, ignore, mistake

NOTES: dict[str, Note] = {}

_unpack = Layout.unpack
_read_octets = messages.read_octets
_from_int = ErrorEstimate.from_int
_read_mode = negotiation.read_mode
_request_problem = negotiation.request_problem
_as_meant = messages.as_meant
_lost = PacketRecord.lost
_record_size = PacketRecord.LAYOUT.size

_MISREAD = "The fields that follow are misread, and the peers part ways."


def _unpack_little_endian(self: Layout, data: bytes) -> dict[str, Any]:
    values = _unpack(self, data)
    sizes = {field.name: field.size for field in self.fields if field.is_integer}
    return {
        name: int.from_bytes(value.to_bytes(sizes[name], "big"), "little")
        if name in sizes
        else value
        for name, value in values.items()
    }


def _unpack_strictly(self: Layout, data: bytes) -> dict[str, Any]:
    values = _unpack(self, data)
    for offset, field in self.offsets():
        is_mbz = not field.name and field.constant is None
        if is_mbz and any(data[offset : offset + field.size]):
            raise ProtocolError(field.label, "zeros", "others")
    return values


def _unpack_any_command(self: Layout, data: bytes) -> dict[str, Any]:
    for offset, field in self.offsets():
        if field.constant is not None:
            constant = field.constant.to_bytes(field.size, "big")
            data = data[:offset] + constant + data[offset + field.size :]
    return _unpack(self, data)


def _read_some(name: str, reader: Reader[T], data: bytes) -> T:
    """Stops when the reader has what it wants."""
    position = 0
    try:
        want = next(reader)
        while True:
            end = position + want.size
            if end > len(data):
                raise ProtocolError(name, f"at least {end} octets", f"{len(data)} octets")
            chunk, position = data[position:end], end
            want = reader.send(chunk)
    except StopIteration as stop:
        return stop.value  # type: ignore[no-any-return]


def _read_padding(name: str, reader: Reader[T], data: bytes) -> T:
    """Reads zeros where the octets end."""
    return _read_some(name, reader, data + bytes(2**16))


def _read_with_zero_hmacs(name: str, reader: Reader[T], data: bytes) -> T:
    """Wants HMAC fields of zeros."""

    def strict() -> Reader[T]:
        sent: bytes | None = None
        try:
            want = next(reader)
            while True:
                sent = yield want
                if want.is_hmac and any(sent):
                    raise ProtocolError("HMAC", "zeros", "others")
                want = reader.send(sent)
        except StopIteration as stop:
            return stop.value  # type: ignore[no-any-return]

    return _read_octets(name, strict(), data)


def _read_request_with_one_hmac(
    cls: type[RequestSession], first_block: bytes = b""
) -> Reader[RequestSession]:
    rest = yield Want(cls.LAYOUT.size - len(first_block))
    values = cls.LAYOUT.unpack(first_block + rest)
    data = yield Want(values.pop("number_of_slots") * ScheduleSlot.LAYOUT.size)
    yield WANT_HMAC
    return cls(**values, slots=unpack_records(ScheduleSlot, data))


def _read_stop_without_records(
    cls: type[StopSessions], first_block: bytes = b""
) -> Reader[StopSessions]:
    rest = yield Want(cls.LAYOUT.size - len(first_block))
    values = cls.LAYOUT.unpack(first_block + rest)
    del values["number_of_sessions"]
    yield WANT_HMAC
    return cls(values["accept"], ())


def _read_record_unpadded(cls: type[SessionDescription]) -> Reader[SessionDescription]:
    values = cls.LAYOUT.unpack((yield Want(cls.LAYOUT.size)))
    data = yield Want(8 * values.pop("number_of_skip_ranges"))
    return cls(**values, skip_ranges=unpack_records(SkipRange, data))


def _wide_ipvn(cls: type[RequestSession | RequestTWSession]) -> Swap:
    fields = (
        replace(field, mask=None) if field.name == "ipvn" else field for field in cls.LAYOUT.fields
    )
    return Swap(cls, "LAYOUT", Layout(cls.LAYOUT.title, tuple(fields)))


def _reordered(layout: Layout, names: Sequence[str]) -> Layout:
    fields = {field.name: field for field in layout.fields}
    return Layout(layout.title, tuple(fields[name] for name in names))


def _sized_record(self: Layout) -> int:
    """A packet record of two blocks."""
    size = sum(field.size for field in self.fields)
    return 32 if size == _record_size else size


def _unpack_sized_record(self: Layout, data: bytes) -> dict[str, Any]:
    is_record = sum(field.size for field in self.fields) == _record_size
    return _unpack(self, data[:25] + bytes(7) if is_record else data)


def _accept_as(meaning: Accept) -> classmethod[Any, Any, Accept]:
    known: Mapping[int, Accept] = {int(value): value for value in Accept}
    return classmethod(lambda cls, value: known.get(value, meaning))


def _accept_known_only(cls: type[Accept], value: int) -> Accept:
    if value > 6:
        raise ProtocolError("Accept", "0 to 6", str(value))
    return cls(value)


def _highest_offered(
    protocol: Protocol, offered: int, chosen: int, *choose: Chooser
) -> NegotiatedMode:
    found = _read_mode(protocol, offered, chosen, *choose)
    bits = offered & negotiation.SECURITY_BITS[protocol]
    return NegotiatedMode(Mode(1 << (bits.bit_length() - 1)), found.ikev2_derived)


def _estimate_with_z(
    cls: type[ErrorEstimate], value: int, choose: Chooser = first_option
) -> ErrorEstimate:
    found = _from_int(value, choose)
    return cls(found.synchronized, value >> 8 & 0x7F, found.multiplier)


def _estimate_without_s(
    cls: type[ErrorEstimate], value: int, choose: Chooser = first_option
) -> ErrorEstimate:
    found = _from_int(value, choose)
    return cls(synchronized=False, scale=found.scale, multiplier=found.multiplier)


def _problem_by_one(protocol: Protocol, request: Any, *choose: Chooser) -> ProtocolError | None:
    return _request_problem(protocol, _conf_of_one(request), *choose)


def _count(flag: str, description: str, read: Callable[[int], int]) -> Mistake:
    """A count of slots, sessions, skip ranges or records that is read wrongly."""

    def unpack(self: Layout, data: bytes) -> dict[str, Any]:
        values = _unpack(self, data)
        counts = set(values) & _COUNTS
        return {**values, **{name: read(values[name]) for name in counts}}

    swap = Swap(Layout, "unpack", unpack)
    return mistake(flag, "MEMORY_SAFETY", description, _WRAPPED, swap)


_COUNTS = {
    "number_of_slots",
    "number_of_sessions",
    "number_of_skip_ranges",
    "number_of_records",
}
_WRAPPED = "A long message is cut, or one that is none is taken, with memory reserved for it."


def _lost_without_mark(cls: type[PacketRecord], *values: Any) -> PacketRecord:
    return replace(_lost(*values), ttl=0)


def _lost_now(cls: type[PacketRecord], *values: Any) -> PacketRecord:
    return replace(_lost(*values), receive_timestamp=values[1])


def _ipv4_kept(request: Any) -> Any:
    """Only Conf-Sender and Conf-Receiver are looked at."""
    meant = _as_meant(request)
    kept = {name: getattr(request, name) for name in ("sender_address", "receiver_address")}
    return replace(meant, **kept)


def _addresses_cut(request: Any) -> Any:
    return replace(_as_meant(replace(request, ipvn=4)), ipvn=request.ipvn)


def _conf_kept(request: Any) -> Any:
    """Only addresses are looked at."""
    meant = _as_meant(request)
    if not isinstance(request, RequestSession):
        return meant
    return replace(meant, conf_sender=request.conf_sender, conf_receiver=request.conf_receiver)


def _conf_of_one(request: Any) -> Any:
    """Any value but 1 counts as 0."""
    meant = _as_meant(request)
    if not isinstance(request, RequestSession):
        return meant
    conf = {name: int(getattr(request, name) == 1) for name in ("conf_sender", "conf_receiver")}
    return replace(meant, **conf)


MISTAKES = (
    _count("CountOf8Bits", "Counts kept in 8 bits: 257 becomes 1.", lambda number: number % 2**8),
    _count(
        "CountOf16Bits", "Counts kept in 16 bits: 65537 becomes 1.", lambda number: number % 2**16
    ),
    _count(
        "CountSigned",
        "Counts kept in a signed number of 32 bits: 2147483648 is below zero, and no item is read.",
        lambda number: number if number < 2**31 else 0,
    ),
    mistake(
        "SizeOf32Bits",
        "MEMORY_SAFETY",
        "Sizes computed in 32 bits, which a count times the size of an item exceeds.",
        _WRAPPED,
        Swap(messages, "Want", lambda size, is_hmac=False: Want(size % 2**32, is_hmac)),
    ),
    mistake(
        "Ipv4AddressPadded",
        "LAYOUT",
        "With IPVN 4, the 12 octets after an address sent other than zero, or not ignored.",
        "The request is refused, or means another address.",
        Swap(messages, "as_meant", _ipv4_kept),
    ),
    mistake(
        "ConfSentAsRead",
        "LAYOUT",
        "Conf-Sender or Conf-Receiver sent as another value than 0 or 1.",
        "A server that compares with 1 configures nothing.",
        Swap(messages, "as_meant", _conf_kept),
    ),
    mistake(
        "ConfOfOneAlone",
        "LAYOUT",
        "Conf-Sender or Conf-Receiver taken for not set if it is another value than 1.",
        "The server does not configure what it is asked to.",
        Swap(messages, "as_meant", _conf_of_one),
    ),
    mistake(
        "RefusedAckSentAsRead",
        "LAYOUT",
        "A Fetch-Ack with numbers that its server is to set to zero: it refuses, or the session is "
        "not finished.",
        "The client waits for data that do not come.",
        Swap(messages, "as_sent", lambda message: message),
    ),
    mistake(
        "Ipv4AddressCut",
        "LAYOUT",
        "Addresses cut to four octets whatever IPVN says.",
        "Test packets go to an address of nobody.",
        Swap(messages, "as_meant", _addresses_cut),
    ),
    mistake(
        "ConfOfOneServed",
        "LAYOUT",
        "A server that takes Conf-Receiver for not set if it is another value than 1.",
        "A request is refused that asks for a receiver.",
        Swap(negotiation, "request_problem", _problem_by_one),
    ),
    mistake(
        "LostRecordUnmarked",
        "LAYOUT",
        "The record of a lost packet without TTL 255.",
        "A lost packet passes for one that arrived in 1900.",
        Swap(PacketRecord, "lost", classmethod(_lost_without_mark)),
    ),
    mistake(
        "LostRecordWithTime",
        "LAYOUT",
        "The record of a lost packet with a Receive Timestamp.",
        "A lost packet passes for one that arrived.",
        Swap(PacketRecord, "lost", classmethod(_lost_now)),
    ),
    mistake(
        "IntegerByteOrder",
        "ENCODING",
        "Integers read in little-endian byte order.",
        "Every number is misread, a count of records among them.",
        Swap(Layout, "unpack", _unpack_little_endian),
    ),
    mistake(
        "MbzChecked",
        "MISSING_TOLERANCE",
        "A message refused for MBZ or unused octets that are not zero; they are to be ignored.",
        "The next extension breaks interoperability.",
        Swap(Layout, "unpack", _unpack_strictly),
        Swap(messages, "read_octets", _read_with_zero_hmacs),
    ),
    mistake(
        "HmacFieldChecked",
        "MISSING_TOLERANCE",
        "A message of the unauthenticated mode refused for an HMAC field that is not zero.",
        "Peers that leave the field as it is are refused.",
        Swap(messages, "read_octets", _read_with_zero_hmacs),
    ),
    mistake(
        "TrailingOctets",
        "MISSING_CHECK",
        "Octets after the end of a message taken for part of it.",
        "The start of the next message is swallowed.",
        Swap(messages, "read_octets", _read_some),
    ),
    mistake(
        "OctetsPastTheEnd",
        "MEMORY_SAFETY",
        "Octets read past the end of a message that is cut short, or that counts more slots, "
        "records or ranges than it has.",
        "Memory beyond the message is read, or so much of it is reserved as a peer likes.",
        Swap(messages, "read_octets", _read_padding),
    ),
    mistake(
        "CommandUnchecked",
        "MISSING_CHECK",
        "The command number not looked at.",
        "Any message is taken for the expected one.",
        Swap(Layout, "unpack", _unpack_any_command),
    ),
    mistake(
        "TokenOf16",
        "LAYOUT",
        "The sizes that figure 3 of RFC 7717 draws: a Token of 16 and a Client-IV of 12 octets.",
        "Set-up fails: the Token has 64 octets, and the Client-IV 16.",
        Swap(
            SetUpResponse,
            "LAYOUT",
            Layout(
                "Set-Up-Response",
                (
                    uint("Mode", 4, name="mode"),
                    octets("KeyID", 80, name="key_id"),
                    octets("Token", 16, name="token"),
                    octets("Client-IV", 12, name="client_iv"),
                ),
            ),
        ),
    ),
    mistake(
        "AcceptAtStart",
        "LAYOUT",
        "Accept looked for in the first octet of Server-Start, where other messages have it.",
        "Every refusal is taken for an acceptance.",
        Swap(
            ServerStart,
            "LAYOUT",
            Layout(
                "Server-Start",
                (
                    uint("Accept", 1, name="accept"),
                    mbz(15),
                    octets("Server-IV", 16, name="server_iv"),
                    uint("Start-Time", 8, name="start_time"),
                    mbz(8),
                ),
            ),
        ),
    ),
    mistake(
        "RequestHmacOnce",
        "LAYOUT",
        "Request-Session with one HMAC after its slots, and none before them.",
        _MISREAD,
        Swap(RequestSession, "reader", classmethod(_read_request_with_one_hmac)),
    ),
    mistake(
        "IpvnOfEightBits",
        "LAYOUT",
        "IPVN read from the whole octet, of which the high half is MBZ.",
        "The request is refused for an unknown IP version.",
        _wide_ipvn(RequestSession),
        _wide_ipvn(RequestTWSession),
    ),
    mistake(
        "StopRecordsMissing",
        "LAYOUT",
        "Stop-Sessions of OWAMP read like that of TWAMP, without session description records.",
        _MISREAD,
        Swap(StopSessions, "reader", classmethod(_read_stop_without_records)),
    ),
    mistake(
        "SkipRangesUnpadded",
        "LAYOUT",
        "No padding to a whole block after skip ranges.",
        _MISREAD,
        Swap(SessionDescription, "reader", classmethod(_read_record_unpadded)),
        Swap(messages, "_padding_after", lambda size: 0),
    ),
    mistake(
        "SkipRangesUnchecked",
        "MISSING_CHECK",
        "Skip ranges of session data taken that overlap, or are not in order.",
        "Packets are counted twice.",
        Swap(messages, "check_skip_ranges", ignore),
    ),
    mistake(
        "PacketRecordByText",
        "LAYOUT",
        "Packet records with each Error Estimate after its timestamp, as the text of RFC 4656 "
        "§3.9 lists the fields; its figure has both before the timestamps.",
        "Timestamps and errors of fetched records are wrong.",
        Swap(
            PacketRecord,
            "LAYOUT",
            _reordered(
                PacketRecord.LAYOUT,
                (
                    "seq_number",
                    "send_timestamp",
                    "send_error_estimate",
                    "receive_timestamp",
                    "receive_error_estimate",
                    "ttl",
                ),
            ),
        ),
    ),
    mistake(
        "RecordsPaddedEach",
        "LAYOUT",
        "Each packet record padded to whole blocks; only all of them together are.",
        _MISREAD,
        Swap(Layout, "size", property(_sized_record)),
        Swap(Layout, "unpack", _unpack_sized_record),
    ),
    mistake(
        "AcceptUnknownOk",
        "AUTH_BYPASS",
        "An Accept value that is not assigned taken for 0.",
        "A refusal is taken for an acceptance.",
        Swap(Accept, "interpret", _accept_as(Accept.OK)),
    ),
    mistake(
        "AcceptUnknownRefused",
        "MISSING_TOLERANCE",
        "An Accept value that is not assigned is an error of its own, and not a failure (1).",
        "The first new value breaks the implementation.",
        Swap(Accept, "interpret", classmethod(_accept_known_only)),
    ),
    mistake(
        "ModeHighestOffered",
        "NEGOTIATION",
        "The highest mode offered is used, whatever the client chose.",
        "Client and server go on in different modes.",
        Swap(negotiation, "read_mode", _highest_offered),
    ),
    mistake(
        "Ikev2BitOfTheOther",
        "NEGOTIATION",
        "The IKEv2Derived bit of the other protocol: 16 is OWAMP's, 128 TWAMP's.",
        "Set-up fails with Accept 1, or another extension is meant.",
        Swap(negotiation, "IKEV2_DERIVED", {Protocol.OWAMP: 128, Protocol.TWAMP: 16}),
    ),
    mistake(
        "MixedInOwamp",
        "NEGOTIATION",
        "Mode 8 of RFC 5618, which is for TWAMP, taken in OWAMP.",
        "Test packets go in clear where RFC 4656 knows no such mode.",
        Swap(negotiation, "SECURITY_BITS", {Protocol.OWAMP: 15, Protocol.TWAMP: 15}),
    ),
    mistake(
        "ZBitInScale",
        "LAYOUT",
        "Scale read from seven bits, the MBZ bit Z among them.",
        "Errors are wrong by a factor of 2^64.",
        Swap(ErrorEstimate, "from_int", classmethod(_estimate_with_z)),
    ),
    mistake(
        "SyncBitIgnored",
        "LAYOUT",
        "The bit S not read.",
        "A synchronized clock passes for one that is not.",
        Swap(ErrorEstimate, "from_int", classmethod(_estimate_without_s)),
    ),
)

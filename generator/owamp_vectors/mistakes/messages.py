"""Mistakes with the layout and the meaning of messages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from owamp_reference import messages, negotiation
from owamp_reference.choices import Chooser
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
from .base import Swap, mistake

NOTES: dict[str, Note] = {}

_unpack = Layout.unpack
_read_octets = messages.read_octets
_from_int = ErrorEstimate.from_int
_read_mode = negotiation.read_mode
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


def _skip_ranges_unchecked(data: bytes) -> tuple[SkipRange, ...]:
    return unpack_records(SkipRange, data)


def _read_record_unpadded(cls: type[SessionDescription]) -> Reader[SessionDescription]:
    values = cls.LAYOUT.unpack((yield Want(cls.LAYOUT.size)))
    data = yield Want(8 * values.pop("number_of_skip_ranges"))
    return cls(**values, skip_ranges=_skip_ranges_unchecked(data))


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


def _estimate_with_z(cls: type[ErrorEstimate], value: int) -> ErrorEstimate:
    found = _from_int(value)
    return cls(found.synchronized, value >> 8 & 0x7F, found.multiplier)


def _estimate_without_s(cls: type[ErrorEstimate], value: int) -> ErrorEstimate:
    found = _from_int(value)
    return cls(synchronized=False, scale=found.scale, multiplier=found.multiplier)


def _estimate_to_int(self: ErrorEstimate) -> int:
    return self.synchronized << 15 | self.scale << 8 | self.multiplier


def _estimate_of_zero(cls: type[ErrorEstimate], value: int) -> ErrorEstimate:
    return cls(bool(value >> 15), value >> 8 & 0x3F, value & 0xFF)


MISTAKES = (
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
        Swap(messages, "_padding_after", lambda size: 0),
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
        "Skip ranges taken that overlap, or are not in order.",
        "Packets are counted twice.",
        Swap(messages, "_unpack_skip_ranges", _skip_ranges_unchecked),
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
        "MultiplierZero",
        "MISSING_CHECK",
        "An Error Estimate with Multiplier 0 taken; the packet counts as corrupt.",
        "A timestamp passes for exact.",
        Swap(ErrorEstimate, "from_int", classmethod(_estimate_of_zero)),
        Swap(ErrorEstimate, "to_int", _estimate_to_int),
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

"""Vectors for every message of OWAMP-Control and TWAMP-Control, in plaintext."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict, replace
from typing import Any

from owamp_reference import messages, negotiation
from owamp_reference.choices import REFUSAL_VALUE, Choice, Chooser, Option
from owamp_reference.errors import Stage, check_size
from owamp_reference.layout import Layout, LayoutField, Record
from owamp_reference.messages import (
    Accept,
    AcceptSession,
    FetchAck,
    FetchData,
    FetchSession,
    Message,
    PacketRecord,
    Request,
    RequestSession,
    RequestTWSession,
    ScheduleSlot,
    ServerGreeting,
    ServerStart,
    SessionDescription,
    SetUpResponse,
    SkipRange,
    StartAck,
    StartSessions,
    StopSessions,
    StopTWSessions,
)
from owamp_reference.negotiation import Protocol
from owamp_reference.packets import Z_BIT, ErrorEstimate

from ..vectors.declaration import (
    Case,
    Field,
    Group,
    GroupType,
    Json,
    Values,
    VectorFile,
    acceptable,
    behaves,
    invalid,
    valid,
)
from ..vectors.drbg import Drbg
from .changes import replaced

_CLASSES: dict[str, type[Message]] = {
    "Server-Greeting": ServerGreeting,
    "Set-Up-Response": SetUpResponse,
    "Server-Start": ServerStart,
    "Request-Session": RequestSession,
    "Request-TW-Session": RequestTWSession,
    "Accept-Session": AcceptSession,
    "Start-Sessions": StartSessions,
    "Start-Ack": StartAck,
    "Stop-Sessions (OWAMP)": StopSessions,
    "Stop-Sessions (TWAMP)": StopTWSessions,
    "Fetch-Session": FetchSession,
    "Fetch-Ack": FetchAck,
}
_PROTOCOL = Field(
    "protocol",
    "OWAMP or TWAMP",
    "string",
    values=tuple(protocol.value for protocol in Protocol),
)
_OCTETS = Field("octets", "the message in plaintext, HMAC fields included but not checked")
_FIELDS = "every field by its name; integers of more than 4 octets, and octet strings, in hex"
_PARTS: dict[str, type[Record]] = {
    "slots": ScheduleSlot,
    "sessions": SessionDescription,
    "skip_ranges": SkipRange,
    "records": PacketRecord,
}
"""What the items of a list are, by its attribute."""
_CANONICAL = Field(
    "canonical",
    "the same message as a sender builds it",
    formula="octets, with zeros in MBZ and HMAC fields, after records, and in what its sender MUST "
    "set to zero; Conf-Sender and Conf-Receiver 0 or 1",
)


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)


def to_object(value: Any) -> Json:
    """The fields of a message, or of a part of one, as JSON."""
    layout: Layout = type(value).LAYOUT if hasattr(type(value), "LAYOUT") else Layout("", ())
    sizes = {field.name: field.size for field in layout.fields}
    # Fields that a message is made without come last, wherever they stand in it.
    items = sorted(vars(value).items(), key=lambda item: hasattr(type(value), item[0]))
    return {_camel(name): _to_json(item, sizes.get(name, 0)) for name, item in items}


def _to_json(value: Any, size: int) -> Any:
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, tuple):
        return [to_object(item) for item in value]
    if isinstance(value, int):
        return value.to_bytes(size, "big").hex() if size > 4 else int(value)
    return to_object(value)


def _declared(kind: type[Record]) -> tuple[Field, ...]:
    """The fields of a message, or of a part of one, as `to_object` gives them."""
    held = [item for item in kind.LAYOUT.fields if item.name and not item.counts]
    names = kind.__annotations__
    return (
        *(_declared_field(item) for item in held),
        *(_declared_list(name) for name in names if name in _PARTS),
    )


def _declared_field(item: LayoutField) -> Field:
    name = _camel(item.name)
    if item.is_integer and item.size <= 4:
        return Field(name, f"{item.label}; {item.size} octets", "integer")
    return Field(name, item.label, size=item.size)


def _declared_list(name: str) -> Field:
    part = _PARTS[name]
    return Field(_camel(name), f"each {part.LAYOUT.title}", "records", fields=_declared(part))


_HANDED_OUT = Choice(
    "whether a reader hands out what it has to ignore, or to take for 1",
    (
        Option("hands out what the fields count as", "MUST", "RFC 4656 §3.5, §3.9"),
        Option("hands out the octets as they came", "MUST", "RFC 4656 §3.5, §3.9"),
    ),
)


def _read(message: Any, choose: Chooser) -> Any:
    """A message as a reader hands it out."""
    is_refusal = isinstance(message, FetchAck) and message.accept
    counts = messages.as_sent(message) if is_refusal else message
    if isinstance(message, RequestSession | RequestTWSession):
        counts = messages.as_meant(message)
    return message if counts == message or choose(_HANDED_OUT) else counts


def _parse(values: Values, choose: Chooser) -> Json:
    message = _CLASSES[values["message"]].parse(values["octets"])
    sent = messages.as_sent(message)
    return {"fields": to_object(_read(message, choose)), "canonical": sent.to_octets()}


def _parse_fetched(values: Values, choose: Chooser) -> Json:
    data = FetchData.parse(values["octets"], FetchAck.parse(values["fetchAck"]))
    sent = replace(data, request=messages.as_sent(data.request))
    read = replace(data, request=_read(data.request, choose))
    return {"fields": to_object(read), "canonical": sent.to_octets()}


_OF_IKEV2 = Choice(
    "whether an implementation knows the Accept value 6 of RFC 7717",
    (
        Option("knows the value 6", "MAY", "RFC 7717 §5.3"),
        Option("takes 6, which RFC 4656 does not list, for 1", "MUST", "RFC 4656 §3.3"),
    ),
)


def _interpret_accept(values: Values, choose: Chooser) -> Json:
    meaning = Accept.interpret(values["accept"])
    if meaning is Accept.NO_IKE_SA and choose(_OF_IKEV2):
        meaning = Accept.FAILURE
    return {"interpretation": int(meaning)}


def _make_lost(values: Values, choose: Chooser) -> Json:
    for item in (_SENT, _RECEIVER_ESTIMATE):
        check_size(item.description, values[item.name], item.size or 0)
    estimate = int.from_bytes(values["receiveErrorEstimate"], "big")
    sent = int.from_bytes(values["sendTimestamp"], "big")
    return {"record": PacketRecord.lost(values["seqNumber"], sent, estimate, choose).pack()}


def _choose(values: Values, choose: Chooser) -> Json:
    protocol = Protocol(values["protocol"])
    mode = negotiation.read_mode(protocol, values["offered"], values["chosen"], choose)
    return {"security": (mode.security.name or "").lower(), "ikev2Derived": mode.ikev2_derived}


def _check_request(values: Values, choose: Chooser) -> Json:
    protocol = Protocol(values["protocol"])
    request = negotiation.REQUESTS[protocol].parse(values["octets"])
    problem = negotiation.request_problem(protocol, request, choose)
    accept = Accept.NOT_SUPPORTED if problem else Accept.OK
    if problem and problem.field not in negotiation.IMPROPER and choose(REFUSAL_VALUE):
        accept = Accept.FAILURE
    return {"accept": int(accept), "field": problem.field if problem else ""}


def _read_error_estimate(values: Values, choose: Chooser) -> Json:
    check_size("Error Estimate", values["octets"], 2)
    value = int.from_bytes(values["octets"], "big")
    estimate = ErrorEstimate.from_int(value, choose)
    return {**asdict(estimate), "canonical": (value & ~Z_BIT).to_bytes(2, "big")}


PARSE = GroupType(
    "MessageParse",
    "Octets that are one whole message, and no more, parsed, and the message built again. On a "
    "stream, what follows would be the next message.",
    "RFC 4656 §3, RFC 5357 §3",
    (Field("message", "which message", "string", values=tuple(_CLASSES)),),
    (_OCTETS,),
    (
        Field(
            "fields",
            _FIELDS,
            "object",
            shaped_by="message",
            shapes={name: _declared(kind) for name, kind in _CLASSES.items()},
        ),
        _CANONICAL,
    ),
    _parse,
    is_open=True,
)
PARSE_FETCHED = GroupType(
    "FetchDataParse",
    "The session data that follow an accepting Fetch-Ack, parsed and built again.",
    "RFC 4656 §3.9",
    (),
    (Field("fetchAck", "the Fetch-Ack before, with its HMAC field", size=32), _OCTETS),
    (
        Field(
            "fields",
            _FIELDS,
            "object",
            fields=(
                Field("request", "the request", "object", fields=_declared(RequestSession)),
                _declared_list("skip_ranges"),
                _declared_list("records"),
            ),
        ),
        _CANONICAL,
    ),
    _parse_fetched,
    is_open=True,
)
_SENT = Field("sendTimestamp", "when the packet was due by the schedule, NTP format", size=8)
_RECEIVER_ESTIMATE = Field("receiveErrorEstimate", "Error Estimate of the receiver", size=2)
LOST_RECORD = GroupType(
    "LostPacketRecord",
    "The packet record of a packet that did not arrive.",
    "RFC 4656 §3.9",
    (),
    (Field("seqNumber", "Seq Number", "integer"), _SENT, _RECEIVER_ESTIMATE),
    (
        Field(
            "record",
            "the packet record",
            size=25,
            formula="the Send Error Estimate has Multiplier 1, Scale 64 and S 0; Receive "
            "Timestamp 0, TTL 255",
        ),
    ),
    _make_lost,
    is_open=True,
)
INTERPRET_ACCEPT = GroupType(
    "AcceptValue",
    "What an Accept value counts as: one that is not assigned counts as 1.",
    "RFC 4656 §3.3, RFC 7717 §5.3",
    (),
    (Field("accept", "the value received", "integer"),),
    (Field("interpretation", "the value that it counts as", "integer"),),
    _interpret_accept,
    is_open=True,
)
CHOOSE = GroupType(
    "ModeChoice",
    "What a server makes of Mode: exactly one security bit of those offered; unknown bits ignored.",
    "RFC 4656 §3.1, RFC 5357 §3.1, RFC 7717 §5.1",
    (
        _PROTOCOL,
        Field("ikev2", "whether the cases are for a server that implements RFC 7717", "boolean"),
    ),
    (
        Field("offered", "Modes of the Server-Greeting", "integer"),
        Field("chosen", "Mode of the Set-Up-Response", "integer"),
    ),
    (
        Field(
            "security",
            "the mode of the connection",
            "string",
            values=tuple((mode.name or "").lower() for mode in negotiation.Mode),
        ),
        Field("ikev2Derived", "whether the shared secret is taken from IKEv2", "boolean"),
    ),
    _choose,
    is_open=True,
)
CHECK_REQUEST = GroupType(
    "RequestCheck",
    "Whether a server that refuses no request on its own account grants a well-formed one.",
    "RFC 4656 §3.5, RFC 5357 §3.5",
    (_PROTOCOL,),
    (_OCTETS,),
    (
        Field("accept", "0, or the value of Accept with which it is refused", "integer"),
        Field(
            "field",
            "the field that rules it out; empty if accept is 0",
            "string",
            in_words=True,
        ),
    ),
    _check_request,
    is_open=True,
)
ERROR_ESTIMATE = GroupType(
    "ErrorEstimate",
    "The Error Estimate of a timestamp: S, Z, Scale (6 bits), Multiplier.",
    "RFC 4656 §4.1.2",
    (),
    (Field("octets", "the field", size=2),),
    (
        Field("synchronized", "S", "boolean"),
        Field("scale", "Scale", "integer"),
        Field("multiplier", "Multiplier", "integer"),
        Field("canonical", "the field with Z zero", size=2),
    ),
    _read_error_estimate,
    is_open=True,
)

_TIME = 0xEA4C6F00_80000000
_IPV4 = bytes([192, 0, 2, 1]).ljust(16, b"\0")
_IPV6 = bytes.fromhex("20010db8000000000000000000000001")
_REQUEST: Json = {
    "ipvn": 4,
    "sender_port": 8760,
    "receiver_port": 8761,
    "sender_address": _IPV4,
    "receiver_address": bytes([198, 51, 100, 7]).ljust(16, b"\0"),
    "padding_length": 64,
    "start_time": _TIME,
    "timeout": 2 << 32,
    "type_p": 0x2E000000,
}
_OW_REQUEST = RequestSession(
    **_REQUEST,
    conf_sender=0,
    conf_receiver=1,
    number_of_packets=100,
    sid=bytes(range(16)),
    slots=(ScheduleSlot(0, 1 << 31), ScheduleSlot(1, 1 << 32)),
)
_TW_REQUEST = RequestTWSession(**_REQUEST)
_RECORD = PacketRecord(7, 0x8001, 0x0102, _TIME, _TIME + (1 << 30), 254)
_LOST = PacketRecord.lost(8, _TIME + (1 << 32), 0x0102)


_WHOLE_IPV6 = bytes.fromhex("20010db8a1a2a3a4a5a6a7a8c0ffee11")
_UNUSUAL: tuple[tuple[str, Json], ...] = (
    ("Sender Port 0", {"sender_port": 0}),
    ("Receiver Port 0", {"receiver_port": 0}),
    ("Start Time 0", {"start_time": 0}),
    ("Start Time at the end of the NTP era", {"start_time": 2**64 - 1}),
    ("Timeout 0", {"timeout": 0}),
    ("Number of Packets 0", {"number_of_packets": 0}),
    ("a slot with parameter 0", {"slots": (ScheduleSlot(1, 0),)}),
    *((f"Padding Length {size}", {"padding_length": size}) for size in (255, 256, 2**16)),
)
_TYPES_P = (
    ("Type-P Descriptor with the PHB ID 9abc", 0b01 << 30 | 0x9ABC << 14),
    ("Type-P Descriptor that begins with the bits 10", 0b10 << 30 | 1),
    ("Type-P Descriptor that begins with the bits 11", 0xFFFFFFFF),
)


def _examples(drbg: Drbg) -> Iterator[tuple[str, str, Message, tuple[str, ...]]]:
    """Message name, comment, the message, flags of its own."""
    sid = drbg.octets("sid", 16)
    block = {name: drbg.octets(name, 16) for name in ("challenge", "salt", "iv")}
    greeting = ServerGreeting(7, block["challenge"], block["salt"], 1024)
    name = "Server-Greeting"
    yield name, "all modes of RFC 4656", greeting, ("IntegerByteOrder",)
    yield name, "Modes 0: no service", replace(greeting, modes=0), ()
    yield name, "Modes with every bit set", replace(greeting, modes=2**32 - 1), ()
    zero = replace(greeting, challenge=bytes(1) + block["challenge"][1:])
    yield name, "Challenge that begins with a zero octet", zero, ()
    count = replace(greeting, count=2**31)
    yield name, "Count 2147483648: to be parsed, and then refused", count, ("IntegerByteOrder",)
    response = SetUpResponse(
        4, messages.encode_key_id("alice"), drbg.octets("token", 64), block["iv"]
    )
    name = "Set-Up-Response"
    figure = ("TokenOf16", "IntegerByteOrder")
    yield name, "encrypted mode", response, figure
    yield name, "KeyID of 80 octets", replace(response, key_id=b"k" * 80), figure
    unused = SetUpResponse(1, bytes(80), bytes(64), bytes(16))
    yield name, "unauthenticated mode: KeyID, Token, Client-IV unused", unused, figure
    ikev2 = replace(response, mode=132, key_id=drbg.octets("spis", 16) + bytes(64))
    yield name, "IKEv2Derived: the KeyID is two SPIs", ikev2, figure
    name = "Server-Start"
    start = ServerStart(0, block["iv"], _TIME)
    yield name, "accepted", start, ("IntegerByteOrder",)
    yield name, "Start-Time in the next NTP era", replace(start, start_time=1 << 32), ()
    for value in (1, 2, 6, 255):
        refused = ServerStart(value, bytes(16), 0)
        yield name, f"Accept {value}", refused, ("AcceptAtStart",)
    name = "Request-Session"
    request, order = _OW_REQUEST, ("IntegerByteOrder", "RequestHmacOnce")
    yield name, "two slots", request, order
    for number, flags in ((16, order), (256, ("CountOf8Bits",)), (257, ("CountOf8Bits",))):
        slots = tuple(ScheduleSlot(item % 2, item << 28) for item in range(number))
        yield name, f"{number} slots", replace(request, slots=slots), flags
    addresses: Json = {"ipvn": 6, "sender_address": _IPV6, "receiver_address": _IPV6}
    yield name, "IPv6", replace(request, **addresses), order
    whole: Json = {"sender_address": _WHOLE_IPV6, "receiver_address": _WHOLE_IPV6[::-1]}
    changed = replace(request, ipvn=6, **whole)
    yield name, "IPv6, no octet of the addresses zero", changed, ("Ipv4AddressCut",)
    for comment, change in _UNUSUAL:
        yield name, comment, replace(request, **change), ()
    for comment, type_p in _TYPES_P:
        yield name, comment, replace(request, type_p=type_p), ("IntegerByteOrder",)
    most: Json = {"number_of_packets": 2**32 - 1, "padding_length": 2**32 - 1, "timeout": 2**64 - 1}
    yield name, "the largest numbers", replace(request, **most), ()
    name = "Request-TW-Session"
    yield name, "IPv4", _TW_REQUEST, ("IntegerByteOrder",)
    yield name, "IPv6", replace(_TW_REQUEST, **addresses), ("IntegerByteOrder",)
    yield (
        name,
        "IPv6, no octet of the addresses zero",
        replace(_TW_REQUEST, ipvn=6, **whole),
        ("Ipv4AddressCut",),
    )
    for comment, change in _UNUSUAL[:5]:
        yield name, comment, replace(_TW_REQUEST, **change), ()
    for comment, type_p in _TYPES_P:
        yield name, comment, replace(_TW_REQUEST, type_p=type_p), ("IntegerByteOrder",)
    zeros: Json = {"sender_address": bytes(16), "receiver_address": bytes(16)}
    yield name, "addresses of the connection: zeros", replace(_TW_REQUEST, **zeros), ()
    name = "Accept-Session"
    yield name, "accepted", AcceptSession(0, 8761, sid), ("IntegerByteOrder",)
    yield name, "refused: port and SID zero", AcceptSession(3, 0, bytes(16)), ()
    yield name, "port 65535", AcceptSession(0, 65535, sid), ()
    yield name, "port 0", AcceptSession(0, 0, sid), ()
    for value in (1, 4, 6, 255):
        yield name, f"refused with Accept {value}", AcceptSession(value, 0, bytes(16)), ()
    yield "Start-Sessions", "the one form", StartSessions(), ()
    for value in (0, 1, 2, 5, 7, 255):
        yield "Start-Ack", f"Accept {value}", StartAck(value), ()
    name = "Stop-Sessions (OWAMP)"
    yield name, "no sessions", StopSessions(0, ()), ()
    none = SessionDescription(sid, 100)
    padded = ("SkipRangesUnpadded", "StopRecordsMissing", "IntegerByteOrder")
    yield name, "one session without skip ranges", StopSessions(0, (none,)), padded
    one = SessionDescription(sid, 100, (SkipRange(3, 5),))
    yield name, "one skip range: no padding needed", StopSessions(0, (one,)), padded[1:]
    two = SessionDescription(sid, 100, (SkipRange(0, 0), SkipRange(1, 1)))
    yield name, "two skip ranges that touch", StopSessions(0, (two,)), padded
    wide = SessionDescription(sid, 2**32 - 1, (SkipRange(0, 2**32 - 2),))
    yield name, "all packets skipped", StopSessions(0, (wide,)), padded[1:]
    yield name, "three sessions", StopSessions(0, (none, two, one)), padded
    yield name, "Accept 1: the session ends badly", StopSessions(1, (none,)), padded
    for number in (256, 257):
        many = StopSessions(0, (none,) * number)
        yield name, f"{number} sessions", many, ("CountOf8Bits",)
    for number in (255, 256, 257):
        ranges = tuple(SkipRange(2 * item, 2 * item) for item in range(number))
        many = StopSessions(0, (SessionDescription(sid, 1000, ranges), one))
        yield name, f"{number} skip ranges", many, ("CountOf8Bits",) if number > 255 else ()
    name = "Stop-Sessions (TWAMP)"
    yield name, "one session", StopTWSessions(0, 1), ("IntegerByteOrder",)
    yield name, "the largest number", StopTWSessions(0, 2**32 - 1), ()
    name = "Fetch-Session"
    yield name, "the complete session", FetchSession(0, 2**32 - 1, sid), ()
    yield name, "records 10 to 20", FetchSession(10, 20, sid), ("IntegerByteOrder",)
    name = "Fetch-Ack"
    yield name, "finished", FetchAck(0, 1, 100, 2, 98), ("IntegerByteOrder",)
    for value in (1, 3, 6, 255):
        yield name, f"refused with Accept {value}", FetchAck(value, 0, 0, 0, 0), ()
    yield name, "not finished", FetchAck(0, 0, 0, 0, 5), ("IntegerByteOrder",)
    yield name, "finished, by another value than 1", FetchAck(0, 255, 100, 0, 100), ()


_COMMANDS = {
    "Request-Session": 1,
    "Start-Sessions": 2,
    "Stop-Sessions (OWAMP)": 3,
    "Stop-Sessions (TWAMP)": 3,
    "Fetch-Session": 4,
    "Request-TW-Session": 5,
}
_HEADER_MBZ = {  # the MBZ octets of each message, as offset and size
    "Server-Greeting": ((0, 12), (52, 12)),
    "Server-Start": ((0, 15), (40, 8)),
    "Request-Session": ((88, 8),),
    "Request-TW-Session": ((88, 8),),
    "Accept-Session": ((1, 1), (20, 12)),
    "Start-Sessions": ((1, 15),),
    "Start-Ack": ((1, 15),),
    "Stop-Sessions (OWAMP)": ((2, 2), (8, 8)),
    "Stop-Sessions (TWAMP)": ((2, 2), (8, 8)),
    "Fetch-Session": ((1, 7),),
    "Fetch-Ack": ((2, 2),),
}


def _variants(name: str, message: Message, drbg: Drbg) -> Iterator[Case]:
    """One message of each kind, changed in ways that apply to all."""
    octets = message.to_octets()
    if name in _HEADER_MBZ:
        dirty = octets
        for offset, size in _HEADER_MBZ[name]:
            dirty = replaced(dirty, offset, b"\xff" * size)
        comment = "MBZ and unused fields of ones: they are ignored"
        yield valid(comment, {"octets": dirty}, "MbzChecked", source="RFC 4656 §3.1")
    if message.HAS_HMAC:
        noise = octets[:-16] + drbg.octets("hmac", 16)
        comment = "an HMAC field that is not zero: ignored in the unauthenticated mode"
        yield valid(comment, {"octets": noise}, "HmacFieldChecked", source="RFC 4656 §3.2")
    yield invalid("nothing", {"octets": b""})
    yield invalid("one octet short", {"octets": octets[:-1]}, "OctetsPastTheEnd")
    yield invalid("one octet long", {"octets": octets + b"\0"}, "TrailingOctets")
    yield invalid("one block long", {"octets": octets + bytes(16)}, "TrailingOctets")
    if name in _COMMANDS:
        for command in (0, 6, 255):
            comment = f"command number {command}"
            yield invalid(
                comment, {"octets": replaced(octets, 0, bytes([command]))}, "CommandUnchecked"
            )


def _special(name: str, drbg: Drbg) -> Iterator[Case]:
    """Cases that only one message can have."""
    if name == "Set-Up-Response":
        figure = bytes(4 + 80 + 16 + 12)
        comment = "the sizes of figure 3 of RFC 7717: Token 16, Client-IV 12 octets"
        yield invalid(comment, {"octets": figure}, "TokenOf16", source="RFC 7717 §5.3")
    if name == "Request-Session":
        yield from _special_requests(_OW_REQUEST, 0xF4)
        yield from _request_lists()
    if name == "Request-TW-Session":
        yield from _special_requests(_TW_REQUEST, 0xF6)
        yield from _not_of_twamp()
    if name == "Stop-Sessions (OWAMP)":
        yield from _special_stops(drbg.octets("sid", 16))
    if name == "Fetch-Ack":
        yield from _special_acks()


def _not_of_twamp() -> Iterator[Case]:
    """What a client of TWAMP MUST set to zero is zero in `canonical`."""
    reason = "RFC 5357 has the client set it to zero; a parser may leave that to another step."
    for label, change in (
        ("Conf-Sender", {"conf_sender": 1}),
        ("Conf-Receiver", {"conf_receiver": 1}),
        ("Number of Schedule Slots", {"number_of_slots": 1}),
        ("Number of Packets", {"number_of_packets": 1}),
        ("SID", {"sid": bytes(15) + b"\1"}),
    ):
        octets = replace(_TW_REQUEST, **change).to_octets()
        comment, source = f"{label} not zero", "RFC 5357 §3.5"
        yield acceptable(
            comment, {"octets": octets}, stage=Stage.LAYOUT, reason=reason, source=source
        )


def _special_requests(request: Request, ipvn: int) -> Iterator[Case]:
    octets = request.to_octets()
    comment = "the high half of the octet of IPVN set: MBZ"
    yield valid(comment, {"octets": replaced(octets, 1, bytes([ipvn]))}, "IpvnOfEightBits")
    other = {"octets": replaced(octets, 1, b"\x05")}
    versions = "RFC 4656 has 4 and 6; a parser may leave that to another step."
    yield acceptable("IPVN 5", other, stage=Stage.LAYOUT, reason=versions)
    for comment, offsets in (
        ("12 octets after the Sender Address of IPv4 that are not zero", (16,)),
        ("12 octets after the Receiver Address of IPv4 that are not zero", (32,)),
        ("12 octets after both addresses of IPv4 that are not zero", (16, 32)),
    ):
        dirty = octets
        for offset in offsets:
            dirty = replaced(dirty, offset + 4, b"\xa5" * 12)
        yield behaves(comment, {"octets": dirty}, "Ipv4AddressPadded")


def _request_lists() -> Iterator[Case]:
    """Request-Session: Conf-Sender and Conf-Receiver, and the number of slots."""
    octets = _OW_REQUEST.to_octets()
    none = replace(_OW_REQUEST, slots=())
    comment = "no slots: two HMACs in a row"
    few = "RFC 4656 wants one slot or more; a parser may leave that to another step."
    yield acceptable(comment, {"octets": none.to_octets()}, stage=Stage.LAYOUT, reason=few)
    strange = replace(_OW_REQUEST, slots=(ScheduleSlot(255, 2**64 - 1),))
    types = "RFC 4656 has the types 0 and 1; a parser may leave that to another step."
    given = {"octets": strange.to_octets()}
    yield acceptable("slot of type 255", given, stage=Stage.LAYOUT, reason=types)
    for offset, label in ((2, "Conf-Sender"), (3, "Conf-Receiver")):
        for value in (2, 128, 255):
            comment = f"{label} {value}: it counts as 1"
            set_ = {"octets": replaced(octets, offset, bytes([value]))}
            yield behaves(comment, set_, "ConfSentAsRead", "ConfOfOneAlone")
    counts = (1, 3, 2 + 2**8, 2 + 2**16, 2 + 2**28, 2**32 - 1)
    for number in counts:
        wrong = {"octets": replaced(octets, 4, number.to_bytes(4, "big"))}
        yield invalid(f"two slots, and {number} by the header", wrong, *_aims(number, 2, 28))
    wrong = {"octets": replaced(none.to_octets(), 4, b"\x80\0\0\0")}
    yield invalid("no slots, and 2147483648 by the header", wrong, "CountSigned", "SizeOf32Bits")


def _aims(number: int, right: int, bits: int) -> tuple[str, ...]:
    """The mistakes that take a wrong count for the right one.

    Args:
        bits: by how many bits a count is shorter than the size in octets, of 32 bits.
    """
    return {
        right - 1: ("TrailingOctets",),
        right + 1: ("OctetsPastTheEnd",),
        right + 2**8: ("CountOf8Bits",),
        right + 2**16: ("CountOf16Bits",),
        right + 2**bits: ("SizeOf32Bits",),
    }.get(number, ())


def _special_stops(sid: bytes) -> Iterator[Case]:
    order = "RFC 4656 §3.8 has the sender keep them in order, and does not say what a reader does."
    for comment, ranges in (
        ("skip ranges that overlap", ((3, 5), (5, 7))),
        ("skip ranges out of order", ((9, 9), (3, 5))),
        ("a skip range that ends before it begins", ((5, 3),)),
        ("the same skip range twice", ((3, 5), (3, 5))),
    ):
        skipped = tuple(SkipRange(*item) for item in ranges)
        stop = StopSessions(0, (SessionDescription(sid, 100, skipped),))
        yield acceptable(comment, {"octets": stop.to_octets()}, stage=Stage.LAYOUT, reason=order)
    octets = StopSessions(0, (SessionDescription(sid, 100),)).to_octets()
    comment = "padding after a record that is not zero"
    dirty = {"octets": replaced(octets, 40, b"\xff" * 8)}
    yield acceptable(comment, dirty, stage=Stage.LAYOUT, reason=_PADDING)
    for number in (0, 2, 1 + 2**8, 1 + 2**16, 2**32 - 1):
        wrong = {"octets": replaced(octets, 4, number.to_bytes(4, "big"))}
        yield invalid(f"one record, and {number} by the header", wrong, *_aims(number, 1, 32))
    none = StopSessions(0, ()).to_octets()
    wrong = {"octets": replaced(none, 4, b"\x80\0\0\0")}
    yield invalid("no record, and 2147483648 by the header", wrong, "CountSigned")
    comment = "4294967295 skip ranges by the record: 32 GiB"
    yield invalid(comment, {"octets": replaced(octets, 36, b"\xff" * 4)})
    comment = "no skip range, and 2147483648 by the record"
    yield invalid(
        comment, {"octets": replaced(octets, 36, b"\x80\0\0\0")}, "CountSigned", "SizeOf32Bits"
    )
    one = StopSessions(0, (SessionDescription(sid, 100, (SkipRange(3, 5),)),)).to_octets()
    for number in (0, 2, 1 + 2**8, 1 + 2**16, 1 + 2**29):
        wrong = {"octets": replaced(one, 36, number.to_bytes(4, "big"))}
        comment = f"one skip range, and {number} by the record"
        aims = _aims(number, 1, 29) if number > 2 else ()  # else it stands for padding
        if number:
            yield invalid(comment, wrong, *aims)
        else:
            yield acceptable(comment, wrong, stage=Stage.LAYOUT, reason=_PADDING)


_PADDING = (
    "RFC 4656 has the sender pad with zeros, and does not call it MBZ: a reader may look at it."
)


def _special_acks() -> Iterator[Case]:
    for comment, ack in (
        ("refused, with all other fields set: they are ignored", FetchAck(1, 1, 100, 2, 98)),
        ("refused with Accept 3, with Number of Records set", FetchAck(3, 0, 0, 0, 7)),
    ):
        yield behaves(comment, {"octets": ack.to_octets()}, "RefusedAckSentAsRead")
    for comment, ack in (
        ("not finished, with Next Seqno 5", FetchAck(0, 0, 5, 0, 5)),
        ("not finished, with 2 skip ranges", FetchAck(0, 0, 0, 2, 5)),
    ):
        reason = "RFC 4656 has the server set it to zero, and does not say what a client does."
        flags = ("RefusedAckSentAsRead",)
        yield acceptable(
            comment, {"octets": ack.to_octets()}, *flags, stage=Stage.LAYOUT, reason=reason
        )


def _parse_groups(drbg: Drbg) -> Iterator[Group]:
    examples: dict[str, list[tuple[str, Message, tuple[str, ...]]]] = {}
    for name, comment, message, flags in _examples(drbg):
        examples.setdefault(name, []).append((comment, message, flags))
    for name, rows in examples.items():
        source = rows[0][1].SOURCE
        cases = [
            valid(comment, {"octets": message.to_octets()}, *flags, source=source)
            for comment, message, flags in rows
        ]
        cases += _variants(name, rows[0][1], drbg.at(name))
        cases += _special(name, drbg.at(name))
        yield Group(
            PARSE,
            [replace(case, source=case.source or source) for case in cases],
            {"message": name},
        )


def _fetched_cases(drbg: Drbg) -> Iterator[Case]:
    del drbg  # the session is chosen, not drawn

    def given(
        comment: str, ranges: tuple[SkipRange, ...], records: tuple[PacketRecord, ...]
    ) -> tuple[str, Json]:
        ack = FetchAck(0, 1, 1000, len(ranges), len(records))
        data = FetchData(_OW_REQUEST, ranges, records)
        return comment, {"fetchAck": ack.to_octets(), "octets": data.to_octets()}

    text, each = "PacketRecordByText", "RecordsPaddedEach"
    yield valid(*given("one record", (), (_RECORD,)), text)
    yield valid(*given("two records", (), (_RECORD, _LOST)), text, each)
    yield valid(*given("16 records: 400 octets, no padding", (), (_RECORD,) * 16), text, each)
    yield valid(*given("a lost packet: Receive Timestamp 0, TTL 255", (), (_LOST,)), text)
    yield valid(*given("no records", (), ()))
    ranges = (SkipRange(1, 2), SkipRange(4, 4), SkipRange(6, 9))
    yield valid(*given("three skip ranges, padded", ranges, (_RECORD,)), "SkipRangesUnpadded")
    yield valid(*given("two skip ranges, no padding", ranges[:2], (_RECORD,)), text)
    comment, inputs = given("padding that is not zero", ranges[:1], (_RECORD,))
    size = len(inputs["octets"])
    dirty = replaced(inputs["octets"], size - 16 - 7, b"\xff" * 7)
    yield acceptable(comment, {**inputs, "octets": dirty}, stage=Stage.LAYOUT, reason=_PADDING)
    for comment, pairs in (
        ("skip ranges that overlap", ((1, 5), (4, 9))),
        ("skip ranges that share a number", ((1, 5), (5, 9))),
        ("skip ranges out of order", ((6, 9), (1, 5))),
        ("a skip range after one that ends at 4294967295", ((5, 2**32 - 1), (1, 3))),
        ("the same skip range twice", ((1, 5), (1, 5))),
        ("skip ranges out of order by First Seqno, in order by Last Seqno", ((5, 3), (4, 9))),
    ):
        skipped = tuple(SkipRange(*pair) for pair in pairs)
        yield invalid(*given(comment, skipped, ()), "SkipRangesUnchecked")
    yield from _fetched_lists(given)
    comment, inputs = given("a session that is not finished", (), (_RECORD,) * 2)
    running = FetchAck(0, 0, 0, 0, 2).to_octets()
    yield valid(comment, {**inputs, "fetchAck": running})
    for comment, change, flags in (
        ("IPv6", {"ipvn": 6, "sender_address": _IPV6, "receiver_address": _WHOLE_IPV6}, ()),
        ("Conf-Sender 255 in the request", {"conf_sender": 255}, ("ConfSentAsRead",)),
        (
            "12 octets after an address of IPv4 in the request that are not zero",
            {"sender_address": _IPV4[:4] + b"\xa5" * 12},
            ("Ipv4AddressPadded",),
        ),
    ):
        asked = FetchData(replace(_OW_REQUEST, **change), (), (_RECORD,))
        ack = FetchAck(0, 1, 1000, 0, 1).to_octets()
        yield behaves(comment, {"fetchAck": ack, "octets": asked.to_octets()}, *flags)
    comment, inputs = given("one octet short", (), (_RECORD,))
    yield invalid(comment, {**inputs, "octets": inputs["octets"][:-1]}, "OctetsPastTheEnd")
    comment, inputs = given("one octet long", (), (_RECORD,))
    yield invalid(comment, {**inputs, "octets": inputs["octets"] + b"\0"}, "TrailingOctets")
    comment, inputs = given("one record, and 3 by the Fetch-Ack", (), (_RECORD,))
    wrong = FetchAck(0, 1, 10, 0, 3).to_octets()
    yield invalid(comment, {**inputs, "fetchAck": wrong}, "OctetsPastTheEnd")
    comment, inputs = given("Fetch-Ack of 31 octets", (), (_RECORD,))
    yield invalid(comment, {**inputs, "fetchAck": inputs["fetchAck"][:-1]}, "OctetsPastTheEnd")


def _fetched_lists(given: Callable[..., tuple[str, Json]]) -> Iterator[Case]:
    """Long lists, and counts that are not theirs."""
    apart = tuple(SkipRange(2 * number, 2 * number) for number in range(257))
    yield valid(*given("257 skip ranges", apart, (_RECORD,)), "CountOf8Bits")
    records = tuple(replace(_RECORD, seq_number=number) for number in range(257))
    yield valid(*given("257 records", (), records), "CountOf8Bits")
    for number in (1 + 2**8, 1 + 2**16, 171798692):
        comment, inputs = given(f"one record, and {number} by the Fetch-Ack", (), (_RECORD,))
        wrong = FetchAck(0, 1, 1000, 0, number).to_octets()
        yield invalid(comment, {**inputs, "fetchAck": wrong}, *_aims(number, 1, 32))
    for number in (2 + 2**8, 2 + 2**16, 2 + 2**29):
        comment = f"two skip ranges, and {number} by the Fetch-Ack"
        comment, inputs = given(comment, apart[:2], (_RECORD,))
        wrong = FetchAck(0, 1, 1000, number, 1).to_octets()
        yield invalid(comment, {**inputs, "fetchAck": wrong}, *_aims(number, 2, 29))
    comment, inputs = given("no records, and 2147483648 by the Fetch-Ack", (), ())
    wrong = FetchAck(0, 1, 1000, 0, 2**31).to_octets()
    yield invalid(comment, {**inputs, "fetchAck": wrong}, "CountSigned")


def _lost_cases() -> Iterator[Case]:
    for comment, number, time in (
        ("packet 0", 0, _TIME),
        ("packet 8", 8, _TIME + (1 << 32)),
        ("packet 4294967295, due in the next NTP era", 2**32 - 1, 1 << 31),
    ):
        inputs = {"seqNumber": number, "sendTimestamp": time.to_bytes(8, "big")}
        inputs["receiveErrorEstimate"] = b"\1\2"
        yield behaves(comment, inputs, "LostRecordUnmarked", "LostRecordWithTime")


def _accept_cases() -> Iterator[Case]:
    for value in range(6):
        yield valid(f"Accept {value}: assigned", {"accept": value})
    yield behaves("Accept 6: assigned by RFC 7717", {"accept": 6})
    for value in (7, 8, 127, 255):
        flags = ("AcceptUnknownOk", "AcceptUnknownRefused")
        yield valid(f"Accept {value}: not assigned, a failure", {"accept": value}, *flags)


def _given_modes(comment: str, offered: int, chosen: int) -> tuple[str, Json]:
    return comment, {"offered": offered, "chosen": chosen}


def _mode_cases(protocol: Protocol) -> Iterator[Case]:
    """Of a server that need not know RFC 7717."""
    given = _given_modes
    security = negotiation.SECURITY_BITS[protocol]
    bits = [1 << number for number in range(4) if security >> number & 1]
    for chosen in bits:
        aims = () if chosen == bits[-1] else ("ModeHighestOffered",)
        yield valid(*given(f"Mode {chosen} of all", security, chosen), *aims)
    for bit in (1 << 30, 1 << 31):
        comment = f"a bit that is not assigned, {bit}, set in Mode: ignored"
        yield valid(*given(comment, security, 4 | bit), "UnknownModeBitsRefused")
    yield valid(*given("unknown bits offered", security | 0xFF << 24, 2), "ModeHighestOffered")
    several = (3, 5, 6, 7) if protocol is Protocol.OWAMP else (3, 5, 6, 7, 9, 10, 12, 15)
    for chosen in several:
        yield invalid(*given(f"Mode {chosen}: several modes", security, chosen), "SeveralModes")
    yield invalid(*given("Mode 0", security, 0))
    for offered, chosen in ((4, 1), (4, 2), (1, 4), (0, 1)):
        comment = f"Mode {chosen}, and only {offered} offered"
        yield invalid(*given(comment, offered, chosen), "ModeNotOffered")
    yield invalid(*given("only an unknown bit", security | 1 << 31, 1 << 31))
    for chosen in bits[1:]:
        bit = negotiation.IKEV2_DERIVED[protocol]
        yield behaves(
            *given(f"Mode {chosen} with IKEv2Derived, not offered", security, chosen | bit)
        )
    if protocol is Protocol.OWAMP:
        yield from _other_modes()
        return
    for bit, extension in _EXTENSIONS.items():
        comment = f"{bit}, which is {extension}, not offered"
        yield behaves(*given(comment, security, 4 | bit))


_EXTENSIONS = {
    16: "Individual Session Control (RFC 5938)",
    32: "Reflect Octets (RFC 6038)",
    64: "Symmetrical Size (RFC 6038)",
    256: "DSCP and ECN Monitoring (RFC 7750)",
    512: "PTPv2 Timestamp (RFC 8186)",
}
"""The bits of TWAMP that select an extension, but for IKEv2Derived."""


def _other_modes() -> Iterator[Case]:
    """What TWAMP has assigned, and OWAMP has not."""
    given, none = _given_modes, "RFC 4656 §3.1; RFC 5618 §3.1"
    for offered, aims in ((0xF, ("MixedInOwamp",)), (0b111, ())):
        comment = f"Mode 8 of RFC 5618, which is for TWAMP, and {offered} offered"
        yield invalid(*given(comment, offered, 8), *aims, source=none)
    for chosen in (12, 10, 9):
        comment = f"Mode {chosen}: of 8 OWAMP knows nothing, and it is ignored"
        yield valid(*given(comment, 0b111, chosen), "MixedInOwamp", source=none)
    comment = "128, which is IKEv2Derived in TWAMP: ignored"
    yield valid(*given(comment, 0b111, 4 | 128), source="RFC 7718 §3.2.4")


def _ikev2_cases(protocol: Protocol) -> Iterator[Case]:
    """Of a server that knows RFC 7717, and offers IKEv2Derived."""
    given = _given_modes
    bit = negotiation.IKEV2_DERIVED[protocol]
    security = negotiation.SECURITY_BITS[protocol]
    for chosen in (2, 4, 8):
        if chosen & security:
            comment = f"Mode {chosen} with IKEv2Derived"
            aims = ("Ikev2BitMissing", "Ikev2BitOfTheOther")
            yield valid(*given(comment, security | bit, chosen | bit), *aims)
            yield valid(*given(f"Mode {chosen} without it", security | bit, chosen))
    comment = "Mode 4 with IKEv2Derived and a bit that is not assigned"
    yield valid(*given(comment, security | bit, 4 | bit | 1 << 31), "UnknownModeBitsRefused")
    yield invalid(*given("IKEv2Derived alone", security | bit, bit))
    yield invalid(
        *given("IKEv2Derived with several modes", security | bit, 6 | bit), "SeveralModes"
    )
    yield behaves(*given("IKEv2Derived without protection", security | bit, 1 | bit))


def _request_cases(protocol: Protocol) -> Iterator[Case]:
    def given(comment: str, **change: Any) -> tuple[str, Json]:
        base: Message = _OW_REQUEST if protocol is Protocol.OWAMP else _TW_REQUEST
        return comment, {"octets": replace(base, **change).to_octets()}

    yield valid(*given("IPv4"))
    yield valid(*given("IPv6", ipvn=6, sender_address=_IPV6, receiver_address=_IPV6))
    whole = {"sender_address": _WHOLE_IPV6, "receiver_address": _WHOLE_IPV6[::-1]}
    yield valid(*given("IPv6, no octet of the addresses zero", ipvn=6, **whole))
    dirty = {name: octets[:4] + b"\xa5" * 12 for name, octets in whole.items()}
    comment = "12 octets after both addresses of IPv4 that are not zero: ignored"
    yield valid(*given(comment, **dirty), source="RFC 4656 §3.5")
    for comment, type_p in _TYPES_P:
        yield behaves(*given(comment, type_p=type_p))
    for comment, change in (*_UNUSUAL[:5], ("the largest DSCP", {"type_p": 0x3F << 24})):
        yield behaves(*given(comment, **change))
    for version in (0, 5, 15):
        yield behaves(*given(f"IPVN {version}", ipvn=version))
    if protocol is Protocol.OWAMP:
        yield behaves(*given("Conf-Sender and Conf-Receiver 0", conf_receiver=0))
        yield valid(*given("both ends configured", conf_sender=1))
        for comment, type_p in _TYPES_P:
            sends = {"conf_sender": 1, "conf_receiver": 0, "type_p": type_p}
            yield behaves(*given(f"{comment}, for the server to send with", **sends))
        for conf in (2, 128, 255):
            set_ = {"octets": replaced(_OW_REQUEST.to_octets(), 3, bytes([conf]))}
            comment = f"Conf-Receiver {conf}, and no Conf-Sender: it counts as 1"
            yield valid(comment, set_, "ConfOfOneServed")
        yield behaves(*given("no slots", slots=()))
        for slot_type in (2, 255):
            slots = (ScheduleSlot(0, 1), ScheduleSlot(slot_type, 1))
            yield behaves(*given(f"slot type {slot_type}", slots=slots), "SlotTypeUnchecked")
        return
    for name, value in (
        ("conf_sender", 1),
        ("conf_receiver", 1),
        ("number_of_slots", 1),
        ("number_of_packets", 1),
        ("sid", bytes(15) + b"\1"),
    ):
        flags = ("TwConfUnchecked",) if name.startswith("conf") else ()
        yield behaves(*given(f"{name.replace('_', ' ')} not zero", **{name: value}), *flags)


def _estimate_cases() -> Iterator[Case]:
    for comment, octets, *flags in (
        ("not synchronized, Scale 0, Multiplier 1", "0001"),
        ("synchronized", "8001", "SyncBitIgnored"),
        ("largest Scale, 63, and Multiplier, 255", "3fff"),
        ("every bit set: Z is ignored", "ffff", "ZBitInScale", "SyncBitIgnored"),
        ("the Z bit set: ignored", "4001", "ZBitInScale"),
        ("S and Z set, Scale 32", "e005", "ZBitInScale", "SyncBitIgnored"),
        ("all of the first octet set but S: not synchronized", "7f01", "ZBitInScale"),
    ):
        yield valid(comment, {"octets": bytes.fromhex(octets)}, *flags)
    for octets in ("0000", "8000", "3f00"):
        comment = f"Multiplier 0 in {octets}: the packet counts as corrupt"
        yield behaves(comment, {"octets": bytes.fromhex(octets)})
    for octets in ("", "80", "800100"):
        comment = f"{len(octets) // 2} octets"
        aims = ("SizeUnchecked",) if octets == "80" else ()  # the others are no number that fits
        yield invalid(comment, {"octets": bytes.fromhex(octets)}, *aims)


def make_groups(drbg: Drbg) -> Iterator[Group]:
    """The groups of ``messages.json``."""
    yield from _parse_groups(drbg.at(PARSE.name))
    yield Group(PARSE_FETCHED, list(_fetched_cases(drbg)))
    yield Group(LOST_RECORD, list(_lost_cases()))
    yield Group(INTERPRET_ACCEPT, list(_accept_cases()))
    for protocol in Protocol:
        for ikev2, mode_cases in ((False, _mode_cases), (True, _ikev2_cases)):
            shared = {"protocol": protocol.value, "ikev2": ikev2}
            yield Group(CHOOSE, list(mode_cases(protocol)), shared)
    for protocol in Protocol:
        yield Group(CHECK_REQUEST, list(_request_cases(protocol)), {"protocol": protocol.value})
    yield Group(ERROR_ESTIMATE, list(_estimate_cases()))


FILE = VectorFile(
    name="messages",
    algorithm="none",
    header=(
        "Every message of OWAMP-Control (RFC 4656 §3) and TWAMP-Control (RFC 5357 §3) in plain,",
        "that is as in the unauthenticated mode: octets to fields, and fields to octets; and the",
        "meaning of Accept, Modes, Mode, requests and Error Estimate.",
    ),
    types=(
        PARSE,
        PARSE_FETCHED,
        LOST_RECORD,
        INTERPRET_ACCEPT,
        CHOOSE,
        CHECK_REQUEST,
        ERROR_ESTIMATE,
    ),
    make_groups=make_groups,
)

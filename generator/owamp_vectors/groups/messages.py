"""Vectors for every message of OWAMP-Control and TWAMP-Control, in plaintext."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, replace
from typing import Any

from owamp_reference import messages, negotiation
from owamp_reference.choices import REFUSAL_VALUE, Chooser
from owamp_reference.errors import check_size
from owamp_reference.layout import Layout
from owamp_reference.messages import (
    Accept,
    AcceptSession,
    FetchAck,
    FetchData,
    FetchSession,
    Message,
    PacketRecord,
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
from owamp_reference.packets import ErrorEstimate

from ..vectors.declaration import (
    Case,
    Field,
    Group,
    GroupType,
    Json,
    Values,
    VectorFile,
    behaves,
    invalid,
    valid,
)
from ..vectors.drbg import Drbg

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
_FIELDS = Field(
    "fields",
    "every field by its name; integers of more than 4 octets, and octet strings, in hex",
    "object",
)
_CANONICAL = Field(
    "canonical",
    "the same message as a sender builds it",
    formula="octets, with zeros in MBZ and HMAC fields and after records",
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


def _parse(values: Values) -> Json:
    message = _CLASSES[values["message"]].parse(values["octets"])
    return {"fields": to_object(message), "canonical": message.to_octets()}


def _parse_fetched(values: Values) -> Json:
    data = FetchData.parse(values["octets"], FetchAck.parse(values["fetchAck"]))
    return {"fields": to_object(data), "canonical": data.to_octets()}


def _interpret_accept(values: Values) -> Json:
    return {"interpretation": int(Accept.interpret(values["accept"]))}


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


def _read_error_estimate(values: Values) -> Json:
    check_size("Error Estimate", values["octets"], 2)
    estimate = ErrorEstimate.from_int(int.from_bytes(values["octets"], "big"))
    return {**asdict(estimate), "canonical": estimate.to_int().to_bytes(2, "big")}


PARSE = GroupType(
    "MessageParse",
    "A message parsed, and built again.",
    "RFC 4656 §3, RFC 5357 §3",
    (Field("message", "which message", "string", values=tuple(_CLASSES)),),
    (_OCTETS,),
    (_FIELDS, _CANONICAL),
    _parse,
)
PARSE_FETCHED = GroupType(
    "FetchDataParse",
    "The session data that follow an accepting Fetch-Ack, parsed and built again.",
    "RFC 4656 §3.9",
    (),
    (Field("fetchAck", "the Fetch-Ack before, with its HMAC field", size=32), _OCTETS),
    (_FIELDS, _CANONICAL),
    _parse_fetched,
)
INTERPRET_ACCEPT = GroupType(
    "AcceptValue",
    "What an Accept value counts as: one that is not assigned counts as 1.",
    "RFC 4656 §3.3, RFC 7717 §5.3",
    (),
    (Field("accept", "the value received", "integer"),),
    (Field("interpretation", "the value that it counts as", "integer"),),
    _interpret_accept,
)
CHOOSE = GroupType(
    "ModeChoice",
    "What a server makes of Mode: exactly one security bit of those offered; unknown bits ignored.",
    "RFC 4656 §3.1, RFC 5357 §3.1, RFC 7717 §5.1",
    (_PROTOCOL,),
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
    "Whether a server can grant a well-formed request, by the rules of the RFCs alone.",
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
        Field("multiplier", "Multiplier, not zero", "integer"),
        Field("canonical", "the field with Z zero", size=2),
    ),
    _read_error_estimate,
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
# RFC 4656 §3.9 wants Scale 64, which 6 bits cannot hold: 64 modulo 64, as perfSONAR's owampd sends.
_LOST = PacketRecord(8, 0x0001, 0x0102, _TIME + (1 << 32), 0, 255)


def _examples(drbg: Drbg) -> Iterator[tuple[str, str, Message, tuple[str, ...]]]:
    """Message name, comment, the message, flags of its own."""
    sid = drbg.octets("sid", 16)
    block = {name: drbg.octets(name, 16) for name in ("challenge", "salt", "iv")}
    greeting = ServerGreeting(7, block["challenge"], block["salt"], 1024)
    name = "Server-Greeting"
    yield name, "all modes of RFC 4656", greeting, ("IntegerByteOrder",)
    yield name, "Modes 0: no service", replace(greeting, modes=0), ()
    yield name, "Modes with every bit set", replace(greeting, modes=2**32 - 1), ()
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
    for value in (1, 6, 255):
        refused = ServerStart(value, bytes(16), 0)
        yield name, f"Accept {value}", refused, ("AcceptAtStart",)
    name = "Request-Session"
    request, order = _OW_REQUEST, ("IntegerByteOrder", "RequestHmacOnce")
    yield name, "two slots", request, order
    yield name, "no slots: two HMACs in a row", replace(request, slots=()), order
    sixteen = tuple(ScheduleSlot(number % 2, number << 28) for number in range(16))
    yield name, "16 slots", replace(request, slots=sixteen), order
    addresses: Json = {"ipvn": 6, "sender_address": _IPV6, "receiver_address": _IPV6}
    yield name, "IPv6", replace(request, **addresses), order
    strange = ScheduleSlot(255, 2**64 - 1)
    yield name, "slot of an unknown type: to be parsed", replace(request, slots=(strange,)), order
    yield name, "Conf-Sender 255: set, as any value but 0", replace(request, conf_sender=255), order
    most: Json = {"number_of_packets": 2**32 - 1, "padding_length": 2**32 - 1, "timeout": 2**64 - 1}
    yield name, "the largest numbers", replace(request, **most), ()
    name = "Request-TW-Session"
    yield name, "IPv4", _TW_REQUEST, ("IntegerByteOrder",)
    yield name, "IPv6", replace(_TW_REQUEST, **addresses), ("IntegerByteOrder",)
    zeros: Json = {"sender_address": bytes(16), "receiver_address": bytes(16)}
    yield name, "addresses of the connection: zeros", replace(_TW_REQUEST, **zeros), ()
    yield name, "SID not zero: to be parsed, and then refused", replace(_TW_REQUEST, sid=sid), ()
    name = "Accept-Session"
    yield name, "accepted", AcceptSession(0, 8761, sid), ("IntegerByteOrder",)
    yield name, "refused: port and SID zero", AcceptSession(3, 0, bytes(16)), ()
    yield name, "port 65535", AcceptSession(0, 65535, sid), ()
    yield "Start-Sessions", "the one form", StartSessions(), ()
    for value in (0, 1, 255):
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
    name = "Stop-Sessions (TWAMP)"
    yield name, "one session", StopTWSessions(0, 1), ("IntegerByteOrder",)
    yield name, "the largest number", StopTWSessions(0, 2**32 - 1), ()
    name = "Fetch-Session"
    yield name, "the complete session", FetchSession(0, 2**32 - 1, sid), ()
    yield name, "records 10 to 20", FetchSession(10, 20, sid), ("IntegerByteOrder",)
    name = "Fetch-Ack"
    yield name, "finished", FetchAck(0, 1, 100, 2, 98), ("IntegerByteOrder",)
    yield name, "refused", FetchAck(1, 0, 0, 0, 0), ()
    yield name, "not finished", FetchAck(0, 0, 5, 0, 5), ("IntegerByteOrder",)


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


def _set(octets: bytes, offset: int, value: bytes) -> bytes:
    return octets[:offset] + value + octets[offset + len(value) :]


def _variants(name: str, message: Message, drbg: Drbg) -> Iterator[Case]:
    """One message of each kind, changed in ways that apply to all."""
    octets = message.to_octets()
    if name in _HEADER_MBZ:
        dirty = octets
        for offset, size in _HEADER_MBZ[name]:
            dirty = _set(dirty, offset, b"\xff" * size)
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
                comment, {"octets": _set(octets, 0, bytes([command]))}, "CommandUnchecked"
            )


def _special(name: str, drbg: Drbg) -> Iterator[Case]:
    """Cases that only one message can have."""
    if name == "Set-Up-Response":
        figure = bytes(4 + 80 + 16 + 12)
        comment = "the sizes of figure 3 of RFC 7717: Token 16, Client-IV 12 octets"
        yield invalid(comment, {"octets": figure}, "TokenOf16", source="RFC 7717 §5.3")
    if name == "Request-Session":
        octets = _OW_REQUEST.to_octets()
        comment = "the high half of the octet of IPVN set: MBZ"
        dirty = {"octets": _set(octets, 1, b"\xf4")}
        yield valid(comment, dirty, "IpvnOfEightBits")
        for number in (1, 3, 2**32 - 1):
            comment = f"two slots, and {number} by the header"
            wrong = {"octets": _set(octets, 4, number.to_bytes(4, "big"))}
            aims = {1: ("TrailingOctets",), 3: ("OctetsPastTheEnd",)}.get(number, ())
            yield invalid(comment, wrong, *aims)
    if name == "Request-TW-Session":
        comment = "the high half of the octet of IPVN set: MBZ"
        dirty = {"octets": _set(_TW_REQUEST.to_octets(), 1, b"\xf6")}
        yield valid(comment, dirty, "IpvnOfEightBits")
    if name == "Stop-Sessions (OWAMP)":
        sid = drbg.octets("sid", 16)
        for comment, ranges in (
            ("skip ranges that overlap", ((3, 5), (5, 7))),
            ("skip ranges out of order", ((9, 9), (3, 5))),
            ("a skip range that ends before it begins", ((5, 3),)),
            ("the same skip range twice", ((3, 5), (3, 5))),
        ):
            skipped = tuple(SkipRange(*item) for item in ranges)
            stop = StopSessions(0, (SessionDescription(sid, 100, skipped),))
            yield invalid(comment, {"octets": stop.to_octets()}, "SkipRangesUnchecked")
        octets = StopSessions(0, (SessionDescription(sid, 100),)).to_octets()
        comment = "padding after a record that is not zero"
        yield valid(comment, {"octets": _set(octets, 40, b"\xff" * 8)}, "MbzChecked")
        for number in (0, 2, 2**32 - 1):
            comment = f"one record, and {number} by the header"
            wrong = {"octets": _set(octets, 4, number.to_bytes(4, "big"))}
            aims = {0: ("TrailingOctets",), 2: ("OctetsPastTheEnd",)}.get(number, ())
            yield invalid(comment, wrong, *aims)
        comment = "4294967295 skip ranges by the record: 32 GiB"
        yield invalid(comment, {"octets": _set(octets, 36, b"\xff" * 4)})


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
        ack = FetchAck(0, 1, 10, len(ranges), len(records))
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
    dirty = _set(inputs["octets"], size - 16 - 7, b"\xff" * 7)
    yield valid(comment, {**inputs, "octets": dirty}, "MbzChecked")
    overlapping = (SkipRange(1, 5), SkipRange(4, 9))
    yield invalid(*given("skip ranges that overlap", overlapping, ()), "SkipRangesUnchecked")
    comment, inputs = given("one octet short", (), (_RECORD,))
    yield invalid(comment, {**inputs, "octets": inputs["octets"][:-1]}, "OctetsPastTheEnd")
    comment, inputs = given("one octet long", (), (_RECORD,))
    yield invalid(comment, {**inputs, "octets": inputs["octets"] + b"\0"}, "TrailingOctets")
    comment, inputs = given("one record, and 3 by the Fetch-Ack", (), (_RECORD,))
    wrong = FetchAck(0, 1, 10, 0, 3).to_octets()
    yield invalid(comment, {**inputs, "fetchAck": wrong}, "OctetsPastTheEnd")
    comment, inputs = given("Fetch-Ack of 31 octets", (), (_RECORD,))
    yield invalid(comment, {**inputs, "fetchAck": inputs["fetchAck"][:-1]}, "OctetsPastTheEnd")


def _accept_cases() -> Iterator[Case]:
    for value in range(7):
        yield valid(f"Accept {value}: assigned", {"accept": value})
    for value in (7, 8, 127, 255):
        flags = ("AcceptUnknownOk", "AcceptUnknownRefused")
        yield valid(f"Accept {value}: not assigned, a failure", {"accept": value}, *flags)


def _mode_cases(protocol: Protocol) -> Iterator[Case]:
    bit = negotiation.IKEV2_DERIVED[protocol]
    security = negotiation.SECURITY_BITS[protocol]
    bits = [1 << number for number in range(4) if security >> number & 1]

    def given(comment: str, offered: int, chosen: int) -> tuple[str, Json]:
        return comment, {"offered": offered, "chosen": chosen}

    for chosen in bits:
        aims = () if chosen == bits[-1] else ("ModeHighestOffered",)
        yield valid(*given(f"Mode {chosen} of all", security, chosen), *aims)
        if chosen != 1:
            yield valid(
                *given(f"Mode {chosen} with IKEv2Derived", security | bit, chosen | bit),
                "Ikev2BitMissing",
                "Ikev2BitOfTheOther",
            )
    high = 0x80000000
    yield valid(
        *given("an unknown bit set in Mode: ignored", security, 4 | high), "UnknownModeBitsRefused"
    )
    yield valid(*given("unknown bits offered", security | 0xFF00, 2), "ModeHighestOffered")
    for chosen in (3, 5, 6, 7):
        yield invalid(*given(f"Mode {chosen}: several modes", security, chosen), "SeveralModes")
    yield invalid(*given("Mode 0", security, 0))
    for offered, chosen in ((4, 1), (4, 2), (1, 4), (0, 1)):
        comment = f"Mode {chosen}, and only {offered} offered"
        yield invalid(*given(comment, offered, chosen), "ModeNotOffered")
    yield invalid(*given("only an unknown bit", security | high, high))
    yield invalid(*given("IKEv2Derived alone", security | bit, bit))
    yield behaves(*given("IKEv2Derived, not offered", security, 4 | bit))
    yield behaves(*given("IKEv2Derived without protection", security | bit, 1 | bit))
    if protocol is Protocol.OWAMP:
        yield invalid(*given("mode 8 of RFC 5618, which is for TWAMP", 0xF, 8), "MixedInOwamp")


def _request_cases(protocol: Protocol) -> Iterator[Case]:
    def given(comment: str, **change: Any) -> tuple[str, Json]:
        base: Message = _OW_REQUEST if protocol is Protocol.OWAMP else _TW_REQUEST
        return comment, {"octets": replace(base, **change).to_octets()}

    yield valid(*given("IPv4"))
    yield valid(*given("IPv6", ipvn=6, sender_address=_IPV6, receiver_address=_IPV6))
    for version in (0, 5, 15):
        yield behaves(*given(f"IPVN {version}", ipvn=version))
    if protocol is Protocol.OWAMP:
        yield behaves(*given("Conf-Sender and Conf-Receiver 0", conf_receiver=0))
        yield valid(*given("both ends configured", conf_sender=1))
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
        ("the Z bit set: ignored", "4001", "ZBitInScale"),
        ("S and Z set, Scale 32", "e005", "ZBitInScale", "SyncBitIgnored"),
    ):
        yield valid(comment, {"octets": bytes.fromhex(octets)}, *flags)
    for octets in ("0000", "8000", "3f00"):
        comment = f"Multiplier 0 in {octets}: the packet counts as corrupt"
        yield invalid(comment, {"octets": bytes.fromhex(octets)}, "MultiplierZero")
    for octets in ("", "80", "800100"):
        comment = f"{len(octets) // 2} octets"
        aims = ("SizeUnchecked",) if octets == "80" else ()  # the others are no number that fits
        yield invalid(comment, {"octets": bytes.fromhex(octets)}, *aims)


def make_groups(drbg: Drbg) -> Iterator[Group]:
    """The groups of ``messages.json``."""
    yield from _parse_groups(drbg.at(PARSE.name))
    yield Group(PARSE_FETCHED, list(_fetched_cases(drbg)))
    yield Group(INTERPRET_ACCEPT, list(_accept_cases()))
    for protocol in Protocol:
        yield Group(CHOOSE, list(_mode_cases(protocol)), {"protocol": protocol.value})
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
    types=(PARSE, PARSE_FETCHED, INTERPRET_ACCEPT, CHOOSE, CHECK_REQUEST, ERROR_ESTIMATE),
    make_groups=make_groups,
)

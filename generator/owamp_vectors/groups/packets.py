"""Vectors for the test packets of OWAMP and TWAMP, in every mode."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from itertools import count
from typing import Any, TypeAlias

from owamp_reference import packets, primitives
from owamp_reference.choices import Chooser, first_option
from owamp_reference.errors import ProtocolError, Stage, check_size
from owamp_reference.keys import TestSessionKeys
from owamp_reference.packets import ErrorEstimate, ReflectorPacket, SenderPacket, TestMode
from owamp_reference.sessions import SessionReflector, SessionSender

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
from .changes import flipped, nearly_right, replaced
from .session_keys import T3, T4

_SENDER_SOURCE = "RFC 4656 §4.1.2"
_REFLECTOR_SOURCE = "RFC 5357 §4.2.1"
MODE = Field(
    "mode",
    "protection of the test packets",
    "string",
    values=(TestMode.AUTHENTICATED.value, TestMode.ENCRYPTED.value),
)
_SEQUENCE = Field("sequenceNumber", "Sequence Number", "integer", least=-1)
_TIMESTAMP = Field("timestamp", "Timestamp, NTP format", size=8)
_ESTIMATE = Field("errorEstimate", "Error Estimate, all of its bits", size=2)
_PADDING = Field("padding", "Packet Padding")
_SENDER_FIELDS = (_SEQUENCE, _TIMESTAMP, _ESTIMATE, _PADDING)
_REFLECTOR_FIELDS = (
    _SEQUENCE,
    _TIMESTAMP,
    _ESTIMATE,
    Field("receiveTimestamp", "Receive Timestamp, NTP format", size=8),
    Field("senderSequenceNumber", "Sender Sequence Number", "integer"),
    Field("senderTimestamp", "Sender Timestamp", size=8),
    Field("senderErrorEstimate", "Sender Error Estimate, all of its bits", size=2),
    Field("senderTtl", "Sender TTL", "integer"),
    _PADDING,
)
_KEYS = (T3, T4)
_PACKET = Field("packet", "the UDP payload")
_BUILT = Field("packet", "the UDP payload", formula="the fields in the order of the figure")
_SEALED = (
    Field(
        "coveredText",
        "what is encrypted, and what the HMAC covers",
        formula="the first 16 octets (authenticated), or all before the HMAC (encrypted), in plain",
    ),
    Field(
        "hmac",
        "sent in clear",
        size=16,
        formula="first 16 octets of HMAC-SHA1(t4, coveredText)",
    ),
    Field(
        "packet",
        "the UDP payload",
        formula="AES-128 of coveredText under t3 (ECB for one block, CBC with IV 0 for several) | "
        "the rest in plain | hmac | padding",
    ),
)
_NAMES = {  # of the case, and of the reference
    "sequenceNumber": "sequence_number",
    "timestamp": "timestamp",
    "errorEstimate": "error_estimate",
    "receiveTimestamp": "receive_timestamp",
    "senderSequenceNumber": "sender_sequence_number",
    "senderTimestamp": "sender_timestamp",
    "senderErrorEstimate": "sender_error_estimate",
    "senderTtl": "sender_ttl",
    "padding": "padding",
}


Packet: TypeAlias = SenderPacket | ReflectorPacket
_OPEN = TestMode.UNAUTHENTICATED


def _mode(values: Values) -> TestMode:
    """The mode of a group; the types of the unauthenticated mode have no such parameter."""
    return TestMode(values["mode"]) if "mode" in values else _OPEN


def _keys(values: Values) -> TestSessionKeys | None:
    return TestSessionKeys(values["t3"], values["t4"]) if "t3" in values else None


def _make(kind: type[Packet], values: Values) -> Any:
    """A packet of the reference from the fields of a case."""
    made: Json = {}
    for item in _FIELDS[kind]:
        value = values[item.name]
        if item.size is not None:
            check_size(item.description.split(",")[0], value, item.size)
            value = int.from_bytes(value, "big")
        made[_NAMES[item.name]] = value
    return kind(**made)


_FIELDS: dict[type[Packet], tuple[Field, ...]] = {
    SenderPacket: _SENDER_FIELDS,
    ReflectorPacket: _REFLECTOR_FIELDS,
}


def _seal(kind: type[Packet]) -> Callable[[Values, Chooser], Json]:
    def compute(values: Values, choose: Chooser) -> Json:
        mode, keys = _mode(values), _keys(values)
        sealed = packets.seal_packet(mode, _make(kind, values), keys, choose)
        if keys is None:
            return {"packet": sealed}
        size = packets.protected_size(kind.PROTECTED_LAYOUT, mode)
        covered = packets.decrypt_blocks(mode, keys.t3, sealed[:size])
        tag = primitives.hmac_sha1_128(keys.t4, covered)
        return {"coveredText": covered, "hmac": tag, "packet": sealed}

    return compute


def _open(kind: Any) -> Callable[[Values, Chooser], Json]:
    def compute(values: Values, choose: Chooser) -> Json:
        mode, keys = _mode(values), _keys(values)
        packet: Any = packets.open_packet(mode, kind, values["packet"], keys, choose)
        found: Json = {}
        for item in _FIELDS[kind]:
            value = vars(packet)[_NAMES[item.name]]
            found[item.name] = value if item.size is None else value.to_bytes(item.size, "big")
        return found

    return compute


def _send(values: Values, choose: Chooser) -> Json:
    times = iter(values["timestamps"])
    sender = SessionSender(
        _mode(values),
        _keys(values),
        clock=lambda: int.from_bytes(next(times), "big"),
        error_estimate=ErrorEstimate.from_int(int.from_bytes(values["errorEstimate"], "big")),
        choose=choose,
    )
    sender.next_sequence_number = values["firstSequenceNumber"]
    sent: list[bytes] = []
    with suppress(ProtocolError):  # no number is left
        sent.extend(sender.next_packet() for _ in values["timestamps"])
    return {"packets": sent}


def _reflect(values: Values, choose: Chooser) -> Json:
    times = iter((values["receiveTimestamp"], values["timestamp"]))
    estimate = ErrorEstimate.from_int(int.from_bytes(values["errorEstimate"], "big"))
    reflector = SessionReflector(
        _mode(values),
        _keys(values),
        clock=lambda: int.from_bytes(next(times), "big"),
        padding=lambda _, size: values["ownPadding"][:size],
        error_estimate=estimate,
        choose=choose,
    )
    reflector.next_sequence_number = values["sequenceNumber"]
    return {"answer": reflector.reflect(values["packet"], values["ttl"])}


@dataclass(frozen=True)
class _Kind:
    """A type for the protected modes, and the same for the unauthenticated mode, without keys."""

    protected: GroupType
    unauthenticated: GroupType

    @classmethod
    def of(
        cls,
        names: tuple[str, str],
        description: str,
        source: str,
        fields: tuple[tuple[Field, ...], tuple[Field, ...], tuple[Field, ...]],
        compute: Callable[[Values, Chooser], Json],
    ) -> _Kind:
        """Both types; the fields are inputs, outputs, and outputs of the unauthenticated mode."""
        inputs, outputs, of_open = fields
        return cls(
            GroupType(
                names[0],
                description,
                source,
                (MODE,),
                (*_KEYS, *inputs),
                outputs,
                compute,
                is_open=True,
            ),
            GroupType(
                names[1],
                f"{description} Unauthenticated mode.",
                source,
                (),
                inputs,
                of_open,
                compute,
                is_open=True,
            ),
        )

    def group(self, mode: TestMode, cases: Callable[[Drbg], Iterator[Case]], drbg: Drbg) -> Group:
        """The group of a mode."""
        if mode is _OPEN:
            of_open = self.unauthenticated
            return Group(of_open, list(cases(drbg.at(of_open.name))))
        at = drbg.at(self.protected.name).at(mode.value)
        return Group(self.protected, list(cases(at)), {"mode": mode.value})


SEAL_SENDER = _Kind.of(
    ("SenderPacketSeal", "SenderPacketBuild"),
    "A test packet of the Session-Sender, OWAMP's and TWAMP's.",
    _SENDER_SOURCE,
    (_SENDER_FIELDS, _SEALED, (_BUILT,)),
    _seal(SenderPacket),
)
OPEN_SENDER = _Kind.of(
    ("SenderPacketOpen", "SenderPacketParse"),
    "A test packet of the Session-Sender, received.",
    _SENDER_SOURCE,
    ((_PACKET,), _SENDER_FIELDS, _SENDER_FIELDS),
    _open(SenderPacket),
)
SEAL_REFLECTOR = _Kind.of(
    ("ReflectorPacketSeal", "ReflectorPacketBuild"),
    "A test packet of TWAMP's Session-Reflector; T3 and T4 are those of the sender.",
    _REFLECTOR_SOURCE,
    (_REFLECTOR_FIELDS, _SEALED, (_BUILT,)),
    _seal(ReflectorPacket),
)
OPEN_REFLECTOR = _Kind.of(
    ("ReflectorPacketOpen", "ReflectorPacketParse"),
    "A test packet of TWAMP's Session-Reflector, received.",
    _REFLECTOR_SOURCE,
    ((_PACKET,), _REFLECTOR_FIELDS, _REFLECTOR_FIELDS),
    _open(ReflectorPacket),
)
_ANSWER = Field(
    "answer",
    "the UDP payload sent back",
    formula="sequenceNumber, the fields of the packet, padding",
)
REFLECT = _Kind.of(
    ("Reflect", "ReflectUnprotected"),
    "What a Session-Reflector answers to a packet.",
    "RFC 5357 §4.2",
    (
        (
            _PACKET,
            Field("ttl", "TTL or Hop Limit with which it arrived", "integer"),
            Field("receiveTimestamp", "when it arrived", size=8),
            Field("sequenceNumber", "the reflector's own number for the answer", "integer"),
            Field("timestamp", "when the answer leaves", size=8),
            Field("errorEstimate", "Error Estimate of the reflector", size=2),
            Field(
                "ownPadding",
                "what padding of the reflector's own begins with; not needed by one that uses the "
                "padding of the packet again",
            ),
        ),
        (_ANSWER,),
        (_ANSWER,),
    ),
    _reflect,
)

RUN = _Kind.of(
    ("SenderRun", "SenderRunUnprotected"),
    "What a Session-Sender sends, packet after packet, without padding. The numbers are as large "
    "as their field: after 4294967295 it sends no more.",
    _SENDER_SOURCE,
    (
        (
            Field("firstSequenceNumber", "Sequence Number of the first packet", "integer"),
            Field("timestamps", "when it is to send, a packet each time", size=8, is_list=True),
            Field("errorEstimate", "Error Estimate of each packet", size=2),
        ),
        (_SENT := Field("packets", "the UDP payloads, in order", is_list=True),),
        (_SENT,),
    ),
    _send,
)

_TIME = 0xEA4C6F00_80000000
_PROTECTED = (
    "TestHmacOverCiphertext",
    "TestHmacEncrypted",
    "ControlKeyCutTo16",
    "ControlKeyCutTo20",
)
_FLAGS: dict[TestMode, tuple[str, ...]] = {
    TestMode.UNAUTHENTICATED: ("OpenModeProtected",),
    TestMode.AUTHENTICATED: (*_PROTECTED, "AuthenticatedEncryptsAll", "AuthenticatedCoversAll"),
    TestMode.ENCRYPTED: (*_PROTECTED, "TestIvNotZero", "TestInEcb", "EncryptedFirstBlockAlone"),
}
_REFLECTOR_HMAC = ("TestHmacOver16", "ReflectorHmacOver32")


def _flags(mode: TestMode, *, reflector: bool, padded: bool) -> tuple[str, ...]:
    flags = list(_FLAGS[mode])
    if mode is TestMode.ENCRYPTED:
        flags += _REFLECTOR_HMAC if reflector else _REFLECTOR_HMAC[:1]
    if padded and mode is not TestMode.UNAUTHENTICATED:
        flags.append("TestHmacOverPadding")
    return tuple(flags)


def _time(seconds: int) -> bytes:
    return (_TIME + (seconds << 32)).to_bytes(8, "big")


def _session_keys(drbg: Drbg) -> Json:
    return {"t3": drbg.octets("t3", 16), "t4": drbg.octets("t4", 32)}


def _sender_fields(drbg: Drbg, **change: Any) -> Json:
    size = change.pop("padding", 0)
    fields: Json = {"sequenceNumber": 0, "timestamp": _time(0), "errorEstimate": b"\x80\x01"}
    return {**fields, "padding": drbg.octets("padding", size), **change}


def _reflector_fields(drbg: Drbg, **change: Any) -> Json:
    return {
        **_sender_fields(drbg, **{"timestamp": _time(2), **change}),
        "receiveTimestamp": change.get("receiveTimestamp", _time(1)),
        "senderSequenceNumber": change.get("senderSequenceNumber", 0),
        "senderTimestamp": _time(0),
        "senderErrorEstimate": change.get("senderErrorEstimate", b"\x30\x05"),
        "senderTtl": change.get("senderTtl", 254),
    }


_PACKETS: tuple[tuple[str, Json], ...] = (
    ("first packet, no padding", {}),
    ("number 1, 64 octets of padding", {"sequenceNumber": 1, "padding": 64}),
    ("number 4294967294", {"sequenceNumber": 2**32 - 2}),
    ("number 4294967295", {"sequenceNumber": 2**32 - 1}),
    ("one octet of padding", {"padding": 1}),
    ("1400 octets of padding", {"sequenceNumber": 77, "padding": 1400}),
    ("1473 octets of padding, more than Ethernet's MTU", {"padding": 1473}),
    ("timestamp of all ones, the end of the NTP era", {"timestamp": b"\xff" * 8}),
    ("timestamp zero, the start of an NTP era", {"timestamp": bytes(8)}),
    (
        "Error Estimate with S, the largest Scale and the largest Multiplier",
        {"errorEstimate": b"\xbf\xff"},
    ),
    ("Error Estimate without S, the smallest Scale and Multiplier", {"errorEstimate": b"\0\1"}),
)


def _own_keys(mode: TestMode, drbg: Drbg) -> Json:
    return {} if mode is _OPEN else _session_keys(drbg)


def _kind_of(*, reflector: bool) -> type[SenderPacket] | type[ReflectorPacket]:
    return ReflectorPacket if reflector else SenderPacket


def _fields(drbg: Drbg, change: Json, *, reflector: bool) -> Json:
    return (_reflector_fields if reflector else _sender_fields)(drbg, **change)


def _seal_cases(mode: TestMode, drbg: Drbg, *, reflector: bool) -> Iterator[Case]:
    def given(comment: str, **change: Any) -> Json:
        at = drbg.at(comment)
        return {**_own_keys(mode, at), **_fields(at, change, reflector=reflector)}

    extra = ("ReflectorTimestampsExchanged",) if reflector else ()
    for comment, change in _PACKETS:
        flags = _flags(mode, reflector=reflector, padded=bool(change.get("padding")))
        yield valid(comment, given(comment, **change), *flags, *extra)
    if mode is TestMode.AUTHENTICATED and not reflector:
        comment = "9000 octets of padding"
        yield valid(comment, given(comment, padding=9000), "TestHmacOverPadding")
    comment = "number that does not fit into 32 bits"
    yield invalid(comment, given(comment, sequenceNumber=2**32), "SequenceNumberWraps")
    comment = "negative number"
    yield invalid(comment, given(comment, sequenceNumber=-1))
    for octets in ("8000", "0000", "3f00"):
        comment = f"Multiplier 0 in {octets}, which MUST NOT be sent"
        inputs = given(comment, errorEstimate=bytes.fromhex(octets))
        yield invalid(comment, inputs, "MultiplierZeroSent", source=_SENDER_SOURCE)
    for octets in ("c001", "4001"):
        comment = f"the Z bit set in {octets}, which MUST be zero"
        inputs = given(comment, errorEstimate=bytes.fromhex(octets))
        yield replace(behaves(comment, inputs, "ZBitSent"), requirement="MUST")
    if reflector:
        yield from _copied_estimates(given)
    sizes = [("timestamp", "Timestamp", 4), ("errorEstimate", "Error Estimate", 4)]
    if mode is not _OPEN:
        comment = "all-zero T3 and T4"
        yield valid(comment, {**given(comment), "t3": bytes(16), "t4": bytes(32)})
        sizes += [("t3", "T3", 32), ("t4", "T4", 20)]
        for place, offset in (("begins with", 0), ("ends in", 15)):
            comment = f"an HMAC that {place} a zero octet"
            yield valid(comment, _with_zero(mode, drbg, given(comment), offset), "HmacCutAtZero")
    for name, label, size in sizes:
        comment = f"{label} of {size} octets"
        aims = () if name == "errorEstimate" else ("SizeUnchecked",)  # it is too large a number
        octets_ = drbg.at(comment).octets(name, size)
        yield invalid(comment, {**given(comment), name: octets_}, *aims)
    if reflector:
        comment = "Sender TTL 256"
        yield invalid(comment, given(comment, senderTtl=256))


def _copied_estimates(given: Callable[..., Json]) -> Iterator[Case]:
    """What a reflector copies may be what it would not send itself."""
    comment = "Sender Error Estimate with Multiplier 0"
    inputs = given(comment, senderErrorEstimate=b"\x80\0")
    zero = "A packet with Multiplier 0 SHOULD not have been answered; the copy is to be exact."
    yield acceptable(comment, inputs, stage=Stage.INPUT, reason=zero, source=_SENDER_SOURCE)
    comment = "Sender Error Estimate with the Z bit set"
    yield behaves(comment, given(comment, senderErrorEstimate=b"\xc0\1"))


def _with_zero(mode: TestMode, drbg: Drbg, inputs: Json, offset: int) -> Json:
    """The inputs of a case of sealing, with a T4 for which its HMAC has a zero octet there."""
    kind = _kind_of(reflector="senderTtl" in inputs)
    text = _seal(kind)({**inputs, "mode": mode.value}, first_option)["coveredText"]
    for number in count():
        t4 = drbg.octets(f"t4 {number}", 32)
        if primitives.hmac_sha1_128(t4, text)[offset] == 0:
            return {**inputs, "t4": t4}
    raise AssertionError("there are infinitely many")


def _received(mode: TestMode, drbg: Drbg, change: Json, *, reflector: bool) -> Json:
    """The inputs of a case of a packet received, in which MBZ is as in `change`.

    The packet may have fields that an honest sender does not send: it is built as it is given.
    """
    keys, mbz = _own_keys(mode, drbg), change.pop("mbz", {})
    kind, fields = _kind_of(reflector=reflector), _fields(drbg, change, reflector=reflector)
    packet = _make(kind, fields)
    layout = kind.layout(mode)
    header = layout.pack(vars(packet))
    for offset, size in mbz.items():
        header = header[:offset] + b"\xff" * size + header[offset + size :]
    sealed = packets.protect_header(mode, layout, header, _keys(keys))
    return {**keys, "packet": sealed + packet.padding}


def _gaps(mode: TestMode, *, reflector: bool) -> dict[int, int]:
    """Offset and size of each MBZ field."""
    layout = _kind_of(reflector=reflector).layout(mode)
    return {offset: field.size for offset, field in layout.offsets() if not field.name}


def _mbz_cases(given: Callable[..., Json], gaps: dict[int, int]) -> Iterator[Case]:
    """Each MBZ field of ones by itself, and all together; the HMAC is right."""
    source = "RFC 4656 §3.1; RFC 5357 §2"
    for offset, size in gaps.items():
        comment = f"MBZ octets {offset} to {offset + size - 1} of ones: they are ignored"
        yield valid(comment, given(comment, mbz={offset: size}), "MbzChecked", source=source)
    if len(gaps) > 1:
        comment = "all MBZ octets of ones: they are ignored"
        yield valid(comment, given(comment, mbz=gaps), "MbzChecked", source=source)


def _open_cases(mode: TestMode, drbg: Drbg, *, reflector: bool) -> Iterator[Case]:
    kind = _kind_of(reflector=reflector)
    header = kind.header_size(mode)

    def honest(comment: str, **change: Any) -> Json:
        return _received(mode, drbg.at(comment), change, reflector=reflector)

    for comment, change in _PACKETS:
        flags = _flags(mode, reflector=reflector, padded=bool(change.get("padding")))
        if mode is TestMode.ENCRYPTED and not reflector:
            flags = (*flags, "SenderPacketOf96")
        yield valid(comment, honest(comment, **change), *flags)
    if mode is TestMode.ENCRYPTED and not reflector:
        comment = "9000 octets of padding"
        yield valid(comment, honest(comment, padding=9000), "TestHmacOverPadding", "LongPayloadCut")
    if mode is _OPEN and not reflector:
        comment = "a payload of 65507 octets, the largest of UDP over IPv4"
        yield valid(comment, honest(comment, padding=65507 - header), "LongPayloadCut")
    comment = "number 258: its octets are not the same backwards"
    yield valid(comment, honest(comment, sequenceNumber=258), "IntegerByteOrder")
    comment = "Error Estimate with the Z bit set: ignored"
    yield valid(comment, honest(comment, errorEstimate=b"\xc0\x01"), "ZBitChecked")
    if reflector:
        comment = "Sender Error Estimate with the Z bit set: ignored"
        yield valid(comment, honest(comment, senderErrorEstimate=b"\xc0\x01"))
        comment = "Sender Error Estimate with Multiplier 0"
        zero = "The Multiplier is that of the sender's packet; RFC 4656 speaks of a packet's own."
        inputs = honest(comment, senderErrorEstimate=b"\x80\0")
        yield acceptable(comment, inputs, stage=Stage.LAYOUT, reason=zero, source=_SENDER_SOURCE)
    yield from _mbz_cases(honest, _gaps(mode, reflector=reflector))
    if mode is TestMode.AUTHENTICATED:
        comment = "Timestamp changed on the way: outside the HMAC, by design"
        inputs = honest(comment)
        changed = {"packet": flipped(inputs["packet"], 20)}
        yield valid(comment, {**inputs, **changed}, "AuthenticatedCoversAll")
    if mode is not _OPEN:
        comment = "padding changed on the way: outside the HMAC"
        inputs = honest(comment, padding=16)
        changed = {"packet": flipped(inputs["packet"], -1)}
        yield valid(comment, {**inputs, **changed}, "TestHmacOverPadding")
    yield invalid("empty payload", {**honest("empty payload"), "packet": b""})
    comment = "one octet short of the header"
    inputs = honest(comment)
    yield invalid(comment, {**inputs, "packet": inputs["packet"][: header - 1]})
    for octets in ("8000", "0000"):
        comment = f"Multiplier 0 in {octets}"
        yield behaves(
            comment, honest(comment, errorEstimate=bytes.fromhex(octets)), source=_SENDER_SOURCE
        )
    if mode is not _OPEN:
        yield from _authentication_cases(mode, drbg, honest, header)
    if mode is not _OPEN and reflector:
        comment = "104 octets, the minimum that RFC 5357 §4.2.1 states: its figure has 112"
        inputs = honest(comment)
        source = "RFC 5357 §4.2.1; erratum 5045 (Verified)"
        yield invalid(comment, {**inputs, "packet": inputs["packet"][:104]}, source=source)
        yield from _forged_answers(mode, drbg)


def _authentication_cases(
    mode: TestMode, drbg: Drbg, honest: Callable[..., Json], header: int
) -> Iterator[Case]:
    """Packets that do not authenticate."""
    reflector = header == ReflectorPacket.header_size(mode)
    for name, label, size in (("t3", "T3", 20), ("t4", "T4", 16)):
        comment = f"{label} of {size} octets"
        short = {name: drbg.at(comment).octets(name, size)}
        is_seen = name == "t3"  # else it is another HMAC
        yield invalid(comment, {**honest(comment), **short}, *("SizeUnchecked",) * is_seen)
    offsets = [0, 15, header - 16, header - 1]
    if mode is TestMode.ENCRYPTED:
        offsets += [20, header - 17]
    for offset in sorted(offsets):
        comment = f"a bit changed in octet {offset}"
        inputs = honest(comment)
        changed = {"packet": flipped(inputs["packet"], offset)}
        yield invalid(comment, {**inputs, **changed}, "TestHmacUnchecked")
    comment = "HMAC right in its first 12 octets alone"
    inputs = honest(comment)
    changed = {"packet": flipped(inputs["packet"], header - 2)}
    yield invalid(comment, {**inputs, **changed}, "HmacComparedInPart", "TestHmacUnchecked")
    start = header - 16
    for part, wrong in nearly_right(inputs["packet"][start:header]):
        changed = {"packet": replaced(inputs["packet"], start, wrong)}
        yield invalid(f"HMAC {part}", {**inputs, **changed}, "TestHmacUnchecked")
    comment = "HMAC of zeros"
    inputs = honest(comment)
    zeros = inputs["packet"][: header - 16] + bytes(16)
    yield invalid(comment, {**inputs, "packet": zeros}, "TestHmacUnchecked")
    for place, offset in (("begins with", 0), ("ends in", 15)):
        comment = f"an HMAC that {place} a zero octet"
        yield valid(comment, _zero_received(mode, drbg, comment, offset, reflector=reflector))
    comment = "an HMAC that begins with a zero octet, and is right in no other"
    inputs = _zero_received(mode, drbg, comment, 0, reflector=reflector)
    wrong = inputs["packet"][: header - 15] + b"\x5a" * 15
    yield invalid(comment, {**inputs, "packet": wrong}, "HmacComparedAsString", "TestHmacUnchecked")
    comment = "a packet of another session"
    inputs = {**honest(comment), **_session_keys(drbg.at("another session"))}
    yield invalid(comment, inputs, "TestHmacUnchecked")
    comment = "a packet of the unauthenticated mode, filled up with zeros"
    inputs = honest(comment)
    fields = _received(_OPEN, drbg.at(comment), {"padding": 0}, reflector=reflector)
    filled = fields["packet"].ljust(header, b"\0")
    yield invalid(comment, {**inputs, "packet": filled})


def _zero_received(
    mode: TestMode, drbg: Drbg, comment: str, offset: int, *, reflector: bool
) -> Json:
    """The inputs of a packet received whose HMAC has a zero octet at an offset."""
    at = drbg.at(comment)
    given = {**_session_keys(at), **_fields(at, {}, reflector=reflector)}
    inputs = _with_zero(mode, at, given, offset)
    sealed = _seal(_kind_of(reflector=reflector))({**inputs, "mode": mode.value}, first_option)
    return {"t3": inputs["t3"], "t4": inputs["t4"], "packet": sealed["packet"]}


def _forged_answers(mode: TestMode, drbg: Drbg) -> Iterator[Case]:
    """A reflector's packet that is made of the sender's own: block and HMAC are the same."""
    comment = "a sender's packet sent back to it, filled up to the size of a reflector's"
    sent = _received(mode, drbg.at(comment), {"padding": 64}, reflector=False)
    yield invalid(comment, sent, "TestHmacUnchecked")
    whole = "forged of a sender's packet: its first block and its HMAC, any times between"
    yield _forged_answer(mode, drbg, whole, 0)
    yield _forged_answer(mode, drbg, f"{whole}, number 258", 258)


def _forged_answer(mode: TestMode, drbg: Drbg, comment: str, number: int) -> Case:
    sent = _received(mode, drbg.at(comment), {"sequenceNumber": number}, reflector=False)
    block, tag = sent["packet"][:16], sent["packet"][32:48]
    times = _time(9) + b"\x80\x01" + bytes(6) + _time(8) + bytes(8)
    rest = number.to_bytes(4, "big") + bytes(12) + sent["packet"][16:32] + b"\xff" + bytes(15)
    forged = {**sent, "packet": block + times + rest + tag}
    if mode is TestMode.AUTHENTICATED:
        return acceptable(
            comment,
            forged,
            "TestReflection",
            stage=Stage.POLICY,
            reason="in the authenticated mode both directions have the same T3 and T4, and the "
            "HMAC covers nothing but the number: nothing tells it from an honest answer",
        )
    return invalid(comment, forged, "TestHmacUnchecked")


def _reflect_cases(mode: TestMode, drbg: Drbg) -> Iterator[Case]:
    difference = ReflectorPacket.header_size(mode) - SenderPacket.header_size(mode)

    def given(
        comment: str, ttl: int = 255, number: int = 0, times: Json | None = None, **change: Any
    ) -> tuple[str, Json]:
        own = {
            "receiveTimestamp": _time(1),
            "sequenceNumber": number,
            "timestamp": _time(2),
            "errorEstimate": b"\x80\x02",
            "ownPadding": drbg.at(comment).octets("ownPadding", change.get("padding", 0)),
        }
        received = _received(mode, drbg.at(comment), change, reflector=False)
        return comment, {**received, "ttl": ttl, **own, **(times or {})}

    exchanged = "ReflectorTimestampsExchanged"
    padded = _flags(mode, reflector=True, padded=False)
    yield valid(*given("no padding: the answer is longer"), exchanged, *padded)
    enough = ("PaddingFor104",) if mode is not _OPEN else ()
    source = _REFLECTOR_SOURCE
    yield behaves(*given("just enough padding", padding=difference), *enough, source=source)
    comment = "more padding than needed"
    yield behaves(*given(comment, padding=difference + 100), *enough, source=source)
    comment, inputs = given("more padding than needed, and zeros for own", padding=difference + 9)
    zeros = {**inputs, "ownPadding": bytes(difference + 9)}
    yield behaves(comment, zeros, *enough, source=source)
    yield behaves(*given("less padding than needed", padding=difference - 1), source=source)
    own, other = "ReflectorNumberCopied", "ReflectorNumbersExchanged"
    yield valid(*given("number 4294967295", sequenceNumber=2**32 - 1), exchanged, own, other)
    yield valid(*given("number 7 is the first to arrive", sequenceNumber=7), own, other)
    for number in (1, 2**32 - 2, 2**32 - 1):
        yield valid(*given(f"the reflector's number is {number}", number=number), own, other)
    comment = "the reflector's number does not fit into 32 bits: no answer"
    yield invalid(*given(comment, number=2**32), "SequenceNumberWraps")
    for ttl in (0, 1, 254):
        yield behaves(*given(f"TTL {ttl}", ttl=ttl), exchanged)
    comment = "the answer leaves in the next NTP era"
    times = {"receiveTimestamp": b"\xff" * 8, "timestamp": bytes(7) + b"\1"}
    yield valid(*given(comment, times=times), exchanged)
    comment = "all MBZ octets of ones: ignored, and zero in the answer"
    gaps = _gaps(mode, reflector=False)
    if gaps:
        yield valid(*given(comment, mbz=gaps), "MbzChecked", source="RFC 4656 §3.1; RFC 5357 §2")
    yield behaves(*given("the Z bit set", errorEstimate=b"\xc0\1"), "ZBitChecked")
    comment, inputs = given("a payload that is too short: no answer")
    short = inputs["packet"][: SenderPacket.header_size(mode) - 1]
    yield invalid(comment, {**inputs, "packet": short})
    comment = "Multiplier 0: it SHOULD be discarded, and each packet is answered"
    source = "RFC 4656 §4.1.2; RFC 5357 §4.2"
    yield behaves(*given(comment, errorEstimate=b"\x80\0"), source=source)
    if mode is not _OPEN:
        for place, offset in (("first", 16), ("last", 1)):
            comment, inputs = given(f"an HMAC that is wrong in its {place} octet: no answer")
            changed = {"packet": flipped(inputs["packet"], -offset)}
            yield invalid(comment, {**inputs, **changed}, "TestHmacUnchecked")


def _send_cases(mode: TestMode, drbg: Drbg) -> Iterator[Case]:
    for comment, first, number, flags in (
        ("three packets from number 0 on", 0, 3, ("SequenceNumberKept",)),
        ("numbers that need a second octet", 254, 4, ("SequenceNumberKept",)),
        ("numbers above 2^31", 2**31 - 1, 2, ("SequenceNumberKept",)),
        ("up to the last number", 2**32 - 2, 2, ("SequenceNumberKept",)),
        ("two packets, and a third that has no number", 2**32 - 2, 3, ("SequenceNumberWraps",)),
        ("no number is left", 2**32, 2, ("SequenceNumberWraps",)),
    ):
        times = [_time(second) for second in range(number)]
        given = {"firstSequenceNumber": first, "timestamps": times, "errorEstimate": b"\x80\x01"}
        yield valid(comment, {**_own_keys(mode, drbg.at(comment)), **given}, *flags)


def make_groups(drbg: Drbg) -> Iterator[Group]:
    """The groups of ``test-packets.json``: each type once for each mode."""
    for reflector, seal, opened in (
        (False, SEAL_SENDER, OPEN_SENDER),
        (True, SEAL_REFLECTOR, OPEN_REFLECTOR),
    ):
        for kind, cases in ((seal, _seal_cases), (opened, _open_cases)):
            for mode in TestMode:
                yield kind.group(mode, partial(cases, mode, reflector=reflector), drbg)
    for last, make_cases in ((REFLECT, _reflect_cases), (RUN, _send_cases)):
        for mode in TestMode:
            yield last.group(mode, partial(make_cases, mode), drbg)


_KINDS = (SEAL_SENDER, OPEN_SENDER, SEAL_REFLECTOR, OPEN_REFLECTOR, REFLECT, RUN)

FILE = VectorFile(
    name="test-packets",
    algorithm="AES-128-ECB, AES-128-CBC, HMAC-SHA1-128",
    header=(
        "OWAMP-Test and TWAMP-Test packets under T3 and T4 (RFC 4656 §4.1.2, RFC 5357 §4.2.1).",
        "Authenticated: one block, AES-ECB. Encrypted: all before the HMAC, AES-CBC, IV 0. The",
        "HMAC covers the plaintext of what is encrypted, and goes in clear. The types of the",
        "unauthenticated mode have no keys; the mixed mode of RFC 5618 has such test packets.",
    ),
    types=tuple(item for kind in _KINDS for item in (kind.unauthenticated, kind.protected)),
    make_groups=make_groups,
)

"""Vectors for the test packets of OWAMP and TWAMP, in every mode."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from owamp_reference import packets, primitives
from owamp_reference.errors import check_size
from owamp_reference.keys import TestSessionKeys
from owamp_reference.packets import ErrorEstimate, ReflectorPacket, SenderPacket, TestMode
from owamp_reference.sessions import SessionReflector

from ..vectors.declaration import (
    Case,
    Field,
    Group,
    GroupType,
    Json,
    Values,
    VectorFile,
    acceptable,
    invalid,
    valid,
)
from ..vectors.drbg import Drbg
from .session_keys import T3, T4

_SENDER_SOURCE = "RFC 4656 §4.1.2"
_REFLECTOR_SOURCE = "RFC 5357 §4.2.1"
_MODES = tuple(mode.value for mode in TestMode)
MODE = Field("mode", "protection of the test packets", "string", values=_MODES)
_SEQUENCE = Field("sequenceNumber", "Sequence Number", "integer")
_TIMESTAMP = Field("timestamp", "Timestamp, NTP format", size=8)
_ESTIMATE = Field("errorEstimate", "Error Estimate", size=2)
_PADDING = Field("padding", "Packet Padding")
_SENDER_FIELDS = (_SEQUENCE, _TIMESTAMP, _ESTIMATE, _PADDING)
_REFLECTOR_FIELDS = (
    _SEQUENCE,
    _TIMESTAMP,
    _ESTIMATE,
    Field("receiveTimestamp", "Receive Timestamp, NTP format", size=8),
    Field("senderSequenceNumber", "Sender Sequence Number", "integer"),
    Field("senderTimestamp", "Sender Timestamp", size=8),
    Field("senderErrorEstimate", "Sender Error Estimate", size=2),
    Field("senderTtl", "Sender TTL", "integer"),
    _PADDING,
)
_KEYS = (T3, T4)
_PACKET = Field("packet", "the UDP payload")
_COVERED = Field(
    "coveredText",
    "what is encrypted, and what the HMAC covers; empty in the unauthenticated mode",
    formula="the first 16 octets (authenticated), or all before the HMAC (encrypted), in plain",
)
_SEALED = (
    _COVERED,
    Field(
        "hmac",
        "sent in clear; empty in the unauthenticated mode",
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


def _keys(values: Values) -> TestSessionKeys:
    return TestSessionKeys(values["t3"], values["t4"])


def _make(
    kind: type[SenderPacket | ReflectorPacket], fields: tuple[Field, ...], values: Values
) -> Any:
    """A packet of the reference from the fields of a case."""
    made: Json = {}
    for item in fields:
        value = values[item.name]
        if item.size is not None:
            check_size(item.description.split(",")[0], value, item.size)
            value = int.from_bytes(value, "big")
        made[_NAMES[item.name]] = value
    return kind(**made)


def _seal(
    kind: type[SenderPacket | ReflectorPacket], fields: tuple[Field, ...], values: Values
) -> Json:
    mode, keys = TestMode(values["mode"]), _keys(values)
    packet = _make(kind, fields, values)
    sealed = packets.seal_packet(mode, packet, keys)
    covered = tag = b""
    if mode is not TestMode.UNAUTHENTICATED:
        size = packets.protected_size(kind.PROTECTED_LAYOUT, mode)
        covered = kind.PROTECTED_LAYOUT.pack(vars(packet))[:size]
        tag = primitives.hmac_sha1_128(keys.t4, covered)
    return {"coveredText": covered, "hmac": tag, "packet": sealed}


def _seal_sender(values: Values) -> Json:
    return _seal(SenderPacket, _SENDER_FIELDS, values)


def _seal_reflector(values: Values) -> Json:
    return _seal(ReflectorPacket, _REFLECTOR_FIELDS, values)


def _fields_of(packet: SenderPacket | ReflectorPacket, fields: tuple[Field, ...]) -> Json:
    found: Json = {}
    for item in fields:
        value = vars(packet)[_NAMES[item.name]]
        found[item.name] = value if item.size is None else value.to_bytes(item.size, "big")
    return found


def _open_sender(values: Values) -> Json:
    mode, keys = TestMode(values["mode"]), _keys(values)
    packet = packets.open_packet(mode, SenderPacket, values["packet"], keys)
    return _fields_of(packet, _SENDER_FIELDS)


def _open_reflector(values: Values) -> Json:
    mode, keys = TestMode(values["mode"]), _keys(values)
    packet = packets.open_packet(mode, ReflectorPacket, values["packet"], keys)
    return _fields_of(packet, _REFLECTOR_FIELDS)


def _reflect(values: Values) -> Json:
    times = iter((values["receiveTimestamp"], values["timestamp"]))
    estimate = ErrorEstimate.from_int(int.from_bytes(values["errorEstimate"], "big"))
    reflector = SessionReflector(
        TestMode(values["mode"]),
        _keys(values),
        clock=lambda: int.from_bytes(next(times), "big"),
        error_estimate=estimate,
    )
    return {"answer": reflector.reflect(values["packet"], values["ttl"])}


SEAL_SENDER = GroupType(
    "SenderPacketSeal",
    "A test packet of the Session-Sender, OWAMP's and TWAMP's.",
    _SENDER_SOURCE,
    (MODE,),
    (*_KEYS, *_SENDER_FIELDS),
    _SEALED,
    _seal_sender,
)
OPEN_SENDER = GroupType(
    "SenderPacketOpen",
    "A test packet of the Session-Sender, received.",
    _SENDER_SOURCE,
    (MODE,),
    (*_KEYS, _PACKET),
    _SENDER_FIELDS,
    _open_sender,
)
SEAL_REFLECTOR = GroupType(
    "ReflectorPacketSeal",
    "A test packet of TWAMP's Session-Reflector; T3 and T4 are those of the sender.",
    _REFLECTOR_SOURCE,
    (MODE,),
    (*_KEYS, *_REFLECTOR_FIELDS),
    _SEALED,
    _seal_reflector,
)
OPEN_REFLECTOR = GroupType(
    "ReflectorPacketOpen",
    "A test packet of TWAMP's Session-Reflector, received.",
    _REFLECTOR_SOURCE,
    (MODE,),
    (*_KEYS, _PACKET),
    _REFLECTOR_FIELDS,
    _open_reflector,
)
REFLECT = GroupType(
    "Reflect",
    "What a Session-Reflector answers to its first packet.",
    "RFC 5357 §4.2",
    (MODE,),
    (
        *_KEYS,
        Field("packet", "the UDP payload received"),
        Field("ttl", "TTL or Hop Limit with which it arrived", "integer"),
        Field("receiveTimestamp", "when it arrived", size=8),
        Field("timestamp", "when the answer leaves", size=8),
        Field("errorEstimate", "Error Estimate of the reflector", size=2),
    ),
    (
        Field(
            "answer",
            "the UDP payload sent back",
            formula="number 0, the fields of the packet, its padding cut to keep the size",
        ),
    ),
    _reflect,
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
        "senderErrorEstimate": b"\x40\x05",
        "senderTtl": change.get("senderTtl", 254),
    }


_PACKETS: tuple[tuple[str, Json], ...] = (
    ("first packet, no padding", {}),
    ("number 1, 64 octets of padding", {"sequenceNumber": 1, "padding": 64}),
    ("number 4294967295", {"sequenceNumber": 2**32 - 1}),
    ("one octet of padding", {"padding": 1}),
    ("1400 octets of padding", {"sequenceNumber": 77, "padding": 1400}),
    ("timestamp of all ones", {"timestamp": b"\xff" * 8}),
    ("timestamp zero", {"timestamp": bytes(8)}),
)


def _seal_cases(mode: TestMode, drbg: Drbg, *, reflector: bool) -> Iterator[Case]:
    fields = _reflector_fields if reflector else _sender_fields
    for comment, change in _PACKETS:
        at = drbg.at(comment)
        padded = bool(change.get("padding"))
        flags = _flags(mode, reflector=reflector, padded=padded)
        extra = ("ReflectorTimestampsExchanged",) if reflector else ()
        yield valid(comment, {**_session_keys(at), **fields(at, **change)}, *flags, *extra)
    comment = "all-zero T3 and T4"
    at = drbg.at(comment)
    yield valid(comment, {"t3": bytes(16), "t4": bytes(32), **fields(at)})
    for comment, name, value in (
        ("number that does not fit into 32 bits", "sequenceNumber", 2**32),
        ("negative number", "sequenceNumber", -1),
    ):
        at = drbg.at(comment)
        yield invalid(comment, {**_session_keys(at), **fields(at, **{name: value})})
    for name, label, size in (
        ("timestamp", "Timestamp", 4),
        ("errorEstimate", "Error Estimate", 4),
        ("t3", "T3", 32),
        ("t4", "T4", 20),
    ):
        comment = f"{label} of {size} octets"
        at = drbg.at(comment)
        inputs = {**_session_keys(at), **fields(at)}
        aims = () if name == "errorEstimate" else ("SizeUnchecked",)  # it is too large a number
        yield invalid(comment, {**inputs, name: at.octets(name, size)}, *aims)
    if reflector:
        comment = "Sender TTL 256"
        at = drbg.at(comment)
        yield invalid(comment, {**_session_keys(at), **fields(at, senderTtl=256)})


def _flipped(octets: bytes, offset: int) -> bytes:
    changed = bytearray(octets)
    changed[offset] ^= 1
    return bytes(changed)


def _received(mode: TestMode, drbg: Drbg, change: Json, *, reflector: bool) -> Json:
    """The inputs of an honest case of a packet received."""
    keys = _session_keys(drbg)
    fields, seal = (
        (_reflector_fields, _seal_reflector) if reflector else (_sender_fields, _seal_sender)
    )
    values = {**keys, **fields(drbg, **change), "mode": mode.value}
    return {**keys, "packet": seal(values)["packet"]}


def _open_cases(mode: TestMode, drbg: Drbg, *, reflector: bool) -> Iterator[Case]:
    kind = ReflectorPacket if reflector else SenderPacket
    header = kind.header_size(mode)

    def honest(comment: str, **change: Any) -> Json:
        return _received(mode, drbg.at(comment), change, reflector=reflector)

    for comment, change in _PACKETS:
        flags = _flags(mode, reflector=reflector, padded=bool(change.get("padding")))
        if mode is TestMode.ENCRYPTED and not reflector:
            flags = (*flags, "SenderPacketOf96")
        yield valid(comment, honest(comment, **change), *flags)
    comment = "number 258: its octets are not the same backwards"
    yield valid(comment, honest(comment, sequenceNumber=258), "IntegerByteOrder")
    if mode is not TestMode.ENCRYPTED:
        # the Error Estimate and the MBZ octets after it are open in these two modes
        comment = "Error Estimate with the Z bit set: ignored"
        yield valid(comment, honest(comment, errorEstimate=b"\xc0\x01"))
    if mode is TestMode.AUTHENTICATED:
        comment = "MBZ octets of ones in the part that is neither encrypted nor authenticated"
        inputs = honest(comment)
        dirty = inputs["packet"][:26] + b"\xff" * 6 + inputs["packet"][32:]
        yield valid(comment, {**inputs, "packet": dirty}, "MbzChecked")
        comment = "Timestamp changed on the way: outside the HMAC, by design"
        inputs = honest(comment)
        changed = {"packet": _flipped(inputs["packet"], 20)}
        yield valid(comment, {**inputs, **changed}, "AuthenticatedCoversAll")
    if mode is not TestMode.UNAUTHENTICATED:
        comment = "padding changed on the way: outside the HMAC"
        inputs = honest(comment, padding=16)
        changed = {"packet": _flipped(inputs["packet"], -1)}
        yield valid(comment, {**inputs, **changed}, "TestHmacOverPadding")
    yield invalid("empty payload", {**honest("empty payload"), "packet": b""})
    comment = "one octet short of the header"
    inputs = honest(comment)
    yield invalid(comment, {**inputs, "packet": inputs["packet"][: header - 1]})
    comment = "Multiplier 0: the packet counts as corrupt"
    inputs = honest(comment, errorEstimate=b"\x80\0")
    yield invalid(comment, inputs, "MultiplierZero")
    for name, label, size in (("t3", "T3", 20), ("t4", "T4", 16)):
        comment = f"{label} of {size} octets"
        short = {name: drbg.at(comment).octets(name, size)}
        is_seen = name == "t3" or mode is TestMode.UNAUTHENTICATED  # else it is another HMAC
        yield invalid(comment, {**honest(comment), **short}, *("SizeUnchecked",) * is_seen)
    if mode is TestMode.UNAUTHENTICATED:
        return
    offsets = [0, 15, header - 16, header - 1]
    if mode is TestMode.ENCRYPTED:
        offsets += [20, header - 17]
    for offset in sorted(offsets):
        comment = f"a bit changed in octet {offset}"
        inputs = honest(comment)
        changed = {"packet": _flipped(inputs["packet"], offset)}
        yield invalid(comment, {**inputs, **changed}, "TestHmacUnchecked")
    comment = "HMAC right in its first 12 octets alone"
    inputs = honest(comment)
    changed = {"packet": _flipped(inputs["packet"], header - 2)}
    yield invalid(comment, {**inputs, **changed}, "HmacComparedInPart", "TestHmacUnchecked")
    comment = "a packet of another session"
    inputs = {**honest(comment), **_session_keys(drbg.at("another session"))}
    yield invalid(comment, inputs, "TestHmacUnchecked")
    comment = "a packet of the unauthenticated mode, filled up with zeros"
    inputs = honest(comment)
    fields = _received(
        TestMode.UNAUTHENTICATED, drbg.at(comment), {"padding": 0}, reflector=reflector
    )
    filled = fields["packet"].ljust(header, b"\0")
    yield invalid(comment, {**inputs, "packet": filled})
    if reflector:
        comment = "104 octets, the minimum that RFC 5357 §4.2.1 states: its figure has 112"
        inputs = honest(comment)
        yield invalid(comment, {**inputs, "packet": inputs["packet"][:104]})
        yield from _forged_answers(mode, drbg)


def _forged_answers(mode: TestMode, drbg: Drbg) -> Iterator[Case]:
    """A reflector's packet that is made of the sender's own: block and HMAC are the same."""
    comment = "a sender's packet sent back to it, filled up to the size of a reflector's"
    sent = _received(mode, drbg.at(comment), {"padding": 64}, reflector=False)
    yield invalid(comment, sent, "TestHmacUnchecked")
    comment = "forged of a sender's packet: its first block and its HMAC, any times between"
    sent = _received(mode, drbg.at(comment), {}, reflector=False)
    block, tag = sent["packet"][:16], sent["packet"][32:48]
    times = _time(9) + b"\x80\x01" + bytes(6) + _time(8) + bytes(8)
    rest = (0).to_bytes(4, "big") + bytes(12) + sent["packet"][16:32] + b"\xff" + bytes(15)
    forged = {**sent, "packet": block + times + rest + tag}
    if mode is TestMode.AUTHENTICATED:
        yield acceptable(
            comment,
            forged,
            "TestReflection",
            reason="in the authenticated mode both directions have the same T3 and T4, and the "
            "HMAC covers nothing but the number: nothing tells it from an honest answer",
        )
    else:
        yield invalid(comment, forged, "TestHmacUnchecked")


def _reflect_cases(mode: TestMode, drbg: Drbg) -> Iterator[Case]:
    reflector, sender = ReflectorPacket.header_size(mode), SenderPacket.header_size(mode)
    difference = reflector - sender

    def given(comment: str, ttl: int = 254, **change: Any) -> tuple[str, Json]:
        own = {"receiveTimestamp": _time(1), "timestamp": _time(2), "errorEstimate": b"\x80\x02"}
        received = _received(mode, drbg.at(comment), change, reflector=False)
        return comment, {**received, "ttl": ttl, **own}

    exchanged = "ReflectorTimestampsExchanged"
    padded = _flags(mode, reflector=True, padded=False)
    yield valid(*given("no padding: the answer is longer"), exchanged, *padded)
    yield valid(
        *given("just enough padding: an answer of the same size", padding=difference), exchanged
    )
    yield valid(
        *given("more padding: what is over comes back", padding=difference + 100),
        "ReflectedPaddingUncut",
    )
    yield valid(*given("less padding than needed", padding=difference - 1), "ReflectedPaddingUncut")
    yield valid(*given("number 4294967295", sequenceNumber=2**32 - 1), exchanged)
    for ttl in (0, 1, 255):
        yield valid(*given(f"TTL {ttl}", ttl=ttl), exchanged)
    comment, inputs = given("a payload that is too short: no answer")
    yield invalid(comment, {**inputs, "packet": inputs["packet"][: sender - 1]})
    yield invalid(*given("Multiplier 0: no answer", errorEstimate=b"\x80\0"), "MultiplierZero")
    if mode is not TestMode.UNAUTHENTICATED:
        comment, inputs = given("a wrong HMAC: no answer")
        changed = {"packet": _flipped(inputs["packet"], sender - 1)}
        yield invalid(comment, {**inputs, **changed}, "TestHmacUnchecked")


def make_groups(drbg: Drbg) -> Iterator[Group]:
    """The groups of ``test-packets.json``: each type once for each mode."""
    for reflector, seal, opened in (
        (False, SEAL_SENDER, OPEN_SENDER),
        (True, SEAL_REFLECTOR, OPEN_REFLECTOR),
    ):
        for mode in TestMode:
            at = drbg.at(seal.name).at(mode.value)
            yield Group(seal, list(_seal_cases(mode, at, reflector=reflector)), _shared(mode))
        for mode in TestMode:
            at = drbg.at(opened.name).at(mode.value)
            yield Group(opened, list(_open_cases(mode, at, reflector=reflector)), _shared(mode))
    for mode in TestMode:
        at = drbg.at(REFLECT.name).at(mode.value)
        yield Group(REFLECT, list(_reflect_cases(mode, at)), _shared(mode))


def _shared(mode: TestMode) -> Json:
    return {"mode": mode.value}


FILE = VectorFile(
    name="test-packets",
    algorithm="AES-128-ECB, AES-128-CBC, HMAC-SHA1-128",
    header=(
        "OWAMP-Test and TWAMP-Test packets under T3 and T4 (RFC 4656 §4.1.2, RFC 5357 §4.2.1).",
        "Authenticated: one block, AES-ECB. Encrypted: all before the HMAC, AES-CBC, IV 0. The",
        "HMAC covers the plaintext of what is encrypted, and goes in clear; the mixed mode of",
        "RFC 5618 has unauthenticated test packets.",
    ),
    types=(SEAL_SENDER, OPEN_SENDER, SEAL_REFLECTOR, OPEN_REFLECTOR, REFLECT),
    make_groups=make_groups,
)

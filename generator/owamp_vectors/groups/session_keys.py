"""Vectors for T3 and T4, which the proposal writes KDF(T1||SID) and KDF(T2||SID)."""

from __future__ import annotations

from collections.abc import Iterator

from owamp_reference import ikev2, keys, primitives
from owamp_reference.errors import ProtocolError, Stage, check_size
from owamp_reference.keys import SID_SIZE, ControlKeys, TestSessionKeys
from owamp_reference.layout import Layout, octets, uint

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
from .token import T1, T2

_SOURCE = "RFC 4656 §4.1.2"
SID_LAYOUT = Layout(
    "SID",
    (
        octets("IPv4 address", 4, name="address"),
        uint("NTP timestamp", 8, name="timestamp"),
        octets("random octets", 4, name="random"),
    ),
)
SID = Field("sid", "SID of the test session", size=16, layouts=(SID_LAYOUT,))
T3 = Field("t3", "AES Session-key of the test session", size=16)
T4 = Field("t4", "HMAC Session-key of the test session", size=32)


def _control_keys(values: Values) -> ControlKeys:
    return ControlKeys(values["t1"], values["t2"])


def _derive(values: Values) -> Json:
    control_keys, sid = _control_keys(values), values["sid"]
    derived = keys.derive_test_session_keys(control_keys, sid)
    first = primitives.aes_ecb_encrypt(sid, control_keys.t2[:16])
    second_input = bytes(a ^ b for a, b in zip(first, control_keys.t2[16:], strict=True))
    return {
        "t3": derived.t3,
        "t4FirstBlock": first,
        "t4SecondBlockInput": second_input,
        "t4": derived.t4,
    }


def _invert(values: Values) -> Json:
    session_keys = TestSessionKeys(values["t3"], values["t4"])
    found = keys.control_keys_from_test_keys(session_keys, values["sid"])
    return {"t1": found.t1, "t2": found.t2}


def _derive_one_way(values: Values) -> Json:
    derived = keys.one_way_test_session_keys(_control_keys(values), values["sid"])
    return {"t3": derived.t3, "t4": derived.t4}


def _lay_out(values: Values) -> Json:
    return {"sid": keys.make_sid(values["address"], values["timestamp"], values["random"])}


DERIVE = GroupType(
    "TestSessionKeys",
    "T3 and T4 of a test session from T1, T2 and its SID; the SID is the AES key.",
    _SOURCE,
    (),
    (T1, T2, SID),
    (
        Field("t3", T3.description, size=16, formula="AES-128-ECB(key = sid, t1)"),
        Field(
            "t4FirstBlock",
            "first block of T4",
            size=16,
            formula="AES-128-ECB(key = sid, octets 0-15 of t2)",
        ),
        Field(
            "t4SecondBlockInput",
            "what CBC encrypts for the second block of T4",
            size=16,
            formula="t4FirstBlock XOR octets 16-31 of t2",
        ),
        Field("t4", T4.description, size=32, formula="AES-128-CBC(key = sid, IV = 0, t2)"),
    ),
    _derive,
)
INVERT = GroupType(
    "ControlKeysFromTestKeys",
    "The derivation backwards: T1 and T2 from T3, T4 and the SID. Not a step of the protocol, and "
    "not asked of an implementation; it shows what a leaked test key costs.",
    _SOURCE,
    (),
    (T3, T4, SID),
    (
        Field("t1", T1.description, size=16, formula="AES-128-ECB-decrypt(key = sid, t3)"),
        Field("t2", T2.description, size=32, formula="AES-128-CBC-decrypt(key = sid, IV = 0, t4)"),
    ),
    _invert,
    requirement="POLICY",
)
ONE_WAY = GroupType(
    "OneWayTestSessionKeys",
    "ALTERNATIVE, not RFC 4656: KDF(T1||SID) and KDF(T2||SID) with the one-way KDF that its §6.7 "
    "names for a replacement. No O/TWAMP implementation is to compute this.",
    "RFC 4656 §6.7",
    (),
    (T1, T2, SID),
    (
        Field("t3", "one-way T3", size=16, formula="first 16 octets of HMAC-SHA256(t1, sid)"),
        Field("t4", "one-way T4", size=32, formula="HMAC-SHA256(t2, sid)"),
    ),
    _derive_one_way,
    requirement="POLICY",
)
SID_LAYOUT_TYPE = GroupType(
    "SidLayout",
    "A SID as RFC 4656 has the receiving side make it: an address, the time, random octets.",
    "RFC 4656 §3.5",
    (),
    (
        Field(
            "address",
            "IPv4 address of the generating machine; the IPv6 address of one that has no other; "
            "zeros if none is known",
        ),
        Field("timestamp", "NTP timestamp", size=8),
        Field("random", "random octets", size=4),
    ),
    (
        Field(
            "sid",
            SID.description,
            size=16,
            formula="last 4 octets of address | timestamp | random",
            layouts=(SID_LAYOUT,),
        ),
    ),
    _lay_out,
    requirement="SHOULD",
)

_LABELLED = "HMAC-SHA-256({key}, {label} | 00 | {context})"


def _labelled(key: bytes, label: bytes, context: bytes) -> bytes:
    return ikev2.prf(ikev2.PRF_HMAC_SHA2_256, key, label + b"\0" + context)


def _key(name: str, what: str, key: str, label: str, context: str) -> Field:
    formula = _LABELLED.format(key=key, label=f'"{label}"', context=context)
    return Field(name, what, size=32, formula=formula)


def _repaired(values: Values) -> Json:
    for name, size in (("serverGreeting", 64), ("setUpResponse", 164), ("t2", 32), ("sid", 16)):
        check_size(name, values[name], size)
    names = [values[name] for name in ("clientName", "serverName")]
    if max(map(len, names)) > 255:
        raise ProtocolError("name", "at most 255 octets", f"{max(map(len, names))}")
    messages = [values[name] for name in ("serverGreeting", "setUpResponse")]
    covered = b"".join(bytes([len(name)]) + name for name in names) + b"".join(messages)
    mac_key = _labelled(values["sharedSecret"], b"set-up", messages[0][32:52])
    t2, sid = values["t2"], values["sid"]
    return {
        "macKey": mac_key,
        "mac": primitives.hmac_sha1_128(mac_key, covered),
        "clientControlKey": _labelled(t2, b"control", b"client"),
        "serverControlKey": _labelled(t2, b"control", b"server"),
        "senderTestKey": _labelled(t2, b"sender", sid),
        "reflectorTestKey": _labelled(t2, b"reflector", sid),
    }


REPAIRED_SET_UP = GroupType(
    "RepairedSetUp",
    "PROPOSAL, not an RFC: the MAC over the whole set-up and the keys after it, as in the theory "
    "repaired. No O/TWAMP implementation is to compute this.",
    "repair",
    (),
    (
        Field("sharedSecret", 'the secret, prf(SK_d, "IPPM")'),
        Field("clientName", "identity of the client, 255 octets at most"),
        Field("serverName", "identity of the server, 255 octets at most"),
        Field("serverGreeting", "Server-Greeting", size=64),
        Field("setUpResponse", "Set-Up-Response", size=164),
        T2,
        SID,
    ),
    (
        _key(
            "macKey",
            "key of the MAC",
            "sharedSecret",
            "set-up",
            "octets 32-51 of serverGreeting: Salt and Count",
        ),
        Field(
            "mac",
            "MAC over the set-up",
            size=16,
            formula="first 16 octets of HMAC-SHA1(macKey, length of clientName | clientName | "
            "length of serverName | serverName | serverGreeting | setUpResponse), lengths in one "
            "octet",
        ),
        _key("clientControlKey", "HMAC key of the client's messages", "t2", "control", '"client"'),
        _key("serverControlKey", "HMAC key of the server's messages", "t2", "control", '"server"'),
        _key("senderTestKey", "HMAC key of the sender's packets", "t2", "sender", "sid"),
        _key("reflectorTestKey", "HMAC key of the reflector's packets", "t2", "reflector", "sid"),
    ),
    _repaired,
    requirement="POLICY",
)

_SIZES = {"t1": 16, "t2": 32, "sid": 16}
_ADDRESS = bytes([192, 0, 2, 1])  # RFC 5737
_TIMESTAMP = 0xEA4C6F00_80000000.to_bytes(8, "big")
_DERIVATION = (
    "SidAndKeySwapped",
    "T3OneWay",
    "T3HashOfConcatenation",
    "T3Decrypted",
    "T4InEcb",
    "T4IvNotZero",
    "T4FromT1",
    "T2Cut",
    "T4BlocksExchanged",
    "SidByteOrder",
)


def _inputs(drbg: Drbg, sizes: Values, fixed: Values) -> Json:
    return {**{name: drbg.octets(name, size) for name, size in sizes.items()}, **fixed}


def _derive_cases(drbg: Drbg) -> Iterator[Case]:
    def given(comment: str, **fixed: bytes) -> tuple[str, Json]:
        return comment, _inputs(drbg.at(comment), _SIZES, fixed)

    for number in range(1, 9):
        yield valid(*given(f"pseudo-random keys and SID, number {number}"), *_DERIVATION)
    made = _ADDRESS + _TIMESTAMP + drbg.octets("random", 4)
    comment = "SID made of an address, a timestamp and random octets"
    yield valid(*given(comment, sid=made), "SidAndKeySwapped", "SidByteOrder")
    same = drbg.at("same")
    t1, t2 = same.octets("t1", 16), same.octets("t2", 32)
    yield valid(*given("one control connection, first session", t1=t1, t2=t2), *_DERIVATION)
    yield valid(*given("one control connection, second session", t1=t1, t2=t2), *_DERIVATION)
    next_sid = same.octets("sid", 15)
    for last in (0, 1):
        comment = f"two SIDs that differ in the last bit: {last}"
        yield valid(*given(comment, t1=t1, t2=t2, sid=next_sid + bytes([last])), *_DERIVATION)
    yield valid(*given("all-zero SID, as in a TWAMP request", sid=bytes(16)), "SidAndKeySwapped")
    yield valid(*given("SID of ones", sid=b"\xff" * 16), "SidAndKeySwapped")
    yield valid(*given("all-zero T1", t1=bytes(16)), "SidAndKeySwapped")
    comment = "all-zero T2: both blocks are encryptions"
    yield valid(*given(comment, t2=bytes(32)), "SidAndKeySwapped", "T4InEcb")
    equal = drbg.octets("equal", 16)
    yield valid(*given("T1 equal to the SID", t1=equal, sid=equal), "T4IvNotZero")
    comment = "T2 of two equal blocks, which CBC makes different"
    yield valid(*given(comment, t2=equal * 2), "SidAndKeySwapped", "T4InEcb")
    half = drbg.octets("half", 16)
    comment = "T2 whose first block is T1: T4 begins with T3"
    yield valid(*given(comment, t1=half, t2=half + equal), "SidAndKeySwapped", "T4InEcb")
    short = drbg.octets("short", 20) + bytes(12)
    yield valid(*given("T2 of 20 octets and zeros: it is still 32", t2=short), "T4InEcb")
    # FIPS 197 Appendix B as a derivation: SID = its cipher key, T1 = its plaintext
    yield valid(
        *given(
            "FIPS 197 Appendix B as T3: SID is its cipher key, T1 its input",
            sid=bytes.fromhex("2b7e151628aed2a6abf7158809cf4f3c"),
            t1=bytes.fromhex("3243f6a8885a308d313198a2e0370734"),
        ),
        "SidAndKeySwapped",
    )
    for name, label, sizes in (
        ("t1", "T1", (0, 15, 17, 24, 32)),
        ("t2", "T2", (0, 16, 20, 31, 33, 48, 64)),
        ("sid", "SID", (0, 8, 15, 17, 24, 32)),
    ):
        for size in sizes:
            comment = f"{label} of {size} octets"
            value = drbg.at(comment).octets(name, size)
            yield invalid(*given(comment, **{name: value}), "SizeUnchecked")


def _invert_cases(drbg: Drbg) -> Iterator[Case]:
    sizes = {"t3": 16, "t4": 32, "sid": 16}
    for number in range(1, 5):
        comment = f"pseudo-random control keys, number {number}"
        made = _inputs(drbg.at(comment), _SIZES, {})
        derived = keys.derive_test_session_keys(_control_keys(made), made["sid"])
        yield valid(comment, {"t3": derived.t3, "t4": derived.t4, "sid": made["sid"]})
    zeros = {"t3": bytes(16), "t4": bytes(32), "sid": bytes(16)}
    yield valid("all zero", zeros)
    comment = "any T3 and T4 belong to some T1 and T2: the derivation is a permutation"
    yield valid(comment, _inputs(drbg.at(comment), sizes, {}))
    for name, label, size in (("t3", "T3", 15), ("t4", "T4", 31), ("sid", "SID", 15)):
        comment = f"{label} of {size} octets"
        short = {name: drbg.at(comment).octets(name, size)}
        yield invalid(comment, _inputs(drbg.at(comment), sizes, short), "SizeUnchecked")


def _one_way_cases(drbg: Drbg) -> Iterator[Case]:
    for number in range(1, 9):
        comment = f"pseudo-random keys and SID, number {number}"
        # the same inputs as in TestSessionKeys, so that the readings can be laid side by side
        shared = Drbg(drbg.path.replace(ONE_WAY.name, DERIVE.name)).at(comment)
        yield valid(comment, _inputs(shared, _SIZES, {}), "OneWayTaken")
    for name, label, size in (("t1", "T1", 15), ("t2", "T2", 20), ("sid", "SID", 17)):
        comment = f"{label} of {size} octets"
        value = {name: drbg.at(comment).octets(name, size)}
        yield invalid(comment, _inputs(drbg.at(comment), _SIZES, value), "SizeUnchecked")


def _layout_cases(drbg: Drbg) -> Iterator[Case]:
    def given(comment: str, **fixed: bytes) -> tuple[str, Json]:
        made = {"address": _ADDRESS, "timestamp": _TIMESTAMP, **fixed}
        return comment, {"random": drbg.at(comment).octets("random", 4), **made}

    yield valid(*given("an address of RFC 5737 and a time in 2024"))
    unknown = "RFC 4656 does not say what stands there if no address is known."
    comment = "no address of the machine known"
    yield acceptable(*given(comment, address=bytes(4)), stage=Stage.INPUT, reason=unknown)
    loopback = "RFC 4656 wants another address than that of the loopback interface."
    comment = "the address of the loopback interface"
    only = given(comment, address=bytes([127, 0, 0, 1]))
    yield acceptable(*only, stage=Stage.INPUT, reason=loopback, refusing="SHOULD")
    yield valid(*given("the last moment of the NTP era, 2036", timestamp=b"\xff" * 8))
    yield valid(*given("the first moment of the next NTP era, 2036", timestamp=bytes(8)))
    yield valid(*given("a time in the next NTP era", timestamp=bytes(3) + b"\x2a" + bytes(4)))
    ipv6 = "An implementation may make a SID of its last four octets; another choice is its own."
    for comment, address in (
        ("a machine with an IPv6 address alone", bytes.fromhex("20010db8") + bytes(11) + b"\1"),
        (
            "a machine with an IPv6 address alone, without a zero octet",
            bytes.fromhex("20010db8a1a2a3a4a5a6a7a8c0ffee11"),
        ),
    ):
        given_ = given(comment, address=address)
        yield acceptable(
            *given_, "SidOfFirstFour", stage=Stage.INPUT, reason=ipv6, requirement="MAY"
        )
    for size in (3, 8, 17):
        yield invalid(*given(f"an address of {size} octets", address=bytes(size)), "SizeUnchecked")
    yield invalid(*given("timestamp of 4 octets", timestamp=bytes(4)), "SizeUnchecked")
    yield invalid(*given("8 random octets", random=bytes(8)), "SizeUnchecked")


def _repaired_cases(drbg: Drbg) -> Iterator[Case]:
    sizes = {"sharedSecret": 32, "serverGreeting": 64, "setUpResponse": 164, "t2": 32, "sid": 16}
    fixed = {"clientName": b"client.example", "serverName": b"server.example"}
    inputs = _inputs(drbg, sizes, fixed)
    yield valid("a set-up", inputs)
    exchanged = {"clientName": fixed["serverName"], "serverName": fixed["clientName"]}
    yield valid("the same in the other direction: another MAC", {**inputs, **exchanged})
    moved = {"clientName": b"client.examples", "serverName": b"erver.example"}
    yield valid("the same, a letter moved from name to name: another MAC", {**inputs, **moved})
    other = {"sid": drbg.octets("other", 16)}
    yield valid("another session: other test keys", {**inputs, **other})
    for name, size in (("serverGreeting", 65), ("setUpResponse", 163), ("t2", 31), ("sid", 17)):
        short = {name: drbg.at("sizes").octets(name, size)}
        yield invalid(f"{name} of {size} octets", {**inputs, **short}, "SizeUnchecked")


def make_groups(drbg: Drbg) -> Iterator[Group]:
    """The groups of ``test-session-keys.json``."""
    for group_type, make_cases in (
        (DERIVE, _derive_cases),
        (INVERT, _invert_cases),
        (ONE_WAY, _one_way_cases),
        (SID_LAYOUT_TYPE, _layout_cases),
        (REPAIRED_SET_UP, _repaired_cases),
    ):
        yield Group(group_type, list(make_cases(drbg.at(group_type.name))))


FILE = VectorFile(
    name="test-session-keys",
    algorithm="AES-128-ECB, AES-128-CBC",
    header=(
        "T3 and T4, the keys of a test session, from T1, T2 and its SID (RFC 4656 §4.1.2, the same",
        "in RFC 5357 §4.2.1). The proposal writes KDF(T1||SID) and KDF(T2||SID); as specified the",
        "SID is the AES key and the control key the plaintext, so whoever knows the SID inverts",
        "it. Groups of type OneWayTestSessionKeys are an alternative that is not RFC 4656,",
        "and those of type RepairedSetUp a proposal that no RFC has.",
    ),
    types=(DERIVE, INVERT, ONE_WAY, SID_LAYOUT_TYPE, REPAIRED_SET_UP),
    make_groups=make_groups,
)
assert SID_LAYOUT.size == SID_SIZE

"""Vectors for the Token: passphrase, PBKDF2, the sealed and the opened Token, KeyID."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TypeAlias

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.pbkdf2 import PBKDF2HMAC
from owamp_reference import messages, primitives, token
from owamp_reference.choices import Choice, Chooser, Option
from owamp_reference.errors import Stage, check_size
from owamp_reference.keys import ControlKeys
from owamp_reference.layout import Layout, octets
from owamp_reference.negotiation import Protocol

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
from .changes import flipped, nearly_right

_SOURCE = "RFC 4656 §3.1"
PLAINTEXT_LAYOUT = Layout(
    "Token plaintext",
    (
        octets("Challenge", 16, name="challenge"),
        octets("AES Session-key (T1)", 16, name="t1"),
        octets("HMAC Session-key (T2)", 32, name="t2"),
    ),
)

SALT = Field("salt", "Salt of the Server-Greeting", size=16)
COUNT = Field("count", "Count of the Server-Greeting: PBKDF2 iterations", "integer", most=2**20)
CHALLENGE = Field("challenge", "Challenge of the Server-Greeting", size=16)
T1 = Field("t1", "AES Session-key of the control connection", size=16)
T2 = Field("t2", "HMAC Session-key of the control connection", size=32)
SHARED_SECRET = Field("sharedSecret", "octets of the shared secret: PBKDF2's password")
TOKEN_KEY = Field(
    "tokenKey",
    "key that encrypts the Token",
    size=16,
    formula="PBKDF2-HMAC-SHA1(sharedSecret, salt, count, 16 octets)",
)
PLAINTEXT = Field(
    "plaintext",
    "what the Token encrypts",
    size=64,
    formula="challenge | t1 | t2",
    layouts=(PLAINTEXT_LAYOUT,),
)
TOKEN = Field(
    "token",
    "the Token of the Set-Up-Response",
    size=64,
    formula="AES-128-CBC(tokenKey, IV = 0, plaintext)",
)
MAX_COUNT = Field(
    "maxCount", "the largest Count that the client is configured for", "integer", most=2**20
)
PROTOCOL = Field(
    "protocol",
    "OWAMP or TWAMP",
    "string",
    values=tuple(protocol.value for protocol in Protocol),
)


def _over_maximum(refuses: Option) -> Choice:
    computes = Option("computes with a larger Count", "POLICY", "RFC 4656 §3.1")
    return Choice("whether a client has a maximum of Count", (refuses, computes))


_REFUSED = "refuses a Count over its maximum"
_OVER_MAXIMUM = {
    Protocol.OWAMP: _over_maximum(Option(_REFUSED, "POLICY", "RFC 4656 §3.1")),
    Protocol.TWAMP: _over_maximum(Option(_REFUSED, "SHOULD", "RFC 5357 §6")),
}


def _seal(shared_secret: bytes, values: Values) -> Json:
    key = token.derive_token_key(shared_secret, values["salt"], values["count"])
    control_keys = ControlKeys(values["t1"], values["t2"])
    sealed = token.seal_token(key, values["challenge"], control_keys)
    plaintext = token.token_plaintext(values["challenge"], control_keys)
    return {"tokenKey": key, "plaintext": plaintext, "token": sealed}


def _seal_passphrase(values: Values, choose: Chooser) -> Json:
    protocol = Protocol(values["protocol"])
    is_twamp = protocol is Protocol.TWAMP
    shared_secret = token.encode_passphrase(values["passphrase"], for_twamp=is_twamp, choose=choose)
    count, maximum = values["count"], values["maxCount"]
    if count > maximum and choose(_OVER_MAXIMUM[protocol]):
        maximum = count
    token.check_count(count, maximum)
    return {"sharedSecret": shared_secret, **_seal(shared_secret, values)}


def _seal_secret(values: Values) -> Json:
    token.check_count(values["count"], values["maxCount"])
    return _seal(values["sharedSecret"], values)


def _open(values: Values) -> Json:
    key = token.derive_token_key(values["sharedSecret"], values["salt"], values["count"])
    opened = token.open_token(key, values["token"], values["challenge"])
    return {"tokenKey": key, "t1": opened.t1, "t2": opened.t2}


def _encode_key_id(values: Values, choose: Chooser) -> Json:
    return {"keyId": messages.encode_key_id(values["name"], choose)}


def _decode_key_id(values: Values, choose: Chooser) -> Json:
    check_size("KeyID", values["keyId"], 80)
    return {"name": messages.decode_key_id(values["keyId"], choose)}


SEAL_PASSPHRASE = GroupType(
    "TokenFromPassphrase",
    "The client's side: check Count and passphrase, derive the key, seal the Token.",
    _SOURCE,
    (PROTOCOL, MAX_COUNT),
    (Field("passphrase", "the passphrase as text", "string"), SALT, COUNT, CHALLENGE, T1, T2),
    (
        Field("sharedSecret", SHARED_SECRET.description, formula="UTF-8(passphrase)"),
        TOKEN_KEY,
        PLAINTEXT,
        TOKEN,
    ),
    _seal_passphrase,
    is_open=True,
)
SEAL_SECRET = GroupType(
    "TokenFromSharedSecret",
    "The client's side with a shared secret that is any octets, such as a key from IKEv2.",
    _SOURCE,
    (MAX_COUNT,),
    (SHARED_SECRET, SALT, COUNT, CHALLENGE, T1, T2),
    (TOKEN_KEY, PLAINTEXT, TOKEN),
    _seal_secret,
)
OPEN = GroupType(
    "TokenOpen",
    "The server's side: decrypt the Token, check the Challenge, take T1 and T2.",
    _SOURCE,
    (),
    (SHARED_SECRET, SALT, COUNT, CHALLENGE, TOKEN),
    (
        TOKEN_KEY,
        Field("t1", T1.description, size=16, formula="octets 16-31 of the decrypted Token"),
        Field("t2", T2.description, size=32, formula="octets 32-63 of the decrypted Token"),
    ),
    _open,
)
KEY_ID_ENCODE = GroupType(
    "KeyIdEncode",
    "The KeyID field for the name of a shared secret.",
    _SOURCE,
    (),
    (Field("name", "the name as text", "string"),),
    (Field("keyId", "the KeyID field", size=80, formula="UTF-8(name), padded with zeros"),),
    _encode_key_id,
    is_open=True,
)
KEY_ID_DECODE = GroupType(
    "KeyIdDecode",
    "The name in a received KeyID field.",
    _SOURCE,
    (),
    (Field("keyId", "the KeyID field", size=80),),
    (Field("name", "the name as text", "string", formula="UTF-8 without the zero padding"),),
    _decode_key_id,
    is_open=True,
)


MAX_COUNT_DEFAULT = {"maxCount": token.DEFAULT_MAX_COUNT}
NOTHING: Values = {}
_TEXT = b"correct horse"
_SIZES = {"salt": 16, "challenge": 16, "t1": 16, "t2": 32}


def _randoms(drbg: Drbg, fixed: Values) -> Json:
    """Salt, Challenge, T1 and T2 for one case."""
    return {**{name: drbg.octets(name, size) for name, size in _SIZES.items()}, **fixed}


Given: TypeAlias = Callable[[str, str], tuple[str, Json]]
"""A comment and the inputs with a passphrase."""


def _passphrase_cases(protocol: Protocol, drbg: Drbg) -> Iterator[Case]:
    def given(
        comment: str, text: str, count: int = 1024, fixed: Values = NOTHING
    ) -> tuple[str, Json]:
        return comment, {"passphrase": text, "count": count, **_randoms(drbg.at(comment), fixed)}

    plain = ("Pbkdf2Sha256", "Pbkdf2KeyOf32", "TokenInEcb", "TokenIvNotZero", "TokenFieldOrder")
    for number in range(1, 7):
        comment = f"pseudo-random keys, number {number}"
        yield valid(*given(comment, f"passphrase {number}"), *plain, "ShortT2")
    yield valid(*given("passphrase of one octet", "x"))
    for comment, text in (
        ("passphrase with spaces at both ends", "  two words  "),
        ("passphrase that ends in a space", "one "),
        ("passphrase of spaces alone", "   "),
    ):
        yield valid(*given(comment, text), "PassphraseStripped")
    zeros = {"challenge": bytes(16), "t1": bytes(16), "t2": bytes(32)}
    yield valid(*given("all-zero Challenge, T1 and T2", "zeros", fixed=zeros), "TokenInEcb")
    equal = {"challenge": b"\xa5" * 16, "t1": b"\xa5" * 16, "t2": b"\xa5" * 32}
    yield valid(
        *given("four equal blocks, which CBC makes different", "equal", fixed=equal), "TokenInEcb"
    )
    for size in (63, 64, 65, 100, 255):
        text = ("0123456789abcdef" * 16)[:size]
        flags = ["LongPassphraseCut"] if size > 64 else []
        yield valid(
            *given(f"passphrase of {size} octets; the block of HMAC-SHA1 has 64", text), *flags
        )
    for count in (2048, 4096, 8192, 32768):
        flags = ["CountByteOrder", "CountIgnored"]
        yield valid(*given(f"Count {count}", "counted", count), *flags)
    for comment, challenge in _CHALLENGES_WITH_ZEROS:
        yield valid(*given(comment, "zeros", fixed={"challenge": challenge}), "ChallengeCutAtZero")

    yield from _text_cases(protocol, given)
    for count in (0, 1, 512, 1023, 1025, 1536, 10000, 32767):
        aims = ("CountUnchecked",) if count else ()  # PBKDF2 itself has no 0 iterations
        yield invalid(*given(f"Count {count}", "counted", count), *aims)
    source = "RFC 5357 §6" if protocol is Protocol.TWAMP else _SOURCE
    for count in (65536, 2**17):
        comment = f"Count {count}, over the configured maximum"
        yield behaves(*given(comment, "counted", count), source=source)
    for name, label, sizes in (
        ("t2", "T2", (16, 20, 64)),
        ("t1", "T1", (8, 32)),
        ("challenge", "Challenge", (15, 17, 32)),
        ("salt", "Salt", (8, 20)),
    ):
        for size in sizes:
            comment = f"{label} of {size} octets"
            value = drbg.at(comment).octets(name, size)
            flags = ["SizeUnchecked"]
            yield invalid(*given(comment, "sizes", fixed={name: value}), *flags)


def _text_cases(protocol: Protocol, given: Given) -> Iterator[Case]:
    """What a passphrase may consist of."""
    empty = "The RFCs set no minimum; an implementation may refuse an empty secret."
    yield acceptable(*given("empty passphrase", ""), stage=Stage.TEXT, reason=empty)
    for comment, text, flag in (
        ("non-ASCII passphrase, two octets a character", "Žluťoučký kůň", "PassphraseLatin1"),
        ("non-ASCII passphrase within Latin-1", "café", "PassphraseLatin1"),
        ("non-ASCII passphrase outside the basic plane", "\U0001f511 key", "PassphraseLatin1"),
        (
            "non-ASCII passphrase in decomposed form (e, U+0301)",
            "cafe\u0301",
            "PassphraseNormalized",
        ),
        ("decomposed form at the start (o, U+0308)", "o\u0308l", "PassphraseNormalized"),
    ):
        if protocol is Protocol.TWAMP:
            yield invalid(*given(comment, text), "PassphraseNotAscii", source="RFC 5357 §3.1")
        else:
            yield behaves(*given(comment, text), flag)

    source = "RFC 5357 §3.1" if protocol is Protocol.TWAMP else _SOURCE
    for comment, text in (
        ("passphrase with a newline at the end, as read from a file", "secret\n"),
        ("passphrase with a carriage return and line feed at the end", "secret\r\n"),
        ("passphrase with a line feed within", "sec\nret"),
        ("passphrase that is nothing but a line feed", "\n"),
    ):
        yield invalid(*given(comment, text), "PassphraseNewline", source=source)
    for comment, text in (
        ("passphrase with a carriage return alone", "sec\rret"),
        ("passphrase with a carriage return at the end", "secret\r"),
    ):
        if protocol is Protocol.TWAMP:
            yield invalid(*given(comment, text), "PassphraseLoneCr", source="RFC 5357 §3.1")
        else:
            yield behaves(*given(comment, text))


_CHALLENGES_WITH_ZEROS = (
    ("Challenge that begins with a zero octet", bytes(1) + b"\x5a" * 15),
    ("Challenge that ends in a zero octet", b"\x5a" * 15 + bytes(1)),
    ("Challenge with a zero octet within", b"\x5a" * 7 + bytes(1) + b"\xa5" * 8),
)


def _secret_cases(drbg: Drbg) -> Iterator[Case]:
    def given(comment: str, secret: bytes) -> tuple[str, Json]:
        return comment, {
            "sharedSecret": secret,
            "count": 1024,
            **_randoms(drbg.at(comment), NOTHING),
        }

    for size in (16, 20, 32, 48, 64):
        comment = f"shared secret of {size} octets"
        yield valid(*given(comment, drbg.at(comment).octets("sharedSecret", size)))
    comment = "shared secret of 100 octets"
    yield valid(*given(comment, drbg.at(comment).octets("sharedSecret", 100)), "LongPassphraseCut")
    newlines = b"\x0a\x0d" + drbg.octets("newlines", 30)
    yield valid(
        *given("32 octets with 0a and 0d, which are no newlines here", newlines), "KeyTakenForText"
    )
    ending = drbg.octets("ending", 31) + b"\x0a"
    yield valid(*given("32 octets that end in 0a", ending), "KeyTakenForText")
    yield valid(*given("20 octets that end in two zeros", drbg.octets("zeros", 18) + bytes(2)))
    middle = drbg.octets("before", 9) + b"\0" + drbg.octets("after", 10)
    yield valid(*given("20 octets with a zero in the middle", middle), "SecretCutAtZero")
    first = b"\0" + drbg.octets("first", 19)
    yield valid(*given("20 octets that begin with a zero", first), "SecretCutAtZero")


def _sealed(drbg: Drbg, count: int = 1024, fixed: Values = NOTHING) -> tuple[Json, Json]:
    """The inputs of an honest `OPEN` case, and its secret values with the Token's key."""
    randoms = _randoms(drbg, fixed)
    key = token.derive_token_key(_TEXT, randoms["salt"], count)
    control_keys = ControlKeys(randoms["t1"], randoms["t2"])
    sealed = token.seal_token(key, randoms["challenge"], control_keys)
    inputs = {"sharedSecret": _TEXT, "count": count, "token": sealed}
    inputs.update({name: randoms[name] for name in ("salt", "challenge")})
    return inputs, {**randoms, "tokenKey": key}


def _plaintext(secrets: Json) -> bytes:
    return token.token_plaintext(secrets["challenge"], ControlKeys(secrets["t1"], secrets["t2"]))


def _open_cases(drbg: Drbg) -> Iterator[Case]:
    def honest(comment: str, count: int = 1024, fixed: Values = NOTHING) -> Json:
        return _sealed(drbg.at(comment), count, fixed)[0]

    for number in range(1, 7):
        comment = f"honest Token, number {number}"
        flags = ("Pbkdf2Sha256", "Pbkdf2KeyOf32", "TokenDecryptedInEcb", "TokenIvNotZero")
        yield valid(comment, honest(comment), *flags)
    comment = "honest Token with Count 2048"
    yield valid(comment, honest(comment, 2048), "CountByteOrder", "CountIgnored")
    comment = "all-zero T1 and T2, honestly sealed"
    zeros = {"t1": bytes(16), "t2": bytes(32)}
    yield acceptable(comment, honest(comment, fixed=zeros), stage=Stage.POLICY, reason=_ZERO_KEYS)
    for comment, challenge in _CHALLENGES_WITH_ZEROS:
        yield valid(comment, honest(comment, fixed={"challenge": challenge}))
        equal = f"{comment}: the Token has another that is the same up to there"
        end = challenge.index(0) + 1
        if end < len(challenge):
            other = challenge[:end] + b"\x33" * (16 - end)
            inputs = honest(equal, fixed={"challenge": other})
            changed = {"challenge": challenge}
            yield invalid(equal, {**inputs, **changed}, "ChallengeCutAtZero", "ChallengeUnchecked")
    comment = "Challenge of zeros"
    yield valid(comment, honest(comment, fixed={"challenge": bytes(16)}))
    comment = "Challenge of zeros, and a Token that has another, which begins with a zero"
    inputs = honest(comment, fixed={"challenge": bytes(1) + b"\x33" * 15})
    yield invalid(
        comment, {**inputs, "challenge": bytes(16)}, "ChallengeCutAtZero", "ChallengeUnchecked"
    )

    for comment, change in (
        ("another Challenge than the one sent: a replayed Token", {"challenge": bytes(16)}),
        ("sealed under another passphrase", {"sharedSecret": b"incorrect horse"}),
        ("sealed with another Salt", {"salt": drbg.octets("other salt", 16)}),
        ("sealed with Count 1024, opened with 2048", {"count": 2048}),
        ("all-zero Token", {"token": bytes(64)}),
    ):
        yield invalid(comment, {**honest(comment), **change}, "ChallengeUnchecked")
    for offset in (0, 7, 15):
        comment = f"one bit changed in octet {offset} of the Token: the Challenge differs"
        inputs = honest(comment)
        changed = {"token": flipped(inputs["token"], offset)}
        yield invalid(comment, {**inputs, **changed}, "ChallengeUnchecked")
    inputs = honest("Challenges that are nearly right")
    for offset, (part, wrong) in enumerate(nearly_right(inputs["challenge"])):
        in_part = ("ChallengeComparedInPart",) if 8 <= offset < 16 else ()
        comment = f"the Challenge in the Token is {part}"
        changed = {"challenge": wrong}
        yield invalid(comment, {**inputs, **changed}, *in_part, "ChallengeUnchecked")
    for offset in (16, 31, 32, 63):
        comment = f"one bit changed in octet {offset} of the Token: nothing tells, the keys differ"
        inputs = honest(comment)
        changed = {"token": flipped(inputs["token"], offset)}
        yield valid(comment, {**inputs, **changed}, "TokenMalleable", source="RFC 4656 §6.10")
    for size in (0, 16, 48, 63, 65, 80):
        comment = f"Token of {size} octets"
        inputs = honest(comment)
        aims = ("SizeUnchecked",) if size else ()  # nothing is another Challenge
        yield invalid(comment, {**inputs, "token": (inputs["token"] * 2)[:size]}, *aims)

    comment = "sealed with an IV that is not zero (here the Challenge)"
    inputs, secrets = _sealed(drbg.at(comment))
    plaintext = _plaintext(secrets)
    sealed = primitives.aes_cbc_encrypt(secrets["tokenKey"], secrets["challenge"], plaintext)
    yield invalid(comment, {**inputs, "token": sealed}, "TokenIvNotZero")
    comment = "sealed under a key from PBKDF2-HMAC-SHA256"
    inputs, secrets = _sealed(drbg.at(comment))
    plaintext = _plaintext(secrets)
    key = _pbkdf2_sha256(_TEXT, secrets["salt"], 1024, 16)
    sealed = primitives.aes_cbc_encrypt(key, bytes(16), plaintext)
    yield invalid(comment, {**inputs, "token": sealed}, "Pbkdf2Sha256")
    comment = "forged from a client's answers to chosen Challenges: T1 and T2 are zero"
    inputs, secrets = _sealed(drbg.at(comment))
    yield acceptable(
        comment,
        {**inputs, "token": _forge(secrets["tokenKey"], inputs["challenge"], bytes(48))},
        "TokenForgery",
        stage=Stage.POLICY,
        reason=_ZERO_KEYS,
        source="RFC 4656 §3.1, §6.10",
    )
    comment = "forged in the same way: T1 and T2 are known, and not zero"
    inputs, secrets = _sealed(drbg.at(comment))
    forged = _forge(
        secrets["tokenKey"], inputs["challenge"], b"known to its maker, " * 2 + bytes(8)
    )
    yield valid(comment, {**inputs, "token": forged}, "TokenForgery", source="RFC 4656 §6.10")


_ZERO_KEYS = "The RFCs do not exclude keys of zeros; an implementation may refuse them as weak."


def _forge(key: bytes, challenge: bytes, keys: bytes) -> bytes:
    """A Token of four encryptions E(b) of chosen blocks, with `keys` for T1 and T2.

    Each E(b) is the first block of an honest client's Token when b is sent to it as the Challenge
    under the same Salt and Count.
    """
    blocks = [primitives.aes_ecb_encrypt(key, challenge)]
    for start in range(0, len(keys), 16):
        pairs = zip(blocks[-1], keys[start : start + 16], strict=True)
        blocks.append(primitives.aes_ecb_encrypt(key, bytes(a ^ b for a, b in pairs)))
    return b"".join(blocks)


def _pbkdf2_sha256(secret: bytes, salt: bytes, count: int, size: int) -> bytes:
    return PBKDF2HMAC(hashes.SHA256(), size, salt, count).derive(secret)


def _key_id_encode_cases(drbg: Drbg) -> Iterator[Case]:
    del drbg  # names are chosen, not drawn
    for comment, name, *flags in (
        ("short ASCII name", "alice", "KeyIdPadding"),
        ("name of one octet", "a", "KeyIdPadding"),
        ("name with spaces", "measurement point 7", "KeyIdPadding"),
        ("name that ends in a space", "alice ", "KeyIdStripped"),
        ("79 octets", "k" * 79, "KeyIdPadding"),
        ("80 octets: no padding, no terminator", "k" * 80, "KeyIdTerminated"),
        ("two octets a character", "žluťoučký", "KeyIdLatin1"),
        ("within Latin-1", "mühle", "KeyIdLatin1"),
        ("three octets a character", "測定点", "KeyIdLatin1"),
        ("four octets a character", "\U0001f511", "KeyIdLatin1"),
        ("40 characters of two octets: 80 octets", "é" * 40, "KeyIdTerminated", "KeyIdLatin1"),
        ("decomposed form (e, U+0301), not to be normalized", "cafe\u0301", "KeyIdNormalized"),
        ("decomposed form at the start (o, U+0308)", "o\u0308l", "KeyIdNormalized"),
    ):
        yield valid(comment, {"name": name}, *flags)
    yield acceptable("empty name", {"name": ""}, stage=Stage.TEXT, reason=_EMPTY_NAME)
    for comment, name, flag in (
        ("81 octets", "k" * 81, "KeyIdTooLong"),
        ("255 octets", "k" * 255, "KeyIdTooLong"),
        ("41 characters of two octets: 82 octets", "é" * 41, "KeyIdTooLong"),
    ):
        yield invalid(comment, {"name": name}, flag)
    for comment, name, *flags in (
        ("a zero octet within", "ali\0ce", "KeyIdZeroWithin"),
        ("a zero octet at the start", "\0alice", "KeyIdZeroWithin"),
        ("a zero octet at the end, of which padding keeps nothing", "alice\0"),
    ):
        yield behaves(comment, {"name": name}, *flags)


_EMPTY_NAME = "RFC 4656 sets no minimum: a name may be empty, or be refused for it."


def _key_id_decode_cases(drbg: Drbg) -> Iterator[Case]:
    del drbg  # names are chosen, not drawn
    for comment, key_id, *flags in (
        ("short ASCII name", b"alice", "KeyIdPadding"),
        ("80 octets: no padding, no terminator", b"k" * 80, "KeyIdTerminated"),
        ("80 octets of two a character", "é".encode() * 40, "KeyIdTerminated", "KeyIdLatin1"),
        ("name that ends in a space", b"alice ", "KeyIdStripped"),
        ("name that begins with U+FEFF, which is part of it", "\ufeffalice".encode()),
    ):
        yield valid(comment, {"keyId": key_id.ljust(80, b"\0")}, *flags)
    comment = "all zeros: an empty name"
    yield acceptable(
        comment, {"keyId": bytes(80)}, "KeyIdPadding", stage=Stage.TEXT, reason=_EMPTY_NAME
    )
    for comment, key_id, flag in (
        ("Latin-1 where UTF-8 is due", "mühle".encode("latin-1"), "KeyIdLatin1"),
        ("UTF-8 cut within a character", ("é" * 40).encode()[:-1], "KeyIdLatin1"),
        ("an overlong encoding of 'a'", b"\xc1\xa1", "KeyIdLatin1"),
        ("a surrogate in UTF-8", b"\xed\xa0\x80", "KeyIdLatin1"),
    ):
        yield invalid(comment, {"keyId": key_id.ljust(80, b"\0")}, flag)
    for comment, key_id in (
        ("octets after a zero octet", b"alice\0mallory"),
        ("a last octet after zero octets", b"alice".ljust(79, b"\0") + b"\1"),
    ):
        yield behaves(comment, {"keyId": key_id.ljust(80, b"\0")}, "KeyIdZeroWithin")
    for size in (79, 81):
        yield invalid(f"KeyID of {size} octets", {"keyId": bytes(size)}, "SizeUnchecked")


def make_groups(drbg: Drbg) -> Iterator[Group]:
    """The groups of ``token.json``."""
    for protocol in Protocol:
        at = drbg.at(SEAL_PASSPHRASE.name).at(protocol.value)
        shared = {"protocol": protocol.value, **MAX_COUNT_DEFAULT}
        yield Group(SEAL_PASSPHRASE, list(_passphrase_cases(protocol, at)), shared)
    for group_type, make_cases, more in (
        (SEAL_SECRET, _secret_cases, MAX_COUNT_DEFAULT),
        (OPEN, _open_cases, {}),
        (KEY_ID_ENCODE, _key_id_encode_cases, {}),
        (KEY_ID_DECODE, _key_id_decode_cases, {}),
    ):
        yield Group(group_type, list(make_cases(drbg.at(group_type.name))), more)


FILE = VectorFile(
    name="token",
    algorithm="PBKDF2-HMAC-SHA1, AES-128-CBC",
    header=(
        "The Token of the Set-Up-Response (RFC 4656 §3.1, the same in RFC 5357 §3.1): the key",
        "derived from the shared secret, the Token sealed by the client and opened by the server,",
        "and the KeyID that names the secret.",
    ),
    types=(SEAL_PASSPHRASE, SEAL_SECRET, OPEN, KEY_ID_ENCODE, KEY_ID_DECODE),
    make_groups=make_groups,
)

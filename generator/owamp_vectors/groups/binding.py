"""Vectors for the shared secret key from IKEv2: PRF{ KEYMAT, Session ID } and prf(SK_d, "IPPM")."""

from __future__ import annotations

from collections.abc import Iterator

from owamp_reference import binding, ikev2, token
from owamp_reference.binding import IkeSa
from owamp_reference.choices import REFUSAL_VALUE, Chooser
from owamp_reference.errors import Stage
from owamp_reference.ikev2 import PRFS, Prf
from owamp_reference.keys import ControlKeys
from owamp_reference.messages import Accept

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
from . import later_sa
from .changes import nearly_right, replaced
from .ikev2_kdf import (
    DH_SECRET,
    LENGTH,
    NI,
    NO_EMPTY_KEY,
    NR,
    PRF,
    SIZES,
    SK_D,
    SPI_I,
    SPI_R,
    leading_zeros,
    prf_of,
    unequal_nonces,
)
from .later_sa import IPPM, KEY_ID_LAYOUT, KEY_SIZES, NAMED_KEY_ID, SECRET_KEY
from .session_keys import SID
from .token import CHALLENGE, COUNT, SALT, T1, T2, TOKEN, TOKEN_KEY

_RFC = "RFC 7717 §5.1"
_KEY_ID_SOURCE = "RFC 7717 §5.3"
_PROPOSAL = "proposal: PRF{ KEYMAT, Session ID }"
_NONCES = "RFC 7296 §2.10, §3.9"
KEY_ID = Field("keyId", "KeyID of the Set-Up-Response", size=80, layouts=(KEY_ID_LAYOUT,))
KEYMAT = Field("keymat", "KEYMAT of the child SA, all of it")


def _from_sk_d(values: Values) -> Json:
    return {"sharedSecretKey": binding.shared_secret_from_sk_d(prf_of(values), values["skD"])}


def _from_keymat(values: Values) -> Json:
    key = binding.shared_secret_from_keymat(prf_of(values), values["keymat"], values["sid"])
    return {"sharedSecretKey": key}


def _key_id(values: Values) -> Json:
    return {"keyId": binding.key_id_from_spis(values["spiI"], values["spiR"])}


def _spis(values: Values) -> Json:
    spi_i, spi_r = binding.spis_from_key_id(values["keyId"])
    return {"spiI": spi_i, "spiR": spi_r}


def _seal(secret_key: bytes, values: Values) -> Json:
    token_key = token.derive_token_key(secret_key, values["salt"], values["count"])
    control_keys = ControlKeys(values["t1"], values["t2"])
    sealed = token.seal_token(token_key, values["challenge"], control_keys)
    return {"tokenKey": token_key, "token": sealed}


def _chain(values: Values) -> Json:
    function = prf_of(values)
    nonces_and_spis = [values[name] for name in ("ni", "nr", "spiI", "spiR")]
    seed_key = ikev2.skeyseed(function, values["ni"], values["nr"], values["sharedSecret"])
    ike_keys = ikev2.ike_sa_keys(
        function,
        seed_key,
        *nonces_and_spis,
        integrity_size=values["integritySize"],
        encryption_size=values["encryptionSize"],
    )
    secret_key = binding.shared_secret_from_sk_d(function, ike_keys.sk_d)
    return {
        "skeyseed": seed_key,
        "skD": ike_keys.sk_d,
        "sharedSecretKey": secret_key,
        "keyId": binding.key_id_from_spis(values["spiI"], values["spiR"]),
        **_seal(secret_key, values),
    }


def _keymat_chain(values: Values) -> Json:
    function = prf_of(values)
    keymat = ikev2.keymat(function, values["skD"], values["ni"], values["nr"], values["length"])
    secret_key = binding.shared_secret_from_keymat(function, keymat, values["sid"])
    return {"keymat": keymat, "sharedSecretKey": secret_key, **_seal(secret_key, values)}


def _look_up(values: Values, choose: Chooser) -> Json:
    sas = [
        IkeSa(record["spiI"], record["spiR"], PRFS[record["prf"]], record["skD"])
        for record in values["ikeSas"]
    ]
    secret_key = binding.shared_secret_for_key_id(sas, values["keyId"])
    if secret_key is not None:
        return {"accept": int(Accept.OK), "sharedSecretKey": secret_key}
    accept = (Accept.NO_IKE_SA, Accept.FAILURE)[choose(REFUSAL_VALUE)]
    return {"accept": int(accept), "sharedSecretKey": b""}


_TOKEN_INPUTS = (SALT, COUNT, CHALLENGE, T1, T2)
_PRF_KEYMAT = Field("sharedSecretKey", SECRET_KEY.description, formula="prf(keymat, sid)")

SECRET_FROM_SK_D = GroupType(
    "SharedSecretFromSkD",
    "The shared secret key of RFC 7717, from the IKE SA.",
    _RFC,
    (PRF,),
    (SK_D,),
    (IPPM,),
    _from_sk_d,
)
SECRET_FROM_KEYMAT = GroupType(
    "SharedSecretFromKeymat",
    "The shared secret key of the proposal, from the child SA's KEYMAT and a Session ID.",
    _PROPOSAL,
    (PRF,),
    (KEYMAT, SID),
    (_PRF_KEYMAT,),
    _from_keymat,
    requirement="POLICY",
)
KEY_ID_FROM_SPIS = GroupType(
    "KeyIdFromSpis",
    "The KeyID that names an IKE SA, made by the client.",
    _KEY_ID_SOURCE,
    (),
    (SPI_I, SPI_R),
    (NAMED_KEY_ID,),
    _key_id,
)
SPIS_FROM_KEY_ID = GroupType(
    "SpisFromKeyId",
    "The SPIs in a received KeyID; what follows them is ignored.",
    _KEY_ID_SOURCE,
    (),
    (KEY_ID,),
    (
        Field("spiI", SPI_I.description, size=8, formula="octets 0-7 of keyId"),
        Field("spiR", SPI_R.description, size=8, formula="octets 8-15 of keyId"),
    ),
    _spis,
)
CHAIN = GroupType(
    "BindingChain",
    "The whole way of RFC 7717: from the Diffie-Hellman secret of IKE_SA_INIT to the Token.",
    _RFC,
    (PRF, *SIZES),
    (NI, NR, DH_SECRET, SPI_I, SPI_R, *_TOKEN_INPUTS),
    (
        Field("skeyseed", "SKEYSEED", formula="prf(ni | nr, sharedSecret); halves for AES prfs"),
        Field("skD", "SK_d", formula="first part of prf+(skeyseed, ni | nr | spiI | spiR)"),
        IPPM,
        NAMED_KEY_ID,
        Field(
            "tokenKey",
            TOKEN_KEY.description,
            size=16,
            formula="PBKDF2-HMAC-SHA1(sharedSecretKey, salt, count, 16 octets)",
        ),
        Field(
            "token",
            TOKEN.description,
            size=64,
            formula="AES-128-CBC(tokenKey, IV = 0, challenge | t1 | t2)",
        ),
    ),
    _chain,
)
KEYMAT_CHAIN = GroupType(
    "KeymatChain",
    "The whole way of the proposal: from SK_d over the child SA's KEYMAT to the Token.",
    _PROPOSAL,
    (PRF,),
    (SK_D, NI, NR, LENGTH, SID, *_TOKEN_INPUTS),
    (
        Field("keymat", KEYMAT.description, formula="prf+(skD, ni | nr)"),
        _PRF_KEYMAT,
        *CHAIN.outputs[-2:],
    ),
    _keymat_chain,
    requirement="POLICY",
)
LOOK_UP = GroupType(
    "SharedSecretForKeyId",
    "The server's look-up: the shared secret key of the IKE SA that the KeyID names by both SPIs; "
    "if there is none, Accept 6, or 1 as for every refusal.",
    _KEY_ID_SOURCE,
    (),
    (
        Field(
            "ikeSas",
            "all IKE SAs whose keys the server has, oldest first",
            "records",
            fields=(SPI_I, SPI_R, PRF, SK_D),
        ),
        KEY_ID,
    ),
    (
        Field("accept", "Accept of the Server-Start as far as the look-up goes", "integer"),
        Field("sharedSecretKey", "empty if there is no such SA", formula='prf(skD, "IPPM")'),
    ),
    _look_up,
    is_open=True,
)

_X25519_SECRET = bytes.fromhex("4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742")
_ALWAYS_ONE_PRF = "PrfAlwaysSha256"
_TOKEN_SIZES = {"salt": 16, "challenge": 16, "t1": 16, "t2": 32}


def _draw(drbg: Drbg, **sizes: int) -> Json:
    return {name: drbg.octets(name, size) for name, size in sizes.items()}


def _flags_of(function: Prf, *flags: str) -> tuple[str, ...]:
    """Flags, with those that only some prfs can show."""
    other = (_ALWAYS_ONE_PRF,) if function is not ikev2.PRF_HMAC_SHA2_256 else ()
    cut = ("SecretKeyCutTo16",) if function.output_size > 16 else ()
    return (*flags, *other, *cut)


def _sk_d_cases(function: Prf, drbg: Drbg) -> Iterator[Case]:
    label = ("IppmTerminated", "IppmLowerCase", "IppmUtf16", "LabelIsKey", "SecretByPrfPlus")
    for number in range(1, 4):
        comment = f"pseudo-random SK_d, number {number}"
        inputs = _draw(drbg.at(comment), skD=function.output_size)
        yield valid(comment, inputs, *_flags_of(function, *label))
    zeros = {"skD": bytes(function.output_size)}
    yield valid("all-zero SK_d", zeros, *_flags_of(function, "IppmTerminated", "LabelIsKey"))
    yield valid("SK_d of ones", {"skD": b"\xff" * function.output_size}, *_flags_of(function))
    other = _flags_of(function) if function is not ikev2.PRF_AES128_CMAC else ()
    yield acceptable("empty SK_d", {"skD": b""}, *other, stage=Stage.INPUT, reason=NO_EMPTY_KEY)


def _keymat_cases(function: Prf, drbg: Drbg) -> Iterator[Case]:
    for comment, size, *flags in (
        ("KEYMAT for AES-128-CBC with HMAC-SHA1-96, 72 octets", 72, "KeymatCut"),
        ("KEYMAT for AES-256-GCM, 72 octets", 72, "KeymatCut"),
        ("KEYMAT for AES-256-CBC with HMAC-SHA2-512-256, 192 octets", 192, "KeymatCut"),
        ("KEYMAT of one prf output", function.output_size),
        ("KEYMAT of one octet", 1),
    ):
        inputs = _draw(drbg.at(comment), keymat=size, sid=16)
        order = _flags_of(function, "SidIsKey", "SidInHex")
        yield valid(comment, inputs, *order, *flags)
    same = drbg.at("one KEYMAT, two Session IDs").octets("keymat", 72)
    for number in (1, 2):
        comment = f"one KEYMAT, two Session IDs, number {number}"
        sid = drbg.at(comment).octets("sid", 16)
        yield valid(comment, {"keymat": same, "sid": sid}, "SidLeftOut", "SidIsKey")
    late = "the SID is made in Accept-Session, after the Token that needs the key"
    comment = "SID of zeros, the one of a request: all that is known before the Token"
    inputs = {**_draw(drbg.at(comment), keymat=72), "sid": bytes(16)}
    yield acceptable(comment, inputs, "CircularSid", stage=Stage.INPUT, reason=late)
    yield invalid("empty KEYMAT", {"keymat": b"", "sid": bytes(16)}, "EmptyKeymat")
    for size in (0, 15, 17, 32):
        comment = f"SID of {size} octets"
        yield invalid(comment, _draw(drbg.at(comment), keymat=72, sid=size), "SizeUnchecked")


def _key_id_cases(drbg: Drbg) -> Iterator[Case]:
    order = ("SpisExchanged", "KeyIdInHex")
    for number in range(1, 4):
        comment = f"pseudo-random SPIs, number {number}"
        yield valid(comment, _draw(drbg.at(comment), spiI=8, spiR=8), *order)
    for zeros in (1, 6):
        comment = f"SPIs with leading zeros: {zeros}"
        names = ("spiI", "spiR")
        inputs = {n: bytes(zeros) + drbg.at(comment).octets(n, 8 - zeros) for n in names}
        yield valid(comment, inputs, *order, "SpiAsNumber")
    comment = "SPIs that end in zeros"
    inputs = {name: drbg.at(comment).octets(name, 2) + bytes(6) for name in ("spiI", "spiR")}
    yield valid(comment, inputs, *order)
    for name, label, size in (
        ("spiI", "SPIi", 4),
        ("spiR", "SPIr", 4),
        ("spiI", "SPIi", 16),
        ("spiR", "SPIr", 0),
    ):
        comment = f"{label} of {size} octets" + (", as in ESP" if size == 4 else "")
        sizes = {"spiI": 8, "spiR": 8, name: size}
        yield invalid(comment, _draw(drbg.at(comment), **sizes), "SizeUnchecked")


def _spi_cases(drbg: Drbg) -> Iterator[Case]:
    for number in range(1, 4):
        comment = f"pseudo-random SPIs, number {number}"
        spis = drbg.at(comment).octets("spis", 16)
        yield valid(comment, {"keyId": spis + bytes(64)}, "SpisExchanged", "KeyIdInHex")
    for comment, tail in (
        ("octets 16 to 79 not zero: they are ignored", drbg.octets("tail", 64)),
        ("the last octet not zero", bytes(63) + b"\1"),
        ("octet 16 not zero", b"\1" + bytes(63)),
    ):
        spis = drbg.at(comment).octets("spis", 16)
        yield valid(comment, {"keyId": spis + tail}, "KeyIdPaddingChecked")
    yield valid("all zeros", {"keyId": bytes(80)})
    comment = "SPIs that are no UTF-8: this KeyID is no text"
    yield valid(comment, {"keyId": b"\xff\xfe\xc0\x80" * 4 + bytes(64)}, "KeyIdTakenForText")
    comment = "a zero octet among the SPIs"
    yield valid(comment, {"keyId": b"ab\0cdefgh\0ijklmn" + bytes(64)}, "KeyIdTakenForText")
    for size in (0, 16, 79, 81):
        comment = f"KeyID of {size} octets"
        yield invalid(comment, _draw(drbg.at(comment), keyId=size), "SizeUnchecked")


def _chain_inputs(drbg: Drbg, **change: int) -> Json:
    sizes = {"ni": 32, "nr": 32, "sharedSecret": 256, "spiI": 8, "spiR": 8, **_TOKEN_SIZES}
    return {**_draw(drbg, **{**sizes, **change}), "count": 1024}


def _chain_cases(function: Prf, drbg: Drbg) -> Iterator[Case]:
    label = ("IppmTerminated", "LabelIsKey", "SecretByPrfPlus")
    order = ("SkeyseedForSkD", "SkPiForSkD", "Pbkdf2LeftOut", "SpisExchanged", "SpiOrder")
    flags = (*_flags_of(function, *label, *order), "NonceOrder")
    for number in (1, 2):
        comment = f"2048-bit MODP, number {number}"
        yield valid(comment, _chain_inputs(drbg.at(comment)), *flags)
    comment = "Curve25519, the secret of RFC 7748 §6.1"
    inputs = {**_chain_inputs(drbg.at(comment)), "sharedSecret": _X25519_SECRET}
    yield valid(comment, inputs, *flags)
    low = max(16, function.output_size // 2)
    for comment, change in (
        ("nonces of 256 octets", {"ni": 256, "nr": 256}),
        (f"nonces of {low} octets", {"ni": low, "nr": low}),
    ):
        yield valid(comment, _chain_inputs(drbg.at(comment), **change), *flags)
    unequal = (*flags, *(() if function.takes_half_nonces else ("NonceSizesEqual",)))
    for comment, ni, nr in unequal_nonces(function):
        yield valid(comment, _chain_inputs(drbg.at(comment), ni=ni, nr=nr), *unequal)
    for comment, zeros in leading_zeros(drbg, {}):
        inputs = {**_chain_inputs(drbg.at(comment)), **zeros}
        yield valid(comment, inputs, *flags, "LeadingZerosStripped")
    comment = "Count 4096"
    inputs = {**_chain_inputs(drbg.at(comment)), "count": 4096}
    yield valid(comment, inputs, "CountIgnored", "CountByteOrder", "Pbkdf2LeftOut")
    comment = "Ni of 8 octets"
    inputs = _chain_inputs(drbg.at(comment), ni=8)
    yield invalid(comment, inputs, "NonceSizeUnchecked", source=_NONCES)
    comment = "SPIr of 4 octets"
    inputs = _chain_inputs(drbg.at(comment), spiR=4)
    yield invalid(comment, inputs, "SizeUnchecked", source=_KEY_ID_SOURCE)


def _keymat_chain_cases(function: Prf, drbg: Drbg) -> Iterator[Case]:
    sizes = {"skD": function.output_size, "ni": 32, "nr": 32, "sid": 16, **_TOKEN_SIZES}
    flags = (*_flags_of(function), "KeymatCut", "SidIsKey", "Pbkdf2LeftOut", "NonceOrder")
    for comment, length in (
        ("AES-128-CBC with HMAC-SHA1-96", 72),
        ("AES-256-CBC with HMAC-SHA2-256-128", 128),
    ):
        inputs = {**_draw(drbg.at(comment), **sizes), "length": length, "count": 1024}
        yield valid(comment, inputs, *flags)
    for comment, ni, nr in unequal_nonces(function):
        drawn = _draw(drbg.at(comment), **{**sizes, "ni": ni, "nr": nr})
        yield valid(comment, {**drawn, "length": 72, "count": 1024}, *flags, "NonceSizesEqual")
    comment = "no KEYMAT, as for a child SA without keys"
    inputs = {**_draw(drbg.at(comment), **sizes), "length": 0, "count": 1024}
    yield invalid(comment, inputs, "EmptyKeymat")
    comment = "SID of 4 octets, the random part alone"
    inputs = {**_draw(drbg.at(comment), **{**sizes, "sid": 4}), "length": 72, "count": 1024}
    yield invalid(comment, inputs, "SizeUnchecked")


def _look_up_cases(drbg: Drbg) -> Iterator[Case]:
    def sa(name: str, prf: str = "PRF_HMAC_SHA2_256", **fixed: bytes) -> Json:
        drawn = _draw(drbg.at(name), spiI=8, spiR=8, skD=PRFS[prf].output_size)
        return {**drawn, **fixed, "prf": prf}

    def named(record: Json) -> bytes:
        return bytes(record["spiI"] + record["spiR"] + bytes(64))

    first, second, old, new = (sa(name) for name in ("first", "second", "old", "new"))
    yield valid("the only SA", {"ikeSas": [first], "keyId": named(first)}, "SpisExchanged")
    yield valid(
        "the first of two SAs", {"ikeSas": [first, second], "keyId": named(first)}, "NewestSa"
    )
    yield valid(
        "the second of two SAs", {"ikeSas": [first, second], "keyId": named(second)}, "FirstSa"
    )
    yield behaves("no SA at all", {"ikeSas": [], "keyId": named(first)})
    stale = "stale SA after rekey: "
    yield behaves(
        stale + "the old SA is gone, and the KeyID names it",
        {"ikeSas": [new], "keyId": named(old)},
        "NewestSa",
        "FirstSa",
    )
    yield valid(
        stale + "the old SA is still there, and the KeyID names it: its own key, not the new one",
        {"ikeSas": [old, new], "keyId": named(old)},
        "NewestSa",
    )
    yield valid(
        stale + "the KeyID names the new SA: its own key, not the old one",
        {"ikeSas": [old, new], "keyId": named(new)},
        "FirstSa",
    )
    twin = sa("twin", spiI=first["spiI"])
    yield valid(
        "another SA has the same SPIi",
        {"ikeSas": [twin, first], "keyId": named(first)},
        "SpiInitiatorAlone",
    )
    spis = first["spiI"] + first["spiR"]
    for part, wrong in nearly_right(spis):
        near = sa(f"near {part}", spiI=wrong[:8], spiR=wrong[8:])
        aims = [] if near["spiI"] != first["spiI"] else ["SpiInitiatorAlone"]
        if all(near[name][4:] == first[name][4:] for name in ("spiI", "spiR")):
            aims.append("SpisOfFourOctets")
        given = {"ikeSas": [near, first], "keyId": named(first)}
        yield valid(f"another SA has SPIi and SPIr {part}", given, *aims)
    for which, offset, aim in (("last", 0, ("SpisOfFourOctets",)), ("first", 4, ())):
        other = drbg.at(f"{which} four").octets("other", 4)
        halves = {name: replaced(first[name], offset, other) for name in ("spiI", "spiR")}
        near = {**sa(f"{which} four"), **halves}
        comment = f"another SA has the {which} 4 octets of both SPIs"
        yield valid(comment, {"ikeSas": [near, first], "keyId": named(first)}, *aim)
        comment = f"the only SA has the {which} 4 octets of both SPIs"
        yield behaves(comment, {"ikeSas": [near], "keyId": named(first)}, *aim)
    yield behaves(
        "an SA has the SPIi of the KeyID and another SPIr",
        {"ikeSas": [twin], "keyId": named(first)},
        "SpiInitiatorAlone",
    )
    mirrored = {"ikeSas": [first], "keyId": named({"spiI": first["spiR"], "spiR": first["spiI"]})}
    yield behaves("the SPIs of an SA in the wrong order", mirrored, "SpisExchanged")
    for name in PRFS:
        record = sa(f"SA with {name}", name)
        inputs = {"ikeSas": [first, record], "keyId": named(record)}
        yield valid(f"an SA with {name}, its own prf", inputs, *_flags_of(PRFS[name], "FirstSa"))
    inputs = {"ikeSas": [first], "keyId": named(first)[:16] + b"\1" * 64}
    yield valid("KeyID with a tail that is not zero", inputs, "KeyIdPaddingChecked")
    yield invalid("KeyID of 16 octets", {"ikeSas": [], "keyId": named(first)[:16]}, "SizeUnchecked")


def make_groups(drbg: Drbg) -> Iterator[Group]:
    """The groups of ``binding.json``."""
    for group_type, make_prf_cases, shared in (
        (SECRET_FROM_SK_D, _sk_d_cases, {}),
        (SECRET_FROM_KEYMAT, _keymat_cases, {}),
        (CHAIN, _chain_cases, KEY_SIZES),
        (KEYMAT_CHAIN, _keymat_chain_cases, {}),
    ):
        for name, function in PRFS.items():
            cases = list(make_prf_cases(function, drbg.at(group_type.name).at(name)))
            yield Group(group_type, cases, {"prf": name, **shared})
    yield from later_sa.make_groups(drbg)
    for group_type, make_cases in (
        (KEY_ID_FROM_SPIS, _key_id_cases),
        (SPIS_FROM_KEY_ID, _spi_cases),
        (LOOK_UP, _look_up_cases),
    ):
        yield Group(group_type, list(make_cases(drbg.at(group_type.name))))


FILE = VectorFile(
    name="binding",
    algorithm="IKEv2 prf, PBKDF2-HMAC-SHA1, AES-128-CBC",
    header=(
        'The shared secret key of O/TWAMP from IKEv2: prf(SK_d, "IPPM") of RFC 7717, and',
        "PRF{ KEYMAT, Session ID } of the proposal before it, each as far as the Token; the SK_d",
        "of an IKE SA that is rekeyed, or set up with RFC 8784 or RFC 9370; the KeyID that names",
        "the IKE SA by its SPIs; and the server's look-up of that SA.",
    ),
    types=(
        SECRET_FROM_SK_D,
        SECRET_FROM_KEYMAT,
        CHAIN,
        KEYMAT_CHAIN,
        *later_sa.TYPES,
        KEY_ID_FROM_SPIS,
        SPIS_FROM_KEY_ID,
        LOOK_UP,
    ),
    make_groups=make_groups,
)

"""Vectors for the key derivations of IKEv2 that the binding starts from, for every prf."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from owamp_reference import ikev2
from owamp_reference.errors import Stage
from owamp_reference.ikev2 import PRFS, IkeSaKeys, Prf

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

PRF = Field(
    "prf",
    "name of the prf in the IANA registry of IKEv2 transforms of type 2",
    "string",
    values=tuple(PRFS),
)
NI = Field("ni", "Ni, data of the initiator's Nonce payload")
NR = Field("nr", "Nr, data of the responder's Nonce payload")
SPI_I = Field("spiI", "SPIi, the initiator's SPI", size=8)
SPI_R = Field("spiR", "SPIr, the responder's SPI", size=8)
DH_SECRET = Field("sharedSecret", "g^ir, big-endian, as long as the modulus")
SKEYSEED = Field("skeyseed", "SKEYSEED")
SK_D = Field("skD", "SK_d of the IKE SA")
SIZES = (
    Field("integritySize", "octets of SK_ai and of SK_ar; 0 with an AEAD", "integer", most=2**10),
    Field("encryptionSize", "octets of SK_ei and of SK_er", "integer", most=2**10),
)
LENGTH = Field("length", "octets to derive", "integer", most=2**20)


def prf_of(values: Values) -> Prf:
    """The prf that a group names."""
    return PRFS[values["prf"]]


def _prf(values: Values) -> Json:
    return {"output": ikev2.prf(prf_of(values), values["key"], values["data"])}


def _prf_plus(values: Values) -> Json:
    function, length = prf_of(values), values["length"]
    output = ikev2.prf_plus(function, values["key"], values["seed"], length)
    return {"blocks": -(-length // function.output_size), "output": output}


def _skeyseed(values: Values) -> Json:
    function, ni, nr = prf_of(values), values["ni"], values["nr"]
    seed_key = ikev2.skeyseed(function, ni, nr, values["sharedSecret"])
    key = ni[:8] + nr[:8] if function.takes_half_nonces else ni + nr
    return {"prfKey": key, "skeyseed": seed_key}


def _ike_sa_keys(values: Values) -> Json:
    ni, nr, spi_i, spi_r = (values[name] for name in ("ni", "nr", "spiI", "spiR"))
    keys = ikev2.ike_sa_keys(
        prf_of(values),
        values["skeyseed"],
        ni,
        nr,
        spi_i,
        spi_r,
        integrity_size=values["integritySize"],
        encryption_size=values["encryptionSize"],
    )
    return {"seed": ni + nr + spi_i + spi_r, **sk_of(keys)}


def sk_of(keys: IkeSaKeys) -> Json:
    """The seven keys of an IKE SA as outputs."""
    return {
        "skD": keys.sk_d,
        "skAi": keys.sk_ai,
        "skAr": keys.sk_ar,
        "skEi": keys.sk_ei,
        "skEr": keys.sk_er,
        "skPi": keys.sk_pi,
        "skPr": keys.sk_pr,
    }


def _keymat(values: Values) -> Json:
    shared_secret, ni, nr = values["sharedSecret"], values["ni"], values["nr"]
    keymat = ikev2.keymat(prf_of(values), values["skD"], ni, nr, values["length"], shared_secret)
    return {"seed": shared_secret + ni + nr, "keymat": keymat}


def _rekeyed_skeyseed(values: Values) -> Json:
    seed_key = ikev2.rekeyed_skeyseed(
        prf_of(values), values["oldSkD"], values["sharedSecret"], values["ni"], values["nr"]
    )
    return {"skeyseed": seed_key}


PRF_TYPE = GroupType(
    "Prf",
    "The pseudorandom function itself, keys of any size.",
    "RFC 7296 §2.13",
    (PRF,),
    (Field("key", "key of the prf"), Field("data", "data")),
    (Field("output", "as many octets as the prf gives", formula="prf(key, data)"),),
    _prf,
)
PRF_PLUS = GroupType(
    "PrfPlus",
    "prf+, the prf run on in blocks; defined for at most 255 of them.",
    "RFC 7296 §2.13",
    (PRF,),
    (Field("key", "key K"), Field("seed", "seed S"), LENGTH),
    (
        Field("blocks", "calls of the prf", "integer"),
        Field(
            "output",
            "the first octets of prf+",
            formula="T1 | T2 | …, T1 = prf(key, seed | 01), Tn = prf(key, Tn-1 | seed | n)",
        ),
    ),
    _prf_plus,
)
SKEYSEED_TYPE = GroupType(
    "Skeyseed",
    "SKEYSEED of a new IKE SA; AES-XCBC and AES-CMAC take the first 8 octets of each nonce.",
    "RFC 7296 §2.14",
    (PRF,),
    (NI, NR, DH_SECRET),
    (
        Field("prfKey", "key of the prf", formula="ni | nr, or the first 8 octets of each"),
        Field("skeyseed", "SKEYSEED", formula="prf(prfKey, sharedSecret)"),
    ),
    _skeyseed,
)
IKE_SA_KEYS = GroupType(
    "IkeSaKeys",
    "The seven keys of an IKE SA, cut in order from prf+.",
    "RFC 7296 §2.14",
    (PRF,),
    (
        SKEYSEED,
        NI,
        NR,
        SPI_I,
        SPI_R,
        *SIZES,
    ),
    (
        Field("seed", "seed of prf+", formula="ni | nr | spiI | spiR"),
        Field("skD", "SK_d", formula="prf+(skeyseed, seed), first part"),
        Field("skAi", "SK_ai", formula="next integritySize octets"),
        Field("skAr", "SK_ar", formula="next integritySize octets"),
        Field("skEi", "SK_ei", formula="next encryptionSize octets"),
        Field("skEr", "SK_er", formula="next encryptionSize octets"),
        Field("skPi", "SK_pi", formula="next part, as long as SK_d"),
        Field("skPr", "SK_pr", formula="next part, as long as SK_d"),
    ),
    _ike_sa_keys,
)
KEYMAT_TYPE = GroupType(
    "Keymat",
    "KEYMAT of a child SA, without a new Diffie-Hellman exchange (sharedSecret empty) or with one.",
    "RFC 7296 §2.17",
    (PRF,),
    (
        SK_D,
        Field("sharedSecret", "g^ir of the exchange that made the child SA; empty without one"),
        NI,
        NR,
        LENGTH,
    ),
    (
        Field("seed", "seed of prf+", formula="sharedSecret | ni | nr"),
        Field("keymat", "KEYMAT", formula="prf+(skD, seed)"),
    ),
    _keymat,
)
REKEYED = GroupType(
    "RekeyedSkeyseed",
    "SKEYSEED of an IKE SA that rekeys another, by the prf of the old one.",
    "RFC 7296 §2.18",
    (PRF,),
    (Field("oldSkD", "SK_d of the old IKE SA"), DH_SECRET, NI, NR),
    (Field("skeyseed", "SKEYSEED", formula="prf(oldSkD, sharedSecret | ni | nr)"),),
    _rekeyed_skeyseed,
)


NO_EMPTY_KEY = (
    "RFC 7296 assumes prfs that take keys of any length, and has no key that is empty: who is "
    "given one may see a fault in it."
)
_SECTIONS_ON_NONCES = "RFC 7296 §2.10, §3.9"


def _draw(drbg: Drbg, **sizes: int) -> Json:
    return {name: drbg.octets(name, size) for name, size in sizes.items()}


def _known_answers(function: Prf) -> Iterator[Case]:
    """Inputs of published known answers; the tests compare their outputs."""

    def given(source: str, comment: str, key: bytes, data: bytes) -> Case:
        return valid(comment, {"key": key, "data": data}, "KnownAnswer", source=source)

    if function is ikev2.PRF_AES128_XCBC:
        data, key = bytes(range(20)), bytes(range(16))
        ten = key[:10]
        yield given("RFC 4434 §3", "RFC 4434, key of 16 octets", key, data)
        yield given("RFC 4434 §3", "RFC 4434, key of 10 octets", ten, data)
        yield given("RFC 4434 §3", "RFC 4434, key of 18 octets", key + b"\xed\xcb", data)
    elif function is ikev2.PRF_AES128_CMAC:
        data, key = bytes(range(20)), bytes(range(16))
        yield given("RFC 4615 §4", "RFC 4615, key of 18 octets", key + b"\xed\xcb", data)
        yield given("RFC 4615 §4", "RFC 4615, key of 16 octets", key, data)
        yield given("RFC 4615 §4", "RFC 4615, key of 10 octets", key[:10], data)
    else:
        is_sha1 = function is ikev2.PRF_HMAC_SHA1
        document = "RFC 2202" if is_sha1 else "RFC 4231"
        sections = ("3",) * 3 if is_sha1 else ("4.2", "4.3", "4.4")
        asked = b"what do ya want for nothing?"
        for number, (key, data) in enumerate(
            ((b"\x0b" * 20, b"Hi There"), (b"Jefe", asked), (b"\xaa" * 20, b"\xdd" * 50))
        ):
            source = f"{document} §{sections[number]}"
            yield given(source, f"{document}, test case {number + 1}", key, data)


def _prf_cases(function: Prf, drbg: Drbg) -> Iterator[Case]:
    yield from _known_answers(function)
    size = function.output_size
    aes_flags = {
        "PRF_AES128_XCBC": ("XcbcLongKeyCut", "XcbcShortKeyHashed"),
        "PRF_AES128_CMAC": ("CmacLongKeyCut", "CmacShortKeyPadded"),
    }.get(function.name, ("", ""))
    for key_size in (1, 10, 16, 17, 32, 64, 65, 127, 128, 129, 200):
        comment = f"key of {key_size} octets"
        inputs = {"key": drbg.at(comment).octets("key", key_size), "data": b"IPPM"}
        flags = ["PrfArgumentsSwapped"]
        if function.takes_half_nonces and key_size != 16:
            flags.append(aes_flags[0] if key_size > 16 else aes_flags[1])
        yield valid(comment, inputs, *flags)
    for data_size in (0, 1, 15, 16, 17, 31, 32, 33, 64, 300):
        comment = f"data of {data_size} octets"
        inputs = _draw(drbg.at(comment), key=size, data=data_size)
        flags = ["PrfOutputCut"] if size > 16 else []
        if function is ikev2.PRF_AES128_XCBC:
            flags.append("XcbcOutputOf96Bits")
            if data_size % 16 == 0 and data_size:
                flags.append("XcbcWholeBlockPadded")
        yield valid(comment, inputs, *flags)
    short = (aes_flags[1],) if function.takes_half_nonces else ()
    yield acceptable(
        "empty key", {"key": b"", "data": b"IPPM"}, *short, stage=Stage.INPUT, reason=NO_EMPTY_KEY
    )


def _prf_plus_cases(function: Prf, drbg: Drbg) -> Iterator[Case]:
    size = function.output_size
    limit = 255 * size
    for comment, length, *flags in (
        ("one octet", 1, "PrfPlusFromZero", "PrfPlusCounterFirst"),
        ("one octet less than a block", size - 1, "PrfPlusFromZero"),
        ("one block", size, "PrfPlusFromZero", "PrfPlusWideCounter"),
        ("one block and an octet", size + 1, "PrfPlusNoFeedback", "PrfPlusFromZero"),
        ("three blocks", 3 * size, "PrfPlusNoFeedback", "PrfPlusCounterFirst"),
        ("seven blocks and a half", 7 * size + size // 2, "PrfPlusNoFeedback"),
        ("254 blocks", 254 * size, "PrfPlusNoFeedback"),
        ("255 blocks, all that prf+ gives", limit, "PrfPlusNoFeedback", "PrfPlusLimitAt254"),
    ):
        inputs = {**_draw(drbg.at(comment), key=size, seed=48), "length": length}
        yield valid(comment, inputs, *flags)
    inputs = {**_draw(drbg.at("no octets"), key=size, seed=48), "length": 0}
    yield acceptable(
        "no octets",
        inputs,
        stage=Stage.INPUT,
        reason="RFC 7296 defines octets of which nothing is taken here; it does not say that "
        "something must be.",
    )
    for comment, length in (
        ("one octet over 255 blocks: the counter would wrap", limit + 1),
        ("256 blocks", 256 * size),
    ):
        inputs = {**_draw(drbg.at(comment), key=size, seed=48), "length": length}
        yield invalid(comment, inputs, "PrfPlusWraps")


def _nonce_sizes(function: Prf) -> Iterator[tuple[str, int, int, bool, tuple[str, ...]]]:
    """Comment, sizes of Ni and Nr, whether they are allowed, flags."""
    low = max(16, function.output_size // 2)
    yield f"nonces of {low} octets, the least", low, low, True, ()
    yield "nonces of 256 octets, the most", 256, 256, True, ()
    # AES-XCBC and AES-CMAC take 8 octets of each, however long they are
    unequal = () if function.takes_half_nonces else ("NonceSizesEqual",)
    for comment, ni, nr in unequal_nonces(function):
        yield comment, ni, nr, True, unequal
    for size in (0, 8, 15, 257):
        comment = f"nonces of {size} octets"
        flags = ("NonceSizeUnchecked",) if size else ()  # a prf has no key of 0 octets
        yield comment, size, size, False, flags
    yield "Nr alone of 15 octets", 32, 15, False, ("NonceSizeUnchecked",)
    if low > 16:
        for size in (16, low - 1):
            comment = f"nonces of {size} octets, under half the key of the prf"
            yield comment, size, size, False, ("NonceUnderHalfKey", "NonceSizeUnchecked")


def _skeyseed_cases(function: Prf, drbg: Drbg) -> Iterator[Case]:
    nonces = ["WholeNonces"] if function.takes_half_nonces else ["HalfNonces"]
    for number in (1, 2):
        comment = f"pseudo-random values, number {number}"
        inputs = _draw(drbg.at(comment), ni=32, nr=32, sharedSecret=256)
        yield valid(comment, inputs, *nonces, "NonceOrder", "PrfArgumentsSwapped", "SecretIsKey")
    for comment, ni, nr, allowed, flags in _nonce_sizes(function):
        inputs = _draw(drbg.at(comment), ni=ni, nr=nr, sharedSecret=32)
        if allowed:
            yield valid(comment, inputs, *nonces, *flags)
        else:
            yield invalid(comment, inputs, *flags, source=_SECTIONS_ON_NONCES)
    for comment, inputs in leading_zeros(drbg, {"ni": 32, "nr": 32}):
        yield valid(comment, inputs, "LeadingZerosStripped")
    halves = drbg.at("nonces that differ after their eighth octet")
    head = halves.octets("ni", 8)
    for number in (1, 2):
        comment = f"nonces that differ after their eighth octet, number {number}"
        tail = drbg.at(comment).octets("tail", 8)
        inputs = {
            "ni": (head + tail).ljust(32, b"\1"),
            "nr": (head[::-1] + tail).ljust(32, b"\2"),
            "sharedSecret": halves.octets("sharedSecret", 32),
        }
        yield valid(comment, inputs, *nonces)


def unequal_nonces(function: Prf) -> Iterator[tuple[str, int, int]]:
    """Comment, and sizes of nonces of which one is longer."""
    low = max(16, function.output_size // 2)
    yield f"Ni of {low}, Nr of 256 octets", low, 256
    yield f"Ni of 256, Nr of {low} octets", 256, low
    yield "nonces of odd size", 33, 47


def _unequal_nonces(
    function: Prf, drbg: Drbg, sizes: Mapping[str, int], shared: Json, *flags: str
) -> Iterator[Case]:
    """Valid cases with nonces of different sizes, and else with inputs of the sizes given."""
    for comment, ni, nr in unequal_nonces(function):
        inputs = {**_draw(drbg.at(comment), **{**sizes, "ni": ni, "nr": nr}), **shared}
        yield valid(comment, inputs, "NonceSizesEqual", *flags, source=_SECTIONS_ON_NONCES)


def leading_zeros(drbg: Drbg, sizes: Mapping[str, int]) -> Iterator[tuple[str, Json]]:
    """Comments and inputs of the sizes given, with a g^ir that begins with zeros."""
    for comment, zeros in (("g^ir with a leading zero octet", 1), ("g^ir, 12 leading zeros", 12)):
        secret = bytes(zeros) + drbg.at(comment).octets("sharedSecret", 256 - zeros)
        yield comment, {**_draw(drbg.at(comment), **sizes), "sharedSecret": secret}


def _ike_sa_key_cases(function: Prf, drbg: Drbg) -> Iterator[Case]:
    size = function.output_size
    sizes = {"skeyseed": size, "ni": 32, "nr": 32, "spiI": 8, "spiR": 8}
    order = ("SpiOrder", "SpisMissing", "NonceOrder")
    for comment, integrity, encryption, *flags in (
        ("AES-128-CBC with HMAC-SHA1-96", 20, 16, "SkOrder", *order),
        ("AES-256-CBC with HMAC-SHA2-256-128", 32, 32, "SkPrfLast", *order),
        ("AES-256-CBC with HMAC-SHA2-512-256", 64, 32, "SkOrder", *order),
        ("AES-128-CBC with AES-XCBC-96: all of 16 octets", 16, 16, *order),
        ("AES-128-GCM: no SK_a, 4 octets of salt in SK_e", 0, 20, "AeadIntegrityKeys", *order),
        ("AES-256-GCM: no SK_a, 4 octets of salt in SK_e", 0, 36, "AeadIntegrityKeys", *order),
    ):
        inputs = _draw(drbg.at(comment), **sizes)
        shared = {"integritySize": integrity, "encryptionSize": encryption}
        halves = ("HalfNoncesInSeed",) if function.takes_half_nonces else ()
        yield valid(comment, {**inputs, **shared}, *flags, *halves)
    shared = {"integritySize": 20, "encryptionSize": 16}
    comment = "nonces of 256 octets"
    inputs = {**_draw(drbg.at(comment), **{**sizes, "ni": 256, "nr": 256}), **shared}
    yield valid(comment, inputs, *order)
    yield from _unequal_nonces(function, drbg, sizes, shared, *order)
    comment = "SPIi with leading zeros"
    inputs = {**_draw(drbg.at(comment), **sizes), **shared, "spiI": bytes(7) + b"\1"}
    yield valid(comment, inputs, *order)
    for name, label, wrong in (("spiI", "SPIi", 4), ("spiR", "SPIr", 4), ("spiI", "SPIi", 16)):
        comment = f"{label} of {wrong} octets"
        inputs = {**_draw(drbg.at(comment), **{**sizes, name: wrong}), **shared}
        yield invalid(comment, inputs, "SizeUnchecked", source="RFC 7296 §3.1")
    comment = "Ni of 8 octets"
    inputs = {**_draw(drbg.at(comment), **{**sizes, "ni": 8}), **shared}
    yield invalid(comment, inputs, "NonceSizeUnchecked", source=_SECTIONS_ON_NONCES)


def _keymat_cases(function: Prf, drbg: Drbg) -> Iterator[Case]:
    size = function.output_size
    for comment, dh, length, *flags in (
        ("AES-128-CBC with HMAC-SHA1-96, both directions", 0, 72, "NonceOrder"),
        ("AES-256-GCM, both directions", 0, 72, "NonceOrder"),
        ("as long as the prf's output", 0, size, "NonceOrder"),
        ("255 blocks, all that prf+ gives", 0, 255 * size, "PrfPlusLimitAt254"),
        ("new exchange, 2048-bit MODP", 256, 72, "KeymatSecretLast", "KeymatSecretLeftOut"),
        ("new exchange, Curve25519", 32, 72, "KeymatSecretLast", "KeymatSecretLeftOut"),
        ("new exchange, g^ir of zeros", -32, 64, "KeymatSecretLeftOut", "KeymatSecretLast"),
    ):
        inputs = _draw(drbg.at(comment), skD=size, ni=32, nr=32, sharedSecret=max(0, dh))
        if dh < 0:
            inputs["sharedSecret"] = bytes(-dh)
        yield valid(comment, {**inputs, "length": length}, *flags)
    shared = {"length": 72}
    sizes = {"skD": size, "ni": 32, "nr": 32, "sharedSecret": 32}
    yield from _unequal_nonces(function, drbg, sizes, shared, "NonceOrder")
    for comment, inputs in leading_zeros(drbg, {"skD": size, "ni": 32, "nr": 32}):
        yield valid(comment, {**inputs, **shared}, "LeadingZerosStripped")
    comment = "one octet over 255 blocks"
    inputs = _draw(drbg.at(comment), skD=size, ni=32, nr=32, sharedSecret=0)
    over = {**inputs, "length": 255 * size + 1}
    yield invalid(comment, over, "PrfPlusWraps", source="RFC 7296 §2.13")
    comment = "Nr of 257 octets"
    inputs = _draw(drbg.at(comment), skD=size, ni=32, nr=257, sharedSecret=0)
    yield invalid(comment, {**inputs, **shared}, "NonceSizeUnchecked", source=_SECTIONS_ON_NONCES)


def _rekey_cases(function: Prf, drbg: Drbg) -> Iterator[Case]:
    size = function.output_size
    for comment, dh, *flags in (
        ("2048-bit MODP", 256, "RekeyAsNew", "RekeyNoncesFirst", "RekeySecretLeftOut"),
        ("Curve25519", 32, "RekeyAsNew", "RekeyNoncesFirst", "RekeySecretLeftOut", "NonceOrder"),
    ):
        inputs = _draw(drbg.at(comment), oldSkD=size, sharedSecret=dh, ni=32, nr=32)
        yield valid(comment, inputs, *flags)
    comment = "nonces of 256 octets, whole for every prf"
    inputs = _draw(drbg.at(comment), oldSkD=size, sharedSecret=32, ni=256, nr=256)
    yield valid(comment, inputs, "RekeyAsNew", "RekeyHalfNonces")
    sizes = {"oldSkD": size, "sharedSecret": 32, "ni": 32, "nr": 32}
    yield from _unequal_nonces(function, drbg, sizes, {}, "NonceOrder", "RekeyHalfNonces")
    for comment, inputs in leading_zeros(drbg, {"oldSkD": size, "ni": 32, "nr": 32}):
        yield valid(comment, inputs, "LeadingZerosStripped")
    for nonce in (16, size // 2 - 1) if size > 32 else ():
        comment = f"nonces of {nonce} octets, under half the key of the old prf"
        yield acceptable(
            comment,
            _draw(drbg.at(comment), **{**sizes, "ni": nonce, "nr": nonce}),
            stage=Stage.INPUT,
            reason="How long a nonce must be depends on the prf that the rekey negotiates, which "
            "is not given here: it may be the old one.",
            source="RFC 7296 §2.10",
        )
    comment = "Ni of 15 octets"
    inputs = _draw(drbg.at(comment), **{**sizes, "ni": 15})
    yield invalid(comment, inputs, "NonceSizeUnchecked", source=_SECTIONS_ON_NONCES)
    comment = "no g^ir: a rekey needs a new exchange"
    inputs = _draw(drbg.at(comment), **{**sizes, "sharedSecret": 0})
    yield invalid(comment, inputs, "RekeyWithoutExchange")


_MAKERS: tuple[tuple[GroupType, Callable[[Prf, Drbg], Iterator[Case]]], ...] = (
    (PRF_TYPE, _prf_cases),
    (PRF_PLUS, _prf_plus_cases),
    (SKEYSEED_TYPE, _skeyseed_cases),
    (IKE_SA_KEYS, _ike_sa_key_cases),
    (KEYMAT_TYPE, _keymat_cases),
    (REKEYED, _rekey_cases),
)


def make_groups(drbg: Drbg) -> Iterator[Group]:
    """The groups of ``ikev2-kdf.json``: each type once for each prf."""
    for group_type, make_cases in _MAKERS:
        for name, function in PRFS.items():
            cases = list(make_cases(function, drbg.at(group_type.name).at(name)))
            yield Group(group_type, cases, {"prf": name})


FILE = VectorFile(
    name="ikev2-kdf",
    algorithm="IKEv2 prf, prf+, SKEYSEED, SK_*, KEYMAT",
    header=(
        "The key derivations of IKEv2 (RFC 7296 §2.13 to §2.18) that lead to SK_d and KEYMAT, for",
        "each of six prfs. AES-XCBC and AES-CMAC take only the first 8 octets of each nonce for",
        "SKEYSEED, and whole nonces everywhere else.",
    ),
    types=tuple(group_type for group_type, _ in _MAKERS),
    make_groups=make_groups,
)

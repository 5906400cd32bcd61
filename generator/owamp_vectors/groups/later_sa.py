"""Vectors for the SK_d of an IKE SA that is rekeyed, or set up with RFC 8784 or RFC 9370."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from owamp_reference import binding, ikev2
from owamp_reference.binding import Exchange, IkeSa
from owamp_reference.ikev2 import PRFS, Prf
from owamp_reference.layout import Layout, mbz, octets

from ..vectors.declaration import Case, Field, Group, GroupType, Json, Values, invalid, valid
from ..vectors.drbg import Drbg
from .ikev2_kdf import (
    IKE_SA_KEYS,
    PRF,
    SIZES,
    SPI_I,
    SPI_R,
    leading_zeros,
    prf_of,
    sk_of,
    unequal_nonces,
)

_REKEY = "RFC 7296 §2.18"
_FOLLOW_UP = "RFC 9370 §2.2.4"
_NONCES = "RFC 7296 §2.10, §3.9"
_SPIS = "RFC 7717 §5.3"
KEY_ID_LAYOUT = Layout(
    "KeyID of an IKE SA",
    (octets("SPIi", 8, name="spi_i"), octets("SPIr", 8, name="spi_r"), mbz(64, "zeros")),
)
SECRET_KEY = Field(
    "sharedSecretKey",
    "shared secret key, as long as the prf's output; takes the place of the passphrase",
)
IPPM = Field(
    "sharedSecretKey",
    SECRET_KEY.description,
    formula='prf(skD, "IPPM"), the label in ASCII without a terminator',
)
NAMED_KEY_ID = Field(
    "keyId",
    "KeyID of the Set-Up-Response",
    size=80,
    formula="spiI | spiR | 64 zeros",
    layouts=(KEY_ID_LAYOUT,),
)
KEY_SIZES = {"integritySize": 20, "encryptionSize": 16}
_AES_KEY_FLAGS = {
    "PRF_AES128_XCBC": ("XcbcLongKeyCut", "XcbcShortKeyHashed"),
    "PRF_AES128_CMAC": ("CmacLongKeyCut", "CmacShortKeyPadded"),
}


def _draw(drbg: Drbg, **sizes: int) -> Json:
    return {name: drbg.octets(name, size) for name, size in sizes.items()}


def _sizes(values: Values) -> dict[str, int]:
    return {
        "integrity_size": values["integritySize"],
        "encryption_size": values["encryptionSize"],
    }


def _secret_of(sa: IkeSa) -> Json:
    return {"sharedSecretKey": binding.shared_secret_from_sk_d(sa.function, sa.sk_d)}


def _exchange(values: Values) -> Exchange:
    return Exchange(
        values["ni"],
        values["nr"],
        values["spiI"],
        values["spiR"],
        values["sharedSecret"],
        values.get("additionalSecrets", ()),
    )


def _rekey_chain(values: Values) -> Json:
    old = IkeSa(values["oldSpiI"], values["oldSpiR"], PRFS[values["oldPrf"]], values["oldSkD"])
    new = binding.rekeyed_sa(old, PRFS[values["newPrf"]], _exchange(values), **_sizes(values))
    key_id = binding.key_id_from_spis(new.sa.spi_i, new.sa.spi_r)
    return {"skeyseed": new.skeyseed, **sk_of(new.keys), **_secret_of(new.sa), "keyId": key_id}


def _ppk_sk_d(values: Values) -> Json:
    function = prf_of(values)
    sk_d = ikev2.ppk_sk_d(function, values["ppk"], values["primedSkD"])
    return {"skD": sk_d, "sharedSecretKey": binding.shared_secret_from_sk_d(function, sk_d)}


def _ppk_rekey_chain(values: Values) -> Json:
    function = prf_of(values)
    old_sk_d = ikev2.ppk_sk_d(function, values["ppk"], values["primedSkD"])
    old = IkeSa(values["oldSpiI"], values["oldSpiR"], function, old_sk_d)
    exchange = _exchange(values)
    new = binding.rekeyed_sa(old, function, exchange, integrity_size=20, encryption_size=16)
    found = {"oldSkD": old_sk_d, "skeyseed": new.skeyseed, "skD": new.sa.sk_d}
    return {**found, **_secret_of(new.sa)}


def _additional(values: Values) -> Json:
    function = prf_of(values)
    made = ikev2.additional_exchanges(
        function,
        values["skD"],
        values["additionalSecrets"],
        values["ni"],
        values["nr"],
        values["spiI"],
        values["spiR"],
        **_sizes(values),
    )
    seeds, found = zip(*made, strict=True)
    secret_key = binding.shared_secret_from_sk_d(function, found[-1].sk_d)
    last = sk_of(found[-1])
    last_sk_d = last.pop("skD")
    keys = {"lastSkD": last_sk_d, **last}
    return {"skeyseeds": list(seeds), **keys, "sharedSecretKey": secret_key}


_OLD_SPIS = (
    Field("oldSpiI", "SPIi of the old IKE SA, which no key of the new one is made of", size=8),
    Field("oldSpiR", "SPIr of the old IKE SA, likewise", size=8),
)
_NEW_EXCHANGE = (
    Field("sharedSecret", "g^ir of the new exchange, big-endian, as long as the modulus"),
    Field("ni", "nonce of the end that starts the rekey"),
    Field("nr", "nonce of the other end"),
    Field("spiI", "new SPI of the end that starts the rekey", size=8),
    Field("spiR", "new SPI of the other end", size=8),
)
_OLD_SK_D = Field("oldSkD", "SK_d of the old IKE SA")
_NEW_SEED = Field("skeyseed", "SKEYSEED", formula="prf(oldSkD, sharedSecret | ni | nr)")
_NEW_SK_D = Field("skD", "SK_d", formula="first part of prf+(skeyseed, ni | nr | spiI | spiR)")
REKEY_CHAIN = GroupType(
    "RekeyChain",
    "A whole rekey of an IKE SA: SKEYSEED by the prf of the old SA, all else by that of the new "
    "one, as far as the shared secret key and the KeyID.",
    "RFC 7296 §2.18, RFC 7717 §5.1",
    SIZES,
    (
        Field("oldPrf", "prf of the old IKE SA", "string", values=tuple(PRFS)),
        Field("newPrf", "prf of the new IKE SA", "string", values=tuple(PRFS)),
        _OLD_SK_D,
        *_OLD_SPIS,
        *_NEW_EXCHANGE,
        Field(
            "additionalSecrets",
            "SK(1) to SK(n) of additional key exchanges; none unless RFC 9370 is in use",
            is_list=True,
        ),
    ),
    (
        Field(
            "skeyseed",
            "SKEYSEED, as long as the output of the old prf",
            formula="oldPrf(oldSkD, sharedSecret | ni | nr | all of additionalSecrets)",
        ),
        Field("skD", "SK_d", formula="first part of newPrf+(skeyseed, ni | nr | spiI | spiR)"),
        *IKE_SA_KEYS.outputs[2:],
        Field("sharedSecretKey", SECRET_KEY.description, formula='newPrf(skD, "IPPM")'),
        NAMED_KEY_ID,
    ),
    _rekey_chain,
)
_PPK = (
    Field("ppk", "PPK, the postquantum preshared key"),
    Field("primedSkD", "SK_d', as prf+ gives it, before PPK goes in"),
)
PPK_SK_D = GroupType(
    "PpkSkD",
    "SK_d of an IKE SA that is set up with a postquantum preshared key, and the shared secret key.",
    "RFC 8784 §3, RFC 7717 §5.1",
    (PRF,),
    _PPK,
    (
        Field(
            "skD",
            "SK_d, as long as SK_d'",
            formula="prf+(ppk, primedSkD), which is prf(ppk, primedSkD | 01)",
        ),
        IPPM,
    ),
    _ppk_sk_d,
)
PPK_REKEY_CHAIN = GroupType(
    "PpkRekeyChain",
    "The rekey of an IKE SA that was set up with a postquantum preshared key: PPK is not used "
    "again.",
    "RFC 8784 §3, RFC 7296 §2.18",
    (PRF,),
    (*_PPK, *_OLD_SPIS, *_NEW_EXCHANGE),
    (
        Field("oldSkD", _OLD_SK_D.description, formula="prf+(ppk, primedSkD)"),
        _NEW_SEED,
        _NEW_SK_D,
        IPPM,
    ),
    _ppk_rekey_chain,
)
ADDITIONAL = GroupType(
    "AdditionalKeyExchange",
    "An IKE SA that is set up with additional key exchanges, and the shared secret key from the "
    "SK_d after the last one.",
    "RFC 9370 §2.2.2, RFC 7717 §5.1",
    (PRF, *SIZES),
    (
        Field("skD", "SK_d(0), that of IKE_SA_INIT"),
        Field("ni", "Ni of IKE_SA_INIT"),
        Field("nr", "Nr of IKE_SA_INIT"),
        SPI_I,
        SPI_R,
        Field("additionalSecrets", "SK(1) to SK(n), in order", is_list=True),
    ),
    (
        Field(
            "skeyseeds",
            "SKEYSEED(1) to SKEYSEED(n)",
            formula="prf(SK_d(k-1), SK(k) | ni | nr), k from 1 to n",
            is_list=True,
        ),
        Field(
            "lastSkD",
            "SK_d(n)",
            formula="first part of prf+(SKEYSEED(n), ni | nr | spiI | spiR), each SK_d(k) likewise",
        ),
        *IKE_SA_KEYS.outputs[2:],
        Field("sharedSecretKey", SECRET_KEY.description, formula='prf(lastSkD, "IPPM")'),
    ),
    _additional,
)

_REKEY_SIZES = {"oldSpiI": 8, "oldSpiR": 8, "ni": 32, "nr": 32, "spiI": 8, "spiR": 8}
_OF_EVERY_REKEY = (
    "OldSpisInSeed",
    "OldSecretKept",
    "RekeyAsNew",
    "RekeyNoncesFirst",
    "RekeySecretLeftOut",
    "RekeyHalfNonces",
    "NonceOrder",
    "SpiOrder",
)
_OF_TWO_PRFS = ("NewPrfForSkeyseed", "OldPrfForSkStar", "IppmByOldPrf")


def _rekey_inputs(drbg: Drbg, old: Prf, new: Prf, dh: int = 32, **change: int) -> Json:
    sizes = {**_REKEY_SIZES, "oldSkD": old.output_size, "sharedSecret": dh, **change}
    prfs = {"oldPrf": old.name, "newPrf": new.name}
    return {**prfs, **_draw(drbg, **sizes), "additionalSecrets": []}


def _rekey_flags(old: Prf, new: Prf) -> tuple[str, ...]:
    return (*_OF_EVERY_REKEY, *(() if old is new else _OF_TWO_PRFS))


def _rekey_cases(drbg: Drbg) -> Iterator[Case]:
    for old in PRFS.values():
        for new in PRFS.values():
            comment = f"{old.name} to {new.name}"
            inputs = _rekey_inputs(drbg.at(comment), old, new)
            yield valid(comment, inputs, *_rekey_flags(old, new))
    yield from _special_rekeys(drbg)
    yield from _rekeys_in_turn(drbg)
    yield from _rekeys_with_additional_exchanges(drbg)
    yield from _refused_rekeys(drbg)


def _special_rekeys(drbg: Drbg) -> Iterator[Case]:
    prfs = list(PRFS.values())
    for number, (old, new) in enumerate(zip(prfs, [*prfs[1:], prfs[0]], strict=True)):
        flags = _rekey_flags(old, new)
        names = f"{old.name} to {new.name}, "
        told, ni, nr = list(unequal_nonces(new))[number % 3]
        inputs = _rekey_inputs(drbg.at(names + told), old, new, ni=ni, nr=nr)
        yield valid(names + told, inputs, *flags, "NonceSizesEqual", source=_NONCES)
        told, zeros = list(leading_zeros(drbg.at(names), {}))[number % 2]
        inputs = {**_rekey_inputs(drbg.at(names + told), old, new), **zeros}
        yield valid(names + told, inputs, *flags, "LeadingZerosStripped")
        told = "started by the responder of the old SA: Ni and SPIi are its own"
        inputs = _rekey_inputs(drbg.at(names + told), old, new)
        yield valid(names + told, inputs, *flags, "RolesKept")
    for old, new, nonce in (
        (ikev2.PRF_HMAC_SHA2_512, ikev2.PRF_HMAC_SHA1, 16),
        (ikev2.PRF_HMAC_SHA2_512, ikev2.PRF_AES128_CMAC, 31),
        (ikev2.PRF_HMAC_SHA2_384, ikev2.PRF_HMAC_SHA2_256, 16),
    ):
        comment = f"{old.name} to {new.name}, nonces of {nonce} octets: enough for the new prf"
        inputs = _rekey_inputs(drbg.at(comment), old, new, ni=nonce, nr=nonce)
        yield valid(comment, inputs, *_rekey_flags(old, new), "NoncesByOldPrf")


def _rekeys_in_turn(drbg: Drbg) -> Iterator[Case]:
    """Two rekeys of one SA: the second begins with what the first one gives."""
    for names in (
        ("PRF_HMAC_SHA1", "PRF_HMAC_SHA2_256", "PRF_HMAC_SHA2_512"),
        ("PRF_HMAC_SHA2_384", "PRF_AES128_XCBC", "PRF_AES128_CMAC"),
    ):
        first, second, third = (PRFS[name] for name in names)
        told = f"rekeyed twice, {' to '.join(names)}, "
        before = _rekey_inputs(drbg.at(told).at("first"), first, second)
        yield valid(told + "the first time", before, *_rekey_flags(first, second))
        found = _rekey_chain({**before, **KEY_SIZES})
        after = {
            **_rekey_inputs(drbg.at(told).at("second"), second, third),
            "oldSkD": found["skD"],
            "oldSpiI": before["spiI"],
            "oldSpiR": before["spiR"],
        }
        yield valid(told + "the second time", after, *_rekey_flags(second, third))


def _rekeys_with_additional_exchanges(drbg: Drbg) -> Iterator[Case]:
    for old, new, sizes in (
        (ikev2.PRF_HMAC_SHA2_256, ikev2.PRF_HMAC_SHA2_256, [32]),
        (ikev2.PRF_HMAC_SHA2_512, ikev2.PRF_HMAC_SHA2_384, [32, 64]),
        (ikev2.PRF_AES128_XCBC, ikev2.PRF_AES128_CMAC, [32]),
        (ikev2.PRF_HMAC_SHA1, ikev2.PRF_AES128_XCBC, [32, 24, 48, 32, 64, 256, 16]),
    ):
        comment = f"{old.name} to {new.name}, additional key exchanges: {len(sizes)}"
        inputs = _rekey_inputs(drbg.at(comment), old, new)
        inputs["additionalSecrets"] = _secrets(drbg.at(comment), sizes)
        flags = ("FollowUpLeftOut", "FollowUpBeforeNonces", "FollowUpChained")
        yield valid(comment, inputs, *_rekey_flags(old, new), *flags, source=_FOLLOW_UP)


def _refused_rekeys(drbg: Drbg) -> Iterator[Case]:
    for old, new in (
        (ikev2.PRF_HMAC_SHA1, ikev2.PRF_HMAC_SHA2_512),
        (ikev2.PRF_AES128_CMAC, ikev2.PRF_HMAC_SHA2_384),
    ):
        names = f"{old.name} to {new.name}, "
        half = new.output_size // 2
        for told, change, flag, source in (
            (
                f"nonces of {half - 1} octets: too short for the new prf",
                {"ni": half - 1, "nr": half - 1},
                "NonceUnderHalfKey",
                _NONCES,
            ),
            ("Nr of 15 octets", {"nr": 15}, "NonceSizeUnchecked", _NONCES),
            ("Ni of 257 octets", {"ni": 257}, "NonceSizeUnchecked", _NONCES),
            ("no g^ir: a rekey needs a new exchange", {"dh": 0}, "RekeyWithoutExchange", _REKEY),
            ("SPIi of 4 octets, as in ESP", {"spiI": 4}, "SizeUnchecked", _SPIS),
        ):
            comment = names + told
            inputs = _rekey_inputs(drbg.at(comment), old, new, **change)
            yield invalid(comment, inputs, flag, source=source)


def _ppk_cases(function: Prf, drbg: Drbg) -> Iterator[Case]:
    flags = ("PpkLeftOut", "PpkWithoutCounter", "PpkIsData")
    long, short = _AES_KEY_FLAGS.get(function.name, ("", ""))
    for size in (8, 16, 32, 64, 65):
        comment = f"PPK of {size} octets"
        inputs = _draw(drbg.at(comment), ppk=size, primedSkD=function.output_size)
        fitted = [flag for flag, is_so in ((long, size > 16), (short, size < 16)) if flag and is_so]
        yield valid(comment, inputs, *flags, *fitted)


def _ppk_rekey_cases(function: Prf, drbg: Drbg) -> Iterator[Case]:
    sizes = {**_REKEY_SIZES, "sharedSecret": 32, "ppk": 32, "primedSkD": function.output_size}
    flags = ("PpkAgain", "PpkLeftOut", "OldSpisInSeed", "OldSecretKept", "RekeyAsNew")
    for comment, change in (
        ("PPK of 32 octets", {}),
        ("PPK of 65 octets, nonces of different sizes", {"ppk": 65, "ni": 33, "nr": 47}),
    ):
        yield valid(comment, _draw(drbg.at(comment), **{**sizes, **change}), *flags)
    comment, zeros = next(leading_zeros(drbg, {}))
    inputs = {**_draw(drbg.at(comment), **sizes), **zeros}
    yield valid(comment, inputs, *flags, "LeadingZerosStripped")


def _secrets(drbg: Drbg, sizes: Sequence[int]) -> list[bytes]:
    return [drbg.octets(f"SK({n})", size) for n, size in enumerate(sizes, 1)]


def _additional_cases(function: Prf, drbg: Drbg) -> Iterator[Case]:
    sizes = {"skD": function.output_size, "ni": 32, "nr": 32, "spiI": 8, "spiR": 8}
    flags = (
        "AdditionalSkDNotTaken",
        "AdditionalAsNew",
        "AdditionalHalfNonces",
        "AdditionalNoncesFirst",
        "NonceOrder",
        "SpiOrder",
    )
    for comment, secrets, change in (
        ("one additional key exchange", [32], {}),
        ("two additional key exchanges", [32, 24], {}),
        ("seven additional key exchanges", [32, 24, 48, 32, 64, 256, 16], {}),
        ("nonces of different sizes", [32, 32], {"ni": 33, "nr": 47}),
    ):
        inputs = _draw(drbg.at(comment), **{**sizes, **change})
        inputs["additionalSecrets"] = _secrets(drbg.at(comment), secrets)
        chained = ("AdditionalNotChained",) if len(secrets) > 1 else ()
        unequal = ("NonceSizesEqual",) if change else ()
        yield valid(comment, inputs, *flags, *chained, *unequal)
    for zeros in (1, 12):
        comment = f"SK(1) begins with zero octets: {zeros}"
        inputs = _draw(drbg.at(comment), **sizes)
        secret = bytes(zeros) + drbg.at(comment).octets("SK(1)", 32 - zeros)
        yield valid(comment, {**inputs, "additionalSecrets": [secret]}, "LeadingZerosStripped")
    comment = "Ni of 15 octets"
    inputs = _draw(drbg.at(comment), **{**sizes, "ni": 15})
    refused = {**inputs, "additionalSecrets": _secrets(drbg.at(comment), [32])}
    yield invalid(comment, refused, "NonceSizeUnchecked", source=_NONCES)


def make_groups(drbg: Drbg) -> Iterator[Group]:
    """The groups of these types in ``binding.json``."""
    for group_type, make_prf_cases, shared in (
        (PPK_SK_D, _ppk_cases, {}),
        (PPK_REKEY_CHAIN, _ppk_rekey_cases, {}),
        (ADDITIONAL, _additional_cases, KEY_SIZES),
    ):
        for name, function in PRFS.items():
            cases = list(make_prf_cases(function, drbg.at(group_type.name).at(name)))
            yield Group(group_type, cases, {"prf": name, **shared})
    yield Group(REKEY_CHAIN, list(_rekey_cases(drbg.at(REKEY_CHAIN.name))), KEY_SIZES)


TYPES = (PPK_SK_D, PPK_REKEY_CHAIN, ADDITIONAL, REKEY_CHAIN)

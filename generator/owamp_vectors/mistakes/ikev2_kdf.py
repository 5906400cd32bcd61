"""Mistakes with the key derivations of IKEv2."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any

from owamp_reference import ikev2, primitives
from owamp_reference.errors import ProtocolError
from owamp_reference.ikev2 import PRF_AES128_CMAC, PRF_AES128_XCBC, IkeSaKeys, Prf

from ..vectors.declaration import Note
from .base import Swap, ignore, mistake

NOTES = {
    "KnownAnswer": Note(
        "BASIC",
        "The inputs of a published known answer; the tests compare the output with it.",
        "An implementation that fails here fails the published answer too.",
    ),
}

_prf = ikev2.prf
_prf_plus = ikev2.prf_plus
_skeyseed = ikev2.skeyseed
_ike_sa_keys = ikev2.ike_sa_keys
_keymat = ikev2.keymat
_rekeyed = ikev2.rekeyed_skeyseed
_additional_skeyseed = ikev2.additional_skeyseed
_additional_exchanges = ikev2.additional_exchanges
_ppk_sk_d = ikev2.ppk_sk_d
_aes_xcbc = ikev2._aes_xcbc

_NO_SA = "The two ends have different keys, and IKE_AUTH fails."
_NO_CHILD = "The two ends have different keys; nothing that the child SA carries gets through."


def _keyed(wrong: Prf, fit: Callable[[bytes], bytes]) -> Swap:
    """One prf with keys made to fit in another way."""

    def run(function: Prf, key: bytes, data: bytes) -> bytes:
        return _prf(function, fit(key) if function == wrong else key, data)

    return Swap(ikev2, "prf", run)


def _cut(function: Prf, key: bytes, data: bytes) -> bytes:
    return _prf(function, key, data)[:16]


def _xcbc_96(function: Prf, key: bytes, data: bytes) -> bytes:
    output = _prf(function, key, data)
    return output[:12] if function == PRF_AES128_XCBC else output


def _xcbc_always_padded(key: bytes, data: bytes) -> bytes:
    """Pads a last block that is whole, and masks it with K3."""
    if not data or len(data) % 16:
        return _aes_xcbc(key, data)
    k1, k3 = (primitives.aes_ecb_encrypt(key, bytes([n]) * 16) for n in (1, 3))
    padding = bytes(a ^ b for a, b in zip(b"\x80" + bytes(15), k3, strict=True))
    return primitives.aes_cbc_encrypt(k1, bytes(16), data + padding)[-16:]


def _blocks(
    step: Callable[[bytes, bytes, int], bytes], start: int = 1
) -> Callable[[Prf, bytes, bytes, int], bytes]:
    """prf+ without its limit, with other input to its blocks."""

    def run(function: Prf, key: bytes, seed: bytes, size: int) -> bytes:
        output = block = b""
        counter = start
        while len(output) < size:
            block = _prf(function, key, step(block, seed, counter % 256))
            output += block
            counter += 1
        return output[:size]

    return run


def _prf_plus_limited(function: Prf, key: bytes, seed: bytes, size: int) -> bytes:
    if size > 254 * function.output_size:
        raise ProtocolError("prf+ output", "at most 254 blocks", str(size))
    return _prf_plus(function, key, seed, size)


def _skeyseed_by(key_of: Callable[[bytes, bytes], bytes]) -> Callable[..., bytes]:
    def run(function: Prf, ni: bytes, nr: bytes, shared_secret: bytes) -> bytes:
        ikev2._check_nonces(function, ni, nr)
        return _prf(function, key_of(ni, nr), shared_secret)

    return run


def _secret_is_key(function: Prf, ni: bytes, nr: bytes, shared_secret: bytes) -> bytes:
    return _prf(function, shared_secret, ni + nr)


def _stripped(original: Callable[..., bytes], place: int) -> Callable[..., bytes]:
    """A derivation whose argument at `place`, g^ir, loses its leading zeros."""

    def run(*arguments: Any) -> bytes:
        given = list(arguments)
        given[place : place + 1] = [value.lstrip(b"\0") for value in given[place : place + 1]]
        return original(*given)

    return run


def _as_long_as_ni(original: Callable[..., Any], place: int) -> Callable[..., Any]:
    """A derivation with Nr, the argument after Ni at `place`, cut or padded to Ni's size."""

    def run(*arguments: Any, **sizes: int) -> Any:
        ni, nr = arguments[place : place + 2]
        fitted = nr[: len(ni)].ljust(len(ni), b"\0")
        return original(*arguments[: place + 1], fitted, *arguments[place + 2 :], **sizes)

    return run


def _nonces_by_old_prf(function: Prf, sk_d: bytes, secret: bytes, *others: Any) -> bytes:
    ikev2._check_nonces(function, *others[:2])
    return _rekeyed(function, sk_d, secret, *others)


def _rekeyed_by(data_of: Callable[[bytes, bytes, bytes], bytes]) -> Swap:
    """The SKEYSEED of a rekey of other data, made of g^ir and the nonces."""

    def run(
        function: Prf, sk_d: bytes, secret: bytes, ni: bytes, nr: bytes, more: Sequence[bytes] = ()
    ) -> bytes:
        return _prf(function, sk_d, data_of(secret, ni, nr) + b"".join(more))

    return Swap(ikev2, "rekeyed_skeyseed", run)


def _rekeyed_as_new(
    function: Prf, sk_d: bytes, secret: bytes, ni: bytes, nr: bytes, more: Sequence[bytes] = ()
) -> bytes:
    return _prf(function, ni + nr, secret + b"".join(more))


def _rekeyed_chained(
    function: Prf, sk_d: bytes, secret: bytes, ni: bytes, nr: bytes, more: Sequence[bytes] = ()
) -> bytes:
    """Every additional secret in a step of its own, as while an SA is set up."""
    for each in (secret, *more):
        sk_d = _prf(function, sk_d, each + ni + nr)
    return sk_d


def _additional_by(data_of: Callable[[bytes, bytes, bytes], bytes]) -> Swap:
    """SKEYSEED(n) of other data, made of SK(n) and the nonces."""

    def run(function: Prf, sk_d: bytes, secret: bytes, ni: bytes, nr: bytes) -> bytes:
        ikev2._check_nonces(function, ni, nr)
        return _prf(function, sk_d, data_of(secret, ni, nr))

    return Swap(ikev2, "additional_skeyseed", run)


def _from_first_sk_d(
    function: Prf, sk_d: bytes, secrets: Iterable[bytes], *others: Any, **sizes: Any
) -> Iterator[tuple[bytes, IkeSaKeys]]:
    for secret in secrets:
        yield from _additional_exchanges(function, sk_d, [secret], *others, **sizes)


def _first_sk_d_kept(
    function: Prf, sk_d: bytes, secrets: Iterable[bytes], *others: Any, **sizes: Any
) -> Iterator[tuple[bytes, IkeSaKeys]]:
    for seed_key, found in _additional_exchanges(function, sk_d, secrets, *others, **sizes):
        yield seed_key, replace(found, sk_d=sk_d)


def _check_nonce_plainly(field_name: str, nonce: bytes, function: Prf | None) -> None:
    del function
    if not 16 <= len(nonce) <= 256:
        raise ProtocolError(field_name, "16 to 256 octets", f"{len(nonce)} octets")


def _cut_in_order(stream: bytes, sizes: list[int]) -> IkeSaKeys:
    ends = [sum(sizes[: number + 1]) for number in range(len(sizes))]
    parts = [stream[end - size : end] for end, size in zip(ends, sizes, strict=True)]
    return IkeSaKeys(*parts)


def _keys_with(**change: Callable[..., Any]) -> Callable[..., IkeSaKeys]:
    """`ike_sa_keys` with some arguments computed otherwise."""

    def run(
        function: Prf,
        seed_key: bytes,
        ni: bytes,
        nr: bytes,
        spi_i: bytes,
        spi_r: bytes,
        *,
        integrity_size: int,
        encryption_size: int,
    ) -> IkeSaKeys:
        values: dict[str, Any] = {"ni": ni, "nr": nr, "i": spi_i, "r": spi_r}
        values["integrity"] = integrity_size
        values.update({name: compute(values) for name, compute in change.items()})
        size, prf_size = values["integrity"], function.output_size
        sizes = [prf_size, size, size, encryption_size, encryption_size, prf_size, prf_size]
        seed = values["ni"] + values["nr"] + values["i"] + values["r"]
        stream = _prf_plus(function, seed_key, seed, sum(sizes))
        return _cut_in_order(stream, sizes)

    return run


def _encryption_first(*arguments: Any, integrity_size: int, encryption_size: int) -> IkeSaKeys:
    keys = _ike_sa_keys(*arguments, integrity_size=encryption_size, encryption_size=integrity_size)
    first, second = (keys.sk_ai, keys.sk_ar), (keys.sk_ei, keys.sk_er)
    return IkeSaKeys(keys.sk_d, *second, *first, keys.sk_pi, keys.sk_pr)


def _authentication_before(*arguments: Any, **sizes: int) -> IkeSaKeys:
    function, seed_key, ni, nr, spi_i, spi_r = arguments
    integrity, encryption = sizes["integrity_size"], sizes["encryption_size"]
    order = [*[function.output_size] * 3, *[integrity] * 2, *[encryption] * 2]
    stream = _prf_plus(function, seed_key, ni + nr + spi_i + spi_r, sum(order))
    cut = _cut_in_order(stream, order)
    return IkeSaKeys(cut.sk_d, cut.sk_ei, cut.sk_er, cut.sk_pi, cut.sk_pr, cut.sk_ai, cut.sk_ar)


def _keymat_secret_last(
    function: Prf, sk_d: bytes, ni: bytes, nr: bytes, size: int, shared_secret: bytes = b""
) -> bytes:
    ikev2._check_nonces(function, ni, nr)
    return _prf_plus(function, sk_d, ni + nr + shared_secret, size)


def _keymat_secret_left_out(
    function: Prf, sk_d: bytes, ni: bytes, nr: bytes, size: int, shared_secret: bytes = b""
) -> bytes:
    del shared_secret
    return _keymat(function, sk_d, ni, nr, size)


MISTAKES = (
    mistake(
        "PrfArgumentsSwapped",
        "KEY_DERIVATION",
        "The prf with its key and its data exchanged.",
        _NO_SA,
        Swap(ikev2, "prf", lambda function, key, data: _prf(function, data, key)),
    ),
    mistake(
        "PrfOutputCut",
        "KEY_DERIVATION",
        "The prf's output cut to 16 octets, as that of an integrity algorithm would be.",
        _NO_SA,
        Swap(ikev2, "prf", _cut),
    ),
    mistake(
        "XcbcOutputOf96Bits",
        "KEY_DERIVATION",
        "AES-XCBC-MAC-96, the integrity algorithm, in place of the prf with its 128 bits.",
        _NO_SA,
        Swap(ikev2, "prf", _xcbc_96),
    ),
    mistake(
        "XcbcWholeBlockPadded",
        "KEY_DERIVATION",
        "A last block that is whole padded all the same, and masked with K3 in place of K2.",
        _NO_SA,
        Swap(ikev2, "_aes_xcbc", _xcbc_always_padded),
    ),
    mistake(
        "XcbcLongKeyCut",
        "KEY_DERIVATION",
        "A key of AES-XCBC over 16 octets cut in place of hashed (RFC 4434 §2).",
        _NO_SA,
        _keyed(PRF_AES128_XCBC, lambda key: key[:16]),
    ),
    mistake(
        "XcbcShortKeyHashed",
        "KEY_DERIVATION",
        "A key of AES-XCBC under 16 octets hashed, as with AES-CMAC, in place of padded.",
        _NO_SA,
        _keyed(PRF_AES128_XCBC, lambda key: key if len(key) >= 16 else _aes_xcbc(bytes(16), key)),
    ),
    mistake(
        "CmacLongKeyCut",
        "KEY_DERIVATION",
        "A key of AES-CMAC over 16 octets cut in place of hashed (RFC 4615 §3).",
        _NO_SA,
        _keyed(PRF_AES128_CMAC, lambda key: key[:16]),
    ),
    mistake(
        "CmacShortKeyPadded",
        "KEY_DERIVATION",
        "A key of AES-CMAC under 16 octets padded, as with AES-XCBC, in place of hashed.",
        _NO_SA,
        _keyed(PRF_AES128_CMAC, lambda key: key.ljust(16, b"\0")),
    ),
    mistake(
        "PrfPlusFromZero",
        "KEY_DERIVATION",
        "The counter of prf+ begins with 0.",
        _NO_SA,
        Swap(
            ikev2,
            "prf_plus",
            _blocks(lambda block, seed, n: block + seed + bytes([n]), start=0),
        ),
    ),
    mistake(
        "PrfPlusWideCounter",
        "KEY_DERIVATION",
        "The counter of prf+ in four octets.",
        _NO_SA,
        Swap(
            ikev2, "prf_plus", _blocks(lambda block, seed, n: block + seed + n.to_bytes(4, "big"))
        ),
    ),
    mistake(
        "PrfPlusCounterFirst",
        "KEY_DERIVATION",
        "The counter of prf+ before the seed.",
        _NO_SA,
        Swap(ikev2, "prf_plus", _blocks(lambda block, seed, n: block + bytes([n]) + seed)),
    ),
    mistake(
        "PrfPlusNoFeedback",
        "KEY_DERIVATION",
        "The blocks of prf+ not fed with the block before; the first one is right.",
        _NO_SA,
        Swap(ikev2, "prf_plus", _blocks(lambda block, seed, n: seed + bytes([n]))),
    ),
    mistake(
        "PrfPlusWraps",
        "MISSING_CHECK",
        "prf+ run on after 255 blocks, its counter wrapped to 0.",
        "Output that RFC 7296 does not define.",
        Swap(ikev2, "prf_plus", _blocks(lambda block, seed, n: block + seed + bytes([n]))),
    ),
    mistake(
        "PrfPlusLimitAt254",
        "KEY_DERIVATION",
        "The 255th block of prf+ refused.",
        "A length that RFC 7296 allows is not.",
        Swap(ikev2, "prf_plus", _prf_plus_limited),
    ),
    mistake(
        "HalfNonces",
        "KEY_DERIVATION",
        "Only 8 octets of each nonce for SKEYSEED with a prf that takes keys of any size.",
        _NO_SA,
        Swap(ikev2, "skeyseed", _skeyseed_by(lambda ni, nr: ni[:8] + nr[:8])),
    ),
    mistake(
        "WholeNonces",
        "KEY_DERIVATION",
        "Whole nonces for SKEYSEED with AES-XCBC or AES-CMAC, which take 8 octets of each.",
        _NO_SA,
        Swap(ikev2, "skeyseed", _skeyseed_by(lambda ni, nr: ni + nr)),
    ),
    mistake(
        "HalfNoncesInSeed",
        "KEY_DERIVATION",
        "Only 8 octets of each nonce in the seed of prf+ as well.",
        _NO_SA,
        Swap(
            ikev2,
            "ike_sa_keys",
            _keys_with(ni=lambda values: values["ni"][:8], nr=lambda values: values["nr"][:8]),
        ),
    ),
    mistake(
        "SecretIsKey",
        "KEY_DERIVATION",
        "g^ir used as the key and the nonces as the data of SKEYSEED.",
        _NO_SA,
        Swap(ikev2, "skeyseed", _secret_is_key),
    ),
    mistake(
        "NonceOrder",
        "KEY_DERIVATION",
        "Nr before Ni.",
        _NO_SA,
        Swap(
            ikev2,
            "skeyseed",
            lambda function, ni, nr, secret: _skeyseed(function, nr, ni, secret),
        ),
        Swap(
            ikev2,
            "ike_sa_keys",
            _keys_with(ni=lambda values: values["nr"] + values["ni"], nr=lambda _: b""),
        ),
        Swap(
            ikev2,
            "keymat",
            lambda function, sk_d, ni, nr, size, secret=b"": _keymat(
                function, sk_d, nr, ni, size, secret
            ),
        ),
        Swap(
            ikev2,
            "rekeyed_skeyseed",
            lambda function, sk_d, secret, ni, nr, more=(): _rekeyed(
                function, sk_d, secret, nr, ni, more
            ),
        ),
        Swap(
            ikev2,
            "additional_skeyseed",
            lambda function, sk_d, secret, ni, nr: _additional_skeyseed(
                function, sk_d, secret, nr, ni
            ),
        ),
    ),
    mistake(
        "NonceSizesEqual",
        "KEY_DERIVATION",
        "Nr taken to be as long as Ni: cut, or padded with zeros.",
        "Two ends whose nonces differ in size have different keys.",
        Swap(ikev2, "skeyseed", _as_long_as_ni(_skeyseed, 1)),
        Swap(ikev2, "ike_sa_keys", _as_long_as_ni(_ike_sa_keys, 2)),
        Swap(ikev2, "keymat", _as_long_as_ni(_keymat, 2)),
        Swap(ikev2, "rekeyed_skeyseed", _as_long_as_ni(_rekeyed, 3)),
        Swap(ikev2, "additional_skeyseed", _as_long_as_ni(_additional_skeyseed, 3)),
    ),
    mistake(
        "NonceSizeUnchecked",
        "MISSING_CHECK",
        "A nonce under 16 or over 256 octets taken.",
        "A peer's short nonce weakens the keys of both.",
        Swap(ikev2, "check_nonce", ignore),
    ),
    mistake(
        "NonceUnderHalfKey",
        "MISSING_CHECK",
        "A nonce under half the key size of the prf taken (RFC 7296 §2.10).",
        "A peer's short nonce weakens the keys of both.",
        Swap(ikev2, "check_nonce", _check_nonce_plainly),
    ),
    mistake(
        "LeadingZerosStripped",
        "ENCODING",
        "g^ir written as a number, its leading zero octets lost.",
        "One exchange in 256 fails, seemingly at random.",
        Swap(ikev2, "skeyseed", _stripped(_skeyseed, 3)),
        Swap(ikev2, "keymat", _stripped(_keymat, 5)),
        Swap(ikev2, "rekeyed_skeyseed", _stripped(_rekeyed, 2)),
        Swap(ikev2, "additional_skeyseed", _stripped(_additional_skeyseed, 2)),
    ),
    mistake(
        "SpiOrder",
        "KEY_DERIVATION",
        "SPIr before SPIi in the seed.",
        _NO_SA,
        Swap(
            ikev2,
            "ike_sa_keys",
            _keys_with(i=lambda values: values["r"] + values["i"], r=lambda _: b""),
        ),
    ),
    mistake(
        "SpisMissing",
        "KEY_DERIVATION",
        "The SPIs left out of the seed.",
        _NO_SA,
        Swap(ikev2, "ike_sa_keys", _keys_with(i=lambda _: b"", r=lambda _: b"")),
    ),
    mistake(
        "SkOrder",
        "KEY_DERIVATION",
        "The encryption keys taken before the integrity keys.",
        _NO_SA,
        Swap(ikev2, "ike_sa_keys", _encryption_first),
    ),
    mistake(
        "SkPrfLast",
        "KEY_DERIVATION",
        "SK_pi and SK_pr taken right after SK_d.",
        _NO_SA,
        Swap(ikev2, "ike_sa_keys", _authentication_before),
    ),
    mistake(
        "AeadIntegrityKeys",
        "KEY_DERIVATION",
        "SK_ai and SK_ar derived though the cipher is an AEAD, which has none.",
        _NO_SA,
        Swap(ikev2, "ike_sa_keys", _keys_with(integrity=lambda values: values["integrity"] or 20)),
    ),
    mistake(
        "KeymatSecretLast",
        "KEY_DERIVATION",
        "KEYMAT with the new g^ir after the nonces.",
        _NO_CHILD,
        Swap(ikev2, "keymat", _keymat_secret_last),
    ),
    mistake(
        "KeymatSecretLeftOut",
        "KEY_DERIVATION",
        "KEYMAT without the g^ir of a new exchange.",
        "The child SA has no forward secrecy, and different keys at its ends.",
        Swap(ikev2, "keymat", _keymat_secret_left_out),
    ),
    mistake(
        "NoncesByOldPrf",
        "MISSING_CHECK",
        "The nonces of a rekey held to half the key size of the old SA's prf.",
        "A rekey that the peer may make fails, and with it the SA.",
        Swap(ikev2, "rekeyed_skeyseed", _nonces_by_old_prf),
    ),
    mistake(
        "RekeyAsNew",
        "KEY_DERIVATION",
        "A rekeyed IKE SA with the SKEYSEED of a new one, without the old SK_d.",
        _NO_SA,
        Swap(ikev2, "rekeyed_skeyseed", _rekeyed_as_new),
    ),
    mistake(
        "RekeyNoncesFirst",
        "KEY_DERIVATION",
        "The SKEYSEED of a rekeyed IKE SA with the nonces before g^ir.",
        _NO_SA,
        _rekeyed_by(lambda secret, ni, nr: ni + nr + secret),
    ),
    mistake(
        "RekeySecretLeftOut",
        "KEY_DERIVATION",
        "The SKEYSEED of a rekeyed IKE SA without the new g^ir.",
        "The new SA has no forward secrecy, and different keys at its ends.",
        _rekeyed_by(lambda _, ni, nr: ni + nr),
    ),
    mistake(
        "RekeyHalfNonces",
        "KEY_DERIVATION",
        "Only 8 octets of each nonce for the SKEYSEED of a rekeyed IKE SA.",
        _NO_SA,
        _rekeyed_by(lambda secret, ni, nr: secret + ni[:8] + nr[:8]),
    ),
    mistake(
        "RekeyWithoutExchange",
        "MISSING_CHECK",
        "A rekey of an IKE SA without a new key exchange taken.",
        "Who has the keys of the old SA has those of the new one.",
        _rekeyed_by(lambda secret, ni, nr: secret + ni + nr),
    ),
    mistake(
        "FollowUpLeftOut",
        "KEY_DERIVATION",
        "The SKEYSEED of a rekeyed IKE SA without the secrets of additional key exchanges.",
        _NO_SA,
        Swap(
            ikev2,
            "rekeyed_skeyseed",
            lambda function, sk_d, secret, ni, nr, more=(): _rekeyed(
                function, sk_d, secret, ni, nr
            ),
        ),
    ),
    mistake(
        "FollowUpBeforeNonces",
        "KEY_DERIVATION",
        "The secrets of additional key exchanges before the nonces in the SKEYSEED of a rekey.",
        _NO_SA,
        Swap(
            ikev2,
            "rekeyed_skeyseed",
            lambda function, sk_d, secret, ni, nr, more=(): _rekeyed(
                function, sk_d, secret + b"".join(more), ni, nr
            ),
        ),
    ),
    mistake(
        "FollowUpChained",
        "KEY_DERIVATION",
        "A step for each additional key exchange of a rekey, as while an SA is set up.",
        _NO_SA,
        Swap(ikev2, "rekeyed_skeyseed", _rekeyed_chained),
    ),
    mistake(
        "AdditionalSkDNotTaken",
        "KEY_DERIVATION",
        "SK_d of IKE_SA_INIT kept, whatever additional key exchanges give.",
        "What is made of SK_d has not the strength that the additional exchanges are there for.",
        Swap(ikev2, "additional_exchanges", _first_sk_d_kept),
    ),
    mistake(
        "AdditionalNotChained",
        "KEY_DERIVATION",
        "SK_d of IKE_SA_INIT as the key of every SKEYSEED(n), in place of that before it.",
        "All additional key exchanges but the last one are lost.",
        Swap(ikev2, "additional_exchanges", _from_first_sk_d),
    ),
    mistake(
        "AdditionalAsNew",
        "KEY_DERIVATION",
        "SKEYSEED(n) made of SK(n) as that of a new SA, keyed by the nonces.",
        "The exchanges before are lost.",
        Swap(
            ikev2,
            "additional_skeyseed",
            lambda function, sk_d, secret, ni, nr: _skeyseed(function, ni, nr, secret),
        ),
    ),
    mistake(
        "AdditionalHalfNonces",
        "KEY_DERIVATION",
        "Only 8 octets of each nonce for SKEYSEED(n).",
        _NO_SA,
        _additional_by(lambda secret, ni, nr: secret + ni[:8] + nr[:8]),
    ),
    mistake(
        "AdditionalNoncesFirst",
        "KEY_DERIVATION",
        "SKEYSEED(n) with the nonces before SK(n).",
        _NO_SA,
        _additional_by(lambda secret, ni, nr: ni + nr + secret),
    ),
    mistake(
        "PpkLeftOut",
        "KEY_DERIVATION",
        "SK_d' used as SK_d: PPK does not go in.",
        "What is made of SK_d has not the strength that PPK is there for.",
        Swap(ikev2, "ppk_sk_d", lambda function, ppk, sk_d: sk_d),
    ),
    mistake(
        "PpkWithoutCounter",
        "KEY_DERIVATION",
        "prf in place of prf+: no octet 01 after SK_d'.",
        _NO_SA,
        Swap(ikev2, "ppk_sk_d", _prf),
    ),
    mistake(
        "PpkIsData",
        "KEY_DERIVATION",
        "SK_d' as the key and PPK as the data.",
        _NO_SA,
        Swap(ikev2, "ppk_sk_d", lambda function, ppk, sk_d: _ppk_sk_d(function, sk_d, ppk)),
    ),
)

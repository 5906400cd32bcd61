"""The key derivations of IKEv2 that the binding needs (RFC 7296 §2.13, §2.14, §2.17, §2.18), and
what RFC 8784 and RFC 9370 do to SK_d.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from cryptography.hazmat.primitives import cmac, hashes, hmac
from cryptography.hazmat.primitives.ciphers import algorithms

from . import primitives
from .errors import ProtocolError, check_range, check_size

SPI_SIZE = 8
MIN_NONCE_SIZE = 16
MAX_NONCE_SIZE = 256
PRF_PLUS_MAX_BLOCKS = 255
"""prf+ is not defined beyond 255 times the size of the prf output (RFC 7296 §2.13)."""


@dataclass(frozen=True)
class Prf:
    """A pseudorandom function of IKEv2.

    Attributes:
        name: as in the IANA registry "Transform Type 2 - Pseudorandom Function Transform IDs".
        output_size: octets of output; also the preferred key size, hence the size of SK_d.
        compute: the function of a key and data.
        takes_half_nonces: whether SKEYSEED uses only the first 64 bits of each nonce
            (AES-XCBC and AES-CMAC, RFC 7296 §2.14).
    """

    name: str
    output_size: int
    compute: Callable[[bytes, bytes], bytes] = field(repr=False)
    takes_half_nonces: bool = False


def _hmac_by(algorithm: hashes.HashAlgorithm) -> Callable[[bytes, bytes], bytes]:
    """HMAC, not truncated (RFC 2104 §2; RFC 4868 §2.4)."""

    def compute(key: bytes, data: bytes) -> bytes:
        mac = hmac.HMAC(key, algorithm)
        mac.update(data)
        return mac.finalize()

    return compute


def _aes_xcbc(key: bytes, data: bytes) -> bytes:
    """AES-XCBC-MAC of `data` under a 16-octet key, all 16 octets (RFC 3566 §4).

    `cryptography` has no XCBC: it is put together here from its AES-ECB and AES-CBC.
    """
    k1, k2, k3 = (primitives.aes_ecb_encrypt(key, bytes([n]) * 16) for n in (1, 2, 3))
    whole = max(0, len(data) - 1) // 16 * 16  # all blocks but the last
    last, final_key = data[whole:], k2
    if len(last) < 16:
        last, final_key = last + b"\x80" + bytes(15 - len(last)), k3
    masked = bytes(a ^ b for a, b in zip(last, final_key, strict=True))
    return primitives.aes_cbc_encrypt(k1, primitives.ZERO_IV, data[:whole] + masked)[-16:]


def _prf_aes_xcbc(key: bytes, data: bytes) -> bytes:
    """A key that is short is padded with zeros, a long one hashed (RFC 4434 §2)."""
    fitting = key.ljust(16, b"\0") if len(key) <= 16 else _aes_xcbc(bytes(16), key)
    return _aes_xcbc(fitting, data)


def _aes_cmac(key: bytes, data: bytes) -> bytes:
    """AES-CMAC of `data` under a 16-octet key, 16 octets (RFC 4493 §2.4)."""
    mac = cmac.CMAC(algorithms.AES(key))
    mac.update(data)
    return mac.finalize()


def _prf_aes_cmac(key: bytes, data: bytes) -> bytes:
    """A key of another size than 16 octets is hashed (RFC 4615 §3)."""
    fitting = key if len(key) == 16 else _aes_cmac(bytes(16), key)
    return _aes_cmac(fitting, data)


PRFS: dict[str, Prf] = {}
"""All functions, by name."""


def _listed(function: Prf) -> Prf:
    PRFS[function.name] = function
    return function


PRF_HMAC_SHA1 = _listed(Prf("PRF_HMAC_SHA1", 20, _hmac_by(hashes.SHA1())))
PRF_AES128_XCBC = _listed(Prf("PRF_AES128_XCBC", 16, _prf_aes_xcbc, takes_half_nonces=True))
PRF_HMAC_SHA2_256 = _listed(Prf("PRF_HMAC_SHA2_256", 32, _hmac_by(hashes.SHA256())))
PRF_HMAC_SHA2_384 = _listed(Prf("PRF_HMAC_SHA2_384", 48, _hmac_by(hashes.SHA384())))
PRF_HMAC_SHA2_512 = _listed(Prf("PRF_HMAC_SHA2_512", 64, _hmac_by(hashes.SHA512())))
PRF_AES128_CMAC = _listed(Prf("PRF_AES128_CMAC", 16, _prf_aes_cmac, takes_half_nonces=True))


def prf(function: Prf, key: bytes, data: bytes) -> bytes:
    """prf(key, data), `function.output_size` octets; key and data of any size (RFC 7296 §2.13)."""
    return function.compute(key, data)


def prf_plus(function: Prf, key: bytes, seed: bytes, size: int) -> bytes:
    """The first `size` octets of prf+(key, seed) (RFC 7296 §2.13).

    prf+(K, S) = T1 | T2 | …, T1 = prf(K, S | 01), Tn = prf(K, Tn-1 | S | n), n one octet.

    Raises:
        ProtocolError: `size` negative or above 255 times the prf's output.
    """
    check_range("prf+ output", size, 0, PRF_PLUS_MAX_BLOCKS * function.output_size)
    output = block = b""
    counter = 0
    while len(output) < size:
        counter += 1
        block = prf(function, key, block + seed + bytes([counter]))
        output += block
    return output[:size]


def check_nonce(field_name: str, nonce: bytes, function: Prf | None) -> None:
    """Raise `ProtocolError` unless a nonce has 16 to 256 octets (RFC 7296 §3.9) and at least
    half the key size of the negotiated prf (§2.10); None where that prf is not known.
    """
    low = max(MIN_NONCE_SIZE, function.output_size // 2 if function else 0)
    if not low <= len(nonce) <= MAX_NONCE_SIZE:
        raise ProtocolError(field_name, f"{low} to {MAX_NONCE_SIZE} octets", f"{len(nonce)} octets")


def _check_nonces(function: Prf | None, ni: bytes, nr: bytes) -> None:
    check_nonce("Ni", ni, function)
    check_nonce("Nr", nr, function)


def skeyseed(function: Prf, ni: bytes, nr: bytes, shared_secret: bytes) -> bytes:
    """SKEYSEED = prf(Ni | Nr, g^ir) of a new IKE SA (RFC 7296 §2.14).

    With AES-XCBC and AES-CMAC the key is the first 8 octets of Ni and the first 8 of Nr.

    Args:
        ni, nr: the nonces, 16 to 256 octets.
        shared_secret: g^ir, big-endian, as long as the modulus.
    Raises:
        ProtocolError: a nonce of a size that RFC 7296 does not allow.
    """
    _check_nonces(function, ni, nr)
    key = ni[:8] + nr[:8] if function.takes_half_nonces else ni + nr
    return prf(function, key, shared_secret)


def rekeyed_skeyseed(
    old_function: Prf,
    old_sk_d: bytes,
    shared_secret: bytes,
    ni: bytes,
    nr: bytes,
    additional_secrets: Sequence[bytes] = (),
) -> bytes:
    """SKEYSEED of an IKE SA that rekeys another, by the *old* SA's prf.

    prf(SK_d (old), g^ir (new) | Ni | Nr) (RFC 7296 §2.18), and after additional key exchanges
    prf(SK_d (old), g^ir (new) | Ni | Nr | SK(1) | … | SK(n)) (RFC 9370 §2.2.4).

    Args:
        ni, nr: the whole nonces of the new exchange, also for AES-XCBC and AES-CMAC. How long
            they must be depends on the prf that it negotiates: `ike_sa_keys` sees to that.
        additional_secrets: SK(1) to SK(n).
    Raises:
        ProtocolError: an empty g^ir, as a rekey needs a new exchange; a nonce of a wrong size.
    """
    if not shared_secret:
        raise ProtocolError("g^ir", "at least 1 octet", "0 octets")
    _check_nonces(None, ni, nr)
    return prf(old_function, old_sk_d, shared_secret + ni + nr + b"".join(additional_secrets))


def additional_skeyseed(
    function: Prf, sk_d: bytes, shared_secret: bytes, ni: bytes, nr: bytes
) -> bytes:
    """SKEYSEED(n) = prf(SK_d(n-1), SK(n) | Ni | Nr), while an SA is set up (RFC 9370 §2.2.2).

    Args:
        sk_d: SK_d(n-1); SK_d(0) is that of IKE_SA_INIT.
        shared_secret: SK(n), the outcome of the nth additional key exchange.
        ni, nr: the whole nonces of IKE_SA_INIT.
    Raises:
        ProtocolError: a nonce of a wrong size.
    """
    _check_nonces(function, ni, nr)
    return prf(function, sk_d, shared_secret + ni + nr)


def ppk_sk_d(function: Prf, ppk: bytes, sk_d: bytes) -> bytes:
    """SK_d = prf+(PPK, SK_d'), as long as SK_d': a postquantum preshared key (RFC 8784 §3).

    Args:
        ppk: PPK, of any size.
        sk_d: SK_d', from prf+ as ever.
    """
    return prf_plus(function, ppk, sk_d, len(sk_d))


@dataclass(frozen=True)
class IkeSaKeys:
    """The seven keys of an IKE SA, in the order in which prf+ gives them (RFC 7296 §2.14)."""

    sk_d: bytes = field(repr=False)
    sk_ai: bytes = field(repr=False)
    sk_ar: bytes = field(repr=False)
    sk_ei: bytes = field(repr=False)
    sk_er: bytes = field(repr=False)
    sk_pi: bytes = field(repr=False)
    sk_pr: bytes = field(repr=False)


def ike_sa_keys(
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
    """The seven keys, cut in order from prf+(SKEYSEED, Ni | Nr | SPIi | SPIr) (RFC 7296 §2.14).

    Args:
        seed_key: SKEYSEED.
        ni, nr: the whole nonces, also for AES-XCBC and AES-CMAC.
        spi_i, spi_r: 8 octets each.
        integrity_size: octets of SK_ai and SK_ar (0 with an AEAD).
        encryption_size: octets of SK_ei and SK_er.
    Raises:
        ProtocolError: a nonce or an SPI of the wrong size.
    """
    _check_nonces(function, ni, nr)
    check_size("SPIi", spi_i, SPI_SIZE)
    check_size("SPIr", spi_r, SPI_SIZE)
    prf_size = function.output_size
    sizes = [prf_size, *[integrity_size] * 2, *[encryption_size] * 2, prf_size, prf_size]
    stream = prf_plus(function, seed_key, ni + nr + spi_i + spi_r, sum(sizes))
    keys = []
    for size in sizes:
        keys.append(stream[:size])
        stream = stream[size:]
    return IkeSaKeys(*keys)


def additional_exchanges(
    function: Prf,
    sk_d: bytes,
    secrets: Iterable[bytes],
    ni: bytes,
    nr: bytes,
    spi_i: bytes,
    spi_r: bytes,
    *,
    integrity_size: int,
    encryption_size: int,
) -> Iterator[tuple[bytes, IkeSaKeys]]:
    """SKEYSEED(n) and SK_*(n) after each additional key exchange of a set-up (RFC 9370 §2.2.2).

    The SK_d from which all further keys are made is that of the last one.

    Args:
        sk_d: SK_d(0), that of IKE_SA_INIT.
        secrets: SK(1), SK(2) and so on.
        ni, nr, spi_i, spi_r: those of IKE_SA_INIT, every time.
    Raises:
        ProtocolError: a nonce or an SPI of the wrong size.
    """
    for secret in secrets:
        seed_key = additional_skeyseed(function, sk_d, secret, ni, nr)
        found = ike_sa_keys(
            function,
            seed_key,
            ni,
            nr,
            spi_i,
            spi_r,
            integrity_size=integrity_size,
            encryption_size=encryption_size,
        )
        sk_d = found.sk_d
        yield seed_key, found


def keymat(
    function: Prf,
    sk_d: bytes,
    ni: bytes,
    nr: bytes,
    size: int,
    shared_secret: bytes = b"",
    additional_secrets: Sequence[bytes] = (),
) -> bytes:
    """KEYMAT of a child SA, `size` octets (RFC 7296 §2.17).

    prf+(SK_d, Ni | Nr), or with a new exchange prf+(SK_d, g^ir (new) | Ni | Nr), and after
    additional ones prf+(SK_d, g^ir (new) | Ni | Nr | SK(1) | … | SK(n)) (RFC 9370 §2.2.4).

    Args:
        additional_secrets: SK(1) to SK(n).
    Raises:
        ProtocolError: a nonce of the wrong size, or `size` beyond what prf+ gives.
    """
    _check_nonces(function, ni, nr)
    seed = shared_secret + ni + nr + b"".join(additional_secrets)
    return prf_plus(function, sk_d, seed, size)

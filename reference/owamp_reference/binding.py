"""The shared secret key of O/TWAMP taken from IKEv2, in both forms.

- The proposal (the slides; early drafts): **PRF{ KEYMAT, Session ID }**, from the child SA.
- RFC 7717 §5.1: **prf( SK_d, "IPPM" )**, from the IKE SA.

Either result takes the place of the passphrase: PBKDF2 and the Token follow unchanged. RFC 7717
does not say so in as many words; it replaces the "shared secret" of RFC 4656 §3.1 and repeats
the PBKDF2 step in its §4.2.

SK_d is that from which child SAs get their keys: after a rekey that of the new SA, with RFC 8784
the one into which PPK has gone, with RFC 9370 the one after the last additional key exchange.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from .errors import ProtocolError, check_size
from .ikev2 import SPI_SIZE, IkeSaKeys, Prf, ike_sa_keys, prf, rekeyed_skeyseed
from .keys import SID_SIZE
from .messages import KEY_ID_SIZE

IPPM_LABEL = b"IPPM"
"""RFC 7717 §5.1: the string "IPPM", encoded in ASCII; 4 octets, no terminator."""


def shared_secret_from_sk_d(function: Prf, sk_d: bytes) -> bytes:
    """prf(SK_d, "IPPM"), as many octets as the prf gives (RFC 7717 §5.1)."""
    return prf(function, sk_d, IPPM_LABEL)


def shared_secret_from_keymat(function: Prf, keymat: bytes, sid: bytes) -> bytes:
    """PRF{ KEYMAT, Session ID } of the proposal, as many octets as the prf gives.

    Args:
        function: the prf of the IKE SA.
        keymat: the child SA's KEYMAT, all of it, at least 1 octet.
        sid: 16 octets. It must be known *before* the Token is made; a SID that the server
            assigns in Accept-Session comes too late.
    Raises:
        ProtocolError: an empty KEYMAT or a SID of the wrong size.
    """
    if not keymat:
        raise ProtocolError("KEYMAT", "at least 1 octet", "0 octets")
    check_size("SID", sid, SID_SIZE)
    return prf(function, keymat, sid)


def key_id_from_spis(spi_i: bytes, spi_r: bytes) -> bytes:
    """The 80-octet KeyID that names an IKE SA: SPIi (8) | SPIr (8) | zeros (64) (RFC 7717 §5.3)."""
    check_size("SPIi", spi_i, SPI_SIZE)
    check_size("SPIr", spi_r, SPI_SIZE)
    return (spi_i + spi_r).ljust(KEY_ID_SIZE, b"\0")


def spis_from_key_id(key_id: bytes) -> tuple[bytes, bytes]:
    """SPIi and SPIr, 8 octets each, of an 80-octet KeyID; octets 16 to 79 are ignored (§5.3)."""
    check_size("KeyID", key_id, KEY_ID_SIZE)
    return key_id[:SPI_SIZE], key_id[SPI_SIZE : 2 * SPI_SIZE]


@dataclass(frozen=True)
class IkeSa:
    """What a server keeps of an IKE SA for O/TWAMP: its SPIs, its prf and SK_d."""

    spi_i: bytes
    spi_r: bytes
    function: Prf
    sk_d: bytes = field(repr=False)


@dataclass(frozen=True)
class Exchange:
    """What both ends have of an exchange that rekeys an IKE SA (RFC 7296 §1.3.2, §2.18).

    Attributes:
        ni, spi_i: nonce and new SPI of the end that starts it, whatever it was in the old SA.
        nr, spi_r: nonce and new SPI of the other end.
        shared_secret: g^ir.
        additional_secrets: SK(1) to SK(n) of additional key exchanges (RFC 9370 §2.2.4).
    """

    ni: bytes
    nr: bytes
    spi_i: bytes
    spi_r: bytes
    shared_secret: bytes = field(repr=False)
    additional_secrets: Sequence[bytes] = field(default=(), repr=False)


@dataclass(frozen=True)
class Rekeyed:
    """An IKE SA that replaces another: what it is for O/TWAMP, and where that comes from."""

    sa: IkeSa
    skeyseed: bytes = field(repr=False)
    keys: IkeSaKeys = field(repr=False)


def rekeyed_sa(
    old: IkeSa, function: Prf, of: Exchange, *, integrity_size: int, encryption_size: int
) -> Rekeyed:
    """The IKE SA that replaces another: SKEYSEED by the old prf, SK_* by the new (RFC 7296 §2.18).

    Args:
        function: the prf that the new SA negotiates.
        integrity_size, encryption_size: as in `ike_sa_keys`.
    Raises:
        ProtocolError: an empty g^ir; a nonce or an SPI of a wrong size.
    """
    nonces = of.ni, of.nr
    seed_key = rekeyed_skeyseed(
        old.function, old.sk_d, of.shared_secret, *nonces, of.additional_secrets
    )
    found = ike_sa_keys(
        function,
        seed_key,
        *nonces,
        of.spi_i,
        of.spi_r,
        integrity_size=integrity_size,
        encryption_size=encryption_size,
    )
    return Rekeyed(IkeSa(of.spi_i, of.spi_r, function, found.sk_d), seed_key, found)


def shared_secret_for_key_id(sas: Iterable[IkeSa], key_id: bytes) -> bytes | None:
    """prf(SK_d, "IPPM") of the IKE SA that a KeyID names, by both SPIs (RFC 7717 §5.1, §5.3).

    None if there is no such SA: the server should answer with Accept 6. An SA that was rekeyed has
    other SPIs and another SK_d than the new one; its key lives on in the O/TWAMP connections that
    were set up with it, and nowhere else once the SA is gone from `sas`.

    Raises:
        ProtocolError: a KeyID of the wrong size.
    """
    spis = spis_from_key_id(key_id)
    for sa in sas:
        if (sa.spi_i, sa.spi_r) == spis:
            return shared_secret_from_sk_d(sa.function, sa.sk_d)
    return None

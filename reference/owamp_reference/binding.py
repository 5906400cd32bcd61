"""The shared secret key of O/TWAMP taken from IKEv2, in both forms.

- The proposal (the slides; early drafts): **PRF{ KEYMAT, Session ID }**, from the child SA.
- RFC 7717 §5.1: **prf( SK_d, "IPPM" )**, from the IKE SA.

Either result takes the place of the passphrase: PBKDF2 and the Token follow unchanged. RFC 7717
does not say so in as many words; it replaces the "shared secret" of RFC 4656 §3.1 and repeats
the PBKDF2 step in its §4.2.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from .errors import ProtocolError, check_size
from .ikev2 import SPI_SIZE, Prf, prf
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


def shared_secret_for_key_id(sas: Iterable[IkeSa], key_id: bytes) -> bytes | None:
    """prf(SK_d, "IPPM") of the IKE SA that a KeyID names, by both SPIs (RFC 7717 §5.1, §5.3).

    None if there is no such SA: the server answers with Accept 6. An SA that was rekeyed has
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

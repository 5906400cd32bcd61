"""What the log of charon, the daemon of strongSwan, says of the keys of IKEv2.

At these levels charon writes every value of a key derivation into its log: ``ike = 4`` and
``chd = 4`` (the shared secret of the key exchange, SKEYSEED, SK_*, the seed and the keys of a
child SA), ``enc = 3`` (the nonces), ``mgr = 2`` (the SPIs of the IKE SA), ``cfg = 1`` (the
proposal); and with ``ike_name = yes`` each line names its IKE SA. `reader` reads such a log.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from owamp_reference.binding import IkeSa
from owamp_reference.ikev2 import IkeSaKeys, Prf

LEVELS = "ike = 4, chd = 4, enc = 3, mgr = 2, cfg = 1, ike_name = yes"
"""What a logger of charon needs for its log to be read here."""


class LogError(Exception):
    """A log that is damaged, or lacks what is needed; the text is one line, without secrets."""


class Spis(NamedTuple):
    """The SPIs of an IKE SA, 8 octets each."""

    initiator: bytes
    responder: bytes


@dataclass(frozen=True)
class IkeKeys:
    """The keys of an IKE SA, and what they were derived from, as a daemon logged them.

    An IKE SA has several of these if its keys change: after each additional key exchange while it
    is set up (RFC 9370 §2.2.2), and with a PPK (RFC 8784 §3). The last has the keys that it uses.

    Attributes:
        line: where in the log SKEYSEED or PPK is, from 1.
        spis: of this IKE SA.
        old: of the IKE SA from whose SK_d the keys are: the one that it took the place of, or
            itself before; None for a new one.
        proposal: the negotiated transforms, as charon writes them.
        initiated: whether this daemon sent the request.
        ni, nr: the nonces of the exchange.
        shared_secret: g^ir of the exchange, or SK(n) of the nth additional one.
        additional_secret: SK(1) to SK(n) of a rekeying with additional key exchanges.
        ppk: the PPK from which SK_d, SK_pi and SK_pr are; empty for the other keys.
    """

    line: int
    spis: Spis
    old: Spis | None
    proposal: str
    initiated: bool
    function: Prf
    ni: bytes
    nr: bytes
    shared_secret: bytes = field(repr=False)
    skeyseed: bytes = field(repr=False)
    keys: IkeSaKeys
    additional_secret: bytes = field(default=b"", repr=False)
    ppk: bytes = field(default=b"", repr=False)

    @property
    def is_rekeyed(self) -> bool:
        """Whether it took the place of another IKE SA."""
        return self.old not in (None, self.spis)

    @property
    def sa(self) -> IkeSa:
        """The IKE SA as the binding of O/TWAMP takes it."""
        return IkeSa(*self.spis, self.function, self.keys.sk_d)


@dataclass(frozen=True)
class ChildKeys:
    """The keys of a child SA, and what they were derived from, as a daemon logged them.

    Attributes:
        line: where in the log the seed is, from 1.
        ike: the SPIs of the IKE SA whose SK_d the keys are from.
        spi_in, spi_out: SPIs of ESP, 4 octets each, as this daemon sees the directions.
        initiated: whether this daemon sent the request of the exchange.
        shared_secret: g^ir of the exchange; empty if it had no key exchange of its own.
        additional_secret: SK(1) to SK(n) of additional key exchanges (RFC 9370 §2.2.4).
        encryption_i, integrity_i: of what the exchange's initiator sends; no integrity key with
            an AEAD.
    """

    line: int
    ike: Spis
    spi_in: bytes
    spi_out: bytes
    proposal: str
    initiated: bool
    ni: bytes
    nr: bytes
    shared_secret: bytes = field(repr=False)
    encryption_i: bytes = field(repr=False)
    integrity_i: bytes = field(repr=False)
    encryption_r: bytes = field(repr=False)
    integrity_r: bytes = field(repr=False)
    additional_secret: bytes = field(default=b"", repr=False)

    @property
    def keymat(self) -> bytes:
        """KEYMAT, put together again in the order of RFC 7296 §2.17."""
        return self.encryption_i + self.integrity_i + self.encryption_r + self.integrity_r


@dataclass(frozen=True)
class CharonLog:
    """What a log holds; `version` is that of strongSwan, as the daemon says it at its start."""

    version: str | None
    ike_sas: tuple[IkeKeys, ...]
    child_sas: tuple[ChildKeys, ...]

    def ike_sa(self, spis: Spis) -> IkeKeys | None:
        """The keys that the IKE SA with these SPIs uses."""
        return self.in_use.get(spis)

    @property
    def in_use(self) -> dict[Spis, IkeKeys]:
        """The last keys of each IKE SA."""
        return {sa.spis: sa for sa in self.ike_sas}

"""The keys in a log of charon, computed anew by the reference (RFC 7296 §2.14, §2.17, §2.18)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import astuple, dataclass

from owamp_reference import ikev2
from owamp_reference.errors import ProtocolError
from owamp_reference.ikev2 import Prf

from .log import CharonLog, ChildKeys, IkeKeys, LogError, Spis


@dataclass(frozen=True)
class KeyCheck:
    """One value of a log beside the reference's.

    Attributes:
        line: where in the log the value is, from 1.
        spis: of the IKE SA that it belongs to.
        name: of the value: ``SKEYSEED``, ``SK_*`` or ``KEYMAT``.
        formula: what the reference computed, with the section of RFC 7296.
        agrees: whether the log has the same; None if the log lacks the old IKE SA.
        note: what else can be said; empty if nothing.
    """

    line: int
    spis: Spis
    name: str
    formula: str
    agrees: bool | None
    note: str = ""


def check_keys(log: CharonLog) -> Iterator[KeyCheck]:
    """Every derivation of a log: IKE SAs first, then child SAs.

    Raises:
        LogError: a nonce of a size that RFC 7296 does not allow.
    """
    derivations = [(sa.line, _ike(log, sa)) for sa in log.ike_sas]
    derivations += [(child.line, _child(log, child)) for child in log.child_sas]
    for line, checks in derivations:
        try:
            yield from checks
        except ProtocolError as error:
            raise LogError(f"line {line}: {error}") from None


def _ike(log: CharonLog, sa: IkeKeys) -> Iterator[KeyCheck]:
    old = None if sa.old is None else log.ike_sa(sa.old)
    if sa.old is None:
        formula = "prf(Ni | Nr, g^ir), §2.14"
        skeyseed = ikev2.skeyseed(sa.function, sa.ni, sa.nr, sa.shared_secret)
        yield KeyCheck(sa.line, sa.spis, "SKEYSEED", formula, skeyseed == sa.skeyseed)
    else:
        formula = "prf(SK_d (old), g^ir (new) | Ni | Nr), §2.18"
        if old is None:
            note = "the log lacks the old IKE SA"
            yield KeyCheck(sa.line, sa.spis, "SKEYSEED", formula, None, note)
        else:
            skeyseed = ikev2.rekeyed_skeyseed(
                old.function, old.keys.sk_d, sa.shared_secret, sa.ni, sa.nr
            )
            yield KeyCheck(sa.line, sa.spis, "SKEYSEED", formula, skeyseed == sa.skeyseed)
    keys = ikev2.ike_sa_keys(
        sa.function,
        sa.skeyseed,
        sa.ni,
        sa.nr,
        *sa.spis,
        integrity_size=len(sa.keys.sk_ai),
        encryption_size=len(sa.keys.sk_ei),
    )
    note = ""
    if keys != sa.keys and old is not None and _are_by(old.function, sa):
        note = f"made by {old.function.name} of the old IKE SA; §2.18 asks for the new one's prf"
    formula = "prf+(SKEYSEED, Ni | Nr | SPIi | SPIr), §2.14"
    yield KeyCheck(sa.line, sa.spis, "SK_*", formula, keys == sa.keys, note)


def _are_by(function: Prf, sa: IkeKeys) -> bool:
    """Whether the keys in the log are prf+ of this prf, in the sizes that they have."""
    stream = b"".join(astuple(sa.keys))
    seed = sa.ni + sa.nr + sa.spis.initiator + sa.spis.responder
    return ikev2.prf_plus(function, sa.skeyseed, seed, len(stream)) == stream


def _child(log: CharonLog, child: ChildKeys) -> Iterator[KeyCheck]:
    new = "g^ir (new) | " if child.shared_secret else ""
    formula = f"prf+(SK_d, {new}Ni | Nr), §2.17"
    sa = log.ike_sa(child.ike)
    if sa is None:
        note = "the log lacks the keys of the IKE SA"
        yield KeyCheck(child.line, child.ike, "KEYMAT", formula, None, note)
        return
    keymat = ikev2.keymat(
        sa.function, sa.keys.sk_d, child.ni, child.nr, len(child.keymat), child.shared_secret
    )
    yield KeyCheck(child.line, child.ike, "KEYMAT", formula, keymat == child.keymat)

"""The keys in a log of charon, computed anew by the reference.

RFC 7296 §2.14, §2.17 and §2.18, with the additional key exchanges of RFC 9370 and the PPK of
RFC 8784.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import astuple, dataclass, replace

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
        formula: what the reference computed, with the section, of RFC 7296 if no other is named.
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
    before: dict[Spis, IkeKeys] = {}
    derivations = []
    for sa in log.ike_sas:
        old = None if sa.old is None else before.get(sa.old)
        derivations.append((sa.line, _ike(sa, old)))
        before[sa.spis] = sa
    derivations += [(child.line, _child(log, child)) for child in log.child_sas]
    for line, checks in derivations:
        try:
            yield from checks
        except ProtocolError as error:
            raise LogError(f"line {line}: {error}") from None


def _ike(sa: IkeKeys, old: IkeKeys | None) -> Iterator[KeyCheck]:
    """The checks of an IKE SA; `old` has the SK_d that its keys are from, if the log does."""
    if sa.ppk:
        yield _with_ppk(sa, old)
        return
    formula = _skeyseed_formula(sa)
    if sa.old is not None and old is None:
        note = "the log lacks the old IKE SA"
        yield KeyCheck(sa.line, sa.spis, "SKEYSEED", formula, None, note)
    else:
        is_right = _skeyseed(sa, old) == sa.skeyseed
        yield KeyCheck(sa.line, sa.spis, "SKEYSEED", formula, is_right)
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


def _skeyseed_formula(sa: IkeKeys) -> str:
    if sa.old is None:
        return "prf(Ni | Nr, g^ir), §2.14"
    if not sa.is_rekeyed:
        return "prf(SK_d(n-1), SK(n) | Ni | Nr), RFC 9370 §2.2.2"
    if sa.additional_secret:
        return "prf(SK_d (old), g^ir (new) | Ni | Nr | SK(1) | … | SK(n)), RFC 9370 §2.2.4"
    return "prf(SK_d (old), g^ir (new) | Ni | Nr), §2.18"


def _skeyseed(sa: IkeKeys, old: IkeKeys | None) -> bytes:
    if old is None:
        return ikev2.skeyseed(sa.function, sa.ni, sa.nr, sa.shared_secret)
    sk_d = old.keys.sk_d
    if not sa.is_rekeyed:
        return ikev2.additional_skeyseed(sa.function, sk_d, sa.shared_secret, sa.ni, sa.nr)
    more = (sa.additional_secret,)
    return ikev2.rekeyed_skeyseed(old.function, sk_d, sa.shared_secret, sa.ni, sa.nr, more)


def _with_ppk(sa: IkeKeys, old: IkeKeys | None) -> KeyCheck:
    """SK_d, SK_pi and SK_pr are from PPK; the other keys stay (RFC 8784 §3)."""
    is_right: bool | None = None
    if old is not None:
        names = ("sk_d", "sk_pi", "sk_pr")
        made = {
            name: ikev2.ppk_sk_d(sa.function, sa.ppk, getattr(old.keys, name)) for name in names
        }
        is_right = replace(old.keys, **made) == sa.keys
    formula = "prf+(PPK, SK_d'), and SK_pi and SK_pr likewise, RFC 8784 §3"
    note = "" if old else "the log lacks the keys before"
    return KeyCheck(sa.line, sa.spis, "SK_d, SK_p*", formula, is_right, note)


def _are_by(function: Prf, sa: IkeKeys) -> bool:
    """Whether the keys in the log are prf+ of this prf, in the sizes that they have."""
    stream = b"".join(astuple(sa.keys))
    seed = sa.ni + sa.nr + sa.spis.initiator + sa.spis.responder
    return ikev2.prf_plus(function, sa.skeyseed, seed, len(stream)) == stream


def _child(log: CharonLog, child: ChildKeys) -> Iterator[KeyCheck]:
    new = "g^ir (new) | " if child.shared_secret else ""
    formula = f"prf+(SK_d, {new}Ni | Nr), §2.17"
    if child.additional_secret:
        formula = f"prf+(SK_d, {new}Ni | Nr | SK(1) | … | SK(n)), RFC 9370 §2.2.4"
    sa = log.ike_sa(child.ike)
    if sa is None:
        note = "the log lacks the keys of the IKE SA"
        yield KeyCheck(child.line, child.ike, "KEYMAT", formula, None, note)
        return
    keymat = ikev2.keymat(
        sa.function,
        sa.keys.sk_d,
        child.ni,
        child.nr,
        len(child.keymat),
        child.shared_secret,
        (child.additional_secret,),
    )
    yield KeyCheck(child.line, child.ike, "KEYMAT", formula, keymat == child.keymat)

"""What a claim means: which adversary it is about, and what follows for who runs an endpoint."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from ..claims.attacks import KnownAttack
from ..claims.declared import Claims
from ..claims.matrix import LOST, excused
from .report_claims import Page

_NETWORK = (
    "It controls the network: it reads, drops, changes and makes messages. It cannot break the "
    "cryptography of the model."
)
_DISTINGUISHER = "It watches the network, and tries to tell two systems apart."


@dataclass(frozen=True)
class Meaning:
    """A claim in words.

    Attributes:
        adversary: what the adversary can do and is given.
        for_you: what follows for who runs or writes an endpoint.
        attack: the attack that falsifies the claim, if it is one of those with advice.
    """

    adversary: str
    for_you: str
    attack: KnownAttack | None = None


def meaning_of(page: Page, claims: Claims, attacks: Iterable[KnownAttack]) -> Meaning:
    """What is said of a claim on its page. What the adversary is given is read from the theory."""
    attack = next((one for one in attacks if page.claim in one.claims), None)
    return Meaning(_adversary(page, claims), _for_you(page, claims, attack), attack)


def _adversary(page: Page, claims: Claims) -> str:
    job = page.claim.job
    if job.diff:
        return _DISTINGUISHER
    text = claims.theory(job).text
    given = dict.fromkeys(re.findall(r"--\[ *(?:Reveal|Learn)(\w+)\(", text))
    names = [LOST.get(name, name) for name in given]
    return f"{_NETWORK} It can be given: {listed(names)}." if names else _NETWORK


def _for_you(page: Page, claims: Claims, attack: KnownAttack | None) -> str:
    claim = page.claim
    if page.status not in ("verified", "falsified"):
        return "There is no current verdict."
    if claim.kind == "control":
        return (
            "Nothing to do: this is about a design that is in no document. It shows what another "
            "claim rests on, of which it is the control."
        )
    if claim.kind == "sanity":
        return "Nothing to do: it shows that the model does what the protocol does."
    if claim.kind == "helper":
        return "Nothing to do: it helps to prove other claims."
    if page.status == "falsified":
        return attack.effect if attack else "Do not rely on it."
    lost = excused(claims, claim) if not claim.job.diff else ()
    unless = f", as long as none of these is lost: {listed(list(lost), 'or')}" if lost else ""
    return f"You can rely on it{unless}."


def listed(names: list[str], word: str = "and") -> str:
    """Names as a list in a sentence."""
    return f" {word} ".join(filter(None, (", ".join(names[:-1]), names[-1])))

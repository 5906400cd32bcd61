"""What a claim is about, read from its formula: protocol, mode, variant, and what may be lost.

A sentence of the draft that rests on claims has to name their protocols, modes and variants, and no
other protocol or mode. What the formula excuses is printed beside the claims. What a whole theory
takes for granted has to be said in the section.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from ..claims.declared import TAMARIN, Claim, Claims
from ..claims.matrix import excused

_PROTOCOLS = {
    "rfc4656": {"TWAMP": r"(?:Sends|Reflects|Returns)(?:Authenticated|Encrypted)\("},
    "rfc4656_reflection": {
        "OWAMP": r"\b(?:Sends|Receives)(?:Authenticated|Encrypted)\(",
        "TWAMP": r"\b(?:TWSends|Takes|Reflects|Returns)(?:Authenticated|Encrypted)\(",
    },
    "twamp_reflector": {"TWAMP": r"Takes"},
    "mixed_mode": {"TWAMP": r"Takes"},
}
"""Theory → protocol → the actions that are about its test packets."""

_MODES = {"authenticated mode": r"[aA]uthenticated", "encrypted mode": r"[eE]ncrypted"}

VARIANTS = {
    "ADDITIONAL_KE": "additional key exchange",
    "BOTH_WAYS": "both directions",
    "EXPONENTS": "exponent",
    "FROM_KEYMAT": "from KEYMAT",
    "IKE_PSK": "pre-shared key",
    "INITIATOR_IS_CLIENT": "initiator",
    "INVERTIBLE": "inverted",
    "KEYMAT_SID": "proposal|KEYMAT",
    "KEYMAT_SID_LATE": "Accept-Session",
    "KEY_EXCHANGE": "key exchange",
    "LOCK_STEP": "wait",
    "LOST": "lost",
    "NO_MIXED_MODE": "offers? (?:no )?Mode 8",
    "ONE_WAY_KDF": "one-way",
    "PPK": "PPK",
    "REKEY": "rekey",
    "REPAIRED_TOKEN": "HMAC over",
    "SAME_SID": "one SID|same SID",
    "SHARED_KEYS": "T3 = T1",
    "SID_IN_KEYS": "each session",
    "TWO_SERVERS": "two servers",
    "TWO_SESSIONS": "two sessions",
    "TRAFFIC": "block",
    "WITHOUT_IV": "Client-IV",
    "WITHOUT_MODE": "Mode",
    "WITHOUT_NAMES": "names",
    "WITHOUT_ROLE": "who sends",
    "WITHOUT_TOKEN": "Token",
}
"""Flag → what a sentence on a theory under it has to say, a regular expression."""

ASSUMPTIONS = {
    "perfect encryption": "nobody makes a ciphertext without its key",
    "one server": "each shared secret belongs to one client and one server",
    "one session": "each connection has one test session, which is a TWAMP session",
    "own keys": "the two ends of a connection have T1 and T2, and nobody else unless they are lost",
    "no loss": "no key is lost",
    "recorded exchange": "nobody changes what the ends of the IKE SA send to each other",
}
"""What theories take for granted, as the draft names and explains it."""

_ASSUMED = {
    "control_blocks": "own keys, no loss",
    "control_stream": "own keys, perfect encryption",
    "ikev2_binding": "perfect encryption",
    "ikev2_recorded": "recorded exchange",
    "ikev2_rekey": "perfect encryption",
    "ikev2_two_keys": "perfect encryption",
    "mixed_mode": "one server, perfect encryption, no loss",
    "rfc4656": "one server, one session, perfect encryption",
    "rfc4656_reflection": "own keys, perfect encryption",
    "token_blocks": "one server, no loss",
    "twamp_reflector": "own keys, perfect encryption, one session, no loss",
}
"""Theory → the assumptions under which what is verified of it holds."""

_SHORT = {
    "Keys": "two keys",
    "T1 and T2": "T1, T2",
    "T3 and T4": "test keys",
    "a long-term key": "long-term key",
    "the shared secret": "shared secret",
    "the shared secret key": "shared secret key",
}
"""What may be lost, as it is called in braces."""

_WIDELY = {"BOTH_WAYS", "TWO_SERVERS"}


@dataclass(frozen=True)
class Scope:
    """What one claim is about.

    Attributes:
        protocols: "OWAMP", "TWAMP"; empty if it is not about test packets.
        modes: "authenticated mode", "encrypted mode"; empty if it is about neither.
        variants: what the text has to say of a variant, regular expressions.
        excused: what may have been lost, so that the claim says nothing.
        assumed: the `ASSUMPTIONS` of its theory.
    """

    protocols: frozenset[str]
    modes: frozenset[str]
    variants: frozenset[str]
    excused: tuple[str, ...]
    assumed: frozenset[str]

    @property
    def label(self) -> str:
        """Protocol and mode, for a table; "" if it is about all of them."""
        modes = [mode.removesuffix(" mode") for mode in sorted(self.modes)]
        return ", ".join([*sorted(self.protocols), *modes])


def scope_of(claims: Claims, claim: Claim) -> Scope:
    """The scope of a claim, by its formula and its theory."""
    if claim.job.prover != TAMARIN:
        return Scope(frozenset(), frozenset(), _variants(claim), (), frozenset())
    theory = claims.theory(claim.job)
    lemma = theory.lemma(claim.job.lemma)
    formula = theory.text[lemma.start : lemma.end]
    protocols = _PROTOCOLS.get(claim.job.model, {})
    is_verified = claim.expected == "verified"
    holds_always = is_verified and claims.quantifier(claim.job) == "all-traces"
    assumed = set(filter(None, _ASSUMED.get(claim.job.model, "").split(", ")))
    if _WIDELY & set(claim.job.flags):
        assumed.discard("one server")
    return Scope(
        frozenset(name for name, pattern in protocols.items() if re.search(pattern, formula)),
        frozenset(m for m, pattern in _MODES.items() if protocols and re.search(pattern, formula)),
        _variants(claim),
        tuple(_SHORT.get(key, key) for key in excused(claims, claim)) if holds_always else (),
        frozenset(assumed) if holds_always else frozenset(),
    )


def _variants(claim: Claim) -> frozenset[str]:
    return frozenset(VARIANTS.get(flag, flag) for flag in claim.job.flags)


def beyond_scope(sentence: str, scopes: Iterable[Scope], assumed: set[str]) -> Iterator[str]:
    """What keeps a sentence from saying just what its claims say, one line each.

    Args:
        sentence: plain text.
        scopes: of the claims that it rests on.
        assumed: the `ASSUMPTIONS` that its section states.
    """
    scopes = list(scopes)
    said = sentence.replace("both modes", "authenticated mode and encrypted mode")
    for names, found in (
        (("OWAMP", "TWAMP"), {name for scope in scopes for name in scope.protocols}),
        (tuple(_MODES), {name for scope in scopes for name in scope.modes}),
    ):
        for name in names:
            if name in found and name not in said:
                yield f"does not say {name!r}, to which its claims are limited"
            if name in said and found and name not in found:
                yield f"says {name!r}, of which its claims say nothing"
    for pattern in sorted({p for scope in scopes for p in scope.variants}):
        if not re.search(pattern, said):
            yield f"does not say {pattern!r}, the variant of a claim"
    for name in sorted({name for scope in scopes for name in scope.assumed} - assumed):
        yield f"rests on {name!r}, which its section does not state"

"""The prover's known bugs: which a theory here could show, and why its verdicts stand."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable

import pytest
from owamp_vectors.claims.declared import Claim, by_theory, load
from owamp_vectors.claims.inventory import declared
from owamp_vectors.claims.ledger import PROOF, Ledger
from owamp_vectors.claims.prover.running import proving_run
from owamp_vectors.claims.theory_text import Theory

from ..support import VECTORS

MODELS = VECTORS.parent / "models"
CLAIMS = load(MODELS, VECTORS)
LEDGER = Ledger.load(MODELS / "proofs")
BUGS = tomllib.loads((MODELS / "prover-bugs.toml").read_text(encoding="utf-8"))["bug"]
GROUPS = by_theory(CLAIMS.claims)


def has(pattern: str) -> Callable[[Theory], bool]:
    return lambda theory: bool(re.search(pattern, theory.text))


def lemma_is(*attributes: str) -> Callable[[Theory], bool]:
    return lambda theory: any(
        attribute in lemma.attributes for lemma in theory.lemmas for attribute in attributes
    )


def equates_pairs(theory: Theory) -> bool:
    lines = [line for line in declared(theory.text) if line.startswith("equation ")]
    return any("<" in line and "fst(" not in line and "snd(" not in line for line in lines)


def has_fresh_state(theory: Theory) -> bool:
    """A state fact about a fresh value, which might be injective."""
    facts = re.findall(r"(?<![!\w])([A-Z]\w*)\(\s*~", theory.text)
    return bool(set(facts) - {"Fr", "In", "Out"} & set(_produced(theory)))


def _produced(theory: Theory) -> list[str]:
    sides = re.findall(
        r"->\s*\[(.*?)\]\s*(?=rule|lemma|restriction|[a-z]+\b|\Z)", theory.text, re.S
    )
    return [fact for side in sides for fact in re.findall(r"(?<![!\w])([A-Z]\w*)\(\s*~", side)]


FEATURES: dict[str, Callable[[Theory], bool]] = {
    "include": lambda theory: len(theory.files) > 1,
    "rules": has(r"\brule\b"),
    "xor": has(r"builtins:[^:]*\bxor\b"),
    "natural numbers": has(r"builtins:[^:]*\bnatural-numbers\b"),
    "subterms": has(r"<<|⊏"),
    "last": has(r"\blast\s*\("),
    "macros": has(r"\bmacros\s*:"),
    "restriction": has(r"\b(restriction|axiom)\s+\w+"),
    "restriction without outer quantifier": has(r'\brestriction\s+\w+[^"]*"\s*(?!All\b|∀)'),
    "_restrict": has(r"_restrict"),
    "explicit variants": has(r"\bvariants\b"),
    "product of exponents": has(r"(?s)diffie-hellman.*\*"),
    "process": has(r"\bprocess\s*:"),
    "equation over pairs": equates_pairs,
    "fresh state": has_fresh_state,
    "induction": lemma_is("use_induction", "sources"),
    "sources": lemma_is("sources"),
    "reuse": lemma_is("reuse"),
    "diff": lambda theory: theory.diff,
    "--partial-evaluation": lambda theory: any("partial" in option for option in run_of(theory)),
}


def run_of(theory: Theory) -> list[str]:
    [group] = [group for group in GROUPS if CLAIMS.theory(group[0].job) is theory]
    return proving_run(theory, group, memory=1)


@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: str(bug["id"]))
def test_a_bug_that_could_show_has_a_word_why_verdicts_stand(bug: dict[str, str]) -> None:
    assert set(bug) - {"stands"} == {"id", "url", "what", "needs"}
    assert bug["url"].startswith("https://github.com/tamarin-prover/tamarin-prover/")
    theories = [CLAIMS.theory(group[0].job) for group in GROUPS]
    exposed = [t.path.name for t in theories if all(FEATURES[need](t) for need in bug["needs"])]
    assert bool(exposed) == ("stands" in bug), f"{bug['id']}: {exposed}"


def verified_of_all_traces() -> list[Claim]:
    return [
        claim
        for claim in CLAIMS.claims
        if claim.expected == "verified" and CLAIMS.quantifier(claim.job) == "all-traces"
    ]


def test_no_theory_has_a_sources_lemma() -> None:
    theories = [CLAIMS.theory(group[0].job) for group in GROUPS]
    assert [t.path.name for t in theories if FEATURES["sources"](t)] == []


def test_no_proof_of_all_traces_is_about_an_xor() -> None:
    for claim in verified_of_all_traces():
        if FEATURES["xor"](CLAIMS.theory(claim.job)):
            proof = LEDGER.artefact(claim.job, PROOF)
            assert proof is not None
            steps = proof.rpartition("*/")[2]
            assert not re.search(r"⊕|XOR|xor", steps), claim.id


def test_what_is_proved_by_induction_is_true_of_the_empty_trace() -> None:
    for claim in verified_of_all_traces():
        proof = LEDGER.artefact(claim.job, PROOF) or ""
        if re.search(r"^induction\b", proof, re.MULTILINE):
            theory = CLAIMS.theory(claim.job)
            lemma = theory.lemma(claim.job.lemma)
            formula = theory.text[lemma.start : lemma.end].split('"')[1]
            guards = re.findall(r"(?:^|&)\s*\(*\s*(?:All|∀)[^.]*\.\s*\(*\s*!?[A-Z]\w*\(", formula)
            assert guards, claim.id
            assert re.match(r"\s*\(*\s*(?:All|∀)", formula), claim.id


def test_every_feature_is_looked_for_because_a_bug_needs_it() -> None:
    assert {need for bug in BUGS for need in bug["needs"]} == set(FEATURES)

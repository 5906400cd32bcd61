"""Checking recorded proofs, without searching."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ...disk import FileError
from ..declared import Claim, Claims
from ..ledger import PROOF, UNPROVED, Entry, Ledger
from .reading import failure, proof_block, summary_line, warnings
from .running import Ran, RunLimits, Runner, runtime, theory_options


@dataclass(frozen=True)
class Recheck:
    """What came of checking a recorded proof: a problem, or "" if it holds."""

    claim: Claim
    problem: str
    seconds: float


def recheck(
    runner: Runner, claims: Claims, chosen: list[Claim], ledger: Ledger, limits: RunLimits
) -> Iterator[Recheck]:
    """Let the prover check recorded proofs, without searching: one run a model and flags.

    What it gets is the model as `read_theory` resolves it, with the recorded proofs below their
    lemmas. A proof holds if the prover comes to the recorded verdict by it; what it
    would have to search for counts as unproved.
    """
    groups: dict[tuple[str, tuple[str, ...], bool], list[Claim]] = {}
    for claim in chosen:
        entry = ledger.current(claim.job, claims.digest(claim.job))
        if entry is None:
            yield Recheck(claim, "no current verdict is recorded", 0.0)
        else:
            key = (claim.job.model, claim.job.flags, claim.job.diff)
            groups.setdefault(key, []).append(claim)
    for group in groups.values():
        yield from _recheck_group(runner, claims, group, ledger, limits)


def _recheck_group(
    runner: Runner, claims: Claims, group: list[Claim], ledger: Ledger, limits: RunLimits
) -> Iterator[Recheck]:
    proofs, checked = {}, []
    for claim in group:
        try:
            block = ledger.artefact(claim.job, PROOF)
            if block is None:
                raise FileError("the proof is missing")
            proofs[claim.job.lemma] = proof_block(block, claim.job)[1]
            checked.append(claim)
        except FileError as error:
            yield Recheck(claim, str(error), 0.0)
    if not checked:
        return
    job = checked[0].job
    timeout = sum(limits.seconds(claim) for claim in checked)
    with tempfile.TemporaryDirectory(prefix="owamp-recheck-") as scratch:
        path, printed = Path(scratch) / f"{job.model}.spthy", Path(scratch) / "printed"
        path.write_text(claims.theory(job).with_proofs(proofs), encoding="utf-8")
        arguments = [
            *theory_options(job),
            f"--output={printed}",
            str(path),
            *runtime(limits.memory),
        ]
        ran = runner.run(arguments, Path(scratch), timeout)
        theory = printed.read_text(encoding="utf-8") if printed.exists() else ""
    problem = next((text for text in failure(ran, limits.memory, timeout) if text), "")
    problem = problem or warnings(ran, theory, job)
    for claim in checked:
        yield Recheck(
            claim, problem or _compare(ran, claim, ledger.entries[claim.job]), ran.seconds
        )


def _compare(ran: Ran, claim: Claim, entry: Entry) -> str:
    line = summary_line(ran, claim.job)
    if line is None:
        return "the prover says nothing of it"
    if line.verdict != entry.verdict:
        said = line.status if line.verdict == UNPROVED else line.verdict
        return f"recorded {entry.verdict}, the prover says {said}"
    return ""

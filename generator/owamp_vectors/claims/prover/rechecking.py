"""Checking recorded proofs, without searching."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path

from ...disk import FileError, write_file
from ..declared import Claim, Claims, by_theory
from ..ledger import PROOF, UNPROVED, Entry, Ledger
from .reading import failure, misread, proof_block, summary_line
from .running import Ran, RunLimits, Runner, runtime, theory_options


@dataclass(frozen=True)
class Recheck:
    """What came of checking a recorded proof: a problem, or "" if it holds."""

    claim: Claim
    problem: str


def recheck(
    runner: Runner,
    claims: Claims,
    chosen: list[Claim],
    ledger: Ledger,
    limits: RunLimits,
    jobs: int,
) -> Iterator[Recheck]:
    """Let the prover check recorded proofs, without searching: one run per model and flags.

    What it gets is the model as `read_theory` resolves it, with the recorded proofs below their
    lemmas. A proof holds if the prover comes to the recorded verdict by it; what it
    would have to search for counts as unproved. What took longest to prove is checked first.
    """

    def seconds(group: list[Claim]) -> float:
        entries = [ledger.entries.get(claim.job) for claim in group]
        return max(entry.seconds if entry else 0 for entry in entries)

    pool = ThreadPoolExecutor(max_workers=jobs)
    try:
        futures = [
            pool.submit(_recheck_theory, runner, claims, group, ledger, limits)
            for group in sorted(by_theory(chosen), key=seconds, reverse=True)
        ]
        for future in as_completed(futures):
            yield from future.result()
    finally:
        runner.stop()
        pool.shutdown(wait=True, cancel_futures=True)


def _recheck_theory(
    runner: Runner, claims: Claims, group: list[Claim], ledger: Ledger, limits: RunLimits
) -> list[Recheck]:
    found, proofs, checked = [], {}, []
    for claim in group:
        try:
            proofs[claim.job.lemma] = _recorded_proof(claims, claim, ledger)
            checked.append(claim)
        except FileError as error:
            found.append(Recheck(claim, str(error)))
    if not checked:
        return found
    job, theory = checked[0].job, claims.theory(checked[0].job)
    timeout = limits.timeout * len(checked)
    with tempfile.TemporaryDirectory(prefix="owamp-recheck-") as scratch:
        path, printed = Path(scratch) / f"{job.title}.spthy", Path(scratch) / "printed"
        write_file(path, theory.with_proofs(proofs))
        options = [*theory_options(job, derivations=False), f"--output={printed}"]
        ran = runner.run([*options, path.name, *runtime(limits.memory)], Path(scratch), timeout)
        text = printed.read_text(encoding="utf-8") if printed.exists() else ""
    problem = next((text for text in failure(ran, limits.memory, timeout) if text), "")
    problem = problem or misread(ran, theory, text)
    for claim in checked:
        differs = problem or _compare(ran, claim, ledger.entries[claim.job])
        found.append(Recheck(claim, differs))
    return found


def _recorded_proof(claims: Claims, claim: Claim, ledger: Ledger) -> str:
    """The proof that is recorded. Raises `FileError` if there is none for the theory of today."""
    if ledger.current(claim.job, claims.digest(claim.job)) is None:
        raise FileError("no current verdict is recorded")
    block = ledger.artefact(claim.job, PROOF)
    if block is None:
        raise FileError("the proof is missing")
    return proof_block(block, claim.job)[1]


def _compare(ran: Ran, claim: Claim, entry: Entry) -> str:
    line = summary_line(ran, claim.job)
    if line is None:
        return "the prover says nothing of it"
    if line.verdict != entry.verdict:
        said = line.status if line.verdict == UNPROVED else line.verdict
        return f"recorded {entry.verdict}, the prover says {said}"
    return ""

"""Deciding the lemmas of claims, and recording what comes of it."""

from __future__ import annotations

import tempfile
import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from ...disk import FileError
from ..declared import Claim, Claims
from ..ledger import PROOF, TRACE, UNPROVED, Entry, Ledger
from ..trace import slim
from .reading import (
    SummaryLine,
    failure,
    has_graph,
    last_lines,
    pictures,
    proof_block,
    summary_line,
    warnings,
)
from .running import Ran, RunLimits, Runner, command, lemma_run, theory_run


@dataclass(frozen=True)
class Outcome:
    """What came of a run: an entry with its files, or an error, and no verdict is recorded."""

    claim: Claim
    entry: Entry | None = None
    artefacts: dict[str, str] = field(default_factory=dict)
    error: str = ""
    remarks: tuple[str, ...] = ()


class _TheoryChecks:
    """The checks of theories, each made once, by whoever asks for it first."""

    def __init__(self, runner: Runner, claims: Claims, limits: RunLimits) -> None:
        self._runner = runner
        self._claims = claims
        self._limits = limits
        self._lock = threading.Lock()
        self._found: dict[str, Future[str]] = {}

    def problem(self, claim: Claim) -> str:
        """What is wrong with a claim's theory, "" if nothing is."""
        job = claim.job
        if job.diff:
            return ""  # its one lemma's run makes them
        with self._lock:
            found = self._found.get(job.title)
            is_first = found is None
            if found is None:
                found = self._found[job.title] = Future()
        if is_first:
            try:
                found.set_result(self._check(claim))
            except BaseException as error:
                found.set_exception(error)
                raise
        return found.result()

    def _check(self, claim: Claim) -> str:
        memory, timeout = self._limits.memory, self._limits.seconds(claim)
        arguments = theory_run(self._claims, claim.job, memory)
        ran = self._runner.run(arguments, self._claims.models.resolve().parent, timeout)
        reason, error = failure(ran, memory, timeout)
        error = error or warnings(ran, ran.out, claim.job)
        return f"the theory's checks: {reason}" if reason else error


def _prove(
    runner: Runner, claims: Claims, claim: Claim, limits: RunLimits, checks: _TheoryChecks
) -> Outcome:
    """Run the prover on a claim's lemma, if its theory passes all checks."""
    try:
        if problem := checks.problem(claim):
            return Outcome(claim, error=problem)
        return _prove_lemma(runner, claims, claim, limits)
    except (FileError, OSError) as error:
        return Outcome(claim, error=str(error))


def _prove_lemma(runner: Runner, claims: Claims, claim: Claim, limits: RunLimits) -> Outcome:
    digest, quantifier = claims.digest(claim.job), claims.quantifier(claim.job)
    ran, written = _run(runner, claims, claim, limits)
    verdict, steps = UNPROVED, 0
    reason, error = failure(ran, limits.memory, limits.seconds(claim))
    if not reason and not error:
        line = summary_line(ran, claim.job)
        error = warnings(ran, written["theory"], claim.job)
        error = error or _problem(line, quantifier, ran, claim)
        if line is not None and line.verdict == UNPROVED:
            reason = line.status
        elif line is not None:
            verdict, steps = line.verdict, line.steps
    if error:
        return Outcome(claim, error=error)
    artefacts: dict[str, str] = {}
    remarks: list[str] = []
    if verdict != UNPROVED:
        artefacts, remarks = _artefacts(runner, claim, verdict, quantifier, written)
    entry = Entry(
        job=claim.job,
        quantifier=quantifier,
        digest=digest,
        verdict=verdict,
        steps=steps,
        seconds=ran.seconds,
        prover=runner.prover.version,
        revision=runner.prover.revision,
        maude=runner.prover.maude,
        command=command(claims, claim.job, limits.memory),
        date=datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        reason=reason,
        trace=TRACE in artefacts,
    )
    return Outcome(claim, entry, artefacts, remarks=tuple(remarks))


def _run(
    runner: Runner, claims: Claims, claim: Claim, limits: RunLimits
) -> tuple[Ran, dict[str, str]]:
    """A run on a lemma, and what it has written: the theory, and the trace as JSON and as dot."""
    arguments = lemma_run(claims, claim.job, limits.memory)
    with tempfile.TemporaryDirectory(prefix="owamp-prove-") as scratch:
        outputs = {name: Path(scratch) / name for name in ("theory", "json", "dot")}
        sinks = [f"--output={outputs['theory']}"]
        if _writes_trace(runner, claim):
            sinks += [f"--output-json={outputs['json']}", f"--output-dot={outputs['dot']}"]
        end = arguments.index("+RTS")
        arguments[end:end] = sinks
        root = claims.models.resolve().parent
        ran = runner.run(arguments, root, limits.seconds(claim))
        return ran, {
            name: path.read_text(encoding="utf-8", errors="replace") if path.exists() else ""
            for name, path in outputs.items()
        }


def _writes_trace(runner: Runner, claim: Claim) -> bool:
    return not claim.job.diff and runner.prover.writes_traces


def _problem(line: SummaryLine | None, quantifier: str, ran: Ran, claim: Claim) -> str:
    """Why what the summary says cannot be taken; "" if it can."""
    if line is None:
        return f"no line on {claim.job.lemma} in its summary: {last_lines(ran.out)}"
    if line.quantifier != quantifier:
        return f"it takes the lemma as {line.quantifier}, this reader as {quantifier}"
    return ""


def _artefacts(
    runner: Runner, claim: Claim, verdict: str, quantifier: str, written: dict[str, str]
) -> tuple[dict[str, str], list[str]]:
    """What lies beside an entry with a verdict, and remarks on what is not there."""
    artefacts = {PROOF: proof_block(written["theory"], claim.job)[0]}
    if has_graph(written["json"]):
        trace = slim(written["json"])
        drawn, remarks = pictures(claim, quantifier, trace, written["dot"])
        return {**artefacts, TRACE: trace, **drawn}, remarks
    has_trace = (verdict == "falsified") == (quantifier == "all-traces")
    if has_trace and not _writes_trace(runner, claim):
        remark = "no trace: only tamarin-prover 1.10 and later, not in --diff mode, write it"
        return artefacts, [remark]
    return artefacts, []


def prove_all(
    runner: Runner,
    claims: Claims,
    chosen: list[Claim],
    ledger: Ledger,
    limits: RunLimits,
    jobs: int,
) -> Iterator[Outcome]:
    """Run the prover on each claim, several at a time, recording each outcome when it is there.

    A run without a verdict does not replace an entry with a verdict on today's digest. When this
    ends early, by an exception or because the caller stops asking, the provers are ended too.
    """
    pool = ThreadPoolExecutor(max_workers=jobs)
    try:
        checks = _TheoryChecks(runner, claims, limits)
        futures = [
            pool.submit(_prove, runner, claims, claim, limits, checks) for claim in _spread(chosen)
        ]
        for future in as_completed(futures):
            outcome = future.result()
            entry = outcome.entry
            if entry and (entry.finished or not ledger.current(entry.job, entry.digest)):
                ledger.record(entry, outcome.artefacts)
            yield outcome
    finally:
        runner.stop()
        pool.shutdown(wait=True, cancel_futures=True)


def _spread(chosen: list[Claim]) -> list[Claim]:
    """The claims, one of each theory in turn, so that nobody waits for another's checks."""
    seen: Counter[str] = Counter()
    turns = []
    for claim in chosen:
        turns.append((seen[claim.job.title], claim))
        seen[claim.job.title] += 1
    return [claim for _, claim in sorted(turns, key=lambda turn: turn[0])]

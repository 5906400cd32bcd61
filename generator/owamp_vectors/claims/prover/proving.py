"""Deciding the lemmas of claims, and recording what comes of it."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

from ...disk import FileError, write_file
from ..cast import cast_of
from ..declared import Claim, Claims, by_theory
from ..ledger import PROOF, TRACE, UNPROVED, Entry, Ledger
from ..theory_text import Theory
from ..trace import slim
from .reading import (
    WELLFORMEDNESS,
    SummaryLine,
    failure,
    last_lines,
    misread,
    pictures,
    proof_block,
    summary_line,
    traces_apart,
)
from .running import Ran, RunLimits, Runner, command, proving_run


@dataclass(frozen=True)
class ProofOutcome:
    """What came of a run: an entry with its files, or an error, and no verdict is recorded."""

    claim: Claim
    entry: Entry | None = None
    artefacts: dict[str, str] = field(default_factory=dict)
    error: str = ""
    remarks: tuple[str, ...] = ()


class _NoEndError(Exception):
    """A run of several lemmas that tells nothing, where one run for each may tell more."""


@dataclass(frozen=True)
class _Proving:
    """What a run is about: claims of one theory, decided in one process."""

    runner: Runner
    claims: Claims
    group: list[Claim]
    limits: RunLimits

    @property
    def theory(self) -> Theory:
        return self.claims.theory(self.group[0].job)

    @property
    def writes_traces(self) -> bool:
        return not self.theory.diff and self.runner.prover.writes_traces

    def alone(self) -> Iterator[_Proving]:
        return (replace(self, group=[claim]) for claim in self.group)

    def outcomes(self) -> list[ProofOutcome]:
        """Run the prover.

        Raises:
            _NoEndError: nothing came of a run on several lemmas.
            FileError: what it has written does not hold what it should.
        """
        ran, written = self._run()
        reason, error = failure(ran, self.limits.memory, self.limits.timeout)
        several = len(self.group) > 1
        if several and (reason or error) and not error.startswith(WELLFORMEDNESS):
            raise _NoEndError
        if not reason:
            error = error or misread(ran, self.theory, written["theory"])
        if error:
            return [ProofOutcome(claim, error=error) for claim in self.group]
        if reason:
            return [
                ProofOutcome(claim, self._entry(claim, ran, reason, None)) for claim in self.group
            ]
        lines = {claim.job.lemma: summary_line(ran, claim.job) for claim in self.group}
        names = [lemma.name for lemma in self.theory.lemmas]
        traced = [name for name in names if _has_trace(lines.get(name))]
        traces = traces_apart(written["json"], written["dot"], traced)
        if several and self.writes_traces and len(traces) != len(traced):
            raise _NoEndError
        printed = written["theory"]
        return [
            self._outcome(claim, lines[claim.job.lemma], ran, printed, traces)
            for claim in self.group
        ]

    def _run(self) -> tuple[Ran, dict[str, str]]:
        """A run, and what it has written: the theory, and the traces as JSON and as dot."""
        arguments = proving_run(self.theory, self.group, self.limits.memory)
        with tempfile.TemporaryDirectory(prefix="owamp-prove-") as scratch:
            directory = Path(scratch)
            resolved = directory / f"{self.group[0].job.title}.spthy"
            write_file(resolved, self.theory.text)
            outputs = {name: directory / name for name in ("theory", "json", "dot")}
            sinks = [f"--output={outputs['theory']}"]
            if self.writes_traces:
                sinks += [f"--output-json={outputs['json']}", f"--output-dot={outputs['dot']}"]
            end = arguments.index("+RTS")
            arguments[end:end] = sinks
            ran = self.runner.run(arguments, directory, self.limits.timeout)
            return ran, {
                name: path.read_text(encoding="utf-8", errors="replace") if path.exists() else ""
                for name, path in outputs.items()
            }

    def _entry(self, claim: Claim, ran: Ran, reason: str, line: SummaryLine | None) -> Entry:
        """What is recorded of a claim."""
        prover = self.runner.prover
        return Entry(
            job=claim.job,
            quantifier=self.claims.quantifier(claim.job),
            digest=self.claims.digest(claim.job),
            verdict=line.verdict if line else UNPROVED,
            steps=line.steps if line and not reason else 0,
            seconds=ran.seconds,
            covers=len(self.group),
            prover=prover.version,
            revision=prover.revision,
            maude=prover.maude,
            command=command(self.theory, self.group, self.limits.memory),
            date=datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            reason=reason,
        )

    def _outcome(
        self,
        claim: Claim,
        line: SummaryLine | None,
        ran: Ran,
        printed: str,
        traces: dict[str, tuple[str, str]],
    ) -> ProofOutcome:
        """What the summary says of a claim, with its files."""
        job, quantifier = claim.job, self.claims.quantifier(claim.job)
        if line is None:
            error = f"no line on {job.lemma} in its summary: {last_lines(ran.out)}"
            return ProofOutcome(claim, error=error)
        if line.verdict == UNPROVED:
            return ProofOutcome(claim, self._entry(claim, ran, line.status, line))
        entry = self._entry(claim, ran, "", line)
        artefacts = {PROOF: proof_block(printed, job)[0]}
        remarks: list[str] = []
        if job.lemma in traces:
            graph, dot = traces[job.lemma]
            artefacts[TRACE] = slim(graph)
            cast = cast_of(self.claims, job)
            drawn, remarks = pictures(claim, quantifier, artefacts[TRACE], dot, cast)
            entry, artefacts = replace(entry, trace=True), artefacts | drawn
        elif _has_trace(line) and job.diff:
            remarks = ["no trace: tamarin-prover writes none in --diff mode"]
        elif _has_trace(line) and not self.writes_traces:
            remarks = ["no trace: only tamarin-prover 1.10 and later write it"]
        return ProofOutcome(claim, entry, artefacts, remarks=tuple(remarks))


def _has_trace(line: SummaryLine | None) -> bool:
    """Whether the verdict was found by a trace: an attack, or a run that was asked for."""
    if line is None or line.verdict == UNPROVED:
        return False
    return (line.verdict == "falsified") == (line.quantifier != "exists-trace")


def _prove(proving: _Proving) -> list[ProofOutcome]:
    """Run the prover on claims of one theory: once, or once for each if that comes to no end."""
    try:
        return proving.outcomes()
    except _NoEndError:
        return [outcome for alone in proving.alone() for outcome in _prove(alone)]
    except (FileError, OSError) as error:
        return [ProofOutcome(claim, error=str(error)) for claim in proving.group]


def prove_all(
    runner: Runner,
    claims: Claims,
    chosen: list[Claim],
    ledger: Ledger,
    limits: RunLimits,
    jobs: int,
) -> Iterator[ProofOutcome]:
    """Run the prover on each theory, several at a time, recording what came of it when it ends.

    A run without a verdict does not replace an entry with a verdict on today's digest. When this
    ends early, by an exception or because the caller stops asking, the provers are ended too.
    """
    pool = ThreadPoolExecutor(max_workers=jobs)
    try:
        futures = [
            pool.submit(_prove, _Proving(runner, claims, group, limits))
            for group in by_theory(chosen, by_search=True)
        ]
        for future in as_completed(futures):
            for outcome in future.result():
                entry = outcome.entry
                if entry and (entry.finished or not ledger.current(entry.job, entry.digest)):
                    ledger.record(entry, outcome.artefacts)
                yield outcome
    finally:
        runner.stop()
        pool.shutdown(wait=True, cancel_futures=True)

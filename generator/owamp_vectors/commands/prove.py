"""The command ``prove``."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import click

from ..claims import table as claims_table
from ..claims.declared import Claim, Claims, Job, load
from ..claims.ledger import ARTEFACTS, LEDGER, ConflictError, Ledger, merge
from ..claims.prover.proving import ProofOutcome, prove_all
from ..claims.prover.running import RunLimits, Runner, command
from ..disk import FileError
from ..words import unknown
from .about_claims import (
    check_writable,
    choose,
    directories,
    prover_options,
    running_prover,
    selection,
)
from .console import DIFFERENT, EXIT_CODES, clear_errors, echo
from .options import quiet_option


@click.command(epilog=EXIT_CODES)
@click.argument("ledgers", nargs=-1, metavar="[LEDGER]...", type=click.Path(path_type=Path))
@selection
@prover_options
@click.option("--force", is_flag=True, help="Run also what has a current verdict.")
@click.option(
    "--print-theory",
    "title",
    metavar="MODEL[+FLAG]...",
    help="Print the one text that the prover gets of a theory; run nothing.",
)
@click.option("--list-jobs", is_flag=True, help="Print the runs as JSON, and run nothing.")
@click.option(
    "--merge", "merging", is_flag=True, help="Take over what each LEDGER has; run nothing."
)
@directories
@quiet_option
def prove(
    ledgers: tuple[Path, ...],
    models_named: tuple[str, ...],
    lemmas_named: tuple[str, ...],
    claims_named: tuple[str, ...],
    jobs: int,
    timeout: int | None,
    memory: int,
    tamarin: str | None,
    force: bool,
    title: str | None,
    list_jobs: bool,
    merging: bool,
    models: Path,
    proofs: Path | None,
    vectors: Path,
) -> None:
    """Run tamarin-prover on the lemmas of the claims, and record verdicts, proofs and traces.

    The prover gets each theory as one text, without includes and flags, and decides all its lemmas
    in one process; if that does not end, each lemma in a process of its own. There is a verdict
    only if what the prover prints as the theory that it has read declares what the text does.

    Each finished run is in the ledger at once: a run of this command that is interrupted loses
    nothing else, and the next one goes on where it ended. A lemma is run again when its digest has
    changed: the model but for comments and other lemmas, its flags, what it includes.

    A run that reaches a limit is recorded as "not proved here", unless there is a current verdict.
    A theory with wellformedness warnings gives no verdict.

    LEDGER, with --merge, is a ledger.json or the directory that holds one.

    \b
    Examples:
      owamp-vectors prove --jobs 4
      owamp-vectors prove --model rfc4656 --timeout 3600 --memory 16
      owamp-vectors prove --list-jobs                           for a CI matrix or a job array
      owamp-vectors prove --claim ID --proofs out/ID            one job of it
      owamp-vectors prove --merge out/*                         its results
    """
    if list_jobs and merging:
        raise click.UsageError("--list-jobs and --merge exclude each other")
    if ledgers and not merging:
        raise click.UsageError(f"expected --merge before {ledgers[0]}")
    if merging and not ledgers:
        raise click.UsageError("--merge: expected at least one LEDGER")
    proofs = proofs or models / "proofs"
    with clear_errors():
        claims = load(models, vectors)
        chosen = choose(claims, models_named, lemmas_named, claims_named)
        if title is not None:
            click.echo(_resolved(claims, title))
        elif list_jobs:
            click.echo(json.dumps([_job(claims, claim, memory) for claim in chosen], indent=2))
        elif merging:
            _merge(claims, check_writable(proofs), ledgers)
        else:
            ledger = Ledger.load(check_writable(proofs))
            with running_prover(tamarin) as runner:
                limits = RunLimits(memory, timeout)
                _prove(runner, claims, chosen, ledger, limits, jobs, force)


def _resolved(claims: Claims, title: str) -> str:
    """The text of a theory. Raises `click.UsageError` if no claim is about it."""
    jobs = {claim.job.title: claim.job for claim in claims.claims}
    if title not in jobs:
        raise click.UsageError(unknown("theory", title, jobs))
    return claims.theory(jobs[title]).text


def _job(claims: Claims, claim: Claim, memory: int) -> dict[str, Any]:
    return {
        "claim": claim.id,
        "model": claim.job.model,
        "flags": list(claim.job.flags),
        "lemma": claim.job.lemma,
        "command": command(claims.theory(claim.job), [claim.job], memory),
        "run": f"owamp-vectors prove --claim {claim.id}",
    }


def _prove(
    runner: Runner,
    claims: Claims,
    chosen: list[Claim],
    ledger: Ledger,
    limits: RunLimits,
    jobs: int,
    force: bool,
) -> None:
    prover = runner.prover
    click.echo(f"tamarin-prover {prover.version} ({prover.revision}), Maude {prover.maude}")
    due = [c for c in chosen if force or not ledger.current(c.job, claims.digest(c.job))]
    if len(due) < len(chosen):
        click.echo(f"{len(chosen) - len(due)} of {len(chosen)} have a current verdict")
    failed = 0
    for number, outcome in enumerate(prove_all(runner, claims, due, ledger, limits, jobs), 1):
        failed += bool(outcome.error)
        echo(f"[{number}/{len(due)}] {_outcome(outcome)}", err=bool(outcome.error))
        for remark in outcome.remarks:
            echo(f"    {outcome.claim.job}: {remark}", err=True)
    wanted = {claim.id for claim in chosen}
    table = [row for row in claims_table.claim_rows(claims, ledger) if row.claim.id in wanted]
    counts = Counter(row.entry.verdict for row in table if row.entry and row.is_current)
    click.echo(", ".join(f"{count} {verdict}" for verdict, count in sorted(counts.items())))
    lines = [f"{row.claim.id}: {row.problem}" for row in table if row.problem]
    for line in lines:
        click.echo(line, err=True)
    if lines or failed:
        raise click.exceptions.Exit(DIFFERENT)


def _outcome(outcome: ProofOutcome) -> str:
    entry = outcome.entry
    if entry is None:
        return f"error: {outcome.claim.job}: {outcome.error}"
    detail = f"{entry.steps} steps, " if entry.finished else f"{entry.reason}, "
    covers = f" for {entry.covers} lemmas" if entry.covers > 1 else ""
    return f"{entry.verdict}: {entry.job} ({detail}{entry.seconds:g} s{covers})"


def _merge(claims: Claims, proofs: Path, paths: tuple[Path, ...]) -> None:
    sources = []
    for path in paths:
        file = path / LEDGER if path.is_dir() else path
        if not file.is_file():
            raise FileError(f"{file}: no such file")
        sources.append(Ledger.read(file))
    target = Ledger.load(proofs)

    def digest(job: Job) -> str | None:
        try:
            return claims.digest(job)
        except FileError:  # a model or lemma that is no more
            return None

    try:
        taken = merge(target, sources, digest)
    except ConflictError as error:
        click.echo(f"Error: {error}", err=True)
        raise click.exceptions.Exit(DIFFERENT) from None
    for entry, source in taken:
        found = {kind: source.artefact(entry.job, kind) for kind in ARTEFACTS}
        for kind in (".proof",) * entry.finished + (".json",) * entry.trace:
            if found[kind] is None:
                raise FileError(f"{source.path(entry.job, kind)}: no such file")
        target.record(entry, {kind: text for kind, text in found.items() if text is not None})
        click.echo(f"{entry.verdict}: {entry.job} from {source.directory}")
    click.echo(f"{len(taken)} taken over, {len(target.entries)} in {proofs / LEDGER}")

"""The commands about the models: ``prove``, ``claims`` and ``trace``."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import click

from . import claims_table, files
from .chart import Chart, chart_of
from .claims import Claim, Claims, Job, load, select
from .console import (
    DIFFERENT,
    NO_PROVER,
    clear_errors,
    ending,
    models_option,
    proofs_option,
    table,
    vectors_option,
)
from .files import FileError
from .ledger import ARTEFACTS, CHART, LEDGER, TRACE, ConflictError, Ledger, merge
from .prover import (
    MEMORY,
    TIMEOUT,
    Limits,
    NoProverError,
    Outcome,
    Runner,
    command,
    find_prover,
    prove_all,
    recheck,
)

EXIT_CODES = """\b
Exit codes:
  0  everything is as the claims expect
  1  a verdict is missing, stale or unexpected, a run failed, or ledgers contradict each other
  2  the command line is wrong
  3  a file cannot be read or written, or does not fit
  4  there is no tamarin-prover, or none that works
"""

_Command = TypeVar("_Command", bound=Callable[..., Any])


class _NoProver(click.ClickException):
    exit_code = NO_PROVER


@contextmanager
def _runner(path: str | None) -> Iterator[Runner]:
    """A prover; whatever it still runs is ended at the end, also when this program is."""
    try:
        runner = Runner(find_prover(path))
    except NoProverError as error:
        raise _NoProver(str(error)) from None
    with ending(runner.stop):
        yield runner


def _directories(function: _Command) -> _Command:
    """The options that say where models, proofs and vectors are."""
    return models_option(proofs_option(vectors_option(function)))


def _selection(function: _Command) -> _Command:
    """The options that choose claims, and those about the prover."""
    for name, what in (("--claim", "claim"), ("--lemma", "lemma"), ("--model", "model")):
        function = click.option(
            name,
            f"{name[2:]}s_named",
            multiple=True,
            metavar=name[2:].upper(),
            help=f"Only this {what}; can be repeated.",
        )(function)
    return function


def _prover_options(function: _Command) -> _Command:
    """The options about the prover and its limits."""
    usual = f"[default: the claim's own timeout, or {TIMEOUT}]"
    for option in (
        click.option("--tamarin", metavar="PATH", help="The prover, if it is not on PATH."),
        click.option(
            "--memory",
            default=MEMORY,
            show_default=True,
            type=click.IntRange(min=1),
            metavar="GIB",
            help="Memory of a run.",
        ),
        click.option(
            "--timeout",
            type=click.IntRange(min=1),
            metavar="S",
            help=f"Seconds that a run gets.  {usual}",
        ),
    ):
        function = option(function)
    return function


def _choose(
    claims: Claims, models: tuple[str, ...], lemmas: tuple[str, ...], ids: tuple[str, ...]
) -> list[Claim]:
    try:
        return select(claims, models, lemmas, ids)
    except LookupError as error:
        raise click.UsageError(str(error.args[0])) from None


@click.command(epilog=EXIT_CODES)
@click.argument("ledgers", nargs=-1, metavar="[LEDGER]...", type=click.Path(path_type=Path))
@_selection
@click.option(
    "--jobs",
    default=1,
    show_default=True,
    type=click.IntRange(min=1),
    metavar="N",
    help="Provers that run at the same time.",
)
@_prover_options
@click.option("--force", is_flag=True, help="Run also what has a current verdict.")
@click.option("--list-jobs", is_flag=True, help="Print the runs as JSON, and run nothing.")
@click.option(
    "--merge", "merging", is_flag=True, help="Take over what each LEDGER has; run nothing."
)
@_directories
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
    list_jobs: bool,
    merging: bool,
    models: Path,
    proofs: Path | None,
    vectors: Path,
) -> None:
    """Run tamarin-prover on the lemmas of the claims, and record verdicts, proofs and traces.

    Each finished run is in the ledger at once: a run of this command that is interrupted loses
    nothing, and the next one goes on where it ended. A lemma is run again when its digest has
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
        chosen = _choose(claims, models_named, lemmas_named, claims_named)
        if list_jobs:
            click.echo(json.dumps([_job(claims, claim, memory) for claim in chosen], indent=2))
        elif merging:
            _merge(claims, proofs, ledgers)
        else:
            with _runner(tamarin) as runner:
                limits = Limits(memory, timeout)
                _prove(runner, claims, chosen, Ledger.load(proofs), limits, jobs, force)


def _job(claims: Claims, claim: Claim, memory: int) -> dict[str, Any]:
    return {
        "claim": claim.id,
        "model": claim.job.model,
        "flags": list(claim.job.flags),
        "lemma": claim.job.lemma,
        "command": command(claims, claim.job, memory),
        "run": f"owamp-vectors prove --claim {claim.id}",
    }


def _prove(
    runner: Runner,
    claims: Claims,
    chosen: list[Claim],
    ledger: Ledger,
    limits: Limits,
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
        click.echo(f"[{number}/{len(due)}] {_outcome(outcome)}", err=bool(outcome.error))
        for remark in outcome.remarks:
            click.echo(f"    {outcome.claim.job}: {remark}", err=True)
    wanted = {claim.id for claim in chosen}
    table = [row for row in claims_table.rows(claims, ledger) if row.claim.id in wanted]
    counts = Counter(row.entry.verdict for row in table if row.entry and row.is_current)
    click.echo(", ".join(f"{count} {verdict}" for verdict, count in sorted(counts.items())))
    lines = [f"{row.claim.id}: {row.problem}" for row in table if row.problem]
    for line in lines:
        click.echo(line, err=True)
    if lines or failed:
        raise click.exceptions.Exit(DIFFERENT)


def _outcome(outcome: Outcome) -> str:
    entry = outcome.entry
    if entry is None:
        return f"error: {outcome.claim.job}: {outcome.error}"
    detail = f"{entry.steps} steps, " if entry.finished else f"{entry.reason}, "
    return f"{entry.verdict}: {entry.job} ({detail}{entry.seconds:g} s)"


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


@click.command(epilog=EXIT_CODES)
@click.option(
    "--format",
    "form",
    default="text",
    show_default=True,
    type=click.Choice(["text", "markdown", "json"]),
    help="The table's form.",
)
@click.option(
    "--write",
    metavar="PAGE",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Put the table between the markers of this page; print nothing.",
)
@click.option(
    "--recheck",
    "rechecking",
    is_flag=True,
    help="Let the prover check the recorded proofs, without searching.",
)
@_selection
@_prover_options
@_directories
def claims(
    form: str,
    write: Path | None,
    rechecking: bool,
    models_named: tuple[str, ...],
    lemmas_named: tuple[str, ...],
    claims_named: tuple[str, ...],
    timeout: int | None,
    memory: int,
    tamarin: str | None,
    models: Path,
    proofs: Path | None,
    vectors: Path,
) -> None:
    """Show what is claimed of the models, and what the recorded runs of the prover say to it.

    Needs no Tamarin, but for --recheck. Names, one a line, the claims whose verdict is missing,
    stale (the model has changed since) or not the expected one, and lemmas that no claim names.

    \b
    Examples:
      owamp-vectors claims
      owamp-vectors claims --write models/README.md
      owamp-vectors claims --recheck --model rfc4656
    """
    with clear_errors():
        loaded = load(models, vectors)
        chosen = _choose(loaded, models_named, lemmas_named, claims_named)
        ledger = Ledger.load(proofs or models / "proofs")
        if rechecking:
            with _runner(tamarin) as runner:
                _recheck(runner, loaded, chosen, ledger, Limits(memory, timeout))
            return
        all_rows = claims_table.rows(loaded, ledger)
        rows = [row for row in all_rows if row.claim in chosen]
        if write:
            page = files.read_text(write)
            text = claims_table.markdown(all_rows)
            page = claims_table.replace_between_markers(page, str(write), text)
            files.write_files(write.parent, {write.name: page})
        elif form == "markdown":
            click.echo(claims_table.markdown(rows), nl=False)
        elif form == "json":
            click.echo(claims_table.to_json(rows), nl=False)
        else:
            table(claims_table.text(rows))
        problems = [f"{row.claim.id}: {row.problem}" for row in rows if row.problem]
        if chosen == list(loaded.claims):
            problems += loaded.unclaimed()
    for line in problems:
        click.echo(line, err=True)
    if problems:
        raise click.exceptions.Exit(DIFFERENT)


def _recheck(
    runner: Runner, loaded: Claims, chosen: list[Claim], ledger: Ledger, limits: Limits
) -> None:
    failed, seconds, last = 0, 0.0, None
    for check in recheck(runner, loaded, chosen, ledger, limits):
        failed += bool(check.problem)
        group = (check.claim.job.model, check.claim.job.flags, check.claim.job.diff)
        if group != last:
            seconds, last = seconds + check.seconds, group
        verdict = check.problem or f"{ledger.entries[check.claim.job].verdict}, the proof holds"
        click.echo(f"{check.claim.id}: {verdict}", err=bool(check.problem))
    click.echo(f"{len(chosen) - failed} of {len(chosen)} proofs hold, checked in {seconds:.1f} s")
    if failed:
        raise click.exceptions.Exit(DIFFERENT)


@click.command(epilog=EXIT_CODES)
@click.argument("claim_id", required=False)
@click.option(
    "--format",
    "form",
    default="text",
    show_default=True,
    type=click.Choice(["svg", "text"]),
    help="A picture, or lines of text.",
)
@click.option("--redraw", is_flag=True, help="Write the charts of all recorded traces anew.")
@_directories
def trace(
    claim_id: str | None,
    form: str,
    redraw: bool,
    models: Path,
    proofs: Path | None,
    vectors: Path,
) -> None:
    """Show the recorded trace of a claim as a message sequence chart.

    A column for each instance of a role and one for the adversary; the rules in the order of time,
    the messages that they send and receive, what the adversary works out between them. The same
    picture lies beside the proof as LEMMA.chart.svg. Needs no Tamarin.

    \b
    Examples:
      owamp-vectors trace ID
      owamp-vectors trace ID --format svg > attack.svg
    """
    if (claim_id is None) != redraw:
        raise click.UsageError("expected a CLAIM_ID, or --redraw")
    with clear_errors():
        loaded = load(models, vectors)
        ledger = Ledger.load(proofs or models / "proofs")
        if claim_id is not None:
            [claim] = _choose(loaded, (), (), (claim_id,))
            chart = _chart(loaded, ledger, claim)
            if chart is None:
                raise FileError(f"{ledger.path(claim.job, TRACE)}: no trace is recorded")
            click.echo(chart.svg() if form == "svg" else chart.text(), nl=False)
            return
        drawn = 0
        for claim in loaded.claims:
            chart = _chart(loaded, ledger, claim)
            if chart is not None:
                files.write_files(ledger.directory, {f"{claim.job}{CHART}": chart.svg()})
                drawn += 1
        click.echo(f"{drawn} charts in {ledger.directory}")


def _chart(loaded: Claims, ledger: Ledger, claim: Claim) -> Chart | None:
    entry, text = ledger.entries.get(claim.job), ledger.artefact(claim.job, TRACE)
    if entry is None or text is None:
        return None
    if entry.digest != loaded.digest(claim.job):
        click.echo(f"{claim.id}: stale: the model has changed since", err=True)
    return chart_of(text, claim.job, claim.statement, entry.quantifier)

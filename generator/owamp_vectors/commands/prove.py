"""The command ``prove``."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import click

from ..claims import table as claims_table
from ..claims.declared import PROVERS, TAMARIN, Claim, Claims, Job, load
from ..claims.ledger import (
    ARTEFACTS,
    LEDGER,
    ConflictError,
    Ledger,
    merge,
    merge_witnesses,
)
from ..claims.prover.finding import NoProverError
from ..claims.prover.others import Testimony, command_of, find_other, testify
from ..claims.prover.proving import ProofOutcome, prove_all
from ..claims.prover.running import TIMEOUT, RunLimits, Runner, command
from ..disk import FileError
from ..vectors.declaration import Json
from ..words import unknown
from .about_claims import (
    NoProver,
    check_writable,
    choose,
    directories,
    prover_options,
    running_prover,
    selection,
)
from .console import DIFFERENT, EXIT_CODES, clear_errors, echo, write_json
from .options import reporting


@click.command(epilog=EXIT_CODES)
@click.argument("ledgers", nargs=-1, metavar="[LEDGER]...", type=click.Path(path_type=Path))
@selection
@prover_options
@click.option(
    "--prover",
    "wanted",
    multiple=True,
    type=click.Choice(PROVERS),
    help="Only this prover; can be repeated.  [default: all of them]",
)
@click.option("--force", is_flag=True, help="Run also the claims that have a current verdict.")
@click.option(
    "--print-theory",
    "title",
    metavar="MODEL[+FLAG]...[/QUERY]",
    help="Print the text that the prover gets for a theory; run nothing.",
)
@click.option("--list-jobs", is_flag=True, help="Print the runs as JSON, and run nothing.")
@click.option(
    "--merge", "merging", is_flag=True, help="Copy the results of each LEDGER; run nothing."
)
@directories
@reporting
def prove(
    json_path: Path | None,
    ledgers: tuple[Path, ...],
    models_named: tuple[str, ...],
    lemmas_named: tuple[str, ...],
    claims_named: tuple[str, ...],
    jobs: int,
    timeout: int | None,
    memory: int,
    tamarin: str | None,
    wanted: tuple[str, ...],
    force: bool,
    title: str | None,
    list_jobs: bool,
    merging: bool,
    models: Path,
    proofs: Path | None,
    vectors: Path,
) -> None:
    """Run the provers on the claims, and record verdicts, proofs and traces.

    The prover gets each theory as one text, without includes and flags, and decides all its lemmas
    in one process. If that process does not finish, each lemma gets a process of its own. A verdict
    is recorded only if the prover prints back a theory with the same declarations as the text.

    Each finished run is written to the ledger at once. If this command is interrupted, the next one
    continues where it ended. A lemma is run again if its digest has changed. The digest covers the
    model without its comments and other lemmas, the flags, and the included files.

    ProVerif decides the lemmas that have a query in models/proverif, and CryptoVerif the claims of
    models/computational. Both must be on PATH if there is something for them to decide.

    A run that reaches a limit is recorded as "not proved here", unless there is a current verdict.
    A theory with wellformedness warnings gives no verdict.

    LEDGER, with --merge, is a ledger.json or the directory that holds one.

    \b
    Examples:
      owamp-vectors prove --jobs 4
      owamp-vectors prove --model rfc4656 --timeout 3600 --memory 16
      owamp-vectors prove --prover proverif --prover cryptoverif
      owamp-vectors prove --list-jobs                           the jobs of a CI matrix or job array
      owamp-vectors prove --claim ID --proofs out/ID            one of these jobs
      owamp-vectors prove --merge out/*                         the results of all jobs
    """
    if list_jobs and merging:
        raise click.UsageError("--list-jobs and --merge exclude each other")
    if ledgers and not merging:
        raise click.UsageError(f"expected --merge before {ledgers[0]}")
    if merging and not ledgers:
        raise click.UsageError("--merge: expected at least one LEDGER")
    if json_path is not None and (list_jobs or title is not None):
        raise click.UsageError(
            "--json: expected a run or --merge, found an option that runs nothing"
        )
    proofs = proofs or models / "proofs"
    with clear_errors():
        claims = load(models, vectors)
        chosen = choose(claims, models_named, lemmas_named, claims_named)
        if title is not None:
            click.echo(_resolved(claims, title))
        elif list_jobs:
            click.echo(json.dumps(_jobs(claims, chosen, wanted or PROVERS, memory), indent=2))
        elif merging:
            write_json(json_path, _merge(claims, check_writable(proofs), ledgers))
        else:
            limits = RunLimits(memory, timeout or TIMEOUT)
            ledger = Ledger.load(check_writable(proofs))
            of_tamarin = [claim for claim in chosen if claim.job.prover == TAMARIN]
            runs: list[Json] = []
            if of_tamarin and TAMARIN in (wanted or PROVERS):
                with running_prover(tamarin) as runner:
                    runs = _prove(runner, claims, of_tamarin, ledger, limits, jobs, force)
            asked = [job for claim, job in claims.asked() if claim in chosen]
            asked = [job for job in asked if job.prover in (wanted or PROVERS)]
            answers = _ask(claims, asked, ledger, timeout, jobs, force)
            problems = _unfit(claims, chosen, ledger, wanted or PROVERS)
            write_json(json_path, {"runs": runs, "answers": answers, "problems": problems})
            if problems or any(item["error"] for item in (*runs, *answers)):
                raise click.exceptions.Exit(DIFFERENT)


def _resolved(claims: Claims, title: str) -> str:
    """The text of a theory. Raises `click.UsageError` if no claim is about it."""
    jobs = {claim.job.title: claim.job for claim in claims.claims}
    if title in jobs:
        return claims.theory(jobs[title]).text
    others = {job.title: job for _, job in claims.asked()}
    queries = {str(job): job for _, job in claims.asked()}
    if title in others:
        script = claims.script(others[title])
        return script.asking([query.name for query in script.queries])
    if title in queries:
        return claims.script(queries[title]).asking([queries[title].lemma])
    raise click.UsageError(unknown("theory", title, [*jobs, *others]))


def _jobs(claims: Claims, chosen: list[Claim], provers: tuple[str, ...], memory: int) -> list[Json]:
    """The runs, one for each claim and prover."""
    of_tamarin = [c for c in chosen if c.job.prover == TAMARIN and TAMARIN in provers]
    others = [pair for pair in claims.asked() if pair[0] in chosen and pair[1].prover in provers]
    return [
        *(
            _job(claim, claim.job, command(claims.theory(claim.job), [claim], memory))
            for claim in of_tamarin
        ),
        *(_job(claim, job, command_of([job], claims.script(job))) for claim, job in others),
    ]


def _job(claim: Claim, job: Job, command_line: str) -> Json:
    return {
        "claim": claim.id,
        "model": job.model,
        "flags": list(job.flags),
        "lemma": job.lemma,
        "command": command_line,
        "run": f"owamp-vectors prove --claim {claim.id} --prover {job.prover}",
    }


def _prove(
    runner: Runner,
    claims: Claims,
    chosen: list[Claim],
    ledger: Ledger,
    limits: RunLimits,
    jobs: int,
    force: bool,
) -> list[Json]:
    """Prove what has no current verdict; what came of each run."""
    prover = runner.prover
    click.echo(f"tamarin-prover {prover.version} ({prover.revision}), Maude {prover.maude}")
    due = [c for c in chosen if force or not ledger.current(c.job, claims.digest(c.job))]
    if len(due) < len(chosen):
        click.echo(f"{len(chosen) - len(due)} of {len(chosen)} have a current verdict")
    results: list[Json] = []
    for number, outcome in enumerate(prove_all(runner, claims, due, ledger, limits, jobs), 1):
        results.append(_outcome_json(outcome))
        echo(f"[{number}/{len(due)}] {_outcome(outcome)}", err=bool(outcome.error))
        for remark in outcome.remarks:
            click.echo(f"    {outcome.claim.job}: {remark}", err=True)
    return results


def _ask(
    claims: Claims, asked: list[Job], ledger: Ledger, timeout: int | None, jobs: int, force: bool
) -> list[Json]:
    """Ask ProVerif and CryptoVerif what has no current answer; what came of each query."""
    due = [job for job in asked if force or not ledger.current_witness(job, claims.digest(job))]
    if len(due) < len(asked):
        click.echo(f"{len(asked) - len(due)} of {len(asked)} queries have a current answer")
    try:
        provers = {name: find_other(name) for name in sorted({job.prover for job in due})}
    except NoProverError as error:
        raise NoProver(str(error)) from None
    for prover in provers.values():
        click.echo(f"{prover.name} {prover.version}")
    results: list[Json] = []
    for said in testify(provers, claims, due, ledger, timeout, jobs):
        witness = said.witness.to_json() if said.witness else None
        results.append({"query": str(said.job), "witness": witness, "error": said.error})
        click.echo(_testimony(said), err=bool(said.error))
    return results


def _testimony(said: Testimony) -> str:
    if said.witness is None:
        return f"error: {said.job}: {said.error}"
    why = f"{said.witness.reason}, " if said.witness.reason else ""
    covers = f" for {said.witness.covers} queries" if said.witness.covers > 1 else ""
    return f"{said.witness.verdict}: {said.job} ({why}{said.witness.seconds:g} s{covers})"


def _unfit(
    claims: Claims, chosen: list[Claim], ledger: Ledger, provers: tuple[str, ...]
) -> list[str]:
    """Say what is wrong with what was chosen, and every contradiction; the lines said."""
    rows = claims_table.claim_rows(claims, ledger)
    of_tamarin = [row for row in rows if row.claim in chosen and TAMARIN in provers]
    lines = [f"{row.claim.id}: {row.problem}" for row in of_tamarin if row.problem]
    for claim, job in claims.asked():
        if claim in chosen and job.prover in provers:
            expected = claim.expected if claim in claims.further else ""
            problem = claims_table.witness_problem(job, expected, claims, ledger)
            lines += [f"{claim.id}: {problem}"] if problem else []
    found = Counter(row.entry.verdict for row in of_tamarin if row.entry and row.is_current)
    if found:
        click.echo(", ".join(f"{count} {verdict}" for verdict, count in sorted(found.items())))
    lines = list(dict.fromkeys([*lines, *claims_table.disagreements(rows)]))
    for line in lines:
        click.echo(line, err=True)
    return lines


def _outcome(outcome: ProofOutcome) -> str:
    entry = outcome.entry
    if entry is None:
        return f"error: {outcome.claim.job}: {outcome.error}"
    detail = f"{entry.steps} steps, " if entry.finished else f"{entry.reason}, "
    covers = f" for {entry.covers} lemmas" if entry.covers > 1 else ""
    return f"{entry.verdict}: {entry.job} ({detail}{entry.seconds:g} s{covers})"


def _outcome_json(outcome: ProofOutcome) -> Json:
    return {
        "claim": outcome.claim.id,
        "entry": outcome.entry.to_json() if outcome.entry else None,
        "error": outcome.error,
        "remarks": list(outcome.remarks),
    }


def _merge(claims: Claims, proofs: Path, paths: tuple[Path, ...]) -> Json:
    """Copy the results of ledgers; what was copied."""
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
        witnesses = merge_witnesses(target, sources, digest)
    except ConflictError as error:
        click.echo(f"Error: {error}", err=True)
        raise click.exceptions.Exit(DIFFERENT) from None
    for entry, source in taken:
        found = {kind: source.artefact(entry.job, kind) for kind in ARTEFACTS}
        for kind in (".proof",) * entry.finished + (".json",) * entry.trace:
            if found[kind] is None:
                raise FileError(f"{source.path(entry.job, kind)}: no such file")
        target.record(entry, {kind: text for kind, text in found.items() if text is not None})
        echo(f"{entry.verdict}: {entry.job} from {source.directory}")
    if witnesses:
        target.record_witnesses(witnesses)
        click.echo(f"{len(witnesses)} answers of other provers taken over")
    click.echo(f"{len(taken)} taken over, {len(target.entries)} in {proofs / LEDGER}")
    return {
        "entries": [entry.to_json() for entry, _ in taken],
        "witnesses": [witness.to_json() for witness in witnesses],
    }

"""The command ``claims``."""

from __future__ import annotations

import time
from pathlib import Path

import click

from .. import disk
from ..claims import table as claims_table
from ..claims.declared import TAMARIN, Claim, Claims, load
from ..claims.ledger import Ledger
from ..claims.matrix import MATRIX_BEGIN, MATRIX_END, load_matrix, matrix_json, matrix_markdown
from ..claims.prover.rechecking import recheck
from ..claims.prover.running import TIMEOUT, RunLimits, Runner
from ..claims.statements import load_statements, statements_json, statements_text
from ..words import counted
from .about_claims import choose, directories, prover_options, running_prover, selection
from .console import DIFFERENT, EXIT_CODES, clear_errors, print_table, write_json
from .options import reporting


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
    type=click.Path(path_type=Path),
    help="Put the table between the markers of this page; print nothing.",
)
@click.option(
    "--recheck",
    "rechecking",
    is_flag=True,
    help="Let the prover check the recorded proofs, without searching.",
)
@click.option(
    "--matrix",
    "as_matrix",
    is_flag=True,
    help="Show which properties hold in which design, as a table of Markdown.",
)
@click.option(
    "--statements",
    "about_statements",
    is_flag=True,
    help="Print what RFCs and slides say about security, with the claims and vectors about it.",
)
@selection
@prover_options
@directories
@reporting
def claims(
    json_path: Path | None,
    form: str,
    write: Path | None,
    rechecking: bool,
    about_statements: bool,
    as_matrix: bool,
    models_named: tuple[str, ...],
    lemmas_named: tuple[str, ...],
    claims_named: tuple[str, ...],
    jobs: int,
    timeout: int | None,
    memory: int,
    tamarin: str | None,
    models: Path,
    proofs: Path | None,
    vectors: Path,
) -> None:
    """Show the claims about the models, and what the recorded runs of the prover say about them.

    Only --recheck needs Tamarin. The command names, one per line, the claims whose verdict is
    missing, stale (the model has changed since) or not the expected one, and the lemmas that no
    claim names. It also names all claims on which provers contradict each other, chosen or not.

    \b
    Examples:
      owamp-vectors claims
      owamp-vectors claims --write models/README.md
      owamp-vectors claims --statements
      owamp-vectors claims --recheck --model rfc4656
    """
    with clear_errors():
        loaded = load(models, vectors)
        chosen = choose(loaded, models_named, lemmas_named, claims_named)
        ledger = Ledger.load(proofs or models / "proofs")
        if rechecking:
            chosen = [claim for claim in chosen if claim.job.prover == TAMARIN]
            with running_prover(tamarin) as runner:
                limits = RunLimits(memory, timeout or TIMEOUT)
                _recheck(runner, loaded, chosen, ledger, limits, jobs, json_path)
            return
        all_rows = [
            *claims_table.claim_rows(loaded, ledger),
            *claims_table.further_rows(loaded, ledger),
        ]
        if about_statements:
            statements = load_statements(loaded, vectors)
            click.echo(statements_text(statements, all_rows))
            write_json(json_path, statements_json(statements, all_rows))
            _fail(claims_table.disagreements(all_rows))
            return
        if as_matrix:
            matrix = load_matrix(loaded)
            click.echo(matrix_markdown(matrix, loaded, all_rows), nl=False)
            write_json(json_path, matrix_json(matrix, all_rows))
            return
        rows = [row for row in all_rows if row.claim in chosen]
        if json_path:
            disk.write_file(json_path, claims_table.claims_json(rows))
        if write:
            page = disk.read_text(write)
            text = claims_table.claims_markdown(all_rows)
            page = claims_table.replace_between_markers(page, str(write), text)
            if MATRIX_BEGIN in page:
                text = matrix_markdown(load_matrix(loaded), loaded, all_rows)
                page = claims_table.replace_between_markers(
                    page, str(write), text, MATRIX_BEGIN, MATRIX_END
                )
            disk.write_file(write, page)
        elif form == "markdown":
            click.echo(claims_table.claims_markdown(rows), nl=False)
        elif form == "json":
            click.echo(claims_table.claims_json(rows), nl=False)
        else:
            print_table(claims_table.claims_text(rows))
            click.echo(claims_table.summary(rows))
        problems = [f"{row.claim.id}: {row.problem}" for row in rows if row.problem]
        problems += [x for x in claims_table.disagreements(all_rows) if x not in problems]
        if len(rows) == len(all_rows):
            problems += loaded.unclaimed()
    _fail(problems)


def _fail(problems: list[str]) -> None:
    for line in problems:
        click.echo(line, err=True)
    if problems:
        raise click.exceptions.Exit(DIFFERENT)


def _recheck(
    runner: Runner,
    loaded: Claims,
    chosen: list[Claim],
    ledger: Ledger,
    limits: RunLimits,
    jobs: int,
    json_path: Path | None,
) -> None:
    results, started = [], time.perf_counter()
    for check in recheck(runner, loaded, chosen, ledger, limits, jobs):
        results.append({"claim": check.claim.id, "problem": check.problem})
        verdict = check.problem or f"{ledger.entries[check.claim.job].verdict}, the proof holds"
        click.echo(f"{check.claim.id}: {verdict}", err=bool(check.problem))
    seconds = time.perf_counter() - started
    write_json(json_path, {"proofs": results})
    failed = sum(bool(result["problem"]) for result in results)
    total = counted(len(chosen), "proof")
    click.echo(f"{len(chosen) - failed} of {total} hold, checked in {seconds:.1f} s")
    rows = claims_table.claim_rows(loaded, ledger)
    _fail(claims_table.disagreements(rows))
    if failed:
        raise click.exceptions.Exit(DIFFERENT)

"""The command ``report``: a static site of the claims, the models and the vectors."""

from __future__ import annotations

from pathlib import Path

import click

from ..disk import write_set
from ..render.report import make_site
from ..render.report_html import megabytes
from ..words import counted
from .console import (
    DIFFERENT,
    EXIT_CODES,
    clear_errors,
    files_json,
    say_removed,
    working,
    write_json,
)
from .options import models_option, output_option, proofs_option, reporting, vectors_option


@click.command(epilog=EXIT_CODES)
@output_option(
    "Directory of the site; an earlier report there is replaced as a whole.", "build/report"
)
@click.option(
    "--allow-stale",
    is_flag=True,
    help="Exit with 0 although verdicts are stale or missing; the pages say so all the same.",
)
@models_option
@proofs_option
@vectors_option
@reporting
def report(
    json_path: Path | None,
    output: Path,
    allow_stale: bool,
    models: Path,
    proofs: Path | None,
    vectors: Path,
) -> None:
    """Write what the repository knows as a static site, to be opened from disk.

    The first page shows which property holds in which design, and the attacks with what to do
    about them. Other pages have the claims with verdicts, proofs and charts, the statements and
    sections of the RFCs, the models and all sources, every vector step by step, every named
    mistake, and results with adapters and real peers. The site loads nothing from elsewhere.
    Without JavaScript it lacks only filters, the search and copy buttons. The octets of attacks
    need the extra 'models'; the rest does not. The command writes the site in any case, and exits
    with 1 if a verdict is stale.

    \b
    Examples:
      owamp-vectors report
      owamp-vectors report -o /tmp/report --allow-stale
    """
    with clear_errors():
        with working("making the report"):
            made = make_site(models, proofs or models / "proofs", vectors)
        removed = write_set(output, made.files, "report")
    size = sum(len(text.encode()) for text in made.files.values())
    click.echo(
        f"{counted(len(made.files), 'file')}, {megabytes(size)}; open {output / 'index.html'}"
    )
    say_removed(removed)
    content = {
        **files_json(output, made.files, removed),
        "withoutOctets": made.without,
        "unproved": made.unproved,
        "problems": made.problems,
    }
    write_json(json_path, content)
    if made.without:
        click.echo(f"Charts have no octets: {made.without}", err=True)
    for line in (*made.unproved, *made.problems):
        click.echo(line, err=True)
    if made.problems or (made.unproved and not allow_stale):
        raise click.exceptions.Exit(DIFFERENT)

"""The command ``trace``."""

from __future__ import annotations

from pathlib import Path

import click

from .. import disk
from ..claims.cast import cast_of
from ..claims.chart import Chart, chart_of
from ..claims.declared import Claim, Claims, load
from ..claims.ledger import CHART, TRACE, Ledger
from ..disk import FileError
from ..words import counted
from .about_claims import check_writable, choose, directories
from .console import EXIT_CODES, clear_errors, echo, write_json
from .named import ClaimId
from .options import reporting


@click.command(epilog=EXIT_CODES)
@click.argument("claim_id", required=False, type=ClaimId())
@click.option(
    "--format",
    "form",
    default="text",
    show_default=True,
    type=click.Choice(["svg", "text"]),
    help="A picture, or lines of text.",
)
@click.option("--redraw", is_flag=True, help="Write the charts of all recorded traces anew.")
@directories
@reporting
def trace(
    json_path: Path | None,
    claim_id: str | None,
    form: str,
    redraw: bool,
    models: Path,
    proofs: Path | None,
    vectors: Path,
) -> None:
    """Show the recorded trace of a claim as a message sequence chart.

    The chart has a column for each host and one for the adversary. It shows the steps in the
    order of time, the messages that they send and receive, and what the adversary works out
    between them. The same picture lies beside the proof as LEMMA.chart.svg. Tamarin is not needed.

    \b
    Examples:
      owamp-vectors trace token-forgery
      owamp-vectors trace token-forgery --format svg > attack.svg
    """
    if (claim_id is None) != redraw:
        raise click.UsageError("expected a CLAIM_ID, or --redraw")
    with clear_errors():
        loaded = load(models, vectors)
        ledger = Ledger.load(proofs or models / "proofs")
        if claim_id is not None:
            [claim] = choose(loaded, (), (), (claim_id,))
            chart = _chart(loaded, ledger, claim)
            if chart is None:
                raise FileError(f"{ledger.path(claim.job, TRACE)}: no trace is recorded")
            click.echo(chart.svg() if form == "svg" else chart.text(), nl=False)
            write_json(json_path, {"claim": claim.id, **chart.to_json()})
            return
        check_writable(ledger.directory)
        drawn = []
        for claim in loaded.claims:
            chart = _chart(loaded, ledger, claim)
            if chart is not None:
                disk.write_files(ledger.directory, {f"{claim.job}{CHART}": chart.svg()})
                drawn.append(f"{claim.job}{CHART}")
        echo(f"{counted(len(drawn), 'chart')} in {ledger.directory}")
        write_json(json_path, {"directory": str(ledger.directory), "charts": drawn})


def _chart(loaded: Claims, ledger: Ledger, claim: Claim) -> Chart | None:
    entry, text = ledger.entries.get(claim.job), ledger.artefact(claim.job, TRACE)
    if entry is None or text is None:
        return None
    if entry.digest != loaded.digest(claim.job):
        click.echo(f"{claim.id}: stale: the model has changed since", err=True)
    cast = cast_of(loaded, claim.job)
    return chart_of(text, claim.job, claim.statement, entry.quantifier, cast)

"""The command ``draft``."""

from __future__ import annotations

import os
from datetime import UTC, date, datetime
from pathlib import Path

import click

from ..disk import FileError, write_set
from ..render.draft import NAME, make_draft, packet_figures
from ..render.draft_evidence import DraftError
from ..render.draft_fragment import FRAGMENTS, make_fragment
from ..render.draft_front import RIGHTS, Author, Front, author_of, submitted
from ..render.rfcxml import NoXml2rfcError
from .console import (
    DIFFERENT,
    EXIT_CODES,
    NO_PROGRAM,
    clear_errors,
    echo,
    files_json,
    say_removed,
    working,
    write_json,
)
from .options import models_option, output_option, proofs_option, reporting, vectors_option


class _NotBuilt(click.ClickException):
    exit_code = DIFFERENT


class _NoXml2rfc(click.ClickException):
    exit_code = NO_PROGRAM


def _authors(
    _context: click.Context, parameter: click.Parameter, values: tuple[str, ...]
) -> tuple[Author, ...]:
    try:
        return tuple(map(author_of, values))
    except ValueError as error:
        raise click.BadParameter(str(error), param=parameter) from None


def _epoch() -> date | None:
    """The day of SOURCE_DATE_EPOCH, if that is set."""
    seconds = os.environ.get("SOURCE_DATE_EPOCH", "")
    if not seconds:
        return None
    try:
        return datetime.fromtimestamp(int(seconds), UTC).date()
    except (ValueError, OverflowError, OSError):
        raise FileError(f"SOURCE_DATE_EPOCH: expected seconds, found {seconds!r}") from None


@click.command(epilog=EXIT_CODES)
@output_option("Directory to write to; it is made if it does not exist.", "build/draft")
@click.option(
    "--date",
    "day",
    metavar="YYYY-MM-DD",
    type=click.DateTime(["%Y-%m-%d"]),
    help="The draft's date.  [default: SOURCE_DATE_EPOCH, or that of the last verdict]",
)
@click.option("--source-only", is_flag=True, help="Write the XML alone; needs no xml2rfc.")
@click.option("--submission", is_flag=True, help="With the boilerplate that the IETF asks for.")
@click.option(
    "--author",
    "authors",
    metavar="AUTHOR",
    multiple=True,
    callback=_authors,
    help='With --submission: "Name, Organization <e-mail>"; more than once for several.',
)
@click.option(
    "--ipr",
    type=click.Choice(RIGHTS),
    default=RIGHTS[0],
    show_default=True,
    help="With --submission: the rights that the authors grant.",
)
@click.option(
    "--fragment",
    type=click.Choice(FRAGMENTS),
    help="Write only this part, as RFCXML and kramdown, for a draft of others.",
)
@models_option
@proofs_option
@vectors_option
@reporting
def draft(
    json_path: Path | None,
    output: Path,
    day: datetime | None,
    source_only: bool,
    submission: bool,
    authors: tuple[Author, ...],
    ipr: str,
    fragment: str | None,
    models: Path,
    proofs: Path | None,
    vectors: Path,
) -> None:
    """Make an Internet-Draft of derivations, claims, attacks and vectors: XML, text and HTML.

    Sentences that rest on a claim name it, and the verdict that they need. Nothing is written if
    one of these verdicts is missing, stale (the model has changed since) or another, or if xml2rfc
    warns of anything. Needs the extra 'draft', no network and no Tamarin. The same inputs and date
    give the same octets.

    \b
    Examples:
      owamp-vectors draft
      owamp-vectors draft --date 2026-03-01 --output /tmp/draft
      owamp-vectors draft --submission --author 'Ann Smith <ann@example.org>'
      owamp-vectors draft --fragment security --output /tmp/fragment
    """
    if submission != bool(authors):
        raise click.UsageError("--submission and --author go together")
    with clear_errors():
        try:
            with working("making the draft"):
                texts = make_draft(
                    models,
                    proofs or models / "proofs",
                    vectors,
                    day.date() if day else _epoch(),
                    source_only=source_only or bool(fragment),
                    front=submitted(authors, ipr) if submission else Front(NAME),
                )
            if fragment:
                texts = make_fragment(fragment, next(iter(texts.values())), packet_figures())
        except DraftError as error:
            raise _NotBuilt(str(error)) from None
        except NoXml2rfcError as error:
            raise _NoXml2rfc(str(error)) from None
        removed = write_set(output, texts, "draft")
    say_removed(removed)
    for name in texts:
        echo(output / name)
    write_json(json_path, files_json(output, texts, removed))

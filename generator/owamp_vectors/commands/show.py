"""The command ``show``."""

from __future__ import annotations

from pathlib import Path

import click

from ..catalogue import read_file
from ..vectors.show import show_case
from ..vectors.stored import stored_cases
from .about_files import file_named
from .console import EXIT_CODES, clear_errors, echo
from .options import vectors_option


@click.command(epilog=EXIT_CODES)
@click.argument("name")
@click.argument("tc_id", type=click.IntRange(min=1))
@vectors_option
def show(name: str, tc_id: int, vectors: Path) -> None:
    """Lay out one case for a human: every value with its octets, every step with its formula.

    \b
    Examples:
      owamp-vectors show token 1
      owamp-vectors show test-session-keys 1 | less
    """
    file_named(name)
    with clear_errors():
        file, content = read_file(vectors / f"{name}.json")
    for case in stored_cases(file, content):
        if case.tc_id == tc_id:
            echo(show_case(case, content["notes"]), nl=False)
            return
    last = content["numberOfTests"]
    raise click.BadParameter(f"expected 1 to {last}, found {tc_id}", param_hint="TC_ID")

"""The command ``show``."""

from __future__ import annotations

from pathlib import Path

import click

from ..catalogue import read_file
from ..vectors.show import show_case
from ..vectors.stored import stored_cases
from .console import EXIT_CODES, clear_errors, echo, write_json
from .named import VectorFileName
from .options import json_option, vectors_option


@click.command(epilog=EXIT_CODES)
@click.argument("name", type=VectorFileName())
@click.argument("tc_id", type=click.IntRange(min=1))
@vectors_option
@json_option
def show(name: str, tc_id: int, vectors: Path, json_path: Path | None) -> None:
    """Show one case: every value with its octets, and every step with its formula.

    NAME is a vector file; token, token.json and a path to it mean the same.

    \b
    Examples:
      owamp-vectors show token 1
      owamp-vectors show test-session-keys 1 | less
    """
    with clear_errors():
        file, content = read_file(vectors / name)
    for case in stored_cases(file, content):
        if case.tc_id == tc_id:
            echo(show_case(case, content["notes"]), nl=False)
            write_json(json_path, {**case.group, "tests": [case.test]})
            return
    last = content["numberOfTests"]
    raise click.BadParameter(f"expected 1 to {last}, found {tc_id}", param_hint="TC_ID")

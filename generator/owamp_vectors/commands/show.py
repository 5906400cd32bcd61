"""The command ``show``."""

from __future__ import annotations

from pathlib import Path

import click

from .. import catalogue, disk
from ..vectors.show import show_case
from .console import EXIT_CODES, clear_errors
from .vector_files import file_named


@click.command(epilog=EXIT_CODES)
@click.argument("name")
@click.argument("tc_id", type=click.IntRange(min=1))
@click.option(
    "--vectors",
    default="vectors",
    show_default=True,
    type=click.Path(path_type=Path, file_okay=False),
    help="Directory that holds the files.",
)
def show(name: str, tc_id: int, vectors: Path) -> None:
    """Lay out one case for a human: every value with its octets, every step with its formula.

    \b
    Examples:
      owamp-vectors show token 1
      owamp-vectors show test-session-keys 1 | less
    """
    file_named(name)
    path = vectors / f"{name}.json"
    with clear_errors():
        file, content = catalogue.parse(path, disk.read_text(path))
    types = {group_type.name: group_type for group_type in file.types}
    for group in content["testGroups"]:
        for test in group["tests"]:
            if test["tcId"] == tc_id:
                click.echo(show_case(file, types[group["type"]], content, group, test), nl=False)
                return
    last = content["numberOfTests"]
    raise click.BadParameter(f"expected 1 to {last}, found {tc_id}", param_hint="TC_ID")

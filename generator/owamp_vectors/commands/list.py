"""The command ``list``."""

from __future__ import annotations

import click

from .. import mistakes
from ..catalogue import FILES
from .console import EXIT_CODES


@click.command("list", epilog=EXIT_CODES)
@click.option("--flags", is_flag=True, help="List the named mistakes instead of the files.")
def list_(flags: bool) -> None:
    """List the vector files and their types of test group, or the named mistakes.

    \b
    Examples:
      owamp-vectors list
      owamp-vectors list --flags
    """
    if flags:
        for flag, note in sorted(mistakes.NOTES.items()):
            click.echo(f"{flag} ({note.bug_type})\n    {note.description}")
        return
    for file in FILES.values():
        click.echo(f"{file.name}: {file.algorithm}")
        for group_type in file.types:
            click.echo(f"    {group_type.name}: {group_type.description} [{group_type.source}]")

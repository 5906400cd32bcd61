"""The command ``list``."""

from __future__ import annotations

from pathlib import Path

import click

from .. import mistakes
from ..catalogue import FILES
from ..vectors.declaration import Json
from .console import EXIT_CODES, write_json
from .options import json_option


@click.command("list", epilog=EXIT_CODES)
@click.option("--flags", is_flag=True, help="List the named mistakes instead of the files.")
@json_option
def list_(flags: bool, json_path: Path | None) -> None:
    """List the vector files and their types of test group, or the named mistakes.

    \b
    Examples:
      owamp-vectors list
      owamp-vectors list --flags
    """
    write_json(json_path, _content(flags))
    if flags:
        for flag, note in sorted(mistakes.NOTES.items()):
            click.echo(f"{flag} ({note.bug_type})\n    {note.description}")
    else:
        for file in FILES.values():
            click.echo(f"{file.name}: {file.algorithm}")
            for item in file.types:
                click.echo(f"    {item.name}: {item.description} [{item.source}]")


def _content(flags: bool) -> Json:
    if flags:
        notes = sorted(mistakes.NOTES.items())
        return {
            "flags": [
                {"name": flag, "bugType": note.bug_type, "description": note.description}
                for flag, note in notes
            ]
        }
    return {
        "files": [
            {
                "name": file.name,
                "algorithm": file.algorithm,
                "types": [
                    {"name": item.name, "description": item.description, "source": item.source}
                    for item in file.types
                ],
            }
            for file in FILES.values()
        ]
    }

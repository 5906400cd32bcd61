"""What the commands share: exit codes, one-line errors, tables, progress."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TypeVar

import click

from .files import FileError

DIFFERENT = 1
BAD_INPUT = 3
NO_PROVER = 4
NO_GRAMMAR = 5
NO_PROGRAM = 6

_T = TypeVar("_T")


class BadInput(click.ClickException):
    """A file that cannot be used."""

    exit_code = BAD_INPUT


@contextmanager
def clear_errors() -> Iterator[None]:
    """One line and exit code 3 for a `FileError`."""
    try:
        yield
    except FileError as error:
        raise BadInput(str(error)) from None


def table(rows: list[tuple[str, ...]], right: Iterable[int] = ()) -> None:
    """Print rows in columns; those numbered in `right` are aligned to the right."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    aligned = set(right)
    for row in rows:
        cells = []
        for column, (cell, width) in enumerate(zip(row, widths, strict=True)):
            cells.append(f"{cell:>{width}}" if column in aligned else f"{cell:<{width}}")
        click.echo("  ".join(cells).rstrip())


def progress(items: list[_T], label: str) -> Iterator[_T]:
    """The items, with a progress bar on standard error if that is a terminal."""
    hidden = not sys.stderr.isatty()
    with click.progressbar(iterable=items, label=label, file=sys.stderr, hidden=hidden) as bar:
        yield from bar

"""What the commands share: exit codes, one-line errors, tables, progress."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TypeVar

import click

from ..disk import FileError

EXIT_CODES = """\b
Exit codes:
  0  done, everything agrees
  1  a value differs from what the reference computes
  2  the command line is wrong
  3  a file cannot be read or written, or is not a vector file
"""
"""Those of the commands about vector files."""

DIFFERENT = 1
BAD_INPUT = 3
NO_PROVER = 4
NO_GRAMMAR = 5
NO_PROGRAM = 6
NO_PEER = 7

_T = TypeVar("_T")


class BadInput(click.ClickException):
    """A file that cannot be used."""

    exit_code = BAD_INPUT


@contextmanager
def clear_errors() -> Iterator[None]:
    """One line, and exit code 3, for a `FileError`."""
    try:
        yield
    except FileError as error:
        raise BadInput(str(error)) from None


@contextmanager
def ending(stop: Callable[[], None]) -> Iterator[None]:
    """Call `stop` at the end, also when SIGTERM ends this program."""

    def end(number: int, _: object) -> None:
        raise SystemExit(128 + number)  # by way of the finally below

    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        stop()
        signal.signal(signal.SIGTERM, before)


def print_table(rows: list[tuple[str, ...]], right: Iterable[int] = ()) -> None:
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

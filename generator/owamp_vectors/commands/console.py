"""What the commands share: exit codes, one-line errors, tables, progress."""

from __future__ import annotations

import os
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any, TypeVar

import click

from ..disk import FileError, shortened

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
NOT_CHECKED = 8

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


def say_removed(names: list[str]) -> None:
    """Say which files of an earlier run are no longer there."""
    if names:
        click.echo(f"Removed, since no longer made: {', '.join(names)}")


FAULT = 70
"""The exit code of a fault of ours, as sysexits.h has it."""
_SIGNALLED = 128


@contextmanager
def ended_by_signals() -> Iterator[None]:
    """Let SIGTERM and SIGHUP end the program as an exception does, so that all is cleared up."""

    def end(number: int, _: object) -> None:
        raise SystemExit(_SIGNALLED + number)

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGHUP)}
    for number, handler in before.items():
        if handler is not signal.SIG_IGN:  # as nohup has it
            signal.signal(number, end)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


class UnreadOutput(click.ClickException):
    """Nobody reads standard output any more: nothing to say."""

    exit_code = _SIGNALLED + signal.SIGPIPE

    def show(self, file: IO[Any] | None = None) -> None:
        """Say nothing."""
        del file
        _drop_output()


def exit_code(run: Callable[[], object]) -> int:
    """Run a command to its end, and say what goes wrong in one line.

    The exit code is that of the command. Beside those: 130 after an interrupt, 141 if nobody reads
    standard output, 3 if it cannot be written, and 70 for an exception that nobody expected.
    """
    try:
        with ended_by_signals():
            code = run()
            sys.stdout.flush()
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except click.Abort:
        return _SIGNALLED + signal.SIGINT
    except OSError as error:
        _drop_output()
        click.echo(f"Error: {error.filename or 'standard output'}: {error.strerror}", err=True)
        return BAD_INPUT
    except Exception as error:
        if sys.flags.dev_mode:
            raise
        at = traceback.extract_tb(error.__traceback__)[-1]
        what = f"{type(error).__name__}: {shortened(str(error).encode(), 200)}"
        where = f"{Path(at.filename).name}, line {at.lineno}"
        click.echo(f"Error: a fault of owamp-vectors: {what} ({where}); please report it", err=True)
        return FAULT
    return code if isinstance(code, int) else 0


def _drop_output() -> None:
    """What is still buffered can go nowhere."""
    with suppress(OSError), Path(os.devnull).open("wb") as null:
        os.dup2(null.fileno(), 1)


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

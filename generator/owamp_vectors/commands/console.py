"""What the commands share: exit codes, one-line errors, tables, progress."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any, TypeVar

import click

from ..disk import FileError, digest, printable, shortened, to_text, write_file

EXIT_CODES = """\b
Exit codes:
  0    done, and everything agrees
  1    something differs, fails, is refused, is stale or is missing
  2    the command line is wrong
  3    a file cannot be read or written, or does not fit
  4    a prover is missing or does not work
  5    the extra 'models' is not installed
  6    a program cannot be started, or xml2rfc is not installed
  7    the peer cannot be reached, or the address cannot be listened on
  8    nothing was checked: refused, no secret, or not seen
  70   a fault of owamp-vectors; please report it
  130  interrupted
  141  the output is closed before its end
"""
"""Those of every command."""

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
        echo(f"Removed, since no longer made: {', '.join(names)}")


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
    except UnreadOutput as error:
        error.show()
        return error.exit_code
    except click.UsageError as error:  # which quotes an argument
        click.UsageError(printable(error.format_message()), error.ctx).show()
        return error.exit_code
    except click.ClickException as error:  # which may quote a file or a program
        echo(f"Error: {printable(error.message)}", err=True)
        return error.exit_code
    except click.Abort:
        return _SIGNALLED + signal.SIGINT
    except BrokenPipeError:
        _drop_output()
        return UnreadOutput.exit_code
    except OSError as error:
        _drop_output()
        echo(f"Error: {error.filename or 'standard output'}: {error.strerror}", err=True)
        return BAD_INPUT
    except Exception as error:
        if sys.flags.dev_mode:
            raise
        at = traceback.extract_tb(error.__traceback__)[-1]
        what = f"{type(error).__name__}: {shortened(str(error).encode(), 200)}"
        where = f"{Path(at.filename).name}, line {at.lineno}"
        echo(f"Error: a fault of owamp-vectors: {what} ({where}); please report it", err=True)
        return FAULT
    return code if isinstance(code, int) else 0


def open_standard_streams() -> None:
    """Open what is closed of standard input, output and error, so that no file takes its place."""
    for descriptor, name in enumerate(("stdin", "stdout", "stderr")):
        try:
            os.fstat(descriptor)
        except OSError:  # the lowest number that is free
            os.open(os.devnull, os.O_RDWR)
        if getattr(sys, name) is None:
            mode = "r" if name == "stdin" else "w"
            setattr(sys, name, os.fdopen(descriptor, mode, encoding="utf-8"))


def _drop_output() -> None:
    """What is still buffered can go nowhere."""
    with suppress(OSError), Path(os.devnull).open("wb") as null:
        os.dup2(null.fileno(), 1)


def echo(text: object = "", *, err: bool = False, nl: bool = True) -> None:
    """Print lines, without what a terminal might act on."""
    click.echo(_printable_lines(str(text)), err=err, nl=nl)


def _printable_lines(text: str) -> str:
    return "\n".join(map(printable, text.split("\n")))


def print_table(rows: list[tuple[str, ...]], right: Iterable[int] = ()) -> None:
    """Print rows in columns; those numbered in `right` are aligned to the right."""
    rows = [tuple(map(printable, row)) for row in rows]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    aligned = set(right)
    for row in rows:
        cells = []
        for column, (cell, width) in enumerate(zip(row, widths, strict=True)):
            cells.append(f"{cell:>{width}}" if column in aligned else f"{cell:<{width}}")
        echo("  ".join(cells).rstrip())


_PATIENCE = 2.0
"""Seconds after which people want to see that something goes on."""
QUIET = "owamp_vectors.quiet"


def is_quiet() -> bool:
    """Whether this command is to print nothing but what is wrong."""
    context = click.get_current_context(silent=True)
    return context is not None and bool(context.meta.get(QUIET))


@contextmanager
def working(label: str) -> Iterator[Callable[[str], None]]:
    """A line on standard error that says what goes on, after two seconds, if that is a terminal.

    Yields a function that takes how far it has come.
    """
    state, ended, started = [""], threading.Event(), time.monotonic()

    def show() -> None:
        if ended.wait(_PATIENCE):
            return
        while True:
            sys.stderr.write(f"\r{label} {state[0]}({time.monotonic() - started:.0f} s)\x1b[K")
            sys.stderr.flush()
            if ended.wait(0.5):
                break
        sys.stderr.write("\r\x1b[K")
        sys.stderr.flush()

    if is_quiet() or not sys.stderr.isatty():
        yield lambda _: None
        return
    thread = threading.Thread(target=show, daemon=True)
    thread.start()
    try:
        yield lambda text: state.__setitem__(0, f"{text} ")
    finally:
        ended.set()
        thread.join()


def as_objects(
    headings: Iterable[str], rows: Iterable[Iterable[str]], numbers: Iterable[int]
) -> list[dict[str, Any]]:
    """The rows of a table as objects of JSON; the columns numbered in `numbers` are numbers."""
    names, counted = list(headings), set(numbers)
    return [
        {
            name: int(cell) if column in counted and cell else cell
            for column, (name, cell) in enumerate(zip(names, row, strict=True))
        }
        for row in rows
    ]


def files_json(
    directory: Path, texts: Mapping[str, str | bytes], removed: list[str]
) -> dict[str, Any]:
    """What a command has written to a directory, and removed there, for ``--json``."""
    files = [
        {
            "file": name,
            "octets": len(text.encode() if isinstance(text, str) else text),
            "SHA-256": digest(text),
        }
        for name, text in texts.items()
    ]
    where = os.fsencode(directory).decode(errors="replace")
    return {"directory": where, "files": files, "removed": removed}


def progress(items: list[_T], label: str) -> Iterator[_T]:
    """The items, with a line on standard error that counts them (`working`)."""
    with working(label) as tell:
        for number, item in enumerate(items, 1):
            tell(f"{number} of {len(items)}")
            yield item


def say_good(text: str) -> None:
    """The last line of a command that found nothing wrong; green on a terminal."""
    click.secho(_printable_lines(text), fg="green")


def say_bad(text: str) -> None:
    """The last line of a command that found something wrong; red on a terminal."""
    click.secho(_printable_lines(text), fg="red", err=True)


def write_json(path: Path | None, content: dict[str, Any]) -> None:
    """Write what ``--json`` asks for, if it is there. Raises `BadInput`."""
    if path is not None:
        with clear_errors():
            write_file(path, to_text(content))

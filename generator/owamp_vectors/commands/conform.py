"""The command about implementations: ``conform``."""

from __future__ import annotations

import time
from pathlib import Path

import click

from .. import disk
from ..catalogue import FILES, read_file
from ..conform import summary
from ..conform.asking import put
from ..conform.judging import Judgement
from ..conform.program import NotStartedError, Program
from ..mistakes import MISTAKES
from ..vectors.stored import StoredCase, find_files, stored_cases
from ..words import counted
from .console import (
    DIFFERENT,
    EXIT_CODES,
    NO_PROGRAM,
    NOT_CHECKED,
    clear_errors,
    print_table,
    progress,
    say_bad,
    say_good,
)
from .named import VectorFileName
from .options import file_option, reporting, seconds_option, vectors_option


class _NoProgram(click.ClickException):
    exit_code = NO_PROGRAM


@click.command(
    epilog=EXIT_CODES, context_settings={"allow_interspersed_args": False}, no_args_is_help=True
)
@vectors_option
@click.option(
    "--file",
    "names",
    multiple=True,
    metavar="NAME",
    type=VectorFileName(),
    help=f"Only this file; can be repeated: {', '.join(FILES)}.",
)
@seconds_option("--timeout", 10.0, "for each answer")
@click.option(
    "--partial", is_flag=True, help="Let the program leave out outputs, but not all of a case."
)
@click.option(
    "--max-failures",
    default=20,
    show_default=True,
    type=click.IntRange(min=0),
    metavar="N",
    help="Failures to show.",
)
@file_option("--junit", "junit", "Write the result as JUnit XML.")
@reporting
@click.argument("command", nargs=-1, required=True, type=click.UNPROCESSED)
def conform(
    vectors: Path,
    names: tuple[str, ...],
    timeout: float,
    partial: bool,
    max_failures: int,
    junit: Path | None,
    json_path: Path | None,
    command: tuple[str, ...],
) -> None:
    """Give every case to a program, and say what it gets wrong and by which mistake.

    COMMAND is a program that reads one JSON object per line from standard input and answers each
    with one on standard output, as vectors/README.md describes. It is run without a shell. If it
    crashes, hangs or writes something else, that case fails, and the program is started again.

    \b
    Examples:
      owamp-vectors conform -- ./adapter
      owamp-vectors conform --file token --file binding --timeout 2 -- java -cp build Adapter
      owamp-vectors conform --junit conform.xml --json conform.json -- node adapter.js
    """
    started = time.perf_counter()
    paths = [vectors / name for name in dict.fromkeys(names)]
    with clear_errors():
        disk.check_apart({"--junit": junit, "--json": json_path})
        files = [read_file(path) for path in paths or find_files([vectors])]
    cases = [case for file in files for case in stored_cases(*file)]
    judgements = _put_all(cases, Program(command, timeout), partial)
    print_table(summary.summary_rows(judgements), (2, 3, 4, 5))
    numbers = summary.count(judgements)
    if numbers["failed"]:
        failed = [item for item in judgements if item.status == "failed"]
        _print_failures(failed, max_failures)
    with clear_errors():
        for path, text in (
            (junit, summary.summary_junit(judgements)),
            (json_path, summary.summary_json(command, judgements)),
        ):
            if path is not None:
                disk.write_file(path, text)
    if numbers["failed"]:
        verb = "fails" if numbers["failed"] == 1 else "fail"
        say_bad(f"{numbers['failed']} of {counted(len(judgements), 'case')} {verb}.")
    elif not numbers["passed"]:
        say_bad("The program supports no case.")
        raise click.exceptions.Exit(NOT_CHECKED)
    else:
        seconds = time.perf_counter() - started
        say_good(f"\nEvery supported case passes; asked in {seconds:.1f} s.")
        return
    raise click.exceptions.Exit(DIFFERENT)


def _put_all(cases: list[StoredCase], program: Program, partial: bool) -> list[Judgement]:
    """All judgements; whatever the program still runs is ended."""
    try:
        return list(put(program, progress(cases, "asking"), partial=partial))
    except NotStartedError as error:
        raise _NoProgram(str(error)) from None
    finally:
        program.stop()


def _print_failures(failed: list[Judgement], most: int) -> None:
    click.echo()
    for item in failed[:most]:
        click.echo(summary.describe(item), err=True)
    if len(failed) > most:
        click.echo(f"… and {len(failed) - most} more; --json has them all", err=True)
    named = {flag: MISTAKES[flag].note for item in failed for flag in item.mistakes}
    for flag, note in named.items():
        click.echo(f"{flag}: {note.description}", err=True)

"""The command ``conform-model``."""

from __future__ import annotations

import textwrap
import time
from collections.abc import Collection
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from ..theory.check import ModelCheck, check_models
from ..theory.findings import Finding
from ..theory.infer import Problem
from ..theory.runs import DEFAULT_RUNS, RunsReport, check_runs, has_runs
from ..vectors.drbg import Drbg
from ..words import counted
from .about_captures import check_capture
from .about_files import each_key_derived_once
from .about_models import clear_model_errors, shown
from .about_peers import (
    max_count_option,
    pcap_ports_option,
    protocol_of,
    protocol_option,
    read_secret_options,
    secret_options,
)
from .console import (
    DIFFERENT,
    EXIT_CODES,
    as_objects,
    print_table,
    progress,
    say_bad,
    say_good,
    working,
    write_json,
)
from .named import ModelName
from .options import file_option, models_option, reporting, vectors_option

_HEADINGS = (
    "model",
    "rules",
    "symbols",
    "stand-ins",
    "equations",
    "macros",
    "messages",
    "terms apart",
    "abstractions",
    "findings",
    "result",
)
_NUMBERS = range(1, 10)


@click.command("conform-model", epilog=EXIT_CODES)
@click.option(
    "--model",
    "names",
    multiple=True,
    metavar="MODEL",
    type=ModelName(),
    help="Only this model; can be repeated.",
)
@click.option(
    "--seed", default=0, show_default=True, type=int, metavar="N", help="Other values to try."
)
@click.option("--octets", is_flag=True, help="Show the findings with their octets.")
@click.option(
    "--runs",
    default=DEFAULT_RUNS,
    show_default=True,
    type=click.IntRange(min=0),
    metavar="N",
    help="Runs of the reference that are checked to be traces of each theory.",
)
@file_option("--pcap", "pcap", "Check a capture of real peers instead.")
@pcap_ports_option
@protocol_option("; with --pcap, taken from the port or the messages")
@secret_options
@max_count_option
@models_option
@vectors_option
@reporting
def conform_model(
    json_path: Path | None,
    names: tuple[str, ...],
    seed: int,
    octets: bool,
    runs: int,
    pcap: Path | None,
    pcap_ports: tuple[int, ...],
    protocol: str | None,
    max_count: int,
    models: Path,
    vectors: Path,
    **secrets: Any,
) -> None:
    """Check that the models describe the reference. Needs no Tamarin.

    For each model under each of its flags: every function symbol is bound to a function of the
    reference, and used with values of fitting types; every equation holds for octets; every macro
    and message is, octet by octet, what the reference computes; terms that the theory keeps apart
    are apart as octets, but for the findings listed. What a model abstracts from knowingly is
    listed with the reason. Stand-ins are symbols whose function is not in the reference.

    Then runs of the reference, many sessions at once in a random order, are checked to be traces of
    the theories, step by step: every message is that of a rule, octet by octet.

    With --pcap, what a real client and a real server said is checked in the same way, with their
    shared secret, against the theories rfc4656, rfc4656_reflection, control_stream and mixed_mode.
    A message that is no step is named, with the rule that comes nearest and what differs. What a
    theory leaves out is counted as "not in the model". The check shows that each message is the
    one that a rule sends, given what was received and said before. It does not show that a peer
    refuses what is wrong: a capture has only what happened. It does not show that values are
    random, and it assumes that every captured message was delivered.

    \b
    Examples:
      owamp-vectors conform-model
      owamp-vectors conform-model --model rfc4656 --seed 7
      owamp-vectors conform-model --model rfc4656 --octets
      owamp-vectors conform-model --model rfc4656 --runs 100
      owamp-vectors conform-model --pcap seen.pcap --secrets secrets.toml
    """
    of_captures = (*secrets, "pcap_ports", "protocol", "max_count")
    _check_options(of_captures if pcap is None else ("seed", "octets", "runs"))
    if pcap is not None:
        told = None if protocol is None else protocol_of(protocol)
        with clear_model_errors(), each_key_derived_once():
            credentials = read_secret_options(**secrets).credentials
            check_capture(pcap, models, names, credentials, told, pcap_ports, max_count, json_path)
        return
    started = time.perf_counter()
    with clear_model_errors(), working("checking the models"):
        rows = list(check_models(models, vectors, names, seed))
    print_table([_HEADINGS, *map(_cells, rows)], _NUMBERS)
    _abstractions(rows)
    _findings(rows, octets)
    _open_tuples(rows)
    problems = [(row.model.title, problem) for row in rows for problem in row.problems]
    running = [row for row in rows if runs and has_runs(row.model) and not row.problems]
    reports = [check_runs(row.model, runs, seed) for row in progress(running, "running")]
    _runs(reports)
    problems += [(item.model.title, item.problem) for item in reports if item.problem]
    _write(json_path, rows, reports, problems)
    click.echo()
    for title, problem in problems:
        place = f"{shown(problem.place)}: " if problem.place else ""
        click.echo(f"{title}: {place}{problem.text}", err=True)
    if problems:
        say_bad(f"{counted(len(problems), 'thing does', 'things do')} not fit.")
        raise click.exceptions.Exit(DIFFERENT)
    seconds = time.perf_counter() - started
    say_good(f"Models and reference agree; checked in {seconds:.1f} s.")


def _check_options(useless: Collection[str]) -> None:
    """Refuse options that would do nothing."""
    context = click.get_current_context()
    for option in context.command.params:
        name = option.name or ""
        if name in useless and context.get_parameter_source(name) is ParameterSource.COMMANDLINE:
            how = "without" if context.params["pcap"] is None else "with"
            raise click.UsageError(f"{option.opts[0]}: has no use {how} --pcap")


def _write(
    path: Path | None,
    rows: list[ModelCheck],
    reports: list[RunsReport],
    problems: list[tuple[str, Problem]],
) -> None:
    """What ``--json`` asks for."""
    content = {
        "models": as_objects(_HEADINGS, map(_cells, rows), _NUMBERS),
        "runs": [
            {"model": item.model.title, "runs": item.runs, "steps": item.steps} for item in reports
        ],
        "problems": [
            {"model": title, "place": shown(problem.place), "text": problem.text}
            for title, problem in problems
        ],
    }
    write_json(path, content)


def _cells(row: ModelCheck) -> tuple[str, ...]:
    numbers = (
        len(row.model.rules),
        row.symbols,
        row.outside,
        row.equations,
        row.macros,
        row.messages,
        row.terms,
        len(row.abstractions),
        len(row.findings),
    )
    result = f"{len(row.problems)} wrong" if row.problems else "agrees"
    return (row.model.title, *map(str, numbers), result)


def _models_of(rows: list[ModelCheck], what: str, wanted: str) -> str:
    stems = [
        row.model.path.stem for row in rows if wanted in [item.id for item in getattr(row, what)]
    ]
    return ", ".join(dict.fromkeys(stems))


def _paragraph(head: str, text: str) -> None:
    click.echo(f"  {head}")
    wrapped = textwrap.wrap(text, 96, break_on_hyphens=False)
    click.echo(textwrap.indent("\n".join(wrapped), "    "))


def _abstractions(rows: list[ModelCheck]) -> None:
    found = {item.id: item for row in rows for item in row.abstractions}
    if found:
        click.echo("\nAccepted abstractions")
    for item in found.values():
        covers = f" Accounts for: {', '.join(sorted(item.findings))}." if item.findings else ""
        models = _models_of(rows, "abstractions", item.id)
        _paragraph(f"{item.id} ({models})", f"{item.reason}.{covers}")


def _findings(rows: list[ModelCheck], octets: bool) -> None:
    found: dict[str, Finding] = {item.id: item for row in rows for item in row.findings}
    if found:
        click.echo("\nFindings, each reproduced")
    for item in found.values():
        count = sum(row.explained.get(item.id, 0) for row in rows)
        seen = f" Seen {counted(count, 'time')} among the sampled terms." if count else ""
        _paragraph(f"{item.id} ({_models_of(rows, 'findings', item.id)})", item.text + seen)
        if octets:
            for name, value in item.octets(Drbg(f"finding/{item.id}")).items():
                lines = textwrap.wrap(value.hex(), 64) or [""]
                click.echo(f"      {name}")
                for line in lines:
                    click.echo(f"        {line}")


def _open_tuples(rows: list[ModelCheck]) -> None:
    """Concatenations in which two parts of open size are neighbours: the octets do not tell where
    one ends. All others can be taken apart by sizes alone.
    """
    found = {(shown(place), text): None for row in rows for place, text in row.open_tuples}
    total = sum(row.tuples for row in rows)
    count = sum(len(row.open_tuples) for row in rows)
    if total:
        click.echo(f"\nOf {total} tuples {total - count} can be taken apart by the sizes of parts")
    for place, text in found:
        click.echo(f"  not at {place}: {text}")


def _runs(reports: list[RunsReport]) -> None:
    """A line for each model whose runs were checked, and what no run has."""
    if reports:
        click.echo("\nRuns of the reference, interleaved")
    for item in reports:
        number = f"{counted(item.runs, 'run')}, {counted(item.steps, 'step')}"
        verdict = "one is not a trace of the theory" if item.problem else "all traces of the theory"
        refused = f"; {item.refusals} messages refused by both" if item.refusals else ""
        left_out = f"Not in the runs: {'; '.join(item.left_out)}."
        _paragraph(f"{item.model.title}  runs: {number}, {verdict}{refused}", left_out)

"""What ``conform-model --pcap`` says: a capture as runs of the theories."""

from __future__ import annotations

import textwrap
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
from owamp_reference.messages import SetUpResponse
from owamp_reference.negotiation import Credentials, Protocol

from ..disk import FileError
from ..live.observe.captured import report_capture
from ..live.observe.transcript import transcripts
from ..theory.captures import CaptureOutcome, NoStep, check_captured
from ..theory.heard import HeardConnection, Left
from ..theory.infer import infer
from ..theory.named import NamedStep
from ..theory.parse import read_model
from ..theory.room import room_of, rooms
from ..theory.terms import Model
from ..words import counted
from .console import (
    DIFFERENT,
    NOT_CHECKED,
    echo,
    print_table,
    progress,
    say_bad,
    say_good,
    write_json,
)

_HEADINGS = ("model", "connection", "steps", "not in the model", "not checked", "no step")
_WIDTH = 98
_WITH_TOKEN = SetUpResponse.LAYOUT.title


@dataclass(frozen=True)
class CapturedRun:
    """What became of a connection in a theory."""

    model: Model
    connection: HeardConnection
    outcomes: tuple[CaptureOutcome, ...]

    def steps(self) -> list[CaptureOutcome]:
        """What is a step of the theory; those that are there beforehand are not counted."""
        return [one for one in self.outcomes if one.item and isinstance(one.found, NamedStep)]

    def left(self, is_abstraction: bool) -> list[tuple[CaptureOutcome, Left]]:
        """What is no step, for a reason of one kind."""
        return [
            (one, one.found)
            for one in self.outcomes
            if isinstance(one.found, Left) and one.found.is_abstraction is is_abstraction
        ]

    def problems(self) -> list[tuple[CaptureOutcome, NoStep]]:
        """What no rule allows."""
        return [(one, one.found) for one in self.outcomes if isinstance(one.found, NoStep)]

    def problem_texts(self) -> Iterator[str]:
        """A line for each of them."""
        for one, found in self.problems():
            item, name = one.item, self.model.path.stem
            what = f"packet {item.packet}: {item.name}" if item else "what is there beforehand"
            text = f"{self.connection.title}, {what}: no rule of {name} allows it"
            if found.nearest:
                text += f"; nearest is {found.nearest}: {found.reason}"
            if item and item.name == _WITH_TOKEN and self.connection.control_keys is None:
                text += "; or the secret given here is not the one in use"
            yield text


def check_capture(
    path: Path,
    models: Path,
    names: Sequence[str],
    credentials: Sequence[Credentials],
    protocol: Protocol | None,
    ports: Sequence[int],
    max_count: int,
    json_path: Path | None,
) -> None:
    """Hold a capture against the theories, and say what became of it.

    Raises:
        click.UsageError: a model that captures are not held against.
        FileError: the capture or a model cannot be read.
        click.exceptions.Exit: with 1 for something that no rule allows, 8 if nothing is a step.
    """
    known = [name for name, room in rooms().items() if room.captures is not None]
    if wrong := [name for name in names if name not in known]:
        raise click.UsageError(
            f"--model: expected {', '.join(known)} with --pcap, found {wrong[0]}"
        )
    reports = report_capture(path, credentials, protocol, ports, max_count)
    for report in reports:
        for step in report.steps:
            if step.name == "capture":
                echo(step.text)
    heard = transcripts(reports, credentials, max_count)
    wanted = [name for name in known if not names or name in names]
    runs = [run for name in progress(wanted, "checking") for run in _runs(models, name, heard)]
    for run in runs:
        _tell(run)
    if runs:
        print_table([_HEADINGS, *map(_cells, runs)], range(2, 6))
    _conclude(heard, runs, json_path)


def _runs(models: Path, name: str, heard: Sequence[HeardConnection]) -> Iterator[CapturedRun]:
    model = read_model(models / f"{name}.spthy")
    inference = infer(model)
    if inference.problems:
        raise FileError(f"{model.path}: does not fit the reference: {inference.problems[0]}")
    outcomes: dict[int, list[CaptureOutcome]] = {one.number: [] for one in heard}
    for outcome in check_captured(model, inference, heard):
        outcomes[outcome.connection.number].append(outcome)
    for connection in heard:
        yield CapturedRun(model, connection, tuple(outcomes[connection.number]))


def _tell(run: CapturedRun) -> None:
    """A run in words: its steps with their facts, and what is not among them."""
    captures = room_of(run.model.name).captures
    assert captures is not None
    echo(f"{run.model.title} ({captures.takes}), {run.connection.words}")
    steps = [one for one in run.outcomes if isinstance(one.found, NamedStep)]
    for number, one in enumerate(steps, 1):
        assert isinstance(one.found, NamedStep)
        what = f"packet {one.item.packet}, {one.item.name}: " if one.item else "beforehand: "
        by = f", by the {one.actor}" if one.actor else ""
        echo(f"{number:4}  {what}{one.found.rule}{by}")
        for word, facts in one.found.facts.items():
            _wrapped(f"        {word:<9} ", ", ".join(facts))
        told = ", ".join(f"{name} = {value}" for name, value in one.found.values.items())
        _wrapped(f"        {'where':<9} ", told)
    for is_abstraction, label in ((True, "not in the model"), (False, "not checked")):
        reasons = Counter(found.reason for _, found in run.left(is_abstraction))
        for reason, count in reasons.items():
            echo(f"      {label}: {count} x {reason}")
    echo()


def _wrapped(head: str, text: str) -> None:
    lines = textwrap.wrap(text, _WIDTH - len(head), break_on_hyphens=False, break_long_words=False)
    for number, line in enumerate(lines):
        echo((head if not number else " " * len(head)) + line)


def _cells(run: CapturedRun) -> tuple[str, ...]:
    numbers = (
        len(run.steps()),
        len(run.left(is_abstraction=True)),
        len(run.left(is_abstraction=False)),
        len(run.problems()),
    )
    return (run.model.title, run.connection.title, *map(str, numbers))


def _conclude(
    heard: Sequence[HeardConnection], runs: Sequence[CapturedRun], json_path: Path | None
) -> None:
    """The sum, ``--json``, and the exit code."""
    total = sum(len(connection.items) for connection in heard)
    found = {id(one.item) for run in runs for one in run.steps()}
    texts = [text for run in runs for text in run.problem_texts()]
    write_json(json_path, _json(heard, runs, total, len(found)))
    echo()
    for text in texts:
        echo(text, err=True)
    summary = f"{len(found)} of {counted(total, 'message and packet', 'messages and packets')}"
    if texts:
        things = counted(len(texts), "thing is", "things are")
        say_bad(f"{summary} are steps of a model; {things} allowed by no rule.")
        raise click.exceptions.Exit(DIFFERENT)
    if not found:
        say_bad(f"Nothing was checked: {summary} are steps of a model.")
        raise click.exceptions.Exit(NOT_CHECKED)
    say_good(f"{summary} are steps of a model; nothing that was checked differs from one.")


def _json(
    heard: Sequence[HeardConnection], runs: Sequence[CapturedRun], total: int, found: int
) -> dict[str, Any]:
    return {
        "heard": total,
        "inAModel": found,
        "connections": [
            {
                "number": one.number,
                "client": one.client,
                "server": one.server,
                "protocol": one.protocol.value if one.protocol else None,
                "mode": (one.mode.security.name or "").lower() if one.mode else None,
            }
            for one in heard
        ],
        "runs": [
            {
                "model": run.model.path.stem,
                "connection": run.connection.number,
                "outcomes": [_outcome(one) for one in run.outcomes],
            }
            for run in runs
        ],
    }


def _outcome(one: CaptureOutcome) -> dict[str, Any]:
    """An outcome as JSON."""
    item, found = one.item, one.found
    what = {
        "packet": item.packet if item else None,
        "message": item.name if item else None,
        "actor": one.actor or None,
    }
    if isinstance(found, NamedStep):
        facts = {word: list(facts) for word, facts in found.facts.items()}
        return {
            **what,
            "result": "step",
            "rule": found.rule,
            "facts": facts,
            "values": dict(found.values),
        }
    if isinstance(found, NoStep):
        return {**what, "result": "no step", "nearest": found.nearest, "reason": found.reason}
    result = "not in the model" if found.is_abstraction else "not checked"
    return {**what, "result": result, "reason": found.reason}

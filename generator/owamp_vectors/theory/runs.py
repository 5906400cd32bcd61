"""Runs of the reference, recorded and checked to be traces of the theories.

Several clients and servers, connections and sessions run at once, interleaved as a choice says;
octets arrive in pieces; an intruder changes packets and control messages, and replays them. Every
event becomes a step of the theory (`RunChecker`), or is refused by both. What happens in the runs
for a theory its room says (`room.Runs`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from owamp_reference import ProtocolError

from ..vectors.drbg import Drbg
from .infer import Inference, Problem, infer
from .room import room_of
from .run_checker import RunChecker, RunError, RunEvent, UnknownRestrictionError
from .terms import Model
from .world import Choose, World, chooser

DEFAULT_RUNS = 3


@dataclass(frozen=True)
class RunsReport:
    """What became of a model's runs.

    Attributes:
        steps: how many events were steps of the theory.
        refusals: how many were refused by the reference, and by all rules.
        rules: the rules that were used.
        problem: the first event that does not fit, if any.
        left_out: what no run has.
    """

    model: Model
    runs: int = 0
    steps: int = 0
    refusals: int = 0
    rules: frozenset[str] = frozenset()
    problem: Problem | None = None
    left_out: tuple[str, ...] = ()


def has_runs(model: Model) -> bool:
    """Whether there are runs for a model under its flags."""
    runs = room_of(model.name).runs
    return runs is not None and model.flags in runs.flags


def events_of(
    model: Model, source: Drbg, choose: Choose, checker: RunChecker
) -> Iterator[RunEvent]:
    """The events of a run for a model that has runs."""
    runs = room_of(model.name).runs
    return runs.events(World(source, choose, model.flags, checker)) if runs else iter(())


def run(model: Model, source: Drbg, choose: Choose, inference: Inference) -> RunChecker:
    """One run, checked as it goes on.

    Raises:
        RunError: an event that is not as the theory has it.
        UnknownRestrictionError: the model has a restriction that runs cannot be held to.
    """
    checker = RunChecker(model, inference)
    for event in events_of(model, source, choose, checker):
        checker.take(event)
    return checker


def check_runs(model: Model, count: int = DEFAULT_RUNS, seed: int = 0) -> RunsReport:
    """Runs of the reference for a model, until one is no trace of it."""
    inference, runs = infer(model), room_of(model.name).runs
    report = RunsReport(model, left_out=runs.left_out if runs else ())
    for number in range(count):
        source = Drbg(f"runs/{model.title}/{seed}/{number}")
        try:
            checker = run(model, source, chooser(source.at("order")), inference)
        except RunError as error:
            place = error.rule.place if error.rule else None
            return replace(report, problem=Problem(place, str(error)))
        except UnknownRestrictionError as error:
            return replace(report, problem=Problem(None, str(error)))
        except ProtocolError as error:
            text = f"an endpoint cannot go on: {error}"
            return replace(report, problem=Problem(None, text))
        report = replace(
            report,
            runs=number + 1,
            steps=report.steps + len(checker.steps),
            refusals=report.refusals + checker.refusals,
            rules=report.rules | {step.rule.name for step in checker.steps},
        )
    return report

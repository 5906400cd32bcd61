"""Every outcome that the RFCs allow in a case: what they leave open is decided in each way."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from owamp_reference import ProtocolError
from owamp_reference.choices import Choice, Chooser, Option, Requirement
from owamp_reference.errors import Stage

_MOST = 512
"""More ways than these to go through a case are a mistake in the case."""
_STRENGTH: tuple[Requirement, ...] = ("POLICY", "MAY", "SHOULD", "MUST")


@dataclass(frozen=True)
class Outcome:
    """What an implementation may make of a case.

    Attributes:
        outputs: what it gives; None if it refuses.
        reason, stage: why, and at which step, it refuses.
        decided: the choices that it meets, each with the option that it takes.
    """

    outputs: dict[str, Any] | None = field(repr=False)
    reason: str = ""
    stage: Stage | None = None
    decided: tuple[tuple[Choice, Option], ...] = ()

    def departs(self, other: Outcome) -> list[tuple[Choice, Option]]:
        """The choices that it decides in another way than `other`, and how."""
        theirs = dict(other.decided)
        return [
            (choice, option)
            for choice, option in self.decided
            if option is not theirs.get(choice, choice.options[0])
        ]


def weakest(options: Iterable[Option]) -> Requirement:
    """The weakest word of the RFCs on which one of some options rests."""
    return min((option.requirement for option in options), key=_STRENGTH.index)


def outcomes(compute: Callable[[Chooser], dict[str, Any]]) -> Iterator[Outcome]:
    """All outcomes, that of the first options first, then those that depart from it least.

    One way through is a list of decisions, in the order in which the choices are asked for. Each
    is gone through once; a choice that is asked for again is decided in the same way.
    """
    pending: list[tuple[tuple[Choice, int], ...]] = [()]
    for number, decided in enumerate(_growing(pending)):
        if number >= _MOST:
            raise AssertionError(f"more than {_MOST} ways through one case")
        answers = dict(decided)
        outcome = _outcome(compute, answers)
        asked = tuple(answers.items())
        for place in range(len(decided), len(asked)):
            choice, _ = asked[place]
            others = range(1, len(choice.options))
            pending.extend((*asked[:place], (choice, option)) for option in others)
        yield outcome


def _growing(pending: list[tuple[tuple[Choice, int], ...]]) -> Iterator[tuple[Any, ...]]:
    number = 0
    while number < len(pending):
        yield pending[number]
        number += 1


def _outcome(compute: Callable[[Chooser], dict[str, Any]], answers: dict[Choice, int]) -> Outcome:
    def choose(choice: Choice) -> int:
        return answers.setdefault(choice, 0)

    outputs, reason, stage = None, "", None
    try:
        outputs = compute(choose)
    except ProtocolError as error:
        reason, stage = str(error), error.stage
    decided = tuple((choice, choice.options[index]) for choice, index in answers.items())
    return Outcome(outputs, reason, stage, decided)

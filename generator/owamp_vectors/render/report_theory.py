"""What the report takes from the models as terms: traces as octets, findings, abstractions.

All of it needs the extra ``models``; without it there is less to show, and a reason why.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from ..claims.declared import Job
from ..claims.trace import ADVERSARY, RuleStep, Trace, ordered_nodes
from ..replay.replay import Replay, ReplayError, replay
from ..theory.findings import ABSTRACTIONS, FINDINGS, Abstraction, Finding
from ..theory.grammar import NoGrammarError
from ..theory.parse import read_model
from ..theory.room import is_mutant
from ..theory.terms import Model
from ..vectors.drbg import Drbg


@dataclass(frozen=True)
class ShownMessage:
    """A message of a trace.

    Attributes:
        number: in order of time, from 1, as in the chart.
        step: the number of the rule's step that sends or receives it, as in the chart.
        sender, receiver: the columns of the chart; one of them is the adversary's.
        term: as the chart has it.
        octets: what the term is in octets; None without a replay.
        reference: the functions of the reference that gave the same octets.
        not_compared: why there are none.
    """

    number: int
    step: int
    rule: str
    sender: str
    receiver: str
    term: str
    octets: bytes | None = None
    reference: tuple[str, ...] = ()
    not_compared: str = ""


def shown_messages(trace: Trace, text: str, found: Replay | None) -> list[ShownMessage]:
    """The messages of a trace in order of time, with their octets if it was replayed.

    `text` is Tamarin's JSON, which both `trace` and `found` were read from.
    """
    nodes = [node.id for node in ordered_nodes(text) if node.is_rule]
    rules = [step for step in trace.steps if isinstance(step, RuleStep)]
    steps = {step.id: step for step in found.steps} if found else {}
    made: list[ShownMessage] = []
    number = 0
    for node, rule in zip(nodes, rules, strict=True):
        if rule.is_idle:
            continue
        number += 1
        step = steps.get(node)
        received = step.received if step else (None,) * len(rule.receives)
        sent = step.sent if step else (None,) * len(rule.sends)
        here = rule.column.title
        for term, octets in zip(rule.receives, received, strict=True):
            made.append(
                ShownMessage(len(made) + 1, number, rule.rule, ADVERSARY, here, term, octets)
            )
        for term, octets in zip(rule.sends, sent, strict=True):
            reference = step.reference if step else ()
            reason = found.not_bound.get(rule.rule, "") if found and not reference else ""
            made.append(
                ShownMessage(
                    len(made) + 1,
                    number,
                    rule.rule,
                    here,
                    ADVERSARY,
                    term,
                    octets,
                    reference,
                    reason,
                )
            )
    return made


@dataclass
class Theories:
    """The models of a directory as terms, each read once.

    Attributes:
        missing: why there are no terms; "" if there are.
    """

    models: Path
    missing: str = ""
    _read: dict[tuple[str, tuple[str, ...]], Model] = field(default_factory=dict)

    def model(self, job: Job) -> Model | None:
        """The model of a job, or None without the extra. Raises `TheoryError`."""
        key = (job.model, job.flags)
        if not self.missing and key not in self._read:
            try:
                self._read[key] = read_model(self.models / f"{job.model}.spthy", job.flags)
            except NoGrammarError as error:
                self.missing = str(error)
        return self._read.get(key)

    def replay(self, text: str, job: Job) -> tuple[Replay | None, str]:
        """A trace in octets; or None, and why not.

        Raises:
            FileError: the text is no trace.
        """
        is_code = not job.diff and not is_mutant(job.model, job.flags)
        model = self.model(job) if is_code else None
        if model is None:
            return None, ""
        try:
            return replay(text, job, model), ""
        except ReplayError as error:
            return None, str(error)


@dataclass(frozen=True)
class Concerned:
    """A finding or an abstraction, and the titles of the models that it is about."""

    item: Finding | Abstraction
    models: tuple[str, ...]


def shown_abstractions(theories: Theories, jobs: Iterable[Job]) -> list[Concerned]:
    """The accepted abstractions, each with the models among the jobs' that make it."""
    return _concerned(ABSTRACTIONS, theories, jobs)


def shown_findings(theories: Theories, jobs: Iterable[Job]) -> list[Concerned]:
    """What was found of the models, each with those of the jobs' models that it is about."""
    return _concerned(FINDINGS, theories, jobs)


def _concerned(
    items: Iterable[Finding | Abstraction], theories: Theories, jobs: Iterable[Job]
) -> list[Concerned]:
    found = [theories.model(job) for job in jobs]
    models = [model for model in found if model is not None]
    every = [
        Concerned(item, tuple(model.title for model in models if item.concerns(model)))
        for item in items
    ]
    return [one for one in every if one.models]


def failures(items: Iterable[Concerned]) -> list[str]:
    """The findings that do not reproduce, one line each."""
    made = []
    for one in items:
        if isinstance(one.item, Finding):
            failure = one.item.failure(Drbg(f"finding/{one.item.id}"))
            if failure:
                made.append(f"finding {one.item.id} does not reproduce: {failure}")
    return made

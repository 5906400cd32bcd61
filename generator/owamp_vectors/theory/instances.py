"""Rules with octets for their variables, the steps of a run, and whether the run can take them.

`instance` gives a rule its octets (`reading` finds them out, from octets that were received);
`RunState` is what a run has come to, and says of each step whether the theory allows it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from .evaluate import Evaluator
from .infer import MESSAGE_FACTS
from .table import Table
from .terms import Const, Fact, Rule, Term

Argument: TypeAlias = bytes | str
"""Octets, or a label such as 'initiator' that a fact carries and no message."""


@dataclass(frozen=True)
class OctetFact:
    """A fact whose arguments are octets, or labels."""

    name: str
    args: tuple[Argument, ...]
    is_persistent: bool = False

    def __str__(self) -> str:
        shown = (item if isinstance(item, str) else item.hex() for item in self.args)
        return f"{'!' if self.is_persistent else ''}{self.name}({', '.join(shown)})"


@dataclass(frozen=True)
class Instance:
    """A rule with octets for its variables, and its facts with these octets."""

    rule: Rule
    values: Mapping[Term, bytes]
    premises: tuple[OctetFact, ...]
    actions: tuple[OctetFact, ...]
    conclusions: tuple[OctetFact, ...]


def instance(rule: Rule, values: Mapping[Term, bytes], table: Table) -> Instance:
    """The instance of a rule for the octets of its variables (or of any of its terms).

    Raises:
        EvaluationError: a term has no octets for these values.
    """
    evaluate = Evaluator(values, table)

    def octets(fact: Fact) -> OctetFact:
        return OctetFact(
            fact.name,
            tuple(_argument(fact, term, evaluate) for term in fact.args),
            fact.is_persistent,
        )

    sides = (rule.premises, rule.actions, rule.conclusions)
    premises, actions, conclusions = (tuple(map(octets, side)) for side in sides)
    return Instance(rule, dict(values), premises, actions, conclusions)


def _argument(fact: Fact, term: Term, evaluate: Evaluator) -> Argument:
    is_octets = fact.name in MESSAGE_FACTS or not isinstance(term, Const)
    if is_octets or term.name in evaluate.table.constants:
        return evaluate(term)
    return term.name


class StepError(Exception):
    """A step that the theory does not allow: which premise is missing, or what is used twice."""

    def __init__(self, step: Instance, fact: OctetFact, reason: str) -> None:
        super().__init__(f"{step.rule.place}: rule {step.rule.name}: {fact}: {reason}")
        self.step = step
        self.fact = fact
        self.reason = reason


@dataclass
class RunState:
    """What a run has come to.

    Attributes:
        linear: the linear facts that are there, and how often.
        persistent: the persistent ones.
        sent: what was sent.
        fresh: the fresh values that were drawn.
        can_make: whether the adversary can make a message that nobody sent as it is.
    """

    linear: Counter[OctetFact] = field(default_factory=Counter)
    persistent: set[OctetFact] = field(default_factory=set)
    sent: set[bytes] = field(default_factory=set)
    fresh: set[bytes] = field(default_factory=set)
    can_make: Callable[[bytes], bool] = lambda _: False

    def step(self, taken: Instance) -> None:
        """Take a step: consume its premises, add its conclusions.

        Raises:
            StepError: a premise is not there, or a fresh value is not fresh. Nothing is changed.
        """
        wanted = Counter(fact for fact in taken.premises if fact.name not in ("Fr", "In"))
        for fact, count in wanted.items():
            there = fact in self.persistent if fact.is_persistent else self.linear[fact] >= count
            if not there:
                raise StepError(taken, fact, "is not there")
        drawn = self._check_messages(taken)
        self.fresh |= drawn
        self.linear -= Counter({f: count for f, count in wanted.items() if not f.is_persistent})
        for fact in taken.conclusions:
            if fact.name == "Out":
                self.sent |= {item for item in fact.args if isinstance(item, bytes)}
            elif fact.is_persistent:
                self.persistent.add(fact)
            else:
                self.linear[fact] += 1

    def _check_messages(self, taken: Instance) -> set[bytes]:
        """The values that are drawn; what is received must have been sent, or be makeable."""
        drawn: set[bytes] = set()
        for fact in taken.premises:
            for octets in fact.args:
                if not isinstance(octets, bytes):
                    continue
                if fact.name == "Fr":
                    if octets in self.fresh | drawn:
                        raise StepError(taken, fact, "is not fresh")
                    drawn.add(octets)
                elif fact.name == "In" and octets not in self.sent and not self.can_make(octets):
                    raise StepError(taken, fact, "was not sent, nor can the adversary make it")
        return drawn

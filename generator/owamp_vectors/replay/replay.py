"""From a recorded trace to octets: every step of it evaluated, checked, and held to the reference.

The trace's fresh and public names become octets of the inferred types, from the project's DRBG
under the label ``replay/<model>[+FLAG…]/<lemma>/<name>``. Then, in the order of time,

- each step must be an instance of its rule: the rule's facts, with these octets, are the trace's;
- each fact that it consumes must have been produced, octet by octet, where the trace says so;
- each message that it sends must be what the reference's function gives (`rows.Message`);
- each message that it receives must have been sent, or be made by the adversary, who computes on
  the octets that it has seen: cutting messages, decrypting, encrypting, as the trace says.

The lemma's formula and the model's restrictions are the prover's business and not checked again.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from owamp_reference import ProtocolError

from ..claims.declared import Job
from ..claims.trace import Node, ordered_nodes
from ..theory.check import message_rows
from ..theory.evaluate import EvaluationError, Evaluator
from ..theory.infer import Inference, Kind, infer, type_kind
from ..theory.instances import Instance, OctetFact, RunState, StepError, instance
from ..theory.room import Room, room_of
from ..theory.rows import MessageRow
from ..theory.script import TraceStep
from ..theory.table import Table
from ..theory.terms import (
    App,
    Const,
    Fact,
    Model,
    Rule,
    Term,
    Var,
    components,
    substitute,
    variables,
)
from ..theory.tuples import is_layout_name
from .adversary import Adversary
from .names import assign, source_of
from .plan import Plan, plan
from .recorded import ReplayError, facts_of


@dataclass(frozen=True)
class Replay:
    """A trace in octets.

    Attributes:
        values: the octets of the trace's names.
        steps: the rules' steps, in order.
        computed: how many terms the adversary computed, from what it had, step by step.
        known: the octets that the adversary has in the end, by term.
        not_bound: rules that send what the table does not bind, or cannot compare here, and why.
        dropped: steps that no endpoint takes, by their ids: packets that nobody takes, and others
            of the same number.
    """

    job: Job
    model: Model
    values: Mapping[Term, bytes]
    steps: tuple[TraceStep, ...]
    computed: int
    known: Mapping[Term, bytes]
    not_bound: Mapping[str, str]
    dropped: frozenset[str] = frozenset()

    @property
    def kept(self) -> tuple[TraceStep, ...]:
        """The steps without those that are dropped."""
        return tuple(step for step in self.steps if step.id not in self.dropped)

    @property
    def compared(self) -> int:
        """How many messages equal the reference's."""
        return sum(len(step.reference) for step in self.steps)

    def first(self, rule: str) -> TraceStep:
        """The first step of a rule. Raises `LookupError` if there is none."""
        return self.all(rule)[0]

    def all(self, *rules: str) -> list[TraceStep]:
        """The steps of rules. Raises `LookupError` if there are none."""
        found = [step for step in self.steps if step.rule in rules]
        if not found:
            raise LookupError(f"{self.job}: no step of rule {' or '.join(rules)}")
        return found


def replay(text: str, job: Job, model: Model) -> Replay:
    """Replay a trace in Tamarin's JSON that was recorded for a job.

    Raises:
        FileError: not a trace.
        ReplayError: a step that fails one of the checks.
    """
    replayer = _Replayer(ordered_nodes(text), job, model)
    quantifiers = {lemma.name: lemma.quantifier for lemma in model.lemmas}
    is_attack = quantifiers.get(job.lemma) != "exists-trace"
    return replayer.run(plan(job, replayer.run().steps, is_attack=is_attack))


@dataclass
class _Replayer:
    nodes: list[Node]
    job: Job
    model: Model
    inference: Inference = field(init=False)

    def __post_init__(self) -> None:
        self.inference = infer(self.model)
        self.table: Table = self.inference.table
        self.room: Room = room_of(self.model.name)
        nullary = {function.name for function in self.model.functions if not function.arity}
        self.facts = {node.id: facts_of(node, nullary) for node in self.nodes}
        self.places = {node.id: node for node in self.nodes}
        self.rows: dict[str, list[MessageRow]] = {}
        for row in message_rows(self.model):
            self.rows.setdefault(row.rule, []).append(row)

    def run(self, planned: Plan | None = None) -> Replay:
        bound = {node.id: self._match(node) for node in self.nodes if node.is_rule}
        differ = self.job.lemma in self.room.modes_differ
        planned = planned or Plan()
        values = assign(
            self._kinds(bound),
            source_of(self.job),
            self.room,
            modes_differ=differ,
            numbers=planned.numbers,
            same=planned.same,
        )
        evaluate = Evaluator(values, self.table)
        adversary = Adversary(self.model, self.table, evaluate)
        state = RunState(can_make=lambda octets: octets in adversary.made)
        steps: dict[str, TraceStep] = {}
        not_bound: dict[str, str] = {}
        for node in self.nodes:
            for step in self._check_inputs(node, evaluate):
                state.step(step.instance)
                steps[step.id] = step
            if not node.is_rule:
                adversary.take(node, self.facts[node.id])
                continue
            step = self._step(node, *bound[node.id], evaluate)
            try:
                state.step(step.instance)
            except StepError as error:
                raise ReplayError(f"rule {step.rule}: {error.fact}: {error.reason}") from None
            adversary.hear(self.facts[node.id][2])
            compared = tuple(self._compare(step, steps, not_bound))
            steps[node.id] = replace(step, reference=compared)
        return Replay(
            self.job,
            self.model,
            values,
            tuple(steps.values()),
            adversary.computed,
            adversary.known,
            not_bound,
            planned.dropped,
        )

    # ------------------------------------------------------------------ a step, and its rule

    def _match(self, node: Node) -> tuple[Rule, dict[Var, Term]]:
        """The rule of a node, and what the rule's variables stand for."""
        rule = self.model.rule(node.label)
        if rule is None:
            raise ReplayError(f"rule {node.label}: the model {self.model.title} has none such")
        found: dict[Var, Term] = {}
        sides = zip(_sides(rule), self.facts[node.id], strict=True)
        for pattern_side, side in sides:
            if [f.name for f in pattern_side] != [f.name for f in side]:
                wanted, there = (", ".join(f.name for f in facts) for facts in (pattern_side, side))
                raise ReplayError(f"rule {rule.name}: expected facts {wanted}; found {there}")
            for pattern, fact in zip(pattern_side, side, strict=True):
                if len(pattern.args) != len(fact.args):
                    text = f"expected {len(pattern.args)} arguments, found {len(fact.args)}"
                    raise ReplayError(f"rule {rule.name}: {fact.name}: {text}")
                for left, right in zip(pattern.args, fact.args, strict=True):
                    _bind(left, right, found)
        missing = [str(item) for item in rule.variables() if item not in found]
        if missing:
            text = f"cannot tell what {', '.join(missing)} stands for"
            raise ReplayError(f"rule {rule.name}: {text}")
        return rule, found

    def _step(
        self, node: Node, rule: Rule, terms: dict[Var, Term], evaluate: Evaluator
    ) -> TraceStep:
        try:
            made, terms = self._instance(rule, terms, evaluate)
            sides = (made.premises, made.actions, made.conclusions)
            for side, raw in zip(sides, self.facts[node.id], strict=True):
                for fact, recorded in zip(side, raw, strict=True):
                    for found, term in zip(fact.args, recorded.args, strict=True):
                        expected = evaluate(term) if isinstance(found, bytes) else term.name
                        if found != expected:
                            text = f"{fact.name}: {term} is {_hex(expected)}, not {_hex(found)}"
                            raise ReplayError(f"rule {rule.name}: {text}")
        except EvaluationError as error:
            raise ReplayError(f"rule {rule.name}: {error.term}: {error.reason}") from None
        return TraceStep(node.id, rule.name, made, terms, node.inputs)

    def _check_inputs(self, node: Node, evaluate: Evaluator) -> Iterator[TraceStep]:
        """Each premise is the conclusion that the trace says it is from.

        What the adversary takes from a message, the graph draws as coming from it directly; whether
        it can be taken out is seen when the adversary does. A rule without actions between two
        facts the graph leaves out; those are what is given.
        """
        premises = self.facts[node.id][0]
        for index, (source, number) in node.inputs.items():
            conclusions = self.facts[source][2]
            if index >= len(premises) or number >= len(conclusions):
                raise ReplayError(f"rule {node.label}: an edge to a fact that is not there")
            wanted, given = premises[index], conclusions[number]
            if wanted.name in ("KD", "KU"):
                continue
            try:
                if wanted.name != given.name:
                    between = self._between(given, wanted, evaluate)
                    if between is not None:
                        yield TraceStep(f"{node.id}:p{index}", *between, {0: (source, number)})
                        continue
                elif _same(wanted, given, evaluate):
                    continue
            except EvaluationError as error:
                raise ReplayError(f"rule {node.label}: {error.term}: {error.reason}") from None
            other = self.places[source].label
            raise ReplayError(f"rule {node.label}: {wanted} is not the {given} of {other}")

    def _between(
        self, given: Fact, wanted: Fact, evaluate: Evaluator
    ) -> tuple[str, Instance, Mapping[Var, Term]] | None:
        """The instance of a rule without actions that makes one fact of another, or None."""
        for rule in self.model.rules:
            if rule.actions or [f.name for f in rule.premises] != [given.name]:
                continue
            for conclusion in rule.conclusions:
                if conclusion.name != wanted.name or len(conclusion.args) != len(wanted.args):
                    continue
                found: dict[Var, Term] = {}
                [premise] = rule.premises
                for pattern, fact in ((premise, given), (conclusion, wanted)):
                    for left, right in zip(pattern.args, fact.args, strict=False):
                        _bind(left, right, found)
                return rule.name, *self._instance(rule, found, evaluate)
        return None

    def _instance(
        self, rule: Rule, terms: dict[Var, Term], evaluate: Evaluator
    ) -> tuple[Instance, dict[Var, Term]]:
        """The instance of a rule, and the terms of its variables but for those that are labels."""
        labels = {v: t for v, t in terms.items() if isinstance(t, Const) and self._is_label(t)}
        if labels:
            sides = (
                tuple(fact.map(lambda term: substitute(term, labels)) for fact in side)
                for side in _sides(rule)
            )
            premises, actions, conclusions = sides
            rule = replace(rule, premises=premises, actions=actions, conclusions=conclusions)
        left = {variable: term for variable, term in terms.items() if variable not in labels}
        octets: dict[Term, bytes] = {variable: evaluate(term) for variable, term in left.items()}
        return instance(rule, octets, self.table), left

    def _is_label(self, term: Const) -> bool:
        return term.name not in self.table.constants and not is_layout_name(term, self.table)

    # ------------------------------------------------------------------ types of names

    def _kinds(
        self, bound: Mapping[str, tuple[Rule, dict[Var, Term]]]
    ) -> dict[Var, list[tuple[str, Var, Kind]]]:
        """For each name of the trace the rules' variables that stand for it, and their types."""
        uses: dict[Var, list[tuple[str, Var, Kind]]] = {}
        for node in self.nodes:  # in order of time
            for side in self.facts[node.id]:
                for name in variables(*(term for fact in side for term in fact.args)):
                    uses.setdefault(name, [])
        for rule, terms in bound.values():
            said = {
                name: kind
                for row in self.rows.get(rule.name, ())
                for name, kind in row.more.items()
            }
            for variable, term in terms.items():
                if isinstance(term, Var):
                    kind = self.inference.kind(rule.name, variable)
                    if variable.name in said:
                        kind = type_kind(said[variable.name])
                    uses.setdefault(term, []).append((rule.name, variable, kind))
        return uses

    # ------------------------------------------------------------------ messages

    def _compare(
        self, step: TraceStep, earlier: Mapping[str, TraceStep], not_bound: dict[str, str]
    ) -> Iterator[str]:
        """The reference's functions whose octets are those of the step's facts."""
        rows = self.rows.get(step.rule, [])
        if step.sent and not any(row.fact == "Out" for row in rows):
            not_bound[step.rule] = "not a message of the reference"
        for row in rows:
            try:
                expected = row.compute(self._values(step, row, earlier))
            except KeyError as error:
                not_bound[step.rule] = f"{error.args[0]} is not in the trace"
                continue
            except ProtocolError as error:
                not_bound[step.rule] = f"the reference refuses: {error}"
                continue
            fact = _first(step.instance, row.fact)
            found = b"".join(item for item in fact.args[row.first :] if isinstance(item, bytes))
            if found != expected:
                text = f"{row.fact} is {found.hex()}, not {expected.hex()} of {row.reference}"
                raise ReplayError(f"rule {step.rule}: {text}")
            yield row.reference

    def _values(
        self, step: TraceStep, row: MessageRow, earlier: Mapping[str, TraceStep]
    ) -> dict[str, bytes]:
        """The octets that a row computes from, by name. Raises `KeyError` for one that has none."""
        values = {variable.name: step.instance.values[variable] for variable in step.terms}
        before = [earlier[name] for name in _ancestors(step, earlier)]
        for name in row.more:
            if name in values:
                continue
            if name in row.told:
                told = _first(step.instance, row.fact).args[row.told[name]]
                assert isinstance(told, bytes)
                values[name] = told
                continue
            for other in before:
                if name in {variable.name for variable in other.terms}:
                    values[name] = other.value(name)
                    break
        for name, compute in row.given.items():
            expected = compute(values)
            if values.setdefault(name, expected) != expected:
                text = f"{name} is {values[name].hex()}, not {expected.hex()}"
                raise ReplayError(f"rule {step.rule}: {text}")
        return values


def _same(left: Fact, right: Fact, evaluate: Evaluator) -> bool:
    """Whether two facts of a name have the same octets."""
    return len(left.args) == len(right.args) and all(
        one == other or (not isinstance(one, Const) and evaluate(one) == evaluate(other))
        for one, other in zip(left.args, right.args, strict=True)
    )


def _hex(value: bytes | str) -> str:
    return value.hex() if isinstance(value, bytes) else value


def _sides(rule: Rule) -> tuple[tuple[Fact, ...], ...]:
    return rule.premises, rule.actions, rule.conclusions


def _first(made: Instance, name: str) -> OctetFact:
    facts = (*made.conclusions, *made.actions, *made.premises)
    return next(fact for fact in facts if fact.name == name)


def _bind(pattern: Term, term: Term, found: dict[Var, Term]) -> None:
    """Learn what the variables of a rule's term stand for, as far as the two look alike.

    The trace has terms in normal form, so that what the rule decrypts is there as what comes out.
    """
    if isinstance(pattern, Var):
        found.setdefault(pattern, term)
    elif isinstance(pattern, App) and pattern.name == "xor":
        return  # commutes: what looks alike need not be
    elif isinstance(pattern, App) and isinstance(term, App) and pattern.name == term.name:
        pairs: Iterable[tuple[Term, Term]] = zip(pattern.args, term.args, strict=False)
        if pattern.name == "pair":
            left, right = components(pattern), components(term)
            pairs = zip(left, right, strict=False) if len(left) == len(right) else pairs
        for one, other in pairs:
            _bind(one, other, found)


def _ancestors(step: TraceStep, steps: Mapping[str, TraceStep]) -> list[str]:
    """The steps whose facts led to this one, the nearest first; messages do not count."""
    found: list[str] = []
    waiting = [step]
    while waiting:
        for source, _ in waiting.pop(0).inputs.values():
            if source in steps and source not in found:
                found.append(source)
                waiting.append(steps[source])
    return found


__all__ = ["Replay", "ReplayError", "replay"]

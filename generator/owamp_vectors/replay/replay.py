"""From a recorded trace to octets: every step of it evaluated, checked, and held to the reference.

The trace's fresh and public names become octets of the inferred types, from the project's DRBG
under the label ``replay/<model>[+FLAG…]/<lemma>/<name>``. Then, in the order of time,

- each step must be an instance of its rule: the rule's facts, with these octets, are the trace's;
- each fact that it consumes must have been produced, octet by octet, where the trace says so;
- each message that it sends must be what the reference's function of `bind.MESSAGES` gives;
- each message that it receives must have been sent, or be made by the adversary, who computes on
  the octets that it has seen: cutting messages, decrypting, encrypting, as the trace says.

The lemma's formula and the model's restrictions are the prover's business and not checked again.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import TypeAlias

from owamp_reference import ProtocolError, messages, token

from ..claims.declared import Job
from ..claims.trace import Node, ordered_nodes
from ..disk import FileError
from ..theory.bind import CONSTANTS, COUNT, KEY_ID, MODE, MODES, NUMBER, Binding, Message
from ..theory.conform import message_rows
from ..theory.evaluate import EvaluationError, Evaluator
from ..theory.infer import Inference, Kind, infer, is_layout_name, segments
from ..theory.instance import Instance, OctetFact, State, StepError, instance, term_of_json
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
    subterms,
    variables,
)
from ..vectors.declaration import Json
from ..vectors.drbg import Drbg


class ReplayError(Exception):
    """A step that is not what it should be; the text names the rule and shows the octets."""


@dataclass(frozen=True)
class Step:
    """A rule's step of a trace.

    Attributes:
        id: of its node.
        terms: what each of the rule's variables stands for in the trace.
        inputs: the nodes that its premises are from, by the number of the premise.
        reference: the functions of the reference that its messages were compared with.
    """

    id: str
    rule: str
    instance: Instance
    terms: Mapping[Var, Term]
    inputs: Mapping[int, tuple[str, int]]
    reference: tuple[str, ...] = ()

    @property
    def received(self) -> tuple[bytes, ...]:
        """What it takes from the network."""
        return _octets(self.instance.premises, "In")

    @property
    def sent(self) -> tuple[bytes, ...]:
        """What it gives to the network."""
        return _octets(self.instance.conclusions, "Out")

    @property
    def named(self) -> dict[str, bytes]:
        """The octets of the rule's variables, by name."""
        return {str(variable.name): self.instance.values[variable] for variable in self.terms}

    def value(self, name: str) -> bytes:
        """The octets of the rule's variable of a name. Raises `KeyError` if it has none."""
        return self.named[name]


def _octets(facts: Iterable[OctetFact], name: str) -> tuple[bytes, ...]:
    return tuple(o for f in facts if f.name == name for o in f.args if isinstance(o, bytes))


@dataclass(frozen=True)
class Replay:
    """A trace in octets.

    Attributes:
        values: the octets of the trace's names.
        steps: the rules' steps, in order.
        computed: how many terms the adversary computed, from what it had, step by step.
        known: the octets that the adversary has in the end, by term.
        not_bound: rules that send what the table does not bind, or cannot compare here, and why.
    """

    job: Job
    model: Model
    values: Mapping[Term, bytes]
    steps: tuple[Step, ...]
    computed: int
    known: Mapping[Term, bytes]
    not_bound: Mapping[str, str]

    @property
    def compared(self) -> int:
        """How many messages equal the reference's."""
        return sum(len(step.reference) for step in self.steps)

    def first(self, rule: str) -> Step:
        """The first step of a rule. Raises `LookupError` if there is none."""
        return self.all(rule)[0]

    def all(self, *rules: str) -> list[Step]:
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
    nodes = ordered_nodes(text)
    return _Replayer(nodes, job, model).run()


@dataclass
class _Replayer:
    nodes: list[Node]
    job: Job
    model: Model
    binding: Binding = field(init=False)
    inference: Inference = field(init=False)

    def __post_init__(self) -> None:
        self.binding = Binding(model=self.model.name)
        self.inference = infer(self.model, self.binding)
        self.facts = {node.id: _facts(node) for node in self.nodes}
        self.places = {node.id: node for node in self.nodes}
        self.rows: dict[str, list[Message]] = {}
        for row in message_rows(self.model):
            self.rows.setdefault(row.rule, []).append(row)

    def run(self) -> Replay:
        bound = {node.id: self._match(node) for node in self.nodes if node.is_rule}
        values = assign(
            self._kinds(bound), source_of(self.job), modes_differ="mode" in self.job.lemma
        )
        evaluate = Evaluator(values, self.binding)
        adversary = _Adversary(self.model, self.binding, evaluate)
        state = State(can_make=lambda octets: octets in adversary.made)
        steps: dict[str, Step] = {}
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
            steps[node.id] = Step(
                step.id, step.rule, step.instance, step.terms, step.inputs, compared
            )
        return Replay(
            self.job,
            self.model,
            values,
            tuple(steps.values()),
            adversary.computed,
            adversary.known,
            not_bound,
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

    def _step(self, node: Node, rule: Rule, terms: dict[Var, Term], evaluate: Evaluator) -> Step:
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
        return Step(node.id, rule.name, made, terms, node.inputs)

    def _check_inputs(self, node: Node, evaluate: Evaluator) -> Iterator[Step]:
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
                        yield Step(f"{node.id}:p{index}", *between, {0: (source, number)})
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
        return instance(rule, octets, self.binding), left

    def _is_label(self, term: Const) -> bool:
        return term.name not in CONSTANTS and not is_layout_name(term, self.binding)

    # ------------------------------------------------------------------ types of names

    def _kinds(
        self, bound: Mapping[str, tuple[Rule, dict[Var, Term]]]
    ) -> dict[Var, list[tuple[str, Var, Kind]]]:
        """For each name of the trace the rules' variables that stand for it, and their types."""
        uses: dict[Var, list[tuple[str, Var, Kind]]] = {}
        for sides in self.facts.values():
            for side in sides:
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
                        kind = Kind(said[variable.name].size, 1, said[variable.name])
                    uses.setdefault(term, []).append((rule.name, variable, kind))
        return uses

    # ------------------------------------------------------------------ messages

    def _compare(
        self, step: Step, earlier: Mapping[str, Step], not_bound: dict[str, str]
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

    def _values(self, step: Step, row: Message, earlier: Mapping[str, Step]) -> dict[str, bytes]:
        """The octets that a row computes from, by name. Raises `KeyError` for one that has none."""
        values = {variable.name: step.instance.values[variable] for variable in step.terms}
        before = [earlier[name] for name in _ancestors(step, earlier)]
        for name in row.more:
            if name in values:
                continue
            if (row.model, row.rule) == ("token_blocks", "Server_Keys") and name in _ACCEPTED:
                accepted = _first(step.instance, "ServerAccepts").args[_ACCEPTED[name]]
                assert isinstance(accepted, bytes)
                values[name] = accepted
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


_ACCEPTED = {"t1": 2, "t2a": 3, "t2b": 4}
"""Where ServerAccepts has the keys of which Server_Keys is told only what hides them."""


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


def _facts(node: Node) -> tuple[tuple[Fact, ...], ...]:
    return tuple(
        tuple(map(_fact, side)) for side in (node.premises, node.actions, node.conclusions)
    )


def _fact(raw: Json) -> Fact:
    try:
        name = str(raw["jgnFactName"])
        terms = tuple(map(term_of_json, raw["jgnFactTerms"]))
        return Fact(name.lstrip("!"), terms, name.startswith("!"))
    except (KeyError, TypeError, AttributeError, RecursionError) as error:
        raise FileError(f"not a trace: {type(error).__name__} {error}") from None


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


def _ancestors(step: Step, steps: Mapping[str, Step]) -> list[str]:
    """The steps whose facts led to this one, the nearest first; messages do not count."""
    found: list[str] = []
    waiting = [step]
    while waiting:
        for source, _ in waiting.pop(0).inputs.values():
            if source in steps and source not in found:
                found.append(source)
                waiting.append(steps[source])
    return found


# ---------------------------------------------------------------------------------------- names

_MODE_OF_RULE = {"Encrypted": 4, "Authenticated": 2}


_Uses: TypeAlias = list[tuple[str, Var, Kind]]


def _joined(name: Var, uses: _Uses) -> Kind:
    """The type of a name: of those that say a size the first, with a role if one has it."""
    kind = Kind()
    for rule, _, other in uses:
        if kind.size is not None and other.size not in (None, kind.size):
            raise ReplayError(f"rule {rule}: {name} has {other.size} octets and {kind.size}")
        if kind.size is None or (kind.type is None and other.type is not None):
            kind = other
    return kind


def _reflects(uses: _Uses) -> bool:
    return any("Reflect" in rule and variable.name == "own" for rule, variable, _ in uses)


def _sends(uses: _Uses) -> bool:
    return any("Send" in rule and "Receive" not in rule for rule, _, _ in uses)


def source_of(job: Job) -> Drbg:
    """The source of a trace's names."""
    return Drbg(f"replay/{job}")


def assign(
    uses: Mapping[Var, _Uses], source: Drbg, *, modes_differ: bool = False
) -> dict[Term, bytes]:
    """Octets for each name of a trace, of the type that it has where rules use it.

    Count is 1024, KeyID a name; Mode is that of the packets in the trace, Modes offers it, and the
    two are the same at both ends unless `modes_differ`; a reflector's sequence numbers count from
    0, and those of the adversary's choice are below the senders'. So real endpoints can play the
    trace.

    Raises:
        ReplayError: a name that two rules use with different sizes.
    """
    rules = {rule for places in uses.values() for rule, _, _ in places}
    wanted = [bits for name, bits in _MODE_OF_RULE.items() if any(name in r for r in rules)]
    mode = wanted[0] if wanted else 2
    modes = iter([7, 6, 14, 15] if modes_differ else [])
    chosen = iter([mode, 6 - mode] if modes_differ else [])
    reflected, others, sent = iter(range(256)), iter(range(256)), iter(range(1000, 2000))
    values: dict[Term, bytes] = {}
    for name in sorted(uses, key=str):
        kind = _joined(name, uses[name])
        if kind.type == COUNT:
            values[name] = token.MIN_COUNT.to_bytes(4, "big")
        elif kind.type == KEY_ID:
            values[name] = messages.encode_key_id(source.octets(str(name), 8).hex())
        elif kind.type == MODES:
            values[name] = next(modes, 7).to_bytes(4, "big")
        elif kind.type == MODE:
            values[name] = next(chosen, mode).to_bytes(4, "big")
        elif kind.type == NUMBER:
            numbers = sent if _sends(uses[name]) else others
            number = next(reflected if _reflects(uses[name]) else numbers)
            values[name] = number.to_bytes(4, "big") + bytes(12)
        else:
            values[name] = kind.sample(source.at(str(name)))
    return values


# -------------------------------------------------------------------------------- the adversary


@dataclass
class _Adversary:
    """What the adversary has: octets by term, all computed from what it saw or chose.

    Attributes:
        made: the messages that it has sent.
        computed: how many times it applied a function, or cut a message.
    """

    model: Model
    binding: Binding
    evaluate: Evaluator
    known: dict[Term, bytes] = field(default_factory=dict)
    made: set[bytes] = field(default_factory=set)
    computed: int = 0

    def take(self, node: Node, facts: tuple[tuple[Fact, ...], ...]) -> None:
        """Take the step of a node. Raises `ReplayError` if it cannot."""
        premises, actions, conclusions = facts
        try:
            if node.type == "unsolvedActionAtom" or node.label.startswith("Fresh"):
                for fact in (*actions, *conclusions):
                    self._choose(fact)
            elif node.label == "Send":
                self.made.add(self._make(conclusions[0].args[0]))
            elif node.label in ("Recv", "Coerce") or re.search(r"_(fst|snd|pair)$", node.label):
                for fact in conclusions:
                    self._make(fact.args[0])
            elif found := re.fullmatch(r"Destr_?[cd]_(\d+)_(\w+)", node.label):
                self._undo(found[2], int(found[1]), premises, conclusions[0].args[0])
            else:
                self.computed += 1
                for fact in conclusions:
                    self.known[fact.args[0]] = self._make(fact.args[0])
        except EvaluationError as error:
            text = f"the adversary cannot make {error.term}: {error.reason}"
            raise ReplayError(f"{node.label}: {text}") from None
        except (IndexError, LookupError) as error:
            raise ReplayError(f"{node.label}: not a step of the adversary: {error}") from None

    def _choose(self, fact: Fact) -> None:
        """What the trace leaves to the adversary, or what it draws."""
        for term in fact.args:
            if isinstance(term, Var):
                self.known[term] = self.evaluate(term)
            else:
                self._make(term)

    def hear(self, conclusions: tuple[Fact, ...]) -> None:
        """Take the messages of a step from the network."""
        for fact in conclusions:
            if fact.name == "Out":
                for term in fact.args:
                    self._learn(term, self.evaluate(term))

    def _learn(self, term: Term, octets: bytes) -> None:
        """Cut a message into its components, by their sizes and the message's layout."""
        self.known[term] = octets
        if not isinstance(term, App) or term.name != "pair":
            return
        self.computed += 1
        offset = 0
        for part in segments(term, self.binding):
            if part.shape is None:
                size = len(self.evaluate(part.terms[0]))
                self._learn(part.terms[0], octets[offset : offset + size])
                offset += size
                continue
            for span, item in zip(part.shape.spans, part.terms, strict=True):
                start = offset + span.offset
                self._learn(item, octets[start : start + span.size])
            offset += len(part.shape.base)

    def _undo(self, name: str, index: int, premises: tuple[Fact, ...], result: Term) -> None:
        """Apply a destructor: its argument `index` is what is taken apart, the others are keys."""
        first, *others = [self._make(fact.args[0]) for fact in premises]
        arguments = [*others[:index], first, *others[index:]]
        self.computed += 1
        octets = self.binding.symbols[name].compute(*arguments)
        if octets != self.evaluate(result):
            found = f"{result} is {self.evaluate(result).hex()}, but {name} gives {octets.hex()}"
            raise ReplayError(f"{name}: {found}")
        self._learn(result, octets)

    def _make(self, term: Term) -> bytes:
        """The octets of a term from what is known and public alone."""
        self._check_public(term)
        names: dict[Term, bytes] = {
            item: self.evaluate(item)
            for item in subterms(term)
            if isinstance(item, Var) and item.sort == "pub"
        }
        octets = Evaluator(names | self.known, self.binding)(term)
        if octets != self.evaluate(term):
            found = f"{octets.hex()}, not {self.evaluate(term).hex()}"
            raise ReplayError(f"{term}: the adversary makes {found}")
        return octets

    def _check_public(self, term: Term) -> None:
        if term in self.known or not isinstance(term, App):
            return
        private = {function.name for function in self.model.functions if function.is_private}
        if term.name in private:
            raise EvaluationError(term, f"{term.name} is private")
        for argument in term.args:
            self._check_public(argument)


__all__ = ["Replay", "ReplayError", "Step", "assign", "replay", "source_of"]

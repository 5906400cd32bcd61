"""Rules with octets for their variables: steps of a run, and whether a run can take them.

`instance` gives a rule its octets; `Reading` finds them out, from octets that were received;
`State` is what a run has come to, and says of each step whether the theory allows it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from owamp_reference import ProtocolError

from ..vectors.declaration import Json
from .bind import Binding
from .evaluate import EvaluationError, Evaluator
from .infer import MESSAGE_FACTS, Inference, segments
from .standins import xor
from .terms import App, Const, Fact, Rule, Term, Var, pair

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


def instance(rule: Rule, values: Mapping[Term, bytes], binding: Binding) -> Instance:
    """The instance of a rule for the octets of its variables (or of any of its terms).

    Raises:
        EvaluationError: a term has no octets for these values.
    """
    evaluate = Evaluator(values, binding)

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
    if isinstance(term, Const) and fact.name not in MESSAGE_FACTS:
        return term.name
    return evaluate(term)


class StepError(Exception):
    """A step that the theory does not allow: which premise is missing, or what is used twice."""

    def __init__(self, step: Instance, fact: OctetFact, reason: str) -> None:
        super().__init__(f"{step.rule.place}: rule {step.rule.name}: {fact}: {reason}")
        self.step = step
        self.fact = fact
        self.reason = reason


@dataclass
class State:
    """What a run has come to.

    Attributes:
        linear: the linear facts that are there, and how often.
        persistent: the persistent ones.
        sent: what was sent, in order.
        fresh: the fresh values that were drawn.
        can_make: whether the adversary can make a message that nobody sent as it is.
    """

    linear: Counter[OctetFact] = field(default_factory=Counter)
    persistent: set[OctetFact] = field(default_factory=set)
    sent: list[bytes] = field(default_factory=list)
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
                self.sent += [item for item in fact.args if isinstance(item, bytes)]
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


# --------------------------------------------------------------------------------------- reading


class MismatchError(Exception):
    """Octets that no values of the variables make a term; the text says where they part."""


@dataclass
class Reading:
    """Finds the octets of a rule's variables from the octets of its terms, as a receiver does.

    A tuple is cut by sizes; what is encrypted is decrypted where key and IV are known; anything
    else must be what the known values make it.

    Attributes:
        scope: the rule's name, for its sizes.
        inference: the model's types.
        values: what is known; grows.
    """

    scope: str
    inference: Inference
    values: dict[Term, bytes] = field(default_factory=dict)

    def read(self, term: Term, octets: bytes) -> None:
        """Learn from a term's octets. What is not known yet may be by another call.

        Raises:
            MismatchError: they cannot be those of the term.
        """
        known = self._known(term)
        if known is not None:
            if known != octets:
                self._explain(term, octets)
                raise MismatchError(f"{term}: expected {known.hex()}, found {octets.hex()}")
        elif isinstance(term, Var):
            size = self.inference.kind(self.scope, term).size
            if size not in (None, len(octets)):
                raise MismatchError(f"{term}: expected {size} octets, found {len(octets)}")
            self.values[term] = octets
        elif isinstance(term, App) and term.name == "pair":
            self._read_tuple(term, octets)
        elif isinstance(term, App):
            self._read_application(term, octets)
        else:
            raise MismatchError(f"{term}: a name without octets")

    def _explain(self, term: Term, octets: bytes) -> None:
        """Raise the mismatch of a part, where a message can be taken apart."""
        if isinstance(term, App) and term.name == "pair":
            self._read_tuple(term, octets)
        elif isinstance(term, App) and term.name == "cbc":
            self._read_application(term, octets)

    def _known(self, term: Term) -> bytes | None:
        try:
            return Evaluator(self.values, self.inference.binding)(term)
        except EvaluationError:
            return None

    def _read_tuple(self, term: App, octets: bytes) -> None:
        parts: list[tuple[Term, int | None]] = []
        for part in segments(term, self.inference.binding):
            if part.shape is None:
                size = self.inference.size_of(self.scope, part.terms[0])
                if size is None and (known := self._known(part.terms[0])) is not None:
                    size = len(known)
                parts.append((part.terms[0], size))
            else:
                named = pair(Const(part.shape.name), *part.terms)
                whole = pair(*part.terms) if part.shape.heads else named
                parts.append((whole, len(part.shape.base)))
        if len(parts) == 1:
            self._read_layout(term, octets)
            return
        fixed = sum(size or 0 for _, size in parts)
        is_open = [size is None for _, size in parts]
        if sum(is_open) > 1 or len(octets) < fixed or (not any(is_open) and len(octets) != fixed):
            raise MismatchError(f"{term}: cannot be cut out of {len(octets)} octets")
        chunks = []
        for item, size in parts:
            end = len(octets) - fixed if size is None else size
            fixed -= size or 0
            chunk, octets = octets[:end], octets[end:]
            chunks.append((item, chunk))
        for item, chunk in sorted(chunks, key=lambda both: isinstance(both[0], App)):
            self.read(item, chunk)

    def _read_layout(self, term: App, octets: bytes) -> None:
        [part] = segments(term, self.inference.binding)
        shape = part.shape
        if shape is None or len(octets) != len(shape.base):
            raise MismatchError(f"{term}: expected its layout, found {len(octets)} octets")
        rest = bytearray(octets)
        for span in shape.spans:
            rest[span.offset : span.offset + span.size] = bytes(span.size)
        base = bytearray(shape.base)
        for span in shape.spans:
            base[span.offset : span.offset + span.size] = bytes(span.size)
        if rest != base:
            raise MismatchError(f"{shape.name}: fields that the model leaves out are not usual")
        for span, item in sorted(
            zip(shape.spans, part.terms, strict=True), key=lambda both: isinstance(both[1], App)
        ):
            self.read(item, octets[span.offset : span.offset + span.size])

    def _read_application(self, term: App, octets: bytes) -> None:
        """Decrypt, if all but the text is known; a text is the argument that INVERSES says."""
        if term.name == "xor":
            for one, other in (term.args, term.args[::-1]):
                known = self._known(one)
                if known is not None and len(known) == len(octets):
                    self.read(other, xor(known, octets))
                    return
        if term.name in INVERSES:
            inverse, index = INVERSES[term.name]
            others = [self._known(argument) for argument in term.args]
            if all(value is not None for n, value in enumerate(others) if n != index):
                arguments = [octets if n == index else value for n, value in enumerate(others)]
                try:
                    text = self.inference.binding.symbols[inverse].compute(*arguments)
                except ProtocolError as error:
                    raise MismatchError(f"{term}: {error}") from None
                self.read(term.args[index], text)
                return
        raise MismatchError(f"{term}: not known, and cannot be undone")


INVERSES: Mapping[str, tuple[str, int]] = {
    "cbc": ("cbc_inv", 2),
    "cbc_inv": ("cbc", 2),
    "ecb": ("ecb_inv", 1),
    "ecb_inv": ("ecb", 1),
    "aes": ("aes_inv", 1),
    "aes_inv": ("aes", 1),
    "senc": ("sdec", 0),
}
"""Which symbol undoes another, and which argument it gives back."""


# ---------------------------------------------------------------------------------------- traces


def term_of_json(raw: Json) -> Term:
    """A term of a trace that the prover recorded (``jgnConst``, ``jgnFunct``)."""
    if "jgnFunct" in raw:
        name = str(raw["jgnFunct"])
        return App(_JSON_NAMES.get(name, name), tuple(map(term_of_json, raw["jgnParams"])))
    text = str(raw["jgnConst"])
    if text.startswith(("'", "~'")):
        return Const(text.removeprefix("~").strip("'"), text.startswith("~"))
    for sign, sort in (("~", "fresh"), ("$", "pub"), ("%", "nat"), ("#", "node")):
        if text.startswith(sign):
            return Var(text[1:], sort)  # type: ignore[arg-type]
    return App(text) if text in Binding().symbols else Var(text)


_JSON_NAMES = {"Xor": "xor", "Mult": "mult", "Union": "union", "NatPlus": "nplus"}

"""The adversary of a trace, who computes on the octets that it has seen."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from ..claims.trace import Node
from ..theory.evaluate import EvaluationError, Evaluator
from ..theory.table import Table
from ..theory.terms import App, Fact, Model, Term, Var, subterms
from ..theory.tuples import parts_of
from .recorded import ReplayError


@dataclass
class Adversary:
    """What the adversary has: octets by term, all computed from what it saw or chose.

    Attributes:
        made: the messages that it has sent.
        computed: how many times it applied a function, or cut a message.
    """

    model: Model
    table: Table
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
            elif node.label == "Destrd_exp":  # a power raised to a further exponent
                self._undo("exp", 0, premises, conclusions[0].args[0])
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
        for part in parts_of(term, self.table):
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
        octets = self.table.symbols[name].compute(*arguments)
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
        octets = Evaluator(names | self.known, self.table)(term)
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

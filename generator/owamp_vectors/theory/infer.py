"""How many octets each variable of a model has, inferred from where it is used.

Every argument of a bound symbol, every component of a message's layout and every argument of a
bound macro says something of the term that stands there; a tuple's size is the sum of its parts;
what a fact carries from one rule to another is of one type. What does not fit is a `Problem` with
its place in the model.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from copy import copy
from dataclasses import dataclass, field, replace

from ..groups.roles import ANY, Type
from ..vectors.drbg import Drbg
from .rows import Shape
from .table import Table, table_of
from .terms import (
    App,
    Const,
    Equation,
    Fact,
    Macro,
    Model,
    Place,
    Rule,
    Term,
    Var,
    variables,
)
from .tuples import is_layout_name, parts_of

MESSAGE_FACTS = frozenset({"In", "Out", "K", "KU", "Fr"})
"""Facts whose argument is any message; all others carry values of one type in each place."""


@dataclass(frozen=True)
class Problem:
    """Something of a model that does not fit, and where."""

    place: Place | None
    text: str

    def __str__(self) -> str:
        return f"{self.place}: {self.text}" if self.place else self.text


@dataclass(frozen=True)
class Kind:
    """What is known of a value: its size, what it is a multiple of, its type."""

    size: int | None = None
    multiple: int = 1
    type: Type | None = None

    def fits(self, octets: bytes) -> bool:
        """Whether octets are of the size."""
        return self.size in (None, len(octets)) and len(octets) % self.multiple == 0

    def draw(self, source: Drbg) -> bytes:
        """A value: the type's own way to make one, or pseudo-random octets."""
        known = replace(self.type or ANY, size=self.size, multiple=self.multiple)
        return known.draw(source)

    def __str__(self) -> str:
        if self.type is not None and self.type.size is not None:
            return str(self.type)
        name = self.type.name if self.type is not None else "octets"
        size = f"{self.size} octets" if self.size is not None else "any size"
        if self.size is None and self.multiple > 1:
            size = f"any multiple of {self.multiple}"
        return f"{name} ({size})"


@dataclass
class _Node:
    kind: Kind = field(default_factory=Kind)
    why: str = ""
    parent: _Node | None = None

    def root(self) -> _Node:
        return self if self.parent is None else self.parent.root()


class Inference:
    """Types of the variables of one scope or of several that share facts."""

    def __init__(self, table: Table, model: Model | None = None) -> None:
        self.table = table
        self.problems: list[Problem] = []
        self._model = model
        self._variables: dict[tuple[str, Var], _Node] = {}
        self._facts: dict[tuple[str, int, int], _Node] = {}
        self._sums: list[tuple[_Node, list[_Node], Place | None, str]] = []

    def with_layouts(self, shapes: tuple[Shape, ...]) -> Inference:
        """The same types, with other octets in what layouts leave out; spans stay as they are."""
        if not shapes:
            return self
        other = copy(self)
        other.table = self.table.with_layouts(shapes)
        return other

    def kind(self, scope: str, variable: Var) -> Kind:
        """What is known of a variable; call `solve` first."""
        node = self._variables.get((scope, variable))
        return node.root().kind if node else Kind()

    def kinds(self, scope: str, wanted: Iterable[Var]) -> dict[Var, Kind]:
        """What is known of several variables."""
        return {variable: self.kind(scope, variable) for variable in wanted}

    def fact_kind(self, name: str, arity: int, index: int) -> Kind:
        """What is known of an argument of a fact."""
        node = self._facts.get((name, arity, index))
        return node.root().kind if node else Kind()

    def size_of(self, scope: str, term: Term) -> int | None:
        """The octets of a term, if they follow from the types."""
        if isinstance(term, Var):
            return self.kind(scope, term).size
        if isinstance(term, Const):
            if is_layout_name(term, self.table):
                return len(self.table.shapes[term.name].base)
            return (
                len(self.table.constants[term.name].octets)
                if term.name in self.table.constants
                else None
            )
        if term.name == "pair":
            total = 0
            for part in parts_of(term, self.table):
                whole = part.shape
                size = len(whole.base) if whole else self.size_of(scope, part.terms[0])
                if size is None:
                    return None
                total += size
            return total
        if term.name == "diff":
            return self.size_of(scope, term.args[0])
        symbol = self.table.symbols.get(term.name)
        if symbol is None:
            return None
        if isinstance(symbol.result, int):
            return self.size_of(scope, term.args[symbol.result])
        return symbol.result.size

    def require(self, scope: str, term: Term, kind: Type, why: str) -> None:
        """Say that a term is of a type, because of `why`."""
        self._learn(self._visit(scope, term), type_kind(kind), why, term)

    def add_rule(self, rule: Rule) -> None:
        """All facts of a rule, and the macros that it uses."""
        for fact in rule.facts():
            self.add_fact(rule.name, fact)
        for call in rule.calls:
            row = self._macro_row(call.name, len(call.args))
            for number, (term, kind) in enumerate(zip(call.args, row, strict=False), 1):
                why = f"argument {number} of {call.name}"
                self.require(rule.name, term, kind, why)

    def add_fact(self, scope: str, fact: Fact) -> None:
        """A fact; where it is not a message, its arguments are of the types they have elsewhere."""
        for index, term in enumerate(fact.args):
            is_label = isinstance(term, Const) and fact.name not in MESSAGE_FACTS
            if is_label or (isinstance(term, Var) and term.sort == "node"):
                continue
            node = self._visit(scope, term)
            if fact.name not in MESSAGE_FACTS:
                carried = self._facts.setdefault((fact.name, len(fact.args), index), _Node())
                why = f"argument {index + 1} of fact {fact.name}"
                self._unify(node, carried, why, term)

    def add_macro(self, macro: Macro) -> None:
        """A macro's body, with the types of its parameters if it is bound."""
        scope = f"macro {macro.name}"
        self._visit(scope, macro.body)
        row = self._macro_row(macro.name, len(macro.parameters))
        for number, (parameter, kind) in enumerate(zip(macro.parameters, row, strict=False), 1):
            self.require(scope, parameter, kind, f"parameter {number} of {macro.name}")
        for call in macro.calls:
            types = self._macro_row(call.name, len(call.args))
            for number, (term, kind) in enumerate(zip(call.args, types, strict=False), 1):
                self.require(scope, term, kind, f"argument {number} of {call.name}")

    def add_equation(self, scope: str, equation: Equation) -> None:
        """Both sides of an equation, which are of one type."""
        left, right = (self._visit(scope, side) for side in (equation.left, equation.right))
        self._unify(left, right, "the other side of the equation", equation.right)

    def _macro_row(self, name: str, arity: int) -> tuple[Type, ...]:
        flags = self._model.flags if self._model else ()
        row = self.table.macro(name, arity, flags)
        return row.arguments if row else ()

    def _visit(self, scope: str, term: Term) -> _Node:
        if isinstance(term, Var):
            return self._variables.setdefault((scope, term), _Node())
        if isinstance(term, Const):
            if is_layout_name(term, self.table):
                return self._visit_tuple(scope, term)
            constant = self.table.constants.get(term.name)
            if constant is None or term.is_fresh:
                known = ", ".join([*self.table.shapes, *self.table.constants])
                self._report(term.place, f"the name '{term.name}' has no octets; known: {known}")
                return _Node()
            return _Node(Kind(len(constant.octets)), f"the name '{term.name}'")
        if term.name == "pair":
            return self._visit_tuple(scope, term)
        return self._visit_application(scope, term)

    def _visit_application(self, scope: str, term: App) -> _Node:
        nodes = [self._visit(scope, argument) for argument in term.args]
        if term.name == "diff" and len(nodes) == 2:
            self._unify(nodes[0], nodes[1], "the other side of diff", term)
            return nodes[0]
        symbol = self.table.symbols.get(term.name)
        if symbol is None:
            what = "is not bound to a function of the reference"
            self._report(term.place, f"the symbol {term.name}/{len(term.args)} {what}")
            return _Node()
        if len(symbol.arguments) != len(nodes):
            text = f"{term.name} takes {len(symbol.arguments)} arguments, found {len(nodes)}"
            self._report(term.place, text)
            return _Node()
        for number, (node, kind) in enumerate(zip(nodes, symbol.arguments, strict=True), 1):
            self._learn(
                node, type_kind(kind), f"argument {number} of {term.name}", term.args[number - 1]
            )
        if isinstance(symbol.result, Type):
            return _Node(type_kind(symbol.result), f"the result of {term.name}")
        node = _Node(Kind(), f"the result of {term.name}")
        self._sums.append((node, [nodes[symbol.result]], term.place, f"the result of {term.name}"))
        return node

    def _visit_tuple(self, scope: str, term: Const | App) -> _Node:
        try:
            parts = parts_of(term, self.table)
        except LookupError as error:
            self._report(term.place, str(error.args[0]))
            return _Node()
        nodes = []
        for part in parts:
            inner = [self._visit(scope, item) for item in part.terms]
            if part.shape is None:
                nodes += inner
                continue
            for node, span, item in zip(inner, part.shape.spans, part.terms, strict=True):
                self._learn(node, type_kind(span.type), f"{span.name} of {part.shape.name}", item)
            nodes.append(_Node(Kind(len(part.shape.base)), f"the layout of {part.shape.name}"))
        total = _Node(Kind(), "a tuple")
        self._sums.append((total, nodes, term.place, "the sum of its parts"))
        return total

    def _report(self, place: Place | None, text: str) -> None:
        problem = Problem(place, text)
        if problem not in self.problems:
            self.problems.append(problem)

    def _learn(self, node: _Node, kind: Kind, why: str, term: Term) -> None:
        self._unify(node, _Node(kind, why), why, term)

    def _unify(self, left: _Node, right: _Node, why: str, term: Term) -> None:
        left, right = left.root(), right.root()
        if left is right:
            return
        joined = _join(left.kind, right.kind)
        if joined is None:
            because = f", as {left.why}" if left.why else ""
            found, wanted = f"{left.kind}{because}", f"{right.kind}, as {right.why or why}"
            self._report(term.place, f"{term} is {found}, but also {wanted}")
            return
        informs = left if left.kind.size is not None or left.kind.type else right
        left.kind, left.why = joined, informs.why or left.why
        right.parent = left

    def solve(self) -> None:
        """Let sizes of tuples and of their parts follow from each other until nothing changes."""
        changed = True
        while changed:
            changed = False
            for item in self._sums:
                changed |= self._add_up(*item)

    def _add_up(self, total: _Node, parts: list[_Node], place: Place | None, why: str) -> bool:
        total = total.root()
        roots = Counter(map(id, (part.root() for part in parts)))
        by_id = {id(part.root()): part.root() for part in parts}
        known = sum(by_id[key].kind.size or 0 for key, count in roots.items() for _ in range(count))
        unknown = [(by_id[key], n) for key, n in roots.items() if by_id[key].kind.size is None]
        if not unknown:
            return self._settle(total, known, place, why)
        if total.kind.size is None or len(unknown) > 1:
            return False
        [(node, count)] = unknown
        rest, left_over = divmod(total.kind.size - known, count)
        if rest < 0 or left_over:
            text = f"{known} octets and more do not fit {total.kind}, as {total.why}"
            self._report(place, text)
            return False
        return self._settle(node, rest, place, f"what is left of {total.kind.size} octets")

    def _settle(self, node: _Node, size: int, place: Place | None, why: str) -> bool:
        joined = _join(node.kind, Kind(size))
        if joined is None:
            self._report(place, f"{size} octets, {why}, do not fit {node.kind}, as {node.why}")
            return False
        if joined == node.kind:
            return False
        node.kind, node.why = joined, node.why or why
        return True


def type_kind(kind: Type) -> Kind:
    """What is known of a value of a type."""
    named = kind.is_role or kind.sample is not None or kind.usual is not None
    return Kind(kind.size, kind.multiple, kind if named else None)


def _join(left: Kind, right: Kind) -> Kind | None:
    """What is known if both are true, or None if they contradict each other."""
    sizes = {size for size in (left.size, right.size) if size is not None}
    if len(sizes) > 1:
        return None
    types = [kind for kind in (left.type, right.type) if kind is not None]
    roles = [kind for kind in types if kind.is_role]
    if len(set(roles)) > 1:
        return None
    size = next(iter(sizes), None)
    multiple = max(left.multiple, right.multiple)
    if size is not None and size % multiple:
        return None
    chosen = roles[0] if roles else next(iter(types), None)
    return Kind(size, multiple, chosen)


def infer(model: Model) -> Inference:
    """The types of all rules and macros of a model; `problems` of the result says what clashes."""
    inference = Inference(table_of(model.name), model)
    for macro in model.macros:
        inference.add_macro(macro)
    for rule in model.rules:
        inference.add_rule(rule)
    inference.solve()
    return inference


def infer_equation(equation: Equation, table: Table) -> Inference:
    """The types of an equation's variables, in the scope "equation"."""
    inference = Inference(table)
    inference.add_equation("equation", equation)
    inference.solve()
    return inference


def equation_kinds(equation: Equation, table: Table, blocks: Iterable[Var] = ()) -> dict[Var, Kind]:
    """What values the variables of an equation can take; `blocks` have exactly 16 octets."""
    inference = infer_equation(equation, table)
    kinds = inference.kinds("equation", variables(equation.left, equation.right))
    return kinds | {block: Kind(16, 16) for block in blocks}


def samples(kinds: Mapping[Var, Kind], source: Drbg) -> dict[Term, bytes]:
    """A value for each variable, from a source; the same source gives the same values."""
    return {variable: kind.draw(source.at(str(variable))) for variable, kind in kinds.items()}

"""A .spthy file to terms, by the tree-sitter grammar for spthy (extra ``models``).

`spthy` resolves includes, flags and comments; what is left is parsed, and every place is named as
the line of the file that it came from. The grammar is GPL-3.0-or-later and nothing else imports it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..claims.theory_text import Theory, TheoryError, read_theory
from ..disk import read_text
from .builtin import BUILTIN_EQUATIONS, BUILTIN_FUNCTIONS
from .grammar import parser
from .terms import (
    INFIX_NAMES,
    App,
    Call,
    Const,
    Equation,
    Fact,
    Function,
    LemmaText,
    Macro,
    Model,
    Place,
    Restriction,
    Rule,
    Term,
    Var,
    pair,
    rebuild,
    substitute,
)

if TYPE_CHECKING:
    from tree_sitter import Node

_INFIX_NODES = {
    "mset_term": "union",
    "nat_term": "nplus",
    "xor_term": "xor",
    "mul_term": "mult",
    "exp_term": "exp",
}
_VARIABLE_SORTS = {
    "msg_var_or_nullary_fun": "msg",
    "fresh_var": "fresh",
    "pub_var": "pub",
    "nat_var": "nat",
    "temporal_var": "node",
}


def read_model(path: Path, flags: Iterable[str] = (), *, diff: bool = False) -> Model:
    """A model as terms, under flags.

    Raises:
        TheoryError: what `read_theory` refuses, or what the grammar does not read, with its place.
        NoGrammarError: the extra ``models`` is not installed.
    """
    return _Reader(read_theory(path, flags, diff=diff)).read()


class _Reader:
    def __init__(self, theory: Theory) -> None:
        self._theory = theory
        self._text = theory.text
        self._lines = [0]
        for line in theory.text.split("\n"):
            self._lines.append(self._lines[-1] + len(line) + 1)
        self._source = theory.text.encode()
        self._functions: dict[str, Function] = {}
        self._macros: dict[str, Macro] = {}
        self._equations: list[Equation] = []
        self._builtins: list[str] = []
        self._rules: list[Rule] = []
        self._restrictions: list[Restriction] = []

    def read(self) -> Model:
        root = parser().parse(self._source).root_node
        if root.has_error:
            wrong = _first_error(root)
            found = " ".join(_text(wrong).split())[:40]
            raise TheoryError(f"{self._place(wrong)}: not understood: {found!r}")
        theory = root if root.type == "theory" else root.named_children[0]
        self._signature(theory)
        readers: dict[str, Callable[[Node], None]] = {
            "equations": self._read_equations,
            "macros": self._read_macros,
            "rule": self._read_rule,
            "restriction": self._read_restriction,
        }
        for node in theory.named_children:
            if reader := readers.get(node.type):
                reader(node)
        head = read_text(self._theory.path)
        return Model(
            name=_text(_field(theory, "theory_name")),
            path=self._theory.path,
            flags=self._theory.flags,
            head=head[: head.find("*/")] if head.lstrip().startswith("/*") else "",
            builtins=tuple(self._builtins),
            functions=tuple(self._functions.values()),
            equations=tuple(self._equations),
            macros=tuple(self._macros.values()),
            rules=tuple(self._rules),
            restrictions=tuple(self._restrictions),
            lemmas=tuple(self._lemmas()),
        )

    def _lemmas(self) -> Iterable[LemmaText]:
        for lemma in self._theory.lemmas:
            if lemma.quantifier != "diff":
                formula = self._text[lemma.start : lemma.end].split('"')[1]
                place = Place(*self._theory.place(lemma.start))
                yield LemmaText(lemma.name, lemma.quantifier, lemma.attributes, formula, place)

    def _place(self, node: Node) -> Place:
        row, column = node.start_point
        end = self._source.find(b"\n", node.start_byte)
        line = self._source[node.start_byte - column : end if end >= 0 else None]
        return Place(*self._theory.place(self._lines[row] + len(line[:column].decode())))

    def _signature(self, theory: Node) -> None:
        """Function symbols may be used before the line that declares them; so they come first."""
        for node in theory.named_children:
            if node.type == "built_ins":
                for item in _children(node, "built_in"):
                    name = _text(item)
                    if name not in BUILTIN_FUNCTIONS:
                        place = self._place(item)
                        raise TheoryError(f"{place}: what builtin {name} declares is not known")
                    self._builtins.append(name)
                    for function in BUILTIN_FUNCTIONS.get(name, ()):
                        self._functions[function.name] = function
                    self._equations += BUILTIN_EQUATIONS.get(name, ())
            elif node.type == "functions":
                for item in node.named_children:
                    self._declare(item)

    def _declare(self, node: Node) -> None:
        name = _text(_field(node, "function_identifier"))
        if node.type == "function_typed":
            arity = len(_children(_children(node, "arguments")[0], None))
        else:
            arity = int(_text(_field(node, "arity")))
        attributes = [_text(item) for item in _children(node, "function_attribute")]
        function = Function(
            name, arity, "private" in attributes, "destructor" in attributes, self._place(node)
        )
        if self._functions.get(name, function) != function:
            raise TheoryError(f"{self._place(node)}: {name} is declared twice, differently")
        self._functions[name] = function

    def _read_equations(self, node: Node) -> None:
        for item in _children(node, "equation"):
            left, right = (self._term(_field(item, side)) for side in ("left", "right"))
            self._equations.append(Equation(left, right, place=self._place(item)))

    def _read_macros(self, node: Node) -> None:
        for item in _children(node, "macro"):
            name = _text(_field(item, "macro_identifier"))
            if name in self._macros or name in self._functions:
                raise TheoryError(f"{self._place(item)}: {name} is there twice")
            body = _field(item, "term")
            parameters = []
            for child in item.named_children:
                if child.type in _VARIABLE_SORTS and child != body:
                    parameter = self._term(child)
                    if not isinstance(parameter, Var):
                        raise TheoryError(
                            f"{self._place(child)}: parameter {parameter} is a function symbol"
                        )
                    parameters.append(parameter)
            source = self._term(body)
            calls: list[Call] = []
            expanded = self._expand(source, calls)
            self._macros[name] = Macro(
                name, tuple(parameters), expanded, source, tuple(calls), self._place(item)
            )

    def _read_restriction(self, node: Node) -> None:
        name = _text(_field(node, "restriction_identifier"))
        formula = _text(_field(node, "formula"))
        self._restrictions.append(Restriction(name, formula, self._place(node)))

    def _read_rule(self, node: Node) -> None:
        simple = next(iter(_children(node, "simple_rule")), None)
        if simple is None:
            raise TheoryError(f"{self._place(node)}: only plain rules are understood")
        lets: dict[Var, Term] = {}
        for block in _children(simple, "rule_let_block"):
            for item in _children(block, "rule_let_term"):
                left, right = (self._term(_field(item, side)) for side in ("left", "right"))
                if not isinstance(left, Var):
                    raise TheoryError(f"{self._place(item)}: expected a variable before '='")
                lets[left] = substitute(right, lets)
        calls: list[Call] = []
        restrictions: list[str] = []
        sides: dict[str, tuple[Fact, ...]] = {}
        for kind in ("premise", "action_fact", "conclusion"):
            facts = []
            for block in _children(simple, kind):
                restrictions += [
                    _text(_field(item, "formula"))
                    for item in _children(block, "embedded_restriction")
                ]
                facts += [
                    self._fact(item, lets, calls)
                    for item in block.named_children
                    if item.type in ("linear_fact", "persistent_fact")
                ]
            sides[kind] = tuple(facts)
        if any(_names(text, map(str, lets)) for text in restrictions):
            raise TheoryError(f"{self._place(simple)}: _restrict with a name of the let block")
        self._rules.append(
            Rule(
                _text(_field(simple, "rule_identifier")),
                sides["premise"],
                sides["action_fact"],
                sides["conclusion"],
                tuple(restrictions),
                tuple(dict.fromkeys(calls)),
                self._place(simple),
            )
        )

    def _fact(self, node: Node, lets: Mapping[Var, Term], calls: list[Call]) -> Fact:
        terms = [
            self._expand(substitute(self._term(child), lets), calls)
            for block in _children(node, "arguments")
            for child in _children(block, None)
        ]
        annotations = [
            _text(item)
            for block in _children(node, "fact_annotes")
            for item in _children(block, "fact_annote")
        ]
        return Fact(
            _text(_field(node, "fact_identifier")),
            tuple(terms),
            node.type == "persistent_fact",
            tuple(annotations),
            self._place(node),
        )

    def _expand(self, term: Term, calls: list[Call]) -> Term:
        def change(item: Term) -> Term:
            if not isinstance(item, App) or item.name not in self._macros:
                return item
            macro = self._macros[item.name]
            wanted = len(macro.parameters)
            if len(item.args) != wanted:
                raise TheoryError(
                    f"{item.place}: macro {item.name} takes {wanted} arguments, "
                    f"found {len(item.args)}"
                )
            calls.append(Call(item.name, item.args, item.place))
            values = dict(zip(macro.parameters, item.args, strict=True))
            for inner in macro.calls:
                arguments = tuple(substitute(argument, values) for argument in inner.args)
                calls.append(replace(inner, args=arguments, place=item.place))
            body = substitute(macro.body, values)
            return replace(body, place=item.place)

        return rebuild(term, change)

    def _term(self, node: Node) -> Term:
        place = self._place(node)
        if node.type in _INFIX_NODES:
            items = [self._term(child) for child in node.named_children]
            term = items[0]
            for item in items[1:]:
                term = App(_INFIX_NODES[node.type], (term, item), place)
            return term
        if node.type == "nested_term":
            return self._term(node.named_children[0])
        if node.type == "tuple_term":
            return replace(pair(*map(self._term, node.named_children)), place=place)
        if node.type in ("pub_name", "fresh_name"):
            name = _text(node).removeprefix("~").strip("'")
            return Const(name, node.type == "fresh_name", place)
        if node.type in _VARIABLE_SORTS:
            return self._variable(node, place)
        if node.type in ("nary_app", "nullary_fun", "binary_app"):
            return self._application(node, place)
        raise TheoryError(f"{place}: not understood: {_text(node)!r} ({node.type})")

    def _variable(self, node: Node, place: Place) -> Term:
        name = _text(_field(node, "variable_identifier"))
        index = [_text(item) for item in node.named_children if item.type == "natural"]
        sort: Any = _VARIABLE_SORTS[node.type]
        if sort == "msg" and not index:
            name = "one" if name == "1" else name
            function = self._functions.get(name)
            if function is not None and function.arity == 0:
                return App(name, (), place)
        return Var(".".join([name, *index]), sort, place)

    def _application(self, node: Node, place: Place) -> App:
        name = _text(_field(node, "function_identifier"))
        args = [
            self._term(child)
            for block in _children(node, "arguments")
            for child in _children(block, None)
        ]
        if node.type == "binary_app":
            key = self._term(node.named_children[-1])
            args = [pair(*args), key]
        function = self._functions.get(name)
        if function is None and name not in (*self._macros, "diff", "fst", "snd", "pair"):
            raise TheoryError(f"{place}: {name} is neither a function nor a macro declared so far")
        macro = self._macros.get(name)
        arity = function.arity if function else len(macro.parameters) if macro else None
        if arity == 1 and len(args) > 1:  # the manual: f(x, y) is f(<x, y>) for an f of one
            args = [pair(*args)]
        if function is not None and name not in INFIX_NAMES and function.arity != len(args):
            raise TheoryError(
                f"{place}: {name} takes {function.arity} arguments, found {len(args)}"
            )
        return App(name, tuple(args), place)


def _names(formula: str, names: Iterable[str]) -> bool:
    return any(re.search(rf"(?<![\w~$.]){re.escape(name)}(?![\w.])", formula) for name in names)


def _text(node: Node) -> str:
    return (node.text or b"").decode()


def _field(node: Node, name: str) -> Node:
    child = node.child_by_field_name(name)
    if child is None:  # the grammar has it in every tree without an error
        raise TheoryError(f"line {node.start_point[0] + 1}: {node.type} without {name}")
    return child


def _children(node: Node, kind: str | None) -> list[Node]:
    return [child for child in node.named_children if kind in (None, child.type)]


def _first_error(node: Node) -> Node:
    for child in node.children:
        if child.is_error or child.is_missing:
            return child
        if child.has_error:
            return _first_error(child)
    return node

"""What the prover recorded, read as terms and facts."""

from __future__ import annotations

from collections.abc import Collection
from functools import reduce

from ..claims.trace import Node
from ..disk import FileError
from ..theory.terms import App, Const, Fact, Term, Var
from ..vectors.declaration import Json

_OPERATORS = {"Xor": "xor", "Mult": "mult", "Union": "union", "NatPlus": "nplus"}


class ReplayError(Exception):
    """A step that is not what it should be; the text names the rule and shows the octets."""


def term_of_json(raw: Json, nullary: Collection[str]) -> Term:
    """A term of a trace (``jgnConst``, ``jgnFunct``), where some names are those of functions."""
    if "jgnFunct" in raw:
        name = str(raw["jgnFunct"])
        arguments = tuple(term_of_json(item, nullary) for item in raw["jgnParams"])
        if name in _OPERATORS and arguments:  # Tamarin writes a sum of three with three arguments
            return reduce(lambda left, right: App(_OPERATORS[name], (left, right)), arguments)
        return App(name, arguments)
    text = str(raw["jgnConst"])
    if text.startswith(("'", "~'")):
        return Const(text.removeprefix("~").strip("'"), text.startswith("~"))
    for sign, sort in (("~", "fresh"), ("$", "pub"), ("%", "nat"), ("#", "node")):
        if text.startswith(sign):
            return Var(text[1:], sort)  # type: ignore[arg-type]
    return App(text) if text in nullary else Var(text)


def facts_of(node: Node, nullary: Collection[str]) -> tuple[tuple[Fact, ...], ...]:
    """Premises, actions and conclusions of a node. Raises `FileError`: not a trace."""

    def fact(raw: Json) -> Fact:
        try:
            name = str(raw["jgnFactName"])
            terms = tuple(term_of_json(item, nullary) for item in raw["jgnFactTerms"])
            return Fact(name.lstrip("!"), terms, name.startswith("!"))
        except (KeyError, TypeError, AttributeError, RecursionError) as error:
            raise FileError(f"not a trace: {type(error).__name__} {error}") from None

    sides = (node.premises, node.actions, node.conclusions)
    return tuple(tuple(map(fact, side)) for side in sides)

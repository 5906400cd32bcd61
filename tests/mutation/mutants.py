"""Print the mutants of a Python file that cosmic-ray makes: `python mutants.py FILE`.

It runs in an environment of its own, in which cosmic-ray is installed. A line is a mutant:
the changed line as it was and as it is, and the whole changed source.
"""

from __future__ import annotations

import ast
import json
import re
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import parso
from cosmic_ray.mutating import MutationVisitor
from cosmic_ray.plugins import get_operator, operator_names

_BINARY = ("Add_Sub", "Sub_Add", "Mul_FloorDiv", "FloorDiv_Mul", "Mod_Mul", "Pow_Mul")
_BITWISE = ("BitAnd_BitOr", "BitOr_BitAnd", "BitXor_BitAnd", "LShift_RShift", "RShift_LShift")
_EQUAL = ("Eq_NotEq", "NotEq_Eq", "Is_IsNot", "IsNot_Is")
_LESS = ("Lt_LtE", "Lt_GtE", "LtE_Lt", "LtE_Gt", "Gt_GtE", "Gt_LtE", "GtE_Gt", "GtE_Lt")
CHOSEN = re.compile(
    "core/("
    f"ReplaceBinaryOperator_({'|'.join(_BINARY + _BITWISE)})"
    f"|ReplaceComparisonOperator_({'|'.join(_EQUAL + _LESS)})"
    "|ReplaceUnaryOperator_.*|AddNot|NumberReplacer|ExceptionReplacer|ZeroIterationForLoop"
    "|Replace(TrueWithFalse|FalseWithTrue|AndWithOr|OrWithAnd)"
    "|Replace(BreakWithContinue|ContinueWithBreak)"
    ")"
)
"""Of cosmic-ray's operators: for an operator of Python the counterparts that StrykerJS has too."""


class LeftOut:
    """A statement is left out that does something: a call, raise, return, yield, or assignment to
    a part of something."""

    KEYWORDS = ("return", "raise", "continue", "break")
    TYPES = ("atom_expr", "power", "yield_expr", "raise_stmt", "del_stmt")

    def mutation_positions(self, node: Any) -> Iterator[Any]:
        if node.type == "simple_stmt" and self._does_something(node.children[0]):
            yield node.start_pos, node.end_pos

    def _does_something(self, node: Any) -> bool:
        if node.type == "keyword":
            return node.value in self.KEYWORDS
        if node.type == "expr_stmt":
            target, operator = node.children[:2]
            return target.type in self.TYPES or getattr(operator, "value", "=") != "="
        return node.type in self.TYPES

    def mutate(self, node: Any, _index: int) -> Any:
        return parso.parse(f"{node.get_first_leaf().prefix}pass\n")


class Decided:
    """A condition is always true, or never."""

    def mutation_positions(self, node: Any) -> Iterator[Any]:
        for place in self._conditions(node):
            for _ in (True, False):
                yield node.children[place].start_pos, node.children[place].end_pos

    def _conditions(self, node: Any) -> list[int]:
        if node.type in ("if_stmt", "while_stmt"):
            words = [getattr(child, "value", "") for child in node.children]
            return [
                place + 1 for place, word in enumerate(words) if word in ("if", "elif", "while")
            ]
        return {"test": [2], "comp_if": [1]}.get(node.type, [])

    def mutate(self, node: Any, index: int) -> Any:
        place = self._conditions(node)[index // 2]
        node.children[place] = parso.parse(f" {index % 2 == 0}")
        return node


def mutants(source: str) -> Iterator[dict[str, Any]]:
    """Every mutant once, but those that differ only in annotations."""
    means = meaning(source)
    seen = {means}
    names = filter(CHOSEN.fullmatch, sorted(operator_names()))
    for operator in (LeftOut(), Decided(), *(get_operator(name)() for name in names)):
        occurrence = 0
        while changed := MutationVisitor.mutate_code(source, operator, occurrence):
            occurrence += 1
            with suppress(SyntaxError):  # `*` of parameters is no multiplication
                means = meaning(changed)
            if means not in seen:
                seen.add(means)
                yield {**change(source, changed), "source": changed}


def meaning(source: str) -> str:
    """What is left of a source without its layout and annotations."""
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef):
            node.returns = None
        elif isinstance(node, ast.arg):
            node.annotation = None
        elif isinstance(node, ast.AnnAssign):
            node.annotation = ast.Constant("")
    return ast.dump(tree)


def change(source: str, changed: str) -> dict[str, Any]:
    """The first line that differs, as it was and as it is, and the lines of its statement."""
    pairs = enumerate(zip(source.split("\n"), changed.split("\n"), strict=False), 1)
    number, (old, new) = next((number, pair) for number, pair in pairs if pair[0] != pair[1])
    first, last = statement(source, number)
    text = re.sub(" +", " ", new.strip())
    return {"line": old.strip(), "replacement": text, "first": first, "last": last}


def statement(source: str, line: int) -> tuple[int, int]:
    """The first and the last line of the innermost statement, or head of one, at a line."""
    best = (line, line)
    for node in ast.walk(ast.parse(source)):  # what is inside comes later
        if isinstance(node, ast.stmt):
            body = getattr(node, "body", None)
            last = body[0].lineno - 1 if body else node.end_lineno or line
            if node.lineno <= line <= max(node.lineno, last):
                best = (node.lineno, max(node.lineno, last))
    return best


if __name__ == "__main__":
    for mutant in mutants(Path(sys.argv[1]).read_text(encoding="utf-8")):
        print(json.dumps(mutant))

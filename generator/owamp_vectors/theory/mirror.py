"""ProVerif's file beside a theory: its functions are bound to the reference by the same table.

So what one prover calls cbc or t3 is what the other calls so: same name, same number of arguments,
and the equations hold for the octets of the reference. Casts between types (``typeConverter``) are
no functions of the protocol; what a ``letfun`` reads out of a message has no macro in a theory.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from ..claims.query_text import read_queries
from ..vectors.drbg import Drbg
from .infer import Problem
from .laws import check_equation
from .table import Table
from .terms import App, Const, Equation, Model, Place, Term, Var

_FUNCTION = re.compile(r"\bfun (\w+)\(([^)]*)\)\s*:\s*\w+\s*(\[[^\]]*\])?\s*\.")
_CONSTANT = re.compile(r"\bconst ([^:.]*):\s*\w+\s*\.")
_EQUATION = re.compile(r"\b(reduc|equation) forall ([^;]*);\s*([^.]*?)\s*=\s*([^.]*?)\s*\.")
_LETFUN = re.compile(r"\bletfun (\w+)\(([^)]*)\)\s*=")
_TOKEN = re.compile(r"\w+|[(),]")


def mirror_of(model: Model) -> Path:
    """Where ProVerif's file of a theory is, if there is one."""
    return model.path.parent / "proverif" / f"{model.path.stem}.pv"


def mirror_problems(model: Model, table: Table, source: Drbg) -> list[Problem]:
    """What of ProVerif's file is not bound, or bound to something else; nothing without a file."""
    path = mirror_of(model)
    if not path.is_file():
        return []
    script = read_queries(path, model.flags)
    if not script.known_flags.issuperset(model.flags):
        return []
    text = script.asking(())
    found = [*_functions(text, table), *_macros(text, model), *_laws(text, table, source)]
    return [Problem(Place(path, 1), problem) for problem in found]


def _arguments(text: str) -> int:
    return len([part for part in text.split(",") if part.strip()])


def _functions(text: str, table: Table) -> Iterator[str]:
    arities = {
        match[1]: _arguments(match[2])
        for match in _FUNCTION.finditer(text)
        if "typeConverter" not in (match[3] or "")
    }
    for match in _EQUATION.finditer(text):
        left = _term(match[3], set())
        if match[1] == "reduc" and isinstance(left, App):
            arities[left.name] = len(left.args)
    for name, arity in arities.items():
        row = table.symbols.get(name)
        if row is None:
            yield f"the symbol {name}/{arity} is not bound to a function of the reference"
        elif len(row.arguments) != arity:
            yield f"{name}/{arity}: {row.reference} takes {len(row.arguments)} arguments"
    for name in (part.strip() for m in _CONSTANT.finditer(text) for part in m[1].split(",")):
        if name.islower() and name not in table.symbols and name not in table.constants:
            yield f"the constant {name} is not bound to octets of the reference"


def _macros(text: str, model: Model) -> Iterator[str]:
    arities = {macro.name: len(macro.parameters) for macro in model.macros}
    for match in _LETFUN.finditer(text):
        arity = arities.get(match[1])
        if arity is not None and arity != _arguments(match[2]):
            yield f"{match[1]}/{_arguments(match[2])}: the theory has {match[1]}/{arity}"


def _laws(text: str, table: Table, source: Drbg) -> Iterator[str]:
    for match in _EQUATION.finditer(text):
        names = {part.partition(":")[0].strip() for part in match[2].split(",")}
        equation = Equation(_term(match[3], names), _term(match[4], names))
        problem = check_equation(equation, source.at("mirror"), table)
        if problem is not None:
            yield problem.text


def _term(text: str, variables: set[str]) -> Term:
    """A term as ProVerif writes it; the generator g of the group is a name in the theories."""
    tokens = _TOKEN.findall(text)

    def read() -> Term:
        name = tokens.pop(0)
        if tokens[:1] != ["("]:
            if name in variables:
                return Var(name)
            return Const(name) if name == "g" else App(name)
        arguments = []
        while tokens.pop(0) != ")":
            arguments.append(read())
        return App(name, tuple(arguments))

    return read()

"""From a value of a vector back to the term of a model, by way of the line that computes it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from owamp_reference.ikev2 import PRFS

from ..catalogue import FILES, read_file
from ..disk import FileError
from ..groups.participants import PRF
from ..theory.check import message_rows
from ..theory.evaluate import EvaluationError, Evaluator
from ..theory.located import located
from ..theory.parse import read_model
from ..theory.room import Link, links
from ..theory.table import Table, table_of
from ..theory.terms import App, Const, Model, Place, Term, Var, match, subterms
from ..vectors.declaration import Json
from ..vectors.stored import stored_cases

LINKS = tuple(sorted(links(), key=lambda link: list(FILES).index(link.file)))
"""The values that rooms say can be followed, in the order of the vector files."""


@dataclass(frozen=True)
class Vector:
    """A case of a vector file that has the value."""

    file: str
    number: int
    group: str
    octets: bytes


@dataclass(frozen=True)
class Chain:
    """A link followed to its end.

    Attributes:
        text: the model's term, a macro with its body.
        place: where it stands.
        row: the row of the table that binds it.
        function: the line of the reference.
        symbols: each symbol and name of the term, its function, and where that is.
        vectors: the cases whose value was compared.
        differing: those whose value is not that of the term, and why.
    """

    link: Link
    text: str
    place: Place | None
    row: Place
    function: Place
    symbols: tuple[tuple[str, str, Place], ...]
    vectors: tuple[Vector, ...]
    differing: tuple[tuple[Vector, str], ...]


def follow(link: Link, models: Path, vectors: Path) -> Chain:
    """Follow a link: find the term, evaluate it with each vector's inputs, compare.

    Raises:
        FileError: a file cannot be read, or the model has no such term, or the file no such case.
        NoGrammarError: the extra ``models`` is not installed.
    """
    path = models / f"{link.model}.spthy"
    model = read_model(path, link.flags)
    term, inputs, text = _find(link, model)
    found, differing = [], []
    for vector, environment, table in _cases(link, inputs, vectors):
        found.append(vector)
        try:
            octets = Evaluator(environment, table)(term)
        except EvaluationError as error:
            differing.append((vector, str(error)))
            continue
        if octets != vector.octets:
            differing.append((vector, f"the term is {octets.hex()}"))
    if not found:
        raise FileError(f"{vectors / link.file}.json: no case of {' or '.join(link.groups)}")
    return Chain(
        link,
        text,
        term.place,
        _row(link, model),
        located(link.bound),
        tuple(_symbols(term, set(inputs), table_of(model.name))),
        tuple(found),
        tuple(differing),
    )


def _find(link: Link, model: Model) -> tuple[Term, tuple[Term, ...], str]:
    """The term, those of its terms that vectors give, and the term in words."""
    if isinstance(link.term, str):
        macro = model.macro(link.term)
        if macro is None or len(macro.parameters) != len(link.inputs):
            wanted = f"{link.term} with {len(link.inputs)} parameters"
            raise FileError(f"{model.path}: expected a macro {wanted}, found none")
        term = macro.body
        if isinstance(term, App):
            term = App(term.name, term.args, macro.place)
        return term, macro.parameters, str(macro)
    for rule in model.rules:
        for fact in rule.facts():
            for argument in fact.args:
                for item in subterms(argument):
                    if isinstance(item, App) and match(link.term, item) is not None:
                        given = tuple(a for a in item.args if not isinstance(a, Const))
                        return item, given, str(item)
    flags = f" with {' '.join(link.flags)}" if link.flags else ""
    raise FileError(f"{model.path}{flags}: expected a term {link.term}, found none")


def _cases(
    link: Link, inputs: tuple[Term, ...], vectors: Path
) -> Iterator[tuple[Vector, dict[Term, bytes], Table]]:
    path = vectors / f"{link.file}.json"
    for case in stored_cases(*read_file(path)):
        if case.type.name in link.groups and link.output in case.test:
            table = table_of(link.model, PRFS[case.group["prf"]] if "prf" in case.group else PRF)
            values = (_octets(case.test, name) for name in link.inputs)
            environment = dict(zip(inputs, values, strict=True))
            octets = _octets(case.test, link.output)
            yield Vector(path.name, case.tc_id, case.type.name, octets), environment, table


def _octets(test: Json, name: str) -> bytes:
    value = test[name]
    return value.to_bytes(4, "big") if isinstance(value, int) else bytes.fromhex(value)


def _symbols(term: Term, given: set[Term], table: Table) -> Iterator[tuple[str, str, Place]]:
    """The symbols of a term, outermost first, not looking into what vectors give."""
    seen = set()
    waiting = [term]
    while waiting:
        item = waiting.pop(0)
        if item in given or isinstance(item, Var):
            continue
        if isinstance(item, App):
            waiting += item.args
        rows = table.symbols if isinstance(item, App) else table.constants
        name = item.name if isinstance(item, App) else str(item)
        row = rows.get(item.name)
        if row is not None and name not in seen:
            seen.add(name)
            yield name, row.reference, located(row.bound)


def _row(link: Link, model: Model) -> Place:
    """The line where the function is bound, to a macro or to what a rule has."""
    for row in (*table_of(model.name).macros, *message_rows(model)):
        if row.bound is link.bound:
            return row.place
    raise FileError(f"{model.path}: expected a row bound to {link.reference}, found none")

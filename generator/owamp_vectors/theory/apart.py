"""What a theory keeps apart but octets do not: a sample of terms, compared as octets.

Where two terms are the same octets, an identification must say why (`findings.identifications`).
Whatever else coincides is a mistake in a row or a discovery, and fails.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ..groups import roles
from ..groups.roles import Type
from ..vectors.drbg import Drbg
from .evaluate import EvaluationError, Evaluator
from .infer import Problem, equation_kinds
from .normal import BUILT_IN, flat, normal_form
from .remarks import Identification
from .rows import Symbol
from .table import Table, table_of
from .terms import App, Const, Equation, Model, Term, match, rebuild, substitute, subterms

SIZE = 400
"""How often a sample tries to make a term."""


@dataclass(frozen=True)
class Sample:
    """What became of a sample of terms.

    Attributes:
        terms: how many, all apart in the theory.
        explained: how often two of them were equal octets because of which identification.
        problems: pairs that are equal octets for no known reason.
    """

    terms: int
    explained: Mapping[str, int]
    problems: tuple[Problem, ...]


def apart(model: Model, source: Drbg, known: Sequence[Identification], size: int = SIZE) -> Sample:
    """Make terms of the model's symbols over a few names, and look for equal octets.

    Terms grow from names of every type that the symbols take, two of each, by applying symbols to
    terms of fitting size, and by pairing. Where two are the same octets, one of the identifications
    in `known` must say why.
    """
    table = table_of(model.name)
    values, first = _names(model, source, table)
    evaluate = Evaluator(values, table)
    theory = [e for e in model.equations if e.origin not in BUILT_IN]
    pool = _Pool()
    for term in first:
        pool.add(normal_form(term, theory), evaluate(term))
    used = _used(model, table)
    often, seldom = ([s.name for s in used if s.sampled == kind] for kind in ("often", "seldom"))
    for number in range(size):
        step = source.at(f"term {number}")
        names = seldom if seldom and number % 16 == 0 else [*often, "pair"]
        made = _grow(_pick(names, step, "symbol"), pool, step, table)
        octets = _value(evaluate, made) if made is not None else None
        if made is not None and octets is not None and len(octets) <= 1024:
            pool.add(normal_form(made, theory), octets)
    return _compare(pool.octets, evaluate, theory, known)


def _used(model: Model, table: Table) -> list[Symbol]:
    return [table.symbols[f.name] for f in model.functions if f.name in table.symbols]


def _value(evaluate: Evaluator, term: Term) -> bytes | None:
    try:
        return evaluate(term)
    except EvaluationError:  # decrypting garbage with an authenticated cipher, and the like
        return None


def _names(model: Model, source: Drbg, table: Table) -> tuple[dict[Term, bytes], list[Term]]:
    kinds: dict[str, Type] = {}
    used = _used(model, table)
    for symbol in used:
        for kind in symbol.arguments:
            kinds[kind.name] = kind
    kinds |= {kind.name: kind for kind in (roles.T2, roles.SID, roles.CHALLENGE)}
    constants = {
        item.name
        for rule in model.rules
        for fact in rule.facts()
        for term in fact.args
        for item in subterms(term)
        if isinstance(item, Const) and item.name in table.constants
    }
    taken = {table.constants[name].octets for name in constants}
    values: dict[Term, bytes] = {}
    for name, kind in kinds.items():
        for number in (1, 2):
            term = Const(f"{name} {number}", is_fresh=True)
            attempts = (kind.draw(source.at(f"{term} {n}")) for n in range(100))
            values[term] = next(octets for octets in attempts if octets not in taken)
            taken.add(values[term])
    nullary = [App(s.name) for s in used if not s.arguments and s.sampled != "never"]
    return values, [*values, *map(Const, sorted(constants)), *nullary]


def _pick(items: list[str], source: Drbg, label: str) -> str:
    return items[source.uint(label, 4) % len(items)]


class _Pool:
    """Terms in normal form with their octets, found again by the types they fit."""

    def __init__(self) -> None:
        self.octets: dict[Term, bytes] = {}
        self._by_size: dict[int, list[Term]] = defaultdict(list)

    def add(self, term: Term, octets: bytes) -> None:
        if term not in self.octets and octets:
            self.octets[term] = octets
            self._by_size[len(octets)].append(term)

    def fitting(self, kind: Type) -> list[Term]:
        if kind.sample is not None:  # not every string of the size will do
            named = (term for term in self.octets if isinstance(term, Const))
            return [term for term in named if term.name.startswith(kind.name)]
        if kind.size is not None:
            return self._by_size[kind.size]
        sizes = [size for size in self._by_size if size % kind.multiple == 0]
        return [term for size in sizes for term in self._by_size[size]]


def _grow(name: str, pool: _Pool, source: Drbg, table: Table) -> Term | None:
    wanted = (roles.ANY, roles.ANY) if name == "pair" else table.symbols[name].arguments
    chosen: list[Term] = []
    for number, kind in enumerate(wanted):
        fitting = pool.fitting(kind)
        if not fitting:
            return None
        chosen.append(fitting[source.uint(f"argument {number}", 4) % len(fitting)])
    return App(name, tuple(chosen))


def _compare(
    known: Mapping[Term, bytes],
    evaluate: Evaluator,
    theory: list[Equation],
    identifications: Sequence[Identification],
) -> Sample:
    by_octets: dict[bytes, list[Term]] = defaultdict(list)
    for term, octets in known.items():
        by_octets[octets].append(term)
    explained: Counter[str] = Counter()
    problems = []
    for same in by_octets.values():
        first, *rest = same
        for other in rest:
            reasons: Counter[str] = Counter()
            forms = [
                _octet_normal(t, evaluate, theory, identifications, reasons) for t in (first, other)
            ]
            if forms[0] != forms[1]:
                text = f"{first} and {other} are apart in the theory, but are the same octets"
                problems.append(Problem(None, text))
            explained.update(reasons)
    return Sample(len(known), dict(explained), tuple(problems))


def _octet_normal(
    term: Term,
    evaluate: Evaluator,
    theory: list[Equation],
    identifications: Sequence[Identification],
    reasons: Counter[str],
) -> Term:
    """The normal form under the theory and the identifications; counts those that were used."""
    kinds = {
        item.id: equation_kinds(item.equation, evaluate.table, item.blocks)
        for item in identifications
    }

    def change(item: Term) -> Term:
        for identification in identifications:
            found = match(identification.equation.left, item)
            if found is None or identification.in_order(found):
                continue
            if all(
                kind.fits(evaluate(found[name])) for name, kind in kinds[identification.id].items()
            ):
                reasons[identification.id] += 1
                return once(substitute(identification.equation.right, found))
        return item

    def once(item: Term) -> Term:
        return normal_form(rebuild(normal_form(item, theory), change), theory)

    previous = None
    while term != previous:
        previous, term = term, once(flat(term))
    return term

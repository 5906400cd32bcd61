"""What is known of the difference between terms and octets: findings, laws of octets, abstractions.

Those that theories share are in `shared`, those of one theory in its room; `findings` has all.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from ..vectors.drbg import Drbg
from .terms import App, Equation, Model, Term, Var, subterms

Octets: TypeAlias = dict[str, bytes]


@dataclass(frozen=True)
class Finding:
    """Terms that are apart in a theory, and octets that are not, or another surprise.

    A number of octet strings, made by the reference from a source, of which some must be equal. One
    that no longer reproduces fails: then the code or a row has changed.

    Attributes:
        id: its name in tables.
        text: what it is, and what follows from it.
        octets: named octet strings, the same for the same source.
        equal: pairs of names that must be the same octets.
        concerns: whether it is about a model.
        unequal: pairs of names that must not be.
    """

    id: str
    text: str
    octets: Callable[[Drbg], Octets] = field(repr=False)
    equal: tuple[tuple[str, str], ...]
    concerns: Callable[[Model], bool] = field(repr=False)
    unequal: tuple[tuple[str, str], ...] = ()

    def failure(self, source: Drbg) -> str | None:
        """What is not as the finding says; None if it reproduces."""
        found = self.octets(source)
        for left, right in self.equal:
            if found[left] != found[right]:
                return f"{left} {found[left].hex()} is not {right} {found[right].hex()}"
        for left, right in self.unequal:
            if found[left] == found[right]:
                return f"{left} and {right} are both {found[left].hex()}"
        return None


def declares(*names: str) -> Callable[[Model], bool]:
    """Whether a model declares all of these symbols."""
    return lambda model: set(names) <= model.symbols


@dataclass(frozen=True)
class Identification:
    """An equation that octets obey and the theories do not have.

    Attributes:
        id: also that of the finding.
        equation: read from left to right where octets are normalized.
        text: what follows from it.
        blocks: variables that have exactly 16 octets; others of the kind have whole blocks.
        ordered: two variables that the equation exchanges; it is used to put them in order.
    """

    id: str
    equation: Equation
    text: str
    blocks: tuple[Var, ...] = field(default=())
    ordered: tuple[Var, Var] | None = None

    def in_order(self, found: Mapping[Var, Term]) -> bool:
        """Whether what it would exchange is in order already."""
        if self.ordered is None:
            return False
        first, second = (str(found[variable]) for variable in self.ordered)
        return first <= second

    def symbols(self) -> set[str]:
        """The function symbols that occur in it, pairs not counted."""
        terms = [*subterms(self.equation.left), *subterms(self.equation.right)]
        return {term.name for term in terms if isinstance(term, App)} - {"pair"}

    def concerns(self, model: Model) -> bool:
        """Whether the model has all its symbols."""
        return self.symbols() <= model.symbols


@dataclass(frozen=True)
class Abstraction:
    """Where a model is not what the octets are, knowingly.

    Attributes:
        reason: why it is accepted.
        marker: a regular expression that the model's head comment must contain.
        concerns: whether a model makes it.
        findings: what it accounts for.
    """

    id: str
    reason: str
    marker: str
    concerns: Callable[[Model], bool] = field(repr=False)
    findings: frozenset[str] = frozenset()


def abstraction(
    id_: str, symbols: str, marker: str, reason: str, findings: str = ""
) -> Abstraction:
    """An abstraction of all models with any of some symbols; names are separated by spaces."""
    of = frozenset(symbols.split())
    accounted = frozenset(findings.split())
    return Abstraction(id_, reason, marker, lambda model: bool(of & model.symbols), accounted)

"""Normal forms of ground terms: equal for terms that a theory takes for equal."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

from .terms import App, Equation, Term, components, match, pair, rebuild, substitute

BUILT_IN = frozenset({"xor", "diffie-hellman"})
"""Builtins whose equations `normal_form` has built in."""
_ZERO = App("zero")


def normal_form(term: Term, equations: Iterable[Equation] = ()) -> Term:
    """The normal form of a ground term: equal for terms that the theory takes for equal.

    Equations are used from left to right; XOR and exponents have rules of their own.
    """
    rules = [e for e in equations if e.origin not in BUILT_IN]

    def change(item: Term) -> Term:
        if not isinstance(item, App):
            return item
        if item.name == "xor":
            return _sum_of(item)
        if item.name in ("exp", "mult", "inv"):
            return _powers(item)
        for rule in rules:
            found = match(rule.left, item)
            if found is not None:
                return normal_form(substitute(rule.right, found), rules)
        return item

    return rebuild(term, change)


def _leaves(name: str, term: Term) -> Iterator[Term]:
    if isinstance(term, App) and term.name == name:
        for argument in term.args:
            yield from _leaves(name, argument)
    else:
        yield term


def _joined(name: str, leaves: list[Term]) -> Term:
    leaves = sorted(leaves, key=str)
    term = leaves[0]
    for leaf in leaves[1:]:
        term = App(name, (term, leaf))
    return term


def _sum_of(term: Term) -> Term:
    counts = Counter(leaf for leaf in _leaves("xor", term) if leaf != _ZERO)
    odd = [leaf for leaf, count in counts.items() if count % 2]
    return _joined("xor", odd) if odd else _ZERO


def _powers(term: App) -> Term:
    one = App("one")
    if term.name == "inv":
        [inner] = term.args
        if isinstance(inner, App) and inner.name == "inv":
            return inner.args[0]
        if isinstance(inner, App) and inner.name == "mult":
            return _powers(
                App("mult", tuple(normal_form(App("inv", (leaf,))) for leaf in inner.args))
            )
        return one if inner == one else term
    if term.name == "mult":
        counts: Counter[Term] = Counter()
        for leaf in _leaves("mult", term):
            if isinstance(leaf, App) and leaf.name == "inv":
                counts[leaf.args[0]] -= 1
            elif leaf != one:
                counts[leaf] += 1
        leaves = [
            leaf if n > 0 else App("inv", (leaf,))
            for leaf, n in counts.items()
            for _ in range(abs(n))
        ]
        return _joined("mult", leaves) if leaves else one
    base, exponent = term.args
    if isinstance(base, App) and base.name == "exp":
        return _powers(App("exp", (base.args[0], _powers(App("mult", (base.args[1], exponent))))))
    if exponent == one or base == App("DH_neutral"):
        return base
    return term


def flat(term: Term) -> Term:
    """The term with each tuple in it as the concatenation that it is, without inner brackets."""

    def change(item: Term) -> Term:
        if isinstance(item, App) and item.name == "pair":
            parts = [leaf for part in components(item) for leaf in components(part)]
            return pair(*parts)
        return item

    previous = None
    while term != previous:
        previous, term = term, rebuild(term, change)
    return term

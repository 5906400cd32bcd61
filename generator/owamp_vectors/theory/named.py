"""Steps of a run in the theory's own words: octets by the names under which they first came up."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from .evaluate import EvaluationError, Evaluator
from .instances import Instance
from .table import Table
from .terms import App, Fact, Term, Var, components

_TOLD = 16
"""Octets of a public value that are shown."""
_TELLING = 8
"""Octets that are not the same by chance."""
_HEX = re.compile(r"\b(?:[0-9a-f]{2}){8,}\b")


@dataclass(frozen=True)
class NamedStep:
    """A rule's instance in words.

    Attributes:
        facts: what it draws, receives, uses (persistent facts), consumes (linear ones), records,
            produces and sends, each under that word; without what there is none of.
        values: the public values that came up in it, by name.
    """

    rule: str
    facts: Mapping[str, tuple[str, ...]]
    values: Mapping[str, str]


class Names:
    """What octets are called in a run. Fresh values have names only, since they may be secret."""

    def __init__(self, table: Table) -> None:
        self._table = table
        self._names: dict[tuple[str, bytes], str] = {}
        self._counts: dict[str, int] = {}

    def step(self, taken: Instance) -> NamedStep:
        """A step in words; its values have names from now on."""
        writer = _Writer(self, taken, self._table)
        rule = taken.rule
        rest = [fact for fact in rule.premises if fact.name not in ("Fr", "In")]
        made = [fact for fact in rule.conclusions if fact.name != "Out"]
        facts = {
            "draws": writer.terms(rule.premises, "Fr"),
            "uses": writer.facts(fact for fact in rest if fact.is_persistent),
            "consumes": writer.facts(fact for fact in rest if not fact.is_persistent),
            "receives": writer.terms(rule.premises, "In"),
            "records": writer.facts(rule.actions),
            "produces": writer.facts(made),
            "sends": writer.terms(rule.conclusions, "Out"),
        }
        return NamedStep(rule.name, {word: of for word, of in facts.items() if of}, writer.values)

    def told(self, reason: str) -> str:
        """A text in which octets have their names, or are cut short."""

        def replaced(match: re.Match[str]) -> str:
            octets = bytes.fromhex(match[0])
            short = match[0]
            if len(octets) > _TOLD:
                short = f"{short[:_TOLD]}… ({len(octets)} octets)"
            return self.known("", octets) or short

        return _HEX.sub(replaced, reason)

    def known(self, variable: str, octets: bytes) -> str | None:
        """The name of octets that came up before; short ones only as the same variable."""
        return self._names.get(_key(variable, octets))

    def new(self, variable: str, octets: bytes, name: str) -> str:
        """A name for octets; numbered if others have it."""
        count = self._counts[name] = self._counts.get(name, 0) + 1
        return self.keep(variable, octets, name if count == 1 else f"{name}.{count}")

    def keep(self, variable: str, octets: bytes, name: str) -> str:
        """The name that octets have from now on."""
        return self._names.setdefault(_key(variable, octets), name)


def _key(variable: str, octets: bytes) -> tuple[str, bytes]:
    return ("" if len(octets) >= _TELLING else variable, octets)


class _Writer:
    """Writes the terms of one step."""

    def __init__(self, names: Names, taken: Instance, table: Table) -> None:
        self.values: dict[str, str] = {}
        self._names, self._octets = names, taken.values
        self._evaluate = Evaluator(taken.values, table)

    def facts(self, facts: Iterable[Fact]) -> tuple[str, ...]:
        """Facts with their arguments."""
        return tuple(map(self._fact, facts))

    def _fact(self, fact: Fact) -> str:
        arguments = ", ".join(map(self._term, fact.args))
        return f"{'!' if fact.is_persistent else ''}{fact.name}({arguments})"

    def terms(self, facts: Iterable[Fact], name: str) -> tuple[str, ...]:
        """The arguments of the facts of a name."""
        return tuple(self._term(fact.args[0]) for fact in facts if fact.name == name)

    def _term(self, term: Term) -> str:
        if isinstance(term, Var):
            return self._variable(term)
        if not isinstance(term, App) or not term.args:
            return str(term)
        if term.name == "pair":
            return f"<{', '.join(map(self._term, components(term)))}>"
        try:
            octets = self._evaluate(term)
        except EvaluationError:
            octets = b""
        known = self._names.known("", octets) if len(octets) >= _TELLING else None
        if known is not None:
            return known
        text = f"{term.name}({', '.join(map(self._term, term.args))})"
        return self._names.keep("", octets, text) if len(octets) >= _TELLING else text

    def _variable(self, variable: Var) -> str:
        octets = self._octets[variable]
        known = self._names.known(variable.name, octets)
        if known is not None:
            return known
        if variable.sort != "pub":
            return self._names.new(variable.name, octets, f"~{variable.name}")
        name = self._names.new(variable.name, octets, f"${variable.name}")
        self.values[name] = _told(octets)
        return name


def _told(octets: bytes) -> str:
    """A public value: as text if it is that, or in hex."""
    text = octets.rstrip(b"\0").decode("ascii", "replace")
    if len(text) > 2 and text.isprintable() and text.isascii():
        return f"'{text}'"
    return octets.hex() if len(octets) <= _TOLD else f"{len(octets)} octets"

"""Who takes part in a trace, and what its terms are called: ``charts.toml`` beside the theories."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import cache
from itertools import permutations
from pathlib import Path
from typing import Any

from ..disk import FileError, read_toml
from ..json_schema import misfit, package_schema
from ..vectors.declaration import Json
from .declared import Claims, Job
from .theory_text import EQUIVALENCE

CHARTS = "charts.toml"
_WORD = re.compile(r"\s*('[^']*'|[\w-]+|[(),])")
_COMMUTES = ("Xor", "Mult", "Union")


@dataclass(frozen=True)
class Pattern:
    """A term, or part of one.

    Attributes:
        head: a function, a constant, a variable without sign and number, a name; "_" is anything.
        inside: the parameters of a function.
    """

    head: str
    inside: tuple[Pattern, ...] = ()

    def matches(self, term: Json, name_of: Callable[[Json], str]) -> bool:
        """Whether a term of Tamarin's JSON is of this form; `name_of` says what it is called."""
        if self.head == "_":
            return True
        if not self.inside:
            return self.head in (name_of(term), stem(term.get("jgnConst", term.get("jgnFunct"))))
        parameters = term.get("jgnParams", ())
        if term.get("jgnFunct") != self.head or len(parameters) != len(self.inside):
            return False
        orders = permutations(parameters) if self.head in _COMMUTES else [tuple(parameters)]
        return any(
            all(p.matches(t, name_of) for p, t in zip(self.inside, order, strict=True))
            for order in orders
        )


def stem(name: object) -> str:
    """A variable's name without the sign of its sort and the number that tells it from others."""
    text = str(name)
    return text if text.startswith("'") else re.sub(r"^[~$%#]|\.\d+$", "", text)


@dataclass(frozen=True)
class Actor:
    """A fact that says who takes a step.

    Attributes:
        role: what its owner is.
        fact: its name, "!" included.
        host, session, told: which argument, from 0, is the principal, its session, or its role;
            None if none is. Who has no name is known by the role and the session.
    """

    role: str
    fact: str
    host: int | None = None
    session: int | None = None
    told: int | None = None


@dataclass(frozen=True)
class Cast:
    """What is known of the traces of a theory.

    Attributes:
        actors: the first of these facts that a step has says who takes it.
        names: what terms are called, and their form; the first that fits counts.
        steps: what a rule does, in words.
        instances: what a role of a principal is in several times.
        spoken: the actions that are shown, since the lemma speaks of them; None for all.
        wanted: those that the lemma wants to happen; what stands behind an arrow it excuses.
    """

    actors: tuple[Actor, ...] = ()
    names: tuple[tuple[str, Pattern], ...] = ()
    steps: dict[str, str] = field(default_factory=dict)
    instances: str = "run"
    spoken: frozenset[str] | None = None
    wanted: frozenset[str] = frozenset()


def cast_of(claims: Claims, job: Job) -> Cast:
    """The cast of a job's theory, from the file beside ``claims.toml``; no file is an empty one.

    Raises:
        FileError: what does not fit.
    """
    spoken, wanted = None, frozenset[str]()
    if job.lemma != EQUIVALENCE:
        theory = claims.theory(job)
        lemma = theory.lemma(job.lemma)
        text = theory.text[lemma.start : lemma.end]
        spoken = _facts_in(text)
        is_run = lemma.quantifier == "exists-trace"
        wanted = spoken if is_run else _facts_in(text.partition("==>")[0])
    path = claims.models / CHARTS
    cast = _cast(path, path.stat().st_mtime_ns, job.model) if path.is_file() else Cast()
    return replace(cast, spoken=spoken, wanted=wanted)


def _facts_in(text: str) -> frozenset[str]:
    return frozenset(re.findall(r"\b(\w+)\(", text))


@cache
def _cast(path: Path, _changed: int, model: str) -> Cast:
    """What a file says of a theory; read anew if the file has changed."""
    content = read_toml(path)
    found = misfit(content, package_schema("charts.schema.json"))
    if found is not None:
        where = found.place(lambda index: f"{found.path[0]} {index + 1}")
        raise FileError(f"{path}: {where}: {found.problem}")
    parts = [part for part in content["cast"] if model in part.get("theories", [model])]
    try:
        return Cast(
            tuple(_actor(line) for part in parts for line in part.get("actors", ())),
            tuple(_named(line) for part in parts for line in part.get("names", ())),
            {rule: words for part in parts for rule, words in part.get("steps", {}).items()},
            next((part["instances"] for part in parts if "instances" in part), "run"),
        )
    except ValueError as error:
        raise FileError(f"{path}: {error}") from None


def _actor(line: str) -> Actor:
    role, _, fact = line.partition(": ")
    mark, _, rest = fact.rpartition("!")
    pattern = _parsed(rest, line)
    places = {part.head: place for place, part in enumerate(pattern.inside)}
    if unknown := sorted(places.keys() - {"host", "session", "role", "_"}):
        raise ValueError(f"actors: {line!r}: expected host, session, role or _, found {unknown[0]}")
    name = ("!" if mark or fact.startswith("!") else "") + pattern.head
    return Actor(role, name, places.get("host"), places.get("session"), places.get("role"))


def _named(line: str) -> tuple[str, Pattern]:
    name, _, form = line.partition(" = ")
    return name, _parsed(form, line)


def _parsed(text: str, line: str) -> Pattern:
    words = [match[1] for match in _WORD.finditer(text)]
    pattern, rest = _pattern(words, line)
    if rest or "".join(words) != re.sub(r"\s", "", text):
        raise ValueError(f"{line!r}: expected a term after the sign, found {text!r}")
    return pattern


def _pattern(words: list[str], line: str) -> tuple[Pattern, list[str]]:
    if not words or words[0] in "(),":
        raise ValueError(f"{line!r}: expected a term, found {words[0] if words else 'nothing'!r}")
    head, rest, inside = words[0], words[1:], []
    if rest and rest[0] == "(":
        while rest and rest[0] != ")":
            part, rest = _pattern(rest[1:], line)
            inside.append(part)
        if not rest:
            raise ValueError(f"{line!r}: a bracket is not closed")
        rest = rest[1:]
    return Pattern(head, tuple(inside)), rest


def json_subterms(term: Any) -> Iterator[Json]:
    """A term of Tamarin's JSON, and all that is in it."""
    yield term
    for part in term.get("jgnParams", ()):
        yield from json_subterms(part)

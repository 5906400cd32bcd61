"""What is known of one theory, in one place: its room, a module of `models` with the theory's name.

`room_of` finds the room by the name; nothing else in the generic code knows a theory. A file that
theories include (.splib) has a room as well, and the rooms of these theories say so.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from typing import TYPE_CHECKING, TypeAlias, TypeVar

from owamp_reference.ikev2 import Prf

from . import models
from .located import Bound, dotted
from .remarks import Abstraction, Finding, Identification
from .rows import Constant, MacroRow, MessageRow, Shape, Symbol
from .terms import App

if TYPE_CHECKING:
    from .heard import Captures
    from .run_checker import RunEvent
    from .script import Player
    from .world import World

_Row = TypeVar("_Row")
ForPrf: TypeAlias = _Row | Callable[[Prf], _Row]
"""A row, or what makes it for the prf of an IKE SA, which the models leave open."""


@dataclass(frozen=True)
class Runs:
    """Runs of the reference that must be traces of the theory.

    Attributes:
        events: what happens in one run, in order.
        left_out: what of the reference no run has, since the theory leaves it out.
        flags: under which flags the theory describes the reference.
    """

    events: Callable[[World], Iterator[RunEvent]] = field(repr=False)
    left_out: tuple[str, ...]
    flags: tuple[tuple[str, ...], ...] = ((),)


@dataclass(frozen=True)
class Attack:
    """What a claim's trace is, where it refutes the claim.

    Attributes:
        flag: the flag of the vectors that names the attack.
        may_refuse: why an endpoint may refuse a step of it; "" if it cannot tell.
    """

    flag: str
    may_refuse: str = ""


@dataclass(frozen=True)
class Link:
    """A value that is followed from the vectors to the theory.

    Attributes:
        id: its name on the command line.
        formula: what it is, in the RFC's terms.
        source: the section.
        bound: the function of the reference.
        term: a macro's name, or a pattern that a term of a rule matches.
        file, groups: the vector file, and the types of group whose cases have the value.
        inputs: the fields of a case that give the macro's parameters, or the pattern's variables,
            in order.
        output: the field that has the value.
        flags: under which the theory has the term.
        model: the theory; a room leaves it to `links`.
    """

    id: str
    formula: str
    source: str
    bound: Bound
    term: str | App
    file: str
    groups: tuple[str, ...]
    inputs: tuple[str, ...]
    output: str
    flags: tuple[str, ...] = ()
    model: str = ""

    @property
    def reference(self) -> str:
        """The dotted name of the function."""
        return dotted(self.bound)


@dataclass(frozen=True, eq=False)
class Room:
    """One theory.

    Attributes:
        includes: the rooms of the files that it includes.
        symbols, constants, shapes, macros: what it has besides those that theories share, or in
            their place.
        model_only: macros that are equal to nothing in the reference, and why.
        messages: what its rules send, or have in other facts.
        fresh: under which label the reference draws what a rule has as a fresh variable.
        runs: runs of the reference; None where there are none.
        captures: how captures of real peers are runs of the theory; None if they are not checked.
        players: for each rule, who takes it when endpoints play a trace.
        not_played: flags under which endpoints play nothing, and why.
        mutants: flags that take a mechanism out of the theory, and which: then it describes no
            code, and is not held against any.
        modes_differ: lemmas whose traces have other Modes, and another Mode, at either end.
        attacks: the claims that a trace refutes.
        links: values that are followed from the vectors to it.
        abstractions, findings, identifications: what is known of it alone.
        takes_back: abstractions of other theories that it does without, and what it has instead.
    """

    includes: tuple[Room, ...] = ()
    symbols: tuple[ForPrf[Symbol], ...] = ()
    constants: tuple[Constant, ...] = ()
    shapes: tuple[Shape, ...] = ()
    macros: tuple[ForPrf[MacroRow], ...] = ()
    model_only: Mapping[str, str] = field(default_factory=dict)
    messages: tuple[MessageRow, ...] = ()
    fresh: Mapping[str, str] = field(default_factory=dict)
    runs: Runs | None = None
    captures: Captures | None = None
    players: Mapping[str, Player] = field(default_factory=dict)
    not_played: Mapping[str, str] = field(default_factory=dict)
    mutants: Mapping[str, str] = field(default_factory=dict)
    modes_differ: frozenset[str] = frozenset()
    attacks: Mapping[str, Attack] = field(default_factory=dict)
    links: tuple[Link, ...] = ()
    abstractions: tuple[Abstraction, ...] = ()
    findings: tuple[Finding, ...] = ()
    identifications: tuple[Identification, ...] = ()
    takes_back: Mapping[str, str] = field(default_factory=dict)

    def layers(self) -> Iterator[Room]:
        """The room, and those that it includes."""
        yield self
        for included in self.includes:
            yield from included.layers()

    def player(self, rule: str) -> Player | None:
        """Who takes a rule; None if that is not said."""
        found = (layer.players[rule] for layer in self.layers() if rule in layer.players)
        return next(found, None)


_EMPTY = Room()


@cache
def rooms() -> Mapping[str, Room]:
    """All rooms, by the name of the theory or of the included file."""
    names = [module.name for module in pkgutil.iter_modules(models.__path__)]
    return {
        name: importlib.import_module(f"{models.__name__}.{name}").ROOM for name in sorted(names)
    }


def links() -> tuple[Link, ...]:
    """The values that are followed from the vectors to the theories."""
    every = rooms().items()
    return tuple(replace(link, model=name) for name, room in every for link in room.links)


def is_mutant(theory: str, flags: tuple[str, ...]) -> bool:
    """Whether a theory under its flags describes no code."""
    layers = room_of(theory).layers()
    return any(not layer.mutants.keys().isdisjoint(flags) for layer in layers)


def room_of(theory: str) -> Room:
    """The room of a theory; an empty one if it has none."""
    return rooms().get(theory, _EMPTY)

"""The rows that say what symbols, names, tuples, macros and messages of a theory are in octets.

Each is bound by the object itself, a function or class of the reference, not by its name. Rows that
theories share are in `shared`; those of one theory are in its room, ``models/<theory>``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

from owamp_reference.layout import Layout

from ..groups.roles import Type
from .located import Bound, dotted, written_at
from .terms import Place

Variables: TypeAlias = Mapping[str, bytes]
"""The octets of a rule's variables, by name."""
Compute: TypeAlias = Callable[..., bytes]


class BoundRow:
    """What all rows have.

    Attributes:
        bound: the function or class of the reference, or the attribute.
        place: the line where the row is written.
    """

    bound: Bound
    place: Place

    def __post_init__(self) -> None:
        object.__setattr__(self, "place", written_at(2))  # above __init__

    @property
    def reference(self) -> str:
        """The dotted name of what it is bound to."""
        return dotted(self.bound)


@dataclass(frozen=True)
class Undone:
    """What a symbol's inverse is, and which of its arguments it gives back.

    Attributes:
        is_in_theories: whether a theory that declares both must have the equation. The other way
            round, encrypting what was decrypted, is left out of them.
    """

    by: str
    argument: int
    is_in_theories: bool = True


@dataclass(frozen=True)
class Symbol(BoundRow):
    """A function symbol.

    Attributes:
        name: as the models write it; infix ones as in `terms.App`.
        arguments: their types, in the models' order.
        result: its type, or the number of the argument whose size it has.
        source: the section that defines it.
        adapted: the function on octets, where that of the reference takes other arguments.
        model_only: why it is not in the reference; then it is bound to a stand-in.
        undone: its inverse, if it has one.
        sampled: how often `apart` makes terms with it.
    """

    name: str
    bound: Bound
    arguments: tuple[Type, ...]
    result: Type | int
    source: str = ""
    adapted: Compute | None = field(default=None, repr=False)
    model_only: str = ""
    undone: Undone | None = None
    sampled: Literal["often", "seldom", "never"] = "often"

    @property
    def compute(self) -> Compute:
        """The function on octets. It raises `ProtocolError` for arguments that it refuses."""
        if self.adapted is not None:
            return self.adapted
        assert callable(self.bound)
        return self.bound


@dataclass(frozen=True)
class Constant(BoundRow):
    """A public name that has octets; attributes as of a `Symbol`."""

    name: str
    octets: bytes
    bound: Bound
    source: str = ""
    model_only: str = ""


@dataclass(frozen=True)
class Span:
    """A component of a tuple: its type, and where in the message it stands."""

    name: str
    type: Type
    offset: int
    size: int


@dataclass(frozen=True)
class Shape(BoundRow):
    """The layout of a tuple.

    Attributes:
        name: the public name that begins it, or how a tuple without a name is called.
        spans: the components, in order; what begins the tuple not counted.
        base: the message with its defaults; spans overwrite it.
        defaults: in words, what the models leave out.
        heads: for a tuple without a name: the function symbols of its components, "" for any.
    """

    name: str
    bound: Bound
    spans: tuple[Span, ...]
    base: bytes
    defaults: str
    heads: tuple[str, ...] = ()

    def fits(self, heads: tuple[str, ...]) -> bool:
        """Whether it is the layout of a tuple without a name, by its components' symbols."""
        return len(self.heads) == len(heads) and all(
            wanted in ("", head) for wanted, head in zip(self.heads, heads, strict=True)
        )


def spans(layout: Layout, *named: tuple[str, Type, str, str]) -> tuple[Span, ...]:
    """Spans of a name and a type, each from a first field to a last one and the MBZ after it."""
    fields = list(layout.offsets())
    starts = {item.name: offset for offset, item in fields if item.name}
    found = []
    for name, kind, first, last in named:
        index = next(i for i, (_, item) in enumerate(fields) if item.name == last)
        end = fields[index][0] + fields[index][1].size
        for offset, item in fields[index + 1 :]:
            if item.name or end - starts[first] >= (kind.size or 0):
                break
            end = offset + item.size
        found.append(Span(name, kind, starts[first], end - starts[first]))
    return tuple(found)


def base(layout: Layout, **values: Any) -> bytes:
    """A message of a layout; fields that are not given are zero."""
    defaults = {f.name: 0 if f.is_integer else bytes(f.size) for f in layout.fields if f.name}
    return layout.pack(defaults | values)


@dataclass(frozen=True)
class MacroRow(BoundRow):
    """What a macro must be equal to.

    Attributes:
        compute: the expected octets, from the parameters in order.
        flag: the row is for theories with this flag; one without a flag is for all others.
        through: a symbol to which the macro is given as the last argument before comparing, after
            the arguments in `extra`.
        model_only: why it is not in the reference.
    """

    name: str
    bound: Bound
    arguments: tuple[Type, ...]
    compute: Compute = field(repr=False)
    source: str
    flag: str = ""
    through: str = ""
    extra: tuple[Type, ...] = ()
    model_only: str = ""


@dataclass(frozen=True)
class MessageRow(BoundRow):
    """What a fact's arguments, concatenated, must be equal to.

    Attributes:
        rule, fact: where; the fact's first occurrence among conclusions, actions, premises.
        compute: the expected octets, from the rule's variables by name.
        flag: as of a `MacroRow`.
        first: the number of the first argument that counts.
        given: variables of the rule whose octets follow from others, and how; computed in order.
        more: variables that the rule does not have, for `given` and `compute`; or that it has, of a
            type that the theory does not show.
        told: those of `more` that a recorded trace has as an argument of the fact, and which.
    """

    rule: str
    fact: str
    bound: Bound
    compute: Callable[[Variables], bytes] = field(repr=False)
    source: str
    flag: str = ""
    first: int = 0
    given: Mapping[str, Callable[[Variables], bytes]] = field(default_factory=dict, repr=False)
    more: Mapping[str, Type] = field(default_factory=dict, repr=False)
    told: Mapping[str, int] = field(default_factory=dict, repr=False)

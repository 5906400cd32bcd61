"""The rows for one theory: of its room, of the files that it includes, and the shared ones."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from typing import TypeVar

from owamp_reference.ikev2 import Prf

from ..groups.participants import PRF
from .room import ForPrf, Room, room_of
from .rows import BoundRow, Constant, MacroRow, Shape, Symbol
from .shared import SHARED

_R = TypeVar("_R", bound=BoundRow)


@dataclass(frozen=True, eq=False)
class Table:
    """What symbols, names, tuples and macros are in octets.

    Where two layers have a row of a name, that of the first counts.

    Attributes:
        layers: the rooms that the rows are from.
        prf: what IKE negotiated, which the models leave open.
    """

    layers: tuple[Room, ...]
    prf: Prf

    @cached_property
    def symbols(self) -> Mapping[str, Symbol]:
        """The rows of function symbols, by name."""
        return self._named(self._made(layer.symbols) for layer in reversed(self.layers))

    @cached_property
    def constants(self) -> Mapping[str, Constant]:
        """The public names that have octets."""
        return self._named(layer.constants for layer in reversed(self.layers))

    @cached_property
    def shapes(self) -> Mapping[str, Shape]:
        """The layouts of tuples that begin with a name, by name."""
        every = self._named(layer.shapes for layer in reversed(self.layers))
        return {name: shape for name, shape in every.items() if not shape.heads}

    def shape_of(self, heads: tuple[str, ...]) -> Shape | None:
        """The layout of a tuple without a name, by the symbols of its components."""
        shapes = (shape for layer in self.layers for shape in layer.shapes if shape.heads)
        return next((shape for shape in shapes if shape.fits(heads)), None)

    @cache  # noqa: B019 - tables are few, and live as long as the program
    def with_layouts(self, shapes: tuple[Shape, ...]) -> Table:
        """The table with these layouts in the place of its own."""
        return Table((Room(shapes=shapes), *self.layers), self.prf)

    def macro(self, name: str, arity: int, flags: tuple[str, ...]) -> MacroRow | None:
        """The row for a macro of a model with flags: one with a flag before one without."""
        for rows in self._macros:
            fitting = [row for row in rows if row.name == name and len(row.arguments) == arity]
            for row in sorted(fitting, key=lambda row: not row.flag):
                if not row.flag or row.flag in flags:
                    return row
        return None

    @property
    def macros(self) -> tuple[MacroRow, ...]:
        """The rows of macros."""
        return tuple(row for rows in self._macros for row in rows)

    @cached_property
    def model_only(self) -> Mapping[str, str]:
        """Macros that are equal to nothing in the reference, and why."""
        return {name: why for layer in self.layers for name, why in layer.model_only.items()}

    @cached_property
    def fresh(self) -> Mapping[str, str]:
        """Under which label the reference draws a fresh variable, by the variable's name."""
        layers = reversed(self.layers)
        return {name: label for layer in layers for name, label in layer.fresh.items()}

    @cached_property
    def _macros(self) -> tuple[tuple[MacroRow, ...], ...]:
        return tuple(self._made(layer.macros) for layer in self.layers)

    def _made(self, rows: tuple[ForPrf[_R], ...]) -> tuple[_R, ...]:
        return tuple(row if isinstance(row, BoundRow) else row(self.prf) for row in rows)

    @staticmethod
    def _named(layers: Iterable[tuple[_R, ...]]) -> dict[str, _R]:
        return {row.name: row for rows in layers for row in rows}  # type: ignore[attr-defined]


@cache
def table_of(theory: str = "", prf: Prf = PRF) -> Table:
    """The table of a theory; for a theory without a room, of what theories share."""
    return Table((*room_of(theory).layers(), SHARED), prf)

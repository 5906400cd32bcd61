"""Tuples as concatenations: which parts are messages with a layout, and which are terms."""

from __future__ import annotations

from dataclasses import dataclass

from .rows import Shape
from .table import Table
from .terms import App, Const, Term, components


@dataclass(frozen=True)
class TuplePart:
    """A part of a tuple: a message with a layout and its components, or one term."""

    terms: tuple[Term, ...]
    shape: Shape | None = None


def is_layout_name(term: Term, table: Table) -> bool:
    """Whether a term is the public name of a message that has a layout."""
    return isinstance(term, Const) and not term.is_fresh and term.name in table.shapes


def parts_of(term: Term, table: Table) -> list[TuplePart]:
    """A tuple cut into messages with a layout and other terms.

    ``<x, <'Accept-Session', port, sid>>`` is the same tuple as without the inner brackets, so a
    message's name takes as many components after it as its layout has.

    Raises:
        LookupError: components are missing; the text says which message's.
    """
    items = components(term)
    whole = table.shape_of(tuple(item.name if isinstance(item, App) else "" for item in items))
    if whole is not None:
        return [TuplePart(tuple(items), whole)]
    found = []
    while items:
        first = items.pop(0)
        if isinstance(first, Const) and is_layout_name(first, table):
            shape = table.shapes[first.name]
            count = len(shape.spans)
            if len(items) < count:
                names = ", ".join(span.name for span in shape.spans)
                raise LookupError(f"'{first.name}' is followed by {names}; found {len(items)}")
            found.append(TuplePart(tuple(items[:count]), shape))
            items = items[count:]
        else:
            found.append(TuplePart((first,)))
    return found

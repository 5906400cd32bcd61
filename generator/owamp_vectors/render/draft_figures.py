"""Figures of the draft: packet diagrams and fields of layouts, pieces of its program."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterator
from typing import NamedTuple

from owamp_reference.layout import Layout, LayoutField

from . import derivations

WIDTH = 69
"""Columns of artwork: 72 less the indentation of a section."""

_BITS = 32
_ELIDED = 3
"""A field of so many whole rows is drawn as one, between dots."""

RULER = (
    " 0                   1                   2                   3",
    " 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1",
)


class _Cell(NamedTuple):
    """A run of bits with one label; without a size it is as long as it happens to be."""

    label: str
    bits: int
    is_open: bool = False


class _Row(NamedTuple):
    """What of 32 bits belongs to which cell; an elided row stands for several."""

    cells: tuple[int, ...]
    is_elided: bool = False


def packet_diagram(layout: Layout, *, hmac: bool = False, padding: bool = False) -> str:
    """A layout as the RFCs draw it, 32 bits a row.

    Args:
        layout: the fields.
        hmac: whether an HMAC of 16 octets follows.
        padding: whether Packet Padding follows.
    """
    cells = [cell for field in layout.fields for cell in _cells(field)]
    if hmac:
        cells.append(_Cell("HMAC (16 octets)", 128))
    if padding:
        cells.append(_Cell("Packet Padding", 3 * _BITS, is_open=True))
    rows = list(_rows(cells))
    labels = _label_places(cells, rows)
    lines = [*RULER]
    above = _Row((-1,) * _BITS)
    for number, row in enumerate(rows):
        lines.append(_border(above, row))
        lines += _body(row, {cell: cells[cell].label for cell in labels.get(number, ())})
        above = row
    lines.append(_border(above, _Row((-1,) * _BITS)))
    return "\n".join(line.rstrip() for line in lines)


def _cells(field: LayoutField) -> Iterator[_Cell]:
    if field.mask is not None:
        bits = field.mask.bit_length()
        yield _Cell("MBZ", 8 * field.size - bits)
        yield _Cell(field.label, bits)
    elif field.constant is not None:
        yield _Cell(str(field.constant), 8 * field.size)
    else:
        size = f" ({field.size} octets)" if field.size > 4 else ""
        yield _Cell(field.label + size, 8 * field.size)


def _rows(cells: list[_Cell]) -> Iterator[_Row]:
    bits = [number for number, cell in enumerate(cells) for _ in range(cell.bits)]
    bits += [-2] * (-len(bits) % _BITS)  # nothing is there
    chunks = [tuple(bits[start : start + _BITS]) for start in range(0, len(bits), _BITS)]
    while chunks:
        row = chunks.pop(0)
        whole = 1
        while len(set(row)) == 1 and whole <= len(chunks) and chunks[whole - 1] == row:
            whole += 1
        if whole < _ELIDED:
            yield _Row(row)
        else:
            yield _Row(row, is_elided=True)
            del chunks[: whole - 1]


def _label_places(cells: list[_Cell], rows: list[_Row]) -> dict[int, list[int]]:
    """Row number → cells whose label stands there: where each is widest, elided rows first."""
    places: dict[int, list[int]] = {}
    for cell in range(len(cells)):
        widths = [(row.cells.count(cell), row.is_elided) for row in rows]
        places.setdefault(widths.index(max(widths)), []).append(cell)
    return places


def _border(above: _Row, below: _Row) -> str:
    differs = [a != b for a, b in zip(above.cells, below.cells, strict=True)]
    line = "+" if differs[0] else "|"
    for here, after in zip(differs, [*differs[1:], None], strict=True):
        line += "-" if here else " "
        if after is None:
            line += "+" if here else "|"
        else:
            line += "+" if here or after else " "
    return line


def _body(row: _Row, labels: dict[int, str]) -> list[str]:
    line, start = "|", 0
    while start < _BITS:
        cell = row.cells[start]
        end = start + row.cells[start:].count(cell)
        label = labels.get(cell, "")
        room = 2 * (end - start) - 1
        if len(label) > room:
            raise ValueError(f"{label}: {room} columns are too narrow for this label")
        line += label.center(room) + "|"
        start = end
    if not row.is_elided:
        return [line]
    blank = "|" + " " * (2 * _BITS - 1) + "|"
    return [blank, "." + line[1:-1] + ".", blank]


def layout_fields(layout: Layout) -> str:
    """The fields of a layout in order, each with its octets: "Accept 1, MBZ 1, Port 2"."""
    return ", ".join(
        f"{field.label} {field.size}" + ("" if field.constant is None else f" (={field.constant})")
        for field in layout.fields
    )


def program(*names: str) -> str:
    """Definitions of `derivations` as they are, but for docstrings; without names, the imports.

    Raises:
        LookupError: a name that it does not have.
        ValueError: a line that is wider than the text of a draft.
    """
    source = inspect.getsource(derivations)
    found = _parts(source)
    for name in (name for name in names if name not in found):
        raise LookupError(f"the program has no {name}")
    text = "\n\n".join(found[name] for name in names)
    for line in (line for line in text.splitlines() if len(line) > WIDTH):
        raise ValueError(f"{line}: is wider than {WIDTH} columns")
    return text


def program_names() -> list[str]:
    """The names of the parts of the program, in order; the imports are "imports"."""
    return list(_parts(inspect.getsource(derivations)))


def _parts(source: str) -> dict[str, str]:
    """Name → lines of each function, without docstring; all else by "imports", "tables", "main"."""
    lines, tree = source.splitlines(), ast.parse(source)
    found: dict[str, list[str]] = {}
    for node in tree.body:
        text = [line.partition("  # noqa")[0] for line in lines[node.lineno - 1 : node.end_lineno]]
        name = "imports"
        match node:
            case ast.FunctionDef():
                name = node.name
                if ast.get_docstring(node):
                    doc = node.body[0]
                    assert doc.end_lineno is not None
                    del text[doc.lineno - node.lineno : doc.end_lineno - node.lineno + 1]
            case ast.Assign(targets=[ast.Name(id=name)]):
                pass
            case ast.If():
                name = "main"
            case ast.Expr():
                continue
        found.setdefault(name, []).extend(text)
    return {name: "\n".join(text) for name, text in found.items()}

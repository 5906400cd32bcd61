"""One case for people: each value with its octets and offsets, each output with its formula."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from owamp_reference.layout import Layout
from owamp_reference.negotiation import Mode

from .declaration import Field, Json
from .stored import StoredCase

_COMPUTATION = "Computation"
_INDENT = "    "
_ROW = 16
_IS_TIME = re.compile(r"(start.?|send.?)times?|.*timestamp", re.IGNORECASE)
_IS_MODE = re.compile(r"(offered)?modes?", re.IGNORECASE)
_NTP_EPOCH = datetime(1900, 1, 1, tzinfo=UTC)


def meaning(name: str, value: int, size: int = 4) -> str:
    """A time in NTP format as a date, the bits of Modes by name; "" for any other field.

    Args:
        name: of the field, as in a file or in the RFC's figure.
        size: octets of the field.
    """
    if size == 8 and value and _IS_TIME.fullmatch(name):
        seconds, fraction = divmod(value, 2**32)
        moment = _NTP_EPOCH + timedelta(seconds=seconds)
        return f"{moment:%Y-%m-%d %H:%M:%S}.{fraction * 10**6 >> 32:06} UTC"
    if size == 4 and _IS_MODE.fullmatch(name):
        bits = [1 << number for number in range(32) if value >> number & 1]
        names = {int(mode): (mode.name or "").lower() for mode in Mode}
        return ", ".join(names.get(bit, f"bit {bit}") for bit in bits)
    return ""


def show_case(case: StoredCase, notes: Json) -> str:
    """The text of `owamp-vectors show`; `notes` are those of the file."""
    return "\n".join(_lines(case, notes)) + "\n"


def _lines(case: StoredCase, notes: Json) -> Iterator[str]:
    yield f"{case.file.name} tcId {case.tc_id}: {case.comment}"
    yield f"{_INDENT}type    {case.type.name}: {case.type.description}"
    yield f"{_INDENT}source  {case.source}"
    if case.trace is not None:
        yield f"{_INDENT}trace   {case.trace}"
    reason = "" if case.reason is None else f": {case.reason}"
    stage = "" if case.stage is None else f" (refused at: {case.stage})"
    yield f"{_INDENT}result  {case.result}{reason}{stage}"
    yield f"{_INDENT}rests   on a {case.requirement}"
    for flag in case.flags:
        yield f"{_INDENT}aim     {flag}: {notes[flag]['description']}"
    yield from _part("Parameters", case.type.parameters, case.parameters)
    yield from _part("Inputs", case.type.inputs, case.inputs)
    if case.result == "invalid" and case.type.outputs:
        yield from ("", _COMPUTATION, f"{_INDENT}none: the input is refused")
    else:
        yield from _part(_COMPUTATION, case.type.outputs, case.outputs)
    for alternative in case.alternatives:
        yield from _alternative_lines(case, alternative)


def _alternative_lines(case: StoredCase, alternative: Json) -> Iterator[str]:
    """What else an implementation may do: the outputs in which that differs."""
    yield from ("", f"Or, by a {alternative['requirement']} of {alternative['source']}")
    yield f"{_INDENT}{alternative['reason']}"
    if "refused" in alternative:
        yield f"{_INDENT}refused"
        return
    for item in case.type.asked_for:
        if alternative[item.name] != case.outputs[item.name]:
            yield from _value_lines(item, alternative[item.name], "")


def _part(title: str, items: Sequence[Field], values: Json) -> Iterator[str]:
    if items:
        yield from ("", title)
    for number, item in enumerate(items, 1):
        step = f"{number}. " if title == _COMPUTATION else ""
        yield from _value_lines(item, values[item.name], step)


def _value_lines(item: Field, value: Any, step: str) -> Iterator[str]:
    formula = f" = {item.formula}" if item.formula else ""
    head = f"{_INDENT}{step}{item.name}{formula}"
    description = f"{_INDENT * 2}{item.description}"
    if item.is_list:
        yield f"{head}: {len(value)} in all"
        yield description
        for number, element in enumerate(value, 1):
            yield f"{_INDENT * 2}[{number}]"
            yield from _content_lines(item, element, 3)
    elif item.kind == "records":
        yield f"{head}: {len(value)} in all"
        yield description
        for number, record in enumerate(value, 1):
            yield f"{_INDENT * 2}[{number}]"
            for inner in item.fields:
                if inner.is_given is not None and not inner.is_given(record):
                    continue
                for line in _value_lines(inner, record[inner.name], ""):
                    yield _INDENT * 2 + line
    elif item.kind == "octets":
        yield f"{head}: {len(value) // 2} octets"
        yield description
        yield from _content_lines(item, value, 2)
    else:
        said = meaning(item.name, value) if type(value) is int else ""
        shown = f"{value!r}" if isinstance(value, str) else f"{value}"
        yield f"{head}: {shown} ({said})" if said else f"{head}: {shown}"
        yield description


def _content_lines(item: Field, value: Any, depth: int) -> Iterator[str]:
    indent = _INDENT * depth
    if item.kind != "octets":
        yield f"{indent}{value}"
        return
    octets = bytes.fromhex(value)
    layout = layout_of(item, octets)
    if layout is not None:
        yield from (indent + line for line in layout_lines(layout, octets))
    else:
        said = meaning(item.name, int.from_bytes(octets, "big"), len(octets))
        tail = f"  {said}" if said else ""
        yield from (indent + line + tail for line in dump_lines(octets))


def layout_of(item: Field, octets: bytes) -> Layout | None:
    """How the octets of a field divide: the first of its layouts that has their size."""
    return next((layout for layout in item.layouts if layout.size == len(octets)), None)


def dump_lines(octets: bytes) -> Iterator[str]:
    """Octets in rows of 16 with their offset."""
    for offset in range(0, len(octets), _ROW):
        yield f"{offset:5}  {octets[offset : offset + _ROW].hex(' ', 4)}"


def layout_lines(layout: Layout, octets: bytes) -> Iterator[str]:
    """Octets divided into the fields of a layout, each with its offset and size."""
    width = max(len(field.label) for field in layout.fields)
    for offset, field in layout.offsets():
        chunk = octets[offset : offset + field.size]
        rows = list(dump_lines(chunk))
        value = int.from_bytes(chunk, "big")
        said = meaning(field.label, value, field.size)
        number = f" = {value}" if field.is_integer else ""
        if said:
            number = f" = {said}" if field.size == 8 else f"{number} ({said})"
        first = rows[0].split(maxsplit=1)[1] if rows else ""
        yield f"{offset:5}  {field.size:3}  {field.label:{width}}  {first}{number}"
        for row in rows[1:]:
            yield f"{'':12}{'':{width}}  {row.split(maxsplit=1)[1]}"

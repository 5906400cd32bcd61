"""The vectors as one Python module that needs nothing but the standard library."""

from __future__ import annotations

import keyword
from collections.abc import Iterable, Iterator
from typing import Any

from ..vectors.declaration import Field, GroupType, Json
from ..vectors.stored import StoredCase
from .vector_sources import Source, Texts, items_of, naming, octets_inside, snake, templates

MODULE = "owamp_test_vectors.py"

_DIGITS = 80
_INDENT = "    "
_TYPES = {"octets": "bytes", "integer": "int", "string": "str", "boolean": "bool"}
_COMMON = (
    *("tc_id", "comment", "source", "flags", "trace", "requirement", "result", "reason", "stage"),
    *("alternatives", "refused", "tests"),
)


def render_python(sources: Iterable[Source]) -> Texts:
    """The module ``owamp_test_vectors.py``, of all the files."""
    template = templates().get_template("vectors.py.j2")
    files = []
    for source in sources:
        with naming(source):
            files.append({"source": source, "types": list(_types(source))})
    return {MODULE: template.render(files=files, literal=literal)}


def _types(source: Source) -> Iterator[Json]:
    for group_type, groups in source.types():
        name = group_type.name
        yield {
            "declared": group_type,
            "records": [
                (_record(name, item), snake(item.name), list(_members(name, item.fields)))
                for item in items_of(group_type)
                if item.kind == "records"
            ],
            "inputs": list(_members(name, group_type.inputs)),
            "outputs": list(_members(name, group_type.outputs, " | None")),
            "parameters": list(_members(name, group_type.parameters)),
            "groups": [_group(cases) for cases in groups],
        }


def _record(owner: str, item: Field) -> str:
    return f"{owner}{item.name[0].upper()}{item.name[1:]}"


def _members(owner: str, items: Iterable[Field], suffix: str = "") -> Iterator[tuple[str, str]]:
    """The name and type of each value, and its description."""
    for item in items:
        name = snake(item.name)
        if name in _COMMON or keyword.iskeyword(name):
            raise AssertionError(f"{owner}.{item.name} cannot be a member in Python")
        kind = _record(owner, item) if item.kind == "records" else _TYPES.get(item.kind, "Object")
        if item.is_list or item.kind == "records":
            kind = f"tuple[{kind}, ...]"
        about = item.description + (f"; = {item.formula}" if item.formula else "")
        yield f"{name}: {kind}{suffix}", about


def literal(value: Any, depth: int) -> str:
    """A literal of octets or of what JSON has; long octets take several lines."""
    if isinstance(value, bytes):
        digits = value.hex()
        if len(digits) <= _DIGITS:
            return f'bytes.fromhex("{digits}")'
        inner = _INDENT * (depth + 1)
        rows = [digits[at : at + _DIGITS] for at in range(0, len(digits), _DIGITS)]
        return "".join(
            ["bytes.fromhex(\n", *(f'{inner}"{row}"\n' for row in rows), _INDENT * depth, ")"]
        )
    if isinstance(value, dict):
        pairs = (f"{name!r}: {literal(part, depth + 1)}" for name, part in value.items())
        return _lines("{", pairs, "}", depth)
    if isinstance(value, list):
        return _lines("(", (literal(part, depth + 1) for part in value), ")", depth)
    shown = repr(value)
    is_plain = isinstance(value, str) and shown[0] == "'" and '"' not in shown
    return f'"{shown[1:-1]}"' if is_plain else shown


def _lines(opening: str, parts: Iterable[str], closing: str, depth: int) -> str:
    inner = _INDENT * (depth + 1)
    rows = [f"{inner}{part},\n" for part in parts]
    return "".join([opening, "\n", *rows, _INDENT * depth, closing]) if rows else opening + closing


def _value(owner: str, item: Field, value: Any, depth: int) -> str:
    if value is None:
        return "None"
    if item.kind == "records":
        record = _record(owner, item)
        calls = (
            _call(record, _named(record, item.fields, part, depth + 2), depth + 1) for part in value
        )
        return _lines("(", calls, ")", depth)
    if item.kind == "object":
        return literal(octets_inside(value), depth)
    return literal(item.from_json(value), depth)


def _named(owner: str, items: Iterable[Field], values: Json, depth: int) -> Iterator[str]:
    for item in items:
        yield f"{snake(item.name)}={_value(owner, item, values.get(item.name), depth)}"


def _call(name: str, arguments: Iterable[str], depth: int) -> str:
    return name + _lines("(", arguments, ")", depth)


def _test(case: StoredCase, depth: int) -> str:
    common = [
        f"{name}={literal(value, depth + 1)}"
        for name, value in (
            ("tc_id", case.tc_id),
            ("comment", case.comment),
            ("source", case.source),
            ("flags", case.flags),
            ("trace", case.trace),
            ("requirement", case.requirement),
            ("result", case.result),
            ("reason", case.reason),
            ("stage", case.stage),
        )
    ]
    name = case.type.name
    values = _named(name, items_of(case.type), case.test, depth + 1)
    alternatives = (_alternative(case.type, item, depth + 2) for item in case.alternatives)
    more = f"alternatives={_lines('(', alternatives, ')', depth + 1)}"
    return _call(f"{name}Test", [*common, *values, more], depth)


def _alternative(group_type: GroupType, alternative: Json, depth: int) -> str:
    about = [
        f"{name}={literal(alternative.get(name), depth + 1)}"
        for name in ("reason", "source", "requirement", "stage")
    ]
    about.append(f"refused={'refused' in alternative}")
    name = group_type.name
    values = _named(name, group_type.outputs, alternative, depth + 1)
    return _call(f"{name}Alternative", [*about, *values], depth)


def _group(cases: list[StoredCase]) -> str:
    group, name = cases[0].group, cases[0].type.name
    tests = (_test(case, 3) for case in cases)
    arguments = [
        f"source={literal(group['source'], 2)}",
        f"comment={literal(group.get('comment'), 2)}",
        *_named(name, cases[0].type.parameters, group, 2),
        f"tests={_lines('(', tests, ')', 2)}",
    ]
    return _call(f"{name}Group", arguments, 1)

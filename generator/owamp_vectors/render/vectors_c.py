"""The vectors in C99, also valid C++11: a header and a source file for each vector file.

The tables are declared in the headers and stand in the source files, once a program, so that a
linker can leave out those that nobody uses and put the rest into read-only memory.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from ..vectors.declaration import Field, GroupType, Json
from ..vectors.stored import StoredCase
from .vector_sources import (
    Leaf,
    Source,
    Texts,
    items_of,
    naming,
    object_leaves,
    snake,
    templates,
)

MAX_LITERAL = 4095
"""Characters of a string literal that every C99 compiler takes (ISO C99 §5.2.4.1)."""

_COLUMNS = 96
_ROW = 16
_NOTE = ("bugType", "description", "effect")
_ABOUT = "about"
"""The member of a case's structure that holds what every case has."""

_ESCAPES = {'"': '\\"', "\\": "\\\\", "?": "\\?", "\n": "\\n", "\r": "\\r", "\t": "\\t"}


def render_c(sources: Iterable[Source]) -> Texts:
    """The files: ``owamp_tv.h``, and a ``.h`` and a ``.c`` for each vector file."""
    texts = {"owamp_tv.h": templates().get_template("vectors_common.h.j2").render()}
    for source in sources:
        with naming(source):
            values = _file_values(source)
        for suffix in ("h", "c"):
            text = templates().get_template(f"vectors.{suffix}.j2").render(values)
            texts[f"owamp_tv_{snake(source.name)}.{suffix}"] = text
    return texts


def c_string(text: str | None) -> str:
    """A string literal in ASCII, or NULL. Raises `ValueError` if it is too long for C99."""
    if text is None:
        return "NULL"
    parts = []
    for octet in text.encode():
        character = chr(octet)
        if character in _ESCAPES:
            parts.append(_ESCAPES[character])
        else:  # three octal digits end an escape; hexadecimal ones would take what follows
            parts.append(character if 32 <= octet < 127 else f"\\{octet:03o}")
    if len(parts) > MAX_LITERAL:
        raise ValueError(f"a string of {len(parts)} octets is too long for C99: {text[:40]}…")
    return f'"{"".join(parts)}"'


def c_integer(value: int) -> str:
    """An integer constant of 64 bits. Raises `ValueError` if it has more."""
    if not -(2**63) < value < 2**63:
        raise ValueError(f"{value} does not fit into int64_t")
    return f"INT64_C({value})"


def c_comment(text: str, indent: str) -> str:
    """A comment, wrapped, which no text inside can end."""
    lines = textwrap.wrap(text.replace("*/", "* /"), _COLUMNS - len(indent) - 6)
    return "/* " + f"\n{indent}   ".join(lines) + " */"


@dataclass
class _Pool:
    """The constants that the tables of a file point to; equal ones are the same constant."""

    made: dict[tuple[str, object], str] = field(default_factory=dict)
    lines: list[str] = field(default_factory=list)

    def add(self, c_type: str, name: str, elements: list[str], rows: Iterable[str]) -> str:
        """The name of an array with these elements, written in these rows."""
        key = (c_type, tuple(elements))
        if key not in self.made:
            self.made[key] = f"{name}_{len(self.made) + 1}"
            self.lines.append(f"static const {c_type} {self.made[key]}[{len(elements)}] = {{")
            self.lines += [f"    {row}," for row in rows]
            self.lines.append("};")
        return self.made[key]

    def array(self, c_type: str, name: str, elements: list[str]) -> str:
        """The initializer of a pointer to such elements and their number."""
        if not elements:
            return "{NULL, 0}"
        return f"{{{self.add(c_type, name, elements, elements)}, {len(elements)}}}"

    def octets(self, name: str, octets: bytes) -> str:
        """The initializer of an octet string."""
        if not octets:  # C has no empty arrays
            return f"{{{self.add('uint8_t', 'empty', ['0'], ['0'])}, 0}}"
        elements = [f"0x{octet:02x}" for octet in octets]
        rows = [", ".join(elements[at : at + _ROW]) for at in range(0, len(elements), _ROW)]
        return f"{{{self.add('uint8_t', name, elements, rows)}, {len(octets)}}}"

    def member(self, name: str, leaf: Leaf) -> str:
        """The initializer of a member of an object, named by its path."""
        is_octets = leaf.kind == "octets"
        octets = self.octets(name, leaf.value) if is_octets else "{NULL, 0}"
        integer = c_integer(0 if is_octets else leaf.value)
        kind = f"OWAMP_TV_{leaf.kind.upper()}"
        return f"{{{c_string(leaf.path.removeprefix('.'))}, {kind}, {integer}, {octets}}}"


_KEYWORDS = frozenset(
    [
        "auto",
        "bool",
        "break",
        "case",
        "char",
        "class",
        "const",
        "continue",
        "default",
        "delete",
        "do",
        "double",
        "else",
        "enum",
        "extern",
        "false",
        "float",
        "for",
        "goto",
        "if",
        "int",
        "long",
        "new",
        "operator",
        "private",
        "public",
        "register",
        "return",
        "short",
        "signed",
        "sizeof",
        "static",
        "struct",
        "switch",
        "template",
        "this",
        "true",
        "typedef",
        "union",
        "unsigned",
        "void",
        "volatile",
        "while",
    ]
)
"""Words of C and C++ that a member cannot have as its name."""


def c_name(name: str) -> str:
    """The name of a member: a word of C or C++ gets a low line at its end."""
    return f"{snake(name)}_" if snake(name) in _KEYWORDS else snake(name)


@dataclass(frozen=True)
class _Writer:
    """Types and initializers of the values of one vector file."""

    prefix: str
    pool: _Pool

    def type_name(self, group_type: GroupType) -> str:
        return f"owamp_tv_{snake(group_type.name)}"

    def record(self, owner: str, item: Field) -> str:
        return f"{owner}_{snake(item.name)}"

    def c_type(self, owner: str, item: Field) -> str:
        """The C type of a value."""
        if item.is_list and item.kind != "octets":
            raise AssertionError(f"{owner}.{item.name}: no C type for it")
        if item.is_list:
            return "owamp_tv_octets_list"
        if item.kind == "records":
            return f"{self.record(owner, item)}_list"
        if item.kind == "string":
            return "const char *" if item.values else "owamp_tv_text"
        names = {"octets": "owamp_tv_octets", "integer": "int64_t", "boolean": "bool"}
        return names.get(item.kind, "owamp_tv_object")

    def members(self, owner: str, items: Iterable[Field]) -> Iterator[str]:
        """The lines that declare values in a structure."""
        for item in items:
            c_type = self.c_type(owner, item)
            separator = "" if c_type.endswith("*") else " "
            about = item.description
            if item.size is not None:
                about += f"; {item.size} octets where the case is valid"
            if item.formula:
                about += f"; = {item.formula}"
            yield c_comment(about, "    ")
            yield f"{c_type}{separator}{c_name(item.name)};"

    def value(self, owner: str, item: Field, value: Any) -> str:
        """The initializer of a value in JSON; None is an output that an invalid case has not."""
        name = snake(item.name)
        c_type = self.c_type(owner, item)
        if value is None:
            return {"int64_t": "0", "bool": "false", "const char *": "NULL"}.get(
                c_type, "{NULL, 0}"
            )
        if item.is_list:
            octets = [self.pool.octets(name, bytes.fromhex(part)) for part in value]
            return self.pool.array("owamp_tv_octets", name, octets)
        if item.kind == "records":
            return self._records(self.record(owner, item), item, value)
        if item.kind == "object":
            members = [self.pool.member(name, leaf) for leaf in object_leaves("", value)]
            return self.pool.array("owamp_tv_member", name, members)
        if item.kind == "octets":
            return self.pool.octets(name, bytes.fromhex(value))
        if item.kind == "string":
            string = c_string(value)
            return string if item.values else f"{{{string}, {len(value.encode())}}}"
        return c_integer(value) if item.kind == "integer" else str(value).lower()

    def _records(self, record: str, item: Field, value: list[Json]) -> str:
        rows = [
            "{" + ", ".join(self.value(record, i, part[i.name]) for i in item.fields) + "}"
            for part in value
        ]
        return self.pool.array(record, snake(item.name), rows)

    def test(self, flags: list[str], case: StoredCase) -> Iterator[str]:
        """The lines of the initializer of a case."""
        notes = [f"&owamp_tv_{self.prefix}_notes[{flags.index(flag)}]" for flag in case.flags]
        pointers = self.pool.array("owamp_tv_note *const", "flags", notes)
        yield (
            f"{{{case.tc_id}, {c_string(case.comment)}, {c_string(case.source)}, "
            f"{c_string(case.trace)}, {pointers},"
        )
        words = f"{c_string(case.reason)}, {c_string(case.stage)}"
        yield f" OWAMP_TV_{case.requirement}, OWAMP_TV_{case.result.upper()}, {words}}},"
        owner = self.type_name(case.type)
        for item in items_of(case.type):
            yield f"{self.value(owner, item, case.test.get(item.name))},"
        rows = [self._alternative(owner, case.type, item) for item in case.alternatives]
        yield f"{self.pool.array(f'{owner}_alternative', 'alternatives', rows)},"

    def _alternative(self, owner: str, group_type: GroupType, alternative: Json) -> str:
        """The initializer of an alternative: what it says of itself, and its outputs."""
        about = ", ".join(
            (
                c_string(alternative["reason"]),
                c_string(alternative["source"]),
                f"OWAMP_TV_{alternative['requirement']}",
                str("refused" in alternative).lower(),
                c_string(alternative.get("stage")),
            )
        )
        values = (self.value(owner, i, alternative.get(i.name)) for i in group_type.outputs)
        return f"{{{', '.join((f'{{{about}}}', *values))}}}"

    def group(self, flags: list[str], cases: list[StoredCase]) -> Json:
        """What a template needs of a group: its own initializers, and those of its cases."""
        group, owner = cases[0].group, self.type_name(cases[0].type)
        return {
            "head": [
                c_string(group["source"]),
                c_string(group.get("comment")),
                *(self.value(owner, item, group[item.name]) for item in cases[0].type.parameters),
            ],
            "tests": [list(self.test(flags, case)) for case in cases],
        }


def _file_values(source: Source) -> Json:
    """What the templates of one vector file need."""
    writer = _Writer(snake(source.name), _Pool())
    flags = list(source.content["notes"])
    types = []
    for group_type, groups in source.types():
        name = writer.type_name(group_type)
        values = items_of(group_type)
        names = [_ABOUT, *(c_name(item.name) for item in values)]
        if len(set(names)) != len(names):
            raise AssertionError(f"{group_type.name}: two values with one name: {names}")
        types.append(
            {
                "name": name,
                "declared": group_type,
                "records": [
                    (writer.record(name, item), list(writer.members(name, item.fields)))
                    for item in values
                    if item.kind == "records"
                ],
                "members": list(writer.members(name, values)),
                "outputs": list(writer.members(name, group_type.outputs)),
                "parameters": list(writer.members(name, group_type.parameters)),
                "groups": [writer.group(flags, cases) for cases in groups],
            }
        )
    return {
        "source": source,
        "name": writer.prefix,
        "types": types,
        "constants": writer.pool.lines,
        "notes": [
            [c_string(flag), *(c_string(note.get(name)) for name in _NOTE)]
            for flag, note in source.content["notes"].items()
        ],
        "comment": c_comment,
        "version_string": c_string(source.version),
        "header": c_comment(" ".join(source.content["header"]), ""),
    }

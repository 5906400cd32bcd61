"""The vectors as a module of Rust that needs no crate: constants alone."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from .typed import Language, indented
from .vector_sources import Source, Texts, naming, snake, templates

_KINDS = {
    "octets": "&'static [u8]",
    "integer": "i64",
    "string": "&'static str",
    "boolean": "bool",
    "object": "Value",
}
_KEYWORDS = ("type", "use", "ref", "final", "match", "do", "box")
_PRINTABLE = range(0x20, 0x7F)


def render_rust(sources: Iterable[Source]) -> Texts:
    """The module: ``mod.rs`` with what all files share, and a file for each vector file."""
    sources = list(sources)
    common = templates().get_template("vectors_common.rs.j2")
    texts = {"mod.rs": common.render(names=[snake(source.name) for source in sources])}
    template = templates().get_template("vectors.rs.j2")
    for source in sources:
        with naming(source):
            text = template.render(
                source=source, indented=indented, language=_Rust(), member=_member
            )
        texts[f"{snake(source.name)}.rs"] = text
    return texts


def _member(name: str) -> str:
    return f"r#{name}" if name in _KEYWORDS else snake(name)


class _Rust(Language):
    octets = 'b"{}"'

    def quoted(self, text: str) -> str:
        def escaped(char: str) -> str:
            if char in '"\\':
                return f"\\{char}"
            return char if ord(char) in _PRINTABLE else f"\\u{{{ord(char):x}}}"

        return '"' + "".join(map(escaped, text)) + '"'

    def optional(self, literal: str | None, kind: str) -> str:
        del kind
        return "None" if literal is None else f"Some({literal})"

    def items(self, kind: str, literals: Iterable[str]) -> str:
        del kind
        rows = "".join(f"{literal},\n" for literal in literals)
        return f"&[\n{rows}]" if rows else "&[]"

    def structure(self, kind: str, members: Iterable[tuple[str, str]]) -> str:
        name = kind.partition("<")[0]
        rows = "".join(f"{_member(member)}: {literal},\n" for member, literal in members)
        return f"{name} {{\n{rows}}}" if rows else f"{name} {{}}"

    def whole(self, value: Any) -> str:
        if isinstance(value, dict):
            pairs = (f"({self.quoted(name)}, {self.whole(part)})" for name, part in value.items())
            return f"Value::Object({self.items('', pairs)})"
        if isinstance(value, list):
            return f"Value::List({self.items('', map(self.whole, value))})"
        kind = "Octets" if isinstance(value, bytes) else "Integer"
        return f"Value::{kind}({self.scalar(value)})"

    def simple(self, kind: str) -> str:
        return _KINDS[kind]

    def list_of(self, kind: str) -> str:
        return f"&'static [{kind}]"

    def generic(self, name: str, owner: str, parts: Sequence[str]) -> str:
        return f"{name}<{', '.join(f'{owner}{part}' for part in parts)}>"

"""The vectors as a package of Go: a file for each vector file, and one for what they share."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

from .typed import Language, indented
from .vector_sources import Source, Texts, naming, snake, templates

_KINDS = {
    "octets": "Octets",
    "integer": "int64",
    "string": "string",
    "boolean": "bool",
    "object": "Value",
}


def render_go(sources: Iterable[Source]) -> Texts:
    """The package ``owampvectors``."""
    texts = {"owampvectors.go": templates().get_template("vectors_common.go.j2").render()}
    template = templates().get_template("vectors.go.j2")
    for source in sources:
        with naming(source):
            text = template.render(
                source=source, indented=indented, language=_Go(), exported=_exported
            )
        texts[f"{snake(source.name)}.go"] = text
    return texts


def _exported(name: str) -> str:
    return name[0].upper() + name[1:]


class _Go(Language):
    octets = 'Octets("{}")'

    def quoted(self, text: str) -> str:
        """A literal of a string; JSON's escapes are Go's, but for halves of surrogate pairs.

        Go has no U+FEFF within a file.
        """
        literal = json.dumps(text, ensure_ascii=False)
        return literal.replace("\x7f", "\\u007f").replace("\ufeff", "\\ufeff")

    def optional(self, literal: str | None, kind: str) -> str:
        if kind == "string":
            return literal or '""'
        return "nil" if literal is None else f"&{literal}"

    def items(self, kind: str, literals: Iterable[str]) -> str:
        rows = "".join(f"{literal},\n" for literal in literals)
        return f"[]{kind}{{\n{rows}}}" if rows else f"[]{kind}{{}}"

    def structure(self, kind: str, members: Iterable[tuple[str, str]]) -> str:
        rows = "".join(f"{_exported(name)}: {literal},\n" for name, literal in members)
        return f"{kind}{{\n{rows}}}" if rows else f"{kind}{{}}"

    def whole(self, value: Any) -> str:
        if isinstance(value, dict):
            pairs = (f"{{{self.quoted(name)}, {self.whole(part)}}}" for name, part in value.items())
            return f"Value{{Object: {self.items('Member', pairs)}}}"
        if isinstance(value, list):
            return f"Value{{List: {self.items('Value', map(self.whole, value))}}}"
        kind = "Octets" if isinstance(value, bytes) else "Integer"
        return f"Value{{{kind}: {self.scalar(value)}}}"

    def simple(self, kind: str) -> str:
        return _KINDS[kind]

    def list_of(self, kind: str) -> str:
        return f"[]{kind}"

    def generic(self, name: str, owner: str, parts: Sequence[str]) -> str:
        return f"{name}[{', '.join(f'{owner}{part}' for part in parts)}]"

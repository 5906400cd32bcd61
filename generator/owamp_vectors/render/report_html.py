"""Filters of the report's templates: octets, links to RFCs, models in print."""

from __future__ import annotations

import json
import re
from functools import cache
from typing import Any

import jinja2
from markupsafe import Markup, escape

from ..jinja import environment
from ..vectors.declaration import Field
from ..vectors.show import dump_lines, layout_of

_SECTION = re.compile(r"RFC (?P<rfc>\d+)|§(?P<section>\d+(?:\.\d+)*)")
_RFC_EDITOR = "https://www.rfc-editor.org/rfc/rfc"

_UNPRINTABLE = re.compile(
    "[\\x00-\\x08\\x0b\\x0c\\x0e-\\x1f\\x7f-\\x9f\\ud800-\\udfff\\ufffe\\uffff]"
)
"""Characters that no page may have, escaped or not."""

_TOKEN = re.compile(
    r"(?P<const>'[^'\n]*')"
    r"|(?P<fresh>~\w+)"
    r"|(?P<public>\$\w+)"
    r"|(?P<time>[#@]\s?#?\w+)"
    r"|(?P<word>\b(?:rule|lemma|restriction|let|in|All|Ex|not|all-traces|exists-trace)\b"
    r"|==>|<=>|--\[|\]->|-->)"
    r"|(?P<fact>!?\b[A-Z]\w*(?=\())"
)


def dump(octets: str | bytes) -> str:
    """Octets, or their hex digits, in rows of 16 with the offset of each."""
    return "\n".join(dump_lines(bytes.fromhex(octets) if isinstance(octets, str) else octets))


def rfc_links(source: str) -> Markup:
    """A source with each section linked to its place at the RFC Editor; nothing is fetched."""
    parts: list[str] = []
    position, rfc = 0, ""
    for match in _SECTION.finditer(source):
        parts.append(escape(source[position : match.start()]))
        position = match.end()
        rfc = match["rfc"] or rfc
        if not rfc:
            parts.append(escape(match[0]))
            continue
        anchor = f"#section-{match['section']}" if match["section"] else ""
        parts.append(
            Markup('<a rel="external noreferrer" href="{}">{}</a>').format(
                f"{_RFC_EDITOR}{rfc}{anchor}", match[0]
            )
        )
    return Markup("").join([*parts, escape(source[position:])])


def highlight(text: str) -> Markup:
    """A piece of a model with its words, names and constants marked."""
    parts: list[str] = []
    position = 0
    for match in _TOKEN.finditer(text):
        parts.append(escape(text[position : match.start()]))
        parts.append(Markup('<span class="{}">{}</span>').format(match.lastgroup, match[0]))
        position = match.end()
    return Markup("").join([*parts, escape(text[position:])])


def fields(item: Field, octets: str) -> list[dict[str, Any]] | None:
    """The fields of octets that have a layout, for a table; None if they have none."""
    raw = bytes.fromhex(octets)
    layout = layout_of(item, raw)
    if layout is None:
        return None
    rows = []
    for offset, part in layout.offsets():
        chunk = raw[offset : offset + part.size]
        number = int.from_bytes(chunk, "big") if part.is_integer else None
        rows.append(
            {"offset": offset, "field": part, "octets": chunk.hex(" ", 4), "number": number}
        )
    return rows


def capitals(name: str) -> Markup:
    """A long name that may break before a capital, and after "_", "-", ":", "/" or "+"."""
    pieces = re.findall(r"(?:[A-Z]+|[^A-Z_:/+-])[^A-Z_:/+-]*[_:/+-]*|.", name)
    return Markup("<wbr/>").join(map(escape, pieces))


def pretty(value: Any) -> str:
    """A value as JSON, for people: in a string, what is no picture is escaped."""
    text = json.dumps(value, indent=2, ensure_ascii=False)
    return _UNPRINTABLE.sub(lambda match: f"\\u{ord(match[0]):04x}", text)


def megabytes(size: int) -> str:
    """A size in octets, in megabytes."""
    return f"{size / 1e6:.1f} MB"


@cache
def report_environment() -> jinja2.Environment:
    """The environment of the report's templates."""
    overlay = environment().overlay()
    own = {"dump": dump, "rfc_links": rfc_links, "highlight": highlight, "pretty": pretty}
    own["capitals"] = capitals
    overlay.filters = {**overlay.filters, **own}
    overlay.globals = {**overlay.globals, "fields_of": fields}
    return overlay


def render_page(template: str, **values: Any) -> str:
    """A page of the report; characters that a page cannot have become U+FFFD."""
    text = report_environment().get_template(f"report/{template}").render(**values)
    return _UNPRINTABLE.sub("\ufffd", text)

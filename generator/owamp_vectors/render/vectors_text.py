"""The vectors as plain text of 72 columns, in the manner of the appendices of RFCs and RFC 9529.

Each value is a paragraph: its name, size or value, what it is, how it is computed, and its octets
in rows of 16. A value inside a list or a structure is named by its path.
"""

from __future__ import annotations

import json
import re
import textwrap
from collections.abc import Iterable, Iterator

from ..vectors.declaration import Field, Json
from ..vectors.stored import StoredCase
from .vector_sources import Leaf, Source, Texts, leaves, naming, templates

_COLUMNS = 72
_INDENT = " " * 3
_HANGING = " " * 6
_FORMULA = " " * 9
_ROW = 16
_COUNTED = {"list": ("item", "items"), "object": ("member", "members")}


def render_text(sources: Iterable[Source]) -> Texts:
    """A file ``NAME.txt`` for each vector file."""
    template = templates().get_template("vectors.txt.j2")
    texts = {}
    for source in sources:
        with naming(source):
            types = list(_types(source))
            text = template.render(source=source, types=types, wrap=wrapped, title=title)
            texts[f"{source.name}.txt"] = text
    return texts


def to_ascii(text: str) -> str:
    """Text for an RFC: its section signs and ellipses, and what else there is, in ASCII."""
    text = re.sub(r"(?<=\d) §", ", Section ", text)
    text = text.replace("§", "Section ").replace("…", "...")
    return text.encode("ascii", "backslashreplace").decode()


def wrapped(text: str, first: str = _INDENT, rest: str = _INDENT) -> str:
    """A paragraph of 72 columns, in ASCII; nothing but its spaces is broken."""
    return textwrap.fill(
        to_ascii(text),
        _COLUMNS,
        initial_indent=first,
        subsequent_indent=rest,
        break_long_words=False,
        break_on_hyphens=False,
    )


def title(number: str, text: str) -> str:
    """A numbered title."""
    return wrapped(text, f"{number}.  ", " " * (len(number) + 3))


def _types(source: Source) -> Iterator[Json]:
    declared = {item.name: item for item in source.file.types}
    for group_type, groups in source.types():
        yield {
            "declared": declared[groups[0][0].group["type"]],
            "groups": [
                {
                    "comment": cases[0].group.get("comment"),
                    "parameters": list(_paragraphs(group_type.parameters, cases[0].parameters)),
                    "tests": list(map(_test, cases)),
                }
                for cases in groups
            ],
        }


def _test(case: StoredCase) -> Json:
    steps = () if case.result == "invalid" else case.type.outputs
    return {
        "case": case,
        "inputs": list(_paragraphs(case.type.inputs, case.inputs)),
        "steps": list(_paragraphs(steps, case.outputs, "Step")),
        "alternatives": [_alternative(case, item) for item in case.alternatives],
    }


def _alternative(case: StoredCase, alternative: Json) -> Json:
    """What an alternative does, and the outputs in which it differs from the case."""
    differing = [
        item
        for item in case.type.outputs
        if "refused" not in alternative and alternative[item.name] != case.outputs[item.name]
    ]
    return {"about": alternative, "steps": list(_paragraphs(differing, alternative))}


def _paragraphs(items: Iterable[Field], values: Json, step: str = "") -> Iterator[str]:
    for number, item in enumerate(items, 1):
        formula = f"{item.name} = {item.formula}" if item.formula else ""
        label = f"{step} {number}.  " if step else ""
        whole, *parts = leaves(item.name, item, values[item.name])
        yield _paragraph(whole, label, item.description, formula)
        yield from map(_paragraph, parts)


def _paragraph(leaf: Leaf, label: str = "", about: str = "", formula: str = "") -> str:
    octets = b""
    value = leaf.value
    match leaf.kind:
        case "octets":
            octets = value
            head = f"{leaf.path} ({_plural(len(octets), 'octet', 'octets')})"
        case "text":
            head = f"{leaf.path} = {quoted(value)}"
            if any(len(word) > _COLUMNS - len(_HANGING) for word in head.split(" ")):
                octets = value.encode()
                head = f"{leaf.path} ({_plural(len(octets), 'octet', 'octets')} of UTF-8)"
        case "list" | "object":
            head = f"{leaf.path} ({_plural(value, *_COUNTED[leaf.kind])})"
        case _:
            head = f"{leaf.path} = {str(value).lower()}"
    text = f"{label}{head}: {about}" if about else f"{label}{head}"
    lines = [wrapped(text), *([wrapped(formula, rest=_FORMULA)] if formula else [])]
    rows = (octets[at : at + _ROW] for at in range(0, len(octets), _ROW))
    return "\n".join([*lines, *(f"{_HANGING}{row.hex(' ')}" for row in rows)])


def _plural(number: int, one: str, more: str) -> str:
    return f"{number} {one if number == 1 else more}"


def quoted(text: str) -> str:
    """A JSON string in ASCII, with no space that a line break could swallow."""
    inner = json.dumps(text)[1:-1]
    return '"' + re.sub(r"^ | (?= )| $", r"\\u0020", inner) + '"'

"""Text of the repository as text of the draft: citations of RFCs, heads of models."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from markupsafe import Markup, escape

from ..disk import FileError, read_text

_CITATION = re.compile(
    r"RFC (?P<rfc>\d{4,5})(?: §(?P<first>\d+(?:\.\d+)*))?|§(?P<section>[\d.]*\d)"
)
_ASCII = {"…": "...", "—": "-", "–": "-", "’": "'", "→": "->", "·": "|", "↔": "<->"}


def prose(text: str, document: str = "") -> Markup:
    """Text with its RFCs and sections as references, and otherwise ASCII.

    Args:
        text: plain text, in which "§3.1" means the RFC that was named last.
        document: the number of the RFC that is meant where none was named.
    """
    parts: list[str | Markup] = []
    rfc, position = document, 0
    for match in _CITATION.finditer(text):
        parts.append(escape(text[position : match.start()]))
        rfc = match["rfc"] or rfc
        section = match["first"] or match["section"]
        if not section:
            parts.append(Markup('<xref target="RFC{}"/>').format(rfc))
        elif not rfc:
            parts.append(Markup("Section {}").format(section))
        else:
            link = Markup('<xref target="RFC{}" section="{}" sectionFormat="of"/>')
            parts.append(link.format(rfc, section))
        position = match.end()
    parts.append(escape(text[position:]))
    joined = "".join(parts)
    for character, replacement in _ASCII.items():
        joined = joined.replace(character, escape(replacement))
    return Markup(joined)  # noqa: S704  # every part of it is escaped above


@dataclass(frozen=True)
class ModelHead:
    """What the comment at the head of a model says of it.

    Attributes:
        name: of the model.
        title: its first sentence.
        scope: what it models.
        abstractions: what it abstracts from, one text each.
        left_out: what it does not model.
        flags: its flags, and what each makes of it.
    """

    name: str
    title: str
    scope: str
    abstractions: list[str]
    left_out: str
    flags: list[tuple[str, str]]


_HEAD = re.compile(r"/\*\n(.*?)\*/", re.DOTALL)
_LABEL = re.compile(r"Left out|Flag(?= [A-Z])|[A-Z][a-z]+(?=\s{2}|$)")
_FLAG = re.compile(r"([A-Z][A-Z_]+)\s{2,}")


def model_head(path: Path) -> ModelHead:
    """The head of a model. Raises `FileError` if a part of it is missing."""
    match = _HEAD.search(read_text(path))
    if not match:
        raise FileError(f"{path}: expected a comment at its head, found none")
    sections = _sections(match[1])
    for name in ("Abstractions", "Left out"):
        if name not in sections:
            raise FileError(f"{path}: expected {name} in the comment at its head, found none")
    scopes = [sections[name] for name in ("Question", "Scope", "Model") if name in sections]
    items = re.split(r"^\s*- ", sections["Abstractions"], flags=re.MULTILINE)
    return ModelHead(
        name=path.stem,
        title=_joined(sections[""]),
        scope=_joined(" ".join(scopes)),
        abstractions=[_joined(item) for item in items if item.strip()],
        left_out=_joined(sections["Left out"]),
        flags=_flags(sections.get("Flag") or sections.get("Flags") or ""),
    )


def _flags(section: str) -> list[tuple[str, str]]:
    """Flags with their texts; a text that is about several has no flag."""
    found = []
    for item in re.split(r"^(?=\S)", textwrap.dedent(section), flags=re.MULTILINE):
        match = _FLAG.match(item)
        if item.strip():
            found.append((match[1] if match else "", _joined(item[match.end() if match else 0 :])))
    return found


def _sections(comment: str) -> Mapping[str, str]:
    """What stands under each label, its columns kept."""
    sections, name = {"": ""}, ""
    for line in comment.splitlines():
        text, label = line, _LABEL.match(line)
        if label:
            name = label[0]
            sections[name] = ""
            text = " " * label.end() + line[label.end() :]
        sections[name] += text + "\n"
    return sections


def _joined(text: str) -> str:
    return " ".join(text.split())

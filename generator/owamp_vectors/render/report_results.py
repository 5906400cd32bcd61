"""Results of runs that the repository keeps as text: programs against each other, real peers."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from markupsafe import Markup, escape

from ..disk import FileError, parse_json, read_text

_KEPT = (("adapters/README.md", ("Adapters", "Adapters against each other")),)
"""Files of which only some parts are results."""
_FOLDER = "tests/live"
"""Where whole files are results: which peers were tried, and what was tried on them."""
CONFORM = "build/conform"
"""Where ``make conform`` writes what each program passes."""
_BLOCK = re.compile(r"^```(?:.*\n)*?```$|(?:^(?!```).+\n?)+", re.MULTILINE)
"""What is fenced, or lines up to an empty one."""
_INLINE = re.compile(r"`([^`]+)`|\*\*([^*]+)\*\*|\[([^\]]+)\]\([^)]*\)|<(https?:[^>]+)>")


@dataclass(frozen=True)
class Block:
    """A paragraph ("text"), a "list", a "table" with its head first, or "code" as it stands."""

    kind: str
    rows: tuple[tuple[Markup, ...], ...]


@dataclass(frozen=True)
class ResultPart:
    """A part of a file: its heading, and what is below it."""

    file: str
    title: str
    blocks: tuple[Block, ...]


@dataclass(frozen=True)
class Conformed:
    """What a program passed, and how often it was refused, as ``conform --json`` says."""

    command: str
    version: str
    passed: int
    failed: int
    unsupported: int


def result_parts(root: Path) -> list[ResultPart]:
    """The parts of files below a directory that are results; a file that is not there has none."""
    found = []
    for name, titles in _KEPT:
        found += [part for part in _parts(root, name) if part.title in titles]
    for path in sorted((root / _FOLDER).glob("*.md")):
        found += _parts(root, path.relative_to(root).as_posix())
    return [part for part in found if part.blocks]


def conformed(root: Path) -> list[Conformed]:
    """What each program passed, by the files of ``make conform``; none if it was not run.

    Raises:
        FileError: a file that is not what ``conform --json`` writes.
    """
    found = []
    for path in sorted((root / CONFORM).glob("*.json")):
        content = parse_json(str(path), read_text(path))
        try:
            command, version = " ".join(content["command"]), str(content["generatorVersion"])
            counts = [int(content[name]) for name in ("passed", "failed", "unsupported")]
        except (KeyError, TypeError, ValueError) as error:
            raise FileError(f"{path}: expected what conform --json writes: {error}") from None
        found.append(Conformed(command, version, *counts))
    return found


def _parts(root: Path, name: str) -> Iterator[ResultPart]:
    path = root / name
    if not path.is_file():
        return
    text = re.sub(r"<!--.*?-->", "", read_text(path), flags=re.DOTALL)
    pieces = re.split(r"^#{1,3} +(.+)$", text, flags=re.MULTILINE)
    for title, body in zip(pieces[1::2], pieces[2::2], strict=True):
        yield ResultPart(name, title.strip(), tuple(_blocks(body)))


def _blocks(body: str) -> Iterator[Block]:
    for block in _BLOCK.findall(body):
        lines = block.splitlines()
        if lines[0].startswith("```"):
            yield Block("code", ((escape("\n".join(lines[1:-1])),),))
        elif lines[0].startswith("|"):
            rows = [tuple(map(inline, _cells(line))) for line in lines]
            yield Block("table", (rows[0], *rows[2:]))
        elif re.match(r"- ", lines[0]):
            items = re.split(r"^- ", block, flags=re.MULTILINE)[1:]
            yield Block("list", tuple((inline(" ".join(item.split())),) for item in items))
        else:
            yield Block("text", ((inline(" ".join(block.split())),),))


def _cells(line: str) -> list[str]:
    return [cell.strip().replace("\\|", "|") for cell in re.split(r"(?<!\\)\|", line)[1:-1]]


def inline(text: str) -> Markup:
    """A line of Markdown: code and emphasis are marked, of a link its text stays."""
    parts: list[Markup] = []
    position = 0
    for match in _INLINE.finditer(text):
        parts.append(escape(text[position : match.start()]))
        position = match.end()
        if match[1]:
            parts.append(Markup("<code>{}</code>").format(match[1]))
        elif match[2]:
            parts.append(Markup("<strong>{}</strong>").format(match[2]))
        else:
            parts.append(escape((match[3] or match[4]).replace("`", "")))
    parts.append(escape(text[position:]))
    return Markup("").join(parts)

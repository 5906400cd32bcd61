"""Cases of the vector files as the draft prints them, in the manner of RFC 9529.

A value is a line that names it, with its size and what it is, and below that its octets, 16 a
line::

    tokenKey (16 octets): key that encrypts the Token
    aa ab 74 4d fb 9d 69 46 81 8f 06 e3 29 90 ac cd

Names are those of the JSON; ``transcript[4].plaintext`` is a value of the fourth record.
"""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..catalogue import FILES, read_file
from ..disk import FileError
from ..vectors.declaration import Field, Json, VectorFile
from ..vectors.stored import StoredCase, stored_cases, targets
from ..vectors.verify import verify_file
from .draft_figures import WIDTH


@dataclass(frozen=True)
class ShownOutput:
    """An output of a case: what is computed, how, and the values as blocks of text."""

    name: str
    formula: str
    description: str
    blocks: list[str]


@dataclass(frozen=True)
class DraftCase:
    """A case of a vector file, as the templates of the draft ask for it."""

    case: StoredCase

    @property
    def parameters(self) -> list[tuple[str, str]]:
        """Names and values of what the group's cases share."""
        return [(name, str(value)) for name, value in self.case.parameters.items()]

    @property
    def inputs(self) -> str:
        """All inputs."""
        return self.values(" ".join(self.case.inputs))

    @property
    def steps(self) -> list[ShownOutput]:
        """The outputs in the order in which they are computed."""
        found = self.case.outputs
        return [
            ShownOutput(
                item.name, item.formula, item.description, _blocks(item, found[item.name], "")
            )
            for item in self.case.type.outputs
        ]

    @property
    def trace(self) -> str:
        """The trace that the case plays. Raises `FileError` if it names none."""
        if self.case.trace is None:
            name, number = self.case.file.name, self.case.tc_id
            raise FileError(f"{name}.json: tcId {number}: trace: is missing")
        return self.case.trace

    def values(self, names: str) -> str:
        """The named inputs and outputs, the names with blanks between them.

        Raises:
            LookupError: a name that the case does not have.
        """
        case = self.case
        items = {item.name: item for item in (*case.type.inputs, *case.type.outputs)}
        for name in names.split():
            if name not in items:
                raise LookupError(f"{case.file.name} tcId {case.tc_id} has no {name}")
        chosen = (items[name] for name in names.split())
        return "\n\n".join(b for item in chosen for b in _blocks(item, case.test[item.name]))


class Cases:
    """The vector files of a directory; each is read and recomputed once, when it is needed."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._files: dict[str, tuple[VectorFile, Json]] = {}

    def _file(self, name: str) -> tuple[VectorFile, Json]:
        """A file. Raises `FileError` if it cannot be used or a value of it is wrong."""
        if name not in self._files:
            path = self._directory / f"{name}.json"
            file, content = read_file(path)
            for difference in verify_file(file, content):
                raise FileError(f"{path}: {difference}")
            self._files[name] = file, content
        return self._files[name]

    def case(self, name: str, type_name: str, comment: str, **parameters: Any) -> DraftCase:
        """The case of a type with a comment, in the group that has these parameters.

        Raises:
            FileError: the file has no such case, or several, or it is refused.
        """
        found = [
            case
            for case in stored_cases(*self._file(name))
            if (case.type.name, case.comment) == (type_name, comment)
            and parameters.items() <= case.parameters.items()
        ]
        path = f"{self._directory}/{name}.json"
        if len(found) != 1:
            expected = f"expected one case of type {type_name} with the comment {comment!r}"
            raise FileError(f"{path}: {expected}, found {len(found)}")
        if found[0].result == "invalid":
            raise FileError(f"{path}: tcId {found[0].tc_id} is invalid")
        return DraftCase(found[0])

    def target(self, vectors: str) -> str:
        """A flag or a group type, "file:Flag" or "file:GroupType", as given.

        Raises:
            FileError: the file has none of this name.
        """
        name, _, wanted = vectors.partition(":")
        _, content = self._file(name)
        if wanted not in targets(content):
            raise FileError(f"{self._directory}/{name}.json: no flag and no type {wanted}")
        return vectors

    def counts(self) -> list[tuple[str, int]]:
        """Name and number of cases of each file."""
        return [(name, self._file(name)[1]["numberOfTests"]) for name in FILES]


def _blocks(item: Field, value: Any, description: str | None = None) -> list[str]:
    """A value, or those of a list or of records, a block of text each."""
    text = item.description if description is None else description
    return ["\n".join(lines) for lines in _values(item, item.name, value, text)]


def _values(item: Field, name: str, value: Any, description: str) -> Iterator[list[str]]:
    if item.is_list:
        for number, element in enumerate(value, 1):
            yield _value(item, f"{name}[{number}]", element, description if number == 1 else "")
    elif item.kind == "records":
        for number, record in enumerate(value, 1):
            yield from _record(item, f"{name}[{number}]", record, is_first=number == 1)
    else:
        yield _value(item, name, value, description)


def _record(item: Field, name: str, record: Json, *, is_first: bool) -> Iterator[list[str]]:
    """A record in one block, its lists behind it. Octets that are there already are not repeated.

    What the values are is said of the first record alone.
    """
    lines: list[str] = []
    lists: list[list[str]] = []
    before: dict[Any, str] = {}
    for inner in (inner for inner in item.fields if inner.name in record):
        path, value = f"{name}.{inner.name}", record[inner.name]
        text = inner.description if is_first else ""
        if inner.is_list or inner.kind == "records":
            lists += _values(inner, path, value, text)
        elif inner.kind == "octets" and value in before:
            lines += _wrapped(f"{path} = {before[value]}", text)
        else:
            lines += _value(inner, path, value, text)
            if inner.kind == "octets":
                before[value] = path
    yield lines
    yield from lists


def _value(item: Field, name: str, value: Any, description: str) -> list[str]:
    if item.kind != "octets":
        return _wrapped(f"{name} = {json.dumps(value)}", description)
    octets = bytes.fromhex(value)
    lines = [octets[start : start + 16].hex(" ") for start in range(0, len(octets), 16)]
    return [*_wrapped(f"{name} ({len(octets)} octets)", description), *lines]


def _wrapped(head: str, description: str) -> list[str]:
    text = f"{head}: {description}" if description else head
    return textwrap.wrap(text, WIDTH, subsequent_indent=" " * 4, break_on_hyphens=False)

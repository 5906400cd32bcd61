"""Cases of the vector files as blocks of the draft.

A block begins with its name between dashes. A number or a text is behind "=", octets are behind
their size and ":", in hex, and in lines of 32 octets where one line does not hold them. A line
with "#" is the formula of the next value, an expression of the draft's program (`derivations`)::

    -- token --
    count = 1024
    salt (16): 32cdf28db6ecdd44dc213993e2986959
    # pbkdf2_key(sharedSecret, salt, count)
    tokenKey (16): 601ca3fc908b20fe03da53fd935243c6

Names are those of the JSON. The items of a list have their number, from 0, in brackets.
"""

from __future__ import annotations

import hashlib
import json
import textwrap
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..catalogue import FILES, read_file
from ..disk import FileError
from ..vectors.declaration import Json, VectorFile
from ..vectors.stored import StoredCase, stored_cases, targets
from ..vectors.verify import verify_file
from .draft_figures import WIDTH

_PART = 6
"""The lines of a part of a block; a part is not divided between pages."""


@dataclass(frozen=True)
class DraftCase:
    """A case of a vector file, as the templates of the draft ask for it."""

    case: StoredCase

    @property
    def trace(self) -> str:
        """The trace that the case plays. Raises `FileError` if it names none."""
        if self.case.trace is None:
            name, number = self.case.file.name, self.case.tc_id
            raise FileError(f"{name}.json: tcId {number}: trace: is missing")
        return self.case.trace

    def block(self, name: str, given: str, computed: Mapping[str, str]) -> list[str]:
        """The case as a block with a name, in parts between which a page can end.

        Args:
            given: names of values with blanks between them.
            computed: names of values, or of items of lists, with the formula of each.
        Raises:
            LookupError: a name that the case does not have.
        """
        parts, size = [[f"-- {name} --"]], 1
        for item in (*given.split(), *computed):
            lines = [*_wrapped(computed.get(item, "")), *self._lines(item)]
            if size + len(lines) > _PART:
                parts.append([])
                size = 0
            parts[-1] += lines
            size += len(lines)
        return ["\n".join(part) for part in parts]

    def _lines(self, name: str) -> list[str]:
        base, _, index = name.partition("[")
        values = {**self.case.parameters, **self.case.test}
        if base not in values:
            raise LookupError(f"{self.case.file.name} tcId {self.case.tc_id} has no {base}")
        value = values[base][int(index.rstrip("]"))] if index else values[base]
        if isinstance(value, list):
            return [line for i in range(len(value)) for line in self._lines(f"{base}[{i}]")]
        return list(_value(name, value, is_octets=self._has_octets(base)))

    def _has_octets(self, name: str) -> bool:
        items = (*self.case.type.inputs, *self.case.type.outputs)
        return any(item.kind == "octets" for item in items if item.name == name)


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

    def files(self) -> list[tuple[str, int, str]]:
        """Name, number of cases and SHA-256 of each file."""
        return [
            (name, self._file(name)[1]["numberOfTests"], _digest(self._directory / f"{name}.json"))
            for name in FILES
        ]


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _wrapped(formula: str) -> list[str]:
    lines = textwrap.wrap(formula, WIDTH - 2, break_on_hyphens=False, break_long_words=False)
    return [f"# {line}" for line in lines]


def _value(name: str, value: Any, *, is_octets: bool) -> Iterator[str]:
    if not is_octets:
        yield f"{name} = {json.dumps(value)}"
    elif len(line := f"{name} ({len(value) // 2}): {value}") <= WIDTH:
        yield line
    else:
        yield f"{name} ({len(value) // 2}):"
        yield from (value[start : start + 64] for start in range(0, len(value), 64))

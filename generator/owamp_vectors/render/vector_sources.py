"""What the renderings of the vector files share: the files, names of languages, paths of values."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any, Literal, TypeAlias

import jinja2

from .. import disk
from ..catalogue import FILES, parse_file
from ..jinja import new_environment
from ..vectors.declaration import GENERATOR_VERSION, Field, GroupType, Json, VectorFile
from ..vectors.schema import HEX
from ..vectors.stored import StoredCase, by_group, stored_cases

Texts: TypeAlias = dict[str, str]
LeafKind: TypeAlias = Literal["octets", "text", "integer", "boolean", "list", "object"]

NOTICE = (
    "CC0-1.0: no rights reserved, https://creativecommons.org/publicdomain/zero/1.0/",
    f"Made by owamp-vectors {GENERATOR_VERSION}; do not edit.",
)


@dataclass(frozen=True)
class Source:
    """A vector file that is rendered.

    Attributes:
        file: its declaration.
        content: its JSON.
        sha256: the digest of the file's octets, in hex.
    """

    file: VectorFile
    content: Json = field(repr=False)
    sha256: str

    @property
    def name(self) -> str:
        """The file's name without ``.json``."""
        return self.file.name

    @property
    def version(self) -> str:
        """The version of the generator that made the file."""
        version: str = self.content["generatorVersion"]
        return version

    def types(self) -> list[tuple[GroupType, list[list[StoredCase]]]]:
        """Each type that the file has groups of, with the cases of these, in the file's order.

        Their names are those of `name_in_all`.
        """
        named = {
            item.name: replace(item, name=name_in_all(self.file, item)) for item in self.file.types
        }
        groups: dict[str, list[list[StoredCase]]] = {name: [] for name in named}
        for cases in by_group(stored_cases(self.file, self.content)):
            name = cases[0].type.name
            groups[name].append([replace(case, type=named[name]) for case in cases])
        return [(named[name], found) for name, found in groups.items() if found]


def name_in_all(file: VectorFile, group_type: GroupType) -> str:
    """A name for a type in a file that no other file has: where an earlier file has the type as
    well, it begins with this file's name.
    """
    having = (other for other in FILES.values() if group_type.name in {t.name for t in other.types})
    first = next(having, file)
    words = file.name.split("-") if file.name != first.name else []
    return "".join(map(str.capitalize, words)) + group_type.name


def read_sources(directory: Path, names: Iterable[str]) -> list[Source]:
    """The files of these names, or paths, in a directory, or all that the generator makes.

    Raises:
        FileError: a file that cannot be read, is not a vector file, or is another than its name
            says.
    """
    sources = []
    for path in dict.fromkeys(directory / name for name in names) or [
        directory / f"{name}.json" for name in FILES
    ]:
        text = disk.read_text(path)
        file, content = parse_file(path, text)
        if file.name != path.stem and path.stem in FILES:
            expected = f"expected {FILES[path.stem].schema_name}, found {file.schema_name}"
            raise disk.FileError(f"{path}: schema: {expected}")
        sources.append(Source(file, content, disk.digest(text)))
    return sources


@contextmanager
def naming(source: Source) -> Iterator[None]:
    """Turn a value that has no place in a rendering into a `FileError` that names its file."""
    try:
        yield
    except ValueError as error:
        raise disk.FileError(f"{source.name}.json: cannot be rendered: {error}") from None


def snake(name: str) -> str:
    """A name in lower case, its words joined by ``_``: ``t4FirstBlock``, ``TokenOpen``."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name.replace("-", "_")).lower()


def items_of(group_type: GroupType) -> tuple[Field, ...]:
    """The values of a case, in order: its inputs and its outputs."""
    return group_type.inputs + group_type.outputs


@dataclass(frozen=True)
class Leaf:
    """A single value inside a case, by its path: ``transcript[0].octets``.

    A list or an object stands before its parts; its value is their number.
    """

    path: str
    kind: LeafKind
    value: Any


def leaves(path: str, item: Field, value: Any) -> Iterator[Leaf]:
    """The single values that a field's value, in JSON, consists of."""
    if item.is_list:
        yield Leaf(path, "list", len(value))
        for number, part in enumerate(value):
            yield Leaf(f"{path}[{number}]", "octets", bytes.fromhex(part))
    elif item.kind == "records":
        yield Leaf(path, "list", len(value))
        for number, record in enumerate(value):
            yield Leaf(f"{path}[{number}]", "object", len(record))
            for inner in item.fields:
                yield from leaves(f"{path}[{number}].{inner.name}", inner, record[inner.name])
    elif item.kind == "object":
        yield from object_leaves(path, value)
    elif item.kind == "octets":
        yield Leaf(path, "octets", bytes.fromhex(value))
    else:
        yield Leaf(path, "text" if item.kind == "string" else item.kind, value)


def object_leaves(path: str, value: Any) -> Iterator[Leaf]:
    """The single values of an "object", whose strings are all octets in hex.

    Raises:
        ValueError: a value inside is neither octets nor an integer.
    """
    if isinstance(value, dict):
        yield Leaf(path, "object", len(value))
        for name, part in value.items():
            yield from object_leaves(f"{path}.{name}", part)
    elif isinstance(value, list):
        yield Leaf(path, "list", len(value))
        for number, part in enumerate(value):
            yield from object_leaves(f"{path}[{number}]", part)
    else:
        single = octets_inside(value)
        yield Leaf(path, "octets" if isinstance(single, bytes) else "integer", single)


def octets_inside(value: Any) -> Any:
    """An "object" with octets in place of hex.

    Raises:
        ValueError: a value inside is neither octets nor an integer.
    """
    if isinstance(value, dict):
        return {name: octets_inside(part) for name, part in value.items()}
    if isinstance(value, list):
        return [octets_inside(part) for part in value]
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, str) and re.fullmatch(HEX, value):
        return bytes.fromhex(value)
    raise ValueError(f"expected an integer or octets in hex, found {value!r}")


@cache
def templates() -> jinja2.Environment:
    """The templates, and the names that all of them use."""
    made = new_environment(escape=False)
    made.globals |= {"notice": NOTICE}
    made.filters["snake"] = snake
    return made

"""What the commands about vector files share."""

from __future__ import annotations

from collections import Counter

import click

from ..catalogue import FILES
from ..vectors.declaration import Json, VectorFile
from .console import table


def counts(content: Json) -> tuple[str, ...]:
    """How many groups a file has, and how many cases: in all, valid, invalid, acceptable."""
    results = Counter(test["result"] for group in content["testGroups"] for test in group["tests"])
    numbers = [len(content["testGroups"]), results.total()]
    numbers += [results[name] for name in ("valid", "invalid", "acceptable")]
    return tuple(map(str, numbers))


_HEADINGS = ("file", "groups", "cases", "valid", "invalid", "acceptable", "SHA-256")


_NUMBERS = (1, 2, 3, 4, 5)


def _total(rows: list[tuple[str, ...]]) -> tuple[str, ...]:
    sums = [str(sum(int(row[column]) for row in rows)) for column in _NUMBERS]
    return ("total", *sums, "")


def summarize(rows: list[tuple[str, ...]]) -> None:
    """Print a row per file, and their sums."""
    table([_HEADINGS, *rows, _total(rows)], _NUMBERS)


def file_named(name: str) -> VectorFile:
    """The file of a name. Raises `click.BadParameter` if there is none."""
    if name not in FILES:
        known = ", ".join(FILES)
        raise click.BadParameter(f"expected one of {known}, found {name}", param_hint="NAME")
    return FILES[name]

"""What the commands about vector files share."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import get_args

from owamp_reference import primitives

from ..vectors.declaration import Json, Result, VectorFile
from ..vectors.stored import by_group, stored_cases
from .console import as_objects, print_table


@contextmanager
def each_key_derived_once() -> Iterator[None]:
    """Derive no key by PBKDF2 twice: all outcomes of a case need the same one."""
    derive = primitives.pbkdf2_hmac_sha1
    primitives.pbkdf2_hmac_sha1 = cache(derive)
    try:
        yield
    finally:
        primitives.pbkdf2_hmac_sha1 = derive


def counts(file: VectorFile, content: Json) -> tuple[str, ...]:
    """How many groups a file has, and how many cases: in all, valid, invalid, acceptable."""
    groups = by_group(stored_cases(file, content))
    results = Counter(case.result for cases in groups for case in cases)
    numbers = [len(groups), results.total()]
    numbers += [results[name] for name in get_args(Result)]
    return tuple(map(str, numbers))


_HEADINGS = ("file", "groups", "cases", "valid", "invalid", "acceptable", "SHA-256")


_NUMBERS = (1, 2, 3, 4, 5)


def _total(rows: list[tuple[str, ...]]) -> tuple[str, ...]:
    sums = [str(sum(int(row[column]) for row in rows)) for column in _NUMBERS]
    return ("total", *sums, "")


def summarize(rows: list[tuple[str, ...]]) -> None:
    """Print a row per file, and their sums."""
    print_table([_HEADINGS, *rows, _total(rows)], _NUMBERS)


def rows_json(rows: list[tuple[str, ...]]) -> list[Json]:
    """The rows of the table, as objects."""
    return as_objects(_HEADINGS, rows, _NUMBERS)

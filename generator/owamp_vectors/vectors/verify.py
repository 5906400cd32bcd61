"""Recomputing vector files with the reference, and saying what differs and where."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from ..disk import FileError, printable, shortened
from .declaration import Field, Json, VectorFile, judged
from .stored import StoredCase, stored_cases


@dataclass(frozen=True)
class Difference:
    """A value of a case that is not what the reference computes."""

    case: StoredCase
    field: str
    stored: str
    computed: str

    def __str__(self) -> str:
        """One line for people: where, and the two values from their first difference."""
        values = f"file has {self.stored}, reference computes {self.computed}"
        return printable(f"{self.case.title}: {self.field}: {values}")


def first_difference(left: bytes, right: bytes) -> int:
    """The offset of the first octet in which two octet strings differ."""
    pairs = enumerate(zip(left, right, strict=False))
    return next((i for i, (a, b) in pairs if a != b), min(len(left), len(right)))


def _describe(item: Field, stored: Any, computed: Any) -> tuple[str, str]:
    """Both values, from a little before the octet in which they part."""
    if item.kind != "octets" or item.is_list:
        return _short(stored), _short(computed)
    left, right = bytes.fromhex(stored), bytes.fromhex(computed)
    offset = first_difference(left, right)
    texts = []
    for value in (left, right):
        rest = value[offset : offset + 16].hex() or "nothing"
        texts.append(f"{len(value)} octets, from offset {offset}: {rest}")
    return texts[0], texts[1]


def _short(value: object, limit: int = 120) -> str:
    text = str(value)
    return text if len(text) <= limit else text[: limit - 1] + "…"


_SAID = ("result", "reason", "stage", "requirement", "alternatives")
"""What is said of a case beside its values, and follows from what the reference computes."""


def verify_case(case: StoredCase) -> Iterator[Difference]:
    """What the reference computes otherwise in one case.

    Raises:
        FileError: values that fit the schema and together make no sense.
    """
    try:
        found = judged(case.type, case.decoded_parameters, case.as_written())
    except Exception as error:  # of values that no case has, and nobody thought of
        what = f"{type(error).__name__}: {shortened(str(error).encode())}"
        raise FileError(f"{case.title}: cannot be computed: {what}") from None
    for name in _SAID[:1] if case.result != found["result"] else _SAID:
        stored, computed = case.test.get(name), found.get(name)
        if stored != computed:
            yield Difference(case, name, _short(stored), _short(computed))
    if case.result == "invalid" or found["result"] == "invalid":
        return
    for item in case.type.outputs:
        if case.test[item.name] != found[item.name]:
            values = _describe(item, case.test[item.name], found[item.name])
            yield Difference(case, item.name, *values)


def verify_file(file: VectorFile, content: Json) -> Iterator[Difference]:
    """What the reference computes otherwise anywhere in a file that fits its schema."""
    for case in stored_cases(file, content):
        yield from verify_case(case)

"""Recomputing vector files with the reference, and saying what differs and where."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from .declaration import Field, Json, VectorFile
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
        return f"{self.case.title}: {self.field}: {values}"


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


def verify_case(case: StoredCase) -> Iterator[Difference]:
    """What the reference computes otherwise in one case."""
    outputs, reason = case.evaluate()
    if outputs is None:
        if case.result != "invalid":
            yield Difference(case, "result", case.result, f"invalid ({reason})")
        elif case.reason != reason:
            yield Difference(case, "reason", str(case.reason), str(reason))
        return
    if case.result == "invalid":
        yield Difference(case, "result", "invalid", "valid")
        return
    for item in case.type.outputs:
        stored, computed = case.test[item.name], item.to_json(outputs[item.name])
        if stored != computed:
            yield Difference(case, item.name, *_describe(item, stored, computed))


def verify_file(file: VectorFile, content: Json) -> Iterator[Difference]:
    """What the reference computes otherwise anywhere in a file that fits its schema."""
    for case in stored_cases(file, content):
        yield from verify_case(case)

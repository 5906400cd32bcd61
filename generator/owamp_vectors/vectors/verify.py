"""Recomputing vector files with the reference, and saying what differs and where."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from .declaration import Field, GroupType, Json, VectorFile


@dataclass(frozen=True)
class Difference:
    """A value of a case that is not what the reference computes."""

    file: str
    tc_id: int
    comment: str
    field: str
    stored: str
    computed: str

    def __str__(self) -> str:
        """One line for people: where, and the two values from their first difference."""
        where = f"{self.file} tcId {self.tc_id} ({self.comment}): {self.field}"
        return f"{where}: file has {self.stored}, reference computes {self.computed}"


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


def verify_case(
    file: VectorFile, group_type: GroupType, group: Json, test: Json
) -> Iterator[Difference]:
    """What the reference computes otherwise in one case of a file that fits its schema."""

    def differs(name: str, stored: str, computed: str) -> Difference:
        return Difference(file.name, test["tcId"], test["comment"], name, stored, computed)

    parameters = {item.name: item.from_json(group[item.name]) for item in group_type.parameters}
    inputs = {item.name: item.from_json(test[item.name]) for item in group_type.inputs}
    outputs, reason = group_type.evaluate(parameters, inputs)
    if outputs is None:
        if test["result"] != "invalid":
            yield differs("result", test["result"], f"invalid ({reason})")
        elif test["reason"] != reason:
            yield differs("reason", test["reason"], str(reason))
        return
    if test["result"] == "invalid":
        yield differs("result", "invalid", "valid")
        return
    for item in group_type.outputs:
        computed = item.to_json(outputs[item.name])
        if test[item.name] != computed:
            yield differs(item.name, *_describe(item, test[item.name], computed))


def verify_file(file: VectorFile, content: Json) -> Iterator[Difference]:
    """What the reference computes otherwise anywhere in a file that fits its schema."""
    types = {group_type.name: group_type for group_type in file.types}
    for group in content["testGroups"]:
        for test in group["tests"]:
            yield from verify_case(file, types[group["type"]], group, test)

"""The judgement of an answer: whether it is right; if not, where and by which named mistake."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, Literal, TypeAlias

from ..mistakes import MISTAKES
from ..vectors.declaration import Field
from ..vectors.stored import StoredCase
from ..vectors.verify import first_difference
from .protocol import Answer, shortened

Status: TypeAlias = Literal["passed", "failed", "unsupported"]

_HEX = re.compile(r"(?:[0-9a-f]{2})*")


@dataclass(frozen=True)
class Judgement:
    """What came of a case.

    Attributes:
        problem: what is wrong, one line; empty if nothing is.
        field, offset: the first output that differs, and its first octet that does.
        mistakes: the named mistakes that give exactly what was found.
    """

    case: StoredCase
    status: Status
    problem: str = ""
    field: str = ""
    offset: int | None = None
    mistakes: tuple[str, ...] = ()


def judge(case: StoredCase, answer: Answer, *, partial: bool = False) -> Judgement:
    """Whether an answer is right; if not, where it goes wrong, and by which named mistake.

    Args:
        partial: do not ask for outputs that are left out, but for one.
    """
    if answer == Answer():
        return Judgement(case, "unsupported")
    found = _compare(case, answer, partial)
    if found.status == "passed":
        return found
    return replace(found, mistakes=tuple(likely_mistakes(case, answer)))


def _compare(case: StoredCase, answer: Answer, partial: bool) -> Judgement:
    if answer.refused is not None:
        if case.result != "valid":
            return Judgement(case, "passed")
        return Judgement(case, "failed", f"expected outputs, found a refusal: {answer.refused}")
    if case.result == "invalid":
        problem = f"expected a refusal ({case.reason}), found outputs"
        return Judgement(case, "failed", problem)
    outputs = answer.outputs or {}
    declared = case.type.asked_for
    if partial and not any(item.name in outputs for item in declared):
        names = ", ".join(item.name for item in declared)
        return Judgement(case, "failed", f"expected at least one of {names}, found none")
    for item in declared:
        if item.name not in outputs:
            if partial:
                continue
            return Judgement(case, "failed", f"{item.name}: missing", item.name)
        difference = _difference(item, case.test[item.name], outputs[item.name])
        if difference is not None:
            where, offset, text = difference
            return Judgement(case, "failed", f"{item.name}{where}: {text}", item.name, offset)
    return Judgement(case, "passed")


def _difference(item: Field, want: Any, got: Any) -> tuple[str, int | None, str] | None:
    """Where two JSON values first differ: path within the output, offset in octets, words."""
    if isinstance(want, list) and isinstance(got, list):
        for number, (left, right) in enumerate(zip(want, got, strict=False)):
            inner = _difference(item, left, right)
            if inner is not None:
                return (f"[{number}]{inner[0]}", *inner[1:])
        if len(want) == len(got):
            return None
        return "", None, f"expected {len(want)} items, found {len(got)}"
    if isinstance(want, dict) and isinstance(got, dict):
        for name in dict.fromkeys([*want, *got]):
            inner = _difference(item, want.get(name), got.get(name))
            if inner is not None:
                return (f".{name}{inner[0]}", *inner[1:])
        return None
    if type(want) is type(got) and want == got:
        return None
    octets = isinstance(want, str) and item.kind != "string" and _HEX.fullmatch(want)
    if not octets or not isinstance(got, str) or not _HEX.fullmatch(got):
        lower = " in lower-case hex" if octets else ""
        return "", None, f"expected {shortened(want)}{lower}, found {shortened(got)}"
    left, right = bytes.fromhex(want), bytes.fromhex(got)
    offset = first_difference(left, right)
    parts = [
        f"{value[offset : offset + 16].hex() or 'nothing'} (of {len(value)} octets)"
        for value in (left, right)
    ]
    return "", offset, f"from octet {offset} expected {parts[0]}, found {parts[1]}"


def likely_mistakes(case: StoredCase, answer: Answer) -> Iterator[str]:
    """The named mistakes, of those aimed at the case, that give exactly what was answered."""
    for flag in case.flags:
        if flag not in MISTAKES:
            continue
        try:
            with MISTAKES[flag].applied():
                outputs, _ = case.evaluate()
        except Exception:  # noqa: S112 - a mistake may well make the reference crash
            continue
        if outputs is None or answer.outputs is None:
            if outputs is None and answer.outputs is None:
                yield flag
            continue
        found = {
            item.name: item.to_json(outputs[item.name])
            for item in case.type.asked_for
            if item.name in answer.outputs
        }
        if found and all(answer.outputs[name] == value for name, value in found.items()):
            yield flag

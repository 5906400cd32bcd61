"""The judgement of an answer: whether it is right; if not, where and by which named mistake."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from ..disk import shortened
from ..mistakes import MISTAKES, Mistake, mistakes_of
from ..vectors.declaration import Field, Json
from ..vectors.outcomes import Outcome
from ..vectors.stored import StoredCase
from ..vectors.verify import first_difference
from .protocol import Answer

Status: TypeAlias = Literal["passed", "failed", "unsupported"]

_HEX = re.compile(r"(?:[0-9a-f]{2})*")


@dataclass(frozen=True)
class Judgement:
    """What came of a case.

    Attributes:
        problem: what is wrong, one line; empty if nothing is.
        field, offset: the first output that differs, and its first octet that does.
        mistakes: the named mistakes that give exactly what was found.
        is_refusal: whether an acceptable case passed because it was refused.
    """

    case: StoredCase
    status: Status
    problem: str = ""
    field: str = ""
    offset: int | None = None
    mistakes: tuple[str, ...] = ()
    is_refusal: bool = False


@dataclass(frozen=True)
class _Fault:
    """What is wrong with an answer, beside one allowed outcome.

    Attributes:
        right: how many outputs come before the first that is not; the more, the nearer.
    """

    problem: str
    field: str = ""
    offset: int | None = None
    right: int = 0


def judge(
    case: StoredCase, answer: Answer, *, partial: bool = False, search: bool = True
) -> Judgement:
    """Whether an answer is right; if not, where it goes wrong, and by which named mistake.

    It is right if it is the case's own outcome, or one of its alternatives. What is wrong is told
    by the allowed outcome that is nearest to it.

    Args:
        partial: outputs may be left out, but not all of a case.
        search: try also mistakes at which the case is not aimed; that takes time.
    """
    if answer == Answer():
        return Judgement(case, "unsupported")
    faults = _faults(case, answer, partial)
    if None in faults:
        refused = answer.refused is not None and case.result == "acceptable"
        return Judgement(case, "passed", is_refusal=refused)
    nearest = max((fault for fault in faults if fault), key=lambda fault: fault.right)
    likely = tuple(likely_mistakes(case, answer, search=search))
    return Judgement(case, "failed", nearest.problem, nearest.field, nearest.offset, likely)


def is_right(case: StoredCase, answer: Answer) -> bool:
    """Whether an answer is the case's own outcome, or one of its alternatives."""
    return None in _faults(case, answer, partial=False)


def _faults(case: StoredCase, answer: Answer, partial: bool) -> list[_Fault | None]:
    return [_fault(case, outcome, answer, partial) for outcome in (case.test, *case.alternatives)]


def _fault(case: StoredCase, outcome: Json, answer: Answer, partial: bool) -> _Fault | None:
    """What is wrong with an answer beside a case's own outcome or an alternative; None: nothing."""
    refuses = outcome.get("refused") or outcome.get("result") == "invalid"
    if answer.refused is not None:
        if not refuses:
            return _Fault(f"expected outputs, found a refusal: {shortened(answer.refused, 200)}")
        stage = outcome.get("stage")
        if None not in (stage, answer.stage) and stage != answer.stage:
            found = f"{answer.stage} ({shortened(answer.refused, 200)})"
            return _Fault(f"stage: expected {stage} ({outcome['reason']}), found {found}")
        return None
    if refuses:
        return _Fault(f"expected a refusal ({outcome['reason']}), found outputs", right=-1)
    return _wrong_output(case, outcome, answer.outputs or {}, partial)


def _wrong_output(case: StoredCase, outcome: Json, outputs: Json, partial: bool) -> _Fault | None:
    """The first output that differs; if none does, the first that is missing."""
    given = [item for item in case.type.asked_for if item.name in outputs]
    for right, item in enumerate(given):
        difference = _difference(item, outcome[item.name], outputs[item.name])
        if difference is not None:
            where, offset, text = difference
            return _Fault(f"{item.name}{where}: {text}", item.name, offset, right)
    missing = [item.name for item in case.type.asked_for if item.name not in outputs]
    if partial and not given:
        return _Fault(f"expected at least one of {', '.join(missing)}, found none")
    if missing and not partial:
        hint = "; with --partial a program may leave out outputs, but not all of a case"
        return _Fault(f"{missing[0]}: missing{hint}", missing[0], right=len(given))
    return None


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
                return (f".{shortened(name.encode(errors='replace'), 40)}{inner[0]}", *inner[1:])
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


def likely_mistakes(case: StoredCase, answer: Answer, *, search: bool = True) -> Iterator[str]:
    """The named mistakes that give exactly what was answered.

    All that the cases of the file are aimed at are tried, first those of this case; if one of
    these explains it, the others are not. A refusal is explained only by one at the same stage.
    """
    named = [flag for flag in case.flags if flag in MISTAKES]
    others = [flag for flag in mistakes_of(case.file.name) if search and flag not in named]
    explained = False
    for number, flag in enumerate((*named, *others)):
        if number >= len(named) and explained:
            return
        if _explains(MISTAKES[flag], case, answer):
            explained = True
            yield flag


def _explains(mistake: Mistake, case: StoredCase, answer: Answer) -> bool:
    try:
        with mistake.applied():
            found = case.outcomes()
    except Exception:
        return False
    return any(_is_same(outcome, case, answer) for outcome in found)


def _is_same(outcome: Outcome, case: StoredCase, answer: Answer) -> bool:
    """Whether an outcome is what was answered; outputs that are left out do not count."""
    if outcome.outputs is None or answer.outputs is None:
        is_refused = outcome.outputs is None and answer.refused is not None
        return is_refused and outcome.stage == answer.stage
    shared = [item for item in case.type.asked_for if item.name in answer.outputs]
    return bool(shared) and all(
        item.to_json(outcome.outputs[item.name]) == answer.outputs[item.name] for item in shared
    )

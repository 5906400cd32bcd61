"""Every named mistake, made in the reference, is caught by the vectors that are aimed at it."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from owamp_vectors.catalogue import FILES
from owamp_vectors.conform.judging import is_right
from owamp_vectors.conform.protocol import answer_of
from owamp_vectors.mistakes import MISTAKES, NOTES, Mistake
from owamp_vectors.vectors.stored import StoredCase

from ..support import committed_cases

LABELS = {"BASIC", "PROTOCOL"}
"""The bug types of flags that name no mistake."""
ROOT = Path(__file__).parents[2]
CASES = [case for file in FILES.values() for case in committed_cases(file)]


def is_caught(case: StoredCase) -> bool:
    """Whether an implementation like the reference, as it is now, fails the case.

    It fails if it does what no alternative of the case allows.
    """
    try:
        return not is_right(case, answer_of(case.evaluate(), case.type))
    except RecursionError:  # the mistake called itself: nothing is shown by that
        raise
    except Exception:  # a crash is a failure too
        return True


@pytest.mark.parametrize("mistake", MISTAKES.values(), ids=MISTAKES)
def test_each_case_aimed_at_a_mistake_catches_it(mistake: Mistake) -> None:
    cases = [case for case in CASES if mistake.flag in case.flags]
    assert cases, "no case is aimed at it"
    with mistake.applied():
        missed = [case.title for case in cases if not is_caught(case)]
    assert not missed
    assert not any(map(is_caught, cases)), "the mistake was not undone"


def test_no_mistake_is_held_by_a_single_case() -> None:
    held = Counter(flag for case in CASES for flag in case.flags)
    assert [flag for flag in MISTAKES if held[flag] < 2] == []


def test_what_is_no_mistake_is_a_label() -> None:
    """A label says what a case is, or which weakness of the protocol it shows."""
    assert {note.bug_type for flag, note in NOTES.items() if flag not in MISTAKES} <= LABELS
    assert not {mistake.note.bug_type for mistake in MISTAKES.values()} & LABELS
    readme = (ROOT / "vectors" / "README.md").read_text(encoding="utf-8")
    assert [word for word in LABELS if f"`{word}`" not in readme] == []


def test_every_flag_is_a_mistake_or_has_a_note() -> None:
    aimed = {flag for case in CASES for flag in case.flags}
    assert aimed <= set(NOTES)
    assert set(MISTAKES) <= aimed


def test_notes_say_what_goes_wrong() -> None:
    for flag, note in NOTES.items():
        assert note.description.endswith("."), flag
        assert note.effect.endswith("."), flag

"""Every named mistake, made in the reference, is caught by the vectors that are aimed at it."""

from __future__ import annotations

import pytest
from owamp_vectors.catalogue import FILES
from owamp_vectors.mistakes import MISTAKES, NOTES, Mistake
from owamp_vectors.vectors.declaration import GroupType, Json, VectorFile
from owamp_vectors.vectors.verify import verify_case

from ..support import stored

Aimed = tuple[VectorFile, GroupType, Json, Json]


def load_aimed() -> dict[str, list[Aimed]]:
    """The cases that carry each flag."""
    aimed: dict[str, list[Aimed]] = {}
    for file in FILES.values():
        content = stored(file)
        types = {group_type.name: group_type for group_type in file.types}
        for group in content["testGroups"]:
            for case in group["tests"]:
                for flag in case["flags"]:
                    aimed.setdefault(flag, []).append((file, types[group["type"]], group, case))
    return aimed


AIMED = load_aimed()


def is_caught(aimed: Aimed) -> bool:
    """Whether an implementation like the reference, as it is now, fails the case.

    What is in the reference's words does not count: nobody is held to it.
    """
    in_words = {item.name for item in aimed[1].outputs if item.in_words} | {"reason"}
    try:
        return any(difference.field not in in_words for difference in verify_case(*aimed))
    except RecursionError:  # the mistake called itself: nothing is shown by that
        raise
    except Exception:  # a crash is a failure too
        return True


@pytest.mark.parametrize("mistake", MISTAKES.values(), ids=MISTAKES)
def test_each_case_aimed_at_a_mistake_catches_it(mistake: Mistake) -> None:
    cases = AIMED.get(mistake.flag, [])
    assert cases, "no case is aimed at it"
    with mistake.applied():
        missed = [
            f"{file.name} tcId {case['tcId']}: {case['comment']}"
            for file, group_type, group, case in cases
            if not is_caught((file, group_type, group, case))
        ]
    assert not missed
    assert not any(is_caught(aimed) for aimed in cases), "the mistake was not undone"


def test_every_flag_is_a_mistake_or_has_a_note() -> None:
    assert set(AIMED) <= set(NOTES)
    assert set(MISTAKES) <= set(AIMED)


def test_notes_say_what_goes_wrong() -> None:
    for flag, note in NOTES.items():
        assert note.description.endswith("."), flag
        assert note.effect.endswith("."), flag

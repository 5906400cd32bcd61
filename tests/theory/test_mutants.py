"""Each mutant of the models and of the reference is caught, or it is written down why not."""

from __future__ import annotations

from collections import Counter

import pytest

from .mutants import MODEL_MUTANTS, REFERENCE_MUTANTS, line, table


def test_mutants_are_caught(capsys: pytest.CaptureFixture[str]) -> None:
    rows = list(table())
    with capsys.disabled():
        print()
        for _, row in rows:
            print(line(row))
        print(dict(Counter(row.by or "survives" for _, row in rows)))
    wrong = [f"{line(row)}; expected {m.by or 'none'}" for m, row in rows if row.by != m.by]
    assert not wrong, "\n".join(wrong)
    assert sum(bool(row.by) for _, row in rows) >= 40
    assert all(row.by or mutant.why for mutant, row in rows), "one survives without a reason"
    assert {row.by for _, row in rows} >= {"parse", "types", "law", "macro", "message", "run"}


def test_mutants_are_named_once() -> None:
    names = [m.what for m in MODEL_MUTANTS] + [m.what for m in REFERENCE_MUTANTS]
    assert len(set(names)) == len(names)

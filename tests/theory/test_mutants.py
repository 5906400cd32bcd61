"""Each mutant of the models and of the reference is caught, or it is written down why not."""

from __future__ import annotations

from .mutants import MODEL_MUTANTS, REFERENCE_MUTANTS, ModelMutant, ReferenceMutant, line, table

MUTANTS: tuple[ModelMutant | ReferenceMutant, ...] = (*MODEL_MUTANTS, *REFERENCE_MUTANTS)


def test_mutants_are_caught() -> None:
    rows = list(table())
    wrong = [f"{line(row)}; expected {m.by or 'none'}" for m, row in rows if row.by != m.by]
    assert not wrong, "\n".join(wrong)
    assert [mutant for mutant, _ in rows] == list(MUTANTS)


def test_a_mutant_that_survives_has_a_reason_and_no_other_has() -> None:
    for mutant in MUTANTS:
        assert bool(mutant.by) != bool(mutant.why), mutant.what


def test_each_check_but_the_last_catches_some_mutant() -> None:
    caught = {mutant.by for mutant in MUTANTS if mutant.by}
    assert caught == {"parse", "types", "law", "macro", "message", "run"}


def test_mutants_are_named_once() -> None:
    names = [mutant.what for mutant in MUTANTS]
    assert len(set(names)) == len(names)

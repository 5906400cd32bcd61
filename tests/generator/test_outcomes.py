"""What an outcome of a case rests on: the choices that it meets, and no other."""

from __future__ import annotations

from typing import Any

from owamp_reference.choices import Choice, Chooser, Option
from owamp_vectors.vectors.outcomes import outcomes, weakest

_PORT = Choice("which port", (Option("takes it", "MUST", ""), Option("leaves it", "MAY", "")))
_AFTER = Choice("what follows", (Option("closes", "POLICY", ""), Option("stays", "SHOULD", "")))


def _compute(choose: Chooser) -> dict[str, Any]:
    if choose(_PORT) == 0:
        return {"does": "takes it"}
    return {"does": f"leaves it, {choose(_AFTER)}"}


def test_outcome_rests_on_what_it_decides_itself() -> None:
    """The second choice comes up only where the first is decided otherwise."""
    found = {str(outcome.outputs): outcome for outcome in outcomes(_compute)}
    taking, closing, staying = found.values()
    assert [choice for choice, _ in taking.departs(closing)] == [_PORT]
    assert weakest(option for _, option in taking.departs(staying)) == "MUST"
    assert weakest(option for _, option in staying.departs(taking)) == "MAY"
    assert [choice for choice, _ in staying.departs(closing)] == [_AFTER]

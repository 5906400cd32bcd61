"""The vectors as pytest tests of an implementation in Python.

In a test module::

    from owamp_vectors.conform.pytest_plugin import Refused, conformance

    def answer(group_type, parameters, inputs):  # octet strings are bytes here
        if group_type == "TestSessionKeys":
            t3, t4 = mine.derive(inputs["t1"], inputs["t2"], inputs["sid"])
            return {"t3": t3, "t4": t4}
        raise NotImplementedError

    test_vectors = conformance(answer, "test-session-keys", partial=True)
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from ..catalogue import FILES, read_file
from ..mistakes import NOTES
from ..vectors.declaration import GroupType, Json
from ..vectors.stored import StoredCase, stored_cases
from .judging import judge
from .protocol import Answer
from .summary import describe

Implementation = Callable[[str, Json, Json], Mapping[str, Any]]
"""Outputs from the type of a group, its parameters, and the inputs of a case."""


class Refused(Exception):  # noqa: N818 - it is an answer, not an error
    """What an implementation raises for inputs that it refuses.

    Args:
        stage: where it refuses them, if it says so; one of `owamp_reference.errors.Stage`.
    """

    def __init__(self, why: str = "", stage: str | None = None) -> None:
        super().__init__(why)
        self.stage = stage


def conformance(
    implementation: Implementation,
    *names: str,
    vectors: Path | str | None = None,
    partial: bool = False,
) -> Callable[[StoredCase], None]:
    """A test, to be bound to a name ``test_…``, that runs once for every case.

    Args:
        implementation: gives the outputs; raises `Refused`, or NotImplementedError for what it
            does not support. Any other exception fails the test.
        names: the files, such as "token"; all of them if none is named.
        vectors: the directory with the files; without one they are made, the same octets.
        partial: do not ask for outputs that are left out, but for one.
    Raises:
        FileError: a file that cannot be read, or is not a vector file.
        KeyError: there is no file of that name.
    """
    cases: list[StoredCase] = []
    for name in names or FILES:
        if vectors is None:
            file, content = FILES[name], FILES[name].build(NOTES)
        else:
            file, content = read_file(Path(vectors) / f"{FILES[name].name}.json")
        cases += stored_cases(file, content)
    ids = [f"{case.file.name}-{case.tc_id}-{case.type.name}" for case in cases]

    @pytest.mark.parametrize("case", cases, ids=ids)
    def test(case: StoredCase) -> None:
        check_case(case, implementation, partial=partial)

    return test


def check_case(case: StoredCase, implementation: Implementation, *, partial: bool = False) -> None:
    """Put one case to an implementation; fail or skip the running test by what it answers."""
    try:
        outputs = implementation(case.type.name, case.decoded_parameters, case.decoded_inputs)
    except Refused as refusal:
        answer = Answer(refused=str(refusal), stage=refusal.stage)
    except NotImplementedError:
        pytest.skip(f"{case.type.name} is not supported")
    else:
        answer = Answer(outputs=_to_json(case.type, outputs))
    found = judge(case, answer, partial=partial)
    if found.status == "failed":
        pytest.fail(describe(found), pytrace=False)


def _to_json(group_type: GroupType, outputs: Mapping[str, Any]) -> Json:
    """Outputs as the files have them; what is of another type than declared stays as it is."""
    found: Json = {}
    for item in group_type.outputs:
        if item.name in outputs:
            try:
                found[item.name] = item.to_json(outputs[item.name])
            except (AttributeError, KeyError, TypeError):
                found[item.name] = repr(outputs[item.name])
    return found

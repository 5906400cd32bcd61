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

from .. import catalogue, disk
from ..catalogue import FILES
from ..mistakes import NOTES
from ..vectors.declaration import Json
from .judge import Answer, Question, judge, questions
from .report import describe

Implementation = Callable[[str, Json, Json], Mapping[str, Any]]
"""Outputs from the type of a group, its parameters, and the inputs of a case."""


class Refused(Exception):  # noqa: N818 - it is an answer, not an error
    """What an implementation raises for inputs that it refuses."""


def conformance(
    implementation: Implementation,
    *names: str,
    vectors: Path | str | None = None,
    partial: bool = False,
) -> Callable[[Question], None]:
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
    contents = []
    for name in names or FILES:
        file = FILES[name]
        if vectors is None:
            contents.append((file, file.build(NOTES)))
        else:
            path = Path(vectors) / f"{name}.json"
            contents.append(catalogue.parse(path, disk.read_text(path)))
    asked = list(questions(contents))
    ids = [f"{item.file.name}-{item.test['tcId']}-{item.group_type.name}" for item in asked]

    @pytest.mark.parametrize("case", asked, ids=ids)
    def test(case: Question) -> None:
        check(case, implementation, partial=partial)

    return test


def check(question: Question, implementation: Implementation, *, partial: bool = False) -> None:
    """Put one case to an implementation; fail or skip the running test by what it answers."""
    group_type = question.group_type
    parameters = {x.name: x.from_json(question.group[x.name]) for x in group_type.parameters}
    inputs = {x.name: x.from_json(question.test[x.name]) for x in group_type.inputs}
    try:
        outputs = implementation(group_type.name, parameters, inputs)
    except Refused as refusal:
        answer = Answer(refused=str(refusal))
    except NotImplementedError:
        pytest.skip(f"{group_type.name} is not supported")
    else:
        answer = Answer(outputs=_to_json(question, outputs))
    verdict = judge(question, answer, partial=partial)
    if verdict.status == "failed":
        pytest.fail(describe(verdict), pytrace=False)


def _to_json(question: Question, outputs: Mapping[str, Any]) -> Json:
    """Outputs as the files have them; what is of another type than declared stays as it is."""
    found: Json = {}
    for item in question.group_type.outputs:
        if item.name in outputs:
            try:
                found[item.name] = item.to_json(outputs[item.name])
            except (AttributeError, KeyError, TypeError):
                found[item.name] = repr(outputs[item.name])
    return found

"""The line protocol between runner and program: a question, and what its answer may be.

Both are one line of JSON; `vectors/README.md` describes them.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from owamp_reference.errors import Stage

from ..disk import RepeatedNameError, no_duplicates, shortened
from ..vectors.declaration import GroupType, Json
from ..vectors.outcomes import Outcome
from ..vectors.stored import StoredCase

_STAGES = tuple(str(stage) for stage in Stage)


class AnswerError(Exception):
    """A line that is no answer to the question."""


@dataclass(frozen=True)
class Answer:
    """What an implementation says to a question: outputs, or a refusal, or neither: unsupported.

    Attributes:
        stage: where it refuses, if it says so.
    """

    outputs: Json | None = None
    refused: str | None = None
    stage: str | None = None


def answer_of(outcome: Outcome, group_type: GroupType) -> Answer:
    """What an implementation answers that makes of a case what `outcome` has."""
    if outcome.outputs is None:
        return Answer(refused=outcome.reason, stage=outcome.stage)
    outputs = outcome.outputs
    return Answer({item.name: item.to_json(outputs[item.name]) for item in group_type.asked_for})


def question(case: StoredCase, number: int) -> bytes:
    """A case as a line without its newline: UTF-8, ASCII if UTF-8 cannot have it."""
    content = {
        "id": number,
        "file": case.file.name,
        "type": case.type.name,
        "tcId": case.tc_id,
        "parameters": case.parameters,
        "inputs": case.inputs,
    }
    try:
        return json.dumps(content, ensure_ascii=False).encode()
    except UnicodeEncodeError:  # a lone surrogate
        return json.dumps(content).encode()


def read_answer(line: bytes, number: int) -> Answer:
    """The answer in a line, to the question of that id.

    Raises:
        AnswerError: not JSON, another id, not exactly one of outputs, refused, unsupported, or a
            stage that there is not, or without a refusal.
    """
    try:
        content = json.loads(line, object_pairs_hook=no_duplicates)
    except RepeatedNameError as error:
        raise AnswerError(str(error)) from None
    except (ValueError, RecursionError):
        raise AnswerError(f"expected a JSON object, found {shortened(line)}") from None
    if not isinstance(content, dict):
        raise AnswerError(f"expected a JSON object, found {shortened(line)}")
    found = content.get("id")
    if type(found) is not int or found != number:
        raise AnswerError(f"id: expected {number}, found {shortened(found)}")
    kinds: dict[str, type] = {"outputs": dict, "refused": str, "unsupported": bool}
    named = [name for name in kinds if name in content]
    if len(named) != 1:
        has = " and ".join(named) or "none"
        raise AnswerError(f"expected one of outputs, refused and unsupported, found {has}")
    [name] = named
    value: Any = content[name]
    if not isinstance(value, kinds[name]) or value is False:
        wanted = {"outputs": "an object", "refused": "a reason", "unsupported": "true"}[name]
        raise AnswerError(f"{name}: expected {wanted}, found {shortened(value)}")
    stage = content.get("stage")
    if stage is not None and (name != "refused" or stage not in _STAGES):
        wanted = f"one of {', '.join(_STAGES)}" if name == "refused" else "one with a refusal"
        raise AnswerError(f"stage: expected {wanted}, found {shortened(stage)}")
    if isinstance(value, dict):
        return Answer(outputs=value)
    return Answer(refused=value, stage=stage) if isinstance(value, str) else Answer()

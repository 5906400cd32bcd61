"""The line protocol between runner and program: a question, and what its answer may be.

Both are one line of JSON; `vectors/README.md` describes them.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from ..vectors.declaration import Json
from ..vectors.stored import StoredCase


class AnswerError(Exception):
    """A line that is no answer to the question."""


@dataclass(frozen=True)
class Answer:
    """What an implementation says to a question: outputs, or a refusal, or neither: unsupported."""

    outputs: Json | None = None
    refused: str | None = None


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
        AnswerError: not JSON, another id, or not exactly one of outputs, refused, unsupported.
    """
    try:
        content = json.loads(line)
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
    if isinstance(value, dict):
        return Answer(outputs=value)
    return Answer(refused=value) if isinstance(value, str) else Answer()


def shortened(value: object, limit: int = 80) -> str:
    """A value as JSON, or a line as it is, for people: printable and not too long."""
    text = value.decode(errors="replace") if isinstance(value, bytes) else json.dumps(value)
    text = "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in text)
    return (text if len(text) <= limit else text[: limit - 1] + "…") or "nothing"

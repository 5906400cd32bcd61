"""The line protocol between runner and program, and the judgement of an answer.

A question is one line of JSON, and so is its answer; `vectors/README.md` describes both.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

from ..mistakes import MISTAKES
from ..vectors.declaration import Field, GroupType, Json, VectorFile
from ..vectors.verify import first_difference

Status: TypeAlias = Literal["passed", "failed", "unsupported"]

_HEX = re.compile(r"(?:[0-9a-f]{2})*")


class AnswerError(Exception):
    """A line that is no answer to the question."""


@dataclass(frozen=True)
class Question:
    """A case as it is put to an implementation."""

    file: VectorFile
    group_type: GroupType
    group: Json = field(repr=False)
    test: Json = field(repr=False)

    @property
    def title(self) -> str:
        """The case for people: file, number, comment."""
        return f"{self.file.name} tcId {self.test['tcId']} ({self.test['comment']})"

    @property
    def parameters(self) -> Json:
        """The group's parameters, as in the file."""
        return {item.name: self.group[item.name] for item in self.group_type.parameters}

    @property
    def inputs(self) -> Json:
        """The case's inputs, as in the file."""
        return {item.name: self.test[item.name] for item in self.group_type.inputs}

    def to_line(self, number: int) -> bytes:
        """The question as a line without its newline: UTF-8, ASCII if UTF-8 cannot have it."""
        content = {
            "id": number,
            "file": self.file.name,
            "type": self.group_type.name,
            "tcId": self.test["tcId"],
            "parameters": self.parameters,
            "inputs": self.inputs,
        }
        try:
            return json.dumps(content, ensure_ascii=False).encode()
        except UnicodeEncodeError:  # a lone surrogate
            return json.dumps(content).encode()


@dataclass(frozen=True)
class Answer:
    """What an implementation says to a question: outputs, or a refusal, or neither: unsupported."""

    outputs: Json | None = None
    refused: str | None = None


def questions(files: Iterable[tuple[VectorFile, Json]]) -> Iterator[Question]:
    """The cases of files, in order."""
    for file, content in files:
        types = {group_type.name: group_type for group_type in file.types}
        for group in content["testGroups"]:
            for test in group["tests"]:
                yield Question(file, types[group["type"]], group, test)


def read_answer(line: bytes, number: int) -> Answer:
    """The answer in a line, to the question of that id.

    Raises:
        AnswerError: not JSON, another id, or not exactly one of outputs, refused, unsupported.
    """
    try:
        content = json.loads(line)
    except (ValueError, RecursionError):
        raise AnswerError(f"expected a JSON object, found {_short(line)}") from None
    if not isinstance(content, dict):
        raise AnswerError(f"expected a JSON object, found {_short(line)}")
    found = content.get("id")
    if type(found) is not int or found != number:
        raise AnswerError(f"id: expected {number}, found {_short(found)}")
    kinds: dict[str, type] = {"outputs": dict, "refused": str, "unsupported": bool}
    named = [name for name in kinds if name in content]
    if len(named) != 1:
        has = " and ".join(named) or "none"
        raise AnswerError(f"expected one of outputs, refused and unsupported, found {has}")
    [name] = named
    value: Any = content[name]
    if not isinstance(value, kinds[name]) or value is False:
        wanted = {"outputs": "an object", "refused": "a reason", "unsupported": "true"}[name]
        raise AnswerError(f"{name}: expected {wanted}, found {_short(value)}")
    if isinstance(value, dict):
        return Answer(outputs=value)
    return Answer(refused=value) if isinstance(value, str) else Answer()


@dataclass(frozen=True)
class Verdict:
    """What came of a case.

    Attributes:
        problem: what is wrong, one line; empty if nothing is.
        field, offset: the first output that differs, and its first octet that does.
        mistakes: the named mistakes that give exactly what was found.
    """

    question: Question
    status: Status
    problem: str = ""
    field: str = ""
    offset: int | None = None
    mistakes: tuple[str, ...] = ()


def judge(question: Question, answer: Answer, *, partial: bool = False) -> Verdict:
    """Whether an answer is right; if not, where it goes wrong, and by which named mistake.

    Args:
        partial: do not ask for outputs that are left out, but for one.
    """
    if answer == Answer():
        return Verdict(question, "unsupported")
    verdict = _compare(question, answer, partial)
    if verdict.status == "passed":
        return verdict
    likely = tuple(likely_mistakes(question, answer))
    return Verdict(question, "failed", verdict.problem, verdict.field, verdict.offset, likely)


def _compare(question: Question, answer: Answer, partial: bool) -> Verdict:
    test, result = question.test, question.test["result"]
    if answer.refused is not None:
        if result != "valid":
            return Verdict(question, "passed")
        return Verdict(question, "failed", f"expected outputs, found a refusal: {answer.refused}")
    if result == "invalid":
        problem = f"expected a refusal ({test['reason']}), found outputs"
        return Verdict(question, "failed", problem)
    outputs = answer.outputs or {}
    declared = question.group_type.asked_for
    if partial and not any(item.name in outputs for item in declared):
        names = ", ".join(item.name for item in declared)
        return Verdict(question, "failed", f"expected at least one of {names}, found none")
    for item in declared:
        if item.name not in outputs:
            if partial:
                continue
            return Verdict(question, "failed", f"{item.name}: missing", item.name)
        difference = _difference(item, test[item.name], outputs[item.name])
        if difference is not None:
            where, offset, text = difference
            return Verdict(question, "failed", f"{item.name}{where}: {text}", item.name, offset)
    return Verdict(question, "passed")


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
                return (f".{name}{inner[0]}", *inner[1:])
        return None
    if type(want) is type(got) and want == got:
        return None
    octets = isinstance(want, str) and item.kind != "string" and _HEX.fullmatch(want)
    if not octets or not isinstance(got, str) or not _HEX.fullmatch(got):
        lower = " in lower-case hex" if octets else ""
        return "", None, f"expected {_short(want)}{lower}, found {_short(got)}"
    left, right = bytes.fromhex(want), bytes.fromhex(got)
    offset = first_difference(left, right)
    parts = [
        f"{value[offset : offset + 16].hex() or 'nothing'} (of {len(value)} octets)"
        for value in (left, right)
    ]
    return "", offset, f"from octet {offset} expected {parts[0]}, found {parts[1]}"


def likely_mistakes(question: Question, answer: Answer) -> Iterator[str]:
    """The named mistakes, of those aimed at the case, that give exactly what was answered."""
    group_type = question.group_type
    parameters = _decoded(group_type.parameters, question.group)
    inputs = _decoded(group_type.inputs, question.test)
    for flag in question.test["flags"]:
        if flag not in MISTAKES:
            continue
        try:
            with MISTAKES[flag].applied():
                outputs, _ = group_type.evaluate(parameters, inputs)
        except Exception:  # noqa: S112 - a mistake may well make the reference crash
            continue
        if outputs is None or answer.outputs is None:
            if outputs is None and answer.outputs is None:
                yield flag
            continue
        found = {
            item.name: item.to_json(outputs[item.name])
            for item in group_type.asked_for
            if item.name in answer.outputs
        }
        if found and all(answer.outputs[name] == value for name, value in found.items()):
            yield flag


def _decoded(items: Iterable[Field], values: Mapping[str, Any]) -> Json:
    return {item.name: item.from_json(values[item.name]) for item in items}


def _short(value: object, limit: int = 80) -> str:
    text = value.decode(errors="replace") if isinstance(value, bytes) else json.dumps(value)
    text = "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in text)
    return (text if len(text) <= limit else text[: limit - 1] + "…") or "nothing"

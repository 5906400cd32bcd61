"""What a run found: a table for people, JSON and JUnit XML for CI."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from xml.etree import ElementTree as Xml

from ..disk import to_text
from ..vectors.declaration import GENERATOR_VERSION, Json
from .judge import Status, Verdict

STATUSES: tuple[Status, ...] = ("passed", "failed", "unsupported")
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def by_type(verdicts: Iterable[Verdict]) -> dict[tuple[str, str], list[Verdict]]:
    """Verdicts by file and type of test group, in order."""
    found: dict[tuple[str, str], list[Verdict]] = {}
    for verdict in verdicts:
        question = verdict.question
        found.setdefault((question.file.name, question.group_type.name), []).append(verdict)
    return found


def count(verdicts: Iterable[Verdict]) -> dict[str, int]:
    """How many verdicts there are of each status."""
    statuses = [verdict.status for verdict in verdicts]
    return {status: statuses.count(status) for status in STATUSES}


def rows(verdicts: Sequence[Verdict]) -> list[tuple[str, ...]]:
    """The table: a line for each type, and the total."""
    lines: list[tuple[str, ...]] = [("file", "type", *STATUSES)]
    for (file, group_type), part in by_type(verdicts).items():
        lines.append((file, group_type, *map(str, count(part).values())))
    return [*lines, ("total", "", *map(str, count(verdicts).values()))]


def describe(verdict: Verdict) -> str:
    """A failure in one line, with the mistake that explains it."""
    line = f"{verdict.question.title}: {verdict.problem}"
    return f"{line}; exactly as by {', '.join(verdict.mistakes)}" if verdict.mistakes else line


def to_json(command: Sequence[str], verdicts: Sequence[Verdict]) -> str:
    """The run as JSON: totals, each type, each case."""
    groups = [
        {"file": file, "type": group_type, **count(part)}
        for (file, group_type), part in by_type(verdicts).items()
    ]
    content: Json = {
        "generatorVersion": GENERATOR_VERSION,
        "command": list(command),
        **count(verdicts),
        "groups": groups,
        "cases": [_case(verdict) for verdict in verdicts],
    }
    text = to_text(content)
    return text.encode(errors="replace").decode()


def _case(verdict: Verdict) -> Json:
    question = verdict.question
    case: Json = {
        "file": question.file.name,
        "type": question.group_type.name,
        "tcId": question.test["tcId"],
        "status": verdict.status,
    }
    if verdict.status == "failed":
        case["problem"] = verdict.problem
        if verdict.field:
            case["field"] = verdict.field
        if verdict.offset is not None:
            case["offset"] = verdict.offset
        if verdict.mistakes:
            case["mistakes"] = list(verdict.mistakes)
    return case


def to_junit(verdicts: Sequence[Verdict]) -> str:
    """The run as JUnit XML: a suite for each type; unsupported cases are skipped ones."""
    root = Xml.Element("testsuites", _totals(verdicts))
    for (file, group_type), part in by_type(verdicts).items():
        name = f"{file}.{group_type}"
        suite = Xml.SubElement(root, "testsuite", {"name": name, **_totals(part)})
        for verdict in part:
            test = verdict.question.test
            title = _clean(f"tcId {test['tcId']}: {test['comment']}")
            case = Xml.SubElement(suite, "testcase", {"classname": name, "name": title})
            if verdict.status == "failed":
                failure = Xml.SubElement(case, "failure", {"message": _clean(verdict.problem)})
                failure.text = _clean(describe(verdict))
            elif verdict.status == "unsupported":
                Xml.SubElement(case, "skipped", {"message": "unsupported"})
    Xml.indent(root)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{Xml.tostring(root, encoding="unicode")}\n'


def _totals(verdicts: Sequence[Verdict]) -> dict[str, str]:
    numbers = count(verdicts)
    return {
        "tests": str(len(verdicts)),
        "failures": str(numbers["failed"]),
        "errors": "0",
        "skipped": str(numbers["unsupported"]),
    }


def _clean(text: str) -> str:
    """Text without the characters that XML cannot have."""
    return _NOT_XML.sub("\N{REPLACEMENT CHARACTER}", text)

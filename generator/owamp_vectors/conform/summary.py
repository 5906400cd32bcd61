"""What a run found: a table for people, JSON and JUnit XML for CI."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import get_args
from xml.etree import ElementTree as Xml

from ..disk import printable, to_text
from ..vectors.declaration import GENERATOR_VERSION, Json
from .judging import Judgement, Status

REFUSED = "refused"
_STATUSES: tuple[Status, ...] = get_args(Status)
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def by_type(judgements: Iterable[Judgement]) -> dict[tuple[str, str], list[Judgement]]:
    """Judgements by file and type of test group, in order."""
    found: dict[tuple[str, str], list[Judgement]] = {}
    for judgement in judgements:
        key = (judgement.case.file.name, judgement.case.type.name)
        found.setdefault(key, []).append(judgement)
    return found


def count(judgements: Sequence[Judgement]) -> dict[str, int]:
    """How many judgements there are of each status; and of those passed, how many by a refusal
    of what is acceptable.
    """
    statuses = [judgement.status for judgement in judgements]
    refused = sum(judgement.is_refusal for judgement in judgements)
    return {**{status: statuses.count(status) for status in _STATUSES}, REFUSED: refused}


def summary_rows(judgements: Sequence[Judgement]) -> list[tuple[str, ...]]:
    """The table: a line for each type, and the total."""
    lines: list[tuple[str, ...]] = [("file", "type", *_STATUSES, REFUSED)]
    for (file, group_type), part in by_type(judgements).items():
        lines.append((file, group_type, *map(str, count(part).values())))
    return [*lines, ("total", "", *map(str, count(judgements).values()))]


def describe(judgement: Judgement) -> str:
    """A failure in one line, with the mistake that explains it."""
    line = printable(f"{judgement.case.title}: {judgement.problem}")
    return f"{line}; exactly as by {', '.join(judgement.mistakes)}" if judgement.mistakes else line


def summary_json(command: Sequence[str], judgements: Sequence[Judgement]) -> str:
    """The run as JSON: totals, each type, each case."""
    groups = [
        {"file": file, "type": group_type, **count(part)}
        for (file, group_type), part in by_type(judgements).items()
    ]
    content: Json = {
        "generatorVersion": GENERATOR_VERSION,
        "command": list(command),
        **count(judgements),
        "groups": groups,
        "cases": [_case(judgement) for judgement in judgements],
    }
    text = to_text(content)
    return text.encode(errors="replace").decode()


def _case(judgement: Judgement) -> Json:
    content: Json = {
        "file": judgement.case.file.name,
        "type": judgement.case.type.name,
        "tcId": judgement.case.tc_id,
        "status": judgement.status,
    }
    if judgement.status == "failed":
        content["problem"] = judgement.problem
        if judgement.field:
            content["field"] = judgement.field
        if judgement.offset is not None:
            content["offset"] = judgement.offset
        if judgement.mistakes:
            content["mistakes"] = list(judgement.mistakes)
    return content


def summary_junit(judgements: Sequence[Judgement]) -> str:
    """The run as JUnit XML: a suite for each type; unsupported cases are skipped ones."""
    root = Xml.Element("testsuites", _totals(judgements))
    for (file, group_type), part in by_type(judgements).items():
        name = f"{file}.{group_type}"
        suite = Xml.SubElement(root, "testsuite", {"name": name, **_totals(part)})
        for judgement in part:
            title = _clean(f"tcId {judgement.case.tc_id}: {judgement.case.comment}")
            case = Xml.SubElement(suite, "testcase", {"classname": name, "name": title})
            if judgement.status == "failed":
                failure = Xml.SubElement(case, "failure", {"message": _clean(judgement.problem)})
                failure.text = _clean(describe(judgement))
            elif judgement.status == "unsupported":
                Xml.SubElement(case, "skipped", {"message": "unsupported"})
    Xml.indent(root)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{Xml.tostring(root, encoding="unicode")}\n'


def _totals(judgements: Sequence[Judgement]) -> dict[str, str]:
    numbers = count(judgements)
    return {
        "tests": str(len(judgements)),
        "failures": str(numbers["failed"]),
        "errors": "0",
        "skipped": str(numbers["unsupported"]),
    }


def _clean(text: str) -> str:
    """Text without the characters that XML cannot have."""
    return _NOT_XML.sub("\N{REPLACEMENT CHARACTER}", text)

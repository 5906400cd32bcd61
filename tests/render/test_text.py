"""The text of the vectors, read again, has every value of the JSON."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from owamp_vectors.catalogue import FILES
from owamp_vectors.render.vectors_text import quoted, wrapped
from owamp_vectors.vectors.declaration import Json, VectorFile
from owamp_vectors.vectors.stored import by_group, stored_cases

from ..support import stored
from .support import render

TITLE = re.compile(r"(\d+(?:\.\d+)*)\.  (.*)")
HEX = re.compile(r" {6}[0-9a-f]{2}(?: [0-9a-f]{2}){0,15}")
VALUE = re.compile(r"(?:Step \d+\.  )?([\w.\[\]]+) (\(.*?\)|= .*)")


@pytest.fixture(scope="module")
def texts(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    directory = tmp_path_factory.mktemp("text")
    result = render("text", directory)
    assert result.exit_code == 0, result.output
    return {path.stem: path.read_text(encoding="utf-8") for path in directory.glob("*.txt")}


def in_ascii(text: str) -> str:
    return re.sub(r"(?<=\d) §", ", Section ", text).replace("§", "Section ").replace("…", "...")


def in_one_line(lines: list[str]) -> str:
    return " ".join(line.strip() for line in lines)


def put(values: Json, path: str, value: Any) -> None:
    """Set ``a[0].b`` in nested lists and objects."""
    *parents, last = [
        int(part[1:-1]) if part[0] == "[" else part for part in re.findall(r"\w+|\[\d+\]", path)
    ]
    place: Any = values
    for part in parents:
        place = place[part]
    if isinstance(place, list):
        assert last == len(place)
        place.append(value)
    else:
        assert last not in place
        place[last] = value


def value_of(shown: str, octets: str) -> Any:
    """The value that stands behind a name, in the form of the JSON."""
    if shown.startswith("="):
        rest = shown[2:]
        value, end = json.JSONDecoder().raw_decode(rest)
        assert rest[end : end + 2] in ("", ": ")
        return value
    if "item" in shown:
        return []
    if "member" in shown:
        return {}
    number = re.fullmatch(r"\((\d+) octets?( of UTF-8)?\)", shown)
    assert number, shown
    assert int(number[1]) == len(octets) // 2
    return bytes.fromhex(octets).decode() if number[2] else octets


def values_in(paragraphs: list[str]) -> Json:
    """The values that the paragraphs of a test or of a group's parameters name."""
    values: Json = {}
    for paragraph in paragraphs:
        lines = paragraph.split("\n")
        rows = [line for line in lines if HEX.fullmatch(line)]
        match = VALUE.match(in_one_line(lines[: len(lines) - len(rows)]))
        assert match, paragraph
        put(values, match[1], value_of(match[2], "".join(rows).replace(" ", "")))
    return values


def sections(text: str) -> Iterator[tuple[str, str, list[str]]]:
    """Number, title and paragraphs of each numbered part."""
    number, title, found = "", "", list[str]()
    for paragraph in re.split(r"\n\n+", text.rstrip("\n")):
        match = TITLE.match(in_one_line(paragraph.split("\n")))
        if match and not paragraph.startswith(" "):
            if number:
                yield number, title, found
            number, title, found = match[1], match[2], []
        else:
            found.append(paragraph)
    yield number, title, found


def fields_of(head: str) -> Json:
    """``Source: …``, ``Result: …`` and so on."""
    unfolded = re.sub(r"\n {6}", " ", head)
    return dict(line.strip().split(": ", 1) for line in unfolded.split("\n"))


@pytest.mark.parametrize("file", FILES.values(), ids=lambda file: file.name)
def test_text_has_every_value(file: VectorFile, texts: dict[str, str]) -> None:
    content = stored(file)
    cases = {case.tc_id: case for case in stored_cases(file, content)}
    groups = {found[0].tc_id: found[0].group for found in by_group(cases.values())}
    parameters: Json = {}
    type_name, seen = "", []
    for number, title, paragraphs in sections(texts[file.name]):
        depth = number.count(".")
        if depth == 0:
            type_name = title
        elif depth == 1:
            commented = any(
                group.get("comment") and in_ascii(group["comment"]) == in_one_line([paragraphs[0]])
                for group in groups.values()
            )
            parameters = values_in(paragraphs[1:] if commented else paragraphs)
        else:
            match = re.fullmatch(r"Test (\d+): (.*)", title)
            assert match
            seen.append(int(match[1]))
            case = cases[int(match[1])]
            if case.tc_id in groups:
                assert type_name == case.type.name
                assert parameters == case.parameters
                parameters = {}
            compare(case.test, match[2], paragraphs)
    assert sorted(seen) == list(cases)


def compare(test: Json, title: str, paragraphs: list[str]) -> None:
    head = fields_of(paragraphs[0])
    shown = {
        "comment": title,
        "source": head["Source"],
        "flags": head["Aimed at"].split(", ") if "Aimed at" in head else [],
        "requirement": head["Requirement"],
        "result": head["Result"],
        "stage": head.get("Stage", ""),
        "trace": head.get("Trace", "").replace(" / ", "/"),
        "reason": head.get("Reason", ""),
    }
    for name, value in shown.items():
        wanted = test.get(name, "")
        assert value == (in_ascii(wanted) if isinstance(wanted, str) else wanted), test["tcId"]
    first, *others = alternatives_in(paragraphs[1:])
    not_values = ("tcId", "alternatives", *shown)
    values = {name: value for name, value in test.items() if name not in not_values}
    assert values_in(first) == values, test["tcId"]
    for part, alternative in zip(others, test.get("alternatives", ()), strict=True):
        compare_alternative(test, alternative, part)


def alternatives_in(paragraphs: list[str]) -> list[list[str]]:
    """The paragraphs before the first alternative, and those of each one."""
    parts: list[list[str]] = [[]]
    for paragraph in paragraphs:
        if paragraph.startswith("   Alternative: "):
            parts.append([])
        parts[-1].append(paragraph)
    return parts


def compare_alternative(test: Json, alternative: Json, paragraphs: list[str]) -> None:
    head = fields_of(paragraphs[0])
    for name in ("source", "requirement", "reason", "stage"):
        assert head.get(name.capitalize()) == (in_ascii(alternative.get(name, "")) or None)
    assert (head["Alternative"] == "refused") == ("refused" in alternative)
    changed = values_in(paragraphs[1:])
    about = ("source", "requirement", "reason", "stage", "refused")
    outputs = {name: value for name, value in alternative.items() if name not in about}
    assert {name: changed.get(name, test[name]) for name in outputs} == outputs, test["tcId"]
    assert all(changed[name] != test[name] for name in changed)


def test_columns_and_characters(texts: dict[str, str]) -> None:
    for text in texts.values():
        assert text.isascii()
        lines = text.split("\n")
        assert [line for line in lines if len(line) > 72 or line != line.rstrip()] == []


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_wrapped_strings_can_be_read_again(text: str) -> None:
    lines = wrapped(f"name = {quoted(text)}: what it is").split("\n")
    assert value_of(in_one_line(lines).removeprefix("name "), "") == text

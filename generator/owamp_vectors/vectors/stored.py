"""Vector files as they are stored: read, checked against their schemas, walked case by case."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path

from owamp_reference.errors import Stage

from ..disk import FileError, parse_json
from ..json_schema import misfit
from .declaration import SCHEMA_VERSION, Case, Field, GroupType, Json, Refusal, Result, VectorFile
from .outcomes import Outcome
from .schema import file_schema

SCHEMA_DIRECTORY = "schema"


@dataclass(frozen=True)
class StoredCase:
    """A case as it stands in a file that fits its schema.

    Attributes:
        file, type: what is declared of its file and of its group.
        group, test: its group and the case itself, as in the file.
    """

    file: VectorFile
    type: GroupType
    group: Json = field(repr=False)
    test: Json = field(repr=False)

    @property
    def tc_id(self) -> int:
        """Its number in the file."""
        return int(self.test["tcId"])

    @property
    def comment(self) -> str:
        """What it is about."""
        return str(self.test["comment"])

    @property
    def source(self) -> str:
        """The section that it comes from."""
        return str(self.test["source"])

    @property
    def flags(self) -> list[str]:
        """What it is aimed at."""
        return list(self.test["flags"])

    @property
    def trace(self) -> str | None:
        """The model's trace that it is, if it is one."""
        return self.test.get("trace")

    @property
    def result(self) -> Result:
        """What an implementation is to do with it."""
        result: Result = self.test["result"]
        return result

    @property
    def reason(self) -> str | None:
        """Why it is not simply valid, if it is not."""
        return self.test.get("reason")

    @property
    def title(self) -> str:
        """The case for people: file, number, comment."""
        return f"{self.file.name} tcId {self.tc_id} ({self.comment})"

    @property
    def parameters(self) -> Json:
        """The parameters of its group, as in the file."""
        return _chosen(self.type.parameters, self.group)

    @property
    def inputs(self) -> Json:
        """Its inputs, as in the file."""
        return _chosen(self.type.inputs, self.test)

    @property
    def outputs(self) -> Json:
        """Its outputs, as in the file; an invalid case has none."""
        return {} if self.result == "invalid" else _chosen(self.type.outputs, self.test)

    @property
    def decoded_parameters(self) -> Json:
        """The parameters of its group, as the type computes with them."""
        return {item.name: item.from_json(self.group[item.name]) for item in self.type.parameters}

    @property
    def decoded_inputs(self) -> Json:
        """Its inputs, as the type computes with them."""
        return {item.name: item.from_json(self.test[item.name]) for item in self.type.inputs}

    @property
    def requirement(self) -> str:
        """What it rests on: MUST, SHOULD, MAY or POLICY."""
        return str(self.test["requirement"])

    @property
    def stage(self) -> str | None:
        """Where it is refused, if it is."""
        return self.test.get("stage")

    @property
    def alternatives(self) -> list[Json]:
        """What else an implementation may do, if it is acceptable."""
        return list(self.test.get("alternatives", ()))

    def evaluate(self) -> Outcome:
        """What the reference makes of it, every SHOULD followed."""
        return self.type.evaluate(self.decoded_parameters, self.decoded_inputs)

    def outcomes(self) -> list[Outcome]:
        """Every outcome that the RFCs allow."""
        return self.type.outcomes(self.decoded_parameters, self.decoded_inputs)

    def as_written(self) -> Case:
        """The case as its author wrote it, as far as the file tells."""
        refusals = [
            Refusal(item["reason"], Stage(item["stage"]), item["requirement"])
            for item in self.alternatives
            if "refused" in item and item["reason"] == self.reason
        ]
        return Case(
            self.comment,
            self.decoded_inputs,
            source=self.source,
            refusal=refusals[-1] if refusals else None,
            requirement=self.test["requirement"],
        )


def _chosen(items: Iterable[Field], values: Json) -> Json:
    return {item.name: values[item.name] for item in items}


def stored_cases(file: VectorFile, content: Json) -> Iterator[StoredCase]:
    """The cases of a file, in order; its content fits its schema."""
    types = {group_type.name: group_type for group_type in file.types}
    for group in content["testGroups"]:
        for test in group["tests"]:
            yield StoredCase(file, types[group["type"]], group, test)


def by_group(cases: Iterable[StoredCase]) -> list[list[StoredCase]]:
    """The cases of a file, those of each group together, in order."""
    return [list(part) for _, part in groupby(cases, key=lambda case: id(case.group))]


def targets(content: Json) -> set[str]:
    """What can be named in a file: its flags and the types of its groups.

    Raises:
        KeyError, TypeError: the content is not that of a vector file.
    """
    return {*content["notes"], *(group["type"] for group in content["testGroups"])}


def parse_vectors(
    path: Path, text: str, files: Mapping[str, VectorFile]
) -> tuple[VectorFile, Json]:
    """The declaration, of those in `files`, and the content of a vector file that fits its schema.

    Raises:
        FileError: not JSON, not a vector file of this project, of a newer schema, or not
            according to its schema.
    """
    content = parse_json(path, text, any_string=True)
    if not isinstance(content, dict):
        raise FileError(f"{path}: expected a JSON object, found {type(content).__name__}")
    schemas = {file.schema_name: file for file in files.values()}
    name = content.get("schema")
    if not isinstance(name, str) or name not in schemas:
        raise FileError(f"{path}: schema: expected one of {', '.join(schemas)}, found {name!r}")
    version = content.get("schemaVersion")
    if isinstance(version, int) and version > SCHEMA_VERSION:
        expected = f"expected at most {SCHEMA_VERSION}, found {version}"
        raise FileError(f"{path}: schemaVersion: {expected}: made by a newer generator")
    file = schemas[name]
    found = misfit(content, file_schema(file))
    if found is not None:
        raise FileError(f"{path}: does not fit {name} at {found.place()}: {found.problem}")
    _check_numbers(path, file, content)
    return file, content


def _check_numbers(path: Path, file: VectorFile, content: Json) -> None:
    """What a JSON Schema cannot say: tests are numbered 1, 2, …, and every flag has a note."""
    cases = list(stored_cases(file, content))
    if content["numberOfTests"] != len(cases):
        found = content["numberOfTests"]
        raise FileError(f"{path}: numberOfTests: expected {len(cases)}, found {found}")
    for number, case in enumerate(cases, 1):
        if case.tc_id != number:
            raise FileError(f"{path}: tcId: expected {number}, found {case.tc_id}")
        for flag in case.flags:
            if flag not in content["notes"]:
                raise FileError(f"{path}: tcId {number}: flag {flag} has no entry in notes")


NPM = "package.json"
"""This file makes the directory of the vectors an npm package, and is not a vector file."""


def find_files(paths: list[Path]) -> list[Path]:
    """The files that paths name; a directory stands for the JSON files in it.

    Raises:
        FileError: a path that does not exist, or a directory without JSON files.
    """
    found = []
    for path in paths:
        if path.is_dir():
            inside = sorted(item for item in path.glob("*.json") if item.name != NPM)
            if not inside:
                raise FileError(f"{path}: expected vector files (*.json), found none")
            found += inside
        elif path.exists():
            found.append(path)
        else:
            raise FileError(f"{path}: no such file or directory")
    return found

"""What the report shows of vector files: files, groups and cases, with links to the claims."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ..catalogue import parse
from ..claims.declared import Claim
from ..disk import digest, read_text
from ..vectors.declaration import GroupType, Json, VectorFile
from ..vectors.stored import find

Target = str
"""What a claim calls vectors: "file:Flag" or "file:GroupType"."""


@dataclass(frozen=True)
class Case:
    """A case, where it is shown, and the claims that it exercises."""

    file: str
    group: int
    type: GroupType
    parameters: str
    test: Json
    claims: tuple[Claim, ...]

    @property
    def number(self) -> int:
        """Its tcId."""
        return int(self.test["tcId"])

    @property
    def url(self) -> str:
        """Its place in the report, from the report's root."""
        return f"vectors/{self.file}-{self.group}.html#tc-{self.number}"


@dataclass(frozen=True)
class Group:
    """A group of a file, counted from 1."""

    file: str
    number: int
    type: GroupType
    content: Json
    cases: tuple[Case, ...]

    @property
    def url(self) -> str:
        """Its page, from the report's root."""
        return f"vectors/{self.file}-{self.number}.html"

    @property
    def parameters(self) -> str:
        """Its parameters in one line; "" if it has none."""
        return _parameters(self.type, self.content)


@dataclass(frozen=True)
class File:
    """A vector file, with the SHA-256 of its octets."""

    name: str
    declaration: VectorFile
    content: Json
    digest: str
    groups: tuple[Group, ...]

    @property
    def cases(self) -> list[Case]:
        """The cases of all groups."""
        return [case for group in self.groups for case in group.cases]

    def count(self, result: str) -> int:
        """How many cases have a result."""
        return sum(case.test["result"] == result for case in self.cases)


@dataclass(frozen=True)
class Flag:
    """A named mistake, and the cases that are aimed at it."""

    name: str
    bug_type: str
    description: str
    effect: str
    cases: tuple[Case, ...]
    claims: tuple[Claim, ...]


@dataclass(frozen=True)
class Library:
    """All vector files of a directory.

    Attributes:
        targets: the cases that a claim's "file:Flag" or "file:GroupType" means.
        traces: the cases that are a recorded trace, by ``model[+FLAG…]/lemma``.
    """

    files: tuple[File, ...]
    flags: tuple[Flag, ...]
    targets: Mapping[Target, tuple[Case, ...]] = field(repr=False)
    traces: Mapping[str, tuple[Case, ...]] = field(repr=False)

    @property
    def cases(self) -> list[Case]:
        """The cases of all files."""
        return [case for file in self.files for case in file.cases]

    def of_claim(self, claim: Claim) -> list[tuple[str, tuple[Case, ...]]]:
        """The cases that exercise a claim: what names them, and which they are."""
        found = [(target, self.targets[target]) for target in claim.vectors]
        traced = self.traces.get(str(claim.job), ())
        return [("the recorded trace", traced), *found] if traced else found


def _parameters(group_type: GroupType, content: Json) -> str:
    return ", ".join(f"{item.name} {content[item.name]}" for item in group_type.parameters)


def load_library(directory: Path, claims: Iterable[Claim]) -> Library:
    """Read the vector files of a directory, and say which claims each case exercises.

    Raises:
        FileError: a file that cannot be read or is no vector file, or a directory without any.
    """
    by_target: dict[Target, list[Claim]] = {}
    by_trace: dict[str, list[Claim]] = {}
    for claim in claims:
        by_trace.setdefault(str(claim.job), []).append(claim)
        for target in claim.vectors:
            by_target.setdefault(target, []).append(claim)
    found = []
    for path in find([directory]):
        text = read_text(path)
        declaration, content = parse(path, text)
        found.append(_file(declaration, content, digest(text), by_target, by_trace))
    cases = [case for file in found for case in file.cases]
    targets: dict[Target, list[Case]] = {target: [] for target in by_target}
    traces: dict[str, list[Case]] = {}
    for case in cases:
        for name in (case.type.name, *case.test["flags"]):
            targets.setdefault(f"{case.file}:{name}", []).append(case)
        if "trace" in case.test:
            traces.setdefault(case.test["trace"], []).append(case)
    return Library(
        tuple(found),
        tuple(_flags(found, cases, by_target)),
        {target: tuple(meant) for target, meant in targets.items()},
        {trace: tuple(meant) for trace, meant in traces.items()},
    )


def _file(
    declaration: VectorFile,
    content: Json,
    sha256: str,
    by_target: Mapping[Target, list[Claim]],
    by_trace: Mapping[str, list[Claim]],
) -> File:
    types = {group_type.name: group_type for group_type in declaration.types}
    name = declaration.name
    groups = []
    for number, group in enumerate(content["testGroups"], 1):
        group_type = types[group["type"]]
        cases = []
        for test in group["tests"]:
            exercised = list(by_trace.get(test.get("trace", ""), ()))
            for target in (group_type.name, *test["flags"]):
                exercised += by_target.get(f"{name}:{target}", ())
            unique = tuple({claim.id: claim for claim in exercised}.values())
            parameters = _parameters(group_type, group)
            cases.append(Case(name, number, group_type, parameters, test, unique))
        groups.append(Group(name, number, group_type, group, tuple(cases)))
    return File(name, declaration, content, sha256, tuple(groups))


def _flags(
    found: Iterable[File], cases: list[Case], by_target: Mapping[Target, list[Claim]]
) -> Iterable[Flag]:
    notes = {name: note for file in found for name, note in file.content["notes"].items()}
    for name in sorted(notes):
        note = notes[name]
        aimed = tuple(case for case in cases if name in case.test["flags"])
        claims = {
            claim.id: claim
            for file in dict.fromkeys(case.file for case in aimed)
            for claim in by_target.get(f"{file}:{name}", ())
        }
        yield Flag(
            name,
            note["bugType"],
            note["description"],
            note.get("effect", ""),
            aimed,
            tuple(claims.values()),
        )

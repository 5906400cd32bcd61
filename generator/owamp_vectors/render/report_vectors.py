"""What the report shows of vector files: files, groups and cases, with links to the claims."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ..catalogue import FILES, parse_file
from ..claims.declared import Claim
from ..disk import digest, read_text
from ..vectors.declaration import GroupType, Json, VectorFile
from ..vectors.stored import StoredCase, by_group, find_files, stored_cases

Target = str
"""What a claim calls vectors: "file:Flag" or "file:GroupType"."""


@dataclass(frozen=True)
class ShownCase:
    """A case in the group of this number, and the claims that it exercises."""

    stored: StoredCase
    group: int
    claims: tuple[Claim, ...]

    @property
    def url(self) -> str:
        """Its place in the report, from the report's root."""
        return f"vectors/{self.stored.file.name}-{self.group}.html#tc-{self.stored.tc_id}"

    @property
    def parameters(self) -> str:
        """The parameters of its group in one line; "" if there are none."""
        return ", ".join(f"{name} {value}" for name, value in self.stored.parameters.items())


@dataclass(frozen=True)
class ShownGroup:
    """A group of a file, counted from 1."""

    number: int
    cases: tuple[ShownCase, ...]

    @property
    def type(self) -> GroupType:
        """Its type."""
        return self.cases[0].stored.type

    @property
    def content(self) -> Json:
        """The group as in the file."""
        return self.cases[0].stored.group

    @property
    def parameters(self) -> str:
        """Its parameters in one line; "" if it has none."""
        return self.cases[0].parameters

    @property
    def url(self) -> str:
        """Its page, from the report's root."""
        return f"vectors/{self.cases[0].stored.file.name}-{self.number}.html"


@dataclass(frozen=True)
class ShownFile:
    """A vector file, with the SHA-256 of its octets."""

    name: str
    content: Json
    digest: str
    groups: tuple[ShownGroup, ...]

    @property
    def cases(self) -> list[ShownCase]:
        """The cases of all groups."""
        return [case for group in self.groups for case in group.cases]

    def count(self, result: str) -> int:
        """How many cases have a result."""
        return sum(case.stored.result == result for case in self.cases)


@dataclass(frozen=True)
class ShownFlag:
    """A named mistake, and the cases that are aimed at it."""

    name: str
    bug_type: str
    description: str
    effect: str
    cases: tuple[ShownCase, ...]
    claims: tuple[Claim, ...]


@dataclass(frozen=True)
class Library:
    """All vector files of a directory.

    Attributes:
        targets: the cases that a claim's "file:Flag" or "file:GroupType" means.
        traces: the cases that are a recorded trace, by ``model[+FLAG…]/lemma``.
    """

    files: tuple[ShownFile, ...]
    flags: tuple[ShownFlag, ...]
    targets: Mapping[Target, tuple[ShownCase, ...]] = field(repr=False)
    traces: Mapping[str, tuple[ShownCase, ...]] = field(repr=False)

    @property
    def cases(self) -> list[ShownCase]:
        """The cases of all files."""
        return [case for file in self.files for case in file.cases]

    def of_claim(self, claim: Claim) -> list[tuple[str, tuple[ShownCase, ...]]]:
        """The cases that exercise a claim: what names them, and which they are."""
        found = [(target, self.targets[target]) for target in claim.vectors]
        traced = self.traces.get(str(claim.job), ())
        return [("the recorded trace", traced), *found] if traced else found


def load_library(directory: Path, claims: Iterable[Claim]) -> Library:
    """Read the vector files of a directory, and say which claims each case exercises.

    Raises:
        FileError: a file that cannot be read or is not a vector file, or a directory without any.
    """
    by_target: dict[Target, list[Claim]] = {}
    by_trace: dict[str, list[Claim]] = {}
    for claim in claims:
        by_trace.setdefault(str(claim.job), []).append(claim)
        for target in claim.vectors:
            by_target.setdefault(target, []).append(claim)
    exercised = _Exercised(by_target, by_trace)
    found = []
    order = {f"{name}.json": place for place, name in enumerate(FILES)}
    for path in sorted(find_files([directory]), key=lambda path: order.get(path.name, len(order))):
        text = read_text(path)
        declaration, content = parse_file(path, text)
        found.append(_file(declaration, content, digest(text), exercised))
    cases = [case for file in found for case in file.cases]
    targets: dict[Target, list[ShownCase]] = {target: [] for target in by_target}
    traces: dict[str, list[ShownCase]] = {}
    for case in cases:
        for target in _targets_of(case.stored):
            targets.setdefault(target, []).append(case)
        if case.stored.trace is not None:
            traces.setdefault(case.stored.trace, []).append(case)
    return Library(
        tuple(found),
        tuple(_flags(found, cases, by_target)),
        {target: tuple(meant) for target, meant in targets.items()},
        {trace: tuple(meant) for trace, meant in traces.items()},
    )


@dataclass(frozen=True)
class _Exercised:
    """Which claims are about which vectors."""

    by_target: Mapping[Target, list[Claim]]
    by_trace: Mapping[str, list[Claim]]

    def of(self, case: StoredCase) -> tuple[Claim, ...]:
        """The claims that a case exercises."""
        found = list(self.by_trace.get(case.trace or "", ()))
        for target in _targets_of(case):
            found += self.by_target.get(target, ())
        return tuple({claim.id: claim for claim in found}.values())


def _targets_of(case: StoredCase) -> list[Target]:
    return [f"{case.file.name}:{name}" for name in (case.type.name, *case.flags)]


def _file(declaration: VectorFile, content: Json, sha256: str, exercised: _Exercised) -> ShownFile:
    groups = [
        ShownGroup(number, tuple(ShownCase(case, number, exercised.of(case)) for case in cases))
        for number, cases in enumerate(by_group(stored_cases(declaration, content)), 1)
    ]
    return ShownFile(declaration.name, content, sha256, tuple(groups))


def _flags(
    found: Iterable[ShownFile], cases: list[ShownCase], by_target: Mapping[Target, list[Claim]]
) -> Iterable[ShownFlag]:
    notes = {name: note for file in found for name, note in file.content["notes"].items()}
    for name in sorted(notes):
        note = notes[name]
        aimed = tuple(case for case in cases if name in case.stored.flags)
        claims = {
            claim.id: claim
            for file in dict.fromkeys(case.stored.file.name for case in aimed)
            for claim in by_target.get(f"{file}:{name}", ())
        }
        yield ShownFlag(
            name,
            note["bugType"],
            note["description"],
            note.get("effect", ""),
            aimed,
            tuple(claims.values()),
        )

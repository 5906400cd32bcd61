"""What the report shows of vector files: files, groups and cases, with links to the claims."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlencode

from ..catalogue import FILES, parse_file
from ..claims.declared import Claim
from ..disk import digest, read_text
from ..vectors.declaration import GroupType, Json, VectorFile
from ..vectors.stored import StoredCase, by_group, find_files, stored_cases
from ..words import counted

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
    def expects(self) -> str:
        """What an endpoint has to do, in words; "" if the case is about no endpoint."""
        if "ending" not in self.stored.test:
            return ""
        ways = [self.stored.test, *(way for way in self.stored.alternatives if "ending" in way)]
        first, *others = dict.fromkeys(map(_behaviour, ways))
        return first + (f", or {counted(len(others), 'other way')}" if others else "")

    @property
    def sections(self) -> list[str]:
        """The sections that it comes from."""
        return [section_name(*key) for key in cited(self.stored.source)]

    @property
    def parameters(self) -> str:
        """The parameters of its group in one line; "" if there are none."""
        return ", ".join(f"{name} {value}" for name, value in self.stored.parameters.items())


_CITED = re.compile(r"RFC (?P<rfc>\d{3,5})|§(?P<section>\d+(?:\.\d+)*)")


def cited(text: str) -> list[tuple[str, str]]:
    """The sections that a text names, each once: RFC and number, "" for an RFC alone."""
    found: dict[tuple[str, str], None] = {}
    rfc, alone = "", ""
    for match in _CITED.finditer(text):
        if match["rfc"]:
            if alone:
                found[alone, ""] = None
            rfc = alone = match["rfc"]
        elif rfc:
            found[rfc, match["section"]] = None
            alone = ""
    if alone:
        found[alone, ""] = None
    return list(found)


def section_name(rfc: str, number: str) -> str:
    """RFC 4656 §3.1, or RFC 4656."""
    return f"RFC {rfc}" + (f" §{number}" if number else "")


SET_UP_RESPONSE, SERVER_START, SERVER_GREETING = 164, 48, 64
"""Sizes of the messages that are sent in clear (RFC 4656 §3.1)."""


def _behaviour(way: Json) -> str:
    """What an end does: the value by which it grants or chooses, what follows, how it ends."""
    sent = [bytes.fromhex(message) for message in way["sent"] if message]
    if sent and len(sent[0]) == SERVER_GREETING:
        does = ["greets"]
        rest = sent[1:]
        if rest and len(rest[0]) == SERVER_START:
            does, rest = [f"Accept {rest[0][15]}"], rest[1:]
        follows = counted(len(rest), "answer")
    else:
        does, rest = [], sent
        if rest and len(rest[0]) == SET_UP_RESPONSE:
            does, rest = [f"Mode {int.from_bytes(rest[0][:4], 'big')}"], rest[1:]
        follows = counted(len(rest), "message")
    does += [follows] if rest else []
    does += [] if does else ["sends nothing"]
    return f"{', '.join(does)}, then {'closes' if way['ending'] == 'closed' else 'stays open'}"


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
    """A vector file: its text, and the SHA-256 of its octets."""

    name: str
    content: Json
    text: str = field(repr=False)
    digest: str
    groups: tuple[ShownGroup, ...]

    @property
    def script(self) -> str:
        """The text as a script, which alone a page that is opened from disk can load."""
        return f"showVectors({json.dumps(self.text, ensure_ascii=False)});\n"

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

    def filter_of(self, target: Target) -> str:
        """The filters of the list of cases for what a claim calls "file:Flag" or "file:Type"."""
        file, _, name = target.partition(":")
        is_flag = name in {flag.name for flag in self.flags}
        return urlencode({"file": file, "flag" if is_flag else "type": name})

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
        found.append(_file(declaration, content, text, exercised))
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


def _file(declaration: VectorFile, content: Json, text: str, exercised: _Exercised) -> ShownFile:
    groups = [
        ShownGroup(number, tuple(ShownCase(case, number, exercised.of(case)) for case in cases))
        for number, cases in enumerate(by_group(stored_cases(declaration, content)), 1)
    ]
    return ShownFile(declaration.name, content, text, digest(text), tuple(groups))


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

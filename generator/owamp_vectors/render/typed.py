"""What the renderings in typed languages have in common: every value of a case, as a literal.

For each type of test group there are three structures: of its parameters, inputs and outputs. A
test whose outputs are absent is invalid; an alternative whose outputs are absent is a refusal.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from ..vectors.declaration import Field, Json
from ..vectors.stored import StoredCase
from .vector_sources import Source, octets_inside

Member = tuple[str, str, str]
"""Its name in JSON, its type, what it is."""


class Language(ABC):
    """How a language writes values and types."""

    octets: str
    """How a literal of octets is made of its digits, as a format."""

    @abstractmethod
    def quoted(self, text: str) -> str:
        """A literal of a string."""

    def scalar(self, value: bytes | str | int | bool) -> str:
        """A literal of a value."""
        if isinstance(value, bytes):
            return self.octets.format("".join(f"\\x{octet:02x}" for octet in value))
        if isinstance(value, bool):
            return str(value).lower()
        return str(checked(value)) if isinstance(value, int) else self.quoted(value)

    @abstractmethod
    def optional(self, literal: str | None, kind: str) -> str:
        """A literal that may be absent."""

    @abstractmethod
    def items(self, kind: str, literals: Iterable[str]) -> str:
        """A list of literals of one type."""

    @abstractmethod
    def structure(self, kind: str, members: Iterable[tuple[str, str]]) -> str:
        """A structure of named literals; the names are those of JSON."""

    @abstractmethod
    def whole(self, value: Any) -> str:
        """A message: octets, integers, lists and objects in any order."""

    @abstractmethod
    def simple(self, kind: str) -> str:
        """The type of a kind of field that is not a record."""

    @abstractmethod
    def list_of(self, kind: str) -> str:
        """The type of a list."""

    @abstractmethod
    def generic(self, name: str, owner: str, parts: Sequence[str]) -> str:
        """The type `name` of those structures of a type of test group."""

    def kind_of(self, owner: str, item: Field) -> str:
        """The type of one value, or of one in its list."""
        return _record(owner, item) if item.kind == "records" else self.simple(item.kind)

    def members(self, owner: str, items: Iterable[Field]) -> Iterator[Member]:
        """The members of a structure."""
        for item in items:
            kind = self.kind_of(owner, item)
            is_list = item.is_list or item.kind == "records"
            about = item.description + (f"; = {item.formula}" if item.formula else "")
            yield item.name, self.list_of(kind) if is_list else kind, about

    def structures(self, source: Source) -> Iterator[tuple[str, str, list[Member]]]:
        """The structures of a file, records first: name, what it is, members."""
        for declared, _ in source.types():
            name = declared.name
            parts = (("Parameters", declared.parameters), ("Inputs", declared.inputs))
            for suffix, items in (*parts, ("Outputs", declared.outputs)):
                for item in items:
                    if item.kind == "records":
                        about = f"One of {item.name}: {item.description}"
                        record = _record(name, item)
                        yield record, about, list(self.members(record, item.fields))
                about = f"{suffix} of {name}: {declared.description} {declared.source}"
                yield f"{name}{suffix}", about, list(self.members(name, items))

    def tables(self, source: Source) -> Iterator[tuple[str, str]]:
        """For each type of a file, its name and a list of its groups."""
        for declared, groups in source.types():
            kind = self.generic("Group", declared.name, ("Parameters", "Inputs", "Outputs"))
            yield declared.name, self.items(kind, map(self._group, groups))

    def _group(self, cases: list[StoredCase]) -> str:
        group, declared = cases[0].group, cases[0].type
        kind = self.generic("Group", declared.name, ("Parameters", "Inputs", "Outputs"))
        test = self.generic("Test", declared.name, ("Inputs", "Outputs"))
        parameters = self._values(declared.name, declared.parameters, group)
        members = [
            ("source", self.scalar(group["source"])),
            ("comment", self._text(group.get("comment"))),
            ("parameters", self.structure(f"{declared.name}Parameters", parameters)),
            ("tests", self.items(test, map(self._test, cases))),
        ]
        return self.structure(kind, members)

    def _test(self, case: StoredCase) -> str:
        name = case.type.name
        kind = self.generic("Test", name, ("Inputs", "Outputs"))
        alternative = self.generic("Alternative", name, ("Outputs",))
        inputs = self._values(name, case.type.inputs, case.test)
        others = (self._alternative(case, item) for item in case.alternatives)
        members = [
            ("tcId", self.scalar(case.tc_id)),
            ("comment", self.scalar(case.comment)),
            ("source", self.scalar(case.source)),
            ("flags", self.items(self.simple("string"), map(self.scalar, case.flags))),
            ("trace", self._text(case.trace)),
            ("requirement", self.scalar(case.requirement)),
            ("result", self.scalar(case.result)),
            ("reason", self._text(case.reason)),
            ("stage", self._text(case.stage)),
            ("inputs", self.structure(f"{name}Inputs", inputs)),
            ("outputs", self._outputs(case, None if case.result == "invalid" else case.test)),
            ("alternatives", self.items(alternative, others)),
        ]
        return self.structure(kind, members)

    def _alternative(self, case: StoredCase, alternative: Json) -> str:
        kind = self.generic("Alternative", case.type.name, ("Outputs",))
        members = [
            ("reason", self.scalar(alternative["reason"])),
            ("source", self.scalar(alternative["source"])),
            ("requirement", self.scalar(alternative["requirement"])),
            ("stage", self._text(alternative.get("stage"))),
            ("outputs", self._outputs(case, None if "refused" in alternative else alternative)),
        ]
        return self.structure(kind, members)

    def _outputs(self, case: StoredCase, values: Json | None) -> str:
        kind = f"{case.type.name}Outputs"
        if values is None:
            return self.optional(None, kind)
        members = self._values(case.type.name, case.type.outputs, values)
        return self.optional(self.structure(kind, members), kind)

    def _text(self, value: str | None) -> str:
        literal = None if value is None else self.scalar(value)
        return self.optional(literal, self.simple("string"))

    def _values(
        self, owner: str, items: Iterable[Field], values: Json
    ) -> Iterator[tuple[str, str]]:
        for item in items:
            yield item.name, self._value(owner, item, values[item.name])

    def _value(self, owner: str, item: Field, value: Any) -> str:
        kind = self.kind_of(owner, item)
        if item.kind == "records":
            records = (
                self.structure(kind, self._values(kind, item.fields, part)) for part in value
            )
            return self.items(kind, records)
        if item.kind == "object":
            return self.whole(octets_inside(value))
        if item.is_list:
            return self.items(kind, map(self.scalar, item.from_json(value)))
        return self.scalar(item.from_json(value))


def _record(owner: str, item: Field) -> str:
    return f"{owner}{item.name[0].upper()}{item.name[1:]}"


def indented(literal: str, indent: str) -> str:
    """A literal of several lines, each indented by the brackets that are open before it."""
    depth, lines = 0, []
    for line in literal.split("\n"):
        depth -= line[:1] in ("}", "]", ")")
        lines.append(indent * depth + line)
        depth += line[-1:] in ("{", "[", "(")
    return "\n".join(lines)


def checked(value: int) -> int:
    """An integer that fits into 64 bits with a sign. Raises `ValueError`."""
    if not -(2**63) <= value < 2**63:
        raise ValueError(f"expected an integer of 64 bits, found {value}")
    return value

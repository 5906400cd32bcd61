"""What a vector file is made of: fields, types of test group, cases, groups, files.

A `GroupType` binds a set of named inputs to a set of named outputs by one function that calls the
reference. Generating, verifying, showing a case and writing its JSON Schema all work from it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

from owamp_reference import __version__
from owamp_reference.choices import Requirement
from owamp_reference.errors import Stage
from owamp_reference.layout import Layout

from .drbg import DESCRIPTION, Drbg
from .outcomes import Outcome, outcomes, weakest

Json: TypeAlias = dict[str, Any]
Values: TypeAlias = Mapping[str, Any]
Result: TypeAlias = Literal["valid", "invalid", "acceptable"]
FieldKind: TypeAlias = Literal["octets", "integer", "string", "boolean", "records", "object"]

GENERATOR_VERSION = __version__
SCHEMA_VERSION = 2
"""Grows when a reader of the old files could misread the new ones."""


@dataclass(frozen=True)
class Field:
    """A named value of a group or a case.

    Attributes:
        name: its key in JSON.
        description: what it is, for the schema.
        kind: octet strings are lower-case hex in JSON and `bytes` here; "records" is an array of
            objects with `fields`; "object" is passed through unchanged, and has `fields` or, by
            the parameter `shaped_by`, those of one of its `shapes`.
        size: octets of an octet string, where the *valid* cases have a fixed size.
        values: the only values of a string.
        least, most: the bounds of an integer.
        formula: how an output is computed, in the RFC's terms, for people.
        layouts: how the octets divide, for people: tried in order, the first of the right size.
        is_list: an array of such values.
        in_words: an output in the reference's words, which no implementation has to repeat.
        is_given: in a record, for people: whether a value says something, where an empty one, or
            0, is in the place of none; given the record's JSON form. None: always.
    """

    name: str
    description: str
    kind: FieldKind = "octets"
    size: int | None = None
    values: tuple[str, ...] = ()
    least: int = 0
    most: int = 2**64 - 1
    fields: tuple[Field, ...] = ()
    shaped_by: str = ""
    shapes: Mapping[str, tuple[Field, ...]] = field(default_factory=dict)
    formula: str = ""
    layouts: tuple[Layout, ...] = ()
    is_list: bool = False
    in_words: bool = False
    is_given: Callable[[Json], object] | None = None

    def to_json(self, value: Any) -> Any:
        """The JSON form of a value."""
        if self.is_list:
            return [self._item_to_json(item) for item in value]
        return self._item_to_json(value)

    def _item_to_json(self, value: Any) -> Any:
        if self.kind == "octets":
            return value.hex()
        if self.kind == "records":
            return [
                {item.name: item.to_json(record[item.name]) for item in self.fields}
                for record in value
            ]
        return value

    def from_json(self, value: Any) -> Any:
        """The value of a JSON form that the schema has accepted."""
        if self.is_list:
            return [self._item_from_json(item) for item in value]
        return self._item_from_json(value)

    def _item_from_json(self, value: Any) -> Any:
        if self.kind == "octets":
            return bytes.fromhex(value)
        if self.kind == "records":
            return [
                {item.name: item.from_json(record[item.name]) for item in self.fields}
                for record in value
            ]
        return value


@dataclass(frozen=True)
class GroupType:
    """A type of test group.

    Attributes:
        name: the group's ``type`` in JSON.
        description: what an implementation is to do, one sentence.
        source: the section that defines it.
        parameters: values that the group's cases share.
        inputs, outputs: the values of a case; an output is present unless the case is invalid.
        compute: outputs from parameters and inputs, in the order of `outputs`; raises
            `ProtocolError` for an invalid case.
        is_open: whether `compute` takes a `Chooser` beside them, for what the RFCs leave open.
        requirement: what its cases rest on, where they do not say otherwise.
    """

    name: str
    description: str
    source: str
    parameters: tuple[Field, ...]
    inputs: tuple[Field, ...]
    outputs: tuple[Field, ...]
    compute: Callable[..., Json] = field(repr=False)
    is_open: bool = False
    requirement: Requirement = "MUST"

    @property
    def asked_for(self) -> tuple[Field, ...]:
        """The outputs that an implementation must give."""
        return tuple(item for item in self.outputs if not item.in_words)

    def evaluate(self, parameters: Values, inputs: Values) -> Outcome:
        """What the reference makes of a case, every SHOULD followed."""
        return next(self._ways(parameters, inputs))

    def outcomes(self, parameters: Values, inputs: Values) -> list[Outcome]:
        """Every outcome that the RFCs allow, that of `evaluate` first.

        Two that differ only in words are one.
        """
        found: dict[str, Outcome] = {}
        for outcome in self._ways(parameters, inputs):
            found.setdefault(self._seen(outcome), outcome)
        return list(found.values())

    def _ways(self, parameters: Values, inputs: Values) -> Iterator[Outcome]:
        values = {**parameters, **inputs}
        more = (lambda choose: (choose,)) if self.is_open else (lambda _: ())
        for outcome in outcomes(lambda choose: self.compute(values, *more(choose))):
            wanted = [output.name for output in self.outputs]
            if outcome.outputs is not None and list(outcome.outputs) != wanted:
                found = list(outcome.outputs)
                raise AssertionError(f"{self.name} computes {found}, declares {wanted}")
            yield outcome

    def _seen(self, outcome: Outcome) -> str:
        """What is compared of an outcome, as text."""
        if outcome.outputs is None:
            return f"refused at {outcome.stage}"
        return json.dumps(
            {item.name: item.to_json(outcome.outputs[item.name]) for item in self.asked_for}
        )


@dataclass(frozen=True)
class Refusal:
    """That an implementation may refuse what it may also compute.

    Attributes:
        reason: why.
        stage: at which step.
        requirement: what the refusal rests on.
    """

    reason: str
    stage: Stage
    requirement: Requirement = "POLICY"


@dataclass(frozen=True)
class Case:
    """A case as its author writes it; outputs and tcId are added when the file is built.

    Attributes:
        comment: what it is about, one line.
        inputs: one value for each of the type's inputs.
        flags: the mistakes it is aimed at, and other notes.
        source: the section, where it is another than the type's.
        expect: what must come of it; None if that follows from what the RFCs leave open.
        refusal: of an acceptable case, why an implementation may refuse it.
        requirement: what its outputs rest on, where it is not what those of its type do.
        trace: the model's trace that it is, ``model[+FLAG…]/lemma``.
    """

    comment: str
    inputs: Values
    flags: tuple[str, ...] = ()
    source: str = ""
    expect: Result | None = "valid"
    refusal: Refusal | None = None
    requirement: Requirement | None = None
    trace: str = ""


def valid(comment: str, inputs: Values, *flags: str, source: str = "") -> Case:
    """A case that an implementation must compute or accept."""
    return Case(comment, inputs, flags, source)


def invalid(comment: str, inputs: Values, *flags: str, source: str = "") -> Case:
    """A case that an implementation must refuse."""
    return Case(comment, inputs, flags, source, "invalid")


def acceptable(
    comment: str,
    inputs: Values,
    *flags: str,
    reason: str,
    stage: Stage,
    source: str = "",
    requirement: Requirement = "POLICY",
    refusing: Requirement = "POLICY",
) -> Case:
    """A case that an implementation may compute as given, or refuse, for the reason given.

    `requirement` is what the one rests on, `refusing` what the other does.
    """
    refusal = Refusal(reason, stage, refusing)
    return Case(comment, inputs, flags, source, "acceptable", refusal, requirement)


def behaves(comment: str, inputs: Values, *flags: str, source: str = "") -> Case:
    """A case in which an endpoint does what the reference does, or what else the RFCs allow."""
    return Case(comment, inputs, flags, source, None)


@dataclass(frozen=True)
class Group:
    """Cases of one type with the same parameters."""

    type: GroupType
    cases: Sequence[Case]
    parameters: Values = field(default_factory=dict)
    comment: str = ""


@dataclass(frozen=True)
class Note:
    """What a flag means: the kind of bug, the mistake, and what it does to an implementation."""

    bug_type: str
    description: str
    effect: str = ""

    def to_json(self) -> Json:
        """The note in the form of the Wycheproof files."""
        note = {"bugType": self.bug_type, "description": self.description}
        return {**note, "effect": self.effect} if self.effect else note


@dataclass(frozen=True)
class VectorFile:
    """A file of vectors: how it is named and introduced, its types, and what makes its groups.

    Attributes:
        name: the file's name without ``.json``; also its name on the command line.
        algorithm: what is computed.
        header: lines of introduction.
        types: every type that its groups may have.
        make_groups: the groups, from a source of octets.
    """

    name: str
    algorithm: str
    header: tuple[str, ...]
    types: tuple[GroupType, ...]
    make_groups: Callable[[Drbg], Iterable[Group]] = field(repr=False)

    @property
    def schema_name(self) -> str:
        """The file name of its JSON Schema."""
        return f"{self.name}.schema.json"

    def build(self, notes: Mapping[str, Note]) -> Json:
        """The file's JSON, every output computed by the reference.

        Raises:
            AssertionError: the reference disagrees with what a case's author expects of it, or a
                flag has no note. Both are bugs of the generator, and no file is written.
        """
        groups = []
        flags: set[str] = set()
        number = 0
        for group in self.make_groups(Drbg(self.name)):
            tests = []
            for case in group.cases:
                number += 1
                flags.update(case.flags)
                tests.append(_build_case(group, case, number))
            shared = {
                item.name: item.to_json(group.parameters[item.name])
                for item in group.type.parameters
            }
            comment = {"comment": group.comment} if group.comment else {}
            groups.append(
                {
                    "type": group.type.name,
                    "source": group.type.source,
                    **comment,
                    **shared,
                    "tests": tests,
                }
            )
        missing = flags - set(notes)
        if missing:
            raise AssertionError(f"{self.name}: flags without a note: {sorted(missing)}")
        return {
            "algorithm": self.algorithm,
            "schema": self.schema_name,
            "schemaVersion": SCHEMA_VERSION,
            "generatorVersion": GENERATOR_VERSION,
            "license": "CC0-1.0",
            "header": list(self.header),
            "drbg": DESCRIPTION,
            "notes": {flag: notes[flag].to_json() for flag in sorted(flags)},
            "numberOfTests": number,
            "testGroups": groups,
        }


def _build_case(group: Group, case: Case, number: int) -> Json:
    label = f"{group.type.name} {number} ({case.comment})"
    wanted = {item.name for item in group.type.inputs}
    if set(case.inputs) != wanted:
        raise AssertionError(f"{label}: inputs {sorted(case.inputs)}, declared {sorted(wanted)}")
    found = judged(group.type, group.parameters, case)
    if case.expect not in (None, found["result"]):
        why = found.get("reason", "")
        raise AssertionError(f"{label}: expected {case.expect}, it is {found['result']} {why}")
    built: Json = {
        "tcId": number,
        "comment": case.comment,
        "source": case.source or group.type.source,
        "flags": sorted(case.flags),
    }
    if case.trace:
        built["trace"] = case.trace
    built["requirement"] = found.pop("requirement")
    for item in group.type.inputs:
        built[item.name] = item.to_json(case.inputs[item.name])
    return {**built, **found}


def judged(group_type: GroupType, parameters: Values, case: Case) -> Json:
    """What is said of a case beside its inputs: outputs, result, requirement, and why.

    The outputs are those of the first outcome that has some. The other outcomes that the RFCs
    allow, or the author of an acceptable case, are its alternatives. Each rests on the weakest
    word of what it does in another way than the outcome that is beside it.
    """
    found = group_type.outcomes(parameters, case.inputs)
    with_outputs = [outcome for outcome in found if outcome.outputs is not None]
    if not with_outputs:
        first = found[0]
        words = {"reason": first.reason, "stage": first.stage}
        requirement = case.requirement or group_type.requirement
        return {"result": "invalid", **words, "requirement": requirement}
    chosen = with_outputs[0]
    others = [outcome for outcome in found if outcome is not chosen]
    said: Json = {**_outputs(group_type, chosen), "result": "valid"}
    said["requirement"] = case.requirement or group_type.requirement
    if others:
        said |= {"result": "acceptable", "reason": _left_open(chosen, others)}
        said["requirement"] = weakest(
            option for item in others for _, option in chosen.departs(item)
        )
        said["alternatives"] = [_alternative(group_type, item, chosen) for item in others]
    if case.refusal is not None:
        refusal = {
            "reason": case.refusal.reason,
            "source": case.source or group_type.source,
            "requirement": case.refusal.requirement,
            "refused": True,
            "stage": case.refusal.stage,
        }
        alternatives = [*said.get("alternatives", []), refusal]
        said |= {"result": "acceptable", "reason": case.refusal.reason}
        said["alternatives"] = alternatives
    return said


def _outputs(group_type: GroupType, outcome: Outcome) -> Json:
    assert outcome.outputs is not None
    return {item.name: item.to_json(outcome.outputs[item.name]) for item in group_type.outputs}


def _left_open(chosen: Outcome, others: Sequence[Outcome]) -> str:
    questions = dict.fromkeys(
        choice.question for item in others for choice, _ in item.departs(chosen)
    )
    return f"The RFCs leave open {'; '.join(questions)}."


def _alternative(group_type: GroupType, other: Outcome, chosen: Outcome) -> Json:
    """Another outcome, with what it does otherwise than the chosen one."""
    options = [option for _, option in other.departs(chosen)]
    said: Json = {
        "reason": f"It {' and '.join(option.does for option in options)}.",
        "source": "; ".join(dict.fromkeys(option.source for option in options)),
        "requirement": weakest(options),
    }
    if other.outputs is None:
        return {**said, "refused": True, "stage": other.stage}
    return {**said, **_outputs(group_type, other)}

"""JSON Schemas of the vector files, made from the same declarations as the files."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import get_args

from owamp_reference.choices import Requirement
from owamp_reference.errors import Stage

from .declaration import SCHEMA_VERSION, Field, GroupType, Json, VectorFile
from .drbg import DESCRIPTION

DIALECT = "https://json-schema.org/draft/2020-12/schema"
HEX = "^([0-9a-f]{2})*$"


def _value_schema(item: Field, *, is_exact: bool) -> Json:
    if item.kind == "octets":
        return {"type": "string", "pattern": HEX, **(_size(item) if is_exact else {})}
    if item.kind == "records":
        return {"type": "array", "items": _fields_schema(item.fields, is_exact=is_exact)}
    if item.kind == "object" and item.fields:
        return _fields_schema(item.fields, is_exact=is_exact)
    schema: Json = {"type": item.kind}
    if item.kind == "integer":
        schema |= {"minimum": item.least, "maximum": item.most}
    if item.values:
        schema["enum"] = list(item.values)
    return schema


def _fields_schema(fields: Iterable[Field], *, is_exact: bool) -> Json:
    properties = {inner.name: field_schema(inner, is_exact=is_exact) for inner in fields}
    return _object(properties, properties)


def _size(item: Field) -> Json:
    """The length of an octet string in hex, where it is fixed."""
    digits = 2 * (item.size or 0)
    return {"minLength": digits, "maxLength": digits} if item.size else {}


def field_schema(item: Field, *, is_exact: bool = False) -> Json:
    """The schema of one value, with its description.

    Args:
        is_exact: octet strings of a fixed size have no other here.
    """
    schema = _value_schema(item, is_exact=is_exact)
    if item.is_list:
        schema = {"type": "array", "items": schema}
    description = item.description
    if item.size is not None:
        description += f"; {item.size} octets" + ("" if is_exact else " where the case is valid")
    if item.formula:
        description += f". {item.formula}"
    return {**schema, "description": description}


def _object(properties: Json, required: Iterable[str]) -> Json:
    return {
        "type": "object",
        "properties": properties,
        "required": list(required),
        "additionalProperties": False,
    }


def _with_role(role: str, fields: Iterable[Field]) -> Json:
    """Properties that say of themselves what they are: parameter, input or output."""
    is_exact = role == "output"
    return {item.name: {**field_schema(item, is_exact=is_exact), "x-role": role} for item in fields}


def _case_schema(group_type: GroupType) -> Json:
    inputs = _with_role("input", group_type.inputs)
    outputs = _with_role("output", group_type.outputs)
    trace = "the recorded trace of the models that the case is: model[+FLAG...]/lemma"
    about: Json = {
        "tcId": {"type": "integer", "minimum": 1, "description": "number of the case in the file"},
        "comment": {"type": "string", "description": "what the case is about"},
        "source": {"type": "string", "description": "the section that the case comes from"},
        "flags": {"type": "array", "items": {"type": "string"}, "uniqueItems": True},
        "requirement": _REQUIREMENT,
        "result": {"enum": ["valid", "invalid", "acceptable"]},
    }
    more: Json = {
        "trace": {"type": "string", "description": trace},
        "reason": {"type": "string", "description": "why the case is not simply valid"},
        "stage": _STAGE,
        "alternatives": {
            "type": "array",
            "minItems": 1,
            "items": _alternative_schema(outputs),
            "description": "what else an implementation may do, each complete",
        },
    }
    schema = _object({**about, **inputs, **outputs, **more}, [*about, *inputs])
    sizes = {item.name: _size(item) for item in group_type.inputs if item.size}
    by_result = [
        _where("valid", list(outputs), ["reason", "stage", "alternatives"], sizes),
        _where("invalid", ["reason", "stage"], [*outputs, "alternatives"], {}),
        _where("acceptable", [*outputs, "reason", "alternatives"], ["stage"], sizes),
    ]
    return {**schema, "allOf": by_result}


_REQUIREMENT: Json = {
    "enum": list(get_args(Requirement)),
    "description": "what it rests on, in the words of RFC 2119; POLICY: no RFC says anything of it",
}
_STAGE: Json = {"enum": [str(stage) for stage in Stage], "description": "where it is refused"}


def _alternative_schema(outputs: Json) -> Json:
    """Another complete set of outputs, or a refusal."""
    about: Json = {
        "reason": {"type": "string", "description": "what is done otherwise, or why"},
        "source": {"type": "string", "description": "the section that leaves it open"},
        "requirement": _REQUIREMENT,
    }
    refusal = {"refused": {"const": True}, "stage": _STAGE}
    schema = _object({**about, **refusal, **outputs}, about)
    either = {"then": _has(list(refusal), list(outputs)), "else": _has(list(outputs), ["stage"])}
    return {**schema, "if": {"required": ["refused"]}, **either}


def _where(result: str, required: list[str], absent: list[str], sizes: Json) -> Json:
    """What a case of a result has, what it does not have, and how long inputs are."""
    then = _has(required, absent)
    then["properties"] |= sizes
    return {"if": {"properties": {"result": {"const": result}}}, "then": then}


def _has(required: list[str], absent: list[str]) -> Json:
    return {"required": required, "properties": dict.fromkeys(absent, _NOTHING)}


_NOTHING: Json = {"title": "nothing", "not": {}}


def _group_schema(group_type: GroupType) -> Json:
    properties: Json = {
        "type": {"const": group_type.name},
        "source": {"type": "string"},
        "comment": {"type": "string"},
        **_with_role("parameter", group_type.parameters),
        "tests": {"type": "array", "minItems": 1, "items": _case_schema(group_type)},
    }
    schema = _object(properties, [name for name in properties if name != "comment"])
    shaped = [
        {
            "if": {"properties": {item.shaped_by: {"const": shape}}},
            "then": {"properties": {"tests": {"items": _with_shape(item.name, reference)}}},
        }
        for item in group_type.outputs
        for shape, reference in zip(item.shapes, _shapes(group_type, item), strict=True)
    ]
    more = {"allOf": shaped} if shaped else {}
    return {"description": group_type.description, **schema, **more}


def _shapes(group_type: GroupType, item: Field) -> Json:
    """The names inside an object, in the order of its shapes, each under a name of its own."""
    return {
        re.sub(r"\W+", "-", f"{group_type.name}-{item.name}-{shape}").strip("-"): _fields_schema(
            fields, is_exact=True
        )
        for shape, fields in item.shapes.items()
    }


def _with_shape(name: str, reference: str) -> Json:
    shape = {name: {"$ref": f"#/$defs/{reference}"}}
    return {"properties": {**shape, "alternatives": {"items": {"properties": shape}}}}


def file_schema(file: VectorFile) -> Json:
    """The JSON Schema (2020-12) that the file's JSON satisfies."""
    note = _object(
        {name: {"type": "string"} for name in ("bugType", "description", "effect")},
        ["bugType", "description"],
    )
    text = {"type": "string"}
    drbg = _object(dict.fromkeys(DESCRIPTION, text), DESCRIPTION)
    properties: Json = {
        "algorithm": {"const": file.algorithm},
        "schema": {"const": file.schema_name},
        "schemaVersion": {"const": SCHEMA_VERSION},
        "generatorVersion": text,
        "license": {"const": "CC0-1.0"},
        "header": {"type": "array", "items": text},
        "drbg": drbg,
        "notes": {"type": "object", "additionalProperties": note},
        "numberOfTests": {"type": "integer", "minimum": 1},
        "testGroups": {
            "type": "array",
            "minItems": 1,
            "items": {
                "type": "object",
                "required": ["type"],
                "properties": {"type": {"enum": [item.name for item in file.types]}},
                "allOf": [
                    {
                        "if": {"properties": {"type": {"const": item.name}}},
                        "then": {"$ref": f"#/$defs/{item.name}"},
                    }
                    for item in file.types
                ],
            },
        },
    }
    return {
        "$schema": DIALECT,
        "title": f"{file.name}.json: {file.algorithm}",
        **_object(properties, properties),
        "$defs": {
            **{item.name: _group_schema(item) for item in file.types},
            **{
                name: shape
                for group_type in file.types
                for item in group_type.outputs
                for name, shape in _shapes(group_type, item).items()
            },
        },
    }

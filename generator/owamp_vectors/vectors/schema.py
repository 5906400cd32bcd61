"""JSON Schemas of the vector files, made from the same declarations as the files."""

from __future__ import annotations

from collections.abc import Iterable
from typing import get_args

from owamp_reference.choices import Requirement
from owamp_reference.errors import Stage

from .declaration import SCHEMA_VERSION, Field, GroupType, Json, VectorFile
from .drbg import DESCRIPTION

DIALECT = "https://json-schema.org/draft/2020-12/schema"
HEX = "^([0-9a-f]{2})*$"


def _value_schema(item: Field) -> Json:
    if item.kind == "octets":
        return {"type": "string", "pattern": HEX}
    if item.kind == "records":
        properties = {inner.name: field_schema(inner) for inner in item.fields}
        required = [inner.name for inner in item.fields]
        return {"type": "array", "items": _object(properties, required)}
    schema: Json = {"type": item.kind}
    if item.values:
        schema["enum"] = list(item.values)
    return schema


def field_schema(item: Field) -> Json:
    """The schema of one value, with its description."""
    schema = _value_schema(item)
    if item.is_list:
        schema = {"type": "array", "items": schema}
    description = item.description
    if item.size is not None:
        description += f"; {item.size} octets where the case is valid"
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
    return {item.name: {**field_schema(item), "x-role": role} for item in fields}


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
    by_result = [
        _where("valid", list(outputs), ["reason", "stage", "alternatives"]),
        _where("invalid", ["reason", "stage"], [*outputs, "alternatives"]),
        _where("acceptable", [*outputs, "reason", "alternatives"], ["stage"]),
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
    either = [_has(["refused"], list(outputs)), _has(list(outputs), list(refusal))]
    return {**schema, "oneOf": either}


def _where(result: str, required: list[str], absent: list[str]) -> Json:
    """What a case of a result has, and what it does not have."""
    return {"if": {"properties": {"result": {"const": result}}}, "then": _has(required, absent)}


def _has(required: list[str], absent: list[str]) -> Json:
    return {"required": required, "not": {"anyOf": [{"required": [name]} for name in absent]}}


def _group_schema(group_type: GroupType) -> Json:
    properties: Json = {
        "type": {"const": group_type.name},
        "source": {"type": "string"},
        "comment": {"type": "string"},
        **_with_role("parameter", group_type.parameters),
        "tests": {"type": "array", "minItems": 1, "items": _case_schema(group_type)},
    }
    schema = _object(properties, [name for name in properties if name != "comment"])
    return {"description": group_type.description, **schema}


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
        "$defs": {item.name: _group_schema(item) for item in file.types},
    }

"""JSON Schemas of the vector files, made from the same declarations as the files."""

from __future__ import annotations

from collections.abc import Iterable

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


def _case_schema(group_type: GroupType) -> Json:
    inputs = {item.name: field_schema(item) for item in group_type.inputs}
    outputs = {item.name: field_schema(item) for item in group_type.outputs}
    common: Json = {
        "tcId": {"type": "integer", "minimum": 1, "description": "number of the case in the file"},
        "comment": {"type": "string", "description": "what the case is about"},
        "source": {"type": "string", "description": "the section that the case comes from"},
        "flags": {"type": "array", "items": {"type": "string"}, "uniqueItems": True},
    }
    trace = "the recorded trace of the models that the case is: model[+FLAG...]/lemma"
    verdict: Json = {
        "trace": {"type": "string", "description": trace},
        "result": {"enum": ["valid", "invalid", "acceptable"]},
        "reason": {"type": "string", "description": "why the case is not simply valid"},
    }
    required = [*common, *inputs, "result"]
    schema = _object({**common, **inputs, **outputs, **verdict}, required)
    is_invalid = {"properties": {"result": {"const": "invalid"}}}
    no_outputs: Json = {"required": ["reason"]}
    if outputs:
        no_outputs["not"] = {"anyOf": [{"required": [name]} for name in outputs]}
    return {**schema, "if": is_invalid, "then": no_outputs, "else": {"required": list(outputs)}}


def _group_schema(group_type: GroupType) -> Json:
    properties: Json = {
        "type": {"const": group_type.name},
        "source": {"type": "string"},
        "comment": {"type": "string"},
        **{item.name: field_schema(item) for item in group_type.parameters},
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

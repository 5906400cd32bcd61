"""JSON Schema (2020-12): what does not fit one, in one line for people."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any, TypeAlias

from jsonschema import Draft202012Validator, validators
from jsonschema.exceptions import ValidationError, best_match

Schema: TypeAlias = Mapping[str, Any]

_TYPES = {
    "array": "an array",
    "boolean": "true or false",
    "integer": "an integer",
    "number": "a number",
    "object": "an object",
    "string": "a string",
}


@dataclass(frozen=True)
class Misfit:
    """A value that does not fit.

    Attributes:
        path: its keys and indices, from the outside in.
        problem: what was expected, and what was found.
    """

    path: tuple[str | int, ...]
    problem: str

    def place(self, entry: Callable[[int], str] | None = None) -> str:
        """Where it is: ``testGroups[0].tests[1].salt``.

        Args:
            entry: names the elements of a list at the top, by their index: ``claim x, flags[0]``.
        """
        if entry is not None and len(self.path) > 1 and isinstance(self.path[1], int):
            return ", ".join(filter(None, (entry(self.path[1]), _joined(self.path[2:]))))
        return _joined(self.path)


@cache
def package_schema(name: str) -> Schema:
    """A schema of this package, by its file's name in ``schemas/``."""
    text = resources.files(__package__).joinpath("schemas", name).read_text(encoding="utf-8")
    schema: Schema = json.loads(text)
    return schema


def _joined(path: tuple[str | int, ...]) -> str:
    parts = (f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)
    return "".join(parts).removeprefix(".")


def misfit(content: object, schema: Schema) -> Misfit | None:
    """What fits least; None if all of it fits.

    What is expected is the `title` of the schema where it has one, else what the keyword says.
    """
    error: Any = best_match(_Validator(schema).iter_errors(content))
    if error is None:
        return None
    path, found = tuple(error.absolute_path), error.instance
    if error.validator == "required":
        missing = next(name for name in error.validator_value if name not in found)
        return Misfit((*path, missing), "is missing")
    if error.validator == "additionalProperties":
        unknown = next(name for name in found if name not in error.schema["properties"])
        return Misfit((*path, unknown), "unknown key")
    expected = _expected(error.validator, error.validator_value, error.schema)
    return Misfit(path, f"expected {expected}, found {_shown(found)}")


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(re.sub(r"\$$", r"\\Z", pattern))


def _pattern(_: object, pattern: str, value: object, _schema: Schema) -> Iterator[ValidationError]:
    """As in ECMA 262: $ is the end, where for Python a newline may follow."""
    if isinstance(value, str) and not _compiled(pattern).search(value):
        yield ValidationError(f"{value!r} does not match {pattern!r}")


def _is_integer(_: object, value: object) -> bool:
    """1.0 is not one here, though JSON Schema has it so."""
    return isinstance(value, int) and not isinstance(value, bool)


def _surely_fits(value: object, schema: object) -> bool:
    """Whether a value fits a schema of the keywords that most consist of; False: not known.

    The validator makes an object for each value that it looks at, and a vector file has 10^5.
    """
    if not isinstance(schema, Mapping) or not schema.keys() <= _COMMON:
        return False
    match schema.get("type"):
        case "string":
            return isinstance(value, str) and _string_fits(value, schema)
        case "integer" if "enum" not in schema:
            least, most = schema.get("minimum", -math.inf), schema.get("maximum", math.inf)
            return _is_integer(None, value) and least <= value <= most
        case "array" if "items" in schema:
            return isinstance(value, list) and all(
                _surely_fits(item, schema["items"]) for item in value
            )
        case "object" if schema.get("additionalProperties") is False:
            properties, required = schema.get("properties", {}), schema.get("required", ())
            return (
                isinstance(value, dict)
                and value.keys() <= properties.keys()
                and value.keys() >= set(required)
                and all(_surely_fits(item, properties[name]) for name, item in value.items())
            )
    return False


_COMMON = {
    *("type", "pattern", "minLength", "maxLength", "enum", "minimum", "maximum", "items"),
    *("properties", "required", "additionalProperties", "title", "description", "x-role"),
}


def _string_fits(value: str, schema: Schema) -> bool:
    return (
        ("pattern" not in schema or bool(_compiled(schema["pattern"]).search(value)))
        and schema.get("minLength", 0) <= len(value) <= schema.get("maxLength", math.inf)
        and ("enum" not in schema or value in schema["enum"])
    )


def _properties(
    validator: Any, properties: Schema, value: object, _schema: Schema
) -> Iterator[ValidationError]:
    if isinstance(value, dict):
        for name, inner in properties.items():
            if name in value and not _surely_fits(value[name], inner):
                yield from validator.descend(value[name], inner, path=name, schema_path=name)


_Validator: Any = validators.extend(  # type: ignore[no-untyped-call]
    Draft202012Validator,
    {"pattern": _pattern, "properties": _properties},
    type_checker=Draft202012Validator.TYPE_CHECKER.redefine("integer", _is_integer),
)


def _expected(keyword: str, value: Any, schema: Schema) -> str:
    if "title" in schema:
        return str(schema["title"])
    match keyword:
        case "type":
            return _TYPES[value]
        case "enum":
            return f"one of {', '.join(map(str, value))}"
        case "const":
            return str(value)
        case "minimum":
            return f"{value} or more"
        case "maximum":
            return f"{value} or less"
    return f"{keyword} {_shown(value)}"


def _shown(value: object, limit: int = 60) -> str:
    text = repr(value) if isinstance(value, str) else json.dumps(value, default=str)
    return text if len(text) <= limit else text[: limit - 1] + "…"

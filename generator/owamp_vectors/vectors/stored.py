"""Vector files as they are stored: read, checked against their schemas, walked case by case."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jsonschema

from ..disk import FileError
from .declaration import SCHEMA_VERSION, Json, VectorFile
from .schema import file_schema

SCHEMA_DIRECTORY = "schema"


def _no_duplicates(pairs: list[tuple[str, Any]]) -> Json:
    content = dict(pairs)
    if len(content) != len(pairs):
        raise ValueError("an object has the same key twice")
    return content


def parse(path: Path, text: str, files: Mapping[str, VectorFile]) -> tuple[VectorFile, Json]:
    """The declaration, of those in `files`, and the content of a vector file that fits its schema.

    Raises:
        FileError: not JSON, not a vector file of this project, of a newer schema, or not
            according to its schema.
    """
    try:
        content = json.loads(text, object_pairs_hook=_no_duplicates)
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise FileError(f"{path}: not JSON: {error.msg} at {where}") from None
    except (ValueError, RecursionError) as error:
        raise FileError(f"{path}: not usable as JSON: {error}") from None
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
    validator = jsonschema.Draft202012Validator(file_schema(file))
    problem = jsonschema.exceptions.best_match(validator.iter_errors(content))
    if problem is not None:
        where = problem.json_path.removeprefix("$.")
        message = problem.message if len(problem.message) <= 160 else problem.message[:159] + "…"
        raise FileError(f"{path}: does not fit {name} at {where}: {message}")
    _check_numbers(path, content)
    return file, content


def _check_numbers(path: Path, content: Json) -> None:
    """What a JSON Schema cannot say: tests are numbered 1, 2, …, and every flag has a note."""
    tests = [test for group in content["testGroups"] for test in group["tests"]]
    if content["numberOfTests"] != len(tests):
        found = content["numberOfTests"]
        raise FileError(f"{path}: numberOfTests: expected {len(tests)}, found {found}")
    for number, test in enumerate(tests, 1):
        if test["tcId"] != number:
            raise FileError(f"{path}: tcId: expected {number}, found {test['tcId']}")
        for flag in test["flags"]:
            if flag not in content["notes"]:
                raise FileError(f"{path}: tcId {number}: flag {flag} has no entry in notes")


def find(paths: list[Path]) -> list[Path]:
    """The files that paths name; a directory stands for the JSON files in it.

    Raises:
        FileError: a path that does not exist, or a directory without JSON files.
    """
    found = []
    for path in paths:
        if path.is_dir():
            inside = sorted(path.glob("*.json"))
            if not inside:
                raise FileError(f"{path}: expected vector files (*.json), found none")
            found += inside
        elif path.exists():
            found.append(path)
        else:
            raise FileError(f"{path}: no such file or directory")
    return found

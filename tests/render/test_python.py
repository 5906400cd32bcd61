"""The Python module of the vectors: imported, it has every value of the JSON."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import FrozenInstanceError
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from owamp_vectors.catalogue import FILES
from owamp_vectors.render.vector_sources import name_in_all
from owamp_vectors.vectors.declaration import Field, GroupType, Json, VectorFile

from ..support import stored
from .support import render, snake


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("python")
    result = render("python", directory)
    assert result.exit_code == 0, result.output
    return directory / "owamp_test_vectors.py"


@pytest.fixture(scope="module")
def module(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location("owamp_test_vectors", path)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look there
    try:
        spec.loader.exec_module(module)
    finally:
        del sys.modules[spec.name]
    return module


def in_json(value: Any) -> Any:
    """A value as JSON has it."""
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, Mapping):
        return {name: in_json(part) for name, part in value.items()}
    return [in_json(part) for part in value] if isinstance(value, tuple) else value


def member(item: Field, value: Any) -> Any:
    if item.kind == "records":
        return [
            {inner.name: in_json(getattr(record, snake(inner.name))) for inner in item.fields}
            for record in value
        ]
    return in_json(value)


def case_in_json(group_type: GroupType, test: Any) -> Json:
    found: Json = {
        "tcId": test.tc_id,
        "comment": test.comment,
        "source": test.source,
        "flags": list(test.flags),
        "trace": test.trace,
        "requirement": test.requirement,
        "result": test.result,
        "reason": test.reason,
        "stage": test.stage,
    }
    found |= members(group_type.inputs + group_type.outputs, test)
    found["alternatives"] = [
        present(
            {
                "reason": item.reason,
                "source": item.source,
                "requirement": item.requirement,
                "refused": item.refused or None,
                "stage": item.stage,
                **members(group_type.outputs, item),
            }
        )
        for item in test.alternatives
    ] or None
    return present(found)


def present(values: Json) -> Json:
    return {name: value for name, value in values.items() if value is not None}


def members(items: tuple[Field, ...], owner: Any) -> Json:
    values = [(item, getattr(owner, snake(item.name))) for item in items]
    return {item.name: None if v is None else member(item, v) for item, v in values}


@pytest.mark.parametrize("file", FILES.values(), ids=lambda file: file.name)
def test_module_has_every_value(file: VectorFile, module: ModuleType) -> None:
    content = stored(file)
    found = module.FILES[file.name]
    types = {name_in_all(file, group_type): group_type for group_type in file.types}
    groups = []
    for group in found.groups:
        name = type(group).__name__.removesuffix("Group")
        group_type = types[name]
        assert group in getattr(module, snake(name).upper())
        comment = {"comment": group.comment} if group.comment is not None else {}
        parameters = {
            item.name: member(item, getattr(group, snake(item.name)))
            for item in group_type.parameters
        }
        tests = [case_in_json(group_type, test) for test in group.tests]
        groups.append(
            {
                "type": group_type.name,
                "source": group.source,
                **comment,
                **parameters,
                "tests": tests,
            }
        )
    assert groups == content["testGroups"]
    assert found.number_of_tests == content["numberOfTests"]
    assert found.algorithm == content["algorithm"]
    assert found.generator_version == content["generatorVersion"]
    notes = {
        flag: {
            "bugType": note.bug_type,
            "description": note.description,
            **({"effect": note.effect} if note.effect is not None else {}),
        }
        for flag, note in found.notes.items()
    }
    assert notes == content["notes"]


def test_values_cannot_be_changed(module: ModuleType) -> None:
    test = module.TOKEN_OPEN[0].tests[0]
    assert isinstance(test.token, bytes)
    with pytest.raises(FrozenInstanceError):
        test.token = b""


def test_standard_library_is_enough(path: Path) -> None:
    code = f"import sys; sys.path.insert(0, {str(path.parent)!r}); import owamp_test_vectors"
    subprocess.run([sys.executable, "-I", "-S", "-W", "error", "-c", code], check=True)


def test_types_are_right(path: Path) -> None:
    pytest.importorskip("mypy", reason="mypy is not installed")
    use = path.with_name("use.py")
    use.write_text(
        "from owamp_test_vectors import FILES, TOKEN_OPEN\n"
        "for group in TOKEN_OPEN:\n"
        "    for test in group.tests:\n"
        "        key: bytes | None = test.token_key\n"
        'print(FILES["token"].groups[0].tests[0].tc_id + 1)\n',
        encoding="utf-8",
    )
    command = [sys.executable, "-m", "mypy", "--strict", "--config-file=", "--no-incremental"]
    checked = subprocess.run(
        [*command, "use.py"], cwd=path.parent, capture_output=True, text=True, check=False
    )
    assert checked.returncode == 0, checked.stdout

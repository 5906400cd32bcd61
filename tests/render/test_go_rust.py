"""The renderings in Go and Rust: compiled and run, they have every value of the JSON."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from owamp_vectors.render.vector_sources import name_in_all
from owamp_vectors.vectors.declaration import Field, GroupType, Json

from ..support import stored
from .support import TYPES, render, snake


def run(command: list[str], directory: Path) -> str:
    found = subprocess.run(command, cwd=directory, capture_output=True, text=True, check=False)
    assert found.returncode == 0, found.stderr[:2000]
    return found.stdout


def of_type(groups: Iterable[Json], group_type: GroupType) -> list[Json]:
    """The groups of a type, in the form of these renderings."""
    return [
        {
            "source": group["source"],
            "comment": group.get("comment"),
            "parameters": chosen(group_type.parameters, group),
            "tests": [of_test(test, group_type) for test in group["tests"]],
        }
        for group in groups
        if group["type"] == group_type.name
    ]


def chosen(items: Iterable[Field], values: Json) -> Json:
    return {item.name: values[item.name] for item in items}


def of_test(test: Json, group_type: GroupType) -> Json:
    is_invalid = test["result"] == "invalid"
    return {
        **{name: test[name] for name in ("tcId", "comment", "source", "flags")},
        "trace": test.get("trace"),
        **{name: test[name] for name in ("requirement", "result")},
        **{name: test.get(name) for name in ("reason", "stage")},
        "inputs": chosen(group_type.inputs, test),
        "outputs": None if is_invalid else chosen(group_type.outputs, test),
        "alternatives": [
            {
                **{name: item[name] for name in ("reason", "source", "requirement")},
                "stage": item.get("stage"),
                "outputs": None if "refused" in item else chosen(group_type.outputs, item),
            }
            for item in test.get("alternatives", ())
        ],
    }


@pytest.mark.skipif(shutil.which("go") is None, reason="go is not installed")
def test_go_has_every_value(tmp_path: Path) -> None:
    result = render("go", tmp_path)
    assert result.exit_code == 0, result.output
    (tmp_path / "go.mod").write_text("module owampvectors\n\ngo 1.19\n", encoding="utf-8")
    names = [name_in_all(file, group_type) for file, group_type in TYPES]
    prints = "\n".join(f'"{name}": owampvectors.{name},' for name in names)
    program = tmp_path / "print" / "main.go"
    program.parent.mkdir()
    program.write_text(
        'package main\nimport ("encoding/json"; "os"; "owampvectors")\n'
        f"func main() {{ json.NewEncoder(os.Stdout).Encode(map[string]any{{\n{prints}\n}}) }}\n",
        encoding="utf-8",
    )
    found = json.loads(run(["go", "run", "./print"], tmp_path))
    for file, group_type in TYPES:
        expected = of_type(stored(file)["testGroups"], group_type)
        assert found[name_in_all(file, group_type)] == without_null(expected)


def without_null(value: Any) -> Any:
    """With an empty string for a text that is not there."""
    if isinstance(value, list):
        return [without_null(part) for part in value]
    if isinstance(value, dict):
        return {
            name: "" if part is None and name != "outputs" else without_null(part)
            for name, part in value.items()
        }
    return value


@pytest.mark.skipif(shutil.which("rustc") is None, reason="rustc is not installed")
def test_rust_has_every_value(tmp_path: Path) -> None:
    module = tmp_path / "owamp_test_vectors"
    result = render("rust", module)
    assert result.exit_code == 0, result.output
    names = [(snake(file.name), snake(name_in_all(file, item)).upper()) for file, item in TYPES]
    prints = "\n".join(f'println!("{{:?}}", v::{file}::{name});' for file, name in names)
    main = f"mod owamp_test_vectors;\nuse owamp_test_vectors as v;\nfn main() {{\n{prints}\n}}\n"
    (tmp_path / "main.rs").write_text(main, encoding="utf-8")
    run(["rustc", "--edition", "2021", "-D", "warnings", "main.rs"], tmp_path)
    lines = run(["./main"], tmp_path).rstrip("\n").split("\n")
    for (file, group_type), line in zip(TYPES, lines, strict=True):
        groups = of_type(stored(file)["testGroups"], group_type)
        # Debug writes marks that combine with what is before them as their number
        found = re.sub(r"\\u\{(\w+)\}", lambda match: chr(int(match[1], 16)), line)
        named = replace(group_type, name=name_in_all(file, group_type))
        assert found == listed(debug_group(group, named) for group in groups)


def listed(parts: Iterable[str]) -> str:
    return f"[{', '.join(parts)}]"


def struct(name: str, members: Iterable[tuple[str, str]]) -> str:
    """As `derive(Debug)` prints a structure."""
    inside = ", ".join(f"{snake(member)}: {value}" for member, value in members)
    return f"{name} {{ {inside} }}" if inside else name


def plain(value: Any) -> str:
    if value is None:
        return "None"
    if isinstance(value, str):
        value = re.sub(r'(["\\])', r"\\\1", value)
        for char, letter in (("\n", "n"), ("\r", "r"), ("\t", "t"), ("\0", "0")):
            value = value.replace(char, f"\\{letter}")
        return f'"{value}"'
    return str(value).lower() if isinstance(value, bool) else str(value)


def optional(value: str | None) -> str:
    return "None" if value is None else f"Some({plain(value)})"


def octets(digits: str) -> str:
    return str(list(bytes.fromhex(digits)))


def whole(value: Any) -> str:
    if isinstance(value, dict):
        pairs = (f'("{name}", {whole(part)})' for name, part in value.items())
        return f"Object({listed(pairs)})"
    if isinstance(value, list):
        return f"List({listed(map(whole, value))})"
    return f"Integer({value})" if isinstance(value, int) else f"Octets({octets(value)})"


def debug(owner: str, item: Field, value: Any) -> str:
    if item.kind == "records":
        name = f"{owner}{item.name[0].upper()}{item.name[1:]}"
        return listed(debug_struct(name, item.fields, part, name) for part in value)
    if item.kind == "object":
        return whole(value)
    one = octets if item.kind == "octets" else plain
    return listed(map(one, value)) if item.is_list else one(value)


def debug_struct(name: str, items: Iterable[Field], values: Json, owner: str) -> str:
    return struct(name, ((item.name, debug(owner, item, values[item.name])) for item in items))


def debug_outputs(group_type: GroupType, values: Json | None) -> str:
    name = group_type.name
    if values is None:
        return "None"
    return f"Some({debug_struct(f'{name}Outputs', group_type.outputs, values, name)})"


def debug_group(group: Json, group_type: GroupType) -> str:
    name = group_type.name
    parameters = debug_struct(f"{name}Parameters", group_type.parameters, group["parameters"], name)
    members = [
        ("source", plain(group["source"])),
        ("comment", optional(group["comment"])),
        ("parameters", parameters),
        ("tests", listed(debug_test(test, group_type) for test in group["tests"])),
    ]
    return struct("Group", members)


def debug_test(test: Json, group_type: GroupType) -> str:
    name = group_type.name
    inputs = debug_struct(f"{name}Inputs", group_type.inputs, test["inputs"], name)
    special = {
        "flags": listed(map(plain, test["flags"])),
        **{part: optional(test[part]) for part in ("trace", "reason", "stage")},
        "inputs": inputs,
        "outputs": debug_outputs(group_type, test["outputs"]),
        "alternatives": listed(
            struct(
                "Alternative",
                (
                    *((part, plain(item[part])) for part in ("reason", "source", "requirement")),
                    ("stage", optional(item["stage"])),
                    ("outputs", debug_outputs(group_type, item["outputs"])),
                ),
            )
            for item in test["alternatives"]
        ),
    }
    return struct("Test", ((part, special.get(part) or plain(test[part])) for part in test))


def test_a_number_that_no_type_holds_is_refused(tmp_path: Path) -> None:
    content = json.loads(json.dumps(stored(TYPES[0][0])))
    content["testGroups"][0]["tests"][0]["count"] = 2**63
    (tmp_path / "token.json").write_text(json.dumps(content), encoding="utf-8")
    for form in ("go", "rust"):
        result = render(form, tmp_path / form, "token", "--vectors", str(tmp_path))
        assert result.exit_code == 3
        assert "found 9223372036854775808" in result.stderr
        assert not (tmp_path / form).exists()

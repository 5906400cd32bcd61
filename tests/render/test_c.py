"""The C rendering: strict C99 and C++11, without a warning, and every value of the JSON."""

from __future__ import annotations

import json
import shutil
import subprocess
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from owamp_vectors.catalogue import FILES
from owamp_vectors.render.vectors_c import c_comment, c_string
from owamp_vectors.vectors.declaration import Json, VectorFile

from ..support import VECTORS, stored
from .support import render, snake, values_of
from .walker import walker

STRICT = ["-Wall", "-Wextra", "-Wpedantic", "-Wshadow", "-Wconversion", "-Werror"]
COMPILERS = {
    "c99": ["cc", "-std=c99", "-Wunused-const-variable", "-Woverlength-strings", *STRICT],
    "c++11": ["g++", "-x", "c++", "-std=c++11", *STRICT],
}
OCTETS, INTEGER, LIST, OBJECT = range(4)


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("c")
    result = render("c", directory)
    assert result.exit_code == 0, result.output
    return directory


def compiler(standard: str) -> list[str]:
    command = COMPILERS[standard]
    if shutil.which(command[0]) is None:
        pytest.skip(f"{standard} needs {command[0]}, which is not installed")
    return command


def compile_and_run(command: list[str], directory: Path, sources: list[Path]) -> str:
    program = directory / "walker"
    include = f"-I{sources[-1].parent}"
    built = subprocess.run(
        [*command, include, "-o", str(program), *map(str, sources)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert built.returncode == 0, built.stderr
    run = subprocess.run([str(program)], capture_output=True, check=True)
    return run.stdout.decode()


def rebuilt(members: list[tuple[str, int, int, str | None]]) -> Any:
    """The object that a table of paths describes."""
    path, kind, size, octets = members.pop(0)
    if kind == OCTETS:
        assert size == 0
        assert octets is not None
        return octets
    assert octets is None
    if kind == INTEGER:
        return size
    if kind == LIST:
        found = []
        for number in range(size):
            assert members[0][0] == f"{path}[{number}]"
            found.append(rebuilt(members))
        return found
    assert kind == OBJECT
    prefix = f"{path}." if path else ""
    values = {}
    for _ in range(size):
        assert members[0][0].startswith(prefix)
        name = members[0][0].removeprefix(prefix)
        values[name] = rebuilt(members)
    return values


def rebuild_objects(file: VectorFile, groups: list[Json]) -> None:
    types = {group_type.name: group_type for group_type in file.types}
    for group in groups:
        names = [item.name for item, _ in values_of(types[group["type"]]) if item.kind == "object"]
        for test in group["tests"]:
            for found in (test, *test.get("alternatives", ())):
                for name in names:
                    if name in found:
                        members = found[name]
                        found[name] = rebuilt(members)
                        assert not members


@pytest.mark.parametrize("file", FILES.values(), ids=lambda file: file.name)
@pytest.mark.parametrize("standard", COMPILERS)
def test_tables_have_every_value(
    standard: str, file: VectorFile, sources: Path, tmp_path: Path
) -> None:
    command = compiler(standard)
    content = stored(file)
    program = tmp_path / "walker.c"
    program.write_text(walker(file), encoding="utf-8")
    tables = sources / f"owamp_tv_{snake(file.name)}.c"
    *lines, last = compile_and_run(command, tmp_path, [program, tables]).splitlines()
    printed = [json.loads(line) for line in lines]
    groups = [item for item in printed if "type" in item]
    groups.sort(key=lambda group: group["tests"][0]["tcId"])
    rebuild_objects(file, groups)
    assert groups == content["testGroups"]
    notes = {item.pop("flag"): item for item in printed if "flag" in item}
    assert notes == content["notes"]
    digest = sha256((VECTORS / f"{file.name}.json").read_bytes()).hexdigest()
    assert last == f"{content['numberOfTests']} {digest}"


def test_files_go_together_in_one_program(sources: Path, tmp_path: Path) -> None:
    """All headers in one unit, twice, and all tables linked: no name is used twice."""
    headers = [f'#include "{path.name}"' for path in sorted(sources.glob("*.h"))] * 2
    program = tmp_path / "all.c"
    program.write_text("\n".join([*headers, "int main(void) { return 0; }", ""]), encoding="utf-8")
    compile_and_run(compiler("c99"), tmp_path, [program, *sorted(sources.glob("*.c"))])


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=50))
def test_string_literals_are_ascii_and_end_where_they_should(text: str) -> None:
    literal = c_string(text)
    assert literal.isascii()
    assert literal.isprintable()
    assert "??" not in literal  # no trigraphs
    escaped = literal[1:-1].replace("\\?", "?").encode()
    assert escaped.decode("unicode_escape").encode("latin-1").decode() == text


def test_comments_cannot_be_ended_by_their_text() -> None:
    assert c_comment("a */ int x; /* b", "").count("*/") == 1

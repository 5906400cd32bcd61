"""`owamp-vectors render`: what it writes, the same each time, and what it says of bad input."""

from __future__ import annotations

import json
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import pytest
from owamp_vectors.catalogue import FILES
from owamp_vectors.disk import MANIFEST
from owamp_vectors.vectors.declaration import GENERATOR_VERSION, Json

from ..support import VECTORS
from .support import render

NAMES = {
    "c": {"owamp_tv.h"}
    | {f"owamp_tv_{name.replace('-', '_')}.{suffix}" for name in FILES for suffix in "ch"},
    "python": {"owamp_test_vectors.py"},
    "text": {f"{name}.txt" for name in FILES},
}


def contents(directory: Path) -> dict[str, bytes]:
    paths = (path for path in directory.iterdir() if path.name != MANIFEST)
    return {path.name: path.read_bytes() for path in paths}


@pytest.mark.parametrize("form", NAMES)
def test_same_octets_each_time_with_notice_and_digest(form: str, tmp_path: Path) -> None:
    for run in ("1", "2"):
        result = render(form, tmp_path / run)
        assert result.exit_code == 0, result.output
    texts = contents(tmp_path / "1")
    assert texts == contents(tmp_path / "2")
    assert set(texts) == NAMES[form]
    assert all(name in result.output for name in texts)
    made_by = f"owamp-vectors {GENERATOR_VERSION}".encode()
    assert all(b"CC0-1.0" in text and made_by in text for text in texts.values())
    everything = b"".join(texts.values())
    for name in FILES:
        assert sha256((VECTORS / f"{name}.json").read_bytes()).hexdigest().encode() in everything


@pytest.mark.parametrize("form", NAMES)
def test_named_files_alone(form: str, tmp_path: Path) -> None:
    result = render(form, tmp_path, "attacks", "token", "attacks")
    assert result.exit_code == 0, result.output
    everything = b"".join(contents(tmp_path).values())
    for name in FILES:
        digest = sha256((VECTORS / f"{name}.json").read_bytes()).hexdigest().encode()
        assert (digest in everything) == (name in ("attacks", "token"))


def test_default_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert render("text", None, "attacks").exit_code == 0
    assert (tmp_path / "build" / "render" / "text" / "attacks.txt").exists()


def change_messages(content: Json, value: object) -> None:
    content["testGroups"][0]["tests"][0]["fields"]["modes"] = value


def lengthen_comment(content: Json) -> None:
    content["testGroups"][0]["tests"][0]["comment"] = "x" * 4096


def widen_integer(content: Json) -> None:
    change_messages(content, 2**63)


ANY = tuple(NAMES)


@pytest.mark.parametrize(
    ("change", "forms", "message"),
    [
        (widen_integer, ("c",), f"{2**63} does not fit into int64_t"),
        (lengthen_comment, ("c",), "a string of 4096 octets is too long for C99"),
    ],
)
def test_value_without_a_place(
    change: Callable[[Json], None], forms: tuple[str, ...], message: str, tmp_path: Path
) -> None:
    content = json.loads((VECTORS / "messages.json").read_text(encoding="utf-8"))
    change(content)
    (tmp_path / "messages.json").write_text(json.dumps(content), encoding="utf-8")
    for form in forms:
        out = tmp_path / form
        result = render(form, out, "messages", "--vectors", str(tmp_path))
        assert result.exit_code == 3
        assert result.output.startswith("Error: messages.json: cannot be rendered: ")
        assert message in result.output
        assert not out.exists()


def test_another_file_under_the_name(tmp_path: Path) -> None:
    (tmp_path / "token.json").write_bytes((VECTORS / "attacks.json").read_bytes())
    result = render("c", tmp_path / "c", "token", "--vectors", str(tmp_path))
    assert result.exit_code == 3
    assert "schema: expected token.schema.json, found attacks.schema.json" in result.output


def test_no_such_file(tmp_path: Path) -> None:
    result = render("c", tmp_path / "c", "token", "--vectors", str(tmp_path))
    assert result.exit_code == 3
    assert "token.json: cannot be read" in result.output


@pytest.mark.parametrize("arguments", [("c", "nothing"), ("pascal",)])
def test_wrong_command_line(arguments: tuple[str, ...], tmp_path: Path) -> None:
    assert render(arguments[0], tmp_path, *arguments[1:]).exit_code == 2

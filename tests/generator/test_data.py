"""The data that the commands read: those here, else those that came with the code."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner
from owamp_vectors.commands import options
from owamp_vectors.commands.cli import main

from ..support import MODELS, VECTORS


@pytest.fixture
def empty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory, which is empty."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def installed(empty: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The data of a package that is not a checkout."""
    data = empty / "site-packages" / "owamp_vectors" / "data"
    shutil.copytree(VECTORS, data / "vectors")
    shutil.copytree(MODELS, data / "models")
    monkeypatch.setattr(options, "PACKAGE", data.parent)
    return data


def mark(vectors: Path) -> None:
    """Change the comment of the first case of token.json."""
    path = vectors / "token.json"
    content = json.loads(path.read_text(encoding="utf-8"))
    content["testGroups"][0]["tests"][0]["comment"] = "a case of one's own"
    path.write_text(json.dumps(content), encoding="utf-8")


COMMANDS = ("show token 1", "claims --claim token-forgery", "trace token-forgery", "chain t3")


@pytest.mark.parametrize("command", [*COMMANDS, "render c token"])
def test_in_an_empty_directory_the_checkout_of_the_code_is_read(empty: Path, command: str) -> None:
    result = CliRunner().invoke(main, command.split())
    assert result.exit_code == 0, result.output


@pytest.mark.parametrize("command", COMMANDS)
def test_in_an_empty_directory_the_data_of_the_package_are_read(
    installed: Path, command: str
) -> None:
    mark(installed / "vectors")
    result = CliRunner().invoke(main, command.split())
    assert result.exit_code == 0, result.output
    assert ("a case of one's own" in result.output) is command.startswith("show")


def test_what_is_here_comes_before_the_package(installed: Path) -> None:
    shutil.copytree(VECTORS, "vectors")
    mark(Path("vectors"))
    result = CliRunner().invoke(main, ["show", "token", "1"])
    assert "a case of one's own" in result.output


def test_a_directory_that_only_has_the_name_is_not_meant(empty: Path) -> None:
    Path("models").mkdir()
    Path("vectors").mkdir()
    assert CliRunner().invoke(main, ["claims", "--claim", "token-forgery"]).exit_code == 0
    assert CliRunner().invoke(main, ["show", "token", "1"]).exit_code == 0


@pytest.mark.parametrize("command", ["prove", "prove --merge .", "trace --redraw"])
def test_nothing_is_written_into_the_package(installed: Path, command: str) -> None:
    before = {path: path.stat().st_mtime_ns for path in installed.rglob("*")}
    result = CliRunner().invoke(main, command.split())
    assert result.exit_code == 2
    assert "expected --proofs DIR" in result.stderr
    assert {path: path.stat().st_mtime_ns for path in installed.rglob("*")} == before

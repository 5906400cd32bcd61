"""`.ci/check` runs every check, and fails if one does or if vectors/ is not what is made."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
LINTERS = ("ruff", "mypy", "vulture")

pytestmark = pytest.mark.skipif(
    not all(map(shutil.which, ("bash", "diff"))), reason="needs bash and diff"
)


class Checkout:
    """The script, committed vectors, and linters that are content; `made` is what is generated."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.vectors, self.made, self.bin = root / "vectors", root / "made", root / "bin"
        for directory in (self.vectors, self.made):
            (directory / "schema").mkdir(parents=True)
            (directory / "token.json").write_text("{}\n", encoding="utf-8")
            (directory / "schema" / "token.schema.json").write_text("{}\n", encoding="utf-8")
        for name in ("README.md", "go.mod", "package.json"):  # written by hand
            (self.vectors / name).touch()
        (root / ".ci").mkdir()
        shutil.copy(ROOT / ".ci" / "check", root / ".ci")
        self.bin.mkdir()
        for name in LINTERS:
            self.tool(name, "exit 0")
        self.tool("owamp-vectors", f'cp -r {self.made}/. "$3"')  # generate --output DIRECTORY

    def tool(self, name: str, body: str) -> None:
        path = self.bin / name
        path.write_text(f"#!/bin/sh\n{body}\n", encoding="utf-8")
        path.chmod(0o755)

    def check(self) -> subprocess.CompletedProcess[str]:
        command = [self.root / ".ci" / "check", self.bin]
        return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    return Checkout(tmp_path)


def test_nothing_is_wrong(checkout: Checkout) -> None:
    result = checkout.check()
    assert result.returncode == 0, result.stdout
    assert "FAILED" not in result.stdout


@pytest.mark.parametrize("name", LINTERS)
def test_a_linter_that_fails_is_named_and_the_others_run(checkout: Checkout, name: str) -> None:
    checkout.tool(name, "exit 1")
    result = checkout.check()
    assert result.returncode == 1
    assert f"FAILED: {name}" in result.stdout
    assert all(f"check: {other}" in result.stdout for other in (*LINTERS, "vectors"))


def test_vectors_that_are_not_made_fail(checkout: Checkout) -> None:
    checkout.tool("owamp-vectors", "exit 3")
    assert "FAILED: vectors" in checkout.check().stdout


@pytest.mark.parametrize("directory", ["vectors", "made"])
@pytest.mark.parametrize("name", ["token.json", "schema/token.schema.json"])
@pytest.mark.parametrize("is_missing", [True, False], ids=["missing", "changed"])
def test_a_file_that_is_not_the_one_made_is_named(
    checkout: Checkout, directory: str, name: str, is_missing: bool
) -> None:
    path = checkout.root / directory / name
    path.unlink() if is_missing else path.write_text("{} \n", encoding="utf-8")
    before = {path: path.read_bytes() for path in checkout.vectors.rglob("*.json")}
    result = checkout.check()
    assert result.returncode == 1
    assert path.name in result.stdout
    assert result.stdout.endswith("FAILED: vectors\n")
    assert {path: path.read_bytes() for path in checkout.vectors.rglob("*.json")} == before

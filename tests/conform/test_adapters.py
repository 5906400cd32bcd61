"""The adapters of other languages, built as their README says, pass every case."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest
from click.testing import CliRunner
from owamp_vectors.catalogue import FILES
from owamp_vectors.commands.cli import main

from ..support import VECTORS, stored

ADAPTERS = VECTORS.parent / "adapters"
BUILDS: dict[
    str, tuple[list[str], list[str]]
] = {  # how to build, and how to run; {} is a directory
    "c": (
        ["sh", "-c", "cc -std=c11 -Wall -Wextra -Werror -O2 -o {}/adapter *.c -lcrypto"],
        ["{}/adapter"],
    ),
    "go": (["go", "build", "-o", "{}/adapter", "."], ["{}/adapter"]),
    "java": (
        ["javac", "-Xlint:all", "-Werror", "-d", "{}", "Adapter.java"],
        ["java", "-cp", "{}", "Adapter"],
    ),
    "javascript": ([], ["node", f"{ADAPTERS}/javascript/adapter.js"]),
}


def run_of(name: str, directory: Path) -> list[str]:
    """Build an adapter in a directory; how to run it. Skips if its tools are not installed."""
    build, run = ([part.format(directory) for part in command] for command in BUILDS[name])
    for tool in [command[0] for command in (build, run) if command]:
        if not tool.startswith("/") and shutil.which(tool) is None:
            pytest.skip(f"the adapter in {name} needs {tool}, which is not installed")
    if name == "c":
        probe = ["cc", "-E", "-"]
        header = b"#include <openssl/evp.h>\n"
        if shutil.which("cc") is None:
            pytest.skip("the adapter in c needs cc, which is not installed")
        if subprocess.run(probe, input=header, capture_output=True, check=False).returncode:
            pytest.skip("the adapter in c needs the headers of OpenSSL, which are not installed")
    if build:
        source = ADAPTERS / name
        built = subprocess.run(build, cwd=source, capture_output=True, text=True, check=False)
        assert built.returncode == 0, built.stderr
    return run


@pytest.mark.parametrize("name", BUILDS)
def test_adapter_passes_every_case(name: str, tmp_path: Path) -> None:
    run = run_of(name, tmp_path)
    out = tmp_path / "run.json"
    options = ["--vectors", str(VECTORS), "--timeout", "60", "--json", str(out)]
    result = CliRunner().invoke(main, ["conform", *options, "--", *run])
    assert result.exit_code == 0, result.output
    content = json.loads(out.read_text(encoding="utf-8"))
    assert content["passed"] == sum(stored(file)["numberOfTests"] for file in FILES.values())


@pytest.mark.parametrize(
    ("name", "command"), [("go", ["go", "test", "./..."]), ("javascript", ["node", "--test", "."])]
)
def test_adapter_passes_the_package_of_the_vectors(name: str, command: list[str]) -> None:
    if shutil.which(command[0]) is None:
        pytest.skip(f"the adapter in {name} needs {command[0]}, which is not installed")
    source = ADAPTERS / name
    found = subprocess.run(command, cwd=source, capture_output=True, text=True, check=False)
    assert found.returncode == 0, found.stdout


@pytest.mark.parametrize("name", BUILDS)
def test_files_of_adapters_are_short(name: str) -> None:
    for path in (ADAPTERS / name).iterdir():
        assert len(path.read_text(encoding="utf-8").splitlines()) < 300, path

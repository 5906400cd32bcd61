"""The command is also the package, run as a program."""

from __future__ import annotations

import subprocess
import sys

from owamp_reference import __version__


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "owamp_vectors", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_the_package_is_the_command() -> None:
    result = run("--version")
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout == f"owamp-vectors, version {__version__}\n"


def test_its_exit_codes_are_the_commands() -> None:
    result = run("show", "token", "0")
    assert result.returncode == 2
    assert result.stderr.startswith("Usage: owamp-vectors show ")

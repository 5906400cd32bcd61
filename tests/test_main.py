"""The command is also the package, run as a program."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest
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


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-"])
def test_a_stream_that_is_closed_is_no_fault(closed: str) -> None:
    shell = ["sh", "-c", f'exec "$0" -m owamp_vectors list {closed}', sys.executable]
    result = subprocess.run(shell, capture_output=True, text=True, check=False)
    assert (result.returncode, result.stderr) == (0, "")
    assert bool(result.stdout) == (closed != ">&-")


@pytest.mark.parametrize("arguments", [("--help",), ("--version",), ("list", "--json", "-")])
def test_output_that_nobody_reads_is_no_difference(arguments: tuple[str, ...]) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    command = [sys.executable, "-m", "owamp_vectors", *arguments]
    result = subprocess.run(command, stdout=writer, stderr=subprocess.PIPE, check=False, text=True)
    os.close(writer)
    assert (result.returncode, result.stderr) == (128 + signal.SIGPIPE, "")

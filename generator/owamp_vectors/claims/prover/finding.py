"""Finding a tamarin-prover that works."""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

INSTALL_PAGE = "https://tamarin-prover.com/manual/master/book/002_installation.html"
MINIMUM = (1, 8)
_WRITES_TRACES = (1, 10)


class NoProverError(Exception):
    """No usable tamarin-prover; the text is one line for people."""


@dataclass(frozen=True)
class Prover:
    """A tamarin-prover that answered.

    Attributes:
        path: its executable.
        version, revision, maude: as it says itself.
    """

    path: str
    version: str
    revision: str
    maude: str

    @property
    def writes_traces(self) -> bool:
        """Whether it writes the trace that it finds as JSON and as a graph."""
        return _numbers(self.version) >= _WRITES_TRACES


def what_it_says(
    program: str, option: str, page: str, seconds: float
) -> subprocess.CompletedProcess[str]:
    """What a prover prints about itself.

    Args:
        page: how to install it, for the error.
    Raises:
        NoProverError: it does not run, or not to its end in this time.
    """
    try:
        return subprocess.run(  # noqa: S603
            [program, option],
            capture_output=True,
            text=True,
            errors="replace",
            timeout=seconds,
            check=False,
            stdin=subprocess.DEVNULL,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise NoProverError(f"{program} {option}: {error}; see {page}") from None


def find_prover(path: str | None) -> Prover:
    """The tamarin-prover at a path, or on PATH.

    Raises:
        NoProverError: there is none, it is older than 1.8, has no Maude, or does not run.
    """
    found = shutil.which(path or "tamarin-prover")
    if found is None:
        where = path or "tamarin-prover is not on PATH"
        missing = f"{where}: no such program" if path else where
        raise NoProverError(f"{missing}; to install it see {INSTALL_PAGE}")
    ran = what_it_says(found, "--version", INSTALL_PAGE, 120)
    text = ran.stdout + ran.stderr
    version = re.search(r"(?:Tamarin version|tamarin-prover) (\d+(?:\.\d+)+)", text)
    if ran.returncode != 0 or version is None:
        raise NoProverError(f"{found}: is not a working tamarin-prover; see {INSTALL_PAGE}")
    minimum = ".".join(map(str, MINIMUM))
    if _numbers(version[1]) < MINIMUM:
        raise NoProverError(
            f"{found}: version {version[1]}, expected {minimum} or later; see {INSTALL_PAGE}"
        )
    path = str(Path.cwd() / found)  # provers run in directories of their own
    maude = re.search(r"Maude version (\d[\w.+-]*)", text)
    if maude is None:
        raise NoProverError(f"{found}: finds no Maude; see {INSTALL_PAGE}")
    revision = re.search(r"Git revision: (.+)", text)
    return Prover(path, version[1], revision[1].strip() if revision else "unknown", maude[1])


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(map(int, version.split(".")))

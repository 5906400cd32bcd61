"""What the prover is run with, and its runs, which end in time."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path

from ...disk import FileError
from ..declared import Claim, Job
from ..theory_text import Theory
from .finding import Prover

TIMEOUT = 600
MEMORY = 8

_DERIVATION_CHECKS = 300
"""Seconds for the derivation checks; Tamarin's own 5 make a busy machine fail them."""


@dataclass(frozen=True)
class RunLimits:
    """What a run may take: GiB of memory, and seconds for a lemma or for all of a theory."""

    memory: int = MEMORY
    timeout: int = TIMEOUT


def theory_options(job: Job, *, derivations: bool = True) -> list[str]:
    """How the prover reads a theory that is resolved: without flags, and with all its checks.

    Args:
        derivations: whether it checks that rules can derive what they send. This takes most of the
            time of a run that searches for no proof, and does not depend on proofs.
    """
    strict = ["--diff"] if job.diff else ["--quit-on-warning"]
    return [f"--derivcheck-timeout={_DERIVATION_CHECKS if derivations else 0}", *strict]


def runtime(memory: int) -> list[str]:
    """What the prover gets of the machine: one processor, GiB of memory, and room for new terms.

    There are 256 MiB between two collections of garbage (-A, -n), and old terms are collected when
    they take four times the room that they had (-F). Checking the proofs of rfc4656 takes a quarter
    less time with this than with 4 MiB, which is the default.
    """
    return ["+RTS", "-N1", "-A256m", "-n4m", "-F4", f"-M{memory}g", "-RTS"]


def proving_run(theory: Theory, claims: list[Claim], memory: int) -> list[str]:
    """The run that decides claims of one theory and one search, from a file of the theory's title.

    It is one process for all of them. Most of the time goes into what they share: the checks, and
    the sources of facts and messages.
    """
    job, names = claims[0].job, [claim.job.lemma for claim in claims]
    everything = not theory.diff and set(names) == {lemma.name for lemma in theory.lemmas}
    wanted = ["--prove"] if everything else [f"--prove={name}" for name in names]
    search = f"--stop-on-trace={claims[0].search}"
    return [*wanted, search, *theory_options(job), f"{job.title}.spthy", *runtime(memory)]


def command(theory: Theory, claims: list[Claim], memory: int = MEMORY) -> str:
    """What decides claims of a theory, for a shell in the directory of the models' directory."""
    title = claims[0].job.title
    resolved = f"owamp-vectors prove --print-theory {title} > {title}.spthy"
    return " ".join([resolved, "&& tamarin-prover", *proving_run(theory, claims, memory)])


@dataclass(frozen=True)
class Ran:
    """What is left of a run: exit code, whether its time was up, seconds, and what it printed."""

    code: int
    timed_out: bool
    seconds: float
    out: str
    err: str


class Processes:
    """Starts a program, each run in a process group of its own, and can end all of them."""

    def __init__(self, path: str) -> None:
        self.path = path
        self._running: set[subprocess.Popen[bytes]] = set()
        self._lock = threading.Lock()
        self._stopped = False

    def run(self, arguments: list[str], directory: Path, timeout: float) -> Ran:
        """Run the program, and end it with everything that it started when the time is up."""
        with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
            started = time.monotonic()
            with self._lock:
                if self._stopped:
                    raise FileError("stopped")
                process = subprocess.Popen(  # noqa: S603
                    [self.path, *arguments],
                    cwd=directory,
                    stdout=out,
                    stderr=err,
                    stdin=subprocess.DEVNULL,
                    start_new_session=True,
                )
                self._running.add(process)
            try:
                process.wait(timeout)
                timed_out = False
            except subprocess.TimeoutExpired:
                timed_out = True
            finally:
                _kill_group(process)
                process.wait()
                with self._lock:
                    self._running.discard(process)
            seconds = time.monotonic() - started
            texts = []
            for stream in (out, err):
                stream.seek(0)
                texts.append(stream.read().decode(errors="replace"))
        return Ran(process.returncode, timed_out, round(seconds, 1), *texts)

    def stop(self) -> None:
        """End everything that runs, and start nothing more."""
        with self._lock:
            self._stopped = True
            for process in self._running:
                _kill_group(process)


class Runner(Processes):
    """Starts a tamarin-prover, and can end all that it runs."""

    def __init__(self, prover: Prover) -> None:
        super().__init__(prover.path)
        self.prover = prover


def _kill_group(process: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):  # all gone already
        os.killpg(process.pid, signal.SIGKILL)

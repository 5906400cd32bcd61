"""Processes and threads in network namespaces that have no name.

A namespace lives as long as the process that holds it, and that process ends with the thread that
started it: nothing is left behind, however a test ends, and two runs do not meet.
"""

from __future__ import annotations

import ctypes
import os
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")

TIMEOUT = 30.0
"""Seconds, after which a step is taken to have failed."""
_CLONE_NEWNET = 0x40000000


class CommandError(Exception):
    """A command that failed, and what it said."""


def run(*command: str | Path, environment: dict[str, str] | None = None) -> str:
    """The output of a command. Raises `CommandError` if it fails."""
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        timeout=TIMEOUT,
        env=os.environ | (environment or {}),
        check=False,
    )
    if done.returncode:
        said = (done.stderr.strip() or done.stdout.strip()).partition("\n")[0]
        raise CommandError(f"{Path(command[0]).name}: {said}")
    return done.stdout


def wait_until(condition: Callable[[], bool], what: str) -> None:
    """Return when it holds. Raises `TimeoutError` if it never does."""
    end = time.monotonic() + TIMEOUT
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError(f"no {what} within {TIMEOUT:.0f} s")
        time.sleep(0.02)


@contextmanager
def process(
    *command: str | Path, environment: dict[str, str] | None = None, output: Path | None = None
) -> Iterator[int]:
    """A process that ends with this block, or with this thread; its process ID."""
    with (
        tempfile.TemporaryFile() if output is None else output.open("wb") as stream,
        subprocess.Popen(
            ["setpriv", "--pdeathsig", "KILL", *command],
            stdin=subprocess.PIPE,
            stdout=stream,
            stderr=stream,
            env=os.environ | (environment or {}),
        ) as running,
    ):
        try:
            yield running.pid
        finally:
            running.terminate()
            try:
                running.wait(5)
            except subprocess.TimeoutExpired:
                running.kill()


def is_running(process_id: int) -> bool:
    """Whether a child of this process has not ended."""
    return not Path(f"/proc/{process_id}/stat").read_text().rpartition(")")[2].startswith(" Z")


@contextmanager
def namespaces() -> Iterator[int]:
    """New network and mount namespaces; the ID of the process that holds them.

    Raises:
        CommandError: there are none.
    """
    with process("unshare", "--net", "--mount", "--", "cat") as holder:
        try:
            wait_until(lambda: _namespace_of(holder) != _namespace_of("self"), "namespace")
        except (OSError, TimeoutError) as error:
            raise CommandError(f"unshare: no network namespace: {error}") from None
        yield holder


def _namespace_of(process_id: int | str) -> int:
    return Path(f"/proc/{process_id}/ns/net").stat().st_ino


def inside(holder: int, function: Callable[[], T]) -> T:
    """What a function returns or raises in a network namespace; in a thread of its own.

    The sockets that it makes stay in that namespace.
    """
    results: list[T] = []
    errors: list[BaseException] = []

    def work() -> None:
        try:
            libc = ctypes.CDLL(None, use_errno=True)
            with Path(f"/proc/{holder}/ns/net").open("rb") as namespace:
                if libc.setns(namespace.fileno(), _CLONE_NEWNET):
                    raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
            results.append(function())
        except BaseException as error:
            errors.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    if errors:
        raise errors[0]
    return results[0]

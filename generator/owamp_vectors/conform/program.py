"""A program that answers lines with lines over its standard input and output, under deadlines."""

from __future__ import annotations

import os
import selectors
import signal
import subprocess
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import IO

from ..disk import shortened

MAX_LINE = 2**20
"""Octets of an answer at most; a right one has far fewer."""
_GRACE = 1.0  # seconds between the end of a program's input or output and its own end
_TAIL = 4096  # octets kept of what it says on standard error


class NotStartedError(Exception):
    """The program cannot be started."""


class ProgramError(Exception):
    """The program gave no answer; it has been stopped, and the next question starts it anew."""


class Program:
    """An external program, in its own process group, run without a shell.

    Args:
        command: the program and its arguments.
        timeout: seconds for each question, its start included.
    """

    def __init__(self, command: Sequence[str], timeout: float) -> None:
        self._command = list(command)
        self._timeout = timeout
        self._process: subprocess.Popen[bytes] | None = None
        self._received = bytearray()
        self._errors = bytearray()

    def ask(self, line: bytes) -> bytes:
        """The line that the program answers to a line; both without a newline.

        Raises:
            NotStartedError: there is no such program, or it cannot be run.
            ProgramError: no answer in time, an end of the program, or too long a line.
        """
        deadline = time.monotonic() + self._timeout
        process = self._process or self._start()
        try:
            return self._exchange(process, line + b"\n", deadline)
        except ProgramError:
            self.stop(grace=0)
            raise

    def stop(self, grace: float = _GRACE) -> None:
        """Close the program's input, give it `grace` seconds, then kill its process group."""
        process, self._process = self._process, None
        if process is None:
            return
        assert process.stdin
        assert process.stdout
        assert process.stderr
        with suppress(OSError):
            process.stdin.close()
        self._end(process, grace)
        process.stdout.close()
        process.stderr.close()

    def _start(self) -> subprocess.Popen[bytes]:
        try:
            process = subprocess.Popen(  # noqa: S603
                self._command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                bufsize=0,
                start_new_session=True,
            )
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else None
            raise NotStartedError(
                f"{self._command[0]}: cannot be started: {reason or error}"
            ) from None
        for stream in (process.stdin, process.stdout, process.stderr):
            assert stream
            os.set_blocking(stream.fileno(), False)
        self._received.clear()
        self._errors.clear()
        self._process = process
        return process

    def _exchange(self, process: subprocess.Popen[bytes], line: bytes, deadline: float) -> bytes:
        pending = memoryview(line)
        with selectors.DefaultSelector() as selector:
            selector.register(_open(process.stdin), selectors.EVENT_WRITE)
            selector.register(_open(process.stdout), selectors.EVENT_READ)
            selector.register(_open(process.stderr), selectors.EVENT_READ)
            while pending or b"\n" not in self._received:
                if len(self._received) > MAX_LINE:
                    raise ProgramError(f"wrote more than {MAX_LINE} octets without an answer")
                left = deadline - time.monotonic()
                if left <= 0:
                    did = "did not read the question" if pending else "gave no answer"
                    raise ProgramError(f"{did} within {self._timeout:g} s")
                for key, _ in selector.select(left):
                    if key.fileobj is process.stdin:
                        pending = _write(process.stdin, pending)
                        if not pending:
                            selector.unregister(process.stdin)
                    elif key.fileobj is process.stderr:
                        chunk = _read(process.stderr)
                        self._errors = (self._errors + chunk)[-_TAIL:]
                        if not chunk:
                            selector.unregister(process.stderr)
                    else:
                        chunk = _read(_open(process.stdout))
                        self._received += chunk
                        if not chunk:
                            raise ProgramError(self._ended(process))
        answer, _, rest = self._received.partition(b"\n")
        if len(answer) > MAX_LINE:
            raise ProgramError(f"answered with a line of more than {MAX_LINE} octets")
        self._received = bytearray(rest)
        return bytes(answer)

    def _ended(self, process: subprocess.Popen[bytes]) -> str:
        """What to say of a program that has closed its output."""
        killed = self._end(process, _GRACE)
        with suppress(OSError):
            self._errors = (self._errors + _read(_open(process.stderr)))[-_TAIL:]
        code = process.returncode
        if killed:
            how = "closed its output"
        elif code < 0:
            how = f"was ended by signal {-code} ({signal.strsignal(-code)})"
        else:
            how = f"ended with exit code {code}"
        said = self._errors.decode(errors="replace").strip().splitlines()
        return f"{how}: {shortened(said[-1].encode(), 200)}" if said else how

    @staticmethod
    def _end(process: subprocess.Popen[bytes], grace: float) -> bool:
        """End a program and all of its process group; whether it had to be killed."""
        killed = False
        try:
            process.wait(grace)
        except subprocess.TimeoutExpired:
            killed = True
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        return killed


def _open(stream: IO[bytes] | None) -> IO[bytes]:
    assert stream
    return stream


def _write(stream: IO[bytes], pending: memoryview) -> memoryview:
    """What is left to write. A closed pipe takes everything: the end of the output says more."""
    try:
        return pending[os.write(stream.fileno(), pending) :]
    except BlockingIOError:
        return pending
    except OSError:
        return pending[len(pending) :]


def _read(stream: IO[bytes]) -> bytes:
    try:
        return os.read(stream.fileno(), 2**16)
    except OSError:
        return b""

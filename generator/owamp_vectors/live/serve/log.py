"""A log that cannot hold up or end what is logged."""

from __future__ import annotations

import os
from contextlib import suppress
from queue import Full, Queue
from threading import Thread

_WAITING = 10_000
"""Lines that wait for a reader; of 100 octets each, a megabyte."""
_FAREWELL = 1.0


class BackgroundLog:
    """Writes lines to a file descriptor in a thread of its own.

    Lines that cannot be written, because nobody reads a pipe any more or not fast enough, or a
    disk is full, are lost; how many is said once there is room again. Nothing is raised.

    Args:
        descriptor: where to; None: nowhere.
    """

    def __init__(self, descriptor: int | None) -> None:
        self._lines: Queue[str | None] = Queue(_WAITING)
        self._lost = 0
        self._descriptor = descriptor
        self._thread = Thread(target=self._run, daemon=True)
        if descriptor is not None:
            self._thread.start()

    def __call__(self, line: str) -> None:
        """Log a line, without waiting."""
        if self._descriptor is None:
            return
        try:
            self._lines.put_nowait(line)
        except Full:
            self._lost += 1

    def close(self) -> None:
        """Write what is still to be written, unless that takes longer than a second."""
        if self._descriptor is None:
            return
        with suppress(Full):
            self._lines.put(None, timeout=_FAREWELL)
            self._thread.join(_FAREWELL)

    def _run(self) -> None:
        while (line := self._lines.get()) is not None:
            lost, text = self._lost, line
            if lost:
                text = f"{lost} lines of the log were lost\n{line}"
            try:
                self._write(f"{text}\n".encode())
                self._lost -= lost
            except OSError:
                self._lost += 1

    def _write(self, octets: bytes) -> None:
        assert self._descriptor is not None
        while octets:
            octets = octets[os.write(self._descriptor, octets) :]

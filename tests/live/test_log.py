"""The log of the server: nothing waits for its reader, and what is lost is counted."""

from __future__ import annotations

import os
import re
import time
from contextlib import suppress

import pytest
from owamp_vectors.live.serve import log as log_module
from owamp_vectors.live.serve.log import BackgroundLog


def test_lines_that_are_lost_are_counted_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_module, "_WAITING", 4)
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    with suppress(BlockingIOError):  # nothing more fits
        while True:
            os.write(writer, b"." * 4096)
    os.set_blocking(writer, True)
    os.set_blocking(reader, False)
    log, seen, logged = BackgroundLog(writer), b"", 12
    for number in range(logged):
        log(f"\nline {number}")
    deadline = time.monotonic() + 20
    while seen.count(b"line later") < 3 or b"were lost" not in seen:
        assert time.monotonic() < deadline
        with suppress(BlockingIOError):
            seen += os.read(reader, 2**20)
        log("\nline later")
        logged += 1
        time.sleep(0.02)
    log.close()
    os.close(writer)
    while octets := os.read(reader, 2**20):
        seen += octets
    os.close(reader)
    lost = [
        int(number) for number in re.findall(r"(\d+) lines of the log were lost", seen.decode())
    ]
    assert lost
    assert lost[0] >= 7
    assert seen.count(b"\nline ") + sum(lost) == logged

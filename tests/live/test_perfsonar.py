"""The service and the probe against the clients and servers of perfSONAR, if they are on PATH.

https://github.com/perfsonar/owamp has the programs; release 5.2.3 was tried.
"""

from __future__ import annotations

import asyncio
import shutil
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from owamp_reference.negotiation import Mode, Protocol
from owamp_vectors.live.observe.steps import text_lines
from owamp_vectors.live.probe.config import Direction
from owamp_vectors.live.probe.probe import ProbeReport, UnreachableError, run_probe

from ..reference.support import KEY_ID, OWAMP, PASSPHRASE, TWAMP, Setting
from .peers import plan, private, run, serving

LETTERS = {Mode.UNAUTHENTICATED: "O", Mode.AUTHENTICATED: "A", Mode.ENCRYPTED: "E"}
SETTINGS = [replace(base, security=mode) for base in (OWAMP, TWAMP) for mode in LETTERS]


def program(name: str) -> str:
    """Its path; the test is skipped if it is not there."""
    path = shutil.which(name)
    if path is None:
        pytest.skip(f"{name} of perfSONAR is not on PATH")
    return path


def keys(tmp_path: Path) -> Path:
    """The file in which these programs keep passphrases."""
    return private(tmp_path / "keys", f"{KEY_ID}\t{PASSPHRASE.hex()}\n")


@pytest.mark.parametrize("setting", SETTINGS, ids=str)
def test_a_client_of_perfsonar_completes_its_sessions(setting: Setting, tmp_path: Path) -> None:
    """`owping` asks for a session each way and fetches; both use exponential schedules."""
    client = program("owping" if setting.protocol is Protocol.OWAMP else "twping")

    async def main() -> tuple[str, list[str]]:
        async with serving(setting) as running:
            address = f"127.0.0.1:{running.port}"
            options = ["-A", LETTERS[setting.security], "-u", KEY_ID, "-k", str(keys(tmp_path))]
            process = await asyncio.create_subprocess_exec(
                client, *options, "-c", "5", "-i", "0.05", "-L", "1", address,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.DEVNULL,
            )  # fmt: skip
            output, _ = await process.communicate()
            return output.decode(), running.log

    output, log = run(main())
    sessions = 2 if setting.protocol is Protocol.OWAMP else 1
    assert output.count("5 sent, 0 lost (0.000%)") == sessions, output + "\n".join(log)


@asynccontextmanager
async def perfsonar_server(name: str, tmp_path: Path) -> AsyncIterator[int]:
    """A server of perfSONAR; its port."""
    kind = "owamp" if name == "owampd" else "twamp"
    limits = "limit root with delete_on_fetch=off,bandwidth=0,disk=0\nassign default root\n"
    private(tmp_path / f"{kind}-server.conf", "")
    private(tmp_path / f"{kind}-server.limits", limits)
    keys(tmp_path).rename(tmp_path / f"{kind}-server.pfs")
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        port: int = bound.getsockname()[1]
    data = ["-d", str(tmp_path)] if kind == "owamp" else []
    process = await asyncio.create_subprocess_exec(
        program(name), "-f", "-Z", "-c", str(tmp_path), "-R", str(tmp_path), *data,
        "-S", f"127.0.0.1:{port}", "-a", "EAO",
        stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    try:
        yield port
    finally:
        process.terminate()
        await process.wait()


@pytest.mark.parametrize("setting", SETTINGS, ids=str)
def test_a_server_of_perfsonar_is_right(setting: Setting, tmp_path: Path) -> None:
    name = "owampd" if setting.protocol is Protocol.OWAMP else "twampd"
    program(name)

    async def main() -> ProbeReport:
        async with perfsonar_server(name, tmp_path) as port:
            while True:
                try:
                    config = plan(setting, direction=Direction.BOTH, interval=0.05)
                    return await run_probe(config, "127.0.0.1", port)
                except UnreachableError:  # not yet there
                    await asyncio.sleep(0.1)

    report = run(main())
    assert report.is_right, "\n".join(text_lines(report.steps))

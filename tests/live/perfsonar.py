"""The programs of perfSONAR, where they are on PATH: https://github.com/perfsonar/owamp."""

from __future__ import annotations

import asyncio
import re
import shutil
import socket
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from owamp_reference.negotiation import Protocol

from ..reference.support import KEY_ID, PASSPHRASE
from .peers import private

VERSION = "5.2.3"
"""That which was tried."""
MODES = {"owampd": "EAO", "twampd": "EAOM"}
"""All modes of a server, as its option -a has them."""
SERVERS = {Protocol.OWAMP: "owampd", Protocol.TWAMP: "twampd"}


def program(name: str) -> str:
    """Its path; the test is skipped if it is not there."""
    path = shutil.which(name)
    if path is None:
        pytest.skip(f"{name} of perfSONAR is not on PATH")
    return path


def version(name: str) -> str:
    """What a program says of its version."""
    done = subprocess.run([program(name), "-h"], capture_output=True, text=True, check=False)
    found = re.search(r"Version: ([\d.]+)", done.stdout + done.stderr)
    return found[1] if found else "of an unknown version"


def tried(name: str) -> str:
    """As `program`, for what is known of the version that was tried."""
    path = program(name)
    if version(name) != VERSION:
        pytest.skip(f"{name} {version(name)} was not tried, but {VERSION}")
    return path


def keys(folder: Path) -> Path:
    """The file in which these programs keep passphrases."""
    return private(folder / "keys", f"{KEY_ID}\t{PASSPHRASE.hex()}\n")


def server_command(name: str, folder: Path, port: int, modes: str = "") -> list[str]:
    """The command of a server, its configuration written; without `modes` it offers all."""
    kind = "owamp" if name == "owampd" else "twamp"
    limits = "limit root with delete_on_fetch=off,bandwidth=0,disk=0\nassign default root\n"
    private(folder / f"{kind}-server.conf", "")
    private(folder / f"{kind}-server.limits", limits)
    keys(folder).rename(folder / f"{kind}-server.pfs")
    data = ["-d", str(folder)] if kind == "owamp" else []
    return [
        program(name), "-f", "-Z", "-c", str(folder), "-R", str(folder), *data,
        "-S", f"127.0.0.1:{port}", "-a", modes or MODES[name],
    ]  # fmt: skip


@asynccontextmanager
async def perfsonar_server(name: str, folder: Path, modes: str = "") -> AsyncIterator[int]:
    """A server that runs; its port."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        port: int = bound.getsockname()[1]
    process = await asyncio.create_subprocess_exec(
        *server_command(name, folder, port, modes), stderr=asyncio.subprocess.DEVNULL
    )
    try:
        yield port
    finally:
        process.terminate()
        await process.wait()

"""A bounded load on `owamp-vectors serve`, on loopback, and what it costs the server.

Hosts that hold connections, leave them half open, read nothing, send garbage, come and go, guess
Tokens and flood a session, while a client with a key takes one session after another::

    python -m tests.live.load --seconds 60 --connections 500
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import socket
import sys
import tempfile
from asyncio.subprocess import DEVNULL
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path

from owamp_reference.events import SetUp
from owamp_reference.messages import SetUpResponse
from owamp_reference.negotiation import Mode, Protocol

from ..reference.support import KEY_ID, PASSPHRASE, Setting
from .peers import LiveClient, private
from .test_commands import PROGRAM, serve

OPEN = Setting(Protocol.TWAMP, Mode.UNAUTHENTICATED)


@dataclass
class Figures:
    """What came of a load.

    Attributes:
        sessions: which the client with a key completed, everything right.
        failed: of its sessions, the other ones.
        slowest: seconds that one of them took.
        attempts: by kind, what the others began.
        memory: MiB that the server had at most.
        descriptors: files and sockets that it had at most.
        cpu: seconds of CPU that it used.
    """

    seconds: float
    sessions: int = 0
    failed: int = 0
    slowest: float = 0
    attempts: dict[str, int] = field(default_factory=dict)
    memory: float = 0
    descriptors: int = 0
    cpu: float = 0


Attack = Callable[["Attacker"], Awaitable[None]]


@dataclass
class Attacker:
    """One of the hosts."""

    port: int
    source: str

    @asynccontextmanager
    async def connected(self) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
        reader, writer = await asyncio.open_connection(
            "127.0.0.1", self.port, local_addr=(self.source, 0), limit=2**12
        )
        try:
            yield reader, writer
        finally:
            writer.close()

    async def hold(self) -> None:
        async with self.connected() as (reader, _):
            while await reader.read(2**12):
                pass

    async def leave_half_open(self) -> None:
        async with self.connected() as (reader, writer):
            writer.write(bytes(163))
            while await reader.read(2**12):
                pass

    async def read_nothing(self) -> None:
        async with self.connected() as (reader, writer):
            await LiveClient(OPEN, reader, writer).next(SetUp)
            for _ in range(10_000):
                writer.write(OPEN.request().to_octets())
                await writer.drain()

    async def send_garbage(self) -> None:
        async with self.connected() as (reader, writer):
            writer.write(os.urandom(600))
            await reader.read(2**12)

    async def come_and_go(self) -> None:
        with socket.socket() as made:
            made.setblocking(False)
            made.bind((self.source, 0))
            with suppress(OSError):
                await asyncio.get_running_loop().sock_connect(made, ("127.0.0.1", self.port))

    async def guess(self) -> None:
        key_id = KEY_ID.encode().ljust(80, b"\0")
        async with self.connected() as (reader, writer):
            await reader.readexactly(64)
            writer.write(SetUpResponse(4, key_id, os.urandom(64), os.urandom(16)).to_octets())
            await reader.read()

    async def flood(self) -> None:
        """A session of its own, and 64 octets to it a thousand times a second or so."""
        async with self.connected() as (reader, writer):
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as port:
                port.bind((self.source, 0))
                client = LiveClient(OPEN, reader, writer)
                await client.next(SetUp)
                session = await client.start(sender_port=port.getsockname()[1])
                port.setblocking(False)
                for _ in range(2000):
                    with suppress(OSError):
                        for _ in range(10):
                            port.sendto(bytes(64), ("127.0.0.1", session.port))
                    await asyncio.sleep(0.01)


SHARES: dict[str, tuple[Attack, float, float]] = {
    # of the connections, and seconds between two of one of them
    "hold": (Attacker.hold, 0.3, 0.2),
    "half open": (Attacker.leave_half_open, 0.2, 0.2),
    "read nothing": (Attacker.read_nothing, 0.1, 0.2),
    "garbage": (Attacker.send_garbage, 0.1, 0.1),
    "churn": (Attacker.come_and_go, 0.1, 0.1),
    "wrong Token": (Attacker.guess, 0.1, 0.1),
    "UDP flood": (Attacker.flood, 0.02, 0.2),
}


def sample(figures: Figures, process: int) -> None:
    """Note what the server holds by now (Linux)."""
    status = Path(f"/proc/{process}/status").read_text(encoding="utf-8")
    peak = next(line.split()[1] for line in status.splitlines() if line.startswith("VmHWM"))
    figures.memory = round(int(peak) / 1024, 1)
    figures.descriptors = max(figures.descriptors, len([*Path(f"/proc/{process}/fd").iterdir()]))
    fields = Path(f"/proc/{process}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    figures.cpu = round((int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK"), 2)


async def legitimate(figures: Figures, port: int, secret: Path, process: int, end: float) -> None:
    """One session after another, at least one, until the end; each in a process of its own."""
    loop = asyncio.get_running_loop()
    options = ("--count", "5", "--interval", "0.02", "--timeout", "30", "--loss-timeout", "1")
    key = ("--key-id", KEY_ID, "--passphrase", str(secret))
    program = (sys.executable, "-c", PROGRAM, "probe", *key, *options, f"127.0.0.1:{port}")
    while not figures.sessions + figures.failed or loop.time() < end:
        begun = loop.time()
        probe = await asyncio.create_subprocess_exec(*program, stdout=DEVNULL, stderr=DEVNULL)
        is_right = await probe.wait() == 0
        figures.sessions += is_right
        figures.failed += not is_right
        figures.slowest = max(figures.slowest, round(loop.time() - begun, 2))
        sample(figures, process)
        await asyncio.sleep(0.2)


async def attack(figures: Figures, kind: str, attacker: Attacker) -> None:
    """One connection of a kind after another, until it is cancelled."""
    does, _, pause = SHARES[kind]
    while True:
        figures.attempts[kind] = figures.attempts.get(kind, 0) + 1
        with suppress(OSError, EOFError, AssertionError):
            await does(attacker)
        await asyncio.sleep(pause)


async def load(port: int, secret: Path, process: int, connections: int, seconds: float) -> Figures:
    """Put so many connections at once, by hosts of their own kind, to a server that runs."""
    figures = Figures(seconds)
    loop = asyncio.get_running_loop()
    tasks = [
        loop.create_task(attack(figures, kind, Attacker(port, f"127.0.1.{host}")))
        for host, (kind, (_, share, _)) in enumerate(SHARES.items(), 1)
        for _ in range(max(1, int(connections * share)))
    ]
    await asyncio.sleep(min(1.0, seconds / 4))  # let them come first
    await legitimate(figures, port, secret, process, loop.time() + seconds)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    return figures


def run_load(connections: int, seconds: float, folder: Path) -> Figures:
    """Start a server in a process of its own, and load it."""
    secret = private(folder / "passphrase", PASSPHRASE.decode())
    key = ("--key-id", KEY_ID, "--passphrase", secret, "--modes", "unauthenticated,encrypted")
    with serve(*key, log=folder / "log") as served:
        port = int(served.address.split(":")[1])
        figures = asyncio.run(load(port, secret, served.process.pid, connections, seconds))
        sample(figures, served.process.pid)
        assert served.end() == 0
    return figures


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--connections", type=int, default=500)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        found = asdict(run_load(chosen.connections, chosen.seconds, Path(folder)))
        print(json.dumps(found, indent=2))

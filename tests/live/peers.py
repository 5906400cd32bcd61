"""Services and peers for the tests of what runs on a network: all of it on loopback."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from owamp_reference.choices import Chooser, first_option
from owamp_reference.connection import ControlClient, Server, ServerConfig
from owamp_reference.events import SetUp, Started, TestSession
from owamp_reference.messages import Request
from owamp_vectors.live.capture.capture import Capture
from owamp_vectors.live.observe.steps import Severity, Step
from owamp_vectors.live.probe.config import ProbeConfig
from owamp_vectors.live.probe.probe import ProbeReport, run_probe
from owamp_vectors.live.secrets import Secrets
from owamp_vectors.live.serve.limits import ServiceLimits
from owamp_vectors.live.serve.server import Service, ServiceConfig

from ..reference.support import IKEV2_CREDENTIALS, PSK_CREDENTIALS, Setting

T = TypeVar("T")

SECRETS = Secrets((PSK_CREDENTIALS, IKEV2_CREDENTIALS))
GUARD = 120.0
"""Seconds after which a test that hangs fails."""
PATIENCE = 2.0
"""Seconds that a probe waits for what never comes: on a slow machine still enough for the rest."""


def private(path: Path, text: str) -> Path:
    """A file that its owner alone can read."""
    path.write_text(text, encoding="utf-8")
    path.chmod(0o600)
    return path


def missing(*programs: str) -> str:
    """What is not here of these programs and of what a network namespace needs; "" if all is."""
    lacks = [name for name in ("unshare", "ip", *programs) if shutil.which(name) is None]
    return ", ".join([*lacks, *(["root"] if os.geteuid() else [])])


def in_namespace(script: str, errors: int = subprocess.STDOUT) -> subprocess.CompletedProcess[str]:
    """A script of the shell in a network namespace of its own, and what it prints."""
    return subprocess.run(
        ["unshare", "-n", "sh", "-c", script],
        stdout=subprocess.PIPE,
        stderr=errors,
        text=True,
        timeout=GUARD,
        check=False,
        cwd=Path(__file__).parents[2],
    )


def run(main: Coroutine[Any, Any, T]) -> T:
    """Run a test's coroutine; it fails if it hangs, or leaves an exception behind."""
    left: list[dict[str, Any]] = []

    async def guarded() -> T:
        asyncio.get_running_loop().set_exception_handler(lambda _, context: left.append(context))
        async with asyncio.timeout(GUARD):
            return await main

    result = asyncio.run(guarded())
    assert not left, left
    return result


@dataclass
class Running:
    """A service that runs, its port, and what it logged."""

    service: Service
    port: int
    log: list[str] = field(default_factory=list)
    writers: list[asyncio.StreamWriter] = field(default_factory=list)

    async def logged(self, text: str, times: int = 1) -> None:
        """Wait until so many lines have the text."""
        while sum(text in line for line in self.log) < times:
            await asyncio.sleep(0.005)

    async def connect(
        self, source: str = "127.0.0.1"
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        made = await asyncio.open_connection("127.0.0.1", self.port, local_addr=(source, 0))
        self.writers.append(made[1])
        return made


@asynccontextmanager
async def serving(
    setting: Setting,
    limits: ServiceLimits | None = None,
    make_server: Callable[[ServerConfig], Server] = Server,
    host: str = "127.0.0.1",
    capture: Capture | None = None,
    modes: int | None = None,
    secrets: Secrets = SECRETS,
    say: Callable[[str], None] | None = None,
) -> AsyncIterator[Running]:
    """A service in a setting, with the secrets of the reference's tests unless others are given."""
    log: list[str] = []
    offered = setting.mode if modes is None else modes
    config = ServiceConfig(
        setting.protocol,
        offered,
        secrets,
        limits=limits or ServiceLimits(),
        make_server=make_server,
    )
    service = Service(config, say or log.append, capture)
    (address,) = await service.start(host, 0)
    running = Running(service, address[1], log)
    try:
        yield running
    finally:
        for writer in running.writers:
            writer.close()
        await service.close()


def plan(setting: Setting, **changes: Any) -> ProbeConfig:
    """A quick probe in a setting."""
    values: dict[str, Any] = {
        "count": 3,
        "interval": 0.005,
        "timeout": 10.0,
        "loss_timeout": 1.0,  # no packet is late on a machine that does other things too
        "credentials": setting.credentials if setting.is_protected else None,
    }
    return ProbeConfig(setting.protocol, setting.security, **values | changes)


async def probed(setting: Setting, running: Running, **changes: Any) -> ProbeReport:
    """The report of a quick probe on a service."""
    return await run_probe(plan(setting, **changes), "127.0.0.1", running.port)


def probe_of(
    setting: Setting, make_server: Callable[[ServerConfig], Server] = Server, **changes: Any
) -> ProbeReport:
    """The report of a quick probe on a service of its own."""

    async def main() -> ProbeReport:
        async with serving(setting, make_server=make_server) as running:
            return await probed(setting, running, **changes)

    return run(main())


def wrongs(report: ProbeReport) -> list[tuple[str, str, str]]:
    """Name, section and text of everything that is wrong."""
    return [
        (item.name, remark.source, remark.text)
        for item in report.steps
        for remark in item.remarks
        if remark.severity is Severity.WRONG
    ]


def named(report: ProbeReport, name: str) -> list[Step]:
    """The steps with a name."""
    return [item for item in report.steps if item.name == name]


@asynccontextmanager
async def playing(
    script: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]],
) -> AsyncIterator[int]:
    """A server that plays a script for each connection; its port."""

    tasks: set[asyncio.Task[None]] = set()

    async def play(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await script(reader, writer)
        except OSError:
            pass
        finally:
            writer.close()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        tasks.add(asyncio.get_running_loop().create_task(play(reader, writer)))

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await server.wait_closed()


class LiveClient:
    """A `ControlClient` of the reference on a socket, for tests that drive it by hand."""

    def __init__(
        self,
        setting: Setting,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        choose: Chooser = first_option,
    ) -> None:
        self.setting, self.reader, self.writer = setting, reader, writer
        self.client = ControlClient(setting.client_config, choose=choose)

    async def next(self, kind: type[T]) -> T:
        """Send what is to be sent; the next event, which is of this kind."""
        events: list[Any] = []
        while not events:
            self.writer.write(self.client.data_to_send())
            data = await self.reader.read(2**16)
            events = self.client.receive(data) if data else self.client.connection_lost()
        self.writer.write(self.client.data_to_send())
        (event,) = events
        assert isinstance(event, kind), event
        return event

    def request(self, **changes: Any) -> Request:
        """One that a service on loopback grants."""
        return self.setting.request(**changes)

    async def ask(self, request: Request, kind: type[T]) -> T:
        self.client.request_session(request)
        return await self.next(kind)

    async def start(self, **changes: Any) -> TestSession:
        """A session, once it runs."""
        session = await self.ask(self.request(**changes), TestSession)
        self.client.start_sessions()
        await self.next(Started)
        return session


async def client_of(
    setting: Setting,
    running: Running,
    choose: Chooser = first_option,
    source: str = "127.0.0.1",
) -> LiveClient:
    """A client that is set up."""
    client = LiveClient(setting, *await running.connect(source), choose)
    await client.next(SetUp)
    return client


@asynccontextmanager
async def connected(setting: Setting, running: Running) -> AsyncIterator[LiveClient]:
    """A client that is set up, until the end of the block."""
    client = await client_of(setting, running)
    try:
        yield client
    finally:
        client.writer.close()

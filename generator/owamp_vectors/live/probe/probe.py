"""A client that takes a real server through set-up, session, test packets and stop, and reports.

All octets go by the passive `Observer`, so that the report is that of a capture of the same
connection. Added is what only an end of the connection knows: what did not come in time, and how
what the server did compares with what was asked of it.
"""

from __future__ import annotations

import asyncio
import os
import re
import socket
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TypeVar

from owamp_reference.connection import ClientConfig, ControlClient
from owamp_reference.events import (
    Closed,
    Event,
    Fetched,
    SessionRejected,
    SetUp,
    Started,
    StopReceived,
    TestSession,
)
from owamp_reference.messages import Accept, ServerGreeting, StopSessions
from owamp_reference.negotiation import Protocol

from ..capture.capture import Capture
from ..net.addresses import SocketAddress, normalized, unmapped
from ..observe.observer import Observer
from ..observe.steps import Remark, Severity, Step, Who, any_wrong, note, wrong
from .config import Direction, ProbeConfig
from .sessions import ProbeReceiver, ProbeSender, ProbeSession, ProbeTwoWay

E = TypeVar("E", bound=Event)

_READ_SIZE = 2**16
_FAREWELL = 1.0


@dataclass
class ProbeReport:
    """What a probe found: its steps, and whether it got to the end."""

    steps: list[Step] = field(default_factory=list)
    is_complete: bool = False

    @property
    def is_right(self) -> bool:
        """Whether the server took every step, and all of them right."""
        return self.is_complete and not any_wrong(self.steps)


class UnreachableError(Exception):
    """There is no connection to the server; the text is one line for people."""


class _OverError(Exception):
    """The probe cannot go on; the report says why."""


_AWAITED: dict[type, tuple[str, str]] = {
    TestSession: ("Accept-Session", "RFC 4656 §3.5"),
    Started: ("Start-Ack", "RFC 4656 §3.7"),
    StopReceived: ("Stop-Sessions", "RFC 4656 §3.8"),
    Fetched: ("Fetch-Ack and session data", "RFC 4656 §3.9"),
}
_KINDS: dict[Direction, tuple[type[ProbeSession], ...]] = {
    Direction.SEND: (ProbeSender,),
    Direction.RECEIVE: (ProbeReceiver,),
    Direction.BOTH: (ProbeSender, ProbeReceiver),
}
_GREETING = ("Server-Greeting", "RFC 4656 §3.1")
_SERVER_START = ("Server-Start", "RFC 4656 §3.1")
_CHOICES = {"Mode"}  # a server is not wrong if it offers another than the client wants


async def run_probe(
    config: ProbeConfig,
    host: str,
    port: int,
    capture: Capture | None = None,
    tell: Callable[[Step], None] | None = None,
) -> ProbeReport:
    """Probe the server at `host` and `port`.

    Args:
        capture: is given all that passes.
        tell: is given each step of the report as it is made; it is not to block or raise.
    Raises:
        UnreachableError: no TCP connection comes about.
        ProtocolError: a mode without the credentials that it needs.
    """
    client = config.make_client(
        ClientConfig(config.protocol, config.security, config.credentials, config.max_count)
    )
    reader, writer = await connect(host, port, config.timeout)
    probe = _Probe(config, client, reader, writer, capture or Capture(), tell)
    try:
        await probe.run()
    finally:
        await probe.close()
    return probe.report


async def connect(
    host: str, port: int, timeout: float
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A TCP connection; raises `UnreachableError` if there is none within `timeout` seconds."""
    try:
        async with asyncio.timeout(timeout):
            return await asyncio.open_connection(host, port)
    except TimeoutError:
        text = f"no connection within {timeout:g} s"
        raise UnreachableError(f"{host}, port {port}: {text}") from None
    except OSError as error:
        raise UnreachableError(f"{host}, port {port}: {_in_words(error)}") from None
    except UnicodeError:  # of a name with an empty label, or one that is too long
        raise UnreachableError(f"{host}, port {port}: not a host name") from None


def _in_words(error: OSError) -> str:
    """What the system says of a connection that does not come about; asyncio has its call instead,
    and of several addresses one text for all.
    """
    if isinstance(error, socket.gaierror):
        return str(error.strerror)
    several = [int(number) for number in re.findall(r"Errno (\d+)", str(error))]
    numbers = [error.errno] if error.errno else several
    return ", ".join(dict.fromkeys(map(os.strerror, numbers))).lower() or str(error)


class _Probe:
    def __init__(
        self,
        config: ProbeConfig,
        client: ControlClient,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        capture: Capture,
        tell: Callable[[Step], None] | None,
    ) -> None:
        self.report = ProbeReport()
        self._tell = tell
        self._config, self._client = config, client
        self._reader, self._writer = reader, writer
        self._local = unmapped(writer.get_extra_info("sockname"))
        self._peer = unmapped(writer.get_extra_info("peername"))
        self._capture = capture
        self._tcp = capture.open(self._local, self._peer)
        self._observer = Observer(
            config.protocol,
            [] if config.credentials is None else [config.credentials],
            normalized(self._local),
            normalized(self._peer),
            config.max_count,
            is_whole=True,
        )
        self._events: list[Event] = []
        self._octets_since_event = 0
        self._is_over = False
        self._awaited = _GREETING
        self._sessions: list[ProbeSession] = []

    # The report

    def _add(self, steps: list[Step]) -> None:
        self.report.steps += steps
        if self._tell is not None:
            for one in steps:
                self._tell(one)

    def _say(self, name: str, *remarks: Remark, who: Who = Who.SERVER) -> None:
        self._add([Step(name, who, remarks, time=time.time_ns())])

    def _say_of(
        self, session: ProbeSession, name: str, remarks: Iterable[Remark], who: Who
    ) -> None:
        """A step about one of the test sessions."""
        which = session.name if len(self._sessions) > 1 else ""
        self._add([Step(name, who, tuple(remarks), time=time.time_ns(), session=which)])

    def _tap(
        self, data: bytes, source: SocketAddress, destination: SocketAddress, ttl: int | None
    ) -> None:
        """Every test packet, sent or received, to the capture and to the observer."""
        self._capture.udp(data, source, destination, ttl)
        now = time.time_ns()
        self._add(
            self._observer.test_packet(data, normalized(source), normalized(destination), ttl, now)
        )

    # Octets

    async def _send(self) -> None:
        data = self._client.data_to_send()
        if not data:
            return
        self._tcp.client(data)
        self._add(self._observer.client_octets(data, time.time_ns()))
        self._writer.write(data)
        await self._writer.drain()

    def _take(self, data: bytes) -> None:
        """Octets of the server, or their end."""
        before = len(self.report.steps)
        now = time.time_ns()
        if data:
            self._tcp.server(data)
            self._octets_since_event += len(data)
            self._add(self._observer.server_octets(data, now))
            events = self._client.receive(data)
        else:
            self._add(self._observer.server_closed(now))
            events = self._client.connection_lost()
        if events:
            self._octets_since_event = 0
        self._events += events
        self._is_over = self._is_over or any(isinstance(event, Closed) for event in events)
        for event in events:
            said = any(one.severity is not Severity.OK for one in self.report.steps[before:])
            if isinstance(event, Closed) and not said:
                self._say_why(event)

    def _say_why(self, closed: Closed) -> None:
        """What ends the connection in the client's eyes, where the observer saw nothing."""
        name, source = self._awaited
        assert closed.error is not None  # an end as agreed is not waited for
        judge = note if closed.error.field in _CHOICES else wrong
        self._say(name, judge(closed.error, source))

    async def _expect(self, kind: type[E], awaited: tuple[str, str]) -> E:
        """Send what is to be sent; the event that the server's answer brings about.

        Raises:
            _OverError: it does not come in time, or something else does; the report says so.
        """
        self._awaited = awaited
        await self._send()
        deadline = asyncio.get_running_loop().time() + self._config.timeout
        while True:
            while self._events:
                event = self._events.pop(0)
                if isinstance(event, kind):
                    self._check_open()
                    return event
                if isinstance(event, Closed | SessionRejected):
                    raise _OverError
            if self._reader.at_eof():
                raise _OverError
            await self._read_until(deadline)
            if self._awaited == _GREETING and self._client.mode is not None:
                self._awaited = _SERVER_START
                self._octets_since_event -= ServerGreeting.LAYOUT.size
            await self._send()  # the answer to the greeting

    def _check_open(self) -> None:
        """Raise `_OverError` if the connection is over, be it by octets behind an answer."""
        if self._is_over:
            raise _OverError

    async def _read_until(self, deadline: float) -> None:
        name, source = self._awaited
        try:
            async with asyncio.timeout_at(deadline) as limit:
                data = await self._reader.read(_READ_SIZE)
        except TimeoutError:
            if not limit.expired():  # the system's own, ETIMEDOUT
                raise
            octets = self._octets_since_event
            come = f"; {octets} octets came" if octets else ""
            text = f"not there within {self._config.timeout:g} s{come}"
            self._say(name, wrong(text, source))
            raise _OverError from None
        self._take(data)

    # The steps

    async def run(self) -> None:
        """Everything, until the server does not go on."""
        try:
            await self._expect(SetUp, _GREETING)
            await self._request_all()
            self._client.start_sessions()
            started = await self._expect(Started, _AWAITED[Started])
            if started.accept is not Accept.OK:
                raise _OverError
            await asyncio.gather(*(session.run() for session in self._sessions))
            for session in self._sessions:
                of_all = self._observer.remarks_on(session.session.sid)
                found = [*session.remarks(), *of_all]
                self._say_of(session, "Test packets", found, session.peer_role)
            await self._stop()
            for session in self._sessions:
                if isinstance(session, ProbeSender):
                    await self._fetch(session)
            self.report.is_complete = True
        except _OverError:
            pass
        except OSError as error:
            name, source = self._awaited
            text = f"the connection broke: {error.strerror or error}"
            causes, parts = self._observer.likely_cause()
            remarks = (wrong(text, source), *causes)
            self._add([Step(name, Who.SERVER, remarks, parts=parts, time=time.time_ns())])

    async def _request_all(self) -> None:
        kinds = _KINDS[self._config.direction]
        if self._config.protocol is Protocol.TWAMP:
            kinds = (ProbeTwoWay,)
        for kind in kinds:
            try:
                session = kind(self._config, self._local, self._peer, self._tap)
            except OSError as error:
                text = f"{self._local[0]}: no UDP port: {error.strerror or error}"
                raise UnreachableError(text) from None
            self._sessions.append(session)
            self._client.request_session(session.request())
            session.accepted(await self._expect(TestSession, _AWAITED[TestSession]))

    async def _stop(self) -> None:
        if self._reader.at_eof():
            self._awaited = ("Test sessions", "RFC 4656 §3.8")
            self._take(b"")
            raise _OverError
        descriptions = [item for session in self._sessions for item in session.descriptions()]
        self._client.stop_sessions(tuple(descriptions))
        if self._config.protocol is Protocol.TWAMP:
            await self._send()  # and no answer (RFC 5357 §3.8)
            return
        stop = await self._expect(StopReceived, _AWAITED[StopReceived])
        assert isinstance(stop.message, StopSessions)
        for session in self._sessions:
            if isinstance(session, ProbeReceiver):
                remarks = session.take_stop(stop.message)
                self._say_of(session, "Session description", remarks, Who.SENDER)

    async def _fetch(self, session: ProbeSender) -> None:
        self._client.fetch_session(session.session.sid)
        fetched = await self._expect(Fetched, _AWAITED[Fetched])
        remarks = session.fetch_remarks(fetched)
        self._say_of(session, "Fetched records", remarks, Who.RECEIVER)

    async def close(self) -> None:
        """End the connection; whatever the server still says is looked at."""
        for session in self._sessions:
            session.close()
        if self.report.is_complete:
            self._add(self._observer.client_closed(time.time_ns()))
            with suppress(OSError, TimeoutError):
                self._writer.write_eof()
                async with asyncio.timeout(min(_FAREWELL, self._config.timeout)):
                    while data := await self._reader.read(_READ_SIZE):
                        self._take(data)
        self._add(self._observer.finish(time.time_ns()))
        self._tcp.close(by_client=True)
        self._writer.close()
        with suppress(OSError, TimeoutError):
            async with asyncio.timeout(_FAREWELL):
                await self._writer.wait_closed()

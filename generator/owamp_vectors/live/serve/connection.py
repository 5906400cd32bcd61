"""One control connection of a server: octets in and out, deadlines, and its test sessions."""

from __future__ import annotations

import asyncio
from collections import deque
from contextlib import suppress
from functools import partial
from typing import Protocol

from owamp_reference import negotiation
from owamp_reference.connection import Server, State
from owamp_reference.events import (
    Closed,
    Event,
    FetchRequested,
    SessionRejected,
    SetUp,
    Started,
    StopReceived,
    TestSession,
)
from owamp_reference.messages import Accept, FetchSession, Request, SetUpResponse, StopSessions

from ..capture.capture import Capture
from ..net.addresses import SocketAddress, endpoint_text, holder
from ..net.schedule import STOP_INCREMENT
from ..observe.set_up import key_name
from .derivations import Derivations
from .limits import ServiceLimits
from .policy import Policy, RefusedError, Reservation, reserve
from .register import Register
from .results import ClientIdentity, identify, refused_fetch
from .sessions import ServedReceiver, ServedReflector, ServedSender, ServedSession

_READ_SIZE = 2**12
"""Octets that are dealt with at a time, before it is the turn of others."""


class _TimedOutError(Exception):
    """A deadline has passed; the text says which."""


class Host(Protocol):
    """What a connection needs of the service that it belongs to.

    Attributes:
        limits: what it may spend.
        register: the test sessions and results of all connections.
        derivations: where PBKDF2 is computed.
        capture: is given all that passes.
    """

    limits: ServiceLimits
    register: Register
    derivations: Derivations
    capture: Capture

    def make_endpoint(self, local: SocketAddress, policy: Policy) -> Server:
        """The sans-IO end of a connection at an address of the service."""

    def log(self, line: str) -> None:
        """Say what happened; the line holds no secret."""


class Connection:
    """A control connection from its greeting to its end.

    Attributes:
        host: who the connection counts for.
        client: who has shown a key; None before, and without one.
    Args:
        ends: the addresses of the server and of the client.
    """

    def __init__(
        self,
        host: Host,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        ends: tuple[SocketAddress, SocketAddress],
    ) -> None:
        self._host, self._limits = host, host.limits
        self._reader, self._writer = reader, writer
        self._local, self._peer = ends
        self.host = holder(self._peer)
        self.client: ClientIdentity = None
        self._capture = host.capture.open(self._peer, self._local)
        self._reserved: deque[Reservation] = deque()  # granted, the event still to be handled
        self._sessions: list[ServedSession] = []
        self._stopper: asyncio.Task[None] | None = None
        self._stop_sent = False
        self._loop = asyncio.get_running_loop()
        self._opened = self._last_command = self._loop.time()
        self._message_begun: float | None = None
        self._set_up = b""
        self._is_set_up = False
        self._endpoint = host.make_endpoint(self._local, self._grant)

    def _log(self, line: str) -> None:
        self._host.log(f"{endpoint_text(self._peer)} {line}")

    def give_way(self) -> None:
        """Say that it is to end for the sake of another host's."""
        self._log("closed: too many connections of this host, another one needs the room")

    async def run(self) -> None:
        """Serve the client until the end; nothing of the connection is left after it."""
        by_client = False
        try:
            await self._flush()
            while self._endpoint.state is not State.CLOSED:
                data = await self._read()
                if not data:
                    by_client = True
                    await self._handle_all(self._endpoint.connection_lost())
                    break
                self._capture.client(data)
                await self._receive(data)
                await asyncio.sleep(0)  # to read what is there already takes no turn
            await self._part()
        except (OSError, _TimedOutError) as error:
            by_client = isinstance(error, ConnectionError)  # reset by it
            self._log(f"closed: {error}")
        finally:
            self._capture.close(by_client)
            self.release()

    async def _receive(self, data: bytes) -> None:
        if self._endpoint.state is State.SETTING_UP:
            self._set_up += data
            if self._left_of_set_up > 0:
                self._endpoint.receive(data)
                return
            events = await self._derive(data)
        else:
            events = self._endpoint.receive(data)
        if events:
            self._last_command, self._message_begun = self._loop.time(), None
        elif self._message_begun is None:
            self._message_begun = self._loop.time()
        while events:
            await self._handle_all(events)
            await self._flush()
            events = self._endpoint.receive(b"")  # what came behind a Fetch-Session
        await self._flush()

    async def _derive(self, data: bytes) -> list[Event]:
        """Take the end of the Set-Up-Response, which costs PBKDF2, in turn with other hosts.

        Raises:
            _TimedOutError: its turn does not come in time.
        """
        deadline, name = self._deadline()
        try:
            async with asyncio.timeout_at(deadline):
                receive = partial(self._endpoint.receive, data)
                return await self._host.derivations.run(self.host, receive)
        except TimeoutError:
            raise _TimedOutError(name) from None

    @property
    def _left_of_set_up(self) -> int:
        return SetUpResponse.LAYOUT.size - len(self._set_up)

    @property
    def _key_name(self) -> str:
        """The shared secret that the client named, if it did, for the log."""
        mode = self._endpoint.mode
        if mode is None or not mode.is_protected:
            return ""
        return key_name(mode, SetUpResponse.parse(self._set_up).key_id)

    async def _read(self) -> bytes:
        """The next octets; none at the end of the connection.

        Raises:
            _TimedOutError: the client has been silent, or slow, for too long.
        """
        setting_up = self._endpoint.state is State.SETTING_UP
        size = self._left_of_set_up if setting_up else _READ_SIZE
        while True:
            deadline, name = self._deadline()
            try:
                async with asyncio.timeout_at(deadline) as limit:
                    return await self._reader.read(size)
            except TimeoutError:
                if not limit.expired():  # the system's own, ETIMEDOUT
                    raise
                if self._loop.time() >= self._deadline()[0]:
                    raise _TimedOutError(name) from None

    def _deadline(self) -> tuple[float, str]:
        """Until when the next octets are waited for, and what it means if they do not come."""
        limits = self._limits
        if self._endpoint.state is State.SETTING_UP:
            return self._opened + limits.set_up, f"not set up within {limits.set_up:g} s"
        if self._message_begun is not None:
            text = f"a message not complete within {limits.message:g} s"
            return self._message_begun + limits.message, text
        # SERVWAIT rests while test sessions run (RFC 5357 §3.1).
        begins = [self._last_command]
        if self._endpoint.state is State.TESTING:
            begins += [session.expires_at() for session in self._sessions]
        return max(begins) + limits.servwait, f"no command for {limits.servwait:g} s (SERVWAIT)"

    async def _flush(self) -> None:
        """Send what the endpoint has to say; a client that does not take it is given up."""
        data = self._endpoint.data_to_send()
        self._capture.server(data)
        self._writer.write(data)
        try:
            async with asyncio.timeout(self._limits.message):
                await self._writer.drain()
        except TimeoutError:
            self._writer.transport.abort()
            raise _TimedOutError("the client takes no octets") from None

    async def _part(self) -> None:
        """End the connection so that the client gets to read what was said last.

        Closing at once with octets unread would reset the connection.
        """
        await self._flush()
        with suppress(OSError, TimeoutError):
            if self._writer.can_write_eof():
                self._writer.write_eof()
            async with asyncio.timeout(self._limits.linger):
                while await self._reader.read(_READ_SIZE):
                    pass

    def release(self) -> None:
        """Give back all that it holds, also if it never came to run; a second time nothing."""
        self._capture.close(by_client=False)
        if self._stopper is not None:
            self._stopper.cancel()
        for session in self._sessions:
            session.close()
        for reservation in self._reserved:
            reservation.socket.close()
        if self._writer.transport.get_write_buffer_size():
            self._writer.transport.abort()  # the client had its time
        self._writer.close()

    # Requests

    def _grant(self, request: Request) -> tuple[Accept, int]:
        """The policy of the endpoint: Accept and port."""
        try:
            number = len(self._sessions) + len(self._reserved)
            reserved = [item.request for item in self._reserved]
            if number >= self._limits.sessions or not self._host.register.has_room(
                request, self.client, self.host, reserved
            ):
                text = "too many test sessions"
                raise RefusedError(Accept.TEMPORARY_RESOURCE_LIMITATION, text)
            reservation = reserve(request, self._local, self._peer, self._limits)
        except RefusedError as error:
            self._log(f"request refused with Accept {error.accept.value}: {error}")
            return error.accept, 0
        self._reserved.append(reservation)
        return Accept.OK, reservation.socket.getsockname()[1]

    # Events

    async def _handle_all(self, events: list[Event]) -> None:
        for event in events:
            await self._handle(event)

    async def _handle(self, event: Event) -> None:
        match event:
            case SetUp(mode=mode):
                self._is_set_up = True
                self.client = identify(mode, SetUpResponse.parse(self._set_up))
                said = ((mode.security.name or "").lower(), self._key_name)
                self._log(f"set up: {', '.join(filter(None, said))}")
            case TestSession():
                self._open(event)
            case SessionRejected(accept=accept) if accept is Accept.NOT_SUPPORTED:
                self._log("request answered with Accept 3")
            case Started(accept=Accept.OK):
                self._start()
            case StopReceived(message=message):
                self._stop(message)
            case FetchRequested(message=fetch):
                await self._answer_fetch(fetch)
            case Closed(error=error):
                self._log("closed" if error is None else f"closed: {self._about_key()}{error}")

    def _about_key(self) -> str:
        """For whoever runs the service: the KeyID of a set-up that fails, and whether it is known,
        which the peer is not told (RFC 4656 §3.1).
        """
        mode = self._endpoint.mode
        if self._is_set_up or self._left_of_set_up > 0 or mode is None or not mode.is_protected:
            return ""
        name = mode.secret_name(SetUpResponse.parse(self._set_up).key_id)
        is_known = self._endpoint.config.find_secret(name) is not None
        return f"{self._key_name}, which is {'known' if is_known else 'not known'}: "

    async def _answer_fetch(self, fetch: FetchSession) -> None:
        """Answer beside the loop: there may be many records."""
        if self._endpoint.state is State.CLOSED:  # by what followed
            return
        result = self._host.register.find_result(fetch.sid, self.client)
        ack, data = result.answer(fetch) if result is not None else refused_fetch()
        await asyncio.to_thread(self._endpoint.answer_fetch, ack, data)
        self._log(f"fetch of a session: Accept {ack.accept}")

    def _open(self, session: TestSession) -> None:
        reservation = self._reserved.popleft()
        kind: type[ServedSession] = ServedReflector
        if self._endpoint.protocol is negotiation.Protocol.OWAMP:
            kind = ServedSender if session.request.conf_sender else ServedReceiver
        tap = self._host.capture.udp
        made = kind(session, reservation, self.client, self._limits, tap, self._say_end)
        self._sessions.append(made)
        self._host.register.add(made)
        self._log(f"session at port {made.port}: {made.role}")

    def _say_end(self, session: ServedSession) -> None:
        self._log(session.describe())

    def _start(self) -> None:
        for session in self._sessions:
            session.start()
        # Whether it sends or receives: clients wait for the end from either side (RFC 4656 §3.8).
        if self._sessions and self._endpoint.protocol is negotiation.Protocol.OWAMP:
            self._stopper = self._loop.create_task(self._stop_when_complete())

    async def _stop_when_complete(self) -> None:
        """Send Stop-Sessions once all sessions are complete (RFC 4656 §3.8)."""
        end = max(session.completed_at() for session in self._sessions) + STOP_INCREMENT
        await asyncio.sleep(max(0.0, end - self._loop.time()))
        self._send_stop()
        with suppress(OSError, _TimedOutError):
            await self._flush()

    def _send_stop(self) -> None:
        if self._stop_sent or self._endpoint.state is not State.TESTING:
            return
        self._stop_sent = True
        senders = [session for session in self._sessions if isinstance(session, ServedSender)]
        for session in senders:
            session.close()
        self._endpoint.stop_sessions(tuple(session.description() for session in senders))

    def _stop(self, message: object) -> None:
        """Take the client's Stop-Sessions, and answer it (OWAMP; RFC 4656 §3.8)."""
        if isinstance(message, StopSessions):
            register = self._host.register
            descriptions = {item.sid: item for item in message.sessions}
            for session in self._sessions:
                if isinstance(session, ServedReceiver):
                    result = session.finish(descriptions[session.sid], message.accept)
                    if result is not None:
                        register.keep_result(result, self.client, self._peer[0])
            self._send_stop()
        for session in self._sessions:
            session.stop()
        self._sessions = []
        self._stop_sent = False
        if self._stopper is not None:
            self._stopper.cancel()

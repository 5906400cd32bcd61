"""An honest client, the adversary on its line to a live server, and what is asked of the two.

The client is that of the reference. What it sends goes through the hands of the adversary, who may
change it, drop it, or say something else in its place.
"""

from __future__ import annotations

import asyncio
import secrets
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from enum import Enum
from typing import Any, TypeVar

from owamp_reference import control
from owamp_reference.connection import ClientConfig, ControlClient
from owamp_reference.control import ProtectedSender
from owamp_reference.events import Closed, Event, SessionRejected, SetUp, Started, TestSession
from owamp_reference.keys import ControlKeys, TestSessionKeys
from owamp_reference.messages import (
    Accept,
    Request,
    RequestSession,
    RequestTWSession,
    ScheduleSlot,
    ServerGreeting,
    SetUpResponse,
)
from owamp_reference.negotiation import IKEV2_DERIVED, Mode, NegotiatedMode, Protocol
from owamp_reference.primitives import AES_BLOCK_SIZE
from owamp_reference.sources import system_clock

from ...net.addresses import SocketAddress, at_port, ip_version, packed, unmapped
from ...net.ntp import SECOND
from ...net.schedule import FIXED
from ...net.udp import MAX_DATAGRAM, bind
from ..config import ProbeConfig
from ..probe import UnreachableError, connect

_Awaited = TypeVar("_Awaited", bound=Event)

CONNECTIONS, DATAGRAMS = 4, 12
"""What an attack makes at most, and test packets over each connection."""
PADDING = 64
INTERVAL = 0.05
"""Seconds between the two packets of a session of OWAMP."""
_READ_SIZE = 2**16
_ANSWER = 1.0
"""Seconds within which a reflector answers."""


class Peer(Enum):
    """What the peer does in the face of an attack, or in an honest run."""

    RESISTS = "resists"
    FALLS = "falls"
    RUNS = "runs"
    NOT_TOLD = "not told"


@dataclass(frozen=True)
class PeerOutcome:
    """What came of an attack.

    Attributes:
        text: by what one sees it: one line, without secrets.
        claims: those that it decides, if they are not those of the attack.
    """

    peer: Peer
    text: str
    claims: tuple[str, ...] = ()


class ServerRefusedError(Exception):
    """The server refuses, or ends the connection; the text says which."""


class NotToldError(Exception):
    """It cannot be told what the server does; the text says why."""


@dataclass(frozen=True)
class SetUpAnswer:
    """What a client answers to a greeting, and the keys in it."""

    response: SetUpResponse
    keys: ControlKeys


@dataclass(frozen=True)
class Session:
    """A test session that the server granted, and the client's port for it."""

    granted: TestSession
    bound: socket.socket

    @property
    def keys(self) -> TestSessionKeys:
        """T3 and T4; raises `NotToldError` in a mode that has none."""
        if self.granted.keys is None:
            raise NotToldError("the mode has no T3 and T4")
        return self.granted.keys


class ClientLine:
    """A connection: an honest client, and all that its adversary can do on the line."""

    def __init__(
        self,
        target: AttackedHost,
        security: Mode,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        self._target, self._security = target, security
        self._reader, self._writer = reader, writer
        self.local: SocketAddress = unmapped(writer.get_extra_info("sockname"))
        self.peer: SocketAddress = unmapped(writer.get_extra_info("peername"))
        self._greeting: ServerGreeting | None = None
        self._draws: dict[str, bytes] = {}
        self.client = ControlClient(target.client_config(security), self._draw)
        self.last_block = bytes(AES_BLOCK_SIZE)
        self._bound: list[socket.socket] = []
        self._datagrams = 0

    def _draw(self, label: str, size: int) -> bytes:
        return self._draws.get(label) or secrets.token_bytes(size)

    # Octets

    async def _read(self, size: int | None = None) -> bytes:
        """So many octets, or some.

        Raises:
            ServerRefusedError: the end of the connection.
            NotToldError: silence.
        """
        timeout = self._target.config.timeout
        try:
            async with asyncio.timeout(timeout):
                if size is not None:
                    return await self._reader.readexactly(size)
                data = await self._reader.read(_READ_SIZE)
        except TimeoutError:
            raise NotToldError(f"no answer within {timeout:g} s") from None
        except (asyncio.IncompleteReadError, OSError):
            data = b""
        if not data:
            raise ServerRefusedError("the server ends the connection")
        return data

    def send(self, data: bytes) -> None:
        """Octets to the server, whoever they are from."""
        self.last_block = data[-AES_BLOCK_SIZE:]
        self._writer.write(data)

    async def expect(self, kind: type[_Awaited]) -> _Awaited:
        """The event that the server's answer brings about; raises `ServerRefusedError`."""
        events: list[Event] = []
        while not events:
            events = self.client.receive(await self._read())
        event = events[0]
        if isinstance(event, SessionRejected) or (
            isinstance(event, Started) and event.accept != Accept.OK
        ):
            raise ServerRefusedError(f"the server refuses with Accept {int(event.accept)}")
        if isinstance(event, Closed):
            if event.accept is not None:
                raise ServerRefusedError(f"the server refuses with Accept {int(event.accept)}")
            raise NotToldError(f"the client ends the connection: {event.error}")
        if not isinstance(event, kind):
            raise NotToldError(f"the server answers something else: {type(event).__name__}")
        return event

    # The steps of the client

    async def greet(self) -> ServerGreeting:
        """The server's greeting, which offers the mode of this line; raises `NotToldError`."""
        if self._greeting is None:
            octets = await self._read(ServerGreeting.LAYOUT.size)
            self._greeting = ServerGreeting.parse(octets)
            self._target.require(self._greeting, self._security)
        return self._greeting

    async def set_up(
        self, keys: ControlKeys | None = None, client_iv: bytes | None = None, **changed: Any
    ) -> SetUpResponse:
        """Set up the connection; the Set-Up-Response as the server gets it.

        Args:
            keys: T1 and T2 that the client draws, or that the adversary has in the client's place.
            client_iv: likewise.
            changed: fields of the Set-Up-Response that are changed on the way.
        Raises:
            ServerRefusedError: Accept of Server-Start is not 0, or the connection ends.
        """
        greeting = await self.greet()
        if keys is not None:
            self._draws |= {"T1": keys.t1, "T2": keys.t2}
        if client_iv is not None:
            self._draws["Client-IV"] = client_iv
        response = replace(_response(self.client, greeting), **changed)
        self._writer.write(response.to_octets())
        await self.expect(SetUp)
        return response

    def request(self, bound: socket.socket, **changed: Any) -> Request:
        """A request that a right server grants: in OWAMP the client sends two packets."""
        return request(self._target.config, self.local, self.peer, bound, **changed)

    def bind(self) -> socket.socket:
        """A port of the client for test packets."""
        self._bound.append(bind(self.local, 0))
        return self._bound[-1]

    async def ask(
        self, bound: socket.socket | None = None, asked: Request | None = None, instead: bytes = b""
    ) -> Session:
        """A session; raises `ServerRefusedError`.

        Args:
            bound: the client's port.
            asked: the request.
            instead: what the server gets in its place.
        """
        bound = bound or self.bind()
        self.client.request_session(asked or self.request(bound))
        octets = self.client.data_to_send()
        self.send(instead or octets)
        return Session(await self.expect(TestSession), bound)

    async def start(self) -> None:
        """Start the sessions; raises `ServerRefusedError`."""
        self.client.start_sessions()
        self.send(self.client.data_to_send())
        await self.expect(Started)

    async def exchange(self, session: Session, packet: bytes) -> bytes | None:
        """What a reflector answers to a packet from the client's port; None if it does not."""
        self.send_packet(session, packet)
        return await self.receive_packet(session)

    def send_packet(self, session: Session, packet: bytes) -> None:
        """A test packet from the client's port; raises `NotToldError` at the limit."""
        self._datagrams += 1
        if self._datagrams > DATAGRAMS:
            raise NotToldError(f"more than {DATAGRAMS} test packets are not sent")
        with suppress(OSError):
            session.bound.sendto(packet, at_port(self.peer, session.granted.port))

    async def receive_packet(self, session: Session) -> bytes | None:
        """A test packet of the server at the client's port; None if there is none in time."""
        loop = asyncio.get_running_loop()
        with suppress(TimeoutError, OSError):
            async with asyncio.timeout(min(_ANSWER, self._target.config.timeout)):
                while True:
                    data, source = await loop.sock_recvfrom(session.bound, MAX_DATAGRAM)
                    if source[:2] == at_port(self.peer, session.granted.port)[:2]:
                        return data
        return None

    def close(self) -> None:
        """End it."""
        for bound in self._bound:
            bound.close()
        self._writer.close()


def request(
    config: ProbeConfig,
    local: SocketAddress,
    peer: SocketAddress,
    bound: socket.socket,
    **changed: Any,
) -> Request:
    """A request between the hosts of a connection."""
    port = int(bound.getsockname()[1])
    fields: dict[str, Any] = {
        "ipvn": ip_version(local),
        "sender_port": port,
        "sender_address": packed(local),
        "receiver_address": packed(peer),
        "padding_length": PADDING,
        "start_time": system_clock(),
        "timeout": int(config.loss_timeout * SECOND),
        "type_p": 0,
    }
    if config.protocol is Protocol.TWAMP:
        return RequestTWSession(**fields | {"receiver_port": port} | changed)
    one_way = {
        "conf_sender": 0,
        "conf_receiver": 1,
        "number_of_packets": 2,
        "receiver_port": 0,
        "sid": bytes(16),
        "slots": (ScheduleSlot(FIXED, int(INTERVAL * SECOND)),),
    }
    return RequestSession(**fields | one_way | changed)


class AttackedHost:
    """The named host, and the connections that one attack makes to it.

    Args:
        address: numeric, so that all goes to one host, whatever its name stands for.
    """

    def __init__(self, config: ProbeConfig, address: str, port: int) -> None:
        self.config, self._address, self._port = config, address, port
        self._connections = 0

    @property
    def security(self) -> Mode:
        """The mode of attacks that any mode allows."""
        return self.config.security

    def client_config(self, security: Mode) -> ClientConfig:
        """That of an honest client in this mode."""
        config = self.config
        return ClientConfig(config.protocol, security, config.credentials, config.max_count)

    def mode_bits(self, security: Mode) -> int:
        """Mode as a client sends it."""
        assert self.config.credentials is not None
        mode = NegotiatedMode(security, self.config.credentials.ikev2_derived)
        return mode.bits(self.config.protocol)

    def require(self, greeting: ServerGreeting, security: Mode) -> None:
        """Raise `NotToldError` unless the server offers this mode."""
        missing = self.mode_bits(security) & ~greeting.modes
        if missing & security:
            assert security.name
            raise NotToldError(f"the server does not offer the {security.name.lower()} mode")
        if missing & IKEV2_DERIVED[self.config.protocol]:
            raise NotToldError("the server does not offer IKEv2Derived")

    @asynccontextmanager
    async def line(self, security: Mode | None = None) -> AsyncIterator[ClientLine]:
        """A connection, in the mode of the probe or in another.

        Raises:
            NotToldError: there is none, or it would be one too many.
        """
        self._connections += 1
        if self._connections > CONNECTIONS:
            raise NotToldError(f"more than {CONNECTIONS} connections are not made")
        try:
            ends = await connect(self._address, self._port, self.config.timeout)
        except UnreachableError as error:
            raise NotToldError(str(error)) from None
        made = ClientLine(self, security or self.security, *ends)
        try:
            yield made
        finally:
            made.close()

    def answer(self, greeting: ServerGreeting, security: Mode | None = None) -> SetUpAnswer:
        """What an honest client answers to a greeting, whoever sent it: nothing is sent."""
        client = ControlClient(self.client_config(security or self.security))
        response = _response(client, greeting)
        assert client.control_keys is not None
        return SetUpAnswer(response, client.control_keys)


def _response(client: ControlClient, greeting: ServerGreeting) -> SetUpResponse:
    """A client's answer to a greeting; raises `NotToldError` if it gives none."""
    for event in client.receive(greeting.to_octets()):
        if isinstance(event, Closed):
            raise NotToldError(f"the client does not answer the greeting: {event.error}")
    return SetUpResponse.parse(client.data_to_send())


def under(keys: ControlKeys, last_block: bytes, asked: Request) -> bytes:
    """A request on the wire, by whoever has the keys, after the last block of the stream."""
    return control.write_message(ProtectedSender(keys, last_block), asked.segments())

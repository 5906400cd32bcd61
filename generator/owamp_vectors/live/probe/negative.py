"""What a right server refuses, asked of a live server whose secret is known.

Each trial is a connection of its own: all is as it should be up to one message, which has a fault.
The first trial has none, so that the others mean something. A field that MUST be zero and is not is
no such fault: who interprets the message MUST ignore it (RFC 4656 §3.1), so that a right server
takes it.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from typing import TypeVar

from owamp_reference import control, primitives, token
from owamp_reference.errors import ProtocolError
from owamp_reference.keys import ControlKeys, derive_test_session_keys
from owamp_reference.messages import (
    Accept,
    AcceptSession,
    Message,
    Request,
    RequestTWSession,
    ServerGreeting,
    ServerStart,
    SessionDescription,
    SetUpResponse,
    StartAck,
    StartSessions,
    StopSessions,
    StopTWSessions,
)
from owamp_reference.negotiation import (
    SECURITY_BITS,
    Credentials,
    Mode,
    NegotiatedMode,
    Protocol,
)
from owamp_reference.packets import ReflectorPacket, open_packet
from owamp_reference.primitives import AES_BLOCK_SIZE, HMAC_SIZE
from owamp_reference.sessions import SessionSender

from ..net.addresses import SocketAddress, at_port, unmapped
from ..net.ntp import SECOND
from ..net.udp import bind
from ..observe.steps import Remark, Step, Who, note, right, wrong
from .attacks.target import PADDING, request
from .config import ProbeConfig
from .probe import UnreachableError, connect

T = TypeVar("T")

_SET_UP = "RFC 4656 §3.1"
_DROPPED = "RFC 4656 §6.10"
_UNKNOWN_COMMAND = 200
_TIMEOUT = 60 * SECOND
"""Timeout of the requests: no session ends by itself during a trial."""


class _EndedError(Exception):
    """The server has ended the connection, or says nothing; the text says which."""


class _Client:
    """A client whose messages can have faults."""

    def __init__(
        self, config: ProbeConfig, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        assert config.credentials is not None
        self._config, self._credentials = config, config.credentials
        self._reader, self._writer = reader, writer
        self._local: SocketAddress = unmapped(writer.get_extra_info("sockname"))
        self._peer: SocketAddress = unmapped(writer.get_extra_info("peername"))
        self.keys = ControlKeys(secrets.token_bytes(16), secrets.token_bytes(32))
        self.response: SetUpResponse | None = None
        self.offered = 0
        self.bound = bind(self._local, 0)
        self._session: tuple[bytes, int] = b"", 0

    @property
    def mode(self) -> NegotiatedMode:
        """The mode that is asked for."""
        return NegotiatedMode(self._config.security, self._credentials.ikev2_derived)

    async def _read(self, size: int) -> bytes:
        """So many octets; raises `_EndedError`."""
        try:
            async with asyncio.timeout(self._config.timeout):
                return await self._reader.readexactly(size)
        except TimeoutError:
            raise _EndedError(f"no answer within {self._config.timeout:g} s") from None
        except (asyncio.IncompleteReadError, OSError):
            raise _EndedError("the connection was ended") from None

    async def set_up(
        self,
        change: Callable[[ServerGreeting], ServerGreeting] | None = None,
        credentials: Credentials | None = None,
        replayed: SetUpResponse | None = None,
        mode: Mode | None = None,
    ) -> int:
        """Set-Up-Response; the Accept of Server-Start.

        Args:
            change: what the Token is made of in place of the greeting.
            credentials: in place of the right ones.
            replayed: a Set-Up-Response of another connection.
            mode: in place of the one that is wanted.
        """
        greeting = ServerGreeting.parse(await self._read(ServerGreeting.LAYOUT.size))
        self.offered = greeting.modes
        known, taken = credentials or self._credentials, change(greeting) if change else greeting
        if not 1 <= taken.count <= self._config.max_count:
            error = ProtocolError("Count", f"at most {self._config.max_count}", str(taken.count))
            raise UnreachableError(str(error))
        key = await asyncio.to_thread(
            token.derive_token_key, known.shared_secret, taken.salt, taken.count
        )
        sealed = token.seal_token(key, taken.challenge, self.keys)
        client_iv = secrets.token_bytes(AES_BLOCK_SIZE)
        wanted = self.mode if mode is None else replace(self.mode, security=mode)
        bits = wanted.bits(self._config.protocol)
        self.response = replayed or SetUpResponse(bits, known.key_id, sealed, client_iv)
        self._cipher = primitives.cbc_encryptor(self.keys.t1, client_iv)
        self._writer.write(self.response.to_octets())
        clear = await self._read(ServerStart.CLEAR_SIZE)
        block = await self._read(AES_BLOCK_SIZE)
        self._receiver = control.ProtectedReceiver(self.keys, clear[16:])
        self._receiver.read(block)
        return clear[15]

    def say(self, *segments: bytes, faulty: int | None = None) -> None:
        """A command; the HMAC after segment number `faulty` is another."""
        for number, text in enumerate(segments):
            tag = primitives.hmac_sha1_128(self.keys.t2, text)
            if number == faulty:
                tag = bytes([tag[0] ^ 1]) + tag[1:]
            self._writer.write(self._cipher.update(text) + self._cipher.update(tag))

    async def hear(self, kind: type[Message]) -> bytes:
        """The text of an answer of a known size; raises `_EndedError`."""
        octets = await self._read(kind.LAYOUT.size + HMAC_SIZE)
        return self._receiver.read(octets)[: kind.LAYOUT.size]

    def request(self) -> Request:
        """One that a right server grants."""
        return request(self._config, self._local, self._peer, self.bound, timeout=_TIMEOUT)

    async def ask(self, faulty: int | None = None, change: int | None = None) -> int:
        """A request; the Accept of Accept-Session.

        Args:
            faulty: which HMAC is another.
            change: which octet, of one that MUST be zero, is not.
        """
        segments = self.request().segments()
        if change is not None:
            first = bytearray(segments[0])
            first[change] = 1
            segments[0] = bytes(first)
        self.say(*segments, faulty=faulty)
        fields = AcceptSession.LAYOUT.unpack(await self.hear(AcceptSession))
        self._session = fields["sid"], fields["port"]
        return int(fields["accept"])

    async def start(self, faulty: int | None = None) -> int:
        """Start-Sessions; the Accept of Start-Ack."""
        self.say(*StartSessions().segments(), faulty=faulty)
        return (await self.hear(StartAck))[0]

    def description(self) -> SessionDescription:
        """Of the session that was asked for: no packet was sent."""
        return SessionDescription(self._session[0], 0)

    async def is_reflected(self, is_faulty: bool) -> bool:
        """Whether a test packet is answered, its HMAC right or not."""
        sid, port = self._session
        mode, session_keys = self.mode.test_mode, derive_test_session_keys(self.keys, sid)
        sender = SessionSender(mode, session_keys)
        sender.next_sequence_number = number = int(is_faulty)
        packet = bytearray(sender.next_packet(PADDING))
        if is_faulty:
            packet[len(packet) - PADDING - 1] ^= 1
        loop = asyncio.get_running_loop()
        await loop.sock_sendto(self.bound, packet, at_port(self._peer, port))
        with suppress(TimeoutError):
            async with asyncio.timeout(min(1.0, self._config.timeout)):
                while True:
                    data = await loop.sock_recv(self.bound, 2**16)
                    with suppress(ProtocolError):  # what does not verify is nobody's answer
                        answer = open_packet(mode, ReflectorPacket, data, session_keys)
                        if answer.sender_sequence_number == number:
                            return True
        return False

    def close(self) -> None:
        """End it."""
        self.bound.close()
        self._writer.close()


@dataclass(frozen=True)
class _Trial:
    """One fault.

    Attributes:
        play: everything from the greeting on; the Accept of the answer to the fault.
        source: the sentence that refuses it.
        is_dropped: whether the connection has to be dropped (a wrong HMAC), not only refused.
        is_right: whether it is no fault, and to be accepted.
    """

    name: str
    play: Callable[[_Client], Awaitable[int]]
    source: str
    is_dropped: bool = False
    is_right: bool = False


def _other_challenge(greeting: ServerGreeting) -> ServerGreeting:
    return replace(greeting, challenge=bytes([greeting.challenge[0] ^ 1]) + greeting.challenge[1:])


def _set_ups(credentials: Credentials) -> Iterator[_Trial]:
    yield _Trial("a wrong Challenge in the Token", lambda c: c.set_up(_other_challenge), _SET_UP)
    stranger = replace(credentials, shared_secret=secrets.token_bytes(16))
    text = "a Token under another secret"
    yield _Trial(text, lambda c: c.set_up(credentials=stranger), _SET_UP)


async def _asking(client: _Client, faulty: int | None = None, change: int | None = None) -> int:
    await client.set_up()
    return await client.ask(faulty, change)


async def _starting(client: _Client, faulty: int | None = None) -> int:
    await _asking(client)
    return await client.start(faulty)


async def _stopping(client: _Client) -> int:
    """After Stop-Sessions a request is answered only if the Stop-Sessions was taken."""
    await _starting(client)
    client.say(*StopTWSessions(0, 1).segments(), faulty=0)
    return await client.ask()


async def _stopping_owamp(client: _Client) -> int:
    """Stop-Sessions is answered by one; no session ends by itself so soon."""
    await _starting(client)
    stop = StopSessions(0, (client.description(),))
    client.say(*stop.segments(), faulty=0)
    return (await client.hear(StopTWSessions))[1]


async def _unknown(client: _Client) -> int:
    await client.set_up()
    client.say(bytes([_UNKNOWN_COMMAND]) + bytes(AES_BLOCK_SIZE - 1))
    return (await client.hear(AcceptSession))[0]


def _commands(protocol: Protocol) -> Iterator[_Trial]:
    is_owamp = protocol is Protocol.OWAMP
    hmacs = ("of the request", "of the schedule slots") if is_owamp else ("of the request",)
    for number, name in enumerate(hmacs):
        play = partial(_asking, faulty=number)
        yield _Trial(f"a wrong HMAC {name}", play, _DROPPED, is_dropped=True)
    start = partial(_starting, faulty=0)
    yield _Trial("a wrong HMAC of Start-Sessions", start, _DROPPED, is_dropped=True)
    stop = _stopping_owamp if is_owamp else _stopping
    yield _Trial("a wrong HMAC of Stop-Sessions", stop, _DROPPED, is_dropped=True)
    source = "RFC 4656 §3.4" if is_owamp else "RFC 5357 §3.5"
    yield _Trial(f"an unknown command, {_UNKNOWN_COMMAND}", _unknown, source)
    octet = RequestTWSession.LAYOUT.size - 1  # both requests end with MBZ
    play = partial(_asking, change=octet)
    yield _Trial("a request whose MBZ is not zero", play, _SET_UP, is_right=True)


async def _choosing(client: _Client, mode: Mode) -> int:
    return await client.set_up(mode=mode)


async def _replaying(client: _Client, seen: SetUpResponse | None) -> int:
    return await client.set_up(replayed=seen)


class _Runner:
    def __init__(
        self, config: ProbeConfig, host: str, port: int, tell: Callable[[Step], None] | None
    ) -> None:
        self._config, self._host, self._port, self._tell = config, host, port, tell
        self.steps: list[Step] = []

    def _say(self, name: str, remark: Remark) -> None:
        step = Step(name, Who.SERVER, (remark,))
        self.steps.append(step)
        if self._tell is not None:
            self._tell(step)

    async def _with_client(self, play: Callable[[_Client], Awaitable[T]]) -> T:
        """What comes of a client on a connection of its own; raises `_EndedError`, `OSError`."""
        reader, writer = await connect(self._host, self._port, self._config.timeout)
        client = _Client(self._config, reader, writer)
        try:
            return await play(client)
        finally:
            client.close()

    async def run(self) -> bool:
        """All trials; whether they could be made."""
        seen: list[_Client] = []

        async def honest(client: _Client) -> int:
            seen.append(client)
            return await _starting(client)

        is_right = await self._try(_Trial("no fault", honest, "", is_right=True))
        if not is_right:
            return False
        credentials = self._config.credentials
        assert credentials is not None
        for trial in _set_ups(credentials):
            await self._try(trial)
        replay = partial(_replaying, seen=seen[0].response)
        await self._try(_Trial("a Set-Up-Response of another connection", replay, _SET_UP))
        for mode in Mode:
            if mode & SECURITY_BITS[self._config.protocol] & ~seen[0].offered:
                choose = partial(_choosing, mode=mode)
                await self._try(_Trial(f"Mode {mode:d}, not offered", choose, _SET_UP))
        for trial in _commands(self._config.protocol):
            await self._try(trial)
        if self._config.protocol is Protocol.TWAMP and self._config.security is not Mode.MIXED:
            await self._try_packet()
        return True

    async def _try(self, trial: _Trial) -> bool:
        """Make a trial; whether its verdict is right."""
        try:
            accept = await self._with_client(trial.play)
        except (_EndedError, OSError) as error:
            text = str(error) if isinstance(error, _EndedError) else "the connection was ended"
            judge = wrong if trial.is_right else right if "ended" in text else note
            self._say(trial.name, judge(text, trial.source))
            return judge is right
        if accept == Accept.OK:
            judge = right if trial.is_right else wrong
            self._say(trial.name, judge("it was accepted", trial.source))
            return trial.is_right
        text = f"refused with Accept {accept}"
        judge = wrong if trial.is_right else right
        if trial.is_dropped:
            text, judge = f"{text}; the connection is to be dropped", note
        self._say(trial.name, judge(text, trial.source))
        return judge is right

    async def _try_packet(self) -> None:
        """A test packet with a wrong HMAC, once a right one has been answered."""

        async def play(client: _Client) -> tuple[bool, bool]:
            await _starting(client)
            return await client.is_reflected(False), await client.is_reflected(True)

        name, source = "a wrong HMAC of a test packet", "RFC 5357 §4.2"
        try:
            is_there, is_taken = await self._with_client(play)
        except (_EndedError, OSError) as error:
            self._say(name, note(error, source))
            return
        if is_taken:
            self._say(name, wrong("it was reflected", source))
        elif is_there:
            self._say(name, right("it was not reflected, and a right one was", source))
        else:
            self._say(name, note("the right packet was not reflected in time", source))


async def run_negative(
    config: ProbeConfig, host: str, port: int, tell: Callable[[Step], None] | None = None
) -> tuple[list[Step], bool]:
    """Ask a server for what it has to refuse: a step a trial, and whether they could be made.

    Args:
        config: its credentials are those of the server.
        tell: is given each step as it is made.
    Raises:
        UnreachableError: no connection comes about, or Count is above the limit.
    """
    runner = _Runner(config, host, port, tell)
    return runner.steps, await runner.run()

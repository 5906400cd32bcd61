"""Strategies for what goes over the wire, and ends of a connection to talk with.

`Pair` is a client and a server of the reference; `RawClient` and `RawServer` are one end played by
hand, from the public parts, so that it can say what the reference would not.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import cycle
from typing import Any, TypeVar

from hypothesis import strategies as st
from owamp_reference import binding, control, events, ikev2, primitives, token
from owamp_reference.connection import ClientConfig, ControlClient, Server, ServerConfig, accept_all
from owamp_reference.events import Closed, Event
from owamp_reference.keys import ControlKeys
from owamp_reference.layout import Layout
from owamp_reference.messages import (
    AcceptSession,
    FetchAck,
    FetchData,
    FetchSession,
    Message,
    PacketRecord,
    Request,
    RequestSession,
    RequestTWSession,
    ScheduleSlot,
    ServerGreeting,
    ServerStart,
    SessionDescription,
    SetUpResponse,
    SkipRange,
    StartAck,
    StartSessions,
    StopSessions,
    StopTWSessions,
)
from owamp_reference.negotiation import Credentials, Mode, NegotiatedMode, Protocol, secrets_of
from owamp_reference.packets import ReflectorPacket, SenderPacket

T = TypeVar("T")
E = TypeVar("E", bound=Event)

# Octets


def keys_of(size: int) -> st.SearchStrategy[bytes]:
    """Octet strings of exactly `size`."""
    return st.binary(min_size=size, max_size=size)


blocks = st.integers(0, 8).flatmap(lambda count: keys_of(16 * count))
"""Whole blocks, up to eight."""
cuts = st.lists(st.integers(1, 70), min_size=1, max_size=6)
"""Sizes for `pieces`."""


def pieces(data: bytes, sizes: Iterable[int]) -> Iterator[bytes]:
    """`data` cut into pieces of these sizes, over and over."""
    for size in cycle(sizes):
        if not data:
            return
        yield data[:size]
        data = data[size:]


@st.composite
def mutations(draw: st.DrawFn, originals: st.SearchStrategy[bytes]) -> bytes:
    """Octets that were valid before they were cut, extended, or had bits turned over."""
    data = bytearray(draw(originals))
    for _ in range(draw(st.integers(1, 3))):
        kind = draw(st.sampled_from(["cut", "extend", "flip", "set"]))
        if kind == "extend" or not data:
            data += draw(st.binary(min_size=1, max_size=20))
        elif kind == "cut":
            del data[draw(st.integers(0, len(data) - 1)) :]
        else:
            position = draw(st.integers(0, len(data) - 1))
            value = 1 << draw(st.integers(0, 7)) if kind == "flip" else draw(st.integers(0, 255))
            data[position] = data[position] ^ value if kind == "flip" else value
    return bytes(data)


# Messages


def values_of(layout: Layout, **given: st.SearchStrategy[Any]) -> dict[str, Any]:
    """A strategy for each named field of a layout."""
    strategies: dict[str, st.SearchStrategy[Any]] = {}
    for field in layout.fields:
        if field.name and field.is_integer:
            strategies[field.name] = st.integers(0, field.mask or 256**field.size - 1)
        elif field.name:
            strategies[field.name] = keys_of(field.size)
    return strategies | given


def of_layout(kind: Callable[..., T], layout: Layout) -> st.SearchStrategy[T]:
    """Instances of a class that has a field for each field of a layout."""
    return st.builds(kind, **values_of(layout))


@st.composite
def skip_ranges(draw: st.DrawFn) -> tuple[SkipRange, ...]:
    """Ascending, disjoint ranges."""
    floor, ranges = 0, []
    for gap, length in draw(
        st.lists(st.tuples(st.integers(0, 99), st.integers(0, 99)), max_size=5)
    ):
        ranges.append(SkipRange(floor + gap, floor + gap + length))
        floor += gap + length + 1
    return tuple(ranges)


def _without(strategies: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: strategy for name, strategy in strategies.items() if name not in names}


slots = of_layout(ScheduleSlot, ScheduleSlot.LAYOUT)
session_descriptions = st.builds(
    SessionDescription,
    **_without(values_of(SessionDescription.LAYOUT), "number_of_skip_ranges"),
    skip_ranges=skip_ranges(),
)
requests = st.builds(
    RequestSession,
    **_without(values_of(RequestSession.LAYOUT), "number_of_slots"),
    slots=st.lists(slots, max_size=4).map(tuple),
)
MESSAGES: dict[type[Message], st.SearchStrategy[Message]] = {
    RequestSession: requests,
    StopSessions: st.builds(
        StopSessions,
        **_without(values_of(StopSessions.LAYOUT), "number_of_sessions"),
        sessions=st.lists(session_descriptions, max_size=3).map(tuple),
    ),
    **{
        kind: of_layout(kind, kind.LAYOUT)
        for kind in (
            ServerGreeting,
            SetUpResponse,
            ServerStart,
            RequestTWSession,
            AcceptSession,
            StartSessions,
            StartAck,
            StopTWSessions,
            FetchSession,
            FetchAck,
        )
    },
}
"""Every message with a strategy for its values."""
packet_records = of_layout(PacketRecord, PacketRecord.LAYOUT)
fetch_data = st.builds(
    FetchData,
    request=requests,
    skip_ranges=skip_ranges(),
    records=st.lists(packet_records, max_size=4).map(tuple),
)


def fetch_data_of(ranges: int, records: int) -> st.SearchStrategy[FetchData]:
    """Session data with so many skip ranges and records."""
    return st.builds(
        FetchData,
        request=requests,
        skip_ranges=st.just(tuple(SkipRange(2 * n, 2 * n) for n in range(ranges))),
        records=st.lists(packet_records, min_size=records, max_size=records).map(tuple),
    )


def ack_for(data: FetchData, accept: int = 0) -> FetchAck:
    """The Fetch-Ack that announces `data`."""
    return FetchAck(accept, 1, 0, len(data.skip_ranges), len(data.records))


# Test packets


def any_packets(kind: type[SenderPacket] | type[ReflectorPacket]) -> st.SearchStrategy[Any]:
    """Test packets of a kind, with padding, a Multiplier that is not zero, and Z zero."""
    estimates = st.integers(0, 0xFFFF).map(lambda value: (value | (not value & 0xFF)) & ~0x4000)
    return st.builds(
        kind,
        **values_of(
            kind.PROTECTED_LAYOUT,
            error_estimate=estimates,
            padding=st.binary(max_size=70),
        ),
    )


# Ends of a connection

PASSPHRASE = b"correct horse battery staple"
KEY_ID = "alice"
SPI_I, SPI_R = b"initiatr", b"respondr"
SK_D = bytes(range(101, 133))
IKEV2_SECRET = binding.shared_secret_from_sk_d(ikev2.PRF_HMAC_SHA2_256, SK_D)
PSK_CREDENTIALS = Credentials.from_passphrase(KEY_ID, PASSPHRASE)
IKEV2_CREDENTIALS = Credentials.from_ikev2(SPI_I, SPI_R, IKEV2_SECRET)
SID = bytes(range(16))


class Draws:
    """A `RandomSource` that gives the same octets again, and tells what it gave."""

    def __init__(self, seed: str) -> None:
        self._seed = seed
        self._count = 0
        self.given: dict[str, bytes] = {}

    def __call__(self, label: str, size: int) -> bytes:
        self._count += 1
        drawn = hashlib.shake_256(f"{self._seed} {label} {self._count}".encode()).digest(size)
        self.given[label] = drawn
        return drawn


@dataclass(frozen=True)
class Setting:
    """A protocol, a mode, and where the shared secret is from."""

    protocol: Protocol
    security: Mode
    ikev2_derived: bool = False
    given: Credentials | None = None

    def __str__(self) -> str:
        source = " IKEv2" if self.ikev2_derived else ""
        return f"{self.protocol.value} {(self.security.name or '').lower()}{source}"

    @property
    def mode(self) -> int:
        """Mode as the client sends it."""
        return NegotiatedMode(self.security, self.ikev2_derived).bits(self.protocol)

    @property
    def is_protected(self) -> bool:
        return self.security is not Mode.UNAUTHENTICATED

    @property
    def credentials(self) -> Credentials:
        if self.given is not None:
            return self.given
        return IKEV2_CREDENTIALS if self.ikev2_derived else PSK_CREDENTIALS

    @property
    def client_config(self) -> ClientConfig:
        return ClientConfig(self.protocol, self.security, self.credentials)

    @property
    def server_config(self) -> ServerConfig:
        return ServerConfig(
            self.protocol,
            self.mode,
            find_secret=secrets_of(PSK_CREDENTIALS, IKEV2_CREDENTIALS),
            policy=accept_all,
            sid_address=bytes([192, 0, 2, 1]),
        )

    def request(self, **changes: Any) -> Request:
        """A request that a server accepts: it receives (OWAMP), it reflects (TWAMP)."""
        values: dict[str, Any] = {
            "ipvn": 4,
            "sender_port": 5000,
            "receiver_port": 6000,
            "sender_address": bytes(16),
            "receiver_address": bytes(16),
            "padding_length": 0,
            "start_time": 0,
            "timeout": 2 << 32,
            "type_p": 0,
        }
        if self.protocol is Protocol.TWAMP:
            return RequestTWSession(**values | changes)
        values |= {
            "conf_sender": 0,
            "conf_receiver": 1,
            "number_of_packets": 3,
            "sid": bytes(16),
            "slots": (ScheduleSlot(1, 1 << 32),),
        }
        return RequestSession(**values | changes)


def _settings() -> Iterator[Setting]:
    for protocol in Protocol:
        for security in Mode:
            if protocol is Protocol.OWAMP and security is Mode.MIXED:
                continue
            yield Setting(protocol, security)
            if security is not Mode.UNAUTHENTICATED:
                yield Setting(protocol, security, ikev2_derived=True)


SETTINGS = tuple(_settings())
"""Every mode of both protocols, with each source of the shared secret."""
OWAMP = Setting(Protocol.OWAMP, Mode.ENCRYPTED)
TWAMP = Setting(Protocol.TWAMP, Mode.ENCRYPTED)


def only(events: Sequence[Event], kind: type[E]) -> E:
    """The one event, which is of this kind."""
    (event,) = events
    assert isinstance(event, kind), event
    return event


def error_of(events: Sequence[Event]) -> str:
    """Why the connection was closed, by the one event."""
    closed = only(events, Closed)
    assert closed.error is not None
    return str(closed.error)


class Pair:
    """A client and a server of the reference, with a clock that stands still."""

    def __init__(
        self,
        setting: Setting,
        sizes: Sequence[int] = (10**6,),
        server_config: ServerConfig | None = None,
        client_draws: Draws | None = None,
    ) -> None:
        self.setting = setting
        self._sizes = sizes
        self.client_draws, self.server_draws = client_draws or Draws("client"), Draws("server")
        self.client = ControlClient(setting.client_config, self.client_draws)
        self.server = Server(
            server_config or setting.server_config, self.server_draws, clock=lambda: 1 << 32
        )

    def pump(self) -> tuple[list[Event], list[Event]]:
        """Carry octets both ways, cut as asked for, until none are left: the client's events and
        the server's.
        """
        at_client: list[Event] = []
        at_server: list[Event] = []
        while True:
            to_client, to_server = self.server.data_to_send(), self.client.data_to_send()
            if not to_client and not to_server:
                return at_client, at_server
            for piece in pieces(to_client, self._sizes):
                at_client += self.client.receive(piece)
            for piece in pieces(to_server, self._sizes):
                at_server += self.server.receive(piece)

    def ready(self) -> Pair:
        """Through the set-up."""
        self.pump()
        return self

    def accepted(self, **changes: Any) -> events.TestSession:
        """Request a session; what the client knows of it, which is what the server knows."""
        self.client.request_session(self.setting.request(**changes))
        at_client, at_server = self.pump()
        session = only(at_client, events.TestSession)
        assert only(at_server, events.TestSession) == session
        return session

    def testing(self) -> Pair:
        """Through the set-up, a request and Start-Sessions."""
        self.ready().accepted()
        self.client.start_sessions()
        self.pump()
        return self


class _Raw:
    """One end, played by hand."""

    keys = ControlKeys(bytes(range(1, 17)), bytes(range(17, 49)))
    iv = bytes(range(49, 65))

    def __init__(self, setting: Setting, peer: ControlClient | Server) -> None:
        self.setting = setting
        self.peer = peer
        self.sender: control.Sender = control.OpenSender()
        self.receiver: control.Receiver = control.OpenReceiver()
        self._inbox = b""

    def _take(self, size: int) -> bytes:
        self._inbox += self.peer.data_to_send()
        taken, self._inbox = self._inbox[:size], self._inbox[size:]
        assert len(taken) == size
        return taken

    def protect(self, keys: ControlKeys, sender_iv: bytes, receiver_iv: bytes) -> None:
        self.sender = control.ProtectedSender(keys, sender_iv)
        self.receiver = control.ProtectedReceiver(keys, receiver_iv)

    def sealed_text(self, segments: list[bytes]) -> bytes:
        """The octets on the wire of text of this side, each segment with its HMAC."""
        return control.write_message(self.sender, segments)

    def sealed(self, message: Message | FetchData) -> bytes:
        """The octets on the wire of the next message of this side."""
        return self.sealed_text(message.segments())

    def send(self, message: Message | FetchData) -> list[Event]:
        """Say it; the events at the peer."""
        return self.peer.receive(self.sealed(message))

    def send_text(self, *segments: bytes) -> list[Event]:
        """Say any text, each segment with its HMAC; the events at the peer."""
        return self.peer.receive(self.sealed_text(list(segments)))

    def hear(self, kind: type[T]) -> T:
        """The peer's next message, which is of this kind and has one segment."""
        assert issubclass(kind, Message)
        text = self.receiver.read(self._take(kind.LAYOUT.size))
        self.receiver.read_hmac(self._take(primitives.HMAC_SIZE))
        return kind.parse(text + bytes(primitives.HMAC_SIZE))

    def is_silent(self) -> bool:
        """Whether the peer has said nothing more."""
        self._inbox += self.peer.data_to_send()
        return not self._inbox


class RawClient(_Raw):
    """A client played by hand, against a server of the reference."""

    def __init__(self, setting: Setting, config: ServerConfig | None = None) -> None:
        server = Server(config or setting.server_config, Draws("server"), clock=lambda: 1 << 32)
        super().__init__(setting, server)
        self.greeting = ServerGreeting.parse(self._take(ServerGreeting.LAYOUT.size))

    def response(self, **changes: Any) -> SetUpResponse:
        """The honest Set-Up-Response, but for some changes."""
        key_id, sealed = bytes(80), bytes(64)
        if self.setting.is_protected:
            credentials = self.setting.credentials
            key = token.derive_token_key(
                credentials.shared_secret, self.greeting.salt, self.greeting.count
            )
            key_id = credentials.key_id
            sealed = token.seal_token(key, self.greeting.challenge, self.keys)
        values: dict[str, Any] = {
            "mode": self.setting.mode,
            "key_id": key_id,
            "token": sealed,
            "client_iv": self.iv,
        }
        return SetUpResponse(**values | changes)

    def respond(self, **changes: Any) -> tuple[int, list[Event]]:
        """Send Set-Up-Response; Accept of the Server-Start, and the events at the server."""
        events = self.peer.receive(self.response(**changes).to_octets())
        clear, block = self._take(ServerStart.CLEAR_SIZE), self._take(16)
        accept, server_iv = clear[15], clear[16:]
        if accept == 0 and self.setting.is_protected:
            self.protect(self.keys, self.iv, server_iv)
            assert any(server_iv)
        elif accept == 0:
            assert not any(server_iv)
        self.receiver.read(block)
        return accept, events

    def ready(self) -> RawClient:
        """Through the set-up."""
        assert self.respond()[0] == 0
        return self

    @property
    def server(self) -> Server:
        assert isinstance(self.peer, Server)
        return self.peer


class RawServer(_Raw):
    """A server played by hand, against a client of the reference."""

    challenge, salt = bytes(range(65, 81)), bytes(range(81, 97))

    def __init__(self, setting: Setting, config: ClientConfig | None = None) -> None:
        super().__init__(setting, ControlClient(config or setting.client_config, Draws("client")))

    def greet(self, **changes: Any) -> list[Event]:
        """Send the greeting; the events at the client."""
        values: dict[str, Any] = {
            "modes": self.setting.mode,
            "challenge": self.challenge,
            "salt": self.salt,
            "count": 1024,
        }
        return self.peer.receive(ServerGreeting(**values | changes).to_octets())

    def start(self, accept: int = 0) -> list[Event]:
        """Take the Set-Up-Response and send Server-Start; the events at the client."""
        response = SetUpResponse.parse(self._take(SetUpResponse.LAYOUT.size))
        start = ServerStart(accept, self.iv, 7).to_octets()
        clear, block = start[: ServerStart.CLEAR_SIZE], start[ServerStart.CLEAR_SIZE :]
        if accept == 0 and self.setting.is_protected:
            key = token.derive_token_key(self.setting.credentials.shared_secret, self.salt, 1024)
            opened = token.open_token(key, response.token, self.challenge)
            self.protect(opened, self.iv, response.client_iv)
        return self.peer.receive(clear + self.sender.write(block))

    def ready(self) -> RawServer:
        """Through the set-up."""
        self.greet()
        self.start()
        return self

    @property
    def client(self) -> ControlClient:
        assert isinstance(self.peer, ControlClient)
        return self.peer

    def asked(self, **changes: Any) -> RawServer:
        """Have the client request a session."""
        self.client.request_session(self.setting.request(**changes))
        for size in (96, 16) if self.setting.protocol is Protocol.TWAMP else (96, 16, 16, 16):
            self._take(size)
        return self

    def testing(self) -> RawServer:
        """Through the set-up, a request and Start-Sessions."""
        self.ready().asked()
        self.send(AcceptSession(0, 6000, SID))
        self.client.start_sessions()
        self._take(StartSessions.LAYOUT.size + primitives.HMAC_SIZE)
        self.send(StartAck(0))
        return self

"""TWAMP from the greeting on, for rfc4656."""

from __future__ import annotations

from collections.abc import Iterator

from owamp_reference.connection import ClientConfig, ControlClient, Server, ServerConfig, accept_all
from owamp_reference.events import Event as EndpointEvent
from owamp_reference.events import SetUp, TestSession
from owamp_reference.messages import RequestTWSession
from owamp_reference.negotiation import IKEV2_DERIVED, Mode, NegotiatedMode, Protocol, secrets_of
from owamp_reference.packets import TestMode

from ...vectors.drbg import Drbg
from ..steps import Event
from .packets import Sides, packets
from .world import Choose, Secret, Tap, World, interleaved, secrets, why


def _mode(mode: NegotiatedMode | None) -> bytes:
    assert mode is not None
    return mode.bits(Protocol.TWAMP).to_bytes(4, "big")


def tw_request(source: Drbg) -> RequestTWSession:
    """A request for a session, its fields from a source."""
    return RequestTWSession(
        ipvn=4,
        sender_port=source.uint("sender port", 2),
        receiver_port=source.uint("receiver port", 2),
        sender_address=source.octets("sender address", 4) + bytes(12),
        receiver_address=source.octets("receiver address", 4) + bytes(12),
        padding_length=source.uint("padding", 1),
        start_time=source.uint("start time", 8),
        timeout=source.uint("timeout", 8),
        type_p=0,
    )


class _Connection:
    """A TWAMP control connection and its session, event by event."""

    def __init__(
        self,
        world: World,
        number: int,
        secret: Secret,
        everybody: list[Secret],
        security: Mode,
        changed: str = "",
    ) -> None:
        self.world = world
        self._changed = changed  # "request" or "accept": that message does not arrive as it was
        self.secret = secret
        self.security = security
        self.title = f"connection {number} ({secret.client} to {secret.server})"
        self.source = world.source.at(f"connection {number}")
        self.client_tap = Tap(self.source.at("client"))
        self.server_tap = Tap(self.source.at("server"))
        self.response = b""
        self._everybody = [item for item in everybody if item.server == secret.server]

    def new_server(self, tap: Tap) -> Server:
        """The server's end of a connection."""
        config = ServerConfig(
            Protocol.TWAMP,
            modes=Mode.AUTHENTICATED | Mode.ENCRYPTED | IKEV2_DERIVED[Protocol.TWAMP],
            find_secret=secrets_of(*(item.credentials for item in self._everybody)),
            policy=accept_all,
            start_time=self.source.uint("start time", 8),
        )
        return Server(config, tap, self.world.clock)

    def event(self, what: str, actor: str, rule: str, **fields: object) -> Event:
        """An event of one end of the connection."""
        return Event(f"{self.title}: {what}", f"{self.title}/{actor}", rule=rule, **fields)  # type: ignore[arg-type]

    def events(self) -> Iterator[Event]:
        """From the greeting to test packets in both directions."""
        world, secret = self.world, self.secret
        names = secret.names()
        server = self.new_server(self.server_tap)
        greeting = server.data_to_send()
        yield self.event(
            "the server greets",
            "server",
            "Server_Greeting",
            known=secret.names(both=False),
            drawn=self.server_tap.take(),
            sent=greeting,
        )
        config = ClientConfig(Protocol.TWAMP, self.security, secret.credentials)
        client = ControlClient(config, self.client_tap)
        failed = why(world.hand(client, greeting))
        response = client.data_to_send()
        yield self.event(
            "the client sets up",
            "client",
            "Client_Set_Up_Response",
            known={**names, **({"mode": _mode(client.mode)} if client.mode else {})},
            drawn=self.client_tap.take(),
            received=greeting,
            sent=response,
            refused=failed,
        )
        self.response = response
        found = world.hand(server, response)
        start = server.data_to_send()
        mode = {"mode": _mode(server.mode)} if server.mode else {}
        yield self.event(
            "the server starts",
            "server",
            "Server_Start",
            known={**names, **mode, **_start_time(found)},
            drawn=self.server_tap.take(),
            received=response,
            sent=start,
            refused=why(found),
        )
        found = world.hand(client, start)
        request = tw_request(self.source.at("request"))
        asked = b""
        if time := _start_time(found):
            client.request_session(request)
            asked = client.data_to_send()
        yield self.event(
            "the client requests a session",
            "client",
            "Client_Request_Session",
            known={**names, **time, "parameters": request.segments()[0][1:]},
            received=start,
            sent=asked,
            refused=why(found),
        )
        yield from self._session(client, server, asked)

    def _session(self, client: ControlClient, server: Server, asked: bytes) -> Iterator[Event]:
        world, names = self.world, self.secret.names()
        if self._changed == "request":
            asked = world.changed(asked, range(len(asked)))
        found = world.hand(server, asked)
        accepted = server.data_to_send()
        ours = next((item for item in found if isinstance(item, TestSession)), None)
        yield self.event(
            "the server accepts the session",
            "server",
            "Server_Accept_Session",
            known={**names, **_session_known(ours)},
            drawn=self.server_tap.take(),
            received=asked,
            sent=accepted,
            claims=_session_claims("ServerSession", ours),
            refused=why(found),
        )
        if ours is None:
            return
        if self._changed == "accept":
            accepted = world.changed(accepted, range(len(accepted)))
        found = world.hand(client, accepted)
        theirs = next((item for item in found if isinstance(item, TestSession)), None)
        known = _session_known(theirs)
        known.pop("parameters", None)
        yield self.event(
            "the client opens the session",
            "client",
            "Client_Open_Session",
            known={**names, **known},
            received=accepted,
            claims=_session_claims("ClientSession", theirs),
            refused=why(found) or ("" if theirs else "the session was not accepted"),
        )
        if theirs is None:
            return
        mode = "Authenticated" if theirs.mode is TestMode.AUTHENTICATED else "Encrypted"
        yield from packets(
            self,
            Sides(theirs, ours, f"{self.title}/client", f"{self.title}/server"),
            (f"Sender_Packet_{mode}", f"Reflector_Packet_{mode}", f"Sender_Receives_{mode}"),
            names,
        )

    def intrusion(self) -> Iterator[Event]:
        """A Set-Up-Response of this connection brought to another one of the same server."""
        tap = Tap(self.source.at("intruder"))
        server = self.new_server(tap)
        greeting = server.data_to_send()
        known = self.secret.names(both=False)
        yield Event(
            f"{self.title} replayed: the server greets",
            f"{self.title} replayed",
            known=known,
            drawn=tap.take(),
            sent=greeting,
            rule="Server_Greeting",
        )
        if self.response:
            found = self.world.hand(server, self.response)
            yield Event(
                f"{self.title} replayed: the server starts",
                f"{self.title} replayed",
                known=known,
                drawn=tap.take(),
                received=self.response,
                sent=server.data_to_send(),
                refused=why(found),
                rule="Server_Start",
            )


def _start_time(events: list[EndpointEvent]) -> dict[str, bytes]:
    """The Start-Time that an endpoint has, if the connection is set up."""
    found = [event.start_time for event in events if isinstance(event, SetUp)]
    return {"start_time": found[0].to_bytes(8, "big") + bytes(8)} if found else {}


def _session_known(session: TestSession | None) -> dict[str, bytes]:
    if session is None:
        return {}
    return {
        "sid": session.sid,
        "port": session.port.to_bytes(2, "big"),
        "parameters": session.request.segments()[0][1:],
    }


def _session_claims(name: str, session: TestSession | None) -> dict[str, tuple[bytes, ...]]:
    if session is None or session.keys is None:
        return {}
    return {name: (session.sid, session.keys.t3, session.keys.t4)}


def twamp(source: Drbg, choose: Choose) -> Iterator[Event]:
    """Eight connections of two clients to two servers, TWAMP in both protected modes; in two of
    them a control message is changed on the way.
    """
    world = World(source, choose)
    shared = []
    for secret, event in secrets(source):
        yield event
        shared.append(secret)
    modes = (Mode.AUTHENTICATED, Mode.ENCRYPTED)
    changes = ("", "", "", "", "", "", "request", "accept")
    connections = [
        _Connection(world, number, shared[number % 4], shared, modes[pick], changed)
        for number, (pick, changed) in enumerate(
            zip((0, 1, 1, 0, 1, 0, 1, 0), changes, strict=True)
        )
    ]
    yield from interleaved(choose, *(connection.events() for connection in connections))
    yield from interleaved(choose, *(connection.intrusion() for connection in connections[:2]))

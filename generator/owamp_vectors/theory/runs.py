"""Runs of the reference, recorded and checked to be traces of the theories.

Several clients and servers, connections and sessions run at once, interleaved as a choice says;
octets arrive in pieces; an intruder changes packets and control messages, and replays the
Set-Up-Response. Every event becomes a step of the theory (`steps.Checker`), or is refused by both.

========================  =======================================================================
rfc4656                   TWAMP from the greeting on; secrets shared beforehand or from an IKE SA
rfc4656_reflection        OWAMP in both directions and TWAMP, several sessions over a connection
ikev2_binding             from an established IKE SA to the Token: prf(SK_d, "IPPM"), and with
                          KEYMAT_SID PRF{KEYMAT, SID}
========================  =======================================================================
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial

from owamp_reference import ProtocolError, binding, ikev2
from owamp_reference.endpoints import (
    IKEV2_DERIVED,
    ClientConfig,
    Closed,
    ControlClient,
    Credentials,
    Mode,
    NegotiatedMode,
    Protocol,
    Server,
    ServerConfig,
    SessionReceiver,
    SessionReflector,
    SessionSender,
    SetUp,
    TestSession,
)
from owamp_reference.endpoints import Event as EndpointEvent
from owamp_reference.keys import SID_SIZE
from owamp_reference.messages import (
    ADDRESS_SIZE,
    Request,
    RequestSession,
    RequestTWSession,
    ScheduleSlot,
    encode_key_id,
)
from owamp_reference.test_packets import ReflectorPacket, SenderPacket, TestMode

from ..drbg import Drbg
from .infer import Inference, Problem, infer
from .instance import Instance, OctetFact
from .steps import WORLD, Checker, Event, RunError
from .terms import Model

LEFT_OUT: Mapping[str, tuple[str, ...]] = {
    "rfc4656": (
        "the modes unauthenticated and mixed, in which messages or packets go in clear",
        "a second session over one connection (several are in rfc4656_reflection)",
        "Start-Sessions and Stop-Sessions",
    ),
    "rfc4656_reflection": (
        "the control messages, run but taken as agreed",
        "the modes unauthenticated and mixed",
        "Start-Sessions and Stop-Sessions",
    ),
    "ikev2_binding": (
        "IKE's messages: the SA is taken as established",
        "what follows the Token, and modes other than 130 (both are in the runs of rfc4656)",
    ),
}
"""What of the reference no run of a model has, since the model leaves it out."""

FLAGS: Mapping[str, tuple[tuple[str, ...], ...]] = {
    "rfc4656": ((),),
    "rfc4656_reflection": ((),),
    "ikev2_binding": ((), ("KEYMAT_SID",)),
}
"""Under which flags a model describes the reference."""

DEFAULT_RUNS = 3
Choose = Callable[[int], int]
"""Chooses a number below another."""


def chooser(source: Drbg) -> Choose:
    """Choices from a source."""
    count = iter(range(2**32))
    return lambda below: source.uint(f"choice {next(count)}", 4) % below


# ---------------------------------------------------------------------------------- recording


class Tap:
    """A source of random octets that remembers what it gave, by label."""

    def __init__(self, source: Drbg) -> None:
        self._source = source
        self._count = 0
        self._drawn: dict[str, bytes] = {}

    def __call__(self, label: str, size: int) -> bytes:
        """Octets for a label; another call gives others."""
        self._count += 1
        octets = self._source.octets(f"{self._count}/{label}", size)
        self._drawn[label] = octets
        return octets

    def take(self) -> dict[str, bytes]:
        """What was drawn since the last call."""
        drawn, self._drawn = self._drawn, {}
        return drawn


@dataclass
class World:
    """What the connections of a run have in common: names, secrets, time, the network."""

    source: Drbg
    choose: Choose
    ticks: int = 0

    def clock(self) -> int:
        """A time that never comes twice."""
        self.ticks += 1
        return (0xE0000000 << 32) + self.ticks * 0x10001

    def hand(self, end: ControlClient | Server, data: bytes) -> list[EndpointEvent]:
        """Deliver octets in two pieces."""
        cut = self.choose(len(data)) if data else 0
        return end.receive(data[:cut]) + end.receive(data[cut:])

    def changed(self, octets: bytes, *within: range) -> bytes:
        """Octets with one bit of them changed, in one of the ranges."""
        places = [index for part in within for index in part]
        place = places[self.choose(len(places))]
        bit = 1 << self.choose(8)
        return octets[:place] + bytes([octets[place] ^ bit]) + octets[place + 1 :]


def _why(events: list[EndpointEvent]) -> str:
    """Why an endpoint closed the connection; "" if it did not."""
    closed = [event for event in events if isinstance(event, Closed)]
    return str(closed[0].error or "closed") if closed else ""


def _mode(mode: NegotiatedMode | None, protocol: Protocol = Protocol.TWAMP) -> bytes:
    assert mode is not None
    bits = mode.security | (IKEV2_DERIVED[protocol] if mode.ikev2_derived else 0)
    return int(bits).to_bytes(4, "big")


def _number(value: int) -> bytes:
    return value.to_bytes(4, "big") + bytes(12)


def _time(timestamp: int, estimate: int) -> bytes:
    return timestamp.to_bytes(8, "big") + estimate.to_bytes(2, "big") + bytes(6)


def _of_sender(packet: SenderPacket) -> dict[str, bytes]:
    """What a receiver says that it read out of a sender's packet."""
    return {
        "number": _number(packet.sequence_number),
        "time": _time(packet.timestamp, packet.error_estimate),
    }


def _of_reflector(packet: ReflectorPacket) -> dict[str, bytes]:
    time = _time(packet.timestamp, packet.error_estimate)
    return {
        "own": _number(packet.sequence_number),
        "own_time": time + packet.receive_timestamp.to_bytes(8, "big") + bytes(8),
        "number": _number(packet.sender_sequence_number),
        "time": _time(packet.sender_timestamp, packet.sender_error_estimate),
    }


def _tw_request(source: Drbg) -> RequestTWSession:
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


def _request(source: Drbg, to_server: bool, sid: bytes) -> RequestSession:
    return RequestSession(
        ipvn=4,
        conf_sender=int(not to_server),
        conf_receiver=int(to_server),
        number_of_packets=10,
        sender_port=source.uint("sender port", 2),
        receiver_port=source.uint("receiver port", 2),
        sender_address=bytes(ADDRESS_SIZE),
        receiver_address=bytes(ADDRESS_SIZE),
        sid=sid,
        padding_length=0,
        start_time=0,
        timeout=0,
        type_p=0,
        slots=(ScheduleSlot(1, 2**32),),
    )


# ------------------------------------------------------------------------- TWAMP, from the greeting


@dataclass(frozen=True)
class Secret:
    """A secret that a client and a server share, and its KeyID."""

    client: str
    server: str
    credentials: Credentials

    def names(self, both: bool = True) -> dict[str, bytes]:
        """The octets of C, S and key_id; of S alone for who does not know yet with whom it is."""
        names = {"S": self.server.encode()}
        if both:
            names |= {"C": self.client.encode(), "key_id": self.credentials.key_id}
        return names


def secrets(source: Drbg) -> Iterator[tuple[Secret, Event]]:
    """The secrets of two clients and two servers: three passphrases, and one from an IKE SA."""
    for number, (client, server) in enumerate(
        (("ada", "north"), ("ada", "south"), ("bob", "north"), ("bob", "south"))
    ):
        drawn = source.at(f"secret {number}")
        if number == 3:
            sk_d = drawn.octets("SK_d", 32)
            shared = binding.shared_secret_from_sk_d(ikev2.PRF_HMAC_SHA2_256, sk_d)
            spis = drawn.octets("SPIi", 8), drawn.octets("SPIr", 8)
            credentials = Credentials.from_ikev2(*spis, shared)
        else:
            shared = drawn.octets("passphrase", 10).hex().encode()
            credentials = Credentials(encode_key_id(f"{client} at {server}"), shared)
        secret = Secret(client, server, credentials)
        known = {**secret.names(), "KeyID": credentials.key_id}
        event = Event(
            f"{client} and {server} share a secret",
            known=known,
            drawn={"shared secret": shared},
            rule="Provision_Secret",
        )
        yield secret, event


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
        by_key_id = {item.credentials.key_id: item.credentials for item in self._everybody}

        def passphrase(name: str) -> bytes | None:
            found = by_key_id.get(encode_key_id(name))
            return found.shared_secret if found else None

        def ike_sa(spi_i: bytes, spi_r: bytes) -> bytes | None:
            found = by_key_id.get(binding.key_id_from_spis(spi_i, spi_r))
            return found.shared_secret if found else None

        config = ServerConfig(
            Protocol.TWAMP,
            modes=Mode.AUTHENTICATED | Mode.ENCRYPTED | IKEV2_DERIVED[Protocol.TWAMP],
            passphrase=passphrase,
            ike_sa=ike_sa,
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
        failed = _why(world.hand(client, greeting))
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
            refused=_why(found),
        )
        found = world.hand(client, start)
        request = _tw_request(self.source.at("request"))
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
            refused=_why(found),
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
            refused=_why(found),
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
            refused=_why(found) or ("" if theirs else "the session was not accepted"),
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
                refused=_why(found),
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


# ---------------------------------------------------------------------------------- test packets


@dataclass(frozen=True)
class Sides:
    """The two ends of a test session as each has it, and the actors that they are."""

    sending: TestSession
    answering: TestSession
    sender: str
    answerer: str


def _covered(mode: TestMode, packet: bytes) -> tuple[range, ...]:
    """Where a packet is protected: what the HMAC covers, and the HMAC."""
    size = 16 if mode is TestMode.AUTHENTICATED else len(packet) - 16
    return range(size), range(len(packet) - 16, len(packet))


def packets(
    at: _Connection | _Agreed,
    sides: Sides,
    rules: tuple[str, ...],
    names: Mapping[str, bytes],
    count: int = 2,
) -> Iterator[Event]:
    """Packets of a session, some changed on the way: sent, received, with a third rule reflected.

    Args:
        rules: which rules send and take, and for TWAMP, which takes the reflector's packets.
    """
    world, session, other = at.world, sides.sending, sides.answering
    clock = world.clock
    sender = SessionSender(session.mode, session.keys, clock)
    reflector = SessionReflector(other.mode, other.keys, clock)
    receiver = SessionReceiver(other.mode, other.keys)
    known = {**names, "sid": session.sid}

    def event(what: str, actor: str, rule: str, **fields: object) -> Event:
        text = f"{at.title}, session {session.sid.hex()}: {what}"
        return Event(text, actor, rule=rule, **fields)  # type: ignore[arg-type]

    for _ in range(count):
        packet = sender.next_packet()
        yield event("the sender sends", sides.sender, rules[0], known=known, sent=packet)
        if world.choose(2):
            changed = world.changed(packet, *_covered(session.mode, packet))
            said, refused = _try(partial(receiver.receive, changed))
            yield event(
                "the receiver takes a changed packet",
                sides.answerer,
                rules[1],
                known=known,
                received=changed,
                refused=refused,
            )
        said, refused = _try(partial(receiver.receive, packet))
        read = _of_sender(said) if isinstance(said, SenderPacket) else {}
        if len(rules) == 2:
            yield event(
                "the receiver receives",
                sides.answerer,
                rules[1],
                known={**known, **read},
                received=packet,
                refused=refused,
            )
            continue
        answer = b"" if refused else reflector.reflect(packet)
        yield event(
            "the reflector answers",
            sides.answerer,
            rules[1],
            known={**known, **read},
            received=packet,
            sent=answer,
            refused=refused,
        )
        said, refused = _try(partial(sender.receive, answer))
        read = _of_reflector(said) if isinstance(said, ReflectorPacket) else {}
        yield event(
            "the sender receives",
            sides.sender,
            rules[2],
            known={**known, **read},
            received=answer,
            refused=refused,
        )
        if world.choose(2):
            changed = world.changed(answer, *_covered(session.mode, answer))
            said, refused = _try(partial(sender.receive, changed))
            yield event(
                "the sender takes a changed packet",
                sides.sender,
                rules[2],
                known=known,
                received=changed,
                refused=refused,
            )


def _try(take: Callable[[], object]) -> tuple[object, str]:
    """What a receiver says of a packet, or why it refuses it."""
    try:
        return take(), ""
    except ProtocolError as error:
        return None, str(error)


def interleaved(choose: Choose, *threads: Iterator[Event]) -> Iterator[Event]:
    """The events of several threads, one of a chosen thread after the other."""
    live = list(threads)
    while live:
        index = choose(len(live))
        try:
            yield next(live[index])
        except StopIteration:
            del live[index]


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


# -------------------------------------------------------------- several sessions over a connection


class _Agreed:
    """A control connection that is run to have its sessions, which alone the theory has."""

    def __init__(self, world: World, number: int, protocol: Protocol, security: Mode) -> None:
        self.world = world
        self.title = f"{protocol.value} connection {number}"
        self.source = world.source.at(f"connection {number}")
        self.tap = Tap(self.source.at("random"))
        self._protocol = protocol
        self._security = security
        self._ends = {"A": f"client {number}".encode(), "B": f"server {number}".encode()}

    def events(self) -> Iterator[Event]:
        """The connection, three sessions over it, and their packets."""
        secret = self.source.octets("secret", 20)
        credentials = Credentials(encode_key_id("it"), secret)
        server = Server(
            ServerConfig(self._protocol, self._security, passphrase=lambda name: secret),  # noqa: ARG005
            self.tap,
            self.world.clock,
        )
        client = ControlClient(ClientConfig(self._protocol, self._security, credentials), self.tap)
        for end, other in ((server, client), (client, server), (server, client)):
            if failed := _why(self.world.hand(other, end.data_to_send())):
                yield Event(f"{self.title}: set-up fails: {failed}", rule="Set_Up_Connection")
        drawn = self.tap.take()
        keys = {"T1": drawn["T1"], "T2": drawn["T2"]}
        yield Event(
            f"{self.title} is set up", known=self._ends, drawn=keys, rule="Set_Up_Connection"
        )
        threads = []
        for index in range(3):
            to_server = self._protocol is Protocol.TWAMP or bool(index % 2)
            opened, event = self._session(client, server, index, to_server)
            yield event
            threads.append(self._packets(*opened, to_server))
        yield from interleaved(self.world.choose, *threads)

    def _session(
        self, client: ControlClient, server: Server, index: int, to_server: bool
    ) -> tuple[tuple[TestSession, TestSession], Event]:
        source = self.source.at(f"session {index}")
        request: Request
        if self._protocol is Protocol.TWAMP:
            request = _tw_request(source)
        else:
            sid = bytes(SID_SIZE) if to_server else self.tap("SID", SID_SIZE)
            request = _request(source, to_server, sid)
        client.request_session(request)
        found = [
            *self.world.hand(server, client.data_to_send()),
            *self.world.hand(client, server.data_to_send()),
        ]
        opened = [item for item in found if isinstance(item, TestSession)]
        event = Event(
            f"{self.title}: session {index} is opened",
            known=self._known(to_server),
            drawn=self.tap.take(),
            sent=opened[0].sid if opened else b"",
            rule=f"Open_{self._protocol.value}_Session",
        )
        if len(opened) < 2:
            raise RunError(event, None, f"the session is not opened: {_why(found)}")
        ours, theirs = opened
        return ((theirs, ours) if to_server else (ours, theirs)), event

    def _known(self, to_server: bool) -> dict[str, bytes]:
        names = self._ends
        return dict(names) if to_server else {"A": names["B"], "B": names["A"]}

    def _packets(
        self, sending: TestSession, answering: TestSession, to_server: bool
    ) -> Iterator[Event]:
        mode = "Authenticated" if sending.mode is TestMode.AUTHENTICATED else "Encrypted"
        verbs = ("Send", "Reflect", "Return")
        if self._protocol is Protocol.OWAMP:
            verbs = ("Send", "Receive", "")
        rules = tuple(f"{self._protocol.value}_{verb}_{mode}" for verb in verbs if verb)
        sides = Sides(sending, answering, f"{self.title}/1", f"{self.title}/2")
        return packets(self, sides, rules, self._known(to_server), 1)


def sessions(source: Drbg, choose: Choose) -> Iterator[Event]:
    """Four connections, OWAMP and TWAMP in both protected modes, three sessions over each."""
    world = World(source, choose)
    kinds = [
        (protocol, security)
        for protocol in (Protocol.OWAMP, Protocol.TWAMP)
        for security in (Mode.AUTHENTICATED, Mode.ENCRYPTED)
    ]
    agreed = [_Agreed(world, number, *kind) for number, kind in enumerate(kinds)]
    yield from interleaved(choose, *(connection.events() for connection in agreed))


# ------------------------------------------------------------------------------ secrets from IKEv2

_PRF = ikev2.PRF_HMAC_SHA2_256
KEYMAT_SIZE = 72


class IkeSa:
    """An IKE SA between two hosts, its keys as the reference derives them."""

    def __init__(self, source: Drbg, number: int, by_sid: bool) -> None:
        self.hosts = (f"host {2 * number}".encode(), f"host {2 * number + 1}".encode())
        drawn = source.at(f"SA {number}")
        self.ni, self.nr = drawn.octets("Ni", 32), drawn.octets("Nr", 32)
        self.spi_i, self.spi_r = drawn.octets("SPIi", 8), drawn.octets("SPIr", 8)
        self.sid = drawn.octets("SID", SID_SIZE) if by_sid else None
        shared = drawn.octets("g^ir", 256)
        self.seed_key = ikev2.skeyseed(_PRF, self.ni, self.nr, shared)
        self.sk_d = ikev2.ike_sa_keys(
            _PRF,
            self.seed_key,
            self.ni,
            self.nr,
            self.spi_i,
            self.spi_r,
            integrity_size=20,
            encryption_size=16,
        ).sk_d

    def secret(self) -> bytes:
        """The shared secret key of O/TWAMP."""
        if self.sid is None:
            return binding.shared_secret_from_sk_d(_PRF, self.sk_d)
        keymat = ikev2.keymat(_PRF, self.sk_d, self.ni, self.nr, KEYMAT_SIZE)
        return binding.shared_secret_from_keymat(_PRF, keymat, self.sid)

    def facts(self) -> Iterator[OctetFact]:
        """The SA at both ends, as it is after IKE_AUTH."""
        text = self.ni + self.nr + self.spi_i + self.spi_r
        rest = (self.spi_i, self.spi_r, self.seed_key, text, self.ni, self.nr)
        for role, hosts in ((b"initiator", self.hosts), (b"responder", self.hosts[::-1])):
            yield OctetFact("SA", (role, *hosts, *rest), is_persistent=True)

    def events(self, world: World, number: int, swapped: bool) -> Iterator[Event]:
        """Both ends derive the secret, and one sets up a connection to the other."""
        ends = (b"initiator", self.hosts), (b"responder", self.hosts[::-1])
        secret = self.secret()
        for role, (host, peer) in ends:
            known = {"role": role, "A": host, "B": peer, "spi_i": self.spi_i, "spi_r": self.spi_r}
            yield Event(
                f"{host.decode()} derives the secret key",
                known=known,
                received=self.sid,
                claims={"Key_Source": (self.sk_d, secret), "Derives": (self.sk_d, secret)},
                rule="Derive_Shared_Secret",
            )
        for index in range(2):  # two connections over one SA
            client = int(swapped) ^ index
            title = f"connection {number}.{index}"
            yield from self._connection(world, title, ends[client], ends[1 - client][0], secret)

    def _connection(
        self,
        world: World,
        title: str,
        end: tuple[bytes, tuple[bytes, bytes]],
        role_of_server: bytes,
        secret: bytes,
    ) -> Iterator[Event]:
        tap = Tap(world.source.at(title))
        client_name, server_name = end[1]
        modes = IKEV2_DERIVED[Protocol.TWAMP] | Mode.AUTHENTICATED

        def ike_sa(spi_i: bytes, spi_r: bytes) -> bytes | None:
            return secret if (spi_i, spi_r) == (self.spi_i, self.spi_r) else None

        server = Server(ServerConfig(Protocol.TWAMP, modes, ike_sa=ike_sa), tap, world.clock)
        greeting = server.data_to_send()
        actor = f"{title}/server"
        yield Event(
            f"{title}: the server greets",
            actor,
            {"S": server_name},
            tap.take(),
            sent=greeting,
            rule="Server_Greeting",
        )
        credentials = Credentials.from_ikev2(self.spi_i, self.spi_r, secret)
        client = ControlClient(ClientConfig(Protocol.TWAMP, Mode.AUTHENTICATED, credentials), tap)
        failed = _why(world.hand(client, greeting))
        response = client.data_to_send()
        names = {"C": client_name, "S": server_name}
        yield Event(
            f"{title}: the client sets up",
            f"{title}/client",
            names | {"role": end[0], "spi_i": self.spi_i, "spi_r": self.spi_r},
            tap.take(),
            received=greeting,
            sent=response,
            refused=failed,
            rule="Client_Set_Up_Response",
        )
        found = world.hand(server, response)
        tap.take()  # Server-IV: Server-Start is left out
        yield Event(
            f"{title}: the server takes the Token",
            actor,
            names | {"role": role_of_server},
            received=response,
            refused=_why(found),
            rule="Server_Start",
        )


def from_ike(source: Drbg, choose: Choose, by_sid: bool, checker: Checker) -> Iterator[Event]:
    """Connections over three IKE SAs, the initiator or the responder being the client."""
    world = World(source, choose)
    found = [IkeSa(source, number, by_sid) for number in range(3)]
    for item in found:
        for fact in item.facts():
            checker.given(fact)
        if item.sid is not None:
            checker.state.sent.append(item.sid)  # from outside, and no secret
    yield from interleaved(
        choose,
        *(item.events(world, number, bool(choose(2))) for number, item in enumerate(found)),
    )


# ------------------------------------------------------------------------------------------ runs


@dataclass(frozen=True)
class Report:
    """What became of a model's runs.

    Attributes:
        steps: how many events were steps of the theory.
        refusals: how many were refused by the reference, and by all rules.
        rules: the rules that were used.
        problem: the first event that does not fit, if any.
    """

    model: Model
    runs: int = 0
    steps: int = 0
    refusals: int = 0
    rules: frozenset[str] = frozenset()
    problem: Problem | None = None

    @property
    def left_out(self) -> tuple[str, ...]:
        """What no run has."""
        return LEFT_OUT[self.model.name]


def checker_of(model: Model, inference: Inference | None = None) -> Checker:
    """The state of a run of a model before its first step."""
    checker = Checker(inference or infer(model), model.rules)
    for restriction in model.restrictions:
        checker.restrict(restriction.formula)
    return checker


def events_of(model: Model, source: Drbg, choose: Choose, checker: Checker) -> Iterator[Event]:
    """The events of a run for a model."""
    if model.name == "rfc4656":
        return twamp(source, choose)
    if model.name == "rfc4656_reflection":
        return sessions(source, choose)
    return from_ike(source, choose, "KEYMAT_SID" in model.flags, checker)


def has_runs(model: Model) -> bool:
    """Whether there are runs for a model under its flags."""
    return model.flags in FLAGS.get(model.name, ())


def run(model: Model, source: Drbg, choose: Choose, inference: Inference) -> Checker:
    """One run, checked as it goes on.

    Raises:
        RunError: an event that is not as the theory has it.
    """
    checker = checker_of(model, inference)
    for event in events_of(model, source, choose, checker):
        checker.take(event)
    return checker


def check_runs(model: Model, count: int = DEFAULT_RUNS, seed: int = 0) -> Report:
    """Runs of the reference for a model, until one is no trace of it."""
    inference = infer(model)
    taken: list[Instance] = []
    refusals = 0
    for number in range(count):
        source = Drbg(f"runs/{model.title}/{seed}/{number}")
        try:
            checker = run(model, source, chooser(source.at("order")), inference)
        except RunError as error:
            problem = Problem(error.rule.place if error.rule else None, str(error))
            return Report(model, number, len(taken), refusals, problem=problem)
        except ProtocolError as error:
            problem = Problem(None, f"an endpoint cannot go on: {error}")
            return Report(model, number, len(taken), refusals, problem=problem)
        taken += checker.steps
        refusals += checker.refusals
    rules = frozenset(step.rule.name for step in taken)
    return Report(model, count, len(taken), refusals, rules)


__all__ = ["DEFAULT_RUNS", "WORLD", "Report", "check_runs", "has_runs", "run"]

"""Whole transcripts: set-up, sessions, test packets and stop, in every mode; and how each end
behaves when the other breaks a rule.

The endpoints of the reference run against each other, or against given octets; every octet that
they draw and every time that they read is an input of the case.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from owamp_reference import binding, events, ikev2, messages, primitives, sources, token
from owamp_reference.connection import ClientConfig, ControlClient, Server, ServerConfig, State
from owamp_reference.errors import ProtocolError
from owamp_reference.events import Closed, FetchRequested, StopReceived, TestSession
from owamp_reference.messages import (
    Accept,
    Command,
    FetchAck,
    FetchData,
    FetchSession,
    PacketRecord,
    Request,
    RequestSession,
    RequestTWSession,
    ScheduleSlot,
    SessionDescription,
    StartSessions,
    StopSessions,
    StopTWSessions,
)
from owamp_reference.negotiation import (
    IKEV2_DERIVED,
    REQUESTS,
    SECURITY_BITS,
    Credentials,
    Mode,
    Protocol,
    secrets_of,
)
from owamp_reference.sessions import SessionReceiver, SessionReflector, SessionSender

from ..vectors.declaration import Case, Field, Group, GroupType, Json, Values, VectorFile, valid
from ..vectors.drbg import Drbg

_SOURCE = "RFC 4656 §3, §4; RFC 5357 §3, §4"
_PROTOCOLS = tuple(protocol.value for protocol in Protocol)
_MODES = tuple((mode.name or "").lower() for mode in Mode)
_ENDINGS = ("open", "closed")
_SID_ADDRESS = bytes([192, 0, 2, 1])

PROTOCOL = Field("protocol", "OWAMP or TWAMP", "string", values=_PROTOCOLS)
SECURITY = Field("security", "the mode that the client chooses", "string", values=_MODES)
PRF = Field("prf", "the prf of the IKE SA", "string", values=tuple(ikev2.PRFS))

_COMMON = (
    Field("offeredModes", "Modes of the Server-Greeting", "integer"),
    Field("count", "Count of the Server-Greeting", "integer"),
    Field("challenge", "Challenge, drawn by the server", size=16),
    Field("salt", "Salt, drawn by the server", size=16),
    Field("serverIv", "Server-IV, drawn by the server; not used in the open mode", size=16),
    Field("startTime", "Start-Time of the server", size=8),
    Field(
        "sidTime",
        "the time at which the server makes its first SID; a second more for each",
        size=8,
    ),
    Field(
        "sidRandom",
        "what the server draws for each SID, whose address is 192.0.2.1",
        size=4,
        is_list=True,
    ),
    Field("t1", "AES Session-key, drawn by the client; not used in the open mode", size=16),
    Field("t2", "HMAC Session-key, drawn by the client; not used in the open mode", size=32),
    Field("clientIv", "Client-IV, drawn by the client; not used in the open mode", size=16),
)
_SESSIONS = (
    Field("requests", "the requests, with zero HMACs", is_list=True),
    Field("packets", "how many test packets are sent in each session", "integer"),
    Field("padding", "octets of zero padding in each test packet of a sender", "integer"),
    Field(
        "packetTime", "Timestamp of the first test packet; a second more at each reading", size=8
    ),
)
_PASSPHRASE = (
    Field("name", "the name of the shared secret", "string"),
    Field("passphrase", "the passphrase as text", "string"),
)
_IKE_SA = (
    Field("skD", "SK_d of the IKE SA"),
    Field("spiI", "SPI of the IKE SA's initiator", size=8),
    Field("spiR", "SPI of the IKE SA's responder", size=8),
)
_MESSAGE = (
    Field("sender", "who sends the message", "string", values=("client", "server")),
    Field("message", "its name", "string"),
    Field("plaintext", "the message before encryption, HMACs included"),
    Field("octets", "the message on the wire"),
)
_TRANSCRIPT = Field(
    "transcript",
    "the messages of the control connection, in order; fetched records say that each packet came "
    "2^-8 s after its Timestamp, with TTL 255",
    "records",
    fields=_MESSAGE,
)
_SESSION_FIELDS = (
    Field("sid", "SID of the session", size=16),
    Field("t3", "AES Session-key of the session; empty if its packets are open"),
    Field("t4", "HMAC Session-key of the session; empty if its packets are open"),
    Field(
        "packets",
        "UDP payloads in the order in which they are sent; Error Estimate 0001, Sender TTL 255",
        is_list=True,
    ),
)
_OUTPUTS = (
    Field("keyId", "KeyID of the Set-Up-Response", size=80),
    Field("sharedSecret", "the shared secret; empty in the open mode"),
    Field("tokenKey", "PBKDF2's output; empty in the open mode"),
    _TRANSCRIPT,
    Field("sessions", "the test sessions", "records", fields=_SESSION_FIELDS),
)


@dataclass(frozen=True)
class Sent:
    """A message of a transcript."""

    by_client: bool
    name: str
    octets: bytes


def _random(values: Values) -> sources.RandomSource:
    """A source that gives each labelled value of a case."""
    names = {"Challenge": "challenge", "Salt": "salt", "Server-IV": "serverIv"}
    names |= {"T1": "t1", "T2": "t2", "Client-IV": "clientIv"}
    sids = iter(values.get("sidRandom", ()))
    return lambda label, _size: next(sids) if label == "SID" else values[names[label]]


def _ticking(start: bytes) -> sources.Clock:
    """A clock that shows `start` first, and a second more at each reading."""
    now = int.from_bytes(start, "big") - 2**32

    def read() -> int:
        nonlocal now
        now += 2**32
        return now

    return read


def _parse_request(protocol: Protocol, octets: bytes) -> Request:
    return REQUESTS[protocol].parse(octets)


def _server(values: Values, credentials: Credentials | None) -> Server:
    """The server of a case: it knows one shared secret at the most."""
    known = () if credentials is None else (credentials,)
    config = ServerConfig(
        Protocol(values["protocol"]),
        values["offeredModes"],
        values["count"],
        secrets_of(*known),
        sid_address=_SID_ADDRESS,
        start_time=int.from_bytes(values["startTime"], "big"),
    )
    return Server(config, _random(values), _ticking(values["sidTime"]))


def _client(values: Values, credentials: Credentials | None) -> ControlClient:
    mode = Mode[values["security"].upper()]
    config = ClientConfig(Protocol(values["protocol"]), mode, credentials)
    return ControlClient(config, _random(values))


def _fail_if_closed(events: Sequence[events.Event]) -> None:
    for event in events:
        if isinstance(event, Closed):
            raise event.error or ProtocolError("connection", "to go on", "its end")


class _Run:
    """A client and a server in conversation."""

    def __init__(self, values: Values, credentials: Credentials | None) -> None:
        self.values = values
        self.protocol = Protocol(values["protocol"])
        self.server = _server(values, credentials)
        self.client = _client(values, credentials)
        self.transcript: list[Sent] = []
        self.packet_clock = _ticking(values["packetTime"])

    def say(self, name: str, *, by_client: bool) -> list[events.Event]:
        """Pass on what one side has to send; the events at the other."""
        speaker, listener = (self.client, self.server) if by_client else (self.server, self.client)
        octets = speaker.data_to_send()
        self.transcript.append(Sent(by_client, name, octets))
        events = listener.receive(octets)
        _fail_if_closed(events)
        return events

    def set_up(self) -> None:
        """Greeting, response, start."""
        self.say("Server-Greeting", by_client=False)
        self.say("Set-Up-Response", by_client=True)
        self.say("Server-Start", by_client=False)

    def request(self, request: Request) -> None:
        """One request and its answer."""
        self.client.request_session(request)
        self.say(request.LAYOUT.title, by_client=True)
        self.say("Accept-Session", by_client=False)

    def start(self) -> None:
        """Start-Sessions and Start-Ack."""
        self.client.start_sessions()
        self.say("Start-Sessions", by_client=True)
        self.say("Start-Ack", by_client=False)

    def exchange(self, session: TestSession) -> list[bytes]:
        """The test packets of a session."""
        sender = SessionSender(session.mode, session.keys, self.packet_clock)
        payloads = []
        if self.protocol is Protocol.TWAMP:
            reflector = SessionReflector(session.mode, session.keys, self.packet_clock)
        receiver = SessionReceiver(session.mode, session.keys)
        for _ in range(self.values["packets"]):
            payload = sender.next_packet(self.values["padding"])
            payloads.append(payload)
            if self.protocol is Protocol.TWAMP:
                reflected = reflector.reflect(payload)
                sender.receive(reflected)
                payloads.append(reflected)
            else:
                receiver.receive(payload)
        return payloads

    def stop(self) -> None:
        """Stop-Sessions: from the client alone in TWAMP, from both in OWAMP."""
        sessions = list(self.server.sessions)
        if self.protocol is Protocol.TWAMP:
            self.client.stop_sessions()
            self.say("Stop-Sessions", by_client=True)
            return
        packets = self.values["packets"]
        of_client, of_server = (
            tuple(
                SessionDescription(session.sid, packets)
                for session in sessions
                if getattr(session.request, sends)
            )
            for sends in ("conf_receiver", "conf_sender")
        )
        self.client.stop_sessions(of_client)
        self.say("Stop-Sessions", by_client=True)
        self.server.stop_sessions(of_server)
        self.say("Stop-Sessions", by_client=False)

    def fetch(self, session: TestSession, payloads: Sequence[bytes]) -> None:
        """Fetch-Session, Fetch-Ack and the data, of a session whose receiver is the server."""
        assert isinstance(session.request, RequestSession)
        receiver = SessionReceiver(session.mode, session.keys)
        records = []
        for payload in payloads:
            packet = receiver.receive(payload)
            received = packet.timestamp + 2**24
            stamps = (packet.timestamp, received)
            estimates = (packet.error_estimate, packet.error_estimate)
            records.append(PacketRecord(packet.sequence_number, *estimates, *stamps, 255))
        request = replace(session.request, sid=session.sid, receiver_port=session.port)
        self.client.fetch_session(session.sid)
        events = self.say("Fetch-Session", by_client=True)
        assert isinstance(events[0], FetchRequested)
        ack = FetchAck(Accept.OK, 1, len(records), 0, len(records))
        self.server.answer_fetch(ack, FetchData(request, (), tuple(records)))
        self.say("Fetch-Ack and session data", by_client=False)


def _plaintexts(values: Values, transcript: Sequence[Sent]) -> Iterator[bytes]:
    """What each message was before encryption: each direction decrypted as one stream."""
    iv = {True: values["clientIv"], False: values["serverIv"]}
    is_open = values["security"] == "unauthenticated"
    for sent in transcript:
        clear = {"Server-Greeting": 64, "Set-Up-Response": 164, "Server-Start": 32}.get(
            sent.name, 0
        )
        body = sent.octets[clear:]
        if is_open or not body:
            yield sent.octets
            continue
        text = primitives.aes_cbc_decrypt(values["t1"], iv[sent.by_client], body)
        iv[sent.by_client] = body[-16:]
        yield sent.octets[:clear] + text


def _record(sent: Sent, plaintext: bytes) -> Json:
    sender = "client" if sent.by_client else "server"
    return {
        "sender": sender,
        "message": sent.name,
        "plaintext": plaintext,
        "octets": sent.octets,
    }


def converse(values: Values, credentials: Credentials | None) -> tuple[list[Sent], list[Json]]:
    """Run a whole case: the messages and, for each session, its keys and packets.

    Raises:
        ProtocolError: one side ended the connection.
    """
    run = _Run(values, credentials)
    run.set_up()
    for octets in values["requests"]:
        run.request(_parse_request(run.protocol, octets))
    run.start()
    sessions = list(run.server.sessions)
    exchanged = [run.exchange(session) for session in sessions]
    run.stop()
    for session, payloads in zip(sessions, exchanged, strict=True):
        if run.protocol is Protocol.OWAMP and session.request.conf_receiver:
            run.fetch(session, payloads)
    records = []
    for session, payloads in zip(sessions, exchanged, strict=True):
        t3, t4 = (session.keys.t3, session.keys.t4) if session.keys else (b"", b"")
        records.append({"sid": session.sid, "t3": t3, "t4": t4, "packets": payloads})
    return run.transcript, records


def _handshake(values: Values, credentials: Credentials | None) -> Json:
    transcript, sessions = converse(values, credentials)
    plaintexts = _plaintexts(values, transcript)
    key_id, secret, key = bytes(80), b"", b""
    if credentials is not None:
        key_id, secret = credentials.key_id, credentials.shared_secret
        key = token.derive_token_key(secret, values["salt"], values["count"])
    return {
        "keyId": key_id,
        "sharedSecret": secret,
        "tokenKey": key,
        "transcript": list(map(_record, transcript, plaintexts)),
        "sessions": sessions,
    }


def passphrase_credentials(values: Values) -> Credentials:
    """The credentials of a case with a passphrase."""
    passphrase = token.encode_passphrase(values["passphrase"])
    return Credentials.from_passphrase(values["name"], passphrase)


def ikev2_credentials(values: Values) -> Credentials:
    """The credentials of a case with an IKE SA (RFC 7717 §5.1)."""
    secret = binding.shared_secret_from_sk_d(ikev2.PRFS[values["prf"]], values["skD"])
    return Credentials.from_ikev2(values["spiI"], values["spiR"], secret)


def _type(
    name: str,
    description: str,
    inputs: tuple[Field, ...],
    credentials: Callable[[Values], Credentials | None],
    source: str = _SOURCE,
    parameters: tuple[Field, ...] = (),
) -> GroupType:
    return GroupType(
        name,
        description,
        source,
        (PROTOCOL, SECURITY, *parameters),
        (*inputs, *_COMMON, *_SESSIONS),
        _OUTPUTS,
        lambda values: _handshake(values, credentials(values)),
    )


OPEN = _type(
    "OpenHandshake",
    "A whole connection in the unauthenticated mode.",
    (),
    lambda _values: None,
)
PASSPHRASE = _type(
    "PassphraseHandshake",
    "A whole connection in a protected mode, from a passphrase.",
    _PASSPHRASE,
    passphrase_credentials,
)
IKEV2 = _type(
    "Ikev2Handshake",
    'A whole connection in a protected mode, from prf(SK_d, "IPPM") of an IKE SA.',
    _IKE_SA,
    ikev2_credentials,
    "RFC 7717 §5",
    (PRF,),
)


# How one end behaves

_BEHAVIOUR_OUTPUTS = (
    Field("sent", "what this end sends: at first, then after each received message", is_list=True),
    Field("ending", "whether it keeps the connection open", "string", values=_ENDINGS),
    Field(
        "because",
        "why it closes, in the reference's words; empty if it does not",
        "string",
        in_words=True,
    ),
)


def _server_credentials(values: Values) -> Credentials:
    if not values["ikev2"]:
        return passphrase_credentials(values)
    spis = bytes.fromhex(values["name"])
    return Credentials.from_ikev2(spis[:8], spis[8:], values["passphrase"].encode())


def _outcome(sent: list[bytes], events: list[events.Event], state: State) -> Json:
    closed = [event for event in events if isinstance(event, Closed)]
    because = str(closed[0].error) if closed and closed[0].error else ""
    ending = "closed" if state is State.CLOSED else "open"
    return {"sent": sent, "ending": ending, "because": because}


def _server_behaviour(values: Values) -> Json:
    server = _server(values, _server_credentials(values))
    sent, events = [server.data_to_send()], []
    for octets in values["received"]:
        for event in server.receive(octets):
            events.append(event)
            if isinstance(event, StopReceived) and server.protocol is Protocol.OWAMP:
                own = [item for item in server.sessions if item.request.conf_sender]
                server.stop_sessions(tuple(SessionDescription(item.sid, 0) for item in own))
            if isinstance(event, FetchRequested):
                server.answer_fetch(FetchAck(Accept.FAILURE, 0, 0, 0, 0))
        sent.append(server.data_to_send())
    return _outcome(sent, events, server.state)


def _command(client: ControlClient, octets: bytes) -> None:
    command = octets[0]
    if command in (Command.REQUEST_SESSION, Command.REQUEST_TW_SESSION):
        client.request_session(_parse_request(client.protocol, octets))
    elif command == Command.START_SESSIONS:
        client.start_sessions()
    elif command == Command.STOP_SESSIONS and client.protocol is Protocol.OWAMP:
        client.stop_sessions(StopSessions.parse(octets).sessions)
    elif command == Command.STOP_SESSIONS:
        client.stop_sessions()
    else:
        client.fetch_session(FetchSession.parse(octets).sid)


def _client_behaviour(values: Values) -> Json:
    client = _client({**values, "sidRandom": ()}, passphrase_credentials(values))
    commands = iter(values["commands"])
    sent, events = [client.data_to_send()], []
    for octets in values["received"]:
        events += client.receive(octets)
        if client.state in (State.READY, State.TESTING):
            for command in commands:
                _command(client, command)
                break
        sent.append(client.data_to_send())
    return _outcome(sent, events, client.state)


SERVER_BEHAVIOUR = GroupType(
    "ServerBehaviour",
    "What a server sends in answer to given octets, and whether it then closes the connection.",
    "RFC 4656 §3; RFC 5357 §3; RFC 7717 §5.3",
    (PROTOCOL,),
    (
        *_PASSPHRASE,
        Field(
            "ikev2", "whether the secret is an IKE SA's: name is then SPIi | SPIr in hex", "boolean"
        ),
        *(item for item in _COMMON if item.name not in ("t1", "t2", "clientIv")),
        Field("received", "the client's messages", is_list=True),
    ),
    _BEHAVIOUR_OUTPUTS,
    _server_behaviour,
)
CLIENT_BEHAVIOUR = GroupType(
    "ClientBehaviour",
    "What a client sends in answer to given octets, and whether it then closes the connection.",
    "RFC 4656 §3; RFC 5357 §3, §6",
    (PROTOCOL, SECURITY),
    (
        *_PASSPHRASE,
        *(item for item in _COMMON if item.name in ("t1", "t2", "clientIv")),
        Field(
            "commands",
            "what the client is to send once it is ready, one at a time, with zero HMACs",
            is_list=True,
        ),
        Field("received", "the server's messages", is_list=True),
    ),
    _BEHAVIOUR_OUTPUTS,
    _client_behaviour,
)


# The cases

_HONEST_MODES = {
    Protocol.OWAMP: ("authenticated", "encrypted"),
    Protocol.TWAMP: ("authenticated", "encrypted", "mixed"),
}
_TIMES = {"startTime": "e9000000", "sidTime": "e9100000", "packetTime": "e9200000"}


def make_request(
    protocol: Protocol,
    *,
    ipv6: bool = False,
    server_sends: bool = False,
    slots: int = 1,
    padding: int = 0,
) -> Request:
    """A request between 192.0.2.1 and 198.51.100.1, or two addresses of 2001:db8::/32."""
    ends = [bytes([192, 0, 2, 1]), bytes([198, 51, 100, 1])]
    if ipv6:
        ends = [bytes.fromhex("20010db8").ljust(15, b"\0") + bytes([n]) for n in (1, 2)]
    sender, receiver = (end.ljust(16, b"\0") for end in ends)
    if protocol is Protocol.TWAMP:
        return RequestTWSession(
            ipvn=6 if ipv6 else 4,
            sender_port=20001,
            receiver_port=20002,
            sender_address=sender,
            receiver_address=receiver,
            padding_length=padding,
            start_time=0xE9300000 << 32,
            timeout=2 << 32,
            type_p=0,
        )
    # The receiving side makes the SID: the client, if it is the server that sends (§3.5).
    sid = bytes([198, 51, 100, 1]) + bytes.fromhex("e930000000000000cafef00d")
    return RequestSession(
        ipvn=6 if ipv6 else 4,
        conf_sender=int(server_sends),
        conf_receiver=int(not server_sends),
        number_of_packets=10,
        sender_port=20001,
        receiver_port=20002,
        sender_address=sender,
        receiver_address=receiver,
        sid=sid if server_sends else bytes(16),
        padding_length=padding,
        start_time=0xE9300000 << 32,
        timeout=2 << 32,
        type_p=0,
        slots=tuple(ScheduleSlot(number % 2, 2**31 + number) for number in range(slots)),
    )


def _common(drbg: Drbg, protocol: Protocol) -> Json:
    sizes = {"challenge": 16, "salt": 16, "serverIv": 16, "t1": 16, "t2": 32, "clientIv": 16}
    values: Json = {name: drbg.octets(name, size) for name, size in sizes.items()}
    values |= {name: bytes.fromhex(text).ljust(8, b"\0") for name, text in _TIMES.items()}
    values["sidRandom"] = [drbg.octets(f"sidRandom {number}", 4) for number in range(3)]
    values["offeredModes"] = SECURITY_BITS[protocol]
    values["count"] = 1024
    values["packets"] = 2
    values["padding"] = 0
    values["requests"] = [make_request(protocol).to_octets()]
    return values


def _variants(protocol: Protocol) -> Iterator[tuple[str, Json]]:
    """What a connection may be used for: a name, and the inputs in which it differs."""
    yield "one session", {}
    yield (
        "two sessions in one connection, each with keys of its own",
        {"requests": [make_request(protocol).to_octets()] * 2},
    )
    yield "IPv6", {"requests": [make_request(protocol, ipv6=True).to_octets()]}
    yield (
        "with padding",
        {"padding": 64, "requests": [make_request(protocol, padding=64).to_octets()]},
    )
    if protocol is Protocol.OWAMP:
        request = make_request(protocol, server_sends=True)
        yield "the server sends; the client makes the SID", {"requests": [request.to_octets()]}
        yield (
            "three schedule slots",
            {"requests": [make_request(protocol, slots=3).to_octets()]},
        )


_ALL_HONEST = (
    "TestKeysAreControlKeys",
    "ServerHmacWithoutServerStart",
    "IvsExchanged",
    "StartTimeInClear",
    "OneStreamForBoth",
)


def _honest_flags(security: str, change: Json) -> tuple[str, ...]:
    flags = list(_ALL_HONEST)
    if security == "mixed":
        flags.remove("TestKeysAreControlKeys")
        flags.append("MixedTestProtected")
    elif not any(request[2] for request in change.get("requests", ())):
        flags.append("SidOfTheRequest")
    return tuple(flags)


def _honest_groups(drbg: Drbg) -> Iterator[Group]:
    for protocol in Protocol:
        here = drbg.at(OPEN.name)
        cases = []
        for variant, change in _variants(protocol):
            comment = f"{protocol.value}, unauthenticated: {variant}"
            cases.append(valid(comment, {**_common(here.at(comment), protocol), **change}))
        yield Group(OPEN, cases, {"protocol": protocol.value, "security": "unauthenticated"})
    for protocol in Protocol:
        for security in _HONEST_MODES[protocol]:
            here = drbg.at(PASSPHRASE.name)
            cases = []
            for variant, change in _variants(protocol):
                comment = f"{protocol.value}, {security}, passphrase: {variant}"
                inputs = {**_common(here.at(comment), protocol), **change}
                inputs |= {"name": "alice", "passphrase": "correct horse"}
                cases.append(valid(comment, inputs, *_honest_flags(security, change)))
            yield Group(PASSPHRASE, cases, {"protocol": protocol.value, "security": security})
    for number, prf in enumerate(ikev2.PRFS):
        for protocol in Protocol:
            modes = _HONEST_MODES[protocol]
            security = modes[number % len(modes)]
            here = drbg.at(IKEV2.name)
            comment = f"{protocol.value}, {security}, IKEv2 with {prf}"
            source = here.at(comment)
            inputs = _common(source, protocol)
            inputs["offeredModes"] |= IKEV2_DERIVED[protocol]
            inputs["skD"] = source.octets("skD", ikev2.PRFS[prf].output_size)
            inputs |= {name: source.octets(name, 8) for name in ("spiI", "spiR")}
            flags = (*_honest_flags(security, {}), "Ikev2BitMissing")
            parameters = {"protocol": protocol.value, "security": security, "prf": prf}
            yield Group(IKEV2, [valid(comment, inputs, *flags)], parameters)


@dataclass(frozen=True)
class _Honest:
    """An honest connection to spoil: its inputs, and what each side sent."""

    values: Json
    client: list[bytes]
    server: list[bytes]


def _honest(drbg: Drbg, protocol: Protocol, security: str, **change: object) -> _Honest:
    values = {**_common(drbg, protocol), "protocol": protocol.value, "security": security, **change}
    values |= {"name": "alice", "passphrase": "correct horse"}
    credentials = None if security == "unauthenticated" else passphrase_credentials(values)
    transcript, _ = converse(values, credentials)
    by_client, by_server = (
        [sent.octets for sent in transcript if sent.by_client is side] for side in (True, False)
    )
    return _Honest(values, by_client, by_server)


def _flipped(octets: bytes, offset: int, bits: int = 1) -> bytes:
    changed = bytearray(octets)
    changed[offset] ^= bits
    return bytes(changed)


def _server_case(
    comment: str, honest: _Honest, received: Sequence[bytes], *flags: str, **change: object
) -> Case:
    source = str(change.pop("source", ""))
    inputs = {**honest.values, "ikev2": False, **change, "received": list(received)}
    wanted = {item.name for item in SERVER_BEHAVIOUR.inputs}
    kept = {name: value for name, value in inputs.items() if name in wanted}
    return valid(comment, kept, *flags, source=source)


def _with_mode(response: bytes, mode: int) -> bytes:
    return mode.to_bytes(4, "big") + response[4:]


def _server_cases(drbg: Drbg, protocol: Protocol) -> Iterator[Case]:
    owamp = protocol is Protocol.OWAMP
    for security in _HONEST_MODES[protocol]:
        comment = f"{security}: honest client"
        honest = _honest(drbg.at(comment), protocol, security)
        flags = ("ServerHmacWithoutServerStart", "StartTimeInClear")
        yield _server_case(comment, honest, honest.client[:4], *flags)
    base = _honest(drbg.at("honest"), protocol, "encrypted")
    response, request, start = base.client[:3]

    def spoiled(comment: str, received: Sequence[bytes], *flags: str, **change: object) -> Case:
        return _server_case(comment, base, received, *flags, **change)

    yield spoiled("Mode 0: the client declines", [_with_mode(response, 0)])
    mode_source = "RFC 4656 §3.1"
    for comment, mode, flag in (
        ("Mode with two security bits", 6, "SeveralModes"),
        ("Mode with all security bits", SECURITY_BITS[protocol], "SeveralModes"),
    ):
        yield spoiled(comment, [_with_mode(response, mode)], flag, source=mode_source)
    for offered in (1, 2, 3):
        comment = f"encrypted mode chosen though {offered} was offered"
        yield spoiled(
            comment, [response], "ModeNotOffered", offeredModes=offered, source=mode_source
        )
    yield spoiled(
        "unassigned high bits in Mode are ignored",
        [_with_mode(response, 0x80000004), request],
        "UnknownModeBitsRefused",
        source=mode_source,
    )
    ikev2_bit = IKEV2_DERIVED[protocol]
    yield spoiled(
        "IKEv2Derived though not offered",
        [_with_mode(response, 4 | ikev2_bit)],
        "ModeNotOffered",
        source="RFC 7717 §5.2",
    )
    yield spoiled(
        "IKEv2Derived with the unauthenticated mode",
        [_with_mode(response, 1 | ikev2_bit)],
        "Ikev2WithoutProtection",
        offeredModes=SECURITY_BITS[protocol] | ikev2_bit,
        source="RFC 7717 §5.1",
    )
    no_sa = {"ikev2": True, "name": "11" * 16, "offeredModes": SECURITY_BITS[protocol] | ikev2_bit}
    yield spoiled(
        "no IKE SA with these SPIs: Accept 6",
        [
            _with_mode(
                response[:4] + bytes.fromhex("22" * 16).ljust(80, b"\0") + response[84:],
                4 | ikev2_bit,
            )
        ],
        "NoIkeSaAsFailure",
        source="RFC 7717 §5.3",
        **no_sa,
    )
    yield spoiled(
        "SPIs in the wrong order: Accept 6",
        [
            _with_mode(
                response[:4] + bytes.fromhex("22" * 8 + "11" * 8).ljust(80, b"\0") + response[84:],
                4 | ikev2_bit,
            )
        ],
        "NoIkeSaAsFailure",
        source="RFC 7717 §5.3",
        **{**no_sa, "name": "11" * 8 + "22" * 8},
    )
    unknown = response[:4] + messages.encode_key_id("mallory") + response[84:]
    yield spoiled("unknown KeyID: same answer as a wrong passphrase", [unknown], "UnknownKeyIdTold")
    yield spoiled("wrong passphrase", [response], "UnknownKeyIdTold", passphrase="incorrect horse")
    yield spoiled(
        "KeyID that is not UTF-8",
        [response[:4] + b"\xff" * 80 + response[84:]],
        "UnknownKeyIdTold",
    )
    yield spoiled("Token changed in its first block", [_flipped(response, 84)])
    yield spoiled(
        "Token changed in its second block: T1 differs, the request is garbage",
        [_flipped(response, 100), request],
        source="RFC 4656 §6.10",
    )
    yield spoiled(
        "Token changed in its last block: T2 differs, found out by the first HMAC alone",
        [_flipped(response, 147), request],
        "HmacUnchecked",
        source="RFC 4656 §6.10",
    )
    yield spoiled("Token of another connection", [response], challenge=bytes(16))
    yield spoiled(
        "Client-IV changed in its last bit: a port differs, found out by the HMAC alone",
        [_flipped(response, 163), request],
        "HmacUnchecked",
    )
    yield spoiled("half a Set-Up-Response", [response[:82]])
    yield spoiled("Set-Up-Response in two pieces", [response[:100], response[100:], request])

    hmac_source = "RFC 4656 §6.10"
    for comment, offset in (
        ("the command number", 0),
        ("the last octet of the text", 95),
        ("the HMAC", 96),
        ("the last octet of the HMAC", 111),
    ):
        changed = [response, _flipped(request, offset)]
        unchecked = [] if offset == 0 else ["HmacUnchecked"]
        yield spoiled(
            f"request with one bit changed in {comment}", changed, *unchecked, source=hmac_source
        )
    garbage = "the chaining makes garbage of it"
    yield spoiled(f"request sent twice, a replay: {garbage}", [response, request, request])
    yield spoiled(f"Start-Sessions without the request before it: {garbage}", [response, start])

    # The rest in the unauthenticated mode, where a message can be written as it is.
    plain = _honest(drbg.at("open"), protocol, "unauthenticated")
    hello, ask, go = plain.client[:3]

    def in_clear(comment: str, received: Sequence[bytes], *flags: str, source: str = "") -> Case:
        return _server_case(comment, plain, [hello, *received], *flags, source=source)

    stop_one = plain.client[3]
    empty_stop = (StopSessions(0, ()) if owamp else StopTWSessions(0, 0)).to_octets()
    yield in_clear("whole session", [ask, go, stop_one])
    yield in_clear(
        "HMAC fields are ignored in the open mode", [ask[:96] + b"\xff" * 16 + ask[112:], go]
    )
    yield in_clear("MBZ is ignored", [_flipped(ask, 88), go], source="RFC 4656 §3.1")
    yield in_clear("start without a session", [go], "StartWithoutSession")
    yield in_clear("stop without a start", [ask, stop_one], "StopWithoutStart")
    yield in_clear("second start while testing", [ask, go, go], "CommandWhileTesting")
    yield in_clear("request while testing", [ask, go, ask], "CommandWhileTesting")
    yield in_clear(
        "Stop-Sessions that leaves a session out", [ask, go, empty_stop], "StopUncounted"
    )
    for command in (0, 6, 255):
        unknown_command = [bytes([command]).ljust(32, b"\0")]
        source = "RFC 4656 §3.4" if owamp else "RFC 5357 §3.5"
        yield in_clear(f"command {command}", unknown_command, source=source)
    other = make_request(Protocol.TWAMP if owamp else Protocol.OWAMP).to_octets()
    yield in_clear("the other protocol's request", [other])
    yield in_clear("IPVN 5", [_flipped(ask, 1, 4 ^ 5)], "IpvnUnchecked")
    if owamp:
        yield in_clear("neither Conf-Sender nor Conf-Receiver", [_flipped(ask, 3)], "ConfUnchecked")
        both = _flipped(ask, 2)
        yield in_clear("both Conf-Sender and Conf-Receiver", [both])
        yield in_clear("Conf-Receiver 2 counts as 1", [_flipped(ask, 3, 3), go])
        yield in_clear("slot of type 2", [_flipped(ask, 112, 2)], "SlotTypeUnchecked")
        no_slots = ask[:4] + bytes(4) + ask[8:112] + bytes(16)
        yield in_clear("no schedule slots", [no_slots], "SlotsUnchecked")
        endless = ask[:4] + b"\xff\xff\xff\xff" + ask[8:]
        yield in_clear("2^32-1 schedule slots announced: a denial of service", [endless])
        wrong_sid = StopSessions(0, (SessionDescription(b"\x5a" * 16, 2),)).to_octets()
        yield in_clear("Stop-Sessions with another SID", [ask, go, wrong_sid], "StopUncounted")
        yield in_clear("Fetch-Session refused", [FetchSession(0, 2**32 - 1, bytes(16)).to_octets()])
        yield in_clear(
            "Fetch-Session while testing",
            [ask, go, FetchSession(0, 9, bytes(16)).to_octets()],
            "CommandWhileTesting",
        )
    else:
        zeros = "TwZerosUnchecked"
        for label, offset in (
            ("Conf-Sender", 2),
            ("Conf-Receiver", 3),
            ("Number of Schedule Slots", 7),
            ("Number of Packets", 11),
            ("SID", 63),
        ):
            yield in_clear(
                f"{label} not zero", [_flipped(ask, offset)], zeros, source="RFC 5357 §3.5"
            )
        two = StopTWSessions(0, 2).to_octets()
        yield in_clear("Stop-Sessions for two of one session", [ask, go, two], "StopUncounted")
        fetch = FetchSession(0, 2**32 - 1, bytes(16)).to_octets()
        yield in_clear("Fetch-Session, which TWAMP does not have", [fetch], source="RFC 5357 §3.9")


def _client_cases(drbg: Drbg, protocol: Protocol, security: str) -> Iterator[Case]:
    honest = _honest(drbg.at("honest"), protocol, security)
    greeting, server_start, accept, ack = honest.server[:4]
    wanted = {item.name for item in CLIENT_BEHAVIOUR.inputs}
    request = make_request(protocol).to_octets()
    start = StartSessions().to_octets()

    def case(
        comment: str, received: Sequence[bytes], *flags: str, source: str = "", **change: object
    ) -> Case:
        inputs = {**honest.values, "commands": [request, start], **change}
        inputs["received"] = list(received)
        kept = {name: value for name, value in inputs.items() if name in wanted}
        return valid(comment, kept, *flags, source=source)

    def greeting_with(offset: int, octets: bytes) -> bytes:
        return greeting[:offset] + octets + greeting[offset + len(octets) :]

    protected = security != "unauthenticated"
    yield case("honest server up to Start-Ack", [greeting, server_start, accept, ack])
    yield case("all at once", [greeting + server_start, accept, ack])
    yield case("Modes 0: no service", [greeting_with(12, bytes(4))], "NoServiceIgnored")
    other_modes = SECURITY_BITS[protocol] & ~Mode[security.upper()]
    downgrade = [greeting_with(12, other_modes.to_bytes(4, "big")), server_start]
    yield case(
        "the wanted mode is not offered: no fallback to another", downgrade, "FallbackToOther"
    )
    high = (0x40000000 | SECURITY_BITS[protocol]).to_bytes(4, "big")
    yield case("unassigned high bits in Modes are ignored", [greeting_with(12, high), server_start])
    yield case(
        "octets of Unused and MBZ are ignored", [greeting_with(0, b"\xff" * 12), server_start]
    )
    for count in (0, 1023, 1536, 65536, 2**31):
        changed = [greeting_with(48, count.to_bytes(4, "big"))]
        flags = ("CountUnbounded",) if count in (65536, 2**31) else ("CountUnchecked",)
        source = "RFC 5357 §6" if count > 32768 else "RFC 4656 §3.1"
        yield case(
            f"Count {count}", changed, *(flags if protected and count else ()), source=source
        )
    for value in (1, 3, 5, 6, 7, 255):
        refusal = bytes(15) + bytes([value]) + bytes(32)
        flags = ("ServerStartAcceptIgnored",)
        yield case(f"Server-Start with Accept {value}", [greeting, refusal], *flags)
    yield case("half a Server-Greeting", [greeting[:32]])
    yield case("a message that was not asked for", [greeting, server_start, accept, ack + accept])
    if protected:
        unchecked = ("HmacUnchecked",)
        for comment, offset in (("text", 1), ("SID", 4), ("HMAC", 47)):
            changed = [greeting, server_start, _flipped(accept, offset)]
            yield case(f"Accept-Session with one bit changed in its {comment}", changed, *unchecked)
        changed = [greeting, _flipped(server_start, 32), accept]
        comment = "Start-Time changed: found out at the first HMAC"
        yield case(comment, changed, *unchecked, source="RFC 5357 §3.2")
        changed = [greeting, _flipped(server_start, 16), accept]
        yield case("Server-IV changed: found out at the first HMAC", changed, *unchecked)
        replayed = [greeting, server_start, accept, accept]
        yield case("Accept-Session in place of Start-Ack: a replay", replayed)
        mine = honest.client[1][:48]
        reflected = [greeting, server_start, mine]
        yield case("the client's own octets sent back to it", reflected, *unchecked)
    else:
        for value in (1, 3, 6, 200):
            refused = bytes([value]) + bytes(47)
            yield case(
                f"Accept-Session with Accept {value}: the connection stays open",
                [greeting, server_start, refused],
            )
        refused = bytes([1]) + bytes(31)
        yield case("Start-Ack with Accept 1", [greeting, server_start, accept, refused])
        if protocol is Protocol.OWAMP:
            stray = StopSessions(0, (SessionDescription(bytes(16), 1),)).to_octets()
            messages_ = [greeting, server_start, accept, ack, stray]
            yield case(
                "Stop-Sessions for a session that is not the server's", messages_, "StopUncounted"
            )


def make_groups(drbg: Drbg) -> Iterator[Group]:
    """The groups of ``handshake.json``."""
    yield from _honest_groups(drbg)
    for protocol in Protocol:
        here = drbg.at(SERVER_BEHAVIOUR.name).at(protocol.value)
        cases = list(_server_cases(here, protocol))
        yield Group(SERVER_BEHAVIOUR, cases, {"protocol": protocol.value})
    for protocol in Protocol:
        for security in ("unauthenticated", *_HONEST_MODES[protocol]):
            here = drbg.at(CLIENT_BEHAVIOUR.name).at(protocol.value).at(security)
            cases = list(_client_cases(here, protocol, security))
            parameters = {"protocol": protocol.value, "security": security}
            yield Group(CLIENT_BEHAVIOUR, cases, parameters)


FILE = VectorFile(
    name="handshake",
    algorithm="OWAMP-Control, TWAMP-Control, OWAMP-Test, TWAMP-Test",
    header=(
        "Whole connections of OWAMP and TWAMP in every mode, from a passphrase and from an IKE SA:",
        "each message in plaintext and on the wire, the keys of each test session, its packets.",
        "Then what a server and a client do with octets that break a rule: to test one end, feed",
        "it what is received, with the given random octets, and compare what it sends.",
    ),
    types=(OPEN, PASSPHRASE, IKEV2, SERVER_BEHAVIOUR, CLIENT_BEHAVIOUR),
    make_groups=make_groups,
)

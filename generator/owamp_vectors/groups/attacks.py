"""Vectors for what the models find: attacks, and beside each the honest steps that it is made of.

What honest ends do and what anybody can compute is valid, whatever it is used for. What an end
could also refuse is a case of its own: an implementation that refuses all attacks fails the others.
A case with a trace has the secrets, nonces and SIDs that `theory.replay` gives to that trace;
numbers and times are those of sessions here, which begin and go on as sessions do.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace

from owamp_reference import control, keys, messages, primitives, token
from owamp_reference.choices import Chooser
from owamp_reference.connection import ControlClient, Server
from owamp_reference.errors import ProtocolError, Stage, check_size
from owamp_reference.events import Event, TestSession
from owamp_reference.keys import ControlKeys, TestSessionKeys
from owamp_reference.negotiation import Mode, Protocol
from owamp_reference.packets import (
    ReflectorPacket,
    SenderPacket,
    TestMode,
    open_packet,
    protected_size,
)
from owamp_reference.sessions import SessionReceiver, SessionReflector, SessionSender

from ..vectors.declaration import (
    Case,
    Field,
    Group,
    GroupType,
    Json,
    Values,
    VectorFile,
    acceptable,
    behaves,
    invalid,
    valid,
)
from ..vectors.drbg import Drbg
from . import control_stream, roles
from .changes import flipped
from .handshake.serving import CLIENT_IV, SERVER_BEHAVIOUR, Client
from .handshake.spoiling import receive
from .participants import ESTIMATE, TTL, new_client, new_server, request_of, still_open

_TEST_MODES = (TestMode.AUTHENTICATED.value, TestMode.ENCRYPTED.value)
_OFFERED = int(Mode.UNAUTHENTICATED | Mode.AUTHENTICATED | Mode.ENCRYPTED)
_SENDER, _RECEIVER, _REFLECTOR = "Session-Sender", "Session-Receiver", "Session-Reflector"
_RFC, _SHARED = "RFC 4656", "shared"


def _time(seconds: int, fraction: int = 0) -> bytes:
    """A timestamp some seconds and 256ths of a second after the start of a server."""
    return (0xE9200000 + seconds).to_bytes(4, "big") + bytes([fraction]) + bytes(3)


_SERVER_START = _time(0)
_SESSION_START = _time(60)
"""Start Time of every request, and so the earliest time of a test packet."""
_TIMEOUT = 2 << 32
"""Timeout of every request: 2 s."""
_SENT = _time(61)
_REFLECTED = {"receiveTimestamp": _time(61, 2), "reflectorTimestamp": _time(61, 3)}

# ------------------------------------------------------------------------------------ the fields

_SECRET = Field("sharedSecret", "octets of the shared secret")
_NAME = Field("keyName", "the name of the shared secret, which KeyID carries", "string")
_MODE = Field("mode", "the Mode that the client chooses; the server offers 7", "integer")
_CHALLENGE = Field("challenge", "Challenge of the server", size=16)
_SALT = Field("salt", "Salt of the server", size=16)
_COUNT = Field("count", "Count of the server", "integer", most=2**20)
_T1 = Field("t1", "AES Session-key of the control connection", size=16)
_T2 = Field("t2", "HMAC Session-key of the control connection", size=32)
_CLIENT_IV = Field("clientIv", "Client-IV", size=16)
_PARAMETERS = Field(
    "parameters", "Request-TW-Session without its command number and its HMAC", size=95
)
_SID = Field("sid", "SID of the test session", size=16)
_NUMBER = Field(
    "sequenceNumber",
    "Sequence Number of the sender's packet; it has sent those below before",
    "integer",
)
_TIMESTAMP = Field("timestamp", "Timestamp of the sender's packet", size=8)
_T3 = Field("t3", "T3 of the session", size=16, formula="AES-128-ECB(key = sid, t1)")
_T4 = Field("t4", "T4 of the session", size=32, formula="AES-128-CBC(key = sid, IV = 0, t2)")
_PACKET = Field("senderPacket", "the sender's packet")
_CONNECTION = (
    _SECRET,
    _NAME,
    _MODE,
    _CHALLENGE,
    _SALT,
    _COUNT,
    _T1,
    _T2,
    _CLIENT_IV,
    Field("serverIv", "Server-IV", size=16),
    Field("startTime", "Start-Time of the server", size=8),
    _PARAMETERS,
    Field("port", "Port of Accept-Session", "integer"),
    _SID,
)
_REQUEST = Field("requestSession", "Request-TW-Session and its HMAC, encrypted", size=112)
_TRANSCRIPT = (
    Field("serverGreeting", "the server's first message", size=64),
    Field("setUpResponse", "the client's answer, with the Token", size=164),
    Field("serverStart", "the server's Server-Start, its last block encrypted", size=48),
    _REQUEST,
    Field("acceptSession", "Accept-Session and its HMAC, encrypted", size=48),
    _T3,
    _T4,
)

# --------------------------------------------------------------------------------- the endpoints


def _session(events: list[Event]) -> TestSession:
    for event in still_open(events):
        if isinstance(event, TestSession):
            return event
    raise ProtocolError("test session", "one that is accepted", "none")


def _client(v: Values) -> ControlClient:
    return new_client({**v, "keyId": messages.encode_key_id(v["keyName"])})


def _server(v: Values) -> Server:
    check_size("SID", v["sid"], keys.SID_SIZE)
    key_id = messages.encode_key_id(v["keyName"])
    return new_server({"modes": _OFFERED, **v, "keyId": key_id})


def _connect(
    client: ControlClient, server: Server, v: Values
) -> tuple[Json, TestSession, TestSession]:
    """The messages of a connection with one session, and the session at client and server.

    With ``changedMode`` among the values, Mode is changed on the way.
    """
    sent = {"serverGreeting": server.data_to_send()}
    still_open(client.receive(sent["serverGreeting"]))
    response = sent["setUpResponse"] = client.data_to_send()
    if "changedMode" in v:
        parsed = messages.SetUpResponse.parse(response)
        response = replace(parsed, mode=v["changedMode"]).to_octets()
        sent["changedSetUpResponse"] = response
    still_open(server.receive(response))
    sent["serverStart"] = server.data_to_send()
    still_open(client.receive(sent["serverStart"]))
    client.request_session(request_of(v["parameters"]))
    sent["requestSession"] = client.data_to_send()
    at_server = _session(server.receive(sent["requestSession"]))
    sent["acceptSession"] = server.data_to_send()
    at_client = _session(client.receive(sent["acceptSession"]))
    found = _session_keys(at_client)
    return {**sent, "t3": found.t3, "t4": found.t4}, at_client, at_server


def _session_keys(session: TestSession) -> TestSessionKeys:
    assert session.keys is not None  # the modes of these cases are protected
    return session.keys


def _times(*octets: bytes) -> Iterator[int]:
    return (int.from_bytes(value, "big") for value in octets)


def _sender(mode: TestMode, session_keys: TestSessionKeys | None, v: Values) -> SessionSender:
    """A Session-Sender whose next packet has the number and the time of a case."""
    clock = _times(v["timestamp"])
    sender = SessionSender(mode, session_keys, lambda: next(clock), error_estimate=ESTIMATE)
    sender.next_sequence_number = v["sequenceNumber"]
    return sender


# ------------------------------------------------------------------------------ what is computed


def _run_session(v: Values) -> Json:
    sent, at_client, at_server = _connect(_client(v), _server(v), v)
    sender = _sender(at_client.mode, _session_keys(at_client), v)
    packet = sender.next_packet()
    clock = _times(v["receiveTimestamp"], v["reflectorTimestamp"])
    reflector = SessionReflector(
        at_server.mode, _session_keys(at_server), lambda: next(clock), ESTIMATE
    )
    answer = reflector.reflect(packet)
    returned = sender.receive(answer)
    return {
        **sent,
        "senderPacket": packet,
        "reflectorPacket": answer,
        "returnedSequenceNumber": returned.sender_sequence_number,
    }


def _change_mode(v: Values) -> Json:
    client, server = _client(v), _server(v)
    sent, at_client, at_server = _connect(client, server, v)
    client.start_sessions()
    sent["startSessions"] = client.data_to_send()
    still_open(server.receive(sent["startSessions"]))
    sent["startAck"] = server.data_to_send()
    still_open(client.receive(sent["startAck"]))
    from_anybody = at_server.mode is TestMode.UNAUTHENTICATED
    source = at_server if from_anybody else at_client
    packet = _sender(source.mode, source.keys, v).next_packet()
    clock = _times(v["receiveTimestamp"], v["reflectorTimestamp"])
    reflector = SessionReflector(at_server.mode, at_server.keys, lambda: next(clock), ESTIMATE)
    return {**sent, "senderPacket": packet, "reflectorPacket": reflector.reflect(packet)}


def _invert(v: Values) -> Json:
    found = keys.control_keys_from_test_keys(TestSessionKeys(v["t3"], v["t4"]), v["sid"])
    text = primitives.aes_cbc_decrypt(found.t1, v["clientIv"], v["requestSession"])
    return {"recoveredT1": found.t1, "recoveredT2": found.t2, "decryptedRequest": text}


def _xor(left: bytes, right: bytes) -> bytes:
    return bytes(a ^ b for a, b in zip(left, right, strict=True))


def _forge(v: Values) -> Json:
    key = token.derive_token_key(v["sharedSecret"], v["salt"], v["count"])
    wanted = v["wantedT1"] + v["wantedT2"]
    chosen, answers = [v["challenge"]], []
    for t1, t2 in zip(v["clientT1"], v["clientT2"], strict=True):
        answers.append(token.seal_token(key, chosen[-1], ControlKeys(t1, t2)))
        block, wanted = wanted[:16], wanted[16:]
        if block:
            chosen.append(_xor(answers[-1][:16], block))
    forged = b"".join(answer[:16] for answer in answers)
    opened = token.open_token(key, forged, v["challenge"])
    return {
        "tokenKey": key,
        "chosenChallenges": chosen,
        "clientTokens": answers,
        "token": forged,
        "serverT1": opened.t1,
        "serverT2": opened.t2,
    }


def _take_forged(v: Values) -> Json:
    server = _server(v)
    greeting = server.data_to_send()
    key_id = messages.encode_key_id(v["keyName"])
    response = messages.SetUpResponse(v["mode"], key_id, v["token"], v["clientIv"]).to_octets()
    still_open(server.receive(response))
    start = server.data_to_send()
    accept = start[messages.ServerStart.CLEAR_SIZE - messages.IV_SIZE - 1]
    adversary = control.ProtectedSender(ControlKeys(v["t1"], v["t2"]), v["clientIv"])
    request = control.write_message(adversary, request_of(v["parameters"]).segments())
    found = _session_keys(_session(server.receive(request)))
    return {
        "serverGreeting": greeting,
        "setUpResponse": response,
        "serverStart": start,
        "accept": accept,
        "requestSession": request,
        "acceptSession": server.data_to_send(),
        "t3": found.t3,
        "t4": found.t4,
    }


def _derived(v: Values) -> TestSessionKeys:
    """T3 and T4 of a session, as the group says."""
    control_keys = ControlKeys(v["t1"], v["t2"])
    if v["keys"] == _SHARED:
        return TestSessionKeys(control_keys.t1, control_keys.t2)
    return keys.derive_test_session_keys(control_keys, v["sid"])


def _packet_of_session(v: Values) -> Json:
    derived = _derived(v)
    packet = _sender(TestMode(v["testMode"]), derived, v).next_packet()
    return {"t3": derived.t3, "t4": derived.t4, "senderPacket": packet}


def _taken_by_sender(
    mode: TestMode, session_keys: TestSessionKeys, v: Values, choose: Chooser
) -> int:
    sender = SessionSender(mode, session_keys, choose=choose)
    sender.next_sequence_number = v["sent"]
    return sender.receive(v["receivedPacket"]).sequence_number


def _taken_by_reflector(
    mode: TestMode, session_keys: TestSessionKeys, v: Values, _choose: Chooser
) -> int:
    answer = SessionReflector(mode, session_keys, lambda: 0).reflect(v["receivedPacket"])
    return open_packet(mode, ReflectorPacket, answer, session_keys).sender_sequence_number


_TAKEN: Mapping[str, Callable[[TestMode, TestSessionKeys, Values, Chooser], int]] = {
    _SENDER: _taken_by_sender,
    _RECEIVER: lambda mode, session_keys, v, _choose: (
        SessionReceiver(mode, session_keys).receive(v["receivedPacket"]).sequence_number
    ),
    _REFLECTOR: _taken_by_reflector,
}


def _take(v: Values, choose: Chooser) -> Json:
    take = _TAKEN[v["role"]]
    return {"acceptedSequenceNumber": take(TestMode(v["testMode"]), _derived(v), v, choose)}


_TEST_MODE = Field("testMode", "mode of the test packets", "string", values=_TEST_MODES)
_KEYS = Field(
    "keys",
    "where T3 and T4 come from: the SID, or they are T1 and T2, as in no RFC",
    "string",
    values=(_RFC, _SHARED),
)
_REFLECTOR_TIMES = (
    Field("receiveTimestamp", "Receive Timestamp of the answer", size=8),
    Field("reflectorTimestamp", "Timestamp of the answer", size=8),
)

SESSION = GroupType(
    "SessionRun",
    "A TWAMP session from the greeting to the reflected packet, nobody attacking.",
    "RFC 4656 §3.1, RFC 5357 §3.5, §4",
    (),
    (*_CONNECTION, _NUMBER, _TIMESTAMP, *_REFLECTOR_TIMES),
    (
        *_TRANSCRIPT,
        _PACKET,
        Field("reflectorPacket", "the reflector's answer"),
        Field("returnedSequenceNumber", "the sender's number, as it comes back", "integer"),
    ),
    _run_session,
)
FORGERY = GroupType(
    "TokenForged",
    "Clients answer chosen Challenges as any client does; the first blocks of their Tokens are a "
    "Token with keys of the adversary's choice.",
    "RFC 4656 §3.1, §6.10",
    (),
    (
        _SECRET,
        _CHALLENGE,
        _SALT,
        _COUNT,
        Field("wantedT1", "the T1 that the adversary wants", size=16),
        Field("wantedT2", "the T2 that the adversary wants", size=32),
        Field("clientT1", "the T1 that each of the four clients draws", size=16, is_list=True),
        Field("clientT2", "the T2 that each of them draws", size=32, is_list=True),
    ),
    (
        Field(
            "tokenKey",
            "the key of all these Tokens",
            size=16,
            formula="PBKDF2-HMAC-SHA1(sharedSecret, salt, count, 16 octets)",
        ),
        Field(
            "chosenChallenges",
            "what the clients are sent, beside salt and count",
            size=16,
            is_list=True,
            formula="challenge; then b1 XOR wantedT1, b2 XOR the first half of wantedT2, b3 XOR "
            "its second half, where bk is the first block of the kth Token",
        ),
        Field(
            "clientTokens",
            "what they answer",
            size=64,
            is_list=True,
            formula="AES-128-CBC(tokenKey, IV = 0, chosen Challenge | its T1 | its T2)",
        ),
        Field("token", "the forged Token", size=64, formula="b1 | b2 | b3 | b4"),
        Field("serverT1", "T1 that the forged Token gives to a server: wantedT1", size=16),
        Field("serverT2", "T2 that the forged Token gives to a server: wantedT2", size=32),
    ),
    _forge,
)
FORGED_TAKEN = GroupType(
    "ForgedTokenAccepted",
    "A server gets a Token or a Client-IV that no client has sent it, and then a request under the "
    "keys in the Token.",
    "RFC 4656 §3.1, §6.10",
    (),
    (*_CONNECTION, Field("token", "the Token, which holds t1 and t2", size=64)),
    (
        *_TRANSCRIPT[:3],
        Field("accept", "Accept of Server-Start", "integer"),
        *_TRANSCRIPT[3:],
    ),
    _take_forged,
)
MODE_CHANGED = GroupType(
    "ModeChanged",
    "A client and a server set up a session and start it; Mode is changed on the way. Then the "
    "reflector gets a packet: in Mode 8 one in clear, which anybody can make, else the client's.",
    "RFC 4656 §3.1, RFC 5618 §3.1",
    (),
    (
        *(item for item in _CONNECTION if item is not _MODE),
        Field("modes", "Modes that the server offers", "integer"),
        Field("mode", "the Mode that the client chooses", "integer"),
        Field("changedMode", "the Mode that the server gets", "integer"),
        _NUMBER,
        _TIMESTAMP,
        *_REFLECTOR_TIMES,
    ),
    (
        *_TRANSCRIPT[:2],
        Field("changedSetUpResponse", "the client's answer with changedMode", size=164),
        *_TRANSCRIPT[2:],
        Field("startSessions", "Start-Sessions and its HMAC, encrypted", size=32),
        Field("startAck", "Start-Ack and its HMAC, encrypted", size=32),
        Field("senderPacket", "the packet"),
        Field("reflectorPacket", "the reflector's answer"),
    ),
    _change_mode,
)
INVERSION = GroupType(
    "ControlKeysFromLostTestKeys",
    "What T3 and T4, the SID and a recorded message give to whoever has them. No implementation "
    "is asked for it.",
    "RFC 4656 §4.1.2",
    (),
    (
        _SID,
        Field("t3", "T3 of the session", size=16),
        Field("t4", "T4 of the session", size=32),
        _CLIENT_IV,
        _REQUEST,
    ),
    (
        Field("recoveredT1", "T1", size=16, formula="AES-128-ECB-decrypt(key = sid, t3)"),
        Field("recoveredT2", "T2", size=32, formula="AES-128-CBC-decrypt(key = sid, IV = 0, t4)"),
        Field(
            "decryptedRequest",
            "Request-TW-Session and its HMAC",
            size=112,
            formula="AES-128-CBC-decrypt(recoveredT1, clientIv, requestSession)",
        ),
    ),
    _invert,
    requirement="POLICY",
)
PACKET = GroupType(
    "PacketOfSession",
    "The keys of a test session and a packet of its sender.",
    "RFC 4656 §4.1.2",
    (_KEYS,),
    (_TEST_MODE, _T1, _T2, _SID, _NUMBER, _TIMESTAMP),
    (_T3, _T4, _PACKET),
    _packet_of_session,
)
TAKEN = GroupType(
    "PacketTaken",
    "An end of a test session takes a packet that arrives, or discards it.",
    "RFC 4656 §4.2, §6.10, RFC 5357 §4.2",
    (_KEYS,),
    (
        Field("role", "which end it is", "string", values=tuple(_TAKEN)),
        _TEST_MODE,
        _T1,
        _T2,
        _SID,
        Field("sent", "a Session-Sender has sent the Sequence Numbers below it; else 0", "integer"),
        Field("receivedPacket", "what arrives, at a plausible time"),
    ),
    (
        Field(
            "acceptedSequenceNumber",
            "the Sequence Number that is taken; a Session-Reflector answers with it as Sender "
            "Sequence Number",
            "integer",
        ),
    ),
    _take,
    is_open=True,
)

# ------------------------------------------------------------------------------------- the cases


def _names(trace: str, types: Mapping[str, roles.Type]) -> dict[str, bytes]:
    """The octets that a replay gives to names of a trace."""
    source = Drbg(f"replay/{trace}")
    return {name: kind.draw(source.at(name)) for name, kind in types.items()}


_CONNECTION_NAMES = {
    "~psk": roles.SECRET,
    "~challenge": roles.CHALLENGE,
    "~salt": roles.SALT,
    "~t1": roles.T1,
    "~t2": roles.T2,
    "~client_iv": roles.CLIENT_IV,
    "~server_iv": roles.SERVER_IV,
    "~sid": roles.SID,
    "$parameters": roles.PARAMETERS,
    "$port": roles.PORT,
}


def _in_time(parameters: bytes) -> bytes:
    """The parameters of a request, for a session that begins after the server."""
    start = int.from_bytes(_SESSION_START, "big")
    request = replace(request_of(parameters), start_time=start, timeout=_TIMEOUT)
    return request.segments()[0][1:]


def _connection(trace: str, mode: Mode) -> Json:
    """The inputs of `_connect`, secrets and nonces as a replay draws them."""
    drawn = _names(trace, _CONNECTION_NAMES)
    return {
        "sharedSecret": drawn["~psk"],
        "keyName": Drbg(f"replay/{trace}").octets("$KeyID", 8).hex(),
        "mode": int(mode),
        "challenge": drawn["~challenge"],
        "salt": drawn["~salt"],
        "count": token.MIN_COUNT,
        "t1": drawn["~t1"],
        "t2": drawn["~t2"],
        "clientIv": drawn["~client_iv"],
        "serverIv": drawn["~server_iv"],
        "startTime": _SERVER_START,
        "parameters": _in_time(drawn["$parameters"]),
        "port": int.from_bytes(drawn["$port"], "big"),
        "sid": drawn["~sid"],
    }


_RUN = "rfc4656/encrypted_session_runs_to_its_end"
_LOST = "rfc4656/t1_survives_loss_of_t3"
_ZERO_KEYS = "token_blocks/zero_keys_are_not_accepted"
_T2_ALONE = "token_blocks/t2_of_a_client_comes_with_its_t1"
_FRONT = "control_stream/server_takes_in_order"
_RETURNED = "rfc4656_reflection/twamp_packet_returns_from_the_reflector_authenticated"


def _other_session(mode: str) -> str:
    lemma = f"owamp_packet_comes_from_the_sessions_sender_{mode}"
    return f"rfc4656_reflection+SHARED_KEYS/{lemma}"


def _session_cases() -> Iterator[Case]:
    packet = {"sequenceNumber": 0, "timestamp": _SENT, **_REFLECTED}
    inputs = {**_connection(_RUN, Mode.ENCRYPTED), **packet}
    yield Case("a session in the encrypted mode, from the greeting on", inputs, trace=_RUN)
    inputs = {**_connection(_LOST, Mode.AUTHENTICATED), **packet}
    yield valid("a session in the authenticated mode, from the greeting on", inputs)


def _inversion_cases() -> Iterator[Case]:
    told = "T3 and T4 are lost, the SID is known: T1 and T2 follow"
    for trace, mode in ((_LOST, Mode.AUTHENTICATED), (_RUN, Mode.ENCRYPTED)):
        connection = _connection(trace, mode)
        sent, *_ = _connect(_client(connection), _server(connection), connection)
        inputs = {name: connection[name] for name in ("sid", "clientIv")}
        inputs |= {name: sent[name] for name in ("t3", "t4", "requestSession")}
        comment = f"{told}, mode {int(mode)}"
        yield Case(comment, inputs, ("TestKeysInverted",), trace=trace if trace == _LOST else "")


def _forgery(wanted: ControlKeys) -> Json:
    suffixes = ("", ".1", ".2", ".3")
    names = {f"~{name}{end}": roles.BLOCK for name in ("t1", "t2a", "t2b") for end in suffixes}
    drawn = _names(_ZERO_KEYS, names)
    connection = _connection(_ZERO_KEYS, Mode.AUTHENTICATED)
    return {
        **{name: connection[name] for name in ("sharedSecret", "challenge", "salt", "count")},
        "wantedT1": wanted.t1,
        "wantedT2": wanted.t2,
        "clientT1": [drawn[f"~t1{end}"] for end in suffixes],
        "clientT2": [drawn[f"~t2a{end}"] + drawn[f"~t2b{end}"] for end in suffixes],
    }


def _wanted(drbg: Drbg) -> Iterator[tuple[str, ControlKeys]]:
    yield "keys of zeros", ControlKeys(bytes(16), bytes(32))
    for number in (1, 2):
        source = drbg.at(f"wanted keys {number}")
        found = ControlKeys(source.octets("t1", 16), source.octets("t2", 32))
        yield f"keys that are not zero, number {number}", found


def _forgery_cases(drbg: Drbg) -> Iterator[Case]:
    for told, wanted in _wanted(drbg):
        comment = f"a Token of four clients' answers, {told}"
        trace = "" if any(wanted.t1) else _ZERO_KEYS
        yield Case(comment, _forgery(wanted), ("TokenForgery",), trace=trace)


def _forged_taken_cases(drbg: Drbg) -> Iterator[Case]:
    for told, wanted in _wanted(drbg):
        for mode in (Mode.AUTHENTICATED, Mode.ENCRYPTED):
            inputs = {
                **_connection(_ZERO_KEYS, mode),
                "t1": wanted.t1,
                "t2": wanted.t2,
                "token": _forge(_forgery(wanted))["token"],
            }
            comment = f"a forged Token, {told}, mode {int(mode)}"
            if any(wanted.t1):
                yield valid(comment, inputs, "TokenForgery")
                continue
            yield acceptable(
                comment,
                inputs,
                "TokenForgery",
                stage=Stage.POLICY,
                reason="No RFC says that keys of zeros are to be refused, and it is no remedy, as "
                "others can be had. Limit who may greet clients, run the control connection inside "
                "IPsec, or repair the Token.",
            )


def _transplanted_cases() -> Iterator[Case]:
    names = {"~challenge.1": roles.CHALLENGE, "challenge": roles.CHALLENGE}
    names |= {f"~{name}{end}": roles.BLOCK for name in ("t1", "t2a", "t2b") for end in ("", ".1")}
    drawn = _names(_T2_ALONE, names)
    connection = _connection(_T2_ALONE, Mode.AUTHENTICATED)
    connection["challenge"] = drawn["~challenge.1"]
    key = token.derive_token_key(connection["sharedSecret"], connection["salt"], token.MIN_COUNT)

    def answer(challenge: bytes, end: str) -> bytes:
        own = ControlKeys(drawn[f"~t1{end}"], drawn[f"~t2a{end}"] + drawn[f"~t2b{end}"])
        return token.seal_token(key, challenge, own)

    other, genuine = answer(drawn["challenge"], ""), answer(connection["challenge"], ".1")
    taken = {
        "t1": _xor(drawn["~t1"], _xor(other[:16], genuine[:16])),
        "t2": drawn["~t2a"] + drawn["~t2b"],
        "token": genuine[:16] + other[16:],
    }
    comment = "T2 of a client and its T1 changed: the first block of its Token is of another Token"
    inputs = {**connection, **taken}
    yield Case(f"{comment}, mode 2", inputs, ("T2Transplanted",), trace=_T2_ALONE)
    inputs = {**inputs, "mode": int(Mode.ENCRYPTED)}
    yield valid(f"{comment}, mode 4", inputs, "T2Transplanted")


def _set_up(connection: Json, **changed: object) -> Json:
    """A connection with the Token of its client, and something changed on the way."""
    key = token.derive_token_key(connection["sharedSecret"], connection["salt"], token.MIN_COUNT)
    own = ControlKeys(connection["t1"], connection["t2"])
    sealed = token.seal_token(key, connection["challenge"], own)
    return {**connection, "token": sealed, **changed}


def _later_request() -> bytes:
    drawn = roles.PARAMETERS.draw(Drbg(f"replay/{_FRONT}").at("later request"))
    return _in_time(drawn)


def _six_slots() -> messages.RequestSession:
    """A Request-Session whose schedule has the size of a Request-Session without one."""
    source = Drbg(f"replay/{_FRONT}").at("schedule")
    slots = [
        messages.ScheduleSlot(1, source.uint(f"slot {number}", 8) >> 24) for number in range(6)
    ]
    return messages.RequestSession(
        ipvn=4,
        conf_sender=0,
        conf_receiver=1,
        number_of_packets=6,
        sender_port=8760,
        receiver_port=0,
        sender_address=bytes(messages.ADDRESS_SIZE),
        receiver_address=bytes(messages.ADDRESS_SIZE),
        sid=bytes(keys.SID_SIZE),
        padding_length=0,
        start_time=int.from_bytes(_SESSION_START, "big"),
        timeout=_TIMEOUT,
        type_p=0,
        slots=tuple(slots),
    )


def _units() -> Mapping[str, list[bytes]]:
    """What a client sends without an answer in between: each has an HMAC."""
    connection = _connection(_FRONT, Mode.ENCRYPTED)
    first = request_of(connection["parameters"]).segments()
    second = request_of(_later_request()).segments()
    return {
        "two Request-TW-Sessions of a client that does not wait": first + second,
        "a Request-Session and its schedule of six slots": _six_slots().segments(),
    }


_FRONT_FLAG = "FrontCutOff"


def _in_a_row_cases() -> Iterator[Case]:
    connection = _connection(_FRONT, Mode.ENCRYPTED)
    for comment, texts in _units().items():
        segments = [{"text": text, "hmacAfter": True} for text in texts]
        inputs = {"t1": connection["t1"], "t2": connection["t2"], "iv": connection["clientIv"]}
        yield valid(comment, {**inputs, "segments": segments}, _FRONT_FLAG)


def _cut() -> Iterator[tuple[bytes, Json]]:
    """The last block of each first message of those cases, and what is left of the stream."""
    for case in _in_a_row_cases():
        wire = control_stream.SEND.compute(case.inputs)["wire"]
        first, second = case.inputs["segments"]
        size = len(first["text"]) + primitives.HMAC_SIZE
        layout = [{"size": len(second["text"]), "hmacAfter": True}]
        inputs = {"t1": case.inputs["t1"], "t2": case.inputs["t2"], "layout": layout}
        iv = wire[size - primitives.AES_BLOCK_SIZE : size]
        yield iv, {**inputs, "iv": iv, "wire": wire[size:]}


def _cut_cases() -> Iterator[Case]:
    for (_, inputs), comment in zip(
        _cut(),
        (
            "the second Request-TW-Session, from the last block of the first on",
            "the six slots, from the last block before them on: Command Number 1, but IPVN, "
            "Conf-Sender, Conf-Receiver and Number of Schedule Slots fall on MBZ of the first "
            "slot and are 0, whatever the schedule; it is no request to grant",
        ),
        strict=True,
    ):
        yield valid(comment, inputs, _FRONT_FLAG)


def _front_taken_cases() -> Iterator[Case]:
    iv, _ = next(_cut())
    for mode in (Mode.ENCRYPTED, Mode.AUTHENTICATED):
        changed = {"clientIv": iv, "parameters": _later_request()}
        inputs = _set_up(_connection(_FRONT, mode), **changed)
        trace = _FRONT if mode is Mode.ENCRYPTED else ""
        comment = f"the first message cut off: Client-IV is its last block, mode {int(mode)}"
        yield Case(comment, inputs, (_FRONT_FLAG,), source="RFC 4656 §3.1, §3.4", trace=trace)


def _mode_cases() -> Iterator[Case]:
    packet = {"sequenceNumber": 0, "timestamp": _SENT, **_REFLECTED}
    every = _OFFERED | int(Mode.MIXED)
    for mode in (Mode.AUTHENTICATED, Mode.ENCRYPTED):
        trace = f"mixed_mode/{mode.name}_session_takes_numbers_of_its_sender".lower()
        inputs = {**_connection(trace, mode), **packet, "changedMode": int(Mode.MIXED)}
        comment = f"Mode {int(mode)} becomes 8"
        taken = {**inputs, "modes": every}
        yield Case(f"{comment}; the server offers 15", taken, (_MODE_FLAG,), trace=trace)
        yield invalid(f"{comment}; the server offers 7", {**inputs, "modes": _OFFERED}, _MODE_FLAG)
        other = int(Mode.AUTHENTICATED | Mode.ENCRYPTED) - int(mode)
        for changed, told in (
            (other, "the reflector does not take the client's packets"),
            (int(Mode.UNAUTHENTICATED), "the server does not read what the client encrypts"),
        ):
            comment = f"Mode {int(mode)} becomes {changed}: {told}"
            yield invalid(comment, {**taken, "changedMode": changed})


_MODE_FLAG = "ModeChangedToMixed"


def _read_early_cases(drbg: Drbg) -> Iterator[Case]:
    """The first 32 octets of a request, after two Set-Up-Responses."""
    client = Client.make(drbg, Protocol.TWAMP, Mode.ENCRYPTED.name.lower(), sessions=1)
    begun = client.writer().write(client.ask())[:32]
    honest = client.response()
    as_start = messages.Command.REQUEST_TW_SESSION ^ messages.Command.START_SESSIONS
    flag, source = "CommandReadBeforeHmac", "RFC 4656 §3.4, §6.10"
    for comment, response, flags in (
        ("two blocks of Request-TW-Session: the server waits for the rest", honest, ()),
        (
            "the same with bits of Client-IV changed, so that the server reads Start-Sessions: it "
            "takes the second block for the HMAC, and ends the connection",
            flipped(honest, CLIENT_IV, as_start),
            (flag,),
        ),
    ):
        yield client.case(comment, receive(response, begun), *flags, source=source)


def _two_sessions(trace: str) -> Json:
    """The keys of a connection, the SID of one session and that of another."""
    names = {"~t1": roles.T1, "~t2": roles.T2, "~sid": roles.SID, "~sid.1": roles.SID}
    drawn = _names(trace, names)
    return {name.removeprefix("~"): octets for name, octets in drawn.items()}


def _of(sessions: Json, mode: str, sid: str = "sid") -> Json:
    return {"testMode": mode, "t1": sessions["t1"], "t2": sessions["t2"], "sid": sessions[sid]}


_NEXT: Json = {"sequenceNumber": 3, "timestamp": _SENT}


def _packet_cases(key_source: str) -> Iterator[Case]:
    for mode in _TEST_MODES:
        sessions = _two_sessions(_other_session(mode))
        second = {**_of(sessions, mode, "sid.1"), **_NEXT}
        if key_source == _SHARED:
            comment = f"{mode} mode, as from any session of the connection"
            yield acceptable(comment, second, stage=Stage.POLICY, reason=_NOT_RFC)
            continue
        for comment, inputs in (
            ("the first session of a connection", {**_of(sessions, mode), **_NEXT}),
            ("the second session of the same connection", second),
            ("a TWAMP session", {**_of(_two_sessions(_RETURNED), mode), **_NEXT}),
        ):
            yield valid(f"{mode} mode, {comment}", inputs, "TestKeysNotSeparated")


_NOT_RFC = "T3 = T1 and T4 = T2 is not RFC 4656: an implementation has no such keys."
_NOT_PLAUSIBLE = (
    "The protected block and its HMAC are those of the other end's packet with this number. An end "
    "cannot tell them apart, but may refuse times that are not plausible, or numbers."
)


def _as_reflectors(packet: bytes, mode: TestMode) -> bytes:
    """A sender's packet rearranged as a reflector's, which answers the same packet."""
    size = protected_size(SenderPacket.PROTECTED_LAYOUT, mode)
    own, received, sent = _times(
        _REFLECTED["reflectorTimestamp"], _REFLECTED["receiveTimestamp"], _SENT
    )
    estimate, number = ESTIMATE.to_int(), _NEXT["sequenceNumber"]
    claimed = ReflectorPacket(0, own, estimate, received, number, sent, estimate, TTL)
    clear = ReflectorPacket.PROTECTED_LAYOUT.pack(vars(claimed))
    return packet[:size] + clear[size:] + packet[-primitives.HMAC_SIZE :]


def _as_senders(packet: bytes, mode: TestMode) -> bytes:
    """A reflector's packet rearranged as a sender's."""
    size = protected_size(SenderPacket.PROTECTED_LAYOUT, mode)
    claimed = SenderPacket(0, int.from_bytes(_SENT, "big"), ESTIMATE.to_int())
    clear = SenderPacket.PROTECTED_LAYOUT.pack(vars(claimed))
    hmac = packet[ReflectorPacket.header_size(mode) - primitives.HMAC_SIZE :]
    return packet[:size] + clear[size:] + hmac


def _exchanged(session: Json) -> tuple[bytes, bytes]:
    """A sender's packet of a session, and the reflector's answer with the number 2."""
    mode, derived = TestMode(session["testMode"]), _derived({**session, "keys": _RFC})
    packet = _sender(mode, derived, _NEXT).next_packet()
    clock = _times(_REFLECTED["receiveTimestamp"], _REFLECTED["reflectorTimestamp"])
    reflector = SessionReflector(mode, derived, lambda: next(clock), ESTIMATE)
    reflector.next_sequence_number = 2
    return packet, reflector.reflect(packet)


def _honest_cases(mode: str) -> Iterator[Case]:
    session = _of(_two_sessions(_RETURNED), mode)
    packet, answer = _exchanged(session)
    for role, received, what in (
        (_SENDER, answer, "its reflector's answer"),
        (_RECEIVER, packet, "its sender's packet"),
        (_REFLECTOR, packet, "its sender's packet"),
    ):
        inputs = {"role": role, **session, "sent": 4 if role == _SENDER else 0}
        comment = f"{mode} mode: a {role} takes {what}"
        yield valid(comment, {**inputs, "receivedPacket": received}, "TestKeysNotSeparated")
    comment = f"{mode} mode: a Session-Sender gets the answer to a packet that it never sent"
    inputs = {"role": _SENDER, **session, "sent": 3, "receivedPacket": answer}
    yield behaves(comment, inputs, source="RFC 5357 §4.1")


def _own_packet_cases(mode: str) -> Iterator[Case]:
    session = _of(_two_sessions(_RETURNED), mode)
    packet, answer = _exchanged(session)
    for role, forged in (
        (_SENDER, _as_reflectors(packet, TestMode(mode))),
        (_REFLECTOR, _as_senders(answer, TestMode(mode))),
    ):
        inputs = {"role": role, **session, "sent": 4 if role == _SENDER else 0}
        inputs["receivedPacket"] = forged
        comment = f"{mode} mode: a {role} gets its own packet, rearranged as the other end's"
        if mode == TestMode.ENCRYPTED.value:
            yield invalid(comment, inputs)
            continue
        taken = acceptable(
            comment, inputs, "OwnPacketReflected", stage=Stage.POLICY, reason=_NOT_PLAUSIBLE
        )
        yield replace(taken, trace=_RETURNED if role == _SENDER else "")


def _other_session_cases(mode: str, key_source: str) -> Iterator[Case]:
    trace = _other_session(mode)
    sessions = _two_sessions(trace)
    sender = {**_of(sessions, mode, "sid.1"), **_NEXT}
    packet = _packet_of_session({**sender, "keys": key_source})["senderPacket"]
    under_control_keys = _packet_of_session({**sender, "keys": _SHARED})["senderPacket"]
    for role in (_RECEIVER, _REFLECTOR):
        inputs = {"role": role, **_of(sessions, mode), "sent": 0, "receivedPacket": packet}
        comment = f"{mode} mode: a {role} gets a packet of another session of the connection"
        if key_source == _RFC:
            yield invalid(comment, inputs)
            inputs = {**inputs, "receivedPacket": under_control_keys}
            comment = f"{mode} mode: a {role} gets a packet under T1 and T2 themselves"
            yield invalid(comment, inputs, "TestKeysNotSeparated")
            continue
        taken = acceptable(
            comment, inputs, "SharedKeysReflected", stage=Stage.POLICY, reason=_NOT_RFC
        )
        yield replace(taken, trace=trace if role == _RECEIVER else "")


def _taken_cases(key_source: str) -> Iterator[Case]:
    for mode in _TEST_MODES:
        if key_source == _RFC:
            yield from _honest_cases(mode)
            yield from _own_packet_cases(mode)
        yield from _other_session_cases(mode, key_source)


def make_groups(drbg: Drbg) -> Iterator[Group]:
    """The groups of ``attacks.json``."""
    yield Group(SESSION, list(_session_cases()))
    yield Group(FORGERY, list(_forgery_cases(drbg)))
    yield Group(FORGED_TAKEN, list(_forged_taken_cases(drbg)))
    yield Group(INVERSION, list(_inversion_cases()))
    for key_source in (_RFC, _SHARED):
        yield Group(PACKET, list(_packet_cases(key_source)), {"keys": key_source})
        yield Group(TAKEN, list(_taken_cases(key_source)), {"keys": key_source})
    yield Group(FORGED_TAKEN, list(_transplanted_cases()))
    yield Group(control_stream.SEND, list(_in_a_row_cases()))
    yield Group(control_stream.RECEIVE, list(_cut_cases()))
    yield Group(FORGED_TAKEN, list(_front_taken_cases()))
    yield Group(MODE_CHANGED, list(_mode_cases()))
    early = list(_read_early_cases(drbg.at("command read before the HMAC")))
    yield Group(SERVER_BEHAVIOUR, early, {"protocol": Protocol.TWAMP.value})


FILE = VectorFile(
    name="attacks",
    algorithm="RFC 4656, RFC 5357",
    header=(
        "Attacks that the prover found on the models, in octets. Each is cut into honest steps and",
        "computations, which are valid, and what an end then takes. `trace` names the model and",
        "its lemma; the label of a secret, a nonce or a SID in such a case is replay/trace/name.",
        "What an end may refuse as well is acceptable, and its reason says what is left to do.",
    ),
    types=(
        SESSION,
        FORGERY,
        FORGED_TAKEN,
        INVERSION,
        PACKET,
        TAKEN,
        control_stream.SEND,
        control_stream.RECEIVE,
        MODE_CHANGED,
        SERVER_BEHAVIOUR,
    ),
    make_groups=make_groups,
)

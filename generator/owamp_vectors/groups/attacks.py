"""Vectors for what the models find: recorded traces, played by the reference's endpoints.

Each case is a trace that the prover found, with the octets that `theory.replay` gives its names;
the tests replay the recorded trace and compare. Here the reference alone makes the octets.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from owamp_reference import control, keys, messages, primitives, token
from owamp_reference.connection import ControlClient, Server
from owamp_reference.errors import ProtocolError, check_size
from owamp_reference.events import Event, TestSession
from owamp_reference.keys import ControlKeys, TestSessionKeys
from owamp_reference.negotiation import Mode
from owamp_reference.packets import (
    ReflectorPacket,
    SenderPacket,
    TestMode,
    protected_size,
)
from owamp_reference.sessions import SessionReceiver, SessionReflector, SessionSender

from ..vectors.declaration import Case, Field, Group, GroupType, Json, Values, VectorFile
from ..vectors.drbg import Drbg
from . import roles
from .participants import ESTIMATE, TTL, new_client, new_server, request_of, still_open

_MODES = {Mode.AUTHENTICATED: TestMode.AUTHENTICATED, Mode.ENCRYPTED: TestMode.ENCRYPTED}
_TEST_MODES = tuple(mode.value for mode in _MODES.values())
_FIRST_NUMBER = 1000
_OFFERED = int(Mode.UNAUTHENTICATED | Mode.AUTHENTICATED | Mode.ENCRYPTED)

# ------------------------------------------------------------------------------------ the fields

_SECRET = Field("sharedSecret", "octets of the shared secret")
_NAME = Field("keyName", "the name of the shared secret, which KeyID carries", "string")
_MODE = Field("mode", "the Mode that the client chooses; the server offers 7", "integer")
_CHALLENGE = Field("challenge", "Challenge of the server", size=16)
_SALT = Field("salt", "Salt of the server", size=16)
_COUNT = Field("count", "Count of the server", "integer")
_T1 = Field("t1", "AES Session-key of the control connection", size=16)
_T2 = Field("t2", "HMAC Session-key of the control connection", size=32)
_CLIENT_IV = Field("clientIv", "Client-IV", size=16)
_SERVER_IV = Field("serverIv", "Server-IV", size=16)
_START_TIME = Field("startTime", "Start-Time of the server", size=8)
_PARAMETERS = Field(
    "parameters", "Request-TW-Session without its command number and its HMAC", size=95
)
_PORT = Field("port", "Port of Accept-Session", "integer")
_SID = Field("sid", "SID of the test session", size=16)
_NUMBER = Field("sequenceNumber", "Sequence Number of the sender's packet", "integer")
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
    _SERVER_IV,
    _START_TIME,
    _PARAMETERS,
    _PORT,
    _SID,
)
_TRANSCRIPT = (
    Field("serverGreeting", "the server's first message", size=64),
    Field("setUpResponse", "the client's answer, with the Token", size=164),
    Field("serverStart", "the server's Server-Start, its last block encrypted", size=48),
    Field("requestSession", "Request-TW-Session and its HMAC, encrypted", size=112),
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


def _client(v: Values, t1: bytes, t2: bytes) -> ControlClient:
    return new_client({**v, "keyId": messages.encode_key_id(v["keyName"]), "t1": t1, "t2": t2})


def _server(v: Values) -> Server:
    check_size("SID", v["sid"], keys.SID_SIZE)
    key_id = messages.encode_key_id(v["keyName"])
    return new_server({**v, "modes": _OFFERED, "keyId": key_id})


def _connect(v: Values) -> tuple[Json, TestSession, TestSession]:
    """The messages of a connection with one session, and the session at client and server."""
    client, server = _client(v, v["t1"], v["t2"]), _server(v)
    sent = {"serverGreeting": server.data_to_send()}
    still_open(client.receive(sent["serverGreeting"]))
    sent["setUpResponse"] = client.data_to_send()
    still_open(server.receive(sent["setUpResponse"]))
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


def _packet(
    mode: TestMode, session_keys: TestSessionKeys, v: Values
) -> tuple[SessionSender, bytes]:
    """A Session-Sender and the packet that it sends with the number and the time of a case."""
    clock = _times(v["timestamp"])
    sender = SessionSender(mode, session_keys, lambda: next(clock), error_estimate=ESTIMATE)
    sender.next_sequence_number = v["sequenceNumber"]
    return sender, sender.next_packet()


# ------------------------------------------------------------------------------ what is computed


def _run_session(v: Values) -> Json:
    sent, at_client, at_server = _connect(v)
    sender, packet = _packet(at_client.mode, _session_keys(at_client), v)
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


def _invert(v: Values) -> Json:
    sent, *_ = _connect(v)
    found = keys.control_keys_from_test_keys(TestSessionKeys(sent["t3"], sent["t4"]), v["sid"])
    text = primitives.aes_cbc_decrypt(found.t1, v["clientIv"], sent["requestSession"])
    return {**sent, "recoveredT1": found.t1, "recoveredT2": found.t2, "decryptedRequest": text}


def _forge(v: Values) -> Json:
    server = _server(v)
    greeting = server.data_to_send()
    chosen, answers = [v["challenge"]], []
    for t1, t2 in zip(v["clientT1"], v["clientT2"], strict=True):
        lure = messages.ServerGreeting(_OFFERED, chosen[-1], v["salt"], v["count"])
        client = _client(v, t1, t2)
        still_open(client.receive(lure.to_octets()))
        answers.append(messages.SetUpResponse.parse(client.data_to_send()).token)
        chosen.append(answers[-1][: token.CHALLENGE_SIZE])
    forged = b"".join(chosen[1:])
    key = token.derive_token_key(v["sharedSecret"], v["salt"], v["count"])
    opened = token.open_token(key, forged, v["challenge"])
    key_id = messages.encode_key_id(v["keyName"])
    response = messages.SetUpResponse(v["mode"], key_id, forged, v["clientIv"]).to_octets()
    still_open(server.receive(response))
    start = server.data_to_send()
    accept = start[messages.ServerStart.CLEAR_SIZE - messages.IV_SIZE - 1]
    adversary = control.ProtectedSender(opened, v["clientIv"])
    request = control.write_message(adversary, request_of(v["parameters"]).segments())
    session = _session(server.receive(request))
    return {
        "serverGreeting": greeting,
        "chosenChallenges": chosen[:-1],
        "clientTokens": answers,
        "token": forged,
        "t1": opened.t1,
        "t2": opened.t2,
        "setUpResponse": response,
        "serverStart": start,
        "accept": accept,
        "requestSession": request,
        "acceptSession": server.data_to_send(),
        "t3": _session_keys(session).t3,
        "t4": _session_keys(session).t4,
    }


def _reflect_to_sender(v: Values) -> Json:
    mode = TestMode(v["testMode"])
    derived = keys.derive_test_session_keys(ControlKeys(v["t1"], v["t2"]), v["sid"])
    sender, packet = _packet(mode, derived, v)
    size = protected_size(SenderPacket.PROTECTED_LAYOUT, mode)
    claimed = ReflectorPacket(
        0,
        int.from_bytes(v["reflectorTimestamp"], "big"),
        ESTIMATE.to_int(),
        int.from_bytes(v["receiveTimestamp"], "big"),
        v["senderSequenceNumber"],
        int.from_bytes(v["senderTimestamp"], "big"),
        ESTIMATE.to_int(),
        TTL,
    )
    clear = ReflectorPacket.PROTECTED_LAYOUT.pack(vars(claimed))
    forged = packet[:size] + clear[size:] + packet[-primitives.HMAC_SIZE :]
    accepted = sender.receive(forged)
    return {
        "t3": derived.t3,
        "t4": derived.t4,
        "senderPacket": packet,
        "reflectedPacket": forged,
        "acceptedSequenceNumber": accepted.sequence_number,
    }


def _reflect_to_receiver(v: Values) -> Json:
    mode = TestMode(v["testMode"])
    control_keys = ControlKeys(v["t1"], v["t2"])
    outputs: Json = {}
    found = []
    for side, sid in (("sender", v["senderSid"]), ("receiver", v["receiverSid"])):
        derived = keys.derive_test_session_keys(control_keys, sid)
        if v["keys"] == _SHARED:
            derived = TestSessionKeys(control_keys.t1, control_keys.t2)
        found.append(derived)
        outputs |= {f"{side}T3": derived.t3, f"{side}T4": derived.t4}
    _, packet = _packet(mode, found[0], v)
    received = packet
    if mode is TestMode.AUTHENTICATED:  # the time is in clear, and under no HMAC
        received = packet[:16] + v["receivedTimestamp"] + packet[24:]
    accepted = SessionReceiver(mode, found[1]).receive(received)
    return {
        **outputs,
        "senderPacket": packet,
        "receivedPacket": received,
        "acceptedSequenceNumber": accepted.sequence_number,
    }


_RFC, _SHARED = "RFC 4656", "shared"
_TEST_MODE = Field("testMode", "mode of the test packets", "string", values=_TEST_MODES)
_REFLECTOR_TIMES = (
    Field("receiveTimestamp", "Receive Timestamp of the answer", size=8),
    Field("reflectorTimestamp", "Timestamp of the answer", size=8),
)
_ACCEPTED = Field("acceptedSequenceNumber", "the Sequence Number that is taken", "integer")

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
INVERSION = GroupType(
    "ControlKeysFromLostTestKeys",
    "A connection whose test keys are lost: what they, the SID and the recorded messages give.",
    "RFC 4656 §4.1.2",
    (),
    _CONNECTION,
    (
        *_TRANSCRIPT,
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
)
_KEYS_OF_CLIENTS = (
    Field("clientT1", "the T1 that each of the four lured clients draws", size=16, is_list=True),
    Field("clientT2", "the T2 that each of them draws", size=32, is_list=True),
)
FORGERY = GroupType(
    "TokenForged",
    "Clients answer chosen Challenges; the first blocks of their Tokens are one with zero keys.",
    "RFC 4656 §3.1, §6.10",
    (),
    (*(item for item in _CONNECTION if item not in (_T1, _T2)), *_KEYS_OF_CLIENTS),
    (
        _TRANSCRIPT[0],
        Field("chosenChallenges", "what the clients are sent", size=16, is_list=True),
        Field("clientTokens", "what they answer", size=64, is_list=True),
        Field(
            "token",
            "the forged Token",
            size=64,
            formula="the first blocks of clientTokens: E(challenge), E of that, and so on",
        ),
        Field("t1", "T1 that the server takes: zeros", size=16),
        Field("t2", "T2 that the server takes: zeros", size=32),
        *_TRANSCRIPT[1:3],
        Field("accept", "Accept of Server-Start", "integer"),
        *_TRANSCRIPT[3:],
    ),
    _forge,
)
TO_SENDER = GroupType(
    "OwnPacketToSender",
    "A TWAMP sender receives its own packet, rearranged as a reflector's.",
    "RFC 5357 §4.2.1",
    (),
    (
        _TEST_MODE,
        _T1,
        _T2,
        _SID,
        _NUMBER,
        _TIMESTAMP,
        *_REFLECTOR_TIMES,
        Field("senderSequenceNumber", "Sender Sequence Number that is claimed", "integer"),
        Field("senderTimestamp", "Sender Timestamp that is claimed", size=8),
    ),
    (
        _T3,
        _T4,
        _PACKET,
        Field(
            "reflectedPacket",
            "what the sender receives",
            formula="the encrypted part of senderPacket | claimed fields | HMAC of senderPacket",
        ),
        _ACCEPTED,
    ),
    _reflect_to_sender,
)
TO_RECEIVER = GroupType(
    "PacketToOtherSession",
    "A packet of one OWAMP session is sent to the receiver of another of the same connection.",
    "RFC 4656 §4.1.2",
    (),
    (
        Field("keys", "where T3 and T4 come from", "string", values=(_RFC, _SHARED)),
        _TEST_MODE,
        _T1,
        _T2,
        Field("senderSid", "SID of the session in which it is sent", size=16),
        Field("receiverSid", "SID of the session in which it is received", size=16),
        _NUMBER,
        _TIMESTAMP,
        Field("receivedTimestamp", "Timestamp put in, in the authenticated mode", size=8),
    ),
    (
        Field("senderT3", "T3 of the sender's session", size=16),
        Field("senderT4", "T4 of the sender's session", size=32),
        Field("receiverT3", "T3 of the receiver's session", size=16),
        Field("receiverT4", "T4 of the receiver's session", size=32),
        _PACKET,
        Field("receivedPacket", "what the receiver is sent"),
        _ACCEPTED,
    ),
    _reflect_to_receiver,
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
    "$start_time": roles.START_TIME,
    "$parameters": roles.PARAMETERS,
    "$port": roles.PORT,
}


def _connection(trace: str, mode: Mode) -> Json:
    """The inputs of `_connect`, as a replay draws them."""
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
        "startTime": drawn["$start_time"][:8],
        "parameters": drawn["$parameters"],
        "port": int.from_bytes(drawn["$port"], "big"),
        "sid": drawn["~sid"],
    }


def _answered(own_time: bytes) -> Json:
    return {"reflectorTimestamp": own_time[:8], "receiveTimestamp": own_time[16:24]}


def _session_cases() -> Iterator[Case]:
    trace = "rfc4656/encrypted_session_runs_to_its_end"
    drawn = _names(trace, {"$time": roles.TIME, "$own_time": roles.OWN_TIME})
    inputs = {
        **_connection(trace, Mode.ENCRYPTED),
        "sequenceNumber": _FIRST_NUMBER,
        "timestamp": drawn["$time"][:8],
        **_answered(drawn["$own_time"]),
    }
    yield Case("a session in the encrypted mode, from the greeting on", inputs, trace=trace)


def _inversion_cases() -> Iterator[Case]:
    trace = "rfc4656/control_keys_survive_loss_of_test_keys"
    yield Case(
        "T3 and T4 are lost, the SID is known: T1 and T2 follow",
        _connection(trace, Mode.AUTHENTICATED),
        ("TestKeysInverted",),
        expect="acceptable",
        reason="any implementation of RFC 4656 gives these octets and cannot do otherwise: treat"
        " SIDs as secrets and never export test keys",
        trace=trace,
    )


def _forgery_cases() -> Iterator[Case]:
    trace = "token_blocks/zero_keys_are_not_accepted"
    suffixes = ("", ".1", ".2", ".3")
    wanted = {f"~{name}{end}": roles.BLOCK for name in ("t1", "t2a", "t2b") for end in suffixes}
    drawn = _names(trace, wanted)
    inputs = _connection(trace, Mode.AUTHENTICATED)
    del inputs["t1"], inputs["t2"]
    yield Case(
        "a Token of four clients' answers; the server then accepts a session under zero keys",
        {
            **inputs,
            "clientT1": [drawn[f"~t1{end}"] for end in suffixes],
            "clientT2": [drawn[f"~t2a{end}"] + drawn[f"~t2b{end}"] for end in suffixes],
        },
        ("TokenForgery",),
        expect="acceptable",
        reason="a server cannot tell this Token from an honest one, and refusing zero keys is no"
        " remedy, as others can be had; strong secrets do not help: limit who may greet clients,"
        " run the control connection inside IPsec, or repair the Token",
        trace=trace,
    )


def _to_sender_cases() -> Iterator[Case]:
    trace = "rfc4656_reflection/twamp_packet_returns_from_the_reflector_authenticated"
    drawn = _names(
        trace,
        {
            "~t1": roles.T1,
            "~t2": roles.T2,
            "~sid": roles.SID,
            "$time": roles.TIME,
            "$time.1": roles.TIME,
            "$own_time": roles.OWN_TIME,
        },
    )
    inputs = {
        "testMode": TestMode.AUTHENTICATED.value,
        "t1": drawn["~t1"],
        "t2": drawn["~t2"],
        "sid": drawn["~sid"],
        "sequenceNumber": _FIRST_NUMBER,
        "timestamp": drawn["$time.1"][:8],
        **_answered(drawn["$own_time"]),
        "senderSequenceNumber": 0,
        "senderTimestamp": drawn["$time"][:8],
    }
    yield Case(
        "authenticated mode: the sender takes its own packet for the reflector's",
        inputs,
        ("OwnPacketReflected",),
        expect="acceptable",
        reason="the protected block and its HMAC are those of a reflector's packet with this"
        " number: a sender cannot tell, but may refuse times that are not plausible",
        trace=trace,
    )
    yield Case(
        "encrypted mode: the sender's own packet is refused",
        {**inputs, "testMode": TestMode.ENCRYPTED.value},
        expect="invalid",
    )


def _to_receiver_cases() -> Iterator[Case]:
    for mode in _TEST_MODES:
        lemma = f"owamp_packet_comes_from_the_sessions_sender_{mode}"
        trace = f"rfc4656_reflection+SHARED_KEYS/{lemma}"
        first = "$time.1" if mode == TestMode.AUTHENTICATED.value else "$time"
        drawn = _names(
            trace,
            {
                "~t1": roles.T1,
                "~t2": roles.T2,
                "~sid": roles.SID,
                "~sid.1": roles.SID,
                "$time": roles.TIME,
                first: roles.TIME,
            },
        )
        inputs = {
            "testMode": mode,
            "t1": drawn["~t1"],
            "t2": drawn["~t2"],
            "senderSid": drawn["~sid.1"],
            "receiverSid": drawn["~sid"],
            "sequenceNumber": _FIRST_NUMBER,
            "timestamp": drawn[first][:8],
            "receivedTimestamp": drawn["$time"][:8],
        }
        yield Case(
            f"{mode} mode, T3 = T1 and T4 = T2: the receiver takes another session's packet",
            {**inputs, "keys": _SHARED},
            ("SharedKeysReflected",),
            expect="acceptable",
            reason="shared keys are not RFC 4656: with them, no receiver can tell",
            trace=trace,
        )
        yield Case(
            f"{mode} mode, T3 and T4 from the SID: the receiver refuses it",
            {**inputs, "keys": _RFC},
            ("TestKeysNotSeparated",),
            expect="invalid",
        )


def make_groups(_: Drbg) -> Iterator[Group]:
    """The groups of ``attacks.json``, whose octets are those of the replayed traces."""
    for group_type, make_cases in (
        (SESSION, _session_cases),
        (FORGERY, _forgery_cases),
        (INVERSION, _inversion_cases),
        (TO_SENDER, _to_sender_cases),
        (TO_RECEIVER, _to_receiver_cases),
    ):
        yield Group(group_type, list(make_cases()))


FILE = VectorFile(
    name="attacks",
    algorithm="RFC 4656, RFC 5357",
    header=(
        "Attacks and honest runs that the prover found on the models, in octets: `trace` names the",
        "model and its lemma; the label of each random octet string is replay/trace/name. Where an",
        "implementation can do nothing, the case is acceptable, and its reason says what is left.",
    ),
    types=(SESSION, FORGERY, INVERSION, TO_SENDER, TO_RECEIVER),
    make_groups=make_groups,
)

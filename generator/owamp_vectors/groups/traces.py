"""Vectors for recorded traces: what each endpoint is given, and what it then sends.

A case is a trace that the prover found, played by the reference's endpoints: participants, and
steps in order of time. What the participants are given is in ``traces.inputs.json`` beside this
module, which ``owamp-vectors replay --record`` writes; what they send is computed here, by the
reference alone.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from importlib import resources
from typing import Any, Protocol

from owamp_reference import (
    binding,
    connection,
    events,
    ikev2,
    messages,
    negotiation,
    sessions,
    sources,
)
from owamp_reference.errors import ProtocolError
from owamp_reference.events import Closed, SessionRejected, TestSession
from owamp_reference.keys import TestSessionKeys
from owamp_reference.packets import ErrorEstimate, TestMode

from ..theory.bind import KEYMAT_SIZE, PRF, ike_sa_keys, tw_request
from ..vectors.declaration import Case, Field, Group, GroupType, Json, Values, VectorFile
from ..vectors.drbg import Drbg

INPUTS = "traces.inputs.json"
"""The file of this package that holds the inputs of the cases."""

SERVERS, CLIENTS, SESSIONS, IKE_SAS = "servers", "clients", "sessions", "ikeSas"
"""The inputs that hold the participants."""
SENDER, RECEIVER, REFLECTOR = "Session-Sender", "Session-Receiver", "Session-Reflector"
FROM_SK_D, FROM_KEYMAT = 'prf(SK_d, "IPPM")', "PRF{ KEYMAT, Session ID }"
SENT_BEFORE = 2000
"""A sender has sent all Sequence Numbers below, when its part of a trace begins."""
ESTIMATE = ErrorEstimate(synchronized=True, scale=0, multiplier=1)
_TEST_MODES = (TestMode.AUTHENTICATED.value, TestMode.ENCRYPTED.value)

# ---------------------------------------------------------------------------------- participants


def still_open(events: list[events.Event]) -> list[events.Event]:
    """The events of a connection that goes on. Raises `ProtocolError`: why it was closed."""
    for event in events:
        if isinstance(event, Closed):
            raise event.error or ProtocolError("connection", "to go on", "its end")
    return events


def _source(participant: Values) -> sources.RandomSource:
    drawn = {
        "Challenge": "challenge",
        "Salt": "salt",
        "Server-IV": "serverIv",
        "T1": "t1",
        "T2": "t2",
        "Client-IV": "clientIv",
    }

    def draw(label: str, size: int) -> bytes:
        if label == "SID":
            return bytes(participant["sid"][-size:])
        return bytes(participant[drawn[label]])

    return draw


class _Part(Protocol):
    """A participant of a run."""

    def take(self, step: Values) -> Json:
        """What it sends and has after a step. Raises `ProtocolError` if it refuses it."""


class _ControlEnd:
    """A Control-Client or a Server."""

    def __init__(self, end: connection.ControlClient | connection.Server) -> None:
        self.keys: TestSessionKeys | None = None
        self._end = end

    def take(self, step: Values) -> Json:
        events = still_open(self._end.receive(step["received"]))
        if isinstance(self._end, connection.ControlClient) and step["request"]:
            self._end.request_session(tw_request(step["request"]))
        result: Json = {"sent": self._end.data_to_send()}
        for event in events:
            if isinstance(event, TestSession):
                self.keys = event.keys
                assert event.keys is not None  # the modes of these runs are protected
                result |= {"sid": event.sid, "t3": event.keys.t3, "t4": event.keys.t4}
            elif isinstance(event, SessionRejected):
                raise ProtocolError("Accept", "0", str(int(event.accept)))
        return result


def new_client(participant: Values) -> connection.ControlClient:
    """A Control-Client, from the values of `RECORDS`."""
    mode = participant["mode"]
    ikev2_derived = bool(mode & negotiation.IKEV2_DERIVED[negotiation.Protocol.TWAMP])
    secret = participant["sharedSecret"]
    credentials = negotiation.Credentials(participant["keyId"], secret, ikev2_derived)
    security = negotiation.Mode(mode & negotiation.SECURITY_BITS[negotiation.Protocol.TWAMP])
    config = connection.ClientConfig(negotiation.Protocol.TWAMP, security, credentials)
    return connection.ControlClient(config, _source(participant))


def new_server(participant: Values) -> connection.Server:
    """A Server that knows one secret and gives one SID, from the values of `RECORDS`."""
    known = {participant["keyId"]: participant["sharedSecret"]} if participant["keyId"] else {}
    sid = participant["sid"] or bytes(16)
    config = connection.ServerConfig(
        negotiation.Protocol.TWAMP,
        participant["modes"],
        participant["count"],
        find_secret=lambda name: known.get(name.key_id),
        policy=lambda _: (messages.Accept.OK, participant["port"]),
        sid_address=sid[:4],
        start_time=int.from_bytes(participant["startTime"], "big"),
    )
    return connection.Server(config, _source(participant), lambda: int.from_bytes(sid[4:12], "big"))


class _SessionEnd:
    """A Session-Sender, Session-Receiver or Session-Reflector."""

    def __init__(self, participant: Values, others: Mapping[str, _Part]) -> None:
        mode = TestMode(participant["testMode"])
        if participant["session"]:
            control = others.get(participant["session"])
            session_keys = control.keys if isinstance(control, _ControlEnd) else None
            if session_keys is None:
                raise ProtocolError("session", "one that is accepted", "none")
        else:
            session_keys = TestSessionKeys(participant["t3"], participant["t4"])
        self._times: Iterator[int] = iter(())
        self.sender = sessions.SessionSender(
            mode, session_keys, self._clock, error_estimate=ESTIMATE
        )
        self.sender.next_sequence_number = SENT_BEFORE
        self.receiver = sessions.SessionReceiver(mode, session_keys)
        self.reflector = sessions.SessionReflector(mode, session_keys, self._clock, ESTIMATE)
        self._role = participant["role"]

    def _clock(self) -> int:
        for time in self._times:
            return time
        raise ProtocolError("timestamp", "one for the packet", "none")

    def take(self, step: Values) -> Json:
        times = [step[name] for name in ("receiveTimestamp", "timestamp") if step[name]]
        self._times = (int.from_bytes(time, "big") for time in times)
        if self._role == REFLECTOR:
            self.reflector.next_sequence_number = step["sequenceNumber"]
            return {"sent": self.reflector.reflect(step["received"])}
        if not step["received"]:
            self.sender.next_sequence_number = step["sequenceNumber"]
            packet = self.sender.next_packet()
            self.sender.next_sequence_number = SENT_BEFORE
            return {"sent": packet}
        if self._role == RECEIVER:
            return {"taken": self.receiver.receive(step["received"]).sequence_number}
        answer = self.sender.receive(step["received"])
        return {"taken": answer.sequence_number, "takenOfSender": answer.sender_sequence_number}


class _IkeEnd:
    """What an end of an IKE SA computes once the exchange is over."""

    def __init__(self, participant: Values) -> None:
        self._of = participant

    def take(self, step: Values) -> Json:
        v = self._of
        if v["oldSkD"]:
            seed = ikev2.rekeyed_skeyseed(PRF, v["oldSkD"], v["gIr"], v["ni"], v["nr"])
        else:
            seed = ikev2.skeyseed(PRF, v["ni"], v["nr"], v["gIr"])
        sk_d = ike_sa_keys(PRF, seed, v["ni"], v["nr"], v["spiI"], v["spiR"]).sk_d
        if not step["derive"]:
            return {"skeyseed": seed, "skD": sk_d}
        if step["derive"] == FROM_SK_D:
            return {"sharedSecret": binding.shared_secret_from_sk_d(PRF, sk_d)}
        keymat = ikev2.keymat(PRF, sk_d, v["ni"], v["nr"], KEYMAT_SIZE)
        secret = binding.shared_secret_from_keymat(PRF, keymat, step["received"])
        return {"keymat": keymat, "sharedSecret": secret}


def play(values: Values) -> Json:
    """The results of all steps.

    Raises:
        ProtocolError: a participant refuses what it is given, or lacks something.
    """
    described = {item["name"]: (kind, item) for kind in KINDS for item in values[kind]}
    parts: dict[str, _Part] = {}
    results = []
    for step in values["steps"]:
        name = step["participant"]
        if name not in parts:
            if name not in described:
                raise ProtocolError("participant", f"one of {', '.join(described)}", name)
            kind, given = described[name]
            parts[name] = KINDS[kind](given, parts)
        result = parts[name].take(step)
        results.append({**_NO_RESULT, "participant": name, "rule": step["rule"], **result})
    return {"results": results}


KINDS: Mapping[str, Callable[[Values, Mapping[str, _Part]], _Part]] = {
    SERVERS: lambda given, _: _ControlEnd(new_server(given)),
    CLIENTS: lambda given, _: _ControlEnd(new_client(given)),
    SESSIONS: _SessionEnd,
    IKE_SAS: lambda given, _: _IkeEnd(given),
}
"""What makes a participant, by the input that holds it."""


# ------------------------------------------------------------------------------------ the fields


def _if_there(name: str) -> Callable[[Json], bool]:
    """Whether this field of a record is not empty."""
    return lambda record: bool(record[name])


def _maybe(name: str, description: str, **more: Any) -> Field:
    """A field that is empty where there is no such thing."""
    return Field(name, description, is_given=_if_there(name), **more)


def _takes_packet(result: Json) -> bool:
    """Whether a step is none but the taking of a test packet, which may have the number 0."""
    return not any(result[name] for name in ("sent", "sid", "skeyseed", "sharedSecret"))


_NAME = Field("name", "by which the steps know it", "string")
_KEY_ID = Field("keyId", "KeyID, 80 octets: a name, or SPIi | SPIr")
_SECRET = Field("sharedSecret", "the shared secret of that KeyID")
_SERVER = (
    _NAME,
    Field("modes", "Modes that it offers", "integer"),
    Field("count", "Count", "integer"),
    Field("challenge", "Challenge"),
    Field("salt", "Salt"),
    Field("serverIv", "Server-IV"),
    Field("startTime", "Start-Time"),
    _KEY_ID,
    _SECRET,
    _maybe("sid", "SID that it gives to the session"),
    Field("port", "Port of Accept-Session", "integer", is_given=_if_there("sid")),
)
_CLIENT = (
    _NAME,
    Field("mode", "Mode that it chooses", "integer"),
    _KEY_ID,
    _SECRET,
    Field("t1", "T1 that it draws"),
    Field("t2", "T2 that it draws"),
    Field("clientIv", "Client-IV"),
)
_SESSION = (
    _NAME,
    Field("role", "which end it is", "string", values=(SENDER, RECEIVER, REFLECTOR)),
    Field("testMode", "mode of its packets", "string", values=_TEST_MODES),
    _maybe("session", "the client or server whose session it is, and so its keys", kind="string"),
    _maybe("t3", "T3, where no client or server has set the session up"),
    _maybe("t4", "T4, where no client or server has set the session up"),
)
_IKE_SA = (
    _NAME,
    Field("ni", "nonce of the initiator"),
    Field("nr", "nonce of the responder"),
    Field("spiI", "SPI of the initiator"),
    Field("spiR", "SPI of the responder"),
    Field("gIr", "the shared secret of the key exchange"),
    _maybe("oldSkD", "SK_d of the IKE SA that is rekeyed"),
)
_WHO = (
    Field("participant", "who takes the step", "string"),
    Field("rule", "the rule of the model that the step is", "string"),
)
_STEP = (
    *_WHO,
    _maybe("received", "what it receives; with `derive` the Session ID from outside"),
    _maybe("request", "what it then asks for: Request-TW-Session without command and HMAC"),
    Field(
        "sequenceNumber",
        "Sequence Number of its packet",
        "integer",
        is_given=_if_there("timestamp"),
    ),
    _maybe("receiveTimestamp", "when it receives a packet"),
    _maybe("timestamp", "when it sends a packet"),
    _maybe(
        "derive",
        "the shared secret to derive",
        kind="string",
        values=("", FROM_SK_D, FROM_KEYMAT),
    ),
)
_RESULT = (
    *_WHO,
    _maybe("sent", "what it sends"),
    _maybe("sid", "SID of the session that is accepted"),
    _maybe("t3", "T3 of that session"),
    _maybe("t4", "T4 of that session"),
    Field(
        "taken", "Sequence Number of the packet that it takes", "integer", is_given=_takes_packet
    ),
    Field(
        "takenOfSender", "Sender Sequence Number of that packet", "integer", is_given=_takes_packet
    ),
    _maybe("skeyseed", "SKEYSEED"),
    _maybe("skD", "SK_d"),
    _maybe("keymat", "KEYMAT, 72 octets"),
    _maybe("sharedSecret", "the shared secret for O/TWAMP"),
)
_GIVEN = (
    Field("rule", "the rule of the model by which it is lost", "string"),
    Field("octets", "what the adversary is given"),
)
RECORDS: Mapping[str, tuple[Field, ...]] = {
    SERVERS: _SERVER,
    CLIENTS: _CLIENT,
    SESSIONS: _SESSION,
    IKE_SAS: _IKE_SA,
    "steps": _STEP,
}


def nothing(fields: tuple[Field, ...]) -> Json:
    """A record in which there is nothing: empty octets and texts, and 0."""
    empty: Json = {"integer": 0, "string": "", "octets": b""}
    return {item.name: empty[item.kind] for item in fields}


_NO_RESULT = nothing(_RESULT)
TRACE_RUN = GroupType(
    "TraceRun",
    "Let participants take steps in order; compare what each sends and derives.",
    "RFC 4656 §3, §4; RFC 5357 §3, §4; RFC 7717 §5",
    (Field("model", "the model, with its flags", "string"),),
    (
        Field(SERVERS, "each Server, and what it is given", "records", fields=_SERVER),
        Field(CLIENTS, "each Control-Client, and what it is given", "records", fields=_CLIENT),
        Field(SESSIONS, "each end of a test session", "records", fields=_SESSION),
        Field(IKE_SAS, "each end of an IKE SA", "records", fields=_IKE_SA),
        Field("steps", "what they receive and do, in order", "records", fields=_STEP),
        Field("lost", "what the adversary is given besides", "records", fields=_GIVEN),
    ),
    (Field("results", "what each step sends and derives", "records", fields=_RESULT),),
    play,
)
FIELDS = {item.name: item for item in TRACE_RUN.inputs}

# ------------------------------------------------------------------------------------- the cases

_ANY = "any implementation does this, and cannot do otherwise"
_FORGED = (
    "a server cannot tell this Token from an honest one: limit who may greet clients, run the"
    " control connection inside IPsec, or repair the Token"
)
_MODES = (
    f"{_ANY}: Modes and Mode are in no HMAC and not in the Token; refuse by configuration the modes"
    " that are too weak"
)
_SHARED = "shared keys are not RFC 4656: with them, no receiver can tell"
_INVERTED = f"{_ANY}: treat SIDs as secrets and never export test keys"
_REFLECTED = (
    "the protected block and its HMAC are those of a reflector's packet with this number: a sender"
    " cannot tell, but may refuse times that are not plausible; or use the encrypted mode"
)
_OWN = (
    "the key is the same at both ends: let only the initiator of the IKE SA be client, or refuse a"
    " Token that this host has sent itself"
)
_FOLLOW = f"{_ANY}: who has T1, T2 and the SID has T3 and T4, by whatever KDF"
ATTACKS: Mapping[str, tuple[str, str]] = {
    "token-agreement": ("TokenForgery", _FORGED),
    "token-keys-secret": ("TokenForgery", _FORGED),
    "token-forgery": ("TokenForgery", _FORGED),
    "forward-secrecy": (
        "SecretLostLater",
        f"{_ANY}: take the secret from IKEv2, whose Diffie-Hellman gives forward secrecy, or use"
        " a tunnel that does",
    ),
    "test-to-control": ("TestKeysInverted", _INVERTED),
    "control-to-test": ("ControlKeysLost", _FOLLOW),
    "mode-agreement": ("ModesNotAuthenticated", _MODES),
    "modes-offered": ("ModesNotAuthenticated", _MODES),
    "authenticated-return": ("OwnPacketReflected", _REFLECTED),
    "authenticated-timestamp": (
        "TimestampNotAuthenticated",
        "RFC 4656 §4.1.2 leaves the timestamp out of the HMAC: use the encrypted mode",
    ),
    "one-way-control-to-test": ("ControlKeysLost", _FOLLOW),
    "twamp-reflection": ("OwnPacketReflected", _REFLECTED),
    "one-way-twamp-reflection": ("OwnPacketReflected", _REFLECTED),
    "test-to-test": ("TestKeysInverted", _INVERTED),
    "shared-owamp-reflection-authenticated": ("SharedKeysReflected", _SHARED),
    "shared-owamp-reflection-encrypted": ("SharedKeysReflected", _SHARED),
    "shared-owamp-reflection": ("SharedKeysReflected", _SHARED),
    "shared-twamp-reflection": ("SharedKeysReflected", _SHARED),
    "shared-twamp-reflection-encrypted": ("SharedKeysReflected", _SHARED),
    "shared-test-to-test": ("SharedKeysReflected", _SHARED),
    "ippm-who-is-client": ("OwnTokenReflected", _OWN),
    "keymat-sid-who-is-client": ("OwnTokenReflected", _OWN),
    "ippm-own-secrets": (
        "OneSecretForAll",
        'prf(SK_d, "IPPM") is one secret for all connections over an SA; Salt and Challenge alone'
        " tell them apart",
    ),
    "keymat-sid-keymat-lost": (
        "KeymatLost",
        "PRF{ KEYMAT, Session ID } is keyed by what ESP's implementation holds: derive from SK_d,"
        " as RFC 7717 does",
    ),
}
"""Claims that a trace refutes: the flag that names the attack, and what to do about it."""


def load_scripts() -> list[Json]:
    """The recorded inputs, with octets as hex."""
    text = resources.files(__package__).joinpath(INPUTS).read_text(encoding="utf-8")
    found: list[Json] = json.loads(text)["traces"]
    return found


def case_of(script: Mapping[str, Any]) -> Case:
    """The case of a recorded trace."""
    inputs = {name: item.from_json(script[name]) for name, item in FIELDS.items()}
    flag, reason = ATTACKS.get(script["claim"], ("", ""))
    return Case(
        script["comment"],
        inputs,
        (flag,) if flag else (),
        source=script["source"],
        expect="acceptable" if flag else "valid",
        reason=reason,
        trace=script["trace"],
    )


def make_groups(_: Drbg) -> Iterator[Group]:
    """A group for each model under its flags."""
    cases: dict[str, list[Case]] = defaultdict(list)
    for script in load_scripts():
        cases[script["trace"].split("/")[0]].append(case_of(script))
    for model, found in cases.items():
        yield Group(TRACE_RUN, found, {"model": model})


FILE = VectorFile(
    name="traces",
    algorithm="RFC 4656, RFC 5357, RFC 7296, RFC 7717",
    header=(
        "Every trace that the prover found on the models and that endpoints can play: honest runs",
        "are valid; in attacks the adversary's octets stand under `received`. `trace` names the",
        "model and its lemma; the label of each random octet string is replay/trace/name.",
        "Where there is nothing, octets and texts are empty and integers 0. A sender has sent all",
        "Sequence Numbers below 2000 before. Error Estimate 8001, TTL 255, no padding. IKE: prf",
        "HMAC_SHA2_256, integrity keys of 20 octets, encryption keys of 16.",
    ),
    types=(TRACE_RUN,),
    make_groups=make_groups,
)

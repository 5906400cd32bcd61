"""Vectors for recorded traces: what each endpoint is given, and what it then sends.

A case is a trace that the prover found, played by the reference's endpoints: participants, and
steps in order of time. What the participants are given is in ``traces.inputs.json`` beside this
module, which ``owamp-vectors replay --record`` writes; what they send is computed here, by the
reference alone.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping
from importlib import resources
from typing import Any, Protocol, TypeAlias

from owamp_reference import binding, ikev2, messages
from owamp_reference import endpoints as ends
from owamp_reference.errors import ProtocolError
from owamp_reference.keys import TestSessionKeys
from owamp_reference.test_packets import ErrorEstimate, TestMode

from ..drbg import Drbg
from ..model import Case, Field, Group, GroupType, Json, Values, VectorFile

INPUTS = "traces.inputs.json"
"""The file of this package that holds the inputs of the cases."""

CLIENT, SERVER = "Control-Client", "Server"
SENDER, RECEIVER, REFLECTOR = "Session-Sender", "Session-Receiver", "Session-Reflector"
IKE = "IKE SA"
FROM_SK_D, FROM_KEYMAT = 'prf(SK_d, "IPPM")', "PRF{ KEYMAT, Session ID }"
SENT_BEFORE = 2000
"""A sender has sent all Sequence Numbers below, when its part of a trace begins."""
PRF = ikev2.PRF_HMAC_SHA2_256
KEYMAT_SIZE = 72
_ESTIMATE = ErrorEstimate(synchronized=True, scale=0, multiplier=1)
_TEST_MODES = (TestMode.AUTHENTICATED.value, TestMode.ENCRYPTED.value)

# ---------------------------------------------------------------------------------- participants


def still_open(events: list[ends.Event]) -> list[ends.Event]:
    """The events of a connection that goes on. Raises `ProtocolError`: why it was closed."""
    for event in events:
        if isinstance(event, ends.Closed):
            raise event.error or ProtocolError("connection", "to go on", "its end")
    return events


def _source(participant: Values) -> ends.RandomSource:
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

    def __init__(self, participant: Values) -> None:
        self.keys: TestSessionKeys | None = None
        self._end = (_client if participant["role"] == CLIENT else _server)(participant)

    def take(self, step: Values) -> Json:
        events = still_open(self._end.receive(step["received"])) if "received" in step else []
        if isinstance(self._end, ends.ControlClient) and "request" in step:
            command = bytes([messages.Command.REQUEST_TW_SESSION])
            octets = command + step["request"] + bytes(16)
            self._end.request_session(messages.RequestTWSession.parse(octets))
        result: Json = {}
        if sent := self._end.data_to_send():
            result["sent"] = sent
        for event in events:
            if isinstance(event, ends.TestSession):
                self.keys = event.keys
                assert event.keys is not None  # the modes of these runs are protected
                result |= {"sid": event.sid, "t3": event.keys.t3, "t4": event.keys.t4}
            elif isinstance(event, ends.SessionRejected):
                raise ProtocolError("Accept", "0", str(int(event.accept)))
        return result


def _client(participant: Values) -> ends.ControlClient:
    mode = participant["mode"]
    ikev2_derived = bool(mode & ends.IKEV2_DERIVED[ends.Protocol.TWAMP])
    secret = participant["sharedSecret"]
    credentials = ends.Credentials(participant["keyId"], secret, ikev2_derived)
    security = ends.Mode(mode & ends.SECURITY_BITS[ends.Protocol.TWAMP])
    config = ends.ClientConfig(ends.Protocol.TWAMP, security, credentials)
    return ends.ControlClient(config, _source(participant))


def _server(participant: Values) -> ends.Server:
    known = {item["keyId"]: item["sharedSecret"] for item in participant.get("secrets", ())}
    sid = participant.get("sid", bytes(16))
    config = ends.ServerConfig(
        ends.Protocol.TWAMP,
        participant["modes"],
        participant["count"],
        passphrase=lambda name: known.get(messages.encode_key_id(name)),
        ike_sa=lambda spi_i, spi_r: known.get(binding.key_id_from_spis(spi_i, spi_r)),
        policy=lambda _: (messages.Accept.OK, participant["port"]),
        sid_address=sid[:4],
        start_time=int.from_bytes(participant.get("startTime", b""), "big"),
    )
    return ends.Server(config, _source(participant), lambda: int.from_bytes(sid[4:12], "big"))


class _SessionEnd:
    """A Session-Sender, Session-Receiver or Session-Reflector."""

    def __init__(self, participant: Values, others: Mapping[str, _Part]) -> None:
        mode = TestMode(participant["testMode"])
        if "session" in participant:
            control = others.get(participant["session"])
            session_keys = control.keys if isinstance(control, _ControlEnd) else None
            if session_keys is None:
                raise ProtocolError("session", "one that is accepted", "none")
        else:
            session_keys = TestSessionKeys(participant["t3"], participant["t4"])
        self._times: Iterator[int] = iter(())
        self.sender = ends.SessionSender(mode, session_keys, self._clock, error_estimate=_ESTIMATE)
        self.sender.next_sequence_number = SENT_BEFORE
        self.receiver = ends.SessionReceiver(mode, session_keys)
        self.reflector = ends.SessionReflector(mode, session_keys, self._clock, _ESTIMATE)
        self._role = participant["role"]

    def _clock(self) -> int:
        for time in self._times:
            return time
        raise ProtocolError("timestamp", "one for the packet", "none")

    def take(self, step: Values) -> Json:
        times = [step[name] for name in ("receiveTimestamp", "timestamp") if name in step]
        self._times = (int.from_bytes(time, "big") for time in times)
        if self._role == REFLECTOR:
            self.reflector.next_sequence_number = step["sequenceNumber"]
            return {"sent": self.reflector.reflect(step["received"])}
        if "received" not in step:
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
        if "oldSkD" in v:
            seed = ikev2.rekeyed_skeyseed(PRF, v["oldSkD"], v["gIr"], v["ni"], v["nr"])
        else:
            seed = ikev2.skeyseed(PRF, v["ni"], v["nr"], v["gIr"])
        spis = v["spiI"], v["spiR"]
        sk_d = ikev2.ike_sa_keys(
            PRF, seed, v["ni"], v["nr"], *spis, integrity_size=20, encryption_size=16
        ).sk_d
        if "derive" not in step:
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
    descriptions = {item["name"]: item for item in values["participants"]}
    parts: dict[str, _Part] = {}
    results = []
    for step in values["steps"]:
        name = step["participant"]
        try:
            if name not in parts:
                parts[name] = _part(descriptions[name], parts)
            result = parts[name].take(step)
        except KeyError as error:  # which role needs what is not in the schema
            raise ProtocolError(f"{name}: {error.args[0]}", "to be given", "nothing") from None
        results.append({"participant": name, "rule": step["rule"], **result})
    return {"results": results}


def _part(participant: Values, others: Mapping[str, _Part]) -> _Part:
    if participant["role"] in (CLIENT, SERVER):
        return _ControlEnd(participant)
    if participant["role"] == IKE:
        return _IkeEnd(participant)
    return _SessionEnd(participant, others)


# ------------------------------------------------------------------------------------ the fields


def _optional(name: str, description: str, kind: str = "octets", **more: Any) -> Field:
    return Field(name, description, kind, optional=True, **more)  # type: ignore[arg-type]


_KEY_ID = "KeyID, 80 octets: a name, or SPIi | SPIr"
_SECRETS = (
    Field("keyId", _KEY_ID),
    Field("sharedSecret", "the shared secret of that KeyID"),
)
_ROLES = (CLIENT, SERVER, SENDER, RECEIVER, REFLECTOR, IKE)
_PARTICIPANT = (
    Field("name", "by which the steps know it", "string"),
    Field(
        "role", "what it is", "string", values=(CLIENT, SERVER, SENDER, RECEIVER, REFLECTOR, IKE)
    ),
    _optional("modes", "Modes that a Server offers", "integer"),
    _optional("count", "Count of a Server", "integer"),
    _optional("challenge", "Challenge of a Server"),
    _optional("salt", "Salt of a Server"),
    _optional("serverIv", "Server-IV"),
    _optional("startTime", "Start-Time of a Server"),
    _optional("secrets", "the secrets that a Server knows", "records", fields=_SECRETS),
    _optional("sid", "SID that a Server gives to the session"),
    _optional("port", "Port of Accept-Session", "integer"),
    _optional("mode", "Mode that a Control-Client chooses", "integer"),
    _optional("keyId", _KEY_ID),
    _optional("sharedSecret", "the shared secret of a Control-Client"),
    _optional("t1", "T1 that a Control-Client draws"),
    _optional("t2", "T2 that a Control-Client draws"),
    _optional("clientIv", "Client-IV"),
    _optional("testMode", "mode of test packets", "string", values=_TEST_MODES),
    _optional("session", "the participant whose session it is, with its keys", "string"),
    _optional("t3", "T3 of the test session, where no participant has set it up"),
    _optional("t4", "T4 of the test session, where no participant has set it up"),
    _optional("ni", "nonce of the initiator"),
    _optional("nr", "nonce of the responder"),
    _optional("spiI", "SPI of the initiator"),
    _optional("spiR", "SPI of the responder"),
    _optional("gIr", "the shared secret of the key exchange"),
    _optional("oldSkD", "SK_d of the IKE SA that is rekeyed"),
)
_WHO = (
    Field("participant", "who takes the step", "string"),
    Field("rule", "the rule of the model that the step is", "string"),
)
_STEP = (
    *_WHO,
    _optional("received", "what it receives; for an IKE SA the Session ID from outside"),
    _optional("request", "what it then asks for: Request-TW-Session without command and HMAC"),
    _optional("sequenceNumber", "Sequence Number of its packet", "integer"),
    _optional("receiveTimestamp", "when it receives a packet"),
    _optional("timestamp", "when it sends a packet"),
    _optional("derive", "the shared secret to derive", "string", values=(FROM_SK_D, FROM_KEYMAT)),
)
_RESULT = (
    *_WHO,
    _optional("sent", "what it sends"),
    _optional("sid", "SID of the session that is accepted"),
    _optional("t3", "T3 of that session"),
    _optional("t4", "T4 of that session"),
    _optional("taken", "Sequence Number of the packet that it takes", "integer"),
    _optional("takenOfSender", "Sender Sequence Number of that packet", "integer"),
    _optional("skeyseed", "SKEYSEED"),
    _optional("skD", "SK_d"),
    _optional("keymat", "KEYMAT, 72 octets"),
    _optional("sharedSecret", "the shared secret for O/TWAMP"),
)
_GIVEN = (
    Field("rule", "the rule of the model by which it is lost", "string"),
    Field("octets", "what the adversary is given"),
)
TRACE = GroupType(
    "TraceRun",
    "Let participants take steps in order; compare what each sends and derives.",
    "RFC 4656 §3, §4; RFC 5357 §3, §4; RFC 7717 §5",
    (Field("model", "the model, with its flags", "string"),),
    (
        Field(
            "participants", "who takes part, and what each is given", "records", fields=_PARTICIPANT
        ),
        Field("steps", "what they receive and do, in order", "records", fields=_STEP),
        Field("lost", "what the adversary is given besides", "records", fields=_GIVEN),
    ),
    (Field("results", "what each step sends and derives", "records", fields=_RESULT),),
    play,
)
FIELDS = {item.name: item for item in TRACE.inputs}

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

Script: TypeAlias = Mapping[str, Any]


def load_scripts() -> list[Json]:
    """The recorded inputs, with octets as hex."""
    text = resources.files(__package__).joinpath(INPUTS).read_text(encoding="utf-8")
    found: list[Json] = json.loads(text)["traces"]
    return found


def case_of(script: Script) -> Case:
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
        yield Group(TRACE, found, {"model": model})


FILE = VectorFile(
    name="traces",
    algorithm="RFC 4656, RFC 5357, RFC 7296, RFC 7717",
    header=(
        "Every trace that the prover found on the models and that endpoints can play: honest runs",
        "are valid; in attacks the adversary's octets stand under `received`. `trace` names the",
        "model and its lemma; the label of each random octet string is replay/trace/name.",
        "IKE: prf HMAC_SHA2_256, integrity keys of 20 octets, encryption keys of 16.",
    ),
    types=(TRACE,),
    make_groups=make_groups,
)

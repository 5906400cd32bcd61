"""The participants of recorded traces: the reference's endpoints, given what they draw and hold.

Each is made from a record of a case (`traces.RECORDS`) and takes the steps of the case in order.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Protocol, TypeAlias

from owamp_reference import (
    binding,
    connection,
    events,
    ikev2,
    messages,
    negotiation,
    primitives,
    sessions,
    sources,
)
from owamp_reference.errors import ProtocolError
from owamp_reference.events import Closed, SessionRejected, TestSession
from owamp_reference.keys import ControlKeys, TestSessionKeys
from owamp_reference.packets import ErrorEstimate, TestMode

from ..vectors.declaration import Json, Values

SERVERS, CLIENTS, SESSIONS, IKE_SAS = "servers", "clients", "sessions", "ikeSas"
"""The inputs of a case that hold the participants."""
SENDER, RECEIVER, REFLECTOR = "Session-Sender", "Session-Receiver", "Session-Reflector"
FROM_SK_D, FROM_KEYMAT = 'prf(SK_d, "IPPM")', "PRF{ KEYMAT, Session ID }"
ESTIMATE = ErrorEstimate(synchronized=True, scale=0, multiplier=1)
TTL = 255
"""Sender TTL of a packet that took no hop (RFC 5357 §4.2.1)."""

PRF = ikev2.PRF_HMAC_SHA2_256
"""The prf of an IKE SA, where nothing else is said."""
KEYMAT_SIZE = 72
"""Octets of KEYMAT: what AES-128-CBC with HMAC-SHA1-96 takes."""
INTEGRITY_SIZE, ENCRYPTION_SIZE = 20, 16
"""Octets of SK_ai and SK_ar, of SK_ei and SK_er."""


def sa_keys(
    prf: ikev2.Prf, seed_key: bytes, ni: bytes, nr: bytes, spi_i: bytes, spi_r: bytes
) -> ikev2.IkeSaKeys:
    """SK_* of an IKE SA, with the sizes above (RFC 7296 §2.14)."""
    return ikev2.ike_sa_keys(
        prf,
        seed_key,
        ni,
        nr,
        spi_i,
        spi_r,
        integrity_size=INTEGRITY_SIZE,
        encryption_size=ENCRYPTION_SIZE,
    )


def request_of(parameters: bytes) -> messages.RequestTWSession:
    """Request-TW-Session, from the 95 octets between its command number and its HMAC."""
    command = bytes([messages.Command.REQUEST_TW_SESSION])
    return messages.RequestTWSession.parse(command + parameters + bytes(primitives.HMAC_SIZE))


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


TestKeyDerivation: TypeAlias = Callable[[ControlKeys, bytes], TestSessionKeys]
"""T3 and T4 from T1, T2 and a SID."""


class Participant(Protocol):
    """A participant of a run."""

    def take(self, step: Values) -> Json:
        """What it sends and has after a step. Raises `ProtocolError` if it refuses it."""


class _ControlEnd:
    """A Control-Client or a Server, with test keys by a KDF that may be another than RFC 4656's."""

    def __init__(
        self, end: connection.ControlClient | connection.Server, derive: TestKeyDerivation
    ) -> None:
        self.has_session = False
        self.keys: TestSessionKeys | None = None
        self._end, self._derive = end, derive

    def take(self, step: Values) -> Json:
        events = still_open(self._end.receive(step["received"]))
        if isinstance(self._end, connection.ControlClient) and step["request"]:
            self._end.request_session(request_of(step["request"]))
        result: Json = {"sent": self._end.data_to_send()}
        for event in events:
            if isinstance(event, TestSession):
                self.has_session = True
                result["sid"] = event.sid
                if event.keys is not None and self._end.control_keys is not None:
                    self.keys = self._derive(self._end.control_keys, event.sid)
                    result |= {"t3": self.keys.t3, "t4": self.keys.t4}
            elif isinstance(event, SessionRejected):
                raise ProtocolError("Accept", "0", str(int(event.accept)))
        return result


def new_client(participant: Values) -> connection.ControlClient:
    """A Control-Client, from a record."""
    mode = participant["mode"]
    ikev2_derived = bool(mode & negotiation.IKEV2_DERIVED[negotiation.Protocol.TWAMP])
    secret = participant["sharedSecret"]
    credentials = negotiation.Credentials(participant["keyId"], secret, ikev2_derived)
    security = negotiation.Mode(mode & negotiation.SECURITY_BITS[negotiation.Protocol.TWAMP])
    config = connection.ClientConfig(negotiation.Protocol.TWAMP, security, credentials)
    return connection.ControlClient(config, _source(participant))


def new_server(participant: Values) -> connection.Server:
    """A Server that knows one secret and gives one SID, from a record."""
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

    def __init__(self, participant: Values, others: Mapping[str, Participant]) -> None:
        mode = TestMode(participant["testMode"])
        if participant["session"]:
            control = others.get(participant["session"])
            if not isinstance(control, _ControlEnd) or not control.has_session:
                raise ProtocolError("session", "one that is accepted", "none")
            session_keys = control.keys
        else:
            session_keys = TestSessionKeys(participant["t3"], participant["t4"])
        self._times: Iterator[int] = iter(())
        self.sender = sessions.SessionSender(
            mode, session_keys, self._clock, error_estimate=ESTIMATE
        )
        self.receiver = sessions.SessionReceiver(mode, session_keys)
        self.reflector = sessions.SessionReflector(mode, session_keys, self._clock, ESTIMATE)
        self._role = participant["role"]
        for end in (self.sender, self.reflector):
            end.next_sequence_number = participant["firstSequenceNumber"]

    def _clock(self) -> int:
        for time in self._times:
            return time
        raise ProtocolError("timestamp", "one for the packet", "none")

    def take(self, step: Values) -> Json:
        times = [step[name] for name in ("receiveTimestamp", "timestamp") if step[name]]
        self._times = (int.from_bytes(time, "big") for time in times)
        if self._role == REFLECTOR:
            return {"sent": self.reflector.reflect(step["received"])}
        if not step["received"]:
            return {"sent": self.sender.next_packet()}
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
        sk_d = sa_keys(PRF, seed, v["ni"], v["nr"], v["spiI"], v["spiR"]).sk_d
        if not step["derive"]:
            return {"skeyseed": seed, "skD": sk_d}
        if step["derive"] == FROM_SK_D:
            return {"sharedSecret": binding.shared_secret_from_sk_d(PRF, sk_d)}
        keymat = ikev2.keymat(PRF, sk_d, v["ni"], v["nr"], KEYMAT_SIZE)
        secret = binding.shared_secret_from_keymat(PRF, keymat, step["received"])
        return {"keymat": keymat, "sharedSecret": secret}


KINDS: Mapping[
    str, Callable[[Values, Mapping[str, Participant], TestKeyDerivation], Participant]
] = {
    SERVERS: lambda given, _, derive: _ControlEnd(new_server(given), derive),
    CLIENTS: lambda given, _, derive: _ControlEnd(new_client(given), derive),
    SESSIONS: lambda given, others, _: _SessionEnd(given, others),
    IKE_SAS: lambda given, *_: _IkeEnd(given),
}
"""What makes a participant, by the input that holds it."""

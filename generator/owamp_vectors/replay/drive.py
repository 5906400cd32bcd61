"""A replayed trace, played by the reference's endpoints.

`script_of` turns the steps of a trace into what the endpoints are given: each rule of a party is
what one participant does (`groups.traces` has the participants). `drive` lets them do it, and holds
what they send and derive to the trace, octet by octet. Messages that the adversary made are handed
to them as they are.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from owamp_reference import ProtocolError, binding, messages
from owamp_reference.keys import T2_SIZE

from ..claims.declared import Claim
from ..disk import to_text
from ..groups import traces
from ..theory import bind, standins
from ..theory.infer import Kind
from ..vectors.declaration import Json, Values
from .replay import Replay, ReplayError, Step, source_of

_ADVERSARY = re.compile(r"Reveal_|Learn_")
_SET_UP = re.compile(r"Provision_|Set_Up_Connection|Open_|Server_Keys")
_OFFERED, _CHOSEN = 7, 2
"""Modes and Mode of token_blocks, which leaves them out."""

_IKE = "IKE's messages are not in the reference; the keys that they lead to are"
NOT_PLAYED: Mapping[str, str] = {
    r".*_IKE_SA_INIT|.*_IKE_AUTH|.*_Rekey": _IKE,
    r"(Send|Receive)_Packet": "the slides' two keys for all sessions are not in the reference",
}
"""Rules that send or receive and that no endpoint plays, and why."""
MODELS_NOT_PLAYED: Mapping[str, str] = {
    "token_blocks+REPAIRED_TOKEN": "no endpoint makes or takes the repaired Token",
}


@dataclass
class Script:
    """What the participants of a trace are given, and what they must then have.

    Attributes:
        participants: by name, with the input of `traces.TRACE` that holds them.
        steps: in order.
        checks: for each step, what of the trace the result is held to.
        lost: what the adversary is given besides.
        not_played: rules that no participant plays, and why.
    """

    participants: dict[str, tuple[str, dict[str, Any]]] = field(default_factory=dict)
    steps: list[dict[str, Any]] = field(default_factory=list)
    checks: list[Mapping[str, bytes]] = field(default_factory=list)
    lost: list[dict[str, Any]] = field(default_factory=list)
    not_played: dict[str, str] = field(default_factory=dict)

    def values(self) -> Values:
        """The inputs of the case."""
        parts = {
            kind: [given for where, given in self.participants.values() if where == kind]
            for kind in traces.KINDS
        }
        return {**parts, "steps": self.steps, "lost": self.lost}


@dataclass(frozen=True)
class Driven:
    """A trace that endpoints have played.

    Attributes:
        script: what they were given.
        compared: how many octet strings that they sent or derived equal the trace's.
    """

    script: Script
    compared: int

    @property
    def played(self) -> int:
        """How many steps endpoints have played."""
        return len(self.script.steps)

    @property
    def is_whole(self) -> bool:
        """Whether endpoints have played all of the trace, but for IKE's messages."""
        return bool(self.played) and set(self.script.not_played.values()) <= {_IKE}


def drive(found: Replay) -> Driven:
    """Let the reference's endpoints play a replayed trace.

    Raises:
        ReplayError: an endpoint refuses what the theory lets it take, or sends or derives other
            octets than the trace.
    """
    script = _Writer(found).write()
    try:
        results = traces.play(script.values())["results"] if script.steps else []
    except ProtocolError as error:
        raise ReplayError(f"{found.job}: an endpoint refuses its step: {error}") from None
    compared = 0
    for step, checks, result in zip(script.steps, script.checks, results, strict=True):
        for name, expected in checks.items():
            octets = _VIEWS.get(name, lambda r, key=name: r.get(key, b""))(result)
            if octets != expected:
                at = f"rule {step['rule']}: {step['participant']}: {name}"
                raise ReplayError(f"{at} is {octets.hex()}, not {expected.hex()} of the trace")
            compared += 1
    return Driven(script, compared)


_VIEWS: Mapping[str, Callable[[Json], bytes]] = {
    "greeting's challenge, salt, count": lambda result: bytes(result["sent"][16:52]),
    "token": lambda result: messages.SetUpResponse.parse(result["sent"]).token,
    "taken": lambda result: int(result["taken"]).to_bytes(4, "big"),
    "takenOfSender": lambda result: int(result["takenOfSender"]).to_bytes(4, "big"),
}


def scripts_text(driven: Iterable[tuple[Claim, Driven]]) -> str:
    """The file that ``traces.json`` is made from: what participants are given, trace by trace."""
    found = [_script(claim, item) for claim, item in driven if item.is_whole]
    return to_text({"made by": "owamp-vectors replay --record", "traces": found})


def _script(claim: Claim, driven: Driven) -> Json:
    values, statement = driven.script.values(), claim.statement.removesuffix(".")
    return {
        "trace": str(claim.job),
        "claim": claim.id,
        "comment": ("refutes: " if claim.id in traces.ATTACKS else "") + statement,
        "source": claim.source,
        **{name: item.to_json(values[name]) for name, item in traces.FIELDS.items()},
    }


def _reason(rule: str) -> str:
    for pattern, reason in NOT_PLAYED.items():
        if re.fullmatch(pattern, rule):
            return reason
    raise ReplayError(f"rule {rule}: no endpoint plays it, and nothing says why")


class _Writer:
    """Reads a replay's steps in order, and writes the script."""

    def __init__(self, found: Replay) -> None:
        self._found = found
        self._flags = found.job.flags
        self._script = Script()
        self._who: dict[str, str] = {}  # which participant took the step of a node
        self._sessions: dict[tuple[object, ...], str] = {}
        self._source = source_of(found.job)
        self._steps = {step.id: step for step in found.steps}

    def write(self) -> Script:
        for step in self._found.steps:
            if _ADVERSARY.match(step.rule):
                for octets in step.sent:
                    self._script.lost.append({"rule": step.rule, "octets": octets})
                continue
            reason = MODELS_NOT_PLAYED.get(self._found.job.title, "")
            handler = None if reason else self._handler(step.rule)
            if handler is not None:
                handler(self, step)
            elif (step.sent or step.received) and not _SET_UP.match(step.rule):
                self._script.not_played[step.rule] = reason or _reason(step.rule)
        return self._script

    def _handler(self, rule: str) -> Callable[[_Writer, Step], None] | None:
        model = self._found.job.model
        names = (model, "rfc4656*" if model.startswith("rfc4656") else "", "*")
        for name in names:
            for pattern, handler in _HANDLERS.get(name, ()):
                if re.fullmatch(pattern, rule):
                    return handler
        return None

    # ------------------------------------------------------------------------------ who it is

    def _new(self, kind: str, name: str, **given: object) -> str:
        count = sum(item.startswith(f"{name} ") for item in self._script.participants)
        title = f"{name} {count + 1}"
        whole = {**traces.nothing(traces.RECORDS[kind]), "name": title, **given}
        self._script.participants[title] = kind, whole
        return title

    def _give(self, who: str, **given: object) -> None:
        self._script.participants[who][1].update(given)

    def _of(self, step: Step, fact: str) -> str:
        """The participant that made a fact which a step consumes."""
        for source in self._makers(step, fact):
            if source in self._who:
                return self._who[source]
        raise ReplayError(f"rule {step.rule}: no endpoint has made its {fact}")

    def _makers(self, step: Step, fact: str) -> Iterator[str]:
        for index, premise in enumerate(step.instance.premises):
            if premise.name == fact and index in step.inputs:
                yield step.inputs[index][0]

    def _take(self, step: Step, who: str, checks: Mapping[str, bytes], **given: object) -> None:
        self._who[step.id] = who
        empty = traces.nothing(traces.RECORDS["steps"])
        self._script.steps.append({**empty, "participant": who, "rule": step.rule, **given})
        self._script.checks.append(checks)

    def _drawn(self, kind: bind.Type, name: str) -> bytes:
        """Octets that the trace has no name for, since its model leaves them out."""
        return Kind(kind.size, 1, kind).sample(self._source.at(name))

    # -------------------------------------------------------------------- the control connection

    def _greet(self, step: Step) -> None:
        challenge, salt = step.value("challenge"), step.value("salt")
        count = int.from_bytes(step.value("count"), "big")
        model, modes = self._found.job.model, _OFFERED
        if model == "rfc4656":
            modes = int.from_bytes(step.value("modes"), "big")
        elif model == "ikev2_binding":
            modes = bind.IKE_MODES
        who = self._new(
            traces.SERVERS, "server", modes=modes, count=count, challenge=challenge, salt=salt
        )
        if model != "rfc4656":
            number = len(self._script.participants)
            self._give(
                who,
                serverIv=self._drawn(bind.SERVER_IV, f"server_iv {number}"),
                startTime=self._drawn(bind.START_TIME, f"start_time {number}")[:8],
            )
        view = "greeting's challenge, salt, count" if model == "token_blocks" else "sent"
        self._take(step, who, {view: step.sent[0]})

    def _set_up(self, step: Step) -> None:
        model = self._found.job.model
        number = len(self._script.participants)
        [received] = step.received
        view = "sent"
        if model == "rfc4656":
            given = {
                "mode": int.from_bytes(step.value("mode"), "big"),
                "keyId": step.value("key_id"),
                "sharedSecret": step.value("psk"),
            }
        elif model == "ikev2_binding":
            given = {
                "mode": bind.IKE_MODES,
                "keyId": self._spis(step),
                "sharedSecret": step.value("secret"),
            }
        else:
            view = "token"
            challenge, salt = received[:16], received[16:32]
            count = int.from_bytes(received[32:], "big")
            received = messages.ServerGreeting(_OFFERED, challenge, salt, count).to_octets()
            given = {
                "mode": _CHOSEN,
                "keyId": self._key_id(step),
                "sharedSecret": step.value("psk"),
            }
        if model == "token_blocks":
            t2 = step.value("t2a") + step.value("t2b")
            client_iv = self._drawn(bind.CLIENT_IV, f"client_iv {number}")
        else:
            t2, client_iv = step.value("t2"), step.value("client_iv")
        given |= {"t1": step.value("t1"), "t2": t2, "clientIv": client_iv}
        who = self._new(traces.CLIENTS, "client", **given)
        self._take(step, who, {view: step.sent[0]}, received=received)

    def _spis(self, step: Step) -> bytes:
        return binding.key_id_from_spis(step.value("spi_i"), step.value("spi_r"))

    def _key_id(self, step: Step) -> bytes:
        """The KeyID of a pair of client and server, where the model leaves it out."""
        pair = (step.value("C") + step.value("S")).hex()
        return messages.encode_key_id(self._source.octets(f"KeyID {pair}", 8).hex())

    def _start(self, step: Step) -> None:
        who = self._of(step, "Server_Greeted")
        _, server = self._script.participants[who]
        [received] = step.received
        checks: dict[str, bytes] = {}
        if self._found.job.model == "rfc4656":
            secret = {"keyId": step.value("key_id"), "sharedSecret": step.value("psk")}
            server |= {
                "serverIv": step.value("server_iv"),
                "startTime": step.value("start_time")[:8],
            }
            checks = {"sent": step.sent[0]}
        elif self._found.job.model == "ikev2_binding":
            secret = {"keyId": self._spis(step), "sharedSecret": step.value("secret")}
            checks = {"sent": _server_start(server, step.value("t1"))}
        else:
            secret = {"keyId": self._key_id(step), "sharedSecret": step.value("psk")}
            number = len(self._script.participants)
            iv = self._drawn(bind.CLIENT_IV, f"client_iv {number}")
            response = messages.SetUpResponse(_CHOSEN, secret["keyId"], received, iv)
            received = response.to_octets()
            if accepted := self._accepted_t1(step):
                checks = {"sent": _server_start(server, accepted)}
        server |= secret
        self._take(step, who, checks, received=received)

    def _accepted_t1(self, step: Step) -> bytes:
        """T1 that the trace says the server takes from a Token."""
        for other in self._found.steps:
            if other.rule == "Server_Keys" and step.id in self._makers(other, "Server_Opened"):
                [fact] = [item for item in other.instance.actions if item.name == "ServerAccepts"]
                assert isinstance(fact.args[2], bytes)
                return fact.args[2]
        return b""

    def _request(self, step: Step) -> None:
        who = self._of(step, "Client_Waits_Start")
        self._take(
            step,
            who,
            {"sent": step.sent[0]},
            received=step.received[0],
            request=step.value("parameters"),
        )

    def _accept(self, step: Step) -> None:
        who = self._of(step, "Server_Ready")
        port = int.from_bytes(step.value("port"), "big")
        self._give(who, sid=step.value("sid"), port=port)
        checks = {"sent": step.sent[0], **self._keys(step)}
        self._take(step, who, checks, received=step.received[0])

    def _open(self, step: Step) -> None:
        who = self._of(step, "Client_Waits_Accept")
        self._take(step, who, self._keys(step), received=step.received[0])

    def _keys(self, step: Step) -> dict[str, bytes]:
        """SID, T3 and T4 of a session, if they are those of RFC 4656."""
        if self._flags:
            return {"sid": step.value("sid")}
        [fact] = [item for item in step.instance.actions if item.name.endswith("Session")]
        sid, t3, t4 = (item for item in fact.args[-3:] if isinstance(item, bytes))
        return {"sid": sid, "t3": t3, "t4": t4}

    # ------------------------------------------------------------------------------ test packets

    def _session(self, step: Step, role: str, fact: str) -> str:
        """The participant at one end of a test session."""
        mode = "encrypted" if step.rule.endswith("Encrypted") else "authenticated"
        keys = bind.session_keys(self._flags, step.named)
        given: dict[str, object] = {"testMode": mode}
        key: tuple[object, ...] = (role, mode, keys.t3, keys.t4, step.value("sid"))
        if self._found.job.model == "rfc4656" and not self._flags:
            control = self._of(step, fact)
            given["session"] = control
            key = (*key, control)
        else:
            given |= {"t3": keys.t3, "t4": keys.t4}
        if key not in self._sessions:
            name = role.removeprefix("Session-").lower()
            self._sessions[key] = self._new(traces.SESSIONS, name, role=role, **given)
        return self._sessions[key]

    def _send(self, step: Step) -> None:
        fact = next(item.name for item in step.instance.premises if item.name.endswith("Sender"))
        who = self._session(step, traces.SENDER, fact)
        self._take(
            step,
            who,
            {"sent": step.sent[0]},
            sequenceNumber=int.from_bytes(step.value("number")[:4], "big"),
            timestamp=step.value("time")[:8],
        )

    def _reflect(self, step: Step) -> None:
        fact = next(item.name for item in step.instance.premises if item.name.endswith("Reflector"))
        who = self._session(step, traces.REFLECTOR, fact)
        own_time = step.value("own_time")
        self._take(
            step,
            who,
            {"sent": step.sent[0]},
            received=step.received[0],
            sequenceNumber=int.from_bytes(step.value("own")[:4], "big"),
            receiveTimestamp=own_time[16:24],
            timestamp=own_time[:8],
        )

    def _return(self, step: Step) -> None:
        fact = next(item.name for item in step.instance.premises if item.name.endswith("Sender"))
        who = self._session(step, traces.SENDER, fact)
        numbers = {"taken": step.value("own")[:4], "takenOfSender": step.value("number")[:4]}
        self._take(step, who, numbers, received=step.received[0])

    def _receive(self, step: Step) -> None:
        who = self._session(step, traces.RECEIVER, "OWAMP_Receiver")
        self._take(step, who, {"taken": step.value("number")[:4]}, received=step.received[0])

    # ------------------------------------------------------------------------------------ IKE

    def _establish(self, step: Step) -> None:
        role, public, secret = _ends_of(step.rule)
        [before] = self._makers(step, f"{role.capitalize()}_Waits_AUTH")
        exchange = self._steps[before]
        who = self._new_sa(step, role, "", exchange.value(public), exchange.value(secret))
        self._take(step, who, self._sa(step, "SA", "Establishes"))

    def _rekey(self, step: Step) -> None:
        role, public, secret = _ends_of(step.rule)
        power = step.value(f"{public}2"), step.value(f"{secret}2")
        who = self._new_sa(step, f"{role} rekeyed", "2", *power)
        [said] = [item for item in step.instance.actions if item.name == "Rekeys"]
        self._give(who, oldSkD=said.args[2])
        self._take(step, who, self._sa(step, "Rekeyed_SA", "Rekeys"))

    def _new_sa(self, step: Step, name: str, suffix: str, base: bytes, exponent: bytes) -> str:
        """The end of an IKE SA; its rule's variables end with `suffix`."""
        names = {"ni": "ni", "nr": "nr", "spiI": "spi_i", "spiR": "spi_r"}
        given = {field: step.value(variable + suffix) for field, variable in names.items()}
        return self._new(traces.IKE_SAS, name, **given, gIr=standins.power(base, exponent))

    def _sa(self, step: Step, fact: str, action: str) -> dict[str, bytes]:
        """SKEYSEED and SK_d as the trace has them: before Ni | Nr | …, and at the end."""
        [sa] = [item for item in step.instance.conclusions if item.name == fact]
        [said] = [item for item in step.instance.actions if item.name == action]
        return _octets(skeyseed=sa.args[-4], skD=said.args[-1])

    def _derive(self, step: Step) -> None:
        rekeyed = step.rule.endswith("Rekeyed")
        who = self._of(step, "Rekeyed_SA" if rekeyed else "SA")
        [said] = [item for item in step.instance.actions if item.name.startswith("Derives")][:1]
        checks = _octets(sharedSecret=said.args[3])
        if "KEYMAT_SID" in self._flags:
            sid = step.received[0]
            self._take(step, who, checks, derive=traces.FROM_KEYMAT, received=sid)
        else:
            self._take(step, who, checks, derive=traces.FROM_SK_D)


def _ends_of(rule: str) -> tuple[str, str, str]:
    """Which end of an SA a rule is of, and its variables for the other's g^x and its own x."""
    return ("initiator", "gy", "x") if rule.startswith("Initiator") else ("responder", "gx", "y")


def _octets(**values: object) -> dict[str, bytes]:
    return {name: value for name, value in values.items() if isinstance(value, bytes)}


def _server_start(server: Mapping[str, Any], t1: bytes) -> bytes:
    """Server-Start of a server that has this T1, where the model leaves the message out."""
    values = {
        "t1": t1,
        "t2": bytes(T2_SIZE),  # there is no HMAC yet
        "server_iv": server["serverIv"],
        "start_time": server["startTime"] + bytes(8),
    }
    return bind.server_start(values)


_HANDLERS: Mapping[str, tuple[tuple[str, Callable[[_Writer, Step], None]], ...]] = {
    "rfc4656": (
        ("Client_Request_Session", _Writer._request),
        ("Server_Accept_Session", _Writer._accept),
        ("Client_Open_Session", _Writer._open),
    ),
    "token_blocks": (
        ("Client_Token", _Writer._set_up),
        ("Server_Token", _Writer._start),
    ),
    "rfc4656*": (
        (r"Sender_Packet_\w+|\w+_Send_\w+", _Writer._send),
        (r"Reflector_Packet_\w+|TWAMP_Reflect_\w+", _Writer._reflect),
        (r"Sender_Receives_\w+|TWAMP_Return_\w+", _Writer._return),
        (r"OWAMP_Receive_\w+", _Writer._receive),
    ),
    "ikev2_binding": (
        ("Derive_Shared_Secret(_Rekeyed)?", _Writer._derive),
        ("Responder_Rekey|Initiator_Rekeyed", _Writer._rekey),
    ),
    "*": (
        ("Server_Greeting", _Writer._greet),
        ("Client_Set_Up_Response", _Writer._set_up),
        ("Server_Start", _Writer._start),
        ("Responder_IKE_AUTH|Initiator_Establish", _Writer._establish),
    ),
}
"""Which participant plays a rule, by model and rule."""

"""Vectors for recorded traces: what each endpoint is given, and what it then sends.

A case is a trace that the prover found, played by the reference's endpoints: participants, and
steps in order of time. What the participants are given, and which attack the trace is, is in
``traces.inputs.json`` beside this module, which ``owamp-vectors replay --record`` writes; what they
send is computed here, by the reference alone.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from importlib import resources
from typing import Any, TypeAlias

from owamp_reference import keys
from owamp_reference.errors import ProtocolError, Stage
from owamp_reference.packets import TestMode

from ..vectors.declaration import (
    Case,
    Field,
    Group,
    GroupType,
    Json,
    Refusal,
    Values,
    VectorFile,
)
from ..vectors.drbg import Drbg
from .participants import (
    CLIENTS,
    FROM_KEYMAT,
    FROM_SK_D,
    IKE_SAS,
    KINDS,
    RECEIVER,
    REFLECTOR,
    SENDER,
    SERVERS,
    SESSIONS,
    Participant,
    TestKeyDerivation,
)

INPUTS = "traces.inputs.json"
"""The file of this package that holds the inputs of the cases."""

_TEST_MODES = tuple(mode.value for mode in TestMode)

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
    Field("count", "Count", "integer", most=2**20),
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
    Field(
        "firstSequenceNumber",
        "Sequence Number of the next packet that it sends; it has sent those below before",
        "integer",
        is_given=lambda record: record["role"] != RECEIVER,
    ),
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


def play(values: Values, derive: TestKeyDerivation = keys.derive_test_session_keys) -> Json:
    """The results of all steps.

    Args:
        derive: T3 and T4 of the sessions that clients and servers set up.

    Raises:
        ProtocolError: a participant refuses what it is given, or lacks something.
    """
    described = {item["name"]: (kind, item) for kind in KINDS for item in values[kind]}
    parts: dict[str, Participant] = {}
    results = []
    for step in values["steps"]:
        name = step["participant"]
        if name not in parts:
            if name not in described:
                raise ProtocolError("participant", f"one of {', '.join(described)}", name)
            kind, given = described[name]
            parts[name] = KINDS[kind](given, parts, derive)
        result = parts[name].take(step)
        results.append({**_NO_RESULT, "participant": name, "rule": step["rule"], **result})
    return {"results": results}


def _type(name: str, description: str, derive: TestKeyDerivation) -> GroupType:
    return GroupType(
        name,
        description,
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
        partial(play, derive=derive),
    )


TRACE = _type(
    "TraceRun",
    "Let participants take steps in order; compare what each sends and derives.",
    keys.derive_test_session_keys,
)
ONE_WAY_TRACE = _type(
    "OneWayTraceRun",
    "As TraceRun, where clients and servers derive T3 and T4 by a one-way KDF, which is no RFC's.",
    keys.one_way_test_session_keys,
)
FIELDS = {item.name: item for item in TRACE.inputs}

_OF_NO_RFC = frozenset(
    (
        "INITIATOR_IS_CLIENT",
        "KEYMAT_SID",
        "KEYMAT_SID_LATE",
        "ONE_WAY_KDF",
        "REPAIRED_TOKEN",
        "SHARED_KEYS",
        "SID_IN_KEYS",
        "ikev2_two_keys",
    )
)
"""The models, and the flags of models, that are about what no RFC says."""


def type_of(title: str) -> GroupType:
    """The type of the traces of a model with its flags, ``model[+FLAG…]``."""
    return ONE_WAY_TRACE if "ONE_WAY_KDF" in title.split("+") else TRACE


# ------------------------------------------------------------------------------------- the cases

Recorded: TypeAlias = Mapping[str, Any]
"""A trace in the file of the inputs: octets as hex."""


def load_recorded() -> list[Json]:
    """The recorded traces."""
    text = resources.files(__package__).joinpath(INPUTS).read_text(encoding="utf-8")
    found: list[Json] = json.loads(text)["traces"]
    return found


def case_of(recorded: Recorded) -> Case:
    """The case of a recorded trace: acceptable if there is a reason to refuse a step of it."""
    flag, reason = recorded["flag"], recorded["reason"]
    title, _ = recorded["trace"].split("/")
    is_policy = bool(reason) or not _OF_NO_RFC.isdisjoint(title.split("+"))
    return Case(
        recorded["comment"],
        {name: item.from_json(recorded[name]) for name, item in FIELDS.items()},
        (flag,) if flag else (),
        source=recorded["source"],
        expect="acceptable" if reason else "valid",
        refusal=Refusal(reason, Stage.POLICY) if reason else None,
        requirement="POLICY" if is_policy else "MUST",
        trace=recorded["trace"],
    )


def make_groups(_: Drbg) -> Iterator[Group]:
    """A group for each model under its flags."""
    cases: dict[str, list[Case]] = defaultdict(list)
    for recorded in load_recorded():
        cases[recorded["trace"].split("/")[0]].append(case_of(recorded))
    for model, found in cases.items():
        yield Group(type_of(model), found, {"model": model})


FILE = VectorFile(
    name="traces",
    algorithm="RFC 4656, RFC 5357, RFC 7296, RFC 7717",
    header=(
        "Every trace that the prover found on the models and that endpoints can play: honest runs",
        "and attacks, in which the adversary's octets stand under `received`. `trace` names the",
        "model and its lemma; the label of each random octet string is replay/trace/name. Leave",
        "out cases with the requirement POLICY if you have the RFCs alone. Where there is nothing,",
        "octets and texts are empty and integers 0. Error Estimate 8001, TTL 255, no padding.",
        "IKE: prf HMAC_SHA2_256, integrity keys of 20 octets, encryption keys of 16.",
    ),
    types=(TRACE, ONE_WAY_TRACE),
    make_groups=make_groups,
)

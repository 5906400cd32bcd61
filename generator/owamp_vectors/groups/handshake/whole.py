"""Whole connections, nobody interfering: every mode, from a passphrase and from an IKE SA."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import accumulate, cycle, islice
from typing import Any

from owamp_reference import binding, ikev2, primitives, token
from owamp_reference.choices import Chooser
from owamp_reference.messages import Request, RequestSession, ScheduleSlot
from owamp_reference.negotiation import IKEV2_DERIVED, Credentials, Protocol

from ...vectors.declaration import Case, Field, Group, GroupType, Json, Values, behaves
from ...vectors.drbg import Drbg
from .conversation import Sent, converse
from .ends import passphrase_credentials
from .inputs import (
    ALICE,
    OF_CLIENT,
    OF_SERVER,
    PASSPHRASE,
    PROTECTED,
    PROTOCOL,
    SECURITY,
    START,
    UNUSED,
    drawn_inputs,
    make_request,
)

_SOURCE = "RFC 4656 §3, §4; RFC 5357 §3, §4"
_PRF = Field("prf", "the prf of the IKE SA", "string", values=tuple(ikev2.PRFS))
_IKE_SA = (
    Field("skD", "SK_d of the IKE SA"),
    Field("spiI", "SPI of the IKE SA's initiator", size=8),
    Field("spiR", "SPI of the IKE SA's responder", size=8),
)
_SESSIONS = (
    Field("requests", "the requests, with zero HMACs", is_list=True),
    Field(
        "sendTimes",
        "the Timestamp of each packet that a sender sends, the same in each session; the packet "
        "arrives 2^-8 s later, and a reflector answers it 2^-7 s after it was sent",
        size=8,
        is_list=True,
    ),
    Field(
        "padding", "octets of zero padding in each test packet of a sender", "integer", most=2**16
    ),
)
_MESSAGE = (
    Field("sender", "who sends the message", "string", values=("client", "server")),
    Field("message", "its name", "string"),
    Field("plaintext", "the message before encryption, HMACs included"),
    Field("octets", "the message on the wire"),
)
_SESSION = (
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
    Field(
        "transcript",
        "the messages of the control connection, in order; fetched records say that each packet "
        "came 2^-8 s after its Timestamp, with TTL 255",
        "records",
        fields=_MESSAGE,
    ),
    Field("sessions", "the test sessions", "records", fields=_SESSION),
)
_IN_CLEAR = {"Server-Greeting": 64, "Set-Up-Response": 164, "Server-Start": 32}
"""How many octets of a message are not encrypted in a protected mode; of others none."""


def _plaintexts(values: Values, transcript: Sequence[Sent]) -> Iterator[bytes]:
    """What each message was before encryption: each direction decrypted as one stream."""
    iv = {True: values["clientIv"], False: values["serverIv"]}
    for sent in transcript:
        clear = _IN_CLEAR.get(sent.name, 0)
        body = sent.octets[clear:]
        if values["security"] == "unauthenticated" or not body:
            yield sent.octets
            continue
        text = primitives.aes_cbc_decrypt(values["t1"], iv[sent.by_client], body)
        iv[sent.by_client] = body[-16:]
        yield sent.octets[:clear] + text


def _message(sent: Sent, plaintext: bytes) -> Json:
    sender = "client" if sent.by_client else "server"
    return {"sender": sender, "message": sent.name, "plaintext": plaintext, "octets": sent.octets}


def _handshake(values: Values, credentials: Credentials | None, choose: Chooser) -> Json:
    transcript, sessions = converse(values, credentials, choose)
    plaintexts = _plaintexts(values, transcript)
    key_id, secret, key = values["unused"] * 80, b"", b""
    if credentials is not None:
        key_id, secret = credentials.key_id, credentials.shared_secret
        key = token.derive_token_key(secret, values["salt"], values["count"])
    return {
        "keyId": key_id,
        "sharedSecret": secret,
        "tokenKey": key,
        "transcript": list(map(_message, transcript, plaintexts)),
        "sessions": sessions,
    }


def _ikev2_credentials(values: Values, _choose: Chooser) -> Credentials:
    """The credentials of a case with an IKE SA (RFC 7717 §5.1)."""
    secret = binding.shared_secret_from_sk_d(ikev2.PRFS[values["prf"]], values["skD"])
    return Credentials.from_ikev2(values["spiI"], values["spiR"], secret)


def _type(
    name: str,
    description: str,
    inputs: tuple[Field, ...],
    credentials: Callable[[Values, Chooser], Credentials | None],
    source: str = _SOURCE,
    parameters: tuple[Field, ...] = (),
) -> GroupType:
    return GroupType(
        name,
        description,
        source,
        (PROTOCOL, SECURITY, *parameters),
        (*inputs, *OF_SERVER, *OF_CLIENT, UNUSED, *_SESSIONS),
        _OUTPUTS,
        lambda values, choose: _handshake(values, credentials(values, choose), choose),
        is_open=True,
    )


_OPEN = _type(
    "OpenHandshake",
    "A whole connection in the unauthenticated mode.",
    (),
    lambda _values, _choose: None,
)
_PASSPHRASE = _type(
    "PassphraseHandshake",
    "A whole connection in a protected mode, from a passphrase.",
    PASSPHRASE,
    lambda values, choose: passphrase_credentials(values["protocol"], values, choose),
)
_IKEV2 = _type(
    "Ikev2Handshake",
    'A whole connection in a protected mode, from prf(SK_d, "IPPM") of an IKE SA.',
    _IKE_SA,
    _ikev2_credentials,
    "RFC 7717 §5",
    (_PRF,),
)
TYPES = (_OPEN, _PASSPHRASE, _IKEV2)


_SECOND = 2**32


def _connection(
    *requests: Request, interval: int = _SECOND // 2, sent: int = 2, announced: int | None = None
) -> Json:
    """The inputs of a connection with sessions for these requests.

    Their packets leave by the schedule, one slot after the other from Start Time on, and are as
    many as announced (RFC 4656 §3.6); no two sessions have the same ports.

    Args:
        interval: the parameter of the first slot; that of each further slot is half as long.
        sent, announced: the number of packets, and what the request says of it.
    """
    port, asked, granted = 20001, [], []
    delays = [interval]
    for request in requests:
        here = replace(request, sender_port=port, receiver_port=port + 1)
        granted.append(port + 1)
        if isinstance(here, RequestSession):
            delays = [interval >> number for number, _ in enumerate(here.slots)]
            slots = tuple(ScheduleSlot(1, delay) for delay in delays)
            number = sent if announced is None else announced
            here = replace(here, slots=slots, number_of_packets=number)
            granted[-1] += 10000
        asked.append(here.to_octets())
        port += 2
    waits = islice(cycle(delays), sent)
    times = [START + passed for passed in accumulate(waits)]
    return {
        "requests": asked,
        "policy": [{"accept": 0, "port": port} for port in granted],
        "sendTimes": [time.to_bytes(8, "big") for time in times],
    }


def _variants(protocol: Protocol) -> Iterator[tuple[str, Json]]:
    """What a connection may be used for: a name, and the inputs in which it differs."""
    request = make_request(protocol)
    yield "one session", _connection(request)
    yield "two sessions, each with keys of its own", _connection(request, request)
    ipv6 = make_request(protocol, ipv6=True)
    if protocol is Protocol.TWAMP:
        yield "IPv6", _connection(ipv6, ipv6)
    padded = make_request(protocol, padding=64)
    yield "with padding", {"padding": 64, **_connection(padded)}
    if protocol is Protocol.OWAMP:
        back = make_request(protocol, server_sends=True)
        yield "IPv6, in both directions", _connection(ipv6, replace(back, **_addresses(ipv6)))
        yield "the server sends; the client makes the SID", _connection(back)
        yield "three schedule slots", _connection(make_request(protocol, slots=3), sent=7)


def _addresses(request: Request) -> dict[str, Any]:
    return {name: vars(request)[name] for name in ("ipvn", "sender_address", "receiver_address")}


def _flags(security: str, change: Json) -> tuple[str, ...]:
    flags = ["ServerHmacWithoutServerStart", "IvsExchanged", "StartTimeInClear", "OneStreamForBoth"]
    if security == "mixed":
        return (*flags, "MixedTestProtected")
    if not any(request[2] for request in change["requests"]):
        flags.append("SidOfTheRequest")
    return (*flags, "TestKeysAreControlKeys")


def make_groups(drbg: Drbg) -> Iterator[Group]:
    """Every variant in every mode of each protocol, and a connection for each prf of IKEv2."""
    for protocol in Protocol:
        cases = list(_open_cases(drbg.at(_OPEN.name), protocol))
        yield Group(_OPEN, cases, {"protocol": protocol.value, "security": "unauthenticated"})
    for protocol in Protocol:
        for security in PROTECTED[protocol]:
            cases = list(_passphrase_cases(drbg.at(_PASSPHRASE.name), protocol, security))
            yield Group(_PASSPHRASE, cases, {"protocol": protocol.value, "security": security})
    for number, prf in enumerate(ikev2.PRFS):
        for protocol in Protocol:
            modes = PROTECTED[protocol]
            security = modes[number % len(modes)]
            case = _ikev2_case(drbg.at(_IKEV2.name), protocol, security, prf)
            parameters = {"protocol": protocol.value, "security": security, "prf": prf}
            yield Group(_IKEV2, [case], parameters)


def _open_cases(drbg: Drbg, protocol: Protocol) -> Iterator[Case]:
    for variant, change in _variants(protocol):
        comment = f"{protocol.value}, unauthenticated: {variant}"
        yield behaves(comment, {**drawn_inputs(drbg.at(comment), protocol), **change})
    comment = f"{protocol.value}, unauthenticated: fields that are unused are not zero"
    filled = {**_connection(make_request(protocol)), "unused": b"\x5a"}
    yield behaves(comment, {**drawn_inputs(drbg.at(comment), protocol), **filled})


def _passphrase_cases(drbg: Drbg, protocol: Protocol, security: str) -> Iterator[Case]:
    for variant, change in _variants(protocol):
        comment = f"{protocol.value}, {security}, passphrase: {variant}"
        inputs = {**drawn_inputs(drbg.at(comment), protocol), **change, **ALICE}
        yield behaves(comment, inputs, *_flags(security, change))
    if protocol is Protocol.OWAMP:
        comment = f"{protocol.value}, {security}, passphrase: stopped after 2 of 10 packets"
        change = _connection(make_request(protocol), interval=8 * _SECOND, announced=10)
        inputs = {**drawn_inputs(drbg.at(comment), protocol), **change, **ALICE}
        yield behaves(comment, inputs, *_flags(security, change), source="RFC 4656 §3.8, §3.9")


def _ikev2_case(drbg: Drbg, protocol: Protocol, security: str, prf: str) -> Case:
    comment = f"{protocol.value}, {security}, IKEv2 with {prf}"
    source = drbg.at(comment)
    change = _connection(make_request(protocol))
    inputs = {**drawn_inputs(source, protocol), **change}
    inputs["offeredModes"] |= IKEV2_DERIVED[protocol]
    inputs["skD"] = source.octets("skD", ikev2.PRFS[prf].output_size)
    inputs |= {name: source.octets(name, 8) for name in ("spiI", "spiR")}
    return behaves(comment, inputs, *_flags(security, change), "Ikev2BitMissing")

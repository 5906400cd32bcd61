"""Whole connections, nobody interfering: every mode, from a passphrase and from an IKE SA."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from owamp_reference import binding, ikev2, primitives, token
from owamp_reference.negotiation import IKEV2_DERIVED, Credentials, Protocol

from ...vectors.declaration import Case, Field, Group, GroupType, Json, Values, valid
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
    Field("packets", "how many test packets are sent in each session", "integer"),
    Field("padding", "octets of zero padding in each test packet of a sender", "integer"),
    Field(
        "packetTime", "Timestamp of the first test packet; a second more at each reading", size=8
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
        "transcript": list(map(_message, transcript, plaintexts)),
        "sessions": sessions,
    }


def _ikev2_credentials(values: Values) -> Credentials:
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
        (*inputs, *OF_SERVER, *OF_CLIENT, UNUSED, *_SESSIONS),
        _OUTPUTS,
        lambda values: _handshake(values, credentials(values)),
    )


_OPEN = _type(
    "OpenHandshake",
    "A whole connection in the unauthenticated mode.",
    (),
    lambda _values: None,
)
_PASSPHRASE = _type(
    "PassphraseHandshake",
    "A whole connection in a protected mode, from a passphrase.",
    PASSPHRASE,
    passphrase_credentials,
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


def _flags(security: str, change: Json) -> tuple[str, ...]:
    flags = ["ServerHmacWithoutServerStart", "IvsExchanged", "StartTimeInClear", "OneStreamForBoth"]
    if security == "mixed":
        return (*flags, "MixedTestProtected")
    if not any(request[2] for request in change.get("requests", ())):
        flags.append("SidOfTheRequest")
    return (*flags, "TestKeysAreControlKeys")


def groups(drbg: Drbg) -> Iterator[Group]:
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
        yield valid(comment, {**drawn_inputs(drbg.at(comment), protocol), **change})


def _passphrase_cases(drbg: Drbg, protocol: Protocol, security: str) -> Iterator[Case]:
    for variant, change in _variants(protocol):
        comment = f"{protocol.value}, {security}, passphrase: {variant}"
        inputs = {**drawn_inputs(drbg.at(comment), protocol), **change, **ALICE}
        yield valid(comment, inputs, *_flags(security, change))


def _ikev2_case(drbg: Drbg, protocol: Protocol, security: str, prf: str) -> Case:
    comment = f"{protocol.value}, {security}, IKEv2 with {prf}"
    source = drbg.at(comment)
    inputs = drawn_inputs(source, protocol)
    inputs["offeredModes"] |= IKEV2_DERIVED[protocol]
    inputs["skD"] = source.octets("skD", ikev2.PRFS[prf].output_size)
    inputs |= {name: source.octets(name, 8) for name in ("spiI", "spiR")}
    return valid(comment, inputs, *_flags(security, {}), "Ikev2BitMissing")

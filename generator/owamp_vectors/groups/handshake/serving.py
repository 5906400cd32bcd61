"""What a server is given, and the client that gives it: honest, unless a case spoils its octets."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import cycle
from typing import Any, Self

from owamp_reference import token
from owamp_reference.choices import Chooser
from owamp_reference.errors import ProtocolError
from owamp_reference.events import Event, FetchRequested
from owamp_reference.keys import ControlKeys
from owamp_reference.messages import (
    FetchSession,
    Message,
    Request,
    SessionDescription,
    SetUpResponse,
    StopSessions,
    StopTWSessions,
    encode_key_id,
)
from owamp_reference.negotiation import IKEV2_DERIVED, Credentials, Mode, Protocol, secrets_of

from ...vectors.declaration import Case, Field, GroupType, Json, Values, behaves
from ...vectors.drbg import Drbg
from .ends import passphrase_credentials, server_of
from .inputs import (
    ALICE,
    IKE_SA,
    LIMIT,
    OF_SERVER,
    PROTECTED,
    PROTOCOL,
    UNUSED,
    drawn_inputs,
    drawn_sid,
    granted_ports,
    make_request,
)
from .spoiling import BEHAVIOUR, STEPS, Writer, behaviour, receive


def _known(values: Values, choose: Chooser) -> Iterable[Credentials]:
    for secret in values["secrets"]:
        yield passphrase_credentials(values["protocol"], secret, choose)
    for sa in values["ikeSas"]:
        yield Credentials.from_ikev2(sa["spiI"], sa["spiR"], sa["sharedSecretKey"])


def _compute(values: Values, choose: Chooser) -> Json:
    server = server_of(values, secrets_of(*_known(values, choose)), choose)
    sent: list[bytes] = [server.data_to_send()]
    events: list[Event] = []
    for step in values["steps"]:
        if step["do"] == "receive":
            found = server.receive(step["octets"])
            while found:
                events += found
                is_asked = any(isinstance(event, FetchRequested) for event in found)
                found = server.refuse_fetch() if is_asked else []
        else:
            stop = StopSessions.parse(step["octets"])
            with suppress(ProtocolError):  # it has nothing to stop
                server.stop_sessions(stop.sessions)
        sent.append(server.data_to_send())
    return behaviour(sent, events, server.state)


SERVER_BEHAVIOUR = GroupType(
    "ServerBehaviour",
    "What a server sends in answer to given octets, and whether it then closes the connection. It "
    "keeps no results: it refuses each Fetch-Session.",
    "RFC 4656 §3; RFC 5357 §3; RFC 7717 §5.3",
    (PROTOCOL,),
    (
        Field(
            "secrets",
            "the passphrases that the server knows",
            "records",
            fields=(
                Field("name", "KeyID as text", "string"),
                Field("passphrase", "the passphrase as text", "string"),
            ),
        ),
        Field("ikeSas", "the IKE SAs that the server has", "records", fields=IKE_SA),
        *OF_SERVER,
        Field(
            "receivers",
            "the addresses to which test packets may go, the client's and the server's: 4 octets "
            "of IPv4, or 16 of IPv6; empty: all",
            is_list=True,
        ),
        LIMIT,
        UNUSED,
        STEPS,
    ),
    BEHAVIOUR,
    _compute,
    is_open=True,
)

KEY_ID, TOKEN, CLIENT_IV = 4, 84, 148
"""Where these begin in a Set-Up-Response."""


@dataclass(frozen=True)
class Client:
    """The client of a case.

    Attributes:
        protocol, security: what the connection runs.
        values: the inputs of the server, and T1, T2 and Client-IV.
    """

    protocol: Protocol
    security: str
    values: Json

    @classmethod
    def make(cls, drbg: Drbg, protocol: Protocol, security: str, sessions: int = 4) -> Self:
        """A client, and the server that knows it and grants what it asks for."""
        values = {
            **drawn_inputs(drbg, protocol),
            "secrets": [ALICE],
            "ikeSas": [],
            "sids": [drawn_sid(drbg, number) for number in range(sessions)],
            "policy": grants(protocol, sessions),
            "receivers": [],
            "messageLimit": 2**20,
        }
        return cls(protocol, security, values)

    def changed(self, **change: Any) -> Self:
        """The client of a connection with other values."""
        return replace(self, values={**self.values, **change})

    @property
    def is_protected(self) -> bool:
        """Whether the connection is protected."""
        return self.security != "unauthenticated"

    @property
    def mode(self) -> int:
        """The Mode that it chooses."""
        return int(Mode[self.security.upper()])

    def response(
        self,
        key_id: str | bytes = ALICE["name"],
        secret: str | bytes = ALICE["passphrase"],
        mode: int | None = None,
    ) -> bytes:
        """Set-Up-Response with a Token that is made with a secret."""
        mode = self.mode if mode is None else mode
        if not self.is_protected:
            return SetUpResponse(mode, bytes(80), bytes(64), bytes(16)).to_octets()
        name = encode_key_id(key_id) if isinstance(key_id, str) else key_id.ljust(80, b"\0")
        octets = secret.encode() if isinstance(secret, str) else secret
        key = token.derive_token_key(octets, self.values["salt"], self.values["count"])
        keys = ControlKeys(self.values["t1"], self.values["t2"])
        sealed = token.seal_token(key, self.values["challenge"], keys)
        return SetUpResponse(mode, name, sealed, self.values["clientIv"]).to_octets()

    def writer(self) -> Writer:
        """Its direction of the connection, after the set-up."""
        t1 = self.values["t1"] if self.is_protected else b""
        return Writer(t1, self.values["t2"], self.values["clientIv"])

    def written(self, *messages: Message | Sequence[bytes]) -> list[bytes]:
        """Messages as it sends them, after the set-up."""
        writer = self.writer()
        return [writer.write(message) for message in messages]

    def ask(self, **change: Any) -> Request:
        """A request; `change` are other values of its fields."""
        return replace(make_request(self.protocol), **change)

    def sent_by_server(self, sid: bytes, **change: Any) -> Request:
        """A request of OWAMP for a session in which the server sends."""
        return replace(make_request(self.protocol, server_sends=True), sid=sid, **change)

    def stop(self, *numbers: int, accept: int = 0) -> Message:
        """Stop-Sessions for those of its sessions with these numbers."""
        if self.protocol is Protocol.TWAMP:
            return StopTWSessions(accept, len(numbers))
        sids = [self.values["sids"][number] for number in numbers]
        return StopSessions(accept, tuple(SessionDescription(sid, 10) for sid in sids))

    def case(
        self,
        comment: str,
        steps: Sequence[Json],
        *flags: str,
        source: str = "",
        **change: Any,
    ) -> Case:
        """A case with these steps; `change` are other inputs of the server."""
        inputs = {**self.values, **change, "steps": list(steps)}
        kept = {item.name: inputs[item.name] for item in SERVER_BEHAVIOUR.inputs}
        return behaves(f"{self.security}: {comment}", kept, *flags, source=source)

    def after_set_up(
        self, comment: str, pieces: Iterable[bytes], *flags: str, source: str = "", **change: Any
    ) -> Case:
        """A case in which octets arrive after an honest set-up."""
        steps = receive(self.response(), *pieces)
        return self.case(comment, steps, *flags, source=source, **change)

    def saying(
        self,
        comment: str,
        *messages: Message | Sequence[bytes],
        flags: Sequence[str] = (),
        source: str = "",
        **change: Any,
    ) -> Case:
        """A case in which messages arrive after an honest set-up, each in a piece of its own."""
        pieces = self.written(*messages)
        return self.after_set_up(comment, pieces, *flags, source=source, **change)


def grants(protocol: Protocol, number: int) -> list[Json]:
    """A policy that grants so many requests."""
    return [{"accept": 0, "port": port} for port in granted_ports(protocol, number)]


def ikev2_bit(protocol: Protocol) -> int:
    """The IKEv2Derived bit."""
    return IKEV2_DERIVED[protocol]


def securities(protocol: Protocol) -> Iterator[str]:
    """The protected modes of a protocol, over and over."""
    return cycle(PROTECTED[protocol])


ALL_PACKETS = FetchSession(0, 2**32 - 1, bytes(16))

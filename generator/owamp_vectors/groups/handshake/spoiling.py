"""An honest connection that is changed somewhere, and what one end then does."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from owamp_reference.connection import State
from owamp_reference.events import Closed, Event
from owamp_reference.negotiation import Protocol

from ...vectors.declaration import Case, Field, GroupType, Json, valid
from ...vectors.drbg import Drbg
from .conversation import converse, passphrase_credentials
from .inputs import ALICE, drawn_inputs

BEHAVIOUR = (
    Field("sent", "what this end sends: at first, then after each received message", is_list=True),
    Field("ending", "whether it keeps the connection open", "string", values=("open", "closed")),
    Field(
        "because",
        "why it closes, in the reference's words; empty if it does not",
        "string",
        in_words=True,
    ),
)
"""What is compared of one end."""


def behaviour(sent: list[bytes], events: list[Event], state: State) -> Json:
    """The outputs `BEHAVIOUR`."""
    closed = [event for event in events if isinstance(event, Closed)]
    because = str(closed[0].error) if closed and closed[0].error else ""
    ending = "closed" if state is State.CLOSED else "open"
    return {"sent": sent, "ending": ending, "because": because}


@dataclass(frozen=True)
class Peer:
    """The honest peer of an end under test; its messages are changed on their way to that end.

    Attributes:
        group_type: the type of the cases.
        protocol, security: what the connection runs.
        values: the inputs of the connection.
        messages: what it sends, in order; the first `set_up` of them are the set-up.
        heard: what it is sent.
    """

    group_type: GroupType
    protocol: Protocol
    security: str
    values: Json
    messages: list[bytes]
    heard: list[bytes]
    set_up: int

    @classmethod
    def run(
        cls,
        group_type: GroupType,
        drbg: Drbg,
        protocol: Protocol,
        security: str,
        *,
        is_client: bool,
        **more: object,
    ) -> Peer:
        """Run a connection with one session; `more` are inputs of the type that it does not use."""
        values = drawn_inputs(drbg, protocol) | ALICE
        values |= {"protocol": protocol.value, "security": security}
        credentials = None if security == "unauthenticated" else passphrase_credentials(values)
        transcript, _ = converse(values, credentials)
        messages, heard = (
            [sent.octets for sent in transcript if sent.by_client is side]
            for side in (is_client, not is_client)
        )
        set_up = 1 if is_client else 2
        return cls(group_type, protocol, security, values | more, messages, heard, set_up)

    def case(
        self,
        comment: str,
        received: Sequence[bytes],
        *flags: str,
        source: str = "",
        **change: object,
    ) -> Case:
        """A case in which the end receives these messages alone; `change` are other inputs."""
        inputs = {**self.values, **change, "received": list(received)}
        kept = {item.name: inputs[item.name] for item in self.group_type.inputs}
        return valid(comment, kept, *flags, source=source)

    def after_set_up(
        self, comment: str, received: Sequence[bytes], *flags: str, source: str = ""
    ) -> Case:
        """A case in which the end receives these messages after an honest set-up."""
        messages = [*self.messages[: self.set_up], *received]
        return self.case(comment, messages, *flags, source=source)


def flipped(octets: bytes, offset: int, bits: int = 1) -> bytes:
    """Octets with bits changed in one of them."""
    return replaced(octets, offset, bytes([octets[offset] ^ bits]))


def replaced(octets: bytes, offset: int, new: bytes) -> bytes:
    """Octets with others in the place of those from an offset on."""
    return octets[:offset] + new + octets[offset + len(new) :]

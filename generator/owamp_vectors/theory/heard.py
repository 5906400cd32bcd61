"""What was heard on a network, for theories to be held against: control connections, each with its
messages and test packets in order.

A room says with `room.Captures` what of it is a step of its theory, and what the theory leaves out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from owamp_reference.events import TestSession
from owamp_reference.keys import ControlKeys
from owamp_reference.negotiation import Credentials, NegotiatedMode, Protocol

from .run_checker import RunEvent

End: TypeAlias = Literal["client", "server"]
_ACCEPT_AT = {"Server-Start": 15, "Accept-Session": 0}
"""Where Accept stands in the messages with which a server grants or refuses."""


@dataclass(frozen=True)
class Heard:
    """A message or a test packet.

    Attributes:
        packet: the number of the captured packet that completes it, from 1.
        name: of the message as in the RFC.
        sender: the end of the control connection whose side sent it.
        octets: as it was on the wire; of a test packet without the padding.
    """

    packet: int
    name: str
    sender: End
    octets: bytes = field(repr=False)

    @property
    def receiver(self) -> End:
        """The other end."""
        return "server" if self.sender == "client" else "client"


@dataclass(frozen=True)
class HeardMessage(Heard):
    """A control message.

    Attributes:
        text: the message in plaintext, as far as it could be read.
        units: its octets, cut after each HMAC.
    """

    text: bytes = field(default=b"", repr=False)
    units: tuple[bytes, ...] = field(default=(), repr=False)

    @property
    def refusal(self) -> int:
        """Accept of a message with which a server refuses; 0 of any other message."""
        place = _ACCEPT_AT.get(self.name, len(self.text))
        return int.from_bytes(self.text[place : place + 1], "big")


@dataclass(frozen=True)
class HeardPacket(Heard):
    """A test packet.

    Attributes:
        session: that its ports belong to; None if that is not known.
        unknown: why it cannot be checked; "" if it can.
        is_answer: whether the reflector sent it.
        answered: for an answer, the sender's packet with the number that it names; None if that is
            not in the capture.
        ttl: Sender TTL in an answer.
    """

    session: TestSession | None = None
    unknown: str = ""
    is_answer: bool = False
    answered: bytes | None = field(default=None, repr=False)
    ttl: int = 0


@dataclass(frozen=True)
class HeardConnection:
    """A control connection and its test packets.

    Attributes:
        number: among those of the capture, from 1.
        client, server: the hosts.
        mode: what the client chose, if it is allowed.
        credentials: the shared secret that the client names, if it is known.
        unknown: why it is not; "" if it is, or in the unauthenticated mode.
        control_keys: T1 and T2, if the Token could be opened.
        sessions: the test sessions that were accepted, in order.
        items: what was heard, in order.
    """

    number: int
    client: str
    server: str
    protocol: Protocol | None
    mode: NegotiatedMode | None
    credentials: Credentials | None
    unknown: str
    control_keys: ControlKeys | None = field(repr=False)
    sessions: tuple[TestSession, ...] = field(repr=False)
    items: tuple[HeardMessage | HeardPacket, ...] = field(repr=False)

    @property
    def words(self) -> str:
        """What it is, for people."""
        protocol = self.protocol.value if self.protocol is not None else "protocol not known"
        security = self.mode.security.name if self.mode is not None else None
        mode = (security or "mode not known").lower()
        return f"{self.title}: {self.client} to {self.server}, {protocol}, {mode}"

    @property
    def title(self) -> str:
        """What tells it from the others of the capture."""
        return f"connection {self.number}"

    def ends(self) -> dict[End, bytes]:
        """Names of client and server."""
        return {
            "client": f"client {self.client}".encode(),
            "server": f"server {self.server}".encode(),
        }


@dataclass(frozen=True)
class Left:
    """Why something that was heard is no step.

    Attributes:
        is_abstraction: whether the theory leaves it out; else it cannot be checked.
    """

    reason: str
    is_abstraction: bool = True


@dataclass(frozen=True)
class Meant:
    """What a room makes of something that was heard.

    Attributes:
        item: None for a step that is there beforehand.
        event: the step that it has to be, or why it is none.
    """

    connection: HeardConnection
    item: HeardMessage | HeardPacket | None
    event: RunEvent | Left


@dataclass(frozen=True)
class Captures:
    """How a theory takes what was heard.

    Attributes:
        interpret: what each item has to be, each at least once and in order.
        takes: which messages and packets the theory has, in words.
    """

    interpret: Interpret = field(repr=False)
    takes: str


Interpret: TypeAlias = Callable[[Sequence[HeardConnection]], Iterator[Meant]]
"""All connections of a capture, as a theory has them."""

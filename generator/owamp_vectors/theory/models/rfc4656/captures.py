"""Captures: set-up, one two-way session, and its test packets."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from owamp_reference.negotiation import Protocol

from ...heard import (
    Captures,
    End,
    HeardConnection,
    HeardMessage,
    HeardPacket,
    Left,
    Meant,
)
from ...rows import Shape
from ...run_checker import RunEvent
from ...shared.captures import UNREAD, all_left, event_of, packet_meant, why_left
from ...shared.layouts import layouts_with_unused

_SENDS = {
    "Server-Greeting": "Server_Greeting",
    "Set-Up-Response": "Client_Set_Up_Response",
    "Server-Start": "Server_Start",
    "Request-TW-Session": "Client_Request_Session",
    "Accept-Session": "Server_Accept_Session",
}
"""The rule that sends a message."""
_SET_UP = ("Server-Greeting", "Set-Up-Response", "Server-Start")
_UNREADABLE = "message"
"""The name of octets that cannot be a message at their place."""
_SECOND = Left("a second session over one connection")
_STEMS = ("Sender_Packet", "Reflector_Packet", "Sender_Receives")


@dataclass
class _Talk:
    """How far the control messages of a connection have come.

    Attributes:
        waiting: what each end was sent and has not answered.
        counts: of requests and of answers.
        over: why no more messages are steps.
        layouts: those of the greeting, if it is unusual.
    """

    waiting: dict[End, deque[bytes]] = field(
        default_factory=lambda: {"client": deque(), "server": deque()}
    )
    counts: Counter[str] = field(default_factory=Counter)
    over: Left | None = None
    layouts: tuple[Shape, ...] = ()

    def left(self, connection: HeardConnection, item: HeardMessage) -> Left | None:
        """Why a message is no step of a theory with one two-way session; None if it is one."""
        if self.over is not None:
            return self.over
        if item.refusal:
            self.over = Left("what follows a refusal")
            return Left(f"a refusal (Accept {item.refusal})")
        if item.name in (*_SET_UP, _UNREADABLE):
            return None
        if item.name in UNREAD:
            self.over = Left("it cannot be read", is_abstraction=False)
            return self.over
        if item.name not in _SENDS:
            return Left(item.name)
        if connection.protocol is Protocol.OWAMP:
            return Left("the request of a one-way session, and its answer")
        self.counts[item.name] += 1
        return _SECOND if self.counts[item.name] > 1 else None


Packets: TypeAlias = Callable[[HeardConnection, HeardPacket, dict[str, bytes]], Iterator[Meant]]
"""What a test packet of a connection's first session has to be, with the names of its ends."""


def from_the_greeting_on(
    connections: Sequence[HeardConnection],
    packets: Packets,
    why: Callable[[HeardConnection], Left | None] = why_left,
) -> Iterator[Meant]:
    """The events of theories that have TWAMP from the greeting on, with one session over each
    connection, and ``!Secret(C, S, key_id, psk)``.

    Args:
        why: why a connection is not in the theory, if it is not.
    """
    provided: dict[bytes, tuple[str, str]] = {}
    for connection in connections:
        left, ends = why(connection), (connection.client, connection.server)
        credentials = connection.credentials
        if left is None and credentials is not None:
            if credentials.key_id not in provided:
                provided[credentials.key_id] = ends
                known = {"KeyID": credentials.key_id, "psk": credentials.shared_secret}
                known |= _names(connection)
                event = RunEvent("a secret", known=known, drawn=None, rule="Provision_Secret")
                yield Meant(connection, None, event)
            if provided[credentials.key_id] != ends:
                left = Left("a shared secret of more than two hosts")
        if left is None:
            yield from _talk(connection, packets)
        else:
            yield from all_left(connection, left)


def _names(connection: HeardConnection) -> dict[str, bytes]:
    assert connection.credentials is not None
    return {
        "C": connection.ends()["client"],
        "S": connection.ends()["server"],
        "key_id": connection.credentials.key_id,
    }


def _talk(connection: HeardConnection, packets: Packets) -> Iterator[Meant]:
    talk, names = _Talk(), _names(connection)
    for item in connection.items:
        if isinstance(item, HeardPacket):
            if item.session is not None and item.session not in connection.sessions[:1]:
                yield Meant(connection, item, _SECOND)
            elif connection.protocol is Protocol.OWAMP:
                yield Meant(connection, item, Left("a one-way session"))
            else:
                yield from packets(connection, item, names)
            continue
        left = talk.left(connection, item)
        if left is not None:
            yield Meant(connection, item, left)
            continue
        if item.name == "Server-Greeting":
            talk.layouts = layouts_with_unused(item.octets)
        mine = talk.waiting[item.sender]
        received = mine.popleft() if mine else None
        event = event_of(
            connection,
            item,
            item.sender,
            known=names,
            received=received,
            sent=item.octets,
            rule=_SENDS.get(item.name, ""),
            layouts=talk.layouts,
        )
        yield Meant(connection, item, event)
        if item.name == "Accept-Session":
            event = event_of(
                connection,
                item,
                "client",
                known=names,
                received=item.octets,
                rule="Client_Open_Session",
            )
            yield Meant(connection, item, event)
        else:
            talk.waiting[item.receiver].append(item.octets)


def _packet(
    connection: HeardConnection, item: HeardPacket, names: dict[str, bytes]
) -> Iterator[Meant]:
    ways: dict[End, dict[str, bytes]] = {"client": names, "server": names}
    return packet_meant(connection, item, _STEMS, ways)


CAPTURES = Captures(
    lambda connections: from_the_greeting_on(connections, _packet),
    "set-up; in TWAMP the first session over a connection, and its test packets",
)

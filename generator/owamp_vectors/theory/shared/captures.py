"""What was heard on a network, as events of theories: what is left out, and test packets."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from owamp_reference.events import TestSession
from owamp_reference.negotiation import Protocol

from ..heard import (
    End,
    Heard,
    HeardConnection,
    HeardPacket,
    Left,
    Meant,
)
from ..rows import Shape
from ..run_checker import RunEvent
from .layouts import layouts_with_ttl
from .packets import by_mode

UNREAD = ("encrypted octets", "octets", "gap", "command")
"""The names of octets that are not known here, or not read."""
_IN_CLEAR = Left("a test packet in clear")


def event_of(
    connection: HeardConnection,
    item: Heard,
    actor: str,
    *,
    known: Mapping[str, bytes],
    received: bytes | None = None,
    sent: bytes | None = None,
    rule: str = "",
    layouts: tuple[Shape, ...] = (),
) -> RunEvent:
    """What an end did, whose random octets are not known."""
    return RunEvent(
        f"{connection.title}: {item.name}",
        f"{connection.title}/{actor}",
        known=known,
        drawn=None,
        received=received,
        sent=sent,
        rule=rule,
        layouts=layouts,
    )


def why_left(connection: HeardConnection) -> Left | None:
    """Why no message of a connection can be held against a theory with protected modes."""
    if connection.unknown:
        return Left(connection.unknown, is_abstraction=False)
    if connection.mode is None or not connection.mode.is_protected:
        return Left("the unauthenticated mode")
    return None


def why_no_keys(connection: HeardConnection) -> Left | None:
    """Why no message of a connection can be held against a theory that has T1 and T2 as agreed."""
    left = why_left(connection)
    if left is None and connection.control_keys is None:
        return Left("the Token is not opened", is_abstraction=False)
    return left


def session_of(item: HeardPacket) -> TestSession | Left:
    """The session of a test packet, or why the packet cannot be checked."""
    if item.unknown or item.session is None:
        return Left(item.unknown, is_abstraction=False)
    return item.session


def packet_meant(
    connection: HeardConnection,
    item: HeardPacket,
    stems: Sequence[str],
    names: Mapping[End, Mapping[str, bytes]],
) -> Iterator[Meant]:
    """A test packet: what its sender did, and what the receiver, to which it is delivered, does.

    Args:
        stems: of the rules for the mode of the session: who sends; who receives, or reflects; and
            who receives what was reflected.
        names: what is known beside the SID, by the end from which the session's packets come.
    """
    session = session_of(item)
    if isinstance(session, Left) or session.keys is None:
        yield Meant(connection, item, session if isinstance(session, Left) else _IN_CLEAR)
        return
    known = {**names[item.receiver if item.is_answer else item.sender], "sid": session.sid}
    layouts = layouts_with_ttl(item.ttl) if item.is_answer else ()
    rules = [by_mode(stem)[session.mode] for stem in stems]

    def meant(rule: str, actor: str, received: bytes | None, sent: bytes | None) -> Meant:
        event = event_of(
            connection,
            item,
            actor,
            known=known,
            received=received,
            sent=sent,
            rule=rule,
            layouts=layouts,
        )
        return Meant(connection, item, event)

    is_answer = int(item.is_answer)
    yield meant(rules[is_answer], item.sender, item.answered if is_answer else None, item.octets)
    if is_answer or connection.protocol is Protocol.OWAMP:
        yield meant(rules[is_answer + 1], item.receiver, item.octets, None)


def all_left(connection: HeardConnection, left: Left) -> Iterator[Meant]:
    """No item of a connection is a step."""
    return (Meant(connection, item, left) for item in connection.items)

"""Test packets of a session, some changed on the way."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Protocol

from owamp_reference import ProtocolError
from owamp_reference.events import TestSession
from owamp_reference.packets import ReflectorPacket, SenderPacket, TestMode
from owamp_reference.sessions import SessionReceiver, SessionReflector, SessionSender

from ..run_checker import RunEvent
from ..world import World


class At(Protocol):
    """Where packets are sent: a connection."""

    world: World
    title: str


def _number(value: int) -> bytes:
    return value.to_bytes(4, "big") + bytes(12)


def _time(timestamp: int, estimate: int) -> bytes:
    return timestamp.to_bytes(8, "big") + estimate.to_bytes(2, "big") + bytes(6)


def _of_sender(packet: SenderPacket) -> dict[str, bytes]:
    """What a receiver says that it read out of a sender's packet."""
    return {
        "number": _number(packet.sequence_number),
        "time": _time(packet.timestamp, packet.error_estimate),
    }


def _of_reflector(packet: ReflectorPacket) -> dict[str, bytes]:
    time = _time(packet.timestamp, packet.error_estimate)
    return {
        "own": _number(packet.sequence_number),
        "own_time": time + packet.receive_timestamp.to_bytes(8, "big") + bytes(8),
        "number": _number(packet.sender_sequence_number),
        "time": _time(packet.sender_timestamp, packet.sender_error_estimate),
    }


@dataclass(frozen=True)
class Sides:
    """The two ends of a test session as each has it, and the actors that they are."""

    sending: TestSession
    answering: TestSession
    sender: str
    answerer: str


def _covered(mode: TestMode, packet: bytes) -> tuple[range, ...]:
    """Where a packet is protected: what the HMAC covers, and the HMAC."""
    size = 16 if mode is TestMode.AUTHENTICATED else len(packet) - 16
    return range(size), range(len(packet) - 16, len(packet))


def packet_events(
    at: At,
    sides: Sides,
    rules: tuple[str, ...],
    names: Mapping[str, bytes],
    count: int = 2,
) -> Iterator[RunEvent]:
    """Packets of a session, some changed on the way: sent, received, with a third rule reflected.

    Args:
        rules: which rules send and take, and for TWAMP, which takes the reflector's packets.
    """
    world, session, other = at.world, sides.sending, sides.answering
    clock = world.clock
    sender = SessionSender(session.mode, session.keys, clock)
    reflector = SessionReflector(other.mode, other.keys, clock)
    receiver = SessionReceiver(other.mode, other.keys)
    known = {**names, "sid": session.sid}

    def event(what: str, actor: str, rule: str, **fields: object) -> RunEvent:
        text = f"{at.title}, session {session.sid.hex()}: {what}"
        return RunEvent(text, actor, rule=rule, **fields)  # type: ignore[arg-type]

    for _ in range(count):
        packet = sender.next_packet()
        yield event("the sender sends", sides.sender, rules[0], known=known, sent=packet)
        if world.choose(2):
            changed = world.changed(packet, *_covered(session.mode, packet))
            said, refused = _try(partial(receiver.receive, changed))
            yield event(
                "the receiver takes a changed packet",
                sides.answerer,
                rules[1],
                known=known,
                received=changed,
                refused=refused,
            )
        said, refused = _try(partial(receiver.receive, packet))
        read = _of_sender(said) if isinstance(said, SenderPacket) else {}
        if len(rules) == 2:
            yield event(
                "the receiver receives",
                sides.answerer,
                rules[1],
                known={**known, **read},
                received=packet,
                refused=refused,
            )
            continue
        answer = b"" if refused else reflector.reflect(packet)
        yield event(
            "the reflector answers",
            sides.answerer,
            rules[1],
            known={**known, **read},
            received=packet,
            sent=answer,
            refused=refused,
        )
        said, refused = _try(partial(sender.receive, answer))
        read = _of_reflector(said) if isinstance(said, ReflectorPacket) else {}
        yield event(
            "the sender receives",
            sides.sender,
            rules[2],
            known={**known, **read},
            received=answer,
            refused=refused,
        )
        if world.choose(2):
            changed = world.changed(answer, *_covered(session.mode, answer))
            said, refused = _try(partial(sender.receive, changed))
            yield event(
                "the sender takes a changed packet",
                sides.sender,
                rules[2],
                known=known,
                received=changed,
                refused=refused,
            )


def _try(take: Callable[[], object]) -> tuple[object, str]:
    """What a receiver says of a packet, or why it refuses it."""
    try:
        return take(), ""
    except ProtocolError as error:
        return None, str(error)

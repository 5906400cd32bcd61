"""Players of rules that send, take, reflect test packets, with the names of `shared.packets`.

Each is for a mode, and for the fact of the rule's premises that says whose session it is.
"""

from __future__ import annotations

from owamp_reference.packets import ReflectorPacket, TestMode, open_packet

from ...groups.participants import RECEIVER, REFLECTOR, SENDER, SESSIONS
from ...vectors.declaration import Json
from ..script import Player, ScriptWriter, TraceStep, Wanted
from .packets import session_keys

_FIELDS = frozenset(("number", "time", "own", "own_time"))


def _end(
    writer: ScriptWriter, step: TraceStep, role: str, mode: TestMode, control_fact: str
) -> str:
    """The participant at one end of a test session.

    Where a fact says which endpoint of the control connection has set the session up, the keys are
    that endpoint's.
    """
    keys = session_keys(writer.flags, step.named)
    key: tuple[object, ...] = (role, mode, keys.t3, keys.t4, step.value("sid"))
    given: dict[str, object] = {"t3": keys.t3, "t4": keys.t4}
    if control_fact:
        given = {"session": writer.who_made(step, control_fact)}
        key = (*key, given["session"])
    name = role.removeprefix("Session-").lower()
    return writer.once(key, SESSIONS, name, role=role, testMode=mode.value, **given)


def _number(step: TraceStep, name: str) -> int:
    return int.from_bytes(step.value(name)[:4], "big")


def sends(mode: TestMode, control_fact: str = "") -> Player:
    """A Session-Sender sends a packet."""

    def play(writer: ScriptWriter, step: TraceStep) -> None:
        who = _end(writer, step, SENDER, mode, control_fact)
        writer.sends_number(step, who, _number(step, "number"))
        sent = Wanted("sent", step.sent[0])
        writer.take(step, who, sent, timestamp=step.value("time")[:8])

    return Player(play, mode=mode, numbers={"number": 1000}, fields=_FIELDS)


def reflects(mode: TestMode, control_fact: str = "") -> Player:
    """A Session-Reflector takes a packet and answers it."""

    def play(writer: ScriptWriter, step: TraceStep) -> None:
        own_time = step.value("own_time")
        who = _end(writer, step, REFLECTOR, mode, control_fact)
        writer.sends_number(step, who, _number(step, "own"))
        writer.take(
            step,
            who,
            Wanted("sent", step.sent[0]),
            received=step.received[0],
            receiveTimestamp=own_time[16:24],
            timestamp=own_time[:8],
        )

    return Player(play, mode=mode, numbers={"own": 0}, fields=_FIELDS)


def takes(mode: TestMode, control_fact: str = "") -> Player:
    """A Session-Reflector takes a packet; its answer, which the theory leaves out, is at once."""

    def play(writer: ScriptWriter, step: TraceStep) -> None:
        keys = session_keys(writer.flags, step.named)

        def answered(result: Json) -> bytes:
            answer = open_packet(mode, ReflectorPacket, result["sent"], keys)
            return answer.sender_sequence_number.to_bytes(4, "big")

        time = int.from_bytes(step.value("time")[:8], "big")
        writer.take(
            step,
            _end(writer, step, REFLECTOR, mode, control_fact),
            Wanted("takenOfSender", step.value("number")[:4], answered),
            received=step.received[0],
            receiveTimestamp=(time + 1).to_bytes(8, "big"),
            timestamp=(time + 2).to_bytes(8, "big"),
        )

    return Player(play, mode=mode, fields=_FIELDS)


def returns(mode: TestMode, control_fact: str = "") -> Player:
    """A Session-Sender takes the reflector's packet."""

    def play(writer: ScriptWriter, step: TraceStep) -> None:
        numbers = (
            Wanted("taken", step.value("own")[:4]),
            Wanted("takenOfSender", step.value("number")[:4]),
        )
        who = _end(writer, step, SENDER, mode, control_fact)
        writer.is_answered(who, _number(step, "number"))
        writer.take(step, who, *numbers, received=step.received[0])

    return Player(play, mode=mode, fields=_FIELDS)


def receives(mode: TestMode, control_fact: str = "") -> Player:
    """A Session-Receiver takes a packet."""

    def play(writer: ScriptWriter, step: TraceStep) -> None:
        who = _end(writer, step, RECEIVER, mode, control_fact)
        taken = Wanted("taken", step.value("number")[:4])
        writer.take(step, who, taken, received=step.received[0])

    return Player(play, mode=mode, fields=_FIELDS)

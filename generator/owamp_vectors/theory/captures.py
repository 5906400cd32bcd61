"""From what was heard on a network to a run of a theory, step by step, by the rules' own octets.

It is the check of `runs`, with other events: those that a room reads out of a capture. What an end
drew is read off the messages. A capture has each message once, so the check takes it that what was
captured was delivered.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from .heard import HeardConnection, HeardMessage, HeardPacket, Left
from .infer import Inference
from .named import NamedStep, Names
from .room import room_of
from .run_checker import RunChecker, RunError
from .terms import Model

_AFTER = Left("it follows a step that no rule allows", is_abstraction=False)


@dataclass(frozen=True)
class NoStep:
    """What no rule allows.

    Attributes:
        nearest: the rule that came nearest; "" if there is none.
        reason: what differed.
    """

    nearest: str
    reason: str


@dataclass(frozen=True)
class CaptureOutcome:
    """What became of something that was heard.

    Attributes:
        item: None for a step that is there beforehand.
        actor: the end of the connection whose step it is; "" for what is there beforehand.
        found: the step, or why it is none.
    """

    connection: HeardConnection
    item: HeardMessage | HeardPacket | None
    actor: str
    found: NamedStep | NoStep | Left


def check_captured(
    model: Model, inference: Inference, connections: Sequence[HeardConnection]
) -> Iterator[CaptureOutcome]:
    """Each step that a theory has for what was heard, in the order of the connections.

    After a control message that no rule allows, nothing more of its connection is checked; after a
    test packet the next one is.
    """
    captures = room_of(model.name).captures
    assert captures is not None
    checker, names = RunChecker(model, inference), Names(inference.table)
    broken: set[int] = set()
    failed: HeardMessage | HeardPacket | None = None
    for meant in captures.interpret(connections):
        connection, item, event = meant.connection, meant.item, meant.event
        if isinstance(event, Left):
            yield CaptureOutcome(connection, item, "", event)
            continue
        actor = event.actor.partition("/")[2]
        if connection.number in broken and item is not failed:
            yield CaptureOutcome(connection, item, actor, _AFTER)
        elif item is None or item is not failed:
            try:
                step = checker.take(event)
            except RunError as error:
                failed = item
                if not isinstance(item, HeardPacket):
                    broken.add(connection.number)
                nearest = error.rule.name if error.rule else ""
                found = NoStep(nearest, names.told(error.difference or error.reason))
                yield CaptureOutcome(connection, item, actor, found)
            else:
                assert step is not None
                yield CaptureOutcome(connection, item, actor, names.step(step))

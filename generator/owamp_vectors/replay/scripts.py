"""What the participants of a trace are given: each step written by its rule's player."""

from __future__ import annotations

from collections.abc import Sequence

from ..claims.declared import Job
from ..theory.room import room_of
from ..theory.script import Script, ScriptError, ScriptWriter, TraceStep
from .names import source_of
from .recorded import ReplayError


def write_script(job: Job, steps: Sequence[TraceStep], *, is_draft: bool = False) -> Script:
    """What participants are given for the steps of a trace, in order.

    Args:
        is_draft: Sequence Numbers may be in any order.

    Raises:
        ReplayError: the theory's room does not say who takes a rule, or the rule's player lacks
            something.
    """
    room = room_of(job.model)
    why_not = next((room.not_played[flag] for flag in job.flags if flag in room.not_played), "")
    writer = ScriptWriter(job.flags, steps, source_of(job), is_draft=is_draft)
    script = writer.script
    for step in steps:
        player = room.player(step.rule)
        if player is None:
            raise ReplayError(f"rule {step.rule}: no endpoint plays it, and nothing says why")
        if player.is_leak:
            script.lost += [{"rule": step.rule, "octets": octets} for octets in step.sent]
        elif player.play is not None and not why_not:
            try:
                player.play(writer, step)
            except ScriptError as error:
                raise ReplayError(str(error)) from None
            except LookupError as error:
                raise ReplayError(f"rule {step.rule}: its player finds no {error}") from None
        elif player.play is not None or player.why_not:
            script.not_played[step.rule] = why_not or player.why_not
            script.is_cut |= not player.is_outside
    return script

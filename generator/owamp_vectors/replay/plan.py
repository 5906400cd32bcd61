"""What real endpoints can do of a trace: which packets they send, with which Sequence Numbers.

A prover's trace has packets that nobody takes, and several packets with one number of which it
takes a part each. A real sender sends a packet once, and numbers its packets in order
(RFC 4656 §4.1.2, RFC 5357 §4.2.1).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from ..claims.declared import Job
from ..groups.participants import SESSIONS
from ..theory.room import Room, room_of
from ..theory.script import Script, TraceStep
from ..theory.terms import Var
from .recorded import ReplayError
from .scripts import write_script

_BLOCK = 16


@dataclass(frozen=True)
class Plan:
    """What endpoints do of a trace.

    Attributes:
        dropped: steps that they do not take, by the id of their node.
        numbers: Sequence Numbers, by the name that the trace has for them.
        same: names that are to have the octets of another, so that a packet arrives as it was sent.
    """

    dropped: frozenset[str] = frozenset()
    numbers: dict[Var, int] = field(default_factory=dict)
    same: dict[Var, Var] = field(default_factory=dict)


def plan(job: Job, steps: Sequence[TraceStep], *, is_attack: bool) -> Plan:
    """What endpoints can do of a trace whose numbers are provisional, and differ.

    Args:
        is_attack: what is taken may differ from what was sent, where that is in clear.

    Raises:
        ReplayError: a script cannot be written, or no numbers are in order.
    """
    script = write_script(job, steps, is_draft=True)
    packets = [
        _Packet(step, str(taken["participant"]), bytes(taken["received"]))
        for step, taken in zip(script.sources, script.steps, strict=True)
        if _is_session(script, str(taken["participant"]))
    ]
    kept = _kept(packets)
    dropped = frozenset(packet.step.id for packet in packets if packet not in kept)
    room = room_of(job.model)
    return Plan(dropped, _numbers(kept, room), {} if is_attack else _same(kept, room))


def _is_session(script: Script, who: str) -> bool:
    return script.participants[who][0] == SESSIONS


@dataclass(frozen=True)
class _Packet:
    """A step of an end of a test session: it sends a packet, takes one, or both."""

    step: TraceStep
    who: str
    received: bytes

    @property
    def sent(self) -> bytes:
        return b"".join(self.step.sent)


def _blocks(octets: bytes) -> set[bytes]:
    return {octets[i : i + _BLOCK] for i in range(0, len(octets), _BLOCK)} - {bytes(_BLOCK)}


def _sources(packet: _Packet, packets: list[_Packet]) -> list[_Packet]:
    """Those of the packets that it takes blocks of, that of which it takes most first."""
    missing, found = _blocks(packet.received), []
    while packets and missing:
        best = max(packets, key=lambda other: len(_blocks(other.sent) & missing))
        if not _blocks(best.sent) & missing:
            break
        missing -= _blocks(best.sent)
        found.append(best)
    return found


def _kept(packets: list[_Packet]) -> list[_Packet]:
    """What is taken in the end, and what is sent of which something is then taken.

    Of packets that have the same blocks, as two with one number in the authenticated mode have,
    there is one: that of which most is taken.
    """
    ends = [packet for packet in packets if not packet.sent]
    ends = ends or [packet for packet in packets if packet.received] or packets
    kept = {id(packet) for packet in ends}
    for index in reversed(range(len(packets))):
        if id(packets[index]) in kept:
            kept.update(map(id, _sources(packets[index], packets[:index])))
    return [packet for packet in packets if id(packet) in kept]


def _same(kept: list[_Packet], room: Room) -> dict[Var, Var]:
    found: dict[Var, Var] = {}
    for index, packet in enumerate(kept):
        for source in _sources(packet, kept[:index])[:1]:
            sent, taken = (_fields(other.step, room) for other in (source, packet))
            for name in sent.keys() & taken.keys():
                if sent[name] != taken[name]:
                    found[taken[name]] = found.get(sent[name], sent[name])
    return found


def _fields(step: TraceStep, room: Room) -> dict[str, Var]:
    """The names of the fields of the packet that a step sends or takes, by variable."""
    player = room.player(step.rule)
    names = player.fields if player is not None else frozenset()
    return {
        variable.name: term
        for variable, term in step.terms.items()
        if variable.name in names and isinstance(term, Var)
    }


def _numbers(kept: list[_Packet], room: Room) -> dict[Var, int]:
    """Numbers such that each participant sends them in order, from where its player begins."""
    by_sender: dict[str, list[tuple[Var, int]]] = {}
    for packet in kept:
        by_sender.setdefault(packet.who, []).extend(_named(packet.step, room))
    found: dict[Var, int] = {}
    for who, named in by_sender.items():
        known = [found[name] - index for index, (name, _) in enumerate(named) if name in found]
        first = known[0] if known else named[0][1] if named else 0
        for number, (name, _) in enumerate(named, first):
            if found.setdefault(name, number) != number:
                raise ReplayError(f"{who} sends Sequence Number {name} twice, or in another order")
    return found


def _named(step: TraceStep, room: Room) -> Iterator[tuple[Var, int]]:
    """The name of the Sequence Number that a step sends, and from where it counts."""
    player = room.player(step.rule)
    starts = player.numbers if player is not None else {}
    for variable, term in step.terms.items():
        if variable.name in starts and isinstance(term, Var):
            yield term, starts[variable.name]

"""Octets for the names of a trace, such that real endpoints can play it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import count
from typing import TypeAlias

from owamp_reference import messages, token
from owamp_reference.negotiation import Mode
from owamp_reference.packets import TestMode

from ..claims.declared import Job
from ..groups.roles import COUNT, KEY_ID, MODE, MODES, NUMBER, OWN_TIME, TIME
from ..theory.infer import Kind
from ..theory.room import Room
from ..theory.terms import Term, Var
from ..vectors.drbg import Drbg
from .recorded import ReplayError

Uses: TypeAlias = list[tuple[str, Var, Kind]]
"""Where a name is used: the rule, the rule's variable that stands for it, and its type."""


def source_of(job: Job) -> Drbg:
    """The source of a trace's names."""
    return Drbg(f"replay/{job}")


def _joined(name: Var, uses: Uses) -> Kind:
    """The type of a name: of those that say a size the first, with a role if one has it."""
    kind = Kind()
    for rule, _, other in uses:
        if kind.size is not None and other.size not in (None, kind.size):
            raise ReplayError(f"rule {rule}: {name} has {other.size} octets and {kind.size}")
        if kind.size is None or (kind.type is None and other.type is not None):
            kind = other
    return kind


_FIRST_TIME, _TICK = 0xE9200000 << 32, 2**24


def _time(kind: Kind, number: int) -> bytes:
    """A Timestamp, 2^-8 s later for each number; with it the Receive Timestamp, 2^-9 s before."""
    time = _FIRST_TIME + number * _TICK
    octets = time.to_bytes(8, "big") + b"\x80\x01" + bytes(6)
    received = (time - _TICK // 2).to_bytes(8, "big") + bytes(8)
    return octets + received if kind.type == OWN_TIME else octets


def assign(
    uses: Mapping[Var, Uses],
    source: Drbg,
    room: Room,
    *,
    modes_differ: bool = False,
    numbers: Mapping[Var, int] | None = None,
    same: Mapping[Var, Var] | None = None,
) -> dict[Term, bytes]:
    """Octets for each name of a trace, of the type that it has where rules use it.

    Count is 1024, KeyID a name; Mode is that of the packets in the trace, Modes offers it, and the
    two are the same at both ends unless `modes_differ`; times go up in the order of `uses`.
    Sequence numbers are those of `numbers`; others count from where the players of the rules say,
    and those of the adversary's choice from 0. A name of `same` has the octets of another. So
    endpoints can play it.

    Raises:
        ReplayError: a name that two rules use with different sizes.
    """
    mode = _mode_of_packets(uses, room)
    modes = iter([7, 6, 14, 15] if modes_differ else [])
    chosen = iter([mode, 6 - mode] if modes_differ else [])
    counters: dict[int | None, Iterator[int]] = {}
    values: dict[Term, bytes] = {}
    numbers = numbers or {}
    kinds = {name: _joined(name, found) for name, found in uses.items()}
    times = [name for name, kind in kinds.items() if kind.type in (TIME, OWN_TIME)]
    for name in sorted(uses, key=str):
        kind = kinds[name]
        if kind.type == COUNT:
            values[name] = token.MIN_COUNT.to_bytes(4, "big")
        elif kind.type == KEY_ID:
            values[name] = messages.encode_key_id(source.octets(str(name), 8).hex())
        elif kind.type == MODES:
            values[name] = next(modes, 7 | mode).to_bytes(4, "big")
        elif kind.type == MODE:
            values[name] = next(chosen, mode).to_bytes(4, "big")
        elif kind.type in (TIME, OWN_TIME):
            values[name] = _time(kind, times.index(name))
        elif kind.type == NUMBER:
            start = _counts_from(uses[name], room)
            number = numbers.get(name)
            if number is None:
                number = next(counters.setdefault(start, count(start or 0)))
            values[name] = number.to_bytes(4, "big") + bytes(12)
        else:
            values[name] = kind.draw(source.at(str(name)))
    return values | {name: values[other] for name, other in (same or {}).items()}


_MODES = {TestMode.UNAUTHENTICATED: Mode.MIXED, TestMode.ENCRYPTED: Mode.ENCRYPTED}


def _mode_of_packets(uses: Mapping[Var, Uses], room: Room) -> int:
    """The Mode of a trace's packets: mixed if one is in clear, or encrypted if one is, else
    authenticated.
    """
    rules = {rule for places in uses.values() for rule, _, _ in places}
    found = {player.mode for rule in rules if (player := room.player(rule)) is not None}
    chosen = (mode for test_mode, mode in _MODES.items() if test_mode in found)
    return int(next(chosen, Mode.AUTHENTICATED))


def _counts_from(uses: Uses, room: Room) -> int | None:
    """From which number a sequence number counts; None for one of the adversary's choice."""
    players = ((room.player(rule), variable.name) for rule, variable, _ in uses)
    starts = [player.numbers.get(name) for player, name in players if player is not None]
    return min((start for start in starts if start is not None), default=None)

"""Who takes the rules of a theory when endpoints play a trace, and what they are given.

A room names a `Player` for each rule. A player reads a step of the trace off its octets, and writes
into the script what a participant (`groups.participants`) is given, and what it must then send.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from owamp_reference import messages
from owamp_reference.packets import TestMode

from ..groups import traces
from ..groups.participants import KINDS
from ..groups.roles import Type
from ..vectors.declaration import Json, Values
from ..vectors.drbg import Drbg
from .instances import Instance, OctetFact
from .terms import Term, Var


@dataclass(frozen=True)
class TraceStep:
    """A rule's step of a trace, with its octets.

    Attributes:
        id: of its node.
        terms: what each of the rule's variables stands for in the trace.
        inputs: the nodes that its premises are from, by the number of the premise.
        reference: the functions of the reference that its messages were compared with.
    """

    id: str
    rule: str
    instance: Instance
    terms: Mapping[Var, Term]
    inputs: Mapping[int, tuple[str, int]]
    reference: tuple[str, ...] = ()

    @property
    def received(self) -> tuple[bytes, ...]:
        """What it takes from the network."""
        return octets_in(self.instance.premises, "In")

    @property
    def sent(self) -> tuple[bytes, ...]:
        """What it gives to the network."""
        return octets_in(self.instance.conclusions, "Out")

    @property
    def named(self) -> dict[str, bytes]:
        """The octets of the rule's variables, by name."""
        return {str(variable.name): self.instance.values[variable] for variable in self.terms}

    def value(self, name: str) -> bytes:
        """The octets of the rule's variable of a name. Raises `KeyError` if it has none."""
        return self.named[name]

    def number(self, name: str) -> int:
        """The number that a variable's octets are, big-endian."""
        return int.from_bytes(self.value(name), "big")

    def action(self, name: str) -> OctetFact:
        """The action fact of a name. Raises `LookupError` if there is none."""
        return _first(self.instance.actions, name)

    def conclusion(self, name: str) -> OctetFact:
        """The conclusion of a name. Raises `LookupError` if there is none."""
        return _first(self.instance.conclusions, name)


def octets_in(facts: Sequence[OctetFact], name: str) -> tuple[bytes, ...]:
    """The octets of the facts of a name, without labels."""
    return tuple(o for f in facts if f.name == name for o in f.args if isinstance(o, bytes))


def _first(facts: Sequence[OctetFact], name: str) -> OctetFact:
    for fact in facts:
        if fact.name == name:
            return fact
    raise LookupError(name)


@dataclass(frozen=True)
class Wanted:
    """What of a step's result must be octets of the trace.

    Attributes:
        name: the field of the result, or what the view shows.
        octets: those of the trace.
        view: what of the result is compared; None for the field.
    """

    name: str
    octets: bytes
    view: Callable[[Json], bytes] | None = None

    def found(self, result: Json) -> bytes:
        """What a result has there; b"" if nothing."""
        value = self.view(result) if self.view else result.get(self.name, b"")
        return value.to_bytes(4, "big") if isinstance(value, int) else bytes(value)


@dataclass
class Script:
    """What the participants of a trace are given, and what they must then have.

    Attributes:
        participants: by name, with the input of `traces.TRACE` that holds them.
        steps: in order.
        sources: for each step, that of the trace.
        wanted: for each step, what of the trace the result is held to.
        lost: what the adversary is given besides.
        not_played: rules that no participant plays, and why.
        is_cut: whether the trace is not whole without one of those.
    """

    participants: dict[str, tuple[str, dict[str, Any]]] = field(default_factory=dict)
    steps: list[dict[str, Any]] = field(default_factory=list)
    sources: list[TraceStep] = field(default_factory=list)
    wanted: list[tuple[Wanted, ...]] = field(default_factory=list)
    lost: list[dict[str, Any]] = field(default_factory=list)
    not_played: dict[str, str] = field(default_factory=dict)
    is_cut: bool = False

    def values(self) -> Values:
        """The inputs of the case."""
        parts = {
            kind: [given for where, given in self.participants.values() if where == kind]
            for kind in KINDS
        }
        return {**parts, "steps": self.steps, "lost": self.lost}


class ScriptError(Exception):
    """A step of which the script cannot be written; the text names the rule."""


class ScriptWriter:
    """What players write with.

    Args:
        is_draft: Sequence Numbers may be in any order.

    Attributes:
        flags: those of the model.
        steps: all steps of the trace, in order.
        script: as far as it is written.
    """

    def __init__(
        self,
        flags: tuple[str, ...],
        steps: Sequence[TraceStep],
        source: Drbg,
        *,
        is_draft: bool = False,
    ) -> None:
        self.flags = flags
        self.steps = steps
        self.script = Script()
        self._source = source
        self._is_draft = is_draft
        self._next: dict[str, int] = {}  # Sequence Numbers, by participant
        self._who: dict[str, str] = {}  # which participant took the step of a node
        self._known: dict[tuple[object, ...], str] = {}

    def new(self, kind: str, name: str, **given: object) -> str:
        """A new participant of a kind; the name gets a number."""
        count = sum(item.startswith(f"{name} ") for item in self.script.participants)
        title = f"{name} {count + 1}"
        whole = {**traces.nothing(traces.RECORDS[kind]), "name": title, **given}
        self.script.participants[title] = kind, whole
        return title

    def once(self, key: tuple[object, ...], kind: str, name: str, **given: object) -> str:
        """The participant of a key; a new one, if there is none yet."""
        if key not in self._known:
            self._known[key] = self.new(kind, name, **given)
        return self._known[key]

    def give(self, who: str, **given: object) -> None:
        """Give a participant something more."""
        self.script.participants[who][1].update(given)

    def given(self, who: str) -> Mapping[str, Any]:
        """What a participant has been given."""
        return self.script.participants[who][1]

    def take(self, step: TraceStep, who: str, *wanted: Wanted, **given: object) -> None:
        """A participant takes a step, is given something, and must then have what is wanted."""
        self._who[step.id] = who
        empty = traces.nothing(traces.RECORDS["steps"])
        self.script.steps.append({**empty, "participant": who, "rule": step.rule, **given})
        self.script.sources.append(step)
        self.script.wanted.append(wanted)

    def sends_number(self, step: TraceStep, who: str, number: int) -> None:
        """An end of a session sends its next Sequence Number; it has sent those below before.

        Raises:
            ScriptError: another number is next (RFC 4656 §4.1.2, RFC 5357 §4.2.1).
        """
        if who not in self._next:
            self.give(who, firstSequenceNumber=number)
        expected = self._next.get(who, number)
        if number != expected and not self._is_draft:
            found = f"{who} sends Sequence Number {number} where {expected} is next"
            raise ScriptError(f"rule {step.rule}: {found}")
        self._next[who] = number + 1

    def is_answered(self, who: str, number: int) -> None:
        """A Session-Sender gets an answer; what it does not send in the trace it sent before."""
        if who not in self._next:
            self.give(who, firstSequenceNumber=number + 1)
            self._next[who] = number + 1

    def who_made(self, step: TraceStep, fact: str) -> str:
        """The participant that made a fact which a step consumes. Raises `ScriptError`: nobody."""
        for maker in self.makers(step, fact):
            if maker.id in self._who:
                return self._who[maker.id]
        raise ScriptError(f"rule {step.rule}: no endpoint has made its {fact}")

    def makers(self, step: TraceStep, fact: str) -> Iterator[TraceStep]:
        """The steps that made the facts of a name which a step consumes."""
        for index, premise in enumerate(step.instance.premises):
            if premise.name == fact and index in step.inputs:
                source, _ = step.inputs[index]
                yield from (other for other in self.steps if other.id == source)

    def drawn(self, kind: Type, name: str) -> bytes:
        """Octets that the trace has no name for, since its theory leaves them out.

        With more participants in the script, the same name gives other octets.
        """
        return kind.draw(self._source.at(f"{name} {len(self.script.participants)}"))

    def key_id(self, *names: bytes) -> bytes:
        """The KeyID of those who have these names, where the theory leaves it out."""
        label = f"KeyID {b''.join(names).hex()}"
        return messages.encode_key_id(self._source.octets(label, 8).hex())


Play: TypeAlias = Callable[[ScriptWriter, TraceStep], None]


@dataclass(frozen=True)
class Player:
    """Who takes a rule when endpoints play a trace.

    Attributes:
        play: writes what a participant is given; None if none takes it.
        why_not: why no endpoint takes it; "" also for what is there beforehand.
        is_outside: whether a trace is whole without it, since nothing of it is in the reference.
        is_leak: whether the rule hands a secret to the adversary.
        mode: of the test packet that the rule sends or takes.
        numbers: its variables that are sequence numbers, and from which number they count.
        fields: its variables that are fields of a packet.
    """

    play: Play | None = None
    why_not: str = ""
    is_outside: bool = False
    is_leak: bool = False
    mode: TestMode | None = None
    numbers: Mapping[str, int] = field(default_factory=dict)
    fields: frozenset[str] = frozenset()


LEAK = Player(is_leak=True)
"""A rule that hands a secret to the adversary."""
BEFOREHAND = Player()
"""A rule of what is there before endpoints act, or that is part of another step."""

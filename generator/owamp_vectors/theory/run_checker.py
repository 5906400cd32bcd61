"""From the bytes to the model: events of a run of the reference as steps of a theory.

A `RunEvent` is what one endpoint did, with where its octets came from: drawn, received, sent,
known. `RunChecker.take` looks for the rule of which it is an instance, reading the variables off
the octets, and steps the state. If no rule allows it, `RunError` names the one that came nearest,
and why not.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from .evaluate import EvaluationError
from .infer import Inference
from .instances import Argument, Instance, OctetFact, RunState, StepError, instance
from .reading import MismatchError, Reading
from .room import room_of
from .rows import Shape
from .terms import Fact, Model, Rule, Term, Var

WORLD = ""
"""The actor of what no endpoint does: secrets that are shared, an IKE SA that is there."""

_MANY = 8
"""Facts of one name that are tried one by one."""
_ONCE = re.compile(r"All (\w+) #i #j\. (\w+)\(\1\) @ i & \2\(\1\) @ j ==> #i = #j")
_ALWAYS = re.compile(r"All (\w+) #i\. (\w+)\(\1\) @ i ==> \1 = '(\w+)'")


@dataclass(frozen=True)
class RunEvent:
    """What an endpoint did at one time.

    Attributes:
        what: in words.
        actor: the endpoint; facts that it made are its own, those of `WORLD` everybody's, and those
            of "a" also of "a/b".
        known: octets of the rule's variables, by name, as the endpoint says that it has them.
        drawn: what the source of random octets gave, by label; None if that is not known, and has
            to be read off the messages.
        received: a whole message, None for none.
        sent: likewise.
        claims: the last arguments of a fact of the rule, as the endpoint computed them.
        refused: why the endpoint refused what it received; "" if it did not.
        rule: the rule that says how the endpoint should have done it; "" for any.
        layouts: those of messages whose octets that the theory leaves out are other ones here.
    """

    what: str
    actor: str = WORLD
    known: Mapping[str, bytes] = field(default_factory=dict)
    drawn: Mapping[str, bytes] | None = field(default_factory=dict)
    received: bytes | None = None
    sent: bytes | None = None
    claims: Mapping[str, tuple[bytes, ...]] = field(default_factory=dict)
    refused: str = ""
    rule: str = ""
    layouts: tuple[Shape, ...] = ()


class RunError(Exception):
    """An event that no rule allows, or that is refused although a rule allows it.

    Attributes:
        rule: the one that came nearest; None if the model has none.
        reason: why it is none, in words.
        difference: in what it differs from that rule; "" if that is not why.
    """

    def __init__(
        self, event: RunEvent, rule: Rule | None, reason: str, difference: str = ""
    ) -> None:
        at = f"rule {rule.name}: " if rule is not None else ""
        octets = "".join(
            f"; {name} {value.hex()}"
            for name, value in (("received", event.received), ("sent", event.sent))
            if value is not None
        )
        super().__init__(f"{event.what}: {at}{reason}{octets}")
        self.event = event
        self.rule = rule
        self.reason = reason
        self.difference = difference


@dataclass
class _Attempt:
    """A rule held against an event: how much of it fits, and what does not."""

    rule: Rule
    fits: int = 0
    read: int = 0
    step: Instance | None = None
    reason: str = ""

    def rank(self, event: RunEvent) -> tuple[int, bool, int]:
        return self.fits, self.rule.name == event.rule, self.read


class _NoFitError(Exception):
    """What of a rule does not fit an event."""


class UnknownRestrictionError(ValueError):
    """A restriction of the model that runs are not held to."""


class RunChecker:
    """The state of a run, and the rules of a model that say how it goes on.

    Raises:
        UnknownRestrictionError: a restriction of another form than that something happens once, or
            always with one constant.
    """

    def __init__(self, model: Model, inference: Inference) -> None:
        self.model = model
        self.state = RunState()
        self.steps: list[Instance] = []
        self.refusals = 0
        self._inference = inference
        self._labels = inference.table.fresh
        self._rules = [rule for rule in model.rules if not _is_leak(model, rule)]
        self._plain = inference
        self._made: dict[tuple[str, str], list[OctetFact]] = defaultdict(list)
        self._made_with: dict[tuple[str, str, int, Argument], list[OctetFact]] = defaultdict(list)
        self._once: set[str] = set()
        self._always: dict[str, bytes] = {}
        self._happened: set[OctetFact] = set()
        for restriction in model.restrictions:
            self.restrict(restriction.formula)

    def restrict(self, formula: str) -> None:
        """Hold the run to a restriction of the model."""
        for part in " ".join(formula.split()).strip('"').split(") & ("):
            text = part.removeprefix("(") if part.count("(") > part.count(")") else part
            text = text.removesuffix(")") if text.count(")") > text.count("(") else text
            if found := _ONCE.fullmatch(text):
                self._once.add(found[2])
            elif found := _ALWAYS.fullmatch(text):
                self._always[found[2]] = found[3].encode()
            else:
                raise UnknownRestrictionError(f"a restriction that runs are not held to: {formula}")

    def given(self, fact: OctetFact) -> None:
        """A persistent fact that is there beforehand."""
        self.state.persistent.add(fact)
        self._keep(fact, WORLD)

    def take(self, event: RunEvent) -> Instance | None:
        """The step that an event is; None for one that reference and theory both refuse.

        Raises:
            RunError: no rule allows it, or one allows what the reference refuses.
        """
        self._inference = self._plain.with_layouts(event.layouts)
        if event.refused:
            self._refuse(event)
            return None
        meant = [rule for rule in self._rules if event.rule in ("", rule.name)]
        attempts = [self._attempt(rule, event) for rule in meant if self._is_alike(rule, event)]
        step = next((attempt.step for attempt in attempts if attempt.step), None)
        if step is None:
            raise self._nearest(event)
        self.steps.append(step)
        self._happened.update(fact for fact in step.actions if fact.name in self._once)
        for fact in step.conclusions:
            if fact.name != "Out":
                self._keep(fact, event.actor)
        return step

    def _keep(self, fact: OctetFact, owner: str) -> None:
        self._made[fact.name, owner].append(fact)
        for place, value in enumerate(fact.args):
            self._made_with[fact.name, owner, place, value].append(fact)

    def _nearest(self, event: RunEvent) -> RunError:
        attempts = [self._attempt(rule, event) for rule in self._rules]
        if not attempts:
            return RunError(event, None, "no rule allows it: the model has none")
        best = max(attempts, key=lambda attempt: attempt.rank(event))
        if best.step is not None:
            return RunError(event, best.rule, f"allows it, but what was meant is {event.rule}")
        reason = f"no rule allows it, and this is nearest: {best.reason}"
        return RunError(event, best.rule, reason, best.reason)

    def _refuse(self, event: RunEvent) -> None:
        """Check that no rule takes what the reference refused, whoever may have made it."""
        for rule in self._rules:
            received = [fact for fact in rule.premises if fact.name == "In"]
            if not received or event.received is None:
                continue
            attempt = _Attempt(rule)
            for values in self._states(rule, self._known(rule, event), event, attempt):
                reading = Reading(rule.name, self._inference, values)
                try:
                    reading.read(received[0].args[0], event.received)
                except MismatchError:
                    continue
                raise RunError(event, rule, f"allows what is refused: {event.refused}")
        self.refusals += 1

    def _attempt(self, rule: Rule, event: RunEvent) -> _Attempt:
        attempt = _Attempt(rule)
        attempt.fits = sum(
            (fact is not None) == (octets is not None)
            for fact, octets in (
                (_only(rule, "In"), event.received),
                (_only(rule, "Out"), event.sent),
            )
        )
        try:
            values = self._drawn(rule, event)
            attempt.fits += len(event.drawn or ())
        except _NoFitError as error:
            attempt.reason = str(error)
            return attempt
        for found in self._states(rule, values, event, attempt):
            if self._complete(rule, found, event, attempt):
                break
        return attempt

    def _label(self, variable: Var) -> str:
        """Under which label the reference draws a fresh variable.

        Of a SID only the last 4 octets are drawn (RFC 4656 §3.5): what is drawn must be its end.
        """
        return self._labels.get(variable.name, variable.name)

    def _is_alike(self, rule: Rule, event: RunEvent) -> bool:
        """Whether a rule draws, receives and sends where the event does."""
        is_drawn = event.drawn is None or set(map(self._label, _fresh(rule))) == set(event.drawn)
        return (
            is_drawn
            and (_only(rule, "In") is None) == (event.received is None)
            and (_only(rule, "Out") is None) == (event.sent is None)
        )

    def _known(self, rule: Rule, event: RunEvent) -> dict[Term, bytes]:
        return {v: event.known[v.name] for v in rule.variables() if v.name in event.known}

    def _drawn(self, rule: Rule, event: RunEvent) -> dict[Term, bytes]:
        """What is known, and the fresh values as they were drawn."""
        values = self._known(rule, event)
        if event.drawn is None:
            return values
        rest = dict(event.drawn)
        for variable in _fresh(rule):
            label = self._label(variable)
            if label not in rest:
                raise _NoFitError(f"Fr({variable}): nothing was drawn for {label}")
            octets = rest.pop(label)
            if self._inference.kind(rule.name, variable).size in (None, len(octets)):
                values[variable] = octets
        if rest:
            raise _NoFitError(f"{', '.join(rest)} was drawn, and the rule draws no such value")
        return values

    def _states(
        self, rule: Rule, values: dict[Term, bytes], event: RunEvent, attempt: _Attempt
    ) -> Iterator[dict[Term, bytes]]:
        """The values with each choice of facts for the premises that are no messages."""
        wanted = [fact for fact in rule.premises if fact.name not in ("Fr", "In")]
        start = attempt.fits

        def choose(
            index: int, found: dict[Term, bytes], unspent: int = 0
        ) -> Iterator[dict[Term, bytes]]:
            attempt.fits = max(attempt.fits, start + unspent)
            if index == len(wanted):
                yield found
                return
            has_one = False
            for fact in self._facts(wanted[index], event.actor, found):
                try:
                    fitted = self._fitted(rule, wanted[index], fact, found)
                except _NoFitError as error:
                    attempt.reason = attempt.reason or str(error)
                    continue
                has_one = True
                is_there = fact.is_persistent or self.state.linear[fact] > 0
                yield from choose(index + 1, fitted, unspent + is_there)
            if not has_one:
                attempt.reason = attempt.reason or f"{wanted[index]}: there is no such fact"

        yield from choose(0, values)

    def _facts(self, wanted: Fact, actor: str, values: Mapping[Term, bytes]) -> Iterator[OctetFact]:
        """The facts of a name that an actor has, whether they are still there or not.

        Of many they are those alone that have a value that is known.
        """
        parts = actor.split("/")
        owners = {WORLD, *("/".join(parts[: n + 1]) for n in range(len(parts)))}
        known = [(place, values[term]) for place, term in enumerate(wanted.args) if term in values]
        for owner in sorted(owners):
            facts = self._made.get((wanted.name, owner), [])
            if len(facts) > _MANY:
                lists = [self._made_with.get((wanted.name, owner, *one), []) for one in known]
                facts = min([facts, *lists], key=len)
            yield from facts

    def _fitted(
        self, rule: Rule, wanted: Fact, fact: OctetFact, values: dict[Term, bytes]
    ) -> dict[Term, bytes]:
        if len(wanted.args) != len(fact.args):
            raise _NoFitError(f"{wanted}: has {len(wanted.args)} arguments, not {len(fact.args)}")
        reading = Reading(rule.name, self._inference, dict(values))
        for term, octets in zip(wanted.args, fact.args, strict=True):
            assert isinstance(octets, bytes)  # labels are terms without a variable
            try:
                reading.read(term, octets)
            except MismatchError as error:
                raise _NoFitError(f"{wanted}: {error}") from None
        return reading.values

    def _complete(
        self, rule: Rule, values: dict[Term, bytes], event: RunEvent, attempt: _Attempt
    ) -> bool:
        """Read the messages, and take the step if all fits; else note how far it came."""
        reading = Reading(rule.name, self._inference, dict(values))
        fits, reason = attempt.fits, ""
        try:
            for name, octets in (("In", event.received), ("Out", event.sent)):
                fact = _only(rule, name)
                if (fact is None) != (octets is None):
                    does = "has no" if fact is None else "has"
                    raise _NoFitError(f"the rule {does} {name}, unlike what happened")
                if fact is not None and octets is not None:
                    reading.read(fact.args[0], octets)
                    fits += 1
            step = instance(rule, reading.values, self._inference.table)
            self._compare(step, event)
            fits += 1
            self.state.step(step)
            attempt.step = step
        except (_NoFitError, MismatchError) as error:
            reason = str(error)
        except EvaluationError as error:
            reason = f"{error.term}: {error.reason}"
        except StepError as error:
            reason = f"{error.fact}: {error.reason}"
        if (fits, len(reading.values)) > (attempt.fits, attempt.read) or not attempt.read:
            attempt.fits, attempt.read, attempt.reason = fits, len(reading.values), reason
        return attempt.step is not None

    def _compare(self, step: Instance, event: RunEvent) -> None:
        """Whether what was sent, claimed and drawn is what the instance has; and restrictions."""
        for fact in step.conclusions:
            if fact.name == "Out" and fact.args != (event.sent,):
                raise _NoFitError(f"{fact}: other octets were sent")
        for fact in (*step.actions, *step.conclusions):
            claimed = event.claims.get(fact.name)
            if claimed is not None and fact.args[-len(claimed) :] != claimed:
                shown = ", ".join(octets.hex() for octets in claimed)
                raise _NoFitError(f"{fact}: the reference has {shown} at its end")
            if fact in self._happened:
                raise _NoFitError(f"{fact}: may happen once, and did")
            if self._always.get(fact.name) not in (None, *fact.args):
                raise _NoFitError(f"{fact}: must be {self._always[fact.name].decode()}")
        if event.drawn is None:
            return
        for variable in _fresh(step.rule):
            drawn = event.drawn[self._label(variable)]
            if not step.values[variable].endswith(drawn):
                octets = step.values[variable].hex()
                raise _NoFitError(f"Fr({variable}): {octets} does not end with {drawn.hex()}")


def _is_leak(model: Model, rule: Rule) -> bool:
    player = room_of(model.name).player(rule.name)
    return player is not None and player.is_leak


def _fresh(rule: Rule) -> list[Var]:
    terms = [fact.args[0] for fact in rule.premises if fact.name == "Fr"]
    return [term for term in terms if isinstance(term, Var)]


def _only(rule: Rule, name: str) -> Fact | None:
    side = rule.premises if name == "In" else rule.conclusions
    return next((fact for fact in side if fact.name == name), None)

"""Runs of the reference, recorded and checked to be traces of the theories.

Several clients and servers, connections and sessions run at once, interleaved as a choice says;
octets arrive in pieces; an intruder changes packets and control messages, and replays the
Set-Up-Response. Every event becomes a step of the theory (`steps.Checker`), or is refused by both.

========================  =======================================================================
rfc4656                   TWAMP from the greeting on; secrets shared beforehand or from an IKE SA
rfc4656_reflection        OWAMP in both directions and TWAMP, several sessions over a connection
token_blocks              the Token block by block, also with a bit of its last blocks changed
ikev2_binding             from an established IKE SA to the Token: prf(SK_d, "IPPM"), and with
                          KEYMAT_SID PRF{KEYMAT, SID}; with INITIATOR_IS_CLIENT in one direction;
                          with REKEY also the secret of the rekeyed SA
========================  =======================================================================
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from owamp_reference import ProtocolError

from ...vectors.drbg import Drbg
from ..infer import Inference, Problem, infer
from ..instance import Instance
from ..steps import Checker, Event, RunError
from ..terms import Model
from .from_ike import from_ike
from .sessions import sessions
from .tokens import tokens
from .twamp import twamp
from .world import Choose, chooser

LEFT_OUT: Mapping[str, tuple[str, ...]] = {
    "rfc4656": (
        "the modes unauthenticated and mixed, in which messages or packets go in clear",
        "a second session over one connection (several are in rfc4656_reflection)",
        "Start-Sessions and Stop-Sessions",
    ),
    "rfc4656_reflection": (
        "the control messages, run but taken as agreed",
        "the modes unauthenticated and mixed",
        "Start-Sessions and Stop-Sessions",
    ),
    "token_blocks": (
        "what else is in the messages: Modes, KeyID, Client-IV",
        "what follows the Token, but for the block that shows who has T1",
    ),
    "ikev2_binding": (
        "IKE's messages: the SA is taken as established, or as rekeyed",
        "what follows the Token, and modes other than 130 (both are in the runs of rfc4656)",
    ),
}
"""What of the reference no run of a model has, since the model leaves it out."""

FLAGS: Mapping[str, tuple[tuple[str, ...], ...]] = {
    "rfc4656": ((),),
    "rfc4656_reflection": ((),),
    "token_blocks": ((),),
    "ikev2_binding": ((), ("KEYMAT_SID",), ("INITIATOR_IS_CLIENT",), ("REKEY",)),
}
"""Under which flags a model describes the reference."""

DEFAULT_RUNS = 3


@dataclass(frozen=True)
class Report:
    """What became of a model's runs.

    Attributes:
        steps: how many events were steps of the theory.
        refusals: how many were refused by the reference, and by all rules.
        rules: the rules that were used.
        problem: the first event that does not fit, if any.
    """

    model: Model
    runs: int = 0
    steps: int = 0
    refusals: int = 0
    rules: frozenset[str] = frozenset()
    problem: Problem | None = None

    @property
    def left_out(self) -> tuple[str, ...]:
        """What no run has."""
        return LEFT_OUT[self.model.name]


def checker_of(model: Model, inference: Inference | None = None) -> Checker:
    """The state of a run of a model before its first step."""
    checker = Checker(inference or infer(model), model.rules)
    for restriction in model.restrictions:
        checker.restrict(restriction.formula)
    return checker


def events_of(model: Model, source: Drbg, choose: Choose, checker: Checker) -> Iterator[Event]:
    """The events of a run for a model."""
    if model.name == "rfc4656":
        return twamp(source, choose)
    if model.name == "rfc4656_reflection":
        return sessions(source, choose)
    if model.name == "token_blocks":
        return tokens(source, choose, checker)
    return from_ike(source, choose, model.flags, checker)


def has_runs(model: Model) -> bool:
    """Whether there are runs for a model under its flags."""
    return model.flags in FLAGS.get(model.name, ())


def run(model: Model, source: Drbg, choose: Choose, inference: Inference) -> Checker:
    """One run, checked as it goes on.

    Raises:
        RunError: an event that is not as the theory has it.
    """
    checker = checker_of(model, inference)
    for event in events_of(model, source, choose, checker):
        checker.take(event)
    return checker


def check_runs(model: Model, count: int = DEFAULT_RUNS, seed: int = 0) -> Report:
    """Runs of the reference for a model, until one is no trace of it."""
    inference = infer(model)
    taken: list[Instance] = []
    refusals = 0
    for number in range(count):
        source = Drbg(f"runs/{model.title}/{seed}/{number}")
        try:
            checker = run(model, source, chooser(source.at("order")), inference)
        except RunError as error:
            problem = Problem(error.rule.place if error.rule else None, str(error))
            return Report(model, number, len(taken), refusals, problem=problem)
        except ProtocolError as error:
            problem = Problem(None, f"an endpoint cannot go on: {error}")
            return Report(model, number, len(taken), refusals, problem=problem)
        taken += checker.steps
        refusals += checker.refusals
    rules = frozenset(step.rule.name for step in taken)
    return Report(model, count, len(taken), refusals, rules)


__all__ = ["DEFAULT_RUNS", "Report", "check_runs", "chooser", "has_runs", "run"]

"""A replayed trace, played by the reference's endpoints.

`write_script` turns the steps of a trace into what the endpoints are given: each rule of a party is
what one participant does, as the theory's room says (`script.Player`). `drive` lets them do it, and
holds what they send and derive to the trace, octet by octet. Messages that the adversary made are
handed to them as they are.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from owamp_reference import ProtocolError

from ..claims.declared import Claim
from ..disk import FileError, to_text
from ..groups import traces
from ..theory.room import room_of
from ..theory.script import Script
from ..vectors.declaration import Json
from .recorded import ReplayError
from .replay import Replay
from .scripts import write_script


@dataclass(frozen=True)
class Driven:
    """A trace that endpoints have played.

    Attributes:
        script: what they were given.
        compared: how many octet strings that they sent or derived equal the trace's.
    """

    script: Script
    compared: int

    @property
    def played(self) -> int:
        """How many steps endpoints have played."""
        return len(self.script.steps)

    @property
    def is_whole(self) -> bool:
        """Whether endpoints have played all of the trace that is theirs."""
        return bool(self.played) and not self.script.is_cut


def drive(found: Replay) -> Driven:
    """Let the reference's endpoints play a replayed trace.

    Raises:
        ReplayError: an endpoint refuses what the theory lets it take, or sends or derives other
            octets than the trace; or the theory's room does not say who takes a rule.
    """
    script = write_script(found.job, found.kept)
    compute = traces.type_of(found.job.title).compute
    try:
        results = compute(script.values())["results"] if script.steps else []
    except ProtocolError as error:
        raise ReplayError(f"{found.job}: an endpoint refuses its step: {error}") from None
    compared = 0
    for step, wanted, result in zip(script.steps, script.wanted, results, strict=True):
        for item in wanted:
            octets = item.found(result)
            if octets != item.octets:
                at = f"rule {step['rule']}: {step['participant']}: {item.name}"
                raise ReplayError(f"{at} is {octets.hex()}, not {item.octets.hex()} of the trace")
            compared += 1
    return Driven(script, compared)


def scripts_text(driven: Iterable[tuple[Claim, Driven]]) -> str:
    """The file that ``traces.json`` is made from: what participants are given, trace by trace.

    Raises:
        FileError: a trace refutes a claim, and the theory's room does not say which attack it is.
    """
    found = [_record(claim, item) for claim, item in driven if item.is_whole]
    return to_text({"made by": "owamp-vectors replay --record", "traces": found})


def _record(claim: Claim, driven: Driven) -> Json:
    values, statement = driven.script.values(), claim.statement.removesuffix(".")
    attack = room_of(claim.job.model).attacks.get(claim.id)
    if attack is None and claim.expected == "falsified":
        room = f"theory/models/{claim.job.model}"
        raise FileError(f"{room}: expected the attack that refutes {claim.id}, found none")
    return {
        "trace": str(claim.job),
        "claim": claim.id,
        "comment": ("refutes: " if attack else "") + statement,
        "source": claim.source,
        "flag": attack.flag if attack else "",
        "reason": attack.may_refuse if attack else "",
        **{name: item.to_json(values[name]) for name, item in traces.FIELDS.items()},
    }

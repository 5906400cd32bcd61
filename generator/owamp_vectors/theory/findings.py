"""All that is known of the difference between terms and octets, shared or of one theory."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from ..vectors.drbg import Drbg
from .evaluate import Evaluator
from .infer import equation_kinds
from .normal import normal_form
from .remarks import Abstraction, Finding, Identification, Octets
from .room import room_of, rooms
from .shared import SHARED
from .table import table_of
from .terms import Equation, Model, Term


def _of(item: Identification, theory: str = "") -> Finding:
    """The finding that an identification is."""
    table = table_of(theory)

    def octets(source: Drbg) -> Octets:
        kinds = equation_kinds(item.equation, table, item.blocks)
        values: dict[Term, bytes] = {
            v: kind.draw(source.at(f"{item.id} {v}")) for v, kind in kinds.items()
        }
        evaluate = Evaluator(values, table)
        sides = {str(side): evaluate(side) for side in (item.equation.left, item.equation.right)}
        return {str(variable): value for variable, value in values.items()} | sides

    pair = (str(item.equation.left), str(item.equation.right))
    return Finding(item.id, f"{item.equation}. {item.text}", octets, (pair,), item.concerns)


def _within(theory: str, concerns: Callable[[Model], bool]) -> Callable[[Model], bool]:
    """Whether a model is of a theory, or includes the file of that name, and is concerned."""
    room = rooms()[theory]
    return lambda model: room in room_of(model.name).layers() and concerns(model)


def _findings() -> tuple[Finding, ...]:
    own = (
        replace(item, concerns=_within(name, item.concerns))
        for name, room in rooms().items()
        for item in (*room.findings, *(_of(known, name) for known in room.identifications))
    )
    return (*SHARED.findings, *map(_of, SHARED.identifications), *own)


def _abstractions() -> tuple[Abstraction, ...]:
    def whole(item: Abstraction) -> Abstraction:
        elsewhere = (room.takes_back.get(item.id, "") for room in rooms().values())
        return replace(item, reason="; ".join((item.reason, *filter(None, elsewhere))))

    own = (
        replace(item, concerns=_within(name, item.concerns))
        for name, room in rooms().items()
        for item in room.abstractions
    )
    return (*map(whole, SHARED.abstractions), *own)


FINDINGS = _findings()
ABSTRACTIONS = _abstractions()
"""All that is accepted."""


def identifications(model: Model) -> list[Identification]:
    """The equations that octets obey and a model does not have."""
    layers = (*room_of(model.name).layers(), SHARED)
    known = (item for layer in reversed(layers) for item in layer.identifications)
    concerned = (item for item in known if item.concerns(model))
    return [item for item in concerned if not _has(model, item.equation)]


def _has(model: Model, equation: Equation) -> bool:
    left, right = (normal_form(side, model.equations) for side in (equation.left, equation.right))
    return left == right


__all__ = [
    "ABSTRACTIONS",
    "FINDINGS",
    "Abstraction",
    "Finding",
    "identifications",
]

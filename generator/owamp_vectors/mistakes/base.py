"""Named mistakes of implementers, each as a change to the reference.

A mistake is the reason for a vector: with the mistake applied, the reference must fail at least
one case that carries its flag. The tests hold every mistake to that.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

from ..model import Note

_PACKAGES = ("owamp_reference", "owamp_vectors")


@dataclass(frozen=True)
class Swap:
    """`replacement` in place of the attribute `name` of `owner`.

    If `owner` is a module, the object is replaced in every module that has imported it.
    """

    owner: ModuleType | type
    name: str
    replacement: Any


@dataclass(frozen=True)
class Mistake:
    """A named mistake.

    Attributes:
        flag: its flag in the vectors, in CamelCase.
        note: what it is and what it does.
        swaps: how the reference is changed to make it.
    """

    flag: str
    note: Note
    swaps: tuple[Swap, ...] = field(repr=False)

    @contextmanager
    def applied(self) -> Iterator[None]:
        """Make the mistake for the duration of a ``with`` block."""
        undo: list[tuple[Any, str, Any]] = []
        try:
            for swap in self.swaps:
                original = vars(swap.owner)[swap.name]
                for owner in _owners(swap.owner, original):
                    for name, value in list(vars(owner).items()):
                        if value is original:
                            undo.append((owner, name, original))
                            setattr(owner, name, swap.replacement)
            yield
        finally:
            for owner, name, value in reversed(undo):
                setattr(owner, name, value)


def _owners(owner: ModuleType | type, original: object) -> list[Any]:
    if not isinstance(owner, ModuleType):
        return [owner]
    modules = [
        module
        for name, module in list(sys.modules.items())
        if module is not None and name.split(".")[0] in _PACKAGES
    ]
    return [
        module for module in modules if any(value is original for value in vars(module).values())
    ]


def ignore(*_arguments: object) -> None:
    """A check that checks nothing, for mistakes that leave one out."""

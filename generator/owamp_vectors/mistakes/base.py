"""Named mistakes of implementers, each as a change to the reference.

A mistake is the reason for a vector: with the mistake applied, the reference must fail at least
one case that carries its flag. The tests hold every mistake to that.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

from ..vectors.declaration import Note

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
        with ExitStack() as undo:
            for swap in self.swaps:
                for owner, name in _places(swap):
                    _set(undo, owner, name, swap.replacement)
            yield


def mistake(flag: str, bug_type: str, description: str, effect: str, *swaps: Swap) -> Mistake:
    """A `Mistake` with its note."""
    return Mistake(flag, Note(bug_type, description, effect), swaps)


def _set(undo: ExitStack, owner: ModuleType | type, name: str, value: object) -> None:
    if name in vars(owner):
        undo.callback(setattr, owner, name, vars(owner)[name])
    else:
        undo.callback(delattr, owner, name)  # inherited
    setattr(owner, name, value)


_MISTAKES = __package__ or "owamp_vectors.mistakes"


def _places(swap: Swap) -> list[tuple[ModuleType | type, str]]:
    """Where the object to be replaced is found, under whatever name.

    Not among the mistakes: they call the original, which would otherwise be the mistake itself.
    """
    if not isinstance(swap.owner, ModuleType):
        return [(swap.owner, swap.name)]
    original = vars(swap.owner)[swap.name]
    modules = [
        module
        for name, module in list(sys.modules.items())
        if module is not None and name.split(".")[0] in _PACKAGES and not name.startswith(_MISTAKES)
    ]
    return [
        (module, name)
        for module in modules
        for name, value in vars(module).items()
        if value is original
    ]


def ignore(*_arguments: object) -> None:
    """A check that checks nothing, for mistakes that leave one out."""

"""How people are told of numbers and of names that do not exist."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

_FEW = 20


def counted(number: int, one: str, more: str = "") -> str:
    """A number with its noun, such as "1 case" or "2 cases"; `more` is the plural, if irregular."""
    return f"{number} {one if number == 1 else more or f'{one}s'}"


def unknown(kind: str, name: str, known: Iterable[str]) -> str:
    """What to say of a name that does not exist: the nearest that do, else all of them if few."""
    names = list(known)
    close = get_close_matches(name, names, 3)
    if close:
        return f"no {kind} {name}; did you mean {' or '.join(close)}?"
    if len(names) <= _FEW:
        return f"no {kind} {name}; there are: {', '.join(names) or 'none'}"
    return f"no {kind} {name} among {len(names)}"

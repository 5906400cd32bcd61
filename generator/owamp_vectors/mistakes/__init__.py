"""The named mistakes that the vectors are aimed at, and the notes on every flag."""

from __future__ import annotations

from collections.abc import Mapping

from ..vectors.declaration import Note
from . import (
    attacks,
    binding,
    control_stream,
    handshake,
    ikev2_kdf,
    messages,
    packets,
    session_keys,
    token,
)
from .base import Mistake, Swap

_MODULES = (
    token,
    session_keys,
    ikev2_kdf,
    binding,
    control_stream,
    messages,
    packets,
    handshake,
    attacks,
)

MISTAKES: Mapping[str, Mistake] = {
    mistake.flag: mistake for module in _MODULES for mistake in module.MISTAKES
}
NOTES: Mapping[str, Note] = {
    **{flag: mistake.note for flag, mistake in MISTAKES.items()},
    **{flag: note for module in _MODULES for flag, note in module.NOTES.items()},
}


def mistakes_of(file: str) -> list[str]:
    """The mistakes whose module is named like a vector file: those that its cases are aimed at."""
    name = file.replace("-", "_").removeprefix("test_")
    return [
        mistake.flag
        for module in _MODULES
        if module.__name__.rpartition(".")[2] == name
        for mistake in module.MISTAKES
    ]


__all__ = ["MISTAKES", "NOTES", "Mistake", "Swap"]

"""What the commands that hold models and reference against each other share."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from ..theory.grammar import NoGrammarError
from ..theory.terms import Place
from .console import NO_GRAMMAR, clear_errors


class NoGrammar(click.ClickException):
    """The extra ``models`` is not installed."""

    exit_code = NO_GRAMMAR


@contextmanager
def clear_model_errors() -> Iterator[None]:
    """One line, and exit code 3 for a `FileError`, 5 for a `NoGrammarError`."""
    with clear_errors():
        try:
            yield
        except NoGrammarError as error:
            raise NoGrammar(str(error)) from None


def shown(place: Place | None) -> str:
    """A place as people write it, from where they are."""
    if place is None:
        return ""
    try:
        path = place.path.resolve().relative_to(Path.cwd())
    except (ValueError, FileNotFoundError):  # elsewhere, or the directory is gone
        path = place.path
    return f"{path}:{place.line}"

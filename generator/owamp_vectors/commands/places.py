"""What the commands that hold models and reference against each other share."""

from __future__ import annotations

from pathlib import Path

from ..theory.terms import Place

EXIT_CODES = """\b
Exit codes:
  0  models and reference agree
  1  something does not fit
  2  the command line is wrong
  3  a file cannot be read, or a model cannot be understood
  5  the extra 'models' is not installed
"""


def shown(place: Place | None) -> str:
    """A place as people write it, from where they are."""
    if place is None:
        return ""
    try:
        path = place.path.resolve().relative_to(Path.cwd())
    except ValueError:
        path = place.path
    return f"{path}:{place.line}"

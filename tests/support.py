"""The committed vector files, for the tests."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from owamp_vectors.claims.prover.finding import NoProverError, find_prover
from owamp_vectors.theory.room import is_mutant
from owamp_vectors.vectors.declaration import Json, VectorFile
from owamp_vectors.vectors.stored import StoredCase, stored_cases

VECTORS = Path(__file__).parents[1] / "vectors"


class NotHereError(Exception):
    """What this machine lacks for a test, or for a recording."""


def stored(file: VectorFile) -> Json:
    """The content of a committed file."""
    content: Json = json.loads((VECTORS / f"{file.name}.json").read_text(encoding="utf-8"))
    return content


def committed_cases(file: VectorFile) -> list[StoredCase]:
    """The cases of a committed file."""
    return list(stored_cases(file, stored(file)))


MODELS = VECTORS.parent / "models"


def _tamarin() -> tuple[str | None, str]:
    """A prover on PATH that runs, or why there is none."""
    try:
        return str(find_prover(None).path), ""
    except NoProverError as error:
        return None, str(error)


TAMARIN, _WHY_NOT = _tamarin()
needs_tamarin = pytest.mark.skipif(TAMARIN is None, reason=_WHY_NOT)


_WORDS = ("ifdef", "define")


def model_flags() -> list[tuple[Path, tuple[str, ...]]]:
    """Every model, without flags and with each flag that it asks for and that makes no mutant."""
    found: list[tuple[Path, tuple[str, ...]]] = []
    for path in sorted(MODELS.glob("*.spthy")):
        text = path.read_text(encoding="utf-8")
        asked, defined = (set(re.findall(rf"^#{word} (\w+)$", text, re.M)) for word in _WORDS)
        flags = sorted(asked - defined)
        sets = [(), *((flag,) for flag in flags)]
        found += [(path, each) for each in sets if not is_mutant(path.stem, each)]
    return found

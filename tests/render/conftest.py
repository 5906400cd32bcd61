"""The report of this repository, made once for all tests."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest
from click.testing import Result

from ..generator.test_cli import run
from ..support import MODELS, VECTORS
from .pages import Site


@dataclass
class Made:
    """A site on disk, its pages, and what the command said."""

    root: Path
    site: Site
    result: Result


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """The report of the committed models, proofs and vectors."""
    root = tmp_path_factory.mktemp("site") / "report"
    result = run("report", "-o", root, "--models", MODELS, "--vectors", VECTORS)
    assert result.exit_code == 0, result.output
    return Made(root, Site(root), result)

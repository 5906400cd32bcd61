"""Values are followed from the vectors to the terms of the models."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from owamp_vectors.commands.cli import main
from owamp_vectors.replay.chain import LINKS
from owamp_vectors.theory.room import Link

from ..support import MODELS, VECTORS


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["chain", *arguments, "--models", str(MODELS)])


@pytest.mark.parametrize("link", LINKS, ids=lambda link: link.id)
def test_values_are_traced_to_terms(link: Link) -> None:
    result = run(link.id, "--vectors", str(VECTORS))
    assert result.exit_code == 0, result.output
    assert re.search(r"evaluated  with the inputs of \d+ vectors: equal$", result.output, re.M)
    for place in re.findall(r"(\S+\.(?:py|spthy)):(\d+)", result.output):
        lines = Path(place[0]).read_text(encoding="utf-8").splitlines()
        assert lines[int(place[1]) - 1].strip()


def test_a_vector_that_is_not_the_terms_value_is_named(tmp_path: Path) -> None:
    path = VECTORS / "test-session-keys.json"
    content = json.loads(path.read_text(encoding="utf-8"))
    content["testGroups"][0]["tests"][1]["t3"] = "00" * 16
    (tmp_path / path.name).write_text(json.dumps(content), encoding="utf-8")
    result = run("t3", "--vectors", str(tmp_path))
    assert result.exit_code == 1
    assert "test-session-keys.json tcId 2: the term is " in result.output
    assert "1 value is not what the model's term gives" in result.output


@pytest.mark.parametrize("link", LINKS, ids=lambda link: link.id)
def test_a_model_without_the_term_is_named(tmp_path: Path, link: Link) -> None:
    name = link.model
    path = tmp_path / f"{name}.spthy"
    path.write_text(f"theory {name}\nbegin\nend\n", encoding="utf-8")
    arguments = ["chain", link.id, "--models", str(tmp_path)]
    result = CliRunner().invoke(main, [*arguments, "--vectors", str(VECTORS)])
    assert result.exit_code == 3
    assert ": expected a " in result.output

"""What the README shows is what happens."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from click.testing import CliRunner
from owamp_vectors.catalogue import FILES
from owamp_vectors.commands.cli import main

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def block_after(marker: str) -> str:
    """The fenced block that follows a marker."""
    match = re.search(re.escape(marker) + r".*?```\w*\n(.*?)```", README, re.DOTALL)
    assert match, marker
    return match[1]


def test_ci_runs_the_two_commands_after_the_checks() -> None:
    lines = (ROOT / ".ci" / "run").read_text(encoding="utf-8").splitlines()
    commands = block_after("<!-- commands").splitlines()
    assert len(commands) == 2
    assert lines[-2:] == commands
    [check] = [number for number, line in enumerate(lines) if line == ".ci/check"]
    assert not any("generate" in line for line in lines[:check]), "vectors/ is as committed"


def test_output_of_generate_is_shown(tmp_path: Path) -> None:
    result = CliRunner().invoke(main, ["generate", "-o", str(tmp_path)])
    shown = block_after("<!-- output: owamp-vectors generate").splitlines()
    assert result.output.splitlines()[:-1] == shown[:-1]  # but for the time it took


def test_output_of_show_is_shown() -> None:
    arguments = ["show", "test-session-keys", "1", "--vectors", str(ROOT / "vectors")]
    result = CliRunner().invoke(main, arguments)
    shown = block_after("Compute the").split("\n", 1)[1]
    assert result.output.endswith(shown)


@pytest.mark.parametrize("name", FILES)
def test_readme_for_implementers_names_every_file(name: str) -> None:
    assert f"`{name}.json`" in (ROOT / "vectors" / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("page", ["README.md", "vectors/README.md"])
def test_links_lead_somewhere(page: str) -> None:
    path = ROOT / page
    links = re.findall(r"\]\(([^)#:]+)\)", path.read_text(encoding="utf-8"))
    assert all((path.parent / link).exists() for link in links), links

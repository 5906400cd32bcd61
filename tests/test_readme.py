"""What the README shows is what happens."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from click.testing import CliRunner
from owamp_reference import __version__
from owamp_vectors.catalogue import FILES
from owamp_vectors.commands.cli import COMMANDS, main

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
    shown = block_after("`show` prints any case").split("\n", 1)[1]
    assert result.output.endswith(shown)


@pytest.mark.parametrize("name", FILES)
def test_readme_for_implementers_names_every_file(name: str) -> None:
    assert f"`{name}.json`" in (ROOT / "vectors" / "README.md").read_text(encoding="utf-8")


WYCHEPROOF = """
    algorithm generatorVersion header notes numberOfTests schema testGroups, type source tests,
    tcId comment flags result
"""
"""The members that its files, groups and cases have, whatever is tested."""


@pytest.mark.parametrize("name", FILES)
def test_readme_for_implementers_names_what_wycheproof_does_not_have(name: str) -> None:
    schema = json.loads(text_of(f"vectors/schema/{name}.schema.json"))
    defined = [item.get("properties", {}) for item in schema["$defs"].values()]
    file, groups = schema["properties"], [item for item in defined if "tests" in item]
    cases = {k: v for group in groups for k, v in group["tests"]["items"]["properties"].items()}
    ours = (file, {k: v for group in groups for k, v in group.items()}, cases)
    text = " ".join(text_of("vectors/README.md").split())
    said = re.search(r"not in Wycheproof: (of a file .*); (of a group .*); (of a case .*?)\.", text)
    assert said
    for part, theirs, members in zip(said.groups(), WYCHEPROOF.split(","), ours, strict=True):
        fixed = {member for member, about in members.items() if "x-role" not in about}
        assert set(re.findall("`(.*?)`", part)) == fixed - set(theirs.split())


PAGES = (
    "README.md",
    "SECURITY.md",
    "CONTRIBUTING.md",
    "vectors/README.md",
    "vectors/EXAMPLES.md",
    "models/README.md",
    "adapters/README.md",
)


def text_of(page: str) -> str:
    return (ROOT / page).read_text(encoding="utf-8")


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as forges make them."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.M)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page: str) -> None:
    links = re.findall(r"\]\(([^):#]*)(?:#([^)]+))?\)", text_of(page))
    for path, anchor in links:
        target = (ROOT / page).parent / path if path else ROOT / page
        assert target.exists(), path
        assert not anchor or anchor in anchors(target), f"{path}#{anchor}"


def commands(page: str) -> Iterator[list[str]]:
    """The command lines of owamp-vectors in the blocks of a page, split as a shell does."""
    for block in re.findall(r"```sh\n(.*?)```", text_of(page), re.DOTALL):
        for line in block.replace("\\\n", " ").splitlines():
            for part in re.split(r"&&|[&|>]", line.split(" #")[0]):
                words = shlex.split(part.strip(" ()"))
                if words and Path(words[0]).name == "owamp-vectors":
                    yield words[1:]


@pytest.mark.parametrize("page", PAGES)
def test_each_command_line_is_one_that_the_command_takes(page: str) -> None:
    for name, *arguments in commands(page):
        command = main.get_command(click.Context(main), name)
        assert command is not None, name
        command.make_context(name, arguments)  # raises a usage error


def test_the_options_that_commands_share_are_those_of_the_readme() -> None:
    def without(option: str) -> list[str]:
        commands = {name: main.get_command(click.Context(main), name) for name in COMMANDS}
        return [
            f"`{name}`"
            for name, command in commands.items()
            if command and not any(option in parameter.opts for parameter in command.params)
        ]

    no_json, no_quiet = without("--json"), without("--quiet")
    also = " and ".join(name for name in no_quiet if name not in no_json)
    said = " ".join(README.split())
    assert f"Every command except {' and '.join(no_json)} has `--json FILE`" in said
    assert f"All of these except {also} have `-q`" in said


RUN = re.compile(r"<!-- run(?:: (\w+))?(?:; prints: (.*?))? -->\n```sh\n(.*?)```", re.DOTALL)


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory that looks like the checkout, and the command on PATH."""
    for name in ("vectors", "models", "adapters"):
        (tmp_path / name).symlink_to(ROOT / name)
    command = tmp_path / "bin" / "owamp-vectors"
    command.parent.mkdir()
    command.write_text(
        f'#!/bin/sh\nexec {sys.executable} -m owamp_vectors "$@"\n', encoding="utf-8"
    )
    command.chmod(0o755)
    monkeypatch.setenv("PATH", f"{command.parent}{os.pathsep}{os.environ['PATH']}")
    return tmp_path


@pytest.mark.parametrize(
    ("tool", "prints", "block"), RUN.findall(README), ids=lambda found: found.split(" ")[0][:20]
)
def test_blocks_can_be_pasted(here: Path, tool: str, prints: str, block: str) -> None:
    for needed in filter(None, ("bash", tool, "openssl" if "openssl" in block else "")):
        if shutil.which(needed) is None:
            pytest.skip(f"needs {needed}")
    script = ["bash", "-euc", block]
    found = subprocess.run(script, cwd=here, capture_output=True, text=True, check=False)
    assert found.returncode == 0, found.stderr
    assert prints in found.stdout


def test_citation_names_the_version() -> None:
    assert f"\nversion: {__version__}\n" in text_of("CITATION.cff")

"""Which rooms of the package a room, or a start of the command, imports."""

from __future__ import annotations

import subprocess
import sys

import pytest

ROOMS = """
import sys
print(*sorted({name.split(".")[1] for name in sys.modules if name.startswith("owamp_vectors.")}))
print(*sorted({name.split(".")[0] for name in sys.modules}))
"""
WHOLE_ROOM = """
import importlib, pkgutil
room = importlib.import_module("owamp_vectors.{0}")
for module in pkgutil.walk_packages(getattr(room, "__path__", ()), room.__name__ + "."):
    importlib.import_module(module.name)
"""
COMMAND = """
from owamp_vectors.commands.cli import main
try:
    main(["{0}"])
except SystemExit as end:
    assert not end.code
"""


def imported(code: str) -> tuple[set[str], set[str]]:
    """The rooms, and all top-level packages, that a program has in the end."""
    command = [sys.executable, "-c", code + ROOMS]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    rooms, packages = ran.stdout.splitlines()[-2:]
    return set(rooms.split()), set(packages.split())


@pytest.mark.parametrize("option", ["--help", "--version"])
def test_the_command_starts_without_what_its_subcommands_need(option: str) -> None:
    rooms, packages = imported(COMMAND.format(option))
    assert rooms == {"commands", "disk", "words"}
    assert not packages & {"cryptography", "jinja2", "jsonschema", "asyncio"}


@pytest.mark.parametrize(
    ("room", "below"),
    [
        ("disk", set()),
        ("json_schema", set()),
        ("jinja", set()),
        ("vectors", {"disk", "json_schema"}),
        ("mistakes", {"vectors"}),
        ("claims", {"disk", "jinja", "json_schema", "vectors", "words"}),
        ("live.secrets", {"disk"}),
    ],
)
def test_a_room_imports_those_below_it_alone(room: str, below: set[str]) -> None:
    rooms, _ = imported(WHOLE_ROOM.format(room))
    assert rooms == {room.split(".", maxsplit=1)[0]} | below

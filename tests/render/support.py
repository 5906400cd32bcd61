"""What the tests of the renderings share: rendering by the command, and its parts."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from click.testing import CliRunner, Result
from owamp_vectors.catalogue import FILES
from owamp_vectors.commands.cli import main
from owamp_vectors.vectors.declaration import Field, GroupType

from ..support import VECTORS

TYPES = [(file, group_type) for file in FILES.values() for group_type in file.types]


def render(form: str, directory: Path | None, *arguments: str) -> Result:
    """Run the command; without a directory, for its default."""
    vectors = () if "--vectors" in arguments else ("--vectors", str(VECTORS))
    output = () if directory is None else ("-o", str(directory))
    return CliRunner().invoke(main, ["render", form, *output, *vectors, *arguments])


def snake(name: str) -> str:
    """The name of a value or a type in C and Python."""
    return re.sub("([A-Z])", r"_\1", name.replace("-", "_")).lower().lstrip("_")


def values_of(group_type: GroupType) -> Iterator[tuple[Field, bool]]:
    """The values of a case, and whether each is an output."""
    yield from ((item, False) for item in group_type.inputs)
    yield from ((item, True) for item in group_type.outputs)

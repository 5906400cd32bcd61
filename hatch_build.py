"""What the wheel brings beside the code: the vectors and the models, which are on top here."""

from __future__ import annotations

from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

DATA = ("models", "vectors")


class DataHook(BuildHookInterface):  # type: ignore[misc, type-arg, unused-ignore]
    """Puts the data into the package; an editable install reads it where it is."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Add the directories to a wheel of the version "standard"."""
        if version == "standard":
            build_data["force_include"] |= {name: f"owamp_vectors/data/{name}" for name in DATA}

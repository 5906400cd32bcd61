"""Names on the command line: of vector files, models, claims; with their completion."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import click
from click.shell_completion import CompletionItem

from ..catalogue import FILES
from ..claims.declared import claim_ids
from ..disk import FileError
from ..words import unknown
from .options import TextType, data_directory


class Named(TextType):
    """One of the names that exist."""

    name = "name"

    def __init__(self, kind: str, known: Callable[[], Iterable[str]]) -> None:
        self._kind, self._known = kind, known

    def convert(self, value: Any, param: Any, ctx: Any) -> str:
        """The name; fails with the nearest ones."""
        known = list(self._known())
        if value not in known:
            self.fail(unknown(self._kind, value, known), param, ctx)
        return str(value)

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        """The names that begin like this."""
        del ctx, param
        return [CompletionItem(name) for name in self._known() if name.startswith(incomplete)]


class VectorFileName(Named):
    """A vector file: ``token``, ``token.json`` and a path to it mean the same.

    The value is relative to the directory of the vectors: a path that exists is made absolute.
    """

    def __init__(self) -> None:
        super().__init__("vector file", lambda: FILES)

    def convert(self, value: Any, param: Any, ctx: Any) -> str:
        """The file, relative to the directory of the vectors; fails with the nearest names."""
        path = Path(value)
        if path.suffix == ".json" and path.is_file():
            return str(path.resolve())
        bare = path.name if path.parent.is_dir() else str(value)
        return f"{super().convert(bare.removesuffix('.json'), param, ctx)}.json"


class ModelName(Named):
    """A model: ``rfc4656``, ``rfc4656.spthy`` and a path to it mean the same."""

    def __init__(self) -> None:
        super().__init__("model", _models)

    def convert(self, value: Any, param: Any, ctx: Any) -> str:
        """The name, which is looked up where the models are."""
        del param, ctx
        return Path(value).name.removesuffix(".spthy")


class ClaimId(Named):
    """A claim, which is looked up where the models are."""

    def __init__(self) -> None:
        super().__init__("claim", _claims)

    def convert(self, value: Any, param: Any, ctx: Any) -> str:
        """The name as it is."""
        del param, ctx
        return str(value)


def _models() -> list[str]:
    return sorted(path.stem for path in data_directory("models").glob("*.spthy"))


def _claims() -> list[str]:
    try:
        return claim_ids(data_directory("models"))
    except FileError:
        return []

"""The grammar of theories, GPL-3.0-or-later: the one module that loads it."""

from __future__ import annotations

from functools import cache
from typing import Any

INSTALL = "pip install 'owamp-vectors[models]'"


class NoGrammarError(Exception):
    """The extra ``models`` is not installed."""

    def __init__(self) -> None:
        super().__init__(f"reading models as terms needs the extra 'models': {INSTALL}")


@cache
def parser() -> Any:
    """The parser of theories. Raises `NoGrammarError`."""
    try:
        from py_tree_sitter_spthy import language  # noqa: PLC0415
        from tree_sitter import Parser  # noqa: PLC0415
    except ImportError:
        raise NoGrammarError from None
    return Parser(language())

"""What a row of the table is bound to: its dotted name, and the line that defines it."""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import FrameType, ModuleType
from typing import Any, TypeAlias

from .terms import Place


@dataclass(frozen=True)
class Attribute:
    """What a module or a class has under a name, and is neither a function nor a class."""

    owner: ModuleType | type
    name: str


Bound: TypeAlias = Callable[..., Any] | Attribute
"""A function or a class, itself; or an attribute."""


def dotted(bound: Bound) -> str:
    """The dotted name, such as ``owamp_reference.keys.derive_t3``."""
    if isinstance(bound, Attribute):
        owner = bound.owner
        of = owner.__name__ if isinstance(owner, ModuleType) else dotted(owner)
        return f"{of}.{bound.name}"
    return f"{bound.__module__}.{bound.__qualname__}"


def located(bound: Bound) -> Place:
    """The file and the line of the definition.

    Raises:
        LookupError: the owner defines no such attribute.
    """
    owner = bound.owner if isinstance(bound, Attribute) else bound
    lines, first = inspect.getsourcelines(owner)
    body: list[ast.stmt] = ast.parse(textwrap.dedent("".join(lines))).body
    if isinstance(owner, ModuleType):
        first = 1
    elif isinstance(bound, Attribute):
        [definition] = body
        body = definition.body if isinstance(definition, ast.ClassDef) else []
    path = Path(inspect.getsourcefile(owner) or "")
    for statement in body:
        if not isinstance(bound, Attribute) or bound.name in _assigned(statement):
            return Place(path, first + statement.lineno - 1)
    raise LookupError(dotted(bound))


def _assigned(statement: ast.stmt) -> list[str]:
    """The names that a statement gives a value or a type."""
    targets = statement.targets if isinstance(statement, ast.Assign) else []
    if isinstance(statement, ast.AnnAssign):
        targets = [statement.target]
    return [
        item.id for target in targets for item in ast.walk(target) if isinstance(item, ast.Name)
    ]


def written_at(depth: int) -> Place:
    """The line that is being executed, `depth` callers above the caller of this function."""
    frame: FrameType | None = inspect.currentframe()
    for _ in range(depth + 1):
        frame = frame.f_back if frame else None
    assert frame is not None
    return Place(Path(frame.f_code.co_filename), frame.f_lineno)

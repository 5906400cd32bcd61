"""All vector files, in the order in which an implementer meets them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from .disk import read_text
from .groups import (
    attacks,
    binding,
    control_stream,
    handshake,
    ikev2_kdf,
    messages,
    packets,
    session_keys,
    token,
    traces,
)
from .vectors.declaration import Json, VectorFile
from .vectors.stored import parse_vectors

_MODULES = (
    token,
    session_keys,
    ikev2_kdf,
    binding,
    control_stream,
    messages,
    packets,
    handshake,
    attacks,
    traces,
)
FILES: Mapping[str, VectorFile] = {module.FILE.name: module.FILE for module in _MODULES}


def parse_file(path: Path, text: str) -> tuple[VectorFile, Json]:
    """The declaration and the content of one of these files (`parse_vectors`)."""
    return parse_vectors(path, text, FILES)


def read_file(path: Path) -> tuple[VectorFile, Json]:
    """The declaration and the content of one of these files. Raises `FileError`."""
    return parse_file(path, read_text(path))

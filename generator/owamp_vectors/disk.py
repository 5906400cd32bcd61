"""Files on disk: written whole or not at all, read with one clear error for anything wrong."""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any


class FileError(Exception):
    """A file that cannot be read, written or used; the text is one line for people."""


def to_text(content: dict[str, Any]) -> str:
    """The one way in which JSON is written here."""
    return json.dumps(content, indent=2, ensure_ascii=False) + "\n"


def digest(text: str) -> str:
    """SHA-256 of a file's octets, in hex."""
    return hashlib.sha256(text.encode()).hexdigest()


def write_files(directory: Path, texts: Mapping[str, str | bytes]) -> None:
    """Write each text, or octets, under its relative name: either whole or not at all.

    Raises:
        FileError: the directory or a file cannot be written.
    """
    path = directory
    try:
        for name, text in texts.items():
            path = directory / name
            path.parent.mkdir(parents=True, exist_ok=True)
            write_atomically(path, text)
    except OSError as error:
        raise FileError(f"{path}: cannot be written: {error.strerror or error}") from None


def write_private(path: Path, text: str) -> None:
    """Write a file that only its owner can read, whole or not at all. Raises `FileError`."""
    try:
        write_atomically(path, text, 0o600)
    except OSError as error:
        raise FileError(f"{path}: cannot be written: {error.strerror or error}") from None


def write_atomically(path: Path, text: str | bytes, mode: int = 0o666) -> None:
    """Replace a file by way of a temporary one beside it, so that no reader sees a part of it."""
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(text.encode() if isinstance(text, str) else text)
        umask = os.umask(0)
        os.umask(umask)
        Path(temporary).chmod(mode & ~umask)
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def read_text(path: Path) -> str:
    """A file's text. Raises `FileError` if it cannot be read or is not UTF-8."""
    try:
        return path.read_bytes().decode()
    except OSError as error:
        raise FileError(f"{path}: cannot be read: {error.strerror or error}") from None
    except UnicodeDecodeError as error:
        raise FileError(f"{path}: not UTF-8 at offset {error.start}") from None


def shortened(value: object, limit: int = 80) -> str:
    """A value as JSON, or a line as it is, for people: printable and not too long."""
    text = value.decode(errors="replace") if isinstance(value, bytes) else json.dumps(value)
    text = "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in text)
    return (text if len(text) <= limit else text[: limit - 1] + "…") or "nothing"

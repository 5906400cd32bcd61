"""A site on disk: built beside its place, then moved there whole."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path

from ..disk import FileError

MARK = '<meta name="generator" content="owamp-vectors report"/>'
"""What every page has in its head: a directory whose index.html has it may be replaced."""


def write_site(directory: Path, texts: Mapping[str, str]) -> None:
    """Put the files of a site into a directory that has then nothing else in it.

    They are written to a temporary directory beside it, which then takes its place: a reader sees
    the old site or the new one. A directory that holds anything but a report is left alone.

    Raises:
        FileError: the directory is not empty and no report, or cannot be written.
    """
    target = directory.resolve()
    try:
        _check_replaceable(directory, target)
        target.parent.mkdir(parents=True, exist_ok=True)
        work = Path(tempfile.mkdtemp(dir=target.parent, prefix=f".{target.name}."))
    except OSError as error:
        raise FileError(f"{directory}: cannot be written: {error.strerror or error}") from None
    try:
        new, old = work / "new", work / "old"
        new.mkdir()
        for name, text in texts.items():
            path = new / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8", newline="\n")
        _swap(target, new, old)
    except OSError as error:
        raise FileError(f"{directory}: cannot be written: {error.strerror or error}") from None
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _check_replaceable(directory: Path, target: Path) -> None:
    if not target.exists():
        return
    if not target.is_dir():
        raise FileError(f"{directory}: expected a directory, found a file")
    index = target / "index.html"
    is_report = index.is_file() and MARK in index.read_text(encoding="utf-8", errors="replace")
    if not is_report and any(target.iterdir()):
        raise FileError(f"{directory}: expected an earlier report or nothing, found other files")


def _swap(target: Path, new: Path, old: Path) -> None:
    """Move the new directory to its place; if that fails, the old one is there again."""
    if target.exists():
        target.replace(old)
    try:
        new.replace(target)
    except OSError:
        if old.exists():
            old.replace(target)
        raise

"""The program ``xml2rfc``: text and HTML from RFCXML, with whatever it warns of as an error."""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from datetime import date
from importlib.util import find_spec
from pathlib import Path

from ..disk import read_text, write_file
from .draft_evidence import DraftError

COLUMNS = 72
"""Lines of an Internet-Draft are at most so long."""

_TIMEOUT = 300
_QUIET = re.compile(r"\s*(Created file .*)?")
"""Lines of xml2rfc that say nothing is wrong."""


class NoXml2rfcError(Exception):
    """xml2rfc is not installed; the text is one line for people."""


def need_xml2rfc() -> None:
    """Raise `NoXml2rfcError` unless the extra ``draft`` is installed."""
    if find_spec("xml2rfc") is None:
        raise NoXml2rfcError("xml2rfc is not installed: pip install 'owamp-vectors[draft]'")


def convert(name: str, source: str, day: date) -> dict[str, str]:
    """Text and HTML of a document: ``<name>.txt`` and ``<name>.html`` with their contents.

    xml2rfc sees no network, no configuration and no older cache.

    Args:
        name: of the files, without extension.
        source: the document, without a date.
        day: its date.
    Raises:
        DraftError: xml2rfc fails or warns of something, or a line is too long.
        NoXml2rfcError: xml2rfc is not installed.
    """
    need_xml2rfc()
    with tempfile.TemporaryDirectory(prefix="owamp-vectors-") as temporary:
        directory = Path(temporary)
        write_file(directory / f"{name}.xml", source)
        (directory / "cache").mkdir()
        command = [sys.executable, "-m", "xml2rfc.run", "--skip-config-files", "--no-network"]
        command += ["--cache", "cache", "--date", day.isoformat(), "--text", "--html"]
        command += ["--no-rfc-local", f"{name}.xml"]
        try:
            result = subprocess.run(  # noqa: S603  # our own arguments, no shell
                command,
                cwd=directory,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                encoding="utf-8",
                errors="replace",
                timeout=_TIMEOUT,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise DraftError(f"xml2rfc: not ready after {_TIMEOUT} s") from None
        said = (result.stdout + result.stderr).replace(f"{directory}/", "").splitlines()
        wrong = [line.strip() for line in said if not _QUIET.fullmatch(line)]
        if wrong or result.returncode:
            more = f" (and {len(wrong) - 1} more lines)" if len(wrong) > 1 else ""
            first = wrong[0] if wrong else f"exit code {result.returncode}"
            raise DraftError(f"xml2rfc: {first}{more}")
        texts = {
            f"{name}.{kind}": read_text(directory / f"{name}.{kind}") for kind in ("txt", "html")
        }
    for number, line in enumerate(texts[f"{name}.txt"].splitlines(), 1):
        if len(line) > COLUMNS:
            raise DraftError(f"{name}.txt:{number}: {len(line)} columns: {line.strip()}")
    return texts

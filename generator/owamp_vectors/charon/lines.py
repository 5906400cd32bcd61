"""Lines of a log of charon: who wrote them, and the rows of octets below them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from .log import LogError

_LINE = re.compile(
    r"(?:.*?\s)??(?P<thread>\d{2,})\[(?P<group>[A-Z]{3})\] "
    r"(?:<(?:[^>|]*\|)?(?P<sa>\d+)> )?(?P<text>.*)"
)
_ROW = re.compile(r" *(?P<offset>\d+): (?P<octets>(?:[0-9A-F]{2} ){0,15}[0-9A-F]{2})(?: |$)")
_ROW_SIZE = 16


@dataclass(frozen=True)
class Line:
    """A line of a log.

    Attributes:
        number: from 1.
        thread, group: who wrote it, and what it is about: ``IKE``, ``CHD``, ``ENC`` and more.
        sa: the number that the daemon gives to the IKE SA; empty if the line names none.
    """

    number: int
    thread: str
    group: str
    sa: str
    text: str


def read_line(lines: Sequence[str], number: int) -> Line | None:
    """The line with a number, from 1; None past the end, or if it is not of charon's form."""
    match = _LINE.fullmatch(lines[number - 1]) if number <= len(lines) else None
    if match is None:
        return None
    return Line(number, match["thread"], match["group"], match["sa"] or "", match["text"])


def octets_below(lines: Sequence[str], head: Line, name: str, size: int) -> bytes:
    """The octets, `size` in all, in the rows below a line: 16 in each but the last.

    Raises:
        LogError: a row is missing, cut, or of another thread.
    """
    octets = b""
    for number in range(head.number + 1, head.number + 1 + rows_of(size)):
        row = read_line(lines, number)
        match = _ROW.match(row.text) if row is not None else None
        size_here = min(_ROW_SIZE, size - len(octets))
        where = f"line {number}: {name}: expected {size_here} octets at offset {len(octets)}"
        if row is None or match is None or (row.thread, row.group) != (head.thread, head.group):
            raise LogError(f"{where}, found none")
        # The same octets follow as characters, which may look like more of them.
        found = bytes.fromhex(match["octets"][: 3 * size_here])
        if len(found) < size_here or int(match["offset"]) != len(octets):
            raise LogError(f"{where}, found {len(found)} at offset {match['offset']}")
        octets += found
    return octets


def rows_of(size: int) -> int:
    """How many rows so many octets take."""
    return -(-size // _ROW_SIZE)

"""A report on a connection: one step for each message or event, as text and as JSON."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import Enum
from typing import TypeAlias

from owamp_reference.events import TestSession
from owamp_reference.layout import Layout

from ...disk import printable
from ...vectors.declaration import Json
from ...vectors.show import dump_lines, layout_lines

_INDENT = "    "


class Who(Enum):
    """Who sent a message, or what an event is about."""

    CLIENT = "client"
    SERVER = "server"
    SENDER = "sender"
    RECEIVER = "receiver"
    REFLECTOR = "reflector"
    CONNECTION = "connection"


class Severity(Enum):
    """What the report says of something: as the RFC asks, not so, or neither."""

    OK = "ok"
    NOTE = "note"
    WRONG = "wrong"


_ORDER = list(Severity)


@dataclass(frozen=True)
class Remark:
    """One thing that is right, remarkable or wrong.

    Attributes:
        text: one line for people; it holds no secret.
        source: the section, such as ``RFC 4656 §3.1``; empty if no RFC is meant.
    """

    severity: Severity
    text: str
    source: str = ""


Judged: TypeAlias = tuple[str, list[Remark]]
"""What to say of a message if all is well, and what is wrong or remarkable in it."""


@dataclass(frozen=True)
class Part:
    """Octets of a message in plaintext, with the layout that divides them into fields.

    Without a layout they are padding, an HMAC, or octets that could not be decrypted: `title`.
    """

    octets: bytes
    layout: Layout | None = None
    title: str = ""


@dataclass(frozen=True)
class Step:
    """A message that was seen, or an event such as the end of a connection.

    Attributes:
        name: of the message as in the RFC (``Server-Greeting``), or of the event.
        who: who sent it.
        remarks: what is right or wrong in it, at least one.
        octets: the message as it was on the wire.
        parts: its plaintext in fields, in order; empty if it could not be read.
        time: nanoseconds since 1970-01-01 UTC, None if not known.
        session: the test session that is meant, where there are several.
        tested: the session of a test packet.
        units: the octets of a message, cut after each HMAC; empty if it has none.
    """

    name: str
    who: Who
    remarks: tuple[Remark, ...]
    octets: bytes = b""
    parts: tuple[Part, ...] = ()
    time: int | None = None
    session: str = ""
    tested: TestSession | None = field(default=None, repr=False)
    units: tuple[bytes, ...] = ()

    @property
    def main(self) -> Remark:
        """The gravest remark, the first of several."""
        return max(self.remarks, key=lambda remark: _ORDER.index(remark.severity))

    @property
    def severity(self) -> Severity:
        """That of the gravest remark."""
        return self.main.severity

    @property
    def source(self) -> str:
        """The section of the gravest remark."""
        return self.main.source

    @property
    def text(self) -> str:
        """The line of the gravest remark."""
        return self.main.text


def right(text: str, source: str = "") -> Remark:
    """A remark that something is as it should be."""
    return Remark(Severity.OK, text, source)


def wrong(text: object, source: str) -> Remark:
    """A remark that something is wrong."""
    return Remark(Severity.WRONG, str(text), source)


def note(text: object, source: str = "") -> Remark:
    """A remark that is neither right nor wrong."""
    return Remark(Severity.NOTE, str(text), source)


def any_wrong(steps: Iterable[Step]) -> bool:
    """Whether a step says that something is wrong."""
    return any(item.severity is Severity.WRONG for item in steps)


def _time_text(time: int) -> str:
    seconds, nanoseconds = divmod(time, 10**9)
    try:
        moment = datetime.fromtimestamp(0, UTC) + timedelta(seconds=seconds)
    except OverflowError:
        return f"{seconds}.{nanoseconds:09} s"
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{nanoseconds:09}Z"


def text_lines(steps: Iterable[Step], octets: bool = False) -> Iterator[str]:
    """The report as text: a line for each step and each further remark in it.

    Args:
        octets: also the octets of each message, divided into fields.
    """
    for number, item in enumerate(steps, 1):
        yield from step_lines(number, item, octets)


def step_lines(number: int, item: Step, octets: bool = False) -> Iterator[str]:
    """One step of `text_lines`, with its number."""
    remarks = sorted(item.remarks, key=lambda remark: remark is not item.main)
    for place, remark in enumerate(remarks):
        name = f"{item.name} ({item.session})" if item.session else item.name
        head = f"{number:4}  {item.who.value:10}  {name}" if not place else f"{'':18}"
        source = f" ({remark.source})" if remark.source else ""
        text = f"{head}  {remark.severity.value}: {remark.text}{source}"
        yield printable(text)
    if octets:
        if item.time is not None:
            yield f"{_INDENT * 2}at {_time_text(item.time)}"
        yield from (_INDENT * 2 + line for line in _octet_lines(item))


def _octet_lines(item: Step) -> Iterator[str]:
    if not item.parts:
        yield from dump_lines(item.octets)
    for part in item.parts:
        if part.layout is not None:
            if part is not item.parts[0]:
                yield part.layout.title
            yield from layout_lines(part.layout, part.octets)
        elif part.octets:
            yield f"{part.title}, {len(part.octets)} octets"
            yield from dump_lines(part.octets)


def steps_to_json(steps: Iterable[Step]) -> Json:
    """The report as JSON: octets in lower-case hex, integers as numbers."""
    listed = list(steps)
    numbers = {severity.value: 0 for severity in Severity}
    for item in listed:
        numbers[item.severity.value] += 1
    return {"numberOfSteps": len(listed), "verdicts": numbers, "steps": [*map(_json, listed)]}


def _json(item: Step) -> Json:
    return {
        "name": item.name,
        "who": item.who.value,
        "session": item.session,
        "verdict": item.severity.value,
        "text": item.text,
        "source": item.source,
        "time": None if item.time is None else _time_text(item.time),
        "findings": [
            {"verdict": one.severity.value, "text": one.text, "source": one.source}
            for one in item.remarks
        ],
        "octets": item.octets.hex(),
        "parts": [_json_part(part) for part in item.parts],
    }


def _json_part(part: Part) -> Json:
    if part.layout is None:
        return {"title": part.title, "octets": part.octets.hex(), "fields": []}
    fields = []
    for offset, item in part.layout.offsets():
        chunk = part.octets[offset : offset + item.size]
        value: int | str = int.from_bytes(chunk, "big") if item.is_integer else chunk.hex()
        fields.append({"label": item.label, "offset": offset, "size": item.size, "value": value})
    return {"title": part.layout.title, "octets": part.octets.hex(), "fields": fields}

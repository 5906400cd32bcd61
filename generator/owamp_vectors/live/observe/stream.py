"""One direction of an observed control connection: octets in, messages with their remarks out."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from typing import TypeAlias

from owamp_reference import control
from owamp_reference.errors import ProtocolError
from owamp_reference.layout import LayoutField
from owamp_reference.messages import (
    FetchData,
    Message,
    PacketRecord,
    RequestSession,
    ScheduleSlot,
    SessionDescription,
    SkipRange,
    StopSessions,
    Want,
)

from .steps import Part, Remark, wrong

Conversation: TypeAlias = Generator[Want, bytes, None]

HMAC_SOURCE = "RFC 4656 §3.2"


class Stream:
    """Reads one direction by a conversation that says what it wants next, as the endpoints do.

    Unlike an endpoint it goes on after a wrong HMAC, and keeps the octets for the report.

    Attributes:
        receiver: decrypts and checks; `make_receiver` makes another for what follows.
        time: of the last octets.
        is_closed: whether the connection has ended in this direction.
        is_verified: whether an HMAC has been right.
        unread: octets that could not be told apart into messages.
    Args:
        failed: called with what the conversation could not read, before the stream gives up.
        max_message_size: octets between two HMACs that it is willing to hold.
    """

    def __init__(
        self,
        conversation: Conversation,
        failed: Callable[[ProtocolError], None],
        max_message_size: int,
    ) -> None:
        self.receiver: control.Receiver = control.OpenReceiver()
        self.make_receiver: Callable[[], control.Receiver] | None = None
        self.time: int | None = None
        self.is_closed = self.is_verified = False
        self.unread = 0
        self._failed = failed
        self._max_message_size = max_message_size
        self._inbox = bytearray()
        self._wire = bytearray()
        self._segments = [b""]
        self._remarks: list[Remark] = []
        self._conversation: Conversation | None = conversation
        self._want = next(conversation)

    @property
    def is_readable(self) -> bool:
        """Whether the next octets can still be told apart into messages."""
        return self._conversation is not None

    @property
    def is_inside_message(self) -> bool:
        """Whether the last message is incomplete."""
        return self.is_readable and bool(self._inbox or self._wire)

    def feed(self, data: bytes, time: int | None) -> None:
        """Take octets in pieces of any size. Raises nothing."""
        self.time = time
        self._inbox += data
        while self._conversation is not None and len(self._inbox) >= self._want.size:
            chunk = bytes(self._inbox[: self._want.size])
            del self._inbox[: self._want.size]
            try:
                self._want = self._conversation.send(self._read(chunk))
                held = len(self._segments[-1]) + self._want.size
                if held > self._max_message_size:
                    expected = f"at most {self._max_message_size} octets (configured)"
                    raise ProtocolError("message", expected, f"{held} octets")
            except ProtocolError as error:
                self._conversation = None
                self._failed(error)
            except StopIteration:
                self._conversation = None
        if self._conversation is None:
            self.unread += len(self._inbox)
            self._inbox.clear()

    def _read(self, chunk: bytes) -> bytes:
        self._wire += chunk
        if self.make_receiver is not None:
            self.receiver, self.make_receiver = self.make_receiver(), None
        if not self._want.is_hmac:
            text = self.receiver.read(chunk)
            self._segments[-1] += text
            return text
        try:
            self.receiver.read_hmac(chunk)
            self.is_verified = True
        except ProtocolError as error:
            self._remarks.append(wrong(error, HMAC_SOURCE))
        if isinstance(self.receiver, control.OpenReceiver) and any(chunk):
            problem = "HMAC: expected zeros in the unauthenticated mode, found others"
            self._remarks.append(wrong(problem, HMAC_SOURCE))
        self._segments.append(b"")
        return b""

    def give_up(self) -> None:
        """Read no more; what is incomplete counts as unread."""
        if self._conversation is not None:
            self._conversation = None
            self.unread += len(self._wire) + len(self._inbox)
            self._wire.clear()
            self._inbox.clear()

    def take(self) -> tuple[bytes, list[bytes], list[Remark]]:
        """What was read since the last call: octets on the wire, text between HMACs, remarks."""
        taken = bytes(self._wire), self._segments, self._remarks
        self._wire.clear()
        self._segments, self._remarks = [b""], []
        return taken

    def take_unread(self) -> int:
        """How many octets were not read since the last call."""
        unread, self.unread = self.unread, 0
        return unread


def _records(data: bytes, kind: type[SkipRange | PacketRecord], number: int) -> Iterator[Part]:
    size = kind.LAYOUT.size
    for start in range(0, number * size, size):
        yield Part(data[start : start + size], kind.LAYOUT)
    yield Part(data[number * size :], title="Padding")


def _description_parts(data: bytes, item: SessionDescription) -> Iterator[Part]:
    head = SessionDescription.LAYOUT.size
    yield Part(data[:head], SessionDescription.LAYOUT)
    yield from _records(data[head:], SkipRange, len(item.skip_ranges))


def divide(message: Message | FetchData, segments: list[bytes]) -> list[Part]:
    """The text of a message in parts, each with its layout."""
    if isinstance(message, FetchData):
        _, _, ranges, records, *_ = segments
        return [
            *divide(message.request, segments),
            *_records(ranges, SkipRange, len(message.skip_ranges)),
            *_records(records, PacketRecord, len(message.records)),
        ]
    size = message.LAYOUT.size
    parts = [Part(segments[0][:size], message.LAYOUT)]
    if isinstance(message, RequestSession):
        slot = ScheduleSlot.LAYOUT
        starts = range(0, len(segments[1]), slot.size)
        parts += [Part(segments[1][start : start + slot.size], slot) for start in starts]
    elif isinstance(message, StopSessions):
        rest = segments[0][size:]
        for item in message.sessions:
            length = len(item.to_octets())
            parts += _description_parts(rest[:length], item)
            rest = rest[length:]
    return parts


def not_zero(text: bytes, canonical: bytes, parts: list[Part]) -> tuple[str, bool] | None:
    """The first field of `text` that should be zero and is not: its name, and whether it is only
    "Unused"; None if there is none. `canonical` is the same message as the reference writes it.
    """
    if text == canonical:
        return None
    pairs = zip(text, canonical, strict=True)
    place = next(offset for offset, (found, zero) in enumerate(pairs) if found != zero)
    start = 0
    for part in parts:
        end = start + len(part.octets)
        if start <= place < end:
            label = part.title or _field_at(part, place - start).label
            where = f"offset {place - start}" + (f" of {part.layout.title}" if part.layout else "")
            return f"{label} at {where}", label == "Unused"
        start = end
    raise AssertionError("the parts do not cover the text")


def _field_at(part: Part, place: int) -> LayoutField:
    assert part.layout is not None
    return next(
        field for offset, field in part.layout.offsets() if offset <= place < offset + field.size
    )

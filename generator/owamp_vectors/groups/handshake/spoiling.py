"""What one end is given that another may have spoiled, and what it then does."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from owamp_reference import primitives
from owamp_reference.connection import State
from owamp_reference.events import Closed, Event
from owamp_reference.messages import FetchData, Message

from ...vectors.declaration import Field, Json
from ..changes import flipped, nearly_right, replaced

BEHAVIOUR = (
    Field("sent", "what this end sends: at first, then after each step", is_list=True),
    Field("ending", "whether it keeps the connection open", "string", values=("open", "closed")),
    Field(
        "because",
        "why it closes, in the reference's words; empty if it does not",
        "string",
        in_words=True,
    ),
)
"""What is compared of one end."""
STEPS = Field(
    "steps",
    "what happens to this end, in order; one that is closed, or not in the state for it, says "
    "nothing",
    "records",
    fields=(
        Field(
            "do",
            "whether octets arrive, or this end is told to send a message",
            "string",
            values=("receive", "say"),
        ),
        Field(
            "octets",
            "receive: what arrives, which may be any piece of what the other end sends; "
            "say: the message, in plaintext with HMACs of zeros",
        ),
    ),
)
"""What is done to one end."""


def receive(*pieces: bytes) -> list[Json]:
    """Steps in which octets arrive."""
    return [{"do": "receive", "octets": piece} for piece in pieces]


def say(*messages: Message) -> list[Json]:
    """Steps in which an end is told to send messages."""
    return [{"do": "say", "octets": message.to_octets()} for message in messages]


def behaviour(sent: list[bytes], events: Iterable[Event], state: State) -> Json:
    """The outputs `BEHAVIOUR`."""
    closed = [event for event in events if isinstance(event, Closed)]
    because = str(closed[0].error) if closed and closed[0].error else ""
    ending = "closed" if state is State.CLOSED else "open"
    return {"sent": sent, "ending": ending, "because": because}


@dataclass(frozen=True)
class Covered:
    """Where an HMAC stands in a stream.

    Attributes:
        text: what it covers, in plaintext.
        sealed: the last segment of `text`, encrypted.
        previous: what stood in the place of the HMAC before, in plaintext; empty for the first.
        t1, t2: the keys of the connection.
    """

    text: bytes
    sealed: bytes
    previous: bytes
    t1: bytes
    t2: bytes

    def hmac(self, text: bytes | None = None, key: bytes | None = None) -> bytes:
        """The right HMAC, or that of another text or with another key."""
        return primitives.hmac_sha1_128(key or self.t2, self.text if text is None else text)


Way: TypeAlias = Callable[[Covered], bytes]
"""What stands in the place of an HMAC, in plaintext."""


class Writer:
    """One direction of a control connection, honest until told otherwise.

    It knows the keys and encrypts all that it is given in one stream, right or wrong; so what
    follows something wrong decrypts as it should.

    Args:
        t1, t2, iv: T1, T2 and the IV of the direction; t1 empty in the unauthenticated mode.
    """

    def __init__(self, t1: bytes, t2: bytes, iv: bytes) -> None:
        self._t1, self._t2 = t1, t2
        self._encrypt = primitives.cbc_encryptor(t1, iv).update if t1 else bytes
        self._covered = self._previous = b""

    def text(self, text: bytes, instead: bytes | None = None) -> bytes:
        """Text that the next HMAC covers; `instead` is sent in its place, which it does not."""
        self._covered += text
        return self._encrypt(text if instead is None else instead)

    def hmac(self, way: Way | None, sealed: bytes) -> bytes:
        """The HMAC of the text since the last one, or what a `way` has in its place."""
        here = Covered(self._covered, sealed, self._previous, self._t1, self._t2)
        self._covered = b""
        if not self._t1:
            return bytes(primitives.HMAC_SIZE)
        self._previous = here.hmac() if way is None else way(here)
        return self._encrypt(self._previous)

    def write(
        self,
        message: Message | FetchData | Sequence[bytes],
        spoiled: Mapping[int, Way] | None = None,
        instead: Mapping[int, bytes] | None = None,
    ) -> bytes:
        """The octets of a message, or of segments that an HMAC follows each.

        Args:
            spoiled: what stands in the place of the HMAC, by the number of the segment.
            instead: other texts than those that the HMACs cover, by the number of the segment.
        """
        segments = message if isinstance(message, Sequence) else message.segments()
        octets = b""
        for number, segment in enumerate(segments):
            sealed = self.text(segment, (instead or {}).get(number))
            octets += sealed + self.hmac((spoiled or {}).get(number), sealed)
        return octets


WAYS: Mapping[str, Way] = {
    "one bit changed in its first octet": lambda here: flipped(here.hmac(), 0),
    "one bit changed in its last octet": lambda here: flipped(here.hmac(), -1),
    "16 zeros": lambda _: bytes(16),
    "right in its first 12 octets": lambda here: replaced(here.hmac(), 12, bytes(4)),
    "right in its first 15 octets": lambda here: flipped(here.hmac(), 15, 0xFF),
    "over the HMAC before it too": lambda here: here.hmac(here.previous + here.text),
    "over the ciphertext": lambda here: here.hmac(here.sealed),
    "under T1": lambda here: here.hmac(key=here.t1),
    "that of nothing": lambda here: here.hmac(b""),
    "that of the message before": lambda here: here.previous or here.hmac(b""),
}
"""Wrong HMACs, encrypted as they should be."""


def _nearly(number: int) -> Way:
    return lambda here: list(nearly_right(here.hmac()))[number][1]


NEARLY_RIGHT: Mapping[str, Way] = {
    name: _nearly(number) for number, (name, _) in enumerate(nearly_right(bytes(16)))
}
"""More of them, for a reader that compares an HMAC in part."""

"""The octets of TCP connections from their segments (RFC 9293)."""

from __future__ import annotations

from dataclasses import dataclass, field
from heapq import heappop, heappush

from .frames import TcpFlag, TcpSegment

_MODULUS = 2**32
_MAX_AHEAD = 2**30
"""The largest window that TCP can have (RFC 7323); what is further ahead is not believed."""


def _ahead(later: int, earlier: int) -> int:
    """How far `later` is after `earlier`, negative if before, modulo 2^32."""
    return (later - earlier + _MODULUS // 2) % _MODULUS - _MODULUS // 2


@dataclass
class Reassembly:
    """One direction of a connection.

    Attributes:
        next: the sequence number of the next octet, None before the first segment.
        gap: octets that the receiver acknowledged but that were not captured; nothing is given
            after them.
        is_finished: whether all octets up to a FIN, or an RST, were given.
    """

    next: int | None = None
    gap: int = 0
    is_finished: bool = False
    _held: list[tuple[int, int, bytes]] = field(default_factory=list)
    """A heap: place, number, octets. A place is counted from the first octet, and does not wrap."""
    _longest: dict[int, int] = field(default_factory=dict)
    _given: int = 0
    _fin: int | None = None

    def add(self, segment: TcpSegment) -> bytes:
        """The octets that are in order by now and were not given before."""
        start = segment.sequence + bool(segment.flags & TcpFlag.SYN)
        if self.next is None:
            self.next = start % _MODULUS
        if segment.flags & TcpFlag.FIN:
            self._fin = (start + len(segment.payload)) % _MODULUS
        if segment.payload and not self.gap:
            self._hold(_ahead(start, self.next), segment.payload)
        given = self._take()
        if segment.flags & TcpFlag.RST or (self._fin is not None and self.next == self._fin):
            self.is_finished = True
        return given

    def _hold(self, ahead: int, payload: bytes) -> None:
        """Keep octets, unless as many are held of their place already."""
        place = self._given + ahead
        if abs(ahead) < _MAX_AHEAD and len(payload) > self._longest.get(place, 0):
            self._longest[place] = len(payload)
            heappush(self._held, (place, len(self._held), payload))

    def _take(self) -> bytes:
        """Held octets from `next` on; of octets that came twice the first stand."""
        assert self.next is not None
        given = bytearray()
        while self._held and self._held[0][0] <= self._given:
            place, _, data = heappop(self._held)
            self._longest.pop(place, None)
            fresh = data[self._given - place :]
            given += fresh
            self._given += len(fresh)
        self.next = (self.next + len(given)) % _MODULUS
        return bytes(given)

    def acknowledged(self, number: int) -> int:
        """The other end has everything before `number`: how many octets are missing here, once."""
        if self.next is None or self.gap or self.is_finished:
            return 0
        missing = _ahead(number, self.next)
        # A FIN takes a number too, and may itself not have been captured.
        if missing <= 1 or missing > _MAX_AHEAD:
            return 0
        self.gap = min(missing, self.unfilled() or missing)
        self._held.clear()
        self._longest.clear()
        return self.gap

    def unfilled(self) -> int:
        """Octets missing before those that are held, at the end of a capture."""
        if self.gap or not self._held:
            return 0
        return self._held[0][0] - self._given

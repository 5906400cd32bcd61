"""The octets of TCP connections from their segments (RFC 9293)."""

from __future__ import annotations

from dataclasses import dataclass, field

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
    _held: dict[int, bytes] = field(default_factory=dict)
    _fin: int | None = None

    def add(self, segment: TcpSegment) -> bytes:
        """The octets that are in order by now and were not given before."""
        start = segment.sequence + bool(segment.flags & TcpFlag.SYN)
        if self.next is None:
            self.next = start % _MODULUS
        if segment.flags & TcpFlag.FIN:
            self._fin = (start + len(segment.payload)) % _MODULUS
        if segment.payload and not self.gap and abs(_ahead(start, self.next)) < _MAX_AHEAD:
            start %= _MODULUS
            if len(segment.payload) > len(self._held.get(start, b"")):
                self._held[start] = segment.payload
        given = self._take()
        if segment.flags & TcpFlag.RST or (self._fin is not None and self.next == self._fin):
            self.is_finished = True
        return given

    def _take(self) -> bytes:
        """Held octets from `next` on; of octets that came twice the first stand."""
        assert self.next is not None
        given = bytearray()
        while True:
            ready = [start for start in self._held if _ahead(start, self.next) <= 0]
            if not ready:
                return bytes(given)
            for start in sorted(ready, key=lambda place: _ahead(place, self.next or 0)):
                data = self._held.pop(start)
                fresh = data[-_ahead(start, self.next) :]
                given += fresh
                self.next = (self.next + len(fresh)) % _MODULUS

    def acknowledged(self, number: int) -> int:
        """The other end has everything before `number`: how many octets are missing here, once."""
        if self.next is None or self.gap or self.is_finished:
            return 0
        missing = _ahead(number, self.next)
        # A FIN takes a number too, and may itself not have been captured.
        if missing <= 1 or missing > _MAX_AHEAD:
            return 0
        self.gap = min([missing, *(_ahead(start, self.next) for start in self._held)])
        self._held.clear()
        return self.gap

    def unfilled(self) -> int:
        """Octets missing before those that are held, at the end of a capture."""
        if self.next is None or self.gap or not self._held:
            return 0
        return min(_ahead(start, self.next) for start in self._held)

"""Octets that are changed in one place: what cases of every file need."""

from __future__ import annotations

from collections.abc import Iterator


def flipped(octets: bytes, offset: int, bits: int = 1) -> bytes:
    """Octets with bits changed in one of them."""
    return replaced(octets, offset, bytes([octets[offset] ^ bits]))


def replaced(octets: bytes, offset: int, new: bytes) -> bytes:
    """Octets with others in the place of those from an offset on."""
    offset %= len(octets)
    return octets[:offset] + new + octets[offset + len(new) :]


def nearly_right(octets: bytes) -> Iterator[tuple[str, bytes]]:
    """16 octets that a comparison in part takes for the right ones, with words for each.

    One bit of each octet is wrong, another bit in each. Twice the same difference is in two places,
    so that it is lost where differences are added up.
    """
    for offset in range(16):
        yield f"wrong in octet {offset} alone", flipped(octets, offset, 1 << offset % 8)
    for comment, places in (
        ("wrong by the same bit in octets 5 and 6", (5, 6)),
        ("wrong by the same bit in octets 2 and 10", (2, 10)),
    ):
        first, second = places
        yield comment, flipped(flipped(octets, first, 0x10), second, 0x10)

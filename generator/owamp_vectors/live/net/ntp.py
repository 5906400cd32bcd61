"""Arithmetic of 64-bit NTP times: 32 bits of seconds, 32 of fraction (RFC 4656 §4.1.2)."""

from __future__ import annotations

SECOND = 1 << 32


def seconds(interval: int) -> float:
    """An NTP interval in seconds."""
    return interval / SECOND


def signed(difference: int) -> int:
    """The difference of two NTP times, which wrap in 2036, as a signed number."""
    return (difference + 2**63) % 2**64 - 2**63

"""Arithmetic of 64-bit NTP times: 32 bits of seconds, 32 of fraction (RFC 4656 §4.1.2)."""

from __future__ import annotations

from datetime import UTC, datetime

from owamp_reference.sources import NTP_EPOCH_OFFSET

SECOND = 1 << 32


def seconds(interval: int) -> float:
    """An NTP interval in seconds."""
    return interval / SECOND


def signed(difference: int) -> int:
    """The difference of two NTP times, which wrap in 2036, as a signed number."""
    return (difference + 2**63) % 2**64 - 2**63


def date_text(stamp: int) -> str:
    """An NTP time as a date, from 1968 to 2104: without its first bit it is after 2036."""
    seconds = stamp >> 32
    if seconds < 2**31:
        seconds += 2**32
    return f"{datetime.fromtimestamp(seconds - NTP_EPOCH_OFFSET, UTC):%Y-%m-%d %H:%M:%S}Z"

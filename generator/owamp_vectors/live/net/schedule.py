"""The send schedule of an OWAMP test session (RFC 4656 §3.6, §5).

Sender and receiver compute the same schedule, so that a receiver knows when a lost packet was to
be sent. Times and intervals are 64-bit NTP.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from itertools import count, cycle

from owamp_reference.messages import ScheduleSlot
from owamp_reference.primitives import AES_BLOCK_SIZE, aes_ecb_encrypt

EXPONENTIAL, FIXED = 0, 1

STOP_INCREMENT = 0.1
"""Seconds that the side which sends waits beyond Timeout before Stop-Sessions, so that it does not
come too early for the last packet to count (§3.8)."""

_Q = (
    0,  # so that indices are those of §5.2
    0xB17217F8,
    0xEEF193F7,
    0xFD271862,
    0xFF9D6DD0,
    0xFFF4CFD0,
    0xFFFEE819,
    0xFFFFE7FF,
    0xFFFFFE2B,
    0xFFFFFFE0,
    0xFFFFFFFE,
    0xFFFFFFFF,
)
_LN2 = _Q[1]
_BLOCKS = 64  # encrypted at a time
_MASK = 2**64 - 1


def _uniform(sid: bytes) -> Iterator[int]:
    """32-bit numbers from AES under the SID (§5.3). The counter counts numbers, not blocks."""
    for first in count(0, 4 * _BLOCKS):
        counters = range(first, first + 4 * _BLOCKS, 4)
        text = b"".join(counter.to_bytes(AES_BLOCK_SIZE, "big") for counter in counters)
        yield from struct.unpack(f">{4 * _BLOCKS}I", aes_ecb_encrypt(sid, text))


def _times(a: int, b: int) -> int:
    return (a * b >> 32) & _MASK


def exponential_deviates(sid: bytes) -> Iterator[int]:
    """Exponentially distributed numbers of mean 1, as 32.32 fixed point (§5.1, algorithm S)."""
    numbers = _uniform(sid)
    for number in numbers:
        ones = 32 - (number ^ 0xFFFFFFFF).bit_length()  # before the first zero bit
        rest = (number << (ones + 1)) & 0xFFFFFFFF
        if rest < _LN2:
            yield _times(ones << 32, _LN2) + rest
            continue
        k = next((k for k in range(2, len(_Q)) if rest < _Q[k]), len(_Q))
        least = min(next(numbers) for _ in range(k))
        yield _times((ones << 32) + least, _LN2)


def send_times(sid: bytes, start_time: int, slots: Sequence[ScheduleSlot]) -> Iterator[int]:
    """When packet 0, 1, … is to be sent, without end (§3.6).

    Args:
        sid: 16 octets, the seed of the exponential slots.
        start_time: the time before the first slot, NTP.
        slots: at least one, of types 0 and 1.
    """
    deviates = exponential_deviates(sid)
    time = start_time
    for slot in cycle(slots):
        wait = slot.parameter
        if slot.slot_type == EXPONENTIAL:
            wait = _times(next(deviates), slot.parameter)
        time = (time + wait) & _MASK
        yield time

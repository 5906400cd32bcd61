"""Where random octets and the time come from, both parameters of the endpoints."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import TypeAlias

RandomSource: TypeAlias = Callable[[str, int], bytes]
"""Gives so many random octets; the label names what they are for ("Challenge", "T1", …)."""

Clock: TypeAlias = Callable[[], int]
"""Gives the time as a 64-bit NTP timestamp."""

NTP_EPOCH_OFFSET = 2_208_988_800
"""Seconds from 1900-01-01 to 1970-01-01."""


def system_random(label: str, size: int) -> bytes:
    """Octets from the operating system."""
    del label
    return os.urandom(size)


def ntp_timestamp(nanoseconds: int) -> int:
    """A time in nanoseconds since 1970 as a 64-bit NTP timestamp: seconds since 1900 in 32 bits,
    then a fraction of a second (RFC 4656 §4.1.2), rounded down.

    The seconds begin again with 0 on 2036-02-07 at 06:28:16 UTC.
    """
    seconds, rest = divmod(nanoseconds, 10**9)
    return (seconds + NTP_EPOCH_OFFSET) % 2**32 << 32 | (rest << 32) // 10**9


def system_clock() -> int:
    """The current time as a 64-bit NTP timestamp."""
    return ntp_timestamp(time.time_ns())

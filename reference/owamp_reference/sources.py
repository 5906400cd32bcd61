"""Where random octets and the time come from, both parameters of the endpoints."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import TypeAlias

RandomSource: TypeAlias = Callable[[str, int], bytes]
"""Gives so many random octets; the label names what they are for ("Challenge", "T1", …)."""


Clock: TypeAlias = Callable[[], int]
"""Gives the time as a 64-bit NTP timestamp (RFC 4656 §4.1.2)."""


NTP_EPOCH_OFFSET = 2_208_988_800
"""Seconds from 1900-01-01 to 1970-01-01."""


def system_random(label: str, size: int) -> bytes:
    """Octets from the operating system."""
    del label
    return os.urandom(size)


def system_clock() -> int:
    """The current time as a 64-bit NTP timestamp."""
    nanoseconds = time.time_ns()
    seconds, rest = divmod(nanoseconds, 10**9)
    return ((seconds + NTP_EPOCH_OFFSET) << 32 | (rest << 32) // 10**9) & (2**64 - 1)

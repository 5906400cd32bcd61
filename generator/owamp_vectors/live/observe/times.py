"""What is wrong with a timestamp by itself (RFC 4656 §4.1.2)."""

from __future__ import annotations

from owamp_reference.sources import NTP_EPOCH_OFFSET

from .steps import Remark, wrong

_DAY = 86_400
_YEAR_2001 = 10**9
"""The least number that is taken for seconds since 1970: a clock that is not set has less."""


def time_remarks(name: str, stamp: int, time: int | None, source: str) -> list[Remark]:
    """Whether a timestamp can be one: it is not zero, and does not count from 1970.

    Args:
        time: when it was seen, in nanoseconds since 1970; None if that is not known.
    """
    if not stamp:
        return [wrong(f"{name}: expected a time, found zeros", source)]
    seconds = stamp >> 32
    if time is not None and _YEAR_2001 < seconds < time // 10**9 + _DAY < NTP_EPOCH_OFFSET:
        text = f"{name}: expected seconds since 1900, found {seconds}, which are those since 1970"
        return [wrong(text, source)]
    return []

"""The send schedule of OWAMP."""

from __future__ import annotations

from itertools import islice, pairwise

from hypothesis import given
from hypothesis import strategies as st
from owamp_reference.messages import ScheduleSlot
from owamp_vectors.live.net.schedule import exponential_deviates, send_times

from ..reference.support import SID, keys_of


def test_a_million_deviates_are_those_of_the_rfc() -> None:
    """RFC 4656, appendix B, the first of its sums; the other three take as long."""
    sid = bytes.fromhex("2872979303ab47eeac028dab3829dab2")
    assert sum(islice(exponential_deviates(sid), 10**6)) == 0x000F4479BD317381


def test_fixed_slots_follow_each_other_in_a_circle() -> None:
    slots = (ScheduleSlot(1, 10), ScheduleSlot(1, 3))
    assert list(islice(send_times(SID, 100, slots), 5)) == [110, 113, 123, 126, 136]


def test_times_wrap_at_the_end_of_an_era() -> None:
    assert next(send_times(SID, 2**64 - 1, [ScheduleSlot(1, 3)])) == 2


@given(keys_of(16), st.integers(0, 2**40))
def test_exponential_slots_scale_with_their_mean(sid: bytes, mean: int) -> None:
    """The deviates are those of mean 1, multiplied; fixed slots between them use none up."""
    slots = [ScheduleSlot(0, mean), ScheduleSlot(1, 7)]
    times = [0, *islice(send_times(sid, 0, slots), 6)]
    waits = [later - earlier for earlier, later in pairwise(times)]
    deviates = list(islice(exponential_deviates(sid), 3))
    assert waits[1::2] == [7, 7, 7]
    assert waits[::2] == [deviate * mean >> 32 for deviate in deviates]

"""Profiles of hypothesis: the same examples everywhere, unless a longer search is asked for."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

settings.register_profile(
    "repeatable",
    deadline=None,
    derandomize=True,
    database=None,
    max_examples=25,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.register_profile("search", parent=settings.get_profile("repeatable"), derandomize=False)
settings.register_profile("long-search", parent=settings.get_profile("search"), max_examples=2000)
settings.load_profile("repeatable")  # another with pytest --hypothesis-profile=NAME

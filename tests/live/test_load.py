"""Under a bounded load, a client with a key completes its sessions; see `load` for a larger one."""

from __future__ import annotations

from pathlib import Path

import pytest
from owamp_vectors.live.serve.limits import ServiceLimits

from .load import SHARES, run_load
from .test_limits import several_hosts


@several_hosts
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="figures are Linux's")
def test_a_client_with_a_key_is_served_while_others_take_what_they_can(tmp_path: Path) -> None:
    figures = run_load(connections=300, seconds=3, folder=tmp_path)
    limits = ServiceLimits()
    assert figures.sessions
    assert not figures.failed
    assert set(figures.attempts) == set(SHARES)
    assert figures.descriptors < limits.connections + limits.all_sessions + 50
    assert figures.memory < 150
    assert figures.cpu > 0

"""The recorded logs, and what the logs of two peers have in common."""

from __future__ import annotations

from dataclasses import astuple
from pathlib import Path

from owamp_vectors.charon.log import CharonLog

DATA = Path(__file__).parent / "data"
ROLES = ("initiator", "responder")


def recorded(suite: str, role: str) -> str:
    """The text of a recorded log."""
    return (DATA / f"{suite}-{role}.log").read_text(encoding="utf-8")


def shared_view(log: CharonLog, *, swapped: bool) -> list[tuple[object, ...]]:
    """All that both peers must have logged alike; `swapped` turns the directions of ESP round."""
    seen: list[tuple[object, ...]] = []
    for sa in log.ike_sas:
        derived_from = (sa.old, sa.function, sa.ni, sa.nr, sa.shared_secret)
        seen.append((sa.spis, *derived_from, sa.skeyseed, *astuple(sa.keys)))
    for child in log.child_sas:
        esp = (child.spi_out, child.spi_in) if swapped else (child.spi_in, child.spi_out)
        seen.append((child.ike, *esp, child.ni, child.nr, child.shared_secret, child.keymat))
    return seen

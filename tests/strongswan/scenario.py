"""What the two daemons do for a suite, and the keys in their logs."""

from __future__ import annotations

from contextlib import suppress

from owamp_vectors.charon.log import CharonLog, LogError
from owamp_vectors.charon.reader import parse_log

from .daemons import Host, Pair
from .processes import wait_until


def keys_of(host: Host) -> CharonLog:
    """The keys that a daemon has logged; waits for what is only half in the log."""
    found: list[CharonLog | LogError] = []

    def is_whole() -> bool:
        try:
            found.append(parse_log(host.log()))
        except LogError as error:
            found.append(error)
        return isinstance(found[-1], CharonLog)

    with suppress(TimeoutError):
        wait_until(is_whole, "whole log")
    if isinstance(found[-1], LogError):
        raise found[-1]
    return found[-1]


def negotiate(pair: Pair) -> None:
    """An IKE SA and its child SA; a child SA with PFS; a rekeyed IKE SA; a child SA of that."""
    assert not pair.establish()
    pair.rekey_child()
    pair.rekey_ike()
    pair.rekey_child()

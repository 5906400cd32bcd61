"""What the two daemons do for a suite, and the keys in their logs."""

from __future__ import annotations

from owamp_vectors.live.charon import CharonLog, LogError
from owamp_vectors.live.charon_reader import parse

from .daemons import Host, Pair
from .processes import wait_until


def keys_of(host: Host) -> CharonLog:
    """The keys that a daemon has logged; waits for what is only half in the log."""
    problem = LogError("")

    def is_whole() -> bool:
        nonlocal problem
        try:
            parse(host.log())
        except LogError as error:
            problem = error
            return False
        return True

    try:
        wait_until(is_whole, "whole log")
    except TimeoutError:
        raise problem from None
    return parse(host.log())


def negotiate(pair: Pair) -> None:
    """An IKE SA and its child SA; a child SA with PFS; a rekeyed IKE SA; a child SA of that."""
    assert not pair.establish()
    pair.rekey_child()
    pair.rekey_ike()
    pair.rekey_child()

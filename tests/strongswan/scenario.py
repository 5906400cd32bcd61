"""What the two daemons do for a suite, and their logs of it."""

from __future__ import annotations

from owamp_vectors.live.charon import CharonLog, LogError
from owamp_vectors.live.charon_reader import parse

from .daemons import PRF_CHANGES, Host, Pair, Suite, wait_until


class LogOf:
    """What a daemon logs from now on."""

    def __init__(self, host: Host) -> None:
        text = host.log()
        self._host = host
        self._start = text.rfind("\n") + 1
        self._first_line = text.partition("\n")[0]

    def text(self) -> str:
        """With the line in which the daemon says its version."""
        text = self._host.log()
        return f"{self._first_line}\n{text[self._start : text.rfind(chr(10)) + 1]}"

    def keys(self) -> CharonLog:
        """The keys, once they have been logged in full."""
        problem = LogError("")

        def is_whole() -> bool:
            nonlocal problem
            try:
                parse(self.text())
            except LogError as error:
                problem = error
                return False
            return True

        try:
            wait_until(is_whole, "whole log")
        except TimeoutError:
            raise problem from None
        return parse(self.text())


def rekeyer(pair: Pair, suite: Suite) -> Host:
    """Who asks for the next keys: the responder, where that changes the prf."""
    return pair.responder if suite is PRF_CHANGES else pair.initiator


def negotiate(pair: Pair, suite: Suite) -> tuple[LogOf, LogOf]:
    """An IKE SA and its child SA; a child SA with PFS; a rekeyed IKE SA; a child SA of that."""
    logs = LogOf(pair.initiator), LogOf(pair.responder)
    pair.establish(suite)
    pair.rekey_child(suite, rekeyer(pair, suite))
    pair.rekey_ike(suite, rekeyer(pair, suite))
    pair.rekey_child(suite, rekeyer(pair, suite))
    return logs

"""What the runs have in common: randomness, time, the network, shared secrets."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from owamp_reference import binding, ikev2
from owamp_reference.connection import ControlClient, Server
from owamp_reference.events import Closed, Event
from owamp_reference.messages import encode_key_id
from owamp_reference.negotiation import Credentials

from ..vectors.drbg import Drbg
from .run_checker import RunChecker, RunEvent

Choose = Callable[[int], int]
"""Chooses a number below another."""


def chooser(source: Drbg) -> Choose:
    """Choices from a source."""
    count = iter(range(2**32))
    return lambda below: source.uint(f"choice {next(count)}", 4) % below


class Tap:
    """A source of random octets that remembers what it gave, by label."""

    def __init__(self, source: Drbg) -> None:
        self._source = source
        self._count = 0
        self._drawn: dict[str, bytes] = {}

    def __call__(self, label: str, size: int) -> bytes:
        """Octets for a label; another call gives others."""
        self._count += 1
        octets = self._source.octets(f"{self._count}/{label}", size)
        self._drawn[label] = octets
        return octets

    def take(self) -> dict[str, bytes]:
        """What was drawn since the last call."""
        drawn, self._drawn = self._drawn, {}
        return drawn


@dataclass
class World:
    """What the connections of a run have in common: names, secrets, time, the network.

    Attributes:
        source: of all random octets.
        choose: what happens next, and what is changed on the way.
        flags: those of the model.
        checker: for what is there beforehand, and what the adversary makes.
    """

    source: Drbg
    choose: Choose
    flags: tuple[str, ...]
    checker: RunChecker
    ticks: int = 0

    def clock(self) -> int:
        """A time that never comes twice."""
        self.ticks += 1
        return (0xE0000000 << 32) + self.ticks * 0x10001

    def hand(self, end: ControlClient | Server, data: bytes) -> list[Event]:
        """Deliver octets in two pieces."""
        cut = self.choose(len(data)) if data else 0
        return end.receive(data[:cut]) + end.receive(data[cut:])

    def changed(self, octets: bytes, *within: range) -> bytes:
        """Octets with one bit of them changed, in one of the ranges."""
        places = [index for part in within for index in part]
        place = places[self.choose(len(places))]
        bit = 1 << self.choose(8)
        return octets[:place] + bytes([octets[place] ^ bit]) + octets[place + 1 :]


def why(events: list[Event]) -> str:
    """Why an endpoint closed the connection; "" if it did not."""
    closed = [event for event in events if isinstance(event, Closed)]
    return str(closed[0].error or "closed") if closed else ""


def interleaved(choose: Choose, *threads: Iterator[RunEvent]) -> Iterator[RunEvent]:
    """The events of several threads, one of a chosen thread after the other."""
    live = list(threads)
    while live:
        index = choose(len(live))
        try:
            yield next(live[index])
        except StopIteration:
            del live[index]


@dataclass(frozen=True)
class Secret:
    """A secret that a client and a server share, and its KeyID."""

    client: str
    server: str
    credentials: Credentials

    def names(self, both: bool = True) -> dict[str, bytes]:
        """The octets of C, S and key_id; of S alone for a party that does not know its peer yet."""
        names = {"S": self.server.encode()}
        if both:
            names |= {"C": self.client.encode(), "key_id": self.credentials.key_id}
        return names


def secrets(source: Drbg, rule: str) -> Iterator[tuple[Secret, RunEvent]]:
    """The secrets of two clients and two servers: three passphrases, and one from an IKE SA.

    Args:
        rule: the rule that provides them.
    """
    for number, (client, server) in enumerate(
        (("ada", "north"), ("ada", "south"), ("bob", "north"), ("bob", "south"))
    ):
        drawn = source.at(f"secret {number}")
        if number == 3:
            sk_d = drawn.octets("SK_d", 32)
            shared = binding.shared_secret_from_sk_d(ikev2.PRF_HMAC_SHA2_256, sk_d)
            spis = drawn.octets("SPIi", 8), drawn.octets("SPIr", 8)
            credentials = Credentials.from_ikev2(*spis, shared)
        else:
            shared = drawn.octets("passphrase", 10).hex().encode()
            credentials = Credentials(encode_key_id(f"{client} at {server}"), shared)
        secret = Secret(client, server, credentials)
        known = {**secret.names(), "KeyID": credentials.key_id}
        event = RunEvent(
            f"{client} and {server} share a secret",
            known=known,
            drawn={"shared secret": shared},
            rule=rule,
        )
        yield secret, event

"""A passive observer of one control connection and its test sessions; sans-IO."""
# ruff: noqa: ARG002  (signatures only, so far)

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeAlias

from owamp_reference import token
from owamp_reference.endpoints import Credentials, Protocol

from .steps import Step

Address: TypeAlias = tuple[str, int]
"""An IP address as text, and a port."""
CONTROL_PORTS = {861: Protocol.OWAMP, 862: Protocol.TWAMP}


class Observer:
    """Reads both directions of a control connection, and its test packets.

    Args:
        protocol: None to tell it from `server`'s port, or else from the messages.
        credentials: the shared secrets that are known, by KeyID; none is fine.
        client, server: the addresses of the two ends, if known; test packets are told apart by
            them where a request names no address.
        max_count: the largest Count that it computes PBKDF2 with.
    """

    def __init__(
        self,
        protocol: Protocol | None = None,
        credentials: Iterable[Credentials] = (),
        client: Address | None = None,
        server: Address | None = None,
        max_count: int = token.DEFAULT_MAX_COUNT,
    ) -> None:
        self.steps: list[Step] = []
        raise NotImplementedError

    def client_octets(self, data: bytes, time: int | None = None) -> list[Step]:
        """Octets that the client sent, in pieces of any size; the new steps. Never raises.

        `time` is in nanoseconds since 1970-01-01 UTC.
        """
        raise NotImplementedError

    def server_octets(self, data: bytes, time: int | None = None) -> list[Step]:
        """Octets that the server sent; see `client_octets`."""
        raise NotImplementedError

    def client_closed(self, time: int | None = None) -> list[Step]:
        """The client will send no more; the new steps."""
        raise NotImplementedError

    def server_closed(self, time: int | None = None) -> list[Step]:
        """The server will send no more; the new steps."""
        raise NotImplementedError

    def test_packet(
        self,
        payload: bytes,
        source: Address,
        destination: Address,
        ttl: int | None = None,
        time: int | None = None,
    ) -> list[Step]:
        """A UDP payload between test endpoints; the new steps. Never raises.

        `ttl` is the TTL or Hop Limit of the packet where it was seen.
        """
        raise NotImplementedError

    def finish(self, time: int | None = None) -> list[Step]:
        """The end of what was observed: says what is incomplete; the new steps."""
        raise NotImplementedError

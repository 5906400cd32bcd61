"""Captures: written of what was sent and received, and read for a report (pcap, pcapng)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from owamp_reference import token
from owamp_reference.endpoints import Credentials, Protocol

from .observer import Address
from .steps import Step


class CaptureWriter:
    """The octets of a classic pcap file (nanoseconds), made packet by packet.

    Args:
        ethernet: Ethernet frames, else raw IP.
    """

    def __init__(self, ethernet: bool = True) -> None:
        raise NotImplementedError

    def open_tcp(self, client: Address, server: Address, time: int) -> TcpWriter:
        """A TCP connection, with its handshake."""
        raise NotImplementedError

    def udp(
        self, source: Address, destination: Address, payload: bytes, time: int, ttl: int = 255
    ) -> None:
        """A UDP packet. `time` is in nanoseconds since 1970-01-01 UTC."""
        raise NotImplementedError

    def to_octets(self) -> bytes:
        """The whole file."""
        raise NotImplementedError

    def save(self, path: Path) -> None:
        """Write the file, whole or not at all. Raises `FileError`."""
        raise NotImplementedError


class TcpWriter:
    """One TCP connection in a `CaptureWriter`."""

    def client_octets(self, data: bytes, time: int) -> None:
        """Octets from the client, acknowledged by the server."""
        raise NotImplementedError

    def server_octets(self, data: bytes, time: int) -> None:
        """Octets from the server, acknowledged by the client."""
        raise NotImplementedError

    def close(self, time: int, by_client: bool = True) -> None:
        """FIN from one side, then from the other."""
        raise NotImplementedError


@dataclass(frozen=True)
class ConnectionReport:
    """What was seen of one control connection."""

    client: Address
    server: Address
    protocol: Protocol | None
    steps: tuple[Step, ...]


def report_capture(
    path: Path,
    credentials: Iterable[Credentials] = (),
    protocol: Protocol | None = None,
    ports: Iterable[int] = (),
    max_count: int = token.DEFAULT_MAX_COUNT,
) -> list[ConnectionReport]:
    """The reports on every control connection in a capture, in order of their first packet.

    Args:
        ports: server ports besides 861 and 862.
    Raises:
        FileError: the file cannot be read, or is not a capture.
    """
    raise NotImplementedError

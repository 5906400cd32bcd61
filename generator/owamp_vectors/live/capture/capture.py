"""What passes through the sockets, written as a capture, if one is asked for."""

from __future__ import annotations

import time
from pathlib import Path

from ..net.addresses import SocketAddress, normalized
from .writer import CaptureWriter, TcpWriter

MAX_CAPTURED = 64 * 2**20


class Capture:
    """A capture in the making. It is held in memory, so it ends at `limit` octets.

    Args:
        path: the file to write; None to record nothing.
    """

    def __init__(self, path: Path | None = None, limit: int = MAX_CAPTURED) -> None:
        self._path = path
        self._writer = CaptureWriter() if path is not None else None
        self._left = limit

    def take(self, size: int) -> CaptureWriter | None:
        """The writer, if there is one and it has room for so many octets more."""
        self._left -= size
        return self._writer if self._left >= 0 else None

    def open(self, client: SocketAddress, server: SocketAddress) -> TcpCapture:
        """A control connection."""
        writer = self.take(0)
        opened = None
        if writer is not None:
            opened = writer.open_tcp(normalized(client), normalized(server), time.time_ns())
        return TcpCapture(self, opened)

    def udp(
        self, data: bytes, source: SocketAddress, destination: SocketAddress, ttl: int | None
    ) -> None:
        """A test packet; `ttl` is None for one that was sent."""
        writer = self.take(len(data))
        if writer is not None:
            hops = 255 if ttl is None else ttl
            writer.udp(normalized(source), normalized(destination), data, time.time_ns(), hops)

    def save(self) -> None:
        """Write the file. Raises `FileError`."""
        if self._writer is not None and self._path is not None:
            self._writer.save(self._path)


class TcpCapture:
    """One control connection in a `Capture`."""

    def __init__(self, capture: Capture, writer: TcpWriter | None) -> None:
        self._capture = capture
        self._writer = writer

    def client(self, data: bytes) -> None:
        """Octets that the client sent."""
        if data and self._writer is not None and self._capture.take(len(data)):
            self._writer.client_octets(data, time.time_ns())

    def server(self, data: bytes) -> None:
        """Octets that the server sent."""
        if data and self._writer is not None and self._capture.take(len(data)):
            self._writer.server_octets(data, time.time_ns())

    def close(self, by_client: bool) -> None:
        """The end of the connection, by one of the two."""
        if self._writer is not None and self._capture.take(0):
            self._writer.close(time.time_ns(), by_client)
            self._writer = None

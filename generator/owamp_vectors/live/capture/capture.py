"""What passes through the sockets, written to a capture as it passes, if one is asked for."""

from __future__ import annotations

import time
from functools import cached_property
from pathlib import Path

from ...disk import FileError, OutputFile
from ..net.addresses import SocketAddress, normalized
from .writer import CaptureWriter, TcpWriter

MAX_CAPTURED = 64 * 2**20


class Capture:
    """A capture in the making, of which each packet is in the file at once.

    It ends at the first packet for which `limit` octets of file are not enough, and at the first
    that cannot be written; the second is told by `close`.

    Args:
        path: the file to write; None to record nothing.

    Raises:
        FileError: the file cannot be written.
    """

    def __init__(self, path: Path | None = None, limit: int = MAX_CAPTURED) -> None:
        self._file = OutputFile(path) if path is not None else None
        self._left = limit
        self._error: FileError | None = None

    @cached_property
    def _writer(self) -> CaptureWriter | None:
        """Made for the first packet: what is in the file stays until then."""
        return CaptureWriter(sink=self._append) if self._file else None

    def open(self, client: SocketAddress, server: SocketAddress) -> TcpCapture:
        """A control connection."""
        opened, now = None, time.time_ns()
        if self._writer is not None:
            opened = self._writer.open_tcp(normalized(client), normalized(server), now)
        return TcpCapture(opened)

    def udp(
        self, data: bytes, source: SocketAddress, destination: SocketAddress, ttl: int | None
    ) -> None:
        """A test packet; `ttl` is None for one that was sent."""
        if self._writer is not None:
            hops = 255 if ttl is None else ttl
            self._writer.udp(
                normalized(source), normalized(destination), data, time.time_ns(), hops
            )

    def close(self) -> None:
        """End the file, without a packet too. Raises `FileError` if one could not be written."""
        if self._file is not None and self._writer is not None:
            self._file.close()
        if self._error is not None:
            raise self._error

    def drop(self) -> None:
        """Leave the file as it was, if nothing has been recorded."""
        if self._file is not None:
            self._file.close()

    def _append(self, octets: bytes) -> None:
        if self._file is None or self._left < len(octets):
            self._left = 0
            return
        self._left -= len(octets)
        try:
            self._file.write(octets)
        except FileError as error:
            self._error, self._left = error, 0


class TcpCapture:
    """One control connection in a `Capture`."""

    def __init__(self, writer: TcpWriter | None) -> None:
        self._writer = writer

    def client(self, data: bytes) -> None:
        """Octets that the client sent."""
        if data and self._writer is not None:
            self._writer.client_octets(data, time.time_ns())

    def server(self, data: bytes) -> None:
        """Octets that the server sent."""
        if data and self._writer is not None:
            self._writer.server_octets(data, time.time_ns())

    def close(self, by_client: bool) -> None:
        """The end of the connection, by one of the two."""
        if self._writer is not None:
            self._writer.close(time.time_ns(), by_client)
            self._writer = None

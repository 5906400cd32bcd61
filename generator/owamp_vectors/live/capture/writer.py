"""Captures in the making: TCP connections and UDP packets, written as a pcap file."""

from __future__ import annotations

from collections.abc import Callable

from ..net.addresses import Address, normalized
from . import files, frames
from .frames import TcpFlag, TcpSegment, UdpDatagram

_SEGMENT_SIZE = 1400
_FIRST_CLIENT_NUMBER, _FIRST_SERVER_NUMBER = 1000, 2000


class CaptureWriter:
    """The octets of a classic pcap file (nanoseconds), made packet by packet.

    Every checksum and sequence number is right, as in a capture of what was really sent.

    Args:
        ethernet: Ethernet frames, else raw IP.
        sink: takes the octets of each packet; without one they are kept.
    """

    def __init__(
        self, ethernet: bool = True, sink: Callable[[bytes], object] | None = None
    ) -> None:
        self._ethernet = ethernet
        self._octets = bytearray()
        self._put = sink or self._octets.extend
        self._put(files.file_header(frames.ETHERNET if ethernet else frames.RAW_IP))

    def open_tcp(self, client: Address, server: Address, time: int) -> TcpWriter:
        """A TCP connection, with its handshake. `time` is in nanoseconds since 1970-01-01 UTC."""
        return TcpWriter(self, normalized(client), normalized(server), time)

    def udp(
        self, source: Address, destination: Address, payload: bytes, time: int, ttl: int = 255
    ) -> None:
        """A UDP packet, not larger than UDP allows (else `ValueError`)."""
        datagram = UdpDatagram(normalized(source), normalized(destination), payload, ttl)
        self.add(frames.udp_packet(datagram), time)

    def add(self, packet: bytes, time: int, *, to_server: bool = True) -> None:
        """An IP packet; `to_server` only chooses the Ethernet addresses."""
        if self._ethernet:
            packet = frames.ethernet_frame(packet, to_server=to_server)
        self._put(files.record(time, packet))

    def to_octets(self) -> bytes:
        """The whole file, if there is no sink."""
        return bytes(self._octets)


class TcpWriter:
    """One TCP connection in a `CaptureWriter`; each side acknowledges at once."""

    def __init__(self, capture: CaptureWriter, client: Address, server: Address, time: int) -> None:
        self._capture = capture
        self._ends = {True: client, False: server}
        self._next = {True: _FIRST_CLIENT_NUMBER, False: _FIRST_SERVER_NUMBER}
        self._is_closed = False
        self._add(True, TcpFlag.SYN, time)
        self._add(False, TcpFlag.SYN | TcpFlag.ACK, time)
        self._add(True, TcpFlag.ACK, time)

    def client_octets(self, data: bytes, time: int) -> None:
        """Octets from the client, acknowledged by the server."""
        self._send(True, data, time)

    def server_octets(self, data: bytes, time: int) -> None:
        """Octets from the server, acknowledged by the client."""
        self._send(False, data, time)

    def close(self, time: int, by_client: bool = True) -> None:
        """FIN from one side, then from the other; a second call does nothing."""
        if self._is_closed:
            return
        self._is_closed = True
        for from_client in (by_client, not by_client):
            self._add(from_client, TcpFlag.FIN | TcpFlag.ACK, time)
            self._add(not from_client, TcpFlag.ACK, time)

    def _send(self, from_client: bool, data: bytes, time: int) -> None:
        for start in range(0, len(data), _SEGMENT_SIZE):
            piece = data[start : start + _SEGMENT_SIZE]
            self._add(from_client, TcpFlag.PSH | TcpFlag.ACK, time, piece)
            self._add(not from_client, TcpFlag.ACK, time)

    def _add(self, from_client: bool, flags: TcpFlag, time: int, payload: bytes = b"") -> None:
        number = self._next[from_client]
        acknowledged = self._next[not from_client] if flags & TcpFlag.ACK else 0
        ends = self._ends[from_client], self._ends[not from_client]
        packet = frames.tcp_packet(TcpSegment(*ends, number, acknowledged, flags, payload))
        self._capture.add(packet, time, to_server=from_client)
        self._next[from_client] += len(payload) + bool(flags & (TcpFlag.SYN | TcpFlag.FIN))

"""Packets on a link: Ethernet, IPv4, IPv6, TCP and UDP, built and read."""

from __future__ import annotations

import ipaddress
import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import IntFlag

from ..net.addresses import Address

ETHERNET, RAW_IP = 1, 101
_IPV4, _IPV6 = 0x0800, 0x86DD
_VLAN_TAGS = (0x8100, 0x88A8, 0x9100)
TCP, UDP = 6, 17
_FRAGMENT = 44
_EXTENSIONS = (0, 43, 60, 135)
"""IPv6 headers to be skipped: hop-by-hop, routing, destination options, mobility."""
MAX_UDP_PAYLOAD = 65507
_MAX_FRAGMENTED = 64
"""Datagrams in fragments that are held at once."""


@dataclass
class _Fragmented:
    """A datagram in fragments: those that came, by their place, and how far it is whole."""

    parts: dict[int, tuple[bytes, bool]] = field(default_factory=dict)
    whole: bytearray = field(default_factory=bytearray)

    def add(self, place: int, more: bool, data: bytes) -> bool:
        """Keep a fragment, the first of each place; whether all of them are there."""
        if data or not more:
            self.parts.setdefault(place, (data, more))
        while len(self.whole) in self.parts:
            part, more = self.parts.pop(len(self.whole))
            self.whole += part
            if not more:
                return True
        return False


class TcpFlag(IntFlag):
    """TCP's flags that matter here."""

    FIN = 1
    SYN = 2
    RST = 4
    PSH = 8
    ACK = 16


@dataclass(frozen=True)
class TcpSegment:
    """A TCP segment."""

    source: Address
    destination: Address
    sequence: int
    acknowledged: int
    flags: TcpFlag
    payload: bytes = b""


@dataclass(frozen=True)
class UdpDatagram:
    """A UDP packet; `missing` octets of its payload were not captured."""

    source: Address
    destination: Address
    payload: bytes
    ttl: int
    missing: int = 0


# Building


def _checksum(data: bytes) -> int:
    """The checksum of the Internet (RFC 1071)."""
    data += bytes(len(data) % 2)
    total: int = sum(struct.unpack(f">{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return total ^ 0xFFFF


def _packed(address: Address) -> bytes:
    return ipaddress.ip_address(address[0]).packed


def _ip(source: Address, destination: Address, protocol: int, data: bytes, ttl: int) -> bytes:
    near, far = _packed(source), _packed(destination)
    if len(near) == 16:
        return struct.pack(">IHBB", 6 << 28, len(data), protocol, ttl) + near + far + data
    size = 20 + len(data)
    head = struct.pack(">BBHHHBBH", 0x45, 0, size, 0, 0x4000, ttl, protocol, 0) + near + far
    return head[:10] + _checksum(head).to_bytes(2, "big") + head[12:] + data


def _with_checksum(
    source: Address, destination: Address, protocol: int, data: bytes, place: int
) -> bytes:
    """TCP's or UDP's octets with the checksum at `place`, over the pseudo-header too."""
    pseudo = _packed(source) + _packed(destination) + struct.pack(">II", len(data), protocol)
    value = _checksum(pseudo + data) or (0xFFFF if protocol == UDP else 0)
    return data[:place] + value.to_bytes(2, "big") + data[place + 2 :]


def udp_packet(datagram: UdpDatagram) -> bytes:
    """The IP packet of a datagram. Raises `ValueError` for more than `MAX_UDP_PAYLOAD` octets."""
    if len(datagram.payload) > MAX_UDP_PAYLOAD:
        raise ValueError(f"UDP: expected at most {MAX_UDP_PAYLOAD} octets")
    source, destination = datagram.source, datagram.destination
    size = 8 + len(datagram.payload)
    data = struct.pack(">HHHH", source[1], destination[1], size, 0) + datagram.payload
    data = _with_checksum(source, destination, UDP, data, 6)
    return _ip(source, destination, UDP, data, datagram.ttl)


def tcp_packet(segment: TcpSegment) -> bytes:
    """The IP packet of a segment."""
    source, destination = segment.source, segment.destination
    head = struct.pack(
        ">HHIIBBHHH",
        source[1],
        destination[1],
        segment.sequence % 2**32,
        segment.acknowledged % 2**32,
        5 << 4,
        segment.flags,
        0xFFFF,
        0,
        0,
    )
    data = _with_checksum(source, destination, TCP, head + segment.payload, 16)
    return _ip(source, destination, TCP, data, 64)


def ethernet_frame(packet: bytes, *, to_server: bool) -> bytes:
    """An IP packet in an Ethernet frame between two made-up stations."""
    client, server = b"\2\0\0\0\0\1", b"\2\0\0\0\0\2"
    ends = server + client if to_server else client + server
    return ends + (_IPV6 if packet[0] >> 4 == 6 else _IPV4).to_bytes(2, "big") + packet


# Reading


class FrameReader:
    """Reads frames of any supported link; puts IP fragments together."""

    def __init__(self) -> None:
        self._fragments: dict[bytes, _Fragmented] = {}

    def read(self, link_type: int, data: bytes) -> TcpSegment | UdpDatagram | None:
        """What a frame carries; None if neither TCP nor UDP, a part, or damaged.

        Raises:
            KeyError: a link type that is not supported.
        """
        strip = _LINKS[link_type]
        try:
            return self._read_ip(strip(data))
        except (struct.error, IndexError):
            return None  # shorter than its headers

    def _read_ip(self, packet: bytes) -> TcpSegment | UdpDatagram | None:
        version = packet[0] >> 4 if packet else 0
        if version == 4:
            return self._read_ipv4(packet)
        if version == 6:
            return self._read_ipv6(packet)
        return None

    def _read_ipv4(self, packet: bytes) -> TcpSegment | UdpDatagram | None:
        size, number, place, ttl, protocol = struct.unpack_from(">HHHBB", packet, 2)
        start = (packet[0] & 0x0F) * 4
        if start < 20:
            return None
        # A size of zero is left by hardware that cuts segments itself.
        data = packet[start : size or None]
        near, far = packet[12:16], packet[16:20]
        missing = max(0, size - len(packet))
        if place & 0x3FFF:
            key = near + far + number.to_bytes(4, "big") + bytes([protocol])
            more = bool(place & 0x2000)
            return self._read_part(key, (place & 0x1FFF) * 8, more, data, (near, far, ttl))
        return _read_transport(protocol, near, far, ttl, data, missing)

    def _read_ipv6(self, packet: bytes) -> TcpSegment | UdpDatagram | None:
        size, protocol, ttl = struct.unpack_from(">HBB", packet, 4)
        near, far = packet[8:24], packet[24:40]
        data = packet[40 : 40 + size] if size else packet[40:]
        missing = max(0, 40 + size - len(packet))
        while protocol in _EXTENSIONS:
            protocol, length = data[0], data[1]
            data = data[8 + 8 * length :]
        if protocol == _FRAGMENT:
            protocol, _, place, number = struct.unpack_from(">BBHI", data)
            key = near + far + number.to_bytes(4, "big") + bytes([protocol])
            return self._read_part(key, place & 0xFFF8, bool(place & 1), data[8:], (near, far, ttl))
        return _read_transport(protocol, near, far, ttl, data, missing)

    def _read_part(
        self, key: bytes, place: int, more: bool, data: bytes, head: tuple[bytes, bytes, int]
    ) -> TcpSegment | UdpDatagram | None:
        """Keep a fragment; the whole if it was the last that was missing (RFC 791 §3.2)."""
        if key not in self._fragments and len(self._fragments) >= _MAX_FRAGMENTED:
            del self._fragments[next(iter(self._fragments))]
        datagram = self._fragments.setdefault(key, _Fragmented())
        if not datagram.add(place, more, data):
            return None
        del self._fragments[key]
        near, far, ttl = head
        return _read_transport(key[-1], near, far, ttl, bytes(datagram.whole), 0)


def _read_transport(
    protocol: int, near: bytes, far: bytes, ttl: int, data: bytes, missing: int
) -> TcpSegment | UdpDatagram | None:
    if protocol not in (TCP, UDP):
        return None
    source_port, destination_port = struct.unpack_from(">HH", data)
    source = str(ipaddress.ip_address(near)), source_port
    destination = str(ipaddress.ip_address(far)), destination_port
    if protocol == UDP:
        (size,) = struct.unpack_from(">H", data, 4)
        payload = data[8 : size if size >= 8 else None]
        return UdpDatagram(source, destination, payload, ttl, missing)
    sequence, acknowledged, offset, flags = struct.unpack_from(">IIBB", data, 4)
    start = (offset >> 4) * 4
    if start < 20 or len(data) < 20:
        return None
    return TcpSegment(
        source, destination, sequence, acknowledged, TcpFlag(flags & 0x1F), data[start:]
    )


def _by_ethertype(kind: int, data: bytes) -> bytes:
    while kind in _VLAN_TAGS:
        (kind,) = struct.unpack_from(">H", data, 2)
        data = data[4:]
    return data if kind in (_IPV4, _IPV6) else b""


def _ethernet(data: bytes) -> bytes:
    return _by_ethertype(struct.unpack_from(">H", data, 12)[0], data[14:])


def _linux_cooked(data: bytes) -> bytes:
    return _by_ethertype(struct.unpack_from(">H", data, 14)[0], data[16:])


def _linux_cooked_v2(data: bytes) -> bytes:
    return _by_ethertype(struct.unpack_from(">H", data)[0], data[20:])


def _after_family(data: bytes) -> bytes:
    return data[4:]


def _bare(data: bytes) -> bytes:
    return data


_LINKS: dict[int, Callable[[bytes], bytes]] = {
    0: _after_family,  # BSD loopback
    ETHERNET: _ethernet,
    12: _bare,  # raw IP, as some systems number it
    14: _bare,
    RAW_IP: _bare,
    108: _after_family,  # OpenBSD loopback
    113: _linux_cooked,
    228: _bare,  # raw IPv4
    229: _bare,  # raw IPv6
    276: _linux_cooked_v2,
}

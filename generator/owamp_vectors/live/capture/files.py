"""The files of captures: classic pcap and pcapng, read and (pcap) written.

draft-ietf-opsawg-pcap, draft-ietf-opsawg-pcapng. The libraries for them have no type hints and
no reassembly of TCP, and the parts of the formats that are needed here are few.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

_NANOSECONDS = 10**9
_PCAP_MAGICS = {0xA1B2C3D4: 10**6, 0xA1B23C4D: _NANOSECONDS}
_PCAPNG_MAGIC = 0x0A0D0D0A
_BYTE_ORDER_MAGIC = 0x1A2B3C4D
_INTERFACE, _OLD_PACKET, _SIMPLE_PACKET, _PACKET = 1, 2, 3, 6
_TSRESOL, _TSOFFSET = 9, 14
_MAX_SIZE = 2**24
"""Octets of a packet or block that are believed."""


class CaptureError(Exception):
    """A file that is not a capture, or is damaged; the text is one line for people."""


class CapturedPacket(NamedTuple):
    """A packet as it was captured.

    Attributes:
        time: nanoseconds since 1970, None if the file does not say.
        link_type: what `data` begins with, a LINKTYPE_ value.
    """

    time: int | None
    link_type: int
    data: bytes


def read_packets(stream: BinaryIO) -> Iterator[CapturedPacket]:
    """The packets of a capture, in order.

    Raises:
        CaptureError: not a capture, or damaged; the packets before the damage are given first.
    """
    magic = stream.read(4)
    for order in "<>":
        (number,) = struct.unpack(order + "I", magic.ljust(4, b"\0"))
        if number in _PCAP_MAGICS:
            return _read_pcap(stream, order, _PCAP_MAGICS[number])
    if number == _PCAPNG_MAGIC:
        return _read_pcapng(stream)
    found = f"{magic.hex()}" if magic else "an empty file"
    if magic.startswith(b"\x1f\x8b"):
        found = "a file that is compressed by gzip"
    raise CaptureError(f"expected a capture (pcap or pcapng), found {found}")


def _exactly(stream: BinaryIO, size: int) -> bytes:
    if size > _MAX_SIZE:
        raise CaptureError(f"damaged: expected at most {_MAX_SIZE} octets, found a size of {size}")
    data = stream.read(size)
    if len(data) != size:
        raise CaptureError(f"cut off: expected {size} more octets, found {len(data)}")
    return data


def _read_pcap(stream: BinaryIO, order: str, resolution: int) -> Iterator[CapturedPacket]:
    *_, link_type = struct.unpack(order + "HHiIII", _exactly(stream, 20))
    link_type &= 0x0FFFFFFF  # the other bits say whether frames end with a checksum
    while header := stream.read(16):
        header += _exactly(stream, 16 - len(header))
        seconds, fraction, size, _ = struct.unpack(order + "IIII", header)
        time = seconds * _NANOSECONDS + fraction * (_NANOSECONDS // resolution)
        yield CapturedPacket(time, link_type, _exactly(stream, size))


class _Interface(NamedTuple):
    link_type: int
    resolution: int = 10**6
    offset: int = 0

    def time(self, high: int, low: int) -> int:
        """Nanoseconds since 1970."""
        units = high << 32 | low
        return units * _NANOSECONDS // self.resolution + self.offset * _NANOSECONDS


def _read_pcapng(stream: BinaryIO) -> Iterator[CapturedPacket]:
    order = "<"
    interfaces: list[_Interface] = []
    kind_octets = struct.pack("<I", _PCAPNG_MAGIC)  # a palindrome, and already read
    while kind_octets:
        if struct.unpack("<I", kind_octets)[0] == _PCAPNG_MAGIC:
            size_octets, magic = _exactly(stream, 4), _exactly(stream, 4)
            order = "<" if struct.unpack("<I", magic)[0] == _BYTE_ORDER_MAGIC else ">"
            if struct.unpack(order + "I", magic)[0] != _BYTE_ORDER_MAGIC:
                raise CaptureError(f"damaged: expected a byte-order magic, found {magic.hex()}")
            interfaces = []
            kind, read = _PCAPNG_MAGIC, 12
        else:
            (kind,) = struct.unpack(order + "I", kind_octets)
            size_octets, read = _exactly(stream, 4), 8
        (size,) = struct.unpack(order + "I", size_octets)
        if size < read + 4 or size % 4:
            raise CaptureError(f"damaged: expected the size of a block, found {size}")
        body = _exactly(stream, size - read)[:-4]
        try:
            if kind == _INTERFACE:
                interfaces.append(_read_interface(order, body))
            elif kind in (_PACKET, _OLD_PACKET, _SIMPLE_PACKET):
                yield _read_block(order, kind, body, interfaces)
        except (struct.error, IndexError):
            raise CaptureError(f"damaged: a block of type {kind} with another content") from None
        kind_octets = stream.read(4)
        if kind_octets and len(kind_octets) < 4:
            raise CaptureError(f"cut off: expected 4 octets, found {len(kind_octets)}")


def _read_interface(order: str, body: bytes) -> _Interface:
    link_type, _, _ = struct.unpack_from(order + "HHI", body)
    interface = _Interface(link_type)
    place = 8
    while place + 4 <= len(body):
        code, size = struct.unpack_from(order + "HH", body, place)
        value = body[place + 4 : place + 4 + size]
        if code == _TSRESOL and value:
            base, exponent = (2, value[0] & 0x7F) if value[0] & 0x80 else (10, value[0])
            interface = interface._replace(resolution=base**exponent)
        elif code == _TSOFFSET:
            interface = interface._replace(offset=struct.unpack(order + "q", value)[0])
        place += 4 + size + -size % 4
    return interface


def _read_block(order: str, kind: int, body: bytes, interfaces: list[_Interface]) -> CapturedPacket:
    if kind == _SIMPLE_PACKET:
        (size,) = struct.unpack_from(order + "I", body)
        return CapturedPacket(None, interfaces[0].link_type, body[4 : 4 + size])
    head = "IIIII" if kind == _PACKET else "HHIIII"
    number, *_, high, low, size, _ = struct.unpack_from(order + head, body)
    interface = interfaces[number]
    return CapturedPacket(interface.time(high, low), interface.link_type, body[20 : 20 + size])


def file_header(link_type: int) -> bytes:
    """The header of a classic pcap file with times in nanoseconds, 24 octets."""
    return struct.pack("<IHHiIII", 0xA1B23C4D, 2, 4, 0, 0, 0x40000, link_type)


def record(time: int, data: bytes) -> bytes:
    """A packet in such a file. `time` is in nanoseconds since 1970."""
    seconds, fraction = divmod(time, _NANOSECONDS)
    return struct.pack("<IIII", seconds % 2**32, fraction, len(data), len(data)) + data

"""UDP sockets for test packets: bound beside a control connection, read with their TTL."""

from __future__ import annotations

import asyncio
import random
import socket
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import TypeAlias

from .addresses import SocketAddress, at_port, ip_version

Receive: TypeAlias = Callable[[bytes, SocketAddress, "int | None"], None]
"""Takes a datagram: its payload, its source, its TTL or Hop Limit."""
DatagramTap: TypeAlias = Callable[[bytes, SocketAddress, SocketAddress, "int | None"], None]
"""Is told of each datagram: payload, source, destination, TTL if it was received."""

MAX_DATAGRAM = 65535
_TTL = 255  # RFC 4656 §4.1.2, RFC 5357 §4.1.2
_IP_RECVTTL = 12 if sys.platform == "linux" else 24  # not in `socket` before Python 3.14
_OPTIONS = {
    socket.AF_INET: (socket.IPPROTO_IP, socket.IP_TTL, socket.IP_TOS, _IP_RECVTTL),
    socket.AF_INET6: (
        socket.IPPROTO_IPV6,
        socket.IPV6_UNICAST_HOPS,
        socket.IPV6_TCLASS,
        socket.IPV6_RECVHOPLIMIT,
    ),
}
_TTL_RECEIVED = {
    (socket.IPPROTO_IP, socket.IP_TTL),
    (socket.IPPROTO_IP, _IP_RECVTTL),
    (socket.IPPROTO_IPV6, socket.IPV6_HOPLIMIT),
}


def bind(
    local: SocketAddress, port: int, dscp: int = 0, allowed: Sequence[int] = ()
) -> socket.socket:
    """A UDP socket at the host of `local`, sending with TTL 255 and this DSCP.

    Args:
        port: the port that is wanted; another one is taken if it is in use or not allowed.
        allowed: the ports that may be taken; any if there are none.
    Raises:
        OSError: no such port of that host can be had.
    """
    family = socket.AF_INET if ip_version(local) == 4 else socket.AF_INET6
    level, ttl, traffic_class, receive_ttl = _OPTIONS[family]
    made = socket.socket(family, socket.SOCK_DGRAM)
    try:
        made.setblocking(False)
        made.setsockopt(level, ttl, _TTL)
        if dscp:
            made.setsockopt(level, traffic_class, dscp << 2)
        made.setsockopt(level, receive_ttl, 1)
        wanted = [port] if port in allowed or not allowed else []
        _bind_first(made, local, [*wanted, *(random.sample(allowed, len(allowed)) or [0])])
    except OSError:
        made.close()
        raise
    return made


def _bind_first(made: socket.socket, local: SocketAddress, ports: Sequence[int]) -> None:
    """Bind to the first port that can be had; raises `OSError` if none can."""
    for port in ports[:-1]:
        with suppress(OSError):
            made.bind(at_port(local, port))
            return
    made.bind(at_port(local, ports[-1]))


class Datagrams:
    """A bound socket in the event loop, from `open` to `close`."""

    def __init__(self, bound: socket.socket) -> None:
        self._socket = bound
        self.local: SocketAddress = bound.getsockname()
        self._loop: asyncio.AbstractEventLoop | None = None

    def open(self, receive: Receive) -> None:
        """Hand every datagram to `receive`, one in each turn of the event loop."""
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(self._socket, self._read, receive)

    def _read(self, receive: Receive) -> None:
        try:
            data, ancillary, _, source = self._socket.recvmsg(MAX_DATAGRAM, 64)
        except OSError:  # nothing there after all, or an ICMP error
            return
        ttl = None
        for level, kind, value in ancillary:
            if (level, kind) in _TTL_RECEIVED:
                ttl = int.from_bytes(value[:4], sys.byteorder)
        receive(data, source, ttl)

    def send(self, data: bytes, destination: SocketAddress) -> bool:
        """Send a datagram; False if the system does not take it."""
        with suppress(OSError):
            return self._socket.sendto(data, destination) == len(data)
        return False

    def close(self) -> None:
        """Close the socket; it may be closed already."""
        if self._loop is not None and self._socket.fileno() >= 0:
            self._loop.remove_reader(self._socket)
        self._socket.close()

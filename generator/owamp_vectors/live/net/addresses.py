"""Addresses: as sockets have them, as text and port, and as octets of messages."""

from __future__ import annotations

import ipaddress
from typing import Any, TypeAlias

from owamp_reference.messages import ADDRESS_SIZE
from owamp_reference.negotiation import Protocol

SocketAddress: TypeAlias = tuple[Any, ...]
"""As the module `socket` has it: host, port and, for IPv6, flow label and scope."""
Address: TypeAlias = tuple[str, int]
"""An IP address as text, and a port."""

CONTROL_PORTS = {Protocol.OWAMP: 861, Protocol.TWAMP: 862}
"""RFC 4656 §3, RFC 5357 §3."""


def _host(address: SocketAddress) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    return ipaddress.ip_address(str(address[0]).partition("%")[0])


def at_port(address: SocketAddress, port: int) -> SocketAddress:
    """The same host, another port."""
    return (address[0], port, *address[2:])


def unmapped(address: SocketAddress) -> SocketAddress:
    """The address of an IPv4 host as such, where a socket of both families has it as IPv6."""
    parsed = _host(address)
    if isinstance(parsed, ipaddress.IPv6Address) and parsed.ipv4_mapped is not None:
        return (str(parsed.ipv4_mapped), address[1])
    return address


def holder(address: SocketAddress) -> str:
    """Who is behind an address, to count what one holds: a host of IPv4, or a network of IPv6 of
    64 bits, in which a host has as many addresses as it likes.
    """
    host = _host(unmapped(address))
    if isinstance(host, ipaddress.IPv6Address):
        return str(ipaddress.IPv6Network((host, 64), strict=False))
    return str(host)


def normalized(address: SocketAddress) -> Address:
    """Host in its shortest form, without a zone, and port; IPv4 in IPv6 is IPv4.

    A host that is no IP address stays as it is.
    """
    try:
        return str(_host(unmapped(address))), int(address[1])
    except ValueError:
        return str(address[0]), int(address[1])


def packed(address: SocketAddress) -> bytes:
    """The 16 octets of an address field: IPv4 addresses are padded with zeros (RFC 4656 §3.5)."""
    return _host(address).packed.ljust(ADDRESS_SIZE, b"\0")


def ip_version(address: SocketAddress) -> int:
    """4 or 6."""
    return _host(address).version


def address_in_sid(address: SocketAddress) -> bytes:
    """The 4 octets that a SID made at this address begins with: the IPv4 address, or the end of
    the IPv6 address (RFC 4656 §3.5).
    """
    return _host(address).packed[-4:]


def endpoint_text(address: SocketAddress) -> str:
    """``host:port``, an IPv6 address in brackets."""
    host = str(address[0])
    return f"[{host}]:{address[1]}" if ":" in host else f"{host}:{address[1]}"

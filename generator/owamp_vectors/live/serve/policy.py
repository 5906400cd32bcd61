"""Which requests a server grants, and at which port (RFC 4656 §3.5, §6.2, §6.5)."""

from __future__ import annotations

import socket
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from owamp_reference.messages import Accept, Request, RequestSession, RequestTWSession
from owamp_reference.sources import system_clock

from ..net.addresses import SocketAddress, at_port, ip_version, packed
from ..net.ntp import seconds, signed
from ..net.udp import bind
from .limits import ServiceLimits

Policy: TypeAlias = Callable[[Request], tuple[Accept, int]]
"""Accept and port for a request that is well-formed."""

_LOWEST_PORT = 1024  # one below is the system's; a client does not choose it


class RefusedError(Exception):
    """A request that is not granted: the value of Accept, and why in one line."""

    def __init__(self, accept: Accept, text: str) -> None:
        super().__init__(text)
        self.accept = accept


@dataclass(frozen=True)
class Reservation:
    """A socket for a session that is granted, where its peer is, and what it asked for."""

    socket: socket.socket
    peer: SocketAddress
    request: Request


def _permanent(name: str, most: str, found: str) -> RefusedError:
    text = f"{name}: expected {most}, found {found}"
    return RefusedError(Accept.PERMANENT_RESOURCE_LIMITATION, text)


def _unsupported(name: str, expected: str, found: str) -> RefusedError:
    return RefusedError(Accept.NOT_SUPPORTED, f"{name}: expected {expected}, found {found}")


def reserve(
    request: Request, local: SocketAddress, peer: SocketAddress, limits: ServiceLimits
) -> Reservation:
    """Grant a request that is well-formed: bind the server's socket.

    Args:
        local, peer: the two ends of the control connection. Test packets go between these hosts
            only, so that no third party can be made a target (RFC 4656 §6.2).
    Raises:
        RefusedError: what is asked for is not supported, or beyond the limits.
    """
    if request.ipvn != ip_version(peer):
        raise _unsupported("IPVN", f"{ip_version(peer)} as the control connection's", "another")
    is_sender = bool(request.conf_sender)
    if is_sender and request.conf_receiver:
        # "A session between two hosts it can configure" (RFC 4656 §3.5), and this server has but
        # itself. Nor is it said how it would end: §3.8 has the client account for each session
        # with Conf-Receiver, but it cannot know what another host has sent.
        found = "both: a session between two hosts that the server can configure, which is one host"
        raise _unsupported("Conf-Sender, Conf-Receiver", "one of them set", found)
    ends = [
        ("Sender Address", request.sender_address, request.sender_port),
        ("Receiver Address", request.receiver_address, request.receiver_port),
    ]
    mine, theirs = ends if is_sender else reversed(ends)
    _check_address(request, mine[0], mine[1], local)
    _check_address(request, theirs[0], theirs[1], peer)
    dscp = 0
    if is_sender or isinstance(request, RequestTWSession):
        dscp = _dscp(request)
    _check_limits(request, limits)
    port = mine[2] if isinstance(request, RequestTWSession) else 0  # OWAMP: disregarded (§3.5)
    try:
        bound = bind(local, port if port >= _LOWEST_PORT else 0, dscp, limits.ports)
    except OSError as error:
        text = f"no port: {error.strerror or error}"
        raise RefusedError(Accept.TEMPORARY_RESOURCE_LIMITATION, text) from None
    return Reservation(bound, at_port(peer, theirs[2]), request)


def _check_address(request: Request, name: str, address: bytes, host: SocketAddress) -> None:
    """Zeros, or the address of that end; 12 octets after one of IPv4 are ignored (§3.5)."""
    size = 4 if request.ipvn == 4 else 16
    if any(address[:size]) and address[:size] != packed(host)[:size]:
        raise _unsupported(name, "zeros or that of the control connection", "another")


def _dscp(request: Request) -> int:
    """The DSCP of a Type-P Descriptor: two bits 00, six bits DSCP (RFC 4656 §3.5)."""
    if request.type_p >> 30:
        raise _unsupported("Type-P Descriptor", "a DSCP", f"{request.type_p:#010x}")
    return request.type_p >> 24


def _check_limits(request: Request, limits: ServiceLimits) -> None:
    if seconds(request.timeout) > limits.timeout:
        found = f"{seconds(request.timeout):.0f} s"
        raise _permanent("Timeout", f"at most {limits.timeout:g} s", found)
    ahead = seconds(signed(request.start_time - system_clock())) if request.start_time else 0
    if ahead > limits.start_ahead:
        expected = f"at most {limits.start_ahead:g} s from now"
        raise _permanent("Start Time", expected, f"{ahead:.0f} s")
    if not isinstance(request, RequestSession):
        return
    if request.number_of_packets > limits.packets:
        found = str(request.number_of_packets)
        raise _permanent("Number of Packets", f"at most {limits.packets}", found)
    waits = [slot.parameter for slot in request.slots]
    rounds, rest = divmod(request.number_of_packets, len(waits))
    longest = seconds(rounds * sum(waits) + sum(waits[:rest]))
    if longest > limits.refwait:
        raise _permanent("Schedule Slots", f"at most {limits.refwait:g} s", f"{longest:.0f} s")
    if not request.conf_sender:
        return
    if longest < limits.interval * request.number_of_packets:
        raise _permanent("Schedule Slots", f"{limits.interval:g} s a packet on average", "less")
    if request.padding_length > limits.padding:
        found = str(request.padding_length)
        raise _permanent("Padding Length", f"at most {limits.padding}", found)

"""Many control connections at once, each with a `Server` of the reference and its test sessions.

The connections share an event loop and nothing else: what one of them does, sends or fails to take
touches no other. PBKDF2, the one costly step before a client is known, runs beside the loop, and is
bounded. A log that cannot be written stops nothing.
"""

from __future__ import annotations

import asyncio
import socket
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial

from owamp_reference.connection import Server, ServerConfig
from owamp_reference.negotiation import IKEV2_DERIVED, Mode, Protocol, secrets_of
from owamp_reference.sources import system_clock
from owamp_reference.token import MIN_COUNT

from ..capture.capture import Capture
from ..net.addresses import SocketAddress, address_in_sid, endpoint_text, holder, unmapped
from ..secrets import Secrets
from .connection import Connection
from .derivations import Derivations
from .limits import ServiceLimits
from .policy import Policy
from .register import Register


def offered_modes(protocol: Protocol, security: Iterable[Mode], secrets: Secrets) -> int:
    """The Modes of a greeting: these security modes, and IKEv2Derived if a key is from there."""
    bits = 0
    for mode in security:
        bits |= mode
    if secrets.any_ike_sa and bits & ~Mode.UNAUTHENTICATED:
        bits |= IKEV2_DERIVED[protocol]
    return bits


def log_nothing(line: str) -> None:
    """The default log."""
    del line


@dataclass(frozen=True)
class ServiceConfig:
    """How a `Service` behaves.

    Attributes:
        modes: the bits that it offers, see `offered_modes`.
        count: PBKDF2 iterations, a power of 2, at least 1024.
        make_server: makes the sans-IO end; another than the reference's to test clients with.
    """

    protocol: Protocol
    modes: int
    secrets: Secrets = field(default_factory=Secrets)
    count: int = MIN_COUNT
    limits: ServiceLimits = field(default_factory=ServiceLimits)
    make_server: Callable[[ServerConfig], Server] = Server


class Service:
    """A listening server, the `Host` of its connections.

    Attributes:
        register: the test sessions of all connections.
    Args:
        log: is given one line for each event of a connection; it holds no secret.
        capture: is given all that passes.
    """

    def __init__(
        self,
        config: ServiceConfig,
        log: Callable[[str], None] = log_nothing,
        capture: Capture | None = None,
    ) -> None:
        self.config, self.limits = config, config.limits
        self._log = log
        self.capture = capture or Capture()
        self.register = Register(config.limits)
        self.derivations = Derivations(config.limits.derivations)
        self._servers: list[asyncio.Server] = []
        self._tasks: dict[asyncio.Task[None], Connection] = {}  # the oldest first
        self._started = system_clock()

    @property
    def open_connections(self) -> int:
        """How many control connections there are."""
        return len(self._tasks)

    async def start(self, hosts: str | Sequence[str], port: int) -> list[SocketAddress]:
        """Listen; the addresses, each with the port that was chosen for it if `port` is 0.

        Args:
            hosts: the address, or several. "::" alone serves IPv4 too, where the system can.
        Raises:
            OSError: an address cannot be listened on.
        """
        backlog = self.limits.connections
        wanted = [hosts] if isinstance(hosts, str) else list(hosts)
        if wanted == ["::"] and socket.has_dualstack_ipv6():
            both = socket.create_server(("::", port), family=socket.AF_INET6, dualstack_ipv6=True)
            self._servers.append(
                await asyncio.start_server(self._accept, sock=both, backlog=backlog)
            )
        else:
            for host in wanted:
                self._servers.append(
                    await asyncio.start_server(self._accept, host, port, backlog=backlog)
                )
        return [one.getsockname() for server in self._servers for one in server.sockets]

    async def close(self) -> None:
        """End all connections and sessions."""
        for server in self._servers:
            server.close()
        self.derivations.close()
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for session in self.register.sessions:
            session.close()
        for server in self._servers:
            await server.wait_closed()
        await asyncio.sleep(0)  # for transports to close

    def log(self, line: str) -> None:
        """Say what happened, if it can be said."""
        with suppress(OSError, ValueError):
            self._log(line)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            self._admit(reader, writer)
        except OSError:  # gone before it was accepted
            writer.transport.abort()

    def _admit(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve a connection, or turn it away. Raises `OSError` if there is none any more."""
        peer = writer.get_extra_info("peername")
        local = writer.get_extra_info("sockname")
        if peer is None or local is None:
            raise ConnectionError
        peer, local = unmapped(peer), unmapped(local)
        name = endpoint_text(peer)
        if not self._make_room(holder(peer)):
            self.log(f"{name} turned away: too many connections")
            # Modes 0 says that there is no service (RFC 4656 §3.1).
            writer.write(Server(ServerConfig(self.config.protocol, 0)).data_to_send())
            writer.close()
            return
        writer.get_extra_info("socket").setsockopt(
            socket.SOL_SOCKET, socket.SO_SNDBUF, self.limits.unsent
        )
        self.log(f"{name} connected")
        connection = Connection(self, reader, writer, (local, peer))
        task = asyncio.get_running_loop().create_task(connection.run())
        self._tasks[task] = connection
        task.add_done_callback(partial(self._forget, connection))

    def _make_room(self, host: str) -> bool:
        """Whether there is room for a connection of `host`, if need be that of another host.

        Whoever holds most gives way, so that nobody can keep all others out (RFC 4656 §6.5): of
        its connections the oldest without a key, unless `host` itself would then hold as many.
        """
        limits = self.limits
        held = Counter(connection.host for connection in self._tasks.values())
        if held[host] >= limits.connections_per_host:
            return False
        if len(self._tasks) < limits.connections:
            return True
        strangers = [
            (task, connection)
            for task, connection in self._tasks.items()
            if connection.client is None and held[connection.host] > held[host] + 1
        ]
        if not strangers:
            return False
        task, connection = max(strangers, key=lambda item: held[item[1].host])  # the first of them
        del self._tasks[task]
        connection.give_way()
        task.cancel()
        return True

    def _forget(self, connection: Connection, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            self.log(f"internal error: {type(error).__name__}")
        self._tasks.pop(task, None)
        connection.release()

    def make_endpoint(self, local: SocketAddress, policy: Policy) -> Server:
        """The sans-IO end of a connection at an address of the service."""
        config = ServerConfig(
            self.config.protocol,
            self.config.modes,
            self.config.count,
            secrets_of(*self.config.secrets.credentials),
            policy,
            sid_address=address_in_sid(local),
            start_time=self._started,
            max_message_size=self.limits.message_size,
        )
        return self.config.make_server(config)

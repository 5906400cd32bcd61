"""The command ``serve``."""

from __future__ import annotations

import asyncio
import signal
import sys
from pathlib import Path
from typing import Any

import click
from owamp_reference.errors import ProtocolError
from owamp_reference.negotiation import SECURITY_BITS, Mode, Protocol
from owamp_reference.token import MIN_COUNT, check_count

from ..disk import printable
from ..live.capture.capture import Capture
from ..live.net.addresses import CONTROL_PORTS, endpoint_text
from ..live.secrets import Secrets
from ..live.serve.limits import ServiceLimits
from ..live.serve.log import BackgroundLog
from ..live.serve.server import Service, ServiceConfig, offered_modes
from .about_peers import (
    MODE_NAMES,
    NoPeer,
    capture_option,
    protocol_of,
    protocol_option,
    read_secret_options,
    secret_options,
)
from .console import EXIT_CODES, clear_errors
from .options import PortRange, limit_option, seconds_option

_LIMITS = ServiceLimits()
_STATED = f"""
Besides the limits that options set, these hold. There are at most {_LIMITS.all_sessions} test
sessions in all, {_LIMITS.sessions_per_client} per KeyID, {_LIMITS.sessions_per_client} per host
without a key, and {_LIMITS.open_sessions} of all clients without a key. A session lasts at most
{_LIMITS.session_time / 3600:g} hours, and its Timeout is at most {_LIMITS.timeout:g} s. The times
of an OWAMP session's packets span at most its REFWAIT. The server keeps at most {_LIMITS.records}
packets of OWAMP sessions at once, and a quarter of them for one client; if --max-packets is
greater than either number, it replaces that number. Set-up may take
{_LIMITS.set_up:g} s. A command may take {_LIMITS.message:g} s and have {_LIMITS.message_size}
octets. The number of PBKDF2 derivations at a time is {_LIMITS.derivations}; hosts take turns. A
TWAMP packet in clear is not answered if it is shorter than its answer, which has 41 octets. When
all connections are in use and another host connects, the server closes a connection without a
key, of the host that has the most of them. A host is an IPv4 address or an IPv6 network of 64
bits.
"""


def _no_empty_host(
    _context: click.Context, _param: click.Parameter, hosts: tuple[str, ...]
) -> tuple[str, ...]:
    """An empty name, as of a variable that is not set, would be each address of the machine."""
    if not all(hosts):
        raise click.BadParameter("expected an address or a name, found an empty one")
    return hosts


@click.command(epilog=f"{_STATED}\n{EXIT_CODES}")
@protocol_option()
@click.option(
    "--host",
    "hosts",
    default=("127.0.0.1",),
    show_default=True,
    multiple=True,
    callback=_no_empty_host,
    help="Address to listen on; can be repeated. :: alone also accepts IPv4 if the system can.",
)
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    help="TCP port; 0 means any free port.  [default: 861 for OWAMP, 862 for TWAMP]",
)
@click.option(
    "--modes",
    metavar="MODE,...",
    help=f"Modes to offer, of {', '.join(MODE_NAMES)}.  [default: authenticated and encrypted if "
    "there is a secret, else unauthenticated]",
)
@secret_options
@click.option(
    "--count",
    default=MIN_COUNT,
    show_default=True,
    type=click.IntRange(MIN_COUNT),
    help=f"PBKDF2 iterations: a power of 2, at least {MIN_COUNT}.",
)
@limit_option("--max-connections", _LIMITS.connections, "of control connections at a time")
@click.option(
    "--max-connections-per-host",
    type=click.IntRange(1),
    help="Limit of control connections per host.  [default: a quarter of --max-connections]",
)
@limit_option("--max-sessions", _LIMITS.sessions, "of test sessions per connection")
@limit_option("--max-packets", _LIMITS.packets, "of packets per test session")
@click.option(
    "--test-ports",
    metavar="LOW-HIGH",
    type=PortRange(),
    help="UDP ports of test sessions.  [default: any]",
)
@seconds_option("--start-ahead", _LIMITS.start_ahead, "that Start Time may lie ahead")
@seconds_option("--servwait", _LIMITS.servwait, "without a command until a connection is closed")
@seconds_option("--refwait", _LIMITS.refwait, "without a test packet until a session ends")
@capture_option
def serve(
    protocol: str | None,
    hosts: tuple[str, ...],
    port: int | None,
    modes: str | None,
    count: int,
    max_connections: int,
    max_connections_per_host: int | None,
    max_sessions: int,
    max_packets: int,
    test_ports: range | None,
    start_ahead: float,
    servwait: float,
    refwait: float,
    write_pcap: Path | None,
    **secrets: Any,
) -> None:
    """Run the reference's server, so that a real client can complete sessions with it.

    The server prints one line "listening on HOST:PORT" per address on standard output, and one
    line per event on standard error. SIGINT and SIGTERM end it. With TWAMP it reflects packets.
    With OWAMP it receives and sends packets, and answers Fetch-Session. For an hour it answers
    Fetch-Session also on other connections under the same KeyID.

    Secrets come from files that only their owner can read. The TOML file of --secrets has a table
    [passphrases] with one line NAME = "PASSPHRASE" per passphrase, and one table [[ike_sa]] per
    IKE SA with spi_i, spi_r and either prf and sk_d, or prf, keymat and sid, or shared_secret, in
    hex.

    \b
    Examples:
      owamp-vectors serve --port 8620
      owamp-vectors serve --protocol owamp --host ::1 --secrets secrets.toml
      owamp-vectors serve --spi-i 0102030405060708 --spi-r 1112131415161718 \\
                          --prf PRF_HMAC_SHA2_256 --sk-d sk_d.hex
    """
    chosen = protocol_of(protocol)
    with clear_errors():
        found = read_secret_options(**secrets, for_twamp=chosen is Protocol.TWAMP)
    offered = _offered(chosen, modes, found)
    limits = ServiceLimits(
        connections=max_connections,
        connections_per_host=max_connections_per_host or max(1, max_connections // 4),
        sessions=max_sessions,
        packets=max_packets,
        records=max(_LIMITS.records, max_packets),
        ports=test_ports or (),
        start_ahead=start_ahead,
        servwait=servwait,
        refwait=refwait,
    )
    try:
        check_count(count, 2**32 - 1)
    except ProtocolError as error:
        raise click.BadParameter(str(error), param_hint="--count") from None
    config = ServiceConfig(chosen, offered, found, count, limits)
    with clear_errors():
        capture = Capture(write_pcap)
    where = CONTROL_PORTS[chosen] if port is None else port
    try:
        asyncio.run(_serve(config, capture, hosts, where))
    except OSError as error:
        capture.drop()
        raise NoPeer(f"{', '.join(hosts)}, port {where}: {error.strerror or error}") from None
    except UnicodeError:  # of a name with an empty label, or one that is too long
        capture.drop()
        raise NoPeer(f"{', '.join(hosts)}, port {where}: not a host name") from None
    with clear_errors():
        capture.close()


def _offered(protocol: Protocol, modes: str | None, found: Secrets) -> int:
    """The Modes to offer; by default not mixed, into which others could be changed on the way.

    Raises:
        click.UsageError: a mode that there is not, or that needs a secret.
    """
    if modes is None:
        protected = [Mode.AUTHENTICATED, Mode.ENCRYPTED] if found.credentials else []
        return offered_modes(protocol, protected or [Mode.UNAUTHENTICATED], found)
    names = modes.split(",")
    unknown = [name for name in names if name not in MODE_NAMES]
    if unknown:
        expected = f"expected some of {', '.join(MODE_NAMES)}, found {unknown[0]!r}"
        raise click.BadParameter(expected, param_hint="--modes")
    security = [Mode[name.upper()] for name in names]
    if any(not mode & SECURITY_BITS[protocol] for mode in security):
        expected = "expected a mode of OWAMP, found mixed (RFC 5618 is for TWAMP)"
        raise click.BadParameter(expected, param_hint="--modes")
    if not found.credentials and security != [Mode.UNAUTHENTICATED]:
        raise click.UsageError("--modes: expected a secret for a protected mode, found none")
    return offered_modes(protocol, security, found)


async def _serve(
    config: ServiceConfig, capture: Capture, hosts: tuple[str, ...], port: int
) -> None:
    """Serve until SIGINT or SIGTERM."""
    loop, ended = asyncio.get_running_loop(), asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, ended.set)
    log = BackgroundLog(sys.stderr.fileno() if sys.stderr else None)
    service = Service(config, lambda line: log(printable(line)), capture)
    loop.set_exception_handler(lambda _, context: service.log(str(context["message"])))
    try:
        for address in await service.start(hosts, port):
            click.echo(f"listening on {endpoint_text(address)}")
        sys.stdout.flush()
        await ended.wait()
    finally:
        await service.close()
        log.close()

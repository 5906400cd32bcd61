"""The commands that talk to a real peer: ``serve`` and ``probe``."""

from __future__ import annotations

import asyncio
import ipaddress
import itertools
import re
import signal
import sys
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TypeVar

import click
from owamp_reference.binding import key_id_from_spis
from owamp_reference.endpoints import SECURITY_BITS, Credentials, Mode, Protocol
from owamp_reference.errors import ProtocolError
from owamp_reference.messages import encode_key_id
from owamp_reference.token import DEFAULT_MAX_COUNT, MIN_COUNT, check_count, encode_passphrase

from . import files
from .console import DIFFERENT, NO_PEER, clear_errors, file_option
from .live.capture import Capture
from .live.limits import Limits
from .live.pcap import ConnectionReport, report_capture
from .live.probe import Direction, ProbeConfig, UnreachableError, run_probe
from .live.secrets import Secrets
from .live.server import Service, ServiceConfig, endpoint_text, offered_modes
from .live.steps import Step, any_wrong, printable, step_lines, text_lines, to_json
from .model import Json
from .secret_options import read_secret_options, secret_options

_Command = TypeVar("_Command", bound=Callable[..., Any])

SERVE_EXIT_CODES = """\b
Exit codes:
  0  ended by SIGINT or SIGTERM
  2  the command line is wrong
  3  a file cannot be read or written, or is not what it is to be
  7  the address cannot be listened on
"""
PROBE_EXIT_CODES = """\b
Exit codes:
  0  every step is right
  1  the peer did something wrong, or refused a step
  2  the command line is wrong
  3  a file cannot be read or written, or is not what it is to be
  7  the peer cannot be reached
"""
PORTS = {Protocol.OWAMP: 861, Protocol.TWAMP: 862}
_LIMITS = Limits()
_MODES = [mode.name.lower() for mode in Mode if mode.name]


class _NoPeer(click.ClickException):
    exit_code = NO_PEER


def _protocol_option(command: _Command) -> _Command:
    return click.option(
        "--protocol",
        default="twamp",
        show_default=True,
        type=click.Choice([protocol.name.lower() for protocol in Protocol]),
        help="What the peer is to speak.",
    )(command)


def _capture_option(command: _Command) -> _Command:
    return file_option("--write-pcap", "write_pcap", "Write all that passes as a capture (pcap).")(
        command
    )


def _seconds(name: str, default: float, text: str) -> Callable[[_Command], _Command]:
    return click.option(
        name,
        default=default,
        show_default=True,
        type=click.FloatRange(min=0, min_open=True),
        metavar="S",
        help=f"Seconds {text}.",
    )


@click.command(epilog=SERVE_EXIT_CODES)
@_protocol_option
@click.option(
    "--host",
    "hosts",
    default=("127.0.0.1",),
    show_default=True,
    multiple=True,
    help="Address to listen on; can be repeated. :: alone is IPv4 too, where the system can.",
)
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    help="TCP port; 0 for any.  [default: 861 for OWAMP, 862 for TWAMP]",
)
@click.option(
    "--modes",
    metavar="MODE,...",
    help=f"What to offer, of {', '.join(_MODES)}.  [default: the protected ones if there is a "
    "secret, else unauthenticated]",
)
@secret_options
@click.option(
    "--count",
    default=MIN_COUNT,
    show_default=True,
    type=click.IntRange(1),
    help="PBKDF2 iterations, a power of 2.",
)
@click.option(
    "--max-connections",
    default=_LIMITS.connections,
    show_default=True,
    type=click.IntRange(1),
    help="Control connections at once.",
)
@click.option(
    "--max-sessions",
    default=_LIMITS.sessions,
    show_default=True,
    type=click.IntRange(1),
    help="Test sessions of one connection.",
)
@_seconds("--servwait", _LIMITS.servwait, "without a command until a connection is closed")
@_seconds("--refwait", _LIMITS.refwait, "without a test packet until a session ends")
@_capture_option
def serve(
    protocol: str,
    hosts: tuple[str, ...],
    port: int | None,
    modes: str | None,
    count: int,
    max_connections: int,
    max_sessions: int,
    servwait: float,
    refwait: float,
    write_pcap: Path | None,
    **secrets: Any,
) -> None:
    """Run the reference's server, so that a real client can complete sessions with it.

    Says on standard output where it listens, one line "listening on HOST:PORT" an address, and on
    standard error what happens, one line an event. SIGINT and SIGTERM end it. With TWAMP it
    reflects; with OWAMP it receives, sends, and answers Fetch-Session, for an hour also on other
    connections under the same KeyID.

    Secrets come from files that only their owner can read. The TOML of --secrets has a table
    [passphrases] with a line NAME = "PASSPHRASE" each, and tables [[ike_sa]] with spi_i, spi_r and
    either prf and sk_d, or prf, keymat and sid, or shared_secret, in hex.

    \b
    Examples:
      owamp-vectors serve --port 8620
      owamp-vectors serve --protocol owamp --host ::1 --secrets secrets.toml
      owamp-vectors serve --spi-i 0102030405060708 --spi-r 1112131415161718 \\
                          --prf PRF_HMAC_SHA2_256 --sk-d sk_d.hex
    """
    chosen = Protocol[protocol.upper()]
    with clear_errors():
        found = read_secret_options(**secrets)
    offered = _offered(chosen, modes, found)
    limits = Limits(
        connections=max_connections,
        connections_per_host=max_connections,
        sessions=max_sessions,
        servwait=servwait,
        refwait=refwait,
    )
    try:
        check_count(count, 2**32 - 1)
    except ProtocolError as error:
        raise click.BadParameter(str(error), param_hint="--count") from None
    config = ServiceConfig(chosen, offered, found, count, limits)
    capture = Capture(write_pcap)
    where = PORTS[chosen] if port is None else port
    try:
        asyncio.run(_serve(config, capture, hosts, where))
    except OSError as error:
        raise _NoPeer(f"{', '.join(hosts)}, port {where}: {error.strerror or error}") from None
    with clear_errors():
        capture.save()


def _offered(protocol: Protocol, modes: str | None, found: Secrets) -> int:
    """The Modes to offer; raises `click.BadParameter`."""
    names = _MODES if modes is None else modes.split(",")
    unknown = [name for name in names if name not in _MODES]
    if unknown:
        expected = f"expected some of {', '.join(_MODES)}, found {unknown[0]!r}"
        raise click.BadParameter(expected, param_hint="--modes")
    security = [Mode[name.upper()] for name in names]
    if modes is None:
        protected = bool(found.credentials)
        security = [mode for mode in security if (mode is not Mode.UNAUTHENTICATED) is protected]
        security = [mode for mode in security if mode & SECURITY_BITS[protocol]]
    elif any(not mode & SECURITY_BITS[protocol] for mode in security):
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
    service = Service(config, lambda line: click.echo(printable(line), err=True), capture)
    try:
        for address in await service.start(hosts, port):
            click.echo(f"listening on {endpoint_text(address)}")
        sys.stdout.flush()
        await ended.wait()
    finally:
        await service.close()


@click.command(epilog=PROBE_EXIT_CODES)
@click.argument("peer", metavar="HOST[:PORT]", required=False)
@_protocol_option
@click.option("--mode", type=click.Choice(_MODES), help="[default: encrypted if there is a secret]")
@secret_options
@click.option(
    "--direction",
    default=Direction.SEND.value,
    show_default=True,
    type=click.Choice([direction.value for direction in Direction]),
    help="Of the test packets (OWAMP).",
)
@click.option(
    "--count", default=5, show_default=True, type=click.IntRange(1, 10_000), help="Test packets."
)
@_seconds("--interval", 0.1, "between two test packets")
@click.option(
    "--padding",
    default=64,
    show_default=True,
    type=click.IntRange(0, 9000),
    help="Octets of padding in a test packet.",
)
@_seconds("--timeout", 5, "for the connection and for each answer")
@_seconds("--loss-timeout", 2, "after which a test packet counts as lost")
@click.option(
    "--max-count",
    default=DEFAULT_MAX_COUNT,
    show_default=True,
    type=click.IntRange(MIN_COUNT),
    help="Largest Count to compute with.",
)
@click.option("--octets", is_flag=True, help="Show every message field by field.")
@file_option("--json", "json_path", "Write the report as JSON, with all octets.")
@_capture_option
@file_option("--pcap", "pcap", "Report on a capture instead of contacting a peer.")
@click.option(
    "--pcap-port",
    "pcap_ports",
    multiple=True,
    type=click.IntRange(1, 65535),
    help="Server port in the capture besides 861 and 862; can be repeated.",
)
def probe(
    peer: str | None,
    protocol: str,
    mode: str | None,
    direction: str,
    octets: bool,
    max_count: int,
    json_path: Path | None,
    write_pcap: Path | None,
    pcap: Path | None,
    pcap_ports: tuple[int, ...],
    **options: Any,
) -> None:
    """Take a real server through a session, and say step by step what it does right or wrong.

    HOST:PORT is the server's; an IPv6 address stands in brackets. Set-up, one test session, some
    test packets, stop and, with OWAMP, fetch: each message is a line with its verdict and its
    section of the RFC. Secrets come from files that only their owner can read; the passphrase of
    --key-id alone is asked for. With --pcap the same report is made of a capture.

    \b
    Examples:
      owamp-vectors probe 192.0.2.1
      owamp-vectors probe --key-id alice --passphrase alice.txt --mode authenticated [::1]:8620
      owamp-vectors probe --protocol owamp --direction both --octets --json report.json 192.0.2.1
      owamp-vectors probe --pcap seen.pcap --secrets secrets.toml
    """
    plan = {name: options.pop(name) for name in _PLAN}
    chosen = Protocol[protocol.upper()]
    if (peer is None) == (pcap is None):
        raise click.UsageError("expected HOST:PORT or --pcap, found both or none")
    if pcap is not None:
        with clear_errors():
            found = read_secret_options(**options)
            reports = report_capture(pcap, found.credentials, None, pcap_ports, max_count)
        _tell_capture(reports, octets, json_path)
        return
    assert peer is not None
    host, port = _host_and_port(peer, PORTS[chosen])
    credentials = _credentials(options, mode)
    security = Mode[mode.upper()] if mode else Mode.ENCRYPTED
    if mode is None and credentials is None:
        security = Mode.UNAUTHENTICATED
    if not security & SECURITY_BITS[chosen]:
        raise click.BadParameter("expected a mode of OWAMP, found mixed", param_hint="--mode")
    config = ProbeConfig(
        chosen,
        security,
        credentials if security is not Mode.UNAUTHENTICATED else None,
        Direction(direction),
        max_count=max_count,
        **plan,
    )
    capture = Capture(write_pcap)
    try:
        with _telling(octets) as tell:
            report = asyncio.run(run_probe(config, host, port, capture, tell))
    except UnreachableError as error:
        raise _NoPeer(str(error)) from None
    with clear_errors():
        capture.save()
        _write_json(json_path, {"peer": peer, "complete": report.is_complete}, report.steps)
    _conclude(any_wrong(report.steps), report.is_complete)


_PLAN = ("count", "interval", "padding", "timeout", "loss_timeout")


@contextmanager
def _telling(octets: bool) -> Iterator[Callable[[Step], None]]:
    """Prints each step that it is given at once, so that one sees how far a slow peer has come.

    In a thread, so that a terminal or pager that takes no more lines does not hold the probe up,
    which would then find its peer late. What goes wrong in printing is raised at the end.
    """
    numbers = itertools.count(1)
    shown: list[Future[None]] = []

    def show(step: Step) -> None:
        for line in step_lines(next(numbers), step, octets):
            click.echo(line)

    with ThreadPoolExecutor(max_workers=1) as printer:
        yield lambda step: shown.append(printer.submit(show, step))
    for one in shown:
        one.result()


def _credentials(options: dict[str, Any], mode: str | None) -> Credentials | None:
    """The secret of the probe; a passphrase that no file holds is asked for."""
    key_id, wanted = options["key_id"], None
    with clear_errors():
        found = read_secret_options(**options)
    if key_id is not None:
        wanted = encode_key_id(key_id), False
    elif options["spi_i"] is not None:
        wanted = key_id_from_spis(options["spi_i"], options["spi_r"]), True
    for item in found.credentials:
        if wanted in (None, (item.key_id, item.ikev2_derived)):
            return item
    if wanted is not None and found.credentials:
        raise click.UsageError("--secrets: expected the secret of the KeyID or SPIs, found none")
    if key_id is None:
        if mode not in (None, "unauthenticated"):
            raise click.UsageError(f"--mode {mode}: expected a secret, found none")
        return None
    try:
        text = click.prompt(f"Passphrase of {key_id}", hide_input=True, err=True)
    except click.Abort:  # its exit code would be that of a peer that is wrong
        expected = "expected a file, or a passphrase typed at the prompt, found neither"
        raise click.UsageError(f"--passphrase: {expected}") from None
    try:
        return Credentials.from_passphrase(key_id, encode_passphrase(text))
    except ProtocolError as error:
        raise click.UsageError(str(error)) from None


def _host_and_port(text: str, default: int) -> tuple[str, int]:
    """The parts of ``HOST:PORT``, ``[IPv6]:PORT`` or a host alone; raises `click.BadParameter`."""
    match = re.fullmatch(r"(?:\[([^\[\]]+)\]|([^:\[\]]+))(?::(\d{1,5}))?", text)
    host, port = "", str(default)
    if match is not None:
        host, port = match[1] or match[2], match[3] or port
    else:
        with suppress(ValueError):
            ipaddress.IPv6Address(text)  # without brackets
            host = text
    if not host or not 1 <= int(port) <= 65535:
        raise click.BadParameter(f"expected HOST:PORT, found {text!r}", param_hint="HOST:PORT")
    return host, int(port)


def _write_json(path: Path | None, head: Json, steps: Iterable[Step]) -> None:
    if path is not None:
        files.write_files(path.parent, {path.name: files.to_text({**head, **to_json(steps)})})


def _tell_capture(reports: list[ConnectionReport], octets: bool, json_path: Path | None) -> None:
    """Print, and write, the reports on a capture; exits with 1 if something is wrong."""
    connections = []
    for report in reports:
        ends = f"{endpoint_text(report.client)} to {endpoint_text(report.server)}"
        click.echo(f"{ends}, {report.protocol.value if report.protocol else 'protocol not told'}")
        for line in text_lines(report.steps, octets):
            click.echo(line)
        protocol = report.protocol.value if report.protocol else None
        head = {"client": report.client, "server": report.server, "protocol": protocol}
        connections.append({**head, **to_json(report.steps)})
    if json_path is not None:
        text = files.to_text({"connections": connections})
        with clear_errors():
            files.write_files(json_path.parent, {json_path.name: text})
    if not reports:
        click.echo("No control connection is in the capture.", err=True)
    _conclude(any(any_wrong(report.steps) for report in reports), is_complete=bool(reports))


def _conclude(is_wrong: bool, is_complete: bool) -> None:
    """The last line, and the exit code."""
    if is_wrong:
        click.echo("Something is wrong.", err=True)
    elif not is_complete:
        click.echo("Not everything could be looked at.", err=True)
    else:
        click.echo("Everything is right.")
        return
    raise click.exceptions.Exit(DIFFERENT)

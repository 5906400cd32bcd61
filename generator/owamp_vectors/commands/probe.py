"""The command ``probe``."""

from __future__ import annotations

import asyncio
import ipaddress
import itertools
import re
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import click
from owamp_reference.binding import key_id_from_spis
from owamp_reference.errors import ProtocolError
from owamp_reference.messages import encode_key_id
from owamp_reference.negotiation import SECURITY_BITS, Credentials, Mode, Protocol

from .. import disk
from ..live.capture.capture import Capture
from ..live.net.addresses import CONTROL_PORTS, endpoint_text
from ..live.observe.captured import ConnectionReport, report_capture
from ..live.observe.steps import Step, any_wrong, step_lines, steps_to_json, text_lines
from ..live.probe.attacks.run import TIME_LIMIT
from ..live.probe.attacks.target import CONNECTIONS, DATAGRAMS
from ..live.probe.config import Direction, ProbeConfig
from ..live.probe.negative import run_negative
from ..live.probe.probe import UnreachableError, run_probe
from ..vectors.declaration import Json
from .about_attacks import tell_attacks
from .about_peers import (
    MODE_NAMES,
    NoPeer,
    capture_option,
    max_count_option,
    pcap_ports_option,
    protocol_of,
    protocol_option,
    read_secret_options,
    secret_options,
)
from .console import DIFFERENT, EXIT_CODES, NOT_CHECKED, clear_errors
from .options import file_option, reporting, seconds_option


@click.command(epilog=EXIT_CODES)
@click.argument("peer", metavar="HOST[:PORT]", required=False)
@protocol_option("; with --pcap, taken from the port or the messages")
@click.option(
    "--mode",
    type=click.Choice(MODE_NAMES),
    help="Mode to ask the server for.  [default: encrypted if there is a secret, else "
    "unauthenticated]",
)
@secret_options
@click.option(
    "--direction",
    default=Direction.SEND.value,
    show_default=True,
    type=click.Choice([direction.value for direction in Direction]),
    help="Direction of the test packets (OWAMP).",
)
@click.option(
    "--count",
    default=5,
    show_default=True,
    type=click.IntRange(1, 10_000),
    help="Number of test packets.",
)
@seconds_option("--interval", 0.1, "between two test packets")
@click.option(
    "--padding",
    default=64,
    show_default=True,
    type=click.IntRange(0, 9000),
    help="Octets of padding per test packet.",
)
@seconds_option("--timeout", 5, "for the connection and for each answer")
@seconds_option("--loss-timeout", 2, "after which a test packet counts as lost")
@max_count_option
@click.option(
    "--negative",
    is_flag=True,
    help="Send a server whose secret is known what it must refuse, and report what it accepts.",
)
@click.option(
    "--attacks",
    is_flag=True,
    help="Play the attacks and honest runs of the models with a server whose secret is known, and "
    f"report which of them it resists. At most {CONNECTIONS} connections, {DATAGRAMS} test packets "
    f"each, and {TIME_LIMIT:g} s for one attack.",
)
@click.option(
    "--i-own-this-host",
    "is_own",
    is_flag=True,
    help="HOST is yours, or its owner has agreed; needed for --attacks.",
)
@click.option("--octets", is_flag=True, help="Show every message field by field.")
@reporting
@capture_option
@file_option("--pcap", "pcap", "Report on a capture instead of contacting a peer.")
@pcap_ports_option
def probe(
    peer: str | None,
    protocol: str | None,
    mode: str | None,
    direction: str,
    negative: bool,
    attacks: bool,
    is_own: bool,
    octets: bool,
    max_count: int,
    json_path: Path | None,
    write_pcap: Path | None,
    pcap: Path | None,
    pcap_ports: tuple[int, ...],
    **options: Any,
) -> None:
    """Run a session with a real server, and report step by step what it does right or wrong.

    HOST:PORT is the address of the server; put an IPv6 address in brackets. The probe sets up a
    connection, runs one test session with some test packets, stops it, and with OWAMP fetches the
    results. The report has one line per message, with a verdict and a section of the RFC. Secrets
    come from files that only their owner can read. If --key-id is given alone, the command asks for
    the passphrase. With --pcap, the same report is made from a capture.

    \b
    Examples:
      owamp-vectors probe 192.0.2.1
      owamp-vectors probe --key-id alice --passphrase alice.txt --mode authenticated [::1]:8620
      owamp-vectors probe --protocol owamp --direction both --octets --json report.json 192.0.2.1
      owamp-vectors probe --negative --secrets secrets.toml 192.0.2.1
      owamp-vectors probe --attacks --i-own-this-host --secrets secrets.toml 192.0.2.1
      owamp-vectors probe --pcap seen.pcap --secrets secrets.toml
    """
    plan = {name: options.pop(name) for name in _PLAN}
    _check_attacks(attacks, is_own, negative or pcap is not None)
    chosen = protocol_of(protocol)
    if (peer is None) == (pcap is None):
        raise click.UsageError("expected HOST:PORT or --pcap, found both or none")
    if pcap is not None:
        with clear_errors():
            found = read_secret_options(**options)
            told = None if protocol is None else chosen
            reports = report_capture(pcap, found.credentials, told, pcap_ports, max_count)
        _tell_capture(reports, octets, json_path)
        return
    assert peer is not None
    host, port = _host_and_port(peer, CONTROL_PORTS[chosen])
    credentials = _credentials(options, mode, chosen is Protocol.TWAMP)
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
    if attacks:
        tell_attacks(config, host, port, json_path, write_pcap)
        return
    if negative:
        _tell_negative(config, host, port, json_path, write_pcap)
        return
    with clear_errors():
        capture = Capture(write_pcap)
    try:
        with _telling(octets) as tell:
            report = asyncio.run(run_probe(config, host, port, capture, tell))
    except UnreachableError as error:
        capture.drop()
        raise NoPeer(str(error)) from None
    with clear_errors():
        capture.close()
        _write_json(json_path, {"peer": peer, "complete": report.is_complete}, report.steps)
    _conclude(any_wrong(report.steps), report.is_complete, "Not all steps could be taken.")


def _tell_negative(
    config: ProbeConfig, host: str, port: int, json_path: Path | None, write_pcap: Path | None
) -> None:
    """What a server takes that it has to refuse."""
    if config.credentials is None:
        raise click.UsageError("--negative: expected a secret, found none")
    if write_pcap is not None:
        raise click.UsageError("--negative: expected no --write-pcap, found it")
    try:
        with _telling(octets=False) as tell:
            steps, is_made = asyncio.run(run_negative(config, host, port, tell))
    except UnreachableError as error:
        raise NoPeer(str(error)) from None
    with clear_errors():
        _write_json(json_path, {"peer": f"{host}:{port}", "complete": is_made}, steps)
    nothing = "Nothing was checked: it does not accept what has no fault."
    _conclude(any_wrong(steps) and is_made, is_made, nothing)


def _check_attacks(attacks: bool, is_own: bool, with_others: bool) -> None:
    """Raise `click.UsageError` for attacks on a host that nobody vouches for, or with more."""
    if is_own and not attacks:
        raise click.UsageError("--i-own-this-host: expected --attacks with it, found none")
    if attacks and not is_own:
        expected = "expected --i-own-this-host with it, found none"
        raise click.UsageError(f"--attacks: {expected}; attack no host but your own")
    if attacks and with_others:
        raise click.UsageError("--attacks: expected neither --negative nor --pcap, found one")


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


def _credentials(options: dict[str, Any], mode: str | None, for_twamp: bool) -> Credentials | None:
    """The secret of the probe; a passphrase that no file holds is asked for."""
    key_id, wanted = options["key_id"], None
    with clear_errors():
        found = read_secret_options(**options, for_twamp=for_twamp)
    if key_id is not None:
        wanted = encode_key_id(key_id), False
    elif options["spi_i"] is not None:
        wanted = key_id_from_spis(options["spi_i"], options["spi_r"]), True
    for item in found.credentials:
        if wanted in (None, item.name):
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
        return Credentials.from_passphrase(key_id, text, for_twamp=for_twamp)
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
        disk.write_file(path, disk.to_text({**head, **steps_to_json(steps)}))


def _tell_capture(reports: list[ConnectionReport], octets: bool, json_path: Path | None) -> None:
    """Print, and write, the reports on a capture; exits with 1 if something is wrong."""
    connections = []
    for report in reports:
        ends = f"{endpoint_text(report.client)} to {endpoint_text(report.server)}"
        click.echo(f"{ends}, {report.protocol.value if report.protocol else 'protocol not told'}")
        for line in text_lines(report.all_steps, octets):
            click.echo(line)
        protocol = report.protocol.value if report.protocol else None
        head = {"client": report.client, "server": report.server, "protocol": protocol}
        connections.append({**head, **steps_to_json(report.all_steps)})
    if json_path is not None:
        text = disk.to_text({"connections": connections})
        with clear_errors():
            disk.write_file(json_path, text)
    checked = sum(report.is_checked for report in reports)
    if not reports:
        click.echo("No control connection is in the capture.", err=True)
    elif 0 < checked < len(reports):
        missed = len(reports) - checked
        click.echo(f"Of {missed} of {len(reports)} connections no test session could be checked.")
    nothing = "Nothing was checked: no test session was accepted that could be read."
    _conclude(any(any_wrong(report.all_steps) for report in reports), bool(checked), nothing)


def _conclude(is_wrong: bool, is_checked: bool, nothing: str) -> None:
    """The last line, and the exit code; `nothing` says that too little was seen to be right."""
    if is_wrong:
        click.echo("Something is wrong.", err=True)
        raise click.exceptions.Exit(DIFFERENT)
    if not is_checked:
        click.echo(nothing, err=True)
        raise click.exceptions.Exit(NOT_CHECKED)
    click.echo("Everything is right.")

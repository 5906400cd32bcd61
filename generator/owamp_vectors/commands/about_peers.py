"""What the commands that talk to a peer share: protocol, capture, and the shared secrets."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import click
from owamp_reference.errors import ProtocolError
from owamp_reference.ikev2 import PRFS
from owamp_reference.messages import encode_key_id
from owamp_reference.negotiation import Credentials, Mode, Protocol
from owamp_reference.token import DEFAULT_MAX_COUNT, MIN_COUNT

from ..disk import FileError
from ..live import secrets
from ..live.secrets import Secrets
from .console import NO_PEER
from .options import CommandT, Hex, file_option

MODE_NAMES = [mode.name.lower() for mode in Mode if mode.name]


class NoPeer(click.ClickException):
    """The peer cannot be reached, or the address not be listened on."""

    exit_code = NO_PEER


def protocol_option(more: str = "") -> Callable[[CommandT], CommandT]:
    """The option ``--protocol``, None if it is not given; `more` is said of its default."""
    return click.option(
        "--protocol",
        type=click.Choice([protocol.name.lower() for protocol in Protocol]),
        help=f"Protocol of the peer.  [default: twamp{more}]",
    )


def protocol_of(name: str | None) -> Protocol:
    """The protocol that ``--protocol`` names, or its default."""
    return Protocol[(name or "twamp").upper()]


def capture_option(command: CommandT) -> CommandT:
    """The option ``--write-pcap``."""
    return file_option("--write-pcap", "write_pcap", "Write all that passes to a capture (pcap).")(
        command
    )


def pcap_ports_option(command: CommandT) -> CommandT:
    """The option ``--pcap-port``."""
    return click.option(
        "--pcap-port",
        "pcap_ports",
        multiple=True,
        type=click.IntRange(1, 65535),
        help="Server port in the capture besides 861 and 862; can be repeated.",
    )(command)


def max_count_option(command: CommandT) -> CommandT:
    """The option ``--max-count``."""
    return click.option(
        "--max-count",
        default=DEFAULT_MAX_COUNT,
        show_default=True,
        type=click.IntRange(MIN_COUNT),
        help="Largest Count that is accepted from the server.",
    )(command)


def secret_options(command: CommandT) -> CommandT:
    """The options that name shared secrets; a secret itself is never on the command line."""
    for option in reversed(
        (
            file_option("--secrets", "secrets_path", "Secrets by KeyID and by SPIs (TOML)."),
            click.option("--key-id", metavar="NAME", help="KeyID of a passphrase."),
            file_option(
                "--passphrase",
                "passphrase_path",
                "Passphrase of --key-id, in one line.",
            ),
            click.option("--spi-i", metavar="HEX", type=Hex(8), help="SPIi of an IKE SA."),
            click.option("--spi-r", metavar="HEX", type=Hex(8), help="SPIr of an IKE SA."),
            click.option(
                "--prf",
                "prf_name",
                metavar="NAME",
                type=click.Choice(list(PRFS)),
                help=f"prf of the IKE SA: {', '.join(PRFS)}.",
            ),
            file_option("--sk-d", "sk_d_path", 'SK_d in hex, for prf(SK_d, "IPPM").'),
            file_option("--keymat", "keymat_path", "KEYMAT in hex, for PRF{ KEYMAT, Session ID }."),
            click.option("--sid", metavar="HEX", type=Hex(16), help="Session ID for --keymat."),
            file_option(
                "--shared-secret",
                "shared_secret_path",
                "Shared secret key of --key-id or of the SPIs, in hex.",
            ),
        )
    ):
        command = option(command)
    return command


def read_secret_options(
    secrets_path: Path | None,
    key_id: str | None,
    passphrase_path: Path | None,
    spi_i: bytes | None,
    spi_r: bytes | None,
    prf_name: str | None,
    sk_d_path: Path | None,
    keymat_path: Path | None,
    sid: bytes | None,
    shared_secret_path: Path | None,
    *,
    for_twamp: bool = False,
) -> Secrets:
    """All secrets that the options name, that of a single KeyID or IKE SA first.

    Raises:
        click.UsageError: options that do not go together.
        FileError: a file that cannot be used.
    """
    if (spi_i is None) != (spi_r is None):
        raise click.UsageError("expected --spi-i and --spi-r together, found one of them")
    if key_id is not None and spi_i is not None:
        raise click.UsageError("expected --key-id or --spi-i and --spi-r, found both")
    named = {
        "--passphrase": passphrase_path,
        "--shared-secret": shared_secret_path,
        "--sk-d": sk_d_path,
        "--keymat": keymat_path,
    }
    paths = {name: path for name, path in named.items() if path is not None}
    found: list[Credentials] = []
    try:
        if key_id is not None:
            found = _named(key_id, paths, for_twamp)
        elif spi_i is not None and spi_r is not None:
            if not paths and secrets_path is None:
                raise click.UsageError("--spi-i: expected a secret of the IKE SA, found none")
            found = _of_ike_sa(spi_i, spi_r, paths, prf_name, sid)
        elif paths:
            expected = "--key-id, or --spi-i and --spi-r"
            raise click.UsageError(f"{next(iter(paths))}: expected {expected}, found none")
    except ProtocolError as error:
        raise click.UsageError(str(error)) from None
    if secrets_path is not None:
        found += secrets.read_secrets(secrets_path, for_twamp=for_twamp)
    return secrets.combine(secrets_path, found)


def _named(key_id: str, paths: dict[str, Path], for_twamp: bool) -> list[Credentials]:
    """The secret of a KeyID, if a file holds it."""
    encoded = encode_key_id(key_id)
    wrong = [name for name in paths if name not in ("--passphrase", "--shared-secret")]
    if wrong or len(paths) > 1:
        expected = "--passphrase or --shared-secret"
        raise click.UsageError(f"--key-id: expected {expected}, found {' and '.join(paths)}")
    if "--passphrase" in paths:
        path = paths["--passphrase"]
        passphrase = secrets.read_passphrase(path)
        try:
            return [Credentials.from_passphrase(key_id, passphrase, for_twamp=for_twamp)]
        except ProtocolError as error:
            raise FileError(f"{path}: {error}") from None
    return [
        Credentials(encoded, secrets.read_hex(path, "shared secret")) for path in paths.values()
    ]


def _of_ike_sa(
    spi_i: bytes, spi_r: bytes, paths: dict[str, Path], prf_name: str | None, sid: bytes | None
) -> list[Credentials]:
    """The secret of an IKE SA, if a file holds it."""
    if "--passphrase" in paths:
        raise click.UsageError("--passphrase: expected --key-id, found --spi-i")
    if not paths:
        return []
    octets = {
        name.removeprefix("--").replace("-", "_"): secrets.read_hex(path, name)
        for name, path in paths.items()
    }
    return [secrets.ike_credentials(spi_i, spi_r, prf_name, sid=sid, **octets)]

"""The command ``charon``: the keys of IKEv2 in a log of strongSwan's daemon."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import click

from .. import disk
from ..charon.check import KeyCheck, check_keys
from ..charon.log import LEVELS, CharonLog, ChildKeys, IkeKeys, LogError
from ..charon.reader import parse_log
from ..disk import FileError
from ..words import counted
from .console import DIFFERENT, EXIT_CODES, as_objects, clear_errors, echo, print_table, write_json
from .options import Hex, file_option, reporting

HELP = f"""\
Recompute the keys in a log of charon, the daemon of strongSwan.

SKEYSEED, SK_* and KEYMAT of every IKE SA and child SA are compared with the reference (RFC 7296
§2.14, §2.17, §2.18), also those of SAs that were rekeyed, that have a PPK (RFC 8784), or that were
made with additional key exchanges (RFC 9370). The log must contain them: charon writes them at the
levels {LEVELS}. Such a log is as secret as the keys. Logs of strongSwan 5 and 6 are read.

With --secrets, the keys of the IKE SAs that were not rekeyed are written to a file for `serve` and
`probe`. The file has the SK_d of the daemon, for prf(SK_d, "IPPM") of RFC 7717. With --sid, it has
the KEYMAT of the latest child SA instead, for PRF{{ KEYMAT, Session ID }}.

\b
Examples:
  owamp-vectors charon charon.log
  owamp-vectors charon charon.log --secrets secrets.toml
  owamp-vectors charon charon.log --secrets secrets.toml --sid 00112233445566778899aabbccddeeff
"""
_HEADINGS = ("line", "SPIi", "SPIr", "value", "computed as", "verdict")
_VERDICTS = {True: "agrees", False: "differs", None: "not checked"}
_COUNTED = {True: "as computed", False: "different", None: "not checked"}


@click.command("charon", help=HELP, epilog=EXIT_CODES)
@click.argument("log", type=click.Path(path_type=Path))
@file_option("--secrets", "secrets_path", "Write the keys that are in use to a file (TOML).")
@click.option(
    "--sid", metavar="HEX", type=Hex(16), help="Write KEYMAT for this Session ID, not SK_d."
)
@reporting
def charon(json_path: Path | None, log: Path, secrets_path: Path | None, sid: bytes | None) -> None:
    """See `HELP`."""
    if sid is not None and secrets_path is None:
        raise click.UsageError("--sid: expected --secrets with it, found none")
    with clear_errors():
        text = disk.read_text(log)
        try:
            found = parse_log(text)
            checks = list(check_keys(found))
            secrets = _secrets(found, sid)
        except LogError as error:
            raise FileError(f"{log}: {error}") from None
    print_table([_HEADINGS, *map(_row, checks)], (0,))
    rows = as_objects(_HEADINGS, map(_row, checks), (0,))
    write_json(json_path, {"version": found.version, "values": rows})
    counts = Counter(item.agrees for item in checks)
    version = f"strongSwan {found.version}" if found.version else "strongSwan"
    total = ", ".join(f"{counts[key]} {text}" for key, text in _COUNTED.items() if counts[key])
    echo(f"\n{version}, {counted(len(checks), 'value')}: {total}.")
    if secrets_path is not None:
        with clear_errors():
            disk.write_private(secrets_path, secrets)
    if counts[False]:
        raise click.exceptions.Exit(DIFFERENT)


def _row(item: KeyCheck) -> tuple[str, ...]:
    verdict = _VERDICTS[item.agrees] + (f": {item.note}" if item.note else "")
    spis = (item.spis.initiator.hex(), item.spis.responder.hex())
    return (str(item.line), *spis, item.name, item.formula, verdict)


def _secrets(log: CharonLog, sid: bytes | None) -> str:
    """The TOML of the IKE SAs that no other took the place of. Raises `LogError`."""
    replaced = {sa.old for sa in log.ike_sas if sa.is_rekeyed}
    return "\n".join(
        _entry(sa, None if sid is None else _latest_child(log, sa), sid)
        for sa in log.in_use.values()
        if sa.spis not in replaced
    )


def _latest_child(log: CharonLog, sa: IkeKeys) -> ChildKeys:
    for child in reversed(log.child_sas):
        if child.ike == sa.spis:
            return child
    spis = f"SPIi {sa.spis.initiator.hex()}, SPIr {sa.spis.responder.hex()}"
    raise LogError(f"expected a child SA of the IKE SA with {spis}, found none")


def _entry(sa: IkeKeys, child: ChildKeys | None, sid: bytes | None) -> str:
    values = {
        "spi_i": sa.spis.initiator.hex(),
        "spi_r": sa.spis.responder.hex(),
        "prf": sa.function.name,
    }
    if child is not None and sid is not None:
        values |= {"keymat": child.keymat.hex(), "sid": sid.hex()}
    else:
        values["sk_d"] = sa.keys.sk_d.hex()
    return "[[ike_sa]]\n" + "".join(f'{name} = "{value}"\n' for name, value in values.items())

"""Shared secrets from files: passphrases by KeyID, keys from IKEv2 by the SPIs of the IKE SA.

A secret never stands on the command line, and a file that others may read is refused. A file of
several secrets is TOML::

    [passphrases]
    alice = "correct horse battery staple"

    [[ike_sa]]                      # RFC 7717 §5.1: prf(SK_d, "IPPM")
    spi_i = "0001020304050607"      # octets in hex
    spi_r = "08090a0b0c0d0e0f"
    prf = "PRF_HMAC_SHA2_256"
    sk_d = "65666768…"              # or keymat and sid, for PRF{ KEYMAT, Session ID };
                                    # or shared_secret alone, without prf

The messages of errors quote nothing of such a file, neither values nor names, in the place of
which a secret may stand by mistake. They say where it is, of what size, and what was expected.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from owamp_reference import binding
from owamp_reference.errors import ProtocolError
from owamp_reference.ikev2 import PRFS
from owamp_reference.negotiation import Credentials

from ..disk import FileError, parse_toml, read_whole

_OTHERS = stat.S_IRWXG | stat.S_IRWXO
_MAX_SIZE = 2**20
_SOURCES = ("sk_d", "keymat", "shared_secret")
_FIELDS = {"spi_i", "spi_r", "prf", "sid", *_SOURCES}


@dataclass(frozen=True)
class Secrets:
    """The shared secrets of one end."""

    credentials: tuple[Credentials, ...] = ()

    @property
    def any_ike_sa(self) -> bool:
        """Whether there is a secret that is found by SPIs."""
        return any(item.ikev2_derived for item in self.credentials)


def combine(path: Path | None, credentials: Iterable[Credentials]) -> Secrets:
    """All secrets together. Raises `FileError` if two have the same KeyID."""
    found = tuple(credentials)
    names = [item.name for item in found]
    if len(set(names)) != len(names):
        raise FileError(f"{path or 'secrets'}: expected each KeyID once, found one twice")
    return Secrets(found)


def read_private(path: Path) -> bytes:
    """The octets of a file that holds a secret.

    Raises:
        FileError: it cannot be read, others than its owner may read or change it, or it has
            more than 1 MiB.
    """

    def check(found: os.stat_result) -> None:
        mode = stat.S_IMODE(found.st_mode)
        if mode & _OTHERS:
            expected = "expected a file that only its owner can read (chmod 600)"
            raise FileError(f"{path}: {expected}, found mode {mode:04o}")

    return read_whole(path, _MAX_SIZE, check)


def read_passphrase(path: Path) -> bytes:
    """The passphrase in a file: its first and only line, without the newline.

    Raises:
        FileError: as `read_private`; an empty passphrase, or more than one line.
    """
    data = read_private(path)
    passphrase = data.removesuffix(b"\n").removesuffix(b"\r")
    if not passphrase or b"\n" in passphrase or b"\r" in passphrase:
        found = "another number of lines" if passphrase else "none"
        raise FileError(f"{path}: expected a passphrase in one line, found {found}")
    return passphrase


def read_hex(path: Path, what: str) -> bytes:
    """The octets that a file holds in hex; white space and a leading 0x are allowed.

    Raises:
        FileError: as `read_private`; not hex, or no octet.
    """
    try:
        text = "".join(read_private(path).decode("ascii").split())
    except UnicodeDecodeError:
        text = "?"
    return _from_hex(text.removeprefix("0x"), f"{path}: {what}")


def _from_hex(text: object, where: str) -> bytes:
    if not isinstance(text, str) or not re.fullmatch(r"([0-9A-Fa-f]{2})+", text):
        raise FileError(f"{where}: expected octets in hex, found something else")
    return bytes.fromhex(text)


def read_secrets(path: Path, *, for_twamp: bool = False) -> tuple[Credentials, ...]:
    """The secrets of a TOML file as the module describes it.

    `for_twamp`: whether its passphrases have to be as RFC 5357 §3.1 has them.

    Raises:
        FileError: as `read_private`; not TOML, a field that is missing, unknown or of the wrong
            size.
    """
    try:
        text = read_private(path).decode()
    except UnicodeDecodeError as error:
        raise FileError(f"{path}: not UTF-8 at offset {error.start}") from None
    content = parse_toml(path, text, is_secret=True)
    if set(content) - {"passphrases", "ike_sa"}:
        raise FileError(f"{path}: expected passphrases and ike_sa, found another name")
    passphrases, sas = content.get("passphrases", {}), content.get("ike_sa", [])
    if not isinstance(passphrases, dict):
        raise FileError(f"{path}: passphrases: expected a table, found something else")
    if not isinstance(sas, list) or not all(isinstance(item, dict) for item in sas):
        raise FileError(f"{path}: ike_sa: expected an array of tables, found something else")
    found = [
        _psk(f"{path}: passphrases, entry {number}", name, value, for_twamp)
        for number, (name, value) in enumerate(passphrases.items(), 1)
    ]
    found += [_ike_sa(f"{path}: ike_sa {n}", item) for n, item in enumerate(sas, 1)]
    if not found:
        raise FileError(f"{path}: expected passphrases or an ike_sa, found none")
    return tuple(found)


def _psk(where: str, name: str, value: object, for_twamp: bool) -> Credentials:
    if not isinstance(value, str) or not value:
        raise FileError(f"{where}: expected a string that is not empty, found something else")
    try:
        return Credentials.from_passphrase(name, value, for_twamp=for_twamp)
    except ProtocolError as error:
        raise FileError(f"{where}: {error}") from None


def _ike_sa(where: str, item: Mapping[str, Any]) -> Credentials:
    if set(item) - _FIELDS:
        raise FileError(f"{where}: expected {', '.join(sorted(_FIELDS))}, found another name")
    values = {
        name: _from_hex(value, f"{where}: {name}") for name, value in item.items() if name != "prf"
    }
    for name in ("spi_i", "spi_r"):
        if name not in values:
            raise FileError(f"{where}: {name}: expected 8 octets, found none")
    try:
        return ike_credentials(**values, prf_name=item.get("prf"))
    except ProtocolError as error:
        raise FileError(f"{where}: {error}") from None


def ike_credentials(
    spi_i: bytes,
    spi_r: bytes,
    prf_name: object = None,
    sk_d: bytes | None = None,
    keymat: bytes | None = None,
    sid: bytes | None = None,
    shared_secret: bytes | None = None,
) -> Credentials:
    """The key from IKEv2, in whichever form it is given.

    - `sk_d`, with a prf: prf(SK_d, "IPPM") (RFC 7717 §5.1);
    - `keymat` and `sid`, with a prf: PRF{ KEYMAT, Session ID } of the proposal;
    - `shared_secret`: the key itself.

    Raises:
        ProtocolError: none or several of these, a prf that is unknown, missing or not needed, or
            a wrong size.
    """
    given = [
        name
        for name, value in zip(_SOURCES, (sk_d, keymat, shared_secret), strict=True)
        if value is not None
    ]
    if len(given) != 1:
        found = " and ".join(given) or "none"
        raise ProtocolError("secret", "one of SK_d, KEYMAT and the shared secret", found)
    if (sid is not None) != (keymat is not None):
        raise ProtocolError("SID", "one with KEYMAT, and only then", "else")
    if shared_secret is not None:
        if prf_name is not None:
            raise ProtocolError("prf", "none with the shared secret itself", "one")
        return Credentials.from_ikev2(spi_i, spi_r, shared_secret)
    if not isinstance(prf_name, str) or prf_name not in PRFS:
        found = "none" if prf_name is None else "another"
        raise ProtocolError("prf", f"one of {', '.join(PRFS)}", found)
    function = PRFS[prf_name]
    if keymat is not None and sid is not None:
        secret = binding.shared_secret_from_keymat(function, keymat, sid)
    else:
        assert sk_d is not None
        secret = binding.shared_secret_from_sk_d(function, sk_d)
    return Credentials.from_ikev2(spi_i, spi_r, secret)

"""Known answers that are kept in files: those of NIST for IKEv2, and where those of others may lie.

NIST's CAVS writes sections of cases as text. The whole file is too long to be kept here; from the
original, this writes again what is kept (see data/README.md)::

    python -m tests.reference.known ikev2.fax >tests/reference/data/ikev2-cavs.fax
"""

from __future__ import annotations

import glob
import hashlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

DATA = Path(__file__).parent / "data"
KEPT = DATA / "ikev2-cavs.fax"
PER_SECTION = 4
ORIGINAL_SHA256 = "0aba789e22a42114e52499ac953fe27fa88f3134c3378811c3381ca8bb3df983"
SOURCE = "NIST CAVS 17.3, ikev2.fax"
HEADER = f"""\
# The first {PER_SECTION} cases of each section of a file that NIST's CAVS wrote:
# nss-3.87.1/nss/tests/fips/cavs_samples/IKE/fax/ikev2.fax, SHA-256
# {ORIGINAL_SHA256},
# in nss_3.87.1.orig.tar.gz of Debian's source package nss 2:3.87.1-1+deb12u2
"""
HASHES = {
    "[SHA-1]": "PRF_HMAC_SHA1",
    "[SHA-256]": "PRF_HMAC_SHA2_256",
    "[SHA-384]": "PRF_HMAC_SHA2_384",
    "[SHA-512]": "PRF_HMAC_SHA2_512",
}
NAMES = {
    "Ni": "ni",
    "Nr": "nr",
    "g^ir": "gIr",
    "g^ir (new)": "gIrNew",
    "SPIi": "spiI",
    "SPIr": "spiR",
    "SKEYSEED": "skeyseed",
    "DKM": "dkm",
    "DKM(Child SA)": "dkmChild",
    "DKM(Child SA D-H)": "dkmChildDh",
    "SKEYSEED(Rekey)": "skeyseedRekey",
}


def read_cavs(text: str, source: str = SOURCE) -> list[dict[str, str]]:
    """The cases of a text in the form of CAVS, with the names of data/ikev2-kdf.json."""
    prf, cases = "", list[dict[str, str]]()
    for line in text.splitlines():
        prf = HASHES.get(line, prf)
        name, _, value = line.partition(" = ")
        if name == "COUNT":
            cases.append({"source": f"{source}, COUNT = {value}", "prf": prf})
        elif name in NAMES:
            cases[-1][NAMES[name]] = value
    return cases


def condensed(original: bytes) -> str:
    """What is kept of NIST's file.

    Raises:
        ValueError: it is not that file.
    """
    digest = hashlib.sha256(original).hexdigest()
    if digest != ORIGINAL_SHA256:
        raise ValueError(f"SHA-256: expected {ORIGINAL_SHA256}, found {digest}")
    return HEADER + "".join(f"{line}\n" for line in _first_of_sections(original.decode()))


def _first_of_sections(text: str) -> Iterator[str]:
    is_kept = True
    for line in text.splitlines():
        if line.startswith("["):
            is_kept = True
        elif line.startswith("COUNT = "):
            is_kept = int(line.split()[-1]) < PER_SECTION
        if is_kept:
            yield line


def elsewhere(variable: str, usual: str, name: str) -> Path:
    """A file of others, in the folder that an environment variable names or in the usual one.

    `usual` is a pattern, of which the last match counts. Without the file the test is skipped.
    """
    folder = os.environ.get(variable) or max(glob.glob(usual), default=usual)  # noqa: PTH207
    path = Path(folder, name)
    if not path.exists():
        pytest.skip(f"there is no {path}; {variable} can name another folder")
    return path


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python -m tests.reference.known ikev2.fax")
    try:
        print(condensed(Path(sys.argv[1]).read_bytes()), end="")
    except (OSError, ValueError) as error:
        sys.exit(f"{sys.argv[1]}: {error}")

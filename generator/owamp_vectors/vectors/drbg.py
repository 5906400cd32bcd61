"""The deterministic source of every "random" octet in a vector."""

from __future__ import annotations

from dataclasses import dataclass

from cryptography.hazmat.primitives import hashes

SEED = "owamp-vectors 1"
DESCRIPTION = {
    "name": "SHAKE256",
    "seed": SEED,
    "input": "UTF-8(seed) || 00 || UTF-8(label); the output is its first octets",
    "label": "file/group type/comment of the case/name of the input",
}


@dataclass(frozen=True)
class Drbg:
    """Octets from SHAKE256(seed | 00 | label), one independent string for each label.

    A label is a path, ``<test's label>/<what the octets are for>``; `at` goes one step down.
    """

    path: str
    seed: str = SEED

    def at(self, step: str | int) -> Drbg:
        """The source whose labels start with this one's path and `step`."""
        return Drbg(f"{self.path}/{step}", self.seed)

    def octets(self, label: str, size: int) -> bytes:
        """`size` octets for `label`; the same call always gives the same octets."""
        if size == 0:
            return b""
        xof = hashes.Hash(hashes.SHAKE256(digest_size=size))
        xof.update(f"{self.seed}\0{self.path}/{label}".encode())
        return xof.finalize()

    def uint(self, label: str, size: int) -> int:
        """An unsigned integer of `size` octets."""
        return int.from_bytes(self.octets(label, size), "big")

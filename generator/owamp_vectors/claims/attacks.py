"""Attacks for those who run or write endpoints: what they need, whom they hit, what to do."""

from __future__ import annotations

from dataclasses import dataclass

from ..disk import FileError, read_toml
from ..json_schema import misfit, package_schema
from .declared import Claim, Claims

ATTACKS = "attacks.toml"


@dataclass(frozen=True)
class KnownAttack:
    """An entry of ``attacks.toml``.

    Attributes:
        title: what it is.
        claims: those that it falsifies, the one whose trace shows it best first.
        needs: what the adversary needs.
        hit: who is hit: which end, in which protocol, mode and with which keys.
        effect: what the adversary achieves.
        do: what to do about it.
    """

    title: str
    claims: tuple[Claim, ...]
    needs: str
    hit: str
    effect: str
    do: str


def load_attacks(claims: Claims) -> tuple[KnownAttack, ...]:
    """The attacks beside ``claims.toml``, in the order of the file; none if there is no file.

    Raises:
        FileError: what does not fit; a claim that there is not, or that is not falsified.
    """
    path = claims.models / ATTACKS
    if not path.is_file():
        return ()
    content = read_toml(path)
    found = misfit(content, package_schema("attacks.schema.json"))
    if found is not None:
        where = found.place(lambda index: f"{found.path[0]} {index + 1}")
        raise FileError(f"{path}: {where}: {found.problem}")
    known = {claim.id: claim for claim in claims.claims}
    for entry in content["attack"]:
        for name in entry["claims"]:
            where = f"{path}: attack {entry['title']!r}, claims"
            if name not in known:
                raise FileError(f"{where}: no claim {name}")
            if known[name].expected != "falsified":
                raise FileError(f"{where}: expected falsified claims, found {name}")
    return tuple(
        KnownAttack(**{**entry, "claims": tuple(known[name] for name in entry["claims"])})
        for entry in content["attack"]
    )

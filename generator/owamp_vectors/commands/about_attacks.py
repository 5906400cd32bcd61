"""What ``probe --attacks`` prints and writes."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path

import click

from ..claims.declared import Claim, load
from ..claims.ledger import Ledger
from ..live.probe.attacks.run import NOT_PLAYED, Played, run_attacks
from ..live.probe.attacks.target import Peer
from ..live.probe.config import ProbeConfig
from ..live.probe.probe import UnreachableError
from ..vectors.declaration import Json
from ..words import counted
from .about_peers import NoPeer
from .console import DIFFERENT, NOT_CHECKED, clear_errors, echo, print_table, working, write_json
from .options import data_directory

_HEADINGS = ("peer", "claim", "prover", "mode", "what is sent", "what is seen")


def tell_attacks(
    config: ProbeConfig, host: str, port: int, json_path: Path | None, write_pcap: Path | None
) -> None:
    """Play the attacks; exits with 1 if the peer falls for any, with 8 if nothing was told."""
    if config.credentials is None:
        raise click.UsageError("--attacks: expected a secret, found none")
    if write_pcap is not None:
        raise click.UsageError("--attacks: expected no --write-pcap, found it")
    models = data_directory("models")
    with clear_errors():
        claims = {one.id: one for one in load(models, data_directory("vectors")).claims}
        ledger = Ledger.load(models / "proofs")
    begun = time.monotonic()
    try:
        with working("Playing") as tell:
            played = asyncio.run(run_attacks(config, host, port, lambda name: tell(f"{name} ")))
    except UnreachableError as error:
        raise NoPeer(str(error)) from None

    def verdict(claim: str) -> str:
        entry = ledger.entries.get(claims[claim].job)
        return entry.verdict if entry else "not proved here"

    print_table([_HEADINGS, *(_row(one, verdict(one.claims[0])) for one in played)])
    counts = Counter(one.outcome.peer for one in played)
    content: Json = {
        "peer": f"{host}:{port}",
        "protocol": config.protocol.value,
        "complete": bool(counts[Peer.FALLS] or counts[Peer.RESISTS]),
        "seconds": round(time.monotonic() - begun, 1),
        "outcomes": {peer.value: counts[peer] for peer in Peer},
        "played": [_json(one, claims, verdict) for one in played],
        "notPlayed": NOT_PLAYED,
    }
    write_json(json_path, content)
    _conclude(counts)


def _row(one: Played, verdict: str) -> tuple[str, ...]:
    claims, mode = ", ".join(one.claims), one.mode.name or ""
    seen = one.outcome.text
    return (one.outcome.peer.value, claims, verdict, mode.lower(), one.attack.name, seen)


def _json(one: Played, claims: Mapping[str, Claim], verdict: Callable[[str], str]) -> Json:
    listed = [
        {"id": name, "statement": claims[name].statement, "verdict": verdict(name)}
        for name in one.claims
    ]
    return {
        "claims": listed,
        "sent": one.attack.name,
        "mode": (one.mode.name or "").lower(),
        "honest": one.attack.is_honest,
        "peer": one.outcome.peer.value,
        "seen": one.outcome.text,
    }


def _conclude(counts: Mapping[Peer, int]) -> None:
    """The last lines, and the exit code."""
    number = counts[Peer.FALLS] + counts[Peer.RESISTS]
    if not number:
        why = "no attack has an outcome" if counts[Peer.RUNS] else "no honest session runs"
        echo(f"Nothing was checked: {why}.", err=True)
        raise click.exceptions.Exit(NOT_CHECKED)
    total = counted(number, "attack")
    resisted, unknown = counts[Peer.RESISTS], counts[Peer.NOT_TOLD]
    echo(f"\nOf {total} the peer resists {resisted}. The outcome of {unknown} more is not known.")
    others = counted(len(NOT_PLAYED), "falsified claim")
    echo(f"{others} cannot be played with a server alone; --json says why.")
    if counts[Peer.FALLS]:
        echo(f"The peer falls for {counts[Peer.FALLS]}.", err=True)
        raise click.exceptions.Exit(DIFFERENT)

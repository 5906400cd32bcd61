"""What peers did in the face of the attacks: recorded in `attacks.json`, shown in `PEERS.md`.

With the programs of perfSONAR on PATH, this plays all attacks again and writes both anew::

    python -m tests.live.attacks
"""

from __future__ import annotations

import asyncio
import json
import re
import shutil
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from owamp_reference.negotiation import Mode, Protocol
from owamp_vectors import disk
from owamp_vectors.live.probe.attacks.run import Played, run_attacks
from owamp_vectors.live.probe.probe import UnreachableError

from ..reference.support import Setting
from .peers import plan, run, serving
from .perfsonar import MODES, SERVERS, perfsonar_server, version

HERE = Path(__file__).parent
RECORD, PAGE = HERE / "attacks.json", HERE / "PEERS.md"
MARKS = "<!-- attacks: made by python -m tests.live.attacks -->\n", "<!-- end -->\n"
ALL_MODES = {Protocol.OWAMP: 7, Protocol.TWAMP: 15}


def setting(protocol: Protocol) -> Setting:
    """In which the attacks are played."""
    return Setting(protocol, Mode.ENCRYPTED)


async def play(protocol: Protocol, port: int) -> list[Played]:
    """All attacks, as soon as the server at a port of this machine is there."""
    config = plan(setting(protocol))
    while True:
        try:
            return await run_attacks(config, "127.0.0.1", port)
        except UnreachableError:  # not yet there
            await asyncio.sleep(0.1)


def played_with_serve(protocol: Protocol) -> list[Played]:
    """What `serve` does."""

    async def main() -> list[Played]:
        async with serving(setting(protocol), modes=ALL_MODES[protocol]) as running:
            return await play(protocol, running.port)

    return run(main())


def played_with_perfsonar(protocol: Protocol, folder: Path, modes: str) -> list[Played]:
    """What the server of perfSONAR does with these modes."""

    async def main() -> list[Played]:
        async with perfsonar_server(SERVERS[protocol], folder, modes) as port:
            return await play(protocol, port)

    return run(main())


def outcomes(played: list[Played]) -> list[dict[str, Any]]:
    """What is recorded of a peer."""
    return [
        {
            "claims": list(one.claims),
            "mode": (one.mode.name or "").lower(),
            "sent": one.attack.name,
            "peer": one.outcome.peer.value,
        }
        for one in played
    ]


def recorded() -> list[dict[str, Any]]:
    """The peers in `attacks.json`, and what each did."""
    found: list[dict[str, Any]] = json.loads(RECORD.read_text(encoding="utf-8"))["peers"]
    return found


def recorded_of(name: str, protocol: Protocol) -> list[dict[str, Any]] | None:
    """What a peer did; None if it is not recorded."""
    for one in recorded():
        if (one["name"], one["protocol"]) == (name, protocol.value):
            return list(one["outcomes"])
    return None


def table(peers: list[dict[str, Any]]) -> str:
    """The outcomes as a table of the page: a row an attack, a column a peer."""
    names = [
        f"`{peer['name']}`, {peer['protocol']}" if peer["name"] == "serve" else peer["name"]
        for peer in peers
    ]
    rows: dict[tuple[str, str, str], dict[str, str]] = {}
    for name, peer in zip(names, peers, strict=True):
        for one in peer["outcomes"]:
            claims = ", ".join(f"`{claim}`" for claim in one["claims"])
            rows.setdefault((claims, one["mode"], one["sent"]), {})[name] = one["peer"]
    lines = [["claim", "mode", "what is sent", *names]]
    lines += [[*row, *(found.get(name, "") for name in names)] for row, found in rows.items()]
    lines.insert(1, ["---"] * len(lines[0]))
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def page(text: str, peers: list[dict[str, Any]]) -> str:
    """The page with the table of these peers."""
    pattern = "(?<=" + re.escape(MARKS[0]) + ").*(?=" + re.escape(MARKS[1]) + ")"
    return re.sub(pattern, lambda _: table(peers), text, flags=re.DOTALL)


def name_of(server: str, modes: str) -> str:
    """A server of perfSONAR in the record: with its version, and the modes that it offers."""
    return f"{server} {version(server)} -a {modes}"


def peer_of(name: str, protocol: Protocol, played: list[Played]) -> dict[str, Any]:
    """What is recorded of a peer today."""
    date = str(datetime.now(UTC).date())
    head = {"name": name, "protocol": protocol.value, "date": date}
    return {**head, "outcomes": outcomes(played)}


def main() -> int:
    """Play and write. 1 if perfSONAR is not here."""
    peers: list[dict[str, Any]] = []
    for protocol, name in SERVERS.items():
        if shutil.which(name) is None:
            print(f"{name} of perfSONAR is not on PATH", file=sys.stderr)
            return 1
        peers.append(peer_of("serve", protocol, played_with_serve(protocol)))
        for modes in (MODES[name], "E"):
            with tempfile.TemporaryDirectory() as folder:
                played = played_with_perfsonar(protocol, Path(folder), modes)
            peers.append(peer_of(name_of(name, modes), protocol, played))
    disk.write_file(RECORD, disk.to_text({"peers": peers}))
    disk.write_file(PAGE, page(PAGE.read_text(encoding="utf-8"), peers))
    return 0


if __name__ == "__main__":
    sys.exit(main())

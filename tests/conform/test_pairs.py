"""The adapters and the reference play each other: each client against each server.

What an end does depends on its inputs alone. So it is asked anew for the whole conversation each
time that it receives or says more, and what it has sent since the last time goes to the other.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import suppress
from itertools import product
from pathlib import Path

import pytest
from owamp_vectors.catalogue import FILES
from owamp_vectors.conform.program import Program
from owamp_vectors.vectors.declaration import Json
from owamp_vectors.vectors.stored import StoredCase

from ..support import committed_cases
from .test_adapters import ADAPTERS, BUILDS, run_of

NAMES = ("reference", *BUILDS)
PIECE = 37  # octets that are received at once: no multiple of a block, and prime
REFERENCE = [sys.executable, str(Path(__file__).parent / "programs.py"), "right"]
SA = {"spiI": "11" * 8, "spiR": "12" * 8, "sharedSecretKey": "a1" * 20}
IKEV2_DERIVED = {"OWAMP": 16, "TWAMP": 128}  # RFC 7718 §3.2.4
HANDSHAKE = committed_cases(FILES["handshake"])


class End:
    """One end of a connection, played by a program."""

    def __init__(self, program: Program, case: StoredCase, **change: object) -> None:
        self._program, self._case = program, case
        self._inputs: Json = {**case.inputs, **change}
        self._steps: list[Json] = []
        self.sent = ""
        self.ending = "open"
        self._ask()

    def receive(self, octets: str) -> None:
        size = 2 * PIECE
        pieces = [octets[at : at + size] for at in range(0, len(octets), size)]
        self._steps += [{"do": "receive", "octets": piece} for piece in pieces]
        self._ask()

    def say(self, octets: str) -> None:
        before = self.sent
        self._steps.append({"do": "say", "octets": octets})
        self._ask()
        assert self.sent != before, f"says nothing instead of {octets}"

    def _ask(self) -> None:
        content = {
            "id": 1,
            "file": self._case.file.name,
            "type": self._case.type.name,
            "tcId": self._case.tc_id,
            "parameters": self._case.parameters,
            "inputs": {**self._inputs, "steps": self._steps},
        }
        answer = json.loads(self._program.ask(json.dumps(content).encode()))
        outputs = answer["outputs"]
        sent = "".join(outputs["sent"])
        assert sent.startswith(self.sent), "takes back what it has sent"
        self.sent, self.ending = sent, outputs["ending"]


def exchange(client: End, server: End, taken: list[int]) -> None:
    """Bring to each what the other has sent, until both have nothing more to say."""
    while True:
        to_client, to_server = server.sent[taken[0] :], client.sent[taken[1] :]
        if not to_client and not to_server:
            return
        taken[:] = len(server.sent), len(client.sent)
        if to_client:
            client.receive(to_client)
        if to_server:
            server.receive(to_server)


def play(client: End, server: End, script: list[str], stops: list[str]) -> tuple[str, str]:
    """A whole connection of two rounds; what the client and the server sent."""
    taken = [0, 0]
    exchange(client, server, taken)
    for octets in script:
        client.say(octets)
        exchange(client, server, taken)
        if octets.startswith("03") and stops:
            server.say(stops.pop(0))
            exchange(client, server, taken)
    assert (client.ending, server.ending) == ("open", "open")
    return client.sent, server.sent


def modes() -> Iterator[tuple[str, str, bool]]:
    """Protocol, mode, and whether the shared secret comes from an IKE SA."""
    for protocol, names in (
        ("OWAMP", ("unauthenticated", "authenticated", "encrypted")),
        ("TWAMP", ("unauthenticated", "authenticated", "encrypted", "mixed")),
    ):
        for security in names:
            yield protocol, security, False
        for security in names[1:]:
            yield protocol, security, True


def client_case(protocol: str, security: str) -> StoredCase:
    wanted = {"protocol": protocol, "security": security}
    return next(
        case
        for case in HANDSHAKE
        if case.type.name == "ClientBehaviour"
        and case.parameters == wanted
        and case.comment == "honest server, two rounds"
    )


def server_case(protocol: str) -> StoredCase:
    return next(
        case
        for case in HANDSHAKE
        if case.type.name == "ServerBehaviour"
        and case.parameters == {"protocol": protocol}
        and case.comment == "authenticated: a whole session"
    )


def connection(
    client: Program, server: Program, protocol: str, security: str, ikev2: bool
) -> tuple[str, str]:
    """What a client and a server send each other in a connection of two rounds."""
    case = client_case(protocol, security)
    script = [step["octets"] for step in case.inputs["steps"] if step["do"] == "say"]
    plain = client_case(protocol, "unauthenticated").inputs["steps"]
    heard = [step["octets"] for step in plain if step["do"] == "receive"]
    stops = [octets for octets in heard if octets.startswith("03")]  # OWAMP's server stops too
    other = server_case(protocol)
    named = [octets[32:64] for octets in script if octets.startswith("03")]
    sids = named if protocol == "OWAMP" else other.inputs["sids"]
    sas = [SA] if ikev2 else []
    offered = other.inputs["offeredModes"] + (IKEV2_DERIVED[protocol] if ikev2 else 0)
    return play(
        End(client, case, ikeSas=sas),
        End(server, other, ikeSas=sas, offeredModes=offered, sids=sids),
        script,
        stops,
    )


Transcripts = dict[tuple[str, str, bool], tuple[str, str]]


@pytest.fixture(scope="module")
def programs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Program]]:
    """The programs that can be run here, by name."""
    found = {"reference": Program(REFERENCE, 60)}
    for name in BUILDS:
        with suppress(pytest.skip.Exception):
            found[name] = Program(run_of(name, tmp_path_factory.mktemp(name)), 60)
    yield found
    for program in found.values():
        program.stop()


def agreed(client: Program, server: Program, expected: Transcripts) -> int:
    """In how many modes a pair exchanges exactly what is expected."""
    count = 0
    for mode in expected:
        with suppress(AssertionError):  # an end that falls silent does not agree
            count += connection(client, server, *mode) == expected[mode]
    return count


def table(cells: dict[tuple[str, str], str]) -> str:
    """The matrix, as in README.md: a row for each client, a column for each server."""
    rows = [["client \\ server", *NAMES], ["---"] * (1 + len(NAMES))]
    rows += [[client, *(cells[client, server] for server in NAMES)] for client in NAMES]
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


def test_each_client_talks_with_each_server(programs: dict[str, Program]) -> None:
    reference = programs["reference"]
    expected = {mode: connection(reference, reference, *mode) for mode in modes()}
    cells = dict.fromkeys(product(NAMES, NAMES), "not run")
    for client, server in product(programs, programs):
        count = agreed(programs[client], programs[server], expected)
        cells[client, server] = f"{count} of {len(expected)}"
    print(table(cells))
    everything = f"{len(expected)} of {len(expected)}"
    assert set(cells.values()) <= {everything, "not run"}
    readme = (ADAPTERS / "README.md").read_text(encoding="utf-8")
    assert table(dict.fromkeys(cells, everything)) in readme, table(cells)

"""The service and the probe against the clients and servers of perfSONAR, if they are on PATH.

https://github.com/perfsonar/owamp has the programs; release 5.2.3 was tried. What needs packets to
be lost runs in a network namespace, with a packet filter: it needs root, unshare and iptables too.
"""

from __future__ import annotations

import asyncio
import json
import re
import shlex
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from owamp_reference.negotiation import SECURITY_BITS, Mode, Protocol
from owamp_reference.packets import ReflectorPacket, SenderPacket
from owamp_reference.primitives import AES_BLOCK_SIZE
from owamp_reference.sessions import SessionReflector
from owamp_vectors.live.observe.captured import report_capture
from owamp_vectors.live.observe.steps import Severity, Step, any_wrong, text_lines
from owamp_vectors.live.probe.config import Direction
from owamp_vectors.live.probe.negative import run_negative
from owamp_vectors.live.probe.probe import ProbeReport, UnreachableError, run_probe
from owamp_vectors.live.serve import sessions

from ..reference.support import KEY_ID, OWAMP, TWAMP, Setting
from ..support import NotHereError
from . import on_path as on_path_script
from .attacks import name_of, outcomes, played_with_perfsonar, recorded_of
from .captured import THEORIES, outcomes_of, refused, steps
from .peers import in_namespace, missing, plan, run, serving
from .perfsonar import (
    MODES,
    SERVERS,
    keys,
    perfsonar_server,
    program,
    server_command,
    tried,
)
from .record import DATA, Recording

LETTERS = {Mode.UNAUTHENTICATED: "O", Mode.AUTHENTICATED: "A", Mode.ENCRYPTED: "E"}
SETTINGS = [
    *(replace(base, security=mode) for base in (OWAMP, TWAMP) for mode in LETTERS),
    replace(TWAMP, security=Mode.MIXED),
]


@pytest.mark.parametrize("setting", SETTINGS, ids=str)
def test_a_client_of_perfsonar_completes_its_sessions(setting: Setting, tmp_path: Path) -> None:
    """`owping` asks for a session each way and fetches; both use exponential schedules."""
    client = program("owping" if setting.protocol is Protocol.OWAMP else "twping")

    async def main() -> tuple[str, list[str]]:
        async with serving(setting) as running:
            address = f"127.0.0.1:{running.port}"
            mode = LETTERS.get(setting.security, "M")
            options = ["-A", mode, "-u", KEY_ID, "-k", str(keys(tmp_path))]
            process = await asyncio.create_subprocess_exec(
                client, *options, "-c", "5", "-i", "0.05", "-L", "1", address,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.DEVNULL,
            )  # fmt: skip
            output, _ = await process.communicate()
            return output.decode(), running.log

    output, log = run(main())
    sessions = 2 if setting.protocol is Protocol.OWAMP else 1
    assert output.count("5 sent, 0 lost (0.000%)") == sessions, output + "\n".join(log)


@pytest.mark.parametrize("setting", SETTINGS, ids=str)
def test_a_server_of_perfsonar_is_right(setting: Setting, tmp_path: Path) -> None:
    name = "owampd" if setting.protocol is Protocol.OWAMP else "twampd"
    program(name)

    async def main() -> ProbeReport:
        async with perfsonar_server(name, tmp_path) as port:
            while True:
                try:
                    config = plan(setting, direction=Direction.BOTH, interval=0.05)
                    return await run_probe(config, "127.0.0.1", port)
                except UnreachableError:  # not yet there
                    await asyncio.sleep(0.1)

    report = run(main())
    assert report.is_right, "\n".join(text_lines(report.steps))


def refusals(name: str, setting: Setting, folder: Path, modes: str = "") -> tuple[list[Step], bool]:
    """What a server takes that it has to refuse, and whether that could be asked."""

    async def main() -> tuple[list[Step], bool]:
        async with perfsonar_server(name, folder, modes) as port:
            while True:
                try:
                    return await run_negative(plan(setting), "127.0.0.1", port)
                except UnreachableError:  # not yet there
                    await asyncio.sleep(0.1)

    return run(main())


@pytest.mark.parametrize(
    "setting", [one for one in SETTINGS if one.security is not Mode.UNAUTHENTICATED], ids=str
)
def test_a_server_of_perfsonar_refuses_what_it_has_to(setting: Setting, tmp_path: Path) -> None:
    name = "owampd" if setting.protocol is Protocol.OWAMP else "twampd"
    program(name)

    steps, is_made = refusals(name, setting, tmp_path)
    assert is_made, "\n".join(text_lines(steps))
    assert {step.severity for step in steps} == {Severity.OK}, "\n".join(text_lines(steps))


# The attacks of the models


@pytest.mark.parametrize("modes", ["", "E"], ids=["all modes", "E"])
@pytest.mark.parametrize("protocol", list(Protocol), ids=str)
def test_the_attacks_end_as_they_are_recorded(
    protocol: Protocol, modes: str, tmp_path: Path
) -> None:
    """With another version they may not; then that version has to be recorded beside this."""
    program(SERVERS[protocol])
    modes = modes or MODES[SERVERS[protocol]]
    name = name_of(SERVERS[protocol], modes)
    expected = recorded_of(name, protocol)
    if expected is None:
        pytest.skip(f"{name} is not recorded")
    assert outcomes(played_with_perfsonar(protocol, tmp_path, modes)) == expected


@pytest.mark.parametrize("protocol", list(Protocol), ids=str)
def test_a_server_of_perfsonar_takes_modes_that_it_does_not_offer(
    protocol: Protocol, tmp_path: Path
) -> None:
    """Against RFC 4656 §3.1, so that option -a keeps no mode off."""
    name = SERVERS[protocol]
    tried(name)
    steps, is_made = refusals(name, Setting(protocol, Mode.ENCRYPTED), tmp_path, "E")
    assert is_made
    others = [mode for mode in Mode if mode & SECURITY_BITS[protocol] & ~Mode.ENCRYPTED]
    wrong = [step.name for step in steps if step.severity is not Severity.OK]
    assert wrong == [f"Mode {mode:d}, not offered" for mode in others]


def on_path(case: str, letter: str, folder: Path) -> dict[str, Any]:
    """What an adversary between twping and twampd achieves, in a namespace of its own."""
    if lacks := missing():
        pytest.skip(f"an adversary on the path needs {lacks}")
    tried("twping")
    server = server_command("twampd", folder, on_path_script.SERVER)
    script = [sys.executable, "-m", on_path_script.__name__, case, letter, str(keys(folder))]
    command = shlex.join([*script, *server])
    done = in_namespace(f"ip link set lo up && exec {command}", errors=subprocess.PIPE)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@pytest.mark.parametrize(("letter", "mode"), [("A", 2), ("E", 4)])
def test_mode_is_changed_to_mixed_between_twping_and_twampd(
    letter: str, mode: int, tmp_path: Path
) -> None:
    """Neither of the two notices it, and the reflector answers a packet that anyone can make."""
    found = on_path("mode", letter, tmp_path)
    assert found["chosen"] == [mode], "what twping chose"
    assert found["answered"], found["output"]


@pytest.mark.parametrize(("letter", "is_own_answered"), [("A", True), ("E", False)])
def test_twampd_answers_itself_in_the_authenticated_mode_alone(
    letter: str, is_own_answered: bool, tmp_path: Path
) -> None:
    """How many of its packets it answers until the session ends depends on the machine's speed."""
    found = on_path("reflector", letter, tmp_path)
    assert found["answers"] >= 1, found["output"]
    assert (found["answers"] > 1) == is_own_answered, found["output"]
    assert "\n1 sent, 0 lost" in found["output"]


class Reflection(SessionReflector):
    """In the place of the reflector: the adversary drops its answer, and sends the packet back."""

    def reflect(self, data: bytes, ttl: int = 255) -> bytes:
        del ttl
        return as_reflectors(data)


def as_reflectors(packet: bytes) -> bytes:
    """A sender's packet of the authenticated mode, rearranged as a reflector's; without a key."""
    size = AES_BLOCK_SIZE
    clear = SenderPacket.PROTECTED_LAYOUT.unpack(bytes(size) + packet[size:32])
    sent, estimate = clear["timestamp"], clear["error_estimate"]
    number = 0  # of a packet that the sender has sent
    claimed = ReflectorPacket(0, sent, estimate, sent, number, sent, estimate, 255)
    rest = ReflectorPacket.PROTECTED_LAYOUT.pack(vars(claimed))[size:]
    return packet[:size] + rest + packet[32:48]


@pytest.mark.parametrize("security", [Mode.AUTHENTICATED, Mode.ENCRYPTED])
def test_twping_takes_its_own_packet_in_the_authenticated_mode_alone(
    security: Mode, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    client, setting = tried("twping"), replace(TWAMP, security=security)
    monkeypatch.setattr(sessions, "SessionReflector", Reflection)

    async def main() -> str:
        async with serving(setting) as running:
            process = await asyncio.create_subprocess_exec(
                client, "-A", LETTERS[security], "-u", KEY_ID, "-k", str(keys(tmp_path)),
                "-c", "1", "-L", "1", f"127.0.0.1:{running.port}",
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.DEVNULL,
            )  # fmt: skip
            output, _ = await process.communicate()
            return output.decode()

    output = run(main())
    is_taken = "1 sent, 0 lost (0.000%)" in output
    assert is_taken == (security is Mode.AUTHENTICATED), output


# Loss, and sessions that are longer than the timeout

LOSSY = """
set -e
ip link set lo up
iptables -A INPUT -p udp -m statistic --mode nth --every 3 --packet 1 -j DROP
{server} &
server=$!
trap "kill $server; wait $server || true" EXIT
for try in 1 2 3 4 5 6 7 8 9 10; do
    sleep 0.5
    {client} && exit 0
    code=$?
    test $code = {again} || exit $code
done
"""
"""Of the test packets every third is lost; the client is tried again until the server is there."""


def in_a_lossy_namespace(server: list[str], client: list[str], again: int) -> str:
    """What both print, one in three test packets being lost on the way."""
    if lacks := missing("iptables"):
        pytest.skip(f"a network namespace with loss needs {lacks}")
    script = LOSSY.format(server=" ".join(server), client=" ".join(client), again=again)
    done = in_namespace(script)
    assert done.returncode == 0, done.stdout
    return done.stdout


OURS = [sys.executable, "-m", "owamp_vectors"]


def test_owping_takes_the_results_of_a_long_session_with_loss(tmp_path: Path) -> None:
    """Lost records at the very end, which RFC 4656 §3.9 allows too, end it with an error."""
    capture = tmp_path / "seen.pcap"
    output = in_a_lossy_namespace(
        [*OURS, "serve", "--protocol", "owamp", "--write-pcap", str(capture)],
        [program("owping"), "-A", "O", "-c", "60", "-i", "0.05", "-L", "0.5", "127.0.0.1"],
        again=1,
    )
    assert len(re.findall(r"^60 sent, \d+ lost", output, re.MULTILINE)) == 2, output
    assert "failed" not in output
    steps = [step for one in report_capture(capture) for step in one.steps]
    (data,) = [step for step in steps if step.name == "Fetch-Session data"]
    assert "60 records" in data.text, "\n".join(text_lines(steps))
    assert not any_wrong(steps), "\n".join(text_lines(steps))


@pytest.mark.parametrize("protocol", ["owamp", "twamp"])
def test_a_server_of_perfsonar_is_right_about_loss(protocol: str, tmp_path: Path) -> None:
    output = in_a_lossy_namespace(
        server_command(f"{protocol}d", tmp_path, 8610),
        [*OURS, "probe", "127.0.0.1:8610", "--protocol", protocol, "--direction", "both",
         "--count", "30", "--interval", "0.05", "--loss-timeout", "0.5", "--timeout", "3"],
        again=7,
    )  # fmt: skip
    assert "wrong" not in output, output
    assert "of 30 test packets" in output


# Captures as runs of the theories

FRESH = [
    Recording("twping", "twampd", "twamp", "encrypted"),
    Recording("owping", "owampd", "owamp", "authenticated"),
    Recording("twping", "serve", "twamp", "authenticated"),
    Recording("probe", "owampd", "owamp", "encrypted"),
]


@pytest.mark.parametrize("item", FRESH, ids=lambda item: item.name)
def test_a_session_that_is_recorded_now_is_a_run(item: Recording, tmp_path: Path) -> None:
    """The recordings in `data` can be made again."""
    path = tmp_path / "seen.pcap"
    try:
        item.record(path)
    except NotHereError as error:
        pytest.skip(str(error))
    for theory in THEORIES:
        found, recorded = (outcomes_of(one, theory) for one in (path, DATA / f"{item.name}.pcap"))
        assert not refused(found)
        assert Counter(steps(found)) == Counter(steps(recorded))

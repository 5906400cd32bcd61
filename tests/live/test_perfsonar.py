"""The service and the probe against the clients and servers of perfSONAR, if they are on PATH.

https://github.com/perfsonar/owamp has the programs; release 5.2.3 was tried. What needs packets to
be lost runs in a network namespace, with a packet filter: it needs root, unshare and iptables too.
"""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import socket
import subprocess
import sys
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from owamp_reference.negotiation import Mode, Protocol
from owamp_vectors.live.observe.captured import report_capture
from owamp_vectors.live.observe.steps import Severity, Step, any_wrong, text_lines
from owamp_vectors.live.probe.config import Direction
from owamp_vectors.live.probe.negative import run_negative
from owamp_vectors.live.probe.probe import ProbeReport, UnreachableError, run_probe

from ..reference.support import KEY_ID, OWAMP, PASSPHRASE, TWAMP, Setting
from .captured import THEORIES, outcomes_of, refused, steps
from .peers import GUARD, plan, private, run, serving
from .record import DATA, NotHereError, Recording

LETTERS = {Mode.UNAUTHENTICATED: "O", Mode.AUTHENTICATED: "A", Mode.ENCRYPTED: "E"}
SETTINGS = [
    *(replace(base, security=mode) for base in (OWAMP, TWAMP) for mode in LETTERS),
    replace(TWAMP, security=Mode.MIXED),
]


def program(name: str) -> str:
    """Its path; the test is skipped if it is not there."""
    path = shutil.which(name)
    if path is None:
        pytest.skip(f"{name} of perfSONAR is not on PATH")
    return path


def keys(tmp_path: Path) -> Path:
    """The file in which these programs keep passphrases."""
    return private(tmp_path / "keys", f"{KEY_ID}\t{PASSPHRASE.hex()}\n")


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


def server_command(name: str, tmp_path: Path, port: int) -> list[str]:
    """The command of a server of perfSONAR, its configuration written."""
    kind = "owamp" if name == "owampd" else "twamp"
    limits = "limit root with delete_on_fetch=off,bandwidth=0,disk=0\nassign default root\n"
    private(tmp_path / f"{kind}-server.conf", "")
    private(tmp_path / f"{kind}-server.limits", limits)
    keys(tmp_path).rename(tmp_path / f"{kind}-server.pfs")
    data = ["-d", str(tmp_path)] if kind == "owamp" else []
    return [
        program(name), "-f", "-Z", "-c", str(tmp_path), "-R", str(tmp_path), *data,
        "-S", f"127.0.0.1:{port}", "-a", "EAO" if kind == "owamp" else "EAOM",
    ]  # fmt: skip


@asynccontextmanager
async def perfsonar_server(name: str, tmp_path: Path) -> AsyncIterator[int]:
    """A server of perfSONAR; its port."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        port: int = bound.getsockname()[1]
    process = await asyncio.create_subprocess_exec(
        *server_command(name, tmp_path, port), stderr=asyncio.subprocess.DEVNULL
    )
    try:
        yield port
    finally:
        process.terminate()
        await process.wait()


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


@pytest.mark.parametrize(
    "setting", [one for one in SETTINGS if one.security is not Mode.UNAUTHENTICATED], ids=str
)
def test_a_server_of_perfsonar_refuses_what_it_has_to(setting: Setting, tmp_path: Path) -> None:
    name = "owampd" if setting.protocol is Protocol.OWAMP else "twampd"
    program(name)

    async def main() -> tuple[list[Step], bool]:
        async with perfsonar_server(name, tmp_path) as port:
            while True:
                try:
                    return await run_negative(plan(setting), "127.0.0.1", port)
                except UnreachableError:  # not yet there
                    await asyncio.sleep(0.1)

    steps, is_made = run(main())
    assert is_made, "\n".join(text_lines(steps))
    assert {step.severity for step in steps} == {Severity.OK}, "\n".join(text_lines(steps))


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
    for name in ("unshare", "iptables", "ip"):
        if shutil.which(name) is None or os.geteuid():
            pytest.skip(f"a network namespace with loss needs root and {name}")
    script = LOSSY.format(server=" ".join(server), client=" ".join(client), again=again)
    done = subprocess.run(
        ["unshare", "-n", "sh", "-c", script],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=GUARD,
        check=False,
    )
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

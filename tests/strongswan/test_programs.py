"""The programs as a user runs them beside strongSwan, and that nothing is left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from ..support import NotHereError
from .daemons import INNER, Pair, find_daemon, pair
from .processes import process, run, wait_until
from .scenario import keys_of
from .suites import SUITES

pytestmark = pytest.mark.strongswan
ROOT = Path(__file__).parents[2]
PROGRAM = (sys.executable, "-c", "from owamp_vectors.commands.cli import main; main()")


@pytest.fixture(autouse=True)
def is_here() -> None:
    try:
        find_daemon()
    except NotHereError as error:
        pytest.skip(f"strongSwan cannot run here: {error}")


@pytest.fixture
def daemons() -> Iterator[Pair]:
    try:
        with pair(SUITES[4]) as found:
            yield found
    except NotHereError as error:
        pytest.skip(f"strongSwan cannot run here: {error}")


def test_from_the_logs_to_a_session(daemons: Pair) -> None:
    """`charon` at each end makes the file of secrets; `serve` and `probe` use them."""
    no_tunnel = daemons.establish()
    if no_tunnel:
        pytest.skip(f"there is no tunnel here: {no_tunnel}")
    for host in daemons.hosts:
        keys_of(host)  # until they are in the log
        secrets = host.directory / "secrets.toml"
        said = run(*PROGRAM, "charon", host.log_path, "--secrets", secrets)
        assert said.endswith("3 values: 3 as computed.\n")
    output = daemons.responder.directory / "serve"
    serve = ("serve", "--protocol", "owamp", "--host", INNER[1], "--port", "0", "--secrets")
    command = daemons.responder.inside(
        *PROGRAM, *serve, daemons.responder.directory / "secrets.toml"
    )
    with process(*command, output=output):
        wait_until(lambda: "listening on" in output.read_text(), "server")
        address = output.read_text().split()[2]
        probe = ("probe", "--protocol", "owamp", "--count", "2", "--interval", "0.01")
        secrets = daemons.initiator.directory / "secrets.toml"
        said = daemons.initiator.run(
            *PROGRAM, *probe, "--loss-timeout", "2", "--secrets", secrets, address
        )
    assert said.endswith("Everything is right.\n")
    assert f"SPIi {keys_of(daemons.initiator).ike_sas[0].spis.initiator.hex()}" in said


_HELD = """
import sys, time
from tests.strongswan.daemons import pair
from tests.support import NotHereError
from tests.strongswan.suites import SUITES
try:
    with pair(SUITES[0]) as daemons:
        daemons.establish()
        print(*(host.holder for host in daemons.hosts), flush=True)
        time.sleep(60)
except NotHereError as error:
    print("not here:", error, flush=True)
"""


def processes_in(namespaces: set[str], directory: Path) -> list[str]:
    """Processes that are in one of the namespaces, or run from the directory."""
    found = []
    for process_directory in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # it has just ended
            namespace = os.readlink(process_directory / "ns/net")  # noqa: PTH115
            command = (process_directory / "cmdline").read_bytes()
            if namespace in namespaces or os.fsencode(directory) in command:
                found.append(f"{process_directory.name} {command!r}")
    return found


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL], ids=["Ctrl-C", "killed"])
def test_nothing_is_left_of_a_run_that_is_ended(tmp_path: Path, number: signal.Signals) -> None:
    """No process, and so no namespace, device or route; and after Ctrl-C no file."""
    with subprocess.Popen(
        [sys.executable, "-c", _HELD],
        cwd=ROOT,
        env=os.environ | {"TMPDIR": str(tmp_path)},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as running:
        assert running.stdout is not None
        said = running.stdout.readline()
        if not said.split() or not said.split()[0].isdigit():
            pytest.skip(f"strongSwan cannot run here: {said.removeprefix('not here: ').strip()}")
        namespaces = {os.readlink(f"/proc/{holder}/ns/net") for holder in said.split()}  # noqa: PTH115
        assert len(processes_in(namespaces, tmp_path)) == 4  # two daemons, two that hold
        running.send_signal(number)
        running.wait(20)
    wait_until(lambda: not processes_in(namespaces, tmp_path), "end of all processes")
    if number is signal.SIGINT:
        assert list(tmp_path.iterdir()) == []

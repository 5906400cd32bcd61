"""`.ci/debian` installs what is missing, and neither asks, nor hangs, nor hides what it lacks."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
LIST = (ROOT / ".ci" / "debian-packages").read_text(encoding="utf-8")
PACKAGES = [line.split()[0] for line in LIST.splitlines() if line[:1] not in ("#", "")]

pytestmark = pytest.mark.skipif(
    not all(map(shutil.which, ("bash", "timeout"))), reason="needs bash and timeout"
)

FAKES = {
    "id": "echo ${FAKE_UID:-0}",
    "debconf-set-selections": "cat >/dev/null",
    "dpkg-query": 'for last; do :; done; grep -qx "$last" "$STATE/installed" && echo installed',
    "apt-get": """
echo "$DEBIAN_FRONTEND $*" >>"$STATE/calls"
[ -t 0 ] && exit 99
[ -z "${HANG-}" ] || sleep 60
case "$*" in *" install "*) ;; *) exit 0;; esac
case " $* " in *" ${LACKS-none} "*) exit 100;; esac
for word; do echo "$word" >>"$STATE/installed"; done
""",
}


class Machine:
    """A Debian with the commands that the script calls."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        for name, body in FAKES.items():
            path = directory / name
            path.write_text(f"#!/bin/sh\n{body}\n", encoding="utf-8")
            path.chmod(0o755)
        (directory / "installed").touch()
        (directory / "calls").touch()

    def run(self, **environment: str) -> subprocess.CompletedProcess[str]:
        path = f"{self.directory}{os.pathsep}{os.environ['PATH']}"
        return subprocess.run(
            [ROOT / ".ci" / "debian"],
            env={"PATH": path, "STATE": str(self.directory), **environment},
            capture_output=True,
            text=True,
            check=False,
            timeout=50,
        )

    def calls(self) -> list[str]:
        return (self.directory / "calls").read_text(encoding="utf-8").splitlines()


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def test_all_are_installed_at_once(machine: Machine) -> None:
    result = machine.run()
    assert result.returncode == 0, result.stdout
    *_, install = machine.calls()
    assert install.startswith("noninteractive ")
    assert install.split()[-len(PACKAGES) :] == PACKAGES
    assert machine.run().returncode == 0
    assert machine.calls()[-1] == install  # apt is not asked again


def test_one_that_cannot_be_had_does_not_keep_the_others_away(machine: Machine) -> None:
    result = machine.run(LACKS="nodejs")
    assert result.returncode == 1
    assert result.stdout.rstrip().endswith("not installed: nodejs")


def test_apt_that_hangs_is_left(machine: Machine) -> None:
    result = machine.run(HANG="1", LIMIT="1")
    assert result.returncode == 1
    assert result.stdout.rstrip().endswith(f"not installed: {' '.join(PACKAGES)}")


def test_nothing_is_done_without_root(machine: Machine) -> None:
    result = machine.run(FAKE_UID="1000")
    assert result.returncode == 2
    assert "not root" in result.stdout
    assert machine.calls() == []


def test_each_package_is_explained() -> None:
    assert all("#" in line for line in LIST.splitlines())
    assert len(set(PACKAGES)) == len(PACKAGES)

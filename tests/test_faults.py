"""Every kind of output of the commands: faults lose nothing and leave nothing in part."""

from __future__ import annotations

import os
import re
import shutil
import signal
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from owamp_vectors.disk import MANIFEST, digest

from .live.test_commands import serve
from .support import VECTORS
from .test_disk import COMMAND, ROOT, limited

WAIT = 600
STUB = """
import json, sys
for line in sys.stdin:
    print(json.dumps({"id": json.loads(line)["id"], "unsupported": True}), flush=True)
"""
QUICK = ("--count", "1", "--loss-timeout", "0.1")


@dataclass(frozen=True)
class Writer:
    """A command and one of its outputs.

    Attributes:
        arguments: before the output.
        option: names the output.
        codes: with which it may end when all is well.
        after: arguments after the output.
        start: what is there before, in the place of a file.
        is_private: whether only its owner may read what it writes.
    """

    arguments: tuple[str, ...]
    option: str
    codes: tuple[int, ...] = (0,)
    after: tuple[str, ...] = ()
    start: Path | None = None
    is_private: bool = False

    def command(self, output: Path, **names: str) -> list[str]:
        words = (*self.arguments, self.option, str(output), *self.after)
        return [*COMMAND, *(names.get(word.strip("{}"), word) for word in words)]


LOG = str(ROOT / "tests/strongswan/data/sha256-initiator.log")
CONFORM = ("conform", "--vectors", str(VECTORS), "--file", "control-stream")
PROGRAM = ("--", sys.executable, "-c", STUB)
FILES = {
    "conform --json": Writer(CONFORM, "--json", (1,), PROGRAM),
    "conform --junit": Writer(CONFORM, "--junit", (1,), PROGRAM),
    "charon --secrets": Writer(("charon", LOG), "--secrets", is_private=True),
    "probe --json": Writer(("probe", "{server}", *QUICK), "--json"),
    "probe --write-pcap": Writer(("probe", "{server}", *QUICK), "--write-pcap"),
    "claims --write": Writer(("claims",), "--write", start=ROOT / "models/README.md"),
}
SETS = {
    "generate": Writer(("generate", "test-session-keys"), "--output"),
    "render": Writer(("render", "c", "test-session-keys", "--vectors", str(VECTORS)), "--output"),
}


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with serve() as served:
        yield served.address


def ended(
    writer: Writer, output: Path, server: str, limit: Callable[[], None] | None = None
) -> subprocess.CompletedProcess[str]:
    """The command, at its end."""
    ran = subprocess.run(
        writer.command(output, server=server),
        capture_output=True,
        text=True,
        cwd=ROOT,
        timeout=WAIT,
        check=False,
        preexec_fn=limit,
    )
    assert "Traceback" not in ran.stderr
    return ran


def right(writer: Writer, ran: subprocess.CompletedProcess[str]) -> None:
    assert ran.returncode in writer.codes, ran.stderr


def refused(ran: subprocess.CompletedProcess[str], *codes: int) -> None:
    assert ran.returncode in codes, ran.stderr
    assert ran.stderr.splitlines()[-1].startswith("Error: ")


def begun(writer: Writer, path: Path) -> Path:
    """A file as it is before."""
    if writer.start is not None:
        shutil.copyfile(writer.start, path)
    else:
        path.write_text("what was there before", encoding="utf-8")
    return path


each_file = pytest.mark.parametrize("name", FILES)
each_set = pytest.mark.parametrize("name", SETS)


# ----------------------------------------------------------------------- where outputs lead to


@each_file
def test_an_output_is_a_symlink(name: str, tmp_path: Path, server: str) -> None:
    writer, target, link = FILES[name], tmp_path / "target", tmp_path / "in" / "link"
    begun(writer, target).chmod(0o600)
    before = target.read_bytes()
    link.parent.mkdir()
    link.symlink_to(target)
    right(writer, ended(writer, link, server))
    assert link.is_symlink()
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    assert writer.start is not None or target.read_bytes() != before
    assert [path.name for path in link.parent.iterdir()] == ["link"], "nothing is left beside it"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in", "target"]


@each_file
def test_an_output_is_a_fifo(name: str, tmp_path: Path, server: str) -> None:
    writer, fifo = FILES[name], tmp_path / "fifo"
    os.mkfifo(fifo)
    refused(ended(writer, fifo, server), 3)  # nobody reads it, or it is read first
    assert fifo.is_fifo()
    if writer.start is not None:
        return
    handle = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
    try:
        os.set_blocking(handle, True)
        read: list[bytes] = []
        reader = threading.Thread(target=lambda: read.append(read_all(handle)))
        keep = os.open(fifo, os.O_WRONLY)  # so that the reader waits for the command
        reader.start()
        right(writer, ended(writer, fifo, server))
        os.close(keep)
        reader.join()
        assert len(read[0]) > 20
    finally:
        os.close(handle)
    assert fifo.is_fifo()
    assert [*tmp_path.iterdir()] == [fifo]


def read_all(handle: int) -> bytes:
    found = b""
    while data := os.read(handle, 2**16):
        found += data
    return found


@each_file
@pytest.mark.parametrize(("minor", "takes"), [(3, True), (7, False)], ids=["null", "full"])
def test_an_output_is_a_device(
    name: str, minor: int, takes: bool, tmp_path: Path, server: str
) -> None:
    writer, device = FILES[name], tmp_path / "device"
    try:
        os.mknod(device, 0o666 | stat.S_IFCHR, os.makedev(1, minor))
        device.open("rb").close()
    except PermissionError:
        pytest.skip("only root makes device nodes, and not in every container")
    ran = ended(writer, device, server)
    if writer.start is not None:
        refused(ran, 3)  # a device is no text in which to write a table
    elif takes:
        right(writer, ran)
    else:
        refused(ran, 3)
    assert device.is_char_device()
    assert [*tmp_path.iterdir()] == [device]


@contextmanager
def read_only(directory: Path) -> Iterator[list[str]]:
    """What to put before a command for which a directory is to be read-only."""
    if os.geteuid() != 0:
        directory.chmod(0o500)
        try:
            yield []
        finally:
            directory.chmod(0o700)
        return
    mount = 'mount --bind "$0" "$0" && mount -o remount,ro,bind "$0" && exec "$@"'
    inside = ["unshare", "--mount", "sh", "-c", mount, str(directory)]
    if shutil.which("unshare") is None or subprocess.run([*inside, "true"], check=False).returncode:
        pytest.skip("root needs a mount to have a directory read-only")
    yield inside


@pytest.mark.parametrize("name", [*FILES, *SETS])
def test_an_output_is_in_a_read_only_directory(name: str, tmp_path: Path, server: str) -> None:
    writer, directory = {**FILES, **SETS}[name], tmp_path / "directory"
    directory.mkdir()
    output = directory if name in SETS else begun(writer, directory / "file")
    before = digests(directory)
    with read_only(directory) as inside:
        command = [*inside, *writer.command(output, server=server)]
        ran = subprocess.run(
            command, capture_output=True, text=True, cwd=ROOT, timeout=WAIT, check=False
        )
    if writer.start is None:  # a table that is the same already is not written
        refused(ran, 3)
        assert "cannot be written" in ran.stderr
    assert digests(directory) == before


def digests(directory: Path) -> dict[str, str]:
    """The files of a directory, and what they hold."""
    return {
        str(path.relative_to(directory)): digest(path.read_bytes())
        for path in directory.rglob("*")
        if path.is_file()
    }


@each_set
def test_a_set_goes_to_a_directory_or_nowhere(name: str, tmp_path: Path, server: str) -> None:
    writer, fifo, file = SETS[name], tmp_path / "fifo", tmp_path / "file"
    os.mkfifo(fifo)
    file.write_text("mine", encoding="utf-8")
    for output in (fifo, file):
        refused(ended(writer, output, server), 2, 3)
    assert fifo.is_fifo()
    assert file.read_text(encoding="utf-8") == "mine"
    target, link = tmp_path / "target", tmp_path / "link"
    target.mkdir()
    link.symlink_to(target)
    right(writer, ended(writer, link, server))
    assert link.is_symlink()
    assert any(target.iterdir())


# ----------------------------------------------------------------------------- a disk that is full


@pytest.mark.parametrize("name", [*FILES, *SETS])
def test_a_disk_that_is_full_leaves_what_was_there(name: str, tmp_path: Path, server: str) -> None:
    writer, directory = {**FILES, **SETS}[name], tmp_path / "directory"
    directory.mkdir()
    output = directory if name in SETS else begun(writer, directory / "file")
    if writer.start is not None:  # else there is nothing to write
        text = output.read_text(encoding="utf-8")
        output.write_text(text.replace("verified", "falsified"), encoding="utf-8")
    before = digests(directory)
    ran = ended(writer, output, server, limit=limited(100))
    refused(ran, 3)
    if name != "probe --write-pcap":  # whose file has what was captured until then
        assert digests(directory) == before
    assert len([*directory.iterdir()]) == len(before)


# ------------------------------------------------------------------------------ a command that dies


MOMENTS = 3


@pytest.mark.parametrize("name", [*FILES, *SETS])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_a_command_that_dies_leaves_whole_files(
    name: str, number: int, tmp_path: Path, server: str
) -> None:
    """At moments over its whole run, from which the last writes are not left out."""
    writer = {**FILES, **SETS}[name]
    is_set = name in SETS
    reference = tmp_path / "reference"
    reference.mkdir()
    begin = time.perf_counter()
    right(writer, ended(writer, reference if is_set else begun(writer, reference / "file"), server))
    lasts = time.perf_counter() - begin
    directory = tmp_path / "directory"
    for moment in range(MOMENTS):
        shutil.rmtree(directory, ignore_errors=True)
        directory.mkdir()
        mine = directory / "mine"
        mine.write_text("mine", encoding="utf-8")
        output = directory if is_set else begun(writer, directory / "file")
        old = digests(directory)
        process = subprocess.Popen(
            writer.command(output, server=server),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd=ROOT,
        )
        time.sleep(lasts * (moment + 1) / (MOMENTS + 1))
        process.send_signal(number)
        code = process.wait(WAIT)
        assert code in (-number, 128 + number, *writer.codes)
        found = digests(directory)
        temporary = [path for path in found if re.search(r"(^|/)\.", path)]
        assert number == signal.SIGKILL or not temporary
        assert found.pop("mine") == old.pop("mine")
        for path in set(found) - set(temporary):
            new = (reference / path).read_bytes() if is_set else b""
            if name not in CHANGING and path != MANIFEST:
                assert found[path] in (old.get(path), digest(new) if is_set else whole(reference))
        assert set(old) <= set(found), "nothing is lost"


CHANGING = ("probe --json", "probe --write-pcap")
"""What these write is never the same twice."""


def whole(reference: Path) -> str:
    return digest((reference / "file").read_bytes())

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
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from owamp_vectors.disk import MANIFEST, digest

from .fake_prover import FakeProver
from .generator.test_prove import TRACE
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
        start: what is there before, in the place of the output, and is read.
        is_private: whether only its owner may read what it writes.
        changing: the names of what is never written the same twice; of a file it is "file".
        meanwhile: what is done while the command runs.
        room: octets that a file may have on a disk that is full.
    """

    arguments: tuple[str, ...]
    option: str
    codes: tuple[int, ...] = (0,)
    after: tuple[str, ...] = ()
    start: Path | None = None
    is_private: bool = False
    changing: tuple[str, ...] = ()
    meanwhile: Callable[[subprocess.Popen[str]], object] = lambda _: None
    room: int = 100

    def command(self, output: Path, **names: str) -> list[str]:
        words = (*self.arguments, self.option, str(output), *self.after)
        return [*COMMAND, *(names.get(word.strip("{}"), word) for word in words)]


def probed(process: subprocess.Popen[str]) -> None:
    """A client visits a `serve`, which is then told to end."""
    assert process.stdout is not None
    if match := re.fullmatch(r"listening on (\S+)\n", process.stdout.readline()):
        client = [*COMMAND, "probe", match[1], *QUICK]
        subprocess.run(client, capture_output=True, check=False, timeout=WAIT)
        process.terminate()


LOG = str(ROOT / "tests/strongswan/data/sha256-initiator.log")
CONFORM = ("conform", "--vectors", str(VECTORS), "--file", "control-stream")
PROGRAM = ("--", sys.executable, "-c", STUB)
FILES = {
    "conform --json": Writer(CONFORM, "--json", (8,), PROGRAM),
    "conform --junit": Writer(CONFORM, "--junit", (8,), PROGRAM),
    "charon --secrets": Writer(("charon", LOG), "--secrets", is_private=True),
    "probe --json": Writer(("probe", "{server}", *QUICK), "--json", changing=("file",)),
    "probe --write-pcap": Writer(("probe", "{server}", *QUICK), "--write-pcap", changing=("file",)),
    "serve --write-pcap": Writer(
        ("serve", "--port", "0"), "--write-pcap", changing=("file",), meanwhile=probed
    ),
    "claims --write": Writer(("claims",), "--write", start=ROOT / "models/README.md"),
    "replay --record": Writer(("replay", "token-honest"), "--record"),
}
FIXTURE = ROOT / "tests/models"
SMALL = ("--models", str(FIXTURE), "--vectors", str(VECTORS))
SETS = {
    "generate": Writer(("generate", "test-session-keys"), "--output"),
    "render": Writer(("render", "c", "test-session-keys", "--vectors", str(VECTORS)), "--output"),
    "report": Writer(("report", *SMALL), "--output", (1,)),
    "draft": Writer(("draft", "--source-only"), "--output"),
    "prove": Writer(
        ("prove", *SMALL, "--model", "small", "--tamarin", "{tamarin}"),
        "--proofs",
        (1,),
        changing=("ledger.json",),
        room=4000,  # for the text of the theory
    ),
    "trace --redraw": Writer(("trace", *SMALL, "--redraw"), "--proofs", start=FIXTURE / "proofs"),
}


@pytest.fixture(scope="module")
def names(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """What commands need, by the names that they have in `Writer.arguments`."""
    prover = FakeProver(tmp_path_factory.mktemp("prover"), TRACE)
    with serve() as served:
        yield {"server": served.address, "tamarin": str(prover.path)}


def started(
    writer: Writer,
    output: Path,
    names: dict[str, str],
    limit: Callable[[], None] | None = None,
    inside: Sequence[str] = (),
) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [*inside, *writer.command(output, **names)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        preexec_fn=limit,  # noqa: PLW1509
    )


def ended(
    writer: Writer,
    output: Path,
    names: dict[str, str],
    limit: Callable[[], None] | None = None,
    inside: Sequence[str] = (),
) -> subprocess.CompletedProcess[str]:
    """The command, at its end."""
    process = started(writer, output, names, limit, inside)
    writer.meanwhile(process)
    said, errors = process.communicate(timeout=WAIT)
    assert "Traceback" not in errors
    return subprocess.CompletedProcess(process.args, process.returncode, said, errors)


def right(writer: Writer, ran: subprocess.CompletedProcess[str]) -> None:
    assert ran.returncode in writer.codes, ran.stderr


def refused(ran: subprocess.CompletedProcess[str], *codes: int) -> None:
    assert ran.returncode in codes, ran.stderr
    assert ran.stderr.splitlines()[-1].startswith("Error: ")


def begun(writer: Writer, path: Path, *, is_set: bool = False) -> Path:
    """An output as it is before; a table is out of date."""
    if writer.start is None:
        if is_set:
            path.mkdir(exist_ok=True)
        else:
            path.write_text("what was there before", encoding="utf-8")
    elif is_set:
        shutil.copytree(writer.start, path, dirs_exist_ok=True)
    else:
        text = writer.start.read_text(encoding="utf-8")
        path.write_text(text.replace("verified", "falsified"), encoding="utf-8")
    return path


each_file = pytest.mark.parametrize("name", FILES)
each_set = pytest.mark.parametrize("name", SETS)


# ----------------------------------------------------------------------- where outputs lead to


@each_file
def test_an_output_is_a_symlink(name: str, tmp_path: Path, names: dict[str, str]) -> None:
    writer, target, link = FILES[name], tmp_path / "target", tmp_path / "in" / "link"
    begun(writer, target).chmod(0o600)
    before = target.read_bytes()
    link.parent.mkdir()
    link.symlink_to(target)
    right(writer, ended(writer, link, names))
    assert link.is_symlink()
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    assert target.read_bytes() != before
    assert [path.name for path in link.parent.iterdir()] == ["link"], "nothing is left beside it"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in", "target"]


@each_file
def test_an_output_is_a_fifo(name: str, tmp_path: Path, names: dict[str, str]) -> None:
    writer, fifo = FILES[name], tmp_path / "fifo"
    os.mkfifo(fifo)
    refused(ended(writer, fifo, names), 3)  # nobody reads it, or it is read first
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
        right(writer, ended(writer, fifo, names))
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
    name: str, minor: int, takes: bool, tmp_path: Path, names: dict[str, str]
) -> None:
    writer, device = FILES[name], tmp_path / "device"
    try:
        os.mknod(device, 0o666 | stat.S_IFCHR, os.makedev(1, minor))
        device.open("rb").close()
    except PermissionError:
        pytest.skip("only root makes device nodes, and not in every container")
    ran = ended(writer, device, names)
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
def test_an_output_is_in_a_read_only_directory(
    name: str, tmp_path: Path, names: dict[str, str]
) -> None:
    writer, directory, output = made(name, tmp_path)
    before = digests(directory)
    with read_only(directory) as inside:
        ran = ended(writer, output, names, inside=inside)
    refused(ran, 3)
    assert "cannot be written" in ran.stderr
    assert digests(directory) == before


def made(name: str, tmp_path: Path) -> tuple[Writer, Path, Path]:
    """A command, the directory of its output, and the output, as it is before."""
    directory = tmp_path / "directory"
    directory.mkdir()
    if name in SETS:
        return SETS[name], directory, begun(SETS[name], directory, is_set=True)
    return FILES[name], directory, begun(FILES[name], directory / "file")


def digests(directory: Path) -> dict[str, str]:
    """The files of a directory, and what they hold."""
    return {
        str(path.relative_to(directory)): digest(path.read_bytes())
        for path in directory.rglob("*")
        if path.is_file()
    }


@each_set
def test_a_set_goes_to_a_directory_or_nowhere(
    name: str, tmp_path: Path, names: dict[str, str]
) -> None:
    writer, fifo, file = SETS[name], tmp_path / "fifo", tmp_path / "file"
    os.mkfifo(fifo)
    file.write_text("mine", encoding="utf-8")
    for output in (fifo, file):
        refused(ended(writer, output, names), 2, 3)
    assert fifo.is_fifo()
    assert file.read_text(encoding="utf-8") == "mine"
    target, link = begun(writer, tmp_path / "target", is_set=True), tmp_path / "link"
    link.symlink_to(target)
    right(writer, ended(writer, link, names))
    assert link.is_symlink()
    assert any(target.iterdir())


# ----------------------------------------------------------------------------- a disk that is full


@pytest.mark.parametrize("name", [*FILES, *SETS])
def test_a_disk_that_is_full_leaves_what_was_there(
    name: str, tmp_path: Path, names: dict[str, str]
) -> None:
    writer, directory, output = made(name, tmp_path)
    before = digests(directory)
    refused(ended(writer, output, names, limit=limited(writer.room)), 3)
    if not name.endswith("--write-pcap"):  # whose file has what was captured until then
        assert digests(directory) == before
    assert len([*directory.iterdir()]) == len({Path(path).parts[0] for path in before})


# ------------------------------------------------------------------------------ a command that dies


MOMENTS = 3


@pytest.mark.parametrize("name", [*FILES, *SETS])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_a_command_that_dies_leaves_whole_files(
    name: str, number: int, tmp_path: Path, names: dict[str, str]
) -> None:
    """At moments over its whole run, from which the last writes are not left out."""
    reference = tmp_path / "reference"
    reference.mkdir()
    writer, whole, output = made(name, reference)
    begin = time.perf_counter()
    right(writer, ended(writer, output, names))
    lasts, new = time.perf_counter() - begin, digests(whole)
    for moment in range(MOMENTS):
        shutil.rmtree(tmp_path / "directory", ignore_errors=True)
        _, directory, output = made(name, tmp_path)
        (directory / "mine").write_text("mine", encoding="utf-8")
        old = digests(directory)
        with started(writer, output, names) as process:
            meanwhile = threading.Thread(target=writer.meanwhile, args=(process,))
            meanwhile.start()
            time.sleep(lasts * (moment + 1) / (MOMENTS + 1))
            process.send_signal(number)
            assert process.wait(WAIT) in (-number, 128 + number, *writer.codes)
            meanwhile.join()
        found = digests(directory)
        temporary = [path for path in found if re.search(r"(^|/)\.", path)]
        assert number == signal.SIGKILL or not temporary
        assert set(old) <= set(found), "nothing is lost"
        for path in set(found) - set(temporary):
            if path not in (*writer.changing, MANIFEST):
                assert found[path] in (old.get(path), new.get(path))

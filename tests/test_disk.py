"""Writing: whole or not at all, nothing of the user's lost, whatever a path leads to."""

from __future__ import annotations

import os
import resource
import signal
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

import pytest
from owamp_vectors import disk
from owamp_vectors.disk import MANIFEST, FileError, OutputFile

from .generator.test_cli import refused, run
from .support import VECTORS

ROOT = Path(__file__).parents[1]
COMMAND = [sys.executable, "-m", "owamp_vectors"]


def text_of(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def names(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir())


def test_threads_that_write_leave_the_umask_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two at the same time: each reads the umask by setting it, and sets it back."""
    set_umask = os.umask

    def slow(mask: int) -> int:
        before = set_umask(mask)
        time.sleep(0.05)
        return before

    before = set_umask(0o022)
    try:
        monkeypatch.setattr(os, "umask", slow)
        paths = [tmp_path / str(number) for number in range(4)]
        writers = [threading.Thread(target=disk.write_file, args=(path, "x")) for path in paths]
        for writer in writers:
            writer.start()
        for writer in writers:
            writer.join()
    finally:
        after = set_umask(before)
    assert after == 0o022
    assert {stat.S_IMODE(path.stat().st_mode) for path in paths} == {0o644}


def test_what_is_no_regular_file_is_said_and_left_closed(tmp_path: Path) -> None:
    before = sum(1 for _ in Path("/proc/self/fd").iterdir())
    for _ in range(3):
        with pytest.raises(FileError, match="expected a regular file, found a directory"):
            disk.read_whole(tmp_path)
    assert sum(1 for _ in Path("/proc/self/fd").iterdir()) == before


# ----------------------------------------------------------------------------- where a path leads


def test_a_file_keeps_its_mode(tmp_path: Path) -> None:
    path = tmp_path / "private"
    path.write_text("old", encoding="utf-8")
    path.chmod(0o640)
    disk.write_file(path, "new")
    assert (text_of(path), stat.S_IMODE(path.stat().st_mode)) == ("new", 0o640)
    assert names(tmp_path) == ["private"]


def test_a_symlink_stays_one(tmp_path: Path) -> None:
    target, link = tmp_path / "a" / "target", tmp_path / "link"
    target.parent.mkdir()
    link.symlink_to(target)
    for text in ("first", "second"):  # to nothing, and to a file
        disk.write_file(link, text)
        assert link.is_symlink()
        assert text_of(target) == text


def test_a_fifo_is_written_to(tmp_path: Path) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    with pytest.raises(FileError, match="cannot be written"):  # nobody reads it
        disk.write_file(fifo, "lost")
    read: list[str] = []
    reader = threading.Thread(target=lambda: read.append(text_of(fifo)))
    reader.start()
    while reader.is_alive():
        try:
            disk.write_file(fifo, "for you")
            break
        except FileError:  # the reader has not opened it yet
            time.sleep(0.01)
    reader.join()
    assert read == ["for you"]
    assert fifo.is_fifo()


@pytest.fixture
def device(tmp_path: Path) -> Callable[[int, int], Path]:
    """Makes device nodes in the test's own folder."""

    def make(major: int, minor: int) -> Path:
        path = tmp_path / f"device{minor}"
        try:
            os.mknod(path, 0o666 | stat.S_IFCHR, os.makedev(major, minor))
            path.write_bytes(b"")
        except PermissionError:
            pytest.skip("only root makes device nodes, and not in every container")
        return path

    return make


def test_a_device_is_written_to(device: Callable[[int, int], Path]) -> None:
    null, full = device(1, 3), device(1, 7)
    disk.write_file(null, "gone")
    with pytest.raises(FileError, match="No space left"):
        disk.write_file(full, "no room")
    with pytest.raises(FileError, match="No space left"):
        OutputFile(full).write(b"no room")
    assert null.is_char_device()
    assert full.is_char_device()


@pytest.mark.parametrize("name", ["-", "/dev/stdout", "/proc/self/fd/1"])
def test_standard_output_is_written_to(tmp_path: Path, name: str) -> None:
    code = f"print(1); from owamp_vectors import disk; disk.write_file(disk.Path({name!r}), '2\\n')"
    path = tmp_path / "out"
    with path.open("wb") as stream:
        subprocess.run([sys.executable, "-c", f"{code}; print(3)"], stdout=stream, check=True)
    assert text_of(path).split() == ["1", "2", "3"]
    piped = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
    assert piped.stdout.split() == [b"1", b"2"]


def test_a_directory_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FileError, match="cannot be written: Is a directory"):
        disk.write_file(tmp_path, "text")
    with pytest.raises(FileError, match="cannot be written: Is a directory"):
        disk.write_files(tmp_path.parent, {"other": "1", tmp_path.name: "2"})
    assert not (tmp_path.parent / "other").exists()


def test_two_options_do_not_name_one_file(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "x")
    paths = ("--junit", tmp_path / "x", "--json", tmp_path / "link")
    result = run("conform", "--vectors", VECTORS, *paths, "--", "true")
    assert "expected different files for --junit and --json" in refused(result, 3)
    assert names(tmp_path) == ["link"]
    disk.check_apart({"--a": Path("/dev/null"), "--b": Path("/dev/null"), "--c": None})


# ------------------------------------------------------------------------------ sets that are whole


def limited(octets: int) -> Callable[[], None]:
    """Makes files end at a size, as a full disk does."""

    def limit() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        most = resource.getrlimit(resource.RLIMIT_FSIZE)[1]  # a process may take it back
        resource.setrlimit(resource.RLIMIT_FSIZE, (octets, most))

    return limit


@pytest.mark.parametrize(
    "arguments",
    [
        ("generate", "test-session-keys", "control-stream", "token"),
        ("render", "c", "test-session-keys", "token", "--vectors", str(VECTORS)),
    ],
    ids=lambda arguments: arguments[0],
)
def test_a_full_disk_leaves_a_set_as_it_was(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    command = [*COMMAND, *arguments, "--output", str(tmp_path / "out")]
    ran = subprocess.run(
        command, capture_output=True, text=True, cwd=ROOT, preexec_fn=limited(2**16), check=False
    )
    assert ran.returncode == 3
    assert "cannot be written: File too large" in ran.stderr
    assert ran.stderr.count("\n") == 1
    left = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert left == []


def test_a_set_is_whole_after_a_signal_at_any_moment(tmp_path: Path) -> None:
    """The new files, or the old; nothing else, no temporary file, and the list agrees with them."""
    code = """
import sys, threading, time
from pathlib import Path
from owamp_vectors import disk
from owamp_vectors.commands.console import exit_code
threading.Thread(target=time.sleep, args=(60,), daemon=True).start()  # it may get the signal
def work():
    sets = [{f"{n}/{k}": letter * 1000 for n in range(20) for k in "xy"} for letter in "ab"]
    print("ready", flush=True)
    while True:
        for texts in sets:
            disk.write_set(Path(sys.argv[1]), texts, "x")
sys.exit(exit_code(work))
"""
    for delay in range(12):
        process = subprocess.Popen([sys.executable, "-c", code, tmp_path], stdout=subprocess.PIPE)
        assert process.stdout
        process.stdout.readline()
        time.sleep(0.02 + delay * 0.0037)
        process.send_signal(signal.SIGTERM)
        assert process.wait() == 128 + signal.SIGTERM
        process.stdout.close()
        found = {text_of(path)[:1] for path in tmp_path.glob("*/*")}
        assert len(found) <= 1, "a set of two kinds"  # none if it had no time to write
        assert disk.missing_of_set(tmp_path) == []
        assert not list(tmp_path.rglob(".*"))


WRITTEN = "# Written by owamp-vectors x\n"


@pytest.mark.parametrize(
    ("first", "found"),
    [("", "another program"), ("# Written by owamp-vectors y\n", "y")],
    ids=["a user's", "another command's"],
)
def test_a_list_of_another_origin_is_nobodys_to_clear(
    first: str, found: str, tmp_path: Path
) -> None:
    """A user's files that a user's SHA256SUMS lists were removed."""
    (tmp_path / "thesis").write_text("mine", encoding="utf-8")
    listed = f"{first}{disk.digest('mine')}  thesis\n"
    (tmp_path / MANIFEST).write_text(listed, encoding="utf-8")
    with pytest.raises(FileError) as caught:
        disk.write_set(tmp_path, {"a": "1"}, "x")
    expected = f"expected the list of owamp-vectors x, found that of {found}; choose another"
    assert expected in str(caught.value)
    assert names(tmp_path) == [MANIFEST, "thesis"]
    assert text_of(tmp_path / MANIFEST) == listed


def test_two_that_write_one_directory_both_list_their_files(tmp_path: Path) -> None:
    code = """
import sys
from pathlib import Path
from owamp_vectors import disk
for number in range(20):
    name = f"{sys.argv[2]}{number}"
    disk.write_set(Path(sys.argv[1]), {name: name}, "x", whole=False)
"""
    writers = [subprocess.Popen([sys.executable, "-c", code, tmp_path, name]) for name in "ab"]
    assert [writer.wait() for writer in writers] == [0, 0]
    made = {f"{name}{number}" for name in "ab" for number in range(20)}
    assert {line.split()[-1] for line in text_of(tmp_path / MANIFEST).splitlines()[1:]} == made


def test_nothing_is_left_of_a_directory_in_which_nothing_is_written(tmp_path: Path) -> None:
    with pytest.raises(FileError):
        disk.write_set(tmp_path / "new" / "one", {"x" * 300: "1"}, "x")
    assert names(tmp_path) == []


def test_files_of_a_set_that_are_no_longer_made_go_unless_changed(tmp_path: Path) -> None:
    texts = {"a": "1", "b/c": "2", "b/d": "3", "e": "4"}
    assert disk.write_set(tmp_path, texts, "x") == []
    (tmp_path / "e").write_text("changed", encoding="utf-8")
    (tmp_path / "mine").write_text("mine", encoding="utf-8")
    assert disk.write_set(tmp_path, {"a": "5"}, "x") == ["b/c", "b/d"]
    assert names(tmp_path) == [MANIFEST, "a", "e", "mine"]
    assert text_of(tmp_path / MANIFEST) == f"{WRITTEN}{disk.digest('5')}  a\n"


def test_a_part_of_a_set_leaves_the_rest(tmp_path: Path) -> None:
    disk.write_set(tmp_path, {"a": "1", "b": "2"}, "x")
    assert disk.write_set(tmp_path, {"a": "3"}, "x", whole=False) == []
    lines = f"{disk.digest('3')}  a\n{disk.digest('2')}  b\n"
    assert text_of(tmp_path / MANIFEST) == f"{WRITTEN}{lines}"


def test_names_in_a_list_stay_in_the_directory(tmp_path: Path) -> None:
    outside, inside = tmp_path / "outside", tmp_path / "in"
    outside.write_text("x", encoding="utf-8")
    inside.mkdir()
    lines = [f"{disk.digest('x')}  {name}\n" for name in ("../outside", str(outside))]
    (inside / MANIFEST).write_text(WRITTEN + "".join(lines), encoding="utf-8")
    assert disk.write_set(inside, {"a": "1"}, "x") == []
    assert outside.exists()


def test_a_set_of_which_a_file_is_missing_is_not_verified(tmp_path: Path) -> None:
    assert run("generate", "token", "test-session-keys", "-o", tmp_path).exit_code == 0
    (tmp_path / "token.json").unlink()
    assert "token.json: listed in SHA256SUMS, and missing" in refused(run("verify", tmp_path), 3)


# --------------------------------------------------------------------------- ends of the command


def test_a_closed_or_full_output_has_its_own_exit_code() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "wb") as closed:
        assert _list_to(closed) == (141, "")
    if Path("/dev/full").exists():
        with Path("/dev/full").open("wb") as full:
            assert _list_to(full) == (3, "Error: standard output: No space left on device\n")


def _list_to(output: BinaryIO) -> tuple[int, str]:
    command = [*COMMAND, "list", "--flags"]
    ran = subprocess.run(command, stdout=output, stderr=subprocess.PIPE, text=True, check=False)
    return ran.returncode, ran.stderr

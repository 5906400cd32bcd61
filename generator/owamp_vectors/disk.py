"""Files on disk: written whole or not at all, read with one clear error for anything wrong."""

from __future__ import annotations

import errno
import fcntl
import hashlib
import json
import math
import os
import re
import signal
import stat
import sys
import tempfile
import threading
import tomllib
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO


class FileError(Exception):
    """A file that cannot be read, written or used; the text is one line for people."""


def to_text(content: dict[str, Any]) -> str:
    """The one way in which JSON is written here."""
    return json.dumps(content, indent=2, ensure_ascii=False) + "\n"


def digest(content: str | bytes) -> str:
    """SHA-256 of a file's octets, in hex."""
    octets = content.encode() if isinstance(content, str) else content
    return hashlib.sha256(octets).hexdigest()


class OutputFile:
    """A file that grows while something goes on; what is there before the first octets is kept.

    Raises:
        FileError: it cannot be written.
    """

    def __init__(self, path: Path) -> None:
        self._path, self._is_new, self._is_made = path, False, False
        with _clear(path):
            if path == STDOUT or _is_stream(path):
                self._handle = _opened_stream(path)
                return
            path.parent.mkdir(parents=True, exist_ok=True)
            self._is_new, self._is_made = True, not path.exists()
            self._handle = os.open(path, os.O_WRONLY | os.O_CREAT, 0o666)

    def write(self, octets: bytes) -> None:
        """Append octets; the first ones take the place of what was in a regular file.

        Raises:
            FileError: they cannot be written; then none of them are there.
        """
        with _clear(self._path):
            if self._is_new:
                os.ftruncate(self._handle, 0)
                self._is_new = False
            self._write(octets)

    def close(self) -> None:
        """Close the file; remove one that has been made and holds nothing."""
        os.close(self._handle)
        if self._is_new and self._is_made:
            self._path.unlink(missing_ok=True)

    def _write(self, octets: bytes) -> None:
        written = 0
        try:
            while written < len(octets):
                written += os.write(self._handle, octets[written:])
        except OSError:
            with suppress(OSError):  # no part of a packet at the end of a file
                os.ftruncate(self._handle, os.lseek(self._handle, -written, os.SEEK_CUR))
            raise


MANIFEST = "SHA256SUMS"
"""The list, in a directory, of the files that a command has written there, for ``sha256sum -c``."""

_OWNER = "# Written by owamp-vectors "
"""What the first line of a `MANIFEST` of ours begins with; the command follows."""
_LISTED = re.compile(r"^([0-9a-f]{64})  (\S.*)$", re.MULTILINE)
_ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
STDOUT = Path("-")


def write_file(path: Path, content: str | bytes) -> None:
    """Write one file, whole or not at all.

    A regular file is replaced; it keeps its mode, and a symlink to it stays one. A device, a FIFO,
    or what standard output goes to, is written to. ``-`` is standard output.

    Raises:
        FileError: it cannot be written.
    """
    _write_all([_Output(path, content)])


def write_files(directory: Path, contents: Mapping[str, str | bytes]) -> None:
    """Write files under their relative names: all are on disk before the first takes its place.

    Raises:
        FileError: the directory or a file cannot be written; then no file has changed.
    """
    _write_all([_Output(directory / name, content) for name, content in contents.items()])


def _write_all(outputs: list[_Output]) -> None:
    with ExitStack() as stack:
        for output in outputs:
            stack.callback(output.drop)
        for step in (_Output.stage, _Output.write_through):
            for output in outputs:
                with _clear(output.path):
                    step(output)
        with _undisturbed():
            for output in outputs:
                with _clear(output.path):
                    output.replace()


def write_set(
    directory: Path, contents: Mapping[str, str | bytes], command: str, *, whole: bool = True
) -> list[str]:
    """Write files that belong to a command, and the list of them, `MANIFEST`; all or none.

    Files of the list that are no longer made are removed, unless somebody has changed them.
    Other files are left as they are. Another process that writes there waits.

    Args:
        command: the command as a user writes it; the first line of the list names it.
        whole: these are all the files of the command; otherwise what is listed stays.

    Returns:
        The names of what was removed.

    Raises:
        FileError: a file cannot be written, another file that is not in the list has its name, or
            the list is not one of this command.
    """
    new = [path for path in (directory, *directory.parents) if not path.exists()]
    try:
        with alone_in(directory):
            return _write_set(directory, contents, command, whole=whole)
    except BaseException:
        for path in new:
            with suppress(OSError):  # something is in it
                path.rmdir()
        raise


def _write_set(
    directory: Path, contents: Mapping[str, str | bytes], command: str, *, whole: bool
) -> list[str]:
    _check_list(directory / MANIFEST, command)
    listed = _listed(directory)
    made = {name: digest(content) for name, content in contents.items()}
    for name, value in made.items():
        _check_ours(directory / name, value, name in listed)
    stale = [
        name
        for name, was in listed.items()
        if whole and name not in made and _digest_of(directory / name) == was
    ]
    kept = {} if whole else listed
    # Until all is done, both the old names and the new ones are ours.
    lists = [{**listed, **made}, {**kept, **made}]
    texts = [_manifest(command, digests) for digests in lists]
    before, after = (_Output(directory / MANIFEST, text) for text in texts)
    files = [_Output(directory / name, content) for name, content in contents.items()]
    _write_all([before, *files, after])
    for name in stale:
        with _clear(directory / name):
            (directory / name).unlink()
            for parent in (directory / name).relative_to(directory).parents[:-1]:
                with suppress(OSError):  # something else is in it
                    (directory / parent).rmdir()
    return stale


def missing_of_set(directory: Path) -> list[str]:
    """The names in a `MANIFEST` of ours of which there is no file. Raises `FileError`."""
    return [name for name in _listed(directory) if not (directory / name).exists()]


def _manifest(command: str, digests: Mapping[str, str]) -> str:
    lines = "".join(f"{value}  {name}\n" for name, value in sorted(digests.items()))
    return f"{_OWNER}{command}\n{lines}"


def _check_list(path: Path, command: str) -> None:
    """Raise `FileError` for a list that another program, or another command, has written."""
    if not os.path.lexists(path):
        return
    first = read_text(path).partition("\n")[0]
    if first != f"{_OWNER}{command}":
        other = first.removeprefix(_OWNER) if first.startswith(_OWNER) else "another program"
        raise FileError(
            f"{path}: expected the list of owamp-vectors {command}, found that of"
            f" {printable(other)}; choose another directory"
        )


def _listed(directory: Path) -> dict[str, str]:
    """What a `MANIFEST` of ours lists, by name; other lines, as an unfinished merge leaves, are
    passed by.
    """
    path = directory / MANIFEST
    text = read_text(path) if path.exists() else ""
    found = _LISTED.findall(text) if text.startswith(_OWNER) else []
    return {
        name: value
        for value, name in found
        if not Path(name).is_absolute() and ".." not in Path(name).parts
    }


def _digest_of(path: Path) -> str | None:
    try:
        return digest(path.read_bytes()) if path.is_file() else None
    except OSError:
        return None


def _check_ours(path: Path, made: str, listed: bool) -> None:
    if listed or not os.path.lexists(path) or _digest_of(path) == made:
        return
    raise FileError(
        f"{path}: expected a name that is free or listed in {MANIFEST}, found a file of another"
        " origin; move it away, or choose another directory"
    )


def write_private(path: Path, text: str) -> None:
    """Write a file that only its owner can read, whole or not at all. Raises `FileError`."""
    _write_all([_Output(path, text, private=True)])


@contextmanager
def alone_in(directory: Path) -> Iterator[None]:
    """Keep other runs from changing a directory at the same time; they wait.

    Raises:
        FileError: the directory cannot be used.
    """
    with _clear(directory):
        directory.mkdir(parents=True, exist_ok=True)
        handle = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def check_apart(outputs: Mapping[str, Path | None]) -> None:
    """Make sure that options, by name, do not name the same file.

    Raises:
        FileError: two of them do; devices may be named twice.
    """
    seen: dict[str, str] = {}
    for option, path in outputs.items():
        if path is None or (path != STDOUT and path.exists() and not path.is_file()):
            continue
        other = seen.setdefault(str(STDOUT if path == STDOUT else os.path.realpath(path)), option)
        if other != option:
            raise FileError(f"{path}: expected different files for {other} and {option}")


@contextmanager
def _clear(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if path == STDOUT and isinstance(error, BrokenPipeError):
            raise
        raise FileError(f"{path}: cannot be written: {error.strerror or error}") from None


@contextmanager
def _undisturbed() -> Iterator[None]:
    """Put off what would end this program until the files of a set are in place.

    To block the signals would not do: another thread would take one, and its handler runs in the
    main thread. In any other thread there is nothing to put off.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    noted: list[int] = []
    before = {
        number: signal.signal(number, lambda found, _: noted.append(found)) for number in _ENDING
    }
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, signal.SIG_DFL if handler is None else handler)
        for late in noted:
            signal.raise_signal(late)


class _Output:
    """Octets on their way to a place: by a temporary file beside it, or as they are."""

    def __init__(self, path: Path, content: str | bytes, *, private: bool = False) -> None:
        self.path = path
        self._octets = content.encode() if isinstance(content, str) else content
        self._private = private
        self._target, self._temporary = path, path
        self._made: list[Path] = []

    def stage(self) -> None:
        """Put what is to be a regular file on disk."""
        if self.path == STDOUT or _is_stream(self.path):
            return
        self._made = [parent for parent in self.path.parents if not parent.exists()]
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._target = Path(os.path.realpath(self.path))
        prefix = f".{self._target.name[:200]}."
        with _undisturbed():
            handle, name = tempfile.mkstemp(dir=self._target.parent, prefix=prefix)
            self._temporary = Path(name)
        with os.fdopen(handle, "wb") as stream:
            stream.write(self._octets)
        _take_mode(self._temporary, self._target, private=self._private)

    def write_through(self) -> None:
        """Write what is to go anywhere else."""
        if self._temporary == self.path:
            with os.fdopen(_opened_stream(self.path), "wb") as stream:
                stream.write(self._octets)

    def replace(self) -> None:
        """Put what was staged in its place."""
        if self._temporary != self.path:
            self._temporary.replace(self._target)
            self._temporary = self.path

    def drop(self) -> None:
        """Remove what was staged and not put in its place, and directories that are empty."""
        if self._temporary != self.path:
            self._temporary.unlink(missing_ok=True)
        for directory in self._made:
            with suppress(OSError):
                directory.rmdir()


def _is_stream(path: Path) -> bool:
    """Whether a path leads to something else than a regular file of its own, or to a directory."""
    try:
        found = path.stat()
    except OSError:
        return False
    if stat.S_ISDIR(found.st_mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    return not stat.S_ISREG(found.st_mode) or _own_output(found) is not None


def _own_output(found: os.stat_result) -> int | None:
    """The descriptor of standard output or error, if it leads to this file."""
    for descriptor in (1, 2):
        with suppress(OSError):
            if os.path.samestat(found, os.fstat(descriptor)):
                return descriptor
    return None


def _opened_stream(path: Path) -> int:
    own = 1 if path == STDOUT else _own_output(path.stat())
    if own is not None:  # whose place in the file is shared
        sys.stdout.flush()
        return os.dup(own)
    # A FIFO that nobody reads is an error, since to wait for a reader may have no end.
    handle = os.open(path, os.O_WRONLY | os.O_NONBLOCK | os.O_APPEND)
    os.set_blocking(handle, True)
    return handle


def _take_mode(temporary: Path, target: Path, *, private: bool) -> None:
    """Give a new file the mode and the owner of the old one, or those that any new file gets."""
    if private:
        return  # mkstemp's mode is 0600
    try:
        old = target.stat()
    except FileNotFoundError:
        temporary.chmod(0o666 & ~_umask())
        return
    with suppress(OSError):
        os.chown(temporary, old.st_uid, old.st_gid)
    temporary.chmod(stat.S_IMODE(old.st_mode))


def _umask() -> int:
    """The umask, which can only be read by setting it; what a thread makes meanwhile is private."""
    with _UMASK_READ:
        umask = os.umask(0o077)
        os.umask(umask)
    return umask


_UMASK_READ = threading.Lock()
MAX_READ = 64 * 2**20
"""Octets of a file at most."""
_MAX_DIGITS, _MAX_DEPTH = 20, 64
_HALF_PAIR = re.compile(r"\\u[dD][89a-fA-F]")
_KINDS = {
    stat.S_IFDIR: "a directory",
    stat.S_IFIFO: "a FIFO",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}


@contextmanager
def opened(path: Path, check: Callable[[os.stat_result], None] | None = None) -> Iterator[BinaryIO]:
    """A regular file, opened to be read.

    Args:
        check: raises `FileError` for a file that is not to be read.

    Raises:
        FileError: it cannot be read, or is not a regular file.
    """
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK)  # a FIFO would wait for a writer
        try:
            status = os.fstat(handle)
            kind = stat.S_IFMT(status.st_mode)
            if kind != stat.S_IFREG:
                found = _KINDS.get(kind, "something else")
                raise FileError(f"{path}: expected a regular file, found {found}")
            if check is not None:
                check(status)
        except BaseException:
            os.close(handle)
            raise
        with os.fdopen(handle, "rb") as stream:
            yield stream
    except OSError as error:
        raise FileError(f"{path}: cannot be read: {error.strerror or error}") from None


def read_whole(
    path: Path, limit: int = MAX_READ, check: Callable[[os.stat_result], None] | None = None
) -> bytes:
    """The octets of a regular file. Raises `FileError`: as `opened`, or more than `limit`."""
    with opened(path, check) as stream:
        data = stream.read(limit + 1)
    if len(data) > limit:
        raise FileError(f"{path}: expected at most {limit} octets, found more")
    return data


def read_text(path: Path) -> str:
    """A regular file's text. Raises `FileError` if it cannot be read or is not UTF-8."""
    try:
        return read_whole(path).decode()
    except UnicodeDecodeError as error:
        raise FileError(f"{path}: not UTF-8 at offset {error.start}") from None


def read_json(path: Path) -> Any:
    """The content of a file of JSON. Raises `FileError`: as `read_text` and `parse_json`."""
    return parse_json(path, read_text(path))


def parse_json(path: Path | str, text: str, *, any_string: bool = False) -> Any:
    """The content of a text of JSON.

    Args:
        any_string: strings may have halves of surrogate pairs, which no text can have.

    Raises:
        FileError: it is not JSON, an object has a member twice, a number has no finite value or an
            integer more than 20 digits, it is nested more than 64 deep; the text names `path`.
    """
    try:
        content = json.loads(
            text,
            object_pairs_hook=no_duplicates,
            parse_int=_integer,
            parse_float=_number,
            parse_constant=_number,
        )
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise FileError(f"{path}: not JSON: {error.msg} at {where}") from None
    except RecursionError:
        raise FileError(f"{path}: not usable as JSON: {_TOO_DEEP}") from None
    except ValueError as error:
        raise FileError(f"{path}: not usable as JSON: {error}") from None
    _check_depth(path, content)
    if not any_string and _HALF_PAIR.search(text):
        try:
            json.dumps(content, ensure_ascii=False).encode()
        except UnicodeEncodeError:
            raise FileError(f"{path}: expected text, found half of a surrogate pair") from None
    return content


def read_toml(path: Path) -> dict[str, Any]:
    """The content of a file of TOML. Raises `FileError`: as `read_text` and `parse_toml`."""
    return parse_toml(path, read_text(path))


def parse_toml(path: Path, text: str, *, is_secret: bool = False) -> dict[str, Any]:
    """The content of a text of TOML.

    Args:
        is_secret: nothing of the text is quoted in an error.

    Raises:
        FileError: it is not TOML, an integer has more than 20 digits, or it is nested more than 64
            deep.
    """
    try:
        content = tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        at = re.search(r"\(at .*\)$", str(error))
        why = (at[0] if at else "") if is_secret else f": {shortened(str(error).encode())}"
        raise FileError(f"{path}: not TOML{' ' if is_secret and why else ''}{why}") from None
    _check_depth(path, content)
    return content


_TOO_DEEP = f"expected at most {_MAX_DEPTH} levels, found more"


def _check_depth(path: Path | str, content: object) -> None:
    """Of values, too: a text of TOML has integers of any size, and numbers that are none."""
    level: list[object] = [content]
    for _ in range(_MAX_DEPTH):
        inner: list[object] = []
        for value in level:
            if isinstance(value, dict):
                inner += value.values()
            elif isinstance(value, list):
                inner += value
            elif isinstance(value, int) and abs(value) >= 10**_MAX_DIGITS:
                raise FileError(f"{path}: {_TOO_LONG}")
            elif isinstance(value, float) and not math.isfinite(value):
                raise FileError(f"{path}: expected a finite number, found {value}")
        level = inner
        if not level:
            return
    raise FileError(f"{path}: {_TOO_DEEP}")


_TOO_LONG = f"expected an integer of at most {_MAX_DIGITS} digits, found a longer one"


def _integer(digits: str) -> int:
    if len(digits) > _MAX_DIGITS + 1:
        raise ValueError(_TOO_LONG)
    return int(digits)


def _number(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"expected a finite number, found {shortened(text.encode(), 40)}")
    return value


class RepeatedNameError(ValueError):
    """A JSON object that has a member twice; the text names it."""


def no_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object of JSON from its members, in order. Raises `RepeatedNameError`."""
    content: dict[str, Any] = {}
    for name, value in pairs:
        if name in content:
            raise RepeatedNameError(f"an object has the member {shortened(name)} twice")
        content[name] = value
    return content


def printable(text: str) -> str:
    """`text` on one line, what a terminal might act on replaced: it may quote a peer, a program or
    a file.
    """
    return "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in text)


def shortened(value: object, limit: int = 80) -> str:
    """A value as JSON, or a line as it is, for people: printable and not too long."""
    text = value.decode(errors="replace") if isinstance(value, bytes) else json.dumps(value)
    text = printable(text)
    return (text if len(text) <= limit else text[: limit - 1] + "…") or "nothing"

"""Files that are not what they should be: one line, exit code 3, whichever option reads them."""

from __future__ import annotations

import copy
import json
import os
import random
import shutil
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from owamp_vectors.catalogue import FILES
from owamp_vectors.disk import FileError
from owamp_vectors.json_schema import misfit
from owamp_vectors.vectors.declaration import Json
from owamp_vectors.vectors.schema import file_schema
from owamp_vectors.vectors.stored import StoredCase
from owamp_vectors.vectors.verify import verify_case

from ..support import VECTORS, committed_cases
from .test_cli import refused, run

MODELS = Path(__file__).parents[1] / "models"
DEEP, DIGITS = 100_000, "1" * 5000

NOT_TEXT: dict[str, Callable[[Path], object]] = {
    "a FIFO": os.mkfifo,
    "an endless device": lambda path: path.symlink_to("/dev/zero"),
    "a directory": Path.mkdir,
    "nothing": lambda _: None,
    "octets": lambda path: path.write_bytes(b"\xff\xfe"),
    "no content": lambda path: path.write_bytes(b""),
}
JSON = {
    "deep": "[" * DEEP,
    "deep and right": "[" * 500 + "]" * 500,
    "digits": DIGITS,
    "no number": '{"schema": NaN}',
    "infinite": "1e999",
    "half a pair": '{"entries": "\\ud800"}',
    "twice": '{"a": 1, "a": 2}',
    "a string": '"x"',
}
TOML = {
    "deep": "a = " + "[" * DEEP,
    "deep and right": "a = " + "[" * 500 + "]" * 500,
    "digits": f"a = {DIGITS}",
    "a long integer": f"a = {'1' * 30}",
    "no number": "a = nan",
    "control characters": 'a = "\x1b[31m"',
}
Reader = Callable[[Path], tuple[str | Path, ...]]
"""The arguments with which a command reads a file; the file is a copy of its own folder's."""


def _in_models(name: str, *arguments: str) -> Reader:
    def command(path: Path) -> tuple[str | Path, ...]:
        return (*arguments, "--models", path.parents[name.count("/")], "--vectors", VECTORS)

    return command


READERS: dict[str, tuple[str, str, Reader]] = {
    "verify": ("token.json", "json", lambda path: ("verify", path)),
    "show": ("token.json", "json", lambda path: ("show", "--vectors", path.parent, "token", "1")),
    "conform": (
        "token.json",
        "json",
        lambda path: ("conform", "--vectors", path.parent, "--file", "token", "--", "true"),
    ),
    "render": (
        "token.json",
        "json",
        lambda path: ("render", "c", "token", "--vectors", path.parent, "-o", path.parent / "out"),
    ),
    "claims": ("claims.toml", "toml", _in_models("claims.toml", "claims")),
    "ledger": ("proofs/ledger.json", "json", _in_models("proofs/ledger.json", "claims")),
    "merge": (
        "other/ledger.json",
        "json",
        lambda path: (
            "prove", "--models", path.parents[1], "--vectors", VECTORS, "--merge", path
        ),
    ),
    "secrets": ("secrets.toml", "toml", lambda path: ("probe", "::1", "--secrets", path)),
    "passphrase": (
        "passphrase",
        "octets",
        lambda path: ("probe", "::1", "--key-id", "a", "--passphrase", path),
    ),
    "capture": ("seen.pcap", "octets", lambda path: ("probe", "--pcap", path)),
    "charon": ("charon.log", "octets", lambda path: ("charon", path)),
}  # fmt: skip


def _cases() -> Iterator[Any]:
    for reader, (_, kind, _) in READERS.items():
        for name, make in NOT_TEXT.items():
            if kind != "octets" or name != "octets":
                yield pytest.param(reader, make, id=f"{reader}-{name}")
        for name, text in {"json": JSON, "toml": TOML}.get(kind, {}).items():
            put = lambda path, text=text: path.write_text(text, encoding="utf-8")  # noqa: E731
            yield pytest.param(reader, put, id=f"{reader}-{name}")


@pytest.mark.parametrize(("reader", "put"), list(_cases()))
def test_a_bad_file_gives_one_line(
    reader: str, put: Callable[[Path], object], tmp_path: Path
) -> None:
    name, _, arguments = READERS[reader]
    models = Path(shutil.copytree(MODELS, tmp_path / "models"))
    path = models / name
    path.parent.mkdir(exist_ok=True)
    path.unlink(missing_ok=True)
    put(path)
    if path.exists() and not path.is_symlink():
        path.chmod(0o700 if path.is_dir() else 0o600)
    before = sorted(models.rglob("*"))
    if reader == "ledger" and not os.path.lexists(path):
        return  # then nothing is recorded
    line = refused(run(*arguments(path)), 3)
    assert path.name in line
    assert line.isprintable()
    assert sorted(models.rglob("*")) == before


# ------------------------------------------------------------ vector files that fit their schemas


def _leaves(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    if isinstance(value, dict | list):
        items = value.items() if isinstance(value, dict) else enumerate(value)
        for key, item in items:
            yield from _leaves(item, (*path, key))
    if not isinstance(value, dict):
        yield path


def _other(value: Any, chance: random.Random) -> Any:
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        numbers = [2**k + d for k in (0, 8, 16, 20, 31, 32, 63) for d in (-1, 0, 1)]
        return chance.choice([*numbers, -1, value + 1, float(value)])
    if isinstance(value, float):
        return value
    if isinstance(value, str):
        texts = ["", "00", "ff" * 16, value[:-2], value + "00", value * 2, "a" * 300, "é\0", "0\n"]
        return chance.choice(texts)
    return chance.choice([[], value * 2, value[:-1], value[::-1]])


def _mutant(case: StoredCase, chance: random.Random) -> StoredCase | None:
    """A case with one or two other values; None if it does not fit its schema."""
    group: Json = {key: value for key, value in case.group.items() if key != "tests"}
    group, test = copy.deepcopy(group), copy.deepcopy(case.test)
    names = [(test, item.name) for item in case.type.inputs]
    names += [(group, item.name) for item in case.type.parameters]
    for _ in range(chance.choice([1, 2])):
        holder, name = chance.choice(names)
        *path, last = chance.choice(list(_leaves(holder[name], (name,))))
        inner: Any = holder
        for key in path:
            inner = inner[key]
        inner[last] = _other(inner[last], chance)
    group["tests"] = [test]
    schema = file_schema(case.file)
    fits = misfit(group, {**schema["$defs"][case.type.name], "$defs": schema["$defs"]}) is None
    return StoredCase(case.file, case.type, group, test) if fits else None


@pytest.mark.parametrize("name", FILES)
def test_mutants_that_fit_the_schema_are_computed_or_refused(name: str) -> None:
    chance = random.Random(name)  # noqa: S311
    cases = committed_cases(FILES[name])
    tried = 0
    for _ in range(150):
        mutant = _mutant(chance.choice(cases), chance)
        if mutant is not None:
            tried += 1
            with suppress(FileError):
                list(verify_case(mutant))
    assert tried > 20


def test_a_value_with_another_line_is_no_hex(tmp_path: Path) -> None:
    text = (VECTORS / "token.json").read_text(encoding="utf-8")
    content = json.loads(text)
    test = content["testGroups"][0]["tests"][0]
    for value in (test["salt"] + "\n", test["salt"].upper() + "g"):
        test["salt"] = value
        path = tmp_path / "token.json"
        path.write_text(json.dumps(content), encoding="utf-8")
        assert "salt" in refused(run("verify", path), 3)

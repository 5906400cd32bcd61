"""The records of mutation are whole, and the runner tells a wrong mutant from one that is not."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from . import reference
from .record import Record
from .reference import Cases, Module, at_loading, forked

HERE, ROOT = Path(__file__).parent, Path(__file__).parents[2]
RECORDS = {
    HERE / "javascript.json": ROOT / "adapters" / "javascript",
    HERE / "reference.json": ROOT / "reference" / "owamp_reference",
}


@pytest.mark.parametrize("path", RECORDS, ids=lambda path: path.stem)
def test_each_survivor_has_a_reason(path: Path) -> None:
    content = json.loads(path.read_text(encoding="utf-8"))
    assert [*content] == ["tool", "version", "command", "files"]
    for name, file in content["files"].items():
        assert (RECORDS[path] / name).is_file()
        assert date.fromisoformat(file["date"])
        assert file["survived"] == len(file["survivors"])
        for item in file["survivors"]:
            assert [*item] == ["line", "replacement", "reason"]
            assert item["reason"].endswith("."), (name, item)


def test_a_record_keeps_reasons(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    record = Record(tmp_path / "record.json", "a tool", "make it")
    record.add("1.0", "a.py", 3, [("x = 1", "x = 2")])
    content = record.read()
    content["files"]["a.py"]["survivors"][0]["reason"] = "It is the same."
    record.path.write_text(json.dumps(content), encoding="utf-8")
    record.add("1.1", "a.py", 4, [("x = 1", "x = 2"), ("y = 1", "y = 2")])
    found = record.read()
    assert found["version"] == "1.1"
    survivors = found["files"]["a.py"]["survivors"]
    assert [item["reason"] for item in survivors] == ["It is the same.", ""]
    record.add("1.1", "b.py", 1, [])
    record.print_share()
    said = capsys.readouterr().out.splitlines()
    assert said[1] == "a.py: 4 of 6 mutants killed, 1 survivors without a reason"
    assert said[-1] == "all: 5 of 7 mutants killed, 1 survivors without a reason"


@pytest.mark.parametrize(
    ("old", "new", "is_noticed"),
    [
        ("challenge + keys.t1 + keys.t2", "challenge + keys.t2 + keys.t1", True),
        ("TOKEN_SIZE = 64", "TOKEN_SIZE = 65", True),  # is done when the module is loaded
        ("if count > maximum:", "while True:\n        pass\n    if False:", True),
        ("passphrase = None\n", "passphrase = 0\n", False),
    ],
)
def test_a_mutant_is_noticed_if_it_does_wrong(old: str, new: str, is_noticed: bool) -> None:
    assert forked(lambda: _found(old, new)) == (is_noticed, is_noticed)


def _found(old: str, new: str) -> Any:
    """Whether a mutant of the Token is noticed, and then the last one again; it loads much anew."""
    reference.SECONDS = 2  # of this process alone
    cases = Cases()
    cases.all = [case for case in cases.all if case.file.name == "token"]
    module = Module("token", cases, {})
    number = module.source[: module.source.index(old)].count("\n") + 1
    module.lines = {number: set(range(len(cases.all)))}
    found = [
        module.first_failed(module.source.replace(old, new), range(number, number + 1)) is not None
        for _ in range(2)
    ]
    return tuple(found)


def test_what_is_done_at_loading_is_told_from_functions() -> None:
    def code(text: str) -> Any:
        return at_loading(compile(text, "x.py", "exec"))

    assert code("def f():\n return 1") == code("def f():\n return 2")
    assert code("def f(x=1):\n return 1") != code("def f(x=2):\n return 1")
    assert code("class A:\n x = 1") != code("class A:\n x = 2")
    assert code("f = lambda: 1") != code("f = lambda: 2")

"""What all commands have in common: names, options, exit codes, and how they speak."""

from __future__ import annotations

import io
import json
import re
import time
from pathlib import Path
from typing import Any

import click
import pytest
from click.shell_completion import ShellComplete
from click.testing import CliRunner, Result
from owamp_vectors.commands import console
from owamp_vectors.commands.cli import COMMANDS, main
from owamp_vectors.vectors.show import meaning
from owamp_vectors.words import counted, unknown

from ..support import VECTORS


@pytest.fixture(autouse=True)
def in_the_checkout(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(VECTORS.parent)


def run(*arguments: str, **more: Any) -> Result:
    return CliRunner().invoke(main, arguments, **more)


@pytest.mark.parametrize("name", COMMANDS)
def test_each_command_tells_the_same_exit_codes_and_has_examples(name: str) -> None:
    help_text = run(name, "--help").output
    assert run("--help").output.split("Exit codes:")[1] == help_text.split("Exit codes:")[1]
    assert "Examples:" in help_text


@pytest.mark.parametrize("name", COMMANDS)
def test_the_help_says_what_each_option_is(name: str) -> None:
    command = main.get_command(click.Context(main), name)
    assert command is not None
    options = [item for item in command.params if isinstance(item, click.Option)]
    assert all(re.match("[A-Za-z]", option.help or "") for option in options)


def test_the_help_has_groups_and_each_line_fits() -> None:
    output = run("--help").output
    assert all(title in output for title in ("Vectors:", "Implementations:", "Models:"))
    assert all(len(line) <= 80 for line in output.splitlines())
    assert "..." not in output.split("Options:")[1]


@pytest.mark.parametrize(
    ("command", "nearest"),
    [
        ("shwo token 1", "show"),
        ("show tokn 1", "token"),
        ("generate tokens", "token"),
        ("render c bindings", "binding"),
        ("verify tokn", "token"),
        ("conform --file handshakes -- true", "handshake"),
        ("chain t33", "t3"),
        ("trace token-forgry", "token-forgery"),
        ("claims --claim token-forgry", "token-forgery"),
        ("claims --model rfc465", "rfc4656"),
        ("replay token-forgry", "token-forgery"),
        ("prove --print-theory rfc4656+NO_HMAK", "rfc4656+NO_HMAC"),
        ("conform-model --model token_block", "token_blocks"),
    ],
)
def test_a_name_that_does_not_exist_is_told_with_the_nearest(command: str, nearest: str) -> None:
    result = run(*command.split())
    assert result.exit_code in (2, 3)
    assert "did you mean" in result.stderr
    assert nearest in result.stderr.split("did you mean")[1]


def test_a_name_like_no_other_is_told_with_all_if_they_are_few() -> None:
    assert unknown("colour", "x", ["red", "green"]) == "no colour x; there are: red, green"
    assert unknown("colour", "x", []) == "no colour x; there are: none"
    assert unknown("number", "x", map(str, range(100))) == "no number x among 100"


@pytest.mark.parametrize("name", ["token", "token.json", "vectors/token.json"])
def test_a_vector_file_has_a_name_and_a_path(name: str, tmp_path: Path) -> None:
    shown = run("show", name, "1")
    assert shown.exit_code == 0
    assert shown.output == run("show", "token", "1").output
    assert "token.json" in run("verify", name).output
    for command in (("generate", name), ("render", "python", name)):
        out = tmp_path / command[0]
        assert run(*command, "-o", str(out)).exit_code == 0
        assert list(out.glob("*token*")) or list(out.glob("*.py"))


def test_a_path_is_that_very_file(tmp_path: Path) -> None:
    content = json.loads((VECTORS / "token.json").read_text(encoding="utf-8"))
    content["testGroups"][0]["tests"][0]["comment"] = "a case of one's own"
    path = tmp_path / "token.json"
    path.write_text(json.dumps(content), encoding="utf-8")
    assert "a case of one's own" in run("show", str(path), "1").output
    assert run("show", str(tmp_path / "none.json"), "1").exit_code == 2


@pytest.mark.parametrize(
    "name", ["token_blocks", "token_blocks.spthy", "models/token_blocks.spthy"]
)
def test_a_model_has_a_name_and_a_path(name: str) -> None:
    jobs = json.loads(run("prove", "--list-jobs", "--model", name).output)
    assert {job["model"] for job in jobs} == {"token_blocks"}


REPORTING = (
    "list",
    "list --flags",
    "show token 1",
    "verify token",
    "chain t3",
    "claims --claim token-forgery",
    "claims --statements",
    "claims --matrix",
    "trace token-forgery",
    "render c token -o OUT",
    "report -o OUT --allow-stale",
    "draft -o OUT --source-only",
    "replay token-forgery",
    "conform-model --model token_blocks --runs 1",
)


@pytest.mark.parametrize("command", REPORTING)
def test_a_report_as_json(command: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "report.json"
    arguments = command.replace("OUT", str(tmp_path / "out")).split()
    with_text = run(*arguments, "--json", str(path))
    assert with_text.exit_code == 0, with_text.output
    assert with_text.output
    alone = run(*arguments, "--json", "-")
    assert alone.output == ""
    assert capfd.readouterr().out == path.read_text(encoding="utf-8")
    json.loads(path.read_text(encoding="utf-8"))


def test_octets_stay_text_in_json_even_if_they_are_digits() -> None:
    [found] = console.as_objects(("line", "SPIi"), [("12", "0102030405060708")], (0,))
    assert found == {"line": 12, "SPIi": "0102030405060708"}


QUIET = ("verify token", "chain t3", "claims --claim token-forgery", "render c token -o OUT")


@pytest.mark.parametrize("command", QUIET)
def test_quiet_prints_nothing_if_nothing_is_wrong(command: str, tmp_path: Path) -> None:
    arguments = command.replace("OUT", str(tmp_path / "out")).split()
    assert run(*arguments).output
    quiet = run(*arguments, "-q")
    assert quiet.exit_code == 0
    assert quiet.output == ""


def test_the_last_line_stands_alone_and_has_no_replaced_characters() -> None:
    output = run("verify", "token").output
    assert "\n\nEvery value computed again" in output
    assert "\N{REPLACEMENT CHARACTER}" not in output


def test_quiet_prints_what_is_wrong(tmp_path: Path) -> None:
    text = (VECTORS / "token.json").read_text(encoding="utf-8")
    path = tmp_path / "token.json"
    path.write_text(text.replace("601ca3fc908b20fe", "601ca3fc908b20ff", 1), encoding="utf-8")
    result = run("verify", "-q", str(path))
    assert result.exit_code == 1
    assert result.stdout == ""
    assert "tokenKey" in result.stderr
    assert "1 value differs." in result.stderr


def test_colour_only_where_it_is_wanted(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "\x1b[" not in run("verify", "token").output
    assert "\x1b[32m" in run("verify", "token", color=True).output
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b[" not in run("verify", "token", color=True).output


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_what_takes_longer_says_how_far_it_is_and_clears_the_line(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(console, "_PATIENCE", 0.05)
    terminal = Terminal()
    monkeypatch.setattr("sys.stderr", terminal)
    for _ in console.progress([1, 2], "counting"):
        time.sleep(0.1)
    assert "\rcounting 1 of 2 (0 s)" in terminal.getvalue()
    assert terminal.getvalue().endswith("\r\x1b[K")


def test_what_is_quick_or_not_at_a_terminal_says_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr("sys.stderr", terminal)
    assert list(console.progress([1, 2], "counting")) == [1, 2]
    monkeypatch.setattr(console, "_PATIENCE", 0.0)
    monkeypatch.setattr("sys.stderr", io.StringIO())
    with console.working("counting"):
        time.sleep(0.05)
    assert terminal.getvalue() == ""


def completions(arguments: list[str], incomplete: str) -> list[str]:
    complete = ShellComplete(main, {}, "owamp-vectors", "_OWAMP_VECTORS_COMPLETE")
    return [item.value for item in complete.get_completions(arguments, incomplete)]


@pytest.mark.parametrize(
    ("arguments", "incomplete", "found"),
    [
        ([], "conf", "conform-model"),
        (["show"], "test-", "test-session-keys"),
        (["generate"], "bind", "binding"),
        (["trace"], "token-f", "token-forgery"),
        (["claims", "--claim"], "twamp-r", "twamp-reflection"),
        (["conform-model", "--model"], "token", "token_blocks"),
        (["chain"], "t", "t3"),
    ],
)
def test_names_are_completed(arguments: list[str], incomplete: str, found: str) -> None:
    assert found in completions(arguments, incomplete)


def test_no_claims_no_completion(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("owamp_vectors.commands.named.data_directory", lambda _: tmp_path)
    assert completions(["trace"], "") == []


@pytest.mark.parametrize(
    ("name", "value", "size", "said"),
    [
        ("startTime", 0xE900000080000000, 8, "2023-11-16 02:42:08.500000 UTC"),
        ("Receive Timestamp", 0xE900000000000000, 8, "2023-11-16 02:42:08.000000 UTC"),
        ("Timestamp", 0, 8, ""),
        ("Timeout", 0x0000000200000000, 8, ""),
        ("Modes", 7, 4, "unauthenticated, authenticated, encrypted"),
        ("mode", 132, 4, "encrypted, bit 128"),
        ("count", 1024, 4, ""),
    ],
)
def test_times_and_modes_are_told_as_people_read_them(
    name: str, value: int, size: int, said: str
) -> None:
    assert meaning(name, value, size) == said


def test_show_has_dates_and_modes() -> None:
    output = run("show", "handshake", "5").output
    assert "offeredModes: 7 (unauthenticated, authenticated, encrypted)" in output
    assert "UTC" in output


def test_plural_forms() -> None:
    assert [counted(number, "case") for number in (0, 1, 2)] == ["0 cases", "1 case", "2 cases"]
    assert counted(2, "value differs", "values differ") == "2 values differ"


def test_each_command_is_in_the_help_of_the_group() -> None:
    assert isinstance(main, click.Group)
    assert all(main.get_command(click.Context(main), name) for name in COMMANDS)

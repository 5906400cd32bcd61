"""What a peer, a tested program or a file says reaches no terminal as it is, and adds no lines."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from owamp_vectors.commands import cli, console
from owamp_vectors.disk import FileError, printable, shortened

EVIL = "\x1b[2J\x07\r\n\x9b31m\u202eok: all passed\u2028x"
REPLACED = "\N{REPLACEMENT CHARACTER}"


def run(*arguments: object) -> Result:
    result = CliRunner().invoke(cli.main, [str(argument) for argument in arguments])
    assert "Traceback" not in result.output
    return result


def is_clean(text: str) -> bool:
    return all(char.isprintable() or char == "\n" for char in text)


def test_one_function_replaces_what_a_terminal_acts_on() -> None:
    assert printable(EVIL).count(REPLACED) == 7
    assert printable("KeyID 'é' — §3.1") == "KeyID 'é' — §3.1"
    assert is_clean(shortened(EVIL))
    assert is_clean(shortened(EVIL.encode(errors="replace")))


PROGRAM = """
import json, sys
text = {text!r}
for line in sys.stdin:
    number = json.loads(line)["id"]
    answer = {answer}
    sys.stdout.write(json.dumps(answer) + "\\n")
    sys.stdout.flush()
"""
ANSWERS = {
    "a refusal": '{"id": number, "refused": text}',
    "an output": '{"id": number, "outputs": {"t1": text, "sealed": text, "token": text}}',
    "a stage": '{"id": number, "refused": "x", "stage": text}',
    "no answer": "sys.exit(text)",
}


@pytest.fixture
def few_cases(tmp_path: Path) -> Path:
    """A directory of vectors with one case of one file."""
    vectors = Path(__file__).parent.parent / "vectors"
    content = json.loads((vectors / "token.json").read_text(encoding="utf-8"))
    group = content["testGroups"][0]
    content["testGroups"] = [{**group, "tests": group["tests"][:1]}]
    content["numberOfTests"] = 1
    (tmp_path / "token.json").write_text(json.dumps(content), encoding="utf-8")
    return tmp_path


@pytest.mark.parametrize("kind", ANSWERS)
def test_what_a_tested_program_says_adds_no_line(kind: str, few_cases: Path) -> None:
    program, results = few_cases / "program.py", few_cases / "results"
    program.write_text(PROGRAM.format(text=EVIL, answer=ANSWERS[kind]), encoding="utf-8")
    options = ("--vectors", few_cases, "--file", "token", "--json", results)
    result = run("conform", *options, "--", sys.executable, program)
    assert result.exit_code == 1, result.output
    assert is_clean(result.output)
    first, last = result.stderr.splitlines()
    assert first.startswith("token tcId 1")
    assert last == "1 of 1 case fails."
    (problem,) = [case["problem"] for case in json.loads(results.read_text())["cases"]]
    assert is_clean(problem)
    assert "\n" not in problem


def test_half_a_character_in_the_name_of_a_field_fails_the_case(tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    answer = '{"id": number, "outputs": {"fields": {"\\ud800": 1}, "canonical": ""}}'
    program.write_text(PROGRAM.format(text=EVIL, answer=answer), encoding="utf-8")
    options = ("--vectors", Path(__file__).parent.parent / "vectors", "--file", "messages")
    result = run("conform", *options, "--max-failures", "1", "--", sys.executable, program)
    assert result.exit_code == 1, result.output
    assert is_clean(result.output)


def test_what_a_file_says_adds_no_line_to_an_error(tmp_path: Path) -> None:
    folder = tmp_path / f"a{EVIL}b"
    result = run("verify", folder)
    assert result.exit_code == 3
    assert is_clean(result.output)
    assert len(result.stderr.splitlines()) == 1


@pytest.mark.parametrize("arguments", [("verify", f"to{EVIL}ken"), (f"to{EVIL}ken",)])
def test_what_an_argument_says_adds_no_line_to_an_error(arguments: tuple[str, ...]) -> None:
    result = run(*arguments)
    assert result.exit_code == 2
    assert is_clean(result.stderr)
    assert result.stderr.splitlines()[-1].startswith("Error: ")


def test_an_error_of_ours_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    def fails() -> None:
        with console.clear_errors():
            raise FileError(EVIL)

    assert console.exit_code(fails) == console.BAD_INPUT
    said = capsys.readouterr().err
    assert is_clean(said)
    assert said.count("\n") == 1


def test_a_table_has_no_other_lines_than_its_rows(capsys: pytest.CaptureFixture[str]) -> None:
    console.print_table([("name",), (EVIL,)])
    said = capsys.readouterr().out
    assert is_clean(said)
    assert said.count("\n") == 2


def test_what_a_vector_file_says_is_shown_without_control_characters(few_cases: Path) -> None:
    path = few_cases / "token.json"
    content = json.loads(path.read_text(encoding="utf-8"))
    case = content["testGroups"][0]["tests"][0]
    case["comment"], case["t1"] = EVIL.replace("\n", ""), "00" * 16
    path.write_text(json.dumps(content), encoding="utf-8")
    shown = run("show", "--vectors", few_cases, "token", 1)
    assert shown.exit_code == 0
    assert "all passed" in shown.output
    assert is_clean(shown.output)
    differing = run("verify", path)
    assert differing.exit_code == 1
    assert "all passed" in differing.stderr
    assert is_clean(differing.output)

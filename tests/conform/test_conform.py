"""The command `conform`, over programs that are right, wrong, and worse."""

from __future__ import annotations

import json
import os
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as Xml

import pytest
from click.testing import CliRunner, Result
from owamp_vectors.catalogue import FILES
from owamp_vectors.commands.cli import main
from owamp_vectors.conform.judging import judge
from owamp_vectors.conform.protocol import Answer, question
from owamp_vectors.conform.pytest_plugin import Refused, check_case, conformance
from owamp_vectors.mistakes import MISTAKES
from owamp_vectors.vectors.declaration import Json
from owamp_vectors.vectors.stored import StoredCase

from ..support import VECTORS, committed_cases, stored

TYPES = {kind.name: kind for file in FILES.values() for kind in file.types}
PROGRAMS = str(Path(__file__).with_name("programs.py"))
KEYS = "test-session-keys"


def conform(*program: str, options: tuple[str | Path, ...] = ("--file", KEYS)) -> Result:
    fast = () if program[0] in ("right", "mistake") else ("-I", "-S")
    command = ("--", sys.executable, *fast, PROGRAMS, *program)
    arguments = ["conform", "--vectors", VECTORS, *options, *command]
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def parsed(path: Path) -> Xml.Element:
    return Xml.parse(path).getroot()  # noqa: S314 - our own


KEY_CASES = committed_cases(FILES[KEYS])
LAYOUTS = [case for case in KEY_CASES if case.type.name == "SidLayout"]


def first(file: str) -> StoredCase:
    return committed_cases(FILES[file])[0]


def test_a_right_program_passes_every_case() -> None:
    result = conform("right", options=())
    assert result.exit_code == 0, result.output
    total = sum(stored(file)["numberOfTests"] for file in FILES.values())
    acceptable = (
        case
        for file in FILES.values()
        for case in committed_cases(file)
        if case.result == "acceptable"
    )
    refused = sum(case.evaluate().outputs is None for case in acceptable)
    counts = ["total", str(total), "0", "0", str(refused)]
    assert result.output.splitlines()[-3].split() == counts
    assert "handshake          ServerBehaviour" in result.output


def test_a_mistake_is_found_by_its_name_and_first_octet() -> None:
    result = conform("mistake", "T4IvNotZero")
    assert result.exit_code == 1
    line = result.stderr.splitlines()[0]
    assert line.startswith("test-session-keys tcId 1 (pseudo-random keys and SID, number 1): t4")
    assert ": from octet " in line
    assert line.endswith("exactly as by T4IvNotZero")
    assert MISTAKES["T4IvNotZero"].note.description in result.stderr


def test_words_are_not_asked_for() -> None:
    case = next(
        case
        for case in committed_cases(FILES["handshake"])
        if case.test.get("because") and case.test["result"] == "valid"
    )
    right = {name: case.test[name] for name in ("sent", "ending")}
    assert right["ending"] == "closed"
    assert judge(case, Answer(right)).status == "passed"
    assert judge(case, Answer({**right, "because": "no idea"})).status == "passed"
    assert judge(case, Answer({**right, "ending": "open"})).field == "ending"
    assert judge(case, Answer({"because": ""}), partial=True).status == "failed"


def test_a_check_left_out_is_found_by_its_name() -> None:
    result = conform("mistake", "ChallengeUnchecked", options=("--file", "token"))
    assert result.exit_code == 1
    assert "expected a refusal (Token: expected the challenge" in result.stderr
    assert "exactly as by ChallengeUnchecked" in result.stderr


@pytest.mark.parametrize(
    ("program", "problem"),
    [
        (("crash",), "the program ended with exit code 1: out of luck"),
        (("abort",), "the program was ended by signal 6"),
        (("hang",), "the program gave no answer within 2 s"),
        (("closed",), "the program closed its output"),
        (("huge",), "the program wrote more than 1048576 octets"),
        (("endless",), "the program wrote more than 1048576 octets"),
        (("line", "hello"), "not an answer: expected a JSON object, found hello"),
        (("line", ""), "not an answer: expected a JSON object, found nothing"),
        (("line", "[1]"), "not an answer: expected a JSON object, found [1]"),
        (("line", "\\x00\\x1b"), "not an answer: expected a JSON object, found \ufffd\ufffd"),
        (("line", "[" * 100_000), "not an answer: expected a JSON object, found [[["),
        (("line", '{"id": 2, "unsupported": true}'), "not an answer: id: expected 3, found 2"),
        (("line", '{"id": true, "refused": ""}'), "not an answer: id: expected 3, found true"),
        (("line", '{"id": 3}'), "expected one of outputs, refused and unsupported, found none"),
        (("line", '{"id": 3, "outputs": {}, "refused": ""}'), "found outputs and refused"),
        (("line", '{"id": 3, "outputs": []}'), "outputs: expected an object, found []"),
        (("line", '{"id": 3, "unsupported": false}'), "unsupported: expected true, found false"),
        (("line", '{"id": 3, "outputs": {"t3": 1}}'), "t3: expected"),
        (("line", '{"id": 3, "outputs": {}}'), "t3: missing"),
        (("line", '{"id": 3, "refused": "no"}'), 'expected outputs, found a refusal: "no"'),
    ],
)
def test_a_program_that_goes_wrong_once_fails_that_case_alone(
    program: tuple[str, ...], problem: str
) -> None:
    timeout = "2" if program[0] == "hang" else "10"
    result = conform(*program, options=("--file", "control-stream", "--timeout", timeout))
    if program[0] == "line" and "t3" in problem:
        result = conform(*program)
    assert result.exit_code == 1, result.output
    assert problem in result.stderr.splitlines()[0], result.stderr
    assert " tcId 3 " in result.stderr.splitlines()[0]
    assert result.stderr.splitlines()[-1].startswith("1 of "), result.stderr


def test_a_second_line_is_taken_for_the_next_answer_and_refused() -> None:
    line = json.dumps({"id": 3, "refused": "no"}) + "\\n" + "more"
    result = conform("line", line)
    assert "tcId 4 " in result.stderr
    assert "expected a JSON object, found more" in result.stderr


def test_a_child_that_keeps_the_pipes_open_is_killed(tmp_path: Path) -> None:
    result = conform("child", str(tmp_path / "pid"), options=("--file", KEYS, "--timeout", "1"))
    assert result.exit_code == 1
    pid = int((tmp_path / "pid").read_text(encoding="utf-8"))
    deadline = time.monotonic() + 120  # it would run for ten minutes
    while _runs(pid) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not _runs(pid)


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
        state = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(") ")[2][:1]
    except OSError:
        return False
    return state != "Z"


@pytest.mark.parametrize(
    ("program", "problem"),
    [
        (("deaf",), "the program gave no answer within 0.1 s"),
        (("exit", "no such module"), "ended with exit code 1: no such module"),
    ],
)
def test_a_program_that_never_answers_is_given_up(program: tuple[str, ...], problem: str) -> None:
    result = conform(
        *program, options=("--file", KEYS, "--timeout", "0.1" if "deaf" in program else "10")
    )
    assert result.exit_code == 1
    assert problem in result.stderr
    assert "not asked: no answer to the 10 questions before" in result.stderr
    assert f"{len(KEY_CASES)} of {len(KEY_CASES)} cases fail" in result.stderr


def test_a_question_larger_than_the_pipe_is_not_waited_for(tmp_path: Path) -> None:
    content = stored(FILES["control-stream"])
    content["testGroups"][0]["tests"][0]["segments"][0]["text"] = "00" * 2**17
    (tmp_path / "control-stream.json").write_text(json.dumps(content), encoding="utf-8")
    options = ("--file", "control-stream", "--timeout", "0.1", "--vectors", tmp_path)
    result = conform("deaf", options=options)
    assert "the program did not read the question within 0.1 s" in result.stderr


def test_noise_on_standard_error_does_not_matter() -> None:
    assert conform("noisy").exit_code == 0


def test_unsupported_cases_are_counted_and_do_not_fail() -> None:
    result, passed = conform("unsupported", "SidLayout"), len(LAYOUTS)
    assert result.exit_code == 0
    assert result.output.splitlines()[-3].split() == [
        "total",
        str(passed),
        "0",
        str(len(KEY_CASES) - passed),
        "0",
    ]


def test_a_program_that_supports_nothing_does_not_pass() -> None:
    result = conform("unsupported", "Nothing")
    assert result.exit_code == 8
    assert "supports no case" in result.stderr


def test_the_last_output_suffices_with_partial_alone() -> None:
    assert conform("last").exit_code == 1
    assert conform("last", options=("--file", KEYS, "--partial")).exit_code == 0


def test_partial_asks_for_one_output() -> None:
    found = judge(first(KEYS), Answer(outputs={"T3": ""}), partial=True)
    names = "t3, t4FirstBlock, t4SecondBlockInput, t4"
    assert found.problem == f"expected at least one of {names}, found none"


def test_acceptable_cases_pass_if_refused_or_equal_alone() -> None:
    item = next(case for case in committed_cases(FILES["token"]) if case.result == "acceptable")
    right = item.outputs
    assert judge(item, Answer(refused="no")).status == "passed"
    assert judge(item, Answer(outputs=right)).status == "passed"
    assert judge(item, Answer(outputs={**right, "token": "00"})).status == "failed"


def test_differences_within_lists_and_records_are_located() -> None:
    item = first("control-stream")
    right = item.outputs
    hmac = right["hmacs"][0]
    wrong = {**right, "hmacs": [hmac[:-2] + f"{int(hmac[-2:], 16) ^ 1:02x}", *right["hmacs"][1:]]}
    found = judge(item, Answer(outputs=wrong))
    assert (found.field, found.offset) == ("hmacs", 15)
    assert found.problem.startswith("hmacs[0]: from octet 15 ")
    found = judge(item, Answer(outputs={**right, "hmacs": []}))
    assert "items, found 0" in found.problem
    item = first("messages")
    right = item.outputs
    fields = {**right["fields"], "count": True}
    found = judge(item, Answer(outputs={**right, "fields": fields}))
    assert found.problem == "fields.count: expected 1024, found true"


def test_json_and_junit_tell_the_same(tmp_path: Path) -> None:
    paths = (tmp_path / "new" / "run.json", tmp_path / "run.xml")
    options = ("--file", KEYS, "--json", paths[0], "--junit", paths[1])
    conform("mistake", "T4InEcb", options=options)
    found = json.loads(paths[0].read_text(encoding="utf-8"))
    failed = [case for case in found["cases"] if case["status"] == "failed"]
    assert found["failed"] == len(failed) > 0
    assert failed[0]["mistakes"] == ["T4InEcb"]
    assert failed[0]["field"] in ("t4SecondBlockInput", "t4")
    root = parsed(paths[1])
    assert root.attrib["failures"] == str(len(failed))
    assert len(root.findall(".//failure")) == len(failed)
    assert len(root.findall(".//testcase")) == len(found["cases"]) == len(KEY_CASES)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["new", "run.xml"]


def test_junit_marks_unsupported_cases_and_survives_control_characters(tmp_path: Path) -> None:
    path = tmp_path / "run.xml"
    answer = json.dumps({"id": 1, "refused": "\0\x1b\ud800"})
    result = conform("reply", answer, options=("--file", KEYS, "--junit", path))
    assert result.exit_code == 1
    assert parsed(path).attrib["failures"] != "0"
    conform("unsupported", "SidLayout", options=("--file", KEYS, "--junit", path))
    assert len(parsed(path).findall(".//skipped")) == len(KEY_CASES) - len(LAYOUTS)


def test_what_cannot_be_used_is_one_line_and_its_own_exit_code(tmp_path: Path) -> None:
    program = ("--", str(tmp_path / "none"))
    for options, code, said in (
        ((), 6, "none: cannot be started: No such file"),
        (("--vectors", str(tmp_path / "x")), 3, "no such file"),
        (("--vectors", str(tmp_path), "--file", "token"), 3, "cannot be read"),
        (("--file", "tokens"), 2, "tokens"),
        (("--timeout", "0"), 2, "timeout"),
    ):
        arguments = ["conform", "--vectors", str(VECTORS), *options, *program]
        result = CliRunner().invoke(main, arguments)
        assert result.exit_code == code, result.output
        assert said in result.stderr.splitlines()[-1]
    (tmp_path / "file").write_text("", encoding="utf-8")
    result = conform("right", options=("--file", KEYS, "--json", tmp_path / "file" / "x.json"))
    assert result.exit_code == 3
    assert "cannot be written" in result.stderr


def test_a_lone_surrogate_is_asked_in_ascii() -> None:
    item = first("token")
    odd = replace(item, test={**item.test, "passphrase": "\ud800"})
    assert b'"\\ud800"' in question(odd, 1)


def by_reference(group_type: str, parameters: Json, inputs: Json) -> Json:
    if group_type == "OneWayTestSessionKeys":
        raise NotImplementedError
    found = TYPES[group_type].evaluate(parameters, inputs)
    if found.outputs is None:
        raise Refused(found.reason)
    return found.outputs


test_vectors_by_pytest = conformance(by_reference, KEYS)


def test_pytest_takes_files_of_a_directory() -> None:
    test: Any = conformance(by_reference, "token", vectors=VECTORS)
    [mark] = test.pytestmark
    assert mark.args[1] == committed_cases(FILES["token"])


def test_pytest_names_the_difference() -> None:
    with pytest.raises(
        pytest.fail.Exception,
        match="t3: from octet 0 expected 9d3d4dcf",
    ):
        check_case(first(KEYS), lambda *_: {"t3": bytes(16)})
    with pytest.raises(pytest.fail.Exception, match=r't3: expected .* found "None"'):
        check_case(first(KEYS), lambda *_: {"t3": None})
    with pytest.raises(pytest.skip.Exception):
        check_case(LAYOUTS[0], lambda *_: (_ for _ in ()).throw(NotImplementedError()))

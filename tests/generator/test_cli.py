"""The command `owamp-vectors`, as its users run it."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from owamp_vectors import disk
from owamp_vectors.catalogue import FILES
from owamp_vectors.commands.cli import main
from owamp_vectors.disk import MANIFEST, digest
from owamp_vectors.vectors.declaration import Json
from owamp_vectors.vectors.stored import stored_cases

from ..support import VECTORS, committed_cases


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def refused(result: Result, code: int) -> str:
    """The one line of an error; fails on a traceback or another exit code."""
    assert result.exit_code == code, result.output
    assert not result.exception or isinstance(result.exception, SystemExit)
    assert "Traceback" not in result.output
    lines = result.stderr.strip().splitlines()
    if code == 3:
        assert len(lines) == 1
    return lines[-1]


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A copy of token.json to spoil."""
    return Path(shutil.copy(VECTORS / "token.json", tmp_path))


def edit(path: Path, change: object) -> None:
    content = json.loads(path.read_text(encoding="utf-8"))
    assert callable(change)
    change(content)
    path.write_text(disk.to_text(content), encoding="utf-8")


def first_test(content: Json) -> Json:
    test: Json = content["testGroups"][0]["tests"][0]
    return test


def test_generate_writes_all_files_and_says_what_it_made(tmp_path: Path) -> None:
    result = run("generate", "--output", tmp_path / "new" / "vectors")
    assert result.exit_code == 0, result.output
    for name, file in FILES.items():
        made = tmp_path / "new" / "vectors" / f"{name}.json"
        assert made.read_bytes() == (VECTORS / f"{name}.json").read_bytes()
        assert (made.parent / "schema" / file.schema_name).exists()
        assert f"{name}.json" in result.output
        assert disk.digest(made.read_text(encoding="utf-8"))[:16] in result.output
    assert len(result.output.splitlines()) < 24, "one screen"


def test_generate_makes_named_files_alone(tmp_path: Path) -> None:
    result = run("generate", "token", "-o", tmp_path)
    assert result.exit_code == 0
    assert [path.name for path in tmp_path.glob("*.json")] == ["token.json"]


def test_generate_leaves_no_temporary_files(tmp_path: Path) -> None:
    run("generate", "token", "-o", tmp_path)
    run("generate", "token", "-o", tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == [MANIFEST, "schema", "token.json"]


def test_generate_refuses_an_unknown_name(tmp_path: Path) -> None:
    line = refused(run("generate", "tokens", "-o", tmp_path / "x"), 2)
    assert "tokens" in line
    assert "token" in line
    assert not (tmp_path / "x").exists()


def test_generate_into_an_unwritable_place_is_one_clear_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    line = refused(run("generate", "token", "-o", tmp_path / "file" / "below"), 3)
    assert "cannot be written" in line


def test_a_failed_write_leaves_the_old_file_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "token.json"
    target.write_text("old", encoding="utf-8")
    listed = f"# Written by owamp-vectors generate\n{digest('old')}  token.json\n"
    (tmp_path / MANIFEST).write_text(listed, encoding="utf-8")

    def fail(self: Path, other: Path) -> Path:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", fail)
    line = refused(run("generate", "token", "-o", tmp_path), 3)
    assert "No space left" in line
    assert target.read_text(encoding="utf-8") == "old"
    assert sorted(path.name for path in tmp_path.iterdir()) == [MANIFEST, "token.json"]


def test_verify_recomputes_the_committed_vectors() -> None:
    result = run("verify", VECTORS)
    assert result.exit_code == 0, result.output
    assert "all agree" in result.output


def test_verify_says_which_value_differs_and_where(copy: Path) -> None:
    def change(content: Json) -> None:
        test = first_test(content)
        test["token"] = test["token"][:20] + "0000" + test["token"][24:]

    edit(copy, change)
    result = run("verify", copy)
    assert result.exit_code == 1
    assert "token tcId 1 " in result.stderr
    assert "token: file has 64 octets, from offset 10: 0000" in result.stderr


REFUSAL = {
    "reason": "why",
    "source": "RFC 4656 §3.1",
    "requirement": "MUST",
    "refused": True,
    "stage": "policy",
}


@pytest.mark.parametrize(
    ("find", "change", "said"),
    [
        ("invalid", {"reason": "because"}, "reason"),
        ("valid", {"result": "acceptable", "reason": "why", "alternatives": [REFUSAL]}, None),
        ("invalid", {"stage": "HMAC"}, "stage: file has HMAC, reference computes text"),
    ],
)
def test_verify_compares_verdicts(copy: Path, find: str, change: Json, said: str | None) -> None:
    def spoil(content: Json) -> None:
        cases = stored_cases(FILES["token"], content)
        next(case for case in cases if case.result == find).test.update(change)

    edit(copy, spoil)
    result = run("verify", copy)
    assert result.exit_code == (1 if said else 0)
    assert said is None or said in result.stderr


def test_verify_catches_a_valid_case_marked_invalid(copy: Path) -> None:
    def spoil(content: Json) -> None:
        test = first_test(content)
        for output in ("sharedSecret", "tokenKey", "plaintext", "token"):
            del test[output]
        test.update(result="invalid", reason="it is not", stage="input")

    edit(copy, spoil)
    result = run("verify", copy)
    assert result.exit_code == 1
    assert "file has invalid, reference computes valid" in result.stderr


def test_verify_catches_an_invalid_case_marked_valid(copy: Path) -> None:
    def spoil(content: Json) -> None:
        group = content["testGroups"][0]
        test = next(test for test in group["tests"] if test["result"] == "invalid")
        outputs = {name: first_test(content)[name] for name in ("sharedSecret", "tokenKey")}
        outputs |= {name: first_test(content)[name] for name in ("plaintext", "token")}
        test.update(outputs, result="valid")
        del test["reason"], test["stage"]

    edit(copy, spoil)
    result = run("verify", copy)
    assert result.exit_code == 1
    assert "file has valid, reference computes invalid" in result.stderr


def test_verify_of_a_path_that_does_not_exist(tmp_path: Path) -> None:
    assert "no such file" in refused(run("verify", tmp_path / "none.json"), 3)


def test_verify_of_a_directory_without_vectors(tmp_path: Path) -> None:
    assert "found none" in refused(run("verify", tmp_path), 3)


@pytest.mark.parametrize(
    ("octets", "said"),
    [
        (b"", "not JSON"),
        (b"{", "not JSON"),
        (b'{"a": 1,}', "line 1, column"),
        (b"[]", "expected a JSON object, found list"),
        (b"{}", "schema: expected one of"),
        (b'{"schema": ["token.schema.json"]}', "schema: expected one of"),
        (b'{"schema": "token.schema.json"}', "does not fit token.schema.json"),
        (b'{"schema": 1, "schema": 2}', 'has the member "schema" twice'),
        (b"\xff\xfe", "not UTF-8"),
        (b"[" * 100_000, "not usable as JSON"),
        (b'{"schema": "token.schema.json", "schemaVersion": 3}', "expected at most 2, found 3"),
    ],
)
def test_verify_of_a_malformed_file_is_one_clear_line(
    tmp_path: Path, octets: bytes, said: str
) -> None:
    path = tmp_path / "vectors.json"
    path.write_bytes(octets)
    line = refused(run("verify", path), 3)
    assert said in line
    assert str(path) in line


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda content: content.update(numberOfTests=1), "numberOfTests"),
        (lambda content: first_test(content).update(tcId=7), "tcId"),
        (lambda content: first_test(content).update(flags=["Unheard"]), "Unheard"),
        (lambda content: first_test(content).update(salt="0"), "salt"),
        (lambda content: first_test(content).update(salt="AB" * 16), "salt: expected pattern"),
        (lambda content: first_test(content).update(salt="00" * 16 + "\n"), "salt: expected"),
        (lambda content: first_test(content).update(salt=1), "salt: expected a string, found 1"),
        (lambda content: first_test(content).update(extra=1), "tests[0].extra: unknown key"),
        (lambda content: first_test(content).pop("salt"), "tests[0].salt: is missing"),
        (lambda content: first_test(content).update(tcId=0), "tcId: expected 1 or more, found 0"),
        (lambda content: first_test(content).update(result="fine"), "expected one of valid, inv"),
        (lambda content: content.update(license="MIT"), "license: expected CC0-1.0, found 'MIT'"),
        (
            lambda content: first_test(content).update(result="invalid", reason="no", stage="HMAC"),
            ": expected nothing, found",
        ),
        (
            lambda content: first_test(content).update(stage="HMAC"),
            "tests[0].stage: expected nothing, found",
        ),
        (lambda content: content["testGroups"][0].update(type="Other"), "type"),
    ],
)
def test_verify_of_an_inconsistent_file_names_the_field(
    copy: Path, change: object, said: str
) -> None:
    edit(copy, change)
    assert said in refused(run("verify", copy), 3)


def test_verify_refuses_another_schema_beside_the_file(copy: Path) -> None:
    schema = copy.parent / "schema" / "token.schema.json"
    schema.parent.mkdir()
    schema.write_text("{}", encoding="utf-8")
    assert str(schema) in refused(run("verify", copy), 3)


@pytest.mark.parametrize("name", FILES)
def test_show_lays_out_a_case_of_each_type_and_result(name: str) -> None:
    kinds = {(case.type.name, case.result): case for case in committed_cases(FILES[name])}
    for case in kinds.values():
        result = run("show", name, str(case.tc_id), "--vectors", VECTORS)
        assert result.exit_code == 0, result.output
        assert case.comment in result.output
        assert case.source in result.output
        assert (case.reason or "") in result.output


def test_show_prints_octets_with_their_offsets() -> None:
    content = json.loads((VECTORS / "token.json").read_text(encoding="utf-8"))
    test = first_test(content)
    output = run("show", "token", "1", "--vectors", VECTORS).output
    salt = bytes.fromhex(test["salt"]).hex(" ", 4)
    assert f"    0  {salt}" in output
    assert "tokenKey = PBKDF2-HMAC-SHA1(sharedSecret, salt, count, 16 octets): 16 octets" in output
    t1 = bytes.fromhex(test["t1"]).hex(" ", 4)
    assert f"   16   16  AES Session-key (T1)   {t1}" in output


def test_show_of_a_trace_leaves_out_what_is_not_there_and_keeps_what_is_zero() -> None:
    zeros = 0
    for test in (case.test for case in committed_cases(FILES["traces"])):
        output = run("show", "traces", str(test["tcId"]), "--vectors", VECTORS).output
        assert ": 0 octets\n" not in output
        assert ": ''\n" not in output
        ends = [item for item in test["sessions"] if item["role"] != "Session-Receiver"]
        first = [item["firstSequenceNumber"] for item in ends]
        found = re.findall(r"^ +firstSequenceNumber: (\d+)$", output, re.M)
        assert found == [str(number) for number in first]
        zeros += first.count(0)
        taken = [
            result["taken"]
            for result in test.get("results", ())
            if not any(result[name] for name in ("sent", "sid", "skD", "keymat", "sharedSecret"))
        ]
        assert re.findall(r"^ +taken: (\d+)$", output, re.M) == [str(number) for number in taken]
        ports = [str(server["port"]) for server in test["servers"] if server["sid"]]
        assert re.findall(r"^ +port: (\d+)$", output, re.M) == ports
        for record in (record for kind in ("steps", "results") for record in test.get(kind, ())):
            for name, value in record.items():
                said = f"{name}: {value!r}" if name in ("participant", "rule") else f"{name}: "
                assert not value or said in output
    assert zeros > 0, "the reflector's first packet has the number 0"


def test_show_of_a_number_that_is_not_there() -> None:
    line = refused(run("show", "token", "99999", "--vectors", VECTORS), 2)
    assert "found 99999" in line


def test_show_without_the_file(tmp_path: Path) -> None:
    line = refused(run("show", "token", "1", "--vectors", tmp_path), 3)
    assert "token.json" in line


def test_list_names_files_types_and_flags() -> None:
    output = run("list").output
    for file in FILES.values():
        assert file.name in output
        assert all(group_type.name in output for group_type in file.types)
    assert "TokenForgery" in run("list", "--flags").output


@pytest.mark.parametrize("command", ["generate", "verify", "show", "list"])
def test_help_has_examples_and_exit_codes(command: str) -> None:
    output = run(command, "--help").output
    assert "Examples:" in output
    assert "Exit codes:" in output

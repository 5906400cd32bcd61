"""The committed vectors: reproducible, described by their schemas, aimed at something."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable

import jsonschema
import pytest
from owamp_reference.errors import Stage
from owamp_vectors import disk, mistakes
from owamp_vectors.catalogue import FILES
from owamp_vectors.vectors.declaration import Json, VectorFile
from owamp_vectors.vectors.drbg import Drbg
from owamp_vectors.vectors.schema import file_schema
from owamp_vectors.vectors.stored import by_group, stored_cases

from ..support import VECTORS, committed_cases, stored

all_files = pytest.mark.parametrize("file", FILES.values(), ids=FILES)


@all_files
def test_regenerating_gives_the_committed_file_to_the_octet(file: VectorFile) -> None:
    made = disk.to_text(file.build(mistakes.NOTES))
    assert made.encode() == (VECTORS / f"{file.name}.json").read_bytes()


@all_files
def test_regenerating_gives_the_committed_schema_to_the_octet(file: VectorFile) -> None:
    made = disk.to_text(file_schema(file))
    assert made.encode() == (VECTORS / "schema" / file.schema_name).read_bytes()


def test_vectors_directory_holds_the_generated_files_and_no_others() -> None:
    assert {path.stem for path in VECTORS.glob("*.json")} == {*FILES, "package"}
    schemas = {path.name for path in (VECTORS / "schema").iterdir()}
    assert schemas == {file.schema_name for file in FILES.values()}


@all_files
def test_schema_is_valid_and_accepts_the_file(file: VectorFile) -> None:
    schema = json.loads((VECTORS / "schema" / file.schema_name).read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.Draft202012Validator(schema).validate(stored(file))


@all_files
@pytest.mark.parametrize(
    "spoil",
    [
        pytest.param(lambda test: test.pop("source"), id="source missing"),
        pytest.param(lambda test: test.pop("comment"), id="comment missing"),
        pytest.param(lambda test: test.update(result="fine"), id="unknown result"),
        pytest.param(lambda test: test.update(extra=1), id="unknown key"),
        pytest.param(lambda test: test.update(tcId="1"), id="tcId a string"),
    ],
)
def test_schema_refuses_a_spoiled_case(file: VectorFile, spoil: object) -> None:
    content = stored(file)
    assert callable(spoil)
    spoil(next(stored_cases(file, content)).test)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.Draft202012Validator(file_schema(file)).validate(content)


def _is_refused(content: Json, file: VectorFile) -> bool:
    return not jsonschema.Draft202012Validator(file_schema(file)).is_valid(content)


@pytest.mark.parametrize(
    "spoil",
    [
        pytest.param(lambda fields: fields.update(extra=1), id="unknown name"),
        pytest.param(lambda fields: fields.pop(next(iter(fields))), id="name missing"),
        pytest.param(lambda fields: fields.update(sid="00"), id="too few octets"),
    ],
)
@pytest.mark.parametrize("message", ["Request-Session", "Accept-Session"])
def test_schema_knows_the_names_and_sizes_inside_fields(
    message: str, spoil: Callable[[Json], object]
) -> None:
    content = stored(FILES["messages"])
    group = next(item for item in content["testGroups"] if item.get("message") == message)
    spoil(group["tests"][0]["fields"])
    assert _is_refused(content, FILES["messages"])


@pytest.mark.parametrize("name", ["t1", "tokenKey"])
def test_schema_knows_the_sizes_of_valid_cases(name: str) -> None:
    content = stored(FILES["token"])
    test = content["testGroups"][0]["tests"][0]
    assert (test["result"], len(test[name])) == ("valid", 32)
    test[name] += "00"
    assert _is_refused(content, FILES["token"])


@all_files
def test_cases_are_numbered_and_say_where_they_come_from(file: VectorFile) -> None:
    content = stored(file)
    cases = list(stored_cases(file, content))
    assert [case.tc_id for case in cases] == list(range(1, content["numberOfTests"] + 1))
    for case in cases:
        assert case.comment
        assert case.source
        assert set(case.flags) <= set(content["notes"])
        assert (case.result == "valid") == (case.reason is None)


@all_files
def test_every_refusal_says_where(file: VectorFile) -> None:
    for case in committed_cases(file):
        refusals = [item for item in case.alternatives if "refused" in item]
        assert (case.result == "invalid") == (case.stage is not None)
        assert all(item["stage"] in list(Stage) for item in refusals), case.title


def test_each_outcome_rests_on_what_is_said_of_it() -> None:
    """RFC 4656 §4.1.2: a packet with Multiplier 0 SHOULD be discarded, and a case shows both."""
    cases = [
        case
        for case in committed_cases(FILES["test-packets"])
        if case.result == "acceptable" and case.comment.startswith("Multiplier 0 in")
    ]
    assert cases
    for case in cases:
        (refusal,) = (item for item in case.alternatives if "refused" in item)
        assert (case.requirement, refusal["requirement"]) == ("POLICY", "SHOULD"), case.title


@all_files
def test_inputs_of_a_type_are_not_repeated_under_one_comment(file: VectorFile) -> None:
    for cases in by_group(committed_cases(file)):
        comments = [case.comment for case in cases]
        assert len(set(comments)) == len(comments)


@all_files
def test_octet_strings_are_lower_case_hex(file: VectorFile) -> None:
    text = (VECTORS / f"{file.name}.json").read_text(encoding="utf-8")
    values = re.findall(r'": "([0-9A-Fa-f]{16,})"', text)
    assert values
    assert all(value == value.lower() for value in values)


@all_files
def test_every_declared_type_has_cases(file: VectorFile) -> None:
    assert {case.type.name for case in committed_cases(file)} == {item.name for item in file.types}


def test_random_inputs_come_from_the_named_source() -> None:
    """The recipe in the file's own words: SHAKE256(seed, 00, label), label from the case."""
    content = stored(FILES["token"])
    assert content["drbg"]["name"] == "SHAKE256"
    comment = "honest Token, number 1"
    case = next(case.test for case in committed_cases(FILES["token"]) if case.comment == comment)
    label = f"token/TokenOpen/{comment}"
    for name in ("salt", "challenge"):
        assert Drbg(label, content["drbg"]["seed"]).octets(name, 16).hex() == case[name]


def test_drbg_is_shake256_of_seed_zero_label() -> None:
    """SHAKE256 by another library, so that the recipe does not vouch for itself."""
    expected = hashlib.shake_256(b"seed\0a/b/name").digest(40)
    assert Drbg("a", "seed").at("b").octets("name", 40) == expected
    assert Drbg("a/b", "seed").octets("name", 40) == expected

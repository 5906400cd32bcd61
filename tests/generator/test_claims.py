"""Claims: what is refused, what the table says, what makes it fail."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import jsonschema
import pytest
from owamp_vectors.claims import declared as claims
from owamp_vectors.claims import table as claims_table
from owamp_vectors.claims.ledger import VERDICTS, Ledger
from owamp_vectors.claims.statements import load_statements
from owamp_vectors.disk import FileError
from owamp_vectors.json_schema import package_schema

from ..support import VECTORS
from .test_cli import refused, run

ROOT = VECTORS.parent
FIXTURE = ROOT / "tests" / "models"
SMALL = """
[[claim]]
id = "can-end"
statement = "A handshake can come to its end."
source = "RFC 4656"
model = "small"
lemma = "can_end"
expected = "verified"
kind = "sanity"

[[claim]]
id = "secret"
statement = "T1 stays secret."
source = "RFC 4656"
model = "small"
lemma = "t1_is_secret"
expected = "verified"
premise = "can-end"
"""


@pytest.fixture
def models(tmp_path: Path) -> Path:
    """A copy of the small models with their proofs, to spoil."""
    return Path(shutil.copytree(FIXTURE, tmp_path / "models"))


def project_rows(loaded: claims.Claims) -> list[claims_table.ClaimRow]:
    """The claims of this project, those of other provers last."""
    ledger = Ledger.load(ROOT / "models" / "proofs")
    return [
        *claims_table.claim_rows(loaded, ledger),
        *claims_table.further_rows(loaded, ledger),
    ]


def written(models: Path, text: str) -> claims.Claims:
    (models / "claims.toml").write_text(text, encoding="utf-8")
    return claims.load(models, VECTORS)


def test_claims_are_loaded() -> None:
    loaded = claims.load(FIXTURE, VECTORS)
    by_id = {claim.id: claim for claim in loaded.claims}
    leak = by_id["t1-is-secret-leak"]
    assert str(leak.job) == "small+LEAK/t1_is_secret"
    assert leak.expected == "falsified"
    assert by_id["pairs-look-alike"].search == "DFS"
    assert by_id["can-end"].kind == "sanity"
    assert loaded.quantifier(by_id["can-end"].job) == "exists-trace"
    assert loaded.quantifier(by_id["hashes-look-alike"].job) == "diff"
    assert list(loaded.unclaimed()) == []


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('id = "secret"', 'id = "can-end"', "claim can-end, id: is there twice"),
        ('id = "secret"', 'id = "Secret"', "claim Secret, id: expected kebab-case"),
        ('id = "secret"', "", "claim 2, id: is missing"),
        ('id = "secret"', 'id = """secret\n"""', "id: expected kebab-case, found 'secret\\n'"),
        ('statement = "T1 stays secret."', "statement = 1", "claim secret, statement: expected"),
        ('statement = "T1 stays secret."', 'statement = " "', "expected a non-empty string"),
        ('lemma = "t1_is_secret"', 'lemma = "t1"', "claim secret, lemma: "),
        ('lemma = "t1_is_secret"', 'lemma = "can_end"', "is already that of claim can-end"),
        ('lemma = "t1_is_secret"', 'lemma = "Observational_equivalence"', "go together"),
        ('premise = "can-end"', "diff = true", "go together"),
        ('premise = "can-end"', "", "claim secret, premise: is missing"),
        ('premise = "can-end"', 'premise = "x"', "claim secret, premise: no claim x"),
        (
            'premise = "can-end"',
            'premise = "secret"',
            "premise: secret is not an exists-trace lemma",
        ),
        ('premise = "can-end"', 'premise = "can-end"\nflags = ["LEAK"]', "can-end has flags []"),
        (
            'premise = "can-end"',
            'premise = "can-end"\nflags = "LEAK"',
            "flags: expected names of flags, none twice, found 'LEAK'",
        ),
        (
            'premise = "can-end"',
            'premise = "can-end"\nflags = ["A", "A"]',
            'none twice, found ["A", "A"]',
        ),
        (
            'premise = "can-end"',
            'premise = "can-end"\nflags = ["a b"]',
            "flags[0]: expected the name of a flag, found 'a b'",
        ),
        ('premise = "can-end"', 'premise = "can-end"\nflag = []', "secret, flag: unknown key"),
        ('premise = "can-end"', 'premise = "can-end"\nsearch = "BFS"', "search: expected "),
        ('premise = "can-end"', 'premise = "can-end"\nvectors = ["x"]', "expected file:Flag"),
        ('premise = "can-end"', 'premise = "can-end"\nvectors = ["no:X"]', "no such file"),
        (
            'premise = "can-end"',
            'premise = "can-end"\nvectors = ["token:X"]',
            "no flag and no type",
        ),
        (
            'premise = "can-end"',
            'premise = "can-end"\ndiff = "yes"',
            "diff: expected true or false",
        ),
        ('kind = "sanity"', 'kind = "insane"', "kind: expected one of claim, sanity"),
        ('expected = "verified"\nkind', 'expected = "true"\nkind', "claim can-end, expected: "),
        ('expected = "verified"\nkind', 'expected = "falsified"\nkind', "is expected falsified"),
        ('model = "small"', 'model = "large"', "claim can-end, model: "),
        ('model = "small"', 'model = "../small"', "expected the name of a model"),
        ("[[claim]]", "[claim]", "not TOML"),
        ("[[claim]]", "x = 1\n[[claim]]", "x: unknown key"),
    ],
)
def test_what_is_refused(models: Path, old: str, new: str, message: str) -> None:
    assert old in SMALL
    text = SMALL.replace(old, new, 1)
    (models / "claims.toml").write_text(text, encoding="utf-8")
    line = refused(run("claims", "--models", models), 3)
    assert message in line


LEAK = """
[[claim]]
id = "secret-leak"
statement = "T1 stays secret although the passphrase leaks."
source = "RFC 4656"
model = "small"
flags = ["LEAK"]
lemma = "t1_is_secret"
expected = "falsified"
kind = "control"
control = "secret"
"""


def test_a_control_is_the_same_lemma_with_the_opposite_verdict(models: Path) -> None:
    both = SMALL + 'control = "secret-leak"\n' + LEAK
    by_id = {claim.id: claim for claim in written(models, both).claims}
    assert by_id["secret"].control == "secret-leak"
    assert by_id["secret-leak"].control == "secret"
    assert by_id["secret-leak"].kind == "control"


@pytest.mark.parametrize(
    ("control", "note", "message"),
    [
        ("x", "", "claim secret-leak, control: no claim x"),
        ("secret-leak", "", "expected the opposite of falsified, found secret-leak"),
        ("can-end", "", "expected the lemma t1_is_secret, or a note that says why, found can_end"),
        ("can-end", "That it can end has no lemma of this name.", ""),
    ],
)
def test_what_is_no_control_is_refused(models: Path, control: str, note: str, message: str) -> None:
    leak = LEAK.replace('control = "secret"', f'control = "{control}"\nnote = "{note}"')
    if not message:
        assert written(models, SMALL + leak).claims[-1].control == control
        return
    with pytest.raises(FileError) as error:
        written(models, SMALL + leak)
    assert message in str(error.value)


@pytest.mark.parametrize("text", ["", "claim = []", "claim = 1", "claim = [1]"])
def test_no_claims_are_refused(models: Path, text: str) -> None:
    with pytest.raises(FileError, match=r"claim.*(is missing|expected an? (array|table))"):
        written(models, text)


def test_a_broken_model_is_the_claims_error(models: Path) -> None:
    (models / "small.spthy").write_text("theory S begin #endif end", encoding="utf-8")
    line = refused(run("claims", "--models", models), 3)
    assert "claim can-end, model: " in line
    assert "#endif without #ifdef" in line


def test_recorded_claims_stand_without_a_prover(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    result = run("claims", "--models", FIXTURE)
    assert result.exit_code == 0, result.output
    lines = result.stdout.splitlines()
    assert lines[0].split() == ["claim", "expected", "tamarin", "others", "evidence"]
    assert "falsified (with trace)" in lines[5]
    assert "proofs/small+LEAK/t1_is_secret" in lines[5]


def test_stale_missing_and_unexpected_are_named(models: Path) -> None:
    text = (models / "claims.toml").read_text(encoding="utf-8")
    last = text.rindex("falsified")
    text = text[:last] + "verified" + text[last + len("falsified") :]
    (models / "claims.toml").write_text(text, encoding="utf-8")
    path = models / "small.spthy"
    path.write_text(
        path.read_text(encoding="utf-8").replace("Reveal($C, $S)", "Reveal($S, $C)"),
        encoding="utf-8",
    )
    (models / "proofs" / "small" / "can_end.json").unlink()
    ledger = models / "proofs" / "ledger.json"
    content = json.loads(ledger.read_text(encoding="utf-8"))
    content["entries"] = [e for e in content["entries"] if e["lemma"] != "accepted_was_sent"]
    [secret] = [e for e in content["entries"] if (e["lemma"], e["flags"]) == ("t1_is_secret", [])]
    secret |= {"verdict": "not proved here", "reason": "no result in 1 s"}
    ledger.write_text(json.dumps(content), encoding="utf-8")
    result = run("claims", "--models", models)
    assert result.exit_code == 1
    assert result.stderr.splitlines() == [
        "can-end: missing: small/can_end.json is not beside the ledger",
        "accepted-was-sent: missing: no run of small/accepted_was_sent is recorded",
        "t1-is-secret: not proved here: no result in 1 s",
        "can-end-leak: stale: the model is another than when small+LEAK/can_end was run",
        "t1-is-secret-leak: stale: the model is another than when small+LEAK/t1_is_secret was run",
        "pairs-look-alike: unexpected: expected verified, the prover says falsified",
    ]
    assert "falsified" not in result.stdout.splitlines()[5].split("falsified", 1)[1]
    one = run("claims", "--models", models, "--claim", "hashes-look-alike")
    assert one.exit_code == 0
    assert len(one.stdout.splitlines()) == len(["head", "hashes-look-alike", "summary"])


def test_lemmas_without_a_claim_are_named(models: Path) -> None:
    for name in ("small", "equal"):
        path = models / f"{name}.spthy"
        text = path.read_text(encoding="utf-8")
        text = text.replace("\nend\n", '\nlemma a: "F"\nlemma b [reuse]: "F"\nend\n')
        path.write_text(text, encoding="utf-8")
    result = run("claims", "--models", models)
    assert result.exit_code == 1
    assert [line for line in result.stderr.splitlines() if "no claim" in line] == [
        f"{job}: no claim names this lemma"
        for job in ("equal/b", "equal+OPEN/b", "small/a", "small/b", "small+LEAK/a", "small+LEAK/b")
    ]


def test_json_has_everything() -> None:
    result = run("claims", "--models", FIXTURE, "--format", "json")
    table = {row["id"]: row for row in json.loads(result.stdout)["claims"]}
    row = table["t1-is-secret-leak"]
    assert row["verdict"] == "falsified (with trace)"
    assert row["entry"]["prover"] == "1.11.0"
    assert row["entry"]["command"].startswith("tamarin-prover --prove=t1_is_secret -D=LEAK ")
    assert "proofs/small+LEAK/t1_is_secret.json" in row["files"]


def test_markdown_goes_between_the_markers(models: Path) -> None:
    page = models / "README.md"
    page.write_text("before\n<!-- claims:begin -->\nold\n<!-- claims:end -->\nafter\n")
    result = run("claims", "--models", models, "--write", page)
    assert (result.exit_code, result.output) == (0, "")
    text = page.read_text(encoding="utf-8")
    assert text.startswith("before\n<!-- claims:begin -->\n**The Token**\n\n| claim |")
    assert text.endswith(" |\n<!-- claims:end -->\nafter\n")
    assert "leaks \\| later" in text
    assert "old" not in text
    printed = run("claims", "--models", models, "--format", "markdown").stdout
    assert printed in text
    assert run("claims", "--models", models, "--write", page).exit_code == 0
    assert page.read_text(encoding="utf-8") == text
    page.write_text("no markers", encoding="utf-8")
    line = refused(run("claims", "--models", models, "--write", page), 3)
    assert "<!-- claims:begin -->" in line


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("{", "not JSON"),
        ("[]", "not a ledger"),
        ('{"schemaVersion": 2, "entries": []}', "schemaVersion: expected 1, found 2"),
        ('{"schemaVersion": 1, "entries": [1]}', "entry 1: expected an object, found 1"),
        ('{"schemaVersion": 1, "entries": [{"x": 1}]}', "entry 1, model: is missing"),
        (("lemma", "../x"), "lemma: expected the name of a lemma, found '../x'"),
        (("lemma", "x\n"), "lemma: expected the name of a lemma, found 'x\\n'"),
        (("steps", True), "steps: expected an integer, found true"),
        (("verdict", "proved"), "expected one of verified, falsified, not proved here, found"),
        (("flags", [1]), "flags[0]: expected the name of a flag, found 1"),
        (("extra", 1), "extra: unknown key"),
        (("lemma", "can_end"), "two entries for the same lemma"),
    ],
)
def test_a_ledger_that_is_none_is_refused(models: Path, change: object, message: str) -> None:
    path = models / "proofs" / "ledger.json"
    text = change
    if isinstance(change, tuple):
        content = json.loads(path.read_text(encoding="utf-8"))
        index = [e["model"] for e in content["entries"]].index("small")
        content["entries"][index][change[0]] = change[1]
        text = json.dumps(content)
    path.write_text(str(text), encoding="utf-8")
    assert message in refused(run("claims", "--models", models), 3)


def test_the_schemas_are_schemas_and_know_the_verdicts() -> None:
    schemas = {
        name: package_schema(f"{name}.schema.json") for name in ("claims", "ledger", "statements")
    }
    for schema in schemas.values():
        jsonschema.Draft202012Validator.check_schema(schema)
    entry = schemas["ledger"]["$defs"]["entry"]["properties"]
    assert tuple(entry["verdict"]["enum"]) == VERDICTS


def test_unknown_names_are_wrong_on_the_command_line() -> None:
    for option, value in (("--claim", "x"), ("--model", "x"), ("--lemma", "x")):
        line = refused(run("claims", "--models", FIXTURE, option, value), 2)
        assert f"no {option[2:]} x; there are: " in line
    line = refused(run("claims", "--models", FIXTURE, "--model", "equal", "--claim", "can-end"), 2)
    assert "no claim has this model" in line


def test_the_claims_of_this_project_stand() -> None:
    loaded = claims.load(ROOT / "models", VECTORS)
    assert list(claims_table.problems(loaded, project_rows(loaded))) == []


def test_the_table_of_this_project_is_up_to_date() -> None:
    table = project_rows(claims.load(ROOT / "models", VECTORS))
    page = (ROOT / "models" / "README.md").read_text(encoding="utf-8")
    text = claims_table.claims_markdown(table)
    assert claims_table.replace_between_markers(page, "models/README.md", text) == page


HELPER = claims.Job("rfc4656", (), "t1_stays_secret")


def test_a_proof_that_rests_on_a_lemma_without_a_verdict_is_weak() -> None:
    loaded = claims.load(ROOT / "models", VECTORS)
    ledger = Ledger.load(ROOT / "models" / "proofs")
    assert list(claims_table.problems(loaded, claims_table.claim_rows(loaded, ledger))) == []
    entry = ledger.entries.pop(HELPER)
    weak = "weak: it rests on t1_stays_secret, which "
    for found, words in ((None, "has no current verdict"), ("falsified", "is falsified")):
        if found is not None:
            ledger.entries[HELPER] = replace(entry, verdict=found)
        table = claims_table.claim_rows(loaded, ledger)
        problem = {row.claim.id: row.problem for row in table}
        assert problem["control-keys-secret"] == weak + words
        assert problem["one-way-control-keys-secret"] == ""


def test_a_lemma_that_others_rest_on_is_expected_verified(tmp_path: Path) -> None:
    models = Path(shutil.copytree(ROOT / "models", tmp_path / "models"))
    text = (models / "claims.toml").read_text(encoding="utf-8")
    start = text.index('id = "t1-secret-in-between"')
    changed = text[start:].replace('expected = "verified"', 'expected = "falsified"', 1)
    with pytest.raises(FileError, match="claim t1-secret-in-between, expected: expected verified"):
        written(models, text[:start] + changed)


def test_the_last_line_counts_the_claims(models: Path) -> None:
    expected = [claim.expected for claim in claims.load(models, VECTORS).claims]
    verified, falsified = (expected.count(verdict) for verdict in ("verified", "falsified"))
    total = len(expected)
    last = run("claims", "--models", models).stdout.splitlines()[-1]
    assert last == (
        f"{total} claims: {verified} verified, {falsified} falsified; {total} as expected,"
        f" {total} current; found by tamarin-prover 1.11.0, Maude 3.4"
    )
    shutil.rmtree(models / "proofs")
    last = run("claims", "--models", models).stdout.splitlines()[-1]
    assert last == f"{total} claims: 0 verified, 0 falsified; 0 as expected, 0 current"


STATEMENT = """
[[statement]]
id = "token"
source = "RFC 4656 §3.1"
text = "The Token protects T1."
claims = ["secret"]
vectors = ["token:TokenFromPassphrase"]

[[statement]]
id = "dos"
source = "RFC 4656 §6.5"
text = "A server limits what it gives."
outside = "no model has resources"
"""


def test_statements_are_printed_with_their_verdicts(models: Path) -> None:
    (models / "claims.toml").write_text(SMALL, encoding="utf-8")
    (models / "statements.toml").write_text(STATEMENT, encoding="utf-8")
    result = run("claims", "--statements", "--models", models)
    assert result.exit_code == 0, result.output
    assert result.stdout.splitlines() == [
        "RFC 4656 §3.1, token: The Token protects T1.",
        "    secret: verified",
        "    vectors: token:TokenFromPassphrase",
        "RFC 4656 §6.5, dos: A server limits what it gives.",
        "    outside: no model has resources",
        "2 statements: 1 with claims, 1 with vectors, 1 outside",
    ]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('claims = ["secret"]', 'claims = ["can"]', "statement token, claims: no claim can"),
        ('claims = ["secret"]\n', "", "claim secret is about no statement, and no other says why"),
        ('claims = ["secret"]', "claims = []", "statement 1, claims: expected ids of claims"),
        ("TokenFromPassphrase", "X", "statement token, vectors: token:X: "),
        ('id = "dos"', 'id = "token"', "statement token, id: is there twice"),
        ("outside =", "within =", "statement 2, within: unknown key"),
        ('outside = "no model has resources"', "", "statement dos: expected claims or vectors, or"),
        ("outside =", 'claims = ["secret"]\noutside =', "statement dos: expected claims or"),
        ("[[statement]]", "[statement]", "not TOML"),
        ("", '[[other]]\nclaims = ["x"]\nbecause = "y"\n', "other, claims: no claim x"),
        ("", '[[other]]\nclaims = ["secret"]\nbecause = "y"\n', "secret is about a statement"),
        ("", '[[other]]\nclaims = ["secret"]\n', "other 1, because: is missing"),
    ],
)
def test_statements_that_do_not_fit_are_refused(
    models: Path, old: str, new: str, message: str
) -> None:
    assert old in STATEMENT
    text = STATEMENT.replace(old, new, 1) if old else STATEMENT + new
    (models / "claims.toml").write_text(SMALL, encoding="utf-8")
    (models / "statements.toml").write_text(text, encoding="utf-8")
    assert message in refused(run("claims", "--statements", "--models", models), 3)


def test_each_statement_and_each_claim_of_this_project_is_accounted_for() -> None:
    loaded = claims.load(ROOT / "models", VECTORS)
    assert load_statements(loaded, VECTORS), "each id is checked as they are loaded"

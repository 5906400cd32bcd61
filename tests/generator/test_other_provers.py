"""ProVerif and CryptoVerif: what they are asked, what is recorded, and what they contradict."""

from __future__ import annotations

import json
import re
import shutil
import time
from pathlib import Path

import pytest
from owamp_vectors.claims.declared import CRYPTOVERIF, OTHERS, PROVERIF, Job, load
from owamp_vectors.claims.ledger import Ledger
from owamp_vectors.claims.prover.finding import NoProverError
from owamp_vectors.claims.prover.others import find_other
from owamp_vectors.claims.query_text import read_queries
from owamp_vectors.disk import FileError

from ..fake_provers import FakeOther, install, write_small
from ..support import MODELS, VECTORS
from .test_claims import FIXTURE
from .test_cli import refused, run

ASK = ("--prover", "proverif", "--prover", "cryptoverif")
PROJECT = load(MODELS, VECTORS)
FILES = sorted(path for folder in OTHERS for path in (MODELS / folder).glob("*.[pc]v"))


@pytest.fixture
def models(tmp_path: Path) -> Path:
    """The small models with Tamarin's proofs, and files for the other provers."""
    directory = Path(shutil.copytree(FIXTURE, tmp_path / "models"))
    write_small(directory)
    return directory


@pytest.fixture
def fakes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[FakeOther, FakeOther]:
    """A proverif that agrees with Tamarin on what does not leak, and a cryptoverif."""
    return install(tmp_path / "bin", monkeypatch)


def witnesses(models: Path) -> dict[str, str]:
    found = Ledger.load(models / "proofs").witnesses
    return {str(job): witness.verdict for job, witness in found.items()}


# -------------------------------------------------------------------------------- this project


def why_not(name: str) -> str:
    """Why a prover cannot be run; "" if it can."""
    try:
        find_other(name)
    except NoProverError as error:
        return str(error)
    return ""


MISSING = " ".join(filter(None, map(why_not, (PROVERIF, CRYPTOVERIF))))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_the_head_of_a_file_says_what_it_is_beside(path: Path) -> None:
    head = path.read_text(encoding="utf-8").partition("*)")[0]
    named = re.findall(r"\.\./(\w+\.spthy)", head)
    assert named or "No theory of Tamarin asks this" in head
    for name in named:
        assert (MODELS / name).is_file()


def not_asked(path: Path) -> str:
    """What the head of a file says that it does not ask, and why."""
    head = path.read_text(encoding="utf-8").partition("*)")[0]
    return " ".join(re.findall(r"^(?:No queries|Left out) .*(?:\n .*)*", head, re.M))


@pytest.mark.parametrize(
    "path",
    [path for path in FILES if (MODELS / path.name).with_suffix(".spthy").is_file()],
    ids=lambda path: path.name,
)
def test_the_head_of_a_file_names_each_lemma_that_it_does_not_ask(path: Path) -> None:
    said = set(re.findall(r"\w+", not_asked(path)))
    for claim in PROJECT.claims:
        if claim.job.model == path.stem and PROJECT.mirror(claim) is None:
            is_reuse = PROJECT.theory(claim.job).lemma(claim.job.lemma).relied_on
            named = {claim.job.lemma, *claim.job.flags} & said or (is_reuse and "reuse" in said)
            assert named, f"{claim.id}: no query {claim.job.lemma} in {path.name}, and no reason"


def test_many_claims_have_a_second_verdict_and_none_another() -> None:
    ledger = Ledger.load(MODELS / "proofs")
    pairs = [
        (ledger.entries[claim.job], ledger.witnesses[job])
        for claim in PROJECT.claims
        if (job := PROJECT.mirror(claim)) is not None
    ]
    decided = [(entry, witness) for entry, witness in pairs if witness.decides]
    assert len(decided) >= 60
    assert all(entry.verdict == witness.verdict for entry, witness in decided)


def test_a_query_asks_for_a_run_where_the_lemma_does() -> None:
    for claim in PROJECT.claims:
        job = PROJECT.mirror(claim)
        if job is not None:
            is_run = PROJECT.script(job).query(job.lemma).is_run
            assert is_run == (PROJECT.quantifier(claim.job) == "exists-trace"), job


@pytest.mark.skipif(bool(MISSING), reason=MISSING)
def test_a_run_from_nothing_gives_the_recorded_verdicts(tmp_path: Path) -> None:
    proofs = tmp_path / "proofs"
    shutil.copytree(MODELS / "proofs", proofs)
    path = proofs / "ledger.json"
    content = json.loads(path.read_text(encoding="utf-8"))
    recorded = {str(job): w.verdict for job, w in Ledger.read(path).witnesses.items()}
    del content["witnesses"]
    path.write_text(json.dumps(content), encoding="utf-8")
    result = run("prove", *ASK, "--models", MODELS, "--proofs", proofs, "--jobs", "2")
    assert result.exit_code == 0, result.output
    found = {str(job): w.verdict for job, w in Ledger.read(path).witnesses.items()}
    assert found == recorded


# ------------------------------------------------------------------------------------ queries


def test_a_file_is_read_under_flags(models: Path) -> None:
    path = models / "proverif" / "small.pv"
    plain, leak = read_queries(path), read_queries(path, ["LEAK"])
    assert [query.name for query in plain.queries] == ["can_end", "t1_is_secret"]
    assert plain.queries[0].is_run
    assert not plain.queries[1].is_run
    assert "[private]" in plain.text
    assert "[private]" not in leak.text
    asked = plain.asking(["can_end"])
    assert "attacker" not in asked
    assert "(*" not in asked


def test_a_flag_is_defined_from_where_it_stands(tmp_path: Path) -> None:
    path = tmp_path / "x.pv"
    (tmp_path / "y.pvl").write_text("#ifdef BOTH\nincluded\n#endif\n", encoding="utf-8")
    path.write_text(
        "#ifdef BOTH\nearly\n#endif\n#ifdef A & B\n#define BOTH\n#endif\n"
        '#include "y.pvl"\n#ifdef BOTH\nlate\n#endif\n',
        encoding="utf-8",
    )
    assert read_queries(path, ["A"]).text == ""
    assert read_queries(path, ["A", "B"]).text == "included\nlate\n"


def test_the_digest_is_that_of_the_query_and_the_model(models: Path) -> None:
    path = models / "proverif" / "small.pv"

    def digests() -> list[str]:
        return [read_queries(path).digest(name) for name in ("can_end", "t1_is_secret")]

    text, (can_end, secret) = path.read_text(encoding="utf-8"), digests()
    path.write_text(text.replace("A handshake", "Another comment"), encoding="utf-8")
    assert digests() == [can_end, secret]
    path.write_text(text.replace("attacker(x) ==> false", "attacker(x)"), encoding="utf-8")
    assert digests()[0] == can_end
    assert digests()[1] != secret
    path.write_text(text.replace("event Accepted(t1);", ""), encoding="utf-8")
    assert not {can_end, secret} & set(digests())


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("#ifdef A\n", "x.pv: #ifdef without #endif"),
        ("\n#endif\n", "x.pv, line 2: #endif without #ifdef"),
        ("#ifdef A &\n#endif\n", "x.pv, line 1: expected a flag"),
        ("#ifdef A B\n#endif\n", "x.pv, line 1: expected a formula of flags"),
        ("#define A B\n", "x.pv, line 1: expected #define FLAG, found '#define A B'"),
        ("#define\n", "x.pv, line 1: expected #define FLAG"),
        ("#include y\n", 'x.pv, line 1: expected #include "file"'),
        ('#include "y.pvl"\n', "y.pvl"),
        ("(* lemma a *) query x. (* run a *) query y.", "x.pv: query a is there twice"),
    ],
)
def test_a_file_that_cannot_be_read_is_refused(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "x.pv"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(FileError) as error:
        read_queries(path)
    assert message in str(error.value)


def test_a_file_says_nothing_of_a_theory_under_a_flag_that_it_does_not_know(models: Path) -> None:
    path = models / "proverif" / "small.pv"
    text = path.read_text(encoding="utf-8").replace("#ifdef LEAK", "#ifdef OTHER")
    path.write_text(text, encoding="utf-8")
    loaded = load(models, VECTORS)
    mirrored = {claim.id for claim in loaded.claims if loaded.mirror(claim)}
    assert mirrored == {"can-end", "t1-is-secret"}


def test_a_query_that_is_no_claims_is_named(models: Path) -> None:
    path = models / "proverif" / "small.pv"
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace("lemma t1_is_secret", "lemma t1_was_secret"), encoding="utf-8")
    found = list(load(models, VECTORS).unclaimed())
    assert "proverif/small/t1_was_secret: no claim is about this query" in found


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("computational/keys", "computational/kees", "kees.cv"),
        ("computational/keys", "keys", "model: expected one of proverif/…, computational/…"),
        ("key_is_random", "key_was_random", "no query key_was_random; there are: key_is_random"),
        ('expected = "verified"', 'expected = "proved"', "expected: expected"),
        ('"key-random"', '"can-end"', "id: is there twice"),
        ('lemma = "', 'flags = ["X"]\nlemma = "', "flags: computational/keys.cv has no flag X"),
    ],
)
def test_a_further_claim_that_does_not_fit_is_refused(
    models: Path, old: str, new: str, message: str
) -> None:
    path = models / "further.toml"
    path.write_text(path.read_text(encoding="utf-8").replace(old, new), encoding="utf-8")
    assert message in refused(run("claims", "--models", models), 3)


# ------------------------------------------------------------------------- running, recording


def test_answers_are_recorded_with_their_command(
    models: Path, fakes: tuple[FakeOther, FakeOther]
) -> None:
    fakes[0].tell(Accepted="is false", attacker="is true")
    result = run("prove", *ASK, "--models", models)
    assert "proverif 2.05" in result.stdout
    assert "cryptoverif 2.06" in result.stdout
    assert witnesses(models) == {
        "computational/keys/key_is_random": "verified",
        "proverif/small/can_end": "verified",
        "proverif/small/t1_is_secret": "verified",
        "proverif/small+LEAK/can_end": "verified",
        "proverif/small+LEAK/t1_is_secret": "verified",
    }
    found = Ledger.load(models / "proofs").witnesses
    key = found[Job("computational/keys", (), "key_is_random")]
    assert key.bound == "2 * Pprf(time_1, N + 1)"
    assert found[Job("proverif/small", ("LEAK",), "can_end")].command == (
        "owamp-vectors prove --print-theory proverif/small+LEAK > small+LEAK.pv"
        " && proverif small+LEAK.pv"
    )
    assert sorted(fakes[0].runs) == ["small+LEAK.pv", "small.pv"]
    again = run("prove", *ASK, "--models", models)
    assert "5 of 5 queries have a current answer" in again.stdout
    assert fakes[0].runs == []
    assert (
        Ledger.load(models / "proofs").entries.keys()
        == Ledger.load(FIXTURE / "proofs").entries.keys()
    )


def test_the_printed_text_is_what_the_prover_got(models: Path) -> None:
    printed = run("prove", "--models", models, "--print-theory", "proverif/small+LEAK").stdout
    assert printed.count("query") == 2
    assert "private" not in printed
    one = run("prove", "--models", models, "--print-theory", "computational/keys/key_is_random")
    assert "query secret k." in one.stdout


def test_jobs_of_all_provers_are_listed(models: Path) -> None:
    jobs = json.loads(run("prove", "--models", models, "--list-jobs").stdout)
    runs = [job["run"] for job in jobs]
    assert "owamp-vectors prove --claim t1-is-secret --prover tamarin" in runs
    assert "owamp-vectors prove --claim t1-is-secret --prover proverif" in runs
    assert "owamp-vectors prove --claim key-random --prover cryptoverif" in runs


@pytest.mark.parametrize("option", [(), ("--statements",), ("--claim", "can-end")])
def test_no_option_hides_that_provers_disagree(
    models: Path, fakes: tuple[FakeOther, FakeOther], option: tuple[str, ...]
) -> None:
    fakes[0].tell(Accepted="is false", attacker="is true")  # Tamarin says: falsified with LEAK
    line = (
        "t1-is-secret-leak: contradicted: tamarin-prover says falsified, proverif says verified"
        " (proverif/small+LEAK/t1_is_secret)"
    )
    proved = run("prove", *ASK, "--models", models)
    assert proved.exit_code == 1
    assert line in proved.stderr
    other = run("prove", "--prover", "cryptoverif", "--claim", "key-random", "--models", models)
    assert other.exit_code == 1
    assert line in other.stderr
    (models / "statements.toml").write_text(
        '[[statement]]\nid = "s"\nsource = "x"\ntext = "x"\nclaims = ["can-end", "key-random",'
        ' "accepted-was-sent", "t1-is-secret", "t1-is-secret-leak", "hashes-look-alike",'
        ' "pairs-look-alike"]\n',
        encoding="utf-8",
    )
    shown = run("claims", *option, "--models", models)
    assert shown.exit_code == 1, shown.output
    assert line in shown.stderr


def test_claims_say_which_prover_found_what(
    models: Path, fakes: tuple[FakeOther, FakeOther]
) -> None:
    fakes[0].tell(Accepted="is false", attacker="cannot be proved")
    assert run("prove", *ASK, "--models", models).exit_code == 0
    shown = run("claims", "--models", models)
    assert shown.exit_code == 0, shown.output
    assert re.search(r"^can-end +verified +verified +proverif: verified ", shown.stdout, re.M)
    assert re.search(r"^t1-is-secret +verified +verified +proverif: undecided ", shown.stdout, re.M)
    assert re.search(r"^key-random +verified +cryptoverif: verified ", shown.stdout, re.M)
    content = json.loads(run("claims", "--models", models, "--format", "json").stdout)
    by_id = {claim["id"]: claim for claim in content["claims"]}
    assert by_id["can-end"]["foundBy"] == "tamarin-prover 1.11.0, proverif 2.05"
    assert by_id["t1-is-secret"]["foundBy"] == "tamarin-prover 1.11.0"
    assert by_id["key-random"]["foundBy"] == "cryptoverif 2.06"


def test_what_changed_is_stale_and_asked_again(
    models: Path, fakes: tuple[FakeOther, FakeOther]
) -> None:
    fakes[0].tell(Accepted="is false", attacker="cannot be proved")
    run("prove", *ASK, "--models", models)
    path = models / "proverif" / "small.pv"
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace("event Accepted(t1);", "event Accepted(c);"), encoding="utf-8")
    shown = run("claims", "--models", models)
    assert shown.exit_code == 1
    assert "stale: the model is another than when proverif/small/can_end was run" in shown.stderr
    assert "not proved here" in shown.stdout
    assert run("prove", *ASK, "--models", models).exit_code == 0


def test_a_run_that_has_no_end_is_killed_with_what_it_started(
    models: Path, fakes: tuple[FakeOther, FakeOther]
) -> None:
    fakes[0].tell(does="sleep")
    result = run("prove", "--prover", "proverif", "--models", models, "--timeout", "5")
    assert result.exit_code == 1, result.output
    assert "can-end: not proved here: proverif/small/can_end: no result in 5 s" in result.stderr
    assert set(witnesses(models).values()) == {"not proved here"}
    shown = run("claims", "--models", models)
    assert "not proved here: proverif/small/can_end: no result in 5 s" in shown.stderr
    for pid in fakes[0].path.with_suffix(".pid").read_text(encoding="utf-8").split():
        for _ in range(50):
            state = Path(f"/proc/{pid}/stat")
            if not state.exists() or ") Z " in state.read_text(encoding="utf-8"):
                break
            time.sleep(0.1)
        else:
            pytest.fail(f"process {pid} still runs")


def test_an_answer_to_another_question_is_an_error(
    models: Path, fakes: tuple[FakeOther, FakeOther]
) -> None:
    for told, message in (
        ({"attacker": "nothing", "Accepted": "nothing"}, "expected 1 results, found 0"),
        ({"attacker": "is perhaps true", "Accepted": "is perhaps true"}, "expected 1 results"),
    ):
        fakes[0].tell(**told)
        result = run("prove", "--prover", "proverif", "--models", models)
        assert result.exit_code == 1
        assert message in result.stderr
    fakes[0].tell(does="crash")
    result = run("prove", "--prover", "proverif", "--models", models)
    assert "exit code 2: Error: Syntax error." in result.stderr
    assert witnesses(models) == {}


def test_without_the_provers_everything_but_asking_works(
    models: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    line = refused(run("prove", "--prover", "proverif", "--models", models), 4)
    assert line.startswith("Error: proverif is not on PATH; to install it see https://")
    line = refused(run("prove", "--prover", "cryptoverif", "--models", models), 4)
    assert line.startswith("Error: cryptoverif is not on PATH; to install it see https://")
    shown = run("claims", "--models", models)
    assert "missing: no run of proverif/small/can_end is recorded" in shown.stderr
    assert "Traceback" not in shown.output
    broken = tmp_path / "proverif"
    broken.write_text("#!/bin/sh\necho no\n", encoding="utf-8")
    broken.chmod(0o755)
    line = refused(run("prove", "--prover", "proverif", "--models", models), 4)
    assert "is not a working proverif" in line


def test_ledgers_are_merged_with_their_witnesses(
    models: Path, fakes: tuple[FakeOther, FakeOther], tmp_path: Path
) -> None:
    fakes[0].tell(Accepted="is false", attacker="cannot be proved")
    other = Path(shutil.copytree(models / "proofs", tmp_path / "other"))
    run("prove", *ASK, "--models", models, "--proofs", other)
    merged = run("prove", "--models", models, "--merge", other)
    assert merged.exit_code == 0, merged.output
    assert "5 answers of other provers taken over" in merged.stdout
    assert witnesses(models)["proverif/small/can_end"] == "verified"
    content = json.loads((other / "ledger.json").read_text(encoding="utf-8"))
    content["witnesses"][-1]["verdict"] = "falsified"
    (other / "ledger.json").write_text(json.dumps(content), encoding="utf-8")
    refused(run("prove", "--models", models, "--merge", other), 1)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("prover", "vampire", "prover: expected"),
        ("digest", "0", "digest: expected SHA-256 in hex"),
        ("model", "small", "model: expected the name of a model"),
        ("verdict", "true", "verdict: expected"),
    ],
)
def test_a_witness_that_does_not_fit_is_refused(
    models: Path, fakes: tuple[FakeOther, FakeOther], name: str, value: str, message: str
) -> None:
    run("prove", *ASK, "--models", models)
    path = models / "proofs" / "ledger.json"
    content = json.loads(path.read_text(encoding="utf-8"))
    content["witnesses"][0][name] = value
    path.write_text(json.dumps(content), encoding="utf-8")
    line = refused(run("claims", "--models", models), 3)
    assert f"ledger.json: witness 1, {message}" in line


def test_a_claim_of_another_prover_has_no_trace(models: Path) -> None:
    line = refused(run("trace", "key-random", "--models", models), 3)
    assert "key_is_random.json: no trace is recorded" in line

"""Running the prover, keeping what it finds, merging ledgers, checking proofs."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from owamp_vectors.claims.declared import load
from owamp_vectors.claims.ledger import Ledger
from owamp_vectors.claims.prover.finding import INSTALL_PAGE
from owamp_vectors.vectors.declaration import Json

from ..fake_prover import FakeProver
from ..support import VECTORS, needs_tamarin
from .test_claims import FIXTURE, ROOT
from .test_cli import refused, run

TRACE = (FIXTURE / "proofs" / "small+LEAK" / "t1_is_secret.json").read_text(encoding="utf-8")
SMALL = ("--model", "small")
CAN_END = ("--claim", "can-end")
SECRET = ("--claim", "t1-is-secret")
CLAIMS = load(FIXTURE, VECTORS).claims
SMALL_CLAIMS = [claim for claim in CLAIMS if claim.job.model == "small"]
THEORIES = {claim.job.title for claim in SMALL_CLAIMS}
CAN_END_CLAIMS = [claim for claim in SMALL_CLAIMS if claim.job.lemma == "can_end"]


@pytest.fixture
def models(tmp_path: Path) -> Path:
    """The small models without their proofs."""
    ignore = shutil.ignore_patterns("proofs")
    return Path(shutil.copytree(FIXTURE, tmp_path / "models", ignore=ignore))


@pytest.fixture
def fake(tmp_path: Path) -> FakeProver:
    return FakeProver(tmp_path, TRACE)


def ledger(models: Path) -> dict[str, Json]:
    """Entries by name."""
    found = Ledger.load(models / "proofs").entries
    return {str(job): entry.to_json() for job, entry in found.items()}


def files_below(directory: Path) -> list[str]:
    return sorted(str(p.relative_to(directory)) for p in directory.rglob("*") if p.is_file())


def test_prove_records_verdicts_proofs_and_traces(models: Path, fake: FakeProver) -> None:
    fake.tell(t1_is_secret="falsified", can_end="verified")
    result = run("prove", "--models", models, "--tamarin", fake.path, *SMALL, "--jobs", "2")
    assert result.exit_code == 1, result.output
    assert "t1-is-secret: unexpected: expected verified" in result.stderr
    assert "tamarin-prover 1.10.0 (0123456789abcdef, branch: master), Maude 3.4" in result.stdout
    assert "falsified: small+LEAK/t1_is_secret (5 steps" in result.stdout
    entry = ledger(models)["small+LEAK/t1_is_secret"]
    assert entry["verdict"] == "falsified"
    assert entry["trace"] is True
    assert entry["command"] == (
        "owamp-vectors prove --print-theory small+LEAK > small+LEAK.spthy"
        " && tamarin-prover --prove --stop-on-trace=SEQDFS --derivcheck-timeout=300"
        " --quit-on-warning"
        " small+LEAK.spthy +RTS -N1 -A256m -n4m -F4 -M8g -RTS"
    )
    assert entry["covers"] == len([c for c in SMALL_CLAIMS if c.job.flags])
    assert entry["prover"] == "1.10.0"
    assert entry["maude"] == "3.4"
    assert entry["date"].endswith("Z")
    below = files_below(models / "proofs")
    assert "small+LEAK/t1_is_secret.json" in below
    assert "small+LEAK/t1_is_secret.chart.svg" in below
    assert "small/can_end.proof" in below
    assert "small/can_end.json" in below
    assert "small/accepted_was_sent.json" not in below
    proof = (models / "proofs" / "small" / "can_end.proof").read_text(encoding="utf-8")
    assert proof.startswith("lemma can_end:\n  exists-trace")
    assert proof.endswith("*/\nby recorded-verified\n")
    assert str(models) not in (models / "proofs" / "ledger.json").read_text(encoding="utf-8")


def test_what_came_of_runs_as_json(models: Path, fake: FakeProver, tmp_path: Path) -> None:
    path = tmp_path / "report.json"
    arguments = ("--models", models, "--tamarin", fake.path, *SECRET, "--json", path)
    fake.tell(t1_is_secret="falsified")
    assert run("prove", *arguments).exit_code == 1
    report = json.loads(path.read_text(encoding="utf-8"))
    [found] = report["runs"]
    assert (found["claim"], found["entry"]["verdict"]) == ("t1-is-secret", "falsified")
    assert report["problems"][0].startswith("t1-is-secret: unexpected")
    run("claims", "--recheck", *arguments)
    [proof] = json.loads(path.read_text(encoding="utf-8"))["proofs"]
    assert proof["claim"] == "t1-is-secret"
    merging = ("--merge", models / "proofs", "--proofs", tmp_path / "out", "--json", path)
    assert run("prove", "--models", models, *merging).exit_code == 0
    entries = json.loads(path.read_text(encoding="utf-8"))["entries"]
    assert [entry["lemma"] for entry in entries] == ["t1_is_secret"]
    line = refused(run("prove", "--models", models, "--list-jobs", "--json", path), 2)
    assert "--json: expected a run or --merge" in line


def test_a_claim_with_another_search_gets_a_process_of_its_own(
    models: Path, fake: FakeProver
) -> None:
    path = models / "claims.toml"
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace('id = "can-end"', 'id = "can-end"\nsearch = "DFS"'), "utf-8")
    claims = ("--claim", "can-end", "--claim", "t1-is-secret")
    run("prove", "--models", models, "--tamarin", fake.path, *claims)
    searches = {run[0]: run[1] for run in fake.runs}
    assert searches == {
        "--prove=can_end": "--stop-on-trace=DFS",
        "--prove=t1_is_secret": "--stop-on-trace=SEQDFS",
    }


def test_the_lemmas_of_a_theory_are_decided_in_one_process(models: Path, fake: FakeProver) -> None:
    result = run("prove", "--models", models, "--tamarin", fake.path, *SMALL, "--jobs", "4")
    assert "accepted_was_sent (5 steps, " in result.stdout
    assert " s for 3 lemmas)" in result.stdout
    runs = fake.runs
    assert len(runs) == len(THEORIES)
    assert all("--prove" in arguments for arguments in runs)
    assert not any(a.startswith("-D") for arguments in runs for a in arguments), "it is resolved"
    fake.tell(t1_is_secret="falsified")
    path = models / "claims.toml"
    first, *others = path.read_text(encoding="utf-8").split("[[claim]]")
    path.write_text("[[claim]]".join([first, *reversed(others)]), encoding="utf-8")
    result = run("prove", "--models", models, "--tamarin", fake.path, *SMALL, "--force")
    assert len(fake.runs) == len(THEORIES), "the order of the claims is not that of the lemmas"
    run("prove", "--models", models, "--tamarin", fake.path, *CAN_END, *SECRET, "--force")
    [arguments] = fake.runs
    assert sorted(arguments[:2]) == ["--prove=can_end", "--prove=t1_is_secret"]
    assert ledger(models)["small/can_end"]["covers"] == len(arguments[:2])


def test_what_the_prover_has_not_read_gives_no_verdict(models: Path, fake: FakeProver) -> None:
    fake.told["theory"] = "drops"
    fake.tell()
    result = run("prove", "--models", models, "--tamarin", fake.path, *SECRET)
    assert result.exit_code == 1
    message = "the prover has read another theory: it has not read rule Server_Start"
    assert f"error: small/t1_is_secret: {message}" in result.stderr
    assert not (models / "proofs").exists()
    fake.told["theory"] = ""
    fake.tell()
    run("prove", "--models", models, "--tamarin", fake.path, *SECRET)
    fake.told["theory"] = "drops"
    fake.tell()
    result = run("claims", "--recheck", "--models", models, "--tamarin", fake.path, *SECRET)
    assert result.exit_code == 1
    assert message in result.stderr


def test_the_text_that_the_prover_gets_has_no_directives(models: Path) -> None:
    text = run("prove", "--models", models, "--print-theory", "small+LEAK").stdout
    assert "#" not in text.replace("#i", "").replace("#j", "")
    assert "rule Server_Greeting" in text
    assert "rule Reveal_Passphrase" in text
    line = refused(run("prove", "--models", models, "--print-theory", "x"), 2)
    assert "no theory x; there are: small, small+LEAK" in line


def test_a_theory_that_fails_its_checks_gives_no_verdict(models: Path, fake: FakeProver) -> None:
    fake.told["theory"] = "warning"
    fake.tell()
    result = run("prove", "--models", models, "--tamarin", fake.path, "--model", "small")
    assert result.exit_code == 1
    assert "wellformedness check failed: Message Derivation Checks" in result.stderr
    assert len(fake.runs) == len(THEORIES), "no lemma is tried alone"
    assert not (models / "proofs").exists()


def test_what_is_current_is_not_run_again(models: Path, fake: FakeProver) -> None:
    arguments = ("prove", "--models", models, "--tamarin", fake.path, *SMALL)
    fake.tell(t1_is_secret="verified")
    run(*arguments, "--lemma", "can_end")
    assert len(fake.runs) == len(CAN_END_CLAIMS)
    run(*arguments)
    assert not any(a.startswith("--prove=can_end") or a == "--prove" for r in fake.runs for a in r)
    result = run(*arguments)
    assert fake.runs == []
    assert f"{len(SMALL_CLAIMS)} of {len(SMALL_CLAIMS)} have a current" in result.stdout
    run(*arguments, "--force", *SECRET)
    assert len(fake.runs) == 1
    path = models / "setup.splib"
    path.write_text(path.read_text(encoding="utf-8") + "// a comment\n", encoding="utf-8")
    run(*arguments)
    assert fake.runs == []
    path.write_text(path.read_text(encoding="utf-8") + "rule A: [ ] --> [ ]\n", encoding="utf-8")
    run(*arguments)
    assert len(fake.runs) == len(THEORIES)


def test_limits_are_passed_on(models: Path, fake: FakeProver) -> None:
    run("prove", "--models", models, "--tamarin", fake.path, *SECRET, "--memory", "3")
    [arguments] = fake.runs
    assert arguments[-7:] == ["+RTS", "-N1", "-A256m", "-n4m", "-F4", "-M3g", "-RTS"]
    assert "small.spthy" in arguments


def test_a_timeout_ends_the_whole_group(models: Path, fake: FakeProver) -> None:
    fake.tell(t1_is_secret="sleep")
    result = run("prove", "--models", models, "--tamarin", fake.path, *SECRET, "--timeout", "1")
    assert result.exit_code == 1
    assert "not proved here: small/t1_is_secret (no result in 1 s" in result.stdout
    assert "t1-is-secret: not proved here: no result in 1 s" in result.stderr
    pids = fake.path.with_suffix(".pid").read_text(encoding="utf-8").split()
    _wait_for_the_end_of(pids)
    entry = ledger(models)["small/t1_is_secret"]
    assert (entry["verdict"], entry["reason"]) == ("not proved here", "no result in 1 s")
    assert files_below(models / "proofs") == ["ledger.json"]


def _wait_for_the_end_of(pids: list[str]) -> None:
    for _ in range(100):
        if not any(map(_is_alive, pids)):
            return
        time.sleep(0.05)
    raise AssertionError(f"still running: {pids}")


def _is_alive(pid: str) -> bool:
    stat = Path(f"/proc/{pid}/stat")
    return stat.exists() and stat.read_text(encoding="utf-8").rsplit(")")[-1].split()[0] != "Z"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_ending_the_command_ends_the_provers_and_loses_nothing(
    models: Path, fake: FakeProver, number: signal.Signals
) -> None:
    fake.tell(accepted_was_sent="sleep")
    program = "from owamp_vectors.commands.cli import main; main()"
    arguments = ("prove", "--models", models, "--tamarin", fake.path, *SMALL, "--jobs", "2")
    process = subprocess.Popen(
        [sys.executable, "-c", program, *map(str, arguments)], cwd=ROOT, stdout=subprocess.DEVNULL
    )
    pids: list[str] = []
    other = models / "proofs" / "small+LEAK" / "t1_is_secret.proof"
    while (len(pids) < 2 or not other.exists()) and process.poll() is None:
        time.sleep(0.05)
        if fake.path.with_suffix(".pid").exists():
            pids = fake.path.with_suffix(".pid").read_text(encoding="utf-8").split()
    process.send_signal(number)
    assert process.wait(10) == 128 + number
    _wait_for_the_end_of(pids)
    finished = ["small+LEAK/can_end", "small+LEAK/t1_is_secret"]
    assert sorted(ledger(models)) == finished


def test_two_runs_at_once_record_all(models: Path) -> None:
    recorded = Ledger.load(FIXTURE / "proofs")
    entries = list(recorded.entries.values())
    code = """
import sys
from dataclasses import replace
from pathlib import Path
from owamp_vectors.claims.ledger import Ledger
source, target, name = sys.argv[1:]
ledger = Ledger(Path(target))
for entry in Ledger.load(Path(source)).entries.values():
    for number in range(5):
        job = replace(entry.job, lemma=f"{entry.job.lemma}_{name}_{number}")
        ledger.record(replace(entry, job=job), {".proof": "by x"})
"""
    target = models / "shared"
    runs = [
        subprocess.Popen([sys.executable, "-c", code, FIXTURE / "proofs", target, name])
        for name in "ab"
    ]
    assert [process.wait() for process in runs] == [0, 0]
    assert len(Ledger.load(target).entries) == 10 * len(entries)


def test_a_relative_path_to_the_prover_works(models: Path, fake: FakeProver) -> None:
    path = os.path.relpath(fake.path)
    result = run("prove", "--models", models, "--tamarin", path, *CAN_END)
    assert result.exit_code == 0, result.output


@pytest.mark.parametrize(
    ("does", "reason"),
    [
        ("allocate", "needs more than 8 GiB"),
        ("killed", "killed, perhaps because memory ran out"),
        ("analysis incomplete", "analysis incomplete"),
    ],
)
def test_a_limit_gives_no_verdict(models: Path, fake: FakeProver, does: str, reason: str) -> None:
    fake.tell(t1_is_secret=does)
    result = run("prove", "--models", models, "--tamarin", fake.path, *SECRET)
    assert result.exit_code == 1
    assert ledger(models)["small/t1_is_secret"]["reason"] == reason


def test_no_verdict_does_not_replace_a_current_one(models: Path, fake: FakeProver) -> None:
    arguments = ("prove", "--models", models, "--tamarin", fake.path, *SECRET, "--force")
    run(*arguments)
    before = ledger(models)
    fake.tell(t1_is_secret="allocate")
    assert run(*arguments).exit_code == 0
    assert ledger(models) == before
    path = models / "small.spthy"
    path.write_text(path.read_text(encoding="utf-8").replace("[ ]\n", "[ X() ]\n"))
    assert run(*arguments).exit_code == 1
    assert ledger(models)["small/t1_is_secret"]["verdict"] == "not proved here"
    assert files_below(models / "proofs") == ["ledger.json"]


@pytest.mark.parametrize(
    ("does", "message"),
    [
        ("crash", "exit code 1: tamarin-prover: Prelude.head: empty list"),
        ("garbage", "no summary in its output"),
    ],
)
def test_an_error_records_nothing(models: Path, fake: FakeProver, does: str, message: str) -> None:
    fake.tell(t1_is_secret=does)
    result = run("prove", "--models", models, "--tamarin", fake.path, *SECRET, *CAN_END)
    assert result.exit_code == 1
    assert f"error: small/t1_is_secret: {message}" in result.stderr
    assert list(ledger(models)) == ["small/can_end"], "the others go on"
    whole, *single = fake.runs
    assert [a for a in whole if "--prove" in a] == ["--prove=can_end", "--prove=t1_is_secret"]
    assert len(single) == len([*SECRET, *CAN_END]) // 2, "each alone, to find out whose it is"


@pytest.mark.parametrize(
    ("does", "message"),
    [
        ("warning", "wellformedness check failed: Unbound variables"),
        ("other quantifier", "has not read lemma t1_is_secret (all-traces)"),
    ],
)
def test_an_error_of_the_theory_is_that_of_each_lemma(
    models: Path, fake: FakeProver, does: str, message: str
) -> None:
    fake.tell(t1_is_secret=does)
    result = run("prove", "--models", models, "--tamarin", fake.path, *SECRET, *CAN_END)
    assert result.exit_code == 1
    assert result.stderr.count(message) == len(fake.runs) + 1, "one run, an error for each lemma"
    assert not (models / "proofs").exists()


def test_a_trace_that_cannot_be_drawn_still_counts(models: Path, fake: FakeProver) -> None:
    fake.told["trace"] = '{"graphs": [{}]}'
    fake.tell(t1_is_secret="falsified")
    result = run("prove", "--models", models, "--tamarin", fake.path, *SECRET)
    assert ledger(models)["small/t1_is_secret"]["verdict"] == "falsified"
    assert "small/t1_is_secret: no chart: not a trace: KeyError" in result.stderr


def test_an_older_prover_gives_verdicts_without_traces(models: Path, fake: FakeProver) -> None:
    fake.told["version"] = fake.told["version"].replace("1.10.0", "1.8.0")
    fake.tell(t1_is_secret="falsified")
    result = run(
        "prove", "--models", models, "--tamarin", fake.path, "--claim", "t1-is-secret-leak"
    )
    assert result.exit_code == 0, result.output
    assert "no trace: only tamarin-prover 1.10 and later" in result.stderr
    assert ledger(models)["small+LEAK/t1_is_secret"]["trace"] is False
    table = run("claims", "--models", models, "--claim", "t1-is-secret-leak")
    assert "falsified (with trace)" in table.stdout


def test_a_lemma_of_which_no_trace_exists(models: Path, fake: FakeProver) -> None:
    fake.tell(can_end="falsified - no trace found")
    run("prove", "--models", models, "--tamarin", fake.path, *CAN_END)
    table = run("claims", "--models", models, *CAN_END)
    assert table.exit_code == 1
    assert "falsified (no trace exists)" in table.stdout
    assert "can-end: unexpected: expected verified, the prover says falsified" in table.stderr


def test_without_graphviz_there_is_no_graph(
    models: Path, fake: FakeProver, monkeypatch: pytest.MonkeyPatch
) -> None:
    empty = models.parent / "empty"
    empty.mkdir()
    (empty / "python3").symlink_to(sys.executable)
    monkeypatch.setenv("PATH", str(empty))
    fake.tell(t1_is_secret="falsified")
    result = run("prove", "--models", models, "--tamarin", fake.path, *SECRET)
    assert "no graph: Graphviz' dot is not on PATH" in result.stderr
    assert "small/t1_is_secret.chart.svg" in files_below(models / "proofs")


def test_without_a_prover_nothing_is_touched(
    models: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    for command in (("prove",), ("claims", "--recheck")):
        line = refused(run(*command, "--models", models), 4)
        assert line.startswith("Error: tamarin-prover is not on PATH; to install it see https://")
        assert INSTALL_PAGE in line
    assert not (models / "proofs").exists()
    line = refused(run("prove", "--models", models, "--tamarin", tmp_path / "x"), 4)
    assert "x: no such program" in line
    assert "    4  " in run("prove", "--help").output


@pytest.mark.parametrize(
    ("version", "code", "message"),
    [
        ("Tamarin version 1.6.1\nMaude version 3.1", 0, "version 1.6.1, expected 1.8 or later"),
        ("Tamarin version 1.11.0\n", 0, "finds no Maude"),
        ("hello", 0, "is not a working tamarin-prover"),
        ("Tamarin version 1.11.0\n", 1, "is not a working tamarin-prover"),
    ],
)
def test_a_prover_that_will_not_do(
    models: Path, fake: FakeProver, version: str, code: int, message: str
) -> None:
    fake.told |= {"version": version, "code": code}
    fake.tell()
    line = refused(run("prove", "--models", models, "--tamarin", fake.path), 4)
    assert message in line
    assert not (models / "proofs").exists()


def test_a_program_that_does_not_start_is_no_prover(models: Path, tmp_path: Path) -> None:
    path = tmp_path / "broken"
    path.write_text("#!/no/such/interpreter\n", encoding="utf-8")
    path.chmod(0o755)
    assert "broken" in refused(run("prove", "--models", models, "--tamarin", path), 4)


def test_list_jobs_is_json_for_a_matrix(models: Path) -> None:
    result = run("prove", "--models", models, "--list-jobs", "--memory", "2")
    jobs = json.loads(result.stdout)
    assert [job["claim"] for job in jobs] == [claim.id for claim in CLAIMS]
    assert jobs[4] == {
        "claim": "t1-is-secret-leak",
        "model": "small",
        "flags": ["LEAK"],
        "lemma": "t1_is_secret",
        "command": "owamp-vectors prove --print-theory small+LEAK > small+LEAK.spthy"
        " && tamarin-prover --prove=t1_is_secret --stop-on-trace=SEQDFS --derivcheck-timeout=300"
        " --quit-on-warning small+LEAK.spthy +RTS -N1 -A256m -n4m -F4 -M2g -RTS",
        "run": "owamp-vectors prove --claim t1-is-secret-leak --prover tamarin",
    }
    assert "--diff" in jobs[5]["command"]


def test_the_command_line_is_checked(models: Path, tmp_path: Path) -> None:
    for option, value in (("--claim", "x"), ("--model", "x"), ("--lemma", "x")):
        assert f"no {option[2:]} x" in refused(run("prove", "--models", models, option, value), 2)
    assert "expected --merge" in refused(run("prove", "--models", models, "x"), 2)
    assert "at least one LEDGER" in refused(run("prove", "--models", models, "--merge"), 2)
    line = refused(run("prove", "--models", models, "--list-jobs", "--merge", "x"), 2)
    assert "--list-jobs and --merge" in line
    assert "cannot be read" in refused(run("prove", "--models", tmp_path / "x"), 3)
    (models / "proofs").mkdir()
    (models / "proofs" / "ledger.json").write_text("{", encoding="utf-8")
    source = FIXTURE / "proofs"
    assert "not JSON" in refused(run("prove", "--models", models, "--merge", source), 3)


def prove_apart(models: Path, fake: FakeProver, *claims: str) -> list[Path]:
    """A directory of proofs for each claim, as the jobs of a matrix make them."""
    made = []
    for claim in claims:
        made.append(models.parent / f"out-{len(list(models.parent.glob('out-*')))}")
        common = ("--tamarin", fake.path, "--claim", claim, "--proofs", made[-1])
        run("prove", "--models", models, *common)
    return made


def test_merge_takes_over_entries_and_files(models: Path, fake: FakeProver) -> None:
    fake.tell(t1_is_secret="falsified")
    made = prove_apart(models, fake, "can-end", "t1-is-secret-leak")
    made[1] /= "ledger.json"
    result = run("prove", "--models", models, "--merge", *made)
    assert result.exit_code == 0, result.output
    assert list(ledger(models)) == ["small/can_end", "small+LEAK/t1_is_secret"]
    below = files_below(models / "proofs")
    assert "small+LEAK/t1_is_secret.json" in below
    assert "small/can_end.proof" in below
    again = run("prove", "--models", models, "--merge", *made)
    assert again.stdout.startswith("0 taken over, 2 in")


def test_merge_prefers_the_current_and_the_finished(models: Path, fake: FakeProver) -> None:
    path = models / "small.spthy"
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace("[ ]\n", "[ X() ]\n"), encoding="utf-8")
    [stale] = prove_apart(models, fake, "t1-is-secret")
    path.write_text(text, encoding="utf-8")
    fake.tell(t1_is_secret="allocate")
    [unfinished] = prove_apart(models, fake, "t1-is-secret")
    fake.tell(t1_is_secret="verified")
    [current] = prove_apart(models, fake, "t1-is-secret")
    wanted = Ledger.load(current).text()
    for order in ([stale, unfinished, current], [current, unfinished, stale]):
        shutil.rmtree(models / "proofs", ignore_errors=True)
        for source in order:
            run("prove", "--models", models, "--merge", source)
        assert Ledger.load(models / "proofs").text() == wanted
        assert (models / "proofs" / "small" / "t1_is_secret.proof").exists()
    run("prove", "--models", models, "--merge", stale, "--proofs", models / "new")
    run("prove", "--models", models, "--merge", unfinished, "--proofs", models / "new")
    assert Ledger.load(models / "new").text() == Ledger.load(unfinished).text()


def test_merge_refuses_contradictions_and_what_is_incomplete(
    models: Path, fake: FakeProver
) -> None:
    [one] = prove_apart(models, fake, "t1-is-secret")
    fake.tell(t1_is_secret="falsified")
    [other] = prove_apart(models, fake, "t1-is-secret")
    result = run("prove", "--models", models, "--merge", one, other)
    assert result.exit_code == 1
    assert "small/t1_is_secret: verified in" in result.stderr
    assert not (models / "proofs").exists()
    (other / "small" / "t1_is_secret.json").unlink()
    line = refused(run("prove", "--models", models, "--merge", other), 3)
    assert "t1_is_secret.json: no such file" in line
    assert "no such file" in refused(run("prove", "--models", models, "--merge", models), 3)


def test_recheck_runs_once_a_theory_and_does_not_search(models: Path, fake: FakeProver) -> None:
    run("prove", "--models", models, "--tamarin", fake.path, *SMALL)
    assert len(fake.runs) == len(THEORIES)
    result = run("claims", "--recheck", "--models", models, "--tamarin", fake.path, *SMALL)
    assert result.exit_code == 0, result.output
    assert "can-end: verified, the proof holds" in result.stdout
    assert f"{len(SMALL_CLAIMS)} of {len(SMALL_CLAIMS)} proofs hold" in result.stdout
    runs = fake.runs
    assert len(runs) == len(THEORIES)
    assert not any(argument.startswith("--prove") for run_ in runs for argument in run_)


def test_recheck_finds_what_does_not_hold(models: Path, fake: FakeProver) -> None:
    run("prove", "--models", models, "--tamarin", fake.path, *SMALL)
    proofs = models / "proofs" / "small"
    spoilt = proofs / "t1_is_secret.proof"
    spoilt.write_text(spoilt.read_text(encoding="utf-8").replace("by recorded-verified", "by x"))
    (proofs / "can_end.proof").unlink()
    (proofs / "accepted_was_sent.proof").write_text("nothing", encoding="utf-8")
    result = run("claims", "--recheck", "--models", models, "--tamarin", fake.path)
    assert result.exit_code == 1
    assert "can-end: the proof is missing" in result.stderr
    assert "accepted-was-sent: no proof of accepted_was_sent" in result.stderr
    assert "t1-is-secret: recorded verified, the prover says analysis incomplete" in result.stderr
    assert "hashes-look-alike: no current verdict is recorded" in result.stderr
    spoilt_claims = 3  # and those of the other model are not recorded
    held = len(SMALL_CLAIMS) - spoilt_claims
    assert f"{held} of {len(CLAIMS)} proofs hold" in result.stdout


@needs_tamarin
def test_tamarin_finds_what_is_recorded(models: Path) -> None:
    result = run("prove", "--models", models)
    assert result.exit_code == 0, result.output
    recorded = Ledger.load(FIXTURE / "proofs")
    found = Ledger.load(models / "proofs")
    for job, entry in recorded.entries.items():
        assert found.entries[job].verdict == entry.verdict
        assert found.entries[job].digest == entry.digest
    assert files_below(models / "proofs") == files_below(FIXTURE / "proofs")


@needs_tamarin
def test_tamarin_accepts_the_recorded_proofs_and_no_spoilt_one(tmp_path: Path) -> None:
    models = shutil.copytree(FIXTURE, tmp_path / "models")
    result = run("claims", "--recheck", "--models", models)
    assert result.exit_code == 0, result.output
    path = models / "proofs" / "small" / "t1_is_secret.proof"
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace("case Client_SetUp", "case Server_Start"), encoding="utf-8")
    result = run("claims", "--recheck", "--models", models)
    assert result.exit_code == 1
    assert "t1-is-secret: recorded verified" in result.stderr
    assert f"{len(CLAIMS) - 1} of {len(CLAIMS)} proofs hold" in result.stdout


@needs_tamarin
def test_tamarin_refuses_a_theory_with_warnings(models: Path) -> None:
    path = models / "small.spthy"
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace("\nend\n", "\nrule A: [ ] --> [ Out(x) ]\nend\n"))
    result = run("prove", "--models", models, *SECRET)
    assert result.exit_code == 1
    assert "wellformedness check failed: Unbound variables" in result.stderr
    assert not (models / "proofs").exists()


@needs_tamarin
def test_tamarin_is_not_to_drop_the_rest_of_a_file(models: Path) -> None:
    path = models / "setup.splib"
    text = path.read_text(encoding="utf-8")
    leak = "rul Leak: [ !Passphrase($C, $S, k) ] --[ ]-> [ Out(k) ]\n"
    path.write_text(text + leak, encoding="utf-8")
    result = run("prove", "--models", models, *SMALL)
    assert result.exit_code == 1
    assert "error: small/t1_is_secret: exit code 1: " in result.stderr
    assert "unexpected" in result.stderr
    assert not (models / "proofs").exists()
    path.write_text(text, encoding="utf-8")
    theory = models / "small.spthy"
    theory.write_text(theory.read_text(encoding="utf-8") + leak.replace("rul", "rule"))
    result = run("prove", "--models", models, *SECRET)
    assert "the prover has read another theory: it has not read rule Leak" in result.stderr
    assert not (models / "proofs").exists()

"""Recorded traces replay as octets; one that was tampered with fails, with its rule named."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from owamp_vectors.claims.declared import Claim, load
from owamp_vectors.claims.ledger import TRACE, Ledger
from owamp_vectors.commands.cli import main
from owamp_vectors.disk import FileError
from owamp_vectors.replay.replay import Replay, ReplayError, replay
from owamp_vectors.theory.parse import read_model
from owamp_vectors.theory.room import is_mutant

from ..support import MODELS, VECTORS

PROOFS = MODELS / "proofs"
CLAIMS = load(MODELS, VECTORS)
LEDGER = Ledger.load(PROOFS)
RECORDED = [
    claim
    for claim in CLAIMS.claims
    if not claim.job.diff
    and not is_mutant(claim.job.model, claim.job.flags)
    and LEDGER.path(claim.job, TRACE).is_file()
]


def text_of(claim: Claim) -> str:
    text = LEDGER.artefact(claim.job, TRACE)
    assert text is not None
    return text


def replayed(name: str, text: str | None = None) -> Replay:
    """The replay of the claim about ``model[+FLAG]/lemma``."""
    for claim in RECORDED:
        if str(claim.job) == name:
            model = read_model(MODELS / f"{claim.job.model}.spthy", claim.job.flags)
            return replay(text or text_of(claim), claim.job, model)
    pytest.skip(f"no trace of {name} is recorded")


@pytest.mark.parametrize("claim", RECORDED, ids=[claim.id for claim in RECORDED])
def test_every_recorded_trace_replays(claim: Claim) -> None:
    found = replayed(str(claim.job))
    assert found.steps
    assert found.compared or found.not_bound
    again = replayed(str(claim.job))
    assert again.values == found.values
    for step in found.steps:
        assert all(octets in found.known.values() for octets in step.sent)


def _sent(found: Replay) -> list[bytes]:
    return [octets for step in found.steps for octets in step.sent]


FORGERY = "token_blocks/zero_keys_are_not_accepted"
TWAMP = "rfc4656_reflection/twamp_packet_returns_from_the_reflector_authenticated"
INVERSION = "rfc4656/t1_survives_loss_of_t3"


def test_the_forged_token_gives_zero_keys() -> None:
    found = replayed(FORGERY)
    step = found.first("Server_Keys")
    [accepted] = [fact for fact in step.instance.actions if fact.name == "ServerAccepts"]
    assert accepted.args[2:] == (bytes(16), bytes(16), bytes(16))
    [forged] = found.first("Server_Token").received
    answers = [octets[:16] for step in found.all("Client_Token") for octets in step.sent]
    assert {forged[start : start + 16] for start in (0, 16, 32, 48)} <= set(answers)
    assert not set(found.first("Server_Token").received) & set(_sent(found))


def test_the_inversion_gives_t1() -> None:
    found = replayed(INVERSION)
    t1 = found.first("Client_Set_Up_Response").value("t1")
    assert t1 in found.known.values()
    assert not any(t1 in octets for octets in _sent(found))


def _tampered(name: str, change: Callable[[dict[str, Any]], object]) -> str:
    path = PROOFS / f"{name}.json"
    if not path.is_file():
        pytest.skip(f"no trace of {name} is recorded")
    content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    change(content["graphs"][0])
    return json.dumps(content)


def _facts(graph: dict[str, Any], rule: str, key: str, name: str) -> dict[str, Any]:
    for node in graph["jgNodes"]:
        if node["jgnLabel"] == rule:
            for fact in node["jgnMetadata"][key]:
                if fact["jgnFactName"] == name:
                    found: dict[str, Any] = fact
                    return found
    raise AssertionError(rule)


def test_swapped_arguments_name_the_rule() -> None:
    def swap(graph: dict[str, Any]) -> None:
        _facts(graph, "Client_Token", "jgnConcs", "Out")["jgnFactTerms"][0]["jgnParams"].reverse()

    with pytest.raises(ReplayError, match=r"rule Client_Token: Out: .* is [0-9a-f]+, not [0-9a-f]"):
        replayed(FORGERY, _tampered(FORGERY, swap))


def test_a_dropped_component_names_the_rule() -> None:
    def drop(graph: dict[str, Any]) -> None:
        terms = _facts(graph, "TWAMP_Send_Authenticated", "jgnConcs", "Out")["jgnFactTerms"]
        terms[0] = terms[0]["jgnParams"][1]

    with pytest.raises(ReplayError, match="rule TWAMP_Send_Authenticated: "):
        replayed(TWAMP, _tampered(TWAMP, drop))


def test_other_keys_than_the_servers_name_the_rule() -> None:
    def change(graph: dict[str, Any]) -> None:
        terms = _facts(graph, "Server_Keys", "jgnActs", "ServerAccepts")["jgnFactTerms"]
        terms[2] = {"jgnConst": "~salt"}

    with pytest.raises(ReplayError, match="rule Server_Keys: ServerAccepts: ~salt is "):
        replayed(FORGERY, _tampered(FORGERY, change))


def test_a_missing_fact_or_rule_is_named() -> None:
    def forget(graph: dict[str, Any]) -> None:
        [node] = [n for n in graph["jgNodes"] if n["jgnLabel"] == "Server_Keys"]
        node["jgnMetadata"]["jgnActs"].clear()

    with pytest.raises(ReplayError, match="rule Server_Keys: expected facts ServerAccepts; found"):
        replayed(FORGERY, _tampered(FORGERY, forget))

    def rename(graph: dict[str, Any]) -> None:
        [node] = [n for n in graph["jgNodes"] if n["jgnLabel"] == "Server_Keys"]
        node["jgnLabel"] = "Server_Doors"

    with pytest.raises(ReplayError, match="rule Server_Doors: the model token_blocks has none"):
        replayed(FORGERY, _tampered(FORGERY, rename))


def test_what_nobody_sent_cannot_be_received() -> None:
    def mute(graph: dict[str, Any]) -> None:
        graph["jgNodes"] = [n for n in graph["jgNodes"] if n["jgnLabel"] != "Learn_SID"]

    with pytest.raises(ReplayError, match=r"the adversary cannot make ~sid"):
        replayed(INVERSION, _tampered(INVERSION, mute))


def test_a_missing_producer_is_named() -> None:
    def forget(graph: dict[str, Any]) -> None:
        graph["jgNodes"] = [n for n in graph["jgNodes"] if n["jgnLabel"] != "Set_Up_Connection"]

    with pytest.raises(
        ReplayError, match=r"rule Open_TWAMP_Session: !Connection\(.*: is not there"
    ):
        replayed(TWAMP, _tampered(TWAMP, forget))


def run(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(
        main, ["replay", *arguments, "--vectors", str(VECTORS), "--models", str(MODELS)]
    )
    return result.exit_code, result.output


@pytest.mark.skipif(not RECORDED, reason="no traces are recorded")
def test_the_command_says_what_was_replayed(tmp_path: Path) -> None:
    claim = RECORDED[0]
    code, output = run("--octets", claim.id)
    assert code == 0, output
    assert f"{claim.id} " in output
    assert "1 trace replayed" in output
    assert "equal the reference's, octet by octet" in output
    code, output = run("no-such-claim")
    assert code == 2
    assert "no claim no-such-claim" in output
    code, output = run("--proofs", str(tmp_path))
    assert code == 3
    assert "expected recorded traces, found none" in output
    code, output = run(claim.id, "--proofs", str(tmp_path))
    assert code == 3
    assert "no trace is recorded" in output


def test_the_command_fails_with_the_rule(tmp_path: Path) -> None:
    def change(graph: dict[str, Any]) -> None:
        terms = _facts(graph, "Server_Keys", "jgnActs", "ServerAccepts")["jgnFactTerms"]
        terms[2] = {"jgnConst": "~salt"}

    text = _tampered(FORGERY, change)
    [claim] = [c for c in RECORDED if str(c.job) == FORGERY]
    target = tmp_path / f"{FORGERY}.json"
    target.parent.mkdir()
    target.write_text(text, encoding="utf-8")
    ledger = (PROOFS / "ledger.json").read_text(encoding="utf-8")
    (tmp_path / "ledger.json").write_text(ledger, encoding="utf-8")
    code, output = run(claim.id, "--proofs", str(tmp_path))
    assert code == 1, output
    assert "rule Server_Keys: ServerAccepts" in output
    assert "1 trace does not replay" in output


@pytest.mark.parametrize("text", ["", "{}", '{"graphs": [{"jgNodes": 3}]}'])
def test_what_is_no_trace_is_refused(text: str) -> None:
    model = read_model(MODELS / "token_blocks.spthy")
    with pytest.raises(FileError, match="not a trace"):
        replay(text, RECORDED[0].job if RECORDED else CLAIMS.claims[0].job, model)

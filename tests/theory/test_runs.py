"""Runs of the reference are traces of the theories; runs that were tampered with are not."""

from __future__ import annotations

import re
from collections import deque
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from owamp_vectors.commands.cli import main
from owamp_vectors.mistakes import MISTAKES
from owamp_vectors.theory.infer import Inference, infer
from owamp_vectors.theory.parse import read_model
from owamp_vectors.theory.room import room_of, rooms
from owamp_vectors.theory.run_checker import RunChecker, RunError, RunEvent, UnknownRestrictionError
from owamp_vectors.theory.runs import check_runs, events_of, has_runs, run
from owamp_vectors.theory.terms import Model
from owamp_vectors.theory.world import chooser
from owamp_vectors.vectors.drbg import Drbg

from ..support import MODELS, VECTORS

CASES = [(name, flags) for name, room in rooms().items() if room.runs for flags in room.runs.flags]
REKEY = {"Initiator_Rekey", "Responder_Rekey", "Initiator_Rekeyed"}
"""Rules that no run takes: what they lead to is there beforehand, like an established IKE SA."""


@cache
def model_of(name: str, flags: tuple[str, ...] = ()) -> tuple[Model, Inference]:
    model = read_model(MODELS / f"{name}.spthy", flags)
    return model, infer(model)


def rules_of_endpoints(model: Model) -> set[str]:
    """The theory's own rules, not of a file that it includes, that the adversary has no part in."""
    own = room_of(model.name).players
    leaks = {rule for rule, player in own.items() if player.is_leak}
    return {rule.name for rule in model.rules if rule.name in own} - leaks - REKEY


@pytest.mark.parametrize(("name", "flags"), CASES)
def test_runs_are_traces_and_use_all_rules(name: str, flags: tuple[str, ...]) -> None:
    model, _ = model_of(name, flags)
    report = check_runs(model, 2, seed=5)
    assert report.problem is None, report.problem
    assert report.rules == rules_of_endpoints(model)
    assert report.runs == 2
    assert report.left_out
    assert has_runs(model)


@pytest.mark.parametrize(("name", "flags"), CASES)
@given(data=st.data())
@settings(max_examples=8, deadline=None, suppress_health_check=list(HealthCheck))
def test_any_interleaving_is_a_trace(
    name: str, flags: tuple[str, ...], data: st.DataObject
) -> None:
    """Which connection comes next, where octets are cut, which packets are changed and how."""
    model, inference = model_of(name, flags)
    order = data.draw(st.lists(st.integers(0, 2**32), min_size=1, max_size=60))
    rest = chooser(Drbg(f"rest of {order}"))
    numbers = iter(order)

    def choose(below: int) -> int:
        found = next(numbers, None)
        return rest(below) if found is None else found % below

    checker = run(model, Drbg("hypothesis"), choose, inference)
    assert checker.steps


def test_a_client_that_is_the_responder_breaks_the_restriction() -> None:
    model, inference = model_of("ikev2_binding", ("INITIATOR_IS_CLIENT",))
    free, _ = model_of("ikev2_binding")
    source = Drbg("roles")
    checker = RunChecker(model, inference)
    events = events_of(free, source, chooser(source.at("order")), checker)  # both are clients
    reason = r"(ClientIs|ServerIs)\(.*\): must be (initiator|responder)"
    with pytest.raises(RunError, match=reason):
        deque(map(checker.take, events), maxlen=0)


def test_a_restriction_of_another_form_is_named() -> None:
    checker = RunChecker(*model_of("token_blocks"))
    with pytest.raises(
        UnknownRestrictionError, match="a restriction that runs are not held to: All x"
    ):
        checker.restrict("All x #i. F(x) @ i ==> G(x) @ i")


# ------------------------------------------------------------------------------ tampered runs


@cache
def recorded(name: str) -> tuple[RunEvent, ...]:
    model, inference = model_of(name)
    source = Drbg(f"recorded {name}")
    checker = RunChecker(model, inference)
    return tuple(events_of(model, source, chooser(source.at("order")), checker))


def of_rule(name: str, rule: str, other: int = 0) -> tuple[int, RunEvent]:
    """An event of a run, as a number and itself."""
    found = [(i, e) for i, e in enumerate(recorded(name)) if e.rule == rule and not e.refused]
    return found[other]


def refused(name: str, events: list[RunEvent]) -> RunError:
    checker = RunChecker(*model_of(name))
    for event in events[:-1]:
        checker.take(event)
    with pytest.raises(RunError) as caught:
        checker.take(events[-1])
    return caught.value


def flip(octets: bytes | None, place: int = -1) -> bytes:
    assert octets is not None
    changed = bytearray(octets)
    changed[place] ^= 1
    return bytes(changed)


RECEIVED = [
    ("Client_Set_Up_Response", 40, "challenge: expected"),
    ("Server_Start", 100, "start_time: expected"),
    ("Client_Request_Session", -1, r"was not sent"),
    ("Server_Accept_Session", -1, r"hmac\(.*\): expected [0-9a-f]{32}, found"),
    ("Client_Open_Session", -1, r"hmac\(.*\): expected [0-9a-f]{32}, found"),
    ("Reflector_Packet_Authenticated", -1, r"hmac\(.*\): expected [0-9a-f]{32}, found"),
    ("Reflector_Packet_Encrypted", -1, r"hmac\(.*\): expected [0-9a-f]{32}, found"),
    ("Sender_Receives_Authenticated", -1, r"hmac\(.*\): expected [0-9a-f]{32}, found"),
    ("Sender_Receives_Encrypted", -1, r"hmac\(.*\): expected [0-9a-f]{32}, found"),
]


@pytest.mark.parametrize(("rule", "place", "reason"), RECEIVED, ids=[case[0] for case in RECEIVED])
def test_a_changed_octet_is_no_step(rule: str, place: int, reason: str) -> None:
    number, event = of_rule("rfc4656", rule)
    changed = replace(event, received=flip(event.received, place))
    error = refused("rfc4656", [*recorded("rfc4656")[:number], changed])
    assert error.event is changed
    assert error.rule is not None
    assert error.rule.name == rule
    assert re.search(reason, error.reason), error.reason
    nearest = error.rule.name
    assert f"rule {nearest}: no rule allows it, and this is nearest: " in str(error)
    assert f"; received {changed.received.hex()}" in str(error)  # type: ignore[union-attr]


SENT = ["Server_Greeting", "Client_Set_Up_Response", "Server_Start", "Client_Request_Session"]
SENT += ["Server_Accept_Session", "Sender_Packet_Encrypted", "Reflector_Packet_Authenticated"]


@pytest.mark.parametrize("rule", SENT)
def test_what_is_sent_is_the_rules_message(rule: str) -> None:
    number, event = of_rule("rfc4656", rule)
    changed = replace(event, sent=flip(event.sent))
    error = refused("rfc4656", [*recorded("rfc4656")[:number], changed])
    assert error.event is changed
    assert error.rule is not None
    assert error.rule.name == rule, error


@pytest.mark.parametrize(
    "rule", ["Server_Start", "Client_Request_Session", "Server_Accept_Session"]
)
def test_a_replayed_message_finds_its_fact_spent(rule: str) -> None:
    number, event = of_rule("rfc4656", rule)
    error = refused("rfc4656", [*recorded("rfc4656")[: number + 1], event])
    assert "is not there" in error.reason
    assert error.rule is not None
    assert error.rule.name == rule


def test_a_replayed_accept_session_opens_no_second_session() -> None:
    number, event = of_rule("rfc4656", "Client_Open_Session")
    error = refused("rfc4656", [*recorded("rfc4656")[: number + 1], event])
    assert error.rule is not None
    assert error.rule.name == "Client_Open_Session"
    assert "Client_Waits_Accept(" in error.reason
    assert error.reason.endswith("is not there")


@pytest.mark.parametrize(
    "rule",
    ["Server_Start", "Client_Request_Session", "Server_Accept_Session", "Client_Open_Session"],
)
def test_a_message_of_another_connection_is_no_step(rule: str) -> None:
    (number, event), (_, other) = of_rule("rfc4656", rule), of_rule("rfc4656", rule, 1)
    crossed = replace(event, received=other.received)
    error = refused("rfc4656", [*recorded("rfc4656")[:number], crossed])
    assert error.event is crossed
    assert error.rule is not None
    assert error.rule.name == rule


@pytest.mark.parametrize("name", ["rfc4656", "rfc4656_reflection"])
def test_the_wrong_sid_in_t3_is_no_step(name: str) -> None:
    model, inference = model_of(name)
    with MISTAKES["SidOfTheRequest"].applied(), pytest.raises(RunError) as caught:
        run(model, Drbg("wrong SID"), chooser(Drbg("wrong SID")), inference)
    assert caught.value.rule is not None
    if name == "rfc4656":
        assert caught.value.rule.name == "Server_Accept_Session"
        assert "sid: expected" in caught.value.reason
    else:
        assert re.match("Open_|OWAMP_|TWAMP_", caught.value.rule.name)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"drawn": {}}, "nothing was drawn for Challenge"),
        ({"drawn": {"Challenge": bytes(16), "Salt": bytes(16)}}, "found"),
        ({"rule": "Server_Start"}, "allows it, but what was meant is Server_Start"),
        ({"sent": None}, "the rule has Out, unlike what happened"),
    ],
)
def test_what_an_endpoint_draws_and_means_counts(change: dict[str, object], reason: str) -> None:
    number, event = of_rule("rfc4656", "Server_Greeting")
    changed = replace(event, **change)  # type: ignore[arg-type]
    error = refused("rfc4656", [*recorded("rfc4656")[:number], changed])
    assert error.rule is not None
    assert error.rule.name == "Server_Greeting", error
    assert reason in error.reason


def test_what_is_drawn_too_much_is_named() -> None:
    number, event = of_rule("rfc4656", "Server_Greeting")
    changed = replace(event, drawn={**(event.drawn or {}), "Nonce": bytes(16)})
    error = refused("rfc4656", [*recorded("rfc4656")[:number], changed])
    assert "Nonce was drawn, and the rule draws no such value" in error.reason


def test_a_sid_ends_with_what_was_drawn() -> None:
    number, event = of_rule("rfc4656", "Server_Accept_Session")
    changed = replace(event, drawn={"SID": bytes(4)})
    error = refused("rfc4656", [*recorded("rfc4656")[:number], changed])
    assert "does not end with 00000000" in error.reason


def test_what_the_theory_allows_is_not_to_be_refused() -> None:
    number, event = of_rule("rfc4656", "Reflector_Packet_Encrypted")
    changed = replace(event, refused="a whim", sent=None)
    error = refused("rfc4656", [*recorded("rfc4656")[:number], changed])
    assert error.rule is not None
    assert error.rule.name == "Reflector_Packet_Encrypted"
    assert "allows what is refused: a whim" in str(error)


def test_a_key_id_names_one_secret() -> None:
    _, event = of_rule("rfc4656", "Provision_Secret")
    again = replace(event, drawn={"shared secret": b"another"})
    error = refused("rfc4656", [event, again])
    assert "may happen once, and did" in error.reason


def test_restrictions_of_another_form_are_not_passed_over() -> None:
    with pytest.raises(UnknownRestrictionError, match="a restriction that runs are not held to"):
        RunChecker(*model_of("rfc4656")).restrict("All x #i. F(x) @ i ==> F")


def test_runs_that_cannot_be_held_to_a_restriction_fail() -> None:
    model, _ = model_of("rfc4656")
    odd = replace(model.restrictions[0], formula="All x #i. F(x) @ i ==> F")
    report = check_runs(replace(model, restrictions=(odd,)), 1)
    assert report.runs == 0
    assert "a restriction that runs are not held to: All x" in str(report.problem)


def test_a_model_without_rules_allows_nothing() -> None:
    model, inference = model_of("rfc4656")
    checker = RunChecker(replace(model, rules=(), restrictions=()), inference)
    with pytest.raises(RunError, match="the model has none"):
        checker.take(RunEvent("something"))


def test_a_run_that_is_no_trace_fails_the_command(tmp_path: Path) -> None:
    text = (MODELS / "rfc4656.spthy").read_text(encoding="utf-8")
    start = "[ Server_Ready(C, S, key_id, t1, t2, client_iv, cbc(t1, ~server_iv, $start_time), "
    assert start in text
    wrong = text.replace(start, start.replace("cbc(t1, ~server_iv", "cbc(t1, client_iv"))
    (tmp_path / "rfc4656.spthy").write_text(wrong, encoding="utf-8")
    arguments = ["--models", str(tmp_path), "--vectors", str(VECTORS), "--runs", "1"]
    result = CliRunner().invoke(main, ["conform-model", *arguments])
    assert result.exit_code == 1
    assert "1 runs" not in result.output
    assert "one is not a trace of the theory" in result.output
    assert "the server accepts the session: rule Server_Accept_Session: no rule" in result.output


def test_command_says_what_was_run() -> None:
    arguments = ["--model", "rfc4656", "--models", str(MODELS), "--vectors", str(VECTORS)]
    result = CliRunner().invoke(main, ["conform-model", *arguments, "--runs", "1"])
    assert result.exit_code == 0, result.output
    assert re.search(
        r"^  rfc4656 +runs: 1 run, \d+ steps, all traces of the theory; \d+ messages"
        r" refused by both$",
        result.output,
        re.M,
    )
    assert "the modes unauthenticated and mixed" in result.output
    result = CliRunner().invoke(main, ["conform-model", *arguments, "--runs", "0"])
    assert "Runs of the reference" not in result.output

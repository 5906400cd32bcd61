"""The reference's endpoints play the recorded traces, and `traces.json` is what they played."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from owamp_reference import ProtocolError, connection, ikev2, negotiation, sessions
from owamp_vectors.catalogue import FILES
from owamp_vectors.claims.declared import Claim
from owamp_vectors.disk import FileError
from owamp_vectors.groups import traces
from owamp_vectors.replay.drive import Driven, drive, scripts_text
from owamp_vectors.replay.replay import Replay, ReplayError

from ..support import committed_cases
from .test_replay import RECORDED, replayed, run

CASES = {str(case.trace): case.test for case in committed_cases(FILES["traces"])}
SESSION = "rfc4656/encrypted_session_runs_to_its_end"
TWAMP = "rfc4656_reflection/twamp_packets_return_encrypted"


@cache
def driven(name: str) -> Driven:
    return drive(replayed(name))


def test_the_inputs_of_traces_are_the_recorded_traces() -> None:
    found = scripts_text((claim, driven(str(claim.job))) for claim in RECORDED)
    assert json.loads(found)["traces"] == traces.load_recorded()


@pytest.mark.parametrize("claim", RECORDED, ids=[claim.id for claim in RECORDED])
def test_every_trace_is_a_vector_or_says_why_not(claim: Claim) -> None:
    found = driven(str(claim.job))
    case = CASES.get(str(claim.job))
    if case is None:
        assert found.script.not_played
        assert not found.is_whole
        return
    refutes = claim.expected == "falsified"
    assert (case["result"] == "acceptable") == bool(case["flags"]) == refutes
    steps = replayed(str(claim.job)).steps
    said = {octets.hex() for step in steps for octets in step.sent}
    speaking = {step.rule for step in steps if step.sent}
    for wanted, result in zip(found.script.wanted, case["results"], strict=True):
        if result["sent"] and result["sent"] not in said:  # the theory has it in part, or not
            assert any(item.view for item in wanted) or result["rule"] not in speaking


@pytest.mark.parametrize("name", CASES)
def test_endpoints_play_every_step_and_are_held_to_it(name: str) -> None:
    found = driven(name)
    assert found.played == len(CASES[name]["steps"])
    assert found.compared == sum(map(len, found.script.wanted))
    not_held = [
        step
        for step, wanted in zip(found.script.steps, found.script.wanted, strict=True)
        if not wanted
    ]
    assert {step["rule"] for step in not_held} <= {"Server_Token"}  # a Token with nothing after it


def test_an_attack_that_no_room_names_is_not_recorded() -> None:
    claim = next(claim for claim in RECORDED if claim.expected == "falsified")
    nameless = replace(claim, id="no-such-claim")
    with pytest.raises(
        FileError, match="expected the attack that refutes no-such-claim, found none"
    ):
        scripts_text([(nameless, driven(str(claim.job)))])


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("Server_Greeting", "No_Such_Rule", "no endpoint plays it, and nothing says why"),
        ("Server_Greeting", "Learn_SID", "rule Server_Start: no endpoint has made its Server_Gree"),
        (
            "Provision_Secret",
            "Server_Greeting",
            "rule Server_Greeting: its player finds no 'modes'",
        ),
    ],
)
def test_a_step_of_which_no_script_can_be_written_is_named(old: str, new: str, reason: str) -> None:
    found = replayed(SESSION)
    steps = tuple(replace(s, rule=new) if s.rule == old else s for s in found.steps)
    with pytest.raises(ReplayError, match=reason):
        drive(replace(found, steps=steps))


def _patched(
    monkeypatch: pytest.MonkeyPatch, name: str, owner: object, what: str, change: Callable[..., Any]
) -> None:
    """Replay by the reference as it is, and let changed endpoints play: they must be found out."""
    found: Replay = replayed(name)
    original = getattr(owner, what)
    monkeypatch.setattr(owner, what, lambda *args, **more: change(original, *args, **more))
    drive_fails(found)


def drive_fails(found: Replay) -> None:
    with pytest.raises(ReplayError, match=r"is [0-9a-f]+, not [0-9a-f]+ of the trace|refuses"):
        drive(found)


def test_a_server_that_sends_other_octets_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def other(original: Callable[..., bytes], self: connection.Server) -> bytes:
        octets = original(self)
        return octets[:-1] + bytes([octets[-1] ^ 1]) if octets else octets

    _patched(monkeypatch, SESSION, connection.Server, "data_to_send", other)


def test_a_client_that_refuses_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(original: object, *_: object) -> object:
        raise ProtocolError("Mode", "another", "this")

    _patched(monkeypatch, SESSION, negotiation, "read_mode", refuse)


def test_a_reflector_that_counts_otherwise_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def reflect(original: Callable[..., bytes], self: Any, data: bytes) -> bytes:
        self.next_sequence_number += 1
        return original(self, data)

    _patched(monkeypatch, TWAMP, sessions.SessionReflector, "reflect", reflect)


def test_another_sk_d_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def swapped(
        original: Callable[..., Any], prf: Any, seed: bytes, *rest: Any, **sizes: Any
    ) -> Any:
        ni, nr, spi_i, spi_r = rest
        return original(prf, seed, nr, ni, spi_i, spi_r, **sizes)

    name = next(name for name in CASES if name.startswith("ikev2_binding/"))
    _patched(monkeypatch, name, ikev2, "ike_sa_keys", swapped)


def test_a_participant_whose_session_is_not_accepted_refuses() -> None:
    case = CASES[SESSION]
    values = {name: item.from_json(case[name]) for name, item in traces.FIELDS.items()}
    early = [step for step in values["steps"] if step["participant"].startswith("sender")]
    with pytest.raises(ProtocolError, match="session: expected one that is accepted, found none"):
        traces.play({**values, "steps": early})


@given(st.data())
def test_a_case_with_something_missing_is_refused_or_played(data: st.DataObject) -> None:
    case = CASES[data.draw(st.sampled_from(sorted(CASES)))]
    values = {name: item.from_json(case[name]) for name, item in traces.FIELDS.items()}
    kind = data.draw(st.sampled_from([name for name in traces.RECORDS if values[name]]))
    record = data.draw(st.sampled_from(values[kind]))
    name = data.draw(st.sampled_from(sorted(set(record) - {"role", "testMode", "rule"})))
    record[name] = type(record[name])()
    with contextlib.suppress(ProtocolError):
        traces.play(values)


def test_the_command_records_the_inputs(tmp_path: Any) -> None:
    path = tmp_path / "inputs.json"
    claim = next(claim for claim in RECORDED if str(claim.job) == SESSION)
    code, output = run(claim.id, "--record", str(path))
    assert code == 0, output
    [script] = json.loads(path.read_text(encoding="utf-8"))["traces"]
    assert script in traces.load_recorded()

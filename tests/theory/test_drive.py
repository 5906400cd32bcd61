"""The reference's endpoints play the recorded traces, and `traces.json` is what they played."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable
from functools import cache
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from owamp_reference import ProtocolError, connection, ikev2, negotiation, sessions
from owamp_vectors.catalogue import FILES
from owamp_vectors.claims.declared import Claim
from owamp_vectors.groups import traces
from owamp_vectors.replay.drive import Driven, drive, scripts_text
from owamp_vectors.replay.replay import Replay, ReplayError
from owamp_vectors.vectors.declaration import Json

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
    assert json.loads(found)["traces"] == traces.load_scripts()


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
    sent = [item["sent"] for item in case["results"] if item["sent"]]
    said = {octets.hex() for step in replayed(str(claim.job)).steps for octets in step.sent}
    whole = [octets for octets in sent if octets in said]
    assert len(sent) - len(whole) <= _left_out_of_the_model(case)


def _left_out_of_the_model(case: Json) -> int:
    """How many messages are whole here and in part, or not at all, in the model."""
    rules = {"token_blocks": {"Server_Greeting", "Client_Token", "Server_Token"}}
    partial = rules.get(case["trace"].split("/")[0], {"Server_Start"})
    model = case["trace"].split("/")[0].split("+")[0]
    if model == "rfc4656":
        return 0
    return sum(step["rule"] in partial for step in case["steps"])


def test_the_least_that_endpoints_play() -> None:
    played = {name: driven(name).played for name in CASES}
    assert len(played) == len(CASES) >= 50
    assert played[SESSION] == 9
    assert sum(played.values()) >= 240
    compared = {name: driven(name).compared for name in CASES}
    assert all(compared[name] >= count - 1 for name, count in played.items())


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
    assert script in traces.load_scripts()

"""The reference's endpoints play the recorded traces, and `traces.json` is what they played."""

from __future__ import annotations

import contextlib
import itertools
import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cache
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from owamp_reference import ProtocolError, connection, ikev2, negotiation, sessions
from owamp_reference.keys import (
    ControlKeys,
    derive_test_session_keys,
    one_way_test_session_keys,
)
from owamp_vectors.catalogue import FILES
from owamp_vectors.claims.declared import Claim
from owamp_vectors.disk import FileError
from owamp_vectors.groups import traces
from owamp_vectors.replay.drive import Driven, drive, scripts_text
from owamp_vectors.replay.recorded import ReplayError
from owamp_vectors.replay.replay import Replay
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
    assert bool(case["flags"]) == refutes
    assert (case["result"] == "acceptable") == ("reason" in case)
    assert refutes or case["result"] == "valid"
    steps = replayed(str(claim.job)).steps
    said = {octets.hex() for step in steps for octets in step.sent}
    speaking = {step.rule for step in steps if step.sent}
    for wanted, result in zip(found.script.wanted, case["results"], strict=True):
        if result["sent"] and result["sent"] not in said:  # the theory has it in part, or not
            assert any(item.view for item in wanted) or result["rule"] not in speaking


def _packets(case: Json) -> Iterator[tuple[str, Json, Json]]:
    """The steps of the ends of test sessions: whose it is, the step, its result."""
    ends = {item["name"] for item in case["sessions"]}
    for step, result in zip(case["steps"], case["results"], strict=True):
        if step["participant"] in ends:
            yield step["participant"], step, result


@pytest.mark.parametrize("name", CASES)
def test_a_participant_numbers_its_packets_in_order_and_sends_each_once(name: str) -> None:
    """RFC 4656 §4.1.2, RFC 5357 §4.2.1."""
    case = CASES[name]
    keys = {item["name"]: item for item in case["sessions"]}
    sessions = driven(name).script
    sent = [result["sent"] for _, _, result in _packets(case) if result["sent"]]
    assert len(set(sent)) == len(sent)
    numbers: dict[str, list[int]] = {}
    for step, wanted in zip(sessions.sources, sessions.steps, strict=True):
        who = str(wanted["participant"])
        if who in keys and step.sent:
            variable = "own" if keys[who]["role"] == "Session-Reflector" else "number"
            numbers.setdefault(who, []).append(int.from_bytes(step.value(variable)[:4], "big"))
    for who, found in numbers.items():
        first = keys[who]["firstSequenceNumber"]
        assert found == list(range(first, first + len(found)))


@pytest.mark.parametrize("name", CASES)
def test_times_do_not_go_back(name: str) -> None:
    case = CASES[name]
    times = [item["startTime"] for item in case["servers"]]
    times += [item["sid"][8:24] for item in case["servers"] if item["sid"]]
    requests = [step["request"] for step in case["steps"] if step["request"]]
    starts = [request[-56:-40] for request in requests]
    stamped = [
        (who, step[field])
        for who, step, _ in _packets(case)
        for field in ("receiveTimestamp", "timestamp")
        if step[field]
    ]
    assert len(set(stamped)) == len(stamped)  # two ends may send at one time, one end may not
    packets = [time for _, time in stamped]
    assert packets == sorted(packets)
    for earlier, later in itertools.pairwise([times, starts, packets]):
        assert not earlier or not later or max(earlier) < min(later)
    if packets:  # less than the Timeout, which is a second or more
        assert int(packets[-1], 16) - int(packets[0], 16) < 1 << 32


@pytest.mark.parametrize("name", CASES)
def test_what_arrives_in_a_run_is_what_was_sent(name: str) -> None:
    if not CASES[name]["flags"]:
        sent: set[str] = set()
        for _, step, result in _packets(CASES[name]):
            assert not step["received"] or step["received"] in sent
            sent.add(result["sent"])


@pytest.mark.parametrize("name", CASES)
def test_test_keys_are_those_of_the_model(name: str) -> None:
    """The packets of a session are under the keys that its client or server derives."""
    case, title = CASES[name], name.split("/", maxsplit=1)[0]
    derive = one_way_test_session_keys if "ONE_WAY_KDF" in title else derive_test_session_keys
    clients = {item["name"]: item for item in case["clients"]}
    for result in case["results"]:
        if result["sid"] and result["participant"] in clients:
            drawn = clients[result["participant"]]
            own = ControlKeys(bytes.fromhex(drawn["t1"]), bytes.fromhex(drawn["t2"]))
            found = derive(own, bytes.fromhex(result["sid"]))
            assert (found.t3.hex(), found.t4.hex()) == (result["t3"], result["t4"])
    no_rfc = {"KEYMAT_SID", "KEYMAT_SID_LATE", "ONE_WAY_KDF", "REPAIRED_TOKEN", "SHARED_KEYS"}
    if no_rfc & set(title.split("+")):
        assert case["requirement"] == "POLICY"


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

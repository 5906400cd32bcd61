"""The vectors of the attacks are the recorded traces, octet by octet."""

from __future__ import annotations

import pytest
from owamp_vectors.catalogue import FILES
from owamp_vectors.replay.replay import Replay
from owamp_vectors.vectors.declaration import Json

from ..support import stored
from .test_replay import CLAIMS, RECORDED, replayed

CASES = [
    (group["type"], case)
    for group in stored(FILES["attacks"])["testGroups"]
    for case in group["tests"]
    if "trace" in case
]
BY_TRACE: dict[str, Json] = {case["trace"]: case for _, case in CASES}

SENT = {
    "Server_Greeting": "serverGreeting",
    "Client_Set_Up_Response": "setUpResponse",
    "Server_Start": "serverStart",
    "Client_Request_Session": "requestSession",
    "Server_Accept_Session": "acceptSession",
    "Sender_Packet_Encrypted": "senderPacket",
    "Reflector_Packet_Encrypted": "reflectorPacket",
}
"""Which output of a case each rule of rfc4656 sends."""


def sent_by(found: Replay, rule: str) -> list[str]:
    return [octets.hex() for step in found.all(rule) for octets in step.sent]


def received_by(found: Replay, rule: str) -> list[str]:
    return [octets.hex() for step in found.all(rule) for octets in step.received]


def test_every_trace_is_one_that_a_claim_is_about() -> None:
    assert len(BY_TRACE) == len(CASES)
    assert set(BY_TRACE) <= {str(claim.job) for claim in CLAIMS.claims}
    if RECORDED:
        assert set(BY_TRACE) <= {str(claim.job) for claim in RECORDED}


def test_attacks_that_cannot_be_refused_say_what_to_do() -> None:
    for group_type, case in CASES:
        assert case["result"] == ("valid" if group_type == "SessionRun" else "acceptable")
        assert (case["result"] == "valid") != bool(case["flags"])


@pytest.mark.parametrize(
    "trace",
    [
        "rfc4656/encrypted_session_runs_to_its_end",
        "rfc4656/control_keys_survive_loss_of_test_keys",
    ],
)
def test_connections_are_the_traces(trace: str) -> None:
    case, found = BY_TRACE[trace], replayed(trace)
    rules = {step.rule for step in found.steps} & set(SENT)
    assert rules == {rule for rule, output in SENT.items() if output in case}
    for rule in rules:
        assert sent_by(found, rule) == [case[SENT[rule]]], rule


def test_the_inversion_is_the_adversarys() -> None:
    trace = "rfc4656/control_keys_survive_loss_of_test_keys"
    case, found = BY_TRACE[trace], replayed(trace)
    assert set(sent_by(found, "Reveal_Test_Keys")) == {case["t3"] + case["t4"]}
    assert sent_by(found, "Learn_SID") == [case["sid"]]
    assert case["recoveredT1"] == case["t1"]
    assert case["recoveredT2"] == case["t2"]
    assert bytes.fromhex(case["recoveredT1"]) in found.known.values()
    assert case["decryptedRequest"].startswith("05" + case["parameters"])


def test_the_forged_token_is_the_traces() -> None:
    trace = "token_blocks/zero_keys_are_not_accepted"
    case, found = BY_TRACE[trace], replayed(trace)
    count = case["count"].to_bytes(4, "big").hex()
    assert sent_by(found, "Server_Greeting") == [case["challenge"] + case["salt"] + count]
    assert case["serverGreeting"][32:104] == case["challenge"] + case["salt"] + count
    lures = [chosen + case["salt"] + count for chosen in case["chosenChallenges"]]
    assert sorted(received_by(found, "Client_Token")) == sorted(lures)
    assert sorted(sent_by(found, "Client_Token")) == sorted(case["clientTokens"])
    assert received_by(found, "Server_Token") == [case["token"]]
    assert case["setUpResponse"][168:296] == case["token"]
    [accepted] = found.first("Server_Keys").instance.actions
    assert "".join(v.hex() for v in accepted.args[2:] if isinstance(v, bytes)) == (
        case["t1"] + case["t2"]
    )
    assert not int(case["t1"] + case["t2"], 16)
    assert case["accept"] == 0
    assert case["acceptSession"]


def test_the_senders_own_packet_is_the_traces() -> None:
    trace = "rfc4656_reflection/twamp_packet_returns_from_the_reflector_authenticated"
    case, found = BY_TRACE[trace], replayed(trace)
    assert case["senderPacket"] in sent_by(found, "TWAMP_Send_Authenticated")
    assert received_by(found, "TWAMP_Return_Authenticated") == [case["reflectedPacket"]]
    assert case["acceptedSequenceNumber"] == case["sequenceNumber"]


@pytest.mark.parametrize("mode", ["authenticated", "encrypted"])
def test_the_packet_of_another_session_is_the_traces(mode: str) -> None:
    lemma = f"owamp_packet_comes_from_the_sessions_sender_{mode}"
    trace = f"rfc4656_reflection+SHARED_KEYS/{lemma}"
    case, found = BY_TRACE[trace], replayed(trace)
    rule = mode.capitalize()
    assert case["senderPacket"] in sent_by(found, f"OWAMP_Send_{rule}")
    assert received_by(found, f"OWAMP_Receive_{rule}") == [case["receivedPacket"]]
    others = [
        other
        for group in stored(FILES["attacks"])["testGroups"]
        for other in group["tests"]
        if other.get("testMode") == mode and other.get("keys") == "RFC 4656"
    ]
    [other] = others
    assert other["result"] == "invalid"
    assert {
        k: v for k, v in other.items() if k in ("t1", "t2", "senderSid", "timestamp")
    }.items() <= (case.items())

"""The vectors of the attacks are the recorded traces, but for numbers and times."""

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
]
BY_TRACE: dict[str, Json] = {case["trace"]: case for _, case in CASES if "trace" in case}
HMAC = 32
"""Hexadecimal digits of an HMAC, and of the first block of a packet."""


def sent_by(found: Replay, rule: str) -> list[str]:
    return [octets.hex() for step in found.all(rule) for octets in step.sent]


def received_by(found: Replay, rule: str) -> list[str]:
    return [octets.hex() for step in found.all(rule) for octets in step.received]


def test_every_trace_is_one_that_a_claim_is_about() -> None:
    assert len(BY_TRACE) == len([case for _, case in CASES if "trace" in case])
    assert set(BY_TRACE) <= {str(claim.job) for claim in CLAIMS.claims}
    if RECORDED:
        assert set(BY_TRACE) <= {str(claim.job) for claim in RECORDED}


def test_what_may_be_refused_says_what_is_left_to_do_and_every_type_has_more_than_that() -> None:
    """An implementation that refuses all attacks fails a case of each type."""
    for _, case in CASES:
        assert (case["result"] == "acceptable") == ("alternatives" in case)
    valid = {group_type for group_type, case in CASES if case["result"] == "valid"}
    assert valid == {group_type for group_type, _ in CASES}


def test_times_ascend() -> None:
    for group_type, case in CASES:
        if group_type == "SessionRun":
            start = case["parameters"][2 * 67 : 2 * 75]
            names = ("timestamp", "receiveTimestamp", "reflectorTimestamp")
            times = [case["startTime"], start, *(case[name] for name in names)]
            assert times == sorted(set(times))


@pytest.mark.parametrize(
    "trace",
    [
        "rfc4656/encrypted_session_runs_to_its_end",
        "rfc4656/t1_survives_loss_of_t3",
    ],
)
def test_set_up_of_the_sessions_is_the_traces(trace: str) -> None:
    found = replayed(trace)
    greeting, response = (sent_by(found, r) for r in ("Server_Greeting", "Client_Set_Up_Response"))
    runs = [case for group_type, case in CASES if group_type == "SessionRun"]
    [case] = [case for case in runs if [case["serverGreeting"]] == greeting]
    assert [case["setUpResponse"]] == response


def test_the_inversion_is_the_adversarys() -> None:
    trace = "rfc4656/t1_survives_loss_of_t3"
    case, found = BY_TRACE[trace], replayed(trace)
    assert set(sent_by(found, "Reveal_T3")) == {case["t3"]}
    assert sent_by(found, "Learn_SID") == [case["sid"]]
    assert bytes.fromhex(case["recoveredT1"]) in found.known.values()
    requests = [c for group_type, c in CASES if group_type == "SessionRun"]
    [request] = [c for c in requests if c["requestSession"] == case["requestSession"]]
    assert (case["recoveredT1"], case["recoveredT2"]) == (request["t1"], request["t2"])
    assert case["decryptedRequest"].startswith("05" + request["parameters"])


def test_the_forged_token_is_the_traces() -> None:
    trace = "token_blocks/zero_keys_are_not_accepted"
    case, found = BY_TRACE[trace], replayed(trace)
    salt_count = case["salt"] + case["count"].to_bytes(4, "big").hex()
    assert sent_by(found, "Server_Greeting") == [case["challenge"] + salt_count]
    lures = [chosen + salt_count for chosen in case["chosenChallenges"]]
    assert sorted(received_by(found, "Client_Token")) == sorted(lures)
    assert sorted(sent_by(found, "Client_Token")) == sorted(case["clientTokens"])
    assert received_by(found, "Server_Token") == [case["token"]]
    [accepted] = found.first("Server_Keys").instance.actions
    assert "".join(v.hex() for v in accepted.args[2:] if isinstance(v, bytes)) == (
        case["serverT1"] + case["serverT2"]
    )
    assert not int(case["serverT1"] + case["serverT2"], 16)


def test_the_transplanted_token_is_the_traces() -> None:
    trace = "token_blocks/t2_of_a_client_comes_with_its_t1"
    case, found = BY_TRACE[trace], replayed(trace)
    assert received_by(found, "Server_Token") == [case["token"]]
    [accepted] = found.first("Server_Keys").instance.actions
    assert "".join(v.hex() for v in accepted.args[2:] if isinstance(v, bytes)) == (
        case["t1"] + case["t2"]
    )
    seals = [step for step in found.steps if step.rule == "Client_Token"]
    drawn = [
        (step.value("t1").hex(), (step.value("t2a") + step.value("t2b")).hex()) for step in seals
    ]
    assert case["t2"] in {t2 for _, t2 in drawn}
    assert case["t1"] not in {t1 for t1, _ in drawn}


def test_forged_tokens_are_taken_whatever_keys_were_wanted() -> None:
    forged = {case["token"]: case for group_type, case in CASES if group_type == "TokenForged"}
    assert any(int(case["wantedT1"], 16) for case in forged.values())
    accepted = (case for group_type, case in CASES if group_type == "ForgedTokenAccepted")
    taken = [case for case in accepted if "T2Transplanted" not in case["flags"]]
    assert {case["token"] for case in taken} == set(forged)
    for case in taken:
        assert (case["t1"], case["t2"]) == (
            forged[case["token"]]["serverT1"],
            forged[case["token"]]["serverT2"],
        )
        assert case["accept"] == 0
        assert case["result"] == ("valid" if int(case["t1"], 16) else "acceptable")


def test_the_senders_own_packet_is_made_as_in_the_trace() -> None:
    trace = "rfc4656_reflection/twamp_packet_returns_from_the_reflector_authenticated"
    case, found = BY_TRACE[trace], replayed(trace)
    packets = [c for group_type, c in CASES if group_type == "PacketOfSession"]
    [own] = [c for c in packets if is_made_of(case["receivedPacket"], c["senderPacket"])]
    assert case["acceptedSequenceNumber"] == own["sequenceNumber"]
    [returned] = received_by(found, "TWAMP_Return_Authenticated")
    sent = sent_by(found, "TWAMP_Send_Authenticated")
    assert any(is_made_of(returned, packet) for packet in sent)


def is_made_of(received: str, packet: str) -> bool:
    """Whether the first block of what is received, and its HMAC, are those of a packet."""
    return (
        received != packet and received[:HMAC] + received[-HMAC:] == packet[:HMAC] + packet[-HMAC:]
    )


@pytest.mark.parametrize("mode", ["authenticated", "encrypted"])
def test_the_packet_of_another_session_is_taken_as_in_the_trace(mode: str) -> None:
    lemma = f"owamp_packet_comes_from_the_sessions_sender_{mode}"
    trace = f"rfc4656_reflection+SHARED_KEYS/{lemma}"
    case, found = BY_TRACE[trace], replayed(trace)
    rule = mode.capitalize()
    [taken] = received_by(found, f"OWAMP_Receive_{rule}")
    sent = sent_by(found, f"OWAMP_Send_{rule}")
    assert any(taken[:HMAC] == packet[:HMAC] for packet in sent)
    packets = [c for group_type, c in CASES if group_type == "PacketOfSession"]
    [other] = [c for c in packets if c["senderPacket"] == case["receivedPacket"]]
    assert (other["t1"], other["t2"]) == (case["t1"], case["t2"])
    assert other["sid"] != case["sid"]

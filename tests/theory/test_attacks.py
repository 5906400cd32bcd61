"""The vectors of the attacks are the recorded traces, but for numbers and times."""

from __future__ import annotations

from dataclasses import replace

import pytest
from owamp_reference.connection import ClientConfig, ControlClient, Server, ServerConfig, accept_all
from owamp_reference.events import TestSession
from owamp_reference.messages import (
    Command,
    RequestSession,
    ScheduleSlot,
    ServerStart,
    SetUpResponse,
    encode_key_id,
)
from owamp_reference.negotiation import Credentials, Mode, Protocol, secrets_of
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
    taken = [case for case in accepted if "TokenForgery" in case["flags"]]
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


def test_the_front_is_cut_off_as_in_the_trace() -> None:
    trace = "control_stream/server_takes_in_order"
    case, found = BY_TRACE[trace], replayed(trace)
    [first] = sent_by(found, "Client_Sends_First")
    assert received_by(found, "Server_Start") == [first[-HMAC:]]
    assert received_by(found, "Server_Takes_First") == sent_by(found, "Client_Sends_Second")
    set_up = found.first("Set_Up")
    assert (case["t1"], case["t2"]) == (set_up.value("t1").hex(), set_up.value("t2").hex())
    sent = next(c for group_type, c in CASES if group_type == "ControlSend")
    assert (sent["t1"], sent["iv"]) == (case["t1"], set_up.value("client_iv").hex())
    size = len(case["requestSession"])
    assert sent["wire"] == sent["wire"][:size] + case["requestSession"]
    assert sent["wire"][:size].endswith(case["clientIv"])


@pytest.mark.parametrize("mode", ["authenticated", "encrypted"])
def test_mode_is_changed_as_in_the_trace(mode: str) -> None:
    trace = f"mixed_mode/{mode}_session_takes_numbers_of_its_sender"
    case, found = BY_TRACE[trace], replayed(trace)
    assert received_by(found, "Server_Start") == [case["changedSetUpResponse"]]
    assert sent_by(found, "Client_Set_Up_Response") == [case["setUpResponse"]]
    [packet] = received_by(found, "Reflector_Takes_Mixed")
    assert len(packet) == len(case["senderPacket"])


OWAMP_REQUEST = RequestSession(
    ipvn=4,
    conf_sender=0,
    conf_receiver=1,
    number_of_packets=6,
    sender_port=8760,
    receiver_port=0,
    sender_address=bytes(16),
    receiver_address=bytes(16),
    sid=bytes(16),
    padding_length=0,
    start_time=0,
    timeout=2 << 32,
    type_p=0,
    slots=(),
)
SCHEDULES = [
    [0] * 6,
    [2**64 - 1] * 6,
    [0x0104_0101_0000_0006 << shift & (2**64 - 1) for shift in range(0, 48, 8)],
]


@pytest.mark.parametrize("parameters", SCHEDULES)
@pytest.mark.parametrize("slot_type", [0, 1])
def test_no_schedule_reads_as_a_request_that_is_granted(
    parameters: list[int], slot_type: int
) -> None:
    """The front cut off an OWAMP client's Request-Session, so that the server begins with it."""
    slots = tuple(ScheduleSlot(slot_type, parameter) for parameter in parameters)
    credentials = Credentials(encode_key_id("alice"), b"secret")
    server = Server(
        ServerConfig(
            Protocol.OWAMP, Mode.ENCRYPTED, find_secret=secrets_of(credentials), policy=accept_all
        )
    )
    client = ControlClient(ClientConfig(Protocol.OWAMP, Mode.ENCRYPTED, credentials))
    client.receive(server.data_to_send())
    response = SetUpResponse.parse(client.data_to_send())
    client.receive(ServerStart(0, bytes(16), 0).to_octets())
    client.request_session(replace(OWAMP_REQUEST, slots=slots))
    wire = client.data_to_send()
    header = RequestSession.LAYOUT.size + HMAC // 2
    server.receive(replace(response, client_iv=wire[header - 16 : header]).to_octets())
    server.data_to_send()
    events = server.receive(wire[header:])
    assert not any(isinstance(event, TestSession) for event in events)
    assert not server.data_to_send()
    text = b"".join(slot.pack() for slot in slots)
    read = RequestSession.LAYOUT.unpack(bytes([Command.REQUEST_SESSION]) + text[1:])
    names = ("ipvn", "conf_sender", "conf_receiver", "number_of_slots")
    assert [read[name] for name in names] == [0, 0, 0, 0]

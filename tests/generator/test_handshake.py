"""Whole connections do what their own messages say, and no mistake is held by one case."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from itertools import accumulate, cycle, islice

import pytest
from owamp_reference.messages import (
    FetchAck,
    FetchData,
    RequestSession,
    StopSessions,
    StopTWSessions,
)
from owamp_reference.negotiation import REQUESTS, Protocol
from owamp_vectors.catalogue import FILES
from owamp_vectors.mistakes import handshake
from owamp_vectors.vectors.stored import StoredCase

from ..support import committed_cases

CASES = committed_cases(FILES["handshake"])
WHOLE = [case for case in CASES if "transcript" in case.test]
each_whole = pytest.mark.parametrize("case", WHOLE, ids=lambda case: f"tcId {case.test['tcId']}")
EARLY = "stopped after 2 of 10 packets"


def requests_of(case: StoredCase) -> list[RequestSession]:
    kind = REQUESTS[Protocol(case.parameters["protocol"])]
    return [kind.parse(bytes.fromhex(octets)) for octets in case.test["requests"]]  # type: ignore[misc]


def said(case: StoredCase, name: str) -> Iterator[bytes]:
    """The plaintext of each message with a name."""
    for message in case.test["transcript"]:
        if message["message"].startswith(name):
            yield bytes.fromhex(message["plaintext"])


@each_whole
def test_packets_leave_by_the_schedule(case: StoredCase) -> None:
    """RFC 4656 §3.6: each slot is waited for, and then its packet leaves."""
    times = [int(time, 16) for time in case.test["sendTimes"]]
    for request in requests_of(case):
        assert times == sorted(times)
        assert request.start_time <= times[0]
        if case.parameters["protocol"] == "OWAMP":
            assert all(slot.slot_type == 1 for slot in request.slots)
            delays = islice(cycle(slot.parameter for slot in request.slots), len(times))
            assert times == [request.start_time + passed for passed in accumulate(delays)]


@each_whole
def test_as_many_packets_are_sent_as_are_announced(case: StoredCase) -> None:
    """RFC 4656 §3.8: Next Seqno of a completed session equals the Number of Packets."""
    if case.parameters["protocol"] == "TWAMP":
        (stop,) = (StopTWSessions.parse(octets) for octets in said(case, "Stop-Sessions"))
        assert stop.number_of_sessions == len(case.test["requests"])
        return
    numbers = {request.number_of_packets for request in requests_of(case)}
    described = [
        record
        for octets in said(case, "Stop-Sessions")
        for record in StopSessions.parse(octets).sessions
    ]
    assert len(described) == len(case.test["requests"])
    sent = {record.next_seqno for record in described}
    assert sent == {len(case.test["sendTimes"])}
    assert (sent == numbers) != (EARLY in case.comment)


@each_whole
def test_fetched_records_are_those_of_the_packets(case: StoredCase) -> None:
    for octets in said(case, "Fetch-Ack"):
        ack = FetchAck.parse(octets[:32])
        data = FetchData.parse(octets[32:], ack)
        times = [int(time, 16) for time in case.test["sendTimes"]]
        assert [record.send_timestamp for record in data.records] == times
        assert all(
            record.receive_timestamp - record.send_timestamp == 2**24 for record in data.records
        )
        assert ack.next_seqno == ack.number_of_records == len(times)


@each_whole
def test_no_two_sessions_have_the_same_ports(case: StoredCase) -> None:
    requests = requests_of(case)
    ports = {(request.sender_port, request.receiver_port) for request in requests}
    granted = [answer["port"] for answer in case.test["policy"]]
    assert len(ports) == len(requests) == len(set(granted)) == len(granted)
    if case.parameters["protocol"] == "TWAMP":
        assert granted == [request.receiver_port for request in requests]


def test_one_kind_of_connection_is_stopped_early() -> None:
    early = [case for case in WHOLE if EARLY in case.comment]
    assert early
    for case in early:
        refusals = [item for item in case.test["alternatives"] if "denies" in item["reason"]]
        assert refusals, "what is fetched may also be denied"


def test_no_mistake_is_held_by_a_single_case() -> None:
    caught = Counter(flag for case in CASES for flag in case.flags)
    assert not [item.flag for item in handshake.MISTAKES if caught[item.flag] < 2]


def test_sent_has_an_entry_for_the_beginning_and_one_for_each_step() -> None:
    for case in CASES:
        if "steps" in case.test:
            for outcome in (case.test, *case.test.get("alternatives", ())):
                if "sent" not in outcome:
                    assert outcome["stage"] == "text", "a passphrase that is not allowed"
                    continue
                assert len(outcome["sent"]) == len(case.test["steps"]) + 1

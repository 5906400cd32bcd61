"""The probe on servers that do something wrong: it says what, at which step, by which section."""

from __future__ import annotations

import asyncio
import errno
import json
import socket
import struct
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from owamp_reference import primitives
from owamp_reference.connection import ControlClient
from owamp_reference.messages import (
    RequestSession,
    ServerGreeting,
    ServerStart,
    SetUpResponse,
    StartSessions,
)
from owamp_reference.negotiation import Credentials, Mode, Protocol
from owamp_vectors.live.observe.steps import Severity, any_wrong, steps_to_json, text_lines
from owamp_vectors.live.probe import sessions as probe_sessions
from owamp_vectors.live.probe.config import Direction
from owamp_vectors.live.probe.probe import ProbeReport, UnreachableError, run_probe
from owamp_vectors.live.serve import sessions as server_sessions
from owamp_vectors.mistakes import MISTAKES

from ..reference.support import IKEV2_CREDENTIALS, OWAMP, PASSPHRASE, TWAMP, Draws, Setting
from .peers import PATIENCE, named, plan, playing, probe_of, probed, run, serving, wrongs
from .wrong_servers import (
    CLIENT_IV,
    FIRST_COMMAND,
    BreaksOff,
    CountsWrongly,
    DescribesNothing,
    DoesNotStart,
    FetchesNothing,
    FetchesOneTwice,
    FetchesOtherRecords,
    HangsUp,
    HangsUpAtStop,
    LeavesEarly,
    NoSid,
    StopsByFailure,
    TalksOn,
    WrongHmacs,
    misreading,
    other_port,
    refuses,
    with_mistake,
)

OPEN_TWAMP = Setting(Protocol.TWAMP, Mode.UNAUTHENTICATED)
FIRST_HMAC = FIRST_COMMAND + RequestSession.LAYOUT.size
"""Where in the client's octets the first HMAC of either kind of request is."""
Script = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def report_on(script: Script, setting: Setting = TWAMP, timeout: float = 10) -> ProbeReport:
    async def main() -> ProbeReport:
        async with playing(script) as port:
            return await run_probe(plan(setting, timeout=timeout), "127.0.0.1", port)

    return run(main())


def saying(*messages: bytes) -> Script:
    """Says each message after something was heard, the first at once, and closes."""

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for number, message in enumerate(messages):
            if number:
                await reader.read(2**16)
            writer.write(message)
        await writer.drain()

    return script


def greeting(**changes: Any) -> bytes:
    values: dict[str, Any] = {
        "modes": 15,
        "challenge": bytes(range(16)),
        "salt": bytes(range(16)),
        "count": 1024,
    }
    return ServerGreeting(**values | changes).to_octets()


# Not there, silent, slow, gone


def test_a_server_that_is_not_there_cannot_be_reached() -> None:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))  # and does not listen
        with pytest.raises(UnreachableError, match=r": connection refused$"):
            run(run_probe(plan(TWAMP), "127.0.0.1", bound.getsockname()[1]))


def test_a_server_that_does_not_take_connections_cannot_be_reached() -> None:
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        waiting = [socket.socket() for _ in range(3)]
        for one in waiting:
            one.setblocking(False)
            one.connect_ex(full.getsockname())
        with pytest.raises(UnreachableError, match=r"no connection within 0\.2 s"):
            run(run_probe(plan(TWAMP, timeout=0.2), "127.0.0.1", full.getsockname()[1]))
        for one in waiting:
            one.close()


async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read()


def test_a_server_that_says_nothing_is_reported_after_the_time_out() -> None:
    report = report_on(silent, timeout=1)
    expected = "not there within 1 s"
    assert wrongs(report) == [("Server-Greeting", "RFC 4656 §3.1", expected)]


def test_a_greeting_one_octet_at_a_time_counts_as_slow() -> None:
    async def slow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for octet in greeting():
            writer.write(bytes([octet]))
            await asyncio.sleep(0.05)

    report = report_on(slow, timeout=1)
    ((name, _, text),) = wrongs(report)
    assert name == "Server-Greeting"
    assert text.startswith("not there within 1 s; ")
    assert text.endswith(" octets came")
    assert not report.is_complete


def test_a_greeting_and_nothing_more_is_reported_as_a_missing_server_start() -> None:
    async def stops(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(greeting())
        await reader.read()

    report = report_on(stops, timeout=1)
    assert wrongs(report) == [("Server-Start", "RFC 4656 §3.1", "not there within 1 s")]


@pytest.mark.parametrize("size", [0, 1, 63])
def test_a_connection_that_ends_in_the_greeting_is_reported(size: int) -> None:
    report = report_on(saying(greeting()[:size]))
    assert any_wrong(report.steps)
    assert all(source == "RFC 4656 §3.1" for _, source, _ in wrongs(report))


def test_a_connection_that_is_reset_is_reported() -> None:
    async def reset(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        linger = struct.pack("ii", 1, 0)
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        writer.write(greeting())
        await reader.read(10)

    report = report_on(reset)
    ((name, source, text),) = wrongs(report)
    assert (name, source) == ("Server-Start", "RFC 4656 §3.1")
    assert text.startswith("the connection broke: ")


def test_no_udp_port_is_no_fault_of_the_peer(monkeypatch: pytest.MonkeyPatch) -> None:
    def bind(*_: object) -> None:
        raise OSError(errno.EADDRNOTAVAIL, "Cannot assign requested address")

    monkeypatch.setattr(probe_sessions, "bind", bind)
    with pytest.raises(UnreachableError, match=r"127\.0\.0\.1: no UDP port: Cannot assign"):
        probe_of(TWAMP)


# Set-up


@pytest.mark.parametrize(
    ("changes", "severity", "said"),
    [
        ({"modes": 0}, Severity.NOTE, "Modes 0"),
        ({"modes": 256}, Severity.WRONG, "security bit"),
        ({"modes": 1}, Severity.NOTE, "Mode: expected one of the offered 0x00000001"),
        ({"count": 1000}, Severity.WRONG, "Count"),
        ({"count": 1025}, Severity.WRONG, "Count"),
        ({"count": 0}, Severity.WRONG, "Count"),
        ({"count": 2**31}, Severity.NOTE, "Count 2147483648 is above 32768"),
        ({"salt": bytes(16)}, Severity.WRONG, "Salt: expected random octets"),
        ({"challenge": bytes(16)}, Severity.WRONG, "Challenge: expected random octets"),
    ],
)
def test_greetings(changes: dict[str, Any], severity: Severity, said: str) -> None:
    report = report_on(saying(greeting(**changes)))
    step = next(
        item for item in named(report, "Server-Greeting") if item.severity is not Severity.OK
    )
    assert step.severity is severity
    assert said in step.text
    assert step.source == ("RFC 5357 §6" if "above" in said else "RFC 4656 §3.1")
    assert not report.is_right


@pytest.mark.parametrize(
    ("accept", "severity", "said"),
    [
        (1, Severity.NOTE, "the server refuses: Accept 1, failure"),
        (3, Severity.NOTE, "the server refuses: Accept 3, not supported"),
        (77, Severity.WRONG, "Accept: expected an assigned value, found 77"),
    ],
)
def test_refusals_of_the_set_up(accept: int, severity: Severity, said: str) -> None:
    start = ServerStart(accept, bytes(16), 0).to_octets()
    report = report_on(saying(greeting(), start))
    (step,) = named(report, "Server-Start")
    assert step.severity is severity
    assert step.text == said
    assert step.source == "RFC 4656 §3.3"
    assert not report.is_complete


@given(st.binary(min_size=1, max_size=400), st.booleans())
@settings(max_examples=40, deadline=None)
def test_any_octets_are_reported_on_without_an_error(data: bytes, greet: bool) -> None:
    report = report_on(saying(greeting(), data) if greet else saying(data))
    assert report.steps
    assert not report.is_complete


# Hanging up without a word


async def refuses_the_token(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(greeting())
    await reader.readexactly(SetUpResponse.LAYOUT.size)


async def resets_at_the_token(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    linger = struct.pack("ii", 1, 0)
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    await refuses_the_token(reader, writer)


def notes(report: ProbeReport) -> list[tuple[str, str]]:
    """Text and section of what is remarkable in the last step."""
    remarks = report.steps[-1].remarks
    return [(one.text, one.source) for one in remarks if one.severity is Severity.NOTE]


@pytest.mark.parametrize(
    ("script", "name", "said"),
    [
        (refuses_the_token, "end", "while setting up"),
        (resets_at_the_token, "Server-Start", "the connection broke: "),
    ],
)
def test_a_server_that_hangs_up_at_the_token(script: Script, name: str, said: str) -> None:
    report = report_on(script)
    ((found, source, text),) = wrongs(report)
    assert (found, source) == (name, "RFC 4656 §3.1")
    assert said in text
    ((cause, section),) = notes(report)
    assert cause.startswith("likely cause: the Token or its KeyID 'alice' is refused, without")
    assert section == "RFC 4656 §3.1"
    (part,) = report.steps[-1].parts
    assert part.title == "Set-Up-Response, as sent"
    assert part.octets == named(report, "Set-Up-Response")[0].octets


@pytest.mark.parametrize(
    ("place", "setting"),
    # With another Client-IV a server of TWAMP reads an unknown command, and answers with Accept 3.
    [(FIRST_HMAC, OWAMP), (FIRST_HMAC, TWAMP), (CLIENT_IV, OWAMP)],
    ids=["OWAMP, HMAC", "TWAMP, HMAC", "OWAMP, Client-IV"],
)
def test_a_server_that_hangs_up_at_the_first_hmac(place: int, setting: Setting) -> None:
    draws = Draws("hang-up")
    report = probe_of(
        setting, misreading(place), make_client=lambda config: ControlClient(config, draws)
    )
    assert wrongs(report) == [
        ("end", "RFC 4656 §3.4", "the connection ends before a command was answered")
    ]
    (cause, section), (other, _), (where, _) = notes(report)
    theirs = "TWAMP, at port 862" if setting is OWAMP else "OWAMP, at port 861"
    assert other.startswith(f"perhaps the server speaks {theirs}, which has no ")
    request = named(report, setting.request().LAYOUT.title)[0]
    assert f"likely cause: the server computes another HMAC of {request.name}: with" in cause
    assert "another T1 or with another IV than Client-IV" in cause
    assert section == "RFC 4656 §3.2"
    assert "input of each HMAC" in where
    sent, *inputs = report.steps[-1].parts
    assert (sent.title, sent.octets) == (f"{request.name}, as sent", request.octets)
    # What was sent is, to whoever knows T1 and T2, these inputs, each with its HMAC.
    t1, t2, iv = (draws.given[label] for label in ("T1", "T2", "Client-IV"))
    text = primitives.cbc_decryptor(t1, iv).update(sent.octets)
    assert text == b"".join(
        part.octets + primitives.hmac_sha1_128(t2, part.octets) for part in inputs
    )
    shown = "".join(
        [*text_lines(report.steps, octets=True), json.dumps(steps_to_json(report.steps))]
    )
    for secret in (t1, t2, PASSPHRASE):
        assert secret.hex() not in shown.replace(" ", "")


def test_a_server_that_hangs_up_at_a_later_hmac() -> None:
    hmac_of_start = FIRST_COMMAND + len(TWAMP.request().to_octets()) + StartSessions.LAYOUT.size
    report = probe_of(TWAMP, misreading(hmac_of_start))
    (cause, _), _ = notes(report)
    assert "another HMAC of Start-Sessions: " in cause
    assert "as it answered earlier, T1, T2 and Client-IV agree, so perhaps AES-CBC" in cause
    assert [part.title for part in report.steps[-1].parts] == [
        "Start-Sessions, as sent",
        "Input of its HMAC",
    ]


def test_a_stop_that_is_not_answered() -> None:
    (cause, _), _ = notes(probe_of(OWAMP, HangsUpAtStop))
    assert "another HMAC of Stop-Sessions" in cause


def test_nothing_is_guessed_of_what_has_no_hmac() -> None:
    assert notes(probe_of(OPEN_TWAMP, HangsUp)) == []


def test_nothing_is_guessed_of_a_server_that_had_begun_to_answer() -> None:
    report = probe_of(TWAMP, BreaksOff)
    assert "inside a message" in wrongs(report)[0][2]
    assert notes(report) == []


# Mistakes of the reference, in the server alone


@pytest.mark.parametrize(
    ("flag", "step", "source"),
    [
        ("IvsExchanged", "end", "RFC 4656 §3.4"),  # no command verifies, so none is answered
        ("OneStreamForBoth", "Accept-Session", "RFC 4656 §3.2"),
        ("StartTimeInClear", "Accept-Session", "RFC 4656 §3.2"),
        ("SidOfTheRequest", "Test packets", "RFC 5357 §4.2.1"),
    ],
)
def test_named_mistakes(flag: str, step: str, source: str) -> None:
    report = probe_of(TWAMP, with_mistake(flag), timeout=PATIENCE)
    assert (step, source) in [(name, section) for name, section, _ in wrongs(report)]


@pytest.mark.parametrize("flag", ["SidOfTheRequest"])
def test_a_reflector_that_answers_nothing_is_tried_with_the_known_mistakes(flag: str) -> None:
    (step,) = named(probe_of(TWAMP, with_mistake(flag), timeout=PATIENCE), "Test packets")
    assert step.text == "0 of 3 test packets were reflected"
    assert f"it answers a packet that is protected by a mistake: {said_of(flag)}" in [
        remark.text for remark in step.remarks
    ]


def said_of(flag: str) -> str:
    return f"{MISTAKES[flag].note.description.rstrip('.')} ({flag})"


@pytest.mark.parametrize("setting", [TWAMP, OWAMP], ids=str)
def test_a_secret_that_is_refused_has_its_likely_causes_in_order(setting: Setting) -> None:
    other = Credentials.from_passphrase("alice", b"another")
    (step,) = named(probe_of(setting, credentials=other), "Server-Start")
    (order,) = [remark.text for remark in step.remarks if "in this order" in remark.text]
    places = [order.index(text) for text in ("KeyID 'alice'", "another passphrase", "PBKDF2")]
    assert places == sorted(places)


@pytest.mark.parametrize(
    ("there", "asked", "said"),
    [
        (OPEN_TWAMP, replace(OPEN_TWAMP, protocol=Protocol.OWAMP), "the server speaks TWAMP"),
        (replace(OPEN_TWAMP, protocol=Protocol.OWAMP), OPEN_TWAMP, "the server speaks OWAMP"),
    ],
)
def test_the_other_protocol_is_named(there: Setting, asked: Setting, said: str) -> None:
    async def main() -> ProbeReport:
        modes = 9 if there.protocol is Protocol.TWAMP else 1
        async with serving(there, modes=modes) as running:
            return await probed(asked, running, timeout=PATIENCE)

    text = "\n".join(text_lines(run(main()).steps))
    assert said in text, text


def test_a_missing_ike_sa_is_a_refusal() -> None:
    setting = replace(TWAMP, ikev2_derived=True)
    stranger = replace(IKEV2_CREDENTIALS, key_id=bytes(80))
    report = probe_of(setting, credentials=stranger)
    assert "Accept 6" in named(report, "Server-Start")[0].text
    assert not any_wrong(report.steps)
    assert not report.is_right


@pytest.mark.parametrize(
    ("server", "step", "source", "said"),
    [
        (WrongHmacs, "Accept-Session", "RFC 4656 §3.2", "HMAC"),
        (NoSid, "Accept-Session", "RFC 4656 §3.5", "SID"),
        (other_port, "Test packets", "RFC 5357 §4.2.1", "0 of 3"),
        (TalksOn, "message", "RFC 4656 §3.4", "none that no command asked for"),
        (LeavesEarly, "end", "RFC 4656 §3.8", "without Stop-Sessions"),
        (HangsUp, "end", "RFC 4656 §3.4", "before a command was answered"),
    ],
)
def test_wrong_servers_of_twamp(server: Any, step: str, source: str, said: str) -> None:
    report = probe_of(TWAMP, server, timeout=PATIENCE)
    found = [(name, section) for name, section, text in wrongs(report) if said in text]
    assert (step, source) in found, wrongs(report)


@pytest.mark.parametrize(
    ("server", "step", "source", "said"),
    [
        (DescribesNothing, "Stop-Sessions", "RFC 4656 §3.8", "SIDs"),
        (CountsWrongly, "Session description", "RFC 4656 §3.8", "Next Seqno"),
        (FetchesNothing, "Fetched records", "RFC 4656 §3.9", "refused with Accept 1"),
    ],
)
def test_wrong_servers_of_owamp(server: Any, step: str, source: str, said: str) -> None:
    report = probe_of(OWAMP, server, direction=Direction.BOTH)
    found = [(name, section) for name, section, text in wrongs(report) if said in text]
    assert (step, source) in found, wrongs(report)


def test_records_that_are_not_what_was_sent() -> None:
    found = wrongs(probe_of(OWAMP, FetchesOtherRecords))
    texts = {
        text.split(":")[0]: source for name, source, text in found if name == "Fetched records"
    }
    assert texts == {
        "receiver_port of the reproduced request": "RFC 4656 §3.9",
        "padding_length of the reproduced request": "RFC 4656 §3.9",
        "Next Seqno": "RFC 4656 §3.9",
        "Send Timestamp of 0": "RFC 4656 §3.9",
        "Seq Number": "RFC 4656 §3.9",
        "1 packets have no record, not even as lost": "RFC 4656 §4.2",
    }


@pytest.mark.parametrize(
    ("server", "step", "said"),
    [
        (refuses, "Accept-Session", "Accept 4"),
        (DoesNotStart, "Start-Ack", "Accept 1"),
    ],
)
def test_refusals_are_no_mistakes(server: Any, step: str, said: str) -> None:
    report = probe_of(TWAMP, server)
    assert not any_wrong(report.steps)
    assert said in named(report, step)[0].text
    assert not report.is_complete


def test_a_stop_by_failure_is_noted() -> None:
    report = probe_of(OWAMP, StopsByFailure, direction=Direction.RECEIVE)
    (step,) = named(report, "Session description")
    assert (step.severity, "Accept 1" in step.text) == (Severity.NOTE, True)


def test_records_that_come_twice_or_not_at_all() -> None:
    (step,) = named(probe_of(OWAMP, FetchesOneTwice), "Fetched records")
    assert step.severity is Severity.NOTE
    assert sorted(remark.text for remark in step.remarks) == [
        "1 came more than once",
        "1 of 3 test packets are recorded as received",
        "the last 2 packets have no record",
    ]


def test_a_receiver_does_not_send(monkeypatch: pytest.MonkeyPatch) -> None:
    original = server_sessions.ServedReceiver.take

    def take(self: Any, data: bytes, source: Any, ttl: int) -> None:
        original(self, data, source, ttl)
        self.send(data, source)

    monkeypatch.setattr(server_sessions.ServedReceiver, "take", take)
    found = wrongs(probe_of(OWAMP))
    assert ("Test packets", "RFC 4656 §4", "a receiver sent test packets") in found


# Test packets


def reflecting(
    monkeypatch: pytest.MonkeyPatch, change: Callable[[bytes, int], list[bytes]], **options: Any
) -> ProbeReport:
    """The report on a reflector whose answers are changed, given their number."""
    original = server_sessions.ServedReflector.send
    number = 0

    def send(self: Any, data: bytes, destination: Any) -> bool:
        nonlocal number
        number += 1
        return all(original(self, item, destination) for item in change(data, number))

    monkeypatch.setattr(server_sessions.ServedReflector, "send", send)

    async def main() -> ProbeReport:
        async with serving(TWAMP) as running:
            return await probed(TWAMP, running, **options)

    return run(main())


def test_answers_that_do_not_verify_are_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    report = reflecting(monkeypatch, lambda data, _: [bytes(16) + data[16:]], timeout=PATIENCE)
    found = wrongs(report)
    assert ("Test packets", "RFC 5357 §4.2.1", "3 did not verify") in found
    packet = ("TWAMP-Test packet", "RFC 5357 §4.2.1")
    assert [(name, source) for name, source, text in found if "HMAC" in text] == [packet] * 3


def test_answers_that_are_missing_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    def drop(data: bytes, number: int) -> list[bytes]:
        return [] if number == 2 else [data]

    report = reflecting(monkeypatch, drop, timeout=PATIENCE)
    (step,) = named(report, "Test packets")
    assert (step.severity, step.text) == (Severity.NOTE, "2 of 3 test packets were reflected")
    assert report.is_complete


def test_answers_that_come_twice_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    report = reflecting(monkeypatch, lambda data, _: [data, data])
    (step,) = named(report, "Test packets")
    assert any("came more than once" in remark.text for remark in step.remarks)


def test_answers_from_elsewhere_are_not_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    other = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)

    def send(self: Any, data: bytes, destination: Any) -> bool:
        return other.sendto(data, destination) > 0

    monkeypatch.setattr(server_sessions.ServedReflector, "send", send)
    with other:
        report = probe_of(TWAMP, timeout=PATIENCE)
    (step,) = named(report, "Test packets")
    texts = [remark.text for remark in step.remarks]
    assert "0 of 3 test packets were reflected" in texts
    assert any(text.startswith("3 packets came from elsewhere") for text in texts)

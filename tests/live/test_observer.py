"""What the observer says of honest sessions, of mistakes of the reference, and of any octets."""

from __future__ import annotations

import json
import re
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st
from owamp_reference.connection import DEFAULT_MAX_MESSAGE_SIZE, ControlClient
from owamp_reference.negotiation import Mode, Protocol
from owamp_reference.token import DEFAULT_MAX_COUNT
from owamp_vectors.disk import printable
from owamp_vectors.live.observe.dialogue import Dialogue
from owamp_vectors.live.observe.observer import Observer
from owamp_vectors.live.observe.progress import Progress
from owamp_vectors.live.observe.steps import (
    Severity,
    Step,
    Who,
    any_wrong,
    steps_to_json,
    text_lines,
)
from owamp_vectors.mistakes import MISTAKES

from ..reference.support import OWAMP, SETTINGS, TWAMP, Draws, Setting
from .support import (
    AUTHENTICATED,
    CREDENTIALS,
    IKEV2,
    MIXED,
    OPEN,
    OPEN_TW,
    Script,
    Seen,
    Session,
    cut,
    feed,
    lines,
    observed,
    wrong_steps,
)

IN_ALL_MODES = pytest.mark.parametrize("setting", SETTINGS, ids=str)


# Honest sessions


@pytest.mark.parametrize(
    ("setting", "server_sends"),
    [
        *((setting, False) for setting in SETTINGS),
        *((setting, True) for setting in SETTINGS if setting.protocol is Protocol.OWAMP),
    ],
    ids=str,
)
def test_an_honest_session_gives_only_ok_steps(setting: Setting, server_sends: bool) -> None:
    steps = Session(setting, server_sends=server_sends).run().observed()
    assert {step.severity for step in steps} == {Severity.OK}, lines(steps)
    names = [step.name for step in steps]
    assert names[:3] == ["Server-Greeting", "Set-Up-Response", "Server-Start"]
    assert names[-1] == "end"
    expected = 16 if setting.protocol is Protocol.OWAMP else 15
    assert len(steps) == expected
    assert all(step.time is not None and step.octets for step in steps[:-1])


@IN_ALL_MODES
def test_the_plaintext_of_each_message_is_divided_into_all_its_fields(setting: Setting) -> None:
    for step in Session(setting).run().observed()[:-1]:
        covered = sum(len(part.octets) for part in step.parts)
        hmacs = {"Fetch-Session data": 4, "Request-Session": 2}.get(step.name, 1) * 16
        if step.who in (Who.SENDER, Who.REFLECTOR) or step.name.startswith("Se"):
            hmacs = 0
        assert covered + hmacs == len(step.octets), step.name


@IN_ALL_MODES
@given(sizes=st.integers(1, 200))
def test_the_pieces_in_which_octets_come_do_not_matter(setting: Setting, sizes: int) -> None:
    session = Session(setting, packets=1).run()
    whole = session.observed()
    assert observed(session.observer(), cut(session.seen, sizes)) == whole


@pytest.mark.parametrize("setting", [OWAMP, TWAMP, IKEV2, MIXED, OPEN, OPEN_TW], ids=str)
def test_the_protocol_is_told_from_the_messages_alone(setting: Setting) -> None:
    session = Session(setting).run()
    observer = session.observer(protocol=None, client=None, server=None)
    assert {step.severity for step in observed(observer, session.seen)} == {Severity.OK}
    assert observer.protocol is setting.protocol


@pytest.mark.parametrize("setting", [OWAMP, TWAMP], ids=str)
def test_the_protocol_is_told_from_the_port(setting: Setting) -> None:
    session = Session(setting)
    assert session.observer(protocol=None).protocol is setting.protocol


# Unknown secrets


@pytest.mark.parametrize("setting", [s for s in SETTINGS if s.is_protected], ids=str)
def test_without_the_secret_it_says_so_and_checks_the_rest(setting: Setting) -> None:
    steps = Session(setting).run().observed(credentials=())
    assert not any_wrong(steps), lines(steps)
    assert steps[1].severity is Severity.NOTE
    assert "no secret is known" in steps[1].text
    assert steps[2].severity is Severity.OK
    encrypted = [step for step in steps if step.name == "encrypted octets"]
    kind = "Request-Session" if setting.protocol is Protocol.OWAMP else "Request-TW-Session"
    assert kind in encrypted[0].text
    assert "Accept-Session" in encrypted[1].text
    packets = [step for step in steps if step.name == "test packet"]
    assert packets
    in_clear = setting.security is Mode.MIXED
    assert all(("in clear" in step.text) == in_clear for step in packets)


def test_a_packet_too_short_for_any_mode_is_not_guessed_at() -> None:
    session = Session(MIXED).run()
    observer = session.observer(credentials=())
    observed(observer, session.seen)
    (step,) = observer.test_packet(b"short", ("192.0.2.1", 5000), ("192.0.2.2", 6000))
    assert step.text == "the sessions are not known: their requests are encrypted"


def test_encrypted_octets_that_are_not_whole_blocks_are_wrong_even_so() -> None:
    session = Session(TWAMP).run()
    session.seen[3] = session.seen[3]._replace(octets=session.seen[3].octets[:-3])
    (step,) = wrong_steps(session.observed(credentials=()))
    assert (step.name, step.who) == ("encrypted octets", Who.CLIENT)
    assert step.source == "RFC 4656 §3.4"


def test_a_count_above_the_limit_is_not_computed_with() -> None:
    observer = Script(OWAMP).greet(count=2**31).observer
    key_id = OWAMP.credentials.key_id
    observer.client_octets(bytes([0, 0, 0, 4]) + key_id + bytes(64) + bytes(range(16)))
    greeting, response = observer.steps
    assert (greeting.severity, greeting.source) == (Severity.NOTE, "RFC 5357 §6")
    assert "no usable Count" in response.text


def test_a_wrong_secret_is_said_to_be_one_of_two_causes() -> None:
    other = type(CREDENTIALS[0]).from_passphrase("alice", b"another")
    steps = Session(OWAMP).run().observed(credentials=(other,))
    assert not any_wrong(steps), lines(steps)
    assert "or the secret given here is not the one in use" in steps[1].text
    assert "or the server does not check the Token" in steps[2].text


@pytest.mark.parametrize("setting", [OWAMP, IKEV2], ids=str)
def test_no_secret_is_in_a_report(setting: Setting) -> None:
    draws = Draws("secrets")
    session = Session(setting)
    session.client = ControlClient(setting.client_config, draws)
    session.run()
    steps = session.observed()
    progress = Progress(setting.protocol, CREDENTIALS, None, None, DEFAULT_MAX_COUNT)
    streams = Dialogue(progress, DEFAULT_MAX_MESSAGE_SIZE).streams
    for item in session.seen:
        if item.who in streams:
            streams[item.who].feed(item.octets, item.time)
    known = [progress.response, *progress.sessions]
    assert len(known) == 2
    text = lines(steps) + json.dumps(steps_to_json(steps)) + repr(steps) + repr(known)
    for secret in (draws.given["T1"], draws.given["T2"], setting.credentials.shared_secret):
        assert secret.hex() not in text
        assert repr(secret)[2:-1] not in text


# Mistakes of the reference, made by both ends

CONTROL_MISTAKES = {
    "Pbkdf2Sha256": ("Set-Up-Response", Who.CLIENT, "RFC 4656 §3.1"),
    "CountByteOrder": ("Set-Up-Response", Who.CLIENT, "RFC 4656 §3.1"),
    "TokenIvNotZero": ("Set-Up-Response", Who.CLIENT, "RFC 4656 §3.1"),
    "TokenFieldOrder": ("Set-Up-Response", Who.CLIENT, "RFC 4656 §3.1"),
    "Pbkdf2LeftOut": ("Set-Up-Response", Who.CLIENT, "RFC 4656 §3.1"),
    "TokenDecryptedInEcb": ("Server-Start", Who.SERVER, "RFC 4656 §3.1"),
    "ControlIvZero": ("Server-Start", Who.SERVER, "RFC 4656 §3.1"),
    "IvsExchanged": ("Server-Start", Who.SERVER, "RFC 4656 §3.1"),
    "OneStreamForBoth": ("Server-Start", Who.SERVER, "RFC 4656 §3.1"),
    "StartTimeInClear": ("Server-Start", Who.SERVER, "RFC 4656 §3.1"),
    "TokenInEcb": ("message", Who.CLIENT, "RFC 4656 §3.4"),
    "ShortT2": ("Request-Session", Who.CLIENT, "RFC 4656 §3.2"),
    "HmacOverCiphertext": ("Request-Session", Who.CLIENT, "RFC 4656 §3.2"),
    "HmacNotReset": ("Request-Session", Who.CLIENT, "RFC 4656 §3.2"),
    "HmacCoversHmac": ("Request-Session", Who.CLIENT, "RFC 4656 §3.2"),
    "HmacLast16": ("Request-Session", Who.CLIENT, "RFC 4656 §3.2"),
    "HmacInClear": ("Request-Session", Who.CLIENT, "RFC 4656 §3.2"),
    "ControlKeyCutTo16": ("Request-Session", Who.CLIENT, "RFC 4656 §3.2"),
    "ControlKeyCutTo20": ("Request-Session", Who.CLIENT, "RFC 4656 §3.2"),
    "IvNotChained": ("Request-Session", Who.CLIENT, "RFC 4656 §3.2"),
}
TEST_MISTAKES = {
    "SidAndKeySwapped": "(SidAndKeySwapped)",
    "T3OneWay": "under keys from a one-way KDF, in the form of the encrypted mode",
    "T3Decrypted": "(T3Decrypted)",
    "T4InEcb": "(T4InEcb)",
    "T4FromT1": "(T4FromT1)",
    "T2Cut": "(T2Cut)",
    "SidByteOrder": "(SidByteOrder)",
    "TestHmacOver16": "in the form of the authenticated mode",
    "TestHmacOverCiphertext": "(TestHmacOverCiphertext)",
    "TestHmacOverPadding": "(TestHmacOverPadding)",
    "TestHmacEncrypted": "(TestHmacEncrypted)",
    "TestIvNotZero": "(TestIvNotZero)",
    "TestInEcb": "(TestInEcb)",
    "EncryptedFirstBlockAlone": "in the form of the authenticated mode",
    "SidOfTheRequest": "(SidOfTheRequest)",
    "TestKeysAreControlKeys": "under the control keys T1, T2, in the form of the encrypted mode",
    "TestKeysNotSeparated": "under the control keys T1, T2",
}


def session_with(flag: str, setting: Setting) -> list[Step]:
    """What an observer without a mistake says of a session between ends with one."""
    with MISTAKES[flag].applied():
        session = Session(setting)
        with suppress(ValueError):  # some mistakes end the session early
            session.run()
    return session.observed()


@pytest.mark.parametrize("flag", CONTROL_MISTAKES)
def test_a_mistake_on_the_control_connection_is_found(flag: str) -> None:
    first, *_ = wrong_steps(session_with(flag, OWAMP))
    assert (first.name, first.who, first.source) == CONTROL_MISTAKES[flag]
    if first.name in ("Server-Start", "message"):
        assert "may not be T1 and T2 of the Token" in first.text


@pytest.mark.parametrize("flag", TEST_MISTAKES)
def test_a_mistake_in_test_packets_is_found(flag: str) -> None:
    wrong = wrong_steps(session_with(flag, TWAMP))
    assert len(wrong) == 6, lines(wrong)
    assert {step.name for step in wrong} == {"TWAMP-Test packet"}
    assert wrong[0].source == "RFC 4656 §4.1.2"
    assert wrong[1].source == "RFC 5357 §4.2.1"
    assert TEST_MISTAKES[flag] in wrong[0].text


@pytest.mark.parametrize(
    ("flag", "setting", "text"),
    [
        ("AuthenticatedEncryptsAll", AUTHENTICATED, "HMAC"),
        ("ReflectorHmacOver32", TWAMP, "HMAC"),
        ("ReflectorTimestampsExchanged", TWAMP, "not before Receive Timestamp"),
        ("MixedTestProtected", MIXED, "Z 0"),
    ],
)
def test_a_mistake_of_one_mode_or_end_is_found(flag: str, setting: Setting, text: str) -> None:
    wrong = wrong_steps(session_with(flag, setting))
    assert wrong
    assert {step.name for step in wrong} == {"TWAMP-Test packet"}
    assert text in wrong[0].text


# Any octets whatsoever


def is_a_report(steps: list[Step]) -> None:
    """The steps can be printed, whatever they are."""
    assert all(step.remarks for step in steps)
    assert all(printable(line) == line for line in text_lines(steps, octets=True))
    json.dumps(steps_to_json(steps))


turns = st.lists(
    st.tuples(st.sampled_from(list(Who)), st.binary(max_size=400), st.integers(-(2**40), 2**80)),
    max_size=12,
)


@given(setting=st.sampled_from(SETTINGS), spoken=turns, known=st.booleans())
def test_garbage_gives_steps_and_no_exception(
    setting: Setting, spoken: list[tuple[Who, bytes, int]], known: bool
) -> None:
    observer = Observer(setting.protocol if known else None, CREDENTIALS)
    for who, octets, time in spoken:
        feed(observer, Seen(who, octets, time, ("a", 1), ("b", 2)))
    observer.finish()
    is_a_report(observer.steps)


@given(
    setting=st.sampled_from(SETTINGS),
    place=st.integers(0, 30),
    octet=st.integers(0, 10**4),
    bit=st.integers(0, 7),
)
def test_any_bit_turned_over_gives_a_report(
    setting: Setting, place: int, octet: int, bit: int
) -> None:
    session = Session(setting, packets=2).run()
    item = session.seen[place % len(session.seen)]
    if item.octets:
        data = bytearray(item.octets)
        data[octet % len(data)] ^= 1 << bit
        session.seen[place % len(session.seen)] = item._replace(octets=bytes(data))
    is_a_report(session.observed(names_mistakes=place % 8 == 0))


@pytest.mark.parametrize("setting", [OWAMP, AUTHENTICATED], ids=str)
def test_a_bit_turned_over_in_protected_octets_is_wrong(setting: Setting) -> None:
    """Every protected octet of the control connection is under an HMAC, but for the Start-Time."""
    session = Session(setting, packets=1).run()
    for place, item in enumerate(session.seen):
        if item.who not in (Who.CLIENT, Who.SERVER) or place < 3 or not item.octets:
            continue
        for octet in range(0, len(item.octets), 7):
            data = bytearray(item.octets)
            data[octet] ^= 0x10
            turned = [*session.seen]
            turned[place] = item._replace(octets=bytes(data))
            steps = observed(session.observer(names_mistakes=False), turned)
            is_unknown = any("are not checked" in step.text for step in steps)
            assert any_wrong(steps) or is_unknown, (place, octet)  # decrypted as another command


@given(setting=st.sampled_from(SETTINGS), size=st.integers(0, 3000))
def test_a_conversation_cut_anywhere_gives_a_report_and_nothing_wrong(
    setting: Setting, size: int
) -> None:
    session = Session(setting, packets=1).run()
    kept = []
    for item in session.seen:
        if item.is_end:
            continue
        kept.append(item._replace(octets=item.octets[:size]))
        if size < len(item.octets):
            break
        size -= len(item.octets)
    if kept[-1].who in (Who.SENDER, Who.REFLECTOR) or not kept[-1].octets:
        kept.pop()
    steps = observed(session.observer(), kept)
    is_a_report(steps)
    assert not any_wrong(steps), lines(steps)


def test_a_message_larger_than_the_limit_is_not_waited_for() -> None:
    script = Script(OPEN).ready()
    head = script.setting.request().segments()[0]
    huge = head[:4] + b"\xff\xff\xff\xff" + head[8:]
    script.observer.client_octets(huge + bytes(16))
    step = script.observer.steps[-1]
    assert step.severity is Severity.WRONG
    assert "at most" in step.text
    script.observer.client_octets(bytes(100))
    assert "100 octets" in script.observer.finish()[0].text


def test_octets_after_a_message_that_could_not_be_read_are_counted() -> None:
    script = Script(OPEN).ready()
    script.observer.client_octets(b"\x63" + bytes(15) + bytes(20))
    (last,) = script.observer.finish()
    assert "20 octets that follow" in last.text
    assert script.observer.finish() == []


# Reports


def test_a_report_is_printed_with_its_remarks_fields_and_times() -> None:
    steps = Session(TWAMP, packets=1).run().observed()
    text = lines(steps)
    assert "Server-Greeting  ok: Modes 0x4 (encrypted), Count 1024 (RFC 4656 §3.1)" in text
    assert "at 2023-11-14T22:13:20.002000000Z" in text
    assert "Receiver Port" in text
    assert re.search(r"Start Time .* = .*2023-11-14.22:13:20", text)
    assert "1770 = 6000" in text
    assert len(list(text_lines(steps))) == len(steps)


def test_a_report_as_json_has_the_values_of_the_fields() -> None:
    report = steps_to_json(Session(TWAMP, packets=1).run().observed())
    assert report["verdicts"] == {"ok": report["numberOfSteps"], "note": 0, "wrong": 0}
    accept = report["steps"][4]
    assert (accept["name"], accept["who"]) == ("Accept-Session", "server")
    fields = {field["label"]: field["value"] for field in accept["parts"][0]["fields"]}
    assert fields["Port"] == 6000
    assert len(fields["SID"]) == 32
    assert json.loads(json.dumps(report)) == report


def test_what_a_peer_says_cannot_reach_the_terminal() -> None:
    name = "al\x1b[31mice\u202e\n"
    script = Script(OWAMP).greet().respond(key_id=name.encode().ljust(80, b"\0"))
    for line in text_lines(script.observer.steps):
        assert line.isprintable()

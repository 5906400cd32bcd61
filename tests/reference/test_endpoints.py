"""What an endpoint does when the other end, or its own caller, breaks a rule."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest
from owamp_reference import primitives
from owamp_reference.connection import ClientConfig, ControlClient, Server, ServerConfig, State
from owamp_reference.errors import ProtocolError
from owamp_reference.events import (
    Closed,
    Fetched,
    FetchRequested,
    SessionRejected,
    SetUp,
    Started,
    StopReceived,
    TestSession,
)
from owamp_reference.messages import (
    Accept,
    AcceptSession,
    FetchAck,
    FetchData,
    FetchSession,
    PacketRecord,
    RequestSession,
    RequestTWSession,
    ScheduleSlot,
    ServerGreeting,
    SessionDescription,
    SkipRange,
    StartAck,
    StartSessions,
    StopSessions,
    StopTWSessions,
)
from owamp_reference.negotiation import (
    Credentials,
    Mode,
    NegotiatedMode,
    Protocol,
    SecretName,
    read_mode,
    request_problem,
    secrets_of,
)
from owamp_reference.packets import TestMode
from owamp_reference.sessions import SessionReceiver, SessionSender
from owamp_reference.sources import system_clock, system_random

from .support import (
    OWAMP,
    PASSPHRASE,
    PSK_CREDENTIALS,
    SETTINGS,
    SID,
    TWAMP,
    Draws,
    Pair,
    RawClient,
    RawServer,
    Setting,
    error_of,
    only,
)

PROTECTED = [setting for setting in SETTINGS if setting.is_protected]
FROM_IKEV2 = [setting for setting in PROTECTED if setting.ikev2_derived]
FROM_PSK = [setting for setting in PROTECTED if not setting.ikev2_derived]
each_setting = pytest.mark.parametrize("setting", SETTINGS, ids=str)
each_protected = pytest.mark.parametrize("setting", PROTECTED, ids=str)
each_protocol = pytest.mark.parametrize("setting", [OWAMP, TWAMP], ids=str)


def refused(field: str) -> Any:
    return pytest.raises(ProtocolError, match=f"^{field}: expected")


# Connection set-up: the server


@each_protected
@pytest.mark.parametrize(
    "field", ["token", "key_id"], ids=["Token made for another challenge", "KeyID of zeros"]
)
def test_server_refuses_who_does_not_know_the_secret(setting: Setting, field: str) -> None:
    raw = RawClient(setting)
    honest = RawClient(setting)
    honest.greeting = replace(honest.greeting, challenge=bytes(16))
    changes = {"token": honest.response().token} if field == "token" else {"key_id": bytes(80)}
    accept, events = raw.respond(**changes)
    expected = Accept.FAILURE
    if setting.ikev2_derived and field == "key_id":
        expected = Accept.NO_IKE_SA
    assert accept == expected
    assert only(events, Closed).accept is expected
    assert raw.server.state is State.CLOSED
    assert raw.is_silent()


@pytest.mark.parametrize("setting", FROM_PSK, ids=str)
@pytest.mark.parametrize("secret", [b"", PASSPHRASE], ids=["empty", "right"])
def test_unknown_key_id_and_wrong_passphrase_have_one_outcome(
    setting: Setting, secret: bytes
) -> None:
    """Not even a Token made with an empty passphrase gets a client with an unknown KeyID in."""
    unknown = RawClient(setting, replace(setting.server_config, find_secret=lambda name: None))
    wrong = RawClient(setting, replace(setting.server_config, find_secret=lambda name: b"wrong"))
    outcomes = []
    for raw in (unknown, wrong):
        raw.setting = replace(setting, given=Credentials(setting.credentials.key_id, secret))
        accept, events = raw.respond()
        outcomes.append((accept, only(events, Closed).accept, raw.server.state, raw.is_silent()))
    assert outcomes[0] == outcomes[1] == (1, Accept.FAILURE, State.CLOSED, True)


@pytest.mark.parametrize("setting", FROM_PSK, ids=str)
def test_unknown_key_id_costs_as_much_as_a_wrong_passphrase(
    setting: Setting, monkeypatch: pytest.MonkeyPatch
) -> None:
    raw = RawClient(
        setting, replace(setting.server_config, find_secret=lambda name: None, count=4096)
    )
    response = raw.response().to_octets()
    counts = []
    derive = primitives.pbkdf2_hmac_sha1

    def counting(secret: bytes, salt: bytes, count: int, size: int) -> bytes:
        counts.append(count)
        return derive(secret, salt, count, size)

    monkeypatch.setattr(primitives, "pbkdf2_hmac_sha1", counting)
    only(raw.server.receive(response), Closed)
    assert counts == [4096]


def test_key_id_that_is_not_utf_8_is_unknown() -> None:
    raw = RawClient(OWAMP)
    accept, events = raw.respond(key_id=b"\xff" * 80)
    assert (accept, only(events, Closed).accept) == (1, Accept.FAILURE)


@pytest.mark.parametrize("setting", FROM_IKEV2, ids=str)
def test_accept_6_says_that_there_is_no_such_ike_sa(setting: Setting) -> None:
    """RFC 7717 §5.3: both SPIs count; what follows them in KeyID does not."""
    for key_id in (b"initiatr" + b"somebody", b"somebody" + b"respondr", b"respondr" + b"initiatr"):
        raw = RawClient(setting)
        accept, events = raw.respond(key_id=key_id.ljust(80, b"\0"))
        assert accept == 6
        assert "an IKE SA" in error_of(events)
    raw = RawClient(setting)
    assert raw.respond(key_id=(b"initiatr" + b"respondr").ljust(80, b"x"))[0] == 0


@each_protected
def test_server_asks_for_a_secret_by_the_octets_of_key_id_and_what_they_are(
    setting: Setting,
) -> None:
    """Also if they are no text; what follows the SPIs of an IKE SA is zeros."""
    asked: list[SecretName] = []
    config = replace(setting.server_config, find_secret=asked.append)
    key_id = b"\xff\0" * 40
    RawClient(setting, config).respond(key_id=key_id)
    if setting.ikev2_derived:
        key_id = key_id[:16] + bytes(64)
    assert asked == [SecretName(key_id, setting.ikev2_derived)]


@pytest.mark.parametrize("setting", FROM_IKEV2, ids=str)
def test_client_reports_accept_6(setting: Setting) -> None:
    pair = Pair(setting, server_config=replace(setting.server_config, find_secret=secrets_of()))
    at_client, at_server = pair.pump()
    assert only(at_client, Closed).accept is Accept.NO_IKE_SA
    assert only(at_server, Closed).accept is Accept.NO_IKE_SA


def test_server_knows_no_secret_unless_told() -> None:
    for setting, accept in ((OWAMP, Accept.FAILURE), (FROM_IKEV2[0], Accept.NO_IKE_SA)):
        pair = Pair(setting, server_config=ServerConfig(setting.protocol, setting.mode))
        assert only(pair.pump()[0], Closed).accept is accept


@each_setting
@pytest.mark.parametrize("offered", [0, 1, 2, 4], ids="Modes {}".format)
def test_mode_that_was_not_offered_is_not_supported(setting: Setting, offered: int) -> None:
    """Neither is IKEv2Derived, but that bit is then ignored (RFC 4656 §3.1)."""
    raw = RawClient(setting, replace(setting.server_config, modes=offered))
    if offered & setting.security:
        assert raw.respond()[0] == (Accept.FAILURE if setting.ikev2_derived else Accept.OK)
    else:
        accept, events = raw.respond()
        assert accept == Accept.NOT_SUPPORTED
        assert error_of(events).startswith("Mode: expected")


@each_protocol
@pytest.mark.parametrize("mode", [3, 5, 6, 7])
def test_several_security_bits_are_not_supported(setting: Setting, mode: int) -> None:
    raw = RawClient(setting, replace(setting.server_config, modes=7))
    accept, events = raw.respond(mode=mode)
    assert accept == Accept.NOT_SUPPORTED
    assert f"exactly one security bit, found {mode:#010x}" in error_of(events)


@each_protocol
@pytest.mark.parametrize("mode", [0, 0x40, 0xFFFFFF00])
def test_mode_without_a_security_bit_ends_the_connection_as_agreed(
    setting: Setting, mode: int
) -> None:
    """RFC 4656 §3.1: the client will not continue; no Server-Start answers it."""
    raw = RawClient(setting)
    events = raw.peer.receive(raw.response(mode=mode).to_octets())
    assert only(events, Closed) == Closed()
    assert raw.is_silent()


@each_protocol
def test_bits_without_a_meaning_are_ignored(setting: Setting) -> None:
    raw = RawClient(setting)
    accept, events = raw.respond(mode=setting.mode | 0xFFFFFF00 & ~0x80)
    assert accept == 0
    assert only(events, SetUp).mode == NegotiatedMode(Mode.ENCRYPTED)


def test_mixed_mode_is_no_mode_of_owamp() -> None:
    with refused("Mode"):
        read_mode(Protocol.OWAMP, 0xFF, Mode.MIXED)
    mode = read_mode(Protocol.TWAMP, 0xFF, Mode.MIXED)
    assert mode.is_protected
    assert mode.test_mode is TestMode.UNAUTHENTICATED


@pytest.mark.parametrize(("protocol", "bit"), [(Protocol.OWAMP, 16), (Protocol.TWAMP, 128)])
def test_ikev2_derived_needs_an_offer_and_a_protected_mode(protocol: Protocol, bit: int) -> None:
    """Without, it is ignored, or Mode is refused: the RFCs leave that open."""
    assert read_mode(protocol, 7 | bit, 4 | bit) == NegotiatedMode(Mode.ENCRYPTED, True)
    for offered, chosen, security in ((7, 4 | bit, Mode.ENCRYPTED), (7 | bit, 1 | bit, Mode(1))):
        assert read_mode(protocol, offered, chosen) == NegotiatedMode(security)
        with refused("Mode"):
            read_mode(protocol, offered, chosen, lambda choice: 1)
    other = 16 | 128 ^ bit
    assert read_mode(protocol, 0xFF, 4 | other & ~bit) == NegotiatedMode(Mode.ENCRYPTED)


@each_protocol
def test_server_wants_a_count_that_rfc_4656_allows(setting: Setting) -> None:
    for count in (0, 1, 512, 1023, 1025, 3000):
        with refused("Count"):
            Server(replace(setting.server_config, count=count))
    Server(replace(setting.server_config, count=2**31))
    with refused("sid_address"):
        Server(replace(setting.server_config, sid_address=b"\x7f"))


def test_server_without_random_source_and_clock_uses_the_systems() -> None:
    first, second = (Server(OWAMP.server_config).data_to_send() for _ in range(2))
    assert first != second
    assert ServerGreeting.parse(first).count == 1024
    assert len(system_random("Salt", 16)) == 16
    pair = Pair(TWAMP)
    pair.server = Server(TWAMP.server_config)
    before, sid, after = system_clock(), pair.ready().accepted().sid, system_clock()
    elapsed = (int.from_bytes(sid[4:12], "big") - before) % 2**64
    assert elapsed <= (after - before) % 2**64


@pytest.mark.parametrize(
    ("moment", "seconds"),
    [
        ("1970-01-01T00:00:00", 0x83AA7E80),
        ("2000-01-01T00:00:00", 3155673600),
        ("2036-02-07T06:28:15", 2**32 - 1),
        ("2036-02-07T06:28:16", 0),
        ("2036-02-07T06:28:17", 1),
        ("2040-01-01T00:00:00", 123010304),
    ],
)
def test_the_clock_goes_on_into_the_era_that_begins_in_2036(
    moment: str, seconds: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    since_1970 = int(datetime.fromisoformat(moment + "+00:00").timestamp())
    monkeypatch.setattr(time, "time_ns", lambda: since_1970 * 10**9 + 750_000_000)
    assert system_clock() == seconds << 32 | 0xC0000000


# Connection set-up: the client


@each_protected
@pytest.mark.parametrize(
    ("count", "found"),
    [
        (0, "a power of 2, at least 1024, found 0"),
        (512, "a power of 2, at least 1024, found 512"),
        (1023, "a power of 2, at least 1024, found 1023"),
        (1536, "a power of 2, at least 1024, found 1536"),
        (2**31, "at most 32768 (configured), found 2147483648"),
        (2**32 - 1, "a power of 2, at least 1024, found 4294967295"),
    ],
)
def test_client_refuses_a_count_before_it_computes(
    setting: Setting, count: int, found: str
) -> None:
    raw = RawServer(setting)
    assert error_of(raw.greet(count=count)) == f"Count: expected {found}"
    assert raw.is_silent()


def test_client_computes_with_a_count_up_to_the_configured_maximum() -> None:
    for maximum, is_accepted in ((1024, False), (2048, True)):
        raw = RawServer(OWAMP, replace(OWAMP.client_config, max_count=maximum))
        assert bool(raw.greet(count=2048)) != is_accepted


@pytest.mark.parametrize("protocol", Protocol)
def test_count_does_not_matter_in_clear(protocol: Protocol) -> None:
    raw = RawServer(Setting(protocol, Mode.UNAUTHENTICATED))
    assert raw.greet(count=3) == []
    assert only(raw.start(), SetUp).start_time == 7


@each_setting
def test_client_closes_when_there_is_no_service(setting: Setting) -> None:
    raw = RawServer(setting)
    assert error_of(raw.greet(modes=0)).startswith("Modes: expected a mode to choose from")
    assert raw.is_silent()


@each_setting
def test_client_closes_when_its_mode_is_not_offered(setting: Setting) -> None:
    raw = RawServer(setting)
    assert error_of(raw.greet(modes=0xFF & ~setting.mode)).startswith("Mode: expected")
    assert raw.is_silent()


@each_setting
@pytest.mark.parametrize("accept", [*range(1, 8), 255])
def test_client_reports_why_the_server_refused(setting: Setting, accept: int) -> None:
    raw = RawServer(setting)
    raw.greet()
    closed = only(raw.start(accept), Closed)
    assert closed.accept is (Accept(accept) if accept <= 6 else Accept.FAILURE)
    assert raw.client.state is State.CLOSED


@each_protected
def test_client_without_credentials_is_refused(setting: Setting) -> None:
    with refused("credentials"):
        ControlClient(ClientConfig(setting.protocol, setting.security))


# Integrity


@each_protected
@pytest.mark.parametrize("position", [16, 95, 96, 111])
def test_wrong_hmac_closes_without_an_answer(setting: Setting, position: int) -> None:
    raw = RawClient(setting).ready()
    request = bytearray(raw.sealed(setting.request()))
    request[position] ^= 1
    events = raw.peer.receive(bytes(request))
    assert isinstance(events[-1], Closed)
    assert raw.server.state is State.CLOSED
    assert raw.is_silent()


@pytest.mark.parametrize("setting", PROTECTED, ids=str)
def test_changed_command_number_closes(setting: Setting) -> None:
    """An unknown command has no known length: its HMAC cannot be checked, so no answer comes."""
    raw = RawClient(setting).ready()
    request = bytearray(raw.sealed(setting.request()))
    request[0] ^= 1
    only(raw.peer.receive(bytes(request)), Closed)
    assert raw.is_silent()


@each_protected
def test_wrong_hmac_from_the_server_closes_the_client(setting: Setting) -> None:
    raw = RawServer(setting).ready().asked()
    answer = bytearray(raw.sealed(AcceptSession(0, 1, SID)))
    answer[2] ^= 1
    assert error_of(raw.peer.receive(bytes(answer))).startswith("HMAC: expected")
    assert raw.client.sessions == []


@each_protected
def test_changed_start_time_is_refused_at_the_first_hmac(setting: Setting) -> None:
    """Server-Start has no HMAC: that of the first Accept-Session covers it (RFC 5357 §3.2)."""
    pair = Pair(setting)
    pair.client.receive(pair.server.data_to_send())
    pair.server.receive(pair.client.data_to_send())
    start = bytearray(pair.server.data_to_send())
    start[33] ^= 1
    only(pair.client.receive(bytes(start)), SetUp)
    pair.client.request_session(setting.request())
    assert error_of(pair.pump()[0]).startswith("HMAC: expected")


@each_setting
def test_octets_in_clear_need_no_hmac_and_protected_ones_do(setting: Setting) -> None:
    raw = RawClient(setting).ready()
    if setting.is_protected:
        text = b"".join(raw.sender.write(part) for part in setting.request().segments())
        events = raw.peer.receive(text + bytes(64))
        assert isinstance(events[-1], Closed)
    else:
        octets = b"".join(part + b"\xff" * 16 for part in setting.request().segments())
        only(raw.peer.receive(octets), TestSession)


# Oversized and truncated input


@each_protocol
def test_message_larger_than_allowed_is_refused_before_it_arrives(setting: Setting) -> None:
    raw = RawClient(setting).ready()
    if setting.protocol is Protocol.TWAMP:
        raw.server.receive(b"")  # no message of a TWAMP client has a length of its own
        assert raw.server.state is State.READY
        return
    header = bytearray(setting.request().segments()[0])
    header[4:8] = (2**32 - 1).to_bytes(4, "big")
    events = raw.send_text(bytes(header))
    assert "at most 1048576 octets (configured)" in error_of(events)
    assert raw.is_silent()


def test_records_of_one_stop_sessions_count_together() -> None:
    """Their number tells the least that they can have; their skip ranges add to that."""
    config = replace(OWAMP.server_config, max_message_size=399)
    for number, found in ((12, "400"), (13, "at least 416")):
        raw = RawClient(OWAMP, config).ready()
        raw.send(OWAMP.request())
        raw.send(StartSessions())
        stop = StopSessions(0, (SessionDescription(SID, 1),) * number)
        assert f"at most 399 octets (configured), found {found} octets" in error_of(raw.send(stop))


@each_protocol
def test_limit_is_for_one_message_and_not_for_the_connection(setting: Setting) -> None:
    config = replace(setting.server_config, max_message_size=400)
    pair = Pair(setting, server_config=config).ready()
    for _ in range(10):
        pair.accepted()
    assert len(pair.server.sessions) == 10


def test_client_refuses_session_data_that_are_too_large() -> None:
    raw = RawServer(OWAMP).ready()
    raw.client.fetch_session(SID)
    raw.send(FetchAck(0, 1, 0, 0, 2**32 - 1))
    request = OWAMP.request()
    assert isinstance(request, RequestSession)
    assert "at most 1048576 octets" in error_of(raw.send_text(*request.segments(), b""))


@each_setting
def test_end_of_the_connection_in_the_middle_of_anything_is_an_error(setting: Setting) -> None:
    greeting = ServerGreeting(setting.mode, bytes(16), bytes(16), 1024).to_octets()
    client = RawServer(setting).client
    client.receive(greeting[:-1])
    assert error_of(client.connection_lost()).endswith("while setting up, found its end")
    size = len(RawClient(setting).sealed(setting.request()))
    for cut in (*range(16, size, 16), 1, 50, size - 1):  # also between blocks, and behind an HMAC
        raw = RawClient(setting).ready()
        raw.peer.receive(raw.sealed(setting.request())[:cut])
        assert error_of(raw.peer.connection_lost()).endswith("while ready, found its end")
    pair = Pair(setting).testing()
    assert error_of(pair.server.connection_lost()).endswith("while testing, found its end")


@each_setting
def test_end_of_an_idle_connection_is_no_error(setting: Setting) -> None:
    pair = Pair(setting).ready()
    for end in (pair.client, pair.server):
        assert end.connection_lost() == [Closed()]
        assert end.connection_lost() == []
        assert end.receive(bytes(100)) == []


# Commands in the wrong state


def commands(setting: Setting, client: ControlClient) -> dict[str, Callable[[], None]]:
    return {
        "request": lambda: client.request_session(setting.request()),
        "start": client.start_sessions,
        "stop": lambda: client.stop_sessions(own_records(client)),
        "fetch": lambda: client.fetch_session(SID),
    }


def own_records(client: ControlClient) -> tuple[SessionDescription, ...]:
    """What the client's Stop-Sessions has to account for."""
    return tuple(SessionDescription(session.sid, 3) for session in client.sessions)


@each_protocol
@pytest.mark.parametrize(
    ("reach", "allowed"),
    [
        (lambda pair: pair, set()),
        (lambda pair: pair.ready(), {"request", "start", "fetch"}),
        (lambda pair: pair.testing(), {"stop"}),
    ],
    ids=["setting up", "ready", "testing"],
)
def test_client_says_only_what_its_state_allows(
    setting: Setting, reach: Callable[[Pair], Pair], allowed: set[str]
) -> None:
    if setting.protocol is Protocol.TWAMP:
        allowed = allowed - {"fetch"}
    for name in commands(setting, Pair(setting).client):
        pair = reach(Pair(setting))
        run = commands(setting, pair.client)[name]
        if name in allowed:
            run()
            assert pair.client.data_to_send()
        else:
            with pytest.raises(ProtocolError):
                run()
            assert pair.client.state is not State.AWAITING_REPLY


@each_protocol
def test_client_asks_one_thing_at_a_time(setting: Setting) -> None:
    client = RawServer(setting).ready().asked().client
    with refused("state"):
        client.start_sessions()
    assert client.state is State.AWAITING_REPLY


@each_protocol
def test_closed_client_says_nothing(setting: Setting) -> None:
    raw = RawServer(setting)
    raw.greet(modes=0)
    for run in commands(setting, raw.client).values():
        with refused("state"):
            run()


@each_protocol
def test_request_of_the_other_protocol_is_refused(setting: Setting) -> None:
    other = TWAMP if setting is OWAMP else OWAMP
    client = Pair(setting).ready().client
    with refused("request"):
        client.request_session(other.request())
    problem = request_problem(setting.protocol, other.request())
    assert problem is not None
    assert problem.field == "request"


@each_protocol
@pytest.mark.parametrize("message", [StopSessions(0, ()), StopTWSessions(0, 0)], ids=["O", "TW"])
def test_stop_sessions_before_start_sessions_closes(setting: Setting, message: Any) -> None:
    raw = RawClient(setting).ready()
    assert error_of(raw.send(message)).endswith("one while testing, found one while ready")


@each_setting
def test_other_commands_than_stop_sessions_are_refused_while_testing(setting: Setting) -> None:
    """Each has the answer that RFC 4656 §3.5, §3.7 and §3.9 say it MUST have; the test goes on."""
    raw = RawClient(setting).ready()
    raw.send(setting.request())
    raw.hear(AcceptSession)
    raw.send(StartSessions())
    raw.hear(StartAck)
    assert only(raw.send(StartSessions()), Started).accept is Accept.FAILURE
    assert raw.hear(StartAck).accept == Accept.FAILURE
    assert only(raw.send(setting.request()), SessionRejected).accept is Accept.FAILURE
    assert raw.hear(AcceptSession) == AcceptSession(1, 0, bytes(16))
    if setting.protocol is Protocol.OWAMP:
        assert raw.send(FetchSession(0, 1, SID)) == []
        assert raw.hear(FetchAck) == FetchAck(1, 0, 0, 0, 0)
    assert raw.server.state is State.TESTING
    sessions = (SessionDescription(raw.server.sessions[0].sid, 3),)
    is_owamp = setting.protocol is Protocol.OWAMP
    only(raw.send(StopSessions(0, sessions) if is_owamp else StopTWSessions(0, 1)), StopReceived)


@pytest.mark.parametrize("setting", [s for s in SETTINGS if s.protocol is Protocol.TWAMP], ids=str)
@pytest.mark.parametrize("command", [0, 1, 4, 6, 255])
@pytest.mark.parametrize("is_testing", [False, True], ids=["ready", "testing"])
def test_twamp_server_answers_an_unexpected_command_with_accept_3(
    setting: Setting, command: int, is_testing: bool
) -> None:
    """RFC 5357 §3.5: it MUST, also while sessions run."""
    raw = RawClient(setting).ready()
    if is_testing:
        raw.send(setting.request())
        raw.hear(AcceptSession)
        raw.send(StartSessions())
        raw.hear(StartAck)
    events = raw.send_text(bytes([command]) + bytes(15))
    assert only(events, Closed).accept is Accept.NOT_SUPPORTED
    assert raw.hear(AcceptSession) == AcceptSession(3, 0, bytes(16))


@pytest.mark.parametrize("command", [0, 5, 6, 255])
def test_owamp_server_closes_at_an_unknown_command(command: int) -> None:
    raw = RawClient(OWAMP).ready()
    assert "a command of OWAMP" in error_of(raw.send_text(bytes([command]) + bytes(15)))
    assert raw.is_silent()


@each_protocol
def test_unasked_message_closes_the_client(setting: Setting) -> None:
    raw = RawServer(setting).ready()
    assert "none while ready" in error_of(raw.send(AcceptSession(0, 1, SID)))


def test_twamp_client_hears_nothing_while_testing() -> None:
    raw = RawServer(TWAMP).testing()
    assert "none while testing" in error_of(raw.send(StopSessions(0, ())))


def test_owamp_client_hears_only_stop_sessions_while_testing() -> None:
    raw = RawServer(OWAMP).testing()
    assert error_of(raw.send(StartAck(0))).startswith("Command Number: expected 3")


# Requests


REQUEST_PROBLEMS: list[tuple[Setting, str, dict[str, Any]]] = [
    (OWAMP, "IPVN", {"ipvn": 5}),
    (OWAMP, "Conf-Sender, Conf-Receiver", {"conf_receiver": 0}),
    (OWAMP, "Number of Schedule Slots", {"slots": ()}),
    (OWAMP, "Slot Type", {"slots": (ScheduleSlot(0, 1), ScheduleSlot(2, 1))}),
    (TWAMP, "IPVN", {"ipvn": 0}),
    (TWAMP, "Conf-Sender", {"conf_sender": 1}),
    (TWAMP, "Conf-Receiver", {"conf_receiver": 1}),
    (TWAMP, "Number of Schedule Slots", {"number_of_slots": 1}),
    (TWAMP, "Number of Packets", {"number_of_packets": 1}),
    (TWAMP, "SID", {"sid": SID}),
]


@pytest.mark.parametrize(("setting", "field", "changes"), REQUEST_PROBLEMS)
def test_request_that_breaks_a_rule_is_answered_with_accept_3(
    setting: Setting, field: str, changes: dict[str, Any]
) -> None:
    problem = request_problem(setting.protocol, setting.request(**changes))
    assert problem is not None
    assert problem.field == field
    raw = RawClient(setting).ready()
    rejected = only(raw.send(setting.request(**changes)), SessionRejected)
    assert rejected == SessionRejected(setting.request(**changes), Accept.NOT_SUPPORTED)
    assert raw.hear(AcceptSession) == AcceptSession(3, 0, bytes(16))
    assert raw.server.state is State.READY
    assert request_problem(setting.protocol, setting.request()) is None


@each_protocol
@pytest.mark.parametrize("accept", [*Accept][1:])
def test_request_that_the_policy_rejects_leaves_the_connection_open(
    setting: Setting, accept: Accept
) -> None:
    config = replace(setting.server_config, policy=lambda request: (accept, 99))
    pair = Pair(setting, server_config=config).ready()
    pair.client.request_session(setting.request())
    at_client, _ = pair.pump()
    assert only(at_client, SessionRejected).accept is accept
    assert pair.client.sessions == pair.server.sessions == []
    pair.client.start_sessions()
    at_client, at_server = pair.pump()
    assert at_client[0] == Started(Accept.FAILURE)
    assert at_server == [Started(Accept.FAILURE)]
    assert (pair.client.state, pair.server.state) == (State.CLOSED, State.READY)


@each_protocol
@pytest.mark.parametrize("accept", [7, 255])
def test_accept_without_a_meaning_counts_as_failure(setting: Setting, accept: int) -> None:
    """RFC 4656 §3.3."""
    raw = RawServer(setting).ready().asked()
    events = raw.send(AcceptSession(accept, 1, SID))
    assert only(events, SessionRejected).accept is Accept.FAILURE
    raw.client.start_sessions()
    events = raw.send(StartAck(accept))
    assert events[0] == Started(Accept.FAILURE)
    assert only(events[1:], Closed).accept is Accept.FAILURE
    assert Accept.interpret(accept) is Accept.FAILURE


@each_protocol
def test_server_names_the_port_that_the_client_asked_for(setting: Setting) -> None:
    assert Pair(setting).ready().accepted().port == 6000


@pytest.mark.parametrize(
    ("conf_sender", "conf_receiver", "client_names_it"),
    [(1, 0, True), (1, 1, False), (0, 1, False)],
)
def test_sid_is_made_by_the_receiving_side(
    conf_sender: int, conf_receiver: int, client_names_it: bool
) -> None:
    """RFC 4656 §3.5."""
    pair = Pair(OWAMP).ready()
    session = pair.accepted(conf_sender=conf_sender, conf_receiver=conf_receiver, sid=SID)
    assert (session.sid == SID) == client_names_it
    port = 5000 if conf_sender else 6000
    assert session.port == (0 if conf_sender and conf_receiver else port)


def test_a_sid_is_not_taken_twice_on_one_connection() -> None:
    """Two sessions with one SID would have the same T3 and T4; neither is zero a SID."""
    pair = Pair(OWAMP).ready()
    made = pair.accepted().sid
    pair.accepted(conf_sender=1, conf_receiver=0, sid=SID)
    for sid in (SID, bytes(16), made):
        pair.client.request_session(OWAMP.request(conf_sender=1, conf_receiver=0, sid=sid))
        assert only(pair.pump()[0], SessionRejected).accept is Accept.NOT_SUPPORTED
    pair.accepted(conf_sender=1, conf_receiver=0, sid=bytes(15) + b"\1")


def test_a_server_makes_no_sid_twice() -> None:
    made = iter([SID, SID, bytes(16), bytes(15) + b"\1", *[SID] * 8])
    config = replace(TWAMP.server_config, make_sid=lambda: next(made))
    pair = Pair(TWAMP, server_config=config).ready()
    assert [pair.accepted().sid for _ in range(2)] == [SID, bytes(15) + b"\1"]
    pair.client.request_session(TWAMP.request())
    assert error_of(pair.pump()[1]).startswith("SID: expected one that is new")


def test_sids_wrap_with_the_era_of_ntp() -> None:
    pair = Pair(TWAMP)
    pair.server = Server(TWAMP.server_config, clock=lambda: 2**64 + 5)
    assert pair.ready().accepted().sid[4:12] == bytes(7) + b"\5"


@each_protocol
def test_server_grants_nothing_unless_told(setting: Setting) -> None:
    """RFC 4656 §6.2, §6.5: limits by default."""
    config = ServerConfig(setting.protocol, setting.mode, find_secret=secrets_of(PSK_CREDENTIALS))
    pair = Pair(setting, server_config=config).ready()
    pair.client.request_session(setting.request())
    rejected = only(pair.pump()[0], SessionRejected)
    assert rejected.accept is Accept.PERMANENT_RESOURCE_LIMITATION


@each_protocol
def test_test_packets_do_not_go_to_a_third_party(setting: Setting) -> None:
    """RFC 4656 §6.2; the 12 octets after an IPv4 address are ignored (§3.5)."""
    known = [bytes([192, 0, 2, end]) for end in (1, 2)]
    config = replace(setting.server_config, receivers=known)
    pair = Pair(setting, server_config=config).ready()
    pair.accepted(receiver_address=known[0].ljust(16, b"\0"))
    raw = RawClient(setting, config).ready()
    tail = setting.request(receiver_address=known[1] + b"\1" * 12)
    only(raw.send(tail), TestSession)
    stranger = bytes([192, 0, 2, 3]).ljust(16, b"\0")
    of_ipv6 = {"receiver_address": known[0].ljust(16, b"\0"), "ipvn": 6}
    for changes in ({"receiver_address": stranger}, of_ipv6):
        pair.client.request_session(setting.request(**changes))
        assert only(pair.pump()[0], SessionRejected).accept is Accept.NOT_SUPPORTED


@each_protocol
def test_only_twamp_has_zeros_for_the_end_that_asks(setting: Setting) -> None:
    """RFC 5357 §3.5; RFC 4656 §6.2."""
    config = replace(setting.server_config, receivers=[bytes([192, 0, 2, 1])])
    pair = Pair(setting, server_config=config).ready()
    pair.client.request_session(setting.request(receiver_address=bytes(16)))
    events, _ = pair.pump()
    if setting.protocol is Protocol.TWAMP:
        only(events, TestSession)
    else:
        assert only(events, SessionRejected).accept is Accept.NOT_SUPPORTED


@each_protocol
def test_server_offers_only_what_it_does(setting: Setting) -> None:
    """RFC 5938 §3.1 and RFC 7718 §3.2 have others for modes that are not here."""
    for modes in (32, 64, 8 if setting is OWAMP else 16, 2**31):
        with refused("Modes"):
            Server(replace(setting.server_config, modes=modes))


# Stop-Sessions


@pytest.mark.parametrize(
    "records",
    [(), (bytes(16),), ("own", "own"), ("own", bytes(16))],
    ids=["none", "another SID", "twice", "one too many"],
)
def test_stop_sessions_accounts_for_exactly_the_senders_sessions(records: tuple[Any, ...]) -> None:
    """RFC 4656 §3.8."""
    pair = Pair(OWAMP).testing()
    own = pair.client.sessions[0].sid
    sessions = tuple(SessionDescription(own if r == "own" else r, 3) for r in records)
    with refused("Stop-Sessions"):
        pair.client.stop_sessions(sessions)
    with refused("Stop-Sessions"):
        pair.server.stop_sessions((SessionDescription(own, 3),))
    raw = RawClient(OWAMP).ready()
    raw.send(OWAMP.request())
    raw.send(StartSessions())
    own = raw.server.sessions[0].sid
    stop = StopSessions(0, tuple(SessionDescription(own if r == "own" else r, 3) for r in records))
    assert error_of(raw.send(stop)).startswith("Stop-Sessions: expected the SIDs")


@pytest.mark.parametrize("number", [0, 2, 2**32 - 1])
def test_stop_sessions_of_twamp_gives_the_number_of_sessions(number: int) -> None:
    raw = RawClient(TWAMP).ready()
    raw.send(TWAMP.request())
    raw.send(StartSessions())
    assert error_of(raw.send(StopTWSessions(0, number))).startswith(
        "Number of Sessions: expected 1"
    )


def test_each_side_of_owamp_stops_once() -> None:
    pair = Pair(OWAMP).testing()
    own = own_records(pair.client)
    stops: list[Callable[[], None]] = [
        lambda: pair.client.stop_sessions(own),
        pair.server.stop_sessions,
    ]
    for stop in stops:
        stop()
        with refused("Stop-Sessions"):
            stop()
    pair.pump()
    for stop in stops:
        with refused("state"):
            stop()


def test_second_stop_sessions_closes_the_server() -> None:
    raw = RawClient(OWAMP).ready()
    raw.send(OWAMP.request())
    raw.send(StartSessions())
    stop = StopSessions(0, (SessionDescription(raw.server.sessions[0].sid, 3),))
    assert only(raw.send(stop), StopReceived).message == stop
    assert error_of(raw.send(stop)).startswith("Stop-Sessions: expected one")


def test_second_stop_sessions_closes_the_client() -> None:
    raw = RawServer(OWAMP).testing()
    assert only(raw.send(StopSessions(0, ())), StopReceived).message.accept == 0
    assert error_of(raw.send(StopSessions(0, ()))).startswith("Stop-Sessions: expected one")


def test_server_of_twamp_does_not_stop_sessions() -> None:
    pair = Pair(TWAMP).testing()
    with refused("Stop-Sessions"):
        pair.server.stop_sessions()


def test_sessions_end_when_both_have_stopped_whoever_is_first() -> None:
    for client_first in (True, False):
        pair = Pair(OWAMP).testing()
        for client_stops in (client_first, not client_first):
            assert pair.client.state is pair.server.state is State.TESTING
            if client_stops:
                pair.client.stop_sessions(own_records(pair.client))
            else:
                pair.server.stop_sessions()
            pair.pump()
        assert pair.client.state is pair.server.state is State.READY


# Fetch-Session

RECORD = PacketRecord(0, 1, 1, 1, 2, 64)


def data_with(records: int = 1) -> FetchData:
    request = OWAMP.request()
    assert isinstance(request, RequestSession)
    return FetchData(request, (), (RECORD,) * records)


def fetching() -> Pair:
    pair = Pair(OWAMP).ready()
    pair.client.fetch_session(SID, 0, 9)
    at_client, at_server = pair.pump()
    assert at_client == []
    assert only(at_server, FetchRequested).message == FetchSession(0, 9, SID)
    return pair


def test_session_data_arrive_as_they_were_sent() -> None:
    pair = fetching()
    pair.server.answer_fetch(FetchAck(0, 1, 1, 0, 1), data_with())
    at_client, _ = pair.pump()
    assert only(at_client, Fetched) == Fetched(FetchAck(0, 1, 1, 0, 1), data_with())
    assert pair.client.state is State.READY
    pair.accepted()


@pytest.mark.parametrize("accept", [*Accept][1:])
def test_refused_fetch_brings_no_data(accept: Accept) -> None:
    pair = fetching()
    pair.server.answer_fetch(FetchAck(accept, 0, 0, 0, 0))
    at_client, _ = pair.pump()
    assert only(at_client, Fetched) == Fetched(FetchAck(accept, 0, 0, 0, 0), None)
    assert pair.client.state is State.READY


def test_fields_of_a_refusing_fetch_ack_are_ignored() -> None:
    """RFC 4656 §3.9: the client ignores the rest when Accept is not zero."""
    raw = RawServer(OWAMP).ready()
    raw.client.fetch_session(SID)
    assert only(raw.send(FetchAck(1, 1, 9, 9, 9)), Fetched).data is None


@pytest.mark.parametrize(
    ("ack", "data"),
    [
        (FetchAck(0, 1, 1, 0, 1), None),
        (FetchAck(1, 0, 0, 0, 0), data_with()),
        (FetchAck(0, 1, 1, 0, 2), data_with(1)),
        (FetchAck(0, 1, 1, 1, 1), data_with(1)),
        (FetchAck(1, 0, 7, 0, 0), None),
        (FetchAck(1, 0, 0, 0, 3), None),
        (FetchAck(1, 1, 0, 0, 0), None),
        (FetchAck(0, 0, 7, 0, 1), data_with(1)),
        (FetchAck(0, 0, 0, 1, 1), replace(data_with(1), skip_ranges=(SkipRange(0, 0),))),
    ],
    ids=[
        "no data",
        "data though refused",
        "number of records",
        "number of skip ranges",
        "refused with Next Seqno",
        "refused with records",
        "refused but finished",
        "Next Seqno of an unfinished session",
        "skip ranges of an unfinished session",
    ],
)
def test_answer_to_fetch_session_is_one_that_rfc_4656_allows(
    ack: FetchAck, data: FetchData | None
) -> None:
    """§3.9. The question stays open, and an answer that is allowed may follow."""
    pair = fetching()
    with pytest.raises(ProtocolError, match=r"^(Fetch-Session data|Fetch-Ack): expected"):
        pair.server.answer_fetch(ack, data)
    assert pair.server.data_to_send() == b""
    pair.server.answer_fetch(FetchAck(0, 1, 1, 0, 1), data_with())
    only(pair.pump()[0], Fetched)


def test_answer_without_a_question_is_refused() -> None:
    pair = Pair(OWAMP).ready()
    with refused("Fetch-Session"):
        pair.server.answer_fetch(FetchAck(1, 0, 0, 0, 0))


def test_answer_after_the_end_of_the_connection_is_refused() -> None:
    pair = fetching()
    only(pair.server.connection_lost(), Closed)
    with refused("Fetch-Session"):
        pair.server.answer_fetch(FetchAck(1, 0, 0, 0, 0))
    assert pair.server.data_to_send() == b""


def test_commands_behind_fetch_session_wait_for_its_answer() -> None:
    """TCP has no borders between messages (RFC 4656 §2)."""
    raw = RawClient(OWAMP).ready()
    first, second = FetchSession(0, 1, SID), FetchSession(2, 3, SID)
    assert only(raw.send(first), FetchRequested).message == first
    assert raw.send(second) == []
    raw.server.answer_fetch(FetchAck(1, 0, 0, 0, 0))
    assert only(raw.server.receive(b""), FetchRequested).message == second
    assert raw.send(OWAMP.request()) == []
    only(raw.server.refuse_fetch(), TestSession)
    assert raw.server.state is State.READY


def test_skip_ranges_that_overlap_close_the_client() -> None:
    """RFC 4656 §3.9."""
    raw = RawServer(OWAMP).ready()
    raw.client.fetch_session(SID)
    raw.send(FetchAck(0, 1, 0, 2, 0))
    overlapping = bytes([0, 0, 0, 1, 0, 0, 0, 5, 0, 0, 0, 5, 0, 0, 0, 6])
    events = raw.send_text(*data_with(0).request.segments(), overlapping, b"")
    assert error_of(events).startswith("Skip Ranges: expected ascending")


# Test sessions


def test_sender_numbers_and_pads_its_packets() -> None:
    drawn = Draws("padding")
    sender = SessionSender(TestMode.UNAUTHENTICATED, clock=lambda: 9, padding=drawn)
    first, second = sender.next_packet(20), sender.next_packet(20)
    assert (first[:4], second[:4]) == (bytes(4), b"\0\0\0\1")
    assert second[14:] == drawn.given["Packet Padding"]
    assert SessionSender(TestMode.UNAUTHENTICATED).next_packet(3)[14:] == bytes(3)


@pytest.mark.parametrize("mode", [TestMode.AUTHENTICATED, TestMode.ENCRYPTED])
def test_protected_packet_needs_keys(mode: TestMode) -> None:
    with refused("test session keys"):
        SessionSender(mode).next_packet()
    with refused("test session keys"):
        SessionReceiver(mode).receive(bytes(48))


def test_answer_to_a_packet_that_was_not_sent_is_discarded() -> None:
    honest = SessionSender(TestMode.UNAUTHENTICATED, clock=lambda: 0)
    reflected = b"\0\0\0\0" + bytes(9) + b"\x01" + bytes(10) + b"\0\0\0\x01" + bytes(13)
    assert len(reflected) == 41
    honest.next_packet()
    with refused("Sender Sequence Number"):
        honest.receive(reflected)
    honest.next_packet()
    assert honest.receive(reflected).sender_sequence_number == 1


def test_messages_of_this_module_are_of_the_protocol_that_they_test() -> None:
    assert isinstance(OWAMP.request(), RequestSession)
    assert isinstance(TWAMP.request(), RequestTWSession)

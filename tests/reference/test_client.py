"""What a client does where the RFCs leave it open, and what it never sends."""

from __future__ import annotations

from typing import Any

import pytest
from owamp_reference import choices
from owamp_reference.choices import Choice
from owamp_reference.connection import ClientConfig, ControlClient, State
from owamp_reference.errors import ProtocolError
from owamp_reference.events import Closed, Fetched, SessionRejected, TestSession
from owamp_reference.messages import (
    Accept,
    AcceptSession,
    FetchAck,
    FetchData,
    PacketRecord,
    RequestSession,
    SetUpResponse,
    SkipRange,
    StartAck,
)
from owamp_reference.negotiation import IKEV2_DERIVED, Mode, NegotiatedMode, Protocol

from .support import OWAMP, SETTINGS, SID, TWAMP, Draws, RawServer, Setting, error_of, only

each_protocol = pytest.mark.parametrize("setting", [OWAMP, TWAMP], ids=str)


def deciding(setting: Setting, **decided: Any) -> RawServer:
    """A server by hand, against a client that takes the option with these words of a choice."""
    answers = {getattr(choices, name.upper()): does for name, does in decided.items()}

    def choose(choice: Choice) -> int:
        words = [option.does for option in choice.options]
        return words.index(answers[choice]) if choice in answers else 0

    raw = RawServer(setting)
    raw.peer = ControlClient(setting.client_config, Draws("client"), choose)
    return raw


# The greeting


@each_protocol
@pytest.mark.parametrize(
    ("choice", "changes"), [("no_service", {"modes": 0}), ("mode_not_offered", {"modes": 1})]
)
@pytest.mark.parametrize("does", [choices.DECLINES, choices.DECLINES_AND_CLOSES])
def test_client_can_decline_with_mode_0(
    setting: Setting, choice: str, changes: dict[str, int], does: str
) -> None:
    """RFC 4656 §3.1: "the client indicates that it will not continue"."""
    raw = deciding(setting, **{choice: does})
    raw.greet(**changes)
    assert SetUpResponse.parse(raw.peer.data_to_send()).mode == 0
    assert (raw.client.state is State.CLOSED) == (does == choices.DECLINES_AND_CLOSES)
    assert raw.peer.receive(bytes(48)) == []


@each_protocol
def test_client_with_keys_from_ikev2_wants_the_bit_offered(setting: Setting) -> None:
    derived = Setting(setting.protocol, Mode.ENCRYPTED, ikev2_derived=True)
    raw = RawServer(derived)
    assert "one of the offered 0x00000004" in error_of(raw.greet(modes=4))
    assert RawServer(derived).greet(modes=4 | IKEV2_DERIVED[setting.protocol]) == []


def test_keys_from_ikev2_are_of_no_use_in_the_unauthenticated_mode() -> None:
    config = Setting(Protocol.TWAMP, Mode.UNAUTHENTICATED, ikev2_derived=True).client_config
    assert config.mode == NegotiatedMode(Mode.UNAUTHENTICATED)


def test_mixed_mode_is_no_mode_of_an_owamp_client() -> None:
    with pytest.raises(ProtocolError, match=r"^security: expected a mode of OWAMP, found MIXED"):
        ControlClient(ClientConfig(Protocol.OWAMP, Mode.MIXED, OWAMP.credentials))


@pytest.mark.parametrize("protocol", Protocol)
def test_maximum_of_count_in_the_unauthenticated_mode_is_twamps(protocol: Protocol) -> None:
    """RFC 5357 §6 speaks of no mode; RFC 4656 has no maximum."""
    raw = RawServer(Setting(protocol, Mode.UNAUTHENTICATED))
    assert (raw.greet(count=65536) == []) == (protocol is Protocol.OWAMP)


@each_protocol
def test_a_count_over_the_maximum_may_be_computed_with(setting: Setting) -> None:
    raw = RawServer(setting)
    raw.peer = ControlClient(setting.client_config, Draws("client"), lambda choice: -1)
    raw.greet(count=65536)
    assert SetUpResponse.parse(raw.peer.data_to_send()).mode == Mode.ENCRYPTED


def test_unused_fields_are_filled_with_any_octet() -> None:
    setting = Setting(Protocol.OWAMP, Mode.UNAUTHENTICATED)
    raw = RawServer(setting, ClientConfig(Protocol.OWAMP, Mode.UNAUTHENTICATED, unused=0x5A))
    raw.greet()
    assert raw.peer.data_to_send() == b"\0\0\0\1" + b"\x5a" * 160


@pytest.mark.parametrize("setting", [s for s in SETTINGS if s.is_protected], ids=str)
def test_own_iv_as_server_iv_may_end_the_connection(setting: Setting) -> None:
    for does in (choices.GOES_ON, choices.CLOSES):
        raw = deciding(setting, equal_ivs=does)
        raw.greet()
        response = SetUpResponse.parse(raw.peer.data_to_send())
        raw.peer.receive(bytes(16) + response.client_iv + bytes(16))
        assert (raw.client.state is State.CLOSED) == (does == choices.CLOSES)


# Refusing answers


@each_protocol
def test_client_closes_after_a_start_ack_that_refuses(setting: Setting) -> None:
    """RFC 4656 §3.7: it SHOULD."""
    for does in (choices.CLOSES, "leaves the connection open"):
        raw = deciding(setting, close_when_start_refused=does).ready()
        raw.client.start_sessions()
        raw.send(StartAck(1))
        assert raw.client.state is (State.CLOSED if does == choices.CLOSES else State.READY)


@each_protocol
def test_client_may_close_after_an_accept_session_that_refuses(setting: Setting) -> None:
    raw = deciding(setting, close_when_request_refused=choices.CLOSES).ready().asked()
    events = raw.send(AcceptSession(3, 0, bytes(16)))
    assert only(events[:1], SessionRejected).accept is Accept.NOT_SUPPORTED
    assert only(events[1:], Closed).accept is Accept.NOT_SUPPORTED
    raw = RawServer(setting).ready().asked()
    raw.send(AcceptSession(3, 0, bytes(16)))
    raw.asked()


@each_protocol
def test_client_may_take_no_notice_of_what_it_did_not_ask_for(setting: Setting) -> None:
    raw = deciding(setting, close_when_not_asked="leaves the connection open").ready()
    assert raw.send(AcceptSession(0, 1, SID)) == raw.send(StartAck(0)) == []
    assert raw.client.state is State.READY


# Ports


def test_client_may_take_another_port_in_twamp() -> None:
    """RFC 5357 §3.5."""
    for does in (choices.GOES_ON, choices.CLOSES):
        raw = deciding(TWAMP, alternate_port=does).ready().asked()
        events = raw.send(AcceptSession(0, 6001, SID))
        assert isinstance(events[0], TestSession if does == choices.GOES_ON else Closed)


@pytest.mark.parametrize("conf_sender", [0, 1])
def test_port_0_is_open_where_the_port_is_used(conf_sender: int) -> None:
    """RFC 4656 §3.5: "If both were set, the Port field is unused"."""
    raw = deciding(OWAMP, port_zero=choices.CLOSES).ready().asked(conf_sender=conf_sender)
    events = raw.send(AcceptSession(0, 0, SID))
    assert isinstance(events[0], TestSession if conf_sender else Closed)


# Fetch-Session


def fetching(setting: Setting = OWAMP, **decided: str) -> RawServer:
    raw = deciding(setting, **decided).ready()
    raw.client.fetch_session(SID)
    return raw


def data(*skip_ranges: SkipRange) -> FetchData:
    request = OWAMP.request()
    assert isinstance(request, RequestSession)
    return FetchData(request, skip_ranges, (PacketRecord(0, 1, 1, 1, 2, 64),))


@pytest.mark.parametrize("ack", [FetchAck(0, 0, 7, 0, 1), FetchAck(0, 0, 0, 1, 1)])
def test_what_an_unfinished_session_cannot_know_may_be_refused(ack: FetchAck) -> None:
    """RFC 4656 §3.9 binds the server alone."""
    skipped = (SkipRange(1, 2),) * ack.number_of_skip_ranges
    raw = fetching()
    raw.send(ack)
    assert only(raw.send(data(*skipped)), Fetched).ack == ack
    raw = fetching(unfinished_with_numbers=choices.CLOSES)
    assert error_of(raw.send(ack)).startswith("Fetch-Ack: expected Next Seqno 0")


def test_client_may_stay_after_data_that_are_invalid() -> None:
    raw = fetching(close_when_data_invalid="leaves the connection open")
    raw.send(FetchAck(0, 1, 9, 2, 1))
    assert raw.send(data(SkipRange(1, 2), SkipRange(2, 3))) == []
    assert raw.client.state is not State.CLOSED


def test_skip_ranges_with_a_wrong_hmac_are_not_looked_at() -> None:
    """RFC 4656 §6.10: "It is crucial to check for this before using the message"."""
    raw = fetching(close_when_data_invalid="leaves the connection open")
    raw.send(FetchAck(0, 1, 9, 2, 1))
    invalid = bytearray(raw.sealed(data(SkipRange(1, 2), SkipRange(2, 3))))
    invalid[96 + 16 + 16 + 16 + 16] ^= 1  # the HMAC of the skip ranges
    assert error_of(raw.peer.receive(bytes(invalid))).startswith("HMAC: expected")


# Requests

WRONG: list[tuple[Setting, dict[str, Any], dict[str, Any]]] = [
    (OWAMP, {"conf_receiver": 255}, {}),
    (OWAMP, {"conf_sender": 2}, {"conf_sender": 1}),
    (OWAMP, {"sender_address": bytes(4) + b"\1" * 12}, {}),
    (TWAMP, {"receiver_address": bytes(15) + b"\1"}, {}),
    (TWAMP, {"conf_sender": 1}, {}),
    (TWAMP, {"number_of_packets": 1}, {}),
    (TWAMP, {"sid": SID}, {}),
]


@pytest.mark.parametrize(("setting", "changes", "sent"), WRONG)
def test_client_sends_no_request_that_it_must_not_send(
    setting: Setting, changes: dict[str, Any], sent: dict[str, Any]
) -> None:
    raw = RawServer(setting).ready()
    with pytest.raises(ProtocolError, match=r"^Request-.*Session: expected values that"):
        raw.client.request_session(setting.request(**changes))
    assert raw.is_silent()
    corrects = "sends the request with the value that is allowed"
    raw = deciding(setting, request_not_allowed=corrects).ready()
    raw.client.request_session(setting.request(**changes))
    assert raw.receiver.read(raw.peer.data_to_send()[:96]) == setting.request(**sent).pack()


@pytest.mark.parametrize("changes", [{"conf_receiver": 0}, {"slots": ()}])
def test_client_asks_for_no_session_without_a_role_or_a_schedule(changes: dict[str, Any]) -> None:
    raw = RawServer(OWAMP).ready()
    with pytest.raises(ProtocolError, match="at least"):
        raw.client.request_session(OWAMP.request(**changes))


def test_all_octets_of_an_ipv6_address_are_sent() -> None:
    raw = RawServer(OWAMP).ready()
    address = bytes(range(16))
    raw.client.request_session(OWAMP.request(ipvn=6, sender_address=address))
    assert raw.receiver.read(raw.peer.data_to_send()[:96])[16:32] == address

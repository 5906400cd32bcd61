"""Mistakes of a client: in the set-up, after each answer of the server, and between rounds."""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import replace
from typing import Any

from owamp_reference import choices, connection, control, messages, negotiation
from owamp_reference.choices import Choice
from owamp_reference.connection import ControlClient, Endpoint, State
from owamp_reference.errors import ProtocolError
from owamp_reference.layout import Layout
from owamp_reference.messages import (
    AcceptSession,
    ClientCommand,
    FetchAck,
    FetchData,
    Request,
    ServerGreeting,
    StartAck,
    StartSessions,
    StopTWSessions,
    Want,
)
from owamp_reference.negotiation import Mode, Protocol

from .base import Swap, mistake

_objections = ControlClient._objections
_close_or_not = ControlClient._close_or_not
_read_reply = ControlClient._read_reply
_read_data = ControlClient._read_data
_take_answer = ControlClient._take_answer
_open_session = ControlClient._open_session
_send_stop = ControlClient._send_stop
_require = Endpoint._require
_check_stop = connection.check_stop
_unpack = Layout.unpack

_Objections = Generator[tuple[Choice, ProtocolError], None, None]
_Reading = Generator[Want, bytes, None]


def _no_objection_to(*choices_left_out: Choice) -> Callable[..., _Objections]:
    def objections(self: ControlClient, greeting: ServerGreeting) -> _Objections:
        for choice, error in _objections(self, greeting):
            if choice not in choices_left_out:
                yield choice, error

    return objections


def _without_ikev2(self: ControlClient, greeting: ServerGreeting) -> _Objections:
    """Takes IKEv2Derived for offered, whatever is."""
    modes = greeting.modes | negotiation.IKEV2_DERIVED[self.protocol]
    yield from _objections(self, replace(greeting, modes=modes))


def _falling_back(self: ControlClient, greeting: ServerGreeting) -> _Objections:
    """Takes the best mode on offer in place of the one that was asked for."""
    offered = greeting.modes & negotiation.SECURITY_BITS[self.protocol]
    if offered and not self.config.security & greeting.modes:
        object.__setattr__(self.config, "security", Mode(1 << (offered.bit_length() - 1)))
    yield from _objections(self, greeting)


def _going_on_after(choice: Choice) -> Callable[..., _Reading]:
    def close_or_not(
        self: ControlClient, asked: Choice, error: ProtocolError, accept: int | None = None
    ) -> _Reading:
        if asked is not choice:
            yield from _close_or_not(self, asked, error, accept)

    return close_or_not


def _ending_with_the_server(
    self: ControlClient, asked: Choice, error: ProtocolError, accept: int | None = None
) -> _Reading:
    """Takes what comes while testing for Stop-Sessions."""
    if asked is not choices.CLOSE_WHEN_NOT_ASKED or self.state is not State.TESTING:
        yield from _close_or_not(self, asked, error, accept)
        return
    yield Want(16, is_hmac=True)
    self.state = State.READY


def _starting_anyway(self: ControlClient, command: ClientCommand, first_block: bytes) -> _Reading:
    """Takes Start-Ack for an acceptance, whatever Accept says."""
    if isinstance(command, StartSessions):
        yield from StartAck.reader(first_block)
        self.state = State.TESTING
    else:
        yield from _read_reply(self, command, first_block)


def _reading_data_anyway(self: ControlClient, ack: FetchAck) -> _Reading:
    """Waits for session data also after a refusal."""
    yield from FetchData.reader(ack)
    yield from _read_data(self, ack)


def _granted_anyway(self: ControlClient, request: Request, reply: AcceptSession) -> None:
    """Counts a session that was refused."""
    if reply.accept:
        _open_session(self, request, reply.sid, reply.port)
    _take_answer(self, request, reply)


def _with_the_round_before(self: Endpoint) -> None:
    """Goes back to requests, and keeps the sessions."""
    if self.protocol is Protocol.TWAMP or (self._stop_sent and self._stop_received):
        self.state = State.READY
        self._stop_sent = self._stop_received = False


def _obeying_anything(self: Endpoint, *states: State) -> None:
    if self.state is not State.TESTING:
        _require(self, *states)


def _own_stops_only(sessions: Any, message: Any, from_client: bool, **more: bool) -> None:
    if from_client:
        _check_stop(sessions, message, from_client, **more)


def _waiting_for_stop(self: ControlClient, stop: Any) -> None:
    """Waits for the server's Stop-Sessions in TWAMP as well."""
    _send_stop(self, stop)
    if isinstance(stop, StopTWSessions):
        self.state = State.TESTING


def _one_message_a_piece(
    self: ControlClient, command: ClientCommand, first_block: bytes
) -> _Reading:
    """Drops what came together with the answer."""
    yield from _read_reply(self, command, first_block)
    self._inbox.clear()


def _counting_in(bits: int) -> Swap:
    def unpack(self: Layout, data: bytes) -> dict[str, Any]:
        return {
            name: value % 2**bits if name.startswith("number_of_") else value
            for name, value in _unpack(self, data).items()
        }

    return Swap(Layout, "unpack", unpack)


def _small_want(size: int, is_hmac: bool = False) -> Want:
    return Want(size % 2**32, is_hmac)


def _read_fetched_carelessly(
    self: ControlClient, command: ClientCommand, first_block: bytes
) -> _Reading:
    """Checks no HMAC of Fetch-Ack and what follows it."""
    receiver = self._receiver
    if isinstance(command, messages.FetchSession) and isinstance(
        receiver, control.ProtectedReceiver
    ):
        vars(receiver)["read_hmac"] = lambda data: _skip_hmac(receiver, data)
    yield from _read_reply(self, command, first_block)
    vars(receiver).pop("read_hmac", None)


def _skip_hmac(receiver: control.ProtectedReceiver, data: bytes) -> None:
    receiver._cipher.update(data)
    receiver._covered = b""


MISTAKES = (
    mistake(
        "NoServiceIgnored",
        "NEGOTIATION",
        "A greeting without a mode answered as if there were a service.",
        "The client waits for an answer that does not come.",
        Swap(
            ControlClient,
            "_objections",
            _no_objection_to(choices.NO_SERVICE, choices.MODE_NOT_OFFERED),
        ),
    ),
    mistake(
        "FallbackToOther",
        "DOWNGRADE",
        "Another mode taken when the wanted one is not offered.",
        "Modes is not protected: an attacker removes bits and has the client go on in clear.",
        Swap(ControlClient, "_objections", _falling_back),
    ),
    mistake(
        "Ikev2NotOffered",
        "NEGOTIATION",
        "IKEv2Derived chosen by a client though the server does not offer it.",
        "A server that does not know the bit ignores it, and takes the SPIs for a name.",
        Swap(ControlClient, "_objections", _without_ikev2),
    ),
    mistake(
        "ServerStartAcceptIgnored",
        "AUTH_BYPASS",
        "Server-Start taken for an acceptance, whatever its Accept says.",
        "The client goes on alone.",
        Swap(ControlClient, "_close_or_not", _going_on_after(choices.CLOSE_WHEN_REFUSED_SET_UP)),
    ),
    mistake(
        "StopOfTwampServerTaken",
        "STATE",
        "A Stop-Sessions of the server taken in TWAMP, where only the client sends one.",
        "The server waits for the client's (RFC 5357 §3.8).",
        Swap(ControlClient, "_close_or_not", _ending_with_the_server),
    ),
    mistake(
        "FetchHmacUnchecked",
        "AUTH_BYPASS",
        "The HMACs of Fetch-Ack and of the session data not checked.",
        "Measurements can be forged after the fact.",
        Swap(ControlClient, "_read_reply", _read_fetched_carelessly),
    ),
    mistake(
        "GoesOnAfterRefusedStart",
        "STATE",
        "Start-Ack taken for an acceptance, whatever its Accept says.",
        "The client sends test packets that nobody awaits, and commands that nobody takes.",
        Swap(ControlClient, "_read_reply", _starting_anyway),
    ),
    mistake(
        "WaitsForDataAfterRefusedFetch",
        "STATE",
        "Session data awaited after a Fetch-Ack that refuses.",
        "The connection hangs; or the next answer is taken for data.",
        Swap(ControlClient, "_read_data", _reading_data_anyway),
    ),
    mistake(
        "RefusedRequestTaken",
        "STATE",
        "A session counted that Accept-Session refused.",
        "Stop-Sessions accounts for a session that there is not; the server closes.",
        Swap(ControlClient, "_take_answer", _granted_anyway),
    ),
    mistake(
        "StateOfTheRoundBefore",
        "STATE",
        "The sessions of one round counted in the next round as well.",
        "The second Stop-Sessions of a connection does not account for the sessions.",
        Swap(Endpoint, "_stopped", _with_the_round_before),
    ),
    mistake(
        "CommandWhileTestingSent",
        "STATE",
        "Another command than Stop-Sessions sent while sessions run.",
        "The server closes, and the measurement is lost.",
        Swap(Endpoint, "_require", _obeying_anything),
    ),
    mistake(
        "ServerStopUnchecked",
        "MISSING_CHECK",
        "The server's Stop-Sessions taken although it does not account for its sessions.",
        "Results that RFC 4656 §3.8 declares invalid are used.",
        Swap(connection, "check_stop", _own_stops_only),
    ),
    mistake(
        "WaitsForStop",
        "STATE",
        "The server's Stop-Sessions awaited in TWAMP, where only the client sends one.",
        "The client hangs, or never sends another request.",
        Swap(ControlClient, "_send_stop", _waiting_for_stop),
    ),
    mistake(
        "RequestUnchecked",
        "MISSING_CHECK",
        "A request sent with a value that a client MUST NOT send.",
        "Servers read it in different ways.",
        Swap(negotiation, "allowed_request", lambda request: request),
    ),
    mistake(
        "OneMessageAPiece",
        "FRAMING",
        "What arrives together with the end of a message dropped.",
        "The connection hangs whenever the server is quick.",
        Swap(ControlClient, "_read_reply", _one_message_a_piece),
    ),
    mistake(
        "CountsIn8Bits",
        "WRAP_AROUND",
        "The number of items of a list kept in 8 bits.",
        "The rest of the list is taken for the next messages.",
        _counting_in(8),
    ),
    mistake(
        "CountsIn16Bits",
        "WRAP_AROUND",
        "The number of items of a list kept in 16 bits.",
        "The rest of the list is taken for the next messages.",
        _counting_in(16),
    ),
    mistake(
        "SizesIn32Bits",
        "WRAP_AROUND",
        "The size of a list in octets computed in 32 bits.",
        "A long list is taken for a short one, and limits are passed.",
        Swap(messages, "Want", _small_want),
    ),
)

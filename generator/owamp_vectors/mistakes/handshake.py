"""Mistakes in the order of things: set-up, the state of the connection, whose keys are used."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from owamp_reference import connection, control, events, keys, negotiation
from owamp_reference.connection import Endpoint, Server
from owamp_reference.errors import ProtocolError
from owamp_reference.keys import ControlKeys, TestSessionKeys
from owamp_reference.messages import (
    FetchSession,
    Request,
    StartSessions,
)
from owamp_reference.negotiation import Mode, NegotiatedMode, Protocol
from owamp_reference.packets import TestMode

from ..vectors.declaration import Note
from . import handshake_client, handshake_server
from .base import Swap, ignore, mistake

NOTES: dict[str, Note] = {}

_BROKEN = "Set-up, or the first protected message after it, fails between the two ends."


_read_mode = negotiation.read_mode
_open_session = Endpoint._open_session
_start = Server._start
_protect = Endpoint._protect
_request_problem = negotiation.request_problem


def _protect_exchanged(self: Endpoint, mine: bytes, theirs: bytes) -> None:
    _protect(self, theirs, mine)


def _protect_alike(self: Endpoint, mine: bytes, theirs: bytes) -> None:
    client_iv = mine if self.IS_CLIENT else theirs
    _protect(self, client_iv, client_iv)


def _protect_crosswise(self: Endpoint, mine: bytes, theirs: bytes) -> None:
    _protect(self, mine, theirs)
    sender, receiver = self._sender, self._receiver
    if isinstance(sender, control.OpenSender) or isinstance(receiver, control.OpenReceiver):
        return
    write, read = sender.write, receiver.read

    def write_crosswise(text: bytes) -> bytes:
        covered, octets = bytes(sender._covered), write(text)
        sender._covered = covered
        receiver._covered += text
        return octets

    def read_crosswise(data: bytes) -> bytes:
        covered, text = bytes(receiver._covered), read(data)
        receiver._covered = covered
        sender._covered += text
        return text

    vars(sender)["write"], vars(receiver)["read"] = write_crosswise, read_crosswise


def _start_in_clear(self: Server, client_iv: bytes) -> None:
    _start(self, client_iv)
    start_time = self.config.start_time.to_bytes(8, "big")
    self._outbox[-16:] = start_time + bytes(8)


def _sid_of_the_request(self: Endpoint, request: Any, sid: bytes, port: int) -> None:
    del sid
    _open_session(self, request, request.sid, port)


def _reused(control_keys: ControlKeys, sid: bytes) -> TestSessionKeys:
    del sid
    return TestSessionKeys(control_keys.t1, control_keys.t2)


def _mode_taking(check: Callable[..., NegotiatedMode]) -> tuple[Swap, ...]:
    return (Swap(negotiation, "read_mode", check),)


def _highest(protocol: Protocol, offered: int, chosen: int, *choose: Any) -> NegotiatedMode:
    bits = chosen & negotiation.SECURITY_BITS[protocol]
    if bits.bit_count() > 1:
        chosen = chosen & ~bits | 1 << (bits.bit_length() - 1)
    return _read_mode(protocol, offered, chosen, *choose)


def _any_mode(protocol: Protocol, offered: int, chosen: int, *choose: Any) -> NegotiatedMode:
    del offered
    return _read_mode(protocol, 0xFFFFFFFF, chosen, *choose)


def _known_bits_only(protocol: Protocol, offered: int, chosen: int, *choose: Any) -> NegotiatedMode:
    known = negotiation.SECURITY_BITS[protocol] | negotiation.IKEV2_DERIVED[protocol]
    if chosen & ~known:
        raise ProtocolError("Mode", "known bits only", f"{chosen:#010x}")
    return _read_mode(protocol, offered, chosen, *choose)


def _without_ikev2(protocol: Protocol, offered: int, chosen: int, *choose: Any) -> NegotiatedMode:
    return _read_mode(protocol, offered, chosen & ~negotiation.IKEV2_DERIVED[protocol], *choose)


def _obey_out_of_turn(self: Server, command: Any) -> None:
    if isinstance(command, StartSessions):
        self._answer_start()
    elif isinstance(command, FetchSession):
        self._fetching = True
        self._events.append(events.FetchRequested(command))
    else:
        self._answer_request(command)


def _take_any_stop(self: Server, stop: Any) -> None:
    self._stop_received = True
    self._events.append(events.StopReceived(stop))
    self._stopped()


def _problem_except(*labels: str) -> Callable[..., ProtocolError | None]:
    def problem_of(protocol: Protocol, request: Request, *choose: Any) -> ProtocolError | None:
        problem = _request_problem(protocol, request, *choose)
        return None if problem is not None and problem.field in labels else problem

    return problem_of


class _CarelessReceiver(control.ProtectedReceiver):
    """Decrypts and never checks."""

    def read_hmac(self, data: bytes) -> None:
        """Take anything."""
        self._cipher.update(data)


MISTAKES = (
    mistake(
        "TestKeysAreControlKeys",
        "KEY_DERIVATION",
        "Test packets protected with T1 and T2 themselves, not with T3 and T4.",
        "No test packet verifies; a leaked test key is a leaked control key.",
        Swap(keys, "derive_test_session_keys", _reused),
    ),
    mistake(
        "SidOfTheRequest",
        "KEY_DERIVATION",
        "T3 and T4 derived with the SID of the request, which is zero, and not with the one that "
        "Accept-Session gave.",
        "No test packet verifies; with one such SID at both ends, all sessions share their keys.",
        Swap(Endpoint, "_open_session", _sid_of_the_request),
    ),
    mistake(
        "MixedTestProtected",
        "CIPHER_MODE",
        "Test packets encrypted in the mixed mode of RFC 5618.",
        "No test packet is understood.",
        Swap(
            NegotiatedMode,
            "test_mode",
            property(
                lambda self: (
                    TestMode.AUTHENTICATED
                    if self.security is Mode.AUTHENTICATED
                    else TestMode.ENCRYPTED
                )
            ),
        ),
    ),
    mistake(
        "IvsExchanged",
        "CIPHER_MODE",
        "Client-IV used for the server's stream and Server-IV for the client's.",
        _BROKEN,
        Swap(Endpoint, "_protect", _protect_exchanged),
    ),
    mistake(
        "OneStreamForBoth",
        "CIPHER_MODE",
        "Client-IV used for both directions.",
        _BROKEN,
        Swap(Endpoint, "_protect", _protect_alike),
    ),
    mistake(
        "HmacOfTheOtherDirection",
        "AUTHENTICATION",
        "The HMAC computed, and checked, over the text of the other direction.",
        "Nothing verifies; whoever knows what this end has sent can say what it takes.",
        Swap(Endpoint, "_protect", _protect_crosswise),
    ),
    mistake(
        "StartTimeInClear",
        "CIPHER_MODE",
        "The last block of Server-Start sent in clear although Accept is 0.",
        _BROKEN,
        Swap(Server, "_start", _start_in_clear),
    ),
    mistake(
        "Ikev2BitMissing",
        "NEGOTIATION",
        "The IKEv2Derived bit not set in Mode, or not read: the KeyID is taken for a name.",
        "Set-up fails with Accept 1.",
        *_mode_taking(_without_ikev2),
    ),
    mistake(
        "SeveralModes",
        "NEGOTIATION",
        "Several security bits in Mode: the highest is taken.",
        "Client and server may go on in different modes.",
        *_mode_taking(_highest),
    ),
    mistake(
        "ModeNotOffered",
        "NEGOTIATION",
        "A mode that was not offered is taken.",
        "A server that is to require protection can be used without.",
        *_mode_taking(_any_mode),
    ),
    mistake(
        "UnknownModeBitsRefused",
        "NEGOTIATION",
        "A Mode with a bit that has no meaning yet is refused; RFC 4656 §3.1 has it ignored.",
        "The next extension breaks interoperability.",
        *_mode_taking(_known_bits_only),
    ),
    mistake(
        "HmacUnchecked",
        "AUTH_BYPASS",
        "The HMAC of a control message is not checked.",
        "Changed, replayed and forged messages are obeyed.",
        Swap(control, "ProtectedReceiver", _CarelessReceiver),
    ),
    mistake(
        "StopWithoutStart",
        "STATE",
        "Stop-Sessions taken though no session was started.",
        "The two ends disagree about the state of the connection.",
        Swap(Server, "_take_stop", _take_any_stop),
    ),
    mistake(
        "StopUncounted",
        "MISSING_CHECK",
        "Stop-Sessions taken although it does not account for exactly the sender's sessions.",
        "Results that RFC 4656 §3.8 declares invalid are used.",
        Swap(connection, "check_stop", ignore),
    ),
    mistake(
        "CommandWhileTesting",
        "STATE",
        "Another command than Stop-Sessions obeyed while sessions run.",
        "Sessions are added to, or fetched from, a measurement that is under way.",
        Swap(Server, "_answer_out_of_turn", _obey_out_of_turn),
    ),
    mistake(
        "SlotTypeUnchecked",
        "MISSING_CHECK",
        "A schedule slot of unknown type accepted.",
        "Sender and receiver compute different schedules.",
        Swap(negotiation, "request_problem", _problem_except("Slot Type")),
    ),
    mistake(
        "TwConfUnchecked",
        "MISSING_CHECK",
        "A Request-TW-Session granted with Conf-Sender or Conf-Receiver set.",
        "A request for something else than a two-way session is taken for one.",
        Swap(negotiation, "request_problem", _problem_except(*negotiation.IMPROPER)),
    ),
    mistake(
        "SkipRangesSentAsTold",
        "MISSING_CHECK",
        "Skip ranges sent in whatever order they are in; RFC 4656 §3.8 has them in order.",
        "A peer that relies on their order takes packets for lost that were never sent.",
        Swap(Endpoint, "_in_order", lambda _self, stop: stop),
    ),
    *handshake_server.MISTAKES,
    *handshake_client.MISTAKES,
)

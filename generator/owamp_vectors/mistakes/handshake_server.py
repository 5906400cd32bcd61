"""Mistakes of a server: whom it lets in, what it authenticates, how it keeps its sessions."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Generator, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any

from owamp_reference import connection, control, negotiation, primitives
from owamp_reference.connection import Endpoint, Server, State
from owamp_reference.errors import ProtocolError, Stage
from owamp_reference.events import TestSession
from owamp_reference.messages import (
    Accept,
    AcceptSession,
    Command,
    FetchAck,
    Request,
    RequestSession,
    StopTWSessions,
    Want,
)
from owamp_reference.negotiation import Credentials, FindSecret, NegotiatedMode, SecretName
from owamp_reference.packets import TestMode

from .base import Mistake, Swap, mistake

_ANYONE = "An attacker without the secret is let in."
_TWO = "One client passes for another."
_CHANGED = "Changed, replayed and forged messages are obeyed."
_STUCK = "Honest clients are turned away."

_secrets_of = negotiation.secrets_of
_authenticate = Server._authenticate
_text_of = Endpoint._text_of
_receive = Endpoint.receive
_read_command = Server._read_command
_answer_start = Server._answer_start
_answer_request = Server._answer_request
_refuse_request = Server._refuse_request
_judge = Server._judge
_stopped = Endpoint._stopped
_secret_name = NegotiatedMode.secret_name

Found = bytes | None


def _finding(find: Callable[[Sequence[Credentials], SecretName], Found]) -> Swap:
    """Secrets found in another way than by their name."""

    def secrets_of(*known: Credentials) -> FindSecret:
        return lambda name: find(known, name)

    return Swap(negotiation, "secrets_of", secrets_of)


def _matching(matches: Callable[[bytes, bytes], bool], *, ikev2_derived: bool = False) -> Swap:
    """Secrets whose KeyID only has to match in some way."""

    def find(known: Sequence[Credentials], name: SecretName) -> Found:
        if name.ikev2_derived is not ikev2_derived:
            return _secrets_of(*known)(name)
        return next(
            (
                item.shared_secret
                for item in known
                if item.ikev2_derived is ikev2_derived and matches(item.key_id, name.key_id)
            ),
            None,
        )

    return _finding(find)


def _alike(form: Callable[[bytes], object]) -> Swap:
    return _matching(lambda known, given: form(known) == form(given))


def _is_prefix(known: bytes, given: bytes) -> bool:
    known, given = known.rstrip(b"\0"), given.rstrip(b"\0")
    return bool(given) and (known.startswith(given) or given.startswith(known))


def _normalized(key_id: bytes) -> str:
    return unicodedata.normalize("NFC", key_id.rstrip(b"\0").decode(errors="replace"))


def _spis(key_id: bytes) -> tuple[bytes, bytes]:
    return key_id[:8], key_id[8:16]


def _one_spi(known: bytes, given: bytes) -> bool:
    return any(mine == other for mine, other in zip(_spis(known), _spis(given), strict=True))


def _first(known: Sequence[Credentials], name: SecretName) -> Found:
    kind = [item for item in known if item.ikev2_derived is name.ikev2_derived]
    return kind[0].shared_secret if kind else None


def _of_the_same_peer(which: int) -> Swap:
    """The secret of the oldest, or the newest, IKE SA for the SPIs of each one."""

    def find(known: Sequence[Credentials], name: SecretName) -> Found:
        found = _secrets_of(*known)(name)
        sas = [item for item in known if item.ikev2_derived]
        return sas[which].shared_secret if found and name.ikev2_derived else found

    return _finding(find)


def _testing_anyway(self: Server) -> None:
    _answer_start(self)
    self.state = State.TESTING


def _or_empty(*, ikev2_derived: bool) -> Swap:
    def find(known: Sequence[Credentials], name: SecretName) -> Found:
        found = _secrets_of(*known)(name)
        return b"" if found is None and name.ikev2_derived is ikev2_derived else found

    return _finding(find)


def _whatever_the_bit(*, given: bool) -> Swap:
    """Names of the other kind found too."""

    def find(known: Sequence[Credentials], name: SecretName) -> Found:
        found = _secrets_of(*known)(name)
        if found is None and name.ikev2_derived is given:
            found = _secrets_of(*known)(SecretName(name.key_id, not given))
        return found

    return _finding(find)


class _Known(dict[str, bytes]):
    """Finds the secret of any name, and knows them all."""

    def __init__(self, known: Sequence[Credentials]) -> None:
        super().__init__()
        self.secrets = [item.shared_secret for item in known]

    def __call__(self, _name: SecretName) -> Found:
        return self.secrets[0] if self.secrets else None


def _always(secret: bytes) -> FindSecret:
    return lambda _: secret


def _authenticate_by_any(self: Server, greeting: Any, response: Any) -> Any:
    known = self.config.find_secret
    assert isinstance(known, _Known)
    result: Any = None
    for secret in known.secrets:
        self.config = replace(self.config, find_secret=_always(secret))
        result = _authenticate(self, greeting, response)
        if result[1] is None:
            break
    return result


def _authenticate_in_clear(self: Server, greeting: Any, response: Any) -> Any:
    accept, error = _authenticate(self, greeting, response)
    if error is None and self.mode is not None and not self.mode.is_protected:
        name = SecretName(response.key_id, ikev2_derived=False)
        if self.config.find_secret(name) is None:
            return Accept.FAILURE, ProtocolError("KeyID", "one that is known", "another")
    return accept, error


def _equal_as_strings(left: bytes, right: bytes) -> bool:
    return left.split(b"\0")[0] == right.split(b"\0")[0]


def _unchecked_where(applies: Callable[[Server], bool]) -> Swap:
    """The HMAC of some messages decrypted and not compared."""

    def text_of(self: Any, chunk: bytes) -> bytes:
        if self._want.is_hmac and isinstance(self, Server) and applies(self):
            with suppress(ProtocolError):
                self._receiver.read_hmac(chunk)
            self._held = 0
            return b""
        return _text_of(self, chunk)

    return Swap(Endpoint, "_text_of", text_of)


_HEADER = RequestSession.LAYOUT.size


def _reads(command: Command) -> Callable[[Server], bool]:
    return lambda server: server._reading == command


def _reads_later_request(server: Server) -> bool:
    is_request = server._reading in (Command.REQUEST_SESSION, Command.REQUEST_TW_SESSION)
    return is_request and len(server._known_sids) > 1


class _OnceReceiver(control.ProtectedReceiver):
    """Checks the first HMAC alone."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._is_first = True

    def read_hmac(self, data: bytes) -> None:
        """Take anything but the first time."""
        try:
            super().read_hmac(data)
        except ProtocolError:
            if self._is_first:
                raise
        self._is_first = False


def _read_on(self: Server, first_block: bytes) -> Generator[Want, bytes, None]:
    try:
        yield from _read_command(self, first_block)
    except ProtocolError as error:
        if error.stage is not Stage.HMAC:
            raise


def _receive_on(self: Any, data: bytes) -> Any:
    """Tells the conversation of a wrong HMAC, and goes on with the octets after it."""
    if not isinstance(self, Server):
        return _receive(self, data)
    self._inbox += data
    while self.state is not State.CLOSED and len(self._inbox) >= self._want.size:
        chunk = bytes(self._inbox[: self._want.size])
        del self._inbox[: self._want.size]
        try:
            text = _text_of(self, chunk)
        except ProtocolError as error:
            self._held = 0
            self._want = self._conversation.throw(error)
            continue
        try:
            self._want = self._conversation.send(text)
        except ProtocolError as error:
            self._close(error)
    return self._take_events()


def _text_checked_late(self: Any, chunk: bytes) -> bytes:
    try:
        return _text_of(self, chunk)
    except ProtocolError as error:
        if error.stage is not Stage.HMAC:
            raise
        self._late_error, self._held = error, 0
        return b""


def _receive_checked_late(self: Any, data: bytes) -> Any:
    found = _receive(self, data)
    if getattr(self, "_late_error", None) is not None:
        self._close(self._late_error)
    return found + self._take_events()


def _receive_a_message(self: Any, data: bytes) -> Any:
    found = _receive(self, data)
    if self._inbox or self._held or getattr(self, "_reading", 0):
        self._close(ProtocolError("message", "a whole one", "a piece", Stage.LAYOUT))
    return found + self._take_events()


def _receive_the_first(self: Any, data: bytes) -> Any:
    found = []
    for number in range(len(data)):
        found += _receive(self, data[number : number + 1])
        if found:
            break
    return found


def _stopped_keeping_sessions(self: Any) -> None:
    kept = list(self.sessions)
    _stopped(self)
    self.sessions[:] = kept


def _stopped_keeping_flags(self: Any) -> None:
    flags = self._stop_sent, self._stop_received
    _stopped(self)
    self._stop_sent, self._stop_received = flags


def _counting(is_right: Callable[[list[bytes], list[bytes]], bool]) -> Swap:
    """Records of Stop-Sessions compared with the sessions in another way."""

    def check(sessions: Any, message: Any, from_client: bool, **_: Any) -> None:
        role = "conf_receiver" if from_client else "conf_sender"
        sids = [session.sid for session in sessions if getattr(session.request, role)]
        if isinstance(message, StopTWSessions):
            is_ok = message.number_of_sessions == len(sessions)
        else:
            is_ok = is_right([item.sid for item in message.sessions], sids)
        if not is_ok:
            raise ProtocolError("Stop-Sessions", "all sessions", "others", Stage.STATE)

    return Swap(connection, "check_stop", check)


def _refuse_and_count(self: Server, request: Request, *rest: Any) -> None:
    _refuse_request(self, request, *rest)
    self.sessions.append(TestSession(request, bytes(16), 0, TestMode.UNAUTHENTICATED, None))


def _refuse_with_port(self: Server, request: Request, accept: Accept, error: Any) -> None:
    del error
    self._send(AcceptSession(accept, request.receiver_port, bytes(16)))


def _judge_port(self: Server, request: Request) -> Any:
    accept, _, problem = _judge(self, request)
    return accept, request.receiver_port, problem


def _judge_improper(self: Server, request: Request) -> Any:
    accept, port, problem = _judge(self, request)
    is_improper = problem is not None and problem.field in negotiation.IMPROPER
    return Accept.FAILURE if is_improper else accept, port, problem


def _compare_whole_address(self: Server, request: Request) -> bool:
    known = self.config.receivers
    if known is None:
        return True
    return request.receiver_address in [address.ljust(16, b"\0") for address in known]


def _compare_octets(self: Server, request: Request) -> bool:
    """As if all addresses had the size of those of the request."""
    known, size = self.config.receivers, 4 if request.ipvn == 4 else 16
    if known is None:
        return True
    address = request.receiver_address[:size]
    return address in [item.ljust(16, b"\0")[:size] for item in known]


def _answer_exact_conf(self: Server, request: Any) -> None:
    bits = {name: int(getattr(request, name) == 1) for name in ("conf_sender", "conf_receiver")}
    _answer_request(self, replace(request, **bits))


def _refuse_fetch(self: Server) -> list[Any]:
    self._fetching = False
    self._send(FetchAck(1, 1, 0, 0, 0))
    return []


def _read_one_at_a_time(self: Server, first_block: bytes) -> Generator[Want, bytes, None]:
    if self._fetching:
        raise ProtocolError("command", "none before the answer to the last", "one", Stage.STATE)
    yield from _read_command(self, first_block)


def _read_silently(self: Server, number: int, error: ProtocolError) -> Generator[Want, bytes, Any]:
    yield from ()
    raise error


def _request_of_32_bits(cls: Any, first_block: bytes = b"") -> Generator[Want, bytes, Any]:
    """Takes the number of octets of the slots for one of 32 bits."""
    reader = _request_reader(cls, first_block)
    want = next(reader)
    while True:
        want = Want(want.size % 2**32, want.is_hmac)
        try:
            want = reader.send((yield want))
        except StopIteration as stop:
            return stop.value


_request_reader = RequestSession.reader.__func__  # type: ignore[attr-defined]


def _bypass(flag: str, description: str, effect: str, *swaps: Swap) -> Mistake:
    return mistake(flag, "AUTH_BYPASS", description, effect, *swaps)


def _state(flag: str, description: str, effect: str, *swaps: Swap) -> Mistake:
    return mistake(flag, "STATE", description, effect, *swaps)


def _check(flag: str, description: str, effect: str, *swaps: Swap) -> Mistake:
    return mistake(flag, "MISSING_CHECK", description, effect, *swaps)


MISTAKES = (
    _bypass(
        "UnknownKeyIdAsEmptySecret",
        "A KeyID that nobody has looked up as an empty secret.",
        _ANYONE,
        _or_empty(ikev2_derived=False),
    ),
    _bypass(
        "NoIkeSaAsEmptySecret",
        "SPIs of no IKE SA looked up as an empty shared secret key.",
        _ANYONE,
        _or_empty(ikev2_derived=True),
    ),
    _bypass(
        "AnySecretForAnyKeyId",
        "Every known secret tried, whatever KeyID says.",
        _TWO,
        Swap(negotiation, "secrets_of", lambda *known: _Known(known)),
        Swap(Server, "_authenticate", _authenticate_by_any),
    ),
    _bypass(
        "FirstSecretTaken",
        "The first known secret taken, whatever KeyID says.",
        _TWO,
        _finding(_first),
    ),
    _bypass(
        "OldSecretUnderNewSpis",
        "After a rekey, the secret of the old IKE SA kept, and found under the new SPIs.",
        _STUCK,
        _of_the_same_peer(0),
    ),
    _bypass(
        "NewSecretUnderOldSpis",
        "After a rekey, the secret of the new IKE SA found under the SPIs of the old one.",
        _STUCK,
        _of_the_same_peer(-1),
    ),
    _bypass(
        "KeyIdPrefixMatches",
        "A KeyID found that is the beginning of a known one, or begins with it.",
        _TWO,
        _matching(_is_prefix),
    ),
    _bypass(
        "KeyIdCaseIgnored",
        "A KeyID found that differs from a known one in its capitals.",
        _TWO,
        _alike(bytes.lower),
    ),
    _bypass(
        "KeyIdTrimmed",
        "Blanks and newlines at the ends of a KeyID left out.",
        _TWO,
        _alike(lambda key_id: key_id.strip(b" \t\n\0")),
    ),
    _bypass(
        "KeyIdAsString",
        "A KeyID read up to its first zero octet.",
        _TWO,
        _alike(lambda key_id: key_id.split(b"\0")[0]),
    ),
    _bypass(
        "KeyIdFoundNormalized",
        "A KeyID found that is a known one in another form of Unicode.",
        _TWO,
        _alike(_normalized),
    ),
    _bypass(
        "OneSpiEnough",
        "An IKE SA found by SPIi or SPIr alone.",
        "The key of another IKE SA is used.",
        _matching(_one_spi, ikev2_derived=True),
    ),
    _bypass(
        "SpisInAnyOrder",
        "An IKE SA found by its SPIs in either order.",
        "The two ends disagree about the initiator.",
        _matching(lambda known, given: {*_spis(known)} == {*_spis(given)}, ikev2_derived=True),
    ),
    _bypass(
        "SpisLittleEndian",
        "SPIs read in little-endian byte order.",
        "Another IKE SA is meant.",
        _matching(
            lambda known, given: _spis(known) == (given[7::-1], given[15:7:-1]),
            ikev2_derived=True,
        ),
    ),
    _bypass(
        "SpisWithoutBit",
        "A KeyID without IKEv2Derived found among the SPIs of IKE SAs.",
        "A name that has the octets of SPIs gets the key of an IKE SA.",
        _whatever_the_bit(given=False),
    ),
    _bypass(
        "PassphraseWithIkev2Bit",
        "A KeyID with IKEv2Derived found among the names of passphrases.",
        "A weak passphrase is taken where a key of IKEv2 was agreed on.",
        _whatever_the_bit(given=True),
    ),
    mistake(
        "KeyIdTailCompared",
        "NEGOTIATION",
        "What follows the SPIs in KeyID compared, too.",
        _STUCK,
        Swap(
            NegotiatedMode,
            "secret_name",
            lambda self, key_id: SecretName(key_id, self.ikev2_derived),
        ),
    ),
    mistake(
        "TokenCheckedInClear",
        "NEGOTIATION",
        "KeyID looked at in the unauthenticated mode.",
        _STUCK,
        Swap(Server, "_authenticate", _authenticate_in_clear),
    ),
    _bypass(
        "OctetsComparedAsString",
        "HMACs and Challenges compared up to their first zero octet.",
        "One of 256 forgeries passes.",
        Swap(primitives, "equal", _equal_as_strings),
    ),
    _bypass(
        "HmacTruncated",
        "Only the first 12 octets of an HMAC compared.",
        "A forgery is easier than it has to be.",
        Swap(primitives, "equal", lambda left, right: left[:12] == right[:12]),
    ),
    _bypass(
        "HmacCheckedOnce",
        "Only the first HMAC of a direction checked.",
        _CHANGED,
        Swap(control, "ProtectedReceiver", _OnceReceiver),
    ),
    _bypass(
        "HmacOfHeaderUnchecked",
        "The HMAC between a request and its schedule slots not checked.",
        _CHANGED,
        _unchecked_where(
            lambda server: server._reading == Command.REQUEST_SESSION and server._held == _HEADER
        ),
    ),
    _bypass(
        "HmacOfSlotsUnchecked",
        "The HMAC after the schedule slots of a request not checked.",
        _CHANGED,
        _unchecked_where(
            lambda server: server._reading == Command.REQUEST_SESSION and server._held != _HEADER
        ),
    ),
    _bypass(
        "HmacOfLaterRequestUnchecked",
        "The HMACs of all requests but the first not checked.",
        _CHANGED,
        _unchecked_where(_reads_later_request),
    ),
    _bypass(
        "HmacOfStartUnchecked",
        "The HMAC of Start-Sessions not checked.",
        _CHANGED,
        _unchecked_where(_reads(Command.START_SESSIONS)),
    ),
    _bypass(
        "HmacOfStopUnchecked",
        "The HMAC of Stop-Sessions not checked.",
        _CHANGED,
        _unchecked_where(_reads(Command.STOP_SESSIONS)),
    ),
    _bypass(
        "HmacOfFetchUnchecked",
        "The HMAC of Fetch-Session not checked.",
        _CHANGED,
        _unchecked_where(_reads(Command.FETCH_SESSION)),
    ),
    _bypass(
        "HmacNotFatal",
        "A message with a wrong HMAC dropped, and the connection kept.",
        "An attacker may try as often as it likes.",
        Swap(Server, "_read_command", _read_on),
        Swap(Endpoint, "receive", _receive_on),
    ),
    _bypass(
        "HmacAfterUse",
        "A message answered before its HMAC is checked.",
        "Forged messages are answered.",
        Swap(Endpoint, "_text_of", _text_checked_late),
        Swap(Endpoint, "receive", _receive_checked_late),
    ),
    _state(
        "PieceIsMessage",
        "What one read of the connection gives taken for whole messages.",
        "Messages that TCP delivers in pieces are lost.",
        Swap(Endpoint, "receive", _receive_a_message),
    ),
    _state(
        "RestOfPieceLost",
        "What follows a message in one read of the connection dropped.",
        "Messages that TCP delivers together are lost.",
        Swap(Endpoint, "receive", _receive_the_first),
    ),
    _state(
        "CommandBehindFetchRefused",
        "The connection ended by a command that comes together with Fetch-Session.",
        "A client that does not wait for each answer loses its results.",
        Swap(Server, "_is_waiting", lambda self: False),
        Swap(Server, "_read_command", _read_one_at_a_time),
    ),
    _state(
        "SessionsKept",
        "Sessions not forgotten when they are stopped.",
        "The next round on the connection does not end.",
        Swap(Endpoint, "_stopped", _stopped_keeping_sessions),
    ),
    _state(
        "StopFlagsKept",
        "Not forgotten who has stopped when both have.",
        "The next round on the connection does not end.",
        Swap(Endpoint, "_stopped", _stopped_keeping_flags),
    ),
    _state(
        "StopInOrder",
        "Stop-Sessions wanted to name the sessions in the order of their requests.",
        "Honest results are thrown away.",
        _counting(lambda given, sids: given == sids),
    ),
    _check(
        "StopAsSet",
        "Stop-Sessions taken though it names a session twice.",
        "Results that RFC 4656 §3.8 declares invalid are used.",
        _counting(lambda given, sids: {*given} == {*sids}),
    ),
    _check(
        "StopCountOnly",
        "Stop-Sessions taken if it has the right number of records, whatever their SIDs.",
        "Results that RFC 4656 §3.8 declares invalid are used.",
        _counting(lambda given, sids: len(given) == len(sids)),
    ),
    _state(
        "RefusedCounted",
        "A request that was refused counted among the sessions.",
        "An honest Stop-Sessions ends the connection.",
        Swap(Server, "_refuse_request", _refuse_and_count),
    ),
    _check(
        "ThirdPartyTakenForReceiver",
        "A request granted whose Receiver Address is neither the client's nor the server's.",
        "The server can be used to flood others (RFC 4656 §6.2).",
        Swap(Server, "_may_receive", lambda self, request: True),
    ),
    _check(
        "AddressTailCompared",
        "The 12 octets after an IPv4 address not ignored.",
        _STUCK,
        Swap(Server, "_may_receive", _compare_whole_address),
    ),
    _check(
        "AddressOfOtherFamily",
        "An address of IPv4 taken for one of IPv6 with the same octets, or for its first four.",
        "The server can be used to flood others (RFC 4656 §6.2).",
        Swap(Server, "_may_receive", _compare_octets),
    ),
    mistake(
        "ConfNotOne",
        "LAYOUT",
        "Conf-Sender and Conf-Receiver taken for 0 if they are not 1.",
        "A request is refused, or another one is granted.",
        Swap(Server, "_answer_request", _answer_exact_conf),
    ),
    mistake(
        "SlotsSizeWraps",
        "DENIAL_OF_SERVICE",
        "The size of the schedule slots computed in 32 bits.",
        "A request with few slots passes for one with 2^28 more.",
        Swap(RequestSession, "reader", classmethod(_request_of_32_bits)),
    ),
    mistake(
        "RefusedFetchWithFields",
        "LAYOUT",
        "A Fetch-Ack that refuses with Finished set.",
        "RFC 4656 §3.9 wants zero in all fields but Accept.",
        Swap(Server, "refuse_fetch", _refuse_fetch),
    ),
    mistake(
        "TwConfAsFailure",
        "NEGOTIATION",
        "Conf-Sender or Conf-Receiver in Request-TW-Session refused with Accept 1.",
        "RFC 5357 §3.5 wants 3.",
        Swap(Server, "_judge", _judge_improper),
    ),
    mistake(
        "PortOfTheRequest",
        "NEGOTIATION",
        "Accept-Session with the port of the request, where another is suggested.",
        "Test packets go to a port where nobody listens.",
        Swap(Server, "_judge", _judge_port),
    ),
    mistake(
        "SidGivenTwice",
        "MISSING_CHECK",
        "A SID given to a second session of a connection.",
        "RFC 4656 §3.5 has it unique: both sessions have the same keys, and one set of results.",
        Swap(Server, "_new_sid", Server._make_sid),
    ),
    _state(
        "TestsAfterRefusedStart",
        "A server that has refused Start-Sessions goes on as if sessions ran.",
        _STUCK,
        Swap(Server, "_answer_start", _testing_anyway),
    ),
    mistake(
        "RefusalWithPort",
        "NEGOTIATION",
        "An Accept-Session of TWAMP that refuses with a Port.",
        "RFC 5357 §3.5 wants zero there.",
        Swap(Server, "_refuse_request", _refuse_with_port),
    ),
    mistake(
        "UnexpectedCommandUnanswered",
        "STATE",
        "A command that TWAMP does not have not answered.",
        "A client that tries an extension waits in vain (RFC 5357 §3.5).",
        Swap(Server, "_read_unexpected", _read_silently),
    ),
)

"""The two ends of a control connection, Control-Client and Server, sans-IO (RFC 4656 §3, RFC 5357
§3).

They open no socket, draw no random number and read no clock: the caller hands in octets, a
`RandomSource` and a `Clock`, and sends what `data_to_send()` returns.

What a peer sends never raises: a broken rule ends the connection with a `Closed` event. Calling a
method in the wrong state is the caller's mistake and raises `ProtocolError`.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import ClassVar

from . import binding, choices, control, keys, negotiation, primitives, token
from .choices import Choice, Chooser, first_option
from .errors import ProtocolError, Stage, check_size
from .events import (
    Closed,
    Event,
    Fetched,
    FetchRequested,
    SessionRejected,
    SetUp,
    Started,
    StopReceived,
    TestSession,
)
from .keys import SID_SIZE, ControlKeys
from .messages import (
    ADDRESS_SIZE,
    COMPLETE_SESSION_END,
    IV_SIZE,
    KEY_ID_SIZE,
    WANT_HMAC,
    Accept,
    AcceptSession,
    ClientCommand,
    Command,
    FetchAck,
    FetchData,
    FetchSession,
    Message,
    Request,
    RequestSession,
    RequestTWSession,
    ServerGreeting,
    ServerStart,
    SessionDescription,
    SetUpResponse,
    StartAck,
    StartSessions,
    StopSessions,
    StopTWSessions,
    Want,
    check_skip_ranges,
)
from .negotiation import (
    REQUESTS,
    Credentials,
    FindSecret,
    Mode,
    NegotiatedMode,
    Protocol,
    secrets_of,
)
from .packets import TestMode
from .sources import Clock, RandomSource, system_clock, system_random


class State(Enum):
    """Where a control connection is."""

    SETTING_UP = "setting up"
    READY = "ready"
    AWAITING_REPLY = "awaiting a reply"
    TESTING = "testing"
    CLOSED = "closed"


DEFAULT_MAX_MESSAGE_SIZE = 2**20
"""Octets between two HMACs that an endpoint is willing to hold."""


class Endpoint:
    """What both ends have: a buffer, the two streams, and a generator that reads the peer."""

    IS_CLIENT: ClassVar[bool]

    def __init__(self, protocol: Protocol, max_message_size: int, choose: Chooser) -> None:
        self.protocol = protocol
        self._choose = choose
        self.state = State.SETTING_UP
        self.mode: NegotiatedMode | None = None
        self.sessions: list[TestSession] = []
        self._max_message_size = max_message_size
        self._inbox = bytearray()
        self._outbox = bytearray()
        self._events: list[Event] = []
        self._sender: control.Sender = control.OpenSender()
        self._receiver: control.Receiver = control.OpenReceiver()
        self._control_keys: ControlKeys | None = None
        self._held = 0  # octets of text read since the last HMAC
        self._is_inside = False  # whether a message is read in part
        self._stop_sent = self._stop_received = False
        self._conversation = self._converse()
        self._want = next(self._conversation)

    def _converse(self) -> Generator[Want, bytes, None]:
        raise NotImplementedError

    def _does(self, choice: Choice) -> str:
        """What it does where the RFCs leave something open, in the words of the option."""
        return choice.options[self._choose(choice)].does

    def _ignore_rest(self) -> Generator[Want, bytes, None]:
        """Leave the connection open, and take no more notice of the peer."""
        while True:
            self._held = 0  # what is not looked at is not held
            self._is_inside = False
            yield Want(primitives.AES_BLOCK_SIZE)

    def data_to_send(self) -> bytes:
        """Take the octets that are to be sent to the peer."""
        data = bytes(self._outbox)
        self._outbox.clear()
        return data

    def receive(self, data: bytes) -> list[Event]:
        """Take octets from the peer, in pieces of any size; the events that they bring about.

        Octets after the end of the connection are dropped. Nothing is raised.
        """
        if self.state is State.CLOSED:
            return []
        self._inbox += data
        try:
            while not self._is_waiting() and len(self._inbox) >= self._want.size:
                chunk = bytes(self._inbox[: self._want.size])
                del self._inbox[: self._want.size]
                self._is_inside = True  # unless the conversation says that a message ends here
                self._want = self._conversation.send(self._text_of(chunk))
                size = self._held + self._want.size
                if size > self._max_message_size and not self._want.is_hmac:
                    expected = f"at most {self._max_message_size} octets (configured)"
                    self._over_limit(
                        ProtocolError("message", expected, f"{size} octets", Stage.POLICY)
                    )
        except ProtocolError as error:
            self._close(error)
        except StopIteration:
            self._close()
        return self._take_events()

    def _is_waiting(self) -> bool:
        """Whether what has come is left until the caller has answered something."""
        return False

    def _over_limit(self, error: ProtocolError) -> None:
        """The peer announces more octets between two HMACs than are taken."""
        raise error

    def connection_lost(self) -> list[Event]:
        """The peer closed the connection: an error in the middle of anything, else none."""
        if self.state is State.CLOSED:
            return []
        if self._inbox or self._is_inside or self.state is not State.READY:
            error = ProtocolError(
                "connection", f"more octets while {self.state.value}", "its end", Stage.STATE
            )
            self._close(error)
        else:
            self._close()
        return self._take_events()

    def _text_of(self, chunk: bytes) -> bytes:
        """The text of what was wanted; that of an HMAC, once it is checked, is none."""
        if self._want.is_hmac:
            self._receiver.read_hmac(chunk)
            self._held = 0
            return b""
        self._held += len(chunk)
        return self._receiver.read(chunk)

    def _take_events(self) -> list[Event]:
        events, self._events = self._events, []
        return events

    def _close(self, error: ProtocolError | None = None, accept: Accept | None = None) -> None:
        if self.state is not State.CLOSED:
            self.state = State.CLOSED
            self._inbox.clear()
            self._events.append(Closed(error, accept))

    @property
    def control_keys(self) -> ControlKeys | None:
        """T1 and T2 (RFC 4656 §3.1); None as long as there are none, and in the open mode."""
        return self._control_keys

    @property
    def _is_protected(self) -> bool:
        return self.mode is not None and self.mode.is_protected

    def _send(self, message: Message | FetchData) -> None:
        self._outbox += control.write_message(self._sender, message.segments())

    def _protect(self, sender_iv: bytes, receiver_iv: bytes) -> None:
        if self._control_keys is not None:
            self._sender = control.ProtectedSender(self._control_keys, sender_iv)
            self._receiver = control.ProtectedReceiver(self._control_keys, receiver_iv)

    def _require(self, *states: State) -> None:
        if self.state not in states:
            expected = " or ".join(state.value for state in states)
            raise ProtocolError("state", expected, self.state.value, Stage.STATE)

    def _open_session(self, request: Request, sid: bytes, port: int) -> None:
        assert self.mode is not None  # there are no requests before
        mode, session_keys = self.mode.test_mode, None
        if mode is not TestMode.UNAUTHENTICATED and self._control_keys is not None:
            session_keys = keys.derive_test_session_keys(self._control_keys, sid)
        session = TestSession(request, sid, port, mode, session_keys)
        self.sessions.append(session)
        self._events.append(session)

    def _send_stop(self, stop: StopSessions | StopTWSessions) -> None:
        self._require(State.TESTING)
        if self._stop_sent:
            raise ProtocolError("Stop-Sessions", "to be sent once", "a second one", Stage.STATE)
        check_stop(self.sessions, stop, self.IS_CLIENT, counts_both=self._counts_both())
        self._send(self._in_order(stop))
        self._stop_sent = True
        self._stopped()

    def _take_stop(self, stop: StopSessions | StopTWSessions) -> None:
        if self.state is not State.TESTING or self._stop_received:
            found = "a second one" if self._stop_received else f"one while {self.state.value}"
            error = ProtocolError("Stop-Sessions", "one while testing", found, Stage.STATE)
            self._refuse_stop(error, is_wrong=not _accounts_for_none(stop))
            return
        try:
            check_stop(self.sessions, stop, not self.IS_CLIENT, counts_both=self._counts_both())
            self._check_order(stop)
        except ProtocolError as error:
            self._refuse_stop(error, is_wrong=True)
            return
        self._stop_received = True
        self._events.append(StopReceived(stop))
        self._stopped()

    def _in_order(self, stop: StopSessions | StopTWSessions) -> StopSessions | StopTWSessions:
        """What it is told to send, with the skip ranges in the order that RFC 4656 §3.8 wants."""
        if isinstance(stop, StopTWSessions):
            return stop
        ordered = tuple(
            replace(item, skip_ranges=tuple(sorted(item.skip_ranges, key=lambda one: one.first)))
            for item in stop.sessions
        )
        if ordered != stop.sessions and self._choose(choices.TOLD_DISORDER) == 0:
            raise ProtocolError("Skip Ranges", "ascending ones", "another order", Stage.INPUT)
        return replace(stop, sessions=ordered)

    def _check_order(self, stop: StopSessions | StopTWSessions) -> None:
        """Perhaps consider skip ranges that overlap, or are out of order, invalid."""
        if isinstance(stop, StopSessions):
            try:
                for item in stop.sessions:
                    check_skip_ranges(item.skip_ranges, Stage.LAYOUT)
            except ProtocolError:
                if self._choose(choices.STOP_IN_DISORDER):
                    raise

    def _counts_both(self) -> bool:
        """Whether both ends account for a session with both Conf bits."""
        with_both = any(
            item.request.conf_sender and item.request.conf_receiver for item in self.sessions
        )
        return not (with_both and self._choose(choices.STOP_WITH_BOTH))

    def _refuse_stop(self, error: ProtocolError, *, is_wrong: bool) -> None:
        """A Stop-Sessions out of turn; if it `is_wrong`, it does not account for the sessions."""
        wrong = choices.WRONG_STOP[self.protocol.value]
        if self._does(wrong if is_wrong else choices.STRAY_STOP) == choices.CLOSES:
            raise error

    def _stopped(self) -> None:
        """Back to requests once both sides have sent Stop-Sessions (TWAMP: once the client has)."""
        if self.protocol is Protocol.TWAMP or (self._stop_sent and self._stop_received):
            self.state = State.READY
            self.sessions.clear()
            self._stop_sent = self._stop_received = False


def _accounts_for_none(stop: StopSessions | StopTWSessions) -> bool:
    return not (stop.sessions if isinstance(stop, StopSessions) else stop.number_of_sessions)


def check_stop(
    sessions: Sequence[TestSession],
    message: StopSessions | StopTWSessions,
    from_client: bool,
    *,
    counts_both: bool = True,
) -> None:
    """Raise `ProtocolError` unless Stop-Sessions accounts for just the sessions that run: by their
    number (RFC 5357 §3.8), or by the SIDs of those in which its side sends (RFC 4656 §3.8).

    Args:
        counts_both: whether the client accounts for those with both Conf-Sender and Conf-Receiver,
            in which the server sends.
    """
    if isinstance(message, StopTWSessions):
        expected, found = len(sessions), message.number_of_sessions
        if found != expected:
            raise ProtocolError("Number of Sessions", str(expected), str(found), Stage.STATE)
        return
    sids = [
        session.sid
        for session in sessions
        if (session.request.conf_receiver if from_client else session.request.conf_sender)
        and (counts_both or not (from_client and session.request.conf_sender))
    ]
    if sorted(item.sid for item in message.sessions) != sorted(sids):
        expected_text = f"the SIDs of the sender's {len(sids)} sessions"
        raise ProtocolError(
            "Stop-Sessions", expected_text, f"{len(message.sessions)} records", Stage.STATE
        )


def check_fetch_answer(ack: FetchAck, data: FetchData | None) -> None:
    """Raise `ProtocolError` unless Fetch-Ack announces just these data (RFC 4656 §3.9)."""
    if (ack.accept == Accept.OK) != (data is not None):
        raise ProtocolError(
            "Fetch-Session data", "data if and only if Accept is 0", "else", Stage.LAYOUT
        )
    expected, found = (0, 0), (ack.number_of_skip_ranges, ack.number_of_records)
    if data is not None:
        expected = len(data.skip_ranges), len(data.records)
    if found != expected:
        numbers = "{} skip ranges and {} records"
        raise ProtocolError(
            "Fetch-Ack", numbers.format(*expected), numbers.format(*found), Stage.LAYOUT
        )
    check_unfinished(ack)
    if ack.accept != Accept.OK and ack.finished:
        raise ProtocolError(
            "Fetch-Ack", "Finished 0 unless Accept is 0", str(ack.finished), Stage.LAYOUT
        )


def check_unfinished(ack: FetchAck) -> None:
    """Raise `ProtocolError` for a Fetch-Ack with Finished 0 that says what it cannot know yet (RFC
    4656 §3.9).
    """
    if not ack.finished and (ack.next_seqno or ack.number_of_skip_ranges):
        numbers = f"{ack.next_seqno} and {ack.number_of_skip_ranges}"
        expected = "Next Seqno 0 and no Skip Ranges unless finished"
        raise ProtocolError("Fetch-Ack", expected, numbers, Stage.LAYOUT)


@dataclass(frozen=True)
class ClientConfig:
    """How a `ControlClient` behaves.

    Attributes:
        security: the one mode that it accepts.
        credentials: needed unless `security` is unauthenticated.
        max_count: the largest Count that it computes with (RFC 5357 §6).
        unused: the octet that fills KeyID, Token and Client-IV where they are unused.
    """

    protocol: Protocol
    security: Mode
    credentials: Credentials | None = None
    max_count: int = token.DEFAULT_MAX_COUNT
    max_message_size: int = DEFAULT_MAX_MESSAGE_SIZE
    unused: int = 0

    @property
    def mode(self) -> NegotiatedMode:
        """The one mode that it accepts, with the source of the secret."""
        is_protected = self.security is not Mode.UNAUTHENTICATED
        credentials = self.credentials
        ikev2_derived = is_protected and credentials is not None and credentials.ikev2_derived
        return NegotiatedMode(self.security, ikev2_derived)


class ControlClient(Endpoint):
    """The Control-Client: answers the greeting by itself, then does as its methods are called.

    Args:
        choose: decides what the RFCs leave open.
    Raises:
        ProtocolError: a mode that the protocol does not have, or one without the credentials that
            it needs.
    """

    IS_CLIENT = True

    def __init__(
        self,
        config: ClientConfig,
        random: RandomSource = system_random,
        choose: Chooser = first_option,
    ) -> None:
        if not config.security & negotiation.SECURITY_BITS[config.protocol]:
            raise ProtocolError(
                "security", f"a mode of {config.protocol.value}", str(config.security.name)
            )
        if config.mode.is_protected and config.credentials is None:
            raise ProtocolError(
                "credentials", f"a shared secret for {config.security.name}", "none"
            )
        self.config = config
        self._random = random
        self._pending: ClientCommand | None = None
        self._left_session = False  # it did not take what the server granted last
        super().__init__(config.protocol, config.max_message_size, choose)

    def request_session(self, request: Request) -> None:
        """Send Request-Session or Request-TW-Session; `TestSession` or `SessionRejected` follows.

        Raises:
            ProtocolError: not ready, or a request that the protocol does not have or allow.
        """
        self._require(State.READY)
        wanted = REQUESTS[self.protocol]
        if not isinstance(request, wanted):
            raise ProtocolError("request", wanted.LAYOUT.title, request.LAYOUT.title)
        allowed = negotiation.allowed_request(request)
        if allowed != request and self._choose(choices.REQUEST_NOT_ALLOWED) == 0:
            expected, found = "values that a client may send", "others"
            raise ProtocolError(request.LAYOUT.title, expected, found)
        self._ask(allowed)

    def start_sessions(self) -> None:
        """Send Start-Sessions; `Started` follows.

        Raises:
            ProtocolError: not ready, or it has taken no session that the server granted.
        """
        self._require(State.READY)
        if self._left_session and not self.sessions:
            raise ProtocolError("sessions", "one that it has taken", "none", Stage.STATE)
        self._ask(StartSessions())

    def fetch_session(
        self, sid: bytes, begin_seq: int = 0, end_seq: int = COMPLETE_SESSION_END
    ) -> None:
        """Send Fetch-Session (OWAMP only); `Fetched` follows. Raises `ProtocolError`."""
        self._require(State.READY)
        if self.protocol is Protocol.TWAMP:
            raise ProtocolError("Fetch-Session", "OWAMP (RFC 5357 §3.9)", "TWAMP")
        self._ask(FetchSession(begin_seq, end_seq, sid))

    def _ask(self, message: ClientCommand) -> None:
        self._send(message)
        self._pending = message
        self.state = State.AWAITING_REPLY

    def stop_sessions(
        self, sessions: tuple[SessionDescription, ...] = (), accept: Accept = Accept.OK
    ) -> None:
        """Send Stop-Sessions, with a record for each session in which this side sent (OWAMP).

        Raises:
            ProtocolError: sessions do not run, or records that do not account for them.
        """
        if self.protocol is Protocol.TWAMP:
            self._send_stop(StopTWSessions(accept, len(self.sessions)))
        else:
            self._send_stop(StopSessions(accept, sessions))

    def _converse(self) -> Generator[Want, bytes, None]:
        greeting = yield from ServerGreeting.reader()
        for choice, error in self._objections(greeting):
            does = self._does(choice)
            if does in (choices.DECLINES, choices.DECLINES_AND_CLOSES):
                self._outbox += self._unused_response(0).to_octets()
            if does in (choices.CLOSES, choices.DECLINES_AND_CLOSES):
                raise error
            if does != choices.GOES_ON:
                yield from self._ignore_rest()
        yield from self._set_up(greeting)
        while True:
            self._is_inside = False
            first_block = yield Want(primitives.AES_BLOCK_SIZE)
            if self.state is State.TESTING and self.protocol is Protocol.OWAMP:
                self._check_announced(first_block)
                self._take_stop((yield from StopSessions.reader(first_block)))
            elif self._pending is not None:
                command, self._pending = self._pending, None
                yield from self._read_reply(command, first_block)
            else:
                error = ProtocolError(
                    "message", f"none while {self.state.value}", "one", Stage.STATE
                )
                yield from self._close_or_not(choices.CLOSE_WHEN_NOT_ASKED, error)

    def _over_limit(self, error: ProtocolError) -> None:
        if self._does(choices.LIMIT_OF_CLIENT) == choices.CLOSES:
            raise error

    def _check_announced(self, header: bytes) -> None:
        """Perhaps wait for no more of a Stop-Sessions that cannot account for the sessions."""
        expected = sum(bool(session.request.conf_sender) for session in self.sessions)
        found = int.from_bytes(header[4:8], "big")
        if found != expected and self._does(choices.STOP_ANNOUNCED_WRONG) == choices.CLOSES:
            raise ProtocolError("Number of Sessions", str(expected), str(found), Stage.STATE)

    def _close_or_not(
        self, choice: Choice, error: ProtocolError, accept: int | None = None
    ) -> Generator[Want, bytes, None]:
        """End the connection for `error`, or take no more notice of it, as `choice` has it."""
        if self._does(choice) == choices.CLOSES:
            self._close(error, None if accept is None else Accept.interpret(accept))
            raise error
        yield from self._ignore_rest()

    def _objections(
        self, greeting: ServerGreeting
    ) -> Generator[tuple[Choice, ProtocolError], None, None]:
        """Why it might not go on after a greeting, and what it may then do (RFC 4656 §3.1)."""
        bits = self.config.mode.bits(self.protocol)
        if not greeting.modes:
            yield (
                choices.NO_SERVICE,
                ProtocolError(
                    "Modes", "a mode to choose from", "0 (no service)", Stage.NEGOTIATION
                ),
            )
        if bits & ~greeting.modes:
            offered = f"one of the offered {greeting.modes:#010x}"
            yield (
                choices.MODE_NOT_OFFERED,
                ProtocolError("Mode", offered, f"{bits:#010x}", Stage.NEGOTIATION),
            )
        try:
            token.check_count(greeting.count, self.config.max_count)
        except ProtocolError as error:
            yield self._count_choice(greeting.count), error

    def _count_choice(self, count: int) -> Choice:
        """What is open about a Count that `token.check_count` refuses."""
        is_large, is_twamp = count > self.config.max_count, self.protocol is Protocol.TWAMP
        if not self.config.mode.is_protected:
            too_large = is_large and is_twamp
            return choices.UNUSED_COUNT_TOO_LARGE if too_large else choices.UNUSED_COUNT
        is_allowed = count >= token.MIN_COUNT and count.bit_count() == 1
        if not is_allowed and not (is_large and is_twamp):
            return choices.COUNT_NOT_ALLOWED
        may_go_on = is_allowed and count <= 4 * token.DEFAULT_MAX_COUNT
        kind = choices.COUNT_TOO_LARGE if may_go_on else choices.COUNT_FAR_TOO_LARGE
        return kind[self.protocol.value]

    def _unused_response(self, mode: int) -> SetUpResponse:
        """A Set-Up-Response with fields that are unused: with Mode 1, or 0."""
        sizes = (KEY_ID_SIZE, token.TOKEN_SIZE, IV_SIZE)
        return SetUpResponse(mode, *(bytes([self.config.unused]) * size for size in sizes))

    def _response(self, greeting: ServerGreeting) -> SetUpResponse:
        """The answer to a greeting; if it is protected, keys are drawn."""
        bits, credentials = self.config.mode.bits(self.protocol), self.config.credentials
        if not self.config.mode.is_protected or credentials is None:
            return self._unused_response(bits)
        key = token.derive_token_key(credentials.shared_secret, greeting.salt, greeting.count)
        t1, t2 = self._random("T1", keys.T1_SIZE), self._random("T2", keys.T2_SIZE)
        self._control_keys = ControlKeys(t1, t2)
        client_iv = self._random("Client-IV", IV_SIZE)
        sealed = token.seal_token(key, greeting.challenge, self._control_keys)
        return SetUpResponse(bits, credentials.key_id, sealed, client_iv)

    def _set_up(self, greeting: ServerGreeting) -> Generator[Want, bytes, None]:
        self.mode = self.config.mode
        response = self._response(greeting)
        self._outbox += response.to_octets()
        clear = yield Want(ServerStart.CLEAR_SIZE)
        accept, server_iv = clear[15], clear[16:]
        if accept == Accept.OK:
            if self.mode.is_protected and server_iv == response.client_iv:
                self._check_equal_ivs()
            self._protect(response.client_iv, server_iv)
        start = ServerStart.parse(clear + (yield Want(primitives.AES_BLOCK_SIZE)))
        if accept != Accept.OK:
            error = ProtocolError("Accept", "0", str(accept), Stage.POLICY)
            yield from self._close_or_not(choices.CLOSE_WHEN_REFUSED_SET_UP, error, accept)
        self.state = State.READY
        self._events.append(SetUp(self.mode, start.start_time))

    def _check_equal_ivs(self) -> None:
        if self._does(choices.EQUAL_IVS) == choices.CLOSES:
            raise ProtocolError("Server-IV", "another than Client-IV", "Client-IV", Stage.POLICY)

    def _read_reply(
        self, command: ClientCommand, first_block: bytes
    ) -> Generator[Want, bytes, None]:
        if isinstance(command, StartSessions):
            start_ack = yield from StartAck.reader(first_block)
            accept, close = start_ack.accept, choices.CLOSE_WHEN_START_REFUSED
            self._events.append(Started(Accept.interpret(accept)))
        elif isinstance(command, FetchSession):
            fetch_ack = yield from FetchAck.reader(first_block)
            accept, close = fetch_ack.accept, choices.CLOSE_WHEN_FETCH_REFUSED
            yield from self._read_data(fetch_ack)
        else:
            assert isinstance(command, RequestSession | RequestTWSession)  # Stop has no reply
            reply = yield from AcceptSession.reader(first_block)
            accept, close = reply.accept, choices.CLOSE_WHEN_REQUEST_REFUSED
            self._take_answer(command, reply)
        if accept != Accept.OK and self._does(close) == choices.CLOSES:
            error = ProtocolError("Accept", "0", str(accept), Stage.POLICY)
            self._close(error, Accept.interpret(accept))
            raise error
        starts = isinstance(command, StartSessions) and accept == Accept.OK
        self.state = State.TESTING if starts else State.READY

    def _take_answer(self, request: Request, reply: AcceptSession) -> None:
        if reply.accept != Accept.OK:
            self._events.append(SessionRejected(request, Accept.interpret(reply.accept)))
            return
        self._left_session = not self._takes_port(request, reply.port)
        if not self._left_session:
            only_sender = request.conf_sender and not request.conf_receiver
            self._open_session(request, request.sid if only_sender else reply.sid, reply.port)

    def _takes_port(self, request: Request, port: int) -> bool:
        choice = None
        if port == 0 and not (request.conf_sender and request.conf_receiver):  # then unused
            choice = choices.PORT_ZERO
        elif self.protocol is Protocol.TWAMP and port != request.receiver_port:
            choice = choices.ALTERNATE_PORT
        does = choices.GOES_ON if choice is None else self._does(choice)
        if does == choices.CLOSES:
            raise ProtocolError("Port", str(request.receiver_port), str(port), Stage.POLICY)
        return does == choices.GOES_ON

    def _read_data(self, ack: FetchAck) -> Generator[Want, bytes, None]:
        """Read what follows a Fetch-Ack: nothing if it refuses, whatever else it says (§3.9)."""
        data = None
        if ack.accept == Accept.OK:
            try:
                check_unfinished(ack)
            except ProtocolError:
                if self._does(choices.UNFINISHED_WITH_NUMBERS) == choices.CLOSES:
                    raise
            try:
                data = yield from FetchData.reader(ack)
            except ProtocolError as error:
                if error.field != "Skip Ranges":
                    raise
                yield from self._close_or_not(choices.CLOSE_WHEN_DATA_INVALID, error)
        self._events.append(Fetched(ack, data))


def accept_all(request: Request) -> tuple[Accept, int]:
    """A policy that grants each request, on the port that it names for the server's side.

    For tests; a server for others has limits (RFC 4656 §6.5) and ports of its own (§3.5).
    """
    return Accept.OK, request.sender_port if request.conf_sender else request.receiver_port


def decline_all(_request: Request) -> tuple[Accept, int]:
    """The default policy, which grants nothing: RFC 4656 §6.2 and §6.5 ask for limits by default,
    which only who runs the server knows.
    """
    return Accept.PERMANENT_RESOURCE_LIMITATION, 0


@dataclass(frozen=True)
class ServerConfig:
    """How a `Server` behaves.

    Attributes:
        modes: the bits that it offers; 0 turns every client away.
        count: PBKDF2 iterations, a power of 2, at least 1024.
        find_secret: the shared secrets that it knows, passphrases and keys from IKEv2.
        policy: Accept and port for a request that is well-formed.
        sid_address: the IPv4 address that SIDs start with, not a loopback one (RFC 4656 §3.5);
            zeros: none is known.
        start_time: when this instance of the server started, NTP; by default, now.
        max_message_size: octets between two HMACs that it takes.
        make_sid: makes a SID; None: of `sid_address`, the time and random octets.
        unused: the octet that fills fields that the RFCs call unused.
        receivers: the addresses (4 octets of IPv4, 16 of IPv6) that may receive test packets, by
            RFC 4656 §6.2 the client's and the server's; None: any.
    """

    protocol: Protocol
    modes: int
    count: int = token.MIN_COUNT
    find_secret: FindSecret = field(default_factory=secrets_of)
    policy: Callable[[Request], tuple[Accept, int]] = decline_all
    sid_address: bytes = bytes(4)
    start_time: int = field(default_factory=system_clock)
    max_message_size: int = DEFAULT_MAX_MESSAGE_SIZE
    make_sid: Callable[[], bytes] | None = None
    unused: int = 0
    receivers: Sequence[bytes] | None = None


class Server(Endpoint):
    """The Server: greets, authenticates, and answers requests by its configuration.

    Args:
        choose: decides what the RFCs leave open.
    Raises:
        ProtocolError: modes that the protocol does not have here, a Count that RFC 4656 does not
            allow, or a `sid_address` not of 4 octets.
    """

    IS_CLIENT = False

    def __init__(
        self,
        config: ServerConfig,
        random: RandomSource = system_random,
        clock: Clock = system_clock,
        choose: Chooser = first_option,
    ) -> None:
        known = negotiation.SECURITY_BITS[config.protocol]
        known |= negotiation.IKEV2_DERIVED[config.protocol]
        if config.modes & ~known:
            raise ProtocolError("Modes", f"bits of {known:#x}", f"{config.modes:#x}")
        token.check_count(config.count, 2**32 - 1)
        check_size("sid_address", config.sid_address, 4)
        self.config = config
        self._random = random
        self._clock = clock
        self._fetching = False
        self._known_sids = {bytes(SID_SIZE)}  # zeros are no SID
        self._reading = 0  # the number of the command that is being read
        super().__init__(config.protocol, config.max_message_size, choose)

    def stop_sessions(
        self, sessions: tuple[SessionDescription, ...] = (), accept: Accept = Accept.OK
    ) -> None:
        """Send Stop-Sessions (OWAMP only), with a record for each session this side sent in.

        Raises:
            ProtocolError: TWAMP, sessions do not run, or records that do not account for them.
        """
        if self.protocol is Protocol.TWAMP:
            raise ProtocolError(
                "Stop-Sessions", "to come from the Control-Client", "the Server", Stage.STATE
            )
        self._send_stop(StopSessions(accept, sessions))

    def answer_fetch(self, ack: FetchAck, data: FetchData | None = None) -> None:
        """Answer a `FetchRequested`: Fetch-Ack, and the data if Accept is 0.

        Commands that came behind it are read by the next `receive`, be it of no octets.

        Raises:
            ProtocolError: none was requested or the connection is over, `data` that does not go
                with `ack`, or fields of `ack` that are to be zero.
        """
        self._require_fetch()
        check_fetch_answer(ack, data)
        self._fetching = False
        self._send(ack)
        if data is not None:
            self._send(data)

    def refuse_fetch(self) -> list[Event]:
        """Refuse a `FetchRequested`, since there are no results.

        The events are as `receive` gives them, also those of commands that came after it.

        Raises:
            ProtocolError: none was requested or the connection is over.
        """
        self._require_fetch()
        self._fetching = False
        self._send(FetchAck(self._failure(), 0, 0, 0, 0))
        if self._does(choices.CLOSE_AFTER_REFUSED_FETCH) == choices.CLOSES:
            self._close(ProtocolError("SID", "one that has results", "another", Stage.POLICY))
        return self._take_events() + self.receive(b"")

    def _is_waiting(self) -> bool:
        return self._fetching

    def _require_fetch(self) -> None:
        if not self._fetching or self.state is State.CLOSED:
            raise ProtocolError("Fetch-Session", "one to answer", "none")

    def _unused(self, size: int) -> bytes:
        return bytes([self.config.unused]) * size

    def _refusal(self, accept: Accept) -> Accept:
        """The value with which something is refused that `accept` names the cause of."""
        return Accept.FAILURE if self._choose(choices.REFUSAL_VALUE) else accept

    def _failure(self) -> Accept:
        """The value with which something is refused that no value names the cause of."""
        return Accept.NOT_SUPPORTED if self._choose(choices.FAILURE_VALUE) else Accept.FAILURE

    def _converse(self) -> Generator[Want, bytes, None]:
        challenge = self._random("Challenge", token.CHALLENGE_SIZE)
        salt = self._random("Salt", token.SALT_SIZE)
        greeting = ServerGreeting(self.config.modes, challenge, salt, self.config.count)
        self._outbox += greeting.to_octets()
        if not greeting.modes and self._does(choices.CLOSE_WITHOUT_SERVICE) == choices.CLOSES:
            self._close()
        response = yield from SetUpResponse.reader()
        if not response.mode & negotiation.SECURITY_BITS[self.protocol]:
            yield from self._answer_no_mode()
        accept, error = self._authenticate(greeting, response)
        if error is not None:
            yield from self._refuse_set_up(accept, error)
        self._start(response.client_iv)
        while True:
            self._is_inside = False
            first_block = yield Want(primitives.AES_BLOCK_SIZE)
            yield from self._read_command(first_block)

    def _authenticate(
        self, greeting: ServerGreeting, response: SetUpResponse
    ) -> tuple[Accept, ProtocolError | None]:
        """Check Mode, KeyID and Token, and take the control keys; Accept, and why it refuses."""
        try:
            self.mode = negotiation.read_mode(
                self.protocol, greeting.modes, response.mode, self._choose
            )
        except ProtocolError as error:
            return self._refusal(Accept.NOT_SUPPORTED), error
        if not self.mode.is_protected:
            return Accept.OK, None
        name = self.mode.secret_name(response.key_id)
        secret = self.config.find_secret(name)
        if secret is None and name.ikev2_derived:
            spi_i, spi_r = binding.spis_from_key_id(name.key_id)
            spis = f"SPIi {spi_i.hex()}, SPIr {spi_r.hex()}"
            return self._refusal(Accept.NO_IKE_SA), ProtocolError(
                "KeyID", "the SPIs of an IKE SA", spis, Stage.KEY_ID
            )
        # An unknown KeyID costs the same work and gets the same answer as a wrong passphrase.
        key = token.derive_token_key(secret or b"", greeting.salt, greeting.count)
        try:
            control_keys = token.open_token(key, response.token, greeting.challenge)
        except ProtocolError as error:
            return self._failure(), error
        if secret is None:
            return self._failure(), ProtocolError(
                "KeyID", "one that is known", "another", Stage.KEY_ID
            )
        if not secret and self._does(choices.EMPTY_SECRET) == choices.REFUSES:
            return self._failure(), ProtocolError(
                "shared secret", "at least one octet", "none", Stage.POLICY
            )
        self._control_keys = control_keys
        return Accept.OK, None

    def _answer_no_mode(self) -> Generator[Want, bytes, None]:
        """The client declines, and nobody has anything to say (RFC 4656 §3.1)."""
        does = self._does(choices.NO_MODE_CHOSEN)
        if does == choices.ANSWERS:
            error = ProtocolError("Mode", "a mode", "none", Stage.NEGOTIATION)
            yield from self._refuse_set_up(self._refusal(Accept.NOT_SUPPORTED), error)
        if does == choices.CLOSES:
            self._close()
        yield from self._ignore_rest()

    def _refuse_set_up(self, accept: Accept, error: ProtocolError) -> Generator[Want, bytes, None]:
        """Server-Start with another Accept than 0, and perhaps the end (RFC 4656 §3.1)."""
        server_iv, start_time = self._unused(IV_SIZE), 0
        is_open = self.mode is not None and not self.mode.is_protected
        if not is_open and not self._choose(choices.REFUSING_SERVER_IV):
            server_iv = self._random("Server-IV", IV_SIZE)
        if self._choose(choices.REFUSING_START_TIME):
            start_time = self.config.start_time
        self._outbox += ServerStart(accept, server_iv, start_time).to_octets()
        self._close_or_not(choices.CLOSE_AFTER_REFUSED_SET_UP, error, accept)
        yield from self._ignore_rest()

    def _start(self, client_iv: bytes) -> None:
        assert self.mode is not None
        server_iv = self._unused(IV_SIZE)
        if self.mode.is_protected:
            server_iv = self._random("Server-IV", IV_SIZE)
        self._protect(server_iv, client_iv)
        start = ServerStart(Accept.OK, server_iv, self.config.start_time).to_octets()
        clear, block = start[: ServerStart.CLEAR_SIZE], start[ServerStart.CLEAR_SIZE :]
        self._outbox += clear + self._sender.write(block)
        self.state = State.READY
        self._held = 0  # messages begin here
        self._events.append(SetUp(self.mode, self.config.start_time))

    def _read_command(self, first_block: bytes) -> Generator[Want, bytes, None]:
        """Read one command and answer it."""
        kind = _COMMANDS[self.protocol].get(first_block[0])
        if kind is None:
            yield from self._read_unknown(first_block)
            return
        self._reading = first_block[0]
        if kind is StopSessions:
            self._check_number(int.from_bytes(first_block[4:8], "big"))
        command = yield from kind.reader(first_block)
        self._reading = 0
        if isinstance(command, StopSessions | StopTWSessions):
            self._take_stop(command)
        elif self.state is State.TESTING:
            self._answer_out_of_turn(command)
        elif isinstance(command, StartSessions):
            self._answer_start()
        elif isinstance(command, FetchSession):
            self._fetching = True
            self._events.append(FetchRequested(command))
        elif isinstance(command, RequestSession | RequestTWSession):
            self._answer_request(command)

    def _read_unknown(self, first_block: bytes) -> Generator[Want, bytes, None]:
        """A command that the protocol does not have, of which nobody knows how long it is."""
        number = first_block[0]
        expected = f"a command of {self.protocol.value}"
        error = ProtocolError("Command Number", expected, str(number), Stage.STATE)
        accept = Accept.NOT_SUPPORTED
        if self.protocol is Protocol.OWAMP:
            # No HMAC of it can be checked, so in a protected mode it is not answered.
            does = choices.CLOSES if self._is_protected else self._does(choices.UNKNOWN_COMMAND)
            if does == choices.STAYS:
                yield from self._ignore_rest()
            if does == choices.CLOSES:
                raise error
            accept = self._refusal(accept)
        else:
            yield from self._read_unexpected(number, error)
        self._send_refusal(accept)
        self._close_or_not(choices.CLOSE_AFTER_UNKNOWN, error, accept)
        if self.protocol is Protocol.OWAMP:
            yield from self._ignore_rest()

    def _read_unexpected(self, number: int, error: ProtocolError) -> Generator[Want, bytes, None]:
        """The rest of a command that TWAMP does not expect, up to an HMAC, if it is awaited."""
        protected, unprotected = choices.UNEXPECTED_PROTECTED_COMMAND, choices.UNEXPECTED_COMMAND
        does = self._does(protected if self._is_protected else unprotected)
        if does == choices.CLOSES:
            raise error
        if does == choices.ANSWERS_FIRST_BLOCK:
            self._send_refusal(Accept.NOT_SUPPORTED)
            self._close(error, Accept.NOT_SUPPORTED)
            raise error
        if does == choices.READS_A_REQUEST:
            yield Want(RequestTWSession.LAYOUT.size - primitives.AES_BLOCK_SIZE)
        yield WANT_HMAC
        if number in RESERVED and self._does(choices.RESERVED_COMMAND) == choices.CLOSES:
            raise error

    def _close_or_not(self, choice: Choice, error: ProtocolError, accept: Accept) -> None:
        """Having refused something, end the connection if `choice` has it."""
        if self._does(choice) == choices.CLOSES:
            self._close(error, accept)
            raise error

    def _answer_out_of_turn(self, command: Message) -> None:
        """Another command than Stop-Sessions, while sessions run (RFC 4656 §3.4)."""
        title = command.LAYOUT.title
        error = ProtocolError("command", "Stop-Sessions while testing", title, Stage.STATE)
        does = self._does(choices.OUT_OF_TURN[self.protocol.value])
        if does == choices.CLOSES:
            raise error
        if does == choices.ANSWERS_AS_UNEXPECTED:
            self._send_refusal(Accept.NOT_SUPPORTED)
            self._close_or_not(choices.CLOSE_AFTER_UNKNOWN, error, Accept.NOT_SUPPORTED)
        elif isinstance(command, StartSessions):
            self._refuse_start(error)
        elif isinstance(command, FetchSession):
            accept = self._failure()
            self._send(FetchAck(accept, 0, 0, 0, 0))
            self._close_or_not(choices.CLOSE_AFTER_REFUSED_FETCH, error, accept)
        elif isinstance(command, RequestSession | RequestTWSession):
            self._refuse_request(command, self._failure(), error)

    def _answer_request(self, request: Request) -> None:
        accept, port, problem = self._judge(request)
        if problem is not None:
            self._refuse_request(request, accept, problem)
            return
        is_named = _names_sid(request)
        sid = request.sid if is_named else self._new_sid()
        self._known_sids.add(sid)
        if request.conf_sender and request.conf_receiver:
            port = int.from_bytes(self._unused(2), "big")
        self._send(AcceptSession(0, port, self._unused(SID_SIZE) if is_named else sid))
        self._open_session(request, sid, port)

    def _judge(self, request: Request) -> tuple[Accept, int, ProtocolError | None]:
        """Accept and port for a request, and why it is not granted."""
        problem = negotiation.request_problem(self.protocol, request, self._choose)
        if problem is not None:
            accept = Accept.NOT_SUPPORTED
            is_improper = problem.field in negotiation.IMPROPER
            return accept if is_improper else self._refusal(accept), 0, problem
        if not self._may_receive(request):
            problem = ProtocolError("Receiver Address", "a known host", "another", Stage.POLICY)
            return Accept(choices.ADDRESS_VALUES[self._does(choices.ADDRESS_VALUE)]), 0, problem
        is_taken = _names_sid(request) and request.sid in self._known_sids
        if is_taken and self._does(choices.SID_TAKEN) == choices.REFUSES:
            problem = ProtocolError("SID", "one of its own", "another's", Stage.STATE)
            return self._refusal(Accept.NOT_SUPPORTED), 0, problem
        accept, port = self.config.policy(request)
        if accept != Accept.OK:
            problem = ProtocolError("request", "one to grant", "another", Stage.POLICY)
            return self._refusal(accept), 0, problem
        return accept, port, None

    def _may_receive(self, request: Request) -> bool:
        """Whether test packets may go to the Receiver Address (RFC 4656 §6.2).

        In TWAMP, zeros are an end of the control connection (RFC 5357 §3.5). In IPv4 the 12 octets
        after an address are ignored (RFC 4656 §3.5).
        """
        size = 4 if request.ipvn == 4 else ADDRESS_SIZE
        known, address = self.config.receivers, request.receiver_address[:size]
        if known is None or (self.protocol is Protocol.TWAMP and not any(address)):
            return True
        return address in known

    def _refuse_request(self, request: Request, accept: Accept, error: ProtocolError) -> None:
        self._send_refusal(accept)
        self._events.append(SessionRejected(request, accept))
        self._close_or_not(choices.CLOSE_AFTER_REFUSED_REQUEST, error, accept)

    def _send_refusal(self, accept: Accept) -> None:
        """Accept-Session with another Accept than 0.

        Its Port is 0 in TWAMP (RFC 5357 §3.5). RFC 4656 does not say what Port and SID are then.
        """
        port = 0 if self.protocol is Protocol.TWAMP else int.from_bytes(self._unused(2), "big")
        self._send(AcceptSession(accept, port, self._unused(SID_SIZE)))

    def _new_sid(self) -> bytes:
        """Address 4 | time 8 | random 4 (RFC 4656 §3.5), unlike any that the connection has had."""
        for _ in range(_SID_TRIES):
            sid = self._make_sid()
            if sid not in self._known_sids:
                return sid
        raise ProtocolError("SID", "one that is new", "the same again", Stage.STATE)

    def _make_sid(self) -> bytes:
        if self.config.make_sid is not None:
            return self.config.make_sid()
        timestamp = (self._clock() % 2**64).to_bytes(8, "big")
        return keys.make_sid(self.config.sid_address, timestamp, self._random("SID", 4))

    def _answer_start(self) -> None:
        if not self.sessions and not self._choose(choices.START_WITHOUT_SESSION):
            error = ProtocolError("Start-Sessions", "sessions to start", "none", Stage.STATE)
            self._refuse_start(error)
            return
        self._send(StartAck(Accept.OK))
        self._events.append(Started(Accept.OK))
        self.state = State.TESTING

    def _refuse_start(self, error: ProtocolError) -> None:
        accept = self._failure()
        self._send(StartAck(accept))
        self._events.append(Started(accept))
        self._close_or_not(choices.CLOSE_AFTER_REFUSED_START, error, accept)

    def _refuse_stop(self, error: ProtocolError, *, is_wrong: bool) -> None:
        sends = any(session.request.conf_sender for session in self.sessions)
        if self.protocol is Protocol.TWAMP or self._stop_sent or sends:
            super()._refuse_stop(error, is_wrong=is_wrong)
            return
        wrong, stray = choices.WRONG_STOP_AT_SERVER, choices.STRAY_STOP_AT_SERVER
        does = self._does(wrong if is_wrong else stray)
        if does in (choices.STOPS, choices.STOPS_AND_CLOSES):
            is_stray = self.state is not State.TESTING
            self._send(StopSessions(Accept.OK if is_stray else Accept.FAILURE, ()))
            self._stop_sent = not is_stray
        if does in (choices.CLOSES, choices.STOPS_AND_CLOSES):
            raise error

    def _check_number(self, sessions: int) -> None:
        """Look at once whether so many session description records are too many."""
        least = 2 * primitives.AES_BLOCK_SIZE * sessions
        if least > self._max_message_size:
            expected = f"at most {self._max_message_size} octets (configured)"
            found = f"at least {least} octets"
            self._over_limit(ProtocolError("message", expected, found, Stage.POLICY))

    def _over_limit(self, error: ProtocolError) -> None:
        is_request = self._reading == Command.REQUEST_SESSION
        does = self._does(choices.REQUEST_OVER_LIMIT if is_request else choices.OVER_LIMIT)
        accept = choices.OVER_LIMIT_VALUES.get(does)
        if accept is not None:
            self._send_refusal(Accept(accept))
            self._close_or_not(choices.CLOSE_AFTER_REFUSED_REQUEST, error, Accept(accept))
            self._conversation = self._ignore_rest()
            self._want = next(self._conversation)
        elif does == choices.CLOSES:
            raise error


def _names_sid(request: Request) -> bool:
    """Whether a request has the SID of its session: it is made by who receives (RFC 4656 §3.5)."""
    is_one_way = isinstance(request, RequestSession)
    return is_one_way and bool(request.conf_sender and not request.conf_receiver)


_SID_TRIES = 8
"""So many SIDs in a row that the connection has had: the random source is broken."""
RESERVED = (0, 4, 6)
"""Command Numbers that RFC 5357 §8.4 calls Reserved, or for Experimentation."""

_COMMANDS: dict[Protocol, dict[int, type[Message]]] = {
    Protocol.OWAMP: {
        Command.REQUEST_SESSION: RequestSession,
        Command.START_SESSIONS: StartSessions,
        Command.STOP_SESSIONS: StopSessions,
        Command.FETCH_SESSION: FetchSession,
    },
    Protocol.TWAMP: {
        Command.START_SESSIONS: StartSessions,
        Command.STOP_SESSIONS: StopTWSessions,
        Command.REQUEST_TW_SESSION: RequestTWSession,
    },
}
"""The commands that a client may send."""

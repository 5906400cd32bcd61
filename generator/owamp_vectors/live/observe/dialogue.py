"""The dialogue on an observed control connection: each message checked in its place."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from typing import TypeAlias

from owamp_reference import control, primitives
from owamp_reference.connection import State, check_fetch_answer, check_stop
from owamp_reference.errors import ProtocolError
from owamp_reference.keys import SID_SIZE, TestSessionKeys
from owamp_reference.messages import (
    Accept,
    AcceptSession,
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
    SetUpResponse,
    StartAck,
    StartSessions,
    StopSessions,
    StopTWSessions,
    Want,
)
from owamp_reference.negotiation import (
    IKEV2_DERIVED,
    Credentials,
    NegotiatedMode,
    Protocol,
    request_problem,
)

from ..net.addresses import Address, normalized
from . import set_up
from .sessions import ObservedSession, record_remarks
from .steps import Part, Remark, Severity, Step, Who, note, right, wrong
from .stream import Conversation, Stream, divide, not_zero

_TW_MODE_BITS = 0b1110_1000
"""Bits of Modes that only TWAMP has: mixed (8), RFC 6038 (32, 64), IKEv2Derived (128)."""

_Pending: TypeAlias = Request | StartSessions | FetchSession | None
"""A command that waits for its answer; None for one that could not be read."""


class Dialogue:
    """Reads the messages of both directions, and keeps what both ends know by now.

    Attributes:
        steps: what was seen.
        sessions: every test session that was accepted.
    Args:
        protocol: None to tell it from the messages.
        credentials, client, server, max_count, max_message_size: as in `Observer`.
    """

    def __init__(
        self,
        protocol: Protocol | None,
        credentials: Iterable[Credentials],
        client: Address | None,
        server: Address | None,
        max_count: int,
        max_message_size: int,
    ) -> None:
        self.protocol = protocol
        self.mode: NegotiatedMode | None = None
        self.state = State.SETTING_UP
        self.steps: list[Step] = []
        self.sessions: list[ObservedSession] = []
        self._credentials = tuple(credentials)
        self._client_address = normalized(client) if client is not None else None
        self._server_address = normalized(server) if server is not None else None
        self._max_count = max_count
        self._greeting: ServerGreeting | None = None
        self._response = set_up.Response("")
        self._is_answered = self._refused = False
        self._control_keys: TestSessionKeys | None = None  # T1, T2
        self._pending: deque[_Pending] = deque()
        self._last_sent: tuple[str, bytes, list[bytes]] = ("", b"", [])  # by the client
        self._running: list[ObservedSession] = []
        self._stops: set[Who] = set()
        self._streams = {
            who: Stream(conversation, self._failure_of(who), max_message_size)
            for who, conversation in (
                (Who.CLIENT, self._client_side()),
                (Who.SERVER, self._server_side()),
            )
        }

    def _append(self, step: Step) -> list[Step]:
        self.steps.append(step)
        return [step]

    def _failure_of(self, who: Who) -> Callable[[ProtocolError], None]:
        def failed(error: ProtocolError) -> None:
            stream = self._streams[who]
            wire, segments, remarks = stream.take()
            text = f"{error}; what follows cannot be read"
            if self._control_keys is not None and not stream.is_verified:
                text += "; the keys in use may not be T1 and T2 of the Token"
            remarks.append(wrong(text, "RFC 4656 §3.4"))
            parts = [Part(segment, title="Octets") for segment in segments if segment]
            self._append(Step("message", who, tuple(remarks), wire, tuple(parts), stream.time))

        return failed

    def _message(
        self,
        who: Who,
        message: Message | FetchData,
        summary: str,
        problems: Iterable[Remark],
        clear_size: int = 0,
    ) -> None:
        """The step of a message that was just read; `summary` if all is well.

        `clear_size` is how much of its one segment could be read; 0 for all.
        """
        wire, segments, remarks = self._streams[who].take()
        remarks += problems
        source, name = FetchSession.SOURCE, "Fetch-Session data"
        if isinstance(message, Message):
            source, name = message.SOURCE, message.LAYOUT.title
        if who is Who.CLIENT:
            self._last_sent = name, wire, segments
        parts = divide(message, segments)
        canonical = b"".join(message.segments())
        text = b"".join(segments)
        if clear_size:
            parts = [
                Part(text[:clear_size], title="In clear"),
                Part(text[clear_size:], title="Encrypted"),
            ]
            canonical = canonical[:clear_size] + text[clear_size:]
        place = not_zero(text, canonical, parts)
        if place is not None:
            label, is_unused = place
            problem = f"{label}: expected zeros, found others"
            if isinstance(message, ServerStart) and self._control_keys is not None:
                problem += "; the keys in use may not be T1 and T2 of the Token, or the IV another"
            lenient = is_unused or self._response.extensions
            remarks.append(note(problem, source) if lenient else wrong(problem, source))
        if all(remark.severity is Severity.NOTE for remark in remarks):
            remarks.insert(0, right(summary, source))
        time = self._streams[who].time
        self._append(Step(name, who, tuple(remarks), wire, tuple(parts), time))

    # Set-up

    @property
    def challenge(self) -> bytes | None:
        """The Challenge, if the client chose a protected mode and so used it."""
        if self._greeting is None or self.mode is None or not self.mode.is_protected:
            return None
        return self._greeting.challenge

    def _client_side(self) -> Conversation:
        response = yield from SetUpResponse.reader()
        self._take_response(response)
        if self.mode is not None and self.mode.is_protected:
            if self._control_keys is None:
                return
            t1, t2 = self._control_keys.t3, self._control_keys.t4
            self._streams[Who.CLIENT].receiver = control.ProtectedReceiver(
                t1, t2, response.client_iv
            )
        while True:
            first_block = yield Want(primitives.AES_BLOCK_SIZE)
            yield from self._read_command(first_block)

    def _server_side(self) -> Conversation:
        greeting = yield from ServerGreeting.reader()
        self._take_greeting(greeting)
        clear = yield Want(ServerStart.CLEAR_SIZE)
        accept, server_iv = clear[15], clear[16:]
        protected = self.mode is not None and self.mode.is_protected and accept == Accept.OK
        if protected and self._control_keys is not None:
            t1, t2 = self._control_keys.t3, self._control_keys.t4
            self._streams[Who.SERVER].receiver = control.ProtectedReceiver(t1, t2, server_iv)
        block = yield Want(primitives.AES_BLOCK_SIZE)
        is_opaque = protected and self._control_keys is None
        self._take_start(ServerStart.parse(clear + block), is_opaque)
        if is_opaque:
            return
        while True:
            first_block = yield Want(primitives.AES_BLOCK_SIZE)
            yield from self._read_reply(first_block)

    def _take_greeting(self, greeting: ServerGreeting) -> None:
        self._greeting = greeting
        if self.protocol is None and greeting.modes & _TW_MODE_BITS:
            self.protocol = Protocol.TWAMP
        problems = set_up.greeting_remarks(self.protocol, greeting, self._max_count)
        if self._is_answered:
            problems.append(wrong("Server-Greeting after Set-Up-Response", set_up.SOURCE))
        self._refused = not greeting.modes
        summary = f"Modes {greeting.modes:#x}, Count {greeting.count}"
        self._message(Who.SERVER, greeting, summary, problems)

    def _take_response(self, message: SetUpResponse) -> None:
        self._is_answered = True
        if self.protocol is None and message.mode & IKEV2_DERIVED[Protocol.OWAMP]:
            self.protocol = Protocol.OWAMP
        response = self._response = set_up.judge_response(
            self.protocol or Protocol.OWAMP,
            self._greeting,
            message,
            self._credentials,
            self._max_count,
        )
        self.mode = response.mode
        self._control_keys = response.control_keys
        self._message(Who.CLIENT, message, response.summary, response.remarks)

    def _take_start(self, start: ServerStart, is_opaque: bool) -> None:
        problems = set_up.accept_remarks(start.accept)
        if not self._is_answered:
            problems.append(wrong("Server-Start before Set-Up-Response", set_up.SOURCE))
        if start.accept == Accept.NO_IKE_SA and not (self.mode and self.mode.ikev2_derived):
            text = "Accept: expected 6 only to a Mode with IKEv2Derived"
            problems.append(wrong(text, "RFC 7717 §5.3"))
        self._refused = start.accept != Accept.OK
        if not self._refused:
            self.state = State.READY
            if self._response.problem is not None:
                text = f"Accept: expected a refusal, found 0 ({self._response.problem})"
                problems.append(wrong(text, set_up.SOURCE))
            if self.mode is not None and self.mode.is_protected:
                problems += set_up.random_remarks("Server-IV", start.server_iv)
        summary = f"Accept {start.accept}"
        if is_opaque:
            summary += "; Start-Time is encrypted"
        self._message(Who.SERVER, start, summary, problems, ServerStart.CLEAR_SIZE * is_opaque)

    # Commands

    def _read_command(self, first_block: bytes) -> Conversation:
        command = first_block[0]
        if self.protocol is None:
            is_two_way = command == Command.REQUEST_TW_SESSION
            self.protocol = Protocol.TWAMP if is_two_way else Protocol.OWAMP
        owamp = self.protocol is Protocol.OWAMP
        if command == Command.REQUEST_SESSION and owamp:
            self._take_request((yield from RequestSession.reader(first_block)))
        elif command == Command.REQUEST_TW_SESSION and not owamp:
            self._take_request((yield from RequestTWSession.reader(first_block)))
        elif command == Command.START_SESSIONS:
            start = yield from StartSessions.reader(first_block)
            problems = self._command_remarks()
            if not self._open_sessions() and not any(self._pending_requests()):
                text = "Start-Sessions: expected an accepted session to start, found none"
                problems.append(wrong(text, start.SOURCE))
            self._pending.append(start)
            self._message(Who.CLIENT, start, "the accepted sessions are to start", problems)
        elif command == Command.STOP_SESSIONS:
            reader = StopSessions.reader if owamp else StopTWSessions.reader
            stop: StopSessions | StopTWSessions = yield from reader(first_block)
            self._take_stop(Who.CLIENT, stop)
        elif command == Command.FETCH_SESSION and owamp:
            fetch = yield from FetchSession.reader(first_block)
            self._pending.append(fetch)
            summary = f"packets {fetch.begin_seq} to {fetch.end_seq} of {fetch.sid.hex()}"
            self._message(Who.CLIENT, fetch, summary, self._command_remarks())
        else:
            self._pending.append(None)
            expected = f"a command of {self.protocol.value}"
            raise ProtocolError("Command Number", expected, str(command))

    def _command_remarks(self) -> list[Remark]:
        if self._refused or self._response.declines:
            return [wrong("a command on a connection that was refused", set_up.SOURCE)]
        if self.state is State.SETTING_UP:
            return [wrong("a command before Server-Start", set_up.SOURCE)]
        if self.state is State.TESTING:
            return [wrong("a command other than Stop-Sessions while testing", "RFC 4656 §3.7")]
        return []

    def _pending_requests(self) -> list[bool]:
        return [isinstance(item, RequestSession | RequestTWSession) for item in self._pending]

    def _open_sessions(self) -> list[ObservedSession]:
        """The sessions that were accepted since the last Stop-Sessions."""
        return [item for item in self._running if not item.is_stopped]

    def _take_request(self, request: Request) -> None:
        assert self.protocol is not None
        problems = self._command_remarks()
        problem = request_problem(self.protocol, request)
        if problem is not None:
            problems.append(wrong(problem, request.SOURCE))
        self._pending.append(request)
        summary = f"sender port {request.sender_port}, receiver port {request.receiver_port}"
        summary += f", padding {request.padding_length} octets"
        self._message(Who.CLIENT, request, summary, problems)

    def _take_stop(self, who: Who, stop: StopSessions | StopTWSessions) -> None:
        from_client = who is Who.CLIENT
        problems = []
        if self.state is not State.TESTING or who in self._stops:
            found = "a second one" if who in self._stops else f"one while {self.state.value}"
            error = ProtocolError("Stop-Sessions", "one while testing", found)
            problems.append(wrong(error, stop.SOURCE))
        else:
            try:
                check_stop([item.session for item in self._running], stop, from_client)
            except ProtocolError as error:
                problems.append(wrong(error, stop.SOURCE))
        problems += set_up.accept_remarks(stop.accept)
        if isinstance(stop, StopSessions):
            problems += record_remarks(self._running, stop)
            summary = f"Accept {stop.accept}, {len(stop.sessions)} session descriptions"
        else:
            summary = f"Accept {stop.accept}, Number of Sessions {stop.number_of_sessions}"
        self._message(who, stop, summary, problems)
        for item in self._running:
            if item.sends_from_client == from_client:
                item.is_stopped = True
        self._stops.add(who)
        if self.state is State.TESTING and (
            self.protocol is Protocol.TWAMP or self._stops == {Who.CLIENT, Who.SERVER}
        ):
            self.state = State.READY
            self._stops.clear()
            self._running.clear()

    # Replies

    def _read_reply(self, first_block: bytes) -> Conversation:
        stops = self.state is State.TESTING and self.protocol is Protocol.OWAMP
        if stops and first_block[0] == Command.STOP_SESSIONS:
            self._take_stop(Who.SERVER, (yield from StopSessions.reader(first_block)))
            return
        if not self._pending:
            raise ProtocolError("message", "none that no command asked for", "one")
        command = self._pending.popleft()
        if isinstance(command, StartSessions):
            self._take_start_ack((yield from StartAck.reader(first_block)))
        elif isinstance(command, FetchSession):
            yield from self._read_fetch_answer(command, first_block)
        else:
            reply = yield from AcceptSession.reader(first_block)
            self._take_accept(command, reply)

    def _take_start_ack(self, ack: StartAck) -> None:
        problems = set_up.accept_remarks(ack.accept)
        if ack.accept == Accept.OK:
            if not self._running:
                text = "Accept: expected a refusal, as no session was accepted, found 0"
                problems.append(wrong(text, ack.SOURCE))
            self.state = State.TESTING
            for item in self._running:
                item.is_started = True
        self._message(Who.SERVER, ack, f"Accept {ack.accept}", problems)

    def _read_fetch_answer(self, command: FetchSession, first_block: bytes) -> Conversation:
        ack = yield from FetchAck.reader(first_block)
        problems = set_up.accept_remarks(ack.accept)
        if ack.accept != Accept.OK:
            try:
                check_fetch_answer(ack, None)
            except ProtocolError as error:
                problems.append(wrong(error, ack.SOURCE))
        elif ack.next_seqno and not ack.finished:
            unfinished = ProtocolError("Next Seqno", "0 unless finished", str(ack.next_seqno))
            problems.append(wrong(unfinished, ack.SOURCE))
        numbers = f"{ack.number_of_skip_ranges} skip ranges and {ack.number_of_records} records"
        self._message(Who.SERVER, ack, f"Accept {ack.accept}, {numbers}", problems)
        if ack.accept != Accept.OK:
            return
        data = yield from FetchData.reader(ack)
        problems = []
        for record in data.records:
            if not command.begin_seq <= record.seq_number <= command.end_seq:
                expected = f"a number from {command.begin_seq} to {command.end_seq}, as asked"
                mismatch = ProtocolError("Seq Number", expected, str(record.seq_number))
                problems.append(wrong(mismatch, ack.SOURCE))
        self._message(Who.SERVER, data, numbers, problems)

    def _take_accept(self, command: _Pending, reply: AcceptSession) -> None:
        problems = set_up.accept_remarks(reply.accept)
        source = reply.SOURCE
        problem = None
        session = None
        if command is not None:
            assert self.protocol is not None
            assert not isinstance(command, StartSessions | FetchSession)
            problem = request_problem(self.protocol, command)
            if reply.accept == Accept.OK:
                session = self._accepted(command, reply, problems)
        if reply.accept == Accept.OK and (command is None or problem is not None):
            field_name = problem.field if problem is not None else "Command Number"
            text = f"Accept: expected 3 ({field_name} of the request), found 0"
            problems.append(wrong(text, source))
        summary = f"Accept {reply.accept}, Port {reply.port}, SID {reply.sid.hex()}"
        self._message(Who.SERVER, reply, summary, problems)
        if session is not None:
            self.sessions.append(session)
            self._running.append(session)

    def _accepted(
        self, request: Request, reply: AcceptSession, problems: list[Remark]
    ) -> ObservedSession | None:
        if self.mode is None:
            return None
        only_sender = request.conf_sender and not request.conf_receiver
        sid = request.sid if only_sender else reply.sid
        is_between_others = request.conf_sender and request.conf_receiver  # Port is unused then
        if not reply.port and not is_between_others:
            problems.append(wrong("Port: expected one for test packets, found 0", reply.SOURCE))
        if sid == bytes(SID_SIZE):
            problems.append(wrong("SID: expected one for the session, found zeros", reply.SOURCE))
        if any(item.session.sid == sid for item in self.sessions):
            problems.append(
                wrong("SID: expected a new one, found that of another session", reply.SOURCE)
            )
        ends = self._client_address, self._server_address
        return ObservedSession.accepted(
            request, sid, reply.port, self.mode.test_mode, self._control_keys, ends
        )

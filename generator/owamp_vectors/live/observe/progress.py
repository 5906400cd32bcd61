"""How far an observed control connection has come, and what is wrong with each message there."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import TypeAlias

from owamp_reference.connection import State, check_fetch_answer, check_stop
from owamp_reference.errors import ProtocolError
from owamp_reference.keys import SID_SIZE
from owamp_reference.messages import (
    Accept,
    AcceptSession,
    Command,
    FetchAck,
    FetchData,
    FetchSession,
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
)
from owamp_reference.negotiation import (
    IKEV2_DERIVED,
    IMPROPER,
    Credentials,
    NegotiatedMode,
    Protocol,
    request_problem,
)

from ..net.addresses import Address, normalized
from . import set_up
from .sessions import ObservedSession, record_remarks
from .steps import Remark, Who, note, right, wrong

_TW_MODE_BITS = 0b1110_1000
"""Bits of Modes that only TWAMP has: mixed (8), RFC 6038 (32, 64), IKEv2Derived (128)."""

_REQUESTS = (RequestSession, RequestTWSession)

Pending: TypeAlias = Request | StartSessions | FetchSession | None
"""A command that waits for its answer; None for one that could not be read."""
Judged: TypeAlias = tuple[str, list[Remark]]
"""What to say of a message if all is well, and what is wrong or remarkable in it."""


class Progress:
    """What both ends know by now. It takes the messages of each direction in their order.

    Attributes:
        protocol: None as long as no message has told it.
        state: as at the endpoints.
        response: what the client chose, and what came of its Token.
        sessions: every test session that was accepted.
    Args:
        credentials, client, server, max_count: as in `Observer`.
    """

    def __init__(
        self,
        protocol: Protocol | None,
        credentials: Iterable[Credentials],
        client: Address | None,
        server: Address | None,
        max_count: int,
    ) -> None:
        self.protocol = protocol
        self.state = State.SETTING_UP
        self.response = set_up.Response("")
        self.sessions: list[ObservedSession] = []
        self._credentials = tuple(credentials)
        self._ends = client and normalized(client), server and normalized(server)
        self._max_count = max_count
        self._greeting: ServerGreeting | None = None
        self._is_answered = self._is_refused = False
        self._pending: deque[Pending] = deque()
        self._requests_pending = 0
        self._sids: set[bytes] = set()
        self._running: list[ObservedSession] = []
        self._stops: set[Who] = set()

    @property
    def mode(self) -> NegotiatedMode | None:
        """The mode that the client chose, if it is allowed."""
        return self.response.mode

    @property
    def is_protected(self) -> bool:
        """Whether the client chose a protected mode."""
        return self.mode is not None and self.mode.is_protected

    @property
    def is_sealed(self) -> bool:
        """Whether the control connection is protected under keys that are not known here."""
        return self.is_protected and self.response.control_keys is None

    @property
    def challenge(self) -> bytes | None:
        """The Challenge, if the client chose a protected mode and so used it."""
        if self._greeting is None or not self.is_protected:
            return None
        return self._greeting.challenge

    @property
    def unanswered(self) -> int:
        """How many messages of the client wait for an answer."""
        return len(self._pending) + (Who.CLIENT in self._stops)

    # Set-up

    def take_greeting(self, greeting: ServerGreeting) -> Judged:
        """Server-Greeting (RFC 4656 §3.1)."""
        self._greeting = greeting
        if self.protocol is None and greeting.modes & _TW_MODE_BITS:
            self.protocol = Protocol.TWAMP
        problems = set_up.greeting_remarks(self.protocol, greeting, self._max_count)
        if self._is_answered:
            problems.append(wrong("Server-Greeting after Set-Up-Response", set_up.SOURCE))
        self._is_refused = not greeting.modes
        return f"Modes {greeting.modes:#x}, Count {greeting.count}", problems

    def take_response(self, message: SetUpResponse) -> Judged:
        """Set-Up-Response (RFC 4656 §3.1)."""
        self._is_answered = True
        if self.protocol is None and message.mode & IKEV2_DERIVED[Protocol.OWAMP]:
            self.protocol = Protocol.OWAMP
        self.response = set_up.judge_response(
            self.protocol or Protocol.OWAMP,
            self._greeting,
            message,
            self._credentials,
            self._max_count,
        )
        return self.response.summary, self.response.remarks

    def take_start(self, start: ServerStart) -> Judged:
        """Server-Start (RFC 4656 §3.1)."""
        problems = set_up.accept_remarks(start.accept)
        if not self._is_answered:
            problems.append(wrong("Server-Start before Set-Up-Response", set_up.SOURCE))
        if start.accept == Accept.NO_IKE_SA and not (self.mode and self.mode.ikev2_derived):
            text = "Accept: expected 6 only to a Mode with IKEv2Derived"
            problems.append(wrong(text, "RFC 7717 §5.3"))
        self._is_refused = start.accept != Accept.OK
        if not self._is_refused:
            self.state = State.READY
            if self.response.problem is not None:
                text = f"Accept: expected a refusal, found 0 ({self.response.problem})"
                problems.append(wrong(text, set_up.SOURCE))
            if self.is_protected:
                problems += set_up.random_remarks("Server-IV", start.server_iv)
        return f"Accept {start.accept}", problems

    # Commands

    def tell_protocol(self, command: int) -> Protocol:
        """The protocol, by a Command Number if it is not known otherwise."""
        if self.protocol is None:
            is_two_way = command == Command.REQUEST_TW_SESSION
            self.protocol = Protocol.TWAMP if is_two_way else Protocol.OWAMP
        return self.protocol

    def take_unreadable(self) -> None:
        """A command that the protocol does not have."""
        self._pending.append(None)

    def _command_remarks(self) -> list[Remark]:
        if self._is_refused or self.response.declines:
            return [wrong("a command on a connection that was refused", set_up.SOURCE)]
        if self.state is State.SETTING_UP:
            return [wrong("a command before Server-Start", set_up.SOURCE)]
        if self.state is State.TESTING:
            return [wrong("a command other than Stop-Sessions while testing", "RFC 4656 §3.7")]
        return []

    def take_request(self, request: Request) -> Judged:
        """Request-Session or Request-TW-Session (RFC 4656 §3.5, RFC 5357 §3.5)."""
        assert self.protocol is not None
        problems = self._command_remarks()
        problem = request_problem(self.protocol, request)
        if problem is not None:
            problems.append(wrong(problem, request.SOURCE))
        self._pending.append(request)
        self._requests_pending += 1
        summary = f"sender port {request.sender_port}, receiver port {request.receiver_port}"
        return summary + f", padding {request.padding_length} octets", problems

    def take_start_sessions(self, start: StartSessions) -> Judged:
        """Start-Sessions (RFC 4656 §3.7)."""
        problems = self._command_remarks()
        if not self._requests_pending and all(item.is_stopped for item in self._running):
            text = "Start-Sessions: expected an accepted session to start, found none"
            problems.append(wrong(text, start.SOURCE))
        self._pending.append(start)
        return "the accepted sessions are to start", problems

    def take_fetch(self, fetch: FetchSession) -> Judged:
        """Fetch-Session (RFC 4656 §3.9)."""
        problems = self._command_remarks()
        self._pending.append(fetch)
        return f"packets {fetch.begin_seq} to {fetch.end_seq} of {fetch.sid.hex()}", problems

    def take_stop(self, who: Who, stop: StopSessions | StopTWSessions) -> Judged:
        """Stop-Sessions of either end (RFC 4656 §3.8, RFC 5357 §3.8)."""
        from_client = who is Who.CLIENT
        problems = []
        if self.state is not State.TESTING or who in self._stops:
            found = "a second one" if who in self._stops else f"one while {self.state.value}"
            error = ProtocolError("Stop-Sessions", "one while testing", found)
            problems.append(wrong(error, stop.SOURCE))
        else:
            problems += self._stop_remarks(stop, from_client)
        problems += set_up.accept_remarks(stop.accept)
        running = self._running if who not in self._stops else []
        if isinstance(stop, StopSessions):
            problems += record_remarks(running, stop)
            summary = f"Accept {stop.accept}, {len(stop.sessions)} session descriptions"
        else:
            summary = f"Accept {stop.accept}, Number of Sessions {stop.number_of_sessions}"
        for item in running:
            if item.sends_from_client == from_client:
                item.is_stopped = True
        self._stops.add(who)
        if self.state is State.TESTING and (
            self.protocol is Protocol.TWAMP or self._stops == {Who.CLIENT, Who.SERVER}
        ):
            self.state = State.READY
            self._stops.clear()
            self._running.clear()
        return summary, problems

    def _stop_remarks(self, stop: StopSessions | StopTWSessions, from_client: bool) -> list[Remark]:
        """Whether it accounts for the sessions, in either reading of RFC 4656 §3.8."""
        sessions = [item.session for item in self._running]
        found = []
        for counts_both in (True, False):
            try:
                check_stop(sessions, stop, from_client, counts_both=counts_both)
            except ProtocolError as error:
                found.append(wrong(error, stop.SOURCE))
        return found[:1] if len(found) == 2 else []

    # Replies

    @property
    def server_may_stop(self) -> bool:
        """Whether the server may send Stop-Sessions."""
        return self.state is State.TESTING and self.protocol is Protocol.OWAMP

    def next_command(self) -> Pending:
        """The command that the server answers next. Raises `ProtocolError` if there is none."""
        if not self._pending:
            raise ProtocolError("message", "none that no command asked for", "one")
        command = self._pending.popleft()
        self._requests_pending -= isinstance(command, RequestSession | RequestTWSession)
        return command

    def take_start_ack(self, ack: StartAck) -> Judged:
        """Start-Ack (RFC 4656 §3.7)."""
        problems = set_up.accept_remarks(ack.accept)
        if ack.accept == Accept.OK:
            if not self._running:
                problems.append(note("Accept 0, though no session was accepted", ack.SOURCE))
            for item in self._running if self.state is not State.TESTING else ():
                item.is_started = True
            self.state = State.TESTING
        return f"Accept {ack.accept}", problems

    def take_accept(self, command: Request | None, reply: AcceptSession) -> Judged:
        """Accept-Session (RFC 4656 §3.5)."""
        problems = set_up.accept_remarks(reply.accept)
        problems += self._answer_remarks(command, reply.accept)
        if reply.accept == Accept.OK and command is not None:
            problems += self._open_session(command, reply)
        return f"Accept {reply.accept}, Port {reply.port}, SID {reply.sid.hex()}", problems

    def _answer_remarks(self, command: Request | None, accept: int) -> list[Remark]:
        """Whether Accept may have this value in the answer to a command; None: there is no such.

        A server may refuse any request (RFC 4656 §3.5), with the right value or with 1 (§3.3). It
        has to refuse less than a client must not send: most rules for the fields bind the client.
        """
        assert self.protocol is not None
        field_name = "Command Number"
        if command is not None:
            problem = request_problem(self.protocol, command, set_up.granting)
            if problem is None:
                return []
            field_name = problem.field
        expected, is_right, source = "a refusal", accept != Accept.OK, AcceptSession.SOURCE
        if self.protocol is Protocol.TWAMP and field_name in ("Command Number", *IMPROPER):
            expected, is_right = "3", accept == Accept.NOT_SUPPORTED
            source = "RFC 5357 §3.5"
        text = f"Accept: expected {expected} ({field_name} of the request), found {accept}"
        return [] if is_right else [wrong(text, source)]

    def _open_session(self, request: Request, reply: AcceptSession) -> list[Remark]:
        if self.mode is None:
            return []
        problems = []
        only_sender = request.conf_sender and not request.conf_receiver
        sid = request.sid if only_sender else reply.sid
        is_between_others = request.conf_sender and request.conf_receiver  # Port is unused then
        if not reply.port and not is_between_others:
            problems.append(wrong("Port: expected one for test packets, found 0", reply.SOURCE))
        if sid == bytes(SID_SIZE):
            problems.append(wrong("SID: expected one for the session, found zeros", reply.SOURCE))
        if sid in self._sids:
            text = "SID: expected a new one, found that of another session"
            say = note if only_sender else wrong  # the client made it, and the server may take it
            problems.append(say(text, reply.SOURCE))
        session = ObservedSession.accepted(
            request, sid, reply.port, self.mode.test_mode, self.response.control_keys, self._ends
        )
        self._sids.add(sid)
        self.sessions.append(session)
        self._running.append(session)
        return problems

    # The end

    def end_remark(self, is_readable: bool) -> Remark:
        """What it means if the connection ends now.

        Args:
            is_readable: whether all messages could be read so far.
        """
        if self._is_refused or self.response.declines:
            return right("the connection ends, as refused", set_up.SOURCE)
        if not is_readable:
            return note("the connection ends; what was asked and answered is not known")
        if self.state is State.READY and not self._pending:
            return right("the connection ends while no session runs")
        if self._pending:
            return wrong("the connection ends before a command was answered", "RFC 4656 §3.4")
        if self.state is State.TESTING:
            return wrong("the connection ends without Stop-Sessions", "RFC 4656 §3.8")
        return wrong(f"the connection ends while {self.state.value}", set_up.SOURCE)


def judge_fetch_ack(ack: FetchAck) -> Judged:
    """Fetch-Ack by itself (RFC 4656 §3.9)."""
    problems = set_up.accept_remarks(ack.accept)
    if ack.accept != Accept.OK:
        try:
            check_fetch_answer(ack, None)
        except ProtocolError as error:
            problems.append(wrong(error, ack.SOURCE))
    elif ack.next_seqno and not ack.finished:
        unfinished = ProtocolError("Next Seqno", "0 unless finished", str(ack.next_seqno))
        problems.append(wrong(unfinished, ack.SOURCE))
    return f"Accept {ack.accept}, {_numbers(ack)}", problems


def judge_fetch_data(command: FetchSession, ack: FetchAck, data: FetchData) -> Judged:
    """The data of a session, against what was asked for (RFC 4656 §3.9)."""
    problems = []
    for record in data.records:
        if not command.begin_seq <= record.seq_number <= command.end_seq:
            expected = f"a number from {command.begin_seq} to {command.end_seq}, as asked"
            mismatch = ProtocolError("Seq Number", expected, str(record.seq_number))
            problems.append(wrong(mismatch, ack.SOURCE))
    return _numbers(ack), problems


def _numbers(ack: FetchAck) -> str:
    return f"{ack.number_of_skip_ranges} skip ranges and {ack.number_of_records} records"

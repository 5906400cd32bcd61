"""How far an observed control connection has come, and what is wrong with each message there."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import TypeAlias

from owamp_reference.connection import State, check_stop
from owamp_reference.errors import ProtocolError
from owamp_reference.keys import SID_SIZE
from owamp_reference.messages import (
    Accept,
    AcceptSession,
    Command,
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
    REQUESTS,
    SECURITY_BITS,
    Credentials,
    Mode,
    NegotiatedMode,
    Protocol,
    request_problem,
)
from owamp_reference.sources import ntp_timestamp

from ..net.addresses import CONTROL_PORTS, Address, normalized
from ..net.ntp import date_text, seconds, signed
from . import registry, set_up
from .sessions import ObservedSession, record_remarks
from .steps import Judged, Remark, Who, note, right, wrong
from .times import time_remarks

_TW_MODE_BITS = 0b11_1110_1000
"""Bits of Modes that only TWAMP has: mixed (8), and all from 32 on that are assigned."""
_DAY = 86_400

_REQUESTS = (RequestSession, RequestTWSession)

Pending: TypeAlias = Request | StartSessions | FetchSession | None
"""A command that waits for its answer; None for one that could not be read."""


class Progress:
    """What both ends know by now. It takes the messages of each direction in their order.

    Attributes:
        protocol: None as long as no message has told it.
        state: as at the endpoints.
        response: what the client chose, and what came of its Token.
        sessions: every test session that was accepted.
        has_fetched: whether a fetch was granted.
        has_lost_track: whether what was said last on the connection is not known.
    Args:
        credentials, client, server, max_count, names_mistakes: as in `Observer`.
    """

    def __init__(
        self,
        protocol: Protocol | None,
        credentials: Iterable[Credentials],
        client: Address | None,
        server: Address | None,
        max_count: int,
        names_mistakes: bool = False,
    ) -> None:
        self.protocol = protocol
        self.state = State.SETTING_UP
        self.response = set_up.Response("")
        self.sessions: list[ObservedSession] = []
        self.has_lost_track = self.has_fetched = False
        self._credentials = tuple(credentials)
        self._ends = client and normalized(client), server and normalized(server)
        self._max_count, self._names_mistakes = max_count, names_mistakes
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
    def pending(self) -> int:
        """How many commands wait for an answer."""
        return len(self._pending)

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
        if self.protocol is Protocol.OWAMP and greeting.modes & _TW_MODE_BITS:
            names = registry.mode_names(Protocol.TWAMP, greeting.modes & _TW_MODE_BITS)
            text = f"the server speaks TWAMP, it seems, not OWAMP: it offers {names}"
            problems.append(note(text, set_up.SOURCE))
        if self._is_answered:
            problems.append(wrong("Server-Greeting after Set-Up-Response", set_up.SOURCE))
        self._is_refused = not greeting.modes
        names = registry.mode_names(self.protocol, greeting.modes)
        return f"Modes {greeting.modes:#x} ({names}), Count {greeting.count}", problems

    def take_response(self, message: SetUpResponse) -> Judged:
        """Set-Up-Response (RFC 4656 §3.1)."""
        self._is_answered = True
        if self.protocol is None and message.mode & IKEV2_DERIVED[Protocol.OWAMP]:
            self.protocol = self._tell_by_key_id(message)
        self.response = set_up.judge_response(
            self.protocol or Protocol.OWAMP,
            self._greeting,
            message,
            self._credentials,
            self._max_count,
            self._names_mistakes,
        )
        return self.response.summary, self.response.remarks

    def _tell_by_key_id(self, message: SetUpResponse) -> Protocol:
        """Whether 16 in Mode is IKEv2Derived (OWAMP) or Individual Session Control (TWAMP).

        The former has the SPIs of an IKE SA as KeyID, and goes with a protected mode.
        """
        is_protected = bool(message.mode & ~Mode.UNAUTHENTICATED & SECURITY_BITS[Protocol.OWAMP])
        if not is_protected:
            return Protocol.TWAMP
        spis = NegotiatedMode(Mode.ENCRYPTED, ikev2_derived=True).secret_name(message.key_id)
        if any(item.name == spis for item in self._credentials):
            return Protocol.OWAMP
        name = message.key_id.rstrip(b"\0").decode("ascii", "replace")
        is_text = any(message.key_id[16:]) or (name.isascii() and name.isprintable())
        return Protocol.TWAMP if is_text else Protocol.OWAMP

    def lose_track(self) -> None:
        """What follows on the control connection will not be known."""
        self.has_lost_track = True
        for item in self.sessions:
            item.is_tracked = False

    def take_start(self, start: ServerStart, time: int | None = None) -> Judged:
        """Server-Start (RFC 4656 §3.1); `time` is when it was seen."""
        problems = set_up.accept_remarks(start.accept)
        if not self._is_answered:
            problems.append(wrong("Server-Start before Set-Up-Response", set_up.SOURCE))
        if start.accept == Accept.NO_IKE_SA and not (self.mode and self.mode.ikev2_derived):
            text = "Accept: expected 6 only to a Mode with IKEv2Derived"
            problems.append(wrong(text, "RFC 7717 §5.3"))
        self._is_refused = start.accept != Accept.OK
        if start.accept == Accept.FAILURE and self.is_protected:
            text = f"likely causes, in this order: {self.response.key_name} is not known there; "
            text += "it has another passphrase there; PBKDF2 is computed with another Salt or Count"
            problems.append(note(text, set_up.SOURCE))
        if not self._is_refused:
            self.state = State.READY
            if self.response.problem is not None:
                text = f"Accept: expected a refusal, found 0 ({self.response.problem})"
                problems.append(wrong(text, set_up.SOURCE))
            if self.response.unopened is not None:
                text = "Accept 0, though the Token cannot be opened here: either the secret given "
                text += "here is not the one in use, or the server does not check the Token"
                problems.append(note(text, set_up.SOURCE))
            if start.start_time and not self.is_sealed:
                problems += time_remarks("Start-Time", start.start_time, time, set_up.SOURCE)
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

    def take_request(self, request: Request, time: int | None = None) -> Judged:
        """Request-Session or Request-TW-Session (RFC 4656 §3.5, RFC 5357 §3.5); `time` is when it
        was seen.
        """
        assert self.protocol is not None
        problems = self._command_remarks()
        problem = request_problem(self.protocol, request)
        if problem is not None:
            problems.append(wrong(problem, request.SOURCE))
        if _has_own_sid(request) and request.sid == bytes(SID_SIZE):
            text = "SID: expected one made by the receiver, which the client names, found zeros"
            problems.append(wrong(text, request.SOURCE))
        if request.start_time:
            problems += _start_time_remarks(request, time)
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
        for item in self._running:
            item.is_starting = True
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
        if reply.accept in (Accept.FAILURE, Accept.NOT_SUPPORTED) and not self.sessions:
            problems += self.other_protocol_remarks()
        if reply.accept != Accept.OK and reply.port and self.protocol is Protocol.TWAMP:
            text = f"Port: expected 0 with a refusal, found {reply.port}"
            problems.append(wrong(text, "RFC 5357 §3.5, erratum 1587"))
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
        only_sender = _has_own_sid(request)
        sid = request.sid if only_sender else reply.sid
        is_between_others = request.conf_sender and request.conf_receiver  # Port is unused then
        if not reply.port and not is_between_others:
            problems.append(wrong("Port: expected one for test packets, found 0", reply.SOURCE))
        if sid == bytes(SID_SIZE) and not only_sender:
            problems.append(wrong("SID: expected one for the session, found zeros", reply.SOURCE))
        if sid in self._sids:
            text = "SID: expected a new one, found that of another session"
            say = note if only_sender else wrong  # the client made it, and the server may take it
            problems.append(say(text, reply.SOURCE))
        session = ObservedSession.accepted(
            request, sid, reply.port, self.mode.test_mode, self.response.control_keys, self._ends
        )
        self._sids.add(sid)
        assert self.protocol is not None
        changed = registry.packet_extensions(self.protocol, self.response.extensions)
        if changed:
            session.unchecked = registry.mode_names(self.protocol, changed)
        if not self._names_mistakes:
            session.tries = 0
        self.sessions.append(session)
        self._running.append(session)
        return problems

    def other_protocol_remarks(self) -> list[Remark]:
        """What it may mean that the first request is refused, or ends the connection."""
        theirs = Protocol.OWAMP if self.protocol is Protocol.TWAMP else Protocol.TWAMP
        request = REQUESTS[self.protocol or Protocol.TWAMP].LAYOUT.title
        text = f"perhaps the server speaks {theirs.value}, at port {CONTROL_PORTS[theirs]}, which "
        return [note(f"{text}has no {request}", REQUESTS[theirs].SOURCE)]

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


def _has_own_sid(request: Request) -> bool:
    """Whether the client makes the SID, since its side receives (RFC 4656 §3.5)."""
    return bool(request.conf_sender and not request.conf_receiver)


def _start_time_remarks(request: Request, time: int | None) -> list[Remark]:
    remarks = time_remarks("Start Time", request.start_time, time, request.SOURCE)
    if remarks or time is None:
        return remarks
    off = seconds(signed(request.start_time - ntp_timestamp(time)))
    if abs(off) > _DAY:
        text = f"Start Time: {date_text(request.start_time)}, {abs(off) / _DAY:.1f} days "
        return [note(text + ("ahead" if off > 0 else "ago"), request.SOURCE)]
    return []

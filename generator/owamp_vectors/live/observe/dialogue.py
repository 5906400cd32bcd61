"""The dialogue on an observed control connection: octets of both ends in, a step a message out."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import NamedTuple

from owamp_reference import control, primitives
from owamp_reference.errors import ProtocolError
from owamp_reference.keys import ControlKeys
from owamp_reference.messages import (
    Accept,
    AcceptSession,
    Command,
    FetchAck,
    FetchData,
    FetchSession,
    Message,
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
from owamp_reference.negotiation import Protocol

from . import causes, registry
from .fetched import judge_fetch_ack, judge_fetch_data
from .progress import Progress
from .steps import Judged, Part, Remark, Severity, Step, Who, note, right, wrong
from .stream import HMAC_SOURCE, Conversation, Stream, divide, not_zero

_MAX_HEARD = 2**14
"""Octets of both directions that are kept to try the known mistakes on."""


class ClientMessage(NamedTuple):
    """A message as it was sent: its name, its octets on the wire, its text between HMACs."""

    name: str
    wire: bytes
    segments: list[bytes]


class Dialogue:
    """Reads the messages of both directions, and has `progress` judge each in its place.

    Attributes:
        steps: what was seen.
        streams: the two directions; octets are fed to them.
        last_sent: the client's last message.
    Args:
        max_message_size: as in `Observer`.
        again: makes a `Progress` like `progress` was, to try the known mistakes of an end whose
            HMACs are wrong; None to try none.
    """

    def __init__(
        self,
        progress: Progress,
        max_message_size: int,
        again: Callable[[], Progress] | None = None,
    ) -> None:
        self.progress = progress
        self._max_message_size, self._again = max_message_size, again
        self._heard: list[tuple[Who, bytes, int | None]] = []
        self._room = _MAX_HEARD if again is not None else 0
        self._wrong_hmacs: set[Who] = set()
        self.steps: list[Step] = []
        self.last_sent = ClientMessage("", b"", [])
        self._doubtful: deque[str] = deque()
        self.streams = {
            who: Stream(conversation, self._failure_of(who), max_message_size)
            for who, conversation in (
                (Who.CLIENT, self._client_side()),
                (Who.SERVER, self._server_side()),
            )
        }

    def read(self, who: Who, data: bytes, time: int | None) -> None:
        """Take octets of one direction. Raises nothing."""
        kept = data[: self._room]
        self._room -= len(kept)
        if kept:
            self._heard.append((who, kept, time))
        self.streams[who].feed(data, time)

    def verifies(self, who: Who) -> bool:
        """Whether a direction could be read, with at least one HMAC and none that is wrong."""
        stream = self.streams[who]
        return stream.is_readable and stream.is_verified and who not in self._wrong_hmacs

    def _cause(self, who: Who) -> list[Remark]:
        """The known mistake with which an end's first wrong HMAC, and those before it, verify."""
        is_first = who not in self._wrong_hmacs
        self._wrong_hmacs.add(who)
        make = self._again
        if make is None or not is_first or self.progress.response.control_keys is None:
            return []
        name = causes.stream_mistake(
            self._heard, who, lambda: Dialogue(make(), self._max_message_size)
        )
        return [] if name is None else [note(f"it verifies by a known mistake: {name}")]

    @property
    def is_readable(self) -> bool:
        """Whether all messages could be told apart so far, in both directions."""
        return all(stream.is_readable for stream in self.streams.values())

    @property
    def _is_protected(self) -> bool:
        return not isinstance(self.streams[Who.CLIENT].receiver, control.OpenReceiver)

    def is_opaque(self, who: Who) -> bool:
        """Whether what `who` sends is encrypted under keys that are not known."""
        return self.progress.is_sealed and not self.streams[who].is_readable

    def _failure_of(self, who: Who) -> Callable[[ProtocolError], None]:
        def failed(error: ProtocolError) -> None:
            stream = self.streams[who]
            wire, segments, remarks = stream.take()
            text = f"{error}; what follows cannot be read"
            if self.progress.response.control_keys is not None and not stream.is_verified:
                text += "; the keys in use may not be T1 and T2 of the Token"
            remarks.append(wrong(text, "RFC 4656 §3.4"))
            remarks += self._cause(who)
            parts = [Part(segment, title="Octets") for segment in segments if segment]
            self.steps.append(Step("message", who, tuple(remarks), wire, tuple(parts), stream.time))

        return failed

    def _add(
        self,
        who: Who,
        message: Message | FetchData,
        judged: Judged,
        clear_size: int = 0,
        doubtful: str = "",
    ) -> None:
        """The step of a message that was just read.

        Args:
            clear_size: how much of its one segment could be read; 0 for all.
            doubtful: the command that it answers, if the HMAC of that was wrong.
        """
        summary, problems = judged
        if doubtful and not getattr(message, "accept", Accept.FAILURE):
            doubt = f"Accept 0, though the HMAC of {doubtful} does not verify: the server does not "
            doubt += "check it, or errs as its client does"
            problems = [*problems, wrong(doubt, HMAC_SOURCE)]
        wire, segments, remarks = self.streams[who].take()
        if any(item.source == HMAC_SOURCE for item in remarks):
            remarks += self._cause(who)
        remarks += problems
        source, name = FetchSession.SOURCE, "Fetch-Session data"
        if isinstance(message, Message):
            source, name = message.SOURCE, message.LAYOUT.title
        if who is Who.CLIENT:
            self.last_sent = ClientMessage(name, wire, segments)
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
            response = self.progress.response
            problem = f"{label}: expected zeros, found others"
            if isinstance(message, ServerStart) and response.control_keys is not None:
                problem += "; the keys in use may not be T1 and T2 of the Token, or the IV another"
            lenient = is_unused or response.extensions
            remarks.append(note(problem, source) if lenient else wrong(problem, source))
        if all(remark.severity is Severity.NOTE for remark in remarks):
            remarks.insert(0, right(summary, source))
        time, units = self.streams[who].time, _units(wire, segments)
        self.steps.append(Step(name, who, tuple(remarks), wire, tuple(parts), time, units=units))

    # What each end says, in its order

    def _protect(self, who: Who, control_keys: ControlKeys, iv: bytes) -> None:
        self.streams[who].make_receiver = lambda: control.ProtectedReceiver(control_keys, iv)

    def _client_side(self) -> Conversation:
        response = yield from SetUpResponse.reader()
        self._add(Who.CLIENT, response, self.progress.take_response(response))
        control_keys = self.progress.response.control_keys
        if self.progress.is_sealed:
            return
        if control_keys is not None:
            self._protect(Who.CLIENT, control_keys, response.client_iv)
        while not self.progress.has_lost_track:
            first_block = yield Want(primitives.AES_BLOCK_SIZE)
            yield from self._read_command(first_block)

    def _server_side(self) -> Conversation:
        greeting = yield from ServerGreeting.reader()
        self._add(Who.SERVER, greeting, self.progress.take_greeting(greeting))
        clear = yield Want(ServerStart.CLEAR_SIZE)
        accept, server_iv = clear[15], clear[16:]
        control_keys = self.progress.response.control_keys
        if accept == Accept.OK and control_keys is not None:
            self._protect(Who.SERVER, control_keys, server_iv)
        block = yield Want(primitives.AES_BLOCK_SIZE)
        start = ServerStart.parse(clear + block)
        is_opaque = self.progress.is_sealed and accept == Accept.OK
        # With keys that are not those in use it is no time: then its MBZ is not zeros either.
        time = None if any(block[8:]) else self.streams[Who.SERVER].time
        summary, problems = self.progress.take_start(start, time)
        if is_opaque:
            summary += "; Start-Time is encrypted"
        self._add(Who.SERVER, start, (summary, problems), ServerStart.CLEAR_SIZE * is_opaque)
        if is_opaque:
            return
        while True:
            first_block = yield Want(primitives.AES_BLOCK_SIZE)
            yield from self._read_reply(first_block)

    def _read_command(self, first_block: bytes) -> Conversation:
        command = first_block[0]
        progress, protocol = self.progress, self.progress.tell_protocol(command)
        owamp, time = protocol is Protocol.OWAMP, self.streams[Who.CLIENT].time
        before = progress.pending
        if command == Command.REQUEST_SESSION and owamp:
            request = yield from RequestSession.reader(first_block)
            self._add(Who.CLIENT, request, progress.take_request(request, time))
        elif command == Command.REQUEST_TW_SESSION and not owamp:
            two_way = yield from RequestTWSession.reader(first_block)
            self._add(Who.CLIENT, two_way, progress.take_request(two_way, time))
        elif command == Command.START_SESSIONS:
            start = yield from StartSessions.reader(first_block)
            self._add(Who.CLIENT, start, progress.take_start_sessions(start))
        elif command == Command.STOP_SESSIONS:
            reader = StopSessions.reader if owamp else StopTWSessions.reader
            stop: StopSessions | StopTWSessions = yield from reader(first_block)
            self._add(Who.CLIENT, stop, progress.take_stop(Who.CLIENT, stop))
        elif command == Command.FETCH_SESSION and owamp:
            fetch = yield from FetchSession.reader(first_block)
            self._add(Who.CLIENT, fetch, progress.take_fetch(fetch))
        else:
            unchecked = registry.unchecked_command(protocol, progress.response.extensions, command)
            if unchecked is not None:
                self._leave(unchecked)
                return
            progress.take_unreadable()
            self._doubtful.append("")
            expected = f"a command of {protocol.value}"
            raise ProtocolError("Command Number", expected, str(command))
        if progress.pending > before:
            said = self.steps[-1].remarks
            is_doubtful = any(item.source == HMAC_SOURCE for item in said) and self._is_protected
            self._doubtful.append(self.steps[-1].name if is_doubtful else "")

    def _leave(self, command: str) -> None:
        """A command whose size and answer are not known here: the last that can be read."""
        stream = self.streams[Who.CLIENT]
        wire, segments, remarks = stream.take()
        remarks.append(note(f"{command} and what follows on the connection are not checked"))
        parts = [Part(segment, title="First block") for segment in segments if segment]
        self.steps.append(
            Step("command", Who.CLIENT, tuple(remarks), wire, tuple(parts), stream.time)
        )
        self.give_up()

    def give_up(self) -> None:
        """Read no more of either direction."""
        self.progress.lose_track()
        for stream in self.streams.values():
            stream.give_up()

    def _read_reply(self, first_block: bytes) -> Conversation:
        progress = self.progress
        if progress.server_may_stop and first_block[0] == Command.STOP_SESSIONS:
            stop = yield from StopSessions.reader(first_block)
            self._add(Who.SERVER, stop, progress.take_stop(Who.SERVER, stop))
            return
        command = progress.next_command()
        doubtful = self._doubtful.popleft()
        if isinstance(command, StartSessions):
            start_ack = yield from StartAck.reader(first_block)
            self._add(Who.SERVER, start_ack, progress.take_start_ack(start_ack), doubtful=doubtful)
        elif isinstance(command, FetchSession):
            ack = yield from FetchAck.reader(first_block)
            self._add(Who.SERVER, ack, judge_fetch_ack(ack), doubtful=doubtful)
            if ack.accept == Accept.OK:
                progress.has_fetched = True
                data = yield from FetchData.reader(ack)
                self._add(Who.SERVER, data, judge_fetch_data(command, ack, data))
        else:
            reply = yield from AcceptSession.reader(first_block)
            self._add(Who.SERVER, reply, progress.take_accept(command, reply), doubtful=doubtful)


def _units(wire: bytes, segments: list[bytes]) -> tuple[bytes, ...]:
    """A message cut after each HMAC, of which every segment but the last has one."""
    found, start = [], 0
    for segment in segments[:-1]:
        end = start + len(segment) + primitives.HMAC_SIZE
        found.append(wire[start:end])
        start = end
    return tuple(found)

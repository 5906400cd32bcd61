"""A passive observer of one control connection and its test sessions; sans-IO.

It knows what a party that was handed the shared secret knows, and checks what either end could:
every field by the reference's own parsers, every HMAC by its streams, every rule on the order of
messages. What it cannot know it says, and goes on.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from owamp_reference import primitives, token
from owamp_reference.connection import DEFAULT_MAX_MESSAGE_SIZE
from owamp_reference.keys import ControlKeys
from owamp_reference.negotiation import Credentials, NegotiatedMode, Protocol
from owamp_reference.packets import TestMode

from ..net.addresses import CONTROL_PORTS, Address, normalized
from . import set_up
from .dialogue import Dialogue
from .hang_up import likely_cause
from .progress import Progress
from .sessions import ObservedSession, SessionIndex, open_sender_packet
from .steps import Part, Remark, Severity, Step, Who, note, wrong

_PROTOCOLS = {port: protocol for protocol, port in CONTROL_PORTS.items()}
_KINDS_BY_SIZE = {
    Who.CLIENT: {
        144: "Request-Session with one schedule slot",
        112: "Request-TW-Session",
        48: "Fetch-Session",
        32: "Start-Sessions or Stop-Sessions",
    },
    Who.SERVER: {48: "Accept-Session", 32: "Start-Ack"},
}


class Observer:
    """Reads both directions of a control connection, and its test packets.

    No input raises.

    Args:
        is_whole: whether all test packets of the client are seen.
        names_mistakes: whether it tries the known mistakes on what does not verify, which takes
            some tenths of a second.
        protocol: None to tell it from `server`'s port, or else from the messages.
        credentials: the shared secrets that are known, by KeyID; none is fine.
        client, server: the addresses of the two ends, if known; test packets are told apart by
            them where a request names no address.
        max_count: the largest Count that it computes PBKDF2 with (RFC 5357 §6).
        max_message_size: octets between two HMACs that it is willing to hold.
    """

    def __init__(
        self,
        protocol: Protocol | None = None,
        credentials: Iterable[Credentials] = (),
        client: Address | None = None,
        server: Address | None = None,
        max_count: int = token.DEFAULT_MAX_COUNT,
        max_message_size: int = DEFAULT_MAX_MESSAGE_SIZE,
        is_whole: bool = False,
        names_mistakes: bool = True,
    ) -> None:
        if protocol is None and server is not None:
            protocol = _PROTOCOLS.get(server[1])
        known = tuple(credentials)

        def make() -> Progress:
            return Progress(protocol, known, client, server, max_count, names_mistakes)

        self._progress = make()
        self._dialogue = Dialogue(
            self._progress, max_message_size, make if names_mistakes else None
        )
        self._streams = self._dialogue.streams
        self._opaque: dict[Who, int] = {Who.CLIENT: 0, Who.SERVER: 0}
        self._is_finished = False
        self._is_whole = is_whole
        self._index: SessionIndex[ObservedSession] = SessionIndex()
        self._indexed = 0

    @property
    def steps(self) -> list[Step]:
        """What it has seen."""
        return self._dialogue.steps

    @property
    def protocol(self) -> Protocol | None:
        """The protocol, as far as it is known."""
        return self._progress.protocol

    @property
    def challenge(self) -> bytes | None:
        """The Challenge, if the client chose a protected mode and so used it."""
        return self._progress.challenge

    def add(self, step: Step) -> list[Step]:
        """Note what is known from elsewhere; the new steps."""
        self.steps.append(step)
        return [step]

    def client_octets(self, data: bytes, time: int | None = None) -> list[Step]:
        """Octets that the client sent, in pieces of any size; the new steps. Never raises.

        `time` is in nanoseconds since 1970-01-01 UTC.
        """
        return self._feed(Who.CLIENT, data, time)

    def server_octets(self, data: bytes, time: int | None = None) -> list[Step]:
        """Octets that the server sent; see `client_octets`."""
        return self._feed(Who.SERVER, data, time)

    def client_closed(self, time: int | None = None) -> list[Step]:
        """The client will send no more; the new steps."""
        return self._close(Who.CLIENT, time)

    def server_closed(self, time: int | None = None) -> list[Step]:
        """The server will send no more; the new steps."""
        return self._close(Who.SERVER, time)

    def gap(self, who: Who, text: str, time: int | None = None) -> list[Step]:
        """Octets were not seen: nothing that follows on the connection can be told apart."""
        before = len(self.steps)
        for side in self._streams:
            self._tell_opaque(side)
        self._dialogue.give_up()
        note_text = f"{text}; what follows on the connection is not checked"
        self.add(Step("gap", who, (note(note_text),), time=time))
        return self.steps[before:]

    @property
    def is_blind(self) -> bool:
        """Whether requests for test sessions may have gone by that could not be read."""
        return not self._dialogue.is_readable

    @property
    def mode(self) -> NegotiatedMode | None:
        """The mode that the client chose, if it is allowed."""
        return self._progress.mode

    @property
    def control_keys(self) -> ControlKeys | None:
        """T1 and T2, if the Token could be opened."""
        return self._progress.response.control_keys

    @property
    def sessions(self) -> Sequence[ObservedSession]:
        """Every test session that was accepted."""
        return self._progress.sessions

    def test_packet(
        self,
        payload: bytes,
        source: Address,
        destination: Address,
        ttl: int | None = None,
        time: int | None = None,
    ) -> list[Step]:
        """A UDP payload between test endpoints; the new steps. Never raises.

        `ttl` is the TTL or Hop Limit of the packet where it was seen.
        """
        source, destination = normalized(source), normalized(destination)
        found = self._find_session(source, destination) or self._find_session(
            source, destination, by_port=True
        )
        if found is not None:
            session, who = found
            session.is_whole = self._is_whole
            step = session.take(payload, who, ttl, time)
            return self.add(replace(step, session=self._name_of(session)))
        text = f"no accepted session has the ports {source[1]} and {destination[1]}"
        if self._dialogue.is_opaque(Who.CLIENT):
            text = "the sessions are not known: their requests are encrypted"
            mode = self._progress.mode
            if mode is not None and mode.test_mode is TestMode.UNAUTHENTICATED:
                packet = open_sender_packet(payload)
                if packet is not None:
                    text += f"; in clear it begins with Sequence Number {packet.sequence_number}"
        return self.add(Step("test packet", Who.SENDER, (note(text),), payload, time=time))

    @property
    def is_checked(self) -> bool:
        """Whether a test session, or a fetch, was accepted and could be read."""
        return bool(self._progress.sessions) or self._progress.has_fetched

    def sum_up(self) -> list[Step]:
        """What the test packets of each session come to: a step a session."""
        return [
            Step("Test packets", Who.SENDER, tuple(item.sum_remarks()), session=self._name_of(item))
            for item in self._progress.sessions
        ]

    def remarks_on(self, sid: bytes) -> list[Remark]:
        """What only shows in all the packets of a session together."""
        sessions = self._progress.sessions
        return [one for item in sessions if item.session.sid == sid for one in item.count_remarks()]

    def _name_of(self, session: ObservedSession) -> str:
        """What tells the session from others; empty if there are none."""
        return session.name if len(self._progress.sessions) > 1 else ""

    def finish(self, time: int | None = None) -> list[Step]:
        """The end of what was observed: says what is incomplete; the new steps."""
        before = len(self.steps)
        if not self._is_finished:
            self._is_finished = True
            for who, stream in self._streams.items():
                self._tell_opaque(who)
                unread = stream.take_unread()
                if unread:
                    text = f"{unread} octets that follow could not be told apart into messages"
                    self.add(Step("octets", who, (note(text),), time=stream.time))
                if stream.is_inside_message and not stream.is_closed:
                    text = "what was observed ends inside a message"
                    self.add(Step("end", who, (note(text),), time=time))
        return self.steps[before:]

    def _feed(self, who: Who, data: bytes, time: int | None) -> list[Step]:
        before = len(self.steps)
        stream = self._streams[who]
        if data:
            self._tell_opaque(Who.SERVER if who is Who.CLIENT else Who.CLIENT)
            self._dialogue.read(who, data, time)
            if self._dialogue.is_opaque(who):
                self._opaque[who] += stream.take_unread()
        return self.steps[before:]

    def _close(self, who: Who, time: int | None) -> list[Step]:
        before = len(self.steps)
        stream = self._streams[who]
        if stream.is_closed:
            return []
        self._tell_opaque(who)
        first = not any(other.is_closed for other in self._streams.values())
        stream.is_closed = True
        if stream.is_inside_message:
            remark = wrong("the connection ends inside a message", set_up.SOURCE)
        elif not first:
            return []
        else:
            remark = self._progress.end_remark(self._dialogue.is_readable)
        causes: tuple[Remark, ...] = ()
        parts: tuple[Part, ...] = ()
        if who is Who.SERVER and remark.severity is Severity.WRONG:
            causes, parts = likely_cause(self._dialogue)
        self.add(Step("end", who, (remark, *causes), parts=parts, time=time))
        return self.steps[before:]

    def likely_cause(self) -> tuple[tuple[Remark, ...], tuple[Part, ...]]:
        """Why the server may just have ended the connection; see `hang_up.likely_cause`."""
        return likely_cause(self._dialogue)

    # Octets that cannot be read without the shared secret

    def _tell_opaque(self, who: Who) -> None:
        size, self._opaque[who] = self._opaque[who], 0
        if not size:
            return
        kinds = _KINDS_BY_SIZE[who].get(size)
        text = f"{size} encrypted octets; the shared secret is not known, so nothing is checked"
        remark = note(text + (f"; as long as {kinds}" if kinds else ""))
        if size % primitives.AES_BLOCK_SIZE:
            remark = wrong(f"{size} encrypted octets: not whole blocks", "RFC 4656 §3.4")
        self.add(Step("encrypted octets", who, (remark,), time=self._streams[who].time))

    def _find_session(
        self, source: Address, destination: Address, by_port: bool = False
    ) -> tuple[ObservedSession, Who] | None:
        for session in self.sessions[self._indexed :]:
            self._index.add(session, session)
        self._indexed = len(self.sessions)
        return self._index.find(source, destination, by_port)

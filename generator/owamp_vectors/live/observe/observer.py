"""A passive observer of one control connection and its test sessions; sans-IO.

It knows what a party that was handed the shared secret knows, and checks what either end could:
every field by the reference's own parsers, every HMAC by its streams, every rule on the order of
messages. What it cannot know it says, and goes on.
"""

from __future__ import annotations

from collections.abc import Iterable

from owamp_reference import primitives, token
from owamp_reference.connection import DEFAULT_MAX_MESSAGE_SIZE, State
from owamp_reference.negotiation import Credentials, Protocol
from owamp_reference.packets import TestMode

from ..net.addresses import CONTROL_PORTS, Address, normalized
from . import set_up
from .dialogue import Dialogue
from .sessions import ObservedSession, open_sender_packet
from .steps import Part, Remark, Severity, Step, Who, any_wrong, note, right, wrong
from .stream import HMAC_SOURCE

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


class Observer(Dialogue):
    """Reads both directions of a control connection, and its test packets.

    What it has seen is in `steps`. No input raises.

    Args:
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
    ) -> None:
        if protocol is None and server is not None:
            protocol = _PROTOCOLS.get(server[1])
        super().__init__(protocol, credentials, client, server, max_count, max_message_size)
        self._opaque: dict[Who, int] = {Who.CLIENT: 0, Who.SERVER: 0}
        self._is_finished = False

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
        for stream in self._streams.values():
            stream.give_up()
        note_text = f"{text}; what follows on the connection is not checked"
        self._append(Step("gap", who, (note(note_text),), time=time))
        return self.steps[before:]

    @property
    def is_blind(self) -> bool:
        """Whether requests for test sessions may have gone by that could not be read."""
        return not all(stream.is_readable for stream in self._streams.values())

    def claims(self, source: Address, destination: Address, by_port: bool = False) -> bool:
        """Whether a test packet between these addresses belongs to one of the sessions; `by_port`
        looks at ports alone.
        """
        return self._find_session(normalized(source), normalized(destination), by_port) is not None

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
            return self._append(session.take(payload, who, ttl, time))
        text = f"no accepted session has the ports {source[1]} and {destination[1]}"
        if self._is_opaque(Who.CLIENT):
            assert self.mode is not None
            text = "the sessions are not known: their requests are encrypted"
            if self.mode.test_mode is TestMode.UNAUTHENTICATED:
                packet = open_sender_packet(payload)
                if packet is not None:
                    text += f"; in clear it begins with Sequence Number {packet.sequence_number}"
        return self._append(Step("test packet", Who.SENDER, (note(text),), payload, time=time))

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
                    self._append(Step("octets", who, (note(text),), time=stream.time))
                if stream.is_inside_message and not stream.is_closed:
                    text = "what was observed ends inside a message"
                    self._append(Step("end", who, (note(text),), time=time))
        return self.steps[before:]

    def _feed(self, who: Who, data: bytes, time: int | None) -> list[Step]:
        before = len(self.steps)
        stream = self._streams[who]
        if data:
            self._tell_opaque(Who.SERVER if who is Who.CLIENT else Who.CLIENT)
            stream.feed(data, time)
            if self._is_opaque(who):
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
        elif self._refused or self._response.declines:
            remark = right("the connection ends, as refused", set_up.SOURCE)
        elif not all(other.is_readable for other in self._streams.values()):
            remark = note("the connection ends; what was asked and answered is not known")
        elif self.state is State.READY and not self._pending:
            remark = right("the connection ends while no session runs")
        elif self._pending:
            remark = wrong("the connection ends before a command was answered", "RFC 4656 §3.4")
        elif self.state is State.TESTING:
            remark = wrong("the connection ends without Stop-Sessions", "RFC 4656 §3.8")
        else:
            remark = wrong(f"the connection ends while {self.state.value}", set_up.SOURCE)
        causes: tuple[Remark, ...] = ()
        parts: tuple[Part, ...] = ()
        if who is Who.SERVER and remark.severity is Severity.WRONG:
            causes, parts = self.hang_up()
        self._append(Step("end", who, (remark, *causes), parts=parts, time=time))
        return self.steps[before:]

    def hang_up(self) -> tuple[tuple[Remark, ...], tuple[Part, ...]]:
        """Why a server may just have ended the connection without a word; and, for its developer,
        what it was sent last and the input of each HMAC in it. Keys are not among them.

        There is nothing to say if the client is known to be wrong, if the server had begun to
        answer, or if nothing is protected.
        """
        client_steps = (item for item in self.steps if item.who is Who.CLIENT)
        if self.mode is None or not self.mode.is_protected or any_wrong(client_steps):
            return (), ()
        if self._streams[Who.SERVER].is_inside_message:
            return (), ()
        name, wire, segments = self._last_sent
        sent = Part(wire, title=f"{name}, as sent")
        if self.state is State.SETTING_UP:
            cause = (
                f"likely cause: the Token or its {self._response.key_name} is refused, without a "
                "Server-Start that says so; the server has another shared secret, or takes Salt "
                "and Count (PBKDF2) or the Token (AES-CBC, IV 0) otherwise"
            )
            return (note(cause, set_up.SOURCE),), (sent,)
        unanswered = len(self._pending) + (Who.CLIENT in self._stops)
        if unanswered != 1 or self._control_keys is None:  # of several, which is not known
            return (), ()
        cause = f"likely cause: the server computes another HMAC of {name}: "
        if self._streams[Who.SERVER].is_verified:
            cause += (
                "as it answered earlier, T1, T2 and Client-IV agree, so perhaps AES-CBC does not "
                "go on from message to message, or the HMAC does not begin anew after each HMAC; "
                "or the server does not take this command"
            )
        else:
            cause += (
                "with another T2, over other text, or after decrypting with another T1 or with "
                "another IV than Client-IV"
            )
        inputs = tuple(Part(text, title="Input of its HMAC") for text in segments if text)
        where = "the octets of this step are what was sent, and the input of each HMAC in it"
        return (note(cause, HMAC_SOURCE), note(where)), (sent, *inputs)

    # Octets that cannot be read without the shared secret

    def _is_opaque(self, who: Who) -> bool:
        """Whether the stream of `who` is encrypted under keys that are not known."""
        if self.mode is None or not self.mode.is_protected or self._control_keys is not None:
            return False
        return not self._streams[who].is_readable

    def _tell_opaque(self, who: Who) -> None:
        size, self._opaque[who] = self._opaque[who], 0
        if not size:
            return
        kinds = _KINDS_BY_SIZE[who].get(size)
        text = f"{size} encrypted octets; the shared secret is not known, so nothing is checked"
        remark = note(text + (f"; as long as {kinds}" if kinds else ""))
        if size % primitives.AES_BLOCK_SIZE:
            remark = wrong(f"{size} encrypted octets: not whole blocks", "RFC 4656 §3.4")
        self._append(Step("encrypted octets", who, (remark,), time=self._streams[who].time))

    def _find_session(
        self, source: Address, destination: Address, by_port: bool = False
    ) -> tuple[ObservedSession, Who] | None:
        for session in reversed(self.sessions):
            who = session.matches(source, destination, by_port)
            if who is not None:
                return session, who
        return None

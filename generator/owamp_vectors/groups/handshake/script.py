"""What an honest server says to a client, and what the client is told to say, as one script."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

from owamp_reference.messages import (
    COMPLETE_SESSION_END,
    Accept,
    AcceptSession,
    FetchAck,
    FetchData,
    FetchSession,
    Message,
    PacketRecord,
    Request,
    RequestSession,
    ServerGreeting,
    ServerStart,
    SessionDescription,
    SkipRange,
    StartAck,
    StartSessions,
    StopSessions,
    StopTWSessions,
)
from owamp_reference.negotiation import SECURITY_BITS, Protocol

from ...vectors.declaration import Case, Json, behaves
from ...vectors.drbg import Drbg
from .inputs import ALICE, drawn_sid, make_request
from .spoiling import Way, Writer, receive, say


@dataclass(frozen=True)
class ScriptPart:
    """Text of the server that an HMAC follows.

    Attributes:
        label: which part of which message it is.
    """

    label: str
    text: bytes


PeerScript: TypeAlias = Sequence[ScriptPart | Message]
"""What the server says, and messages that the client is told to say, in order."""


@dataclass(frozen=True)
class Spoil:
    """What is wrong with a part: its HMAC, or a text that is not the one that the HMAC covers, or
    octets that are changed once they are encrypted.
    """

    way: Way | None = None
    instead: bytes | None = None
    flipped: int | None = None

    def write(self, writer: Writer, text: bytes) -> bytes:
        """The part on the wire."""
        ways = {} if self.way is None else {0: self.way}
        instead = {} if self.instead is None else {0: self.instead}
        octets = bytearray(writer.write([text], ways, instead))
        if self.flipped is not None:
            octets[self.flipped] ^= 1
        return bytes(octets)


_HONEST = Spoil()
PARTS_OF_DATA = ("fetched request", "fetched schedule", "fetched skip ranges", "fetched records")


def heard(label: str, message: Message) -> list[ScriptPart]:
    """A message of the server."""
    (text,) = message.segments()
    return [ScriptPart(label, text)]


def fetched(data: FetchData) -> list[ScriptPart]:
    """The session data that follow an accepting Fetch-Ack."""
    return [ScriptPart(*part) for part in zip(PARTS_OF_DATA, data.segments(), strict=True)]


@dataclass(frozen=True)
class Scene:
    """A client under test, and the honest server that it talks with.

    Attributes:
        values: the inputs of the client's cases but for the steps, and what the server draws.
    """

    protocol: Protocol
    security: str
    values: Json

    @classmethod
    def drawn(cls, drbg: Drbg, protocol: Protocol, security: str) -> Scene:
        """A scene with values of its own."""
        sizes = {"challenge": 16, "salt": 16, "serverIv": 16, "t1": 16, "t2": 32, "clientIv": 16}
        values = {name: drbg.octets(name, size) for name, size in sizes.items()}
        limits = {"maxCount": 32768, "messageLimit": 2**20, "unused": bytes(1)}
        sids = [drawn_sid(drbg, number) for number in range(3)]
        more = {"sids": sids, "ikeSas": []}
        return cls(protocol, security, {**values, **limits, **more, **ALICE})

    @property
    def is_owamp(self) -> bool:
        """Whether the protocol is OWAMP."""
        return self.protocol is Protocol.OWAMP

    @property
    def is_protected(self) -> bool:
        """Whether the control connection is encrypted and authenticated."""
        return self.security != "unauthenticated"

    def with_values(self, **changes: object) -> Scene:
        """The same with other values."""
        return replace(self, values={**self.values, **changes})

    # Cases

    def case(
        self, comment: str, steps: Sequence[Json], *flags: str, source: str = "", **inputs: object
    ) -> Case:
        """A case with these steps; `inputs` are others than those of the scene."""
        of_server = ("challenge", "salt", "serverIv", "sids")
        values = {**self.values, **inputs, "steps": list(steps)}
        kept = {name: value for name, value in values.items() if name not in of_server}
        return behaves(comment, kept, *flags, source=source)

    def scripted(self, comment: str, script: PeerScript, *flags: str, source: str = "") -> Case:
        """A case in which both follow a script after the set-up."""
        return self.case(comment, self.play(script), *flags, source=source)

    # Octets

    def greeting(self, modes: int | None = None, count: int = 1024) -> bytes:
        """Server-Greeting; by default every mode is offered."""
        modes = SECURITY_BITS[self.protocol] if modes is None else modes
        challenge, salt = self.values["challenge"], self.values["salt"]
        return ServerGreeting(modes, challenge, salt, count).to_octets()

    def writer(self) -> Writer:
        """The server's stream."""
        t1 = self.values["t1"] if self.is_protected else b""
        return Writer(t1, self.values["t2"], self.values["serverIv"])

    def server_start(self, writer: Writer, time: int = 0xE9000000 << 32) -> bytes:
        """Server-Start, the last block of it in the stream."""
        server_iv = self.values["serverIv"] if self.is_protected else self.values["unused"] * 16
        octets = ServerStart(Accept.OK, server_iv, time).to_octets()
        size = ServerStart.CLEAR_SIZE
        return octets[:size] + writer.text(octets[size:])

    def set_up(self, writer: Writer) -> list[Json]:
        """The steps of the set-up."""
        return receive(self.greeting(), self.server_start(writer))

    def play(self, script: PeerScript, spoiled: Mapping[int, Spoil] | None = None) -> list[Json]:
        """The set-up and a script; `spoiled` are parts, by their place in the script.

        Each part is one piece.
        """
        writer = self.writer()
        steps = self.set_up(writer)
        for place, item in enumerate(script):
            if isinstance(item, ScriptPart):
                spoil = (spoiled or {}).get(place, _HONEST)
                steps += receive(spoil.write(writer, item.text))
            else:
                steps += say(item)
        return steps

    # Honest scripts

    def request(self, number: int) -> Request:
        """A request; in OWAMP the server sends in the second, the client in the others."""
        request = make_request(self.protocol, server_sends=self.is_owamp and number == 1)
        port = 20001 + 2 * number
        return replace(request, sender_port=port, receiver_port=port + 1)

    def sid(self, number: int) -> bytes:
        """The SID of the session that a request asks for."""
        if self.is_owamp and number == 1:
            return self.request(1).sid
        sid: bytes = self.values["sids"][number]
        return sid

    def answer(self, number: int, port: int | None = None) -> AcceptSession:
        """The accepting answer; to one that names the SID itself it names none (RFC 4656 §3.5)."""
        names_sid = self.is_owamp and number == 1
        own_port = 30001 + number if self.is_owamp else 20002 + 2 * number
        sid = bytes(16) if names_sid else self.sid(number)
        return AcceptSession(Accept.OK, own_port if port is None else port, sid)

    def asking(self, *numbers: int) -> list[ScriptPart | Message]:
        """Requests with their answers."""
        script: list[ScriptPart | Message] = []
        for number in numbers:
            label = f"{('first', 'second', 'third')[number]} Accept-Session"
            script += [self.request(number), *heard(label, self.answer(number))]
        return script

    def starting(self) -> list[ScriptPart | Message]:
        """Start-Sessions with its answer."""
        return [StartSessions(), *heard("Start-Ack", StartAck(Accept.OK))]

    def own_stop(self, *numbers: int, accept: int = 0) -> Message:
        """The client's Stop-Sessions for the sessions of some requests."""
        if not self.is_owamp:
            return StopTWSessions(accept, len(numbers))
        sids = [self.sid(number) for number in numbers if number != 1]
        return StopSessions(accept, tuple(SessionDescription(sid, 2) for sid in sids))

    def servers_stop(self, *numbers: int, **changes: object) -> list[ScriptPart]:
        """The server's Stop-Sessions for the same; in TWAMP there is none."""
        if not self.is_owamp:
            return []
        records = [SessionDescription(self.sid(1), 2)] if 1 in numbers else []
        stop = replace(StopSessions(Accept.OK, tuple(records)), **changes)  # type: ignore[arg-type]
        return heard("the server's Stop-Sessions", stop)

    def stopping(self, *numbers: int) -> list[ScriptPart | Message]:
        """Both Stop-Sessions."""
        return [self.own_stop(*numbers), *self.servers_stop(*numbers)]

    def testing(self, *numbers: int) -> list[ScriptPart | Message]:
        """Up to Start-Ack."""
        return [*self.asking(*numbers), *self.starting()]

    def round(self, *numbers: int) -> list[ScriptPart | Message]:
        """Everything up to Stop-Sessions."""
        return [*self.testing(*numbers), *self.stopping(*numbers)]

    def fetch_session(self) -> FetchSession:
        """Fetch-Session for the first session, complete."""
        return FetchSession(0, COMPLETE_SESSION_END, self.sid(0))

    def data(self, records: int = 2, skip_ranges: tuple[SkipRange, ...] = ()) -> FetchData:
        """The data of the first session."""
        request = make_request(Protocol.OWAMP)
        assert isinstance(request, RequestSession)
        request = replace(request, sid=self.sid(0), receiver_port=30001, number_of_packets=2)
        times = [0xE9300001 + number << 32 for number in range(records)]
        made = [
            PacketRecord(number, 1, 1, time, time + 2**24, 255) for number, time in enumerate(times)
        ]
        return FetchData(request, skip_ranges, tuple(made))

    def fetching(self, data: FetchData | None = None, **ack: int) -> list[ScriptPart | Message]:
        """Fetch-Session and its accepting answer."""
        data = data or self.data()
        honest = FetchAck(Accept.OK, 1, 2, len(data.skip_ranges), len(data.records))
        fetch_ack = heard("Fetch-Ack", replace(honest, **ack))
        return [self.fetch_session(), *fetch_ack, *fetched(data)]

    def whole(self) -> list[ScriptPart | Message]:
        """Two sessions, the data of one (OWAMP), and a second round."""
        data = self.fetching() if self.is_owamp else []
        return [*self.round(0, 1), *data, *self.round(2)]


_IN_DISORDER = {
    "overlap": ((0, 2), (2, 3)),
    "are out of order": ((4, 5), (0, 1)),
    "are the same": ((1, 2), (1, 2)),
    "end before they begin": ((3, 1),),
}


def skip_ranges_in_disorder(
    which: Sequence[str] = tuple(_IN_DISORDER),
) -> list[tuple[str, tuple[SkipRange, ...]]]:
    """Skip ranges as no sender sends them (RFC 4656 §3.8), in words and as such."""
    return [(what, tuple(SkipRange(*pair) for pair in _IN_DISORDER[what])) for what in which]


def until(script: PeerScript, label: str) -> int:
    """The place of the first part with this label."""
    return next(
        place
        for place, item in enumerate(script)
        if isinstance(item, ScriptPart) and item.label == label
    )


def parts(script: PeerScript) -> Iterator[tuple[int, ScriptPart]]:
    """The parts of a script with their places."""
    return ((place, item) for place, item in enumerate(script) if isinstance(item, ScriptPart))


def up_to(script: PeerScript, place: int, more: int = 0) -> PeerScript:
    """A script up to a part and what the client says next, and `more` parts in the same way."""
    later = [other for other, _ in parts(script) if other > place] + [len(script)]
    return script[: later[min(more, len(later) - 1)]]

"""Every HMAC that a server reads, damaged by itself (RFC 4656 §3.2, §6.10)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import count

from owamp_reference import primitives
from owamp_reference.messages import (
    FetchSession,
    Message,
    ScheduleSlot,
    SessionDescription,
    SkipRange,
    StartSessions,
    StopSessions,
    StopTWSessions,
)
from owamp_reference.negotiation import Protocol

from ...vectors.declaration import Case, Json
from ...vectors.drbg import Drbg
from ..changes import flipped, replaced
from .inputs import PROTECTED
from .serving import ALL_PACKETS, Client, securities
from .spoiling import NEARLY_RIGHT, WAYS, Covered, Way, Writer, receive, say

_SOURCE = "RFC 4656 §6.10"
_FIRST, _LAST, *_OTHERS = WAYS


@dataclass(frozen=True)
class _Move:
    """A message of a connection.

    Attributes:
        name: what it is.
        flag: the mistake of leaving out the check of its (last) HMAC.
        is_answered: whether the server answers it.
    """

    name: str
    message: Message
    flag: str = ""
    is_answered: bool = True
    by_server: bool = False


def _stop(client: Client, *numbers: int) -> _Move:
    name = f"Stop-Sessions for {len(numbers)}"
    return _Move(name, client.stop(*numbers), "HmacOfStopUnchecked", is_answered=False)


def _connections(client: Client) -> Iterator[list[_Move]]:
    """Whole connections with two rounds, and shorter ones for what they leave out."""
    ask = _Move("the request", client.ask())
    again = _Move("the second request", client.ask(), "HmacOfLaterRequestUnchecked")
    late = _Move("the request of the second round", client.ask(), "HmacOfLaterRequestUnchecked")
    start = _Move("Start-Sessions", StartSessions(), "HmacOfStartUnchecked")
    late_start = _Move(
        "Start-Sessions of the second round", StartSessions(), "HmacOfStartUnchecked"
    )
    if client.protocol is Protocol.TWAMP:
        yield [ask, again, start, _stop(client, 0, 1), late, late_start]
        return
    ends = _Move("", client.stop(), by_server=True)
    fetch = _Move("Fetch-Session", ALL_PACKETS, "HmacOfFetchUnchecked")
    yield [ask, again, start, _stop(client, 0, 1), ends, late, late_start]
    yield [ask, start, _stop(client, 0), ends, fetch]
    yield [_Move("Fetch-Session before any request", ALL_PACKETS, "HmacOfFetchUnchecked")]
    sid = bytes(range(16))
    to_client = _Move("a request that has the server send", client.sent_by_server(sid))
    yield [to_client, start, _stop(client)]
    third = _Move("the third request", client.ask(), "HmacOfLaterRequestUnchecked")
    yield [ask, again, third, start, _stop(client, 0, 1, 2)]


@dataclass(frozen=True)
class _Place:
    """An HMAC of a connection: that of a segment of the message with a number."""

    moves: Sequence[_Move]
    number: int
    segment: int

    @property
    def move(self) -> _Move:
        return self.moves[self.number]

    @property
    def is_last(self) -> bool:
        """Whether it ends its message."""
        return self.segment == len(self.move.message.segments()) - 1

    @property
    def name(self) -> str:
        parts = len(self.move.message.segments())
        part = ("header of ", "slots of ")[self.segment] if parts > 1 else ""
        return f"{part}{self.move.name}"

    @property
    def flags(self) -> list[str]:
        """The mistakes that leave its check out."""
        flags = ["HmacUnchecked"]
        if not self.is_last:
            flags.append("HmacOfHeaderUnchecked")
        if self.number or self.segment:
            flags.append("HmacCheckedOnce")
        if self.segment:
            flags.append("HmacOfSlotsUnchecked")
        if self.move.flag and self.is_last:
            flags.append(self.move.flag)
        if self.is_last and self.move.is_answered:
            flags.append("HmacAfterUse")
        return flags

    def before(self, client: Client, writer: Writer) -> list[Json]:
        """The steps up to its message."""
        steps = receive(client.response())
        for move in self.moves[: self.number]:
            message = move.message
            steps += say(message) if move.by_server else receive(writer.write(message))
        return steps

    def after(self, writer: Writer) -> list[Json]:
        """The client's next message, right."""
        later = [move.message for move in self.moves[self.number + 1 :] if not move.by_server]
        return receive(writer.write(later[0] if later else StartSessions()))


def _places(client: Client) -> Iterator[_Place]:
    seen = set()
    for moves in _connections(client):
        for number, move in enumerate(moves):
            for segment in range(0 if move.by_server else len(move.message.segments())):
                place = _Place(moves, number, segment)
                if place.name not in seen:
                    seen.add(place.name)
                    yield place


def cases(drbg: Drbg, protocol: Protocol) -> Iterator[Case]:
    """All cases of one protocol, the protected modes in turn."""
    modes = securities(protocol)
    client = Client.make(drbg.at("main"), protocol, next(modes))
    names = [place.name for place in _places(client)]
    for number, name in enumerate(names):
        here = Client.make(drbg.at(name), protocol, next(modes))
        yield from _everywhere(here, list(_places(here))[number])
    main = ("Start-Sessions", "Stop-Sessions for 2")
    for number, name in enumerate(names):
        if number < 2 - (protocol is Protocol.TWAMP) or name in main:
            here = Client.make(drbg.at(f"more of {name}"), protocol, next(modes))
            yield from _ways(here, list(_places(here))[number])
    yield from _early(Client.make(drbg.at("early"), protocol, next(modes)))
    yield from _bad_fields(Client.make(drbg.at("fields"), protocol, next(modes)))
    yield from _with_zeros(drbg.at("zeros"), protocol)


def _case(client: Client, comment: str, steps: list[Json], *flags: str) -> Case:
    return client.case(comment, steps, *flags, source=_SOURCE)


def _spoiled(client: Client, place: _Place, way: Way, *, goes_on: bool) -> list[Json]:
    writer = client.writer()
    steps = place.before(client, writer)
    steps += receive(writer.write(place.move.message, {place.segment: way}))
    return steps + place.after(writer) if goes_on else steps


def _everywhere(client: Client, place: _Place) -> Iterator[Case]:
    """A wrong HMAC encrypted as it should be: nothing else is wrong, and nothing after it."""
    steps = _spoiled(client, place, WAYS[_FIRST], goes_on=True)
    comment = f"HMAC of {place.name}: {_FIRST}, and then the next message, right"
    flags = place.flags
    if place.is_last and place.name != "Start-Sessions":  # else what follows is out of turn
        flags.append("HmacNotFatal")
    yield _case(client, comment, steps, *flags)
    steps = _spoiled(client, place, WAYS[_LAST], goes_on=False)
    flags = ["HmacTruncated", *place.flags]
    yield _case(client, f"HMAC of {place.name}: {_LAST}", steps, *flags)
    if place.number == 0 and place.is_last:
        writer = client.writer()
        steps = place.before(client, writer)
        steps += receive(writer.write(place.move.message, {place.segment: WAYS[_FIRST]}))
        steps += receive(writer.hmac(None, b""))  # right for a reader that goes on after the wrong
        comment = f"HMAC of {place.name}: {_FIRST}, and then that of nothing, right"
        yield _case(client, comment, steps)


def _ways(client: Client, place: _Place) -> Iterator[Case]:
    """All that may stand in the place of an HMAC, and text that it does not cover."""
    more = NEARLY_RIGHT if place.name == "Start-Sessions" else {}
    for name, way in {**{name: WAYS[name] for name in _OTHERS}, **more}.items():
        if "before" in name and place.number + place.segment == 0:
            continue  # there is none
        steps = _spoiled(client, place, way, goes_on=False)
        flags = ["HmacTruncated"] if name.startswith("right in") else []
        yield _case(client, f"HMAC of {place.name}: {name}", steps, *flags, *place.flags)
    if place.number + place.segment == 0:
        start = client.values["startTime"] + bytes(8)
        steps = _spoiled(client, place, lambda here: here.hmac(start), goes_on=False)
        comment = f"HMAC of {place.name}: over what the server has sent"
        aims = ["HmacOfTheOtherDirection"] if place.is_last else []  # else the slots' one is wrong
        yield _case(client, comment, steps, *aims, *place.flags)
    segment = place.move.message.segments()[place.segment]
    for offset in _offsets(place, client.protocol):
        writer = client.writer()
        steps = place.before(client, writer)
        changed = flipped(segment, offset)
        octets = writer.write(place.move.message, instead={place.segment: changed})
        comment = f"{place.name}: octet {offset} differs from what its HMAC covers"
        yield _case(client, comment, [*steps, *receive(octets)], *place.flags)
    size = sum(len(item) + 16 for item in place.move.message.segments()[: place.segment + 1])
    for offset, what in ((size - 16, "HMAC"), (size - 32, "block before the HMAC")):
        writer = client.writer()
        steps = place.before(client, writer)
        octets = flipped(writer.write(place.move.message), offset)
        comment = f"{place.name}: one bit of the ciphertext changed in the {what}"
        # What becomes of the block before it is seen in a request alone.
        flags = place.flags if what == "HMAC" or "request" in place.name else []
        flags = [flag for flag in flags if flag != "HmacOfHeaderUnchecked"]  # the next one notices
        yield _case(client, comment, [*steps, *receive(octets)], *flags)


def _offsets(place: _Place, protocol: Protocol) -> tuple[int, ...]:
    """Where an octet can differ without a ground to refuse the message but its HMAC: in a request
    a port, an address and the SID; in a stop Accept and Next Seqno; else MBZ.
    """
    if "request" in place.name and not place.segment:
        return (15, 43, 63) if protocol is Protocol.OWAMP else (15, 43, 75)
    return (1, 35) if "Stop" in place.name and protocol is Protocol.OWAMP else (1, 15)


def _early(client: Client) -> Iterator[Case]:
    """A wrong HMAC is found out as soon as it is there."""
    message = client.ask()
    writer = client.writer()
    octets = writer.write(message, {0: WAYS[_FIRST]})
    steps = receive(client.response(), octets[:112])
    comment = "a wrong HMAC of the header, and what follows has not arrived"
    flags = ["HmacUnchecked"]
    if client.protocol is Protocol.OWAMP:
        flags.append("HmacOfHeaderUnchecked")
    yield client.case(comment, steps, *flags, source="RFC 4656 §3.2")
    for name in (_LAST, "16 zeros"):
        writer = client.writer()
        piece = writer.write(message) + writer.write(StartSessions(), {0: WAYS[name]})
        comment = f"a right request and Start-Sessions in one piece, whose HMAC is wrong: {name}"
        yield client.after_set_up(comment, [piece], "HmacOfStartUnchecked", source=_SOURCE)


def _bad_fields(client: Client) -> Iterator[Case]:
    """A message that would be refused anyway: without its HMAC it is not even that."""
    for name, messages in _refused(client):
        for part in range(len(messages[-1].segments())):
            writer = client.writer()
            pieces = [writer.write(message) for message in messages[:-1]]
            pieces.append(writer.write(messages[-1], {part: WAYS[_LAST]}))
            which = f", HMAC {part + 1}" if part else ""
            comment = f"{name}, and a wrong HMAC{which}: no answer"
            is_last = part == len(messages[-1].segments()) - 1
            flags = [] if "Stop" in name else ["HmacUnchecked"]
            if flags and is_last:
                flags.append("HmacAfterUse")
            yield client.after_set_up(comment, pieces, *flags, source=_SOURCE)
    if client.protocol is Protocol.TWAMP:
        for number in (6, 255):
            text = [bytes([number]).ljust(16, b"\0")]
            for way in (None, WAYS[_LAST]):
                spoiled = {} if way is None else {0: way}
                pieces = [client.writer().write(text, spoiled)]
                comment = f"command {number} with a {'right' if way is None else 'wrong'} HMAC"
                source = "RFC 5357 §3.5" if way is None else "RFC 5357 §3.5; RFC 4656 §6.10"
                flags = ["HmacAfterUse"] if way else []
                yield client.after_set_up(comment, pieces, *flags, source=source)


def _refused(client: Client) -> Iterator[tuple[str, list[Message]]]:
    ask, start = client.ask(), StartSessions()
    yield "IPVN 5", [client.ask(ipvn=5)]
    if client.protocol is Protocol.TWAMP:
        yield "Conf-Sender 1", [client.ask(conf_sender=1)]
        yield "Conf-Receiver 1", [client.ask(conf_receiver=1)]
        yield "Stop-Sessions for two of one session", [ask, start, StopTWSessions(0, 2)]
        return
    yield "neither Conf-Sender nor Conf-Receiver", [client.ask(conf_receiver=0)]
    yield "slot of type 2", [client.ask(slots=(ScheduleSlot(2, 2**31),))]
    yield "Fetch-Session of a SID that is unknown", [FetchSession(0, 9, b"\x5a" * 16)]
    other = StopSessions(0, (SessionDescription(b"\x5a" * 16, 10),))
    yield "Stop-Sessions with another SID", [ask, start, other]
    ranges = (SkipRange(5, 6), SkipRange(1, 2))
    disorder = StopSessions(0, (SessionDescription(client.values["sids"][0], 10, ranges),))
    yield "Stop-Sessions with skip ranges out of order", [ask, start, disorder]


def _with_zeros(drbg: Drbg, protocol: Protocol) -> Iterator[Case]:
    """HMACs that begin with 00, where a comparison of strings would end."""
    client = Client.make(drbg.at("both"), protocol, PROTECTED[protocol][0]).changed(t2=_START_T2)
    yield client.saying(
        "HMAC of Start-Sessions begins and ends with 00", client.ask(), StartSessions()
    )
    modes = securities(protocol)
    client = Client.make(drbg.at("main"), protocol, next(modes))
    names = [place.name for place in _places(client)]
    for number, name in enumerate(names):
        here = Client.make(drbg.at(name), protocol, next(modes))
        place = list(_places(here))[number]
        here = _with_zero(here, drbg.at(name), place)
        steps = _spoiled(here, place, Covered.hmac, goes_on=True)
        comment = f"HMAC of {name} begins with 00, and is right"
        yield here.case(comment, steps, source="RFC 4656 §3.2")
        steps = _spoiled(here, place, _only_first, goes_on=False)
        comment = f"HMAC of {name} begins with 00, and the rest is wrong"
        yield _case(here, comment, steps, "OctetsComparedAsString", *place.flags)


_START_T2 = b"\xa5" * 28 + (4600).to_bytes(4, "big")
"""A T2 with which the HMAC of Start-Sessions begins and ends with 00."""


def _only_first(here: Covered) -> bytes:
    return replaced(here.hmac(), 1, bytes(15))


def _with_zero(client: Client, drbg: Drbg, place: _Place) -> Client:
    """The client with a T2 with which the HMAC of a segment begins with 00."""
    text = place.move.message.segments()[place.segment]
    for number in count():
        t2 = drbg.octets(f"T2 {number}", 32)
        if not primitives.hmac_sha1_128(t2, text)[0]:
            return client.changed(t2=t2)
    raise AssertionError("there is always one more number")

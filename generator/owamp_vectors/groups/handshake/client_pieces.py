"""TCP has no borders of messages, and lists any length: what a client makes of that."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from owamp_reference.messages import (
    Message,
    RequestSession,
    SessionDescription,
    SkipRange,
)

from ...vectors.declaration import Case, Json
from ..changes import replaced
from .inputs import make_request
from .script import Scene, ScriptPart, Spoil, heard, parts, until
from .spoiling import WAYS, receive

_SOURCE = "RFC 4656 §2"
_CUTS = {
    "Server-Greeting": (12, 16, 63),
    "Server-Start": (15, 16, 31, 32, 33, 47),
    "first Accept-Session": (4, 20, 32, 47),
    "Start-Ack": (1, 16),
    "the server's Stop-Sessions": (15, 16, 40, 47, 63),
    "Fetch-Ack": (16, 31),
    "fetched request": (1, 95, 96, 111),
    "fetched schedule": (15, 17),
    "fetched records": (25, 51, 64, 79),
}
"""After which octets of a message, or of a part of the data, it is cut."""


def cases(scene: Scene) -> Iterator[Case]:
    """All in the open mode and the encrypted one."""
    if scene.security not in ("unauthenticated", "encrypted"):
        return
    yield from _cuts(scene)
    yield from _joins(scene)
    yield from _ipv6(scene)
    if scene.is_owamp and scene.is_protected:
        yield from _widths(scene)
        yield from _limits(scene)


def _pieces(octets: bytes, sizes: Sequence[int]) -> Iterator[bytes]:
    """Octets cut after so many."""
    for begin, end in zip((0, *sizes), (*sizes, len(octets)), strict=True):
        yield octets[begin:end]


def _recut(steps: Sequence[Json], cuts: Mapping[int, Sequence[int]]) -> list[Json]:
    """Steps with what arrives cut, by the place of the step."""
    return [
        one
        for place, step in enumerate(steps)
        for one in (receive(*_pieces(step["octets"], cuts[place])) if place in cuts else [step])
    ]


def _cuts(scene: Scene) -> Iterator[Case]:
    script = scene.round(0) if scene.is_protected else scene.whole()
    steps = scene.play(script)
    size, words = (1, "octet by octet") if scene.is_protected else (7, "in pieces of 7 octets")
    every = {
        place: range(size, len(step["octets"]), size)
        for place, step in enumerate(steps)
        if step["do"] == "receive"
    }
    comment = f"a whole connection that arrives {words}"
    yield scene.case(comment, _recut(steps, every), "PieceIsMessage", source=_SOURCE)
    script = scene.whole()
    steps = scene.play(script)
    places = {"Server-Greeting": 0, "Server-Start": 1}
    for place, part in parts(script):
        places.setdefault(part.label, place + 2)
    cuts = {places[label]: sizes for label, sizes in _CUTS.items() if label in places}
    comment = "cut inside of blocks, headers, records and HMACs"
    if scene.is_protected:
        yield scene.case(comment, _recut(steps, cuts), "PieceIsMessage", source=_SOURCE)


def _joined(steps: Sequence[Json], first: int) -> list[Json]:
    """Steps in which what arrives in one comes together with what arrives in the next."""
    together = steps[first]["octets"] + steps[first + 1]["octets"]
    return [*steps[:first], *receive(together), *steps[first + 2 :]]


def _joins(scene: Scene) -> Iterator[Case]:
    """Messages that a server sends without waiting for the client between them."""
    if not scene.is_owamp:
        return
    script = [*scene.testing(0), *scene.servers_stop(0), scene.own_stop(0), scene.request(2)]
    place = until(script, "Start-Ack") + 2
    steps = _joined(scene.play(script), place)
    comment = "Start-Ack and the server's Stop-Sessions in one piece"
    yield scene.case(comment, steps, "OneMessageAPiece", source=_SOURCE)
    script = [*scene.round(0), *scene.fetching(), scene.request(2)]
    place = until(script, "Fetch-Ack") + 2
    steps = scene.play(script)
    for _ in range(4):
        steps = _joined(steps, place)
    comment = "Fetch-Ack and the data in one piece"
    yield scene.case(comment, steps, source=_SOURCE)
    if scene.is_protected:
        yield _joined_with_spoiled(scene)


def _joined_with_spoiled(scene: Scene) -> Case:
    script = [*scene.testing(0), *scene.servers_stop(0), scene.own_stop(0), scene.request(2)]
    place = until(script, "Start-Ack")
    spoiled = {place + 1: Spoil(WAYS["one bit changed in its last octet"])}
    steps = _joined(scene.play(script, spoiled), place + 2)
    comment = "a right Start-Ack and Stop-Sessions with a wrong HMAC in one piece"
    return scene.case(
        comment, steps, "HmacCheckedOnce", "OneMessageAPiece", source="RFC 4656 §6.10"
    )


def _ipv6(scene: Scene) -> Iterator[Case]:
    """IPv6 in every request, and in what is fetched."""
    request = make_request(scene.protocol, ipv6=True)
    script: list[ScriptPart | Message] = [request, *heard("", scene.answer(0))]
    script += [*scene.starting(), *scene.stopping(0)]
    if scene.is_owamp:
        assert isinstance(request, RequestSession)
        fetched_request = replace(request, sid=scene.sid(0), receiver_port=30001)
        script += scene.fetching(replace(scene.data(), request=fetched_request))
    again = replace(request, sender_port=20005, receiver_port=20006)
    yield scene.scripted("IPv6 throughout", [*script, again], source="RFC 4656 §3.5")


def _widths(scene: Scene) -> Iterator[Case]:
    """Lists of other lengths than usual."""
    done, source = scene.round(0), "RFC 4656 §3.9"
    for records in (1, 256, 257):
        script = [*done, *scene.fetching(scene.data(records)), scene.request(2)]
        yield scene.scripted(f"{records} records fetched", script, source=source)
    for number in (1, 256, 257):
        ranges = tuple(SkipRange(2 * place, 2 * place) for place in range(number))
        fetch = scene.fetching(scene.data(skip_ranges=ranges), next_seqno=2 * number)
        comment = f"{number} skip ranges fetched"
        yield scene.scripted(comment, [*done, *fetch, scene.request(2)], source=source)
    yield from _announced(scene)


def _announced(scene: Scene) -> Iterator[Case]:
    """Counts of more than what follows: the client waits for the rest, or sees that it is wrong."""
    testing = [*scene.testing(0, 1), scene.own_stop(0, 1)]
    stop = scene.servers_stop(0, 1)[0].text
    for count, flags in ((257, _IN_8), (65537, (*_IN_8, *_IN_16)), (2**32 - 1, ())):
        text = replaced(stop, 4, count.to_bytes(4, "big"))
        script = [*testing, ScriptPart("", text), scene.request(2)]
        comment = f"Stop-Sessions that announces {count} records, one of them there"
        yield scene.scripted(comment, script, *flags, source="RFC 4656 §3.8")
    text = replaced(stop, 36, (2**29).to_bytes(4, "big"))
    script = [*testing, ScriptPart("", text), scene.request(2)]
    comment = "Stop-Sessions that announces 2^29 skip ranges, none of them there"
    yield scene.scripted(comment, script, "SizesIn32Bits", source="RFC 4656 §3.8")
    for what, count, flags in (
        ("number_of_records", 258, _IN_8),
        ("number_of_records", 65538, (*_IN_8, *_IN_16)),
        ("number_of_records", 171798692, ()),
        ("number_of_skip_ranges", 256, _IN_8),
        ("number_of_skip_ranges", 65536, (*_IN_8, *_IN_16)),
        ("number_of_skip_ranges", 2**29, ("SizesIn32Bits",)),
    ):
        script = [*scene.round(0), *scene.fetching(None, **{what: count}), scene.request(2)]
        comment = f"Fetch-Ack that announces {count} {what.removeprefix('number_of_')}"
        words = comment.replace("_", " ") + " and is not followed by them"
        yield scene.scripted(words, script, *flags, source="RFC 4656 §3.9")


_IN_8, _IN_16 = ("CountsIn8Bits",), ("CountsIn16Bits",)


def _limits(scene: Scene) -> Iterator[Case]:
    """The octets between two HMACs that the client is configured to take."""
    testing = [*scene.testing(0, 1), scene.own_stop(0, 1)]
    ranges = tuple(SkipRange(2 * place, 2 * place) for place in range(20))
    record = SessionDescription(scene.sid(1), 40, ranges)
    stop = scene.servers_stop(0, 1, sessions=(record,))
    data = scene.data(records=8)
    for what, size, script in (
        ("Stop-Sessions", len(stop[0].text), [*testing, *stop]),
        ("the records", len(data.segments()[-1]), [*scene.round(0), *scene.fetching(data)]),
    ):
        for limit in (size, size - 16):
            steps = scene.play([*script, scene.request(2)])
            comment = f"{what} of {size} octets, where {limit} are the limit"
            yield scene.case(comment, steps, source="RFC 4656 §6.5", messageLimit=limit)

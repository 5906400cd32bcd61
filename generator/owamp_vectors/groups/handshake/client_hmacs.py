"""Each HMAC that a client checks, wrong by itself, in each way (RFC 4656 §3.2, §6.10)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import count

from owamp_reference import primitives
from owamp_reference.messages import (
    FetchAck,
    Message,
    SessionDescription,
    SkipRange,
    StartAck,
    StartSessions,
)

from ...vectors.declaration import Case
from ...vectors.drbg import Drbg
from ..changes import flipped, replaced
from .inputs import PROTECTED
from .script import PeerScript, Scene, ScriptPart, Spoil, heard, parts, until, up_to
from .spoiling import NEARLY_RIGHT, WAYS, Covered, Way, receive

_SOURCE = "RFC 4656 §6.10"
_MAIN = ("first Accept-Session", "Start-Ack", "fetched records")
_FIRST, _LAST = "one bit changed in its first octet", "one bit changed in its last octet"
_FIELDS = {
    "first Accept-Session": (("port", 3), ("SID", 4), ("last octet", 31)),
    "second Accept-Session": (("port", 3),),
    "Start-Ack": (("last octet", 15),),
    "the server's Stop-Sessions": (("Next Seqno", 35),),
    "Fetch-Ack": (("Next Seqno", 7),),
    "fetched request": (("Number of Packets", 11),),
    "fetched schedule": (("Slot Parameter", 15),),
    "fetched records": (("Receive Timestamp", 16), ("TTL", 24)),
}
"""Fields with the offset of an octet in them, by the part."""


def cases(scene: Scene) -> Iterator[Case]:
    """The share of one mode: control is the same in all protected ones."""
    modes = PROTECTED[scene.protocol]
    yield from _start(scene)
    everything = [*_everywhere(scene), *_main(scene), *_fields(scene), *_refusing(scene)]
    yield from everything[modes.index(scene.security) :: len(modes)]
    if scene.security == "encrypted":
        yield from _zeros(scene)


def _spoiled(
    scene: Scene,
    comment: str,
    script: PeerScript,
    place: int,
    spoil: Spoil,
    *flags: str,
    more: int = 0,
) -> Case:
    """A script that is spoiled at one place, and ends with what the client would say then."""
    steps = scene.play(up_to(script, place, more), {place: spoil})
    return scene.case(comment, steps, *flags, source=_SOURCE)


def _flags(place: int, label: str, way: str = "") -> tuple[str, ...]:
    """The mistakes that a wrong HMAC shows, by its place in a script and what is wrong with it."""
    is_end_wrong = way == _LAST or way.startswith("right in its first")
    truncated = ("HmacTruncated",) if is_end_wrong else ()
    of_data = ("FetchHmacUnchecked",) if label.startswith(("Fetch", "fetched")) else ()
    once = ("HmacCheckedOnce",) if place > 1 else ()
    return ("HmacUnchecked", *once, *of_data, *truncated)


def _everywhere(scene: Scene) -> Iterator[Case]:
    """Every HMAC of a connection, wrong but encrypted as it should be."""
    script = scene.whole()
    for way, more in ((_FIRST, 0), (_LAST, 0), (_LAST, 1)):
        seen: set[str] = set()
        for place, part in parts(script):
            again = " of the second round" if part.label in seen else ""
            seen.add(part.label)
            what = f"with {way}" if not more else "wrong, the next one right"
            comment = f"the HMAC of {part.label}{again} {what}"
            flags, spoil = _flags(place, part.label, way), Spoil(WAYS[way])
            yield _spoiled(scene, comment, script, place, spoil, *flags, more=more)


def _main(scene: Scene) -> Iterator[Case]:
    """Every wrong HMAC, at the places that matter most."""
    script = scene.whole()
    for label in _MAIN if scene.is_owamp else _MAIN[:2]:
        place = until(script, label)
        said = [item for item in script[:place] if isinstance(item, ScriptPart)]
        ways: dict[str, Way] = {name: way for name, way in WAYS.items() if name != _FIRST}
        ways[_CROSSWISE] = _of_the_clients(script, place)
        if label == _MAIN[0]:
            ways |= NEARLY_RIGHT
        for name, way in ways.items():
            if name != _LAST and (said or "before" not in name):
                comment = f"in place of the HMAC of {label}: {name}"
                flags = _flags(place, label, name)
                if name == _CROSSWISE and label in _MAIN[:2]:
                    flags = ("HmacOfTheOtherDirection", *flags)
                yield _spoiled(scene, comment, script, place, Spoil(way), *flags)
        comment = f"{label} with a bit changed in the encrypted HMAC"
        spoil = Spoil(flipped=-1)
        yield _spoiled(scene, comment, script, place, spoil, *_flags(place, label))
        comment = f"{label} with a bit changed in the encrypted block before the HMAC"
        yield _spoiled(scene, comment, script, place, Spoil(flipped=-17))  # becomes garbage


_CROSSWISE = "that of the client's last message, the other direction"


def _of_the_clients(script: PeerScript, place: int) -> Way:
    last = [item for item in script[:place] if isinstance(item, Message)][-1]
    return lambda here: here.hmac(b"".join(last.segments()))


def _fields(scene: Scene) -> Iterator[Case]:
    """A field changed, with the HMAC of what stood there before; all encrypted as it should be."""
    script = scene.whole()
    for place, part in parts(script):
        if until(script, part.label) != place:
            continue
        for field, offset in _FIELDS.get(part.label, ()):
            spoil, flags = Spoil(instead=flipped(part.text, offset)), _flags(place, part.label)
            yield _spoiled(
                scene, f"{part.label} with another {field}", script, place, spoil, *flags
            )
    for label, message, begin in (
        ("Accept-Session", replace(scene.answer(0), accept=1), [scene.request(0)]),
        ("Start-Ack", StartAck(1), [*scene.asking(0), StartSessions()]),
    ):
        (part,) = heard(label, message)
        script = [*begin, part, *scene.starting(), scene.own_stop(0)]
        spoil = Spoil(instead=replaced(part.text, 0, bytes(1)))
        flags = _flags(len(begin), label)
        yield _spoiled(scene, f"{label} with Accept 1 made 0", script, len(begin), spoil, *flags)


def _refusing(scene: Scene) -> Iterator[Case]:
    """Answers that refuse, or are wrong by themselves, with a wrong HMAC."""
    no = replace(scene.answer(0), accept=3, port=0, sid=bytes(16))
    begin: list[ScriptPart | Message] = [*scene.testing(0, 1), scene.own_stop(0, 1)]
    wrong: list[tuple[str, PeerScript, list[ScriptPart]]] = [
        ("Accept-Session with Accept 3", [scene.request(0)], heard("", no)),
        ("Start-Ack with Accept 1", [*scene.asking(0), StartSessions()], heard("", StartAck(1))),
    ]
    if scene.is_owamp:
        records = (SessionDescription(b"\x5a" * 16, 2),)
        ranges = (SkipRange(4, 5), SkipRange(0, 1))
        fetch = scene.fetching(scene.data(skip_ranges=ranges))
        skipped = until(fetch, "fetched skip ranges")
        ask: list[ScriptPart | Message] = [*scene.round(0), scene.fetch_session()]
        wrong += [
            ("Stop-Sessions with Accept 1", begin, scene.servers_stop(0, 1, accept=1)),
            ("Stop-Sessions with another SID", begin, scene.servers_stop(0, 1, sessions=records)),
            ("Fetch-Ack with Accept 1", ask, heard("", FetchAck(1, 0, 0, 0, 0))),
            ("Fetch-Ack with Accept 1 and fields", ask, heard("", FetchAck(1, 1, 2, 0, 0))),
            (
                "skip ranges out of order",
                [*scene.round(0), *fetch[:skipped]],
                [item for item in fetch[skipped : skipped + 1] if isinstance(item, ScriptPart)],
            ),
        ]
    for label, before, (part,) in wrong:
        for name in (_FIRST, "16 zeros"):
            script = [*before, part, scene.request(2)]
            comment = f"{label}, and in place of its HMAC {name}"
            goes_on = label.startswith(("Accept-Session", "Fetch-Ack", "Stop-Sessions with Accept"))
            flags = _flags(len(before), label) if goes_on else ()
            yield _spoiled(scene, comment, script, len(before), Spoil(WAYS[name]), *flags)


def _zeros(scene: Scene) -> Iterator[Case]:
    """HMACs that begin or end with a zero octet, right and wrong."""
    answer = heard("", scene.answer(0))[0].text
    start = (0xE9000000 << 32).to_bytes(8, "big") + bytes(8)
    for where, octet in (("begins", 0), ("ends", -1)):
        zero = _with_t2(scene, start + answer, octet)
        script: PeerScript = [*zero.asking(0), StartSessions()]
        yield zero.scripted(f"an HMAC that {where} with a zero octet", script, source=_SOURCE)
        flags = ("HmacUnchecked", *(("OctetsComparedAsString",) if octet == 0 else ()))
        for what, way in (("and is wrong", _wrong_in_the_middle), ("in its place zeros", _zero)):
            comment = f"an HMAC that {where} with a zero octet, {what}"
            yield _spoiled(zero, comment, script, 1, Spoil(way), *flags)


def _wrong_in_the_middle(here: Covered) -> bytes:
    return flipped(here.hmac(), 8)


def _zero(_here: Covered) -> bytes:
    return bytes(primitives.HMAC_SIZE)


def _with_t2(scene: Scene, text: bytes, octet: int) -> Scene:
    """A scene with a T2 by which the HMAC of a text has a zero octet."""
    drbg = Drbg(f"T2 for octet {octet}")
    for number in count():
        t2 = drbg.octets(str(number), 32)
        if not primitives.hmac_sha1_128(t2, text)[octet]:
            return scene.with_values(t2=t2)
    raise AssertionError("count() does not end")


def _start(scene: Scene) -> Iterator[Case]:
    """What of Server-Start the first HMAC covers, or depends on."""
    for what, octet in (("Server-IV", 16), ("Start-Time", 32), ("last octet of Server-Start", 47)):
        steps = scene.play(up_to(scene.whole(), 1))
        steps[1] = receive(flipped(steps[1]["octets"], octet))[0]
        comment = f"{what} changed: found out at the first HMAC"
        yield scene.case(comment, steps, "HmacUnchecked", source="RFC 5357 §3.2")
    accept = scene.play([*scene.asking(0), StartSessions()])
    replay = [*accept, accept[-2]]
    comment = "Accept-Session in place of Start-Ack: a replay"
    yield scene.case(comment, replay, source=_SOURCE)

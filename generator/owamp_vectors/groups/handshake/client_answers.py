"""What a client does after each answer of a server: the value of Accept, what is named, when."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from owamp_reference.messages import (
    Accept,
    FetchAck,
    Message,
    RequestSession,
    SessionDescription,
    SkipRange,
    StartAck,
    StartSessions,
    StopSessions,
)

from ...vectors.declaration import Case
from ..changes import nearly_right
from .inputs import STOP_SECTION
from .script import PeerScript, Scene, ScriptPart, fetched, heard, skip_ranges_in_disorder


def refusals(scene: Scene) -> tuple[int, ...]:
    """Values of Accept other than 0, no meaning from 7 on: all in the open mode, else a few."""
    return (1, 6, 255) if scene.is_protected else (1, 2, 3, 4, 5, 6, 7, 255)


def cases(scene: Scene) -> Iterator[Case]:
    """In every mode a few; all of them in the open mode and the encrypted one."""
    yield from _refused(scene, (1,))
    if scene.security not in ("unauthenticated", "encrypted"):
        return
    yield from _refused(scene, refusals(scene)[1:])
    yield from _rooms(scene)
    yield from _unasked(scene)
    yield from _ports(scene)
    yield from _ignored(scene)
    yield from _not_allowed(scene)
    if scene.is_owamp:
        yield from _stops(scene)
        yield from _fetches(scene)
    else:
        yield from _two_way_stops(scene)


def _refused(scene: Scene, values: tuple[int, ...]) -> Iterator[Case]:
    """Each answer with each Accept that refuses, and the next command."""
    for value in values:
        no = heard("", replace(scene.answer(0), accept=value, port=0, sid=bytes(16)))
        script: PeerScript = [scene.request(0), *no, *scene.round(1)]
        comment = f"Accept-Session with Accept {value}, then another request and Stop-Sessions"
        yield scene.scripted(comment, script, "RefusedRequestTaken", source="RFC 4656 §3.5")
        script = [*scene.asking(0), StartSessions(), *heard("", StartAck(value)), scene.request(1)]
        comment = f"Start-Ack with Accept {value}, then another request"
        flag = "GoesOnAfterRefusedStart"
        yield scene.scripted(comment, script, flag, source="RFC 4656 §3.7")
        if scene.is_owamp:
            yield from _refused_fetch(scene, value)


def _refused_fetch(scene: Scene, value: int) -> Iterator[Case]:
    for fields, numbers in (("zeros", (0, 0, 0, 0)), ("other fields set", (1, 2, 3, 4))):
        if fields == "zeros" and value > 1:
            continue
        refusal = heard("", FetchAck(value, *numbers))
        script = [*scene.round(0), scene.fetch_session(), *refusal, *scene.asking(1)]
        comment = f"Fetch-Ack with Accept {value} and {fields}, then a request"
        flag = "WaitsForDataAfterRefusedFetch"
        yield scene.scripted(comment, script, flag, source="RFC 4656 §3.9")


def _rooms(scene: Scene) -> Iterator[Case]:
    """Which sessions are started and stopped, and what is over then."""
    no = heard("", replace(scene.answer(1), accept=3, port=0, sid=bytes(16)))
    refused: list[ScriptPart | Message] = [scene.request(1), *no]
    yield scene.scripted(
        "a request refused between two granted: Stop-Sessions has the two",
        [*scene.asking(0), *refused, *scene.asking(2), *scene.starting(), *scene.stopping(0, 2)],
        "RefusedRequestTaken",
    )
    yield scene.scripted(
        "every request refused, then Start-Sessions: Start-Ack with Accept 1",
        [*refused, StartSessions(), *heard("", StartAck(1)), scene.request(0)],
        "GoesOnAfterRefusedStart",
        source="RFC 4656 §3.7",
    )
    yield scene.scripted(
        "three rounds, each with a session of its own",
        [*scene.round(0), *scene.round(1), *scene.round(2)],
        "StateOfTheRoundBefore",
    )
    yield scene.scripted(
        "Stop-Sessions with Accept 1, then another round",
        [*scene.testing(0), scene.own_stop(0, accept=1), *scene.servers_stop(), *scene.round(2)],
        "StateOfTheRoundBefore",
    )
    yield scene.scripted(
        "told to send Stop-Sessions for a session before it runs",
        [*scene.asking(0), scene.own_stop(0), *scene.starting()],
        source=STOP_SECTION[scene.protocol],
    )
    yield scene.scripted(
        "told to send another request while sessions run",
        [*scene.testing(0), scene.request(2), scene.own_stop(0)],
        "CommandWhileTestingSent",
        source="RFC 4656 §3.4",
    )
    yield scene.scripted(
        "told to send Start-Sessions while sessions run",
        [*scene.testing(0), StartSessions(), scene.own_stop(0)],
        "CommandWhileTestingSent",
        source="RFC 4656 §3.4",
    )


def _unasked(scene: Scene) -> Iterator[Case]:
    accept, ack = heard("", scene.answer(0)), heard("", StartAck(Accept.OK))
    for comment, script in (
        ("Accept-Session that was not asked for", accept),
        ("Start-Ack that was not asked for", [*scene.asking(0), *ack]),
        ("Accept-Session twice", [*scene.asking(0), *accept]),
    ):
        yield scene.scripted(comment, script)


def _ports(scene: Scene) -> Iterator[Case]:
    for port in (0, 1, 40001, 65535):
        answer = heard("", scene.answer(0, port=port))
        source = "RFC 4656 §3.5" if scene.is_owamp else "RFC 5357 §3.5"
        script: PeerScript = [scene.request(0), *answer, *scene.starting()]
        yield scene.scripted(f"Accept-Session with port {port}", script, source=source)


def _ignored(scene: Scene) -> Iterator[Case]:
    """MBZ of each answer; HMAC fields in the open mode."""
    script = scene.whole()
    mbz = {"Accept-Session": (1, 31), "Start-Ack": (1, 15), "Stop-Sessions": (2, 15)}
    mbz["Fetch-Ack"] = (2, 3)
    for name, offsets in mbz.items():
        changed = [
            ScriptPart(item.label, _with_ones(item.text, offsets))
            if isinstance(item, ScriptPart) and item.label.endswith(name)
            else item
            for item in script
        ]
        if changed != script:
            yield scene.scripted(f"MBZ of {name} is ignored", changed, source="RFC 4656 §3.1")
    if not scene.is_protected:
        steps = scene.play(script)
        for step in steps[2:]:
            if step["do"] == "receive":
                step["octets"] = step["octets"][:-16] + b"\xff" * 16
        yield scene.case("HMAC fields are ignored", steps, source="RFC 4656 §3.2")


def _with_ones(text: bytes, offsets: tuple[int, ...]) -> bytes:
    return bytes(0xFF if place in offsets else octet for place, octet in enumerate(text))


def _not_allowed(scene: Scene) -> Iterator[Case]:
    """Requests that a client MUST NOT send as it is told to."""
    request, source = scene.request(0), "RFC 4656 §3.5"
    address = request.sender_address[:4] + b"\x5a" * 12
    changes: list[tuple[str, dict[str, object]]] = [
        ("octets after the IPv4 address of the sender", {"sender_address": address}),
        ("octets after the IPv4 address of the receiver", {"receiver_address": address}),
    ]
    if isinstance(request, RequestSession):
        changes += [
            ("Conf-Receiver 255", {"conf_receiver": 255}),
            ("Conf-Sender 2", {"conf_sender": 2}),
            ("neither Conf-Sender nor Conf-Receiver", {"conf_receiver": 0}),
            ("no schedule slots", {"slots": ()}),
        ]
    else:
        source = "RFC 5357 §3.5"
        changes += [
            ("Conf-Sender 1", {"conf_sender": 1}),
            ("Conf-Receiver 1", {"conf_receiver": 1}),
            ("Number of Schedule Slots 1", {"number_of_slots": 1}),
            ("Number of Packets 10", {"number_of_packets": 10}),
            ("a SID", {"sid": b"\x5a" * 16}),
        ]
    for what, change in changes:
        wrong = replace(request, **change)  # type: ignore[arg-type]
        comment = f"told to send a request with {what}"
        yield scene.scripted(comment, [wrong], "RequestUnchecked", source=source)


def _stops(scene: Scene) -> Iterator[Case]:
    """The server's Stop-Sessions, before and after the client's."""
    testing, own, source = scene.testing(0, 1), scene.own_stop(0, 1), "RFC 4656 §3.8"
    right = SessionDescription(scene.sid(1), 2)
    yield scene.scripted(
        "the server's Stop-Sessions before the client's, then a request",
        [*testing, *scene.servers_stop(0, 1), own, scene.request(2)],
        source=source,
    )
    yield scene.scripted(
        "told to send a request when only the client has sent Stop-Sessions",
        [*testing, own, scene.request(2), *scene.servers_stop(0, 1), scene.request(2)],
        "CommandWhileTestingSent",
        source="RFC 4656 §3.4",
    )
    nearly = nearly_right(scene.sid(1)) if scene.security == "unauthenticated" else ()
    for what, records in (
        ("another SID", (SessionDescription(b"\x5a" * 16, 2),)),
        *((f"a SID {part}", (SessionDescription(sid, 2),)) for part, sid in nearly),
        ("no record", ()),
        ("the record twice", (right, right)),
        ("the client's session beside its own", (right, SessionDescription(scene.sid(0), 2))),
        ("the client's session for its own", (SessionDescription(scene.sid(0), 2),)),
    ):
        stop = scene.servers_stop(0, 1, sessions=records)
        comment = f"the server's Stop-Sessions with {what}"
        script = [*testing, own, *stop, scene.request(2)]
        yield scene.scripted(comment, script, "ServerStopUnchecked", source=source)
    stray = scene.servers_stop(0, sessions=(right,))
    yield scene.scripted(
        "Stop-Sessions for a session that is not the server's",
        [*scene.testing(0), scene.own_stop(0), *stray, scene.request(2)],
        "ServerStopUnchecked",
        source=source,
    )
    for value in refusals(scene):
        stop = scene.servers_stop(0, 1, accept=value)
        comment = f"the server's Stop-Sessions with Accept {value}, then a request"
        yield scene.scripted(comment, [*testing, own, *stop, scene.request(2)], source=source)
    skipped = (SkipRange(0, 0), SkipRange(2, 5))
    stop = scene.servers_stop(0, 1, sessions=(SessionDescription(scene.sid(1), 6, skipped),))
    comment = "the server's Stop-Sessions with two skip ranges, then a request"
    yield scene.scripted(comment, [*testing, own, *stop, scene.request(2)], source=source)
    for what, ranges in skip_ranges_in_disorder():
        record = SessionDescription(scene.sid(1), 6, ranges)
        stop = scene.servers_stop(0, 1, sessions=(record,))
        comment = f"the server's Stop-Sessions whose skip ranges {what}, then a request"
        yield scene.scripted(comment, [*testing, own, *stop, scene.request(2)], source=source)
    ((_, ranges),) = skip_ranges_in_disorder(("are out of order",))
    wrong = StopSessions(0, (SessionDescription(scene.sid(0), 6, ranges),))
    script = [*testing, wrong, *scene.servers_stop(0, 1), scene.request(2)]
    comment = "told to send Stop-Sessions with skip ranges out of order"
    yield scene.scripted(comment, script, "SkipRangesSentAsTold", source=source)
    both = replace(scene.request(0), conf_sender=1)
    asking = [both, *heard("", scene.answer(0)), *scene.starting(), scene.own_stop(0)]
    for what, records in (("with", (SessionDescription(scene.sid(0), 2),)), ("without", ())):
        stop = scene.servers_stop(0, sessions=records)
        comment = f"both Conf bits, and the server's Stop-Sessions {what} a record of the session"
        yield scene.scripted(comment, [*asking, *stop, scene.request(2)], source=source)
    twice = [*testing, *scene.servers_stop(0, 1), *scene.servers_stop(0, 1)]
    yield scene.scripted("the server's Stop-Sessions twice", twice, source=source)


def _two_way_stops(scene: Scene) -> Iterator[Case]:
    source = "RFC 5357 §3.8"
    stop = heard("", scene.own_stop(0))
    script = [*scene.testing(0), *stop]
    yield scene.scripted("Stop-Sessions of a TWAMP server", script, source=source)
    comment = "Stop-Sessions of a TWAMP server, then told to send Stop-Sessions"
    flag = "StopOfTwampServerTaken"
    yield scene.scripted(comment, [*script, scene.own_stop(0)], flag, source=source)
    script = [*scene.testing(0), scene.own_stop(0), scene.request(2), *heard("", scene.answer(2))]
    comment = "a request right after Stop-Sessions, which has no answer"
    yield scene.scripted(comment, [*script, StartSessions()], "WaitsForStop", source=source)


def _fetches(scene: Scene) -> Iterator[Case]:
    """Fetch-Ack and the data."""
    done, source = scene.round(0), "RFC 4656 §3.9"
    none = scene.data(records=0)
    for comment, fetch in (
        ("no records", scene.fetching(none)),
        ("a session that is not finished", scene.fetching(finished=0, next_seqno=0)),
        ("Finished 255", scene.fetching(finished=255)),
        ("Finished 0 and Next Seqno 2", scene.fetching(finished=0)),
        (
            "Finished 0 and a skip range",
            scene.fetching(scene.data(skip_ranges=(SkipRange(0, 0),)), finished=0, next_seqno=0),
        ),
        ("two skip ranges", scene.fetching(scene.data(skip_ranges=_ranges((0, 0), (2, 3))))),
        ("skip ranges that touch", scene.fetching(scene.data(skip_ranges=_ranges((0, 1), (2, 3))))),
    ):
        script = [*done, *fetch, scene.request(2)]
        yield scene.scripted(f"fetched data: {comment}, then a request", script, source=source)
    for comment, ranges in skip_ranges_in_disorder():
        script = [*done, *scene.fetching(scene.data(skip_ranges=ranges))]
        yield scene.scripted(f"fetched skip ranges that {comment}", script, source=source)
    again = [*scene.fetching(), *scene.fetching(), scene.request(2)]
    yield scene.scripted("the same data fetched twice", [*done, *again], source=source)
    yield scene.scripted("data fetched before any request", scene.fetching(), source=source)
    some = replace(scene.fetch_session(), begin_seq=1, end_seq=1)
    ack = heard("", FetchAck(Accept.OK, 1, 2, 0, 1))
    script = [*done, some, *ack, *fetched(scene.data(records=1)), scene.request(2)]
    yield scene.scripted("one record fetched, then a request", script, source=source)


def _ranges(*ends: tuple[int, int]) -> tuple[SkipRange, ...]:
    return tuple(SkipRange(*pair) for pair in ends)

"""What a server does in each state of a connection, with honest octets and with others."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import pairwise

from owamp_reference.messages import (
    FetchSession,
    Message,
    ScheduleSlot,
    SessionDescription,
    StartSessions,
    StopSessions,
    StopTWSessions,
)
from owamp_reference.negotiation import Protocol

from ...vectors.declaration import Case, Group, Json
from ...vectors.drbg import Drbg
from ..changes import nearly_right, replaced
from . import admission, authentication
from .inputs import PROTECTED, STOP_SECTION, make_request
from .script import skip_ranges_in_disorder
from .serving import ALL_PACKETS, SERVER_BEHAVIOUR, Client, grants, securities
from .spoiling import receive, say

__all__ = ["SERVER_BEHAVIOUR", "make_groups"]

_OUR_SID = bytes([198, 51, 100, 1]) + bytes.fromhex("e930000000000000cafef00d")
"""A SID that a client makes."""
_ENDS = [bytes([192, 0, 2, 1]), bytes([198, 51, 100, 1])]
"""The client's address, and the server's."""
_THIRD = bytes([203, 0, 113, 9]).ljust(16, b"\0")
"""A third party's, as a request has it."""
_GO = StartSessions()
_BUSY = "CommandWhileTesting"


def make_groups(drbg: Drbg) -> Iterator[Group]:
    """A group for each protocol."""
    for protocol in Protocol:
        here = drbg.at(SERVER_BEHAVIOUR.name).at(protocol.value)
        for comment, cases in (
            ("who is let in", admission.cases),
            ("authentication of each message", authentication.cases),
            ("commands, sessions and rounds", _cases),
        ):
            found = list(cases(here.at(comment), protocol))
            yield Group(SERVER_BEHAVIOUR, found, {"protocol": protocol.value}, comment)


def _cases(drbg: Drbg, protocol: Protocol) -> Iterator[Case]:
    modes = securities(protocol)

    def protected(label: str) -> Client:
        return Client.make(drbg.at(label), protocol, next(modes))

    in_clear = Client.make(drbg.at("open"), protocol, "unauthenticated")
    for security in PROTECTED[protocol]:
        client = Client.make(drbg.at(security), protocol, security)
        flags = ("ServerHmacWithoutServerStart", "StartTimeInClear")
        aims = (*flags, "HmacOfTheOtherDirection")
        yield client.saying("a whole session", *_session(client), flags=aims)
        comment = "a server that has started at the end of an era of NTP"
        last = {"startTime": b"\xff" * 8}
        yield client.saying(comment, client.ask(), flags=flags, **last, source="RFC 4656 §3.1")
    yield from _ignored(in_clear)
    for label in ("order", "rounds", "rooms", "stops"):
        for client in (in_clear, protected(label)):
            yield from _SUBJECTS[label](client)
    yield from _unknown(in_clear)
    yield from _requests(in_clear)
    yield from _receivers(protected("receivers"))
    for security in (*PROTECTED[protocol], "unauthenticated"):
        yield from _third_party(Client.make(drbg.at(f"third {security}"), protocol, security))
    yield from _pieces(protected("pieces"), in_clear)
    yield from _widths(Client.make(drbg.at("widths"), protocol, "unauthenticated", 7))
    more = _owamp if protocol is Protocol.OWAMP else _twamp
    for client in (in_clear, protected("more")):
        yield from more(client)
    for client in (in_clear, protected("unused")):
        yield from _unused(client)
    yield from _sids(protected("SIDs"))


def _session(client: Client, number: int = 0) -> list[Message]:
    """A whole session, up to the client's Stop-Sessions."""
    return [client.ask(), _GO, client.stop(number)]


def _play(client: Client, *messages: Message | None) -> list[Json]:
    """Steps after an honest set-up; None: the server sends its own Stop-Sessions, of OWAMP."""
    writer, steps = client.writer(), receive(client.response())
    for message in messages:
        if message is not None:
            steps += receive(writer.write(message))
        elif client.protocol is Protocol.OWAMP:
            steps += say(StopSessions(0, ()))
    return steps


def _after_stop(client: Client, *numbers: int) -> list[Message | None]:
    """What tells a server that has taken a wrong Stop-Sessions from one that has not: in OWAMP
    the right one, in TWAMP a request.
    """
    return [None, client.stop(*numbers)] if client.protocol is Protocol.OWAMP else [client.ask()]


def _ignored(client: Client) -> Iterator[Case]:
    ask, go = client.written(client.ask(), _GO)
    hmac = len(ask) - 16
    yield client.after_set_up(
        "HMAC fields are ignored in the open mode",
        [replaced(ask, hmac, b"\xff" * 16), replaced(go, 16, b"\xff" * 16)],
        source="RFC 4656 §3.2",
    )
    pieces = [replaced(ask, 88, b"\xff" * 8), replaced(go, 1, b"\xff" * 15)]
    yield client.after_set_up("MBZ is ignored", pieces, source="RFC 4656 §3.1")


def _order(client: Client) -> Iterator[Case]:
    """Commands at the wrong time."""
    ask, stop = client.ask(), client.stop(0)
    out_of_turn = "RFC 4656 §3.4"
    yield client.saying("start without a session", _GO, source="RFC 4656 §3.7")
    steps = _play(client, _GO, ask, _GO)
    comment = "start without a session, then a request and a start"
    yield client.case(comment, steps, "TestsAfterRefusedStart", source="RFC 4656 §3.7")
    comment = "stop without a start, then a start"
    then = [None, ask] if client.protocol is Protocol.OWAMP else []
    steps = _play(client, ask, stop, _GO, *then)
    yield client.case(comment, steps, "StopWithoutStart", source=STOP_SECTION[client.protocol])
    steps = _play(client, client.stop(), ask)
    yield client.case("stop before anything", steps, source=STOP_SECTION[client.protocol])
    for comment, command in (("a second start", _GO), ("a request", ask)):
        yield client.saying(
            f"{comment} while testing", ask, _GO, command, flags=[_BUSY], source=out_of_turn
        )
        steps = _play(client, ask, _GO, command, stop, None)
        yield client.case(f"{comment} while testing, then the stop", steps, source=out_of_turn)


def _rounds(client: Client) -> Iterator[Case]:
    """A second round on one connection starts afresh."""
    first, second = [*_session(client), None], [*_session(client, 1), None]
    source = "RFC 4656 §3.4"
    flags = ["SessionsKept"]
    if client.protocol is Protocol.OWAMP:
        flags.append("StopFlagsKept")
    steps = _play(client, *first, *second)
    yield client.case("a second round", steps, *flags, source=source)
    steps = _play(client, *first, *second, client.ask(), _GO)
    yield client.case("a second round, and the start of a third", steps, *flags, source=source)
    wrong = {"as well": client.stop(0, 1)}
    if client.protocol is Protocol.OWAMP:
        wrong["alone"] = client.stop(0)
    for which, stop in wrong.items():
        comment = f"a second round whose stop accounts for the first one's session {which}"
        steps = _play(client, *first, client.ask(), _GO, stop, *_after_stop(client, 1))
        yield client.case(comment, steps, "StopUncounted", source=STOP_SECTION[client.protocol])
    comment = "a second round starts without a request"
    yield client.case(comment, _play(client, *first, _GO), source="RFC 4656 §3.7")
    if client.protocol is Protocol.OWAMP:
        comment = "a request of a second round before the server's Stop-Sessions"
        steps = _play(client, *first[:-1], client.ask())
        yield client.case(comment, steps, _BUSY, source=source)
        comment = "a second Stop-Sessions before the server's"
        steps = _play(client, *first[:-1], client.stop(0))
        yield client.case(comment, steps, source="RFC 4656 §3.8")


def _rooms(client: Client) -> Iterator[Case]:
    """Several sessions on one connection."""
    three = [client.ask()] * 3
    source = STOP_SECTION[client.protocol]
    is_owamp = client.protocol is Protocol.OWAMP
    steps = _play(client, *three, _GO, client.stop(0, 1, 2), None, client.ask())
    yield client.case("three sessions", steps, source=source)
    for number in () if is_owamp else (2, 4, 3 + 2**8, 3 + 2**16, 2**32 - 1):
        steps = _play(client, *three, _GO, StopTWSessions(0, number), client.ask())
        comment = f"Stop-Sessions for {number} of three sessions"
        yield client.case(comment, steps, "StopUncounted", source=source)
    second_refused = grants(client.protocol, 4)
    second_refused[1] = {"accept": 5, "port": 0}
    given = {"policy": second_refused}
    after = client.ask()
    steps = _play(client, *three, _GO, client.stop(0, 1), None, after)
    comment = "the second of three requests is refused, the stop accounts for two"
    yield client.case(comment, steps, "RefusedCounted", **given, source=source)
    steps = _play(client, *three, _GO, client.stop(0, 1, 2), *_after_stop(client, 0, 1))
    comment = "the second of three requests is refused, the stop accounts for three"
    yield client.case(comment, steps, "StopUncounted", **given, source=source)
    for accept in (4, 1):
        refused = [{"accept": accept, "port": 0}]
        comment = f"the one request is refused with Accept {accept}, and sessions are started"
        yield client.saying(comment, client.ask(), _GO, policy=refused, source="RFC 4656 §3.5")
    if not is_owamp:
        return
    comment = "three sessions, the records of the stop in another order"
    steps = _play(client, *three, _GO, client.stop(2, 0, 1), None, after)
    yield client.case(comment, steps, "StopInOrder", source=source)
    for comment, numbers in (
        ("one twice and one missing", (0, 0, 2)),
        ("one twice", (0, 1, 2, 2)),
        ("one missing", (0, 2)),
        ("one that was not started", (0, 1, 2, 3)),
    ):
        steps = _play(client, *three, _GO, client.stop(*numbers), *_after_stop(client, 0, 1, 2))
        aims = {"one twice": "StopAsSet", "one twice and one missing": "StopCountOnly"}
        flags = [flag for flag in ("StopUncounted", aims.get(comment)) if flag]
        yield client.case(f"three sessions in the stop: {comment}", steps, *flags, source=source)


def _stops(client: Client) -> Iterator[Case]:
    """Stop-Sessions that does not account for the sessions, and one of a failure."""
    source = "RFC 4656 §3.8"
    ask, after = client.ask(), client.ask()
    flags = ("StopUncounted",)
    steps = _play(client, ask, _GO, client.stop(), *_after_stop(client, 0))
    yield client.case("Stop-Sessions that leaves a session out", steps, *flags, source=source)
    for accept in (1, 2, 255):
        steps = _play(client, ask, _GO, client.stop(0, accept=accept), None, after)
        yield client.case(f"Stop-Sessions with Accept {accept}", steps, source=source)
    if client.protocol is Protocol.TWAMP:
        for number in (2, 0, 1 + 2**8, 1 + 2**16, 2**32 - 1):
            steps = _play(client, ask, _GO, StopTWSessions(0, number), after)
            comment = f"Stop-Sessions for {number} of one session"
            yield client.case(comment, steps, *flags, source="RFC 5357 §3.8")
        return
    for accept in (0, 1):
        stop = client.stop(0, accept=accept)
        steps = _play(client, ask, _GO, stop, None, ALL_PACKETS)
        comment = f"Fetch-Session after a stop with Accept {accept}: there are no results"
        yield client.case(comment, steps, source="RFC 4656 §3.9")
    steps = _play(client, ask, _GO, None, client.stop(0), after)
    yield client.case("the server stops first", steps, source=source)
    steps = _play(client, ask, _GO, None, after)
    comment = "the server has stopped and the client has not: a request"
    yield client.case(comment, steps, _BUSY, source="RFC 4656 §3.4")
    aims = ("StopUncounted", "StopCountOnly")
    right = client.values["sids"][0]
    parts = nearly_right(right) if client.security == "unauthenticated" else ()
    nearly = ((f"a SID {part}", sid) for part, sid in parts)
    for what, sid in (("another SID", b"\x5a" * 16), *nearly):
        other = StopSessions(0, (SessionDescription(sid, 10),))
        steps = _play(client, ask, _GO, other, *_after_stop(client, 0))
        yield client.case(f"Stop-Sessions with {what}", steps, *aims, source=source)
    for what, ranges in skip_ranges_in_disorder():
        sid = client.values["sids"][0]
        stop = StopSessions(0, (SessionDescription(sid, 10, ranges),))
        steps = _play(client, ask, _GO, stop, None)
        comment = f"Stop-Sessions whose skip ranges {what}, then the server's own"
        yield client.case(comment, steps, source=source)


def _unused(client: Client) -> Iterator[Case]:
    """Fields that the RFCs call unused, filled with another octet than zero."""
    here = client.changed(unused=b"\x5a")
    for accept in (1, 4):
        refused = [{"accept": accept, "port": 0}]
        comment = f"a request that is refused with Accept {accept}, unused octets are 5a"
        flags = ["RefusalWithPort"] if client.protocol is Protocol.TWAMP else []
        yield here.saying(comment, here.ask(), flags=flags, policy=refused, source=_UNUSED)
    yield here.saying("a start without a session, unused octets are 5a", _GO, source=_UNUSED)
    ask = here.ask(ipvn=5)
    yield here.saying("IPVN 5, unused octets are 5a", ask, source=_UNUSED)
    if client.protocol is Protocol.OWAMP:
        both = here.ask(conf_sender=1)
        comment = "both Conf-Sender and Conf-Receiver, unused octets are 5a"
        yield here.saying(comment, both, source=_UNUSED)
        comment = "a client names the SID, unused octets are 5a"
        yield here.saying(comment, here.sent_by_server(_OUR_SID), _GO, source=_UNUSED)


_UNUSED = "RFC 4656 §3.5; RFC 5357 §3.5"


def _sids(client: Client) -> Iterator[Case]:
    """The source of SIDs gives one again: the server makes another (RFC 4656 §3.5)."""
    source, flag = "RFC 4656 §3.5", "SidGivenTwice"
    first, second, *_ = client.values["sids"]
    again = [first, first, second]
    two = [client.ask()] * 2
    comment = "the source of SIDs gives one twice: two sessions, two SIDs"
    yield client.saying(comment, *two, flags=[flag], sids=again, source=source)
    steps = _play(client, *_session(client), None, client.ask())
    comment = "the source of SIDs gives that of the round before"
    yield client.case(comment, steps, flag, sids=again, source=source)
    if client.protocol is Protocol.OWAMP:
        named = client.sent_by_server(first)
        comment = "the source of SIDs gives one that the client has named"
        yield client.saying(comment, named, client.ask(), flags=[flag], sids=again, source=source)


_SUBJECTS = {"order": _order, "rounds": _rounds, "rooms": _rooms, "stops": _stops}


def _unknown(client: Client) -> Iterator[Case]:
    """Commands that there are not, while ready and while testing."""
    is_owamp = client.protocol is Protocol.OWAMP
    source = "RFC 4656 §3.4" if is_owamp else "RFC 5357 §3.5"
    numbers = (0, 6, 255, 5) if is_owamp else (0, 6, 255, 1, 4)
    sessions = client.written(client.ask(), _GO)
    for number in numbers:
        octets = bytes([number]).ljust(32, b"\0")
        flags = () if is_owamp or number in (0, 6, 4) else ("UnexpectedCommandUnanswered",)
        yield client.after_set_up(f"command {number}", [octets], *flags, source=source)
        comment = f"command {number} while testing"
        yield client.after_set_up(comment, [*sessions, octets], *flags, source=source)
    if not is_owamp:
        comment = "command 255, then a request"
        text = [bytes([255]).ljust(16, b"\0")]
        yield client.saying(comment, text, client.ask(), source=source)


def _requests(client: Client) -> Iterator[Case]:
    """Requests of either protocol with unusual values, each alone."""
    is_owamp = client.protocol is Protocol.OWAMP
    source = "RFC 4656 §3.5"
    for version in (0, 5, 15):
        yield client.saying(f"IPVN {version}", client.ask(ipvn=version), source=source)
    ipv6 = make_request(client.protocol, ipv6=True)
    yield client.saying("IPv6", ipv6, source=source)
    for comment, type_p in (
        ("a PHB ID", 0x40000000 | 0x2E << 14),
        ("first bits 10", 0x80000000),
        ("first bits 11", 0xC0000000),
    ):
        text = f"Type-P Descriptor with {comment}"
        yield client.saying(text, client.ask(type_p=type_p), source=source)
    yield client.saying("Type-P Descriptor with a DSCP", client.ask(type_p=0x2E000000))
    for name, value in (
        ("start_time", 0),
        ("start_time", 1 << 32),
        ("start_time", 2**64 - 1),
        ("timeout", 0),
        ("padding_length", 255),
        ("padding_length", 256),
        ("padding_length", 2**16),
    ):
        comment = f"{_label(client, name)} {value:#x}"
        yield client.saying(comment, client.ask(**{name: value}), source=source)
    port = "sender_port" if is_owamp else "receiver_port"
    yield client.saying(
        f"{_label(client, port)} 0, of which the server is told",
        client.ask(**{port: 0}),
        source=source,
    )
    limits = [{"accept": 4, "port": 0}]
    comment = "a request beyond the server's limits"
    yield client.saying(comment, client.ask(padding_length=2**32 - 1), policy=limits, source=source)
    if is_owamp:
        comment = "Receiver Port 0, which the server chooses"
        yield client.saying(comment, client.ask(receiver_port=0), source=source)
        slots = (ScheduleSlot(0, 0), ScheduleSlot(1, 0))
        yield client.saying("slots with parameter 0", client.ask(slots=slots))
        many = client.ask(number_of_packets=2**32 - 1)
        comment = "2^32-1 packets, beyond the server's limits"
        yield client.saying(comment, many, policy=limits, source=source)
        comment = "Number of Packets 0"
        yield client.saying(comment, client.ask(number_of_packets=0), source=source)


def _label(client: Client, name: str) -> str:
    """What the RFC calls a field of the request."""
    return next(field.label for field in client.ask().LAYOUT.fields if field.name == name)


def _receivers(client: Client) -> Iterator[Case]:
    """To whom test packets may go: to the client and to the server (RFC 4656 §6.2)."""
    ends = known = _ENDS
    source = "RFC 4656 §6.2"
    flag = "ThirdPartyTakenForReceiver"
    third = _THIRD
    near = bytes([198, 51, 100, 2]).ljust(16, b"\0")
    for comment, address, flags in (
        ("the server's", ends[1].ljust(16, b"\0"), ()),
        ("the client's", ends[0].ljust(16, b"\0"), ()),
        ("a third party's", third, (flag,)),
        ("a third party's, near the server's", near, (flag,)),
    ):
        ask = client.ask(receiver_address=address)
        text = f"Receiver Address is {comment}"
        yield client.saying(text, ask, flags=flags, receivers=known, source=source)
    for comment, last, flags in (("the server's", 2, ()), ("a third party's", 9, (flag,))):
        ask = replace(make_request(client.protocol, ipv6=True), receiver_address=_ipv6(last))
        text = f"Receiver Address, of IPv6, is {comment}"
        yield client.saying(text, ask, flags=flags, receivers=[_ipv6(2)], source=source)
    ask = client.ask(receiver_address=third)
    comment = "Receiver Address is a third party's, and the server is configured to allow it"
    yield client.saying(comment, ask, source=source)
    for name in ("sender_address", "receiver_address"):
        address = ends[name == "receiver_address"] + b"\xa5" * 12
        comment = f"the 12 octets after an IPv4 address are ignored: {_label(client, name)}"
        flags = ("AddressTailCompared",) if name == "receiver_address" else ()
        ask = client.ask(**{name: address})
        yield client.saying(comment, ask, flags=flags, receivers=known, source="RFC 4656 §3.5")
    both = {"sender_address": ends[0] + b"\1" * 12, "receiver_address": ends[1] + b"\1" * 12}
    comment = "the 12 octets after both IPv4 addresses are ignored"
    flags = ("AddressTailCompared",)
    ask = client.ask(**both)
    yield client.saying(comment, ask, flags=flags, receivers=known, source="RFC 4656 §3.5")
    yield from _other_receivers(client, flag)
    none = client.ask(sender_address=bytes(16), receiver_address=bytes(16))
    if client.protocol is Protocol.TWAMP:
        comment = "both addresses zero: those of the control connection"
        yield client.saying(comment, none, receivers=known, source="RFC 5357 §3.5")
    else:
        comment = "both addresses zero, which only in TWAMP are those of the connection"
        yield client.saying(comment, none, flags=(flag,), receivers=known, source=source)


def _other_receivers(client: Client, flag: str) -> Iterator[Case]:
    """A third party in the second request, where the server sends, and of the other family."""
    known, third, source = _ENDS, _THIRD, "RFC 4656 §6.2"
    comment = "Receiver Address is a third party's, in a second request"
    asks = client.ask(), client.ask(receiver_address=third)
    yield client.saying(comment, *asks, flags=(flag,), receivers=known, source=source)
    if client.protocol is Protocol.OWAMP:
        for comment, changes in (
            ("and the server sends", {"conf_sender": 1, "conf_receiver": 0, "sid": _OUR_SID}),
            ("and both ends are configured", {"conf_sender": 1}),
        ):
            text = f"Receiver Address is a third party's, {comment}"
            ask = client.ask(receiver_address=third, **changes)
            yield client.saying(text, ask, flags=(flag,), receivers=known, source=source)
    mixed = "AddressOfOtherFamily"
    ipv4 = client.ask(receiver_address=_ipv6(2)[:4].ljust(16, b"\0"))
    comment = "Receiver Address, of IPv4, has the first octets of an address of IPv6 that is known"
    yield client.saying(comment, ipv4, flags=(mixed,), receivers=[_ipv6(2)], source=source)
    address = known[1].ljust(16, b"\0")
    ask = replace(make_request(client.protocol, ipv6=True), receiver_address=address)
    comment = "Receiver Address, of IPv6, has the octets of an address of IPv4 that is known"
    yield client.saying(comment, ask, flags=(mixed,), receivers=known, source=source)


def _third_party(client: Client) -> Iterator[Case]:
    """Test packets to a third party, in every mode."""
    ask, known = client.ask(receiver_address=_THIRD), _ENDS
    comment, flags = "a request for a third party", ["ThirdPartyTakenForReceiver"]
    yield client.saying(comment, ask, flags=flags, receivers=known, source="RFC 4656 §6.2")


def _ipv6(last: int) -> bytes:
    return bytes.fromhex("20010db8").ljust(15, b"\0") + bytes([last])


def _cut(octets: bytes, *places: int) -> list[bytes]:
    """Octets in pieces that end at these places."""
    ends = pairwise([0, *places, len(octets)])
    return [octets[start:end] for start, end in ends]


def _pieces(client: Client, in_clear: Client) -> Iterator[Case]:
    """TCP has no message borders (RFC 4656 §2)."""
    source = "RFC 4656 §2"
    flags = ("PieceIsMessage",)
    response, rest = client.response(), client.written(*_session(client))
    whole = response + b"".join(rest)
    every = _cut(whole, *range(1, len(whole)))
    yield client.case("one octet at a time", receive(*every), *flags, source=source)
    for here in (client, in_clear):
        response, ask = here.response(), here.written(client.ask())[0]
        for place in (2, 4, 83, 84, 100, 148, 163) if here.is_protected else (2,):
            steps = receive(*_cut(response, place), ask)
            comment = f"Set-Up-Response cut after {place} octets"
            yield here.case(comment, steps, *flags, source=source)
    yield client.case("half a Set-Up-Response", receive(response[:82]), source=source)
    cuts: list[tuple[str, int, Iterable[int]]] = [("the stop", 2, (15, 16, 31))]
    cuts.append(("the request", 0, (1, 15, 16, 17, 95, 96, 97, 111)))
    if client.protocol is Protocol.OWAMP:
        cuts.append(("the request", 0, (112, 113, 127, 128, 143)))
        cuts.append(("the stop", 2, (40, 47, 48, 63)))
    for name, number, places in cuts:
        for place in places:
            pieces = [*rest[:number], *_cut(rest[number], place), *rest[number + 1 :]]
            comment = f"{name} cut after {place} octets"
            yield client.after_set_up(comment, pieces, *flags, source=source)
    ask = in_clear.written(client.ask())[0]
    for place in (1, 16, 95):
        comment = f"the request cut after {place} octets"
        yield in_clear.after_set_up(comment, _cut(ask, place), *flags, source=source)
    if client.protocol is Protocol.OWAMP:
        fetch = client.written(ALL_PACKETS)[0]
        for place in (16, 31, 32, 47):
            comment = f"Fetch-Session cut after {place} octets"
            yield client.after_set_up(comment, _cut(fetch, place), *flags, source=source)
    for here in (client, in_clear):
        yield from _joined(here)


def _joined(client: Client) -> Iterator[Case]:
    """Several messages in one piece."""
    source, flags = "RFC 4656 §2", ("RestOfPieceLost",)
    ask, go, stop, again = client.written(*_session(client), client.ask())
    is_owamp = client.protocol is Protocol.OWAMP
    joined = [client.response() + ask + go]
    comment = "Set-Up-Response, request and start in one piece"
    yield client.case(comment, receive(*joined), *flags, source=source)
    two = client.written(client.ask(), client.ask())
    comment = "two requests in one piece"
    yield client.after_set_up(comment, [b"".join(two)], *flags, source=source)
    steps = receive(client.response(), ask, go + stop)
    comment = "start and stop in one piece"
    steps += say(StopSessions(0, ())) if is_owamp else []
    yield client.case(comment, [*steps, *receive(again)], *flags, source=source)
    half = receive(client.response(), ask + go[:9], go[9:])
    comment = "a request and a part of the start in one piece"
    yield client.case(comment, half, *flags, source=source)
    if not is_owamp:
        steps = receive(client.response(), ask, go, stop + again)
        yield client.case("stop and request in one piece", steps, *flags, source=source)
        return
    fetch, ask, more = client.written(ALL_PACKETS, client.ask(), ALL_PACKETS)
    behind = "CommandBehindFetchRefused"
    for comment, piece in (
        ("Fetch-Session and a request in one piece", fetch + ask),
        ("Fetch-Session, a request and Fetch-Session in one piece", fetch + ask + more),
    ):
        yield client.after_set_up(comment, [piece], behind, *flags, source=source)
    comment = "Fetch-Session and a part of a request in one piece"
    yield client.after_set_up(comment, [fetch + ask[:20], ask[20:]], behind, source=source)


def _widths(client: Client) -> Iterator[Case]:
    """Numbers that only fit into 32 bits, and limits."""
    if client.protocol is Protocol.TWAMP:
        return
    source = "RFC 4656 §3.5, §6.5"
    ask = client.written(client.ask())[0]
    for comment, number, octets in (
        ("2^32-1 schedule slots announced", 2**32 - 1, ask[:112]),
        ("2^28 schedule slots announced, none given", 2**28, ask[:112]),
        ("2^28+1 schedule slots announced, one given", 2**28 + 1, ask),
        ("2^31+1 schedule slots announced, one given", 2**31 + 1, ask),
    ):
        changed = replaced(octets, 4, number.to_bytes(4, "big"))
        flags = ("SlotsSizeWraps",) if number % 2**28 == 1 else ()
        yield client.after_set_up(comment, [changed], *flags, source=source)
    for number in (2**8 + 1, 2**16 + 1):
        changed = replaced(ask, 4, number.to_bytes(4, "big"))
        comment = f"{number} schedule slots announced, one given: the server waits"
        limit = {"messageLimit": 2**21}
        yield client.after_set_up(comment, [changed], **limit, source="RFC 4656 §3.5")
    for number in (255, 256, 257):
        slots = tuple(ScheduleSlot(1, 2**20 + slot) for slot in range(number))
        yield client.saying(f"{number} schedule slots", client.ask(slots=slots), _GO)
    stops = client.written(client.ask(), _GO, client.stop(0))
    for comment, offset in (("2^32-1 sessions", 4), ("2^29 skip ranges", 36)):
        value = 2**32 - 1 if offset == 4 else 2**29
        pieces = [*stops[:2], replaced(stops[2], offset, value.to_bytes(4, "big"))]
        if offset == 36:
            pieces[-1] = pieces[-1][:48]
        text = f"{comment} announced in the stop"
        yield client.after_set_up(text, pieces, source="RFC 4656 §3.8, §6.5")
    for number, size in ((11, 176), (12, 176), (13, 192)):
        many = tuple(ScheduleSlot(1, 2**20) for _ in range(number))
        comment = f"a message limit of {size} octets, {16 * number} of slots"
        ask_many = client.ask(slots=many)
        yield client.saying(comment, ask_many, messageLimit=size, source="RFC 4656 §6.5")
    comment = "a message limit of 176 octets, 192 of slots, and another request"
    asks = [ask_many, client.ask()]
    yield client.saying(comment, *asks, messageLimit=176, source="RFC 4656 §6.5")
    asks = [client.ask()] * 6
    for size in (208, 207):
        steps = _play(client, *asks, _GO, client.stop(*range(6)))
        comment = f"a message limit of {size} octets, a stop of 208, in records of 32"
        yield client.case(comment, steps, messageLimit=size, source="RFC 4656 §6.5")


def _owamp(client: Client) -> Iterator[Case]:
    """What only OWAMP has: who configures which end, and who makes the SID; Fetch-Session."""
    source = "RFC 4656 §3.5"
    from_server = client.sent_by_server(_OUR_SID)
    both = client.ask(conf_sender=1)
    yield client.saying("neither Conf-Sender nor Conf-Receiver", client.ask(conf_receiver=0))
    for number in (2, 128, 255):
        ask = client.ask(conf_receiver=number)
        flags = ["ConfNotOne"]
        yield client.saying(f"Conf-Receiver {number} counts as 1", ask, _GO, flags=flags)
        ask = client.sent_by_server(_OUR_SID, conf_sender=number)
        yield client.saying(f"Conf-Sender {number} counts as 1", ask, _GO, flags=flags)
    slot = ScheduleSlot(2, 2**31)
    ask = client.ask(slots=(slot,))
    yield client.saying(
        "a slot of type 2", ask, flags=["SlotTypeUnchecked"], source="RFC 4656 §3.6"
    )
    ask = client.ask(slots=(ScheduleSlot(0, 2**31), slot))
    comment = "a slot of type 2 after one of type 0"
    yield client.saying(comment, ask, flags=["SlotTypeUnchecked"], source="RFC 4656 §3.6")
    yield client.saying("no schedule slots", client.ask(slots=()), source=source)
    yield client.saying("the server sends", from_server, _GO, client.stop(), source=source)
    own = say(StopSessions(0, (SessionDescription(_OUR_SID, 10),)))
    steps = _play(client, from_server, _GO, client.stop())
    steps += own + _play(client, from_server, _GO, client.stop(), client.ask())[4:]
    comment = "the server sends and stops"
    yield client.case(comment, steps, source="RFC 4656 §3.8")
    ((_, ranges),) = skip_ranges_in_disorder(("are out of order",))
    wrong = say(StopSessions(0, (SessionDescription(_OUR_SID, 10, ranges),)))
    steps = _play(client, from_server, _GO, client.stop()) + wrong
    comment = "the server sends, and is told to stop with skip ranges out of order"
    yield client.case(comment, steps, "SkipRangesSentAsTold", source="RFC 4656 §3.8")
    steps = _play(client, from_server, client.ask(), _GO, client.stop(0))
    steps += own + _play(client, from_server, client.ask(), _GO, client.stop(0), client.ask())[5:]
    comment = "the server sends in one session, the client in another"
    yield client.case(comment, steps, source="RFC 4656 §3.8")
    for name, sid in (("that it has named", _OUR_SID), ("of zeros", bytes(16))):
        asks = [client.sent_by_server(sid)] * (1 if name == "of zeros" else 2)
        yield client.saying(f"a client names a SID {name}", *asks, source=source)
    taken = client.sent_by_server(client.values["sids"][0])
    comment = "a client names a SID that the server has made"
    yield client.saying(comment, client.ask(), taken, source=source)
    yield client.saying("both Conf-Sender and Conf-Receiver", both, source=source)
    for numbers in ((), (0,)):
        own = say(StopSessions(0, (SessionDescription(client.values["sids"][0], 10),)))
        steps = _play(client, both, _GO, client.stop(*numbers))
        steps += own + _play(client, both, _GO, client.stop(*numbers), client.ask())[4:]
        comment = f"both Conf-Sender and Conf-Receiver, {len(numbers)} records in the client's stop"
        yield client.case(comment, steps, source="RFC 4656 §3.8")
    for comment, fetch in (
        ("of a SID of zeros", ALL_PACKETS),
        ("of an unknown SID", FetchSession(0, 2**32 - 1, b"\x5a" * 16)),
        ("of some packets", FetchSession(3, 9, b"\x5a" * 16)),
        ("that ends before it begins", FetchSession(9, 3, b"\x5a" * 16)),
    ):
        text = f"Fetch-Session {comment}: there are no results"
        flags = ["RefusedFetchWithFields"]
        yield client.saying(text, fetch, flags=flags, source="RFC 4656 §3.9")
    fetch = FetchSession(0, 9, bytes(16))
    comment = "Fetch-Session while testing"
    yield client.saying(comment, client.ask(), _GO, fetch, source="RFC 4656 §3.4, §3.9")


def _twamp(client: Client) -> Iterator[Case]:
    """What TWAMP has otherwise: a request with zeros, and the port that the client names."""
    source = "RFC 5357 §3.5"
    for name, value in (
        ("conf_sender", 1),
        ("conf_sender", 255),
        ("conf_receiver", 1),
        ("conf_receiver", 128),
        ("number_of_slots", 1),
        ("number_of_slots", 2**28),
        ("number_of_packets", 1),
        ("sid", bytes(15) + b"\1"),
    ):
        told = int.from_bytes(value, "big") if isinstance(value, bytes) else value
        flags = ["TwConfUnchecked", "TwConfAsFailure"] if name.startswith("conf") else []
        comment = f"{_label(client, name)} {told}"
        yield client.saying(comment, client.ask(**{name: value}), flags=flags, source=source)
    comment = "the port is not available, another is suggested"
    other = [{"accept": 0, "port": 20100}]
    flags = ["PortOfTheRequest"]
    yield client.saying(comment, client.ask(), flags=flags, policy=other, source=source)
    for accept in (2, 3, 4, 5):
        refused = [{"accept": accept, "port": 0}]
        comment = f"a request that is refused with Accept {accept}: Port is zero"
        flags = ["RefusalWithPort"]
        yield client.saying(comment, client.ask(), flags=flags, policy=refused, source=source)

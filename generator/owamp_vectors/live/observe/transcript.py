"""A report on a connection as what was heard on it, for theories to be held against."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from owamp_reference.messages import ServerGreeting, SetUpResponse
from owamp_reference.negotiation import Credentials
from owamp_reference.packets import ReflectorPacket, SenderPacket

from ...theory.heard import End, HeardConnection, HeardMessage, HeardPacket
from .captured import ConnectionReport
from .sessions import ObservedSession
from .steps import Step, Who

_NO_MESSAGES = ("end", "Challenge", "capture")
"""Steps with which no octets came."""


def transcripts(
    reports: Iterable[ConnectionReport], credentials: Iterable[Credentials], max_count: int
) -> list[HeardConnection]:
    """What was heard on each connection.

    Args:
        credentials, max_count: as the reports were made with.
    """
    known = tuple(credentials)
    return [_connection(n, one, known, max_count) for n, one in enumerate(reports, 1)]


def _connection(
    number: int, report: ConnectionReport, credentials: Sequence[Credentials], max_count: int
) -> HeardConnection:
    observer = report.observer
    found, unknown = _credentials(report, credentials, max_count)
    return HeardConnection(
        number,
        report.client[0],
        report.server[0],
        report.protocol,
        observer.mode,
        found,
        unknown,
        observer.control_keys,
        tuple(item.session for item in observer.sessions),
        tuple(_items(report)),
    )


def _credentials(
    report: ConnectionReport, credentials: Sequence[Credentials], max_count: int
) -> tuple[Credentials | None, str]:
    """The secret that the client names, or why it cannot be used."""
    octets = {step.name: step.octets for step in reversed(report.steps) if step.octets}
    titles = ServerGreeting.LAYOUT.title, SetUpResponse.LAYOUT.title
    mode = report.observer.mode
    if any(title not in octets for title in titles):
        return None, "the beginning of the connection was not captured"
    if mode is None or not mode.is_protected:
        return None, "" if mode is not None else "the client chose no mode that it may choose"
    greeting = ServerGreeting.parse(octets[titles[0]])
    if not 1 <= greeting.count <= max_count:
        return None, f"Count is {greeting.count}, and the limit {max_count}"
    name = mode.secret_name(SetUpResponse.parse(octets[titles[1]]).key_id)
    found = next((item for item in credentials if item.name == name), None)
    return found, "" if found else "the shared secret is not given"


def _items(report: ConnectionReport) -> Iterator[HeardMessage | HeardPacket]:
    senders: dict[tuple[bytes, int], bytes] = {}
    observed = {id(item.session): item for item in report.observer.sessions}
    for step, packet in zip(report.steps, report.packets, strict=True):
        if step.name in _NO_MESSAGES:
            continue
        if step.who in (Who.CLIENT, Who.SERVER, Who.CONNECTION):
            end: End = "server" if step.who is Who.SERVER else "client"
            text = b"".join(part.octets for part in step.parts)
            yield HeardMessage(packet, step.name, end, step.octets, text, step.units)
        else:
            yield _packet(step, packet, observed.get(id(step.tested)), senders)


def _packet(
    step: Step,
    packet: int,
    observed: ObservedSession | None,
    senders: dict[tuple[bytes, int], bytes],
) -> HeardPacket:
    """A test packet; the sender's are kept by SID and number, for the answers to them."""
    if observed is None:
        unknown = "it belongs to no session that was heard to be accepted"
        return HeardPacket(packet, step.name, "client", step.octets, unknown=unknown)
    session, is_answer = observed.session, step.who is Who.REFLECTOR
    kind = ReflectorPacket if is_answer else SenderPacket
    end: End = "client" if observed.sends_from_client is not is_answer else "server"
    octets = step.octets[: kind.header_size(session.mode)]
    layout, text = step.parts[0].layout, step.parts[0].octets
    values = {} if layout is None else layout.unpack(text)
    unknown = f"its layout, with {observed.unchecked}" if observed.unchecked else ""
    if not is_answer:
        senders[session.sid, values.get("sequence_number", -1)] = octets
        return HeardPacket(packet, step.name, end, octets, session, unknown)
    answered = senders.get((session.sid, values.get("sender_sequence_number", -1)))
    ttl = values.get("sender_ttl", 0)
    if answered is None:
        unknown = unknown or "the packet that it answers is not in the capture"
    return HeardPacket(packet, step.name, end, octets, session, unknown, True, answered, ttl)

"""The layouts of O/TWAMP's messages and test packets, as theories name them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from owamp_reference import messages, packets, primitives
from owamp_reference.layout import Layout
from owamp_reference.packets import ReflectorPacket, SenderPacket

from ...groups import roles
from ...groups.participants import TTL
from ...groups.roles import HMAC, NUMBER, OWN_TIME, TIME, Type
from ..rows import Shape, Span, base, spans

GREETING = messages.ServerGreeting.LAYOUT
RESPONSE = messages.SetUpResponse.LAYOUT
REQUEST = messages.RequestTWSession.LAYOUT
ACCEPT = messages.AcceptSession.LAYOUT
SENDER = SenderPacket.PROTECTED_LAYOUT
REFLECTOR = ReflectorPacket.PROTECTED_LAYOUT
_START = messages.ServerStart.LAYOUT

_SENDER_SPANS = spans(
    SENDER,
    ("number", NUMBER, "sequence_number", "sequence_number"),
    ("time", TIME, "timestamp", "error_estimate"),
)
_REFLECTOR_SPANS = spans(
    REFLECTOR,
    ("own", NUMBER, "sequence_number", "sequence_number"),
    ("own_time", OWN_TIME, "timestamp", "receive_timestamp"),
    ("number", NUMBER, "sender_sequence_number", "sender_sequence_number"),
    ("time", TIME, "sender_timestamp", "sender_error_estimate"),
)
_ENCRYPTED = Type("encrypted block", 16)


def _protected(whole: tuple[Span, ...], size: int) -> tuple[Span, ...]:
    """The spans of a packet in the authenticated mode: its first block encrypted, an HMAC after."""
    first, *rest = whole
    encrypted = Span(first.name, _ENCRYPTED, first.offset, first.size)
    return (encrypted, *rest, Span("hmac", HMAC, size, primitives.HMAC_SIZE))


SHAPES = (
    Shape(
        "Server-Greeting",
        messages.ServerGreeting,
        spans(
            GREETING,
            ("modes", roles.MODES, "modes", "modes"),
            ("challenge", roles.CHALLENGE, "challenge", "challenge"),
            ("salt", roles.SALT, "salt", "salt"),
            ("count", roles.COUNT, "count", "count"),
        ),
        base(GREETING),
        "Unused and MBZ zero",
    ),
    Shape(
        "Set-Up-Response",
        messages.SetUpResponse,
        spans(
            RESPONSE,
            ("mode", roles.MODE, "mode", "mode"),
            ("key_id", roles.KEY_ID, "key_id", "key_id"),
            ("token", roles.TOKEN, "token", "token"),
            ("client_iv", roles.CLIENT_IV, "client_iv", "client_iv"),
        ),
        base(RESPONSE),
        "nothing",
    ),
    Shape(
        "Server-Start",
        messages.ServerStart,
        spans(
            _START,
            ("accept", roles.ACCEPT, "accept", "accept"),
            ("server_iv", roles.SERVER_IV, "server_iv", "server_iv"),
            ("start_time", Type("encrypted Start-Time", 16), "start_time", "start_time"),
        ),
        base(_START),
        "MBZ zero",
    ),
    Shape(
        "Request-TW-Session",
        messages.RequestTWSession,
        (Span("parameters", roles.PARAMETERS, 1, REQUEST.size - 1),),
        base(REQUEST),
        "the command number 5",
    ),
    Shape(
        "Accept-Session",
        messages.AcceptSession,
        spans(ACCEPT, ("port", roles.PORT, "port", "port"), ("sid", roles.SID, "sid", "sid")),
        base(ACCEPT),
        "Accept 0, MBZ zero",
    ),
    Shape("Sender-Packet", SenderPacket, _SENDER_SPANS, base(SENDER), "no padding"),
    Shape(
        "Reflector-Packet",
        ReflectorPacket,
        _REFLECTOR_SPANS,
        base(REFLECTOR, sender_ttl=TTL),
        f"Sender TTL {TTL}, no padding",
    ),
    Shape(
        "sender's packet, authenticated",
        packets.seal_packet,
        _protected(_SENDER_SPANS, SENDER.size),
        base(SENDER) + bytes(primitives.HMAC_SIZE),
        "no padding",
        heads=("ecb", "", "hmac"),
    ),
    Shape(
        "reflector's packet, authenticated",
        packets.seal_packet,
        _protected(_REFLECTOR_SPANS, REFLECTOR.size),
        base(REFLECTOR, sender_ttl=TTL) + bytes(primitives.HMAC_SIZE),
        f"Sender TTL {TTL}, no padding",
        heads=("ecb", "", "", "", "hmac"),
    ),
)


def with_field(
    shapes: Iterable[Shape], layout: Layout, label: str, octets: bytes
) -> tuple[Shape, ...]:
    """Shapes with other octets in a field of their layout that theories leave out."""
    place = next(at for at, item in layout.offsets() if item.label == label)
    end = place + len(octets)
    return tuple(
        replace(shape, base=shape.base[:place] + octets + shape.base[end:]) for shape in shapes
    )


def layouts_with_unused(greeting: bytes) -> tuple[Shape, ...]:
    """The layout of Server-Greeting with other octets in Unused, which receivers ignore."""
    unused = greeting[: GREETING.fields[0].size]
    if not any(unused):
        return ()
    shapes = (shape for shape in SHAPES if shape.bound is messages.ServerGreeting)
    return with_field(shapes, GREETING, "Unused", unused)


def layouts_with_ttl(ttl: int) -> tuple[Shape, ...]:
    """The layouts of a reflector's packet with another Sender TTL, which theories leave out."""
    if ttl == TTL:
        return ()
    shapes = (shape for shape in SHAPES if shape.name.lower().startswith("reflector"))
    return with_field(shapes, REFLECTOR, "Sender TTL", bytes([ttl]))

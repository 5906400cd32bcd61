"""The mixed mode of TWAMP: Mode is changed on the way, and test packets go in clear."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from owamp_reference import messages, packets
from owamp_reference.negotiation import Mode
from owamp_reference.packets import TestMode

from ...groups.roles import CHALLENGE, COUNT, NUMBER, SALT, TIME, Type
from ..heard import Captures, HeardConnection, HeardPacket, Left, Meant
from ..located import Attribute
from ..room import Attack, Room
from ..rows import Constant, MacroRow, MessageRow, Symbol, Variables
from ..script import BEFOREHAND, Player, ScriptWriter, TraceStep, Wanted
from ..shared.captures import event_of, session_of, why_left
from ..shared.control_players import greeting_server
from ..shared.packet_players import sends, takes
from ..shared.packets import by_mode, sender_packet
from ..shared.symbols import number
from .rfc4656.captures import from_the_greeting_on
from .rfc4656.messages import MACROS, MESSAGES
from .rfc4656.players import PLAYERS

_PROTECTED = Mode.UNAUTHENTICATED | Mode.AUTHENTICATED | Mode.ENCRYPTED
_EVERY = _PROTECTED | Mode.MIXED
_MODES = {
    "authenticated": Mode.AUTHENTICATED,
    "encrypted": Mode.ENCRYPTED,
    "mixed": Mode.MIXED,
    "all modes": _EVERY,
    "all but mixed": _PROTECTED,
}
_TEST_MODES = {
    "Authenticated": TestMode.AUTHENTICATED,
    "Encrypted": TestMode.ENCRYPTED,
    "Mixed": TestMode.UNAUTHENTICATED,
}


def _open_packet(v: Variables) -> bytes:
    return packets.seal_packet(TestMode.UNAUTHENTICATED, sender_packet(v))


def _greeting(modes: Mode) -> MacroRow:
    return MacroRow(
        "greeting",
        messages.ServerGreeting,
        (CHALLENGE, SALT, COUNT),
        lambda challenge, salt, count: messages.ServerGreeting(
            int(modes), challenge, salt, number(count)
        ).to_octets(),
        "RFC 4656 §3.1, RFC 5618 §3.1",
        "" if modes & Mode.MIXED else "NO_MIXED_MODE",
    )


def _greet(writer: ScriptWriter, step: TraceStep) -> None:
    modes = _PROTECTED if "NO_MIXED_MODE" in writer.flags else _EVERY
    writer.take(step, greeting_server(writer, step, int(modes)), Wanted("sent", step.sent[0]))


def _why_left(connection: HeardConnection) -> Left | None:
    greetings = (item for item in connection.items if item.name == "Server-Greeting")
    greeting = next(greetings, None)
    modes = None if greeting is None else number(greeting.octets[12:16])
    other = Left("other Modes than 15") if modes not in (None, int(_EVERY)) else None
    return why_left(connection) or other


def _heard(connections: Sequence[HeardConnection]) -> Iterator[Meant]:
    """Of a session's packets the reflector takes the first; its answers are left out."""
    taken: set[int] = set()
    rules = {mode: name for name, mode in _TEST_MODES.items()}

    def packets(
        connection: HeardConnection, item: HeardPacket, names: dict[str, bytes]
    ) -> Iterator[Meant]:
        session = Left("the reflector's answers") if item.is_answer else session_of(item)
        if isinstance(session, Left):
            yield Meant(connection, item, session)
            return
        known = {**names, "sid": session.sid}
        if session.mode is TestMode.UNAUTHENTICATED:
            known |= {"number": item.octets[:4] + bytes(12), "time": item.octets[4:] + bytes(6)}
        mode = rules[session.mode]
        event = event_of(
            connection, item, "client", known=known, sent=item.octets, rule=f"Sender_Packet_{mode}"
        )
        yield Meant(connection, item, event)
        if connection.number not in taken:
            taken.add(connection.number)
            event = event_of(
                connection,
                item,
                "server",
                known=known,
                received=item.octets,
                rule=f"Reflector_Takes_{mode}",
            )
            yield Meant(connection, item, event)

    return from_the_greeting_on(connections, packets, _why_left)


_OF_RFC_4656 = (
    "Client_Set_Up_Response",
    "Server_Start",
    "Client_Request_Session",
    "Server_Accept_Session",
    "Client_Open_Session",
)
_PACKETS = ("Sender_Packet_Authenticated", "Sender_Packet_Encrypted")
_CHANGED = Attack("ModeChangedToMixed")

ROOM = Room(
    symbols=(
        Symbol(
            "open_packet",
            packets.seal_packet,
            (NUMBER, TIME),
            Type("sender's packet in clear", 14),
            "RFC 5618 §4, RFC 4656 §4.1.2",
            adapted=lambda sequence, time: _open_packet({"number": sequence, "time": time}),
        ),
    ),
    constants=tuple(
        Constant(name, int(mode).to_bytes(4, "big"), Attribute(Mode, "MIXED"), "RFC 5618 §3.1")
        for name, mode in _MODES.items()
    ),
    macros=(
        *(row for row in MACROS if row.name in ("request", "accept")),
        _greeting(_EVERY),
        _greeting(_PROTECTED),
    ),
    messages=(
        *(row for row in MESSAGES if row.rule in (*_OF_RFC_4656, *_PACKETS)),
        MessageRow("Sender_Packet_Mixed", "Out", packets.seal_packet, _open_packet, "RFC 5618 §4"),
    ),
    captures=Captures(
        _heard,
        "set-up with Modes 15; the first session over a connection, and its sender's packets",
    ),
    players={
        **{rule: PLAYERS[rule] for rule in _OF_RFC_4656},
        "Provision_Secret": BEFOREHAND,
        "Server_Greeting": Player(_greet),
        **{rule: sends(mode, "Sender") for mode, rule in by_mode("Sender_Packet").items()},
        "Sender_Packet_Mixed": Player(
            why_not="nothing holds a packet in clear to its time, and a trace has another arrive"
        ),
        **{
            f"Reflector_Takes_{name}": takes(mode, "Reflector")
            for name, mode in _TEST_MODES.items()
        },
    },
    attacks={"mixed-authenticated": _CHANGED, "mixed-encrypted": _CHANGED},
)

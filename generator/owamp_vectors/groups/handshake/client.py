"""What a client does with octets that break a rule."""

from __future__ import annotations

from collections.abc import Iterator

from owamp_reference.connection import ControlClient, State
from owamp_reference.events import Event
from owamp_reference.messages import (
    Command,
    FetchSession,
    SessionDescription,
    StartSessions,
    StopSessions,
)
from owamp_reference.negotiation import SECURITY_BITS, Mode, Protocol

from ...vectors.declaration import Case, Field, Group, GroupType, Json, Values
from ...vectors.drbg import Drbg
from .ends import client_of, parse_request, passphrase_credentials
from .inputs import OF_CLIENT, PASSPHRASE, PROTECTED, PROTOCOL, SECURITY, UNUSED, make_request
from .spoiling import BEHAVIOUR, Peer, behaviour, flipped, replaced


def _say(client: ControlClient, command: bytes) -> None:
    """Let a client say what a message with zero HMACs says."""
    number = command[0]
    if number in (Command.REQUEST_SESSION, Command.REQUEST_TW_SESSION):
        client.request_session(parse_request(client.protocol, command))
    elif number == Command.START_SESSIONS:
        client.start_sessions()
    elif number == Command.STOP_SESSIONS and client.protocol is Protocol.OWAMP:
        client.stop_sessions(StopSessions.parse(command).sessions)
    elif number == Command.STOP_SESSIONS:
        client.stop_sessions()
    else:
        client.fetch_session(FetchSession.parse(command).sid)


def _compute(values: Values) -> Json:
    client = client_of(values, passphrase_credentials(values))
    commands = iter(values["commands"])
    sent: list[bytes] = [client.data_to_send()]
    events: list[Event] = []
    for octets in values["received"]:
        events += client.receive(octets)
        if client.state in (State.READY, State.TESTING):
            for command in commands:
                _say(client, command)
                break
        sent.append(client.data_to_send())
    return behaviour(sent, events, client.state)


CLIENT_BEHAVIOUR = GroupType(
    "ClientBehaviour",
    "What a client sends in answer to given octets, and whether it then closes the connection.",
    "RFC 4656 §3; RFC 5357 §3, §6",
    (PROTOCOL, SECURITY),
    (
        *PASSPHRASE,
        *OF_CLIENT,
        UNUSED,
        Field(
            "commands",
            "what the client is to send once it is ready, one at a time, with zero HMACs",
            is_list=True,
        ),
        Field("received", "the server's messages", is_list=True),
    ),
    BEHAVIOUR,
    _compute,
)


def groups(drbg: Drbg) -> Iterator[Group]:
    """A group for each protocol in each mode."""
    for protocol in Protocol:
        for security in ("unauthenticated", *PROTECTED[protocol]):
            here = drbg.at(CLIENT_BEHAVIOUR.name).at(protocol.value).at(security)
            cases = list(_cases(_server(here.at("honest"), protocol, security)))
            parameters = {"protocol": protocol.value, "security": security}
            yield Group(CLIENT_BEHAVIOUR, cases, parameters)


def _server(drbg: Drbg, protocol: Protocol, security: str) -> Peer:
    commands = [make_request(protocol).to_octets(), StartSessions().to_octets()]
    return Peer.run(CLIENT_BEHAVIOUR, drbg, protocol, security, is_client=False, commands=commands)


def _cases(server: Peer) -> Iterator[Case]:
    greeting, start, accept, ack = server.messages[:4]
    is_protected = server.security != "unauthenticated"
    yield server.after_set_up("honest server up to Start-Ack", [accept, ack])
    yield server.case("all at once", [greeting + start, accept, ack])
    yield from _greetings(server)
    yield from _counts(server, is_protected=is_protected)
    for value in (1, 3, 5, 6, 7, 255):
        refusal = bytes(15) + bytes([value]) + bytes(32)
        comment = f"Server-Start with Accept {value}"
        yield server.case(comment, [greeting, refusal], "ServerStartAcceptIgnored")
    yield server.case("half a Server-Greeting", [greeting[:32]])
    yield server.after_set_up("a message that was not asked for", [accept, ack + accept])
    yield from (_protected if is_protected else _in_clear)(server)


def _offering(modes: int, greeting: bytes) -> bytes:
    """A Server-Greeting with other Modes."""
    return replaced(greeting, 12, modes.to_bytes(4, "big"))


def _greetings(server: Peer) -> Iterator[Case]:
    greeting, start = server.messages[:2]
    all_modes = SECURITY_BITS[server.protocol]
    yield server.case("Modes 0: no service", [_offering(0, greeting)], "NoServiceIgnored")
    others = _offering(all_modes & ~Mode[server.security.upper()], greeting)
    comment = "the wanted mode is not offered: no fallback to another"
    yield server.case(comment, [others, start], "FallbackToOther")
    high = _offering(0x40000000 | all_modes, greeting)
    yield server.case("unassigned high bits in Modes are ignored", [high, start])
    unused = replaced(greeting, 0, b"\xff" * 12)
    yield server.case("octets of Unused and MBZ are ignored", [unused, start])


def _counts(server: Peer, *, is_protected: bool) -> Iterator[Case]:
    for count in (0, 1023, 1536, 65536, 2**31):
        greeting = replaced(server.messages[0], 48, count.to_bytes(4, "big"))
        flag = "CountUnbounded" if count in (65536, 2**31) else "CountUnchecked"
        flags = (flag,) if is_protected and count else ()
        source = "RFC 5357 §6" if count > 32768 else "RFC 4656 §3.1"
        yield server.case(f"Count {count}", [greeting], *flags, source=source)


def _protected(server: Peer) -> Iterator[Case]:
    greeting, start, accept = server.messages[:3]
    flag = "HmacUnchecked"
    for part, offset in (("text", 1), ("SID", 4), ("HMAC", 47)):
        comment = f"Accept-Session with one bit changed in its {part}"
        yield server.after_set_up(comment, [flipped(accept, offset)], flag)
    changed = [greeting, flipped(start, 32), accept]
    comment = "Start-Time changed: found out at the first HMAC"
    yield server.case(comment, changed, flag, source="RFC 5357 §3.2")
    changed = [greeting, flipped(start, 16), accept]
    yield server.case("Server-IV changed: found out at the first HMAC", changed, flag)
    comment = "Accept-Session in place of Start-Ack: a replay"
    yield server.after_set_up(comment, [accept, accept])
    mine = server.heard[1][:48]
    yield server.after_set_up("the client's own octets sent back to it", [mine], flag)


def _in_clear(server: Peer) -> Iterator[Case]:
    _, _, accept, ack = server.messages[:4]
    for value in (1, 3, 6, 200):
        comment = f"Accept-Session with Accept {value}: the connection stays open"
        yield server.after_set_up(comment, [bytes([value]) + bytes(47)])
    yield server.after_set_up("Start-Ack with Accept 1", [accept, bytes([1]) + bytes(31)])
    if server.protocol is Protocol.OWAMP:
        stray = StopSessions(0, (SessionDescription(bytes(16), 1),)).to_octets()
        comment = "Stop-Sessions for a session that is not the server's"
        yield server.after_set_up(comment, [accept, ack, stray], "StopUncounted")

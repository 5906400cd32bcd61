"""What a client does in answer to what it is given, right or wrong."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress

from owamp_reference.choices import Chooser
from owamp_reference.connection import ControlClient
from owamp_reference.errors import ProtocolError
from owamp_reference.events import Event
from owamp_reference.messages import Accept, Command, FetchSession, StopSessions, StopTWSessions
from owamp_reference.negotiation import IKEV2_DERIVED, SECURITY_BITS, Credentials, Mode, Protocol

from ...vectors.declaration import Case, Field, Group, GroupType, Json, Values
from ...vectors.drbg import Drbg
from ..changes import replaced
from . import client_answers, client_hmacs, client_pieces
from .ends import client_of, parse_request, passphrase_credentials
from .inputs import (
    IKE_SA,
    LIMIT,
    OF_CLIENT,
    PASSPHRASE,
    PROTECTED,
    PROTOCOL,
    SECURITY,
    UNUSED,
    UNUSUAL_PASSPHRASES,
)
from .script import Scene, heard
from .spoiling import BEHAVIOUR, STEPS, behaviour, receive


def _say(client: ControlClient, command: bytes) -> None:
    """Let a client say what a message with zero HMACs says. Raises `ProtocolError`."""
    number = command[0]
    if number in (Command.REQUEST_SESSION, Command.REQUEST_TW_SESSION):
        client.request_session(parse_request(client.protocol, command))
    elif number == Command.START_SESSIONS:
        client.start_sessions()
    elif number == Command.STOP_SESSIONS and client.protocol is Protocol.OWAMP:
        stop = StopSessions.parse(command)
        client.stop_sessions(stop.sessions, Accept(stop.accept))
    elif number == Command.STOP_SESSIONS:
        client.stop_sessions(accept=Accept(StopTWSessions.parse(command).accept))
    else:
        fetch = FetchSession.parse(command)
        client.fetch_session(fetch.sid, fetch.begin_seq, fetch.end_seq)


def _credentials(values: Values, choose: Chooser) -> Credentials:
    for sa in values["ikeSas"]:
        return Credentials.from_ikev2(sa["spiI"], sa["spiR"], sa["sharedSecretKey"])
    return passphrase_credentials(values["protocol"], values, choose)


def _compute(values: Values, choose: Chooser) -> Json:
    client = client_of(values, _credentials(values, choose), choose)
    sent: list[bytes] = [client.data_to_send()]
    events: list[Event] = []
    for step in values["steps"]:
        if step["do"] == "receive":
            events += client.receive(step["octets"])
        else:
            with suppress(ProtocolError):  # not in the state for it, or one that it may not send
                _say(client, step["octets"])
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
        Field(
            "ikeSas",
            "the IKE SA from which the client takes the secret; empty: it has the passphrase",
            "records",
            fields=IKE_SA,
        ),
        Field(
            "maxCount",
            "the largest Count that the client is configured to take",
            "integer",
            most=2**20,
        ),
        LIMIT,
        UNUSED,
        STEPS,
    ),
    BEHAVIOUR,
    _compute,
    is_open=True,
)


def make_groups(drbg: Drbg) -> Iterator[Group]:
    """A group for each protocol in each mode."""
    for protocol in Protocol:
        for security in ("unauthenticated", *PROTECTED[protocol]):
            here = drbg.at(CLIENT_BEHAVIOUR.name).at(protocol.value).at(security)
            cases = list(_cases(Scene.drawn(here, protocol, security)))
            parameters = {"protocol": protocol.value, "security": security}
            yield Group(CLIENT_BEHAVIOUR, cases, parameters)


def _cases(scene: Scene) -> Iterator[Case]:
    yield scene.scripted("honest server, two rounds", scene.whole(), "StateOfTheRoundBefore")
    yield from _greetings(scene)
    yield from _counts(scene)
    yield from _server_starts(scene)
    if scene.security == "encrypted":
        yield from _names(scene)
        yield from _passphrases(scene)
        yield from _ike_sas(scene)
    yield from client_answers.cases(scene)
    yield from client_pieces.cases(scene)
    if scene.is_protected:
        yield from client_hmacs.cases(scene)


def _greeted(scene: Scene, comment: str, greeting: bytes, *flags: str, **more: object) -> Case:
    """A case in which Server-Start follows a greeting, and the client is to ask for a session."""
    steps = [*receive(greeting, scene.server_start(scene.writer())), *_asks(scene)]
    return scene.case(comment, steps, *flags, **more)  # type: ignore[arg-type]


def _asks(scene: Scene) -> list[Json]:
    return [{"do": "say", "octets": scene.request(0).to_octets()}]


def _greetings(scene: Scene) -> Iterator[Case]:
    mode, all_modes = Mode[scene.security.upper()], SECURITY_BITS[scene.protocol]
    source = "RFC 4656 §3.1"
    for comment, modes, flag in (
        ("Modes 0: no service", 0, "NoServiceIgnored"),
        ("the wanted mode is not offered: no fallback", all_modes & ~mode, "FallbackToOther"),
        ("only bits that are not assigned are offered", 0xFF000000, "NoServiceIgnored"),
    ):
        yield _greeted(scene, comment, scene.greeting(modes=modes), flag, source=source)
    for comment, modes in (
        ("only the wanted mode is offered", mode),
        ("unassigned high bits in Modes are ignored", 0x40000000 | all_modes),
        ("every bit of Modes is set", 0xFFFFFFFF),
    ):
        yield _greeted(scene, comment, scene.greeting(modes=modes), source=source)
    unused = replaced(replaced(scene.greeting(), 0, b"\xff" * 12), 52, b"\xff" * 12)
    yield _greeted(scene, "octets of Unused and MBZ are ignored", unused, source=source)


def _counts(scene: Scene) -> Iterator[Case]:
    """Every Count that is not allowed; in one mode of each protocol also large ones."""
    is_main = scene.security in ("unauthenticated", "encrypted")
    for count in (0, 512, 1023, 1536, *((65536, 2**31, 2**31 + 1) if is_main else ())):
        flags = ("CountUnchecked",) if scene.is_protected and 0 < count < 32768 else ()
        source = "RFC 5357 §6" if count > 32768 and not scene.is_owamp else "RFC 4656 §3.1"
        greeting = scene.greeting(count=count)
        yield _greeted(scene, f"Count {count}", greeting, *flags, source=source)
    for count, most in ((32768, 32768), (2048, 1024), (4096, 2048), (4096, 4096), (65536, 65536)):
        if is_main:
            comment = f"Count {count}, where the client takes {most} at most"
            greeting, source = scene.greeting(count=count), "RFC 5357 §6"
            yield _greeted(scene, comment, greeting, source=source, maxCount=most)


def _names(scene: Scene) -> Iterator[Case]:
    """KeyIDs that fill the field, or are not of ASCII alone."""
    for comment, name in (("80 octets", "alice" * 16), ("5 letters in 7 octets", "alícé")):
        greeting = scene.greeting()
        yield _greeted(scene, f"a name of {comment}", greeting, source="RFC 4656 §3.1", name=name)


def _passphrases(scene: Scene) -> Iterator[Case]:
    source = "RFC 4656 §3.1; RFC 5357 §3.1"
    for what, passphrase, flags in UNUSUAL_PASSPHRASES:
        comment, given = f"the passphrase has {what}", flags[scene.protocol.value]
        yield _greeted(
            scene, comment, scene.greeting(), *given, source=source, passphrase=passphrase
        )


def _ike_sas(scene: Scene) -> Iterator[Case]:
    """The secret is from an IKE SA: the server has to offer that."""
    sa = {"spiI": b"initiatr", "spiR": b"respondr", "sharedSecretKey": scene.values["challenge"]}
    all_modes, bit = SECURITY_BITS[scene.protocol], IKEV2_DERIVED[scene.protocol]
    other_bit = sum(IKEV2_DERIVED.values()) - bit
    for comment, modes, flags in (
        ("IKEv2Derived is offered", all_modes | bit, ()),
        ("IKEv2Derived is not offered", all_modes, _NOT_OFFERED),
        ("the other protocol's IKEv2Derived is offered", all_modes | other_bit, _NOT_OFFERED),
        ("IKEv2Derived alone is offered", bit, ()),
    ):
        words = f"the secret of an IKE SA: {comment}"
        greeting, source = scene.greeting(modes=modes), "RFC 7717 §5.2"
        yield _greeted(scene, words, greeting, *flags, source=source, ikeSas=[sa])
    comment = "the secret of an IKE SA: Server-Start with Accept 6"
    refusal = receive(scene.greeting(modes=all_modes | bit), bytes(15) + b"\6" + bytes(32))
    flag, source = "ServerStartAcceptIgnored", "RFC 7717 §5.3"
    steps = [*refusal, *_asks(scene)]
    yield scene.case(comment, steps, flag, source=source, ikeSas=[sa])


_NOT_OFFERED = ("Ikev2NotOffered",)


def _server_starts(scene: Scene) -> Iterator[Case]:
    source = "RFC 4656 §3.1"
    for value in client_answers.refusals(scene):
        refusal = bytes(15) + bytes([value]) + bytes(32)
        steps = [*receive(scene.greeting(), refusal), *_asks(scene)]
        comment = f"Server-Start with Accept {value}"
        yield scene.case(comment, steps, "ServerStartAcceptIgnored", source=source)
    yield scene.case("half a Server-Greeting", receive(scene.greeting()[:32]), source=source)
    writer = scene.writer()
    mbz = replaced(scene.server_start(writer), 0, b"\xff" * 15)
    steps = [*receive(scene.greeting(), mbz), *_asks(scene)]
    yield scene.case("MBZ of Server-Start is ignored", steps, source=source)
    for comment, time in (
        ("Start-Time 0", 0),
        ("Start-Time at the end of the era", 2**64 - 1),
    ):
        writer = scene.writer()
        steps = receive(scene.greeting(), scene.server_start(writer, time))
        answer = heard("", scene.answer(0))[0].text
        steps += [*_asks(scene), *receive(writer.write([answer]))]
        yield scene.case(comment, steps, source=source)
    if scene.is_protected:
        yield _own_octets(scene)


def _own_octets(scene: Scene) -> Case:
    """Server-IV is Client-IV: what the client says verifies as what the server says."""
    iv = scene.values["clientIv"]
    writer = scene.with_values(serverIv=iv).writer()
    request = writer.write(scene.request(0))
    start = bytes(16) + iv + request[:16]
    steps = [*receive(scene.greeting(), start), *_asks(scene), *receive(request[16:112])]
    comment = "Client-IV as Server-IV, and the client's own octets"
    return scene.case(comment, steps, source="RFC 4656 §3.1")

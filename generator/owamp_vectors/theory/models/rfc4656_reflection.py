"""Reflection of test packets, several sessions over a connection.

Runs: OWAMP in both directions and TWAMP, in both protected modes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from owamp_reference.connection import ClientConfig, ControlClient, Server, ServerConfig, accept_all
from owamp_reference.events import TestSession
from owamp_reference.keys import SID_SIZE
from owamp_reference.messages import (
    ADDRESS_SIZE,
    Request,
    RequestSession,
    ScheduleSlot,
    encode_key_id,
)
from owamp_reference.negotiation import Credentials, Mode, Protocol, secrets_of

from ...groups.participants import request_of
from ...groups.roles import PARAMETERS
from ...vectors.drbg import Drbg
from ..heard import Captures, End, HeardConnection, HeardPacket, Left, Meant
from ..room import Attack, Room, Runs
from ..run_checker import RunError, RunEvent
from ..script import BEFOREHAND, LEAK
from ..shared.captures import all_left, packet_meant, why_no_keys
from ..shared.packet_players import receives, reflects, returns, sends
from ..shared.packet_runs import Sides, packet_events
from ..shared.packets import by_mode, packet_messages, reflector_packet, sender_packet
from ..shared.refusals import REFLECTED
from ..world import Tap, World, interleaved, why

_OPENS = {Protocol.OWAMP: "Open_OWAMP_Session", Protocol.TWAMP: "Open_TWAMP_Session"}
_STEMS = {
    Protocol.OWAMP: ("OWAMP_Send", "OWAMP_Receive"),
    Protocol.TWAMP: ("TWAMP_Send", "TWAMP_Reflect", "TWAMP_Return"),
}
"""The rules of packets, each for a mode: who sends, who takes, who takes the answer."""


def _request(source: Drbg, to_server: bool, sid: bytes) -> RequestSession:
    return RequestSession(
        ipvn=4,
        conf_sender=int(not to_server),
        conf_receiver=int(to_server),
        number_of_packets=10,
        sender_port=source.uint("sender port", 2),
        receiver_port=source.uint("receiver port", 2),
        sender_address=bytes(ADDRESS_SIZE),
        receiver_address=bytes(ADDRESS_SIZE),
        sid=sid,
        padding_length=0,
        start_time=0,
        timeout=0,
        type_p=0,
        slots=(ScheduleSlot(1, 2**32),),
    )


class _Agreed:
    """A control connection that is run to have its sessions, which alone the theory has."""

    def __init__(self, world: World, number: int, protocol: Protocol, security: Mode) -> None:
        self.world = world
        self.title = f"{protocol.value} connection {number}"
        self.source = world.source.at(f"connection {number}")
        self.tap = Tap(self.source.at("random"))
        self._protocol = protocol
        self._security = security
        self._ends = {"A": f"client {number}".encode(), "B": f"server {number}".encode()}

    def events(self) -> Iterator[RunEvent]:
        """The connection, three sessions over it, and their packets."""
        secret = self.source.octets("secret", 20)
        credentials = Credentials(encode_key_id("it"), secret)
        server = Server(
            ServerConfig(
                self._protocol,
                self._security,
                find_secret=secrets_of(credentials),
                policy=accept_all,
                start_time=0,
            ),
            self.tap,
            self.world.clock,
        )
        client = ControlClient(ClientConfig(self._protocol, self._security, credentials), self.tap)
        for end, other in ((server, client), (client, server), (server, client)):
            if failed := why(self.world.hand(other, end.data_to_send())):
                yield RunEvent(f"{self.title}: set-up fails: {failed}", rule="Set_Up_Connection")
        drawn = self.tap.take()
        keys = {"T1": drawn["T1"], "T2": drawn["T2"]}
        yield RunEvent(
            f"{self.title} is set up", known=self._ends, drawn=keys, rule="Set_Up_Connection"
        )
        threads = []
        for index in range(3):
            to_server = self._protocol is Protocol.TWAMP or bool(index % 2)
            opened, event = self._session(client, server, index, to_server)
            yield event
            threads.append(self._packets(*opened, to_server))
        yield from interleaved(self.world.choose, *threads)

    def _session(
        self, client: ControlClient, server: Server, index: int, to_server: bool
    ) -> tuple[tuple[TestSession, TestSession], RunEvent]:
        source = self.source.at(f"session {index}")
        request: Request
        if self._protocol is Protocol.TWAMP:
            request = request_of(PARAMETERS.draw(source))
        else:
            sid = bytes(SID_SIZE) if to_server else self.tap("SID", SID_SIZE)
            request = _request(source, to_server, sid)
        client.request_session(request)
        found = [
            *self.world.hand(server, client.data_to_send()),
            *self.world.hand(client, server.data_to_send()),
        ]
        opened = [item for item in found if isinstance(item, TestSession)]
        event = RunEvent(
            f"{self.title}: session {index} is opened",
            known=self._known(to_server),
            drawn=self.tap.take(),
            sent=opened[0].sid if opened else b"",
            rule=_OPENS[self._protocol],
        )
        if len(opened) < 2:
            raise RunError(event, None, f"the session is not opened: {why(found)}")
        ours, theirs = opened
        return ((theirs, ours) if to_server else (ours, theirs)), event

    def _known(self, to_server: bool) -> dict[str, bytes]:
        names = self._ends
        return dict(names) if to_server else {"A": names["B"], "B": names["A"]}

    def _packets(
        self, sending: TestSession, answering: TestSession, to_server: bool
    ) -> Iterator[RunEvent]:
        rules = tuple(by_mode(stem)[sending.mode] for stem in _STEMS[self._protocol])
        sides = Sides(sending, answering, f"{self.title}/1", f"{self.title}/2")
        return packet_events(self, sides, rules, self._known(to_server), 1)


def _sessions(world: World) -> Iterator[RunEvent]:
    """Four connections, OWAMP and TWAMP in both protected modes, three sessions over each."""
    kinds = [
        (protocol, security)
        for protocol in (Protocol.OWAMP, Protocol.TWAMP)
        for security in (Mode.AUTHENTICATED, Mode.ENCRYPTED)
    ]
    agreed = [_Agreed(world, number, *kind) for number, kind in enumerate(kinds)]
    yield from interleaved(world.choose, *(connection.events() for connection in agreed))


def _heard(connections: Sequence[HeardConnection]) -> Iterator[Meant]:
    """The sessions of each connection, taken as agreed, and their packets."""
    for connection in connections:
        left = why_no_keys(connection)
        if left is None and connection.protocol is None:
            left = Left("the protocol is not told")
        if left is not None:
            yield from all_left(connection, left)
            continue
        yield from _agreed(connection)
        ends = connection.ends()
        ways: dict[End, dict[str, bytes]] = {
            "client": {"A": ends["client"], "B": ends["server"]},
            "server": {"A": ends["server"], "B": ends["client"]},
        }
        for item in connection.items:
            if isinstance(item, HeardPacket):
                assert connection.protocol is not None
                yield from packet_meant(connection, item, _STEMS[connection.protocol], ways)
            else:
                yield Meant(connection, item, Left("the control messages"))


def _agreed(connection: HeardConnection) -> Iterator[Meant]:
    keys, ends = connection.control_keys, connection.ends()
    assert keys is not None
    assert connection.protocol is not None
    opened = [session for session in connection.sessions if session.keys is not None]
    if not opened:
        return
    known = {"t1": keys.t1, "t2": keys.t2, "A": ends["client"], "B": ends["server"]}

    def beforehand(rule: str, sent: bytes | None, **more: bytes) -> Meant:
        event = RunEvent(
            f"{connection.title} is agreed",
            connection.title,
            known=known | more,
            drawn=None,
            sent=sent,
            rule=rule,
        )
        return Meant(connection, None, event)

    yield beforehand("Set_Up_Connection", None)
    for session in opened:
        request = session.request
        is_back = isinstance(request, RequestSession) and bool(request.conf_sender)
        names = {"A": ends["server"], "B": ends["client"]} if is_back else {}
        rule = _OPENS[connection.protocol]
        yield beforehand(rule, session.sid, sid=session.sid, **names)


_SHARED = Attack(
    "SharedKeysReflected", "shared keys are not RFC 4656: with them, no receiver can tell"
)
_REFLECTED = Attack("OwnPacketReflected", REFLECTED)

ROOM = Room(
    messages=(
        *packet_messages("OWAMP_Send", sender_packet, "RFC 4656 §4.1.2"),
        *packet_messages("TWAMP_Send", sender_packet, "RFC 5357 §4.1.2"),
        *packet_messages("TWAMP_Reflect", reflector_packet, "RFC 5357 §4.2.1"),
    ),
    runs=Runs(
        _sessions,
        left_out=(
            "the control messages, run but taken as agreed",
            "the modes unauthenticated and mixed",
            "Start-Sessions and Stop-Sessions",
        ),
    ),
    captures=Captures(_heard, "test packets of all sessions in the protected modes"),
    players={
        "Set_Up_Connection": BEFOREHAND,
        "Open_OWAMP_Session": BEFOREHAND,
        "Open_OWAMP_Session_Back": BEFOREHAND,
        "Open_TWAMP_Session": BEFOREHAND,
        "Reveal_T3": LEAK,
        "Reveal_T4": LEAK,
        **{
            rule: player(mode)
            for stem, player in (
                ("OWAMP_Send", sends),
                ("OWAMP_Receive", receives),
                ("TWAMP_Send", sends),
                ("TWAMP_Reflect", reflects),
                ("TWAMP_Return", returns),
            )
            for mode, rule in by_mode(stem).items()
        },
    },
    mutants={"NO_HMAC": "the HMACs of test packets"},
    attacks={
        "twamp-reflection": _REFLECTED,
        "one-way-twamp-reflection": _REFLECTED,
        "same-sid-reflection": Attack("OneSidForTwoSessions"),
        **{
            f"test-to-test{kind}": Attack("TestKeysInverted")
            for kind in (
                "",
                "-encrypted",
                "-one-session",
                "-twamp",
                "-reflector",
                "-twamp-authenticated",
                "-reflector-authenticated",
            )
        },
        "shared-owamp-reflection-authenticated": _SHARED,
        "shared-owamp-reflection-encrypted": _SHARED,
        "shared-owamp-reflection": _SHARED,
        "shared-twamp-reflection-encrypted": _SHARED,
        "shared-twamp-to-reflector-encrypted": _SHARED,
    },
)

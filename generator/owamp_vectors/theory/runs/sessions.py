"""Several sessions over a connection, for rfc4656_reflection."""

from __future__ import annotations

from collections.abc import Iterator

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
from owamp_reference.packets import TestMode

from ...vectors.drbg import Drbg
from ..steps import Event, RunError
from .packets import Sides, packets
from .twamp import tw_request
from .world import Choose, Tap, World, interleaved, why


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

    def events(self) -> Iterator[Event]:
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
                yield Event(f"{self.title}: set-up fails: {failed}", rule="Set_Up_Connection")
        drawn = self.tap.take()
        keys = {"T1": drawn["T1"], "T2": drawn["T2"]}
        yield Event(
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
    ) -> tuple[tuple[TestSession, TestSession], Event]:
        source = self.source.at(f"session {index}")
        request: Request
        if self._protocol is Protocol.TWAMP:
            request = tw_request(source)
        else:
            sid = bytes(SID_SIZE) if to_server else self.tap("SID", SID_SIZE)
            request = _request(source, to_server, sid)
        client.request_session(request)
        found = [
            *self.world.hand(server, client.data_to_send()),
            *self.world.hand(client, server.data_to_send()),
        ]
        opened = [item for item in found if isinstance(item, TestSession)]
        event = Event(
            f"{self.title}: session {index} is opened",
            known=self._known(to_server),
            drawn=self.tap.take(),
            sent=opened[0].sid if opened else b"",
            rule=f"Open_{self._protocol.value}_Session",
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
    ) -> Iterator[Event]:
        mode = "Authenticated" if sending.mode is TestMode.AUTHENTICATED else "Encrypted"
        verbs = ("Send", "Reflect", "Return")
        if self._protocol is Protocol.OWAMP:
            verbs = ("Send", "Receive", "")
        rules = tuple(f"{self._protocol.value}_{verb}_{mode}" for verb in verbs if verb)
        sides = Sides(sending, answering, f"{self.title}/1", f"{self.title}/2")
        return packets(self, sides, rules, self._known(to_server), 1)


def sessions(source: Drbg, choose: Choose) -> Iterator[Event]:
    """Four connections, OWAMP and TWAMP in both protected modes, three sessions over each."""
    world = World(source, choose)
    kinds = [
        (protocol, security)
        for protocol in (Protocol.OWAMP, Protocol.TWAMP)
        for security in (Mode.AUTHENTICATED, Mode.ENCRYPTED)
    ]
    agreed = [_Agreed(world, number, *kind) for number, kind in enumerate(kinds)]
    yield from interleaved(choose, *(connection.events() for connection in agreed))

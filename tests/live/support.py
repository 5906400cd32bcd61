"""Sessions of the reference's endpoints, recorded as an observer on the path would see them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from ipaddress import ip_address
from typing import Any, NamedTuple

from owamp_reference import control, token
from owamp_reference.connection import ControlClient, Server
from owamp_reference.events import TestSession
from owamp_reference.keys import ControlKeys, TestSessionKeys, derive_test_session_keys
from owamp_reference.messages import (
    AcceptSession,
    FetchAck,
    FetchData,
    Message,
    PacketRecord,
    RequestSession,
    ScheduleSlot,
    ServerGreeting,
    ServerStart,
    SessionDescription,
    SetUpResponse,
    SkipRange,
    StartAck,
    StartSessions,
)
from owamp_reference.negotiation import Mode, Protocol, read_mode
from owamp_reference.packets import (
    ErrorEstimate,
    ReflectorPacket,
    SenderPacket,
    TestMode,
    protect_header,
)
from owamp_reference.sessions import SessionReceiver, SessionReflector, SessionSender
from owamp_reference.sources import ntp_timestamp
from owamp_vectors.live.capture.writer import CaptureWriter
from owamp_vectors.live.net.addresses import CONTROL_PORTS, Address
from owamp_vectors.live.observe.observer import Observer
from owamp_vectors.live.observe.steps import Severity, Step, Who, text_lines

from ..reference.support import IKEV2_CREDENTIALS, PSK_CREDENTIALS, Draws, Setting

START = 1_700_000_000 * 10**9
"""When the recorded sessions begin, in nanoseconds since 1970."""
CREDENTIALS = (PSK_CREDENTIALS, IKEV2_CREDENTIALS)
V4 = ("192.0.2.1", "192.0.2.2")
V6 = ("2001:db8::1", "2001:db8::2")
PADDING = 70
OPEN = Setting(Protocol.OWAMP, Mode.UNAUTHENTICATED)
OPEN_TW = Setting(Protocol.TWAMP, Mode.UNAUTHENTICATED)
AUTHENTICATED = Setting(Protocol.TWAMP, Mode.AUTHENTICATED)
IKEV2 = Setting(Protocol.TWAMP, Mode.ENCRYPTED, ikev2_derived=True)
MIXED = Setting(Protocol.TWAMP, Mode.MIXED)
ESTIMATE = ErrorEstimate(synchronized=True, scale=12, multiplier=7)


class Seen(NamedTuple):
    """Octets of one side, or a test packet, or the end of one side's octets."""

    who: Who
    octets: bytes
    time: int
    source: Address = ("", 0)
    destination: Address = ("", 0)
    ttl: int = 255

    @property
    def is_end(self) -> bool:
        return self.who in (Who.CLIENT, Who.SERVER) and not self.octets


@dataclass
class Session:
    """A whole session of the reference in a setting: set-up, request, test packets, stop, for
    OWAMP a fetch, and the end.
    """

    setting: Setting
    addresses: tuple[str, str] = V4
    server_sends: bool = False
    packets: int = 3
    padding: int = PADDING
    names_addresses: bool = False
    timeout: int = 2 << 32
    seen: list[Seen] = field(default_factory=list)
    now: int = START
    seed: str = ""

    def __post_init__(self) -> None:
        self.seed = self.seed or f"{self.addresses} {self.now}"
        self.client = ControlClient(self.setting.client_config, Draws(f"client {self.seed}"))
        config = replace(self.setting.server_config, start_time=self.clock())
        self.server = Server(config, Draws(f"server {self.seed}"), self.clock)
        self.client_address = self.addresses[0], 40000
        self.server_address = self.addresses[1], CONTROL_PORTS[self.setting.protocol]

    def clock(self) -> int:
        self.now += 10**6
        return ntp_timestamp(self.now)

    def pump(self) -> list[Any]:
        """Carry octets both ways until none are left; the client's events."""
        events: list[Any] = []
        while True:
            to_client, to_server = self.server.data_to_send(), self.client.data_to_send()
            if not to_client and not to_server:
                return events
            self.now += 10**6
            if to_client:
                self.seen.append(Seen(Who.SERVER, to_client, self.now))
                events += self.client.receive(to_client)
            if to_server:
                self.seen.append(Seen(Who.CLIENT, to_server, self.now))
                self.server.receive(to_server)

    def request(self) -> TestSession:
        changes: dict[str, Any] = {
            "padding_length": self.padding,
            "ipvn": 6 if ":" in self.addresses[0] else 4,
            "type_p": 0x2E000000,
            "start_time": self.clock(),
            "timeout": self.timeout,
        }
        if self.setting.protocol is Protocol.OWAMP:
            changes["slots"] = (ScheduleSlot(1, 1 << 20),)  # as fast as they are sent here
        if self.names_addresses:
            near, far = (ip_address(text).packed.ljust(16, b"\0") for text in self.addresses)
            if self.server_sends:
                near, far = far, near
            changes |= {"sender_address": near, "receiver_address": far}
        if self.setting.protocol is Protocol.OWAMP:
            changes["number_of_packets"] = self.packets
            if self.server_sends:
                changes |= {"conf_sender": 1, "conf_receiver": 0, "sid": bytes(range(1, 17))}
        self.client.request_session(self.setting.request(**changes))
        for event in self.pump():
            if isinstance(event, TestSession):
                return event
        raise ValueError("the request was not accepted")

    def start(self) -> None:
        self.client.start_sessions()
        self.pump()

    def test(self, session: TestSession) -> None:
        """Send the test packets, each answered in TWAMP."""
        sender = SessionSender(
            session.mode,
            session.keys,
            self.clock,
            Draws("padding"),
            error_estimate=ESTIMATE,
        )
        receiver = SessionReceiver(session.mode, session.keys)
        reflector = SessionReflector(session.mode, session.keys, self.clock, ESTIMATE)
        near, far = self.addresses
        ports = session.request.sender_port, session.port
        if self.server_sends:
            near, far = far, near
            ports = session.port, session.request.receiver_port
        source, destination = (near, ports[0]), (far, ports[1])
        for _ in range(self.packets):
            packet = sender.next_packet(self.padding)
            self.seen.append(Seen(Who.SENDER, packet, self.now, source, destination))
            if self.setting.protocol is Protocol.OWAMP:
                receiver.receive(packet)
                continue
            answer = reflector.reflect(packet, ttl=251)
            self.seen.append(Seen(Who.REFLECTOR, answer, self.now, destination, source, 251))
            sender.receive(answer)

    def stop(self, session: TestSession) -> None:
        if self.setting.protocol is Protocol.TWAMP:
            self.client.stop_sessions()
            self.pump()
            return
        records = (SessionDescription(session.sid, self.packets + 2, (SkipRange(3, 4),)),)
        self.client.stop_sessions(() if self.server_sends else records)
        self.pump()
        self.server.stop_sessions(records if self.server_sends else ())
        self.pump()

    def fetch(self, session: TestSession) -> None:
        if self.setting.protocol is Protocol.TWAMP:
            return
        self.client.fetch_session(session.sid)
        self.pump()
        request = session.request
        assert isinstance(request, RequestSession)
        record = PacketRecord(
            0, ESTIMATE.to_int(), ESTIMATE.to_int(), self.clock(), self.clock(), 251
        )
        data = FetchData(request, (SkipRange(3, 4),), (record,))
        self.server.answer_fetch(FetchAck(0, 1, self.packets + 2, 1, 1), data)
        self.pump()

    def close(self) -> None:
        self.now += 10**6
        self.seen.append(Seen(Who.CLIENT, b"", self.now))
        self.seen.append(Seen(Who.SERVER, b"", self.now))

    def run(self) -> Session:
        self.pump()
        session = self.request()
        self.start()
        self.test(session)
        self.stop(session)
        self.fetch(session)
        self.close()
        return self

    def observer(self, **changes: Any) -> Observer:
        values: dict[str, Any] = {
            "protocol": self.setting.protocol,
            "credentials": CREDENTIALS,
            "client": self.client_address,
            "server": self.server_address,
        }
        return Observer(**values | changes)

    def observed(self, **changes: Any) -> list[Step]:
        """The steps of an observer that saw it all."""
        return observed(self.observer(**changes), self.seen)

    def capture(self, writer: CaptureWriter | None = None) -> CaptureWriter:
        """The whole session in a capture, a new one unless given."""
        writer = writer or CaptureWriter()
        tcp = writer.open_tcp(self.client_address, self.server_address, START)
        for item in self.seen:
            if item.who in (Who.SENDER, Who.REFLECTOR):
                writer.udp(item.source, item.destination, item.octets, item.time, item.ttl)
            elif item.is_end:
                if item.who is Who.CLIENT:
                    tcp.close(item.time)
            elif item.who is Who.CLIENT:
                tcp.client_octets(item.octets, item.time)
            else:
                tcp.server_octets(item.octets, item.time)
        return writer


def feed(observer: Observer, item: Seen) -> list[Step]:
    """Hand one thing to an observer."""
    if item.who in (Who.SENDER, Who.REFLECTOR):
        return observer.test_packet(item.octets, item.source, item.destination, item.ttl, item.time)
    if item.is_end:
        close = observer.client_closed if item.who is Who.CLIENT else observer.server_closed
        return close(item.time)
    take = observer.client_octets if item.who is Who.CLIENT else observer.server_octets
    return take(item.octets, item.time)


def observed(observer: Observer, seen: Iterable[Seen]) -> list[Step]:
    """The steps of an observer that is handed all this, then told that it is all."""
    for item in seen:
        feed(observer, item)
    observer.finish()
    return observer.steps


def cut(seen: Iterable[Seen], size: int) -> Iterator[Seen]:
    """The same, the octets of the connection in pieces of `size`."""
    for item in seen:
        if item.who in (Who.CLIENT, Who.SERVER) and item.octets:
            for start in range(0, len(item.octets), size):
                yield item._replace(octets=item.octets[start : start + size])
        else:
            yield item


class Script:
    """Both ends played by hand, so that each can say what the reference would not."""

    control_keys = ControlKeys(bytes(range(1, 17)), bytes(range(17, 49)))
    client_iv, server_iv = bytes(range(49, 65)), bytes(range(65, 81))
    sid = bytes(range(81, 97))
    source, destination = ("192.0.2.1", 5000), ("192.0.2.2", 6000)

    def __init__(self, setting: Setting) -> None:
        self.setting = setting
        self.observer = Observer(
            setting.protocol,
            CREDENTIALS,
            (V4[0], 40000),
            (V4[1], CONTROL_PORTS[setting.protocol]),
        )
        self.greeting = ServerGreeting(
            setting.mode, b"challenge".ljust(16), b"salt".ljust(16), 1024
        )
        self.client_stream: control.Sender = control.OpenSender()
        self.server_stream: control.Sender = control.OpenSender()

    @property
    def mode(self) -> TestMode:
        return read_mode(self.setting.protocol, self.setting.mode, self.setting.mode).test_mode

    @property
    def keys(self) -> TestSessionKeys:
        return derive_test_session_keys(self.control_keys, self.sid)

    def greet(self, **changes: Any) -> Script:
        self.greeting = replace(self.greeting, **changes)
        self.observer.server_octets(self.greeting.to_octets())
        return self

    def respond(self, **changes: Any) -> Script:
        response = SetUpResponse(self.setting.mode, bytes(80), bytes(64), bytes(16))
        if self.setting.is_protected:
            known = self.setting.credentials
            greeting = self.greeting
            key = token.derive_token_key(known.shared_secret, greeting.salt, greeting.count)
            sealed = token.seal_token(key, greeting.challenge, self.control_keys)
            response = SetUpResponse(self.setting.mode, known.key_id, sealed, self.client_iv)
        response = replace(response, **changes)
        self.observer.client_octets(response.to_octets())
        if self.setting.is_protected:
            self.client_stream = control.ProtectedSender(self.control_keys, response.client_iv)
        return self

    def begin(self, **changes: Any) -> Script:
        """Server-Start."""
        start = replace(ServerStart(0, self.server_iv, 7), **changes)
        octets = start.to_octets()
        if self.setting.is_protected and start.accept == 0:
            self.server_stream = control.ProtectedSender(self.control_keys, start.server_iv)
        block = self.server_stream.write(octets[ServerStart.CLEAR_SIZE :])
        self.observer.server_octets(octets[: ServerStart.CLEAR_SIZE] + block)
        return self

    def ready(self) -> Script:
        return self.greet().respond().begin()

    def client(self, *messages: Message | list[bytes]) -> Script:
        """Commands, or their text with an HMAC after each piece."""
        for message in messages:
            segments = message if isinstance(message, list) else message.segments()
            self.observer.client_octets(control.write_message(self.client_stream, segments))
        return self

    def server(self, *messages: Message | FetchData | list[bytes]) -> Script:
        for message in messages:
            segments = message if isinstance(message, list) else message.segments()
            self.observer.server_octets(control.write_message(self.server_stream, segments))
        return self

    def accepted(self, **changes: Any) -> Script:
        self.client(self.setting.request(**changes))
        return self.server(AcceptSession(0, 6000, self.sid))

    def testing(self, **changes: Any) -> Script:
        self.ready().accepted(**changes)
        return self.client(StartSessions()).server(StartAck(0))

    def whole(self) -> Script:
        """The observer sees all that the client sends."""
        address = (V4[1], CONTROL_PORTS[self.setting.protocol])
        self.observer = Observer(
            self.setting.protocol, CREDENTIALS, (V4[0], 40000), address, is_whole=True
        )
        return self

    def client_octets_with_wrong_hmac(self, message: Message) -> Script:
        """A command, one bit of its last HMAC turned over."""
        octets = control.write_message(self.client_stream, message.segments())
        self.observer.client_octets(octets[:-1] + bytes([octets[-1] ^ 1]))
        return self

    def send(self, packet: SenderPacket | bytes, ttl: int = 255, time: int | None = None) -> Script:
        """A packet of the Session-Sender."""
        if not isinstance(packet, bytes):
            packet = self._as_it_is(packet)
        self.observer.test_packet(packet, self.source, self.destination, ttl, time)
        return self

    def _as_it_is(self, packet: SenderPacket | ReflectorPacket) -> bytes:
        """A packet sealed that may have what no honest end sends."""
        layout = packet.layout(self.mode)
        header = layout.pack(vars(packet))
        return protect_header(self.mode, layout, header, self.keys) + packet.padding

    def reflect(self, packet: ReflectorPacket | bytes, time: int | None = None) -> Script:
        if not isinstance(packet, bytes):
            packet = self._as_it_is(packet)
        self.observer.test_packet(packet, self.destination, self.source, 255, time)
        return self


def lines(steps: list[Step]) -> str:
    return "\n".join(text_lines(steps, octets=True))


def wrong_steps(steps: list[Step]) -> list[Step]:
    return [step for step in steps if step.severity is Severity.WRONG]

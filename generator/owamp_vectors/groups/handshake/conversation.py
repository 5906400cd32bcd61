"""A client and a server of the reference, from the values of a case, and what they say."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from owamp_reference.choices import FETCH_AFTER_EARLY_STOP, FETCHED_SID, Chooser
from owamp_reference.errors import ProtocolError
from owamp_reference.events import Closed, Event, FetchRequested, TestSession
from owamp_reference.messages import (
    Accept,
    FetchAck,
    FetchData,
    PacketRecord,
    Request,
    RequestSession,
    SessionDescription,
)
from owamp_reference.negotiation import Credentials, Protocol, secrets_of
from owamp_reference.packets import SenderPacket
from owamp_reference.sessions import SessionReceiver, SessionReflector, SessionSender

from ...vectors.declaration import Json, Values
from .ends import client_of, parse_request, server_of

ON_THE_WAY = 2**24
"""2^-8 s: how long a test packet takes, and a reflector to answer it."""


@dataclass(frozen=True)
class Sent:
    """A message of a transcript."""

    by_client: bool
    name: str
    octets: bytes


class WholeConversation:
    """A client and a server, and each message that one of them has sent the other.

    Each method raises `ProtocolError` when one side ends the connection.

    Attributes:
        transcript: the messages, in order.
    """

    def __init__(self, values: Values, credentials: Credentials | None, choose: Chooser) -> None:
        self.values = values
        self.protocol = Protocol(values["protocol"])
        self._choose = choose
        known = () if credentials is None else (credentials,)
        self.server = server_of(values, secrets_of(*known), choose)
        self.client = client_of(values, credentials, choose)
        self.transcript: list[Sent] = []
        self._times = [int.from_bytes(time, "big") for time in values["sendTimes"]]

    def say(self, name: str, *, by_client: bool) -> list[Event]:
        """Pass on what one side has to send; the events at the other."""
        speaker, listener = (self.client, self.server) if by_client else (self.server, self.client)
        octets = speaker.data_to_send()
        self.transcript.append(Sent(by_client, name, octets))
        events = listener.receive(octets)
        for event in events:
            if isinstance(event, Closed):
                raise event.error or ProtocolError("connection", "to go on", "its end")
        return events

    def set_up(self) -> None:
        """Greeting, response, start."""
        self.say("Server-Greeting", by_client=False)
        self.say("Set-Up-Response", by_client=True)
        self.say("Server-Start", by_client=False)

    def request(self, request: Request) -> None:
        """One request and its answer."""
        self.client.request_session(request)
        self.say(request.LAYOUT.title, by_client=True)
        self.say("Accept-Session", by_client=False)

    def start(self) -> None:
        """Start-Sessions and Start-Ack."""
        self.client.start_sessions()
        self.say("Start-Sessions", by_client=True)
        self.say("Start-Ack", by_client=False)

    def exchange(self, session: TestSession) -> list[bytes]:
        """The test packets of a session."""
        sender = SessionSender(session.mode, session.keys, iter(self._times).__next__)
        reflector = SessionReflector(
            session.mode, session.keys, self._reflectors_times().__next__, choose=self._choose
        )
        receiver = SessionReceiver(session.mode, session.keys)
        payloads = []
        for _ in self._times:
            payload = sender.next_packet(self.values["padding"])
            payloads.append(payload)
            if self.protocol is Protocol.TWAMP:
                reflected = reflector.reflect(payload)
                sender.receive(reflected)
                payloads.append(reflected)
            else:
                receiver.receive(payload)
        return payloads

    def _reflectors_times(self) -> Iterator[int]:
        """When a packet arrives, and when it is answered."""
        return (time + number * ON_THE_WAY for time in self._times for number in (1, 2))

    def stop(self) -> None:
        """Stop-Sessions: from the client alone in TWAMP, from both in OWAMP."""
        if self.protocol is Protocol.TWAMP:
            self.client.stop_sessions()
            self.say("Stop-Sessions", by_client=True)
            return
        self.client.stop_sessions(self._sent_in("conf_receiver"))
        self.say("Stop-Sessions", by_client=True)
        self.server.stop_sessions(self._sent_in("conf_sender"))
        self.say("Stop-Sessions", by_client=False)

    def _sent_in(self, role: str) -> tuple[SessionDescription, ...]:
        """What a Stop-Sessions says of the sessions in which the server has a role."""
        return tuple(
            SessionDescription(session.sid, len(self._times))
            for session in self.server.sessions
            if getattr(session.request, role)
        )

    def fetch(self, session: TestSession, payloads: Sequence[bytes]) -> None:
        """Fetch-Session, Fetch-Ack and the data, of a session whose receiver is the server."""
        assert isinstance(session.request, RequestSession)
        self.client.fetch_session(session.sid)
        events = self.say("Fetch-Session", by_client=True)
        assert isinstance(events[0], FetchRequested)
        is_early = len(payloads) < session.request.number_of_packets
        if is_early and self._choose(FETCH_AFTER_EARLY_STOP):
            self.server.answer_fetch(FetchAck(Accept.FAILURE, 0, 0, 0, 0))
            self.say("Fetch-Ack", by_client=False)
            return
        receiver = SessionReceiver(session.mode, session.keys)
        records = tuple(_record(receiver.receive(payload)) for payload in payloads)
        sid = session.request.sid if self._choose(FETCHED_SID) else session.sid
        request = replace(session.request, sid=sid, receiver_port=session.port)
        ack = FetchAck(Accept.OK, 1, len(records), 0, len(records))
        self.server.answer_fetch(ack, FetchData(request, (), records))
        self.say("Fetch-Ack and session data", by_client=False)


def _record(packet: SenderPacket) -> PacketRecord:
    """The record of a packet that took its time, with a clock as good as the sender's."""
    stamps = (packet.timestamp, packet.timestamp + ON_THE_WAY)
    estimates = (packet.error_estimate, packet.error_estimate)
    return PacketRecord(packet.sequence_number, *estimates, *stamps, 255)


def converse(
    values: Values, credentials: Credentials | None, choose: Chooser
) -> tuple[list[Sent], list[Json]]:
    """Run a whole case: the messages and, for each session, its keys and packets.

    Raises:
        ProtocolError: one side ended the connection.
    """
    run = WholeConversation(values, credentials, choose)
    run.set_up()
    for octets in values["requests"]:
        run.request(parse_request(run.protocol, octets))
    run.start()
    sessions = list(run.server.sessions)
    exchanged = [run.exchange(session) for session in sessions]
    run.stop()
    for session, payloads in zip(sessions, exchanged, strict=True):
        if run.protocol is Protocol.OWAMP and session.request.conf_receiver:
            run.fetch(session, payloads)
    records = []
    for session, payloads in zip(sessions, exchanged, strict=True):
        t3, t4 = (session.keys.t3, session.keys.t4) if session.keys else (b"", b"")
        records.append({"sid": session.sid, "t3": t3, "t4": t4, "packets": payloads})
    return run.transcript, records

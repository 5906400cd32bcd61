"""What the observer says of each kind of wrong behaviour, and of what is only remarkable."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from owamp_reference import control, packets, primitives, token
from owamp_reference import keys as derivation
from owamp_reference.messages import (
    AcceptSession,
    Command,
    FetchAck,
    FetchData,
    FetchSession,
    PacketRecord,
    RequestSession,
    ScheduleSlot,
    ServerStart,
    SessionDescription,
    SkipRange,
    StartAck,
    StartSessions,
    StopSessions,
    StopTWSessions,
)
from owamp_reference.negotiation import REQUESTS, Mode, Protocol
from owamp_reference.packets import ReflectorPacket, SenderPacket, TestMode, seal_packet
from owamp_reference.sources import ntp_timestamp
from owamp_vectors.live.net.schedule import send_times
from owamp_vectors.live.observe.observer import Observer
from owamp_vectors.live.observe.steps import Severity, Who, any_wrong
from owamp_vectors.mistakes import MISTAKES

from ..reference.support import OWAMP, TWAMP, Setting
from .support import (
    AUTHENTICATED,
    CREDENTIALS,
    IKEV2,
    MIXED,
    OPEN,
    OPEN_TW,
    START,
    Script,
    lines,
    wrong_steps,
)

# Wrong behaviour, played by hand


def packet(number: int = 0, **changes: Any) -> SenderPacket:
    return SenderPacket(
        **{"sequence_number": number, "timestamp": 5 << 32, "error_estimate": 1} | changes
    )


def answer(number: int = 0, **changes: Any) -> ReflectorPacket:
    values = {
        "sequence_number": number,
        "timestamp": 7 << 32,
        "error_estimate": 1,
        "receive_timestamp": 6 << 32,
        "sender_sequence_number": number,
        "sender_timestamp": 5 << 32,
        "sender_error_estimate": 1,
        "sender_ttl": 255,
    }
    return ReflectorPacket(**values | changes)


def with_octet(text: list[bytes], place: int, value: int = 1) -> list[bytes]:
    """The first piece of text with another octet."""
    first = bytearray(text[0])
    first[place] = value
    return [bytes(first), *text[1:]]


def stop(*records: SessionDescription, accept: int = 0) -> StopSessions:
    return StopSessions(accept, records)


def description(
    next_seqno: int = 3, *ranges: SkipRange, sid: bytes = Script.sid
) -> SessionDescription:
    return SessionDescription(sid, next_seqno, ranges)


def forged_token(script: Script) -> bytes:
    """The Token of zero keys that encryptions of the Challenge make (SPEC: the CBC chain)."""
    known = script.setting.credentials.shared_secret
    key = token.derive_token_key(known, script.greeting.salt, script.greeting.count)
    blocks = [script.greeting.challenge]
    for _ in range(4):
        blocks.append(primitives.aes_ecb_encrypt(key, blocks[-1]))
    return b"".join(blocks[1:])


def token_of_another_prf(script: Script) -> bytes:
    """The Token of one who takes HMAC-SHA256 for PBKDF2."""
    with MISTAKES["Pbkdf2Sha256"].applied():
        known = script.setting.credentials.shared_secret
        key = token.derive_token_key(known, script.greeting.salt, script.greeting.count)
        return token.seal_token(key, script.greeting.challenge, script.control_keys)


Play = Callable[[Script], object]
SERVER_MBZ = Script(OPEN).greeting.to_octets()[:-1] + b"\1"
ASKED = OPEN.request()
assert isinstance(ASKED, RequestSession)
FETCHED = FetchData(ASKED, (), (PacketRecord(9, 1, 1, 0, 0, 255),))
SOON = 1 << 62


def fetched(*records: PacketRecord) -> FetchData:
    request = OWAMP.request(start_time=SOON)
    assert isinstance(request, RequestSession)
    return FetchData(request, (), records)


DUE = next(send_times(Script.sid, SOON, fetched().request.slots)) - SOON


WRONG: dict[str, tuple[Setting, Play, str, Who, str, str]] = {
    "greeting: Count not a power of 2": (
        OWAMP, lambda s: s.greet(count=1500),
        "Server-Greeting", Who.SERVER, "RFC 4656 §3.1", "Count: expected a power of 2"),
    "greeting: Count too small": (
        TWAMP, lambda s: s.greet(count=512),
        "Server-Greeting", Who.SERVER, "RFC 4656 §3.1", "at least 1024, found 512"),
    "greeting: no security bit": (
        OWAMP, lambda s: s.greet(modes=16),
        "Server-Greeting", Who.SERVER, "RFC 4656 §3.1", "Modes: expected at least one"),
    "greeting: Challenge of zeros": (
        OWAMP, lambda s: s.greet(challenge=bytes(16)),
        "Server-Greeting", Who.SERVER, "RFC 4656 §3.1", "Challenge: expected random"),
    "greeting: Salt of zeros": (
        OWAMP, lambda s: s.greet(salt=bytes(16)),
        "Server-Greeting", Who.SERVER, "RFC 4656 §3.1", "Salt: expected random"),
    "greeting: MBZ": (
        OPEN, lambda s: s.observer.server_octets(SERVER_MBZ),
        "Server-Greeting", Who.SERVER, "RFC 4656 §3.1", "MBZ at offset 63"),
    "greeting after the response": (
        OPEN, lambda s: (s.observer.client_octets(bytes(3) + b"\1" + bytes(160)), s.greet()),
        "Set-Up-Response", Who.CLIENT, "RFC 4656 §3.1", "before Server-Greeting"),
    "response: two modes": (
        OPEN, lambda s: s.greet(modes=7).respond(mode=3),
        "Set-Up-Response", Who.CLIENT, "RFC 4656 §3.1", "exactly one security bit"),
    "response: a mode that was not offered": (
        OWAMP, lambda s: s.greet(modes=1).respond(),
        "Set-Up-Response", Who.CLIENT, "RFC 4656 §3.1", "one of the offered"),
    "response: IKEv2Derived that was not offered": (
        TWAMP, lambda s: s.greet().respond(mode=0x84),
        "Set-Up-Response", Who.CLIENT, "RFC 7717 §5.1", "IKEv2Derived only when offered"),
    "response: a Token that is made by a mistake": (
        OWAMP, lambda s: s.greet().respond(token=token_of_another_prf(s)),
        "Set-Up-Response", Who.CLIENT, "RFC 4656 §3.1",
        "a known mistake: PBKDF2 with HMAC-SHA256 in place of HMAC-SHA1 (Pbkdf2Sha256)"),
    "response: a forged Token": (
        OWAMP, lambda s: s.greet().respond(token=forged_token(s)),
        "Set-Up-Response", Who.CLIENT, "RFC 4656 §6.10", "T1 and T2 are zero"),
    "response: KeyID that is not UTF-8": (
        OWAMP, lambda s: s.greet().respond(key_id=b"\xff" * 80),
        "Set-Up-Response", Who.CLIENT, "RFC 4656 §3.1", "KeyID: expected UTF-8"),
    "response: KeyID with more than the SPIs": (
        IKEV2, lambda s: s.greet().respond(key_id=IKEV2.credentials.key_id[:-1] + b"x"),
        "Set-Up-Response", Who.CLIENT, "RFC 7717 §5.3", "zeros after the two SPIs"),
    "response: Client-IV of zeros": (
        OWAMP, lambda s: s.greet().respond(client_iv=bytes(16)),
        "Set-Up-Response", Who.CLIENT, "RFC 4656 §3.1", "Client-IV: expected random"),
    "start: Accept 0 to a wrong Mode": (
        OPEN, lambda s: s.greet(modes=7).respond(mode=3).begin(),
        "Server-Start", Who.SERVER, "RFC 4656 §3.1", "expected a refusal, found 0"),
    "start: Accept 0 to a wrong Token": (
        OWAMP, lambda s: s.greet().respond(token=token_of_another_prf(s)).begin(),
        "Server-Start", Who.SERVER, "RFC 4656 §3.1", "expected a refusal, found 0 (Token"),
    "start: Accept that is not assigned": (
        OWAMP, lambda s: s.greet().respond().begin(accept=77),
        "Server-Start", Who.SERVER, "RFC 4656 §3.3", "an assigned value, found 77"),
    "start: no IKE SA without IKEv2": (
        OWAMP, lambda s: s.greet().respond().begin(accept=6),
        "Server-Start", Who.SERVER, "RFC 7717 §5.3", "only to a Mode with IKEv2Derived"),
    "start: Server-IV of zeros": (
        TWAMP, lambda s: s.greet().respond().begin(server_iv=bytes(16)),
        "Server-Start", Who.SERVER, "RFC 4656 §3.1", "Server-IV: expected random"),
    "start before the response": (
        OPEN, lambda s: s.greet().begin(),
        "Server-Start", Who.SERVER, "RFC 4656 §3.1", "before Set-Up-Response"),
    "a command on a refused connection": (
        OPEN, lambda s: s.greet().respond().begin(accept=1).client(s.setting.request()),
        "Request-Session", Who.CLIENT, "RFC 4656 §3.1", "that was refused"),
    "a command before Server-Start": (
        OPEN, lambda s: s.greet().respond().client(s.setting.request()),
        "Request-Session", Who.CLIENT, "RFC 4656 §3.1", "before Server-Start"),
    "request: IPVN": (
        TWAMP, lambda s: s.ready().client(s.setting.request(ipvn=5)),
        "Request-TW-Session", Who.CLIENT, "RFC 5357 §3.5", "IPVN: expected 4 or 6, found 5"),
    "request: no side confirmed": (
        OWAMP, lambda s: s.ready().client(s.setting.request(conf_receiver=0)),
        "Request-Session", Who.CLIENT, "RFC 4656 §3.5", "Conf-Sender, Conf-Receiver"),
    "request: no slots": (
        OWAMP, lambda s: s.ready().client(s.setting.request(slots=())),
        "Request-Session", Who.CLIENT, "RFC 4656 §3.5", "Number of Schedule Slots"),
    "request: Slot Type": (
        OWAMP, lambda s: s.ready().client(s.setting.request(slots=(ScheduleSlot(2, 1),))),
        "Request-Session", Who.CLIENT, "RFC 4656 §3.5", "Slot Type"),
    "request: a SID in TWAMP": (
        TWAMP, lambda s: s.ready().client(s.setting.request(sid=Script.sid)),
        "Request-TW-Session", Who.CLIENT, "RFC 5357 §3.5", "SID: expected 0"),
    "request: MBZ": (
        TWAMP, lambda s: s.ready().client(with_octet(s.setting.request().segments(), 88)),
        "Request-TW-Session", Who.CLIENT, "RFC 5357 §3.5", "MBZ at offset 88"),
    "request: bits beside IPVN": (
        OWAMP, lambda s: s.ready().client(with_octet(s.setting.request().segments(), 1, 0x14)),
        "Request-Session", Who.CLIENT, "RFC 4656 §3.5", "IPVN at offset 1"),
    "request: MBZ of a slot": (
        OPEN, lambda s: s.ready().client(
            [s.setting.request().segments()[0], bytes([1, 1]) + bytes(14)]),
        "Request-Session", Who.CLIENT, "RFC 4656 §3.5", "MBZ at offset 1 of Schedule Slot"),
    "request: HMAC field in the open mode": (
        OPEN, lambda s: s.ready().observer.client_octets(
            s.setting.request().to_octets()[:-1] + b"\1"),
        "Request-Session", Who.CLIENT, "RFC 4656 §3.2", "expected zeros in the unauthenticated"),
    "a command of the other protocol": (
        TWAMP, lambda s: s.ready().client([bytes([Command.FETCH_SESSION]) + bytes(15)]),
        "message", Who.CLIENT, "RFC 4656 §3.4", "expected a command of TWAMP, found 4"),
    "accept: Accept 0 to a wrong request": (
        OWAMP, lambda s: s.ready().accepted(slots=(ScheduleSlot(2, 1),)),
        "Accept-Session", Who.SERVER, "RFC 4656 §3.5", "expected a refusal (Slot Type of the"),
    "accept: Accept 0 to a wrong request of TWAMP": (
        TWAMP, lambda s: s.ready().accepted(conf_sender=1),
        "Accept-Session", Who.SERVER, "RFC 5357 §3.5", "expected 3 (Conf-Sender of the request)"),
    "accept: Accept 1 to a wrong request of TWAMP": (
        TWAMP, lambda s: s.ready().client(s.setting.request(conf_receiver=1)).server(
            AcceptSession(1, 0, bytes(16))),
        "Accept-Session", Who.SERVER, "RFC 5357 §3.5", "expected 3 (Conf-Receiver of the request)"),
    "accept: Port 0": (
        OWAMP, lambda s: s.ready().client(s.setting.request()).server(
            AcceptSession(0, 0, Script.sid)),
        "Accept-Session", Who.SERVER, "RFC 4656 §3.5", "Port: expected one"),
    "accept: no SID": (
        TWAMP, lambda s: s.ready().client(s.setting.request()).server(
            AcceptSession(0, 6000, bytes(16))),
        "Accept-Session", Who.SERVER, "RFC 4656 §3.5", "SID: expected one for the session"),
    "accept: the SID of another session": (
        TWAMP, lambda s: s.ready().accepted().accepted(sender_port=5001),
        "Accept-Session", Who.SERVER, "RFC 4656 §3.5", "SID: expected a new one"),
    "accept: a value that is not assigned": (
        TWAMP, lambda s: s.ready().client(s.setting.request()).server(
            AcceptSession(9, 0, bytes(16))),
        "Accept-Session", Who.SERVER, "RFC 4656 §3.3", "assigned value, found 9"),
    "accept: MBZ": (
        TWAMP, lambda s: s.ready().client(s.setting.request()).server(
            with_octet(AcceptSession(0, 6000, Script.sid).segments(), 1)),
        "Accept-Session", Who.SERVER, "RFC 4656 §3.5", "MBZ at offset 1"),
    "an answer that nothing asked for": (
        TWAMP, lambda s: s.ready().server(AcceptSession(0, 6000, Script.sid)),
        "message", Who.SERVER, "RFC 4656 §3.4", "none that no command asked for"),
    "start without a session": (
        TWAMP, lambda s: s.ready().client(StartSessions()),
        "Start-Sessions", Who.CLIENT, "RFC 4656 §3.7", "an accepted session to start"),
    "a request while testing": (
        TWAMP, lambda s: s.testing().client(s.setting.request()),
        "Request-TW-Session", Who.CLIENT, "RFC 4656 §3.7", "other than Stop-Sessions"),
    "stop: a wrong number": (
        TWAMP, lambda s: s.testing().client(StopTWSessions(0, 2)),
        "Stop-Sessions", Who.CLIENT, "RFC 5357 §3.8", "Number of Sessions: expected 1, found 2"),
    "stop: a session is left out": (
        OWAMP, lambda s: s.testing().client(stop()),
        "Stop-Sessions", Who.CLIENT, "RFC 4656 §3.8", "the SIDs of the sender's 1 sessions"),
    "stop: a session of the other side": (
        OWAMP, lambda s: s.testing().client(stop(description())).server(stop(description())),
        "Stop-Sessions", Who.SERVER, "RFC 4656 §3.8", "the SIDs of the sender's 0 sessions"),
    "stop before start": (
        TWAMP, lambda s: s.ready().accepted().client(StopTWSessions(0, 1)),
        "Stop-Sessions", Who.CLIENT, "RFC 5357 §3.8", "one while testing, found one while ready"),
    "stop twice": (
        OWAMP, lambda s: s.testing().client(stop(description()), stop(description())),
        "Stop-Sessions", Who.CLIENT, "RFC 4656 §3.8", "found a second one"),
    "stop: Accept that is not assigned": (
        OWAMP, lambda s: s.testing().client(stop(description(), accept=200)),
        "Stop-Sessions", Who.CLIENT, "RFC 4656 §3.3", "assigned value"),
    "stop: Next Seqno of a packet that was sent": (
        OWAMP, lambda s: s.testing().send(packet(2)).client(stop(description(2))),
        "Stop-Sessions", Who.CLIENT, "RFC 4656 §3.8", "Next Seqno: expected above 2"),
    "stop: a packet that was sent is skipped": (
        OWAMP, lambda s: s.testing().send(packet(1)).client(
            stop(description(3, SkipRange(0, 1)))),
        "Stop-Sessions", Who.CLIENT, "RFC 4656 §3.8", "a packet of 0 to 1 was sent"),
    "stop: padding of a record": (
        OWAMP, lambda s: s.testing().client(
            [stop(description()).segments()[0][:-1] + b"\1"]),
        "Stop-Sessions", Who.CLIENT, "RFC 4656 §3.8", "Padding"),
    "stop: Skip Ranges in the wrong order": (
        OPEN, lambda s: s.testing().client(
            [bytes([3, 0, 0, 0, 0, 0, 0, 1]) + bytes(8) + Script.sid + bytes([0, 0, 0, 9])
             + bytes([0, 0, 0, 2]) + SkipRange.LAYOUT.pack({"first": 5, "last": 6})
             + SkipRange.LAYOUT.pack({"first": 1, "last": 2}) + bytes(8)]),
        "Stop-Sessions", Who.CLIENT, "RFC 4656 §3.8", "Skip Ranges: expected ascending"),
    "fetch: numbers in a refusal": (
        OWAMP, lambda s: s.ready().client(FetchSession(0, 9, Script.sid)).server(
            FetchAck(1, 0, 0, 1, 0)),
        "Fetch-Ack", Who.SERVER, "RFC 4656 §3.9", "expected 0 skip ranges and 0 records"),
    "fetch: Next Seqno of an unfinished session": (
        OWAMP, lambda s: s.ready().client(FetchSession(0, 9, Script.sid)).server(
            FetchAck(0, 0, 4, 0, 0)),
        "Fetch-Ack", Who.SERVER, "RFC 4656 §3.9", "Next Seqno: expected 0 unless finished"),
    "fetch: a record that was not asked for": (
        OWAMP, lambda s: s.ready().client(FetchSession(0, 5, Script.sid)).server(
            FetchAck(0, 1, 4, 0, 1), FETCHED),
        "Fetch-Session data", Who.SERVER, "RFC 4656 §3.9", "expected a number from 0 to 5"),
    "fetch: a lost record with another Send Error Estimate": (
        OWAMP, lambda s: s.testing(start_time=SOON).client(stop(description())).server(stop())
        .client(FetchSession(0, 9, s.sid)).server(
            FetchAck(0, 1, 3, 0, 1), fetched(PacketRecord(0, 5, 1, SOON + DUE, 0, 255))),
        "Fetch-Session data", Who.SERVER, "RFC 4656 §3.9", "as 0001, 3f01 or 4001, found 0005"),
    "fetch: a lost record with another time": (
        OWAMP, lambda s: s.ready().client(FetchSession(0, 9, s.sid)).server(
            FetchAck(0, 1, 3, 0, 1), fetched(PacketRecord(0, 1, 1, SOON, 0, 255))),
        "Fetch-Session data", Who.SERVER, "RFC 4656 §3.9", "the time by the schedule, found one -"),
    "fetch: a lost record with a TTL": (
        OWAMP, lambda s: s.ready().client(FetchSession(0, 9, s.sid)).server(
            FetchAck(0, 1, 3, 0, 1), fetched(PacketRecord(0, 1, 1, SOON + DUE, 0, 64))),
        "Fetch-Session data", Who.SERVER, "RFC 4656 §3.9", "TTL of record 0, lost: expected 255"),
    "fetch: Receive Error Estimate of zero": (
        OWAMP, lambda s: s.ready().client(FetchSession(0, 9, s.sid)).server(
            FetchAck(0, 1, 3, 0, 1), fetched(PacketRecord(0, 1, 0, SOON + DUE, 0, 255))),
        "Fetch-Session data", Who.SERVER, "RFC 4656 §4.1.2", "Receive Error Estimate of record 0"),
    "fetch: a packet that was later than Timeout": (
        OWAMP, lambda s: s.ready().client(FetchSession(0, 9, s.sid)).server(
            FetchAck(0, 1, 3, 0, 1), fetched(PacketRecord(0, 1, 1, SOON, SOON + 2**40, 64))),
        "Fetch-Session data", Who.SERVER, "RFC 4656 §4.2", "within Timeout of Send Timestamp"),
    "a packet before Start-Ack": (
        OWAMP, lambda s: s.ready().accepted().send(packet()),
        "OWAMP-Test packet", Who.SENDER, "RFC 4656 §3.7", "before Start-Ack"),
    "a packet after Stop-Sessions": (
        OWAMP, lambda s: s.testing().client(stop(description())).send(packet()),
        "OWAMP-Test packet", Who.SENDER, "RFC 4656 §3.8", "after its side sent Stop-Sessions"),
    "packet: too short": (
        TWAMP, lambda s: s.testing().send(bytes(47)),
        "TWAMP-Test packet", Who.SENDER, "RFC 4656 §4.1.2", "at least 48 octets, found 47"),
    "packet: Multiplier of zero": (
        OWAMP, lambda s: s.testing().send(packet(error_estimate=0x100)),
        "OWAMP-Test packet", Who.SENDER, "RFC 4656 §4.1.2", "Multiplier"),
    "packet: Z set": (
        OWAMP, lambda s: s.testing().send(packet(error_estimate=0x4001)),
        "OWAMP-Test packet", Who.SENDER, "RFC 4656 §4.1.2", "expected Z 0"),
    "packet: MBZ": (
        AUTHENTICATED, lambda s: s.testing().send(
            bytearray_with(seal_packet(s.mode, packet(), s.keys), 27)),
        "TWAMP-Test packet", Who.SENDER, "RFC 4656 §4.1.2", "at offset 26"),
    "packet: unauthenticated form in a protected mode": (
        OWAMP, lambda s: s.testing().send(
            seal_packet(TestMode.UNAUTHENTICATED, packet(padding=bytes(40)))),
        "OWAMP-Test packet", Who.SENDER, "RFC 4656 §4.1.2", "HMAC"),
    "packet: ECB form in the encrypted mode": (
        OWAMP, lambda s: s.testing().send(seal_packet(TestMode.AUTHENTICATED, packet(), s.keys)),
        "OWAMP-Test packet", Who.SENDER, "RFC 4656 §4.1.2", "(one block, ECB)"),
    "packet: CBC form in the authenticated mode": (
        AUTHENTICATED, lambda s: s.testing().send(
            seal_packet(TestMode.ENCRYPTED, packet(), s.keys)),
        "TWAMP-Test packet", Who.SENDER, "RFC 4656 §4.1.2", "(all blocks, CBC)"),
    "packet: a number used twice": (
        TWAMP, lambda s: s.testing().send(packet()).send(packet(timestamp=6 << 32)),
        "TWAMP-Test packet", Who.SENDER, "RFC 4656 §4.1.2", "one of its own, found 0 again"),
    "packet: more than were asked for": (
        OWAMP, lambda s: s.testing().send(packet(3)),
        "OWAMP-Test packet", Who.SENDER, "RFC 4656 §3.5", "below 3"),
    "packet: padding that was not asked for": (
        OWAMP, lambda s: s.testing().send(packet(padding=b"x")),
        "OWAMP-Test packet", Who.SENDER, "RFC 4656 §3.5", "Packet Padding: expected 0 octets"),
    "reflected: number from 1": (
        TWAMP, lambda s: [
            s.testing(),
            *[s.send(packet(n)).reflect(answer(n, sequence_number=n + 1)) for n in range(3)],
            *map(s.observer.add, s.observer.sum_up()),
        ],
        "Test packets", Who.SENDER, "RFC 5357 §4.2.1", "expected one from 0 on, found one from 1"),
    "reflected: a number used twice": (
        TWAMP, lambda s: s.testing().send(packet()).send(packet(1)).reflect(answer()).reflect(
            answer(1, sequence_number=0)),
        "TWAMP-Test packet", Who.REFLECTOR, "RFC 5357 §4.2.1", "found 0 again"),
    "reflected: a packet that was never sent": (
        TWAMP, lambda s: s.whole().testing().send(packet()).reflect(
            answer(sender_sequence_number=4)),
        "TWAMP-Test packet", Who.REFLECTOR, "RFC 5357 §4.2.1", "that of a packet that was sent"),
    "packet: Timestamp of zeros": (
        TWAMP, lambda s: s.testing().send(packet(timestamp=0)),
        "TWAMP-Test packet", Who.SENDER, "RFC 4656 §4.1.2", "Timestamp: expected a time"),
    "packet: Timestamp since 1970": (
        OWAMP, lambda s: s.testing().send(packet(timestamp=START // 10**9 << 32), time=START),
        "OWAMP-Test packet", Who.SENDER, "RFC 4656 §4.1.2", "which are those since 1970"),
    "packet: before Start Time": (
        TWAMP, lambda s: s.testing(start_time=9 << 32).send(packet(timestamp=8 << 32)),
        "TWAMP-Test packet", Who.SENDER, "RFC 4656 §3.5", "1.000 s before it"),
    "packet: later than Timeout after its time": (
        OWAMP, lambda s: s.testing(start_time=SOON).send(packet(timestamp=SOON + 2**40)),
        "OWAMP-Test packet", Who.SENDER, "RFC 4656 §4.1.1", "more than Timeout"),
    "reflected: Receive Timestamp of zeros": (
        MIXED, lambda s: s.testing().send(packet()).reflect(answer(receive_timestamp=0)),
        "TWAMP-Test packet", Who.REFLECTOR, "RFC 5357 §4.2.1", "Receive Timestamp: expected a ti"),
    "reflected: Timestamp since 1970": (
        TWAMP, lambda s: s.testing().send(packet()).reflect(
            answer(timestamp=START // 10**9 << 32), time=START),
        "TWAMP-Test packet", Who.REFLECTOR, "RFC 5357 §4.2.1", "which are those since 1970"),
    "reflected: Receive Timestamp long before the packet was sent": (
        TWAMP, lambda s: s.testing().send(packet(), time=START).reflect(
            answer(receive_timestamp=1 << 32), time=START + 10**9),
        "TWAMP-Test packet", Who.REFLECTOR, "RFC 5357 §4.2.1", "at most 1.000 s before Timestamp"),
    "request: a SID of zeros for the client's receiver": (
        OWAMP, lambda s: s.ready().client(
            OWAMP.request(conf_sender=1, conf_receiver=0, sid=bytes(16))).server(
            AcceptSession(0, 6000, bytes(16))),
        "Request-Session", Who.CLIENT, "RFC 4656 §3.5", "SID: expected one made by the receiver"),
    "request: Start Time since 1970": (
        OPEN, lambda s: s.ready().observer.client_octets(
            b"".join(t + bytes(16) for t in
                     OPEN.request(start_time=START // 10**9 << 32).segments()), START),
        "Request-Session", Who.CLIENT, "RFC 4656 §3.5", "which are those since 1970"),
    "start: Start-Time since 1970": (
        OPEN, lambda s: s.greet().respond().observer.server_octets(
            ServerStart(0, bytes(16), START // 10**9 << 32).to_octets(), START),
        "Server-Start", Who.SERVER, "RFC 4656 §3.1", "Start-Time: expected seconds since 1900"),
    "accept: a refusal with a port": (
        TWAMP, lambda s: s.ready().client(TWAMP.request()).server(
            AcceptSession(1, 6000, bytes(16))),
        "Accept-Session", Who.SERVER, "RFC 5357 §3.5, erratum 1587", "Port: expected 0 with a ref"),
    "accept: of a request to a wrong HMAC": (
        TWAMP, lambda s: s.ready().client_octets_with_wrong_hmac(TWAMP.request()).server(
            AcceptSession(0, 6000, s.sid)),
        "Accept-Session", Who.SERVER, "RFC 4656 §3.2", "Accept 0, though the HMAC of Request"),
    "reflected: another Sender Timestamp": (
        TWAMP, lambda s: s.testing().send(packet()).reflect(answer(sender_timestamp=1)),
        "TWAMP-Test packet", Who.REFLECTOR, "RFC 5357 §4.2.1", "Sender Timestamp: expected"),
    "reflected: another Sender Error Estimate": (
        MIXED, lambda s: s.testing().send(packet()).reflect(answer(sender_error_estimate=9)),
        "TWAMP-Test packet", Who.REFLECTOR, "RFC 5357 §4.2.1", "Sender Error Estimate: expected"),
    "reflected: sent before it was received": (
        OPEN_TW, lambda s: s.testing().send(packet()).reflect(answer(timestamp=1)),
        "TWAMP-Test packet", Who.REFLECTOR, "RFC 5357 §4.2.1", "not before Receive Timestamp"),
    "reflected: a TTL that it cannot have had": (
        TWAMP, lambda s: s.testing().send(packet(), ttl=60).reflect(answer(sender_ttl=61)),
        "TWAMP-Test packet", Who.REFLECTOR, "RFC 5357 §4.2.1", "Sender TTL: expected at most 60"),
    "reflected: MBZ": (
        OPEN_TW, lambda s: s.testing().send(packet()).reflect(
            bytearray_with(seal_packet(s.mode, answer()), 14)),
        "TWAMP-Test packet", Who.REFLECTOR, "RFC 5357 §4.2.1", "MBZ"),
    "the connection ends in a message": (
        OPEN, lambda s: (s.greet().observer.client_octets(b"123"), s.observer.client_closed()),
        "end", Who.CLIENT, "RFC 4656 §3.1", "inside a message"),
    "the connection ends before an answer": (
        OPEN, lambda s: s.ready().client(s.setting.request()).observer.server_closed(),
        "end", Who.SERVER, "RFC 4656 §3.4", "before a command was answered"),
    "the connection ends while testing": (
        TWAMP, lambda s: s.testing().observer.client_closed(),
        "end", Who.CLIENT, "RFC 4656 §3.8", "without Stop-Sessions"),
    "the connection ends in the set-up": (
        TWAMP, lambda s: s.greet().observer.client_closed(),
        "end", Who.CLIENT, "RFC 4656 §3.1", "while setting up"),
}  # fmt: skip


def bytearray_with(data: bytes, place: int) -> bytes:
    """The same octets, one bit of one turned over."""
    return data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :]


@pytest.mark.parametrize("case", WRONG)
def test_wrong_behaviour_is_found_at_its_message(case: str) -> None:
    setting, play, name, who, source, text = WRONG[case]
    script = Script(setting)
    play(script)
    steps = script.observer.steps
    wrong = wrong_steps(steps)
    assert wrong, lines(steps)
    # With two steps the second end of a broken agreement is named too.
    found = [step for step in wrong if step.name == name and step.who is who]
    assert found, lines(steps)
    named = [f for f in found[-1].remarks if f.severity is Severity.WRONG and text in f.text]
    assert named, lines(steps)
    assert named[0].source == source
    assert steps.index(wrong[0]) >= steps.index(found[0]) or "to a wrong" in case


@pytest.mark.parametrize("case", WRONG)
def test_the_steps_before_the_wrong_one_are_not_wrong(case: str) -> None:
    setting, play, name, who, *_ = WRONG[case]
    script = Script(setting)
    play(script)
    wrong = [(step.name, step.who) for step in wrong_steps(script.observer.steps)]
    allowed = {(name, who)}
    if "to a wrong" in case:  # the client was wrong before
        asked = REQUESTS[setting.protocol].LAYOUT.title
        allowed.add((asked if name == "Accept-Session" else "Set-Up-Response", Who.CLIENT))
    if case == "greeting after the response":
        allowed.add(("Server-Greeting", Who.SERVER))
    assert set(wrong) == allowed


def test_port_is_unused_between_two_hosts_of_the_server() -> None:
    script = Script(OWAMP).ready().client(OWAMP.request(conf_sender=1, conf_receiver=1))
    script.server(AcceptSession(0, 0, script.sid))
    assert not any_wrong(script.observer.steps), lines(script.observer.steps)


LEFT_OPEN: dict[str, tuple[Setting, dict[str, Any]]] = {
    "IPVN": (TWAMP, {"ipvn": 5}),
    "no side is configured": (OWAMP, {"conf_receiver": 0}),
    "no slots": (OWAMP, {"slots": ()}),
    "a SID in TWAMP": (TWAMP, {"sid": Script.sid}),
    "packets in TWAMP": (TWAMP, {"number_of_packets": 1}),
    "slots in TWAMP": (TWAMP, {"number_of_slots": 1}),
    "Type-P": (TWAMP, {"type_p": 2**31}),
    "nothing": (OWAMP, {}),
}
"""What is wrong with a request that a server may grant, and may refuse (RFC 4656 §3.5)."""


@pytest.mark.parametrize("case", LEFT_OPEN)
@pytest.mark.parametrize("accept", [0, 1, 3, 4, 5])
def test_a_server_is_not_wrong_where_the_rfcs_leave_its_answer_open(case: str, accept: int) -> None:
    setting, changes = LEFT_OPEN[case]
    script = Script(setting).ready().client(setting.request(**changes))
    script.server(AcceptSession(accept, 0 if accept else 6000, bytes(16) if accept else script.sid))
    wrong = wrong_steps(script.observer.steps)
    assert all(step.who is Who.CLIENT for step in wrong), lines(wrong)


def test_a_server_may_ignore_the_bit_of_an_extension_that_it_did_not_offer() -> None:
    """RFC 4656 §3.1: "A server MUST ignore the values of the first 29 bits"."""
    for accept in (0, 1, 3):
        script = Script(TWAMP).greet().respond(mode=0x84).begin(accept=accept)
        (wrong,) = wrong_steps(script.observer.steps)
        assert wrong.who is Who.CLIENT


def test_a_server_may_start_no_session() -> None:
    script = Script(TWAMP).ready().client(StartSessions()).server(StartAck(0))
    assert script.observer.steps[-1].severity is Severity.NOTE


def test_a_server_may_take_a_sid_that_the_client_names_twice() -> None:
    script = Script(OWAMP).ready()
    for port in (5000, 5002):
        asked = {"conf_sender": 1, "conf_receiver": 0, "sender_port": port, "sid": script.sid}
        script.client(OWAMP.request(**asked)).server(AcceptSession(0, 6000, bytes(16)))
    assert not any_wrong(script.observer.steps), lines(script.observer.steps)
    assert "that of another session" in script.observer.steps[-1].text


@pytest.mark.parametrize("is_counted", [True, False])
def test_either_reading_of_a_session_with_both_conf_bits_is_right(is_counted: bool) -> None:
    """RFC 4656 §3.8 contradicts itself."""
    script = Script(OWAMP).ready().client(OWAMP.request(conf_sender=1, conf_receiver=1))
    script.server(AcceptSession(0, 0, script.sid))
    script.client(StartSessions()).server(StartAck(0))
    script.client(stop(description()) if is_counted else stop())
    assert not any_wrong(script.observer.steps), lines(script.observer.steps)


# Notes: neither right nor wrong


@pytest.mark.parametrize(
    ("setting", "play", "text"),
    [
        (OPEN, lambda s: s.greet(modes=0), "no service"),
        (OPEN, lambda s: s.greet().respond(mode=0), "declines"),
        (OPEN, lambda s: s.greet().respond().begin(accept=5), "temporary resource limitation"),
        (OPEN, lambda s: s.observer.server_octets(b"\1" + s.greeting.to_octets()[1:]), "Unused"),
        (OPEN_TW, lambda s: s.greet(modes=0x21).respond(mode=0x21), "Reflect Octets (RFC 6038)"),
        (TWAMP, lambda s: s.greet().respond(token=bytes(64)), "or the secret given here is not"),
        (
            TWAMP,
            lambda s: s.greet().respond(token=bytes(64)).begin(),
            "or the server does not check the Token",
        ),
        (
            TWAMP,
            lambda s: s.testing().send(packet()).reflect(answer(sequence_number=1)),
            "some were doubled on their way",
        ),
        (
            TWAMP,
            lambda s: s.testing().reflect(answer()),
            "some were doubled on their way or not seen",
        ),
        (
            OPEN_TW,
            lambda s: s.ready().observer.client_octets(
                OPEN_TW.request(start_time=ntp_timestamp(START)).segments()[0] + bytes(16),
                START + 2 * 86_400 * 10**9,
            ),
            "Start Time: 2023-11-14 22:13:20Z, 2.0 days ago",
        ),
        (
            OWAMP,
            lambda s: s.testing(start_time=SOON).send(packet(timestamp=SOON)),
            "before its time by the schedule",
        ),
        (TWAMP, lambda s: s.testing().send(packet()).send(packet()), "duplicate"),
        (TWAMP, lambda s: s.testing().send(packet(padding=b"1")), "Packet Padding"),
        (
            TWAMP,
            lambda s: s.testing().send(packet(padding=bytes(64))).reflect(answer(padding=b"x")),
            "Packet Padding: not the sender's",
        ),
        (TWAMP, lambda s: s.testing().send(packet()).send(packet(1, timestamp=1)), "earlier"),
        (TWAMP, lambda s: s.observer.test_packet(b"x", ("a", 1), ("b", 2)), "ports 1 and 2"),
        (TWAMP, lambda s: s.ready().observer.gap(Who.CLIENT, "9 octets"), "not checked"),
    ],
)
def test_what_is_only_remarkable_is_a_note(setting: Setting, play: Play, text: str) -> None:
    script = Script(setting)
    play(script)
    steps = script.observer.steps
    assert not any_wrong(steps), lines(steps)
    assert text in steps[-1].text
    assert steps[-1].severity is Severity.NOTE


@pytest.mark.parametrize("accept", [1, 3])
def test_a_refused_request_is_a_note_and_the_connection_goes_on(accept: int) -> None:
    script = Script(TWAMP).ready()
    script.client(script.setting.request()).server(AcceptSession(accept, 0, bytes(16)))
    assert script.observer.steps[-1].severity is Severity.NOTE
    script.accepted().observer.client_closed()
    assert [step.severity for step in script.observer.steps[-3:]] == [Severity.OK] * 3


@pytest.mark.parametrize(("number", "remarks"), [(1, 4), (2, 1)])
def test_a_cause_is_given_only_if_it_is_known_which_command_it_was(
    number: int, remarks: int
) -> None:
    script = Script(TWAMP).ready().client(*[TWAMP.request()] * number)
    (step,) = script.observer.server_closed()
    assert step.severity is Severity.WRONG
    assert len(step.remarks) == remarks
    assert bool(step.parts) == (number == 1)


def test_a_session_in_no_mode_is_not_followed() -> None:
    script = Script(OPEN).greet(modes=7).respond(mode=3).begin().accepted()
    assert script.observer.steps[-1].name == "Accept-Session"
    assert not script.observer.sessions


def test_a_refused_connection_ends_as_it_should() -> None:
    script = Script(OPEN).greet().respond().begin(accept=1)
    assert script.observer.server_closed()[0].severity is Severity.OK
    assert script.observer.client_closed() == []


def test_a_synchronized_clock_far_from_the_capture_is_remarked() -> None:
    script = Script(TWAMP).testing()
    data = seal_packet(script.mode, packet(error_estimate=0x8001), script.keys)
    (step,) = script.observer.test_packet(data, script.source, script.destination, time=10**18)
    assert (step.severity, step.source) == (Severity.NOTE, "RFC 4656 §4.1.2")


def test_a_test_packet_is_told_by_its_ports_if_addresses_were_translated() -> None:
    script = Script(TWAMP).testing()
    data = seal_packet(script.mode, packet(), script.keys)
    (step,) = script.observer.test_packet(data, ("10.0.0.9", 5000), ("10.0.0.8", 6000))
    assert (step.severity, step.who) == (Severity.OK, Who.SENDER)
    mapped = ("::ffff:192.0.2.1", 5000), ("192.0.2.2", 6000)
    (step,) = script.observer.test_packet(data, *mapped)
    assert step.severity is not Severity.WRONG


# Extensions: named, and never wrong


@pytest.mark.parametrize(
    ("mode", "name"),
    [
        (0x21, "Reflect Octets (RFC 6038)"),
        (0x41, "Symmetrical Size (RFC 6038)"),
        (0x101, "DSCP and ECN Monitoring (RFC 7750)"),
        (0x201, "PTPv2 Timestamp (RFC 8186)"),
        (0x401, "bit 10, unassigned"),
    ],
)
def test_packets_that_an_extension_may_change_are_never_wrong(mode: int, name: str) -> None:
    script = Script(OPEN_TW).greet(modes=mode).respond(mode=mode).begin().accepted()
    script.client(StartSessions()).server(StartAck(0))
    script.send(packet(error_estimate=0x4001)).reflect(bytes(9))
    steps = script.observer.steps
    assert not any_wrong(steps), lines(steps)
    assert name in steps[1].remarks[-1].text
    assert steps[-2].text.startswith(f"not checked, for {name}: Error Estimate: expected Z 0")


def test_individual_session_control_does_not_change_packets() -> None:
    script = Script(OPEN_TW).greet(modes=0x11).respond(mode=0x11).begin().accepted()
    script.client(StartSessions()).server(StartAck(0)).send(packet(error_estimate=0x4001))
    assert any_wrong(script.observer.steps)


@pytest.mark.parametrize(
    ("mode", "command", "name"),
    [
        (0x14, 7, "Start-N-Sessions (RFC 5938)"),
        (0x14, 9, "Stop-N-Sessions (RFC 5938)"),
        (0x04, 11, "Request-TW-Micro-Sessions (RFC 9533)"),
        (0x04, 6, "Experimentation (RFC 5357)"),
    ],
)
def test_commands_of_extensions_are_not_checked(mode: int, command: int, name: str) -> None:
    script = Script(TWAMP).greet(modes=mode).respond(mode=mode).begin().accepted()
    script.client([bytes([command]) + bytes(31)]).server([bytes(32)])
    script.send(packet()).reflect(answer())
    script.observer.client_closed()
    steps = script.observer.steps
    assert not any_wrong(steps), lines(steps)
    (step,) = [step for step in steps if step.name == "command"]
    assert step.text == f"{name} and what follows on the connection are not checked"


@pytest.mark.parametrize("command", [7, 8, 9, 10, 12])
def test_commands_that_were_not_negotiated_or_are_not_assigned_are_wrong(command: int) -> None:
    script = Script(TWAMP).ready().client([bytes([command]) + bytes(31)])
    assert "Command Number" in script.observer.steps[-1].text
    assert any_wrong(script.observer.steps)


@pytest.mark.parametrize("setting", [OPEN_TW, TWAMP], ids=str)
def test_bit_16_does_not_make_owamp_of_twamp(setting: Setting) -> None:
    mode = setting.mode | 16
    script = Script(setting)
    script.observer = Observer(None, CREDENTIALS)
    script.greet(modes=mode).respond(mode=mode).begin().accepted()
    assert script.observer.protocol is Protocol.TWAMP
    assert not any_wrong(script.observer.steps), lines(script.observer.steps)


def test_bit_16_with_the_spis_of_an_ike_sa_makes_owamp() -> None:
    setting = Setting(Protocol.OWAMP, Mode.ENCRYPTED, ikev2_derived=True)
    changes: dict[str, Any] = {"key_id": bytes(range(1, 17)) + bytes(64)}
    for known, changed in ((CREDENTIALS, {}), ((), changes)):
        script = Script(setting)
        script.observer = Observer(None, known)
        script.greet().respond(**changed)
        assert script.observer.protocol is Protocol.OWAMP


# What was not seen, or not in its order


def test_a_packet_of_the_server_may_overtake_its_start_ack() -> None:
    script = Script(OWAMP).ready()
    asked = {"conf_sender": 1, "conf_receiver": 0, "receiver_port": 5000, "sid": script.sid}
    script.client(OWAMP.request(**asked)).server(AcceptSession(0, 6000, bytes(16)))
    data = seal_packet(script.mode, packet(), script.keys)
    early = script.observer.test_packet(data, script.destination, script.source)
    assert any_wrong(early)
    script.client(StartSessions())
    (step,) = script.observer.test_packet(data, script.destination, script.source)
    assert step.text == "it came before Start-Ack, which it may have overtaken"
    assert step.severity is Severity.NOTE


def test_packets_after_a_gap_are_not_out_of_turn() -> None:
    script = Script(TWAMP).ready().accepted()
    script.observer.gap(Who.CLIENT, "64 octets were not captured")
    script.send(packet()).reflect(answer())
    assert not any_wrong(script.observer.steps), lines(script.observer.steps)


def test_packets_doubled_before_the_reflector_are_numbered_as_it_sends_them() -> None:
    """RFC 5357 §4.2.1: its Sequence Number counts the packets that it transmits."""
    script = Script(TWAMP).whole().testing()
    numbers = iter(range(6))
    for number in range(3):
        script.send(packet(number))
        for _ in range(2):
            script.reflect(answer(number, sequence_number=next(numbers)))
    steps = [*script.observer.steps, *script.observer.sum_up()]
    assert not any_wrong(steps), lines(steps)
    assert steps[-1].text == "3 test packets sent, 3 of them reflected, 3 answers more"


# Several sessions


def test_with_several_sessions_each_packet_and_sum_names_its_own() -> None:
    script = Script(TWAMP).ready().accepted().client(TWAMP.request(sender_port=5002))
    script.server(AcceptSession(0, 6002, bytes(range(16)))).client(StartSessions())
    script.server(StartAck(0)).send(packet())
    name = f"SID {script.sid.hex()}, port 6000"
    assert script.observer.steps[-1].session == name
    assert f"TWAMP-Test packet ({name})  ok: " in lines(script.observer.steps)
    sums = script.observer.sum_up()
    assert [item.session for item in sums] == [name, f"SID {bytes(range(16)).hex()}, port 6002"]
    assert [item.text for item in sums] == [
        "1 test packets sent, 0 of them reflected",
        "0 test packets sent, 0 of them reflected",
    ]


# Causes: the known mistake with which it verifies


@pytest.mark.parametrize(
    "flag",
    [
        "ServerHmacWithoutServerStart",
        "HmacNotReset",
        "HmacCoversHmac",
        "HmacLast16",
        "HmacOverCiphertext",
        "HmacInClear",
        "ControlIvZero",
        "ControlKeyCutTo16",
    ],
)
def test_the_mistake_of_a_server_in_its_hmacs_is_named(flag: str) -> None:
    script = Script(TWAMP).greet().respond()
    start = ServerStart(0, script.server_iv, 7).to_octets()
    with MISTAKES[flag].applied():  # by the server, and not by the observer
        stream = control.ProtectedSender(script.control_keys, script.server_iv)
        block = stream.write(start[ServerStart.CLEAR_SIZE :])
    script.observer.server_octets(start[: ServerStart.CLEAR_SIZE] + block)
    for port in (5000, 5002):
        script.client(TWAMP.request(sender_port=port))
        reply = AcceptSession(0, 6000, bytes([port % 256]) * 16)
        with MISTAKES[flag].applied():
            octets = control.write_message(stream, reply.segments())
        script.observer.server_octets(octets)
    steps = script.observer.steps
    text = lines(steps)
    assert text.count("it verifies by a known mistake: ") == 1, text
    assert f"({flag})" in text


def test_the_ivs_exchanged_are_named() -> None:
    script = Script(TWAMP)
    script.greet().respond()
    start = ServerStart(0, script.server_iv, 7).to_octets()
    script.server_stream = control.ProtectedSender(script.control_keys, script.client_iv)
    block = script.server_stream.write(start[ServerStart.CLEAR_SIZE :])
    script.observer.server_octets(start[: ServerStart.CLEAR_SIZE] + block)
    script.accepted()
    assert "(IvsExchanged)" in lines(script.observer.steps)


def test_no_mistake_is_named_where_none_fits() -> None:
    script = Script(TWAMP).ready().client_octets_with_wrong_hmac(TWAMP.request())
    assert any_wrong(script.observer.steps)
    assert "known mistake" not in lines(script.observer.steps)


@pytest.mark.parametrize(
    "flag", ["T4InEcb", "SidByteOrder", "TestIvNotZero", "TestHmacOverPadding"]
)
def test_the_mistake_of_a_reflector_in_its_packets_is_named(flag: str) -> None:
    script = Script(TWAMP).testing().send(packet(padding=bytes(64)))
    with MISTAKES[flag].applied():
        keys = derivation.derive_test_session_keys(script.control_keys, script.sid)
        octets = packets.seal_packet(script.mode, answer(padding=b"padding"), keys)
    script.reflect(octets)
    assert f"({flag})" in script.observer.steps[-1].text
    script.reflect(bytes(112))
    assert "known mistake" not in script.observer.steps[-1].text

"""Attacks on the test packets, and what withstands them."""

from __future__ import annotations

import asyncio

from owamp_reference.events import Fetched, StopReceived
from owamp_reference.keys import (
    TestSessionKeys,
    control_keys_from_test_keys,
    derive_test_session_keys,
    make_sid,
)
from owamp_reference.messages import PacketRecord, SessionDescription
from owamp_reference.negotiation import Mode, Protocol
from owamp_reference.packets import (
    ReflectorPacket,
    SenderPacket,
    TestMode,
    open_packet,
    protected_size,
)
from owamp_reference.primitives import AES_BLOCK_SIZE, HMAC_SIZE
from owamp_reference.sessions import DEFAULT_ERROR_ESTIMATE, SessionSender
from owamp_reference.sources import system_clock, system_random

from ...net.addresses import address_in_sid, packed
from ...net.schedule import STOP_INCREMENT
from .control_messages import genuine_answer
from .target import (
    INTERVAL,
    PADDING,
    AttackedHost,
    ClientLine,
    NotToldError,
    Peer,
    PeerOutcome,
    ServerRefusedError,
    Session,
)

_ROUNDS = 3
_TIMESTAMP = slice(AES_BLOCK_SIZE, AES_BLOCK_SIZE + 8)


def _sender(session: Session) -> SessionSender:
    return SessionSender(session.granted.mode, session.keys)


def _packet_under(keys: TestSessionKeys, session: Session, number: int = 0) -> bytes:
    """The packet of this number for a session, under keys that need not be its own."""
    sender = SessionSender(session.granted.mode, keys)
    for _ in range(number):
        sender.next_packet(PADDING)
    return sender.next_packet(PADDING)


def _opened(session: Session, answer: bytes) -> ReflectorPacket:
    """A reflector's packet; raises `ProtocolError` if it does not verify."""
    return open_packet(session.granted.mode, ReflectorPacket, answer, session.keys)


async def _session(line: ClientLine) -> Session:
    await line.set_up()
    return await line.ask()


# Honest runs


async def packet_returns(target: AttackedHost, *, mode: Mode) -> PeerOutcome:
    """TWAMP: two packets of an honest sender are answered."""
    async with target.line(mode) as line:
        session = await _session(line)
        await line.start()
        sender = _sender(session) if session.granted.keys else SessionSender(session.granted.mode)
        for _ in range(2):
            sender.receive(await genuine_answer(line, session, sender))
        return PeerOutcome(Peer.RUNS, "two packets return")


async def packets_arrive(target: AttackedHost, *, mode: Mode) -> PeerOutcome:
    """OWAMP: two packets of an honest sender are in what the server recorded."""
    async with target.line(mode) as line:
        session = await _session(line)
        await line.start()
        sender = _sender(session)
        await asyncio.sleep(INTERVAL)
        packets = [sender.next_packet(PADDING) for _ in range(2)]
        records = await _records(target, line, session, packets)
        if set(records) != {0, 1}:
            raise NotToldError("the server has no record of an honest packet")
        return PeerOutcome(Peer.RUNS, "two packets arrive")


# TWAMP


def as_senders(answer: bytes, mode: TestMode) -> bytes:
    """A reflector's packet, rearranged as a sender's of this moment: anybody can do it.

    What is protected of a sender's packet stays, and so does the HMAC; a time is new.
    """
    size = protected_size(SenderPacket.PROTECTED_LAYOUT, mode)
    now = SenderPacket(0, system_clock(), DEFAULT_ERROR_ESTIMATE.to_int())
    clear = SenderPacket.PROTECTED_LAYOUT.pack(vars(now))
    end = ReflectorPacket.header_size(mode)
    return answer[:size] + clear[size:] + answer[end - HMAC_SIZE : end]


async def reflector_answers_itself(target: AttackedHost, *, mode: Mode) -> PeerOutcome:
    """A reflector's packet is rearranged and given back to it, again and again."""
    async with target.line(mode) as line:
        session = await _session(line)
        await line.start()
        answer = await genuine_answer(line, session, _sender(session))
        taken: list[int] = []
        for _ in range(_ROUNDS):
            forged = as_senders(answer, session.granted.mode) + bytes(PADDING)
            number = _opened(session, answer).sequence_number
            returned = await line.exchange(session, forged)
            if returned is None:
                break
            taken.append(number)
            answer = returned
        if not taken:
            return PeerOutcome(Peer.RESISTS, "it does not answer its own packet")
        if not any(taken):
            raise NotToldError("it answers its own packets, under the sender's number alone")
        numbers = " and ".join(map(str, taken))
        text = f"after one packet of the sender it answers its own packets, numbers {numbers}"
        return PeerOutcome(Peer.FALLS, text)


async def timestamp_changed(target: AttackedHost, *, mode: Mode) -> PeerOutcome:
    """The time in a sender's packet is changed on the way."""
    async with target.line(mode) as line:
        session = await _session(line)
        await line.start()
        sender = _sender(session)
        await genuine_answer(line, session, sender)
        packet = bytearray(sender.next_packet(PADDING))
        packet[_TIMESTAMP.start + 3] ^= 1  # a second, where it is in clear
        answer = await line.exchange(session, bytes(packet))
        if answer is None:
            return PeerOutcome(Peer.RESISTS, "it answers an honest packet, and not this one")
        found, put_in = _opened(session, answer), int.from_bytes(packet[_TIMESTAMP], "big")
        if mode is Mode.AUTHENTICATED and found.sender_timestamp != put_in:
            raise NotToldError("it answers with a time that nobody sent")
        return PeerOutcome(Peer.FALLS, "it answers the packet that the adversary changed")


async def packet_of_another_session(target: AttackedHost, *, mode: Mode) -> PeerOutcome:
    """The reflector of a session gets a packet of another one, and one under T1 and T2."""
    async with target.line(mode) as line:
        other = await _session(line)
        session = await line.ask()
        await line.start()
        control_keys = line.client.control_keys
        assert control_keys is not None
        await genuine_answer(line, session, _sender(session))
        as_control = TestSessionKeys(control_keys.t1, control_keys.t2)
        for keys, what in (
            (other.keys, "a packet of another session"),
            (as_control, "a packet under T1 and T2"),
        ):
            if await line.exchange(session, _packet_under(keys, session)) is not None:
                return PeerOutcome(Peer.FALLS, f"it answers {what}")
        return PeerOutcome(Peer.RESISTS, "it answers neither, and answered one of its own sender")


# OWAMP: what the server has received is seen in the records that it is asked for


async def _records(
    target: AttackedHost, line: ClientLine, session: Session, packets: list[bytes]
) -> dict[int, PacketRecord]:
    """Send packets; what the server has recorded of the session at its end, by number."""
    for packet in packets:
        line.send_packet(session, packet)
    await asyncio.sleep(2 * INTERVAL + target.config.loss_timeout + STOP_INCREMENT)
    sids = [one.sid for one in line.client.sessions if one.request.conf_receiver]
    line.client.stop_sessions(tuple(SessionDescription(sid, 2) for sid in sids))
    line.send(line.client.data_to_send())
    await line.expect(StopReceived)
    line.client.fetch_session(session.granted.sid)
    line.send(line.client.data_to_send())
    fetched = await line.expect(Fetched)
    if fetched.data is None:
        raise NotToldError(f"Fetch-Session is refused with Accept {int(fetched.ack.accept)}")
    return {one.seq_number: one for one in fetched.data.records if not one.is_lost}


async def _taken(
    target: AttackedHost, line: ClientLine, session: Session, forged: bytes, keys: TestSessionKeys
) -> PeerOutcome:
    """Whether a packet is recorded that the adversary puts in the place of the sender's first.

    Args:
        forged: under `keys`, with the number 0.
    """
    mode, sender = session.granted.mode, _sender(session)
    _, kept = sender.next_packet(PADDING), sender.next_packet(PADDING)
    records = await _records(target, line, session, [forged, kept])
    if 1 not in records:
        raise NotToldError("the server has no record of an honest packet")
    if 0 not in records:
        return PeerOutcome(Peer.RESISTS, "it records an honest packet, and not this one")
    if records[0].send_timestamp != open_packet(mode, SenderPacket, forged, keys).timestamp:
        raise NotToldError("the server has a record of a packet that nobody sent")
    return PeerOutcome(Peer.FALLS, "it records the packet")


async def own_packet_back(target: AttackedHost, *, mode: Mode, same_sid: bool) -> PeerOutcome:
    """The server sends in one session, and gets its packet back in the other, as number 0."""
    async with target.line(mode) as line:
        session = await _session(line)
        sid = session.granted.sid
        if not same_sid:
            random, now = system_random("SID", 4), system_clock().to_bytes(8, "big")
            sid = make_sid(address_in_sid(line.local), now, random)
        bound = line.bind()
        asked = line.request(
            bound,
            conf_sender=1,
            conf_receiver=0,
            sender_port=0,
            receiver_port=int(bound.getsockname()[1]),
            sender_address=packed(line.peer),
            receiver_address=packed(line.local),
            sid=sid,
        )
        try:
            back = await line.ask(bound, asked)
        except ServerRefusedError as error:
            if not same_sid:
                raise
            return PeerOutcome(Peer.RESISTS, f"{error}, asked for a SID that it has")
        await line.start()
        sent = await line.receive_packet(back)
        if sent is None:
            raise NotToldError("the server sends no test packet")
        return await _taken(target, line, session, sent, back.keys)


# Either protocol


async def packet_by_lost_keys(target: AttackedHost, *, mode: Mode) -> PeerOutcome:
    """A packet under T3 and T4 that are computed from those of another session."""
    async with target.line(mode) as line:
        lost = await _session(line)
        session = await line.ask()
        await line.start()
        recovered = control_keys_from_test_keys(lost.keys, lost.granted.sid)
        keys = derive_test_session_keys(recovered, session.granted.sid)
        if target.config.protocol is Protocol.OWAMP:
            await asyncio.sleep(INTERVAL)  # no packet may come before its time
            return await _taken(target, line, session, _packet_under(keys, session), keys)
        await genuine_answer(line, session, _sender(session))  # both ends have sent number 0
        if await line.exchange(session, _packet_under(keys, session, number=1)) is None:
            return PeerOutcome(Peer.RESISTS, "it answers an honest packet, and not this one")
        return PeerOutcome(Peer.FALLS, "it answers the packet")

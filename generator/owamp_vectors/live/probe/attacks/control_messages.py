"""Attacks on the set-up and on the control messages, and what withstands them."""

from __future__ import annotations

import secrets
from dataclasses import replace

from owamp_reference.keys import ControlKeys, control_keys_from_test_keys
from owamp_reference.messages import ServerGreeting
from owamp_reference.negotiation import Mode, Protocol
from owamp_reference.packets import TestMode
from owamp_reference.primitives import AES_BLOCK_SIZE
from owamp_reference.sessions import SessionSender

from .target import (
    PADDING,
    AttackedHost,
    ClientLine,
    NotToldError,
    Peer,
    PeerOutcome,
    ServerRefusedError,
    Session,
    under,
)


def _xor(*octets: bytes) -> bytes:
    """The sum of octet strings of one size."""
    total = bytes(len(octets[0]))
    for one in octets:
        total = bytes(a ^ b for a, b in zip(total, one, strict=True))
    return total


async def _granted(line: ClientLine, what: str) -> PeerOutcome:
    """Whether the server grants a request after all that came before."""
    try:
        await line.ask()
    except ServerRefusedError as error:
        return PeerOutcome(Peer.RESISTS, str(error))
    return PeerOutcome(Peer.FALLS, f"it grants a request under {what}")


# The Token


async def token_of_four(target: AttackedHost, *, zero: bool) -> PeerOutcome:
    """The first blocks of the answers of four clients, whom the adversary greets, are a Token."""
    wanted = ControlKeys(bytes(16), bytes(32))
    if not zero:
        wanted = ControlKeys(secrets.token_bytes(16), secrets.token_bytes(32))
    text = wanted.t1 + wanted.t2
    async with target.line() as line:
        greeting = await line.greet()
        challenge, forged = greeting.challenge, b""
        for begin in range(0, 4 * AES_BLOCK_SIZE, AES_BLOCK_SIZE):
            answer = target.answer(replace(greeting, challenge=challenge))
            block = answer.response.token[:AES_BLOCK_SIZE]
            forged += block
            if begin < len(text):
                challenge = _xor(block, text[begin : begin + AES_BLOCK_SIZE])
        try:
            await line.set_up(wanted, token=forged)
        except ServerRefusedError as error:
            return PeerOutcome(Peer.RESISTS, str(error))
        return await _granted(line, "keys that the adversary chose")


async def token_transplanted(target: AttackedHost) -> PeerOutcome:
    """T2 of a client that the adversary greeted, after the first block of another's Token."""
    async with target.line() as line:
        greeting = await line.greet()
        genuine = target.answer(greeting)
        other = target.answer(replace(greeting, challenge=secrets.token_bytes(AES_BLOCK_SIZE)))
        first, theirs = (one.response.token[:AES_BLOCK_SIZE] for one in (genuine, other))
        keys = ControlKeys(_xor(other.keys.t1, first, theirs), other.keys.t2)
        try:
            await line.set_up(keys, token=first + other.response.token[AES_BLOCK_SIZE:])
        except ServerRefusedError as error:
            return PeerOutcome(Peer.RESISTS, str(error))
        return await _granted(line, "T2 of one client and a T1 that no client drew")


async def set_up_replayed(target: AttackedHost) -> PeerOutcome:
    """The Set-Up-Response of another connection."""
    async with target.line() as line:
        await line.greet()
        response = await line.set_up()
        keys = line.client.control_keys
        await line.ask()
    async with target.line() as line:
        await line.greet()
        try:
            await line.set_up(keys, response.client_iv, token=response.token)
        except ServerRefusedError as error:
            return PeerOutcome(Peer.RESISTS, str(error))
        return await _granted(line, "the keys of another connection")


# Mode


async def mode_changed(target: AttackedHost, *, chosen: Mode, changed: Mode) -> PeerOutcome:
    """Mode in the Set-Up-Response is changed on the way to another protected one."""
    async with target.line(chosen) as line:
        offer = _offer(await line.greet(), changed)
        try:
            await line.set_up(mode=target.mode_bits(changed))
            await line.ask()
        except ServerRefusedError as error:
            return PeerOutcome(Peer.RESISTS, f"{error}{offer}")
        text = f"it grants a request under Mode {changed:d}, and the client chose {chosen:d}"
        return PeerOutcome(Peer.FALLS, f"{text}{offer}")


def _offer(greeting: ServerGreeting, mode: Mode) -> str:
    return "" if greeting.modes & mode else f"; it does not offer Mode {mode:d}"


async def mode_changed_to_mixed(
    target: AttackedHost, *, chosen: Mode, unoffered: str
) -> PeerOutcome:
    """Mode becomes 8; then the reflector gets a packet in clear that the client has not sent.

    Args:
        unoffered: the claim that this decides if the server does not offer Mode 8.
    """
    async with target.line(chosen) as line:
        offer = _offer(await line.greet(), Mode.MIXED)
        claims = (unoffered,) if offer else ()
        try:
            await line.set_up(mode=target.mode_bits(Mode.MIXED))
            session = await line.ask()
            await line.start()
        except ServerRefusedError as error:
            return PeerOutcome(Peer.RESISTS, f"{error}{offer}", claims)
        bare = SessionSender(TestMode.UNAUTHENTICATED)
        answer = await line.exchange(session, bare.next_packet(PADDING))
        if answer is None:
            text = "it does not answer a packet in clear, though it has taken Mode 8"
            return PeerOutcome(Peer.RESISTS, f"{text}{offer}", claims)
        text = f"it answers a packet in clear in a session that the client has in Mode {chosen:d}"
        return PeerOutcome(Peer.FALLS, f"{text}{offer}", claims)


# The control stream


async def front_cut_off(target: AttackedHost) -> PeerOutcome:
    """The client's first request is dropped, and its last block is put for Client-IV."""
    async with target.line() as line:
        answer = target.answer(await line.greet())
        asked = line.request(line.bind())
        dropped = under(answer.keys, answer.response.client_iv, asked)
        last = dropped[-AES_BLOCK_SIZE:]
        try:
            # From this Client-IV on, the client's first message is what the honest client's second
            # is from its own.
            await line.set_up(answer.keys, last, token=answer.response.token)
            await line.ask()
        except ServerRefusedError as error:
            return PeerOutcome(Peer.RESISTS, str(error))
        return PeerOutcome(Peer.FALLS, "it grants the second request, and has never got the first")


async def request_replayed(target: AttackedHost) -> PeerOutcome:
    """The octets of a request once more, in the same connection."""
    async with target.line() as line:
        response = await line.set_up()
        bound = line.bind()
        asked = line.request(bound)
        assert line.client.control_keys is not None
        octets = under(line.client.control_keys, response.client_iv, asked)
        await line.ask(bound, asked)
        try:
            await line.ask(bound, asked, octets)
        except ServerRefusedError as error:
            return PeerOutcome(Peer.RESISTS, str(error))
        return PeerOutcome(Peer.FALLS, "it grants the request again")


async def keys_from_test_keys(target: AttackedHost) -> PeerOutcome:
    """A request under T1 and T2, computed from T3, T4 and the SID of a session."""
    async with target.line() as line:
        await line.set_up()
        session = await line.ask()
        recovered = control_keys_from_test_keys(session.keys, session.granted.sid)
        bound = line.bind()
        asked = line.request(bound)
        forged = under(recovered, line.last_block, asked)
        try:
            await line.ask(bound, asked, forged)
        except ServerRefusedError as error:
            return PeerOutcome(Peer.RESISTS, str(error))
        text = "it grants a request that was made with T3, T4 and the SID of another session alone"
        if target.config.protocol is Protocol.TWAMP:
            await line.start()
            await genuine_answer(line, session, SessionSender(session.granted.mode, session.keys))
            text += ", and answers a packet under this T3 and T4"
        return PeerOutcome(Peer.FALLS, text)


async def genuine_answer(line: ClientLine, session: Session, sender: SessionSender) -> bytes:
    """What a reflector answers to the next packet of the honest sender; raises `NotToldError`."""
    answer = await line.exchange(session, sender.next_packet(PADDING))
    if answer is None:
        raise NotToldError("an honest packet is not answered")
    return answer

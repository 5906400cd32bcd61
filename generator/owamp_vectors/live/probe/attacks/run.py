"""The attacks and honest runs that a live server can take part in, and what it does with them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial

from owamp_reference.errors import ProtocolError
from owamp_reference.negotiation import Mode, Protocol

from ...net.addresses import unmapped
from ..config import ProbeConfig
from ..probe import connect
from . import control_messages as control
from . import packets
from .target import AttackedHost, NotToldError, Peer, PeerOutcome, ServerRefusedError

TIME_LIMIT = 30.0
"""Seconds that an attack may take."""


@dataclass(frozen=True)
class LiveAttack:
    """An attack, or an honest run, of the models.

    Attributes:
        name: what is sent.
        claims: whose trace it plays: falsified ones by an attack that goes through, verified ones
            by one that does not.
        mode: of the client; None: that of the probe.
        is_honest: whether nobody attacks.
    """

    name: str
    claims: tuple[str, ...]
    play: Callable[[AttackedHost], Awaitable[PeerOutcome]]
    mode: Mode | None = None
    is_honest: bool = False


@dataclass(frozen=True)
class Played:
    """An attack, and what came of it."""

    attack: LiveAttack
    mode: Mode
    outcome: PeerOutcome

    @property
    def claims(self) -> tuple[str, ...]:
        """The claims that it decides."""
        return self.outcome.claims or self.attack.claims


_A, _E, _M = Mode.AUTHENTICATED, Mode.ENCRYPTED, Mode.MIXED

NOT_PLAYED = {
    "forward-secrecy": "the adversary only records, and computes",
    "guess": "the adversary only records, and computes",
    "control-to-test": "every end computes T3 from T1",
    "control-to-test-hmac": "every end computes T4 from T2",
    "modes-offered": "it is the client that is deceived",
    "authenticated-return": "it is the sender, at the client, that is deceived",
    "twamp-reflection": "it is the sender, at the client, that is deceived",
    "test-to-test-one-session": "it is played as test-to-test-encrypted, with keys of one session",
    "test-to-test-twamp": "it is the sender, at the client, that is deceived",
    "test-to-test-twamp-authenticated": "it is the sender, at the client, that is deceived",
    "both-ways-client-agrees": "it is the client that is deceived",
    "two-servers-client-agrees": "it is the client that is deceived",
    "rekey-spis-lost": "it is about IKE SAs, which a server of OWAMP or TWAMP only names",
    "both-ways-server-agrees": "for the server it is an honest set-up",
    "two-servers-server-agrees": "for the server it is an honest set-up",
    "stream-t1-lost": "the server would have to send what is also a command",
    "stream-end": "the server does not say what it makes of the end of a connection",
    "ippm-who-is-client": "the host would have to be a client as well",
    "ippm-own-secrets": "each end computes the keys alone",
}
"""The falsified claims on the RFCs of OWAMP and TWAMP that are not played with a server, and why.
Those on IKEv2 itself (RFC 7296) are not among them."""


def honest_runs(protocol: Protocol) -> Iterator[LiveAttack]:
    """What has to work for the attacks to mean something."""

    def run(
        mode: Mode, play: Callable[..., Awaitable[PeerOutcome]], what: str, *claims: str
    ) -> LiveAttack:
        return LiveAttack(what, claims, partial(play, mode=mode), mode, is_honest=True)

    if protocol is Protocol.OWAMP:
        for mode in (_A, _E):
            yield run(
                mode, packets.packets_arrive, "an honest session", "token-honest", "owamp-run"
            )
        return
    text, play = "an honest session", packets.packet_returns
    yield run(_A, play, text, "run-authenticated", "reflector-run-authenticated")
    yield run(_E, play, text, "run-encrypted", "reflector-run-encrypted")
    yield run(_M, play, text, "mixed-run")


def attacks(protocol: Protocol) -> Iterator[LiveAttack]:
    """The attacks that a server of this protocol can take part in, in the order of a session."""
    yield LiveAttack(
        "a Token of four clients' answers, T1 and T2 of zeros",
        ("token-forgery",),
        partial(control.token_of_four, zero=True),
    )
    yield LiveAttack(
        "a Token of four clients' answers, T1 and T2 of choice",
        ("token-agreement", "token-t1-secret", "token-t2-secret"),
        partial(control.token_of_four, zero=False),
    )
    yield LiveAttack(
        "T2 of a client, with a T1 that is changed by a known difference",
        ("token-t2-with-t1",),
        control.token_transplanted,
    )
    yield LiveAttack(
        "a Set-Up-Response of another connection",
        ("server-agrees-once",),
        control.set_up_replayed,
    )
    for one, other in ((_E, _A), (_A, _E)):
        yield LiveAttack(
            f"Mode {one:d} changed to {other:d}",
            ("mode-agreement",),
            partial(control.mode_changed, chosen=one, changed=other),
            one,
        )
    yield LiveAttack(
        "the second request, and the last block of the first as Client-IV",
        ("stream-front",),
        control.front_cut_off,
    )
    yield LiveAttack("a request a second time", ("stream-once",), control.request_replayed)
    yield LiveAttack(
        "a request under T1 and T2 that are computed from T3, T4 and the SID",
        ("test-to-control", "test-to-control-hmac"),
        control.keys_from_test_keys,
    )
    yield from _of_twamp() if protocol is Protocol.TWAMP else _of_owamp()


def _of_twamp() -> Iterator[LiveAttack]:
    for mode, claim in ((_A, "mixed-authenticated"), (_E, "mixed-encrypted")):
        play = partial(control.mode_changed_to_mixed, chosen=mode, unoffered=f"no-{claim}")
        yield LiveAttack(f"Mode {mode:d} changed to 8, and a packet in clear", (claim,), play, mode)
    for mode, claims in (
        (_A, ("reflector-number", "reflector-answers-itself")),
        (_E, ("reflector-packet-encrypted",)),
    ):
        play = partial(packets.reflector_answers_itself, mode=mode)
        yield LiveAttack("the reflector's own packet, rearranged", claims, play, mode)
    for mode, claim in ((_A, "authenticated-timestamp"), (_E, "encrypted-to-reflector")):
        play = partial(packets.timestamp_changed, mode=mode)
        yield LiveAttack("a packet with another time", (claim,), play, mode)
    for mode, claim in ((_A, "authenticated-number"), (_E, "twamp-to-reflector-encrypted")):
        play = partial(packets.packet_of_another_session, mode=mode)
        text = "a packet of another session, and one under T1 and T2"
        yield LiveAttack(text, (claim,), play, mode)
    for mode, claim in (
        (_A, "test-to-test-reflector-authenticated"),
        (_E, "test-to-test-reflector"),
    ):
        yield _by_lost_keys(mode, claim)


def _of_owamp() -> Iterator[LiveAttack]:
    for mode, claim in ((_A, "test-to-test"), (_E, "test-to-test-encrypted")):
        yield _by_lost_keys(mode, claim)
    for same_sid, claim, sids in (
        (True, "same-sid-reflection", "the same SID"),
        (False, "owamp-reflection-encrypted", "another SID"),
    ):
        play = partial(packets.own_packet_back, mode=_E, same_sid=same_sid)
        yield LiveAttack(f"the server's own packet, of a session with {sids}", (claim,), play, _E)


def _by_lost_keys(mode: Mode, claim: str) -> LiveAttack:
    text = "a packet under keys that are computed from T3, T4 and the SID of another session"
    return LiveAttack(text, (claim,), partial(packets.packet_by_lost_keys, mode=mode), mode)


async def _outcome(attack: LiveAttack, target: AttackedHost) -> PeerOutcome:
    try:
        async with asyncio.timeout(TIME_LIMIT):
            return await attack.play(target)
    except TimeoutError:
        text = f"not over within {TIME_LIMIT:g} s"
    except ServerRefusedError as error:
        text = f"an honest step fails: {error}"
    except NotToldError as error:
        text = str(error)
    except ProtocolError as error:
        text = f"what the server sends cannot be used: {error}"
    except OSError as error:
        text = f"the connection breaks: {error.strerror or error}"
    return PeerOutcome(Peer.NOT_TOLD, text)


async def run_attacks(
    config: ProbeConfig,
    host: str,
    port: int,
    tell: Callable[[str], None] = lambda _: None,
) -> list[Played]:
    """Play all with a server whose secret is known: the honest runs first.

    If none of these runs, no attack is played.

    Args:
        config: its credentials are those of the server.
        tell: is told what is about to be played.
    Raises:
        UnreachableError: no connection comes about.
    """
    _, writer = await connect(host, port, config.timeout)
    address = str(unmapped(writer.get_extra_info("peername"))[0])
    writer.close()
    played: list[Played] = []
    for attack in (*honest_runs(config.protocol), *attacks(config.protocol)):
        if not attack.is_honest and not any(one.outcome.peer is Peer.RUNS for one in played):
            break
        mode = attack.mode or config.security
        tell(attack.name)
        target = AttackedHost(replace(config, security=mode), address, port)
        played.append(Played(attack, mode, await _outcome(attack, target)))
    return played

"""Test packets in theories that call their values ``t1``, ``t2``, ``sid``, ``number``, ``time``."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from owamp_reference import keys, packets
from owamp_reference.packets import ReflectorPacket, SenderPacket, TestMode

from ...groups.participants import TTL
from ...groups.roles import NUMBER
from ..rows import MessageRow, Variables
from .layouts import REFLECTOR, SENDER

_Packet: TypeAlias = SenderPacket | ReflectorPacket


def by_mode(stem: str) -> dict[TestMode, str]:
    """A rule for each mode, named after it: ``…_Authenticated``, ``…_Encrypted``."""
    modes = (TestMode.AUTHENTICATED, TestMode.ENCRYPTED)
    return {mode: f"{stem}_{mode.value.capitalize()}" for mode in modes}


def _rfc_4656(v: Variables) -> keys.TestSessionKeys:
    return keys.derive_test_session_keys(keys.ControlKeys(v["t1"], v["t2"]), v["sid"])


def _one_way(v: Variables) -> keys.TestSessionKeys:
    return keys.one_way_test_session_keys(keys.ControlKeys(v["t1"], v["t2"]), v["sid"])


def _shared(v: Variables) -> keys.TestSessionKeys:
    return keys.TestSessionKeys(v["t1"], v["t2"])


_DERIVATIONS = {"": _rfc_4656, "ONE_WAY_KDF": _one_way, "SHARED_KEYS": _shared}


def session_keys(flags: tuple[str, ...], v: Variables) -> keys.TestSessionKeys:
    """T3 and T4 from ``t1``, ``t2`` and ``sid``, as a theory has them under its flags."""
    return _DERIVATIONS["".join(flag for flag in flags if flag in _DERIVATIONS)](v)


def sender_packet(v: Variables) -> SenderPacket:
    """A sender's packet with ``number`` and ``time`` (RFC 4656 §4.1.2)."""
    return SenderPacket(**SENDER.unpack(v["number"] + v["time"]))


def reflector_packet(v: Variables) -> ReflectorPacket:
    """A reflector's packet, with ``own`` and ``own_time`` besides (RFC 5357 §4.2.1)."""
    ttl = bytes([TTL]) + bytes(15)
    text = v["own"] + v["own_time"] + v["number"] + v["time"] + ttl
    return ReflectorPacket(**REFLECTOR.unpack(text))


def packet_messages(
    stem: str, packet: Callable[[Variables], _Packet], source: str
) -> tuple[MessageRow, ...]:
    """What the rules of a stem send as test packets, under each flag for T3 and T4."""

    def sealed(
        mode: TestMode, derive: Callable[[Variables], keys.TestSessionKeys]
    ) -> Callable[[Variables], bytes]:
        return lambda v: packets.seal_packet(mode, packet(v), derive(v))

    return tuple(
        MessageRow(
            rule,
            "Out",
            packets.seal_packet,
            sealed(mode, derive),
            source,
            flag,
            more={"number": NUMBER, "own": NUMBER},
        )
        for mode, rule in by_mode(stem).items()
        for flag, derive in _DERIVATIONS.items()
    )

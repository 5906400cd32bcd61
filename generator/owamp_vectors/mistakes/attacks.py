"""Notes on the attacks that the models find, and the mistake that makes one of them possible."""

from __future__ import annotations

from owamp_reference import keys
from owamp_reference.keys import TestSessionKeys

from ..model import Note
from .base import Swap, mistake

NOTES = {
    "TestKeysInverted": Note(
        "KEY_DERIVATION",
        "T1 and T2 computed from T3, T4 and the SID: the derivation of RFC 4656 is a permutation. "
        "Treat SIDs as secrets, never export test keys; no check at run time can help.",
        "Who learns the keys of one test session, and its SID, has the control connection.",
    ),
    "OwnPacketReflected": Note(
        "AUTH_BYPASS",
        "A TWAMP sender's own packet, rearranged, in the place of the reflector's. In the "
        "authenticated mode a sender cannot tell: use the encrypted mode, check that the times are "
        "plausible, and be suspicious of a reflector whose Sequence Number is the sender's.",
        "The sender takes timestamps of the attacker's choice for measurements.",
    ),
    "SharedKeysReflected": Note(
        "AUTH_BYPASS",
        "A packet of one session in another of the same connection, where T3 = T1 and T4 = T2. "
        "Derive T3 and T4 from the SID.",
        "The receiver counts packets that nobody sent in its session.",
    ),
}


def _shared(t1: bytes, t2: bytes, sid: bytes) -> TestSessionKeys:
    return TestSessionKeys(t1, t2)


MISTAKES = (
    mistake(
        "TestKeysNotSeparated",
        "KEY_DERIVATION",
        "T1 and T2 used as the keys of test sessions.",
        "Packets of one session, or of the other direction, pass in any other.",
        Swap(keys, "derive_test_session_keys", _shared),
    ),
)

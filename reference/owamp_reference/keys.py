"""The keys of a control connection, T1 and T2, and those of a test session, T3 and T4.

T1 and T2 are drawn by the client (RFC 4656 §3.1). RFC 4656 §4.1.2 (and RFC 5357 §4.2.1 in the same
words) derives T3 and T4 from them with AES, the **SID as the key** and the control key as the
*plaintext*::

    T3 = AES-128-ECB(key = SID, T1)             one block
    T4 = AES-128-CBC(key = SID, IV = 0, T2)     two blocks

So "KDF(T1||SID)" of the IKEv2 proposal is, as specified, a permutation that anyone who knows
the SID inverts: `control_keys_from_test_keys` is that inversion. The one-way reading that the
notation suggests is given too, as `one_way_test_session_keys`; it is **not** RFC 4656.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from cryptography.hazmat.primitives import hashes, hmac

from . import primitives
from .errors import check_size

SID_SIZE = 16
IPV6_SIZE = 16
"""Octets of an IPv6 address."""
T1_SIZE = 16
"""Octets of an AES Session-key: T1, and so T3."""
T2_SIZE = 32
"""Octets of an HMAC Session-key: T2, and so T4."""


@dataclass(frozen=True)
class ControlKeys:
    """T1, the AES Session-key (16 octets), and T2, the HMAC Session-key (32), of a control
    connection (RFC 4656 §3.1).

    Raises:
        ProtocolError: a key of the wrong size.
    """

    t1: bytes = field(repr=False)
    t2: bytes = field(repr=False)

    def __post_init__(self) -> None:
        check_size("AES Session-key (T1)", self.t1, T1_SIZE)
        check_size("HMAC Session-key (T2)", self.t2, T2_SIZE)


@dataclass(frozen=True)
class TestSessionKeys:
    """T3, the AES Session-key (16 octets), and T4, the HMAC Session-key (32), of a test session
    (RFC 4656 §4.1.2).

    Raises:
        ProtocolError: a key of the wrong size.
    """

    __test__ = False  # not a test class, whatever pytest makes of the name

    t3: bytes = field(repr=False)
    t4: bytes = field(repr=False)

    def __post_init__(self) -> None:
        check_size("T3", self.t3, T1_SIZE)
        check_size("T4", self.t4, T2_SIZE)


def sid_address(address: bytes) -> bytes:
    """The 4 octets that a machine's SIDs begin with: its IPv4 address, or the last four of the IPv6
    address of a machine that has no other (RFC 4656 §3.5).
    """
    return address[-4:] if len(address) == IPV6_SIZE else address


def make_sid(address: bytes, timestamp: bytes, random: bytes) -> bytes:
    """A SID, 16 octets (RFC 4656 §3.5).

    Args:
        address: of the machine, 4 octets, or 16 of IPv6.
        timestamp: in NTP format, 8 octets.
        random: 4 octets.
    Raises:
        ProtocolError: an argument of the wrong size.
    """
    address = sid_address(address)
    check_size("address", address, 4)
    check_size("NTP timestamp", timestamp, 8)
    check_size("random octets", random, 4)
    return address + timestamp + random


def derive_t3(t1: bytes, sid: bytes) -> bytes:
    """T3, 16 octets: T1 (16) encrypted in one AES-ECB block under the SID (RFC 4656 §4.1.2)."""
    check_size("SID", sid, SID_SIZE)
    check_size("AES Session-key (T1)", t1, T1_SIZE)
    return primitives.aes_ecb_encrypt(sid, t1)


def derive_t4(t2: bytes, sid: bytes) -> bytes:
    """T4, 32 octets: T2 (32) in two AES-CBC blocks under the SID, IV 0 (RFC 4656 §4.1.2)."""
    check_size("SID", sid, SID_SIZE)
    check_size("HMAC Session-key (T2)", t2, T2_SIZE)
    return primitives.aes_cbc_encrypt(sid, primitives.ZERO_IV, t2)


def derive_test_session_keys(keys: ControlKeys, sid: bytes) -> TestSessionKeys:
    """T3 and T4 of the test session `sid`, 16 octets (RFC 4656 §4.1.2).

    Raises:
        ProtocolError: a SID of the wrong size.
    """
    return TestSessionKeys(derive_t3(keys.t1, sid), derive_t4(keys.t2, sid))


def control_keys_from_test_keys(keys: TestSessionKeys, sid: bytes) -> ControlKeys:
    """T1 and T2 recovered from T3, T4 and the SID: the derivation of §4.1.2 run backwards.

    Not a step of the protocol. It shows what a leaked test-session key costs where the SID is
    known: RFC 4656 §3.5 wants that unpredictable, and it is no key.

    Raises:
        ProtocolError: a SID of the wrong size.
    """
    check_size("SID", sid, SID_SIZE)
    return ControlKeys(
        primitives.aes_ecb_decrypt(sid, keys.t3),
        primitives.aes_cbc_decrypt(sid, primitives.ZERO_IV, keys.t4),
    )


def one_way_test_session_keys(keys: ControlKeys, sid: bytes) -> TestSessionKeys:
    """ALTERNATIVE, not RFC 4656 §4.1.2: KDF(T1||SID), KDF(T2||SID) with a one-way KDF.

    The construction that RFC 4656 §6.7 names for a future replacement, HMAC-SHA256 with the
    control key as the key and the SID as the message; T3 is its first 16 octets. It exists so
    that the two readings can be told apart; no O/TWAMP implementation will interoperate with it.

    Raises:
        ProtocolError: a SID of the wrong size.
    """
    check_size("SID", sid, SID_SIZE)
    return TestSessionKeys(_one_way(keys.t1, sid)[:T1_SIZE], _one_way(keys.t2, sid))


def _one_way(control_key: bytes, sid: bytes) -> bytes:
    mac = hmac.HMAC(control_key, hashes.SHA256())
    mac.update(sid)
    return mac.finalize()

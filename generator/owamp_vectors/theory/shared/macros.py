"""The macros that theories share, and what they are equal to: T3, T4, the Token, packets."""

from __future__ import annotations

from owamp_reference import control, keys, packets, primitives, token

from ...groups.roles import (
    AES_KEY,
    BLOCK,
    BLOCKS,
    CHALLENGE,
    COUNT,
    HMAC_KEY,
    SALT,
    SECRET,
    SID,
    START_TIME,
    T1,
    T2,
    Type,
)
from ..rows import MacroRow
from .control import seal
from .symbols import kdf

SHARED_KEYS = "control and test with the same keys: what the slides warn of, not RFC 4656"


def the_same(key: bytes, _sid: bytes) -> bytes:
    """T3 or T4 where control and test share their keys."""
    return key


def covered_first(text: Type) -> MacroRow:
    """What the server's first HMAC covers: the block of Start-Time, and a text of this type."""
    return MacroRow(
        "covered_first",
        control.ProtectedSender,
        (START_TIME, text),
        lambda start_time, message: start_time + message,
        "RFC 4656 §3.2",
    )


MACROS = (
    MacroRow("t3", keys.derive_t3, (T1, SID), keys.derive_t3, "RFC 4656 §4.1.2"),
    MacroRow("t4", keys.derive_t4, (T2, SID), keys.derive_t4, "RFC 4656 §4.1.2"),
    *(
        MacroRow(
            name, keys.one_way_test_session_keys, (key, SID), kdf, "RFC 4656 §6.7", "ONE_WAY_KDF"
        )
        for name, key in (("t3", T1), ("t4", T2))
    ),
    *(
        MacroRow(name, the_same, (key, SID), the_same, "", "SHARED_KEYS", model_only=SHARED_KEYS)
        for name, key in (("t3", T1), ("t4", T2))
    ),
    MacroRow(
        "token", token.seal_token, (SECRET, CHALLENGE, SALT, COUNT, T1, T2), seal, "RFC 4656 §3.1"
    ),
    MacroRow(
        "packet",
        packets.seal_packet,
        (AES_KEY, HMAC_KEY, BLOCKS),
        lambda k3, k4, text: (
            primitives.aes_cbc_encrypt(k3, primitives.ZERO_IV, text)
            + primitives.hmac_sha1_128(k4, text)
        ),
        "RFC 4656 §4.1.2",
    ),
    MacroRow(
        "tag",
        primitives.hmac_sha1_128,
        (HMAC_KEY, BLOCK),
        primitives.hmac_sha1_128,
        "RFC 4656 §4.1.2",
    ),
)

"""Mistakes with T3 and T4."""

from __future__ import annotations

from cryptography.hazmat.primitives import hashes
from owamp_reference import keys, primitives
from owamp_reference.keys import ControlKeys, TestSessionKeys

from ..vectors.declaration import Note
from .base import Swap, mistake

NOTES: dict[str, Note] = {}

_NO_PACKET = "No test packet verifies at the other end."
_derive_t3 = keys.derive_t3
_derive_t4 = keys.derive_t4
_derive = keys.derive_test_session_keys
_one_way = keys.one_way_test_session_keys


def _swapped(control_keys: ControlKeys, sid: bytes) -> TestSessionKeys:
    keys_of_aes = control_keys.t1, control_keys.t2[:16], control_keys.t2[16:]
    t3, first, second = (primitives.aes_ecb_encrypt(key, sid) for key in keys_of_aes)
    return TestSessionKeys(t3, first + second)


def _hash_of_concatenation(control_keys: ControlKeys, sid: bytes) -> TestSessionKeys:
    outputs = []
    for control_key in (control_keys.t1, control_keys.t2):
        digest = hashes.Hash(hashes.SHA256())
        digest.update(control_key + sid)
        outputs.append(digest.finalize())
    return TestSessionKeys(outputs[0][:16], outputs[1])


def _decrypted(control_keys: ControlKeys, sid: bytes) -> TestSessionKeys:
    return TestSessionKeys(
        primitives.aes_ecb_decrypt(sid, control_keys.t1),
        primitives.aes_cbc_decrypt(sid, bytes(16), control_keys.t2),
    )


def _from_t1_alone(control_keys: ControlKeys, sid: bytes) -> TestSessionKeys:
    t1 = control_keys.t1
    return TestSessionKeys(_derive_t3(t1, sid), _derive_t4(t1 + t1, sid))


def _blocks_exchanged(t2: bytes, sid: bytes) -> bytes:
    t4 = _derive_t4(t2, sid)
    return t4[16:] + t4[:16]


MISTAKES = (
    mistake(
        "SidAndKeySwapped",
        "KEY_DERIVATION",
        "The control key used as the AES key and the SID as the plaintext.",
        _NO_PACKET,
        Swap(keys, "derive_test_session_keys", _swapped),
    ),
    mistake(
        "T3OneWay",
        "KEY_DERIVATION",
        "The one-way KDF that the notation KDF(T1||SID) suggests, where RFC 4656 encrypts.",
        _NO_PACKET,
        Swap(keys, "derive_test_session_keys", _one_way),
    ),
    mistake(
        "OneWayTaken",
        "KEY_DERIVATION",
        "The derivation of RFC 4656 where the group asks for its one-way alternative.",
        "The two readings are mixed up in a test bench.",
        Swap(keys, "one_way_test_session_keys", _derive),
    ),
    mistake(
        "T3HashOfConcatenation",
        "KEY_DERIVATION",
        "KDF(T1||SID) read as a hash of the concatenation.",
        _NO_PACKET,
        Swap(keys, "derive_test_session_keys", _hash_of_concatenation),
    ),
    mistake(
        "T3Decrypted",
        "KEY_DERIVATION",
        "AES run backwards: the control key decrypted under the SID.",
        _NO_PACKET,
        Swap(keys, "derive_test_session_keys", _decrypted),
    ),
    mistake(
        "T4InEcb",
        "CIPHER_MODE",
        "T4 made in ECB, like T3, where RFC 4656 has CBC: its first block is right.",
        "Test packets decrypt, and their HMAC does not verify.",
        Swap(keys, "derive_t4", lambda t2, sid: primitives.aes_ecb_encrypt(sid, t2)),
    ),
    mistake(
        "T4IvNotZero",
        "CIPHER_MODE",
        "T4 with the SID as Initialization Vector where RFC 4656 has zero.",
        "Test packets decrypt, and their HMAC does not verify.",
        Swap(keys, "derive_t4", lambda t2, sid: primitives.aes_cbc_encrypt(sid, sid, t2)),
    ),
    mistake(
        "T4FromT1",
        "KEY_DERIVATION",
        "T4 made from T1: KDF(T1||SID) for both keys.",
        "Test packets decrypt, and their HMAC does not verify.",
        Swap(keys, "derive_test_session_keys", _from_t1_alone),
    ),
    mistake(
        "T2Cut",
        "KEY_DERIVATION",
        "T2 cut to 20 octets, the output of SHA-1, and padded with zeros.",
        "Test packets decrypt, and their HMAC does not verify.",
        Swap(keys, "derive_t4", lambda t2, sid: _derive_t4(t2[:20].ljust(32, b"\0"), sid)),
    ),
    mistake(
        "T4BlocksExchanged",
        "KEY_DERIVATION",
        "The two blocks of T4 in the wrong order.",
        "Test packets decrypt, and their HMAC does not verify.",
        Swap(keys, "derive_t4", _blocks_exchanged),
    ),
    mistake(
        "SidByteOrder",
        "ENCODING",
        "The SID handled as a little-endian number, its octets reversed.",
        _NO_PACKET,
        Swap(
            keys,
            "derive_test_session_keys",
            lambda given, sid: _derive(given, sid[::-1]),
        ),
    ),
    mistake(
        "SidOfFirstFour",
        "LAYOUT",
        "The first four octets of an IPv6 address in a SID, which a whole network shares.",
        "Two machines of a network make SIDs that only time and four octets tell apart.",
        Swap(keys, "sid_address", lambda address: address[:4]),
    ),
)

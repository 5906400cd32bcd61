"""Mistakes with the protection of the control connection."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from cryptography.hazmat.primitives import hashes, hmac
from owamp_reference import control, primitives
from owamp_reference.control import ProtectedReceiver, ProtectedSender
from owamp_reference.errors import ProtocolError, Stage
from owamp_reference.keys import ControlKeys

from ..vectors.declaration import Note
from .base import Mistake, Swap, mistake

NOTES = {
    "ControlReflection": Note(
        "PROTOCOL",
        "A client's own messages sent back to it: both directions have the same keys, and the "
        "Server-IV that an attacker chooses is not authenticated.",
        "What tells directions apart is the layout of the messages alone.",
    ),
}

_hmac_sha1_128 = primitives.hmac_sha1_128
_equal = primitives.equal

_FIRST_HMAC = "The first HMAC does not verify, and the connection is dropped."
_SECOND_MESSAGE = "The first message is understood, the second is not."


def _two(flag: str, kind: str, text: str, effect: str, *ends: type) -> Mistake:
    """A sender and a receiver that make the same mistake."""
    names = ("ProtectedSender", "ProtectedReceiver")
    swaps = [Swap(control, name, end) for name, end in zip(names, ends, strict=True)]
    return mistake(flag, kind, text, effect, *swaps)


def _mac(compute: Callable[[bytes, bytes], bytes]) -> Swap:
    return Swap(primitives, "hmac_sha1_128", compute)


def _last_16(key: bytes, text: bytes) -> bytes:
    mac = hmac.HMAC(key, hashes.SHA1())
    mac.update(text)
    return mac.finalize()[-16:]


class _CipherCoveringSender(ProtectedSender):
    def write(self, text: bytes) -> bytes:
        """Covers what is sent, not what is meant."""
        before, sent = bytes(self._covered), super().write(text)
        self._covered = before + sent
        return sent


class _CipherCoveringReceiver(ProtectedReceiver):
    def read(self, data: bytes) -> bytes:
        """Covers what was received."""
        before, text = bytes(self._covered), super().read(data)
        self._covered = before + data
        return text


class _EverCoveringSender(ProtectedSender):
    def write_hmac(self) -> bytes:
        """Goes on from the text before."""
        covered, sent = self._covered, super().write_hmac()
        self._covered = covered
        return sent


class _EverCoveringReceiver(ProtectedReceiver):
    def read_hmac(self, data: bytes) -> None:
        """Goes on from the text before."""
        covered = self._covered
        super().read_hmac(data)
        self._covered = covered


class _HmacCoveringSender(ProtectedSender):
    def write_hmac(self) -> bytes:
        """The HMAC counts as text of the next."""
        tag, sent = primitives.hmac_sha1_128(self._t2, self._covered), super().write_hmac()
        self._covered = tag
        return sent


class _HmacCoveringReceiver(ProtectedReceiver):
    def read_hmac(self, data: bytes) -> None:
        """The HMAC counts as text of the next."""
        tag = primitives.hmac_sha1_128(self._t2, self._covered)
        super().read_hmac(data)
        self._covered = tag


class _LastCoveringSender(ProtectedSender):
    def write(self, text: bytes) -> bytes:
        """Forgets the text before."""
        self._covered = b""
        return super().write(text)


class _LastCoveringReceiver(ProtectedReceiver):
    def read(self, data: bytes) -> bytes:
        """Forgets the text before."""
        self._covered = b""
        return super().read(data)


class _RestartingSender(ProtectedSender):
    def __init__(self, keys: ControlKeys, iv: bytes) -> None:
        super().__init__(keys, iv)
        self._start = (keys.t1, iv)

    def write_hmac(self) -> bytes:
        """The next message begins with the IV again."""
        sent = super().write_hmac()
        self._cipher = primitives.cbc_encryptor(*self._start)
        return sent


class _RestartingReceiver(ProtectedReceiver):
    def __init__(self, keys: ControlKeys, iv: bytes) -> None:
        super().__init__(keys, iv)
        self._start = (keys.t1, iv)

    def read_hmac(self, data: bytes) -> None:
        """The next message begins with the IV again."""
        super().read_hmac(data)
        self._cipher = primitives.cbc_decryptor(*self._start)


class _ZeroIvSender(ProtectedSender):
    def __init__(self, keys: ControlKeys, iv: bytes) -> None:
        super().__init__(keys, bytes(len(iv)))


class _ZeroIvReceiver(ProtectedReceiver):
    def __init__(self, keys: ControlKeys, iv: bytes) -> None:
        super().__init__(keys, bytes(len(iv)))


class _Ecb:
    """ECB with the interface of a CBC stream."""

    def __init__(self, run: Callable[[bytes, bytes], bytes], key: bytes) -> None:
        self._run, self._key = run, key

    def update(self, data: bytes) -> bytes:
        """Every block by itself."""
        return self._run(self._key, data)


def _ecb(run: Callable[[bytes, bytes], bytes]) -> Callable[[bytes, bytes], Any]:
    return lambda key, iv: _Ecb(run, key)


class _OpenHmacSender(ProtectedSender):
    def write_hmac(self) -> bytes:
        """The HMAC as it is."""
        tag = primitives.hmac_sha1_128(self._t2, self._covered)
        self._covered = b""
        return tag


class _OpenHmacReceiver(ProtectedReceiver):
    def read_hmac(self, data: bytes) -> None:
        """The HMAC as it came."""
        expected = primitives.hmac_sha1_128(self._t2, self._covered)
        self._covered = b""
        if not primitives.equal(data, expected):
            raise ProtocolError(
                "HMAC", "the HMAC of the text since the last one", "another", Stage.HMAC
            )


class _FirstCheckingReceiver(ProtectedReceiver):
    def read_hmac(self, data: bytes) -> None:
        """Checks the first one."""
        if hasattr(self, "_has_checked"):
            self._cipher.update(data)
            return
        self._has_checked = True
        super().read_hmac(data)


class _LaterCheckingReceiver(ProtectedReceiver):
    def read_hmac(self, data: bytes) -> None:
        """Checks all but the first one."""
        if hasattr(self, "_has_skipped"):
            super().read_hmac(data)
            return
        self._has_skipped = True
        self._cipher.update(data)
        self._covered = b""


class _ZeroTakingReceiver(ProtectedReceiver):
    def read_hmac(self, data: bytes) -> None:
        """Takes zeros for no HMAC."""
        tag = self._cipher.update(data)
        expected = primitives.hmac_sha1_128(self._t2, self._covered)
        self._covered = b""
        if any(tag) and tag != expected:
            raise ProtocolError(
                "HMAC", "the HMAC of the text since the last one", "another", Stage.HMAC
            )


def _receiver(flag: str, text: str, effect: str, end: type) -> Mistake:
    return mistake(flag, "AUTH_BYPASS", text, effect, Swap(control, "ProtectedReceiver", end))


def _equal_as_strings(left: bytes, right: bytes) -> bool:
    """As strncmp does."""
    return _equal(left.split(b"\0")[0], right.split(b"\0")[0])


class _FirstBlockForgettingSender(ProtectedSender):
    def write(self, text: bytes) -> bytes:
        """Leaves a first lone block, that of Server-Start, out of the HMAC."""
        is_first = not hasattr(self, "_begun")
        self._begun = True
        sent = super().write(text)
        if is_first and len(text) == 16:
            self._covered = b""
        return sent


class _FirstBlockForgettingReceiver(ProtectedReceiver):
    def read(self, data: bytes) -> bytes:
        """Leaves a first lone block, that of Server-Start, out of the HMAC."""
        is_first = not hasattr(self, "_begun")
        self._begun = True
        text = super().read(data)
        if is_first and len(data) == 16:
            self._covered = b""
        return text


MISTAKES = (
    _two(
        "HmacOverCiphertext",
        "AUTHENTICATION",
        "The HMAC computed over the ciphertext; RFC 4656 has it over the plaintext.",
        _FIRST_HMAC,
        _CipherCoveringSender,
        _CipherCoveringReceiver,
    ),
    _two(
        "HmacNotReset",
        "AUTHENTICATION",
        "The HMAC runs on over all text since the beginning, not since the HMAC before.",
        _SECOND_MESSAGE,
        _EverCoveringSender,
        _EverCoveringReceiver,
    ),
    _two(
        "HmacCoversHmac",
        "AUTHENTICATION",
        "The HMAC covers the HMAC before it.",
        _SECOND_MESSAGE,
        _HmacCoveringSender,
        _HmacCoveringReceiver,
    ),
    _two(
        "HmacOfLastText",
        "AUTHENTICATION",
        "The HMAC covers only the last text before it, not all since the HMAC before.",
        "A server's first HMAC, which also covers the block of Server-Start, does not verify.",
        _LastCoveringSender,
        _LastCoveringReceiver,
    ),
    _two(
        "ServerHmacWithoutServerStart",
        "AUTHENTICATION",
        "The block of Server-Start not covered by the server's first HMAC.",
        "The first Accept-Session does not verify (RFC 5357 §3.2).",
        _FirstBlockForgettingSender,
        _FirstBlockForgettingReceiver,
    ),
    mistake(
        "ControlKeyCutTo16",
        "AUTHENTICATION",
        "The HMAC key cut to 16 octets, as long as the HMAC.",
        _FIRST_HMAC,
        _mac(lambda key, text: _hmac_sha1_128(key[:16], text)),
    ),
    mistake(
        "ControlKeyCutTo20",
        "AUTHENTICATION",
        "The HMAC key cut to 20 octets, the output of SHA-1.",
        _FIRST_HMAC,
        _mac(lambda key, text: _hmac_sha1_128(key[:20], text)),
    ),
    mistake(
        "HmacLast16",
        "AUTHENTICATION",
        "The last 16 of HMAC-SHA1's 20 octets, in place of the first.",
        _FIRST_HMAC,
        _mac(_last_16),
    ),
    mistake(
        "HmacComparedInPart",
        "AUTH_BYPASS",
        "Only the first 12 octets of the HMAC compared.",
        "A fourth of the tag's strength is lost, unnoticed.",
        Swap(primitives, "equal", lambda left, right: _equal(left[:12], right[:12])),
    ),
    mistake(
        "HmacComparedAsString",
        "AUTH_BYPASS",
        "The HMAC compared as a C string, up to its first zero octet.",
        "One wrong HMAC in 65536 passes, and an attacker can try them.",
        Swap(primitives, "equal", _equal_as_strings),
    ),
    mistake(
        "HmacCutAtZero",
        "AUTHENTICATION",
        "The HMAC copied as a C string: nothing of it follows its first zero octet.",
        "One message in sixteen is refused, seemingly at random.",
        _mac(lambda key, text: _hmac_sha1_128(key, text).split(b"\0")[0].ljust(16, b"\xff")),
    ),
    _receiver(
        "HmacFirstAlone",
        "The first HMAC of a direction checked, and none after it.",
        "Whoever is on the path changes every message but the first.",
        _FirstCheckingReceiver,
    ),
    _receiver(
        "HmacFirstUnchecked",
        "The first HMAC of a direction not checked, and all after it.",
        "The first message can be changed by whoever is on the path.",
        _LaterCheckingReceiver,
    ),
    _receiver(
        "HmacOfZerosTaken",
        "An HMAC of zeros taken, as in the unauthenticated mode.",
        "Nothing is authenticated.",
        _ZeroTakingReceiver,
    ),
    _two(
        "HmacInClear",
        "CIPHER_MODE",
        "The HMAC sent in clear, beside the stream; RFC 4656 encrypts it with the rest.",
        _FIRST_HMAC,
        _OpenHmacSender,
        _OpenHmacReceiver,
    ),
    _two(
        "IvNotChained",
        "CIPHER_MODE",
        "Each message encrypted from the IV again, where the stream runs on.",
        _SECOND_MESSAGE,
        _RestartingSender,
        _RestartingReceiver,
    ),
    _two(
        "ControlIvZero",
        "CIPHER_MODE",
        "An IV of zero, as for the Token, in place of Client-IV or Server-IV.",
        "The first block is garbage, and the first HMAC does not verify.",
        _ZeroIvSender,
        _ZeroIvReceiver,
    ),
    mistake(
        "ControlInEcb",
        "CIPHER_MODE",
        "The stream encrypted in ECB.",
        "Nothing is understood after set-up.",
        Swap(primitives, "cbc_encryptor", _ecb(primitives.aes_ecb_encrypt)),
        Swap(primitives, "cbc_decryptor", _ecb(primitives.aes_ecb_decrypt)),
    ),
)

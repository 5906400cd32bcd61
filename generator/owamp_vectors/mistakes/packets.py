"""Mistakes with test packets."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from owamp_reference import packets, primitives
from owamp_reference.errors import ProtocolError
from owamp_reference.keys import TestSessionKeys
from owamp_reference.layout import Layout
from owamp_reference.packets import ErrorEstimate, ReflectorPacket, SenderPacket, TestMode

from ..vectors.declaration import Note
from .base import Mistake, Swap, mistake

NOTES = {
    "TestReflection": Note(
        "PROTOCOL",
        "A reflector's packet put together from the sender's own: the same T3 and T4 serve both "
        "directions, and in the authenticated mode the HMAC covers the first block alone.",
        "Any round-trip time can be made up by one who sees the sender's packets.",
    ),
}

_DISCARDED = "Every test packet is discarded at the other end."
_seal = packets.seal_packet
_open = packets.open_packet
_protected_size = packets.protected_size
_header_size = SenderPacket.header_size.__func__  # type: ignore[attr-defined]

Keys = TestSessionKeys | None


@dataclass(frozen=True)
class _Way:
    """A way to protect packets: how much is encrypted, with what, and what the HMAC covers."""

    size: Callable[[Layout, TestMode], int] = _protected_size
    encrypt: Callable[[TestMode, bytes, bytes], bytes] = packets.encrypt_blocks
    decrypt: Callable[[TestMode, bytes, bytes], bytes] = packets.decrypt_blocks
    cover: Callable[[TestMode, bytes, bytes, bytes], bytes] | None = None
    encrypts_hmac: bool = False

    def _tag(self, mode: TestMode, keys: TestSessionKeys, *parts: Any) -> bytes:
        """The HMAC of a header in plain, given its covered part, ciphertext and padding."""
        text, size, ciphertext, padding = parts
        covered = text[:size]
        if self.cover:
            covered = self.cover(mode, text, ciphertext, padding)
        return primitives.hmac_sha1_128(keys.t4, covered)

    def seal(
        self, mode: TestMode, packet: SenderPacket | ReflectorPacket, keys: Keys = None
    ) -> bytes:
        """In place of `seal_packet`."""
        if mode is TestMode.UNAUTHENTICATED or keys is None:
            return _seal(mode, packet, keys)
        layout = packet.PROTECTED_LAYOUT
        text, size = layout.pack(vars(packet)), self.size(layout, mode)
        ciphertext = self.encrypt(mode, keys.t3, text[:size])
        tag = self._tag(mode, keys, text, size, ciphertext, packet.padding)
        if self.encrypts_hmac:
            tag = primitives.aes_ecb_encrypt(keys.t3, tag)
        return ciphertext + text[size:] + tag + packet.padding

    def open(self, mode: TestMode, kind: Any, data: bytes, keys: Keys = None) -> Any:
        """In place of `open_packet`."""
        header = kind.header_size(mode)
        if mode is TestMode.UNAUTHENTICATED or keys is None or len(data) < header:
            return _open(mode, kind, data, keys)
        layout = kind.PROTECTED_LAYOUT
        size, padding = self.size(layout, mode), data[header:]
        text = self.decrypt(mode, keys.t3, data[:size]) + data[size : header - 16]
        expected = self._tag(mode, keys, text, size, data[:size], padding)
        if self.encrypts_hmac:
            expected = primitives.aes_ecb_encrypt(keys.t3, expected)
        if not primitives.equal(expected, data[header - 16 : header]):
            raise ProtocolError("HMAC", "the HMAC of the encrypted part", "another")
        values = layout.unpack(text[: layout.size])
        ErrorEstimate.from_int(values["error_estimate"])
        return kind(**values, padding=padding)


def _way(flag: str, kind: str, description: str, way: _Way, effect: str = _DISCARDED) -> Mistake:
    swaps = (
        Swap(packets, "seal_packet", way.seal),
        Swap(packets, "open_packet", way.open),
    )
    return mistake(flag, kind, description, effect, *swaps)


def _cover(size: int) -> Callable[[TestMode, bytes, bytes, bytes], bytes]:
    return lambda mode, text, ciphertext, padding: text[:size]


def _covered_with_padding(mode: TestMode, text: bytes, ciphertext: bytes, padding: bytes) -> bytes:
    return text[: len(ciphertext)] + padding


def _ecb(mode: TestMode, key: bytes, text: bytes) -> bytes:
    return primitives.aes_ecb_encrypt(key, text)


def _ecb_back(mode: TestMode, key: bytes, data: bytes) -> bytes:
    return primitives.aes_ecb_decrypt(key, data)


def _iv(mode: TestMode) -> bytes:
    return bytes(16) if mode is TestMode.AUTHENTICATED else b"\x5a" * 16


def _protect_open(
    mode: TestMode, packet: SenderPacket | ReflectorPacket, keys: Keys = None
) -> bytes:
    return _seal(_no_open(mode), packet, keys)


def _open_protected(mode: TestMode, kind: Any, data: bytes, keys: Keys = None) -> Any:
    return _open(_no_open(mode), kind, data, keys)


def _no_open(mode: TestMode) -> TestMode:
    return TestMode.AUTHENTICATED if mode is TestMode.UNAUTHENTICATED else mode


def _open_unchecked(mode: TestMode, kind: Any, data: bytes, keys: Keys = None) -> Any:
    header = kind.header_size(mode)
    if mode is TestMode.UNAUTHENTICATED or keys is None or len(data) < header:
        return _open(mode, kind, data, keys)
    layout = kind.PROTECTED_LAYOUT
    size = _protected_size(layout, mode)
    text = packets.decrypt_blocks(mode, keys.t3, data[:size]) + data[size : header - 16]
    return kind(**layout.unpack(text), padding=data[header:])


def _sender_of_96(layout: Layout, mode: TestMode) -> int:
    return 96 if mode is TestMode.ENCRYPTED else _protected_size(layout, mode)


def _exchanged(layout: Layout) -> Layout:
    """A layout with Timestamp and Receive Timestamp in each other's place."""
    fields = {field.name: field for field in layout.fields}
    first, second = fields["timestamp"], fields["receive_timestamp"]
    other = {"timestamp": second, "receive_timestamp": first}
    return Layout(layout.title, tuple(other.get(field.name, field) for field in layout.fields))


def _header_of_sender(cls: type[Any], mode: TestMode) -> int:
    """The reflector's header taken for as long as the sender's, when padding is cut."""
    return int(_header_size(SenderPacket, mode))


MISTAKES = (
    mistake(
        "OpenModeProtected",
        "CIPHER_MODE",
        "Packets of the unauthenticated mode encrypted.",
        _DISCARDED,
        Swap(packets, "seal_packet", _protect_open),
        Swap(packets, "open_packet", _open_protected),
    ),
    _way(
        "TestHmacOver16",
        "AUTHENTICATION",
        "The HMAC over 16 octets in the encrypted mode as well; it covers 32, or a reflector's 96.",
        _Way(cover=_cover(16)),
    ),
    _way(
        "ReflectorHmacOver32",
        "AUTHENTICATION",
        "The HMAC of a reflector's encrypted packet over 32 octets, as for a sender's; it covers "
        "96.",
        _Way(cover=_cover(32)),
    ),
    _way(
        "TestHmacOverCiphertext",
        "AUTHENTICATION",
        "The HMAC over the encrypted octets; it covers them in plain.",
        _Way(cover=lambda mode, text, ciphertext, padding: ciphertext),
    ),
    _way(
        "TestHmacOverPadding",
        "AUTHENTICATION",
        "The HMAC over the padding as well.",
        _Way(cover=_covered_with_padding),
    ),
    _way(
        "TestHmacEncrypted",
        "CIPHER_MODE",
        "The HMAC of a test packet encrypted, as in the control connection; it goes in clear.",
        _Way(encrypts_hmac=True),
    ),
    _way(
        "TestIvNotZero",
        "CIPHER_MODE",
        "Another Initialization Vector than zero in the encrypted mode.",
        _Way(
            encrypt=lambda mode, key, text: primitives.aes_cbc_encrypt(key, _iv(mode), text),
            decrypt=lambda mode, key, data: primitives.aes_cbc_decrypt(key, _iv(mode), data),
        ),
    ),
    _way(
        "TestInEcb",
        "CIPHER_MODE",
        "AES-ECB in the encrypted mode: the first block is right.",
        _Way(encrypt=_ecb, decrypt=_ecb_back),
    ),
    _way(
        "AuthenticatedEncryptsAll",
        "CIPHER_MODE",
        "All blocks encrypted in the authenticated mode, where only the first is.",
        _Way(size=lambda layout, mode: layout.size),
    ),
    _way(
        "AuthenticatedCoversAll",
        "AUTHENTICATION",
        "The HMAC over all before it in the authenticated mode, where it covers the first block.",
        _Way(cover=lambda mode, text, ciphertext, padding: text),
    ),
    _way(
        "EncryptedFirstBlockAlone",
        "CIPHER_MODE",
        "Only the first block encrypted and covered in the encrypted mode.",
        _Way(size=lambda layout, mode: 16),
        "Test packets are discarded, and their times go in clear.",
    ),
    _way(
        "SenderPacketOf96",
        "CIPHER_MODE",
        "96 octets of a sender's packet decrypted, as the text of RFC 5357 §4.2 has it; it is 32.",
        _Way(size=_sender_of_96),
    ),
    mistake(
        "TestHmacUnchecked",
        "AUTH_BYPASS",
        "The HMAC of a test packet not checked.",
        "Forged packets are counted, and answered.",
        Swap(packets, "open_packet", _open_unchecked),
    ),
    mistake(
        "ReflectorTimestampsExchanged",
        "LAYOUT",
        "Timestamp and Receive Timestamp of a reflector's packet in each other's place.",
        "The time in the reflector comes out negative.",
        Swap(ReflectorPacket, "OPEN_LAYOUT", _exchanged(ReflectorPacket.OPEN_LAYOUT)),
        Swap(ReflectorPacket, "PROTECTED_LAYOUT", _exchanged(ReflectorPacket.PROTECTED_LAYOUT)),
    ),
    mistake(
        "ReflectedPaddingUncut",
        "LAYOUT",
        "The answer carries all of the padding, and is longer than the packet that it answers.",
        "Round-trip times are biased by the larger packet, which may not fit the path.",
        Swap(ReflectorPacket, "header_size", classmethod(_header_of_sender)),
    ),
)

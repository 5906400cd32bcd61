"""Mistakes with test packets."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from owamp_reference import packets, primitives
from owamp_reference.choices import Chooser, first_option
from owamp_reference.errors import ProtocolError, Stage
from owamp_reference.keys import TestSessionKeys
from owamp_reference.layout import Layout
from owamp_reference.packets import ErrorEstimate, ReflectorPacket, SenderPacket, TestMode
from owamp_reference.sessions import SessionReflector, SessionSender

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
_from_int = ErrorEstimate.from_int
_reflect = SessionReflector.reflect
_next_packet = SessionSender.next_packet
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
        self,
        mode: TestMode,
        packet: SenderPacket | ReflectorPacket,
        keys: Keys = None,
        choose: Chooser = first_option,
    ) -> bytes:
        """In place of `seal_packet`."""
        if mode is TestMode.UNAUTHENTICATED or keys is None:
            return _seal(mode, packet, keys, choose)
        layout = packet.PROTECTED_LAYOUT
        text, size = layout.pack(vars(packet)), self.size(layout, mode)
        ciphertext = self.encrypt(mode, keys.t3, text[:size])
        tag = self._tag(mode, keys, text, size, ciphertext, packet.padding)
        if self.encrypts_hmac:
            tag = primitives.aes_ecb_encrypt(keys.t3, tag)
        return ciphertext + text[size:] + tag + packet.padding

    def open(
        self,
        mode: TestMode,
        kind: Any,
        data: bytes,
        keys: Keys = None,
        choose: Chooser = first_option,
    ) -> Any:
        """In place of `open_packet`."""
        header = kind.header_size(mode)
        if mode is TestMode.UNAUTHENTICATED or keys is None or len(data) < header:
            return _open(mode, kind, data, keys, choose)
        layout = kind.PROTECTED_LAYOUT
        size, padding = self.size(layout, mode), data[header:]
        text = self.decrypt(mode, keys.t3, data[:size]) + data[size : header - 16]
        expected = self._tag(mode, keys, text, size, data[:size], padding)
        if self.encrypts_hmac:
            expected = primitives.aes_ecb_encrypt(keys.t3, expected)
        if not primitives.equal(expected, data[header - 16 : header]):
            raise ProtocolError("HMAC", "the HMAC of the encrypted part", "another", Stage.HMAC)
        values = layout.unpack(text[: layout.size])
        ErrorEstimate.from_int(values["error_estimate"], choose)
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


_ANY_KEYS = TestSessionKeys(bytes(16), bytes(32))


def _protect_open(
    mode: TestMode, packet: SenderPacket | ReflectorPacket, keys: Keys = None, *more: Chooser
) -> bytes:
    return _seal(_no_open(mode), packet, keys or _ANY_KEYS, *more)


def _open_protected(
    mode: TestMode, kind: Any, data: bytes, keys: Keys = None, *more: Chooser
) -> Any:
    return _open(_no_open(mode), kind, data, keys or _ANY_KEYS, *more)


def _no_open(mode: TestMode) -> TestMode:
    return TestMode.AUTHENTICATED if mode is TestMode.UNAUTHENTICATED else mode


def _open_unchecked(
    mode: TestMode, kind: Any, data: bytes, keys: Keys = None, *more: Chooser
) -> Any:
    header = kind.header_size(mode)
    if mode is TestMode.UNAUTHENTICATED or keys is None or len(data) < header:
        return _open(mode, kind, data, keys, *more)
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


def _header_of_104(cls: type[Any], mode: TestMode) -> int:
    return int(_header_size(cls, mode)) - (0 if mode is TestMode.UNAUTHENTICATED else 8)


def _reflect_by_its_number(self: SessionReflector, data: bytes, ttl: int) -> bytes:
    """The reflector's number is that of the packet."""
    self.next_sequence_number = _open(self._mode, SenderPacket, data, self._keys).sequence_number
    return _reflect(self, data, ttl)


def _exchanged_numbers(layout: Layout) -> Layout:
    """A layout with Sequence Number and Sender Sequence Number in each other's place."""
    names = ("sequence_number", "sender_sequence_number")
    first, second = (field for field in layout.fields if field.name in names)
    other = {first.name: second, second.name: first}
    return Layout(layout.title, tuple(other.get(field.name, field) for field in layout.fields))


def _sent_as_given(packet: Any, choose: Chooser) -> dict[str, Any]:
    del choose
    return dict(vars(packet))


def _estimate_without_z(
    cls: type[ErrorEstimate], value: int, choose: Chooser = first_option
) -> ErrorEstimate:
    if value & packets.Z_BIT:
        raise ProtocolError("Error Estimate", "the bit Z zero", "one", Stage.LAYOUT)
    return _from_int(value, choose)


def _open_cut(mode: TestMode, kind: Any, data: bytes, keys: Keys = None, *more: Chooser) -> Any:
    """Reads no more than 8 KiB."""
    return _open(mode, kind, data[: 2**13], keys, *more)


def _wrapping(mode: TestMode, packet: Any, *more: Any) -> bytes:
    """Goes on with number 0 after the last one."""
    return _seal(mode, replace(packet, sequence_number=packet.sequence_number % 2**32), *more)


def _next_with_the_same_number(self: SessionSender, padding_length: int = 0) -> bytes:
    number = self.next_sequence_number
    payload = _next_packet(self, padding_length)
    self.next_sequence_number = number
    return payload


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
        "PaddingFor104",
        "LAYOUT",
        "The padding of an answer cut as for a reflector's packet of 104 octets, the number in RFC "
        "5357 §4.2.1; it has 112 (erratum 5045).",
        "The answer is 8 octets longer than the packet, and may not fit the path.",
        Swap(ReflectorPacket, "header_size", classmethod(_header_of_104)),
    ),
    mistake(
        "ReflectorNumberCopied",
        "LAYOUT",
        "The Sequence Number of an answer copied from the packet; a reflector numbers by itself.",
        "Loss on the way back cannot be told from loss on the way there.",
        Swap(SessionReflector, "reflect", _reflect_by_its_number),
    ),
    mistake(
        "ReflectorNumbersExchanged",
        "LAYOUT",
        "Sequence Number and Sender Sequence Number of an answer in each other's place.",
        "Answers belong to other packets.",
        Swap(ReflectorPacket, "OPEN_LAYOUT", _exchanged_numbers(ReflectorPacket.OPEN_LAYOUT)),
        Swap(
            ReflectorPacket,
            "PROTECTED_LAYOUT",
            _exchanged_numbers(ReflectorPacket.PROTECTED_LAYOUT),
        ),
    ),
    mistake(
        "SequenceNumberWraps",
        "STATE",
        "Number 0 sent again after 4294967295, the last that fits into the field.",
        "The receiver takes the packets for duplicates of the first ones.",
        Swap(packets, "seal_packet", _wrapping),
    ),
    mistake(
        "SequenceNumberKept",
        "STATE",
        "Every packet of a session sent with the number of the first.",
        "All packets but one count as duplicates.",
        Swap(SessionSender, "next_packet", _next_with_the_same_number),
    ),
    mistake(
        "MultiplierZeroSent",
        "MISSING_CHECK",
        "An Error Estimate sent with Multiplier 0.",
        "The packet counts as corrupt, and is discarded.",
        Swap(packets, "_as_sent", _sent_as_given),
    ),
    mistake(
        "ZBitSent",
        "LAYOUT",
        "An Error Estimate sent with the bit Z set, which MUST be zero.",
        "A later use of the bit is taken for meant.",
        Swap(packets, "_as_sent", _sent_as_given),
    ),
    mistake(
        "ZBitChecked",
        "MISSING_TOLERANCE",
        "A packet refused for the bit Z of its Error Estimate, which is to be ignored.",
        "The next extension breaks interoperability.",
        Swap(ErrorEstimate, "from_int", classmethod(_estimate_without_z)),
    ),
    mistake(
        "LongPayloadCut",
        "LAYOUT",
        "A payload read into a buffer of 8 KiB, and what is over cut.",
        "Long packets are counted with another size.",
        Swap(packets, "open_packet", _open_cut),
    ),
)

"""OWAMP-Test and TWAMP-Test packets (RFC 4656 §4.1.2; RFC 5357 §4.1.2, §4.2.1).

In the protected modes the first block, or all blocks, before the HMAC are encrypted under T3;
the HMAC under T4 covers the plaintext of exactly what is encrypted, and is sent in clear:

=================  ==================  ====================  ========================
packet             authenticated       encrypted             octets before the padding
=================  ==================  ====================  ========================
sender             16, AES-ECB         32, AES-CBC, IV 0     48 (14 if unauthenticated)
reflector          16, AES-ECB         96, AES-CBC, IV 0     112 (41 if unauthenticated)
=================  ==================  ====================  ========================

RFC 5357 §4.2.1 gives 104 octets as the minimum of the reflector's packet; its own figure has 112,
and so have implementations.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Any, ClassVar, Self, TypeVar

from . import primitives
from .choices import Choice, Chooser, Option, first_option
from .errors import ProtocolError, Stage, check_range
from .keys import TestSessionKeys
from .layout import Layout, LayoutField, Record, mbz, uint
from .primitives import AES_BLOCK_SIZE, HMAC_SIZE, ZERO_IV

ERROR_ESTIMATE_SIZE = 2


class TestMode(Enum):
    """The protection of test packets. The mixed mode of RFC 5618 is `UNAUTHENTICATED` here."""

    __test__ = False  # not a test class

    UNAUTHENTICATED = "unauthenticated"
    AUTHENTICATED = "authenticated"
    ENCRYPTED = "encrypted"


Z_BIT = 0x4000
"""The bit Z of an Error Estimate, which is MBZ (RFC 4656 §4.1.2)."""

_ESTIMATE_SOURCE = "RFC 4656 §4.1.2"
MULTIPLIER_ZERO = Choice(
    "whether a packet whose Multiplier is zero is discarded",
    (
        Option("discards the packet as corrupt", "SHOULD", _ESTIMATE_SOURCE),
        Option("takes the packet as any other", "POLICY", _ESTIMATE_SOURCE),
    ),
)
Z_BIT_GIVEN = Choice(
    "what is done with an Error Estimate that is to be sent and has the bit Z set, which MUST be "
    "zero",
    (
        Option("clears the bit", "MUST", _ESTIMATE_SOURCE),
        Option("refuses the Error Estimate", "MUST", _ESTIMATE_SOURCE),
    ),
)
Z_BIT_COPIED = Choice(
    "whether the Sender Error Estimate is an exact copy, where the bit Z has come set",
    (
        Option("copies the bit", "MUST", "RFC 5357 §4.2.1"),
        Option("clears the bit", "MUST", _ESTIMATE_SOURCE),
    ),
)


@dataclass(frozen=True)
class ErrorEstimate:
    """The error of a timestamp: multiplier * 2^-32 * 2^scale seconds (RFC 4656 §4.1.2).

    One octet S (1 bit), Z (1 bit, MBZ), Scale (6 bits), then one octet Multiplier.
    """

    synchronized: bool
    scale: int
    multiplier: int

    def to_int(self) -> int:
        """The 16-bit field, Z zero. Raises `ProtocolError` for a part that does not fit."""
        if not 0 <= self.scale <= 63:
            raise ProtocolError("Scale", "a value from 0 to 63", str(self.scale))
        if not 1 <= self.multiplier <= 255:
            raise ProtocolError("Multiplier", "a value from 1 to 255", str(self.multiplier))
        return self.synchronized << 15 | self.scale << 8 | self.multiplier

    @classmethod
    def from_int(cls, value: int, choose: Chooser = first_option) -> Self:
        """Read a 16-bit field, Z ignored.

        Raises:
            ProtocolError: more than 16 bits, or a Multiplier of zero, unless `choose` takes it.
        """
        check_range("Error Estimate", value, 0, 0xFFFF)
        if not value & 0xFF and choose(MULTIPLIER_ZERO) == 0:
            raise ProtocolError("Multiplier", "a value from 1 to 255", "0", Stage.LAYOUT)
        return cls(bool(value >> 15), value >> 8 & 0x3F, value & 0xFF)


@dataclass(frozen=True)
class _Gap(LayoutField):
    """MBZ octets of a protected packet; `open_size` of them are in an open one too."""

    open_size: int = 0


def _mbz(size: int, open_size: int = 0) -> _Gap:
    return _Gap("MBZ", size, open_size=open_size)


class _Packet(Record):
    """A test packet, of which the RFCs draw two figures: the fields are the same, the protected
    one has more MBZ octets. Declared is the protected one, without its HMAC.
    """

    OPEN_LAYOUT: ClassVar[Layout]
    PROTECTED_LAYOUT: ClassVar[Layout]

    def __init_subclass__(cls, *, title: str) -> None:
        super().__init_subclass__(title=f"{title} (authenticated, encrypted)")
        cls.PROTECTED_LAYOUT = cls.LAYOUT
        narrow = (
            mbz(field.open_size) if isinstance(field, _Gap) else field
            for field in cls.LAYOUT.fields
        )
        fields = tuple(field for field in narrow if field.size)
        cls.OPEN_LAYOUT = Layout(f"{title} (unauthenticated)", fields)

    @classmethod
    def layout(cls, mode: TestMode) -> Layout:
        """The layout of the octets before HMAC and padding."""
        return cls.OPEN_LAYOUT if mode is TestMode.UNAUTHENTICATED else cls.PROTECTED_LAYOUT

    @classmethod
    def header_size(cls, mode: TestMode) -> int:
        """Octets before the padding, the HMAC included."""
        return cls.layout(mode).size + (HMAC_SIZE if mode is not TestMode.UNAUTHENTICATED else 0)


class SenderPacket(_Packet, title="Sender test packet"):
    """A packet of the OWAMP or TWAMP Session-Sender (RFC 4656 §4.1.2).

    `timestamp` is 64 bits in NTP format, `error_estimate` the 16-bit field.
    """

    sequence_number: int = uint("Sequence Number", 4)
    mbz_1 = _mbz(12)
    timestamp: int = uint("Timestamp", 8)
    error_estimate: int = uint("Error Estimate", ERROR_ESTIMATE_SIZE)
    mbz_2 = _mbz(6)

    padding: bytes = b""


class ReflectorPacket(_Packet, title="Reflector test packet"):
    """A packet of the TWAMP Session-Reflector (RFC 5357 §4.2.1)."""

    sequence_number: int = uint("Sequence Number", 4)
    mbz_1 = _mbz(12)
    timestamp: int = uint("Timestamp", 8)
    error_estimate: int = uint("Error Estimate", ERROR_ESTIMATE_SIZE)
    mbz_2 = _mbz(6, open_size=2)
    receive_timestamp: int = uint("Receive Timestamp", 8)
    mbz_3 = _mbz(8)
    sender_sequence_number: int = uint("Sender Sequence Number", 4)
    mbz_4 = _mbz(12)
    sender_timestamp: int = uint("Sender Timestamp", 8)
    sender_error_estimate: int = uint("Sender Error Estimate", ERROR_ESTIMATE_SIZE)
    mbz_5 = _mbz(6, open_size=2)
    sender_ttl: int = uint("Sender TTL", 1)
    mbz_6 = _mbz(15)

    padding: bytes = b""


Packet = TypeVar("Packet", SenderPacket, ReflectorPacket)


def protected_size(layout: Layout, mode: TestMode) -> int:
    """Octets that are encrypted and that the HMAC covers: 16 in the authenticated mode, all
    before the HMAC in the encrypted mode (RFC 4656 §4.1.2, RFC 5357 §4.2.1).
    """
    return AES_BLOCK_SIZE if mode is TestMode.AUTHENTICATED else layout.size


def encrypt_blocks(mode: TestMode, t3: bytes, text: bytes) -> bytes:
    """The protected octets: one AES-ECB block, or AES-CBC with IV 0 (RFC 4656 §4.1.2)."""
    if mode is TestMode.AUTHENTICATED:
        return primitives.aes_ecb_encrypt(t3, text)
    return primitives.aes_cbc_encrypt(t3, ZERO_IV, text)


def decrypt_blocks(mode: TestMode, t3: bytes, data: bytes) -> bytes:
    """The inverse of `encrypt_blocks`."""
    if mode is TestMode.AUTHENTICATED:
        return primitives.aes_ecb_decrypt(t3, data)
    return primitives.aes_cbc_decrypt(t3, ZERO_IV, data)


def _require_keys(keys: TestSessionKeys | None) -> TestSessionKeys:
    if keys is None:
        raise ProtocolError("test session keys", "T3 and T4 in a protected mode", "none")
    return keys


def _as_sent(packet: SenderPacket | ReflectorPacket, choose: Chooser) -> dict[str, Any]:
    """The fields of a packet with Error Estimates that may be sent (RFC 4656 §4.1.2)."""
    values = dict(vars(packet))
    own = values["error_estimate"]
    if not own & 0xFF:
        raise ProtocolError("Multiplier", "a value from 1 to 255", "0")
    if own & Z_BIT:
        if choose(Z_BIT_GIVEN):
            raise ProtocolError("Error Estimate", "the bit Z zero", "one")
        values["error_estimate"] = own & ~Z_BIT
    copied = values.get("sender_error_estimate", 0)
    if copied & Z_BIT and choose(Z_BIT_COPIED):
        values["sender_error_estimate"] = copied & ~Z_BIT
    return values


def seal_packet(
    mode: TestMode,
    packet: SenderPacket | ReflectorPacket,
    keys: TestSessionKeys | None = None,
    choose: Chooser = first_option,
) -> bytes:
    """The UDP payload of a test packet in `mode`.

    Args:
        keys: T3 and T4; not used in the unauthenticated mode.
        choose: decides what becomes of a Z bit that is set in an Error Estimate.
    Raises:
        ProtocolError: a value that does not fit its field, a Multiplier of zero, or keys missing.
    """
    layout = packet.layout(mode)
    header = layout.pack(_as_sent(packet, choose))
    return protect_header(mode, layout, header, keys) + packet.padding


def protect_header(
    mode: TestMode, layout: Layout, header: bytes, keys: TestSessionKeys | None = None
) -> bytes:
    """The octets before the padding: a packed `header` encrypted, and its HMAC; raises as
    `seal_packet`.
    """
    if mode is TestMode.UNAUTHENTICATED:
        return header
    keys = _require_keys(keys)
    text, rest = header[: protected_size(layout, mode)], header[protected_size(layout, mode) :]
    tag = primitives.hmac_sha1_128(keys.t4, text)
    return encrypt_blocks(mode, keys.t3, text) + rest + tag


def open_packet(
    mode: TestMode,
    kind: type[Packet],
    data: bytes,
    keys: TestSessionKeys | None = None,
    choose: Chooser = first_option,
) -> Packet:
    """Decrypt, check and parse a UDP payload as a `kind`, `SenderPacket` or `ReflectorPacket`.

    Raises:
        ProtocolError: too short, an HMAC that does not verify, or a Multiplier of zero, unless
            `choose` takes it. A packet that fails authentication MUST be discarded (RFC 4656 §4.2).
    """
    header_size = kind.header_size(mode)
    if len(data) < header_size:
        raise ProtocolError(
            "test packet", f"at least {header_size} octets", f"{len(data)} octets", Stage.LAYOUT
        )
    header, padding = data[:header_size], data[header_size:]
    if mode is TestMode.UNAUTHENTICATED:
        values = kind.OPEN_LAYOUT.unpack(header)
    else:
        keys = _require_keys(keys)
        size = protected_size(kind.PROTECTED_LAYOUT, mode)
        text = decrypt_blocks(mode, keys.t3, header[:size])
        if not primitives.equal(header[-HMAC_SIZE:], primitives.hmac_sha1_128(keys.t4, text)):
            raise ProtocolError("HMAC", "the HMAC of the encrypted part", "another", Stage.HMAC)
        values = kind.PROTECTED_LAYOUT.unpack(text + header[size:-HMAC_SIZE])
    ErrorEstimate.from_int(values["error_estimate"], choose)
    return kind(**values, padding=padding)

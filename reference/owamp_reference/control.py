"""The protection of the control connection (RFC 4656 §3.2, §3.4).

Each direction is *one* AES-128-CBC stream under T1 that runs on from message to message: the
client's from Client-IV, the server's from Server-IV. An HMAC covers the plaintext of that
direction since the previous HMAC, under T2, and is encrypted along with the rest.
"""

from __future__ import annotations

from typing import TypeAlias

from . import primitives
from .errors import ProtocolError, Stage, check_size
from .keys import ControlKeys
from .primitives import AES_BLOCK_SIZE, HMAC_SIZE


def _check_blocks(data: bytes, stage: Stage) -> None:
    if len(data) % AES_BLOCK_SIZE:
        expected = f"a whole number of {AES_BLOCK_SIZE}-octet blocks"
        raise ProtocolError("control stream", expected, f"{len(data)} octets", stage)


class ProtectedSender:
    """Encrypts and authenticates one direction (RFC 4656 §3.2, §3.4).

    Args:
        iv: Client-IV or Server-IV, 16 octets.
    Raises:
        ProtocolError: an IV of the wrong size.
    """

    def __init__(self, keys: ControlKeys, iv: bytes) -> None:
        self._cipher = primitives.cbc_encryptor(keys.t1, iv)
        self._t2 = keys.t2
        self._covered: bytes | bytearray = bytearray()

    def write(self, text: bytes) -> bytes:
        """The ciphertext of `text`, same size; raises `ProtocolError` unless whole blocks."""
        _check_blocks(text, Stage.INPUT)
        self._covered += text
        return self._cipher.update(text)

    def write_hmac(self) -> bytes:
        """The encrypted HMAC, 16 octets; the next HMAC starts afresh."""
        tag = primitives.hmac_sha1_128(self._t2, self._covered)
        self._covered = bytearray()
        return self._cipher.update(tag)


class ProtectedReceiver:
    """Decrypts and checks one direction (RFC 4656 §3.2, §3.4); arguments as `ProtectedSender`."""

    def __init__(self, keys: ControlKeys, iv: bytes) -> None:
        self._cipher = primitives.cbc_decryptor(keys.t1, iv)
        self._t2 = keys.t2
        self._covered: bytes | bytearray = bytearray()

    def read(self, data: bytes) -> bytes:
        """The plaintext of `data`, same size. It is not authenticated before `read_hmac`."""
        _check_blocks(data, Stage.LAYOUT)
        text = self._cipher.update(data)
        self._covered += text
        return text

    def read_hmac(self, data: bytes) -> None:
        """Decrypt 16 octets and compare them, in constant time, with the HMAC of the text.

        Raises:
            ProtocolError: it does not verify; the connection MUST be dropped (RFC 4656 §6.10).
        """
        check_size("HMAC", data, HMAC_SIZE, Stage.LAYOUT)
        tag = self._cipher.update(data)
        expected = primitives.hmac_sha1_128(self._t2, self._covered)
        self._covered = bytearray()
        if not primitives.equal(tag, expected):
            raise ProtocolError(
                "HMAC", "the HMAC of the text since the last one", "another", Stage.HMAC
            )


class OpenSender:
    """The unauthenticated mode: text as it is, HMAC fields zero (RFC 4656 §3.2)."""

    def write(self, text: bytes) -> bytes:
        """`text` itself."""
        return text

    def write_hmac(self) -> bytes:
        """16 zero octets."""
        return bytes(HMAC_SIZE)


class OpenReceiver:
    """The unauthenticated mode: text as it is, HMAC fields ignored (RFC 4656 §3.2)."""

    def read(self, data: bytes) -> bytes:
        """`data` itself."""
        return data

    def read_hmac(self, data: bytes) -> None:
        """Nothing is checked: the field has the semantics of MBZ."""


Sender: TypeAlias = ProtectedSender | OpenSender
"""The sending end of one direction."""
Receiver: TypeAlias = ProtectedReceiver | OpenReceiver
"""The receiving end of one direction."""


def write_message(sender: Sender, segments: list[bytes]) -> bytes:
    """The octets on the wire of a message: each segment, then its HMAC."""
    return b"".join(sender.write(segment) + sender.write_hmac() for segment in segments)

"""Kinds of octet strings: what each is called, how many octets it has, how a value is drawn.

A *role* (Salt, SID, T1 …) is a kind that contradicts any other role: so a theory that uses a
Challenge as the Salt is wrong, although both have 16 octets.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from owamp_reference import ikev2, keys, messages, token

from ..vectors.drbg import Drbg


@dataclass(frozen=True)
class Type:
    """A kind of octet strings.

    Attributes:
        name: what people call it.
        size: octets; None for any number.
        multiple: the size is a multiple of this.
        is_role: whether it contradicts every other role.
        usual: octets of a drawn value where the size is open.
        sample: makes a value from a source, where not every string of the size will do.
    """

    name: str
    size: int | None = None
    multiple: int = 1
    is_role: bool = False
    usual: int | None = None
    sample: Callable[[Drbg], bytes] | None = field(default=None, repr=False)

    def __str__(self) -> str:
        size = "any size" if self.size is None else f"{self.size} octets"
        return f"{self.name} ({size})"

    def draw(self, source: Drbg) -> bytes:
        """A value from a source, the same for the same source."""
        if self.sample is not None:
            return self.sample(source)
        return source.octets("octets", self._size_from(source))

    def _size_from(self, source: Drbg) -> int:
        """The size, or one from the source where it is open."""
        for size in (self.size, self.usual):
            if size is not None:
                return size
        if self.multiple > 1:
            return self.multiple * (1 + source.uint("blocks", 1) % 3)
        return 1 + source.uint("size", 1) % 40


def _role(
    name: str,
    size: int | None,
    sample: Callable[[Drbg], bytes] | None = None,
    usual: int | None = None,
) -> Type:
    return Type(name, size, is_role=True, usual=usual, sample=sample)


def _count(source: Drbg) -> bytes:
    return (1 + source.uint("count", 1) % 4).to_bytes(4, "big")  # PBKDF2 with 2^31 takes hours


def _then_zeros(named: int, zeros: int) -> Callable[[Drbg], bytes]:
    return lambda source: source.octets("value", named) + bytes(zeros)


def _at(day: int) -> Callable[[Drbg], bytes]:
    """Some time of a day in 2023: what is earlier in a connection is of an earlier day."""
    return lambda source: bytes([0xE9, day]) + source.octets("time", 6)


_START_DAY, _SID_DAY, _SESSION_DAY, _PACKET_DAY = 0x10, 0x11, 0x12, 0x20


def _time(source: Drbg) -> bytes:
    return _at(_PACKET_DAY)(source) + b"\x80\x01" + bytes(6)


def _sid(source: Drbg) -> bytes:
    return source.octets("address", 4) + _at(_SID_DAY)(source) + source.octets("random", 4)


def _parameters(source: Drbg) -> bytes:
    request = messages.RequestTWSession(
        ipvn=4,
        sender_port=source.uint("sender port", 2),
        receiver_port=source.uint("receiver port", 2),
        sender_address=source.octets("sender address", 4) + bytes(12),
        receiver_address=source.octets("receiver address", 4) + bytes(12),
        padding_length=source.uint("padding length", 1),
        start_time=int.from_bytes(_at(_SESSION_DAY)(source), "big"),
        timeout=(1 + source.uint("timeout", 1)) << 32,
        type_p=0,
    )
    return request.segments()[0][1:]


ANY = Type("octets")
BLOCK = Type("block", 16)
BLOCKS = Type("blocks", multiple=16)
AES_KEY = Type("AES key", 16)
HMAC_KEY = Type("HMAC key", 32)
HMAC = Type("HMAC", 16)
PREFIX_OF_TOKEN = Type("block of the Token", 16)
SECRET = Type("shared secret", usual=20)
SALT = _role("Salt", token.SALT_SIZE)
COUNT = _role("Count", 4, _count)
CHALLENGE = _role("Challenge", token.CHALLENGE_SIZE)
T1 = _role("T1", keys.T1_SIZE)
T2 = _role("T2", keys.T2_SIZE)
T2_HALF_A = _role("first half of T2", 16)
T2_HALF_B = _role("second half of T2", 16)
SID = _role("SID", keys.SID_SIZE, _sid)
KEY_ID = _role("KeyID", messages.KEY_ID_SIZE)
TOKEN = Type("Token", token.TOKEN_SIZE)
CLIENT_IV = _role("Client-IV", messages.IV_SIZE)
SERVER_IV = _role("Server-IV", messages.IV_SIZE)
MODES = _role("Modes", 4, lambda source: (1 + source.uint("modes", 1) % 7).to_bytes(4, "big"))
MODE = _role("Mode", 4, lambda source: (2 << source.uint("mode", 1) % 2).to_bytes(4, "big"))
ACCEPT = _role("Accept", 1)
PORT = _role("Port", 2)
START_TIME = _role("Start-Time and MBZ", 16, lambda source: _at(_START_DAY)(source) + bytes(8))
PARAMETERS = _role("request without its command number", 95, _parameters)
NUMBER = _role("Sequence Number and MBZ", 16, _then_zeros(4, 12))
TIME = _role("Timestamp, Error Estimate, MBZ", 16, _time)
OWN_TIME = _role(
    "Timestamp, Error Estimate, MBZ, Receive Timestamp, MBZ",
    32,
    lambda source: _time(source) + _at(_PACKET_DAY)(source.at("received")) + bytes(8),
)
NONCE_I = _role("Ni", None, usual=32)
NONCE_R = _role("Nr", None, usual=32)
SPI_I = _role("SPIi", ikev2.SPI_SIZE)
SPI_R = _role("SPIr", ikev2.SPI_SIZE)

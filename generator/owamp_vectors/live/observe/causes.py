"""Which of the named mistakes an observed end makes: each is tried on the octets that were seen.

The mistakes are those that the vectors are aimed at, made in the reference for as long as it reads
the octets again. What verifies so, and does not if one of its octets is changed, was made so.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from functools import partial
from typing import Protocol

from owamp_reference import control, keys, primitives, token
from owamp_reference.errors import ProtocolError
from owamp_reference.keys import SID_SIZE, ControlKeys
from owamp_reference.messages import ServerGreeting, ServerStart, SetUpResponse
from owamp_reference.packets import ReflectorPacket, SenderPacket, TestMode, open_packet
from owamp_reference.primitives import AES_BLOCK_SIZE

from ...mistakes import MISTAKES, Mistake, Swap, mistakes_of
from .steps import Who

_TRIED = {"KEY_DERIVATION", "CIPHER_MODE", "AUTHENTICATION", "LAYOUT", "ENCODING"}
"""Kinds of mistakes that change octets; the others leave out a check, or refuse what is right."""
_MAX_COUNT = 4096
_MAX_SWAPPED = 2**20
"""Iterations of PBKDF2 with which a Token is tried some twenty times over."""


def mistakes_in(file: str) -> Iterator[Mistake]:
    """Those that the vectors of a file are aimed at and that change octets."""
    for flag in mistakes_of(file):
        if MISTAKES[flag].note.bug_type in _TRIED:
            yield MISTAKES[flag]


def described(mistake: Mistake) -> str:
    """A mistake in words, with its flag in the vectors."""
    return f"{mistake.note.description.rstrip('.')} ({mistake.flag})"


def _opens(read: Callable[[bytes], object], data: bytes, place: int) -> bool:
    """Whether `read` takes octets, and refuses them with one octet changed."""
    changed = data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :]
    for octets, expected in ((data, True), (changed, False)):
        try:
            read(octets)
        except (ProtocolError, ValueError):
            taken = False
        else:
            taken = True
        if taken is not expected:
            return False
    return True


def token_mistake(
    secret: bytes, greeting: ServerGreeting, sealed: bytes
) -> tuple[str, ControlKeys] | None:
    """The mistake by which a Token was made of this secret, and its keys; None if none fits."""
    swapped = int.from_bytes(greeting.count.to_bytes(4, "big"), "little")  # as by a mistake
    if not 0 < greeting.count <= _MAX_COUNT or swapped > _MAX_SWAPPED:
        return None

    def read(octets: bytes) -> ControlKeys:
        key = token.derive_token_key(secret, greeting.salt, greeting.count)
        return token.open_token(key, octets, greeting.challenge)

    for mistake in (*mistakes_in("token"), MISTAKES["Pbkdf2LeftOut"]):
        with mistake.applied():
            if _opens(read, sealed, 0):
                return described(mistake), read(sealed)
    key = token.derive_token_key(secret, greeting.salt, greeting.count)
    text = primitives.aes_cbc_decrypt(key, bytes(primitives.AES_BLOCK_SIZE), sealed)
    if text.endswith(greeting.challenge):  # it cannot be read so: the reference only makes it
        keys = ControlKeys(text[:16], text[16:48])
        return described(MISTAKES["TokenFieldOrder"]), keys
    return None


class Protection:
    """T3, T4 and the form of test packets, as they are or by a mistake.

    Attributes:
        name: the mistake in words; empty for none.
    Args:
        mistake: None for none.
        sid: from which T3 and T4 are derived.
    """

    def __init__(
        self,
        mode: TestMode,
        control_keys: ControlKeys,
        sid: bytes,
        mistake: Mistake | None = None,
        name: str = "",
    ) -> None:
        self.name = name or (described(mistake) if mistake is not None else "")
        self._mode, self._control_keys, self._sid = mode, control_keys, sid
        self._mistake = mistake

    @contextmanager
    def applied(self) -> Iterator[keys.TestSessionKeys]:
        """The keys; within the block, packets are protected and opened so."""
        with self._mistake.applied() if self._mistake is not None else nullcontext():
            yield keys.derive_test_session_keys(self._control_keys, self._sid)

    def opens(self, kind: type[SenderPacket | ReflectorPacket], payload: bytes) -> bool:
        """Whether a packet verifies so, and for its HMAC."""
        with self.applied() as session_keys:
            place = min(kind.header_size(self._mode), len(payload)) - 1
            if issubclass(kind, SenderPacket):
                opened = partial(open_packet, self._mode, SenderPacket, keys=session_keys)
                return _opens(opened, payload, place)
            answer = partial(open_packet, self._mode, ReflectorPacket, keys=session_keys)
            return _opens(answer, payload, place)


def protections(mode: TestMode, control_keys: ControlKeys, sid: bytes) -> Iterator[Protection]:
    """Each way in which one who errs may protect the test packets of a session."""
    by_name = (MISTAKES["TestKeysAreControlKeys"],)
    for mistake in (*mistakes_in("test-session-keys"), *mistakes_in("test-packets"), *by_name):
        yield Protection(mode, control_keys, sid, mistake)
    name = described(MISTAKES["SidOfTheRequest"])
    yield Protection(mode, control_keys, bytes(SID_SIZE), name=name)


def packet_mistake(
    mode: TestMode,
    control_keys: ControlKeys,
    sid: bytes,
    kind: type[SenderPacket | ReflectorPacket],
    payload: bytes,
) -> str | None:
    """The mistake by which a test packet was protected; None if none fits."""
    found = (
        way.name
        for way in protections(mode, control_keys, sid)
        if payload and way.opens(kind, payload)
    )
    return next(found, None)


_IN_CLEAR = {
    Who.CLIENT: SetUpResponse.LAYOUT.size,
    Who.SERVER: ServerGreeting.LAYOUT.size + ServerStart.CLEAR_SIZE,
}
"""Octets of each direction before those that are protected."""


class BothDirections(Protocol):
    """Reads both directions of a control connection, as `Dialogue` does."""

    def read(self, who: Who, data: bytes, time: int | None) -> None:
        """Take octets of one direction."""

    def verifies(self, who: Who) -> bool:
        """Whether that direction could be read, with at least one HMAC and none that is wrong."""


def stream_mistake(
    heard: Sequence[tuple[Who, bytes, int | None]], who: Who, make: Callable[[], BothDirections]
) -> str | None:
    """The mistake by which one end protects its direction; None if none fits.

    Args:
        heard: the octets of both ends, from the greeting on.
        make: makes a reader that has read nothing.
    """
    for mistake in (*mistakes_in("control-stream"), *_other_ivs(heard)):
        reader, left = make(), _IN_CLEAR[who]
        for side, data, time in heard:
            clear = left if side is who else len(data)
            reader.read(side, data[:clear], time)
            if side is who:
                left = max(0, left - len(data))
                with mistake.applied():
                    reader.read(side, data[clear:], time)
        if reader.verifies(who):
            return described(mistake)
    return None


def _other_ivs(heard: Sequence[tuple[Who, bytes, int | None]]) -> Iterator[Mistake]:
    """The IV of the other end, in place of the own one."""
    octets = {
        side: b"".join(data for who, data, _ in heard if who is side)
        for side in (Who.CLIENT, Who.SERVER)
    }
    size = SetUpResponse.LAYOUT.size
    client_iv = octets[Who.CLIENT][size - AES_BLOCK_SIZE : size]
    start = ServerGreeting.LAYOUT.size
    server_iv = octets[Who.SERVER][start + AES_BLOCK_SIZE : start + 2 * AES_BLOCK_SIZE]
    for iv in (client_iv, server_iv):
        if len(iv) == AES_BLOCK_SIZE:
            yield replace(MISTAKES["IvsExchanged"], swaps=(_with_iv(iv),))


def _with_iv(iv: bytes) -> Swap:
    class OtherIv(control.ProtectedReceiver):
        def __init__(self, control_keys: ControlKeys, _own: bytes) -> None:
            super().__init__(control_keys, iv)

    return Swap(control, "ProtectedReceiver", OtherIv)

"""Which of the named mistakes an observed end makes: each is tried on the octets that were seen.

The mistakes are those that the vectors are aimed at, made in the reference for as long as it reads
the octets again. What verifies so, and does not if one of its octets is changed, was made so.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from owamp_reference import primitives, token
from owamp_reference.errors import ProtocolError
from owamp_reference.keys import ControlKeys
from owamp_reference.messages import ServerGreeting

from ...mistakes import MISTAKES, Mistake, mistakes_of

_TRIED = {"KEY_DERIVATION", "CIPHER_MODE", "AUTHENTICATION", "LAYOUT", "ENCODING"}
"""Kinds of mistakes that change octets; the others leave out a check, or refuse what is right."""
_MAX_COUNT = 4096
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
    if greeting.count > _MAX_COUNT:
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

"""The shared secret, the key derived from it, and the Token (RFC 4656 §3.1).

The client proves that it knows the shared secret, and hands its freshly drawn control keys to
the server, with one 64-octet value::

    dk    = PBKDF2-HMAC-SHA1(shared secret, Salt, Count)          16 octets
    Token = AES-128-CBC(dk, IV = 0, Challenge | T1 | T2)          64 octets
"""

from __future__ import annotations

from contextlib import suppress

from . import primitives
from .choices import Choice, Chooser, Option, first_option
from .errors import ProtocolError, Stage, check_range, check_size
from .keys import T1_SIZE, ControlKeys

CHALLENGE_SIZE = 16
SALT_SIZE = 16
TOKEN_SIZE = 64
TOKEN_KEY_SIZE = 16

MIN_COUNT = 1024
"""RFC 4656 §3.1: Count MUST be at least 1024 (and a power of 2)."""
DEFAULT_MAX_COUNT = 32768
"""RFC 5357 §6: the maximum that a client accepts SHOULD be 32768 unless configured."""


LONE_CR = Choice(
    "whether a CR without an LF is a newline in a passphrase of OWAMP",
    (
        Option("refuses it, as TWAMP has to", "POLICY", "RFC 5357 §3.1"),
        Option("takes it as any other character", "POLICY", "RFC 4656 §3.1"),
    ),
)
NOT_ASCII = Choice(
    "which characters a passphrase of OWAMP may have",
    (
        Option("takes any characters, in UTF-8", "POLICY", "RFC 4656 §3.1"),
        Option("takes only ASCII, as TWAMP has to", "POLICY", "RFC 5357 §3.1"),
    ),
)
"""RFC 4656 names no character set. UTF-8 is what KeyID has. Another encoding is not excluded, but
the two ends need the same."""


def check_passphrase(
    passphrase: bytes, *, for_twamp: bool = False, choose: Chooser = first_option
) -> None:
    """Raise `ProtocolError` for a passphrase that the RFCs do not allow.

    Neither protocol has newlines in it. TWAMP counts a CR alone as one, and has ASCII only (RFC
    4656 §3.1, RFC 5357 §3.1).

    The rule is for passphrases that people type. A key from IKEv2 is any octets and may well
    contain 0a, so it is not checked.
    """
    has_cr = b"\r" in passphrase and (for_twamp or choose(LONE_CR) == 0)
    if b"\n" in passphrase or has_cr:
        raise ProtocolError("passphrase", "no newline (CR or LF)", "a newline", Stage.TEXT)
    if not passphrase.isascii() and (for_twamp or choose(NOT_ASCII)):
        raise ProtocolError("passphrase", "ASCII", "other characters", Stage.TEXT)


def encode_passphrase(
    text: str, *, for_twamp: bool = False, choose: Chooser = first_option
) -> bytes:
    """The octets of a passphrase: its UTF-8 encoding, unchanged otherwise.

    Raises:
        ProtocolError: what `check_passphrase` refuses, or text that UTF-8 cannot encode.
    """
    passphrase = None
    with suppress(UnicodeEncodeError):  # it holds the text, so nothing is raised from it
        passphrase = text.encode()
    if passphrase is None:
        raise ProtocolError("passphrase", "a UTF-8 string", "a lone surrogate", Stage.TEXT)
    check_passphrase(passphrase, for_twamp=for_twamp, choose=choose)
    return passphrase


def check_count(count: int, maximum: int = DEFAULT_MAX_COUNT) -> None:
    """Raise `ProtocolError` unless Count is a power of 2 from 1024 to `maximum`.

    RFC 4656 §3.1 gives the lower bound and the power; RFC 5357 §6 asks for a configurable
    upper bound, since a Count of 2^31 from a hostile server would keep the client busy for hours.
    """
    if count < MIN_COUNT or count & (count - 1):
        raise ProtocolError("Count", f"a power of 2, at least {MIN_COUNT}", str(count), Stage.COUNT)
    if count > maximum:
        raise ProtocolError("Count", f"at most {maximum} (configured)", str(count), Stage.COUNT)


def derive_token_key(shared_secret: bytes, salt: bytes, count: int) -> bytes:
    """The 16-octet AES key that encrypts the Token (RFC 4656 §3.1).

    Args:
        shared_secret: the passphrase, or the key from IKEv2 (RFC 7717 §5.1); any size.
        salt: 16 octets from the Server-Greeting.
        count: from the Server-Greeting, 1 to 2^32-1; its policy is `check_count`.
    Raises:
        ProtocolError: `salt` or `count` out of bounds.
    """
    check_size("Salt", salt, SALT_SIZE)
    check_range("Count", count, 1, 2**32 - 1)
    return primitives.pbkdf2_hmac_sha1(shared_secret, salt, count, TOKEN_KEY_SIZE)


def token_plaintext(challenge: bytes, keys: ControlKeys) -> bytes:
    """The 64 octets Challenge (16) | T1 (16) | T2 (32) that a Token encrypts (RFC 4656 §3.1)."""
    check_size("Challenge", challenge, CHALLENGE_SIZE)
    return challenge + keys.t1 + keys.t2


def seal_token(token_key: bytes, challenge: bytes, keys: ControlKeys) -> bytes:
    """The 64-octet Token (RFC 4656 §3.1).

    Args:
        token_key: 16 octets from `derive_token_key`.
        challenge: 16 octets from the Server-Greeting.
    Raises:
        ProtocolError: an argument of the wrong size.
    """
    plaintext = token_plaintext(challenge, keys)
    return primitives.aes_cbc_encrypt(token_key, primitives.ZERO_IV, plaintext)


def open_token(token_key: bytes, token: bytes, challenge: bytes) -> ControlKeys:
    """T1 and T2 from a 64-octet Token, if it carries `challenge` (RFC 4656 §3.1).

    Nothing else in the Token is authenticated: T1 and T2 are whatever the last three blocks
    decrypt to (RFC 4656 §6.10).

    Raises:
        ProtocolError: a size is wrong, or the challenge is not the one that was sent.
    """
    check_size("Challenge", challenge, CHALLENGE_SIZE)
    check_size("Token", token, TOKEN_SIZE)
    plaintext = primitives.aes_cbc_decrypt(token_key, primitives.ZERO_IV, token)
    found, keys = plaintext[:CHALLENGE_SIZE], plaintext[CHALLENGE_SIZE:]
    if not primitives.equal(found, challenge):
        raise ProtocolError(
            "Token", "the challenge that the server sent", "another challenge", Stage.CHALLENGE
        )
    return ControlKeys(keys[:T1_SIZE], keys[T1_SIZE:])

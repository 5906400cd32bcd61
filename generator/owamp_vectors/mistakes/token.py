"""Mistakes with the Token, its key, the passphrase and the KeyID."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.kdf.pbkdf2 import PBKDF2HMAC
from owamp_reference import errors, messages, primitives, token
from owamp_reference.errors import ProtocolError, Stage
from owamp_reference.keys import ControlKeys

from ..vectors.declaration import Note
from .base import Swap, ignore, mistake

NOTES = {
    "TokenMalleable": Note(
        "PROTOCOL",
        "A changed Token whose first block is intact passes the check of the Challenge.",
        "The server uses keys that the client does not have, until the first HMAC fails.",
    ),
    "TokenForgery": Note(
        "PROTOCOL",
        "A Token put together from the answers of honest clients to chosen Challenges. A server "
        "cannot tell: limit who may greet clients, or run the control connection inside IPsec.",
        "The attacker is authenticated as the client, with control keys that it knows.",
    ),
}

_derive = token.derive_token_key
_encode_passphrase = token.encode_passphrase
_check_passphrase = token.check_passphrase
_encode_key_id = messages.encode_key_id
_decode_key_id = messages.decode_key_id
_seal = token.seal_token
_check_count = token.check_count

Derive = Callable[[bytes, bytes, int], bytes]


def _pbkdf2(algorithm: hashes.HashAlgorithm, size: int) -> Derive:
    return lambda secret, salt, count: PBKDF2HMAC(algorithm, size, salt, count).derive(secret)


def _swapped_count(count: int) -> int:
    return int.from_bytes(count.to_bytes(4, "big"), "little")


def _cbc_256(encrypt: bool) -> Callable[[bytes, bytes, bytes], bytes]:
    def run(key: bytes, iv: bytes, data: bytes) -> bytes:
        cipher = Cipher(algorithms.AES(key), modes.CBC(iv))
        context = cipher.encryptor() if encrypt else cipher.decryptor()
        return context.update(data)

    return run


def _seal_in_ecb(key: bytes, challenge: bytes, keys: ControlKeys) -> bytes:
    return primitives.aes_ecb_encrypt(key, challenge + keys.t1 + keys.t2)


def _seal_with_challenge_as_iv(key: bytes, challenge: bytes, keys: ControlKeys) -> bytes:
    return primitives.aes_cbc_encrypt(key, challenge, challenge + keys.t1 + keys.t2)


def _open_with_challenge_as_iv(key: bytes, sealed: bytes, challenge: bytes) -> ControlKeys:
    return _split(primitives.aes_cbc_decrypt(key, challenge, sealed), challenge)


def _seal_with_keys_first(key: bytes, challenge: bytes, keys: ControlKeys) -> bytes:
    return primitives.aes_cbc_encrypt(key, primitives.ZERO_IV, keys.t1 + keys.t2 + challenge)


def _seal_with_short_t2(key: bytes, challenge: bytes, keys: ControlKeys) -> bytes:
    return _seal(key, challenge, ControlKeys(keys.t1, keys.t2[:20].ljust(32, b"\0")))


def _split(plaintext: bytes, challenge: bytes, compared: int = 16) -> ControlKeys:
    if plaintext[:compared] != challenge[:compared]:
        raise ProtocolError(
            "Token", "the challenge that the server sent", "another challenge", Stage.CHALLENGE
        )
    return ControlKeys(plaintext[16:32], plaintext[32:])


def _open_in_ecb(key: bytes, sealed: bytes, challenge: bytes) -> ControlKeys:
    return _split(primitives.aes_ecb_decrypt(key, sealed), challenge)


def _open_up_to_zero(key: bytes, sealed: bytes, challenge: bytes) -> ControlKeys:
    plaintext = primitives.aes_cbc_decrypt(key, primitives.ZERO_IV, sealed)
    return _split(plaintext, challenge, (challenge + b"\0").index(0) + 1)


def _seal_up_to_zero(key: bytes, challenge: bytes, keys: ControlKeys) -> bytes:
    return _seal(key, challenge.split(b"\0")[0].ljust(16, b"\xff"), keys)


def _open_comparing(compared: int) -> Callable[[bytes, bytes, bytes], ControlKeys]:
    def run(key: bytes, sealed: bytes, challenge: bytes) -> ControlKeys:
        plaintext = primitives.aes_cbc_decrypt(key, primitives.ZERO_IV, sealed)
        return _split(plaintext, challenge, compared)

    return run


def _encode_cut(text: str, *_: object) -> bytes:
    return text.encode()[:80].ljust(80, b"\0")


def _encode_at_first_zero(text: str, *_: object) -> bytes:
    return _encode_key_id(text.split("\0", maxsplit=1)[0])


def _decode_at_first_zero(key_id: bytes, *_: object) -> str:
    return _decode_key_id(key_id.split(b"\0")[0].ljust(80, b"\0"))


def _decode_unpadded(key_id: bytes, *_: object) -> str:
    return key_id.decode(errors="replace")


def _decode_terminated(key_id: bytes, *_: object) -> str:
    return _decode_key_id(key_id[:79] + b"\0")


_DIFFERENT_KEY = "The Token does not open at the other end, and set-up fails with Accept 1."
_ACCEPTED = "Input that is to be refused is taken."

_AES = (
    "aes_ecb_encrypt",
    "aes_ecb_decrypt",
    "aes_cbc_encrypt",
    "aes_cbc_decrypt",
    "cbc_encryptor",
    "cbc_decryptor",
)


def _fitted(name: str) -> Callable[..., Any]:
    """AES with keys and IVs cut or padded to 16 octets, and texts to whole blocks."""
    original = getattr(primitives, name)

    def call(*octets: bytes) -> Any:
        fixed, text = (octets, ()) if name.startswith("cbc") else (octets[:-1], octets[-1:])
        keys = (item[:16].ljust(16, b"\0") for item in fixed)
        return original(*keys, *(item + bytes(-len(item) % 16) for item in text))

    return call


MISTAKES = (
    mistake(
        "Pbkdf2Sha256",
        "KEY_DERIVATION",
        "PBKDF2 with HMAC-SHA256 in place of HMAC-SHA1.",
        _DIFFERENT_KEY,
        Swap(token, "derive_token_key", _pbkdf2(hashes.SHA256(), 16)),
    ),
    mistake(
        "Pbkdf2KeyOf32",
        "KEY_DERIVATION",
        "A key of 32 octets from PBKDF2, hence AES-256 for the Token.",
        _DIFFERENT_KEY,
        Swap(token, "derive_token_key", _pbkdf2(hashes.SHA1(), 32)),
        Swap(primitives, "aes_cbc_encrypt", _cbc_256(encrypt=True)),
        Swap(primitives, "aes_cbc_decrypt", _cbc_256(encrypt=False)),
    ),
    mistake(
        "CountByteOrder",
        "KEY_DERIVATION",
        "Count read in little-endian byte order.",
        "Another key, after another time: 1024 becomes 262144 iterations.",
        Swap(
            token,
            "derive_token_key",
            lambda secret, salt, count: _derive(secret, salt, _swapped_count(count)),
        ),
    ),
    mistake(
        "CountIgnored",
        "KEY_DERIVATION",
        "A fixed number of 1024 iterations, whatever Count says.",
        _DIFFERENT_KEY,
        Swap(token, "derive_token_key", lambda secret, salt, count: _derive(secret, salt, 1024)),
    ),
    mistake(
        "CountUnchecked",
        "MISSING_CHECK",
        "No check that Count is a power of 2 and at least 1024.",
        "A hostile server makes guessing the passphrase cheap.",
        Swap(token, "MIN_COUNT", 1),
        Swap(token, "check_count", ignore),
    ),
    mistake(
        "TokenInEcb",
        "CIPHER_MODE",
        "The Token encrypted in ECB instead of CBC.",
        _DIFFERENT_KEY,
        Swap(token, "seal_token", _seal_in_ecb),
    ),
    mistake(
        "TokenDecryptedInEcb",
        "CIPHER_MODE",
        "The Token decrypted in ECB instead of CBC: the Challenge is right, as the IV is zero, and "
        "the keys are wrong.",
        "Set-up succeeds; the first HMAC of either side fails.",
        Swap(token, "open_token", _open_in_ecb),
    ),
    mistake(
        "TokenIvNotZero",
        "CIPHER_MODE",
        "The Token with the Challenge as Initialization Vector where RFC 4656 has zero.",
        _DIFFERENT_KEY,
        Swap(token, "seal_token", _seal_with_challenge_as_iv),
        Swap(token, "open_token", _open_with_challenge_as_iv),
    ),
    mistake(
        "TokenFieldOrder",
        "LAYOUT",
        "The Challenge at the end of the Token.",
        _DIFFERENT_KEY,
        Swap(token, "seal_token", _seal_with_keys_first),
    ),
    mistake(
        "ShortT2",
        "LAYOUT",
        "A T2 of 20 octets, as long as SHA-1's output, padded with zeros.",
        "The HMAC keys of the two ends differ.",
        Swap(token, "seal_token", _seal_with_short_t2),
    ),
    mistake(
        "ChallengeUnchecked",
        "AUTH_BYPASS",
        "The decrypted Challenge is not compared with the one that was sent.",
        "Anyone is authenticated, or can replay a Token.",
        Swap(token, "open_token", _open_comparing(0)),
    ),
    mistake(
        "ChallengeComparedInPart",
        "AUTH_BYPASS",
        "Only the first 8 octets of the Challenge are compared.",
        "Half of the proof is given away.",
        Swap(token, "open_token", _open_comparing(8)),
    ),
    mistake(
        "ChallengeCutAtZero",
        "AUTH_BYPASS",
        "The Challenge copied and compared as a C string, up to its first zero octet.",
        "Of a Challenge that begins with a zero octet nothing has to be known.",
        Swap(token, "seal_token", _seal_up_to_zero),
        Swap(token, "open_token", _open_up_to_zero),
    ),
    mistake(
        "SizeUnchecked",
        "MISSING_CHECK",
        "A field of the wrong size is taken, cut or padded.",
        _ACCEPTED,
        Swap(errors, "check_size", ignore),
        *(Swap(primitives, name, _fitted(name)) for name in _AES),
    ),
    mistake(
        "LongPassphraseCut",
        "KEY_DERIVATION",
        "The passphrase cut to 64 octets, the block of HMAC-SHA1, which hashes longer keys.",
        _DIFFERENT_KEY,
        Swap(
            token,
            "derive_token_key",
            lambda secret, salt, count: _derive(secret[:64], salt, count),
        ),
    ),
    mistake(
        "SecretCutAtZero",
        "KEY_DERIVATION",
        "The shared secret handled as a C string, cut at its first zero octet.",
        _DIFFERENT_KEY,
        Swap(
            token,
            "derive_token_key",
            lambda secret, salt, count: _derive(secret.split(b"\0")[0], salt, count),
        ),
    ),
    mistake(
        "KeyTakenForText",
        "KEY_DERIVATION",
        "A key from IKEv2 handled like a passphrase: stripped of, or refused for, a newline.",
        "About one key in ten of 32 octets fails, seemingly at random.",
        Swap(
            token,
            "derive_token_key",
            lambda secret, salt, count: _derive(secret.strip(b"\r\n"), salt, count),
        ),
    ),
    mistake(
        "PassphraseStripped",
        "KEY_DERIVATION",
        "White space stripped from the ends of the passphrase.",
        _DIFFERENT_KEY,
        Swap(
            token,
            "encode_passphrase",
            lambda text, **more: _encode_passphrase(text.strip(" "), **more),
        ),
    ),
    mistake(
        "PassphraseNewline",
        "MISSING_CHECK",
        "A passphrase with a newline is taken.",
        "The two ends, reading their files differently, derive different keys.",
        Swap(token, "check_passphrase", ignore),
    ),
    mistake(
        "PassphraseLoneCr",
        "MISSING_CHECK",
        "A CR without an LF taken in a passphrase of TWAMP.",
        "The two ends, reading their files differently, derive different keys.",
        Swap(
            token,
            "check_passphrase",
            lambda passphrase, **more: _check_passphrase(passphrase.replace(b"\r", b""), **more),
        ),
    ),
    mistake(
        "PassphraseNotAscii",
        "MISSING_CHECK",
        "A passphrase of TWAMP taken that has other characters than ASCII.",
        "The two ends, in different encodings, derive different keys.",
        Swap(token, "encode_passphrase", lambda text, **_: text.encode()),
    ),
    mistake(
        "PassphraseLatin1",
        "KEY_DERIVATION",
        "A non-ASCII passphrase encoded in Latin-1.",
        _DIFFERENT_KEY,
        Swap(token, "encode_passphrase", lambda text, **_: text.encode("latin-1", "replace")),
    ),
    mistake(
        "PassphraseNormalized",
        "KEY_DERIVATION",
        "A non-ASCII passphrase put in Unicode's composed form before it is encoded.",
        _DIFFERENT_KEY,
        Swap(
            token,
            "encode_passphrase",
            lambda text, **_: unicodedata.normalize("NFC", text).encode(),
        ),
    ),
    mistake(
        "KeyIdPadding",
        "LAYOUT",
        "KeyID padded with spaces, or its zero padding taken for part of the name.",
        "The server does not find the shared secret.",
        Swap(messages, "encode_key_id", lambda text: text.encode().ljust(80)),
        Swap(messages, "decode_key_id", _decode_unpadded),
    ),
    mistake(
        "KeyIdTerminated",
        "LAYOUT",
        "A zero octet always kept at the end of KeyID, so that names have at most 79 octets.",
        "A name of 80 octets is cut or refused.",
        Swap(messages, "encode_key_id", lambda text, *_: _encode_key_id(text)[:79] + b"\0"),
        Swap(messages, "decode_key_id", _decode_terminated),
    ),
    mistake(
        "KeyIdStripped",
        "LAYOUT",
        "Spaces at the end of a KeyID stripped along with its padding.",
        "The server does not find the shared secret, or finds another.",
        Swap(messages, "encode_key_id", lambda text, *_: _encode_key_id(text.rstrip(" "))),
        Swap(messages, "decode_key_id", lambda key_id, *_: _decode_key_id(key_id).rstrip(" ")),
    ),
    mistake(
        "KeyIdLatin1",
        "ENCODING",
        "KeyID in Latin-1 where RFC 4656 has UTF-8.",
        "The server does not find the shared secret, or takes octets that are not UTF-8.",
        Swap(
            messages,
            "encode_key_id",
            lambda text, *_: text.encode("latin-1", "replace").ljust(80, b"\0"),
        ),
        Swap(messages, "decode_key_id", lambda key_id, *_: key_id.decode("latin-1").rstrip("\0")),
    ),
    mistake(
        "KeyIdNormalized",
        "ENCODING",
        "The name put in Unicode's composed form before it is encoded.",
        "The server does not find the shared secret.",
        Swap(
            messages,
            "encode_key_id",
            lambda text, *_: _encode_key_id(unicodedata.normalize("NFC", text)),
        ),
    ),
    mistake(
        "KeyIdTooLong",
        "MISSING_CHECK",
        "A name of more than 80 octets cut to fit, possibly within a character.",
        "Two names become one, or the field is not UTF-8.",
        Swap(messages, "encode_key_id", _encode_cut),
    ),
    mistake(
        "KeyIdZeroWithin",
        "MISSING_CHECK",
        "KeyID handled as a C string, read up to its first zero octet.",
        "What follows escapes the check of the name, and appears in a log.",
        Swap(messages, "encode_key_id", _encode_at_first_zero),
        Swap(messages, "decode_key_id", _decode_at_first_zero),
    ),
)

"""The cryptographic operations of RFC 4656, each one call into `cryptography`.

Every other module calls these through the module (``primitives.aes_ecb_encrypt``), so that a
test can put another provider, or a deliberate mistake, in one place.
"""

from __future__ import annotations

import hmac as _stdlib_hmac

from cryptography.hazmat.primitives import hashes, hmac
from cryptography.hazmat.primitives.ciphers import Cipher, CipherContext, algorithms, modes
from cryptography.hazmat.primitives.kdf.pbkdf2 import PBKDF2HMAC

from .errors import ProtocolError, check_size

AES_BLOCK_SIZE = 16
"""Octets of an AES block (FIPS 197)."""
AES_KEY_SIZE = 16
"""Octets of every AES key in O/TWAMP (RFC 4656 §3.1)."""
HMAC_SIZE = 16
"""Octets of an O/TWAMP HMAC: HMAC-SHA1 truncated to 128 bits (RFC 4656 §3.2)."""
ZERO_IV = bytes(AES_BLOCK_SIZE)
"""The Initialization Vector of the Token, of T4 and of test packets (RFC 4656 §3.1, §4.1.2)."""


def _check_blocks(field: str, octets: bytes) -> None:
    if len(octets) % AES_BLOCK_SIZE:
        raise ProtocolError(field, "a whole number of 16-octet blocks", f"{len(octets)} octets")


def aes_ecb_encrypt(key: bytes, plaintext: bytes) -> bytes:
    """AES-128-ECB of whole blocks under a 16-octet `key`; same size out (SP 800-38A §6.1)."""
    check_size("AES key", key, AES_KEY_SIZE)
    _check_blocks("AES plaintext", plaintext)
    encryptor = Cipher(algorithms.AES(key), modes.ECB()).encryptor()
    return encryptor.update(plaintext) + encryptor.finalize()


def aes_ecb_decrypt(key: bytes, ciphertext: bytes) -> bytes:
    """The inverse of `aes_ecb_encrypt` (SP 800-38A §6.1)."""
    check_size("AES key", key, AES_KEY_SIZE)
    _check_blocks("AES ciphertext", ciphertext)
    decryptor = Cipher(algorithms.AES(key), modes.ECB()).decryptor()
    return decryptor.update(ciphertext) + decryptor.finalize()


def aes_cbc_encrypt(key: bytes, iv: bytes, plaintext: bytes) -> bytes:
    """AES-128-CBC of whole blocks, no padding, 16-octet `key` and `iv` (SP 800-38A §6.2)."""
    _check_blocks("AES plaintext", plaintext)
    encryptor = cbc_encryptor(key, iv)
    return encryptor.update(plaintext) + encryptor.finalize()


def aes_cbc_decrypt(key: bytes, iv: bytes, ciphertext: bytes) -> bytes:
    """The inverse of `aes_cbc_encrypt` (SP 800-38A §6.2)."""
    _check_blocks("AES ciphertext", ciphertext)
    decryptor = cbc_decryptor(key, iv)
    return decryptor.update(ciphertext) + decryptor.finalize()


def cbc_encryptor(key: bytes, iv: bytes) -> CipherContext:
    """An AES-128-CBC stream that runs on from one ``update`` of whole blocks to the next."""
    check_size("AES key", key, AES_KEY_SIZE)
    check_size("IV", iv, AES_BLOCK_SIZE)
    return Cipher(algorithms.AES(key), modes.CBC(iv)).encryptor()


def cbc_decryptor(key: bytes, iv: bytes) -> CipherContext:
    """The inverse of `cbc_encryptor`."""
    check_size("AES key", key, AES_KEY_SIZE)
    check_size("IV", iv, AES_BLOCK_SIZE)
    return Cipher(algorithms.AES(key), modes.CBC(iv)).decryptor()


def hmac_sha1_128(key: bytes, text: bytes | bytearray) -> bytes:
    """HMAC-SHA1 of `text`, its first 16 octets (RFC 4656 §3.2)."""
    mac = hmac.HMAC(key, hashes.SHA1())
    mac.update(text)
    return mac.finalize()[:HMAC_SIZE]


def pbkdf2_hmac_sha1(secret: bytes, salt: bytes, count: int, size: int) -> bytes:
    """PBKDF2 with HMAC-SHA1, `count` iterations, `size` octets out (RFC 8018 §5.2)."""
    return PBKDF2HMAC(hashes.SHA1(), size, salt, count).derive(secret)


def equal(left: bytes, right: bytes) -> bool:
    """Whether two octet strings are equal, in time that does not depend on their content."""
    return _stdlib_hmac.compare_digest(left, right)

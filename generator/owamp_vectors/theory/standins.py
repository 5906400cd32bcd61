"""Functions of the models that the reference does not have: either it does them inside another,
or they lie outside of it, as IKE's own messages do. The rows say why for each (`model_only`).

Everything here is deterministic, and obeys the equations of Tamarin's builtins.
"""

from __future__ import annotations

from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives import hashes, hmac
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from owamp_reference import ProtocolError, ikev2, primitives

MODP_SIZE = 256
MODP_2048 = int(
    "ffffffffffffffffc90fdaa22168c234c4c6628b80dc1cd129024e088a67cc74020bbea63b139b22514a08798e3404dd"
    "ef9519b3cd3a431b302b0a6df25f14374fe1356d6d51c245e485b576625e7ec6f44c42e9a637ed6b0bff5cb6f406b7ed"
    "ee386bfb5a899fa5ae9f24117c4b1fe649286651ece45b3dc2007cb8a163bf0598da48361c55d39a69163fa8fd24cf5f"
    "83655d23dca3ad961c62f356208552bb9ed529077096966d670c354e4abc9804f1746c08ca18217c32905e462e36ce3b"
    "e39e772c180e86039b2783a2ec07a28fb5c55df06f4c52c9de2bcbf6955817183995497cea956ae515d2261898fa0510"
    "15728e5a8aacaa68ffffffffffffffff",
    16,
)
"""The prime of group 14 of IKEv2 (RFC 3526 §3); 2 generates the squares, `ORDER` of them."""
ORDER = (MODP_2048 - 1) // 2
GENERATOR = (2).to_bytes(MODP_SIZE, "big")
ONE = (1).to_bytes(MODP_SIZE, "big")


def group_element(exponent: bytes) -> bytes:
    """2^exponent in group 14, 256 octets."""
    return power(GENERATOR, exponent)


def power(base: bytes, exponent: bytes) -> bytes:
    """base^exponent in group 14, 256 octets (RFC 7296 §2.14: big-endian, as long as the prime)."""
    number, power_of = (int.from_bytes(octets, "big") for octets in (base, exponent))
    return pow(number, power_of % ORDER, MODP_2048).to_bytes(MODP_SIZE, "big")


def times(left: bytes, right: bytes) -> bytes:
    """The product of two exponents, modulo the order of the group, 256 octets."""
    product = int.from_bytes(left, "big") * int.from_bytes(right, "big")
    return (product % ORDER).to_bytes(MODP_SIZE, "big")


def inverse(exponent: bytes) -> bytes:
    """The exponent that undoes another, 256 octets; that of 0 is 0."""
    number = int.from_bytes(exponent, "big") % ORDER
    return (pow(number, -1, ORDER) if number else 0).to_bytes(MODP_SIZE, "big")


def xor(left: bytes, right: bytes) -> bytes:
    """The exclusive or of two strings of one size: what CBC does between blocks.

    Raises:
        ProtocolError: two sizes.
    """
    if len(left) != len(right):
        raise ProtocolError("XOR", f"{len(left)} octets", f"{len(right)} octets")
    return bytes(a ^ b for a, b in zip(left, right, strict=True))


def last_block(ciphertext: bytes) -> bytes:
    """The last 16 octets: what a CBC stream runs on from.

    Raises:
        ProtocolError: fewer than 16.
    """
    if len(ciphertext) < primitives.AES_BLOCK_SIZE:
        raise ProtocolError("ciphertext", "at least 16 octets", f"{len(ciphertext)} octets")
    return ciphertext[-primitives.AES_BLOCK_SIZE :]


def cbc_cut_key(key: bytes, iv: bytes, text: bytes) -> bytes:
    """AES-128-CBC under the first 16 octets of `key`, the output of a prf."""
    return primitives.aes_cbc_encrypt(key[: primitives.AES_KEY_SIZE], iv, text)


def cbc_inv_cut_key(key: bytes, iv: bytes, ciphertext: bytes) -> bytes:
    """The inverse of `cbc_cut_key`."""
    return primitives.aes_cbc_decrypt(key[: primitives.AES_KEY_SIZE], iv, ciphertext)


def spelled(name: str) -> bytes:
    """A name in ASCII, where no document says what octets it has."""
    return name.encode("ascii")


def token_mac_key(secret: bytes, salt: bytes, count: int) -> bytes:
    """The HMAC key of a Token with an HMAC, 32 octets: PBKDF2 run on after the Token's key."""
    return primitives.pbkdf2_hmac_sha1(secret, salt, count, 48)[16:]


KEY_LABELS = ("set-up", "control", "client", "server", "any", "test", "sender", "reflector")
"""What the KDF below has in it, as text: the use of a key, and who sends under it."""


def labelled_kdf(key: bytes, label: bytes, context: bytes) -> bytes:
    """A key for one use, 32 octets: HMAC-SHA-256(key, label | 00 | context). In no RFC."""
    return ikev2.prf(ikev2.PRF_HMAC_SHA2_256, key, label + b"\0" + context)


def _hash(octets: bytes) -> bytes:
    digest = hashes.Hash(hashes.SHA256())
    digest.update(octets)
    return digest.finalize()


def senc(text: bytes, key: bytes) -> bytes:
    """AES-256-GCM under a key of any size, the nonce made from key and text: nonce, then the rest.

    Not the payload SK{…} of RFC 7296 §3.14: no padding, no header, a nonce that is not random.
    """
    mac = hmac.HMAC(key, hashes.SHA256())
    mac.update(text)
    nonce = mac.finalize()[:12]
    return nonce + AESGCM(_hash(key)).encrypt(nonce, text, None)


def sdec(ciphertext: bytes, key: bytes) -> bytes:
    """The inverse of `senc`. Raises `ProtocolError` for what was not made with the key."""
    try:
        return AESGCM(_hash(key)).decrypt(ciphertext[:12], ciphertext[12:], None)
    except (InvalidTag, ValueError):
        raise ProtocolError("ciphertext", "one that was made with the key", "another") from None


def auth(prf: ikev2.Prf, key: bytes, message: bytes, nonce: bytes, mac: bytes) -> bytes:
    """AUTH by a pre-shared key: prf(prf(key, "Key Pad for IKEv2"), message | nonce | mac).

    RFC 7296 §2.15, where the message is all of IKE_SA_INIT.
    """
    return ikev2.prf(prf, ikev2.prf(prf, key, b"Key Pad for IKEv2"), message + nonce + mac)


def sign(text: bytes, key: bytes) -> bytes:
    """An Ed25519 signature, 64 octets; the private key is the SHA-256 of `key`."""
    return Ed25519PrivateKey.from_private_bytes(_hash(key)).sign(text)


def public_key(key: bytes) -> bytes:
    """The public key to `sign`, 32 octets."""
    return Ed25519PrivateKey.from_private_bytes(_hash(key)).public_key().public_bytes_raw()


def is_signed(signature: bytes, text: bytes, public: bytes) -> bytes:
    """One octet: 1 if the signature is good, else 0."""
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, text)
    except (InvalidSignature, ValueError):
        return b"\0"
    return b"\1"

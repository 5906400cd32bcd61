"""Function symbols and names that theories share: O/TWAMP's ciphers, and IKE's prf."""

from __future__ import annotations

from collections.abc import Callable

from owamp_reference import binding, ikev2, keys, messages, primitives, token

from ...groups import roles
from ...groups.participants import ENCRYPTION_SIZE, INTEGRITY_SIZE, KEYMAT_SIZE
from ...groups.roles import AES_KEY, ANY, BLOCK, BLOCKS, HMAC, HMAC_KEY, SALT, SECRET, SID, Type
from .. import standins
from ..located import Attribute
from ..rows import Constant, Symbol, Undone

INSIDE_CBC = "AES-CBC does it inside; in the reference a stream is one cbc_encryptor"
ZERO_IV = Attribute(primitives, "ZERO_IV")


def number(octets: bytes) -> int:
    """The number that octets are, big-endian."""
    return int.from_bytes(octets, "big")


def token_key(secret: bytes, salt: bytes, count: bytes) -> bytes:
    """The key of the Token (RFC 4656 §3.1)."""
    return token.derive_token_key(secret, salt, number(count))


def kdf(key: bytes, sid: bytes) -> bytes:
    """T3 from T1, or T4 from T2, one-way (RFC 4656 §6.7); which one the size of `key` says."""
    if len(key) == keys.T1_SIZE:
        return keys.one_way_test_session_keys(keys.ControlKeys(key, bytes(keys.T2_SIZE)), sid).t3
    return keys.one_way_test_session_keys(keys.ControlKeys(bytes(keys.T1_SIZE), key), sid).t4


_CBC = (AES_KEY, BLOCK, BLOCKS)
_ECB = (AES_KEY, BLOCK)
_CBC_SECTIONS, _ECB_SECTION = "RFC 4656 §3.1, §3.4", "RFC 4656 §4.1.2"


def _ecb(name: str, inverse: str) -> tuple[Symbol, Symbol]:
    """AES of one block and its inverse, under the names that a theory has for them."""
    there, back = primitives.aes_ecb_encrypt, primitives.aes_ecb_decrypt
    return (
        Symbol(name, there, _ECB, BLOCK, _ECB_SECTION, undone=Undone(inverse, 1)),
        Symbol(inverse, back, _ECB, BLOCK, _ECB_SECTION, undone=Undone(name, 1, False)),
    )


CIPHERS = (
    Symbol(
        "pbkdf2",
        token.derive_token_key,
        (SECRET, SALT, roles.COUNT),
        AES_KEY,
        "RFC 4656 §3.1",
        adapted=token_key,
    ),
    Symbol("cbc", primitives.aes_cbc_encrypt, _CBC, 2, _CBC_SECTIONS, undone=Undone("cbc_inv", 2)),
    Symbol(
        "cbc_inv",
        primitives.aes_cbc_decrypt,
        _CBC,
        2,
        _CBC_SECTIONS,
        undone=Undone("cbc", 2, False),
    ),
    *_ecb("ecb", "ecb_inv"),
    *_ecb("aes", "aes_inv"),
    Symbol("hmac", primitives.hmac_sha1_128, (HMAC_KEY, ANY), HMAC, "RFC 4656 §3.2"),
    Symbol(
        "last_block", standins.last_block, (BLOCKS,), BLOCK, "RFC 4656 §3.4", model_only=INSIDE_CBC
    ),
    Symbol("zero_iv", ZERO_IV, (), BLOCK, "RFC 4656 §3.1", adapted=lambda: primitives.ZERO_IV),
    Symbol("kdf", keys.one_way_test_session_keys, (ANY, SID), 0, "RFC 4656 §6.7", adapted=kdf),
)


def slices(prf: ikev2.Prf) -> dict[str, tuple[int, int]]:
    """Where SK_* are in prf+(SKEYSEED, …), in the order of RFC 7296 §2.14."""
    sizes = {"sk_d": prf.output_size}
    sizes |= {"sk_ai": INTEGRITY_SIZE, "sk_ar": INTEGRITY_SIZE}
    sizes |= {"sk_ei": ENCRYPTION_SIZE, "sk_er": ENCRYPTION_SIZE}
    sizes |= {"sk_pi": prf.output_size, "sk_pr": prf.output_size}
    found, offset = {}, 0
    for name, size in sizes.items():
        found[name] = (offset, offset + size)
        offset += size
    return found


def type_of_skeyseed(prf: ikev2.Prf) -> Type:
    """The type of SKEYSEED."""
    return Type("SKEYSEED", prf.output_size)


def type_of_prf(prf: ikev2.Prf) -> Type:
    """The type of what a prf gives."""
    return Type(f"output of {prf.name}", prf.output_size)


def _prf(prf: ikev2.Prf) -> Symbol:
    return Symbol(
        "prf",
        ikev2.prf,
        (ANY, ANY),
        type_of_prf(prf),
        "RFC 7296 §2.13",
        adapted=lambda key, data: ikev2.prf(prf, key, data),
    )


def _prf_plus(prf: ikev2.Prf) -> Symbol:
    return Symbol(
        "prf_plus",
        ikev2.prf_plus,
        (ANY, ANY),
        Type("KEYMAT", KEYMAT_SIZE),
        "RFC 7296 §2.13, §2.17",
        adapted=lambda key, seed: ikev2.prf_plus(prf, key, seed, KEYMAT_SIZE),
    )


def _sk(name: str) -> Callable[[ikev2.Prf], Symbol]:
    """The row of one of SK_*."""

    def row(prf: ikev2.Prf) -> Symbol:
        start, end = slices(prf)[name]
        return Symbol(
            name,
            Attribute(ikev2.IkeSaKeys, name),
            (type_of_skeyseed(prf), ANY),
            Type(f"SK{name[2:]}", end - start),
            "RFC 7296 §2.14",
            adapted=lambda key, seed: ikev2.prf_plus(prf, key, seed, end)[start:],
        )

    return row


PRFS = (_prf, _prf_plus, *map(_sk, slices(ikev2.PRF_HMAC_SHA2_256)))

CONSTANTS = (
    Constant("ok", bytes([messages.Accept.OK]), Attribute(messages.Accept, "OK"), "RFC 4656 §3.3"),
    Constant("IPPM", binding.IPPM_LABEL, Attribute(binding, "IPPM_LABEL"), "RFC 7717 §5.1"),
)

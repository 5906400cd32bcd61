"""PyCryptodome in the place of `cryptography` recomputes every vector.

The derivations stay the reference's; each primitive below them is another library's, and AES-XCBC
is put together once more, from the text of RFC 3566.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from types import ModuleType
from typing import Any

import pytest
from Crypto.Cipher import AES
from Crypto.Hash import CMAC, HMAC, SHA1, SHA256, SHA384, SHA512
from Crypto.Protocol.KDF import PBKDF2
from Crypto.Util.strxor import strxor
from owamp_reference import ikev2, keys, primitives
from owamp_reference.ikev2 import Prf
from owamp_reference.keys import ControlKeys, TestSessionKeys
from owamp_vectors.catalogue import FILES
from owamp_vectors.mistakes import Mistake, Swap
from owamp_vectors.vectors.declaration import Note, VectorFile
from owamp_vectors.vectors.verify import verify_file

from ..support import stored

HASHES: dict[str, ModuleType] = {
    "PRF_HMAC_SHA1": SHA1,
    "PRF_HMAC_SHA2_256": SHA256,
    "PRF_HMAC_SHA2_384": SHA384,
    "PRF_HMAC_SHA2_512": SHA512,
}


def hmac(digest: ModuleType, key: bytes, text: bytes) -> bytes:
    return HMAC.new(key, text, digest).digest()


def ecb(key: bytes, block: bytes) -> bytes:
    return AES.new(key, AES.MODE_ECB).encrypt(block)


def xcbc(key: bytes, text: bytes) -> bytes:
    """RFC 3566 §4, step by step."""
    k1, k2, k3 = (ecb(key, bytes([n]) * 16) for n in (1, 2, 3))
    blocks = [text[start : start + 16] for start in range(0, len(text), 16)] or [b""]
    state = bytes(16)
    for block in blocks[:-1]:
        state = ecb(k1, strxor(state, block))
    last = blocks[-1]
    if len(last) == 16:
        return ecb(k1, strxor(strxor(state, last), k2))
    padded = last + b"\x80" + bytes(15 - len(last))
    return ecb(k1, strxor(strxor(state, padded), k3))


def cmac(key: bytes, text: bytes) -> bytes:
    return CMAC.new(key, text, ciphermod=AES).digest()


def prf(function: Prf, key: bytes, data: bytes) -> bytes:
    if function.name == "PRF_AES128_XCBC":
        key = key.ljust(16, b"\0") if len(key) <= 16 else xcbc(bytes(16), key)
        return xcbc(key, data)
    if function.name == "PRF_AES128_CMAC":
        return cmac(key if len(key) == 16 else cmac(bytes(16), key), data)
    return hmac(HASHES[function.name], key, data)


class Stream:
    """A CBC stream with one method for both directions."""

    def __init__(self, key: bytes, iv: bytes, *, encrypts: bool) -> None:
        cipher = AES.new(key, AES.MODE_CBC, iv=iv)
        self._run = cipher.encrypt if encrypts else cipher.decrypt

    def update(self, data: bytes) -> bytes:
        return self._run(data)

    def finalize(self) -> bytes:
        return b""


def one_way(own: ControlKeys, sid: bytes) -> TestSessionKeys:
    return TestSessionKeys(hmac(SHA256, own.t1, sid)[:16], hmac(SHA256, own.t2, sid))


SECOND: dict[tuple[ModuleType, str], Any] = {
    (primitives, "hmac_sha1_128"): lambda key, text: hmac(SHA1, key, text)[:16],
    (primitives, "pbkdf2_hmac_sha1"): lambda secret, salt, count, size: PBKDF2(
        secret, salt, size, count, hmac_hash_module=SHA1
    ),
    (ikev2, "prf"): prf,
}


@contextmanager
def second_provider(used: set[str]) -> Iterator[None]:
    """The reference over PyCryptodome; `used` is told which primitives were asked for."""

    def noting(name: str, run: Any) -> Any:
        def noted(*arguments: Any) -> Any:
            used.add(name)
            return run(*arguments)

        return noted

    replaced = dict(SECOND)
    # sizes are checked by the reference's own functions, which then come here for the cipher
    checked = {
        (primitives, "aes_ecb_encrypt"): ecb,
        (primitives, "aes_ecb_decrypt"): lambda key, data: AES.new(key, AES.MODE_ECB).decrypt(data),
    }
    for (module, name), run in checked.items():
        replaced[module, name] = checking(getattr(primitives, name), run)
    for name, encrypts in (("cbc_encryptor", True), ("cbc_decryptor", False)):
        original = getattr(primitives, name)
        replaced[primitives, name] = checking(
            original, lambda key, iv, e=encrypts: Stream(key, iv, encrypts=e)
        )
    replaced[keys, "one_way_test_session_keys"] = checking(keys.one_way_test_session_keys, one_way)
    swaps = [Swap(module, name, noting(name, run)) for (module, name), run in replaced.items()]
    with ExitStack() as stack:
        stack.enter_context(Mistake("", Note("", ""), tuple(swaps)).applied())
        yield


def checking(original: Any, run: Any) -> Any:
    """`run`, after `original` has raised for what it refuses."""

    def checked(*arguments: Any) -> Any:
        original(*arguments)
        return run(*arguments)

    return checked


USED_BY = {
    "attacks": {
        "hmac_sha1_128",
        "pbkdf2_hmac_sha1",
        "aes_ecb_encrypt",
        "aes_ecb_decrypt",
        "cbc_encryptor",
        "cbc_decryptor",
    },
    "traces": {
        "hmac_sha1_128",
        "pbkdf2_hmac_sha1",
        "aes_ecb_encrypt",
        "cbc_encryptor",
        "cbc_decryptor",
    },
    "token": {"pbkdf2_hmac_sha1", "cbc_encryptor", "cbc_decryptor"},
    "test-session-keys": {
        "aes_ecb_encrypt",
        "aes_ecb_decrypt",
        "cbc_encryptor",
        "cbc_decryptor",
        "one_way_test_session_keys",
    },
    "ikev2-kdf": {"prf"},
    "binding": {"prf", "pbkdf2_hmac_sha1", "cbc_encryptor"},
    "control-stream": {"hmac_sha1_128", "cbc_encryptor", "cbc_decryptor"},
    "messages": set[str](),
    "test-packets": {
        "hmac_sha1_128",
        "aes_ecb_encrypt",
        "aes_ecb_decrypt",
        "cbc_encryptor",
        "cbc_decryptor",
    },
    "handshake": {
        "hmac_sha1_128",
        "pbkdf2_hmac_sha1",
        "aes_ecb_encrypt",
        "cbc_encryptor",
        "cbc_decryptor",
        "prf",
    },
}


@pytest.mark.parametrize("file", FILES.values(), ids=FILES)
def test_second_provider_recomputes_the_file(file: VectorFile) -> None:
    used: set[str] = set()
    with second_provider(used):
        differences = [str(difference) for difference in verify_file(file, stored(file))]
    assert not differences
    assert used >= USED_BY[file.name], "a primitive was computed by the first provider alone"

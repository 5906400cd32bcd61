"""Known answers of Wycheproof (https://github.com/C2SP/wycheproof), of which no copy is kept here.

The environment variable WYCHEPROOF names the folder `testvectors_v1` of a clone. Without it they
are looked for where Debian's librust-wycheproof-dev lays them; that has no PBKDF2.
"""

from __future__ import annotations

import json
from typing import Any

import pytest
from owamp_reference import ikev2, primitives
from owamp_reference.ikev2 import PRFS

from . import known

MACS = {
    "hmac_sha1_test.json": "PRF_HMAC_SHA1",
    "hmac_sha256_test.json": "PRF_HMAC_SHA2_256",
    "hmac_sha384_test.json": "PRF_HMAC_SHA2_384",
    "hmac_sha512_test.json": "PRF_HMAC_SHA2_512",
    "aes_cmac_test.json": "PRF_AES128_CMAC",
}


def groups_of(name: str) -> list[dict[str, Any]]:
    """The groups of a file of Wycheproof; there are some."""
    path = known.elsewhere("WYCHEPROOF", "/usr/share/cargo/registry/wycheproof-*/src/data", name)
    groups: list[dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))["testGroups"]
    assert groups
    return groups


def test_pbkdf2_hmac_sha1() -> None:
    for group in groups_of("pbkdf2_hmacsha1_test.json"):
        for test in group["tests"]:
            secret, salt = bytes.fromhex(test["password"]), bytes.fromhex(test["salt"])
            output = primitives.pbkdf2_hmac_sha1(
                secret, salt, test["iterationCount"], test["dkLen"]
            )
            assert (output.hex() == test["dk"]) is (test["result"] == "valid"), test


@pytest.mark.parametrize(("name", "prf"), MACS.items())
def test_macs_as_prfs(name: str, prf: str) -> None:
    """Each tag is what the prf begins with, but for those that Wycheproof has made wrong."""
    for group in groups_of(name):
        if "AES128" in prf and group["keySize"] != 128:
            continue  # a MAC with a longer key is another one; the prf hashes the key (RFC 4615 §3)
        for test in group["tests"]:
            key, text = bytes.fromhex(test["key"]), bytes.fromhex(test["msg"])
            tag = ikev2.prf(PRFS[prf], key, text)[: group["tagSize"] // 8]
            assert (tag.hex() == test["tag"]) is (test["result"] == "valid"), test


def test_hmac_sha1_as_in_a_message() -> None:
    for group in groups_of("hmac_sha1_test.json"):
        size = min(primitives.HMAC_SIZE, group["tagSize"] // 8)
        for test in group["tests"]:
            key, text = bytes.fromhex(test["key"]), bytes.fromhex(test["msg"])
            if test["result"] == "valid":
                tag = primitives.hmac_sha1_128(key, text)
                assert tag[:size].hex() == test["tag"][: 2 * size], test

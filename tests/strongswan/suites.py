"""What is negotiated."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Suite:
    """Proposals in the notation of swanctl.conf; `esp` has a key exchange, hence PFS.

    Attributes:
        needs: algorithms, as charon names them.
    """

    name: str
    prf: str
    ike: str
    esp: str
    needs: tuple[str, ...]

    def __str__(self) -> str:
        return self.name


SUITES = (
    Suite(
        "sha1",
        "PRF_HMAC_SHA1",
        "aes128-sha1-modp2048",
        "aes128-sha1-modp2048",
        ("HMAC_SHA1_96", "MODP_2048"),
    ),
    Suite(
        "sha256",
        "PRF_HMAC_SHA2_256",
        "aes256-sha256-ecp256",
        "aes256-sha256-ecp256",
        ("HMAC_SHA2_256_128", "ECP_256"),
    ),
    Suite(
        "sha384",
        "PRF_HMAC_SHA2_384",
        "aes192-sha384-x25519",
        "aes192-sha384-x25519",
        ("HMAC_SHA2_384_192", "CURVE_25519"),
    ),
    Suite(
        "sha512",
        "PRF_HMAC_SHA2_512",
        "aes256-sha512-ecp384",
        "aes256-sha512-ecp384",
        ("HMAC_SHA2_512_256", "ECP_384"),
    ),
    Suite(
        "xcbc",
        "PRF_AES128_XCBC",
        "aes128gcm16-prfaesxcbc-x25519",
        "aes128gcm16-x25519",
        ("AES_GCM_16", "CURVE_25519"),
    ),
    Suite(
        "cmac",
        "PRF_AES128_CMAC",
        "aes256gcm16-prfaescmac-ecp256",
        "aes256gcm16-ecp256",
        ("AES_GCM_16", "ECP_256"),
    ),
)
"""Each prf that the reference has, each kind of key exchange, and ciphers with and without a key
for integrity.
"""
PRF_CHANGES = Suite(
    "change",
    "PRF_AES128_XCBC",
    "aes128-sha256-prfsha256-prfaesxcbc-x25519",
    "aes128-aescmac-x25519",
    ("PRF_HMAC_SHA2_256", "AES_CMAC_96", "CURVE_25519"),
)
"""Two prfs, of which each daemon prefers another: the one that answers chooses. So a new IKE SA
has the prf that the responder prefers, and one that the responder rekeys has the other.
"""
PREFERRED_BY_RESPONDER = "aes128-sha256-prfaesxcbc-prfsha256-x25519"
ALL_SUITES = (*SUITES, PRF_CHANGES)

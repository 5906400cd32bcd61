"""What is negotiated."""

from __future__ import annotations

from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Suite:
    """Proposals in the notation of swanctl.conf; `esp` has a key exchange, hence PFS.

    Attributes:
        needs: algorithms, as charon names them.
        ppk: a postquantum preshared key; empty for none.
        responder_ike: what the responder proposes, if it prefers another prf; it then rekeys.
        version: of strongSwan, at its beginning; empty for any.
    """

    name: str
    prf: str
    ike: str
    esp: str
    needs: tuple[str, ...]
    ppk: str = ""
    responder_ike: str = ""
    version: str = ""

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
    responder_ike="aes128-sha256-prfaesxcbc-prfsha256-x25519",
)
"""Two prfs, of which each daemon prefers another: the one that answers chooses. So a new IKE SA
has the prf that the responder prefers, and one that the responder rekeys has the other.
"""
ALL_SUITES = (*SUITES, PRF_CHANGES)
PPK = Suite(
    "ppk",
    "PRF_HMAC_SHA2_256",
    "aes256-sha256-x25519",
    "aes256-sha256-x25519",
    ("HMAC_SHA2_256_128", "CURVE_25519"),
    ppk="a PPK for tests, known to everyone",
)
SEVERAL = Suite(
    "several",
    "PRF_HMAC_SHA2_256",
    "aes256-sha256-x25519-ke1_ecp256-ke2_modp2048",
    "aes256-sha256-x25519-ke1_ecp256",
    ("HMAC_SHA2_256_128", "ECP_256", "MODP_2048", "CURVE_25519"),
    version="6.",
)
"""Additional key exchanges, which strongSwan has from version 6 on."""
BOTH = Suite(
    "both",
    "PRF_HMAC_SHA2_384",
    "aes256gcm16-prfsha384-x25519-ke1_ecp384",
    "aes256gcm16-x25519",
    ("AES_GCM_16", "ECP_384", "CURVE_25519"),
    ppk=PPK.ppk,
    version="6.",
)
"""Both of these, without keys for integrity."""
MORE_SUITES = (PPK, SEVERAL, BOTH)
PRF_CHANGES_6 = replace(PRF_CHANGES, name="change6", version="6.")
CHANGES = (PRF_CHANGES, PRF_CHANGES_6)
RECORDED = (*ALL_SUITES, *MORE_SUITES, PRF_CHANGES_6)

"""Abstractions by what a theory declares, so that none is made without being named in its head."""

from __future__ import annotations

from ..remarks import abstraction

ABSTRACTIONS = (
    abstraction(
        "perfect-encryption",
        "cbc ecb",
        r"[Ee]ncryption is perfect|perfect encryption|cbc (?:is|are) perfect"
        r"|cbc as in \w+\.spthy",
        "ciphertexts are whole or nothing",
        "decrypts-anything-cbc decrypts-anything-ecb one-block-of-cbc-is-ecb "
        "one-block-of-cbc-inv-is-ecb-inv cbc-runs-on cbc-inv-runs-on token-from-first-blocks "
        "iv-and-first-block-exchange",
    ),
    abstraction(
        "permutation-one-way-round",
        "aes",
        r"permutation",
        "aes(k, aes_inv(k, y)) = y is left out: aes_inv is private, only who has the key decrypts, "
        "and nobody encrypts again what it decrypts",
        "decrypts-anything-aes",
    ),
    abstraction(
        "cbc-state",
        "last_block",
        r"last_block",
        "what a CBC stream runs on from is a term of its own",
        "last-block-of-one last-block-of-a-tuple cbc-runs-on",
    ),
    abstraction(
        "one-way-kdf",
        "kdf",
        r"ONE_WAY_KDF",
        "no RFC has it; what the notation KDF(T1||SID) suggests, done as RFC 4656 §6.7 says",
    ),
    abstraction(
        "ideal-prf",
        "prf prf_plus",
        r"prf gives nothing away|prf and cbc are perfect|prf as in \w+\.spthy|"
        r"prf and prf_plus are free symbols",
        "a prf is a free function: sizes and boundaries of what goes in are not in the terms",
        "ni-and-nr-have-no-boundary uses-of-sk-d keys-of-the-prf-coincide skeyseed-of-aes-prfs",
    ),
    abstraction(
        "ideal-pbkdf2",
        "pbkdf2",
        r"pbkdf2|PBKDF2",
        "a free function of secret, Salt and Count; a secret stands for all that HMAC pads to it",
        "shared-secrets-coincide",
    ),
    abstraction(
        "ike-payloads",
        "senc sign",
        r"\bsenc\b",
        "IKE's own messages are outside of the reference; AES-GCM and Ed25519 stand in",
    ),
    abstraction(
        "group",
        "exp",
        r"Diffie-Hellman|RFC 7296 for the SA",
        "the equations of Tamarin's builtin, and no others, hold between exponents; group 14 and "
        "exponents below its order stand in",
    ),
)

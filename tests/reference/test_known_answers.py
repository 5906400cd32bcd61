"""Published known answers, each with its source; no value here was computed by the reference."""

from __future__ import annotations

import pytest
from owamp_reference import ikev2, primitives
from owamp_reference.ikev2 import (
    PRF_AES128_CMAC,
    PRF_AES128_XCBC,
    PRF_HMAC_SHA1,
    PRF_HMAC_SHA2_256,
    PRF_HMAC_SHA2_384,
    PRF_HMAC_SHA2_512,
)

octets = bytes.fromhex

# FIPS 197, Appendix C.1
FIPS_197 = (
    "000102030405060708090a0b0c0d0e0f",
    "00112233445566778899aabbccddeeff",
    "69c4e0d86a7b0430d8cdb78070b4c55a",
)
# SP 800-38A, Appendix F: the key and the plaintext of all its AES-128 examples
SP_800_38A_KEY = "2b7e151628aed2a6abf7158809cf4f3c"
SP_800_38A_TEXT = (
    "6bc1bee22e409f96e93d7e117393172a"
    "ae2d8a571e03ac9c9eb76fac45af8e51"
    "30c81c46a35ce411e5fbc1191a0a52ef"
    "f69f2445df4f9b17ad2b417be66c3710"
)
ECB = {
    "FIPS 197 C.1": FIPS_197,
    "SP 800-38A F.1.1, F.1.2": (
        SP_800_38A_KEY,
        SP_800_38A_TEXT,
        "3ad77bb40d7a3660a89ecaf32466ef97"
        "f5d3d58503b9699de785895a96fdbaaf"
        "43b1cd7f598ece23881b00e3ed030688"
        "7b0c785e27e8ad3f8223207104725dd4",
    ),
}


@pytest.mark.parametrize(("key", "plaintext", "ciphertext"), ECB.values(), ids=ECB)
def test_aes_128_ecb(key: str, plaintext: str, ciphertext: str) -> None:
    assert primitives.aes_ecb_encrypt(octets(key), octets(plaintext)).hex() == ciphertext
    assert primitives.aes_ecb_decrypt(octets(key), octets(ciphertext)).hex() == plaintext


CBC = {
    "SP 800-38A F.2.1, F.2.2": (
        SP_800_38A_KEY,
        "000102030405060708090a0b0c0d0e0f",
        SP_800_38A_TEXT,
        "7649abac8119b246cee98e9b12e9197d"
        "5086cb9b507219ee95db113a917678b2"
        "73bed6b8e3c1743b7116e69e22229516"
        "3ff1caa1681fac09120eca307586e1a7",
    ),
    "RFC 3602 §4 case 1": (
        "06a9214036b8a15b512e03d534120006",
        "3dafba429d9eb430b422da802c9fac41",
        b"Single block msg".hex(),
        "e353779c1079aeb82708942dbe77181a",
    ),
    "RFC 3602 §4 case 2": (
        "c286696d887c9aa0611bbb3e2025a45a",
        "562e17996d093d28ddb3ba695a2e6f58",
        "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f",
        "d296cd94c2cccf8a3a863028b5e1dc0a7586602d253cfff91b8266bea6d61ab1",
    ),
    "RFC 3602 §4 case 3": (
        "6c3ea0477630ce21a2ce334aa746c2cd",
        "c782dc4c098c66cbd9cd27d825682c81",
        b"This is a 48-byte message (exactly 3 AES blocks)".hex(),
        "d0a02b3836451753d493665d33f0e886"
        "2dea54cdb293abc7506939276772f8d5"
        "021c19216bad525c8579695d83ba2684",
    ),
    "RFC 3602 §4 case 4": (
        "56e47a38c5598974bc46903dba290349",
        "8ce82eefbea0da3c44699ed7db51b7d9",
        "a0a1a2a3a4a5a6a7a8a9aaabacadaeafb0b1b2b3b4b5b6b7b8b9babbbcbdbebf"
        "c0c1c2c3c4c5c6c7c8c9cacbcccdcecfd0d1d2d3d4d5d6d7d8d9dadbdcdddedf",
        "c30e32ffedc0774e6aff6af0869f71aa"
        "0f3af07a9a31a9c684db207eb0ef8e4e"
        "35907aa632c3ffdf868bb7b29d3d46ad"
        "83ce9f9a102ee99d49a53e87f4c3da55",
    ),
}


@pytest.mark.parametrize(("key", "iv", "plaintext", "ciphertext"), CBC.values(), ids=CBC)
def test_aes_128_cbc(key: str, iv: str, plaintext: str, ciphertext: str) -> None:
    encrypted = primitives.aes_cbc_encrypt(octets(key), octets(iv), octets(plaintext))
    assert encrypted.hex() == ciphertext
    decrypted = primitives.aes_cbc_decrypt(octets(key), octets(iv), octets(ciphertext))
    assert decrypted.hex() == plaintext


LARGE_KEY = b"Test Using Larger Than Block-Size Key - Hash Key First"
LARGE_KEY_AND_DATA = (
    b"This is a test using a larger than block-size key and a larger than block-size data. "
    b"The key needs to be hashed before being used by the HMAC algorithm."
)

# RFC 2202 §3, test cases 1 to 7
RFC_2202 = {
    1: (b"\x0b" * 20, b"Hi There", "b617318655057264e28bc0b6fb378c8ef146be00"),
    2: (b"Jefe", b"what do ya want for nothing?", "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79"),
    3: (b"\xaa" * 20, b"\xdd" * 50, "125d7342b9ac11cd91a39af48aa17b4f63f175d3"),
    4: (bytes(range(1, 26)), b"\xcd" * 50, "4c9007f4026250c6bc8414f9bf50c86c2d7235da"),
    5: (b"\x0c" * 20, b"Test With Truncation", "4c1a03424b55e07fe7f27be1d58bb9324a9a5a04"),
    6: (b"\xaa" * 80, LARGE_KEY, "aa4ae5e15272d00e95705637ce8a3b55ed402112"),
    7: (
        b"\xaa" * 80,
        b"Test Using Larger Than Block-Size Key and Larger Than One Block-Size Data",
        "e8e99d0f45237d786d6bbaa7965c7808bbff1a91",
    ),
}


@pytest.mark.parametrize(("key", "data", "digest"), RFC_2202.values(), ids=RFC_2202)
def test_hmac_sha1(key: bytes, data: bytes, digest: str) -> None:
    """RFC 2202 §3, as the prf of IKEv2 and truncated as O/TWAMP truncates it."""
    assert ikev2.prf(PRF_HMAC_SHA1, key, data).hex() == digest
    assert primitives.hmac_sha1_128(key, data).hex() == digest[:32]


# RFC 4231 §4.2 to §4.8: key, data, and the digests of SHA-256, SHA-384 and SHA-512. Test case 5
# publishes the first 128 bits alone.
RFC_4231 = {
    1: (
        b"\x0b" * 20,
        b"Hi There",
        "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7",
        "afd03944d84895626b0825f4ab46907f15f9dadbe4101ec6"
        "82aa034c7cebc59cfaea9ea9076ede7f4af152e8b2fa9cb6",
        "87aa7cdea5ef619d4ff0b4241a1d6cb02379f4e2ce4ec2787ad0b30545e17cde"
        "daa833b7d6b8a702038b274eaea3f4e4be9d914eeb61f1702e696c203a126854",
    ),
    2: (
        b"Jefe",
        b"what do ya want for nothing?",
        "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
        "af45d2e376484031617f78d2b58a6b1b9c7ef464f5a01b47"
        "e42ec3736322445e8e2240ca5e69e2c78b3239ecfab21649",
        "164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea250554"
        "9758bf75c05a994a6d034f65f8f0e6fdcaeab1a34d4a6b4b636e070a38bce737",
    ),
    3: (
        b"\xaa" * 20,
        b"\xdd" * 50,
        "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe",
        "88062608d3e6ad8a0aa2ace014c8a86f0aa635d947ac9feb"
        "e83ef4e55966144b2a5ab39dc13814b94e3ab6e101a34f27",
        "fa73b0089d56a284efb0f0756c890be9b1b5dbdd8ee81a3655f83e33b2279d39"
        "bf3e848279a722c806b485a47e67c807b946a337bee8942674278859e13292fb",
    ),
    4: (
        bytes(range(1, 26)),
        b"\xcd" * 50,
        "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b",
        "3e8a69b7783c25851933ab6290af6ca77a9981480850009c"
        "c5577c6e1f573b4e6801dd23c4a7d679ccf8a386c674cffb",
        "b0ba465637458c6990e5a8c5f61d4af7e576d97ff94b872de76f8050361ee3db"
        "a91ca5c11aa25eb4d679275cc5788063a5f19741120c4f2de2adebeb10a298dd",
    ),
    5: (
        b"\x0c" * 20,
        b"Test With Truncation",
        "a3b6167473100ee06e0c796c2955552b",
        "3abf34c3503b2a23a46efc619baef897",
        "415fad6271580a531d4179bc891d87a6",
    ),
    6: (
        b"\xaa" * 131,
        LARGE_KEY,
        "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54",
        "4ece084485813e9088d2c63a041bc5b44f9ef1012a2b588f"
        "3cd11f05033ac4c60c2ef6ab4030fe8296248df163f44952",
        "80b24263c7c1a3ebb71493c1dd7be8b49b46d1f41b4aeec1121b013783f8f352"
        "6b56d037e05f2598bd0fd2215d6a1e5295e64f73f63f0aec8b915a985d786598",
    ),
    7: (
        b"\xaa" * 131,
        LARGE_KEY_AND_DATA,
        "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2",
        "6617178e941f020d351e2f254e8fd32c602420feb0b8fb9a"
        "dccebb82461e99c5a678cc31e799176d3860e6110c46523e",
        "e37b6a775dc87dbaa4dfa9f96e5e3ffddebd71f8867289865df5a32d20cdc944"
        "b6022cac3c4982b10d5eeb55c3e4de15134676fb6de0446065c97440fa8c6a58",
    ),
}


@pytest.mark.parametrize("case", RFC_4231.values(), ids=RFC_4231)
def test_hmac_sha2(case: tuple[bytes, bytes, str, str, str]) -> None:
    key, data, *digests = case
    functions = (PRF_HMAC_SHA2_256, PRF_HMAC_SHA2_384, PRF_HMAC_SHA2_512)
    for function, digest in zip(functions, digests, strict=True):
        output = ikev2.prf(function, key, data).hex()
        assert len(output) == 2 * function.output_size
        assert output[: len(digest)] == digest


COUNTING = bytes(range(34))

# RFC 3566 §4.6 (a key of 16 octets) and RFC 4434 §2 (keys of 16, 10 and 18 octets)
XCBC = {
    "RFC 3566 case 1": (COUNTING[:16], b"", "75f0251d528ac01c4573dfd584d79f29"),
    "RFC 3566 case 2": (COUNTING[:16], COUNTING[:3], "5b376580ae2f19afe7219ceef172756f"),
    "RFC 3566 case 3": (COUNTING[:16], COUNTING[:16], "d2a246fa349b68a79998a4394ff7a263"),
    "RFC 3566 case 4": (COUNTING[:16], COUNTING[:20], "47f51b4564966215b8985c63055ed308"),
    "RFC 3566 case 5": (COUNTING[:16], COUNTING[:32], "f54f0ec8d2b9f3d36807734bd5283fd4"),
    "RFC 3566 case 6": (COUNTING[:16], COUNTING[:34], "becbb3bccdb518a30677d5481fb6b4d8"),
    "RFC 3566 case 7": (COUNTING[:16], bytes(1000), "f0dafee895db30253761103b5d84528f"),
    "RFC 4434 key 16": (COUNTING[:16], COUNTING[:20], "47f51b4564966215b8985c63055ed308"),
    "RFC 4434 key 10": (COUNTING[:10], COUNTING[:20], "0fa087af7d866e7653434e602fdde835"),
    "RFC 4434 key 18": (
        COUNTING[:16] + b"\xed\xcb",
        COUNTING[:20],
        "8cd3c93ae598a9803006ffb67c40e9e4",
    ),
}

SP_800_38B_TEXT = octets(SP_800_38A_TEXT)

# RFC 4493 §4 (the examples of SP 800-38B, Appendix D.1) and RFC 4615 §4
CMAC = {
    "RFC 4493 example 1": (octets(SP_800_38A_KEY), b"", "bb1d6929e95937287fa37d129b756746"),
    "RFC 4493 example 2": (
        octets(SP_800_38A_KEY),
        SP_800_38B_TEXT[:16],
        "070a16b46b4d4144f79bdd9dd04a287c",
    ),
    "RFC 4493 example 3": (
        octets(SP_800_38A_KEY),
        SP_800_38B_TEXT[:40],
        "dfa66747de9ae63030ca32611497c827",
    ),
    "RFC 4493 example 4": (
        octets(SP_800_38A_KEY),
        SP_800_38B_TEXT,
        "51f0bebf7e3b9d92fc49741779363cfe",
    ),
    "RFC 4615 key 18": (
        COUNTING[:16] + b"\xed\xcb",
        COUNTING[:20],
        "84a348a4a45d235babfffc0d2b4da09a",
    ),
    "RFC 4615 key 16": (COUNTING[:16], COUNTING[:20], "980ae87b5f4c9c5214f5b6a8455e4c2d"),
    "RFC 4615 key 10": (COUNTING[:10], COUNTING[:20], "290d9e112edb09ee141fcf64c0b72f3d"),
}


@pytest.mark.parametrize(("key", "data", "output"), XCBC.values(), ids=XCBC)
def test_aes_xcbc_prf_128(key: bytes, data: bytes, output: str) -> None:
    assert ikev2.prf(PRF_AES128_XCBC, key, data).hex() == output


@pytest.mark.parametrize(("key", "data", "output"), CMAC.values(), ids=CMAC)
def test_aes_cmac_prf_128(key: bytes, data: bytes, output: str) -> None:
    assert ikev2.prf(PRF_AES128_CMAC, key, data).hex() == output


G_CLEF = b"\xf0\x9d\x84\x9e"

# RFC 6070 §2, but for the test with 16 777 216 iterations, which takes many seconds; and RFC 3962
# Appendix B, whose 128-bit outputs are of the size that O/TWAMP takes. Its salts are
# "ATHENA.MIT.EDUraeburn", 8 octets, two sentences, and "EXAMPLE.COMpianist".
PBKDF2 = {
    "RFC 6070 1": (b"password", b"salt", 1, "0c60c80f961f0e71f3a9b524af6012062fe037a6"),
    "RFC 6070 2": (b"password", b"salt", 2, "ea6c014dc72d6f8ccd1ed92ace1d41f0d8de8957"),
    "RFC 6070 3": (b"password", b"salt", 4096, "4b007901b765489abead49d926f721d065a429c1"),
    "RFC 6070 5": (
        b"passwordPASSWORDpassword",
        b"saltSALTsaltSALTsaltSALTsaltSALTsalt",
        4096,
        "3d2eec4fe41c849b80c8d83662c0e44a8b291a964cf2f07038",
    ),
    "RFC 6070 6": (b"pass\0word", b"sa\0lt", 4096, "56fa6aa75548099dcc37d7f03425e0c3"),
    "RFC 3962 1": (b"password", b"ATHENA.MIT.EDUraeburn", 1, "cdedb5281bb2f801565a1122b2563515"),
    "RFC 3962 2": (b"password", b"ATHENA.MIT.EDUraeburn", 2, "01dbee7f4a9e243e988b62c73cda935d"),
    "RFC 3962 3": (
        b"password",
        b"ATHENA.MIT.EDUraeburn",
        1200,
        "5c08eb61fdf71e4e4ec3cf6ba1f5512b",
    ),
    "RFC 3962 4": (b"password", octets("1234567878563412"), 5, "d1daa78615f287e6a1c8b120d7062a49"),
    "RFC 3962 5": (
        b"X" * 64,
        b"pass phrase equals block size",
        1200,
        "139c30c0966bc32ba55fdbf212530ac9",
    ),
    "RFC 3962 6": (
        b"X" * 65,
        b"pass phrase exceeds block size",
        1200,
        "9ccad6d468770cd51b10e6a68721be61",
    ),
    "RFC 3962 7": (G_CLEF, b"EXAMPLE.COMpianist", 50, "6b9cf26d45455a43a5b8bb276a403b39"),
}


@pytest.mark.parametrize(("secret", "salt", "count", "output"), PBKDF2.values(), ids=PBKDF2)
def test_pbkdf2_hmac_sha1(secret: bytes, salt: bytes, count: int, output: str) -> None:
    size = len(output) // 2
    assert primitives.pbkdf2_hmac_sha1(secret, salt, count, size).hex() == output

"""Findings that do not depend on one theory, each with its octets."""

from __future__ import annotations

from cryptography.hazmat.primitives import hashes
from owamp_reference import ikev2, keys, messages, packets, primitives, token
from owamp_reference.binding import shared_secret_from_keymat, shared_secret_from_sk_d
from owamp_reference.packets import ReflectorPacket, SenderPacket, TestMode

from ...groups.participants import TTL
from ...vectors.drbg import Drbg
from ..remarks import Finding, Octets, declares
from ..terms import App, Model, subterms


def _derives_by_ecb(model: Model) -> bool:
    macro = model.macro("t3")
    terms = subterms(macro.body) if macro else ()
    return any(isinstance(term, App) and term.name == "ecb" for term in terms)


def _makes_tokens(model: Model) -> bool:
    names = model.symbols
    return "pbkdf2" in names and bool(names & {"cbc", "aes"}) and "token_mac_key" not in names


def _t3_gives_t1(source: Drbg) -> Octets:
    own = keys.ControlKeys(source.octets("t1", 16), source.octets("t2", 32))
    sid = source.octets("sid", 16)
    leaked = keys.derive_test_session_keys(own, sid)
    back = keys.control_keys_from_test_keys(leaked, sid)
    return {
        "T1": own.t1,
        "T2": own.t2,
        "SID": sid,
        "T3": leaked.t3,
        "T4": leaked.t4,
        "AES-1(SID, T3)": back.t1,
        "CBC-1(SID, T4)": back.t2,
    }


def _t3_is_t1(source: Drbg) -> Octets:
    target, sid = source.octets("t1 of another", 16), source.octets("sid", 16)
    target_t2 = source.octets("t2 of another", 32)
    t1 = primitives.aes_ecb_decrypt(sid, target)
    t2 = primitives.aes_cbc_decrypt(sid, primitives.ZERO_IV, target_t2)
    return {
        "T1 of a connection": target,
        "T2 of a connection": target_t2,
        "SID": sid,
        "T1 of another": t1,
        "T2 of another": t2,
        "T3 of its session": keys.derive_t3(t1, sid),
        "T4 of its session": keys.derive_t4(t2, sid),
    }


def _two_sessions(source: Drbg) -> Octets:
    """T3 and T4 of two sessions of a connection, decrypted with their SIDs, and what is drawn."""
    own = keys.ControlKeys(source.octets("t1", 16), source.octets("t2", 32))
    octets: dict[str, bytes] = {}
    for name in ("first", "second"):
        sid = source.octets(f"{name} sid", 16)
        test = keys.derive_test_session_keys(own, sid)
        back = keys.control_keys_from_test_keys(test, sid)
        octets |= {
            f"{name} SID": sid,
            f"{name} T3": test.t3,
            f"AES-1({name} SID, {name} T3)": back.t1,
            f"{name} T4": test.t4,
            f"CBC-1({name} SID, {name} T4)": back.t2,
        }
    drawn = source.octets("drawn", 16)
    undone = primitives.aes_ecb_decrypt(octets["second SID"], drawn)
    return octets | {"drawn": drawn, "AES-1(second SID, drawn)": undone}


def _token_from_blocks(source: Drbg) -> Octets:
    secret, salt = source.octets("secret", 20), source.octets("salt", 16)
    challenge = source.octets("challenge", 16)
    key = token.derive_token_key(secret, salt, 1024)

    def honest_answer(number: int, chosen: bytes) -> bytes:
        drawn = source.at(number)
        own = keys.ControlKeys(drawn.octets("t1", 16), drawn.octets("t2", 32))
        return token.seal_token(key, chosen, own)

    octets = {"Salt": salt, "Challenge": challenge}
    blocks, chosen = b"", challenge
    for number in (1, 2, 3, 4):
        chosen = honest_answer(number, chosen)[:16]
        octets[f"first block of answer {number}"] = chosen
        blocks += chosen
    opened = token.open_token(key, blocks, challenge)
    zeros = {"16 zero octets": bytes(16), "32 zero octets": bytes(32)}
    return octets | {"Token": blocks, "T1": opened.t1, "T2": opened.t2} | zeros


def _own_packet(source: Drbg) -> Octets:
    session = keys.TestSessionKeys(source.octets("t3", 16), source.octets("t4", 32))
    number = source.uint("number", 4)
    time = source.uint("time", 8)
    sent = packets.seal_packet(TestMode.AUTHENTICATED, SenderPacket(number, time, 0x8001), session)
    packet = ReflectorPacket(number, time, 0x8001, time + 1, number, time, 0x8001, TTL)
    honest = packets.seal_packet(TestMode.AUTHENTICATED, packet, session)
    forged = sent[:16] + honest[16:96] + sent[32:48]
    opened = packets.open_packet(TestMode.AUTHENTICATED, ReflectorPacket, forged, session)
    return {
        "first block of the sender's packet": sent[:16],
        "HMAC of the sender's packet": sent[32:48],
        "first block of a reflector's packet": honest[:16],
        "HMAC of a reflector's packet": honest[96:112],
        "packet made of the sender's own": forged,
        "Sequence Number sent": number.to_bytes(4, "big"),
        "Sequence Number taken": opened.sequence_number.to_bytes(4, "big"),
    }


_PRF = ikev2.PRF_HMAC_SHA2_256


def _nonces(source: Drbg) -> Octets:
    ni, nr = source.octets("ni", 32), source.octets("nr", 32)
    secret = source.octets("g^ir", 256)
    sk_d = source.octets("sk_d", 32)
    moved_ni, moved_nr = ni + nr[:8], nr[8:]
    return {
        "Ni": ni,
        "Nr": nr,
        "Ni, longer": moved_ni,
        "Nr, shorter": moved_nr,
        "SKEYSEED": ikev2.skeyseed(_PRF, ni, nr, secret),
        "SKEYSEED, boundary moved": ikev2.skeyseed(_PRF, moved_ni, moved_nr, secret),
        "KEYMAT": ikev2.keymat(_PRF, sk_d, ni, nr, 72),
        "KEYMAT, boundary moved": ikev2.keymat(_PRF, sk_d, moved_ni, moved_nr, 72),
    }


def _sk_d(source: Drbg) -> Octets:
    sk_d, secret = source.octets("sk_d", 32), source.octets("g^ir", 256)
    ni, nr = source.octets("ni", 32), source.octets("nr", 32)
    return {
        "SK_d": sk_d,
        'prf(SK_d, "IPPM")': shared_secret_from_sk_d(_PRF, sk_d),
        "prf(SK_d, Ni | Nr | 01)": ikev2.prf(_PRF, sk_d, ni + nr + b"\1"),
        "KEYMAT, first 32 octets": ikev2.keymat(_PRF, sk_d, ni, nr, 32),
        "KEYMAT with g^ir, first 32 octets": ikev2.keymat(_PRF, sk_d, ni, nr, 32, secret),
        "SKEYSEED of a rekeying with Nr | 01": ikev2.rekeyed_skeyseed(
            _PRF, sk_d, secret, ni, nr + b"\1"
        ),
    }


def _half_nonces(source: Drbg) -> Octets:
    prf = ikev2.PRF_AES128_CMAC
    ni, nr = source.octets("ni", 32), source.octets("nr", 32)
    secret = source.octets("g^ir", 256)
    return {
        "SKEYSEED": ikev2.skeyseed(prf, ni, nr, secret),
        "prf(8 octets of Ni | 8 octets of Nr, g^ir)": ikev2.prf(prf, ni[:8] + nr[:8], secret),
        "prf(Ni | Nr, g^ir)": ikev2.prf(prf, ni + nr, secret),
    }


def _hash(function: hashes.HashAlgorithm, octets: bytes) -> bytes:
    digest = hashes.Hash(function)
    digest.update(octets)
    return digest.finalize()


def _prf_keys(source: Drbg) -> Octets:
    short, keymat, sid = source.octets("k", 20), source.octets("keymat", 72), source.octets("s", 16)
    hashed = _hash(hashes.SHA256(), keymat)
    return {
        "K": short,
        "prf(K, SID)": ikev2.prf(_PRF, short, sid),
        "prf(K | 00, SID)": ikev2.prf(_PRF, short + b"\0", sid),
        "KEYMAT, 72 octets": keymat,
        "PRF{KEYMAT, SID}": shared_secret_from_keymat(_PRF, keymat, sid),
        "PRF{SHA-256(KEYMAT), SID}": shared_secret_from_keymat(_PRF, hashed, sid),
    }


def _secrets(source: Drbg) -> Octets:
    secret, salt = source.octets("secret", 20), source.octets("salt", 16)
    long = source.octets("long", 65)
    return {
        "secret": secret,
        "Token's key": token.derive_token_key(secret, salt, 1),
        "Token's key of secret | 00": token.derive_token_key(secret + b"\0", salt, 1),
        "secret of 65 octets": long,
        "Token's key of it": token.derive_token_key(long, salt, 1),
        "Token's key of its SHA-1": token.derive_token_key(_hash(hashes.SHA1(), long), salt, 1),
    }


def _commands(source: Drbg) -> Octets:
    t2 = source.octets("t2", 32)
    command = messages.StartSessions().segments()[0]
    answer = messages.StartAck(messages.Accept.INTERNAL_ERROR).segments()[0]
    return {
        "Start-Sessions": command,
        "Start-Ack, Accept 2": answer,
        "HMAC of the command": primitives.hmac_sha1_128(t2, command),
        "HMAC of the answer": primitives.hmac_sha1_128(t2, answer),
    }


FINDINGS = (
    Finding(
        "t3-gives-t1",
        "T3 = AES(SID, T1) and T4 = CBC(SID, 0, T2) are undone by whoever knows the SID: a leaked "
        "test key is a leaked control key.",
        _t3_gives_t1,
        (("T1", "AES-1(SID, T3)"), ("T2", "CBC-1(SID, T4)")),
        _derives_by_ecb,
    ),
    Finding(
        "t3-is-a-t1",
        "For any SID there are T1 and T2 whose T3 and T4 are given octets, such as the control "
        "keys of another connection: test keys and control keys are not kept apart. To find a SID "
        "for given T1 and T3 is a search for an AES key.",
        _t3_is_t1,
        (
            ("T1 of a connection", "T3 of its session"),
            ("T2 of a connection", "T4 of its session"),
        ),
        _derives_by_ecb,
    ),
    Finding(
        "t3-is-not-random",
        "T3 of two sessions of a connection, each decrypted with its SID, are the same octets, and "
        "so are T4: whoever knows the SIDs tells them from keys that are drawn.",
        _two_sessions,
        (
            ("AES-1(first SID, first T3)", "AES-1(second SID, second T3)"),
            ("CBC-1(first SID, first T4)", "CBC-1(second SID, second T4)"),
        ),
        _derives_by_ecb,
        (("AES-1(first SID, first T3)", "AES-1(second SID, drawn)"),),
    ),
    Finding(
        "token-from-first-blocks",
        "The first blocks of four answers to chosen Challenges are a Token with T1 and T2 zero; "
        "in a theory with perfect encryption a Token has one maker.",
        _token_from_blocks,
        (("T1", "16 zero octets"), ("T2", "32 zero octets")),
        _makes_tokens,
    ),
    Finding(
        "own-packet-returns",
        "In the authenticated mode the protected block and the HMAC of a sender's packet are those "
        "of a reflector's with that Sequence Number: same layout, same keys in both directions.",
        _own_packet,
        (
            ("first block of the sender's packet", "first block of a reflector's packet"),
            ("HMAC of the sender's packet", "HMAC of a reflector's packet"),
            ("Sequence Number sent", "Sequence Number taken"),
        ),
        declares("ecb", "hmac"),
    ),
    Finding(
        "command-is-an-answer",
        "Start-Sessions is octet by octet a Start-Ack with Accept 2, and so is its HMAC: neither "
        "T2 nor the text says in which direction a message goes. That the two streams have IVs of "
        "their own does not change the HMAC.",
        _commands,
        (
            ("Start-Sessions", "Start-Ack, Accept 2"),
            ("HMAC of the command", "HMAC of the answer"),
        ),
        declares("hmac", "cbc", "last_block"),
    ),
    Finding(
        "ni-and-nr-have-no-boundary",
        "Ni | Nr is a concatenation of two strings of 16 to 256 octets: moving the boundary "
        "changes neither SKEYSEED nor KEYMAT. AUTH, which signs the messages, tells the two apart.",
        _nonces,
        (
            ("SKEYSEED", "SKEYSEED, boundary moved"),
            ("KEYMAT", "KEYMAT, boundary moved"),
        ),
        declares("prf", "prf_plus"),
    ),
    Finding(
        "skeyseed-of-aes-prfs",
        "The models' SKEYSEED, prf(Ni | Nr, g^ir), is that of the HMAC prfs. With AES-XCBC and "
        "AES-CMAC the key is 8 octets of each nonce (RFC 7296 §2.14), so that nonces which agree "
        "in these give one SKEYSEED for one g^ir.",
        _half_nonces,
        (("SKEYSEED", "prf(8 octets of Ni | 8 octets of Nr, g^ir)"),),
        declares("prf", "prf_plus"),
        (("SKEYSEED", "prf(Ni | Nr, g^ir)"),),
    ),
    Finding(
        "uses-of-sk-d",
        'prf(SK_d, "IPPM") is told from the other uses of SK_d by size alone: 4 octets, where '
        "Ni | Nr | 01 has at least 33. Those others are not told from each other: SKEYSEED of a "
        "rekeying whose Nr ends in 01 is the KEYMAT of a child SA with the same g^ir.",
        _sk_d,
        (
            ("prf(SK_d, Ni | Nr | 01)", "KEYMAT, first 32 octets"),
            ("KEYMAT with g^ir, first 32 octets", "SKEYSEED of a rekeying with Nr | 01"),
        ),
        declares("prf", "prf_plus"),
    ),
    Finding(
        "keys-of-the-prf-coincide",
        "HMAC pads a short key with zeros and hashes one of more than a block: K and K | 00 are "
        "one key, and PRF{KEYMAT, SID} with a KEYMAT of 72 octets is that of its SHA-256.",
        _prf_keys,
        (
            ("prf(K, SID)", "prf(K | 00, SID)"),
            ("PRF{KEYMAT, SID}", "PRF{SHA-256(KEYMAT), SID}"),
        ),
        declares("prf"),
    ),
    Finding(
        "shared-secrets-coincide",
        "PBKDF2 is HMAC with the shared secret as the key: a secret and the same with a zero octet "
        "behind it give one Token, and so do one of more than 64 octets and its SHA-1.",
        _secrets,
        (
            ("Token's key", "Token's key of secret | 00"),
            ("Token's key of it", "Token's key of its SHA-1"),
        ),
        declares("pbkdf2"),
    ),
)

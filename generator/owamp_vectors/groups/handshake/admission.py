"""Whom a server lets in: Mode, KeyID and Token, passphrases and IKE SAs (RFC 4656 §3.1, RFC 7717
§5).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import product

from owamp_reference import binding, ikev2
from owamp_reference.binding import Exchange, IkeSa
from owamp_reference.negotiation import SECURITY_BITS, Protocol

from ...vectors.declaration import Case, Json
from ...vectors.drbg import Drbg
from ..changes import flipped, nearly_right, replaced
from .inputs import ALICE, UNUSUAL_PASSPHRASES
from .serving import CLIENT_IV, KEY_ID, TOKEN, Client, ikev2_bit, securities
from .spoiling import receive

_RFC = "RFC 4656 §3.1"
_IKE = "RFC 7717 §5.3"
_TEXTS = "RFC 4656 §3.1; RFC 5357 §3.1"


def cases(drbg: Drbg, protocol: Protocol) -> Iterator[Case]:
    """All cases of one protocol, the protected modes in turn."""
    modes = securities(protocol)

    def client(label: str) -> Client:
        return Client.make(drbg.at(label), protocol, next(modes))

    yield from _modes(client("modes"))
    for number in range(3):
        yield from _other_modes(client(f"other modes {number}"), number)
    yield from _unknown(client("unknown"))
    yield from _names(client("names"))
    yield from _several(client("several"))
    yield from _challenges(client("challenges"))
    yield from _tokens(client("tokens"))
    yield from _ike_sas(client("IKE SAs"))
    yield from _wrong_ike_sas(client("wrong IKE SAs"))
    yield from _bits(client("bits"))
    yield from _passphrases(client("passphrases"))
    yield from _rekeyed(client("rekeyed"), drbg.at("rekey"))
    yield from _in_clear(Client.make(drbg.at("open"), protocol, "unauthenticated"))


def _secret(name: str, passphrase: str) -> Json:
    return {"name": name, "passphrase": passphrase}


def _then_asks(client: Client, response: bytes) -> list[Json]:
    """Set-Up-Response, and a request, which is answered if the client is let in."""
    return receive(response, *client.written(client.ask()))


def _modes(client: Client) -> Iterator[Case]:
    yield client.case("Mode 0: the client declines", receive(client.response(mode=0)), source=_RFC)
    comment = "unassigned high bits in Mode are ignored"
    steps = _then_asks(client, client.response(mode=0x80000000 | client.mode))
    yield client.case(comment, steps, "UnknownModeBitsRefused", source=_RFC)
    alone = receive(client.response(mode=0x80000000))
    yield client.case("an unassigned bit alone in Mode: no mode", alone, source=_RFC)
    yield client.case("Modes 0: no service", receive(), offeredModes=0, source=_RFC)
    yield client.case(
        "Modes 0, and the client chooses a mode",
        receive(client.response()),
        "ModeNotOffered",
        offeredModes=0,
        source=_RFC,
    )


def _other_modes(client: Client, number: int) -> Iterator[Case]:
    every = SECURITY_BITS[client.protocol]
    two = (3, 5, 6)[number]
    steps = receive(client.response(mode=two))
    yield client.case(f"Mode {two}, with two security bits", steps, "SeveralModes", source=_RFC)
    offered = every & ~client.mode if number < 2 else 1
    comment = f"Mode {client.mode} though only {offered} is offered"
    steps = receive(client.response())
    yield client.case(comment, steps, "ModeNotOffered", offeredModes=offered, source=_RFC)
    if number:
        return
    steps = receive(client.response(mode=every))
    yield client.case("Mode with every security bit", steps, "SeveralModes", source=_RFC)
    if client.protocol is Protocol.TWAMP:
        for mode in (9, 10, 12):
            steps = receive(client.response(mode=mode))
            comment = f"Mode {mode}, with mixed and another mode"
            yield client.case(comment, steps, "SeveralModes", source="RFC 5618 §3.1")
        return
    steps = receive(client.response(mode=8))
    yield client.case("Mode 8, which OWAMP does not have: no mode", steps, source=_RFC)
    mode = 8 | client.mode
    steps = _then_asks(client, client.response(mode=mode))
    comment = f"Mode {mode}: OWAMP ignores the bit 8"
    yield client.case(comment, steps, "MixedInOwamp", source=_RFC)


def _unknown(client: Client) -> Iterator[Case]:
    """Names that nobody has, under secrets that somebody might take for theirs."""
    for comment, key_id in (
        ("unknown KeyID", b"mallory"),
        ("KeyID of zeros", b""),
        ("KeyID that is not UTF-8", b"\xff" * 80),
    ):
        steps = _then_asks(client, client.response(key_id, ""))
        yield client.case(
            f"{comment}, Token under the empty secret",
            steps,
            "UnknownKeyIdAsEmptySecret",
            source=_RFC,
        )
    steps = _then_asks(client, client.response("mallory"))
    comment = "unknown KeyID, Token under the secret of another"
    yield client.case(comment, steps, "AnySecretForAnyKeyId", source=_RFC)
    steps = receive(client.response(secret="incorrect horse"))
    yield client.case("wrong passphrase", steps, source=_RFC)


_NEARLY = (
    ("a part of a known one", "alic", "KeyIdPrefixMatches"),
    ("a known one and more", "alicea", "KeyIdPrefixMatches"),
    ("a known one but for its case", "Alice", "KeyIdCaseIgnored"),
    ("a known one in capitals", "ALICE", "KeyIdCaseIgnored"),
    ("a known one and a blank", "alice ", "KeyIdTrimmed"),
    ("a blank and a known one", " alice", "KeyIdTrimmed"),
    ("a known one and a tab", "alice\t", "KeyIdTrimmed"),
    ("a known one and a newline", "alice\n", "KeyIdTrimmed"),
)


def _names(client: Client) -> Iterator[Case]:
    """Names that are nearly a known one, whose secret is used."""
    for comment, name, flag in _NEARLY:
        steps = _then_asks(client, client.response(name.encode()))
        yield client.case(f"KeyID is {comment}", steps, flag, source=_RFC)
    for comment, key_id in (
        ("a zero octet, and more", b"alice\0x"),
        ("zeros, and 01 in its last octet", b"alice".ljust(79, b"\0") + b"\1"),
    ):
        steps = _then_asks(client, client.response(key_id))
        text = f"KeyID is a known one, {comment}"
        yield client.case(text, steps, "KeyIdAsString", source=_RFC)
    composed = [_secret("\u00e1lice", ALICE["passphrase"])]
    decomposed = client.response("a\u0301lice")
    steps = _then_asks(client, decomposed)
    comment = "KeyID is a known one in another form of Unicode"
    yield client.case(comment, steps, "KeyIdFoundNormalized", secrets=composed, source=_RFC)
    both = [*composed, _secret("a\u0301lice", "another")]
    comment = "two KeyIDs that differ in their form of Unicode, the first one's secret"
    yield client.case(comment, steps, "KeyIdFoundNormalized", secrets=both, source=_RFC)
    for known, given, flags in (
        ("n" * 79, "n" * 79 + "o", ("KeyIdPrefixMatches",)),
        ("n" * 80, "n" * 80, ()),
    ):
        comment = f"KeyID of 80 octets, one of {len(known)} is known"
        steps = _then_asks(client, client.response(given))
        secrets = [_secret(known, ALICE["passphrase"])]
        yield client.case(comment, steps, *flags, secrets=secrets, source=_RFC)


def _several(client: Client) -> Iterator[Case]:
    two = [ALICE, _secret("bob", "battery staple")]
    alike = [ALICE, _secret("bob", ALICE["passphrase"])]
    first, any_secret = "FirstSecretTaken", "AnySecretForAnyKeyId"
    for comment, secrets, name, passphrase, flags in (
        ("alice's KeyID, bob's secret", two, "alice", "battery staple", (any_secret,)),
        ("bob's KeyID, alice's secret", two, "bob", ALICE["passphrase"], (any_secret, first)),
        ("bob's KeyID, bob's secret", two, "bob", "battery staple", (first,)),
        ("bob's KeyID first, bob's secret", two[::-1], "alice", ALICE["passphrase"], (first,)),
        ("one secret for two, alice", alike, "alice", ALICE["passphrase"], ()),
        ("one secret for two, bob", alike, "bob", ALICE["passphrase"], ()),
    ):
        steps = _then_asks(client, client.response(name, passphrase))
        yield client.case(f"two names: {comment}", steps, *flags, secrets=secrets, source=_RFC)
    empty = [_secret("alice", "")]
    steps = _then_asks(client, client.response(secret=""))
    comment = "a known KeyID whose secret is empty"
    yield client.case(comment, steps, secrets=empty, source=_RFC)
    steps = _then_asks(client, client.response(secret="another"))
    comment = "a known KeyID whose secret is empty, Token under another"
    yield client.case(comment, steps, secrets=empty, source=_RFC)


def _passphrases(client: Client) -> Iterator[Case]:
    for what, passphrase, flags in UNUSUAL_PASSPHRASES:
        steps = _then_asks(client, client.response(secret=passphrase))
        comment = f"the passphrase that the server is given has {what}"
        known = [_secret("alice", passphrase)]
        given = flags[client.protocol.value]
        yield client.case(comment, steps, *given, secrets=known, source=_TEXTS)


def _challenges(client: Client) -> Iterator[Case]:
    """Token is right if the whole Challenge is."""
    flag = "OctetsComparedAsString"
    for comment, challenge in (
        ("begins with 00", b"\0" + client.values["challenge"][1:]),
        ("is all 00", bytes(16)),
    ):
        here = client.changed(challenge=challenge)
        steps = _then_asks(here, here.response())
        yield here.case(f"Challenge {comment}: right Token", steps, source=_RFC)
        other = client.changed(challenge=b"\0" + b"\x5a" * 15)
        steps = _then_asks(other, other.response())
        text = f"Challenge {comment}: Token agrees in the first octet alone"
        yield client.case(text, steps, flag, challenge=challenge, source=_RFC)
    for part, wrong in nearly_right(client.values["challenge"]):
        other = client.changed(challenge=wrong)
        steps = _then_asks(other, other.response())
        comment = f"the Challenge in the Token is {part}"
        yield client.case(comment, steps, "ChallengeUnchecked", source=_RFC)


def _tokens(client: Client) -> Iterator[Case]:
    response, ask = client.response(), client.written(client.ask())
    source = "RFC 4656 §6.10"
    changed = receive(flipped(response, TOKEN), *ask)
    yield client.case("Token changed in its first block", changed, source=_RFC)
    # What T1 decrypts is as good as drawn: a command that there is, once in 50 cases.
    for offset, what in ((16, "second"), (32, "third")):
        changed = receive(flipped(response, TOKEN + offset), *ask)
        comment = f"Token changed in its {what} block"
        yield client.case(f"{comment}: the request does not verify", changed, source=source)
    changed = receive(flipped(response, CLIENT_IV - 1), *ask)
    comment = "Token changed in its last block: T2 differs, found out by the first HMAC alone"
    yield client.case(comment, changed, "HmacUnchecked", source=source)
    comment = "Client-IV changed in its last bit: a port differs, found out by the HMAC alone"
    changed = receive(flipped(response, CLIENT_IV + 15), *ask)
    yield client.case(comment, changed, "HmacUnchecked", source=source)


_SPIS = [bytes([octet]) * 8 for octet in range(0x11, 0x17)]
_KEYS = [bytes([octet]) * 20 for octet in range(0xA1, 0xA4)]


def _sa(spis: Sequence[bytes], number: int) -> Json:
    return {"spiI": spis[0], "spiR": spis[1], "sharedSecretKey": _KEYS[number]}


def _with_ikev2(client: Client) -> Client:
    """A client whose server has three IKE SAs."""
    sas = [_sa(_SPIS[2 * number : 2 * number + 2], number) for number in range(3)]
    offered = SECURITY_BITS[client.protocol] | ikev2_bit(client.protocol)
    return client.changed(ikeSas=sas, offeredModes=offered)


def _ike_sas(client: Client) -> Iterator[Case]:
    """IKE SAs that are there."""
    client = _with_ikev2(client)
    mode = client.mode | ikev2_bit(client.protocol)
    flag = "FirstSecretTaken"
    for number, key in enumerate(_KEYS):
        key_id = b"".join(_SPIS[2 * number : 2 * number + 2])
        steps = _then_asks(client, client.response(key_id, key, mode))
        flags = (flag,) if number else ()
        yield client.case(f"IKEv2Derived: IKE SA {number}", steps, *flags, source=_IKE)
        other = receive(client.response(key_id, _KEYS[number - 1], mode))
        comment = f"IKEv2Derived: IKE SA {number}, Token under the key of another"
        flags = ("AnySecretForAnyKeyId",)
        yield client.case(comment, other, *flags, source=_IKE)
    key_id = (_SPIS[0] + _SPIS[1]).ljust(79, b"\x5a") + b"\1"
    steps = _then_asks(client, client.response(key_id, _KEYS[0], mode))
    comment = "IKEv2Derived: what follows the SPIs in KeyID is ignored"
    yield client.case(comment, steps, "KeyIdTailCompared", source=_IKE)
    steps = _then_asks(client, client.response(key_id[:17], _KEYS[0], mode))
    comment = "IKEv2Derived: one octet that follows the SPIs in KeyID is ignored"
    yield client.case(comment, steps, "KeyIdTailCompared", source=_IKE)
    for comment, at in (("SPIi", 0), ("SPIr", 1)):
        one = [_SPIS[0], _SPIS[1]]
        two = list(one)
        two[1 - at] = _SPIS[4]
        sas = [_sa(one, 0), _sa(two, 1)]
        for number, spis in enumerate((one, two)):
            steps = _then_asks(client, client.response(b"".join(spis), _KEYS[number], mode))
            flags = ("OneSpiEnough",) if number else ()
            who = ("the first", "the second")[number]
            text = f"IKEv2Derived: two IKE SAs with one {comment}, {who}"
            yield client.case(text, steps, *flags, ikeSas=sas, source=_IKE)
    sas = client.values["ikeSas"][1:]
    steps = receive(client.response(_SPIS[0] + _SPIS[1], _KEYS[0], mode))
    comment = "IKEv2Derived: the IKE SA has been rekeyed, its SPIs are gone"
    yield client.case(comment, steps, ikeSas=sas, source=_IKE)


def _wrong_ike_sas(client: Client) -> Iterator[Case]:
    """SPIs of no IKE SA, under the key of the nearest."""
    client = _with_ikev2(client)
    mode = client.mode | ikev2_bit(client.protocol)
    first, second = _SPIS[:2]
    sas = [_sa([bytes(range(8)), bytes(range(8, 16))], 0)]
    one, order = "OneSpiEnough", "SpisInAnyOrder"
    for comment, key_id, change, flags in (
        ("none", b"\x99" * 16, {}, ("NoIkeSaAsEmptySecret",)),
        ("SPIi is right", first + _SPIS[3], {}, (one,)),
        ("SPIr is right", _SPIS[2] + second, {}, (one,)),
        ("SPIi is right, SPIr zero", first + bytes(8), {}, (one,)),
        ("SPIi zero, SPIr right", bytes(8) + second, {}, (one,)),
        ("exchanged", second + first, {}, (order,)),
        (
            "little-endian",
            bytes(range(7, -1, -1)) + bytes(range(15, 7, -1)),
            {"ikeSas": sas},
            ("SpisLittleEndian",),
        ),
    ):
        key = b"" if comment == "none" else _KEYS[0]
        steps = _then_asks(client, client.response(key_id, key, mode))
        text = f"IKEv2Derived: no IKE SA has these SPIs: {comment}"
        yield client.case(text, steps, *flags, **change, source=_IKE)


def _before_and_after(drbg: Drbg) -> dict[str, Json]:
    """An IKE SA, and the one that a rekey of it gives (RFC 7296 §2.18)."""
    sizes = {"spiI": 8, "spiR": 8, "skD": 32, "ni": 32, "nr": 32, "dh": 32, "newI": 8, "newR": 8}
    drawn = {name: drbg.octets(name, size) for name, size in sizes.items()}
    prf = ikev2.PRF_HMAC_SHA2_256
    old = IkeSa(drawn["spiI"], drawn["spiR"], prf, drawn["skD"])
    exchange = Exchange(drawn["ni"], drawn["nr"], drawn["newI"], drawn["newR"], drawn["dh"])
    new = binding.rekeyed_sa(old, prf, exchange, integrity_size=32, encryption_size=16).sa
    return {
        name: {
            "spiI": sa.spi_i,
            "spiR": sa.spi_r,
            "sharedSecretKey": binding.shared_secret_from_sk_d(prf, sa.sk_d),
        }
        for name, sa in (("old", old), ("new", new))
    }


def _rekeyed(client: Client, drbg: Drbg) -> Iterator[Case]:
    """SPIs and secret before and after a rekey, to a server that has both IKE SAs, or one.

    Its secret belongs to an SA: it goes with the SPIs of that SA, as long as these are known.
    """
    client = _with_ikev2(client)
    mode = client.mode | ikev2_bit(client.protocol)
    sas = _before_and_after(drbg)
    source = "RFC 7717 §5.1, §5.3"
    for has in (["old", "new"], ["new", "old"], ["new"], ["old"]):
        for spis, secret in product(sas, sas):
            key_id = sas[spis]["spiI"] + sas[spis]["spiR"]
            response = client.response(key_id, sas[secret]["sharedSecretKey"], mode)
            comment = f"IKEv2Derived, rekeyed: the SPIs of the {spis} IKE SA, Token under the key "
            comment += f"of the {secret} one, the server has the {' and the '.join(has)} one"
            flags = [f"{other.title()}SecretUnder{spis.title()}Spis" for other in sas]
            flags = flags[spis == "old" :: 2] if has == ["old", "new"] else []
            known = [sas[name] for name in has]
            steps = _then_asks(client, response)
            yield client.case(comment, steps, *flags, ikeSas=known, source=source)


def _bits(client: Client) -> Iterator[Case]:
    """Which kind of name a KeyID is, is said by the IKEv2Derived bit alone."""
    plain, client = client, _with_ikev2(client)
    bit = ikev2_bit(client.protocol)
    mode = client.mode | bit
    steps = _then_asks(client, client.response(mode=mode))
    comment = "IKEv2Derived: KeyID and Token are of a passphrase"
    yield client.case(comment, steps, "PassphraseWithIkev2Bit", source="RFC 7717 §5.1")
    key_id = _SPIS[0] + _SPIS[1]
    for security in (client.mode, 4 if client.mode != 4 else 2):
        steps = _then_asks(client, client.response(key_id, _KEYS[0], security))
        comment = f"Mode {security} without IKEv2Derived: KeyID and Token are of an IKE SA"
        yield client.case(comment, steps, "SpisWithoutBit", source=_RFC)
    steps = _then_asks(client, client.response())
    yield client.case("IKEv2Derived offered, and not chosen", steps, source="RFC 7717 §5.2")
    steps = _then_asks(plain, plain.response(mode=mode))
    comment = "IKEv2Derived though not offered, KeyID and Token of a passphrase"
    yield plain.case(comment, steps, source="RFC 7717 §5.2")
    other = 16 | 128 ^ bit
    other &= ~bit
    comment = f"Mode with {other}, which is IKEv2Derived in the other protocol"
    steps = _then_asks(plain, plain.response(mode=plain.mode | other))
    yield plain.case(comment, steps, source=_RFC)


def _in_clear(client: Client) -> Iterator[Case]:
    """The unauthenticated mode, in which nobody has to prove anything."""
    ask = client.written(client.ask())
    response = client.response()
    garbage = replaced(response, KEY_ID, b"\xa5" * (len(response) - KEY_ID))
    comment = "KeyID, Token and Client-IV are unused"
    flags = ("TokenCheckedInClear",)
    yield client.case(comment, receive(garbage, *ask), *flags, source=_RFC)
    comment = "KeyID, Token and Client-IV are unused, and nobody has a secret"
    yield client.case(comment, receive(garbage, *ask), *flags, secrets=[], source=_RFC)
    bit = ikev2_bit(client.protocol)
    offered = SECURITY_BITS[client.protocol] | bit
    steps = receive(client.response(mode=1 | bit))
    comment = "IKEv2Derived with the unauthenticated mode"
    yield client.case(comment, steps, offeredModes=offered, source="RFC 7717 §5.1")

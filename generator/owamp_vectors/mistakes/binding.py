"""Mistakes with the shared secret key from IKEv2 and with the KeyID that names its SA."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

from owamp_reference import binding, ikev2, token
from owamp_reference.binding import Exchange, IkeSa, Rekeyed
from owamp_reference.errors import ProtocolError
from owamp_reference.ikev2 import PRF_HMAC_SHA2_256, IkeSaKeys, Prf

from ..vectors.declaration import Note
from .base import Mistake, Swap, mistake

NOTES = {
    "CircularSid": Note(
        "PROTOCOL",
        "PRF{ KEYMAT, Session ID } with a SID that does not exist yet when the key is needed.",
        "Unless both ends agree on a SID beforehand, no key can be computed.",
    ),
}

_prf = ikev2.prf
_ppk_sk_d = ikev2.ppk_sk_d
_rekeyed_sa = binding.rekeyed_sa
_ike_sa_keys = ikev2.ike_sa_keys
_from_sk_d = binding.shared_secret_from_sk_d
_from_keymat = binding.shared_secret_from_keymat
_key_id_from_spis = binding.key_id_from_spis
_spis_from_key_id = binding.spis_from_key_id

_DIFFERENT_KEY = "The Token does not open at the other end, and set-up fails with Accept 1."
_NO_SUCH_SA = "The server finds no IKE SA, and set-up fails with Accept 6."
_WRONG_SA = "Client and server use the keys of different IKE SAs."


def _label(flag: str, description: str, label: bytes) -> Mistake:
    wrong = Swap(binding, "IPPM_LABEL", label)
    return mistake(flag, "KEY_DERIVATION", description, _DIFFERENT_KEY, wrong)


def _other_key(take: Callable[[IkeSaKeys, bytes], bytes]) -> Swap:
    """Another value in the place of SK_d."""

    def run(function: Prf, seed_key: bytes, *arguments: Any, **sizes: Any) -> IkeSaKeys:
        keys = _ike_sa_keys(function, seed_key, *arguments, **sizes)
        return replace(keys, sk_d=take(keys, seed_key))

    return Swap(ikev2, "ike_sa_keys", run)


def _not_empty(keymat: bytes) -> bytes:
    """An empty KEYMAT is refused as ever, so that the mistake is the only change."""
    if not keymat:
        raise ProtocolError("KEYMAT", "at least 1 octet", "0 octets")
    return keymat


def _hex_key_id(spi_i: bytes, spi_r: bytes) -> bytes:
    return (spi_i.hex() + spi_r.hex()).encode().ljust(80, b"\0")


def _spis_in_hex(key_id: bytes) -> tuple[bytes, bytes]:
    return bytes.fromhex(key_id[:16].decode()), bytes.fromhex(key_id[16:32].decode())


def _spis_as_numbers(spi_i: bytes, spi_r: bytes) -> bytes:
    return (spi_i.lstrip(b"\0") + spi_r.lstrip(b"\0")).ljust(80, b"\0")


def _spis_with_zeros(key_id: bytes) -> tuple[bytes, bytes]:
    if any(key_id[16:]):
        raise ProtocolError("KeyID", "zeros after the SPIs", "others")
    return _spis_from_key_id(key_id)


def _spis_of_text(key_id: bytes) -> tuple[bytes, bytes]:
    name = key_id.decode().split("\0")[0].encode().ljust(80, b"\0")
    return _spis_from_key_id(name)


def _look_up_by(
    choose: Callable[[list[IkeSa], tuple[bytes, bytes]], IkeSa | None],
) -> Swap:
    def run(sas: Iterable[IkeSa], key_id: bytes) -> bytes | None:
        sa = choose(list(sas), _spis_from_key_id(key_id))
        return _from_sk_d(sa.function, sa.sk_d) if sa else None

    return Swap(binding, "shared_secret_for_key_id", run)


def _rekeyed_of(change: Callable[[IkeSa, Prf, Exchange], tuple[IkeSa, Prf, Exchange]]) -> Swap:
    """A rekey of another old SA, to another prf, or with other nonces and SPIs."""

    def run(old: IkeSa, function: Prf, of: Exchange, **sizes: Any) -> Rekeyed:
        return _rekeyed_sa(*change(old, function, of), **sizes)

    return Swap(binding, "rekeyed_sa", run)


def _in_use(change: Callable[[IkeSa, IkeSa], IkeSa]) -> Swap:
    """A right rekey, after which another SA than the new one is used; given the old one first."""

    def run(old: IkeSa, function: Prf, of: Exchange, **sizes: int) -> Rekeyed:
        new = _rekeyed_sa(old, function, of, **sizes)
        return replace(new, sa=change(old, new.sa))

    return Swap(binding, "rekeyed_sa", run)


def _old_spis(old: IkeSa, function: Prf, of: Exchange) -> tuple[IkeSa, Prf, Exchange]:
    return old, function, replace(of, spi_i=old.spi_i, spi_r=old.spi_r)


def _roles_kept(old: IkeSa, function: Prf, of: Exchange) -> tuple[IkeSa, Prf, Exchange]:
    swapped = replace(of, ni=of.nr, nr=of.ni, spi_i=of.spi_r, spi_r=of.spi_i)
    return old, function, swapped


class _KeptPpk:
    """PPK kept with the SA, and put into the SK_d of the SA that replaces it."""

    def __init__(self) -> None:
        self.ppk = b""

    def set_up(self, function: Prf, ppk: bytes, sk_d: bytes) -> bytes:
        self.ppk = ppk
        return _ppk_sk_d(function, ppk, sk_d)

    def rekey(self, old: IkeSa, function: Prf, of: Exchange, **sizes: int) -> Rekeyed:
        new = _rekeyed_sa(old, function, of, **sizes)
        mixed = replace(new.sa, sk_d=_ppk_sk_d(function, self.ppk, new.sa.sk_d))
        return replace(new, sa=mixed)


_kept_ppk = _KeptPpk()

MISTAKES = (
    _label("IppmTerminated", 'The label "IPPM" with a zero octet at its end.', b"IPPM\0"),
    _label("IppmLowerCase", 'The label "ippm".', b"ippm"),
    _label("IppmUtf16", 'The label "IPPM" in UTF-16.', "IPPM".encode("utf-16-be")),
    mistake(
        "LabelIsKey",
        "KEY_DERIVATION",
        "The label as the key of the prf and SK_d as its data.",
        _DIFFERENT_KEY,
        Swap(
            binding,
            "shared_secret_from_sk_d",
            lambda function, sk_d: _prf(function, b"IPPM", sk_d),
        ),
    ),
    mistake(
        "SecretByPrfPlus",
        "KEY_DERIVATION",
        "prf+ in place of prf: a counter after the label.",
        _DIFFERENT_KEY,
        Swap(
            binding,
            "shared_secret_from_sk_d",
            lambda function, sk_d: _prf(function, sk_d, b"IPPM\1"),
        ),
    ),
    mistake(
        "SecretKeyCutTo16",
        "KEY_DERIVATION",
        "The shared secret key cut to 16 octets.",
        _DIFFERENT_KEY,
        Swap(
            binding,
            "shared_secret_from_sk_d",
            lambda function, sk_d: _from_sk_d(function, sk_d)[:16],
        ),
        Swap(
            binding,
            "shared_secret_from_keymat",
            lambda function, keymat, sid: _from_keymat(function, keymat, sid)[:16],
        ),
    ),
    mistake(
        "PrfAlwaysSha256",
        "KEY_DERIVATION",
        "HMAC-SHA256 for the shared secret key, whatever prf the IKE SA has.",
        _DIFFERENT_KEY,
        Swap(
            binding,
            "shared_secret_from_sk_d",
            lambda function, sk_d: _from_sk_d(PRF_HMAC_SHA2_256, sk_d),
        ),
        Swap(
            binding,
            "shared_secret_from_keymat",
            lambda function, keymat, sid: _from_keymat(PRF_HMAC_SHA2_256, keymat, sid),
        ),
    ),
    mistake(
        "SkeyseedForSkD",
        "KEY_DERIVATION",
        "SKEYSEED used in the place of SK_d.",
        "The Token does not open; all keys of the IKE SA hang on the secret that O/TWAMP handles.",
        _other_key(lambda keys, seed_key: seed_key),
    ),
    mistake(
        "SkPiForSkD",
        "KEY_DERIVATION",
        "SK_pi used in the place of SK_d.",
        _DIFFERENT_KEY,
        _other_key(lambda keys, seed_key: keys.sk_pi),
    ),
    mistake(
        "Pbkdf2LeftOut",
        "KEY_DERIVATION",
        "The first 16 octets of the shared secret key encrypt the Token, without PBKDF2.",
        _DIFFERENT_KEY,
        Swap(token, "derive_token_key", lambda secret, salt, count: secret[:16]),
    ),
    mistake(
        "SidIsKey",
        "KEY_DERIVATION",
        "The SID as the key of the prf and KEYMAT as its data.",
        _DIFFERENT_KEY,
        Swap(
            binding,
            "shared_secret_from_keymat",
            lambda function, keymat, sid: _prf(function, sid, _not_empty(keymat)),
        ),
    ),
    mistake(
        "SidInHex",
        "ENCODING",
        "The SID as 32 hexadecimal digits, as it is written in logs.",
        _DIFFERENT_KEY,
        Swap(
            binding,
            "shared_secret_from_keymat",
            lambda function, keymat, sid: _prf(function, keymat, sid.hex().encode()),
        ),
    ),
    mistake(
        "SidLeftOut",
        "KEY_DERIVATION",
        'prf(KEYMAT, "IPPM"): the two forms mixed up, no SID.',
        "All sessions over one child SA have the same shared secret key.",
        Swap(
            binding,
            "shared_secret_from_keymat",
            lambda function, keymat, sid: _prf(function, keymat, b"IPPM"),
        ),
    ),
    mistake(
        "KeymatCut",
        "KEY_DERIVATION",
        "Only the first 16 octets of KEYMAT, one direction's key, used.",
        _DIFFERENT_KEY,
        Swap(
            binding,
            "shared_secret_from_keymat",
            lambda function, keymat, sid: _from_keymat(function, keymat[:16], sid),
        ),
    ),
    mistake(
        "EmptyKeymat",
        "MISSING_CHECK",
        "An empty KEYMAT taken for zeros.",
        "Anyone can compute the key.",
        Swap(
            binding,
            "shared_secret_from_keymat",
            lambda function, keymat, sid: _from_keymat(function, keymat or bytes(16), sid),
        ),
    ),
    mistake(
        "SpisExchanged",
        "LAYOUT",
        "SPIr before SPIi in the KeyID: the O/TWAMP client need not be the IKE initiator.",
        _NO_SUCH_SA,
        Swap(binding, "key_id_from_spis", lambda spi_i, spi_r: _key_id_from_spis(spi_r, spi_i)),
        Swap(binding, "spis_from_key_id", lambda key_id: _spis_from_key_id(key_id)[::-1]),
    ),
    mistake(
        "KeyIdInHex",
        "ENCODING",
        "The SPIs as hexadecimal digits in the KeyID.",
        _NO_SUCH_SA,
        Swap(binding, "key_id_from_spis", _hex_key_id),
        Swap(binding, "spis_from_key_id", _spis_in_hex),
    ),
    mistake(
        "SpiAsNumber",
        "ENCODING",
        "The SPIs written as numbers, their leading zeros lost.",
        _NO_SUCH_SA,
        Swap(binding, "key_id_from_spis", _spis_as_numbers),
    ),
    mistake(
        "KeyIdPaddingChecked",
        "LAYOUT",
        "A KeyID refused for octets after the SPIs, which are to be ignored.",
        "A later use of those octets breaks interoperability.",
        Swap(binding, "spis_from_key_id", _spis_with_zeros),
    ),
    mistake(
        "KeyIdTakenForText",
        "LAYOUT",
        "The KeyID of an IKE SA handled as UTF-8 text that ends at a zero octet.",
        "Most SAs are not found, as random octets are rarely UTF-8 without a zero.",
        Swap(binding, "spis_from_key_id", _spis_of_text),
    ),
    mistake(
        "NewestSa",
        "KEY_DERIVATION",
        "The key of the newest IKE SA with the peer, whatever the KeyID says.",
        _WRONG_SA,
        _look_up_by(lambda sas, spis: sas[-1] if sas else None),
    ),
    mistake(
        "FirstSa",
        "KEY_DERIVATION",
        "The key of the oldest IKE SA with the peer, whatever the KeyID says: stale after rekey.",
        _WRONG_SA,
        _look_up_by(lambda sas, spis: sas[0] if sas else None),
    ),
    mistake(
        "SpiInitiatorAlone",
        "KEY_DERIVATION",
        "The IKE SA looked up by SPIi alone.",
        _WRONG_SA,
        _look_up_by(lambda sas, spis: next((sa for sa in sas if sa.spi_i == spis[0]), None)),
    ),
    mistake(
        "SpisOfFourOctets",
        "KEY_DERIVATION",
        "The IKE SA looked up by the last 4 octets of both SPIs: those of ESP have no more.",
        _WRONG_SA,
        _look_up_by(
            lambda sas, spis: next(
                (sa for sa in sas if (sa.spi_i[4:], sa.spi_r[4:]) == (spis[0][4:], spis[1][4:])),
                None,
            )
        ),
    ),
    mistake(
        "OldSpisInSeed",
        "KEY_DERIVATION",
        "The SK_* of a rekeyed IKE SA made with the SPIs of the old one.",
        _DIFFERENT_KEY,
        _rekeyed_of(_old_spis),
    ),
    mistake(
        "RolesKept",
        "KEY_DERIVATION",
        "The initiator of the old IKE SA taken for that of the new one, though the responder "
        "starts the rekey.",
        _DIFFERENT_KEY,
        _rekeyed_of(_roles_kept),
    ),
    mistake(
        "NewPrfForSkeyseed",
        "KEY_DERIVATION",
        "The SKEYSEED of a rekeyed IKE SA by the prf of the new one.",
        _DIFFERENT_KEY,
        _rekeyed_of(lambda old, function, of: (replace(old, function=function), function, of)),
    ),
    mistake(
        "OldPrfForSkStar",
        "KEY_DERIVATION",
        "The SK_* of a rekeyed IKE SA by the prf of the old one.",
        _DIFFERENT_KEY,
        _rekeyed_of(lambda old, function, of: (old, old.function, of)),
    ),
    mistake(
        "IppmByOldPrf",
        "KEY_DERIVATION",
        "The shared secret key of a rekeyed IKE SA by the prf of the old one.",
        _DIFFERENT_KEY,
        _in_use(lambda old, new: replace(new, function=old.function)),
    ),
    mistake(
        "OldSecretKept",
        "KEY_DERIVATION",
        "The shared secret key of the old IKE SA for new connections after a rekey.",
        _WRONG_SA,
        _in_use(lambda old, new: replace(new, function=old.function, sk_d=old.sk_d)),
    ),
    mistake(
        "PpkAgain",
        "KEY_DERIVATION",
        "PPK put into the SK_d of a rekeyed IKE SA as well.",
        _DIFFERENT_KEY,
        Swap(ikev2, "ppk_sk_d", _kept_ppk.set_up),
        Swap(binding, "rekeyed_sa", _kept_ppk.rekey),
    ),
)

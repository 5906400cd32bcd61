"""Off-line guessing of a weak passphrase from recorded handshakes."""

from __future__ import annotations

from owamp_reference import ikev2, primitives, token
from owamp_reference.keys import T2_SIZE, ControlKeys

from ...groups.roles import AES_KEY, ANY, CHALLENGE, COUNT, SALT, SECRET, T1
from ..room import Room
from ..rows import MacroRow, Symbol
from ..script import BEFOREHAND, Player
from ..shared.symbols import token_key

_EXCHANGED = "a key exchange before the Token is what the model asks about, not RFC 4656"
_NO_CHALLENGE = "a Token without the Challenge is what the model asks about, not RFC 4656"


def _cut(prf: ikev2.Prf, key: bytes, data: bytes) -> bytes:
    return ikev2.prf(prf, key, data)[: primitives.AES_KEY_SIZE]


def _prf(prf: ikev2.Prf) -> Symbol:
    return Symbol(
        "prf",
        ikev2.prf,
        (ANY, ANY),
        AES_KEY,
        adapted=lambda key, data: _cut(prf, key, data),
        model_only=_EXCHANGED,
    )


def _from_exchange(prf: ikev2.Prf) -> MacroRow:
    return MacroRow(
        "token_key",
        ikev2.prf,
        (ANY, SECRET, SALT, COUNT),
        lambda exchanged, *passphrase: _cut(prf, exchanged, token_key(*passphrase)),
        "",
        "KEY_EXCHANGE",
        model_only=_EXCHANGED,
    )


def _first_block(key: bytes, challenge: bytes, t1: bytes) -> bytes:
    return token.seal_token(key, challenge, ControlKeys(t1, bytes(T2_SIZE)))[:16]


_GUESSES = Player(why_not="a guess is made by the adversary alone", is_outside=True)

ROOM = Room(
    symbols=(_prf,),
    macros=(
        MacroRow(
            "first_block",
            token.seal_token,
            (AES_KEY, CHALLENGE, T1),
            _first_block,
            "RFC 4656 §3.1",
        ),
        MacroRow(
            "first_block",
            primitives.aes_ecb_encrypt,
            (AES_KEY, CHALLENGE, T1),
            lambda key, _challenge, t1: primitives.aes_ecb_encrypt(key, t1),
            "",
            "NO_CHALLENGE",
            model_only=_NO_CHALLENGE,
        ),
        MacroRow(
            "token_key",
            token.derive_token_key,
            (ANY, SECRET, SALT, COUNT),
            lambda _exchanged, *passphrase: token_key(*passphrase),
            "RFC 4656 §3.1",
        ),
        _from_exchange,
    ),
    players={
        "Choose_Passphrase": BEFOREHAND,
        "Handshake": Player(why_not="of the Token the theory has one block", is_outside=True),
        "Traffic": Player(why_not="of the connection the theory has one block", is_outside=True),
        "Test_Token": _GUESSES,
        "Test_Traffic": _GUESSES,
    },
    takes_back={"permutation-one-way-round": "passphrase_guessing has both equations"},
)

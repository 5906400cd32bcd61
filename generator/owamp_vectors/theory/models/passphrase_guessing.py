"""Off-line guessing of a weak passphrase from one recorded handshake."""

from __future__ import annotations

from owamp_reference import ikev2, primitives, token
from owamp_reference.keys import ControlKeys

from ...groups.roles import AES_KEY, ANY, CHALLENGE, COUNT, SALT, SECRET, T1, T2
from ..room import Room
from ..rows import MacroRow, Symbol
from ..script import Player
from ..shared.symbols import token_key

_EXCHANGED = "a key exchange before the Token is what the model asks about, not RFC 4656"


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


_TWO_RUNS = Player(why_not="two runs side by side are no trace")

ROOM = Room(
    symbols=(_prf,),
    macros=(
        MacroRow(
            "token",
            token.seal_token,
            (AES_KEY, CHALLENGE, T1, T2),
            lambda key, challenge, *own: token.seal_token(key, challenge, ControlKeys(*own)),
            "RFC 4656 §3.1",
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
    players={"Handshake": _TWO_RUNS, "Guess": _TWO_RUNS},
)

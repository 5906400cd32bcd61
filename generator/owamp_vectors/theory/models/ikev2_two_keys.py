"""The open idea of the slides: with IKEv2, two keys (AES, HMAC) instead of four."""

from __future__ import annotations

from collections.abc import Callable

from owamp_reference.ikev2 import Prf

from ...groups.roles import BLOCK, BLOCKS
from .. import standins
from ..remarks import abstraction
from ..room import Room
from ..rows import Constant, Symbol, Undone
from ..script import LEAK, Player
from ..shared.symbols import type_of_prf
from . import ikev2

_TWO_KEYS = "an idea of the slides, for which they give no octets"


def _cut(name: str, function: Callable[..., bytes], undone: Undone) -> Callable[[Prf], Symbol]:
    """A cipher whose key is the output of the prf."""

    def row(prf: Prf) -> Symbol:
        return Symbol(
            name,
            function,
            (type_of_prf(prf), BLOCK, BLOCKS),
            2,
            model_only="the slides leave open how an AES key comes from a prf: here its start",
            undone=undone,
        )

    return row


_PACKET = Player(why_not="the slides' two keys for all sessions are not in the reference")

ROOM = Room(
    includes=(ikev2.ROOM,),
    symbols=(
        _cut("cbc", standins.cbc_cut_key, Undone("cbc_inv", 2)),
        _cut("cbc_inv", standins.cbc_inv_cut_key, Undone("cbc", 2, is_in_theories=False)),
    ),
    constants=tuple(
        Constant(name, standins.spelled(name), standins.spelled, model_only=_TWO_KEYS)
        for name in ("AES", "HMAC")
    ),
    model_only={"aes_key": _TWO_KEYS, "hmac_key": _TWO_KEYS},
    players={"Send_Packet": _PACKET, "Receive_Packet": _PACKET, "Reveal_Keys": LEAK},
    abstractions=(
        abstraction(
            "keys-of-any-size",
            "prf",
            r"leave open how the two keys are made",
            "the slides leave open how an AES key comes from a prf: here its first 16 octets",
        ),
    ),
)

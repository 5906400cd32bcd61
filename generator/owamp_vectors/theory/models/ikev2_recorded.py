"""A recorded IKE exchange, broken later: a PPK, an additional key exchange."""

from __future__ import annotations

from owamp_reference import ikev2

from ...groups.roles import NONCE_I, NONCE_R
from ..room import Attack, Room
from ..rows import MacroRow
from ..script import BEFOREHAND, LEAK, Player
from ..shared.builtins import GROUP_ELEMENT
from ..shared.symbols import type_of_skeyseed
from .ikev2 import seed_of_sa, skeyseed_row, type_of_sk_d


def _ppk_sk_d(prf: ikev2.Prf) -> MacroRow:
    return MacroRow(
        "ppk_sk_d",
        ikev2.ppk_sk_d,
        (type_of_skeyseed(prf), type_of_sk_d(prf)),  # a PPK has any size, also that of SKEYSEED
        lambda ppk, sk_d: ikev2.ppk_sk_d(prf, ppk, sk_d),
        "RFC 8784 §3",
    )


def _additional_skeyseed(prf: ikev2.Prf) -> MacroRow:
    return MacroRow(
        "additional_skeyseed",
        ikev2.additional_skeyseed,
        (type_of_sk_d(prf), GROUP_ELEMENT, NONCE_I, NONCE_R),
        lambda key, secret, ni, nr: ikev2.additional_skeyseed(prf, key, secret, ni, nr),
        "RFC 9370 §2.2.2",
    )


_RECORDED = Player(
    why_not="the rules are a whole recorded exchange; the vectors of binding.json have its keys",
    is_outside=True,
)

ROOM = Room(
    macros=(skeyseed_row, seed_of_sa, _ppk_sk_d, _additional_skeyseed),
    model_only={"last_sk_d": "which SK_d is meant is the flag's choice"},
    mutants={"FIRST_SK_D": "PPK, or the additional key exchange, in the shared secret key"},
    players={
        "Provision_PPK": BEFOREHAND,
        "Draw_Exponents": BEFOREHAND,
        "Initiator_Shares": _RECORDED,
        "Exchange": _RECORDED,
        "Reveal_Exponents": LEAK,
        "Reveal_PPK": LEAK,
        "Reveal_Additional_Exponents": LEAK,
    },
    attacks={
        name: Attack("ExponentLost")
        for name in (
            "recorded-no-ppk",
            "recorded-no-additional",
            "recorded-ppk-lost",
            "recorded-additional-broken",
            "recorded-reused",
        )
    },
)

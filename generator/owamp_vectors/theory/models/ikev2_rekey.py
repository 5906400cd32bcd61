"""An IKE SA is rekeyed, by either end."""

from __future__ import annotations

from .. import standins
from ..room import Attack, Room
from ..rows import Constant
from ..script import LEAK, Player
from ..shared.builtins import IKE_OUTSIDE
from .ikev2 import MESSAGE_OF_IKE, rekeys, seed_of_sa, skeyseed_rekeyed

ROOM = Room(
    constants=tuple(
        Constant(name, standins.spelled(name), standins.spelled, model_only=IKE_OUTSIDE)
        for name in ("request", "response")
    ),
    macros=(seed_of_sa, skeyseed_rekeyed),
    mutants={"NO_KEY_EXCHANGE": "the key exchange of a rekeyed IKE SA"},
    players={
        "Establish_SA": Player(
            why_not="the theory begins with an IKE SA; ikev2_sa has what goes before",
            is_outside=True,
        ),
        "Rekey_Request": MESSAGE_OF_IKE,
        "Rekey_Response": Player(rekeys("responder", "gx2", "y2")),
        "Rekey_Done": Player(rekeys("initiator", "gy2", "x2")),
        "Reveal_SK": LEAK,
        "Reveal_Rekeyed_SK_d": LEAK,
    },
    attacks={
        "rekey-lost-before-responder": Attack("OldKeysLost"),
        "rekey-lost-before-initiator": Attack("OldKeysLost"),
        "rekey-spis-lost": Attack("OldKeysLost"),
    },
)

"""The Token at the granularity of AES blocks."""

from __future__ import annotations

from ...remarks import abstraction
from ...room import Attack, Room
from .messages import MACROS, MESSAGES, TOKEN_MAC_KEY
from .players import PLAYERS
from .runs import RUNS

_FORGED = Attack(
    "TokenForgery",
    "a server cannot tell this Token from an honest one: limit who may greet clients, run the"
    " control connection inside IPsec, or repair the Token",
)
_TRANSPLANTED = Attack(
    "T2Transplanted",
    "T1 and T2 are of one client, but do not belong together: no check at the server can tell;"
    " authenticate the Token as a whole, or run the control connection inside IPsec",
)

ROOM = Room(
    symbols=(TOKEN_MAC_KEY,),
    macros=MACROS,
    messages=MESSAGES,
    runs=RUNS,
    players=PLAYERS,
    not_played={"REPAIRED_TOKEN": "no endpoint makes or takes the repaired Token"},
    attacks={
        "token-agreement": _FORGED,
        "token-t1-secret": _FORGED,
        "token-t2-secret": _FORGED,
        "token-t2-with-t1": _TRANSPLANTED,
        "token-forgery": _FORGED,
    },
    abstractions=(
        abstraction(
            "repaired-token",
            "token_mac_key",
            r"REPAIRED_TOKEN",
            "no RFC has it; PBKDF2 run on to 48 octets stands in for it",
        ),
    ),
    takes_back={"perfect-encryption": "token_blocks has the Token block by block"},
)

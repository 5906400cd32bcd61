"""The Token at the granularity of AES blocks."""

from __future__ import annotations

from ...remarks import abstraction
from ...room import Attack, Room
from .messages import MACROS, MESSAGES, TOKEN_MAC_KEY
from .players import PLAYERS
from .runs import RUNS

_ZERO_KEYS = Attack("TokenForgery", "no RFC says that keys of zeros are to be refused")

ROOM = Room(
    symbols=(TOKEN_MAC_KEY,),
    macros=MACROS,
    messages=MESSAGES,
    runs=RUNS,
    players=PLAYERS,
    not_played={"REPAIRED_TOKEN": "no endpoint makes or takes the repaired Token"},
    attacks={
        "token-agreement": Attack("TokenForgery"),
        "token-t1-secret": Attack("TokenForgery"),
        "token-t2-secret": Attack("TokenForgery"),
        "token-t2-with-t1": Attack("T2Transplanted"),
        "token-forgery": _ZERO_KEYS,
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

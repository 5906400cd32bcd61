"""What theories share: a symbol, a macro or a message of a name is the same in all of them, unless
the room of one says otherwise.
"""

from __future__ import annotations

from ..room import Room
from .abstractions import ABSTRACTIONS
from .builtins import BUILTINS, GENERATOR
from .findings import FINDINGS
from .identifications import IDENTIFICATIONS
from .layouts import SHAPES
from .macros import MACROS
from .symbols import CIPHERS, CONSTANTS, PRFS

SHARED = Room(
    symbols=(*CIPHERS, *PRFS, *BUILTINS),
    constants=(*CONSTANTS, GENERATOR),
    shapes=SHAPES,
    macros=MACROS,
    fresh={
        "psk": "shared secret",
        "challenge": "Challenge",
        "salt": "Salt",
        "t1": "T1",
        "t2": "T2",
        "client_iv": "Client-IV",
        "server_iv": "Server-IV",
        "sid": "SID",
    },
    abstractions=ABSTRACTIONS,
    findings=FINDINGS,
    identifications=IDENTIFICATIONS,
)

"""The IKE SA alone, as the theories of the binding include it."""

from __future__ import annotations

from ..room import Attack, Room
from . import ikev2

ROOM = Room(
    includes=(ikev2.ROOM,),
    attacks={
        "ike-responder-agrees": Attack("ResponderNotNamed"),
        "ike-exponents-sk-d-lost": Attack("ExponentLost"),
    },
)

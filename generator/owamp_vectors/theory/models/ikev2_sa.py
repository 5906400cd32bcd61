"""The IKE SA alone, as the theories of the binding include it."""

from __future__ import annotations

from ..room import Room
from . import ikev2

ROOM = Room(includes=(ikev2.ROOM,))

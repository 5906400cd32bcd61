"""Which packets a TWAMP reflector takes for the sender's.

Its runs are those of rfc4656_reflection, whose rules for TWAMP packets are the same.
"""

from __future__ import annotations

from ..room import Attack, Room
from ..script import BEFOREHAND
from ..shared.packet_players import reflects, sends
from ..shared.packets import by_mode, packet_messages, reflector_packet, sender_packet

_ANSWERED = Attack("ReflectorAnswersItself")
_AGAIN = "TWAMP_Reflect_Again"

ROOM = Room(
    messages=(
        *packet_messages("TWAMP_Send", sender_packet, "RFC 5357 §4.1.2"),
        *packet_messages("TWAMP_Reflect", reflector_packet, "RFC 5357 §4.2.1"),
        *packet_messages(_AGAIN, reflector_packet, "RFC 5357 §4.2.1"),
    ),
    model_only={
        "answer": "what it stands for is compared as a message",
        "answer_key": "RFC 5357 has the same keys in both directions",
    },
    players={
        "Open_TWAMP_Session": BEFOREHAND,
        **{
            rule: player(mode)
            for stem, player in (
                ("TWAMP_Send", sends),
                ("TWAMP_Reflect", reflects),
                (_AGAIN, reflects),
            )
            for mode, rule in by_mode(stem).items()
        },
    },
    mutants={
        "TWO_DIRECTIONS": "nothing; each direction has keys of its own",
        "SAME_LAYOUT": "the layout of the reflector's packet",
    },
    attacks={"reflector-number": _ANSWERED, "reflector-answers-itself": _ANSWERED},
)

"""A repaired set-up, which no RFC has: what its symbols are in octets."""

from __future__ import annotations

from owamp_reference import ikev2, messages, primitives
from owamp_reference.ikev2 import Prf

from ...groups import roles
from ...groups.roles import ANY, HMAC, SECRET, Type
from .. import standins
from ..located import Attribute
from ..room import Room
from ..rows import Constant, MessageRow, Symbol, Variables
from ..script import BEFOREHAND, LEAK, Player
from ..shared.symbols import number

_REPAIR = "the repaired set-up is a proposal of the model, not RFC 4656"
_KEY = Type("a key of the repaired set-up", 32)


def _label(name: str) -> Constant:
    return Constant(name, name.encode(), Attribute(standins, "KEY_LABELS"), model_only=_REPAIR)


def _secret(prf: Prf) -> Symbol:
    return Symbol(
        "prf",
        ikev2.prf,
        (ANY, ANY),
        SECRET,
        "RFC 7296 §2.13",
        adapted=lambda key, data: ikev2.prf(prf, key, data),
    )


def _greeting(v: Variables) -> bytes:
    """What the theory has of Server-Greeting: Modes, Challenge, Salt, Count."""
    modes, count = number(v["modes"]), number(v["count"])
    greeting = messages.ServerGreeting(modes, v["challenge"], v["salt"], count)
    return greeting.to_octets()[12:52]


_NOT_THERE = Player(why_not="no endpoint has the repaired set-up", is_outside=True)

ROOM = Room(
    symbols=(
        _secret,
        Symbol("hmac", primitives.hmac_sha1_128, (ANY, ANY), HMAC, "RFC 4656 §3.2"),
        Symbol("labelled_kdf", standins.labelled_kdf, (ANY, ANY, ANY), _KEY, model_only=_REPAIR),
    ),
    constants=tuple(map(_label, standins.KEY_LABELS)),
    messages=(
        MessageRow(
            "Server_Greeting",
            "Out",
            messages.ServerGreeting,
            _greeting,
            "RFC 4656 §3.1",
            more={"modes": roles.MODES},
        ),
    ),
    model_only={
        "secret": _REPAIR,
        "mac_key": _REPAIR,
        "covered": _REPAIR,
        "control_key": _REPAIR,
        "test_key": _REPAIR,
    },
    players={
        "Establish_SA": _NOT_THERE,
        "Provision_Secret": BEFOREHAND,
        "Reveal_KEYMAT": LEAK,
        "Reveal_Secret": LEAK,
        "Reveal_Test_Keys": LEAK,
        **dict.fromkeys(
            (
                "Server_Greeting",
                "Client_Set_Up_Response",
                "Server_Token",
                "Client_Sends_First",
                "Client_Sends_Second",
                "Server_Takes_First",
                "Server_Sends",
                "Client_Takes",
                "Server_Opens_Session",
                "Client_Opens_Session",
                "Sender_Sends",
                "Reflector_Answers",
                "Sender_Takes",
            ),
            _NOT_THERE,
        ),
    },
    takes_back={"perfect-encryption": "repaired has every block of the Token by itself"},
)

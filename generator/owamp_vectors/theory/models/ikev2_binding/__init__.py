"""The shared secret of O/TWAMP from an IKE SA: prf(SK_d, "IPPM"), PRF{ KEYMAT, Session ID }."""

from __future__ import annotations

from owamp_reference import binding

from ... import standins
from ...room import Attack, Link, Room
from ...rows import Constant
from ...shared.builtins import IKE_OUTSIDE
from ...terms import App, Const, Var
from .. import ikev2
from .messages import KEY_ID_OF_ANY, MACROS, MESSAGES, SHAPES
from .players import PLAYERS
from .runs import RUNS

_OWN = Attack(
    "OwnTokenReflected",
    "the key is the same at both ends: let only the initiator of the IKE SA be client, or refuse a"
    " Token that this host has sent itself",
)


ROOM = Room(
    includes=(ikev2.ROOM,),
    constants=(
        Constant(
            "CREATE_CHILD_SA",
            standins.spelled("CREATE_CHILD_SA"),
            standins.spelled,
            model_only=IKE_OUTSIDE,
        ),
        Constant(
            "KeyID",
            KEY_ID_OF_ANY[:16],
            binding.key_id_from_spis,
            "RFC 7717 §5.3",
            model_only="with REKEY a KeyID says nothing, and a server tries every secret",
        ),
    ),
    shapes=SHAPES,
    macros=MACROS,
    messages=MESSAGES,
    mutants={
        "NO_PRF": "the prf that makes the shared secret key",
        "NO_FRESHNESS": "Challenge and Salt",
        "TOKEN_IN_CLEAR": "the encryption of the Token",
    },
    runs=RUNS,
    players=PLAYERS,
    attacks={
        "ippm-who-is-client": _OWN,
        "keymat-sid-who-is-client": _OWN,
        "ippm-own-secrets": Attack("OneSecretForAll"),
        "keymat-sid-keymat-lost": Attack("KeymatLost"),
    },
    links=(
        Link(
            "prf-keymat-sid",
            "shared secret key = PRF{ KEYMAT, Session ID }",
            "the proposal",
            binding.shared_secret_from_keymat,
            App("prf", (App("prf_plus", (Var("k"), Var("seed"))), Var("sid"))),
            "binding",
            ("SharedSecretFromKeymat",),
            ("keymat", "sid"),
            "sharedSecretKey",
            ("KEYMAT_SID",),
        ),
        Link(
            "prf-sk-d-ippm",
            'shared secret key = prf(SK_d, "IPPM")',
            "RFC 7717 §5.1",
            binding.shared_secret_from_sk_d,
            App("prf", (App("sk_d", (Var("keys"), Var("text"))), Const("IPPM"))),
            "binding",
            ("SharedSecretFromSkD",),
            ("skD",),
            "sharedSecretKey",
        ),
    ),
)

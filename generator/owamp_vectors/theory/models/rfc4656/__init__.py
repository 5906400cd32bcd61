"""The control connection and the test sessions of RFC 4656 and RFC 5357."""

from __future__ import annotations

from owamp_reference import keys, token

from ...room import Attack, Link, Room
from ...shared.refusals import REFLECTED
from .captures import CAPTURES
from .messages import MACROS, MESSAGES
from .players import PLAYERS
from .runs import RUNS

_KEYS = "test-session-keys"

ROOM = Room(
    macros=MACROS,
    messages=MESSAGES,
    runs=RUNS,
    captures=CAPTURES,
    players=PLAYERS,
    modes_differ=frozenset(
        {"server_agrees_with_client_on_mode", "client_agrees_with_server_on_modes_offered"}
    ),
    mutants={
        "NO_HMAC": "the HMACs of control messages and test packets",
        "TOKEN_IN_CLEAR": "the encryption of the Token",
        "NO_CHALLENGE": "the Challenge in the Token",
        "NO_SALT": "the Salt in the key of the Token",
        "NO_FRESHNESS": "Challenge and Salt",
        "MODES_IN_TOKEN": "nothing; Modes and Mode are put into the Token",
    },
    attacks={
        "both-ways-server-agrees": Attack("OnePassphraseBothWays"),
        "two-servers-server-agrees": Attack("OnePassphraseForTwoServers"),
        "both-ways-client-agrees": Attack("OnePassphraseBothWays"),
        "two-servers-client-agrees": Attack("OnePassphraseForTwoServers"),
        "forward-secrecy": Attack("SecretLostLater"),
        "test-to-control": Attack("TestKeysInverted"),
        "test-to-control-hmac": Attack("TestKeysInverted"),
        "control-to-test": Attack("ControlKeysLost"),
        "control-to-test-hmac": Attack("ControlKeysLost"),
        "one-way-control-to-test": Attack("ControlKeysLost"),
        "one-way-control-to-test-hmac": Attack("ControlKeysLost"),
        "mode-agreement": Attack("ModesNotAuthenticated"),
        "modes-offered": Attack("ModesNotAuthenticated"),
        "authenticated-return": Attack("OwnPacketReflected", REFLECTED),
        "authenticated-timestamp": Attack("TimestampNotAuthenticated"),
    },
    links=(
        Link(
            "token",
            "Token = AES-128-CBC(PBKDF2(shared secret, Salt, Count), IV 0, Challenge | T1 | T2)",
            "RFC 4656 §3.1",
            token.seal_token,
            "token",
            "token",
            ("TokenFromPassphrase", "TokenFromSharedSecret"),
            ("sharedSecret", "challenge", "salt", "count", "t1", "t2"),
            "token",
        ),
        Link(
            "t3",
            "T3 = AES-128-ECB(key SID, T1)",
            "RFC 4656 §4.1.2",
            keys.derive_t3,
            "t3",
            _KEYS,
            ("TestSessionKeys",),
            ("t1", "sid"),
            "t3",
        ),
        Link(
            "t4",
            "T4 = AES-128-CBC(key SID, IV 0, T2)",
            "RFC 4656 §4.1.2",
            keys.derive_t4,
            "t4",
            _KEYS,
            ("TestSessionKeys",),
            ("t2", "sid"),
            "t4",
        ),
    ),
)

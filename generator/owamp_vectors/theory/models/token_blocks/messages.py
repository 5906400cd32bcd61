"""What the rules send, block by block, and the repaired Token."""

from __future__ import annotations

from collections.abc import Callable

from owamp_reference import messages, primitives, token

from ....groups import roles
from ....groups.roles import COUNT, PREFIX_OF_TOKEN, SALT, SECRET
from ... import standins
from ...rows import MacroRow, MessageRow, Symbol, Variables
from ...shared.control import seal
from ...shared.symbols import number, token_key

REPAIRED = "a repaired Token is a proposal of the model, not RFC 4656"


def _mac_key(secret: bytes, salt: bytes, count: bytes) -> bytes:
    return standins.token_mac_key(secret, salt, number(count))


def _with_mac(secret: bytes, salt: bytes, count: bytes, *blocks: bytes) -> bytes:
    text = b"".join(blocks)
    return text + primitives.hmac_sha1_128(_mac_key(secret, salt, count), text)


TOKEN_MAC_KEY = Symbol(
    "token_mac_key",
    standins.token_mac_key,
    (SECRET, SALT, COUNT),
    roles.HMAC_KEY,
    adapted=_mac_key,
    model_only=REPAIRED,
)

_PARAMETERS = (SECRET, SALT, COUNT, *[PREFIX_OF_TOKEN] * 4)
MACROS = (
    MacroRow(
        "token",
        messages.SetUpResponse,
        _PARAMETERS,
        lambda *parameters: b"".join(parameters[3:]),
        "RFC 4656 §3.1",
    ),
    MacroRow(
        "token",
        standins.token_mac_key,
        _PARAMETERS,
        _with_mac,
        "",
        "REPAIRED_TOKEN",
        model_only=REPAIRED,
    ),
)


def _greeting(v: Variables) -> bytes:
    """What the theory has of Server-Greeting: Challenge, Salt, Count."""
    count = number(v["count"])
    return messages.ServerGreeting(0, v["challenge"], v["salt"], count).to_octets()[16:52]


def _blocks(v: Variables) -> bytes:
    return seal(v["psk"], v["challenge"], v["salt"], v["count"], v["t1"], v["t2a"], v["t2b"])


def _opened(v: Variables) -> bytes:
    key = token_key(v["psk"], v["salt"], v["count"])
    opened = token.open_token(key, _blocks(v), v["challenge"])
    return opened.t1 + opened.t2


def _block(index: int) -> Callable[[Variables], bytes]:
    return lambda v: _blocks(v)[16 * (index - 1) : 16 * index]


def _decrypted(index: int) -> Callable[[Variables], bytes]:
    def compute(v: Variables) -> bytes:
        key = token_key(v["psk"], v["salt"], v["count"])
        return primitives.aes_ecb_decrypt(key, v[f"b{index}"])

    return compute


MESSAGES = (
    MessageRow("Server_Greeting", "Out", messages.ServerGreeting, _greeting, "RFC 4656 §3.1"),
    MessageRow("Client_Token", "Out", token.seal_token, _blocks, "RFC 4656 §3.1"),
    MessageRow(
        "Client_Token",
        "Out",
        token.seal_token,
        lambda v: _with_mac(v["psk"], v["salt"], v["count"], _blocks(v)),
        "RFC 4656 §3.1",
        flag="REPAIRED_TOKEN",
    ),
    MessageRow(
        "Server_Keys",
        "ServerAccepts",
        token.open_token,
        _opened,
        "RFC 4656 §3.1",
        first=2,
        given={
            **{f"b{index}": _block(index) for index in (1, 2, 3, 4)},
            **{f"x{index}": _decrypted(index) for index in (2, 3, 4)},
        },
        more={
            "psk": SECRET,
            "salt": SALT,
            "count": COUNT,
            "challenge": roles.CHALLENGE,
            "t1": roles.T1,
            "t2a": roles.T2_HALF_A,
            "t2b": roles.T2_HALF_B,
        },
        told={"t1": 2, "t2a": 3, "t2b": 4},
    ),
)

"""The control connection after the Token, block by block."""

from __future__ import annotations

from owamp_reference import control, messages, primitives
from owamp_reference.keys import ControlKeys

from ...groups import roles
from ...groups.roles import BLOCKS, Type
from ..room import Room
from ..rows import MacroRow, MessageRow, Variables
from ..script import BEFOREHAND, Player
from ..shared.control import server_start
from ..shared.macros import covered_first

_TEXT = Type("text of a control message", 16)


def _start(v: Variables) -> bytes:
    return server_start(v)[messages.ServerStart.CLEAR_SIZE - messages.IV_SIZE :]


def _block(v: Variables) -> bytes:
    return _start(v)[messages.IV_SIZE :]


def _sent(v: Variables, iv: bytes, *texts: str, before: bytes = b"") -> bytes:
    """A message with one HMAC, which covers what was sent `before` as well."""
    sender = control.ProtectedSender(ControlKeys(v["t1"], v["t2"]), iv)
    sender.write(before)
    return control.write_message(sender, [b"".join(v[name] for name in texts)])


_TEXTS = {"text": _TEXT, "more": _TEXT}
_SHORT = Player(
    why_not="the theory's messages are one block or two; those that a client sends first are longer"
)

ROOM = Room(
    macros=(
        MacroRow(
            "tag",
            control.ProtectedSender,
            (roles.T2, BLOCKS),
            primitives.hmac_sha1_128,
            "RFC 4656 §3.2",
        ),
        covered_first(_TEXT),
    ),
    messages=(
        MessageRow(
            "Server_Start",
            "Out",
            messages.ServerStart,
            _start,
            "RFC 4656 §3.1",
            more={"start_time": roles.START_TIME},
        ),
        MessageRow(
            "Client_Sends_One_Block",
            "Out",
            control.ProtectedSender,
            lambda v: _sent(v, v["client_iv"], "text"),
            "RFC 4656 §3.4",
            more={"text": _TEXT},
        ),
        MessageRow(
            "Client_Sends_Two_Blocks",
            "Out",
            control.ProtectedSender,
            lambda v: _sent(v, v["client_iv"], "text", "more"),
            "RFC 4656 §3.4",
            more=_TEXTS,
        ),
        MessageRow(
            "Server_Sends",
            "Out",
            control.ProtectedSender,
            lambda v: _sent(v, v["server_iv"], "text", before=v["start_time"]),
            "RFC 4656 §3.2, §3.4",
            given={"block": _block},
            more={
                "server_iv": roles.SERVER_IV,
                "start_time": roles.START_TIME,
                "text": _TEXT,
            },
        ),
    ),
    players={
        "Set_Up": BEFOREHAND,
        **dict.fromkeys(
            (
                "Client_Start",
                "Server_Start",
                "Client_Sends_One_Block",
                "Client_Sends_Two_Blocks",
                "Server_Sends",
                "Server_Takes_One_Block",
                "Server_Takes_Two_Blocks",
                "Client_Takes",
            ),
            _SHORT,
        ),
    },
    mutants={
        "NO_HMAC": "the HMACs of control messages",
        "NO_START_TIME": "the Start-Time block, from what the server's first HMAC covers",
        "IV_TOLD": "that Server-IV is told after Client-IV has come",
        "EARLY": "that a client waits for Server-Start",
    },
    takes_back={"perfect-encryption": "control_blocks has the two streams block by block"},
)

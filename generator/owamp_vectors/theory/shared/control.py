"""Messages of the control connection that several theories compare with."""

from __future__ import annotations

from owamp_reference import control, keys, messages, token

from ..rows import Variables
from .symbols import token_key


def seal(
    secret: bytes, challenge: bytes, salt: bytes, count: bytes, t1: bytes, *t2: bytes
) -> bytes:
    """The Token (RFC 4656 §3.1); T2 may come in halves."""
    own = keys.ControlKeys(t1, b"".join(t2))
    return token.seal_token(token_key(secret, salt, count), challenge, own)


def server_start(v: Variables) -> bytes:
    """Server-Start with Accept 0, from ``t1``, ``t2``, ``server_iv`` and ``start_time``."""
    clear = messages.ServerStart(messages.Accept.OK, v["server_iv"], 0).to_octets()[:32]
    sender = control.ProtectedSender(keys.ControlKeys(v["t1"], v["t2"]), v["server_iv"])
    return clear + sender.write(v["start_time"])

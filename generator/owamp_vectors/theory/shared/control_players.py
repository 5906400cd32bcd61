"""What servers are given where a theory leaves Server-Start out: its IV, its time, the message."""

from __future__ import annotations

from owamp_reference.keys import T2_SIZE

from ...groups.participants import SERVERS
from ...groups.roles import SERVER_IV, START_TIME
from ..script import ScriptWriter, TraceStep
from .control import server_start


def greeting_server(writer: ScriptWriter, step: TraceStep, modes: int) -> str:
    """A server that greets with ``challenge``, ``salt`` and ``count``; the rest is drawn."""
    who = writer.new(
        SERVERS,
        "server",
        modes=modes,
        count=step.number("count"),
        challenge=step.value("challenge"),
        salt=step.value("salt"),
    )
    iv, time = writer.drawn(SERVER_IV, "server_iv"), writer.drawn(START_TIME, "start_time")
    writer.give(who, serverIv=iv, startTime=time[:8])
    return who


def start_of(writer: ScriptWriter, who: str, t1: bytes) -> bytes:
    """Server-Start of such a server that has this T1."""
    server = writer.given(who)
    values = {
        "t1": t1,
        "t2": bytes(T2_SIZE),  # there is no HMAC yet
        "server_iv": server["serverIv"],
        "start_time": server["startTime"] + bytes(8),
    }
    return server_start(values)

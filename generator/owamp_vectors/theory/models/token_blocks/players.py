"""Who takes which rule when endpoints play a trace."""

from __future__ import annotations

from collections.abc import Iterator

from owamp_reference.messages import ServerGreeting, SetUpResponse

from ....groups import roles
from ....groups.participants import CLIENTS
from ....vectors.declaration import Json
from ...script import BEFOREHAND, Player, ScriptWriter, TraceStep, Wanted
from ...shared.control_players import greeting_server, start_of
from ...shared.symbols import number

_OFFERED, _CHOSEN = 7, 2
"""Modes and Mode, which the theory leaves out."""


def _greet(writer: ScriptWriter, step: TraceStep) -> None:
    who = greeting_server(writer, step, _OFFERED)
    view = "greeting's challenge, salt, count"
    writer.take(step, who, Wanted(view, step.sent[0], lambda result: bytes(result["sent"][16:52])))


def _set_up(writer: ScriptWriter, step: TraceStep) -> None:
    [greeting] = step.received
    who = writer.new(
        CLIENTS,
        "client",
        mode=_CHOSEN,
        keyId=_key_id(writer, step),
        sharedSecret=step.value("psk"),
        t1=step.value("t1"),
        t2=step.value("t2a") + step.value("t2b"),
        clientIv=writer.drawn(roles.CLIENT_IV, "client_iv"),
    )
    received = ServerGreeting(_OFFERED, greeting[:16], greeting[16:32], number(greeting[32:]))
    writer.take(
        step, who, Wanted("token", step.sent[0], _token_sent), received=received.to_octets()
    )


def _token_sent(result: Json) -> bytes:
    return SetUpResponse.parse(result["sent"]).token


def _start(writer: ScriptWriter, step: TraceStep) -> None:
    who = writer.who_made(step, "Server_Greeted")
    writer.give(who, keyId=_key_id(writer, step), sharedSecret=step.value("psk"))
    iv = writer.drawn(roles.CLIENT_IV, "client_iv")
    response = SetUpResponse(_CHOSEN, _key_id(writer, step), step.received[0], iv)
    wanted = [Wanted("sent", start_of(writer, who, t1)) for t1 in _accepted_t1(writer, step)]
    writer.take(step, who, *wanted, received=response.to_octets())


def _key_id(writer: ScriptWriter, step: TraceStep) -> bytes:
    """One KeyID for each pair of client and server."""
    return writer.key_id(step.value("C"), step.value("S"))


def _accepted_t1(writer: ScriptWriter, step: TraceStep) -> Iterator[bytes]:
    """T1 that the trace says the server takes from a Token, if it goes on to that."""
    for other in writer.steps:
        if other.rule == "Server_Keys" and step in writer.makers(other, "Server_Opened"):
            t1 = other.action("ServerAccepts").args[2]
            assert isinstance(t1, bytes)
            yield t1


PLAYERS = {
    "Provision_Secret": BEFOREHAND,
    "Server_Greeting": Player(_greet),
    "Client_Token": Player(_set_up),
    "Server_Token": Player(_start),
    "Server_Keys": BEFOREHAND,
}

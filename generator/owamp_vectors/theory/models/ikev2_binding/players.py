"""Who takes which rule when endpoints play a trace; the rules of ikev2.splib are in its room."""

from __future__ import annotations

from owamp_reference import binding

from ....groups.participants import CLIENTS, FROM_KEYMAT, FROM_SK_D
from ...script import BEFOREHAND, LEAK, Play, Player, ScriptWriter, TraceStep, Wanted
from ...shared.control_players import greeting_server, start_of
from ..ikev2 import MESSAGE_OF_IKE, rekeys
from .messages import IKE_MODES, KEY_ID_OF_ANY, NO_IV


def _derives(fact: str, action: str) -> Play:
    """An end derives the shared secret of an SA."""

    def play(writer: ScriptWriter, step: TraceStep) -> None:
        who = writer.who_made(step, fact)
        secret = step.action(action).args[3]
        assert isinstance(secret, bytes)
        given: dict[str, object] = {"derive": FROM_SK_D}
        if "KEYMAT_SID" in writer.flags:
            given = {"derive": FROM_KEYMAT, "received": step.received[0]}
        writer.take(step, who, Wanted("sharedSecret", secret), **given)

    return play


def _greet(writer: ScriptWriter, step: TraceStep) -> None:
    writer.take(step, greeting_server(writer, step, IKE_MODES), Wanted("sent", step.sent[0]))


def _key_id(writer: ScriptWriter, step: TraceStep) -> bytes:
    if "REKEY" in writer.flags:
        return KEY_ID_OF_ANY
    return binding.key_id_from_spis(step.value("spi_i"), step.value("spi_r"))


def _set_up(writer: ScriptWriter, step: TraceStep) -> None:
    who = writer.new(
        CLIENTS,
        "client",
        mode=IKE_MODES,
        keyId=_key_id(writer, step),
        sharedSecret=step.value("secret"),
        t1=step.value("t1"),
        t2=step.value("t2"),
        clientIv=NO_IV,
    )
    writer.take(step, who, Wanted("sent", step.sent[0]), received=step.received[0])


def _start(writer: ScriptWriter, step: TraceStep) -> None:
    who = writer.who_made(step, "Server_Greeted")
    writer.give(who, keyId=_key_id(writer, step), sharedSecret=step.value("secret"))
    start = start_of(writer, who, step.value("t1"))
    writer.take(step, who, Wanted("sent", start), received=step.received[0])


_TOO_LATE = Player(why_not="the SID of Accept-Session comes too late for the Token")

PLAYERS = {
    "Initiator_Rekey": MESSAGE_OF_IKE,
    "Responder_Rekey": Player(rekeys("responder", "gx2", "y2")),
    "Initiator_Rekeyed": Player(rekeys("initiator", "gy2", "x2")),
    "Derive_Shared_Secret": Player(_derives("SA", "Derives")),
    "Derive_Shared_Secret_Rekeyed": Player(_derives("Rekeyed_SA", "DerivesRekeyed")),
    "Server_Greeting": Player(_greet),
    "Draw_Control_Keys": BEFOREHAND,
    "Client_Set_Up_Response": Player(_set_up),
    "Server_Start": Player(_start),
    "Server_Accept_Session": _TOO_LATE,
    "Client_Accept_Session": _TOO_LATE,
    "Reveal_Rekeyed_SK_d": LEAK,
    "Reveal_Shared_Secret": LEAK,
    "Reveal_Control_Keys": LEAK,
}

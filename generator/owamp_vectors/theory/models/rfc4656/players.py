"""Who takes which rule when endpoints play a trace."""

from __future__ import annotations

from owamp_reference.negotiation import Mode

from ....groups.participants import CLIENTS, SERVERS
from ...script import BEFOREHAND, LEAK, Player, ScriptWriter, TraceStep, Wanted
from ...shared.packet_players import reflects, returns, sends
from ...shared.packets import by_mode


def _greet(writer: ScriptWriter, step: TraceStep) -> None:
    who = writer.new(
        SERVERS,
        "server",
        modes=step.number("modes"),
        count=step.number("count"),
        challenge=step.value("challenge"),
        salt=step.value("salt"),
    )
    writer.take(step, who, Wanted("sent", step.sent[0]))


def _set_up(writer: ScriptWriter, step: TraceStep) -> None:
    who = writer.new(
        CLIENTS,
        "client",
        mode=step.number("mode"),
        keyId=step.value("key_id"),
        sharedSecret=step.value("psk"),
        t1=step.value("t1"),
        t2=step.value("t2"),
        clientIv=step.value("client_iv"),
    )
    writer.take(step, who, Wanted("sent", step.sent[0]), received=step.received[0])


def _start(writer: ScriptWriter, step: TraceStep) -> None:
    who = writer.who_made(step, "Server_Greeted")
    writer.give(
        who,
        keyId=step.value("key_id"),
        sharedSecret=step.value("psk"),
        serverIv=step.value("server_iv"),
        startTime=step.value("start_time")[:8],
    )
    writer.take(step, who, Wanted("sent", step.sent[0]), received=step.received[0])


def _request(writer: ScriptWriter, step: TraceStep) -> None:
    writer.take(
        step,
        writer.who_made(step, "Client_Waits_Start"),
        Wanted("sent", step.sent[0]),
        received=step.received[0],
        request=step.value("parameters"),
    )


def _accept(writer: ScriptWriter, step: TraceStep) -> None:
    who = writer.who_made(step, "Server_Ready")
    writer.give(who, sid=step.value("sid"), port=step.number("port"))
    wanted = (Wanted("sent", step.sent[0]), *_session(step, "ServerSession"))
    writer.take(step, who, *wanted, received=step.received[0])


def _open(writer: ScriptWriter, step: TraceStep) -> None:
    who = writer.who_made(step, "Client_Waits_Accept")
    writer.take(step, who, *_session(step, "ClientSession"), received=step.received[0])


def _session(step: TraceStep, action: str) -> tuple[Wanted, ...]:
    """SID, T3 and T4 of a session; the mixed mode has no use for T3 and T4."""
    sid, t3, t4 = (item for item in step.action(action).args[-3:] if isinstance(item, bytes))
    if step.named.get("mode") == int(Mode.MIXED).to_bytes(4, "big"):
        t3 = t4 = b""
    return Wanted("sid", sid), Wanted("t3", t3), Wanted("t4", t4)


PLAYERS = {
    "Provision_Secret": BEFOREHAND,
    "Reveal_Secret": LEAK,
    **{f"Reveal_T{number}": LEAK for number in (1, 2, 3, 4)},
    "Learn_SID": LEAK,
    "Server_Greeting": Player(_greet),
    "Client_Set_Up_Response": Player(_set_up),
    "Server_Start": Player(_start),
    "Client_Request_Session": Player(_request),
    "Server_Accept_Session": Player(_accept),
    "Client_Open_Session": Player(_open),
    **{rule: sends(mode, "Sender") for mode, rule in by_mode("Sender_Packet").items()},
    **{rule: reflects(mode, "Reflector") for mode, rule in by_mode("Reflector_Packet").items()},
    **{rule: returns(mode, "Sender") for mode, rule in by_mode("Sender_Receives").items()},
}

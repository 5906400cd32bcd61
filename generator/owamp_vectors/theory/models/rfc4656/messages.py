"""What the rules send, and two macros."""

from __future__ import annotations

from owamp_reference import control, messages, primitives, token
from owamp_reference.keys import ControlKeys

from ....groups.participants import request_of
from ....groups.roles import (
    BLOCK,
    BLOCKS,
    CHALLENGE,
    COUNT,
    HMAC,
    MODE,
    MODES,
    PARAMETERS,
    PORT,
    SALT,
    SECRET,
    SERVER_IV,
    SID,
    START_TIME,
    T1,
    T2,
)
from ...rows import MacroRow, MessageRow, Variables
from ...shared.control import seal, server_start
from ...shared.packets import packet_messages, reflector_packet, sender_packet
from ...shared.symbols import number


def _accept(port: bytes, sid: bytes) -> messages.AcceptSession:
    return messages.AcceptSession(messages.Accept.OK, number(port), sid)


MACROS = (
    MacroRow(
        "request",
        messages.RequestTWSession,
        (PARAMETERS,),
        lambda parameters: request_of(parameters).segments()[0],
        "RFC 5357 §3.5",
    ),
    MacroRow(
        "accept",
        messages.AcceptSession,
        (PORT, SID),
        lambda port, sid: _accept(port, sid).segments()[0],
        "RFC 4656 §3.5",
    ),
    MacroRow(
        "sent_token",
        token.seal_token,
        (SECRET, CHALLENGE, SALT, COUNT, MODES, MODE, T1, T2),
        lambda *given: seal(*given[:4], *given[6:]),
        "RFC 4656 §3.1",
    ),
    MacroRow(
        "protected",
        control.ProtectedSender,
        (T1, BLOCK, BLOCKS, HMAC),
        lambda t1, iv, text, tag: primitives.aes_cbc_encrypt(t1, iv, text + tag),
        "RFC 4656 §3.4",
    ),
)


def _greeting(v: Variables) -> bytes:
    modes, count = number(v["modes"]), number(v["count"])
    return messages.ServerGreeting(modes, v["challenge"], v["salt"], count).to_octets()


def _response(v: Variables) -> bytes:
    sealed = seal(v["psk"], v["challenge"], v["salt"], v["count"], v["t1"], v["t2"])
    mode = number(v["mode"])
    return messages.SetUpResponse(mode, v["key_id"], sealed, v["client_iv"]).to_octets()


def _requested(v: Variables) -> bytes:
    sender = control.ProtectedSender(ControlKeys(v["t1"], v["t2"]), v["client_iv"])
    return control.write_message(sender, request_of(v["parameters"]).segments())


def _accepted(v: Variables) -> bytes:
    sender = control.ProtectedSender(ControlKeys(v["t1"], v["t2"]), v["server_iv"])
    sender.write(v["start_time"])
    return control.write_message(sender, _accept(v["port"], v["sid"]).segments())


def _stream(v: Variables) -> bytes:
    return primitives.aes_cbc_encrypt(v["t1"], v["server_iv"], v["start_time"])


MESSAGES = (
    MessageRow("Server_Greeting", "Out", messages.ServerGreeting, _greeting, "RFC 4656 §3.1"),
    MessageRow("Client_Set_Up_Response", "Out", messages.SetUpResponse, _response, "RFC 4656 §3.1"),
    MessageRow(
        "Server_Start",
        "Out",
        messages.ServerStart,
        server_start,
        "RFC 4656 §3.1",
        more={"start_time": START_TIME},
    ),
    MessageRow(
        "Client_Request_Session",
        "Out",
        control.ProtectedSender,
        _requested,
        "RFC 4656 §3.4, RFC 5357 §3.5",
    ),
    MessageRow(
        "Server_Accept_Session",
        "Out",
        control.ProtectedSender,
        _accepted,
        "RFC 4656 §3.4, §3.5",
        given={"stream": _stream},
        more={"server_iv": SERVER_IV},
    ),
    *packet_messages("Sender_Packet", sender_packet, "RFC 4656 §4.1.2"),
    *packet_messages("Reflector_Packet", reflector_packet, "RFC 5357 §4.2.1"),
)

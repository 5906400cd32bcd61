"""The control connection after the Token: two streams, any messages."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from owamp_reference import control, messages, primitives
from owamp_reference.keys import ControlKeys
from owamp_reference.negotiation import Mode
from owamp_reference.token import MIN_COUNT

from ...groups import roles
from ...groups.participants import SERVERS, request_of
from ...groups.roles import BLOCK, BLOCKS, T1, T2, Type
from ...vectors.declaration import Json
from ...vectors.drbg import Drbg
from .. import standins
from ..heard import Captures, HeardConnection, HeardMessage, HeardPacket, Left, Meant
from ..room import Attack, Room
from ..rows import MacroRow, MessageRow, Variables
from ..run_checker import RunEvent
from ..script import BEFOREHAND, LEAK, Player, ScriptWriter, TraceStep, Wanted
from ..shared.captures import UNREAD, all_left, event_of, why_no_keys
from ..shared.control import seal, server_start
from ..shared.macros import covered_first
from ..shared.symbols import INSIDE_CBC


def _text(source: Drbg) -> bytes:
    return request_of(roles.PARAMETERS.draw(source)).segments()[0]


_TEXT = Type("text of a control message", multiple=16, sample=_text)
"""A message is any text in the theory; drawn is a Request-TW-Session, which a server takes."""


def _clear_start(v: Variables) -> bytes:
    return server_start(v)[messages.ServerStart.CLEAR_SIZE - messages.IV_SIZE :]


def _sent(v: Variables, iv: bytes, before: bytes = b"") -> bytes:
    """A message with one HMAC, which covers what was sent `before` as well."""
    sender = control.ProtectedSender(ControlKeys(v["t1"], v["t2"]), iv)
    sender.write(before)
    return control.write_message(sender, [v["text"]])


def _block(v: Variables) -> bytes:
    return primitives.aes_cbc_encrypt(v["t1"], v["server_iv"], v["start_time"])


def _start(writer: ScriptWriter, step: TraceStep) -> None:
    """The server of a connection whose client has set it up with another Client-IV."""
    secret = writer.drawn(roles.SECRET, "psk")
    challenge = writer.drawn(roles.CHALLENGE, "challenge")
    salt = writer.drawn(roles.SALT, "salt")
    key_id = writer.key_id(b"client", b"server")
    modes = int(Mode.AUTHENTICATED | Mode.ENCRYPTED)
    who = writer.new(
        SERVERS,
        "server",
        modes=modes,
        count=MIN_COUNT,
        challenge=challenge,
        salt=salt,
        keyId=key_id,
        sharedSecret=secret,
        serverIv=step.value("server_iv"),
        startTime=step.value("start_time")[:8],
        sid=writer.drawn(roles.SID, "sid"),
        port=int.from_bytes(writer.drawn(roles.PORT, "port"), "big"),
    )
    greeting = messages.ServerGreeting(modes, challenge, salt, MIN_COUNT).to_octets()
    writer.take(step, who, Wanted("greeting", greeting, lambda result: bytes(result["sent"])))
    count = MIN_COUNT.to_bytes(4, "big")
    token = seal(secret, challenge, salt, count, step.value("t1"), step.value("t2"))
    response = messages.SetUpResponse(int(Mode.ENCRYPTED), key_id, token, step.value("client_iv"))
    start = Wanted("IV and block of Server-Start", step.sent[0], _iv_and_block)
    writer.take(step, who, start, received=response.to_octets())


def _iv_and_block(result: Json) -> bytes:
    return bytes(result["sent"][messages.ServerStart.CLEAR_SIZE - messages.IV_SIZE :])


def _take(writer: ScriptWriter, step: TraceStep) -> None:
    who = writer.who_made(step, "Server_Takes")
    sid = Wanted("sid", writer.given(who)["sid"])
    writer.take(step, who, sid, received=step.received[0])


_NUMBERS = ("First", "Second")


def _heard(connections: Sequence[HeardConnection]) -> Iterator[Meant]:
    """What each connection says under T1 and T2, which are taken as agreed."""
    for connection in connections:
        left = why_no_keys(connection)
        if left is not None:
            yield from all_left(connection, left)
            continue
        counts: Counter[str] = Counter()
        for item in connection.items:
            if isinstance(item, HeardPacket):
                yield Meant(connection, item, Left("test packets"))
            elif item.name == "Set-Up-Response":
                yield _agreed(connection, item)
                yield Meant(connection, item, Left("the set-up but for Client-IV"))
            elif item.name == "Server-Start" and not item.refusal:
                yield from _started(connection, item)
            elif item.name in ("Server-Greeting", "Server-Start"):
                yield Meant(connection, item, Left("the greeting, and a refusal of the set-up"))
            elif item.name in UNREAD:
                yield Meant(connection, item, Left("it cannot be read", is_abstraction=False))
            else:
                yield from _said(connection, item, counts)


def _agreed(connection: HeardConnection, response: HeardMessage) -> Meant:
    keys = connection.control_keys
    assert keys is not None
    client_iv = response.octets[-messages.IV_SIZE :]
    known = {"t1": keys.t1, "t2": keys.t2, "client_iv": client_iv}
    what = f"{connection.title} is agreed"
    event = RunEvent(what, connection.title, known=known, drawn=None, sent=client_iv, rule="Set_Up")
    return Meant(connection, None, event)


def _started(connection: HeardConnection, start: HeardMessage) -> Iterator[Meant]:
    """The server takes Client-IV, and the client takes Server-IV and the block after it."""
    responses = (item for item in connection.items if item.name == "Set-Up-Response")
    response = next(responses, None)
    client_iv = None if response is None else response.octets[-messages.IV_SIZE :]
    told = start.octets[messages.ServerStart.CLEAR_SIZE - messages.IV_SIZE :]
    event = event_of(
        connection,
        start,
        "server",
        known={},
        received=client_iv,
        sent=told,
        rule="Server_Start",
    )
    yield Meant(connection, start, event)
    event = event_of(connection, start, "client", known={}, received=told, rule="Client_Start")
    yield Meant(connection, start, event)


def _said(connection: HeardConnection, item: HeardMessage, counts: Counter[str]) -> Iterator[Meant]:
    """Each unit of a message, which has one HMAC: it is sent, and taken."""
    for unit in item.units or (item.octets,):
        number = counts[item.sender]
        counts[item.sender] += 1
        if number >= len(_NUMBERS):
            yield Meant(connection, item, Left("more than two messages of one end"))
            return
        sends = f"{item.sender.capitalize()}_Sends_{_NUMBERS[number]}"
        takes = f"{item.receiver.capitalize()}_Takes_{_NUMBERS[number]}"
        event = event_of(connection, item, item.sender, known={}, sent=unit, rule=sends)
        yield Meant(connection, item, event)
        event = event_of(connection, item, item.receiver, known={}, received=unit, rule=takes)
        yield Meant(connection, item, event)


_WAITS = Player(
    why_not="the reference's client waits for the answer to a message before it sends another",
    is_outside=True,
)
_ANY_TEXT = Player(why_not="the theory's messages are any text; those of the reference are answers")
_ONE_SESSION = Player(why_not="the players' servers have one SID, and so one session")

ROOM = Room(
    macros=(
        MacroRow(
            "protected",
            control.ProtectedSender,
            (T1, T2, BLOCK, _TEXT, BLOCKS),
            lambda t1, t2, iv, text, covered: primitives.aes_cbc_encrypt(
                t1, iv, text + primitives.hmac_sha1_128(t2, covered)
            ),
            "RFC 4656 §3.2, §3.4",
        ),
        covered_first(_TEXT),
        MacroRow(
            "next_iv",
            standins.last_block,
            (BLOCK, BLOCKS),
            lambda _iv, message: standins.last_block(message),
            "RFC 4656 §3.4",
            model_only=INSIDE_CBC,
        ),
    ),
    messages=(
        MessageRow(
            "Server_Start",
            "Out",
            messages.ServerStart,
            _clear_start,
            "RFC 4656 §3.1",
            more={"start_time": roles.START_TIME},
        ),
        MessageRow(
            "Client_Sends_First",
            "Out",
            control.ProtectedSender,
            lambda v: _sent(v, v["client_iv"]),
            "RFC 4656 §3.4",
        ),
        MessageRow(
            "Server_Sends_First",
            "Out",
            control.ProtectedSender,
            lambda v: _sent(v, v["server_iv"], v["start_time"]),
            "RFC 4656 §3.2, §3.4",
            given={"block": _block},
            more={"server_iv": roles.SERVER_IV},
        ),
        *(
            MessageRow(
                rule,
                "Out",
                control.ProtectedSender,
                lambda v: _sent(v, v["iv"]),
                "RFC 4656 §3.4",
            )
            for rule in ("Client_Sends_Second", "Server_Sends_Second")
        ),
    ),
    captures=Captures(_heard, "the first two messages with an HMAC of each end, of any kind"),
    players={
        "Set_Up": BEFOREHAND,
        "Reveal_T1": LEAK,
        "Reveal_T2": LEAK,
        "Server_Start": Player(_start),
        "Server_Takes_First": Player(_take),
        "Server_Takes_Second": _ONE_SESSION,
        "Client_Start": _WAITS,
        "Client_Sends_First": _WAITS,
        "Client_Sends_Second": _WAITS,
        "Client_Takes_First": _ANY_TEXT,
        "Client_Takes_Second": _ANY_TEXT,
        "Server_Sends_First": _ANY_TEXT,
        "Server_Sends_Second": _ANY_TEXT,
        "Server_Sees_The_End": Player(why_not="the end of a connection has no octets"),
    },
    mutants={
        "NO_START_TIME": "the Start-Time block, from what the server's first HMAC covers",
        "NO_CHAIN": "that a stream runs on from message to message",
        "NO_HMAC": "the HMACs of control messages",
        "STOP_ENDS": "nothing; a server takes no end before the second message",
    },
    attacks={"stream-front": Attack("FrontCutOff")},
)

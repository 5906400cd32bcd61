"""What a server does with octets that break a rule."""

from __future__ import annotations

from collections.abc import Iterator

from owamp_reference import messages
from owamp_reference.events import Event, FetchRequested, StopReceived
from owamp_reference.messages import (
    Accept,
    FetchAck,
    FetchSession,
    SessionDescription,
    StopSessions,
    StopTWSessions,
)
from owamp_reference.negotiation import (
    IKEV2_DERIVED,
    SECURITY_BITS,
    Credentials,
    Protocol,
    secrets_of,
)

from ...vectors.declaration import Case, Field, Group, GroupType, Json, Values
from ...vectors.drbg import Drbg
from .ends import passphrase_credentials, server_of
from .inputs import OF_SERVER, PASSPHRASE, PROTECTED, PROTOCOL, UNUSED, make_request
from .spoiling import BEHAVIOUR, Peer, behaviour, flipped, replaced

_KEY_ID, _TOKEN, _CLIENT_IV = 4, 84, 148
"""Where these begin in a Set-Up-Response."""
_HMAC = 96
"""Where the HMAC of a request begins."""


def _credentials(values: Values) -> Credentials:
    if not values["ikev2"]:
        return passphrase_credentials(values)
    spis = bytes.fromhex(values["name"])
    return Credentials.from_ikev2(spis[:8], spis[8:], values["passphrase"].encode())


def _compute(values: Values) -> Json:
    server = server_of(values, secrets_of(_credentials(values)))
    sent: list[bytes] = [server.data_to_send()]
    events: list[Event] = []
    for octets in values["received"]:
        for event in server.receive(octets):
            events.append(event)
            if isinstance(event, StopReceived) and server.protocol is Protocol.OWAMP:
                own = [item for item in server.sessions if item.request.conf_sender]
                server.stop_sessions(tuple(SessionDescription(item.sid, 0) for item in own))
            if isinstance(event, FetchRequested):
                server.answer_fetch(FetchAck(Accept.FAILURE, 0, 0, 0, 0))
        sent.append(server.data_to_send())
    return behaviour(sent, events, server.state)


SERVER_BEHAVIOUR = GroupType(
    "ServerBehaviour",
    "What a server sends in answer to given octets, and whether it then closes the connection.",
    "RFC 4656 §3; RFC 5357 §3; RFC 7717 §5.3",
    (PROTOCOL,),
    (
        *PASSPHRASE,
        Field(
            "ikev2", "whether the secret is an IKE SA's: name is then SPIi | SPIr in hex", "boolean"
        ),
        *OF_SERVER,
        UNUSED,
        Field("received", "the client's messages", is_list=True),
    ),
    BEHAVIOUR,
    _compute,
)


def groups(drbg: Drbg) -> Iterator[Group]:
    """A group for each protocol."""
    for protocol in Protocol:
        here = drbg.at(SERVER_BEHAVIOUR.name).at(protocol.value)
        yield Group(SERVER_BEHAVIOUR, list(_cases(here, protocol)), {"protocol": protocol.value})


def _cases(drbg: Drbg, protocol: Protocol) -> Iterator[Case]:
    for security in PROTECTED[protocol]:
        comment = f"{security}: honest client"
        client = _client(drbg.at(comment), protocol, security)
        flags = ("ServerHmacWithoutServerStart", "StartTimeInClear")
        yield client.case(comment, client.messages[:4], *flags)
    client = _client(drbg.at("honest"), protocol, "encrypted")
    yield from _modes(client)
    yield from _ikev2_modes(client)
    yield from _key_ids(client)
    yield from _tokens(client)
    yield from _protected_commands(client)
    # The rest in the unauthenticated mode, where a message can be written as it is.
    client = _client(drbg.at("open"), protocol, "unauthenticated")
    yield from _order(client)
    yield from _commands(client)
    yield from (_owamp if protocol is Protocol.OWAMP else _twamp)(client)


def _client(drbg: Drbg, protocol: Protocol, security: str) -> Peer:
    return Peer.run(SERVER_BEHAVIOUR, drbg, protocol, security, is_client=True, ikev2=False)


def _choosing(mode: int, response: bytes) -> bytes:
    """A Set-Up-Response with another Mode."""
    return replaced(response, 0, mode.to_bytes(4, "big"))


def _naming(key_id: bytes, response: bytes) -> bytes:
    """A Set-Up-Response with another KeyID."""
    return replaced(response, _KEY_ID, key_id.ljust(80, b"\0"))


def _modes(client: Peer) -> Iterator[Case]:
    response, request = client.messages[:2]
    yield client.case("Mode 0: the client declines", [_choosing(0, response)])
    source = "RFC 4656 §3.1"
    for comment, mode in (
        ("Mode with two security bits", 6),
        ("Mode with all security bits", SECURITY_BITS[client.protocol]),
    ):
        yield client.case(comment, [_choosing(mode, response)], "SeveralModes", source=source)
    for offered in (1, 2, 3):
        comment = f"encrypted mode chosen though {offered} was offered"
        flag = "ModeNotOffered"
        yield client.case(comment, [response], flag, offeredModes=offered, source=source)
    yield client.case(
        "unassigned high bits in Mode are ignored",
        [_choosing(0x80000004, response), request],
        "UnknownModeBitsRefused",
        source=source,
    )


def _ikev2_modes(client: Peer) -> Iterator[Case]:
    response = client.messages[0]
    bit = IKEV2_DERIVED[client.protocol]
    with_ikev2 = SECURITY_BITS[client.protocol] | bit
    yield client.case(
        "IKEv2Derived though not offered",
        [_choosing(4 | bit, response)],
        "ModeNotOffered",
        source="RFC 7717 §5.2",
    )
    yield client.case(
        "IKEv2Derived with the unauthenticated mode",
        [_choosing(1 | bit, response)],
        "Ikev2WithoutProtection",
        offeredModes=with_ikev2,
        source="RFC 7717 §5.1",
    )
    for comment, spis, named in (
        ("no IKE SA with these SPIs", "11" * 16, "22" * 16),
        ("SPIs in the wrong order", "11" * 8 + "22" * 8, "22" * 8 + "11" * 8),
    ):
        yield client.case(
            f"{comment}: Accept 6",
            [_choosing(4 | bit, _naming(bytes.fromhex(named), response))],
            "NoIkeSaAsFailure",
            source="RFC 7717 §5.3",
            ikev2=True,
            name=spis,
            offeredModes=with_ikev2,
        )


def _key_ids(client: Peer) -> Iterator[Case]:
    response = client.messages[0]
    flag = "UnknownKeyIdTold"
    unknown = _naming(messages.encode_key_id("mallory"), response)
    yield client.case("unknown KeyID: same answer as a wrong passphrase", [unknown], flag)
    wrong = "incorrect horse"
    yield client.case("wrong passphrase", [response], flag, passphrase=wrong)
    yield client.case("KeyID that is not UTF-8", [_naming(b"\xff" * 80, response)], flag)


def _tokens(client: Peer) -> Iterator[Case]:
    response, request = client.messages[:2]
    source = "RFC 4656 §6.10"
    yield client.case("Token changed in its first block", [flipped(response, _TOKEN)])
    yield client.case(
        "Token changed in its second block: T1 differs, the request is garbage",
        [flipped(response, _TOKEN + 16), request],
        source=source,
    )
    yield client.case(
        "Token changed in its last block: T2 differs, found out by the first HMAC alone",
        [flipped(response, _CLIENT_IV - 1), request],
        "HmacUnchecked",
        source=source,
    )
    yield client.case("Token of another connection", [response], challenge=bytes(16))
    yield client.case(
        "Client-IV changed in its last bit: a port differs, found out by the HMAC alone",
        [flipped(response, _CLIENT_IV + 15), request],
        "HmacUnchecked",
    )
    yield client.case("half a Set-Up-Response", [response[:82]])
    two_pieces = [response[:100], response[100:], request]
    yield client.case("Set-Up-Response in two pieces", two_pieces)


def _protected_commands(client: Peer) -> Iterator[Case]:
    _, request, start = client.messages[:3]
    source = "RFC 4656 §6.10"
    for changed, offset, flags in (
        ("the command number", 0, ()),
        ("the last octet of the text", _HMAC - 1, ("HmacUnchecked",)),
        ("the HMAC", _HMAC, ("HmacUnchecked",)),
        ("the last octet of the HMAC", _HMAC + 15, ("HmacUnchecked",)),
    ):
        comment = f"request with one bit changed in {changed}"
        yield client.after_set_up(comment, [flipped(request, offset)], *flags, source=source)
    garbage = "the chaining makes garbage of it"
    twice = [request, request]
    yield client.after_set_up(f"request sent twice, a replay: {garbage}", twice)
    comment = f"Start-Sessions without the request before it: {garbage}"
    yield client.after_set_up(comment, [start])


def _order(client: Peer) -> Iterator[Case]:
    """Commands at the wrong time."""
    _, ask, go, stop = client.messages[:4]
    empty = StopSessions(0, ()) if client.protocol is Protocol.OWAMP else StopTWSessions(0, 0)
    busy = "CommandWhileTesting"
    yield client.after_set_up("whole session", [ask, go, stop])
    comment = "HMAC fields are ignored in the open mode"
    yield client.after_set_up(comment, [replaced(ask, _HMAC, b"\xff" * 16), go])
    yield client.after_set_up("MBZ is ignored", [flipped(ask, 88), go], source="RFC 4656 §3.1")
    yield client.after_set_up("start without a session", [go], "StartWithoutSession")
    yield client.after_set_up("stop without a start", [ask, stop], "StopWithoutStart")
    yield client.after_set_up("second start while testing", [ask, go, go], busy)
    yield client.after_set_up("request while testing", [ask, go, ask], busy)
    comment = "Stop-Sessions that leaves a session out"
    yield client.after_set_up(comment, [ask, go, empty.to_octets()], "StopUncounted")


def _commands(client: Peer) -> Iterator[Case]:
    """Commands that there are not, and requests that no server takes."""
    is_owamp = client.protocol is Protocol.OWAMP
    for command in (0, 6, 255):
        unknown = [bytes([command]).ljust(32, b"\0")]
        source = "RFC 4656 §3.4" if is_owamp else "RFC 5357 §3.5"
        yield client.after_set_up(f"command {command}", unknown, source=source)
    other = make_request(Protocol.TWAMP if is_owamp else Protocol.OWAMP).to_octets()
    yield client.after_set_up("the other protocol's request", [other])
    yield client.after_set_up("IPVN 5", [flipped(client.messages[1], 1, 4 ^ 5)], "IpvnUnchecked")


def _owamp(client: Peer) -> Iterator[Case]:
    _, ask, go = client.messages[:3]
    comment = "neither Conf-Sender nor Conf-Receiver"
    yield client.after_set_up(comment, [flipped(ask, 3)], "ConfUnchecked")
    yield client.after_set_up("both Conf-Sender and Conf-Receiver", [flipped(ask, 2)])
    yield client.after_set_up("Conf-Receiver 2 counts as 1", [flipped(ask, 3, 3), go])
    yield client.after_set_up("slot of type 2", [flipped(ask, 112, 2)], "SlotTypeUnchecked")
    no_slots = replaced(ask, 4, bytes(4))[:112] + bytes(16)
    yield client.after_set_up("no schedule slots", [no_slots], "SlotsUnchecked")
    comment = "2^32-1 schedule slots announced: a denial of service"
    yield client.after_set_up(comment, [replaced(ask, 4, b"\xff" * 4)])
    wrong_sid = StopSessions(0, (SessionDescription(b"\x5a" * 16, 2),)).to_octets()
    comment = "Stop-Sessions with another SID"
    yield client.after_set_up(comment, [ask, go, wrong_sid], "StopUncounted")
    all_packets = FetchSession(0, 2**32 - 1, bytes(16)).to_octets()
    yield client.after_set_up("Fetch-Session refused", [all_packets])
    some_packets = FetchSession(0, 9, bytes(16)).to_octets()
    comment = "Fetch-Session while testing"
    yield client.after_set_up(comment, [ask, go, some_packets], "CommandWhileTesting")


def _twamp(client: Peer) -> Iterator[Case]:
    _, ask, go = client.messages[:3]
    for label, offset in (
        ("Conf-Sender", 2),
        ("Conf-Receiver", 3),
        ("Number of Schedule Slots", 7),
        ("Number of Packets", 11),
        ("SID", 63),
    ):
        comment, changed = f"{label} not zero", [flipped(ask, offset)]
        yield client.after_set_up(comment, changed, "TwZerosUnchecked", source="RFC 5357 §3.5")
    two = StopTWSessions(0, 2).to_octets()
    comment = "Stop-Sessions for two of one session"
    yield client.after_set_up(comment, [ask, go, two], "StopUncounted")
    fetch = FetchSession(0, 2**32 - 1, bytes(16)).to_octets()
    comment = "Fetch-Session, which TWAMP does not have"
    yield client.after_set_up(comment, [fetch], source="RFC 5357 §3.9")

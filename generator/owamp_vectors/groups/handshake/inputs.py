"""What the types of case are given: declared inputs, and the values that cases draw for them."""

from __future__ import annotations

from owamp_reference.messages import Request, RequestSession, RequestTWSession, ScheduleSlot
from owamp_reference.negotiation import SECURITY_BITS, Mode, Protocol

from ...vectors.declaration import Field, Json
from ...vectors.drbg import Drbg

PROTOCOL = Field(
    "protocol", "OWAMP or TWAMP", "string", values=tuple(protocol.value for protocol in Protocol)
)
SECURITY = Field(
    "security",
    "the mode that the client chooses",
    "string",
    values=tuple((mode.name or "").lower() for mode in Mode),
)
PASSPHRASE = (
    Field("name", "the name of the shared secret", "string"),
    Field("passphrase", "the passphrase as text", "string"),
)
IKE_SA = (
    Field("spiI", "SPI of the initiator", size=8),
    Field("spiR", "SPI of the responder", size=8),
    Field("sharedSecretKey", 'prf(SK_d, "IPPM") of the IKE SA'),
)
"""An IKE SA, and the key that it gives."""
UNUSED = Field(
    "unused",
    "the octet that fills fields that the RFCs call unused, and in an Accept-Session that refuses "
    "also the SID, and in OWAMP the Port, of which RFC 4656 does not say what they are then",
    size=1,
)
LIMIT = Field("messageLimit", "octets between two HMACs that this end takes, at most", "integer")
OF_SERVER = (
    Field("offeredModes", "Modes of the Server-Greeting", "integer"),
    Field("count", "Count of the Server-Greeting", "integer", most=2**20),
    Field("challenge", "Challenge, drawn by the server", size=16),
    Field("salt", "Salt, drawn by the server", size=16),
    Field("serverIv", "Server-IV, drawn by the server; not used in the open mode", size=16),
    Field("startTime", "Start-Time of the server", size=8),
    Field("sids", "what the server's source of SIDs gives, in order", size=16, is_list=True),
    Field(
        "policy",
        "what the server is configured to say to each request that it may grant, in order",
        "records",
        fields=(
            Field(
                "accept", "0, or the value of Accept with which it is refused", "integer", most=5
            ),
            Field(
                "port", "the port of the server's end; 0 if it is refused", "integer", most=65535
            ),
        ),
    ),
)
"""What a server offers, is configured to do, and draws."""
OF_CLIENT = (
    Field("t1", "AES Session-key, drawn by the client; not used in the open mode", size=16),
    Field("t2", "HMAC Session-key, drawn by the client; not used in the open mode", size=32),
    Field("clientIv", "Client-IV, drawn by the client; not used in the open mode", size=16),
)
"""What a client draws."""

PROTECTED = {
    Protocol.OWAMP: ("authenticated", "encrypted"),
    Protocol.TWAMP: ("authenticated", "encrypted", "mixed"),
}
"""The protected modes of each protocol."""
STOP_SECTION = {Protocol.OWAMP: "RFC 4656 §3.8", Protocol.TWAMP: "RFC 5357 §3.8"}
"""Where each protocol says what Stop-Sessions accounts for."""
ALICE = {"name": "alice", "passphrase": "correct horse"}
"""The one passphrase of the cases."""
UNUSUAL_PASSPHRASES = (
    (
        "a newline",
        "correct\nhorse",
        {"OWAMP": ("PassphraseNewline",), "TWAMP": ("PassphraseNewline",)},
    ),
    ("a CR and no LF", "correct\rhorse", {"OWAMP": (), "TWAMP": ("PassphraseLoneCr",)}),
    ("a letter not of ASCII", "corréct horse", {"OWAMP": (), "TWAMP": ("PassphraseNotAscii",)}),
)
"""Passphrases that not every endpoint may take: what is in them, and the flags by protocol."""
_DRAWN = {"challenge": 16, "salt": 16, "serverIv": 16, "t1": 16, "t2": 32, "clientIv": 16}
START = 0xE9300000 << 32
"""Start Time of the requests."""


def drawn_inputs(drbg: Drbg, protocol: Protocol) -> Json:
    """The inputs of an ordinary connection with one session, but for its secret."""
    return {
        **{name: drbg.octets(name, size) for name, size in _DRAWN.items()},
        "startTime": bytes.fromhex("e9000000").ljust(8, b"\0"),
        "sids": [drawn_sid(drbg, number) for number in range(3)],
        "policy": [{"accept": 0, "port": port} for port in granted_ports(protocol)],
        "unused": bytes(1),
        "offeredModes": SECURITY_BITS[protocol],
        "count": 1024,
        "padding": 0,
        "requests": [make_request(protocol).to_octets()],
    }


def drawn_sid(drbg: Drbg, number: int) -> bytes:
    """A SID of the server, in the form of RFC 4656 §3.5, made shortly before the Start Time."""
    time = (0xE92FFFF0 + number).to_bytes(4, "big") + bytes(4)
    return bytes([192, 0, 2, 1]) + time + drbg.octets(f"SID {number}", 4)


def granted_ports(protocol: Protocol, number: int = 3) -> list[int]:
    """The server's ports: those that the requests name (TWAMP), or its own (OWAMP)."""
    return [20002] * number if protocol is Protocol.TWAMP else list(range(30001, 30001 + number))


def make_request(
    protocol: Protocol,
    *,
    ipv6: bool = False,
    server_sends: bool = False,
    slots: int = 1,
    padding: int = 0,
) -> Request:
    """A request between 192.0.2.1 and 198.51.100.1, or two addresses of 2001:db8::/32."""
    ends = [bytes([192, 0, 2, 1]), bytes([198, 51, 100, 1])]
    if ipv6:
        ends = [bytes.fromhex("20010db8").ljust(15, b"\0") + bytes([n]) for n in (1, 2)]
    sender, receiver = (end.ljust(16, b"\0") for end in ends)
    if protocol is Protocol.TWAMP:
        return RequestTWSession(
            ipvn=6 if ipv6 else 4,
            sender_port=20001,
            receiver_port=20002,
            sender_address=sender,
            receiver_address=receiver,
            padding_length=padding,
            start_time=START,
            timeout=2 << 32,
            type_p=0,
        )
    # The receiving side makes the SID: the client, if it is the server that sends (§3.5).
    sid = bytes([198, 51, 100, 1]) + bytes.fromhex("e92ffff800000000cafef00d")
    return RequestSession(
        ipvn=6 if ipv6 else 4,
        conf_sender=int(server_sends),
        conf_receiver=int(not server_sends),
        number_of_packets=10,
        sender_port=20001,
        receiver_port=20002,
        sender_address=sender,
        receiver_address=receiver,
        sid=sid if server_sends else bytes(16),
        padding_length=padding,
        start_time=START,
        timeout=2 << 32,
        type_p=0,
        slots=tuple(ScheduleSlot(number % 2, 2**31 + number) for number in range(slots)),
    )

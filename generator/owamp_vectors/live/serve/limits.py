"""What a server is willing to spend on its clients (RFC 4656 §6.5; RFC 5357 §3.1, §4.2)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class ServiceLimits:
    """Bounds of a server; times in seconds.

    Attributes:
        connections: control connections at once. One more is greeted with Modes 0 and closed, or
            takes the place of one without a key from the host that has most of them.
        connections_per_host: the same, from one host (IPv6: from one network of 64 bits).
        derivations: PBKDF2 at once, for clients that have shown nothing yet; one for each host.
        sessions: test sessions of one connection; one more gets Accept 5.
        all_sessions: test sessions of all connections.
        sessions_per_client: the same, of one KeyID, or of one host without any.
        open_sessions: the same, of all clients without a KeyID.
        results: ended sessions of OWAMP whose results are kept for Fetch-Session.
        results_for: how long they are kept.
        records: packet records in all of them, some 240 octets of memory each; also packets of all
            OWAMP sessions that are not over, and a quarter of those of one client.
        packets: packets of one test session: recorded, sent, or reflected.
        interval: the least average time between two packets that the server sends.
        padding: octets of padding in a packet that the server sends.
        timeout: the longest Timeout of a request; a longer one gets Accept 4.
        start_ahead: how far ahead the Start Time of a request may lie.
        ports: the UDP ports of test sessions; any if there are none.
        session_time: from the start of a test session to its end, whatever is sent.
        message_size: octets of a control message.
        unsent: octets of answers that the system keeps for a client that does not take them.
        set_up: from the connection's start until it is set up.
        message: from the first octet of a command to its last; also for the peer to take octets.
        servwait: without a command (SERVWAIT of RFC 5357 §3.1).
        refwait: without a test packet (REFWAIT of RFC 5357 §4.2).
        linger: to let the peer read what was said last.
    """

    connections: int = 256
    connections_per_host: int = 64
    derivations: int = 1
    sessions: int = 16
    all_sessions: int = 512
    sessions_per_client: int = 128
    open_sessions: int = 384
    results: int = 512
    results_for: float = 3600
    records: int = 200_000
    packets: int = 10_000
    interval: float = 0.001
    padding: int = 9000
    timeout: float = 60
    start_ahead: float = 900
    ports: Sequence[int] = ()
    session_time: float = 86_400
    message_size: int = 2**16
    unsent: int = 2**17
    set_up: float = 30
    message: float = 30
    servwait: float = 900
    refwait: float = 900
    linger: float = 1

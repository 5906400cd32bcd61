"""What the two ends of a control connection report (RFC 4656 §3, RFC 5357 §3)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from .errors import ProtocolError
from .keys import TestSessionKeys
from .messages import (
    Accept,
    FetchAck,
    FetchData,
    FetchSession,
    Request,
    StopSessions,
    StopTWSessions,
)
from .negotiation import NegotiatedMode
from .packets import TestMode


@dataclass(frozen=True)
class SetUp:
    """The connection is set up in `mode`; requests may follow."""

    mode: NegotiatedMode
    start_time: int


@dataclass(frozen=True)
class TestSession:
    """A test session that was accepted, with its keys unless its packets are in clear."""

    __test__ = False

    request: Request
    sid: bytes
    port: int
    mode: TestMode
    keys: TestSessionKeys | None


@dataclass(frozen=True)
class SessionRejected:
    """A request that was answered with a non-zero Accept."""

    request: Request
    accept: Accept


@dataclass(frozen=True)
class Started:
    """Start-Ack was sent or received; if Accept is 0 the test sessions run."""

    accept: Accept


@dataclass(frozen=True)
class StopReceived:
    """The peer's Stop-Sessions arrived."""

    message: StopSessions | StopTWSessions


@dataclass(frozen=True)
class FetchRequested:
    """A client asks for the data of a session; answer with `Server.answer_fetch`."""

    message: FetchSession


@dataclass(frozen=True)
class Fetched:
    """The answer to Fetch-Session; `data` is None if it was refused."""

    ack: FetchAck
    data: FetchData | None


@dataclass(frozen=True)
class Closed:
    """The connection is over. `error` is why, None when it ended as agreed; `accept` is the value
    that was sent or received in refusing.
    """

    error: ProtocolError | None = None
    accept: Accept | None = None


Event: TypeAlias = (
    SetUp
    | TestSession
    | SessionRejected
    | Started
    | StopReceived
    | FetchRequested
    | Fetched
    | Closed
)

"""What a probe is to do."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

from owamp_reference import token
from owamp_reference.connection import ClientConfig, ControlClient
from owamp_reference.negotiation import Credentials, Mode, Protocol


class Direction(Enum):
    """Who sends the test packets of OWAMP."""

    SEND = "send"
    RECEIVE = "receive"
    BOTH = "both"


@dataclass(frozen=True)
class ProbeConfig:
    """What a probe does; times in seconds.

    Attributes:
        security: the mode that it wants.
        credentials: needed unless `security` is unauthenticated.
        direction: of the test packets; TWAMP has no choice.
        count, interval, padding: of the test packets.
        timeout: for the connection, for each answer, and for the last test packet.
        loss_timeout: Timeout of the request.
        max_count: the largest Count that it computes with.
        make_client: makes the sans-IO end; another than the reference's to test servers with.
    """

    protocol: Protocol
    security: Mode
    credentials: Credentials | None = None
    direction: Direction = Direction.SEND
    count: int = 5
    interval: float = 0.1
    padding: int = 64
    timeout: float = 5
    loss_timeout: float = 2
    max_count: int = token.DEFAULT_MAX_COUNT
    make_client: Callable[[ClientConfig], ControlClient] = ControlClient

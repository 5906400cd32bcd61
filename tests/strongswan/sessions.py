"""O/TWAMP between the two hosts, with the shared secret from the log of each."""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

from owamp_reference.negotiation import Credentials, Mode, Protocol
from owamp_vectors.charon.log import CharonLog
from owamp_vectors.live.probe.config import ProbeConfig
from owamp_vectors.live.probe.probe import ProbeReport, run_probe
from owamp_vectors.live.secrets import Secrets, ike_credentials
from owamp_vectors.live.serve.server import Service, ServiceConfig, offered_modes

from .daemons import INNER, LINK, Host, Pair
from .processes import TIMEOUT, inside
from .wire import Packet, captured

SID = bytes.fromhex("c6336402" + "00" * 8 + "01020304")
"""Known to both ends beforehand, as PRF{ KEYMAT, Session ID } needs it."""
TEST_PACKETS = 3
TUNNEL, BESIDE = "through the tunnel", "beside the tunnel"
SK_D, KEYMAT = 'prf(SK_d, "IPPM")', "PRF{ KEYMAT, SID }"


@dataclass(frozen=True)
class Plan:
    """A session: where it goes, what is spoken, and which secret is used."""

    way: str
    protocol: Protocol
    secret: str
    security: Mode

    def __str__(self) -> str:
        return f"{self.protocol.value} {self.way}, {self.secret}"


PLANS = (
    Plan(TUNNEL, Protocol.TWAMP, SK_D, Mode.ENCRYPTED),
    Plan(TUNNEL, Protocol.OWAMP, KEYMAT, Mode.AUTHENTICATED),
    Plan(BESIDE, Protocol.OWAMP, SK_D, Mode.ENCRYPTED),
    Plan(BESIDE, Protocol.TWAMP, KEYMAT, Mode.AUTHENTICATED),
)


@dataclass
class Session:
    """What came of a plan.

    Attributes:
        key_id: that the client named the IKE SA by.
        port: of the server.
        packets: that were seen on the link.
    """

    report: ProbeReport
    key_id: bytes
    port: int
    packets: list[Packet] = field(default_factory=list)


def credentials(log: CharonLog, secret: str) -> Credentials:
    """The shared secret of the latest IKE SA, or of its latest child SA, in one daemon's log."""
    sa = log.ike_sas[-1]
    if secret == SK_D:
        return ike_credentials(*sa.spis, sa.function.name, sk_d=sa.keys.sk_d)
    (*_, child) = (child for child in log.child_sas if child.ike == sa.spis)
    return ike_credentials(*sa.spis, sa.function.name, keymat=child.keymat, sid=SID)


def hold(pair: Pair, plan: Plan, mine: Credentials, other: Credentials) -> Session:
    """Hold a session: the initiator is the client, and each end has its own secret."""
    address = (INNER if plan.way == TUNNEL else LINK)[1]
    config = ProbeConfig(
        plan.protocol,
        plan.security,
        mine,
        count=TEST_PACKETS,
        interval=0.01,
        loss_timeout=0.5,
        timeout=TIMEOUT,
    )
    with (
        _serving(pair.responder, plan, other) as port,
        captured(pair.initiator) as packets,
    ):
        report = inside(
            pair.initiator.holder, lambda: asyncio.run(run_probe(config, address, port))
        )
    return Session(report, mine.key_id, port, packets)


def with_same_secret(other: Credentials, key_id: bytes) -> Credentials:
    """The secret of one IKE SA by the name of another."""
    return replace(other, key_id=key_id)


@contextmanager
def _serving(host: Host, plan: Plan, secret: Credentials) -> Iterator[int]:
    """A server at all addresses of a host; its port."""
    secrets = Secrets((secret,))
    modes = offered_modes(plan.protocol, [plan.security], secrets)
    ports: queue.Queue[int | BaseException] = queue.Queue()
    ended = threading.Event()

    async def serve() -> None:
        service = Service(ServiceConfig(plan.protocol, modes, secrets))
        try:
            addresses = await service.start("0.0.0.0", 0)  # noqa: S104  (in a namespace)
            ports.put(int(addresses[0][1]))
            await asyncio.to_thread(ended.wait)
        except BaseException as error:
            ports.put(error)
            raise
        finally:
            await service.close()

    server = threading.Thread(target=lambda: inside(host.holder, lambda: asyncio.run(serve())))
    server.start()
    try:
        port = ports.get(timeout=TIMEOUT)
        if isinstance(port, BaseException):
            raise port
        yield port
    finally:
        ended.set()
        server.join()

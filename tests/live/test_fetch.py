"""Fetch-Session on another connection than that of the session: who is answered, and how long."""

from __future__ import annotations

import asyncio
import socket
from dataclasses import replace
from typing import Any

import pytest
from owamp_reference.events import Fetched, StopReceived, TestSession
from owamp_reference.messages import PacketRecord, RequestSession, ScheduleSlot, SessionDescription
from owamp_reference.negotiation import IKEV2_DERIVED, Credentials, Mode, Protocol, SecretName
from owamp_reference.sessions import SessionSender
from owamp_reference.sources import system_clock
from owamp_vectors.live.secrets import Secrets
from owamp_vectors.live.serve.limits import ServiceLimits
from owamp_vectors.live.serve.results import ClientIdentity, Results, SessionResult

from ..reference.support import IKEV2_CREDENTIALS, OWAMP, Setting
from .peers import LiveClient, Running, connected, run, serving

SECOND = 1 << 32
OPEN = Setting(Protocol.OWAMP, Mode.UNAUTHENTICATED)
AUTHENTICATED = replace(OWAMP, security=Mode.AUTHENTICATED)
IKEV2 = replace(OWAMP, ikev2_derived=True)
BOB = replace(OWAMP, given=Credentials.from_passphrase("bob", b"another passphrase"))
SAME_SPIS = replace(
    IKEV2, given=replace(IKEV2_CREDENTIALS, key_id=IKEV2_CREDENTIALS.key_id[:16] + bytes(63) + b"x")
)
OTHER_SA = replace(IKEV2, given=Credentials.from_ikev2(bytes(8), bytes(8), b"other"))
ALL_MODES = 7 | IKEV2_DERIVED[Protocol.OWAMP]
SECRETS = Secrets(tuple(one.credentials for one in (OWAMP, IKEV2, BOB, OTHER_SA)))


def all_modes(limits: ServiceLimits | None = None) -> Any:
    """A service for every setting above."""
    return serving(OWAMP, limits, modes=ALL_MODES, secrets=SECRETS)


async def fetched(setting: Setting, running: Running, sid: bytes, *numbers: int) -> Fetched:
    """What a client on a connection of its own is told of a session."""
    async with connected(setting, running) as client:
        client.client.fetch_session(sid, *numbers)
        return await client.next(Fetched)


async def begun(client: LiveClient, **changes: Any) -> TestSession:
    """A session of four packets, all of which were to be sent longer than Timeout ago."""
    values: dict[str, Any] = {
        "start_time": system_clock() - 80 * SECOND,
        "timeout": 50 * SECOND,
        "number_of_packets": 4,
        "slots": (ScheduleSlot(1, SECOND // 10),),
    }
    return await client.start(**values | changes)


async def ended(setting: Setting, running: Running) -> tuple[TestSession, Fetched]:
    """A session whose packets were all lost, and what its own client fetched."""
    async with connected(setting, running) as client:
        session = await begun(client)
        client.client.stop_sessions((SessionDescription(session.sid, 4),))
        await client.next(StopReceived)
        client.client.fetch_session(session.sid)
        return session, await client.next(Fetched)


@pytest.mark.parametrize(
    ("owner", "other"),
    [
        (OPEN, OPEN),
        (OPEN, OWAMP),
        (OWAMP, OWAMP),
        (OWAMP, AUTHENTICATED),
        (AUTHENTICATED, OWAMP),
        (IKEV2, IKEV2),
        (IKEV2, SAME_SPIS),
    ],
)
def test_results_outlive_their_connection(owner: Setting, other: Setting) -> None:
    async def main() -> None:
        async with all_modes() as running:
            session, own = await ended(owner, running)
            assert own.data is not None
            assert len(own.data.records) == 4
            again = await fetched(other, running, session.sid)
            assert again == own
            part = await fetched(other, running, session.sid, 1, 2)
            assert part.data is not None
            assert [record.seq_number for record in part.data.records] == [1, 2]

    run(main())


@pytest.mark.parametrize(
    ("owner", "other"),
    [(OWAMP, OPEN), (OWAMP, BOB), (BOB, OWAMP), (OWAMP, IKEV2), (IKEV2, OTHER_SA), (IKEV2, OPEN)],
)
def test_results_are_for_the_same_key_id_alone(owner: Setting, other: Setting) -> None:
    """The answer is that to a SID that does not exist, and the connection goes on."""

    async def main() -> None:
        async with all_modes() as running:
            session, own = await ended(owner, running)
            async with connected(other, running) as client:
                answers = []
                for sid in (session.sid, bytes(range(16))):
                    client.client.fetch_session(sid)
                    answers.append(await client.next(Fetched))
                assert answers[0] == answers[1]
                assert answers[0].data is None
            assert await fetched(owner, running, session.sid) == own

    run(main())


def test_a_session_that_runs_can_be_fetched_in_part() -> None:
    async def main() -> None:
        async with all_modes() as running, connected(OWAMP, running) as client:
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as port:
                port.bind(("127.0.0.1", 0))
                session = await begun(client, sender_port=port.getsockname()[1])
                stamp = system_clock() - 40 * SECOND
                sender = SessionSender(session.mode, session.keys, lambda: stamp)
                for _ in range(2):
                    port.sendto(sender.next_packet(), ("127.0.0.1", session.port))
            while running.service.register.sessions[0].received < 2:
                await asyncio.sleep(0.005)
            part = await fetched(OWAMP, running, session.sid, 1, 3)
            assert (part.ack.finished, part.ack.next_seqno) == (0, 0)
            assert part.data is not None
            assert [record.seq_number for record in part.data.records] == [1]
            for setting, numbers in ((OWAMP, ()), (OPEN, (1, 3)), (BOB, (1, 3))):
                refused = await fetched(setting, running, session.sid, *numbers)
                assert refused.data is None

    run(main())


def test_nothing_is_kept_of_a_session_that_did_not_end_normally() -> None:
    async def main() -> None:
        async with all_modes() as running:
            async with connected(OWAMP, running) as client:
                session = await begun(client)
            await running.logged("(receiver): 0 received")
            for numbers in ((), (0, 1)):
                assert (await fetched(OWAMP, running, session.sid, *numbers)).data is None

    run(main())


def test_a_session_that_has_not_started_has_no_results() -> None:
    async def main() -> None:
        async with all_modes() as running, connected(OWAMP, running) as client:
            session = await client.ask(client.request(), TestSession)
            assert (await fetched(OWAMP, running, session.sid, 0, 1)).data is None

    run(main())


def test_results_are_not_kept_for_ever() -> None:
    async def main() -> None:
        async with all_modes(ServiceLimits(results_for=0)) as running:
            _, own = await ended(OWAMP, running)
            assert own.data is None

    run(main())


# The limits


def result(number: int, records: int = 1) -> SessionResult:
    request = OWAMP.request(sid=number.to_bytes(16, "big"))
    assert isinstance(request, RequestSession)
    kept = (PacketRecord(0, 1, 1, 1, 1, 255),) * records
    return SessionResult(request, kept, SessionDescription(request.sid, records))


def kept(results: Results, numbers: range, client: ClientIdentity = None) -> list[int]:
    return [
        number for number in numbers if results.find(number.to_bytes(16, "big"), client) is not None
    ]


def test_results_are_kept_for_a_time() -> None:
    now = 100.0
    results = Results(ServiceLimits(results_for=10), lambda: now)
    results.keep(result(0), None, "192.0.2.1")
    now = 105.0
    results.keep(result(1), None, "192.0.2.1")
    assert kept(results, range(2)) == [0, 1]
    now = 110.0
    assert kept(results, range(2)) == [1]
    now = 115.0
    assert kept(results, range(2)) == []


@pytest.mark.parametrize("limits", [ServiceLimits(results=3), ServiceLimits(records=300)])
def test_the_oldest_results_make_room(limits: ServiceLimits) -> None:
    results = Results(limits)
    for number in range(8):
        results.keep(result(number, 100), None, "192.0.2.1")
    assert kept(results, range(8)) == [5, 6, 7]


def test_a_result_larger_than_all_room_is_not_kept() -> None:
    results = Results(ServiceLimits(records=300))
    results.keep(result(0, 301), None, "192.0.2.1")
    assert kept(results, range(1)) == []


@pytest.mark.parametrize("flood", [None, SecretName(b"bob", False), SecretName(b"alice", True)])
@pytest.mark.parametrize("limits", [ServiceLimits(results=4), ServiceLimits(records=400)])
def test_nobody_can_push_out_the_results_of_others(
    flood: ClientIdentity, limits: ServiceLimits
) -> None:
    results = Results(limits)
    alice = SecretName(b"alice", False)
    results.keep(result(0, 100), alice, "192.0.2.1")
    results.keep(result(1, 100), None, "192.0.2.2")
    for number in range(2, 20):
        results.keep(result(number, 100), flood, "192.0.2.1")
    assert kept(results, range(1), alice) == [0]
    assert kept(results, range(20), flood) == [1, 18, 19]

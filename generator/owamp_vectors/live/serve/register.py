"""The test sessions of a service, of all its connections, and the results of those that ended."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from owamp_reference.messages import Request, RequestSession

from .limits import ServiceLimits
from .results import ClientIdentity, Results, SessionResult, may_fetch
from .sessions import ServedReceiver, ServedSession


class Register:
    """What the connections of a service have to know of each other's test sessions."""

    def __init__(self, limits: ServiceLimits) -> None:
        self._limits = limits
        self._sessions: list[ServedSession] = []
        self._results = Results(limits)

    @property
    def sessions(self) -> list[ServedSession]:
        """Those that are not over; some outlive their connection by Timeout (RFC 5357 §3.5)."""
        self._sessions = [session for session in self._sessions if not session.is_over]
        return [*self._sessions]

    def has_room(
        self,
        request: Request,
        client: ClientIdentity,
        host: str,
        reserved: Sequence[Request],
    ) -> bool:
        """Whether a session is within the limits, for a client at `host`, a `holder`.

        `reserved`: requests of the same client that were granted and are no sessions yet.
        """
        limits, running = self._limits, self.sessions
        mine = [
            session.session.request
            for session in running
            if session.client == client and (client or session.host == host)
        ]
        of_open = [session for session in running if session.client is None]
        all_requests = [session.session.request for session in running]
        return (
            len(all_requests) + len(reserved) < limits.all_sessions
            and len(mine) + len(reserved) < limits.sessions_per_client
            and (client is not None or len(of_open) + len(reserved) < limits.open_sessions)
            and _packets([*all_requests, *reserved, request]) <= limits.records
            and _packets([*mine, *reserved, request]) <= max(limits.records // 4, limits.packets)
        )

    def add(self, session: ServedSession) -> None:
        """Take up a session that was accepted."""
        self._sessions.append(session)

    def keep_result(self, result: SessionResult, owner: ClientIdentity, host: str) -> None:
        """Keep what an ended session recorded; see `Results.keep`."""
        self._results.keep(result, owner, host)

    def find_result(self, sid: bytes, client: ClientIdentity) -> SessionResult | None:
        """What Fetch-Session is answered with: of a session that runs, on any connection, or has
        ended; None if there is nothing, or nothing for this client.
        """
        for session in self.sessions:
            if isinstance(session, ServedReceiver) and session.sid == sid:
                return session.so_far() if may_fetch(session.client, client) else None
        return self._results.find(sid, client)


def _packets(requests: Iterable[Request]) -> int:
    """Packets that sessions of OWAMP have times and records of."""
    return sum(item.number_of_packets for item in requests if isinstance(item, RequestSession))

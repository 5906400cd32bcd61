"""The test sessions of a service, of all its connections, and the results of those that ended."""

from __future__ import annotations

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

    def has_room(self, besides: int) -> bool:
        """Whether one more session, besides so many more, is within the limits."""
        return len(self.sessions) + besides < self._limits.all_sessions

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

"""What the receivers of OWAMP recorded, kept for Fetch-Session (RFC 4656 §3.9)."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from owamp_reference.messages import (
    COMPLETE_SESSION_END,
    Accept,
    FetchAck,
    FetchData,
    FetchSession,
    PacketRecord,
    RequestSession,
    SessionDescription,
    SetUpResponse,
)
from owamp_reference.negotiation import NegotiatedMode, SecretName

from .limits import ServiceLimits

ClientIdentity: TypeAlias = SecretName | None
"""Who a client has shown to be, by the secret that it knows. None in the unauthenticated mode,
which shows nothing."""

_COMPLETE = (0, COMPLETE_SESSION_END)


def identify(mode: NegotiatedMode, response: SetUpResponse) -> ClientIdentity:
    """Who the client of a connection is that was set up so."""
    return mode.secret_name(response.key_id) if mode.is_protected else None


def may_fetch(owner: ClientIdentity, client: ClientIdentity) -> bool:
    """Whether `client` is given the results of a session that `owner` asked for.

    On any connection, from any host (RFC 4656 §3.9), under the same KeyID: who has that secret
    can open Tokens, and so read an answer to Fetch-Session on its way too. With IKEv2 the KeyID is
    the SPIs, so it has to be the same IKE SA. The SID alone opens nothing: it is no secret, but an
    address, a time and 4 octets. What an unauthenticated session found is for all: the session and
    its SID went in clear.
    """
    return owner is None or owner == client


@dataclass(frozen=True)
class SessionResult:
    """What a receiver recorded.

    Attributes:
        request: as it was carried out, with the port that was used and the SID.
        description: of the sender, in Stop-Sessions; None as long as the session runs.
    """

    request: RequestSession
    records: tuple[PacketRecord, ...]
    description: SessionDescription | None

    def answer(self, fetch: FetchSession) -> tuple[FetchAck, FetchData | None]:
        """Fetch-Ack and data. A session that runs can be had in part only (§3.9)."""
        description = self.description
        if description is None and (fetch.begin_seq, fetch.end_seq) == _COMPLETE:
            return refused_fetch()
        records = tuple(
            record
            for record in self.records
            if fetch.begin_seq <= record.seq_number <= fetch.end_seq
        )
        if description is None:
            return FetchAck(Accept.OK, 0, 0, 0, len(records)), FetchData(self.request, (), records)
        next_seqno, skipped = description.next_seqno, description.skip_ranges
        ack = FetchAck(Accept.OK, 1, next_seqno, len(skipped), len(records))
        return ack, FetchData(self.request, skipped, records)


def refused_fetch() -> tuple[FetchAck, None]:
    """The answer when there are no results to fetch, or none for this client."""
    return FetchAck(Accept.FAILURE, 0, 0, 0, 0), None


@dataclass(frozen=True)
class _Kept:
    result: SessionResult
    owner: ClientIdentity
    holder: object
    until: float


class Results:
    """The results of sessions that have ended, within the limits in number and time.

    Args:
        clock: in seconds, from any beginning.
    """

    def __init__(self, limits: ServiceLimits, clock: Callable[[], float] = time.monotonic) -> None:
        self._limits = limits
        self._clock = clock
        self._kept: dict[bytes, _Kept] = {}  # by SID, the oldest first

    def keep(self, result: SessionResult, owner: ClientIdentity, host: str) -> None:
        """Keep a result; others make room for it.

        Args:
            host: of the client, to tell those apart that have shown nothing.
        """
        self._drop_old()
        until = self._clock() + self._limits.results_for
        self._kept[result.request.sid] = _Kept(result, owner, owner or host, until)
        # Whoever holds most gives way, so that nobody can push out the results of others (§6.5).
        while self._is_full():
            sizes: Counter[object] = Counter()
            for item in self._kept.values():
                sizes[item.holder] += 1 + len(item.result.records)
            ((most, _),) = sizes.most_common(1)
            del self._kept[next(sid for sid, item in self._kept.items() if item.holder == most)]

    def find(self, sid: bytes, client: ClientIdentity) -> SessionResult | None:
        """The result of a session; None if it is not kept, or not for this client."""
        self._drop_old()
        kept = self._kept.get(sid)
        return kept.result if kept is not None and may_fetch(kept.owner, client) else None

    def _drop_old(self) -> None:
        now = self._clock()
        self._kept = {sid: item for sid, item in self._kept.items() if item.until > now}

    def _is_full(self) -> bool:
        records = sum(len(item.result.records) for item in self._kept.values())
        return len(self._kept) > self._limits.results or records > self._limits.records

"""Servers that do something wrong: the reference's, changed by way of its public interface."""

from __future__ import annotations

from dataclasses import replace

from owamp_reference.connection import Server, ServerConfig, State
from owamp_reference.events import Event, Started, StopReceived, TestSession
from owamp_reference.messages import (
    Accept,
    FetchAck,
    FetchData,
    Request,
    SessionDescription,
    SetUpResponse,
)
from owamp_vectors.mistakes import MISTAKES


def has(events: list[Event], kind: type[Event]) -> bool:
    return any(isinstance(event, kind) for event in events)


def with_mistake(flag: str) -> type[Server]:
    """A `Server` that makes a named mistake; the client does not."""
    swaps = MISTAKES[flag].swaps
    assert all(isinstance(swap.owner, type) and issubclass(Server, swap.owner) for swap in swaps)
    return type(flag, (Server,), {swap.name: swap.replacement for swap in swaps})


# What the client says is read wrongly

CLIENT_IV = SetUpResponse.LAYOUT.size - 16
"""Where in the client's octets Client-IV is."""
FIRST_COMMAND = SetUpResponse.LAYOUT.size


class _Misreading(Server):
    place = 0
    octets_read = 0

    def receive(self, data: bytes) -> list[Event]:
        at = self.place - self.octets_read
        self.octets_read += len(data)
        if 0 <= at < len(data):
            data = data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]
        return super().receive(data)


def misreading(place: int) -> type[Server]:
    """One that takes the octet at this place of all that the client sends for another: its own IV,
    or its own HMAC, is then not the client's.
    """
    return type("Misreading", (_Misreading,), {"place": place})


# The connection ends without a word


class HangsUp(Server):
    """Ends the connection at Start-Sessions."""

    at: type[Event] = Started

    def receive(self, data: bytes) -> list[Event]:
        events = super().receive(data)
        if not has(events, self.at):
            return events
        self.data_to_send()  # which nobody gets
        return self.connection_lost()


class HangsUpAtStop(HangsUp):
    """The same at Stop-Sessions, and says none of its own before."""

    at = StopReceived

    def stop_sessions(
        self, sessions: tuple[SessionDescription, ...] = (), accept: Accept = Accept.OK
    ) -> None:
        del sessions, accept


class LeavesEarly(Server):
    """Starts the sessions, and ends the connection."""

    def receive(self, data: bytes) -> list[Event]:
        events = super().receive(data)
        return [*events, *self.connection_lost()] if has(events, Started) else events


class BreaksOff(LeavesEarly):
    """The same, inside of Start-Ack."""

    def data_to_send(self) -> bytes:
        data = super().data_to_send()
        return data[:16] if self.state is State.CLOSED else data


# Answers that are wrong


class WrongHmacs(Server):
    """Its Accept-Session has another HMAC."""

    is_answering = False

    def receive(self, data: bytes) -> list[Event]:
        events = super().receive(data)
        self.is_answering = has(events, TestSession)
        return events

    def data_to_send(self) -> bytes:
        data = super().data_to_send()
        return data[:-1] + bytes([data[-1] ^ 1]) if data and self.is_answering else data


class NoSid(Server):
    """The SIDs that it makes are zeros."""

    def _new_sid(self) -> bytes:
        return bytes(16)


def other_port(config: ServerConfig) -> Server:
    """Names a port at which nobody listens."""

    def policy(request: Request) -> tuple[Accept, int]:
        accept, port = config.policy(request)
        return accept, port ^ 1

    return Server(replace(config, policy=policy))


def refuses(config: ServerConfig) -> Server:
    """Grants no request."""
    accept = Accept.PERMANENT_RESOURCE_LIMITATION
    return Server(replace(config, policy=lambda _: (accept, 0)))


class DoesNotStart(Server):
    """Forgets the sessions that it accepted, and so refuses to start."""

    def receive(self, data: bytes) -> list[Event]:
        events = super().receive(data)
        if has(events, TestSession):
            self.sessions.clear()
        return events


class TalksOn(Server):
    """Says something after Stop-Sessions, which TWAMP does not answer."""

    more = b""

    def receive(self, data: bytes) -> list[Event]:
        events = super().receive(data)
        if has(events, StopReceived):
            self.more = bytes(32)
        return events

    def data_to_send(self) -> bytes:
        more, self.more = self.more, b""
        return super().data_to_send() + more


# Stop-Sessions and Fetch-Session

Descriptions = tuple[SessionDescription, ...]


class DescribesNothing(Server):
    """Leaves its own session out of Stop-Sessions."""

    def stop_sessions(self, sessions: Descriptions = (), accept: Accept = Accept.OK) -> None:
        running = [*self.sessions]
        self.sessions.clear()
        super().stop_sessions((), accept)
        if self.state is State.TESTING:
            self.sessions += running


class StopsByFailure(Server):
    def stop_sessions(self, sessions: Descriptions = (), accept: Accept = Accept.OK) -> None:
        super().stop_sessions(sessions, Accept.FAILURE)


class CountsWrongly(Server):
    """Says that it sent nothing."""

    def stop_sessions(self, sessions: Descriptions = (), accept: Accept = Accept.OK) -> None:
        super().stop_sessions(tuple(replace(item, next_seqno=0) for item in sessions), accept)


class FetchesNothing(Server):
    def answer_fetch(self, ack: FetchAck, data: FetchData | None = None) -> None:
        super().answer_fetch(FetchAck(1, 0, 0, 0, 0), None)


class FetchesOtherRecords(Server):
    """Changes a time, leaves a record out, and gives one that was never sent."""

    def answer_fetch(self, ack: FetchAck, data: FetchData | None = None) -> None:
        assert data is not None
        first, _, last = data.records
        records = (replace(first, send_timestamp=1), last, replace(last, seq_number=9), last)
        request = replace(data.request, receiver_port=1, padding_length=3)
        changed = FetchData(request, data.skip_ranges, records)
        super().answer_fetch(replace(ack, number_of_records=4, next_seqno=2), changed)


class FetchesOneTwice(Server):
    """Gives the first record twice, and no other."""

    def answer_fetch(self, ack: FetchAck, data: FetchData | None = None) -> None:
        assert data is not None
        changed = replace(data, records=(data.records[0], data.records[0]))
        super().answer_fetch(replace(ack, number_of_records=2), changed)

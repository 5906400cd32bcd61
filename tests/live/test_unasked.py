"""A server that says more than it is asked for, in one piece with its answer, or without end."""

from __future__ import annotations

from typing import Any

import pytest
from owamp_reference.connection import Server
from owamp_reference.events import Event, SetUp, Started, StopReceived, TestSession
from owamp_vectors.live.net.addresses import SocketAddress
from owamp_vectors.live.probe import sessions as probe_sessions
from owamp_vectors.live.probe.config import Direction
from owamp_vectors.live.serve import sessions as server_sessions

from ..reference.support import OWAMP, TWAMP, Setting
from .peers import PATIENCE, probe_of, wrongs
from .wrong_servers import has


def saying_more(behind: type[Event]) -> type[Server]:
    """One that sends 32 octets in one piece with the answer that an event brings about."""

    class SaysMore(Server):
        is_due = False

        def receive(self, data: bytes) -> list[Event]:
            events = super().receive(data)
            self.is_due = has(events, behind)
            return events

        def data_to_send(self) -> bytes:
            data = super().data_to_send()
            more, self.is_due = bytes(32) * self.is_due, False
            return data + more

    return SaysMore


@pytest.mark.parametrize("setting", [OWAMP, TWAMP], ids=str)
@pytest.mark.parametrize("behind", [SetUp, TestSession, Started, StopReceived])
def test_octets_behind_an_answer_end_the_probe_with_a_report(
    setting: Setting, behind: type[Event]
) -> None:
    report = probe_of(setting, saying_more(behind), loss_timeout=0.3)
    assert not report.is_right
    assert wrongs(report)


@pytest.mark.parametrize("setting", [OWAMP, TWAMP], ids=str)
def test_a_flood_of_test_packets_is_counted_and_not_kept(
    setting: Setting, monkeypatch: pytest.MonkeyPatch
) -> None:
    send = server_sessions.ServedSession.send

    def send_often(self: Any, data: bytes, destination: SocketAddress) -> bool:
        return all(send(self, data, destination) for _ in range(200))

    monkeypatch.setattr(server_sessions.ServedSession, "send", send_often)
    monkeypatch.setattr(probe_sessions, "_MORE_PACKETS", 10)
    report = probe_of(setting, count=2, direction=Direction.RECEIVE, loss_timeout=0.5)
    shown = [item for item in report.steps if item.name.endswith("-Test packet")]
    assert len(shown) <= 2 + 2 * 2 + 10
    said = [text for _, _, text in wrongs(report)]
    assert any(text.endswith("more packets came than are looked at") for text in said)


def test_large_packets_are_kept_up_to_so_many_octets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probe_sessions, "_MORE_OCTETS", 1000)
    send = server_sessions.ServedSession.send

    def send_more(self: Any, data: bytes, destination: SocketAddress) -> bool:
        return send(self, data + bytes(30_000), destination)

    monkeypatch.setattr(server_sessions.ServedSession, "send", send_more)
    report = probe_of(TWAMP, count=2, loss_timeout=0.5, timeout=PATIENCE)
    assert not [item for item in report.steps if len(item.octets) > 30_000]
    assert any(text.startswith("2 more packets") for _, _, text in wrongs(report))

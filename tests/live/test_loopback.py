"""The service and the probe against each other, in every mode."""

from __future__ import annotations

import asyncio
import socket
import struct
from dataclasses import replace
from pathlib import Path

import pytest
from owamp_reference import binding, ikev2
from owamp_reference.connection import Server, ServerConfig
from owamp_reference.messages import PacketRecord
from owamp_reference.negotiation import Credentials, Protocol
from owamp_reference.sources import system_clock
from owamp_vectors.live.capture.capture import Capture
from owamp_vectors.live.observe.captured import report_capture
from owamp_vectors.live.observe.steps import Who, any_wrong, text_lines
from owamp_vectors.live.probe.config import Direction
from owamp_vectors.live.probe.probe import ProbeReport, run_probe
from owamp_vectors.live.secrets import Secrets
from owamp_vectors.live.serve import policy as server_policy
from owamp_vectors.live.serve import sessions as server_sessions
from owamp_vectors.live.serve.server import Service, ServiceConfig

from ..reference.support import OWAMP, SETTINGS, SID, SPI_I, SPI_R, TWAMP, Setting
from .peers import SECRETS, client_of, named, plan, probe_of, probed, run, serving


def of(protocol: Protocol) -> list[Setting]:
    return [setting for setting in SETTINGS if setting.protocol is protocol]


def right(report: ProbeReport) -> ProbeReport:
    """The report, in which everything is right."""
    assert report.is_right, "\n".join(text_lines(report.steps))
    return report


def all_right(settings: list[Setting], direction: Direction) -> list[ProbeReport]:
    """The reports on a service for each setting, all at once; everything in them is right."""

    async def one(setting: Setting) -> ProbeReport:
        async with serving(setting) as running:
            return await probed(setting, running, direction=direction)

    async def main() -> list[ProbeReport]:
        return await asyncio.gather(*map(one, settings))

    return [right(report) for report in run(main())]


def test_everything_is_right_in_every_mode_of_twamp() -> None:
    for report in all_right(of(Protocol.TWAMP), Direction.SEND):
        names = [item.name for item in report.steps]
        assert names[:3] == ["Server-Greeting", "Set-Up-Response", "Server-Start"]
        who = [item.who for item in named(report, "TWAMP-Test packet")]
        assert (who.count(Who.SENDER), who.count(Who.REFLECTOR)) == (3, 3)
        assert "3 of 3" in named(report, "Test packets")[0].text


def test_everything_is_right_in_every_mode_of_owamp() -> None:
    for report in all_right(of(Protocol.OWAMP), Direction.SEND):
        assert len(named(report, "OWAMP-Test packet")) == 3
        assert named(report, "Fetch-Session data")
        assert "3 of 3" in named(report, "Fetched records")[0].text


def test_the_server_of_owamp_sends_when_asked_to() -> None:
    for report in all_right(of(Protocol.OWAMP), Direction.RECEIVE):
        assert "3 of 3 test packets arrived" in named(report, "Test packets")[0].text
        assert "3 of 3 test packets were sent" in named(report, "Session description")[0].text


def test_both_directions_run_in_one_connection() -> None:
    report = right(probe_of(OWAMP, direction=Direction.BOTH))
    assert len(named(report, "Accept-Session")) == 2
    assert len(named(report, "Test packets")) == 2


@pytest.mark.parametrize("setting", [OWAMP, TWAMP], ids=str)
def test_padding_is_as_asked_for(setting: Setting) -> None:
    sizes = [0, 27, 64, 1400]

    async def main() -> list[ProbeReport]:
        async with serving(setting) as running:
            runs = [probed(setting, running, padding=size, count=1) for size in sizes]
            return await asyncio.gather(*runs)

    for size, report in zip(sizes, run(main()), strict=True):
        right(report)
        sent = next(item for item in report.steps if item.name.endswith("-Test packet"))
        assert len(sent.octets) == 48 + size


def test_keymat_and_a_sid_known_beforehand_serve_as_the_secret() -> None:
    secret = binding.shared_secret_from_keymat(ikev2.PRF_HMAC_SHA1, bytes(72), SID)
    credentials = Credentials.from_ikev2(SPI_I, SPI_R, secret)

    async def main() -> ProbeReport:
        setting = replace(TWAMP, ikev2_derived=True, given=credentials)
        config = ServiceConfig(Protocol.TWAMP, setting.mode, Secrets((credentials,)))
        service = Service(config)
        (address,) = await service.start("127.0.0.1", 0)
        try:
            return await run_probe(plan(setting), "127.0.0.1", address[1])
        finally:
            await service.close()

    right(run(main()))


def has_ipv6() -> bool:
    try:
        with socket.socket(socket.AF_INET6) as tried:
            tried.bind(("::1", 0))
    except OSError:
        return False
    return True


@pytest.mark.skipif(not has_ipv6(), reason="no IPv6 on loopback")
@pytest.mark.parametrize("setting", [OWAMP, TWAMP], ids=str)
def test_ipv6(setting: Setting) -> None:
    async def main() -> ProbeReport:
        async with serving(setting, host="::1") as running:
            direction = Direction.BOTH
            return await run_probe(plan(setting, direction=direction), "::1", running.port)

    report = right(run(main()))
    (part,) = named(report, "Accept-Session")[0].parts[:1]
    assert part.octets[4:8] == bytes([0, 0, 0, 1])  # the end of ::1, in the SID
    records = [
        PacketRecord(**part.layout.unpack(part.octets))
        for item in named(report, "Fetch-Session data")
        for part in item.parts
        if part.layout is PacketRecord.LAYOUT
    ]
    assert [record.ttl for record in records] == [255] * (3 if setting is OWAMP else 0)


V4_ADDRESS = bytes([127, 0, 0, 1])


@pytest.mark.skipif(not has_ipv6(), reason="no IPv6 on loopback")
@pytest.mark.skipif(not socket.has_dualstack_ipv6(), reason="no sockets of both families")
@pytest.mark.parametrize("setting", [OWAMP, TWAMP], ids=str)
def test_a_service_of_both_families(setting: Setting, tmp_path: Path) -> None:
    capture = Capture(tmp_path / "seen.pcap")
    hosts = ("127.0.0.1", "::1")

    async def main() -> tuple[list[ProbeReport], list[str], int]:
        async with serving(setting, host="::", capture=capture) as running:
            config = plan(setting, direction=Direction.BOTH)
            probes = [run_probe(config, host, running.port) for host in hosts]
            return await asyncio.gather(*probes), running.log, running.port

    reports, log, port = run(main())
    versions = []
    for report in reports:
        right(report)
        sessions = [item for item in report.steps if item.name.startswith("Request-")]
        versions.append({item.parts[0].octets[1] for item in sessions})
        sid = named(report, "Accept-Session")[0].parts[0].octets[4:8]
        assert sid == (V4_ADDRESS if report is reports[0] else bytes([0, 0, 0, 1]))
    assert versions == [{4}, {6}]
    assert any(line.startswith("127.0.0.1:") for line in log)
    assert any(line.startswith("[::1]:") for line in log)
    assert not any("::ffff:" in line for line in log)
    capture.close()
    seen = report_capture(tmp_path / "seen.pcap", [setting.credentials], setting.protocol, [port])
    assert {item.client[0] for item in seen} == {item.server[0] for item in seen} == set(hosts)
    assert not any(any_wrong(item.steps) for item in seen)


@pytest.mark.skipif(not has_ipv6(), reason="no IPv6 on loopback")
def test_a_service_at_several_addresses() -> None:
    async def main() -> list[ProbeReport]:
        config = ServiceConfig(Protocol.TWAMP, TWAMP.mode, SECRETS)
        service = Service(config)
        addresses = await service.start(["127.0.0.1", "::1"], 0)
        try:
            probes = [run_probe(plan(TWAMP), *address[:2]) for address in addresses]
            return await asyncio.gather(*probes)
        finally:
            await service.close()

    reports = run(main())
    assert len(reports) == 2
    for report in reports:
        right(report)


@pytest.mark.skipif(not has_ipv6(), reason="no IPv6 on loopback")
def test_an_ipv4_host_in_ipv6_is_one_of_ipv4() -> None:
    async def main() -> ProbeReport:
        async with serving(TWAMP) as running:
            return await run_probe(plan(TWAMP), "::ffff:127.0.0.1", running.port)

    (request,) = named(right(run(main())), "Request-TW-Session")
    assert request.parts[0].octets[1] == 4
    assert request.parts[0].octets[16:20] == V4_ADDRESS


def test_a_service_goes_on_after_a_session() -> None:
    async def main() -> list[ProbeReport]:
        async with serving(TWAMP) as running:
            return [await probed(TWAMP, running) for _ in range(3)]

    for report in run(main()):
        right(report)


@pytest.mark.parametrize("setting", [OWAMP, TWAMP], ids=str)
def test_sessions_at_once_do_not_mix(setting: Setting) -> None:
    async def main() -> list[ProbeReport]:
        async with serving(setting) as running:
            return await asyncio.gather(*(probed(setting, running) for _ in range(20)))

    sids = set()
    for report in run(main()):
        right(report)
        sids.add(named(report, "Accept-Session")[0].parts[0].octets[4:20])
    assert len(sids) == 20


@pytest.mark.parametrize("setting", [OWAMP, TWAMP], ids=str)
def test_captures_of_both_ends_give_the_report_of_the_probe(
    setting: Setting, tmp_path: Path
) -> None:
    paths = [tmp_path / "server.pcap", tmp_path / "probe.pcap"]
    captures = [Capture(path) for path in paths]

    async def main() -> tuple[ProbeReport, int]:
        async with serving(setting, capture=captures[0]) as running:
            config = plan(setting, direction=Direction.BOTH)
            return await run_probe(config, "127.0.0.1", running.port, captures[1]), running.port

    report, port = run(main())
    added = {
        "Test packets",
        "Session description",
        "Fetched records",
    }  # by the probe, which knows what it sent
    expected = [(item.name, item.octets) for item in report.steps if item.name not in added]
    for capture, path in zip(captures, paths, strict=True):
        capture.close()
        (seen,) = report_capture(path, [setting.credentials], setting.protocol, [port])
        found = [(item.name, item.octets) for item in seen.steps]
        assert sorted(found) == sorted(expected)
        assert {item.severity.value for item in seen.steps} <= {"ok", "note"}


def test_the_reset_of_a_client_is_its_own_in_the_capture(tmp_path: Path) -> None:
    path = tmp_path / "seen.pcap"
    capture = Capture(path)

    async def main() -> int:
        async with serving(TWAMP, capture=capture) as running:
            client = await client_of(TWAMP, running)
            bound = client.writer.get_extra_info("socket")
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            client.writer.transport.abort()
            await running.logged("closed: ")
            return running.port

    port = run(main())
    capture.close()
    (seen,) = report_capture(path, [TWAMP.credentials], TWAMP.protocol, [port])
    assert (seen.steps[-1].name, seen.steps[-1].who) == ("end", Who.CLIENT)


def test_clocks_that_are_further_apart_than_timeout_are_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """RFC 4656 §4.2: the receiver has to discard every packet."""
    hour = 3600 << 32
    for module in (server_sessions, server_policy):
        monkeypatch.setattr(module, "system_clock", lambda: system_clock() + hour)

    def ahead(config: ServerConfig) -> Server:
        return Server(config, clock=lambda: system_clock() + hour)

    report = probe_of(OWAMP, ahead)
    assert not any_wrong(report.steps), "\n".join(text_lines(report.steps))
    (records,) = named(report, "Fetched records")
    assert "the receiver's clock is 3600 s ahead of the one here" in records.text


def test_a_capture_stops_at_its_limit(tmp_path: Path) -> None:
    capture = Capture(tmp_path / "all.pcap", limit=1000)

    async def main() -> tuple[ProbeReport, int]:
        async with serving(TWAMP, capture=capture) as running:
            return await probed(TWAMP, running), running.port

    report, port = run(main())
    right(report)
    capture.close()
    (seen,) = report_capture(tmp_path / "all.pcap", ports=[port])
    # They take 930 octets of the file; the request would take 182 more.
    names = ["Server-Greeting", "Set-Up-Response", "Server-Start"]
    assert [item.name for item in seen.steps] == names

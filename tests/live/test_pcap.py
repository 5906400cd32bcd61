"""Captures: read back as they were written, by way of every kind of file, and of damaged ones."""

from __future__ import annotations

import gzip
import shutil
import struct
import subprocess
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from owamp_reference.negotiation import Protocol
from owamp_vectors.disk import FileError
from owamp_vectors.live.capture import frames
from owamp_vectors.live.capture.capture import Capture
from owamp_vectors.live.capture.frames import FrameReader, TcpFlag, TcpSegment, UdpDatagram
from owamp_vectors.live.capture.reassembly import Reassembly
from owamp_vectors.live.capture.writer import CaptureWriter
from owamp_vectors.live.observe.captured import ConnectionReport, report_capture
from owamp_vectors.live.observe.steps import Severity, Step, Who, any_wrong, text_lines

from ..reference.support import OWAMP, SETTINGS, TWAMP, Setting
from .support import CREDENTIALS, OPEN, START, V4, V6, Session

BOTH = pytest.mark.parametrize("addresses", [V4, V6], ids=["IPv4", "IPv6"])
HEADER, RECORD = 24, 16


def packets_of(capture: bytes) -> list[bytes]:
    """The frames in a file of `CaptureWriter`."""
    found = []
    place = HEADER
    while place < len(capture):
        (size,) = struct.unpack_from("<I", capture, place + 8)
        place += RECORD
        found.append(capture[place : place + size])
        place += size
    return found


def pcap(
    packets: Iterable[bytes], link_type: int, magic: int = 0xA1B2C3D4, order: str = "<"
) -> bytes:
    """A classic pcap file, one packet in each of its units of time."""
    file = struct.pack(order + "IHHiIII", magic, 2, 4, 0, 0, 65535, link_type)
    for number, data in enumerate(packets):
        file += struct.pack(order + "IIII", 1_700_000_000, number, len(data), len(data)) + data
    return file


def block(order: str, kind: int, body: bytes) -> bytes:
    body += bytes(-len(body) % 4)
    size = struct.pack(order + "I", len(body) + 12)
    return struct.pack(order + "I", kind) + size + body + size


def option(order: str, code: int, value: bytes) -> bytes:
    return struct.pack(order + "HH", code, len(value)) + value + bytes(-len(value) % 4)


def pcapng(packets: Iterable[bytes], link_type: int, order: str = "<", kind: int = 6) -> bytes:
    """A pcapng file with times in units of 2^-20 s, counted from 100 s after 1970."""
    section = struct.pack(order + "IHHq", 0x1A2B3C4D, 1, 0, -1)
    options = option(order, 9, bytes([0x80 | 20])) + option(
        order, 14, struct.pack(order + "q", 100)
    )
    options += option(order, 2, b"eth0") + option(order, 0, b"")
    file = block(order, 0x0A0D0D0A, section)
    file += block(order, 1, struct.pack(order + "HHI", link_type, 0, 0) + options)
    file += block(order, 5, bytes(12))  # statistics, to be skipped
    for number, data in enumerate(packets):
        time = ((1_700_000_000 - 100) << 20) + number
        times = struct.pack(order + "II", time >> 32, time % 2**32)
        sizes = struct.pack(order + "II", len(data), len(data))
        if kind == 6:
            body = struct.pack(order + "I", 0) + times + sizes + data
        elif kind == 2:
            body = struct.pack(order + "HH", 0, 0) + times + sizes + data
        else:
            body = struct.pack(order + "I", len(data)) + data
        file += block(order, kind, body)
    return file


@pytest.fixture
def report(tmp_path: Path) -> Callable[..., list[ConnectionReport]]:
    """The reports on a file with these octets."""

    def of(octets: bytes, **changes: Any) -> list[ConnectionReport]:
        path = tmp_path / "capture.pcap"
        path.write_bytes(octets)
        return report_capture(path, **{"credentials": CREDENTIALS} | changes)

    return of


Report = Callable[..., list[ConnectionReport]]


def said(steps: Iterable[Step]) -> list[tuple[str, Who, Any, bytes]]:
    """Steps without their time."""
    return [(step.name, step.who, step.remarks, step.octets) for step in steps]


def lines(reports: list[ConnectionReport]) -> str:
    return "\n".join(line for item in reports for line in text_lines(item.steps))


# Written and read


@pytest.mark.parametrize("setting", SETTINGS, ids=str)
@BOTH
@pytest.mark.parametrize("ethernet", [True, False], ids=["Ethernet", "raw IP"])
def test_a_capture_says_what_the_observer_says(
    setting: Setting, addresses: tuple[str, str], ethernet: bool, report: Report
) -> None:
    session = Session(setting, addresses).run()
    capture = session.capture(CaptureWriter(ethernet=ethernet))
    (found,) = report(capture.to_octets())
    assert found.steps == tuple(session.observed())
    assert found.client == session.client_address
    assert found.server == session.server_address
    assert found.protocol is setting.protocol
    assert {step.severity for step in found.steps} == {Severity.OK}


def test_large_messages_are_sent_in_several_segments(report: Report) -> None:
    session = Session(OPEN)
    session.pump()
    session.client.request_session(
        OPEN.request(slots=OPEN.request().slots * 300)  # type: ignore[union-attr]
    )
    session.pump()
    session.close()
    (found,) = report(session.capture().to_octets())
    assert found.steps == tuple(session.observed())
    assert len(found.steps[3].octets) == 112 + 300 * 16 + 16


def test_a_capture_is_in_its_file_as_it_grows(tmp_path: Path) -> None:
    path = tmp_path / "new" / "c.pcap"
    capture = Capture(path)
    capture.udp(b"one", (V4[0], 1), (V4[1], 2), None)
    first = path.read_bytes()
    capture.udp(b"", (V4[0], 1), (V4[1], 2), None)
    assert path.read_bytes()[: len(first)] == first
    assert len(packets_of(path.read_bytes())) == 2
    capture.close()
    with pytest.raises(FileError, match="cannot be written"):
        Capture(path / "below")


def test_the_bound_of_a_capture_is_that_of_its_file(tmp_path: Path) -> None:
    path = tmp_path / "c.pcap"
    capture = Capture(path, limit=500)
    for _ in range(100):
        capture.udp(b"", (V4[0], 1), (V4[1], 2), None)
    capture.close()
    assert 400 < path.stat().st_size <= 500


def test_a_payload_larger_than_udp_allows_is_refused() -> None:
    with pytest.raises(ValueError, match="at most 65507"):
        CaptureWriter().udp((V4[0], 1), (V4[1], 2), bytes(65508), START)


def test_several_connections_are_reported_one_by_one(report: Report) -> None:
    writer = CaptureWriter()
    first = Session(OWAMP).run()
    second = Session(TWAMP, ("192.0.2.7", "192.0.2.8")).run()
    again = Session(OWAMP, now=START + 10**9).run()  # the same addresses and ports
    for session in (first, second, again):
        session.capture(writer)
    found = report(writer.to_octets())
    expected = [session.observed() for session in (first, second, again)]
    assert [item.steps for item in found] == [tuple(steps) for steps in expected]


def test_a_challenge_that_is_used_again_is_wrong(report: Report) -> None:
    writer = CaptureWriter()
    for setting, host in ((OWAMP, "192.0.2.7"), (OWAMP, "192.0.2.8"), (OPEN, "192.0.2.9")):
        Session(setting, (host, V4[1]), seed="the same").run().capture(writer)
    first, second, in_clear = report(writer.to_octets())
    assert not any_wrong(first.steps)
    assert not any_wrong(in_clear.steps)  # where a Challenge has no use
    last = second.steps[-1]
    assert (last.severity, last.who, last.source) == (Severity.WRONG, Who.SERVER, "RFC 4656 §3.1")
    assert last.text == "Challenge: expected new octets, found those of connection 1"


def test_a_server_on_another_port_is_named_by_the_caller(report: Report) -> None:
    session = Session(TWAMP)
    session.server_address = V4[1], 8620
    octets = session.run().capture().to_octets()
    assert report(octets) == []
    (found,) = report(octets, ports=[8620])
    assert found.protocol is Protocol.TWAMP
    (found,) = report(octets, ports=[8620], protocol=Protocol.TWAMP)
    assert {step.severity for step in found.steps} == {Severity.OK}


def test_other_traffic_is_left_alone(report: Report) -> None:
    session = Session(TWAMP).run()
    writer = CaptureWriter()
    writer.udp((V4[0], 53), (V4[1], 40001), b"not a test packet", START)
    other = writer.open_tcp((V4[0], 40000), (V4[1], 80), START)
    other.client_octets(b"GET", START)
    other.close(START)
    other.close(START)
    session.capture(writer)
    (found,) = report(writer.to_octets())
    assert found.steps == tuple(session.observed())


def test_test_packets_of_unknown_sessions_are_told_from_other_traffic(report: Report) -> None:
    session = Session(TWAMP, packets=1).run()
    writer = session.capture()
    writer.udp((V4[0], 53), (V4[1], 40001), b"x", session.now)
    writer.udp(("192.0.2.99", 5000), (V4[1], 6000), b"x", session.now)
    (found,) = report(writer.to_octets(), credentials=())
    assert sum(step.name == "test packet" for step in found.steps) == 2


def test_translated_addresses_of_test_packets_do_not_matter(report: Report) -> None:
    session = Session(TWAMP, packets=1).run()
    session.seen = [
        item._replace(
            source=("10.0.0.1", item.source[1]), destination=("10.0.0.2", item.destination[1])
        )
        if item.who in (Who.SENDER, Who.REFLECTOR)
        else item
        for item in session.seen
    ]
    (found,) = report(session.capture().to_octets())
    assert said(found.steps) == said(session.observed())


# Kinds of files and links

LINKS: dict[int, Callable[[bytes], bytes]] = {
    0: lambda ip: struct.pack("<I", 2) + ip,
    1: lambda ip: bytes(12) + kind_of(ip) + ip,
    12: lambda ip: ip,
    101: lambda ip: ip,
    108: lambda ip: struct.pack(">I", 2) + ip,
    113: lambda ip: bytes(14) + kind_of(ip) + ip,
    228: lambda ip: ip,
    276: lambda ip: kind_of(ip) + bytes(18) + ip,
}


def kind_of(ip: bytes) -> bytes:
    return b"\x86\xdd" if ip[0] >> 4 == 6 else b"\x08\0"


@pytest.mark.parametrize("link_type", LINKS)
@BOTH
def test_every_link_is_read(link_type: int, addresses: tuple[str, str], report: Report) -> None:
    session = Session(TWAMP, addresses).run()
    packets = packets_of(session.capture(CaptureWriter(ethernet=False)).to_octets())
    (found,) = report(pcap(map(LINKS[link_type], packets), link_type))
    assert said(found.steps) == said(session.observed())


def test_a_vlan_tag_is_skipped(report: Report) -> None:
    session = Session(TWAMP).run()
    packets = packets_of(session.capture().to_octets())
    tagged = [data[:12] + b"\x81\0\0\7" + data[12:] for data in packets]
    (found,) = report(pcap(tagged, 1))
    assert said(found.steps) == said(session.observed())


@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize(("magic", "fraction"), [(0xA1B2C3D4, 3000), (0xA1B23C4D, 3)])
def test_both_orders_and_resolutions_of_pcap_are_read(
    order: str, magic: int, fraction: int, report: Report
) -> None:
    packets = packets_of(Session(OPEN).run().capture().to_octets())
    (found,) = report(pcap(packets, 1, magic, order))
    assert found.steps[0].time == 1_700_000_000 * 10**9 + fraction


@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize(("kind", "has_time"), [(6, True), (2, True), (3, False)])
def test_all_packet_blocks_of_pcapng_are_read(
    order: str, kind: int, has_time: bool, report: Report
) -> None:
    session = Session(TWAMP).run()
    packets = packets_of(session.capture().to_octets())
    file = pcapng(packets[:9], 1, order, kind) + pcapng(packets[9:], 1, order, kind)
    (found,) = report(file)
    assert said(found.steps) == said(session.observed())
    assert found.steps[0].time == (1_700_000_000 * 10**9 + (3 * 10**9 >> 20) if has_time else None)


@pytest.mark.skipif(shutil.which("editcap") is None, reason="editcap (Wireshark) is not installed")
@pytest.mark.parametrize("kind", ["pcapng", "pcap", "nsecpcap"])
def test_files_of_wireshark_are_read(kind: str, tmp_path: Path) -> None:
    session = Session(TWAMP).run()
    ours, theirs = tmp_path / "ours.pcap", tmp_path / "theirs"
    ours.write_bytes(session.capture().to_octets())
    subprocess.run(["editcap", "-F", kind, str(ours), str(theirs)], check=True, capture_output=True)
    (found,) = report_capture(theirs, CREDENTIALS)
    assert found.steps == tuple(session.observed())


# TCP


@given(order=st.permutations(range(3)), again=st.integers(0, 2), size=st.integers(1, 90))
def test_segments_in_any_order_and_again_give_the_octets_once(
    order: list[int], again: int, size: int
) -> None:
    data = bytes(range(256))
    first = 2**32 - 40  # the numbers wrap around
    direction = Reassembly()
    direction.add(TcpSegment(("a", 1), ("b", 2), first - 1, 0, TcpFlag.SYN))
    starts = [0, size, 2 * size]
    ends = [size, 2 * size, len(data)]
    given_octets = b""
    for number in [*order[:2], again, *order]:
        # Each reaches some octets into the next, as a retransmission may.
        piece = data[starts[number] : ends[number] + 5]
        segment = TcpSegment(
            ("a", 1), ("b", 2), (first + starts[number]) % 2**32, 0, TcpFlag.ACK, piece
        )
        given_octets += direction.add(segment)
    assert given_octets == data
    assert direction.unfilled() == 0
    fin = TcpSegment(("a", 1), ("b", 2), (first + 256) % 2**32, 0, TcpFlag.FIN)
    assert direction.add(fin) == b""
    assert direction.is_finished


def test_retransmitted_and_reordered_packets_change_nothing(report: Report) -> None:
    session = Session(TWAMP).run()
    packets = packets_of(session.capture().to_octets())
    # The handshake is 0-2; then data and acknowledgement take turns.
    shuffled = [*packets[:3], packets[3], packets[3], *packets[4:9], packets[9], packets[3]]
    (found,) = report(pcap([*shuffled, *packets[10:]], 1))
    assert said(found.steps) == said(session.observed())
    late = [*packets[:3], packets[4], packets[3], *packets[5:]]
    (found,) = report(pcap(late, 1))
    assert found.steps[0].name == "gap"  # acknowledged, so it must have been there


def test_octets_that_were_not_captured_end_the_check(report: Report) -> None:
    session = Session(TWAMP).run()
    packets = packets_of(session.capture().to_octets())
    request = next(n for n, data in enumerate(packets) if len(data) == 54 + 112)
    (found,) = report(pcap(packets[:request] + packets[request + 1 :], 1))
    assert not any_wrong(found.steps), lines([found])
    gap = found.steps[3]
    assert (gap.name, gap.who, gap.severity) == ("gap", Who.CLIENT, Severity.NOTE)
    assert gap.text.startswith("112 octets were not captured")
    # Without the acknowledgements it is known only at the end.
    data_alone = [data for n, data in enumerate(packets) if len(data) > 54 and n != request]
    kept = packets[:3] + [data for data in data_alone if data[34:36] == b"\x9c\x40"]
    kept = [data for data in kept if len(data) > 54 or data[47] & TcpFlag.SYN]
    (found,) = report(pcap(kept, 1))
    assert not [step for step in found.steps if step.name == "end"]


def test_a_capture_that_begins_inside_a_connection_says_so(report: Report) -> None:
    packets = packets_of(Session(TWAMP).run().capture().to_octets())
    for start in (3, 4, 12):
        (found,) = report(pcap(packets[start:], 1))
        assert found.steps[0].text.startswith("the capture begins inside the connection")
        assert not any_wrong(found.steps)


def test_a_first_syn_that_was_not_captured_does_not_matter(report: Report) -> None:
    session = Session(TWAMP).run()
    (found,) = report(pcap(packets_of(session.capture().to_octets())[1:], 1))
    assert said(found.steps) == said(session.observed())


def test_a_reset_ends_a_connection(report: Report) -> None:
    session = Session(TWAMP)
    session.pump()
    writer = CaptureWriter(ethernet=False)
    session.capture(writer)
    packets = packets_of(writer.to_octets())
    ends = session.client_address, session.server_address
    reset = frames.tcp_packet(TcpSegment(*ends, 1000 + 1 + 164, 0, TcpFlag.RST))
    (found,) = report(pcap([*packets, reset], 101))
    assert (found.steps[-1].name, found.steps[-1].who) == ("end", Who.CLIENT)
    assert found.steps[-1].severity is Severity.OK


# IP


def fragments(ip: bytes, size: int) -> list[bytes]:
    """An IPv4 packet in fragments of `size` octets of payload."""
    head, payload = ip[:20], ip[20:]
    parts = []
    for start in range(0, len(payload), size):
        part = payload[start : start + size]
        place = start // 8 | (0x2000 if start + size < len(payload) else 0)
        parts.append(head[:2] + struct.pack(">HHH", 20 + len(part), 77, place) + head[8:] + part)
    return parts


def fragments_v6(ip: bytes, size: int) -> list[bytes]:
    """An IPv6 packet in fragments, behind a hop-by-hop header."""
    payload = ip[40:]
    parts = []
    for start in range(0, len(payload), size):
        part = payload[start : start + size]
        more = start + size < len(payload)
        skipped = bytes([44, 0]) + bytes(6)
        head = struct.pack(">BBHI", ip[6], 0, start | more, 77)
        size_octets = struct.pack(">H", len(skipped) + len(head) + len(part))
        parts.append(ip[:4] + size_octets + b"\0" + ip[7:40] + skipped + head + part)
    return parts


@BOTH
@given(order=st.permutations(range(4)), payload=st.binary(min_size=80, max_size=87))
def test_fragments_of_a_datagram_are_put_together(
    addresses: tuple[str, str], order: list[int], payload: bytes
) -> None:
    datagram = UdpDatagram((addresses[0], 5000), (addresses[1], 6000), payload, 61)
    packet = frames.udp_packet(datagram)
    parts = fragments(packet, 24) if addresses is V4 else fragments_v6(packet, 24)
    assert len(parts) == 4
    reader = FrameReader()
    found = [reader.read(101, parts[number]) for number in order]
    assert found == [None, None, None, datagram]


def test_not_too_many_fragments_are_held() -> None:
    reader = FrameReader()
    datagram = UdpDatagram((V4[0], 5000), (V4[1], 6000), bytes(100), 61)
    first, last = fragments(frames.udp_packet(datagram), 64)
    assert reader.read(101, first) is None
    for number in range(64):
        other = first[:4] + struct.pack(">H", 1000 + number) + first[6:]
        assert reader.read(101, other) is None
    assert reader.read(101, last) is None  # the first was given up


def test_a_test_packet_of_which_a_part_was_captured_is_a_note(report: Report) -> None:
    session = Session(TWAMP, packets=1).run()
    packets = packets_of(session.capture().to_octets())
    cut = [data[:60] if data[23] == 17 else data for data in packets]
    (found,) = report(pcap(cut, 1))
    notes = [step for step in found.steps if step.severity is Severity.NOTE]
    assert len(notes) == 2
    assert "octets of a test packet were not captured" in notes[0].text


@given(link_type=st.sampled_from([*LINKS, 229]), data=st.binary(max_size=80), v6=st.booleans())
def test_any_frame_is_read_without_an_exception(link_type: int, data: bytes, v6: bool) -> None:
    reader = FrameReader()
    reader.read(link_type, data)
    if link_type in LINKS:
        reader.read(link_type, LINKS[link_type](bytes([0x60 if v6 else 0x45]) + data))


def test_headers_that_say_they_are_too_short_are_left_alone() -> None:
    reader = FrameReader()
    packet = frames.tcp_packet(TcpSegment((V4[0], 1), (V4[1], 2), 0, 0, TcpFlag.ACK, b"x"))
    assert reader.read(101, packet) is not None
    assert reader.read(101, b"\x44" + packet[1:]) is None
    assert reader.read(101, packet[:32] + b"\x40" + packet[33:]) is None
    assert reader.read(101, b"\x55" + packet[1:]) is None
    assert reader.read(101, packet[:9] + b"\1" + packet[10:]) is None  # ICMP


# Damage


@pytest.mark.parametrize(
    ("octets", "text"),
    [
        (b"", r"expected a capture \(pcap or pcapng\), found an empty file"),
        (b"\x7fELF1234", "found 7f454c46"),
        (gzip.compress(b"x", mtime=0), "compressed by gzip"),
        (pcap([], 1)[:20], "cut off: expected 20 more octets, found 16"),
        (pcap([b"x"], 1)[:-1], "cut off: expected 1 more octets, found 0"),
        (pcap([b"x"], 147), "found link type 147"),
        (pcapng([b"x"], 1)[:10], "cut off"),
        (pcapng([b"x"], 1)[:8] + b"abcd", "byte-order magic, found 61626364"),
        (pcapng([], 1) + b"\6\0\0\0\x0b\0\0\0", "the size of a block, found 11"),
        (pcapng([], 1) + b"\6\0", "cut off: expected 4 octets, found 2"),
        (pcapng([], 1) + block("<", 6, b"1234"), "a block of type 6 with another content"),
        (pcapng([], 1) + block("<", 6, b"\7" + bytes(19)), "a block of type 6"),
        (pcap([], 1) + b"\xff" * 16, "at most 16777216 octets"),
    ],
)
def test_what_is_not_a_capture_gives_one_clear_error(
    octets: bytes, text: str, report: Report
) -> None:
    with pytest.raises(FileError, match=text) as caught:
        report(octets)
    assert "\n" not in str(caught.value)
    assert "capture.pcap: " in str(caught.value)


def test_a_file_that_cannot_be_read_gives_one_clear_error(tmp_path: Path) -> None:
    with pytest.raises(FileError, match="cannot be read: No such file"):
        report_capture(tmp_path / "none.pcap")


def report_or_error(
    factory: pytest.TempPathFactory, octets: bytes
) -> tuple[list[ConnectionReport], str]:
    """The reports on a file with these octets, or its one-line error."""
    path = factory.mktemp("any") / "c.pcap"
    path.write_bytes(octets)
    error = ""
    found: list[ConnectionReport] = []
    try:
        found = report_capture(path, CREDENTIALS)
    except FileError as caught:
        error = str(caught)
    assert error.isprintable()
    return found, error


@given(setting=st.sampled_from([OWAMP, TWAMP, OPEN]), size=st.integers(0, 10**4))
def test_a_capture_cut_anywhere_is_reported_as_far_as_it_goes(
    tmp_path_factory: pytest.TempPathFactory, setting: Setting, size: int
) -> None:
    session = Session(setting, packets=1).run()
    octets = session.capture().to_octets()
    found, error = report_or_error(tmp_path_factory, octets[: size % len(octets)])
    if error:
        assert "cut off" in error or "expected a capture" in error
    assert len(found) <= 1
    assert not any_wrong(step for item in found for step in item.steps), lines(found)
    whole = said(session.observed())
    for item in found:
        kept = [step for step in item.steps if step.severity is Severity.OK]
        assert said(kept) == whole[: len(kept)]


@given(
    setting=st.sampled_from([OWAMP, TWAMP, OPEN]),
    places=st.lists(st.tuples(st.integers(0, 10**4), st.integers(1, 255)), max_size=4),
)
def test_octets_turned_over_anywhere_give_a_report_or_one_error(
    tmp_path_factory: pytest.TempPathFactory,
    setting: Setting,
    places: list[tuple[int, int]],
) -> None:
    octets = bytearray(Session(setting, packets=1).run().capture().to_octets())
    for place, change in places:
        octets[place % len(octets)] ^= change
    found, error = report_or_error(tmp_path_factory, bytes(octets))
    assert error or all(item.steps for item in found)
    assert all(line.isprintable() for line in lines(found).splitlines())


@given(body=st.binary(max_size=200), start=st.sampled_from([pcap([], 1), pcapng([], 101)]))
def test_any_octets_after_a_header_give_a_report_or_one_error(
    tmp_path_factory: pytest.TempPathFactory, body: bytes, start: bytes
) -> None:
    report_or_error(tmp_path_factory, start + body)

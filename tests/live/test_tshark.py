"""Our captures in tshark: whole for TCP/IP, and each field that it dissects equal to ours.

`CONTROL_FIELDS`, `TEST_FIELDS` and `ESTIMATE_FIELDS` are the fields that are compared;
`tshark -G fields` has no others of OWAMP and TWAMP. Where the dissector (of 4.0) departs from the
RFCs, both values are asserted, in the tests named ``test_the_dissector_…``.
"""

from __future__ import annotations

import ipaddress
import json
import os
import re
import shutil
import subprocess
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from owamp_reference.negotiation import Mode, Protocol
from owamp_reference.packets import ErrorEstimate
from owamp_reference.sources import NTP_EPOCH_OFFSET
from owamp_vectors.live.capture.writer import CaptureWriter
from owamp_vectors.live.observe.steps import Part, Step, Who

from ..reference.support import SETTINGS, Setting
from .support import OPEN, OPEN_TW, PADDING, Session

TSHARK = shutil.which("tshark")
pytestmark = pytest.mark.skipif(TSHARK is None, reason="tshark is not installed")
TWAMP_SETTINGS = [setting for setting in SETTINGS if setting.protocol is Protocol.TWAMP]


class Frame(NamedTuple):
    """A frame as tshark sees it: its number, and the values of each field in order."""

    number: int
    fields: dict[str, list[str]]

    def owamp(self) -> Iterator[tuple[str, list[str]]]:
        for name, values in self.fields.items():
            if name.startswith(("twamp.", "owamp.")):
                yield name, values

    def first(self, name: str) -> str:
        return self.fields[name][0]


def tshark(*arguments: str) -> str:
    assert TSHARK is not None
    environment = {**os.environ, "TZ": "UTC", "LC_ALL": "C"}
    result = subprocess.run(
        [TSHARK, *arguments], capture_output=True, text=True, env=environment, check=True
    )
    return result.stdout


def dissect(
    sessions: Sequence[Session], path: Path, *options: str, ethernet: bool = False
) -> list[list[Frame]]:
    """The frames of each session, out of one capture, with all checks of TCP/IP on."""
    writer = CaptureWriter(ethernet=ethernet)
    for session in sessions:
        session.capture(writer)
    path.write_bytes(writer.to_octets())
    checks = [f"-o{layer}.check_checksum:TRUE" for layer in ("ip", "tcp", "udp")]
    checks.append("-otcp.analyze_sequence_numbers:TRUE")
    text = tshark("-r", str(path), "-T", "json", "--no-duplicate-keys", *checks, *options)
    by_ends: dict[frozenset[str], list[Frame]] = {
        frozenset(session.addresses): [] for session in sessions
    }
    for packet in json.loads(text):
        fields: dict[str, list[str]] = defaultdict(list)
        _collect(packet["_source"]["layers"], fields)
        ends = [*fields["ip.src"], *fields["ip.dst"], *fields["ipv6.src"], *fields["ipv6.dst"]]
        by_ends[frozenset(ends)].append(Frame(int(fields["frame.number"][0]), fields))
    return list(by_ends.values())


def sessions_of(settings: Iterable[Setting], **changes: Any) -> list[Session]:
    """A session in each setting over IPv4 and over IPv6, each between other hosts."""
    sessions = []
    for number, (setting, form) in enumerate(product(settings, ("192.0.2.{}", "2001:db8::{}"))):
        addresses = form.format(10 + 2 * number), form.format(11 + 2 * number)
        sessions.append(Session(setting, addresses, names_addresses=True, **changes).run())
    return sessions


def _collect(value: Any, fields: dict[str, list[str]], name: str = "") -> None:
    if isinstance(value, dict):
        if name:
            fields[name]  # a protocol that is there
        for key, inner in value.items():
            _collect(inner, fields, key)
    elif isinstance(value, list):
        for inner in value:
            _collect(inner, fields, name)
    else:
        fields[name].append(value)


def problems(frames: list[Frame]) -> dict[int, list[str]]:
    """What tshark finds wrong below and in the protocols, by frame."""
    found = defaultdict(list)
    for frame in frames:
        for name, values in frame.fields.items():
            is_bad_sum = name.endswith("checksum.status") and values != ["1"] * len(values)
            if is_bad_sum or name.startswith(("tcp.analysis.flags", "_ws.malformed")):
                found[frame.number].append(f"{name} {values}")
    return dict(found)


# Values: ours, in the way in which tshark writes them


def _integer(octets: bytes) -> int:
    return int.from_bytes(octets, "big")


def _number(text: str) -> int:
    return int(text, 0)


def _octets(text: str) -> bytes:
    return bytes.fromhex(text.replace(":", ""))


def _address(text: str) -> bytes:
    return ipaddress.ip_address(text).packed


def _nanoseconds_of_ntp(octets: bytes) -> int:
    """An NTP timestamp as nanoseconds since 1970; tshark too rounds down, and takes one without
    the highest bit for the era that begins in 2036 (RFC 4330 §3).
    """
    seconds, fraction = _integer(octets[:4]), _integer(octets[4:])
    if seconds < 2**31:
        seconds += 2**32
    return (seconds - NTP_EPOCH_OFFSET) * 10**9 + (fraction * 10**9 >> 32)


def _nanoseconds_of_date(text: str) -> int:
    date, fraction, zone = re.fullmatch(r"(.*)\.(\d{9}) (\w+)", text).groups()  # type: ignore[union-attr]
    assert zone == "UTC"
    moment = datetime.strptime(date, "%b %d, %Y %H:%M:%S").replace(tzinfo=UTC)
    return int(moment.timestamp()) * 10**9 + int(fraction)


def _interval(octets: bytes) -> str:
    return f"{_integer(octets[:4])}.{_integer(octets[4:]) * 10**9 >> 32:09}"


class Same(NamedTuple):
    """How a field of tshark compares with ours.

    Attributes:
        label: the field's name in our layout.
        theirs: the value of tshark's text.
        ours: the value of our octets.
    """

    label: str
    theirs: Callable[[str], Any] = _number
    ours: Callable[[bytes], Any] = _integer


_TIME = (_nanoseconds_of_date, _nanoseconds_of_ntp)
CONTROL_FIELDS = {
    "unused": Same("Unused", _octets, bytes),
    "modes": Same("Modes"),
    "challenge": Same("Challenge", _octets, bytes),
    "salt": Same("Salt", _octets, bytes),
    "count": Same("Count"),
    "mode": Same("Mode"),
    "keyid": Same("KeyID", _octets, lambda octets: octets[:40]),  # see test_the_dissector_…
    "iv": Same("Server-IV", _octets, bytes),
    "server_uptime": Same("Start-Time", *_TIME),
    "command": Same("Command Number"),
    "ipvn": Same("IPVN"),
    "conf_sender": Same("Conf-Sender"),
    "conf_receiver": Same("Conf-Receiver"),
    "number_of_schedule_slots": Same("Number of Schedule Slots"),
    "number_of_packets": Same("Number of Packets"),
    "sender_port": Same("Sender Port"),
    "receiver_port": Same("Receiver Port|Port"),
    "sender_ipv4": Same("Sender Address", _address, lambda octets: octets[:4]),
    "sender_ipv6": Same("Sender Address", _address, bytes),
    "receiver_ipv4": Same("Receiver Address", _address, lambda octets: octets[:4]),
    "receiver_ipv6": Same("Receiver Address", _address, bytes),
    "session_id": Same("SID", _octets, bytes),
    "padding_length": Same("Padding Length"),
    "start_time": Same("Start Time", *_TIME),
    "timeout": Same("Timeout", str, _interval),
    "type-p": Same("Type-P Descriptor"),
    "accept": Same("Accept"),
    "numsessions": Same("Number of Sessions"),
    "mbz1": Same("MBZ", _octets, bytes),
    "mbz2": Same("MBZ 2", _octets, bytes),
    "hmac": Same("HMAC", _octets, bytes),
}
TEST_FIELDS = {
    "seq_number": Same("Sequence Number"),
    "timestamp": Same("Timestamp", *_TIME),
    "error_estimate": Same("Error Estimate"),
    "mbz1": Same("MBZ"),
    "receive_timestamp": Same("Receive Timestamp", *_TIME),
    "sender_seq_number": Same("Sender Sequence Number"),
    "sender_timestamp": Same("Sender Timestamp", *_TIME),
    "sender_error_estimate": Same("Sender Error Estimate"),
    "mbz2": Same("MBZ 2"),
    "sender_ttl": Same("Sender TTL"),
    "padding": Same("Packet Padding", _octets, bytes),
}
ESTIMATE_FIELDS = ("s", "z", "scale", "multiplier")
"""The parts of Error Estimate, and then of Sender Error Estimate."""
CONTROL_NAMES = {f"twamp.control.{name}" for name in CONTROL_FIELDS}
TEST_NAMES = {f"twamp.test.{name}" for name in TEST_FIELDS} | {
    f"twamp.test.error_estimate.{name}" for name in ESTIMATE_FIELDS
}
HMAC = bytes(range(160, 176))
OWAMP_AS_TWAMP = ("-d", "tcp.port==861,twamp.control")


def our_fields(parts: tuple[Part, ...]) -> dict[str, bytes]:
    """The fields of a message by their label; the second MBZ as "MBZ 2"."""
    found: dict[str, bytes] = {}
    for part in parts:
        if part.layout is None:
            found[part.title] = part.octets
            continue
        for offset, field in part.layout.offsets():
            label = f"{field.label} 2" if field.label in found else field.label
            found[label] = part.octets[offset : offset + field.size]
    return found


def compare(frame: Frame, step: Step, compared: set[str], hmac: bytes = b"") -> None:
    """Each field of ours that tshark dissected in a frame has the same value."""
    ours = our_fields(step.parts) | {"HMAC": hmac or step.octets[-16:]}
    for name, values in frame.owamp():
        if name in ("twamp.control", "twamp.test", "owamp.test") or name.endswith("_tree"):
            continue
        protocol, _, short = name.partition("control." if ".control." in name else "test.")
        if short.startswith("error_estimate."):
            compare_estimates(short.partition(".")[2], values, ours)
        else:
            table = CONTROL_FIELDS if ".control." in name else TEST_FIELDS
            same = table[short]
            label = next(label for label in same.label.split("|") if label in ours)
            if (step.name, short) == ("Accept-Session", "mbz1"):
                label = "MBZ 2"  # tshark leaves out the one octet before it
            theirs = [same.theirs(value) for value in values]
            assert theirs == [same.ours(ours[label])], (protocol, name, step.name)
        compared.add(name)


def compare_estimates(part: str, values: list[str], ours: dict[str, bytes]) -> None:
    labels = [label for label in ("Error Estimate", "Sender Error Estimate") if label in ours]
    expected = []
    for label in labels:
        estimate = ErrorEstimate.from_int(_integer(ours[label]))
        known = {
            "s": int(estimate.synchronized),
            "z": 0,
            "scale": estimate.scale,
            "multiplier": estimate.multiplier,
        }
        expected.append(known[part])
    assert [_number(value) for value in values] == expected


def with_owamp(frames: list[Frame]) -> list[Frame]:
    return [frame for frame in frames if any(frame.owamp())]


def in_clear(session: Session) -> Session:
    """The same session as if its control messages had been sent in clear, so that tshark, which
    cannot decrypt, sees the text that the observer decrypted; `HMAC` stands for each HMAC.
    """
    steps = iter(session.observed())
    seen = []
    for item in session.seen:
        if item.is_end or item.who in (Who.SENDER, Who.REFLECTOR):
            seen.append(item)
            continue
        step = next(step for step in steps if step.who is item.who)
        text = b"".join(part.octets for part in step.parts)
        seen.append(item._replace(octets=text + HMAC[: len(item.octets) - len(text)]))
    return replace(session, seen=seen)


# TCP/IP


def test_every_capture_is_whole(tmp_path: Path) -> None:
    sessions = sessions_of(SETTINGS)
    off = [f"--disable-protocol={name}" for name in ("twamp.control", "twamp.test")]
    dissected = dissect(sessions, tmp_path / "c.pcap", *off, ethernet=True)
    for session, frames in zip(sessions, dissected, strict=True):
        assert problems(frames) == {}
        lengths = [int(value) for frame in frames for value in frame.fields["tcp.len"]]
        lengths += [int(value) - 8 for frame in frames for value in frame.fields["udp.length"]]
        assert sum(lengths) == sum(len(item.octets) for item in session.seen)
        ends = [frame for frame in frames if frame.fields["tcp.flags.fin"] == ["1"]]
        assert len(ends) == 2
        sums = [
            frame.fields[f"{name}.checksum.status"] for name in ("tcp", "udp") for frame in frames
        ]
        assert sums.count(["1"]) == len(frames)


# The protocols


def test_every_field_of_a_twamp_connection_is_equal(tmp_path: Path) -> None:
    """In all modes, with padding too short for a sender's packet to be taken for a reflector's."""
    sent = sessions_of(TWAMP_SETTINGS, padding=20)
    shown = []
    for session in sent:
        clear = in_clear(session)
        if session.setting.security in (Mode.AUTHENTICATED, Mode.ENCRYPTED):
            clear.seen = [i for i in clear.seen if i.who in (Who.CLIENT, Who.SERVER)]
        shown.append(clear)
    all_compared: set[str] = set()
    dissected = dissect(shown, tmp_path / "c.pcap")
    for session, clear, frames in zip(sent, shown, dissected, strict=True):
        assert problems(frames) == {}
        here = {item.who for item in clear.seen}
        steps = [step for step in session.observed() if step.who in here and step.name != "end"]
        compared: set[str] = set()
        for frame, step in zip(with_owamp(frames), steps, strict=True):
            compare(frame, step, compared, HMAC)
        family = "ipv6" if ":" in session.addresses[0] else "ipv4"
        expected = {
            f"twamp.control.{name}"
            for name in CONTROL_FIELDS
            if not name.endswith(("ipv4", "ipv6")) or name.endswith(family)
        }
        if Who.REFLECTOR in here:
            expected |= TEST_NAMES
        assert compared == expected
        all_compared |= compared
    assert all_compared == CONTROL_NAMES | TEST_NAMES


def test_no_field_of_tshark_is_left_out() -> None:
    listed = {
        line.split("\t")[2]
        for line in tshark("-G", "fields").splitlines()
        if line.startswith("F\t") and re.match(r"[ot]wamp\.", line.split("\t")[2])
    }
    assert listed == CONTROL_NAMES | TEST_NAMES


def test_the_set_up_of_every_mode_is_equal(tmp_path: Path) -> None:
    """As it was sent, tokens and all, in OWAMP too: the messages are the same."""
    sessions = sessions_of(SETTINGS)
    dissected = dissect(sessions, tmp_path / "c.pcap", *OWAMP_AS_TWAMP)
    compared: set[str] = set()
    for session, frames in zip(sessions, dissected, strict=True):
        for frame, step in zip(with_owamp(frames)[:3], session.observed(), strict=False):
            if step.name == "Server-Start" and session.setting.is_protected:
                del frame.fields["twamp.control.server_uptime"]  # see test_the_dissector_…
                del frame.fields["twamp.control.mbz2"]
            compare(frame, step, compared)
    names = ["unused", "modes", "challenge", "salt", "count", "mbz1", "mode", "keyid", "accept"]
    names += ["iv", "server_uptime", "mbz2"]
    assert compared == {f"twamp.control.{name}" for name in names}


def test_owamp_in_clear_is_equal(tmp_path: Path) -> None:
    """By the dissectors of TWAMP-Control, whose messages are the same up to Start-Ack but for
    the schedule, and of OWAMP-Test.
    """
    sessions = sessions_of([OPEN])
    control = dissect(sessions, tmp_path / "c.pcap", *OWAMP_AS_TWAMP)
    test = dissect(sessions, tmp_path / "t.pcap", "-d", "udp.port==6000,owamp.test")
    for session, control_frames, test_frames in zip(sessions, control, test, strict=True):
        steps = session.observed()
        compared: set[str] = set()
        for frame, step in zip(with_owamp(control_frames)[:7], steps, strict=False):
            compare(frame, step, compared)
        family = "ipv6" if ":" in session.addresses[0] else "ipv4"
        names = ("number_of_schedule_slots", "conf_receiver", "timeout", f"sender_{family}")
        assert {f"twamp.control.{name}" for name in names} < compared
        assert problems(test_frames) == {}
        packets = [step for step in steps if step.who is Who.SENDER]
        compared = set()
        for frame, step in zip(with_owamp(test_frames), packets, strict=True):
            assert "owamp.test" in frame.fields
            compare(frame, step, compared)
        names = ("seq_number", "timestamp", "error_estimate", "padding")
        estimate = {f"twamp.test.error_estimate.{name}" for name in ESTIMATE_FIELDS}
        assert compared == {f"twamp.test.{name}" for name in names} | estimate


# Where the dissector is wrong by the RFCs


def test_the_dissector_takes_half_of_the_key_id(tmp_path: Path) -> None:
    """RFC 4656 §3.1: KeyID is 80 octets; Token and Client-IV follow. tshark shows 40, and them
    not at all.
    """
    long_name = Setting(
        Protocol.TWAMP,
        Mode.ENCRYPTED,
        given=type(OPEN.credentials).from_passphrase("k" * 80, b"secret"),
    )
    session = Session(long_name)
    session.pump()
    _, response = session.observed()[:2]
    frames = with_owamp(dissect([session], tmp_path / "c.pcap")[0])
    assert our_fields(response.parts)["KeyID"] == b"k" * 80
    assert _octets(frames[1].first("twamp.control.keyid")) == b"k" * 40
    assert [name for name, _ in frames[1].owamp()] == [
        "twamp.control",
        "twamp.control.mode",
        "twamp.control.keyid",
    ]


def test_the_dissector_takes_a_senders_padding_for_fields_of_the_reflector(tmp_path: Path) -> None:
    """RFC 5357 §4.1.2: a sender's packet has 14 octets and padding. tshark takes every packet
    with 27 octets of padding for the reflector's (§4.2.1).
    """
    session = Session(OPEN_TW).run()
    frames = with_owamp(dissect([session], tmp_path / "c.pcap")[0])
    steps = session.observed()
    step = next(step for step in steps if step.who is Who.SENDER)
    frame = frames[steps.index(step)]
    padding = our_fields(step.parts)["Packet Padding"]
    assert len(padding) == PADDING
    assert _octets(frame.first("twamp.test.padding")) == padding[27:]
    assert _number(frame.first("twamp.test.sender_ttl")) == padding[26]


def test_the_dissector_takes_ciphertext_for_fields(tmp_path: Path) -> None:
    """RFC 4656 §3.1, §3.4: in the protected modes everything from octet 32 of Server-Start on is
    encrypted. tshark shows the ciphertext as fields, and so finds packets malformed.
    """
    sessions = sessions_of(setting for setting in TWAMP_SETTINGS if setting.is_protected)
    dissected = dissect(sessions, tmp_path / "c.pcap")
    malformed: list[int] = []
    for session, frames in zip(sessions, dissected, strict=True):
        start, request = session.observed()[2:4]
        control = [frame for frame in frames if "twamp.control" in frame.fields]
        shown = _nanoseconds_of_date(control[2].first("twamp.control.server_uptime"))
        assert shown == _nanoseconds_of_ntp(start.octets[32:40])
        assert our_fields(start.parts)["Start-Time"] != start.octets[32:40]
        shown = _number(control[3].first("twamp.control.sender_port"))
        assert shown == _integer(request.octets[12:14])
        assert _integer(our_fields(request.parts)["Sender Port"]) == 5000 != shown
        found = problems(frames)
        assert set(found) <= {frame.number for frame in control[3:]}
        malformed += found
    assert malformed


def test_the_dissector_takes_session_records_for_an_hmac(tmp_path: Path) -> None:
    """RFC 4656 §3.8: OWAMP's Stop-Sessions goes on with session description records. tshark knows
    TWAMP's alone (RFC 5357 §3.8), and shows the SID of the first as the HMAC.
    """
    session = Session(OPEN).run()
    frames = with_owamp(dissect([session], tmp_path / "c.pcap", *OWAMP_AS_TWAMP)[0])
    stop = next(step for step in session.observed() if step.name == "Stop-Sessions")
    frame = next(f for f in frames if f.fields.get("twamp.control.command") == ["3"])
    assert _octets(frame.first("twamp.control.hmac")) == our_fields(stop.parts)["SID"]
    assert stop.octets[-16:] == bytes(16)


def test_the_dissector_takes_the_fraction_of_a_timeout_for_a_thousandth_of_it(
    tmp_path: Path,
) -> None:
    """RFC 5357 §3.5: Timeout is in the format of the timestamps, a second being 2^32 units.
    tshark shows the microseconds of its fraction as nanoseconds.
    """
    session = Session(OPEN_TW, timeout=5 << 31).run()
    frames = with_owamp(dissect([session], tmp_path / "c.pcap")[0])
    request = our_fields(session.observed()[3].parts)
    assert _interval(request["Timeout"]) == "2.500000000"
    assert frames[3].first("twamp.control.timeout") == "2.000500000"

"""Recorded captures, taken apart, changed, put together again, and held against the theories."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from owamp_reference.negotiation import Credentials
from owamp_vectors.live.capture.files import read_packets
from owamp_vectors.live.capture.frames import FrameReader, TcpSegment, UdpDatagram
from owamp_vectors.live.capture.writer import CaptureWriter
from owamp_vectors.live.net.addresses import Address
from owamp_vectors.live.observe.captured import report_capture
from owamp_vectors.live.observe.transcript import transcripts
from owamp_vectors.theory.captures import CaptureOutcome, NoStep, check_captured
from owamp_vectors.theory.heard import Left
from owamp_vectors.theory.infer import Inference, infer
from owamp_vectors.theory.named import NamedStep
from owamp_vectors.theory.parse import read_model
from owamp_vectors.theory.room import rooms
from owamp_vectors.theory.terms import Model

from ..support import MODELS
from .record import DATA, PORT, RECORDINGS, Recording
from .support import CREDENTIALS

THEORIES = tuple(name for name, room in rooms().items() if room.captures is not None)
MAX_COUNT = 32768


@dataclass(frozen=True)
class Said:
    """Octets of one end of the control connection, or a test packet."""

    source: Address
    destination: Address
    octets: bytes
    is_control: bool
    ttl: int = 255

    @property
    def is_to_server(self) -> bool:
        return self.destination[1] == PORT

    def flipped(self, place: int) -> Said:
        """With one bit of an octet changed."""
        changed = bytearray(self.octets)
        changed[place] ^= 1
        return replace(self, octets=bytes(changed))


def recording(name: str) -> Recording:
    return next(one for one in RECORDINGS if one.name == name)


@cache
def said(name: str) -> tuple[Said, ...]:
    """What is in a recorded capture, in order."""
    found, reader = [], FrameReader()
    with (DATA / f"{name}.pcap").open("rb") as stream:
        for packet in read_packets(stream):
            one = reader.read(packet.link_type, packet.data)
            if isinstance(one, TcpSegment) and one.payload:
                found.append(Said(one.source, one.destination, one.payload, is_control=True))
            elif isinstance(one, UdpDatagram):
                ends = one.source, one.destination
                found.append(Said(*ends, one.payload, is_control=False, ttl=one.ttl or 0))
    return tuple(found)


def written(*connections: Iterable[Said]) -> bytes:
    """A capture of this, one connection after the other."""
    writer, now = CaptureWriter(), 1_700_000_000 * 10**9
    for number, items in enumerate(connections):
        everything = list(items)
        first = next(one for one in everything if one.is_control and one.is_to_server)
        client = first.source[0], first.source[1] + number
        tcp = writer.open_tcp(client, first.destination, now)
        for one in everything:
            now += 1
            if not one.is_control:
                writer.udp(one.source, one.destination, one.octets, now, one.ttl)
            elif one.is_to_server:
                tcp.client_octets(one.octets, now)
            else:
                tcp.server_octets(one.octets, now)
        tcp.close(now)
    return writer.to_octets()


@cache
def theory(name: str) -> tuple[Model, Inference]:
    model = read_model(MODELS / f"{name}.spthy")
    return model, infer(model)


def outcomes_of(
    path: Path,
    name: str,
    credentials: Sequence[Credentials] = CREDENTIALS,
    max_count: int = MAX_COUNT,
) -> list[CaptureOutcome]:
    """What becomes of a capture in a theory."""
    reports = report_capture(path, credentials, None, (PORT,), max_count)
    heard = transcripts(reports, credentials, max_count)
    return list(check_captured(*theory(name), heard))


def outcomes(
    capture: bytes, name: str = "rfc4656", credentials: Sequence[Credentials] = CREDENTIALS
) -> list[CaptureOutcome]:
    """The same for the octets of a capture."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "seen.pcap"
        path.write_bytes(capture)
        return outcomes_of(path, name, credentials)


def steps(found: Iterable[CaptureOutcome]) -> list[tuple[str, str]]:
    """Name and rule of each message and packet that is a step."""
    return [
        (one.item.name, one.found.rule)
        for one in found
        if one.item is not None and isinstance(one.found, NamedStep)
    ]


def refused(found: Iterable[CaptureOutcome]) -> list[tuple[str, NoStep]]:
    """Name of each message that no rule allows, with the nearest."""
    return [
        (one.item.name if one.item else "", one.found)
        for one in found
        if isinstance(one.found, NoStep)
    ]


def left(found: Iterable[CaptureOutcome], *, is_abstraction: bool) -> list[tuple[str, str]]:
    """Name of each message that is no step, and the reason."""
    return [
        (one.item.name, one.found.reason)
        for one in found
        if one.item is not None
        and isinstance(one.found, Left)
        and one.found.is_abstraction is is_abstraction
    ]


Change = Callable[[Said], Said]


def changed(items: Sequence[Said], place: int, change: Change) -> list[Said]:
    """The items with one of them changed."""
    return [change(one) if n == place else one for n, one in enumerate(items)]

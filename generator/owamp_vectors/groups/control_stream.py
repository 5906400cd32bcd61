"""Vectors for the protection of the control connection: one CBC stream a direction, and HMACs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import count

from owamp_reference import control, primitives
from owamp_reference.errors import ProtocolError, Stage
from owamp_reference.keys import ControlKeys
from owamp_reference.messages import (
    AcceptSession,
    FetchAck,
    FetchSession,
    Message,
    RequestSession,
    RequestTWSession,
    ScheduleSlot,
    ServerStart,
    SessionDescription,
    SkipRange,
    StartAck,
    StartSessions,
    StopSessions,
    StopTWSessions,
)
from owamp_reference.primitives import HMAC_SIZE

from ..vectors.declaration import (
    Case,
    Field,
    Group,
    GroupType,
    Json,
    Values,
    VectorFile,
    invalid,
    valid,
)
from ..vectors.drbg import Drbg
from .changes import flipped, nearly_right
from .token import T1, T2

_SOURCE = "RFC 4656 §3.2, §3.4"
IV = Field("iv", "Client-IV or Server-IV, with which this direction begins", size=16)
_HMAC_AFTER = Field("hmacAfter", "whether an HMAC follows the text", "boolean")
SEGMENTS = Field(
    "segments",
    "what is sent in this direction, in order",
    "records",
    fields=(Field("text", "plaintext, whole blocks"), _HMAC_AFTER),
)
STREAM_LAYOUT = Field(
    "layout",
    "how the receiver divides the stream",
    "records",
    fields=(Field("size", "octets of text", "integer", most=2**20), _HMAC_AFTER),
)

Segments = Sequence[tuple[bytes, bool]]


def _control_keys(values: Values) -> ControlKeys:
    return ControlKeys(values["t1"], values["t2"])


def _send(values: Values) -> Json:
    sender = control.ProtectedSender(_control_keys(values), values["iv"])
    covered, hmacs, plaintext, wire = b"", [], b"", b""
    for segment in values["segments"]:
        wire += sender.write(segment["text"])
        covered += segment["text"]
        plaintext += segment["text"]
        if segment["hmacAfter"]:
            wire += sender.write_hmac()
            hmacs.append(primitives.hmac_sha1_128(values["t2"], covered))
            plaintext += hmacs[-1]
            covered = b""
    return {"hmacs": hmacs, "plaintext": plaintext, "wire": wire}


def _receive(values: Values) -> Json:
    receiver = control.ProtectedReceiver(_control_keys(values), values["iv"])
    wire, texts, position = values["wire"], [], 0
    sizes = [part["size"] + HMAC_SIZE * part["hmacAfter"] for part in values["layout"]]
    if sum(sizes) != len(wire):
        expected, found = f"{sum(sizes)} octets", f"{len(wire)} octets"
        raise ProtocolError("control stream", expected, found, Stage.LAYOUT)
    for part in values["layout"]:
        end = position + part["size"]
        texts.append(receiver.read(wire[position:end]))
        position = end
        if part["hmacAfter"]:
            position += HMAC_SIZE
            receiver.read_hmac(wire[end:position])
    return {"texts": texts}


SEND = GroupType(
    "ControlSend",
    "One direction of a control connection, from the plaintext to the wire.",
    _SOURCE,
    (),
    (T1, T2, IV, SEGMENTS),
    (
        Field(
            "hmacs",
            "the HMACs, before encryption",
            is_list=True,
            formula="first 16 octets of HMAC-SHA1(t2, text since the HMAC before)",
        ),
        Field(
            "plaintext", "the whole stream before encryption", formula="texts and HMACs in order"
        ),
        Field("wire", "the octets on the wire", formula="AES-128-CBC(t1, iv, plaintext)"),
    ),
    _send,
)
RECEIVE = GroupType(
    "ControlReceive",
    "One direction of a control connection, from the wire to the texts; a wrong HMAC ends it.",
    _SOURCE,
    (),
    (T1, T2, IV, STREAM_LAYOUT, Field("wire", "the octets on the wire")),
    (
        Field(
            "texts",
            "what was sent",
            is_list=True,
            formula="AES-128-CBC-decrypt(t1, iv, wire), divided as layout says",
        ),
    ),
    _receive,
)

_KEY_FLAGS = ("ControlKeyCutTo16", "ControlKeyCutTo20")
_FORM_FLAGS = (
    "HmacOverCiphertext",
    "HmacInClear",
    "HmacLast16",
    "ControlIvZero",
    "ControlInEcb",
    *_KEY_FLAGS,
)
_STREAM_FLAGS = ("HmacNotReset", "IvNotChained", "HmacCoversHmac")
_ADDRESSES = {
    "sender_address": bytes([192, 0, 2, 1]).ljust(16, b"\0"),
    "receiver_address": bytes([198, 51, 100, 7]).ljust(16, b"\0"),
}
_TIME = 0xEA4C6F00_80000000


def _segments(*parts: Message | bytes) -> Segments:
    """Messages with their HMACs; bare octets are text without one, as in Server-Start."""
    segments: list[tuple[bytes, bool]] = []
    for part in parts:
        if isinstance(part, bytes):
            segments.append((part, False))
        else:
            segments += [(text, True) for text in part.segments()]
    return segments


def _connections(drbg: Drbg) -> Iterator[tuple[str, Segments, tuple[str, ...]]]:
    """Comment, segments, flags: directions of real control connections."""
    sid = drbg.octets("sid", 16)
    common: Json = {**_ADDRESSES, "ipvn": 4, "sender_port": 8760, "receiver_port": 8761}
    common |= {"padding_length": 0, "start_time": _TIME, "timeout": 2 << 32, "type_p": 0}
    owamp = RequestSession(
        **common,
        conf_sender=0,
        conf_receiver=1,
        number_of_packets=100,
        sid=bytes(16),
        slots=(ScheduleSlot(0, 1 << 31), ScheduleSlot(1, 1 << 32)),
    )
    twamp = RequestTWSession(**common)
    accept = AcceptSession(0, 8761, sid)
    records = SessionDescription(sid, 100, (SkipRange(3, 5), SkipRange(9, 9)))
    start_time = ServerStart(0, bytes(16), _TIME).segments()[0][32:]
    stop_tw = StopTWSessions(0, 1)
    both = (*_FORM_FLAGS, *_STREAM_FLAGS)
    yield (
        "OWAMP client: request, start, stop",
        _segments(owamp, StartSessions(), StopSessions(0, (records,))),
        both,
    )
    yield "OWAMP client: two sessions", _segments(owamp, owamp, StartSessions()), both
    yield "OWAMP client: fetch", _segments(FetchSession(0, 2**32 - 1, sid)), _FORM_FLAGS
    yield "TWAMP client: request, start, stop", _segments(twamp, StartSessions(), stop_tw), both
    server = (*both, "ServerHmacWithoutServerStart")
    yield (
        "TWAMP server: Start-Time, Accept-Session, Start-Ack",
        _segments(start_time, accept, StartAck(0)),
        server,
    )
    yield (
        "OWAMP server: Start-Time, Accept-Session, Start-Ack, Stop-Sessions",
        _segments(start_time, accept, StartAck(0), StopSessions(0, ())),
        server,
    )
    yield (
        "server: Start-Time, a refusing Accept-Session, an accepting one",
        _segments(start_time, AcceptSession(3, 0, bytes(16)), accept),
        server,
    )
    yield (
        "server: Start-Time, Fetch-Ack that refuses",
        _segments(start_time, FetchAck(1, 0, 0, 0, 0)),
        ("ServerHmacWithoutServerStart", *_FORM_FLAGS),
    )


def _shapes(drbg: Drbg) -> Iterator[tuple[str, Segments, tuple[str, ...]]]:
    """Comment, segments, flags: streams chosen for their form."""
    one = drbg.octets("one", 16)
    yield "one block and its HMAC", [(one, True)], _FORM_FLAGS
    yield "one block without an HMAC", [(one, False)], ("ControlIvZero",)
    yield "the same block twice, an HMAC after each", [(one, True)] * 2, _STREAM_FLAGS
    yield "the same block twice, one HMAC", [(one, False), (one, True)], ("HmacOfLastText",)
    yield (
        "three texts under one HMAC",
        [(one, False), (bytes(16), False), (one, True)],
        ("HmacOfLastText",),
    )
    yield "all zeros", [(bytes(64), True)], ("ControlIvZero", "ControlInEcb")
    yield "no text: the HMAC of nothing", [(b"", True)], ("HmacInClear", "HmacLast16")
    yield "two HMACs in a row: a request without slots", [(one, True), (b"", True)], _STREAM_FLAGS
    yield "64 octets, the block of SHA-1", [(drbg.octets("64", 64), True)], _FORM_FLAGS
    yield "4096 octets", [(drbg.octets("4096", 4096), True)], _FORM_FLAGS
    several = [(drbg.octets(f"several {number}", 16 * number), True) for number in range(1, 9)]
    yield "eight texts, each longer than the one before", several, _STREAM_FLAGS


def _keys(drbg: Drbg) -> Json:
    return {
        "t1": drbg.octets("t1", 16),
        "t2": drbg.octets("t2", 32),
        "iv": drbg.octets("iv", 16),
    }


def _records(segments: Segments) -> list[Json]:
    return [{"text": text, "hmacAfter": has_hmac} for text, has_hmac in segments]


def _layout(segments: Segments) -> list[Json]:
    return [{"size": len(text), "hmacAfter": has_hmac} for text, has_hmac in segments]


def _send_cases(drbg: Drbg) -> Iterator[Case]:
    for comment, segments, flags in (*_connections(drbg), *_shapes(drbg)):
        inputs = {**_keys(drbg.at(comment)), "segments": _records(segments)}
        yield valid(comment, inputs, *flags)
    block = _records([(bytes(16), True)])
    comment = "T2 that ends in zeros after 20 octets: nothing tells it from one of 20"
    keys = _keys(drbg.at(comment))
    keys["t2"] = keys["t2"][:20] + bytes(12)
    yield valid(comment, {**keys, "segments": block}, "ControlKeyCutTo16")
    for place, offset in (("begins with", 0), ("ends in", HMAC_SIZE - 1)):
        comment = f"an HMAC that {place} a zero octet"
        segments = [(bytes(16), True)]
        stream = _with_zero(drbg.at(comment), segments, offset)
        keys = {name: stream.inputs[name] for name in ("t1", "t2", "iv")}
        yield valid(comment, {**keys, "segments": _records(segments)}, "HmacCutAtZero")
    comment = "IV of zeros"
    yield valid(comment, {**_keys(drbg.at(comment)), "iv": bytes(16), "segments": block})
    for size in (1, 15, 17):
        comment = f"a text of {size} octets: no whole block"
        segments = [(drbg.at(comment).octets("text", size), True)]
        yield invalid(comment, {**_keys(drbg.at(comment)), "segments": _records(segments)})
    for name, label, sizes in (("t1", "T1", (0, 32)), ("t2", "T2", (16, 20)), ("iv", "IV", (12,))):
        for size in sizes:
            comment = f"{label} of {size} octets"
            change = {name: drbg.at(comment).octets(name, size)}
            inputs = {**_keys(drbg.at(comment)), **change, "segments": block}
            yield invalid(comment, inputs, "SizeUnchecked")


def _sent(drbg: Drbg, segments: Segments, **fixed: bytes) -> Json:
    """The inputs of an honest `RECEIVE` case."""
    keys = {**_keys(drbg), **fixed}
    sent = _send({**keys, "segments": _records(segments)})
    return {**keys, "layout": _layout(segments), "wire": sent["wire"]}


def _receive_cases(drbg: Drbg) -> Iterator[Case]:
    for comment, segments, flags in (*_connections(drbg), *_shapes(drbg)):
        # the forms that an own peer would not notice show when honest octets are refused
        yield valid(comment, _sent(drbg.at(comment), segments), *flags)
    three = _segments(StartSessions(), StartSessions(), StopTWSessions(0, 1))

    def changed(comment: str, offset: int, *flags: str) -> Case:
        inputs = _sent(drbg.at(comment), three)
        return invalid(comment, {**inputs, "wire": flipped(inputs["wire"], offset)}, *flags)

    unchecked = "HmacUnchecked"
    yield changed("a bit changed in the first text", 0, unchecked)
    yield changed("a bit changed in the second text", 32, unchecked)
    yield changed("a bit changed in the first octet of an HMAC", 16, unchecked)
    yield changed("a bit changed in the last octet of the last HMAC", 95, unchecked)
    comment = "HMAC right in its first 12 octets alone, the size of HMAC-SHA1-96"
    keys = _keys(drbg.at(comment))
    tag = primitives.hmac_sha1_128(keys["t2"], bytes(16))
    wire = primitives.aes_cbc_encrypt(keys["t1"], keys["iv"], bytes(16) + flipped(tag, 13))
    short = {**keys, "layout": _layout([(bytes(16), True)]), "wire": wire}
    yield invalid(comment, short, "HmacComparedInPart", unchecked)
    for part, wrong in nearly_right(tag):
        comment = f"HMAC {part}"
        wire = primitives.aes_cbc_encrypt(keys["t1"], keys["iv"], bytes(16) + wrong)
        yield invalid(comment, {**short, "wire": wire}, unchecked)
    comment = "HMAC of zeros, as in the unauthenticated mode"
    keys = _keys(drbg.at(comment))
    wire = primitives.aes_cbc_encrypt(keys["t1"], keys["iv"], bytes(32))
    inputs = {**keys, "layout": _layout([(bytes(16), True)]), "wire": wire}
    yield invalid(comment, inputs, unchecked)

    def rearranged(comment: str, *blocks: int) -> Case:
        inputs = _sent(drbg.at(comment), three)
        pieces = [inputs["wire"][32 * n : 32 * n + 32] for n in blocks]
        return invalid(comment, {**inputs, "wire": b"".join(pieces)}, unchecked)

    yield rearranged("two messages exchanged", 1, 0, 2)
    yield rearranged("the first message twice: a replay within the connection", 0, 0, 2)
    comment = "a message of another connection under the same keys and IV, in another place"
    inputs = _sent(drbg.at(comment), three)
    moved = inputs["wire"][64:] + inputs["wire"][32:]
    yield invalid(comment, {**inputs, "wire": moved}, unchecked)
    for comment, change in (
        ("another T2", {"t2": drbg.octets("another T2", 32)}),
        ("another T1", {"t1": drbg.octets("another T1", 16)}),
        ("another IV: the first block is wrong, the rest right", {"iv": bytes(16)}),
    ):
        yield invalid(comment, {**_sent(drbg.at(comment), three), **change}, unchecked)
    for comment, end in (("an octet missing at the end", -1), ("the last HMAC missing", -16)):
        inputs = _sent(drbg.at(comment), three)
        yield invalid(comment, {**inputs, "wire": inputs["wire"][:end]})
    comment = "a text that is no whole block"
    inputs = {**_keys(drbg.at(comment)), "layout": [{"size": 15, "hmacAfter": False}]}
    yield invalid(comment, {**inputs, "wire": bytes(15)})
    comment = "one text that is a whole block, and two that are halves of one"
    halves = [{"size": size, "hmacAfter": False} for size in (16, 8, 8)]
    yield invalid(comment, {**_keys(drbg.at(comment)), "layout": halves, "wire": bytes(32)})
    for name, label, size in (("t1", "T1", 24), ("t2", "T2", 20), ("iv", "IV", 8)):
        comment = f"{label} of {size} octets"
        change = {name: drbg.at(comment).octets(name, size)}
        aims = ("SizeUnchecked",) if name == "t1" else ()  # the others give another HMAC anyway
        yield invalid(comment, {**_sent(drbg.at(comment), three), **change}, *aims)
    comment = "a client's own messages reflected, Client-IV sent back as Server-IV: nothing tells"
    yield valid(comment, _sent(drbg.at(comment), three), "ControlReflection")
    for name, segments, _ in _connections(drbg):
        if name.startswith("OWAMP client: two"):
            comment = f"{name}, reflected in the same way"
            yield valid(comment, _sent(drbg.at(comment), segments), "ControlReflection")
    yield from _wrong_hmacs(drbg)
    yield from _zeros_in_hmacs(drbg)


@dataclass(frozen=True)
class _Stream:
    """An honest stream, and where its HMACs are."""

    inputs: Json
    plaintext: bytes
    starts: tuple[int, ...]
    """Where the text of each HMAC begins."""
    ends: tuple[int, ...]
    """Where each HMAC begins."""

    @classmethod
    def of(cls, drbg: Drbg, segments: Segments, **keys: bytes) -> _Stream:
        """The stream of segments."""
        inputs = _sent(drbg, segments, **keys)
        plaintext = _send({**inputs, "segments": _records(segments)})["plaintext"]
        ends, offset = [], 0
        for text, has_hmac in segments:
            offset += len(text)
            if has_hmac:
                ends.append(offset)
                offset += HMAC_SIZE
        starts = [0, *(end + HMAC_SIZE for end in ends[:-1])]
        return cls(inputs, plaintext, tuple(starts), tuple(ends))

    def text(self, number: int) -> bytes:
        """What an HMAC covers."""
        return self.plaintext[self.starts[number] : self.ends[number]]

    def hmac(self, number: int) -> bytes:
        """An HMAC in plain."""
        return self.plaintext[self.ends[number] : self.ends[number] + HMAC_SIZE]

    def with_hmac(self, number: int, hmac: bytes) -> Json:
        """The inputs with another HMAC, encrypted as it should be: all the rest decrypts."""
        return self.with_plaintext(_put(self.plaintext, self.ends[number], hmac))

    def with_plaintext(self, plaintext: bytes) -> Json:
        """The inputs with another plaintext, encrypted as it should be."""
        wire = primitives.aes_cbc_encrypt(self.inputs["t1"], self.inputs["iv"], plaintext)
        return {**self.inputs, "wire": wire}


def _put(octets: bytes, offset: int, value: bytes) -> bytes:
    return octets[:offset] + value + octets[offset + len(value) :]


def _wrong_hmacs(drbg: Drbg) -> Iterator[Case]:
    """Each HMAC of a direction wrong by itself, and everything after it right."""
    at = drbg.at("wrong HMACs")
    whole = [row for row in _connections(at) if sum(has for _, has in row[1]) > 1]
    for name, segments, _ in whole:
        stream = _Stream.of(at.at(name), segments)
        for number in range(len(stream.ends)):
            for where, offset in (("first", 0), ("last", HMAC_SIZE - 1)):
                comment = f"{name}: HMAC {number + 1} wrong in its {where} octet, encrypted right"
                wrong = stream.with_hmac(number, flipped(stream.hmac(number), offset))
                yield invalid(comment, wrong, *_unnoticed(number))
    name, segments, _ = whole[0]
    stream = _Stream.of(at.at(name), segments)
    for number in range(len(stream.ends)):
        for way, inputs, flags in _ways(stream, number):
            comment = f"{name}: HMAC {number + 1} {way}"
            yield invalid(comment, inputs, *flags)


def _unnoticed(number: int) -> tuple[str, ...]:
    return ("HmacUnchecked", "HmacFirstAlone" if number else "HmacFirstUnchecked")


def _ways(stream: _Stream, number: int) -> Iterator[tuple[str, Json, tuple[str, ...]]]:
    """What else can be wrong with one HMAC: words, the inputs, the mistakes that take it."""
    text, hmac = stream.text(number), stream.hmac(number)
    t1, t2 = stream.inputs["t1"], stream.inputs["t2"]
    unnoticed = _unnoticed(number)
    for right in (12, 15):
        part = hmac[:right] + bytes(octet ^ 0xFF for octet in hmac[right:])
        aims = ("HmacComparedInPart", *unnoticed)
        yield f"right in its first {right} octets alone", stream.with_hmac(number, part), aims
    zeros = stream.with_hmac(number, bytes(HMAC_SIZE))
    yield "of zeros, as in the unauthenticated mode", zeros, ("HmacOfZerosTaken", *unnoticed)
    before = stream.hmac(number - 1) if number else b""
    start, end = stream.starts[number], stream.ends[number]
    for words, wrong in (
        ("under T1", primitives.hmac_sha1_128(t1, text)),
        ("over the ciphertext", primitives.hmac_sha1_128(t2, stream.inputs["wire"][start:end])),
        ("over the HMAC before as well", primitives.hmac_sha1_128(t2, before + text)),
        ("that of the message before again", before),
    ):
        if wrong not in (hmac, b""):
            yield words, stream.with_hmac(number, wrong), unnoticed
    changed = stream.with_plaintext(flipped(stream.plaintext, max(start, end - 1)))
    if text:
        yield "that of the text before a field of it was changed", changed, unnoticed
    wire = stream.inputs["wire"]
    inputs = {**stream.inputs, "wire": flipped(wire, end - 1)}
    yield "and a bit changed on the way in the block before it", inputs, unnoticed
    inputs = {**stream.inputs, "wire": flipped(wire, end)}
    yield "and a bit changed on the way in its block", inputs, ("HmacUnchecked",)


def _zeros_in_hmacs(drbg: Drbg) -> Iterator[Case]:
    """HMACs with a zero octet, which ends a string in C."""
    segments = _segments(StartSessions(), StopTWSessions(0, 1))
    for place, offset in (("begins with", 0), ("ends in", HMAC_SIZE - 1)):
        comment = f"an HMAC that {place} a zero octet"
        stream = _with_zero(drbg.at(comment), segments, offset)
        yield valid(comment, stream.inputs)
    for comment, tail in (
        ("an HMAC that begins with a zero octet, and is right in no other", b"\x5a" * 15),
        ("an HMAC of zeros where a right one begins with a zero octet", bytes(15)),
    ):
        stream = _with_zero(drbg.at(comment), segments, 0)
        yield invalid(
            comment, stream.with_hmac(0, bytes(1) + tail), "HmacComparedAsString", "HmacUnchecked"
        )


def _with_zero(drbg: Drbg, segments: Segments, offset: int) -> _Stream:
    """A stream under a T2 with which its first HMAC has a zero octet at an offset."""
    for number in count():
        t2 = drbg.octets(f"t2 {number}", 32)
        if primitives.hmac_sha1_128(t2, segments[0][0])[offset] == 0:
            return _Stream.of(drbg, segments, t2=t2)
    raise AssertionError("there are infinitely many")


def make_groups(drbg: Drbg) -> Iterator[Group]:
    """The groups of ``control-stream.json``."""
    for group_type, make_cases in ((SEND, _send_cases), (RECEIVE, _receive_cases)):
        yield Group(group_type, list(make_cases(drbg.at(group_type.name))))


FILE = VectorFile(
    name="control-stream",
    algorithm="AES-128-CBC, HMAC-SHA1-128",
    header=(
        "The control connection after set-up, one direction at a time (RFC 4656 §3.2, §3.4): one",
        "AES-CBC stream under T1 from the IV on, and HMACs under T2 over the plaintext since the",
        "HMAC before, encrypted with the rest. The first block of a server's stream is the last",
        "of Server-Start, which has no HMAC of its own.",
    ),
    types=(SEND, RECEIVE),
    make_groups=make_groups,
)

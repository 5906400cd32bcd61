"""Every parser takes any octets: it returns a value or raises `ProtocolError`, nothing else."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from types import ModuleType
from typing import Any

import owamp_reference
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from owamp_reference import binding, ikev2, messages, packets, primitives, token
from owamp_reference.connection import State
from owamp_reference.control import OpenReceiver, ProtectedReceiver
from owamp_reference.errors import ProtocolError
from owamp_reference.events import Closed, Event
from owamp_reference.keys import ControlKeys, TestSessionKeys
from owamp_reference.layout import Layout, unpack_records
from owamp_reference.messages import FetchAck, FetchData, Message, ServerGreeting
from owamp_reference.negotiation import Mode, NegotiatedMode, Protocol
from owamp_reference.packets import ReflectorPacket, SenderPacket, TestMode
from owamp_reference.sessions import SessionReceiver, SessionReflector, SessionSender

from .support import (
    MESSAGES,
    SETTINGS,
    SID,
    Pair,
    RawClient,
    RawServer,
    Setting,
    ack_for,
    any_packets,
    cuts,
    fetch_data,
    fetch_data_of,
    keys_of,
    mutations,
    pieces,
)

T1, T2, IV = bytes(range(16)), bytes(range(32)), bytes(16)
CONTROL_KEYS = ControlKeys(T1, T2)
KEYS = TestSessionKeys(bytes(range(16, 32)), bytes(range(32, 64)))
SA = binding.IkeSa(bytes(8), bytes(8), ikev2.PRF_HMAC_SHA1, b"SK_d")
CHALLENGE = bytes(range(96, 112))
TOKEN = token.seal_token(T1, CHALLENGE, CONTROL_KEYS)


def in_each_mode(run: Callable[[TestMode, bytes], object]) -> Callable[[bytes], None]:
    """All three modes, each in its turn; refused if all three refuse."""

    def parse(data: bytes) -> None:
        refusals = []
        for mode in TestMode:
            try:
                run(mode, data)
            except ProtocolError as refusal:
                refusals.append(refusal)
        if len(refusals) == len(TestMode):
            raise refusals[0]

    return parse


def sealed(kind: type[SenderPacket] | type[ReflectorPacket]) -> st.SearchStrategy[bytes]:
    """UDP payloads of a kind in any mode."""
    modes = st.sampled_from(TestMode)
    return st.tuples(modes, any_packets(kind)).map(
        lambda drawn: packets.seal_packet(drawn[0], drawn[1], KEYS)
    )


@dataclass(frozen=True)
class Parser:
    """Something that takes octets from a peer, with octets that it takes without complaint."""

    parse: Callable[[bytes], object]
    valid: st.SearchStrategy[bytes]


def open_as(kind: type[SenderPacket] | type[ReflectorPacket], mode: TestMode, data: bytes) -> Any:
    if kind is SenderPacket:
        return packets.open_packet(mode, SenderPacket, data, KEYS)
    return packets.open_packet(mode, ReflectorPacket, data, KEYS)


def open_session(mode: TestMode) -> SessionSender:
    """A sender that has sent packets, so that answers to them may come."""
    sender = SessionSender(mode, KEYS, clock=lambda: 0)
    sender.next_sequence_number = 2**32
    return sender


PARSERS: dict[str, Parser] = {
    **{
        f"messages.{kind.__name__}.parse": Parser(
            kind.parse, instances.map(lambda message: message.to_octets())
        )
        for kind, instances in MESSAGES.items()
    },
    "messages.FetchData.parse": Parser(
        lambda data: FetchData.parse(data, FetchAck(0, 1, 0, 2, 2)),
        fetch_data_of(2, 2).map(lambda data: data.to_octets()),
    ),
    "messages.read_octets": Parser(
        lambda data: messages.read_octets("record", messages.SessionDescription.reader(), data),
        keys_of(32).map(lambda data: data[:20] + bytes(12)),
    ),
    "messages.decode_key_id": Parser(
        messages.decode_key_id,
        st.text(max_size=20)
        .filter(lambda text: "\0" not in text)
        .map(lambda text: text.encode().ljust(80, b"\0")),
    ),
    "layout.Layout.unpack": Parser(ServerGreeting.LAYOUT.unpack, keys_of(64)),
    "layout.unpack_records": Parser(partial(unpack_records, messages.SkipRange), keys_of(24)),
    "binding.spis_from_key_id": Parser(binding.spis_from_key_id, keys_of(80)),
    "binding.shared_secret_for_key_id": Parser(
        partial(binding.shared_secret_for_key_id, [SA]), keys_of(80)
    ),
    "negotiation.NegotiatedMode.secret_name": Parser(
        NegotiatedMode(Mode.ENCRYPTED, ikev2_derived=True).secret_name, keys_of(80)
    ),
    "token.open_token": Parser(
        lambda data: token.open_token(T1, data, CHALLENGE),
        keys_of(48).map(lambda rest: TOKEN[:16] + rest),
    ),
    "control.OpenReceiver.read": Parser(OpenReceiver().read, st.binary()),
    "control.OpenReceiver.read_hmac": Parser(OpenReceiver().read_hmac, st.binary()),
    "control.ProtectedReceiver.read": Parser(
        lambda data: ProtectedReceiver(CONTROL_KEYS, IV).read(data), keys_of(32)
    ),
    "control.ProtectedReceiver.read_hmac": Parser(
        lambda data: ProtectedReceiver(CONTROL_KEYS, IV).read_hmac(data),
        st.just(primitives.aes_cbc_encrypt(T1, IV, primitives.hmac_sha1_128(T2, b""))),
    ),
    "packets.open_packet": Parser(
        in_each_mode(lambda mode, data: packets.open_packet(mode, SenderPacket, data, KEYS)),
        sealed(SenderPacket),
    ),
    "packets.decrypt_blocks": Parser(
        in_each_mode(lambda mode, data: packets.decrypt_blocks(mode, KEYS.t3, data)),
        keys_of(32),
    ),
    "primitives.aes_ecb_decrypt": Parser(partial(primitives.aes_ecb_decrypt, T1), keys_of(32)),
    "primitives.aes_cbc_decrypt": Parser(partial(primitives.aes_cbc_decrypt, T1, IV), keys_of(32)),
    "packets.ErrorEstimate.from_int": Parser(
        lambda data: packets.ErrorEstimate.from_int(int.from_bytes(data, "big")),
        keys_of(1).map(lambda octet: octet + b"\x01"),
    ),
    "sessions.SessionSender.receive": Parser(
        in_each_mode(lambda mode, data: open_session(mode).receive(data)), sealed(ReflectorPacket)
    ),
    "sessions.SessionReceiver.receive": Parser(
        in_each_mode(lambda mode, data: SessionReceiver(mode, KEYS).receive(data)),
        sealed(SenderPacket),
    ),
    "sessions.SessionReflector.reflect": Parser(
        in_each_mode(
            lambda mode, data: SessionReflector(mode, KEYS, clock=lambda: 0).reflect(data)
        ),
        sealed(SenderPacket),
    ),
}
ENDPOINTS = {f"connection.{end}.receive" for end in ("Endpoint", "ControlClient", "Server")}
"""They have a state, and tests of their own below."""
NOT_PARSERS = {
    "ikev2.prf",
    "connection.Server.answer_fetch",
    "connection.check_fetch_answer",
    "messages.Message.parse",
}
"""Functions with a parameter that is named like received octets, but no parsers."""
RECEIVED = {"data", "key_id", "token", "ciphertext"}
"""What the reference names a parameter that takes octets from a peer."""


def modules() -> Iterator[ModuleType]:
    for info in pkgutil.iter_modules(owamp_reference.__path__):
        yield importlib.import_module(f"owamp_reference.{info.name}")


def functions_of(module: ModuleType) -> Iterator[tuple[str, Any]]:
    """The public functions of a module and the public methods of its classes."""
    for name, value in vars(module).items():
        if name.startswith("_") or getattr(value, "__module__", "") != module.__name__:
            continue
        if inspect.isfunction(value):
            yield name, value
        elif inspect.isclass(value):
            for method, function in inspect.getmembers(value):
                is_method = inspect.isfunction(function) or inspect.ismethod(function)
                if is_method and not method.startswith("_"):
                    yield f"{name}.{method}", function


def takes_octets(function: Any) -> bool:
    parameters = set(inspect.signature(function).parameters)
    return bool(RECEIVED & parameters) or function.__name__ == "from_int"


def test_no_parser_is_left_out() -> None:
    found = {
        f"{module.__name__.rpartition('.')[2]}.{name}"
        for module in modules()
        for name, function in functions_of(module)
        if takes_octets(function)
    }
    assert found == set(PARSERS) | ENDPOINTS | NOT_PARSERS


parsers = pytest.mark.parametrize("parser", PARSERS.values(), ids=PARSERS)


@parsers
@given(data=st.data())
def test_parser_takes_what_is_valid(parser: Parser, data: st.DataObject) -> None:
    parser.parse(data.draw(parser.valid))


@parsers
@given(data=st.data())
def test_parser_returns_or_refuses(parser: Parser, data: st.DataObject) -> None:
    octets = data.draw(st.binary(max_size=300) | mutations(parser.valid))
    with suppress(ProtocolError):
        parser.parse(octets)


kinds = pytest.mark.parametrize("kind", MESSAGES, ids=[kind.__name__ for kind in MESSAGES])


@kinds
@given(data=st.data())
def test_message_survives_building_and_parsing(kind: type[Message], data: st.DataObject) -> None:
    message = data.draw(MESSAGES[kind])
    octets = message.to_octets()
    assert kind.parse(octets) == message
    assert kind.parse(octets).to_octets() == octets


@kinds
@given(data=st.data())
def test_what_parses_is_built_to_parse_the_same(kind: type[Message], data: st.DataObject) -> None:
    """MBZ is ignored, so the octets may differ; what they say may not."""
    octets = data.draw(mutations(MESSAGES[kind].map(lambda message: message.to_octets())))
    try:
        message = kind.parse(octets)
    except ProtocolError:
        return
    assert kind.parse(message.to_octets()) == message
    assert len(message.to_octets()) == len(octets)


@kinds
@given(data=st.data())
def test_message_of_another_length_is_refused(kind: type[Message], data: st.DataObject) -> None:
    octets = data.draw(MESSAGES[kind]).to_octets()
    end = data.draw(st.integers(0, len(octets) - 1))
    for wrong in (octets[:end], octets + data.draw(st.binary(min_size=1, max_size=40))):
        with pytest.raises(ProtocolError):
            kind.parse(wrong)


@given(fetch_data)
def test_fetch_data_survive_building_and_parsing(data: FetchData) -> None:
    assert FetchData.parse(data.to_octets(), ack_for(data)) == data


@given(st.text(max_size=90))
def test_key_id_survives_encoding_and_decoding(name: str) -> None:
    if "\0" in name or len(name.encode()) > 80:
        with pytest.raises(ProtocolError, match="KeyID"):
            messages.encode_key_id(name)
    else:
        key_id = messages.encode_key_id(name)
        assert len(key_id) == 80
        assert messages.decode_key_id(key_id) == name


@pytest.mark.parametrize("kind", [SenderPacket, ReflectorPacket])
@pytest.mark.parametrize("mode", TestMode)
@given(data=st.data())
def test_packet_survives_sealing_and_opening(
    mode: TestMode, kind: type[SenderPacket] | type[ReflectorPacket], data: st.DataObject
) -> None:
    packet = data.draw(any_packets(kind))
    payload = packets.seal_packet(mode, packet, KEYS)
    assert len(payload) == kind.header_size(mode) + len(packet.padding)
    assert open_as(kind, mode, payload) == packet


@given(
    st.builds(
        Layout,
        st.just("layout"),
        st.lists(st.sampled_from(ServerGreeting.LAYOUT.fields), max_size=6).map(tuple),
    ),
    st.binary(max_size=100),
)
def test_layout_of_another_size_is_refused(layout: Layout, octets: bytes) -> None:
    if len(octets) == layout.size:
        assert set(layout.unpack(octets)) == {field.name for field in layout.fields if field.name}
    else:
        with pytest.raises(ProtocolError, match="layout"):
            layout.unpack(octets)


# The endpoints: any octets, in pieces of any size, in every state and mode

Stage = Callable[[Setting], RawClient | RawServer]


def greeted(setting: Setting) -> RawClient:
    return RawClient(setting)


def ready(setting: Setting) -> RawClient:
    return RawClient(setting).ready()


def with_session(setting: Setting) -> RawClient:
    raw = ready(setting)
    raw.send(setting.request())
    return raw


def conducting(setting: Setting) -> RawClient:
    raw = with_session(setting)
    raw.send(messages.StartSessions())
    return raw


def fetching(setting: Setting) -> RawClient:
    raw = ready(setting)
    raw.send(messages.FetchSession(0, 1, SID))
    return raw


def unanswered(setting: Setting) -> RawServer:
    return RawServer(setting)


def responded(setting: Setting) -> RawServer:
    raw = RawServer(setting)
    raw.greet()
    return raw


def idle(setting: Setting) -> RawServer:
    return RawServer(setting).ready()


def awaiting_accept(setting: Setting) -> RawServer:
    return RawServer(setting).ready().asked()


def awaiting_start_ack(setting: Setting) -> RawServer:
    raw = awaiting_accept(setting)
    raw.send(messages.AcceptSession(0, 6000, SID))
    raw.client.start_sessions()
    return raw


def in_test(setting: Setting) -> RawServer:
    return RawServer(setting).testing()


def awaiting_data(setting: Setting) -> RawServer:
    raw = RawServer(setting).ready()
    if setting.protocol is Protocol.OWAMP:
        raw.client.fetch_session(SID)
    return raw


STAGES: list[Stage] = [
    greeted,
    ready,
    with_session,
    conducting,
    fetching,
    unanswered,
    responded,
    idle,
    awaiting_accept,
    awaiting_start_ack,
    in_test,
    awaiting_data,
]
segments = st.one_of(
    st.one_of([values for kind, values in MESSAGES.items() if kind.HAS_HMAC]).map(
        lambda message: message.segments()
    ),
    fetch_data.map(lambda data: data.segments()),
    st.lists(st.integers(0, 4).flatmap(lambda count: keys_of(16 * count)), max_size=3),
)
speech = st.lists(st.binary(max_size=200) | segments, min_size=1, max_size=4)
"""What a peer says: octets as they are, or text that is encrypted and authenticated as it should
be, which is how far only a peer with the keys gets.
"""


@pytest.mark.parametrize("stage", STAGES, ids=[stage.__name__ for stage in STAGES])
@settings(max_examples=2 * settings().max_examples)
@given(setting=st.sampled_from(SETTINGS), words=speech, sizes=cuts)
def test_endpoint_takes_any_octets(
    stage: Stage,
    setting: Setting,
    words: list[bytes | list[bytes]],
    sizes: list[int],
) -> None:
    raw = stage(setting)
    events: list[Event] = []
    was_open = raw.peer.state is not State.CLOSED
    for word in words:
        octets = word if isinstance(word, bytes) else raw.sealed_text(word)
        for piece in pieces(octets, sizes):
            events += raw.peer.receive(piece)
    is_open = raw.peer.state is not State.CLOSED
    endings = [event for event in events if isinstance(event, Closed)]
    assert endings == events[-1:] if was_open and not is_open else not endings
    if not is_open:
        assert raw.peer.receive(bytes(200)) == []
        assert raw.peer.connection_lost() == []


@pytest.mark.parametrize("setting", SETTINGS, ids=str)
@given(changes=st.lists(st.tuples(st.integers(0, 10**6), st.integers(1, 255)), max_size=3))
def test_changed_octets_of_an_honest_exchange_never_raise(
    setting: Setting, changes: list[tuple[int, int]]
) -> None:
    """A man in the middle turns over bits of whatever is said, either way."""
    pair = Pair(setting)
    steps: list[Callable[[], None]] = [
        lambda: None,
        lambda: pair.client.request_session(setting.request()),
        pair.client.start_sessions,
        pair.client.stop_sessions,
    ]
    for step in steps:
        try:
            step()
        except ProtocolError:  # not open after what happened
            break
        for _ in range(4):
            to_client = spoiled(pair.server.data_to_send(), changes)
            to_server = spoiled(pair.client.data_to_send(), changes)
            pair.client.receive(to_client)
            pair.server.receive(to_server)


def spoiled(octets: bytes, changes: list[tuple[int, int]]) -> bytes:
    changed = bytearray(octets)
    for position, bits in changes:
        if changed:
            changed[position % len(changed)] ^= bits
    return bytes(changed)

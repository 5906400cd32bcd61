"""Values that do not fit are refused by name, and the small rules of fields."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import FrozenInstanceError, replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from owamp_reference import binding, ikev2, keys, messages, packets, primitives, token
from owamp_reference.choices import first_option
from owamp_reference.errors import ProtocolError
from owamp_reference.layout import Layout, LayoutField, Record, constant, mbz, number_of, uint
from owamp_reference.messages import PacketRecord, ScheduleSlot, SkipRange
from owamp_reference.negotiation import Credentials
from owamp_reference.packets import ErrorEstimate, ReflectorPacket, SenderPacket, TestMode
from owamp_reference.sessions import SessionReflector, SessionSender

from .support import MESSAGES, any_packets, fetch_data, keys_of, session_descriptions

LAYOUTS: dict[str, Layout] = {
    layout.title: layout
    for layout in (
        *(kind.LAYOUT for kind in MESSAGES),
        ScheduleSlot.LAYOUT,
        SkipRange.LAYOUT,
        PacketRecord.LAYOUT,
        messages.SessionDescription.LAYOUT,
        SenderPacket.OPEN_LAYOUT,
        SenderPacket.PROTECTED_LAYOUT,
        ReflectorPacket.OPEN_LAYOUT,
        ReflectorPacket.PROTECTED_LAYOUT,
    )
}
FIELDS = {
    f"{title}: {field.label}": (layout, field)
    for title, layout in LAYOUTS.items()
    for field in layout.fields
    if field.name
}


@pytest.mark.parametrize(("layout", "field"), FIELDS.values(), ids=FIELDS)
def test_value_that_does_not_fit_its_field_is_refused(layout: Layout, field: LayoutField) -> None:
    fitting: dict[str, Any] = {
        other.name: 0 if other.is_integer else bytes(other.size)
        for other in layout.fields
        if other.name
    }
    most = field.mask or 256**field.size - 1
    wrong: list[Any] = (
        [-1, most + 1] if field.is_integer else [bytes(field.size - 1), bytes(field.size + 1)]
    )
    for value in wrong:
        with pytest.raises(ProtocolError) as caught:
            layout.pack(fitting | {field.name: value})
        assert caught.value.field == field.label
    if field.is_integer:
        packed = layout.pack(fitting | {field.name: most})
        assert layout.unpack(packed)[field.name] == most


@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS)
@given(data=st.data())
def test_mbz_is_sent_as_zero_and_ignored(layout: Layout, data: st.DataObject) -> None:
    """RFC 4656 §3.1."""
    octets = bytearray(data.draw(keys_of(layout.size)))
    for offset, field in layout.offsets():
        if field.constant is not None:
            octets[offset : offset + field.size] = field.constant.to_bytes(field.size, "big")
    values = layout.unpack(bytes(octets))
    packed = layout.pack(values)
    assert layout.unpack(packed) == values
    for offset, field in layout.offsets():
        if not field.name and field.constant is None:
            assert packed[offset : offset + field.size] == bytes(field.size)
        elif field.mask is None:
            assert packed[offset : offset + field.size] == octets[offset : offset + field.size]


@pytest.mark.parametrize("kind", MESSAGES, ids=[kind.__name__ for kind in MESSAGES])
def test_message_of_another_command_is_refused(kind: type[messages.Message]) -> None:
    field = kind.LAYOUT.fields[0]
    octets = bytearray(kind.LAYOUT.size)
    octets[0] = 77
    if field.constant is not None:
        with pytest.raises(ProtocolError, match=f"^Command Number: expected {field.constant}"):
            kind.LAYOUT.unpack(bytes(octets))
    else:
        kind.LAYOUT.unpack(bytes(octets))


class Example(Record, title="Example", kw_only=True):
    command = constant("Command Number", 1, 9)
    accept: int = uint("Accept", 1, default=7)
    mbz_1 = mbz(2)
    number_of_items = number_of("items", "Number of Items", 4)

    items: tuple[str, ...]


def test_a_record_is_laid_out_as_its_class_is_written() -> None:
    example = Example(items=("a", "b"))
    assert example == Example(accept=7, items=("a", "b"))
    assert repr(example) == "Example(accept=7, items=('a', 'b'))"
    assert example.pack() == bytes.fromhex("09070000 00000002")
    assert Example.LAYOUT.unpack(example.pack()) == {"accept": 7, "number_of_items": 2}
    with pytest.raises(FrozenInstanceError):
        example.accept = 1  # type: ignore[misc]


def test_layout_of_mbz_alone_holds_no_values() -> None:
    assert Layout("nothing", (mbz(3),)).unpack(b"abc") == {}


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("a" * 81, "81 octets"),
        ("ä" * 41, "82 octets"),
        ("a\0b", "a zero octet"),
        ("\ud800", "a lone surrogate"),
    ],
    ids=["too long", "too long in UTF-8", "U+0000", "not UTF-8"],
)
def test_name_that_is_no_key_id_is_refused(name: str, found: str) -> None:
    with pytest.raises(ProtocolError, match=f"^KeyID: .*{found}$"):
        messages.encode_key_id(name)


@pytest.mark.parametrize(
    "key_id", [b"a\0b".ljust(80, b"\0"), b"\xff".ljust(80, b"\0"), b"\xc3".ljust(80, b"\0")]
)
def test_key_id_that_is_no_name_is_refused(key_id: bytes) -> None:
    with pytest.raises(ProtocolError, match=r"^KeyID: expected"):
        messages.decode_key_id(key_id)


@pytest.mark.parametrize("name", ["", "a", "a" * 80, "ä" * 40, " spaced "])
def test_key_id_is_the_name_padded_with_zeros(name: str) -> None:
    assert messages.encode_key_id(name) == name.encode().ljust(80, b"\0")


@pytest.mark.parametrize("passphrase", [b"a\n", b"\ra", b"\r\n"])
def test_passphrase_has_no_newline(passphrase: bytes) -> None:
    with pytest.raises(ProtocolError, match=r"^passphrase: expected no newline"):
        token.check_passphrase(passphrase)
    with pytest.raises(ProtocolError, match=r"^passphrase"):
        token.encode_passphrase(passphrase.decode())


def test_passphrase_is_its_utf_8_octets() -> None:
    assert token.encode_passphrase("pä ss\t") == "pä ss\t".encode()


def test_passphrase_of_twamp_is_ascii() -> None:
    """RFC 5357 §3.1."""
    assert token.encode_passphrase("p ss\t", for_twamp=True) == b"p ss\t"
    with pytest.raises(ProtocolError, match=r"^passphrase: expected ASCII"):
        token.encode_passphrase("pä", for_twamp=True)


def test_carriage_return_alone_is_a_newline_in_twamp() -> None:
    """RFC 5357 §3.1; RFC 4656 does not say what a newline is."""
    assert token.encode_passphrase("a\rb", choose=lambda _: 1) == b"a\rb"
    with pytest.raises(ProtocolError, match=r"^passphrase: expected no newline"):
        token.encode_passphrase("a\rb", for_twamp=True, choose=lambda _: 1)


def test_credentials_of_twamp_have_a_passphrase_of_twamp() -> None:
    """RFC 5357 §3.1."""
    for passphrase in ("a\rb", "pä", b"a\rb", "pä".encode()):
        with pytest.raises(ProtocolError, match=r"^passphrase: expected"):
            Credentials.from_passphrase("alice", passphrase, for_twamp=True)
        found = Credentials.from_passphrase(
            "alice", passphrase, choose=lambda choice: int(choice is token.LONE_CR)
        )
        octets = passphrase.encode() if isinstance(passphrase, str) else passphrase
        assert found.shared_secret == octets


@pytest.mark.parametrize("count", [2**n for n in range(10, 16)])
def test_count_that_rfc_4656_and_rfc_5357_allow(count: int) -> None:
    token.check_count(count)
    for wrong in (count - 1, count + 1, 2 * 32768):
        with pytest.raises(ProtocolError, match=r"^Count: expected"):
            token.check_count(wrong)


@given(st.integers(0, 0xFFFF))
def test_error_estimate_survives_but_for_its_z_bit(value: int) -> None:
    if not value & 0xFF:
        with pytest.raises(ProtocolError, match=r"^Multiplier"):
            ErrorEstimate.from_int(value)
    else:
        assert ErrorEstimate.from_int(value).to_int() == value & ~0x4000


@pytest.mark.parametrize(
    ("estimate", "field"),
    [
        (ErrorEstimate(True, 64, 1), "Scale"),
        (ErrorEstimate(True, -1, 1), "Scale"),
        (ErrorEstimate(True, 0, 0), "Multiplier"),
        (ErrorEstimate(True, 0, 256), "Multiplier"),
    ],
)
def test_error_estimate_that_does_not_fit_is_refused(estimate: ErrorEstimate, field: str) -> None:
    with pytest.raises(ProtocolError, match=f"^{field}: expected"):
        estimate.to_int()
    with pytest.raises(ProtocolError, match=f"^{field}: expected"):
        SessionSender(TestMode.UNAUTHENTICATED, error_estimate=estimate)


@pytest.mark.parametrize("mode", TestMode)
def test_error_estimate_is_sent_without_z_and_not_with_multiplier_0(mode: TestMode) -> None:
    """RFC 4656 §4.1.2."""
    session_keys = keys.TestSessionKeys(bytes(16), bytes(32))
    sealed = packets.seal_packet(mode, SenderPacket(0, 0, 0xC001), session_keys)
    opened = packets.open_packet(mode, SenderPacket, sealed, session_keys)
    assert opened.error_estimate == 0x8001
    for value, choose in ((0x8000, first_option), (0xC001, lambda _: 1)):
        with pytest.raises(ProtocolError, match=r"^(Multiplier|Error Estimate): expected"):
            packets.seal_packet(mode, SenderPacket(0, 0, value), session_keys, choose)


@pytest.mark.parametrize("value", [-1, 0x10001])
def test_error_estimate_has_16_bits(value: int) -> None:
    with pytest.raises(ProtocolError, match=r"^Error Estimate: expected"):
        ErrorEstimate.from_int(value)


def test_lost_packet_has_no_receive_time_and_ttl_255() -> None:
    """RFC 4656 §3.9, §4.2."""
    lost = PacketRecord.lost(1, 5, 1)
    assert (lost.seq_number, lost.send_timestamp, lost.receive_error_estimate) == (1, 5, 1)
    assert lost.send_error_estimate == 1, "Multiplier 1, Scale 64 modulo 64, S 0"
    assert lost.is_lost
    assert not replace(lost, receive_timestamp=6).is_lost
    assert not replace(lost, ttl=254).is_lost


@pytest.mark.parametrize(
    ("kind", "sizes"), [(SenderPacket, (14, 48, 48)), (ReflectorPacket, (41, 112, 112))]
)
def test_packets_have_the_sizes_of_the_figures(kind: type[SenderPacket], sizes: Any) -> None:
    """RFC 4656 §4.1.2; RFC 5357 §4.2.1, whose figure has 112 octets where its text has 104."""
    assert tuple(kind.header_size(mode) for mode in TestMode) == sizes


@pytest.mark.parametrize("mode", TestMode)
@given(packet=any_packets(SenderPacket), size=st.integers(0, 200))
def test_reflected_packet_is_as_large_as_the_senders_if_padding_allows(
    mode: TestMode, packet: SenderPacket, size: int
) -> None:
    """RFC 5357 §4.2.1: the padding is the sender's, its last octets dropped."""
    session_keys = keys.TestSessionKeys(bytes(16), bytes(32))
    packet = replace(packet, padding=bytes(n % 251 for n in range(size)))
    payload = packets.seal_packet(mode, packet, session_keys)
    reflector = SessionReflector(mode, session_keys, clock=lambda: 3)
    for number in range(2):
        answer = reflector.reflect(payload)
        assert len(answer) == max(len(payload), ReflectorPacket.header_size(mode))
        reflected = packets.open_packet(mode, ReflectorPacket, answer, session_keys)
        assert packet.padding.startswith(reflected.padding)
        assert reflected.sequence_number == number
        assert reflected.sender_sequence_number == packet.sequence_number
        assert reflected.sender_timestamp == packet.timestamp
        assert reflected.sender_error_estimate == packet.error_estimate
        assert (reflected.receive_timestamp, reflected.timestamp) == (3, 3)
        assert reflected.sender_ttl == 255


def test_packet_that_is_not_answered_takes_no_sequence_number() -> None:
    reflector = SessionReflector(TestMode.UNAUTHENTICATED, clock=lambda: 3)
    sender = SessionSender(TestMode.UNAUTHENTICATED, clock=lambda: 3)
    payload = sender.next_packet(27)
    with pytest.raises(ProtocolError, match=r"^Sender TTL"):
        reflector.reflect(payload, ttl=256)
    with pytest.raises(ProtocolError, match=r"^test packet: expected at least 14 octets"):
        reflector.reflect(payload[:13])
    assert reflector.reflect(payload)[:4] == bytes(4)


def test_sender_stops_before_its_numbers_wrap() -> None:
    """RFC 4656 §4.1.2: each number is one above the last, in 4 octets."""
    sender = SessionSender(TestMode.UNAUTHENTICATED, clock=lambda: 3)
    sender.next_sequence_number = 2**32 - 1
    assert sender.next_packet()[:4] == b"\xff" * 4
    for _ in range(2):
        with pytest.raises(ProtocolError, match=r"^Sequence Number"):
            sender.next_packet()
        assert sender.next_sequence_number == 2**32


def test_answer_to_a_packet_never_sent_is_discarded_or_taken() -> None:
    """RFC 5357 §4.1: what a sender records is implementation dependent."""
    mode = TestMode.UNAUTHENTICATED
    payload = SessionSender(mode, clock=lambda: 3).next_packet(27)
    answer = SessionReflector(mode, clock=lambda: 3).reflect(payload)
    with pytest.raises(ProtocolError, match=r"^Sender Sequence Number: expected"):
        SessionSender(mode).receive(answer)
    assert SessionSender(mode, choose=lambda _: 1).receive(answer).sender_sequence_number == 0


def test_authenticated_mode_leaves_the_timestamp_alone() -> None:
    """RFC 4656 §4.1.2: encrypted and covered by the HMAC is the first block, by design."""
    session_keys = keys.TestSessionKeys(bytes(16), bytes(32))
    payload = bytearray(SessionSender(TestMode.AUTHENTICATED, session_keys).next_packet())
    payload[16] ^= 1
    packets.open_packet(TestMode.AUTHENTICATED, SenderPacket, bytes(payload), session_keys)
    payload[15] ^= 1
    with pytest.raises(ProtocolError, match=r"^HMAC"):
        packets.open_packet(TestMode.AUTHENTICATED, SenderPacket, bytes(payload), session_keys)


@given(session_descriptions)
def test_session_description_is_padded_with_zeros_to_a_block(
    record: messages.SessionDescription,
) -> None:
    """RFC 4656 §3.8; what the padding holds is not looked at."""
    size = 24 + 8 * len(record.skip_ranges)
    octets = record.to_octets()
    assert len(octets) == size + -size % 16
    assert not any(octets[size:])
    stop = messages.StopSessions(0, (record,)).to_octets()
    padded = stop[: 16 + size] + b"\xff" * (len(octets) - size) + stop[16 + len(octets) :]
    assert messages.StopSessions.parse(padded).sessions == (record,)


@given(fetch_data)
def test_skip_ranges_and_records_are_padded_with_zeros_to_a_block(
    data: messages.FetchData,
) -> None:
    """RFC 4656 §3.9."""
    *_, ranges, records = data.segments()
    for segment, size in ((ranges, 8 * len(data.skip_ranges)), (records, 25 * len(data.records))):
        assert len(segment) == size + -size % 16
        assert not any(segment[size:])


NONCES = bytes(32), bytes(32)
SIZES: list[tuple[str, Any]] = [
    ("AES key", lambda: primitives.aes_ecb_encrypt(bytes(32), b"")),
    ("AES key", lambda: primitives.aes_ecb_decrypt(bytes(15), b"")),
    ("AES key", lambda: primitives.aes_cbc_encrypt(bytes(17), bytes(16), b"")),
    ("AES plaintext", lambda: primitives.aes_ecb_encrypt(bytes(16), bytes(15))),
    ("AES ciphertext", lambda: primitives.aes_ecb_decrypt(bytes(16), bytes(17))),
    ("AES ciphertext", lambda: primitives.aes_cbc_decrypt(bytes(16), bytes(16), bytes(17))),
    ("IV", lambda: primitives.cbc_encryptor(bytes(16), bytes(12))),
    ("IV", lambda: primitives.cbc_decryptor(bytes(16), b"")),
    ("SID", lambda: keys.derive_t3(bytes(16), bytes(15))),
    ("SID", lambda: keys.derive_t4(bytes(32), bytes(17))),
    ("SPIi", lambda: binding.key_id_from_spis(bytes(7), bytes(8))),
    ("SPIr", lambda: binding.key_id_from_spis(bytes(8), bytes(9))),
    ("KeyID", lambda: binding.spis_from_key_id(bytes(79))),
    ("g^ir", lambda: ikev2.rekeyed_skeyseed(ikev2.PRF_HMAC_SHA1, bytes(20), b"", *NONCES)),
]


@pytest.mark.parametrize(("field", "run"), SIZES)
def test_argument_of_the_wrong_size_is_refused_by_name(field: str, run: Any) -> None:
    with pytest.raises(ProtocolError) as caught:
        run()
    assert caught.value.field == field


@pytest.mark.parametrize("function", ikev2.PRFS.values(), ids=ikev2.PRFS)
def test_nonce_has_half_the_prf_key_and_16_to_256_octets(function: ikev2.Prf) -> None:
    """RFC 7296 §2.10, §3.9."""
    low = max(16, function.output_size // 2)
    good = bytes(low)
    for size in (low, 256):
        ikev2.skeyseed(function, bytes(size), bytes(size), b"")
    for size in (0, low - 1, 257):
        for nonces, name in (((bytes(size), good), "Ni"), ((good, bytes(size)), "Nr")):
            with pytest.raises(ProtocolError, match=f"^{name}: expected {low} to 256 octets"):
                ikev2.keymat(function, b"k", *nonces, 16)
            with pytest.raises(ProtocolError, match=f"^{name}: expected {low} to 256 octets"):
                ikev2.additional_skeyseed(function, b"k", b"", *nonces)


@pytest.mark.parametrize("new", ikev2.PRFS.values(), ids=ikev2.PRFS)
@pytest.mark.parametrize("old", ikev2.PRFS.values(), ids=ikev2.PRFS)
def test_nonces_of_a_rekey_have_half_the_key_of_the_prf_that_it_negotiates(
    old: ikev2.Prf, new: ikev2.Prf
) -> None:
    """RFC 7296 §2.10; the old prf, which makes SKEYSEED, has no say in it."""
    sa = binding.IkeSa(bytes(8), bytes(8), old, bytes(old.output_size))
    low = max(16, new.output_size // 2)
    for size in (15, low - 1, low, 256, 257):
        exchange = binding.Exchange(bytes(size), bytes(size), bytes(8), bytes(8), b"g^ir")
        allowed = (
            nullcontext() if low <= size <= 256 else pytest.raises(ProtocolError, match=r"^Ni")
        )
        with allowed:
            binding.rekeyed_sa(sa, new, exchange, integrity_size=20, encryption_size=16)

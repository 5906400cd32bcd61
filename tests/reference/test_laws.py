"""Laws that hold for all inputs."""

from __future__ import annotations

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from owamp_reference import binding, ikev2, keys, primitives, token
from owamp_reference.connection import State
from owamp_reference.control import ProtectedReceiver, ProtectedSender
from owamp_reference.errors import ProtocolError
from owamp_reference.events import SetUp, Started, StopReceived, TestSession
from owamp_reference.ikev2 import PRFS, Prf
from owamp_reference.keys import ControlKeys
from owamp_reference.messages import Accept, SessionDescription
from owamp_reference.negotiation import Mode, Protocol
from owamp_reference.packets import TestMode
from owamp_reference.sessions import SessionReceiver, SessionReflector, SessionSender

from .support import SETTINGS, Pair, Setting, blocks, cuts, keys_of, only, pieces

prfs = pytest.mark.parametrize("function", PRFS.values(), ids=PRFS)
nonces = st.binary(min_size=32, max_size=256)


control_keys = st.builds(ControlKeys, keys_of(16), keys_of(32))


@given(control_keys, keys_of(16))
def test_whoever_knows_the_sid_runs_the_derivation_of_t3_and_t4_backwards(
    own: ControlKeys, sid: bytes
) -> None:
    derived = keys.derive_test_session_keys(own, sid)
    assert keys.control_keys_from_test_keys(derived, sid) == own


@given(t3=keys_of(16), t4=keys_of(32), sid=keys_of(16))
def test_every_t3_and_t4_belongs_to_some_t1_and_t2(t3: bytes, t4: bytes, sid: bytes) -> None:
    found = keys.TestSessionKeys(t3, t4)
    assert keys.derive_test_session_keys(keys.control_keys_from_test_keys(found, sid), sid) == found


@given(control_keys, st.sets(keys_of(16), min_size=2, max_size=2))
def test_sessions_do_not_share_keys(own: ControlKeys, sids: set[bytes]) -> None:
    first, second = (keys.derive_test_session_keys(own, sid) for sid in sids)
    assert first.t3 != second.t3
    assert first.t4 != second.t4


@given(control_keys, keys_of(16))
def test_one_way_reading_is_not_the_derivation_of_rfc_4656(own: ControlKeys, sid: bytes) -> None:
    one_way = keys.one_way_test_session_keys(own, sid)
    assert (len(one_way.t3), len(one_way.t4)) == (16, 32)
    assert one_way != keys.derive_test_session_keys(own, sid)


@prfs
@given(key=st.binary(min_size=1, max_size=80), seed=st.binary(max_size=80), sizes=st.data())
def test_prf_plus_is_prf_chained_and_shorter_outputs_are_its_prefixes(
    function: Prf, key: bytes, seed: bytes, sizes: st.DataObject
) -> None:
    size = sizes.draw(st.integers(0, 5 * function.output_size))
    expected = block = b""
    for counter in range(1, 6):
        block = ikev2.prf(function, key, block + seed + bytes([counter]))
        assert len(block) == function.output_size
        expected += block
    assert ikev2.prf_plus(function, key, seed, size) == expected[:size]


@prfs
def test_prf_plus_ends_after_255_blocks(function: Prf) -> None:
    limit = 255 * function.output_size
    assert len(ikev2.prf_plus(function, b"k", b"s", limit)) == limit
    for size in (limit + 1, -1):
        with pytest.raises(ProtocolError, match=r"prf\+ output"):
            ikev2.prf_plus(function, b"k", b"s", size)


@prfs
@given(ni=nonces, nr=nonces, secret=st.binary(max_size=64))
def test_skeyseed_takes_half_the_key_from_each_nonce_if_the_key_size_is_fixed(
    function: Prf, ni: bytes, nr: bytes, secret: bytes
) -> None:
    first_halves = ni[:8].ljust(32, b"i"), nr[:8].ljust(32, b"r")
    same = ikev2.skeyseed(function, ni, nr, secret) == ikev2.skeyseed(
        function, *first_halves, secret
    )
    assert same == function.takes_half_nonces


@prfs
@given(key=st.binary(min_size=1, max_size=64), ni=nonces, nr=nonces, secret=keys_of(32))
def test_keymat_with_a_new_exchange_differs_from_keymat_without(
    function: Prf, key: bytes, ni: bytes, nr: bytes, secret: bytes
) -> None:
    without = ikev2.keymat(function, key, ni, nr, 64)
    assert ikev2.keymat(function, key, ni, nr, 80)[:64] == without
    assert ikev2.keymat(function, key, ni, nr, 64, secret) != without


@given(key=keys_of(16), data=blocks)
def test_ecb_is_undone_and_treats_blocks_alone(key: bytes, data: bytes) -> None:
    encrypted = primitives.aes_ecb_encrypt(key, data)
    assert primitives.aes_ecb_decrypt(key, encrypted) == data
    alone = [primitives.aes_ecb_encrypt(key, block) for block in pieces(data, [16])]
    assert b"".join(alone) == encrypted


@given(key=keys_of(16), iv=keys_of(16), data=blocks, sizes=st.lists(st.integers(1, 4), min_size=1))
def test_cbc_in_parts_is_cbc_at_once(key: bytes, iv: bytes, data: bytes, sizes: list[int]) -> None:
    cut = [16 * size for size in sizes]
    encryptor, decryptor = primitives.cbc_encryptor(key, iv), primitives.cbc_decryptor(key, iv)
    encrypted = b"".join(encryptor.update(part) for part in pieces(data, cut))
    assert encrypted == primitives.aes_cbc_encrypt(key, iv, data)
    assert b"".join(decryptor.update(part) for part in pieces(encrypted, reversed(cut))) == data
    assert primitives.aes_cbc_decrypt(key, iv, encrypted) == data


# The control stream

texts = st.lists(blocks, min_size=1, max_size=4)
streams = st.tuples(control_keys, keys_of(16))
Stream = tuple[ControlKeys, bytes]


@given(streams, texts, st.lists(st.integers(1, 4), min_size=1), st.data())
def test_both_ends_of_a_stream_agree_however_it_is_cut(
    drawn: Stream, said: list[bytes], sizes: list[int], data: st.DataObject
) -> None:
    sender, receiver = ProtectedSender(*drawn), ProtectedReceiver(*drawn)
    at_once = ProtectedSender(*drawn)
    other = [16 * size for size in data.draw(st.lists(st.integers(1, 4), min_size=1))]
    for text in said:
        parts = [sender.write(part) for part in pieces(text, [16 * size for size in sizes])]
        sent, tag = b"".join(parts), sender.write_hmac()
        assert at_once.write(text) + at_once.write_hmac() == sent + tag
        assert b"".join(receiver.read(part) for part in pieces(sent, other)) == text
        receiver.read_hmac(tag)


@given(streams, texts, st.data())
def test_a_changed_octet_is_refused_at_the_next_hmac(
    drawn: Stream, said: list[bytes], data: st.DataObject
) -> None:
    sender, receiver = ProtectedSender(*drawn), ProtectedReceiver(*drawn)
    sent = [(sender.write(text), sender.write_hmac()) for text in said]
    spoiled = data.draw(st.integers(0, len(sent) - 1))
    for text, tag in sent[:spoiled]:
        receiver.read(text)
        receiver.read_hmac(tag)
    segment = bytearray(b"".join(sent[spoiled]))
    segment[data.draw(st.integers(0, len(segment) - 1))] ^= data.draw(st.integers(1, 255))
    receiver.read(bytes(segment[:-16]))
    with pytest.raises(ProtocolError, match="HMAC"):
        receiver.read_hmac(bytes(segment[-16:]))


@given(streams, st.lists(blocks.filter(bool), min_size=2, max_size=2, unique=True))
def test_a_message_that_is_dropped_repeated_or_swapped_is_refused(
    drawn: Stream, said: list[bytes]
) -> None:
    sender = ProtectedSender(*drawn)
    first, second = [(sender.write(text), sender.write_hmac()) for text in said]
    for heard in ([second], [first, first], [second, first]):
        receiver = ProtectedReceiver(*drawn)
        with pytest.raises(ProtocolError, match="HMAC"):  # noqa: PT012
            for text, tag in heard:
                receiver.read(text)
                receiver.read_hmac(tag)


@given(streams, keys_of(32), blocks)
def test_hmac_under_another_key_is_refused(drawn: Stream, other: bytes, text: bytes) -> None:
    own, iv = drawn
    assume(own.t2 != other)
    sender = ProtectedSender(ControlKeys(own.t1, other), iv)
    receiver = ProtectedReceiver(own, iv)
    receiver.read(sender.write(text))
    with pytest.raises(ProtocolError, match="HMAC"):
        receiver.read_hmac(sender.write_hmac())


# The Token

token_parts = st.tuples(keys_of(16), keys_of(16), control_keys)
Parts = tuple[bytes, bytes, ControlKeys]


@given(token_parts)
def test_token_carries_t1_and_t2(parts: Parts) -> None:
    key, challenge, own = parts
    sealed = token.seal_token(key, challenge, own)
    assert token.open_token(key, sealed, challenge) == own


@given(token_parts, keys_of(16))
def test_token_for_another_challenge_or_key_is_refused(parts: Parts, other: bytes) -> None:
    key, challenge, own = parts
    assume(other not in (key, challenge))
    sealed = token.seal_token(key, challenge, own)
    for wrong in ((key, sealed, other), (other, sealed, challenge)):
        with pytest.raises(ProtocolError, match="Token: expected the challenge"):
            token.open_token(*wrong)


@given(token_parts, st.integers(0, 63), st.integers(1, 255))
def test_token_protects_the_challenge_and_nothing_else(
    parts: Parts, position: int, bits: int
) -> None:
    """A change behind the first block goes unnoticed, and changes the keys (RFC 4656 §6.10)."""
    key, challenge, own = parts
    spoiled = bytearray(token.seal_token(key, challenge, own))
    spoiled[position] ^= bits
    if position < 16:
        with pytest.raises(ProtocolError, match="Token"):
            token.open_token(key, bytes(spoiled), challenge)
    else:
        assert token.open_token(key, bytes(spoiled), challenge) != own


@given(st.binary(max_size=40), keys_of(16), st.sampled_from([1, 2, 1024]))
def test_token_key_depends_on_secret_salt_and_count(secret: bytes, salt: bytes, count: int) -> None:
    key = token.derive_token_key(secret, salt, count)
    assert len(key) == 16
    others = {
        token.derive_token_key(secret + b"\x01", salt, count),
        token.derive_token_key(secret, bytes([salt[0] ^ 1]) + salt[1:], count),
        token.derive_token_key(secret, salt, count + 1),
    }
    assert len(others | {key}) == 4


# The binding


@prfs
@given(spis=keys_of(16), key=st.binary(min_size=1, max_size=64), rest=keys_of(64))
def test_server_finds_the_secret_by_both_spis_and_ignores_the_rest_of_key_id(
    function: Prf, spis: bytes, key: bytes, rest: bytes
) -> None:
    spi_i, spi_r = spis[:8], spis[8:]
    assume(spi_i != spi_r)
    sa = binding.IkeSa(spi_i, spi_r, function, key)
    others = [
        binding.IkeSa(*pair, function, key + b"other")
        for pair in ((spi_r, spi_i), (spi_i, spi_i), (spi_r, spi_r))
    ]
    secret = binding.shared_secret_from_sk_d(function, key)
    assert secret == ikev2.prf(function, key, b"IPPM")
    key_id = binding.key_id_from_spis(spi_i, spi_r)
    assert (len(key_id), key_id[16:]) == (80, bytes(64))
    for named in (key_id, spis + rest):
        assert binding.shared_secret_for_key_id([*others, sa], named) == secret
    assert binding.shared_secret_for_key_id([], key_id) is None
    assert binding.shared_secret_for_key_id(others, key_id) is None


# The endpoints


@pytest.mark.parametrize("setting", SETTINGS, ids=str)
@given(sizes=cuts)
def test_client_and_server_agree_in_every_mode_however_octets_are_cut(
    setting: Setting, sizes: list[int]
) -> None:
    pair = Pair(setting, sizes)
    at_client, at_server = pair.pump()
    assert only(at_client, SetUp) == only(at_server, SetUp)
    assert pair.client.mode == pair.server.mode
    session = pair.accepted()
    has_keys = setting.security in (Mode.AUTHENTICATED, Mode.ENCRYPTED)
    assert (session.keys is not None) == has_keys
    if session.keys is not None:
        drawn = pair.client_draws.given
        found = keys.control_keys_from_test_keys(session.keys, session.sid)
        assert found == ControlKeys(drawn["T1"], drawn["T2"])
    assert session.sid[:4] == setting.server_config.sid_address
    assert session.sid[12:] == pair.server_draws.given["SID"]

    pair.client.start_sessions()
    at_client, at_server = pair.pump()
    assert only(at_client, Started) == only(at_server, Started) == Started(Accept.OK)
    exchange(session)
    stop(pair, session)
    assert pair.client.state is pair.server.state is State.READY
    assert pair.client.sessions == pair.server.sessions == []
    assert pair.accepted().sid[12:] != session.sid[12:]


def exchange(session: TestSession) -> None:
    """Test packets under the keys that both ends have."""
    sender = SessionSender(session.mode, session.keys, clock=lambda: 5)
    for number in range(2):
        payload = sender.next_packet(padding_length=100)
        received = SessionReceiver(session.mode, session.keys).receive(payload)
        assert (received.sequence_number, received.timestamp) == (number, 5)
        reflector = SessionReflector(session.mode, session.keys, clock=lambda: 6)
        reflected = sender.receive(reflector.reflect(payload, ttl=64))
        assert (reflected.sender_sequence_number, reflected.sender_ttl) == (number, 64)


def stop(pair: Pair, session: TestSession) -> None:
    """Stop-Sessions as the protocol has it: from both ends (OWAMP) or the client alone."""
    if pair.setting.protocol is Protocol.TWAMP:
        pair.client.stop_sessions()
        at_client, at_server = pair.pump()
        assert at_client == []
        only(at_server, StopReceived)
        return
    pair.client.stop_sessions((SessionDescription(session.sid, 3),))
    pair.server.stop_sessions()
    at_client, at_server = pair.pump()
    assert only(at_server, StopReceived).message.accept == Accept.OK
    assert only(at_client, StopReceived).message.accept == Accept.OK


@pytest.mark.parametrize("mode", [TestMode.AUTHENTICATED, TestMode.ENCRYPTED])
@given(first=keys_of(48), second=keys_of(48))
def test_packet_of_another_session_is_discarded(
    mode: TestMode, first: bytes, second: bytes
) -> None:
    assume(first[16:] != second[16:])
    sent = SessionSender(mode, keys.TestSessionKeys(first[:16], first[16:])).next_packet()
    receiver = SessionReceiver(mode, keys.TestSessionKeys(second[:16], second[16:]))
    with pytest.raises(ProtocolError, match="HMAC"):
        receiver.receive(sent)

"""No secret in a repr, a str or an error, in any form that a log would keep."""

from __future__ import annotations

import base64
import traceback
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from owamp_reference import binding, control, ikev2, keys, messages, packets, primitives, token
from owamp_reference.errors import ProtocolError
from owamp_reference.keys import ControlKeys, TestSessionKeys
from owamp_reference.negotiation import Credentials, Mode, Protocol, secrets_of
from owamp_reference.packets import SenderPacket, TestMode
from owamp_reference.sessions import SessionReceiver, SessionReflector, SessionSender

from .support import SETTINGS, SPI_I, SPI_R, Draws, Pair, Setting


def forms(secret: bytes) -> set[str]:
    """How a secret may look in text; eight octets of it are too many."""
    found = set()
    for part in {secret, secret[:8], secret[-8:]}:
        found |= {
            part.hex(),
            part.hex().upper(),
            part.hex(" "),
            repr(part)[2:-1],
            repr(bytearray(part))[12:-2],
            repr(list(part))[1:-1],
            part.decode("latin-1"),
            base64.b64encode(part[: len(part) // 3 * 3]).decode(),
            str(int.from_bytes(part, "big")),
        }
    return found


def leaks(texts: Iterator[str], secrets: dict[str, bytes]) -> list[str]:
    looked_for = {form: name for name, secret in secrets.items() for form in forms(secret)}
    return [
        f"{name} in {text}" for text in texts for form, name in looked_for.items() if form in text
    ]


def reachable(value: object, depth: int = 6) -> Iterator[object]:
    """An object and what its public attributes and items hold."""
    yield value
    if depth == 0 or isinstance(value, str | bytes | int | type) or value is None:
        return
    parts: list[object] = []
    if isinstance(value, dict):
        parts += value.values()
    elif isinstance(value, list | tuple | set):
        parts += value
    parts += [part for name, part in vars(value).items()] if hasattr(value, "__dict__") else []
    for part in parts:
        yield from reachable(part, depth - 1)


def texts_of(*values: object) -> Iterator[str]:
    """Every text that printing these values, or what they hold, gives; octets themselves aside."""
    for value in values:
        for part in reachable(value):
            if not isinstance(part, str | bytes | bytearray):
                yield from (repr(part), str(part), f"{part}")


def texts_of_error(error: BaseException) -> Iterator[str]:
    """What a log keeps of an error, of what it came from, and of their attributes."""
    yield "".join(traceback.format_exception(error))
    seen: list[BaseException] = []
    todo: list[BaseException | None] = [error]
    while todo:
        current = todo.pop()
        if current is None or current in seen:
            continue
        seen.append(current)
        yield from (repr(current), str(current), repr(current.args), repr(vars(current)))
        todo += [current.__cause__, current.__context__]


SECRETS = {
    "passphrase": b"a passphrase that nobody guesses",
    "SK_d": bytes.fromhex("e5f60718293a4b5c6d7e8f90a1b2c3d4e5f60718293a4b5c6d7e8f90a1b2c3d4"),
    "KEYMAT": bytes.fromhex("5a6b7c8d9eafb0c1d2e3f405162738495a6b7c8d9eafb0c1d2e3f40516273849"),
    "T1": bytes.fromhex("c1d2e3f405162738495a6b7c8d9eafb0"),
    "T2": bytes.fromhex("9fa0b1c2d3e4f5061728394a5b6c7d8e9fa0b1c2d3e4f5061728394a5b6c7d8f"),
    "T3": bytes.fromhex("3b4c5d6e7f8091a2b3c4d5e6f7081920"),
    "T4": bytes.fromhex("81a2b3c4d5e6f70819203b4c5d6e7f9081a2b3c4d5e6f70819203b4c5d6e7f91"),
}
PASSPHRASE, SK_D, KEYMAT, T1, T2, T3, T4 = SECRETS.values()
SID, CHALLENGE, NONCE = bytes(16), bytes(range(16)), bytes(range(32))
CONTROL_KEYS = ControlKeys(T1, T2)
KEYS = TestSessionKeys(T3, T4)
KEY = token.derive_token_key(PASSPHRASE, bytes(16), 1024)


def test_the_search_finds_a_secret_in_each_of_its_forms() -> None:
    for text in (repr(T1), T1.hex(), str(list(T1)), T1.hex(" "), f"<{T1[:8].hex()}>"):
        assert leaks(iter([text]), SECRETS), text
    assert leaks(texts_of([TestSessionKeys]), SECRETS) == []
    wrapped = ProtocolError("field", "x", "y")
    wrapped.__context__ = ValueError(PASSPHRASE.decode())
    assert leaks(texts_of_error(wrapped), SECRETS)


VALUES: dict[str, object] = {
    "ControlKeys": CONTROL_KEYS,
    "TestSessionKeys": KEYS,
    "IkeSaKeys": ikev2.IkeSaKeys(SK_D, T1, T2, T3, T4, T1, T2),
    "IkeSa": binding.IkeSa(bytes(8), bytes(8), ikev2.PRF_HMAC_SHA1, SK_D),
    "Credentials": Credentials.from_passphrase("alice", PASSPHRASE),
    "Credentials from IKEv2": Credentials.from_ikev2(bytes(8), bytes(8), SK_D),
    "ProtectedSender": control.ProtectedSender(CONTROL_KEYS, bytes(16)),
    "ProtectedReceiver": control.ProtectedReceiver(CONTROL_KEYS, bytes(16)),
    "SessionSender": SessionSender(TestMode.ENCRYPTED, KEYS),
    "SessionReceiver": SessionReceiver(TestMode.ENCRYPTED, KEYS),
    "SessionReflector": SessionReflector(TestMode.ENCRYPTED, KEYS),
}


@pytest.mark.parametrize("value", VALUES.values(), ids=VALUES)
def test_what_holds_secrets_does_not_show_them(value: object) -> None:
    assert leaks(texts_of(value), SECRETS) == []


ERRORS: dict[str, Callable[[], object]] = {
    "passphrase with a newline": lambda: token.check_passphrase(PASSPHRASE + b"\n"),
    "passphrase with a newline, as text": lambda: token.encode_passphrase(
        PASSPHRASE.decode() + "\r"
    ),
    "passphrase that is not UTF-8": lambda: token.encode_passphrase(PASSPHRASE.decode() + "\ud800"),
    "credentials with a newline": lambda: Credentials.from_passphrase("a", PASSPHRASE + b"\n"),
    "salt too short": lambda: token.derive_token_key(PASSPHRASE, b"", 1024),
    "Count too small": lambda: token.derive_token_key(PASSPHRASE, bytes(16), 0),
    "T1 too long": lambda: ControlKeys(T1 + T1, T2),
    "T2 too short": lambda: ControlKeys(T1, T2[1:]),
    "key of the Token too long": lambda: token.seal_token(T2, CHALLENGE, CONTROL_KEYS),
    "other challenge": lambda: token.open_token(
        KEY, token.seal_token(KEY, CHALLENGE, CONTROL_KEYS), bytes(16)
    ),
    "T1 too short for T3": lambda: keys.derive_t3(T1[1:], SID),
    "T2 too short for T4": lambda: keys.derive_t4(T2[1:], SID),
    "T3 of the wrong size": lambda: TestSessionKeys(T4, T4),
    "T4 of the wrong size": lambda: TestSessionKeys(T3, T3),
    "SID too short": lambda: keys.derive_test_session_keys(CONTROL_KEYS, SID[1:]),
    "SID too short to go back": lambda: keys.control_keys_from_test_keys(KEYS, SID[1:]),
    "SID too short, one-way": lambda: keys.one_way_test_session_keys(CONTROL_KEYS, SID[1:]),
    "AES key of the wrong size": lambda: primitives.aes_ecb_encrypt(T2, bytes(16)),
    "AES key of the wrong size, CBC": lambda: primitives.cbc_decryptor(T2, bytes(16)),
    "plaintext not of whole blocks": lambda: primitives.aes_cbc_encrypt(T1, bytes(16), T2[1:]),
    "IV too long": lambda: control.ProtectedSender(CONTROL_KEYS, T2),
    "IV too short": lambda: control.ProtectedReceiver(CONTROL_KEYS, T1[1:]),
    "text not of whole blocks": lambda: control.ProtectedSender(CONTROL_KEYS, bytes(16)).write(
        T2[1:]
    ),
    "wrong HMAC": lambda: control.ProtectedReceiver(CONTROL_KEYS, bytes(16)).read_hmac(bytes(16)),
    "wrong HMAC of a packet": lambda: packets.open_packet(
        TestMode.ENCRYPTED, SenderPacket, bytes(48), KEYS
    ),
    "rekey without an exchange": lambda: ikev2.rekeyed_skeyseed(
        ikev2.PRF_HMAC_SHA1, SK_D, b"", NONCE, NONCE
    ),
    "nonce too short": lambda: ikev2.keymat(ikev2.PRF_HMAC_SHA1, SK_D, b"", NONCE, 16),
    "nonce too short, rekeying": lambda: ikev2.rekeyed_skeyseed(
        ikev2.PRF_HMAC_SHA1, SK_D, KEYMAT, NONCE, b""
    ),
    "prf+ beyond its end": lambda: ikev2.prf_plus(ikev2.PRF_HMAC_SHA1, SK_D, b"", 10**6),
    "SID of the wrong size": lambda: binding.shared_secret_from_keymat(
        ikev2.PRF_HMAC_SHA1, KEYMAT, b""
    ),
    "no KEYMAT": lambda: binding.shared_secret_from_keymat(ikev2.PRF_HMAC_SHA1, b"", SID),
    "SPI of the wrong size": lambda: Credentials.from_ikev2(b"", bytes(8), SK_D),
    "KeyID too long": lambda: messages.encode_key_id("x" * 81),
}


@pytest.mark.parametrize("run", ERRORS.values(), ids=ERRORS)
def test_no_error_tells_a_secret(run: Callable[[], object]) -> None:
    with pytest.raises(ProtocolError) as caught:
        run()
    error = caught.value.with_traceback(None)  # it would show the source of this module
    assert leaks(texts_of_error(error), SECRETS | {"key of the Token": KEY}) == []


class Watched(Draws):
    """Draws the secrets of this module."""

    def __call__(self, label: str, size: int) -> bytes:
        return {"T1": T1, "T2": T2}.get(label) or super().__call__(label, size)


@pytest.mark.parametrize("setting", [s for s in SETTINGS if s.is_protected], ids=str)
@pytest.mark.parametrize("is_right", [True, False], ids=["set up", "refused"])
def test_neither_end_nor_its_events_tell_a_secret(setting: Setting, is_right: bool) -> None:
    if setting.ikev2_derived:
        setting = replace(setting, given=Credentials.from_ikev2(SPI_I, SPI_R, SK_D))
    else:
        setting = replace(setting, given=Credentials.from_passphrase("alice", PASSPHRASE))
    known = [setting.credentials] if is_right else []
    if not is_right and not setting.ikev2_derived:
        known = [replace(setting.credentials, shared_secret=SK_D)]
    config = replace(setting.server_config, find_secret=secrets_of(*known))
    pair = Pair(setting, server_config=config, client_draws=Watched("client"))
    events: list[Any] = list(pair.pump())
    if is_right:
        session = pair.accepted()
        events += [session, session.request]
        pair.client.start_sessions()
        events += pair.pump()
        if setting.protocol is Protocol.TWAMP:
            pair.client.stop_sessions()
            events += pair.pump()
    secrets = SECRETS | {"shared secret": setting.credentials.shared_secret}
    if is_right and setting.security in (Mode.AUTHENTICATED, Mode.ENCRYPTED):
        derived = keys.derive_test_session_keys(CONTROL_KEYS, session.sid)
        assert session.keys == derived
        secrets |= {"derived T3": derived.t3, "derived T4": derived.t4}
    assert leaks(texts_of(events, pair.client.config, pair.server.config), secrets) == []
    ends = iter([repr(pair.client), str(pair.client), repr(pair.server), str(pair.server)])
    assert leaks(ends, secrets) == []
    for event in events:
        for part in reachable(event):
            if isinstance(part, ProtocolError):
                assert leaks(texts_of_error(part.with_traceback(None)), secrets) == []

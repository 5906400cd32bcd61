"""What the rules derive and send; what of the messages is left out."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from owamp_reference import binding, ikev2, messages

from ....groups import roles
from ....groups.participants import KEYMAT_SIZE, PRF, sa_keys
from ....groups.roles import NONCE_I, NONCE_R, SID, SPI_I, SPI_R, Type
from ...rows import MacroRow, MessageRow, Shape, Span, Variables, base, spans
from ...shared.control import seal
from ...shared.layouts import ACCEPT, GREETING, REQUEST, RESPONSE, with_field
from ...shared.symbols import number, type_of_skeyseed
from ..ikev2 import skeyseed_rekeyed, type_of_sk_d

IKE_MODES = 128 | 2
"""Modes and Mode, which the theory leaves out: IKEv2Derived, authenticated (RFC 7717 §5)."""

KEY_ID_OF_ANY = b"KeyID".ljust(80, b"\0")
"""The KeyID with REKEY, where it says nothing."""

NO_IV = bytes(messages.IV_SIZE)
"""In the place of Client-IV, which the theory leaves out."""

SHAPES = (
    Shape(
        "Server-Greeting",
        messages.ServerGreeting,
        spans(
            GREETING,
            ("challenge", roles.CHALLENGE, "challenge", "challenge"),
            ("salt", roles.SALT, "salt", "salt"),
            ("count", roles.COUNT, "count", "count"),
        ),
        base(GREETING, modes=IKE_MODES),
        f"Modes {IKE_MODES}, Unused and MBZ zero",
    ),
    Shape(
        "Set-Up-Response",
        messages.SetUpResponse,
        (
            Span("key_id", Type("SPIi and SPIr", 16), 4, 16),
            *spans(RESPONSE, ("token", roles.TOKEN, "token", "token")),
        ),
        base(RESPONSE, mode=IKE_MODES),
        f"Mode {IKE_MODES}, the zeros of KeyID, Client-IV",
    ),
    Shape("Request-TW-Session", messages.RequestTWSession, (), base(REQUEST), "everything"),
    Shape(
        "Accept-Session",
        messages.AcceptSession,
        spans(ACCEPT, ("sid", SID, "sid", "sid")),
        base(ACCEPT),
        "Accept 0, Port 0, MBZ zero",
    ),
)


def layouts_with_iv(response: bytes) -> tuple[Shape, ...]:
    """The layout of Set-Up-Response with the Client-IV of a message."""
    shapes = (shape for shape in SHAPES if shape.bound is messages.SetUpResponse)
    return with_field(shapes, RESPONSE, "Client-IV", response[-messages.IV_SIZE :])


def _shared_secret_from_sk_d(prf: ikev2.Prf) -> MacroRow:
    return MacroRow(
        "shared_secret",
        binding.shared_secret_from_sk_d,
        (type_of_sk_d(prf), NONCE_I, NONCE_R, SID),
        lambda sk_d, _ni, _nr, _sid: binding.shared_secret_from_sk_d(prf, sk_d),
        "RFC 7717 §5.1",
    )


def _shared_secret_from_keymat(flag: str) -> Callable[[ikev2.Prf], MacroRow]:
    def row(prf: ikev2.Prf) -> MacroRow:
        def compute(sk_d: bytes, ni: bytes, nr: bytes, sid: bytes) -> bytes:
            keymat = ikev2.keymat(prf, sk_d, ni, nr, KEYMAT_SIZE)
            return binding.shared_secret_from_keymat(prf, keymat, sid)

        return MacroRow(
            "shared_secret",
            binding.shared_secret_from_keymat,
            (type_of_sk_d(prf), NONCE_I, NONCE_R, SID),
            compute,
            "proposal: PRF{ KEYMAT, Session ID }",
            flag,
        )

    return row


MACROS = (
    skeyseed_rekeyed,
    _shared_secret_from_sk_d,
    _shared_secret_from_keymat("KEYMAT_SID"),
    _shared_secret_from_keymat("KEYMAT_SID_LATE"),
    MacroRow(
        "key_id",
        binding.key_id_from_spis,
        (SPI_I, SPI_R),
        lambda _spi_i, _spi_r: KEY_ID_OF_ANY[:16],
        "RFC 7717 §5.3",
        "REKEY",
        model_only="with REKEY a KeyID says nothing",
    ),
    MacroRow(
        "key_id",
        binding.key_id_from_spis,
        (SPI_I, SPI_R),
        lambda spi_i, spi_r: binding.key_id_from_spis(spi_i, spi_r)[:16],
        "RFC 7717 §5.3",
        model_only="the 64 zeros of a KeyID are left out",
    ),
)


def _keys(v: Variables) -> ikev2.IkeSaKeys:
    return sa_keys(PRF, v["keys"], v["ni"], v["nr"], v["spi_i"], v["spi_r"])


def _from_sk_d(v: Variables) -> bytes:
    return binding.shared_secret_from_sk_d(PRF, _keys(v).sk_d)


def _from_keymat(v: Variables) -> bytes:
    keymat = ikev2.keymat(PRF, _keys(v).sk_d, v["ni"], v["nr"], KEYMAT_SIZE)
    return binding.shared_secret_from_keymat(PRF, keymat, v["sid"])


def _greeting(v: Variables) -> bytes:
    count = number(v["count"])
    return messages.ServerGreeting(IKE_MODES, v["challenge"], v["salt"], count).to_octets()


def _response(v: Variables) -> bytes:
    return _response_with(binding.key_id_from_spis(v["spi_i"], v["spi_r"]), v)


def _response_with(key_id: bytes, v: Variables) -> bytes:
    sealed = seal(v["secret"], v["challenge"], v["salt"], v["count"], v["t1"], v["t2"])
    return messages.SetUpResponse(IKE_MODES, key_id, sealed, NO_IV).to_octets()


def _seed(v: Variables) -> bytes:
    return v["ni"] + v["nr"] + v["spi_i"] + v["spi_r"]


_SPIS = {"spi_i": SPI_I, "spi_r": SPI_R}
_SA = {"keys": type_of_skeyseed(PRF), "ni": NONCE_I, "nr": NONCE_R, **_SPIS, "sid": SID}

MESSAGES = (
    MessageRow(
        "Derive_Shared_Secret",
        "Key_Source",
        binding.shared_secret_from_sk_d,
        _from_sk_d,
        "RFC 7717 §5.1",
        first=6,
        given={"text": _seed},
        more=_SA,
    ),
    *(
        MessageRow(
            "Derive_Shared_Secret",
            "Key_Source",
            binding.shared_secret_from_keymat,
            _from_keymat,
            "proposal: PRF{ KEYMAT, Session ID }",
            flag,
            first=6,
            given={"text": _seed},
            more=_SA,
        )
        for flag in ("KEYMAT_SID", "KEYMAT_SID_LATE")
    ),
    MessageRow("Server_Greeting", "Out", messages.ServerGreeting, _greeting, "RFC 4656 §3.1"),
    MessageRow(
        "Client_Set_Up_Response",
        "Out",
        messages.SetUpResponse,
        _response,
        "RFC 4656 §3.1, RFC 7717 §5.3",
        more=_SPIS,
    ),
    MessageRow(
        "Client_Set_Up_Response",
        "Out",
        messages.SetUpResponse,
        partial(_response_with, KEY_ID_OF_ANY),
        "RFC 4656 §3.1",
        "REKEY",
    ),
)

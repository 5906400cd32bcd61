"""What the symbols of the models are in octets: the one table, to be read beside the models.

Four kinds of rows:

- `Symbol`: a function symbol is a function of the reference, with the types of its arguments;
- `Constant`: a public name that has octets, such as 'IPPM';
- `Shape`: a tuple that begins with the name of a message has that message's layout, with defaults
  for the fields that the model leaves out; a tuple without a name is a concatenation;
- `Macro` and `Message`: what a macro, or a message of a rule, must be equal to, octet by octet.

Types are octet strings. A *role* (Salt, SID, T1 …) is a type that contradicts any other role: so a
model that uses a Challenge as the Salt is wrong, although both have 16 octets.
"""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache, partial
from pathlib import Path
from typing import Any, TypeAlias

from owamp_reference import binding as ike_binding
from owamp_reference import control, ikev2, keys, messages, packets, primitives, token
from owamp_reference.layout import Layout
from owamp_reference.packets import ReflectorPacket, SenderPacket, TestMode

from ..vectors.drbg import Drbg
from . import standins
from .terms import Place

PRF = ikev2.PRF_HMAC_SHA2_256
"""The prf of an IKE SA, where the models leave it open."""
KEYMAT_SIZE = 72
"""Octets of KEYMAT: what AES-128-CBC with HMAC-SHA1-96 takes."""

Values: TypeAlias = Mapping[str, bytes]
Compute: TypeAlias = Callable[..., bytes]


@dataclass(frozen=True)
class Type:
    """A kind of octet strings.

    Attributes:
        name: what people call it.
        size: octets; None for any number.
        multiple: the size is a multiple of this.
        is_role: whether it contradicts every other role.
        usual: octets of a generated value where the size is open.
        sample: makes a value from a source, where not every string of the size will do.
    """

    name: str
    size: int | None = None
    multiple: int = 1
    is_role: bool = False
    usual: int | None = None
    sample: Callable[[Drbg], bytes] | None = field(default=None, repr=False)

    def __str__(self) -> str:
        size = "any size" if self.size is None else f"{self.size} octets"
        return f"{self.name} ({size})"


def _role(
    name: str,
    size: int | None,
    sample: Callable[[Drbg], bytes] | None = None,
    usual: int | None = None,
) -> Type:
    return Type(name, size, is_role=True, usual=usual, sample=sample)


def _count(source: Drbg) -> bytes:
    return (1 + source.uint("count", 1) % 4).to_bytes(4, "big")  # PBKDF2 with 2^31 takes hours


def _then_zeros(named: int, zeros: int) -> Callable[[Drbg], bytes]:
    return lambda source: source.octets("value", named) + bytes(zeros)


def _time(source: Drbg) -> bytes:
    return source.octets("timestamp", 8) + b"\x80\x01" + bytes(6)


def _parameters(source: Drbg) -> bytes:
    request = messages.RequestTWSession(
        ipvn=4,
        sender_port=source.uint("sender port", 2),
        receiver_port=source.uint("receiver port", 2),
        sender_address=source.octets("sender address", 4) + bytes(12),
        receiver_address=source.octets("receiver address", 4) + bytes(12),
        padding_length=source.uint("padding length", 1),
        start_time=source.uint("start time", 8),
        timeout=source.uint("timeout", 8),
        type_p=0,
    )
    return request.segments()[0][1:]


ANY = Type("octets")
BLOCK = Type("block", 16)
BLOCKS = Type("blocks", multiple=16)
AES_KEY = Type("AES key", 16)
HMAC_KEY = Type("HMAC key", 32)
HMAC = Type("HMAC", 16)
PREFIX_OF_TOKEN = Type("block of the Token", 16)
SECRET = Type("shared secret", usual=20)
SALT = _role("Salt", token.SALT_SIZE)
COUNT = _role("Count", 4, _count)
CHALLENGE = _role("Challenge", token.CHALLENGE_SIZE)
T1 = _role("T1", keys.T1_SIZE)
T2 = _role("T2", keys.T2_SIZE)
T2_HALF_A = _role("first half of T2", 16)
T2_HALF_B = _role("second half of T2", 16)
SID = _role("SID", keys.SID_SIZE)
KEY_ID = _role("KeyID", messages.KEY_ID_SIZE)
TOKEN = Type("Token", token.TOKEN_SIZE)
CLIENT_IV = _role("Client-IV", messages.IV_SIZE)
SERVER_IV = _role("Server-IV", messages.IV_SIZE)
MODES = _role("Modes", 4, lambda source: (1 + source.uint("modes", 1) % 7).to_bytes(4, "big"))
MODE = _role("Mode", 4, lambda source: (2 << source.uint("mode", 1) % 2).to_bytes(4, "big"))
ACCEPT = _role("Accept", 1)
PORT = _role("Port", 2)
START_TIME = _role("Start-Time and MBZ", 16, _then_zeros(8, 8))
PARAMETERS = _role("request without its command number", 95, _parameters)
NUMBER = _role("Sequence Number and MBZ", 16, _then_zeros(4, 12))
TIME = _role("Timestamp, Error Estimate, MBZ", 16, _time)
OWN_TIME = _role(
    "Timestamp, Error Estimate, MBZ, Receive Timestamp, MBZ",
    32,
    lambda source: _time(source) + source.octets("receive timestamp", 8) + bytes(8),
)
NONCE_I = _role("Ni", None, usual=32)
NONCE_R = _role("Nr", None, usual=32)
SPI_I = _role("SPIi", ikev2.SPI_SIZE)
SPI_R = _role("SPIr", ikev2.SPI_SIZE)
GROUP_ELEMENT = Type(
    "g^x",
    standins.MODP_SIZE,
    sample=lambda source: standins.group_element(source.octets("exponent", 32)),
)
EXPONENT = Type(
    "exponent", standins.MODP_SIZE, sample=lambda source: bytes(224) + source.octets("exponent", 32)
)


@dataclass(frozen=True)
class Symbol:
    """A function symbol of the models.

    Attributes:
        name: as the models write it; infix ones as in `terms.App`.
        reference: the dotted name of the function that computes it.
        arguments: their types, in the models' order.
        result: its type, or the number of the argument whose size it has.
        compute: the function, on octets.
        source: the section that defines it.
        model_only: why it is not in the reference; then `reference` names a stand-in.
    """

    name: str
    reference: str
    arguments: tuple[Type, ...]
    result: Type | int
    compute: Compute = field(repr=False)
    source: str = ""
    model_only: str = ""


@dataclass(frozen=True)
class Constant:
    """A public name that has octets; `model_only` as for a `Symbol`."""

    name: str
    octets: bytes
    reference: str
    source: str = ""
    model_only: str = ""


@dataclass(frozen=True)
class Span:
    """A component of a tuple: its type, and where in the message it stands."""

    name: str
    type: Type
    offset: int
    size: int


@dataclass(frozen=True)
class Shape:
    """The layout of a tuple.

    Attributes:
        name: the public name that begins it, or how a tuple without a name is called.
        reference: the dotted name of the class or layout.
        heads: for a tuple without a name: the function symbols of its components, "" for any.
        model: the theory whose tuples leave out more than those of the others; "" for the others.
        spans: the components, in order; what begins the tuple not counted.
        base: the message with its defaults; spans overwrite it.
        defaults: in words, what the model leaves out.
    """

    name: str
    reference: str
    spans: tuple[Span, ...]
    base: bytes
    defaults: str
    heads: tuple[str, ...] = ()
    model: str = ""


@dataclass(frozen=True)
class Macro:
    """What a macro must be equal to.

    Attributes:
        flag: the row is for models with this flag; one without a flag is for all others.
        compute: the expected octets, from the parameters in order.
        through: a symbol to which the macro is given as the last argument before comparing, after
            the arguments in `extra`.
    """

    name: str
    reference: str
    arguments: tuple[Type, ...]
    compute: Compute = field(repr=False)
    source: str
    flag: str = ""
    through: str = ""
    extra: tuple[Type, ...] = ()
    model_only: str = ""


@dataclass(frozen=True)
class Message:
    """What a fact's arguments, concatenated, must be equal to.

    Attributes:
        model: the theory's name.
        rule, fact: where; the fact's first occurrence among conclusions, actions, premises.
        reference: the dotted name of the function.
        compute: the expected octets, from the rule's variables by name.
        first: the number of the first argument that counts.
        given: variables of the rule whose octets follow from others, and how; computed in order.
        more: variables that the rule does not have, for `given` and `compute`; or that it has, of a
            type that the model does not show.
    """

    model: str
    rule: str
    fact: str
    reference: str
    compute: Callable[[Values], bytes] = field(repr=False)
    source: str
    flag: str = ""
    first: int = 0
    given: Mapping[str, Callable[[Values], bytes]] = field(default_factory=dict, repr=False)
    more: Mapping[str, Type] = field(default_factory=dict, repr=False)


@dataclass(frozen=True)
class Binding:
    """The table for one choice of what the models leave open.

    Attributes:
        prf: the pseudorandom function that IKE negotiated.
        keymat_size: octets of KEYMAT.
        model: the theory's name, for shapes that only it has.
    """

    prf: ikev2.Prf = PRF
    keymat_size: int = KEYMAT_SIZE
    model: str = ""

    @property
    def symbols(self) -> Mapping[str, Symbol]:
        """The rows of function symbols, by name."""
        return _symbols(self.prf, self.keymat_size, self.model)

    @property
    def macros(self) -> tuple[Macro, ...]:
        """The rows of macros."""
        return _macros(self.prf, self.keymat_size)

    @property
    def shapes(self) -> Mapping[str, Shape]:
        """The layouts of tuples that begin with a name, by name."""
        return _shapes(self.model)

    def shape_of(self, heads: tuple[str, ...]) -> Shape | None:
        """The layout of a tuple without a name, by the symbols of its components."""
        for shape in SHAPES:
            if len(shape.heads) == len(heads) and all(
                wanted in ("", head) for wanted, head in zip(shape.heads, heads, strict=True)
            ):
                return shape if shape.heads else None
        return None

    def macro(self, name: str, arity: int, flags: tuple[str, ...]) -> Macro | None:
        """The row for a macro of a model with flags."""
        fitting = [m for m in self.macros if m.name == name and len(m.arguments) == arity]
        for row in sorted(fitting, key=lambda row: not row.flag):
            if not row.flag or row.flag in flags:
                return row
        return None


# ------------------------------------------------------------------------------ function symbols

_IKE_OUTSIDE = "IKE's own messages are outside of the reference, which takes up its keys"
_INSIDE_CBC = "AES-CBC does it inside; in the reference a stream is one cbc_encryptor"
_TWO_KEYS = "an idea of the slides, for which they give no octets"
_EXCHANGED = "a key exchange before the Token is what the model asks about, not RFC 4656"
_GROUP = "the reference takes g^ir as octets; here group 14 of RFC 3526"


def _slices(prf: ikev2.Prf) -> dict[str, tuple[int, int]]:
    """Where SK_* are in prf+(SKEYSEED, …): 20 octets of integrity keys, 16 of encryption keys."""
    sizes = {"sk_d": prf.output_size, "sk_ai": 20, "sk_ar": 20, "sk_ei": 16, "sk_er": 16}
    sizes |= {"sk_pi": prf.output_size, "sk_pr": prf.output_size}
    found, offset = {}, 0
    for name, size in sizes.items():
        found[name] = (offset, offset + size)
        offset += size
    return found


def _kdf(key: bytes, sid: bytes) -> bytes:
    if len(key) == keys.T1_SIZE:
        return keys.one_way_test_session_keys(keys.ControlKeys(key, bytes(keys.T2_SIZE)), sid).t3
    return keys.one_way_test_session_keys(keys.ControlKeys(bytes(keys.T1_SIZE), key), sid).t4


def _cut_keys(prf_output: Type) -> tuple[Symbol, ...]:
    """Rows that ikev2_two_keys has instead of those of all models."""
    functions = (("cbc", standins.cbc_cut_key), ("cbc_inv", standins.cbc_inv_cut_key))
    return tuple(
        Symbol(
            name,
            f"owamp_vectors.theory.standins.{function.__name__}",
            (prf_output, BLOCK, BLOCKS),
            2,
            function,
            model_only="the slides leave open how an AES key comes from a prf: here its start",
        )
        for name, function in functions
    )


def _prf_to_key(prf: ikev2.Prf) -> Symbol:
    """The row that passphrase_guessing has instead of that of all models."""
    return Symbol(
        "prf",
        "owamp_reference.ikev2.prf",
        (ANY, ANY),
        AES_KEY,
        lambda key, data: ikev2.prf(prf, key, data)[: primitives.AES_KEY_SIZE],
        model_only=_EXCHANGED,
    )


@lru_cache
def _symbols(prf: ikev2.Prf, keymat_size: int, model: str) -> Mapping[str, Symbol]:
    prf_output = Type(f"output of {prf.name}", prf.output_size)
    keymat = Type("KEYMAT", keymat_size)

    def sk(name: str) -> Symbol:
        start, end = _slices(prf)[name]
        return Symbol(
            name,
            f"owamp_reference.ikev2.IkeSaKeys.{name}",
            (Type("SKEYSEED", prf.output_size), ANY),
            Type(f"SK{name[2:]}", end - start),
            lambda key, seed: ikev2.prf_plus(prf, key, seed, end)[start:],
            "RFC 7296 §2.14",
        )

    rows = (
        Symbol(
            "pbkdf2",
            "owamp_reference.token.derive_token_key",
            (SECRET, SALT, COUNT),
            AES_KEY,
            lambda secret, salt, count: token.derive_token_key(
                secret, salt, int.from_bytes(count, "big")
            ),
            "RFC 4656 §3.1",
        ),
        Symbol(
            "cbc",
            "owamp_reference.primitives.aes_cbc_encrypt",
            (AES_KEY, BLOCK, BLOCKS),
            2,
            primitives.aes_cbc_encrypt,
            "RFC 4656 §3.1, §3.4",
        ),
        Symbol(
            "cbc_inv",
            "owamp_reference.primitives.aes_cbc_decrypt",
            (AES_KEY, BLOCK, BLOCKS),
            2,
            primitives.aes_cbc_decrypt,
            "RFC 4656 §3.1, §3.4",
        ),
        *(
            Symbol(
                name,
                f"owamp_reference.primitives.{function.__name__}",
                (AES_KEY, BLOCK),
                BLOCK,
                function,
                "RFC 4656 §4.1.2",
            )
            for name, function in (
                ("ecb", primitives.aes_ecb_encrypt),
                ("ecb_inv", primitives.aes_ecb_decrypt),
                ("aes", primitives.aes_ecb_encrypt),
                ("aes_inv", primitives.aes_ecb_decrypt),
            )
        ),
        Symbol(
            "hmac",
            "owamp_reference.primitives.hmac_sha1_128",
            (HMAC_KEY, ANY),
            HMAC,
            primitives.hmac_sha1_128,
            "RFC 4656 §3.2",
        ),
        Symbol(
            "last_block",
            "owamp_vectors.theory.standins.last_block",
            (BLOCKS,),
            BLOCK,
            standins.last_block,
            "RFC 4656 §3.4",
            model_only=_INSIDE_CBC,
        ),
        Symbol(
            "zero_iv",
            "owamp_reference.primitives.ZERO_IV",
            (),
            BLOCK,
            lambda: primitives.ZERO_IV,
            "RFC 4656 §3.1",
        ),
        Symbol(
            "kdf",
            "owamp_reference.keys.one_way_test_session_keys",
            (ANY, SID),
            0,
            _kdf,
            "RFC 4656 §6.7",
        ),
        Symbol(
            "token_mac_key",
            "owamp_vectors.theory.standins.token_mac_key",
            (SECRET, SALT, COUNT),
            HMAC_KEY,
            lambda secret, salt, count: standins.token_mac_key(
                secret, salt, int.from_bytes(count, "big")
            ),
            model_only="a repaired Token is a proposal of the model, not RFC 4656",
        ),
        Symbol(
            "prf",
            "owamp_reference.ikev2.prf",
            (ANY, ANY),
            prf_output,
            lambda key, data: ikev2.prf(prf, key, data),
            "RFC 7296 §2.13",
        ),
        Symbol(
            "prf_plus",
            "owamp_reference.ikev2.prf_plus",
            (ANY, ANY),
            keymat,
            lambda key, seed: ikev2.prf_plus(prf, key, seed, keymat_size),
            "RFC 7296 §2.13, §2.17",
        ),
        *map(sk, _slices(prf)),
        Symbol(
            "xor",
            "owamp_vectors.theory.standins.xor",
            (BLOCK, BLOCK),
            BLOCK,
            standins.xor,
            "SP 800-38A §6.2",
            model_only=_INSIDE_CBC,
        ),
        Symbol(
            "zero",
            "owamp_reference.primitives.ZERO_IV",
            (),
            BLOCK,
            lambda: primitives.ZERO_IV,
            "SP 800-38A §6.2",
        ),
        *(
            Symbol(
                name,
                f"owamp_vectors.theory.standins.{function}",
                arguments,
                result,
                compute,
                "RFC 7296 §2.14",
                model_only=_GROUP,
            )
            for name, function, arguments, result, compute in (
                ("exp", "power", (GROUP_ELEMENT, EXPONENT), GROUP_ELEMENT, standins.power),
                ("mult", "times", (EXPONENT, EXPONENT), EXPONENT, standins.times),
                ("inv", "inverse", (EXPONENT,), EXPONENT, standins.inverse),
                ("one", "ONE", (), EXPONENT, lambda: standins.ONE),
                ("DH_neutral", "ONE", (), GROUP_ELEMENT, lambda: standins.ONE),
            )
        ),
        *(
            Symbol(
                name,
                f"owamp_vectors.theory.standins.{function}",
                arguments,
                result,
                compute,
                "RFC 7296 §2.15, §3.14",
                model_only=_IKE_OUTSIDE,
            )
            for name, function, arguments, result, compute in (
                ("senc", "senc", (ANY, ANY), ANY, standins.senc),
                ("sdec", "sdec", (ANY, ANY), ANY, standins.sdec),
                ("sign", "sign", (ANY, ANY), Type("signature", 64), standins.sign),
                ("pk", "public_key", (ANY,), Type("public key", 32), standins.public_key),
                (
                    "verify",
                    "verify",
                    (Type("signature", 64), ANY, Type("public key", 32)),
                    Type("truth", 1),
                    standins.verify,
                ),
                ("true", "verify", (), Type("truth", 1), lambda: b"\1"),
                ("auth", "auth", (ANY, ANY, ANY, ANY), prf_output, partial(standins.auth, prf)),
            )
        ),
    )
    if model == "ikev2_two_keys":
        rows = (*rows, *_cut_keys(prf_output))
    if model == "passphrase_guessing":
        rows = (*rows, _prf_to_key(prf))
    return {row.name: row for row in rows}


# -------------------------------------------------------------------------------------- constants

CONSTANTS: Mapping[str, Constant] = {
    row.name: row
    for row in (
        Constant(
            "ok",
            bytes([messages.Accept.OK]),
            "owamp_reference.messages.Accept.OK",
            "RFC 4656 §3.3",
        ),
        Constant(
            "IPPM",
            ike_binding.IPPM_LABEL,
            "owamp_reference.binding.IPPM_LABEL",
            "RFC 7717 §5.1",
        ),
        Constant(
            "g",
            standins.GENERATOR,
            "owamp_vectors.theory.standins.GENERATOR",
            "RFC 3526 §3",
            model_only=_GROUP,
        ),
        Constant(
            "Key Pad for IKEv2",
            b"Key Pad for IKEv2",
            "owamp_vectors.theory.bind",
            "RFC 7296 §2.15",
            model_only=_IKE_OUTSIDE,
        ),
        *(
            Constant(name, name.encode(), "owamp_vectors.theory.bind", model_only=_IKE_OUTSIDE)
            for name in ("CREATE_CHILD_SA",)
        ),
        *(
            Constant(name, name.encode(), "owamp_vectors.theory.bind", model_only=_TWO_KEYS)
            for name in ("AES", "HMAC")
        ),
    )
}

# ---------------------------------------------------------------------------------------- layouts


def _spans(layout: Layout, *named: tuple[str, Type, str, str]) -> tuple[Span, ...]:
    """Spans from a first field to a last one and the MBZ after it."""
    fields = list(layout.offsets())
    starts = {item.name: offset for offset, item in fields if item.name}
    spans = []
    for name, kind, first, last in named:
        index = next(i for i, (_, item) in enumerate(fields) if item.name == last)
        end = fields[index][0] + fields[index][1].size
        for offset, item in fields[index + 1 :]:
            if item.name or end - starts[first] >= (kind.size or 0):
                break
            end = offset + item.size
        spans.append(Span(name, kind, starts[first], end - starts[first]))
    return tuple(spans)


def _base(layout: Layout, **values: Any) -> bytes:
    defaults = {f.name: 0 if f.is_integer else bytes(f.size) for f in layout.fields if f.name}
    return layout.pack(defaults | values)


_GREETING = messages.ServerGreeting.LAYOUT
_RESPONSE = messages.SetUpResponse.LAYOUT
_START = messages.ServerStart.LAYOUT
_REQUEST = messages.RequestTWSession.LAYOUT
_ACCEPT = messages.AcceptSession.LAYOUT
_SENDER = SenderPacket.PROTECTED_LAYOUT
_REFLECTOR = ReflectorPacket.PROTECTED_LAYOUT
IKE_MODES = 128 | 2
"""IKEv2Derived with the authenticated mode (RFC 7717 §5), where ikev2_binding leaves it out."""
TTL = 255
"""Sender TTL of a packet that took no hop, where the models leave it out (RFC 5357 §4.2.1)."""

_SENDER_SPANS = _spans(
    _SENDER,
    ("number", NUMBER, "sequence_number", "sequence_number"),
    ("time", TIME, "timestamp", "error_estimate"),
)
_REFLECTOR_SPANS = _spans(
    _REFLECTOR,
    ("own", NUMBER, "sequence_number", "sequence_number"),
    ("own_time", OWN_TIME, "timestamp", "receive_timestamp"),
    ("number", NUMBER, "sender_sequence_number", "sender_sequence_number"),
    ("time", TIME, "sender_timestamp", "sender_error_estimate"),
)
_ENCRYPTED = Type("encrypted block", 16)


def _protected(spans: tuple[Span, ...], size: int) -> tuple[Span, ...]:
    """The spans of a packet in the authenticated mode: its first block encrypted, an HMAC after."""
    first, *rest = spans
    encrypted = Span(first.name, _ENCRYPTED, first.offset, first.size)
    return (encrypted, *rest, Span("hmac", HMAC, size, primitives.HMAC_SIZE))


SHAPES: tuple[Shape, ...] = (
    Shape(
        "Server-Greeting",
        "owamp_reference.messages.ServerGreeting",
        _spans(
            _GREETING,
            ("modes", MODES, "modes", "modes"),
            ("challenge", CHALLENGE, "challenge", "challenge"),
            ("salt", SALT, "salt", "salt"),
            ("count", COUNT, "count", "count"),
        ),
        _base(_GREETING),
        "Unused and MBZ zero",
    ),
    Shape(
        "Set-Up-Response",
        "owamp_reference.messages.SetUpResponse",
        _spans(
            _RESPONSE,
            ("mode", MODE, "mode", "mode"),
            ("key_id", KEY_ID, "key_id", "key_id"),
            ("token", TOKEN, "token", "token"),
            ("client_iv", CLIENT_IV, "client_iv", "client_iv"),
        ),
        _base(_RESPONSE),
        "nothing",
    ),
    Shape(
        "Server-Start",
        "owamp_reference.messages.ServerStart",
        _spans(
            _START,
            ("accept", ACCEPT, "accept", "accept"),
            ("server_iv", SERVER_IV, "server_iv", "server_iv"),
            ("start_time", Type("encrypted Start-Time", 16), "start_time", "start_time"),
        ),
        _base(_START),
        "MBZ zero",
    ),
    Shape(
        "Request-TW-Session",
        "owamp_reference.messages.RequestTWSession",
        (Span("parameters", PARAMETERS, 1, _REQUEST.size - 1),),
        _base(_REQUEST),
        "the command number 5",
    ),
    Shape(
        "Accept-Session",
        "owamp_reference.messages.AcceptSession",
        _spans(_ACCEPT, ("port", PORT, "port", "port"), ("sid", SID, "sid", "sid")),
        _base(_ACCEPT),
        "Accept 0, MBZ zero",
    ),
    Shape(
        "Sender-Packet",
        "owamp_reference.packets.SenderPacket",
        _SENDER_SPANS,
        _base(_SENDER),
        "no padding",
    ),
    Shape(
        "Reflector-Packet",
        "owamp_reference.packets.ReflectorPacket",
        _REFLECTOR_SPANS,
        _base(_REFLECTOR, sender_ttl=TTL),
        f"Sender TTL {TTL}, no padding",
    ),
    Shape(
        "Server-Greeting",
        "owamp_reference.messages.ServerGreeting",
        _spans(
            _GREETING,
            ("challenge", CHALLENGE, "challenge", "challenge"),
            ("salt", SALT, "salt", "salt"),
            ("count", COUNT, "count", "count"),
        ),
        _base(_GREETING, modes=IKE_MODES),
        f"Modes {IKE_MODES}, Unused and MBZ zero",
        model="ikev2_binding",
    ),
    Shape(
        "Set-Up-Response",
        "owamp_reference.messages.SetUpResponse",
        (
            Span("key_id", Type("SPIi and SPIr", 16), 4, 16),
            *_spans(
                _RESPONSE,
                ("token", TOKEN, "token", "token"),
                ("client_iv", CLIENT_IV, "client_iv", "client_iv"),
            ),
        ),
        _base(_RESPONSE, mode=IKE_MODES),
        f"Mode {IKE_MODES}, the zeros of KeyID",
        model="ikev2_binding",
    ),
    Shape(
        "Request-TW-Session",
        "owamp_reference.messages.RequestTWSession",
        (),
        _base(_REQUEST),
        "everything",
        model="ikev2_binding",
    ),
    Shape(
        "Accept-Session",
        "owamp_reference.messages.AcceptSession",
        _spans(_ACCEPT, ("sid", SID, "sid", "sid")),
        _base(_ACCEPT),
        "Accept 0, Port 0, MBZ zero",
        model="ikev2_binding",
    ),
    Shape(
        "sender's packet, authenticated",
        "owamp_reference.packets.seal_packet",
        _protected(_SENDER_SPANS, _SENDER.size),
        _base(_SENDER) + bytes(primitives.HMAC_SIZE),
        "no padding",
        heads=("ecb", "", "hmac"),
    ),
    Shape(
        "reflector's packet, authenticated",
        "owamp_reference.packets.seal_packet",
        _protected(_REFLECTOR_SPANS, _REFLECTOR.size),
        _base(_REFLECTOR, sender_ttl=TTL) + bytes(primitives.HMAC_SIZE),
        f"Sender TTL {TTL}, no padding",
        heads=("ecb", "", "", "", "hmac"),
    ),
)


@lru_cache
def _shapes(model: str) -> Mapping[str, Shape]:
    named = [shape for shape in SHAPES if not shape.heads and shape.model in ("", model)]
    return {shape.name: shape for shape in sorted(named, key=lambda shape: shape.model)}


# ----------------------------------------------------------------------------------------- macros


def _number(octets: bytes) -> int:
    return int.from_bytes(octets, "big")


def _token(secret: bytes, challenge: bytes, salt: bytes, count: bytes, *t: bytes) -> bytes:
    """The Token; T2 may come in halves."""
    key = token.derive_token_key(secret, salt, _number(count))
    return token.seal_token(key, challenge, keys.ControlKeys(t[0], b"".join(t[1:])))


def _mac_of_blocks(secret: bytes, salt: bytes, count: bytes, *blocks: bytes) -> bytes:
    text = b"".join(blocks)
    key = standins.token_mac_key(secret, salt, _number(count))
    return text + primitives.hmac_sha1_128(key, text)


_SHARED_KEYS = "control and test with the same keys: what the slides warn of, not RFC 4656"


def tw_request(parameters: bytes) -> messages.RequestTWSession:
    """Request-TW-Session, from the 95 octets between its command number and its HMAC."""
    command = bytes([messages.Command.REQUEST_TW_SESSION])
    return messages.RequestTWSession.parse(command + parameters + bytes(primitives.HMAC_SIZE))


def ike_sa_keys(
    prf: ikev2.Prf, seed_key: bytes, ni: bytes, nr: bytes, spi_i: bytes, spi_r: bytes
) -> ikev2.IkeSaKeys:
    """SK_* with the sizes of `_slices`, which the models leave open."""
    return ikev2.ike_sa_keys(
        prf, seed_key, ni, nr, spi_i, spi_r, integrity_size=20, encryption_size=16
    )


@lru_cache
def _macros(prf: ikev2.Prf, keymat_size: int) -> tuple[Macro, ...]:
    skeyseed = Type("SKEYSEED", prf.output_size)
    sk_d = Type("SK_d", prf.output_size)
    return (
        Macro(
            "t3",
            "owamp_reference.keys.derive_t3",
            (T1, SID),
            keys.derive_t3,
            "RFC 4656 §4.1.2",
        ),
        Macro(
            "t4",
            "owamp_reference.keys.derive_t4",
            (T2, SID),
            keys.derive_t4,
            "RFC 4656 §4.1.2",
        ),
        *(
            Macro(
                name,
                "owamp_reference.keys.one_way_test_session_keys",
                (key, SID),
                _kdf,
                "RFC 4656 §6.7",
                flag="ONE_WAY_KDF",
            )
            for name, key in (("t3", T1), ("t4", T2))
        ),
        Macro(
            "t3",
            "owamp_vectors.theory.bind",
            (T1, SID),
            lambda t1, sid: t1,  # noqa: ARG005
            "",
            flag="SHARED_KEYS",
            model_only=_SHARED_KEYS,
        ),
        Macro(
            "t4",
            "owamp_vectors.theory.bind",
            (T2, SID),
            lambda t2, sid: t2,  # noqa: ARG005
            "",
            flag="SHARED_KEYS",
            model_only=_SHARED_KEYS,
        ),
        Macro(
            "token",
            "owamp_reference.token.seal_token",
            (SECRET, CHALLENGE, SALT, COUNT, T1, T2),
            _token,
            "RFC 4656 §3.1",
        ),
        Macro(
            "token",
            "owamp_reference.token.seal_token",
            (AES_KEY, CHALLENGE, T1, T2),
            lambda key, challenge, t1, t2: token.seal_token(
                key, challenge, keys.ControlKeys(t1, t2)
            ),
            "RFC 4656 §3.1",
        ),
        Macro(
            "token_key",
            "owamp_reference.token.derive_token_key",
            (ANY, SECRET, SALT, COUNT),
            lambda exchanged, secret, salt, count: token.derive_token_key(  # noqa: ARG005
                secret, salt, _number(count)
            ),
            "RFC 4656 §3.1",
        ),
        Macro(
            "token_key",
            "owamp_reference.ikev2.prf",
            (ANY, SECRET, SALT, COUNT),
            lambda exchanged, secret, salt, count: ikev2.prf(
                prf, exchanged, token.derive_token_key(secret, salt, _number(count))
            )[: primitives.AES_KEY_SIZE],
            "",
            flag="KEY_EXCHANGE",
            model_only=_EXCHANGED,
        ),
        Macro(
            "token",
            "owamp_reference.messages.SetUpResponse",
            (SECRET, SALT, COUNT, *[PREFIX_OF_TOKEN] * 4),
            lambda secret, salt, count, *blocks: b"".join(blocks),  # noqa: ARG005
            "RFC 4656 §3.1",
        ),
        Macro(
            "token",
            "owamp_vectors.theory.standins.token_mac_key",
            (SECRET, SALT, COUNT, *[PREFIX_OF_TOKEN] * 4),
            _mac_of_blocks,
            "",
            flag="REPAIRED_TOKEN",
            model_only="a repaired Token is a proposal of the model, not RFC 4656",
        ),
        Macro(
            "request",
            "owamp_reference.messages.RequestTWSession",
            (PARAMETERS,),
            lambda parameters: tw_request(parameters).segments()[0],
            "RFC 5357 §3.5",
        ),
        Macro(
            "accept",
            "owamp_reference.messages.AcceptSession",
            (PORT, SID),
            lambda port, sid: messages.AcceptSession(
                messages.Accept.OK, _number(port), sid
            ).segments()[0],
            "RFC 4656 §3.5",
        ),
        Macro(
            "skeyseed",
            "owamp_reference.ikev2.skeyseed",
            (NONCE_I, NONCE_R, GROUP_ELEMENT),
            lambda ni, nr, secret: ikev2.skeyseed(prf, ni, nr, secret),
            "RFC 7296 §2.14",
        ),
        Macro(
            "seed",
            "owamp_reference.ikev2.ike_sa_keys",
            (NONCE_I, NONCE_R, SPI_I, SPI_R),
            lambda ni, nr, spi_i, spi_r, key: ike_sa_keys(prf, key, ni, nr, spi_i, spi_r).sk_d,
            "RFC 7296 §2.14",
            through="sk_d",
            extra=(skeyseed,),
        ),
        Macro(
            "skeyseed_rekeyed",
            "owamp_reference.ikev2.rekeyed_skeyseed",
            (sk_d, GROUP_ELEMENT, NONCE_I, NONCE_R),
            lambda key, secret, ni, nr: ikev2.rekeyed_skeyseed(prf, key, secret, ni, nr),
            "RFC 7296 §2.18",
        ),
        Macro(
            "keymat",
            "owamp_reference.ikev2.keymat",
            (sk_d, NONCE_I, NONCE_R),
            lambda key, ni, nr: ikev2.keymat(prf, key, ni, nr, keymat_size),
            "RFC 7296 §2.17",
        ),
        Macro(
            "key_id",
            "owamp_reference.binding.key_id_from_spis",
            (SPI_I, SPI_R),
            lambda spi_i, spi_r: ike_binding.key_id_from_spis(spi_i, spi_r)[:16],
            "RFC 7717 §5.3",
            model_only="the 64 zeros of a KeyID are left out",
        ),
    )


MODEL_ONLY_MACROS: Mapping[str, str] = {
    "auth": "AUTH of RFC 7296 §2.15 is outside of the reference",
    "aes_key": _TWO_KEYS,
    "hmac_key": _TWO_KEYS,
}
"""Macros that are equal to nothing in the reference, and why."""

# --------------------------------------------------------------------------------------- messages


def _control_keys(v: Values) -> keys.ControlKeys:
    return keys.ControlKeys(v["t1"], v["t2"])


def _session_keys(v: Values) -> keys.TestSessionKeys:
    return keys.derive_test_session_keys(_control_keys(v), v["sid"])


def _one_way_keys(v: Values) -> keys.TestSessionKeys:
    return keys.one_way_test_session_keys(_control_keys(v), v["sid"])


def _sender_packet(v: Values) -> SenderPacket:
    return SenderPacket(**_SENDER.unpack(v["number"] + v["time"]))


def _reflector_packet(v: Values) -> ReflectorPacket:
    ttl = bytes([TTL]) + bytes(15)
    text = v["own"] + v["own_time"] + v["number"] + v["time"] + ttl
    return ReflectorPacket(**_REFLECTOR.unpack(text))


def _shared_keys(v: Values) -> keys.TestSessionKeys:
    return keys.TestSessionKeys(v["t1"], v["t2"])


_DERIVATIONS = {"": _session_keys, "ONE_WAY_KDF": _one_way_keys, "SHARED_KEYS": _shared_keys}


def session_keys(flags: tuple[str, ...], v: Values) -> keys.TestSessionKeys:
    """T3 and T4 from ``t1``, ``t2`` and ``sid``, as a model has them under its flags."""
    return _DERIVATIONS["".join(flag for flag in flags if flag in _DERIVATIONS)](v)


_PACKET_RULES = (
    ("rfc4656", "Sender_Packet_{}", _sender_packet, "RFC 4656 §4.1.2"),
    ("rfc4656", "Reflector_Packet_{}", _reflector_packet, "RFC 5357 §4.2.1"),
    ("rfc4656_reflection", "OWAMP_Send_{}", _sender_packet, "RFC 4656 §4.1.2"),
    ("rfc4656_reflection", "TWAMP_Send_{}", _sender_packet, "RFC 5357 §4.1.2"),
    ("rfc4656_reflection", "TWAMP_Reflect_{}", _reflector_packet, "RFC 5357 §4.2.1"),
)


def _sealed(
    mode: TestMode,
    packet: Callable[[Values], SenderPacket | ReflectorPacket],
    derive: Callable[[Values], keys.TestSessionKeys],
) -> Callable[[Values], bytes]:
    return lambda v: packets.seal_packet(mode, packet(v), derive(v))


_PACKETS = tuple(
    Message(
        model,
        rule.format(mode.value.capitalize()),
        "Out",
        "owamp_reference.packets.seal_packet",
        _sealed(mode, packet, derive),
        source,
        flag=flag,
        more={"number": NUMBER, "own": NUMBER},
    )
    for model, rule, packet, source in _PACKET_RULES
    for mode in (TestMode.AUTHENTICATED, TestMode.ENCRYPTED)
    for flag, derive in _DERIVATIONS.items()
)


def _greeting(v: Values) -> bytes:
    modes = _number(v.get("modes", b""))
    count = _number(v["count"])
    return messages.ServerGreeting(modes, v["challenge"], v["salt"], count).to_octets()


def _blocks(v: Values) -> bytes:
    halves = (v["t1"], v["t2a"], v["t2b"])
    return _token(v["psk"], v["challenge"], v["salt"], v["count"], *halves)


def _opened(v: Values) -> bytes:
    key = token.derive_token_key(v["psk"], v["salt"], _number(v["count"]))
    opened = token.open_token(key, _blocks(v), v["challenge"])
    return opened.t1 + opened.t2


def _decrypted(number: int) -> Callable[[Values], bytes]:
    def compute(v: Values) -> bytes:
        key = token.derive_token_key(v["psk"], v["salt"], _number(v["count"]))
        return primitives.aes_ecb_decrypt(key, v[f"b{number}"])

    return compute


def _block(number: int) -> Callable[[Values], bytes]:
    return lambda v: _blocks(v)[16 * (number - 1) : 16 * number]


def _accepted(v: Values) -> bytes:
    sender = control.ProtectedSender(_control_keys(v), v["server_iv"])
    sender.write(v["start_time"])
    text = messages.AcceptSession(messages.Accept.OK, _number(v["port"]), v["sid"])
    return control.write_message(sender, text.segments())


def _requested(v: Values) -> bytes:
    sender = control.ProtectedSender(_control_keys(v), v["client_iv"])
    return control.write_message(sender, tw_request(v["parameters"]).segments())


def _response(v: Values) -> bytes:
    sealed = _token(v["psk"], v["challenge"], v["salt"], v["count"], v["t1"], v["t2"])
    mode = _number(v["mode"])
    return messages.SetUpResponse(mode, v["key_id"], sealed, v["client_iv"]).to_octets()


def server_start(v: Values) -> bytes:
    """Server-Start with Accept 0, from ``t1``, ``t2``, ``server_iv`` and ``start_time``."""
    clear = messages.ServerStart(messages.Accept.OK, v["server_iv"], 0).to_octets()[:32]
    sender = control.ProtectedSender(_control_keys(v), v["server_iv"])
    return clear + sender.write(v["start_time"])


def _ike_keys(v: Values) -> ikev2.IkeSaKeys:
    return ike_sa_keys(PRF, v["keys"], v["ni"], v["nr"], v["spi_i"], v["spi_r"])


def _from_sk_d(v: Values) -> bytes:
    return ike_binding.shared_secret_from_sk_d(PRF, _ike_keys(v).sk_d)


def _from_keymat(v: Values) -> bytes:
    keymat = ikev2.keymat(PRF, _ike_keys(v).sk_d, v["ni"], v["nr"], KEYMAT_SIZE)
    return ike_binding.shared_secret_from_keymat(PRF, keymat, v["sid"])


def _ike_response(v: Values) -> bytes:
    sealed = _token(v["secret"], v["challenge"], v["salt"], v["count"], v["t1"], v["t2"])
    key_id = ike_binding.key_id_from_spis(v["spi_i"], v["spi_r"])
    return messages.SetUpResponse(IKE_MODES, key_id, sealed, v["client_iv"]).to_octets()


_SEED = {"text": lambda v: v["ni"] + v["nr"] + v["spi_i"] + v["spi_r"]}
_SA = {
    "keys": Type("SKEYSEED", PRF.output_size),
    "ni": NONCE_I,
    "nr": NONCE_R,
    "spi_i": SPI_I,
    "spi_r": SPI_R,
    "sid": SID,
}

_IKE_MESSAGES: tuple[Message, ...] = (
    Message(
        "ikev2_binding",
        "Derive_Shared_Secret",
        "Key_Source",
        "owamp_reference.binding.shared_secret_from_sk_d",
        _from_sk_d,
        "RFC 7717 §5.1",
        first=6,
        given=_SEED,
        more=_SA,
    ),
    *(
        Message(
            "ikev2_binding",
            "Derive_Shared_Secret",
            "Key_Source",
            "owamp_reference.binding.shared_secret_from_keymat",
            _from_keymat,
            "proposal: PRF{ KEYMAT, Session ID }",
            flag=flag,
            first=6,
            given=_SEED,
            more=_SA,
        )
        for flag in ("KEYMAT_SID", "KEYMAT_SID_LATE")
    ),
    Message(
        "ikev2_binding",
        "Server_Greeting",
        "Out",
        "owamp_reference.messages.ServerGreeting",
        lambda v: messages.ServerGreeting(
            IKE_MODES, v["challenge"], v["salt"], _number(v["count"])
        ).to_octets(),
        "RFC 4656 §3.1",
    ),
    Message(
        "ikev2_binding",
        "Client_Set_Up_Response",
        "Out",
        "owamp_reference.messages.SetUpResponse",
        _ike_response,
        "RFC 4656 §3.1, RFC 7717 §5.3",
        more={"spi_i": SPI_I, "spi_r": SPI_R},
    ),
)

MESSAGES: tuple[Message, ...] = (
    Message(
        "token_blocks",
        "Server_Greeting",
        "Out",
        "owamp_reference.messages.ServerGreeting",
        lambda v: _greeting(v)[16:52],
        "RFC 4656 §3.1",
    ),
    Message(
        "token_blocks",
        "Client_Token",
        "Out",
        "owamp_reference.token.seal_token",
        _blocks,
        "RFC 4656 §3.1",
    ),
    Message(
        "token_blocks",
        "Client_Token",
        "Out",
        "owamp_reference.token.seal_token",
        lambda v: _mac_of_blocks(v["psk"], v["salt"], v["count"], _blocks(v)),
        "RFC 4656 §3.1",
        flag="REPAIRED_TOKEN",
    ),
    Message(
        "token_blocks",
        "Server_Keys",
        "ServerAccepts",
        "owamp_reference.token.open_token",
        _opened,
        "RFC 4656 §3.1",
        first=2,
        given={
            **{f"b{number}": _block(number) for number in (1, 2, 3, 4)},
            **{f"x{number}": _decrypted(number) for number in (2, 3, 4)},
        },
        more={
            "psk": SECRET,
            "salt": SALT,
            "count": COUNT,
            "challenge": CHALLENGE,
            "t1": T1,
            "t2a": T2_HALF_A,
            "t2b": T2_HALF_B,
        },
    ),
    Message(
        "rfc4656",
        "Server_Greeting",
        "Out",
        "owamp_reference.messages.ServerGreeting",
        _greeting,
        "RFC 4656 §3.1",
    ),
    Message(
        "rfc4656",
        "Client_Set_Up_Response",
        "Out",
        "owamp_reference.messages.SetUpResponse",
        _response,
        "RFC 4656 §3.1",
    ),
    Message(
        "rfc4656",
        "Server_Start",
        "Out",
        "owamp_reference.messages.ServerStart",
        server_start,
        "RFC 4656 §3.1",
        more={"start_time": START_TIME},
    ),
    Message(
        "rfc4656",
        "Client_Request_Session",
        "Out",
        "owamp_reference.control.ProtectedSender",
        _requested,
        "RFC 4656 §3.4, RFC 5357 §3.5",
    ),
    Message(
        "rfc4656",
        "Server_Accept_Session",
        "Out",
        "owamp_reference.control.ProtectedSender",
        _accepted,
        "RFC 4656 §3.4, §3.5",
        given={
            "stream": lambda v: primitives.aes_cbc_encrypt(v["t1"], v["server_iv"], v["start_time"])
        },
        more={"server_iv": SERVER_IV},
    ),
    *_PACKETS,
    *_IKE_MESSAGES,
)


# ------------------------------------------------------------------------------ where code stands


def located(dotted: str) -> Place:
    """The file and line that define what a dotted name names: function, class, attribute.

    Raises:
        LookupError: there is no such thing.
    """
    parts = dotted.split(".")
    for cut in range(len(parts), 0, -1):
        try:
            module = importlib.import_module(".".join(parts[:cut]))
        except ImportError:
            continue
        return _line_of(module, parts[cut:], dotted)
    raise LookupError(dotted)


def _line_of(module: Any, names: list[str], dotted: str) -> Place:
    path = Path(inspect.getsourcefile(module) or "")
    lines = path.read_text(encoding="utf-8").splitlines()
    line, indent = 0, ""
    for name in names:
        starts = (f"def {name}(", f"class {name}(", f"class {name}:", f"{name} =", f"{name}:")
        for number in range(line, len(lines)):
            if lines[number].startswith(tuple(indent + start for start in starts)):
                line = number + 1
                break
        else:
            raise LookupError(dotted)
        indent += "    "
    return Place(path, max(line, 1))

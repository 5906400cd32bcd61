"""What the two ends of a control connection agree on: a mode, a shared secret, test sessions
(RFC 4656 §3.1, §3.5; RFC 5357 §3.1, §3.5; RFC 7717 §5).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from enum import Enum, IntFlag
from typing import NamedTuple, TypeAlias

from . import binding, choices, token
from .choices import Choice, Chooser, first_option
from .errors import ProtocolError, Stage
from .messages import Request, RequestSession, RequestTWSession, as_sent, encode_key_id
from .packets import TestMode


class Protocol(Enum):
    """Which of the two protocols a control connection speaks."""

    OWAMP = "OWAMP"
    TWAMP = "TWAMP"


class Mode(IntFlag):
    """Bits of the Modes and Mode fields that say how a connection is protected."""

    UNAUTHENTICATED = 1
    AUTHENTICATED = 2
    ENCRYPTED = 4
    MIXED = 8  # RFC 5618: unauthenticated test, encrypted control; TWAMP only


SECURITY_BITS = {Protocol.OWAMP: 0b0111, Protocol.TWAMP: 0b1111}
"""The bits of which a client chooses exactly one."""

IKEV2_DERIVED = {Protocol.OWAMP: 16, Protocol.TWAMP: 128}
"""The IKEv2Derived bit (RFC 7718 §3.2.4 for OWAMP, RFC 7717 §7 for TWAMP)."""


class SecretName(NamedTuple):
    """Which shared secret is meant: a KeyID of 80 octets, and whether it has the SPIs of an IKE SA
    (RFC 7717 §5.3) or a name (RFC 4656 §3.1).
    """

    key_id: bytes
    ikev2_derived: bool


FindSecret: TypeAlias = Callable[[SecretName], bytes | None]
"""The shared secret of a name, None if there is none."""


@dataclass(frozen=True)
class NegotiatedMode:
    """What Mode says: one security mode, and whether the shared secret is from IKEv2."""

    security: Mode
    ikev2_derived: bool = False

    @property
    def is_protected(self) -> bool:
        """Whether the control connection is encrypted and authenticated."""
        return self.security is not Mode.UNAUTHENTICATED

    @property
    def test_mode(self) -> TestMode:
        """The protection of the test packets (RFC 4656 §4, RFC 5618 §3.1)."""
        if self.security is Mode.AUTHENTICATED:
            return TestMode.AUTHENTICATED
        if self.security is Mode.ENCRYPTED:
            return TestMode.ENCRYPTED
        return TestMode.UNAUTHENTICATED

    def bits(self, protocol: Protocol) -> int:
        """The Mode that a client sends to choose it."""
        return int(self.security) | (IKEV2_DERIVED[protocol] if self.ikev2_derived else 0)

    def secret_name(self, key_id: bytes) -> SecretName:
        """Which secret the 80 octets of a Set-Up-Response's KeyID mean.

        What follows the SPIs of an IKE SA is ignored (RFC 7717 §5.3), and zeros here.
        """
        if self.ikev2_derived:
            key_id = binding.key_id_from_spis(*binding.spis_from_key_id(key_id))
        return SecretName(key_id, self.ikev2_derived)


EXTENSION_BITS = {Protocol.OWAMP: 16, Protocol.TWAMP: 16 | 32 | 64 | 128 | 256 | 512}
"""The bits that select an extension (RFC 7718 §3.2.4; RFC 5938, RFC 6038, RFC 7717 §7, RFC 7750,
RFC 8186)."""


def read_mode(
    protocol: Protocol, offered: int, chosen: int, choose: Chooser = first_option
) -> NegotiatedMode:
    """The meaning of the Mode that a client chose from the Modes that a server offered.

    Bits that have no meaning here are ignored, as RFC 4656 §3.1 asks of a server.

    Args:
        choose: decides what becomes of an extension that was not offered, or of IKEv2Derived
            without a protected mode; both are ignored unless it refuses them.
    Raises:
        ProtocolError: no security bit or several, or one that was not offered.
    """
    bits = chosen & SECURITY_BITS[protocol]
    if not bits:
        raise _mode_error("a security bit", chosen)
    if bits.bit_count() != 1:
        raise _mode_error("exactly one security bit", chosen)
    if not bits & offered:
        raise _mode_error(f"one of the offered {offered:#010x}", chosen)
    ikev2_bit = IKEV2_DERIVED[protocol]
    unoffered = chosen & EXTENSION_BITS[protocol] & ~offered
    if unoffered and choose(choices.UNOFFERED_BIT):
        extension = "IKEv2Derived" if unoffered & ikev2_bit else "an extension"
        raise _mode_error(f"{extension} only when offered", chosen)
    ikev2_derived = bool(chosen & offered & ikev2_bit)
    if ikev2_derived and bits == Mode.UNAUTHENTICATED:
        if choose(choices.UNPROTECTED_IKEV2):
            raise _mode_error("IKEv2Derived only with a protected mode", chosen)
        ikev2_derived = False
    return NegotiatedMode(Mode(bits), ikev2_derived)


def _mode_error(expected: str, chosen: int) -> ProtocolError:
    return ProtocolError("Mode", expected, f"{chosen:#010x}", Stage.NEGOTIATION)


@dataclass(frozen=True)
class Credentials:
    """The 80-octet KeyID of a shared secret, and the secret."""

    key_id: bytes
    shared_secret: bytes = field(repr=False)
    ikev2_derived: bool = False

    @classmethod
    def from_passphrase(
        cls,
        name: str,
        passphrase: str | bytes,
        *,
        for_twamp: bool = False,
        choose: Chooser = first_option,
    ) -> Credentials:
        """A pre-shared passphrase, as text or as octets, under a name (RFC 4656 §3.1).

        Args:
            for_twamp: whether the rules of RFC 5357 §3.1 hold.
            choose: decides what the RFCs leave open.
        Raises:
            ProtocolError: a name or a passphrase that is not allowed.
        """
        if isinstance(passphrase, str):
            passphrase = token.encode_passphrase(passphrase, for_twamp=for_twamp, choose=choose)
        else:
            token.check_passphrase(passphrase, for_twamp=for_twamp, choose=choose)
        return cls(encode_key_id(name, choose), passphrase)

    @classmethod
    def from_ikev2(cls, spi_i: bytes, spi_r: bytes, shared_secret: bytes) -> Credentials:
        """A key from `binding`, named by its SPIs (RFC 7717 §5.3); raises `ProtocolError`."""
        return cls(binding.key_id_from_spis(spi_i, spi_r), shared_secret, ikev2_derived=True)

    @property
    def name(self) -> SecretName:
        """By which a server finds the secret."""
        return SecretName(self.key_id, self.ikev2_derived)


def secrets_of(*known: Credentials) -> FindSecret:
    """Finds the shared secrets of these credentials, and no other."""
    return {item.name: item.shared_secret for item in known}.get


REQUESTS: dict[Protocol, type[RequestSession | RequestTWSession]] = {
    Protocol.OWAMP: RequestSession,
    Protocol.TWAMP: RequestTWSession,
}
"""The request for a test session that each protocol has."""


IMPROPER = ("Conf-Sender", "Conf-Receiver")
"""For these a refusal MUST have Accept 3 (RFC 5357 §3.5)."""


def request_problem(
    protocol: Protocol, request: Request, choose: Chooser = first_option
) -> ProtocolError | None:
    """Why a server answers a request with Accept 3, or None (RFC 4656 §3.5, RFC 5357 §3.5).

    Args:
        choose: decides whether it grants what is only its client's mistake; it does not unless
            told.
    """
    wanted = REQUESTS[protocol]
    if not isinstance(request, wanted):
        return ProtocolError("request", wanted.LAYOUT.title, request.LAYOUT.title)
    if isinstance(request, RequestSession):
        more = _one_way_problems(request)
    else:
        more = _two_way_problems(request)
    for choice, problem in (*_any_problems(request), *more):
        if choice is None or _refuses(choice, choose):
            return problem
    return None


def _refuses(choice: Choice, choose: Chooser) -> bool:
    return choice.options[choose(choice)].does == choices.REFUSES


_Problems: TypeAlias = Iterator[tuple[Choice | None, ProtocolError]]
"""What may be wrong with a request, and who decides; None: it is refused."""


def _any_problems(request: Request) -> _Problems:
    if request.ipvn not in (4, 6):
        yield choices.UNKNOWN_IPVN, ProtocolError("IPVN", "4 or 6", str(request.ipvn))
    if request.type_p >> 30:
        sends = request.conf_sender or isinstance(request, RequestTWSession)
        choice = choices.UNKNOWN_TYPE_P if sends else choices.DECLARED_TYPE_P
        yield choice, ProtocolError("Type-P Descriptor", "a DSCP", f"{request.type_p:#010x}")
    ports = {"Sender Port": request.sender_port, "Receiver Port": request.receiver_port}
    for label, port in ports.items():
        configured = request.conf_sender if label == "Sender Port" else request.conf_receiver
        if not port:
            choice = choices.PORT_NOT_NEEDED if configured else choices.PORT_OF_ZERO
            yield choice, ProtocolError(label, "a port", "0")


def _one_way_problems(request: RequestSession) -> _Problems:
    if not (request.conf_sender or request.conf_receiver):
        error = ProtocolError("Conf-Sender, Conf-Receiver", "at least one set", "none")
        yield choices.NOTHING_TO_CONFIGURE, error
    if not request.slots:
        error = ProtocolError("Number of Schedule Slots", "at least 1", "0")
        yield choices.NO_SLOTS, error
    for slot in request.slots:
        if slot.slot_type not in (0, 1):
            yield None, ProtocolError("Slot Type", "0 or 1", str(slot.slot_type))


def _two_way_problems(request: RequestTWSession) -> _Problems:
    improper = {"Conf-Sender": request.conf_sender, "Conf-Receiver": request.conf_receiver}
    zeros = {
        "Number of Schedule Slots": request.number_of_slots,
        "Number of Packets": request.number_of_packets,
        "SID": int.from_bytes(request.sid, "big"),
    }
    for choice, values in ((None, improper), (choices.NOT_ZERO, zeros)):
        for label, value in values.items():
            if value:
                yield choice, ProtocolError(label, "0", "another value")


def allowed_request(request: Request) -> Request:
    """What a client may send in place of a request that breaks a MUST for its sender.

    Conf-Sender and Conf-Receiver are 0 or 1, and zeros follow an IPv4 address (RFC 4656 §3.5); in
    TWAMP everything of OWAMP that it has no use for is zero (RFC 5357 §3.5).

    Raises:
        ProtocolError: neither Conf-Sender nor Conf-Receiver, or no schedule slots.
    """
    request = as_sent(request)
    if isinstance(request, RequestTWSession):
        return request
    if not (request.conf_sender or request.conf_receiver):
        raise ProtocolError("Conf-Sender, Conf-Receiver", "at least one set", "none")
    if not request.slots:
        raise ProtocolError("Number of Schedule Slots", "at least 1", "0")
    return request

"""What an observer can say of the set-up of a control connection (RFC 4656 §3.1)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from owamp_reference import binding, token
from owamp_reference.choices import GRANTS, Choice
from owamp_reference.errors import ProtocolError
from owamp_reference.keys import ControlKeys
from owamp_reference.messages import Accept, ServerGreeting, SetUpResponse, decode_key_id
from owamp_reference.negotiation import (
    SECURITY_BITS,
    Credentials,
    Mode,
    NegotiatedMode,
    Protocol,
    read_mode,
)

from . import causes, registry
from .steps import Remark, note, wrong

SOURCE = "RFC 4656 §3.1"
ACCEPT_SOURCE = "RFC 4656 §3.3"


def accept_remarks(accept: int) -> list[Remark]:
    """What is wrong with a value of Accept by itself (RFC 4656 §3.3), and whether it refuses."""
    if accept == Accept.OK:
        return []
    if accept not in list(Accept):
        return [wrong(ProtocolError("Accept", "an assigned value", str(accept)), ACCEPT_SOURCE)]
    meaning = Accept(accept).name.lower().replace("_", " ")
    return [note(f"the server refuses: Accept {accept}, {meaning}", ACCEPT_SOURCE)]


def random_remarks(name: str, value: bytes) -> list[Remark]:
    """What is wrong with octets that are to be random; zeros are not."""
    return [] if any(value) else [wrong(f"{name}: expected random octets, found zeros", SOURCE)]


def greeting_remarks(
    protocol: Protocol | None, greeting: ServerGreeting, max_count: int
) -> list[Remark]:
    """What is wrong or remarkable in a Server-Greeting."""
    if not greeting.modes:
        return [note("Modes 0: the server offers no service", SOURCE)]
    found = []
    if not greeting.modes & SECURITY_BITS[protocol or Protocol.TWAMP]:
        error = ProtocolError("Modes", "at least one security bit", f"{greeting.modes:#010x}")
        found.append(wrong(error, SOURCE))
    if not greeting.modes & ~Mode.UNAUTHENTICATED:
        return found  # Challenge, Salt and Count have no use
    try:
        token.check_count(greeting.count, 2**32 - 1)
        if greeting.count > max_count:
            text = f"Count {greeting.count} is above {max_count}; no Token is opened"
            found.append(note(text, "RFC 5357 §6"))
    except ProtocolError as error:
        found.append(wrong(error, SOURCE))
    found += random_remarks("Challenge", greeting.challenge)
    return found + random_remarks("Salt", greeting.salt)


def key_name(mode: NegotiatedMode, key_id: bytes) -> str:
    """The name that a KeyID gives a shared secret, for people."""
    if mode.ikev2_derived:
        spi_i, spi_r = binding.spis_from_key_id(key_id)
        return f"SPIi {spi_i.hex()}, SPIr {spi_r.hex()}"
    try:
        return f"KeyID {decode_key_id(key_id)!r}"
    except ProtocolError:
        return f"KeyID {key_id.hex()}"


@dataclass
class Response:
    """What a Set-Up-Response says.

    Attributes:
        mode: None if it declines or is not allowed.
        key_name: of the shared secret, in a protected mode.
        control_keys: T1 and T2, if the Token could be opened.
        extensions: the bits that were negotiated and whose rules are not known here.
        problem: why a server has to refuse it.
        unopened: why its Token could not be opened with the secret that is given here.
    """

    summary: str
    mode: NegotiatedMode | None = None
    key_name: str = ""
    control_keys: ControlKeys | None = field(default=None, repr=False)
    declines: bool = False
    extensions: int = 0
    problem: ProtocolError | None = None
    unopened: ProtocolError | None = None
    remarks: list[Remark] = field(default_factory=list)


def judge_response(
    protocol: Protocol,
    greeting: ServerGreeting | None,
    message: SetUpResponse,
    credentials: Sequence[Credentials],
    max_count: int,
    names_mistakes: bool,
) -> Response:
    """Check a Set-Up-Response against the greeting, and open its Token if the secret is known."""
    names = registry.mode_names(protocol, message.mode)
    result = Response(f"Mode {message.mode:#x} ({names})")
    if greeting is None:
        result.remarks.append(wrong("Set-Up-Response before Server-Greeting", SOURCE))
    if not message.mode & SECURITY_BITS[protocol]:
        result.declines = True
        result.remarks.append(note("Mode has no security bit: the client declines", SOURCE))
        return result
    try:
        offered = message.mode if greeting is None else greeting.modes
        result.mode = read_mode(protocol, offered, message.mode)
        read_mode(protocol, offered, message.mode, _refusing)
    except ProtocolError as error:
        source = "RFC 7717 §5.1" if "IKEv2" in error.expected else SOURCE
        result.remarks.append(wrong(error, source))
        if result.mode is None:
            result.problem = error
            return result
    result.extensions = registry.extensions(protocol, message.mode & offered)
    if result.extensions:
        names = registry.mode_names(protocol, result.extensions)
        result.remarks.append(note(f"not checked, since negotiated and not known here: {names}"))
    if result.mode.is_protected:
        result.key_name = key_name(result.mode, message.key_id)
        result.summary += ", " + result.key_name
        result.remarks += random_remarks("Client-IV", message.client_iv)
        _open_token(result, result.mode, greeting, message, credentials, max_count)
        if result.unopened is not None:
            _judge_unopened(result, greeting, message, credentials, names_mistakes)
    return result


def _refusing(_choice: Choice) -> int:
    """What a server may ignore in Mode is wrong of the client all the same."""
    return 1


def granting(choice: Choice) -> int:
    """The chooser of a server that grants every request that it may grant."""
    return next((n for n, option in enumerate(choice.options) if option.does == GRANTS), 0)


def _open_token(
    result: Response,
    mode: NegotiatedMode,
    greeting: ServerGreeting | None,
    message: SetUpResponse,
    credentials: Sequence[Credentials],
    max_count: int,
) -> None:
    name = mode.secret_name(message.key_id)
    if mode.ikev2_derived:
        if message.key_id != name.key_id:
            text = "KeyID: expected zeros after the two SPIs, found others"
            result.remarks.append(wrong(text, "RFC 7717 §5.3"))
    else:
        try:
            decode_key_id(message.key_id)
        except ProtocolError as error:
            result.remarks.append(wrong(error, SOURCE))
    if greeting is None or not 1 <= greeting.count <= max_count:
        result.remarks.append(note("the Token is not opened: no usable Count", SOURCE))
        return
    secrets = [item.shared_secret for item in credentials if item.name == name]
    if not secrets:
        text = f"no secret is known here for {result.key_name}: the Token is not opened"
        result.remarks.append(note(text, SOURCE))
    for secret in secrets:
        key = token.derive_token_key(secret, greeting.salt, greeting.count)
        try:
            opened = token.open_token(key, message.token, greeting.challenge)
        except ProtocolError as error:
            result.unopened = error
            continue
        result.unopened = None
        result.control_keys = opened
        result.summary += ", the Token carries the Challenge"
        if not any(opened.t1 + opened.t2):
            text = "Token: T1 and T2 are zero, as in one forged of encryptions of the Challenge"
            result.remarks.append(wrong(text, "RFC 4656 §6.10"))
        return


def _judge_unopened(
    result: Response,
    greeting: ServerGreeting | None,
    message: SetUpResponse,
    credentials: Sequence[Credentials],
    names_mistakes: bool,
) -> None:
    """A Token that does not open: by a known mistake, or with another secret than is given here."""
    assert greeting is not None
    assert result.mode is not None
    name = result.mode.secret_name(message.key_id)
    for item in credentials if names_mistakes else ():
        found = item.name == name and causes.token_mistake(
            item.shared_secret, greeting, message.token
        )
        if found:
            result.problem, result.unopened = result.unopened, None
            text, result.control_keys = f"{result.problem}; a known mistake: {found[0]}", found[1]
            result.remarks.append(wrong(text, SOURCE))
            return
    text = f"{result.unopened}; or the secret given here is not the one in use"
    result.remarks.append(note(text, SOURCE))

"""What the RFCs leave to an endpoint: MAY, SHOULD, and what they do not say.

A choice is a parameter of the endpoints, as random octets and the time are: where the text leaves
something open, an endpoint asks its `Chooser`. So one endpoint shows every behaviour that the RFCs
allow, and no other.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, TypeAlias

Requirement: TypeAlias = Literal["MUST", "SHOULD", "MAY", "POLICY"]
"""What a behaviour rests on, in the words of RFC 2119; POLICY: no RFC says anything of it."""


@dataclass(frozen=True)
class Option:
    """One of the things that an endpoint may do.

    Attributes:
        does: it, in words that follow "it".
        requirement: what the text says of it.
        source: where.
    """

    does: str
    requirement: Requirement
    source: str


@dataclass(frozen=True, eq=False)
class Choice:
    """Something that the RFCs leave open.

    Attributes:
        question: what is left open, in words that follow "The RFCs leave open".
        options: first the one that an implementer takes who follows every SHOULD.
    """

    question: str
    options: tuple[Option, ...]


Chooser: TypeAlias = Callable[[Choice], int]
"""Gives the number of the option that an endpoint takes; the same one whenever it is asked."""


def first_option(choice: Choice) -> int:
    """The default: every SHOULD is followed."""
    del choice
    return 0


def _closing(question: str, first: str, closes: Option, stays: Option) -> Choice:
    options = (closes, stays) if first == "closes" else (stays, closes)
    return Choice(f"whether {question}", options)


CLOSES = "closes the connection"
STAYS = "leaves the connection open"


def _closes(requirement: Requirement, source: str) -> Option:
    return Option(CLOSES, requirement, source)


def _stays(requirement: Requirement, source: str) -> Option:
    return Option(STAYS, requirement, source)


REFUSAL_VALUE = Choice(
    "which value other than 0 Accept has in a refusal",
    (
        Option("sends the Accept value of the cause", "SHOULD", "RFC 4656 §3.3"),
        Option("sends Accept 1 for every refusal", "MAY", "RFC 4656 §3.3"),
    ),
)
FAILURE_VALUE = Choice(
    "which value other than 0 Accept has where none of the values names the cause",
    (
        Option("sends Accept 1 (a failure)", "MAY", "RFC 4656 §3.3"),
        Option("sends Accept 3 (not supported)", "MAY", "RFC 4656 §3.3"),
    ),
)

# What a server may do. An option is known by its words.

REFUSES = "refuses it"
GRANTS = "grants it"
IGNORES_BIT = "ignores the bit"
ANSWERS = "answers it, and refuses"
ANSWERS_AS_UNEXPECTED = "answers with Accept-Session and Accept 3, as to an unexpected command"
ANSWERS_FIRST_BLOCK = "answers the first block with Accept 3 and closes the connection"
READS_A_REQUEST = "takes it to be as long as a request"
STOPS = "answers with its own Stop-Sessions and leaves the connection open"
STOPS_AND_CLOSES = "answers with its own Stop-Sessions and closes the connection"
WAITS = "waits for the rest"


def _granting(question: str, first: str, refuses: Option, grants: Option) -> Choice:
    options = (refuses, grants) if first == REFUSES else (grants, refuses)
    return Choice(f"whether a server grants a request {question}", options)


def _refuses(requirement: Requirement, source: str) -> Option:
    return Option(REFUSES, requirement, source)


def _grants(requirement: Requirement, source: str) -> Option:
    return Option(GRANTS, requirement, source)


CLOSE_WITHOUT_SERVICE = _closing(
    "a server closes the connection after a greeting with Modes 0",
    "stays",
    _closes("MAY", "RFC 4656 §3.1"),
    _stays("MAY", "RFC 4656 §3.1"),
)
NO_MODE_CHOSEN = Choice(
    "what a server does when the client chooses no mode",
    (
        _closes("SHOULD", "RFC 4656 §3.1"),
        _stays("POLICY", "RFC 4656 §3.1"),
        Option(ANSWERS, "MUST", "RFC 4656 §3.1"),
    ),
)
"""§3.1 has both SHOULD close, and "The server MUST respond with" Server-Start."""
UNOFFERED_BIT = Choice(
    "what a server does with the bit of an extension that it did not offer",
    (
        Option(IGNORES_BIT, "MUST", "RFC 4656 §3.1"),
        _refuses("POLICY", "RFC 4656 §3.1"),
    ),
)
"""§3.1: "A server MUST ignore the values of the first 29 bits", if it knows no extension."""
UNPROTECTED_IKEV2 = Choice(
    "what a server does with IKEv2Derived in the unauthenticated mode, which has no secret",
    (
        Option(IGNORES_BIT, "POLICY", "RFC 7717 §5.1"),
        _refuses("POLICY", "RFC 7717 §5.1"),
    ),
)
EMPTY_SECRET = Choice(
    "whether a shared secret may be empty",
    (
        Option("takes it as any other", "POLICY", "RFC 4656 §3.1"),
        _refuses("POLICY", "RFC 4656 §3.1"),
    ),
)
CLOSE_AFTER_REFUSED_REQUEST = _closing(
    "a server closes the connection after an Accept-Session that refuses",
    "stays",
    _closes("POLICY", "RFC 4656 §3.5"),
    _stays("SHOULD", "RFC 4656 §3.5"),
)
CLOSE_AFTER_REFUSED_START = _closing(
    "a server closes the connection after a Start-Ack that refuses",
    "stays",
    _closes("MAY", "RFC 4656 §3.7"),
    _stays("MAY", "RFC 4656 §3.7"),
)
CLOSE_AFTER_REFUSED_FETCH = _closing(
    "a server closes the connection after a Fetch-Ack that refuses",
    "stays",
    _closes("POLICY", "RFC 4656 §3.9"),
    _stays("POLICY", "RFC 4656 §3.9"),
)
UNKNOWN_IPVN = _granting(
    "with an IPVN other than 4 and 6",
    REFUSES,
    _refuses("POLICY", "RFC 4656 §3.5"),
    _grants("POLICY", "RFC 4656 §3.5"),
)
"""§3.5: "Currently meaningful IPVN values are 4 and 6", and no more."""
NOTHING_TO_CONFIGURE = _granting(
    "with neither Conf-Sender nor Conf-Receiver, of which its client MUST set one",
    REFUSES,
    _refuses("POLICY", "RFC 4656 §3.5"),
    _grants("POLICY", "RFC 4656 §3.5"),
)
NO_SLOTS = _granting(
    "without schedule slots",
    REFUSES,
    _refuses("POLICY", "RFC 4656 §3.5"),
    _grants("POLICY", "RFC 4656 §3.5"),
)
NOT_ZERO = _granting(
    "with a value that its client MUST set to 0",
    REFUSES,
    _refuses("POLICY", "RFC 5357 §3.5"),
    _grants("POLICY", "RFC 5357 §3.5"),
)
UNKNOWN_TYPE_P = _granting(
    "with a Type-P Descriptor that it does not recognize",
    REFUSES,
    _refuses("SHOULD", "RFC 4656 §3.5"),
    _grants("POLICY", "RFC 4656 §3.5"),
)
DECLARED_TYPE_P = _granting(
    "with a Type-P Descriptor that only says how the client will send",
    GRANTS,
    _refuses("POLICY", "RFC 4656 §3.5"),
    _grants("SHOULD", "RFC 4656 §3.5"),
)
PORT_OF_ZERO = _granting(
    "with port 0 for an end that it does not configure",
    GRANTS,
    _refuses("POLICY", "RFC 4656 §3.5"),
    _grants("POLICY", "RFC 4656 §3.5"),
)
PORT_NOT_NEEDED = _granting(
    "with port 0 for the end that it configures, whose port it SHOULD disregard",
    GRANTS,
    _refuses("POLICY", "RFC 4656 §3.5"),
    _grants("SHOULD", "RFC 4656 §3.5"),
)
SID_TAKEN = _granting(
    "whose client names a SID of zeros, or one that the connection has had",
    REFUSES,
    _refuses("POLICY", "RFC 4656 §3.5"),
    _grants("POLICY", "RFC 4656 §3.5"),
)
ADDRESS_VALUES = {f"refuses with Accept {value}": value for value in (3, 1, 4)}
ADDRESS_VALUE = Choice(
    "with which value a server refuses a request to send to a third party",
    tuple(Option(does, "MAY", "RFC 4656 §3.3") for does in ADDRESS_VALUES),
)
START_WITHOUT_SESSION = Choice(
    "whether sessions can be started when there are none",
    (
        Option("refuses", "POLICY", "RFC 4656 §3.7"),
        Option("accepts", "POLICY", "RFC 4656 §3.7"),
    ),
)
WRONG_STOP = {
    protocol: _closing(
        "an end closes the connection after a Stop-Sessions that it considers invalid",
        "closes",
        _closes("SHOULD", source),
        _stays("POLICY", source),
    )
    for protocol, source in (("OWAMP", "RFC 4656 §3.8"), ("TWAMP", "RFC 5357 §3.8"))
}
"""By the name of the protocol."""
STRAY_STOP = _closing(
    "an end closes the connection after a Stop-Sessions for no session, while none runs",
    "closes",
    _closes("POLICY", "RFC 4656 §3.4, §3.8"),
    _stays("POLICY", "RFC 4656 §3.4, §3.8"),
)
"""It accounts for exactly the sessions that run, so that nothing makes it invalid (§3.8)."""


def _at_server(question: str, choice: Choice) -> Choice:
    """Only OWAMP has a Stop-Sessions of the server."""
    answers = (STOPS_AND_CLOSES, STOPS)
    more = (Option(does, "POLICY", "RFC 4656 §3.8") for does in answers)
    return Choice(f"what a server does after a Stop-Sessions {question}", (*choice.options, *more))


WRONG_STOP_AT_SERVER = _at_server("that it considers invalid", WRONG_STOP["OWAMP"])
STRAY_STOP_AT_SERVER = _at_server("for no session, while none runs", STRAY_STOP)
STOP_IN_DISORDER = Choice(
    "whether an end takes a Stop-Sessions whose skip ranges overlap or are out of order",
    (
        Option("takes it", "POLICY", "RFC 4656 §3.8"),
        Option("considers it invalid", "POLICY", "RFC 4656 §3.8"),
    ),
)
"""§3.8 has only the sender keep an order; §3.9 says of session data what a reader does."""
TOLD_DISORDER = Choice(
    "what an end does that is told to send skip ranges out of order, which it MUST NOT",
    (
        Option("sends no Stop-Sessions", "MUST", "RFC 4656 §3.8"),
        Option("sends the skip ranges in order", "MUST", "RFC 4656 §3.8"),
    ),
)
STOP_WITH_BOTH = Choice(
    "who accounts for a session with both Conf-Sender and Conf-Receiver",
    (
        Option("has both ends account for it", "MUST", "RFC 4656 §3.8"),
        Option("has the end account for it that sends in it, the server", "MUST", "RFC 4656 §3.8"),
    ),
)
"""§3.8 says both: "send sessions started by the local side", and "i.e." something else."""
OUT_OF_TURN = {
    "OWAMP": Choice(
        "what a server does with another command than Stop-Sessions while sessions run",
        (
            Option(ANSWERS, "MUST", "RFC 4656 §3.5, §3.7, §3.9"),
            _closes("POLICY", "RFC 4656 §3.4"),
        ),
    ),
    "TWAMP": Choice(
        "what a server does with another command than Stop-Sessions while sessions run",
        (
            Option(ANSWERS, "MUST", "RFC 5357 §3.5; RFC 4656 §3.7"),
            _closes("POLICY", "RFC 4656 §3.4"),
            Option(ANSWERS_AS_UNEXPECTED, "MUST", "RFC 5357 §3.5"),
        ),
    ),
}
"""By the name of the protocol."""
UNKNOWN_COMMAND = Choice(
    "what a server of OWAMP does with a command that there is not",
    (
        _closes("POLICY", "RFC 4656 §3.4"),
        _stays("POLICY", "RFC 4656 §3.4"),
        Option(ANSWERS, "POLICY", "RFC 4656 §3.3"),
    ),
)
_LENGTH_UNKNOWN = "how many octets a server takes for a command whose number it does not know"
_TAKES_BLOCK = Option("takes one block and an HMAC", "POLICY", "RFC 5357 §3.5")
_TAKES_REQUEST = Option(READS_A_REQUEST, "POLICY", "RFC 5357 §3.5")
UNEXPECTED_COMMAND = Choice(
    _LENGTH_UNKNOWN,
    (
        _TAKES_BLOCK,
        Option(ANSWERS_FIRST_BLOCK, "POLICY", "RFC 5357 §3.5"),
        _TAKES_REQUEST,
    ),
)
UNEXPECTED_PROTECTED_COMMAND = Choice(
    _LENGTH_UNKNOWN, (_TAKES_BLOCK, _closes("POLICY", "RFC 4656 §6.10"), _TAKES_REQUEST)
)
"""In a protected mode: a message is not used before its HMAC is checked (RFC 4656 §6.10)."""
RESERVED_COMMAND = Choice(
    "whether a command is unexpected whose number is Reserved, or for Experimentation",
    (
        Option(ANSWERS, "POLICY", "RFC 5357 §3.5, §8.4"),
        _closes("POLICY", "RFC 5357 §3.5, §8.4"),
    ),
)
CLOSE_AFTER_UNKNOWN = _closing(
    "a server closes the connection after refusing a command that there is not",
    "closes",
    _closes("POLICY", "RFC 5357 §3.5"),
    _stays("POLICY", "RFC 5357 §3.5"),
)
OVER_LIMIT = Choice(
    "what a server does with a message over its limit",
    (_closes("POLICY", "RFC 4656 §6.5"), Option(WAITS, "POLICY", "RFC 4656 §6.5")),
)
OVER_LIMIT_VALUES = {f"refuses it with Accept {value}": value for value in (4, 1, 5, 3)}
REQUEST_OVER_LIMIT = Choice(
    "what a server does with a request over its limit",
    (
        *OVER_LIMIT.options,
        *(Option(does, "POLICY", "RFC 4656 §3.5, §6.5") for does in OVER_LIMIT_VALUES),
    ),
)
REFUSING_START_TIME = Choice(
    "which Start-Time a Server-Start has that refuses",
    (
        Option("sends zeros", "SHOULD", "RFC 4656 §3.1"),
        Option("sends its Start-Time", "POLICY", "RFC 4656 §3.1"),
    ),
)
REFUSING_SERVER_IV = Choice(
    "whether a Server-Start that refuses has a Server-IV in a protected mode",
    (
        Option("draws a Server-IV", "MUST", "RFC 4656 §3.1"),
        Option("fills Server-IV as an unused field", "POLICY", "RFC 4656 §3.1"),
    ),
)
"""§3.1 has Server-IV generated randomly, and unused only in the unauthenticated mode. After a
refusal nothing is encrypted with it."""
CLOSE_AFTER_REFUSED_SET_UP = _closing(
    "a server closes the connection after a Server-Start that refuses",
    "closes",
    _closes("MAY", "RFC 4656 §3.1"),
    _stays("MAY", "RFC 4656 §3.1"),
)
CLOSE_WHEN_REFUSED_SET_UP = _closing(
    "a client closes the connection after a Server-Start that refuses",
    "closes",
    _closes("SHOULD", "RFC 4656 §3.1"),
    _stays("POLICY", "RFC 4656 §3.1"),
)

# What a client may do. An option is known by its words.

DECLINES_AND_CLOSES = "answers with Mode 0 and closes the connection"
DECLINES = "answers with Mode 0 and leaves the connection open"
GOES_ON = "goes on"
LEAVES_SESSION = "does not take the session, and leaves the connection open"


def _greeting(question: str, *others: Option, closes: Option) -> Choice:
    """Closing, saying so with Mode 0 (RFC 4656 §3.1 has both ends close then), and `others`."""
    declines = Option(DECLINES_AND_CLOSES, closes.requirement, closes.source)
    return Choice(
        question, (closes, declines, Option(DECLINES, "POLICY", "RFC 4656 §3.1"), *others)
    )


def _count(question: str, *others: Option, closes: Option) -> Choice:
    return _greeting(f"what a client does when Count is {question}", *others, closes=closes)


_LARGE = "over its maximum"
_COMPUTES = Option(GOES_ON, "POLICY", "RFC 4656 §3.1")
_SHOULD_CLOSE = _closes("SHOULD", "RFC 5357 §6")
_MAY_CLOSE = _closes("POLICY", "RFC 4656 §3.1")

NO_SERVICE = _greeting(
    "what a client does when Modes is 0",
    _stays("POLICY", "RFC 4656 §3.1"),
    closes=_closes("SHOULD", "RFC 4656 §3.1"),
)
MODE_NOT_OFFERED = _greeting(
    "what a client does when its mode is not offered", closes=_closes("MAY", "RFC 4656 §3.1")
)
COUNT_NOT_ALLOWED = _count("no power of 2 or below 1024", closes=_MAY_CLOSE)
COUNT_TOO_LARGE = {
    "OWAMP": _count(_LARGE, _COMPUTES, closes=_MAY_CLOSE),
    "TWAMP": _count(_LARGE, _COMPUTES, closes=_SHOULD_CLOSE),
}
"""By the name of the protocol: RFC 4656 has no maximum."""
COUNT_FAR_TOO_LARGE = {
    "OWAMP": _count("far over its maximum", closes=_MAY_CLOSE),
    "TWAMP": _count("far over its maximum", closes=_SHOULD_CLOSE),
}
"""As `COUNT_TOO_LARGE`, when computing would take minutes, or when Count is not allowed either."""
UNUSED_COUNT = Choice(
    "whether a client looks at Count in the unauthenticated mode, where no key is made with it",
    (_COMPUTES, _MAY_CLOSE),
)
UNUSED_COUNT_TOO_LARGE = Choice(
    "whether a client looks for its maximum of Count in the unauthenticated mode too",
    (_SHOULD_CLOSE, _COMPUTES),
)
"""TWAMP: RFC 5357 §6 speaks of no mode."""
EQUAL_IVS = Choice(
    "whether a client takes its own IV as Server-IV",
    (Option(GOES_ON, "POLICY", "RFC 4656 §3.1"), _closes("POLICY", "RFC 4656 §3.1")),
)
CLOSE_WHEN_REQUEST_REFUSED = _closing(
    "a client closes the connection after an Accept-Session that refuses",
    "stays",
    _closes("MAY", "RFC 4656 §3.5"),
    _stays("MAY", "RFC 4656 §3.5"),
)
CLOSE_WHEN_START_REFUSED = _closing(
    "a client closes the connection after a Start-Ack that refuses",
    "closes",
    _closes("SHOULD", "RFC 4656 §3.7"),
    _stays("POLICY", "RFC 4656 §3.7"),
)
CLOSE_WHEN_FETCH_REFUSED = _closing(
    "a client closes the connection after a Fetch-Ack that refuses",
    "stays",
    _closes("POLICY", "RFC 4656 §3.9"),
    _stays("POLICY", "RFC 4656 §3.9"),
)
CLOSE_WHEN_NOT_ASKED = _closing(
    "a client closes the connection after a message that it did not ask for",
    "closes",
    _closes("POLICY", "RFC 4656 §3"),
    _stays("POLICY", "RFC 4656 §3"),
)
ALTERNATE_PORT = Choice(
    "whether a client takes another port than it asked for",
    (
        Option(GOES_ON, "MUST", "RFC 5357 §3.5"),
        Option(LEAVES_SESSION, "MUST", "RFC 5357 §3.5"),
        _closes("POLICY", "RFC 5357 §3.5"),
    ),
)
"""§3.5: it "either accepts the alternate port, or composes a new Session-Request message"."""
PORT_ZERO = Choice(
    "whether a client takes port 0",
    (
        Option(GOES_ON, "POLICY", "RFC 4656 §3.5"),
        Option(LEAVES_SESSION, "POLICY", "RFC 4656 §3.5"),
        _closes("POLICY", "RFC 4656 §3.5"),
    ),
)
UNFINISHED_WITH_NUMBERS = Choice(
    "whether a client takes a Fetch-Ack with Finished 0 and a number that is then to be 0",
    (Option(GOES_ON, "POLICY", "RFC 4656 §3.9"), _closes("POLICY", "RFC 4656 §3.9")),
)
"""§3.9 binds the server, which MUST set Next Seqno and Skip Ranges to 0 then."""
CLOSE_WHEN_DATA_INVALID = _closing(
    "a client closes the connection after skip ranges that overlap or are out of order",
    "closes",
    _closes("SHOULD", "RFC 4656 §3.9"),
    _stays("POLICY", "RFC 4656 §3.9"),
)
REQUEST_NOT_ALLOWED = Choice(
    "what a client does that is told to send a request with a value that it MUST NOT send",
    (
        Option("does not send it", "MUST", "RFC 4656 §3.5; RFC 5357 §3.5"),
        Option(
            "sends the request with the value that is allowed",
            "MUST",
            "RFC 4656 §3.5; RFC 5357 §3.5",
        ),
    ),
)
LIMIT_OF_CLIENT = Choice(
    "whether a client ends the connection at its limit of octets between two HMACs",
    (_closes("POLICY", "RFC 4656 §6.5"), Option(GOES_ON, "POLICY", "RFC 4656 §6.5")),
)
STOP_ANNOUNCED_WRONG = Choice(
    "whether a client waits for the rest of a Stop-Sessions whose Number of Sessions is wrong",
    (
        Option("waits for the records", "POLICY", "RFC 4656 §3.8"),
        _closes("SHOULD", "RFC 4656 §3.8"),
    ),
)

# What a server shows of a session whose results are fetched.

FETCHED_SID = Choice(
    "which SID the reproduced request has in the data of a session whose SID the server made",
    (
        Option("shows the SID of the session", "POLICY", "RFC 4656 §3.9"),
        Option("shows the SID of the request, which is 0", "POLICY", "RFC 4656 §3.9"),
    ),
)
"""§3.9 has only the ports modified in "a reproduction of the Request-Session command"."""
FETCH_AFTER_EARLY_STOP = Choice(
    "whether a session that was stopped early with Accept 0 has terminated normally",
    (
        Option("sends the data", "POLICY", "RFC 4656 §3.8"),
        Option("denies them with Accept 1", "POLICY", "RFC 4656 §3.9"),
    ),
)
"""§3.8: "normal (but possibly premature) completion"; §3.9: "any way other than normally"."""

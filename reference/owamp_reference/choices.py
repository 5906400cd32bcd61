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


@dataclass(frozen=True)
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


def _closes(requirement: Requirement, source: str) -> Option:
    return Option("closes the connection", requirement, source)


def _stays(requirement: Requirement, source: str) -> Option:
    return Option("leaves the connection open", requirement, source)


REFUSAL_VALUE = Choice(
    "which value other than 0 Accept has in a refusal",
    (
        Option("sends the Accept value of the cause", "SHOULD", "RFC 4656 §3.3"),
        Option("sends Accept 1 for every refusal", "MAY", "RFC 4656 §3.3"),
    ),
)
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

CLOSES = "closes the connection"
DECLINES_AND_CLOSES = "answers with Mode 0 and closes the connection"
DECLINES = "answers with Mode 0 and leaves the connection open"
GOES_ON = "goes on"


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
"""As `COUNT_TOO_LARGE`, when computing would take minutes."""
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
    (Option(GOES_ON, "MAY", "RFC 5357 §3.5"), _closes("POLICY", "RFC 5357 §3.5")),
)
PORT_ZERO = Choice(
    "whether a client takes port 0",
    (Option(GOES_ON, "POLICY", "RFC 4656 §3.5"), _closes("POLICY", "RFC 4656 §3.5")),
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
        Option("does not send it", "POLICY", "RFC 4656 §3.5"),
        Option("sends the request with the value that is allowed", "POLICY", "RFC 4656 §3.5"),
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

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

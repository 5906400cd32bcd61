"""The one error type of the reference."""

from __future__ import annotations

from enum import StrEnum


class Stage(StrEnum):
    """At which step something is refused."""

    INPUT = "input"
    """A value that is handed in has the wrong size, or is out of range."""
    LAYOUT = "layout"
    """Octets that are received are no such message, record or packet."""
    TEXT = "text"
    """A passphrase or a KeyID as text."""
    NEGOTIATION = "negotiation"
    """Modes, or Mode."""
    COUNT = "Count"
    KEY_ID = "KeyID"
    CHALLENGE = "Challenge"
    HMAC = "HMAC"
    POLICY = "policy"
    """A limit that is configured, a request that is not granted, or what is allowed and weak."""
    STATE = "state"
    """A message out of turn, or one that does not account for the sessions."""


class ProtocolError(ValueError):
    """Octets, a parameter or a protocol step that the RFCs do not allow.

    Attributes:
        field: the name of the field as the RFC writes it (``"Count"``, ``"HMAC"``).
        expected: what the RFC asks for, in words.
        found: what was there; a size or a public value, never a secret.
        stage: the step at which it is refused.
    """

    def __init__(self, field: str, expected: str, found: str, stage: Stage = Stage.INPUT) -> None:
        super().__init__(f"{field}: expected {expected}, found {found}")
        self.field = field
        self.stage = stage
        self.expected = expected
        self.found = found


def check_size(field: str, octets: bytes, size: int, stage: Stage = Stage.INPUT) -> None:
    """Raise `ProtocolError` unless `octets` has exactly `size` octets."""
    if len(octets) != size:
        raise ProtocolError(field, f"{size} octets", f"{len(octets)} octets", stage)


def check_range(field: str, value: int, low: int, high: int) -> None:
    """Raise `ProtocolError` unless ``low <= value <= high``."""
    if not low <= value <= high:
        raise ProtocolError(field, f"a value from {low} to {high}", str(value))

"""The one error type of the reference."""

from __future__ import annotations


class ProtocolError(ValueError):
    """Octets, a parameter or a protocol step that the RFCs do not allow.

    Attributes:
        field: the name of the field as the RFC writes it (``"Count"``, ``"HMAC"``).
        expected: what the RFC asks for, in words.
        found: what was there; a size or a public value, never a secret.
    """

    def __init__(self, field: str, expected: str, found: str) -> None:
        super().__init__(f"{field}: expected {expected}, found {found}")
        self.field = field
        self.expected = expected
        self.found = found


def check_size(field: str, octets: bytes, size: int) -> None:
    """Raise `ProtocolError` unless `octets` has exactly `size` octets."""
    if len(octets) != size:
        raise ProtocolError(field, f"{size} octets", f"{len(octets)} octets")


def check_range(field: str, value: int, low: int, high: int) -> None:
    """Raise `ProtocolError` unless ``low <= value <= high``."""
    if not low <= value <= high:
        raise ProtocolError(field, f"a value from {low} to {high}", str(value))

"""Fixed layouts: a message as a table of fields, big-endian, as the RFCs draw them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from .errors import ProtocolError, Stage, check_range, check_size


@dataclass(frozen=True)
class Field:
    """One field of a layout.

    Attributes:
        name: the attribute that holds it; empty for MBZ and unused fields.
        label: its name in the RFC.
        size: octets.
        is_integer: an unsigned integer, else an octet string.
        constant: the only value that a parser accepts, such as a command number.
        mask: the bits of an integer that belong to the field; the others are MBZ.
    """

    name: str
    label: str
    size: int
    is_integer: bool = False
    constant: int | None = None
    mask: int | None = None


def uint(name: str, label: str, size: int, mask: int | None = None) -> Field:
    """An unsigned integer of `size` octets."""
    return Field(name, label, size, is_integer=True, mask=mask)


def octets(name: str, label: str, size: int) -> Field:
    """An octet string of `size` octets."""
    return Field(name, label, size)


def mbz(size: int, label: str = "MBZ") -> Field:
    """`size` octets that are sent as zero and ignored on receipt (RFC 4656 §3.1)."""
    return Field("", label, size)


def constant(label: str, size: int, value: int) -> Field:
    """An integer that identifies the message, such as the command number."""
    return Field("", label, size, is_integer=True, constant=value)


@dataclass(frozen=True)
class Layout:
    """The fields of one message, in order."""

    title: str
    fields: tuple[Field, ...]

    @cached_property
    def size(self) -> int:
        """Octets of the whole layout."""
        return sum(field.size for field in self.fields)

    def offsets(self) -> Iterator[tuple[int, Field]]:
        """Each field with its offset in octets."""
        offset = 0
        for field in self.fields:
            yield offset, field
            offset += field.size

    def pack(self, values: Mapping[str, Any]) -> bytes:
        """The octets of the layout; MBZ fields zero.

        Raises:
            ProtocolError: a value that does not fit its field.
        """
        packed = []
        for field in self.fields:
            if field.constant is not None:
                packed.append(field.constant.to_bytes(field.size, "big"))
            elif not field.name:
                packed.append(bytes(field.size))
            elif field.is_integer:
                check_range(field.label, values[field.name], 0, field.mask or 256**field.size - 1)
                packed.append(values[field.name].to_bytes(field.size, "big"))
            else:
                check_size(field.label, values[field.name], field.size)
                packed.append(values[field.name])
        return b"".join(packed)

    def unpack(self, data: bytes) -> dict[str, Any]:
        """The named fields of exactly `size` octets; MBZ fields are not looked at.

        Raises:
            ProtocolError: another size, or a constant that differs.
        """
        check_size(self.title, data, self.size, Stage.LAYOUT)
        values: dict[str, Any] = {}
        for offset, field in self.offsets():
            chunk = data[offset : offset + field.size]
            number = int.from_bytes(chunk, "big")
            if field.constant is not None and number != field.constant:
                raise ProtocolError(field.label, str(field.constant), str(number), Stage.LAYOUT)
            if field.name:
                masked = number if field.mask is None else number & field.mask
                values[field.name] = masked if field.is_integer else chunk
        return values

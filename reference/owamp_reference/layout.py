"""Fixed layouts, big-endian, as the RFCs draw them: tables of fields, and records, whose classes
declare each field once.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, ClassVar, TypeVar, dataclass_transform

from .errors import ProtocolError, Stage, check_range, check_size


@dataclass(frozen=True)
class LayoutField:
    """One field of a layout.

    Attributes:
        label: its name in the RFC.
        size: octets.
        name: the attribute that holds it; empty for MBZ and unused fields.
        is_integer: an unsigned integer, else an octet string.
        constant: the only value that a parser accepts, such as a command number.
        mask: the bits of an integer that belong to the field; the others are MBZ.
        counts: the attribute whose number of items it is.
        default: its value in a record that is not given another.
    """

    label: str
    size: int
    name: str = ""
    is_integer: bool = False
    constant: int | None = None
    mask: int | None = None
    counts: str = ""
    default: int | bytes | None = None


def uint(
    label: str, size: int, *, name: str = "", mask: int | None = None, default: int | None = None
) -> Any:
    """An unsigned integer of `size` octets; in a record, its name is the attribute's."""
    return LayoutField(label, size, name, is_integer=True, mask=mask, default=default)


def octets(label: str, size: int, *, name: str = "", default: bytes | None = None) -> Any:
    """An octet string of `size` octets; in a record, its name is the attribute's."""
    return LayoutField(label, size, name, default=default)


def mbz(size: int, label: str = "MBZ") -> LayoutField:
    """`size` octets that are sent as zero and ignored on receipt (RFC 4656 §3.1)."""
    return LayoutField(label, size)


def constant(label: str, size: int, value: int) -> LayoutField:
    """An integer that identifies the message, such as the command number."""
    return LayoutField(label, size, is_integer=True, constant=value)


def number_of(counts: str, label: str, size: int) -> LayoutField:
    """How many items the attribute `counts` of a record has: an unsigned integer."""
    return LayoutField(label, size, is_integer=True, counts=counts)


@dataclass(frozen=True)
class Layout:
    """The fields of one message, in order."""

    title: str
    fields: tuple[LayoutField, ...]

    @cached_property
    def size(self) -> int:
        """Octets of the whole layout."""
        return sum(field.size for field in self.fields)

    def offsets(self) -> Iterator[tuple[int, LayoutField]]:
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


@dataclass_transform(frozen_default=True, field_specifiers=(uint, octets))
class Record:
    """A frozen dataclass with a layout.

    A subclass declares its fields in the order of the RFC's figure: those that it holds with their
    type, as ``port: int = uint("Port", 2)``, and those of the figure alone without, by `mbz`,
    `constant` or `number_of`. Attributes that are not in the layout follow.
    """

    LAYOUT: ClassVar[Layout]

    def __init_subclass__(cls, *, title: str = "", kw_only: bool = False) -> None:
        super().__init_subclass__()
        fields = []
        for name, field in list(vars(cls).items()):
            if not isinstance(field, LayoutField):
                continue
            is_held = name in cls.__annotations__
            fields.append(replace(field, name=name) if is_held or field.counts else field)
            if is_held and field.default is not None:
                setattr(cls, name, field.default)
            else:
                delattr(cls, name)
        if title:
            cls.LAYOUT = Layout(title, tuple(fields))
        dataclass(frozen=True, kw_only=kw_only)(cls)

    def pack(self) -> bytes:
        """The octets of the layout. Raises `ProtocolError` for a value that does not fit."""
        counts = {
            field.name: len(getattr(self, field.counts))
            for field in self.LAYOUT.fields
            if field.counts
        }
        return self.LAYOUT.pack({**vars(self), **counts})


R = TypeVar("R", bound=Record)


def pack_records(records: Iterable[Record]) -> bytes:
    """The octets of records, one after the other."""
    return b"".join(record.pack() for record in records)


def unpack_records(kind: type[R], data: bytes) -> tuple[R, ...]:
    """The records of one kind in `data`, one after the other.

    Raises:
        ProtocolError: octets are left over.
    """
    size = kind.LAYOUT.size
    chunks = (data[start : start + size] for start in range(0, len(data), size))
    return tuple(kind(**kind.LAYOUT.unpack(chunk)) for chunk in chunks)

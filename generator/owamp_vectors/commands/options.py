"""The options that several commands have, in one place each."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

CommandT = TypeVar("CommandT", bound=Callable[..., Any])


def directory(name: str, what: str, default: str | None = None) -> Callable[[CommandT], CommandT]:
    """The option ``--name DIR`` for the directory of `what`; its default is its own name."""
    return click.option(
        f"--{name}",
        default=None if default else name,
        show_default=default is None,
        metavar="DIR",
        type=click.Path(path_type=Path, file_okay=False),
        help=f"Directory of {what}." + (f"  [default: {default}]" if default else ""),
    )


def output_option(help_text: str, default: str | None = None) -> Callable[[CommandT], CommandT]:
    """The option ``-o``, ``--output DIR``."""
    return click.option(
        "-o",
        "--output",
        default=default,
        show_default=default is not None,
        metavar="DIR",
        type=click.Path(path_type=Path, file_okay=False),
        help=help_text,
    )


def file_option(name: str, destination: str, text: str) -> Callable[[CommandT], CommandT]:
    """An option that names a file."""
    return click.option(
        name,
        destination,
        metavar="FILE",
        type=click.Path(path_type=Path),
        help=text,
    )


def seconds_option(name: str, default: float, text: str) -> Callable[[CommandT], CommandT]:
    """An option that takes a number of seconds above 0."""
    return click.option(
        name,
        default=default,
        show_default=True,
        type=click.FloatRange(min=0, min_open=True),
        metavar="S",
        help=f"Seconds {text}.",
    )


class Hex(click.ParamType[bytes]):
    """So many octets, in hex."""

    name = "hex"

    def __init__(self, size: int) -> None:
        self.size = size

    def convert(self, value: Any, param: Any, ctx: Any) -> bytes:
        """The octets; fails with one line."""
        try:
            octets = bytes.fromhex(value.removeprefix("0x"))
        except ValueError:
            octets = b""
        if len(octets) != self.size:
            self.fail(f"expected {self.size} octets in hex, found {value!r}", param, ctx)
        return octets


class PortRange(click.ParamType[range]):
    """Ports from the first to the last."""

    name = "ports"

    def convert(self, value: Any, param: Any, ctx: Any) -> range:
        """The ports; fails with one line."""
        match = re.fullmatch(r"(\d{1,5})-(\d{1,5})", value)
        low, high = (int(match[1]), int(match[2])) if match else (0, 0)
        if not 1 <= low <= high <= 65535:
            self.fail(f"expected LOW-HIGH, from 1 to 65535, found {value!r}", param, ctx)
        return range(low, high + 1)


models_option = directory("models", "claims.toml and the models")
proofs_option = directory("proofs", "the recorded proofs", "proofs/ in the models' directory")
vectors_option = directory("vectors", "the vector files")

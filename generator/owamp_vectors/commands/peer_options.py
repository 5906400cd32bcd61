"""What ``serve`` and ``probe`` have in common."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click
from owamp_reference.negotiation import Mode, Protocol

from .console import NO_PEER, file_option

_Command = TypeVar("_Command", bound=Callable[..., Any])


MODE_NAMES = [mode.name.lower() for mode in Mode if mode.name]


class NoPeer(click.ClickException):
    """The peer cannot be reached, or the address not be listened on."""

    exit_code = NO_PEER


def protocol_option(command: _Command) -> _Command:
    """The option ``--protocol``."""
    return click.option(
        "--protocol",
        default="twamp",
        show_default=True,
        type=click.Choice([protocol.name.lower() for protocol in Protocol]),
        help="What the peer is to speak.",
    )(command)


def capture_option(command: _Command) -> _Command:
    """The option ``--write-pcap``."""
    return file_option("--write-pcap", "write_pcap", "Write all that passes as a capture (pcap).")(
        command
    )


def seconds_option(name: str, default: float, text: str) -> Callable[[_Command], _Command]:
    """An option that takes a number of seconds above 0."""
    return click.option(
        name,
        default=default,
        show_default=True,
        type=click.FloatRange(min=0, min_open=True),
        metavar="S",
        help=f"Seconds {text}.",
    )

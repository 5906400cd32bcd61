"""The options that several commands have, in one place each."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Callable
from contextlib import redirect_stdout
from functools import partial
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from ..disk import STDOUT
from .console import QUIET

CommandT = TypeVar("CommandT", bound=Callable[..., Any])


PACKAGE = Path(str(resources.files("owamp_vectors")))
_MARKS = {"vectors": "schema", "models": "claims.toml"}


def data_directory(name: str) -> Path:
    """The directory ``vectors`` or ``models``: the one here, else the one that came with the code.

    The second is data of the installed package, or lies in the checkout that the code runs from.
    """
    candidates = (Path(name), PACKAGE / "data" / name, PACKAGE.parents[1] / name)
    return next((path for path in candidates if (path / _MARKS[name]).exists()), Path(name))


def is_installed(path: Path) -> bool:
    """Whether a path is data of the installed package, where nothing is to be written."""
    return path.resolve().is_relative_to((PACKAGE / "data").resolve())


def data_option(name: str, what: str) -> Callable[[CommandT], CommandT]:
    """The option ``--name DIR`` for the directory of `what`, with `data_directory` as default."""
    return click.option(
        f"--{name}",
        default=partial(data_directory, name),
        metavar="DIR",
        type=click.Path(path_type=Path, file_okay=False),
        help=f"Directory of {what}.  [default: {name}/ here, or else that of the package]",
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


def limit_option(name: str, default: int, text: str) -> Callable[[CommandT], CommandT]:
    """An option that limits a number."""
    return click.option(
        name,
        default=default,
        show_default=True,
        type=click.IntRange(1, 2**31 - 1),
        help=f"Limit {text}.",
    )


_MOST_SECONDS = 1_000_000


class _Seconds(click.FloatRange):
    """A range without NaN, which is in every range of click."""

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """The number."""
        number: float = super().convert(value, param, ctx)
        if math.isnan(number):
            self.fail(f"expected a number of seconds, found {value!r}", param, ctx)
        return number


def seconds_option(name: str, default: float, text: str) -> Callable[[CommandT], CommandT]:
    """An option that takes a number of seconds above 0."""
    return click.option(
        name,
        default=default,
        show_default=True,
        type=_Seconds(min=0, max=_MOST_SECONDS, min_open=True),
        metavar="S",
        help=f"Seconds {text}.",
    )


if TYPE_CHECKING:
    _Octets = click.ParamType[bytes]
    _Ports = click.ParamType[range]
    TextType = click.ParamType[str]
else:  # no class with parameters before click 8.4
    _Octets = _Ports = TextType = click.ParamType


class Hex(_Octets):
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


class PortRange(_Ports):
    """Ports from the first to the last."""

    name = "ports"

    def convert(self, value: Any, param: Any, ctx: Any) -> range:
        """The ports; fails with one line."""
        match = re.fullmatch(r"(\d{1,5})-(\d{1,5})", value)
        low, high = (int(match[1]), int(match[2])) if match else (0, 0)
        if not 1 <= low <= high <= 65535:
            self.fail(f"expected LOW-HIGH, from 1 to 65535, found {value!r}", param, ctx)
        return range(low, high + 1)


models_option = data_option("models", "claims.toml and the models")
vectors_option = data_option("vectors", "the vector files")
proofs_option = click.option(
    "--proofs",
    metavar="DIR",
    type=click.Path(path_type=Path, file_okay=False),
    help="Directory of the recorded proofs.  [default: proofs/ in the models' directory]",
)


def _silence(context: click.Context, is_quiet: bool) -> None:
    if is_quiet and not context.meta.get(QUIET):
        context.meta[QUIET] = True
        nowhere = context.with_resource(open(os.devnull, "w"))  # noqa: PTH123, SIM115
        context.with_resource(redirect_stdout(nowhere))


def _on_quiet(context: click.Context, _: click.Parameter, value: bool) -> None:
    _silence(context, value)


def _on_json(context: click.Context, _: click.Parameter, value: Path | None) -> Path | None:
    _silence(context, value == STDOUT)
    return value


quiet_option = click.option(
    "-q",
    "--quiet",
    is_flag=True,
    expose_value=False,
    callback=_on_quiet,
    help="Print only what is wrong.",
)
json_option = click.option(
    "--json",
    "json_path",
    metavar="FILE",
    type=click.Path(path_type=Path),
    callback=_on_json,
    help="Also write the result as JSON. With -, write JSON instead of text to standard output.",
)


def reporting(function: CommandT) -> CommandT:
    """The options ``--json`` and ``--quiet`` of a command that reports on something."""
    return json_option(quiet_option(function))

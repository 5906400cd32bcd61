"""What the commands about claims share: which claims, the prover, exit codes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from ..claims.declared import Claim, Claims, select
from ..claims.prover.finding import NoProverError, find_prover
from ..claims.prover.others import SECONDS
from ..claims.prover.running import MEMORY, TIMEOUT, Runner
from .console import NO_PROVER
from .named import ClaimId, ModelName
from .options import CommandT, is_installed, models_option, proofs_option, vectors_option


class NoProver(click.ClickException):
    """There is no tamarin-prover, or none that works."""

    exit_code = NO_PROVER


@contextmanager
def running_prover(path: str | None) -> Iterator[Runner]:
    """A prover; whatever it still runs is ended at the end."""
    try:
        runner = Runner(find_prover(path))
    except NoProverError as error:
        raise NoProver(str(error)) from None
    try:
        yield runner
    finally:
        runner.stop()


def directories(function: CommandT) -> CommandT:
    """The options that say where models, proofs and vectors are."""
    return models_option(proofs_option(vectors_option(function)))


def check_writable(proofs: Path) -> Path:
    """The directory of proofs, to be written. Raises `click.UsageError` for the package's own."""
    if is_installed(proofs):
        raise click.UsageError("expected --proofs DIR, found none; the package's are not changed")
    return proofs


def selection(function: CommandT) -> CommandT:
    """The options that choose claims, and those about the prover."""
    kinds = (("claim", ClaimId()), ("lemma", click.STRING), ("model", ModelName()))
    for name, kind in kinds:
        function = click.option(
            f"--{name}",
            f"{name}s_named",
            multiple=True,
            metavar=name.upper(),
            type=kind,
            help=f"Only this {name}; can be repeated.",
        )(function)
    return function


def prover_options(function: CommandT) -> CommandT:
    """The options about the prover and its limits."""
    usual = f"[default: {TIMEOUT} for Tamarin, {SECONDS} for another prover]"
    for option in (
        click.option(
            "--jobs",
            default=1,
            show_default=True,
            type=click.IntRange(min=1),
            metavar="N",
            help="Number of provers that run at the same time.",
        ),
        click.option("--tamarin", metavar="PATH", help="Path of the prover, if it is not on PATH."),
        click.option(
            "--memory",
            default=MEMORY,
            show_default=True,
            type=click.IntRange(min=1),
            metavar="GIB",
            help="Memory limit of a run.",
        ),
        click.option(
            "--timeout",
            type=click.IntRange(min=1),
            metavar="S",
            help=f"Time limit of a run in seconds.  {usual}",
        ),
    ):
        function = option(function)
    return function


def choose(
    claims: Claims, models: tuple[str, ...], lemmas: tuple[str, ...], ids: tuple[str, ...]
) -> list[Claim]:
    """The claims that the options choose. Raises `click.UsageError` if there are none."""
    try:
        return select(claims, models, lemmas, ids)
    except LookupError as error:
        raise click.UsageError(str(error.args[0])) from None

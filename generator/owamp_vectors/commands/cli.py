"""The command ``owamp-vectors``: its subcommands by name, each imported when it is asked for."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from importlib import import_module
from typing import Any

import click
from owamp_reference import __version__

from ..words import unknown
from .console import EXIT_CODES, UnreadOutput, exit_code, open_standard_streams

GROUPS: Mapping[str, Mapping[str, str]] = {
    "Vectors": {
        "list": "List the vector files, or the named mistakes.",
        "show": "Show one case step by step.",
        "verify": "Compute every value of vector files again.",
        "generate": "Make the vector files and their schemas.",
        "render": "Write the vectors in other formats than JSON.",
    },
    "Implementations": {
        "conform": "Give every case to a program, and judge its answers.",
        "probe": "Run a session with a real server.",
        "serve": "Run the reference's server for real clients.",
        "charon": "Check the keys in a log of strongSwan's daemon.",
    },
    "Models": {
        "claims": "Show the claims about the models, with verdicts.",
        "trace": "Show the recorded trace of a claim as a chart.",
        "replay": "Replay recorded traces as octets.",
        "chain": "Follow a value from vector to code and model.",
        "conform-model": "Check that the models describe the reference.",
        "prove": "Run the provers on what the claims say.",
    },
    "Documents": {
        "report": "Write claims, attacks and vectors as web pages.",
        "draft": "Write them as an Internet-Draft.",
    },
}
"""The subcommands, each with its line in the help; its module bears its name."""
COMMANDS = [name for group in GROUPS.values() for name in group]


@contextmanager
def _unread() -> Iterator[None]:
    """Say that the output is closed; click would make of it the exit code of a difference."""
    try:
        yield
    except BrokenPipeError as error:
        raise UnreadOutput(str(error)) from None


class _LazyGroup(click.Group):
    """A group that imports the module of a subcommand only to run it or to tell its own help."""

    def main(self, *args: Any, standalone_mode: bool = True, **extra: Any) -> Any:
        """Run the command of the arguments; `standalone_mode` ends the process with its code."""
        run = partial(super().main, *args, standalone_mode=False, **extra)
        if not standalone_mode:
            return run()
        open_standard_streams()
        sys.exit(exit_code(run))

    def make_context(self, *args: Any, **extra: Any) -> click.Context:
        """Read the arguments, and print the help or the version if they ask for it."""
        with _unread():
            return super().make_context(*args, **extra)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the subcommand."""
        with _unread():
            return super().invoke(ctx)

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names, in the order of the help."""
        del ctx
        return COMMANDS

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The subcommand of the arguments; fails with the nearest names."""
        if args[0] not in COMMANDS and not args[0].startswith("-") and not ctx.resilient_parsing:
            raise click.UsageError(unknown("command", args[0], COMMANDS), ctx)
        return super().resolve_command(ctx, args)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The subcommand of a name."""
        del ctx
        if cmd_name not in COMMANDS:
            return None
        module = import_module(f".{cmd_name.replace('-', '_')}", __package__)
        found = (item for item in vars(module).values() if isinstance(item, click.Command))
        return next(item for item in found if item.name == cmd_name)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The names and their lines by group, without importing a command."""
        del ctx
        width = max(map(len, COMMANDS))
        for title, group in GROUPS.items():
            with formatter.section(title):
                formatter.write_dl([(f"{name:{width}}", line) for name, line in group.items()])


@click.group(
    cls=_LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog=EXIT_CODES,
)
@click.version_option(__version__, prog_name="owamp-vectors")
@click.pass_context
def main(context: click.Context) -> None:
    """Test vectors for the security of OWAMP and TWAMP, and of their binding to IKEv2.

    \b
    Examples:
      owamp-vectors show token 1
      owamp-vectors conform -- ./my-program
      owamp-vectors probe 192.0.2.1
      owamp-vectors trace token-forgery

    \b
    Completion of names; for zsh or fish, write zsh or fish in place of bash:
      eval "$(_OWAMP_VECTORS_COMPLETE=bash_source owamp-vectors)"
    """
    if os.environ.get("NO_COLOR"):
        context.color = False

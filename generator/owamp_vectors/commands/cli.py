"""The command ``owamp-vectors``: its subcommands by name, each imported when it is asked for."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from functools import partial
from importlib import import_module
from typing import Any

import click
from owamp_reference import __version__

from .console import EXIT_CODES, UnreadOutput, exit_code

COMMANDS: Mapping[str, str] = {
    "chain": "Trace a value from the vectors to code and model.",
    "charon": "Compute anew the keys in a log of strongSwan's daemon.",
    "claims": "Show what is claimed of the models, with verdicts.",
    "conform": "Put every case to an implementation.",
    "conform-model": "Check that the models describe the reference.",
    "draft": "Make an Internet-Draft of claims, attacks and vectors.",
    "generate": "Make the vector files and their schemas.",
    "list": "List the vector files, or the named mistakes.",
    "probe": "Take a real server through a session.",
    "prove": "Run tamarin-prover on the lemmas of the claims.",
    "render": "Render the vectors as C, Python or text.",
    "replay": "Replay recorded traces of the models as octets.",
    "report": "Write claims, attacks and vectors as web pages.",
    "serve": "Run the reference's server for real clients.",
    "show": "Lay out one case for a human, step by step.",
    "trace": "Show the recorded trace of a claim as a chart.",
    "verify": "Recompute every value of vector files.",
}
"""The subcommands, each with its line in the help; its module bears its name."""


class _LazyGroup(click.Group):
    """A group that imports the module of a subcommand only to run it or to tell its own help."""

    def main(self, *args: Any, standalone_mode: bool = True, **extra: Any) -> Any:
        """Run the command of the arguments; `standalone_mode` ends the process with its code."""
        run = partial(super().main, *args, standalone_mode=False, **extra)
        if not standalone_mode:
            return run()
        sys.exit(exit_code(run))

    def invoke(self, ctx: click.Context) -> Any:
        """Run the subcommand; click would make of a closed output the exit code of a difference."""
        try:
            return super().invoke(ctx)
        except BrokenPipeError as error:
            raise UnreadOutput(str(error)) from None

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names, in the order of the help."""
        del ctx
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The subcommand of a name."""
        del ctx
        if cmd_name not in COMMANDS:
            return None
        module = import_module(f".{cmd_name.replace('-', '_')}", __package__)
        found = (item for item in vars(module).values() if isinstance(item, click.Command))
        return next(item for item in found if item.name == cmd_name)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The names and their lines, without importing a command."""
        del ctx
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.group(
    cls=_LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog=EXIT_CODES,
)
@click.version_option(__version__, prog_name="owamp-vectors")
def main() -> None:
    """Test vectors for the security of OWAMP and TWAMP, and of their binding to IKEv2.

    \b
    Examples:
      owamp-vectors generate                 all files, to vectors/
      owamp-vectors generate token binding   two of them
      owamp-vectors verify vectors/          recompute every value
      owamp-vectors show token 1             one case, step by step
      owamp-vectors list --flags             what the cases are aimed at
      owamp-vectors conform -- COMMAND       put every case to a program
      owamp-vectors render c                 the vectors as C, Python or an RFC's text
      owamp-vectors probe HOST               take a real server through a session
      owamp-vectors charon LOG               strongSwan's keys, computed anew
      owamp-vectors claims                   what is proved of the models
      owamp-vectors conform-model            whether they describe the reference
      owamp-vectors replay                   recorded attacks and runs, as octets
      owamp-vectors draft                    all of it as an Internet-Draft
      owamp-vectors report                   all of it as pages for a browser
    """

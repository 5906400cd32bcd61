"""``python -m owamp_vectors``: the command."""

from .commands.cli import main

main(prog_name="owamp-vectors")

"""The command ``owamp-vectors``: one module a command."""

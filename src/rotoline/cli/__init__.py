"""The command line: a thin shell over the package. One module per command."""

from rotoline.cli.app import app, main

__all__ = ["app", "main"]

"""The command line: a thin shell over the package. One module per command."""

try:
    from rotoline.cli.app import app, main
except KeyboardInterrupt:  # Ctrl-C while the modules are loaded
    raise SystemExit(130) from None

__all__ = ["app", "main"]

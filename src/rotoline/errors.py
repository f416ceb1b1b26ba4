"""Every error that rotoline raises on purpose.

    RotolineError
    ├── InputError     frames, masks or arguments that cannot be used (also a ValueError)
    ├── ConfigError    an unknown setting, or a value outside its range (also a ValueError)
    ├── WeightsError   a weights file that is missing, damaged or not ours
    ├── OutputError    a folder in use, a full disk, a file that cannot be written
    └── KernelError    an implementation that was asked for and cannot run here

Each message says what was found, what is needed and what to do. The command line prints it
without a traceback and exits with code 2.
"""


class RotolineError(Exception):
    """Base of all errors that a caller can cause and mend."""


class InputError(RotolineError, ValueError):
    """Frames, masks or arguments that cannot be used."""


class ConfigError(RotolineError, ValueError):
    """An unknown setting, or a value outside its range."""


class WeightsError(RotolineError):
    """A weights file that is missing, damaged or not ours."""


class OutputError(RotolineError):
    """A folder in use, a full disk, or a file that cannot be written."""


class KernelError(RotolineError):
    """An implementation that was asked for by name and cannot run on this machine."""

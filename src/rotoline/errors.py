"""Every error that rotoline raises on purpose.

    RotolineError
    ├── InputError     frames, masks or arguments that cannot be used (a ValueError)
    ├── ConfigError    a setting that is unknown, out of range or without effect (a ValueError)
    ├── WeightsError   weights that are missing, damaged or of another network
    ├── OutputError    a folder in use, a full disk, a file that cannot be written
    └── KernelError    an implementation that was asked for and cannot run here

Each message says what was found, what is needed and what to do. The command line prints it
without a traceback and exits with code 2.
"""


class RotolineError(Exception):
    """Base of all errors that a caller can cause and correct."""


class InputError(RotolineError, ValueError):
    """Frames, masks or arguments that cannot be used."""


class ConfigError(RotolineError, ValueError):
    """A setting that is unknown, out of range or without effect; an unknown preset or format."""


class WeightsError(RotolineError):
    """Weights that are missing, damaged, of another network, or cannot be downloaded."""


class OutputError(RotolineError):
    """A folder in use, a full disk, or a file that cannot be written."""


class KernelError(RotolineError):
    """An implementation that was asked for by name and cannot run on this machine."""


def explain(error: Exception) -> str | None:
    """What to tell the user about an error; None if it is a fault of the program."""
    if isinstance(error, RotolineError):
        return str(error)
    if isinstance(error, OSError) and error.filename is not None:
        return (
            f"cannot open {error.filename}: {error.strerror}; check the path and who may "
            "read and write there"
        )
    if _is_out_of_memory(error):
        detail = str(error).partition("\n")[0] or "an allocation failed"
        return (
            f"not enough memory ({detail}); use smaller frames, such as "
            "--set working_pixels=100000, or smaller crops in a training, or free memory"
        )
    return None


def _is_out_of_memory(error: Exception) -> bool:
    """Whether an allocation failed, which PyTorch reports as a RuntimeError."""
    words = ("out of memory", "allocate memory", "not enough memory")
    return isinstance(error, MemoryError) or any(word in str(error) for word in words)

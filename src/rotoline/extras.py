"""Import a library that only some features need, or say how to install it."""

from importlib import import_module
from typing import Any

from rotoline.errors import ConfigError


def import_extra(package: str, purpose: str, extra: str = "exports") -> Any:
    """Import a package of an extra.

    Args:
        package: Name of the module to import, such as `pycocotools.mask`.
        purpose: What needs it, for the message, such as "the format exr".
        extra: The name of the extra.

    Raises:
        ConfigError: It is not installed.
    """
    try:
        return import_module(package)
    except ModuleNotFoundError as error:
        raise ConfigError(
            f"{purpose} needs {package}, which is not installed; install it: "
            f"pip install 'rotoline[{extra}]'"
        ) from error

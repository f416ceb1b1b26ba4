"""rotoline: cut objects out of video by showing them once.

Names are loaded on first use, so that importing the package does nothing.
"""

from importlib import import_module
from typing import Any

__version__ = "0.2.0"

_HOMES = {
    "FAST": "rotoline.presets",
    "FastConfig": "rotoline.systems.fast",
    "FrameResult": "rotoline.types",
    "InputError": "rotoline.errors",
    "Limits": "rotoline.limits",
    "Model": "rotoline.model",
    "PAPER": "rotoline.presets",
    "PaperConfig": "rotoline.systems.paper",
    "RotolineError": "rotoline.errors",
    "StageTrace": "rotoline.trace",
    "SystemConfig": "rotoline.systems.protocol",
    "Tracker": "rotoline.tracker",
    "load_model": "rotoline.model",
    "open_frames": "rotoline.io.frames",
    "read_mask": "rotoline.io.masks",
    "segment": "rotoline.model",
    "write_mask": "rotoline.io.masks",
}

__all__ = sorted(_HOMES)


def __getattr__(name: str) -> Any:
    """Load a public name."""
    if name not in _HOMES:
        raise AttributeError(f"module 'rotoline' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return [*__all__, "__version__"]

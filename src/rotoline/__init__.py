"""rotoline: cut objects out of video by showing them once.

Names are loaded on first use, so that importing the package does nothing.
"""

from importlib import import_module
from typing import Any

__version__ = "0.1.0"

_HOMES = {
    "FAST": "rotoline.presets",
    "FastConfig": "rotoline.parts.fast",
    "FrameResult": "rotoline.types",
    "InputError": "rotoline.errors",
    "Model": "rotoline.api",
    "PAPER": "rotoline.presets",
    "PaperConfig": "rotoline.parts.paper",
    "PipelineConfig": "rotoline.pipeline",
    "RotolineError": "rotoline.errors",
    "load_model": "rotoline.api",
    "open_frames": "rotoline.io.frames",
    "read_mask": "rotoline.io.masks",
    "segment": "rotoline.api",
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

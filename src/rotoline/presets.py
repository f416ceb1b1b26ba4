"""The presets: the only list of all systems."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch

from rotoline.errors import ConfigError
from rotoline.systems import fast, paper
from rotoline.systems.protocol import System, SystemConfig

FAST = fast.FastConfig()
"""The default preset: closed-form learning on a shared encoder, for the CPU of a laptop."""

PAPER = paper.PaperConfig()
"""The published system: fine-tuned networks with the paper's schedule, for a GPU."""


@dataclass(frozen=True)
class Preset:
    """A system with its default settings."""

    config: SystemConfig
    """The default settings."""
    build: Callable[..., System[Any]]
    """Builds the system from the tensors of a weights file, a device, and the network's options."""
    weights: str | None
    """Name of the weights file that ships with the package; None if none ships."""
    uses_gpu: bool
    """Whether the system runs on a GPU where there is one."""
    ablations: Mapping[str, tuple[str, ...]]
    """For `rotoline experiment ablation`: settings that leave a stage out, by name. The first three
    are the rows of the paper's Table 2, each leaving out one thing more."""

    def device(self) -> torch.device:
        """The device that the system runs on, on this machine."""
        from rotoline.runtime.device import choose_device

        return choose_device() if self.uses_gpu else torch.device("cpu")


PRESETS: Mapping[str, Preset] = {
    "fast": Preset(
        FAST, fast.FastSystem.from_state, "fast", uses_gpu=False, ablations=fast.ABLATIONS
    ),
    "paper": Preset(
        PAPER, paper.PaperSystem.from_state, None, uses_gpu=True, ablations=paper.ABLATIONS
    ),
}


def find_preset(name: str) -> Preset:
    """Return the preset of a name.

    Raises:
        ConfigError: There is no preset of that name.
    """
    if not isinstance(name, str) or name not in PRESETS:
        raise ConfigError(f"there is no preset {name!r}; choose one of {', '.join(PRESETS)}")
    return PRESETS[name]

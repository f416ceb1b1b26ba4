"""Named configurations, as plain values."""

from typing import Literal

from rotoline.parts.fast import FastConfig
from rotoline.parts.paper import PaperConfig

PresetName = Literal["fast", "paper"]

FAST = FastConfig()
"""The default: closed-form learning on a shared embedding, for a laptop's CPU."""

PAPER = PaperConfig()
"""The published system: fine-tuned networks and the paper's schedule, for a GPU."""


def preset_config(name: PresetName) -> FastConfig | PaperConfig:
    """The settings of a preset."""
    return FAST if name == "fast" else PAPER

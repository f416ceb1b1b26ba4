"""A faster learner for the `paper` preset: linear heads are solved on the frozen backbone."""

from typing import Literal

import torch
from pydantic import BaseModel, ConfigDict, Field

from rotoline.learning.augmentation import (
    Augmentation,
    generator_for,
    sample_affine,
    warp_together,
)
from rotoline.runtime.device import Precision, autocast
from rotoline.systems.paper.fine_tuning import AnnotatedFrame
from rotoline.systems.paper.linear_probe import LinearProbe, View, fit_linear_probe
from rotoline.systems.paper.segmentation import SegmentationNet


class LinearProbing(BaseModel):
    """Solve a linear head per object on the frozen network."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    method: Literal["linear_probe"] = "linear_probe"
    """A linear head per object on the frozen network, solved in seconds."""
    tune_foreground: bool = True
    """Whether the foreground gets a head of its own, learned from the union of the objects; if not,
    the generic network limits the objects."""
    views: int = Field(default=12, ge=1)
    """Number of views of every annotated frame that heads are fitted on, the frame itself
    included."""
    ridge: float = Field(default=1e-4, ge=0, le=1e6)
    """Strength of the L2 regularisation of the heads."""
    max_iterations: int = Field(default=30, ge=1)
    """Largest number of L-BFGS steps."""
    augmentation: Augmentation = Augmentation()
    """How far augmented views of an annotated frame differ from it."""


@torch.no_grad()
def probe_objects(
    net: SegmentationNet,
    annotated: list[AnnotatedFrame],
    config: LinearProbing,
    *,
    precision: Precision,
    seed: int,
) -> LinearProbe:
    """Fit one linear head for each row of the masks, on the features of the unchanged network.

    Args:
        net: Gives the features.
        annotated: The frames to learn from, on the device of the net.
        config: Number of views, and strength of the regularisation.
        precision: Precision of the activations.
        seed: Decides the augmented views.

    Returns:
        R heads, fitted together.
    """
    views: list[View] = []
    for number, (frame, masks) in enumerate(annotated):
        height, width = frame.shape[-2:]
        for at in range(config.views):
            generator = generator_for(seed, number * config.views + at)
            affine = sample_affine(generator, (height, width), config.augmentation)
            shown, targets = (frame, masks) if at == 0 else warp_together(frame, masks, affine)
            with autocast(frame.device, precision):
                stage3, stage4, stage5 = net.maps(shown)
            views.append(((stage3.float(), stage4.float(), stage5.float()), targets))
    return fit_linear_probe(views, ridge=config.ridge, max_iterations=config.max_iterations)

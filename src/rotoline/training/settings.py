"""The groups of settings that the trainings share."""

from pydantic import BaseModel, ConfigDict, Field


class Optimiser(BaseModel):
    """The optimiser: how far the weights move in a step."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    learning_rate: float = Field(gt=0)
    """Peak learning rate; the schedule of the training multiplies it by a factor for each step."""
    weight_decay: float = Field(ge=0)
    """Weight decay of the optimiser: added to the gradient in SGD, decoupled from it in AdamW."""
    max_gradient_norm: float = Field(gt=0)
    """Largest L2 norm over all gradients; gradients with a larger norm are scaled down to it."""


class Sgd(Optimiser):
    """Stochastic gradient descent with momentum."""

    momentum: float = Field(ge=0, lt=1)
    """Momentum of SGD, without dampening: steps add up to learning_rate / (1 - momentum)."""


class Crop(BaseModel):
    """The size of the frames that a network is trained on."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    height: int = Field(ge=32, multiple_of=16)
    """Height of the training crops in pixels, a multiple of 16."""
    width: int = Field(ge=32, multiple_of=16)
    """Width of the training crops in pixels, a multiple of 16."""


class PaperCrop(Crop):
    """The size of the frames that a network of the preset `paper` is trained on."""

    height: int = Field(ge=32, multiple_of=32)
    """Height of the training crops in pixels, a multiple of 32."""
    width: int = Field(ge=32, multiple_of=32)
    """Width of the training crops in pixels, a multiple of 32."""


class TrainingSettings(BaseModel):
    """The settings that every training has."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    steps: int = Field(ge=1)
    """Number of optimiser steps."""
    seed: int = Field(default=0, ge=0, le=2**32 - 1)
    """Seed of the initial weights and of every sample."""
    crop: Crop
    """The size of the frames that the network is trained on."""
    optimiser: Optimiser
    """The optimiser: how far the weights move in a step."""

"""Gradient descent: the step that every training takes, and the loop of online fine-tuning."""

import itertools
from collections.abc import Callable, Iterator
from typing import TypeVar

import torch
from torch import Tensor

from rotoline.runtime.prefetch import prefetch

Sample = TypeVar("Sample")


def gradient_step(
    optimizer: torch.optim.Optimizer,
    loss: Tensor,
    *,
    before_update: Callable[[], None] | None = None,
) -> None:
    """Compute the gradient of a loss and take one step of the optimiser.

    Args:
        optimizer: Holds the parameters; the learning rates of the step are already set.
        loss: A scalar.
        before_update: Called when the gradients are complete and nothing is changed yet, to average
            or clip them. If it raises, the parameters stay unchanged.
    """
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    if before_update is not None:
        before_update()
    optimizer.step()


def minimise(
    optimizer: torch.optim.Optimizer,
    *,
    sample: Callable[[int], Sample],
    loss: Callable[[Sample], Tensor],
    learning_rate: Callable[[int], float],
) -> Iterator[tuple[int, float]]:
    """Take gradient steps until the caller stops.

    Args:
        optimizer: Holds the parameters, in one group.
        sample: Makes the sample of a step; runs in a thread, one step ahead.
        loss: The loss of a sample, a scalar.
        learning_rate: The learning rate of a step.

    Yields:
        The number of the step, from 0, and its loss.
    """
    for step, made in enumerate(prefetch(map(sample, itertools.count()))):
        optimizer.param_groups[0]["lr"] = learning_rate(step)
        value = loss(made)
        gradient_step(optimizer, value)
        yield step, float(value.detach())

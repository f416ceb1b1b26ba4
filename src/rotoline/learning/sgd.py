"""The optimisation loop that online fine-tuning uses."""

import itertools
from collections.abc import Callable, Iterator
from typing import TypeVar

import torch
from torch import Tensor

from rotoline.runtime.prefetch import prefetch

Sample = TypeVar("Sample")


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
        optimizer.zero_grad(set_to_none=True)
        value.backward()
        optimizer.step()
        yield step, float(value.detach())

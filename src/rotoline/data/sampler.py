"""Random numbers from one generator, by name of what is drawn."""

from collections.abc import Sequence
from typing import TypeVar

import torch

Item = TypeVar("Item")


class Sampler:
    """Draws numbers, choices and noise; the global random state is left alone."""

    def __init__(self, generator: torch.Generator):
        self._generator = generator

    def uniform(self, low: float, high: float) -> float:
        """Between both bounds."""
        return low + (high - low) * float(torch.rand((), generator=self._generator))

    def integer(self, low: int, high: int) -> int:
        """Between both bounds, inclusive."""
        return int(torch.randint(low, high + 1, (), generator=self._generator))

    def chance(self, share: float) -> bool:
        """True in `share` of the cases."""
        return self.uniform(0, 1) < share

    def one_of(self, items: Sequence[Item]) -> Item:
        """One item, all equally likely."""
        return items[self.integer(0, len(items) - 1)]

    def noise(self, *shape: int) -> torch.Tensor:
        """Standard normal."""
        return torch.randn(shape, generator=self._generator)

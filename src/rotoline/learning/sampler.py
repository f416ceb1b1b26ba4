"""Random numbers for what networks learn from, all from one generator."""

from collections.abc import Sequence
from typing import TypeVar

import torch

Item = TypeVar("Item")


class Sampler:
    """Samples numbers, choices and noise from a generator; the global random state is not used."""

    def __init__(self, generator: torch.Generator) -> None:
        self._generator = generator

    def uniform(self, low: float, high: float) -> float:
        """Return a number from the uniform distribution over [low, high)."""
        return low + (high - low) * float(
            torch.rand((), generator=self._generator, dtype=torch.float32)
        )

    def integer(self, low: int, high: int) -> int:
        """Return an integer from `low` to `high`, both included, all equally likely."""
        return int(torch.randint(low, high + 1, (), generator=self._generator))

    def chance(self, probability: float) -> bool:
        """Return True with the given probability."""
        return self.uniform(0, 1) < probability

    def one_of(self, items: Sequence[Item]) -> Item:
        """Return one of the items, all equally likely."""
        return items[self.integer(0, len(items) - 1)]

    def shuffled(self, items: Sequence[Item]) -> list[Item]:
        """Return the items in a random order, all orders equally likely."""
        order = torch.randperm(len(items), generator=self._generator).tolist()
        return [items[at] for at in order]

    def noise(self, *shape: int) -> torch.Tensor:
        """Return standard normal noise of the given shape, float32."""
        return torch.randn(shape, generator=self._generator, dtype=torch.float32)

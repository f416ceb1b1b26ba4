"""The paper's learning rates, for a loss that is a mean over pixels."""

PIXELS = 480 * 854
"""Number of pixels of a DAVIS frame. The paper's loss is a sum over them."""

MOMENTUM = 0.99
"""Momentum of SGD in the authors' released solver."""

LEARNING_RATE = 1e-8 * (1 - MOMENTUM) * PIXELS
"""4.1e-5: the paper's learning rate of 1e-8 for a sum over pixels, for a mean over them.

The paper gives 1e-8. The released solver has 1e-10 with momentum 0.99; since momentum adds up steps
to 1 / (1 - 0.99) times their size, 1e-8 is taken as the size of the summed steps.
"""

STEPS = 30_000
"""Number of SGD steps for the network of an object."""

HALVE_EVERY = 10_000
"""Number of steps after which the paper halves the learning rate of an object's network."""


def halved(rate: float, step: int, every: int) -> float:
    """The learning rate at `step` if it is halved every `every` steps; constant if `every` is 0.

    Example:
        >>> [halved(1.0, step, 10) for step in (0, 9, 10, 29)]
        [1.0, 1.0, 0.5, 0.25]
    """
    return rate * 0.5 ** (step // every) if every else rate

"""The paper's step sizes for a loss that is a mean over pixels."""

PIXELS = 480 * 854
"""Of a DAVIS frame: the paper's loss is a sum over them."""

MOMENTUM = 0.99
"""Of the released solver."""

LEARNING_RATE = 1e-8 * (1 - MOMENTUM) * PIXELS
"""4.1e-5: the paper's 1e-8 per pixel, for a mean.

The paper says 1e-8; the released solver has 1e-10 with momentum 0.99, and 1e-10 / (1 - 0.99) is
1e-8. So 1e-8 is the step that momentum adds up to.
"""

STEPS = 30_000
"""Steps per object."""

HALVE_EVERY = 10_000
"""Steps after which the paper halves the rate of an object's network."""


def halved(rate: float, step: int, every: int) -> float:
    """The rate at `step`, halved each `every` steps; constant where `every` is 0.

    Example:
        >>> [halved(1.0, step, 10) for step in (0, 9, 10, 29)]
        [1.0, 1.0, 0.5, 0.25]
    """
    return rate * 0.5 ** (step // every) if every else rate

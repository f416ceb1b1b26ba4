"""The region filter's numbers of the weights that ship, for weights that have none of their own."""

from torch import Tensor

from rotoline.weights.files import read_weights, shipped_weights

PREFIX = "region_model."
"""How the names of the tensors begin."""


def shipped_region_numbers() -> dict[str, Tensor]:
    """Return the tensors by name."""
    _, state = read_weights(shipped_weights("fast"))
    return {name: value for name, value in state.items() if name.startswith(PREFIX)}

"""Random crops of training pictures."""

import torch
from torch import Tensor

from rotoline.learning.geometry import translation
from rotoline.learning.sampler import Sampler


def sample_crop(source: tuple[int, int], size: tuple[int, int], sampler: Sampler) -> Tensor:
    """Sample the largest part of a picture that has the shape of the crop.

    The part has the full extent of one side of the picture; its place along the other side is
    random.

    Args:
        source: Height and width of the picture.
        size: Height and width of the crop.
        sampler: Source of the random place.

    Returns:
        float `(3, 3)`: output pixel to source pixel, (x, y, 1), with pixel centres at halves.
    """
    zoom = min(source[0] / size[0], source[1] / size[1])
    down, right = (
        (1 if rest < 1e-6 else sampler.uniform(0, 1)) * rest
        for rest in (source[0] - zoom * size[0], source[1] - zoom * size[1])
    )
    return translation(right, down) @ torch.diag(torch.tensor([zoom, zoom, 1.0]))

"""Filling the place of an object that was cut out of a picture."""

from torch import Tensor
from torch.nn import functional


def inpaint_background(picture: Tensor, inside: Tensor) -> Tensor:
    """`inpaint_backgrounds` of one picture `(3, H, W)` and its pixels to fill, `(1, H, W)`."""
    return inpaint_backgrounds(picture[None], inside[None])[0]


def inpaint_backgrounds(pictures: Tensor, inside: Tensor) -> Tensor:
    """Fill the pixels of an object coarsely from its surroundings.

    Args:
        pictures: `(B, 3, H, W)`.
        inside: `(B, 1, H, W)`, 1 where to fill.

    Returns:
        `(B, 3, H, W)`: unchanged more than two pixels outside the object. The others are weighted
        means of the pixels outside, over the smallest neighbourhood of an image pyramid that has
        any; black if there are no pixels outside.
    """
    size = pictures.shape[2:]
    weight = 1 - functional.max_pool2d(inside, 5, stride=1, padding=2)
    mean = pictures
    filled, covered = mean * weight, weight
    while bool((covered == 0).any()) and max(mean.shape[-2:]) > 1:
        total, weight = (
            functional.avg_pool2d(maps, 2, ceil_mode=True) for maps in (mean * weight, weight)
        )
        mean, weight = total / weight.clamp(min=1e-4), (weight > 0).float()
        enlarged, enlarged_weight = (
            functional.interpolate(maps, size=size, mode="bilinear", align_corners=False)
            for maps in (mean * weight, weight)
        )
        new = (1 - covered) * (enlarged_weight > 0.5)
        filled = filled + new * enlarged / enlarged_weight.clamp(min=0.5)
        covered = covered + new
    return filled

"""The readouts as matrix products; differentiable, and fast enough for every frame."""

import torch
from torch import Tensor
from torch.nn import functional


def local_attention(
    queries: Tensor,
    keys: Tensor,
    values: Tensor,
    *,
    sharpness: Tensor,
    decay: Tensor,
    reach: int,
) -> Tensor:
    """Read values from a band of rows of another frame, preferring nearby pixels.

    Args:
        queries: `(D, h, w)`, unit vectors of the frame that the result belongs to.
        keys: `(D, h, w)`, unit vectors of the other frame.
        values: `(K, h, w)`: the maps of the other frame that are read.
        sharpness: Scalar, weight of the similarity in [-1, 1].
        decay: Scalar, not negative: subtracted from the weighted similarity at a distance of
            `reach` pixels; grows with the square of the distance.
        reach: Number of rows above and below that are searched, over all columns. Beyond the
            border, the outermost row is repeated.

    Returns:
        `(K, h, w)`: weighted means, within the range of `values`.
    """
    height, width = queries.shape[1:]
    band = (2 * reach + 1) * width
    steps = torch.arange(-reach, reach + 1).square()
    columns = torch.arange(width)
    distance = steps[None, :, None] + (columns[:, None, None] - columns[None, None]).square()
    bias = -decay * (distance.to(queries) / reach**2).flatten(1)
    asked = (queries * sharpness).permute(1, 2, 0)
    similarity = torch.baddbmm(bias, asked, _band(keys, reach).reshape(height, -1, band))
    weights = similarity.softmax(-1)
    read = weights @ _band(values, reach).reshape(height, -1, band).transpose(1, 2)
    return read.permute(2, 0, 1)


def _band(maps: Tensor, reach: int) -> Tensor:
    """For every row of `(C, h, w)` the rows around it: `(h, C, 2 reach + 1, w)`."""
    padded = functional.pad(maps[None], (0, 0, reach, reach), mode="replicate")[0]
    return padded.unfold(1, 2 * reach + 1, 1).permute(1, 0, 3, 2)


def memory_attention(
    queries: Tensor, keys: Tensor, values: Tensor, present: Tensor, *, sharpness: Tensor
) -> Tensor:
    """Read values from all pixels of the annotated frames.

    Args:
        queries: `(D, P)`, unit vectors of the pixels of the current frame.
        keys: `(D, M)`, unit vectors of the pixels of all annotated frames.
        values: `(K, M)` in [0, 1].
        present: `(K, M)`, 1 where the value is known, else 0.
        sharpness: Scalar, weight of the similarity in [-1, 1].

    Returns:
        `(K, P)`: weighted means over the known values; one half where these have less than a
        thousandth of the weight.
    """
    weights = ((queries * sharpness).T @ keys).softmax(-1)
    known = present @ weights.T
    read = (values * present) @ weights.T
    return torch.where(known < 1e-3, 0.5, read / known.clamp(min=1e-3))

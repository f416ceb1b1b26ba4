"""The readouts as matrix products; differentiable, and quick enough for every frame."""

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
    """Read values from a band of rows of another frame, preferring what is near.

    Args:
        queries: `(D, h, w)`, unit vectors: the frame that asks.
        keys: `(D, h, w)`, unit vectors: the frame that answers.
        values: `(K, h, w)`: what is read.
        sharpness: Scalar, weight of the similarity in [-1, 1].
        decay: Scalar, not negative: lost at a distance of `reach` pixels, growing by its square.
        reach: Rows above and below that are looked at; columns are all looked at. Beyond the
            border a row repeats the outermost one.

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
    """Read values from all pixels of remembered frames.

    Args:
        queries: `(D, P)`, unit vectors.
        keys: `(D, M)`, unit vectors.
        values: `(K, M)` in [0, 1].
        present: `(K, M)`, 1 where the value is known, else 0.
        sharpness: Scalar, weight of the similarity in [-1, 1].

    Returns:
        `(K, P)`: weighted means over what is known; one half where less than a thousandth of the
        weight is.
    """
    weights = ((queries * sharpness).T @ keys).softmax(-1)
    known = present @ weights.T
    read = (values * present) @ weights.T
    return torch.where(known < 1e-3, 0.5, read / known.clamp(min=1e-3))

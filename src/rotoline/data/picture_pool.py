"""All pictures of the training data in one block of memory, sampled many at a time.

A pixel is four bytes, red, green, blue and the label, so colour and label are read together. Each
picture is also there at a half and a quarter of its size, for views in which it is reduced.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from rotoline.data.training_clips import Clip

LEVELS = 3
"""Sizes of each picture: 1, 1/2, 1/4."""


@dataclass(frozen=True, slots=True)
class PicturePool:
    """P pixels of C pictures; a picture is one frame of a clip."""

    pixels: Tensor
    """uint8 `(P, 4)`: red, green, blue, label."""
    starts: Tensor
    """int64 `(C, LEVELS)`: the first pixel of each picture at each size, its rows in order."""
    sizes: Tensor
    """int64 `(C, LEVELS, 2)`: height and width of each picture at each size."""

    @classmethod
    def of(cls, clips: Sequence[Clip]) -> "PicturePool":
        """All frames of the first clip in order, then those of the second, and so on."""
        shapes = [frame.shape[-2:] for clip in clips for frame in clip.frames]
        sizes = torch.tensor(
            [
                [(max(1, h >> level), max(1, w >> level)) for level in range(LEVELS)]
                for h, w in shapes
            ]
        )
        counts = sizes.prod(-1).flatten()
        starts = (counts.cumsum(0) - counts).view(-1, LEVELS)
        pixels = torch.empty(int(counts.sum()), 4, dtype=torch.uint8)
        pictures = (
            (frame, clip.labels[t]) for clip in clips for t, frame in enumerate(clip.frames)
        )
        for (frame, labels), first, size in zip(pictures, starts, sizes, strict=True):
            # Odd rows and columns at the end are left out of the smaller sizes.
            for start, (height, width) in zip(first.tolist(), size.tolist(), strict=True):
                part = pixels[start : start + height * width].view(height, width, 4)
                part[..., :3] = frame[:, :height, :width].permute(1, 2, 0)
                part[..., 3] = labels[:height, :width]
                frame, labels = _halved(frame), labels[1::2, 1::2]
        return cls(pixels, starts, sizes)

    def to(self, device: torch.device) -> "PicturePool":
        """The same on another device."""
        return PicturePool(*(one.to(device) for one in (self.pixels, self.starts, self.sizes)))

    def sample(
        self, pictures: Tensor, levels: Tensor, points: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Sample n pictures at one set of points each.

        Args:
            pictures: int64 `(n,)`: numbers of the pictures.
            levels: int64 `(n,)`: the size at which each is read, 0 for the full one.
            points: float32 `(n, 2, H, W)`: (x, y) in pixels of the full size, with pixel centres at
                halves; beyond its border a picture is mirrored.

        Returns:
            The colours, float32 `(n, 3, H, W)` in [0, 255], bilinear; the labels of the nearest
            pixels, uint8 `(n, H, W)`; and whether a point lies within the picture, bool
            `(n, H, W)`.
        """
        start = self.starts[pictures, levels][:, None, None]
        extent = self.sizes[pictures, levels].flip(1)[:, :, None, None]
        points = points * (0.5**levels)[:, None, None, None]
        within = ((points >= 0) & (points < extent)).all(1)
        points = points.remainder(2 * extent)
        points = torch.minimum(points, 2 * extent - points)
        last = extent - 1
        nearest = torch.minimum(points.long(), last)
        centred = torch.minimum((points - 0.5).clamp(min=0), last)
        low = centred.long()
        high, part = torch.minimum(low + 1, last), centred - low
        width = extent[:, 0]
        packed = self.pixels.view(torch.int32)[:, 0]

        def read(x: Tensor, y: Tensor) -> Tensor:
            found: Tensor = packed[start + y * width + x].view(torch.uint8)
            return found.view(*y.shape, 4)

        right, down = part[:, 0, ..., None], part[:, 1, ..., None]
        top, bottom = (
            torch.lerp(read(low[:, 0], y).float(), read(high[:, 0], y).float(), right)
            for y in (low[:, 1], high[:, 1])
        )
        colours = torch.lerp(top, bottom, down)[..., :3].permute(0, 3, 1, 2)
        return colours, read(nearest[:, 0], nearest[:, 1])[..., 3], within


def _halved(frame: Tensor) -> Tensor:
    """A frame uint8 `(3, h, w)` at half its size, each pixel the mean of four."""
    if min(frame.shape[-2:]) < 2:
        return frame
    return functional.avg_pool2d(frame.float(), 2).round().byte()

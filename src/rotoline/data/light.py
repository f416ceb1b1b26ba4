"""Variation of drawn frames as by cameras and codecs: light, motion blur, grain, compression.

Many episodes at once, on any device; everything random is decided on the CPU.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor
from torch.nn import functional

from rotoline.learning.sampler import Sampler

BLUR_SHARE, GRAIN_SHARE, COMPRESSED_SHARE = 0.2, 0.3, 0.25
"""Probabilities of motion blur, grain and compression."""
MAX_GAMMA = 0.35
"""Largest logarithm of the gamma."""
GAINS, EXPOSURES = (0.8, 1.2), (0.85, 1.15)
"""Ranges of the factors of red, green and blue, and of the exposure of the later frames."""
BLUR = 9
"""Side of the kernels of the motion blur, in pixels."""
GRAIN = (2.0, 12.0)
"""Standard deviation of the grain, in grey levels."""
QUALITIES = (12, 60)
"""Range of the quality of compression, as libjpeg counts it."""
LUMINANCE = (
    *(16, 11, 10, 16, 24, 40, 51, 61, 12, 12, 14, 19, 26, 58, 60, 55),
    *(14, 13, 16, 24, 40, 57, 69, 56, 14, 17, 22, 29, 51, 87, 80, 62),
    *(18, 22, 37, 56, 68, 109, 103, 77, 24, 35, 55, 64, 81, 104, 113, 92),
    *(49, 64, 78, 87, 103, 121, 120, 101, 72, 92, 95, 98, 112, 100, 103, 99),
)
"""Quantisation of the luminance at quality 50 (ITU-T T.81, table K.1); here also of the colours."""
TO_YCC = ((0.299, 0.587, 0.114), (-0.168736, -0.331264, 0.5), (0.5, -0.418688, -0.081312))
"""RGB to luminance and two colour differences (JFIF)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Light:
    """How the frames of an episode are varied."""

    gamma: float
    gains: tuple[float, float, float]
    exposures: tuple[float, ...]
    """One for each frame."""
    blur: Tensor | None
    """float32 `(BLUR, BLUR)`, which sums to 1: the way of the camera, in all frames but the
    reference."""
    grain: Tensor
    """float32 scalar: the standard deviation."""
    seed: int
    """Seed of the grain."""
    quality: int
    """Quality of the compression; 0 for none."""


def sample_light(length: int, sampler: Sampler) -> Light:
    """Sample the variation of `length` frames: the reference, then consecutive frames."""
    low, high = math.log(GRAIN[0]), math.log(GRAIN[1])
    first, last = sampler.uniform(*EXPOSURES), sampler.uniform(*EXPOSURES)
    has_grain = sampler.chance(GRAIN_SHARE)
    return Light(
        gamma=math.exp(sampler.uniform(-MAX_GAMMA, MAX_GAMMA)),
        gains=(sampler.uniform(*GAINS), sampler.uniform(*GAINS), sampler.uniform(*GAINS)),
        exposures=(1.0, *torch.linspace(first, last, length - 1).tolist()),
        blur=_sample_blur(sampler) if sampler.chance(BLUR_SHARE) else None,
        grain=torch.tensor(math.exp(sampler.uniform(low, high)) if has_grain else 0.0),
        seed=sampler.integer(0, 2**31 - 1),
        quality=sampler.integer(*QUALITIES) if sampler.chance(COMPRESSED_SHARE) else 0,
    )


def steady(light: Light) -> Light:
    """The same variation without what changes from frame to frame, but for the grain."""
    return replace(light, exposures=(1.0,) * len(light.exposures), blur=None)


def vary(frames: Tensor, lights: Sequence[Light]) -> Tensor:
    """Vary the frames of B episodes.

    Args:
        frames: float32 `(B, N, 3, H, W)`, RGB in [0, 255]; H and W are multiples of 16.
        lights: B of them.

    Returns:
        The same shape and range.
    """
    device = frames.device
    gammas = torch.tensor([one.gamma for one in lights]).to(device)[:, None, None, None, None]
    gains = torch.tensor([one.gains for one in lights]).to(device)[:, None, :, None, None]
    exposures = torch.tensor([one.exposures for one in lights]).to(device)[:, :, None, None, None]
    frames = 255 * (frames / 255).clamp(0, 1) ** gammas * gains * exposures
    frames = frames.clamp(0, 255)
    for number, light in enumerate(lights):
        if light.blur is not None:
            frames[number, 1:] = _blurred(frames[number, 1:], light.blur.to(device))
        if light.grain > 0:
            frames[number] += light.grain.to(device) * _grain(frames[number], light.seed)
        if light.quality:
            frames[number] = compressed(frames[number].clamp(0, 255), light.quality)
    return frames.clamp(0, 255)


def _sample_blur(sampler: Sampler) -> Tensor:
    """A straight or slightly bent way of the camera, as the kernel of a convolution."""
    length, angle = sampler.uniform(2, BLUR - 1), sampler.uniform(0, math.pi)
    bend = sampler.uniform(-0.5, 0.5)
    time = torch.linspace(-0.5, 0.5, 4 * BLUR)
    turned = angle + bend * time
    x, y = length * time * torch.cos(turned), length * time * torch.sin(turned)
    centre = BLUR // 2
    kernel = torch.zeros(BLUR, BLUR)
    columns, rows = ((centre + one).round().long().clamp(0, BLUR - 1) for one in (x, y))
    kernel.index_put_((rows, columns), torch.full((len(time),), 1 / len(time)), accumulate=True)
    return kernel


def _blurred(frames: Tensor, kernel: Tensor) -> Tensor:
    half = BLUR // 2
    padded = functional.pad(frames, (half, half, half, half), mode="replicate")
    return functional.conv2d(padded.flatten(0, 1)[:, None], kernel[None, None]).view_as(frames)


def _grain(frames: Tensor, seed: int) -> Tensor:
    """Noise of about unit variance, different in every frame, a little coarser than a pixel."""
    generator = torch.Generator(frames.device).manual_seed(seed)
    noise = torch.randn(frames.shape, generator=generator, device=frames.device)
    smooth = functional.avg_pool2d(noise, 3, stride=1, padding=1) * 3
    return 0.7 * smooth + 0.7 * noise


def compressed(frames: Tensor, quality: int) -> Tensor:
    """What JPEG leaves of frames.

    Args:
        frames: float32 `(n, 3, H, W)` in [0, 255]; H and W are multiples of 16.
        quality: 1 to 100.

    Returns:
        The same shape and range: colours at half the resolution, the cosine transform of blocks of
        8 x 8 pixels rounded to multiples of a table.

    Source:
        ITU-T T.81. Deviation: one table for luminance and colours.
    """
    scale = 5000 / quality if quality < 50 else 200 - 2 * quality
    table = (torch.tensor(LUMINANCE, device=frames.device).view(8, 8) * scale + 50).div(100).floor()
    table = table.clamp(1, 255)
    matrix = torch.tensor(TO_YCC, device=frames.device)
    ycc = torch.einsum("ij,njhw->nihw", matrix, frames)
    luminance = _rounded(ycc[:, :1] - 128, table) + 128
    colours = _rounded(functional.avg_pool2d(ycc[:, 1:], 2), table)
    colours = functional.interpolate(colours, scale_factor=2, mode="nearest")
    ycc = torch.cat((luminance, colours), dim=1)
    return torch.einsum("ij,njhw->nihw", torch.linalg.inv(matrix), ycc).clamp(0, 255)


def _rounded(maps: Tensor, table: Tensor) -> Tensor:
    """Maps `(n, C, H, W)` whose cosine transforms are rounded to multiples of a table `(8, 8)`."""
    time = (torch.arange(8, device=maps.device) + 0.5) * math.pi / 8
    basis = torch.cos(torch.arange(8, device=maps.device)[:, None] * time) / 2
    basis[0] /= math.sqrt(2)
    blocks = maps.unflatten(3, (-1, 8)).unflatten(2, (-1, 8)).transpose(3, 4)
    transformed = basis @ blocks @ basis.T
    kept = (transformed / table).round() * table
    back: Tensor = basis.T @ kept @ basis
    return back.transpose(3, 4).flatten(4, 5).flatten(2, 3)

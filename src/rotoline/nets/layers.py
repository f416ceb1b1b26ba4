"""Small pieces that several networks share."""

from collections.abc import Iterable, Mapping
from typing import TypeVar

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.fusion import fuse_conv_bn_eval

from rotoline.errors import WeightsError
from rotoline.types import SATURATED_LOGIT

Net = TypeVar("Net", bound=nn.Module)

IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""Mean and standard deviation of RGB in [0, 1] that published ImageNet weights expect."""


def normalise_imagenet(frames: Tensor) -> Tensor:
    """Frames `(B, 3, H, W)` in [0, 255] as the published ImageNet networks expect them."""
    mean, std = (
        torch.tensor(values, dtype=torch.float32, device=frames.device)[:, None, None] * 255
        for values in (IMAGENET_MEAN, IMAGENET_STD)
    )
    return (frames - mean) / std


def channels_last(net: Net) -> Net:
    """Bring all weights of a network into the layout that is fastest for convolutions."""
    net.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # missing in its types
    return net


class Pointwise(nn.Conv2d):
    """A 1x1 convolution.

    While gradients are computed it is a matrix product, whose gradient takes half of the time on
    two CPU cores.
    """

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__(inputs, outputs, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Map `(B, C, h, w)` to `(B, outputs, h, w)`."""
        if not torch.is_grad_enabled():
            return super().forward(x)
        pixels = functional.linear(x.permute(0, 2, 3, 1), self.weight.flatten(1), self.bias)
        return pixels.permute(0, 3, 1, 2)


def upsample2x(maps: Tensor) -> Tensor:
    """Maps `(B, C, h, w)` at twice their size, bilinear, corners not aligned."""
    return functional.interpolate(maps, scale_factor=2, mode="bilinear", align_corners=False)


def bounded_logit(logit: Tensor) -> Tensor:
    """A logit as the input of a network: clamped to ±8 and divided by 4, so within ±2.

    Beyond ±8 a score is saturated (`types.SATURATED_LOGIT`), and inputs of magnitude 2 at most have
    the scale of the scores that are the other inputs.
    """
    return logit.clamp(-SATURATED_LOGIT, SATURATED_LOGIT) / 4


def highest_other(maps: Tensor) -> Tensor:
    """For each of K > 1 maps `(K, h, w)` the highest value among the other maps, pixel by pixel."""
    best, at = maps.max(0, keepdim=True)
    second = maps.scatter(0, at, -torch.inf).amax(0, keepdim=True)
    is_best = at == torch.arange(len(maps), device=maps.device)[:, None, None]
    return torch.where(is_best, second, best)


def fold_batch_norms(module: nn.Module, pairs: Iterable[tuple[str, str]]) -> None:
    """Fold batch norms into the convolutions before them, for inference.

    Args:
        module: Has the convolutions and the norms as attributes.
        pairs: Names of a convolution and of its norm, which becomes the identity.
    """
    for convolution, norm in pairs:
        fused = fuse_conv_bn_eval(getattr(module, convolution).eval(), getattr(module, norm).eval())
        setattr(module, convolution, fused)
        setattr(module, norm, nn.Identity())


def assign_state(net: nn.Module, state: Mapping[str, Tensor]) -> None:
    """Give a network the tensors of a weights file.

    Args:
        net: The network, which may be on the device `meta`.
        state: Tensors by name; not copied.

    Raises:
        WeightsError: Names or shapes differ; the message names the first that does.
    """
    try:
        net.load_state_dict(state, assign=True)
    except RuntimeError as error:
        wanted = net.state_dict()
        odd = sorted(set(wanted) ^ set(state)) or sorted(
            name for name in wanted if wanted[name].shape != state[name].shape
        )
        raise WeightsError(
            f"these weights belong to another network than this version of rotoline runs "
            f"({odd[0] if odd else error} differs); use weights that were trained with this "
            "version, or convert those of an older one: rotoline weights convert OLD NEW"
        ) from error

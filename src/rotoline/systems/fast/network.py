"""All learned parts of the `fast` preset in one module, so that they train and ship together."""

import copy
import math
from collections.abc import Mapping

import torch
from torch import Tensor, nn

from rotoline.nets.layers import assign_state, channels_last
from rotoline.runtime.device import Precision
from rotoline.stages.regions.evidence import FEATURES, RegionModel
from rotoline.systems.fast.encoder import Encoder
from rotoline.systems.fast.memory_readout import MemoryReadout
from rotoline.systems.fast.propagation import PropagationNet
from rotoline.systems.fast.refinement import RefinementNet
from rotoline.systems.fast.upsampling import Upsampler

REGION_UNITS = 8
"""Hidden units of the region filter's network."""


ADDED_LAYERS = ("encoder.objectness.", "encoder.guide_objectness.", "upsampler.")
"""Layers that weights of before do not have."""


class RegionNumbers(nn.Module):
    """The numbers of the region filter, which `rotoline train regions` learns.

    See `rotoline.stages.regions.evidence.RegionModel`. They have no gradients, and are 0 in a new
    network.
    """

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("means", torch.zeros(len(FEATURES)))
        self.register_buffer("hidden_weights", torch.zeros(len(FEATURES), REGION_UNITS))
        self.register_buffer("hidden_biases", torch.zeros(REGION_UNITS))
        self.register_buffer("weights", torch.zeros(REGION_UNITS))
        self.register_buffer("bias", torch.zeros(()))

    def as_model(self) -> RegionModel:
        """The numbers as arrays."""
        means, hidden_weights, hidden_biases, weights, bias = self.buffers()
        return RegionModel(
            means.numpy(),
            hidden_weights.numpy(),
            hidden_biases.numpy(),
            weights.numpy(),
            float(bias),
        )


class FastNet(nn.Module):
    """The shared encoder, small networks that run once per object, the region filter's numbers."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = Encoder()
        self.memory_readout = MemoryReadout()
        self.refinement = RefinementNet()
        self.propagation = PropagationNet()
        self.region_model = RegionNumbers()
        # A new network has the random numbers in all other layers that it had without this one.
        with torch.random.fork_rng(devices=()):
            self.upsampler = Upsampler()
        self.logit_scale = nn.Parameter(torch.tensor(4.0))
        """Maps the output of a ridge classifier to a logit, with `logit_shift`."""
        self.logit_shift = nn.Parameter(torch.tensor(0.0))
        self.log_ridge = nn.Parameter(torch.tensor(math.log(1e-2)))

    @property
    def ridge(self) -> Tensor:
        """Strength of the L2 regularisation of the ridge classifiers, a scalar."""
        return self.log_ridge.exp()

    def fold(self) -> "FastNet":
        """Prepare for inference: batch norms folded, channels last, no gradients."""
        self.eval()
        self.encoder.backbone.fold()
        return channels_last(self.requires_grad_(requires_grad=False))


_BACKBONE = "encoder.backbone."


def copy_but_backbone(net: FastNet) -> FastNet:
    """A copy of everything but the backbone, which is never tuned on a clip, and is shared."""
    backbone = net.encoder.backbone
    return copy.deepcopy(net, {id(backbone): backbone})


def at_precision(net: FastNet, precision: Precision) -> FastNet:
    """The network with its backbone in a precision; `net` itself if it is in that one."""
    if net.encoder.precision == precision:
        return net
    copied = copy_but_backbone(net)
    copied.encoder.precision = precision
    return copied


def all_but_backbone(net: FastNet) -> dict[str, Tensor]:
    """The tensors that `with_tensors` needs; not copied."""
    state = net.state_dict()
    return {name: value for name, value in state.items() if not name.startswith(_BACKBONE)}


def with_tensors(net: FastNet, tensors: Mapping[str, Tensor]) -> FastNet:
    """A network with the backbone of `net` and these tensors for everything else."""
    copied = copy_but_backbone(net)
    copied.load_state_dict({**net.state_dict(), **tensors})
    return copied


def network_from_state(state: Mapping[str, Tensor]) -> FastNet:
    """Build the network from the tensors of a weights file, ready for inference.

    Weights that were trained before there were an objectness and an upsampler have 0 for them,
    which changes nothing.

    Raises:
        WeightsError: The tensors are not those of this network.
    """
    with torch.device("meta"):
        net = FastNet()
    added = {
        name: torch.zeros(value.shape, dtype=torch.float32)
        for name, value in net.state_dict().items()
        if name.startswith(ADDED_LAYERS)
    }
    assign_state(net, {**added, **state})
    return net.fold()

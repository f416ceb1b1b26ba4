"""All learned parts of the `fast` preset in one module, so that they train and ship together."""

import math
from collections.abc import Mapping

import torch
from torch import Tensor, nn

from rotoline.nets.layers import assign_state, channels_last
from rotoline.systems.fast.encoder import Encoder
from rotoline.systems.fast.memory_readout import MemoryReadout
from rotoline.systems.fast.propagation import PropagationNet
from rotoline.systems.fast.refinement import RefinementNet


class FastNet(nn.Module):
    """The shared encoder, the small networks that run once per object, and three scalars."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = Encoder()
        self.memory_readout = MemoryReadout()
        self.refinement = RefinementNet()
        self.propagation = PropagationNet()
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


def network_from_state(state: Mapping[str, Tensor]) -> FastNet:
    """Build the network from the tensors of a weights file, ready for inference.

    Raises:
        WeightsError: The tensors are not those of this network.
    """
    with torch.device("meta"):
        net = FastNet()
    assign_state(net, state)
    return net.fold()

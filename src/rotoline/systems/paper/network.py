"""All networks of the `paper` preset in one module, so that they are stored together."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from rotoline.errors import WeightsError
from rotoline.nets.layers import assign_state
from rotoline.nets.resnet import BLOCKS
from rotoline.systems.paper.segmentation import SegmentationNet
from rotoline.systems.paper.spn import GuidedPropagationNet


class PaperNet(nn.Module):
    """The generic foreground network, from which every object's network starts, and the SPN.

    Args:
        blocks: Blocks in each stage of the ResNet, as for `ResNet101`.
        has_spn: Whether there is an SPN: it is trained after the foreground network.
        signed_gates: As for `GuidedPropagationNet`.
    """

    def __init__(
        self,
        blocks: tuple[int, int, int, int] = BLOCKS,
        *,
        has_spn: bool = True,
        signed_gates: bool = False,
    ) -> None:
        super().__init__()
        self.foreground = SegmentationNet(blocks)
        self.spn = GuidedPropagationNet(signed_gates=signed_gates) if has_spn else None


def network_from_state(state: Mapping[str, Tensor], *, signed_gates: bool = False) -> PaperNet:
    """Build the network from the tensors of a weights file, without gradients.

    Args:
        state: Tensors by name. The depth of the ResNet is that of the file; without tensors of an
            SPN, `spn` is None.
        signed_gates: As for `GuidedPropagationNet`.

    Raises:
        WeightsError: The tensors are not those of this network.
    """
    prefix = "foreground.backbone.layer"
    one, two, three, four = (
        len({name.split(".")[3] for name in state if name.startswith(f"{prefix}{stage}.")})
        for stage in (1, 2, 3, 4)
    )
    if not (one and two and three and four):
        raise WeightsError(
            "these weights hold no network of the preset paper; train one with `rotoline train "
            "paper-foreground`, or use the preset that the weights belong to"
        )
    has_spn = any(name.startswith("spn.") for name in state)
    with torch.device("meta"):
        net = PaperNet((one, two, three, four), has_spn=has_spn, signed_gates=signed_gates)
    assign_state(net, state)
    return net.requires_grad_(requires_grad=False).eval()

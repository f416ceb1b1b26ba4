"""All learned parts of the `paper` preset in one module, so that they ship together."""

from torch import nn

from rotoline.nets.guidance import GuidedPropagation
from rotoline.nets.resnet import BLOCKS
from rotoline.nets.segmentation import SegmentationNet


class PaperNet(nn.Module):
    """The generic foreground network, from which every object's network starts, and the SPN.

    Args:
        blocks: As for `ResNet101`.
        propagates: Whether there is an SPN: it is trained after the foreground network.
        signed: As for `GuidedPropagation`.
    """

    def __init__(
        self,
        blocks: tuple[int, int, int, int] = BLOCKS,
        *,
        propagates: bool = True,
        signed: bool = False,
    ) -> None:
        super().__init__()
        self.foreground = SegmentationNet(blocks)
        self.propagation = GuidedPropagation(signed=signed) if propagates else None

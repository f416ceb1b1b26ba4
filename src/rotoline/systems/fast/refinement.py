"""The refinement network: an object's logit, corrected by temporal context and other objects."""

from torch import Tensor, cat, nn
from torch.nn import functional

from rotoline.nets.layers import Pointwise, bounded_logit
from rotoline.systems.fast.encoder import COARSE_GUIDANCE, GUIDANCE, Features


class RefinementNet(nn.Module):
    """Adds a correction to the logit of every object.

    Its inputs are where the object was, where the readouts find it, and where the other objects
    are. What depends on the frame alone (`Features.guidance`) is computed once for all objects and
    added to the layers of each object. Half of the work happens at stride 8, with dilation, so that
    a correction depends on the 64 pixels of the frame to each side of it.
    """

    def __init__(self) -> None:
        super().__init__()
        self.in_conv = nn.Conv2d(2, GUIDANCE, 3, padding=1)
        self.in_conv_others = nn.Conv2d(2, GUIDANCE, 3, padding=1, bias=False)
        self.in_conv_readout = nn.Conv2d(2, COARSE_GUIDANCE, 3, padding=1, bias=False)
        self.down = nn.Conv2d(GUIDANCE, COARSE_GUIDANCE, 3, stride=2, padding=1)
        self.context = nn.ModuleList(
            nn.Conv2d(COARSE_GUIDANCE, COARSE_GUIDANCE, 3, padding=dilation, dilation=dilation)
            for dilation in (2, 4)
        )
        self.up = Pointwise(COARSE_GUIDANCE, GUIDANCE)
        self.out_conv = nn.Conv2d(GUIDANCE, 1, 3, padding=1)

    def forward(
        self,
        logit: Tensor,
        previous: Tensor,
        readout: Tensor | None,
        others: Tensor | None,
        features: Features,
    ) -> Tensor:
        """Correct the logits of K objects.

        Args:
            logit: `(K, 1, h, w)`, one map per object.
            previous: `(K, 1, h, w)` in [0, 1]: each object's score map of the previous frame, 0
                where it is unknown.
            readout: `(K, 2, h / 2, w / 2)` in [0, 1]: the object's score carried along from the
                previous frame, and looked up in the annotated frames; None leaves both out.
            others: `(K, 2, h, w)`: the highest logit of the other objects, and the highest of their
                previous scores; None where there is no other object.
            features: Features of one frame (B = 1).

        Returns:
            `(K, 1, h, w)`: corrected logits.
        """
        joined = self.in_conv(cat((bounded_logit(logit), previous), dim=1)).add_(features.guidance)
        if others is not None:
            other_logit, other_previous = others.split(1, dim=1)
            joined = joined.add_(
                self.in_conv_others(cat((bounded_logit(other_logit), other_previous), dim=1))
            )
        fine = functional.relu(joined, inplace=True)
        coarse = self.down(fine).add_(features.coarse_guidance)
        if readout is not None:
            coarse = coarse.add_(self.in_conv_readout(2 * readout - 1))
        coarse = functional.relu(coarse, inplace=True)
        for context in self.context:
            coarse = coarse + functional.relu(context(coarse), inplace=True)
        back = functional.interpolate(
            self.up(coarse), size=fine.shape[-2:], mode="bilinear", align_corners=False
        )
        correction: Tensor = self.out_conv(functional.relu(back.add_(fine), inplace=True))
        return logit + correction

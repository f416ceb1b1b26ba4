"""The two small networks that run once per object: prior-aware fusion and propagation."""

from torch import Tensor, cat, nn
from torch.nn import functional

from rotoline.kernels.propagation import propagate
from rotoline.nets.embedding import COARSE_GUIDANCE, DECODED, GUIDANCE, LIFTED, Features


class PriorFusion(nn.Module):
    """An object's logit, corrected by where the object was and by where its rivals are.

    The layers that see only the frame (`Features.guidance`) were computed once for all objects;
    here they are added to what the object brings. Half of the work happens at stride 8, with
    dilation, so that a correction sees some 100 pixels around it.
    """

    def __init__(self) -> None:
        super().__init__()
        self.enter = nn.Conv2d(2, GUIDANCE, 3, padding=1)
        self.enter_rivals = nn.Conv2d(2, GUIDANCE, 3, padding=1, bias=False)
        self.enter_recalled = nn.Conv2d(2, COARSE_GUIDANCE, 3, padding=1, bias=False)
        self.down = nn.Conv2d(GUIDANCE, COARSE_GUIDANCE, 3, stride=2, padding=1)
        self.middle = nn.Conv2d(COARSE_GUIDANCE, COARSE_GUIDANCE, 3, padding=2, dilation=2)
        self.wide = nn.Conv2d(COARSE_GUIDANCE, COARSE_GUIDANCE, 3, padding=4, dilation=4)
        self.up = nn.Conv2d(COARSE_GUIDANCE, GUIDANCE, 1)
        self.leave = nn.Conv2d(GUIDANCE, 1, 3, padding=1)

    def forward(
        self,
        logit: Tensor,
        prior: Tensor,
        recalled: Tensor | None,
        rivals: Tensor | None,
        features: Features,
    ) -> Tensor:
        """Correct the logits.

        Args:
            logit: `(K, 1, h, w)`, one map per object.
            prior: `(K, 1, h, w)` in [0, 1], each object's previous mask, 0 where unknown.
            recalled: `(K, 2, h / 2, w / 2)` in [0, 1]: the object's score carried along from the
                frame before, and looked up in the marked frames; None leaves both out.
            rivals: `(K, 2, h, w)`: the highest logit of the other objects, and the highest of
                their previous masks; None where there is no other object.
            features: Of one frame (B = 1).

        Returns:
            `(K, 1, h, w)`: corrected logits.
        """
        joined = self.enter(cat((logit.clamp(-8, 8) / 4, prior), dim=1)).add_(features.guidance)
        if rivals is not None:
            other, prior = rivals.split(1, dim=1)
            joined = joined.add_(self.enter_rivals(cat((other.clamp(-8, 8) / 4, prior), dim=1)))
        fine = functional.relu(joined, inplace=True)
        coarse = self.down(fine).add_(features.coarse_guidance)
        if recalled is not None:
            coarse = coarse.add_(self.enter_recalled(2 * recalled - 1))
        coarse = functional.relu(coarse, inplace=True)
        coarse = coarse + functional.relu(self.middle(coarse), inplace=True)
        coarse = coarse + functional.relu(self.wide(coarse), inplace=True)
        back = functional.interpolate(
            self.up(coarse), size=fine.shape[-2:], mode="bilinear", align_corners=False
        )
        return logit + self.leave(functional.relu(back.add_(fine), inplace=True))


class Propagation(nn.Module):
    """The spatial propagation network: lift, propagate twice with shared gates, decode.

    Paper section "Spatial Propagation Network" and the structure of the published code: the map is
    lifted to several channels, scanned in four directions, merged by the maximum, and that once
    more. Deviations: gates are softmax-4 (a convex combination, so nothing leaves its range) and
    shared by all channels and objects; they come from the shared embedding and not from a VGG-16,
    which also adds to the lifted and to the decoded map (`Features.edges`).
    """

    def __init__(self) -> None:
        super().__init__()
        self.lift = nn.Conv2d(2, LIFTED, 3, padding=1)
        self.decode = nn.Conv2d(2 * LIFTED, DECODED, 3, padding=1)
        self.leave = nn.Conv2d(DECODED, 1, 3, padding=1)

    def forward(self, logit: Tensor, features: Features) -> Tensor:
        """Sharpen the logits.

        Args:
            logit: `(K, 1, h, w)`, one map per object.
            features: Of one frame (B = 1).

        Returns:
            `(K, 1, h, w)`: sharpened logits.
        """
        before, after = features.edges.split((LIFTED, DECODED), dim=1)
        lifted = self.lift(cat((logit.clamp(-8, 8) / 4, logit.sigmoid()), dim=1)).add_(before)
        lifted = functional.relu(lifted, inplace=True)
        once = propagate(lifted, features.gates, merge="max")
        twice = propagate(once, features.gates, merge="max")
        decoded = self.decode(cat((lifted, twice), dim=1)).add_(after)
        return logit + self.leave(functional.relu(decoded, inplace=True))

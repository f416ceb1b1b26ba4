"""The stage `propagate` of the `fast` preset: a small spatial propagation network (SPN).

    frame ─► encode ─► score ─► limit ─► [propagate] ─► filter ─► fuse ─► labels

Runs once per object, under the gates that the encoder computed for the frame. See
docs/method/fast.md#propagate.
"""

import math

from torch import Tensor, cat, nn
from torch.nn import functional

from rotoline.kernels.propagation import propagate
from rotoline.nets.layers import bounded_logit
from rotoline.systems.fast.encoder import DECODED, LIFTED, Features

NEARBY = 8
"""How far, in pixels of the maps, the values lie that limit what the propagation gives."""


class PropagationNet(nn.Module):
    """Lifts a map to several channels, propagates it twice with the same gates, and decodes it.

    Source:
        Paper, section "Spatial Propagation Network", and the structure of the published code: the
        map is lifted to several channels, scanned in four directions and merged by the maximum,
        twice in succession. Deviations: gates are softmax-4 (a convex combination, so nothing
        leaves its range) and shared by all channels and objects; they come from the shared encoder
        and not from a VGG-16. The encoder also adds to the lifted and to the decoded maps
        (`Features.edges`). Effect of the stage: docs/results.md.
    """

    def __init__(self) -> None:
        super().__init__()
        self.lift = nn.Conv2d(2, LIFTED, 3, padding=1)
        self.decode = nn.Conv2d(2 * LIFTED, DECODED, 3, padding=1)
        self.out_conv = nn.Conv2d(DECODED, 1, 3, padding=1)

    def forward(self, logit: Tensor, features: Features) -> Tensor:
        """Refine the logits of K objects.

        Args:
            logit: `(K, 1, h, w)`, one map per object.
            features: Features of one frame (B = 1).

        Returns:
            `(K, 1, h, w)`: refined logits.
        """
        before, after = features.edges.split((LIFTED, DECODED), dim=1)
        lifted = self.lift(cat((bounded_logit(logit), logit.sigmoid()), dim=1)).add_(before)
        lifted = functional.relu(lifted, inplace=True)
        once = propagate(lifted, features.gates, merge="max")
        twice = propagate(once, features.gates, merge="max")
        decoded = self.decode(cat((lifted, twice), dim=1)).add_(after)
        correction: Tensor = self.out_conv(functional.relu(decoded, inplace=True))
        return logit + correction


def within_nearby(refined: Tensor, logits: Tensor) -> Tensor:
    """Limit refined logits to the range that the logits have nearby before the refinement.

    So the propagation moves borders, by up to `NEARBY` pixels, and neither opens a hole where
    everything around is object nor finds an object where there is none. A propagation whose gates
    are convex leaves no range by itself; the learned layers around it do, where a picture is plain,
    and the next frame keeps the hole (docs/decisions/0017-mean-weights.md).

    Args:
        refined: `(K, h, w)`, from `PropagationNet`.
        logits: `(K, h, w)`, its input.

    Returns:
        `(K, h, w)`: `refined`, where it is between the smallest and the largest of the logits in
        the square of 2 `NEARBY` + 1 pixels around, and otherwise the nearer of the two.
    """
    return refined.maximum(-_largest_nearby(-logits)).minimum(_largest_nearby(logits))


def _largest_nearby(maps: Tensor) -> Tensor:
    """For each pixel of `(K, h, w)` the largest value in the square around it.

    The windows double, so that five maxima of whole maps take the place of 17 in each direction.
    """
    side = 2 * NEARBY + 1
    for axis in (1, 2):
        padding = (NEARBY, NEARBY) if axis == 2 else (0, 0, NEARBY, NEARBY)
        largest = functional.pad(maps, padding, value=-math.inf)
        width = 1
        while width < side:
            step = min(width, side - width)
            count = largest.shape[axis] - step
            largest = largest.narrow(axis, 0, count).maximum(largest.narrow(axis, step, count))
            width += step
        maps = largest
    return maps

"""All learned parts of the `fast` preset in one module, so that they train and ship together."""

import math

import torch
from torch import Tensor, nn

from rotoline.nets.embedding import Embedding
from rotoline.nets.objects import PriorFusion, Propagation
from rotoline.nets.recall import Recall


class FastNet(nn.Module):
    """The shared embedding, the per-object networks, and three scalars of the closed-form rule."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = Embedding()
        self.recall = Recall()
        self.fusion = PriorFusion()
        self.propagation = Propagation()
        self.scale = nn.Parameter(torch.tensor(4.0))
        """Raw score to logit."""
        self.shift = nn.Parameter(torch.tensor(0.0))
        self.log_damping = nn.Parameter(torch.tensor(math.log(1e-2)))

    @property
    def damping(self) -> Tensor:
        """Strength of the ridge."""
        return self.log_damping.exp()

    def fold(self) -> "FastNet":
        """Make it ready for inference: batch norms folded, channels last, no gradients."""
        self.eval()
        self.embedding.backbone.fold()
        return self.requires_grad_(False).to(memory_format=torch.channels_last)

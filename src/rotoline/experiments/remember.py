"""Compute what depends on the frame alone once, for several configurations on the same clip."""

from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import blake2b

from torch import Tensor, nn

from rotoline.nets.embedding import Features
from rotoline.nets.fast import FastNet


class RememberedEmbedding(nn.Module):
    """Gives what `embedding` gives, and computes it only for inputs it has not seen.

    An input is known by the bytes of its pixels, its shape and its layout in memory, so results
    are the same to the bit. Features are handed out as they are, not copied: who reads them must
    not change them. They take 10 to 15 MB for a frame of 854x480; `forget` lets them go.
    """

    def __init__(self, embedding: nn.Module):
        super().__init__()
        self.embedding = embedding
        self.passes = 0
        """How often something had to be computed."""
        self._features: dict[tuple, Features] = {}

    def forward(self, frames: Tensor) -> Features:
        """Look at frames `(B, 3, H, W)`, or recall them."""
        # Channels last, as the pipeline has them, so that nothing has to be copied.
        pixels = frames.permute(0, 2, 3, 1).contiguous().numpy()
        key = (frames.dtype, frames.shape, frames.stride(), blake2b(pixels).digest())
        if key not in self._features:
            self.passes += 1
            self._features[key] = self.embedding(frames)
        return self._features[key]

    def forget(self) -> None:
        """Drop all features, for the next clip."""
        self._features.clear()


@contextmanager
def remembering(net: FastNet) -> Iterator[RememberedEmbedding]:
    """Put a `RememberedEmbedding` into `net` while the block runs."""
    embedding = net.embedding
    net.embedding = RememberedEmbedding(embedding)
    try:
        yield net.embedding
    finally:
        net.embedding = embedding

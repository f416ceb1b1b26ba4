"""Compute once, for several configurations on the same clip, what does not depend on them."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from hashlib import blake2b
from typing import Protocol

from torch import Tensor, nn

from rotoline.model import Model
from rotoline.annotations import Annotations
from rotoline.systems.fast.encoder import Features
from rotoline.systems.fast.network import FastNet
from rotoline.systems.paper.network import PaperNet
from rotoline.parts import paper
from rotoline.systems.paper.system import Learned, Networks, PaperConfig, PaperParts, View
from rotoline.runtime.progress import Report
from rotoline.types import Frame


class Memory(Protocol):
    """What a preset remembers of a clip."""

    passes: int
    """How often something had to be computed."""

    def forget(self) -> None:
        """Drop everything, for the next clip."""
        ...


@contextmanager
def cached(model: Model) -> Iterator[tuple[Model, Memory]]:
    """The model with a memory, and that memory, while the block runs.

    The preset `fast` remembers the features of each frame; `paper` what it has learned, the
    coarse logits of each frame and what propagation made of them.
    """
    if isinstance(model.net, FastNet):
        embedding = model.net.embedding
        model.net.embedding = CachedEncoder(embedding)
        try:
            yield model, model.net.embedding
        finally:
            model.net.embedding = embedding
    else:
        memory = RememberedLearning()
        yield replace(model, learn=memory), memory


class CachedEncoder(nn.Module):
    """Gives what `embedding` gives, and computes it only for inputs it has not seen.

    Results are the same to the bit. Features are handed out as they are, not copied: who reads
    them must not change them. They take 10 to 15 MB for a frame of 854x480.
    """

    def __init__(self, embedding: nn.Module):
        super().__init__()
        self.embedding = embedding
        self.passes = 0
        self._features: dict[tuple, Features] = {}

    def forward(self, frames: Tensor) -> Features:
        """Look at frames `(B, 3, H, W)`, or recall them."""
        key = _key(frames)
        if key not in self._features:
            self.passes += 1
            self._features[key] = self.embedding(frames)
        return self._features[key]

    def forget(self) -> None:
        """Drop all features, for the next clip."""
        self._features.clear()


class RememberedLearning:
    """Stage 2 of the preset `paper`, which learns once for all settings that learn the same.

    The foreground is an object like the others, so with and without its fine-tuning the objects
    are the same.
    """

    def __init__(self) -> None:
        self.passes = 0
        self._learned: dict[tuple, tuple[RememberedLook, tuple[int, int]]] = {}
        self._sharpened: dict[tuple, Tensor] = {}

    def __call__(
        self,
        net: PaperNet,
        marked: Mapping[int, Frame],
        marks: Annotations,
        config: PaperConfig,
        report: Report,
    ) -> PaperParts:
        """Learn, or recall what was learned."""
        adapt, rest = config.adapt, (config.foreground.pixels, config.seed)
        tuned = adapt.model_copy(update={"foreground": True})
        if (adapt, *rest) not in self._learned:
            if (tuned, *rest) in self._learned:
                look, size = self._learned[tuned, *rest]
                learned = RememberedLook(_Limited(look, Networks([], net.foreground)))
            else:
                self.passes += 1
                parts = paper.learn(net, marked, marks, config, report)
                learned, size = RememberedLook(parts.learned), parts.size
            self._learned[adapt, *rest] = learned, size
        learned, size = self._learned[adapt, *rest]
        return RememberedParts(net, learned, config, size, self._sharpened)

    def forget(self) -> None:
        """Drop everything, for the next clip."""
        self._learned.clear()
        self._sharpened.clear()


class RememberedParts(PaperParts):
    """The parts of the preset, with the results of propagation kept in `sharpened`."""

    def __init__(
        self,
        net: PaperNet,
        learned: Learned,
        config: PaperConfig,
        size: tuple[int, int],
        sharpened: dict[tuple, Tensor],
    ):
        super().__init__(net, learned, config, size)
        self._sharpened = sharpened

    def sharpen(self, logits: Tensor, view: View) -> Tensor:
        """As the parts do, once for the same logits of a frame and the same settings."""
        key = (
            *_key(logits),
            *_key(view.pixels),
            self.config.propagate,
            self.config.adapt.precision,
        )
        if key not in self._sharpened:
            self._sharpened[key] = super().sharpen(logits, view)
        return self._sharpened[key].clone()  # the filter writes into it


class RememberedLook:
    """Gives the logits that `learned` gives, and computes them only once for a frame."""

    def __init__(self, learned: Learned):
        self.learned = learned
        self._views: dict[tuple, tuple[Tensor, Callable[[], Tensor]]] = {}

    def look(self, pixels: Tensor) -> tuple[Tensor, Callable[[], Tensor]]:
        """As of `learned`."""
        key = _key(pixels)
        if key not in self._views:
            foreground, objects = self.learned.look(pixels)
            self._views[key] = foreground, _once(objects)
        return self._views[key]


class _Limited:
    """The objects of one, and the foreground of another."""

    def __init__(self, objects: Learned, foreground: Learned):
        self.objects, self.foreground = objects, foreground

    def look(self, pixels: Tensor) -> tuple[Tensor, Callable[[], Tensor]]:
        return self.foreground.look(pixels)[0], self.objects.look(pixels)[1]


def _once(compute: Callable[[], Tensor]) -> Callable[[], Tensor]:
    """A function that computes when it is first called, and lets go of what it needed."""
    todo, done = [compute], []

    def give() -> Tensor:
        if todo:
            done.append(todo.pop()())
        return done[0]

    return give


def _key(frames: Tensor) -> tuple:
    """What tells inputs apart: the bytes of the pixels, the shape and the layout in memory."""
    # Channels last, as the pipeline has them, so that nothing has to be copied.
    pixels = frames.permute(0, 2, 3, 1).contiguous().cpu().numpy()
    return frames.dtype, frames.shape, frames.stride(), blake2b(pixels).digest()

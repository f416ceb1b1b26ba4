"""The parts of the `paper` preset: a fine-tuned ResNet-101 for every object, and a guided SPN."""

from collections.abc import Callable, Mapping
from typing import Literal, NamedTuple, Protocol

import numpy as np
import torch
from torch import Tensor

from rotoline.device import autocast
from rotoline.errors import WeightsError
from rotoline.learning.logistic import Heads, apply_heads
from rotoline.marks import Marks
from rotoline.nets.paper import PaperNet
from rotoline.nets.segmentation import SegmentationNet, upsample_logits
from rotoline.pipeline import PipelineConfig
from rotoline.progress import Report
from rotoline.stages.finetune import FineTuneConfig, Marked, fine_tune, rows_of, solve_objects
from rotoline.stages.foreground import ForegroundConfig, to_tensor, working_size
from rotoline.stages.fuse import FuseConfig
from rotoline.stages.propagate import propagate_scores
from rotoline.stages.regions import RegionsConfig
from rotoline.types import Frame


class PaperConfig(PipelineConfig):
    """The settings of the published system; where paper and code differ, see docs/method.md."""

    preset: Literal["paper"] = "paper"
    foreground: ForegroundConfig = ForegroundConfig(rule="mask")
    adapt: FineTuneConfig = FineTuneConfig()
    regions: RegionsConfig = RegionsConfig(rule="paper")
    fuse: FuseConfig = FuseConfig(background=100 / 255)


class View(NamedTuple):
    """What is known of a frame before its objects."""

    pixels: Tensor
    """`(1, 3, H, W)` in [0, 255], on the device of the nets."""
    foreground: Tensor
    """`(1, 1, H, W)`: logits."""
    objects: Callable[[], Tensor]
    """Gives the objects' logits `(K, 1, H, W)`."""


class Learned(Protocol):
    """What was learned of all objects and of the foreground."""

    def look(self, pixels: Tensor) -> tuple[Tensor, Callable[[], Tensor]]:
        """Coarse logits `(1, h, w)` of the foreground, and a function giving `(K, h, w)`."""
        ...


class Networks(NamedTuple):
    """A network for every object and one for the foreground: each looks at the frame by itself."""

    objects: list[SegmentationNet]
    foreground: SegmentationNet

    def look(self, pixels: Tensor) -> tuple[Tensor, Callable[[], Tensor]]:
        """Coarse logits `(1, h, w)` of the foreground, and a function giving `(K, h, w)`."""
        foreground = _difference(self.foreground.coarse(self.foreground.maps(pixels)))
        if self.objects == [self.foreground]:  # the one object is the foreground
            return foreground, lambda: foreground
        return foreground, lambda: torch.cat(
            [_difference(net.coarse(net.maps(pixels))) for net in self.objects]
        )


class Solved(NamedTuple):
    """Heads on the features of one network, which are computed once."""

    net: SegmentationNet
    heads: Heads
    """Of the objects and, as the last of several, of the foreground."""
    count: int
    """How many objects there are."""
    is_foreground_solved: bool
    """Whether the foreground has a head; the generic one of the network limits the objects if
    not."""

    def look(self, pixels: Tensor) -> tuple[Tensor, Callable[[], Tensor]]:
        """Coarse logits `(1, h, w)` of the foreground, and a function giving `(K, h, w)`."""
        maps = self.net.maps(pixels)
        logits = apply_heads(self.heads, tuple(part.float() for part in maps))
        generic = logits[-1:] if self.is_foreground_solved else _difference(self.net.coarse(maps))
        return generic, lambda: logits[: self.count]


class PaperParts:
    """Networks or heads of all objects and of the foreground; nothing is learned on the way."""

    stride = 1

    def __init__(
        self,
        net: PaperNet,
        learned: Learned,
        config: PaperConfig,
        size: tuple[int, int],
    ):
        self.net, self.learned, self.config, self.size = net, learned, config, size

    def fresh(self) -> "PaperParts":
        """The same: frames are looked at one by one."""
        return self

    def look(self, frame: Frame) -> View:
        """The frame and its foreground."""
        pixels = to_tensor(frame, self.size).to(_device(self.net))
        with autocast(pixels.device, self.config.adapt.precision):
            foreground, objects = self.learned.look(pixels)
        return View(pixels, _full(foreground), lambda: _full(objects()))

    def score(self, view: View, scores: Tensor) -> tuple[Tensor, Tensor]:
        """Logits of the objects, `(K, 1, H, W)`, and of the foreground, `(1, 1, H, W)`."""
        del scores  # the paper's networks know no past
        with autocast(view.pixels.device, self.config.adapt.precision):
            return view.objects(), view.foreground

    def sharpen(self, logits: Tensor, view: View) -> Tensor:
        """Logits `(K, 1, H, W)`, propagated under the guidance of the frame."""
        with autocast(view.pixels.device, self.config.adapt.precision):
            return propagate_scores(
                self.net.propagation, logits, view.pixels, self.config.propagate
            )

    def update(self, view: View, logits: Tensor, active: np.ndarray) -> None:
        """The paper learns nothing while the video runs."""

    def stand_at(self, index: int) -> None:
        """Nothing is remembered of a frame."""


def learn(
    net: PaperNet,
    marked: Mapping[int, Frame],
    marks: Marks,
    config: PaperConfig,
    report: Report,
) -> PaperParts:
    """Stage 2: fine-tune networks or solve heads.

    Raises:
        WeightsError: Scores are to be propagated, and the weights hold nothing for that.
    """
    if config.propagate.enabled and net.propagation is None:
        raise WeightsError(
            "these weights hold no propagation network; train one (rotoline train propagation), "
            "or leave it out with --set propagate.enabled=false"
        )
    size, device = working_size(marks.size, config.foreground.pixels), _device(net)
    masks = {i: (marks.masks_at(i, size) >= 0.5).float() for i in marked}
    rows = rows_of(masks, foreground=config.adapt.foreground)
    views = [
        Marked(to_tensor(frame, size).to(device), rows[i].to(device)) for i, frame in marked.items()
    ]
    count, generic = len(marks.object_ids), net.foreground
    if config.adapt.whole:
        nets = [one.fold() for one in fine_tune(generic, views, config.adapt, config.seed, report)]
        learned = Networks(nets[:count], nets[-1] if config.adapt.foreground else generic)
    else:
        heads = solve_objects(generic, views, config.adapt, config.seed)
        learned = Solved(generic, heads, count, config.adapt.foreground)
    return PaperParts(net, learned, config, size)


def _device(net: PaperNet) -> torch.device:
    return net.foreground.score.weight.device


def _difference(logits: Tensor) -> Tensor:
    """Logits `(1, 2, h, w)` of background and foreground as one, `(1, h, w)`."""
    return logits[:, 1] - logits[:, 0]


def _full(coarse: Tensor) -> Tensor:
    """Coarse logits `(K, h, w)` at the working size, `(K, 1, H, W)`, on the CPU."""
    return upsample_logits(coarse[:, None].float()).cpu()

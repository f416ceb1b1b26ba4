"""What a Python user calls: load a model, segment frames."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import nn

from rotoline import pipeline
from rotoline.allocator import keep_freed_memory
from rotoline.clock import Clock
from rotoline.device import choose_device
from rotoline.errors import ConfigError, WeightsError
from rotoline.io.weights import WeightsRecord, default_weights, load_paper_weights, load_weights
from rotoline.parts import fast, paper
from rotoline.pipeline import PipelineConfig
from rotoline.presets import FAST, PAPER, PresetName
from rotoline.progress import Report, ignore
from rotoline.types import Frame, FrameResult, LabelMap


@dataclass(frozen=True, eq=False)
class Model:
    """A loaded network, for as many clips as you like."""

    net: nn.Module
    record: WeightsRecord
    """What the weights are and where they come from."""
    config: PipelineConfig = FAST
    """The settings of its preset."""
    learn: Callable[..., pipeline.Parts] = fast.learn
    """Stage 2 of its preset: of net, marked frames, marks, settings and a report."""

    def segment(
        self,
        frames: Iterable[Frame],
        masks: LabelMap | Mapping[int, LabelMap],
        *,
        config: PipelineConfig | None = None,
        clock: Clock | None = None,
        report: Report = ignore,
    ) -> Iterator[FrameResult]:
        """Segment; see `rotoline.segment`.

        Args:
            frames: As there.
            masks: As there.
            config: Settings; those of the preset by default.
            clock: Adds up the seconds of each stage.
            report: Is told of the steps of learning, where that takes long.

        Raises:
            ConfigError: The settings are of another preset.
        """
        config = config or self.config
        if type(config) is not type(self.config):
            raise ConfigError(
                f"the settings are of the preset {config.preset}, the "
                f"network of {self.config.preset}; give settings of the same preset"
            )

        def learn(*marked: Any) -> pipeline.Parts:
            return self.learn(self.net, *marked, config, report)

        return pipeline.segment(frames, masks, learn, config, clock or Clock())


def load_model(weights: Path | None = None, preset: PresetName = "fast") -> Model:
    """Load weights: the ones that ship with rotoline, or your own.

    On Linux the process is asked to keep freed memory, see `rotoline.allocator`. The preset `paper`
    runs on a GPU where there is one.

    Args:
        weights: A weights file. The preset `paper` ships none.
        preset: What the weights are for.

    Raises:
        WeightsError: The file is missing, damaged, or not rotoline's.
    """
    keep_freed_memory()
    if preset == "fast":
        return Model(*load_weights(weights or default_weights()))
    if weights is None:
        raise WeightsError(
            "the preset paper ships no weights; give --weights with a file that `rotoline train "
            "foreground` and `rotoline train propagation` made (docs/training.md)"
        )
    net, record = load_paper_weights(weights)
    return Model(net.to(choose_device()), record, PAPER, paper.learn)


def segment(
    frames: Iterable[Frame],
    masks: LabelMap | Mapping[int, LabelMap],
    *,
    config: PipelineConfig = FAST,
) -> Iterator[FrameResult]:
    """Return the mask of every marked object in every frame.

    Args:
        frames: RGB frames, uint8 `(H, W, 3)`, all of one size: a list, an array, a generator, or
            what `rotoline.open_frames` gives. A generator is read as it is needed; the frames up
            to the last marked one are held, all others are not.
        masks: Object ids, integers `(H, W)` from 1 to 255 with 0 for background: one map for
            frame 0, or maps by frame index. An object may be marked in several frames, and all of
            them teach its model. A marked object comes out exactly as it was marked.
        config: Settings of the stages.

    Yields:
        One result per frame, as soon as it is ready. Where the first marked frame is not frame 0,
        the frames before it come first, backwards; `FrameResult.index` says which is which.
        Deterministic on the CPU.

    Raises:
        InputError: Frames or masks cannot be used; raised when the first result is asked for.

    Example:
        >>> import numpy as np
        >>> frames = np.zeros((3, 64, 96, 3), np.uint8)
        >>> frames[:, 20:40, 30:60] = (250, 120, 30)
        >>> mask = np.zeros((64, 96), np.uint8)
        >>> mask[20:40, 30:60] = 7
        >>> [result.object_ids for result in segment(frames, mask)]
        [[7], [7], [7]]
    """
    return load_model().segment(frames, masks, config=config)

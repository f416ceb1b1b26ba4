"""What a Python user calls: load a model, segment frames."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from rotoline import pipeline
from rotoline.allocator import keep_freed_memory
from rotoline.clock import Clock
from rotoline.io.weights import WeightsRecord, default_weights, load_weights
from rotoline.nets.fast import FastNet
from rotoline.pipeline import PipelineConfig
from rotoline.presets import FAST
from rotoline.types import Frame, FrameResult, LabelMap


@dataclass(frozen=True, eq=False)
class Model:
    """A loaded network, for as many clips as you like."""

    net: FastNet
    record: WeightsRecord
    """What the weights are and where they come from."""

    def segment(
        self,
        frames: Iterable[Frame],
        masks: LabelMap | Mapping[int, LabelMap],
        *,
        config: PipelineConfig = FAST,
        clock: Clock | None = None,
    ) -> Iterator[FrameResult]:
        """Segment; see `rotoline.segment`. `clock` adds up the seconds of each stage."""
        return pipeline.segment(frames, masks, self.net, config, clock or Clock())


def load_model(weights: Path | None = None) -> Model:
    """Load weights: the ones that ship with rotoline, or your own.

    On Linux the process is asked to keep freed memory, see `rotoline.allocator`.

    Raises:
        WeightsError: The file is missing, damaged, or not rotoline's.
    """
    keep_freed_memory()
    return Model(*load_weights(weights or default_weights()))


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

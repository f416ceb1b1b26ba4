"""The Python interface: load a model, segment frames, or track frame by frame."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rotoline import pipeline
from rotoline.errors import ConfigError, WeightsError
from rotoline.io.frame_store import temporary_store
from rotoline.io.paths import as_path
from rotoline.presets import FAST, find_preset
from rotoline.runtime.allocator import keep_freed_memory
from rotoline.runtime.progress import Listener, ignore_progress
from rotoline.runtime.timing import StageTimer
from rotoline.systems.protocol import System, SystemConfig, checked_config
from rotoline.trace import StageTrace
from rotoline.tracker import Tracker
from rotoline.types import Frame, FrameResult, LabelMap
from rotoline.weights.files import WeightsRecord, read_weights, shipped_weights


@dataclass(frozen=True, eq=False)
class Model:
    """A loaded network, which can segment any number of clips."""

    system: System[Any]
    """The network and its learner."""
    record: WeightsRecord
    """Description and origin of the weights."""
    config: SystemConfig
    """The default settings of the model's preset."""

    def segment(  # noqa: PLR0913 (choices of the caller)
        self,
        frames: Iterable[Frame],
        masks: LabelMap | Mapping[int, LabelMap],
        *,
        complete: bool | Collection[int] = False,
        config: SystemConfig | None = None,
        timer: StageTimer | None = None,
        trace: StageTrace | None = None,
        report: Listener = ignore_progress,
    ) -> Iterator[FrameResult]:
        """Return the mask of every annotated object in every frame; see `rotoline.segment`.

        Args:
            frames: As for `rotoline.segment`.
            masks: As for `rotoline.segment`.
            complete: As for `rotoline.segment`.
            config: Settings; the preset's defaults if None.
            timer: Adds up the seconds of each stage.
            trace: Records the maps of each stage in some frames; see `rotoline.StageTrace`.
            report: Called with the progress of learning and tuning, where they take long.

        Raises:
            ConfigError: The settings belong to another preset, or cannot be used.
        """
        tracker = self.tracker(config=config, timer=timer, trace=trace, report=report)
        return _segment(frames, masks, tracker, complete)

    def tracker(
        self,
        *,
        config: SystemConfig | None = None,
        timer: StageTimer | None = None,
        trace: StageTrace | None = None,
        report: Listener = ignore_progress,
    ) -> Tracker:
        """Return a tracker, for callers that own the loop over the frames; see `rotoline.Tracker`.

        Args:
            config: Settings; the preset's defaults if None.
            timer: Adds up the seconds of each stage.
            trace: Records the maps of each stage in some frames.
            report: Called with the progress of learning and tuning, where they take long.

        Raises:
            ConfigError: The settings belong to another preset, or cannot be used.
        """
        config = self.config if config is None else checked_config(config)
        if type(config) is not type(self.config):
            raise ConfigError(
                f"the settings belong to the preset {config.preset}, the network to the preset "
                f"{self.config.preset}; give settings and weights of one preset"
            )
        return Tracker(self.system, config, timer=timer, trace=trace, report=report)


def _segment(
    frames: Iterable[Frame],
    masks: LabelMap | Mapping[int, LabelMap],
    tracker: Tracker,
    complete: bool | Collection[int],
) -> Iterator[FrameResult]:
    """`pipeline.segment`, with the maps of the backward pass on the disk where they are many."""
    with closing(temporary_store()) as waiting:
        yield from pipeline.segment(frames, masks, tracker, waiting, complete=complete)


def load_model(weights: Path | str | None = None, preset: str = "fast") -> Model:
    """Load weights: the ones that ship with rotoline, or your own.

    On Linux, freed memory is kept for reuse; see `rotoline.runtime.allocator`. The preset
    `paper` runs on a GPU where there is one.

    Args:
        weights: A weights file, `.safetensors`; None for the one that ships. The preset `paper`
            ships none.
        preset: The preset that the weights belong to.

    Raises:
        ConfigError: There is no such preset.
        InputError: `weights` is no path.
        WeightsError: The file is missing, damaged, or belongs to another preset.
    """
    keep_freed_memory()
    found = find_preset(preset)
    if weights is None:
        if found.weights is None:
            raise WeightsError(
                f"no weights ship for the preset {preset}; give a file that you trained or "
                f"downloaded: --weights FILE, or weights=Path(...) (docs/how-to/train.md)"
            )
        weights = shipped_weights(found.weights)
    weights = as_path(weights, "a weights file, .safetensors,")
    record, state = read_weights(weights)
    try:
        system = found.build(state, found.device(), **record.network_options)
    except WeightsError as error:
        raise WeightsError(f"{weights}: {error}") from error
    return Model(system, record, found.config)


def segment(
    frames: Iterable[Frame],
    masks: LabelMap | Mapping[int, LabelMap],
    *,
    complete: bool | Collection[int] = False,
    config: SystemConfig = FAST,
    weights: Path | str | None = None,
) -> Iterator[FrameResult]:
    """Return the mask of every annotated object in every frame.

    Args:
        frames: RGB frames, uint8 `(H, W, 3)`, all of one size: a list, an array, a generator, or
            the result of `rotoline.open_frames`. A generator is read as it is needed, and may fill
            one array again and again; copies of the frames up to the last annotated one are held.
        masks: Object ids, integers `(H, W)` from 1 to 254 with 0 for background: one map for
            frame 0, or maps by frame index. An object may be annotated in several frames, and is
            learned from all of them. Annotated objects are returned exactly as annotated. Pixels
            of 255 beside objects are void: it is not known what they show.
        complete: True if every mask shows all objects that are there, or the indices of the frames
            whose masks do: objects that these leave out are hidden there. By default they may be
            there or not, except where a mask is all background.
        config: Settings; they also decide which preset runs.
        weights: A weights file of that preset; None for the one that ships. The preset `paper`
            ships none.

    Yields:
        One result per frame, as soon as it is ready. If the first annotated frame is not frame 0,
        the frames before it come first, backwards; `FrameResult.index` says which is which.
        Deterministic on the CPU.

    Raises:
        ConfigError: The settings cannot be used.
        InputError: Frames or masks cannot be used; raised when the first result is asked for.
        WeightsError: The weights are missing, damaged, or of another preset.

    Example:
        >>> import numpy as np
        >>> frames = np.zeros((3, 64, 96, 3), np.uint8)
        >>> frames[:, 20:40, 30:60] = (250, 120, 30)
        >>> mask = np.zeros((64, 96), np.uint8)
        >>> mask[20:40, 30:60] = 7
        >>> [result.object_ids for result in segment(frames, mask)]
        [[7], [7], [7]]
    """
    config = checked_config(config)
    return load_model(weights, config.preset).segment(
        frames, masks, complete=complete, config=config
    )

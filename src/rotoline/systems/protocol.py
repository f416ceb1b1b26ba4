"""What the tracker needs from a system, and the settings that all systems have.

A system provides the network and the learner of the objects. Everything else is shared: the tracker
calls the methods below in the same order for every system (`rotoline.tracker`).
"""

from collections.abc import Callable, Hashable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol, Self, TypeVar

import torch
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from torch import Tensor

from rotoline.annotations import Annotations
from rotoline.errors import ConfigError
from rotoline.limits import DEFAULT_LIMITS, Limits
from rotoline.runtime.progress import Report
from rotoline.stages.foreground import ForegroundConfig, MarginLimit
from rotoline.stages.fuse import FuseConfig
from rotoline.stages.regions import LastVisible, RegionEvidence, RegionsWithEvidence
from rotoline.types import Frame, described, upsample_in_turn


class PropagationConfig(BaseModel):
    """Spatial propagation of the objects' maps."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    enabled: bool = True
    """Whether maps are refined by the spatial propagation network."""


class SystemConfig(BaseModel):
    """The settings that every preset has."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    preset: str
    """Name of the preset that these settings belong to."""
    working_pixels: int = Field(default=480 * 864, ge=32 * 32, le=2**25)
    """Approximate number of pixels that every frame is resized to before it is encoded; the aspect
    ratio is kept, except that both sides are rounded to multiples of 32."""
    foreground: ForegroundConfig = MarginLimit()
    """How the foreground limits the objects' maps."""
    propagation: PropagationConfig = PropagationConfig()
    """Spatial propagation of the objects' maps."""
    regions: RegionsWithEvidence = LastVisible()
    """Which connected regions of a map are removed."""
    fuse: FuseConfig = FuseConfig()
    """How the objects' maps become one label map."""
    limits: Limits = DEFAULT_LIMITS
    """How large the input may be; they change no result."""

    def for_device(self, device: torch.device) -> Self:
        """These settings with what `auto` stands for on a device, as `run.json` has them."""
        del device
        return self


def checked_config(config: Any) -> "SystemConfig":
    """Return settings that were checked once more.

    `model_copy(update=...)` of Pydantic checks neither names nor values, and leaves a group that is
    given as a dictionary what it is.

    Raises:
        ConfigError: It is no settings of a preset, or one of them is unknown or out of range.
    """
    if not isinstance(config, SystemConfig):
        raise ConfigError(
            f"config is {described(config)}, not settings; give rotoline.FAST, rotoline.PAPER, "
            "or one with changes, such as rotoline.FastConfig(working_pixels=100_000)"
        )
    _refuse_unknown(config, "")
    try:
        return type(config).model_validate(config.model_dump(warnings=False))
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(map(str, first["loc"]))
        raise ConfigError(f"{name} is {first['input']!r}; {first['msg'].lower()}") from error


def _refuse_unknown(group: BaseModel, path: str) -> None:
    """Raise ConfigError if a group of settings was given a name that it does not have."""
    known = type(group).model_fields
    for name, value in vars(group).items():
        if name not in known:
            raise ConfigError(f"{path}{name} is unknown; there are {', '.join(known)}")
        if isinstance(value, BaseModel):
            _refuse_unknown(value, f"{path}{name}.")


Tensors = dict[str, Tensor]
"""Tensors by name, for a file."""


def tensors_under(prefix: str, tensors: Mapping[str, Tensor]) -> Tensors:
    """The tensors whose names begin with a prefix, under the rest of their names."""
    return {
        name.removeprefix(prefix): value
        for name, value in tensors.items()
        if name.startswith(prefix)
    }


Features = TypeVar("Features")
Config = TypeVar("Config", bound=SystemConfig, contravariant=True)


class FittedSystem(Protocol[Features]):
    """A system that has learned K objects.

    Maps of objects are float `(K, h, w)` on `device`, with `(h, w) = map_size`. `Features` is
    whatever the system computes once per frame for all objects.
    """

    map_size: tuple[int, int]
    """Height and width of all maps."""
    device: torch.device
    """Where the maps are."""

    def encode(self, frame: Frame) -> Features:
        """Compute everything about a frame that all objects share."""
        ...

    def score(self, features: Features, scores: Tensor) -> tuple[Tensor, Tensor]:
        """Return the logits of the objects and of the foreground.

        Args:
            features: Features of the frame, from `encode`.
            scores: float `(K, h, w)` in [0, 1]: the objects' score maps of the previous frame.

        Returns:
            Logits `(K, h, w)` of the objects and `(1, h, w)` of the foreground, their union.
        """
        ...

    def evidence(self) -> RegionEvidence | None:
        """What is known about the objects in the frame scored last; None if nothing is measured.

        A system that returns None does not have the region filter `evidence` among its settings.
        """
        return None

    def propagate(self, logits: Tensor, features: Features) -> Tensor:
        """Return logits `(K, h, w)` refined by the spatial propagation network."""
        ...

    def upsample(self, logits: Tensor, frame: Frame) -> Iterator[Tensor]:
        """Enlarge logits `(K, h, w)` to the size of the frame, `(H, W)` for each object in turn."""
        return upsample_in_turn(logits, frame.shape[:2])

    def update(self, features: Features, logits: Tensor, visible: Tensor, active: Tensor) -> None:
        """Learn from the result of a frame. A system that does not learn online does nothing.

        Args:
            features: Features of the frame.
            logits: float `(K, h, w)`, filtered.
            visible: bool `(K, h, w)`: the mask of each object.
            active: bool `(K,)`: the objects that were tracked into this frame.
        """
        return

    def reset_to_annotation(self, index: int) -> None:
        """Continue from annotated frame `index`, as if it were the previous frame."""
        return

    def tune(
        self,
        frames: Mapping[int, Frame],
        annotations: Annotations,
        report: Report,
        is_cancelled: Callable[[], bool],
    ) -> "FittedSystem[Features] | None":
        """Fine-tune the networks on the frames that the objects were learned from.

        This system stays as it is, and may be used in another thread meanwhile. The result
        depends on the settings in `System.fit_settings` alone.

        Args:
            frames: The annotated frames by index, as for `System.fit`.
            annotations: Their label maps.
            report: Called with the steps done and the steps in all.
            is_cancelled: Asked before every step; True ends the tuning.

        Returns:
            The tuned system, or this one itself if it is better; None if the settings say not to
            tune, if tuning was cancelled, and for a system that does not tune.
        """
        return None

    def continue_after(self, frame: Frame) -> None:
        """Continue as if `frame` were the previous frame, if anything of that is kept."""
        return

    def new_pass(self) -> "FittedSystem[Features]":
        """Return the same objects without anything that was learned or stored since `fit`."""
        return self

    def learned_tensors(self) -> Tensors:
        """What was learned from the annotations, for `System.restore`; not copied.

        The same throughout a clip, whatever is learned online.
        """
        ...

    def tracked_tensors(self) -> Tensors:
        """What was learned or kept since `new_pass`, for `continue_from`; not copied.

        Asked for between two frames. Empty for a system that learns nothing online.
        """
        return {}

    def continue_from(self, tracked: Tensors) -> None:
        """Go on exactly as the system that gave these tensors, and that had learned the same."""
        del tracked

    def with_config(self, config: Any) -> "FittedSystem[Features]":
        """Return the same objects under other settings with equal `System.fit_settings`."""
        ...

    def intermediate_maps(self, features: Features, scores: Tensor) -> dict[str, Tensor]:
        """Maps `(K, h', w')` in [0, 1] inside `score`, by name, for inspection only."""
        return {}


@dataclass(frozen=True, eq=False)
class TunedObjects:
    """The result of `Tracker.tune`, for `Tracker.use`."""

    fitted: FittedSystem[Any] | None
    """The tuned system; None if nothing changes: tuning is off or was cancelled, or the objects did
    not get better."""
    annotations: Annotations
    """The annotations that it was tuned on."""


class System(Protocol[Config]):
    """A loaded network that can learn objects."""

    device: torch.device
    """Where the network is."""

    def fit(
        self,
        frames: Mapping[int, Frame],
        annotations: Annotations,
        config: Config,
        report: Report,
    ) -> FittedSystem[Any]:
        """Learn all objects from the annotated frames.

        Args:
            frames: The annotated frames by index, uint8 `(H, W, 3)`.
            annotations: Their label maps.
            config: Settings of this system's preset.
            report: Called with the steps done and the steps in all, where learning takes long.
        """
        ...

    def restore(
        self, learned: Tensors, annotations: Annotations, config: Config
    ) -> FittedSystem[Any]:
        """Return the system that gave `learned`, as it was after `fit`, or after it was tuned.

        Args:
            learned: What `FittedSystem.learned_tensors` of this system returned, strides included.
            annotations: What it was learned from.
            config: The settings that it was learned with.
        """
        ...

    def fit_settings(self, config: Config) -> Hashable:
        """The settings that `fit`, `tune` and `encode` depend on; equal ones, equal results."""
        ...

    def with_tuning(self, fitted: FittedSystem[Any]) -> "System[Config]":
        """Return the system for later annotations of a clip, with what `fitted` was tuned to."""
        return self

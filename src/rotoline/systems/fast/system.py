"""The `fast` preset: ridge classifiers on a shared encoder, refined by small networks, on a CPU."""

from collections.abc import Callable, Hashable, Iterator, Mapping
from typing import Any, Literal, NamedTuple, Self

import torch
from torch import Tensor
from torch.nn import functional

from rotoline.annotations import Annotations
from rotoline.learning.targets import with_union
from rotoline.runtime.device import Precision, fast_precision
from rotoline.runtime.progress import Report
from rotoline.stages.preprocess import to_tensor, working_size
from rotoline.stages.regions import Evidence, RegionEvidence, RegionsWithEvidence
from rotoline.systems.fast.choice import tune_if_better
from rotoline.systems.fast.encoder import Features
from rotoline.systems.fast.network import (
    FastNet,
    all_but_backbone,
    at_precision,
    network_from_state,
    with_tensors,
)
from rotoline.systems.fast.online_ridge import (
    OnlineConfig,
    PeriodicUpdates,
    RidgeClassifiers,
    fit_ridge_classifiers,
)
from rotoline.systems.fast.propagation import within_nearby
from rotoline.systems.fast.scoring import (
    ScoringConfig,
    TemporalContext,
    classifier_logits,
    readout_maps,
    score_objects,
)
from rotoline.systems.fast.tuning import TuningConfig
from rotoline.systems.fast.upsampling import UpsamplingConfig, enlarge
from rotoline.systems.protocol import (
    FittedSystem,
    System,
    SystemConfig,
    Tensors,
    tensors_under,
)
from rotoline.types import Frame

STRIDE = 4
"""Pixels of the working frame per pixel of the maps, in each direction."""


KEPT_FRAMES = 8
"""Number of annotated frames of which fine-tuning finds the backbone's maps ready; 20 MB each."""


class FastConfig(SystemConfig):
    """The settings of the default preset."""

    preset: Literal["fast"] = "fast"
    """Name of the preset that these settings belong to."""
    regions: RegionsWithEvidence = Evidence()
    """Which connected regions of a map are removed."""
    scoring: ScoringConfig = ScoringConfig()
    """What the objects' scores are computed from."""
    online: OnlineConfig = PeriodicUpdates()
    """Updating the classifiers from results while the video runs."""
    upsampling: UpsamplingConfig = UpsamplingConfig()
    """Enlarging maps to the size of the frame."""
    tuning: TuningConfig = TuningConfig()
    """Fine-tuning the network on the annotated frames."""
    precision: Precision = "auto"
    """Precision of the backbone's activations: `auto` is bfloat16 where the processor has
    instructions for it, and float32 elsewhere."""

    def for_device(self, device: torch.device) -> Self:
        """These settings with the precision that `auto` stands for on a device."""
        if self.precision != "auto":
            return self
        return self.model_copy(update={"precision": fast_precision(device)})


class _Scored(NamedTuple):
    """What is kept of the frame that was scored last, for the region filter."""

    features: Features
    readouts: tuple[Tensor, Tensor]
    motion: float


class FastSystem(System[FastConfig]):
    """The network of the `fast` preset. It runs on the CPU.

    Args:
        net: The network.
    """

    def __init__(self, net: FastNet) -> None:
        self.net = net
        self.device = torch.device("cpu")

    @classmethod
    def from_state(cls, state: Mapping[str, Tensor], device: torch.device) -> "FastSystem":
        """Build the system from the tensors of a weights file; `device` must be the CPU."""
        del device
        return cls(network_from_state(state))

    @torch.inference_mode()
    def fit(
        self,
        frames: Mapping[int, Frame],
        annotations: Annotations,
        config: FastConfig,
        report: Report,
    ) -> "FittedFastSystem":
        """Learn all objects in closed form; takes about a second, so nothing is reported."""
        del report
        return _fit(self._at_precision(self.net, config), frames, annotations, config)

    @torch.inference_mode()
    def restore(
        self, learned: Tensors, annotations: Annotations, config: FastConfig
    ) -> "FittedFastSystem":
        """The classifiers, and the network that they were learned with, which may be tuned."""
        net = with_tensors(self.net, tensors_under("net.", learned))
        net = self._at_precision(net, config)
        classifiers = RidgeClassifiers.from_learned(
            tensors_under("classifiers.", learned), config.online, net.ridge
        )
        size = working_size(annotations.size, config.working_pixels)
        return FittedFastSystem(net, classifiers, config, size)

    def fit_settings(self, config: FastConfig) -> Hashable:
        """`fit`, `tune` and `encode` depend on working size, settings of tuning, and precision."""
        precision = config.for_device(self.device).precision
        return config.working_pixels, config.tuning, precision

    def _at_precision(self, net: FastNet, config: FastConfig) -> FastNet:
        return at_precision(net, config.for_device(self.device).precision)

    def with_tuning(self, fitted: FittedSystem[Any]) -> "FastSystem":
        """The system with the network of `fitted`."""
        assert isinstance(fitted, FittedFastSystem)
        return FastSystem(fitted.net)


def _fit(
    net: FastNet,
    frames: Mapping[int, Frame],
    annotations: Annotations,
    config: FastConfig,
    *,
    known: Mapping[tuple[int, int], list[Tensor]] | None = None,
) -> "FittedFastSystem":
    """Learn all objects with one network; `known` as for `fit_ridge_classifiers`."""
    size = working_size(annotations.size, config.working_pixels)
    annotated = {
        index: (to_tensor(frame, size), annotations.masks_at(index, size))
        for index, frame in frames.items()
    }
    kept = KEPT_FRAMES if config.tuning.steps_for(len(annotations.object_ids)) else 0
    unknown = {index: annotations.known_at(index, size) for index in frames}
    classifiers = fit_ridge_classifiers(
        net,
        annotated,
        config.online,
        told={index: annotations.annotated_in(index) for index in frames},
        unknown={index: part for index, part in unknown.items() if part is not None},
        known=known,
        kept_frames=kept,
    )
    return FittedFastSystem(net, classifiers, config, size)


class FittedFastSystem(FittedSystem[Features]):
    """The classifiers of all objects, and the keys of the previous frame.

    Args:
        net: The network, which segments all objects.
        classifiers: What it has learned of them.
        config: The settings.
        size: The working size.
    """

    def __init__(
        self,
        net: FastNet,
        classifiers: RidgeClassifiers,
        config: FastConfig,
        size: tuple[int, int],
    ) -> None:
        self.net, self.classifiers, self.config, self.size = net, classifiers, config, size
        self.map_size = size[0] // STRIDE, size[1] // STRIDE
        self.device = torch.device("cpu")
        self.previous_keys = next(iter(classifiers.local_keys.values()))
        """`Features.local_keys` of the previous frame."""
        self.tracked_frames = 0
        self._scored: _Scored | None = None

    def encode(self, frame: Frame) -> Features:
        """Run the shared encoder."""
        features: Features = self.net.encoder(to_tensor(frame, self.size))
        return features

    def score(self, features: Features, scores: Tensor) -> tuple[Tensor, Tensor]:
        """Logits of the objects `(K, h, w)` and of their union `(1, h, w)`."""
        context = self._context(scores)
        weights, count = self.classifiers.weights, len(scores)
        readouts = readout_maps(self.net, features, context)
        logits = score_objects(self.net, weights, features, context, readouts, self.config.scoring)
        motion = 1 - float((features.local_keys * self.previous_keys).sum(1).mean())
        self._scored = _Scored(features, readouts, motion)
        self.previous_keys = features.local_keys
        return logits[:count], logits[-1:]

    def evidence(self) -> RegionEvidence:
        """What is known about the objects in the frame that was scored last."""
        assert self._scored is not None, "score a frame first"
        features, readouts, motion = self._scored
        carried, looked_up = (
            functional.interpolate(
                maps[None], size=self.map_size, mode="bilinear", align_corners=False
            )[0]
            for maps in readouts
        )
        appearance = self._appearance(features)
        count = len(appearance)
        return RegionEvidence(
            appearance=appearance.numpy(),
            memory=looked_up[:count].numpy(),
            carried=carried[:count].numpy(),
            motion=motion,
            model=self.net.region_model.as_model(),
        )

    def propagate(self, logits: Tensor, features: Features) -> Tensor:
        """Logits `(K, h, w)` refined by the spatial propagation network."""
        if not self.config.propagation.enabled:
            return logits
        refined: Tensor = self.net.propagation(logits[:, None], features)[:, 0]
        return within_nearby(refined, logits)

    def upsample(self, logits: Tensor, frame: Frame) -> Iterator[Tensor]:
        """Enlarge logits `(K, h, w)`, corrected near the borders by what the frame shows there."""
        return enlarge(self.net.upsampler, self.config.upsampling, logits, frame)

    def update(self, features: Features, logits: Tensor, visible: Tensor, active: Tensor) -> None:
        """Update the classifiers every few frames, if there are several objects."""
        self.tracked_frames += 1
        if self.classifiers.is_due(self.tracked_frames):
            self.classifiers.update(
                features.embedding[0], logits, visible.float(), is_whole=bool(active.all())
            )

    def reset_to_annotation(self, index: int) -> None:
        """Use the keys of annotated frame `index` as those of the previous frame."""
        self.previous_keys = self.classifiers.local_keys[index]

    def continue_after(self, frame: Frame) -> None:
        """Use the keys of `frame` as those of the previous frame."""
        self.previous_keys = self.encode(frame).local_keys

    def tune(
        self,
        frames: Mapping[int, Frame],
        annotations: Annotations,
        report: Report,
        is_cancelled: Callable[[], bool],
    ) -> "FittedFastSystem | None":
        """Tune the network; this system itself unless the tuned one is as good."""
        return tune_if_better(self, frames, annotations, report, is_cancelled)

    def with_network(
        self, net: FastNet, frames: Mapping[int, Frame], annotations: Annotations
    ) -> "FittedFastSystem":
        """The same objects, learned with a tuned network."""
        known = self.classifiers.view_maps
        return _fit(net, frames, annotations, self.config, known=known)

    def encode_annotated(self, index: int, frame: Frame) -> list[Tensor]:
        """The backbone maps of annotated frame `index`."""
        known = self.classifiers.view_maps.get((index, 0))
        if known is not None:
            return known
        maps: list[Tensor] = self.net.encoder.backbone_maps(to_tensor(frame, self.size))
        return maps

    def new_pass(self) -> "FittedFastSystem":
        """The classifiers as learned from the annotations alone."""
        return self.with_config(self.config)

    def learned_tensors(self) -> Tensors:
        """The network without its backbone, and what the classifiers learned from annotations."""
        net, classifiers = all_but_backbone(self.net), self.classifiers.learned()
        return {
            **{f"net.{name}": value for name, value in net.items()},
            **{f"classifiers.{name}": value for name, value in classifiers.items()},
        }

    def tracked_tensors(self) -> Tensors:
        """The keys of the previous frame, and what the classifiers learned from results."""
        online = self.classifiers.learned_online()
        return {
            "previous_keys": self.previous_keys,
            "tracked_frames": torch.tensor(self.tracked_frames),
            **{f"online.{name}": value for name, value in online.items()},
        }

    def continue_from(self, tracked: Tensors) -> None:
        """Go on with these keys and classifiers."""
        self.previous_keys = tracked["previous_keys"]
        self.tracked_frames = int(tracked["tracked_frames"])
        self.classifiers.continue_from(tensors_under("online.", tracked))

    def with_config(self, config: FastConfig) -> "FittedFastSystem":
        """The same classifiers under other settings of the same working size."""
        classifiers = self.classifiers.reset(config.online)
        return FittedFastSystem(self.net, classifiers, config, self.size)

    def intermediate_maps(self, features: Features, scores: Tensor) -> dict[str, Tensor]:
        """Scores `(K, ...)` inside `score`: of the classifiers, of both readouts, objectness."""
        count, context = len(scores), self._context(scores)
        maps = {"appearance": self._appearance(features)}
        if bool(self.net.encoder.objectness.weight.any()):
            maps["objectness"] = features.objectness[0].sigmoid().expand(count, -1, -1)
        if self.config.scoring.context == "previous+memory":
            carried, looked_up = readout_maps(self.net, features, context)
            maps |= {"from previous frame": carried[:count], "from memory": looked_up[:count]}
        return maps

    def _appearance(self, features: Features) -> Tensor:
        """Scores `(K, h, w)` of the objects' classifiers alone."""
        logits = classifier_logits(self.net, self.classifiers.weights, features.embedding[0])
        # With several objects, the last row is that of their union.
        return logits[: max(1, len(logits) - 1)].sigmoid()

    def _context(self, scores: Tensor) -> TemporalContext:
        return TemporalContext(with_union(scores), self.previous_keys, self.classifiers.memory)

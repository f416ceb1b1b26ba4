"""The `fast` preset: ridge classifiers on a shared encoder, refined by small networks, on a CPU."""

from collections.abc import Hashable, Mapping
from typing import Literal

import torch
from torch import Tensor

from rotoline.annotations import Annotations
from rotoline.learning.ridge import predict
from rotoline.learning.targets import with_union
from rotoline.runtime.progress import Report
from rotoline.stages.preprocess import to_tensor, working_size
from rotoline.systems.fast.encoder import Features
from rotoline.systems.fast.network import FastNet, network_from_state
from rotoline.systems.fast.online_ridge import (
    OnlineConfig,
    PeriodicUpdates,
    RidgeClassifiers,
    fit_ridge_classifiers,
)
from rotoline.systems.fast.scoring import (
    ScoringConfig,
    TemporalContext,
    readout_maps,
    score_objects,
)
from rotoline.systems.protocol import FittedSystem, System, SystemConfig
from rotoline.types import Frame

STRIDE = 4
"""Pixels of the working frame per pixel of the maps, in each direction."""


class FastConfig(SystemConfig):
    """The settings of the default preset."""

    preset: Literal["fast"] = "fast"
    """Name of the preset that these settings belong to."""
    scoring: ScoringConfig = ScoringConfig()
    """What the objects' scores are computed from."""
    online: OnlineConfig = PeriodicUpdates()
    """Updating the classifiers from results while the video runs."""


class FastSystem(System[FastConfig]):
    """The network of the `fast` preset. It runs on the CPU."""

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
        size = working_size(annotations.size, config.working_pixels)
        annotated = {
            index: (to_tensor(frame, size), annotations.masks_at(index, size))
            for index, frame in frames.items()
        }
        classifiers = fit_ridge_classifiers(self.net, annotated, config.online)
        return FittedFastSystem(self.net, classifiers, config, size)

    def fit_settings(self, config: FastConfig) -> Hashable:
        """`fit` and `encode` depend on the working size alone."""
        return config.working_pixels


class FittedFastSystem(FittedSystem[Features]):
    """The classifiers of all objects, and the keys of the previous frame."""

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

    def encode(self, frame: Frame) -> Features:
        """Run the shared encoder."""
        features: Features = self.net.encoder(to_tensor(frame, self.size))
        return features

    def score(self, features: Features, scores: Tensor) -> tuple[Tensor, Tensor]:
        """Logits of the objects `(K, h, w)` and of their union `(1, h, w)`."""
        context = self._context(scores)
        weights = self.classifiers.weights
        logits = score_objects(self.net, weights, features, context, self.config.scoring)
        self.previous_keys = features.local_keys
        return logits[: len(scores)], logits[-1:]

    def propagate(self, logits: Tensor, features: Features) -> Tensor:
        """Logits `(K, h, w)` refined by the spatial propagation network."""
        if not self.config.propagation.enabled:
            return logits
        refined: Tensor = self.net.propagation(logits[:, None], features)[:, 0]
        return refined

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

    def new_pass(self) -> "FittedFastSystem":
        """The classifiers as learned from the annotations alone."""
        return FittedFastSystem(self.net, self.classifiers.reset(), self.config, self.size)

    def with_config(self, config: FastConfig) -> "FittedFastSystem":
        """The same classifiers under other settings of the same working size."""
        classifiers = self.classifiers.reset(config.online)
        return FittedFastSystem(self.net, classifiers, config, self.size)

    def intermediate_maps(self, features: Features, scores: Tensor) -> dict[str, Tensor]:
        """Scores `(K, ...)` inside `score`: of the classifiers, and of both readouts."""
        count, context = len(scores), self._context(scores)
        outputs = predict(self.classifiers.weights, features.embedding[0])
        appearance = (self.net.logit_scale * outputs + self.net.logit_shift).sigmoid()
        maps = {"appearance": appearance[:count]}
        if self.config.scoring.context == "previous+memory":
            carried, looked_up = readout_maps(self.net, features, context)
            maps |= {"from previous frame": carried[:count], "from memory": looked_up[:count]}
        return maps

    def _context(self, scores: Tensor) -> TemporalContext:
        return TemporalContext(with_union(scores), self.previous_keys, self.classifiers.memory)

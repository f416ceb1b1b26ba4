"""Compute once what several configurations have in common on the same clip.

    cache = CachedSystem(model.system)
    model = dataclasses.replace(model, system=cache)
    for config in configs:
        list(model.segment(frames, masks, config=config))
    cache.clear()                       # before the next clip

Two configurations share the results of `fit`, `tune` and `encode` if their `System.fit_settings`
are equal.
"""

from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any, TypeAlias

import numpy as np
from torch import Tensor

from rotoline.annotations import Annotations
from rotoline.runtime.progress import Report
from rotoline.stages.regions import RegionEvidence
from rotoline.systems.protocol import FittedSystem, System, SystemConfig, Tensors
from rotoline.types import Frame

Array: TypeAlias = np.ndarray[Any, Any]


class CachedSystem(System[Any]):
    """Wraps a system: `fit`, `tune` and `encode` are computed once, then taken from the cache.

    `fit` and `tune` are computed once for the same annotated frames and the same `fit_settings`,
    and `encode` once for the same frame after each of them. All results equal those of the wrapped
    system to the bit. Cached features are returned without a copy and must not be changed in place.
    In the preset `fast` the features of a frame of 854x480 pixels take 10 to 15 MB.

    Args:
        system: The system to wrap.
    """

    fit_count: int
    """Number of times that `fit` was computed."""
    tune_count: int
    """Number of times that `tune` was computed."""
    encode_count: int
    """Number of times that `encode` was computed."""

    def __init__(self, system: System[Any]) -> None:
        self.system, self.device = system, system.device
        self.fit_count = self.tune_count = self.encode_count = 0
        self._learned: dict[Hashable, _Learned] = {}

    def fit(
        self,
        frames: Mapping[int, Frame],
        annotations: Annotations,
        config: SystemConfig,
        report: Report,
    ) -> "CachedFittedSystem":
        """Learn all objects, or return a copy of what was learned under equal `fit_settings`."""
        annotated = [
            (index, digest(frame), digest(annotations.labels[index]))
            for index, frame in sorted(frames.items())
        ]
        key = self.system.fit_settings(config), tuple(annotated)
        if key not in self._learned:
            self.fit_count += 1
            self._learned[key] = _Learned(self.system.fit(frames, annotations, config, report))
        return CachedFittedSystem(self, self._learned[key], config)

    def restore(
        self, learned: Tensors, annotations: Annotations, config: SystemConfig
    ) -> "CachedFittedSystem":
        """The wrapped system as it was, with an empty cache."""
        fitted = self.system.restore(learned, annotations, config)
        return CachedFittedSystem(self, _Learned(fitted), config)

    def fit_settings(self, config: SystemConfig) -> Hashable:
        """The settings that `fit`, `tune` and `encode` of the wrapped system depend on."""
        return self.system.fit_settings(config)

    def with_tuning(self, fitted: FittedSystem[Any]) -> "CachedSystem":
        """The wrapped system with what was tuned, and an empty cache."""
        assert isinstance(fitted, CachedFittedSystem)
        return CachedSystem(self.system.with_tuning(fitted.fitted))

    def clear(self) -> None:
        """Empty the cache; call it before the next clip, to free memory."""
        self._learned.clear()


@dataclass
class _Learned:
    """A fitted system, and everything that was computed with it."""

    fitted: FittedSystem[Any]
    features: dict[bytes, Any] = field(default_factory=dict)
    """Results of `encode`, by the digest of the frame."""
    tuned: "_Learned | None" = None
    """What `tune` made of it, possibly itself."""


class CachedFittedSystem(FittedSystem[Any]):
    """Wraps a fitted system: `encode` and `tune` use the cache, other calls are passed on.

    Args:
        cache: The cached system, which counts what is computed.
        learned: The system to wrap, and its cache.
        config: The settings.
    """

    def __init__(self, cache: CachedSystem, learned: _Learned, config: SystemConfig) -> None:
        self.cache, self.learned, self.config = cache, learned, config
        # Always a copy: a system that learns online changes itself while it tracks.
        self.fitted = learned.fitted.with_config(config)
        self.map_size, self.device = self.fitted.map_size, self.fitted.device

    def encode(self, frame: Frame) -> Any:
        """The features of a frame, computed if it is new."""
        key, features = digest(frame), self.learned.features
        if key not in features:
            self.cache.encode_count += 1
            features[key] = self.fitted.encode(frame)
        return features[key]

    def score(self, features: Any, scores: Tensor) -> tuple[Tensor, Tensor]:
        """Logits of the objects and of the foreground, from the wrapped system."""
        return self.fitted.score(features, scores)

    def evidence(self) -> RegionEvidence | None:
        """What the wrapped system knows about the frame scored last."""
        return self.fitted.evidence()

    def propagate(self, logits: Tensor, features: Any) -> Tensor:
        """Logits refined by the wrapped system."""
        return self.fitted.propagate(logits, features)

    def update(self, features: Any, logits: Tensor, visible: Tensor, active: Tensor) -> None:
        """Update the wrapped system from a result."""
        self.fitted.update(features, logits, visible, active)

    def reset_to_annotation(self, index: int) -> None:
        """Make the wrapped system continue from an annotated frame."""
        self.fitted.reset_to_annotation(index)

    def continue_after(self, frame: Frame) -> None:
        """Make the wrapped system continue from a frame."""
        self.fitted.continue_after(frame)

    def tune(
        self,
        frames: Mapping[int, Frame],
        annotations: Annotations,
        report: Report,
        is_cancelled: Callable[[], bool],
    ) -> "CachedFittedSystem | None":
        """Tune the wrapped system, or return what was tuned before."""
        if self.learned.tuned is None:
            found = self.fitted.tune(frames, annotations, report, is_cancelled)
            if found is None:
                return None
            self.cache.tune_count += 1
            self.learned.tuned = self.learned if found is self.fitted else _Learned(found)
        if self.learned.tuned is self.learned:
            return self
        return CachedFittedSystem(self.cache, self.learned.tuned, self.config)

    def new_pass(self) -> "CachedFittedSystem":
        """The same objects and the same cache without anything learned since `fit`."""
        return self.with_config(self.config)

    def with_config(self, config: SystemConfig) -> "CachedFittedSystem":
        """The same objects and the same cache under other settings of the stages."""
        return CachedFittedSystem(self.cache, self.learned, config)

    def learned_tensors(self) -> Tensors:
        """What the wrapped system has learned from the annotations."""
        return self.fitted.learned_tensors()

    def tracked_tensors(self) -> Tensors:
        """What the wrapped system has learned since."""
        return self.fitted.tracked_tensors()

    def continue_from(self, tracked: Tensors) -> None:
        """Make the wrapped system go on as another one."""
        self.fitted.continue_from(tracked)

    def intermediate_maps(self, features: Any, scores: Tensor) -> dict[str, Tensor]:
        """Maps inside `score`, from the wrapped system."""
        return self.fitted.intermediate_maps(features, scores)


def digest(array: Array) -> bytes:
    """Return a hash of the values, the shape and the dtype of an array.

    Example:
        >>> digest(np.zeros((2, 3))) == digest(np.zeros((3, 2)))
        False
    """
    hashed = blake2b(f"{array.dtype} {array.shape}".encode(), digest_size=32)
    hashed.update(np.ascontiguousarray(array).tobytes())
    return hashed.digest()

"""Compute once what several configurations have in common on the same clip.

    cache = CachedSystem(model.system)
    model = dataclasses.replace(model, system=cache)
    for config in configs:
        list(model.segment(frames, masks, config=config))
    cache.clear()                       # before the next clip

Two configurations share the results of `fit` and `encode` if their `System.fit_settings` are equal.
"""

from collections.abc import Hashable, Mapping
from hashlib import blake2b
from typing import Any, TypeAlias

import numpy as np
from torch import Tensor

from rotoline.annotations import Annotations
from rotoline.runtime.progress import Report
from rotoline.systems.protocol import FittedSystem, System, SystemConfig
from rotoline.types import Frame

Array: TypeAlias = np.ndarray[Any, Any]


class CachedSystem(System[Any]):
    """Wraps a system: `fit` and `encode` are computed once and then taken from the cache.

    `fit` is computed once for the same annotated frames and the same `fit_settings`, and `encode`
    once for the same frame after that `fit`. All results equal those of the wrapped system to the
    bit. Cached features are returned without a copy and must not be changed in place. In the
    preset `fast` the features of a frame of 854x480 pixels take 10 to 15 MB.

    Args:
        system: The system to wrap.
    """

    fit_count: int
    """Number of times that `fit` was computed."""
    encode_count: int
    """Number of times that `encode` was computed."""

    def __init__(self, system: System[Any]) -> None:
        self.system, self.device = system, system.device
        self.fit_count = self.encode_count = 0
        self._fitted: dict[Hashable, tuple[FittedSystem[Any], dict[bytes, Any]]] = {}

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
        if key not in self._fitted:
            self.fit_count += 1
            self._fitted[key] = self.system.fit(frames, annotations, config, report), {}
        fitted, features = self._fitted[key]
        # Always a copy: a system that learns online changes itself while it tracks.
        return CachedFittedSystem(self, fitted.with_config(config), features)

    def fit_settings(self, config: SystemConfig) -> Hashable:
        """The settings that `fit` and `encode` of the wrapped system depend on."""
        return self.system.fit_settings(config)

    def clear(self) -> None:
        """Empty the cache; call it before the next clip, to free memory."""
        self._fitted.clear()


class CachedFittedSystem(FittedSystem[Any]):
    """Wraps a fitted system: `encode` takes features from the cache, other calls are passed on.

    Args:
        cache: The cached system, which counts the computed features.
        fitted: The system to wrap.
        features: Cached results of `encode`, by the digest of the frame; extended in place.
    """

    def __init__(
        self, cache: CachedSystem, fitted: FittedSystem[Any], features: dict[bytes, Any]
    ) -> None:
        self.cache, self.fitted, self.features = cache, fitted, features
        self.map_size, self.device = fitted.map_size, fitted.device

    def encode(self, frame: Frame) -> Any:
        """The features of a frame, computed if it is new."""
        key = digest(frame)
        if key not in self.features:
            self.cache.encode_count += 1
            self.features[key] = self.fitted.encode(frame)
        return self.features[key]

    def score(self, features: Any, scores: Tensor) -> tuple[Tensor, Tensor]:
        """Logits of the objects and of the foreground, from the wrapped system."""
        return self.fitted.score(features, scores)

    def propagate(self, logits: Tensor, features: Any) -> Tensor:
        """Logits refined by the wrapped system."""
        return self.fitted.propagate(logits, features)

    def update(self, features: Any, logits: Tensor, visible: Tensor, active: Tensor) -> None:
        """Update the wrapped system from a result."""
        self.fitted.update(features, logits, visible, active)

    def reset_to_annotation(self, index: int) -> None:
        """Make the wrapped system continue from an annotated frame."""
        self.fitted.reset_to_annotation(index)

    def new_pass(self) -> "CachedFittedSystem":
        """The same objects and the same cache without anything learned since `fit`."""
        return CachedFittedSystem(self.cache, self.fitted.new_pass(), self.features)

    def with_config(self, config: SystemConfig) -> "CachedFittedSystem":
        """The same objects and the same cache under other settings of the stages."""
        return CachedFittedSystem(self.cache, self.fitted.with_config(config), self.features)

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

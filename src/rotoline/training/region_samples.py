"""Samples for the region filter: what is known about a region, and whether it is the object.

The tracker runs over a sequence whose answer is known. In every frame every connected region of an
object's map becomes a sample. A policy, not the filter, decides which regions stay, so that the
tracker also gets into states that follow from mistakes.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from rotoline.data.long_sequences import LongSequence
from rotoline.data.stills import UNKNOWN
from rotoline.learning.sampler import Sampler
from rotoline.presets import FAST
from rotoline.stages.regions import histories
from rotoline.stages.regions.components import Regions, count_inside
from rotoline.stages.regions.evidence import (
    FEATURES,
    Evidence,
    Maps,
    Masks,
    RegionEvidence,
    RegionModel,
    described_regions,
    region_logits,
)
from rotoline.systems.fast import FastSystem
from rotoline.systems.fast.tuning import DEFAULT_STEPS, TuningConfig
from rotoline.tracker import Tracker
from rotoline.types import SATURATED_LOGIT, LabelMap, without_void

WORKING_PIXELS = 240 * 432
"""Working size of the tracker: that of the sequences, a quarter of the default, to save time."""
CONFIG = FAST.model_copy(
    update={
        "working_pixels": WORKING_PIXELS,
        "regions": Evidence(),
        "tuning": TuningConfig(steps=DEFAULT_STEPS),  # with several objects, too
    }
)
"""Settings of the tracker."""
SMALL_AREA = 4
"""Pixels added to areas, so that regions of a few pixels have little weight."""

KEEP_ALL_SHARE, TRUTH_SHARE, MISTAKE_SHARE = 0.1, 0.4, 0.05
"""Following the truth: share of sequences in which every region stays, share in which the truth
decides, and share of wrong decisions in the others."""
TUNED_SHARE = 0.4
"""Share of sequences whose objects are segmented by fine-tuned networks."""
LAPSE_SHARE = 0.03
"""Following a model: share of frames in which an object's decisions are all wrong, or all regions
stay."""

Policy = Callable[[Maps, NDArray[np.bool_]], NDArray[np.bool_]]
"""Decides which of n regions stay, bool `(n,)`, from their features `(n, F)` and the truth `(n,)`.
"""


class RegionSamples(NamedTuple):
    """N regions."""

    features: Maps
    """float32 `(N, F)`, columns as in `FEATURES`."""
    is_object: NDArray[np.bool_]
    """bool `(N,)`: whether more than half of the region is the object."""
    weights: NDArray[np.float32]
    """float32 `(N,)` in [0, 1]: about how much the decision changes the object's IoU in the
    frame, times the share of the object's last mask that was right. Once a look-alike has been
    taken for the object, nothing tells which of the two it is, and such samples would teach that
    anything far away may be the object."""


def join_samples(parts: Sequence[RegionSamples]) -> RegionSamples:
    """All samples of at least one part."""
    return RegionSamples(*(np.concatenate(columns) for columns in zip(*parts, strict=True)))


def follow_truth(sampler: Sampler) -> Policy:
    """The policy of a sequence before there is a model: the truth, often with mistakes."""
    draw = sampler.uniform(0, 1)
    if draw < KEEP_ALL_SHARE:
        return lambda features, is_object: np.ones_like(is_object)
    if draw < KEEP_ALL_SHARE + TRUTH_SHARE:
        return lambda features, is_object: is_object
    return lambda features, is_object: (
        is_object ^ np.array([sampler.chance(MISTAKE_SHARE) for _ in is_object])
    )


def follow_model(model: RegionModel, sampler: Sampler) -> Policy:
    """The policy of a sequence once there is a model: its decisions, with a few lapses."""

    def decide(features: Maps, is_object: NDArray[np.bool_]) -> NDArray[np.bool_]:
        del is_object
        stays = region_logits(features, model) > 0
        if sampler.chance(LAPSE_SHARE):
            return ~stays if sampler.chance(0.5) else np.ones_like(stays)
        return stays

    return decide


def collect_samples(
    sequence: LongSequence, system: FastSystem, policy: Policy, *, is_tuned: bool = False
) -> RegionSamples:
    """Track the objects of a sequence, and return every region of every frame after the first.

    Args:
        sequence: Frames and their true labels.
        system: The network.
        policy: Decides which regions stay.
        is_tuned: Whether the network is fine-tuned on the first frame.
    """
    tracker = _DecidedTracker(system, policy)
    tracker.step(sequence.frames[0], without_void(sequence.labels[0]))
    if is_tuned:
        tracker.use(tracker.tune())
    size, count = tracker.fitted.map_size, sequence.object_count
    for frame, labels in zip(sequence.frames[1:], sequence.labels[1:], strict=True):
        tracker.truth = true_maps(labels, count, size)
        tracker.step(frame)
        tracker.note_precision()
    return join_samples([_NO_SAMPLES, *tracker.samples])


class TrueMaps(NamedTuple):
    """The truth at the size of the maps."""

    objects: Masks
    """bool `(K, h, w)`: pixels more than half of which is the object."""
    known: NDArray[np.bool_]
    """bool `(h, w)`: pixels at least half of which is known."""


def true_maps(labels: LabelMap, count: int, size: tuple[int, int]) -> TrueMaps:
    """Reduce a label map to the size of the maps.

    Args:
        labels: uint8 `(H, W)`: objects 1 to `count`, 0 for background, 255 for unknown.
        count: Number of objects.
        size: Height and width of the maps.
    """
    ids = torch.tensor([*range(1, count + 1), UNKNOWN])[:, None, None]
    masks = (torch.from_numpy(labels) == ids).float()
    shares = functional.interpolate(masks[None], size=size, mode="area")[0].numpy()
    return TrueMaps(shares[:-1] > 0.5, shares[-1] <= 0.5)


def judge_truly(
    regions: Regions, truth: NDArray[np.bool_], known: NDArray[np.bool_]
) -> tuple[NDArray[np.bool_], NDArray[np.float32]]:
    """Say which regions are the object, and how much each counts.

    Args:
        regions: n regions of a map.
        truth: bool `(h, w)`: the object.
        known: bool `(h, w)`: where the truth is known; other pixels do not count.

    Returns:
        bool `(n,)`, and float32 `(n,)` in [0, 1]. With A known pixels, I of them the object's, and
        T pixels of the object in all, a region is the object if 2 I > A. If it stays, the
        intersection grows by I, and the union by A - I, so about |2 I - A| / (A + T) is at stake.
    """
    areas = count_inside(regions, known)[1:]
    inside = count_inside(regions, truth & known)[1:]
    total = np.count_nonzero(truth & known) + areas + SMALL_AREA
    return 2 * inside > areas, (np.abs(2 * inside - areas) / total).astype(np.float32)


_NO_SAMPLES = RegionSamples(
    np.zeros((0, len(FEATURES)), np.float32), np.zeros(0, bool), np.zeros(0, np.float32)
)


class _DecidedTracker(Tracker):
    """A tracker whose region filter follows a policy, and which keeps all regions as samples."""

    truth: TrueMaps
    """The truth of the frame that is tracked next."""

    def __init__(self, system: FastSystem, policy: Policy) -> None:
        super().__init__(system, CONFIG)
        self._policy, self._precision = policy, dict[int, float]()
        self.samples: list[RegionSamples] = []

    def note_precision(self) -> None:
        """Remember which share of each visible object's mask is right, where that is known."""
        masks = self.state.previous.numpy() & self.truth.known
        for k, (mask, truth) in enumerate(zip(masks, self.truth.objects, strict=True)):
            if mask.any():
                self._precision[k] = float(truth[mask].mean())

    def _filter(self, logits: Tensor, allowed: Tensor, evidence: RegionEvidence | None) -> Tensor:
        del allowed
        assert evidence is not None
        assert isinstance(self.config.regions, Evidence)
        scores = logits.sigmoid().numpy()
        removed = np.zeros(scores.shape, dtype=bool)
        known = histories(self.state, evidence)
        described = described_regions(scores, evidence, known, self.config.regions)
        for k, regions, features in described:
            is_object, weights = judge_truly(regions, self.truth.objects[k], self.truth.known)
            weights *= np.float32(self._precision.get(k, 1.0))
            self.samples.append(RegionSamples(features, is_object, weights))
            stays = np.concatenate(([True], self._policy(features, is_object)))
            removed[k] = ~stays[regions.labels]
        return logits.masked_fill(torch.from_numpy(removed), -SATURATED_LOGIT)

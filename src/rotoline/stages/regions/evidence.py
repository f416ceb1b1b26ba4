"""Region filter that decides from evidence: is this connected region the object?

For every region of an object's map a small network decides from what is known about the region
(`FEATURES`): how sure the score, the classifier and the readouts are, where the object was and
where it has moved to, how large it was, how long it has been hidden, how much the picture has
changed meanwhile, and which other object claims the region. A region that lies away from the last
position can stay if the evidence for it is strong, so an object that was lost is found again; a
look-alike of it lacks such evidence. The 224 numbers of the network are learned
(`rotoline train regions`) and are part of the weights. See docs/method/fast.md#filter.
"""

import math
from collections.abc import Iterator
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from rotoline.stages.regions.components import Regions, count_inside, find_regions

Maps = NDArray[np.float32]
Masks = NDArray[np.bool_]

NEARBY_RADIUS = 4
"""Pixels of the working map (stride 4) around the last visible mask that count as near."""

FEATURES = (
    "own score",
    "score",
    "appearance",
    "memory",
    "carried",
    "other score",
    "other memory",
    "other carried",
    "inside last",
    "covers last",
    "near last",
    "covers carried",
    "growth",
    "size change",
    "largest ratio",
    "hidden",
    "elsewhere",
    "motion",
    "distance",
    "share",
    "removed before",
    "at border",
    "left at border",
)
"""What is known about a region, in this order; `region_features` documents each."""


class Evidence(BaseModel):
    """Decide from everything that is known about a region."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    method: Literal["evidence"] = "evidence"
    """Decide from everything that is known about a region, by a small learned model."""
    threshold: float = Field(default=0.3, gt=0, lt=1)
    """Score above which a pixel belongs to a region."""


class RegionModel(NamedTuple):
    """The learned numbers of the decision, a network with one hidden layer of N units.

    The logit of the probability that a region is the object is
    `bias + tanh(hidden_biases + features @ hidden_weights) @ weights`.
    """

    means: NDArray[np.float32]
    """float `(F,)`: means of the features in training; a reason is what a difference from the mean
    changes."""
    hidden_weights: NDArray[np.float32]
    """float `(F, N)`."""
    hidden_biases: NDArray[np.float32]
    """float `(N,)`."""
    weights: NDArray[np.float32]
    """float `(N,)`."""
    bias: float


class RegionEvidence(NamedTuple):
    """What is known about the objects in a frame, at the size of the maps `(h, w)`."""

    appearance: Maps
    """float `(K, h, w)` in [0, 1]: score of the object's classifier alone."""
    memory: Maps
    """float `(K, h, w)` in [0, 1]: readout from the annotated frames."""
    carried: Maps
    """float `(K, h, w)` in [0, 1]: the previous score map, carried along with the motion."""
    motion: float
    """How much the picture has changed since the previous frame, in [0, 2]: one minus the mean
    cosine of the local keys at equal places; 0 for a still picture."""
    model: RegionModel
    """The learned numbers."""


class ObjectHistory(NamedTuple):
    """What one object's state says (`rotoline.state.ObjectState`)."""

    last_visible: Masks
    """bool `(h, w)`: the most recent mask that is not empty."""
    largest_area: int
    """Pixels of the largest mask so far."""
    hidden_frames: int
    """Number of frames since the object was last visible."""
    motion: float
    """Sum of `RegionEvidence.motion` since then, this frame included."""
    removed: Masks
    """bool `(h, w)`: what the filter removed from the object's map in the previous frame."""


class Judgement(NamedTuple):
    """The decision about one region."""

    area: int
    """Number of pixels of the region."""
    centre: tuple[float, float]
    """Mean row and column of its pixels."""
    stays: bool
    """Whether the region stays: whether the logit is positive."""
    logit: float
    """Logit of the probability that the region is the object."""
    reasons: dict[str, float]
    """By feature, what the logit would lose if the feature had its mean in training."""

    @property
    def probability(self) -> float:
        """Probability in [0, 1] that the region is the object."""
        return 1 / (1 + math.exp(-self.logit))


def pixels_to_remove_by_evidence(
    scores: Maps, evidence: RegionEvidence, histories: list[ObjectHistory], config: Evidence
) -> Masks:
    """Find the pixels to remove from the maps of K objects.

    Args:
        scores: float `(K, h, w)` in [0, 1].
        evidence: What is known about the frame.
        histories: What is known about each of the K objects.
        config: The threshold of a region.

    Returns:
        bool `(K, h, w)`: the pixels of the regions that do not stay. Pixels below the threshold are
        never in it.

    Source:
        Paper, CRAF steps 1 and 2. Deviation: the paper keeps the regions with an intersection over
        union above fixed thresholds with the previous mask, so that a lost object stays lost; here
        the overlap is one of several pieces of evidence.
    """
    removed = np.zeros(scores.shape, dtype=bool)
    for k, regions, features in described_regions(scores, evidence, histories, config):
        stays = np.concatenate(([True], region_logits(features, evidence.model) > 0))
        removed[k] = ~stays[regions.labels]
    return removed


def described_regions(
    scores: Maps, evidence: RegionEvidence, histories: list[ObjectHistory], config: Evidence
) -> Iterator[tuple[int, Regions, Maps]]:
    """Yield every object that has regions: its row, the n regions, their features `(n, F)`.

    The arguments are those of `pixels_to_remove_by_evidence`.
    """
    for k, history in enumerate(histories):
        regions = find_regions(scores[k] > config.threshold)
        if len(regions.areas) > 1:
            yield k, regions, region_features(k, regions, scores, evidence, history)


def region_logits(features: Maps, model: RegionModel) -> Maps:
    """Logits `(..., n)` that n regions are the object, from their features `(..., n, F)`."""
    hidden = np.tanh(model.hidden_biases + features @ model.hidden_weights)
    logits: Maps = np.float32(model.bias) + hidden @ model.weights
    return logits


def judge_regions(
    scores: Maps, evidence: RegionEvidence, histories: list[ObjectHistory], config: Evidence
) -> list[list[Judgement]]:
    """The decisions of `pixels_to_remove_by_evidence` with their reasons, by object and region."""
    judged: list[list[Judgement]] = [[] for _ in histories]
    for k, regions, features in described_regions(scores, evidence, histories, config):
        logits = region_logits(features, evidence.model)
        # usual[f] are the features with the mean in place of feature f.
        usual = np.repeat(features[None], len(FEATURES), axis=0)
        each = np.arange(len(FEATURES))
        usual[each, :, each] = evidence.model.means[:, None]
        terms = (logits - region_logits(usual, evidence.model)).T
        judged[k] = [
            Judgement(
                area=int(area),
                centre=(float(row), float(column)),
                stays=bool(logit > 0),
                logit=float(logit),
                reasons=dict(zip(FEATURES, map(float, term), strict=True)),
            )
            for area, (row, column), logit, term in zip(
                regions.areas[1:], _centres(regions), logits, terms, strict=True
            )
        ]
    return judged


def region_features(
    k: int, regions: Regions, scores: Maps, evidence: RegionEvidence, history: ObjectHistory
) -> Maps:
    """Describe the n > 0 regions of object k.

    Means are over the pixels of a region:

    - own score: mean score, pixels at which another object scores higher count as 0
    - score, appearance, memory, carried: mean of the object's maps
    - other score, other memory, other carried: mean of the highest value of the other objects
    - inside last, near last: share of the region inside the last visible mask, and within
      `NEARBY_RADIUS` pixels of it
    - covers last, covers carried: share of the last visible mask, and of the carried mask (carried
      above .5), that the region covers
    - growth: logarithm of its area relative to the last visible mask; size change: its magnitude;
      largest ratio: the same relative to the largest mask so far
    - hidden: logarithm of 1 + the number of hidden frames
    - elsewhere: the largest of covers last and covers carried of the object's other regions
    - motion: change of the picture since the object was last visible
    - distance: logarithm of 1 + the distance between the centres of the region and of the last
      visible mask, in units of the root of the area of the largest mask so far: the last visible
      one is often a sliver, the rest of which was hidden already
    - share: its share of the pixels of all regions
    - removed before: share of the region that was removed in the previous frame
    - at border: 1 if it touches the border of the frame, else 0
    - left at border: 1 if the last visible mask touches it, else 0: what has left the frame comes
      back from its border

    Args:
        k: Row of the object in all maps.
        regions: The connected regions of its map.
        scores: float `(K, h, w)` in [0, 1].
        evidence: What is known about the frame.
        history: What is known about the object.

    Returns:
        float32 `(n, F)`, columns as in `FEATURES`.
    """
    carried = evidence.carried[k] > 0.5
    columns = (
        *_means_of_maps(k, regions, scores, evidence),
        *_place_and_size(regions, carried, history),
    )
    return np.stack(columns, axis=1).astype(np.float32)


def _means_of_maps(
    k: int, regions: Regions, scores: Maps, evidence: RegionEvidence
) -> tuple[NDArray[np.float64], ...]:
    """The features from own score to other carried."""
    inside = np.flatnonzero(regions.labels)
    numbers = regions.labels.ravel()[inside]
    areas = regions.areas[1:].astype(np.float64)

    def mean(values: Maps) -> NDArray[np.float64]:
        sums = np.bincount(numbers, values.astype(np.float64), minlength=len(areas) + 1)
        result: NDArray[np.float64] = sums[1:] / areas
        return result

    def others(maps: Maps) -> Maps:
        """The highest value of the other objects at the pixels of the regions."""
        rows = np.delete(maps.reshape(len(maps), -1)[:, inside], k, axis=0)
        highest: Maps = rows.max(0, initial=0.0)
        return highest

    def own(maps: Maps) -> Maps:
        values: Maps = maps[k].ravel()[inside]
        return values

    other_score = others(scores)
    return (
        mean(np.where(own(scores) >= other_score, own(scores), 0.0)),
        mean(own(scores)),
        mean(own(evidence.appearance)),
        mean(own(evidence.memory)),
        mean(own(evidence.carried)),
        mean(other_score),
        mean(others(evidence.memory)),
        mean(others(evidence.carried)),
    )


def _place_and_size(
    regions: Regions, carried: Masks, history: ObjectHistory
) -> tuple[NDArray[np.float64], ...]:
    """The features from inside last to left at border; carried is the carried mask."""
    from scipy import ndimage  # imported late: a fifth of the time that loading the model takes

    areas = regions.areas[1:].astype(np.float64)
    count, last = len(areas), history.last_visible
    near = ndimage.maximum_filter(last, size=2 * NEARBY_RADIUS + 1)
    in_last, in_near, in_carried, in_removed = (
        count_inside(regions, mask)[1:].astype(np.float64)
        for mask in (last, near, carried, history.removed)
    )
    last_area = max(int(np.count_nonzero(last)), 1)
    largest_area = max(history.largest_area, 1)
    covers_last = in_last / last_area
    covers_carried = in_carried / max(int(np.count_nonzero(carried)), 1)
    centre = np.argwhere(last).mean(0) if last.any() else np.array(last.shape) / 2
    distance = np.hypot(*(_centres(regions) - centre).T) / np.sqrt(largest_area)
    growth = np.log(areas / last_area)
    return (
        in_last / areas,
        covers_last,
        in_near / areas,
        covers_carried,
        growth,
        np.abs(growth),
        np.log(areas / largest_area),
        np.full(count, np.log1p(history.hidden_frames)),
        _highest_elsewhere(np.maximum(covers_last, covers_carried)),
        np.full(count, history.motion),
        np.log1p(distance),
        areas / areas.sum(),
        in_removed / areas,
        _at_border(regions.labels, count),
        np.full(count, float(_border(last).any())),
    )


def _centres(regions: Regions) -> NDArray[np.float64]:
    """Mean row and column of each region, `(n, 2)`."""
    rows, columns = np.nonzero(regions.labels)
    numbers, size = regions.labels[rows, columns], len(regions.areas)
    sums = [np.bincount(numbers, at.astype(np.float64), minlength=size) for at in (rows, columns)]
    centres: NDArray[np.float64] = np.stack(sums, axis=1)[1:] / regions.areas[1:, None]
    return centres


def _border(values: NDArray[Any]) -> NDArray[Any]:
    """The outermost values of a map `(h, w)`, in a row."""
    outermost: NDArray[Any] = np.concatenate((values[0], values[-1], values[:, 0], values[:, -1]))
    return outermost


def _at_border(labels: NDArray[np.integer[Any]], count: int) -> NDArray[np.float64]:
    """For each of n regions 1 if it touches the border of the frame, else 0."""
    return np.isin(np.arange(1, count + 1), _border(labels)).astype(np.float64)


def _highest_elsewhere(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """For each of n values the highest of the others; 0 if there are none."""
    if len(values) == 1:
        return np.zeros(1)
    second, first = np.sort(values)[-2:]
    result: NDArray[np.float64] = np.where(values == first, second, first)
    if np.count_nonzero(values == first) > 1:
        result = np.full(len(values), first)
    return result

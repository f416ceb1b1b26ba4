"""One frame segmented from strokes: what a person sees while marking.

A stroke says of a few pixels whether they are the object. The ridge classifiers need no more: they
are solved on the pixels with a stroke, as from a mask in which everything else is unknown. Masks of
other frames and the previous answer for this frame add what they know.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage
from torch import Tensor
from torch.nn import functional

from rotoline.learning.ridge import NormalEquations, accumulate, solve, weighted_sum
from rotoline.learning.targets import known_shares
from rotoline.systems.fast.encoder import Features
from rotoline.systems.fast.memory_readout import MemoryFrames
from rotoline.systems.fast.network import FastNet
from rotoline.systems.fast.online_ridge import OTHER_OBJECT_WEIGHT, UPDATE_WEIGHT
from rotoline.systems.fast.scoring import best_other_object, classifier_logits, refine
from rotoline.types import SATURATED_LOGIT

PASSES = 2
"""How often the frame is scored where an object has no previous answer; the second time with the
first answer as such."""
BORDER_WEIGHT, BORDER_WIDTH = 0.3, 2
"""Weight of the pixels along the border of the frame as samples of the background, where no stroke
says more, and the width of that strip in pixels of the maps."""
SEED_WEIGHT = 0.3
"""Weight of the pixels that are likely the object because a box was drawn around them."""
BOX_ROUNDS = 2
"""How often the pixels in a box that the answer is sure of are learned from."""
TRUST = 0.7
"""Score from which the answer is sure of a pixel; for the background, 1 minus this."""


@dataclass(frozen=True, slots=True)
class StrokeMaps:
    """The strokes of K objects in a frame, at the working size."""

    inside: Tensor
    """float32 `(K, H, W)`: 1 where a stroke says that a pixel is the object."""
    outside: Tensor
    """float32 `(K, H, W)`: 1 where a stroke says that it is not, without those of other objects."""
    likely: Tensor | None = None
    """float32 `(K, H, W)`: 1 in the middle of boxes around an object; None without boxes."""
    taken: Tensor | None = None
    """float32 `(H, W)` in [0, 1]: the share of each pixel that further objects cover, which have
    masks; None without."""


class KnownFrame(NamedTuple):
    """What the mask of another frame says of the same K objects."""

    equations: NormalEquations
    """Of K objects; whatever for those of which it says nothing."""
    memory: MemoryFrames
    """The frame at stride 16, with R = K."""
    weight: Tensor
    """float `(K,)`: how much the equations count; 0 for an object of which nothing is said."""


@torch.inference_mode()
def segment_from_strokes(
    net: FastNet,
    features: Features,
    strokes: StrokeMaps,
    known: Sequence[KnownFrame] = (),
    previous: Tensor | None = None,
) -> Tensor:
    """Score all objects in a frame that has strokes.

    Args:
        net: The network.
        features: Of the frame.
        strokes: At least one pixel inside for each object of which nothing else is known.
        known: Masks of other frames.
        previous: float `(K, h, w)`: logits of the previous answer for this frame, which the strokes
            correct; None if there is none.

    Returns:
        float32 `(K, h, w)`: logits at stride 4.
    """
    samples = _samples(strokes, with_border=not known)
    # Looked up once: the strokes stay the same.
    looked_up = net.memory_readout.from_memory(features, _memory(features, strokes, known))
    scores = None if previous is None else previous.sigmoid()
    if previous is not None:
        known = [*known, _from_previous(features, samples, previous)]
    is_known = previous is not None and bool((previous > 0).flatten(1).any(1).all())
    passes, learned = 1 if is_known else PASSES, samples
    for _ in range(1 if strokes.likely is None else 1 + BOX_ROUNDS):
        equations = [_accumulate(features, learned)]
        weights = [torch.ones(len(samples.shares), dtype=torch.float32)]
        equations += [one.equations for one in known]
        weights += [one.weight for one in known]
        classifiers = solve(weighted_sum(equations, torch.stack(weights)), net.ridge)
        logits = classifier_logits(net, classifiers, features.embedding[0])
        for _ in range(passes):
            answer = _score(net, features, logits, scores, looked_up, samples.taken)
            scores = answer.sigmoid()
        passes, learned = 1, samples.with_answer(answer.sigmoid())
    return answer


def _score(
    net: FastNet,
    features: Features,
    logits: Tensor,
    scores: Tensor | None,
    looked_up: Tensor,
    taken: Tensor | None,
) -> Tensor:
    """Logits `(K, h, w)` after refinement and propagation of those of the classifiers.

    Args:
        net: The network.
        features: Of the frame.
        logits: Of the classifiers.
        scores: The previous answer `(K, h, w)`; None for none.
        looked_up: The readout from the strokes and masks.
        taken: `StrokeMaps.taken` at stride 4.
    """
    if scores is None:
        # What would be carried along from nothing is nothing: no need to compute it.
        scores, carried = torch.zeros_like(logits), torch.zeros_like(looked_up)
    else:
        keys = features.local_keys
        carried = net.memory_readout.from_previous(keys, keys, scores)
    others = _others(logits, scores, taken)
    refined = refine(net, logits, features, scores, (carried, looked_up), others)
    answer: Tensor = net.propagation(refined[:, None], features)[:, 0]
    return answer


class _Samples(NamedTuple):
    """The pixels at stride 4 that K objects are learned from, float `(K, h, w)` each."""

    shares: Tensor
    """How much of the pixel the object covers."""
    others: Tensor
    """How much of it other objects cover."""
    weights: Tensor
    """How much the pixel counts, in [0, 1]."""
    may_join: Tensor
    """1 where the pixel counts once the answer is sure of it."""
    taken: Tensor | None
    """`(h, w)`: `StrokeMaps.taken`."""

    def with_answer(self, scores: Tensor) -> "_Samples":
        """The same, and what the answer is sure of in boxes."""
        is_sure = ((scores >= TRUST) | (scores <= 1 - TRUST)) & (self.may_join > 0)
        return self._replace(
            shares=torch.where(is_sure, (scores >= TRUST).float(), self.shares),
            weights=torch.where(is_sure, 1.0, self.weights),
        )


def _samples(strokes: StrokeMaps, *, with_border: bool) -> _Samples:
    inside, others = strokes.inside, _of_others(strokes)
    known = torch.maximum(torch.maximum(inside, strokes.outside), others)
    shares, weights = known_shares(inside, known, 4)
    other_shares, _ = known_shares(others, known, 4)
    may_join = torch.zeros_like(weights)
    if strokes.likely is not None:
        likely = functional.avg_pool2d(strokes.likely, 4) * (weights == 0)
        shares = torch.maximum(shares, likely)
        weights = torch.maximum(weights, SEED_WEIGHT * likely)
        has_box = strokes.likely.flatten(1).any(1).float()[:, None, None]
        may_join = has_box * (functional.avg_pool2d(known, 4) == 0)
    if with_border:
        weights = torch.maximum(weights, BORDER_WEIGHT * _border(weights))
    taken = strokes.taken
    if taken is not None:
        taken = functional.avg_pool2d(taken[None], 4)[0]
    return _Samples(shares, other_shares, weights, may_join, taken)


def _of_others(strokes: StrokeMaps) -> Tensor:
    """Where other objects are, `(K, H, W)`; a stroke counts more than the mask of another one."""
    inside = strokes.inside
    others = (inside.sum(0) - inside).clamp(max=1)
    if strokes.taken is not None:
        said = torch.maximum(inside, strokes.outside)
        others = torch.maximum(others, (strokes.taken > 0.5) * (1 - said))
    return others


def _accumulate(features: Features, samples: _Samples) -> NormalEquations:
    # Pixels that do not count are most of the frame.
    counts = samples.weights.amax(0) > 0
    shares, others, weights = (maps[:, None, counts] for maps in samples[:3])
    embedding = features.embedding[0][:, None, counts]
    return accumulate(embedding, shares, others, OTHER_OBJECT_WEIGHT, weights)


def _memory(features: Features, strokes: StrokeMaps, known: Sequence[KnownFrame]) -> MemoryFrames:
    """The pixels of this frame with strokes, and those of other frames with masks."""
    inside, others = strokes.inside, _of_others(strokes)
    said = torch.maximum(torch.maximum(inside, strokes.outside), others)
    values, present = known_shares(inside, said, 16)
    keys = features.global_keys[0].flatten(1)
    frames = [MemoryFrames(keys, values.flatten(1), present.flatten(1))]
    frames += [one.memory for one in known]
    return MemoryFrames(*(torch.cat(columns, dim=1) for columns in zip(*frames, strict=True)))


def _others(logits: Tensor, scores: Tensor, taken: Tensor | None) -> Tensor | None:
    """What `refine` needs of the other objects."""
    if taken is None:
        return best_other_object(logits, scores) if len(logits) > 1 else None
    # Objects with masks are one more row.
    logits = torch.cat((logits, SATURATED_LOGIT * (2 * taken[None] - 1)))
    scores = torch.cat((scores, taken[None]))
    return best_other_object(logits, scores)[:-1]


def known_frame(features: Features, masks: Tensor, told: Tensor) -> KnownFrame:
    """Learn objects from the masks of another frame.

    Args:
        features: Of that frame.
        masks: float `(K, H, W)` in [0, 1] at the working size.
        told: bool `(K,)`: the objects of which the masks say where they are, or that they are not.
    """
    shares = functional.avg_pool2d(masks, 4)
    others = (shares.sum(0) - shares).clamp(0, 1)
    equations = accumulate(features.embedding[0], shares, others, OTHER_OBJECT_WEIGHT)
    values = functional.avg_pool2d(masks, 16).flatten(1)
    keys = features.global_keys[0].flatten(1)
    memory = MemoryFrames(keys, values, told.float()[:, None].expand_as(values))
    return KnownFrame(equations, memory, told.float())


def _from_previous(features: Features, samples: _Samples, previous: Tensor) -> KnownFrame:
    """What the previous answer says where no stroke does; it counts as little as any result."""
    scores = previous.sigmoid()
    is_sure = (scores >= TRUST) | (scores <= 1 - TRUST)
    shares = (scores > 0.5).float()
    others = (shares.sum(0) - shares).clamp(0, 1)
    unsaid = is_sure & (samples.weights == 0)
    equations = accumulate(
        features.embedding[0], shares, others, OTHER_OBJECT_WEIGHT, unsaid.float()
    )
    nothing = shares.flatten(1)[:, :0]
    memory = MemoryFrames(features.global_keys[0].flatten(1)[:, :0], nothing, nothing)
    # An object that was not there is new, or was missed.
    weight = UPDATE_WEIGHT * shares.flatten(1).any(1).float()
    return KnownFrame(equations, memory, weight)


def touched_regions(mask: NDArray[np.bool_], stroke: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The 8-connected regions of a mask `(H, W)` that a stroke touches.

    Example:
        >>> mask = np.array([[1, 1, 0, 1]], dtype=bool)
        >>> touched_regions(mask, np.array([[1, 0, 0, 0]], dtype=bool)).astype(int)
        array([[1, 1, 0, 0]])
    """
    found = np.zeros_like(mask)
    rows, columns = (np.flatnonzero(mask.any(axis)) for axis in (1, 0))
    if len(rows):
        # Within the box around the mask, since frames are large.
        box = slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
        regions, count = ndimage.label(mask[box], structure=np.ones((3, 3), int))
        is_touched = np.zeros(count + 1, dtype=bool)
        is_touched[regions[stroke[box]]] = True
        is_touched[0] = False
        found[box] = is_touched[regions]
    return found


def _border(maps: Tensor) -> Tensor:
    """1 along the border of maps `(K, h, w)`, 0 elsewhere."""
    ring = torch.ones_like(maps)
    ring[..., BORDER_WIDTH:-BORDER_WIDTH, BORDER_WIDTH:-BORDER_WIDTH] = 0
    return ring

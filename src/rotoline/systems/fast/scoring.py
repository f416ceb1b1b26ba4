"""The stage `score` of the `fast` preset: a logit map for each object.

    frame ─► encode ─► [score] ─► limit ─► propagate ─► filter ─► fuse ─► labels

A ridge classifier scores how much a pixel resembles the object. The refinement network corrects the
score by the temporal context: where the object was in the previous frame, where it has moved to,
which object similar pixels of the annotated frames belong to, and where the other objects are. See
docs/method/fast.md#score.
"""

from typing import Literal, NamedTuple

import torch
from pydantic import BaseModel, ConfigDict
from torch import Tensor

from rotoline.learning.ridge import predict
from rotoline.nets.layers import highest_other
from rotoline.systems.fast.encoder import Features
from rotoline.systems.fast.memory_readout import MemoryFrames
from rotoline.systems.fast.network import FastNet

REFINED_TOGETHER = 2
"""Objects that are refined in one batch: a sixth faster than one by one, and no slower than ten at
once on two cores, while memory does not grow with the number of objects."""


class ScoringConfig(BaseModel):
    """What the objects' scores are computed from."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    context: Literal["off", "previous", "previous+memory"] = "previous+memory"
    """What corrects the output of the classifiers. `off`: nothing. `previous`: each object's score
    map of the previous frame, and the other objects. `previous+memory`: also the readouts by
    similarity from the previous frame and from the annotated frames."""


class TemporalContext(NamedTuple):
    """What is known before a frame is scored, for R classifiers."""

    scores: Tensor
    """float `(R, h, w)` in [0, 1]: score maps of the previous frame."""
    local_keys: Tensor
    """`Features.local_keys` of the previous frame."""
    memory: MemoryFrames
    """The annotated frames."""


def score_objects(
    net: FastNet,
    classifiers: Tensor,
    features: Features,
    context: TemporalContext,
    readouts: tuple[Tensor, Tensor],
    config: ScoringConfig,
) -> Tensor:
    """Score every classifier on one frame.

    Args:
        net: The network.
        classifiers: float `(R, D1)`: K objects and, where K > 1, their union as the last row.
        features: Features of the frame.
        context: What is known from earlier frames.
        readouts: As `readout_maps` returns them for this frame.
        config: What the scores are computed from.

    Returns:
        float `(R, h, w)`: logits.
    """
    logits = classifier_logits(net, classifiers, features.embedding[0])
    if config.context == "off":
        return logits
    others = None
    if len(logits) > 1:
        others = best_other_object(logits[:-1], context.scores[:-1])
    read = readouts if config.context == "previous+memory" else None
    return refine(net, logits, features, context.scores, read, others)


def refine(
    net: FastNet,
    logits: Tensor,
    features: Features,
    scores: Tensor,
    readouts: tuple[Tensor, Tensor] | None,
    others: Tensor | None,
) -> Tensor:
    """Correct the logits of R classifiers by the temporal context.

    Args:
        net: The network.
        logits: float `(R, h, w)`, of the classifiers.
        features: Features of the frame.
        scores: float `(R, h, w)`: score maps of the previous frame.
        readouts: As `readout_maps` returns them; None to leave them out.
        others: `(K, 2, h, w)` as of `best_other_object`, for the first K <= R classifiers, which
            have other objects beside them; None if none has any.

    Returns:
        float `(R, h, w)`: logits.
    """
    read = None if readouts is None else torch.stack(readouts, dim=1)
    count = len(logits) if others is None else len(others)
    refined = []
    for start, end, beside in ((0, count, others), (count, len(logits), None)):
        for row in range(start, end, REFINED_TOGETHER):
            rows = slice(row, min(row + REFINED_TOGETHER, end))
            refined.append(
                net.refinement(
                    logits[rows, None],
                    scores[rows, None],
                    None if read is None else read[rows],
                    None if beside is None else beside[rows],
                    features,
                )
            )
    return torch.cat(refined)[:, 0]


def classifier_logits(net: FastNet, classifiers: Tensor, embedding: Tensor) -> Tensor:
    """Logits float `(R, h, w)` of classifiers `(R, D1)` alone, on an embedding `(D, h, w)`."""
    return net.logit_scale * predict(classifiers, embedding) + net.logit_shift


def readout_maps(
    net: FastNet, features: Features, context: TemporalContext
) -> tuple[Tensor, Tensor]:
    """Both readouts by similarity, each float `(R, h / 2, w / 2)` in [0, 1].

    The first carries the score maps along from the previous frame, the second looks the objects up
    in the annotated frames.
    """
    readout = net.memory_readout
    return (
        readout.from_previous(features.local_keys, context.local_keys, context.scores),
        readout.from_memory(features, context.memory),
    )


def best_other_object(logits: Tensor, scores: Tensor) -> Tensor:
    """For each of K > 1 objects the highest value among the other objects, pixel by pixel.

    Args:
        logits: float `(K, h, w)` of the frame.
        scores: float `(K, h, w)` of the previous frame.

    Returns:
        float `(K, 2, h, w)`: of the logits and of the scores.
    """
    return torch.stack((highest_other(logits), highest_other(scores)), dim=1)

"""What accepted masks of other frames say of the objects of one frame."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch.nn import functional

from rotoline.learning.ridge import NormalEquations
from rotoline.systems.fast.encoder import Features
from rotoline.systems.fast.memory_readout import MemoryFrames
from rotoline.systems.fast.online_ridge import MEMORY_FRAMES
from rotoline.systems.fast.strokes import KnownFrame, known_frame
from rotoline.types import VOID, LabelMap, ObjectId, ids_in


class TaughtFrame(NamedTuple):
    """A frame with an accepted mask, learned."""

    mask: LabelMap
    """As it was accepted."""
    rows: Mapping[ObjectId, int]
    """The objects that it shows, and their rows in `known`; none if it is all background."""
    known: KnownFrame
    """Of these objects; of one without pixels if there are none."""


def teach_frame(mask: LabelMap, features: Features, size: tuple[int, int]) -> TaughtFrame:
    """Learn from one accepted mask.

    Args:
        mask: Object ids `(H, W)`.
        features: Of its frame.
        size: The working size.
    """
    ids = ids_in(mask)
    masks = torch.from_numpy(np.stack([mask == one for one in ids or [VOID]])).float()
    masks = functional.interpolate(masks[None], size=size, mode="area")[0]
    known = known_frame(features, masks, torch.ones(len(masks), dtype=torch.bool))
    return TaughtFrame(mask, {object_id: row for row, object_id in enumerate(ids)}, known)


def known_frames(
    taught: Mapping[int, TaughtFrame], index: int, ids: Sequence[ObjectId]
) -> list[KnownFrame]:
    """What other frames say of some objects, nearest frames first.

    Only the nearest `MEMORY_FRAMES` of them are searched pixel by pixel.

    Args:
        taught: Learned frames by index.
        index: The frame that is asked for, which is left out.
        ids: The objects.
    """
    found: list[KnownFrame] = []
    for at in sorted(taught, key=lambda one: abs(one - index)):
        frame = taught[at]
        told = torch.tensor([object_id in frame.rows or not frame.rows for object_id in ids])
        if at != index and told.any():
            rows = [frame.rows.get(object_id, 0) for object_id in ids]
            equations, memory, _ = frame.known
            weight = told.float()
            used = weight if len(found) < MEMORY_FRAMES else torch.zeros_like(weight)
            found.append(
                KnownFrame(
                    NormalEquations(*(part[rows] for part in equations)),
                    MemoryFrames(
                        memory.keys, memory.values[rows], memory.known[rows] * used[:, None]
                    ),
                    weight,
                )
            )
    return found

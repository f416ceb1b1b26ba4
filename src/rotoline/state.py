"""The tracking state of all objects in one pass over the frames."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import NamedTuple

import torch
from torch import Tensor


@dataclass(slots=True)
class ObjectState:
    """Where each of K objects is and was, at the working resolution `(h, w)`.

    All tensors are on the device of the system. Rows follow the object ids in ascending order.
    """

    scores: Tensor
    """float32 `(K, h, w)` in [0, 1]: score maps of the previous frame, 0 before the first."""
    previous: Tensor
    """bool `(K, h, w)`: masks in the previous frame, empty for objects that were not visible."""
    last_visible: Tensor
    """bool `(K, h, w)`: each object's most recent mask that is not empty."""
    largest_area: Tensor
    """int64 `(K,)`: pixels of the largest mask that each object has had so far."""
    hidden_frames: Tensor
    """int64 `(K,)`: number of frames since each object was last visible."""
    motion: Tensor
    """float32 `(K,)`: how much the picture has changed in these frames; the sum of what the system
    measured in each (`rotoline.stages.regions.evidence`), 0 if it measures nothing."""
    removed: Tensor
    """bool `(K, h, w)`: what the region filter removed from each object's map in the previous
    frame. Look-alikes mostly stay where they are."""

    @classmethod
    def empty(cls, objects: int, size: tuple[int, int], device: torch.device) -> "ObjectState":
        """The state of `objects` objects that have not been seen yet."""
        maps = (objects, *size)
        return cls(
            scores=torch.zeros(maps, dtype=torch.float32, device=device),
            previous=torch.zeros(maps, dtype=torch.bool, device=device),
            last_visible=torch.zeros(maps, dtype=torch.bool, device=device),
            largest_area=torch.zeros(objects, dtype=torch.int64, device=device),
            hidden_frames=torch.zeros(objects, dtype=torch.int64, device=device),
            motion=torch.zeros(objects, dtype=torch.float32, device=device),
            removed=torch.zeros(maps, dtype=torch.bool, device=device),
        )

    @classmethod
    def from_tensors(cls, tensors: Mapping[str, Tensor], device: torch.device) -> "ObjectState":
        """The state that gave `tensors`, on a device."""
        return cls(**{name: value.to(device) for name, value in tensors.items()})

    def tensors(self) -> dict[str, Tensor]:
        """All fields by name; not copied."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    def update(
        self,
        logits: Tensor,
        visible: Tensor,
        which: Tensor,
        motion: float = 0.0,
        removed: Tensor | None = None,
    ) -> None:
        """Store the result of one frame for some of the objects.

        Args:
            logits: float32 `(K, h, w)`, filtered.
            visible: bool `(K, h, w)`: the mask of each object in this frame.
            which: bool `(K,)`: the objects to update; the others keep their state.
            motion: How much the picture has changed since the previous frame.
            removed: bool `(K, h, w)`: what the region filter removed; nothing if None.
        """
        self.scores[which] = logits[which].sigmoid()
        self.previous[which] = visible[which]
        areas = visible.flatten(1).sum(1)
        seen = (areas > 0) & which
        self.last_visible[seen] = visible[seen]
        self.largest_area[seen] = torch.maximum(self.largest_area, areas)[seen]
        self.hidden_frames[which] += 1
        self.hidden_frames[seen] = 0
        self.motion[which] += motion
        self.motion[seen] = 0
        self.removed[which] = False if removed is None else removed[which]

    def with_objects(self, rows: Sequence[int | None]) -> "ObjectState":
        """The state of another list of objects, some of them new.

        Args:
            rows: For each object of the result its row in this state, or None for a new object.
        """
        size = (self.scores.shape[1], self.scores.shape[2])
        result = ObjectState.empty(len(rows), size, self.scores.device)
        for target, row in enumerate(rows):
            if row is not None:
                for field in fields(self):
                    getattr(result, field.name)[target] = getattr(self, field.name)[row]
        return result


class KnownMaps(NamedTuple):
    """Where some of K objects are in a frame, without tracking them."""

    logits: Tensor
    """float32 `(K, h, w)`: -8 for the other objects."""
    which: Tensor
    """bool `(K,)`: the objects that are known."""


class TrackerState(NamedTuple):
    """What a tracker needs to go on after a frame, in another process, as if it never stopped."""

    learned: dict[str, Tensor]
    """What `Tracker.fit` and `Tracker.tune` have learned: the same throughout a clip. Not
    copied."""
    tracked: dict[str, Tensor]
    """What changes from frame to frame. Copies."""
    is_tuned: bool
    """`Tracker.is_tuned`."""

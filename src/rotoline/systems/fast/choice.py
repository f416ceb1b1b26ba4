"""Which network segments which object, where fine-tuning has made some objects better.

Tuning must not make an object worse, so the tuned network is kept for an object only if it is at
least as good on clips that it has not learned, and on the annotated frames themselves.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from rotoline.annotations import Annotations
from rotoline.learning.recomposition import AnnotatedPicture
from rotoline.runtime.progress import Report
from rotoline.stages.foreground import limit_again, limit_to_foreground
from rotoline.stages.fuse import fuse
from rotoline.stages.preprocess import to_tensor
from rotoline.stages.regions import RegionEvidence
from rotoline.stages.regions.evidence import Maps
from rotoline.systems.fast.encoder import Features
from rotoline.systems.fast.online_ridge import MEMORY_FRAMES, choose_memory_frames
from rotoline.systems.fast.tuning import held_out_iou, tune
from rotoline.systems.protocol import FittedSystem, Tuning
from rotoline.types import SATURATED_LOGIT, Frame

if TYPE_CHECKING:
    from rotoline.systems.fast.system import FastConfig, FittedFastSystem


class ChosenNetworks(FittedSystem[list[Features]]):
    """Several networks with one backbone, each of which segments some of the objects.

    Args:
        parts: Each has learned all K objects.
        owner: int64 `(K,)`: index of the part that segments each object.
    """

    def __init__(self, parts: "Sequence[FittedFastSystem]", owner: Tensor) -> None:
        self.parts, self.owner = list(parts), owner
        self.map_size, self.device = parts[0].map_size, parts[0].device
        self._rows = [(owner == index).nonzero()[:, 0].tolist() for index in range(len(parts))]

    def encode(self, frame: Frame) -> list[Features]:
        """Run the backbone once, and what each network has of its own."""
        maps = self.parts[0].net.encoder.backbone_maps(to_tensor(frame, self.parts[0].size))
        return [part.net.encoder.from_backbone(maps) for part in self.parts]

    def score(self, features: list[Features], scores: Tensor) -> tuple[Tensor, Tensor]:
        """Logits of the objects, each by its own network, and of their union by the first one.

        So the maps of objects that stay with the first network are the same as without the others.
        """
        logits, unions = torch.empty_like(scores), []
        for part, rows, own in zip(self.parts, self._rows, features, strict=True):
            if rows:
                logits[rows], union = part.score(own, scores, rows)
                unions.append(union)
        return logits, unions[0]

    def propagate(self, logits: Tensor, features: list[Features]) -> Tensor:
        """Logits refined by each object's own network."""
        refined = torch.empty_like(logits)
        for part, rows, own in zip(self.parts, self._rows, features, strict=True):
            if rows:
                refined[rows] = part.propagate(logits[rows], own)
        return refined

    def evidence(self) -> RegionEvidence:
        """What each object's own network knows; the numbers are those of the last network."""
        found = [part.evidence() for part in self.parts]
        owner = self.owner.tolist()

        def own(maps: Sequence[Maps]) -> Maps:
            return np.stack([maps[part][row] for row, part in enumerate(owner)])

        return found[-1]._replace(
            appearance=own([one.appearance for one in found]),
            memory=own([one.memory for one in found]),
            carried=own([one.carried for one in found]),
        )

    def update(
        self, features: list[Features], logits: Tensor, visible: Tensor, active: Tensor
    ) -> None:
        """Update the classifiers of every network."""
        for part, own in zip(self.parts, features, strict=True):
            part.update(own, logits, visible, active)

    def reset_to_annotation(self, index: int) -> None:
        """Use the keys of annotated frame `index` as those of the previous frame."""
        for part in self.parts:
            part.reset_to_annotation(index)

    def continue_after(self, frame: Frame) -> None:
        """Use the keys of `frame` as those of the previous frame."""
        for part, own in zip(self.parts, self.encode(frame), strict=True):
            part.previous_keys = own.local_keys

    def new_pass(self) -> "ChosenNetworks":
        """The same choice, with the classifiers as learned from the annotations alone."""
        return ChosenNetworks([part.new_pass() for part in self.parts], self.owner)

    def with_config(self, config: "FastConfig") -> "ChosenNetworks":
        """The same choice under other settings of the same working size."""
        return ChosenNetworks([part.with_config(config) for part in self.parts], self.owner)

    def intermediate_maps(self, features: list[Features], scores: Tensor) -> dict[str, Tensor]:
        """Scores inside `score`, of each object's own network."""
        maps = [
            part.intermediate_maps(own, scores)
            for part, own in zip(self.parts, features, strict=True)
        ]
        return {
            name: torch.stack([maps[own][name][row] for row, own in enumerate(self.owner.tolist())])
            for name in maps[0]
        }

    def tune(
        self,
        frames: Mapping[int, Frame],
        annotations: Annotations,
        report: Report,
        is_cancelled: Callable[[], bool],
    ) -> Tuning | None:
        """Go on from the network that was tuned last; an object may also stay with its own."""
        choice = tune_objects(self, frames, annotations, report, is_cancelled)
        return choice and choice.tuning(self)


class Choice(NamedTuple):
    """The networks after tuning, the new one last, and which of them segments each object."""

    parts: "list[FittedFastSystem]"
    """Each has learned all K objects."""
    owner: Tensor
    """int64 `(K,)`: index of the part that segments each object."""

    def tuning(self, before: FittedSystem[Any]) -> Tuning:
        """The result of tuning `before`."""
        kept = [self.parts[index].is_tuned for index in self.owner.tolist()]
        used = self.owner.unique().tolist()
        if len(self.parts) - 1 not in used:  # no object is better with the new network
            return Tuning(before, kept)
        if len(used) == 1:
            return Tuning(self.parts[-1], kept)
        owner = torch.tensor([used.index(index) for index in self.owner.tolist()])
        return Tuning(ChosenNetworks([self.parts[i].new_pass() for i in used], owner), kept)


def tune_objects(
    current: ChosenNetworks,
    frames: Mapping[int, Frame],
    annotations: Annotations,
    report: Report,
    is_cancelled: Callable[[], bool],
) -> Choice | None:
    """Tune the last network of some, and choose one for each object; see `FittedSystem.tune`."""
    latest, count = current.parts[-1], len(annotations.object_ids)
    config = latest.config.tuning
    if config.steps == 0:
        return None
    pictures = [
        _annotated_picture(frame, annotations.masks_at(index, latest.size))
        for index, frame in frames.items()
    ]
    net = tune(latest.net, pictures, config, report=report, is_cancelled=is_cancelled)
    if net is None:
        return None
    iou = held_out_iou([*(part.net for part in current.parts), net], pictures, count)
    # An object that no clip shows has no number, and is not better.
    is_better = iou[-1] >= iou[current.owner, torch.arange(count)]
    with torch.inference_mode():
        candidate = latest.with_network(net, frames, annotations)
        parts = [*current.parts, candidate]
        owner = _keep_what_reads_back(parts, current.owner, is_better, frames, annotations)
    return None if is_cancelled() else Choice(parts, owner)


def _annotated_picture(frame: Frame, masks: Tensor) -> AnnotatedPicture:
    """A frame with masks `(K, H, W)` in [0, 1] at the working size."""
    share, label = masks.max(0)
    pixels = to_tensor(frame, (masks.shape[1], masks.shape[2]))[0]
    labels = torch.where(share > 0.5, label + 1, 0)
    return AnnotatedPicture(pixels.round().clamp(0, 255).byte().contiguous(), labels.byte())


def _keep_what_reads_back(
    parts: "list[FittedFastSystem]",
    owner: Tensor,
    is_better: Tensor,
    frames: Mapping[int, Frame],
    annotations: Annotations,
) -> Tensor:
    """Give objects to the last part as long as the annotated frames are segmented as well as now.

    Args:
        parts: The networks now, and the tuned one.
        owner: int64 `(K,)`: the part that segments each object now.
        is_better: bool `(K,)`: the objects that may be given to the last part.
        frames: The annotated frames by index.
        annotations: Their label maps.

    Returns:
        int64 `(K,)`: the new owners. None of the objects given to the last part has a lower mean
        IoU than now, and the mean over all objects is not lower.
    """
    # With the default settings of all stages, whatever the stages of this run are.
    config = parts[0].config
    judged = type(config)(working_pixels=config.working_pixels)
    parts = [part.with_config(judged) for part in parts]
    shown = {index: annotations.visible_in(index) for index in frames}
    chosen = sorted(choose_memory_frames(shown, MEMORY_FRAMES))
    encoded = {}
    for index in chosen:
        maps = parts[0].encode_annotated(index, frames[index])
        encoded[index] = [part.net.encoder.from_backbone(maps) for part in parts]

    def read_back(owner: Tensor) -> Tensor:
        system = ChosenNetworks(parts, owner)
        iou = [_read_back(system, encoded[index], annotations, index) for index in chosen]
        return torch.stack(iou).nanmean(0)

    before, keep = read_back(owner), is_better
    while keep.any():
        found = torch.where(keep, len(parts) - 1, owner)
        after = read_back(found)
        gained = torch.where(keep, after - before, torch.inf)
        worse = gained < 0
        if not worse.any():
            if after.mean() >= before.mean():
                return found
            # Others have lost pixels to them: give up the half that has gained least.
            worse = gained <= gained[keep].median()
        keep = keep & ~worse
    return owner


def _read_back(
    system: ChosenNetworks, features: list[Features], annotations: Annotations, index: int
) -> Tensor:
    """IoU `(K,)` in an annotated frame that is segmented once more after its own annotation.

    Every stage but the region filter takes part. The IoU of an object that is not annotated in the
    frame is nan.
    """
    config, ids = system.parts[0].config, annotations.object_ids
    shown = annotations.visible_in(index)
    share = annotations.masks_at(index, system.map_size)
    saturated = (SATURATED_LOGIT * (2 * share - 1)).sigmoid()
    system.reset_to_annotation(index)
    scores = torch.where(shown[:, None, None], saturated, 0.0)
    logits, foreground = system.score(features, scores)
    logits = limit_to_foreground(logits, foreground, config.foreground)
    logits = system.propagate(logits, features)
    logits = torch.where(shown[:, None, None], logits, -SATURATED_LOGIT)
    logits = limit_again(logits, foreground, config.foreground)
    labels = fuse(logits, ids, annotations.size, config.fuse.background_threshold)
    truth = annotations.labels[index]
    iou = [
        np.sum((labels == one) & (truth == one)) / np.sum((labels == one) | (truth == one))
        if is_shown
        else np.nan
        for one, is_shown in zip(ids, shown.tolist(), strict=True)
    ]
    return torch.tensor(iou, dtype=torch.float64)

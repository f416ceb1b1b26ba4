"""Stage `filter`: remove the connected regions that cannot be the object.

    frame ─► encode ─► score ─► limit ─► propagate ─► [filter] ─► fuse ─► labels

A model learned from one frame also responds to look-alikes. An object moves little from one frame
to the next, so a region that shares nothing with the object's last position is mostly a look-alike.
Four methods, one module each; all take and return arrays and know nothing of systems:

- `evidence`: a small learned model decides from everything that is known about a region; needs what
  the preset `fast` measures.
- `last_visible`: compares with the object's last visible mask; hidden objects may reappear.
- `craf`: the connected-region-aware filter as the paper describes it.
- `craf_script`: the filter as the authors' demo script does it, which differs from the paper.

See docs/method/fast.md#filter and docs/method/paper.md.
"""

from typing import Annotated, Literal

import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor

from rotoline.stages.regions.craf import Craf, keep_selected_regions
from rotoline.stages.regions.craf_script import filter_as_script
from rotoline.stages.regions.evidence import (
    Evidence,
    Judgement,
    ObjectHistory,
    RegionEvidence,
    judge_regions,
    pixels_to_remove_by_evidence,
)
from rotoline.stages.regions.last_visible import LastVisible, pixels_to_remove
from rotoline.state import ObjectState
from rotoline.types import SATURATED_LOGIT

__all__ = [
    "Craf",
    "CrafScript",
    "Evidence",
    "Judgement",
    "LastVisible",
    "NoFilter",
    "RegionEvidence",
    "RegionsConfig",
    "RegionsWithEvidence",
    "filter_regions",
    "histories",
    "judgements",
]


class CrafScript(BaseModel):
    """The filter of the authors' demo script; its thresholds are constants, as published."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    method: Literal["craf_script"] = "craf_script"
    """The connected-region-aware filter as the authors' demo script does it."""


class NoFilter(BaseModel):
    """No region is removed."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    method: Literal["off"] = "off"
    """No filter."""


RegionsConfig = Annotated[LastVisible | Craf | CrafScript | NoFilter, Field(discriminator="method")]
"""The methods that need nothing but the maps: those of every preset."""
RegionsWithEvidence = Annotated[
    Evidence | LastVisible | Craf | CrafScript | NoFilter, Field(discriminator="method")
]
"""All methods, for a system that gives evidence."""


def filter_regions(
    logits: Tensor,
    state: ObjectState,
    foreground: Tensor,
    config: RegionsWithEvidence,
    evidence: RegionEvidence | None = None,
) -> Tensor:
    """Hide every region that its object cannot have moved to.

    Args:
        logits: float `(K, h, w)`.
        state: Where the objects were.
        foreground: bool `(h, w)`: where objects may be. Read by the method `craf_script`.
        config: The method and its thresholds.
        evidence: What the system knows about the frame. Read by the method `evidence`.

    Returns:
        float `(K, h, w)`. Kept pixels keep their logit, removed pixels have at most -8. Pixels
        that a `craf` method gives to an object get the logit of their new score, at most 8.

    Source:
        Paper, section on CRAF; each method lists its deviations.
    """
    if isinstance(config, NoFilter):
        return logits
    scores = logits.sigmoid().cpu().numpy()
    if isinstance(config, Evidence):
        assert evidence is not None, "only systems that give evidence have this method"
        removed = pixels_to_remove_by_evidence(scores, evidence, histories(state, evidence), config)
        return logits.masked_fill(torch.from_numpy(removed).to(logits.device), -SATURATED_LOGIT)
    if isinstance(config, LastVisible):
        removed = pixels_to_remove(
            scores,
            state.last_visible.cpu().numpy(),
            state.largest_area.cpu().numpy(),
            state.hidden_frames.cpu().numpy(),
            config,
        )
        return logits.masked_fill(torch.from_numpy(removed).to(logits.device), -SATURATED_LOGIT)
    previous = state.previous.cpu().numpy()
    if isinstance(config, Craf):
        filtered = keep_selected_regions(scores, previous, config)
    else:
        filtered = filter_as_script(scores, previous, foreground.cpu().numpy())
    return _with_scores(logits, torch.from_numpy(scores), torch.from_numpy(filtered))


def judgements(
    logits: Tensor, state: ObjectState, config: RegionsWithEvidence, evidence: RegionEvidence
) -> list[list[Judgement]]:
    """The decision about every region of every object, with reasons, before the filter.

    The arguments are those of `filter_regions`. Empty if the method is another than `evidence`.
    """
    if not isinstance(config, Evidence):
        return []
    scores = logits.sigmoid().cpu().numpy()
    return judge_regions(scores, evidence, histories(state, evidence), config)


def histories(state: ObjectState, evidence: RegionEvidence) -> list[ObjectHistory]:
    """What the state says about each object, this frame's motion included."""
    return [
        ObjectHistory(last, int(largest), int(hidden), float(motion) + evidence.motion, removed)
        for last, largest, hidden, motion, removed in zip(
            state.last_visible.cpu().numpy(),
            state.largest_area,
            state.hidden_frames,
            state.motion,
            state.removed.cpu().numpy(),
            strict=True,
        )
    ]


def _with_scores(logits: Tensor, scores: Tensor, filtered: Tensor) -> Tensor:
    """Logits of filtered scores: at most -8 where the score fell, raised where it rose."""
    scores, filtered = scores.to(logits.device), filtered.to(logits.device)
    lowered = torch.where(filtered < scores, logits.clamp(max=-SATURATED_LOGIT), logits)
    raised = torch.maximum(logits, filtered.logit().clamp(max=SATURATED_LOGIT))
    return torch.where(filtered > scores, raised, lowered)

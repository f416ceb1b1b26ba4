"""Stage `filter`: remove the connected regions that cannot be the object.

    frame ─► encode ─► score ─► limit ─► propagate ─► [filter] ─► fuse ─► labels

A model learned from one frame also responds to look-alikes. An object moves little from one frame
to the next, so a region that shares nothing with the object's last position is a look-alike. Three
methods, one module each; all take and return arrays and know nothing of systems:

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
from rotoline.stages.regions.last_visible import LastVisible, pixels_to_remove
from rotoline.state import ObjectState
from rotoline.types import SATURATED_LOGIT

__all__ = ["Craf", "CrafScript", "LastVisible", "NoFilter", "RegionsConfig", "filter_regions"]


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


def filter_regions(
    logits: Tensor, state: ObjectState, foreground: Tensor, config: RegionsConfig
) -> Tensor:
    """Hide every region that its object cannot have moved to.

    Args:
        logits: float `(K, h, w)`.
        state: Where the objects were.
        foreground: bool `(h, w)`: where objects may be. Read by the method `craf_script`.
        config: The method and its thresholds.

    Returns:
        float `(K, h, w)`. Kept pixels keep their logit, removed pixels have at most -8. Pixels
        that a `craf` method gives to an object get the logit of their new score, at most 8.

    Source:
        Paper, section on CRAF; each method lists its deviations.
    """
    if isinstance(config, NoFilter):
        return logits
    scores = logits.sigmoid().cpu().numpy()
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


def _with_scores(logits: Tensor, scores: Tensor, filtered: Tensor) -> Tensor:
    """Logits of filtered scores: at most -8 where the score fell, raised where it rose."""
    scores, filtered = scores.to(logits.device), filtered.to(logits.device)
    lowered = torch.where(filtered < scores, logits.clamp(max=-SATURATED_LOGIT), logits)
    raised = torch.maximum(logits, filtered.logit().clamp(max=SATURATED_LOGIT))
    return torch.where(filtered > scores, raised, lowered)

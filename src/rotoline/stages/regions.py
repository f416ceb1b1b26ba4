"""Stage 5 of 6: remove the connected regions that cannot be the object.

    frames ─► foreground ─► adapt ─► score ─► propagate ─► [regions] ─► fuse ─► labels

A rule learned from one frame also fires on look-alikes. An object moves little from one frame to
the next, so a region that shares nothing with where the object was last seen is a look-alike.
This is the paper's connected-region-aware filter (CRAF) in one of three forms: with a memory, so
that hidden objects can come back; as in the paper; or as in the authors' script.
See docs/method.md#regions.
"""

from typing import Literal, NamedTuple

import numpy as np
import torch
from pydantic import ConfigDict
from torch import Tensor

from rotoline.filters import memory, paper, script
from rotoline.filters.memory import MemoryRegions
from rotoline.filters.paper import PaperRegions
from rotoline.filters.script import ScriptRegions


class RegionsConfig(MemoryRegions):
    """Which regions can be the object; the inherited settings are those of the rule `memory`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    enabled: bool = True
    """Off for measuring what the stage brings."""
    rule: Literal["memory", "paper", "script"] = "memory"
    """Whether regions are compared with the last visible mask, or with the mask in the frame
    before as the paper or the authors' script does."""
    paper: PaperRegions = PaperRegions()
    """Settings of the rule `paper`."""
    script: ScriptRegions = ScriptRegions()
    """Settings of the rule `script`."""


REMOVED = -8.0
"""Logit of removed pixels."""
CERTAIN = 8.0
"""Logit of pixels that a rule is certain of."""


class Seen(NamedTuple):
    """What is remembered of K objects."""

    last: np.ndarray
    """bool `(K, h, w)`, each object's last visible mask."""
    largest: np.ndarray
    """int `(K,)`, how many pixels each has covered at most."""
    hidden: np.ndarray
    """int `(K,)`, for how many frames each has not been visible."""
    previous: np.ndarray | None = None
    """bool `(K, h, w)`, each object's mask in the frame before, empty where it was not visible;
    `last` if None. The rules `paper` and `script` compare with it."""
    foreground: np.ndarray | None = None
    """bool `(h, w)`, what belongs to any object; everything if None. For the rule `script`."""


def remove_regions(logits: Tensor, seen: Seen, config: RegionsConfig) -> Tensor:
    """Hide every region that its object cannot have moved to.

    Args:
        logits: `(K, h, w)`.
        seen: What is remembered of the objects.
        config: The rule and its thresholds.

    Returns:
        Logits; kept pixels keep their value, removed pixels have at most `REMOVED`. With the rules
        `paper` and `script`, what an object is given has the logit of its new score, at most
        `CERTAIN`.

    Source:
        Paper, section on CRAF. The three forms are described in `rotoline.filters`.
    """
    if not config.enabled:
        return logits
    scores = logits.sigmoid().numpy()
    if config.rule == "memory":
        removed = memory.find_look_alikes(scores, seen.last, seen.largest, seen.hidden, config)
        return logits.masked_fill(torch.from_numpy(removed), REMOVED)
    previous = seen.last if seen.previous is None else seen.previous
    if config.rule == "paper":
        filtered = paper.filter_scores(scores, previous, config.paper)
    else:
        everything = np.ones(scores.shape[1:], dtype=bool)
        foreground = everything if seen.foreground is None else seen.foreground
        filtered = script.filter_scores(scores, previous, foreground, config.script)
    return _follow(logits, torch.from_numpy(scores), torch.from_numpy(filtered))


def _follow(logits: Tensor, scores: Tensor, filtered: Tensor) -> Tensor:
    """Change logits as their scores were changed: to 0, or to something higher."""
    lowered = torch.where(filtered < scores, logits.clamp(max=REMOVED), logits)
    raised = torch.maximum(logits, filtered.logit().clamp(max=CERTAIN))
    return torch.where(filtered > scores, raised, lowered)

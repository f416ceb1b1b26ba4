"""Settings of version 0.1, and the settings that replace them."""

from collections.abc import Sequence

RENAMED = {
    "foreground.pixels": "working_pixels",
    "foreground.limit": "foreground.method (off for no limit)",
    "foreground.rule": "foreground.method (margin or mask)",
    "propagate.enabled": "propagation.enabled",
    "regions.enabled": "regions.method (off for no filter)",
    "regions.rule": "regions.method (last_visible for memory, craf for paper, craf_script for "
    "script)",
    "regions.return_after": "regions.reentry_min_hidden_frames",
    "regions.return_score": "regions.reentry_min_score",
    "regions.return_area": "regions.reentry_max_area_ratio",
    "regions.paper.threshold": "regions.threshold, with regions.method=craf",
    "regions.paper.alpha": "regions.alpha, with regions.method=craf",
    "regions.paper.beta": "regions.beta, with regions.method=craf",
    "regions.paper.gamma": "regions.gamma, with regions.method=craf",
    "regions.paper.delta": "regions.delta, with regions.method=craf",
    "fuse.background": "fuse.background_threshold",
    "score.prior": "scoring.context (off)",
    "score.recall": "scoring.context (previous, or previous+memory)",
    "adapt.update_every": "online.update_every (online.method=off for 0)",
    "adapt.memory": "online.update_window",
    "adapt.foreground": "learner.tune_foreground",
    "adapt.whole": "learner.method (fine_tuning, or linear_probe for false)",
    "adapt.steps": "learner.steps",
    "adapt.budget": "learner.budget",
    "adapt.rate": "learner.learning_rate",
    "adapt.halvings": "learner.lr_halvings",
    "adapt.momentum": "learner.momentum",
    "adapt.weight_decay": "learner.weight_decay",
    "adapt.scale": "learner.augmentation.scale",
    "adapt.rotation": "learner.augmentation.rotation",
    "adapt.shift": "learner.augmentation.shift",
    "adapt.precision": "precision",
    "adapt.views": "learner.views, with learner.method=linear_probe",
    "adapt.damping": "learner.ridge, with learner.method=linear_probe",
    "adapt.iterations": "learner.max_iterations, with learner.method=linear_probe",
}
"""Path in version 0.1: path in this version, for the settings of a preset."""

RENAMED_IN_TRAININGS = {
    "height": "crop.height",
    "width": "crop.width",
    "rate": "optimiser.learning_rate",
    "backbone_rate": "optimiser.backbone_learning_rate",
    "momentum": "optimiser.momentum",
    "weight_decay": "optimiser.weight_decay",
    "clip": "optimiser.max_gradient_norm",
    "halve_every": "optimiser.halve_every",
    "scale": "augmentation.scale",
    "rotation": "augmentation.rotation",
    "shift": "augmentation.shift",
    "signed": "signed_gates",
    "measure_statistics": "measure_batch_statistics",
}
"""Path in version 0.1: path in this version, for the settings of a training."""

_CONSTANT = "is a constant now"

REMOVED = {
    "regions.inside": _CONSTANT,
    "regions.reach": _CONSTANT,
    "regions.near_score": _CONSTANT,
    "regions.least_overlap": _CONSTANT,
    **{
        f"regions.script.{name}": "is a constant of the published script now"
        for name in (
            *("threshold", "least_overlap", "large", "background"),
            *("rescue_area", "rescue_below", "rescue_overlap", "rescue_score"),
        )
    },
    "adapt.scales": _CONSTANT,
    "adapt.rival_share": _CONSTANT,
    "adapt.memory_weight": _CONSTANT,
    "adapt.trust": _CONSTANT,
    "adapt.recalled": _CONSTANT,
    "adapt.update_lone": "is gone: a lone object is never updated from its own results",
    "adapt.patience": "is gone: use learner.steps or learner.budget",
    "adapt.together": "is gone: objects are fine-tuned one after another",
    "adapt.compile": "is gone",
}
"""Path in version 0.1: what replaces it, in words, for the settings of a preset."""

REMOVED_IN_TRAININGS = dict.fromkeys(
    ("frozen_blocks", "average", "rival_share", "power", "encoder_share", "save_every"),
    "is a constant of the training now",
)
"""Path in version 0.1: what replaces it, in words, for the settings of a training."""

MOST_LISTED = 6
"""Largest number of settings in one message; a `run.json` of version 0.1 has some forty."""


def explain_renamed(paths: Sequence[str], *, in_training: bool) -> str:
    """Message with the replacements of settings of version 0.1; empty if none of the paths is one.

    Args:
        paths: Settings that do not exist.
        in_training: Whether they were given for a training, and not for a preset.
    """
    renamed = RENAMED_IN_TRAININGS if in_training else RENAMED
    removed = REMOVED_IN_TRAININGS if in_training else REMOVED
    found = [f"{path} is now {renamed[path]}" for path in paths if path in renamed]
    found += [f"{path} {removed[path]}" for path in paths if path in removed]
    if not found:
        return ""
    if len(found) > MOST_LISTED:
        found = [*found[:MOST_LISTED], f"and {len(found) - MOST_LISTED} more"]
    return (
        f"these are settings of rotoline 0.1: {'; '.join(found)}. "
        "All settings: docs/reference/settings.md"
    )

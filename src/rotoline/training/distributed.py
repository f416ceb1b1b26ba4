"""One training on several processes: every process its own episodes, gradients averaged.

Started by `torchrun`, which sets the environment; without it there is one process.
"""

import os

import torch.distributed
from torch import nn


def start_processes(device: torch.device) -> None:
    """Join the other processes, if there are any: over NCCL for GPUs, else over Gloo."""
    if int(os.environ.get("WORLD_SIZE", "1")) > 1 and not torch.distributed.is_initialized():
        if device.type == "cuda":
            torch.cuda.set_device(device)
        torch.distributed.init_process_group("nccl" if device.type == "cuda" else "gloo")


def stop_processes() -> None:
    """Leave the other processes, if there are any."""
    if torch.distributed.is_initialized():
        torch.distributed.destroy_process_group()


def process_rank() -> int:
    """Number of this process, from 0."""
    return torch.distributed.get_rank() if torch.distributed.is_initialized() else 0


def process_count() -> int:
    """How many processes train together."""
    return torch.distributed.get_world_size() if torch.distributed.is_initialized() else 1


def average_gradients(net: nn.Module) -> None:
    """Replace each gradient by its mean over the processes.

    A parameter that this process did not use (an episode with one object has no rivals) counts as
    a gradient of 0, because another process may have used it.
    """
    if process_count() == 1:
        return
    trained = [parameter for parameter in net.parameters() if parameter.requires_grad]
    for parameter in trained:
        if parameter.grad is None:
            parameter.grad = torch.zeros_like(parameter)
    gradients = [parameter.grad for parameter in trained]
    flat = torch.cat([gradient.flatten() for gradient in gradients])
    torch.distributed.all_reduce(flat)
    flat /= process_count()
    for gradient, part in zip(
        gradients, flat.split([gradient.numel() for gradient in gradients]), strict=True
    ):
        gradient.copy_(part.view_as(gradient))

"""One training in several processes: each has its own samples, and gradients are averaged.

`torchrun` starts the processes and sets their environment; without it there is one process.
"""

import os

import torch.distributed
from torch import nn

from rotoline.errors import ConfigError


def start_processes(device: torch.device) -> None:
    """Join the other processes, if there are any: over NCCL for GPUs, otherwise over Gloo."""
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
    """Number of processes that train together."""
    return torch.distributed.get_world_size() if torch.distributed.is_initialized() else 1


def refuse_different_steps(done: int) -> None:
    """Refuse to train together from different checkpoints.

    Args:
        done: Number of steps that this process has restored.

    Raises:
        ConfigError: Another process has restored more or fewer.
    """
    if process_count() == 1:
        return
    found: list[int] = [0] * process_count()
    torch.distributed.all_gather_object(found, done)
    if len(set(found)) > 1:
        raise ConfigError(
            f"the processes would go on after {', '.join(map(str, sorted(set(found))))} steps, as "
            "they see different checkpoints; all machines must share the folder of --output"
        )


def average_gradients(net: nn.Module) -> None:
    """Replace each gradient by its mean over the processes.

    A parameter without a gradient counts as a gradient of 0: another process may have used it. For
    example, an episode with one object does not use the layers for other objects.
    """
    if process_count() == 1:
        return
    gradients = []
    for parameter in net.parameters():
        if parameter.requires_grad:
            if parameter.grad is None:
                parameter.grad = torch.zeros_like(parameter)
            gradients.append(parameter.grad)
    flat = torch.cat([gradient.flatten() for gradient in gradients])
    torch.distributed.all_reduce(flat)
    flat /= process_count()
    parts = torch.split(flat, [gradient.numel() for gradient in gradients])
    for gradient, part in zip(gradients, parts, strict=True):
        gradient.copy_(part.view_as(gradient))

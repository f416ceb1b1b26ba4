"""Tensors and facts about them in one file, from which the tensors come back bit for bit.

The strides are kept, too: the order of pixels in memory decides in which order sums are added up,
and so the last bits of a result. The format is safetensors, whose header has room for text.
"""

import json
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from rotoline.errors import InputError
from rotoline.io.atomic import replacing

_FACTS, _STRIDES = "facts", "strides"


def write_tensors(path: Path, tensors: Mapping[str, Tensor], facts: Mapping[str, Any]) -> None:
    """Write a file that is complete and on the disk when this returns; an older one is replaced.

    Args:
        path: The file, which ends in `.safetensors`.
        tensors: Tensors by name, on any device.
        facts: What JSON can hold.

    Raises:
        OutputError: The file cannot be written.
    """
    strides = {name: _strides_of(value) for name, value in tensors.items()}
    metadata = {_FACTS: json.dumps(dict(facts)), _STRIDES: json.dumps(strides)}
    # Two names may stand for one tensor, which the format does not allow.
    copies = {name: value.cpu().contiguous().clone() for name, value in tensors.items()}
    with replacing(path) as temporary:
        try:
            save_file(copies, temporary, metadata)
        except SafetensorError as error:
            raise _os_error(error) from error
        with temporary.open("rb") as file:
            os.fsync(file.fileno())


def read_tensors(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Read the tensors, on the CPU, and the facts of a file.

    Raises:
        InputError: The file is missing or damaged.
    """
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata()
            strides = json.loads(metadata[_STRIDES])
            tensors = {
                name: _restrided(file.get_tensor(name), strides[name])
                for name in file.keys()  # noqa: SIM118 (it is no dictionary)
            }
        facts: dict[str, Any] = json.loads(metadata[_FACTS])
    except (OSError, SafetensorError, ValueError, LookupError, TypeError, RuntimeError) as error:
        raise InputError(
            f"{path} is missing or damaged ({error}); start the run anew with --overwrite"
        ) from error
    return tensors, facts


def _strides_of(tensor: Tensor) -> tuple[int, ...]:
    """The strides of a tensor, or those of a copy of it if several values share a place."""
    return tensor.contiguous().stride() if 0 in tensor.stride() else tensor.stride()


def _os_error(error: SafetensorError) -> OSError:
    """The error of the system that a text of the library stands for, such as a full disk."""
    number = re.search(r"os error (\d+)", str(error))
    return OSError(int(number[1]), os.strerror(int(number[1]))) if number else OSError(str(error))


def _restrided(tensor: Tensor, strides: list[int]) -> Tensor:
    """A copy with these strides, in memory that PyTorch has aligned."""
    copy = torch.empty_strided(tensor.shape, strides, dtype=tensor.dtype)
    return copy.copy_(tensor)

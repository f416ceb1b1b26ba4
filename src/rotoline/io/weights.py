"""Weights files: safetensors beside a record that says what they are, checked before reading.

`NAME.safetensors` never goes without `NAME.json`. The record holds the file's SHA-256, so a damaged
or foreign file is refused before anything parses it.
"""

import hashlib
import json
from pathlib import Path

import safetensors.torch
import torch
from pydantic import BaseModel, ConfigDict, ValidationError
from torch import Tensor, nn

from rotoline.errors import WeightsError
from rotoline.io.atomic import replacing, write_text
from rotoline.nets.fast import FastNet
from rotoline.nets.paper import PaperNet


class WeightsRecord(BaseModel):
    """Where weights come from and what may be done with them."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    sha256: str
    bytes: int
    licence: str
    data: str
    command: str
    commit: str
    seed: int
    steps: int


def default_weights() -> Path:
    """The weights that ship inside the package."""
    return Path(__file__).parent.parent / "weights" / "fast.safetensors"


def save_weights(path: Path, net: nn.Module, about: dict[str, str | int]) -> WeightsRecord:
    """Write a network in half precision, and its record.

    Args:
        path: Ends in `.safetensors`; the record gets the same name with `.json`.
        net: Not folded.
        about: The fields of the record that cannot be computed.
    """
    tensors = {name: value.half().contiguous() for name, value in net.state_dict().items()}
    return write_weights(path, tensors, about | {"name": path.stem})


def write_weights(
    path: Path, tensors: dict[str, Tensor], about: dict[str, str | int]
) -> WeightsRecord:
    """Write tensors as they are, then their record: weights without it count as absent.

    Args:
        path: As for `save_weights`.
        tensors: By name.
        about: The fields of the record that cannot be computed, the name included.
    """
    data = safetensors.torch.save(tensors)
    record = WeightsRecord(sha256=hashlib.sha256(data).hexdigest(), bytes=len(data), **about)
    with replacing(path) as temporary:
        temporary.write_bytes(data)
    write_text(path.with_suffix(".json"), record.model_dump_json(indent=2) + "\n")
    return record


def load_weights(path: Path) -> tuple[FastNet, WeightsRecord]:
    """Read weights for inference.

    Returns:
        The network, folded and without gradients, and the record.

    Raises:
        WeightsError: The file or its record is missing, damaged, or of something else.
    """
    record, state = read_weights(path)
    with torch.device("meta"):
        net = FastNet()
    try:
        net.load_state_dict(state, assign=True)
    except RuntimeError as error:
        raise WeightsError(
            f"{path} holds another network than this version of rotoline runs; "
            "use weights that were trained with this version"
        ) from error
    return net.fold(), record


def load_paper_weights(path: Path) -> tuple[PaperNet, WeightsRecord]:
    """Read weights of the `paper` preset, with or without a propagation network.

    Returns:
        The network without gradients, its propagation None where the file has none, and the
        record. Depth and kind of gates are those of the file.

    Raises:
        WeightsError: The file or its record is missing, damaged, or of something else.
    """
    record, state = read_weights(path)
    prefix = "foreground.backbone.layer"
    depths = [
        len({name.split(".")[3] for name in state if name.startswith(f"{prefix}{stage}.")})
        for stage in (1, 2, 3, 4)
    ]
    if not all(depths):
        raise WeightsError(
            f"{path} holds no network of the preset paper; train one with `rotoline train "
            "foreground`, or run the preset that the weights are for"
        )
    propagates = any(name.startswith("propagation.") for name in state)
    with torch.device("meta"):
        net = PaperNet(tuple(depths), propagates=propagates, signed="propagation.signed" in state)
    try:
        net.load_state_dict(state, assign=True)
    except RuntimeError as error:
        raise WeightsError(
            f"{path} holds another network than this version of rotoline runs; "
            "use weights that were trained with this version"
        ) from error
    return net.requires_grad_(False).eval(), record


def read_weights(path: Path) -> tuple[WeightsRecord, dict[str, Tensor]]:
    """Read the tensors of a weights file, float32, whichever network they are of.

    Raises:
        WeightsError: The file or its record is missing or damaged.
    """
    record, data = _read_verified(path)
    return record, {name: value.float() for name, value in safetensors.torch.load(data).items()}


def _read_verified(path: Path) -> tuple[WeightsRecord, bytes]:
    beside = path.with_suffix(".json")
    for needed in (path, beside):
        if not needed.is_file():
            raise WeightsError(
                f"there is no {needed}; weights are a .safetensors file and the .json record "
                "that training wrote beside it: keep both together"
            )
    try:
        record = WeightsRecord.model_validate(json.loads(beside.read_bytes()))
    except (ValidationError, ValueError) as error:
        raise WeightsError(
            f"{beside} is no record of weights; copy it again from where the weights came from"
        ) from error
    data = path.read_bytes()
    found = hashlib.sha256(data).hexdigest()
    if found != record.sha256:
        raise WeightsError(
            f"{path} has SHA-256 {found[:16]}..., its record says {record.sha256[:16]}...; "
            "the file is damaged or not the one the record describes: copy or install it again"
        )
    return record, data

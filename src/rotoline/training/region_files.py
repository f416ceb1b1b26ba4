"""Files of samples for the region filter."""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import safetensors.torch
import torch
from safetensors import SafetensorError

from rotoline.errors import InputError
from rotoline.io.atomic import replacing
from rotoline.stages.regions.evidence import FEATURES
from rotoline.training.region_samples import RegionSamples, join_samples

SAMPLES_NAME = "samples.safetensors"
"""Name of the file of samples in the output folder."""


def write_samples(path: Path, sequences: Sequence[RegionSamples], origin: str) -> None:
    """Write the samples of each sequence, and a sentence about where they come from."""
    joined = join_samples(sequences)
    tensors = {
        "features": torch.from_numpy(joined.features),
        "is_object": torch.from_numpy(joined.is_object),
        "weights": torch.from_numpy(joined.weights),
        "counts": torch.tensor([len(one.weights) for one in sequences]),
    }
    about = {"features": json.dumps(FEATURES), "origin": origin}
    with replacing(path) as temporary:
        safetensors.torch.save_file(tensors, temporary, about)


def read_samples(path: Path) -> tuple[list[RegionSamples], str]:
    """Read what `write_samples` has written.

    Raises:
        InputError: The file is missing, damaged, or of a version with other features.
    """
    if not path.is_file():
        raise InputError(
            f"there is no {path}; samples are the {SAMPLES_NAME} that `rotoline train regions "
            "--data` writes"
        )
    try:
        with safetensors.safe_open(path, "np") as file:
            about = file.metadata() or {}
            features, is_object, weights, counts = (
                file.get_tensor(name) for name in ("features", "is_object", "weights", "counts")
            )
    except SafetensorError as error:
        raise InputError(
            f"{path} is no file of samples; give the {SAMPLES_NAME} that `rotoline train regions "
            "--data` writes"
        ) from error
    if about.get("features") != json.dumps(FEATURES):
        raise InputError(
            f"the samples in {path} are described by other features than this version's; collect "
            "them again: rotoline train regions --data"
        )
    ends = np.cumsum(counts)[:-1]
    columns = (np.split(column, ends) for column in (features, is_object, weights))
    parts = [RegionSamples(*one) for one in zip(*columns, strict=True)]
    return parts, about.get("origin", "")

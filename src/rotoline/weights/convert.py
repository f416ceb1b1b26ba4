"""Convert weights files of version 0.1: the same numbers under today's names."""

from pathlib import Path

from rotoline.errors import WeightsError
from rotoline.weights.files import (
    WeightsRecord,
    parse_tensors,
    read_verified,
    refuse_target,
    write_weights,
)
from rotoline.weights.names import is_of_version_0_1, renamed_state
from rotoline.weights.regions import shipped_region_numbers


def convert_weights(old: Path, new: Path) -> WeightsRecord:
    """Write the weights of `old` to `new` with the names of this version, and their record.

    No number changes. Weights of the preset `fast` get the region filter's numbers of the weights
    that ship, since version 0.1 had none. The new record says which file it was converted from.

    Args:
        old: A file of version 0.1, with its record.
        new: Ends in `.safetensors`; an existing file is not replaced.

    Raises:
        WeightsError: `old` is missing, damaged or not of version 0.1, or `new` exists.
        OutputError: `new` cannot be written.
    """
    refuse_target(new)
    record, data = read_verified(old)
    state = parse_tensors(old, data)
    if not is_of_version_0_1(state):
        raise WeightsError(
            f"{old} was not written by rotoline 0.1; if it does not load, train again or get "
            "weights of this version"
        )
    tensors, options = renamed_state(state)
    if any(name.startswith("refinement.") for name in tensors):  # the preset fast
        tensors |= shipped_region_numbers()
    about = record.model_dump(exclude={"sha256", "bytes"})
    about |= {"name": new.stem, "network_options": options, "converted_from": record.sha256}
    return write_weights(new, tensors, about)

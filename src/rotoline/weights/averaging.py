"""The mean of several weights of one network, as one weights file."""

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from rotoline.errors import WeightsError
from rotoline.io.run_record import current_commit
from rotoline.weights.files import WeightsRecord, read_stored, refuse_target, write_weights


def average_weights(files: Sequence[Path], new: Path) -> WeightsRecord:
    """Write the mean of the weights of several trainings that started from the same weights.

    Such a mean lies between them also in what it does well (docs/decisions/0017-mean-weights.md).
    The means of weights that share no start are of no use.

    Args:
        files: At least two weights files, of one kind of network. One from before a layer was added
            has no part in the mean of that layer.
        new: Ends in `.safetensors`; an existing file is not replaced. A tensor is stored in the
            type that it has in the first file that has it.

    Returns:
        The record of `new`, with the origin and the licence of each file.

    Raises:
        WeightsError: A file is missing, damaged or of another network, or `new` exists.
        OutputError: `new` cannot be written.

    Source:
        Wortsman et al., Model soups (ICML 2022), the uniform soup.
    """
    refuse_target(new)
    if len(files) < 2:
        raise WeightsError(f"{len(files)} file given; a mean is of two files or more")
    records, states = zip(*map(read_stored, files), strict=True)
    for path, record, state in zip(files[1:], records[1:], states[1:], strict=True):
        _refuse_other(files[0], states[0], path, state)
        if record.network_options != records[0].network_options:
            raise WeightsError(
                f"{path} has the options {record.network_options}, {files[0]} has "
                f"{records[0].network_options}; give files of one kind of network"
            )
    names = dict.fromkeys(name for state in states for name in state)
    tensors = {name: _mean([one[name] for one in states if name in one]) for name in names}
    origins = [
        f"{path.name} {record.sha256[:16]} (commit {record.commit}, by: {record.command}): "
        f"{record.data}"
        for path, record in zip(files, records, strict=True)
    ]
    licences = dict.fromkeys(record.licence for record in records)
    whole = [
        one for one in licences if not any(one != other and one in other for other in licences)
    ]
    about = records[0].model_dump(exclude={"sha256", "bytes", "converted_from"}) | {
        "name": new.stem,
        "commit": current_commit(),
        "licence": "; ".join(whole),
        "data": f"mean of {len(files)} files. " + "; ".join(origins),
        "command": f"rotoline weights average {' '.join(map(str, files))} --output {new}",
        "steps": max(record.steps for record in records),
    }
    return write_weights(new, tensors, about)


def _mean(tensors: Sequence[Tensor]) -> Tensor:
    total = torch.stack([one.double() for one in tensors]).mean(0)
    return total.to(tensors[0].dtype)


def _refuse_other(
    first: Path, known: dict[str, Tensor], path: Path, state: dict[str, Tensor]
) -> None:
    """Refuse tensors of another network: neither all of `known`, nor a part of them alone."""
    differ = [name for name in known if name in state and known[name].shape != state[name].shape]
    if differ:
        raise WeightsError(
            f"{differ[0]} is {tuple(state[differ[0]].shape)} in {path} and "
            f"{tuple(known[differ[0]].shape)} in {first}; give files of one kind of network"
        )
    only, missing = sorted(state.keys() - known.keys()), sorted(known.keys() - state.keys())
    if only and missing:
        raise WeightsError(
            f"{path} has {only[0]}, and {first} has {missing[0]}; give files of one kind of network"
        )

"""What a run of `rotoline segment` has left, as the events and results of a project."""

from contextlib import closing
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional

from rotoline.annotations import GivenMasks
from rotoline.io.atomic import replacing
from rotoline.io.frame_store import whole_length
from rotoline.io.frames import FrameSource
from rotoline.io.readers.numbering import clean_name
from rotoline.io.rle import encode_columns
from rotoline.io.run_record import read_run_record
from rotoline.io.run_results import RunResults
from rotoline.io.run_state import FRAMES, STATE, read_given_masks
from rotoline.presets import FAST
from rotoline.stages.preprocess import working_size
from rotoline.studio.project_log import HINTS, HintsLog
from rotoline.studio.results import Results
from rotoline.systems.fast.system import STRIDE
from rotoline.types import SATURATED_LOGIT, FrameResult, LabelMap, ObjectId, ids_in


def import_run(folder: Path, source: FrameSource) -> None:
    """Write `hints.jsonl`, and the results where the run has kept no maps.

    Args:
        folder: The output folder of the run.
        source: Its frames.

    Raises:
        InputError: Something in it is damaged.
    """
    if (folder / HINTS).exists():
        return  # an import that was killed had come so far
    found = RunResults(folder)
    given = _given_masks(folder, found, source)
    if not whole_length(folder / STATE / FRAMES):
        _keep_label_maps(folder, found, source)
    with replacing(folder / HINTS) as temporary, closing(HintsLog(temporary)) as log:
        for object_id in found.object_ids:
            name = clean_name(found.object_names.get(object_id, ""))[:100] or f"object {object_id}"
            log.append("object", object=object_id, action="add", name=name)
        for index, labels in given.masks.items():
            log.append(
                "accept",
                frame=index,
                size=labels.shape,
                masks=runs_by_object(labels),
                is_whole=True,
                is_complete=index in given.complete,
            )


def runs_by_object(labels: LabelMap) -> dict[ObjectId, tuple[int, ...]]:
    """The run lengths of every object in a label map, as an event holds them."""
    return {object_id: encode_columns(labels == object_id) for object_id in ids_in(labels)}


def _given_masks(folder: Path, found: RunResults, source: FrameSource) -> GivenMasks:
    """The masks that the run was given; where it has not kept them, results are the same."""
    given = read_given_masks(folder)
    if given.masks:
        return given
    names = read_run_record(folder).get("annotated_frames", [])
    indices = {name: source.find(str(name)) for name in names}
    masks = {
        index: found.read(name, index).labels
        for name, index in indices.items()
        if index is not None and name in found.names
    }
    return GivenMasks(dict(sorted(masks.items())))


def _keep_label_maps(folder: Path, found: RunResults, source: FrameSource) -> None:
    """Keep the results of a run that has kept no maps, with maps made of the masks."""
    height, width = working_size(found.size, FAST.working_pixels)
    ids, size = found.object_ids, (height // STRIDE, width // STRIDE)
    results = Results(folder, found.size, source.count or len(found.names))
    try:
        for name in found.names:
            index = source.find(name)
            if index is not None:
                result = found.read(name, index)
                masks = torch.tensor(np.stack([result.labels == i for i in ids])).float()
                shares = functional.interpolate(masks[None], size=size, mode="area")[0]
                logits = SATURATED_LOGIT * (2 * shares - 1)
                kept = FrameResult(
                    index=index,
                    labels=result.labels,
                    confidence=result.confidence,
                    logits=logits,
                )
                results.keep(name, kept)
    finally:
        results.close()

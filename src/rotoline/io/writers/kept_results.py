"""Results that wait on disk until all frames are segmented, or that were read back from files."""

import json
import zlib
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryFile

import numpy as np
import torch
from numpy.typing import NDArray

from rotoline.errors import InputError
from rotoline.io.atomic import make_folder, output_errors
from rotoline.io.frame_store import FrameStore
from rotoline.types import FrameResult, LabelMap, ObjectId


class WithoutScores(FrameResult):
    """A result of which the label map and the confidence are known, but no scores."""

    @property
    def scores(self) -> NDArray[np.float32]:
        """There are none.

        Raises:
            InputError: Always.
        """
        raise InputError(
            "the scores of this result were not saved; segment the clip with --format png "
            "--format scores, and export that"
        )


def without_scores(
    index: int,
    labels: LabelMap,
    confidence: Mapping[ObjectId, float],
    names: Mapping[ObjectId, str] | None = None,
) -> FrameResult:
    """A result that has no scores; its `logits` are empty."""
    return WithoutScores(
        index=index,
        labels=labels,
        confidence=dict(confidence),
        logits=torch.zeros((len(confidence), 0, 0)),
        names=names or {},
    )


class KeptResults:
    """Label maps and confidences that wait, compressed, in a temporary file."""

    def __init__(self, output: Path, size: tuple[int, int]) -> None:
        """Open the file in the folder `output`; `size` is that of the frames.

        Raises:
            OutputError: It cannot be written there.
        """
        make_folder(output)
        self._size = size
        with output_errors(output):
            file = TemporaryFile(dir=output)  # noqa: SIM115 (closed by `close`)
        self._kept = FrameStore(file, output, {})

    def keep(self, result: FrameResult) -> None:
        """Keep one result.

        Raises:
            OutputError: It cannot be written.
        """
        confidence = json.dumps(list(result.confidence.items())).encode()
        self._kept[result.index] = confidence + b"\n" + zlib.compress(result.labels.tobytes(), 1)

    def get(self, index: int) -> FrameResult | None:
        """The result of a frame; None if it was not kept."""
        if index not in self._kept:
            return None
        confidence, _, data = self._kept[index].partition(b"\n")
        labels = np.frombuffer(zlib.decompress(data), np.uint8).reshape(self._size)
        return without_scores(index, labels, dict(json.loads(confidence)))

    def __len__(self) -> int:
        return len(self._kept)

    def close(self) -> None:
        """Remove the file."""
        self._kept.close()

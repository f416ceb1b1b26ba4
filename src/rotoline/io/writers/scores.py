"""The format `scores`: the score map of every object in every frame, for further processing.

with numpy.load("OUTPUT/scores/00000.npz") as frame:
frame["object_ids"]     # uint8 (K,), in ascending order
frame["scores"]         # float16 (K, H, W) in [0, 1], at the size of the frame
frame["labels"]         # uint8 (H, W), the label map that the scores were fused into
"""

import zipfile
from pathlib import Path

import numpy as np

from rotoline.errors import InputError
from rotoline.io.atomic import replacing
from rotoline.io.writers.per_frame import FrameFileWriter
from rotoline.types import FrameResult, LabelMap


class ScoresWriter(FrameFileWriter):
    """Writes `OUTPUT/scores/<frame>.npz`, compressed; the module's docstring lists its arrays.

    The scores are those before fusion, so the objects of an annotated frame have soft edges here
    while `labels` shows them exactly as annotated.
    """

    target = "scores"
    suffix = ".npz"

    def write_file(self, path: Path, result: FrameResult) -> None:
        """Write the score maps of one frame."""
        with replacing(path) as temporary:
            np.savez_compressed(
                temporary,
                object_ids=np.array(result.object_ids, np.uint8),
                scores=result.scores.astype(np.float16),
                labels=result.labels,
            )

    @staticmethod
    def read_labels(path: Path) -> LabelMap:
        """Read the label map of one frame."""
        try:
            with path.open("rb") as file, np.load(file) as frame:
                labels: LabelMap = frame["labels"]
        except (OSError, ValueError, KeyError, EOFError, TypeError, zipfile.BadZipFile) as error:
            raise InputError(
                f"{path} holds no scores that rotoline wrote ({error}); "
                "replace it by a good copy, or segment the clip again"
            ) from error
        return labels

"""The results of a finished run, read back frame by frame."""

import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rotoline.errors import InputError
from rotoline.io.pictures import shorten
from rotoline.io.results import read_label_maps
from rotoline.io.run_record import FILE, read_run_record
from rotoline.io.writers.kept_results import without_scores
from rotoline.io.writers.scores import ScoresWriter
from rotoline.types import FrameResult, ObjectId


class RunResults:
    """What `rotoline segment` wrote into a folder; each frame is read on access.

    Frames are those with a mask, of which `run.json` states the confidence.

    Args:
        folder: The output folder.

    Raises:
        InputError: It is no output folder of `rotoline segment`, or holds no masks.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.record = _read_record(folder)
        """The content of `run.json`."""
        self._labels = read_label_maps(folder)
        scores = folder / ScoresWriter.target
        files = ScoresWriter.list_files(scores) if scores.is_dir() else []
        self._scores = {path.stem: path for path in files}
        confidence: Mapping[str, Mapping[str, float]] = self.record["confidence"]
        self._confidence = {
            name: {int(key): value for key, value in of_frame.items()}
            for name, of_frame in confidence.items()
        }
        self.names = [name for name in self._labels if name in self._confidence]
        """Names of the frames, in natural order."""
        self.object_ids = sorted({key for frame in self._confidence.values() for key in frame})
        """The ids of all objects of the run."""
        names: Mapping[str, str] = self.record.get("names", {})
        self.object_names = {int(key): name for key, name in names.items()}
        """The names of objects, for those that have one."""
        if not self.names:
            raise InputError(
                f"none of the masks in {folder} is of a frame that {folder / FILE} names; "
                "segment the clip again"
            )

    def mask_file(self, name: str) -> Path:
        """The file with the label map of a frame; `name` is one of `names`."""
        return self._labels.files[name]

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of the frames."""
        height, width = self.record["input"]["size"]
        return height, width

    @property
    def has_scores(self) -> bool:
        """Whether every frame has score maps."""
        return all(name in self._scores for name in self.names)

    @property
    def warnings(self) -> list[str]:
        """What is missing in the results, for the user."""
        found = []
        missing = [name for name in self._confidence if name not in self._labels]
        unknown = [name for name in self._labels if name not in self._confidence]
        if self.record["status"] != "complete":
            found.append(
                f"the run in {self.folder} did not end (its status is {self.record['status']}): "
                f"only the {len(self.names)} frames that it finished are used"
            )
        if missing:
            found.append(
                f"{self.folder} lacks the masks of {shorten(missing)}; these frames are left out"
            )
        if unknown:
            found.append(
                f"{self.folder} has masks of {shorten(unknown)}, which run.json does not name; "
                "these frames are left out"
            )
        return found

    def read(self, name: str, index: int) -> FrameResult:
        """Read the result of a frame.

        Args:
            name: One of `names`.
            index: Its index, for the result.

        Returns:
            The result without logits, and with `scores` where they were saved.

        Raises:
            InputError: A file is damaged, of another size, or has other objects.
        """
        labels = self._labels[name]
        if labels.shape != self.size:
            raise InputError(
                f"{self._labels.files[name]} is {labels.shape[0]} x {labels.shape[1]} and the "
                f"frames are {self.size[0]} x {self.size[1]} (height x width); segment again"
            )
        others = set(np.unique(labels).tolist()) - {0, *self.object_ids}
        if others:
            raise InputError(
                f"{self._labels.files[name]} holds the objects {sorted(others)}, which are not "
                f"among the objects {self.object_ids} of {self.folder / FILE}; a mask that was "
                "changed may only have objects that were annotated"
            )
        known = self._confidence[name]
        confidence = {key: known.get(key, 0.0) for key in self.object_ids}
        result = without_scores(index, labels, confidence, self.object_names)
        if name in self._scores:
            scores = _read_scores(self._scores[name], self.object_ids, self.size)
            return StoredResult(result, scores)
        return result


class StoredResult(FrameResult):
    """A result with score maps from a file; its `logits` are empty."""

    def __init__(self, result: FrameResult, scores: NDArray[np.float32]) -> None:
        super().__init__(
            index=result.index,
            labels=result.labels,
            confidence=result.confidence,
            logits=result.logits,
            names=result.names,
        )
        # `scores` is computed on first access unless it is there already.
        vars(self)["scores"] = scores


def _read_scores(
    path: Path, object_ids: list[ObjectId], size: tuple[int, int]
) -> NDArray[np.float32]:
    """Read float32 `(K, H, W)`, one map for each object."""
    try:
        with path.open("rb") as file, np.load(file) as frame:
            ids, scores = frame["object_ids"].tolist(), frame["scores"].astype(np.float32)
    except (OSError, ValueError, KeyError, EOFError, TypeError, zipfile.BadZipFile) as error:
        raise InputError(f"{path} holds no scores ({error}); segment the clip again") from error
    if ids != object_ids or scores.shape != (len(ids), *size):
        raise InputError(
            f"{path} holds scores of the objects {ids} of shape {scores.shape}; {object_ids} of "
            f"{size} are needed: segment the clip again"
        )
    found: NDArray[np.float32] = scores
    return found


def _read_record(folder: Path) -> dict[str, Any]:
    if not folder.is_dir():
        raise InputError(
            f"{folder} is no folder; give the output folder of rotoline segment, with {FILE}"
        )
    record = read_run_record(folder)
    needed = {"status": str, "input": dict, "confidence": dict}
    wrong = [key for key, kind in needed.items() if not isinstance(record.get(key), kind)]
    if not record:
        raise InputError(
            f"{folder} holds no {FILE}; give the output folder of rotoline segment, in which at "
            "least one frame is finished"
        )
    if wrong or not {"video", "size"} <= set(record["input"]):
        raise InputError(
            f"{folder / FILE} is no record of rotoline segment: it lacks "
            f"{', '.join(wrong) or 'the video'}; give the output folder of that command"
        )
    return record

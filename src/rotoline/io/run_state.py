"""The state of a run, from which another process can go on: `--resume`.

OUTPUT/.rotoline-state/
    learned.safetensors     what was learned from the marked frames, and their masks; written once
    checkpoint.safetensors  what changes from frame to frame, and what else belongs to that moment
    waiting                 maps of the backward pass that the forward pass will need
    frames                  every finished frame: name, confidences, label map, maps (`frame_store`)
    finished.safetensors    of a complete run: the masks of the marked frames

A checkpoint is replaced in one step. It states how long the two stores were at its moment, so that
what was added later is dropped. When the run is complete, only the last two files stay: further
masks can correct the result then.
"""

import json
import shutil
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from rotoline.annotations import GivenMasks
from rotoline.errors import InputError
from rotoline.io.atomic import make_folder
from rotoline.io.frame_store import FrameStore, open_store, read_store
from rotoline.io.tensor_files import read_tensors, write_tensors
from rotoline.pipeline import Checkpoint, compress_logits, decompress_logits
from rotoline.state import TrackerState
from rotoline.types import FrameResult, LabelMap, ObjectId

STATE = ".rotoline-state"
"""Name of the folder inside the output folder."""
_LEARNED, _CHECKPOINT = "learned.safetensors", "checkpoint.safetensors"
_FINISHED = "finished.safetensors"
FRAMES, _WAITING = "frames", "waiting"
_MARKS = "marks."


class SavedRun(NamedTuple):
    """What a checkpoint holds."""

    checkpoint: Checkpoint
    """The state of the tracker, and how far it is."""
    facts: dict[str, Any]
    """What the run has added to it."""
    frames_end: int
    """Length of the store `frames`."""
    frames_count: int
    """Number of frames in it."""
    waiting_end: int
    """Length of the store `waiting`."""


class RunState:
    """The folder with the state of a run that is going on.

    Args:
        output: The output folder.
        saved: The checkpoint to go on from; None to begin anew, which drops any earlier state.
    """

    def __init__(self, output: Path, saved: SavedRun | None = None) -> None:
        self._folder = output / STATE
        if saved is None:
            remove_state(output)
        make_folder(self._folder)
        self.frames = open_store(self._folder / FRAMES, saved.frames_end if saved else 0)
        """What `finished_frame` gives for every finished frame."""
        self.waiting = open_store(self._folder / _WAITING, saved.waiting_end if saved else 0)
        """Maps of the backward pass."""
        self.has_checkpoint = saved is not None
        """Whether a run can go on from here."""

    def save(self, checkpoint: Checkpoint, given: GivenMasks, facts: dict[str, Any]) -> None:
        """Replace the checkpoint.

        Args:
            checkpoint: All frames before it must be written, and be in `frames`.
            given: The masks.
            facts: What else belongs to it, as JSON can hold it.
        """
        tracker = checkpoint.tracker
        if not self.has_checkpoint:
            learned = {**tracker.learned, **_tensors_of(given.masks)}
            write_tensors(self._folder / _LEARNED, learned, {"complete": list(given.complete)})
        where = {
            "direction": checkpoint.direction,
            "frame": checkpoint.frame,
            "is_tuned": tracker.is_tuned,
            "frames_end": self.frames.end,
            "frames_count": len(self.frames),
            # A frame that was tracked since gave the maps that it will give again.
            "waiting_end": self.waiting.end,
        }
        write_tensors(self._folder / _CHECKPOINT, tracker.tracked, where | {"facts": facts})
        self.has_checkpoint = True

    def finish(self, given: GivenMasks) -> None:
        """Keep what later masks need, and nothing else, once the results are written."""
        write_finished(
            self._folder, FinishedRun(given.masks, list(given.complete), self.frames.end)
        )
        for name in (_CHECKPOINT, _LEARNED, _WAITING):
            (self._folder / name).unlink(missing_ok=True)

    def close(self) -> None:
        """Close the files, which stay."""
        self.frames.close()
        self.waiting.close()


def read_state(output: Path) -> SavedRun | None:
    """Read the checkpoint of a run; None if there is none.

    Raises:
        InputError: A file is damaged.
    """
    folder = output / STATE
    if not (folder / _CHECKPOINT).is_file():
        return None
    tracked, facts = read_tensors(folder / _CHECKPOINT)
    learned, _ = read_tensors(folder / _LEARNED)
    learned = {name: one for name, one in learned.items() if not name.startswith(_MARKS)}
    with _other_version(folder):
        tracker = TrackerState(learned, tracked, facts["is_tuned"])
        checkpoint = Checkpoint(facts["direction"], facts["frame"], tracker)
        ends = facts["frames_end"], facts["frames_count"], facts["waiting_end"]
        return SavedRun(checkpoint, facts["facts"], *ends)


class FinishedRun(NamedTuple):
    """What is kept of a complete run, besides its frames."""

    masks: Mapping[int, LabelMap]
    """The masks of the marked frames, by index."""
    complete: Sequence[int]
    """The frames whose masks show all objects that are there."""
    frames_end: int
    """Length of the store `frames`."""
    unwritten: Sequence[int] = ()
    """Frames whose results were corrected, but perhaps not written to their files."""
    correction: Mapping[str, Any] | None = None
    """What `run.json` says about that correction."""


def write_finished(folder: Path, finished: FinishedRun) -> None:
    """Write or replace what is kept of a complete run in the folder of its state.

    Raises:
        OutputError: It cannot be written.
    """
    facts = finished._asdict()
    write_tensors(folder / _FINISHED, _tensors_of(facts.pop("masks")), facts)


def read_finished_run(output: Path) -> FinishedRun | None:
    """Read what is kept of a complete run; None if there is none.

    Raises:
        InputError: The file is damaged.
    """
    path = output / STATE / _FINISHED
    if not path.is_file():
        return None
    tensors, facts = read_tensors(path)
    with _other_version(path.parent):
        return FinishedRun(_masks_of(tensors), **facts)


def read_given_masks(output: Path) -> GivenMasks:
    """The masks that the run in a folder was begun with, and corrected with; none if unknown.

    Raises:
        InputError: A file is damaged.
    """
    for name in (_LEARNED, _FINISHED):
        if (output / STATE / name).is_file():
            tensors, facts = read_tensors(output / STATE / name)
            with _other_version(output / STATE):
                return GivenMasks(_masks_of(tensors), facts["complete"])
    return GivenMasks({})


def _tensors_of(masks: Mapping[int, LabelMap]) -> dict[str, Tensor]:
    return {f"{_MARKS}{index}": torch.tensor(mask) for index, mask in masks.items()}


def _masks_of(tensors: Mapping[str, Tensor]) -> dict[int, LabelMap]:
    masks = {
        int(name.removeprefix(_MARKS)): value.numpy()
        for name, value in tensors.items()
        if name.startswith(_MARKS)
    }
    return dict(sorted(masks.items()))


@contextmanager
def _other_version(folder: Path) -> Iterator[None]:
    try:
        yield
    except (KeyError, TypeError) as error:
        raise InputError(
            f"{folder} was written by another version of rotoline; start the run anew with "
            "--overwrite"
        ) from error


def remove_state(output: Path) -> None:
    """Remove the state of a run, if there is any."""
    shutil.rmtree(output / STATE, ignore_errors=True)


def can_go_on(output: Path) -> bool:
    """Whether the state of a run is there that `--resume` goes on from."""
    return any((output / STATE / name).is_file() for name in (_CHECKPOINT, _FINISHED))


def remove_checkpoint(output: Path) -> None:
    """Remove all but the finished frames from the state of a run: it cannot go on any more."""
    for name in (_CHECKPOINT, _LEARNED, _WAITING, _FINISHED):
        (output / STATE / name).unlink(missing_ok=True)


def finished_frame(name: str, result: FrameResult) -> bytes:
    """What is kept of a finished frame: name, confidences, label map, and the maps, rounded."""
    labels = zlib.compress(result.labels.tobytes(), 1)
    about = {
        "name": name,
        "confidence": result.confidence,
        "labels": len(labels),
        "shape": list(result.logits.shape),
    }
    return json.dumps(about).encode() + b"\n" + labels + compress_logits(result.logits)


class FinishedFrames(Mapping[int, FrameResult]):
    """The finished frames of a run, by index; each is read on access. Logits are rounded.

    Args:
        frames: What `finished_frame` gave for each.
        size: Height and width of the frames.
    """

    def __init__(self, frames: FrameStore, size: tuple[int, int]) -> None:
        self._frames, self._size = frames, size

    def __getitem__(self, index: int) -> FrameResult:
        header, _, data = self._frames[index].partition(b"\n")
        try:
            about = json.loads(header)
            confidence = {ObjectId(i): float(value) for i, value in about["confidence"].items()}
            labels = zlib.decompress(data[: about["labels"]])
            logits = torch.empty(about["shape"], dtype=torch.float32)
            return FrameResult(
                index=index,
                labels=np.frombuffer(labels, np.uint8).reshape(self._size),
                confidence=confidence,
                logits=decompress_logits(data[about["labels"] :], logits),
            )
        except (ValueError, LookupError, TypeError, RuntimeError, zlib.error) as error:
            raise InputError(
                f"the state of the run is damaged at frame {index} ({error}); start the run anew "
                "with --overwrite"
            ) from error

    def __iter__(self) -> Iterator[int]:
        return iter(self._frames)

    def __len__(self) -> int:
        return len(self._frames)


def names_finished(state: Path) -> Iterator[str]:
    """Names of the frames of which a run may have written results, from the folder of its state."""
    path = state / FRAMES
    if path.is_file():
        for _, data in read_store(path):
            with suppress(ValueError, LookupError, TypeError):
                yield str(json.loads(data.partition(b"\n")[0])["name"])

"""The state of a run that has not ended, from which another process can go on: `--resume`.

OUTPUT/.rotoline-state/
    learned.safetensors     what was learned from the marked frames; written once
    checkpoint.safetensors  what changes from frame to frame, and what else belongs to that moment
    frames                  label map, name and confidence of every finished frame (`frame_store`)
    waiting                 maps of the backward pass that the forward pass will need

A checkpoint is replaced in one step. It states how long the two stores were at its moment, so that
what was added later is dropped. Everything is removed when the run is complete.
"""

import json
import shutil
import zlib
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch

from rotoline.errors import InputError
from rotoline.io.atomic import make_folder
from rotoline.io.frame_store import FrameStore, open_store, read_store
from rotoline.io.tensor_files import read_tensors, write_tensors
from rotoline.pipeline import Checkpoint
from rotoline.tracker import TrackerState
from rotoline.types import FrameResult, ObjectId

STATE = ".rotoline-state"
"""Name of the folder inside the output folder."""
_LEARNED, _CHECKPOINT = "learned.safetensors", "checkpoint.safetensors"
_FRAMES, _WAITING = "frames", "waiting"


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
        self.frames = open_store(self._folder / _FRAMES, saved.frames_end if saved else 0)
        """What `finished_frame` gives for every finished frame."""
        self.waiting = open_store(self._folder / _WAITING, saved.waiting_end if saved else 0)
        """Maps of the backward pass."""
        self.has_checkpoint = saved is not None
        """Whether a run can go on from here."""

    def save(self, checkpoint: Checkpoint, facts: dict[str, Any]) -> None:
        """Replace the checkpoint.

        Args:
            checkpoint: All frames before it must be written, and be in `frames`.
            facts: What else belongs to it, as JSON can hold it.
        """
        tracker = checkpoint.tracker
        if not self.has_checkpoint:
            write_tensors(self._folder / _LEARNED, tracker.learned, {})
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
    try:
        tracker = TrackerState(learned, tracked, facts["is_tuned"])
        checkpoint = Checkpoint(facts["direction"], facts["frame"], tracker)
        ends = facts["frames_end"], facts["frames_count"], facts["waiting_end"]
        return SavedRun(checkpoint, facts["facts"], *ends)
    except (KeyError, TypeError) as error:
        raise InputError(
            f"{folder} was written by another version of rotoline; start the run anew with "
            "--overwrite"
        ) from error


def remove_state(output: Path) -> None:
    """Remove the state of a run, if there is any."""
    shutil.rmtree(output / STATE, ignore_errors=True)


def finished_frame(name: str, result: FrameResult) -> bytes:
    """What is kept of a finished frame: its name, confidences and label map."""
    about = json.dumps({"name": name, "confidence": result.confidence})
    return about.encode() + b"\n" + zlib.compress(result.labels.tobytes(), 1)


def read_finished(frames: FrameStore, size: tuple[int, int]) -> Iterator[FrameResult]:
    """Yield the finished frames, in the order in which they were finished, without their logits.

    Args:
        frames: What `finished_frame` gave for each.
        size: Height and width of the frames.

    Raises:
        InputError: The store is damaged.
    """
    for index in frames:
        about, _, labels = frames[index].partition(b"\n")
        try:
            given: dict[str, float] = json.loads(about)["confidence"]
            confidence = {ObjectId(object_id): value for object_id, value in given.items()}
            pixels = np.frombuffer(zlib.decompress(labels), np.uint8).reshape(size)
        except (ValueError, LookupError, TypeError, zlib.error) as error:
            raise InputError(
                f"the state of the run is damaged at frame {index} ({error}); start the run anew "
                "with --overwrite"
            ) from error
        yield FrameResult(
            index=index, labels=pixels, confidence=confidence, logits=torch.zeros(0, 0, 0)
        )


def names_finished(state: Path) -> Iterator[str]:
    """Names of the frames of which a run may have written results, from the folder of its state."""
    path = state / _FRAMES
    if path.is_file():
        for _, data in read_store(path):
            with suppress(ValueError, LookupError, TypeError):
                yield str(json.loads(data.partition(b"\n")[0])["name"])

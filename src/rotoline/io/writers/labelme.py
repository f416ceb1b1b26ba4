"""The format `labelme`: the masks of every frame as a file of labelme."""

import base64
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from scipy import ndimage

from rotoline.io.atomic import make_folder, write_text
from rotoline.io.frames import FrameSource
from rotoline.io.writers.clip_file import FileNames
from rotoline.types import FrameResult, ObjectId

_VERSION = "5.5.0"
"""The version of labelme whose files these are like; masks came with 5.3."""


class LabelmeWriter:
    """Writes `OUTPUT/labelme/<frame>.json`; see `MaskWriter`.

    Every object is a shape of the type `mask`, so holes, parts and every pixel stay; polygons would
    lose them. `label` is the name of the object, `group_id` its id. Confidence is not in it.
    """

    target = "labelme"

    def __init__(self, output: Path, frames: FrameSource) -> None:
        self._folder, self._frames = output / self.target, frames
        make_folder(self._folder)
        self._files = FileNames(frames)

    def write(self, result: FrameResult) -> None:
        """Write one frame, complete or not at all."""
        height, width = result.labels.shape
        places = ndimage.find_objects(result.labels)
        shapes = [
            _shape(result, object_id, place)
            for object_id, place in enumerate(places, 1)
            if place is not None
        ]
        content = {
            "version": _VERSION,
            "flags": {},
            "shapes": shapes,
            "imagePath": self._files.of(result.index),
            "imageData": None,
            "imageHeight": height,
            "imageWidth": width,
        }
        path = self._folder / f"{self._frames.name(result.index)}.json"
        write_text(path, json.dumps(content, indent=2, ensure_ascii=False) + "\n")

    def finish(self) -> Iterator[int]:
        """Do nothing: every file is complete already."""
        return iter(())

    def close(self) -> None:
        """Do nothing: no file is open."""


def _shape(result: FrameResult, object_id: ObjectId, place: tuple[slice, ...]) -> dict[str, Any]:
    rows, columns = place
    mask = np.where(result.labels[place] == object_id, 255, 0).astype(np.uint8)
    picture = io.BytesIO()
    Image.fromarray(mask).save(picture, format="PNG")
    return {
        "label": result.name(object_id),
        "points": [[columns.start, rows.start], [columns.stop - 1, rows.stop - 1]],
        "group_id": object_id,
        "description": "",
        "shape_type": "mask",
        "flags": {},
        "mask": base64.b64encode(picture.getvalue()).decode("ascii"),
    }

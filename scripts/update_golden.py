"""Rewrite the golden masks of tests/golden, and draw them as one sheet.

    .venv/bin/python scripts/update_golden.py

A change of results is reviewed as a picture: run this, then compare `tests/golden/sheet.png` with
the committed one.

The clip is drawn by code, in 12 frames. Object 1, a blue disc, and object 2, an orange square, move
towards each other, and the square passes in front. Object 3, a violet triangle, is hidden behind a
grey wall for a while. From frame 4 on there is a look-alike of the disc in a corner. Object 3 is
annotated in frame 2, the others in frame 0, so that both directions are run.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

import rotoline
from rotoline.io.overlay import contact_sheet, draw_overlay, write_picture
from rotoline.metrics.region import region_similarity
from rotoline.presets import FAST
from rotoline.types import Frame, FrameResult, LabelMap

FOLDER = Path(__file__).parents[1] / "tests" / "golden"
FRAMES = 12
SIZE = (160, 224)
ANNOTATED = {0: (1, 2), 2: (3,)}
"""Objects that are annotated, by frame."""

Mask = NDArray[np.bool_]

BLUE, ORANGE, VIOLET, GREY = (46, 84, 200), (226, 150, 48), (176, 84, 190), (120, 118, 112)


def draw_clip() -> Iterator[tuple[Frame, LabelMap]]:
    """Yield every frame, uint8 `(160, 224, 3)`, with its true label map, uint8 `(160, 224)`."""
    rows, columns = np.mgrid[: SIZE[0], : SIZE[1]].astype(np.float64)
    waves = np.sin(rows / 9) + np.cos(columns / 13) + np.sin((rows + 2 * columns) / 21)
    background = np.stack((150 + 14 * waves, 142 + 10 * waves, 118 + 16 * waves), axis=-1)
    wall = np.abs(columns - 150) < 16
    for t in range(FRAMES):
        disc = _disc(rows, columns, 52, 30 + 11 * t)
        square = _square(rows, columns, 58, 196 - 13 * t)
        triangle = _triangle(rows, columns, 118, 78 + 11 * t)
        frame, labels = background.copy(), np.zeros(SIZE, np.uint8)
        if t >= 4:
            frame[_disc(rows, columns, 136, 24)] = BLUE
        layers = ((triangle, VIOLET, 3), (wall & (rows > 84), GREY, 0), (disc, BLUE, 1))
        for mask, colour, object_id in (*layers, (square, ORANGE, 2)):
            frame[mask] = colour
            labels[mask] = object_id
        yield frame.round().astype(np.uint8), labels


def _disc(rows: NDArray[np.float64], columns: NDArray[np.float64], row: int, column: int) -> Mask:
    return (rows - row) ** 2 + (columns - column) ** 2 < 20**2


def _square(rows: NDArray[np.float64], columns: NDArray[np.float64], row: int, column: int) -> Mask:
    return np.maximum(np.abs(rows - row), np.abs(columns - column)) < 17


def _triangle(
    rows: NDArray[np.float64], columns: NDArray[np.float64], row: int, column: int
) -> Mask:
    height = rows - (row - 16)
    return (height >= 0) & (height < 32) & (np.abs(columns - column) < height / 2)


def segment_clip() -> list[FrameResult]:
    """Segment the clip at its own size with the default preset, without tuning.

    Returns:
        Results in the order of frames.
    """
    frames, labels = zip(*draw_clip(), strict=True)
    masks = {
        index: np.where(np.isin(labels[index], ids), labels[index], 0)
        for index, ids in ANNOTATED.items()
    }
    untuned = FAST.tuning.model_copy(update={"steps": 0})
    pixels = SIZE[0] * SIZE[1]
    # In float32 on every processor, so that the masks are the same.
    changes = {"working_pixels": pixels, "tuning": untuned, "precision": "float32"}
    config = FAST.model_copy(update=changes)
    results = rotoline.segment(frames, masks, config=config)
    return sorted(results, key=lambda result: result.index)


def mask_path(index: int) -> Path:
    """The golden mask of a frame."""
    return FOLDER / f"{index:02}.png"


def draw_sheet() -> Frame:
    """The frames with the golden masks drawn in, four in a row."""
    pictures = [
        draw_overlay(frame, rotoline.read_mask(mask_path(index)))
        for index, (frame, _) in enumerate(draw_clip())
    ]
    return contact_sheet(pictures, columns=4, width=4 * SIZE[1])


def main() -> None:
    """Write the masks and the sheet, and print how good the masks are."""
    results = segment_clip()
    for result in results:
        rotoline.write_mask(mask_path(result.index), result.labels)
    write_picture(FOLDER / "sheet.png", draw_sheet())
    for object_id in (1, 2, 3):
        values = [
            region_similarity(result.labels == object_id, labels == object_id)
            for (_, labels), result in zip(draw_clip(), results, strict=True)
        ]
        print(f"object {object_id}: J " + " ".join(f"{value:.2f}" for value in values))


if __name__ == "__main__":
    main()

"""The format `tracks`: where every object is in every frame, as a table."""

import csv
from typing import TextIO

from rotoline.io.writers.clip_file import ClipFileWriter

COLUMNS = (
    *("frame", "time", "object", "name", "visible", "confidence"),
    *("area", "cx", "cy", "x", "y", "w", "h"),
)


class TracksWriter(ClipFileWriter):
    """Writes `OUTPUT/tracks.csv`: one row for every object in every frame, the masks left out.

    `frame` is the name of the frame, `time` in seconds since the first one, `visible` 1 or 0,
    `area` in pixels, `cx` and `cy` the mean column and row of the pixels, where the first pixel is
    at 0, 0; `x`, `y`, `w` and `h` the first column, first row, width and height. What is not known,
    such as the place of an object that is not visible, is left empty.
    """

    target = "tracks.csv"
    keeps_masks = False

    def write_clip(self, file: TextIO) -> None:
        """Write the table."""
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow(COLUMNS)
        for index, masks in self._kept.items():
            time = self._frames.time(index)
            shown = self._frames.name(index), "" if time is None else f"{time:.6g}"
            for one in masks:
                place = [f"{value:.2f}" for value in one.centre] + list(map(str, one.box))
                rows.writerow(
                    [
                        *shown,
                        one.object_id,
                        self._names[one.object_id],
                        int(one.area > 0),
                        f"{one.confidence:.4f}",
                        one.area,
                        *(place if one.area else [""] * 6),
                    ]
                )

"""The format `mots`: the mask of every object in every frame, as MOTS has them."""

from typing import TextIO

from rotoline.io.writers.clip_file import ClipFileWriter

_CLASS = 1
"""MOTS knows two classes of objects, and rotoline none: all objects are of the first."""


class MotsWriter(ClipFileWriter):
    """Writes `OUTPUT/mots.txt`: `frame id class height width mask`, names and confidence left out.

    Frames count from 1, ids are those of the objects, and all are of class 1. An object that is not
    visible has no line.
    """

    target = "mots.txt"

    def write_clip(self, file: TextIO) -> None:
        """Write the masks."""
        height, width = self._frames.size
        for index, masks in self._kept.items():
            for one in masks:
                if one.area:
                    start = f"{index + 1} {one.object_id} {_CLASS} {height} {width}"
                    file.write(f"{start} {one.counts}\n")

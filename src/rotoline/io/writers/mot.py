"""The format `mot`: the box of every object in every frame, as MOTChallenge has them."""

from typing import TextIO

from rotoline.io.writers.clip_file import ClipFileWriter


class MotWriter(ClipFileWriter):
    """Writes `OUTPUT/mot.txt`: `frame,id,x,y,w,h,confidence,-1,-1,-1`, masks and names left out.

    Frames and pixels count from 1, as in that benchmark; ids are those of the objects. An object
    that is not visible has no line.
    """

    target = "mot.txt"
    keeps_masks = False

    def write_clip(self, file: TextIO) -> None:
        """Write the boxes."""
        for index, masks in self._kept.items():
            for one in masks:
                if one.area:
                    x, y, width, height = one.box
                    box = f"{x + 1},{y + 1},{width},{height}"
                    line = f"{index + 1},{one.object_id},{box},{one.confidence:.4f},-1,-1,-1\n"
                    file.write(line)

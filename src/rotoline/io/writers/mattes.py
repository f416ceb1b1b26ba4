"""The format `mattes`: a black and white picture per object and frame."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image

from rotoline.io.atomic import make_folder, replacing
from rotoline.io.frames import FrameSource
from rotoline.io.writers.alpha import alpha_of, to_bytes
from rotoline.types import FrameResult


class MattesWriter:
    """Writes `OUTPUT/mattes/<object id>/<frame>.png`; see `MaskWriter`.

    Grey of 8 bits, 255 where the object is; or of 16 bits, its scores, if it is to be soft.
    """

    target = "mattes"
    options = ("soft",)

    def __init__(self, output: Path, frames: FrameSource, *, soft: bool = False) -> None:
        self._folder, self._frames, self._soft = output / self.target, frames, soft
        make_folder(self._folder)

    def write(self, result: FrameResult) -> None:
        """Write one picture for each object, complete or not at all."""
        for object_id in result.object_ids:
            alpha = alpha_of(result, object_id, soft=self._soft)
            matte = alpha if self._soft else to_bytes(alpha)
            folder = self._folder / str(object_id)
            make_folder(folder)
            with replacing(folder / f"{self._frames.name(result.index)}.png") as temporary:
                image = Image.fromarray(np.ascontiguousarray(matte))
                image.save(temporary, format="PNG", compress_level=1)

    def finish(self) -> Iterator[int]:
        """Do nothing: every file is complete already."""
        return iter(())

    def close(self) -> None:
        """Do nothing: no file is open."""

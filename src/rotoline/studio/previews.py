"""How one frame will look in a format, as a picture for the page."""

import io

import numpy as np
from PIL import Image

from rotoline.io.overlay import draw_overlay
from rotoline.io.palette import DAVIS_PALETTE
from rotoline.io.writers.cutout import blurred, cut_out
from rotoline.types import Frame, LabelMap

_CUT_OUT = ("cutout", "prores", "ffv1", "exr")
_MATTES = ("mattes", "prores-luma", "ffv1-luma")


def preview(name: str, frame: Frame, labels: LabelMap) -> bytes:
    """A frame as a format shows it: cut out, as a matte, as ids, or with the objects tinted.

    Args:
        name: Of the format.
        frame: uint8 RGB `(H, W, 3)`.
        labels: Object ids, uint8 `(H, W)`.

    Returns:
        A PNG file.
    """
    alpha = np.where(labels > 0, 255, 0).astype(np.uint8)
    if name in _CUT_OUT:
        picture = cut_out(frame, alpha)
    elif name in _MATTES:
        picture = Image.fromarray(alpha)
    elif name == "cutout-video":
        image = Image.fromarray(frame)
        picture = Image.composite(image, blurred(image), Image.fromarray(alpha))
    elif name in ("png", "tiff"):
        picture = Image.fromarray(DAVIS_PALETTE[labels])
    else:
        picture = Image.fromarray(draw_overlay(frame, labels))
    file = io.BytesIO()
    picture.save(file, format="PNG", compress_level=1)
    return file.getvalue()

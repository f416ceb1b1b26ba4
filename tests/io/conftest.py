"""Mask files."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image


@pytest.fixture
def save(tmp_path):
    """A function that saves pixels in `tmp_path` and returns the path."""

    def save_mask(name: str, pixels: np.ndarray, palette: bytes | None = None) -> Path:
        image = Image.fromarray(pixels)
        if palette is not None:
            image.putpalette(palette)
        image.save(tmp_path / name)
        return tmp_path / name

    return save_mask

"""A clip to track objects in, and a check of what a tracker computes.

The clip is the bundled one, played forwards and backwards for as many frames as are needed.
"""

import os
from collections.abc import Iterator

import numpy as np
import torch
from PIL import Image

import rotoline
from _report import TOLERANCE, check_equal
from rotoline.demo import MASKS, VIDEO
from rotoline.kernels.dispatch import VARIABLE

SIZE = (480, 854)
"""Height and width of the frames that are measured."""
TINY_SIZE = (64, 96)
"""The same with `--tiny`."""


def read_clip(count, size=SIZE, source=None):
    """Read the first frames of the bundled clip or another, uint8 `(*size, 3)`."""
    frames = zip(range(count), rotoline.open_frames(source or VIDEO), strict=False)
    return [np.asarray(Image.fromarray(frame).resize(size[::-1])) for _, frame in frames]


def play(clip: list[np.ndarray], count: int) -> Iterator[np.ndarray]:
    """Yield `count` frames of a clip, forwards and backwards."""
    turn = 2 * len(clip) - 2
    for index in range(count):
        at = index % turn
        yield clip[at if at < len(clip) else turn - at]


def make_annotation(objects: int, size: tuple[int, int] = SIZE) -> np.ndarray:
    """Label the first frame: the bundled masks for up to three objects, discs for the others."""
    height, width = size
    with Image.open(MASKS / "00000.png") as image:
        labels = np.array(image.resize((width, height), Image.Resampling.NEAREST))
    labels[labels > objects] = 0
    rows, cols = np.mgrid[:height, :width]
    for extra in range(3, objects):
        row = height * (0.125 + 0.75 * ((extra - 3) % 2))
        col = width * (0.47 + 0.13 * ((extra - 3) // 2))
        disc = (rows - row) ** 2 + (cols - col) ** 2 < (0.073 * height) ** 2
        labels[disc & (labels == 0)] = extra + 1
    return labels


@torch.inference_mode()
def check_kernels(tracker, frame, tolerance=TOLERANCE):
    """Propagate the maps of a frame once more with the kernel `vectorised`, and compare.

    Args:
        tracker: Has tracked at least one frame.
        frame: RGB, uint8 `(H, W, 3)`.
        tolerance: As for `check_equal`; larger where activations are bfloat16.

    Returns:
        For the JSON line: the name of the reference, and the difference found.
    """
    fitted = tracker.fitted
    features = fitted.encode(frame)
    logits, _ = fitted.score(features, tracker.state.scores)
    found = fitted.propagate(logits, features)
    asked = os.environ.get(VARIABLE, "")
    os.environ[VARIABLE] = "vectorised"
    expected = fitted.propagate(logits, features)
    os.environ[VARIABLE] = asked
    return check_equal(found, expected, "vectorised", tolerance)

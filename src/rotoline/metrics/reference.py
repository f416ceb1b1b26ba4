"""The specification of J and F in plain loops, slow on purpose. Only the tests use it.

Arguments are bool arrays (H, W) of one size and are not checked.
"""

import math

import numpy as np


def region_similarity(prediction: np.ndarray, truth: np.ndarray) -> float:
    """J: pixels in both masks over pixels in either; 1 when there are none."""
    both = either = 0
    for row, column in np.ndindex(truth.shape):
        both += bool(prediction[row, column] and truth[row, column])
        either += bool(prediction[row, column] or truth[row, column])
    return both / either if either else 1.0


def boundary_pixels(mask: np.ndarray) -> list[tuple[int, int]]:
    """Pixels (row, column) that differ from their E, S or SE neighbour, in scan order."""
    height, width = mask.shape
    found = []
    for row, column in np.ndindex(height, width):
        neighbours = [(row, column + 1), (row + 1, column), (row + 1, column + 1)]
        # A neighbour outside the frame does not count, which leaves the last row its E,
        # the last column its S, and the bottom-right corner nothing.
        if any(mask[row, column] != mask[r, c] for r, c in neighbours if r < height and c < width):
            found.append((row, column))
    return found


def boundary_accuracy(prediction: np.ndarray, truth: np.ndarray, tolerance: float) -> float:
    """F = 2PR / (P + R) of the outline pixels that have a partner within the radius."""
    height, width = truth.shape
    radius = math.ceil(tolerance * math.sqrt(height**2 + width**2))
    predicted, true = boundary_pixels(prediction), boundary_pixels(truth)
    if not predicted and not true:
        precision, recall = 1.0, 1.0
    elif not predicted:
        precision, recall = 1.0, 0.0
    elif not true:
        precision, recall = 0.0, 1.0
    else:
        precision = _share_near(predicted, true, radius)
        recall = _share_near(true, predicted, radius)
    if precision + recall == 0:
        return 0.0
    return 2 * precision * recall / (precision + recall)


def _share_near(pixels: list[tuple[int, int]], others: list[tuple[int, int]], radius: int) -> float:
    """Share of `pixels` with one of `others` within Euclidean distance `radius`."""
    near = 0
    for row, column in pixels:
        near += any((row - r) ** 2 + (column - c) ** 2 <= radius**2 for r, c in others)
    return near / len(pixels)

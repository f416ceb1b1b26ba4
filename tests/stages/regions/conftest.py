"""Maps drawn as text, regions by flood fill, and random scenes."""

import numpy as np
import pytest


@pytest.fixture
def draw():
    """A function that reads scores in tenths: `.` is 0, `9` is 0.9."""

    def read(*rows):
        return np.array([[int(sign.replace(".", "0")) for sign in row] for row in rows], "f4") / 10

    return read


@pytest.fixture
def mark():
    """A function that reads a mask: `#` is inside."""

    def read(*rows):
        return np.array([[sign == "#" for sign in row] for row in rows])

    return read


@pytest.fixture
def flood():
    """A function that returns 8-connected regions as sets of (row, column), in scan order."""

    def find(mask):
        waiting, regions = set(zip(*np.nonzero(mask), strict=True)), []
        for start in sorted(waiting):
            if start not in waiting:
                continue
            waiting.remove(start)
            region, border = {start}, [start]
            while border:
                row, column = border.pop()
                for r in (row - 1, row, row + 1):
                    for c in (column - 1, column, column + 1):
                        if (r, c) in waiting:
                            waiting.remove((r, c))
                            region.add((r, c))
                            border.append((r, c))
            regions.append(frozenset(region))
        return regions

    return find


@pytest.fixture
def make_scene():
    """A function that makes score maps, previous masks and a foreground of one pool of boxes.

    So regions coincide, contain each other, and agree with masks more often than noise would.
    """

    def make(seed):
        generator = np.random.default_rng(seed)
        height, width = generator.integers(3, 9, 2)
        boxes = np.zeros((5, height, width), dtype=bool)
        for box in boxes:
            top, left = generator.integers(0, (height, width))
            box[top : top + generator.integers(1, 5), left : left + generator.integers(1, 5)] = True

        def some(most):
            return boxes[generator.permutation(5)[: generator.integers(0, most + 1)]]

        count = generator.integers(1, 4)
        scores = np.zeros((count, height, width), dtype=np.float32)
        previous = np.zeros(scores.shape, dtype=bool)
        for score, mask in zip(scores, previous, strict=True):
            for box in some(4):
                score[box] = generator.integers(0, 11) / 10
            for box in some(2):
                mask |= box
            grain = generator.random(score.shape) < 0.1
            score[grain] = generator.integers(0, 11, grain.sum()) / 10
        foreground = np.ones((height, width), dtype=bool)
        for box in some(1):
            foreground &= ~box
        return scores, previous, foreground

    return make

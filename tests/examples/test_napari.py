"""The napari example, on napari's own layer where napari is installed, else on a stand-in of it.

The stand-in has what the example uses: `data`, `refresh`, `paint`, and an event after painting.
Neither opens a window.
"""

import importlib.util
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from rotoline.interact import Session

EXAMPLE = Path(__file__).parents[2] / "examples" / "napari_rotoline.py"
HAS_NAPARI = importlib.util.find_spec("napari") is not None


class LabelsLayer:
    """A stand-in of `napari.layers.Labels`."""

    def __init__(self, data):
        self.data, self.brush_size = data, 1
        self.listeners = []
        self.events = SimpleNamespace(paint=SimpleNamespace(connect=self.listeners.append))

    def refresh(self):
        pass

    def paint(self, place, label):
        frame, row, col = place
        rows, cols = np.mgrid[: self.data.shape[1], : self.data.shape[2]]
        at = np.nonzero(np.hypot(rows - row, cols - col) <= self.brush_size / 2)
        self.data[(np.full(len(at[0]), frame), *at)] = label
        for listener in self.listeners:
            listener(None)


@pytest.fixture
def make_layer():
    """A function that makes a layer of a clip, and what says which frame is shown."""
    if not HAS_NAPARI:
        return lambda data: (LabelsLayer(data), SimpleNamespace(current_step=(0, 0, 0)))

    def make(data):
        from napari.components import ViewerModel

        viewer = ViewerModel()
        return viewer.add_labels(data), viewer.dims

    return make


@pytest.fixture
def example():
    spec = importlib.util.spec_from_file_location("napari_rotoline", EXAMPLE)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    yield module
    del sys.modules[spec.name]


def test_it_is_short():
    assert len(EXAMPLE.read_text().splitlines()) < 120


def test_painted_objects_are_tracked_into_the_layer(
    example, make_layer, model, make_clip, small, overlap
):
    pictures, truth = make_clip(frames=5, ids=(1, 2))
    layer, dims = make_layer(np.zeros((5, *truth[0].shape), np.uint8))
    config = small.model_copy(update={"working_pixels": 96 * 96})
    session = Session(model, truth[0].shape, config=config)
    tracking = example.Tracking(np.stack(pictures), layer, session, dims)

    def paint(frame, label):
        rows, cols = np.nonzero(truth[frame] == label)
        layer.brush_size = int(np.sqrt(len(rows) * 4 / np.pi))
        dims.current_step = (frame, 0, 0)
        layer.paint((frame, int(rows.mean()), int(cols.mean())), label)

    paint(1, 1)
    paint(1, 2)
    assert tracking.painted == {1}
    painted = np.array(layer.data[1])
    for step in tracking.track():
        tracking.show(step)
    np.testing.assert_array_equal(layer.data[1], painted)
    for index in range(5):
        for label in (1, 2):
            assert overlap(layer.data[index], truth[index], label) > 0.6
    # One object is corrected in a later frame; the other one stays.
    before = np.array(layer.data)
    paint(3, 1)
    assert tracking.painted == {1, 3}
    found = list(tracking.track(only=1, frame=3))
    for step in found:
        tracking.show(step)
    assert sorted(step.result.index for step in found if step.result) == [2, 3, 4]
    changed = before != layer.data
    assert set(np.unique(before[changed])) | set(np.unique(layer.data[changed])) <= {0, 1}

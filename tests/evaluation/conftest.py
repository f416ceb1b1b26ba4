"""Measures with known values."""

import pytest

from rotoline.evaluation.error_places import TrueShape
from rotoline.evaluation.measure import ClipMeasure, ObjectMeasure


@pytest.fixture
def make_measure():
    """A function that makes the measure of a clip from J and F of one object, frame by frame."""

    def make(name, j, f=None, **changes):
        shape = TrueShape(area=changes.pop("area", 0.1), thin=changes.pop("thin", 0.0))
        one = ObjectMeasure(
            object_id=1, j=j, f=j if f is None else f, confidence=[0.5] * len(j), shape=shape
        )
        values = {"group": "unseen", "seconds_per_frame": None, **changes}
        frames = tuple(f"{index:05d}" for index in range(len(j)))
        return ClipMeasure(name=name, frames=frames, objects=(one,), **values)

    return make

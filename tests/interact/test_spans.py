"""Tracking spans equals segmenting where it should, and touches nothing else."""

import numpy as np
import pytest
import torch

from rotoline.annotations import check_annotations
from rotoline.correction import track_spans
from rotoline.frames import FrameStream
from rotoline.spans import plan_spans

COUNT = 8


@pytest.fixture(scope="module")
def clip(make_clip):
    return make_clip(frames=COUNT, ids=(1, 2))


@pytest.fixture
def tiny(small):
    return small.model_copy(update={"working_pixels": 96 * 96})


def shown(labels, *ids):
    return np.where(np.isin(labels, ids), labels, 0).astype(np.uint8)


def track(model, config, pictures, masks, spans, results):
    stream = FrameStream(pictures)
    annotated = stream.read(masks)
    tracker = model.tracker(config=config)
    tracker.fit(annotated, check_annotations(masks, annotated))
    steps = track_spans(stream, tracker, spans, results, {})
    return [step.result for step in steps if step.result is not None]


def equal(one, other):
    return (
        np.array_equal(one.labels, other.labels)
        and torch.equal(one.logits, other.logits)
        and one.confidence == other.confidence
    )


@pytest.mark.parametrize(
    "marks", [{0: (1, 2)}, {5: (1, 2)}, {2: (1,), 4: (1, 2)}, {1: (2,), 4: (1,), 6: (2,)}]
)
def test_both_directions_are_what_segment_gives(model, tiny, clip, marks):
    pictures, labels = clip
    masks = {index: shown(labels[index], *ids) for index, ids in marks.items()}
    by_object = {i: [index for index, ids in marks.items() if i in ids] for i in (1, 2)}
    spans = plan_spans(by_object, [1, 2], 0, COUNT, "both")
    found = {one.index: one for one in track(model, tiny, pictures, masks, spans, {})}
    expected = list(model.segment(pictures, masks, config=tiny))
    assert sorted(found) == list(range(COUNT))
    for one in expected:
        assert equal(found[one.index], one), one.index

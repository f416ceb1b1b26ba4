import numpy as np
import pytest

from rotoline.evaluation.clips import EvaluationClip
from rotoline.evaluation.measure import ClipMeasurement, ResultScorer
from rotoline.types import FrameResult, known_labels


@pytest.fixture
def make_evaluation_clip(make_clip):
    """A function that makes a clip of moving discs, marked in its first frame."""

    def make(frames=4, ids=(1, 2), **changes):
        pictures, labels = make_clip(frames=frames, ids=ids)
        fields = {
            "frame_names": tuple(f"{index:05d}" for index in range(frames)),
            "read_frame": pictures.__getitem__,
            "read_truth": labels.__getitem__,
            "object_ids": ids,
            "scored": tuple(range(1, frames)),
        }
        return EvaluationClip(name="discs", group="drawn", **fields | changes)

    return make


def measure(model, config, clip):
    measurement = ClipMeasurement(model, config, clip)
    assert len(list(measurement.run())) == len(clip.frame_names)
    return measurement.result().measure


def test_unknown_pixels_are_in_neither_mask():
    truth = np.array([[1, 1, 255, 255, 0, 2]], np.uint8)
    predicted = np.array([[1, 0, 1, 2, 1, 0]], np.uint8)
    kept, known = known_labels(predicted, truth)
    assert kept.tolist() == [[1, 0, 0, 0, 1, 0]]
    assert known.tolist() == [[1, 1, 0, 0, 0, 2]]
    scorer = ResultScorer([1, 2])
    confidence = {1: 0.5, 2: 0.5}
    scorer.add(
        "0", FrameResult(index=0, labels=predicted, confidence=confidence, logits=None), truth
    )
    one, two = scorer.measures()
    assert one.j == pytest.approx((1 / 3,))
    assert two.j == (0.0,)


def test_marked_frame_is_read_back_by_what_was_learned(model, small, make_evaluation_clip):
    """The network does not repeat its mask exactly: it is not the mask itself that is scored."""
    found = measure(model, small, make_evaluation_clip())
    for one in found.objects:
        j, f = one.read_back
        assert 0.8 < j < 1
        assert 0.8 < f <= 1
        assert one.shape.area > 0.02
        total = sum(one.lost.model_dump().values())
        assert total == pytest.approx(1 - one.j_mean)


def test_clips_with_coarse_masks_have_no_f(model, small, make_evaluation_clip):
    clip = make_evaluation_clip(frames=2, ids=(1,), has_exact_borders=False)
    found = measure(model, small, clip)
    assert not found.has_f
    assert found.scores["J&F"] == found.objects[0].j_mean
    assert "F" not in found.scores


def test_all_marked_frames_are_learned_before_the_first(model, small, make_evaluation_clip):
    """As `rotoline segment` does; the frames between them are scored, also the last one."""
    whole = make_evaluation_clip(frames=5, ids=(1,), scored=(1, 4), marked=(0, 3))
    alone = make_evaluation_clip(frames=5, ids=(1,), scored=(1, 4))
    both, first = measure(model, small, whole), measure(model, small, alone)
    assert both.frames == first.frames == ("00001", "00004")
    marks = {index: whole.read_truth(index) for index in whole.marked}
    frames = [whole.read_frame(index) for index in range(5)]
    results = list(model.segment(frames, marks, config=small))
    expected = [
        np.mean((results[i].labels == 1) & (whole.read_truth(i) == 1))
        / np.mean((results[i].labels == 1) | (whole.read_truth(i) == 1))
        for i in whole.scored
    ]
    assert both.objects[0].j == pytest.approx(expected)
    assert both.objects[0].confidence != first.objects[0].confidence

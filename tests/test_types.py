"""Results as the values of other libraries."""

import sys

import numpy as np
import pytest
import torch

from rotoline.errors import ConfigError
from rotoline.types import FrameResult


def make_result(labels, confidence, names=None):
    logits = torch.zeros(len(confidence), 1, 1)
    return FrameResult(
        index=0, labels=labels, confidence=confidence, logits=logits, names=names or {}
    )


def test_supervision_gets_the_visible_objects():
    from supervision import Detections, MaskAnnotator

    labels = np.zeros((5, 7), np.uint8)
    labels[1:3, 2:6], labels[4, 6] = 9, 4
    result = make_result(labels, {4: 0.5, 7: 0.0, 9: 0.75}, {9: "bear"})
    detections = result.to_supervision()
    assert isinstance(detections, Detections)
    assert detections.tracker_id.tolist() == detections.class_id.tolist() == [4, 9]
    assert detections.confidence.tolist() == [0.5, 0.75]
    assert detections.xyxy.tolist() == [[6, 4, 6, 4], [2, 1, 5, 2]]
    assert detections.data["class_name"].tolist() == ["object 4", "bear"]
    for mask, object_id in zip(detections.mask, (4, 9), strict=True):
        np.testing.assert_array_equal(mask, labels == object_id)
    drawn = MaskAnnotator().annotate(np.zeros((5, 7, 3), np.uint8), detections)
    np.testing.assert_array_equal(drawn.any(axis=2), labels > 0)


def test_supervision_gets_nothing_where_no_object_is_visible():
    detections = make_result(np.zeros((5, 7), np.uint8), {4: 0.0}).to_supervision()
    assert (len(detections), detections.mask.shape) == (0, (0, 5, 7))


def test_without_supervision_the_message_says_how_to_install_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "supervision", None)
    with pytest.raises(ConfigError, match=r"pip install 'rotoline\[exports\]'"):
        make_result(np.zeros((5, 7), np.uint8), {4: 0.0}).to_supervision()

import pytest
import torch

from rotoline.stages.foreground import (
    MarginLimit,
    MaskLimit,
    NoLimit,
    foreground_mask,
    limit_again,
    limit_to_foreground,
)

LOGITS = torch.tensor([[[3.0, 3.0, 0.5]], [[-1.0, 2.0, -9.0]]])
"""Two objects, a row of three pixels."""
FOREGROUND = torch.tensor([[[1.0, -2.0, 0.0]]])
"""Inside, outside, and on the border, which is outside."""


def test_no_object_exceeds_the_foreground_by_more_than_the_margin():
    limited = limit_to_foreground(LOGITS, FOREGROUND, MarginLimit(margin=0.5))
    assert limited.tolist() == [[[1.5, -1.5, 0.5]], [[-1.0, -1.5, -9.0]]]
    hard = limit_to_foreground(LOGITS, FOREGROUND, MarginLimit(margin=0))
    assert hard.tolist() == [[[1.0, -2.0, 0.0]], [[-1.0, -2.0, -9.0]]]


def test_mask_hides_objects_where_the_foreground_scores_at_most_one_half():
    limited = limit_to_foreground(LOGITS, FOREGROUND, MaskLimit())
    assert limited.tolist() == [[[3.0, -8.0, -8.0]], [[-1.0, -8.0, -8.0]]]


def test_without_a_limit_the_logits_stay():
    assert limit_to_foreground(LOGITS, FOREGROUND, NoLimit()) is LOGITS


def test_only_the_mask_limits_again_after_propagation_and_filter():
    assert limit_again(LOGITS, FOREGROUND, MaskLimit())[0].tolist() == [[3.0, -8.0, -8.0]]
    for config in (MarginLimit(), NoLimit()):
        assert limit_again(LOGITS, FOREGROUND, config) is LOGITS


def test_objects_may_be_where_the_foreground_is_or_anywhere_without_a_limit():
    for config in (MarginLimit(), MaskLimit()):
        assert foreground_mask(FOREGROUND, config).tolist() == [[True, False, False]]
    assert foreground_mask(FOREGROUND, NoLimit()).tolist() == [[True, True, True]]


def test_refuses_negative_margins():
    with pytest.raises(ValueError, match="margin"):
        MarginLimit(margin=-1)

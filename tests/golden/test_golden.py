"""The masks of one drawn clip, as committed; a change is reviewed as a picture.

If this fails on purpose, run `.venv/bin/python scripts/update_golden.py` and look at the sheet that
it writes, `tests/golden/sheet.png`, before committing it.
"""

import numpy as np
import pytest
from PIL import Image

from rotoline.io.masks import read_mask

LARGEST_DIFFERENCE = 0.001
"""Share of the pixels of a frame that may differ from the golden mask, 35 of 35,840. Processors add
floating-point numbers in different orders, so pixels on the border of an object may change."""


@pytest.fixture(scope="module")
def golden(load_script):
    """The module scripts/update_golden.py."""
    return load_script("update_golden")


@pytest.fixture(scope="module")
def results(golden):
    return golden.segment_clip()


def test_masks_are_the_golden_ones(golden, results):
    assert [result.index for result in results] == list(range(golden.FRAMES))
    for result in results:
        expected = read_mask(golden.mask_path(result.index))
        different = (result.labels != expected).mean()
        assert different <= LARGEST_DIFFERENCE, (
            f"{different:.1%} of frame {result.index} differ; run scripts/update_golden.py and "
            "compare tests/golden/sheet.png"
        )


def test_golden_masks_are_right_where_the_clip_is_hard(golden):
    """Both moving objects keep apart, the look-alike is nobody's, and the hidden one returns."""
    clip = list(golden.draw_clip())
    masks = [read_mask(golden.mask_path(index)) for index in range(golden.FRAMES)]

    def overlap(index, object_id):
        found, truth = masks[index] == object_id, clip[index][1] == object_id
        return (found & truth).sum() / (found | truth).sum()

    for index in (3, 11):  # before and after they cross
        assert overlap(index, 1) > 0.9
        assert overlap(index, 2) > 0.85
    look_alike = np.s_[112:, :48]
    assert not any((mask[look_alike] > 0).any() for mask in masks)
    assert overlap(4, 3) > 0.7
    assert overlap(8, 3) > 0.7  # found again as soon as it comes out
    assert overlap(11, 3) > 0.7


@pytest.mark.slow
def test_look_alike_is_nobodys_at_the_usual_working_size(golden, model):
    """The corner looks exactly like the disc, which is in full view at first, from frame 4 on."""
    clip = [(_enlarged(frame), _enlarged(labels)) for frame, labels in golden.draw_clip()]
    tracker = model.tracker()
    tracker.step(*clip[0])
    for frame, truth in clip[1:]:
        labels = tracker.step(frame).labels
        assert not (labels[3 * 112 :, : 3 * 48] > 0).any()
        assert ((labels == 1) & (truth == 1)).sum() > 0.6 * (truth == 1).sum()


def test_what_a_camera_left_behind_is_found_again(golden, model):
    """It zooms in on the disc and back: the other two are out of view in between."""
    picture, labels = next(golden.draw_clip())
    (height, width), frames, truths = golden.SIZE, [], []
    for nearness in (0, 0.25, 0.5, 0.75, 1, 1, 0.75, 0.5, 0.25, 0):
        rows, columns = height * (1 - 0.55 * nearness), width * (1 - 0.55 * nearness)
        top = max(0, 52 - rows / 2) * nearness
        box = (0, top, columns, top + rows)
        for one, many in ((picture, frames), (labels, truths)):
            how = Image.Resampling.BICUBIC if one is picture else Image.Resampling.NEAREST
            many.append(np.asarray(Image.fromarray(one).resize((width, height), how, box=box)))
    config = model.config.model_copy(update={"working_pixels": height * width})
    results = sorted(model.segment(frames, truths[0], config=config), key=lambda one: one.index)
    for result, truth in zip(results, truths, strict=True):
        for object_id in (1, 2, 3):
            found, true = result.labels == object_id, truth == object_id
            if true.any():
                assert (found & true).sum() > 0.75 * (found | true).sum()
            else:
                assert not found.any()
    assert {tuple(np.unique(one)) for one in truths} >= {(0, 1), (0, 1, 2, 3)}


def _enlarged(picture):
    """Three times as large: 480 rows."""
    return picture.repeat(3, axis=0).repeat(3, axis=1)


def test_sheet_is_that_of_the_golden_masks(golden):
    """Whoever rewrites masks also commits the picture."""
    with Image.open(golden.FOLDER / "sheet.png") as picture:
        sheet = np.asarray(picture.convert("RGB"), np.int16)
    # Rounding of the drawn background may differ by one between machines.
    np.testing.assert_allclose(sheet, golden.draw_sheet(), rtol=0, atol=2)

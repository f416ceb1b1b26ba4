import numpy as np
import pytest
from PIL import Image

from rotoline.errors import InputError
from rotoline.evaluation.folders import evaluate_folders
from rotoline.io.masks import write_mask


def square(*, void: bool = False) -> np.ndarray:
    """A square, object 1, and void around it."""
    labels = np.zeros((24, 32), np.uint8)
    if void:
        labels[6:18, 6:18] = 255
    labels[8:16, 8:16] = 1
    return labels


@pytest.fixture
def score(tmp_path):
    """A function that scores label maps against others; returns the scores."""

    def evaluate(predicted, truth):
        for folder, maps in (("mine", predicted), ("truth", truth)):
            (tmp_path / folder).mkdir()
            for index, labels in enumerate(maps):
                write_mask(tmp_path / folder / f"{index}.png", labels)
        return evaluate_folders(tmp_path / "mine", tmp_path / "truth", every_frame=True)

    return evaluate


@pytest.mark.parametrize("predicted", [square(), square(void=True), np.sign(square(void=True))])
def test_void_pixels_of_the_truth_are_not_scored(score, predicted):
    scores = score([predicted] * 3, [square(void=True)] * 3)
    assert [one.object_id for one in scores.objects] == [1]
    assert scores.j_and_f == 1


def test_void_pixels_of_a_prediction_are_no_object(score):
    assert score([square(void=True)] * 3, [square()] * 3).j_and_f == 1


def test_a_frame_of_nothing_but_void_has_no_object(score):
    only_void = np.where(square() == 1, 255, 0).astype(np.uint8)
    assert score([square()] * 3, [square(), only_void, square()]).j_and_f == 1


def test_a_truth_of_nothing_but_void_cannot_be_scored(score):
    only_void = np.where(square() == 1, 255, 0).astype(np.uint8)
    with pytest.raises(InputError, match=r"all background or void \(255, no object\)"):
        score([square()] * 3, [only_void] * 3)


def test_white_beside_masks_with_void_is_refused(tmp_path):
    for index, labels in enumerate((square(void=True), 255 * square(), square())):
        Image.fromarray(labels).save(tmp_path / f"{index}.png")
    with pytest.raises(InputError, match=r"1\.png is black and white.*as object 1, or as void"):
        evaluate_folders(tmp_path, tmp_path, every_frame=True)

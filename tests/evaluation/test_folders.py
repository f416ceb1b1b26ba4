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


@pytest.mark.parametrize("mode", ["L", "LA", "RGB", "RGBA", "P"])
def test_white_beside_masks_with_void_is_refused(tmp_path, mode):
    for index, labels in enumerate((square(void=True), 255 * square(), square())):
        image = Image.fromarray(labels)
        (image.convert(mode) if index == 1 else image).save(tmp_path / f"{index}.png")
    with pytest.raises(InputError, match=r"1\.png is black and white.*as object 1, or as void"):
        evaluate_folders(tmp_path, tmp_path, every_frame=True)


@pytest.fixture
def save(tmp_path):
    """A function that writes a mask of a moving object for each name into a folder.

    `first` is the frame that the first name stands for.
    """

    def write(folder: str, names: str, first: int = 0):
        (tmp_path / folder).mkdir()
        for frame, name in enumerate(names.split(), start=first):
            labels = np.zeros((24, 48), np.uint8)
            labels[6:18, 2 + 3 * frame : 14 + 3 * frame] = 1
            write_mask(tmp_path / folder / f"{name}.png", labels)
        return tmp_path / folder

    return write


@pytest.mark.parametrize(
    ("predicted", "truth", "first"),
    [
        ("00001 00002 00003", "1 2 3", 0),
        ("0 1 2 3", "00002", 2),
        ("f_08 f_09 f_10", "f_8 f_9 f_10", 0),
        ("00000 00001 00002 00003", "00001 00002 00003", 1),  # a truth without the first frame
    ],
)
def test_numbers_in_names_are_compared_as_numbers(save, predicted, truth, first):
    scores = evaluate_folders(
        save("predicted", predicted), save("truth", truth, first), every_frame=True
    )
    assert scores.j.mean == 1
    assert len(scores.objects[0].frames) == len(truth.split())


@pytest.mark.parametrize(
    ("predicted", "truth", "message"),
    [
        ("0 1 2 3", "1 2 3 4", r"the first is 4; .*The first are 0 and 1: if these are the same"),
        ("f001 f002 f003", "f000 f001 f002", r"The first are f001 and f000: if these are the same"),
        ("00000 00001 00002 00003", "00001 00002 00003", "00000 is the first .* 00001 the first .*"
         "better if these are the same frame than by their names; rename"),
        ("f_0 f_1 f_2 f_3 f_4", "f_01 f_02 f_03", "f_0 is the first mask .* add the true mask of"),
        ("a b", "a b c", r"lacks 1 of the 3 frames in .*, the first is c; .* the truth has$"),
        ("1 01", "001", "001 can mean frame 01 or frame 1"),
        ("1", "1 01", "two masks of the number of .*only one; keep one true mask per frame"),
    ],
)  # fmt: skip
def test_masks_that_are_counted_differently_or_missing_are_refused(save, predicted, truth, message):
    folders = save("predicted", predicted), save("truth", truth)
    with pytest.raises(InputError, match=message):
        evaluate_folders(*folders, every_frame=True)

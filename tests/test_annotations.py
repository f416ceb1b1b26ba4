import numpy as np
import pytest

from rotoline.annotations import by_index, check_annotations
from rotoline.errors import InputError

FRAME = np.zeros((4, 6, 3), np.uint8)


def test_objects_start_where_they_are_first_annotated():
    early, late = np.zeros((4, 6), np.int64), np.zeros((4, 6), np.int64)
    early[0, 0] = 200
    late[0, 0], late[1, 1] = 200, 3
    annotations = check_annotations({9: late, 2: early}, {2: FRAME, 9: FRAME})
    assert annotations.object_ids == [3, 200]
    assert annotations.first_annotated.tolist() == [9, 2]
    assert annotations.annotated_in(2).tolist() == [False, True]
    assert annotations.annotated_in(5).tolist() == [False, False]
    assert annotations.masks(9).sum((1, 2)).tolist() == [1.0, 1.0]


def test_mask_that_is_all_background_says_that_no_object_is_there():
    first, nothing = np.zeros((4, 6), np.int64), np.zeros((4, 6), np.int64)
    first[0, 0], first[1, 1] = 200, 3
    annotations = check_annotations({0: nothing, 2: first}, {0: FRAME, 2: FRAME})
    assert annotations.object_ids == [3, 200]
    assert annotations.first_annotated.tolist() == [2, 2]
    assert annotations.annotated_in(0).tolist() == [True, True]
    assert not annotations.masks(0).any()
    with pytest.raises(InputError, match="all 2 masks are all background"):
        check_annotations({0: nothing, 2: nothing}, {0: FRAME, 2: FRAME})


@pytest.mark.parametrize(
    ("mask", "words"),
    [
        (np.zeros((4, 6), np.uint8), "all background"),
        (np.ones((4, 5), np.uint8), "5x4, its frame is 6x4"),
        (np.ones((6, 4), np.uint8), "4x6, its frame is 6x4; turn the mask upright"),
        (np.full((4, 6), 255), "holds 255, which marks void pixels and no object"),
        (np.full((4, 6), 300), "ids 1 to 254 are supported"),
        (np.full((4, 6), -1), "ids 1 to 254 are supported"),
        (np.ones((4, 6, 3), np.uint8), "integers"),
        (np.full((4, 6), 0.5), "integers"),
    ],
)
def test_unusable_masks_are_refused(mask, words):
    with pytest.raises(InputError, match=words):
        check_annotations(mask, {0: FRAME})


def test_bool_mask_is_object_one():
    assert check_annotations(np.ones((4, 6), bool), {0: FRAME}).object_ids == [1]


def test_annotations_need_frame_numbers():
    with pytest.raises(InputError, match="no masks"):
        by_index({})
    with pytest.raises(InputError, match="'00000'"):
        by_index({"00000": FRAME[..., 0]})


def test_complete_frames_tell_of_every_object():
    first, later = np.zeros((4, 6), np.int64), np.zeros((4, 6), np.int64)
    first[0, :2], later[1, 1] = (3, 200), 3
    frames = {0: FRAME, 5: FRAME}
    masks = {0: first, 5: later}
    assert check_annotations(masks, frames).annotated_in(5).tolist() == [True, False]
    for complete in (True, {5}, [5, 0]):
        found = check_annotations(masks, frames, complete=complete)
        assert found.annotated_in(5).tolist() == [True, True]
        assert found.first_annotated.tolist() == [0, 0]
    with pytest.raises(InputError, match="frame 3 is complete, but has no mask; masks are of"):
        check_annotations(masks, frames, complete={3})
    with pytest.raises(InputError, match="complete is 5; give True"):
        check_annotations(masks, frames, complete=5)


def test_void_is_no_object_and_not_background():
    mask = np.zeros((4, 6), np.int64)
    mask[0, :3] = 7, 255, 255
    found = check_annotations(mask, {0: FRAME})
    assert found.object_ids == [7]
    assert found.labels[0].max() == 7
    np.testing.assert_array_equal(found.given()[0], mask)
    assert found.known_at(0, (2, 3)).tolist() == [[0.75, 0.75, 1], [1, 1, 1]]
    assert check_annotations(mask % 255, {0: FRAME}).known_at(0, (2, 3)) is None

import numpy as np
import pytest

from rotoline.data.composites import paste_object, place, stack_labels
from rotoline.errors import InputError
from rotoline.evaluation.development_clips import development_clips


def test_clips_come_in_three_groups(make_data):
    clips = development_clips(make_data("tennis", "dance-jump", "scooter-gray"))
    assert [(clip.name, clip.group, clip.object_ids) for clip in clips] == [
        ("dance-jump", "development", (1,)),
        ("scooter-gray", "development", (1,)),
        ("tennis", "development", (1,)),
        ("schoolgirls", "multi-object", (2, 5)),
        ("synthetic-tennis-dance-jump", "synthetic", (1, 2)),
        ("synthetic-scooter-gray-mirrored", "synthetic", (1, 2)),
    ]
    assert clips[0].scored_names == ("00001", "00002", "00003")


def test_composite_shows_each_object_where_its_truth_says(make_data):
    clips = {clip.name: clip for clip in development_clips(make_data("tennis", "dance-jump"))}
    behind, in_front = clips["tennis"], clips["dance-jump"]
    both = clips["synthetic-tennis-dance-jump"]
    for index in range(len(both.frame_names)):
        frame, truth = both.read_frame(index), both.read_truth(index)
        width = truth.shape[1]
        left = round(0.35 * width)
        moved = np.zeros_like(truth)
        moved[:, : width - left] = in_front.read_truth(index)[:, left:]
        assert np.array_equal(truth == 2, moved == 1)
        assert np.array_equal(truth == 1, (behind.read_truth(index) == 1) & (moved == 0))
        rest = truth != 2
        assert np.array_equal(frame[rest], behind.read_frame(index)[rest])


def test_object_that_is_not_in_the_first_frame_is_not_marked(make_data):
    """Here the shift takes the disc of dance-jump out of the picture."""
    *_, both = development_clips(make_data("dance-jump", "tennis"))
    assert both.name == "synthetic-tennis-dance-jump"
    assert both.object_ids == (1,)


def test_pasted_border_is_soft_and_inside_the_mask():
    frame, other = np.zeros((5, 5, 3), np.uint8), np.full((5, 5, 3), 180, np.uint8)
    mask = np.zeros((5, 5), bool)
    mask[1:4, 1:4] = True
    # A corner has 4 of 9 neighbours in the mask, an edge 6 of 9, the middle all.
    corner, edge, middle = 90 + 40, 90 + 60, 180
    expected = np.zeros((5, 5), int)
    expected[1:4, 1:4] = [[corner, edge, corner], [edge, middle, edge], [corner, edge, corner]]
    assert np.array_equal(paste_object(frame, other, mask)[..., 0], expected)
    assert not frame.any()


def test_object_in_front_covers_the_one_behind():
    labels = stack_labels(np.array([[True, True, False, False]]), np.array([[0, 1, 1, 0]], bool))
    assert labels.tolist() == [[1, 2, 2, 0]]
    assert labels.dtype == np.uint8


def test_placing_cuts_off_what_leaves_the_canvas():
    picture = np.arange(1, 7, dtype=np.uint8).reshape(2, 3)
    assert place(picture, (2, 3), (0.5, 0), mirrored=False).tolist() == [[0, 0, 0], [1, 2, 3]]
    assert place(picture, (3, 2), (0, 0), mirrored=True).tolist() == [[3, 2], [6, 5], [0, 0]]
    assert not place(picture, (2, 3), (0, 2), mirrored=False).any()


def test_clip_that_is_not_there_is_refused_by_name(make_data):
    data = make_data("tennis", girls=False)
    assert [clip.name for clip in development_clips(data, ["tennis"])] == ["tennis"]
    with pytest.raises(InputError, match=r"no clip tenis .* choose from tennis"):
        development_clips(data, ["tenis"])


def test_data_without_sequences_masks_or_objects_is_refused(make_data, tmp_path):
    with pytest.raises(InputError, match="no development sequence"):
        development_clips(tmp_path)
    data = make_data("tennis")
    masks = data / "davis-2016-train" / "Annotations" / "480p" / "tennis"
    (masks / "00003.png").unlink()
    with pytest.raises(InputError, match="lacks the masks of 1 of 5 frames, the first is 00003"):
        development_clips(data)
    frames = data / "davis-2016-train" / "JPEGImages" / "480p" / "tennis"
    for t in (2, 3, 4):
        (frames / f"0000{t}.jpg").unlink()
        (masks / f"0000{t}.png").unlink(missing_ok=True)
    with pytest.raises(InputError, match="holds 2 frames"):
        development_clips(data)

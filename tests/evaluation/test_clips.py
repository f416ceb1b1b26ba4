import numpy as np
import pytest
from PIL import Image

from rotoline.data.video_sequence import find_sequence
from rotoline.errors import InputError
from rotoline.evaluation.clips import choose_clips, read_partly_masked_clip, read_sequence_clip


@pytest.fixture
def write_clip(tmp_path):
    """A function that writes grey WebP frames, and masks for those that are not None."""

    def write(masks):
        for kind in ("images", "masks"):
            (tmp_path / kind).mkdir()
        for index, mask in enumerate(masks):
            picture = np.full((20, 30, 3), 10 * index, np.uint8)
            Image.fromarray(picture).save(tmp_path / "images" / f"{index:05d}.webp", lossless=True)
            if mask is not None:
                Image.fromarray(np.uint8(mask)).save(tmp_path / "masks" / f"{index:05d}.png")
        return find_sequence("clip", tmp_path / "images", tmp_path / "masks")

    return write


def area(label, rows, size=(20, 30)):
    mask = np.zeros(size, np.uint8)
    mask[:rows, :10] = label
    return mask


def test_clip_begins_with_the_first_frame_that_shows_its_objects(write_clip):
    """Frame 0 shows nothing, frame 1 unknown pixels only, frame 2 too few."""
    few = area(0, 0)
    few[0, :2] = 1
    masks = [area(0, 0), area(255, 5), few, area(1, 5), None, area(0, 0), area(255, 9)]
    clip = read_partly_masked_clip("clip", "some", write_clip(masks))
    assert clip.frame_names == ("00003", "00004", "00005", "00006")
    assert (clip.marked, clip.scored, clip.object_ids) == ((0,), (2, 3), (1,))
    assert clip.scored_names == ("00005", "00006")
    assert clip.read_frame(1)[0, 0, 0] == 40
    assert np.array_equal(clip.read_truth(3), area(255, 9))
    assert not clip.read_mark(3).any()


def test_unknown_pixels_are_no_object_and_not_marked(write_clip):
    mask = area(255, 10)
    mask[:5] = np.where(mask[:5], 2, 0)
    clip = read_partly_masked_clip("clip", "some", write_clip([mask, area(2, 4)]))
    assert clip.object_ids == (2,)
    assert set(np.unique(clip.read_truth(0))) == {0, 2, 255}
    assert set(np.unique(clip.read_mark(0))) == {0, 2}


def test_clip_without_objects_or_frames_to_score_is_refused(write_clip, tmp_path):
    sequence = write_clip([area(0, 0), area(255, 9), area(1, 5)])
    with pytest.raises(InputError, match=r"show no objects of at least 0\.5% of the frame"):
        read_partly_masked_clip("clip", "some", sequence)
    with pytest.raises(InputError, match="the first true mask of clip is empty"):
        read_sequence_clip("clip", "some", tmp_path / "images", tmp_path / "masks")
    with pytest.raises(InputError, match="there is no clip a below here; choose from b"):
        choose_clips([read_partly_masked_clip_named("b", sequence)], ["a"], "here")


def read_partly_masked_clip_named(name, sequence):
    """A clip of which the name alone matters."""
    from rotoline.evaluation.clips import EvaluationClip

    return EvaluationClip(
        name=name,
        group="some",
        frame_names=sequence.frame_names,
        read_frame=sequence.read_frame,
        read_truth=sequence.read_labels,
        object_ids=(1,),
        scored=(1,),
    )

import shutil

import numpy as np
import pytest
import torch
from PIL import Image

from rotoline.data.splits import DEVELOPMENT_SPLIT
from rotoline.data.training_clips import (
    Clip,
    describe,
    load_clips,
    sample_clip,
)
from rotoline.errors import InputError


@pytest.fixture
def data(tmp_path, write_sequence):
    """Training data: two videos, and a still of either kind."""
    root = tmp_path / "data"
    videos = root / "davis-2016-train"
    for name in ("bear", "tennis"):
        write_sequence(videos / "JPEGImages/480p" / name, videos / "Annotations/480p" / name)
    for name, labels in (("davis-2017-first-frames", "masks"), ("clothing-co-parsing", "labels")):
        write_sequence(root / name / "images", root / name / labels, stems=("street",))
    return root


def test_videos_and_stills_are_read_and_named_after_their_folders(data):
    clips = load_clips(data, ())
    assert [(clip.name, clip.is_still) for clip in clips] == [
        ("bear", False),
        ("tennis", False),
        ("davis-2017-first-frames/street", True),
        ("clothing-co-parsing/street", True),
    ]
    bear = clips[0]
    assert len(bear.frames) == len(bear.labels) == 3
    assert (bear.frames[2].dtype, bear.frames[2].shape) == (torch.uint8, (3, 24, 32))
    assert (bear.labels[2].dtype, bear.labels[2].shape) == (torch.uint8, (24, 32))
    assert bear.frames[2].float().mean() == pytest.approx(20, abs=1)
    assert bear.labels[2].unique().tolist() == [0, 1, 2]
    assert describe(clips) == (
        "2 sequences of DAVIS, 1 stills of davis-2017-first-frames, 1 stills of clothing-co-parsing"
    )


def test_sequences_can_be_left_out(data):
    names = [clip.name for clip in load_clips(data, DEVELOPMENT_SPLIT)]
    assert "bear" in names
    assert "tennis" not in names
    with pytest.raises(InputError, match="no training sequence"):
        load_clips(data, ("bear", "tennis"))
    with pytest.raises(InputError, match=r"no sequence tenis to leave out; .* bear, tennis"):
        load_clips(data, ("tenis",))


def test_larger_pictures_are_reduced_with_their_masks(data):
    bear = load_clips(data, (), short_side=12)[0]
    assert bear.frames[0].shape == (3, 12, 16)
    expected = torch.zeros(12, 16, dtype=torch.uint8)
    expected[1:4, 1:4] = 1
    assert torch.equal(bear.labels[0], expected)
    assert load_clips(data, (), short_side=100)[0].frames[0].shape == (3, 24, 32)


def test_white_is_object_1_and_void_is_background(data, write_labels):
    masks = data / "davis-2016-train/Annotations/480p/bear"
    white = np.zeros((24, 32), bool)
    white[4:9, 5:20] = True
    Image.fromarray(white).save(masks / "00000.png")
    Image.fromarray(np.uint8(white) * 255).save(masks / "00001.png")
    write_labels(masks / "00002.png", np.where(white, 3, 255).astype(np.uint8))
    labels = load_clips(data, ())[0].labels
    for index, value in enumerate((1, 1, 3)):
        assert np.array_equal(labels[index], white * value)


def test_data_folder_may_be_a_davis_folder_whose_train_split_is_used(davis):
    assert [clip.name for clip in load_clips(davis, ())] == ["fish"]
    shutil.rmtree(davis / "ImageSets")
    assert [clip.name for clip in load_clips(davis, ())] == ["bear", "cows", "fish"]


def test_two_data_sets_of_videos_are_refused(davis, data):
    shutil.move(data / "davis-2016-train", davis)
    with pytest.raises(InputError, match="holds videos twice"):
        load_clips(davis, ())


def test_missing_or_unfit_masks_are_refused(data, write_labels):
    still = data / "clothing-co-parsing/labels/street.png"
    write_labels(still, np.ones((5, 6), np.uint8))
    with pytest.raises(InputError, match=r"is 5 x 6, but .* is 24 x 32"):
        load_clips(data, ())
    still.unlink()
    with pytest.raises(InputError, match=r"street.png does not exist"):
        load_clips(data, ())
    for index in (1, 2):
        (data / f"davis-2016-train/Annotations/480p/bear/0000{index}.png").unlink()
    with pytest.raises(InputError, match="bear has masks for 1 of 3 frames"):
        load_clips(data, ())


def test_two_thirds_of_the_samples_are_videos(make_sampler):
    frame, label = torch.zeros(3, 4, 4, dtype=torch.uint8), torch.zeros(4, 4, dtype=torch.uint8)
    clips = [
        Clip("video", [frame] * 2, [label] * 2),
        *(Clip(f"clothing-co-parsing/{index}", [frame], [label]) for index in range(5)),
        Clip("davis-2017-first-frames/0", [frame], [label]),
    ]
    sampler = make_sampler(0)
    names = [sample_clip(clips, sampler).name.split("/")[0] for _ in range(600)]
    assert names.count("video") / 600 == pytest.approx(2 / 3, abs=0.05)
    assert names.count("clothing-co-parsing") / 600 == pytest.approx(1 / 6, abs=0.05)
    assert sample_clip(clips[-1:], sampler).name == "davis-2017-first-frames/0"

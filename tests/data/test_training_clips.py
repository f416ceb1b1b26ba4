import shutil
from collections import Counter

import numpy as np
import pytest
import torch
from PIL import Image

from rotoline.data.splits import DEVELOPMENT_SPLIT
from rotoline.data.stills import STILL_SETS
from rotoline.data.training_clips import (
    Clip,
    PackedLabels,
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
    assert [(clip.group, clip.kind) for clip in clips] == [
        *[("video", "instances")] * 2,
        ("things", "instances"),
        ("clothing", "garments"),
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


def test_stills_are_reduced_further_than_videos(data, write_sequence):
    size = (400, 500)
    videos, stills = data / "davis-2016-train", data / "penn-fudan"
    write_sequence(videos / "JPEGImages/480p/boat", videos / "Annotations/480p/boat", size=size)
    write_sequence(stills / "images", stills / "masks", stems=("road",), size=size)
    for path in (videos / "Annotations/480p/boat", stills / "masks"):
        for mask in path.iterdir():
            Image.fromarray(np.ones(size, np.uint8)).save(mask)
    shapes = {clip.name: clip.labels[0].shape for clip in load_clips(data, ())}
    assert shapes["boat"] == size
    assert shapes["penn-fudan/road"] == (320, 400)


def test_white_is_object_1_and_void_is_unknown(data, write_labels):
    masks = data / "davis-2016-train/Annotations/480p/bear"
    white = np.zeros((24, 32), bool)
    white[4:9, 5:20] = True
    Image.fromarray(white).save(masks / "00000.png")
    Image.fromarray(np.uint8(white) * 255).save(masks / "00001.png")
    write_labels(masks / "00002.png", np.where(white, 3, 255).astype(np.uint8))
    bear = load_clips(data, ())[0]
    for index, value in enumerate((1, 1, 3)):
        assert np.array_equal(bear.known_labels(index), white * value)
    assert np.array_equal(bear.labels[2], np.where(white, 3, 255))


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


def test_sets_are_sampled_by_their_shares(make_sampler):
    frame, label = torch.zeros(3, 4, 4, dtype=torch.uint8), torch.zeros(4, 4, dtype=torch.uint8)
    video = Clip("bear", [frame] * 2, [label] * 2)
    stills = [
        Clip(f"{name}/{index}", [frame], [label])
        for count, name in enumerate(STILL_SETS, start=1)
        for index in range(count)
    ]
    sampler = make_sampler(0)

    def shares(some):
        drawn = Counter(sample_clip(some, sampler).set_name for _ in range(1000))
        return {name: drawn[name] / 1000 for name in ("video", *STILL_SETS)}

    expected = {name: one.share / 20 for name, one in STILL_SETS.items()} | {"video": 9 / 20}
    assert sum(expected.values()) == pytest.approx(1)
    assert shares([video, *stills]) == pytest.approx(expected, abs=0.05)
    # Without videos, the shares of the others keep their ratio.
    expected = {name: one.share / 11 for name, one in STILL_SETS.items()} | {"video": 0}
    assert shares(stills) == pytest.approx(expected, abs=0.05)


def test_packed_labels_are_what_was_packed():
    generator = np.random.default_rng(0)
    labels = [generator.integers(0, 256, size, dtype=np.uint8) for size in ((3, 5), (7, 2))]
    packed = PackedLabels(labels)
    assert len(packed) == 2
    assert all(np.array_equal(a, b) for a, b in zip(packed, labels, strict=True))
    assert np.array_equal(packed[-1], labels[1])
    assert [one.shape for one in packed[:1]] == [(3, 5)]
    packed[0].fill_(0)
    assert np.array_equal(packed[0], labels[0])

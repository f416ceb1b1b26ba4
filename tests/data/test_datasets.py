import shutil

import numpy as np
import pytest
from PIL import Image

from rotoline.data.datasets import read_dataset
from rotoline.errors import InputError


def refusal(root, split):
    with pytest.raises(InputError) as caught:
        read_dataset(root, split)
    return str(caught.value)


def test_davis_split_has_its_sequences_in_the_order_of_the_list(davis):
    cows, bear = read_dataset(davis, "val")
    assert (cows.name, bear.name) == ("cows", "bear")
    assert cows.frame_names == ("00000", "00001", "00002")
    assert cows.annotated == (0, 1, 2)
    frame, labels = cows.read_frame(2), cows.read_labels(2)
    assert (frame.dtype, frame.shape) == (np.uint8, (24, 32, 3))
    assert np.abs(frame.astype(int) - 20).max() <= 1
    assert (labels.dtype, labels.shape) == (np.uint8, (24, 32))
    assert np.unique(labels).tolist() == [0, 1, 2]
    assert np.unique(cows.read_labels(0)).tolist() == [0, 1]
    assert [sequence.name for sequence in read_dataset(davis, "train")] == ["fish"]


def test_frames_of_a_sequence_can_be_segmented_as_they_are(davis):
    cows = read_dataset(davis, "val")[0]
    assert cows.frames.count == 3
    assert np.array_equal(list(cows.frames)[1], cows.read_frame(1))


@pytest.mark.parametrize("folder", ["2016", "480p", "."])
def test_davis_2016_lists_have_paths_of_frames(davis, folder):
    shutil.rmtree(davis / "ImageSets/2017")
    lines = [
        f"/JPEGImages/480p/{name}/0000{index}.jpg /Annotations/480p/{name}/0000{index}.png"
        for name in ("fish", "bear")
        for index in range(3)
    ]
    (davis / "ImageSets" / folder).mkdir(exist_ok=True)
    (davis / "ImageSets" / folder / "trainval.txt").write_text("\n".join(lines))
    found = read_dataset(davis, "trainval")
    assert [sequence.name for sequence in found] == ["fish", "bear"]


def test_the_list_of_2017_comes_first_and_another_year_can_be_named(davis):
    (davis / "ImageSets/2016").mkdir()
    (davis / "ImageSets/2016/val.txt").write_text("bear\n")
    assert len(read_dataset(davis, "val")) == 2
    assert [sequence.name for sequence in read_dataset(davis, "2016/val")] == ["bear"]


def test_davis_at_full_resolution_is_read_where_there_is_no_480p(davis):
    for folder in ("JPEGImages", "Annotations"):
        (davis / folder / "480p").rename(davis / folder / "Full-Resolution")
    assert read_dataset(davis, "val")[0].read_labels(0).any()
    (davis / "Annotations/Full-Resolution").rename(davis / "Annotations/480p")
    assert "Annotations/Full-Resolution" in refusal(davis, "val")


def test_davis_test_split_has_masks_of_first_frames_only(davis):
    for index in (1, 2):
        (davis / f"Annotations/480p/fish/0000{index}.png").unlink()
    assert read_dataset(davis, "train")[0].annotated == (0,)


def test_white_of_a_black_and_white_mask_is_object_1(davis):
    white = np.zeros((24, 32), np.uint8)
    white[3:9, 4:9] = 255
    Image.fromarray(white).save(davis / "Annotations/480p/fish/00001.png")
    fish = read_dataset(davis, "train")[0]
    assert np.array_equal(fish.read_labels(1), white > 0)


def test_void_pixels_are_background(davis, write_labels):
    labels = np.zeros((24, 32), np.uint8)
    labels[:4], labels[10:12] = 3, 255
    write_labels(davis / "Annotations/480p/fish/00001.png", labels)
    fish = read_dataset(davis, "train")[0]
    assert np.array_equal(fish.read_labels(1), np.where(labels == 255, 0, labels))


def test_youtube_vos_has_masks_of_some_frames(youtube_vos):
    early, late = read_dataset(youtube_vos, "valid")
    assert (early.name, late.name) == ("early", "late")
    assert late.frame_names == ("00000", "00005", "00010")
    assert (early.annotated, late.annotated) == ((0, 2), (1,))
    assert np.unique(late.read_labels(1)).tolist() == [0, 1, 2]
    with pytest.raises(InputError, match="frame 0 of late has no label map; frames with one are 1"):
        late.read_labels(0)


def test_youtube_vos_videos_are_those_of_meta_json_if_there_is_one(youtube_vos):
    meta = youtube_vos / "valid/meta.json"
    meta.write_text('{"videos": {"late": {}}}')
    assert [video.name for video in read_dataset(youtube_vos, "valid")] == ["late"]
    meta.unlink()
    assert [video.name for video in read_dataset(youtube_vos, "valid")] == ["early", "late"]
    for damaged in ("{", "[]", '{"videos": [1]}'):
        meta.write_text(damaged)
        assert "meta.json does not list videos" in refusal(youtube_vos, "valid")
    meta.write_text('{"videos": {"gone": {}}}')
    assert "gone" in refusal(youtube_vos, "valid")


def test_unknown_split_is_refused_with_those_that_exist(davis, youtube_vos):
    assert "no split test; choose from 2017/train, 2017/val" in refusal(davis, "test")
    assert "no split val (SPLIT/JPEGImages); choose from valid" in refusal(youtube_vos, "val")
    shutil.rmtree(davis / "ImageSets")
    assert "a split is a file ImageSets/2017/SPLIT.txt" in refusal(davis, "val")
    (davis / "ImageSets").mkdir()
    (davis / "ImageSets/val.txt").write_text("\n")
    assert "val.txt is empty" in refusal(davis, "val")


def test_folder_with_both_layouts_or_with_neither_is_refused(davis, youtube_vos, tmp_path):
    assert "is not a folder" in refusal(tmp_path / "none", "val")
    assert "holds no data set" in refusal(tmp_path, "val")
    message = refusal(youtube_vos / "valid", "valid")
    assert f"give the folder above it: {youtube_vos}" in message
    shutil.copytree(youtube_vos / "valid", davis / "valid")
    message = refusal(davis, "val")
    assert "DAVIS (JPEGImages)" in message
    assert "YouTube-VOS (valid/JPEGImages)" in message


def test_missing_frames_and_masks_are_refused(davis):
    masks = davis / "Annotations/480p/fish"
    (masks / "00001.png").unlink()
    assert "lacks the masks of 1 of 3 frames, the first is 00001" in refusal(davis, "train")
    (masks / "00002.png").rename(masks / "00007.png")
    assert "00007.png belongs to no frame" in refusal(davis, "train")
    shutil.rmtree(masks)
    assert f"{masks} does not exist; sequence fish needs its annotations" in refusal(davis, "train")
    masks.mkdir()
    assert "holds no masks" in refusal(davis, "train")
    shutil.rmtree(davis / "JPEGImages/480p/fish")
    assert "sequence fish needs its frames" in refusal(davis, "train")


def test_missing_annotations_of_a_whole_split_are_refused(youtube_vos):
    shutil.rmtree(youtube_vos / "valid/Annotations")
    assert "has JPEGImages but no Annotations" in refusal(youtube_vos, "valid")


def test_mask_of_another_size_is_refused_when_it_is_read(davis, write_labels):
    write_labels(davis / "Annotations/480p/fish/00001.png", np.ones((12, 16), np.uint8))
    fish = read_dataset(davis, "train")[0]
    with pytest.raises(InputError, match=r"is 12 x 16, but the frames of .* are 24 x 32"):
        fish.read_labels(1)

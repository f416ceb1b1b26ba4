"""Masks of one format in another."""

import json

import numpy as np
import pytest
from PIL import Image

from rotoline.errors import ConfigError, InputError, OutputError
from rotoline.io.conversion import convert_masks
from rotoline.io.masks import read_labels, write_mask

LABELS = np.random.default_rng(0).choice([0, 0, 0, 3, 200], (4, 7, 9)).astype(np.uint8)
LABELS[2] = 0


@pytest.fixture
def convert(tmp_path):
    """A function that converts masks, and returns the output folder and the warnings."""

    def run(source, *formats, to="out", **options):
        warnings = []
        steps = list(convert_masks(source, formats, tmp_path / to, warn=warnings.append, **options))
        assert steps[-1].stage == "done"
        return tmp_path / to, warnings

    return run


@pytest.fixture
def save_masks(tmp_path):
    """A function that saves masks under the names of frames, and returns their folder."""

    def save(*names):
        (tmp_path / "masks").mkdir()
        for name, labels in zip(names, LABELS, strict=False):
            write_mask(tmp_path / "masks" / f"{name}.png", labels)
        return tmp_path / "masks"

    return save


@pytest.mark.parametrize("name", ["youtube-vis", "coco", "labelme", "cvat"])
@pytest.mark.parametrize("names", [("00000", "00001", "00002", "00003")])
def test_masks_come_back_from_every_format_exactly(convert, save_masks, name, names):
    output, _ = convert(save_masks(*names), name)
    (written,) = output.iterdir()
    back, warnings = convert(written, "png", to="back")
    assert warnings == []
    assert [path.stem for path in sorted((back / "masks").iterdir())] == list(names)
    for path, truth in zip(sorted((back / "masks").iterdir()), LABELS, strict=True):
        np.testing.assert_array_equal(read_labels(path), truth)


def test_names_of_frames_stay(convert, save_masks):
    source = save_masks("shot_08", "shot_09", "shot_10", "shot_11")
    output, _ = convert(source, "coco", "tracks")
    listed = json.loads((output / "coco.json").read_text())["images"]
    assert [one["file_name"] for one in listed] == [f"shot_{k}.jpg" for k in ("08", "09", 10, 11)]
    rows = (output / "tracks.csv").read_text().splitlines()
    assert rows[1].startswith("shot_08,,3,object 3,1,1.0000,")
    assert len(rows) == 1 + 4 * 2


def test_frames_with_numbers_are_refused_where_numbers_count_and_some_are_missing(
    convert, save_masks, tmp_path
):
    source = save_masks("00002", "00005")
    with pytest.raises(InputError, match=r"two ways: .* give the video or the folder .* --video"):
        convert(source, "mot")
    frames = tmp_path / "frames"
    frames.mkdir()
    for index in range(1, 7):
        Image.new("RGB", (9, 7)).save(frames / f"{index:05d}.png")
    output, _ = convert(source, "mot", "coco", video=frames)
    lines = (output / "mot.txt").read_text().splitlines()
    assert {line.partition(",")[0] for line in lines} == {"2", "5"}
    listed = json.loads((output / "coco.json").read_text())["images"]
    assert [one["file_name"] for one in listed] == ["00002.png", "00005.png"]


def test_one_video_of_several_is_chosen_by_its_name(convert, tmp_path):
    videos = [
        {"id": k, "height": 4, "width": 4, "file_names": [f"{name}/00000.jpg"]}
        for k, name in enumerate(("bear", "cow"))
    ]
    polygon = [[0, 0, 2, 0, 2, 2, 0, 2]]
    tracks = [
        {"id": k, "video_id": k, "category_id": 1, "segmentations": [polygon]} for k in (0, 1)
    ]
    path = tmp_path / "instances.json"
    path.write_text(json.dumps({"videos": videos, "annotations": tracks, "categories": []}))
    with pytest.raises(InputError, match="holds 2 videos: bear, cow"):
        convert(path, "png")
    with pytest.raises(InputError, match="there is no dog"):
        convert(path, "png", sequence="dog")
    output, _ = convert(path, "youtube-vis", sequence="cow")
    written = json.loads((output / "youtube-vis.json").read_text())
    assert [one["id"] for one in written["annotations"]] == [1]


def test_cvat_shows_a_mask_until_the_next_element(convert, tmp_path):
    mask = '<mask frame="{}" outside="{}" rle="0,1" left="1" top="0" width="1" height="1"/>'
    size = "<original_size><width>2</width><height>1</height></original_size>"
    track = f'<track id="1" label="cat">{mask.format(1, 0)}{mask.format(3, 1)}</track>'
    meta = f"<meta><task>{size}<stop_frame>4</stop_frame></task></meta>"
    (tmp_path / "a.xml").write_text(f"<annotations>{meta}{track}</annotations>")
    output, _ = convert(tmp_path / "a.xml", "png")
    shown = [read_labels(path)[0, 1] for path in sorted((output / "masks").iterdir())]
    assert shown == [0, 1, 1, 0, 0]


@pytest.mark.parametrize(
    ("formats", "options", "error", "message"),
    [
        (["gif"], {}, ConfigError, "there is no format 'gif'"),
        (["overlay"], {}, ConfigError, "cannot be converted into overlay, which needs more"),
        ([], {}, ConfigError, "cannot be converted into no format"),
        (["coco"], {"sequence": "a"}, InputError, "has the masks of one video"),
        (["coco"], {"to": "masks"}, OutputError, "holds files already"),
    ],
)
def test_what_cannot_be_converted_is_refused(convert, save_masks, formats, options, error, message):
    with pytest.raises(error, match=message):
        convert(save_masks("a", "b"), *formats, **options)


def test_masks_of_two_sizes_are_refused_before_anything_is_written(convert, save_masks, tmp_path):
    source = save_masks("00000", "00001")
    write_mask(source / "00002.png", np.ones((3, 3), np.uint8))
    with pytest.raises(InputError, match=r"frame 00002 .* is 3x3, and the first one is 9x7"):
        convert(source, "coco")
    assert not (tmp_path / "out").exists()

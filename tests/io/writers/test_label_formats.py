"""Formats for label tools, read back by the libraries that their users use, and by rotoline."""

import base64
import csv
import io
import json
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image
from pycocotools import mask as pycoco
from pycocotools.coco import COCO

from rotoline.io import rle
from rotoline.io.masks import read_annotations

# pycocotools 2.0.11 with NumPy 2
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

NAMED = {1: "bear & <cub>", 2: "Bär"}


def _assert_same(found, labels):
    for index, truth in enumerate(labels):
        shown = found.get(index, np.zeros_like(truth))
        np.testing.assert_array_equal(shown, truth)


def test_youtube_vis_is_read_by_pycocotools(write_results, clip):
    labels, ids = clip
    path, _ = write_results("youtube-vis", labels, ids, NAMED)
    content = json.loads(path.read_text())
    (video,) = content["videos"]
    assert (video["length"], video["file_names"][1]) == (len(labels), "clip/00001.jpg")
    assert (video["height"], video["width"]) == labels[0].shape
    assert [track["id"] for track in content["annotations"]] == ids
    assert content["categories"][0]["name"] == NAMED.get(ids[0], f"object {ids[0]}")
    for track in content["annotations"]:
        for index, mask in enumerate(track["segmentations"]):
            truth = labels[index] == track["category_id"]
            assert (mask is None) == (not truth.any())
            if mask is None:
                assert track["bboxes"][index] is track["areas"][index] is None
                continue
            np.testing.assert_array_equal(pycoco.decode(mask), truth)
            assert track["areas"][index] == pycoco.area(mask)
            assert track["bboxes"][index] == pycoco.toBbox(mask).tolist()


def test_coco_is_read_by_pycocotools(write_results, clip, capsys):
    labels, ids = clip
    path, _ = write_results("coco", labels, ids, NAMED)
    coco = COCO(path)
    assert coco.loadImgs(1)[0]["file_name"] == "00000.jpg"
    assert coco.getCatIds() == ids
    for index, picture in enumerate(coco.getImgIds()):
        found = np.zeros_like(labels[index])
        for one in coco.loadAnns(coco.getAnnIds(picture)):
            mask = coco.annToMask(one)
            assert (one["area"], one["iscrowd"]) == (mask.sum(), 0)
            assert one["bbox"] == pycoco.toBbox(one["segmentation"]).tolist()
            found[mask > 0] = one["category_id"]
        np.testing.assert_array_equal(found, labels[index])
    capsys.readouterr()  # pycocotools prints


def test_coco_is_read_by_supervision(write_results, clip):
    from supervision import DetectionDataset

    labels, ids = clip
    path, _ = write_results("coco", labels, ids)
    pictures = path.parent / "pictures"
    pictures.mkdir()
    for index, truth in enumerate(labels):
        Image.fromarray(truth).save(pictures / f"{index:05d}.jpg")
    dataset = DetectionDataset.from_coco(str(pictures), str(path), force_masks=True)
    for index, (_, _, detections) in enumerate(dataset):
        found = np.zeros_like(labels[index])
        for mask, class_id in (
            zip(detections.mask, detections.class_id, strict=True) if len(detections) else ()
        ):
            found[mask] = int(dataset.classes[class_id].removeprefix("object "))
        np.testing.assert_array_equal(found, labels[index])


def test_labelme_has_every_pixel_where_labelme_looks_for_it(write_results, clip):
    labels, ids = clip
    folder, _ = write_results("labelme", labels, ids, NAMED)
    for index, truth in enumerate(labels):
        content = json.loads((folder / f"{index:05d}.json").read_text(encoding="utf-8"))
        assert (content["imagePath"], content["imageData"]) == (f"{index:05d}.jpg", None)
        assert (content["imageHeight"], content["imageWidth"]) == truth.shape
        found = np.zeros_like(truth)
        for shape in content["shapes"]:
            (left, top), (right, bottom) = shape["points"]
            with Image.open(io.BytesIO(base64.b64decode(shape["mask"]))) as image:
                patch = np.array(image).astype(bool)  # as labelme reads it
            assert patch.shape == (bottom - top + 1, right - left + 1)
            found[top : bottom + 1, left : right + 1][patch] = shape["group_id"]
        np.testing.assert_array_equal(found, truth)


def test_cvat_shows_every_mask_until_the_next_element(write_results, clip):
    labels, ids = clip
    path, _ = write_results("cvat", labels, ids, NAMED)
    root = ElementTree.parse(path).getroot()
    assert root.findtext("version") == "1.1"
    assert int(root.findtext("meta/task/size")) == len(labels)
    found = [np.zeros_like(truth) for truth in labels]
    for track in root.iter("track"):
        elements = {int(one.get("frame")): one for one in track}
        shown = None
        for index in range(len(labels)):
            shown = elements.get(index, shown)
            if shown is not None and shown.get("outside") == "0":
                box = [int(shown.get(name)) for name in ("left", "top", "width", "height")]
                runs = [int(run) for run in shown.get("rle").split(",")]
                flat = np.repeat(np.arange(len(runs)) % 2, runs)
                mask = flat.reshape(box[3], box[2]).astype(bool)
                place = found[index][box[1] : box[1] + box[3], box[0] : box[0] + box[2]]
                place[mask] = int(track.get("id"))
    _assert_same(dict(enumerate(found)), labels)
    names = {one.get("label") for one in root.iter("track")}
    assert names <= {one.findtext("name") for one in root.iter("label")}


def test_cvat_says_outside_once_where_an_object_leaves(write_results):
    labels = [np.zeros((4, 4), np.uint8) for _ in range(5)]
    labels[1][1, 1] = labels[4][2, 2] = 1
    path, _ = write_results("cvat", labels, [1])
    (track,) = ElementTree.parse(path).getroot().iter("track")
    assert [(one.get("frame"), one.get("outside")) for one in track] == [
        *(("1", "0"), ("2", "1"), ("4", "0"))
    ]


def test_tracks_are_a_tidy_table(write_results):
    labels = [np.zeros((6, 8), np.uint8) for _ in range(3)]
    labels[1][1:4, 2:7] = 2
    path, _ = write_results("tracks", labels, [2, 5], {2: "bear"})
    header, *rows = csv.reader(path.read_text().splitlines())
    assert ",".join(header) == "frame,time,object,name,visible,confidence,area,cx,cy,x,y,w,h"
    assert len(rows) == 6
    assert rows[2] == [
        *("00001", "0.04", "2", "bear", "1", "0.5000", "15", "4.00", "2.00"),
        *("2", "1", "5", "3"),
    ]
    assert rows[3] == ["00001", "0.04", "5", "object 5", "0", "0.0000", "0", *[""] * 6]


def test_mot_counts_frames_and_pixels_from_1(write_results):
    labels = [np.zeros((6, 8), np.uint8) for _ in range(3)]
    labels[1][1:4, 2:7] = 2
    path, _ = write_results("mot", labels, [2, 5])
    assert path.read_text() == "2,2,3,2,5,3,0.5000,-1,-1,-1\n"


def test_mots_is_read_by_pycocotools(write_results, clip):
    labels, ids = clip
    path, _ = write_results("mots", labels, ids)
    found = [np.zeros_like(truth) for truth in labels]
    for line in path.read_text().splitlines():
        frame, object_id, kind, height, width, counts = line.split(" ")
        mask = pycoco.decode({"size": [int(height), int(width)], "counts": counts.encode()})
        found[int(frame) - 1][mask > 0] = int(object_id)
        assert kind == "1"
    _assert_same(dict(enumerate(found)), labels)


@pytest.mark.parametrize("name", ["youtube-vis", "coco", "labelme", "cvat"])
def test_rotoline_reads_its_own_files_exactly(write_results, clip, name):
    labels, ids = clip
    path, frames = write_results(name, labels, ids, NAMED)
    marks = read_annotations(path, frames)
    _assert_same(marks.labels, labels)
    assert marks.names.items() <= {i: NAMED.get(i, f"object {i}") for i in ids}.items()
    assert set(marks.names) >= set(np.unique(labels)) - {0}


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data(), size=st.tuples(st.integers(1, 12), st.integers(1, 12)))
@pytest.mark.parametrize("name", ["youtube-vis", "coco", "labelme", "cvat"])
def test_any_label_maps_come_back(write_results, tmp_path_factory, name, data, size):
    values = st.sampled_from([0, 0, 1, 2, 254])
    labels = data.draw(st.lists(arrays(np.uint8, size, elements=values), min_size=2, max_size=4))
    at = tmp_path_factory.mktemp("any")
    path, frames = write_results(name, labels, [1, 2, 254], at=at)
    if any(one.any() for one in labels):
        _assert_same(read_annotations(path, frames).labels, labels)


@given(arrays(bool, st.tuples(st.integers(1, 20), st.integers(1, 20))))
@settings(max_examples=100, deadline=None)
def test_run_lengths_come_back(mask):
    counts = rle.encode(mask)
    np.testing.assert_array_equal(rle.decode(counts, mask.shape), mask)
    np.testing.assert_array_equal(rle.decode_rows(rle.encode_rows(mask), mask.shape), mask)

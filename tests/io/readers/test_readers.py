"""Annotations of other programs as masks: what is read, and what is refused with which words."""

import base64
import io
import json

import numpy as np
import pytest
from PIL import Image

from rotoline.errors import InputError
from rotoline.io.frames import open_frames
from rotoline.io.masks import read_annotations
from rotoline.io.rle import encode

SIZE = (6, 8)
SQUARE = [1, 1, 5, 1, 5, 4, 1, 4]
"""A polygon from column 1 to 5 and row 1 to 4, x and y in turn."""
INSIDE = (slice(1, 4), slice(1, 5))
"""The pixels that lie within `SQUARE`."""
UPPER_LEFT = [0, 0, 4, 0, 4, 3, 0, 3]
ELSEWHERE = [6, 4, 8, 4, 8, 6, 6, 6]


@pytest.fixture
def frames(tmp_path):
    """Six pictures, 00000 to 00005."""
    folder = tmp_path / "clip"
    folder.mkdir()
    for index in range(6):
        Image.fromarray(np.full((*SIZE, 3), index, np.uint8)).save(folder / f"{index:05d}.png")
    return open_frames(folder)


@pytest.fixture
def read(tmp_path, frames):
    """A function that reads the content of a file, and returns label maps, names and warnings."""

    def read_content(content, name="marks.json"):
        path, warnings = tmp_path / name, []
        path.write_text(content if isinstance(content, str) else json.dumps(content))
        marks = read_annotations(path, frames, warnings.append)
        return marks.labels, marks.names, warnings

    return read_content


def picture(number, name=None, **more):
    file_name = name or f"{number:05d}.jpg"
    return {"id": number, "file_name": file_name, "height": 6, "width": 8, **more}


def annotation(number, image, category, segmentation=SQUARE, **more):
    polygons = [segmentation] if isinstance(segmentation, list) else segmentation
    ids = {"id": number, "image_id": image, "category_id": category}
    return {**ids, "segmentation": polygons, **more}


def coco(images, annotations, categories=((1, "cat"), (2, "dog"), (900, "cow"))):
    listed = [{"id": number, "name": name} for number, name in categories]
    return {"images": images, "annotations": annotations, "categories": listed}


def track(number, *masks, category=1, **more):
    listed = [[one] if isinstance(one, list) else one for one in masks]
    ids = {"id": number, "video_id": 1, "category_id": category}
    return {**ids, "segmentations": listed, **more}


def youtube(tracks, count=6, **more):
    names = [f"clip/{index:05d}.jpg" for index in range(count)]
    video = {"id": 1, "height": 6, "width": 8, "file_names": names, **more}
    categories = [{"id": 1, "name": "cat"}, {"id": 2, "name": "dog"}]
    return {"videos": [video], "annotations": tracks, "categories": categories}


def shape(label="cat", points=((1, 1), (4, 1), (4, 3), (1, 3)), **more):
    return {"label": label, "points": points, "shape_type": "polygon", **more}


def labelme(*shapes, **more):
    sizes = {"imageHeight": 6, "imageWidth": 8, "imagePath": "00003.png"}
    return {"shapes": shapes, **sizes, **more}


def cvat(*tracks, meta=""):
    size = "<original_size><width>8</width><height>6</height></original_size>"
    start = f"<annotations><version>1.1</version><meta><task>{size}{meta}</task></meta>"
    return start + "".join(tracks) + "</annotations>"


def cvat_track(number, label, *shapes, more=""):
    return f'<track id="{number}" label="{label}" {more}>' + "".join(shapes) + "</track>"


def cvat_mask(frame, rle="0,4", *, box=(1, 2, 2, 2), outside=0, keyframe=1, z_order=0):
    left, top, width, height = box
    return (
        f'<mask frame="{frame}" outside="{outside}" keyframe="{keyframe}" rle="{rle}" '
        f'left="{left}" top="{top}" width="{width}" height="{height}" z_order="{z_order}"/>'
    )


def cvat_polygon(frame, points="1,1;5,1;5,4;1,4"):
    return f'<polygon frame="{frame}" outside="0" keyframe="1" points="{points}" z_order="0"/>'


# COCO


def test_coco_categories_are_objects_where_no_picture_shows_two_of_one(read):
    images = [picture(3), picture(0), picture(5)]
    labels, names, warnings = read(
        coco(images, [annotation(9, 3, 2), annotation(4, 0, 2), annotation(5, 0, 1, ELSEWHERE)])
    )
    assert list(labels) == [0, 3]
    truth = np.zeros(SIZE, np.uint8)
    truth[INSIDE] = 2
    np.testing.assert_array_equal(labels[3], truth)
    truth[4:, 6:] = 1
    np.testing.assert_array_equal(labels[0], truth)
    assert names == {1: "cat", 2: "dog"}
    assert "category 1 (cat) is object 1, category 2 (dog) is object 2" in warnings[0]
    assert "1 frame of" in warnings[1]
    assert "without an object, taken as not marked" in warnings[1]


def test_coco_annotations_are_objects_in_a_single_picture(read):
    annotations = [annotation(77, 2, 1), annotation(300, 2, 1, ELSEWHERE)]
    labels, names, warnings = read(coco([picture(2)], annotations))
    assert np.unique(labels[2]).tolist() == [0, 1, 2]
    assert names == {1: "cat", 2: "cat"}
    assert "annotation 77 (cat) is object 1, annotation 300 (cat) is object 2" in warnings[0]


@pytest.mark.parametrize("place", ["track_id", "attributes"])
def test_coco_tracks_are_objects(read, place):
    def tracked(number):
        return {"track_id": number} if place == "track_id" else {"attributes": {"track_id": number}}

    annotations = [
        annotation(1, 0, 1, **tracked(5)),
        annotation(2, 0, 1, ELSEWHERE, **tracked(9)),
        annotation(3, 1, 1, **tracked(9)),
    ]
    labels, names, _ = read(coco([picture(0), picture(1)], annotations))
    assert labels[0][1, 1] == 5
    assert labels[0][5, 7] == labels[1][1, 1] == 9
    assert names == {5: "cat", 9: "cat"}


def test_coco_ids_that_are_no_object_ids_are_counted(read):
    _, names, warnings = read(
        coco([picture(0)], [annotation(1, 0, 900), annotation(2, 0, 2, ELSEWHERE)])
    )
    assert names == {1: "dog", 2: "cow"}
    assert "category 900 (cow) is object 2" in warnings[0]


def test_coco_run_lengths_keep_holes_and_may_be_numbers(read):
    mask = np.zeros(SIZE, bool)
    mask[INSIDE] = True
    mask[2, 2] = False
    flat = mask.T.ravel()
    runs = np.diff(np.flatnonzero(np.diff(flat)) + 1, prepend=0, append=flat.size).tolist()
    for counts in (encode(mask), runs):
        rle = {"size": SIZE, "counts": counts}
        labels, *_ = read(coco([picture(0)], [annotation(1, 0, 1, rle, iscrowd=1)]))
        np.testing.assert_array_equal(labels[0], mask)


def test_the_video_that_is_called_like_the_frames_is_read(read):
    images = [picture(1, "clip/00001.jpg"), picture(2, "other/00001.jpg")]
    annotations = [annotation(1, 1, 1), annotation(2, 2, 2)]
    labels, names, warnings = read(coco(images, annotations))
    assert (list(labels), names) == ([1], {1: "cat"})
    assert "of the 2 videos in" in warnings[0]
    assert warnings[0].endswith("clip is read")


# YouTube-VIS


def test_youtube_vis_tracks_are_objects_and_null_is_not_marked(read):
    tracks = [track(4, None, SQUARE, *[None] * 4), track(7, *[None] * 3, SQUARE, None, None)]
    labels, names, warnings = read(youtube(tracks))
    assert list(labels) == [1, 3]
    assert (labels[1][1, 1], labels[3][1, 1]) == (4, 7)
    assert names == {4: "cat", 7: "cat"}
    assert "4 frames" in warnings[-1]


def test_youtube_vis_frames_of_other_names_are_taken_in_their_order(read):
    names = [f"shot/img{k}.jpg" for k in range(11, 17)]
    labels, _, warnings = read(youtube([track(1, None, SQUARE, *[None] * 4)], file_names=names))
    assert list(labels) == [1]
    assert any("they are taken in their order" in warning for warning in warnings)


# labelme


def test_labelme_labels_are_objects(tmp_path, frames):
    folder, warnings = tmp_path / "labels", []
    folder.mkdir()
    for name, content in {
        "00001": labelme(shape("cat"), shape("dog", [[6, 4], [7, 4], [7, 5]])),
        "00003": labelme(shape("dog")),
        "00005": labelme(),
    }.items():
        (folder / f"{name}.json").write_text(json.dumps(content))
    labels, names = read_annotations(folder, frames, warnings.append)
    assert names == {1: "cat", 2: "dog"}
    assert (labels[1][1, 1], labels[1][5, 7], labels[3][1, 1]) == (1, 2, 2)
    assert list(labels) == [1, 3, 5]
    assert not labels[5].any()  # a file without shapes says that nothing is there
    # labelme draws the outline as well.
    assert np.argwhere(labels[3]).tolist() == [[r, c] for r in (1, 2, 3) for c in (1, 2, 3, 4)]


def test_labelme_files_beside_the_frames_are_masks(frames):
    (frames.path / "00002.json").write_text(json.dumps(labelme(shape())))
    labels, _ = read_annotations(frames.path, frames)
    assert list(labels) == [2]


def test_labelme_groups_join_parts_and_masks_are_read(read):
    mask = np.array([[1, 0], [0, 1]], bool)
    file = io.BytesIO()
    Image.fromarray(mask).save(file, "PNG")
    coded = base64.b64encode(file.getvalue()).decode()
    patch = shape("dog", [[6, 0], [7, 1]], shape_type="mask", mask=coded)
    parts = [shape("cat", [[1, 4], [2, 4], [2, 5]], group_id=3), shape("cat", group_id=3), patch]
    labels, names, _ = read(labelme(*parts), "00004.json")
    assert names == {1: "cat", 2: "dog"}
    assert labels[4][1, 1] == labels[4][4, 1] == 1
    np.testing.assert_array_equal(labels[4][:2, 6:], mask * 2)


# CVAT


def test_cvat_tracks_are_objects_and_only_key_frames_are_marked(read):
    content = cvat(
        cvat_track(0, "cat", cvat_mask(1), cvat_mask(2, keyframe=0), cvat_mask(3, outside=1)),
        cvat_track(1, "dog", cvat_polygon(4)),
    )
    labels, names, warnings = read(content, "marks.xml")
    assert list(labels) == [1, 4]
    assert names == {1: "cat", 2: "dog"}
    assert "track 0 (cat) is object 1, track 1 (dog) is object 2" in warnings[0]
    expected = np.zeros(SIZE, np.uint8)
    expected[2:4, 1:3] = 1
    np.testing.assert_array_equal(labels[1], expected)
    assert (labels[4][INSIDE] == 2).all()
    assert (labels[4] > 0).sum() == 12


def test_cvat_frames_in_which_all_objects_are_outside_are_marked_as_empty(read):
    content = cvat(
        cvat_track(0, "cat", cvat_mask(1), cvat_mask(3, outside=1)),
        cvat_track(1, "dog", cvat_mask(1, box=(5, 2, 2, 2)), cvat_mask(3, outside=1)),
    )
    labels, *_ = read(content, "marks.xml")
    assert list(labels) == [1, 3]
    assert not labels[3].any()


def test_a_marked_frame_outside_the_part_that_is_read_is_refused_by_the_name_of_the_file(
    tmp_path, frames
):
    path = tmp_path / "marks.xml"
    path.write_text(cvat(cvat_track(0, "cat", cvat_mask(4))))
    part = open_frames(frames.path, end=3)
    with pytest.raises(InputError, match=r"marks\.xml marks a frame that is not read: .* 00004"):
        read_annotations(path, part, print)


def test_names_that_rotoline_wrote_tell_the_id(read):
    tracks = [cvat_track(0, "object 7", cvat_mask(0)), cvat_track(1, "object 3", cvat_mask(1))]
    labels, names, _ = read(cvat(*tracks), "marks.xml")
    assert labels[0][2, 1] == 7
    assert names == {3: "object 3", 7: "object 7"}


def test_cvat_layers_say_which_object_is_in_front(read):
    back = cvat_track(0, "cat", cvat_mask(0, "0,4", z_order=2))
    front = cvat_track(1, "dog", cvat_mask(0, "0,4", box=(2, 2, 2, 2), z_order=1))
    labels, *_ = read(cvat(back, front), "marks.xml")
    assert labels[0][2].tolist() == [0, 1, 1, 2, 0, 0, 0, 0]


# Overlaps


def test_an_object_within_another_is_in_front_in_either_order(read):
    small, large = [2, 2, 3, 2, 3, 3, 2, 3], SQUARE
    for first, second in ((small, large), (large, small)):
        labels, *_ = read(
            coco([picture(0)], [annotation(1, 0, 1, first), annotation(2, 0, 2, second)])
        )
        assert labels[0][2, 2] == (1 if first is small else 2)
        assert labels[0][1, 1] == (2 if first is small else 1)


def test_a_small_overlap_is_shared_in_the_order_of_the_file_and_that_is_said(read):
    annotations = [annotation(1, 0, 1, UPPER_LEFT), annotation(2, 0, 2, [3, 2, 8, 2, 8, 6, 3, 6])]
    labels, _, warnings = read(coco([picture(0)], annotations))
    assert labels[0][2].tolist() == [1, 1, 1, 2, 2, 2, 2, 2]
    assert "cat and dog overlap in 1 pixels of frame 00000" in warnings[-1]


# What is refused

ONE = picture(0)
SMALL = {"size": [3, 3], "counts": [0, 9]}
TWO_VIDEOS = [
    {"id": k, "height": 6, "width": 8, "file_names": [f"{name}/0.jpg"]}
    for k, name in enumerate("ab")
]
BOX = '<box frame="0" outside="0" keyframe="1" xtl="1" ytl="1" xbr="4" ybr="4"/>'
IMAGE = '<annotations><image id="0" name="00000.png" width="8" height="6"/></annotations>'
LOL = '<!DOCTYPE a [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;">]><a>&b;</a>'


@pytest.mark.parametrize(
    ("content", "message"),
    {
        "nothing": ("", "is no JSON"),
        "deep": ("[" * 100_000, "is no JSON"),
        "another kind": ({"a": 1}, "is none of the files of annotations that are read"),
        "a list": ([1], "is none of the files"),
        "no picture": (coco([], []), "lists no pictures"),
        "no annotation": (coco([ONE], []), "marks no object"),
        "a word for a number": (
            coco([picture("x", "x.png")], []),
            r"at images\.0\.id: Input should be",
        ),
        "no such picture": (coco([ONE], [annotation(1, 9, 1)]), "of picture 9, which it does not"),
        "no frame of this name": (coco([picture(9)], [annotation(1, 9, 1)]), "belongs to no frame"),
        "one picture twice": (
            coco([ONE, picture(1, "00000.png")], [annotation(1, 0, 1)]),
            "two pictures called 00000",
        ),
        "another size": (
            coco([ONE | {"height": 8, "width": 6}], [annotation(1, 0, 1)]),
            "is 6x8, and the frames are 8x6",
        ),
        "a huge size": (coco([ONE | {"height": 10**9}], []), "states frames of 8x1000000000"),
        "a box": (coco([ONE], [annotation(1, 0, 1, None)]), "has no mask"),
        "two points": (coco([ONE], [annotation(1, 0, 1, [1, 1, 2, 2])]), "has 4 numbers"),
        "far outside": (
            coco([ONE], [annotation(1, 0, 1, [1, 1, 1e9, 2, 3, 3])]),
            "far outside the frame",
        ),
        "not a number": (
            coco([ONE], [annotation(1, 0, 1, [1, 1, float("nan"), 2, 3, 3])]),
            "far outside the frame",
        ),
        "a small mask": (coco([ONE], [annotation(1, 0, 1, SMALL)]), "has a mask of 3x3"),
        "short runs": (
            coco([ONE], [annotation(1, 0, 1, {"size": SIZE, "counts": [2, 5]})]),
            "have 7 pixels in all, and its size is 48",
        ),
        "short text": (
            coco([ONE], [annotation(1, 0, 1, {"size": SIZE, "counts": "52"})]),
            "have 7 pixels in all",
        ),
        "a negative run": (
            coco([ONE], [annotation(1, 0, 1, {"size": SIZE, "counts": [50, -2]})]),
            "have 48 pixels in all, one of them negative",
        ),
        "no text of COCO": (
            coco([ONE], [annotation(1, 0, 1, {"size": SIZE, "counts": "\u00e9~ "})]),
            "are no text of COCO",
        ),
        "instances of a category in several pictures": (
            coco(
                [ONE, picture(1)],
                [annotation(1, 0, 1), annotation(2, 0, 1, ELSEWHERE), annotation(3, 1, 1)],
            ),
            "can be read in two ways, because 00000.jpg has 2 annotations of cat.*parts of one "
            "object; or they are several objects",
        ),
        "some tracks": (
            coco([ONE], [annotation(1, 0, 1, track_id=1), annotation(2, 0, 2, ELSEWHERE)]),
            "annotation 2 .* has no track_id, and others have",
        ),
        "a track of two categories": (
            coco(
                [ONE, picture(1)],
                [annotation(1, 0, 1, track_id=1), annotation(2, 1, 2, track_id=1)],
            ),
            "calls track 1 cat in one picture and dog in another",
        ),
        "objects in one place": (
            coco([ONE], [annotation(1, 0, 1), annotation(2, 0, 2)]),
            "cat and dog overlap in 12 pixels .* two ways: cat is in front, or dog is",
        ),
        "objects that overlap": (
            coco(
                [ONE],
                [annotation(1, 0, 1, UPPER_LEFT), annotation(2, 0, 2, [1, 1, 8, 1, 8, 6, 1, 6])],
            ),
            "two ways: cat is in front, or dog is",
        ),
        "255 objects": (
            coco([ONE], [annotation(k, 0, 1, track_id=k) for k in range(255)]),
            "has 255 objects, and 254 are the most",
        ),
        "several videos": (
            {"videos": TWO_VIDEOS, "annotations": []},
            "holds 2 videos: a, b; .* rotoline convert .* --sequence NAME",
        ),
        "no videos": ({"videos": [], "annotations": []}, "lists no videos"),
        "a short track": (
            youtube([track(1, SQUARE)]),
            "has 6 frames of clip, and a track of 1",
        ),
        "labelme's rectangle": (
            labelme(shape(shape_type="rectangle")),
            "is a rectangle, which says nothing of pixels",
        ),
        "labelme's line": (labelme(shape(points=[[1, 1], [2, 2]])), "has 4 numbers"),
        "labelme's mask without picture": (
            labelme(shape(shape_type="mask")),
            "a mask without a picture or a place",
        ),
        "labelme's damaged mask": (
            labelme(shape(shape_type="mask", mask="aaaa")),
            "holds a damaged picture",
        ),
        "labelme without shapes": (labelme(), "marks no object"),
    }.values(),
)
def test_json_that_cannot_be_used_is_refused(read, content, message):
    with pytest.raises(InputError, match=message):
        read(content, "first.json")


@pytest.mark.parametrize(
    ("content", "message"),
    {
        "nothing": ("", "is no XML"),
        "another kind": ("<a/>", "is not of CVAT, for it begins with a"),
        "entities": (LOL, "is not of CVAT"),
        "no track": (cvat(), "marks no object"),
        "boxes": (cvat(cvat_track(0, "cat", BOX)), "marks no object"),
        "of images": (IMAGE, "is an export as CVAT for images"),
        "no such frame": (
            cvat(cvat_track(0, "cat", cvat_mask(6))),
            "marks frame 6, counted from 0, and .* has 6",
        ),
        "a frame before the first": (cvat(cvat_track(0, "cat", cvat_mask(-1))), "has a frame -1"),
        "a frame of days": (cvat(cvat_track(0, "cat", cvat_mask(10**8))), "has a frame 100000000"),
        "another size": (
            cvat(cvat_track(0, "cat", cvat_mask(0))).replace("<width>8", "<width>9"),
            "is 9x6, and the frames are 8x6",
        ),
        "beyond the frame": (
            cvat(cvat_track(0, "cat", cvat_mask(0, box=(7, 0, 2, 2)))),
            "reaches beyond the frame of 8x6",
        ),
        "long runs": (
            cvat(cvat_track(0, "cat", cvat_mask(0, "1, 9"))),
            "have 10 pixels in all, and its size is 4",
        ),
        "words": (cvat(cvat_track(0, "cat", cvat_mask(0, "a, b"))), "has 'a' where a number"),
        "an endless number": (cvat(cvat_track(0, "cat", cvat_mask(0, "inf"))), "has 'inf' where"),
        "several tasks": (
            cvat(
                cvat_track(0, "cat", cvat_mask(0), more='task_id="1"'),
                cvat_track(1, "cat", cvat_mask(1), more='task_id="2"'),
            ),
            "is of 2 tasks",
        ),
    }.values(),
)
def test_xml_that_cannot_be_used_is_refused(read, content, message):
    with pytest.raises(InputError, match=message):
        read(content, "first.xml")


def test_frames_that_cvat_sorts_otherwise_are_refused(tmp_path):
    folder = tmp_path / "clip"
    folder.mkdir()
    for index in (1, 2, 10):
        Image.new("RGB", (8, 6)).save(folder / f"{index}.png")
    (tmp_path / "marks.xml").write_text(cvat(cvat_track(0, "cat", cvat_mask(1))))
    with pytest.raises(
        InputError, match=r"order of their numbers \(1, 2, 10\); or of their letters"
    ):
        read_annotations(tmp_path / "marks.xml", open_frames(folder))


def test_labels_in_several_files_that_name_two_objects_are_refused(tmp_path, frames):
    folder = tmp_path / "labels"
    folder.mkdir()
    twice = [shape(), shape("cat", [[6, 4], [7, 4], [7, 5]])]
    for name, shapes in {"00000": twice, "00001": twice[:1]}.items():
        (folder / f"{name}.json").write_text(json.dumps(labelme(*shapes)))
    with pytest.raises(InputError, match="can be read in two ways, because it has 2 shapes"):
        read_annotations(folder, frames)


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (("00000.json", "00000.png"), "can be read in two ways: 00000.png and other pictures"),
        (("annotations.xml",), "holds annotations.xml; give that file itself"),
        (("instances.json",), "is not of labelme: it holds no shapes"),
    ],
)
def test_folders_of_something_else_are_refused(tmp_path, frames, names, message):
    folder = tmp_path / "labels"
    folder.mkdir()
    for name in names:
        (folder / name).write_text("{}")
    with pytest.raises(InputError, match=message):
        read_annotations(folder, frames)


def test_packed_exports_are_refused(tmp_path, frames):
    (tmp_path / "export.zip").write_bytes(b"PK")
    with pytest.raises(InputError, match="is packed; unpack it"):
        read_annotations(tmp_path / "export.zip", frames)

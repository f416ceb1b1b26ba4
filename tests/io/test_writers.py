"""Formats of results: what each one writes, how it is read back, and how one is added."""

import sys
import types
from fractions import Fraction

import av
import numpy as np
import pytest
import torch

from rotoline.errors import ConfigError, InputError, OutputError
from rotoline.io.frames import open_frames
from rotoline.io.masks import read_labels, write_mask
from rotoline.io.results import read_label_maps
from rotoline.io.writers import DEFAULT_FORMATS, WRITERS, find_writer
from rotoline.io.writers.per_frame import FrameFileWriter
from rotoline.io.writers.together import Writers
from rotoline.types import FrameResult


@pytest.fixture
def results(clip_folder):
    """Six results that show the true label maps, the first three in reverse."""
    _, _, labels = clip_folder
    logits = torch.full((1, 24, 36), -8.0)
    logits[:, 6:12, 6:12] = 8.0
    return [
        FrameResult(index=index, labels=labels[index], confidence={1: 0.9}, logits=logits)
        for index in (2, 1, 0, 3, 4, 5)
    ]


@pytest.fixture
def write(clip_folder, results, tmp_path):
    """A function that writes all results in one format and returns the output folder."""
    frames = open_frames(clip_folder[0])

    def write_all(name):
        writer = Writers([name], tmp_path / "out", frames)
        for result in results:
            writer.write(result)
        done = list(writer.finish())
        writer.close()
        return tmp_path / "out", done

    return write_all


def test_png_masks_are_named_like_their_frames(write, results):
    output, _ = write("png")
    assert [path.name for path in output.iterdir()] == ["masks"]
    for result in results:
        path = output / "masks" / f"f{result.index + 1}.png"
        np.testing.assert_array_equal(read_labels(path), result.labels)


def test_scores_hold_the_ids_and_the_score_maps_at_the_size_of_the_frame(write, results):
    output, _ = write("scores")
    with np.load(output / "scores" / "f1.npz") as frame:
        assert sorted(frame) == ["labels", "object_ids", "scores"]
        assert frame["object_ids"].tolist() == [1]
        assert (frame["scores"].dtype, frame["scores"].shape) == (np.float16, (1, 96, 144))
        np.testing.assert_allclose(frame["scores"], results[2].scores, atol=1e-3)
        np.testing.assert_array_equal(frame["labels"], results[2].labels)


def test_overlay_shows_the_frames_in_order_and_leaves_no_other_file(write):
    output, done = write("overlay")
    assert done == [1, 2, 3, 4, 5, 6]
    assert [path.name for path in output.iterdir()] == ["overlay.mp4"]
    with av.open(output / "overlay.mp4") as video:
        pictures = [frame.to_ndarray(format="rgb24") for frame in video.decode(video=0)]
        assert video.streams.video[0].average_rate == Fraction(24)
    # The disc moves to the right; its contour is drawn in the colour of object 1, which is red.
    columns = [np.flatnonzero((p[48, :, 0] > 150) & (p[48, :, 2] < 100)).mean() for p in pictures]
    assert columns == sorted(columns)


def test_overlay_that_is_closed_early_leaves_nothing(clip_folder, results, tmp_path):
    writer = Writers(["overlay"], tmp_path / "out", open_frames(clip_folder[0]))
    writer.write(results[0])
    writer.close()
    assert list((tmp_path / "out").iterdir()) == []


@pytest.mark.parametrize("name", ["png", "scores"])
def test_results_are_read_back_by_frame_whatever_their_format(write, name, results):
    output, _ = write(name)
    for folder in (output, output / find_writer(name).target):
        found = read_label_maps(folder)
        assert list(found) == [f"f{n}" for n in range(1, 7)]
        for result in results:
            np.testing.assert_array_equal(found[f"f{result.index + 1}"], result.labels)


def test_a_folder_without_results_is_refused(tmp_path):
    with pytest.raises(InputError, match="there is no folder"):
        read_label_maps(tmp_path / "none")
    (tmp_path / "notes.txt").touch()
    with pytest.raises(InputError, match=r"holds no masks: it holds notes\.txt"):
        read_label_maps(tmp_path)


def test_two_files_for_one_frame_are_refused(clip_folder, tmp_path):
    for name in ("7.png", "7.tif", "8.png"):
        write_mask(tmp_path / name, clip_folder[2][0])
    with pytest.raises(InputError, match=r"holds 7\.png and 7\.tif: two pictures named 7; one"):
        read_label_maps(tmp_path)


def test_masks_beside_a_folder_of_masks_are_refused_unless_a_run_wrote_them(clip_folder, tmp_path):
    (tmp_path / "masks").mkdir()
    for path in (tmp_path / "masks" / "0.png", tmp_path / "1.png"):
        write_mask(path, clip_folder[2][0])
    with pytest.raises(
        InputError, match=r"\(1\.png, .*\) and a folder masks, so either may be meant"
    ):
        read_label_maps(tmp_path)
    (tmp_path / "run.json").touch()
    assert list(read_label_maps(tmp_path)) == ["0"]


def test_a_data_set_in_place_of_masks_is_refused_with_the_folders_of_its_masks(
    clip_folder, tmp_path
):
    for name in ("bear", "cow"):
        (tmp_path / "Annotations" / "480p" / name).mkdir(parents=True)
        write_mask(tmp_path / "Annotations" / "480p" / name / "00000.png", clip_folder[2][0])
    for folder in (tmp_path / "Annotations", tmp_path / "Annotations" / "480p"):
        message = r"\(pictures are in (480p/)?bear, (480p/)?cow\)"
        with pytest.raises(InputError, match=f"holds no masks: .*{message}; give a folder with"):
            read_label_maps(folder)
        with pytest.raises(InputError, match=f"holds no frames: .*{message}; frames are pictures"):
            open_frames(folder)


def test_a_damaged_file_of_scores_is_refused(write):
    output, _ = write("scores")
    path = output / "scores" / "f1.npz"
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(InputError, match=r"f1\.npz holds no scores"):
        read_label_maps(output)["f1"]


def test_every_format_is_complete():
    assert set(DEFAULT_FORMATS) <= set(WRITERS)
    targets = [find_writer(name).target for name in WRITERS]
    assert len(set(targets)) == len(targets)
    with pytest.raises(ConfigError, match="no format 'jpeg'; choose among png, scores, overlay"):
        find_writer("jpeg")


def test_a_file_in_the_way_is_an_output_error(clip_folder, tmp_path):
    (tmp_path / "taken").touch()
    for name in WRITERS:
        with pytest.raises(OutputError, match="cannot write"):
            find_writer(name)(tmp_path / "taken" / "out", open_frames(clip_folder[0]))


class AreaWriter(FrameFileWriter):
    """A format as somebody may add it: the area of the objects, one text file per frame."""

    target, suffix = "areas", ".txt"

    def write_file(self, path, result):
        path.write_text(str((result.labels > 0).sum()))

    @staticmethod
    def read_labels(path):
        raise NotImplementedError


def test_a_format_is_added_by_one_class_and_one_line(call, clip_folder, tmp_path, monkeypatch):
    module = types.ModuleType("areas")
    module.AreaWriter = AreaWriter
    monkeypatch.setitem(sys.modules, "areas", module)
    monkeypatch.setitem(WRITERS, "areas", "areas:AreaWriter")
    frames, mask, labels = clip_folder
    result = call(
        "segment", frames, "--masks", mask, "--output", tmp_path / "out",
        "--set", "working_pixels=24576", "--format", "areas",
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["areas", "run.json"]
    assert (tmp_path / "out" / "areas" / "f1.txt").read_text() == str(labels[0].sum())


def test_masks_of_other_programs_are_results_too(clip_folder, tmp_path):
    (tmp_path / "masks").mkdir()
    for n in (10, 2):
        write_mask(tmp_path / "masks" / f"{n}.png", clip_folder[2][0])
    assert list(read_label_maps(tmp_path / "masks")) == ["2", "10"]

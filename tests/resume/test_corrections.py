"""Masks that come after a run correct their objects around them, and nothing else."""

import json
import random

import numpy as np
import pytest

from rotoline.annotations import check_annotations
from rotoline.correction import find_spans
from rotoline.io.frame_store import open_store
from rotoline.io.masks import read_labels, write_mask
from rotoline.io.run_state import STATE, FinishedFrames, read_finished_run
from rotoline.spans import Span

COUNT = 9


@pytest.fixture(scope="module")
def truth(make_clip):
    return make_clip(frames=COUNT, ids=(1, 2))[1]


@pytest.fixture
def marks(tmp_path, truth):
    """A function that writes masks, by frame the objects that are shown, into a folder."""

    def write(name, **shown):
        folder = tmp_path / name
        folder.mkdir()
        for frame, ids in shown.items():
            index = int(frame.removeprefix("f"))
            mask = np.where(np.isin(truth[index], ids), truth[index], 0).astype(np.uint8)
            write_mask(folder / f"{index:05d}.png", mask)
        return folder

    return write


@pytest.fixture
def correct(in_process, late_clip):
    """A function that segments the clip of `late_clip` by masks, or corrects the result."""

    def run(output, masks, *more, **how):
        frames = late_clip[0]
        arguments = ["segment", frames, "--masks", masks, "--output", output, "--format", "png"]
        settings = ["--set", "working_pixels=9216", "--set", "online.update_every=2"]
        return in_process([*arguments, "--format", "overlay", *settings, *more], output, **how)

    return run


def masks_of(output):
    return [read_labels(output / "masks" / f"{index:05d}.png") for index in range(COUNT)]


def maps_of(output):
    finished = read_finished_run(output)
    store = open_store(output / STATE / "frames", finished.frames_end)
    results = FinishedFrames(store, (96, 144))
    found = [dict(zip(results[i].object_ids, results[i].logits, strict=True)) for i in range(COUNT)]
    store.close()
    return found


def test_span_reaches_from_mark_to_mark():
    frames = {index: np.zeros((2, 2, 3), np.uint8) for index in range(0, 60, 10)}

    def annotations(**shown):
        return check_annotations(
            {
                int(key[1:]): np.array([[*ids, 0], [0, 0, 0]][:1] * 2)[:, :2]
                for key, ids in shown.items()
            },
            frames,
        )

    before = annotations(f0=[1, 2], f40=[1, 1])
    after = annotations(f0=[1, 2], f20=[1, 1], f40=[1, 1])
    assert find_spans(before, after, [20]) == [Span(1, 1, 40)]
    after = annotations(f0=[1, 2], f40=[1, 1], f50=[2, 3])
    new = [Span(3, 0, 50, is_backwards=True), Span(3, 50, 2**62)]
    assert find_spans(before, after, [50]) == [Span(2, 1, 2**62), *new]
    after = annotations(f0=[2, 2], f40=[1, 1])
    late = [Span(1, 0, 40, is_backwards=True), Span(2, 0, 2**62)]
    assert find_spans(before, after, [0]) == late
    after = annotations(f0=[1, 2], f20=[0, 0], f40=[1, 1])
    assert find_spans(before, after, [20]) == [Span(1, 1, 40), Span(2, 1, 2**62)]


@pytest.mark.slow
def test_only_the_corrected_object_changes_and_only_around_the_mark(
    tmp_path, correct, marks, truth, files_of
):
    output = tmp_path / "out"
    assert correct(output, marks("first", f0=[1, 2], f3=[1], f7=[1]))["code"] == 0
    before, maps, files = masks_of(output), maps_of(output), files_of(output)
    corrected = correct(output, marks("more", f5=[1]), "--resume")
    assert corrected["code"] == 0, corrected["errors"]
    assert "correcting the result by the mask of frame 00005" in corrected["errors"]
    after, new_maps, new_files = masks_of(output), maps_of(output), files_of(output)
    np.testing.assert_array_equal(after[5] == 1, truth[5] == 1)
    for index in range(COUNT):
        name = f"masks/{index:05d}.png"
        assert np.array_equal(maps[index][2], new_maps[index][2])
        if index not in (4, 5, 6):
            assert files[name] == new_files[name]
            assert np.array_equal(maps[index][1], new_maps[index][1])
        changed = before[index] != after[index]
        assert np.isin(before[index][changed], 1).sum() + np.isin(
            after[index][changed], 1
        ).sum() == (changed.sum())
    record = json.loads((output / "run.json").read_text())
    assert record["status"] == "complete"
    assert record["annotated_frames"] == ["00000", "00003", "00005", "00007"]
    assert record["corrections"][0]["frames_redone"] == 3
    assert set(record["content"]["masks"]) == set(record["annotated_frames"])
    again = correct(output, tmp_path / "more", "--resume")
    assert "there is nothing to resume" in again["errors"]
    assert files_of(output) == new_files


@pytest.mark.slow
def test_new_object_is_tracked_through_the_whole_clip(tmp_path, correct, marks, truth, overlap):
    output = tmp_path / "out"
    assert correct(output, marks("first", f0=[1]))["code"] == 0
    before = masks_of(output)
    corrected = correct(output, marks("more", f4=[2]), "--resume")
    assert corrected["code"] == 0, corrected["errors"]
    for index, (old, new) in enumerate(zip(before, masks_of(output), strict=True)):
        assert overlap(new, truth[index], 2) > 0.6
        assert set(np.unique(new[old != new])) <= {2}
    assert sorted(maps_of(output)[0]) == [1, 2]


@pytest.mark.slow
def test_run_that_was_stopped_is_completed_and_then_corrected(tmp_path, correct, marks, files_of):
    first, more = marks("first", f0=[1, 2]), marks("more", f4=[1])
    whole = correct(tmp_path / "whole", first)
    assert correct(tmp_path / "whole", more, "--resume")["code"] == 0
    correct(tmp_path / "stopped", first, at=whole["moments"] // 2)
    assert correct(tmp_path / "stopped", more, "--resume")["code"] == 0
    assert files_of(tmp_path / "stopped") == files_of(tmp_path / "whole")


@pytest.mark.slow
def test_correction_killed_at_any_moment_is_repeated(tmp_path, correct, marks, files_of):
    first, more = marks("first", f0=[1, 2]), marks("more", f4=[1])
    correct(tmp_path / "whole", first)
    whole = correct(tmp_path / "whole", more, "--resume")
    expected = files_of(tmp_path / "whole")
    for moment in sorted(random.Random(0).sample(range(1, whole["moments"] + 1), 5)):
        output = tmp_path / f"{moment}"
        correct(output, first)
        assert correct(output, more, "--resume", at=moment)["signal"] == 9
        assert correct(output, more, "--resume")["code"] == 0
        assert files_of(output) == expected, moment

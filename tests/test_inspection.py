"""The sheet of one frame: which maps are on it, and what its numbers count."""

import csv

import numpy as np
import pytest
import torch
from PIL import Image

from rotoline.errors import InputError
from rotoline.inspection import draw_sheet, make_inspection
from rotoline.trace import StageTrace
from rotoline.types import FrameResult

LOGIT = 4.0


def trace_of(**maps):
    """A trace of frame 5 with one map per name, `(1, 2, 4)`, given as text: # is a high value."""

    def parse(text, high, low):
        rows = [[high if pixel == "#" else low for pixel in row] for row in text.split()]
        return torch.tensor([rows])

    trace = StageTrace(frames={5})
    trace.maps[5] = {
        name: parse(text, *((0.9, 0.1) if name == "previous" else (LOGIT, -LOGIT)))
        for name, text in maps.items()
    }
    return trace


@pytest.fixture
def result():
    return FrameResult(
        index=5,
        labels=np.zeros((8, 16), np.uint8),
        confidence={7: 0.5},
        logits=torch.zeros(1, 2, 4),
    )


def test_numbers_compare_each_map_with_the_mask_of_the_previous_frame(result):
    trace = trace_of(
        previous="##.. ##..", score="###. ##..", foreground="#### ####", filter="#... #..."
    )
    inspection = make_inspection(np.zeros((8, 16, 3), np.uint8), result, trace, 0.5)
    numbers = {one.stage: one for one in inspection.numbers}
    assert [one.object_id for one in inspection.numbers] == [7, 7, 7]
    assert (numbers["score"].area, numbers["score"].kept, numbers["score"].outside) == (5, 1.0, 1)
    assert (numbers["filter"].area, numbers["filter"].kept, numbers["filter"].outside) == (
        2,
        0.5,
        0,
    )
    assert numbers["score"].mean == pytest.approx(1 / (1 + np.exp(-LOGIT)))
    assert numbers["score"].highest == pytest.approx(1 / (1 + np.exp(-LOGIT)))


def test_sheet_has_a_row_for_the_frame_and_one_for_each_object(result):
    trace = trace_of(
        previous="##.. ##..", score="###. ##..", foreground="#### ####", filter="#... #..."
    )
    frame = np.full((8, 16, 3), 200, np.uint8)
    sheet = draw_sheet(make_inspection(frame, result, trace, 0.5))
    assert sheet.dtype == np.uint8
    assert sheet.shape[1] % 3 == 0  # frame, result and foreground above three maps
    upper, lower = np.split(sheet, 2)
    assert upper.any()
    assert lower.any()


def test_frame_in_which_everything_is_annotated_is_refused(result):
    with pytest.raises(InputError, match="every object is annotated in frame 5"):
        make_inspection(np.zeros((8, 16, 3), np.uint8), result, StageTrace(frames={5}), 0.5)


def test_command_writes_the_sheet_and_its_numbers(clip_folder, tmp_path, call):
    frames, mask, _ = clip_folder
    small = ("--set", "working_pixels=24576")
    sheet = tmp_path / "sheet.png"
    done = call("inspect", frames, "--masks", mask, "--frame", "f4", "--output", sheet, *small)
    assert done.exit_code == 0, done.output
    with (tmp_path / "sheet.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    stages = ["previous", "score: appearance", "score: objectness", "score: from previous frame"]
    stages += ["score: from memory", "score", "limit", "propagate", "filter"]
    assert [row["stage"] for row in rows] == stages
    assert {row["object_id"] for row in rows} == {"1"}
    assert float(rows[-1]["kept"]) > 0.8
    with (tmp_path / "sheet-regions.csv").open(newline="") as file:
        largest = max(csv.DictReader(file), key=lambda row: int(row["area"]))
    assert largest["stays"] == "True"
    assert float(largest["probability"]) > 0.5
    assert float(largest["own score"]) != 0
    with Image.open(sheet) as picture:
        width, height = picture.size
    assert width > 8 * 300
    assert height > 300


def test_command_refuses_a_frame_that_does_not_exist_and_an_unknown_format(
    clip_folder, tmp_path, call
):
    frames, mask, _ = clip_folder
    missing = call("inspect", frames, "--masks", mask, "--frame", "f9")
    assert missing.exit_code == 2
    assert "there is no frame f9" in missing.output + missing.stderr
    sheet = tmp_path / "sheet.gif"
    refused = call("inspect", frames, "--masks", mask, "--frame", "f4", "--output", sheet)
    assert refused.exit_code == 2
    assert not sheet.exists()

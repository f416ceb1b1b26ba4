"""Output folders of `rotoline segment` as projects, and projects as their output folders."""

import shutil

import numpy as np
import pytest
import torch
from PIL import Image
from starlette.testclient import TestClient
from tests.studio.conftest import OWN, Page

from rotoline.errors import ConfigError, InputError
from rotoline.io.masks import read_mask, write_mask
from rotoline.io.run_results import RunResults
from rotoline.runtime.device import fast_precision
from rotoline.studio.opening import open_anything
from rotoline.studio.project import Project
from rotoline.studio.server import create_app

CPU = torch.device("cpu")
READING = {"every": 1, "first_number": 0}
SETTINGS = ["working_pixels=24576", "tuning.steps=0"]
QUICK = ("--set", SETTINGS[0], "--set", SETTINGS[1])


@pytest.fixture(scope="module")
def segmented(tmp_path_factory, make_clip, call):
    """A folder with frames, a mask of the first, and the output folder of a run."""
    folder = tmp_path_factory.mktemp("segmented")
    pictures, labels = make_clip()
    (folder / "frames").mkdir()
    for index, picture in enumerate(pictures, start=1):
        Image.fromarray(picture).save(folder / "frames" / f"f{index}.png")
    write_mask(folder / "first.png", labels[0])
    arguments = ("--masks", folder / "first.png", "--output", folder / "run", *QUICK)
    result = call("segment", folder / "frames", *arguments)
    assert result.exit_code == 0, result.stderr
    return folder


@pytest.fixture
def run(segmented, tmp_path):
    """The output folder of the run, with all else beside it."""
    shutil.copytree(segmented, tmp_path, dirs_exist_ok=True)
    record = tmp_path / "run" / "run.json"
    record.write_text(record.read_text().replace(str(segmented), str(tmp_path)))
    return tmp_path / "run"


def opened(folder, source=None):
    return open_anything(folder, None, source, READING, [])


def test_a_run_opens_with_its_marks_and_results(run, open_page):
    before = RunResults(run)
    masks = {name: before.read(name, 0).labels for name in before.names}
    opened(run).close()
    with open_page(run) as page:
        project = page.json("/api/project")
        assert project["marks"] == {"1": [{"frame": 0, "is_accepted": True}]}
        assert [one["name"] for one in project["objects"]] == ["object 1"]
        for index, name in enumerate(before.names):
            assert np.array_equal(page.mask(index), masks[name])
    again = Project(run)
    expected = {"working_pixels": 24576, "tuning.steps": 0, "precision": fast_precision(CPU)}
    assert again.about.settings == expected  # what the run used, "auto" included
    assert again.results[3].logits.shape[0] == 1
    again.close()
    assert RunResults(run).names == before.names


def test_a_run_without_maps_opens_too(run):
    shutil.rmtree(run / ".rotoline-state")
    project = opened(run)
    assert project.state.marks(0).accepted_ids == [1]
    assert len(project.results) == 6
    mask = project.results[2].labels == 1
    inside = project.results[2].scores[0] > 0.5
    assert (mask & inside).sum() / (mask | inside).sum() > 0.9
    project.close()


def test_a_run_that_is_only_looked_at_can_go_on(run, call, tmp_path):
    opened(run).close()
    frames, mask = tmp_path / "frames", tmp_path / "first.png"
    again = call("segment", frames, "--masks", mask, "--output", run, *QUICK, "--resume")
    assert again.exit_code == 0, again.stderr


def test_a_run_whose_import_was_killed_is_imported_again(run):
    opened(run).close()
    (run / "project.json").unlink()
    project = opened(run)
    assert len(project.history.done) == 2
    project.close()


def test_the_clip_of_a_run_may_have_moved(run, tmp_path):
    (tmp_path / "frames").rename(tmp_path / "moved")
    with pytest.raises(InputError, match="there is no"):
        opened(run)
    opened(run, tmp_path / "moved").close()
    opened(run).close()


@pytest.mark.slow
def test_the_studio_tracks_as_segment_does(run, tmp_path, call):
    project_folder = tmp_path / "project"
    project = open_anything(tmp_path / "frames", project_folder, None, READING, SETTINGS)
    with TestClient(create_app(project, token="t"), base_url="http://127.0.0.1:8000") as client:
        client.headers.update(OWN)
        client.get("/?token=t", follow_redirects=False)
        page = Page(client, None)
        disc = page.add()
        mask = read_mask(tmp_path / "first.png")
        rows, columns = np.nonzero(mask)
        runs = [
            (float(columns[rows == row].min()), float(columns[rows == row].max()) + 1, float(row))
            for row in np.unique(rows)
        ]
        left = [[a, row + at] for a, _, row in runs for at in (0, 1)]
        right = [[b, row + at] for _, b, row in reversed(runs) for at in (1, 0)]
        page.send(
            "POST",
            "/api/frames/0/strokes",
            {"object": disc, "tool": "polygon", "points": left + right},
        )
        assert np.array_equal(page.mask(0), mask)
        page.send("POST", "/api/frames/0/accept")
        page.track()
        segmented = RunResults(run)
        for index, name in enumerate(segmented.names):
            assert np.array_equal(page.mask(index), segmented.read(name, index).labels), index
    assert call("report", project_folder).exit_code == 0
    assert call("export", project_folder, "--to", "tracks").exit_code == 0
    result = call(
        "segment",
        tmp_path / "frames",
        "--masks",
        project_folder,
        "--output",
        tmp_path / "b",
        *QUICK,
    )
    assert result.exit_code == 0, result.stderr
    assert np.array_equal(read_mask(tmp_path / "b/masks/f6.png"), segmented.read("f6", 5).labels)


def test_output_has_no_effect_on_a_run(run, tmp_path):
    with pytest.raises(ConfigError, match="leave --output out"):
        open_anything(run, tmp_path / "x", None, READING, [])

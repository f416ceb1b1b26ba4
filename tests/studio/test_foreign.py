"""Projects that another person has made, or that something has damaged."""

import json
import zlib

import pytest

from rotoline.demo import VIDEO
from rotoline.errors import InputError, OutputError
from rotoline.io.frame_store import open_store, recover_store
from rotoline.io.frames import open_frames
from rotoline.studio.project import Project, create_project, project_of_run
from rotoline.studio.project_log import HINTS

PIXELS = 96 * 144
ADD = {"kind": "object", "object": 1, "action": "add", "name": "ball"}


def stroke(**fields):
    return {
        "kind": "stroke",
        "object": 1,
        "stroke": {"tool": "stroke", "points": [[1, 1]]},
        **fields,
    }


def accept(**fields):
    mask = {"1": [100, PIXELS - 100]}
    return {"kind": "accept", "frame": 0, "size": [96, 144], "masks": mask, **fields}


def write_log(folder, *events):
    lines = [json.dumps({"id": i, "at": "", **one}) for i, one in enumerate(events, start=1)]
    (folder / HINTS).write_text("".join(line + "\n" for line in lines))


@pytest.mark.parametrize(
    "changed",
    [
        {"frame_rate": "1/0"},
        {"frame_rate": "-24"},
        {"frame_rate": "fast"},
        {"size": [-1, 5]},
        {"size": [10**6, 10**6]},
        {"size": [96, 145]},
        {"count": 0},
        {"count": 10**12},
        {"count": 7},
        {"reading": {"every": 2}},
        {"reading": {"grey_range": 5}},
        {"reading": {"sandbox": False}},
    ],
)
def test_a_project_file_that_does_not_fit_its_clip_is_refused(project_folder, changed):
    path = project_folder / "project.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changed}))
    before = path.read_bytes()
    with pytest.raises(InputError, match=r"project\.json"):
        Project(project_folder)
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    "event",
    [
        stroke(frame=6),
        stroke(frame=10**15),
        accept(frame=6),
        accept(size=[10, 10], masks={"1": [10, 90]}),
        accept(masks={"1": [10, 90]}),
        accept(masks={"1": [-10, PIXELS + 10]}),
        accept(masks={"1": [10, 10**12]}),
    ],
)
def test_an_event_that_does_not_fit_the_clip_is_refused(project_folder, event):
    write_log(project_folder, ADD, event, {"kind": "look", "frame": 2})
    before = (project_folder / HINTS).read_bytes()
    with pytest.raises(InputError, match="line 2"):
        Project(project_folder)
    assert (project_folder / HINTS).read_bytes() == before


@pytest.mark.parametrize(
    "name", ["marks", "masks", "exports", ".rotoline-state", ".rotoline-state/frames", HINTS]
)
def test_nothing_is_written_through_a_link_out_of_the_project(project_folder, tmp_path, name):
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "precious.png").write_bytes(b"precious" * 9)
    link = project_folder / name
    link.parent.mkdir(exist_ok=True)
    link.symlink_to(
        outside / "precious.png" if name in (HINTS, ".rotoline-state/frames") else outside
    )
    with pytest.raises(InputError, match="link"):
        Project(project_folder)
    assert [one.name for one in outside.iterdir()] == ["precious.png"]
    assert (outside / "precious.png").read_bytes() == b"precious" * 9


@pytest.mark.parametrize("header", [b"[]", b"{", b'{"confidence": {"a": 1}}', b'{"confidence": 5}'])
def test_damaged_results_are_named(project_folder, header):
    state = project_folder / ".rotoline-state"
    state.mkdir()
    store = open_store(state / "frames")
    store[2] = header + b"\n"
    store.close()
    with pytest.raises(InputError, match="frames is damaged at frame 2"):
        Project(project_folder)


def test_a_damaged_mask_of_strokes_is_made_again(project_folder, open_page):
    with open_page(project_folder) as page:
        disc = page.add()
        page.draw(0, disc)
        mask = page.mask(0)
    store = recover_store(project_folder / ".rotoline-state/drawn")
    key = store[0].partition(b"\n")[0]
    for damaged in (b"", b"x", zlib.compress(bytes(PIXELS - 1)), zlib.compress(bytes(10 * PIXELS))):
        store[0] = key + b"\n" + damaged
        with open_page(project_folder) as page:
            assert (page.mask(0) == mask).all()
    store.close()


def test_pictures_that_the_studio_has_not_made_stay(project_folder, open_page):
    marks = project_folder / "marks"
    marks.mkdir()
    (marks / "mine.png").write_bytes(b"mine")
    with open_page(project_folder) as page:
        disc = page.add()
        page.draw(0, disc)
        page.until((marks / "f1.png").exists)
        page.send("POST", "/api/undo")
        page.until(lambda: not (marks / "f1.png").exists())
    assert [one.name for one in marks.iterdir()] == ["mine.png"]


def test_a_run_with_a_folder_of_that_name_does_not_become_a_project(tmp_path, clip_folder):
    folder = tmp_path / "out"
    (folder / "marks").mkdir(parents=True)
    (folder / "run.json").write_text("{}")
    with pytest.raises(OutputError, match="marks"):
        project_of_run(folder, open_frames(clip_folder[0]))


def test_the_engine_goes_on_after_a_fault(page, monkeypatch):
    disc = page.add()
    page.draw(0, disc)
    events = page.client.app.state.studio.events
    last = events.last
    monkeypatch.setattr(page.session, "teach", lambda *_: 1 / 0)
    page.send("POST", "/api/frames/0/accept")
    page.until(lambda: "problem" in [one.name for one in events.since(last)])
    monkeypatch.undo()
    page.draw(1, disc)
    assert page.mask(1).any()


def test_a_frame_that_a_video_only_declares_cannot_be_marked(tmp_path, open_page):
    folder = tmp_path / "project"
    create_project(folder, open_frames(VIDEO))
    path = folder / "project.json"
    path.write_text(path.read_text().replace('"count": 132', '"count": 200'))
    with open_page(folder) as page:
        disc = page.add()
        assert "132 frames" in page.draw(150, disc, status=400).json()["error"]
        page.until(lambda: page.json("/api/project")["count"] == 132)
    assert len((folder / HINTS).read_text().splitlines()) == 1

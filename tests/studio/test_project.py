"""What is on the disk, and what is left of it when a program is killed."""

import json
import shutil
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from rotoline.errors import ConfigError, InputError, OutputError
from rotoline.io.frames import open_frames
from rotoline.io.masks import read_annotations
from rotoline.studio.history import History
from rotoline.studio.opening import open_anything
from rotoline.studio.project import Project, create_project
from rotoline.studio.project_log import EVENT, HINTS, HintsLog

READING = {"every": 1, "first_number": 0}


def drawn(x=40.0):
    return {"tool": "stroke", "radius": 2, "points": [(x, 40.0)]}


def record_some(project):
    project.add_object("ball", "#123456")
    for x in (10.0, 20.0, 30.0):
        project.record("stroke", frame=2, object=1, stroke=drawn(x))
    project.record("accept", frame=3, size=(96, 144), masks={1: (1, 2, 96 * 144 - 3)})
    project.step("undo")


def test_the_log_gives_the_same_state_again(project_folder):
    project = Project(project_folder)
    record_some(project)
    state = project.state
    project.close()
    again = Project(project_folder)
    assert again.state == state
    assert [len(one.strokes) for one in again.state.frames.values()] == [3]
    assert again.redo_text == "accept frame 3"
    again.close()


@pytest.mark.parametrize("cut", range(1, 60, 7))
def test_half_a_line_is_dropped_and_nothing_else(project_folder, cut):
    project = Project(project_folder)
    record_some(project)
    project.close()
    path = project_folder / HINTS
    whole = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(whole[:-1]) + (whole[-1] * 9)[: len(whole[-1]) - 1][:cut])
    again = Project(project_folder)
    events = again.history.done
    assert len(events) == 5
    assert again.record("look", frame=1).event.id == 6
    again.close()
    assert len(HintsLog(path, is_read_only=True).events) == 6


def test_a_line_without_its_end_counts(project_folder):
    project = Project(project_folder)
    record_some(project)
    project.close()
    path = project_folder / HINTS
    path.write_bytes(path.read_bytes()[:-1])
    again = Project(project_folder)
    again.record("look", frame=1)
    again.close()
    assert [json.loads(line)["id"] for line in path.read_text().splitlines()] == list(range(1, 8))


def test_a_damaged_line_in_the_middle_is_refused_and_left(project_folder):
    project = Project(project_folder)
    record_some(project)
    project.close()
    path = project_folder / HINTS
    lines = path.read_bytes().splitlines(keepends=True)
    damaged = b"".join([*lines[:2], b"{}\n", *lines[3:]])
    path.write_bytes(damaged)
    with pytest.raises(InputError, match="damaged in line 3"):
        Project(project_folder)
    assert path.read_bytes() == damaged
    path.write_bytes(b"".join(lines))
    Project(project_folder).close()  # the lock was given back


def test_undo_and_redo_replay():
    events = list(_events())
    history = History()
    for count, event in enumerate(events, start=1):
        history.add(event)
        assert History(events[:count]).state == history.state
    assert list(history.state.objects) == [1]
    assert not history.state.objects[1].is_locked
    assert history.state.marks(0).accepted_ids == [1]


def _events():
    plain = [
        {"kind": "object", "object": 1, "action": "add", "name": "a"},
        {"kind": "stroke", "frame": 0, "object": 1, "stroke": drawn()},
        {"kind": "object", "object": 1, "action": "change", "is_locked": True},
        {"kind": "undo"},
        {"kind": "undo"},
        {"kind": "redo"},
        {"kind": "accept", "frame": 0, "size": (2, 2), "masks": {1: (0, 4)}},
        {"kind": "clear", "frame": 0, "object": 1},
        {"kind": "undo"},
        {"kind": "object", "object": 1, "action": "remove"},
        {"kind": "undo"},
        {"kind": "look", "frame": 3},
    ]
    for number, one in enumerate(plain, start=1):
        yield EVENT.validate_python({"id": number, "at": "now", **one})


def test_a_second_studio_only_looks(project_folder):
    first = Project(project_folder)
    second = Project(project_folder)
    assert "open in another studio" in second.read_only_because
    with pytest.raises(OutputError, match="only be looked at"):
        second.record("look", frame=1)
    second.close()
    first.record("look", frame=1)
    first.close()
    third = Project(project_folder)
    assert not third.is_read_only
    third.close()


def test_a_second_page_shows_the_masks_and_changes_nothing(project_folder, open_page):
    with open_page(project_folder) as page:
        disc = page.add()
        page.draw(0, disc)
        page.track()
        mask = page.mask(4)
        with open_page(project_folder) as other:
            project = other.json("/api/project")
            assert project["is_read_only"]
            assert "another studio" in project["read_only_because"]
            assert np.array_equal(other.mask(4), mask)
            assert np.array_equal(other.mask(0), page.mask(0))
            other.draw(0, disc, status=409)
            other.send("POST", "/api/jobs", {"direction": "both", "frame": 0}, 409)
            other.send("POST", "/api/frames/1/looked")
        assert page.ids(page.draw(0, disc, x=90))[48, 90] == disc


def test_masks_and_strokes_are_there_again(project_folder, open_page):
    with open_page(project_folder) as page:
        disc = page.add()
        page.draw(0, disc)
        page.track()
        page.draw(3, disc, x=100)
        masks = [page.mask(index) for index in range(6)]
        project = page.json("/api/project")
    with open_page(project_folder) as page:
        assert [(page.mask(i) == masks[i]).all() for i in range(6)] == [True] * 6
        assert page.session.solved == []
        again = page.json("/api/project")
    for name in ("marks", "lanes", "objects", "undo", "corrected"):
        assert again[name] == project[name]


def test_everything_else_can_be_made_from_clip_and_log(project_folder, open_page):
    with open_page(project_folder) as page:
        disc = page.add()
        page.draw(2, disc)
        mask = page.mask(2)
    for name in ("marks", ".rotoline-state"):
        shutil.rmtree(project_folder / name)
    with open_page(project_folder) as page:
        assert np.array_equal(page.mask(2), mask)
        page.until((project_folder / "marks/f3.png").exists)


def test_half_a_result_is_dropped(project_folder, open_page):
    with open_page(project_folder) as page:
        disc = page.add()
        page.draw(0, disc)
        page.track()
        mask = page.mask(4)
    (project_folder / "masks/f2.png").unlink()
    path = project_folder / ".rotoline-state/frames"
    path.write_bytes(path.read_bytes()[:-5])
    with open_page(project_folder) as page:
        assert np.array_equal(page.mask(4), mask)
        assert page.json("/api/frames/5")["kind"] == "none"
        page.until((project_folder / "masks/f2.png").exists)


def test_a_moved_clip_is_asked_for(project_folder, tmp_path, open_page):
    moved = tmp_path / "elsewhere" / "pictures"
    shutil.copytree(tmp_path / "frames", moved)
    shutil.rmtree(tmp_path / "frames")
    with open_page(project_folder) as page:
        project = page.json("/api/project")
        assert not project["source"]["is_found"]
        assert "--source" in project["source"]["problem"]
        key = project["key"]
        assert "--source" in page.get(f"/frames/{key}/0.jpg").json()["error"]
        page.add()
        assert "--source" in page.draw(0, 1, status=400).json()["error"]
    with pytest.raises(InputError, match="is not the clip"):
        Project(project_folder, project_folder)
    Project(project_folder, moved).close()
    Project(project_folder).close()  # it has been noted
    assert str(moved) in (project_folder / "project.json").read_text()


def test_another_clip_in_the_same_place_is_not_taken(project_folder, tmp_path):
    (tmp_path / "frames" / "f3.png").unlink()
    project = Project(project_folder)
    assert project.source is None
    project.close()


def test_marked_frames_are_masks_for_segment(project_folder, open_page):
    with open_page(project_folder) as page:
        disc = page.add()
        page.draw(2, disc)
        mask = page.mask(2)
        page.send("POST", "/api/frames/2/accept")
    source = open_frames(project_folder.parent / "frames")
    marks = read_annotations(project_folder, source)
    assert list(marks.labels) == [2]
    assert np.array_equal(marks.labels[2], mask)


def test_a_project_without_marks_says_that_nothing_is_marked(project_folder):
    source = open_frames(project_folder.parent / "frames")
    with pytest.raises(InputError, match=r"no frame is marked in the project .*rotoline studio"):
        read_annotations(project_folder, source)


def test_options_that_have_no_effect_are_refused(project_folder, tmp_path):
    clip = tmp_path / "frames"
    for arguments, words in (
        ((project_folder, tmp_path / "x", None, READING, []), "leave --output out"),
        ((project_folder, None, None, {**READING, "start": "2"}, []), "--start has no effect"),
        ((project_folder, None, None, READING, ["tuning.steps=0"]), "--set has no effect"),
        ((clip, None, clip, READING, []), "--source is for projects"),
        ((clip, None, None, READING, ["nothing=1"]), "nothing"),
    ):
        with pytest.raises(ConfigError, match=words):
            open_anything(*arguments)
    assert not (tmp_path / "frames-rotoline").exists()


def test_a_clip_has_its_project_beside_it(tmp_path, clip_folder):
    frames, _, _ = clip_folder
    reading = {**READING, "start": "f2", "every": 2}
    project = open_anything(frames, None, None, reading, ["tuning.steps=3"])
    assert project.folder == tmp_path / "frames-rotoline"
    assert (project.count, project.name(0)) == (3, "f2")
    assert project.about.settings == {"tuning.steps": 3}
    project.close()
    again = open_anything(frames, None, None, READING, [])
    assert again.folder == project.folder
    assert again.count == 3
    assert [again.source.name(i) for i in range(3)] == ["f2", "f4", "f6"]
    again.close()


def test_a_folder_with_other_files_is_no_project(tmp_path, clip_folder):
    frames, _, _ = clip_folder
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letter.txt").write_text("x")
    with pytest.raises(OutputError, match=r"no project\.json"):
        create_project(tmp_path / "mine", open_frames(frames))


def test_strokes_from_several_threads_are_all_kept(project_folder):
    project = Project(project_folder)
    project.add_object(None, None)
    with ThreadPoolExecutor(8) as pool:
        list(
            pool.map(
                lambda x: project.record("stroke", frame=x % 6, object=1, stroke=drawn(float(x))),
                range(40),
            )
        )
    project.close()
    again = Project(project_folder)
    assert sum(len(one.strokes) for one in again.state.frames.values()) == 40
    again.close()

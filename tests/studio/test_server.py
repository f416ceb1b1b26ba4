"""What the page asks for, and what becomes of it on the disk."""

import base64
import io
import json
from threading import Semaphore, Timer

import numpy as np
import pytest
from PIL import Image

from rotoline.io.masks import read_mask
from rotoline.io.run_results import RunResults
from rotoline.io.writers import WRITERS


def lane(page, object_id):
    lanes = page.json("/api/project")["lanes"]
    return list(base64.b64decode(lanes[str(object_id)]))


def test_a_new_project_is_empty(page):
    project = page.json("/api/project")
    assert project["size"] == [96, 144]
    assert (project["count"], project["frame_rate"], project["frame_names_first"]) == (6, 24, "f1")
    assert project["objects"] == []
    assert (project["undo"], project["redo"], project["job"]) == (None, None, None)
    assert not project["is_read_only"]
    assert project["source"] == {"name": "frames", "is_found": True, "problem": ""}


def test_a_stroke_gives_the_mask_of_its_frame(page):
    disc = page.add()
    answer = page.draw(2, disc)
    assert page.ids(answer)[48, 40] == disc
    assert np.array_equal(page.ids(answer), page.mask(2))
    frame = page.json("/api/frames/2")
    assert frame["kind"] == "hints"
    assert frame["name"] == "f3"
    assert frame["strokes"][0]["id"] == int(answer.headers["x-stroke"])
    assert frame["strokes"][0]["points"] == [[40.0, 48.0]]
    assert page.json("/api/project")["marks"] == {"1": [{"frame": 2, "is_accepted": False}]}


def test_strokes_change_their_object_alone(page):
    first, second = page.add("first"), page.add("second")
    page.draw(0, first, x=40)
    before = page.mask(0)
    page.draw(0, second, x=100)
    after = page.mask(0)
    assert np.array_equal(after == first, before == first)
    assert (after == second).any()


def test_undo_and_redo_give_the_masks_of_before(page):
    disc = page.add()
    masks = [page.mask(1)]
    for x in (30, 60, 90):
        masks.append(page.ids(page.draw(1, disc, x=x)))
    for expected in reversed(masks[:-1]):
        assert page.send("POST", "/api/undo").json() == {
            "frame": 1,
            "text": "stroke of disc in frame 1",
        }
        assert np.array_equal(page.mask(1), expected)
    assert page.send("POST", "/api/undo").json() == {"frame": None, "text": "add disc"}
    assert page.json("/api/project")["objects"] == []
    page.send("POST", "/api/undo", status=400)
    for _ in range(4):
        page.send("POST", "/api/redo")
    assert np.array_equal(page.mask(1), masks[-1])


def test_a_removed_stroke_leaves_what_the_others_say(page):
    disc = page.add()
    number = page.draw(0, disc, x=30).headers["x-stroke"]
    page.draw(0, disc, x=100)
    mask = page.ids(page.send("DELETE", f"/api/frames/0/strokes/{number}"))
    assert mask[48, 30] == 0
    assert mask[48, 100] == disc
    page.send("DELETE", f"/api/frames/0/strokes/{number}", status=400)


def test_an_accepted_mask_stands_and_is_a_mark_file(page, project_folder):
    disc = page.add()
    page.draw(3, disc)
    mask = page.mask(3)
    page.send("POST", "/api/frames/3/accept")
    frame = page.json("/api/frames/3")
    assert (frame["kind"], frame["accepted"], frame["strokes"]) == ("accepted", [disc], [])
    assert np.array_equal(page.mask(3), mask)
    page.until(lambda: (project_folder / "marks/f4.png").exists())
    assert np.array_equal(read_mask(project_folder / "marks/f4.png"), mask)
    page.until(lambda: 3 in page.session.taught)
    page.send("POST", "/api/frames/3/accept")  # once more changes nothing
    assert page.json("/api/project")["undo"] == "accept frame 3"
    page.send("POST", "/api/undo")
    assert page.json("/api/frames/3")["kind"] == "hints"


def test_an_object_without_pixels_cannot_be_accepted_alone(page):
    page.add()
    answer = page.send("POST", "/api/frames/0/accept", {"object": 1}, status=400)
    assert "no pixels in frame 0" in answer.json()["error"]


def test_an_empty_frame_is_accepted_as_one_without_objects(page):
    disc = page.add()
    page.draw(0, disc)
    page.send("POST", "/api/frames/4/accept")
    assert page.json("/api/project")["marks"]["1"][1] == {"frame": 4, "is_accepted": True}


def test_tracking_writes_what_export_and_report_read(page, project_folder):
    disc = page.add("ball")
    page.draw(1, disc)
    page.send("POST", "/api/frames/1/accept")
    page.track(frame=1)
    assert lane(page, disc) == [round(2 + 0.9 * 253)] * 6
    page.until((project_folder / "run.json").exists)
    results = RunResults(project_folder)
    assert results.names == ["f1", "f2", "f3", "f4", "f5", "f6"]
    assert results.object_names == {1: "ball"}
    assert results.record["status"] == "complete"
    assert results.record["annotated_frames"] == ["f2"]
    assert np.array_equal(results.read("f5", 4).labels, page.mask(4))


def test_tracking_never_changes_an_accepted_mask(page, project_folder):
    disc = page.add()
    for frame, x in ((0, 40), (4, 100)):
        page.draw(frame, disc, x=x)
        page.send("POST", f"/api/frames/{frame}/accept")
    mask = page.mask(4)
    page.track(direction="forwards")
    assert np.array_equal(page.mask(4), mask)
    assert np.array_equal(read_mask(project_folder / "masks/f5.png"), mask)


def test_what_cannot_be_tracked_is_said(page):
    body = {"direction": "both", "frame": 0, "objects": None}
    assert "no object is marked" in page.send("POST", "/api/jobs", body, 400).json()["error"]
    page.add("ball")
    body["objects"] = [1]
    assert "ball is not marked" in page.send("POST", "/api/jobs", body, 400).json()["error"]
    body["frame"] = 6
    assert "frames 0 to 5" in page.send("POST", "/api/jobs", body, 400).json()["error"]


def test_drawing_goes_before_tracking_and_a_job_is_cancelled_between_frames(page):
    page.session.may_track = Semaphore(2)
    disc = page.add()
    page.draw(0, disc)
    page.send("POST", "/api/jobs", {"direction": "forwards", "frame": 0, "objects": None})
    page.until(lambda: sum(map(bool, lane(page, disc))) == 2)
    other = page.add()
    Timer(0.3, page.session.may_track.release).start()  # when the stroke waits
    assert page.ids(page.draw(5, other))[48, 40] == other
    page.send("DELETE", "/api/jobs")
    page.session.may_track.release()  # the frame that goes on
    page.wait()
    assert 2 < sum(map(bool, lane(page, disc))) < 6
    assert len(page.session.threads) == 1


def test_the_newest_stroke_of_a_frame_wins(page, project_folder):
    disc = page.add()
    page.session.may_track = Semaphore(0)
    page.draw(0, disc)
    page.send("POST", "/api/jobs", {"direction": "forwards", "frame": 0, "objects": None})
    engine = page.client.app.state.studio.engine
    page.until(lambda: engine.job.status == "running")
    waiting = engine.mask(3, is_newest=True)
    newest = engine.mask(3, is_newest=True)
    page.session.may_track.release(6)
    assert type(waiting.exception(10)).__name__ == "SupersededError"
    assert newest.result(10).labels.shape == (96, 144)


def test_the_frame_looked_at_is_prepared(page):
    page.json("/api/frames/4")
    page.until(lambda: page.session.looked == [4])


def test_removing_an_object_removes_it_from_all_masks(page, project_folder):
    first, second = page.add("first"), page.add("second")
    page.draw(0, first, x=40)
    page.draw(0, second, x=100)
    page.track()
    page.send("DELETE", f"/api/objects/{first}")
    assert set(np.unique(page.mask(3))) == {0, second}
    page.until(
        lambda: set(np.unique(np.array(Image.open(project_folder / "masks/f4.png")))) == {0, 2}
    )
    page.send("POST", "/api/undo")
    assert set(np.unique(page.mask(3))) == {0, first, second}


def test_a_locked_object_cannot_be_drawn(page):
    disc = page.add("ball")
    page.send("PATCH", f"/api/objects/{disc}", {"is_locked": True, "name": "moon"})
    assert "moon is locked" in page.draw(0, disc, status=400).json()["error"]
    assert page.json("/api/project")["objects"][0]["is_locked"]
    body = {"direction": "both", "frame": 0, "objects": [disc]}
    assert "moon is locked" in page.send("POST", "/api/jobs", body, 400).json()["error"]


def test_frames_looked_at_and_corrected_are_counted(page):
    disc = page.add()
    page.draw(0, disc)
    page.track()
    for frame in (2, 3, 3):
        page.send("POST", f"/api/frames/{frame}/looked")
    page.draw(3, disc)
    page.send("POST", "/api/frames/3/accept")
    project = page.json("/api/project")
    assert (project["looked_at"], project["corrected"]) == (2, 1)


def test_frames_to_check_come_from_the_review(page):
    assert page.json("/api/check") == {"frames": []}
    disc = page.add()
    page.draw(0, disc)
    page.track()
    masks = page.client.app.state.studio.masks
    project = page.client.app.state.studio.project
    result = project.results[3]
    project.results.keep("f4", type(result)(**{**vars(result), "confidence": {1: 0.2}}))
    masks.touch(3)
    page.until(lambda: [one["frame"] for one in page.json("/api/check")["frames"]] == [3])
    first = page.json("/api/check")["frames"][0]
    assert (first["object"], first["is_found"]) == (disc, True)
    assert "confidence 0.20" in first["text"]


def test_where_nothing_is_found_the_least_sure_frames_are_checked(page):
    disc = page.add()
    page.draw(0, disc)
    page.track()
    events = page.client.app.state.studio.events
    last = events.last
    checks = page.json("/api/check")["frames"]
    assert [(one["frame"], one["is_found"]) for one in checks] == [(1, False)]
    assert "object 1: confidence 0.9" in checks[0]["text"]
    assert checks[0]["object"] == disc
    # A page that has asked too early is told.
    page.until(lambda: "check" in [one.name for one in events.since(last)])


def test_an_export_goes_into_a_folder_of_its_own(page, project_folder):
    body = {"formats": ["cutout", "tracks"]}
    page.send("POST", "/api/exports", body)
    page.wait()
    assert not (project_folder / "exports").exists()  # nothing was tracked
    disc = page.add()
    page.draw(0, disc)
    page.track()
    for number in (1, 2):
        page.send("POST", "/api/exports", body)
        page.wait()
        folder = project_folder / f"exports/{number:03d}"
        assert len(list((folder / "cutout").iterdir())) == 6
    answer = page.get("/api/exports/preview?format=cutout&frame=2")
    assert answer.headers["content-type"] == "image/png"
    assert "no format" in page.send("POST", "/api/exports", {"formats": ["x"]}, 400).json()["error"]


def test_every_format_but_scores_has_a_title(page):
    names = [one["name"] for one in page.json("/api/formats")]
    assert sorted([*names, "scores"]) == sorted(WRITERS)


def test_events_go_on_where_a_page_was(page):
    events = page.client.app.state.studio.events
    last = page.json("/api/project")["last_event"]
    disc = page.add()
    page.draw(0, disc)
    names = [one.name for one in events.since(last)]
    assert names[0] == "project"
    assert "frames" in names
    assert events.since(events.last) == []
    assert [one.name for one in events.since(last - 10**6)] == ["project"]
    sent = next(one for one in events.since(last) if one.name == "frames")
    assert sent.data["frames"][0]["frame"] == 0
    assert json.loads(sent.text().partition("data: ")[2]) == sent.data


def test_errors_say_what_the_command_would_print(page):
    assert page.send("GET", "/masks/77", status=400).json() == {
        "error": "there is no frame 77; the clip has frames 0 to 5"
    }
    assert "there is no object 9" in page.draw(0, 9, status=400).json()["error"]
    assert "error" in page.send("POST", "/api/objects", {"nme": "x"}, 422).json()
    disc = page.add()
    answer = page.draw(0, disc, status=400, tool="polygon")
    assert "at least three" in answer.json()["error"]
    assert "far outside" in page.draw(0, disc, x=1e4, status=400).json()["error"]
    assert "error" in page.send("GET", "/nowhere", status=404).json()
    answer = page.client.post(
        "/api/objects", content="{", headers={"Content-Type": "application/json"}
    )
    assert answer.json() == {"error": "the body: JSON decode error"}
    body = {"formats": ["cutout-video"], "options": {"background": 5}}
    assert "background" in page.send("POST", "/api/exports", body, 422).json()["error"]


def test_names_are_one_line_of_text(page):
    for name in ("\0", " \n", "\u202e"):
        assert "printed" in page.send("POST", "/api/objects", {"name": name}, 422).json()["error"]
    page.add("a\nb\0 ")
    page.add("<b>é</b>")
    assert [one["name"] for one in page.json("/api/project")["objects"]] == ["a b", "<b>é</b>"]


@pytest.mark.parametrize("width", [None, 64, 10_000])
def test_frames_are_pictures_that_never_change(page, width):
    key = page.json("/api/project")["key"]
    query = "" if width is None else f"?w={width}"
    answer = page.get(f"/frames/{key}/3.jpg{query}")
    assert "immutable" in answer.headers["cache-control"]
    picture = Image.open(io.BytesIO(answer.content))
    assert picture.width == (64 if width == 64 else 144)
    page.send("GET", "/frames/other/3.jpg", status=400)

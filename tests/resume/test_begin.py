"""How a run begins in a folder that holds something: --resume, --overwrite, or neither."""

import json
import os
from shutil import rmtree

import pytest

from rotoline import run_output
from rotoline.config import read_config
from rotoline.errors import ConfigError, InputError, OutputError
from rotoline.io.masks import write_mask
from rotoline.io.run_state import STATE
from rotoline.presets import FAST
from rotoline.run import segment_to_folder

SMALL = ("working_pixels=9216",)


@pytest.fixture(autouse=True)
def _checkpoint_after_every_frame(monkeypatch):
    monkeypatch.setattr(run_output, "SECONDS_BETWEEN_CHECKPOINTS", 0.0)
    monkeypatch.setattr(run_output, "SHARE", 0)


@pytest.fixture
def begin(clip_folder):
    """A function that begins to segment a clip of six frames: the generator of its progress."""

    def run(output, frames=None, masks=None, settings=SMALL, formats=("png",), **how):
        return segment_to_folder(
            frames or clip_folder[0],
            masks or clip_folder[1],
            output,
            weights=None,
            config=read_config(FAST, None, list(settings)),
            command=["test"],
            formats=formats,
            **how,
        )

    return run


@pytest.fixture
def stopped(tmp_path, begin):
    """The folder of a run that was stopped after two frames."""
    progress = begin(tmp_path / "stopped")
    while next(progress).done < 2:
        pass
    progress.close()
    return tmp_path / "stopped"


def state_of(output):
    return {p: (p.stat().st_mtime_ns, p.read_bytes()) for p in output.rglob("*") if p.is_file()}


def warnings_of(progress):
    return " ".join(step.warning for step in progress)


def test_record_says_how_a_run_stands_from_the_first_mask_on(tmp_path, begin):
    output = tmp_path / "out"
    progress = begin(output)
    while next(progress).done < 2:  # the first one may be counted just before it is recorded
        pass
    record = json.loads((output / "run.json").read_text())
    assert record["status"] == "running"
    assert record["process"]["pid"] == os.getpid()
    assert set(record["process"]) == {"pid", "host", "updated"}
    assert record["frames"] >= 1
    progress.close()
    assert json.loads((output / "run.json").read_text())["status"] == "interrupted"
    list(begin(output, resume=True))
    record = json.loads((output / "run.json").read_text())
    assert (record["status"], record["frames"], len(record["confidence"])) == ("complete", 6, 6)
    assert "process" not in record
    kept = {path.name for path in (output / STATE).iterdir()}
    assert kept == {"frames", "finished.safetensors"}


def test_run_that_is_complete_is_not_run_again(tmp_path, begin):
    list(begin(tmp_path / "out"))
    before = state_of(tmp_path / "out")
    steps = list(begin(tmp_path / "out", resume=True))
    assert "is complete; there is nothing to resume" in warnings_of(steps)
    assert (steps[-1].stage, steps[-1].done) == ("done", 6)
    assert state_of(tmp_path / "out") == before


@pytest.mark.parametrize("is_complete", [True, False])
def test_run_of_other_inputs_is_not_resumed(stopped, begin, tmp_path, clip_folder, is_complete):
    if is_complete:
        list(begin(stopped, resume=True))
    before = state_of(stopped)
    frames, other = clip_folder[0], tmp_path / "moved"
    frames.rename(other)
    (other / "f6.png").write_bytes((other / "f5.png").read_bytes())
    changes = {
        r"the content of the video \(changed\)": {},
        r"the setting fuse.background_threshold \(0.5, now 0.4\)": {
            "settings": (*SMALL, "fuse.background_threshold=0.4")
        },
        r"the formats \(png, now png\+overlay\)": {"formats": ("png", "overlay")},
    }
    for message, change in changes.items():
        with pytest.raises(ConfigError, match=message):
            list(begin(stopped, frames=other, **change, resume=True))
    assert state_of(stopped) == before


def test_other_masks_are_refused_where_those_of_the_run_are_unknown(tmp_path, begin, clip_folder):
    list(begin(tmp_path / "out"))
    rmtree(tmp_path / "out" / STATE)
    (tmp_path / "other").mkdir()
    write_mask(tmp_path / "other" / "first.png", clip_folder[2][1])
    with pytest.raises(ConfigError, match=r"the mask of frame f1 \(changed\)"):
        list(begin(tmp_path / "out", masks=tmp_path / "other" / "first.png", resume=True))


def test_moved_files_are_the_same_files(stopped, begin, tmp_path, clip_folder):
    clip_folder[0].rename(tmp_path / "moved")
    list(begin(stopped, frames=tmp_path / "moved", resume=True))
    assert json.loads((stopped / "run.json").read_text())["frames"] == 6


def test_finished_masks_are_kept_and_a_missing_one_is_not_passed_over(stopped, begin):
    mask = stopped / "masks" / "f1.png"
    before = mask.stat().st_mtime_ns
    mask.rename(stopped / "f1.png")
    with pytest.raises(InputError, match=r"f1\.png is gone.*--overwrite"):
        list(begin(stopped, resume=True))
    (stopped / "f1.png").rename(mask)
    assert "going on after" in warnings_of(begin(stopped, resume=True))
    assert mask.stat().st_mtime_ns == before


@pytest.mark.parametrize("name", ["checkpoint.safetensors", "learned.safetensors", "frames"])
def test_damaged_state_is_refused(stopped, begin, name):
    path = stopped / STATE / name
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(InputError, match=rf"{name}.*--overwrite"):
        list(begin(stopped, resume=True))
    assert len(list((stopped / "masks").iterdir())) >= 2


def test_run_without_checkpoint_begins_anew_and_says_so(tmp_path, begin, monkeypatch):
    monkeypatch.setattr(run_output, "SECONDS_BETWEEN_CHECKPOINTS", 1000.0)
    progress = begin(tmp_path / "out")
    while next(progress).done < 2:
        pass
    progress.close()
    assert not (tmp_path / "out" / STATE).exists()
    said = warnings_of(begin(tmp_path / "out", resume=True))
    assert "holds no checkpoint yet, so the run begins with the first frame" in said
    assert len(list((tmp_path / "out" / "masks").iterdir())) == 6
    said = warnings_of(begin(tmp_path / "new", resume=True))
    assert "holds no run to resume, so the run begins with the first frame" in said


@pytest.mark.parametrize("how", ["resume", "overwrite"])
def test_folder_that_no_run_has_written_is_left_alone(tmp_path, begin, how):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "notes.txt").touch()
    with pytest.raises(OutputError, match=r"holds files but no run\.json"):
        list(begin(tmp_path / "out", **{how: True}))
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["notes.txt"]


def test_folder_of_a_run_is_not_written_over_without_being_asked(stopped, begin):
    before = state_of(stopped)
    with pytest.raises(OutputError, match=r"--resume goes on.*--overwrite replaces"):
        list(begin(stopped))
    with pytest.raises(ConfigError, match="give one"):
        list(begin(stopped, resume=True, overwrite=True))
    assert state_of(stopped) == before


@pytest.mark.parametrize("is_complete", [True, False])
def test_overwriting_replaces_what_a_run_wrote_and_nothing_else(
    stopped, begin, clip_folder, is_complete
):
    if is_complete:
        list(begin(stopped, resume=True))
    (stopped / "masks" / "mine.png").write_bytes(b"mine")
    (stopped / "notes.txt").touch()
    for path in sorted(clip_folder[0].iterdir()):
        path.rename(path.with_name(f"new-{path.name}"))
    list(begin(stopped, overwrite=True, formats=("scores", "png")))
    names = {path.name for path in (stopped / "masks").iterdir()}
    assert names == {"mine.png", *(f"new-f{n}.png" for n in range(1, 7))}
    names = {path.name for path in stopped.iterdir()}
    assert names == {"masks", "scores", "notes.txt", "run.json", STATE}


def test_old_results_stay_until_there_is_a_new_one(stopped, begin, tmp_path, monkeypatch):
    before = state_of(stopped)
    with pytest.raises(InputError):
        list(begin(stopped, masks=tmp_path / "typo.png", overwrite=True))
    assert state_of(stopped) == before
    with monkeypatch.context() as patched:
        patched.setattr("rotoline.tracker.Tracker.fit", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            list(begin(stopped, overwrite=True))
    assert state_of(stopped) == before
    list(begin(stopped, resume=True))  # the old run can still go on
    assert json.loads((stopped / "run.json").read_text())["frames"] == 6

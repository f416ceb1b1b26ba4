"""The commands as a person types them: outputs, exit codes, messages."""

import errno
import io
import json
import math
import re
from pathlib import Path

import av
import numpy as np
import pytest
import torch
from PIL import Image
from rich.console import Console

import rotoline
from rotoline.cli import terminal
from rotoline.errors import OutputError
from rotoline.io.masks import read_labels, write_mask
from rotoline.presets import PRESETS
from rotoline.runtime.device import fast_precision
from rotoline.runtime.progress import Progress
from rotoline.systems.fast import FastSystem, steps_of, tuning
from rotoline.weights.files import shipped_weights

SMALL = ["--set", "working_pixels=24576"]


@pytest.fixture
def segment(call):
    """A function that runs `rotoline segment` at a small working size."""

    def run(frames, masks, output, *more):
        return call("segment", frames, "--masks", masks, "--output", output, *SMALL, *more)

    return run


def test_folder_of_images_gives_masks_overlay_and_record(clip_folder, tmp_path, overlap, segment):
    frames, mask, labels = clip_folder
    out = tmp_path / "out"
    result = segment(frames, mask, out)
    assert result.exit_code == 0, result.output
    found = sorted(p.name for p in out.iterdir() if not p.name.startswith("."))
    assert found == ["masks", "overlay.mp4", "run.json"]
    names = [f"f{n}.png" for n in range(1, 7)]
    assert sorted(p.name for p in (out / "masks").iterdir()) == names
    for name, truth in zip(names, labels, strict=True):
        with Image.open(out / "masks" / name) as image:
            assert image.mode == "P"
            assert image.getpalette()[3:6] == [128, 0, 0]
            assert overlap(np.array(image), truth, 1) > 0.85
    with av.open(out / "overlay.mp4") as video:
        assert sum(1 for _ in video.decode(video=0)) == 6
    record = json.loads((out / "run.json").read_text())
    assert record["status"] == "complete"
    assert record["frames"] == 6
    assert record["config"]["working_pixels"] == 24576
    assert len(record["weights"]["sha256"]) == 64
    assert {"fit", "encode", "score", "limit", "propagate", "filter", "update", "fuse"} <= set(
        record["seconds_per_stage"]
    )
    assert {"command", "versions", "device", "seconds_to_first_mask"} <= set(record)
    assert record["annotated_frames"] == ["f1"]
    assert "segmenting: " in result.output  # plain lines where there is no terminal


@pytest.mark.slow
def test_video_with_masks_for_several_frames(make_clip, tmp_path, overlap, segment):
    pictures, labels = make_clip(frames=6, ids=(3, 77))
    with av.open(tmp_path / "clip.mp4", "w") as video:
        stream = video.add_stream("libx264", rate=30)
        stream.height, stream.width = labels[0].shape
        stream.pix_fmt = "yuv420p"
        for picture in pictures:
            video.mux(stream.encode(av.VideoFrame.from_ndarray(picture)))
        video.mux(stream.encode())
    (tmp_path / "masks").mkdir()
    write_mask(tmp_path / "masks" / "2.png", labels[2])
    write_mask(tmp_path / "masks" / "00004.png", labels[4])
    out = tmp_path / "out"
    result = segment(tmp_path / "clip.mp4", tmp_path / "masks", out)
    assert result.exit_code == 0, result.output
    masks = sorted((out / "masks").iterdir())
    assert [p.stem for p in masks] == [f"{n:05d}" for n in range(6)]
    for path, truth in zip(masks, labels, strict=True):
        assert overlap(read_labels(path), truth, 77) > 0.7
    with av.open(out / "overlay.mp4") as video:
        assert video.streams.video[0].average_rate == 30


def test_a_run_says_what_it_skipped_and_which_frame_a_mask_marks(clip_folder, tmp_path, segment):
    frames, mask, labels = clip_folder
    (frames / "f3.png").unlink()
    (frames / "notes.txt").touch()
    result = segment(frames, mask, tmp_path / "first", "--format", "png")
    assert result.exit_code == 0, result.output
    record = json.loads((tmp_path / "first" / "run.json").read_text())
    assert record["annotated_frames"] == ["f1"]
    skipped, marked = record["warnings"]
    assert "notes.txt; the numbers of the frames have 1 gap: between f2 and f4" in skipped
    assert marked.endswith("first.png marks the first frame, f1")
    for warning in record["warnings"]:
        assert result.stderr.count(warning) == 1
    write_mask(tmp_path / "f4.png", labels[3])
    assert segment(frames, tmp_path / "f4.png", tmp_path / "named").exit_code == 0
    record = json.loads((tmp_path / "named" / "run.json").read_text())
    assert record["annotated_frames"] == ["f4"]


@pytest.mark.slow
def test_run_can_be_repeated_from_its_record(clip_folder, tmp_path, call, segment):
    frames, mask, _ = clip_folder
    segment(frames, mask, tmp_path / "a", "--set", "regions.threshold=0.35")
    again = call(
        "segment", frames, "--masks", mask, "--output", tmp_path / "b",
        "--config", tmp_path / "a" / "run.json",
    )  # fmt: skip
    assert again.exit_code == 0
    for path in (tmp_path / "a" / "masks").iterdir():
        assert path.read_bytes() == (tmp_path / "b" / "masks" / path.name).read_bytes()


def test_the_record_has_the_precision_that_was_used(clip_folder, tmp_path, segment):
    frames, mask, _ = clip_folder
    for number, options in enumerate(([], ["--precision", "float32"])):
        output = tmp_path / str(number)
        assert segment(frames, mask, output, *options).exit_code == 0
        record = json.loads((output / "run.json").read_text())
        expected = "float32" if options else fast_precision(torch.device("cpu"))
        assert record["config"]["precision"] == expected


@pytest.mark.tuning
@pytest.mark.slow
def test_tuning_can_be_repeated_from_its_record(clip_folder, tmp_path, call, segment, monkeypatch):
    monkeypatch.setattr(tuning, "CLIP_SIZE", (64, 96))
    frames, mask, _ = clip_folder
    result = segment(frames, mask, tmp_path / "a", "--tune", "0.5")
    assert result.exit_code == 0, result.output
    record = json.loads((tmp_path / "a" / "run.json").read_text())
    assert record["config"]["tuning"]["steps"] == steps_of(0.5)
    assert record["is_tuned"] is True
    assert record["seconds_per_stage"]["tune"] > 0
    arguments = ["segment", frames, "--masks", mask, "--config", tmp_path / "a" / "run.json"]
    again = call(*arguments, "--output", tmp_path / "b")
    assert again.exit_code == 0
    for path in (tmp_path / "a" / "masks").iterdir():
        assert path.read_bytes() == (tmp_path / "b" / "masks" / path.name).read_bytes()
    off = call(*arguments, "--output", tmp_path / "c", "--tune", "0")
    assert off.exit_code == 0
    record = json.loads((tmp_path / "c" / "run.json").read_text())
    assert record["is_tuned"] is False
    assert "tune" not in record["seconds_per_stage"]


def test_seconds_of_tuning_must_make_sense(clip_folder, tmp_path, call, words_of):
    frames, mask, _ = clip_folder
    arguments = ["segment", frames, "--masks", mask, "--output", tmp_path / "out", "--tune"]
    result = call(*arguments, "-1")
    assert result.exit_code == 2
    assert "-1.0 seconds of tuning are impossible" in words_of(result)
    result = call(*arguments, "5", "--preset", "paper")
    assert result.exit_code == 2
    assert "--tune is for the preset fast" in words_of(result)
    assert "--steps or --budget" in words_of(result)
    assert not (tmp_path / "out").exists()


def test_evaluate_prints_the_scores(clip_folder, tmp_path, call, segment):
    frames, mask, labels = clip_folder
    (tmp_path / "truth").mkdir()
    for n, label in enumerate(labels, start=1):
        write_mask(tmp_path / "truth" / f"f{n}.png", label)
    perfect = call("evaluate", tmp_path / "truth", "--truth", tmp_path / "truth")
    assert perfect.exit_code == 0
    assert perfect.output.count("1.000") >= 6
    assert "4 frames scored" in perfect.output
    segment(frames, mask, tmp_path / "out")
    scores = call("evaluate", tmp_path / "out/masks", "--truth", tmp_path / "truth", "--json")
    measured = json.loads(scores.output)
    assert measured["J"] > 0.85
    assert measured["J&F"] == pytest.approx((measured["J"] + measured["F"]) / 2)


def test_evaluate_refuses_missing_predictions(clip_folder, tmp_path, call, words_of):
    _, _, labels = clip_folder
    (tmp_path / "truth").mkdir()
    (tmp_path / "mine").mkdir()
    for n, label in enumerate(labels, start=1):
        write_mask(tmp_path / "truth" / f"f{n}.png", label)
    write_mask(tmp_path / "mine" / "f1.png", labels[0])
    result = call("evaluate", tmp_path / "mine", "--truth", tmp_path / "truth")
    assert result.exit_code == 2
    assert "lacks 5 of the 6 frames" in words_of(result)
    assert call("evaluate", tmp_path / "none", "--truth", tmp_path / "truth").exit_code == 2


def test_info_names_weights_and_kernels(call):
    result = call("info")
    assert result.exit_code == 0
    for word in ("torch", "threads", "licence", "propagation", "vectorised"):
        assert word in result.output
    sha256 = json.loads(shipped_weights("fast").with_suffix(".json").read_text())["sha256"]
    assert sha256 in re.sub(r"\s+", "", result.output)


def make_bad_inputs(folder: Path, labels) -> dict[str, tuple[Path, Path, str]]:
    """Name to (video, masks, words of the message)."""
    frames, good = folder / "frames", folder / "first.png"

    def mask(name, array, mode=None):
        Image.fromarray(array, mode).save(folder / name)
        return folder / name

    (folder / "text.mp4").write_text("not a video")
    (folder / "empty").mkdir()
    (folder / "mixed").mkdir()
    Image.new("RGB", (20, 10)).save(folder / "mixed" / "a.png")
    Image.new("RGB", (20, 12)).save(folder / "mixed" / "b.png")
    (folder / "elsewhere").mkdir()
    write_mask(folder / "elsewhere" / "f99.png", labels[0])
    colours = np.zeros((*labels[0].shape, 3), np.uint8)
    colours[labels[0] > 0] = (128, 0, 0)
    soft = np.asarray(Image.fromarray(labels[0] * 200).resize((48, 32)).resize((144, 96)))
    large = labels[0].astype(np.uint16) * 300
    return {
        "no such file": (folder / "none.mp4", good, "none.mp4"),
        "no video": (folder / "text.mp4", good, "text.mp4"),
        "no images": (folder / "empty", good, "empty"),
        "different sizes": (folder / "mixed", good, "b.png"),
        "mask size": (frames, mask("small.png", labels[0][:50]), "144"),
        "all background": (frames, mask("zero.png", labels[0] * 0), "background"),
        "rgb mask": (frames, mask("rgb.png", colours), "2 colours"),
        "soft mask": (frames, mask("soft.png", soft), "200"),
        "no such frame": (frames, folder / "elsewhere", "f99"),
        "large id": (frames, mask("large.png", large), "300"),
        "no mask": (frames, folder / "none.png", "none.png"),
    }


BAD = (
    "no such file",
    "no video",
    "no images",
    "different sizes",
    "mask size",
    "all background",
    "rgb mask",
    "soft mask",
    "no such frame",
    "large id",
    "no mask",
)


@pytest.mark.parametrize("case", BAD)
def test_bad_input_ends_with_a_message_and_nothing_written(
    case, clip_folder, tmp_path, segment, words_of
):
    video, masks, words = make_bad_inputs(tmp_path, clip_folder[2])[case]
    result = segment(video, masks, tmp_path / "out")
    assert result.exit_code == 2
    assert "error:" in words_of(result)
    assert words in words_of(result)
    assert "Traceback" not in words_of(result)
    assert not (tmp_path / "out").exists()


def test_damaged_weights_are_refused(clip_folder, tmp_path, segment, words_of):
    (tmp_path / "w.safetensors").write_bytes(b"x" * 100)
    record = shipped_weights("fast").with_suffix(".json")
    (tmp_path / "w.json").write_text(record.read_text())
    result = segment(*clip_folder[:2], tmp_path / "out", "--weights", tmp_path / "w.safetensors")
    assert result.exit_code == 2
    assert "SHA-256" in words_of(result)
    assert not (tmp_path / "out").exists()


def test_output_folder_in_use_is_left_alone(clip_folder, tmp_path, segment, words_of):
    out = tmp_path / "out"
    out.mkdir()
    (out / "mine.txt").write_text("keep")
    result = segment(*clip_folder[:2], out)
    assert result.exit_code == 2
    assert "holds files already" in words_of(result)
    assert [p.name for p in out.iterdir()] == ["mine.txt"]


def test_full_disk_keeps_every_finished_mask(clip_folder, tmp_path, monkeypatch, segment, words_of):
    save = Image.Image.save
    written = []

    def fill_up(self, file, *args, **kwargs):
        if len(written) == 3:
            raise OSError(errno.ENOSPC, "No space left on device")
        written.append(file)
        return save(self, file, *args, **kwargs)

    monkeypatch.setattr(Image.Image, "save", fill_up)
    result = segment(*clip_folder[:2], tmp_path / "out")
    monkeypatch.undo()
    assert result.exit_code == 2
    assert "No space left" in words_of(result)
    names = sorted(p.name for p in (tmp_path / "out" / "masks").iterdir())
    assert names == ["f1.png", "f2.png", "f3.png"]
    assert not (tmp_path / "out" / "overlay.mp4").exists()
    assert json.loads((tmp_path / "out" / "run.json").read_text())["status"] == "failed"


def test_run_whose_record_cannot_be_written_is_not_done(
    clip_folder, tmp_path, monkeypatch, segment, words_of
):
    def fill_up(*_):
        raise OutputError("cannot write run.json: No space left on device")

    monkeypatch.setattr("rotoline.run_output.write_run_record", fill_up)
    result = segment(*clip_folder[:2], tmp_path / "out", "--format", "png")
    assert result.exit_code == 2
    assert "No space left" in words_of(result)
    assert "done" not in words_of(result)
    assert "frames segmented" not in words_of(result)
    assert (tmp_path / "out" / "masks" / "f1.png").exists()


def test_interruption_keeps_every_finished_mask(
    clip_folder, tmp_path, monkeypatch, segment, words_of
):
    from rotoline import tracker

    fuse, fused = tracker.fuse, []

    def stop_at_third(*args):
        if len(fused) == 2:
            raise KeyboardInterrupt
        fused.append(args)
        return fuse(*args)

    monkeypatch.setattr(tracker, "fuse", stop_at_third)
    result = segment(*clip_folder[:2], tmp_path / "out")
    assert result.exit_code == 130
    assert "2 finished masks" in words_of(result)
    assert len(list((tmp_path / "out" / "masks").iterdir())) == 2
    assert json.loads((tmp_path / "out" / "run.json").read_text())["status"] == "interrupted"


def test_wrong_setting_is_refused_by_name(clip_folder, tmp_path, segment, words_of):
    result = segment(*clip_folder[:2], tmp_path / "out", "--set", "regions.treshold=0.3")
    assert result.exit_code == 2
    assert "did you mean regions.threshold" in words_of(result)


def test_paths_that_cannot_be_read_are_refused(clip_folder, tmp_path, segment, words_of):
    result = segment(*clip_folder[:2], tmp_path / ("a" * 300))
    assert result.exit_code == 2, result.output
    assert "File name too long" in words_of(result)
    for paths in ((tmp_path / ("a" * 300), clip_folder[1]), (clip_folder[0], "a" * 300)):
        result = segment(*paths, tmp_path / "out")
        assert result.exit_code == 2, result.output
        assert "File name too long; check the path" in words_of(result)


def test_too_little_memory_is_reported_without_a_traceback(
    clip_folder, tmp_path, monkeypatch, segment, words_of
):
    def fail(*_, **__):
        raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate ...")

    monkeypatch.setattr(FastSystem, "fit", fail)
    result = segment(*clip_folder[:2], tmp_path / "new" / "out")
    assert result.exit_code == 2, result.output
    assert "not enough memory" in words_of(result)
    assert not (tmp_path / "new").exists()


def test_formats_that_are_named_replace_the_default_ones(clip_folder, tmp_path, segment, words_of):
    out = tmp_path / "out [v2]"
    result = segment(*clip_folder[:2], out, "--format", "scores", "--format", "png")
    assert result.exit_code == 0, result.output
    assert "6 frames segmented" in words_of(result)
    assert "out [v2] holds scores, masks" in words_of(result)  # brackets are no markup
    assert sorted(path.name for path in out.glob("[!.]*")) == ["masks", "run.json", "scores"]
    for name in ("f1", "f6"):
        with np.load(out / "scores" / f"{name}.npz") as frame:
            assert frame["object_ids"].tolist() == [1]
            np.testing.assert_array_equal(frame["labels"], read_labels(out / f"masks/{name}.png"))
    refused = segment(*clip_folder[:2], tmp_path / "other", "--format", "jpeg")
    assert refused.exit_code == 2
    assert "choose among png, scores, overlay" in words_of(refused)
    assert not (tmp_path / "other").exists()


def test_evaluate_reads_results_of_any_format(clip_folder, tmp_path, call, segment):
    segment(*clip_folder[:2], tmp_path / "a", "--format", "png", "--format", "scores")
    truth = ["--truth", tmp_path / "a" / "masks", "--json"]
    for predicted in (tmp_path / "a", tmp_path / "a" / "scores"):
        assert json.loads(call("evaluate", predicted, *truth).output)["J"] == 1


def test_overlay_that_fails_keeps_every_mask(clip_folder, tmp_path, monkeypatch, segment, words_of):
    def fail(*_, **__):
        raise OutputError("cannot write overlay.mp4: the encoder failed")

    monkeypatch.setattr("rotoline.io.writers.overlay.draw_overlay", fail)
    # However slow the run is, it saves no state meanwhile.
    monkeypatch.setattr("rotoline.run_output.SECONDS_BETWEEN_CHECKPOINTS", math.inf)
    result = segment(*clip_folder[:2], tmp_path / "out")
    assert result.exit_code == 2
    assert "the encoder failed" in words_of(result)
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == ["masks", "run.json"]
    record = json.loads((tmp_path / "out" / "run.json").read_text())
    assert (record["status"], record["frames"]) == ("failed", 6)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--steps", "5"], "learner.steps belongs to the preset paper; the preset is fast"),
        (["--budget", "2.5"], "learner.budget belongs to the preset paper; the preset is fast"),
        (
            ["--preset", "paper", "--set", "learner.method=linear_probe", "--steps", "5"],
            "learner.steps belongs to learner.method=fine_tuning; learner.method is linear_probe",
        ),
        (["--preset", "quick"], "there is no preset 'quick'; choose one of fast, paper"),
        (["--preset", "paper"], "no weights ship for the preset paper; give a file"),
    ],
)
def test_options_without_effect_are_refused_with_the_reason(
    options, words, clip_folder, tmp_path, segment, words_of
):
    result = segment(*clip_folder[:2], tmp_path / "out", *options)
    assert result.exit_code == 2
    assert words in words_of(result)
    assert not (tmp_path / "out").exists()


def test_preset_without_weights_says_how_to_give_them(clip_folder, tmp_path, segment, words_of):
    result = segment(*clip_folder[:2], tmp_path / "out", "--preset", "paper")
    assert "--weights FILE" in words_of(result)


def test_help_names_every_preset(call):
    text = call("segment", "--help").output
    assert all(f"{name}:" in text for name in PRESETS)


def test_record_and_info_name_the_device_that_the_preset_runs_on(
    clip_folder, tmp_path, monkeypatch, call, segment, words_of
):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda _: "Some GPU")
    words = words_of(call("info"))
    assert "preset fast runs on: cpu" in words
    assert "preset paper runs on: Some GPU" in words
    assert segment(*clip_folder[:2], tmp_path / "out").exit_code == 0
    record = json.loads((tmp_path / "out" / "run.json").read_text())
    assert record["device"]["device"] == "cpu"


def test_progress_is_a_bar_on_a_terminal_and_the_last_step_is_returned(monkeypatch):
    out = Console(file=io.StringIO(), force_terminal=True, width=100)
    monkeypatch.setattr(terminal, "Console", lambda **_: out)
    steps = [Progress("downloading", 0, 2_000_000), Progress("downloading", 1_500_000, 2_000_000)]
    assert terminal.show_progress(steps, terminal.MEGABYTES) == steps[-1]
    assert "1.5/2.0 MB" in out.file.getvalue()


def test_version_is_that_of_the_package(call):
    result = call("--version")
    assert (result.exit_code, result.output) == (0, f"rotoline {rotoline.__version__}\n")


def test_debug_shows_where_an_error_comes_from(call, tmp_path, words_of):
    command = ["segment", tmp_path / "none.mp4", "--masks", "m.png", "--output", tmp_path / "out"]
    plain, debug = call(*command), call("--debug", *command)
    assert "Traceback" not in words_of(plain)
    assert "Traceback" in words_of(debug)
    assert plain.exit_code == debug.exit_code == 2
    assert "error:" in words_of(debug)


@pytest.mark.slow
def test_names_of_annotations_reach_the_results_and_what_they_are_converted_into(
    clip_folder, tmp_path, call, segment
):
    frames, _, labels = clip_folder
    height, width = labels[0].shape
    rows, columns = np.nonzero(labels[0])
    left, top, right, bottom = (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1)
    polygon = [float(x) for x in (left, top, right, top, right, bottom, left, bottom)]
    content = {
        "images": [{"id": 1, "file_name": "f1.png", "height": height, "width": width}],
        "categories": [{"id": 6, "name": "bear"}],
        "annotations": [{"id": 1, "image_id": 1, "category_id": 6, "segmentation": [polygon]}],
    }
    (tmp_path / "bear.json").write_text(json.dumps(content))
    run = tmp_path / "run"
    result = segment(frames, tmp_path / "bear.json", run, "--format", "png", "--format", "tracks")
    assert result.exit_code == 0, result.output
    assert json.loads((run / "run.json").read_text())["names"] == {"6": "bear"}
    assert "category 6 (bear) is object 6" in result.stderr
    assert (run / "tracks.csv").read_text().splitlines()[1].startswith("f1,0,6,bear,1,")
    result = call("convert", run, "--to", "coco,cvat", "--output", tmp_path / "converted")
    assert result.exit_code == 0, result.output
    converted = json.loads((tmp_path / "converted" / "coco.json").read_text())
    assert converted["categories"] == [{"id": 6, "name": "bear"}]
    result = call("export", run, "--to", "labelme", "--output", tmp_path / "exported")
    assert result.exit_code == 0, result.output
    shape = json.loads((tmp_path / "exported" / "labelme" / "f1.json").read_text())["shapes"][0]
    assert (shape["label"], shape["group_id"]) == ("bear", 6)


@pytest.mark.slow
def test_colours_are_objects_where_they_are_asked_for(clip_folder, tmp_path, segment):
    frames, _, labels = clip_folder
    picture = np.zeros((*labels[0].shape, 3), np.uint8)
    picture[labels[0] > 0] = (0, 90, 200)
    Image.fromarray(picture).save(tmp_path / "f1.png")
    refused = segment(frames, tmp_path / "f1.png", tmp_path / "no")
    assert refused.exit_code == 2
    assert "read every colour as an object, with --colours" in refused.stderr
    result = segment(frames, tmp_path / "f1.png", tmp_path / "out", "--colours", "--format", "png")
    assert result.exit_code == 0, result.output
    assert "(0, 90, 200) is object 1" in result.stderr
    np.testing.assert_array_equal(read_labels(tmp_path / "out" / "masks" / "f1.png"), labels[0])

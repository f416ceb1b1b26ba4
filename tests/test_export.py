"""`rotoline export`: results of a run, their frames, sound and times, in the formats of others."""

import json
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from rotoline.export import export_run
from rotoline.io.frames import open_frames
from rotoline.io.masks import read_labels, write_mask

SIZE = (35, 49)
STAMPS = (0, 40, 160, 200, 320, 1000)  # in units of 1/1000 s
CLOCK = 15_360
SOUND_RATE = 48_000


def write_video(path: Path, *, codec="aac", stamps=STAMPS, first=0, size=SIZE):
    """A video of a variable rate that begins at `first` seconds, with a rising tone from 0 on."""
    with av.open(str(path), "w") as container:
        video = container.add_stream("ffv1" if path.suffix == ".mkv" else "libx264", rate=25)
        video.height, video.width = size
        video.pix_fmt = "yuv444p"
        video.codec_context.time_base = Fraction(1, CLOCK)
        sound = container.add_stream(codec, rate=SOUND_RATE, layout="mono")
        for index, stamp in enumerate(stamps):
            picture = np.full((*size, 3), 30 * index, np.uint8)
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts = round((first + stamp / 1000) * CLOCK)
            frame.time_base = Fraction(1, CLOCK)
            container.mux(video.encode(frame))
        container.mux(video.encode(None))
        tone = np.sin(np.arange(SOUND_RATE) ** 2 / 1e5).astype(np.float32)
        for begin in range(0, SOUND_RATE, 1024):
            piece = (tone[None, begin : begin + 1024] * 20_000).astype(np.int16)
            audio = av.AudioFrame.from_ndarray(piece, format="s16", layout="mono")
            audio.pts, audio.sample_rate = begin, SOUND_RATE
            audio.time_base = Fraction(1, SOUND_RATE)
            container.mux(sound.encode(audio))
        container.mux(sound.encode(None))
    return path


def write_run(folder: Path, video: Path, labels, *, status="complete", left_out=(), **more):
    """What `rotoline segment` leaves behind, without the frames `left_out`."""
    source = open_frames(video)
    (folder / "masks").mkdir(parents=True)
    confidence = {}
    for index, label in enumerate(labels):
        if index not in left_out:
            write_mask(folder / "masks" / f"{source.name(index)}.png", label)
            confidence[source.name(index)] = {"1": 0.9, "5": 0.5}
    record = {
        "status": status,
        "input": {"video": str(video), "masks": "m.png", "size": list(source.size)}
        | source.reading,
        "frames": len(confidence),
        "confidence": confidence,
        **more,
    }
    (folder / "run.json").write_text(json.dumps(record))
    return folder


@pytest.fixture(scope="module")
def labels():
    made = [np.zeros(SIZE, np.uint8) for _ in STAMPS]
    for index, label in enumerate(made):
        label[2 : 8 + index, 3:20] = 1
        label[20:30, 10 + index : 40] = 5 * (index != 3)
    return made


@pytest.fixture
def run(tmp_path, labels):
    video = write_video(tmp_path / "clip.mp4")
    return write_run(tmp_path / "run", video, labels)


def times(path):
    with av.open(path) as container:
        return [frame.pts * frame.time_base for frame in container.decode(video=0)]


def heard(path):
    """Start in seconds and samples of the sound of a file."""
    with av.open(path) as container:
        frames = list(container.decode(audio=0))
    return float(frames[0].pts * frames[0].time_base), np.hstack(
        [frame.to_ndarray()[0] for frame in frames]
    )


def packets(path):
    with av.open(path) as container:
        return [bytes(packet) for packet in container.demux(audio=0) if packet.size]


def test_every_format_in_one_pass_beside_the_masks(run, labels, monkeypatch):
    from rotoline.io.video import VideoFile

    passes = []
    decode = VideoFile.__iter__

    def count(self):
        passes.append(0)
        for frame in decode(self):
            passes[-1] += 1
            yield frame

    monkeypatch.setattr(VideoFile, "__iter__", count)
    formats = ["mattes", "prores", "ffv1-luma", "cutout", "tiff", "overlay"]
    steps = list(export_run(run, formats))
    assert steps[-1].stage == "done"
    assert steps[-1].done == len(STAMPS)
    assert passes.count(len(STAMPS)) == 1  # opening the file takes the first frame of another
    made = sorted(path.name for path in run.iterdir())
    assert made == [
        *("cutout", "ffv1-luma", "labels.tif", "masks", "mattes", "overlay.mp4", "prores"),
        "run.json",
    ]
    for index, label in enumerate(labels):
        matte = read_labels(run / "mattes" / "5" / f"{index:05d}.png")
        np.testing.assert_array_equal(matte > 0, label == 5)


def test_times_of_a_variable_rate_and_the_sound_are_kept(run):
    list(export_run(run, ["prores", "ffv1", "prores-luma", "cutout-video"]))
    source = run.parent / "clip.mp4"
    expected = times(source)
    assert [float(time) for time in expected] == pytest.approx([s / 1000 for s in STAMPS], abs=1e-4)
    for name in ("prores/1.mov", "prores/5.mov", "prores-luma/5.mov", "cutout.mp4"):
        assert times(run / name) == expected, name  # exactly
    in_milliseconds = [float(time) for time in times(run / "ffv1/1.mkv")]  # Matroska has no others
    assert in_milliseconds == pytest.approx([float(time) for time in expected], abs=5.1e-4)
    for name in ("prores/1.mov", "prores-luma/5.mov", "cutout.mp4"):
        assert packets(run / name) == packets(source), name
        assert heard(run / name)[0] == heard(source)[0], name
        np.testing.assert_array_equal(heard(run / name)[1], heard(source)[1])
    # The first packet ends at time 0: AAC begins with one that is not played.
    assert packets(run / "ffv1/1.mkv") == packets(source)[1:]
    assert heard(run / "ffv1/1.mkv")[0] == 0


def test_sound_stays_in_time_with_a_video_that_begins_later(tmp_path, labels):
    video = write_video(tmp_path / "late.mkv", codec="pcm_s16le", first=0.512)
    run = write_run(tmp_path / "run", video, labels)
    list(export_run(run, ["prores", "ffv1"]))
    samples = heard(video)[1]
    for name in ("prores/1.mov", "ffv1/1.mkv"):
        assert times(run / name)[0] == 0
        begin, copy = heard(run / name)
        assert begin == pytest.approx(0, abs=0.022)  # it may begin with the next packet
        passed = round((0.512 + begin) * SOUND_RATE)
        np.testing.assert_array_equal(copy[:2000], samples[passed : passed + 2000])


def test_sound_that_the_container_cannot_hold_is_named(tmp_path, labels):
    video = write_video(tmp_path / "clip.mkv", codec="tta")
    run = write_run(tmp_path / "run", video, labels)
    warnings = [step.warning for step in export_run(run, ["prores", "ffv1"]) if step.warning]
    assert any("1.mov is without the sound of the video (tta), which mov" in w for w in warnings)
    assert packets(run / "ffv1/1.mkv") == packets(video)
    assert len(times(run / "prores/1.mov")) == len(STAMPS)


def test_nothing_is_written_over(run, call, words_of):
    assert call("export", run, "--to", "mattes,cutout").exit_code == 0
    again = call("export", run, "--to", "tiff,mattes")
    assert again.exit_code == 2
    assert "mattes exists already; results are never written over others" in words_of(again)
    assert not (run / "labels.tif").exists()
    elsewhere = run.parent / "for the editor"
    result = call("export", run, "--to", "tiff", "--to", "mattes", "--output", elsewhere)
    assert result.exit_code == 0
    assert "6 frames exported" in words_of(result)
    assert "holds labels.tif, mattes" in words_of(result)
    assert sorted(path.name for path in elsewhere.iterdir()) == ["labels.tif", "mattes"]


def test_an_export_that_fails_leaves_nothing(run, call, words_of, monkeypatch):
    from rotoline.errors import OutputError
    from rotoline.io.writers.cutout import CutoutWriter

    def fail(self, result, _):
        if result.index == 3:
            raise OutputError("cannot write: No space left on device")

    monkeypatch.setattr(CutoutWriter, "write_next", fail)
    result = call("export", run, "--to", "mattes,cutout,prores", "-o", run.parent / "new" / "er")
    assert result.exit_code == 2
    assert "No space left" in words_of(result)
    assert not (run.parent / "new").exists()
    monkeypatch.setattr(
        CutoutWriter, "write_next", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt)
    )
    assert call("export", run, "--to", "mattes,cutout").exit_code == 130
    assert sorted(path.name for path in run.iterdir()) == ["masks", "run.json"]


def test_a_video_that_moved_is_asked_for(run, call, words_of):
    (run.parent / "clip.mp4").rename(run.parent / "moved.mp4")
    refused = call("export", run, "--to", "mattes")
    assert refused.exit_code == 2
    assert "clip.mp4, of which" in words_of(refused)
    assert "say where it is now, with --video" in words_of(refused)
    assert call("export", run, "--to", "mattes", "--video", run.parent / "moved.mp4").exit_code == 0


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"size": (37, 49)}, "is 37 x 49 and"),
        ({"stamps": STAMPS[:4]}, "has no frames 00004, 00005, of which"),
        ({"stamps": (*STAMPS, 1100)}, "has the frames 00006, which the complete run"),
    ],
)
def test_another_video_is_refused(run, call, words_of, change, words):
    write_video(run.parent / "clip.mp4", **change)
    refused = call("export", run, "--to", "mattes")
    assert refused.exit_code == 2
    assert words in words_of(refused)
    assert "the one that was segmented, with --video" in words_of(refused)
    assert not (run / "mattes").exists()


def test_what_an_interrupted_run_finished_is_exported_with_a_warning(
    tmp_path, labels, call, words_of
):
    video = write_video(tmp_path / "clip.mp4")
    run = write_run(tmp_path / "run", video, labels, status="interrupted", left_out=(0, 4, 5))
    result = call("export", run, "--to", "mattes,prores")
    assert result.exit_code == 0
    assert "did not end (its status is interrupted): only the 3 frames" in words_of(result)
    names = sorted(path.name for path in (run / "mattes" / "1").iterdir())
    assert names == ["00001.png", "00002.png", "00003.png"]
    assert times(run / "prores/1.mov") == times(video)[1:4]


def test_masks_that_disappeared_or_changed_are_named(run, call, words_of):
    (run / "masks" / "00002.png").unlink()
    result = call("export", run, "--to", "tiff")
    assert result.exit_code == 0
    assert "lacks the masks of 00002; these frames are left out" in words_of(result)
    write_mask(run / "masks" / "00001.png", np.full(SIZE, 9, np.uint8))
    result = call("export", run, "--to", "mattes")
    assert result.exit_code == 2
    assert "00001.png holds the objects [9], which are not among the objects [1, 5]" in words_of(
        result
    )


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--to", "mattes", "--soft"], "holds no scores, which soft edges are made of"),
        (["--to", "scores"], "scores of this result were not saved"),
        (["--to", "avi"], "there is no format 'avi'; choose among png"),
        (["--to", ","], "no format is named; choose among png"),
        (["--to", "cutout", "--background", "blur"], "--background has no effect on cutout"),
        (["--to", "cutout-video", "--background", "red"], "there is no background 'red'"),
    ],
)
def test_what_cannot_be_exported_is_refused(run, call, words_of, arguments, words):
    result = call("export", run, *arguments)
    assert result.exit_code == 2
    assert words in words_of(result)
    assert sorted(path.name for path in run.iterdir()) == ["masks", "run.json"]


def test_a_folder_that_is_no_run_is_refused(tmp_path, call, words_of):
    for folder, content, words in (
        ("none", None, "is no folder; give the output folder of rotoline segment"),
        ("empty", None, "holds no run.json; give the output folder"),
        ("other", {"status": "complete"}, "is no record of rotoline segment: it lacks input"),
    ):
        if folder != "none":
            (tmp_path / folder).mkdir()
        if content:
            (tmp_path / folder / "run.json").write_text(json.dumps(content))
        result = call("export", tmp_path / folder, "--to", "mattes")
        assert result.exit_code == 2
        assert words in words_of(result)


@pytest.mark.slow
def test_segment_and_export_write_the_same_files(clip_folder, tmp_path, call):
    frames, mask, _ = clip_folder
    mask = mask.rename(mask.with_name("f3.png"))  # two frames are segmented backwards
    formats = ["mattes", "prores-luma", "ffv1", "cutout", "tiff", "overlay"]
    made = call(
        "segment", frames, "--masks", mask, "-o", tmp_path / "run",
        "--set", "working_pixels=24576", "--format", "png", "--format", "scores",
        *[part for name in formats for part in ("--format", name)],
    )  # fmt: skip
    assert made.exit_code == 0, made.output
    result = call("export", tmp_path / "run", "--to", ",".join(formats), "-o", tmp_path / "out")
    assert result.exit_code == 0, result.output
    files = sorted(p.relative_to(tmp_path / "out") for p in (tmp_path / "out").rglob("*.*"))
    assert len(files) == 6 + 1 + 1 + 6 + 1 + 1
    for path in files:
        one, other = ((tmp_path / folder / path) for folder in ("run", "out"))
        if path.suffix == ".mkv":  # which has a random number
            assert times(one) == times(other)
        else:
            assert one.read_bytes() == other.read_bytes(), path
    soft = call("export", tmp_path / "run", "--to", "mattes", "--soft", "-o", tmp_path / "soft")
    assert soft.exit_code == 0, soft.output
    with np.load(tmp_path / "run" / "scores" / "f2.npz") as frame:
        scores = frame["scores"][0].astype(np.float32)
    from PIL import Image

    with Image.open(tmp_path / "soft" / "mattes" / "1" / "f2.png") as image:
        np.testing.assert_array_equal(image, (scores * 65535).round())

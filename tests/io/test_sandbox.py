"""Frames that another process decodes: the same frames, and an error whatever happens to it."""

import gc
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from rotoline.errors import InputError
from rotoline.io.frames import open_frames
from rotoline.io.sandbox import SandboxedFrames
from rotoline.limits import Limits

pytestmark = [
    pytest.mark.slow,  # each starts a process
    pytest.mark.skipif(os.name != "posix", reason="this system cannot limit a process"),
]


def is_running(process: int) -> bool:
    try:
        state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


def wait_until_ended(process: int) -> bool:
    deadline = time.monotonic() + 10
    while is_running(process) and time.monotonic() < deadline:
        time.sleep(0.05)
    return not is_running(process)


@pytest.fixture
def video(tmp_path):
    """An H.264 video of 40 frames with one keyframe in twelve."""
    generator = np.random.default_rng(0)
    noise = generator.integers(0, 256, (48, 200, 3), dtype=np.uint8)
    with av.open(str(tmp_path / "a.mp4"), "w") as container:
        stream = container.add_stream("libx264", rate=25, options={"g": "12"})
        stream.height, stream.width, stream.pix_fmt = 48, 64, "yuv420p"
        for index in range(40):
            frame = np.ascontiguousarray(noise[:, index : index + 64])
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame)))
        container.mux(stream.encode(None))
    return tmp_path / "a.mp4"


@pytest.fixture
def stack(tmp_path):
    """A TIFF with 12 pages of 16-bit grey."""
    generator = np.random.default_rng(0)
    pages = generator.integers(200, 1100, (12, 40, 60)).astype(np.uint16)
    pictures = [Image.fromarray(page) for page in pages]
    pictures[0].save(tmp_path / "a.tif", save_all=True, append_images=pictures[1:])
    return tmp_path / "a.tif"


@pytest.mark.parametrize("kind", ["video", "stack", "folder"])
def test_everything_is_as_without_it(kind, video, stack, clip_folder):
    path = {"video": video, "stack": stack, "folder": clip_folder[0]}[kind]
    plain, boxed = open_frames(path), open_frames(path, sandbox=True)
    assert isinstance(boxed, SandboxedFrames)
    frames = list(plain)
    for index, frame in enumerate(boxed):
        np.testing.assert_array_equal(frame, frames[index])
    assert index == len(frames) - 1
    assert boxed.reading == plain.reading
    for name in ("size", "count", "problem", "frame_rate", "pixel_shape"):
        assert getattr(boxed, name) == getattr(plain, name), name
    for index in (0, 3):
        assert boxed.name(index) == plain.name(index)
        assert boxed.time(index) == plain.time(index)
        assert boxed.find(plain.name(index)) == index
    assert boxed.find("nothing") is None
    back = list(boxed.backwards(9 if kind != "folder" else 5))
    assert [index for index, _ in back] == list(range(len(back)))[::-1]
    for index, frame in back + list(boxed.read([4, 1]).items()):
        np.testing.assert_array_equal(frame, frames[index])


def test_a_part_of_the_frames_is_as_without_it(video):
    part = {"start": "0.2s", "end": "30", "every": 4}
    plain, boxed = open_frames(video, **part), open_frames(video, sandbox=True, **part)
    frames = list(plain)
    assert len(frames) == plain.count == boxed.count
    for index, frame in [*enumerate(boxed), *boxed.backwards(len(frames))]:
        np.testing.assert_array_equal(frame, frames[index])
        assert boxed.name(index) == plain.name(index)
        assert boxed.time(index) == plain.time(index)


def test_passes_may_overlap_and_be_left(clip_folder):
    boxed, frames = open_frames(clip_folder[0], sandbox=True), list(open_frames(clip_folder[0]))
    first, second = iter(boxed), iter(boxed)
    for index in range(3):
        np.testing.assert_array_equal(next(first), frames[index])
        if index == 1:
            next(second)
    del second
    assert len(list(first)) == 3


def test_errors_are_those_of_the_decoder(tmp_path, video):
    with pytest.raises(InputError, match=r"missing.mp4 does not exist"):
        open_frames(tmp_path / "missing.mp4", sandbox=True)
    with pytest.raises(InputError, match="has no frame 500, it has 40 frames"):
        open_frames(video, sandbox=True).read([500])
    with pytest.raises(InputError, match=r"limits.pixels accepts 1,000"):
        open_frames(video, sandbox=True, limits=Limits(pixels=1000))


@pytest.mark.parametrize(
    ("number", "name"), [(signal.SIGSEGV, "SIGSEGV"), (signal.SIGKILL, "SIGKILL")]
)
def test_a_crash_of_the_decoder_is_an_error(number, name, video):
    boxed = open_frames(video, sandbox=True)
    frames = iter(boxed)
    for _ in range(5):
        next(frames)
    os.kill(boxed._process.pid, number)
    with pytest.raises(InputError, match=rf"was ended by {name} near frame 5"):
        next(frames)
    with pytest.raises(InputError):
        list(boxed)


def test_a_decoder_that_hangs_is_ended(video):
    boxed = open_frames(video, sandbox=True, limits=Limits(seconds=1))
    frames = iter(boxed)
    next(frames)
    os.kill(boxed._process.pid, signal.SIGSTOP)
    began = time.monotonic()
    with pytest.raises(
        InputError, match=r"near frame 1: it took more than 1 s .* limits.seconds=3"
    ):
        next(frames)
    assert time.monotonic() - began < 5
    assert not is_running(boxed._process.pid)


def test_too_little_memory_names_the_limit(tmp_path):
    Image.fromarray(np.zeros((6300, 6300, 3), np.uint8)).save(tmp_path / "a.png")
    with pytest.raises(InputError, match=r"limits.memory accepts .* limits.memory="):
        open_frames(tmp_path, sandbox=True, limits=Limits(memory=2**29)).read([0])


def test_no_process_stays_behind(video):
    boxed = open_frames(video, sandbox=True)
    process = boxed._process.pid
    del boxed
    gc.collect()
    assert wait_until_ended(process)


@pytest.mark.parametrize("state", ["waiting", "decoding"])
def test_no_process_outlives_a_caller_that_is_killed(state, video):
    then = {
        "waiting": "import time; time.sleep(100)",
        "decoding": "[list(boxed) for _ in range(999)]",
    }
    program = f"""
import rotoline
boxed = rotoline.open_frames({str(video)!r}, sandbox=True)
print(boxed._process.pid, flush=True)
{then[state]}
"""
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE) as caller:
        process = int(caller.stdout.readline())
        assert is_running(process)
        caller.kill()
    assert wait_until_ended(process)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux takes rights away")
def test_rights_are_given_up(tmp_path):
    """What the kernel refuses to take away is not asserted: containers forbid some of it."""
    program = (
        "import socket, sys; from pathlib import Path\n"
        "from rotoline.io.decoder_process import give_up_rights\n"
        "give_up_rights()\n"
        f"path = Path({str(tmp_path / 'new')!r})\n"
        "try:\n    path.write_text('x')\nexcept OSError as error: print('refused', error)\n"
        "interfaces = [name for _, name in socket.if_nameindex()]\n"
        "print(interfaces)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout.startswith("refused"), done
    assert not (tmp_path / "new").exists() or not (tmp_path / "new").read_text()


def test_segment_decodes_in_the_sandbox(call, clip_folder, tmp_path, words_of):
    frames, mask, _ = clip_folder
    arguments = ["segment", frames, "--masks", mask, "--format", "png"]
    quick = ["--set", "working_pixels=24576", "--tune", "0"]
    for name, more in (("plain", []), ("boxed", ["--sandbox"])):
        result = call(*arguments, "--output", tmp_path / name, *quick, *more)
        assert result.exit_code == 0, words_of(result)
    for path in (tmp_path / "plain" / "masks").iterdir():
        assert path.read_bytes() == (tmp_path / "boxed" / "masks" / path.name).read_bytes()

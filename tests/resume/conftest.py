"""A clip with a late object, and the command in processes that are killed."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from rotoline.io.masks import write_mask
from rotoline.io.run_state import STATE

SETTINGS = ("--set", "working_pixels=9216", "--set", "online.update_every=2")


@pytest.fixture(scope="module")
def late_clip(tmp_path_factory, make_clip):
    """Frames and masks: object 1 is marked in frame 2 of 9, object 2 in frame 5."""
    folder = tmp_path_factory.mktemp("clip")
    pictures, labels = make_clip(frames=9, ids=(1, 2))
    (folder / "frames").mkdir()
    (folder / "masks").mkdir()
    for index, picture in enumerate(pictures):
        Image.fromarray(picture).save(folder / "frames" / f"{index:05d}.png")
    for index, object_id in ((2, 1), (5, 2)):
        mask = np.where(labels[index] == object_id, object_id, 0).astype(np.uint8)
        write_mask(folder / "masks" / f"{index:05d}.png", mask)
    return folder / "frames", folder / "masks"


@pytest.fixture(scope="session")
def in_process(tmp_path_factory):
    """A function that runs the command in a process of its own, see `child.py`."""
    if not hasattr(subprocess.os, "fork"):
        pytest.skip("processes are forked, which this system cannot")
    folder = tmp_path_factory.mktemp("child")
    errors = (folder / "errors").open("w+")
    command = [sys.executable, str(Path(__file__).parent / "child.py"), str(folder / "answer")]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, text=True
    ) as child:

        def run(arguments, watched, at=None, how="kill", every=1):
            job = {"arguments": [str(a) for a in arguments], "watched": str(watched), "at": at}
            child.stdin.write(json.dumps({**job, "how": how, "every": every}) + "\n")
            child.stdin.flush()
            answer = json.loads(child.stdout.readline())
            return answer | {"errors": (folder / "errors").read_text()}

        yield run
        child.stdin.close()
    errors.close()


@pytest.fixture
def segment(in_process, late_clip):
    """A function that segments the clip into a folder, in a process of its own."""
    frames, masks = late_clip
    names = ("png", "scores", "overlay", "tracks", "mattes")
    formats = [part for name in names for part in ("--format", name)]

    def run(output, *more, **how):
        arguments = ["segment", frames, "--masks", masks, "--output", output, *SETTINGS]
        return in_process([*arguments, *formats, *more], output, **how)

    return run


@pytest.fixture(scope="session")
def files_of():
    """A function: the content of all results of a run by their path, without times."""

    def read(output):
        found = {
            path.relative_to(output).as_posix(): path.read_bytes()
            for path in sorted(output.rglob("*"))
            if path.is_file() and STATE not in path.parts
        }
        record = json.loads(found.pop("run.json"))
        kept = ("status", "frames", "confidence", "config", "content", "annotated_frames")
        return found | {name: record[name] for name in kept}

    return read

"""Synthetic clips with known answers, settings that make the pipeline quick, and the command."""

import importlib.util
import json
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from typer.testing import CliRunner

from rotoline.data.training_clips import Clip
from rotoline.io.masks import write_mask
from rotoline.learning.sampler import Sampler
from rotoline.model import load_model
from rotoline.presets import FAST
from rotoline.review.report import report_run
from rotoline.systems.fast import choice
from rotoline.systems.paper.network import PaperNet
from rotoline.weights.files import save_weights

COLOURS = ((235, 80, 40), (40, 90, 235), (240, 220, 60))


@pytest.fixture(autouse=True)
def _without_tuning(request, monkeypatch):
    """Tuning takes seconds, so only the tests that are about it tune."""
    if "tuning" not in request.keywords:
        monkeypatch.setattr(choice, "tune", lambda *_, **__: None)


@pytest.fixture
def small():
    """The default configuration at a small working size."""
    return FAST.model_copy(update={"working_pixels": 128 * 192})


@pytest.fixture(scope="session")
def call():
    """A function that runs the command `rotoline` in this process with some arguments."""
    from rotoline.cli import app

    return lambda *arguments: CliRunner().invoke(app, [str(argument) for argument in arguments])


@pytest.fixture(scope="session")
def words_of():
    """A function: everything that a command printed, with single spaces between the words."""
    return lambda result: re.sub(r"\s+", " ", result.output + result.stderr)


@pytest.fixture(scope="session")
def paper_weights(tmp_path_factory):
    """Weights of a shallow network of the preset `paper`, untrained."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        net = PaperNet((1, 1, 1, 1)).requires_grad_(False)
    for layer in (net.foreground.feat, net.foreground.score):
        layer.weight *= 20  # as drawn they are so small that nothing is learned in a few steps
    path = tmp_path_factory.mktemp("weights") / "paper.safetensors"
    words = dict.fromkeys(("licence", "data", "command", "commit"), "test")
    save_weights(path, net, {**words, "seed": 0, "steps": 0})
    return path


@pytest.fixture(scope="session")
def make_clip():
    """A function that draws coloured discs moving over texture, with the exact label maps."""

    def make(frames=6, ids=(1,), size=(96, 144), speed=3):
        generator = np.random.default_rng(0)
        coarse = generator.integers(70, 130, (size[0] // 8, size[1] // 8, 3), dtype=np.uint8)
        background = np.asarray(
            Image.fromarray(coarse).resize(size[::-1], Image.Resampling.BICUBIC)
        )
        rows, cols = np.mgrid[: size[0], : size[1]]
        pictures, labels = [], []
        for t in range(frames):
            picture, label = background.copy(), np.zeros(size, np.uint8)
            for k, object_id in enumerate(ids):
                row = size[0] * (k + 1) / (len(ids) + 1)
                col = 30 + speed * t + 20 * k
                radius = size[0] / (3 + 2.5 * len(ids))
                disc = (rows - row) ** 2 + (cols - col) ** 2 < radius**2
                picture[disc] = COLOURS[k % len(COLOURS)]
                label[disc] = object_id
            pictures.append(picture)
            labels.append(label)
        return pictures, labels

    return make


@pytest.fixture
def clips(make_clip):
    """Two short clips as the training holds them."""
    made = []
    for name, ids in (("a", (1,)), ("b", (1, 1))):
        pictures, labels = make_clip(frames=5, ids=ids)
        frames = [torch.from_numpy(p).permute(2, 0, 1).contiguous() for p in pictures]
        made.append(Clip(name, frames, [torch.from_numpy(label) for label in labels]))
    return made


@pytest.fixture
def make_sampler():
    """A function that makes a `Sampler` of a seed."""
    return lambda seed: Sampler(torch.Generator().manual_seed(seed))


@pytest.fixture(scope="session")
def overlap():
    """A function: intersection over union of one object in two label maps."""

    def measure(first, second, object_id):
        a, b = first == object_id, second == object_id
        return (a & b).sum() / max((a | b).sum(), 1)

    return measure


@pytest.fixture
def clip_folder(tmp_path: Path, make_clip):
    """A folder of PNG frames f1 ... f6 with a mask of the first, and the true label maps."""
    pictures, labels = make_clip()
    frames = tmp_path / "frames"
    frames.mkdir()
    for index, picture in enumerate(pictures, start=1):
        Image.fromarray(picture).save(frames / f"f{index}.png")
    write_mask(tmp_path / "first.png", labels[0])
    return frames, tmp_path / "first.png", labels


@pytest.fixture(scope="session")
def model():
    """The default preset with the weights that ship."""
    return load_model()


@pytest.fixture
def make_data(tmp_path, make_clip):
    """A function that writes drawn clips under the names of the development clips: sequences of one
    object, each further to the right than the one before, and schoolgirls with objects 2 and 5."""

    def make(*names, frames=5, girls=True):
        data = tmp_path / "data"
        for k, name in enumerate(names):
            pictures, labels = make_clip(frames=frames, speed=3 + 2 * k)
            pictures, labels = (np.roll(arrays, 40 * k, axis=2) for arrays in (pictures, labels))
            for kind, arrays in (("JPEGImages", pictures), ("Annotations", labels)):
                folder = data / "davis-2016-train" / kind / "480p" / name
                folder.mkdir(parents=True)
                for t, array in enumerate(arrays):
                    if kind == "JPEGImages":
                        Image.fromarray(array).save(folder / f"{t:05d}.jpg", quality=95)
                    else:
                        Image.fromarray(array > 0).save(folder / f"{t:05d}.png")
        if girls:
            pictures, labels = make_clip(frames=frames, ids=(2, 5))
            for kind in ("JPEGImages", "Annotations"):
                (data / "davis-2017-schoolgirls" / kind).mkdir(parents=True)
            for t, (picture, label) in enumerate(zip(pictures, labels, strict=True)):
                at = data / "davis-2017-schoolgirls"
                Image.fromarray(picture).save(at / "JPEGImages" / f"{t:05d}.jpg", quality=95)
                write_mask(at / "Annotations" / f"{t:05d}.png", np.array(label))
        return data

    return make


QUICK = {"working_pixels": "9216", "tuning.steps": "0"}
"""Settings with which a tiny clip takes a second."""


@pytest.fixture
def write_batch(tmp_path, make_clip):
    """A function that writes folders of frames, a mask for each, and a manifest of them.

    A clip whose name begins with `broken` has a damaged picture, and one that begins with `kill`
    is to kill the process that opens it first (`killing_environment`).
    """

    def write(*names, frames=3, manifest="clips.jsonl"):
        lines = []
        for k, name in enumerate(names):
            pictures, labels = make_clip(frames=frames, size=(64, 96), speed=2 + k)
            folder = tmp_path / "clips" / name
            folder.mkdir(parents=True, exist_ok=True)
            for t, picture in enumerate(pictures):
                Image.fromarray(picture).save(folder / f"{t:05d}.png")
            if name.startswith("broken"):
                (folder / "00000.png").write_bytes(b"no picture")
            write_mask(tmp_path / "clips" / f"{name}.png", labels[0])
            lines.append({"id": name, "video": f"clips/{name}", "masks": f"clips/{name}.png"})
        path = tmp_path / manifest
        path.write_text("".join(json.dumps(line) + "\n" for line in lines))
        return path

    return write


KILLER = """
import os, signal, sys

def watch(event, arguments):
    if event == "open" and "/clips/kill" in str(arguments[0]):
        try:
            os.close(os.open(os.environ["KILLED"], os.O_CREAT | os.O_EXCL))
        except FileExistsError:
            return
        os.kill(os.getpid(), signal.SIGKILL)

if "rotoline.batch.child" in sys.orig_argv:  # not those who look at the clip
    sys.addaudithook(watch)
"""


@pytest.fixture
def killing_environment(tmp_path):
    """Environment variables: the process that segments a clip `kill...` is killed, once."""
    (tmp_path / "startup").mkdir()
    (tmp_path / "startup" / "sitecustomize.py").write_text(KILLER)
    return {"PYTHONPATH": str(tmp_path / "startup"), "KILLED": str(tmp_path / "killed")}


@pytest.fixture
def results_of():
    """A function: what a run has made, by the paths of its files; of `run.json` what must agree."""

    def read(output):
        files = {
            path.relative_to(output).as_posix(): path.read_bytes()
            for path in sorted(output.rglob("*"))
            if path.is_file()
            and path.name not in ("run.json", "report.html", "finished.safetensors")
        }
        record = json.loads((output / "run.json").read_text())
        kept = ("status", "frames", "confidence", "config", "content", "annotated_frames")
        return files | {name: record[name] for name in kept}

    return read


@pytest.fixture
def single_run(model, tmp_path):
    """A function that segments a clip of `write_batch` as `rotoline segment` does."""
    from rotoline.config import read_config
    from rotoline.run import segment_to_folder

    def run(name):
        config = read_config(FAST, None, [f"{key}={value}" for key, value in QUICK.items()])
        output, clips = tmp_path / "single" / name, tmp_path / "clips"
        steps = segment_to_folder(
            clips / name,
            clips / f"{name}.png",
            output,
            weights=None,
            config=config,
            command=[],
            formats=["png", "scores"],
            model=model,
        )
        threads = torch.get_num_threads()
        torch.set_num_threads(1)
        list(steps)
        list(report_run(output))
        torch.set_num_threads(threads)
        return output

    return run


@pytest.fixture
def batch_arguments():
    """The arguments of `rotoline batch` that `single_run` corresponds to."""
    settings = [part for name, value in QUICK.items() for part in ("--set", f"{name}={value}")]
    return [*settings, "--format", "png", "--format", "scores", "--threads", "1"]


@pytest.fixture(scope="session")
def load_script():
    """A function that loads a script of the folder `scripts` as a module, by its name."""

    def load(name):
        path = Path(__file__).parents[1] / "scripts" / f"{name}.py"
        spec = importlib.util.spec_from_file_location(name, path)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module

    return load

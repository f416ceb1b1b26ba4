"""What the upsampler is worth at the borders of objects, and what it costs.

    python benchmarks/borders.py [--tiny] [--data DATA --odd-weights ODD --even-weights EVEN]

Each map is enlarged to the size of the frame twice, with the upsampler and by interpolation alone,
so the rows differ in nothing else. Measured are J, F, and F with a tolerance of .002 of the
diagonal (2 pixels at 480p, 4 at 1080p, 9 at 2160p), in frames that follow the marked one:

- sequences of DAVIS-2016 train, with --data: each with the weights that have not seen it, at a
  working size at which a pixel of the map is 8 pixels of the frame, as in a frame of 960 rows
- the bundled clip, 720 rows, by the weights that ship: in the frames that were masked by hand
- shapes with exact borders before a photograph, 1080 and 2160 rows, by the weights that ship

Also seconds per frame of both, the rest of the frame included, and the peak memory.
"""

import resource
import time
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageDraw

from _report import describe_machine, make_parser, report
from rotoline.data.splits import HALVES
from rotoline.data.training_clips import find_videos
from rotoline.demo import MASKS, TRUTH, VIDEO
from rotoline.io.frames import open_frames
from rotoline.io.masks import read_annotations
from rotoline.io.results import read_label_maps
from rotoline.metrics import boundary_accuracy, region_similarity
from rotoline.model import load_model
from rotoline.pipeline import segment
from rotoline.systems.fast.upsampling import upsample_with_frame
from rotoline.types import upsample

FINE = 0.002
COARSE_PIXELS = 103_680
COUNT = 15


def measure(model, frames, masks, truths, *, working_pixels=None):
    """Scores `(frames, objects, 2, 3)` with and without the upsampler, and seconds of both."""
    settings = {"tuning": model.config.tuning.model_copy(update={"steps": 0})}
    if working_pixels:
        settings["working_pixels"] = working_pixels
    config = model.config.model_copy(update=settings)
    net, scores, seconds, began = model.system.net.upsampler, [], np.zeros(2), time.perf_counter()
    plain = config.model_copy(
        update={"upsampling": config.upsampling.model_copy(update={"enabled": False})}
    )
    for frame, result in zip(
        frames, segment(frames, masks, model.tracker(config=plain)), strict=True
    ):
        truth = truths.get(result.index)
        if truth is None or result.index in masks:
            continue
        clocks, labels = [time.perf_counter()], []
        for way in (upsample_with_frame(net, result.logits, frame), None):
            maps = upsample(result.logits, frame.shape[:2]) if way is None else torch.stack([*way])
            best, row = maps.max(0)
            labels.append(np.where(best > 0, np.array(result.object_ids)[row], 0))
            clocks.append(time.perf_counter())
        seconds += np.diff(clocks)
        scores.append(
            [[both(found == i, truth == i) for found in labels] for i in result.object_ids]
        )
    rest = time.perf_counter() - began
    return np.array(scores), seconds / max(len(scores), 1), rest


def both(found, truth):
    """J, F and F with the small tolerance."""
    return (
        region_similarity(found, truth),
        boundary_accuracy(found, truth),
        boundary_accuracy(found, truth, FINE),
    )


def make_shapes(height, count):
    """A star, a ring and a comb that move over a photograph; frames and exact label maps."""
    photograph = Image.fromarray(next(iter(open_frames(VIDEO)))).resize((height * 16 // 9, height))
    texture = np.asarray(photograph.transpose(Image.Transpose.FLIP_LEFT_RIGHT).convert("RGB"))
    frames, labels = [], []
    for t in range(count):
        mask = Image.new("L", photograph.size)
        draw, unit = ImageDraw.Draw(mask), height / 100
        x, y = (30 + 1.5 * t) * unit, 40 * unit
        angles = np.arange(14) * np.pi / 7 + 0.05 * t
        radii = np.where(np.arange(14) % 2, 12, 26) * unit
        corners = np.stack((x + radii * np.cos(angles), y + radii * np.sin(angles)), axis=1)
        draw.polygon([tuple(corner) for corner in corners.tolist()], fill=1)
        at = (115 - t) * unit, (55 + t) * unit
        draw.ellipse([at[0], at[1], at[0] + 36 * unit, at[1] + 30 * unit], fill=2)
        draw.ellipse(
            [at[0] + 9 * unit, at[1] + 8 * unit, at[0] + 26 * unit, at[1] + 22 * unit], fill=0
        )
        for tooth in range(6):
            left, top = (80 + 5 * tooth) * unit, (6 + t) * unit
            draw.rectangle([left, top, left + 2.5 * unit, top + 30 * unit], fill=3)
        found = np.array(mask)
        tints = np.array([[1, 1, 1], [0.5, 0.7, 1.3], [1.4, 0.6, 0.5], [0.6, 1.3, 0.6]])
        shown = np.where(found[..., None] > 0, texture, np.asarray(photograph))
        frames.append(np.clip(shown * tints[found], 0, 255).astype(np.uint8))
        labels.append(found)
    return frames, labels


def sequences(data, weights, is_tiny):
    """Scores of every sequence, by name."""
    models = {half: load_model(path, "fast") for half, path in weights.items()}
    for video in find_videos(data, ())[: 2 if is_tiny else None]:
        model = models["even" if video.name in HALVES["odd"] else "odd"]
        frames = [video.read_frame(index) for index in range(min(COUNT, len(video.frame_names)))]
        labels = {index: video.read_labels(index) for index in range(len(frames))}
        found = measure(model, frames, {0: labels[0]}, labels, working_pixels=COARSE_PIXELS)
        yield video.name, found[0].mean((0, 1))


def cases(options):
    """Measure everything; one record a case."""
    yield describe_machine()
    if options.data:
        weights = {"odd": options.odd_weights, "even": options.even_weights}
        clips = np.array([one for _, one in sequences(options.data, weights, options.tiny)])
        drawn = np.random.default_rng(0).integers(len(clips), size=(2000, len(clips)))
        gains = (clips[:, 0] - clips[:, 1])[drawn].mean(1)
        interval = np.quantile(gains, [0.025, 0.975], axis=0).T.round(4).tolist()
        yield case("sequences", clips.mean(0), clips=len(clips), interval_of_gain=interval)
    model = load_model()
    source = open_frames(VIDEO)
    masks, truth = read_annotations(MASKS, source).labels, read_label_maps(TRUTH)
    truths = {source.find(name): truth[name] for name in truth}
    frames = list(source)
    if options.tiny:
        frames, masks = frames[:25], {0: masks[0]}
    scores, seconds, _ = measure(model, frames, masks, truths)
    yield case("bundled clip", scores.mean((0, 1)), rows=720, seconds=seconds)
    for rows in (270, 540) if options.tiny else (1080, 2160):
        frames, labels = make_shapes(rows, 5)
        scores, seconds, rest = measure(model, frames, {0: labels[0]}, dict(enumerate(labels)))
        rest = round(rest / len(frames), 4)
        yield case("shapes", scores.mean((0, 1)), rows=rows, seconds=seconds, seconds_of_all=rest)
    yield {"case": "memory", "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024}


def case(name, scores, *, seconds=None, **facts):
    """A record of J, F and fine F, with the upsampler and by interpolation."""
    found = {"upsampler": scores[0], "interpolation": scores[1]}
    if seconds is not None:
        found["seconds_upsampler"], found["seconds_interpolation"] = seconds
    return {"case": name, **facts} | {key: np.round(one, 4).tolist() for key, one in found.items()}


def main():
    """Print one JSON line per case."""
    parser = make_parser(__doc__)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--odd-weights", type=Path)
    parser.add_argument("--even-weights", type=Path)
    options = parser.parse_args()
    report(cases(options), options.label)


if __name__ == "__main__":
    main()

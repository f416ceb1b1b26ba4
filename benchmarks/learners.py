"""The solver of linear heads compared with SGD on the same heads, on the same frozen features.

    python benchmarks/learners.py DATA --weights FILE [--only SEQUENCE ...] [--tiny] [--label NAME]

Learned from is the first frame of each development sequence and its affine views, 12 in all, as the
`paper` preset does with `learner.method=linear_probe`. Both learners minimise one objective,
equation 1 at 1/8 with the ridge of `rotoline.systems.paper.linear_probe`:

- solver: `fit_linear_probe`, from zeros, with at most 10, 30 and 100 iterations
- SGD: momentum .9 on the two 1x1 layers of the network, from the generic head; one view a step, in
  turn. Of the learning rates the one with the lowest objective is reported, and the time is that of
  its run alone: the search takes as many times longer

`j` is that of the raw map, logit > 0 at the size of the frame, on every 10th later frame, without
propagation or filters. Before anything is timed, the objective that SGD adds up from single views
is checked against that of the solver.

Prints one JSON line per sequence and learner, then a Markdown table of the means.
"""

import statistics
import time
from pathlib import Path
from typing import NamedTuple
from unittest import mock

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from _report import check_equal, describe_machine, make_parser, report
from rotoline.evaluation.clips import DEVELOPMENT, EvaluationClip
from rotoline.evaluation.development_clips import development_clips
from rotoline.evaluation.tables import markdown_table
from rotoline.learning.augmentation import generator_for, sample_affine, warp_together
from rotoline.metrics import region_similarity
from rotoline.stages.preprocess import to_tensor, working_size
from rotoline.systems.paper.linear_probe import (
    LinearProbe,
    Problem,
    fit_linear_probe,
    objective,
    predict_probe,
)
from rotoline.systems.paper.network import PaperNet, network_from_state
from rotoline.systems.paper.probing import LinearProbing
from rotoline.systems.paper.segmentation import project
from rotoline.weights.files import read_weights

CONFIG = LinearProbing()
"""Number of views and strength of the ridge are the defaults."""
MOMENTUM = 0.9


class Extent(NamedTuple):
    """How much is measured."""

    iterations: tuple[int, ...] = (10, 30, 100)
    steps: tuple[int, ...] = (100, 300, 1000)
    rates: tuple[float, ...] = (0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 10.0)
    every: int = 10
    """Number of frames from one that is scored to the next."""


TINY = Extent(iterations=(3,), steps=(2,), rates=(0.01, 0.1), every=1)


class Later(NamedTuple):
    """A frame to score on."""

    maps: tuple
    truth: Tensor


def make_views(net, clip, size):
    """Compute maps and masks of the first frame and of its affine views."""
    truth = torch.from_numpy(clip.read_truth(0))
    masks = torch.stack([(truth == object_id).float() for object_id in clip.object_ids])
    masks = functional.interpolate(masks[None], size=size, mode="area")[0].ge(0.5).float()
    frame = to_tensor(clip.read_frame(0), size)
    views = [(net.maps(frame), masks)]
    for number in range(1, CONFIG.views):
        affine = sample_affine(generator_for(0, number), size, CONFIG.augmentation)
        warped, targets = warp_together(frame, masks, affine)
        views.append((net.maps(warped), targets))
    return views


def make_later(net, clip, size, every):
    """Compute maps and read true masks of some frames after the first."""
    return [
        Later(
            net.maps(to_tensor(clip.read_frame(index), size)),
            torch.from_numpy(clip.read_truth(index)),
        )
        for index in range(every, len(clip.frame_names), every)
    ]


def score(heads, later, object_ids):
    """Mean J of the raw maps, of all objects."""
    overlaps = []
    for maps, truth in later:
        logits = predict_probe(heads, maps)[None]
        full = functional.interpolate(
            logits, size=tuple(truth.shape), mode="bilinear", align_corners=False
        )[0]
        for logit, object_id in zip(full, object_ids, strict=True):
            overlaps.append(
                region_similarity((logit > 0).numpy(), (truth == object_id).numpy()),
            )
    return statistics.mean(overlaps)


def as_heads(feat, feat_bias, score_weight, score_bias):
    """Two layers as the one head `(1, 3584)` that they are: foreground minus background."""
    difference = (score_weight[1] - score_weight[0])[None]
    return LinearProbe(
        difference @ feat, (difference @ feat_bias[:, None])[0] + score_bias[1:] - score_bias[:1]
    )


class Descent:
    """SGD on the two layers of a network's head, one view a step.

    Args:
        net: Gives the layers to start from.
        views: Of one object.
    """

    def __init__(self, net, views):
        self.views = views
        self.problem = Problem(views, CONFIG.ridge)
        pixels = [maps[0].shape[-2] * maps[0].shape[-1] for maps, _ in views]
        weights = self.problem.positive, self.problem.negative
        self.positive, self.negative = (part.split(pixels, dim=1) for part in weights)
        layers = (net.feat.weight.flatten(1), net.feat.bias, net.score.weight.flatten(1))
        self.start = (*layers, net.score.bias)

    def loss(self, heads, at):
        """Loss of one view, without the ridge."""
        logits = project(self.views[at][0], *heads)[0].flatten(1)
        loss = (self.positive[at] * functional.softplus(-logits)).sum()
        return loss + (self.negative[at] * functional.softplus(logits)).sum()

    def ridge(self, heads):
        """The ridge on the heads."""
        return CONFIG.ridge / 2 * (heads.weight / self.problem.factor).square().sum()

    def check(self):
        """Compare the sum over all views with the objective of the solver."""
        heads = as_heads(*self.start)
        found = sum(self.loss(heads, at) for at in range(len(self.views))) + self.ridge(heads)
        return check_equal(found, objective(heads, self.views, CONFIG.ridge)[0], "objective")

    @torch.enable_grad()
    def run(self, rate, steps):
        """Take the steps: the heads; None if they diverge."""
        parameters = [part.detach().clone().requires_grad_() for part in self.start]
        optimizer = torch.optim.SGD(parameters, lr=rate, momentum=MOMENTUM)
        for step in range(steps):
            heads = as_heads(*parameters)
            total = len(self.views) * self.loss(heads, step % len(self.views)) + self.ridge(heads)
            if not total.isfinite():
                return None
            optimizer.zero_grad(set_to_none=True)
            total.backward()
            optimizer.step()
        return LinearProbe(*(part.detach() for part in as_heads(*parameters)))

    def best(self, rates, steps):
        """Run once per rate: the heads with the lowest objective, their seconds, and the rate."""
        found = []
        for rate in rates:
            began = time.perf_counter()
            heads = self.run(rate, steps)
            seconds = time.perf_counter() - began
            if heads is not None:
                value = float(objective(heads, self.views, CONFIG.ridge))
                found.append((value, seconds, rate, heads))
        finite = [one for one in found if one[0] < float("inf")]
        if not finite:
            raise SystemExit(f"SGD diverges at every rate of {rates}; add a lower one")
        _, seconds, rate, heads = min(finite, key=lambda one: one[0])
        return heads, seconds, rate


def solve(views, limit):
    """Run the solver: heads, seconds, and the number of iterations that it took."""
    gradient = Problem.gradient
    with mock.patch.object(Problem, "gradient", autospec=True, side_effect=gradient) as counted:
        began = time.perf_counter()
        heads = fit_linear_probe(views, ridge=CONFIG.ridge, max_iterations=limit)
        seconds = time.perf_counter() - began
    return heads, seconds, counted.call_count - 2  # two gradients come before the first iteration


def compare(net, clip, pixels, extent):
    """Measure all learners on a sequence of one object: their JSON lines."""
    size = working_size(clip.read_truth(0).shape, pixels)
    with torch.no_grad():
        views, later = make_views(net, clip, size), make_later(net, clip, size, extent.every)
        descent = Descent(net, views)
        checked = descent.check()

    def line(learner, heads, seconds, **detail):
        return {
            "sequence": clip.name,
            "learner": learner,
            "objective": round(float(objective(heads, views, CONFIG.ridge)), 6),
            "seconds": round(seconds, 3),
            "j": round(score(heads, later, clip.object_ids), 4),
            **detail,
            **checked,
            **describe_machine(),
        }

    yield line("generic head", as_heads(*descent.start), 0.0)
    for steps in extent.steps:
        heads, seconds, rate = descent.best(extent.rates, steps)
        yield line(f"SGD, {steps} steps", heads, seconds, rate=rate)
    solve(views[:1], 1)  # to warm up
    for limit in extent.iterations:
        heads, seconds, taken = solve(views, limit)
        yield line(f"solver, up to {limit}", heads, seconds, iterations=taken)


def make_table(lines):
    """Format the means over the sequences."""
    by_learner = {}
    for line in lines:
        by_learner.setdefault(line["learner"], []).append(line)
    rows = []
    for learner, found in by_learner.items():
        value, seconds, j = (
            statistics.mean(line[name] for line in found) for name in ("objective", "seconds", "j")
        )
        rows.append((learner, str(len(found)), f"{value:.4f}", f"{seconds:.1f}", f"{j:.3f}"))
    return markdown_table(("learner", "sequences", "objective", "seconds", "J"), rows)


def tiny_clip():
    """Draw a clip of three frames with one object, for `--tiny`."""
    frames, labels = np.full((3, 64, 96, 3), 90, np.uint8), np.zeros((3, 64, 96), np.uint8)
    for index in range(3):
        frames[index, 20:50, 20 + 4 * index : 50 + 4 * index] = (230, 120, 40)
        labels[index, 20:50, 20 + 4 * index : 50 + 4 * index] = 1
    return EvaluationClip(
        name="tiny",
        group=DEVELOPMENT,
        frame_names=("0", "1", "2"),
        read_frame=frames.__getitem__,
        read_truth=labels.__getitem__,
        object_ids=(1,),
        scored=(1,),
    )


def main():
    """Compare on every development sequence, and print."""
    parser = make_parser(__doc__)
    parser.add_argument("data", type=Path, nargs="?", help="not needed with --tiny")
    parser.add_argument("--weights", type=Path, help="not needed with --tiny")
    parser.add_argument("--pixels", type=int, default=98304)
    parser.add_argument("--only", nargs="*", default=())
    options = parser.parse_args()
    if options.tiny:
        torch.manual_seed(0)
        net, clips, extent = PaperNet((1, 1, 1, 1), has_spn=False), [tiny_clip()], TINY
        pixels = 64 * 96
    elif options.data is None or options.weights is None:
        parser.error("give the data folder and --weights FILE")
    else:
        record, state = read_weights(options.weights)
        net = network_from_state(state, **record.network_options)
        clips = development_clips(options.data, options.only)
        clips = [clip for clip in clips if clip.group == DEVELOPMENT]
        extent, pixels = Extent(), options.pixels
    if not clips:
        parser.error("none of these clips is a development sequence")
    foreground = net.foreground.fold()
    lines = (line for clip in clips for line in compare(foreground, clip, pixels, extent))
    print(make_table(report(lines, options.label)))


if __name__ == "__main__":
    main()

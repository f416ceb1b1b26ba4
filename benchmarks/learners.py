"""The convex solver of linear heads beside SGD on the same heads, on the same frozen features.

    python benchmarks/learners.py DATA --weights FILE [--pixels 98304] [--only SEQUENCE ...]

Learned from is the first frame of each development sequence and its affine views, 12 in all, as the
`paper` preset does with `adapt.whole=false`. Both learners minimise one objective, equation 1 at
1/8 with the ridge of learning/logistic.py:

- convex: `fit_linear_probe`, from zeros, with a limit of 10, 30 and 100 iterations
- SGD: momentum .9 on the two 1x1 layers of the network, from the generic head; one view a step, in
  turn. Of the learning rates the one with the lowest objective is shown, and the time is that of
  its run alone: the search costs as many times more

`J` is that of the raw map, logit > 0 at the size of the frame, on every 10th later frame, without
propagation or filters. Prints a Markdown table: means over the sequences, then each one.
"""

import argparse
import statistics
import sys
import time
from pathlib import Path
from typing import NamedTuple

import torch
from torch.nn import functional

from rotoline.evaluation.development_clips import DEVELOPMENT, development_clips
from rotoline.weights.files import load_paper_weights
from rotoline.learning.augmentation import sample_affine, generator_for, warp_together
from rotoline.systems.paper.linear_probe import LinearProbe, Problem, predict_probe, objective, fit_linear_probe
from rotoline.metrics import region_similarity
from rotoline.systems.paper.segmentation import project
from rotoline.systems.paper.fine_tuning import FineTuneConfig
from rotoline.stages.foreground import to_tensor, working_size

CONFIG = FineTuneConfig()
"""Number of views and damping are its defaults."""
ITERATIONS = (10, 30, 100)
STEPS = (100, 300, 1000)
RATES = (0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 10.0)
MOMENTUM = 0.9
EVERY = 10
"""Frames from one that is scored to the next."""


class Result(NamedTuple):
    """One learner on one sequence."""

    learner: str
    value: float
    seconds: float
    overlap: float
    detail: str = ""


class Later(NamedTuple):
    """A frame to score on."""

    maps: tuple
    truth: torch.Tensor


def make_views(net, clip, size):
    """Maps and masks of the first frame and of its affine views."""
    truth = torch.from_numpy(clip.read_truth(0))
    masks = torch.stack([(truth == object_id).float() for object_id in clip.object_ids])
    masks = functional.interpolate(masks[None], size=size, mode="area")[0].ge(0.5).float()
    frame = to_tensor(clip.read_frame(0), size)
    views = [(net.maps(frame), masks)]
    for number in range(1, CONFIG.views):
        affine = sample_affine(generator_for(0, number), size, CONFIG.ranges)
        warped, targets = warp_together(frame, masks, affine)
        views.append((net.maps(warped), targets))
    return views


def make_later(net, clip, size):
    """Maps and true masks of every 10th frame after the first."""
    return [
        Later(
            net.maps(to_tensor(clip.read_frame(index), size)),
            torch.from_numpy(clip.read_truth(index)),
        )
        for index in range(EVERY, len(clip.frame_names), EVERY)
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


@torch.enable_grad()
def descend(net, views, rate, steps):
    """SGD on one head; None if it diverges."""
    problem = Problem(views, CONFIG.damping)
    pixels = [maps[0].shape[-2] * maps[0].shape[-1] for maps, _ in views]
    balances = [part.split(pixels, dim=1) for part in (problem.positive, problem.negative)]
    layers = (net.feat.weight.flatten(1), net.feat.bias, net.score.weight.flatten(1))
    parameters = [part.detach().clone().requires_grad_() for part in (*layers, net.score.bias)]
    optimizer = torch.optim.SGD(parameters, lr=rate, momentum=MOMENTUM)
    for step in range(steps):
        at = step % len(views)
        heads = as_heads(*parameters)
        logits = project(views[at][0], *heads)[0].flatten(1)
        positive, negative = (part[at] for part in balances)
        loss = (positive * functional.softplus(-logits)).sum()
        loss = loss + (negative * functional.softplus(logits)).sum()
        ridge = CONFIG.damping / 2 * (heads.weight / problem.factor).square().sum()
        total = len(views) * loss + ridge
        if not total.isfinite():
            return None
        optimizer.zero_grad(set_to_none=True)
        total.backward()
        optimizer.step()
    return LinearProbe(*(part.detach() for part in as_heads(*parameters)))


def best_descent(net, views, steps):
    """The heads of the best rate, its seconds, and the rate."""
    found = []
    for rate in RATES:
        began = time.perf_counter()
        heads = descend(net, views, rate, steps)
        seconds = time.perf_counter() - began
        value = float("inf") if heads is None else float(objective(heads, views, CONFIG.damping))
        if value < float("inf"):
            found.append((value, seconds, rate, heads))
    if not found:
        raise SystemExit(f"SGD diverges at every rate of {RATES}; add a lower one to RATES")
    value, seconds, rate, heads = min(found, key=lambda one: one[0])
    return value, seconds, rate, heads


def steps_taken(views, iterations):
    """How many iterations the solver used, by counting its gradients: two come before the first."""
    count, gradient = 0, Problem.gradient

    def counting(*args):
        nonlocal count
        count += 1
        return gradient(*args)

    Problem.gradient = counting
    try:
        fit_linear_probe(views, damping=CONFIG.damping, iterations=iterations)
    finally:
        Problem.gradient = gradient
    return count - 2


def compare(net, clip, pixels):
    """Results of all learners on a sequence of one object."""
    size = working_size(clip.read_truth(0).shape, pixels)
    with torch.no_grad():
        views, later = make_views(net, clip, size), make_later(net, clip, size)
    generic = as_heads(
        net.feat.weight.flatten(1), net.feat.bias, net.score.weight.flatten(1), net.score.bias
    )

    def result(learner, heads, seconds, detail=""):
        value = float(objective(heads, views, CONFIG.damping))
        return Result(learner, value, seconds, score(heads, later, clip.object_ids), detail)

    results = [result("generic head", generic, 0.0)]
    for steps in STEPS:
        _, seconds, rate, heads = best_descent(net, views, steps)
        results.append(result(f"SGD, {steps} steps", heads, seconds, f"rate {rate:g}"))
    fit_linear_probe(views, damping=CONFIG.damping, iterations=1)  # to warm up
    for iterations in ITERATIONS:
        began = time.perf_counter()
        heads = fit_linear_probe(views, damping=CONFIG.damping, iterations=iterations)
        seconds = time.perf_counter() - began
        detail = f"took {steps_taken(views, iterations)}"
        results.append(result(f"convex, up to {iterations}", heads, seconds, detail))
    return results


def print_table(by_clip):
    """Means over the sequences, then the sequences."""
    print("\n| sequence | learner | objective | seconds | J | |\n|---|---|---|---|---|---|")
    for rows in zip(*by_clip.values(), strict=True):
        means = [statistics.mean(row[at] for row in rows) for at in (1, 2, 3)]
        chosen = " / ".join(row.detail.split()[-1] for row in rows if row.detail)
        print_row(f"mean of {len(rows)}", Result(rows[0].learner, *means, chosen))
    for name, results in by_clip.items():
        for one in results:
            print_row(name, one)


def print_row(name, one):
    """One line of the table."""
    numbers = f"{one.value:.4f} | {one.seconds:.1f} | {one.overlap:.3f}"
    print(f"| {name} | {one.learner} | {numbers} | {one.detail} |", flush=True)


def main():
    """Compare on every development sequence, and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--weights", type=Path, required=True)
    parser.add_argument("--pixels", type=int, default=98304)
    parser.add_argument("--only", nargs="*", default=())
    args = parser.parse_args()
    net = load_paper_weights(args.weights)[0].foreground.fold()
    clips = [c for c in development_clips(args.data, args.only) if c.group == DEVELOPMENT]
    if not clips:
        parser.error("none of these clips is a development sequence")
    by_clip = {}
    for clip in clips:
        began = time.perf_counter()
        by_clip[clip.name] = compare(net, clip, args.pixels)
        print(f"{clip.name}: {time.perf_counter() - began:.0f} s", file=sys.stderr, flush=True)
    print_table(by_clip)


if __name__ == "__main__":
    main()

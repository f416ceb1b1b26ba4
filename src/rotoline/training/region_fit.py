"""Fit the network of the region filter to samples, and describe how well it decides."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from rotoline.learning.sgd import gradient_step
from rotoline.stages.regions.evidence import FEATURES, Maps, RegionModel, region_logits
from rotoline.systems.fast.network import REGION_UNITS
from rotoline.training.region_samples import RegionSamples, join_samples

STEPS, BATCH = 4000, 4096
"""Optimiser steps, and samples in each."""
LEARNING_RATE = 1e-2
"""Learning rate of Adam at first; it falls linearly to 0."""
L2 = 1e-3
"""Strength of the L2 regularisation of all numbers, those for standardised features."""
MIN_WEIGHT = 0.002
"""Samples of less weight are left out: regions of a few pixels, and those after a wrong mask."""
FOUND_AGAIN_WEIGHT = 2.0
"""How much more a region counts that is a hidden object: what is not found again now is mostly not
found later either. With 1, 54 % of them were missed on sequences that were held out, with 2, 36 %,
while the share of wrong decisions stayed the same."""
COPIES_SHARE = 0.15
"""Weight of the copies elsewhere (`with_copies_elsewhere`), relative to the regions that they are
copies of."""
COPY_DISTANCES = (1.0, 6.0)
"""Range of the distance of a copy from the last visible mask, as in the feature `distance`."""
SMALLEST_SPREAD = 1e-3
"""Added to the standard deviation of every feature, so that a constant one has no large weight."""


def fit_region_model(samples: RegionSamples, seed: int) -> RegionModel:
    """Fit the network: least weighted cross entropy, regularised.

    Args:
        samples: Regions, at least one of them with weight above `MIN_WEIGHT`.
        seed: Decides the initial numbers and the batches; equal seeds give equal results.
    """
    samples = with_copies_elsewhere(samples, seed)
    used = samples.weights > MIN_WEIGHT
    features, counts = samples.features[used].astype(np.float64), samples.weights[used]
    is_found_again = samples.is_object[used] & (features[:, FEATURES.index("hidden")] > 0)
    counts = np.where(is_found_again, FOUND_AGAIN_WEIGHT * counts, counts)
    means, scale = features.mean(0), features.std(0) + SMALLEST_SPREAD
    inputs = torch.from_numpy(((features - means) / scale).astype(np.float32))
    targets = torch.from_numpy(samples.is_object[used].astype(np.float32))
    weights = torch.from_numpy(counts / counts.mean())

    generator = torch.Generator().manual_seed(seed)
    shapes = ((len(FEATURES), REGION_UNITS), (REGION_UNITS,))
    hidden, out = (torch.randn(one, generator=generator) / one[0] ** 0.5 for one in shapes)
    numbers = (hidden, torch.zeros(REGION_UNITS), out, torch.zeros(()))
    for one in numbers:
        one.requires_grad_()
    optimizer = torch.optim.Adam(numbers)
    for step in range(STEPS):
        optimizer.param_groups[0]["lr"] = LEARNING_RATE * (1 - step / STEPS)
        at = torch.randint(len(inputs), (BATCH,), generator=generator)
        logits = (inputs[at] @ numbers[0] + numbers[1]).tanh() @ numbers[2] + numbers[3]
        entropy = functional.binary_cross_entropy_with_logits(logits, targets[at], weights[at])
        penalty = torch.stack([one.square().sum() for one in numbers]).sum()
        gradient_step(optimizer, entropy + L2 * penalty)
    first, biases, last, bias = (one.detach().double().numpy() for one in numbers)
    # For features as they are, not standardised.
    first = first / scale[:, None]
    return RegionModel(
        means.astype(np.float32),
        first.astype(np.float32),
        (biases - means @ first).astype(np.float32),
        last.astype(np.float32),
        float(bias),
    )


def with_copies_elsewhere(samples: RegionSamples, seed: int) -> RegionSamples:
    """Add perfect look-alikes, which hardly occur in composed sequences.

    For every region that covers most of a visible object's last mask, there is one more region that
    looks exactly like it and lies elsewhere. It is not the object.

    Args:
        samples: Regions.
        seed: Decides how far away the copies are, and which were there in the frame before.
    """
    column = {name: at for at, name in enumerate(FEATURES)}
    features = samples.features
    covered = np.maximum(features[:, column["covers last"]], features[:, column["covers carried"]])
    copied = samples.is_object & (features[:, column["hidden"]] == 0) & (covered > 0.5)
    copies, count = features[copied].copy(), int(copied.sum())
    generator = np.random.default_rng(seed)
    for name in ("carried", "inside last", "covers last", "near last", "covers carried"):
        copies[:, column[name]] = 0
    copies[:, column["elsewhere"]] = covered[copied]
    copies[:, column["distance"]] = np.log1p(generator.uniform(*COPY_DISTANCES, count))
    copies[:, column["share"]] /= 2
    copies[:, column["removed before"]] = generator.random(count) < 0.5
    added = RegionSamples(copies, np.zeros(count, bool), COPIES_SHARE * samples.weights[copied])
    return join_samples([samples, added])


def wrong_decisions(
    model: RegionModel, samples: RegionSamples, features: Maps | None = None
) -> NDArray[np.bool_]:
    """Where a model is wrong, bool `(N,)`.

    Args:
        model: Decides.
        samples: The regions and the truth.
        features: What the model is shown; the features of the samples if None.
    """
    shown = samples.features if features is None else features
    wrong: NDArray[np.bool_] = (region_logits(shown, model) > 0) != samples.is_object
    return wrong


def weighted_share(
    samples: RegionSamples, which: NDArray[np.bool_], among: NDArray[np.bool_] | None = None
) -> float:
    """Share of some samples, bool `(N,)`, among all or some of them; 0 if these have no weight."""
    weights = samples.weights if among is None else samples.weights * among
    total = float(weights.sum())
    return float(weights @ which) / total if total else 0.0


def feature_importance(model: RegionModel, samples: RegionSamples) -> NDArray[np.float64]:
    """How much the share of errors grows if a feature is that of another region, `(F,)`."""
    generator = np.random.default_rng(0)
    base = weighted_share(samples, wrong_decisions(model, samples))
    grown = np.zeros(len(FEATURES))
    for at in range(len(FEATURES)):
        features = samples.features.copy()
        features[:, at] = generator.permutation(features[:, at])
        wrong = wrong_decisions(model, samples, features)
        grown[at] = weighted_share(samples, wrong) - base
    return grown


def make_report(
    model: RegionModel, fitted: RegionSamples, partial: RegionModel, held_out: RegionSamples
) -> str:
    """Describe how well the numbers decide, in Markdown.

    Args:
        model: The numbers, fitted to all samples.
        fitted: All samples.
        partial: Numbers that were fitted to the samples without `held_out`.
        held_out: The samples of some of the sequences.
    """
    rows = (
        ("every region stays", ~fitted.is_object, fitted),
        ("on all sequences, fitted to them", wrong_decisions(model, fitted), fitted),
        ("on sequences that were held out", wrong_decisions(partial, held_out), held_out),
    )
    grown = feature_importance(model, fitted)
    order = np.argsort(-grown, kind="stable")
    lines = [
        f"{len(fitted.weights)} regions. Shares are weighted: a region counts by how much the "
        "decision about it changes the IoU of the object in the frame.",
        "",
        "| wrong decisions | all | object hidden | missed while hidden |",
        "|---|---|---|---|",
        *(f"| {name} | {_three_shares(samples, wrong)} |" for name, wrong, samples in rows),
        "",
        "| feature | mean | more wrong decisions without it |",
        "|---|---|---|",
        *(f"| {FEATURES[at]} | {model.means[at]:.3f} | {grown[at]:+.2%} |" for at in order),
    ]
    return "\n".join(lines) + "\n"


def _three_shares(samples: RegionSamples, wrong: NDArray[np.bool_]) -> str:
    """Cells: share of wrong decisions among all, while hidden, and missed of what is the object."""
    hidden = samples.features[:, FEATURES.index("hidden")] > 0
    chosen = (np.ones_like(hidden), hidden, hidden & samples.is_object)
    return " | ".join(f"{weighted_share(samples, wrong, among):.2%}" for among in chosen)

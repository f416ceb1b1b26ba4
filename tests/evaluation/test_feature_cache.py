from dataclasses import replace

import numpy as np
import pytest
import torch

from rotoline.config import read_config
from rotoline.evaluation.feature_cache import CachedSystem, digest
from rotoline.model import load_model
from rotoline.presets import FAST, PAPER
from rotoline.systems.fast import tuning

FAST_VARIANTS = {
    "full": (),
    "no context": ("scoring.context=off", "propagation.enabled=false"),
    "no filter": ("regions.method=off",),
    "updates": ("online.update_every=1", "online.update_window=2"),
    "full again": (),
    "smaller": ("working_pixels=12288",),
}
"""Groups of settings; all but the last have `fit` and `encode` in common."""

# Untrained networks find no foreground, so a limit to it would hide the objects.
PAPER_BASE = ("working_pixels=2048", "learner.steps=1", "foreground.method=off")
PAPER_VARIANTS = {
    "full": PAPER_BASE,
    "no propagation": (*PAPER_BASE, "propagation.enabled=false"),
    "last visible": (*PAPER_BASE, "regions.method=last_visible", "foreground.method=mask"),
    "other seed": (*PAPER_BASE, "seed=1"),
}
"""Groups of settings; all but the last have `fit` and `encode` in common."""


def run(model, config, clip):
    pictures, labels = clip
    return list(model.segment(pictures, labels[0], config=config))


def assert_same_bits(before, after):
    for one, other in zip(before, after, strict=True):
        assert torch.equal(one.logits, other.logits)
        assert one.confidence == other.confidence
        assert np.array_equal(one.labels, other.labels)


@pytest.mark.parametrize(
    ("preset", "start", "variants"),
    [
        ("fast", FAST, FAST_VARIANTS),
        pytest.param("paper", PAPER, PAPER_VARIANTS, marks=pytest.mark.slow),
    ],
)
def test_cached_results_equal_uncached_ones_to_the_bit(preset, start, variants, make_clip, request):
    weights = request.getfixturevalue("paper_weights") if preset == "paper" else None
    model = load_model(weights, preset)
    clip = make_clip(frames=3, ids=(1, 2))
    base = start if preset == "paper" else read_config(start, None, ["working_pixels=24576"])
    configs = [read_config(base, None, settings) for settings in variants.values()]
    cache = CachedSystem(model.system)
    cached = replace(model, system=cache)

    plain = [run(model, config, clip) for config in configs]
    *shared, other = configs
    again = [run(cached, config, clip) for config in shared]
    # The first frame is annotated and not tracked, so two frames are encoded.
    assert (cache.fit_count, cache.encode_count) == (1, 2)
    again.append(run(cached, other, clip))
    assert (cache.fit_count, cache.encode_count) == (2, 4)
    for before, after in zip(plain, again, strict=True):
        assert_same_bits(before, after)
    first, second, *_ = plain
    # Sharing must not mean that the second configuration gets the results of the first.
    assert not torch.equal(first[-1].logits, second[-1].logits)


def test_another_annotation_or_an_empty_cache_computes_anew(model, small, make_clip):
    pictures, labels = make_clip(frames=2, ids=(1, 2))
    cache = CachedSystem(model.system)
    cached = replace(model, system=cache)
    run(cached, small, (pictures, labels))
    swapped = [np.where(one > 0, 3 - one, 0) for one in labels]
    run(cached, small, (pictures, swapped))
    assert (cache.fit_count, cache.encode_count) == (2, 2)
    run(cached, small, (pictures, labels))
    assert (cache.fit_count, cache.encode_count) == (2, 2)
    cache.clear()
    run(cached, small, (pictures, labels))
    assert (cache.fit_count, cache.encode_count) == (3, 3)


@pytest.mark.tuning
@pytest.mark.slow
def test_tuned_network_is_computed_once_for_equal_settings(model, small, make_clip, monkeypatch):
    monkeypatch.setattr(tuning, "CLIP_SIZE", (64, 96))
    clip = make_clip(frames=3, ids=(1, 2))
    quick = ("working_pixels=12288", "tuning.steps=4", "tuning.learning_rate=3e-3")
    configs = [
        read_config(small, None, [*quick, *more])
        for more in ((), ("regions.method=off",), ("tuning.steps=0",))
    ]
    plain = [run(model, config, clip) for config in configs]
    cache = CachedSystem(model.system)
    cached = replace(model, system=cache)
    for config, expected in zip(configs, plain, strict=True):
        assert_same_bits(expected, run(cached, config, clip))
    assert (cache.fit_count, cache.tune_count) == (2, 1)
    assert cache.encode_count == 4  # two frames with the tuned network, and two without
    assert not torch.equal(plain[0][-1].logits, plain[2][-1].logits)


@pytest.mark.slow
def test_both_directions_share_the_cache(model, small, make_clip):
    pictures, labels = make_clip(frames=5)
    cache = CachedSystem(model.system)
    cached = replace(model, system=cache)
    plain = list(model.segment(pictures, {2: labels[2]}, config=small))
    assert_same_bits(plain, list(cached.segment(pictures, {2: labels[2]}, config=small)))
    assert (cache.fit_count, cache.encode_count) == (1, 4)


def test_arrays_that_differ_in_shape_or_dtype_alone_are_told_apart():
    zeros = np.zeros((2, 6), np.uint8)
    same = digest(np.zeros((2, 12), np.uint8)[:, ::2])
    assert digest(zeros) == same
    assert len({same, digest(zeros.reshape(3, 4)), digest(zeros.view(np.int8))}) == 3

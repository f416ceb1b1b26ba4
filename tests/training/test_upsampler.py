"""Learning the upsampler."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from rotoline.errors import InputError
from rotoline.learning.sampler import Sampler
from rotoline.systems.fast.upsampling import Upsampler, border_weights, upsample_with_frame
from rotoline.training import upsampler
from rotoline.training.upsampler import (
    CROP,
    PREFIX,
    UpsamplerInputs,
    UpsamplerTraining,
    train_upsampler,
)
from rotoline.types import upsample
from rotoline.weights.files import read_weights, shipped_weights

SIZE, FACTOR = (144, 192), 8


def make_sample(seed):
    """A disc of one colour before another, and what is left of it in a map of an eighth."""
    random = np.random.default_rng(seed)
    rows, columns = np.mgrid[: SIZE[0], : SIZE[1]] + 0.5
    centre, radius = random.uniform(60, 84, 2), random.uniform(25, 45)
    truth = np.hypot(rows - centre[0], columns - centre[1]) < radius
    colours = random.integers(0, 256, (2, 3))
    noise = random.normal(0, 4, (*SIZE, 3))
    frame = np.clip(np.where(truth[..., None], *colours) + noise, 0, 255).astype(np.uint8)
    share = torch.from_numpy(truth).float().view(18, FACTOR, 24, FACTOR).mean((1, 3))
    return upsampler._Sample(frame, (8 * (2 * share - 1)).half(), truth)


def wrong_pixels(net, sample):
    """Pixels on the wrong side of the border, enlarged with the network and without."""
    logits = sample.logits.float()[None]
    (found,) = upsample_with_frame(net, logits, sample.frame)
    plain = upsample(logits, SIZE)[0]
    return [int(((maps > 0).numpy() != sample.truth).sum()) for maps in (found, plain)]


@pytest.mark.slow
def test_borders_that_the_map_cannot_show_are_found_in_the_frame():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        net = Upsampler()
    samples = [make_sample(seed) for seed in range(12)]
    for _ in upsampler._learn(net, samples, UpsamplerTraining(steps=300, batch=4)):
        pass
    with torch.inference_mode():
        counts = np.array([wrong_pixels(net, make_sample(100 + seed)) for seed in range(4)])
    sharp, plain = counts.sum(0)
    assert sharp < 0.7 * plain


def test_crops_belong_together_wherever_they_lie():
    sample = make_sample(0)
    logits = sample.logits.float()
    for seed in range(20):
        sampler = Sampler(torch.Generator().manual_seed(seed))
        picture, enlarged, truth, weights = upsampler._crop(sample, sampler)
        assert picture.shape == (3, CROP, CROP)
        assert enlarged.shape == truth.shape == weights.shape == (1, CROP, CROP)
        assert weights.any()
        # Away from the border the map is right, so both show the same place.
        sure = (enlarged.abs() > 7) & (weights > 0)
        assert torch.equal(enlarged[sure] > 0, truth[sure] > 0)
    small = sample._replace(frame=sample.frame[:50, :60], truth=sample.truth[:50, :60])
    parts = upsampler._crop(small, Sampler(torch.Generator().manual_seed(0)))
    assert all(part.shape[-2:] == (CROP, CROP) for part in parts)
    assert border_weights(logits, SIZE).max() == 1


@pytest.mark.slow
def test_weights_get_an_upsampler_and_keep_all_else(tmp_path, clips, write_data, monkeypatch):
    write_data(tmp_path / "data", clips)
    monkeypatch.setattr(upsampler, "WORKING_SIZES", (64 * 96,))
    shipped = shipped_weights("fast")
    inputs = UpsamplerInputs(tmp_path / "data", shipped, shipped, shipped)
    settings = UpsamplerTraining(steps=2, batch=2)
    stages = [step.stage for step in train_upsampler(inputs, tmp_path / "out", settings)]
    assert stages[0] == "reading"
    assert stages[-1] == "done"
    (_, before), (record, after) = map(read_weights, (shipped, tmp_path / "out" / shipped.name))
    kept = {name for name in before if not name.startswith(PREFIX)}
    assert all(torch.equal(before[name], after[name]) for name in kept)
    assert after[f"{PREFIX}out_conv.weight"].any()
    assert "; upsampler: " in record.data
    again = replace(inputs, weights=tmp_path / "out" / shipped.name)
    with pytest.raises(InputError, match="would be replaced"):
        list(train_upsampler(again, tmp_path / "out", settings))

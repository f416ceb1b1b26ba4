"""Enlarged maps, corrected near borders."""

import numpy as np
import pytest
import torch
from torch.nn import functional

from rotoline.systems.fast import upsampling
from rotoline.systems.fast.upsampling import (
    MARGIN,
    Upsampler,
    border_weights,
    sharpen,
    upsample_with_frame,
)
from rotoline.types import upsample


@pytest.fixture
def net():
    """An upsampler that changes every pixel."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        net = Upsampler().requires_grad_(requires_grad=False)
        torch.nn.init.normal_(net.out_conv.weight)
    return net


def make_clip(size, factor):
    """A disc in a random picture: the logits of its map, and the frame."""
    height, width = (round(length / factor) for length in size)
    rows, columns = np.mgrid[:height, :width]
    radius = np.hypot(rows - height / 2, columns - width / 2)
    logits = torch.from_numpy(height / 3 - radius).float()[None]
    return logits, np.random.default_rng(0).integers(0, 256, (*size, 3), dtype=np.uint8)


@pytest.mark.parametrize("size", [(128, 192), (101, 150), (40, 300)])
def test_tiles_give_what_the_whole_picture_gives(net, size, monkeypatch):
    monkeypatch.setattr(upsampling, "TILES_AT_ONCE", 3)
    logits, frame = make_clip(size, 4)
    enlarged, weights = upsample(logits, size), border_weights(logits[0], size)
    picture = torch.from_numpy(frame).permute(2, 0, 1)[None].float()
    padded = functional.pad(torch.cat((picture[0], enlarged))[None], [MARGIN] * 4, mode="replicate")
    correction = net(padded[:, :3], padded[:, 3:])[0, :, MARGIN:-MARGIN, MARGIN:-MARGIN]
    found = sharpen(net, enlarged, weights, picture)
    torch.testing.assert_close(found, enlarged + weights * correction, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("factor", [4, 9, 18])
def test_only_what_lies_near_a_border_changes(net, factor):
    size = (20 * factor, 30 * factor)
    logits, frame = make_clip(size, factor)
    (found,) = upsample_with_frame(net, logits, frame)
    assert found.shape == size
    plain = upsample(logits, size)[0]
    near = np.abs(plain.numpy()) < 1
    far = np.abs(plain.numpy()) > 4  # the logits fall by 1 for each pixel of the map
    assert (found != plain)[near].float().mean() > 0.9
    torch.testing.assert_close(found[far], plain[far])


def test_objects_do_not_change_one_another(net):
    logits, frame = make_clip((120, 160), 4)
    both = torch.cat((logits, -logits.flip(-1) + 0.5))
    together = list(upsample_with_frame(net, both, frame))
    for row, found in enumerate(together):
        (alone,) = upsample_with_frame(net, both[row : row + 1], frame)
        assert torch.equal(found, alone)


def test_new_upsampler_changes_nothing():
    net = Upsampler().requires_grad_(requires_grad=False)
    assert not net.is_learned
    logits, frame = make_clip((120, 160), 4)
    (found,) = upsample_with_frame(net, logits, frame)
    assert torch.equal(found, upsample(logits, (120, 160))[0])

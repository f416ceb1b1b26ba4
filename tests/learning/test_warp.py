from itertools import pairwise

import pytest
import torch
from torch.nn import functional

from rotoline.learning.warp import sample_deformations, sample_motions, sample_view, warp

SIZE = (48, 64)
STAY = torch.eye(3)


def picture():
    return torch.rand(3, *SIZE, generator=torch.Generator().manual_seed(0)) * 255


def test_pixels_come_from_where_map_and_deformation_point():
    source = picture()
    torch.testing.assert_close(warp((source,), STAY, SIZE), source, rtol=1e-3, atol=0.1)
    mirror = torch.tensor([[-1.0, 0, SIZE[1]], [0, 1, 0], [0, 0, 1]])
    torch.testing.assert_close(warp((source,), mirror, SIZE), source.flip(2), rtol=1e-3, atol=0.1)
    deformation = torch.tensor([5.0, -3.0])[:, None, None].expand(2, *SIZE)
    found = warp((source,), STAY, SIZE, deformation)
    torch.testing.assert_close(found[:, 3:, :-5], source[:, :-3, 5:], rtol=1e-3, atol=0.1)
    # Beyond the border it is mirrored.
    torch.testing.assert_close(found[:, :3], found[:, 3:6].flip(1), rtol=1e-3, atol=0.1)


@pytest.mark.parametrize("seed", range(4))
def test_layers_are_warped_together(make_sampler, seed):
    sampler = make_sampler(seed)
    mask = torch.zeros(1, *SIZE)
    mask[:, 10:30, 20:50] = 1
    view = sample_view(mask[0], (32, 64), sampler)
    motions = sample_motions((32, 64), 5.0, 4, sampler)
    deformations = sample_deformations((32, 64), 3.0, 4, sampler)
    assert len(motions) == len(deformations) == 5
    found = [
        warp(
            (255 * mask.expand(3, -1, -1).byte(), mask.bool()), view @ motion, (32, 64), deformation
        )
        for motion, deformation in zip(motions, deformations, strict=True)
    ]
    for frame in found:
        torch.testing.assert_close(frame[:3], 255 * frame[3:].expand(3, -1, -1))
    assert not torch.equal(found[0], found[1])


def test_deformation_changes_evenly_along_the_frames(make_sampler):
    """Consecutive frames differ by the same field; the reference is independent of them."""
    _, *row = sample_deformations(SIZE, 4.0, 4, make_sampler(0))
    changes = [second - first for first, second in pairwise(row)]
    assert changes[0].abs().max() > 0.1
    for change in changes[1:]:
        torch.testing.assert_close(change, changes[0], rtol=1e-3, atol=1e-3)
    rough = functional.avg_pool2d(row[0][None], 3, stride=1) - row[0][None, :, 1:-1, 1:-1]
    assert rough.abs().max() < 0.05 * row[0].abs().max()
